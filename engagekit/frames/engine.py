"""Frames of any kind -> Narwhals lazy frames, and back.

Together with ``times``, the only lines that know a backend.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError, did_you_mean

__all__ = [
    "ROW",
    "as_floats",
    "as_number",
    "collected",
    "column_names",
    "distinct_pairs",
    "one_where",
    "repeated_values",
    "small_table",
    "to_narwhals",
    "to_native",
    "with_one_key_type",
]

ROW = ":row"


def to_narwhals(frame: Any, columns: Iterable[str], optional: Iterable[str] = ()) -> nw.LazyFrame[Any]:
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
    >>> to_narwhals(pd.DataFrame({"customer_id": ["a"], "age": [30]}), ["customer_id"]).collect().rows()
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
    if rows.implementation is nw.Implementation.IBIS:
        flags = [name for name, dtype in rows.collect_schema().items() if dtype == nw.Boolean]
        rows = rows.with_columns(as_number(nw.col(name)).alias(name) for name in flags)
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


def to_native(rows: nw.LazyFrame[Any], like: Any) -> Any:
    """Rows in the caller's kind: collected for a pandas or Polars frame, lazy where the caller's was.

    Examples
    --------
    >>> import pandas as pd
    >>> like = pd.DataFrame({"a": [1]})
    >>> type(to_native(to_narwhals(like, ["a"]), like)) is pd.DataFrame
    True
    """
    like = nw.to_native(like, pass_through=True)
    if nw.dependencies.is_pandas_dataframe(like):
        return collected(rows).to_pandas()
    return collected(rows) if isinstance(like, pl.DataFrame) else rows.to_native()


def collected(rows: nw.LazyFrame[Any]) -> pl.DataFrame:
    """Rows of any engine as a Polars frame; for what is small, or belongs in memory.

    Polars streams: half the time of its other engine here, and a fraction of the memory. A file that is looked at
    twice is read twice instead of being kept.

    Examples
    --------
    >>> collected(to_narwhals(pl.DataFrame({"a": [1]}), ["a"]))["a"].to_list()
    [1]
    """
    native = rows.to_native()
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming", optimizations=pl.QueryOptFlags(comm_subplan_elim=False))
    frame: pl.DataFrame = rows.collect("polars").to_native()
    return frame


def one_where(condition: nw.Expr) -> nw.Expr:
    """1 where a condition holds, else 0; of a condition itself some databases make no number."""
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Float64)


def as_number(condition: nw.Expr) -> nw.Expr:
    """1 where a condition holds, 0 where it does not, and null where that is not known."""
    return nw.when(~condition.is_null()).then(one_where(condition))


def as_floats(rows: nw.LazyFrame[Any], terms: dict[str, nw.Expr]) -> dict[str, nw.Expr]:
    """Terms of rows as floats; conditions as 1 and 0, for PostgreSQL does not cast them."""
    if rows.implementation is not nw.Implementation.IBIS:
        return {name: term.cast(nw.Float64) for name, term in terms.items()}
    schema = rows.select(**terms).collect_schema()
    conditions = {name for name, kind in schema.items() if kind == nw.Boolean}
    return {name: as_number(term) if name in conditions else term.cast(nw.Float64) for name, term in terms.items()}


def distinct_pairs(rows: nw.LazyFrame[Any], first: str, second: str) -> nw.LazyFrame[Any]:
    """Pairs of two columns' values, each once.

    Narwhals' ``unique`` numbers all rows on DuckDB, and Polars takes twice as long for two keys as for one.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        With both columns.
    first, second : str
        The columns; it is quickest when the second is the one with fewer different values.

    Examples
    --------
    >>> visits = to_narwhals(pl.DataFrame({"a": [1, 1], "b": [2, 2]}), ["a", "b"])
    >>> collected(distinct_pairs(visits, "a", "b")).rows()
    [(1, 2)]
    """
    native = rows.to_native()
    if isinstance(native, pl.LazyFrame):
        pairs: nw.LazyFrame[Any] = nw.from_native(native.group_by(second).agg(pl.col(first).unique()).explode(first))
        return pairs.select(first, second)
    return rows.group_by(first, second).agg(nw.len().alias(ROW)).select(first, second)


def repeated_values(rows: nw.LazyFrame[Any], column: str) -> int:
    """How many rows hold a value that another row holds already; missing values are never the same.

    Of a Polars frame, hashes of 64 bits are counted first, several times quicker than text: where no two hashes are
    equal, no two values are. Only where some are equal are the values themselves counted.

    Examples
    --------
    >>> repeated_values(to_narwhals(pl.DataFrame({"id": ["x", "x", "y", None, None]}), ["id"]), "id")
    1
    """
    native = rows.to_native()
    if isinstance(native, pl.LazyFrame):
        values = native.select(pl.col(column).drop_nulls())
        if native.collect_schema()[column] == pl.Null:
            return 0
        hashes = values.select(pl.col(column).hash()).collect(engine="streaming")[column]
        if hashes.n_unique() == len(hashes):
            return 0
    named = rows.filter(~nw.col(column).is_null())
    counts = collected(named.select(nw.len().alias("rows"), nw.col(column).n_unique().alias("values"))).row(0)
    return int(counts[0] or 0) - int(counts[1] or 0)


def with_one_key_type(
    first: nw.LazyFrame[Any], second: nw.LazyFrame[Any], key: str
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Two frames whose key column has one type, so that they can be joined on it.

    Categories become text, and a column that is blank throughout takes the other's type.

    Raises
    ------
    DataError
        One holds text and the other numbers, or numbers of several kinds.

    Examples
    --------
    >>> text = pl.DataFrame({"a": ["x"]})
    >>> frames = (to_narwhals(frame, ["a"]) for frame in (text, text.cast(pl.Categorical)))
    >>> first, second = with_one_key_type(*frames, "a")
    >>> first.join(second, on="a").collect().shape[0]
    1
    """
    sides = []
    for rows in (first, second):
        dtype = rows.collect_schema()[key]
        is_category = isinstance(dtype, nw.Categorical | nw.Enum)
        sides.append(rows.with_columns(nw.col(key).cast(nw.String)) if is_category else rows)
    one, other = (rows.collect_schema()[key] for rows in sides)
    if first.implementation is not nw.Implementation.POLARS or one == other:
        return sides[0], sides[1]
    for place, dtype, wanted in ((0, one, other), (1, other, one)):
        if dtype == nw.Unknown or (dtype.is_integer() and wanted.is_integer() and place):
            sides[place] = sides[place].with_columns(nw.col(key).cast(wanted))
            return sides[0], sides[1]
    raise DataError(f"is {one} in one table and {other} in another. Make it one type, such as text.", column=key)


