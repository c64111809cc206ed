"""The first screens of the engagement report: how engaged the customers are, what changed, and what to do now."""

import math
from collections.abc import Iterator
from itertools import islice

import pandas as pd

from engagekit.data.tables import TABLES
from engagekit.display.section import FEWEST, Section, no_cells
from engagekit.metrics.catalog import METRICS
from engagekit.reports import actions, budget, experiments, targets, voice
from engagekit.reports.anomalies import newest
from engagekit.reports.holidays import holidays_apart, is_kept, previous
from engagekit.reports.parts import MOST_NAMED, moved, people, tile
from engagekit.reports.results import Results, results
from engagekit.reports.words import Writer
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import Study

__all__ = ["changes", "headline", "judgement", "to_do"]

SCORE = "engagement_score"
MOVED = ("metric", "value", "low", "high", "n", "before")
MONTHS = 12  # beside which a score is judged
MOST_TO_DO = 3


def judgement(study: Study) -> Section:
    """How engaged the customers are: the score beside its own year, the segments, and how many of each stayed before.

    Examples
    --------
    >>> judgement(study).answer[1]
    '19% are advocates, 42% have potential and 39% are at risk.'
    """
    report = results(study)
    text, writer, scores = report.language.text, Writer(report), report.scores["score"].drop_nulls()
    question = text("summary.engaged")
    if report.scoring is None or len(scores) < FEWEST:
        return Section(question, answer=text("points.no_score"), layer="summary")
    number = report.language.number
    active = text("unit.customer", n=number(len(scores)))
    days = report.business.score.window.removesuffix("d")
    sentences = [
        text("summary.score", value=writer.amount(METRICS[SCORE], float(scores.to_numpy().mean())), n=active, days=days)
        + _beside_its_year(report)
    ]
    if writer.segments:
        sentences.append(text("summary.segments", **writer.shares))
    stayed = _stayed(report)
    if stayed:
        sentences.append(
            text("summary.stayed", days=report.business.horizon.removesuffix("d"), parts=", ".join(stayed))
        )
    table = pd.DataFrame({"segment": list(SEGMENTS), "customers": [writer.segments.get(name) for name in SEGMENTS]})
    return Section(question, table, sentences, cells=no_cells, layer="summary")


def changes(study: Study) -> Section:
    """What changed since the month before by more than chance could explain, over all metrics as one family.

    Examples
    --------
    >>> changes(study).answer
    ['None of the 58 numbers compared has changed by more than chance could explain since September 2026.']
    """
    report = results(study)
    text, writer = report.language.text, Writer(report)
    latest = (metric for metric in METRICS.values() if report.is_latest(metric.name))
    compared = [metric for metric in latest if writer.direction(metric) != "unknown"]
    before = previous(report)
    month = report.language.named(before)
    changed = [metric for metric in compared if writer.direction(metric) != "none"]
    estimates = ((metric, *report.current(metric.name)[1:]) for metric in changed)
    sentences = moved(writer, month, ((m, writer.direction(m), old.value, new.value) for m, new, old in estimates))
    if not sentences:
        known = {"n": report.language.number(len(compared)), "month": month}
        sentences = [text("summary.unchanged", **known) if compared else text("summary.no_month")]
    apart = holidays_apart(report, before, report.month) if compared and is_kept(report) else ""
    for key, names in (("holidays", apart), ("unlike", newest(report))):
        sentences += [text(f"summary.{key}", names=names)] if names else []
    table = pd.DataFrame([{"metric": metric.name, **report.row(metric.name)} for metric in changed], columns=MOVED)
    return Section(text("summary.changed"), table, sentences, cells=no_cells, layer="summary")


def to_do(study: Study) -> Section:
    """Three things to do: with how many customers, and what is at stake.

    Metrics are those of all customers, never by segment: there a metric whose table feeds the score is circular.

    Examples
    --------
    >>> to_do(study).answer[0]
    'Offer free dessert to everyone: Conversion +12.9 percentage points (+2.4 to +22.9).'
    """
    report = results(study)
    sentences = [sentence for sentence, _ in zip(_things(report), range(MOST_TO_DO), strict=False)]
    return Section(report.language.text("summary.to_do"), answer=sentences, layer="summary")


