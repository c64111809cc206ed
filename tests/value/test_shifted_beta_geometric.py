"""Shifted beta-geometric: the published cohorts, and the lifetime of a contract as a sum."""

import numpy as np
import polars as pl
import pytest
from buyers import HIGH_END, REGULAR, cohort

from engagekit.errors import DataError
from engagekit.value.fitting import NoConvergence
from engagekit.value.shifted_beta_geometric import ShiftedBetaGeometric


@pytest.mark.parametrize(
    ("survivors", "renewals", "alpha", "beta", "height", "ahead"),
    [
        (REGULAR, 7, 0.7041, 1.1820, -1680.265, [22.01, 20.44, 19.12, 17.99, 17.00]),
        (HIGH_END, 7, 0.6681, 3.8061, -1611.158, [46.04, 43.58, 41.42, 39.51, 37.80]),
        (REGULAR, 4, 0.7637, 1.2958, -1401.559, [28.45, 25.37, 22.96, 21.03]),
        (HIGH_END, 4, 1.2810, 7.7904, -1225.135, [53.443, 48.578, 44.449, 40.906, 37.837, 35.155]),
    ],
)
def test_contracts_of_the_paper(survivors, renewals, alpha, beta, height, ahead):
    model = ShiftedBetaGeometric.fit(cohort(survivors, renewals), "year")
    assert [model.alpha, model.beta] == pytest.approx([alpha, beta], abs=5e-5)
    assert model.log_likelihood == pytest.approx(height, abs=5e-4)
    periods = renewals + 1 + np.arange(len(ahead))
    assert 100 * model.survival(periods) == pytest.approx(ahead, abs=6e-3 if renewals == 7 or ahead[0] < 50 else 6e-4)
    assert (model.customers, model.unit) == (1000, "year")


def test_what_the_regular_cohort_is_worth():
    seven, four = (ShiftedBetaGeometric.fit(cohort(REGULAR, renewals), "year") for renewals in (7, 4))
    assert four.discounted_lifetime(0.1) == pytest.approx(3.6211, abs=5e-5)
    assert seven.retention([1, 2, 3, 4, 5]) == pytest.approx([0.6267, 0.7560, 0.8188, 0.8559, 0.8804], abs=5e-5)


def test_lifetime_of_a_contract_is_its_sum():
    model = ShiftedBetaGeometric(alpha=0.7637, beta=1.2958, unit="year")
    periods = np.arange(400)
    assert model.discounted_lifetime(0.1) == pytest.approx((model.survival(periods) / 1.1**periods).sum())
    after = model.survival(3 + periods) / model.survival(3)
    assert model.discounted_lifetime(0.1, renewals=3) == pytest.approx((after / 1.1**periods).sum())
    assert np.cumprod(model.retention([1, 2, 3])) == pytest.approx(model.survival([1, 2, 3]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"renewals": [3, 1], "ended": [False, False]}, "ended: is false for all: nobody left"),
        ({"renewals": [0, 0], "ended": [True, False]}, "renewals: is 0 for all: nobody renewed"),
        ({"renewals": [0, 1], "ended": [True, False], "customers": [40, 60]}, "do not determine its parameters"),
    ],
)
def test_contracts_that_do_not_determine_the_parameters_are_no_convergence(rows, message):
    with pytest.raises(NoConvergence, match=message):
        ShiftedBetaGeometric.fit(pl.DataFrame(rows), "month")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"renewals": [3, -1], "ended": [True, False]}, "row 3, renewals: -1 is not a whole number"),
        ({"renewals": [3, 1], "ended": [1, 2]}, "row 3, ended: 2 is neither true nor false"),
        ({"renewals": [3, 1], "ended": [True, None]}, "row 3, ended: a missing value is neither"),
    ],
)
def test_contracts_that_cannot_be_are_refused(rows, message):
    with pytest.raises(DataError, match=message):
        ShiftedBetaGeometric.fit(pl.DataFrame(rows), "month")


def test_a_discount_of_0_is_refused():
    with pytest.raises(ValueError, match="discount: 0 is not a rate above 0"):
        ShiftedBetaGeometric(alpha=1, beta=1, unit="year").discounted_lifetime(0)
