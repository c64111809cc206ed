import numpy as np
import pytest
from scipy.stats import binom

from engagekit.metrics.quantile import quantile_interval


@pytest.mark.parametrize("n", [1, 2, 9, 30, 1_000])
@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_bounds_of_a_quantile_have_the_ranks_of_the_binomial_quantiles(n, q):
    below, above = (int(rank) for rank in binom.interval(0.95, n, q))
    _, low, high = quantile_interval(np.arange(1.0, n + 1), q)
    inside = below >= 1 and above < n
    np.testing.assert_equal([low, high], [below, above + 1] if inside else [np.nan, np.nan])
