"""How many customers will leave: the sum of their probabilities, and how far it may be off."""

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from engagekit.churn.calibration import log_odds
from engagekit.metrics.family import Z95
from engagekit.metrics.intervals import upper_tail

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["expected_sum", "level_margin"]

Floats = NDArray[np.float64]


def level_margin(
    known: "pd.DataFrame", ahead: dt.timedelta, tested: tuple[Floats, NDArray[np.bool_]] | None = None
) -> float:
    """Half of the 95 % interval of how far the level of churn moves, in log odds, until a forecast can be checked.

    The churn rate of each date is compared with that of the dates whose outcome was known by then, which is all that a
    forecast had. Seasons and trends move it by more than the customers' own chance does.

    Parameters
    ----------
    known : pandas.DataFrame
        Rows with a known outcome: ``churned`` and, where there are any, ``date``.
    ahead : timedelta
        Time after a date at which its outcome is known.
    tested : tuple of ndarray, optional
        Probabilities on the last date of customers that a model was not fitted to, and whether they churned: how far
        the model itself was off is one more difference.

    Returns
    -------
    float
        From 0 up; 0 for a table without dates, NaN where no date has an earlier one whose outcome was known by then.

    Notes
    -----
    The 97.5 % point of Student's t, with as many degrees of freedom as there are differences, times their root mean
    square. Horizons that overlap are not independent, which makes it too short; that customers are not the same, and
    that rates are of few customers, makes it too long. ``benchmarks/churn.py`` prints how often the number of customers
    who left lay in the interval.

    Examples
    --------
    Five of ten left after one date and two of ten after a later one. With half a customer added to either side, log
    odds fell from 0 to log(2.5 / 8.5) = -1.224; with one difference, t is 12.71.

    >>> import pandas as pd
    >>> days = [dt.datetime(2026, 1, 1)] * 10 + [dt.datetime(2026, 3, 1)] * 10
    >>> known = pd.DataFrame({"date": days, "churned": [True, False] * 5 + [True] * 2 + [False] * 8})
    >>> round(level_margin(known, dt.timedelta(days=28)), 2)
    15.55
    """
    if "date" not in known:
        return 0.0
    by_date = known.groupby("date")["churned"].agg(["sum", "count"])
    moved = []
    for date in by_date.index:
        before = by_date.loc[[each for each in by_date.index if each + ahead <= date]].sum()
        if before["count"]:
            moved.append(_log_odds_of(*by_date.loc[date]) - _log_odds_of(*before))
    if not moved:
        return float("nan")
    if tested is not None:
        moved.append(_shift(*tested))
    return float(stdtrit(len(moved), upper_tail(0.95)) * np.sqrt(np.mean(np.square(moved))))


def expected_sum(probability: Floats, margin: float = 0.0, amount: Floats | None = None) -> tuple[float, float, float]:
    """How many customers are expected to leave, or how much of an amount, and the 95 % interval.

    Parameters
    ----------
    probability : ndarray
        Of leaving, one for each customer.
    margin : float, default 0
        What ``level_margin`` gives: by how much the log odds of all customers may be off together. With 0 customers
        leave independently of one another, with the probabilities as they are.
    amount : ndarray, optional
        What is lost with each customer; by default 1.

    Returns
    -------
    value, low, high : float
        From 0 to the sum of the amounts; without customers 0. NaN bounds where the margin is NaN, all NaN where no
        amount is known.

    Notes
    -----
    value = Σ a p, and its bounds are the value with all log odds shifted by ± sqrt(margin² + 1.96² v / s²), where
    v = Σ a² p (1 - p) is the variance of what independent customers lose and s = Σ a p (1 - p) is what a unit of log
    odds adds.

    Examples
    --------
    A hundred customers with even chances: 50, give or take 9.6.

    >>> [round(number, 1) for number in expected_sum(np.full(100, 0.5))]
    [50.0, 40.3, 59.7]
    """
    a = np.ones(len(probability)) if amount is None else np.asarray(amount, float)
    known = ~np.isnan(a)
    if len(a) and not known.any():
        return float("nan"), float("nan"), float("nan")
    p, a = probability[known], a[known]
    slope = float((a * p * (1 - p)).sum())
    value = float((a * p).sum())
    if not slope:
        return value, value, value
    shift = float(np.hypot(margin, Z95 * np.sqrt((a**2 * p * (1 - p)).sum()) / slope))
    low, high = (float((a * expit(log_odds(p) + sign * shift)).sum()) for sign in (-1, 1))
    return value, low, high


def _log_odds_of(churned: float, rows: float) -> float:
    """Log odds of a rate, with half a customer added to either side so that they are finite."""
    return float(logit((churned + 0.5) / (rows + 1)))


def _shift(probability: Floats, churned: NDArray[np.bool_]) -> float:
    """What must be added to all log odds so that the probabilities add up to those who churned."""
    from scipy.optimize import brentq

    odds, total = log_odds(probability), np.clip(churned.sum(), 0.5, len(churned) - 0.5)
    return float(brentq(lambda shift: expit(odds + shift).sum() - total, -50, 50))
