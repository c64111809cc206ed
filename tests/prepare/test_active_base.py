"""Where customers stand on a date: worked examples on every engine."""

import datetime as dt
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
import pytest

from engagekit.errors import DataError
from engagekit.metrics.retention import churn_rate, churn_rate_average_base
from engagekit.prepare.leaving import ChurnDefinition, active_base

DAY = dt.datetime(2026, 3, 1)
SILENT = ChurnDefinition(horizon="28d", contractual=False)
CONTRACTS = ChurnDefinition(horizon="28d", contractual=True)


def events(**days):
    """Interactions so many days after the date, by customer."""
    rows = [(who, DAY + dt.timedelta(days=day)) for who, several in days.items() for day in several]
    return pl.DataFrame(rows, schema=["customer_id", "time"], orient="row")


def churned(frame):
    """Whether each customer of the base churned."""
    return dict(frame.filter("in_base").select("customer_id", "churned").iter_rows())


def standing(frame):
    """What else each customer is."""
    flags = ("in_base", "churned", "lapsed", "reactivated", "acquired", "remained")
    frame = nw.from_native(frame).lazy().collect("polars").to_native()
    return {row["customer_id"]: {flag for flag in flags if row[flag]} for row in frame.iter_rows(named=True)}


def periods_of(*periods):
    """Periods of customers, from and to so many days after the date, with their monthly value."""
    rows = [(who, *(DAY + dt.timedelta(days=day) for day in days), value) for who, *days, value in periods]
    return pl.DataFrame(rows, schema=["customer_id", "starts_at", "ends_at", "monthly_value"], orient="row")


def test_the_base_was_active_before_and_churned_customers_were_silent_after():
    interactions = events(stays=[-3, 5], leaves=[-3], long_gone=[-40, 5], new=[2])
    assert churned(active_base(interactions, DAY, SILENT)) == {"stays": False, "leaves": True}


def test_everybody_seen_by_the_end_of_the_horizon_stands_somewhere():
    interactions = events(
        stays=[-40, -3, 5], leaves=[-3], gone=[-40], back=[-40, 5], new=[2], late=[28], long=[-100, -40, 27.9]
    )
    assert standing(active_base(interactions, DAY, SILENT)) == {
        "stays": {"in_base", "remained"},
        "leaves": {"in_base", "churned"},
        "gone": {"lapsed"},
        "back": {"lapsed", "reactivated", "remained"},
        "new": {"acquired", "remained"},
        "long": {"lapsed", "reactivated", "remained"},
    }


@pytest.mark.parametrize(("day", "known"), [(-28, True), (-28.001, False), (0, False)])
def test_the_window_before_is_closed_at_its_start_and_open_at_the_date(day, known):
    assert ("a" in churned(active_base(events(a=[day]), DAY, SILENT))) is known


@pytest.mark.parametrize(
    ("day", "standing_then"),
    [(-28.001, {"lapsed"}), (0, {"acquired", "remained"}), (27.999, {"acquired", "remained"})],
)
def test_a_customer_outside_of_the_base_had_lapsed_or_is_acquired(day, standing_then):
    assert standing(active_base(events(a=[day]), DAY, SILENT)) == {"a": standing_then}


@pytest.mark.parametrize(("day", "silent"), [(0, False), (27.999, False), (28, True)])
def test_the_window_after_holds_the_date_and_not_its_end(day, silent):
    assert churned(active_base(events(a=[-1, day]), DAY, SILENT)) == {"a": silent}


