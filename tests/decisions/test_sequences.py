"""Confidence sequences: their width by hand, and how often they err when looked at daily."""

import numpy as np
import pytest
from scipy.stats import binom

from engagekit.decisions.sequences import always_valid_factor

DAYS, A_DAY, RUNS, RATE = 60, 20, 400, 0.1


def test_the_factor_is_robbins_boundary():
    """At n = planned, alpha .05: k = 5.9915 + log 6.9915 = 7.9362, then sqrt(2 · 1.1260 · log(2.9894 / .05))."""
    assert float(always_valid_factor(500, 500)) == pytest.approx(3.0352, abs=1e-4)


def test_it_is_narrowest_around_the_planned_size_and_always_wider_than_one_look():
    own = [float(always_valid_factor(n, n)) / np.sqrt(n) for n in (500, 1000, 2000)]
    for planned in (250, 4000):
        assert all(
            float(always_valid_factor(n, planned)) / np.sqrt(n) > best
            for n, best in zip((500, 1000, 2000), own, strict=True)
        )
    assert (always_valid_factor(np.arange(1, 10_000)) > 1.96).all()
    assert always_valid_factor(0) == np.inf


@pytest.mark.parametrize("planned", [200, 1000, 2400])
def test_who_looks_daily_at_two_equal_arms_errs_at_most_in_5_of_100_tests(planned):
    """20 customers a day and arm of whom a tenth converts, 60 days; at single looks a third of the tests would err."""
    rng = np.random.default_rng(18)
    n = np.arange(1, DAYS + 1) * A_DAY
    x = rng.binomial(A_DAY, RATE, (2, RUNS, DAYS)).cumsum(axis=2)
    careful = (x + 1) / (n + 2)
    error = np.sqrt((careful * (1 - careful) / n).sum(axis=0))
    z = np.abs(x[1] - x[0]) / n / error
    wrong = (z > always_valid_factor(2 * n, planned)).any(axis=1).sum()
    assert wrong <= binom.ppf(0.99, RUNS, 0.05)
    assert (z > 1.96).any(axis=1).sum() > binom.ppf(0.99, RUNS, 0.2)


@pytest.mark.parametrize(("planned", "confidence"), [(0, 0.95), (100, 1.0), (-5, 0.95)])
def test_a_size_or_confidence_out_of_range_is_named(planned, confidence):
    with pytest.raises(ValueError, match="planned|confidence"):
        always_valid_factor(10, planned, confidence)
