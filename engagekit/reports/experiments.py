"""Randomised tests in reports: whether each worked, how sure that is, and what to do next."""

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pandas as pd

from engagekit.decisions.experiment import Experiment
from engagekit.decisions.novelty import Novelty, effect_by_day
from engagekit.decisions.sentences import change_in_words, interval_in_words, metric_title, value_in_words
from engagekit.decisions.trials import CONVERTED, VALUE, assigned_rows, experiments_of, study_experiment
from engagekit.display.forest import BOUNDS, plot_effects
from engagekit.display.section import FEWEST, Figure, Section, raw_rows, safe_table
from engagekit.errors import DataError
from engagekit.frames.engine import collected
from engagekit.language import Language
from engagekit.metrics.estimate import significant
from engagekit.metrics.family import would_have_shown
from engagekit.reports.parts import DASH, people, source
from engagekit.reports.results import results
from engagekit.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["experiment_rows", "experiments", "things"]

RECENT = dt.timedelta(days=182)  # after the last assignment, in which a result is a thing to do
HEADLINES = ("refused", "too_early", "better", "worse", "changed", "unknown")
FEW_ROWS, ROW_HEIGHT, AROUND = 4, 44, 90  # CSS pixels of a figure with many rows


@lru_cache(maxsize=4)
def _compared(study: Study) -> dict[str, Experiment | None]:
    """Tests by their names, without plans, which have a section of their own; None where one cannot be compared."""
    made: dict[str, Experiment | None] = {}
    for name in experiments_of(study):
        if name not in study.plans["experiment"]:
            try:
                made[name] = study_experiment(study, name)
            except DataError:
                made[name] = None
    return made


def _is_recent(study: Study, name: str) -> bool:
    last = collected(assigned_rows(study, name).select(nw.col("assigned_at").max())).item()
    return last is not None and last >= study.end - RECENT


def experiments(study: Study) -> Section | None:
    """Whether each randomised test of the business worked, a part each; None without assignments."""
    parts = [_section(study, name, made) for name, made in _compared(study).items()]
    return Section(study.language.text("experiment.heading"), parts=parts) if parts else None


def things(study: Study) -> Iterator[str]:
    """What to do about each test of the last half year, in a sentence; nothing while its result is not known."""
    language, currency = study.language, study.business.currency
    for name, made in _compared(study).items():
        if made is None or not _is_recent(study, name):
            continue
        rows = safe_table(_table(made), "fewest")
        if rows["n"].isna().any():
            continue
        row = _main(rows, made)
        known = {
            "name": name,
            "metric": metric_title(language, row["metric"]),
            "difference": change_in_words(language, row, currency),
            "interval": interval_in_words(language, row, "low", "high", currency),
            "n": language.number(made.customers),
            "planned": language.number(made.planned),
        }
        if row["verdict"] not in ("unknown", "changed"):
            yield language.text(f"experiment.thing_{row['verdict']}", **known)


def experiment_rows(study: Study) -> list[dict[str, Any]]:
    """Tests as plain data for ``metrics.json``; arms in which a number of fewer than five people stands are blank."""
    rows = []
    for name, made in _compared(study).items():
        if made is None:
            continue
        table = safe_table(_table(made), "fewest").drop(columns="fewest")
        arms = safe_table(made.balance, "n")
        rows.append(
            {
                "experiment": name,
                "control": made.control,
                "planned": made.planned,
                "balance_p": significant(made.balance_p),
                "warnings": made.warnings,
                "arms": _plain(arms),
                "rows": _plain(table),
            }
        )
    return rows


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, significant(row), strict=True)) for row in raw_rows(table)]


def _table(made: Experiment) -> pd.DataFrame:
    """Table with the smallest number of people that a row tells: of those who converted, or all."""
    table = made.table
    yes = (table["value"] * table["n"]).round()
    smaller = yes.where(yes <= table["n"] - yes, table["n"] - yes)
    few = (table["metric"] == CONVERTED.name) & smaller.between(1, FEWEST - 1)
    return table.assign(fewest=smaller.where(few, table["n"]))


def _main(table: pd.DataFrame, made: Experiment) -> dict[str, Any]:
    """Row of the first metric whose verdict is the most telling."""
    rows = table[(table["metric"] == table["metric"].iloc[0]) & (table["arm"] != made.control)]
    ranked = sorted(rows.to_dict("records"), key=lambda row: HEADLINES.index(row["verdict"]))
    return {str(name): value for name, value in ranked[0].items()}


