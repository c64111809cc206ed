"""The card of a metric: what it means, how it is computed, where it comes from, and a run's numbers put in."""

import datetime as dt
import math
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from engagekit.errors import did_you_mean
from engagekit.language import Language, decimals_of, decimals_supported
from engagekit.metrics.declaration import Declaration
from engagekit.metrics.estimate import FIELDS, Estimate

__all__ = ["card", "explain", "with_numbers"]

ALL_TIME = "all"
PERCENT = 100
MOST_DECIMALS = 2
MADE_BY = {
    "orders": "orders(interactions)",
    "buyers": "buyers(orders)",
    "visits": "visits(interactions)",
    "views": "views(interactions)",
    "activity": "monthly_activity(interactions)",
    "base": "active_base(interactions or subscriptions)",
    "waits": "support_hours(tickets)",
    "invitations": "surveys",
    "scores": "Scorecard.score(customer_features(history))",
}
SIGNS = {r"\,": " ", r"\quad": " ", r"\left": "", r"\right": "", r"\leq": "≤", r"\sum": " Σ", r"\min": "min"}
BRACED = re.compile(r"(\\text|\\operatorname|_)\{([^{}]*)\}")
FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")


def card(metric: Declaration, language: str = "en") -> str:
    """Card of a metric as HTML, which a notebook shows for the metric itself.

    Parameters
    ----------
    metric : Declaration
        One of the catalogue, or one of the analyst's own, which shows what it declares.
    language : {"id", "ms", "en"}, default "en"
        Of the words.

    Examples
    --------
    >>> from engagekit.metrics import open_rate
    >>> "<strong>Open rate</strong>" in card(open_rate)
    True
    """
    words = {name: escape(text) for name, text in _words(metric, Language(language)).items()}
    lines = [
        f"<strong>{words['title']}</strong> <code>{escape(metric.name)}</code>",
        words["meaning"],
        f"$\\displaystyle {words['formula']}$" if words["formula"] else "",
        words["caveat"],
        f"<small>{words['measured_in']}; {words['better']}. {words['unit']}. {words['table']}: "
        f"<code>{escape(metric.table)}</code>{words['made']} ({words['columns']}). {words['reference']}</small>",
    ]
    return "<div>" + "".join(f"<p>{line}</p>" for line in lines if line) + "</div>"


def explain(metric: Declaration, language: str = "en", found: Mapping[str, Any] | None = None) -> str:
    """Card of a metric as text, and what a run found with its numbers put in.

    Parameters
    ----------
    metric : Declaration
        What to explain.
    language : {"id", "ms", "en"}, default "en"
        Of the words.
    found : mapping, optional
        Content of the run's ``metrics.json``.

    Raises
    ------
    ValueError
        The run did not measure the metric.

    Examples
    --------
    >>> from engagekit.metrics import open_rate
    >>> print(explain(open_rate).splitlines()[0])
    Open rate (open_rate)
    """
    speaking = Language(language)
    words = _words(metric, speaking)
    lines = [f"{words['title']} ({metric.name})", words["meaning"], "", f"  {_typed(words['formula'])}", ""]
    lines += [f"{words['measured_in']}; {words['better']}. {words['unit']}."]
    lines += [f"{words['table']}: {metric.table}{words['made']} ({words['columns']})."]
    lines += [words["caveat"], words["reference"]]
    return "\n".join(lines if found is None else [*lines, "", *_periods(metric, speaking, found)])


def with_numbers(
    metric: Declaration, estimate: Estimate, language: Language, currency: str, parts: tuple[float, ...] = ()
) -> str:
    """Formula of a metric with the numbers of an estimate put in.

    Parameters
    ----------
    metric : Declaration
        What was measured.
    estimate : Estimate
        What was found.
    language : Language
        Of the words.
    currency : str
        Code of the currency of money.
    parts : tuple of float, default ()
        The two numbers whose difference is the numerator, where they are known.

    Examples
    --------
    >>> from engagekit.metrics import net_promoter_score
    >>> answers = [10] * 162 + [8] * 108 + [0] * 54
    >>> with_numbers(net_promoter_score, net_promoter_score(answers), Language("en"), "GBP", (162, 54))
    '(162 − 54) / 324 = 33.3 points, 95% between 24.9 and 41.1, from 324 answers'
    """
    units = language.text(f"unit.{metric.unit}", n=language.number(estimate.units))
    if estimate.reason:
        return f"{language.text(f'reason.{estimate.reason}')} ({units})"
    decimals = _decimals(metric, estimate)
    value, low, high = (
        language.amount(number, metric.measured_in, currency, decimals)
        for number in (estimate.value, estimate.low, estimate.high)
    )
    if metric.measured_in == "points":
        value = language.text("unit.points", n=value)
    if math.isfinite(estimate.denominator):
        value = f"{_quotient(estimate, language, parts)} = {value}"
    if math.isfinite(estimate.low):
        value = language.text("explain.between", value=value, low=low, high=high)
    return language.text("explain.from", value=value, units=units)


