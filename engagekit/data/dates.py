"""Dates and times as people and tools write them: ISO 8601, days and months in any order, epochs, spreadsheet serials.

Each reading maps a column of cells to a column of times. A cell that cannot be read becomes null.
"""

import datetime as dt
import re
from collections.abc import Callable
from functools import cache

import polars as pl
from babel.dates import get_month_names

from engagekit.data.style import Style, only_where, written
from engagekit.language import LANGUAGES

__all__ = ["EPOCH", "ORDERS", "SERIAL", "is_date_format", "month_numbers", "near_skipped", "parse_day", "parse_time"]

ORDERS = ("dmy", "mdy", "ymd")  # of day, month and year
EPOCH = ("epoch", "%s")  # seconds, or thousandths ... of them, since 1970: told by size
OFFSET = r" ?(?:Z|[+-]\d\d(?::?\d\d)?)$"
ISO = {  # ISO 8601: format by what follows the hour
    r"^[^:]*$": "%Y-%m-%d",
    r"^[^:]*:\d\d$": "%Y-%m-%d %H:%M",
    r"^[^:]*:\d\d:\d\d$": "%Y-%m-%d %H:%M:%S",
    r"^[^:]*:\d\d:\d\d\.\d+$": "%Y-%m-%d %H:%M:%S%.f",
    r"^[^:]*:\d\d" + OFFSET: "%Y-%m-%d %H:%M %#z",
    r"^[^:]*:\d\d:\d\d(?:\.\d+)?" + OFFSET: "%Y-%m-%d %H:%M:%S%.f %#z",
}
ZONES = {"UTC": "Z", "GMT": "Z", "WIB": "+07:00", "WITA": "+08:00", "WIT": "+09:00", "MYT": "+08:00"}
COMPACT = r"^((?:19|20)\d\d)(\d\d)(\d\d)$"
SERIAL = r"^[1-7]\d{4}(\.\d+)?$"  # days of a spreadsheet since the end of 1899: 1927 to 2119
SERIAL_ZERO = dt.datetime(1899, 12, 30)
MONTH_FIRST = r"^(\p{L}{3,9})\.? (\d{1,2}),? (\d{4})"
WRITTEN = (
    r"^(?:\p{L}+,\s+)?(?<one>\d{1,4})(?<mark>[\s/.\-]+)(?<two>\d{1,2}|\p{L}{3,9})\.?,?[\s/.\-]+(?<three>\d{1,4})"
    r"(?:,?\s+(?<hour>\d{1,2})[:.](?<minute>\d\d)(?:[:.](?<second>\d\d)(?:\.\d+)?)?\s*(?:(?<half>[AaPp])\.?[Mm]\.?)?)?"
    r"\s*(?<zone>Z|[+-]\d\d:?\d\d)?$"
)
PLAIN_DATE = r"\d+(?P<mark>[/.-])\d+(?P=mark)\d+(?P<time> \d\d?:\d\d(:\d\d)?)?"
SPELT = {"agt": 8, "ags": 8, "pebruari": 2, "nopember": 11, "nop": 11, "sept": 9}  # beside Babel's
NAMES_INSTANT = re.compile(r"%[:#]*z|%\+|%s")
NAMES_MONTH = re.compile(r"%[bBh]")
EARLIEST, LATEST = dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)  # beyond: placeholders, years of two digits
AROUND = dt.timedelta(hours=3)  # more than any change of the clock
CENTURY = 70  # a year of two digits below is of this century

Placed = Callable[[pl.Series, str, Style], pl.Series]  # times as read, their format and the style -> times or days


def is_date_format(dates: str) -> bool:
    """Whether dates can be read in a way: ``"iso"``, ``"epoch"``, one of ``ORDERS``, or a ``strptime`` format.

    Examples
    --------
    >>> is_date_format("dmy"), is_date_format("%d/%m/%Y"), is_date_format("dd/mm/yyyy")
    (True, True, False)
    """
    if dates in ("iso", *ORDERS, *EPOCH):
        return True
    moment = dt.datetime(2026, 2, 3, 14, 5, tzinfo=dt.UTC)
    try:
        text = pl.Series([moment]).dt.strftime(dates)
        return bool(text.str.to_datetime(dates, strict=False).dt.year().item() == moment.year)
    except pl.exceptions.PolarsError:
        return False


