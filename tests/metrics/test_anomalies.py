"""Spikes and shifts of series made by hand, and how often still series of other kinds are called."""

import numpy as np
import pytest
from scipy import stats

from engagekit.metrics.anomalies import LEVEL, P_VALUES, anomaly, statistics

STILL = [10, 11, 10, 12, 11, 10, 11, 12, 10, 11, 12]


def test_a_last_value_far_from_the_others_is_a_spike():
    called = anomaly([*STILL, 40])
    assert (called.kind, called.place, called.direction) == ("spike", 11, "higher")
    assert (called.usual, called.unusual) == (11, 40)
    assert P_VALUES[-1] <= called.p_value <= LEVEL


def test_an_earlier_spike_has_to_be_farther_away_than_a_last_one():
    # of the others the mean distance from 11 is 8/11, less than their step of 1: 8 and 30 steps, critical 5.44 and 16.3
    assert anomaly([*STILL, 3]).direction == "lower"
    assert anomaly([*STILL[:5], 3, *STILL[5:]]) is None
    called = anomaly([*STILL[:5], 41, *STILL[5:]])
    assert (called.kind, called.place) == ("spike", 5)


def test_a_shift_is_dated_by_its_first_value():
    called = anomaly([10, 11, 10, 12, 11, 10, 21, 20, 22, 21, 20, 22])
    assert (called.kind, called.place, called.direction) == ("shift", 6, "higher")
    assert (called.usual, called.unusual) == (10.5, 21)


def test_the_shift_statistic_is_the_share_of_the_distances_that_it_leaves():
    # before: 0 0 1 0, after: 9 9 9 8; from the median 4.5 of all the mean distance is 4.25, from both medians 2 / 8
    series = np.array([[0, 0, 1, 0, 9, 9, 9, 8.0]])
    _, shifts = statistics(series, np.zeros((1, 8)))
    assert shifts[0].argmax() == 1
    assert shifts[0, 1] == pytest.approx(4.25 / 1)  # the smallest step is 1, more than 2 / 8


@pytest.mark.parametrize(
    "series",
    [
        STILL,
        [5.0] * 12,
        [0.1 + 0.2] * 6 + [0.3] * 6,
        [0.0] * 12,
        [0.0] * 11 + [1.0],
        [3, 90],
        [],
        [np.nan] * 12,
        [10, 11, 10, 12, 11, 10, 300],
    ],
    ids=["still", "equal", "equal but for rounding", "zeros", "one of twelve", "two", "none", "blanks", "seven"],
)
def test_nothing_stands_out_where_chance_could_do_it_or_cannot_be_measured(series):
    assert anomaly(series) is None


@pytest.mark.parametrize("slope", [1.0, -3.0])
def test_a_steady_rise_or_fall_is_no_shift(slope):
    assert anomaly(slope * np.arange(13) + np.tile([0.0, 0.3], 7)[:13]) is None


def test_blanks_are_passed_over_and_places_are_those_of_the_series_given():
    called = anomaly([np.nan, *STILL[:4], np.nan, *STILL[4:], 40])
    assert (called.kind, called.place) == ("spike", 13)


def test_only_the_last_14_values_count():
    assert anomaly([4_000, *STILL, 11, 10, 12]) is None
    assert anomaly([*STILL, 11, 10, 12, 40]).place == 14


def test_unit_and_origin_of_the_values_do_not_matter():
    called = anomaly([*STILL, 40])
    for a, b in ((1e-9, 0.0), (1e12, 5.0), (0.01, 1.0)):
        moved = anomaly(a * np.array([*STILL, 40]) + b)
        assert (moved.kind, moved.place, moved.p_value) == (called.kind, called.place, pytest.approx(called.p_value))
    assert anomaly([-value for value in [*STILL, 40]]).direction == "lower"


def test_a_value_of_few_units_has_to_stand_out_more():
    values, errors = [*STILL, 20], [0.1] * 11
    assert anomaly(values, [*errors, 0.1]).place == 11
    assert anomaly(values, [*errors, 3.0]) is None  # 9 away, less than 5.44 times .8 times 3


def test_an_error_measures_chance_where_the_other_values_are_equal():
    assert anomaly([0.0] * 11 + [30 / 50], [0.01] * 11 + [0.07]).unusual == 0.6
    assert anomaly([0.0] * 11 + [30 / 50], [np.nan] * 12) is None


@pytest.mark.parametrize(
    "made",
    [
        lambda rng: rng.standard_normal(11),
        lambda rng: rng.standard_t(3, 9),
        lambda rng: rng.poisson(3, 14),
        lambda rng: rng.gamma(2, 1, 12),
    ],
    ids=["normal", "t3", "counts", "skewed"],
)
def test_false_alarms_of_still_series_are_at_most_five_in_a_hundred(made):
    rng, tried = np.random.default_rng(8), 400
    alarms = sum(anomaly(made(rng)) is not None for _ in range(tried))
    assert alarms <= stats.binom.ppf(0.999, tried, LEVEL)


def test_what_is_clearly_there_is_found_in_noise_and_the_more_so_the_larger_it_is():
    rng, found = np.random.default_rng(9), dict.fromkeys((2, 4, 16), 0)
    for _ in range(200):
        noise = rng.standard_normal(13)
        for size in found:
            called = anomaly(noise + size * (np.arange(13) == 12))
            found[size] += called is not None and (called.kind, called.place) == ("spike", 12)
    assert found[2] < found[4] < found[16]
    assert found[16] == 200