def test_a_contract_counts_by_its_paid_periods():
    periods = periods_of(
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
    base = active_base(periods, DAY, CONTRACTS)
    assert churned(base) == {"renews": False, "cancels": True, "pauses": False}
    assert standing(base) == {
        "renews": {"in_base", "remained"},
        "cancels": {"in_base", "churned"},
        "over": {"lapsed"},
        "new": {"acquired", "remained"},
        "pauses": {"in_base", "remained"},
        "returns": {"lapsed", "reactivated"},
    }


@pytest.mark.parametrize(
    ("start", "end", "standing_then"),
    [
        (0, 30, {"in_base", "remained"}),
        (-30, 0, {"lapsed"}),
        (-30, 28, {"in_base", "churned"}),
        (-30, 28.001, {"in_base", "remained"}),
        (0.001, 28, {"acquired"}),
        (0.001, 30, {"acquired", "remained"}),
        (28, 58, {"acquired", "remained"}),
    ],
)
def test_a_period_holds_its_start_and_not_its_end(start, end, standing_then):
    assert standing(active_base(periods_of(("a", start, end, 1.0)), DAY, CONTRACTS)) == {"a": standing_then}


def test_value_is_that_of_the_periods_that_run_on_the_date_and_at_the_end():
    periods = periods_of(
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
    base = active_base(periods, DAY, CONTRACTS).select("customer_id", "opening_value", "closing_value")
    assert {who: tuple(values) for who, *values in base.iter_rows()} == {
        "upgrades": (20, 50),
        "shrinks": (30, 10),
        "both": (12, 5),
        "leaves": (40, 0),
        "new": (0, 60),
        "gone": (0, 0),
    }
    assert "opening_value" not in active_base(periods.drop("monthly_value"), DAY, CONTRACTS).columns


def test_the_base_that_remains_is_the_next_base():
    interactions = events(a=[-40, 5], b=[-3, 5], c=[-3], d=[3, 30], e=[30])
    periods = periods_of(
        ("a", -50, -20, 1.0), ("a", 5, 35, 1.0), ("b", -20, 10, 1.0), ("c", -20, 60, 1.0), ("d", 3, 30, 1.0)
    )
    for churn, rows in ((SILENT, interactions), (CONTRACTS, periods)):
        now, then = (active_base(rows, DAY + dt.timedelta(days=later), churn) for later in (0, 28))
        remained, next_base = (set(f.filter(flag)["customer_id"]) for f, flag in ((now, "remained"), (then, "in_base")))
        assert remained == next_base != set()


def test_a_contract_without_an_end_runs_on():
    periods = periods_of(("a", -20, 10, 2.0), ("b", 5, 10, 3.0)).with_columns(ends_at=pl.lit(None, pl.Datetime("us")))
    for base in (active_base(periods, DAY, CONTRACTS), active_base(periods.to_pandas(), DAY, CONTRACTS)):
        assert standing(base) == {"a": {"in_base", "remained"}, "b": {"acquired", "remained"}}
    none = periods.to_pandas().assign(ends_at=None)
    assert standing(active_base(none, DAY, CONTRACTS)).keys() == {"a", "b"}


def test_rows_without_a_customer_are_left_out():
    interactions, periods = events(a=[-3], b=[-3]), periods_of(("a", -20, 10, 1.0), ("b", -20, 10, 1.0))
    blank = pl.when(pl.col("customer_id") != "b").then("customer_id").alias("customer_id")
    number = pl.when(pl.col("customer_id") == "a").then(7.0).otherwise(float("nan")).alias("customer_id")
    for frame, churn in ((interactions, SILENT), (periods, CONTRACTS)):
        assert churned(active_base(frame.with_columns(blank), DAY, churn)).keys() == {"a"}
        assert churned(active_base(frame.with_columns(number), DAY, churn)).keys() == {7.0}
        base = active_base(frame.with_columns(number).to_pandas(), DAY, churn)
        assert base["customer_id"].tolist() == [7.0]


def test_any_engine_gives_the_same(on_engine):
    interactions = on_engine(events(stays=[-40, -3, 5], leaves=[-3], gone=[-40], back=[-40, 5], new=[2], late=[28]))
    base = active_base(interactions, DAY, SILENT)
    assert type(base) is type(interactions)
    assert standing(base) == {
        "stays": {"in_base", "remained"},
        "leaves": {"in_base", "churned"},
        "gone": {"lapsed"},
        "back": {"lapsed", "reactivated", "remained"},
        "new": {"acquired", "remained"},
    }


def test_contracts_are_the_same_on_any_engine(on_engine):
    rows = periods_of(
        ("renews", -20, 10, 1.0),
        ("renews", 10, 40, 3.0),
        ("leaves", -20, 10, 4.0),
        ("over", -50, -20, 1.0),
        ("void", -20, -20, 1.0),
        ("on", -20, 10, 5.0),
    )
    rows = rows.with_columns(ends_at=pl.when(pl.col("customer_id") != "on").then("ends_at"))
    periods = on_engine(rows)
    base = active_base(periods, DAY, CONTRACTS)
    assert type(base) is type(periods)
    assert standing(base) == {
        "renews": {"in_base", "remained"},
        "leaves": {"in_base", "churned"},
        "over": {"lapsed"},
        "on": {"in_base", "remained"},
    }
    worth = nw.from_native(base).lazy().collect("polars").to_native()
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
    periods = on_engine(periods_of(*LATE))
    base = active_base(periods, DAY, ChurnDefinition(horizon="28d", contractual=True, grace="7d"))
    assert standing(base) == {
        "in time": {"in_base", "remained"},
        "too late": {"in_base", "churned"},
        "within": {"in_base", "remained"},
        "leaves": {"in_base", "churned"},
        "lapsed": {"lapsed"},
    }
    worth = nw.from_native(base).lazy().collect("polars").to_native()
    assert dict(worth.select("customer_id", "closing_value").rows())["in time"] == 1  # of the period before the gap
    assert standing(active_base(periods, DAY, CONTRACTS))["in time"] == {"in_base", "churned"}


@pytest.mark.parametrize(
    ("churn", "frame", "absent"),
    [(SILENT, events(a=[1]), "time"), (CONTRACTS, periods_of(("a", 0, 1, 1.0)), "starts_at")],
)
def test_what_cannot_be_is_named(churn, frame, absent):
    with pytest.raises(DataError, match=f"^{absent}: is not a column"):
        active_base(frame.drop(absent), DAY, churn)
    with pytest.raises(ValueError, match="have no time zone, unlike 2026"):
        active_base(frame, DAY.replace(tzinfo=dt.UTC), churn)


def test_a_day_of_a_horizon_has_24_hours_as_those_of_features():
    """In London, 28 days from 15 March 2026, 0:00, are over at 1:00 on 12 April, in summer time."""
    day = dt.datetime(2026, 3, 15, tzinfo=ZoneInfo("Europe/London"))
    times = [dt.datetime(2026, 4, 12, 0, 59), dt.datetime(2026, 4, 12, 1)]
    frame = pl.DataFrame({"customer_id": ["a", "b"], "time": times})
    frame = frame.with_columns(pl.col("time").dt.replace_time_zone("Europe/London"))
    assert active_base(frame, day, SILENT)["customer_id"].to_list() == ["a"]


def test_the_articles_example_is_5_percent_and_not_25():
    """1000 at the start, 200 acquired, 50 lost: of the opening base, not of those acquired."""
    interactions = pl.concat(
        [
            events(**{f"kept{i}": [-1, 5] for i in range(950)}),
            events(**{f"lost{i}": [-1] for i in range(50)}),
            events(**{f"new{i}": [3] for i in range(200)}),
        ]
    )
    base = active_base(interactions, DAY, SILENT)
    assert base.select("in_base", "churned", "acquired", "remained").sum().row(0) == (1000, 50, 200, 1150)
    estimate = churn_rate(base)
    assert (estimate.value, estimate.numerator, estimate.denominator) == (0.05, 50, 1000)
    assert churn_rate_average_base(base).value == pytest.approx(50 / 1075)


def test_an_empty_base_is_undefined_and_not_zero():
    estimate = churn_rate(active_base(events(a=[5]), DAY, SILENT))
    assert estimate.value != estimate.value
    assert estimate.reason == "zero_denominator"
