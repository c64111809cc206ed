"""Quantiles with their intervals: of values, and of waiting times of which some are not over."""

from typing import Any

import numpy as np
from scipy.special import ndtri

from engagekit.metrics.estimate import Floats, upper_tail

__all__ = ["quantile_interval", "waiting_interval"]

ROUNDING = 1e-9  # of a survival probability
Found = tuple[float, float, float]


def quantile_interval(values: Floats, q: float = 0.5, confidence: float = 0.95) -> Found:
    """Quantile of some values and its interval by order statistics, in the values' unit.

    Parameters
    ----------
    values : ndarray
        In any order.
    q : float, default 0.5
        Which quantile, between 0 and 1.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    value, low, high : float
        NaN without values; the bounds also where there are too few.

    Notes
    -----
    The bounds are the values of rank B(α/2) and B(1 − α/2) + 1, B the quantile function of Binomial(n, q).

    Examples
    --------
    >>> [float(number) for number in quantile_interval(np.arange(1.0, 11.0))]
    [5.5, 2.0, 9.0]
    """
    from scipy.stats import binom

    if not len(values):
        return np.nan, np.nan, np.nan
    ordered = np.sort(values)
    below, above = (int(rank) for rank in binom.interval(confidence, len(values), q))
    inside = below >= 1 and above < len(values)
    low, high = (ordered[below - 1], ordered[above]) if inside else (np.nan, np.nan)
    return float(np.quantile(ordered, q)), float(low), float(high)


def waiting_interval(values: Floats, observed: Floats, q: float = 0.5, confidence: float = 0.95) -> Found:
    """Quantile of waiting times and its interval by the Kaplan-Meier curve, in the values' unit.

    Parameters
    ----------
    values : ndarray
        How long each has waited.
    observed : ndarray
        1 where the waiting is over, 0 where it goes on.
    q : float, default 0.5
        Which quantile, between 0 and 1.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    value, low, high : float
        NaN where the curve, or the bound of its log-log band, does not come down to 1 − q.

    Notes
    -----
    Each is where the curve or a bound of its band falls to 1 − q; the value is in the middle where the curve is level
    there, as a median of an even number of values is.

    References
    ----------
    .. [1] Brookmeyer, R., & Crowley, J. (1982). A Confidence Interval for the Median Survival Time. Biometrics,
       38(1).

    Examples
    --------
    Of four, the second still waits; the curve falls to 3/4, 3/8 and 0:

    >>> waiting_interval(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 1.0, 1.0]))[0]
    3.0
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    if not observed.any():
        return np.nan, np.nan, np.nan
    curve = SurvfuncRight(values, observed)
    times, left = curve.surv_times, curve.surv_prob - (1 - q)
    low, high = (_first(times, bound <= 1 - q) for bound in _band(curve, confidence))
    value = (_first(times, left <= ROUNDING), _first(times, left < -ROUNDING))
    return float(np.nanmean(value)) if np.isfinite(value[0]) else np.nan, low, high


def _first(times: Floats, reached: Any) -> float:
    return float(times[reached][0]) if reached.any() else np.nan


def _band(curve: Any, confidence: float) -> tuple[Floats, Floats]:
    """Log-log band of a survival curve, at its times; statsmodels' bounds of a quantile are lost where it drops far."""
    tail, share = upper_tail(confidence), curve.surv_prob
    with np.errstate(all="ignore"):
        half = ndtri(tail) * curve.surv_prob_se / (share * np.abs(np.log(share)))
        lower, upper = share ** np.exp(half), share ** np.exp(-half)
    if share[-1] <= ROUNDING:  # nobody is left; that all of the last ones went leaves this open
        before = upper[-2] if len(upper) > 1 else 1.0
        lower[-1], upper[-1] = 0, before * (1 - (1 - tail) ** (1 / curve.n_risk[-1]))
    return lower, upper
