import datetime as dt
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from worlds import DATES, END, made

from engagekit.churn.dataset import churn_dataset
from engagekit.customers.features import FEATURES, customer_features
from engagekit.customers.leak import check_no_leak
from engagekit.errors import DataError
from engagekit.metrics.retention import churn_rate, churn_rate_average_base
from engagekit.prepare.history import History
from engagekit.prepare.interactions import unique
from engagekit.prepare.leaving import base_at_risk, contracts_at_risk

DAY = dt.datetime(2026, 3, 1)


def seen(**days):
    """Interactions so many days after the date, by customer."""
    rows = [(who, DAY + dt.timedelta(days=day)) for who, several in days.items() for day in several]
    return pl.DataFrame(rows, schema=["customer_id", "time"], orient="row")


def left(frame):
    """Who of those at risk churned."""
    return dict(frame.filter("at_risk").select("customer_id", "churned").iter_rows())


def standing(frame):
    """What else each customer is."""
    flags = ("at_risk", "churned", "lapsed", "reactivated", "acquired", "remained")
    frame = nw.from_native(frame).lazy().collect("polars").to_native()
    return {row["customer_id"]: {flag for flag in flags if row[flag]} for row in frame.iter_rows(named=True)}


def paid(*periods):
    """Periods of customers, from and to so many days after the date, with their monthly value."""
    rows = [(who, *(DAY + dt.timedelta(days=day) for day in days), value) for who, *days, value in periods]
    return pl.DataFrame(rows, schema=["customer_id", "starts_at", "ends_at", "monthly_value"], orient="row")


def test_at_risk_is_who_was_active_before_and_churned_who_was_silent_after():
    interactions = seen(stays=[-3, 5], leaves=[-3], long_gone=[-40, 5], new=[2])
    assert left(base_at_risk(interactions, DAY, "28d")) == {"stays": False, "leaves": True}


def test_everybody_seen_by_the_end_of_the_horizon_stands_somewhere():
    interactions = seen(
        stays=[-40, -3, 5], leaves=[-3], gone=[-40], back=[-40, 5], new=[2], late=[28], long=[-100, -40, 27.9]
    )
    assert standing(base_at_risk(interactions, DAY, "28d")) == {
        "stays": {"at_risk", "remained"},
        "leaves": {"at_risk", "churned"},
        "gone": {"lapsed"},
        "back": {"lapsed", "reactivated", "remained"},
        "new": {"acquired", "remained"},
        "long": {"lapsed", "reactivated", "remained"},
    }


@pytest.mark.parametrize(("day", "known"), [(-28, True), (-28.001, False), (0, False)])
def test_the_window_before_is_closed_at_its_start_and_open_at_the_date(day, known):
    assert ("a" in left(base_at_risk(seen(a=[day]), DAY, "28d"))) is known


@pytest.mark.parametrize(
    ("day", "standing_then"),
    [(-28.001, {"lapsed"}), (0, {"acquired", "remained"}), (27.999, {"acquired", "remained"})],
)
def test_who_is_not_at_risk_had_lapsed_or_is_acquired(day, standing_then):
    assert standing(base_at_risk(seen(a=[day]), DAY, "28d")) == {"a": standing_then}


@pytest.mark.parametrize(("day", "churned"), [(0, False), (27.999, False), (28, True)])
def test_the_window_after_holds_the_date_and_not_its_end(day, churned):
    assert left(base_at_risk(seen(a=[-1, day]), DAY, "28d")) == {"a": churned}


def test_a_contract_counts_by_its_paid_periods():
    periods = paid(
        ("renews", -20, 10, 1.0),
        ("renews", 10, 40, 1.0),
        ("cancels", -20, 10, 1.0),
        ("over", -50, -20, 1.0),
        ("new", 5, 35, 1.0),
        ("pauses", -20, 10, 1.0),
        ("pauses", 20, 50, 1.0),
        ("returns", -50, -20, 1.0),
        ("returns", 5, 15, 1.0),
        ("void", -20, -20, 1.0),
        ("later", 29, 59, 1.0),
    )
    found = contracts_at_risk(periods, DAY, "28d")
    assert left(found) == {"renews": False, "cancels": True, "pauses": False}
    assert standing(found) == {
        "renews": {"at_risk", "remained"},
        "cancels": {"at_risk", "churned"},
        "over": {"lapsed"},
        "new": {"acquired", "remained"},
        "pauses": {"at_risk", "remained"},
        "returns": {"lapsed", "reactivated"},
    }


