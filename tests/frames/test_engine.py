"""The door: frames of any kind come in, and go back as they came."""

import datetime as dt
import math
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal as assert_pandas_equal
from polars.testing import assert_frame_equal

from engagekit import DataError, measure
from engagekit.frames.engine import ROW, column_names, small_table, to_narwhals, to_native
from engagekit.frames.times import with_micros
from engagekit.metrics import open_rate

DATA = {"customer_id": ["b", "a", "c"], "value": [2.5, None, 1.0], "note": ["x", "y", "z"]}
EVENING = dt.datetime(2026, 1, 1, 20, tzinfo=dt.UTC)


def duck(data):
    return duckdb.from_arrow(pa.table(data))


KINDS = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "lazy": pl.LazyFrame,
    "duckdb": duck,
    "arrow": pa.table,
    "narwhals": lambda data: nw.from_native(pl.DataFrame(data)),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def rows_of(frame):
    """Rows of a frame of any kind, sorted, with None where there is nothing."""
    frame = nw.from_native(frame).lazy().collect("polars").to_native()
    return sorted(frame.select("customer_id", "value").rows())


def test_a_frame_of_any_kind_enters_with_the_columns_wanted(kind):
    rows = to_narwhals(KINDS[kind](DATA), ["value", "customer_id"])
    assert isinstance(rows, nw.LazyFrame)
    names = rows.collect_schema().names()
    assert [name for name in names if name != ROW] == ["value", "customer_id"]
    assert rows_of(rows) == [("a", None), ("b", 2.5), ("c", 1.0)]


def test_rows_are_numbered_where_they_have_an_order():
    for kind in ("pandas", "polars", "lazy"):
        found = to_narwhals(KINDS[kind](DATA), ["customer_id"]).collect().to_native()
        assert found.sort(ROW)["customer_id"].to_list() == ["b", "a", "c"]
        assert found[ROW].sort().to_list() == [0, 1, 2]


def test_frames_leave_as_they_came():
    like = {kind: make(DATA) for kind, make in KINDS.items()}
    left = {kind: to_native(to_narwhals(frame, ["customer_id", "value"]), frame) for kind, frame in like.items()}
    assert {kind: type(frame) for kind, frame in left.items() if kind != "narwhals"} == {
        "pandas": pd.DataFrame,
        "polars": pl.DataFrame,
        "lazy": pl.LazyFrame,
        "duckdb": duckdb.DuckDBPyRelation,
        "arrow": pa.Table,
    }
    assert isinstance(left["narwhals"], pl.DataFrame)
    for frame in left.values():
        assert rows_of(frame) == [("a", None), ("b", 2.5), ("c", 1.0)]


def test_the_caller_s_frame_is_unchanged():
    pandas, polars = pd.DataFrame(DATA, index=[7, 7, 9]), pl.DataFrame(DATA)
    before = pandas.copy(deep=True), polars.clone()
    for frame in (pandas, polars):
        to_native(to_narwhals(frame, ["customer_id"]).with_columns(nw.lit(1).alias("customer_id")), frame)
    assert_pandas_equal(pandas, before[0])
    assert_frame_equal(polars, before[1])


def test_what_leaves_as_pandas_can_be_changed_without_changing_what_came():
    frame = pd.DataFrame(DATA)
    left = to_native(to_narwhals(frame, ["value"]), frame)
    left.loc[0, "value"] = 99.0
    assert frame.loc[0, "value"] == 2.5


def test_a_column_is_entered_once_though_it_is_asked_for_twice(kind):
    names = to_narwhals(KINDS[kind](DATA), ["value", "value"]).collect_schema().names()
    assert names.count("value") == 1


def test_a_missing_column_is_named_with_the_nearest_one(kind):
    with pytest.raises(DataError, match=r"^custmer_id: is not a column\. Did you mean customer_id\?$") as caught:
        to_narwhals(KINDS[kind](DATA), ["value", "custmer_id"])
    assert caught.value.column == "custmer_id"


def test_a_column_that_is_there_twice_is_refused_if_it_is_wanted():
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"])
    with pytest.raises(DataError, match="^a: is there twice"):
        to_narwhals(frame, ["a"])
    assert to_narwhals(frame, ["b"]).collect()["b"].to_list() == [3]


def test_duckdb_may_have_a_column_twice_and_is_refused():
    with pytest.raises(DataError, match="^a: is there twice"):
        to_narwhals(duckdb.sql("select 1 as a, 2 as a, 3 as b"), ["b", "a"])


