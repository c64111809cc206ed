"""How a column writes its numbers or dates, where nobody said so: the one way in which all its cells can be read.

A column that can be read in two ways is an error that shows both readings of its first such cell, never a guess; so is
one that is written in two ways.
"""

import re
from dataclasses import dataclass, replace

import polars as pl

from engagekit.data.dates import ORDERS, parse_time
from engagekit.data.parsing import parse_number
from engagekit.data.style import Style, written
from engagekit.language import decimal_and_group

__all__ = ["DATES", "NUMBERS", "Doubt", "is_open", "read_otherwise", "way_of"]

NUMBERS = ("number", "count", "tally")
DATES = ("time", "day")


@dataclass(frozen=True)
class Doubt:
    """Why the way of a column is not known.

    Attributes
    ----------
    kind : {"ambiguous", "mixed"}
        All cells can be read in two ways, or some in one way only and some in another only.
    place : int
        Place of the first cell that shows it.
    readings : tuple of str
        What that cell says in each way; or, where ways are mixed, the two ways.
    """

    kind: str
    place: int
    readings: tuple[str, ...]


def is_open(cells: pl.Series, kind: str) -> bool:
    """Whether cells of a type may be written in several ways: text of numbers or dates."""
    return cells.dtype == pl.String and kind in (*NUMBERS, *DATES)


def way_of(cells: pl.Series, kind: str, style: Style) -> tuple[str, Doubt | None]:
    """Way in which a column's cells are written: a value of ``numbers`` or of ``dates`` in ``business.toml``.

    Parameters
    ----------
    cells : polars.Series
        Cells of the column.
    kind : str
        Type of the column, one of numbers or dates.
    style : Style
        What is expected; its way is taken where several read the same, or nothing.

    Examples
    --------
    >>> way_of(pl.Series(["13/02/2026", "01/02/2026"]), "time", Style())
    ('dmy', None)
    >>> way_of(pl.Series(["3/2/2026", "01/02/2026"]), "time", Style())[1]
    Doubt(kind='ambiguous', place=0, readings=('2026-02-03', '2026-03-02'))
    >>> way_of(pl.Series(["1,200.50", "3"]), "number", Style("id"))
    ('en', None)
    """
    text = written(cells)
    known = text.arg_unique()
    known = known.filter(text.gather(known).is_not_null())
    said = text.gather(known)
    if _is_plain(said, kind, style):
        return _expected(kind, style), None
    readings = _readings(said, kind, style)
    most = max(read.count() for read in readings.values())
    best = [way for way, read in readings.items() if read.count() == most]
    for other, read in readings.items():
        if (apart := readings[best[0]].is_null() & read.is_not_null()).any():
            return best[0], Doubt("mixed", int(known[int(apart.arg_max() or 0)]), (best[0], other))
    first = readings[best[0]]
    odd = _odd_decimals(said, best[0]) if kind in NUMBERS else pl.Series([True]).new_from_index(0, len(said))
    for way in readings if kind in NUMBERS else best[1:]:
        differs = (first != readings[way]).fill_null(value=False) & odd
        if differs.any():
            at = int(differs.arg_max() or 0)
            return best[0], Doubt("ambiguous", int(known[at]), (_plain(first[at]), _plain(readings[way][at])))
    return best[0], None


def read_otherwise(cells: pl.Series, kind: str, style: Style) -> Doubt | None:
    """Doubt about cells that cannot be read in the way of their column, where another way reads one of them.

    Examples
    --------
    >>> read_otherwise(pl.Series(["?", "1,200.50"]), "number", Style("id"))
    Doubt(kind='mixed', place=1, readings=('id', 'en'))
    """
    expected = _expected(kind, style)
    for way, read in _readings(written(cells), kind, style).items():
        if way != expected and read.count():
            return Doubt("mixed", int(read.is_not_null().arg_max() or 0), (expected, way))
    return None


def _expected(kind: str, style: Style) -> str:
    return style.numbers if kind in NUMBERS else style.dates


def _is_plain(text: pl.Series, kind: str, style: Style) -> bool:
    """Whether there is nothing to tell: whole numbers, or dates as expected."""
    if kind in NUMBERS:
        return not text.str.contains("[.,]").any()
    return parse_time(text, style).null_count() == 0


def _readings(text: pl.Series, kind: str, style: Style) -> dict[str, pl.Series]:
    """Values of the cells in each way, the expected one first."""
    if kind in NUMBERS:
        ways = (style.numbers, "en" if style.numbers == "id" else "id")
        return {way: parse_number(text, replace(style, numbers=way)) for way in ways}
    return {way: parse_time(text, replace(style, dates=way)) for way in ("iso", *ORDERS)}


def _odd_decimals(text: pl.Series, language: str) -> pl.Series:
    """Which numbers have three decimals, after one to three digits, if all with decimals do: likelier are thousands.

    ``12,500`` is 12.5 where numbers are written as in Indonesian, and 12500 where as in English; another cell, such as
    ``3,25``, would tell which is meant.
    """
    decimal = re.escape(decimal_and_group(language)[0])
    marked = text.str.contains(decimal)
    in_threes = text.str.contains(rf"(^|\D)[1-9]\d{{0,2}}({decimal}\d{{3}})+(\D|$)")
    return marked & in_threes if (in_threes | ~marked).all() else marked & ~marked


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value:%Y-%m-%d}"
