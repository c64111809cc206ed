"""Kaplan-Meier estimate of a survival curve, with Greenwood's standard error and a log-log band."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from engagekit.metrics.intervals import Floats, upper_tail

__all__ = ["SurvivalCurve", "kaplan_meier"]


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """A survival curve at the times of its events, in their order.

    Attributes
    ----------
    times : ndarray
        Distinct times at which an event was observed, in the unit of the times given.
    at_risk : ndarray
        How many were under observation just before each time.
    share : ndarray
        Share without an event after each time, 0 to 1.
    error : ndarray
        Greenwood's standard error of the share; NaN where the share is 0.
    """

    times: Floats
    at_risk: Floats
    share: Floats
    error: Floats

    def band(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Confidence interval of the share at each time by itself, from 0 to 1.

        Parameters
        ----------
        confidence : float, default 0.95
            Coverage, between 0 and 1.

        Returns
        -------
        low, high : ndarray
            NaN where the share is 0.

        Notes
        -----
        share^exp(± z error / (share |log share|)), the interval of log(-log share) taken back.
        """
        z = float(ndtri(upper_tail(confidence)))
        with np.errstate(all="ignore"):
            half = z * self.error / (self.share * np.abs(np.log(self.share)))
            return self.share ** np.exp(half), self.share ** np.exp(-half)


def kaplan_meier(times: ArrayLike, observed: ArrayLike) -> SurvivalCurve:
    """Share without an event after each time, where some are under observation for a part of the time only.

    Parameters
    ----------
    times : array-like of float
        Time of the event or, without one, until the end of the observation; one for each subject.
    observed : array-like
        Whether the event was observed: true or 1; else false or 0.

    Returns
    -------
    SurvivalCurve
        Without points where no event was observed.

    Notes
    -----
    With d events among n at risk at each time: share = Π (1 − d/n), error = share sqrt(Σ d / (n (n − d))).

    References
    ----------
    .. [1] Kaplan, E. L., & Meier, P. (1958). Nonparametric Estimation from Incomplete Observations. JASA, 53(282).
    .. [2] Kalbfleisch, J. D., & Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data. Wiley, 16-18.

    Examples
    --------
    >>> curve = kaplan_meier([1, 2, 2, 3], [True, True, False, False])
    >>> curve.times.tolist(), curve.at_risk.tolist(), curve.share.tolist()
    ([1.0, 2.0], [4.0, 3.0], [0.75, 0.5])
    """
    distinct, place = np.unique(np.asarray(times, float), return_inverse=True)
    events = np.bincount(place, np.asarray(observed, float), len(distinct))
    at_risk = np.cumsum(np.bincount(place, minlength=len(distinct))[::-1])[::-1].astype(float)
    some = events > 0
    n, d = at_risk[some], events[some]
    share = np.cumprod(1 - d / n)
    with np.errstate(divide="ignore", invalid="ignore"):  # where nobody is at risk any more
        error = share * np.sqrt(np.cumsum(d / (n * (n - d))))
    return SurvivalCurve(distinct[some], n, share, error)
