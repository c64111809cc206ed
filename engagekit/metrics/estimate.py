"""What a metric gives: a value with its interval, how many it stands on, and why it is missing."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

__all__ = ["FIELDS", "Estimate", "difference"]


@dataclass(frozen=True)
class Estimate:
    """A metric's value and what it stands on.

    Attributes
    ----------
    value, low, high : float
        The value and its interval, in the metric's unit (a rate is a fraction); NaN where undefined.
    numerator, denominator : float
        What was divided, before any scale such as the 100 of the Net Promoter Score; NaN for a quantile.
    n : int
        Rows that counted.
    units : int
        Independent units among them: customers, answers, mailings ...
    method : str
        ``wilson``, ``effective_wilson``, ``adjusted_wald``, ``delta``, ``order_statistics``, ``kaplan_meier``, or empty
        where there is no interval.
    warning : str
        Reasons for care, separated by spaces, keys of ``warning`` in the locales; empty where there is none.
    reason : str
        Why the value is NaN, a key of ``reason`` in the locales; empty where it is not.

    Examples
    --------
    >>> from engagekit import net_promoter_score
    >>> estimate = net_promoter_score([10, 9, 7, 3])
    >>> estimate.value, estimate.numerator, estimate.denominator, estimate.units
    (25.0, 1.0, 4.0, 4)
    """

    value: float
    low: float
    high: float
    numerator: float
    denominator: float
    n: int
    units: int
    method: str
    warning: str
    reason: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Make an estimate from a row of what ``measure`` gives."""
        return cls(**{name: row[name] for name in FIELDS})

    def as_dict(self) -> dict[str, Any]:
        """Fields by name, with None for NaN, as JSON wants it."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


FIELDS: dict[str, Any] = {field.name: field.type for field in fields(Estimate)}


def difference(new: Estimate, old: Estimate) -> tuple[float, float, float]:
    """Difference of two estimates on different units, new minus old, and its interval, in the metric's unit.

    The two intervals are squared and added side by side (MOVER). For two proportions with Wilson intervals this
    is Newcombe's interval, his method 10. Where both share customers it is wider than it need be.

    Returns
    -------
    difference, low, high : float
        NaN where one of the two, or its interval, is.

    References
    ----------
    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions.
       Statistics in Medicine, 17(8).
    .. [2] Zou, G. Y., & Donner, A. (2008). Construction of confidence limits about effect measures. Statistics
       in Medicine, 27(10).

    Examples
    --------
    >>> from engagekit.metrics.intervals import wilson_interval
    >>> bounds = [wilson_interval(k, n) for k, n in [(56, 70), (48, 80)]]
    >>> new, old = (
    ...     Estimate(k / n, float(low), float(high), k, n, n, n, "wilson", "", "")
    ...     for (k, n), (low, high) in zip([(56, 70), (48, 80)], bounds)
    ... )
    >>> [round(number, 4) for number in difference(new, old)]
    [0.2, 0.0524, 0.3339]
    """
    change = new.value - old.value
    low = change - math.hypot(new.value - new.low, old.high - old.value)
    high = change + math.hypot(new.high - new.value, old.value - old.low)
    return change, low, high