@pytest.mark.needs("java")
@pytest.mark.parametrize("on_engine", ["spark"], indirect=True)
def test_spark_may_have_a_column_twice_and_is_refused(on_engine):
    frame = on_engine(pl.DataFrame({"a": [1], "b": [3]}))
    with pytest.raises(DataError, match="^a: is there twice"):
        to_narwhals(frame.select("a", "a", "b"), ["b", "a"])


@pytest.mark.parametrize("cells", [["x", 1], [[1], "x"]])
def test_a_pandas_column_of_several_types_is_named(cells):
    with pytest.raises(DataError, match="^note: holds values of several types. Make them one"):
        to_narwhals(pd.DataFrame({"customer_id": ["a", "b"], "note": cells}), ["customer_id", "note"])


def test_what_is_no_frame_is_a_type_error():
    for thing in ([1, 2], {"a": [1]}, None, "a"):
        with pytest.raises(TypeError):
            to_narwhals(thing, ["a"])


def test_missing_numbers_of_pandas_are_missing():
    rows = to_narwhals(pd.DataFrame({"value": [1.0, float("nan")]}), ["value"])
    assert rows.collect()["value"].to_list() == [1.0, None]


def test_not_a_number_is_missing_on_every_engine(on_engine):
    frame = on_engine(pl.DataFrame({"value": [1.0, float("nan"), None], "small": pl.Series([1.5, None, float("nan")])}))
    found = to_narwhals(frame, ["value", "small"]).collect("polars").to_native().select("value", "small")
    assert sorted(found.rows(), key=repr) == [(1.0, 1.5), (None, None), (None, None)]


def test_a_pandas_column_that_holds_nothing_is_not_text():
    nothing = pd.DataFrame({"all": [None, None], "some": ["x", None]}, dtype=object)
    found = to_narwhals(nothing, ["all", "some"]).collect().to_native()
    assert (found["all"].dtype, found["some"].dtype) == (pl.Null, pl.String)
    assert found["all"].to_list() == [None, None]
    assert to_narwhals(nothing.head(0), ["some"]).collect().to_native()["some"].dtype == pl.Null
    mailings = pd.DataFrame({"delivered": [10, 20], "opens": pd.Series([None, None], dtype=object)})
    for frame in (mailings, mailings.head(0)):
        row = measure(frame, open_rate).iloc[0]
        assert (math.isnan(row["value"]), row["reason"]) == (True, "no_rows")


# A small table beside a frame


def joined(rows, small, on):
    """Sorted rows of a frame that a small table was joined to."""
    return sorted(rows.join(small, on=on).select(small.collect_schema().names()).collect("polars").to_native().rows())


def test_whole_numbers_beside_a_frame_are_joined_to_it(on_engine):
    rows = to_narwhals(on_engine(pl.DataFrame({"week": [0, 1, 1, 2]})), ["week"])
    small = small_table(rows, {"week": [2, 1, 9], "half": [-3, 0, 5]})
    assert joined(rows, small, "week") == [(1, 0), (1, 0), (2, -3)]
    assert dict(small.collect_schema()) == {"week": nw.Int64(), "half": nw.Int64()}


def test_microseconds_beside_a_frame_are_whole(on_engine):
    micros = [1_767_297_600_123_457, -315_619_199_999_995, 2**62 + 1]
    rows = to_narwhals(on_engine(pl.DataFrame({"us": micros})), ["us"])
    small = small_table(rows, {"us": micros, "number": [1, 2, 3]})
    assert joined(rows, small, "us") == sorted(zip(micros, [1, 2, 3], strict=True))


@pytest.mark.parametrize("zone", [dt.UTC, None])
def test_times_beside_a_frame_are_joined_to_it(on_engine, zone):
    start = EVENING.replace(tzinfo=zone)
    times = [start + dt.timedelta(microseconds=micros) for micros in (0, 1, 123_456, 86_400_000_000)]
    rows = to_narwhals(on_engine(pl.DataFrame({"time": times})), ["time"])
    small = small_table(rows, {"time": [*times[1:], start - dt.timedelta(days=9)], "number": [1, 2, 3, 4]})
    numbered = rows.join(small, on="time").select("number").collect("polars").to_native()
    assert sorted(numbered["number"].to_list()) == [1, 2, 3]
    counted = with_micros(small, "time", "us").select("number", "us").collect("polars").to_native()
    first_us = 1_767_297_600_000_000
    assert dict(counted.rows()) == {
        1: first_us + 1,
        2: first_us + 123_456,
        3: first_us + 86_400_000_000,
        4: first_us - 9 * 86_400_000_000,
    }


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "America/New_York"])
def test_times_of_any_zone_beside_a_frame_are_the_instants_they_are(on_engine, zone):
    rows = to_narwhals(on_engine(pl.DataFrame({"n": [1, 2]})), ["n"])
    small = small_table(rows, {"n": [2], "date": [EVENING.astimezone(ZoneInfo(zone))]})
    found = with_micros(rows.join(small, on="n"), "date", "us").select("n", "us").collect("polars").to_native()
    assert found.rows() == [(2, 1_767_297_600_000_000)]


