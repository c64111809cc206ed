"""Orders and buyers, from cases made by hand."""

import datetime as dt
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
import pytest

from engagekit.errors import DataError
from engagekit.prepare.orders import buyers, orders

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1, 9, tzinfo=ZoneInfo("Asia/Jakarta"))
COLUMNS = {"customer_id": pl.String, "time": None, "action": pl.String, "value": pl.Float64, "order_id": pl.String}


def lines(*rows, order_id=True):
    """Lines of interactions: who, days after the start, action, value, order."""
    made = [(who, START + days * DAY, action, value, order) for who, days, action, value, order in rows]
    frame = pl.DataFrame(made, schema={**COLUMNS, "time": pl.Datetime("us", "Asia/Jakarta")}, orient="row")
    return frame if order_id else frame.drop("order_id")


def rows_of(result, *names):
    """Sorted rows of a frame of any kind, times as days after the start."""
    frame = nw.from_native(result).lazy().collect("polars").to_native()
    days = {
        name: (pl.col(name).dt.convert_time_zone("Asia/Jakarta") - START) / DAY
        for name in ("time", "first_at")
        if name in frame.columns
    }
    return sorted(frame.with_columns(**days).select(names).rows(), key=repr)


def ordered(on_engine, *rows, **how):
    return rows_of(orders(on_engine(lines(*rows, **how))), "customer_id", "order_id", "time", "value", "lines")


def test_lines_of_one_order_are_one_row(on_engine):
    assert ordered(
        on_engine,
        ("a", 0.5, "purchase", 10.0, "1"),
        ("a", 0, "purchase", 5.0, "1"),
        ("b", 0, "purchase", 7.0, "2"),
        ("a", 1, "purchase", 3.0, "3"),
        ("a", 1, "view", 99.0, "3"),
    ) == [("a", "1", 0.0, 15.0, 2), ("a", "3", 1.0, 3.0, 1), ("b", "2", 0.0, 7.0, 1)]


def test_a_refund_under_its_order_s_id_lowers_that_order(on_engine):
    assert ordered(on_engine, ("a", 0, "purchase", 10.0, "1"), ("a", 20, "refund", -4.0, "1")) == [
        ("a", "1", 0.0, 6.0, 1)
    ]


def test_a_refund_without_an_order_is_one_of_its_own_without_a_purchase(on_engine):
    assert ordered(on_engine, ("a", 0, "purchase", 10.0, "1"), ("a", 20, "refund", -4.0, None)) == [
        ("a", "1", 0.0, 10.0, 1),
        ("a", None, 20.0, -4.0, 0),
    ]


def test_without_ids_the_purchases_of_a_customer_at_one_instant_are_an_order(on_engine):
    rows = [("a", 0, "purchase", 10.0, None), ("a", 0, "purchase", 5.0, None), ("b", 0, "purchase", 7.0, None)]
    rows += [("a", 0.25, "purchase", 2.0, None), ("a", 0, "refund", -5.0, None)]
    expected = [
        ("a", None, 0.0, -5.0, 0),
        ("a", None, 0.0, 15.0, 2),
        ("a", None, 0.25, 2.0, 1),
        ("b", None, 0.0, 7.0, 1),
    ]
    assert ordered(on_engine, *rows) == expected
    assert ordered(on_engine, *rows, order_id=False) == expected


def test_the_same_id_of_two_customers_is_two_orders(on_engine):
    result = ordered(on_engine, ("a", 0, "purchase", 10.0, "1"), ("b", 0, "purchase", 7.0, "1"))
    assert [(who, value) for who, _, _, value, _ in result] == [("a", 10.0), ("b", 7.0)]


def test_an_order_without_any_value_has_none_and_not_zero(on_engine):
    result = ordered(
        on_engine, ("a", 0, "purchase", None, "1"), ("b", 0, "purchase", None, "2"), ("b", 0, "purchase", 3.0, "2")
    )
    assert result == [("a", "1", 0.0, None, 1), ("b", "2", 0.0, 3.0, 2)]


def test_a_line_that_is_not_a_number_has_no_value(on_engine):
    nan = float("nan")
    rows = [("a", 0, "purchase", 10.0, "1"), ("a", 0, "purchase", nan, "1"), ("b", 0, "purchase", nan, "2")]
    rows += [("c", 0, "purchase", 8.0, "3"), ("c", 1, "refund", nan, "3")]
    assert rows_of(orders(on_engine(lines(*rows))), *MONEY) == [
        ("a", "1", 10.0, 10.0, 0.0),
        ("b", "2", None, None, 0.0),
        ("c", "3", 8.0, 8.0, None),
    ]


