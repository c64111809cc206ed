"""Rows that repeat: counted once where they are the same, the latest of several states, or an error.

A table's contract says which columns name a row (its key), and whether another row with the same key is a later state
of the same thing (a ticket, open in January's file and solved in February's) or an event that cannot happen twice.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from engagekit.data.files import FILE_ROWS, ROW
from engagekit.data.tables import TABLES, UPDATED
from engagekit.errors import DataError

__all__ = ["Repeats", "candidates", "fingerprints", "orders_again", "settle"]

PRINT, KEY = ":print", ":key"
NO_ROWS = pl.Series(ROW, [], dtype=pl.UInt64)
LISTED = 3

Place = Callable[[int], tuple[str, int]]  # number of a row -> its file, and its row there


@dataclass(frozen=True)
class Repeats:
    """Rows of a table that repeat.

    Attributes
    ----------
    dropped : polars.Series
        Numbers of the rows that do not count.
    repeated : int
        Rows dropped because another one is the same.
    superseded : int
        Rows dropped because a later state of the same thing is there.
    identical : int
        Rows that are the same as an earlier one and count all the same, because nothing names them.
    """

    dropped: pl.Series
    repeated: int
    superseded: int
    identical: int


def fingerprints(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Number of each row, and a hash of its key or, where nothing names it, of its whole content.

    Parameters
    ----------
    table : str
        Name of the table.
    rows : polars.DataFrame
        ``ROW`` and the table's columns.
    """
    key, named = _key(table, rows.columns)
    by_key = rows.select(key).hash_rows() if key else None
    unnamed = rows.select(ROW, unnamed=~named)["unnamed"]
    if by_key is None or unnamed.any():
        by_content = rows.drop(ROW).hash_rows()
        by_key = by_content if by_key is None else by_key.zip_with(~unnamed, by_content)
    return pl.DataFrame([rows[ROW], by_key.alias(PRINT)])


def candidates(prints: Iterable[pl.DataFrame]) -> pl.Series:
    """Numbers of the rows whose fingerprint another row has too."""
    both = pl.concat(prints)
    if both[PRINT].n_unique() == both.height:  # cheaper than looking for them
        return NO_ROWS
    return both.filter(both[PRINT].is_duplicated())[ROW]


def settle(table: str, rows: pl.DataFrame, place: Place, repeats: str) -> Repeats:
    """Decide which of a table's rows count.

    Parameters
    ----------
    table : str
        Name of the table.
    rows : polars.DataFrame
        ``ROW`` and the table's columns; rows that repeat none need not be there.
    place : callable
        File and row of a number of ``ROW``, for the message.
    repeats : {"", "drop", "latest"}
        With ``"drop"`` rows that nothing names count once too; with ``"latest"`` events are states.

    Raises
    ------
    DataError
        Two rows are the same event with different content; names both rows.

    Examples
    --------
    >>> rows = pl.DataFrame({ROW: [2, 3, 4], "ticket_id": ["1", "1", "2"], "score": [None, 5, 4]})
    >>> decided = settle("tickets", rows, lambda row: ("tickets.csv", row), "")
    >>> decided.dropped.to_list(), decided.superseded
    ([2], 1)
    """
    key, named = _key(table, rows.columns)
    content = [name for name in rows.columns if name != ROW]
    unnamed = rows.filter(~named)
    once = unnamed.unique(content, keep="first")
    identical, dropped = unnamed.height - once.height, [NO_ROWS]
    if repeats == "drop":
        dropped.append(_without(unnamed, once[ROW]))
    keyed = rows.filter(named).with_columns(key)
    is_state = TABLES[table].repeats == "state" or repeats == "latest"
    different = keyed.unique([*_names(key), *content], keep="last" if is_state else "first").sort(ROW)
    if not is_state:
        _check_events(table, different, key, place)
    latest = different.sort([UPDATED, ROW] if UPDATED in content else [ROW])
    latest = latest.unique(_names(key), keep="last") if key else latest
    dropped.append(_without(keyed, latest[ROW]))
    return Repeats(
        pl.concat([part.cast(NO_ROWS.dtype) for part in dropped]).sort(),
        keyed.height - different.height + (identical if repeats == "drop" else 0),
        different.height - latest.height,
        0 if repeats == "drop" else identical,
    )


