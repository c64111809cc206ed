"""How sure the churn report is: the candidates on later data, calibration, drift, the card of the model, the method."""

import math

import pandas as pd

from engagekit.churn.comparison import Comparison
from engagekit.display import charts
from engagekit.display.section import FEWEST, Figure, Section, no_cells
from engagekit.metrics.intervals import wilson_interval
from engagekit.reports.churn import feature_title, signs, statistic, verdict
from engagekit.reports.churning import Churning, churning
from engagekit.reports.parts import DASH, between, people, printed, source, with_interval
from engagekit.study import Study

__all__ = ["how_sure", "method"]

MUCH = 0.25  # of the stability index, by custom
MOST_MOVED = 5


def how_sure(study: Study) -> Section | None:
    """The candidates, and whether the probabilities were right.

    Examples
    --------
    >>> section = how_sure(study)
    >>> section.table["predictor"].unique().tolist()
    ['score', 'slope', 'recency', 'frequency', 'base_rate', 'both', 'logistic', 'boosting', 'average']
    >>> [part.question for part in section.parts]
    ['Have the customers changed?', 'Model card']
    """
    report = churning(study)
    compared = report.comparison
    if compared is None or len(report.suspects):
        return None
    text, language, backtest = report.language.text, report.language, compared.backtest
    counted = {
        "fitted": language.number(backtest.train_rows),
        "dates": language.number(len(backtest.train_dates)),
        "tried": language.number(backtest.test_rows),
        "date": language.date(backtest.dates[-1]),
        "left": people(report.language, backtest.test_churned),
    }
    rows = [
        {
            "candidate": text(f"candidate.{name}"),
            "roc_auc": statistic(language, compared, name, "roc_auc"),
            "average_precision": language.number(compared.statistic(name, "average_precision")["value"], 2),
            "lift": language.number(compared.statistic(name, "lift")["value"], 1),
            "brier": language.number(compared.statistic(name, "brier")["value"], 3),
            "log_loss": language.number(compared.statistic(name, "log_loss")["value"], 3),
            "above_best": _beside_best(report, compared, name),
        }
        for name in compared.candidates
    ]
    used = {"name": text(f"candidate.{compared.recommended}"), "best": text(f"candidate.{compared.best}")}
    notes = [text("backtest.counted", **counted)]
    notes.append(text("backtest.told_to" if report.business.churn.use else "backtest.simplest", **used))
    shown = printed(language, lambda _: pd.DataFrame(rows))
    details = (_questions(report), _calibration(report, compared), _changed(report), _card(report))
    parts = [part for part in details if part]
    question = text("section.sure")
    return Section(question, backtest.statistics, verdict(report), **shown, notes=notes, parts=parts)


def _beside_best(report: Churning, told: Comparison, candidate: str) -> str:
    """How much higher the log loss is than that of the best."""
    numbers = told.difference(candidate) if candidate != told.best else (math.nan, math.nan, math.nan)
    return with_interval(report.language, numbers, 3)


def _questions(report: Churning) -> Section | None:
    """Whether columns were known on the date."""
    sentences, text = signs(report, report.questions), report.language.text
    return Section(text("alarm.known"), answer=sentences, notes=[text("alarm.way_out")]) if sentences else None


def _calibration(report: Churning, compared: Comparison) -> Section | None:
    """Probabilities beside what happened."""
    text, language = report.language.text, report.language
    cells = compared.calibration[compared.calibration["n"] >= FEWEST]
    if cells.empty or compared.recommended == "base_rate":
        return None
    low, high = wilson_interval(cells["churned"] * cells["n"], cells["n"])
    table = cells.assign(chance=cells["probability"], value=cells["churned"], low=low, high=high)
    slope, least, most = compared.calibration_slope
    spread = "unknown" if math.isnan(slope) else "too_sure" if most < 1 else "not_sure" if least > 1 else "right"
    numbers = {"slope": with_interval(language, compared.calibration_slope)}
    sentence = text("calibration.sentence", error=language.number(100 * compared.calibration_error, 1))
    sentence += " " + text(f"calibration.{spread}", **numbers)
    figure = Figure(
        lambda table, ax: charts.plot_calibration(table, ax, language),
        text("calibration.title"),
        text("calibration.subtitle"),
        source(report, "base"),
    )
    return Section("", table, sentence, cells=no_cells, figure=figure)