def test_a_line_without_a_customer_is_left_out(on_engine):
    rows = [(None, 0, "purchase", 10.0, "1"), (None, 0, "refund", -1.0, None), ("a", 0, "purchase", 5.0, "2")]
    assert ordered(on_engine, *rows) == [("a", "2", 0.0, 5.0, 1)]
    assert bought(on_engine, (None, 0, 1), (None, 5, 1), ("a", 0, 1), days=100) == [("a", 0.0, False, True)]


def test_a_customer_who_is_not_a_number_is_none():
    numbers = lines(("a", 0, "purchase", 5.0, "1"), ("b", 0, "purchase", 7.0, "2"))
    numbers = numbers.with_columns(customer_id=pl.Series([1.0, float("nan")]))
    for frame in (numbers, numbers.to_pandas()):
        result = orders(frame)
        assert rows_of(result, "customer_id", "value") == [(1.0, 5.0)]
        assert rows_of(buyers(result, START + DAY), "customer_id") == [(1.0,)]


def test_no_purchase_is_no_order(on_engine):
    assert ordered(on_engine, ("a", 0, "view", None, None)) == []


def test_orders_and_buyers_come_back_as_the_caller_s_kind(on_engine):
    result = orders(on_engine(lines(("a", 0, "purchase", 1.0, "1"))))
    assert type(result) is type(buyers(result, START)) is type(on_engine(lines()))


def test_a_table_without_values_names_the_column():
    with pytest.raises(DataError, match="^value: is not a column"):
        orders(lines(("a", 0, "purchase", 1.0, "1")).drop("value"))


MONEY = ("customer_id", "order_id", "value", "gross", "refunded")


def test_gross_is_what_was_paid_and_refunded_what_was_taken_back(on_engine):
    rows = [("a", 0, "purchase", 10.0, "1"), ("a", 1, "purchase", 5.0, "1"), ("a", 9, "refund", -4.0, "1")]
    rows += [("a", 10, "refund", -2.0, "1"), ("b", 0, "purchase", 7.0, "2"), ("c", 3, "refund", -3.0, None)]
    rows += [("a", 2, "view", 99.0, "1")]
    assert rows_of(orders(on_engine(lines(*rows))), *MONEY) == [
        ("a", "1", 9.0, 15.0, 6.0),
        ("b", "2", 7.0, 7.0, 0.0),
        ("c", None, -3.0, 0.0, 3.0),
    ]


def test_money_is_missing_only_where_lines_that_should_tell_it_do_not(on_engine):
    rows = [("a", 0, "purchase", None, "1"), ("b", 0, "purchase", 8.0, "2"), ("b", 5, "refund", None, "2")]
    rows += [("c", 0, "purchase", None, "3"), ("c", 5, "refund", -1.0, "3"), ("d", 0, "refund", None, None)]
    rows += [("e", 0, "purchase", None, "4"), ("e", 0, "purchase", 2.0, "4"), ("f", 0, "purchase", 0.0, "5")]
    assert rows_of(orders(on_engine(lines(*rows))), *MONEY) == [
        ("a", "1", None, None, 0.0),
        ("b", "2", 8.0, 8.0, None),
        ("c", "3", -1.0, None, 1.0),
        ("d", None, None, 0.0, None),
        ("e", "4", 2.0, 2.0, 0.0),
        ("f", "5", 0.0, 0.0, 0.0),
    ]


def test_a_refund_is_taken_back_whichever_sign_it_has(on_engine):
    rows = [("a", 0, "purchase", 8.0, "1"), ("a", 1, "refund", 3.0, "1"), ("a", 1, "refund", -5.0, "1")]
    assert rows_of(orders(on_engine(lines(*rows))), *MONEY) == [("a", "1", 0.0, 8.0, 8.0)]


def test_a_voucher_makes_an_order_cheaper_and_purchases_below_zero_are_a_refund(on_engine):
    rows = [("a", 0, "purchase", 8.0, "1"), ("a", 0, "purchase", -3.0, "1"), ("b", 0, "purchase", -5.0, None)]
    assert rows_of(orders(on_engine(lines(*rows))), *MONEY, "lines") == [
        ("a", "1", 5.0, 5.0, 0.0, 2),
        ("b", None, -5.0, 0.0, 5.0, 0),
    ]


def of_products(*rows):
    """Lines with what was bought: who, days after the start, action, order, product."""
    frame = lines(*((who, days, action, 1.0, order) for who, days, action, order, _ in rows))
    return frame.with_columns(product=pl.Series([row[-1] for row in rows], dtype=pl.String))


