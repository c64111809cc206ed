import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from engagekit.metrics import (
    METRICS,
    advocate_rate,
    engagement_score,
    net_promoter_score,
    order_value,
    promoter_rate,
)
from engagekit.metrics.compare import difference, paired_difference
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import wilson_interval

NAN = math.nan


def proportion(successes, n):
    low, high = wilson_interval(successes, n)
    return Estimate(successes / n, float(low), float(high), successes, n, n, n, "wilson", "", "")


def numbers(estimate):
    return estimate.value, estimate.low, estimate.high


def scores(values, ids=None):
    return pl.DataFrame({"customer_id": ids or [f"c{i}" for i in range(len(values))], "score": values})


def test_the_same_customers_are_compared_with_themselves():
    rng = np.random.default_rng(1)
    before = rng.uniform(20, 60, 50)
    after = before - 2 + rng.normal(0, 1, 50)
    paired = stats.ttest_rel(after, before)
    expected = paired.confidence_interval(0.95)
    assert paired_difference(engagement_score, scores(before), scores(after)) == pytest.approx(
        (np.mean(after - before), expected.low, expected.high)
    )


def test_different_customers_give_the_interval_of_independent_means():
    one, two = [1.0, 2, 6, 9], [4.0, 5, 9, 13]
    change, low, high = paired_difference(engagement_score, scores(one, list("abcd")), scores(two, list("efgh")))
    squares = sum((v - np.mean(one)) ** 2 for v in one) + sum((v - np.mean(two)) ** 2 for v in two)
    half = stats.t.ppf(0.975, 7) * math.sqrt(8 / 7 * squares / 16)
    assert (change, low, high) == pytest.approx((3.25, 3.25 - half, 3.25 + half))


def test_a_ratio_of_sums_is_compared_over_customers_and_not_over_orders():
    def orders(**values):
        return pl.DataFrame({"customer_id": list(values), "value": list(values.values()), "lines": 1}).explode("value")

    new, old = orders(a=[10.0, 20.0], b=[30.0]), orders(a=[10.0], b=[10.0, 40.0])
    z = {"a": (30 - 20 * 2) / 3 - (10 - 20) / 3, "b": (30 - 20) / 3 - (50 - 20 * 2) / 3}
    half = stats.t.ppf(0.975, 1) * math.sqrt(2 * sum(value**2 for value in z.values()))
    assert paired_difference(order_value, old, new) == pytest.approx((0, -half, half))


def test_a_rate_of_people_works_too_and_pandas_as_well():
    new = pl.DataFrame({"customer_id": list("abcd"), "segment": ["advocate", "advocate", "potential", "at_risk"]})
    old = new.with_columns(segment=pl.lit("at_risk"))
    expected = stats.ttest_rel([1, 1, 0, 0], [0, 0, 0, 0]).confidence_interval(0.95)
    change, low, high = paired_difference(advocate_rate, old.to_pandas(), new.to_pandas())
    assert (change, low, high) == pytest.approx((0.5, expected.low, 1))  # beyond 1 a rate cannot rise


def test_nothing_to_compare_is_undefined():
    empty = scores([1.0]).clear()
    assert all(math.isnan(number) for number in paired_difference(engagement_score, scores([1.0, 2]), empty))
    change, low, high = paired_difference(engagement_score, scores([1.0]), scores([3.0]))
    assert change == 2
    assert math.isnan(low)
    assert math.isnan(high)


@pytest.mark.parametrize(
    ("new", "old", "change", "low", "high"),
    [
        ((56, 70), (48, 80), 0.2, 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.6, 0.1705, 0.8090),
        ((6, 7), (2, 7), 4 / 7, 0.0582, 0.8062),
        ((5, 56), (0, 29), 5 / 56, -0.0381, 0.1926),
    ],
)
def test_a_difference_of_proportions_is_newcombes(new, old, change, low, high):
    result = numbers(difference(proportion(*old), proportion(*new)))
    assert result == pytest.approx((change, low, high), abs=5e-5)
    assert result[1:] == pytest.approx(confint_proportions_2indep(*new, *old, method="newcomb"), abs=1e-12)