def orders_again(rows: pl.DataFrame, sources: Sequence[Sequence[str]]) -> pl.Series:
    """Rows of orders that a later file of the same source has too: exports of two months that overlap.

    An order is the same one where its number, its customer and its first time are.

    Parameters
    ----------
    rows : polars.DataFrame
        ``ROW`` and the columns of interactions.
    sources : sequence of sequence of str
        For each file, by number, the files of its source.
    """
    if "order_id" not in rows.columns or len(sources) < 2 or all(len(files) < 2 for files in sources):
        return NO_ROWS
    named = {number: "\n".join(files) for number, files in enumerate(sources)}
    file = (pl.col(ROW) // FILE_ROWS).cast(pl.Int64)
    lines = rows.select(ROW, "customer_id", "order_id", "time", "action", file=file).filter(
        pl.col("order_id").is_not_null()
    )
    lines = lines.with_columns(source=pl.col("file").replace_strict(named, return_dtype=pl.String))
    of_order = ["source", "customer_id", "order_id", "action", "begun"]
    begun = pl.col("time").min().over("file", "source", "customer_id", "order_id", "action")
    latest = lines.with_columns(begun=begun).with_columns(latest=pl.col("file").max().over(of_order))
    return latest.filter(pl.col("file") < pl.col("latest"))[ROW]


def _key(table: str, columns: Iterable[str]) -> tuple[list[pl.Expr], pl.Expr]:
    """Columns of a row's key, and whether it has one: the column that names it, else those that do so together."""
    contract, columns = TABLES[table], list(columns)
    own = pl.col(contract.key) if contract.key in columns else pl.lit(None, pl.String)
    together = [pl.when(own.is_null()).then(name) for name in contract.otherwise if name in columns]
    key = ([own] if contract.key in columns else []) + together
    named = pl.lit(value=True) if together else own.is_not_null()
    return [part.alias(f"{KEY}{at}") for at, part in enumerate(key)], named


def _names(key: list[pl.Expr]) -> list[str]:
    return [f"{KEY}{at}" for at in range(len(key))]


def _without(rows: pl.DataFrame, kept: pl.Series) -> pl.Series:
    return rows.filter(~pl.col(ROW).is_in(kept.implode()))[ROW]


def _check_events(
    table: str, different: pl.DataFrame, key: list[pl.Expr], place: Callable[[int], tuple[str, int]]
) -> None:
    """Refuse events that have the same key and different content."""
    if not key or not (twice := different.filter(different.select(_names(key)).is_duplicated())).height:
        return
    events = twice.group_by(_names(key), maintain_order=True).agg(pl.col(ROW).head(2))
    first, second = min(events[ROW].to_list(), key=lambda rows: rows[1])
    one, two = (twice.row(by_predicate=pl.col(ROW) == row, named=True) for row in (first, second))
    columns = [name for name in one if not name.startswith(KEY) and name != ROW and one[name] != two[name]]
    name = TABLES[table].key
    others = f" ({events.height - 1:,} more such pairs)" if events.height > 1 else ""
    (one_file, one_row), (file, row) = place(first), place(second)
    there = f"row {one_row}" if one_file == file else f"row {one_row} of {one_file}"
    raise DataError(
        f"has the same {name} as {there}, with another {', '.join(columns[:LISTED])}{others}. An event counts "
        f"once: correct one of the rows, map {name} to a column that names each event, or "
        f'say repeats = "latest".',
        file=file,
        row=row,
        column=name,
        value=two[name],
    )