@pytest.mark.parametrize(
    ("start", "end", "standing_then"),
    [
        (0, 30, {"at_risk", "remained"}),
        (-30, 0, {"lapsed"}),
        (-30, 28, {"at_risk", "churned"}),
        (-30, 28.001, {"at_risk", "remained"}),
        (0.001, 28, {"acquired"}),
        (0.001, 30, {"acquired", "remained"}),
        (28, 58, {"acquired", "remained"}),
    ],
)
def test_a_period_holds_its_start_and_not_its_end(start, end, standing_then):
    assert standing(contracts_at_risk(paid(("a", start, end, 1.0)), DAY, "28d")) == {"a": standing_then}


def test_value_is_that_of_the_periods_that_run_on_the_date_and_at_the_end():
    periods = paid(
        ("upgrades", -20, 10, 20.0),
        ("upgrades", 10, 40, 50.0),
        ("shrinks", -20, 10, 30.0),
        ("shrinks", 10, 40, 10.0),
        ("both", -20, 40, 5.0),
        ("both", -10, 20, 7.0),
        ("leaves", -20, 10, 40.0),
        ("new", 5, 35, 60.0),
        ("gone", -50, -20, 70.0),
    )
    found = contracts_at_risk(periods, DAY, "28d").select("customer_id", "opening_value", "closing_value")
    assert {who: tuple(values) for who, *values in found.iter_rows()} == {
        "upgrades": (20, 50),
        "shrinks": (30, 10),
        "both": (12, 5),
        "leaves": (40, 0),
        "new": (0, 60),
        "gone": (0, 0),
    }
    assert "opening_value" not in contracts_at_risk(periods.drop("monthly_value"), DAY, "28d").columns


def test_the_base_that_remains_is_the_one_at_risk_next():
    interactions = seen(a=[-40, 5], b=[-3, 5], c=[-3], d=[3, 30], e=[30])
    periods = paid(("a", -50, -20, 1.0), ("a", 5, 35, 1.0), ("b", -20, 10, 1.0), ("c", -20, 60, 1.0), ("d", 3, 30, 1.0))
    for at_risk, rows in ((base_at_risk, interactions), (contracts_at_risk, periods)):
        now, then = at_risk(rows, DAY, "28d"), at_risk(rows, DAY + dt.timedelta(days=28), "28d")
        remained, next_base = (set(f.filter(flag)["customer_id"]) for f, flag in ((now, "remained"), (then, "at_risk")))
        assert remained == next_base != set()


def test_a_contract_without_an_end_runs_on():
    periods = paid(("a", -20, 10, 2.0), ("b", 5, 10, 3.0)).with_columns(ends_at=pl.lit(None, pl.Datetime("us")))
    for found in (contracts_at_risk(periods, DAY, "28d"), contracts_at_risk(periods.to_pandas(), DAY, "28d")):
        assert standing(found) == {"a": {"at_risk", "remained"}, "b": {"acquired", "remained"}}
    none = periods.to_pandas().assign(ends_at=None)
    assert standing(contracts_at_risk(none, DAY, "28d")).keys() == {"a", "b"}


def test_rows_without_a_customer_are_left_out():
    interactions, periods = seen(a=[-3], b=[-3]), paid(("a", -20, 10, 1.0), ("b", -20, 10, 1.0))
    blank = pl.when(pl.col("customer_id") != "b").then("customer_id").alias("customer_id")
    number = pl.when(pl.col("customer_id") == "a").then(7.0).otherwise(float("nan")).alias("customer_id")
    for frame, at_risk in ((interactions, base_at_risk), (periods, contracts_at_risk)):
        assert left(at_risk(frame.with_columns(blank), DAY, "28d")).keys() == {"a"}
        assert left(at_risk(frame.with_columns(number), DAY, "28d")).keys() == {7.0}
        found = at_risk(frame.with_columns(number).to_pandas(), DAY, "28d")
        assert found["customer_id"].tolist() == [7.0]


