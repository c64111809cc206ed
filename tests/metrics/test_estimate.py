import json
import math
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
from halls import by_halls_transformation
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from engagekit.metrics import click_rate, open_rate
from engagekit.metrics.estimate import FIELDS, Estimate
from engagekit.metrics.intervals import (
    net_promoter_interval,
    rate_interval,
    ratio_interval,
    unit_skewness,
    upper_tail,
    wilson_interval,
)

NAN = math.nan


def proportion(successes, n):
    low, high = wilson_interval(successes, n)
    return Estimate(successes / n, float(low), float(high), successes, n, n, n, "wilson", "", "")


def sums(x, y):
    """Sums over units of x, y and their products of two and of three."""
    products = (x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3)
    return [product.sum() for product in products]


def squares(x, y):
    """As ``sums``, without the products of three."""
    return sums(x, y)[:5]


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


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=20), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_of_a_mean_of_what_is_not_skewed_is_students(values, confidence):
    x = np.array([*values, *(1 - value for value in values)], float)
    half = stats.t.ppf(0.5 + confidence / 2, len(x) - 1) * stats.sem(x)
    result = ratio_interval(len(x), *sums(x, np.ones(len(x))), confidence=confidence)
    np.testing.assert_allclose(result, (0.5 - half, 0.5 + half), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("units", [5, 29, 300])
def test_a_ratio_equals_the_delta_method_with_halls_transformation_computed_the_long_way(seed, units):
    random = np.random.default_rng(seed)
    y = random.integers(1, 50, units).astype(float)
    x = y * random.gamma(2, 1, units)
    (vx, vxy), (_, vy) = np.cov(x, y)
    ratio = x.mean() / y.mean()
    variance = (vx - 2 * ratio * vxy + ratio**2 * vy) / (units * y.mean() ** 2)
    assert math.sqrt(variance) == pytest.approx((x - ratio * y).std(ddof=1) * math.sqrt(units) / y.sum(), rel=1e-9)
    np.testing.assert_allclose(ratio_interval(units, *sums(x, y)), by_halls_transformation(x, y), rtol=1e-7)
    low, high = ratio_interval(units, *sums(-x, y))  # skewed the other way
    np.testing.assert_allclose((-high, -low), by_halls_transformation(x, y), rtol=1e-7)


def test_an_interval_reaches_further_to_where_units_are_skewed():
    x = np.array([1.0, 1, 2, 2, 3, 30])
    low, high = ratio_interval(6, *sums(x, np.ones(6)))
    assert high - x.mean() > 2 * (x.mean() - low) > 0
    assert unit_skewness(6, *sums(x, np.ones(6))) == pytest.approx(stats.skew(x))


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
    expected = stats.t.interval(0.95, 2, x.mean(), stats.sem(x))  # they are not skewed
    np.testing.assert_allclose(ratio_interval(3, *sums(x, np.ones(3))), expected, rtol=1e-7)


def rate_by_units(x, y, confidence=0.95):
    """Wilson's interval of as many trials as spread as the units do, as the roots of its equation."""
    rate, weight = x.sum() / y.sum(), y / y.sum()
    even = 1 / np.sum(weight**2)
    variance = even / (even - 1) * np.sum(weight**2 * (np.divide(x, y, where=y > 0, out=np.zeros(len(y))) - rate) ** 2)
    s = variance / (rate * (1 - rate)) * stats.t.ppf(0.5 + confidence / 2, even - 1) ** 2
    return tuple(np.sort(np.roots([1 + s, -(2 * rate + s), rate**2]).real))  # (p - R)^2 = s p (1 - p)


def test_a_rate_over_units_by_hand():
    """Four units of ten with 2, 3, 3 and 4: R = 12/40 = 0.3, the residuals 2 − 3, 0, 0 and 4 − 3 have squares of 2.

    k = 40²/400 = 4; s² = 4/3 · 2/40² = 1/600; n = 0.21 · 600 = 126; t(3) = 3.1824, t²/n = 0.080380:
    (0.3 + 0.040190 ± sqrt(0.080380 · 0.21 + 0.040190²)) / 1.080380 = (0.340190 ± 0.135997) / 1.080380.
    """
    result = rate_interval(*squares(np.array([2.0, 3, 3, 4]), np.full(4, 10.0)))
    assert result == pytest.approx((0.189001, 0.440759), abs=2e-6)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("seed", range(6))
def test_a_rate_over_units_equals_a_route_over_the_units(seed, confidence):
    random = np.random.default_rng(seed)
    y = random.integers(0, 60, 25).astype(float)  # a unit may have no trial
    x = random.binomial(y.astype(int), random.beta(1, 4, 25)).astype(float)
    np.testing.assert_allclose(rate_interval(*squares(x, y), confidence), rate_by_units(x, y, confidence), rtol=1e-9)


def test_units_of_one_trial_are_wilsons_of_one_trial_less_with_students_t():
    """k = n units of y = 1: s² = n/(n − 1) · n R(1 − R)/n² = R(1 − R)/(n − 1), so n − 1 trials, and t(n − 1)."""
    for n, hits in [(5, 2), (20, 1), (1000, 300)]:
        t2, trials, rate = stats.t.ppf(0.975, n - 1) ** 2, n - 1, hits / n
        half = math.sqrt(t2 * rate * (1 - rate) / trials + (t2 / (2 * trials)) ** 2)
        middle = rate + t2 / (2 * trials)
        expected = (middle - half) / (1 + t2 / trials), (middle + half) / (1 + t2 / trials)
        assert rate_interval(hits, n, hits, hits, n) == pytest.approx(expected)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.99])
