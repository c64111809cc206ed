"""The Kaplan-Meier curve: the share still waiting by time, where some waiting is not over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SurvivalCurve", "kaplan_meier"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SurvivalCurve:
    """Steps of a Kaplan-Meier curve.

    Parameters
    ----------
    times : ndarray of float
        Times at which the waiting of somebody ended, ascending.
    at_risk : ndarray of int
        How many still waited just before each.
    share : ndarray of float
        Share still waiting just after each, 0 to 1.
    standard_error : ndarray of float
        Greenwood's standard error of the share; NaN where the share is 0.
    """

    times: Floats
    at_risk: NDArray[np.int64]
    share: Floats
    standard_error: Floats


def kaplan_meier(durations: Floats, observed: NDArray[np.bool_]) -> SurvivalCurve:
    """Estimate the share still waiting by time, in the unit of the durations.

    Parameters
    ----------
    durations : ndarray of float
        How long each has waited, without missing values.
    observed : ndarray of bool
        Whether the waiting ended then; otherwise it goes on.

    Returns
    -------
    SurvivalCurve
        Without steps if no waiting ended.

    Notes
    -----
    With d ends among n at risk at each time, S = product of (1 - d / n), and its standard error is
    S * sqrt(sum of d / (n (n - d))).

    References
    ----------
    .. [1] Kaplan, E. L., & Meier, P. (1958). Nonparametric Estimation from Incomplete Observations. Journal of the
       American Statistical Association, 53(282).

    Examples
    --------
    Of four, the second still waits:

    >>> curve = kaplan_meier(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, True]))
    >>> curve.times.tolist(), curve.share.tolist()
    ([1.0, 3.0, 4.0], [0.75, 0.375, 0.0])
    """
    times, ends = np.unique(durations[np.asarray(observed, bool)], return_counts=True)
    at_risk = len(durations) - np.searchsorted(np.sort(durations), times)
    share = np.cumprod(1 - ends / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = share * np.sqrt(np.cumsum(ends / (at_risk * (at_risk - ends))))
    return SurvivalCurve(times, at_risk, share, error.astype(np.float64))