def test_a_difference_of_symmetric_intervals_adds_their_halves_as_right_angles():
    new, old = (
        Estimate(value, value - half, value + half, 0, 0, 9, 9, "delta", "", "") for value, half in [(7, 3), (2, 4)]
    )
    assert numbers(difference(old, new)) == pytest.approx((5, 0, 10))
    assert numbers(new - old) == numbers(difference(old, new))


def test_a_difference_to_nothing_is_undefined():
    nothing = Estimate(NAN, NAN, NAN, NAN, NAN, 0, 0, "", "", "no_rows")
    for change in (difference(proportion(5, 10), nothing), difference(nothing, proportion(5, 10))):
        assert np.isnan(numbers(change)).all()
        assert (change.n, change.method, change.reason) == (10, "", "no_rows")


def test_a_difference_without_interval_still_has_its_value():
    one = Estimate(5.0, NAN, NAN, 5, 1, 1, 1, "", "one_unit", "")
    difference_to_one = difference(proportion(5, 10), one)
    change, low, high = numbers(difference_to_one)
    assert (difference_to_one.method, difference_to_one.warning) == ("", "one_unit")
    assert change == 4.5
    assert np.isnan([low, high]).all()


def test_two_scores_of_one_answer_each_differ_by_200_points_and_no_more():
    """Each interval reaches its score, the end of the scale, so the difference reaches the end of its own."""
    worst, best = net_promoter_score([0]), net_promoter_score([10])
    change, low, high = numbers(difference(worst, best))
    assert (change, high) == (200, 200)
    assert -200 <= low <= 200


@given(*[st.lists(st.integers(0, 10), min_size=1, max_size=8)] * 2)
def test_a_difference_of_scores_holds_its_value_and_stays_possible(before, after):
    change, low, high = numbers(difference(net_promoter_score(before), net_promoter_score(after)))
    assert -200 <= low <= change <= high <= 200
    assert change == pytest.approx(net_promoter_score(after).value - net_promoter_score(before).value)


def test_a_paired_difference_stays_within_what_is_possible():
    """Student's half width of a rate with two customers, one of whom changed, is 12.7 times one half."""
    old = pl.DataFrame({"customer_id": ["a", "b"], "segment": ["at_risk", "at_risk"]})
    new = old.with_columns(segment=pl.Series(["advocate", "at_risk"]))
    assert paired_difference(advocate_rate, old, new) == (0.5, -1, 1)
    answers = pl.DataFrame({"customer_id": ["a", "b"], "kind": "nps", "score": [0, 10]})
    assert paired_difference(net_promoter_score, answers, answers.with_columns(score=10)) == (100, -200, 200)
    assert paired_difference(promoter_rate, answers, answers.with_columns(score=10)) == (0.5, -1, 1)


def test_the_confidence_of_a_paired_difference_is_a_fraction():
    with pytest.raises(ValueError, match="confidence: 95 is not between 0 and 1"):
        paired_difference(engagement_score, scores([1.0, 2]), scores([2.0, 3]), confidence=95)


def test_a_customer_outside_the_base_of_both_periods_does_not_narrow_the_interval():
    """Student's paired interval of the customers in the base; one who is in neither base adds no degree of freedom."""
    before, after = [1, 1, 0, 0, 1], [0, 1, 0, 1, 0]
    ids = list("abcde")
    old, new = (
        pl.DataFrame(
            {"customer_id": [*ids, "z"], "churned": [*map(bool, flags), False], "in_base": [True] * 5 + [False]}
        )
        for flags in (before, after)
    )
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert paired_difference(METRICS["churn_rate"], old, new) == pytest.approx(
        (-0.2, max(expected.low, -1), min(expected.high, 1))
    )
