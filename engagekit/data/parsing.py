"""Numbers, dates and ids as people write them, by locale.

Each function maps a column of cells to a column of values. A cell that cannot be read becomes null; the caller
compares with the cell to say which one it was. Most columns are written in one way throughout, so each is first read
in that way, and the other ways are tried only on the remaining cells.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import polars as pl
from babel.numbers import get_currency_name, get_currency_symbol

from engagekit.language import LANGUAGES, decimal_and_group

__all__ = ["Style", "is_date_format", "near_skipped", "parse", "parse_number", "two_readings", "written"]

OFFSET = r" ?(?:Z|[+-]\d\d(?::?\d\d)?)$"
ISO = {  # ISO 8601: format by what follows the hour
    r"^[^:]*$": "%Y-%m-%d",
    r"^[^:]*:\d\d$": "%Y-%m-%d %H:%M",
    r"^[^:]*:\d\d:\d\d$": "%Y-%m-%d %H:%M:%S",
    r"^[^:]*:\d\d:\d\d\.\d+$": "%Y-%m-%d %H:%M:%S%.f",
    r"^[^:]*:\d\d" + OFFSET: "%Y-%m-%d %H:%M %#z",
    r"^[^:]*:\d\d:\d\d(?:\.\d+)?" + OFFSET: "%Y-%m-%d %H:%M:%S%.f %#z",
}
NAMES_INSTANT = re.compile(r"%[:#]*z|%\+|%s")
EARLIEST, LATEST = dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)  # beyond: placeholders, years of two digits
SHORTENED = r"^\d[.,]\d+[eE]\+\d+$"
AROUND = dt.timedelta(hours=3)  # more than any change of the clock
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
    skipped: Literal["moved", "null"] = "moved"


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
        return _where(number.is_finite(), number)
    text = written(cells)
    number = _bare_number(text, style.numbers)
    unread = number.is_null() & text.is_not_null()
    if unread.any():
        mark = rf"(?i)^(-?)\s*(?:{_currency_marks(style.currency)})\.?\s*"
        number = _filled(number, unread, _bare_number(text.filter(unread).str.replace(mark, "$1"), style.numbers))
    return _where(number.is_finite(), number)


def two_readings(cells: pl.Series, style: Style) -> tuple[int, str] | None:
    """Place of the first number that may be a thousand times as large, with both readings; None where none may.

    ``12,500`` is 12.5 where numbers are written as in Indonesian, and 12500 where as in English. Where every decimal
    mark is followed by three digits, and stands after one to three, nothing tells which is meant; another cell, such as
    ``3,25``, does, and the place is -1 then.

    Examples
    --------
    >>> two_readings(pl.Series(["9", "12,500"]), Style("id"))
    (1, '12.5 or 12500')
    >>> two_readings(pl.Series(["12,500", "3,25"]), Style("id"))
    (-1, '')
    """
    decimal = re.escape(decimal_and_group(style.numbers)[0])
    marked = cells.str.contains(decimal).fill_null(value=False) if cells.dtype == pl.String else None
    if marked is None or not marked.any():
        return None
    places = marked.arg_true()
    in_threes = cells[places].str.contains(rf"(^|\D)[1-9]\d{{0,2}}({decimal}\d{{3}})+$")
    if not in_threes.all():
        return -1, ""
    read = parse_number(cells[places], style)
    first = int(read.is_not_null().arg_max() or 0)
    return (places[first], f"{read[first]:g} or {1000 * read[first]:g}") if read.count() else None


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
    return _where(text != "", text).alias(cells.name)


def _bare_number(text: pl.Series, language: str) -> pl.Series:
    """Numbers without a currency mark; null where the text is none."""
    decimal, group = decimal_and_group(language)
    whole = rf"(\d+|\d{{1,3}}({re.escape(group)}\d{{3}})+)"
    readable = text.str.contains(rf"^-?{whole}({re.escape(decimal)}\d+)?$")
    plain = text.str.replace_all(group, "", literal=True)
    plain = plain if decimal == "." else plain.str.replace(decimal, ".", literal=True)
    return _where(readable, plain).cast(pl.Float64, strict=False)


def _count(cells: pl.Series, style: Style) -> pl.Series:
    number = parse_number(cells, style)
    return _where(number % 1 == 0, number).cast(pl.Int64, strict=False)


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
        return _where(cells.abs() < EXACT, text)
    if (shortened := text.str.contains(SHORTENED)).any():
        text = _where(~shortened, text)
    return text.str.replace(r"^(\d+)\.0$", "$1") if text.str.ends_with(".0").any() else text


def _time(cells: pl.Series, style: Style) -> pl.Series:
    return _dated(cells, style, _moment)


def _day(cells: pl.Series, style: Style) -> pl.Series:
    return _dated(cells, style, _date)


PLAIN: dict[str, Callable[[pl.Series], pl.Series]] = {"flag": _flag, "id": _id, "label": written, "text": written}
STYLED: dict[str, Callable[[pl.Series, Style], pl.Series]] = {
    "number": parse_number,
    "count": _count,
    "tally": _tally,
    "time": _time,
    "day": _day,
}


def _where(holds: pl.Series, values: pl.Series) -> pl.Series:
    """Values where a condition holds, else null."""
    return values if holds.all(ignore_nulls=False) else pl.select(pl.when(holds).then(values)).to_series()


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


Placed = Callable[[pl.Series, str, Style], pl.Series]  # times as read, their format and the style -> times or days


def _dated(cells: pl.Series, style: Style, placed: Placed) -> pl.Series:
    """Times or days of the cells."""
    if isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone:
        return placed(cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us")), "%z", style)
    if cells.dtype.is_temporal():
        return placed(cells.cast(pl.Datetime("us")), "", style)
    text = written(cells)
    if style.dates != "iso":
        return placed(_read(text, style.dates), style.dates, style)
    text = text.str.replace(" UTC", "Z", literal=True).str.replace("T", " ", literal=True)
    times = placed(pl.Series([None], dtype=pl.Datetime("us")), "", style).new_from_index(0, len(text))
    for shape in _commonest_first(text):
        unread = times.is_null() & text.is_not_null()
        if not unread.any():
            break
        rest = text.filter(unread)
        shaped = _where(rest.str.contains(shape), rest)
        times = _filled(times, unread, placed(_read(shaped, ISO[shape]), ISO[shape], style))
    return times


def _commonest_first(text: pl.Series) -> list[str]:
    """Shapes of ISO 8601, from that of the first cell on."""
    first = next(iter(text.drop_nulls().head(1)), "")
    return sorted(ISO, key=lambda shape: re.search(shape, first) is None)


def _read(text: pl.Series, form: str) -> pl.Series:
    """Time as written, or in UTC where the format has an offset; without a zone."""
    zone = "UTC" if NAMES_INSTANT.search(form) else None
    time = text.str.to_datetime(form, time_unit="us", time_zone=zone, strict=False, cache=False)
    return time.dt.replace_time_zone(None)


def _plausible(time: pl.Series) -> pl.Series:
    return _where(time.is_between(EARLIEST, LATEST), time)


def _moment(time: pl.Series, form: str, style: Style) -> pl.Series:
    """Instants in a zone; of a wall clock the earlier of an hour that comes twice."""
    time = _plausible(time)
    if NAMES_INSTANT.search(form):
        return time.dt.replace_time_zone("UTC").dt.convert_time_zone(style.time_zone)
    zone = style.written_in or style.time_zone
    moment = time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    skipped = moment.is_null() & time.is_not_null()
    if style.skipped == "moved" and skipped.any():
        before = (time.filter(skipped) - AROUND).dt.replace_time_zone(zone, ambiguous="earliest")
        moment = _filled(moment, skipped, before + AROUND)
    return moment if zone == style.time_zone else moment.dt.convert_time_zone(style.time_zone)


def _date(time: pl.Series, form: str, style: Style) -> pl.Series:
    """Days, on the clock of a zone."""
    return (_moment(time, form, style) if NAMES_INSTANT.search(form) else _plausible(time)).dt.date()


def near_skipped(times: pl.Series) -> pl.Series:
    """Places of the times that lie within hours of a change of the clock, where a time may have been moved on.

    Examples
    --------
    >>> days = pl.Series([dt.datetime(2026, 3, 29, 12), dt.datetime(2026, 5, 1)]).dt.replace_time_zone("Europe/London")
    >>> near_skipped(days - dt.timedelta(hours=10)).to_list()
    [0]
    """
    before, after = ((times + by).dt.dst_offset() for by in (-AROUND, AROUND))
    return (before != after).arg_true()
