import datetime as dt
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit.errors import DataError
from engagekit.frames.periods import PERIODS
from engagekit.metrics import handling_hours, net_promoter_score, open_rate
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Total

UTC, JAKARTA = ZoneInfo("UTC"), ZoneInfo("Asia/Jakarta")
visits = Total(
    name="visits",
    channel="web",
    table="visits",
    columns=("visits",),
    value=nw.col("visits"),
    unit="view",
    measured_in="count",
)

# Each is a minute or so from a boundary that lies elsewhere in Jakarta, seven hours ahead
EDGES = [
    dt.datetime(2026, 1, 31, 16, 59, 59),  # the last second of January in Jakarta
    dt.datetime(2026, 1, 31, 17, 0, 0),  # the first of February
    dt.datetime(2026, 1, 31, 23, 30),  # February there, January in UTC
    dt.datetime(2026, 2, 1, 16, 59),  # Sunday in both
    dt.datetime(2026, 2, 1, 23, 30),  # Monday there, and so another week
    dt.datetime(2026, 3, 31, 23, 30),  # the second quarter there
    dt.datetime(2025, 12, 31, 23, 30),  # 2026 there
]


def starts(time: dt.datetime) -> dict[str, dt.datetime]:
    """Periods that a wall-clock time falls in, by hand."""
    day = time.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return {
        "1d": day,
        "1w": day - dt.timedelta(days=day.weekday()),
        "1mo": day.replace(day=1),
        "1q": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "1y": day.replace(month=1, day=1),
    }


def seen(times, zone=None) -> pl.DataFrame:
    frame = pl.DataFrame({"visits": [1.0] * len(times), "time": times}, schema_overrides={"time": pl.Datetime("us")})
    return (
        frame
        if zone is None
        else frame.with_columns(pl.col("time").dt.replace_time_zone("UTC").dt.convert_time_zone(zone))
    )


def counted(found) -> dict[dt.datetime, float]:
    rows = nw.from_native(found).rows(named=True)
    return {pd.Timestamp(row["period"]).to_pydatetime(): row["value"] for row in rows if row["reason"] == ""}


def keeps_no_zone(frame) -> bool:
    return any(engine in str(type(frame)) for engine in ("duckdb", "pyspark"))


def expected(times, every) -> dict[dt.datetime, int]:
    found: dict[dt.datetime, int] = {}
    for time in times:
        start = starts(time)[every]
        found[start] = found.get(start, 0) + 1
    return found


@pytest.mark.parametrize("every", ["1d", "1w", "1mo", "1q", "1y"])
def test_periods_start_where_the_calendar_of_the_zone_says(every, on_engine):
    frame = on_engine(seen(EDGES, "Asia/Jakarta"))
    zone = {"time_zone": "Asia/Jakarta"} if keeps_no_zone(frame) else {}
    found = measure(frame, visits, every=every, at="time", **zone)
    local = [time.replace(tzinfo=UTC).astimezone(JAKARTA) for time in EDGES]
    assert counted(found) == expected(local, every)


@pytest.mark.parametrize("every", ["1d", "1w", "1mo", "1q", "1y"])
def test_periods_of_many_times_equal_those_of_python(every, on_engine):
    random = np.random.default_rng(7)
    times = [dt.datetime(2024, 11, 1) + dt.timedelta(minutes=int(m)) for m in random.integers(0, 800 * 24 * 60, 80)]
    zone = {"time_zone": "America/New_York"}
    found = measure(on_engine(seen(times, "UTC")), visits, every=every, at="time", **zone)
    local = [time.replace(tzinfo=UTC).astimezone(ZoneInfo("America/New_York")) for time in times]
    assert counted(found) == expected(local, every)


def test_an_event_late_on_31_january_utc_is_of_february_in_jakarta(on_engine):
    frame = on_engine(seen([dt.datetime(2026, 1, 31, 23, 30)], "UTC"))
    january, february = dt.datetime(2026, 1, 1), dt.datetime(2026, 2, 1)
    assert counted(measure(frame, visits, every="1mo", at="time", time_zone="Asia/Jakarta")) == {february: 1}
    assert counted(measure(frame, visits, every="1mo", at="time", time_zone="UTC")) == {january: 1}


def test_duckdb_and_spark_keep_no_zone_and_so_ask_for_it(on_engine):
    frame = on_engine(seen(EDGES, "Asia/Jakarta"))
    if keeps_no_zone(frame):
        with pytest.raises(ValueError, match="time_zone: say it"):
            measure(frame, visits, every="1mo", at="time")
    else:
        assert len(measure(frame, visits, every="1mo", at="time")) == 4  # January to April


