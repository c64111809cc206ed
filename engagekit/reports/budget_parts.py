"""Tables and the figure of the section on budgets: returns, the split, a response curve, and credit by touches."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engagekit.decisions.response import RESULTS
from engagekit.decisions.returns import RETURN
from engagekit.decisions.touches import CONVENTIONS, touches
from engagekit.display import charts
from engagekit.display.section import Figure, Section
from engagekit.frames.engine import column_names
from engagekit.metrics.estimate import significant
from engagekit.reports.budgeting import Budget
from engagekit.reports.parts import DASH, source
from engagekit.reports.results import results
from engagekit.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["response_figure", "returned_cells", "split_part", "touched_parts"]

DAYS = 30  # before a conversion, in which touches count
POINTS = 40  # of a curve that is drawn
COUNTS = ("n", "spend", "hours", *RESULTS)
MONEY = ("spend", "revenue")


def returned_cells(made: Budget, table: pd.DataFrame) -> pd.DataFrame:
    """What each campaign cost and gave, the best one first, in words."""
    text, number = made.study.language.text, made.study.language.number
    rows = table.loc[made.ranked.index.append(table.index.difference(made.ranked.index))]
    cells = {text(f"budget.column_{made.curves.by}"): [made.named(row) for row in rows.to_dict("records")]}
    cells[text(f"budget.column_{made.cost}")] = [
        DASH if np.isnan(row[made.cost]) else made.efficiency(row) for row in rows.to_dict("records")
    ]
    hourly = "leads_per_hour" in rows
    for name in COUNTS:
        if name == "hours" and hourly:
            written = [made.efficiency(row, "leads_per_hour") for row in rows.to_dict("records")]
            cells[text("budget.column_leads_per_hour")] = written
        elif name in rows:
            write = made.money if name in MONEY else number
            cells[text(f"budget.column_{name}")] = [write(value) for value in rows[name]]
    return pd.DataFrame(cells)


def split_part(made: Budget) -> Section:
    """What to spend on each campaign in the next period, and what is expected of it."""
    text = made.study.language.text
    question = text("budget.split", length=made.period)
    notes = [
        text(f"budget.note_{name}") for name in ("split", "beyond") if name == "split" or made.split["beyond"].any()
    ]
    given = made.split[made.split["reason"] != "ended"]
    return Section(question, given, cells=partial(_split_cells, made), notes=notes)


def _split_cells(made: Budget, table: pd.DataFrame) -> pd.DataFrame:
    text, rows = made.study.language.text, table.to_dict("records")
    cells = {
        f"column_{made.curves.by}": [made.named(row) for row in rows],
        "column_now": [made.money(row["spend_now"]) for row in rows],
        "column_recommended": [made.money(row["recommended"]) + "*" * bool(row["beyond"]) for row in rows],
        "column_range": [f"{made.money(row['low'])} – {made.money(row['high'])}" for row in rows],
        f"column_expected_{made.curves.result}": [made.results(row["result_expected"]) for row in rows],
        "column_action": [text(f"budget.action_{row['action']}") for row in rows],
    }
    return pd.DataFrame({text(f"budget.{name}"): values for name, values in cells.items()})


def response_figure(made: Budget) -> Figure | None:
    """Curve of the campaign whose spend is to change most, or else the costs per result; None where there are none."""
    text = made.study.language.text
    read = source(results(made.study), "campaigns") if made.study.readings else ""
    if not made.split.attrs["reason"]:
        name = made.changed_most(made.curves.fitted)
        named = {"name": made.named({made.curves.by: name})}
        alt = text(f"budget.alt_{made.curves.result}", **named)
        subtitle = text(f"budget.subtitle_{made.curves.result}")
        return Figure(partial(_draw_curve, made, name), text("budget.figure", **named), subtitle, read, alt)
    if made.ranked.empty:
        return None
    title = text(f"budget.column_{made.cost}")
    return Figure(partial(_draw_costs, made), title, text("budget.subtitle_costs"), read)


def _draw_curve(made: Budget, name: str, _table: pd.DataFrame, ax: "Axes") -> "Axes":
    """Draw the curve of one campaign; the section's table has the returns, and no curves."""
    by, curves = made.curves.by, made.curves
    periods = curves.periods[curves.periods[by] == name]
    row = made.split[made.split[by] == name].iloc[0]
    marks = {made.study.language.text(f"budget.mark_{word}"): row[word] for word in ("spend_now", "recommended")}
    spend = np.linspace(0, max(periods["spend"].max(), *marks.values()), POINTS)
    curve = pd.DataFrame([curves.expected(name, each) for each in spend], columns=["value", "low", "high"])
    unit = "money" if curves.result == "revenue" else "count"
    wanted = {"unit": unit, "currency": made.study.currency}
    return charts.plot_response(curve.assign(spend=spend), periods, marks, ax, made.study.language, **wanted)


def _draw_costs(made: Budget, table: pd.DataFrame, ax: "Axes") -> "Axes":
    rows = table.loc[made.ranked.index]
    ends = {end or "value": rows[f"{made.cost}_{end}" if end else made.cost] for end in ("", "low", "high")}
    shown = pd.DataFrame({"label": [made.named(row) for row in rows.to_dict("records")], **ends})
    unit = "ratio" if made.cost == RETURN else "money"
    return charts.plot_bars(shown, ax, made.study.language, unit=unit, currency=made.study.currency)


def touched_parts(study: Study) -> Iterator[Section]:
    """Conversions by first, last and linear touch, where interactions carry campaigns and some of them convert."""
    if not study.has("interactions") or "campaign" not in column_names(study.described("interactions")):
        return
    web, language = study.business.web, study.language
    table = touches(study.described("interactions"), f"{DAYS}d", web.key_actions, web.gap)
    if table["campaign"].notna().sum() < 2:
        return
    actions = ", ".join(language.value("action", name) for name in web.key_actions)
    notes = [language.text("budget.note_touches", days=DAYS, actions=actions)]
    cells, answer = partial(_touched_cells, study), partial(_touched_answer, study)
    yield Section(language.text("budget.touches"), table, answer, people="customers", cells=cells, notes=notes)


def _touched_answer(study: Study, table: pd.DataFrame) -> list[str]:
    """How many conversions had a touch, and which campaign each convention puts first."""
    language, known = study.language, table[table["campaign"].notna()].dropna(subset=["linear"])
    said = []
    if table["linear"].notna().all():
        touched, without = (part["first"].sum() for part in (known, table[table["campaign"].isna()]))
        counts = {"n": language.number(touched), "without": language.number(without)}
        said.append(language.text("budget.touched", days=DAYS, **counts))
    if len(known):
        tops = {name: str(known.set_index("campaign")[name].idxmax()) for name in CONVENTIONS}
        key = "touch_same" if len(set(tops.values())) == 1 else "touch_most"
        said.append(language.text(f"budget.{key}", **tops))
    return said


def _touched_cells(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    language = study.language
    names = [language.text("budget.no_touch") if pd.isna(name) else name for name in table["campaign"]]
    cells = {language.text("budget.column_campaign"): names}
    for name in CONVENTIONS:
        cells[language.text(f"budget.touch_{name}")] = [
            language.number(value) for value in significant(table[name].tolist())
        ]
    values = "linear_value" in table and table["linear_value"].sum() > 0
    for name in CONVENTIONS if values else ():
        title = language.text("budget.touch_value", name=language.text(f"budget.touch_{name}"))
        cells[title] = [language.money(value, study.currency) for value in table[f"{name}_value"]]
    return pd.DataFrame(cells)
