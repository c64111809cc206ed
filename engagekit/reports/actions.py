"""What to do next and for whom, by action; and whether plans were carried out and helped."""

import math
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl

from engagekit.data.plans import CONTACT, HOLD_OUT
from engagekit.decisions.actions import in_words, next_actions
from engagekit.decisions.done import done, unknown_customers
from engagekit.decisions.experiment import Experiment
from engagekit.decisions.plan import unknown_held_out
from engagekit.decisions.plan_result import PlanResult, plan_result
from engagekit.decisions.playbook import playbook
from engagekit.decisions.sentences import comparison_in_words
from engagekit.display import charts
from engagekit.display.section import FEWEST, Figure, Section, safe_table
from engagekit.metrics.estimate import significant
from engagekit.reports import lists
from engagekit.reports.parts import DASH, people, source
from engagekit.reports.results import results
from engagekit.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["action_rows", "next_steps", "plan_things", "private_actions", "private_lists", "things"]

MOST_PLANS = 3
COMPARED = ("n", "value", "difference", "low", "high", "p_value", "verdict")


def next_steps(study: Study) -> Section | None:
    """How many customers have which next action and what it is expected to bring, plans, and the lists.

    Examples
    --------
    >>> section = next_steps(study)
    >>> section.answer[0]
    '137 customers have a next action. Most often: Offer help before they leave (37).'
    >>> section.table[["action", "customers", "channel"]].tail(2).to_numpy().tolist()
    [['ask_review', 9.0, 'app'], ['early_access', 23.0, 'app']]
    """
    language, text, table = study.language, study.language.text, _by_action(study)
    parts = [*(_of_plan(study, result) for result in _plans(study)), *filter(None, [lists.lists(study)])]
    if table.empty and not parts and not any(_left_out(study).values()) and not unknown_held_out(study):
        return None
    shown = safe_table(table, "customers").dropna(subset=["customers"])
    read = source(results(study), "interactions") if study.has("interactions") else ""
    figure = Figure(partial(_bars, study), text("actions.title"), text("actions.subtitle"), read)
    return Section(
        text("actions.question"),
        table,
        lambda safe: list(_answer(study, safe)),
        people="customers",
        cells=partial(_cells, study),
        words=[text(f"actions.{name}") for name in ("action", "channel")],
        figure=figure if len(shown) > 1 else None,
        notes=[] if table.empty else list(_notes(study, language.percent(study.business.churn.acceptance, 0))),
        parts=parts,
    )


def things(study: Study) -> Iterator[str]:
    """The action that is expected to bring most."""
    language, table = study.language, safe_table(_by_action(study), "customers").dropna(subset=["customers"])
    best = table.sort_values("expected_gain", ascending=False, kind="stable", na_position="last")
    for row in best.head(1).to_dict("records"):
        known = {"action": _title(study, row["action"]), "channel": language.value("channel", row["channel"])}
        known |= {"n": language.number(row["customers"]), "days": study.business.score.window.removesuffix("d")}
        known |= {"value": _money(study, row["value"]), "money": _money(study, row["expected_gain"])}
        money = "money_contract" if study.churn.contractual else "money_shop"
        yield language.text(f"next_thing.{money if row['expected_gain'] > 0 else 'plain'}", **known)


def plan_things(study: Study) -> Iterator[str]:
    """Held-out customers whom no table knows, and plans recorded nowhere that run or ended since the last report."""
    if unknown := unknown_held_out(study):
        yield study.language.text("actions.unknown_held_out", n=people(study.language, unknown))
    for result in _plans(study):
        if not result.recorded and result.ends > study.last_period.date():
            yield study.language.text("plan.unrecorded", name=result.name)


def private_actions(study: Study) -> pd.DataFrame:
    """The next action of each customer with real ids, for their owner: what ``write_private`` takes."""
    return in_words(study, _next(study))


def private_lists(study: Study) -> dict[str, pd.DataFrame]:
    """Tables for ``private/`` by the name of their file: next actions and lists, without those that are empty.

    Examples
    --------
    >>> {name: len(listed) for name, listed in private_lists(study).items()}
    {'lists': 62, 'birthdays': 12, 'actions': 137}
    """
    listed = private_actions(study)
    return lists.private_lists(study) | ({"actions": listed} if len(listed) else {})


def action_rows(study: Study) -> dict[str, Any]:
    """What ``metrics.json`` says of actions and plans; numbers of fewer than five customers are null."""
    table = safe_table(_by_action(study), "customers")
    left_out = {name: count if not 0 < count < FEWEST else None for name, count in _left_out(study).items()}
    plans = [_plan_row(result) for result in _plans(study)]
    made: dict[str, Any] = significant({"next": table.to_dict("records"), "left_out": left_out, "plans": plans})
    return made


