"""Which rows of a file break a rule, and why: an unreadable cell first, then the rules of the table's contract."""

import re
from collections.abc import Iterator

import polars as pl

from engagekit.data.dates import SERIAL, month_numbers
from engagekit.data.files import BEYOND, ROW
from engagekit.data.mapping import DATES, MappedFile
from engagekit.data.parsing import foreign_currency
from engagekit.data.recognition import Doubt, read_otherwise
from engagekit.data.tables import TABLES, column_type, costs_row
from engagekit.errors import DataError

__all__ = ["CONVERTED", "NO_DATA", "REFUSED", "RETURNED", "WHOLE", "DoubtError", "blank_cells", "checked", "doubtful"]

RETURNED = "returned"
CONVERTED = ("moved_hour", "serial", RETURNED)  # reasons of cells that are taken, though not as they stand
NO_DATA = (
    "total_row",
    "repeated_header",
    "note_row",
)  # reasons of rows that are none of the data, and do not count as faults
REASONS = {"id": "not_allowed"}  # otherwise not_number, not_time ...
REFUSED: dict[str, type[pl.DataType]] = {"row": pl.UInt64, "column": pl.String, "value": pl.String, "reason": pl.String}
WHOLE: dict[str, type[pl.DataType]] = {"cells": pl.String}  # of a refused row, all that is read of it
TOTAL = re.compile(
    r"(?i)^\s*(?:(?:grand|sub)[ -]?totals?|totals?|jumlah|sum|keseluruhan)"
    r"(?:\s+(?:keseluruhan|besar|semua|total|penjualan|pembelian|sales|amount|orders?|jualan|\d{4}|"
    + "|".join(sorted(month_numbers(), key=len, reverse=True))
    + r"))*\s*(?:\(.*\))?\s*:?\s*$"
)
CUT = ("long_row", "short_row")  # reasons of rows that have more or fewer cells than the header
EXAMPLES = {DATES: '"dmy" (31/01/2026) or "mdy" (01/31/2026)', "numbers": '"en" (1,200.50) or "id" (1.200,50)'}
LONGEST_SERIAL = 9  # characters, of a day without a time as ISO 8601 has ten
LONGEST_CELL = 100_000  # bytes
CHECKED_WORDS = ("id", "label", "text")


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
        Row, column, value (as written) and the first reason of each of the others, and all its cells as JSON.
    amended : polars.DataFrame
        The same of each cell that remains and is not taken as it stands: it counts as blank, was a serial day of a
        spreadsheet, or its hour was left out by the clock.

    Raises
    ------
    DataError
        A cell is too long, is written in another way than the rest of its column, or is money of another currency.
    """
    _refuse_cells_that_are_no_text(file, batch)
    values = file.values(batch, file.columns)
    schema = {"index": pl.UInt32, "column": pl.String, "reason": pl.String}
    faults = [pl.DataFrame(schema=schema), *_rows_without_data(file, batch)]
    for name in file.columns:
        if len(unread := file.unread(batch, values, name)):
            kind = column_type(file.table, name)
            _refuse_another_way(file, batch, name, unread.filter(~unread.is_in(_places(faults).implode())))
            faults.append(_at(unread, name, REASONS.get(kind, f"not_{kind}")))
    faults.append(TABLES[file.table].faults(values))
    first = pl.concat(faults).unique(["index", "column"], keep="first", maintain_order=True)
    costs = pl.col("column").is_in([name for name in file.columns if costs_row(file.table, name)])
    refused = first.filter(costs | pl.col("reason").is_in([*NO_DATA, *CUT])).unique(
        "index", keep="first", maintain_order=True
    )
    blanked = first.filter(~pl.col("index").is_in(refused["index"].implode()))
    values = blank_cells(values, blanked.select(pl.lit(batch[ROW]).gather("index").alias("row"), "column"))
    converted = [_at(places, name, reason) for name, reason, places in _converted(file, batch, values)]
    amended = pl.concat([blanked, *converted]).filter(~pl.col("index").is_in(refused["index"].implode()))
    refusals, changes = (_listed(file, batch, each.sort("index", maintain_order=True)) for each in (refused, amended))
    refusals = refusals.with_columns(cells=file.as_json(batch[refused["index"].sort().to_list()]))
    return values.filter(~pl.col(ROW).is_in(refusals["row"].implode())), refusals, changes


def blank_cells(rows: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Rows without the values of some cells, which are named by ``row`` and ``column``."""
    for (name,), part in cells.group_by("column", maintain_order=True):
        if name in rows.columns:
            blank = pl.col(ROW).is_in(part["row"].implode())
            rows = rows.with_columns(pl.when(~blank).then(pl.col(str(name))).alias(str(name)))
    return rows


class DoubtError(DataError):
    """A column of which it is not known how it is written."""


def doubtful(file: MappedFile, row: int, column: str, doubt: Doubt, value: object) -> DoubtError:
    """Error for a column of which it is not known how it is written, for the cell that shows it."""
    key = DATES if column_type(file.table, column) in ("time", "day") else "numbers"
    if doubt.kind == "ambiguous":
        problem = "can be read in two ways" + (", a thousand times apart" if key == "numbers" else "")
        value = f"{value}, which is {' or '.join(doubt.readings)}"
    else:
        problem = f"are written in two ways: here as {doubt.readings[1]!r}, elsewhere as {doubt.readings[0]!r}"
    way_out = f"{key} = {EXAMPLES[key]} in [tables.{file.table}], or correct those that differ."
    problem = f"the {key} of this column {problem}. Say how the file writes them, {way_out}"
    return DoubtError(problem, file=file.name, row=file.row_of(row), column=column, value=value)


def _at(places: pl.Series, column: str, reason: str) -> pl.DataFrame:
    return pl.DataFrame({"index": places.cast(pl.UInt32), "column": column, "reason": reason})


