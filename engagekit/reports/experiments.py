"""Randomised tests in reports: whether each worked, how sure that is, and what to do next."""

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache, partial
from statistics import NormalDist
from typing import Any

import narwhals as nw
import pandas as pd

from engagekit.decisions.experiment import Experiment
from engagekit.decisions.novelty import Novelty, effect_by_day
from engagekit.decisions.outcomes import CrossedArms
from engagekit.decisions.sentences import (
    change_in_words,
    differences_in_words,
    interval_in_words,
    metric_title,
    value_in_words,
)
from engagekit.decisions.trials import CONVERTED, VALUE, assigned_rows, experiments_of, study_experiment
from engagekit.display.forest import BOUNDS, plot_effects
from engagekit.display.section import FEWEST, Figure, Section, raw_rows, safe_table
from engagekit.errors import DataError
from engagekit.frames.engine import collected
from engagekit.language import Language
from engagekit.metrics.estimate import significant
from engagekit.reports.parts import DASH, people, source
from engagekit.reports.results import results
from engagekit.study import Study

__all__ = ["experiment_rows", "experiments", "things"]

RECENT = dt.timedelta(days=182)  # after the last assignment, in which a result is a thing to do
OF_AN_ARM = ("better", "worse", "changed")  # whose headline names the arm, where there are several
NOTHING: dict[str, Any] = {"control": None, "planned": None, "balance_p": None, "warnings": [], "arms": [], "rows": []}
ROLES = ("control", "treatment")
POWER = 0.8  # with which a difference that is easily missed is detected
FEW_ROWS, ROW_HEIGHT, AROUND = 4, 44, 90  # CSS pixels of a figure with many rows


@lru_cache(maxsize=4)
def _compared(study: Study) -> dict[str, Experiment | str]:
    """Tests by their names, without plans, which have a section of their own; the reason where there is no result."""
    made: dict[str, Experiment | str] = {}
    for name in experiments_of(study):
        if name not in study.plans["experiment"]:
            try:
                made[name] = study_experiment(study, name)
            except CrossedArms:
                made[name] = "crossed_arms"
            except DataError:
                made[name] = "not_compared"
    return made


def _is_recent(study: Study, name: str) -> bool:
    last = collected(assigned_rows(study, name).select(nw.col("assigned_at").max())).item()
    return last is not None and last >= study.end - RECENT


def experiments(study: Study) -> Section | None:
    """Whether each randomised test of the business worked, a part each; None without assignments.

    Examples
    --------
    >>> print(experiments(study).parts[0].question)
    Did free dessert work?
    """
    parts = [_section(study, name, made) for name, made in _compared(study).items()]
    return Section(study.language.text("experiment.heading"), parts=parts) if parts else None


def things(study: Study) -> Iterator[str]:
    """What to do about each test of the last half year, in a sentence; nothing while its result is not known."""
    language, currency = study.language, study.business.currency
    for name, made in _compared(study).items():
        if isinstance(made, str) or not _is_recent(study, name):
            continue
        if safe_table(_table(made), "fewest")["n"].isna().any():
            continue
        row = made.decisive
        known = {
            "name": f"{name} ({row['arm']})" if len(made.balance) > 2 else name,
            "metric": metric_title(language, row["metric"]),
            "difference": change_in_words(language, row, currency),
            "interval": interval_in_words(language, row, "low", "high", currency),
            "n": language.number(made.customers),
            "planned": language.number(made.planned),
        } | _titles(row, language)
        if row["verdict"] == "refused":
            yield language.text("experiment.thing_refused", name=name)
        elif row["verdict"] not in ("unknown", "changed"):
            warning = f" {language.text('experiment.thing_unbalanced')}" if made.warnings else ""
            yield language.text(f"experiment.thing_{row['verdict']}", **known) + warning


def experiment_rows(study: Study) -> list[dict[str, Any]]:
    """Tests as plain data for ``metrics.json``; arms with a number of fewer than five people are blank.

    A test that cannot be compared has a ``reason``: ``crossed_arms`` or ``not_compared``.
    """
    return [
        {"experiment": name} | (NOTHING | {"reason": made} if isinstance(made, str) else _numbers(made))
        for name, made in _compared(study).items()
    ]


