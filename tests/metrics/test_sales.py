import datetime as dt

import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit.errors import DataError
from engagekit.metrics import (
    cross_sell_rate,
    gross_order_value,
    order_value,
    orders_per_customer,
    product_usage_rate,
    refund_rate,
    refunded_order_rate,
    repeat_purchase_rate,
    revenue_per_customer,
)
from engagekit.prepare.orders import buyers, orders

DAY = dt.datetime(2026, 1, 1)
LINES = pl.DataFrame(
    [
        ("ana", 0, "purchase", 60.0, "1", "tea"),
        ("ana", 0, "purchase", 40.0, "1", "tea"),
        ("ana", 40, "purchase", 80.0, "2", "cups"),
        ("ana", 50, "refund", -30.0, "2", "cups"),
        ("budi", 0, "purchase", 150.0, "3", "tea"),
        ("budi", 9, "view", None, None, "cups"),  # looked at, and not bought
        ("citra", 80, "purchase", 20.0, "4", "tea"),
    ],
    schema=["customer_id", "day", "action", "value", "order_id", "product"],
    orient="row",
).select(pl.exclude("day"), time=pl.lit(DAY) + pl.duration(days="day"))
ORDERS = orders(LINES)
BUYERS = buyers(ORDERS, DAY + dt.timedelta(days=100))  # citra's 90 days are not over
RETURNED = orders(
    pl.DataFrame(
        [("ana", 1, "purchase", 100.0), ("ana", 2, "refund", -50.0), ("budi", 3, "refund", -70.0)],
        schema=["customer_id", "time", "action", "value"],
        orient="row",
    )
)  # without an order_id, so that no refund belongs to an order


def named(value):
    return getattr(value, "name", None)


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator", "units"),
    [
        (order_value, 100 + (80 - 30) + 150 + 20, 4, 3),
        (gross_order_value, 100 + 80 + 150 + 20, 4, 3),
        (orders_per_customer, 4, 3, 3),
        (revenue_per_customer, 100 + (80 - 30) + 150 + 20, 3, 3),
        (refund_rate, 30, 100 + 80 + 150 + 20, 4),
        (refunded_order_rate, 1, 4, 4),
    ],
    ids=named,
)
def test_four_orders_of_three_customers_one_of_them_refunded_in_part(metric, numerator, denominator, units):
    found = metric(ORDERS)
    assert (found.numerator, found.denominator, found.n, found.units) == (numerator, denominator, 4, units)
    assert found.value == pytest.approx(numerator / denominator)


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        (order_value, 100 - 50 - 70, 1),
        (gross_order_value, 100, 1),
        (orders_per_customer, 1, 1),  # budi, who only sent something back, is no buyer
        (revenue_per_customer, 100 - 50 - 70, 1),
        (refund_rate, 50 + 70, 100),  # refunds of earlier orders can bring it above 1
    ],
    ids=named,
)
def test_a_refund_without_its_order_lowers_the_money_and_is_no_order(metric, numerator, denominator):
    found = metric(RETURNED)
    assert (found.numerator, found.denominator, found.value) == (numerator, denominator, numerator / denominator)


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        (order_value, 100 + 50 - 55, 2),  # 47.5, and not 95
        (gross_order_value, 100 + 50, 2),
        (orders_per_customer, 2, 2),
        (revenue_per_customer, 100 + 50 - 55, 2),
        (refund_rate, 55, 150),
        (refunded_order_rate, 1, 2),
    ],
    ids=named,
)
def test_an_order_refunded_beyond_its_price_stays_an_order(metric, numerator, denominator):
    rows = [("ana", 1, "purchase", 100.0, "1"), ("budi", 1, "purchase", 50.0, "2"), ("budi", 9, "refund", 55.0, "2")]
    schema = ["customer_id", "time", "action", "value", "order_id"]
    estimate = metric(orders(pl.DataFrame(rows, schema=schema, orient="row")))
    assert (estimate.numerator, estimate.denominator) == (numerator, denominator)


def test_a_refund_of_nothing_is_no_order():
    rows = [("ana", 1, "purchase", 100.0), ("budi", 2, "refund", 0.0)]
    kept = orders(pl.DataFrame(rows, schema=["customer_id", "time", "action", "value"], orient="row"))
    assert order_value(kept).value == revenue_per_customer(kept).value == 100


def test_an_order_given_away_is_an_order():
    given = pl.DataFrame({"customer_id": ["a", "b"], "value": [100, 0], "lines": [1, 1]})
    assert order_value(given).value == 50
    assert (orders_per_customer(given).value, revenue_per_customer(given).value) == (1, 50)


def test_an_order_given_away_is_an_order_before_refunds_too():
    given = pl.DataFrame({"customer_id": ["a", "b"], "value": [100, 0], "gross": [100, 0], "lines": [1, 1]})
    assert gross_order_value(given).value == order_value(given).value == 50