def _words(metric: Declaration, language: Language) -> dict[str, str]:
    text = language.text
    names = ("title", "meaning", "formula", "caveat")
    try:
        words = {name: text(f"metric.{metric.name}.{name}") for name in names}
    except KeyError:
        words = dict.fromkeys(names, "") | {"title": metric.name}
    return words | {
        "measured_in": f"{text('card.measured_in')}: {text(f'measured_in.{metric.measured_in}')}",
        "better": text(f"card.{metric.better or 'neither'}"),
        "unit": f"{text('card.unit')}: {_unit(metric, language)}",
        "table": text("card.table"),
        "made": f" ← {MADE_BY[metric.table]}" if metric.table in MADE_BY else "",
        "columns": ", ".join(_columns(metric, language)),
        "reference": metric.reference,
    }


def _unit(metric: Declaration, language: Language) -> str:
    try:
        return language.text(f"unit.{metric.unit}", n="").strip()
    except KeyError:
        return metric.unit


def _columns(metric: Declaration, language: Language) -> list[str]:
    """Columns that it needs, the rows that count, and those of which it needs one."""
    any_of = [language.text("card.any_of", names=", ".join(metric.any_of))] if metric.any_of else []
    return [*metric.columns, *(f"{column} = {value}" for column, value in metric.where.items()), *any_of]


def _typed(formula: str) -> str:
    """Write a formula as one types it: LaTeX without its commands."""
    text = formula.replace(r"\{", "\1").replace(r"\}", "\2")
    text = BRACED.sub(lambda found: ("_" if found[1] == "_" else "") + found[2], text)
    while (typed := FRACTION.sub(r"(\1) / (\2)", text)) != text:
        text = typed
    for command, sign in SIGNS.items():
        text = text.replace(command, sign)
    return " ".join(text.split()).replace("( ", "(").replace("\1", "{").replace("\2", "}")


def _periods(metric: Declaration, language: Language, found: Mapping[str, Any]) -> list[str]:
    """The latest month that is over and has a value, and all time."""
    rows = {row["period"]: row for row in found["metrics"] if row["metric"] == metric.name}
    if not rows:
        measured = {row["metric"] for row in found["metrics"]}
        raise ValueError(f"{metric.name} was not measured in this run. {did_you_mean(metric.name, measured)}")
    months = [month for month, row in rows.items() if month <= found["month"] and row["value"] is not None]
    latest = max(months or [month for month in rows if month <= found["month"]], default="")
    shown = [period for period in (latest, ALL_TIME) if period in rows]
    business = found["business"]
    lines = [f"{business['name']}, {found['as_of']}"]
    for period in shown:
        parts = _parts(metric, found, period)
        numbers = with_numbers(metric, _estimate(rows[period]), language, business["currency"], parts)
        lines.append(f"  {_when(metric, period, language, business)}: {numbers}")
        lines += [f"    {language.text(f'warning.{warning}')}" for warning in rows[period]["warning"].split()]
    return lines


def _when(metric: Declaration, period: str, language: Language, business: Mapping[str, Any]) -> str:
    """Name of a month, of a base with the days of its horizon where the run tells them."""
    if period == ALL_TIME:
        return language.text("column.all")
    month = language.month(dt.date.fromisoformat(f"{period}-01"))
    if metric.table != "base" or "horizon" not in business:
        return month
    days = language.text("unit.day", n=language.number(int(business["horizon"].removesuffix("d"))))
    return language.text("explain.horizon", month=month, days=days)


def _parts(metric: Declaration, found: Mapping[str, Any], period: str) -> tuple[float, ...]:
    names = getattr(metric, "less", ())
    numerators = {row["metric"]: row["numerator"] for row in found["metrics"] if row["period"] == period}
    parts = tuple(numerators[name] for name in names if numerators.get(name) is not None)
    return parts if len(parts) == len(names) else ()


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate.of({name: math.nan if row[name] is None else row[name] for name in FIELDS})


def _quotient(estimate: Estimate, language: Language, parts: tuple[float, ...]) -> str:
    written = [language.number(part, decimals_of(part)) for part in (*parts, estimate.numerator, estimate.denominator)]
    top = f"({written[0]} − {written[1]})" if parts else written[0]
    return f"{top} / {written[-1]}"


def _decimals(metric: Declaration, estimate: Estimate) -> int | None:
    """Decimals of the value: what its interval supports, and two significant digits at least where two decimals do."""
    sure, factor = math.isfinite(estimate.low), PERCENT if metric.measured_in == "rate" else 1
    value = factor * estimate.value
    if metric.measured_in == "money" and not sure:
        return None
    if sure:
        supported = decimals_supported(factor * estimate.low, factor * estimate.high)
    else:
        supported = 0 if metric.measured_in == "rate" else decimals_of(value)
    fewest = 1 if metric.measured_in == "rate" or (metric.measured_in == "points" and sure) else 0
    decimals = max(supported, fewest, min(_digits_needed(value), decimals_of(value)))
    return MOST_DECIMALS if metric.measured_in == "money" and decimals else decimals


def _digits_needed(value: float) -> int:
    """Decimals, 0 to 2, that show two significant digits."""
    if not value:
        return 0
    return min(max(1 - math.floor(math.log10(abs(value))), 0), MOST_DECIMALS)