def test_many_units_of_one_trial_come_to_wilsons_interval(rate):
    off = []
    for n in (100, 10_000, 1_000_000):
        hits = rate * n
        result, expected = np.array(rate_interval(hits, n, hits, hits, n)), np.array(wilson_interval(hits, n))
        assert result[0] < expected[0] < expected[1] < result[1]  # t is wider than z
        off.append(np.abs(result - expected).max())
    assert off[0] > 50 * off[1] > 50 * 50 * off[2]
    assert off[2] < 1e-8


@given(st.data())
def test_a_rate_over_units_lies_within_its_interval_and_that_within_0_and_1(data):
    y = np.array(data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=30)), float)
    x = np.array([data.draw(st.integers(0, int(whole))) for whole in y], float)
    low, high = rate_interval(*squares(x, y))
    if np.isnan(low):
        assert np.isnan(high)
        assert np.ptp(x / y) == 0
    else:
        assert -1e-12 <= low <= x.sum() / y.sum() <= high <= 1 + 1e-12


def test_the_order_of_units_changes_no_interval():
    random = np.random.default_rng(5)
    y = random.integers(1, 400, 30).astype(float)
    x = random.binomial(y.astype(int), 0.2).astype(float)
    expected = rate_interval(*squares(x, y))
    for _ in range(10):
        order = random.permutation(30)
        assert rate_interval(*squares(x[order], y[order])) == pytest.approx(expected)


def test_the_complement_of_a_rate_has_the_mirrored_interval():
    x, y = np.array([2.0, 30, 1, 9]), np.array([20.0, 90, 40, 10])
    low, high = rate_interval(*squares(x, y))
    assert rate_interval(*squares(y - x, y)) == pytest.approx((1 - high, 1 - low))


def test_units_without_a_trial_change_no_interval():
    x, y = np.array([2.0, 3, 1]), np.array([20.0, 9, 4])
    padded = rate_interval(*squares(np.append(x, [0, 0]), np.append(y, [0, 0])))
    assert padded == rate_interval(*squares(x, y))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0, 0, 0], [5, 9, 2]),  # R = 0
        ([5, 9, 2], [5, 9, 2]),  # R = 1
        ([1, 3], [10, 30]),  # no spread
        ([3], [10]),
        ([3, 0], [10, 0]),  # one unit has all of it
        ([0, 0], [0, 0]),
        ([], []),
    ],
)
def test_units_that_do_not_spread_have_no_interval_of_their_own(x, y):
    assert np.isnan(rate_interval(*squares(np.array(x, float), np.array(y, float)))).all()