@lru_cache(maxsize=4)
def _next(study: Study) -> pd.DataFrame:
    return next_actions(study)


@lru_cache(maxsize=4)
def _plans(study: Study) -> list[PlanResult]:
    """The latest plans that started before the study's end, the newest first."""
    rows = study.plans.filter(pl.col("assigned_at") < study.end) if study.plans.height else study.plans
    starts = rows.group_by("experiment").agg(pl.col("assigned_at").min())
    names = starts.sort(["assigned_at", "experiment"], descending=[True, False])["experiment"].head(MOST_PLANS)
    return [plan_result(study, name) for name in names]


def _left_out(study: Study) -> dict[str, int]:
    counts: dict[str, int] = _next(study).attrs["left_out"]
    return counts


@lru_cache(maxsize=4)
def _by_action(study: Study) -> pd.DataFrame:
    """Customers, the channel of most of them, their value, the gain and the cost, in the order of the playbook."""
    listed, rows = _next(study), []
    for name in playbook(study.business):
        part = listed[listed["action"] == name]
        if len(part):
            channel = part["channel"].value_counts().sort_index().idxmax()
            value, gain = (part[column].sum(min_count=1) for column in ("value", "expected_gain"))
            rows.append((name, len(part), channel, value, gain, len(part) * study.business.churn.cost))
    return pd.DataFrame(rows, columns=["action", "customers", "channel", "value", "expected_gain", "cost"])


def _answer(study: Study, table: pd.DataFrame) -> Iterator[str]:
    """How many customers, which action is the most frequent, what all of them may bring, and who is left out."""
    language, text = study.language, study.language.text
    if table.empty:
        yield text("actions.nobody")
    elif table["customers"].notna().any():
        most = table.iloc[int(table["customers"].argmax())]
        known = {"action": _title(study, most["action"]), "most": language.number(most["customers"])}
        yield text("actions.answer", n=language.number(len(_next(study))), **known)
        gain = table["expected_gain"].sum(min_count=1)
        yield text("actions.no_gain") if math.isnan(gain) else text("actions.gain", money=_money(study, gain))
    for key, unknown in (("unknown", _unknown(study)), ("unknown_held_out", unknown_held_out(study))):
        if unknown:
            yield text(f"actions.{key}", n=people(language, unknown))
    counts = {name: people(language, count) for name, count in _left_out(study).items()}
    if any(_left_out(study).values()):
        yield text("actions.left_out", **counts, days=study.business.actions.pause.removesuffix("d"))


@lru_cache(maxsize=4)
def _unknown(study: Study) -> int:
    """Customers in ``actions.csv`` whom no table knows."""
    rows = done(study)
    return 0 if rows is None else unknown_customers(study, rows["customer_id"].drop_nulls())


def _notes(study: Study, acceptance: str) -> Iterator[str]:
    text, number = study.language.text, study.language.number
    yield text("actions.capacity", n=number(study.business.churn.capacity))
    yield text("actions.note", acceptance=acceptance)
    yield text("actions.unpromised")
    yield text("actions.private")


