"""Times of any engine as whole microseconds and on the clock of a zone."""

import datetime as dt
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pytest

from engagekit.frames.engine import to_narwhals
from engagekit.frames.times import local_time, micros_at, with_micros

EVENING = dt.datetime(2026, 1, 1, 20, tzinfo=dt.UTC)


def test_times_that_are_all_missing_are_missing_microseconds():
    rows = with_micros(to_narwhals(pd.DataFrame({"time": [None, None]}), ["time"]), "time", "us")
    assert rows.collect()["us"].to_list() == [None, None]


def at(frame, time_zone):
    times = local_time(to_narwhals(frame, ["time"]), "time", time_zone).collect("polars").to_native()["time"]
    return times.to_list()


def test_local_time_is_the_clock_of_the_zone_on_every_engine():
    utc = pl.DataFrame({"time": [EVENING]})
    tokyo = utc.with_columns(pl.col("time").dt.convert_time_zone("Asia/Tokyo"))
    connection = duckdb.connect()
    connection.sql("set timezone = 'America/New_York'")
    relation = connection.sql("select timestamptz '2026-01-01 20:00:00+00' as time")
    for frame in (utc, utc.lazy(), tokyo, utc.to_pandas(), tokyo.to_pandas(), relation):
        assert at(frame, "Asia/Jakarta") == [dt.datetime(2026, 1, 2, 3)]


def test_without_a_zone_local_time_is_the_clock_of_the_column_s_own():
    tokyo = pl.DataFrame({"time": [EVENING]}).with_columns(pl.col("time").dt.convert_time_zone("Asia/Tokyo"))
    assert at(tokyo, None) == at(tokyo.to_pandas(), None) == [dt.datetime(2026, 1, 2, 5)]


def test_a_time_without_a_zone_is_local_already():
    frame = pl.DataFrame({"time": [dt.datetime(2026, 1, 1, 20)]})
    for naive in (frame, frame.to_pandas(), duckdb.from_arrow(frame.to_arrow())):
        assert at(naive, "Asia/Jakarta") == [dt.datetime(2026, 1, 1, 20)]


def test_duckdb_needs_the_zone_said():
    relation = duckdb.connect().sql("select timestamptz '2026-01-01 20:00:00+00' as time")
    with pytest.raises(ValueError, match="^time_zone: say it, because DuckDB does not keep the zone of 'time'"):
        local_time(to_narwhals(relation, ["time"]), "time", None)


def test_local_time_leaves_the_other_columns():
    relation = duckdb.connect().sql("select 1 as a, timestamptz '2026-01-01 20:00:00+00' as time, 2 as \"b c\"")
    found = (
        local_time(to_narwhals(relation, ["a", "time", "b c"]), "time", "Asia/Jakarta").collect("polars").to_native()
    )
    assert found.select("a", "b c").rows() == [(1, 2)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_time_is_compared_with_times_of_any_zone(zone):
    seconds = [EVENING + dt.timedelta(seconds=second) for second in (-1, 0, 1)]
    frame = pl.DataFrame({"time": seconds}).with_columns(pl.col("time").dt.convert_time_zone(zone))
    moment = EVENING.astimezone(ZoneInfo("Asia/Jakarta"))
    for kind in (frame, frame.to_pandas(), duckdb.from_arrow(frame.to_arrow())):
        rows = with_micros(to_narwhals(kind, ["time"]), "time", "us")
        assert len(rows.filter(nw.col("us") < micros_at(rows, "time", moment)).collect()) == 1


def test_a_time_with_a_zone_is_not_compared_with_times_without():
    naive, aware = (
        to_narwhals(pl.DataFrame({"time": [time]}), ["time"]) for time in (dt.datetime(2026, 1, 1), EVENING)
    )
    with pytest.raises(ValueError, match="^time: its times have no time zone, unlike 2026-01-01 20:00:00"):
        micros_at(naive, "time", EVENING)
    with pytest.raises(ValueError, match="^time: its times have a time zone, unlike 2026-01-01 00:00:00"):
        micros_at(aware, "time", dt.datetime(2026, 1, 1))
