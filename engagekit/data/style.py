"""How a file writes its values, and what its cells say as text."""

from dataclasses import dataclass

import polars as pl

__all__ = ["Style", "only_where", "written"]


@dataclass(frozen=True)
class Style:
    """How a file writes its values.

    Parameters
    ----------
    numbers : {"id", "ms", "en"}
        Language whose decimal mark and thousands separator the file uses.
    dates : str
        ``"iso"`` for ISO 8601 and the serial days of a spreadsheet; ``"dmy"``, ``"mdy"`` or ``"ymd"`` for day, month
        and year in that order, a month's name among them; ``"epoch"`` for numbers since 1970; or a ``strptime`` format.
    time_zone : str
        Zone of the parsed times.
    written_in : str
        Zone of times that carry no offset; blank where it is the same.
    skipped : {"moved", "null"}
        What becomes of a time in the hour that a change of the clock leaves out: it is moved on by the gap, or null.
    currency : str
        Code of the only currency whose mark an amount may carry; blank for any.
    """

    numbers: str = "en"
    dates: str = "iso"
    time_zone: str = "UTC"
    currency: str = ""
    written_in: str = ""
    skipped: str = "moved"


def written(cells: pl.Series) -> pl.Series:
    """Text of a column's cells: null where blank, and a whole number without ``.0``.

    Examples
    --------
    >>> written(pl.Series([17850.0, 1.5])).to_list(), written(pl.Series([" a ", " "])).to_list()
    (['17850', '1.5'], ['a', None])
    """
    text = cells.cast(pl.String).str.strip_chars()
    if cells.dtype.is_float():
        whole = cells.cast(pl.Int64, strict=False)
        text = pl.select(pl.when(cells == whole).then(whole.cast(pl.String)).otherwise(text)).to_series()
    return only_where(text != "", text).alias(cells.name)


def only_where(holds: pl.Series, values: pl.Series) -> pl.Series:
    """Values where a condition holds, else null."""
    return values if holds.all(ignore_nulls=False) else pl.select(pl.when(holds).then(values)).to_series()
