"""What was done: ``actions.csv`` in the business's folder, which the business writes."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.data.plans import ROW, text_rows
from engagekit.decisions.contacts import FORMULA
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, column_names
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import Study

__all__ = ["ACTIONS", "done", "unknown_customers"]

ACTIONS = "actions.csv"
OPTIONAL = ("segment", "customer_id", "plan")


def done(study: Study) -> pl.DataFrame | None:
    """Actions that the business recorded before the study's end.

    Parameters
    ----------
    study : Study
        Of a folder. ``actions.csv`` there has a column ``date`` and ``segment``, ``customer_id`` or both; ``plan`` is
        kept, and other columns are the business's own. An apostrophe that a private list has in front of an id is
        dropped.

    Returns
    -------
    polars.DataFrame or None
        ``date`` (midnight in the business's zone) and the three columns as text, null where there is none, in the
        file's order; None without the file or of a study of frames.

    Raises
    ------
    DataError
        The file cannot be read, lacks a column, or has a row with a wrong date or segment, or for nobody.
    """
    file = study.business.folder / ACTIONS if study.business.name else None
    if file is None or not file.is_file():
        return None
    table = text_rows(file, "Give a CSV file with date,segment.")
    if "date" not in table.columns:
        raise DataError("is not a column. Give a CSV file with date,segment.", file=ACTIONS, column="date")
    if not {"segment", "customer_id"} & {*table.columns}:
        problem = "is not a column, nor is customer_id. Give a CSV file with date,segment or date,customer_id."
        raise DataError(problem, file=ACTIONS, column="segment")
    absent = {name: pl.lit(None, pl.String) for name in OPTIONAL if name not in table.columns}
    table = table.with_columns(**absent)
    _check(table)
    table = table.select("date", *OPTIONAL)
    quoted = pl.col("customer_id").str.starts_with("'") & pl.col("customer_id").str.slice(1, 1).is_in(FORMULA)
    spelt = pl.when(quoted).then(pl.col("customer_id").str.slice(1)).otherwise("customer_id")
    table = study.business.ids.applied("actions", table.with_columns(customer_id=spelt).lazy()).collect()
    zone = study.end.tzinfo
    times = [dt.datetime.combine(day, dt.time(), zone) for day in table["date"].str.to_date("%Y-%m-%d")]
    dated = table.with_columns(date=pl.Series(times, dtype=pl.Datetime("us", str(zone))))
    return dated.filter(pl.col("date") < study.end)


def unknown_customers(study: Study, ids: Iterable[Any]) -> int:
    """How many customers of ``actions.csv`` or of plans no other table knows."""
    known, named = set[str](), {str(who) for who in ids}
    for name in study.business.tables if named else ():
        if name != "assignments" and study.has(name) and "customer_id" in column_names(study.described(name)):
            rows = nw.from_native(study.described(name)).lazy().select(nw.col("customer_id").cast(nw.String))
            known.update(collected(rows.unique())["customer_id"].drop_nulls())
    return len(named - known)


def _check(table: pl.DataFrame) -> None:
    """Refuse the first row with a wrong date, an unknown segment, or for nobody."""
    day = table["date"].str.to_date("%Y-%m-%d", strict=False)
    for row in day.is_null().arg_true()[:1]:
        problem = f"{table['date'][row]!r} is not a date such as 2026-11-01."
        raise DataError(problem, file=ACTIONS, row=table[ROW][row], column="date")
    for row in (~table["segment"].is_in(SEGMENTS)).fill_null(value=False).arg_true()[:1]:
        problem = f"there is no segment {table['segment'][row]!r}. {did_you_mean(table['segment'][row], SEGMENTS)}"
        raise DataError(problem, file=ACTIONS, row=table[ROW][row], column="segment")
    for row in (table["segment"].is_null() & table["customer_id"].is_null()).arg_true()[:1]:
        problem = "is blank. Name the segment, or the customer_id."
        raise DataError(problem, file=ACTIONS, row=table[ROW][row], column="segment")
