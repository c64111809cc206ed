"""Numbers by group in the engagement report: each channel by its own columns, and the main numbers by customers."""

import math

import pandas as pd

from engagekit.display.section import SHOWN, Section
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.metric import Metric, Total
from engagekit.reports.by_group import Groups
from engagekit.reports.parts import DASH
from engagekit.reports.results import Results, results
from engagekit.reports.words import Writer
from engagekit.study import Study

__all__ = ["broken_down", "customer_groups"]


def broken_down(study: Study, channel: str) -> list[Section]:
    """Metrics of a channel side by side, by each column of its tables that has groups.

    Examples
    --------
    >>> section = broken_down(study, "sales")[0]
    >>> section.question, section.table["group"].unique().tolist()
    ('Revenue by channel', ['web', 'app', 'email', 'social', 'whatsapp'])
    """
    report = results(study)
    return [_side_by_side(report, groups) for groups in report.breakdowns.get(channel, [])]


def customer_groups(study: Study) -> Section | None:
    """The main numbers of customers by segment, plan, loyalty membership and month of arrival.

    Examples
    --------
    >>> [part.question for part in customer_groups(study).parts][:2]
    ['Net Promoter Score (NPS) by segment', 'Net Promoter Score (NPS) by plan']
    """
    report = results(study)
    text, groupings = report.language.text, report.customer_groups
    if not groupings:
        return None
    parts = [_crossed(report, groups) for groups in groupings]
    answer = [sentence for sentence in (_spread(report, groups) for groups in groupings[:1]) if sentence]
    notes = [text("breakdown.in_brackets"), text("breakdown.by_chance")]
    return Section(text("breakdown.customers"), answer=answer, notes=notes, parts=parts)


def _side_by_side(report: Results, groups: Groups) -> Section:
    """A row a group: its numbers, the interval of the first that has one, and what the first stands on."""
    text, writer = report.language.text, Writer(report)
    metrics = _metrics(groups)
    sure = next((metric for metric in metrics if not isinstance(metric, Total)), metrics[0])
    rows = []
    for name, part in groups.table.groupby("group", sort=False):
        by_metric = {row["metric"]: row for row in part.to_dict("records")}
        cells = {_heading(report, groups.by): _named(report, groups.by, name)}
        for metric in metrics:
            row = by_metric[metric.name]
            cells[writer.title(metric)] = _amount(writer, metric, row["value"])
            if metric is sure and not isinstance(sure, Total):
                ends = [_amount(writer, metric, row[end]) for end in ("low", "high")]
                cells[text("column.interval")] = DASH if DASH in ends else " – ".join(ends)
        counted = next((each for each in metrics if math.isfinite(by_metric[each.name]["value"])), metrics[0])
        n = by_metric[counted.name]["n"]
        cells[text("column.from")] = (
            DASH if math.isnan(n) else text(f"unit.{counted.unit}", n=report.language.number(n))
        )
        rows.append(cells)
    first = groups.table[groups.table["metric"] == metrics[0].name]["value"]
    most = first.abs().max()
    return Section(
        _question(report, groups),
        groups.table,
        _spread(report, groups),
        cells=lambda _: pd.DataFrame(rows),
        bars=[abs(value) / most if most else math.nan for value in first],
        more=_more(report, len(rows)),
        notes=[
            *([text("breakdown.left_out", n=report.language.number(groups.more))] if groups.more else []),
            *([] if isinstance(sure, Total) else [text("breakdown.by_chance")]),
        ],
    )


def _crossed(report: Results, groups: Groups) -> Section:
    """Groups by metrics, each with how many customers or answers it stands on."""
    writer, number = Writer(report), report.language.number
    metrics, rows, circular = _metrics(groups), [], False
    for name, part in groups.table.groupby("group", sort=False):
        by_metric = {row["metric"]: row for row in part.to_dict("records")}
        cells = {_heading(report, groups.by): _named(report, groups.by, name)}
        for metric in metrics:
            row = by_metric.get(metric.name, {"value": math.nan, "warning": ""})
            marked = "*" if "circular" in str(row["warning"]).split() else ""
            circular = circular or bool(marked)
            written = _amount(writer, metric, row["value"])
            cells[writer.title(metric)] = written if written == DASH else f"{written}{marked} ({number(row['n'])})"
        rows.append(cells)
    return Section(
        _question(report, groups),
        groups.table,
        _spread(report, groups),
        cells=lambda _: pd.DataFrame(rows),
        more=_more(report, len(rows)),
        notes=["* " + report.language.text("warning.circular")] if circular else (),
    )


def _metrics(groups: Groups) -> list[Metric]:
    """Metrics that have a value in some group, in their order."""
    valued = groups.table[groups.table["value"].notna()]["metric"].unique()
    return [METRICS[name] for name in groups.table["metric"].unique() if name in valued] or [
        METRICS[groups.table["metric"].iloc[0]]
    ]


def _spread(report: Results, groups: Groups) -> str:
    """Where the first metric is highest and lowest, of the groups that are not folded; or who has most of a total."""
    writer = Writer(report)
    metric = _metrics(groups)[0]
    rows = groups.table[groups.table["metric"] == metric.name].head(SHOWN).dropna(subset=["value"])
    if len(rows) < 2:
        return ""
    ordered = rows.sort_values("value", ascending=False, kind="stable")
    (best, high), (worst, low) = (
        (_named(report, groups.by, ordered["group"].iloc[end]), writer.amount(metric, ordered["value"].iloc[end]))
        for end in (0, -1)
    )
    known = {"name": writer.title(metric), "best": best, "high": high, "worst": worst, "low": low}
    return report.language.text("breakdown.most" if isinstance(metric, Total) else "breakdown.spread", **known)


def _question(report: Results, groups: Groups) -> str:
    text = report.language.text
    return text(
        "breakdown.question", name=Writer(report).title(_metrics(groups)[0]), group=text(f"group_by.{groups.by}")
    )


def _heading(report: Results, by: str) -> str:
    word = report.language.text(f"group_by.{by}")
    return word[:1].upper() + word[1:]


def _named(report: Results, by: str, group: object) -> str:
    if by == "segment":
        return report.language.text(f"segment.{group}")
    kind = "flag" if str(group) in ("True", "False") else "action" if by == "feature" else by
    return report.language.value(kind, str(group))


def _amount(writer: Writer, metric: Metric, value: float) -> str:
    return writer.amount(metric, value) if math.isfinite(value) else DASH


def _more(report: Results, rows: int) -> str:
    return report.language.text("chart.more", n=report.language.number(rows - SHOWN)) if rows > SHOWN else ""
