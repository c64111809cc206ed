"""Sample sizes, held to statsmodels."""

import math

import pytest
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from engagekit.decisions.sample_size import sample_size, smallest_effect


@pytest.mark.parametrize(
    ("baseline", "effect", "ratio"), [(0.1, 0.02, 1), (0.5, -0.1, 1), (0.03, 0.01, 3), (0.2, 0.1, 0.5)]
)
def test_the_size_for_proportions_has_the_power_that_statsmodels_gives_it(baseline, effect, ratio):
    control = sample_size(baseline, effect, ratio=ratio) / (1 + ratio)
    made = power_proportions_2indep(-effect, baseline + effect, control, ratio)  # its first arm is the control
    assert made.power == pytest.approx(0.8, abs=0.004)


@pytest.mark.parametrize(("effect", "sd", "ratio"), [(5, 30, 1), (-1, 2.0, 1), (0.4, 1, 2)])
def test_the_size_for_means_is_that_of_statsmodels(effect, sd, ratio):
    control = TTestIndPower().solve_power(abs(effect) / sd, alpha=0.05, power=0.8, ratio=ratio)
    assert sample_size(50, effect, sd=sd, ratio=ratio) == pytest.approx(control * (1 + ratio), abs=1.5)


@pytest.mark.parametrize("power", [0.1, 0.5, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("ratio", [0.25, 0.5, 1, 2, 4])
@pytest.mark.parametrize("shift", [0.01, 0.05, 0.175, 0.25, 0.6, 1, 2, 500])
def test_the_size_for_means_is_the_smallest_to_which_statsmodels_gives_the_power(shift, ratio, power):
    size = sample_size(50, shift * 20, sd=20, power=power, ratio=ratio)

    def reached(customers):
        return TTestIndPower().power(shift, customers / (1 + ratio), 0.05, ratio)

    assert reached(size) >= power - 1e-9 or math.isnan(reached(size))  # SciPy's t has no value far from its centre
    assert size == 4 or reached(size - 1) < power


def test_sizes_of_means_of_unequal_arms():
    control = TTestIndPower().solve_power(5 / 20, alpha=0.05, power=0.9, ratio=4)
    assert sample_size(24, 5, sd=20, power=0.9, ratio=4) == math.ceil(5 * control) == 1053


@pytest.mark.parametrize("customers", [4, 5, 30, 10**6, 10**9])
def test_the_smallest_effect_on_a_mean_is_that_of_statsmodels(customers):
    effect = smallest_effect(customers, 50, sd=30)
    assert TTestIndPower().power(effect / 30, customers / 2, 0.05) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("sd", [None, 0.3])
@pytest.mark.parametrize("customers", [200, 5000])
def test_the_smallest_effect_is_what_the_size_was_made_for(customers, sd):
    effect = smallest_effect(customers, 0.2, sd=sd)
    assert sample_size(0.2, effect, sd=sd) == pytest.approx(customers, abs=2)


def test_no_rise_of_a_proportion_is_large_enough_for_a_handful():
    assert math.isnan(smallest_effect(4, 0.9))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"baseline": 0}, "baseline: 0"),
        ({"baseline": 10, "effect": 2}, "baseline: 10"),
        ({"effect": 0}, "effect: 0"),
        ({"effect": 0.95}, "effect: 0.1 and 0.95"),
        ({"power": 0.01}, "power: 0.01"),
        ({"power": 1}, "power: 1"),
        ({"alpha": 0}, "alpha: 0"),
        ({"ratio": 0}, "ratio: 0"),
        ({"sd": 0}, "sd: 0"),
    ],
)
def test_arguments_out_of_range_are_named(options, problem):
    with pytest.raises(ValueError, match=problem):
        sample_size(**{"baseline": 0.1, "effect": 0.02} | options)


def test_too_few_customers_are_named():
    with pytest.raises(ValueError, match="customers: 3"):
        smallest_effect(3, 0.1)
