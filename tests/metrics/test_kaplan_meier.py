"""The survival curve: by hand, and beside statsmodels."""

import numpy as np
import pytest
from scipy.special import ndtri
from statsmodels.duration.survfunc import SurvfuncRight

from engagekit.metrics.kaplan_meier import kaplan_meier


def test_a_curve_by_hand():
    """Of four one goes at 1, one of the three left goes at 2, one is lost then, and the last goes at 3."""
    curve = kaplan_meier([3, 1, 2, 2], [1, 1, 1, 0])
    assert curve.times.tolist() == [1, 2, 3]
    assert curve.at_risk.tolist() == [4, 3, 1]
    assert curve.share == pytest.approx([3 / 4, 3 / 4 * 2 / 3, 0])
    assert curve.error[:2] == pytest.approx([3 / 4 * np.sqrt(1 / 12), 1 / 2 * np.sqrt(1 / 12 + 1 / 6)])
    assert np.isnan(curve.error[2])


def test_no_event_is_a_curve_without_points():
    curve = kaplan_meier([1, 2], [False, False])
    assert [len(values) for values in (curve.times, curve.share, *curve.band())] == [0] * 4


@pytest.mark.parametrize("seed", range(6))
def test_random_times_with_ties_equal_statsmodels(seed):
    rng = np.random.default_rng(seed)
    times = rng.exponential(10, 400).round(seed % 3)
    observed = rng.random(400) < 0.6
    observed[times == times.max()] = False  # so that the curve does not reach 0, where statsmodels puts 1e-16
    curve, expected = kaplan_meier(times, observed), SurvfuncRight(times, observed)
    assert curve.times.tolist() == expected.surv_times.tolist()
    assert curve.at_risk.tolist() == expected.n_risk.tolist()
    np.testing.assert_allclose(curve.share, expected.surv_prob, rtol=1e-12)
    np.testing.assert_allclose(curve.error, expected.surv_prob_se, rtol=1e-12)


def test_the_band_is_that_of_its_formula():
    """R's survfit with conf.type = "log-log" gives it too, which the tests of survival hold."""
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1])
    low, high = curve.band(0.9)
    width = ndtri(0.95) * curve.error[0] / (0.75 * -np.log(0.75))
    assert (low[0], high[0]) == pytest.approx((0.75 ** np.exp(width), 0.75 ** np.exp(-width)))
    assert np.isnan([low[-1], high[-1]]).all()


def test_a_confidence_that_is_none_is_refused():
    with pytest.raises(ValueError, match="confidence: 95 is not between 0 and 1"):
        kaplan_meier([1], [1]).band(95)
