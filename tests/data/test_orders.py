"""Orders and buyers, from cases made by hand."""

import datetime as dt
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pytest

from engagekit import DataError, buyers, orders

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1, 9, tzinfo=ZoneInfo("Asia/Jakarta"))
COLUMNS = {"customer_id": pl.String, "time": None, "action": pl.String, "value": pl.Float64, "order_id": pl.String}


def duck(frame):
    return duckdb.from_arrow(frame.to_arrow())


KINDS = {"pandas": pl.DataFrame.to_pandas, "polars": pl.DataFrame.clone, "lazy": pl.DataFrame.lazy, "duckdb": duck}


@pytest.fixture(params=KINDS)
def like(request):
    """Make a frame of one kind of a Polars one."""
    return KINDS[request.param]


def lines(*rows, order_id=True):
    """Lines of interactions: who, days after the start, action, value, order."""
    made = [(who, START + days * DAY, action, value, order) for who, days, action, value, order in rows]
    frame = pl.DataFrame(made, schema={**COLUMNS, "time": pl.Datetime("us", "Asia/Jakarta")}, orient="row")
    return frame if order_id else frame.drop("order_id")


def rows_of(found, *names):
    """Sorted rows of a frame of any kind, times as days after the start."""
    frame = found if isinstance(found, pl.DataFrame) else None
    if frame is None:
        frame = (
            pl.from_pandas(found)
            if isinstance(found, pd.DataFrame)
            else found.lazy().collect()
            if isinstance(found, pl.LazyFrame)
            else found.pl()
        )
    days = {
        name: (pl.col(name).dt.convert_time_zone("Asia/Jakarta") - START) / DAY
        for name in ("time", "first_at")
        if name in frame.columns
    }
    return sorted(frame.with_columns(**days).select(names).rows(), key=repr)


def ordered(like, *rows, **how):
    return rows_of(orders(like(lines(*rows, **how))), "customer_id", "order_id", "time", "value", "lines")


def test_lines_of_one_order_are_one_row(like):
    assert ordered(
        like,
        ("a", 0.5, "purchase", 10.0, "1"),
        ("a", 0, "purchase", 5.0, "1"),
        ("b", 0, "purchase", 7.0, "2"),
        ("a", 1, "purchase", 3.0, "3"),
        ("a", 1, "view", 99.0, "3"),
    ) == [("a", "1", 0.0, 15.0, 2), ("a", "3", 1.0, 3.0, 1), ("b", "2", 0.0, 7.0, 1)]


def test_a_refund_under_its_order_s_id_lowers_that_order(like):
    assert ordered(like, ("a", 0, "purchase", 10.0, "1"), ("a", 20, "refund", -4.0, "1")) == [("a", "1", 0.0, 6.0, 1)]


def test_a_refund_without_an_order_is_one_of_its_own_without_a_purchase(like):
    assert ordered(like, ("a", 0, "purchase", 10.0, "1"), ("a", 20, "refund", -4.0, None)) == [
        ("a", "1", 0.0, 10.0, 1),
        ("a", None, 20.0, -4.0, 0),
    ]


def test_without_ids_the_purchases_of_a_customer_at_one_instant_are_an_order(like):
    rows = [("a", 0, "purchase", 10.0, None), ("a", 0, "purchase", 5.0, None), ("b", 0, "purchase", 7.0, None)]
    rows += [("a", 0.25, "purchase", 2.0, None), ("a", 0, "refund", -5.0, None)]
    expected = [
        ("a", None, 0.0, -5.0, 0),
        ("a", None, 0.0, 15.0, 2),
        ("a", None, 0.25, 2.0, 1),
        ("b", None, 0.0, 7.0, 1),
    ]
    assert ordered(like, *rows) == expected
    assert ordered(like, *rows, order_id=False) == expected


def test_the_same_id_of_two_customers_is_two_orders(like):
    found = ordered(like, ("a", 0, "purchase", 10.0, "1"), ("b", 0, "purchase", 7.0, "1"))
    assert [(who, value) for who, _, _, value, _ in found] == [("a", 10.0), ("b", 7.0)]


def test_an_order_without_any_value_has_none_and_not_zero(like):
    found = ordered(
        like, ("a", 0, "purchase", None, "1"), ("b", 0, "purchase", None, "2"), ("b", 0, "purchase", 3.0, "2")
    )
    assert found == [("a", "1", 0.0, None, 1), ("b", "2", 0.0, 3.0, 2)]


def test_no_purchase_is_no_order(like):
    assert ordered(like, ("a", 0, "view", None, None)) == []


def test_orders_come_back_as_the_caller_s_kind():
    frame = lines(("a", 0, "purchase", 1.0, "1"))
    kinds = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "lazy": pl.LazyFrame, "duckdb": duckdb.DuckDBPyRelation}
    for kind, expected in kinds.items():
        assert isinstance(orders(KINDS[kind](frame)), expected)