def test_any_engine_gives_the_same(on_engine):
    interactions = on_engine(seen(stays=[-40, -3, 5], leaves=[-3], gone=[-40], back=[-40, 5], new=[2], late=[28]))
    found = base_at_risk(interactions, DAY, "28d")
    assert type(found) is type(interactions)
    assert standing(found) == {
        "stays": {"at_risk", "remained"},
        "leaves": {"at_risk", "churned"},
        "gone": {"lapsed"},
        "back": {"lapsed", "reactivated", "remained"},
        "new": {"acquired", "remained"},
    }


def test_contracts_are_the_same_on_any_engine(on_engine):
    rows = paid(
        ("renews", -20, 10, 1.0),
        ("renews", 10, 40, 3.0),
        ("leaves", -20, 10, 4.0),
        ("over", -50, -20, 1.0),
        ("void", -20, -20, 1.0),
        ("on", -20, 10, 5.0),
    )
    rows = rows.with_columns(ends_at=pl.when(pl.col("customer_id") != "on").then("ends_at"))
    periods = on_engine(rows)
    found = contracts_at_risk(periods, DAY, "28d")
    assert type(found) is type(periods)
    assert standing(found) == {
        "renews": {"at_risk", "remained"},
        "leaves": {"at_risk", "churned"},
        "over": {"lapsed"},
        "on": {"at_risk", "remained"},
    }
    worth = nw.from_native(found).lazy().collect("polars").to_native()
    assert {
        who: tuple(money) for who, *money in worth.select("customer_id", "opening_value", "closing_value").rows()
    } == {
        "renews": (1, 3),
        "leaves": (4, 0),
        "over": (0, 0),
        "on": (5, 5),
    }


LATE = [
    ("in time", -20, 25, 1.0),
    ("in time", 32, 60, 2.0),  # seven days late, four of them after the horizon
    ("too late", -20, 25, 1.0),
    ("too late", 33, 60, 2.0),
    ("within", -20, 5, 1.0),  # late too, but there again when the horizon ends
    ("within", 20, 60, 2.0),
    ("leaves", -20, 25, 1.0),
    ("lapsed", -50, -20, 1.0),  # comes back after the horizon, which is no renewal
    ("lapsed", 30, 60, 2.0),
    ("new", 30, 60, 1.0),  # and is not there yet
]


def test_a_late_renewal_counts_within_the_grace(on_engine):
    periods = on_engine(paid(*LATE))
    found = contracts_at_risk(periods, DAY, "28d", "7d")
    assert standing(found) == {
        "in time": {"at_risk", "remained"},
        "too late": {"at_risk", "churned"},
        "within": {"at_risk", "remained"},
        "leaves": {"at_risk", "churned"},
        "lapsed": {"lapsed"},
    }
    worth = nw.from_native(found).lazy().collect("polars").to_native()
    assert dict(worth.select("customer_id", "closing_value").rows())["in time"] == 2
    assert standing(contracts_at_risk(periods, DAY, "28d"))["in time"] == {"at_risk", "churned"}


def test_with_a_grace_the_outcome_is_known_when_that_is_over():
    before = pl.DataFrame({"customer_id": ["in time"], "time": [DAY - dt.timedelta(days=1)], "action": ["view"]})
    history = History({"interactions": before, "subscriptions": paid(*LATE)})
    for days, known in ((34, None), (35, False)):
        end = DAY + dt.timedelta(days=days)
        rows = churn_dataset(history, [DAY], "28d", as_of=end, contractual=True, grace="7d")
        told = dict(rows.select("customer_id", "churned").iter_rows())
        assert told["in time"] is known
        assert told["too late"] is (None if known is None else True)


@pytest.mark.parametrize(
    ("at_risk", "frame", "absent"),
    [(base_at_risk, seen(a=[1]), "time"), (contracts_at_risk, paid(("a", 0, 1, 1.0)), "ends_at")],
)
def test_what_cannot_be_is_named(at_risk, frame, absent):
    with pytest.raises(DataError, match=f"^{absent}: is not a column"):
        at_risk(frame.drop(absent), DAY)
    with pytest.raises(ValueError, match="^horizon: '4w' is not a number of days such as 90d"):
        at_risk(frame, DAY, "4w")
    with pytest.raises(ValueError, match="have no time zone, unlike 2026-03-01"):
        at_risk(frame, DAY.replace(tzinfo=dt.UTC))


