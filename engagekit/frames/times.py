"""Times of any engine as whole microseconds, and lengths of time.

Engines differ in what they can do with times, and do the same with integers.
"""

import datetime as dt
import re
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError

__all__ = ["DAY_US", "HOUR_US", "days_later", "days_long", "local_time", "micros_at", "span_us", "with_micros"]

NAMES = {nw.Implementation.DUCKDB: "DuckDB", nw.Implementation.PYSPARK: "Spark"}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
UNITS = {"m": ("minutes", 60_000_000), "h": ("hours", HOUR_US), "d": ("days", DAY_US)}
EXAMPLES = {"m": "30m", "h": "12h", "d": "90d"}


def local_time(frame: nw.LazyFrame[Any], column: str, time_zone: str | None) -> nw.LazyFrame[Any]:
    """Wall-clock time of a time column, in its zone or the one given.

    DuckDB and Spark keep a time zone on the connection instead of the column, so there the zone must be given.

    Raises
    ------
    ValueError
        The zone is needed and not given.

    Examples
    --------
    >>> from engagekit.frames.engine import to_narwhals
    >>> from datetime import datetime, timezone
    >>> seen = pl.DataFrame({"time": [datetime(2026, 1, 1, 20, tzinfo=timezone.utc)]})
    >>> local_time(to_narwhals(seen, ["time"]), "time", "Asia/Jakarta").collect()["time"][0]
    datetime.datetime(2026, 1, 2, 3, 0)
    """
    native, engine = frame.to_native(), frame.implementation
    if engine is nw.Implementation.DUCKDB:
        zoned = "TIME ZONE" in str(dict(zip(native.columns, native.types, strict=True))[column])
    else:
        zoned = getattr(frame.collect_schema()[column], "time_zone", None) is not None
    if not zoned:
        return frame
    if engine is nw.Implementation.POLARS:
        time = nw.col(column).dt.convert_time_zone(time_zone) if time_zone else nw.col(column)
        return frame.with_columns(time.dt.replace_time_zone(None).alias(column))
    if time_zone is None:
        raise ValueError(f"time_zone: say it, because {NAMES.get(engine, engine)} does not keep the zone of {column!r}")
    if engine is nw.Implementation.DUCKDB:
        import duckdb

        moved = duckdb.FunctionExpression(
            "timezone", duckdb.ConstantExpression(time_zone), duckdb.ColumnExpression(column)
        )
        others = [duckdb.ColumnExpression(name) for name in native.columns if name != column]
        native = native.select(*others, moved.alias(column))
    else:
        from pyspark.sql import functions

        clock = functions.col(column).cast("timestamp_ntz")  # as the session's zone shows it
        native = native.withColumn(column, functions.convert_timezone(None, functions.lit(time_zone), clock))
    local: nw.LazyFrame[Any] = nw.from_native(native)
    return local


def with_micros(frame: nw.LazyFrame[Any], column: str, name: str) -> nw.LazyFrame[Any]:
    """Frame with one more column: a time column's whole microseconds since 1970.

    They are counted in UTC where times have a zone, else by the clock, and are missing where all times are. Engines
    differ in what they can do with times, and do the same with integers.

    Raises
    ------
    DataError
        The column holds no times.

    Examples
    --------
    >>> from engagekit.frames.engine import to_narwhals
    >>> seen = to_narwhals(pl.DataFrame({"time": [dt.datetime(1970, 1, 1, 0, 0, 1)]}), ["time"])
    >>> with_micros(seen, "time", "us").collect()["us"].to_list()
    [1000000]
    """
    dtype = frame.collect_schema()[column]
    native = frame.to_native()
    if frame.implementation is nw.Implementation.POLARS and native.collect_schema()[column] == pl.Null:
        return frame.with_columns(nw.lit(None, nw.Int64).alias(name))
    if not isinstance(dtype, nw.Datetime | nw.Date):
        raise DataError(f"is {dtype}, not a time. Parse it, for example with pandas.to_datetime.", column=column)
    if frame.implementation is nw.Implementation.DUCKDB:
        import duckdb

        epoch = duckdb.FunctionExpression("epoch_us", duckdb.ColumnExpression(column))
        native = native.select(duckdb.StarExpression(), epoch.alias(name))
    elif frame.implementation.is_spark_like():
        from pyspark.sql import functions

        time = functions.col(column)
        clock = time.cast("timestamp_ntz") if isinstance(dtype, nw.Date) else time
        native = native.withColumn(name, functions.unix_micros(clock))
    else:
        return frame.with_columns(nw.col(column).dt.timestamp("us").alias(name))
    counted: nw.LazyFrame[Any] = nw.from_native(native)
    return counted


def micros_at(frame: nw.LazyFrame[Any], column: str, time: dt.datetime) -> int:
    """Whole microseconds of a time, as ``with_micros`` counts those of a time column.

    Raises
    ------
    ValueError
        One of the two has a time zone and the other has none.

    Examples
    --------
    >>> from engagekit.frames.engine import to_narwhals
    >>> seen = to_narwhals(pl.DataFrame({"time": [dt.datetime(2026, 1, 1)]}), ["time"])
    >>> micros_at(seen, "time", dt.datetime(1970, 1, 1, 0, 0, 1))
    1000000
    """
    zone = _zone_shared(frame, column, time)
    utc = time.astimezone(dt.UTC) if zone else time.replace(tzinfo=dt.UTC)
    return (utc - EPOCH) // dt.timedelta(microseconds=1)


def span_us(name: str, text: str, units: str) -> int:
    """Microseconds of a length of time such as ``30m``, ``2h`` or ``90d``; a day has 24 hours.

    Parameters
    ----------
    name : str
        Argument that a message names.
    text : str
        The length.
    units : str
        Letters that it may end with, of ``m``, ``h`` and ``d``.

    Raises
    ------
    ValueError
        ``text`` is not a whole number from 1 on and one of the units.

    Examples
    --------
    >>> span_us("gap", "30m", "mh")
    1800000000
    """
    if not re.fullmatch(rf"[1-9][0-9]*[{units}]", text):
        words = " or ".join(UNITS[unit][0] for unit in units)
        raise ValueError(f"{name}: {text!r} is not a number of {words} such as {EXAMPLES[units[0]]}")
    return int(text[:-1]) * UNITS[text[-1]][1]


def days_long(name: str, text: str | None) -> dt.timedelta:
    """Length of a number of days such as ``84d``; none at all where it is not given.

    Raises
    ------
    ValueError
        ``text`` is something else; ``name`` is the argument that the message names.

    Examples
    --------
    >>> days_long("horizon", "84d").days
    84
    """
    return dt.timedelta(0) if text is None else dt.timedelta(microseconds=span_us(name, text, "d"))


def days_later(time: dt.datetime, days: dt.timedelta) -> dt.datetime:
    """Time after so many days of 24 hours, also where clocks are changed in between.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> str(days_later(dt.datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/London")), dt.timedelta(days=84)))
    '2026-05-24 01:00:00+01:00'
    """
    return time + days if time.tzinfo is None else (time.astimezone(dt.UTC) + days).astimezone(time.tzinfo)


def _zone_shared(frame: nw.LazyFrame[Any], column: str, time: dt.datetime) -> str | None:
    """Zone of a time column, which must have one if the time has."""
    dtype = frame.collect_schema()[column]
    zone: str | None = getattr(dtype, "time_zone", None)
    if isinstance(dtype, nw.Datetime) and (zone is None) != (time.tzinfo is None):
        raise ValueError(f"{column}: its times {'have no' if zone is None else 'have a'} time zone, unlike {time}")
    return zone
