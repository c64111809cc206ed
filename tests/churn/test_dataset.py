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
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition, active_base

DAY = dt.datetime(2026, 3, 1)


def defined(days=84, **options):
    return ChurnDefinition(horizon=f"{days}d", **{"contractual": False, **options})


def paid(*periods):
    """Periods of customers, from and to so many days after the date, with their monthly value."""
    rows = [(who, *(DAY + dt.timedelta(days=day) for day in days), value) for who, *days, value in periods]
    return pl.DataFrame(rows, schema=["customer_id", "starts_at", "ends_at", "monthly_value"], orient="row")


LATE = [("in time", -20, 25, 1.0), ("in time", 32, 60, 2.0), ("too late", -20, 25, 1.0), ("too late", 33, 60, 2.0)]


def test_with_a_grace_the_outcome_is_known_when_that_is_over():
    before = pl.DataFrame({"customer_id": ["in time"], "time": [DAY - dt.timedelta(days=1)], "action": ["view"]})
    history = History({"interactions": before, "subscriptions": paid(*LATE)})
    for days, known in ((34, None), (35, False)):
        end = DAY + dt.timedelta(days=days)
        rows = churn_dataset(history, [DAY], defined(28, contractual=True, grace="7d"), as_of=end)
        told = dict(rows.select("customer_id", "churned").iter_rows())
        assert told["in time"] is known
        assert told["too late"] is (None if known is None else True)


@pytest.fixture(scope="module")
def world():
    return made(11, customers=400)


def plainly(history, date, churn):
    """Whether each customer of the base left, customer by customer."""
    ahead = churn.ahead
    events, paid = (history.before(END + ahead)[name] for name in ("interactions", "subscriptions"))
    if churn.contractual:
        spans = paid.select("customer_id", "ends_at").iter_rows()
        return {who: ends is not None and ends <= date + ahead for who, ends in spans if ends is None or ends > date}
    times = {who: frame["time"].to_list() for (who,), frame in events.group_by("customer_id")}
    base = {who: moments for who, moments in times.items() if any(date - ahead <= each < date for each in moments)}
    return {who: not any(date <= each < date + ahead for each in moments) for who, moments in base.items()}


@pytest.mark.parametrize("contractual", [False, True])
def test_labels_are_those_of_looking_customer_by_customer(world, contractual):
    churn = defined(56, contractual=contractual)
    rows = churn_dataset(world, DATES[:2], churn, window="28d", as_of=END)
    for date in DATES[:2]:
        labels = dict(rows.filter(pl.col("date") == date).select("customer_id", "churned").iter_rows())
        assert labels == plainly(world, date, churn)


def test_features_of_labels_are_those_of_the_date(world):
    rows = churn_dataset(world, DATES[:2], defined(), as_of=END).filter(pl.col("date") == DATES[1])
    names = [name for name in FEATURES if name != "preferred_channel"]
    alone = customer_features(world, DATES[1], "84d").select("customer_id", *names).sort("customer_id")
    assert_frame_equal(rows.select("customer_id", *names).sort("customer_id"), alone)


def test_a_horizon_that_is_not_over_is_censored_and_not_stayed(world):
    late = END - dt.timedelta(days=30)
    rows = churn_dataset(world, [DATES[0], late], defined(), as_of=END)
    assert rows.filter(pl.col("date") == late)["churned"].is_null().all()
    assert rows.filter(pl.col("date") == DATES[0])["churned"].null_count() == 0
    only = churn_dataset(world, [late, END + dt.timedelta(days=1)], defined(), as_of=END)
    assert only["date"].unique().to_list() == [late]
    assert only["churned"].is_null().all()
    assert only["next_value"].is_null().all()


def test_a_subscriber_who_does_nothing_has_features_too():
    day = dt.datetime(2026, 3, 2)
    events = pl.DataFrame(
        {
            "customer_id": ["busy", "quiet"],
            "time": [day - dt.timedelta(days=3), day - dt.timedelta(days=100)],
            "action": "purchase",
            "channel": "web",
            "value": 5.0,
        }
    )
    joined = [day - dt.timedelta(days=days) for days in (200, 200, 150)]
    paid = pl.DataFrame(
        {"customer_id": ["busy", "quiet", "never"], "starts_at": joined, "ends_at": None},
        schema_overrides={"ends_at": pl.Datetime("us")},
    )
    history = History({"interactions": events, "subscriptions": paid})
    rows = churn_dataset(history, [day], defined(28, contractual=True), window="28d", as_of=day)
    names = [
        "customer_id",
        "interactions",
        "orders",
        "value",
        "interactions_web",
        "recency_days",
        "recency_gaps",
        "tenure_days",
        "trend",
    ]
    assert rows.select(names).sort("customer_id").rows() == [
        ("busy", 1, 1, 5.0, 1, 3.0, 3 / 28, 3.0, 1.0),
        ("never", 0, 0, 0.0, 0, 150.0, None, 150.0, None),
        ("quiet", 0, 0, 0.0, 0, 100.0, None, 200.0, None),
    ]
    shares = dict(rows.select("customer_id", "tenure_share").rows())
    assert shares == {"busy": 3 / 100, "never": 1.0, "quiet": 1.0}  # the data begin 100 days before