@pytest.mark.parametrize(
    "metric", [order_value, gross_order_value, revenue_per_customer, refund_rate, refunded_order_rate], ids=named
)
def test_an_order_without_a_value_does_not_count(metric):
    unknown = ORDERS.head(1).with_columns(
        pl.lit("new").alias("customer_id"), pl.lit(None, pl.Float64).alias("value"), gross=None, refunded=None
    )
    assert metric(pl.concat([ORDERS, unknown], how="vertical_relaxed")) == metric(ORDERS)


def test_an_order_without_a_value_is_still_an_order_of_its_customer():
    frame = pl.DataFrame({"customer_id": ["a", "a", "b"], "value": [5.0, None, None], "lines": [1, 2, 1]})
    assert (orders_per_customer(frame).numerator, orders_per_customer(frame).denominator) == (3, 2)
    assert (revenue_per_customer(frame).numerator, revenue_per_customer(frame).denominator) == (5, 1)


def test_refunds_alone_have_nothing_to_divide_by():
    refunds = RETURNED.filter(pl.col("lines") == 0)
    for metric in (order_value, revenue_per_customer, refund_rate):
        assert metric(refunds).reason == "zero_denominator"
    for metric in (gross_order_value, orders_per_customer, refunded_order_rate):
        assert metric(refunds).reason == "no_rows"


def test_a_return_booked_as_a_purchase_below_zero_is_a_refund():
    """Under an order's own id it makes that order cheaper, as a voucher does."""
    booked = LINES.with_columns(action=pl.lit("purchase")).filter(pl.col("value").is_not_null())
    found = orders(booked)
    assert (refund_rate(found).numerator, refund_rate(found).denominator) == (0, 320)
    alone = orders(booked.with_columns(order_id=pl.int_range(pl.len()).cast(pl.String)))  # each line under its own id
    assert (refund_rate(alone).numerator, refund_rate(alone).denominator) == (30, 350)
    assert (order_value(alone).numerator, order_value(alone).denominator) == (320, 5)
    assert refunded_order_rate(alone).value == 0


def test_a_part_of_refunded_money_is_never_negative():
    with pytest.raises(DataError, match="refunded -5"):
        refund_rate(pl.DataFrame({"refunded": [-5], "gross": [10]}))


@pytest.mark.parametrize("metric", [repeat_purchase_rate, cross_sell_rate], ids=named)
def test_one_of_two_buyers_whose_window_is_over_came_back_and_for_another_product(metric):
    found = metric(BUYERS)
    assert (found.numerator, found.denominator, found.value) == (1, 2, 0.5)
    assert (found.low, found.high) == pytest.approx(proportion_confint(1, 2, method="wilson"))


def test_two_products_at_once_are_cross_selling_and_no_repeat_purchase():
    lines = LINES.head(2).with_columns(product=pl.Series(["tea", "cups"]))
    found = buyers(orders(lines), DAY + dt.timedelta(days=90))
    assert (cross_sell_rate(found).value, repeat_purchase_rate(found).value) == (1, 0)


def test_the_same_product_again_is_a_repeat_purchase_and_no_cross_selling():
    found = buyers(orders(LINES.with_columns(product=pl.lit("tea"))), DAY + dt.timedelta(days=100))
    assert (cross_sell_rate(found).value, repeat_purchase_rate(found).value) == (0, 0.5)


@pytest.mark.parametrize(
    ("metric", "column"), [(repeat_purchase_rate, "repeated"), (cross_sell_rate, "several_products")]
)
def test_coming_back_within_a_window_that_is_not_over_counts_for_nothing(metric, column):
    frame = pl.DataFrame({column: [True, True, False, None], "window_over": [False, True, True, True]})
    found = metric(frame)
    assert (found.numerator, found.denominator, found.units) == (1, 2, 2)
    assert metric(frame.head(1)).reason == "zero_denominator"
    assert metric(frame.tail(1)).reason == "no_rows"


def test_features_used_are_a_share_of_those_offered_by_customer_and_month():
    """Three of ana's eight, two months of four, and one of budi's four: 4 of 12. Who was not active is left out."""
    activity = pl.DataFrame(
        {
            "customer_id": ["ana", "ana", "budi", "citra"],
            "features_used": [1, 2, 1, None],
            "features_offered": [4, 4, 4, None],
        }
    )
    found = product_usage_rate(activity)
    assert (found.numerator, found.denominator, found.n, found.units) == (4, 12, 3, 2)
    assert product_usage_rate(activity.with_columns(features_used=0, features_offered=0)).reason == "zero_denominator"
    with pytest.raises(DataError, match="features_used 5, features_offered 4"):
        product_usage_rate(activity.with_columns(features_used=pl.lit(5)))
