"""Many comparisons at once, beside statsmodels' procedure and by hand."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from engagekit.metrics.family import directions, would_have_shown

Z = 1.959964


def change(value, error):
    return value, value - Z * error, value + Z * error


def test_the_same_are_beyond_chance_as_by_statsmodels():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1, 40), rng.normal(3.5, 1, 10)])
    told = directions({f"m{place}": change(value, 1.0) for place, value in enumerate(values)})
    chances = 2 * norm.sf(np.abs(values))
    rejected = multipletests(chances, 0.1, method="fdr_bh")[0] & (np.abs(values) > Z)
    assert [told[f"m{place}"] != "none" for place in range(50)] == rejected.tolist()
    assert 0 < rejected.sum() < 50


def test_one_of_many_that_is_barely_beyond_its_interval_is_no_change():
    lone = {"a": change(2.0, 1.0)}
    assert directions(lone) == {"a": "higher"}
    others = {f"m{place}": change(0.01 * place, 1.0) for place in range(40)}  # p = .0455 of 41: .1 / 41 is asked
    assert directions(lone | others)["a"] == "none"


def test_a_rate_and_its_complement_count_once():
    pair = {"churn_rate": change(-2.1, 1.0), "retention_rate": change(2.1, 1.0)}
    assert directions(pair) == {"churn_rate": "lower", "retention_rate": "higher"}
    twin = {f"m{place}": change(0.001 * place, 1.0) for place in range(1, 3)}  # p = .0357: passes of 3, not of 4
    assert directions(pair | twin, rate=0.12)["churn_rate"] == "lower"


@pytest.mark.parametrize("each", [(1.0, math.nan, math.nan), (math.nan, math.nan, math.nan)])
def test_what_has_no_interval_is_unknown(each):
    assert directions({"a": each, "b": change(9.0, 1.0)}) == {"a": "unknown", "b": "higher"}
    assert directions({}) == {}


def test_no_difference_without_spread_is_none():
    assert directions({"a": (0.0, 0.0, 0.0)}) == {"a": "none"}


@pytest.mark.parametrize(("others", "true"), [(0, 0), (39, 0), (39, 5)])
def test_a_change_that_would_have_shown_shows_in_four_of_five_cases(others, true):
    """Others of which some are beyond chance; 4,000 draws of one more with the size that is promised."""
    rng = np.random.default_rng(7)
    quiet = {f"m{place}": change(8.0 if place < true else 0.3 + 0.01 * place, 1.0) for place in range(others)}
    size = would_have_shown(quiet | {"a": change(0.0, 1.0)})["a"]
    drawn = [directions(quiet | {"a": change(value, 1.0)})["a"] for value in rng.normal(size, 1, 4_000)]
    assert drawn.count("higher") / 4_000 == pytest.approx(0.8, abs=0.02)


def test_what_has_no_interval_would_have_shown_at_no_size():
    assert math.isnan(would_have_shown({"a": (1.0, math.nan, math.nan)})["a"])
    assert math.isnan(would_have_shown({"a": (0.0, 0.0, 0.0)})["a"])