def test_recency_is_in_gaps_of_the_customers_own_and_tenure_a_share_of_the_days_of_the_data():
    """On day 80 of the data "often" was active on four days of the last 28, "once" on one."""
    begin = dt.datetime(2026, 1, 1)
    moments = {"first": [0, 60], "often": [40, 55, 60, 65, 73, 73.2], "once": [66]}
    visits = [(who, begin + dt.timedelta(days=day)) for who, days in moments.items() for day in days]
    events = pl.DataFrame(visits, schema=["customer_id", "time"], orient="row").with_columns(action=pl.lit("view"))
    days = [begin + dt.timedelta(days=number) for number in (70, 80)]
    history = History({"interactions": events})
    rows = churn_dataset(history, days, defined(28), window="28d", as_of=days[-1] + dt.timedelta(days=60))
    now = rows.filter(pl.col("date") == days[-1]).sort("customer_id")
    assert now.select("customer_id", "active_days").rows() == [("first", 1), ("often", 4), ("once", 1)]
    assert now["recency_gaps"].to_list() == pytest.approx([20 * 1 / 28, 6.8 * 4 / 28, 14 * 1 / 28])
    assert now["tenure_share"].to_list() == pytest.approx([1, 40 / 80, 14 / 80])
    assert rows.filter(pl.col("date") == days[0]).sort("customer_id")["tenure_share"].to_list() == pytest.approx(
        [1, 30 / 70, 4 / 70]
    )
    joined = pl.DataFrame({"customer_id": ["first", "often", "once"], "joined_at": begin - dt.timedelta(days=9)})
    history = History({"interactions": events, "customers": joined})
    assert "tenure_share" not in churn_dataset(history, days, defined(28), window="28d").columns


def test_features_of_labels_know_no_future(world):
    def features(past, date):
        return churn_dataset(past, [date], defined(28), as_of=date).drop("churned", "next_value")

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
    rows = churn_dataset(History({"interactions": seen}), [day], defined(28), as_of=day + dt.timedelta(days=28))
    assert sorted(rows.select("customer_id", "churned", "next_value").rows()) == [("a", False, 5.0), ("b", True, 0.0)]


@pytest.mark.soak
def test_labels_are_the_same_on_every_engine(world, on_engine):
    few = world.before(END)["interactions"].filter(pl.col("customer_id") < 60)
    paid = world.before(END)["subscriptions"].filter(pl.col("customer_id") < 60)
    tables = {"interactions": on_engine(few), "subscriptions": on_engine(paid)}
    for churn in (defined(), defined(contractual=True)):
        expected = churn_dataset(History({"interactions": few, "subscriptions": paid}), DATES[:2], churn, as_of=END)
        found = churn_dataset(History(tables), DATES[:2], churn, as_of=END)
        names = ["customer_id", "date", "interactions", "recency_days", "churned"]
        rows = nw.from_native(found).lazy().select(names).collect("polars").to_native()
        day = pl.col("date").dt.replace_time_zone(None).cast(pl.Datetime("us"))
        keys, day = ["customer_id", "date"], pl.col("date").dt.replace_time_zone(None).cast(pl.Datetime("us"))
        assert_frame_equal(rows.with_columns(day).sort(keys), expected.select(names).sort(keys), check_dtypes=False)


def test_a_date_after_the_data_is_refused(world):
    with pytest.raises(ValueError, match="there is none by .*, the end of the data"):
        churn_dataset(world, [END], defined(), as_of=DATES[0])


@pytest.mark.parametrize("day", [dt.datetime(2026, 3, 1), dt.datetime(2026, 9, 1)])
def test_labels_and_base_agree_where_the_clock_is_changed(day):
    london = ZoneInfo("Europe/London")
    date = day.replace(tzinfo=london)
    hours = [date + dt.timedelta(days=back, hours=hour) for back in (-84, -1, 0, 83, 84) for hour in (-1, 0, 1)]
    rows = pl.DataFrame({"customer_id": range(len(hours)), "time": hours, "action": "view"})
    both = pl.concat([rows, rows.with_columns(time=pl.lit(date - dt.timedelta(days=5)))])
    labels = churn_dataset(History({"interactions": both}), [date], defined(), as_of=date + dt.timedelta(days=90))
    base = active_base(both, date, defined()).filter("in_base")
    assert dict(labels.select("customer_id", "churned").rows()) == dict(base.select("customer_id", "churned").rows())
