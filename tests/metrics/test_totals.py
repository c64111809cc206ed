"""Totals of a period, counted by hand."""

import datetime as dt

import polars as pl
import pytest

import engagekit as ek
from engagekit.metrics import (
    active_customers,
    conversions,
    followers,
    impressions,
    leads,
    mails_delivered,
    new_customers,
    orders_placed,
    reach,
    revenue,
    saves,
    sessions,
    spend,
    visitors,
)


def at(month, day, hour=9):
    return dt.datetime(2026, month, day, hour)


SEEN = pl.DataFrame(
    [
        ("a", at(1, 3), "view", None),
        ("a", at(1, 3, 10), "purchase", 20.0),
        ("a", at(1, 20), "purchase", 30.0),
        ("a", at(2, 2), "refund", 5.0),
        ("b", at(1, 9), "purchase", 7.5),
        ("b", at(2, 9), "view", None),
        (None, at(2, 10), "view", None),
    ],
    schema=["customer_id", "time", "action", "value"],
    orient="row",
)


def months(metric, frame, time="time"):
    """Values by month, oldest first."""
    measured = ek.measure(frame, metric, every="1mo", at=time, as_of=at(3, 1, 0))
    return measured["value"].to_list()


def test_revenue_is_net_of_refunds_and_a_refund_is_no_order():
    made = ek.orders(SEEN)
    assert months(revenue, made) == [57.5, -5]
    assert months(orders_placed, made)[0] == 3
    assert (revenue(made).value, orders_placed(made).value) == (52.5, 3)


def test_a_customer_is_active_once_a_month_and_once_in_all():
    assert months(active_customers, SEEN) == [2, 2]
    assert (active_customers(SEEN).value, active_customers(SEEN).n) == (2, 6)


def test_visits_are_counted_and_visitors_once():
    made = ek.visits(SEEN)
    assert months(sessions, made, "started_at") == [4, 2]  # a view without a customer is no visit
    assert months(visitors, made, "started_at") == [2, 2]


def test_who_joined_by_month():
    joined = pl.DataFrame({"customer_id": ["a", "b", "c"], "joined_at": [at(1, 1), at(2, 5), at(2, 28, 23)]})
    assert months(new_customers, joined, "joined_at") == [1, 2]


@pytest.mark.parametrize("metric", [saves, reach, impressions, spend, leads, conversions, mails_delivered])
def test_a_column_is_added_up_without_what_is_missing(metric):
    (column,) = metric.columns
    estimate = metric(pl.DataFrame({column: [3, None, 4]}))
    assert (estimate.value, estimate.n) == (7, 2)
    with pytest.raises(ek.DataError):
        metric(pl.DataFrame({column: [3, -1]}))


def test_a_plain_list_of_customers_will_do():
    assert (active_customers(["a", "b", "a", None]).value, visitors(["a", "a"]).value) == (2, 1)


def test_followers_are_the_last_of_each_platform_in_the_period():
    posts = pl.DataFrame(
        {
            "platform": ["x", "x", "x", "facebook", "facebook", "x"],
            "posted_at": [*(at(1, day) for day in (1, 20, 25, 3, 30)), at(2, 2)],
            "followers": [100, 130, None, 50, 40, 90],
        }
    )
    assert months(followers, posts, "posted_at") == [170, 90]  # 130 and 40, the last that are known; then 90
    assert (followers(posts).value, followers(posts).units) == (130, 2)  # 90 and 40
    by_platform = followers(posts, by="platform")
    assert dict(by_platform.select("platform", "value").rows()) == {"facebook": 40, "x": 90}