def test_a_day_of_a_horizon_has_24_hours_as_those_of_features():
    """In London, 28 days from 15 March 2026, 0:00, are over at 1:00 on 12 April, in summer time."""
    day = dt.datetime(2026, 3, 15, tzinfo=ZoneInfo("Europe/London"))
    times = [dt.datetime(2026, 4, 12, 0, 59), dt.datetime(2026, 4, 12, 1)]
    frame = pl.DataFrame({"customer_id": ["a", "b"], "time": times})
    frame = frame.with_columns(pl.col("time").dt.replace_time_zone("Europe/London"))
    assert base_at_risk(frame, day, "28d")["customer_id"].to_list() == ["a"]


def test_the_articles_example_is_5_percent_and_not_25():
    """1000 at the start, 200 acquired, 50 lost: of the opening base, not of those acquired."""
    interactions = pl.concat(
        [
            seen(**{f"kept{i}": [-1, 5] for i in range(950)}),
            seen(**{f"lost{i}": [-1] for i in range(50)}),
            seen(**{f"new{i}": [3] for i in range(200)}),
        ]
    )
    base = base_at_risk(interactions, DAY, "28d")
    assert base.select("at_risk", "churned", "acquired", "remained").sum().row(0) == (1000, 50, 200, 1150)
    estimate = churn_rate(base)
    assert (estimate.value, estimate.numerator, estimate.denominator) == (0.05, 50, 1000)
    assert churn_rate_average_base(base).value == pytest.approx(50 / 1075)


def test_nobody_at_risk_is_undefined_and_not_zero():
    estimate = churn_rate(base_at_risk(seen(a=[5]), DAY, "28d"))
    assert estimate.value != estimate.value
    assert estimate.reason == "zero_denominator"


def test_an_event_that_is_delivered_again_keeps_nobody():
    again = seen(a=[-3, 5]).with_columns(event_id=pl.lit("1"))
    assert left(base_at_risk(unique(again), DAY, "28d")) == {"a": True}


@pytest.fixture(scope="module")
def world():
    return made(11, customers=400)


def plainly(history, date, horizon_days, gap_days, contractual):
    """Who was at risk, who left and what they spent, customer by customer."""
    ahead, gap = dt.timedelta(days=horizon_days), dt.timedelta(days=gap_days)
    seen, paid = (history.before(END + ahead)[name] for name in ("interactions", "subscriptions"))
    times = {who: frame["time"].to_list() for (who,), frame in seen.group_by("customer_id")}
    found = {}
    if contractual:
        for who, _, ends in paid.select("customer_id", "starts_at", "ends_at").iter_rows():
            if ends is None or ends > date:
                found[who] = ends is not None and ends <= date + gap + ahead
        return found
    for who, moments in times.items():
        if any(date - ahead <= moment < date for moment in moments):
            found[who] = not any(date + gap <= moment < date + gap + ahead for moment in moments)
    return found


@pytest.mark.parametrize("contractual", [False, True])
@pytest.mark.parametrize("gap_days", [0, 14])
def test_labels_are_those_of_looking_customer_by_customer(world, contractual, gap_days):
    gap = f"{gap_days}d" if gap_days else None
    rows = churn_dataset(world, DATES[:2], "56d", gap, window="28d", as_of=END, contractual=contractual)
    for date in DATES[:2]:
        told = dict(rows.filter(pl.col("date") == date).select("customer_id", "churned").iter_rows())
        assert told == plainly(world, date, 56, gap_days, contractual)


def test_features_of_labels_are_those_of_the_date(world):
    rows = churn_dataset(world, DATES[:2], "84d", as_of=END).filter(pl.col("date") == DATES[1])
    names = [name for name in FEATURES if name != "preferred_channel"]
    alone = customer_features(world, DATES[1], "84d").select("customer_id", *names).sort("customer_id")
    assert_frame_equal(rows.select("customer_id", *names).sort("customer_id"), alone)


