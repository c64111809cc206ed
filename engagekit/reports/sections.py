"""The sections of the engagement report, each as HTML for a notebook's cell to display."""

from collections.abc import Iterator

import pandas as pd

from engagekit.data.reading import Reading
from engagekit.data.tables import TABLES
from engagekit.display import charts, markup
from engagekit.display.drawing import draw
from engagekit.display.section import FEWEST
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.metric import Metric
from engagekit.reports.parts import DASH, Report, drawable, source, table, trend
from engagekit.reports.results import Results
from engagekit.reports.words import Writer

__all__ = ["channel", "cohorts", "data", "method", "numbers"]

AGES = (1, 3, 6)
HEADLINE = ("metric", "month", "value", "interval", "from", "before", "change", "target")
CHANNEL = ("metric", "month", "value", "interval", "from", "before", "all")
BROKEN_DOWN = {"click_rate": "campaign", "return_on_ad_spend": "channel"}
COHORT_FRAME, COHORT_ROW = 90, 22  # CSS pixels


def numbers(results: Results) -> str:
    """The main metrics with interval, n, target and the month before; all others are told with their channel."""
    writer, text = Writer(results), results.language.text
    rows = [_row(writer, metric, HEADLINE) for metric in writer.main()]
    if not rows:
        return markup.heading(text("section.numbers")) + markup.note(text("section.no_numbers"))
    html = markup.heading(text("section.numbers")) + markup.finding(writer.targets()) + table(results, rows)
    return html + markup.note(text("section.numbers_caption"))


def channel(results: Results, name: str) -> str:
    """A channel: its first metric that rests on more than a few units over the months, and all of them in a table."""
    writer, text = Writer(results), results.language.text
    metrics = results.channels[name]
    html = markup.heading(text(f"channel.{name}"))
    shown = [metric for metric in metrics if drawable(results, metric)]
    if shown:
        sure = (metric for metric in shown if "few_units" not in _warnings(results, metric))
        html += trend(results, writer, next(sure, shown[0]))
    for metric in metrics:
        if metric.name in BROKEN_DOWN:
            html += _bars(results, writer, metric, BROKEN_DOWN[metric.name])
    html += table(results, [_row(writer, metric, CHANNEL) for metric in metrics])
    warned: dict[str, list[str]] = {}
    for metric in metrics:
        for warning in _warnings(results, metric):
            warned.setdefault(warning, []).append(writer.title(metric))
    notes = (markup.note(f"{'; '.join(names)}: {text(f'warning.{warning}')}") for warning, names in warned.items())
    return html + "".join(notes)


def cohorts(results: Results) -> str:
    """Who came back, by month of arrival."""
    text = results.language.text
    html = markup.heading(text("section.cohorts"))
    shown = results.cohorts[results.cohorts["customers"] >= FEWEST] if len(results.cohorts) else results.cohorts
    sentence = _came_back(results, shown)
    if not sentence:
        return html + markup.note(text("section.no_cohorts"))
    html += draw(
        lambda ax: charts.plot_cohorts(shown, ax, results.language),
        height=COHORT_FRAME + COHORT_ROW * shown["cohort"].nunique(),
        title=text("figure.cohorts_title"),
        subtitle=text("figure.cohorts_subtitle"),
        alt=sentence,
        source=source(results, "interactions"),
    )
    return html + markup.finding(sentence)


def data(results: Report) -> str:
    """What was read, left out and refused, and which tables are not there."""
    text, number = results.language.text, results.language.number
    html = markup.heading(text("section.data"))
    rows = [
        {
            "table": text(f"table.{reading.table}"),
            "file": reading.file,
            "rows": number(reading.rows),
            "left_out": number(sum(reading.left_out.values())),
            "refused": number(reading.refused.height),
            "kept": number(reading.kept),
        }
        for reading in results.readings
    ]
    if rows:
        html += table(results, rows, words=("file",))
    reasons = [
        {
            "file": reading.file,
            "column": reason["column"],
            "reason": text(f"refused.{reason['reason']}"),
            "rows": number(reason["rows"]),
            "first_row": number(reason["first_row"]),
        }
        for reading in results.readings
        for reason in reading.reasons().iter_rows(named=True)
    ]
    reasons += [
        {
            "file": reading.file,
            "column": "",
            "reason": reason,
            "rows": number(count),
            "first_row": DASH,
        }
        for reading in results.readings
        for reason, count in _rules(results, reading)
    ]
    html += (
        table(results, reasons, words=("column", "reason")) if reasons else markup.paragraph(text("section.all_kept"))
    )
    for declared in results.business.tables.values():
        html += markup.note(f"{declared.file}: {declared.note}") if declared.note else ""
    missing = [text(f"table.{table}") for table in TABLES if table not in results.business.tables]
    return html + (markup.note(text("section.missing_tables", tables=", ".join(missing))) if missing else "")