def _changed(report: Churning) -> Section | None:
    """Whether the customers are still those that the model was fitted on."""
    if report.today.empty or report.drift.empty or report.comparison is None:
        return None
    text, language, compared = report.language.text, report.language, report.comparison
    moved, rates = report.drift[report.drift["moved"]], []
    for left, n in _outcomes(compared):
        low, high = (float(bound) for bound in wilson_interval(left, n))
        rates.append(f"{language.percent(left / n, 1)} ({between(report.language, low, high, 1)})")
    date = language.date(compared.backtest.dates[-1])
    notes = [text("drift.rate", fitted=rates[0], tried=rates[1], date=date)]
    counts = {"n": language.number(len(moved)), "all": language.number(len(report.drift)), "date": date}
    if moved.empty:
        return Section(text("section.drift"), answer=text("drift.none", **counts), notes=notes)

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "feature": [feature_title(language, name) for name in table["column"]],
                "stability": [language.number(value, 2) for value in table["value"]],
                "by_chance": [language.number(value, 2) for value in table["by_chance"]],
            }
        )

    notes += [text("drift.much")] if moved["value"].max() > MUCH else []
    first, some = moved.head(MOST_MOVED), text("drift.some", **counts)
    return Section(text("section.drift"), first, some, **printed(language, cells), notes=notes)


def _outcomes(told: Comparison) -> list[tuple[int, int]]:
    """Who left, of how many: on the dates fitted to, and on the one tried."""
    tested = told.backtest
    return [(tested.train_churned, tested.train_rows), (tested.test_churned, tested.test_rows)]


def method(study: Study) -> Section:
    """How the probabilities were made, and what they cannot tell.

    Examples
    --------
    >>> method(study).question
    'Method and limits'
    """
    report = churning(study)
    text, language = report.language.text, report.language
    known = {"days": report.days, "window": report.business.score.window.removesuffix("d")}
    known |= {"as_of": language.date(report.end), "zone": report.business.time_zone}
    at_risk = "at_risk_contract" if report.business.contractual else "at_risk"
    notes = [text(f"churn_method.{key}", **known) for key in (at_risk, "trial", "value", "resampling", "limits")]
    return Section(text("section.method"), notes=notes)


def _card(report: Churning) -> Section:
    """Card of the model as a table."""
    text, language, card, told = report.language.text, report.language, report.card(), report.comparison
    dates = language.number(len(card["fitted_on"]))
    rows = {
        "data": text("model_card.until", date=language.date(report.end)),
        "candidate": text(f"candidate.{card['recommended']}"),
        "fitted": text("model_card.rows", n=language.number(card["fitted_rows"]), dates=dates),
        "tried": _tried_on(report),
        "error": language.number(card["calibration_error"], 3),
        "slope": with_interval(language, told.calibration_slope) if told else DASH,
        "columns": ", ".join(feature_title(language, name) for name in card["columns"]) or DASH,
    }
    if card["model_rows"]:
        rows["file"] = text("model_card.saved", n=language.number(card["model_rows"]))
    shown = pd.DataFrame({"card": [text(f"model_card.{name}") for name in rows], "told": list(rows.values())})
    return Section(text("model_card.title"), shown, **printed(language, words=("told",)))


def _tried_on(report: Churning) -> str:
    if report.comparison is None:
        return DASH
    date = report.language.date(report.comparison.backtest.dates[-1])
    n = report.language.number(report.comparison.backtest.test_rows)
    return report.language.text("model_card.rows_on", n=n, date=date)
