"""Estimate: the value of a metric with its interval, the counts behind it, and the reason where it is missing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

from engagekit.display.card import card_html, card_text, with_interval

__all__ = ["FIELDS", "Estimate", "significant"]

DIGITS, EXACT = 9, 12  # significant digits of estimates, and of counts and sums of money


@dataclass(frozen=True)
class Estimate:
    """Value of a metric, with its interval and the counts behind it.

    Attributes
    ----------
    value, low, high : float
        The value and its interval, in the metric's unit (a rate is a fraction); NaN where undefined.
    numerator, denominator : float
        The terms of the quotient, before any scale such as the 100 of the Net Promoter Score; NaN for a quantile.
    n : int
        Rows that counted.
    units : int
        Independent units among them: customers, answers, mailings ...
    method : str
        ``wilson``, ``effective_wilson``, ``adjusted_wald``, ``delta``, ``order_statistics``, ``kaplan_meier``, for a
        difference ``mover``, or empty where there is no interval.
    warning : str
        Warnings, separated by spaces: keys of ``warning`` in the locales; empty where there is none.
    reason : str
        Reason of a NaN value, a key of ``reason`` in the locales; empty where there is a value.
    measured_in : str
        Unit of the value as the metric declares it, which is shown and not compared; empty where it is not known.

    Examples
    --------
    >>> from engagekit.metrics import net_promoter_score
    >>> estimate = net_promoter_score([10, 9, 7, 3])
    >>> estimate.value, estimate.numerator, estimate.denominator, estimate.units
    (25.0, 1.0, 4.0, 4)
    >>> estimate
    25 points, −44 to 73, n = 4
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
    measured_in: str = field(default="", compare=False)

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Difference from another estimate of the same metric, with its interval, as ``difference(other, self)``."""
        if not isinstance(other, Estimate):
            return NotImplemented
        value = self.value - other.value
        low = value - math.hypot(self.value - self.low, other.high - other.value)
        high = value + math.hypot(self.high - self.value, other.value - other.low)
        return replace(
            self,
            value=value,
            low=low,
            high=high,
            numerator=math.nan,
            denominator=math.nan,
            n=self.n + other.n,
            units=self.units + other.units,
            method="" if math.isnan(low) else "mover",
            warning=" ".join(dict.fromkeys(f"{other.warning} {self.warning}".split())),
            reason=other.reason or self.reason,
        )

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Estimate from a row of the frame that ``measure`` gives.

        Examples
        --------
        >>> from engagekit.metrics import net_promoter_score
        >>> row = {"value": 25.0, "low": -44.0, "high": 73.0, "numerator": 1.0, "denominator": 4.0, "n": 4, "units": 4}
        >>> Estimate.of(row | {"method": "adjusted_wald", "warning": "", "reason": "", "measured_in": "points"})
        25 points, −44 to 73, n = 4
        """
        return cls(**{name: row[name] for name in FIELDS}, measured_in=row.get("measured_in", ""))

    def as_dict(self) -> dict[str, Any]:
        """Fields by name, as JSON wants them: None for NaN, and no digit that depends on the order of a sum.

        Examples
        --------
        >>> from engagekit.metrics import click_rate
        >>> import pandas as pd
        >>> click_rate(pd.DataFrame({"clicks": [0], "delivered": [0]})).as_dict()["reason"]
        'zero_denominator'
        """
        digits = dict.fromkeys(("value", "low", "high"), DIGITS) | dict.fromkeys(("numerator", "denominator"), EXACT)
        written = {name: getattr(self, name) for name in FIELDS}
        return written | {name: significant(written[name], places) for name, places in digits.items()}

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, str]]]:
        units = f" ({self.units:,} units)" if self.units != self.n else ""
        value = with_interval(self.value, self.low, self.high, self.measured_in)
        remarks = [f"; {name}: {text}" for name in ("warning", "reason") if (text := getattr(self, name))]
        return f"{value}, n = {self.n:,}{units}{''.join(remarks)}", []


FIELDS: dict[str, Any] = {each.name: each.type for each in fields(Estimate) if each.name != "measured_in"}


def significant(value: Any, digits: int = DIGITS) -> Any:
    """Numbers of a nested value with so many significant digits, as they are written; None for NaN and infinity.

    Examples
    --------
    >>> significant({"value": [2 / 3, float("nan"), 12_345_678_901]})
    {'value': [0.666666667, None, 12345678901]}
    """
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: significant(each, digits) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [significant(each, digits) for each in value]
    return int(value) if isinstance(value, np.integer) else value