def headline(study: Study) -> Section:
    """At most six numbers.

    Examples
    --------
    >>> headline(study).table["metric"].tolist()[:3]
    ['engagement_score', 'churn_rate', 'net_promoter_score']
    """
    report = results(study)
    writer = Writer(report)
    table = pd.DataFrame([{"metric": metric.name, **report.row(metric.name)} for metric in writer.headline()])
    tiles = [tile(writer, metric) for metric in writer.headline()]
    return Section("", table, cells=no_cells, tiles=tiles, layer="summary")


def _beside_its_year(report: Results) -> str:
    """Where the score lies among those of the months before; nothing without two of them."""
    number, writer, series = report.language.number, Writer(report), report.series(SCORE)
    year = series[series["value"].notna() & (series["period"] <= report.month)].tail(MONTHS)["value"]
    if len(year) < 2:
        return ""
    low, high, last = (writer.amount(METRICS[SCORE], each) for each in (year.min(), year.max(), year.iloc[-1]))
    place = "within" if low == high or last not in (low, high) else "lowest" if last == low else "highest"
    return " " + report.language.text(f"summary.{place}", months=number(len(year)), low=low, high=high)


def _stayed(report: Results) -> list[str]:
    """Which share of each segment stayed, on earlier dates."""
    verdict = report.scoring.trial if report.scoring else None
    if verdict is None or not verdict.dates:
        return []
    rates = {row["segment"]: row for row in verdict.segments.to_dict("records")}
    return [
        f"{report.language.text(f'segment.{name}')} {report.language.percent(1 - rates[name]['value'], 0)}"
        for name in reversed(SEGMENTS)
        if name in rates and rates[name]["customers"] >= FEWEST and math.isfinite(rates[name]["value"])
    ]


def _things(report: Results) -> Iterator[str]:
    """Things to do, one of each kind: what a test and customers' words call for, then whom to keep and win back."""
    study, text, writer = report.study, report.language.text, Writer(report)
    kinds = (
        experiments.things(study),
        voice.things(study),
        actions.things(study),
        actions.plan_things(study),
        _to_win_back(report),
        _to_mend(report),
        targets.things(study),
        budget.things(study),
    )
    for kind in kinds:
        yield from islice(kind, 1)
    if writer.segments.get("advocate", 0) >= FEWEST:
        yield text("summary.ask", n=people(report.language, writer.segments["advocate"]))
    missing = [text(f"table.{name}") for name in TABLES if name not in report.business.tables]
    if missing:
        yield text("summary.add", tables=", ".join(missing[:MOST_NAMED]))


def _to_win_back(report: Results) -> Iterator[str]:
    churn = report.study.churn
    if not report.study.has("subscriptions" if churn.contractual else "interactions"):
        return
    gone = report.study.win_back()
    if len(gone) < FEWEST:
        return
    known = {"n": report.language.text("unit.customer", n=report.language.number(len(gone)))}
    known["days"], value = churn.horizon.removesuffix("d"), gone["value"].sum(min_count=1)
    if not value > 0:
        yield report.language.text("summary.win_back", **known)
        return
    at_stake = "win_back_contract" if churn.contractual else "win_back_value"
    yield report.language.text(
        f"summary.{at_stake}", **known, money=report.language.money(value, report.business.currency, 0)
    )


def _to_mend(report: Results) -> Iterator[str]:
    """The first main number that got worse."""
    writer, text = Writer(report), report.language.text
    for metric in writer.main():
        _, new, old = report.current(metric.name)
        if writer.change(metric)[1] == "worse" and report.is_latest(metric.name):
            values = {"old": writer.value(metric, old), "new": writer.value(metric, new)}
            yield text("summary.slipped", name=writer.title(metric), **values)
            break