@pytest.mark.parametrize(
    ("opens", "delivered"),
    [([0, 0, 0], [5, 9, 2]), ([5, 9, 2], [5, 9, 2]), ([1, 3], [10, 30]), ([3], [10]), ([3, 0], [10, 0])],
)
def test_a_metric_then_has_the_interval_of_its_trials_and_says_so(opens, delivered):
    result = open_rate(pl.DataFrame({"opens": opens, "delivered": delivered}))
    trials = proportion_confint(sum(opens), sum(delivered), method="wilson")
    assert (result.low, result.high) == pytest.approx(trials, abs=1e-12)
    assert (result.method, result.warning) == ("wilson", "machine_opens within_one_unit")


def test_rates_of_many_groups_equal_each_alone():
    random = np.random.default_rng(1)
    y = random.integers(1, 50, (4, 9)).astype(float)
    x = random.binomial(y.astype(int), 0.4).astype(float)
    together = rate_interval(*zip(*(squares(*units) for units in zip(x, y, strict=True)), strict=True))
    np.testing.assert_array_equal(
        np.transpose(together), [rate_interval(*squares(*units)) for units in zip(x, y, strict=True)]
    )


@pytest.mark.parametrize(
    ("clicks", "delivered"),
    [([60, 1], [300, 1]), ([2000, 4, 5, 3], [10_000, 10, 10, 10]), ([200_000, 1], [1_000_000, 3])],
)
def test_one_unit_beside_which_the_others_are_nothing_leaves_the_whole_range(clicks, delivered):
    """A mailing to everyone and a test to one: as if of one unit, of which nothing is known but that it is a rate."""
    low, high = rate_interval(*squares(np.array(clicks, float), np.array(delivered, float)))
    assert (low, high) == pytest.approx((0, 1), abs=1e-3)
    result = click_rate(pl.DataFrame({"clicks": clicks, "delivered": delivered}))
    assert 0 <= result.low <= result.value <= result.high <= 1


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, NAN])
def test_confidence_is_a_fraction(confidence):
    with pytest.raises(ValueError, match="confidence: .* is not between 0 and 1"):
        upper_tail(confidence)
    for interval, numbers in [
        (wilson_interval, (1, 2)),
        (net_promoter_interval, (1, 0, 2)),
        (ratio_interval, (2, 3, 2, 5, 3, 2, 9, 5, 3, 2)),
        (rate_interval, (12, 40, 38, 120, 400)),
    ]:
        with pytest.raises(ValueError, match="confidence"):
            interval(*numbers, confidence)


def test_more_confidence_is_a_wider_interval():
    for interval, numbers in [
        (wilson_interval, (30, 50)),
        (net_promoter_interval, (30, 10, 50)),
        (ratio_interval, (3, 6, 3, 14, 6, 3, 36, 14, 6, 3)),
        (rate_interval, (12, 40, 38, 120, 400)),
    ]:
        widths = [high - low for low, high in (interval(*numbers, confidence) for confidence in (0.8, 0.9, 0.99))]
        assert widths == sorted(widths)
        assert widths[0] < widths[2]


def test_an_estimate_is_json_with_null_for_what_is_undefined():
    estimate = Estimate(NAN, NAN, math.inf, 0.0, 5.0, 5, 1, "", "one_unit", "zero_denominator")
    result = json.loads(json.dumps(estimate.as_dict(), allow_nan=False))
    assert list(result) == list(FIELDS)
    assert (result["value"], result["low"], result["high"]) == (None, None, None)
    assert (result["numerator"], result["n"], result["warning"]) == (0.0, 5, "one_unit")


def test_an_estimate_is_made_of_a_row_that_has_more_than_it_needs():
    estimate = proportion(9, 10)
    assert Estimate.of(asdict(estimate) | {"metric": "open_rate", "period": None}) == estimate
