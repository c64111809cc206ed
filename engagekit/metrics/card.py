"""The card of a metric: its meaning, formula and source, and the formula with the numbers of a run."""

import math
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from engagekit.errors import did_you_mean
from engagekit.language import Language, decimals_of, precision
from engagekit.metrics.declaration import MADE_BY, Declaration
from engagekit.metrics.estimate import FIELDS, Estimate
from engagekit.metrics.season import first_day, last_named

__all__ = ["card", "explain", "with_numbers"]

ALL_TIME = "all"
SIGNS = {r"\,": " ", r"\quad": " ", r"\left": "", r"\right": "", r"\leq": "≤", r"\sum": " Σ", r"\min": "min"}
BRACED = re.compile(r"(\\text|\\operatorname|_)\{([^{}]*)\}")
FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")


def card(metric: Declaration, language: str = "en") -> str:
    """Card of a metric as HTML. A notebook shows it for the metric itself.

    Parameters
    ----------
    metric : Declaration
        A metric of the catalogue, or one that an analyst declared, for which only the declaration is shown.
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
        f"<code>{words['from']}</code>{words['made']} ({words['columns']}). {words['reference']}</small>",
    ]
    return "<div>" + "".join(f"<p>{line}</p>" for line in lines if line) + "</div>"


def explain(metric: Declaration, language: str = "en", run: Mapping[str, Any] | None = None) -> str:
    """Card of a metric as text, with the numbers of a run in its formula.

    Parameters
    ----------
    metric : Declaration
        What to explain.
    language : {"id", "ms", "en"}, default "en"
        Of the words.
    run : mapping, optional
        Content of the run's ``metrics.json``.

    Raises
    ------
    ValueError
        The metric was not measured in the run.

    Examples
    --------
    >>> from engagekit.metrics import open_rate
    >>> print(explain(open_rate).splitlines()[0])
    Open rate (open_rate)
    """
    speaking = Language(language, run.get("period", "month") if run else "month")
    words = _words(metric, speaking)
    lines = [f"{words['title']} ({metric.name})", words["meaning"], "", f"  {_typed(words['formula'])}", ""]
    lines += [f"{words['measured_in']}; {words['better']}. {words['unit']}."]
    lines += [f"{words['table']}: {words['from']}{words['made']} ({words['columns']})."]
    lines += [words["caveat"], words["reference"]]
    return "\n".join(lines if run is None else [*lines, "", *_periods(metric, speaking, run)])


def with_numbers(
    metric: Declaration, estimate: Estimate, language: Language, currency: str, parts: tuple[float, ...] = ()
) -> str:
    """Formula of a metric with the numbers of an estimate put in.

    Parameters
    ----------
    metric : Declaration
        What was measured.
    estimate : Estimate
        The numbers.
    language : Language
        Of the words.
    currency : str
        Code of the currency of money.
    parts : tuple of float, default ()
        The two numbers whose difference is the numerator, if known.

    Examples
    --------
    >>> from engagekit.metrics import net_promoter_score
    >>> answers = [10] * 162 + [8] * 108 + [0] * 54
    >>> with_numbers(net_promoter_score, net_promoter_score(answers), Language("en"), "GBP", (162, 54))
    '(162 − 54) / 324 = 33.3 points, 95% interval 24.9 to 41.1, from 324 answers'
    """
    units = language.text(f"unit.{metric.unit}", n=language.number(estimate.units))
    if estimate.reason:
        return f"{language.text(f'reason.{estimate.reason}')} ({units})"
    decimals = precision(metric.measured_in, [estimate.value])
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
        "from": metric.table or "–",
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
    """Columns that it needs, conditions on its rows, and columns of which it needs one."""
    any_of = [language.text("card.any_of", names=", ".join(metric.any_of))] if metric.any_of else []
    return [*metric.columns, *(f"{column} = {value}" for column, value in metric.where.items()), *any_of]


def _typed(formula: str) -> str:
    """Formula as plain text: LaTeX without its commands."""
    text = formula.replace(r"\{", "\1").replace(r"\}", "\2")
    text = BRACED.sub(lambda match: ("_" if match[1] == "_" else "") + match[2], text)
    while (typed := FRACTION.sub(r"(\1) / (\2)", text)) != text:
        text = typed
    for command, sign in SIGNS.items():
        text = text.replace(command, sign)
    return " ".join(text.split()).replace("( ", "(").replace("\1", "{").replace("\2", "}")


def _periods(metric: Declaration, language: Language, run: Mapping[str, Any]) -> list[str]:
    """Lines of the latest whole month with a value, and of all time."""
    rows = {row["period"]: row for row in run["metrics"] if row["metric"] == metric.name}
    if not rows:
        measured = {row["metric"] for row in run["metrics"]}
        raise ValueError(f"{metric.name} was not measured in this run. {did_you_mean(metric.name, measured)}")
    last = last_named(run)
    over = [period for period in rows if period != ALL_TIME and period <= last]
    latest = max([period for period in over if rows[period]["value"] is not None] or over, default="")
    shown = [period for period in (latest, ALL_TIME) if period in rows]
    business = run["business"]
    lines = [f"{business['name']}, {run['as_of']}"]
    for period in shown:
        parts = _parts(metric, run, period)
        numbers = with_numbers(metric, _estimate(rows[period]), language, business["currency"], parts)
        lines.append(f"  {_when(metric, period, language, business)}: {numbers}")
        lines += [f"    {language.text(f'warning.{warning}')}" for warning in rows[period]["warning"].split()]
    return lines


def _when(metric: Declaration, period: str, language: Language, business: Mapping[str, Any]) -> str:
    """Name of a month; for a base, with the days of its horizon where the run records them."""
    if period == ALL_TIME:
        return language.text("column.all")
    month = language.named(first_day(period))
    if metric.table != "base" or "horizon" not in business:
        return month
    days = language.text("unit.day", n=language.number(int(business["horizon"].removesuffix("d"))))
    return language.text("explain.horizon", month=month, days=days)


def _parts(metric: Declaration, run: Mapping[str, Any], period: str) -> tuple[float, ...]:
    names = getattr(metric, "less", ())
    numerators = {row["metric"]: row["numerator"] for row in run["metrics"] if row["period"] == period}
    parts = tuple(numerators[name] for name in names if numerators.get(name) is not None)
    return parts if len(parts) == len(names) else ()


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate.of({name: math.nan if row[name] is None else row[name] for name in FIELDS})


def _quotient(estimate: Estimate, language: Language, parts: tuple[float, ...]) -> str:
    written = [language.number(part, decimals_of(part)) for part in (*parts, estimate.numerator, estimate.denominator)]
    top = f"({written[0]} − {written[1]})" if parts else written[0]
    return f"{top} / {written[-1]}"
