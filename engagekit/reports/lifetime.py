"""Customer lifetime value: what customers will probably bring in the coming year, and whether such a forecast held."""

import datetime as dt
import math
from typing import Any

import pandas as pd

from engagekit.display.forecast import plot_forecast
from engagekit.display.section import Figure, Section, no_cells
from engagekit.metrics.outlook import outlook
from engagekit.reports.parts import DASH, source
from engagekit.reports.results import Results, results
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import Study
from engagekit.value.coming_year import ComingYear

__all__ = ["lifetime"]


def lifetime(study: Study) -> Section:
    """Expected orders or renewals and their value in the coming year, by segment, and the test on the last third.

    Where the assumptions of the models do not hold, the answer says why there is no forecast, or no money.

    Examples
    --------
    >>> section = lifetime(study)
    >>> section.table[["segment", "customers"]].to_numpy().tolist()
    [['all', 174.0], ['at_risk', 59.0], ['potential', 78.0], ['advocate', nan], ['no_score', nan]]
    >>> section.answer[-1]
    'The actual number is within the interval.'
    """
    report, year = results(study), study.coming_year
    language, text, forecast = report.language, report.language.text, year.as_dict()
    said = outlook(forecast, language, report.business.currency)
    if year.reason:
        return Section(text("lifetime.question"), answer=said)
    rows = report.lifetime
    if pd.notna(days := rows.get("next_purchase_days", pd.Series([math.nan]))[0]):
        said.insert(2, text("lifetime.next", date=_day(report, days)))
    start = language.date(year.hold_out["date"][0])
    figure = Figure(
        lambda tested, ax: plot_forecast(tested, ax, language),
        text(f"lifetime.figure_{year.counted}"),
        text("lifetime.subtitle", customers=language.number(year.tried), start=start),
        source(report, "subscriptions" if year.counted == "renewals" else "interactions"),
        alt=" ".join(said[-2:]),
    )
    return Section(
        text("lifetime.question"),
        rows,
        said,
        people="customers",
        cells=lambda table: _cells(report, year, table),
        words=[text("column.segment")],
        notes=[text(f"lifetime.note_{year.counted}"), text("lifetime.note_hold_out")],
        parts=[Section("", year.hold_out.to_pandas(), cells=no_cells, figure=figure)],
    )


def _cells(report: Results, year: ComingYear, table: pd.DataFrame) -> pd.DataFrame:
    language, text = report.language, report.language.text

    def interval(row: Any, name: str, write: Any) -> str:
        if pd.isna(row[name]):
            return DASH
        return f"{write(row[name])} ({write(row[f'{name}_low'])} – {write(row[f'{name}_high'])})"

    rows = []
    for row in table.to_dict("records"):
        named = row["segment"] in SEGMENTS
        cells = {
            text("column.segment"): text(f"segment.{row['segment']}" if named else f"lifetime.{row['segment']}"),
            text("column.customers"): language.number(row["customers"]),
            text(f"lifetime.column_{year.counted}"): interval(row, year.column, language.number),
        }
        if not year.value_reason:
            cells[text("lifetime.column_value")] = interval(row, "expected_value", lambda each: _money(report, each))
        if "next_purchase_days" in row:
            days = row["next_purchase_days"]
            cells[text("lifetime.column_next")] = DASH if pd.isna(days) else _day(report, days)
        rows.append(cells)
    return pd.DataFrame(rows)


def _money(report: Results, value: float) -> str:
    return report.language.money(value, report.business.currency, 0)


def _day(report: Results, days: float) -> str:
    """Write the day so many days after the end of the data."""
    return report.language.date(report.study.data_end.date() + dt.timedelta(days=math.ceil(days)))
