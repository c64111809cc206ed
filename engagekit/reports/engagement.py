"""The numbers of the engagement report: the main ones, those of each channel, and who came back."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from engagekit.display import charts
from engagekit.display.section import FEWEST, Figure, Section, no_cells, safe_table
from engagekit.language import Language
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.metric import Metric, Ratio, Total, per_person
from engagekit.reports.anomalies import stands_out
from engagekit.reports.breakdowns import broken_down
from engagekit.reports.parts import DASH, drawn, printed, source
from engagekit.reports.results import Results, is_small, results
from engagekit.reports.words import Writer
from engagekit.study import Study

__all__ = ["channel", "channels", "cohorts", "numbers", "trend"]

AGES = (1, 3, 6)
HEADLINE = ("metric", "month", "value", "interval", "from", "before", "change", "would_have_shown", "target")
CHANNEL = ("metric", "month", "value", "interval", "from", "before", "all")
COHORT_FRAME, COHORT_ROW = 90, 22  # CSS pixels


def numbers(study: Study) -> Section:
    """The main metrics with interval, n, target and the month before; the others are shown with their channel.

    Examples
    --------
    >>> numbers(study).table.set_index("metric").loc["net_promoter_score", ["value", "before"]].round(1).to_dict()
    {'value': 28.6, 'before': 0.0}
    """
    report = results(study)
    writer, text = Writer(report), report.language.text
    metrics = [each for metric in writer.main() for each in (metric, METRICS.get(f"median_{metric.name}")) if each]
    if not metrics:
        return Section(text("section.numbers"), answer=text("section.no_numbers"))
    caption = text("section.numbers_caption")
    return _measured(report, text("section.numbers"), writer.targets(), metrics, HEADLINE, notes=[caption])


def channels(study: Study) -> list[Section]:
    """A section of each channel that has data, but for the score's.

    Examples
    --------
    >>> [section.question for section in channels(study)][:4]
    ['Sales', 'Retention and churn', 'Customer surveys', 'Website and app']
    """
    return [channel(study, name) for name in results(study).channels if name != "score"]


def channel(study: Study, name: str) -> Section:
    """A channel: its first metric that rests on more than a few units over the months, and all of them in a table."""
    report = results(study)
    metrics = report.channels[name]
    line = drawn(report, metrics)
    first = _trend(report, line) if line else None
    parts = [Section("", report.series(first.metric), cells=no_cells, figure=first.figure)] if first else []
    return _measured(
        report,
        report.language.text(f"channel.{name}"),
        first.sentence if first else "",
        metrics,
        CHANNEL,
        notes=list(_cautions(report, metrics)),
        parts=[*parts, *broken_down(study, name)],
    )


def trend(study: Study, metric: str) -> Section:
    """A metric over the months."""
    report = results(study)
    line = _trend(report, METRICS[metric])
    title = Writer(report).title(METRICS[metric])
    return Section(title, report.series(metric), line.sentence, cells=no_cells, figure=line.figure)


def cohorts(study: Study) -> Section:
    """Who came back, by month of arrival.

    Examples
    --------
    >>> month_1 = cohorts(study).table.query("age == 1")
    >>> f"{month_1['active'].sum():.0f} of {month_1['customers'].sum():.0f} came back after a month"
    '131 of 150 came back after a month'
    """
    report = results(study)
    text = report.language.text
    figure = Figure(
        lambda table, ax: charts.plot_cohorts(table.dropna(subset=["customers"]), ax, report.language),
        text("figure.cohorts_title"),
        text("figure.cohorts_subtitle"),
        source(report, "interactions") if report.study.has("interactions") else "",
        height=COHORT_FRAME + COHORT_ROW * (report.cohorts["cohort"].nunique() if len(report.cohorts) else 0),
    )
    question, told = text("section.cohorts"), partial(_came_back, report.language)
    if not len(report.cohorts) or not told(safe_table(report.cohorts, "customers")):
        return Section(question, answer=text("section.no_cohorts"))
    return Section(question, report.cohorts, told, people="customers", cells=no_cells, figure=figure)


class _Trend(NamedTuple):
    metric: str
    sentence: str
    figure: Figure


def _trend(report: Results, metric: Metric) -> _Trend:
    """Figure of a metric over the months, and what it says."""
    writer, text = Writer(report), report.language.text
    period, new, _ = report.current(metric.name)
    title = writer.title(metric)
    sentence = text(
        "figure.trend_sentence_sure" if new.method else "figure.trend_sentence",
        name=title,
        month=DASH if period is None else writer.month(period),
        value=writer.value(metric, new),
        interval=writer.interval(metric, new),
    )
    sentence = " ".join(filter(None, [sentence, stands_out(report, metric.name)]))
    unit, target = metric.measured_in, report.business.targets.get(metric.name)
    currency, language = report.business.currency, report.language
    figure = Figure(
        lambda series, ax: charts.plot_trend(
            series, ax, language, unit=unit, currency=currency, target=target, decimals=writer.results.decimals(metric)
        ),
        title if writer.direction(metric) == "unknown" else f"{title}: {writer.change(metric)[0]}",
        text(f"metric.{metric.name}.meaning"),
        source(report, metric.table),
        alt=sentence,
    )
    return _Trend(metric.name, sentence, figure)


def _measured(
    report: Results, question: str, answer: str, metrics: list[Metric], columns: tuple[str, ...], **options: Any
) -> Section:
    """Section whose table has a row a metric."""
    writer = Writer(report)
    numbers = pd.DataFrame([{"metric": metric.name, **report.row(metric.name)} for metric in metrics])
    rows = pd.DataFrame([_row(writer, metric, columns) for metric in metrics])
    return Section(question, numbers, answer, **printed(report.language, lambda _: rows), **options)


def _row(writer: Writer, metric: Metric, columns: tuple[str, ...]) -> dict[str, str]:
    report = writer.results
    period, new, old = report.current(metric.name)
    target = report.business.targets.get(metric.name)
    cells = {
        "metric": writer.title(metric),
        "month": DASH if period is None else report.language.named(period, "short"),
        "value": writer.value(metric, new),
        "interval": writer.bounds(metric, new),
        "from": writer.units(metric, new),
        "before": _before(writer, metric, new, old),
        "change": report.language.text(f"direction.{writer.direction(metric)}"),
        "would_have_shown": _size(writer, metric),
        "target": DASH if target is None else writer.amount(metric, target),
        "all": writer.value(metric, report.overall(metric.name)),
    }
    return {column: cells[column] for column in columns}


def _before(writer: Writer, metric: Metric, new: Estimate, old: Estimate) -> str:
    """Write the value before; of a total, which has no interval, also by how much it changed."""
    before = writer.value(metric, old)
    if not isinstance(metric, Total) or is_small(metric, new) or is_small(metric, old) or not old.value > 0:
        return before
    if metric.latest and new.units != old.units:  # a unit that is not there has not gone
        return before
    change = new.value / old.value - 1
    return before if math.isnan(change) else f"{before} ({writer.language.percent_change(change)})"


def _size(writer: Writer, metric: Metric) -> str:
    """Write the size of the change that would have shown."""
    size = writer.results.would_have_shown.get(metric.name, math.nan)
    return DASH if math.isnan(size) else f"±\u2060{writer.amount(metric, size)}"


def _warnings(report: Results, metric: Metric) -> list[str]:
    return report.current(metric.name)[1].warning.split()


def _cautions(report: Results, metrics: list[Metric]) -> Iterator[str]:
    """What is to be known of some of the numbers."""
    writer, warned = Writer(report), dict[str, list[str]]()
    for metric in metrics:
        for warning in _warnings(report, metric):
            if warning == "unripe":
                continue
            warned.setdefault(warning, []).append(writer.title(metric))
    for warning, names in warned.items():
        yield f"{'; '.join(names)}: {report.language.text(f'warning.{warning}')}"
    yield from _unripe(report, metrics)
    for metric in metrics:
        if isinstance(metric, Ratio) and "one_person" in _warnings(report, metric):
            measured = report.study.measure(per_person(metric), every=report.study.period)
            (row,) = measured[measured["period"] == report.current(metric.name)[0]].to_dict("records")
            if row["units"] >= FEWEST:
                value = writer.amount(metric, row["value"])
                yield f"{writer.title(metric)}: {report.language.text('estimate.per_person', value=value)}"


def _unripe(report: Results, metrics: list[Metric]) -> Iterator[str]:
    """How metrics are compared of whose newest month not all is in yet."""
    names: dict[tuple[str, str], list[str]] = {}
    for metric in metrics:
        newest = report.series(metric.name)["warning"].tail(1).str.contains("unripe").any()
        if newest and (how := report.ripening(metric.name)):
            names.setdefault((how, metric.ripens_after.removesuffix("d")), []).append(Writer(report).title(metric))
    for (how, days), titles in names.items():
        yield report.language.text(f"ripening.{how}", names="; ".join(titles), days=days)


def _came_back(language: Language, cohorts: pd.DataFrame) -> str:
    """Share that was active one, three and six months after they came, over all cohorts that lived through it."""
    parts = []
    for age in AGES:
        lived = cohorts[(cohorts["age"] == age) & cohorts["value"].notna()]
        if len(lived):
            customers = lived["customers"].sum()
            share = language.percent(lived["active"].sum() / customers, 0)
            known = {"share": share, "customers": language.number(customers), "months": age}
            parts.append(language.text("cohorts.part", **known))
    return language.text("cohorts.sentence", parts=", ".join(parts)) if parts else ""
