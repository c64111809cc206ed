"""Months that stand out and new levels: of the lines that a report draws, judged as one family, in words."""

from functools import lru_cache
from typing import NamedTuple

import pandas as pd

from engagekit.metrics.anomalies import FEWEST_POINTS, SHORTEST, Anomaly, anomaly
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.family import Z95, discoveries
from engagekit.reports.holidays import holidays_in
from engagekit.reports.parts import drawn
from engagekit.reports.results import Results
from engagekit.reports.words import Writer
from engagekit.study import SNAPSHOTS

__all__ = ["Anomalies", "anomalies", "newest", "stands_out"]


class Anomalies(NamedTuple):
    """What stands out, by metric, and how many lines were long enough to be tested."""

    by_metric: dict[str, Anomaly]
    tested: int


@lru_cache(maxsize=4)
def anomalies(report: Results) -> Anomalies:
    """Spikes and shifts of the lines that a report draws and of its main numbers.

    Each has to be beyond what 95 of 100 still series do. Where a last month stands out and the change since the month
    before can be judged, that verdict counts: it has to be a change in the same direction, so that the two never
    contradict each other. All others are a family of their own, held to the same false-discovery rate.
    """
    lines = {metric: _line(report, metric) for metric in _drawn(report)}
    lines = {metric: line for metric, line in lines.items() if line["value"].notna().sum() >= FEWEST_POINTS}
    called = {metric: anomaly(line["value"], (line["high"] - line["low"]) / 2 / Z95) for metric, line in lines.items()}
    verdicts = {
        metric: report.directions.get(metric, "unknown")
        for metric, each in called.items()
        if each and each.kind == "spike" and each.place == len(lines[metric]) - 1
    }
    verdicts = {metric: verdict for metric, verdict in verdicts.items() if verdict != "unknown"}
    chances = {metric: each.p_value if each and metric not in verdicts else 1.0 for metric, each in called.items()}
    passed = discoveries(chances)
    beyond = {
        metric: each
        for metric, each in called.items()
        if each and (verdicts[metric] == each.direction if metric in verdicts else metric in passed)
    }
    return Anomalies(beyond, len(lines))


def stands_out(report: Results, metric: str) -> str:
    """Sentence about a month of a metric that stands out, or its new level; empty where there is none."""
    called = anomalies(report).by_metric.get(metric)
    if called is None:
        return ""
    writer, text, line = Writer(report), report.language.text, _line(report, metric)
    about, day = METRICS[metric], line["period"].iloc[called.place]
    known = {"name": writer.title(about), "month": report.language.named(day)}
    if called.kind == "shift":
        old, new = (writer.amount(about, level) for level in (called.usual, called.unusual))
        return text(f"anomaly.{called.direction}", **known, old=old, new=new)
    others = line["value"].drop(called.place).dropna()
    low, high, value = (writer.amount(about, each) for each in (others.min(), others.max(), called.unusual))
    sentence = text("anomaly.spike", **known, n=report.language.number(len(others)), low=low, high=high, value=value)
    names = holidays_in(report, day)
    return f"{sentence} {text('season.then', names=names)}" if names else sentence


def newest(report: Results) -> str:
    """Title of the first line whose last month stands out or whose level is new; empty where there is none."""
    for metric, called in anomalies(report).by_metric.items():
        since = len(_line(report, metric)) - called.place
        if report.is_latest(metric) and since <= (1 if called.kind == "spike" else SHORTEST + 1):
            return Writer(report).title(METRICS[metric])
    return ""


def _drawn(report: Results) -> list[str]:
    """Main numbers and the line of each channel, without those that count the same days in several months."""
    lines = (drawn(report, metrics) for metrics in report.channels.values())
    metrics = [metric for metric in [*Writer(report).main(), *lines] if metric and metric.table not in SNAPSHOTS]
    return list(dict.fromkeys(metric.name for metric in metrics))


def _line(report: Results, metric: str) -> pd.DataFrame:
    """Whole months of a metric up to the one that is reported of it."""
    series, last = report.series(metric), report.current(metric)[0]
    whole = ~series["warning"].str.contains("partial_period")
    return series[whole & (series["period"] <= (report.month if last is None else last))].reset_index(drop=True)
