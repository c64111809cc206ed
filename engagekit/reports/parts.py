"""What the sections of a report are made of: a table, a metric over the months, where a figure is from."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import pandas as pd
import polars as pl

from engagekit.data.business import Business
from engagekit.data.reading import Reading
from engagekit.display import markup
from engagekit.display.section import FEWEST, Section, hidden_in
from engagekit.language import Language
from engagekit.metrics.metric import Metric
from engagekit.prepare.tables import MADE_OF
from engagekit.reports.results import Results
from engagekit.reports.words import Writer, tone_of
from engagekit.study import Study

__all__ = [
    "ARROW",
    "DASH",
    "MOST_NAMED",
    "Report",
    "between",
    "drawable",
    "drawn",
    "moved",
    "moves",
    "people",
    "printed",
    "some",
    "source",
    "tile",
    "with_interval",
]

DASH = "–"
MOST_NAMED = 3
ARROW = "\u00a0→\u00a0"  # does not break over lines


class Report(Protocol):
    """What every report has: whose it is, in which language, and what was read."""

    @property
    def study(self) -> Study:
        """The business on a date."""

    @property
    def business(self) -> Business:
        """Whose report it is."""

    @property
    def language(self) -> Language:
        """The report's."""

    @property
    def readings(self) -> list[Reading]:
        """What became of each table's rows."""


def printed(
    language: Language, cells: Callable[[pd.DataFrame], pd.DataFrame] = pd.DataFrame, words: Sequence[str] = ()
) -> dict[str, Any]:
    """How a section prints its table: its cells in words, under the names that columns have in the language."""

    def title(column: str) -> str:
        return language.text(f"column.{column}")

    return {"cells": lambda table: cells(table).rename(columns=title), "words": [title(word) for word in words]}


def with_interval(language: Language, estimate: Sequence[float], decimals: int = 2) -> str:
    """Write a value, its low and its high: 0.78 (0.76 – 0.80); a dash where there is none.

    Examples
    --------
    >>> with_interval(Language("en"), (0.784, 0.761, 0.802))
    '0.78 (0.76 – 0.80)'
    """
    value, low, high = (language.number(each, decimals) for each in estimate)
    if math.isnan(estimate[0]):
        return DASH
    return value if math.isnan(estimate[1]) else f"{value} ({low} – {high})"


def people(language: Language, count: int) -> str:
    """Write a number of people; fewer than five are not counted out.

    Examples
    --------
    >>> people(Language("en"), 3), people(Language("en"), 0)
    ('fewer than 5', '0')
    """
    return language.text("estimate.fewer", n=FEWEST) if 0 < count < FEWEST else language.number(count)


def moves(language: Language, question: str, pairs: pl.DataFrame, named: Callable[[Any], str], heading: str) -> Section:
    """Customers by the group that they were in and the one that they are in; fewer than five are not told.

    Parameters
    ----------
    language : Language
    question : str
        Heading of the section.
    pairs : polars.DataFrame
        ``before, after, customers``, the groups in the order in which they are shown.
    named : callable
        Writes a group.
    heading : str
        Column, a key of the locale, that names the groups.
    """
    counts: dict[str, dict[str, float]] = {}
    for old, new, customers in pairs.select("before", "after", "customers").iter_rows():
        counts.setdefault(named(old), {})[named(new)] = customers
    raw = pd.DataFrame.from_dict(counts, orient="index")
    hidden = hidden_in(raw.fillna(0).to_numpy(float))
    table = raw.mask(hidden).rename_axis(language.text(f"column.{heading}")).reset_index()

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{name: [language.number(n) for n in table[name]] for name in table.columns[1:]})

    return Section(question, table, cells=cells)


def between(language: Language, low: float, high: float, decimals: int = 0) -> str:
    """Write the ends of an interval of a fraction: 38% – 46%."""
    return f"{language.percent(low, decimals)} – {language.percent(high, decimals)}"


def source(report: Report, table: str) -> str:
    """Line under a figure: the file that it was made of, and how many rows were kept; empty of a caller's frames."""
    if not report.business.name:
        return ""
    base = "subscriptions" if report.business.contractual else "interactions"
    sources = MADE_OF | {"base": base, "scores": "interactions"}
    reading = report.business.reading(sources.get(table, table))
    return report.language.text("figure.source", file=reading.file, rows=report.language.number(reading.kept))


def drawable(report: Results, metric: Metric) -> bool:
    """Whether there are two months to draw a line between."""
    return bool(report.series(metric.name)["value"].notna().sum() > 1)


def drawn(report: Results, metrics: Iterable[Metric]) -> Metric | None:
    """Metric of a channel whose line is drawn: the first that rests on more than a few units, else the first."""
    shown = [metric for metric in metrics if drawable(report, metric)]
    sure = (metric for metric in shown if "few_units" not in report.current(metric.name)[1].warning.split())
    return next(sure, next(iter(shown), None))


def moved(writer: Writer, month: str, changes: Iterable[tuple[Metric, str, float, float]]) -> list[str]:
    """Sentences about what is better, worse and different from a month: metrics, their directions, old and new values.

    Only those with the direction ``higher`` or ``lower`` are named, the first three of each.
    """
    named: dict[str, list[str]] = {"better": [], "worse": [], "": []}
    for metric, direction, old, new in changes:
        if direction in ("higher", "lower"):
            values = ARROW.join(writer.amount(metric, value) for value in (old, new))
            named[tone_of(metric, direction)].append(f"{writer.title(metric)} ({values})")
    text = writer.language.text
    return [
        text(f"summary.{tone or 'other'}", month=month, names=some(writer.language, names))
        for tone, names in named.items()
        if names
    ]


def some(language: Language, names: list[str]) -> str:
    """Write the first three names, and how many more there are.

    Examples
    --------
    >>> some(Language("en"), ["a", "b", "c", "d", "e"])
    'a; b; c; and 2 more'
    """
    more = len(names) - MOST_NAMED
    rest = [language.text("summary.and_more", n=language.number(more))] if more > 0 else []
    return "; ".join(names[:MOST_NAMED] + rest)


def tile(writer: Writer, metric: Metric) -> markup.Tile:
    """A number of the first screen; one of an earlier month says which."""
    period, new, _ = writer.results.current(metric.name)
    change, tone = writer.change(metric)
    label = writer.title(metric)
    if period != writer.results.month and period is not None:
        label += f" ({writer.month(period)})"
    series = writer.results.series(metric.name)
    spark = series.loc[series["period"] <= writer.results.month, "value"].tolist()
    return markup.Tile(
        label,
        writer.value(metric, new),
        writer.interval(metric, new),
        writer.target(metric, new),
        change,
        tone,
        spark,
    )