def test_a_time_without_zone_is_wall_clock_time_already(on_engine):
    frame = on_engine(seen(EDGES))
    for zone in (None, "Asia/Jakarta"):
        assert counted(measure(frame, visits, every="1d", at="time", time_zone=zone)) == expected(EDGES, "1d")


def test_days_will_do_for_times(on_engine):
    days = [dt.date(2026, 1, 4), dt.date(2026, 1, 5), dt.date(2026, 1, 11)]  # Sunday, Monday, Sunday
    frame = on_engine(pl.DataFrame({"visits": [1, 2, 4], "time": days}))
    assert counted(measure(frame, visits, every="1w", at="time", as_of="2026-01-11")) == {
        dt.datetime(2025, 12, 29): 1,
        dt.datetime(2026, 1, 5): 2,
    }


def test_a_period_without_rows_is_undefined_for_every_metric_and_group(on_engine):
    frame = pl.DataFrame(
        {
            "time": [dt.datetime(2026, 1, 5), dt.datetime(2026, 3, 5), dt.datetime(2026, 3, 6)],
            "team": ["a", "a", None],
            "work_minutes": [60.0, 30.0, 20.0],
            "visits": [1, 2, 3],
        }
    )
    found = measure(on_engine(frame), [visits, handling_hours], by="team", every="1mo", at="time")
    rows = nw.from_native(found).rows(named=True)
    table = [(r["metric"], None if pd.isna(r["team"]) else r["team"], r["period"].month, r["reason"]) for r in rows]
    cells = [(None, 1), (None, 2), (None, 3), ("a", 1), ("a", 2), ("a", 3)]
    filled = {(None, 3), ("a", 1), ("a", 3)}
    assert table == [
        (name, *cell, "" if cell in filled else "no_rows") for name in ("visits", "handling_hours") for cell in cells
    ]
    for row in rows:
        if row["reason"]:
            assert np.isnan([row[name] for name in ("value", "low", "high", "numerator", "denominator")]).all()
            assert (row["n"], row["units"], row["method"], row["warning"]) == (0, 0, "", "")


def test_a_month_in_which_no_row_counts_is_a_month_without_rows(on_engine):
    frame = pl.DataFrame(
        {
            "time": [dt.datetime(2026, 1, 5), dt.datetime(2026, 2, 5), dt.datetime(2026, 3, 5)],
            "kind": ["nps", "csat", "nps"],
            "score": [9, 5, 3],
        }
    )
    rows = nw.from_native(measure(on_engine(frame), net_promoter_score, every="1mo", at="time")).rows(named=True)
    assert [(row["period"].month, row["value"], row["reason"]) for row in rows] == [
        (1, 100, ""),
        (2, pytest.approx(float("nan"), nan_ok=True), "no_rows"),
        (3, -100, ""),
    ]


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-02-10",
        dt.date(2026, 2, 10),
        dt.datetime(2026, 2, 10),
        pd.Timestamp("2026-02-10"),
        dt.datetime(2026, 2, 9, 17, tzinfo=dt.UTC),
        "2026-02-09T17:00:00+00:00",
    ],
    ids=str,
)
def test_the_end_cuts_rows_and_marks_the_period_that_it_cuts(as_of, on_engine):
    times = [
        dt.datetime(2026, 1, 8),
        dt.datetime(2026, 2, 9, 16, 59),
        dt.datetime(2026, 2, 9, 17),
        dt.datetime(2026, 3, 1),
    ]
    frame = on_engine(seen(times, "UTC"))
    found = measure(frame, visits, every="1mo", at="time", as_of=as_of, time_zone="Asia/Jakarta")
    rows = nw.from_native(found).rows(named=True)
    assert [(row["period"].month, row["value"], row["warning"]) for row in rows] == [
        (1, 1, ""),
        (2, 1, "partial_period"),
    ]


def test_an_end_on_a_boundary_cuts_nothing():
    found = measure(seen([dt.datetime(2026, 1, 8)]), visits, every="1mo", at="time", as_of="2026-04-01")
    assert found["period"].dt.month().to_list() == [1, 2, 3]
    assert found["reason"].to_list() == ["", "no_rows", "no_rows"]
    assert found["warning"].to_list() == ["partial_period", "", ""]  # nothing is known before the 8th


