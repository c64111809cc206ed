"""The numbers of the engagement report: the main ones, those of each channel, and who came back."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from engagekit.display import charts
from engagekit.display.section import Figure, Section, no_cells, safe_table
from engagekit.language import Language
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.metric import Metric
from engagekit.reports.parts import DASH, drawable, printed, source
from engagekit.reports.results import Results, results
from engagekit.reports.words import Writer
from engagekit.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["channel", "channels", "cohorts", "numbers", "trend"]

AGES = (1, 3, 6)
HEADLINE = ("metric", "month", "value", "interval", "from", "before", "change", "target")
CHANNEL = ("metric", "month", "value", "interval", "from", "before", "all")
BROKEN_DOWN = {"click_rate": "campaign", "return_on_ad_spend": "channel"}
COHORT_FRAME, COHORT_ROW = 90, 22  # CSS pixels


def numbers(study: Study) -> Section:
    """The main metrics with interval, n, target and the month before; all others are told with their channel."""
    found = results(study)
    writer, text = Writer(found), found.language.text
    metrics = writer.main()
    if not metrics:
        return Section(text("section.numbers"), answer=text("section.no_numbers"))
    caption = text("section.numbers_caption")
    return _measured(found, text("section.numbers"), writer.targets(), metrics, HEADLINE, notes=[caption])


def channels(study: Study) -> list[Section]:
    """A section of each channel that has data, but for the score's."""
    return [channel(study, name) for name in results(study).channels if name != "score"]


def channel(study: Study, name: str) -> Section:
    """A channel: its first metric that rests on more than a few units over the months, and all of them in a table."""
    found = results(study)
    metrics = found.channels[name]
    shown = [metric for metric in metrics if drawable(found, metric)]
    sure = (metric for metric in shown if "few_units" not in _warnings(found, metric))
    first = _trend(found, next(sure, shown[0])) if shown else None
    parts = [Section("", found.series(first.metric), cells=no_cells, figure=first.figure)] if first else []
    return _measured(
        found,
        found.language.text(f"channel.{name}"),
        first.sentence if first else "",
        metrics,
        CHANNEL,
        notes=list(_cautions(found, metrics)),
        parts=[*parts, *_broken_down(found, metrics)],
    )


def trend(study: Study, metric: str) -> Section:
    """A metric over the months."""
    found = results(study)
    drawn = _trend(found, METRICS[metric])
    title = Writer(found).title(METRICS[metric])
    return Section(title, found.series(metric), drawn.sentence, cells=no_cells, figure=drawn.figure)


def cohorts(study: Study) -> Section:
    """Who came back, by month of arrival."""
    found = results(study)
    text = found.language.text
    figure = Figure(
        lambda table, ax: charts.plot_cohorts(table.dropna(subset=["customers"]), ax, found.language),
        text("figure.cohorts_title"),
        text("figure.cohorts_subtitle"),
        source(found, "interactions") if found.study.has("interactions") else "",
        height=COHORT_FRAME + COHORT_ROW * (found.cohorts["cohort"].nunique() if len(found.cohorts) else 0),
    )
    question, told = text("section.cohorts"), partial(_came_back, found.language)
    if not len(found.cohorts) or not told(safe_table(found.cohorts, "customers")):
        return Section(question, answer=text("section.no_cohorts"))
    return Section(question, found.cohorts, told, people="customers", cells=no_cells, figure=figure)


class _Trend(NamedTuple):
    metric: str
    sentence: str
    figure: Figure


def _trend(found: Results, metric: Metric) -> _Trend:
    """Figure of a metric over the months, and what it says."""
    writer, text = Writer(found), found.language.text
    period, new, _ = found.current(metric.name)
    title = writer.title(metric)
    sentence = text(
        "figure.trend_sentence_sure" if new.method else "figure.trend_sentence",
        name=title,
        month=DASH if period is None else writer.month(period),
        value=writer.value(metric, new),
        interval=writer.interval(metric, new),
    )
    unit, target = metric.measured_in, found.business.targets.get(metric.name)
    currency, language = found.business.currency, found.language
    figure = Figure(
        lambda series, ax: charts.plot_trend(
            series, ax, language, unit=unit, currency=currency, target=target, decimals=writer.decimals(metric)
        ),
        title if writer.direction(metric) == "unknown" else f"{title}: {writer.change(metric)[0]}",
        text(f"metric.{metric.name}.meaning"),
        source(found, metric.table),
        alt=sentence,
    )
    return _Trend(metric.name, sentence, figure)


def _measured(
    found: Results, question: str, answer: str, metrics: list[Metric], columns: tuple[str, ...], **options: Any
) -> Section:
    """Section whose table has a row a metric."""
    writer = Writer(found)
    numbers = pd.DataFrame([{"metric": metric.name, **found.row(metric.name)} for metric in metrics])
    rows = pd.DataFrame([_row(writer, metric, columns) for metric in metrics])
    return Section(question, numbers, answer, **printed(found.language, lambda _: rows), **options)


def _row(writer: Writer, metric: Metric, columns: tuple[str, ...]) -> dict[str, str]:
    found = writer.results
    period, new, old = found.current(metric.name)
    target = found.business.targets.get(metric.name)
    cells = {
        "metric": writer.title(metric),
        "month": DASH if period is None else found.language.month(period, "short"),
        "value": writer.value(metric, new),
        "interval": writer.bounds(metric, new),
        "from": writer.units(metric, new),
        "before": writer.value(metric, old),
        "change": found.language.text(f"direction.{writer.direction(metric)}"),
        "target": DASH if target is None else writer.amount(metric, target),
        "all": writer.value(metric, found.overall(metric.name)),
    }
    return {column: cells[column] for column in columns}


def _warnings(found: Results, metric: Metric) -> list[str]:
    return found.current(metric.name)[1].warning.split()


def _cautions(found: Results, metrics: list[Metric]) -> Iterator[str]:
    """What is to be known of some of the numbers."""
    writer, warned = Writer(found), dict[str, list[str]]()
    for metric in metrics:
        for warning in _warnings(found, metric):
            warned.setdefault(warning, []).append(writer.title(metric))
    for warning, names in warned.items():
        yield f"{'; '.join(names)}: {found.language.text(f'warning.{warning}')}"


def _broken_down(found: Results, metrics: list[Metric]) -> Iterator[Section]:
    """A metric by a column of its table, where there is something to compare."""
    text, writer = found.language.text, Writer(found)
    for metric in metrics:
        column = BROKEN_DOWN.get(metric.name, "")
        groups = found.by(metric, column).sort_values("value", ascending=False) if column else pd.DataFrame()
        if len(groups) < 2:
            continue
        best, worst = (dict(groups.iloc[end]) for end in (0, -1))
        high, low = (writer.value(metric, Estimate.of(each)) for each in (best, worst))
        first, last = (found.language.value(column, each[column]) for each in (best, worst))
        sentence = text("figure.by_sentence", best=first, high=high, worst=last, low=low)
        figure = Figure(
            partial(_bars, found, metric, column),
            text(f"figure.by_{column}", name=writer.title(metric)),
            text(f"metric.{metric.name}.meaning"),
            source(found, metric.table),
        )
        yield Section("", groups, sentence, cells=no_cells, figure=figure)


def _bars(found: Results, metric: Metric, column: str, groups: pd.DataFrame, ax: "Axes") -> "Axes":
    unit, currency, decimals = metric.measured_in, found.business.currency, Writer(found).decimals(metric)
    named = groups.assign(label=[found.language.value(column, name) for name in groups[column]])
    return charts.plot_bars(named, ax, found.language, unit=unit, currency=currency, decimals=decimals)


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
