"""Numbers, dates and ids as people write them, by locale.

Each function maps a Polars expression of text to one of values; what cannot be read becomes null, and the caller
compares with the text to say which cell it was.
"""

import re
from dataclasses import dataclass

import polars as pl

from engagekit.language import decimal_and_group

__all__ = ["Style", "parse", "parse_number"]

ISO_LOCAL = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
)
ISO_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S %#z")
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
    """

    numbers: str = "en"
    dates: str = "iso"
    time_zone: str = "UTC"


def parse(column: str, dtype: pl.DataType, kind: str, style: Style) -> pl.Expr:
    """Expression for a column's values as a type of ``tables.TYPES``.

    Parameters
    ----------
    column : str
        Column of the file.
    dtype : polars.DataType
        Its type in the file; text for CSV, the stored type for Parquet.
    kind : str
        A key of ``tables.TYPES``.
    style : Style
        How the file writes numbers and dates.
    """
    if kind in ("number", "count"):
        number = parse_number(column, dtype, style)
        whole = pl.when(number % 1 == 0).then(number).cast(pl.Int64, strict=False)
        return number if kind == "number" else whole
    if kind in ("time", "day"):
        time = _time(column, dtype, style)
        return time if kind == "time" else time.dt.date()
    if kind == "flag":
        flag = _text(column).str.to_lowercase()
        return pl.when(flag.is_in(TRUE)).then(True).when(flag.is_in(FALSE)).then(False)
    if kind == "id" and dtype.is_float():
        return pl.col(column).cast(pl.Int64, strict=False).cast(pl.String)
    if kind == "id":
        return _text(column).str.replace(r"^(\d+)\.0$", "$1")
    return _text(column)


def parse_number(column: str, dtype: pl.DataType, style: Style) -> pl.Expr:
    """Expression for a column's numbers: grouped in threes or not at all, with an optional currency mark.

    ``1.200`` is 1200 where numbers are written as in Indonesian, and 1.2 where as in English. A thousands separator
    that stands anywhere else makes the cell unreadable rather than wrong.
    """
    if dtype.is_numeric():
        number = pl.col(column).cast(pl.Float64)
        return pl.when(number.is_finite()).then(number)
    decimal, group = (re.escape(mark) for mark in decimal_and_group(style.numbers))
    bare = _text(column).str.replace(r"^(-?)\s*(?:Rp|RM|[A-Z]{3}|[£$€])\.?\s*", "$1")
    written = bare.str.contains(rf"^-?(\d+|\d{{1,3}}({group}\d{{3}})+)({decimal}\d+)?$")
    plain = bare.str.replace_all(group, "").str.replace(decimal, ".")
    return pl.when(written).then(plain).cast(pl.Float64, strict=False)


def _text(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _time(column: str, dtype: pl.DataType, style: Style) -> pl.Expr:
    if dtype == pl.Date:
        return _local(pl.col(column).cast(pl.Datetime("us")), style)
    if isinstance(dtype, pl.Datetime):
        time = pl.col(column).cast(pl.Datetime("us", dtype.time_zone))
        return time.dt.convert_time_zone(style.time_zone) if dtype.time_zone else _local(time, style)
    formats = ISO_LOCAL if style.dates == "iso" else (style.dates,)
    offset = ISO_OFFSET if style.dates == "iso" else ()
    if "z" in style.dates:
        formats, offset = (), (style.dates,)
    text = _text(column)
    local = [_local(text.str.to_datetime(form, time_unit="us", strict=False), style) for form in formats]
    placed = [
        text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).dt.convert_time_zone(
            style.time_zone
        )
        for form in offset
    ]
    return pl.coalesce(local + placed)


def _local(time: pl.Expr, style: Style) -> pl.Expr:
    """Wall-clock time in the zone: the earlier of an hour that comes twice, null for one that never came."""
    return time.dt.replace_time_zone(style.time_zone, ambiguous="earliest", non_existent="null")
