"""The sections about the score: how it is spread, whether it predicts who leaves, who fell, and how well it is made."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import polars as pl

from engagekit.display import charts
from engagekit.display.pseudonyms import KEY, keyed
from engagekit.display.section import FEWEST, Figure, Section, no_cells
from engagekit.language import decimals_of, whole_parts
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.intervals import wilson_interval
from engagekit.reports.engagement import trend
from engagekit.reports.parts import ARROW, DASH, between, drawable, moves, people, printed, source, with_interval
from engagekit.reports.results import Results, results
from engagekit.reports.scoring import Scoring
from engagekit.reports.words import Writer
from engagekit.score.verdict import FEWEST as FEWEST_TRIED
from engagekit.score.verdict import NOTICEABLE, Verdict
from engagekit.study import Study

__all__ = ["audit", "fallen", "how_sure", "on_trial", "score"]

MEDIAN = "median_engagement_score"
FALLEN = 20
FRAME, ROW = 60, 36  # CSS pixels
SURE_FROM = 30  # customers of a cell, below which it is said
SHARES = ("carries_more", "carries_less")
BOUNDS = ("value", "low", "high")


def score(study: Study) -> Section:
    """The engagement score: how it is spread, its segments, what it is made of, and its median over the months.

    Examples
    --------
    >>> score(study).answer
    ['188 customers were active in the last 84 days: 19% are advocates, 42% have potential and 39% are at risk.']
    """
    report = results(study)
    text, writer, known = report.language.text, Writer(report), report.scores.drop_nulls("score")
    if report.scoring is None or len(known) < FEWEST:
        return Section(text("section.score"), answer=text("points.no_score"))
    days, number = report.business.score.window.removesuffix("d"), report.language.number(len(known))
    sentence = text("points.engaged" if writer.segments else "points.active", n=number, days=days, **writer.shares)
    made_well = audit(study)
    parts = [_components(report, report.scoring), *([made_well] if made_well else [])]
    if not writer.segments:
        return Section(text("section.score"), answer=sentence, notes=[text("section.small_segment")], parts=parts)
    parts[1:1] = [trend(study, MEDIAN)] if drawable(report, METRICS[MEDIAN]) else []
    parts = [_distribution(report, sentence), _segments(report, writer), *parts]
    return Section(text("section.score"), answer=sentence, parts=parts)


def on_trial(study: Study) -> Section | None:
    """Whether the score predicts who leaves: the verdict, one figure, and what the verdict stands on.

    Examples
    --------
    >>> on_trial(study).answer
    ['The score predicts who leaves, and does so better than the days since the last interaction alone.']
    """
    report = results(study)
    if report.scoring is None:
        return None
    tried, text, language = report.scoring.trial, report.language.text, report.language
    days, question = report.business.horizon.removesuffix("d"), text("section.trial")
    answer = text(f"verdict.{tried.verdict}")
    if not tried.dates:
        return Section(question, answer=answer, notes=[text("trial.no_dates", days=days)])
    counts = {name: people(language, getattr(tried, name)) for name in ("customers", "churned")}
    counted = text("trial.counted", days=days, dates=language.number(len(tried.dates)), **counts)
    tenths = _tenths(report, tried)
    if tried.verdict == "too_few" or tenths.empty:
        return Section(question, answer=answer, notes=[counted, text("trial.needed", n=FEWEST_TRIED)])
    figure = Figure(
        lambda table, ax: charts.plot_bars(table, ax, language, unit="rate", decimals=1),
        text("trial.title"),
        text("trial.subtitle", days=days),
        source(report, "base"),
        height=FRAME + ROW * len(tenths),
    )
    spread = Section("", tenths, _spread(report, tenths, tried.falls), cells=no_cells, figure=figure)
    return Section(question, answer=answer, notes=[counted], parts=[spread, _segments_tried(report, tried)])


def how_sure(study: Study) -> Section | None:
    """What the verdict on the score stands on: ROC AUC beside that of the baselines, and the weights on trial.

    Examples
    --------
    >>> how_sure(study).parts[0].table["predictor"].unique().tolist()
    ['score', 'slope', 'recency', 'frequency', 'base_rate']
    """
    report = results(study)
    tried = report.scoring and report.scoring.trial
    if not tried or not tried.dates or tried.verdict == "too_few":
        return None
    text, language = report.language.text, report.language
    auc, recency = tried.statistic("score"), tried.statistic("recency")["value"]
    shares = {name: language.percent(auc[name], 0) for name in BOUNDS}
    answer = text("trial.roc_auc", **shares, recency=language.percent(recency, 0))
    rule = text("trial.rule", least=language.percent(NOTICEABLE, 0))
    return Section(
        text("section.sure"), answer=answer, notes=[rule], parts=[_predictors(report, tried), _weights(report, tried)]
    )


def fallen(study: Study) -> Section | None:
    """Moves from one segment to another, and the customers whose score fell most, under pseudonyms.

    Examples
    --------
    >>> fallen(study).table.columns.tolist()
    ['customer_id', 'score_before', 'score_after', 'change']
    """
    report = results(study)
    if report.scoring is None:
        return None
    text, language, scoring = report.language.text, report.language, report.scoring
    moved = scoring.moves
    fell = moved.filter(pl.col("change") <= -1) if not moved.is_empty() else moved
    if scoring.before is None or fell.is_empty():
        return Section(text("fallen.title"), answer=text("fallen.none"))
    dates = {"before": language.date(scoring.before), "after": language.date(scoring.end)}
    listed = fell.head(FALLEN)
    pairs = scoring.transitions.select(before="segment_before", after="segment_after", customers="customers")

    def named(segment: str | None) -> str:
        return text(f"segment.{segment}") if segment else text("fallen.no_score")

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        rows = listed.to_dicts()
        sides = [[language.number(row[f"score_{side}"]) for side in ("before", "after")] for row in rows]
        return pd.DataFrame(
            {
                "customer": table["customer_id"],
                "score": [ARROW.join(pair) for pair in sides],
                "segment": [_segments_of(report, moved, row) for row in rows],
                "came_of": [_came_of(report, scoring, row) for row in rows],
            }
        )

    return Section(
        text("fallen.title"),
        listed.select("customer_id", "score_before", "score_after", "change").to_pandas(),
        text("fallen.caption", **dates),
        **printed(language, cells, words=("segment", "came_of")),
        notes=[text("fallen.keyed") if keyed() else text("fallen.unkeyed", key=KEY)],
        parts=[moves(language, text("fallen.migration", **dates), pairs, named, "segment")],
    )


def audit(study: Study) -> Section | None:
    """The usual mistakes in making and using a score that this one makes."""
    report = results(study)
    if report.scoring is None:
        return None
    text, findings = report.language.text, report.scoring.findings
    told = [_told(report, finding) for finding in findings.to_dict("records")]
    return Section(text("audit.title"), findings, told or text("audit.none"), cells=no_cells)


def _told(report: Results, finding: Mapping[Any, Any]) -> str:
    """Sentence of a finding of the audit."""
    language, name = report.language, finding["finding"]
    share = name in SHARES
    decimals = 2 if name in ("duplicate", "unrelated") else 0
    value, other = (
        language.percent(finding[key], 0) if share else language.number(finding[key], decimals)
        for key in ("value", "other")
    )
    if name == "no_action" and finding["value"] < FEWEST:
        value = language.text("estimate.fewer", n=FEWEST)
    about, beside = (language.feature(finding[key]) for key in ("about", "beside"))
    about = language.text(f"segment.{finding['about']}") if name == "no_action" else about
    days = report.business.horizon.removesuffix("d")
    return language.text(f"audit.{name}", about=about, beside=beside, value=value, other=other, days=days)


def _distribution(report: Results, alt: str) -> Section:
    """How the customers are spread over the score."""
    text, cuts = report.language.text, report.business.score.cuts
    figure = Figure(
        lambda table, ax: charts.plot_score(table["score"], ax, report.language, cuts=cuts, segments=table["segment"]),
        text("figure.score_title"),
        text("figure.score_subtitle", days=report.business.score.window.removesuffix("d")),
        source(report, "interactions"),
        alt=alt,
    )
    table = report.scores.drop_nulls("score").select("score", "segment").to_pandas()
    return Section("", table, cells=no_cells, figure=figure)


def _segments(report: Results, writer: Writer) -> Section:
    """Size of each segment with its interval, and what to do."""
    text, language, total = report.language.text, report.language, sum(writer.segments.values())
    names = list(reversed(writer.segments))
    table = pd.DataFrame({"segment": names, "customers": [writer.segments[name] for name in names]})
    table["low"], table["high"] = wilson_interval(table["customers"], total)

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        bounds = zip(table["low"], table["high"], strict=True)
        return pd.DataFrame(
            {
                "segment": [text(f"segment.{name}") for name in table["segment"]],
                "customers": [language.number(n) for n in table["customers"]],
                "share": [writer.shares[name] for name in table["segment"]],
                "interval": [between(language, low, high) for low, high in bounds],
                "action": [text(f"segment.{name}_action") for name in table["segment"]],
            }
        )

    return Section("", table, people="customers", **printed(language, cells, words=("action",)))


def _components(report: Results, scoring: Scoring) -> Section:
    """Weight and bounds of each component, and what it adds to the mean score."""
    number, language, card = report.language.number, report.language, scoring.scorecard
    table = pd.DataFrame(
        {
            "component": [part.feature for part in card.components],
            "weight": [card.weights[part.feature] for part in card.components],
            "low": [part.low for part in card.components],
            "high": [part.high for part in card.components],
            "points": [report.scores[f"{part.feature}_points"].mean() for part in card.components],
        }
    )

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        low, high = ([number(bound, decimals_of(bound)) for bound in table[side]] for side in ("low", "high"))
        return pd.DataFrame(
            {
                "component": [language.feature(name) for name in table["component"]],
                "weight": [language.percent(weight, 0) for weight in table["weight"]],
                "bounds": [" – ".join(pair) for pair in zip(low, high, strict=True)],
                "points": [number(each, 1) for each in table["points"]],
            }
        )

    blank = [language.feature(name) for name in card.features if report.scores[f"{name}_points"].is_null().all()]
    notes = [language.text("section.not_recorded", names=", ".join(blank))] if blank else []
    notes.append(language.text("section.score_note", points=number(card.hysteresis)))
    return Section("", table, **printed(language, cells), notes=notes)


def _tenths(report: Results, tried: Verdict) -> pd.DataFrame:
    """Bars of the figure; tenths of fewer than five customers are left out."""
    number, text = report.language.number, report.language.text
    shown = tried.deciles[tried.deciles["customers"] >= FEWEST]
    labels = [
        text("trial.tenth", n=number(decile), score=number(mean))
        for decile, mean in zip(shown["decile"], shown["score_mean"], strict=True)
    ]
    return shown.assign(label=labels)


def _spread(report: Results, tenths: pd.DataFrame, falls: bool) -> str:
    rates = tenths["value"]
    ends = (float(rates.iloc[end]) for end in (0, -1))
    lowest, highest = (report.language.percent(rate) for rate in ends)
    sentence = report.language.text("trial.spread", lowest=lowest, highest=highest)
    return f"{sentence} {report.language.text('trial.falls' if falls else 'trial.not_falls')}"


def _segments_tried(report: Results, tried: Verdict) -> Section:
    """Churn of each segment; and of those followed who had no score."""
    text, language = report.language.text, report.language
    scored = tried.segments[(tried.segments["segment"] != "") & (tried.segments["customers"] > 0)]
    table = scored[["segment", "customers", "value", "low", "high"]].iloc[::-1].reset_index(drop=True)

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        fewer = text("estimate.fewer", n=FEWEST)
        bounds = zip(table["low"], table["high"], strict=True)
        return pd.DataFrame(
            {
                "segment": [text(f"segment.{name}") for name in table["segment"]],
                "at_risk": [fewer if math.isnan(n) else language.number(n) for n in table["customers"]],
                "churn": [language.percent(value) for value in table["value"]],
                "interval": [DASH if math.isnan(low) else between(language, low, high, 1) for low, high in bounds],
            }
        )

    few = [text(f"segment.{name}") for name in table.loc[table["customers"] < SURE_FROM, "segment"]]
    notes = [text("trial.few", n=SURE_FROM, names=", ".join(few))] if few else []
    silent = tried.segments[tried.segments["segment"] == ""].iloc[0]
    if silent["customers"] >= FEWEST:
        rate = language.percent(float(silent["value"]))
        notes.append(text("trial.unscored", n=language.number(int(silent["n"])), rate=rate))
    return Section("", table, people="customers", **printed(language, cells), notes=notes)


def _predictors(report: Results, tried: Verdict) -> Section:
    """What the score, its slope and the baselines predict, side by side."""
    language, rows = report.language, []
    for name in tried.backtest.statistics["predictor"].unique():
        if math.isnan(tried.statistic(name)["value"]):
            continue
        auc, correlation = tried.statistic(name), tried.statistic(name, "value_correlation")
        rows.append(
            {
                "predictor": language.text(f"predictor.{name}"),
                "roc_auc": _with_interval(report, auc, "value", "low", "high"),
                "above_recency": _with_interval(report, auc, "difference", "difference_low", "difference_high"),
                "average_precision": language.number(tried.statistic(name, "average_precision")["value"], 2),
                "lift": language.number(tried.statistic(name, "lift")["value"], 1),
                "value_correlation": _with_interval(report, correlation, "value", "low", "high"),
            }
        )
    return Section("", tried.backtest.statistics, **printed(language, lambda _: pd.DataFrame(rows)))


def _weights(report: Results, tried: Verdict) -> Section:
    """Declared weights beside those that the data would give."""
    text, language = report.language.text, report.language
    correlation = ("value_correlation", "value_correlation_low", "value_correlation_high")

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.to_dict("records")
        return pd.DataFrame(
            {
                "component": [language.feature(row["feature"]) for row in rows],
                "declared": [language.percent(row["declared"], 0) for row in rows],
                "fitted": [language.percent(row["fitted"], 0) for row in rows],
                "alone": [_with_interval(report, row, "roc_auc", "roc_auc_low", "roc_auc_high") for row in rows],
                "value_correlation": [_with_interval(report, row, *correlation) for row in rows],
            }
        )

    if math.isnan(tried.gain[0]):
        note = text("trial.no_gain")
    else:
        gain = {name: language.number(each, 3) for name, each in zip(BOUNDS, tried.gain, strict=True)}
        note = f"{text('trial.gain', **gain)} {text('trial.weights')}"
    return Section("", tried.weights, **printed(language, cells), notes=[note])


def _with_interval(report: Results, row: Mapping[Any, Any], value: str, low: str, high: str) -> str:
    return with_interval(report.language, [row[name] for name in (value, low, high)])


def _came_of(report: Results, scoring: Scoring, row: dict[str, Any]) -> str:
    """What each component added to a fall as it is printed, the furthest fall first; the parts add up to it."""
    features = scoring.scorecard.features
    total = round(row["score_after"]) - round(row["score_before"])
    parts = dict(zip(features, whole_parts([row[f"{name}_change"] or 0.0 for name in features], total), strict=True))
    moved = sorted((name for name, by in parts.items() if by), key=parts.__getitem__)
    return "; ".join(f"{report.language.feature(name)} {report.language.change(parts[name])}" for name in moved)


def _segments_of(report: Results, moved: pl.DataFrame, row: dict[str, Any]) -> str:
    """From which segment into which; of fewer than five who went that way it is not told."""
    pair = [f"segment_{side}" for side in ("before", "after")]
    same = moved.filter(pl.col(name) == row[name] for name in pair).height
    return DASH if same < FEWEST else ARROW.join(report.language.text(f"segment.{row[name]}") for name in pair)
