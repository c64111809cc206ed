"""Planted leaks are caught, each by one of the ways in which the future is changed."""

import datetime as dt

import polars as pl
import pytest

from engagekit import DataError
from engagekit.customers.leak import check_no_leak
from engagekit.prepare.history import History

AS_OF = dt.datetime(2026, 3, 1)
DAY = dt.timedelta(days=1)


def history(to_engine=lambda frame: frame):
    interactions = pl.DataFrame(
        {
            "customer_id": ["a", "b", "a"],
            "time": [AS_OF - 9 * DAY, AS_OF - DAY, AS_OF + DAY],
            "action": ["view", "purchase", "purchase"],
            "channel": ["web", "web", "app"],
            "value": [None, 5.0, 7.0],
        }
    )
    tickets = pl.DataFrame(
        {
            "ticket_id": ["1", "2"],
            "customer_id": ["a", "b"],
            "opened_at": [AS_OF - DAY] * 2,
            "solved_at": [AS_OF + DAY, None],
            "score": [5, None],
            "scored_at": [AS_OF + DAY, None],
        }
    )
    customers = pl.DataFrame({"customer_id": ["a", "b"], "joined_at": [AS_OF - 99 * DAY] * 2, "plan": ["x", "y"]})
    tables = {"interactions": interactions, "tickets": tickets, "customers": customers}
    return History({name: to_engine(frame) for name, frame in tables.items()}, fixed=["plan"])


def known(name):
    """What a table tells of each customer, from behind the firewall."""
    return lambda past, date: past.before(date)[name]


def leaking(name, change):
    """A function that looks at a table as it will be a month later, and makes something of it."""
    return lambda past, date: change(past.before(date + 30 * DAY)[name].lazy())


PLANTED = {
    "later money": (
        leaking("interactions", lambda rows: rows.group_by("customer_id").agg(pl.col("value").sum())),
        "value: of customer 'a' was 7.0 and is 0.0 once rows from 2026-03-01 00:00:00 on are deleted",
    ),
    "a customer of tomorrow": (
        leaking("interactions", lambda rows: rows.filter(action="purchase").select("customer_id").unique()),
        "customer_id: of customer 'a' was 'a' and is None",
    ),
    "a channel of tomorrow": (
        leaking(
            "interactions", lambda rows: rows.collect().pivot("channel", index="customer_id", values="value").lazy()
        ),
        "app: of customer 'any' was 'a column' and is 'none'",
    ),
    "a later solution": (
        leaking("tickets", lambda rows: rows.select("customer_id", "score")),
        "score: of customer 'a' was 5 and is None once rows from 2026-03-01 00:00:00 on are deleted",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_leak_is_named(planted):
    function, message = PLANTED[planted]
    with pytest.raises(DataError, match=message):
        check_no_leak(function, history(), AS_OF)


def test_the_instant_itself_belongs_to_the_future():
    def sloppy(past, date):
        rows = past.before(date + dt.timedelta(microseconds=1))["interactions"]
        return rows.group_by("customer_id").agg(pl.len())

    with pytest.raises(DataError, match=r"len: of customer 'a' was 1 and is 2 once rows .* on are changed"):
        check_no_leak(sloppy, history(), AS_OF)


@pytest.mark.parametrize("name", ["interactions", "tickets", "customers"])
def test_the_firewall_itself_does_not_leak(name, on_engine):
    keys = {"interactions": "time", "tickets": "opened_at", "customers": "joined_at"}
    check_no_leak(
        lambda past, date: past.before(date).rows(name).rename({keys[name]: "date"}).to_native(),
        history(on_engine),
        AS_OF,
    )


def test_sums_may_differ_in_their_last_digits():
    calls = iter([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3])
    check_no_leak(lambda past, date: pl.DataFrame({"customer_id": ["a"], "x": [next(calls)]}), history(), AS_OF)
    calls = iter([0.3, 0.3, 0.3, 0.3, 0.3001])
    with pytest.raises(DataError, match=r"x: of customer 'a' was 0.3 and is 0.3001 once rows .* on are added"):
        check_no_leak(lambda past, date: pl.DataFrame({"customer_id": ["a"], "x": [next(calls)]}), history(), AS_OF)


@pytest.mark.parametrize("kind", [pl.DataFrame, pl.DataFrame.lazy, pl.DataFrame.to_pandas])
def test_a_function_of_ones_own_gets_the_frames_it_was_written_for(kind):
    def spent(past, as_of):
        return past.before(as_of)["interactions"][["customer_id", "value"]]

    def spent_lazily(past, as_of):
        return past.before(as_of)["interactions"].select("customer_id", "value")

    check_no_leak(spent_lazily if kind is pl.DataFrame.lazy else spent, history(kind), AS_OF)


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt8, pl.Decimal(5, 2)])
def test_numbers_of_narrow_types_are_changed_too(dtype):
    frame = history().before(AS_OF + 9 * DAY)["interactions"].with_columns(pl.col("value").cast(dtype))
    check_no_leak(lambda past, day: past.before(day)["interactions"], History({"interactions": frame}), AS_OF)