def test_an_order_tells_the_first_and_the_last_of_its_products_by_name(on_engine):
    rows = [("a", 0, "purchase", "1", name) for name in ("tea", "cup", "pot")]
    rows += [("a", 1, "refund", "1", "apron"), ("a", 1, "view", "1", "zest"), ("b", 0, "purchase", "2", "tea")]
    rows += [("b", 0, "purchase", "2", "tea"), ("b", 0, "purchase", "2", None), ("c", 0, "purchase", "3", None)]
    rows += [("c", 0, "refund", None, "tea")]
    result = orders(on_engine(of_products(*rows)))
    assert rows_of(result, "customer_id", "order_id", "first_product", "last_product") == [
        ("a", "1", "cup", "tea"),
        ("b", "2", "tea", "tea"),
        ("c", "3", None, None),
        ("c", None, None, None),
    ]


def test_orders_have_products_only_where_interactions_do(on_engine):
    names = ["customer_id", "order_id", "time", "value", "lines", "gross", "refunded"]
    for frame, expected in [(lines(), names), (of_products(), [*names, "first_product", "last_product"])]:
        result = orders(on_engine(frame))
        assert nw.from_native(result).collect_schema().names() == expected
        has_products = "several_products" in nw.from_native(buyers(result, START)).collect_schema().names()
        assert has_products == ("first_product" in expected)


def several(on_engine, *rows, days):
    result = buyers(orders(on_engine(of_products(*rows))), START + days * DAY)
    return rows_of(result, "customer_id", "several_products")


def test_two_products_within_the_window_are_several(on_engine):
    just_before = 90 - 1 / 86_400
    rows = [("at once", 0, "purchase", "1", "cup"), ("at once", 0, "purchase", "1", "tea")]
    rows += [("later", 0, "purchase", "2", "cup"), ("later", just_before, "purchase", "3", "tea")]
    rows += [("too late", 0, "purchase", "4", "cup"), ("too late", 90, "purchase", "5", "tea")]
    rows += [("the same", 0, "purchase", "6", "cup"), ("the same", 9, "purchase", "7", "cup")]
    rows += [("unknown", 0, "purchase", "8", None), ("half known", 0, "purchase", "9", None)]
    rows += [("half known", 1, "purchase", "10", "cup"), ("refunded", 0, "purchase", "11", "cup")]
    rows += [("refunded", 1, "refund", None, "tea")]
    assert several(on_engine, *rows, days=200) == [
        ("at once", True),
        ("half known", False),
        ("later", True),
        ("refunded", False),
        ("the same", False),
        ("too late", False),
        ("unknown", None),
    ]


def test_products_of_orders_from_the_date_on_are_not_seen(on_engine):
    rows = [("a", 0, "purchase", "1", "cup"), ("a", 10, "purchase", "2", "tea")]
    assert several(on_engine, *rows, days=10) == [("a", False)]
    assert several(on_engine, *rows, days=11) == [("a", True)]


def bought(on_engine, *rows, days, window="90d"):
    frame = pl.DataFrame(
        [(who, START + at * DAY, count) for who, at, count in rows],
        schema={"customer_id": pl.String, "time": pl.Datetime("us", "Asia/Jakarta"), "lines": pl.Int64},
        orient="row",
    )
    return rows_of(
        buyers(on_engine(frame), START + days * DAY, window), "customer_id", "first_at", "repeated", "window_over"
    )


def test_a_buyer_who_came_back_in_the_window_repeated(on_engine):
    rows = [("a", 0, 1), ("a", 30, 2), ("b", 0, 1), ("c", 50, 1), ("c", 60, 1)]
    assert bought(on_engine, *rows, days=100) == [
        ("a", 0.0, True, True),
        ("b", 0.0, False, True),
        ("c", 50.0, True, False),
    ]


def test_a_second_order_later_on_the_same_day_is_one(on_engine):
    assert bought(on_engine, ("a", 0, 1), ("a", 0.01, 1), days=100) == [("a", 0.0, True, True)]


def test_two_orders_at_the_same_instant_are_one_visit_to_the_shop(on_engine):
    assert bought(on_engine, ("a", 0, 1), ("a", 0, 1), days=100) == [("a", 0.0, False, True)]


def test_the_window_s_end_is_exclusive(on_engine):
    just_before = 90 - 1 / 86_400
    rows = [("a", 0, 1), ("a", 90, 1), ("b", 0, 1), ("b", just_before, 1)]
    assert bought(on_engine, *rows, days=200) == [("a", 0.0, False, True), ("b", 0.0, True, True)]


