import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from engagekit.metrics.compare import paired_difference
from engagekit.metrics.engagement import advocate_rate, engagement_score
from engagekit.metrics.sales import order_value


def scores(values, ids=None):
    return pl.DataFrame({"customer_id": ids or [f"c{i}" for i in range(len(values))], "score": values})


def test_the_same_customers_are_compared_with_themselves():
    rng = np.random.default_rng(1)
    before = rng.uniform(20, 60, 50)
    after = before - 2 + rng.normal(0, 1, 50)
    paired = stats.ttest_rel(after, before)
    expected = paired.confidence_interval(0.95)
    assert paired_difference(engagement_score, scores(after), scores(before)) == pytest.approx(
        (np.mean(after - before), expected.low, expected.high)
    )


def test_different_customers_give_the_interval_of_independent_means():
    one, two = [1.0, 2, 6, 9], [4.0, 5, 9, 13]
    difference, low, high = paired_difference(engagement_score, scores(two, list("efgh")), scores(one, list("abcd")))
    squares = sum((v - np.mean(one)) ** 2 for v in one) + sum((v - np.mean(two)) ** 2 for v in two)
    half = stats.t.ppf(0.975, 7) * math.sqrt(8 / 7 * squares / 16)
    assert (difference, low, high) == pytest.approx((3.25, 3.25 - half, 3.25 + half))


def test_a_ratio_of_sums_is_compared_over_customers_and_not_over_orders():
    def orders(**values):
        return pl.DataFrame({"customer_id": list(values), "value": list(values.values())}).explode("value")

    new, old = orders(a=[10.0, 20.0], b=[30.0]), orders(a=[10.0], b=[10.0, 40.0])
    z = {"a": (30 - 20 * 2) / 3 - (10 - 20) / 3, "b": (30 - 20) / 3 - (50 - 20 * 2) / 3}
    half = stats.t.ppf(0.975, 1) * math.sqrt(2 * sum(value**2 for value in z.values()))
    assert paired_difference(order_value, new, old) == pytest.approx((0, -half, half))


def test_a_rate_of_people_works_too_and_pandas_as_well():
    new = pl.DataFrame({"customer_id": list("abcd"), "segment": ["advocate", "advocate", "potential", "at_risk"]})
    old = new.with_columns(segment=pl.lit("at_risk"))
    expected = stats.ttest_rel([1, 1, 0, 0], [0, 0, 0, 0]).confidence_interval(0.95)
    difference, low, high = paired_difference(advocate_rate, new.to_pandas(), old.to_pandas())
    assert (difference, low, high) == pytest.approx((0.5, expected.low, expected.high))


def test_nothing_to_compare_is_undefined():
    empty = scores([1.0]).clear()
    assert all(math.isnan(number) for number in paired_difference(engagement_score, empty, scores([1.0, 2])))
    difference, low, high = paired_difference(engagement_score, scores([3.0]), scores([1.0]))
    assert difference == 2
    assert math.isnan(low)
    assert math.isnan(high)
