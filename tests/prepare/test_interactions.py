"""Interactions before they are counted: customer and time known, unique events; and what is wrong with the others."""

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import narwhals as nw
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagekit import DataError
from engagekit.prepare.interactions import US, defects, unique, valid_interactions

MINUTE = dt.timedelta(minutes=1)
JAKARTA = ZoneInfo("Asia/Jakarta")
START = dt.datetime(2026, 1, 5, 9, tzinfo=JAKARTA)
NONE = dict.fromkeys(("no_customer", "no_time", "from_as_of_on", "repeated_event", "negative_duration"), 0)
TYPES = {
    "customer_id": pl.String,
    "minute": pl.Float64,
    "event_id": pl.String,
    "action": pl.String,
    "channel": pl.String,
    "duration_s": pl.Float64,
}
EVENTS = ("customer_id", "minute", "event_id")


def events(*rows, columns=EVENTS, zone="UTC"):
    """Interactions at so many minutes after the start, 9:00 in Jakarta."""
    frame = pl.DataFrame(rows, schema={name: TYPES[name] for name in columns}, orient="row")
    at = pl.lit(START) + pl.duration(microseconds=(pl.col("minute") * 60_000_000).round().cast(pl.Int64))
    time = at.dt.convert_time_zone(zone or "Asia/Jakarta")
    return frame.with_columns(time=time if zone else time.dt.replace_time_zone(None)).drop("minute")


def rows_of(valid, *names):
    """Sorted rows of valid interactions, times as minutes after the start."""
    first_us = (START - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    frame = valid.collect("polars").to_native().with_columns(minute=(pl.col(US) - first_us) / 60_000_000)
    return sorted(frame.select(names).rows(), key=repr)


def of_unique(frame, columns=(), **options):
    """Valid interactions of a frame that is made unique first, with their event's id."""
    return valid_interactions(unique(frame), [*columns, "event_id"], **options)


# Each once


def test_rows_that_repeat_an_event_count_once(on_engine):
    rows = [("a", 0, "1"), ("a", 0, "1"), ("a", 0, "2"), ("b", 5, "3"), ("b", 5, "3"), ("b", 5, "3")]
    assert rows_of(of_unique(on_engine(events(*rows))), *EVENTS) == [
        ("a", 0.0, "1"),
        ("a", 0.0, "2"),
        ("b", 5.0, "3"),
    ]


def test_an_event_at_several_times_counts_at_the_earliest(on_engine):
    rows = [("a", 7, "1"), ("a", -3, "1"), ("a", 0, "1"), ("b", 2, "2"), ("b", 2 + 1 / 60_000_000, "2")]
    for order in (rows, rows[::-1]):
        assert rows_of(of_unique(on_engine(events(*order))), *EVENTS) == [("a", -3.0, "1"), ("b", 2.0, "2")]


def test_of_an_event_with_several_contents_at_one_time_one_row_counts_whatever_their_order(on_engine):
    """It is one of the rows and no mixture of them, and the same one on every engine."""
    columns = (*EVENTS, "action", "channel", "duration_s")
    rows = [("a", 0, "1", "view", "web", None), ("a", 0, "1", "view", None, 5.0), ("a", 0, "1", "login", "app", -2.0)]
    rows += [("b", 0, "2", None, "web", 1.0), ("b", 0, "2", None, "web", 2.0), ("b", 0, "2", None, "Web", 3.0)]
    names = ("action", "channel", "duration_s")
    expected = rows_of(of_unique(events(*rows, columns=columns), names), *columns)
    assert set(expected) <= set(rows)
    assert [row[2] for row in expected] == ["1", "2"]
    for order in itertools.islice(itertools.permutations(rows), 0, None, 97):
        assert rows_of(of_unique(on_engine(events(*order, columns=columns)), names), *columns) == expected


def test_events_without_an_id_are_never_the_same(on_engine):
    rows = [("a", 0, None), ("a", 0, None), ("a", 0, "1"), ("a", 0, None)]
    assert rows_of(of_unique(on_engine(events(*rows))), *EVENTS) == [("a", 0.0, "1"), *[("a", 0.0, None)] * 3]


def test_ids_that_are_numbers_are_ids_and_not_a_number_is_none(on_engine):
    frame = events(*[("a", minute, None) for minute in range(5)])
    for ids, counted in [
        ([1.0, 1.0, float("nan"), float("nan"), None], 4),
        ([7, 7, 7, 8, None], 3),
        ([7, 7, 7, 8, 9], 3),
    ]:
        assert len(rows_of(of_unique(on_engine(frame.with_columns(event_id=pl.Series(ids)))), "minute")) == counted


def test_without_event_ids_every_row_counts(on_engine):
    rows = events(("a", 0), ("a", 0), ("b", 0), columns=("customer_id", "minute"))
    assert rows_of(valid_interactions(on_engine(rows)), "customer_id") == [("a",), ("a",), ("b",)]


def test_a_row_that_cannot_count_does_not_stand_for_its_event(on_engine):
    rows = [(None, 0, "1"), ("a", 5, "1"), ("a", None, "2"), ("a", 6, "2"), (None, 1, "3"), ("b", None, "4")]
    assert rows_of(of_unique(on_engine(events(*rows))), *EVENTS) == [("a", 5.0, "1"), ("a", 6.0, "2")]


def test_all_events_at_one_instant_and_in_any_order_are_all_there(on_engine):
    rows = [("c", 0, "3"), ("a", 0, "9"), ("b", 0, "1"), ("a", 0, "2")]
    assert rows_of(of_unique(on_engine(events(*rows))), "customer_id", "event_id") == [
        ("a", "2"),
        ("a", "9"),
        ("b", "1"),
        ("c", "3"),
    ]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from("123")), max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter_and_a_second_export_of_the_same_adds_nothing(rows, randomly):
    frame, shuffled = events(*rows), events(*randomly.sample(rows, len(rows)))
    once = rows_of(of_unique(frame), *EVENTS)
    assert rows_of(of_unique(shuffled), *EVENTS) == rows_of(of_unique(pl.concat([frame, shuffled])), *EVENTS) == once
    first = {name: min(row[1] for row in rows if row[2] == name) for *_, name in rows}
    assert {name: minute for _, minute, name in once} == first
    assert len(once) == len(first) == len(rows) - defects(frame)["repeated_event"]


