"""Confidence sequences: intervals that stay valid however often they are looked at."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ASSUMED_SIZE", "always_valid_factor"]

ASSUMED_SIZE = (
    1_000  # customers that the sequence is tuned to where no size is planned; any number fixed before is valid
)


def always_valid_factor(n: ArrayLike, planned: float = ASSUMED_SIZE, confidence: float = 0.95) -> NDArray[np.float64]:
    """Half-width of an always-valid interval, in standard errors.

    An ordinary interval errs at most 5 % of the time at one look. A test that is looked at every day, and stopped at
    the first interval that leaves out 0, is wrong far more often. Value plus or minus this many standard errors holds
    the truth at all looks together with the stated probability, so the test may stop at any of them. The price is a
    wider interval: at the planned size 3.04 standard errors instead of 1.96.

    Parameters
    ----------
    n : array-like
        Customers so far, 1 or more.
    planned : float, default 1000
        Customers at which the interval is tightest for its size. Fix it before the test: a number that follows the data
        makes the promise void.
    confidence : float, default 0.95
        Coverage of all looks together, between 0 and 1.

    Returns
    -------
    ndarray
        Infinite where n is 0.

    Raises
    ------
    ValueError
        ``planned`` is not above 0, or ``confidence`` not between 0 and 1.

    Notes
    -----
    Robbins' normal mixture, asymptotic for any estimate with a standard error: with α = 1 − confidence,
    k = −2 log α + log(1 − 2 log α) and r = k n / planned it is sqrt(2 (1 + 1/r) log(sqrt(1 + r) / α)).

    References
    ----------
    .. [1] Waudby-Smith, I., Arbour, D., Sinha, R., Kennedy, E. H., & Ramdas, A. (2024). Time-uniform central limit
       theory and asymptotic confidence sequences. Annals of Statistics, 52(6).
    .. [2] Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm. Annals of
       Mathematical Statistics, 41(5).

    Examples
    --------
    >>> always_valid_factor([100, 1000, 10000]).round(2).tolist()
    [3.86, 3.04, 3.24]
    """
    if not planned > 0:
        raise ValueError(f"planned: {planned} is not above 0")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence} is not between 0 and 1")
    alpha = 1 - confidence
    tuned = -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))
    with np.errstate(divide="ignore"):
        size = tuned * np.asarray(n, float) / planned
        return np.asarray(np.sqrt(2 * (1 + 1 / size) * np.log(np.sqrt(1 + size) / alpha)))
