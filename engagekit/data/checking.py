"""Which rows of a file break a rule, and why: an unreadable cell first, then the rules of the table's contract."""

import polars as pl

from engagekit.data.files import ROW
from engagekit.data.mapping import MappedFile
from engagekit.data.tables import TABLES, column_type, costs_row

__all__ = ["MOVED", "REFUSED", "blank_cells", "checked"]

MOVED = "moved_hour"
REASONS = {"id": "not_allowed"}  # otherwise not_number, not_time ...
REFUSED = {"row": pl.UInt32, "column": pl.String, "value": pl.String, "reason": pl.String}


def checked(file: MappedFile, batch: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Check a batch of a file's rows.

    A cell that cannot be read, or that breaks a rule, costs its row where the table cannot do without it; else the cell
    counts as blank.

    Parameters
    ----------
    file : MappedFile
        The file.
    batch : polars.DataFrame
        Its cells, as ``MappedFile.batches`` gives them.

    Returns
    -------
    values : polars.DataFrame
        ``ROW`` and the table's columns of the rows that remain.
    refused : polars.DataFrame
        Row, column, value (as written) and the first reason of each of the others.
    amended : polars.DataFrame
        The same of each cell that remains and is not taken as it stands: it counts as blank, or its hour was left out
        by the clock.
    """
    values = file.values(batch, file.columns)
    faults = [pl.DataFrame(schema={"index": pl.UInt32, "column": pl.String, "reason": pl.String})]
    for name in file.columns:
        if len(unread := file.unread(batch, values, name)):
            kind = column_type(file.table, name)
            reason = REASONS.get(kind, f"not_{kind}")
            faults.append(pl.DataFrame({"index": unread, "column": name, "reason": reason}))
    faults.append(TABLES[file.table].faults(values))
    first = pl.concat(faults).unique(["index", "column"], keep="first", maintain_order=True)
    costs = [name for name in file.columns if costs_row(file.table, name)]
    refused = first.filter(pl.col("column").is_in(costs)).unique("index", keep="first").sort("index")
    blanked = first.filter(~pl.col("index").is_in(refused["index"].implode()))
    values = blank_cells(values, blanked.select(pl.lit(batch[ROW]).gather("index").alias("row"), "column"))
    moved = [
        pl.DataFrame({"index": places, "column": name, "reason": MOVED})
        for name in file.columns
        if len(places := file.moved(batch, values, name))
    ]
    amended = pl.concat([blanked, *moved]).filter(~pl.col("index").is_in(refused["index"].implode()))
    refusals, changes = (_told(file, batch, each.sort("index", maintain_order=True)) for each in (refused, amended))
    return values.filter(~pl.col(ROW).is_in(refusals["row"].implode())), refusals, changes


def blank_cells(rows: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Rows without the values of some cells, which are named by ``row`` and ``column``."""
    for (name,), part in cells.group_by("column", maintain_order=True):
        if name in rows.columns:
            blank = pl.col(ROW).is_in(part["row"].implode())
            rows = rows.with_columns(pl.when(~blank).then(pl.col(str(name))).alias(str(name)))
    return rows


def _told(file: MappedFile, batch: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """Row, column, value and reason of some faults."""
    if faults.is_empty():
        return pl.DataFrame(schema=REFUSED)
    told = faults.select(row=batch[ROW].gather(faults["index"]), column="column", value=_cells(file, batch, faults))
    return told.with_columns(reason=faults["reason"]).cast(REFUSED)  # type: ignore[arg-type]


def _cells(file: MappedFile, batch: pl.DataFrame, faults: pl.DataFrame) -> pl.Series:
    """Text of the cells at fault."""
    texts = pl.Series([None], dtype=pl.String).new_from_index(0, faults.height)
    for name in faults["column"].unique():
        here = faults["column"] == name
        cells = file.written(batch[faults["index"].filter(here).to_list()], name)
        texts = texts.scatter(here.arg_true(), cells)
    return texts
