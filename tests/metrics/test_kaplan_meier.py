import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf
from statsmodels.duration.survfunc import SurvfuncRight

from engagekit.metrics.kaplan_meier import kaplan_meier


def test_a_curve_by_hand():
    curve = kaplan_meier(np.array([2.0, 1.0, 2.0, 3.0]), np.array([True, True, False, False]))
    assert curve.times.tolist() == [1, 2]
    assert curve.at_risk.tolist() == [4, 3]
    assert curve.share.tolist() == pytest.approx([3 / 4, 3 / 4 * 2 / 3])
    variance = [(3 / 4) ** 2 * (1 / 12), (1 / 2) ** 2 * (1 / 12 + 1 / 6)]
    assert curve.standard_error.tolist() == pytest.approx(np.sqrt(variance).tolist())


def test_no_end_is_a_curve_without_steps():
    assert not len(kaplan_meier(np.array([1.0, 2.0]), np.array([False, False])).times)


@pytest.mark.parametrize("seed", range(20))
def test_statsmodels_and_scipy_have_the_same_curve(seed):
    rng = np.random.default_rng(seed)
    durations = rng.integers(0, 12, 80) / 4
    observed = rng.random(80) < rng.uniform(0.1, 1)
    curve = kaplan_meier(durations, observed)
    theirs = SurvfuncRight(durations, observed)
    assert curve.times.tolist() == theirs.surv_times.tolist()
    assert curve.at_risk.tolist() == theirs.n_risk.tolist()
    np.testing.assert_allclose(curve.share, theirs.surv_prob, atol=1e-12)
    np.testing.assert_allclose(curve.standard_error, theirs.surv_prob_se, atol=1e-12)
    also = ecdf(CensoredData(uncensored=durations[observed], right=durations[~observed])).sf
    np.testing.assert_allclose(curve.share, also.evaluate(curve.times), atol=1e-12)
