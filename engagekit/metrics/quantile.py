"""Quantile: a median or another quantile of values, and of waiting times of which some are censored."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import narwhals as nw
import numpy as np
from scipy.special import bdtr, bdtrik

from engagekit.metrics.declaration import Fields, Term
from engagekit.metrics.estimate import FIELDS
from engagekit.metrics.intervals import Floats, upper_tail
from engagekit.metrics.kaplan_meier import SurvivalCurve, kaplan_meier
from engagekit.metrics.metric import Metric

__all__ = ["Quantile", "quantile_interval", "waiting_interval"]

ROUNDING = 1e-9  # of a survival probability
Result = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Quantile(Metric):
    """A median or another quantile of a value.

    Parameters
    ----------
    value : str or narwhals.Expr
        The value of a row: a column or an expression. A row where it is missing does not count.
    observed : str or narwhals.Expr, optional
        1 where the wait has ended; 0 where it goes on, so that the value is a lower bound (censored). A row where it
        is missing does not count.
    q : float, default 0.5
        Probability of the quantile, between 0 and 1.

    Raises
    ------
    ValueError
        There is both a ``cluster``, whose rows are added up, and ``observed``.

    Notes
    -----
    Without ``observed`` the interval is that of ``quantile_interval``, with it that of ``waiting_interval``.

    Examples
    --------
    >>> wait = Quantile("wait", value=nw.col("minutes") / 60, columns=("minutes",), least=0, q=0.9,
    ...     unit="visit", measured_in="hours", better="lower")
    >>> wait([60, 120, 180]).value
    2.8

    >>> fields = wait.estimate(np.array([1.0, 2.0, 3.0]), np.ones(3), 0.95)
    >>> fields["value"], fields["method"], fields["warning"]
    (2.8, 'order_statistics', 'few_values')
    """

    collects: ClassVar[Literal["sums", "values"]] = "values"

    value: Term
    observed: Term | None = None
    q: float = 0.5

    def __post_init__(self) -> None:
        """Fill in what was not said."""
        if self.cluster and self.observed is not None:
            raise ValueError(f"{self.name}: waits of one unit cannot be added up; leave out cluster or observed")
        super().__post_init__()

    @property
    def declared_terms(self) -> tuple[Term, Term | None]:
        """The value, and whether the wait has ended."""
        return self.value, self.observed

    @property
    def undefined(self) -> str:
        """The survival curve does not fall to the quantile."""
        return "not_reached"

    def margins(self, x: nw.Expr, y: nw.Expr | None) -> list[nw.Expr]:
        """Expressions that are negative in an impossible row."""
        return super().margins(x, None) + ([] if y is None else [y, 1 - y])

    def estimates(self, values: Mapping[str, Sequence[Floats]], confidence: float) -> Fields:
        """Fields of ``Estimate`` as arrays, one element per group."""
        groups = [self.estimate(x, y, confidence) for x, y in zip(values["x"], values["y"], strict=True)]
        names = ((name, kind) for name, kind in FIELDS.items() if name != "reason")
        return {name: np.array([group[name] for group in groups], kind) for name, kind in names}

    def estimate(self, values: Floats, observed: Floats, confidence: float) -> Fields:
        """Fields of ``Estimate`` of one group, from its values and whether each was observed."""
        n = len(values)
        if self.observed is None:
            value, low, high = quantile_interval(values, self.q, confidence)
        else:
            value, low, high = waiting_interval(values, observed, self.q, confidence)
        inside = bool(np.isfinite(low) and np.isfinite(high))
        method = "order_statistics" if self.observed is None else "kaplan_meier"
        warnings = ["censored"] * (not observed.all()) + ["few_values"] * (n > 0 and not inside)
        fields = {"value": value, "numerator": np.nan, "denominator": np.nan, "n": n, "units": n}
        bounds = {"low": low, "high": high} if inside else {"low": np.nan, "high": np.nan}
        return fields | bounds | {"method": method, "warning": " ".join(warnings)}


def quantile_interval(values: Floats, q: float = 0.5, confidence: float = 0.95) -> Result:
    """Quantile of some values and its interval by order statistics, in the values' unit.

    Parameters
    ----------
    values : ndarray
        In any order.
    q : float, default 0.5
        Probability of the quantile, between 0 and 1.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    value, low, high : float
        NaN without values; the bounds are NaN too where there are too few values.

    Notes
    -----
    The bounds are the values of rank B(α/2) and B(1 − α/2) + 1, B the quantile function of Binomial(n, q).

    Examples
    --------
    >>> [float(number) for number in quantile_interval(np.arange(1.0, 11.0))]
    [5.5, 2.0, 9.0]
    """
    if not len(values):
        return np.nan, np.nan, np.nan
    ordered = np.sort(values)
    tail = upper_tail(confidence)
    below, above = (_binomial_quantile(level, len(values), q) for level in (1 - tail, tail))
    inside = below >= 1 and above < len(values)
    low, high = (ordered[below - 1], ordered[above]) if inside else (np.nan, np.nan)
    value = float(np.quantile(ordered, q))  # between two values, it may lie beyond a narrow interval's rank
    return value, float(np.minimum(low, value)), float(np.maximum(high, value))


def waiting_interval(values: Floats, observed: Floats, q: float = 0.5, confidence: float = 0.95) -> Result:
    """Quantile of waiting times and its interval by the Kaplan-Meier curve, in the values' unit.

    Parameters
    ----------
    values : ndarray
        Length of each wait.
    observed : ndarray
        1 where the wait has ended, 0 where it goes on.
    q : float, default 0.5
        Probability of the quantile, between 0 and 1.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    value, low, high : float
        NaN where the survival curve, or the bound of its log-log band, does not fall to 1 − q.

    Notes
    -----
    Each is the time at which the curve or a bound of its band falls to 1 − q. Where the curve is level at 1 − q the
    value is the middle of that stretch, as the median of an even number of values is.

    References
    ----------
    .. [1] Brookmeyer, R., & Crowley, J. (1982). A Confidence Interval for the Median Survival Time. Biometrics,
       38(1).

    Examples
    --------
    The second of four waits goes on; the curve falls to 3/4, 3/8 and 0:

    >>> waiting_interval(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 1.0, 1.0]))[0]
    3.0
    """
    if not observed.any():
        return np.nan, np.nan, np.nan
    curve = kaplan_meier(values, observed)
    times, excess = curve.times, curve.share - (1 - q)
    low, high = (_first(times, bound <= 1 - q) for bound in _band(curve, confidence))
    value = (_first(times, excess <= ROUNDING), _first(times, excess < -ROUNDING))
    return float(np.nanmean(value)) if np.isfinite(value[0]) else np.nan, low, high


def _binomial_quantile(level: float, n: int, p: float) -> int:
    """Smallest count whose probability of not being exceeded in n trials reaches the level, as ``binom.ppf``."""
    count: int = max(math.ceil(bdtrik(level, n, p)), 0)
    return count if count == 0 or bdtr(count - 1, n, p) < level else count - 1


def _first(times: Floats, reached: Any) -> float:
    return float(times[reached][0]) if reached.any() else np.nan


def _band(curve: SurvivalCurve, confidence: float) -> tuple[Floats, Floats]:
    """Log-log band of a survival curve at its times, also where nobody is at risk any more."""
    lower, upper = curve.band(confidence)
    if curve.share[-1] <= ROUNDING:  # the upper bound comes from the last ones at risk, who all had the event
        before, tail = upper[-2] if len(upper) > 1 else 1.0, upper_tail(confidence)
        lower[-1], upper[-1] = 0, before * (1 - (1 - tail) ** (1 / curve.at_risk[-1]))
    return lower, upper
