import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit import DataError, churn_rate

LOST, START, ACQUIRED = 50, 1000, 200


def base(left=LOST, stayed=START - LOST, new_stayed=ACQUIRED, new_left=0):
    return pl.DataFrame(
        {
            "churned": [True] * left + [False] * stayed + [False] * new_stayed + [True] * new_left,
            "at_risk": [True] * (left + stayed) + [False] * (new_stayed + new_left),
        }
    )


def test_churn_is_5_percent_of_the_opening_base_and_not_25_percent_of_the_acquired():
    found = churn_rate(base())
    assert found.value == 0.05
    assert (found.numerator, found.denominator) == (50, 1000)  # the article's 50 of the 200 acquired would be 25 %


def test_churn_has_wilsons_interval_over_customers_at_risk():
    found = churn_rate(base())
    assert (found.low, found.high) == pytest.approx(proportion_confint(50, 1000, method="wilson"))
    assert (found.n, found.units, found.method) == (1000, 1000, "wilson")


def test_who_came_and_left_within_the_period_is_in_neither_part():
    assert churn_rate(base(new_stayed=150, new_left=50)) == churn_rate(base())


def test_nobody_at_risk_is_no_churn_rate():
    found = churn_rate(base(left=0, stayed=0))
    assert (found.reason, found.denominator) == ("zero_denominator", 0)


@pytest.mark.parametrize("flags", [pl.Int64, pl.Float64, pl.Boolean])
def test_flags_may_be_written_as_numbers(flags):
    assert churn_rate(base().cast(flags)) == churn_rate(base())


def test_a_customer_of_whom_it_is_not_known_does_not_count():
    frame = pl.DataFrame({"churned": [True, None, False], "at_risk": [True, True, True]})
    assert churn_rate(frame).denominator == 2


def test_counts_are_not_taken_for_flags():
    with pytest.raises(DataError, match="churned 50, at_risk 1000"):
        churn_rate(pl.DataFrame({"churned": [50], "at_risk": [1000]}))
