"""How many will leave: by hand, and as often within the interval as it says where the level of churn moves."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from engagekit.churn.expected import expected_sum, level_margin

START, MONTH = dt.datetime(2026, 1, 1), dt.timedelta(days=30)


def on_dates(*churned, customers=100):
    """Customers on dates a month apart, of whom so many left after each."""
    dates = [START + number * MONTH for number in range(len(churned))]
    return pd.DataFrame(
        {
            "date": np.repeat(dates, customers),
            "churned": np.concatenate([np.arange(customers) < number for number in churned]),
        }
    )


def log_odds(churned, rows):
    return np.log((churned + 0.5) / (rows - churned + 0.5))


def test_each_date_is_compared_with_those_whose_outcome_was_known_by_then():
    margin = level_margin(on_dates(40, 50, 30, 20), ahead=2 * MONTH)
    moved = [log_odds(30, 100) - log_odds(40, 100), log_odds(20, 100) - log_odds(90, 200)]
    assert margin == pytest.approx(t.ppf(0.975, 2) * np.sqrt(np.mean(np.square(moved))))


def test_how_far_the_model_was_off_is_one_more_difference():
    known, churned = on_dates(40, 40), np.arange(100) < 20
    odds = log_odds(20, 100)
    even = np.full(100, 0.5)
    shift = np.log(20 / 80)  # of even chances, until they add up to twenty
    assert level_margin(known, MONTH, (even, churned)) == pytest.approx(t.ppf(0.975, 2) * np.sqrt(shift**2 / 2))
    nobody = level_margin(known, MONTH, (even, np.zeros(100, bool)))
    assert np.isfinite(nobody)
    assert nobody > level_margin(known, MONTH, (even, churned)) > 0 > odds


def test_without_dates_nothing_moves_and_without_earlier_ones_it_is_not_known():
    assert level_margin(on_dates(40).drop(columns="date"), MONTH) == 0
    assert np.isnan(level_margin(on_dates(40, 50), ahead=2 * MONTH))


def test_independent_customers_have_the_interval_of_a_binomial():
    value, low, high = expected_sum(np.full(400, 0.2))
    assert value == pytest.approx(80)
    assert (low, high) == pytest.approx((80 - 1.96 * 8, 80 + 1.96 * 8), abs=1.5)  # sqrt(400 * 0.2 * 0.8) is 8


def test_a_margin_shifts_the_log_odds_of_all_at_once():
    value, low, high = expected_sum(np.full(1_000_000, 0.5), margin=np.log(3))
    assert (value, low, high) == pytest.approx((500_000, 250_000, 750_000), rel=1e-3)
    amounts = np.array([1.0, 3.0])
    assert expected_sum(np.array([0.0, 1.0]), amount=amounts)[0] == pytest.approx(3, abs=1e-6)
    assert all(0 <= number <= 4 for number in expected_sum(np.array([0.5, 0.9]), 9.0, amounts))


def test_an_amount_that_is_not_known_does_not_count_and_nobody_is_nothing():
    assert expected_sum(np.array([0.5, 0.5]), amount=np.array([2.0, np.nan]))[0] == pytest.approx(1)
    assert np.isnan(expected_sum(np.array([0.5]), amount=np.array([np.nan]))).all()
    assert expected_sum(np.array([])) == (0, 0, 0)


def test_the_interval_holds_who_leaves_where_the_level_moves():
    """Levels of six dates are drawn, and a seventh: the interval of what was known is made before that is looked at."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        rates = 1 / (1 + np.exp(-(rng.normal(-1, 0.4, 7))))
        *churned, later = rng.binomial(300, rates)
        known = on_dates(*churned, customers=300)
        rate = known["churned"].mean()
        low, high = expected_sum(np.full(300, rate), level_margin(known, MONTH))[1:]
        held += low <= later <= high
    assert held >= 0.92 * 200
