"""What is said where data are ugly: all alike, of one, of three, all refunds. Each has a stated answer."""

import math
from datetime import datetime, timedelta

import polars as pl
import pytest

from engagekit import Study
from engagekit.metrics import (
    net_promoter_score,
    order_value,
    per_person,
    promoter_rate,
    revenue_per_customer,
    satisfaction_mean,
)

START = datetime(2026, 1, 1)


def shop(rows):
    """Interactions, one a day, of (customer, action, value)."""
    names = ["customer_id", "action", "value"]
    frame = pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    times = [START + timedelta(days=day) for day in range(len(rows))]
    return Study.of(interactions=frame.with_columns(time=pl.Series(times), channel=pl.lit("shop")), currency="GBP")


def one(study, metric):
    (row,) = study.measure(metric).to_dict("records")
    return row


def test_customers_that_are_all_alike_have_a_value_and_no_interval():
    alike = shop([(f"c{who}", "purchase", 20.0) for who in range(30)])
    for metric in (order_value, revenue_per_customer):
        row = one(alike, metric)
        assert (row["value"], row["warning"]) == (20, "no_spread")
        assert math.isnan(row["low"])
    median = one(alike, "median_order_value")
    assert (median["value"], median["low"], median["high"]) == (20, 20, 20)


def test_one_customer_is_one_unit():
    row = one(shop([("a", "purchase", value) for value in (10.0, 30.0, 50.0)]), order_value)
    assert (row["value"], row["n"], row["units"], row["warning"]) == (30, 3, 1, "one_unit")
    assert math.isnan(row["low"])


def test_three_answers_are_too_few_to_tell_much():
    score = net_promoter_score([10, 9, 3])  # 6 pseudo-answers: p = 2.75/6, d = 1.75/6
    half = 1.959964 * math.sqrt((4.5 / 6 - (1 / 6) ** 2) / 6)
    assert (score.low, score.high) == pytest.approx((100 * (1 / 6 - half), 100 * (1 / 6 + half)))
    assert satisfaction_mean([5, 4, 2]).warning == "few_units"
    share = promoter_rate([10, 9, 3])
    assert share.low < 0.25 < 0.9 < share.high
    named = pl.DataFrame({"customer_id": ["a", "a", "a"], "score": [10, 9, 3]})
    assert net_promoter_score(named).warning == "one_person"
    assert per_person(net_promoter_score)(named).warning == "one_unit"


def test_where_there_are_only_refunds_no_order_has_a_value():
    refunds = shop([(f"c{who}", "refund", 10.0) for who in range(8)])
    for metric in ("order_value", "revenue_per_customer", "refund_rate", "cash_refund_rate"):
        row = one(refunds, metric)
        assert math.isnan(row["value"])
        assert row["reason"] == "zero_denominator"
    assert one(refunds, "median_order_value")["reason"] == "no_rows"
    assert one(refunds, "median_revenue_per_customer")["value"] == -10
