"""``plans.csv`` in the business's folder, written by the kit: whom a plan contacts, and who is held out."""

import datetime as dt
import os
import re
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.data.source import Source
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, column_names

__all__ = [
    "ARMS",
    "CONTACT",
    "HOLD_OUT",
    "NO_ASSIGNMENTS",
    "PLANS",
    "PLAN_COLUMNS",
    "PLAN_NAME",
    "ROW",
    "append_plans",
    "plan_rows",
    "plan_source",
    "read_plans",
    "term",
    "text_rows",
]

PLANS, ROW = "plans.csv", ":row"
CONTACT, HOLD_OUT = ARMS = "contact", "hold_out"
PLAN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
PLAN_COLUMNS = ("experiment", "customer_id", "arm", "assigned_at", "ends_at", "hold_out", "action", "channel")
DAYS = ("assigned_at", "ends_at")
TOGETHER = ("experiment", "customer_id", "arm", "assigned_at")  # columns of every assignment
NO_ASSIGNMENTS = pl.DataFrame(schema=dict.fromkeys(TOGETHER, pl.String) | {"assigned_at": pl.Datetime("us")})


def plan_source() -> Source:
    """How ``plans.csv`` is read as a part of the table ``assignments``: ISO dates, under our own names."""
    return Source(
        file=[PLANS], dates="iso", numbers="en", encoding="utf-8", columns={name: name for name in PLAN_COLUMNS}
    )


def read_plans(folder: Path) -> pl.DataFrame:
    """Rows of a business's ``plans.csv``, all of them text; empty without the file.

    Parameters
    ----------
    folder : Path
        The business's.

    Raises
    ------
    DataError
        The file cannot be read or lacks a column, or a row has no customer, an unknown arm, a name that is no plan's, a
        date that is not ISO, an end that is not after the start, a share that is none, or a customer who is in the plan
        twice.
    """
    file = folder / PLANS
    if not file.is_file():
        return pl.DataFrame(schema=dict.fromkeys(PLAN_COLUMNS, pl.String))
    rows = text_rows(file, "Restore what engagekit plan wrote.")
    for name in PLAN_COLUMNS:
        if name not in rows.columns:
            raise DataError("is not a column. Restore what engagekit plan wrote.", file=PLANS, column=name)
    days = {name: pl.col(name).str.to_date("%Y-%m-%d", strict=False) for name in DAYS}
    _refuse(rows, "customer_id", pl.col("customer_id").is_null(), "is blank. Name the customer.")
    _refuse(rows, "arm", ~pl.col("arm").is_in(ARMS), "is not an arm of a plan. {}", ARMS)
    is_plan = pl.col("experiment").str.contains(f"^{PLAN_NAME.pattern}$")
    _refuse(rows, "experiment", ~is_plan, "is not the name of a plan: a-z, digits and hyphens.")
    for name, day in days.items():
        _refuse(rows, name, day.is_null(), "is not a date such as 2026-11-01.")
    share = pl.col("hold_out").cast(pl.Float64, strict=False)
    _refuse(rows, "hold_out", ~share.is_between(0, 1, closed="none"), "is not a share above 0 and below 1.")
    _refuse(rows, "ends_at", days["ends_at"] <= days["assigned_at"], "is not after assigned_at.")
    _refuse(rows, "customer_id", pl.struct("experiment", "customer_id").is_duplicated(), "is in the plan twice.")
    return rows.select(PLAN_COLUMNS)


def text_rows(file: Path, way_out: str) -> pl.DataFrame:
    """Rows of a CSV file as text, with their numbers in the column ``ROW``; a blank cell is null, a blank row left out.

    Raises
    ------
    DataError
        The file cannot be read; the message ends with the way out.
    """
    try:
        cells = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot be read: {error}. {way_out}", file=file.name) from error
    rows = cells.select(pl.when(pl.all().str.strip_chars() != "").then(pl.all())).with_row_index(ROW, 2)
    return rows.filter(~pl.all_horizontal(pl.exclude(ROW).is_null()))


def _refuse(rows: pl.DataFrame, column: str, wrong: pl.Expr, problem: str, known: tuple[str, ...] = ()) -> None:
    """Refuse the first row that is wrong."""
    for row in rows.select(wrong.fill_null(value=True)).to_series().arg_true()[:1]:
        value = rows[column][row]
        way_out = did_you_mean(str(value), known) if known else ""
        raise DataError(problem.format(way_out), file=PLANS, row=rows[ROW][row], column=column, value=value)