def test_whether_something_is_known_later_is_a_leak_too():
    tickets = pl.DataFrame(
        {
            "ticket_id": ["1", "2"],
            "customer_id": ["a", "b"],
            "opened_at": [AS_OF - DAY] * 2,
            "solved_at": [AS_OF + DAY, None],
        }
    )

    def solved(past, as_of):
        rows = past.before(as_of + 30 * DAY)["tickets"].filter(pl.col("opened_at") < as_of)
        return rows.group_by("customer_id").agg(pl.col("solved_at").count())

    with pytest.raises(DataError, match="solved_at: of customer 'a' was 1 and is 0"):
        check_no_leak(solved, History({"tickets": tickets}), AS_OF)


def test_a_function_that_is_not_steady_is_named_as_that():
    calls = iter(range(9))
    with pytest.raises(DataError, match="x: of customer 'a' was 0 and is 1 when the function is called again .*steady"):
        check_no_leak(lambda past, date: pl.DataFrame({"customer_id": ["a"], "x": [next(calls)]}), history(), AS_OF)


def test_the_order_of_rows_is_no_leak():
    seeds = iter(range(9))

    def shuffled(past, date):
        rows = past.before(date)["customers"].select("customer_id", "plan")
        return rows.sample(fraction=1, shuffle=True, seed=next(seeds))

    check_no_leak(shuffled, history(), AS_OF)


def test_two_rows_of_a_customer_are_refused_as_that():
    with pytest.raises(DataError, match=r"customer_id: repeats in what the function returns \(customer_id 'a'\)"):
        check_no_leak(lambda past, date: pl.DataFrame({"customer_id": ["a", "b", "a"]}), history(), AS_OF)
    twice = pl.DataFrame({"customer_id": ["a", "a"], "date": [AS_OF] * 2})
    with pytest.raises(DataError, match="Return one row for each customer[.]"):
        check_no_leak(lambda past, date: twice, history(), AS_OF)
    check_no_leak(lambda past, date: twice.with_columns(date=pl.Series([1, 2])), history(), AS_OF)


def test_a_table_without_customers_is_refused():
    with pytest.raises(DataError, match="customer_id: is not a column of what the function returns: x"):
        check_no_leak(lambda past, date: pl.DataFrame({"x": [1]}), history(), AS_OF)


def test_a_last_page_of_several_at_one_instant_is_no_leak():
    """Rows come in the same order at every call, and whatever comes later."""
    pages = pl.DataFrame(
        {"customer_id": "a", "time": [AS_OF - DAY] * 40, "action": "view", "page": [f"{n}" for n in range(40)]}
    )
    pages = pages.with_columns(event_id=pl.col("page"))
    later = pl.DataFrame({"customer_id": "b", "time": [AS_OF + DAY], "action": "view", "page": "x", "event_id": "0"})
    given = History({"interactions": pl.concat([pages, later]).sample(fraction=1, shuffle=True, seed=3)})

    def last_page(past, date):
        return past.before(date)["interactions"].group_by("customer_id").agg(pl.col("page").last())

    check_no_leak(last_page, given, AS_OF)
    assert last_page(given, AS_OF)["page"].to_list() == ["9"]  # alphabetically
