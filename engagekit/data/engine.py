"""The door: a caller's frame of any kind -> a Narwhals lazy frame, and its times -> whole microseconds.

The only lines that know a backend.
"""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError, did_you_mean

__all__ = [
    "ROW",
    "alike",
    "beside",
    "collected",
    "column_names",
    "days_later",
    "distinct",
    "enter",
    "leave",
    "local_time",
    "micros_at",
]
__all__ += ["span_us", "with_micros"]

ROW = ":row"
NAMES = {nw.Implementation.DUCKDB: "DuckDB", nw.Implementation.PYSPARK: "Spark"}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
UNITS = {"m": ("minutes", 60_000_000), "h": ("hours", 3_600_000_000), "d": ("days", 86_400_000_000)}
EXAMPLES = {"m": "30m", "h": "12h", "d": "90d"}


def enter(frame: Any, columns: Iterable[str], optional: Iterable[str] = ()) -> nw.LazyFrame[Any]:
    """Narwhals lazy frame of some columns of a frame.

    A pandas frame goes through Arrow to Polars; Polars, DuckDB and Spark frames stay where they are. A NaN is a missing
    value, as null is. Where rows have an order, a column ``ROW`` numbers them from 0; it costs nothing unless it is
    used.

    Parameters
    ----------
    frame : pandas, Polars, DuckDB or Spark frame
        Any frame that Narwhals knows.
    columns : iterable of str
        Columns that are needed.
    optional : iterable of str, default ()
        Columns that are taken too where the frame has them.

    Raises
    ------
    DataError
        A column is absent (names the nearest one), is there twice, or holds values of several types.
    TypeError
        ``frame`` is not a frame.

    Examples
    --------
    >>> import pandas as pd
    >>> enter(pd.DataFrame({"customer_id": ["a"], "age": [30]}), ["customer_id"]).collect().rows()
    [(0, 'a')]
    """
    frame = nw.to_native(frame, pass_through=True)
    names = column_names(frame)
    wanted = list(dict.fromkeys([*columns, *(name for name in optional if name in names)]))
    for name in wanted:
        if names.count(name) != 1:
            problem = "is there twice." if name in names else f"is not a column. {did_you_mean(name, names)}"
            raise DataError(problem, column=name)
    if nw.dependencies.is_pandas_dataframe(frame):
        frame = pl.DataFrame({name: _from_pandas(frame[name]) for name in wanted})
    rows: nw.LazyFrame[Any] = nw.from_native(frame).lazy().select(wanted)
    floats = [nw.col(name) for name, dtype in rows.collect_schema().items() if dtype.is_float()]
    rows = rows.with_columns(nw.when(~column.is_nan()).then(column) for column in floats) if floats else rows
    if rows.implementation is nw.Implementation.POLARS:
        rows = nw.from_native(rows.to_native().with_row_index(ROW))
    return rows


def column_names(frame: Any) -> list[str]:
    """Names of a frame's columns; a name that is there twice is named twice.

    Examples
    --------
    >>> column_names(pl.LazyFrame({"a": [1], "b": [2]}))
    ['a', 'b']
    """
    frame = nw.to_native(frame, pass_through=True)
    depends = nw.dependencies  # of these kinds Narwhals refuses a name that is there twice, or has it once
    if any(is_one(frame) for is_one in (depends.is_pandas_dataframe, depends.is_duckdb_relation, _is_spark)):
        return [str(name) for name in frame.columns]
    return list(nw.from_native(frame).collect_schema().names())


def leave(rows: nw.LazyFrame[Any], like: Any) -> Any:
    """Rows in the caller's kind: collected for a pandas or Polars frame, lazy where the caller's was.

    Examples
    --------
    >>> import pandas as pd
    >>> like = pd.DataFrame({"a": [1]})
    >>> type(leave(enter(like, ["a"]), like)) is pd.DataFrame
    True
    """
    like = nw.to_native(like, pass_through=True)
    if nw.dependencies.is_pandas_dataframe(like):
        return collected(rows).to_pandas()
    return collected(rows) if isinstance(like, pl.DataFrame) else rows.to_native()


def collected(rows: nw.LazyFrame[Any]) -> pl.DataFrame:
    """Rows of any engine as a Polars frame; for what is small, or belongs in memory.

    Polars streams: half the time of its other engine here, and a fraction of the memory. A file that is looked at
    twice is read twice rather than kept.

    Examples
    --------
    >>> collected(enter(pl.DataFrame({"a": [1]}), ["a"]))["a"].to_list()
    [1]
    """
    native = rows.to_native()
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming", optimizations=pl.QueryOptFlags(comm_subplan_elim=False))
    found: pl.DataFrame = rows.collect("polars").to_native()
    return found


def distinct(rows: nw.LazyFrame[Any], one: str, few: str) -> nw.LazyFrame[Any]:
    """Pairs of two columns' values, each once.

    Narwhals' ``unique`` numbers all rows on DuckDB, and Polars takes twice as long for two keys as for one.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        With both columns.
    one, few : str
        The columns; best the second is the one with fewer different values.

    Examples
    --------
    >>> seen = enter(pl.DataFrame({"a": [1, 1], "b": [2, 2]}), ["a", "b"])
    >>> collected(distinct(seen, "a", "b")).rows()
    [(1, 2)]
    """
    native = rows.to_native()
    if isinstance(native, pl.LazyFrame):
        pairs: nw.LazyFrame[Any] = nw.from_native(native.group_by(few).agg(pl.col(one).unique()).explode(one))
        return pairs.select(one, few)
    return rows.group_by(one, few).agg(nw.len().alias(ROW)).select(one, few)


