"""Who comes, stays and goes: the lifecycle by period, the movement between its states, and the groups of buyers."""

import math
from collections.abc import Callable

import pandas as pd
import polars as pl

from engagekit.customers.lifecycle import NOT_YET, STATES
from engagekit.display import charts
from engagekit.display.section import FEWEST, Figure, Section
from engagekit.reports.parts import DASH, moves, printed, source
from engagekit.reports.results import Results, results
from engagekit.reports.standing import rfm_moves
from engagekit.study import Study

__all__ = ["comings_and_goings", "rfm_groups"]


def comings_and_goings(study: Study) -> Section | None:
    """How many customers are in each lifecycle state, how many moved from one to another, and RFM groups.

    Examples
    --------
    >>> section = comings_and_goings(study)
    >>> section.table.columns.tolist()
    ['period', 'active', 'returning', 'resurrected', 'new', 'dormant', 'all_dormant']
    >>> section.parts[-1].question
    'Who are the best buyers?'
    """
    report = results(study)
    text = report.language.text
    if not study.has("subscriptions" if study.churn.contractual else "interactions"):
        return None
    table = report.states
    if table.empty:
        return Section(text("lifecycle.question"), answer=text("lifecycle.too_short"))
    figure = Figure(
        lambda periods, ax: charts.plot_lifecycle(periods, ax, report.language),
        text("lifecycle.title"),
        text("lifecycle.subtitle"),
        source(report, "base"),
    )
    order = pl.Enum([*STATES, NOT_YET])
    flows = study.flows.filter(pl.col("date") == pl.col("date").max())
    pairs = flows.sort(pl.col("after").cast(order), pl.col("before").cast(order))
    last = table["period"].iloc[-1]
    moved = text("lifecycle.moves", when=report.language.named(last))
    bought = [part for part in [rfm_groups(study)] if part]
    return Section(
        text("lifecycle.question"),
        table,
        _sentence(report, table),
        cells=lambda safe: _states(report, safe),
        words=[text("column.meaning")],
        figure=figure if table["active"].notna().any() else None,
        parts=[moves(report.language, moved, pairs, lambda name: text(f"state.{name}"), "state"), *bought],
    )


def rfm_groups(study: Study) -> Section | None:
    """Groups of buyers by how recently and how often they bought, what they brought, and who moved between them."""
    report = results(study)
    text, language, table = report.language.text, report.language, report.rfm
    if table.empty:
        return None
    empty = [
        text(f"rfm.{name}") for name, number in zip(table["group"], table["customers"], strict=True) if number == 0
    ]
    notes = [text("rfm.note"), *([text("rfm.nobody", names=", ".join(empty))] if empty else [])]
    moved = rfm_moves(study)
    parts = []
    if moved:
        dates = {"before": language.date(moved[0]), "after": language.date(study.end)}

        def named(group: str | None) -> str:
            return text(f"rfm.{group}") if group else text("rfm.no_order")

        parts = [moves(language, text("rfm.moves", **dates), moved[1], named, "group")]
    return Section(
        text("rfm.question"),
        table[table["customers"] != 0].reset_index(drop=True),
        lambda safe: _best(report, safe),
        **printed(language, lambda safe: _groups(report, safe), words=("action",)),
        notes=notes,
        parts=parts,
    )


def _sentence(report: Results, table: pd.DataFrame) -> str:
    """What became of the customers in the last period."""
    row, number = table.iloc[-1], report.language.number
    when = report.language.named(row["period"])
    if math.isnan(row["active"]):
        return report.language.text("lifecycle.few", when=when, fewest=FEWEST)
    back = row["returning"] + (0 if math.isnan(row["resurrected"]) else row["resurrected"])
    numbers = {"stayed": row["active"], "new": row["new"], "back": back, "gone": row["dormant"]}
    shown = {name: number(count) for name, count in numbers.items()}
    return report.language.text("lifecycle.sentence", when=when, **shown)


def _states(report: Results, table: pd.DataFrame) -> pd.DataFrame:
    """States in the last two periods, and what each means."""
    text, number = report.language.text, report.language.number
    rows = {"active": "active", "new": "new", "returning": "returning", "resurrected": "resurrected"}
    rows |= {"dormant": "gone", "all_dormant": "dormant"}
    cells = {text("column.state"): [text(f"state.{name}") for name in rows.values()]}
    for row in table.tail(2).to_dict("records"):
        heading = report.language.named(row["period"])
        cells[heading] = [DASH if math.isnan(row[name]) else number(row[name]) for name in rows]
    days = report.study.churn.horizon.removesuffix("d")
    cells[text("column.meaning")] = [text(f"state.{name}_meaning", days=days) for name in rows.values()]
    return pd.DataFrame(cells)


def _best(report: Results, table: pd.DataFrame) -> str:
    """The group that brought the largest part of the revenue."""
    known = table.dropna(subset=["share"]).sort_values("share", ascending=False, kind="stable")
    if len(known) < 2:
        return ""
    best, language = known.to_dict("records")[0], report.language
    shares = {"share": language.percent(best["share"], 0), "n": language.number(best["customers"])}
    return language.text("rfm.best", name=language.text(f"rfm.{best['group']}"), **shares)


def _groups(report: Results, table: pd.DataFrame) -> pd.DataFrame:
    language = report.language

    def written(values: "pd.Series[float]", write: Callable[[float], str]) -> list[str]:
        return [DASH if math.isnan(value) else write(value) for value in values]

    return pd.DataFrame(
        {
            "group": [language.text(f"rfm.{name}") for name in table["group"]],
            "customers": written(table["customers"], language.number),
            "revenue_share": written(table["share"], lambda share: language.percent(share, 0)),
            "median_days": written(table["recency_days"], language.number),
            "action": [language.text(f"rfm_action.{name}") for name in table["group"]],
        }
    )