def small_table(frame: nw.LazyFrame[Any], columns: dict[str, list[int] | list[dt.datetime]]) -> nw.LazyFrame[Any]:
    """A small table in the engine of a frame, so that the two can be joined.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        A frame of the engine.
    columns : dict of str to list
        Whole numbers to join on and times, at least one of each column, all columns of one length. The names become
        SQL on some engines.

    Examples
    --------
    >>> sales = to_narwhals(pl.DataFrame({"week": [0, 1]}), ["week"])
    >>> sales.join(small_table(sales, {"week": [1], "half": [2]}), on="week").collect()["half"].to_list()
    [2]
    """
    native, engine = frame.to_native(), frame.implementation
    if engine is nw.Implementation.POLARS:
        return nw.from_native(pl.LazyFrame(columns))
    duck = engine is nw.Implementation.DUCKDB
    rows = (", ".join(_sql(value, duck) for value in row) for row in zip(*columns.values(), strict=True))
    values = ", ".join(f"({row})" for row in rows)
    query = f"select * from (values {values}) as small({', '.join(columns)})"  # noqa: S608 - numbers, times and our own names
    table: nw.LazyFrame[Any] = nw.from_native(native.query("rows", query) if duck else native.sparkSession.sql(query))
    return table


def _sql(value: int | dt.datetime, duck: bool) -> str:
    if not isinstance(value, dt.datetime):
        return f"cast({value:d} as bigint)"
    kinds = ("timestamp", "timestamptz") if duck else ("timestamp_ntz", "timestamp")
    return f"{kinds[value.tzinfo is not None]} '{value.isoformat(' ')}'"


def _from_pandas(column: Any) -> pl.Series:
    try:
        series: pl.Series = pl.from_pandas(column)
    except (TypeError, ValueError) as error:
        problem = "holds values of several types. Make them one, such as with .astype(str)."
        raise DataError(problem, column=str(column.name)) from error
    if series.dtype.is_temporal() and column.dtype == object:
        _one_kind_of_time(column)
    words = series.dtype == pl.String and column.dtype == object  # also where no cell shows what it holds
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