def _section(study: Study, name: str, made: Experiment | None) -> Section:
    language, text = study.language, study.language.text
    question = text("experiment.question", name=name)
    if made is None:
        return Section(question, answer=text("experiment.not_compared"))
    write = partial(_effects, language, made)
    rows = write(safe_table(_table(made), "fewest"))
    height = AROUND + ROW_HEIGHT * len(rows) if len(rows) > FEW_ROWS else 0
    read = source(results(study), "assignments") if study.readings else ""
    figure = Figure(
        lambda table, ax: _forest(write(table), ax, language),
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
        parts=list(_by_day(study, name, made)),
    )


def _answer(study: Study, made: Experiment, table: pd.DataFrame) -> Iterator[str]:
    """The verdict, each comparison, and how far it can be trusted."""
    language, text = study.language, study.language.text
    shown = table["n"].notna() & table["difference"].notna()
    hidden = bool(table["n"].isna().any())
    if not hidden:
        yield text(f"experiment.headline_{_main(table, made)['verdict']}")
    for row in [] if hidden else table[shown].to_dict("records"):
        yield made.sentence_of(row, language, study.business.currency)
    if hidden:
        yield text("experiment.few", fewest=FEWEST)
    elif made.warnings:
        sizes = ", ".join(f"{arm} {language.number(n)}" for arm, n in made.balance[["arm", "n"]].to_numpy().tolist())
        yield text("experiment.unbalanced", sizes=sizes)
    if not hidden:
        yield from _missed(language, study.business.currency, table)
    if made.left_out["in_two_arms"]:
        yield text("experiment.in_two_arms", n=people(language, made.left_out["in_two_arms"]))


def _missed(language: Language, currency: str, table: pd.DataFrame) -> Iterator[str]:
    """Differences that a test of this size would have missed, where it is not known whether there is one."""
    for row in table[table["verdict"] == "unknown"].to_dict("records"):
        smallest = would_have_shown({"": (row["difference"], row["low"], row["high"])})[""]
        if smallest == smallest:
            size = change_in_words(language, row | {"difference": smallest}, currency).removeprefix("+")
            yield language.text("experiment.missed", metric=metric_title(language, row["metric"]), size=size)


def _notes(language: Language, made: Experiment) -> Iterator[str]:
    yield language.text("experiment.note")
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
        "experiment.difference": [
            change_in_words(language, row, currency) if k else DASH for row, k in zip(rows, known, strict=True)
        ],
        "column.interval": [
            interval_in_words(language, row, "low", "high", currency) if k and row["low"] == row["low"] else DASH
            for row, k in zip(rows, known, strict=True)
        ],
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


def _forest(rows: pd.DataFrame, ax: "Axes", language: Language) -> "Axes":
    return plot_effects(rows[["label", *BOUNDS]], ax, language)


def _by_day(study: Study, name: str, made: Experiment) -> Iterator[Section]:
    """Whether the effect changes over the days on which customers were assigned, where there is more than one."""
    language, arms = study.language, made.balance["arm"].tolist()
    metric = next((each for each in (CONVERTED, VALUE) if each.name in set(made.table["metric"])), None)
    rows = collected(assigned_rows(study, name))
    if metric is None or len(arms) > 2 or rows["assigned_at"].dt.date().n_unique() < 2:
        return
    by_day = effect_by_day(rows, metric=metric.name, at="assigned_at", control=made.control)
    unit = made.table["measured_in"].iloc[0]
    yield Section(
        language.text("experiment.by_day"),
        by_day.table.assign(measured_in=unit),
        lambda _: _changed(language, study.business.currency, by_day, unit),
        people="n",
        cells=partial(_day_cells, language, study.business.currency),
        more=language.text("experiment.more_days"),
    )


def _changed(language: Language, currency: str, by_day: Novelty, unit: str) -> str:
    change = by_day.change
    row = {"difference": change.value, "low": change.low, "high": change.high, "measured_in": unit}
    if change.low != change.low or min(by_day.first.n, by_day.later.n) < FEWEST:
        return language.text("experiment.by_day_few")
    return language.text(
        f"experiment.by_day_{by_day.verdict}",
        difference=change_in_words(language, row, currency),
        interval=interval_in_words(language, row, "low", "high", currency),
    )


def _day_cells(language: Language, currency: str, table: pd.DataFrame) -> pd.DataFrame:
    rows = table.to_dict("records")
    known = [row["low"] == row["low"] for row in rows]
    cells = {
        "experiment.day": [language.date(row["day"]) for row in rows],
        "column.customers": [people(language, row["n"]) for row in rows],
        "experiment.difference": [
            change_in_words(language, row, currency) if k else DASH for row, k in zip(rows, known, strict=True)
        ],
        "column.interval": [
            interval_in_words(language, row, "low", "high", currency) if k else DASH
            for row, k in zip(rows, known, strict=True)
        ],
    }
    return pd.DataFrame(cells).rename(columns=language.text)