def test_a_frame_may_be_crossed_with_the_table_beside_it(on_engine):
    rows = to_narwhals(on_engine(pl.DataFrame({"customer_id": ["a", "b"]})), ["customer_id"])
    dates = [dt.datetime(2026, 1, 1), dt.datetime(2026, 2, 1)]
    found = rows.join(small_table(rows, {"date": dates}), how="cross").select("customer_id", "date")
    assert sorted(found.collect("polars").to_native().rows()) == [(who, date) for who in "ab" for date in dates]


def test_the_instants_beside_a_frame_are_the_same_in_a_connection_of_another_zone():
    connection = duckdb.connect()
    connection.sql("set timezone = 'America/New_York'")
    rows = to_narwhals(connection.sql("select timestamptz '2026-01-01 20:00:00+00' as time"), ["time"])
    assert len(rows.join(small_table(rows, {"time": [EVENING]}), on="time").collect()) == 1
    assert len(rows.join(small_table(rows, {"time": [EVENING + dt.timedelta(hours=5)]}), on="time").collect()) == 0


def test_a_table_beside_a_frame_touches_no_table_of_the_caller_s():
    connection = duckdb.connect()
    for name in ("rows", "small", "a"):
        connection.sql(f"create table {name} as select 7 as n")
    before = connection.sql("show all tables").fetchall()
    rows = to_narwhals(connection.table("rows"), ["n"])
    assert joined(rows, small_table(rows, {"n": [7], "half": [2]}), "n") == [(7, 2)]
    assert connection.sql("show all tables").fetchall() == before
    assert connection.sql("select n from rows").fetchall() == [(7,)]


# Names of columns


def test_the_columns_of_a_frame_of_any_kind_are_named_in_their_order(kind):
    assert column_names(KINDS[kind](DATA)) == ["customer_id", "value", "note"]


def test_the_columns_of_a_frame_on_any_engine_are_named_in_their_order(on_engine):
    assert column_names(on_engine(pl.DataFrame({"b c": [1], "a": ["x"]}))) == ["b c", "a"]


def test_a_column_that_is_there_twice_is_named_twice():
    assert column_names(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"])) == ["a", "a", "b"]
    assert column_names(duckdb.sql("select 1 as a, 2 as b").select("a, b, a")) == ["a", "b", "a"]


@pytest.mark.needs("java")
@pytest.mark.parametrize("on_engine", ["spark"], indirect=True)
def test_a_column_that_is_there_twice_in_spark_is_named_twice(on_engine):
    frame = on_engine(pl.DataFrame({"a": [1], "b": [3]}))
    assert column_names(frame.select("a", "b", "a")) == ["a", "b", "a"]


def test_the_names_of_pandas_columns_are_text():
    assert column_names(pd.DataFrame([[1, 2]], columns=[2026, "a"])) == ["2026", "a"]


def test_dates_among_times_are_refused():
    days = pd.DataFrame({"time": pd.Series([dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, 23)], dtype=object)})
    for frame in (days, days[::-1]):
        with pytest.raises(DataError, match="time: holds dates among times|time: holds values of several types"):
            to_narwhals(frame, ["time"])


# Values that repeat


@pytest.mark.parametrize(
    ("values", "repeated"),
    [
        (["a", "b", "c", None, None], 0),
        (["a", "b", "a", "a", None], 2),
        ([1, 2, 3], 0),
        ([7, 7, 7], 2),
        ([1.5, float("nan"), float("nan")], 0),
        ([], 0),
    ],
)
def test_rows_that_hold_a_value_again_are_counted(on_engine, values, repeated):
    dtype = None if values else pl.String
    rows = to_narwhals(on_engine(pl.DataFrame({"id": pl.Series(values, dtype=dtype)})), ["id"])
    assert repeated_values(rows, "id") == repeated