def append_plans(folder: Path, rows: pl.DataFrame) -> Path:
    """Add rows of a plan to ``plans.csv``, which its owner alone can read; it is written anew and then put in place.

    Customers' ids stay as they are, because the file is read again by the kit: it is not meant for a spreadsheet. Who
    calls at the same time waits.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        Some of the customers are in a plan of the file that runs: it was made after these rows were.
    """
    from filelock import FileLock

    file, new = folder / PLANS, rows.select(PLAN_COLUMNS).cast(pl.String)
    with FileLock(folder / f".{PLANS}.lock"):
        there = read_plans(folder)
        taken = there.join(new, on="customer_id", suffix="_new").filter(
            (pl.col("experiment") == pl.col("experiment_new"))
            | ((pl.col("assigned_at") <= pl.col("assigned_at_new")) & (pl.col("ends_at") > pl.col("assigned_at_new")))
        )
        if taken.height:
            raise ValueError(f"{PLANS}: a plan that was just made has {taken.height:,} of these customers. Plan again")
        handle, staged = tempfile.mkstemp(dir=folder, prefix=f".{PLANS}.")  # which its owner alone can read
        try:
            with os.fdopen(handle, "wb") as stage:
                pl.concat([there, new]).write_csv(stage, quote_style="non_numeric")
            Path(staged).replace(file)
        finally:
            Path(staged).unlink(missing_ok=True)
    return file


def plan_rows(assignments: Any, others: Iterable[Any] = ()) -> pl.DataFrame:
    """Rows of plans, of a table ``assignments``: those that say when they end.

    Parameters
    ----------
    assignments : frame
        With ``ends_at``, an ISO date as text; without that column no row is of a plan.
    others : iterable of frame, default ()
        The other tables: ids get the type that they have in the first of these with ``customer_id``.

    Returns
    -------
    polars.DataFrame
        ``experiment, customer_id, arm, assigned_at`` as they are, ``ends_at`` as a date, and ``hold_out, action,
        channel`` as text where given, else null.

    Raises
    ------
    DataError
        An id is text where the other tables have numbers.

    Examples
    --------
    >>> rows = pl.DataFrame({"experiment": ["p", "test"], "customer_id": ["a", "b"], "arm": ["hold_out", "treatment"],
    ...     "assigned_at": dt.datetime(2026, 11, 1), "ends_at": ["2026-11-29", None]})
    >>> plan_rows(rows).select("customer_id", "ends_at", "action").rows()
    [('a', datetime.date(2026, 11, 29), None)]
    """
    rows = collected(nw.from_native(assignments).lazy().select(nw.col(*TOGETHER, *_given(assignments))))
    missing = {name: pl.lit(None, pl.String) for name in PLAN_COLUMNS if name not in rows.columns}
    ends = pl.col("ends_at").cast(pl.String).str.head(len("2026-11-01")).str.to_date("%Y-%m-%d", strict=False)
    rows = rows.with_columns(**missing).with_columns(ends_at=ends)
    rows = rows.filter(pl.col("arm").is_in(ARMS), pl.col("ends_at").is_not_null()).select(PLAN_COLUMNS)
    return _with_ids_like(others, rows) if rows.height else rows


def _with_ids_like(others: Iterable[Any], rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose ids have the type of the other tables'."""
    with_ids = (frame for frame in others if "customer_id" in column_names(frame))
    for frame in islice(with_ids, 1):
        ids = collected(nw.from_native(frame).lazy().select("customer_id").head(0)).schema["customer_id"]
        kind = ids if ids.is_numeric() else pl.String
        try:
            return rows.with_columns(pl.col("customer_id").cast(kind))
        except pl.exceptions.PolarsError:
            problem = f"is not {kind} as in the other tables. Make it one type, such as text."
            raise DataError(problem, file="[tables.assignments]", column="customer_id") from None
    return rows


def term(rows: pl.DataFrame) -> tuple[dt.datetime, dt.date]:
    """First and last day of a plan's rows: of its first assignment, and on which it is over."""
    starts, ends = rows.select(pl.col("assigned_at").min(), pl.col("ends_at").max()).row(0)
    return starts, ends


def _given(assignments: Any) -> list[str]:
    return [name for name in PLAN_COLUMNS if name not in TOGETHER and name in column_names(assignments)]