def _numbers(made: Experiment) -> dict[str, Any]:
    return {
        "reason": "",
        "control": made.control,
        "planned": made.planned,
        "balance_p": significant(made.balance_p),
        "warnings": made.warnings,
        "arms": _plain(safe_table(made.balance, "n")),
        "rows": _plain(safe_table(_table(made), "fewest").drop(columns="fewest")),
    }


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, significant(row), strict=True)) for row in raw_rows(table)]


def _table(made: Experiment) -> pd.DataFrame:
    """Table with the smallest number of people that a row tells: of those who converted, or all."""
    table = made.table
    return table.assign(fewest=_fewest(table["n"], table["value"]).where(table["measured_in"] == "rate", table["n"]))


def _fewest(n: pd.Series, value: pd.Series) -> pd.Series:
    """Those who converted, or who did not, where either are one to four; else all."""
    yes = (value * n).round()
    smaller = yes.where(yes <= n - yes, n - yes)
    return smaller.where(smaller.between(1, FEWEST - 1), n)


def _titles(row: dict[str, Any], language: Language) -> dict[str, str]:
    """Titles of the metrics that an arm improved, and that it worsened."""
    return {
        name: ", ".join(metric_title(language, metric) for metric in row[name]) for name in ("improved", "worsened")
    }


def _section(study: Study, name: str, made: Experiment | str) -> Section:
    language, text = study.language, study.language.text
    question = text("experiment.question", name=name)
    if isinstance(made, str):
        return Section(question, answer=text(f"experiment.{made}"))
    write = partial(_effects, language, made)
    safe = safe_table(_table(made), "fewest")
    rows = write(safe)
    height = AROUND + ROW_HEIGHT * len(rows) if len(rows) > FEW_ROWS else 0
    read = source(results(study), "assignments") if study.readings else ""
    figure = Figure(
        lambda table, ax: plot_effects(write(table)[["label", *BOUNDS]], ax, language),
        text("experiment.figure"),
        text("experiment.subtitle", control=made.control),
        read,
        height=height,
    )
    return Section(
        question,
        _table(made),
        lambda table: list(_answer(study, made, table)),
        people="fewest",
        cells=partial(_cells, language, study.business.currency),
        words=[text(f"experiment.{name}") for name in ("arm", "verdict")],
        figure=figure if len(rows) else None,
        notes=list(_notes(language, made)),
        parts=[] if safe["n"].isna().any() else list(_by_day(study, name, made)),
    )


def _answer(study: Study, made: Experiment, table: pd.DataFrame) -> Iterator[str]:
    """The verdict, each comparison, and how far it can be trusted."""
    language, text = study.language, study.language.text
    shown = table["n"].notna() & table["difference"].notna()
    hidden = bool(table["n"].isna().any())
    if hidden:
        yield text("experiment.few", fewest=FEWEST)
    else:
        yield _headline(made, language)
        for row in table[shown].to_dict("records"):
            yield made.sentence_of(row, language, study.business.currency)
        if made.warnings:
            yield made.warning_in_words(language)
        yield from _missed(language, study.business.currency, made)
    if made.left_out["in_two_arms"]:
        yield text("experiment.in_two_arms", n=people(language, made.left_out["in_two_arms"]))


def _headline(made: Experiment, language: Language) -> str:
    row = made.decisive
    ending = "_arm" if len(made.balance) > 2 and row["verdict"] in OF_AN_ARM else ""
    return language.text(f"experiment.headline_{row['verdict']}{ending}", arm=row["arm"], **_titles(row, language))


def _missed(language: Language, currency: str, made: Experiment) -> Iterator[str]:
    """Differences that a test of this size can miss, with Holm's first step, where it is not known if there is one."""
    z, alpha = NormalDist().inv_cdf, 1 - made.confidence
    strictest = alpha / max(int(made.comparisons["p_value"].count()), 1)
    errors = (z(1 - strictest / 2) + z(POWER)) / z(1 - alpha / 2)
    for row in made.comparisons.to_dict("records"):
        if row["verdict"] == "unknown" and row["low"] == row["low"]:
            known = row | {"difference": errors * (row["high"] - row["low"]) / 2}
            size = change_in_words(language, known, currency).removeprefix("+")
            yield language.text("experiment.missed", metric=metric_title(language, row["metric"]), size=size)


