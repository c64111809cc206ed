"""Gamma-Gamma: the published figures, and whether frequency and value are independent."""

import numpy as np
import polars as pl
import pytest
from buyers import spending
from scipy.stats import spearmanr

from engagekit.errors import DataError
from engagekit.value.fitting import NoConvergence
from engagekit.value.gamma_gamma import GammaGamma


def test_gamma_gamma_on_cdnow(spend):
    assert [spend.p, spend.q, spend.v] == pytest.approx([6.24880, 3.74459, 15.44774], abs=2e-5)
    assert spend.log_likelihood == pytest.approx(-4055.923, abs=1e-3)
    assert spend.customers == 946
    assert GammaGamma(p=6.25, q=3.74, v=15.44).expected_value() == pytest.approx(35.22, abs=5e-3)
    assert spend.expected_value() == pytest.approx(6.24880 * 15.44774 / 2.74459, rel=1e-4)


def test_another_currency_changes_nothing_but_the_currency(summary, spend):
    rupiah = GammaGamma.fit(summary.with_columns(pl.col("value") * 16_000))
    assert [rupiah.p, rupiah.q, rupiah.v / 16_000] == pytest.approx([spend.p, spend.q, spend.v], rel=1e-6)


def test_both_correlations_are_those_of_numpy_and_scipy():
    repeat = spending(together=1).filter(pl.col("frequency") > 0)
    spend = GammaGamma.fit(repeat)
    x, value = (repeat[name].to_numpy() for name in ("frequency", "value"))
    assert spend.correlation == pytest.approx(np.corrcoef(x, value)[0, 1])
    assert spend.rank_correlation == pytest.approx(spearmanr(x, value).statistic)


def test_both_correlations_by_hand_of_rows_that_stand_for_many_customers():
    """Frequencies lie .5 from their mean, values -12.5, -2.5, -2.5 and 17.5; mid-ranks of values -45, 0, 0 and 45."""
    rows = {"frequency": [1, 1, 2, 2], "value": [10.0, 20.0, 20.0, 40.0], "customers": [30] * 4}
    spend = GammaGamma.fit(pl.DataFrame(rows))
    assert spend.correlation == pytest.approx(0.5 * (12.5 + 2.5 - 2.5 + 17.5) / np.sqrt(1 * 475))
    assert spend.rank_correlation == pytest.approx(30 * 90 / np.sqrt(3600 * 4050))
    assert not spend.independent


@pytest.mark.parametrize("correlations", [(0.31, 0.1), (0.1, 0.31), (-0.31, np.nan), (np.nan, -0.31)])
def test_one_correlation_is_enough_for_dependence(correlations):
    pearson, spearman = correlations
    assert not GammaGamma(p=6, q=4, v=16, correlation=pearson, rank_correlation=spearman).independent


def test_parameters_without_a_correlation_are_taken_as_independent():
    assert GammaGamma(p=6, q=4, v=16).independent


def test_a_mean_that_is_not_finite_is_missing():
    heavy = GammaGamma(p=6.0, q=0.9, v=15.0)
    assert np.isnan(heavy.expected_value())
    assert heavy.expected_value(2, 20) == pytest.approx(6 * (15 + 40) / (12 + 0.9 - 1))


@pytest.mark.parametrize(("bad", "shown"), [(0.0, "0"), (-5.0, "-5"), (np.nan, "a missing value"), (np.inf, "inf")])
def test_a_repeat_buyer_whose_value_is_not_above_0_is_refused(bad, shown):
    rows = {"frequency": [0, 1, 2], "value": [None, bad, 7.0]}
    with pytest.raises(DataError, match=f"row 3, value: {shown} is not a number above 0.*Leave such customers out"):
        GammaGamma.fit(pl.DataFrame(rows, strict=False))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"frequency": [0, 0], "value": [None, None]}, "nobody bought again"),
        ({"frequency": [2], "value": [5.0]}, "1 customers do not determine"),
        ({"frequency": [2, 3, 4], "value": [5.0] * 3}, "3 customers do not determine"),
    ],
)
def test_values_that_do_not_determine_the_parameters_are_no_convergence(rows, message):
    with pytest.raises(NoConvergence, match=message):
        GammaGamma.fit(pl.DataFrame(rows, schema_overrides={"value": pl.Float64}))
