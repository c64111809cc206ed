"""What was read, and how the numbers were made: the last sections of every report."""

from collections.abc import Iterator

import pandas as pd

from engagekit.data.reading import Reading, amended, in_words
from engagekit.data.tables import TABLES
from engagekit.display.section import Section
from engagekit.metrics.metric import Metric
from engagekit.reports.parts import DASH, printed
from engagekit.reports.results import Results, results
from engagekit.study import Study

__all__ = ["data_read", "method"]

COUNTS = ("rows", "left_out", "refused", "kept")


def data_read(study: Study) -> Section:
    """What was read, left out and refused, and which tables are not there.

    Examples
    --------
    >>> data_read(study).table[["table", "rows", "refused", "kept"]].iloc[[3]].to_numpy().tolist()
    [['surveys', 703, 3, 700]]
    """
    text, readings = study.language.text, study.readings
    counts = [(each.rows, sum(each.left_out.values()), each.refused.height, each.kept) for each in readings]
    read = pd.DataFrame(counts, columns=COUNTS)
    read.insert(0, "table", [each.table for each in readings])
    read.insert(1, "file", [each.file for each in readings])

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        shown = table.assign(table=[text(f"table.{name}") for name in table["table"]])
        return shown.assign(**{name: [study.language.number(n) for n in table[name]] for name in COUNTS})

    kept = text("section.all_kept")
    reasons = pd.DataFrame(list(_reasons(study)), columns=["file", "column", "reason", "rows", "first_row"])
    declared = (source for sources in study.business.tables.values() for source in sources)
    notes = [f"{', '.join(source.file)}: {source.note}" for source in declared if source.note]
    missing = [text(f"table.{table}") for table in TABLES if table not in study.business.tables]
    for reading in readings:
        notes += [
            ": ".join(filter(None, (reading.file, way.column, in_words(study.language, way)))) for way in reading.ways
        ]
    if merged := sum(study.business.ids.merged.values()):
        notes.append(text("hint.merged_ids", n=study.language.number(merged)))
    notes += [text("section.missing_tables", tables=", ".join(missing))] if missing else []
    return Section(
        text("section.data"),
        read,
        "" if len(reasons) else kept,
        **printed(study.language, cells, words=("file",)),
        notes=notes,
        parts=[_set_aside(study, reasons)] if len(reasons) else [],
    )


def _set_aside(study: Study, reasons: pd.DataFrame) -> Section:
    """Rows that were refused, left out by rule or counted once, and cells that were amended, with the reason."""

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        first = [DASH if pd.isna(row) else study.language.number(row) for row in table["first_row"]]
        return table.assign(rows=[study.language.number(n) for n in table["rows"]], first_row=first)

    return Section("", reasons, **printed(study.language, cells, words=("column", "reason")))


def _reasons(study: Study) -> Iterator[tuple[str, str, str, int, int | None]]:
    text = study.language.text
    for reading in study.readings:
        for row in reading.reasons().iter_rows(named=True):
            yield reading.file, row["column"], text(f"refused.{row['reason']}"), row["rows"], row["first_row"]
        for row in reading.amendments().iter_rows(named=True):
            yield reading.file, row["column"], amended(study.language, row["reason"]), row["rows"], row["first_row"]
    for reading in study.readings:
        for reason, count in _rules(study, reading):
            yield reading.file, "", reason, count, None


def _rules(study: Study, reading: Reading) -> Iterator[tuple[str, int]]:
    """What became of rows that were not refused, in words, and how many they are."""
    text = study.language.text
    for rule, rows in reading.left_out.items():
        yield text("refused.left_out", rule=rule), rows
    overlaps = study.overlapping if reading.table == "subscriptions" else 0
    counts = {name: getattr(reading, name) for name in ("repeated", "superseded", "identical")}
    for name, rows in {**counts, "overlapping": overlaps}.items():
        if rows:
            yield text(f"refused.{name}"), rows


def method(study: Study) -> Section:
    """How the numbers were made, what they cannot tell, and what each one means.

    Examples
    --------
    >>> [part.question for part in method(study).parts][:3]
    ['Engagement score', 'Sales', 'Retention and churn']
    """
    report = results(study)
    text = report.language.text
    known = {
        "as_of": report.language.date(report.end.date()),
        "month": report.language.named(report.month),
        "zone": report.business.time_zone,
        "horizon": report.business.horizon.removesuffix("d"),
    }
    told = [text(f"method.{key}", **known) for key in ("period", "intervals", "change", "limits")]
    told += [text("method.inferred", fields=", ".join(study.churn.inferred))] if study.churn.inferred else []
    meanings = [_meanings(report, name, metrics) for name, metrics in report.channels.items()]
    return Section(text("section.method"), notes=told, parts=meanings)


def _meanings(report: Results, channel: str, metrics: list[Metric]) -> Section:
    """What each metric of a channel means and hides, and where it is from."""
    text = report.language.text
    rows = pd.DataFrame(
        {
            "metric": [text(f"metric.{metric.name}.title") for metric in metrics],
            "meaning": [text(f"metric.{metric.name}.meaning") for metric in metrics],
            "caveat": [text(f"metric.{metric.name}.caveat") for metric in metrics],
            "reference": [metric.reference for metric in metrics],
        }
    )
    told = printed(report.language, words=("meaning", "caveat", "reference"))
    return Section(text(f"channel.{channel}"), rows, **told)