def test_a_table_without_values_names_the_column():
    with pytest.raises(DataError, match="^value: is not a column"):
        orders(lines(("a", 0, "purchase", 1.0, "1")).drop("value"))


def bought(like, *rows, days, window="90d"):
    frame = pl.DataFrame(
        [(who, START + at * DAY, count) for who, at, count in rows],
        schema={"customer_id": pl.String, "time": pl.Datetime("us", "Asia/Jakarta"), "lines": pl.Int64},
        orient="row",
    )
    return rows_of(
        buyers(like(frame), START + days * DAY, window), "customer_id", "first_at", "repeated", "window_over"
    )


def test_a_buyer_who_came_back_in_the_window_repeated(like):
    rows = [("a", 0, 1), ("a", 30, 2), ("b", 0, 1), ("c", 50, 1), ("c", 60, 1)]
    assert bought(like, *rows, days=100) == [
        ("a", 0.0, True, True),
        ("b", 0.0, False, True),
        ("c", 50.0, True, False),
    ]


def test_a_second_order_later_on_the_same_day_is_one(like):
    assert bought(like, ("a", 0, 1), ("a", 0.01, 1), days=100) == [("a", 0.0, True, True)]


def test_two_orders_at_the_same_instant_are_one_visit_to_the_shop(like):
    assert bought(like, ("a", 0, 1), ("a", 0, 1), days=100) == [("a", 0.0, False, True)]


def test_the_window_s_end_is_exclusive(like):
    just_before = 90 - 1 / 86_400
    rows = [("a", 0, 1), ("a", 90, 1), ("b", 0, 1), ("b", just_before, 1)]
    assert bought(like, *rows, days=200) == [("a", 0.0, False, True), ("b", 0.0, True, True)]


def test_a_window_is_over_at_its_end_and_what_was_said_then_stays_true(like):
    """No order that comes later can change what is said of a window that is over."""
    for at in (90, 90.5, 400):
        rows = [("a", 0, 1), ("a", at, 1)]
        assert bought(like, *rows, days=90) == bought(like, *rows, days=1000) == [("a", 0.0, False, True)]
    assert bought(like, ("a", 0, 1), days=90 - 1 / 86_400) == [("a", 0.0, False, False)]


def test_orders_from_the_date_on_are_not_seen(like):
    rows = [("a", 0, 1), ("a", 10, 1), ("b", 10, 1), ("c", 11, 1)]
    assert bought(like, *rows, days=10) == [("a", 0.0, False, False)]
    assert bought(like, *rows, days=10.5) == [("a", 0.0, True, False), ("b", 10.0, False, False)]


def test_refunds_alone_make_no_buyer_and_no_second_order(like):
    assert bought(like, ("a", 0, 1), ("a", 5, 0), ("b", 0, 0), days=100) == [("a", 0.0, False, True)]


def test_the_first_order_counts_though_the_third_is_in_the_window_of_the_second(like):
    assert bought(like, ("a", 0, 1), ("a", 95, 1), ("a", 96, 1), days=300) == [("a", 0.0, False, True)]


def test_the_window_can_be_given(like):
    assert bought(like, ("a", 0, 1), ("a", 10, 1), days=100, window="10d") == [("a", 0.0, False, True)]
    assert bought(like, ("a", 0, 1), ("a", 10, 1), days=100, window="11d") == [("a", 0.0, True, True)]


@pytest.mark.parametrize("window", ["3mo", "", "d", "0d", "-5d", "90"])
def test_a_window_that_is_no_number_of_days_is_refused(window):
    with pytest.raises(ValueError, match=f"^window: '{window}' is not a number of days such as 90d"):
        bought(pl.DataFrame.clone, ("a", 0, 1), days=100, window=window)


def test_the_date_may_be_in_another_zone_than_the_times(like):
    frame = pl.DataFrame({"customer_id": ["a"], "time": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], "lines": [1]})
    before, after = (dt.datetime(2026, 1, 1, hour, tzinfo=ZoneInfo("Asia/Jakarta")) for hour in (6, 8))
    assert rows_of(buyers(like(frame), before), "customer_id") == []
    assert rows_of(buyers(like(frame), after), "customer_id") == [("a",)]


def test_from_lines_to_buyers(like):
    found = orders(
        like(
            lines(
                ("a", 0, "purchase", 10.0, "1"),
                ("a", 0.1, "purchase", 5.0, "1"),
                ("b", 0, "purchase", 10.0, "2"),
                ("b", 0.1, "purchase", 5.0, "3"),
                ("c", 0, "purchase", 10.0, "4"),
                ("c", 3, "refund", -10.0, None),
            )
        )
    )
    assert rows_of(buyers(found, START + 100 * DAY), "customer_id", "repeated") == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