def _rules(results: Report, reading: Reading) -> Iterator[tuple[str, int]]:
    """What became of rows that were not refused, in words, and how many they are."""
    text = results.language.text
    for rule, rows in reading.left_out.items():
        yield text("refused.left_out", rule=rule), rows
    overlaps = results.study.overlapping if reading.table == "subscriptions" else 0
    counts = {name: getattr(reading, name) for name in ("repeated", "superseded", "identical")}
    for name, rows in {**counts, "overlapping": overlaps}.items():
        if rows:
            yield text(f"refused.{name}"), rows


def method(results: Results) -> str:
    """How the numbers were made, what they cannot tell, and what each one means."""
    text = results.language.text
    html = markup.heading(text("section.method"))
    for key in ("period", "intervals", "change", "limits"):
        html += markup.paragraph(
            text(
                f"method.{key}",
                as_of=results.language.date(results.end.date()),
                month=results.language.month(results.month),
                zone=results.business.time_zone,
                horizon=results.business.horizon.removesuffix("d"),
            )
        )
    if results.study.churn.inferred:
        html += markup.paragraph(text("method.inferred", fields=", ".join(results.study.churn.inferred)))
    for name, metrics in results.channels.items():
        html += markup.folded(text(f"channel.{name}"), _meanings(results, metrics))
    return html


def _row(writer: Writer, metric: Metric, columns: tuple[str, ...]) -> dict[str, str]:
    results = writer.results
    period, new, old = results.current(metric.name)
    target = results.business.targets.get(metric.name)
    cells = {
        "metric": writer.title(metric),
        "month": DASH if period is None else results.language.month(period, "short"),
        "value": writer.value(metric, new),
        "interval": writer.bounds(metric, new),
        "from": writer.units(metric, new),
        "before": writer.value(metric, old),
        "change": results.language.text(f"direction.{writer.direction(metric)}"),
        "target": DASH if target is None else writer.amount(metric, target),
        "all": writer.value(metric, results.overall(metric.name)),
    }
    return {column: cells[column] for column in columns}


def _meanings(results: Results, metrics: list[Metric]) -> str:
    """What each metric means and hides, and where it is from."""
    text = results.language.text
    rows = [
        {
            "metric": text(f"metric.{metric.name}.title"),
            "meaning": text(f"metric.{metric.name}.meaning"),
            "caveat": text(f"metric.{metric.name}.caveat"),
            "reference": metric.reference,
        }
        for metric in metrics
    ]
    return table(results, rows, words=("meaning", "caveat", "reference"))


def _warnings(results: Results, metric: Metric) -> list[str]:
    return results.current(metric.name)[1].warning.split()


def _bars(results: Results, writer: Writer, metric: Metric, column: str) -> str:
    """A metric by a column of its table, where there is something to compare."""
    text, groups = results.language.text, results.by(metric, column).sort_values("value", ascending=False)
    if len(groups) < 2:
        return ""
    best, worst = (dict(groups.iloc[end]) for end in (0, -1))
    sentence = text(
        "figure.by_sentence",
        best=results.language.value(column, best[column]),
        high=writer.value(metric, Estimate.of(best)),
        worst=results.language.value(column, worst[column]),
        low=writer.value(metric, Estimate.of(worst)),
    )
    drawn = draw(
        lambda ax: charts.plot_bars(
            groups.assign(label=[results.language.value(column, name) for name in groups[column]]),
            ax,
            results.language,
            unit=metric.measured_in,
            currency=results.business.currency,
            decimals=writer.decimals(metric),
        ),
        title=text(f"figure.by_{column}", name=writer.title(metric)),
        subtitle=text(f"metric.{metric.name}.meaning"),
        alt=sentence,
        source=source(results, metric.table),
    )
    return drawn + markup.finding(sentence)


def _came_back(results: Results, shown: pd.DataFrame) -> str:
    """Share that was active one, three and six months after they came, over all cohorts that lived through it."""
    text, language, parts = results.language.text, results.language, []
    for age in AGES:
        lived = shown[(shown["age"] == age) & shown["value"].notna()] if len(shown) else shown
        if len(lived):
            customers = lived["customers"].sum()
            share = language.percent(lived["active"].sum() / customers, 0)
            parts.append(text("cohorts.part", share=share, customers=language.number(customers), months=age))
    return text("cohorts.sentence", parts=", ".join(parts)) if parts else ""