@pytest.mark.parametrize(
    ("first", "pause", "partial"),
    [(1, 1, False), (2, 1, False), (3, 1, True), (20, 1, True), (3, 2, False), (8, 7, False), (9, 7, True)],
)
def test_the_first_period_is_partial_where_the_data_begin_after_more_than_a_usual_pause(
    first, pause, partial, on_engine
):
    """Daily data may rest on the first of the month, and a mailing every seven days may come on the 8th."""
    start, end = dt.datetime(2026, 1, first, 9), dt.datetime(2026, 3, 31)
    times = pl.datetime_range(start, end, f"{pause}d", eager=True).to_list()
    result = measure(on_engine(seen(times)), visits, every="1mo", at="time", as_of="2026-04-01")
    warnings = nw.from_native(result)["warning"].to_list()
    assert warnings == ["partial_period" if partial else "", "", ""]


def test_one_long_pause_later_on_excuses_no_late_beginning():
    """Sixty days of data from the 10th on, with a pause of twelve days: one pause in 48 is no usual one."""
    days = [dt.datetime(2026, 1, 10) + dt.timedelta(days=day) for day in range(60) if not 20 <= day < 32]
    result = measure(seen(days), visits, every="1mo", at="time")
    assert result["warning"].to_list() == ["partial_period", "", ""]


def test_the_first_period_of_every_group_is_the_first_of_the_data():
    """A group that begins in February has no January; the data begin on 20 January."""
    times = [dt.datetime(2026, 1, 20), dt.datetime(2026, 1, 21), dt.datetime(2026, 2, 1), dt.datetime(2026, 2, 2)]
    frame = seen(times).with_columns(team=pl.Series(["a", "a", "b", "b"]))
    result = measure(frame, visits, by="team", every="1mo", at="time")
    marked = {(row["team"], row["period"].month): row["warning"] for row in result.iter_rows(named=True)}
    assert marked == {("a", 1): "partial_period", ("a", 2): "", ("b", 1): "partial_period", ("b", 2): ""}


def test_a_quarter_and_a_week_begin_late_too_and_a_day_never():
    times = [dt.datetime(2026, 1, 9, 12), dt.datetime(2026, 1, 10, 12), dt.datetime(2026, 1, 11, 12)]
    warnings = {every: measure(seen(times), visits, every=every, at="time")["warning"][0] for every in PERIODS}
    assert warnings == {
        "1d": "",
        "1w": "partial_period",
        "1mo": "partial_period",
        "1q": "partial_period",
        "1y": "partial_period",
    }


def test_the_mark_of_a_cut_period_goes_beside_other_warnings():
    frame = pl.DataFrame({"opens": [5, 7], "delivered": [10, 10], "time": [dt.datetime(2026, 1, 8)] * 2})
    found = measure(frame, open_rate, every="1w", at="time", as_of="2026-01-09")
    assert found["warning"].to_list() == ["machine_opens partial_period"]
    assert found["period"].to_list() == [dt.datetime(2026, 1, 5)]


def test_an_end_without_periods_only_leaves_out_rows():
    times = [dt.datetime(2026, 1, 8), dt.datetime(2026, 1, 9), None]
    found = visits(seen(times), at="time", as_of="2026-01-09")
    assert (found.value, found.warning) == (1, "")


def test_a_row_without_a_date_belongs_to_no_period(on_engine):
    frame = on_engine(seen([dt.datetime(2026, 1, 8), None]))
    assert counted(measure(frame, visits, every="1mo", at="time")) == {dt.datetime(2026, 1, 1): 1}
    assert visits(frame, at="time").value == 1
    nowhere = on_engine(seen([None, None]))
    assert len(measure(nowhere, visits, every="1mo", at="time")) == 0


def test_no_rows_at_all_have_no_periods(on_engine):
    found = measure(on_engine(seen([])), [visits], every="1mo", at="time", as_of="2026-02-01")
    assert len(found) == 0
    assert "period" in found.columns


def test_words_are_no_times(on_engine):
    frame = on_engine(pl.DataFrame({"visits": [1], "sent": ["2026-01-01"]}))
    with pytest.raises(DataError, match="sent: is String, not a time"):
        measure(frame, visits, every="1mo", at="sent")


def test_an_end_with_a_zone_needs_one_in_the_times(on_engine):
    frame = on_engine(seen([dt.datetime(2026, 1, 8)]))
    with pytest.raises(ValueError, match="time_zone: say it, because as_of has a zone and 'time' has none"):
        measure(frame, visits, at="time", as_of="2026-01-09T00:00+07:00")


def test_a_metric_is_measured_by_period_directly():
    found = visits(seen(EDGES), every="1q", at="time")
    assert found.select("period", "value").rows() == [(dt.datetime(2025, 10, 1), 1), (dt.datetime(2026, 1, 1), 6)]
