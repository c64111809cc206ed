"""Whether it is the season: the same month a year before, holidays that move, and months that stand out."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from engagekit.display.section import Section
from engagekit.metrics.anomalies import FEWEST_POINTS
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.family import directions
from engagekit.metrics.season import year_before
from engagekit.reports.anomalies import anomalies, stands_out
from engagekit.reports.holidays import holidays_between, previous
from engagekit.reports.parts import moved, printed
from engagekit.reports.results import Results, is_small, results
from engagekit.reports.words import Writer
from engagekit.study import Study

__all__ = ["season"]

COLUMNS = ("metric", "period", "value", "year_before", "difference", "low", "high", "n", "change")


def season(study: Study) -> Section:
    """The main numbers beside the same month a year before, holidays in one of two months, and what stands out.

    The comparisons with the year before are a family of their own: another question than the change since the month
    before, whose verdicts they leave as they are.

    Examples
    --------
    >>> season(study).table[["metric", "change"]].head(2).to_numpy().tolist()
    [['engagement_score', 'none'], ['net_promoter_score', 'none']]
    """
    report = results(study)
    writer, text = Writer(report), report.language.text
    rows = pd.DataFrame(list(_rows(writer)), columns=COLUMNS)
    a_year_before = pd.Timestamp(year_before(report.month, study.period))
    between = [holidays_between(report, previous(report), report.month)]
    between += [holidays_between(report, a_year_before, report.month)] if len(rows) else []
    answer = [*_changes(writer, rows, report.language.named(a_year_before)), *filter(None, between), *_unusual(report)]
    answer += [] if len(rows) else [text("season.no_year")]
    notes = {
        "season.note": len(rows) > 0,
        "season.ramadan_note": any(text("season.ramadan") in sentence for sentence in between),
        "anomaly.note": anomalies(report).tested > 0,
    }
    cells = pd.DataFrame([_cells(writer, row) for row in rows.to_dict("records")])
    told = printed(report.language, lambda _: cells)
    return Section(
        text("season.question"), rows, answer, **told, notes=[text(key) for key, said in notes.items() if said]
    )


def _rows(writer: Writer) -> Iterator[dict[str, Any]]:
    """Main numbers that have a value in the same period a year before, the difference and its direction."""
    report, rows = writer.results, list[dict[str, Any]]()
    names = [metric.name for metric in writer.main()]
    paired = report.study.changes_in_a_year(names)
    for name in names:
        period, new, _ = report.current(name)
        old = None if period is None else report.whole(name, year_before(period, report.study.period))
        if old is None or any(is_small(METRICS[name], each) for each in (new, old)) or "unripe" in new.warning:
            continue
        change = new - old
        difference, low, high = paired.get(name, _interval(change))
        row = {"metric": name, "period": period, "value": new.value, "year_before": old.value, "n": change.units}
        rows.append(row | {"difference": difference, "low": low, "high": high})
    verdicts = directions({row["metric"]: (row["difference"], row["low"], row["high"]) for row in rows})
    yield from (row | {"change": verdicts[row["metric"]]} for row in rows)


def _interval(change: Estimate) -> tuple[float, float, float]:
    if "within_one_unit" in change.warning.split():
        return change.value, math.nan, math.nan  # its interval is of one mailing, not of the months
    return change.value, change.low, change.high


def _changes(writer: Writer, rows: pd.DataFrame, month: str) -> list[str]:
    """What is better and worse than a year before beyond chance, of the numbers of the reported month."""
    text = writer.language.text
    latest = rows[rows["period"] == writer.results.month].to_dict("records")
    changes = [(METRICS[row["metric"]], row["change"], row["year_before"], row["value"]) for row in latest]
    judged = sum(direction != "unknown" for _, direction, _, _ in changes)
    unchanged = [text("summary.unchanged", n=writer.language.number(judged), month=month)] if judged else []
    return moved(writer, month, changes) or unchanged


def _unusual(report: Results) -> list[str]:
    called, number = anomalies(report), report.language.number
    if called.tested and not called.by_metric:
        return [report.language.text("anomaly.none", n=number(called.tested), least=number(FEWEST_POINTS))]
    return [stands_out(report, metric) for metric in called.by_metric]


def _cells(writer: Writer, row: Mapping[Any, Any]) -> dict[str, str]:
    metric, language = METRICS[row["metric"]], writer.language
    return {
        "metric": writer.title(metric),
        "month": language.named(row["period"], "short"),
        "value": writer.amount(metric, row["value"]),
        "year_before": writer.amount(metric, row["year_before"]),
        "change": language.text(f"direction.{row['change']}"),
    }
