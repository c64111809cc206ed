"""Which rows of a file break a rule, and why: an unreadable cell first, then the rules of the table's contract."""

import polars as pl

from engagekit.data.files import ROW
from engagekit.data.mapping import MappedFile
from engagekit.data.tables import TABLES, column_type

__all__ = ["REFUSED", "checked"]

REASONS = {"id": "not_allowed"}  # otherwise not_number, not_time ...
REFUSED = {"row": pl.UInt32, "column": pl.String, "value": pl.String, "reason": pl.String}


def checked(file: MappedFile, batch: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Check a batch of a file's rows.

    Parameters
    ----------
    file : MappedFile
        The file.
    batch : polars.DataFrame
        Its cells, as ``MappedFile.batches`` gives them.

    Returns
    -------
    values : polars.DataFrame
        ``ROW`` and the table's columns of the rows that break no rule.
    refused : polars.DataFrame
        Row, column, value (as written) and the first reason of each of the others.
    """
    values = file.values(batch, file.columns)
    faults = [pl.DataFrame(schema={"index": pl.UInt32, "column": pl.String, "reason": pl.String})]
    for name in file.columns:
        if len(unread := file.unread(batch, values, name)):
            kind = column_type(file.table, name)
            reason = REASONS.get(kind, f"not_{kind}")
            faults.append(pl.DataFrame({"index": unread, "column": name, "reason": reason}))
    first = pl.concat([*faults, TABLES[file.table].faults(values)]).unique("index", keep="first").sort("index")
    if first.is_empty():
        return values, pl.DataFrame(schema=REFUSED)
    refused = first.select(row=batch[ROW].gather(first["index"]), column="column", value=_cells(file, batch, first))
    refused = refused.with_columns(reason=first["reason"]).cast(REFUSED)  # type: ignore[arg-type]
    return values.filter(~pl.col(ROW).is_in(refused["row"].implode())), refused


def _cells(file: MappedFile, batch: pl.DataFrame, faults: pl.DataFrame) -> pl.Series:
    """Text of the cells at fault."""
    texts = pl.Series([None], dtype=pl.String).new_from_index(0, faults.height)
    for name in faults["column"].unique():
        here = faults["column"] == name
        cells = file.written(batch[faults["index"].filter(here).to_list()], name)
        texts = texts.scatter(here.arg_true(), cells)
    return texts
