import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from engagekit.metrics.estimate import (
    FIELDS,
    Estimate,
    difference,
    net_promoter_interval,
    ratio_interval,
    upper_tail,
    wilson_interval,
)

NAN = math.nan


def proportion(successes, n):
    low, high = wilson_interval(successes, n)
    return Estimate(successes / n, float(low), float(high), successes, n, n, n, "wilson", "", "")


def sums(x, y):
    return x.sum(), y.sum(), (x * x).sum(), (x * y).sum(), (y * y).sum()


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes, n, low, high):
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_wilson_equals_statsmodels_for_every_count(confidence):
    k, n = np.array([(k, n) for n in (1, 2, 3, 7, 20, 101, 1000) for k in range(n + 1)]).T
    expected = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
    np.testing.assert_allclose(wilson_interval(k, n, confidence), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize("p", [0.02, 0.2, 0.5])
def test_wilson_covers_what_enumeration_says(n, p):
    k = np.arange(n + 1)
    low, high = wilson_interval(k, n)
    covered = stats.binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum()
    assert 0.941 <= round(covered, 3) <= 0.978


def test_wilson_covers_95_percent_on_average():
    k = np.arange(51)
    low, high = wilson_interval(k, 50)
    rates = np.linspace(0.05, 0.95, 181)
    covered = [stats.binom.pmf(k, 50, p)[(low <= p) & (p <= high)].sum() for p in rates]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_wilson_of_no_trials_is_undefined():
    assert np.isnan(wilson_interval(0, 0)).all()


def test_wilson_of_none_or_all_touches_the_edge_exactly():
    n = np.arange(1, 500)
    (none_low, none_high), (all_low, all_high) = wilson_interval(0, n), wilson_interval(n, n)
    assert (none_low == 0).all()
    assert (all_high == 1).all()
    np.testing.assert_allclose(none_high, 1 - all_low)
    assert ((none_high > 0) & (none_high < 1)).all()


def test_net_promoter_interval_gives_the_published_numbers():
    low, high = net_promoter_interval(162, 54, 324)
    assert (low, high) == pytest.approx((24.95, 41.11), abs=5e-3)
    assert (low + high) / 2 == pytest.approx(33.03, abs=5e-3)


def test_five_promoters_out_of_five_are_no_certainty():
    # 5 + 3 answers, (5.75 - 0.75) / 8 = 62.5 points; 17.5 to 107.5 before it is cut at 100
    assert net_promoter_interval(5, 0, 5) == pytest.approx((17.5, 100), abs=0.05)
    assert net_promoter_interval(0, 5, 5) == pytest.approx((-100, -17.5), abs=0.05)


def test_net_promoter_interval_of_no_answers_is_undefined():
    assert np.isnan(net_promoter_interval(0, 0, 0)).all()


@pytest.mark.parametrize(("promoters", "detractors"), [(0.50, 0.17), (0.40, 0.30), (0.70, 0.10)])
@pytest.mark.parametrize("n", [20, 60])
def test_net_promoter_interval_covers_95_percent_by_enumeration(promoters, detractors, n):
    p, d = (grid.ravel() for grid in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    p, d = p[p + d <= n], d[p + d <= n]
    chance = stats.multinomial.pmf(
        np.column_stack([p, d, n - p - d]), n, [promoters, detractors, 1 - promoters - detractors]
    )
    low, high = net_promoter_interval(p, d, n)
    truth = 100 * (promoters - detractors)
    assert 0.93 <= chance[(low <= truth) & (truth <= high)].sum() <= 0.97


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_ratio_to_one_a_unit_is_students_interval_of_a_mean(values, confidence):
    x = np.array(values, float)
    half = stats.t.ppf(0.5 + confidence / 2, len(x) - 1) * stats.sem(x)
    found = ratio_interval(len(x), *sums(x, np.ones(len(x))), confidence=confidence)
    np.testing.assert_allclose(found, (x.mean() - half, x.mean() + half), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("units", [2, 5, 29, 300])
def test_a_ratio_equals_the_delta_method_computed_the_long_way(seed, units):
    random = np.random.default_rng(seed)
    y = random.integers(1, 50, units).astype(float)
    x = y * random.gamma(2, 1, units)
    (vx, vxy), (_, vy) = np.cov(x, y)
    ratio = x.mean() / y.mean()
    variance = (vx - 2 * ratio * vxy + ratio**2 * vy) / (units * y.mean() ** 2)
    half = stats.t.ppf(0.975, units - 1) * math.sqrt(variance)
    np.testing.assert_allclose(ratio_interval(units, *sums(x, y)), (ratio - half, ratio + half), rtol=1e-9)


def test_a_ratio_over_many_groups_equals_each_alone():
    random = np.random.default_rng(1)
    groups = [(random.random(8), random.random(8)) for _ in range(3)]
    together = ratio_interval([8] * 3, *zip(*(sums(x, y) for x, y in groups), strict=True))
    alone = [ratio_interval(8, *sums(x, y)) for x, y in groups]
    np.testing.assert_array_equal(np.transpose(together), alone)


@pytest.mark.parametrize(("x", "y"), [([], []), ([3], [4]), ([0, 0], [0, 0]), ([1, 2], [0, 0])])
def test_a_ratio_without_units_or_denominator_has_no_interval(x, y):
    x, y = np.array(x, float), np.array(y, float)
    assert np.isnan(ratio_interval(len(x), *sums(x, y))).all()


def test_rounding_is_not_taken_for_spread():
    x, y = np.array([10.0, 30.0]), np.array([100.0, 300.0])  # both 0.1, which binary fractions cannot write
    assert ratio_interval(2, *sums(x, y)) == (0.1, 0.1)


def test_a_small_real_spread_is_kept():
    x = np.array([1_000_000.0, 1_000_010.0, 999_990.0])
    expected = stats.t.interval(0.95, 2, x.mean(), stats.sem(x))
    np.testing.assert_allclose(ratio_interval(3, *sums(x, np.ones(3))), expected, rtol=1e-7)


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
    found = difference(proportion(*new), proportion(*old))
    assert found == pytest.approx((change, low, high), abs=5e-5)
    assert found[1:] == pytest.approx(confint_proportions_2indep(*new, *old, method="newcomb"), abs=1e-12)


def test_a_difference_of_symmetric_intervals_adds_their_halves_as_right_angles():
    new, old = (
        Estimate(value, value - half, value + half, 0, 0, 9, 9, "delta", "", "") for value, half in [(7, 3), (2, 4)]
    )
    assert difference(new, old) == pytest.approx((5, 0, 10))


def test_a_difference_to_nothing_is_undefined():
    nothing = Estimate(NAN, NAN, NAN, NAN, NAN, 0, 0, "", "", "no_rows")
    assert np.isnan(difference(proportion(5, 10), nothing)).all()
    assert np.isnan(difference(nothing, proportion(5, 10))).all()


def test_a_difference_without_interval_still_has_its_value():
    one = Estimate(5.0, NAN, NAN, 5, 1, 1, 1, "", "one_unit", "")
    change, low, high = difference(one, proportion(5, 10))
    assert change == 4.5
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, NAN])
def test_confidence_is_a_fraction(confidence):
    with pytest.raises(ValueError, match="confidence: .* is not between 0 and 1"):
        upper_tail(confidence)
    for interval, numbers in [
        (wilson_interval, (1, 2)),
        (net_promoter_interval, (1, 0, 2)),
        (ratio_interval, (2, 3, 2, 5, 3, 2)),
    ]:
        with pytest.raises(ValueError, match="confidence"):
            interval(*numbers, confidence)


def test_more_confidence_is_a_wider_interval():
    for interval, numbers in [
        (wilson_interval, (30, 50)),
        (net_promoter_interval, (30, 10, 50)),
        (ratio_interval, (3, 6, 3, 14, 6, 3)),
    ]:
        widths = [high - low for low, high in (interval(*numbers, confidence) for confidence in (0.8, 0.9, 0.99))]
        assert widths == sorted(widths)
        assert widths[0] < widths[2]


def test_an_estimate_is_json_with_null_for_what_is_undefined():
    estimate = Estimate(NAN, NAN, math.inf, 0.0, 5.0, 5, 1, "", "one_unit", "zero_denominator")
    found = json.loads(json.dumps(estimate.as_dict(), allow_nan=False))
    assert list(found) == list(FIELDS)
    assert (found["value"], found["low"], found["high"]) == (None, None, None)
    assert (found["numerator"], found["n"], found["warning"]) == (0.0, 5, "one_unit")


def test_an_estimate_is_made_of_a_row_that_has_more_than_it_needs():
    estimate = proportion(9, 10)
    assert Estimate.of(estimate.as_dict() | {"metric": "open_rate", "period": None}) == estimate