def test_a_horizon_that_is_not_over_is_censored_and_not_stayed(world):
    late = END - dt.timedelta(days=30)
    rows = churn_dataset(world, [DATES[0], late], "84d", as_of=END)
    assert rows.filter(pl.col("date") == late)["churned"].is_null().all()
    assert rows.filter(pl.col("date") == DATES[0])["churned"].null_count() == 0
    only = churn_dataset(world, [late, END + dt.timedelta(days=1)], "84d", as_of=END)
    assert only["date"].unique().to_list() == [late]
    assert only["churned"].is_null().all()
    assert only["next_value"].is_null().all()


def test_a_subscriber_who_does_nothing_is_at_risk_without_features(world):
    quiet = world.before(END)["interactions"].filter(pl.col("customer_id") >= 50)
    history = History({"interactions": quiet, "subscriptions": world.before(END)["subscriptions"]})
    rows = churn_dataset(history, DATES[:1], as_of=END, contractual=True).filter(pl.col("customer_id") < 50)
    assert rows.height > 0
    assert rows["interactions"].is_null().all()
    assert rows["churned"].null_count() == 0


def test_features_of_labels_know_no_future(world):
    def features(past, date):
        return churn_dataset(past, [date], "28d", as_of=date).drop("churned", "next_value")

    check_no_leak(features, world, DATES[2])


def test_money_of_the_horizon_is_added_up():
    day = dt.datetime(2026, 3, 2)
    seen = pl.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b"],
            "time": [day + dt.timedelta(days=days) for days in (-1, 1, 27, -2)],
            "action": ["purchase", "purchase", "refund", "purchase"],
            "value": [5.0, 7.0, 2.0, 9.0],
        }
    )
    rows = churn_dataset(History({"interactions": seen}), [day], "28d", as_of=day + dt.timedelta(days=28))
    assert sorted(rows.select("customer_id", "churned", "next_value").rows()) == [("a", False, 5.0), ("b", True, 0.0)]


def test_labels_are_the_same_on_every_engine(world, on_engine):
    few = world.before(END)["interactions"].filter(pl.col("customer_id") < 60)
    paid = world.before(END)["subscriptions"].filter(pl.col("customer_id") < 60)
    tables = {"interactions": on_engine(few), "subscriptions": on_engine(paid)}
    for contractual in (False, True):
        expected = churn_dataset(
            History({"interactions": few, "subscriptions": paid}), DATES[:2], as_of=END, contractual=contractual
        )
        found = churn_dataset(History(tables), DATES[:2], as_of=END, contractual=contractual)
        names = ["customer_id", "date", "interactions", "recency_days", "churned"]
        rows = nw.from_native(found).lazy().select(names).collect("polars").to_native()
        day = pl.col("date").dt.replace_time_zone(None).cast(pl.Datetime("us"))
        keys, day = ["customer_id", "date"], pl.col("date").dt.replace_time_zone(None).cast(pl.Datetime("us"))
        assert_frame_equal(rows.with_columns(day).sort(keys), expected.select(names).sort(keys), check_dtypes=False)


def test_a_date_after_the_data_and_an_odd_gap_are_refused(world):
    with pytest.raises(ValueError, match="there is none by .*, the end of the data"):
        churn_dataset(world, [END], as_of=DATES[0])
    with pytest.raises(ValueError, match="gap: '2h' is not a number of days"):
        churn_dataset(world, DATES[:1], "84d", "2h", as_of=END)


@pytest.mark.parametrize("day", [dt.datetime(2026, 3, 1), dt.datetime(2026, 9, 1)])
def test_labels_and_base_agree_where_the_clock_is_changed(day):
    london = ZoneInfo("Europe/London")
    date = day.replace(tzinfo=london)
    hours = [date + dt.timedelta(days=back, hours=hour) for back in (-84, -1, 0, 83, 84) for hour in (-1, 0, 1)]
    rows = pl.DataFrame({"customer_id": range(len(hours)), "time": hours, "action": "view"})
    both = pl.concat([rows, rows.with_columns(time=pl.lit(date - dt.timedelta(days=5)))])
    labels = churn_dataset(History({"interactions": both}), [date], as_of=date + dt.timedelta(days=90))
    assert dict(labels.select("customer_id", "churned").rows()) == left(base_at_risk(both, date))
