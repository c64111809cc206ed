"""Calibration: log odds scaled and shifted so that they fit later outcomes."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from engagekit.churn.statistics import SURE
from engagekit.churn.threads import one_thread

__all__ = ["NO_CORRECTION", "correction", "log_odds"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ITERATIONS = 2_000
NO_CORRECTION = (1.0, 0.0)
CONTRADICTED = 5.991  # 95 % point of chi-squared with 2 degrees of freedom


def log_odds(probability: Floats) -> Floats:
    """Log odds of a probability, which is kept 1e-9 from 0 and 1.

    Examples
    --------
    >>> log_odds(np.array([0.5])).tolist()
    [0.0]
    """
    odds: Floats = logit(np.clip(probability, SURE, 1 - SURE))
    return odds


def correction(odds: Floats, churned: Bools) -> tuple[float, float]:
    """Slope and shift of log odds that fit outcomes best; 1 and 0 where the outcomes do not contradict the odds.

    The test is a likelihood-ratio test at 5 %: a correction that is not needed adds noise. Where all odds are the same
    they are shifted to the observed share.

    References
    ----------
    .. [1] Platt, J. (1999). Probabilistic Outputs for Support Vector Machines. Advances in Large Margin Classifiers.

    Examples
    --------
    >>> correction(np.zeros(4), np.array([True, False, True, False]))
    (1.0, 0.0)
    """
    from sklearn.linear_model import LogisticRegression

    if np.ptp(odds) == 0:
        return 1.0, float(logit(churned.mean()) - odds[0])
    with one_thread():
        line = LogisticRegression(C=np.inf, max_iter=ITERATIONS).fit(odds[:, None], churned)
    slope, shift = float(line.coef_[0, 0]), float(line.intercept_[0])
    gain = 2 * (_log_likelihood(shift + slope * odds, churned) - _log_likelihood(odds, churned))
    return (slope, shift) if gain >= CONTRADICTED else NO_CORRECTION


def _log_likelihood(odds: Floats, churned: Bools) -> float:
    return float(odds[churned].sum() - np.logaddexp(0, odds).sum())