def alike(left: nw.LazyFrame[Any], right: nw.LazyFrame[Any], key: str) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Two frames whose key column has one type, so that they can be joined on it.

    Categories become text, and a column that is blank throughout takes the other's type.

    Raises
    ------
    DataError
        One holds text and the other numbers, or numbers of several kinds.

    Examples
    --------
    >>> words = pl.DataFrame({"a": ["x"]})
    >>> seen, known = (enter(frame, ["a"]) for frame in (words, words.cast(pl.Categorical)))
    >>> left, right = alike(seen, known, "a")
    >>> left.join(right, on="a").collect().shape[0]
    1
    """
    sides = []
    for rows in (left, right):
        dtype = rows.collect_schema()[key]
        worded = isinstance(dtype, nw.Categorical | nw.Enum)
        sides.append(rows.with_columns(nw.col(key).cast(nw.String)) if worded else rows)
    one, other = (rows.collect_schema()[key] for rows in sides)
    if left.implementation is not nw.Implementation.POLARS or one == other:
        return sides[0], sides[1]
    for place, dtype, wanted in ((0, one, other), (1, other, one)):
        if dtype == nw.Unknown or (dtype.is_integer() and wanted.is_integer() and place):
            sides[place] = sides[place].with_columns(nw.col(key).cast(wanted))
            return sides[0], sides[1]
    raise DataError(f"is {one} in one table and {other} in another. Make it one type, such as text.", column=key)


def local_time(frame: nw.LazyFrame[Any], column: str, time_zone: str | None) -> nw.LazyFrame[Any]:
    """Wall-clock time of a time column, in its zone or the one given.

    DuckDB and Spark keep a time zone on the connection instead of the column, so there the zone must be given.

    Raises
    ------
    ValueError
        The zone is needed and not given.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> seen = pl.DataFrame({"time": [datetime(2026, 1, 1, 20, tzinfo=timezone.utc)]})
    >>> local_time(enter(seen, ["time"]), "time", "Asia/Jakarta").collect()["time"][0]
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
    >>> seen = enter(pl.DataFrame({"time": [dt.datetime(1970, 1, 1, 0, 0, 1)]}), ["time"])
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
    >>> seen = enter(pl.DataFrame({"time": [dt.datetime(2026, 1, 1)]}), ["time"])
    >>> micros_at(seen, "time", dt.datetime(1970, 1, 1, 0, 0, 1))
    1000000
    """
    zone = _zone_shared(frame, column, time)
    utc = time.astimezone(dt.UTC) if zone else time.replace(tzinfo=dt.UTC)
    return (utc - EPOCH) // dt.timedelta(microseconds=1)


def beside(frame: nw.LazyFrame[Any], columns: dict[str, list[int] | list[dt.datetime]]) -> nw.LazyFrame[Any]:
    """A small table in the engine of a frame, so that the two can be joined.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        A frame of the engine.
    columns : dict of str to list
        Whole numbers to join on and times, one at least, of one length. The names become SQL on some engines.

    Examples
    --------
    >>> seen = enter(pl.DataFrame({"week": [0, 1]}), ["week"])
    >>> seen.join(beside(seen, {"week": [1], "half": [2]}), on="week").collect()["half"].to_list()
    [2]
    """
    native, engine = frame.to_native(), frame.implementation
    if engine is nw.Implementation.POLARS:
        return nw.from_native(pl.LazyFrame(columns))
    duck = engine is nw.Implementation.DUCKDB
    rows = (", ".join(_sql(value, duck) for value in row) for row in zip(*columns.values(), strict=True))
    values = ", ".join(f"({row})" for row in rows)
    query = f"select * from (values {values}) as beside({', '.join(columns)})"  # noqa: S608 - numbers, times and our own names
    small = native.query("rows", query) if duck else native.sparkSession.sql(query)
    made: nw.LazyFrame[Any] = nw.from_native(small)
    return made


def _sql(value: int | dt.datetime, duck: bool) -> str:
    if not isinstance(value, dt.datetime):
        return f"cast({value:d} as bigint)"
    kinds = ("timestamp", "timestamptz") if duck else ("timestamp_ntz", "timestamp")
    return f"{kinds[value.tzinfo is not None]} '{value.isoformat(' ')}'"


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


def _from_pandas(column: Any) -> pl.Series:
    try:
        series: pl.Series = pl.from_pandas(column)
    except (TypeError, ValueError) as error:
        problem = "holds values of several types. Make them one, such as with .astype(str)."
        raise DataError(problem, column=str(column.name)) from error
    if series.dtype.is_temporal() and column.dtype == object:
        _one_kind_of_time(column)
    words = series.dtype == pl.String and column.dtype == object  # also where nothing tells what it holds
    return series.cast(pl.Null) if words and series.null_count() == len(series) else series


def _one_kind_of_time(column: Any) -> None:
    """Refuse times of which some have a zone and some none, which have no order, and dates among times."""
    if len({isinstance(time, dt.datetime) for time in column.dropna()}) > 1:
        problem = "holds dates among times, and would lose the time of day. Make all times, with pandas.to_datetime."
        raise DataError(problem, column=str(column.name))
    if len({getattr(time, "tzinfo", None) is None for time in column.dropna()}) > 1:
        problem = "holds times with a zone and times without. Give all one, such as with pandas.to_datetime(utc=True)."
        raise DataError(problem, column=str(column.name))


def _is_spark(frame: Any) -> bool:
    return nw.dependencies.is_pyspark_dataframe(frame) or nw.dependencies.is_pyspark_connect_dataframe(frame)