def _cells(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Rows by action in words."""
    language = study.language
    cells = {
        "actions.action": [_title(study, name) for name in table["action"]],
        "column.customers": [people(language, n) if n == n else DASH for n in table["customers"]],
        "actions.channel": [language.value("channel", name) for name in table["channel"]],
        "column.expected_gain": [_money(study, gain) for gain in table["expected_gain"]],
        "actions.cost": [_money(study, cost) for cost in table["cost"]],
    }
    return pd.DataFrame(cells).rename(columns=language.text)


def _bars(study: Study, table: pd.DataFrame, ax: "Axes") -> "Axes":
    shown = table.dropna(subset=["customers"]).sort_values("customers", ascending=False, kind="stable")
    labels = [_title(study, name) for name in shown["action"]]
    bars = shown.assign(label=labels, value=shown["customers"], low=math.nan, high=math.nan)
    return charts.plot_bars(bars, ax, study.language, unit="count", decimals=0)


def _title(study: Study, name: str) -> str:
    return playbook(study.business)[name].title(name, study.language)


def _money(study: Study, value: float) -> str:
    return DASH if math.isnan(value) else study.language.money(value, study.business.currency, 0)


def _of_plan(study: Study, result: PlanResult) -> Section:
    """Whether a plan was carried out, and what the customers of its arms did."""
    text = study.language.text
    table = pd.DataFrame([(arm, result.count(arm)) for arm in (CONTACT, HOLD_OUT)], columns=["arm", "customers"])
    compared = _shown(result)
    for name, made in compared.items():
        table[name] = table["arm"].map(made.table.set_index("arm")["value"])
    notes = {"note": compared, "secondary": "value" in compared}
    return Section(
        text("plan.question", name=result.name),
        table,
        list(_plan_answer(study, result)),
        people="customers",
        cells=partial(_plan_cells, study),
        words=[text("plan.arm")],
        notes=[text(f"plan.{name}") for name, shown in notes.items() if shown],
    )


def _shown(result: PlanResult) -> dict[str, Experiment]:
    """Comparisons of the arms of a plan that is over, unless one to four of one stayed, or did not stay."""
    kept = pl.col("kept").sum()
    counts = result.outcomes.group_by("arm").agg(kept=kept, gone=pl.len() - kept)
    few = counts.select(pl.any_horizontal(pl.col("kept", "gone").is_between(1, FEWEST - 1)).any()).item()
    return {} if few else result.experiments


def _plan_answer(study: Study, result: PlanResult) -> Iterator[str]:
    language, text, number = study.language, study.language.text, study.language.number
    sizes = {name: people(language, result.count(arm)) for name, arm in (("contact", CONTACT), ("held_out", HOLD_OUT))}
    yield text("plan.running", **sizes, starts=language.date(result.starts), ends=language.date(result.ends))
    contacted, everybody = result.count(CONTACT, acted=True), result.count(CONTACT)
    if not result.recorded:
        yield text("plan.unrecorded", name=result.name)
    elif everybody >= FEWEST:
        share = DASH if contacted < FEWEST else language.percent(contacted / everybody, 0)
        yield text("plan.acted", n=people(language, contacted), all=number(everybody), share=share)
    if result.count(HOLD_OUT, acted=True):
        yield text("plan.contaminated", n=people(language, result.count(HOLD_OUT, acted=True)))
    if not result.is_over:
        yield text("plan.too_early", date=language.date(result.ends))
    elif not result.experiments:
        yield text("plan.too_few")
    elif compared := _shown(result):
        yield from _compared(study, compared)
    else:
        yield text("plan.few_stayed", fewest=FEWEST)


def _compared(study: Study, compared: dict[str, Experiment]) -> Iterator[str]:
    """Whether the customers to contact did better than the held-out, by each measure, and whether chance made both."""
    text = study.language.text
    kept = text("plan.kept_contract" if study.churn.contractual else "plan.kept_shop")
    named = {"kept": {"metric": kept}, "value": {"metric": text("plan.value"), "measured_in": "money"}}
    arms = {arm: text(f"plan.{arm}") for arm in (CONTACT, HOLD_OUT)}
    for metric, made in compared.items():
        rows = {row["arm"]: row for row in made.table.to_dict("records")}
        row, control = ({**rows[arm], **named[metric], "arm": arms[arm]} for arm in (CONTACT, HOLD_OUT))
        yield comparison_in_words(row, control, (made.customers, made.planned), study.language, study.business.currency)
    if compared["kept"].warnings:
        sizes = compared["kept"].balance.set_index("arm")["n"]
        named_sizes = [f"{arms[arm]} {study.language.number(sizes[arm])}" for arm in (CONTACT, HOLD_OUT)]
        yield text("plan.unbalanced", sizes=", ".join(named_sizes))


def _plan_cells(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a plan's arms in words."""
    language = study.language
    cells = {"plan.arm": [language.text(f"plan.{arm}") for arm in table["arm"]]}
    cells["column.customers"] = [language.number(n) for n in table["customers"]]
    if "kept" in table:
        cells["plan.kept"] = [language.percent(share) for share in table["kept"]]
    if "value" in table:
        cells["plan.value"] = [_money(study, value) for value in table["value"]]
    return pd.DataFrame(cells).rename(columns=language.text)


def _plan_row(result: PlanResult) -> dict[str, Any]:
    """A plan as data; without numbers where an arm, or those who stayed of one, are fewer than five."""
    sizes = {arm: result.count(arm) for arm in (CONTACT, HOLD_OUT)}
    acted = result.count(CONTACT, acted=True)
    row: dict[str, Any] = {"plan": result.name, "starts": f"{result.starts}", "ends": f"{result.ends}"}
    row |= {arm: None if 0 < n < FEWEST else n for arm, n in sizes.items()}
    row |= {"contacted": None if 0 < acted < FEWEST or not result.recorded else acted, "is_over": result.is_over}
    compared = _shown(result)
    rows = [each for made in compared.values() for each in made.comparisons.to_dict("records")]
    row |= {"balance_p": compared["kept"].balance_p if compared else None}
    row |= {"warnings": compared["kept"].warnings if compared else []}
    return row | {"results": [{"metric": each["metric"]} | {name: each[name] for name in COMPARED} for each in rows]}
