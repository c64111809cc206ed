"""Comparisons of a randomised test in words, in three languages."""

from collections.abc import Iterable, Mapping
from typing import Any

from engagekit.language import MISSING, Language, precision
from engagekit.metrics.catalog import METRICS

__all__ = [
    "change_in_words",
    "comparison_in_words",
    "differences_in_words",
    "interval_in_words",
    "metric_title",
    "sizes_in_words",
    "value_in_words",
]

PERCENT = 100
ROUNDING = 1e-12  # of a value
Row = Mapping[Any, Any]


def comparison_in_words(
    row: Row, control: Row, customers: tuple[int, int | None], language: Language, currency: str
) -> str:
    """Sentence about an arm and the control: both values, the difference and what it means.

    Parameters
    ----------
    row, control : mapping
        Rows of ``Experiment.table``.
    customers : (int, int or None)
        Customers in all, now and as planned.
    language : Language
    currency : str
        Code of the currency of money.
    """
    so_far, planned = customers
    return language.text(
        f"experiment.{row['verdict']}",
        metric=metric_title(language, row["metric"]),
        arm=row["arm"],
        control=control["arm"],
        value=value_in_words(language, row, currency),
        control_value=value_in_words(language, control, currency),
        difference=change_in_words(language, row, currency),
        interval=interval_in_words(language, row, "low", "high", currency),
        always=interval_in_words(language, row, "always_low", "always_high", currency),
        n=language.number(so_far if planned and so_far < planned else row["n"] + control["n"]),
        planned=language.number(planned),
    )


def metric_title(language: Language, metric: str) -> str:
    """Title of a metric of the catalogue, or of ``converted`` and ``value``; another name as it is."""
    if metric in METRICS:
        return language.text(f"metric.{metric}.title")
    known = {name: language.text(f"experiment.outcome_{name}") for name in ("converted", "value")}
    return known.get(metric, metric)


def value_in_words(language: Language, row: Row, currency: str) -> str:
    """Value of an arm in the unit of its metric."""
    return language.amount(row["value"], row["measured_in"], currency)


def change_in_words(language: Language, row: Row, currency: str, name: str = "difference") -> str:
    """Difference with its sign; that of rates in percentage points.

    Examples
    --------
    >>> row = {"difference": 0.0604, "low": 0.02, "high": 0.1, "measured_in": "rate"}
    >>> change_in_words(Language("en"), row, ""), interval_in_words(Language("en"), row, "low", "high", "")
    ('+6.0 percentage points', '+2.0 to +10.0')
    """
    written = _signed(language, row, name, currency)
    return language.text("experiment.points", n=written) if row["measured_in"] == "rate" else written


def interval_in_words(language: Language, row: Row, low: str, high: str, currency: str) -> str:
    """Bounds of a difference with their signs."""
    bounds = {name: _signed(language, row, bound, currency) for name, bound in (("low", low), ("high", high))}
    return language.text("experiment.interval", **bounds)


def differences_in_words(language: Language, currency: str, rows: Iterable[Row]) -> dict[str, list[str]]:
    """Difference and interval of rows; until the planned size the interval that is valid at any time."""
    written: dict[str, list[str]] = {"experiment.difference": [], "column.interval": []}
    for row in rows:
        bounds = [f"{'always_' if row.get('verdict') == 'too_early' else ''}{end}" for end in ("low", "high")]
        known, has_interval = (row[name] == row[name] for name in ("difference", bounds[0]))
        difference = change_in_words(language, row, currency) if known else MISSING
        interval = interval_in_words(language, row, bounds[0], bounds[1], currency) if has_interval else MISSING
        written["experiment.difference"].append(difference)
        written["column.interval"].append(interval)
    return written


def sizes_in_words(sizes: Mapping[str, int], language: Language) -> str:
    """Warning that the sizes of the arms are further from the plan than chance usually gives."""
    named = ", ".join(f"{arm} {language.number(n)}" for arm, n in sizes.items())
    return language.text("experiment.unbalanced", sizes=named)


def _signed(language: Language, row: Row, name: str, currency: str) -> str:
    number, unit, decimals = row[name], row["measured_in"], _decimals(row)
    if unit == "rate":
        return language.change(PERCENT * number, decimals or 0)
    written = language.amount(number, unit, currency, decimals)
    is_plus = number > 0 and unit != "money" and any(digit in written for digit in "123456789")
    return f"+{written}" if is_plus else written  # a line may break between + and £


def _decimals(row: Row) -> int | None:
    """Decimals of a difference: at most those of half of its interval, and none for what rounding leaves of 0."""
    difference, half = row["difference"], (row["high"] - row["low"]) / 2
    sizes = [0.0 if abs(difference) <= ROUNDING * abs(row.get("value", 0)) else difference, half]
    known = [precision(row["measured_in"], [size]) for size in sizes if size == size]
    return min(known, key=lambda places: places or 0) if known else None