def parse_time(cells: pl.Series, style: Style) -> pl.Series:
    """Times of a column's cells, in the zone of the style; null where a cell is blank or cannot be read.

    Examples
    --------
    >>> parse_time(pl.Series(["1 Agustus 2026 09.30", "46235"]), Style(dates="dmy")).dt.strftime("%F %H:%M").to_list()
    ['2026-08-01 09:30', None]
    """
    return _dated(cells, style, _moment)


def parse_day(cells: pl.Series, style: Style) -> pl.Series:
    """Days of a column's cells, as ``parse_time``."""
    return _dated(cells, style, _date)


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


def _dated(cells: pl.Series, style: Style, placed: Placed) -> pl.Series:
    """Times or days of the cells."""
    if isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone:
        return placed(cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us")), "%z", style)
    if cells.dtype.is_temporal():
        return placed(cells.cast(pl.Datetime("us")), "", style)
    text = written(cells)
    if style.dates in EPOCH:
        return placed(_since_1970(text), "%z", style)
    if style.dates not in ("iso", *ORDERS):
        text = _with_english_months(text) if NAMES_MONTH.search(style.dates) else text
        return placed(_read(text, style.dates), style.dates, style)
    text = _with_offsets(text)
    times = placed(pl.Series([None], dtype=pl.Datetime("us")), "", style).new_from_index(0, len(text))
    if style.dates in ORDERS:
        if form := _form_of(text, style.dates):
            times = placed(_read(text, form), form, style)
        unread = times.is_null() & text.is_not_null()
        rest = _as_iso(text.filter(unread), style.dates)
        text = text.clear().extend_constant(None, len(text)).scatter(unread.arg_true(), rest) if unread.any() else text
    else:
        text = _with_dashes(text)
    for shape in _commonest_first(text):
        unread = times.is_null() & text.is_not_null()
        if not unread.any():
            return times
        rest = text.filter(unread)
        shaped = only_where(rest.str.contains(shape), rest)
        times = times.scatter(unread.arg_true(), placed(_read(shaped, ISO[shape]), ISO[shape], style))
    unread = times.is_null() & text.is_not_null()
    if style.dates == "iso" and unread.any():
        times = times.scatter(unread.arg_true(), placed(_of_serial(text.filter(unread)), "", style))
    return times


def _with_offsets(text: pl.Series) -> pl.Series:
    """Text with the offset of a zone that is named, and without the T of ISO 8601."""
    for name, offset in ZONES.items():
        if text.str.ends_with(name).any():
            text = text.str.replace(rf"\s*\b{name}$", offset)
    return text.str.replace(r"(\d)T(\d)", "$1 $2") if text.str.contains("T", literal=True).any() else text


def _with_dashes(text: pl.Series) -> pl.Series:
    """Text whose days of eight digits, 20260131, have the dashes of ISO 8601."""
    return text.str.replace(COMPACT, "$1-$2-$3") if text.str.contains(COMPACT).any() else text


def _commonest_first(text: pl.Series) -> list[str]:
    """Shapes of ISO 8601, from that of the first cell on."""
    first = next(iter(text.drop_nulls().head(1)), "")
    return sorted(ISO, key=lambda shape: re.search(shape, first) is None)


def _form_of(text: pl.Series, order: str) -> str:
    """Format that the first date is written in, where it has numbers only and a year of four digits; else blank."""
    first = re.fullmatch(PLAIN_DATE, next(iter(text.drop_nulls().head(1)), ""))
    if first is None:
        return ""
    clock = "%H:%M:%S" if (first["time"] or "").count(":") > 1 else "%H:%M"
    return first["mark"].join(f"%{letter.replace('y', 'Y')}" for letter in order) + (
        f" {clock}" if first["time"] else ""
    )


def _as_iso(text: pl.Series, order: str) -> pl.Series:
    """Dates in an order of day, month and year, or with a month's name, written as ISO 8601; null where there is none.

    A year has four digits or two; before day and month it has two only where dashes follow, as in 26-01-31.
    """
    rows = text.str.replace(MONTH_FIRST, "$2 $1 $3").str.extract_groups(WRITTEN).struct.unnest()
    named = pl.col("two").str.contains(r"\p{L}")
    place = dict(zip(order, ("one", "two", "three"), strict=True))
    day, month, year = (
        pl.when(named).then(part).otherwise(place[letter])
        for part, letter in (("one", "d"), ("two", "m"), ("three", "y"))
    )
    number = pl.col("two").str.to_lowercase().replace_strict(month_numbers(), default=None, return_dtype=pl.String)
    since, digits = year.cast(pl.Int32, strict=False), year.str.len_chars()
    century = pl.when(since < CENTURY).then(2000).otherwise(1900)
    may_be_short = named | pl.lit(order != "ymd") | pl.col("mark").str.contains("-", literal=True)
    hour, half = pl.col("hour").cast(pl.Int32, strict=False).fill_null(0), pl.col("half").str.to_lowercase()
    afternoon = pl.when(hour.is_between(1, 12)).then(hour % 12 + pl.when(half == "p").then(12).otherwise(0))
    return rows.select(
        pl.format(
            "{}-{}-{} {}:{}:{}{}",
            pl.when(digits == len("2026")).then(since).when((digits == len("26")) & may_be_short).then(century + since),
            pl.when(named).then(number).otherwise(month),
            day,
            pl.when(half.is_null()).then(hour).otherwise(afternoon),
            pl.col("minute").fill_null("00"),
            pl.col("second").fill_null("00"),
            pl.col("zone").fill_null(""),
        )
    ).to_series()


@cache
def month_numbers() -> dict[str, int]:
    """Numbers of the months by their names in the kit's languages, in lower case."""
    months = [get_month_names("abbreviated", locale=locale) for locale in LANGUAGES.values()]
    months += [get_month_names("wide", locale=locale) for locale in LANGUAGES.values()]
    return {name.casefold().rstrip("."): number for names in months for number, name in names.items()} | SPELT


def _with_english_months(text: pl.Series) -> pl.Series:
    """Text whose months have their English names, which ``strptime`` knows."""
    english = get_month_names("abbreviated", locale="en")
    word = text.str.extract(r"(\p{L}{3,})").str.to_lowercase()
    number = word.replace_strict(month_numbers(), default=None, return_dtype=pl.Int64)
    name = number.replace_strict(dict(english), default=None, return_dtype=pl.String)
    rows = pl.DataFrame({"text": text, "name": name})
    replaced = pl.col("text").str.replace(r"\p{L}{3,}", pl.col("name"))
    return rows.select(pl.when(pl.col("name").is_null()).then("text").otherwise(replaced)).to_series()


def _since_1970(text: pl.Series) -> pl.Series:
    """Times of whole numbers since 1970, in UTC: of seconds, or thousandths, millionths, billionths, by their size."""
    number = text.cast(pl.Int64, strict=False)
    us = pl.select(
        pl.when(number.abs() < 10**11)
        .then(number * 10**6)
        .when(number.abs() < 10**14)
        .then(number * 10**3)
        .when(number.abs() < 10**17)
        .then(number)
        .otherwise(number // 10**3)
    ).to_series()
    return us.cast(pl.Datetime("us"))


def _of_serial(text: pl.Series) -> pl.Series:
    """Times of a spreadsheet's serial days, to the second."""
    days = only_where(text.str.contains(SERIAL), text).cast(pl.Float64, strict=False)
    return pl.select(SERIAL_ZERO + pl.duration(seconds=pl.lit(days * 86_400).round().cast(pl.Int64))).to_series()


def _read(text: pl.Series, form: str) -> pl.Series:
    """Time as written, or in UTC where the format has an offset; without a zone."""
    zone = "UTC" if NAMES_INSTANT.search(form) else None
    time = text.str.to_datetime(form, time_unit="us", time_zone=zone, strict=False, cache=False)
    return time.dt.replace_time_zone(None)


def _plausible(time: pl.Series) -> pl.Series:
    return only_where(time.is_between(EARLIEST, LATEST), time)


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
        moment = moment.scatter(skipped.arg_true(), before + AROUND)
    return moment if zone == style.time_zone else moment.dt.convert_time_zone(style.time_zone)


def _date(time: pl.Series, form: str, style: Style) -> pl.Series:
    """Days, on the clock of a zone."""
    return (_moment(time, form, style) if NAMES_INSTANT.search(form) else _plausible(time)).dt.date()
