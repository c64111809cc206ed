"""Statistics of churn predictions (ROC AUC, average precision, lift, Brier, log loss) with influence values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engagekit.metrics.intervals import upper_tail

__all__ = ["Order", "Ranking", "brier", "log_loss", "mean_of"]

Floats = NDArray[np.float64]

TOP = 0.1
FEWEST_AT_EDGE = 30  # rows that the churn rate at the edge of the top is taken from
SURE = 1e-9  # probabilities are kept this far from 0 and 1 in a log loss


@dataclass(frozen=True)
class Ranking:
    """A statistic and each row's influence on it.

    Influence is that of a linear approximation, the infinitesimal jackknife. It adds up to 0, and the sum of its
    squares over independent units is the variance of the statistic. The difference of two statistics of the same rows
    has the difference of their influence, so what the two have in common cancels.

    Attributes
    ----------
    value : float
        NaN where it is not defined.
    influence : ndarray
        One for each row.
    """

    value: float
    influence: Floats

    def __sub__(self, other: Self) -> "Ranking":
        """Difference of two statistics of the same rows."""
        return Ranking(self.value - other.value, self.influence - other.influence)

    def interval(self, customer: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
        """Interval of the statistic, where the rows of a customer count as one unit.

        Parameters
        ----------
        customer : array-like of int
            Number of each row's customer, from 0.
        confidence : float, default 0.95
            Coverage, between 0 and 1.

        Returns
        -------
        low, high : float
            NaN where the statistic is.
        """
        from scipy.special import ndtri

        spread = np.sqrt((np.bincount(np.asarray(customer), self.influence) ** 2).sum())
        half = float(ndtri(upper_tail(confidence)) * spread)
        return self.value - half, self.value + half


def mean_of(rankings: Sequence[Ranking], weights: Sequence[float]) -> Ranking:
    """Weighted mean of statistics of different rows; its influence has the rows of the first, then of the second...

    Examples
    --------
    >>> both = mean_of([Ranking(0.6, np.array([0.1, -0.1])), Ranking(0.8, np.array([0.0, 0.0]))], [1, 3])
    >>> round(both.value, 2), both.influence.tolist()
    (0.75, [0.025, -0.025, 0.0, 0.0])
    """
    shares = np.asarray(weights, float) / np.sum(weights)
    value = sum(share * each.value for share, each in zip(shares, rankings, strict=True))
    return Ranking(
        float(value), np.concatenate([share * each.influence for share, each in zip(shares, rankings, strict=True)])
    )


def brier(probability: Floats, churned: NDArray[np.bool_]) -> Ranking:
    """Brier score, the mean squared error of a probability, 0 to 1; lower is better.

    Examples
    --------
    >>> brier(np.array([0.8, 0.4]), np.array([True, False])).value
    0.1
    """
    return _mean((probability - churned) ** 2)


def log_loss(probability: Floats, churned: NDArray[np.bool_]) -> Ranking:
    """Mean of minus the log of the probability of what happened, 0 upwards; lower is better.

    Examples
    --------
    >>> round(log_loss(np.array([0.5, 0.5]), np.array([True, False])).value, 4)
    0.6931
    """
    sure = np.clip(probability, SURE, 1 - SURE)
    return _mean(-np.log(np.where(churned, sure, 1 - sure)))


def _mean(losses: Floats) -> Ranking:
    mean = float(losses.mean())
    return Ranking(mean, (losses - mean) / len(losses))


class Order:
    """Rows in the order of a risk, highest first; rows of the same risk are ties.

    Parameters
    ----------
    risk : array-like of float
        The higher, the likelier the customer is to leave; no NaN.

    Examples
    --------
    Two customers left. The first ranks above both who stayed, the second above one of them:

    >>> churned = np.array([True, False, True, False])
    >>> order = Order([0.9, 0.8, 0.7, 0.1])
    >>> order.roc_auc(churned).value, round(order.average_precision(churned).value, 3)
    (0.75, 0.833)
    """

    def __init__(self, risk: ArrayLike) -> None:
        levels = np.unique(np.asarray(risk, float), return_inverse=True, return_counts=True)
        _, self._level, rows = levels
        self._rows = rows.astype(float)

    def roc_auc(self, churned: NDArray[np.bool_]) -> Ranking:
        """Probability that a customer who left ranks above one who stayed; ties count half. NaN where all did the same.

        References
        ----------
        .. [1] DeLong, E. R., DeLong, D. M., & Clarke-Pearson, D. L. (1988). Comparing the Areas under Two or More
           Correlated Receiver Operating Characteristic Curves. Biometrics, 44(3).
        .. [2] Obuchowski, N. A. (1997). Nonparametric Analysis of Clustered ROC Curve Data. Biometrics, 53(2).
        """
        lost = self._sums(churned)
        stayed = self._rows - lost
        all_lost, all_stayed = lost.sum(), stayed.sum()
        if not (all_lost and all_stayed):
            return self._undefined
        ahead_of = (np.cumsum(stayed) - stayed / 2) / all_stayed
        behind = (all_lost - np.cumsum(lost) + lost / 2) / all_lost
        value = float((lost * ahead_of).sum() / all_lost)
        of_lost, of_stayed = (_spread(n) / n for n in (all_lost, all_stayed))
        influence = np.where(
            churned, (ahead_of[self._level] - value) * of_lost, (behind[self._level] - value) * of_stayed
        )
        return Ranking(value, influence)

    def average_precision(self, churned: NDArray[np.bool_]) -> Ranking:
        """Mean precision, 0 to 1, at the risk of each customer who left; NaN where none left."""
        lost = self._sums(churned)
        all_lost = lost.sum()
        if not all_lost:
            return self._undefined
        above, lost_above = (_from_the_top(each) for each in (self._rows, lost))
        precision = lost_above / above
        value = float((lost * precision).sum() / all_lost)
        gain, loss = np.cumsum(lost / above), np.cumsum(lost * lost_above / above**2)
        influence = churned * (precision + gain - value)[self._level] - loss[self._level]
        return Ranking(value, influence / all_lost)

    def lift(self, churned: NDArray[np.bool_], top: float = TOP) -> Ranking:
        """Churn rate of the share of rows with the highest risk over that of all rows; ties at the edge count in part.

        NaN where none left.
        """
        lost, n = self._sums(churned), len(self._level)
        if not lost.sum():
            return self._undefined
        room = top * n - (_from_the_top(self._rows) - self._rows)
        inside = np.clip(room / self._rows, 0, 1)
        rate, caught = lost.sum() / n, (inside * lost).sum() / n
        # A row more or less at the top moves the edge, and so trades rows that have the churn rate there.
        at_edge = self._churn_near(lost, top * n)
        value = float(caught / (top * rate))
        influence = inside[self._level] * (churned - at_edge) - (caught - top * at_edge)
        return Ranking(value, (influence / (top * rate) - value * (churned - rate) / rate) / n)

    def correlation(self, other: "Order") -> Ranking:
        """Spearman's rank correlation with another order of the same rows. NaN where one has a single level.

        References
        ----------
        .. [1] Croux, C., & Dehon, C. (2010). Influence functions of the Spearman and Kendall correlation measures.
           Statistical Methods & Applications, 19(4).
        """
        u, v = self._middle, other._middle
        both, uu, vv = (float((x * y).mean()) for x, y in ((u, v), (u, u), (v, v)))
        spread_u, spread_v = uu - 1 / 4, vv - 1 / 4
        if min(spread_u, spread_v) <= 0:
            return self._undefined
        value = (both - 1 / 4) / np.sqrt(spread_u * spread_v)
        covariance = u * v + self._beyond(v) + other._beyond(u) - 3 * both
        variance_u, variance_v = u**2 + 2 * self._beyond(u) - 3 * uu, v**2 + 2 * other._beyond(v) - 3 * vv
        influence = covariance / np.sqrt(spread_u * spread_v)
        influence -= value / 2 * (variance_u / spread_u + variance_v / spread_v)
        return Ranking(float(value), influence / len(u))

    @property
    def _undefined(self) -> Ranking:
        return Ranking(np.nan, np.full(len(self._level), np.nan))

    @property
    def _middle(self) -> Floats:
        """Share of the rows below each one, and half of those level with it."""
        below = np.cumsum(self._rows) - self._rows / 2
        middle: Floats = below[self._level] / len(self._level)
        return middle

    def _beyond(self, weight: Floats) -> Floats:
        """Mean over rows of the weight of those above each one, and half of those level with it."""
        sums = self._sums(weight)
        beyond: Floats = (_from_the_top(sums) - sums / 2)[self._level] / len(self._level)
        return beyond

    def _sums(self, weight: NDArray[Any]) -> Floats:
        sums: Floats = np.bincount(self._level, weight, len(self._rows)).astype(float)
        return sums

    def _churn_near(self, lost: Floats, edge: float) -> float:
        above = _from_the_top(self._rows)
        reach = max(edge / 2, FEWEST_AT_EDGE)
        near = (above > edge - reach) & (above - self._rows < edge + reach)
        return float(lost[near].sum() / self._rows[near].sum())


def _spread(n: float) -> float:
    """Factor of deviations from the mean of so many, for the variance of another draw."""
    return float(np.sqrt(n / (n - 1))) if n > 1 else np.nan


def _from_the_top(sums: Floats) -> Floats:
    total: Floats = np.cumsum(sums[::-1])[::-1]
    return total
