"""Numbers, dates and ids as people write them, by locale.

Each function maps a column of cells to an expression of values; what cannot be read becomes null, and the caller
compares with the cell to say which one it was.
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache

import polars as pl
from babel.numbers import get_currency_name, get_currency_symbol

from engagekit.language import LANGUAGES, decimal_and_group

__all__ = ["Style", "is_date_format", "parse", "parse_number", "written"]

CLOCK = {  # ISO 8601, by what follows the hour
    r"^[^:]*$": "%Y-%m-%d",
    r"^[^:]*:\d\d$": "%Y-%m-%d %H:%M",
    r"^[^:]*:\d\d:\d\d$": "%Y-%m-%d %H:%M:%S",
    r"^[^:]*:\d\d:\d\d\.\d+$": "%Y-%m-%d %H:%M:%S%.f",
}
OFFSET = r" ?(?:Z|[+-]\d\d(?::?\d\d)?)$"
INSTANT = {
    r"^[^:]*:\d\d" + OFFSET: "%Y-%m-%d %H:%M %#z",
    r"^[^:]*:\d\d:\d\d(?:\.\d+)?" + OFFSET: "%Y-%m-%d %H:%M:%S%.f %#z",
}
NAMES_INSTANT = re.compile(r"%[:#]*z|%\+|%s")
EARLIEST, LATEST = dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)  # beyond: placeholders, years of two digits
EXACT = 2**53  # from here on a float has lost digits of a whole number
MARKS = ("Rp", "RM", "£", "$", "€", "[A-Z]{3}")
TRUE = ("true", "yes", "y", "1", "ya", "benar")
FALSE = ("false", "no", "n", "0", "tidak", "bukan", "salah")


@dataclass(frozen=True)
class Style:
    """How a file writes its values.

    Parameters
    ----------
    numbers : {"id", "ms", "en"}
        Language whose decimal mark and thousands separator the file uses.
    dates : str
        A ``strptime`` format, or ``"iso"`` for ISO 8601.
    time_zone : str
        Zone of times that carry no offset, and of the parsed times.
    currency : str
        Code of the only currency whose mark an amount may carry; blank for any.
    """

    numbers: str = "en"
    dates: str = "iso"
    time_zone: str = "UTC"
    currency: str = ""


def is_date_format(dates: str) -> bool:
    """Whether dates can be read by a format: ``"iso"``, or one of ``strptime`` that has a year.

    Examples
    --------
    >>> is_date_format("%d/%m/%Y"), is_date_format("dd/mm/yyyy")
    (True, False)
    """
    moment = dt.datetime(2026, 2, 3, 14, 5, tzinfo=dt.UTC)
    try:
        text = pl.Series([moment]).dt.strftime(dates)
        return dates == "iso" or text.str.to_datetime(dates, strict=False).dt.year().item() == moment.year
    except pl.exceptions.PolarsError:
        return False


def parse(column: str, dtype: pl.DataType, kind: str, style: Style) -> pl.Expr:
    """Expression for a column's values as a type of ``tables.TYPES``.

    Parameters
    ----------
    column : str
        Column of the file.
    dtype : polars.DataType
        Its type in the file: text for CSV, the stored type for Parquet and XLSX.
    kind : str
        A key of ``tables.TYPES``.
    style : Style
        How the file writes numbers and dates.

    Examples
    --------
    >>> rows = pl.DataFrame({"price": ["1.200,50", "RM5"]})
    >>> rows.select(parse("price", pl.String(), "number", Style("id", currency="IDR")))["price"].to_list()
    [1200.5, None]
    """
    if kind == "number":
        return parse_number(column, dtype, style)
    if kind == "count":
        number = parse_number(column, dtype, style)
        return pl.when(number % 1 == 0).then(number).cast(pl.Int64, strict=False)
    if kind == "time":
        wall, instant = _times(column, dtype, style)
        return pl.coalesce(_local(wall, style.time_zone), instant).alias(column)
    if kind == "day":
        wall, instant = _times(column, dtype, style)
        return pl.coalesce(wall.dt.date(), instant.dt.date()).alias(column)
    text = written(column, dtype)
    if kind == "flag":
        flag = text.str.to_lowercase()
        return pl.when(flag.is_in(TRUE)).then(True).when(flag.is_in(FALSE)).then(False)
    if kind == "id" and dtype.is_float():
        return pl.when(pl.col(column).abs() < EXACT).then(text)
    return text.str.replace(r"^(\d+)\.0$", "$1") if kind == "id" else text


def parse_number(column: str, dtype: pl.DataType, style: Style) -> pl.Expr:
    """Expression for a column's numbers: grouped in threes or not at all, with an optional currency mark.

    ``1.200`` is 1200 where numbers are written as in Indonesian, and 1.2 where as in English. A thousands
    separator that stands anywhere else makes the cell unreadable rather than wrong.

    Examples
    --------
    >>> rows = pl.DataFrame({"price": ["Rp 1.200", "1.20", "-3,5"]})
    >>> rows.select(parse_number("price", pl.String(), Style("id")))["price"].to_list()
    [1200.0, None, -3.5]
    """
    if dtype.is_numeric():
        number = pl.col(column).cast(pl.Float64)
        return pl.when(number.is_finite()).then(number)
    decimal, group = (re.escape(mark) for mark in decimal_and_group(style.numbers))
    mark = rf"(?i)^(-?)\s*(?:{_currency_marks(style.currency)})\.?\s*"
    bare = written(column, dtype).str.replace(mark, "$1")
    readable = bare.str.contains(rf"^-?(\d+|\d{{1,3}}({group}\d{{3}})+)({decimal}\d+)?$")
    plain = bare.str.replace_all(group, "").str.replace(decimal, ".")
    number = pl.when(readable).then(plain).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def written(column: str, dtype: pl.DataType) -> pl.Expr:
    """Expression for what a column's cells say, as text: null where blank, and a whole number without ``.0``.

    Examples
    --------
    >>> rows = pl.DataFrame({"id": [17850.0, 1.5]})
    >>> rows.select(written("id", pl.Float64()))["id"].to_list()
    ['17850', '1.5']
    """
    cell = pl.col(column)
    text = cell.cast(pl.String).str.strip_chars()
    if dtype.is_float():
        whole = cell.cast(pl.Int64, strict=False)
        text = pl.when(cell == whole).then(whole.cast(pl.String)).otherwise(text)
    return pl.when(text != "").then(text)


@cache
def _currency_marks(currency: str) -> str:
    """Pattern for the marks that an amount of a currency may carry."""
    if not currency:
        return "|".join(mark.replace("$", r"\$") for mark in MARKS)
    marks = {currency, *(str(get_currency_symbol(currency, locale=locale)) for locale in LANGUAGES.values())}
    if "Dollar" in get_currency_name(currency, locale="en"):
        marks.add("$")
    return "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))


def _times(column: str, dtype: pl.DataType, style: Style) -> tuple[pl.Expr, pl.Expr]:
    """Wall-clock times of the cells that carry no offset, and instants of those that do."""
    cell, zone, nothing = pl.col(column), style.time_zone, pl.lit(None, pl.Datetime("us"))
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return nothing, _placed(cell.dt.convert_time_zone("UTC").dt.replace_time_zone(None), zone)
    if dtype.is_temporal():
        return _plausible(cell.cast(pl.Datetime("us"))), _placed(nothing, zone)
    text = written(column, dtype)
    if style.dates != "iso":
        is_instant = NAMES_INSTANT.search(style.dates)
        read = _read(text, style.dates)
        return (nothing, _placed(read, zone)) if is_instant else (_plausible(read), _placed(nothing, zone))
    text = text.str.replace(" UTC", "Z", literal=True).str.replace("T", " ", literal=True)
    wall, instant = (
        pl.coalesce(_read(pl.when(text.str.contains(shape)).then(text), form) for shape, form in forms.items())
        for forms in (CLOCK, INSTANT)
    )
    return _plausible(wall), _placed(instant, zone)


def _read(text: pl.Expr, form: str) -> pl.Expr:
    """Time as written, or in UTC where the format has an offset; without a zone."""
    zone = "UTC" if NAMES_INSTANT.search(form) else None
    return text.str.to_datetime(form, time_unit="us", time_zone=zone, strict=False).dt.replace_time_zone(None)


def _plausible(time: pl.Expr) -> pl.Expr:
    return pl.when(time.is_between(EARLIEST, LATEST)).then(time)


def _placed(utc: pl.Expr, time_zone: str) -> pl.Expr:
    """Time of the UTC clock in a zone."""
    return _plausible(utc.cast(pl.Datetime("us"))).dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone)


def _local(wall: pl.Expr, time_zone: str) -> pl.Expr:
    """Wall-clock time in a zone: the earlier of an hour that comes twice, null for one that never came."""
    return wall.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
