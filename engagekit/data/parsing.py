"""Values of a column's cells: numbers as people write them, by locale, and flags, tallies and ids.

Each function maps a column of cells to a column of values. A cell that cannot be read becomes null; the caller
compares with the cell to say which one it was. Most columns are written in one way throughout, so each is first read
in that way, and the other ways are tried only on the remaining cells.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import polars as pl
from babel.numbers import get_currency_name, get_currency_symbol

from engagekit.data.dates import parse_day, parse_time
from engagekit.data.style import Style, only_where, written
from engagekit.language import LANGUAGES, decimal_and_group

__all__ = ["foreign_currency", "parse", "parse_number"]

SHORTENED = r"^\d[.,]\d+[eE]\+\d+$"
MINUS_BEHIND = (r"^\((.+)\)$|^([^-]*\d)-$", "-$1$2")  # as accountants write it
EXACT = 2**53  # from here on a float has lost digits of a whole number
MARKS = ("US$", "S$", "Rp", "RM", "£", "$", "€", "[A-Z]{3}")
TRUE = ("true", "yes", "y", "1", "ya", "benar")
FALSE = ("false", "no", "n", "0", "tidak", "bukan", "salah")


def parse(cells: pl.Series, kind: str, style: Style) -> pl.Series:
    """Values of a column's cells, as a type of ``contracts.TYPES``.

    Parameters
    ----------
    cells : polars.Series
        Column of the file: text for CSV, the stored type for Parquet and XLSX.
    kind : str
        A key of ``contracts.TYPES``.
    style : Style
        How the file writes numbers and dates.

    Returns
    -------
    polars.Series
        As long as the cells; null where a cell is blank or cannot be read.

    Examples
    --------
    >>> parse(pl.Series(["1.200,50", "RM5"]), "number", Style("id", currency="IDR")).to_list()
    [1200.5, None]
    """
    return PLAIN[kind](cells) if kind in PLAIN else STYLED[kind](cells, style)


def parse_number(cells: pl.Series, style: Style) -> pl.Series:
    """Numbers of a column's cells: grouped in threes or not at all, with an optional currency mark.

    ``1.200`` is 1200 where numbers are written as in Indonesian, and 1.2 where as in English. A thousands
    separator that stands anywhere else makes the cell unreadable rather than wrong.

    Examples
    --------
    >>> parse_number(pl.Series(["Rp 1.200", "1.20", "-3,5"]), Style("id")).to_list()
    [1200.0, None, -3.5]
    """
    if cells.dtype.is_numeric():
        number = cells.cast(pl.Float64)
        return only_where(number.is_finite(), number)
    text = written(cells)
    number = _bare_number(text, style.numbers)
    unread = number.is_null() & text.is_not_null()
    if unread.any():
        bare = text.filter(unread).str.replace("\u2212", "-", literal=True).str.replace(*MINUS_BEHIND)
        bare = bare.str.replace(*_without_mark(_currency_marks(style.currency)))
        number = _filled(number, unread, _bare_number(bare.str.strip_suffix(",-"), style.numbers))
    return only_where(number.is_finite(), number)


def foreign_currency(cells: pl.Series, style: Style) -> int | None:
    """Place of the first amount in another currency than that of the style; None where there is none.

    Examples
    --------
    >>> foreign_currency(pl.Series(["Rp 1.200", "US$ 5", "?"]), Style("id", currency="IDR"))
    1
    """
    text = written(cells)
    others = replace(style, currency="")
    foreign = parse_number(text, style).is_null() & parse_number(text, others).is_not_null()
    return foreign.arg_max() if foreign.any() else None


def _without_mark(marks: str) -> tuple[str, str]:
    """What to replace, and with what, so that an amount has no mark of a currency before or after it."""
    return rf"(?i)^(-?)\s*(?:(?:{marks})\.?\s*)?([\d.,-]+?)(?:\s*(?:{marks}))?$", "$1$2"


def _bare_number(text: pl.Series, language: str) -> pl.Series:
    """Numbers without a currency mark; null where the text is none."""
    decimal, group = decimal_and_group(language)
    whole = rf"(\d+|\d{{1,3}}({re.escape(group)}\d{{3}})+)"
    readable = text.str.contains(rf"^-?{whole}({re.escape(decimal)}\d+)?$")
    plain = text.str.replace_all(group, "", literal=True)
    plain = plain if decimal == "." else plain.str.replace(decimal, ".", literal=True)
    return only_where(readable, plain).cast(pl.Float64, strict=False)


def _count(cells: pl.Series, style: Style) -> pl.Series:
    number = parse_number(cells, style)
    return only_where(number % 1 == 0, number).cast(pl.Int64, strict=False)


def _flag(cells: pl.Series) -> pl.Series:
    word = written(cells).str.to_lowercase()
    return pl.select(pl.when(word.is_in(TRUE)).then(True).when(word.is_in(FALSE)).then(False)).to_series()


def _tally(cells: pl.Series, style: Style) -> pl.Series:
    count = _count(cells.cast(pl.Int64) if cells.dtype == pl.Boolean else cells, style)
    unread = count.is_null() & cells.is_not_null()
    return _filled(count, unread, _flag(cells.filter(unread)).cast(pl.Int64)) if unread.any() else count


def _id(cells: pl.Series) -> pl.Series:
    """Ids as text; null for a number of a spreadsheet that has lost digits, also where it is written as 6.28E+11."""
    text = written(cells)
    if cells.dtype.is_float():
        return only_where(cells.abs() < EXACT, text)
    if (shortened := text.str.contains(SHORTENED)).any():
        text = only_where(~shortened, text)
    return text.str.replace(r"^(\d+)\.0$", "$1") if text.str.ends_with(".0").any() else text


PLAIN: dict[str, Callable[[pl.Series], pl.Series]] = {"flag": _flag, "id": _id, "label": written, "text": written}
STYLED: dict[str, Callable[[pl.Series, Style], pl.Series]] = {
    "number": parse_number,
    "count": _count,
    "tally": _tally,
    "time": parse_time,
    "day": parse_day,
}


def _filled(values: pl.Series, places: pl.Series, others: pl.Series) -> pl.Series:
    return values.scatter(places.arg_true(), others)


@cache
def _currency_marks(currency: str) -> str:
    """Pattern for the marks that an amount of a currency may carry."""
    if not currency:
        return "|".join(mark.replace("$", r"\$") for mark in MARKS)
    marks = {currency, *(str(get_currency_symbol(currency, locale=locale)) for locale in LANGUAGES.values())}
    if "Dollar" in get_currency_name(currency, locale="en"):
        marks.add("$")
    return "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))
