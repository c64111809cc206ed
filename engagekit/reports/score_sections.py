"""The sections about the score: how it is spread, whether it tells who leaves, who fell, and how well it is made."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import polars as pl

from engagekit.display import charts, markup
from engagekit.display.drawing import draw
from engagekit.display.pseudonyms import KEY, keyed, pseudonyms
from engagekit.display.section import FEWEST
from engagekit.language import decimals_of
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.intervals import wilson_interval
from engagekit.reports.parts import DASH, between, drawable, people, source, table, trend, with_interval
from engagekit.reports.results import Results
from engagekit.reports.scoring import Scoring
from engagekit.reports.words import Writer
from engagekit.score.verdict import FEWEST as FEWEST_TRIED
from engagekit.score.verdict import NOTICEABLE, Verdict

__all__ = ["audit", "fallen", "hidden_cells", "score", "trial"]

FALLEN = 20
FRAME, ROW = 60, 36  # CSS pixels
SURE_FROM = 30  # customers of a cell, below which it is said
SHARES = ("carries_more", "carries_less")


def score(results: Results) -> str:
    """The engagement score: how it is spread, its segments, what it is made of, and its median over the months."""
    text, writer = results.language.text, Writer(results)
    html = markup.heading(text("section.score"))
    known = results.scores.drop_nulls("score")
    scores, segments = (known[name].to_pandas() for name in ("score", "segment"))
    if results.scoring is None or len(scores) < FEWEST:
        return html + markup.note(text("points.no_score"))
    cuts = results.business.score.cuts
    days, number = results.business.score.window.removesuffix("d"), results.language.number(len(scores))
    sentence = text("points.engaged" if writer.segments else "points.active", n=number, days=days, **writer.shares)
    if not writer.segments:
        return html + markup.finding(sentence) + markup.note(text("section.small_segment")) + _components(results)
    html += draw(
        lambda ax: charts.plot_score(scores, ax, results.language, cuts=cuts, segments=segments),
        title=text("figure.score_title"),
        subtitle=text("figure.score_subtitle", days=days),
        alt=sentence,
        source=source(results, "interactions"),
    )
    html += markup.finding(sentence) + _segments(results, writer) + _components(results)
    metric = METRICS["median_engagement_score"]
    return html + (trend(results, writer, metric) if drawable(results, metric) else "")


def trial(results: Results) -> str:
    """Whether the score tells who leaves: the verdict, one figure, and what the verdict stands on."""
    if results.scoring is None:
        return ""
    tried, text, language = results.scoring.trial, results.language.text, results.language
    days = results.business.horizon.removesuffix("d")
    html = markup.heading(text("section.trial")) + markup.finding(text(f"verdict.{tried.verdict}"))
    if not tried.dates:
        return html + markup.note(text("trial.no_dates", days=days))
    counts = {name: people(language, getattr(tried, name)) for name in ("customers", "churned")}
    html += markup.paragraph(text("trial.counted", days=days, dates=language.number(len(tried.dates)), **counts))
    tenths = _tenths(results, tried)
    if tried.verdict == "too_few" or tenths.empty:
        return html + markup.note(text("trial.needed", n=FEWEST_TRIED))
    told, recency = tried.statistic("score"), tried.statistic("recency")["value"]
    shares = {name: language.percent(told[name], 0) for name in ("value", "low", "high")}
    html += markup.paragraph(text("trial.roc_auc", **shares, recency=language.percent(recency, 0)))
    sentence = _spread(results, tenths, tried.falls)
    html += draw(
        lambda ax: charts.plot_bars(tenths, ax, language, unit="rate", decimals=1),
        height=FRAME + ROW * len(tenths),
        title=text("trial.title"),
        subtitle=text("trial.subtitle", days=days),
        alt=sentence,
        source=source(results, "base"),
    )
    html += (
        markup.finding(sentence)
        + _segments_tried(results, tried)
        + _predictors(results, tried)
        + _weights(results, tried)
    )
    return html + markup.note(text("trial.rule", least=language.percent(NOTICEABLE, 0)))


def fallen(results: Results) -> str:
    """Who went from which segment into which, and the customers whose score fell most, under pseudonyms."""
    if results.scoring is None:
        return ""
    text, language, scoring = results.language.text, results.language, results.scoring
    html = markup.heading(text("fallen.title"), level=3)
    moved = scoring.moves
    fell = moved.filter(pl.col("change") <= -1) if not moved.is_empty() else moved
    if scoring.before is None or fell.is_empty():
        return html + markup.note(text("fallen.none"))
    dates = {"before": language.date(scoring.before), "after": language.date(scoring.end)}
    least = fell.head(FALLEN)
    rows = [
        {
            "customer": name,
            "score": f"{language.number(row['score_before'])} → {language.number(row['score_after'])}",
            "segment": _segments_of(results, moved, row),
            "came_of": _came_of(results, scoring, row),
        }
        for name, row in zip(pseudonyms(least["customer_id"].to_list()), least.iter_rows(named=True), strict=True)
    ]
    html += markup.note(text("fallen.caption", **dates)) + table(results, rows, words=("segment", "came_of"))
    html += markup.note(text("fallen.keyed") if keyed() else text("fallen.unkeyed", key=KEY))
    return html + markup.folded(text("fallen.migration", **dates), _migration(results, scoring))


def audit(results: Results) -> str:
    """The usual mistakes in making and using a score that this one makes."""
    if results.scoring is None:
        return ""
    text = results.language.text
    html = markup.heading(text("audit.title"), level=3)
    findings = results.scoring.findings.to_dict("records")
    if not findings:
        return html + markup.paragraph(text("audit.none"))
    return html + "".join(markup.paragraph(_told(results, finding)) for finding in findings)


def _told(results: Results, finding: Mapping[Any, Any]) -> str:
    """Sentence of a finding of the audit."""
    language, name = results.language, finding["finding"]
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
    days = results.business.horizon.removesuffix("d")
    return language.text(f"audit.{name}", about=about, beside=beside, value=value, other=other, days=days)


def _segments(results: Results, writer: Writer) -> str:
    """Size of each segment with its interval, and what to do."""
    text, percent = results.language.text, results.language.percent
    total, rows = sum(writer.segments.values()), []
    for segment, count in reversed(writer.segments.items()):
        low, high = (percent(float(bound), 0) for bound in wilson_interval(count, total))
        rows.append(
            {
                "segment": text(f"segment.{segment}"),
                "customers": results.language.number(count),
                "share": writer.shares[segment],
                "interval": f"{low} – {high}",
                "action": text(f"segment.{segment}_action"),
            }
        )
    return table(results, rows, words=("action",))


def _components(results: Results) -> str:
    """Weight and bounds of each component, and what it adds to the mean score."""
    number, language = results.language.number, results.language
    if results.scoring is None:
        return ""
    card = results.scoring.scorecard
    rows = [
        {
            "component": language.feature(part.feature),
            "weight": language.percent(card.weights[part.feature], 0),
            "bounds": " – ".join(number(bound, decimals_of(bound)) for bound in (part.low, part.high)),
            "points": number(results.scores.select(pl.col(f"{part.feature}_points").mean()).item(), 1),
        }
        for part in card.components
    ]
    blank = [language.feature(name) for name in card.features if results.scores[f"{name}_points"].is_null().all()]
    missing = markup.note(language.text("section.not_recorded", names=", ".join(blank))) if blank else ""
    return (
        table(results, rows)
        + missing
        + markup.note(language.text("section.score_note", points=number(card.hysteresis)))
    )


def _tenths(results: Results, tried: Verdict) -> pd.DataFrame:
    """Bars of the figure; tenths of fewer than five customers are left out."""
    number, text = results.language.number, results.language.text
    shown = tried.deciles[tried.deciles["customers"] >= FEWEST]
    labels = [
        text("trial.tenth", n=number(decile), score=number(mean))
        for decile, mean in zip(shown["decile"], shown["score_mean"], strict=True)
    ]
    return shown.assign(label=labels)


def _spread(results: Results, tenths: pd.DataFrame, falls: bool) -> str:
    rates = tenths["value"]
    ends = (float(rates.iloc[end]) for end in (0, -1))
    lowest, highest = (results.language.percent(rate) for rate in ends)
    sentence = results.language.text("trial.spread", lowest=lowest, highest=highest)
    return f"{sentence} {results.language.text('trial.falls' if falls else 'trial.not_falls')}"


def _segments_tried(results: Results, tried: Verdict) -> str:
    """Churn of each segment; and of those at risk who had no score."""
    text, language = results.language.text, results.language
    rows, few = [], []
    for cell in tried.segments.to_dict("records"):
        if not cell["segment"] or not cell["customers"]:
            continue
        name = text(f"segment.{cell['segment']}")
        few += [name] if cell["customers"] < SURE_FROM else []
        hidden = cell["customers"] < FEWEST
        rows.append(
            {
                "segment": name,
                "at_risk": text("estimate.fewer", n=FEWEST) if hidden else language.number(cell["customers"]),
                "churn": DASH if hidden else language.percent(cell["value"]),
                "interval": DASH if hidden else between(results.language, cell["low"], cell["high"], 1),
            }
        )
    html = table(results, list(reversed(rows)))
    if few:
        html += markup.note(text("trial.few", n=SURE_FROM, names=", ".join(few)))
    silent = tried.segments[tried.segments["segment"] == ""].iloc[0]
    if silent["customers"] >= FEWEST:
        rate = language.percent(float(silent["value"]))
        html += markup.note(text("trial.unscored", n=language.number(int(silent["n"])), rate=rate))
    return html


def _predictors(results: Results, tried: Verdict) -> str:
    """What the score, its slope and the baselines tell, side by side."""
    rows = []
    for name in tried.backtest.statistics["predictor"].unique():
        if math.isnan(tried.statistic(name)["value"]):
            continue
        auc, correlation = tried.statistic(name), tried.statistic(name, "value_correlation")
        rows.append(
            {
                "predictor": results.language.text(f"predictor.{name}"),
                "roc_auc": _with_interval(results, auc, "value", "low", "high"),
                "above_recency": _with_interval(results, auc, "difference", "difference_low", "difference_high"),
                "average_precision": results.language.number(tried.statistic(name, "average_precision")["value"], 2),
                "lift": results.language.number(tried.statistic(name, "lift")["value"], 1),
                "value_correlation": _with_interval(results, correlation, "value", "low", "high"),
            }
        )
    return table(results, rows)


def _weights(results: Results, tried: Verdict) -> str:
    """Declared weights beside those that the data would give."""
    text, language = results.language.text, results.language
    rows = [
        {
            "component": language.feature(row["feature"]),
            "declared": language.percent(row["declared"], 0),
            "fitted": language.percent(row["fitted"], 0),
            "alone": _with_interval(results, row, "roc_auc", "roc_auc_low", "roc_auc_high"),
            "value_correlation": _with_interval(
                results, row, "value_correlation", "value_correlation_low", "value_correlation_high"
            ),
        }
        for row in tried.weights.to_dict("records")
    ]
    html = table(results, rows)
    if math.isnan(tried.gain[0]):
        return html + markup.note(text("trial.no_gain"))
    gain = {name: language.number(each, 3) for name, each in zip(("value", "low", "high"), tried.gain, strict=True)}
    return html + markup.note(f"{text('trial.gain', **gain)} {text('trial.weights')}")


def _with_interval(results: Results, row: Mapping[Any, Any], value: str, low: str, high: str) -> str:
    return with_interval(results.language, [row[name] for name in (value, low, high)])


def _came_of(results: Results, scoring: Scoring, row: dict[str, Any]) -> str:
    """Components that a score fell by, the furthest first."""
    changes = {name: round(row[f"{name}_change"]) for name in scoring.scorecard.features}
    furthest = sorted((name for name, by in changes.items() if by < 0), key=changes.__getitem__)
    return "; ".join(f"{results.language.feature(name)} {results.language.change(changes[name])}" for name in furthest)


def _segments_of(results: Results, moved: pl.DataFrame, row: dict[str, Any]) -> str:
    """From which segment into which; of fewer than five who went that way it is not told."""
    pair = [f"segment_{side}" for side in ("before", "after")]
    same = moved.filter(pl.col(name) == row[name] for name in pair).height
    return DASH if same < FEWEST else " → ".join(results.language.text(f"segment.{row[name]}") for name in pair)


def hidden_cells(customers: list[int]) -> set[int]:
    """Cells of a column that are not told: of fewer than five, and another where a single one could be worked out."""
    few = {place for place, count in enumerate(customers) if 0 < count < FEWEST}
    others = [place for place, count in enumerate(customers) if count >= FEWEST]
    return few | ({min(others, key=customers.__getitem__)} if len(few) == 1 and others else set())


def _migration(results: Results, scoring: Scoring) -> str:
    """Customers by the segment they were in and the one they are in; fewer than five are not told."""
    text, number = results.language.text, results.language.number

    def named(segment: str | None) -> str:
        return text(f"segment.{segment}") if segment else text("fallen.no_score")

    rows: dict[str, dict[str, str]] = {}
    for (new,), column in scoring.transitions.group_by("segment_after", maintain_order=True):
        hidden = hidden_cells(column["customers"].to_list())
        for place, (old, customers) in enumerate(column.select("segment_before", "customers").iter_rows()):
            row = rows.setdefault(named(old), {text("column.segment"): named(old)})
            row[named(new)] = DASH if place in hidden else number(customers)
    return markup.table(pd.DataFrame(list(rows.values())))