def _notes(language: Language, made: Experiment) -> Iterator[str]:
    yield language.text("experiment.note")
    if "too_early" in set(made.table["verdict"]):
        yield language.text("experiment.always")
    if len(made.comparisons) > 1:
        yield language.text("experiment.holm", n=language.number(len(made.comparisons)))
    shrunk = made.table.loc[made.table["metric"] == VALUE.name, "variance_ratio"].dropna()
    if len(shrunk):
        yield language.text("experiment.adjusted", share=language.percent(shrunk.iloc[0], 0))


def _cells(language: Language, currency: str, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a test in words."""
    rows = table.to_dict("records")
    known = [row["difference"] == row["difference"] for row in rows]
    cells = {
        "column.metric": [metric_title(language, row["metric"]) for row in rows],
        "experiment.arm": [row["arm"] for row in rows],
        "column.customers": [people(language, row["n"]) for row in rows],
        "column.value": [value_in_words(language, row, currency) for row in rows],
        **differences_in_words(language, currency, rows),
        "experiment.verdict": [
            language.text(f"experiment.word_{row['verdict']}") if k else DASH
            for row, k in zip(rows, known, strict=True)
        ],
    }
    return pd.DataFrame(cells).rename(columns=language.text)


def _effects(language: Language, made: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """Differences as fractions of the control's value, with a label; none where that is not above 0."""
    controls = table[table["arm"] == made.control].set_index("metric")["value"]
    rows = table[table["arm"] != made.control].rename(columns={"value": "own_value", "difference": "value"})
    base = rows["metric"].map(controls)
    rows = rows.assign(**{name: rows[name] / base.where(base > 0) for name in BOUNDS})
    several = rows["arm"].nunique() > 1
    labels = [
        metric_title(language, metric) + (f": {arm}" if several else "")
        for metric, arm in zip(rows["metric"], rows["arm"], strict=True)
    ]
    return rows.assign(label=labels).dropna(subset=BOUNDS)


def _by_day(study: Study, name: str, made: Experiment) -> Iterator[Section]:
    """Whether the effect changes over the days on which customers were assigned, where there is more than one."""
    language, arms = study.language, made.balance["arm"].tolist()
    metric = next((each for each in (CONVERTED, VALUE) if each.name in set(made.table["metric"])), None)
    rows = collected(assigned_rows(study, name))
    if metric is None or len(arms) > 2:
        return
    try:
        by_day = effect_by_day(rows, metric=metric.name, at="assigned_at", control=made.control, unit="customer_id")
    except DataError:  # all on one day
        return
    unit = made.table["measured_in"].iloc[0]
    yield Section(
        language.text("experiment.by_day"),
        by_day.table.assign(measured_in=unit, fewest=_fewest_of_days(by_day.table, unit)),
        lambda _: _changed(language, study.business.currency, by_day, unit),
        people="fewest",
        cells=partial(_day_cells, language, study.business.currency),
        more=language.text("experiment.more_days"),
    )


def _fewest_of_days(days: pd.DataFrame, unit: str) -> pd.Series:
    """Smallest number of people of an arm that a day tells: of those who converted or did not, or all; 0 of nobody."""
    arms = {role: (days[f"n_{role}"], days[f"value_{role}"].fillna(0)) for role in ROLES}
    fewest = pd.DataFrame({role: _fewest(n, value) if unit == "rate" else n for role, (n, value) in arms.items()})
    return fewest.where(fewest > 0).min(axis=1).fillna(0)


def _changed(language: Language, currency: str, by_day: Novelty, unit: str) -> str:
    change = by_day.change
    row = {"difference": change.value, "low": change.low, "high": change.high, "measured_in": unit}
    if change.low != change.low or _fewest_of_days(by_day.halves, unit).min() < FEWEST:
        return language.text("experiment.by_day_few")
    return language.text(
        f"experiment.by_day_{by_day.verdict}",
        difference=change_in_words(language, row, currency),
        interval=interval_in_words(language, row, "low", "high", currency),
    )


def _day_cells(language: Language, currency: str, table: pd.DataFrame) -> pd.DataFrame:
    rows = table.to_dict("records")
    cells = {
        "experiment.day": [language.date(row["day"]) for row in rows],
        "column.customers": [people(language, row["n"]) for row in rows],
        **differences_in_words(language, currency, rows),
    }
    return pd.DataFrame(cells).rename(columns=language.text)
