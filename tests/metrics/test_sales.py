import datetime as dt

import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit import buyers, order_value, orders, repeat_purchase_rate

DAY = dt.datetime(2026, 1, 1)
LINES = pl.DataFrame(
    [
        ("ana", DAY, "purchase", 60.0, "1"),
        ("ana", DAY, "purchase", 40.0, "1"),
        ("ana", DAY + dt.timedelta(days=40), "purchase", 80.0, "2"),
        ("ana", DAY + dt.timedelta(days=50), "refund", -30.0, "2"),
        ("budi", DAY, "purchase", 150.0, "3"),
        ("budi", DAY + dt.timedelta(days=9), "view", None, None),
        ("citra", DAY + dt.timedelta(days=80), "purchase", 20.0, "4"),
    ],
    schema=["customer_id", "time", "action", "value", "order_id"],
    orient="row",
)


def test_order_value_is_net_money_over_orders():
    found = order_value(orders(LINES))
    assert (found.numerator, found.denominator) == (60 + 40 + 80 - 30 + 150 + 20, 4)
    assert found.value == 80
    assert (found.n, found.units) == (4, 3)


def test_a_refund_without_its_order_lowers_the_money_and_is_no_order():
    found = order_value(pl.DataFrame({"customer_id": ["a", "a", "a"], "value": [100.0, 100.0, -50.0]}))
    assert (found.numerator, found.denominator, found.value) == (150, 2, 75)


def test_an_order_given_away_is_an_order():
    assert order_value([100, 0]).value == 50


def test_an_order_without_a_value_does_not_count():
    assert (order_value([100, None]).value, order_value([100, None]).n) == (100, 1)


def test_one_of_two_buyers_whose_window_is_over_came_back():
    found = repeat_purchase_rate(buyers(orders(LINES), DAY + dt.timedelta(days=100)))
    assert (found.numerator, found.denominator, found.value) == (1, 2, 0.5)  # citra's 90 days are not over
    assert (found.low, found.high) == pytest.approx(proportion_confint(1, 2, method="wilson"))


def test_coming_back_within_a_window_that_is_not_over_counts_for_nothing():
    frame = pl.DataFrame({"repeated": [True, True, False], "window_over": [False, True, True]})
    found = repeat_purchase_rate(frame)
    assert (found.numerator, found.denominator, found.units) == (1, 2, 2)


def test_nobody_whose_window_is_over_is_no_rate():
    found = repeat_purchase_rate(pl.DataFrame({"repeated": [True], "window_over": [False]}))
    assert found.reason == "zero_denominator"
