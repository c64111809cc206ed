"""Targets and goals: how far each number is from its target, its own past and a benchmark, and where it is heading."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pandas as pd

from engagekit.decisions.targets import RunRate, own_past, reached, run_rate, unserved
from engagekit.display.section import Section
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import Estimate, significant
from engagekit.metrics.family import directions
from engagekit.metrics.metric import Metric, Total
from engagekit.reports.parts import DASH, printed, some
from engagekit.reports.results import Results, is_small, results
from engagekit.reports.words import Writer, tone_of
from engagekit.study import Study

__all__ = ["target_rows", "targets", "things"]

BOUNDS = ("value", "low", "high")
AIMS = ("target", "own_past", "benchmark")
COLUMNS = ("metric", "goal", "period", "value", "low", "high", "n", *AIMS, *(f"{aim}_verdict" for aim in AIMS))
Row = dict[str, Any]


def targets(study: Study) -> Section:
    """How far the business's numbers are from targets, from their own past and from benchmarks.

    Examples
    --------
    >>> targets(study).table[["metric", "target", "target_verdict"]].head(2).to_numpy().tolist()
    [['net_promoter_score', 45.0, 'close'], ['satisfaction_rate', 0.8, 'close']]
    """
    report = results(study)
    writer, text, rows = Writer(report), report.language.text, _rows(report)
    none = [] if report.business.targets or report.business.goals else [text("points.no_targets")]
    paces = [sentence for _, sentence in _paces(writer)]
    answer = [*none, *_goals(writer, rows), *_past(writer, rows), *paces, *_unserved(writer)]
    cells = pd.DataFrame([_cells(writer, row) for row in rows])
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    notes = [text("targets.note")] * bool(rows) + list(_provenance(writer))
    return Section(text("targets.question"), table, answer, **printed(report.language, lambda _: cells), notes=notes)


def things(study: Study) -> Iterator[str]:
    """The total that will miss its target at the present pace, and the missed target that is farthest away."""
    writer = Writer(results(study))
    yield from (sentence for verdict, sentence in _paces(writer) if verdict == "missed")
    missed = writer.farthest_target()
    if missed is not None:
        metric, estimate, target = missed
        values = {"value": writer.value(metric, estimate), "target": writer.amount(metric, target)}
        yield writer.language.text("summary.missed", name=writer.title(metric), **values)


def target_rows(study: Study) -> list[Row]:
    """The rows of ``targets`` in ``metrics.json``, with where each total ends that runs."""
    report = results(study)
    ends = {metric.name: made.expected for metric, made in _run_rates(report)}
    written: list[Row] = significant(
        [
            row
            | {"period": None if row["period"] is None else row["period"].date().isoformat()}
            | {f"end_{key}": getattr(ends.get(row["metric"]), key, None) for key in BOUNDS}
            for row in _rows(report)
        ]
    )
    return written


@lru_cache(maxsize=4)
def _rows(report: Results) -> list[Row]:
    """A row for each measured metric with a target, a goal or a benchmark."""
    business = report.business
    goals = {name: key for key, goal in reversed(business.goals.items()) for name in goal.metrics}
    benchmarks = {each.metric: each.value for each in sorted(business.benchmarks, key=lambda each: each.year)}
    names = dict.fromkeys([*business.targets, *(name for goal in business.goals.values() for name in goal.metrics)])
    measured = set(report.measured["metric"])
    shown = [METRICS[name] for name in names | dict.fromkeys(benchmarks) if name in measured]
    rows = [_row(report, metric, goals.get(metric.name, ""), benchmarks.get(metric.name)) for metric in shown]
    apart = directions({row["metric"]: tuple(row[key] - row["own_past"] for key in BOUNDS) for row in rows})
    return [row | {"own_past_verdict": tone_of(METRICS[row["metric"]], apart[row["metric"]])} for row in rows]


def _row(report: Results, metric: Metric, goal: str, benchmark: float | None) -> Row:
    period, new, _ = report.current(metric.name)
    past = math.nan if period is None else own_past(report.series(metric.name), period)
    aims = {"target": report.business.targets.get(metric.name), "benchmark": benchmark}
    small = is_small(metric, new)
    verdicts = {f"{aim}_verdict": "" if small else _verdict(metric, new, value) for aim, value in aims.items()}
    hidden = dict.fromkeys((*BOUNDS, "n"), math.nan)
    numbers = hidden if small else {key: getattr(new, key) for key in BOUNDS} | {"n": new.units}
    return {"metric": metric.name, "goal": goal, "period": period, **numbers, **aims, "own_past": past, **verdicts}


def _verdict(metric: Metric, estimate: Estimate, aim: float | None) -> str:
    """``reached``, ``missed`` or ``close``; empty without a value, an aim or a better direction."""
    known = aim is not None and math.isfinite(aim) and math.isfinite(estimate.value) and metric.better
    return reached(metric, estimate, aim) if known and aim is not None else ""


def _goals(writer: Writer, rows: list[Row]) -> Iterator[str]:
    """How many targets of each goal are reached."""
    text, number = writer.language.text, writer.language.number
    for goal in writer.results.business.goals.values():
        verdicts = [row["target_verdict"] for row in rows if row["metric"] in goal.metrics and row["target_verdict"]]
        counts = {name: number(verdicts.count(name)) for name in ("reached", "missed", "close")}
        if verdicts:
            yield text("targets.goal", title=goal.title, all=number(len(verdicts)), **counts)
        elif goal.metrics:
            yield text("targets.goal_unknown", title=goal.title)


def _past(writer: Writer, rows: list[Row]) -> Iterator[str]:
    """Which numbers are better and worse than usual."""
    verdicts = {row["metric"]: row["own_past_verdict"] for row in rows if row["own_past_verdict"]}
    for tone in ("better", "worse"):
        names = [writer.title(METRICS[name]) for name, verdict in verdicts.items() if verdict == tone]
        if names:
            yield writer.language.text(f"targets.{tone}", names=some(writer.language, names))
    if set(verdicts.values()) == {"same"}:
        yield writer.language.text("targets.usual")


@lru_cache(maxsize=4)
def _run_rates(report: Results) -> list[tuple[Total, RunRate]]:
    """Totals with a target or a goal whose end of the running period can be said."""
    named = [METRICS[row["metric"]] for row in _rows(report)]
    made = [(metric, run_rate(report.study, metric)) for metric in named if isinstance(metric, Total)]
    return [(metric, rate) for metric, rate in made if not rate.expected.reason]


def _paces(writer: Writer) -> Iterator[tuple[str, str]]:
    """Where each running total will end, with the verdict on its target, and the sentence."""
    for metric, rate in _run_rates(writer.results):
        target = writer.results.business.targets.get(metric.name)
        verdict = _verdict(metric, rate.expected, target)
        written = {key: writer.amount(metric, getattr(rate.expected, key)) for key in BOUNDS}
        written |= {"name": writer.title(metric), "so_far": writer.amount(metric, rate.so_far)}
        written |= {
            "date": writer.language.date(rate.ends),
            "target": "" if target is None else writer.amount(metric, target),
        }
        yield verdict, writer.language.text(f"targets.pace_{verdict or 'only'}", **written)


def _unserved(writer: Writer) -> Iterator[str]:
    """Metrics without a goal, and goals without a metric."""
    business = writer.results.business
    for finding, about in unserved(business):
        name = writer.title(METRICS[about]) if finding == "no_goal" else business.goals[about].title
        yield writer.language.text(f"targets.{finding}", name=name)


def _provenance(writer: Writer) -> Iterator[str]:
    """Where each benchmark is from."""
    for each in writer.results.business.benchmarks:
        metric = METRICS[each.metric]
        known = {
            "name": writer.title(metric),
            "value": writer.amount(metric, each.value),
            "n": writer.language.number(each.n),
        }
        known |= {"source": each.source, "year": str(each.year), "definition": each.definition}
        yield writer.language.text("targets.benchmark", **known)


def _cells(writer: Writer, row: Row) -> dict[str, str]:
    metric = METRICS[row["metric"]]
    period, new, _ = writer.results.current(metric.name)
    goals = writer.results.business.goals
    return {
        "metric": writer.title(metric),
        "month": DASH if period is None else writer.language.named(period, "short"),
        "value": writer.value(metric, new),
        "interval": writer.bounds(metric, new),
        **{
            aim: _aim(writer, metric, row, aim)
            for aim in AIMS
            if aim != "benchmark" or writer.results.business.benchmarks
        },
        **({"goal": goals[row["goal"]].title if row["goal"] else DASH} if goals else {}),
    }


def _aim(writer: Writer, metric: Metric, row: Row, aim: str) -> str:
    """Write what was aimed at, and whether it is reached."""
    if row[aim] is None or math.isnan(row[aim]):
        return DASH
    written, verdict = writer.amount(metric, row[aim]), row[f"{aim}_verdict"]
    return f"{written}: {writer.language.text(f'targets.verdict_{verdict}')}" if verdict else written