def test_an_event_that_repeats_is_refused_with_the_way_out(on_engine):
    rows = [("a", 0, "1"), ("a", 0, "1"), ("b", 3, "1"), ("b", 5, None), ("b", 5, None)]
    with pytest.raises(DataError, match=r"^event_id: 2 rows repeat .*prepare\.interactions\.unique\(frame\)"):
        valid_interactions(on_engine(events(*rows)))


def test_only_what_counts_must_be_unique(on_engine):
    rows = [("a", 0, "1"), (None, 0, "1"), ("a", None, "1"), ("b", 20, "1")]
    before = valid_interactions(on_engine(events(*rows)), ["event_id"], as_of=START + 10 * MINUTE)
    assert rows_of(before, *EVENTS) == [("a", 0.0, "1")]


def test_what_is_unique_comes_back_as_it_came():
    frame = events(("b", 5, "1"), ("b", 5, None), ("b", 5, None))
    assert unique(frame) is frame
    assert unique(frame.drop("event_id")).columns == ["customer_id", "time"]


def test_unique_rows_keep_their_order_columns_and_kind(on_engine):
    rows = [("c", 9, "3", "app"), ("b", 5, "1", "web"), ("b", 1, "1", "app"), (None, 2, "4", "x"), ("a", 0, None, "y")]
    columns = (*EVENTS, "channel")
    frame = on_engine(events(*rows, columns=columns))
    found = unique(frame)
    assert type(found) is type(frame)
    plain = nw.from_native(found).lazy().collect("polars").to_native()
    assert plain.columns == ["customer_id", "event_id", "channel", "time"]
    expected = [("c", "3", "app"), ("b", "1", "app"), (None, "4", "x"), ("a", None, "y")]
    ordered = isinstance(frame, pd.DataFrame | pl.DataFrame | pl.LazyFrame)
    kept = plain.select("customer_id", "event_id", "channel").rows()
    assert kept == expected if ordered else sorted(kept, key=repr) == sorted(expected, key=repr)


def test_columns_that_have_no_order_do_not_stop_it():
    frame = events(("a", 0, "1"), ("a", 0, "1")).with_columns(tags=pl.Series([["x"], ["y"]]))
    assert len(unique(frame)) == 1


# Of a customer, at a time, before a date