def _places(faults: list[pl.DataFrame]) -> pl.Series:
    """Places of the rows that are none of the data."""
    return pl.concat(faults).filter(pl.col("reason").is_in([*NO_DATA, *CUT]))["index"]


def _rows_without_data(file: MappedFile, batch: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows that are longer than the header, repeat it, or are totals of others."""
    first = next(name for name in file.columns if file.columns[name] is not None)
    if BEYOND in batch.columns and len(long := batch[BEYOND].is_not_null().arg_true()):
        yield _at(long, first, "long_row")
    if batch[file.last_place].null_count() and file.short_rows:
        short = batch[ROW].is_in(list(file.short_rows))
        notes = batch[ROW].is_in([row for row, cells in file.short_rows.items() if cells == 1 and len(file.header) > 2])
        yield _at((short & ~notes).arg_true(), first, "short_row")
        yield _at(notes.arg_true(), first, "note_row")
    words = [name for name in file.columns if column_type(file.table, name) in CHECKED_WORDS and file.names(name)]
    texts = {name: batch[str(file.header.index(file.names(name)[0]))] for name in words}
    texts = {name: text for name, text in texts.items() if text.dtype == pl.String}
    for name, text in texts.items():
        is_named = costs_row(file.table, name) or name == TABLES[file.table].key or name == next(iter(texts))
        if is_named and (total := text.str.contains(TOTAL.pattern)).any():
            yield _at(total.arg_true(), name, "total_row")
    first_name, first_text = next(iter(texts.items()), ("", None))
    if first_text is not None and (first_text == file.names(first_name)[0]).any():
        again = [text.str.strip_chars() == file.names(name)[0].strip() for name, text in texts.items()]
        every = pl.select(pl.all_horizontal(again)).to_series().fill_null(value=False)
        yield _at(every.arg_true(), first_name, "repeated_header")


def _converted(file: MappedFile, batch: pl.DataFrame, values: pl.DataFrame) -> Iterator[tuple[str, str, pl.Series]]:
    """Columns, reasons and places of cells that are taken, though not as they stand."""
    for name in file.columns:
        if len(places := file.moved(batch, values, name)):
            yield name, CONVERTED[0], places
        if column_type(file.table, name) in ("time", "day") and file.styles[name].dates == "iso" and file.names(name):
            cells = file.texts(batch, name)
            if cells.dtype.is_temporal() or (cells.dtype == pl.String and _shortest(cells) > LONGEST_SERIAL):
                continue
            if (serial := file.written(batch, name).str.contains(SERIAL)).any():
                yield name, CONVERTED[1], serial.arg_true()


def _shortest(cells: pl.Series) -> int:
    return int(cells.str.len_bytes().min() or 0)  # type: ignore[arg-type]


def _refuse_cells_that_are_no_text(file: MappedFile, batch: pl.DataFrame) -> None:
    """Refuse cells that are too long, or hold a sign that ends a text in some programs."""
    for name, theirs in ((ours, theirs) for ours in file.columns for theirs in file.names(ours)):
        cells = batch[str(file.header.index(theirs))]
        if cells.dtype != pl.String:
            continue
        length = cells.str.len_bytes()
        if (length > LONGEST_CELL).any():
            problem = f"has more than {LONGEST_CELL:,} characters. Shorten the cell, or map another column."
            raise file.error(problem, batch[ROW][int(length.arg_max() or 0)], name)
        if file.may_hold_zeros and (zero := cells.str.contains("\0", literal=True)).any():
            at = int(zero.arg_max() or 0)
            raise file.error("holds a zero byte. Export the file again.", batch[ROW][at], name, cells[at])


def _refuse_another_way(file: MappedFile, batch: pl.DataFrame, name: str, unread: pl.Series) -> None:
    """Refuse cells that cannot be read, but could in another way: then the column is not what it seems."""
    kind = column_type(file.table, name)
    if unread.is_empty() or not file.names(name) or kind not in ("number", "count", "tally", "time", "day"):
        return
    rows = batch[unread.to_list()]
    if len(file.cells_of(rows, name)) > 1:
        return
    cells, style = file.texts(rows, name), file.styles[name]
    if kind not in ("time", "day"):
        if (place := foreign_currency(cells, style)) is not None:
            problem = f"is money of another currency than {style.currency}. Convert it in the file."
            raise file.error(problem, rows[ROW][place], name, cells[place])
        if (percent := file.written(rows, name).str.ends_with("%")).any():
            problem = f'is a percentage. Say so: {name} = {{from = "{file.names(name)[0]}", scale = 0.01}}.'
            raise file.error(problem, rows[ROW][int(percent.arg_max() or 0)], name, cells[int(percent.arg_max() or 0)])
    if name not in file.declared and (doubt := read_otherwise(cells, kind, style)):
        raise doubtful(file, rows[ROW][doubt.place], name, doubt, cells[doubt.place])


def _listed(file: MappedFile, batch: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """Row, column, value and reason of some faults."""
    if faults.is_empty():
        return pl.DataFrame(schema=REFUSED)
    rows = faults.select(row=batch[ROW].gather(faults["index"]), column="column", value=_cells(file, batch, faults))
    return rows.with_columns(reason=faults["reason"]).cast(REFUSED)  # type: ignore[arg-type]


def _cells(file: MappedFile, batch: pl.DataFrame, faults: pl.DataFrame) -> pl.Series:
    """Text of the cells at fault."""
    texts = pl.Series([None], dtype=pl.String).new_from_index(0, faults.height)
    for name in faults["column"].unique():
        here = faults["column"] == name
        cells = file.written(batch[faults["index"].filter(here).to_list()], name)
        texts = texts.scatter(here.arg_true(), cells)
    return texts