def test_a_window_is_over_at_its_end_and_what_was_said_then_stays_true(on_engine):
    """No order that comes later can change what is said of a window that is over."""
    for at in (90, 90.5, 400):
        rows = [("a", 0, 1), ("a", at, 1)]
        assert bought(on_engine, *rows, days=90) == bought(on_engine, *rows, days=1000) == [("a", 0.0, False, True)]
    assert bought(on_engine, ("a", 0, 1), days=90 - 1 / 86_400) == [("a", 0.0, False, False)]


def test_orders_from_the_date_on_are_not_seen(on_engine):
    rows = [("a", 0, 1), ("a", 10, 1), ("b", 10, 1), ("c", 11, 1)]
    assert bought(on_engine, *rows, days=10) == [("a", 0.0, False, False)]
    assert bought(on_engine, *rows, days=10.5) == [("a", 0.0, True, False), ("b", 10.0, False, False)]


def test_refunds_alone_make_no_buyer_and_no_second_order(on_engine):
    assert bought(on_engine, ("a", 0, 1), ("a", 5, 0), ("b", 0, 0), days=100) == [("a", 0.0, False, True)]


def test_the_first_order_counts_though_the_third_is_in_the_window_of_the_second(on_engine):
    assert bought(on_engine, ("a", 0, 1), ("a", 95, 1), ("a", 96, 1), days=300) == [("a", 0.0, False, True)]


def test_the_window_can_be_given(on_engine):
    assert bought(on_engine, ("a", 0, 1), ("a", 10, 1), days=100, window="10d") == [("a", 0.0, False, True)]
    assert bought(on_engine, ("a", 0, 1), ("a", 10, 1), days=100, window="11d") == [("a", 0.0, True, True)]


@pytest.mark.parametrize("window", ["3mo", "", "d", "0d", "-5d", "90"])
def test_a_window_that_is_no_number_of_days_is_refused(window):
    with pytest.raises(ValueError, match=f"^window: '{window}' is not a number of days such as 90d"):
        bought(pl.DataFrame.clone, ("a", 0, 1), days=100, window=window)


def test_the_date_may_be_in_another_zone_than_the_times(on_engine):
    frame = pl.DataFrame({"customer_id": ["a"], "time": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], "lines": [1]})
    before, after = (dt.datetime(2026, 1, 1, hour, tzinfo=ZoneInfo("Asia/Jakarta")) for hour in (6, 8))
    assert rows_of(buyers(on_engine(frame), before), "customer_id") == []
    assert rows_of(buyers(on_engine(frame), after), "customer_id") == [("a",)]


def test_from_lines_to_buyers(on_engine):
    result = orders(
        on_engine(
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
    assert rows_of(buyers(result, START + 100 * DAY), "customer_id", "repeated") == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]


def test_a_window_has_days_of_24_hours_though_the_clock_is_changed():
    """From 1 January, 00:00, in London, 90 days end on 1 April, 01:00 summer time."""
    london = ZoneInfo("Europe/London")
    times = [dt.datetime(2026, 1, 1, tzinfo=london), dt.datetime(2026, 4, 1, 0, 59, tzinfo=london)]
    frame = pl.DataFrame({"customer_id": "a", "time": times, "lines": 1})
    for hour, window_over, repeated in [(0, False, False), (1, True, True)]:
        result = buyers(frame, dt.datetime(2026, 4, 1, hour, tzinfo=london))
        assert result.select("window_over", "repeated").rows() == [(window_over, repeated)]


def test_an_event_that_repeats_is_refused_and_unique_ones_are_ordered_once():
    lines = pl.DataFrame(
        {
            "customer_id": ["a", "a", "a"],
            "time": [1, 1, 2],
            "action": ["purchase"] * 3,
            "value": [10.0, 10.0, 5.0],
            "event_id": ["1", "1", None],
        }
    )
    with pytest.raises(DataError, match="event_id: 1 rows repeat"):
        orders(lines)
    assert orders(lines[1:])["value"].sort().to_list() == [5, 10]


def test_an_order_has_the_channel_of_its_purchases_not_of_its_refund():
    lines = pl.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "time": [1, 9, 3],
            "action": ["purchase", "refund", "refund"],
            "value": [100.0, 10.0, 5.0],
            "order_id": ["1", "1", None],
            "channel": ["web", "email", "store"],
        }
    )
    made = orders(lines).sort("customer_id").select("customer_id", "value", "channel")
    assert made.rows() == [("a", 90.0, "web"), ("b", -5.0, "store")]