def test_what_lacks_a_customer_or_a_time_is_not_seen(on_engine):
    rows = [("a", 0, "1"), (None, 1, "2"), ("a", None, "3"), (None, None, None), ("b", 5, None)]
    assert rows_of(of_unique(on_engine(events(*rows))), *EVENTS) == [("a", 0.0, "1"), ("b", 5.0, None)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", None])
def test_the_date_itself_is_not_seen_and_the_microsecond_before_it_is(on_engine, zone):
    date = START + 10 * MINUTE if zone else START.replace(tzinfo=None) + 10 * MINUTE
    just_before = 10 - 1 / 60_000_000
    frame = on_engine(events(("a", just_before, "1"), ("b", 10, "2"), ("c", 11, None), zone=zone))
    found = valid_interactions(frame, as_of=date).collect("polars").to_native()
    assert found["customer_id"].to_list() == ["a"]
    assert valid_interactions(frame, as_of=date - 5 * MINUTE).collect("polars").shape[0] == 0  # before all events


def test_the_date_may_be_in_another_zone_than_the_times(on_engine):
    frame = on_engine(events(("a", 0, "1"), ("b", 10, "2")))
    for zone in (dt.UTC, ZoneInfo("America/New_York")):
        assert rows_of(valid_interactions(frame, as_of=(START + 10 * MINUTE).astimezone(zone)), "customer_id") == [
            ("a",)
        ]


def test_what_repeats_an_event_from_the_date_on_does_not_change_what_was_seen_before_it(on_engine):
    rows = [("a", 0, "1"), ("a", 20, "1"), ("b", 30, "2")]
    assert rows_of(of_unique(on_engine(events(*rows)), as_of=START + 10 * MINUTE), *EVENTS) == [("a", 0.0, "1")]


@pytest.mark.parametrize("look", [valid_interactions, defects])
def test_a_date_and_times_share_having_a_zone_or_not(on_engine, look):
    with pytest.raises(ValueError, match="^time: its times have a time zone, unlike 2026-01-05 09:00:00$"):
        look(on_engine(events(("a", 0, "1"))), as_of=START.replace(tzinfo=None))
    with pytest.raises(ValueError, match=r"^time: its times have no time zone, unlike 2026-01-05 09:00:00\+07:00$"):
        look(on_engine(events(("a", 0, "1"), zone=None)), as_of=START)


@pytest.mark.parametrize("look", [valid_interactions, defects])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("aware", [START, pd.Timestamp(START)], ids=["datetime", "pandas"])
def test_times_with_a_zone_and_times_without_in_one_column_are_refused(look, order, aware):
    """Which of the two the others were meant as cannot be known; seven hours would be lost or won."""
    times = [aware, aware.replace(tzinfo=None), None][::order]
    frame = pd.DataFrame({"customer_id": ["a", "b", "c"], "time": pd.Series(times, dtype=object)})
    with pytest.raises(DataError, match="^time: .*zone"):
        look(frame)


def test_times_of_several_zones_in_one_column_are_the_instants_they_are():
    times = pd.Series([START, START.astimezone(dt.UTC), None], dtype=object)
    found = valid_interactions(pd.DataFrame({"customer_id": ["a", "b", "c"], "time": times}))
    assert rows_of(found, "customer_id", "minute") == [("a", 0.0), ("b", 0.0)]


# Columns


def test_columns_come_where_they_are_asked_for_and_there(on_engine):
    frame = on_engine(events(("a", 0, "1", "view", "web"), columns=(*EVENTS, "action", "channel")))
    for columns, optional, expected in [
        ([], [], []),
        (["action"], ["page"], ["action"]),
        ([], ["channel", "page", "action"], ["channel", "action"]),
    ]:
        names = [
            name
            for name in valid_interactions(frame, columns, optional).collect_schema().names()
            if not name.startswith(":")
        ]
        assert names == ["customer_id", "time", *expected]


@pytest.mark.parametrize("look", [valid_interactions, defects])
@pytest.mark.parametrize("name", ["customer_id", "time"])
def test_a_missing_column_is_named(on_engine, look, name):
    with pytest.raises(DataError, match=f"^{name}: is not a column"):
        look(on_engine(events(("a", 0, "1")).drop(name)))


def test_a_column_needed_besides_and_missing_is_named(on_engine):
    with pytest.raises(DataError, match="^action: is not a column"):
        valid_interactions(on_engine(events(("a", 0, "1"))), ["action"])


@pytest.mark.parametrize("look", [valid_interactions, defects])
def test_times_that_are_text_are_refused(on_engine, look):
    with pytest.raises(DataError, match="^time: is String, not a time"):
        look(on_engine(events(("a", 0, "1")).with_columns(pl.col("time").cast(pl.String))))


def test_the_caller_s_frame_is_not_changed():
    frame = events(("b", 5, "1"), ("b", 0, "1"), (None, 0, None))
    native, twin = frame.to_pandas(), frame.clone()
    before = native.copy(deep=True)
    for look in (unique, lambda given: valid_interactions(unique(given)).collect(), defects):
        look(native), look(frame)
    pd.testing.assert_frame_equal(native, before)
    assert_frame_equal(frame, twin)


def test_a_pandas_frame_that_holds_nothing_has_nothing_to_see_and_no_defects():
    nothing = pd.DataFrame(
        {name: pd.Series([], dtype=object) for name in ("customer_id", "time", "event_id", "duration_s")}
    )
    assert valid_interactions(nothing, ["duration_s"]).collect().shape[0] == 0
    assert defects(nothing) == {**NONE, "rows": 0}
    blank = pd.DataFrame({name: [None, None] for name in nothing}, dtype=object)
    assert valid_interactions(blank, ["duration_s"]).collect().shape[0] == 0
    assert defects(blank) == {**NONE, "no_customer": 2, "no_time": 2, "rows": 2}


# What is the matter


def test_each_defect_is_counted(on_engine):
    columns = (*EVENTS, "duration_s")
    rows = [("a", 0, "1", 5.0), ("a", 0, "1", 5.0), ("a", 9, "1", None), ("a", 1, None, -1.0), ("a", 2, None, 0.0)]
    rows += [(None, 3, "2", -60.0), (None, None, "3", float("nan")), ("b", None, "4", -0.5), ("b", 10, "5", 1.0)]
    rows += [("b", 12, "5", 1.0), (None, 10, "6", None)]
    frame = on_engine(events(*rows, columns=columns))
    expected = {
        "no_customer": 3,
        "no_time": 2,
        "from_as_of_on": 0,
        "repeated_event": 3,  # "1" twice more, "5" once
        "negative_duration": 3,
        "rows": 11,
    }
    assert defects(frame) == expected
    assert defects(frame, START + 10 * MINUTE) == {**expected, "from_as_of_on": 3}


def test_a_frame_without_ids_and_durations_has_neither_repeated_nor_negative_ones(on_engine):
    frame = events(("a", 0), ("a", 0), (None, 0), columns=("customer_id", "minute"))
    assert defects(on_engine(frame)) == {**NONE, "no_customer": 1, "rows": 3}


def test_events_without_an_id_repeat_nothing(on_engine):
    assert defects(on_engine(events(("a", 0, None), ("a", 0, None)))) == {**NONE, "rows": 2}
    assert defects(on_engine(events(("a", 0, None), ("a", 0, "1")))) == {**NONE, "rows": 2}


def test_nothing_has_no_defects(on_engine):
    empty = events(("a", 0, "1", 1.0), columns=(*EVENTS, "duration_s")).head(0)
    found = defects(on_engine(empty), START)
    assert found == {**NONE, "rows": 0}
    assert {type(number) for number in found.values()} == {int}


def test_one_sound_event_has_no_defects(on_engine):
    found = defects(on_engine(events(("a", 0, "1", 1.0), columns=(*EVENTS, "duration_s"))), START + MINUTE)
    assert found == {**NONE, "rows": 1}
    assert list(found) == [*NONE, "rows"]


def test_the_date_itself_is_from_the_date_on(on_engine):
    frame = on_engine(events(("a", 0, "1"), ("a", 10, "2"), ("a", 11, "3")))
    found = {minutes: defects(frame, START + minutes * MINUTE)["from_as_of_on"] for minutes in (-1, 0, 10, 11, 12)}
    assert found == {-1: 3, 0: 3, 10: 2, 11: 1, 12: 0}


def test_whole_seconds_can_be_negative_too(on_engine):
    frame = events(*[("a", 0, None)] * 3).with_columns(duration_s=pl.Series([-1, 0, None], dtype=pl.Int64))
    assert defects(on_engine(frame)) == {**NONE, "negative_duration": 1, "rows": 3}
