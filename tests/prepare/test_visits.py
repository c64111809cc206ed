"""Visits, views and totals, from cases made by hand, a second route, and properties that hold of any events."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagekit import DataError
from engagekit.frames.engine import to_narwhals
from engagekit.frames.times import micros_at, span_us, with_micros
from engagekit.prepare.interactions import unique
from engagekit.prepare.visits import views, visit_totals, visits

MINUTE = dt.timedelta(minutes=1)
SECOND = dt.timedelta(seconds=1)
JAKARTA = ZoneInfo("Asia/Jakarta")
START = dt.datetime(2026, 1, 5, 23, 45, tzinfo=JAKARTA)
TYPES = {
    "customer_id": pl.String,
    "minute": pl.Float64,
    "action": pl.String,
    "page": pl.String,
    "channel": pl.String,
    "campaign": pl.String,
    "session_id": pl.String,
    "duration_s": pl.Float64,
    "event_id": pl.String,
}


def events(*rows, columns=("customer_id", "minute", "action"), zone="Asia/Jakarta"):
    """Interactions at so many minutes after the start, 23:45 in Jakarta."""
    frame = pl.DataFrame(rows, schema={name: TYPES[name] for name in columns}, orient="row")
    at = pl.lit(START) + pl.duration(microseconds=(pl.col("minute") * 60_000_000).round().cast(pl.Int64))
    time = at.dt.convert_time_zone(zone or "Asia/Jakarta")
    return frame.with_columns(time=time if zone else time.dt.replace_time_zone(None)).drop("minute")


def rows_of(found, *names):
    """Sorted rows of a frame of any kind, times as minutes after the start."""
    frame = nw.from_native(found).lazy().collect("polars").to_native()
    times = {name: frame[name] for name in ("started_at", "ended_at", "time") if name in frame.columns}
    for name, time in times.items():
        aware = time.dt.convert_time_zone("Asia/Jakarta") if time.dtype.time_zone else time
        clock = aware.dt.replace_time_zone(None).cast(pl.Datetime("us"))
        frame = frame.with_columns(((clock - START.replace(tzinfo=None)) / MINUTE).alias(name))
    return sorted(frame.select(names or frame.columns).rows(), key=repr)


# Visits


def test_midnight_ends_no_visit(on_engine):
    found = visits(on_engine(events(("a", 0, "view"), ("a", 16, "view"))))
    assert rows_of(found) == [("a", 0.0, 16.0, 2, 2, 960.0, True, False)]


def test_a_gap_of_exactly_its_length_starts_a_visit_and_less_does_not(on_engine):
    just_less = 30 - 1 / 60_000_000
    found = visits(on_engine(events(("a", 0, "view"), ("a", 30, "view"), ("b", 0, "view"), ("b", just_less, "view"))))
    assert rows_of(found, "customer_id", "events") == [("a", 1), ("a", 1), ("b", 2)]


def test_each_gap_counts_from_the_interaction_before_and_not_from_the_first(on_engine):
    found = visits(on_engine(events(*[("a", 29 * step, "login") for step in range(5)], ("a", 146, "login"))))
    assert rows_of(found, "started_at", "ended_at", "events") == [(0.0, 116.0, 5), (146.0, 146.0, 1)]


def test_the_gap_can_be_given_in_minutes_or_hours(on_engine):
    seen = on_engine(events(("a", 0, "view"), ("a", 90, "view")))
    assert len(rows_of(visits(seen, "90m"))) == 2
    assert len(rows_of(visits(seen, "91m"))) == len(rows_of(visits(seen, "2h"))) == 1


def test_one_interaction_has_no_duration_and_two_at_one_time_have_none_to_speak_of(on_engine):
    found = visits(on_engine(events(("a", 0, "login"), ("b", 5, "login"), ("b", 5, "search"))))
    assert rows_of(found, "customer_id", "events", "duration_s", "engaged") == [
        ("a", 1, None, False),
        ("b", 2, 0.0, False),
    ]


def test_a_visit_is_engaged_by_its_length_two_views_or_a_key_action(on_engine):
    rows = [("long", 0, "login"), ("long", 10 / 60, "login"), ("short", 0, "login"), ("short", 9.9 / 60, "login")]
    rows += [("two", 0, "view"), ("two", 0, "view"), ("one", 0, "view"), ("key", 0, "purchase"), ("none", 0, None)]
    seen = on_engine(events(*rows))
    engaged = {"long": True, "short": False, "two": True, "one": False, "key": True, "none": False}
    assert dict(rows_of(visits(seen), "customer_id", "engaged")) == engaged
    assert dict(rows_of(visits(seen, engaged_after_s=11), "customer_id", "engaged")) == {**engaged, "long": False}


def test_a_visit_lasts_as_long_as_its_span_or_a_longer_duration_recorded_in_it(on_engine):
    rows = [("a", 0, "view", 10.0), ("b", 0, "view", 9.5), ("c", 0, "view", None), ("d", 0, "view", float("nan"))]
    rows += [("e", 0, "view", 60.0), ("e", 0.1, "login", 60.0)]  # two interactions six seconds apart
    rows += [("f", 0, "view", -60.0)]
    found = visits(on_engine(events(*rows, columns=("customer_id", "minute", "action", "duration_s"))))
    assert rows_of(found, "customer_id", "duration_s", "engaged") == [
        ("a", 10.0, True),
        ("b", 9.5, False),
        ("c", None, False),
        ("d", None, False),
        ("e", 60.0, True),
        ("f", None, False),
    ]


def test_a_login_after_a_long_view_makes_no_bounce_of_it(on_engine):
    """One view of 104 seconds is engaged, and so is the same view with a login four seconds later."""
    alone = [("a", 0, "view", 104.0)]
    followed = [*alone, ("a", 4 / 60, "login", None)]
    slow = [("a", 0, "view", 3.0), ("a", 2, "login", 1.0)]  # two minutes, though none of it was recorded as long
    for rows, expected in [(alone, (104.0, True)), (followed, (104.0, True)), (slow, (120.0, True))]:
        interactions = events(*rows, columns=("customer_id", "minute", "action", "duration_s"))
        assert rows_of(visits(on_engine(interactions)), "duration_s", "engaged") == [expected]


def test_a_key_action_converts_a_visit(on_engine):
    seen = on_engine(events(("a", 0, "view"), ("a", 1, "purchase"), ("a", 2, "view"), ("b", 0, "lead")))
    for key_actions, expected in [
        (("purchase",), [("a", True), ("b", False)]),
        (["purchase", "lead"], [("a", True), ("b", True)]),
        ("lead", [("a", False), ("b", True)]),
        ((), [("a", False), ("b", False)]),
    ]:
        assert rows_of(visits(seen, key_actions=key_actions), "customer_id", "converted") == expected


def test_rows_may_come_in_any_order_and_customers_are_kept_apart(on_engine):
    rows = [("b", 50, "view"), ("a", 20, "view"), ("b", 25, "view"), ("a", 0, "view"), ("a", 70, "view")]
    seen = on_engine(events(*rows))
    assert rows_of(visits(seen), "customer_id", "started_at", "ended_at") == [
        ("a", 0.0, 20.0),
        ("a", 70.0, 70.0),
        ("b", 25.0, 50.0),
    ]
    assert rows_of(visit_totals(seen)) == [(3, 1, 5, 20 * 60 + 25 * 60)]


def test_several_at_the_time_that_starts_a_visit_are_all_in_it(on_engine):
    rows = [("a", 0, "view"), *[("a", 40, action) for action in ("view", "login", "search", "view", "purchase")]]
    assert rows_of(visits(on_engine(events(*rows))), "started_at", "events") == [(0.0, 1), (40.0, 5)]


def test_it_is_so_in_a_frame_too_large_for_engines_to_keep_its_order(on_engine):
    """DuckDB sorts what ties in one order for one window and in another for the next."""
    rows = [("a", 30 * visit, "view", "x") for visit in range(100) for _ in range(100)]
    random.Random(5).shuffle(rows)
    seen = on_engine(events(*rows, columns=("customer_id", "minute", "action", "page")))
    assert rows_of(visits(seen), "events") == [(100,)] * 100
    assert sum(exited for (exited,) in rows_of(views(seen), "exited")) == 100
    assert rows_of(visit_totals(seen)) == [(100, 0, 10_000, 0.0)]


def test_what_lacks_a_customer_or_a_time_is_left_out(on_engine):
    rows = [("a", 0, "view"), (None, 1, "view"), ("a", None, "view"), (None, None, "view"), ("a", 5, "view")]
    assert rows_of(visits(on_engine(events(*rows))), "customer_id", "events") == [("a", 2)]


def test_nothing_gives_no_visits(on_engine):
    rows = events(("a", 0, "view", "x"), columns=("customer_id", "minute", "action", "page"))
    assert rows_of(visits(on_engine(rows.head(0)))) == rows_of(views(on_engine(rows.head(0)))) == []


LABELLED = ("customer_id", "minute", "action", "page", "channel", "campaign")


def test_a_visit_has_the_first_and_the_last_page_viewed_and_the_labels_of_its_first_interaction(on_engine):
    rows = [
        ("a", 3, "view", "cart", "app", "later"),
        ("a", 0, "login", "gate", None, "early"),
        ("a", 1, "view", None, None, None),
        ("a", 2, "view", "home", "web", None),
        ("a", 4, "view", None, "web", None),
        ("a", 5, "purchase", "till", "web", None),
        ("b", 0, "login", "gate", "web", None),
        ("b", 1, "login", "gate", "app", "sale"),
        ("a", 60, "view", "cart", "email", "sale"),
    ]
    found = visits(on_engine(events(*rows, columns=LABELLED)))
    assert rows_of(found, "customer_id", "started_at", "entry_page", "exit_page", "channel", "campaign") == [
        ("a", 0.0, "home", "cart", None, "early"),
        ("a", 60.0, "cart", "cart", "email", "sale"),
        ("b", 0.0, None, None, "web", None),
    ]


def test_among_several_at_one_time_the_alphabetically_first_is_the_first_and_the_last_the_last(on_engine):
    at_once = [("m", "web", None), ("b", "web", "sale"), (None, None, "mail"), ("z", "app", None)]
    rows = [("a", 0, "view", *labels) for labels in at_once]
    for order in (rows, rows[::-1]):
        found = visits(on_engine(events(*order, columns=LABELLED)))
        assert rows_of(found, "entry_page", "exit_page", "channel", "campaign") == [("b", "z", "app", "mail")]


def test_each_visit_of_a_customer_has_its_own_pages_and_labels(on_engine):
    """Also where two visits have a session_id and lie in one another."""
    rows = [
        ("a", 0, "view", "home", "web", "1"),
        ("a", 1, "view", "start", "app", "2"),
        ("a", 2, "view", "x", "mail", None),
    ]
    rows += [
        ("a", 300, "view", "cart", "sms", "1"),
        ("a", 200, "view", "end", "sms", "2"),
        ("a", 99, "view", "y", "sms", None),
    ]
    found = visits(
        on_engine(events(*rows, columns=("customer_id", "minute", "action", "page", "channel", "session_id")))
    )
    assert rows_of(found, "started_at", "entry_page", "exit_page", "channel") == [
        (0.0, "home", "cart", "web"),
        (1.0, "start", "end", "app"),
        (2.0, "x", "x", "mail"),
        (99.0, "y", "y", "sms"),
    ]


def test_columns_that_interactions_lack_are_not_made_up(on_engine):
    names = ["customer_id", "started_at", "ended_at", "events", "views", "duration_s", "engaged", "converted"]
    plain, labelled = events(("a", 0, "view")), events(("a", 0, "view", "x", "y", "z"), columns=LABELLED)
    for frame, expected in [
        (plain, names),
        (labelled, [*names, "entry_page", "exit_page", "channel", "campaign"]),
    ]:
        assert nw.from_native(visits(on_engine(frame))).collect_schema().names() == expected


WITH_SESSIONS = ("customer_id", "minute", "action", "session_id")


def test_a_session_id_says_the_visit_and_the_others_fall_under_the_gap(on_engine):
    rows = [("a", 0, "view", "1"), ("a", 200, "view", "1"), ("a", 201, "view", "2")]
    rows += [("a", 5, "view", None), ("a", 100, "view", None), ("a", 110, "view", None), ("b", 0, "view", "1")]
    found = visits(on_engine(events(*rows, columns=WITH_SESSIONS)))
    assert rows_of(found, "customer_id", "started_at", "ended_at", "events") == [
        ("a", 0.0, 200.0, 2),
        ("a", 100.0, 110.0, 2),
        ("a", 201.0, 201.0, 1),
        ("a", 5.0, 5.0, 1),
        ("b", 0.0, 0.0, 1),
    ]


IDENTIFIED = ("customer_id", "minute", "action", "page", "event_id")


def test_rows_that_repeat_an_event_id_are_one_interaction_at_its_earliest_time(on_engine):
    rows = [
        ("a", 90, "view", "x", "1"),
        ("a", 0, "view", "x", "1"),
        ("a", 0, "view", "x", "1"),
        ("a", 20, "view", "y", "2"),
    ]
    rows += [
        ("b", 0, "view", "x", None),
        ("b", 0, "view", "x", None),
        ("c", 0, "view", "x", "3"),
        ("c", 0, "view", "x", "3"),
    ]
    seen = unique(on_engine(events(*rows, columns=IDENTIFIED)))
    assert rows_of(visits(seen), "customer_id", "started_at", "events", "views", "duration_s") == [
        ("a", 0.0, 2, 2, 1200.0),
        ("b", 0.0, 2, 2, 0.0),
        ("c", 0.0, 1, 1, None),
    ]
    assert rows_of(views(seen)) == [
        ("a", 0.0, "x", False),
        ("a", 20.0, "y", True),
        ("b", 0.0, "x", False),
        ("b", 0.0, "x", True),
        ("c", 0.0, "x", True),
    ]
    assert rows_of(visit_totals(seen)) == [(3, 1, 5, 1200.0)]


def test_a_visit_still_open_is_left_out_and_nothing_from_the_date_on_is_seen(on_engine):
    seen = on_engine(events(("a", 0, "view"), ("a", 20, "view"), ("a", 60, "purchase"), ("b", 30, "view")))
    for minutes, expected in [(49, []), (50, [("a", 0.0, 2)]), (61, [("a", 0.0, 2), ("b", 30.0, 1)])]:
        found = visits(seen, as_of=START + minutes * MINUTE)
        assert rows_of(found, "customer_id", "started_at", "events") == expected


def test_the_date_may_be_in_another_zone_than_the_times(on_engine):
    seen = on_engine(events(("a", 0, "view")))
    assert rows_of(visits(seen, as_of=(START + 29 * MINUTE).astimezone(dt.UTC))) == []
    assert len(rows_of(visits(seen, as_of=(START + 30 * MINUTE).astimezone(dt.UTC)))) == 1


def test_the_zone_of_the_times_does_not_matter(on_engine):
    rows = [("a", 0, "view"), ("a", 16, "view"), ("a", 46, "purchase")]
    expected = [("a", 1, None, True, True), ("a", 2, 960.0, True, False)]
    for zone in ("UTC", "America/New_York", None):
        found = visits(on_engine(events(*rows, zone=zone)))
        assert rows_of(found, "customer_id", "events", "duration_s", "engaged", "converted") == expected
        assert rows_of(visit_totals(on_engine(events(*rows, zone=zone)))) == [(2, 1, 2, 960.0)]


def test_an_hour_that_the_clock_passes_twice_is_no_gap(on_engine):
    """In Berlin 2:55 in summer time is ten minutes before 2:05 in winter time."""
    utc = [dt.datetime(2026, 10, 25, 0, 55, tzinfo=dt.UTC), dt.datetime(2026, 10, 25, 1, 5, tzinfo=dt.UTC)]
    frame = pl.DataFrame({"customer_id": "a", "time": utc, "action": "view"})
    berlin = frame.with_columns(pl.col("time").dt.convert_time_zone("Europe/Berlin"))
    assert rows_of(visits(on_engine(berlin)), "events", "duration_s") == [(2, 600.0)]
    assert rows_of(visit_totals(on_engine(berlin))) == [(1, 0, 2, 600.0)]
    closed = dt.datetime(2026, 10, 25, 2, 35, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert rows_of(visits(on_engine(berlin), as_of=closed - SECOND)) == []
    assert rows_of(visits(on_engine(berlin), as_of=closed), "events") == [(2,)]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["Asia/Jakarta", None])
def test_times_come_back_in_their_own_type(unit, zone):
    frame = events(("a", 0, "view"), ("a", 16, "view"), zone=zone).with_columns(pl.col("time").dt.cast_time_unit(unit))
    found = visits(frame)
    assert found.schema["started_at"] == found.schema["ended_at"] == frame.schema["time"]
    native = frame.to_pandas()
    found = visits(native)
    assert found["started_at"].dtype == found["ended_at"].dtype == native["time"].dtype
    if (unit, zone) == ("ns", "Asia/Jakarta"):
        return  # Narwhals does not know DuckDB's nanoseconds with a zone
    relation = duckdb.from_arrow(frame.to_arrow())
    found = visits(relation)
    assert dict(zip(found.columns, found.types, strict=True))["started_at"] == relation.types[2]


def test_days_are_times_at_midnight(on_engine):
    days = [dt.date(2026, 1, 1), dt.date(2026, 1, 1), dt.date(2026, 1, 2)]
    found = visits(on_engine(pl.DataFrame({"customer_id": "a", "time": days, "action": "view"})), "24h")
    frame = nw.from_native(found).lazy().collect("polars").to_native()
    assert sorted(frame.select("events", "duration_s").rows()) == [(1, None), (2, 0.0)]


def test_times_before_1970_are_times_too(on_engine):
    moon = [dt.datetime(1969, 7, 20, 20, 17, 40, tzinfo=dt.UTC) + minutes * MINUTE for minutes in (0, 29, 60)]
    found = visits(on_engine(pl.DataFrame({"customer_id": "a", "time": moon, "action": "view"})))
    assert rows_of(found, "events", "duration_s") == [(1, None), (2, 1740.0)]


# Views


VIEWED = ("customer_id", "minute", "action", "page")


def test_the_last_view_of_each_visit_is_an_exit(on_engine):
    rows = [("a", 0, "view", "home"), ("a", 5, "view", "cart"), ("a", 6, "purchase", "cart")]
    rows += [("a", 40, "view", "help"), ("b", 0, "view", "home"), ("b", 10, "login", None), ("c", 0, "login", "gate")]
    assert rows_of(views(on_engine(events(*rows, columns=VIEWED)))) == [
        ("a", 0.0, "home", False),
        ("a", 40.0, "help", True),
        ("a", 5.0, "cart", True),
        ("b", 0.0, "home", True),
    ]


def test_other_actions_keep_a_visit_going_between_two_views(on_engine):
    rows = [("a", 0, "view", "home"), ("a", 20, "login", None), ("a", 40, "view", "cart")]
    assert rows_of(views(on_engine(events(*rows, columns=VIEWED))), "page", "exited") == [
        ("cart", True),
        ("home", False),
    ]
    without = [row for row in rows if row[2] == "view"]
    assert rows_of(views(on_engine(events(*without, columns=VIEWED))), "exited") == [(True,), (True,)]


def test_among_views_at_one_time_the_alphabetically_last_is_the_exit_once(on_engine):
    rows = [("a", 0, "view", page) for page in ("m", "z", None, "z", "b")]
    for order in (rows, rows[::-1]):
        assert rows_of(views(on_engine(events(*order, columns=VIEWED))), "page", "exited") == [
            ("b", False),
            ("m", False),
            ("z", False),
            ("z", True),
            (None, False),
        ]


def test_a_view_of_no_page_is_a_view(on_engine):
    assert rows_of(views(on_engine(events(("a", 0, "view", None), columns=VIEWED))), "exited") == [(True,)]


def test_whether_the_last_view_of_an_open_visit_was_an_exit_is_not_known(on_engine):
    rows = [("a", 0, "view", "home"), ("a", 5, "view", "cart"), ("a", 10, "login", None), ("a", 45, "view", "late")]
    seen = on_engine(events(*rows, columns=VIEWED))
    found = {minutes: rows_of(views(seen, as_of=START + minutes * MINUTE), "page", "exited") for minutes in (39, 40)}
    assert found == {39: [("cart", None), ("home", False)], 40: [("cart", True), ("home", False)]}


def test_a_session_id_says_the_visit_of_a_view(on_engine):
    rows = [("a", 0, "view", "1"), ("a", 100, "view", "1"), ("a", 1, "view", "2"), ("a", 2, "view", None)]
    frame = events(*rows, columns=WITH_SESSIONS).with_columns(page=pl.lit("x"))
    assert rows_of(views(on_engine(frame)), "time", "exited") == [
        (0.0, False),
        (1.0, True),
        (100.0, True),
        (2.0, True),
    ]


def test_the_gap_of_views_can_be_given(on_engine):
    seen = on_engine(events(("a", 0, "view", "x"), ("a", 30, "view", "y"), columns=VIEWED))
    assert rows_of(views(seen, "31m"), "page", "exited") == [("x", False), ("y", True)]


# Totals


def test_four_visits_are_added_up(on_engine):
    rows = [
        ("a", 0, "view"),
        ("a", 16, "view"),
        ("a", 46, "login"),
        ("b", 5, "view"),
        ("c", 0, None),
        ("c", 29.5, "view"),
    ]
    assert rows_of(visit_totals(on_engine(events(*rows)))) == [(4, 2, 4, 16 * 60 + 29.5 * 60)]


def test_the_gap_of_totals_can_be_given(on_engine):
    seen = on_engine(events(("a", 0, "view"), ("a", 90, "view")))
    assert rows_of(visit_totals(seen, "90m")) == [(2, 2, 2, 0.0)]
    assert rows_of(visit_totals(seen, "91m")) == rows_of(visit_totals(seen, "2h")) == [(1, 0, 2, 5400.0)]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ("11221", (2, 0, 5, 300 * 60 + 50 * 60)),
        ("-----", (4, 3, 5, 60)),  # the first two, and three alone
        ("1--21", (4, 3, 5, 300 * 60)),
        ("12-1-", (4, 3, 5, 100 * 60)),
    ],
)
def test_a_session_id_says_the_visit_in_totals_and_the_others_fall_under_the_gap(on_engine, ids, expected):
    named = zip([0, 1, 50, 100, 300], ids, strict=True)
    rows = [("a", minute, "view", None if name == "-" else name) for minute, name in named]
    assert rows_of(visit_totals(on_engine(events(*rows, columns=WITH_SESSIONS)))) == [expected]


def test_nothing_adds_up_to_zero_and_not_to_null(on_engine):
    for columns in (("customer_id", "minute", "action"), (*WITH_SESSIONS, "event_id")):
        empty = events(("a", 0, "view", "s", "1")[: len(columns)], columns=columns).head(0)
        found = nw.from_native(visit_totals(on_engine(empty))).lazy().collect("polars").to_native()
        assert found.rows() == [(0, 0, 0, 0.0)]
    assert rows_of(visit_totals(on_engine(events((None, 0, "view"), ("a", None, "view"))))) == [(0, 0, 0, 0.0)]


def test_one_event_is_a_visit_without_a_length(on_engine):
    seen = on_engine(events(("a", 0, "view")))
    assert rows_of(visits(seen), "events", "duration_s") == [(1, None)]
    assert rows_of(visit_totals(seen)) == [(1, 1, 1, 0.0)]


def test_all_events_at_one_instant_are_one_visit_of_no_length(on_engine):
    seen = on_engine(
        events(*[("a", 7, action, page) for action in ("view", "login", None) for page in "xyx"], columns=VIEWED)
    )
    assert rows_of(visits(seen), "started_at", "ended_at", "events", "duration_s", "entry_page", "exit_page") == [
        (7.0, 7.0, 9, 0.0, "x", "y")
    ]
    assert rows_of(visit_totals(seen)) == [(1, 0, 3, 0.0)]


def test_totals_are_numbers_of_the_same_type_on_every_engine(on_engine):
    found = nw.from_native(visit_totals(on_engine(events(("a", 0, "view"), ("a", 1, "view")))))
    whole = dict.fromkeys(("visits", "single_visits", "views"), nw.Int64())
    assert dict(found.collect_schema()) == {**whole, "span_s": nw.Float64()}


def test_a_visit_over_the_border_of_two_files_is_one(on_engine):
    one = events(("a", 0, "view", "home"), ("a", 10, "view", "shop"), columns=VIEWED)
    other = events(("b", 20, "view", "home"), ("a", 20, "view", "cart"), columns=VIEWED)
    apart = [rows_of(visit_totals(on_engine(file)))[0] for file in (one, other)]
    assert apart == [(1, 0, 2, 600.0), (2, 2, 2, 0.0)]
    together = on_engine(pl.concat([other, one]))
    assert rows_of(visit_totals(together)) == [(2, 1, 4, 1200.0)]
    assert rows_of(visits(together), "customer_id", "events", "entry_page", "exit_page") == [
        ("a", 3, "home", "cart"),
        ("b", 1, "home", "home"),
    ]
    assert rows_of(views(together), "customer_id", "page", "exited") == [
        ("a", "cart", True),
        ("a", "home", False),
        ("a", "shop", False),
        ("b", "home", True),
    ]


# Frames and arguments


def test_a_frame_leaves_as_it_came(on_engine):
    seen = on_engine(events(("a", 0, "view", "x"), columns=VIEWED))
    assert type(visits(seen)) is type(views(seen)) is type(visit_totals(seen)) is type(seen)


def test_the_caller_s_frame_is_not_changed():
    frame = events(("a", 0, "view", "x"), ("a", 1, "view", "y"), columns=VIEWED)
    native = frame.to_pandas()
    before, twin = native.copy(deep=True), frame.clone()
    for prepare in (visits, views, visit_totals):
        prepare(native), prepare(frame)
    pd.testing.assert_frame_equal(native, before)
    assert_frame_equal(frame, twin)


def test_only_the_columns_needed_are_read():
    native = events(("a", 0, "view", "x"), ("a", 1, "view", "y"), columns=VIEWED).to_pandas()
    mixed = native.assign(note=pd.Series(["x", 1], dtype=object))  # this column alone would be refused
    assert len(visits(mixed)) == 1
    assert len(views(mixed)) == 2
    assert len(visit_totals(mixed.assign(page=mixed["note"]))) == 1


def test_pandas_categories_are_labels():
    native = events(("a", 0, "view", "x"), ("a", 1, "purchase", None), columns=VIEWED).to_pandas()
    found = visits(native.astype({"customer_id": "category", "action": "category", "page": "category"}))
    assert found[["customer_id", "views", "converted", "exit_page"]].values.tolist() == [["a", 1, True, "x"]]


@pytest.mark.parametrize("name", ["customer_id", "time", "action"])
def test_a_missing_column_is_named(on_engine, name):
    seen = on_engine(events(("a", 0, "view", "x"), columns=VIEWED).drop(name))
    for prepare in (visits, views, visit_totals):
        with pytest.raises(DataError, match=f"^{name}: is not a column"):
            prepare(seen)


def test_views_need_pages(on_engine):
    with pytest.raises(DataError, match="^page: is not a column"):
        views(on_engine(events(("a", 0, "view"))))


def test_times_that_are_text_are_refused(on_engine):
    frame = events(("a", 0, "view")).with_columns(pl.col("time").cast(pl.String))
    for prepare in (visits, visit_totals):
        with pytest.raises(
            DataError, match="^time: is String, not a time. Parse it, for example with pandas.to_datetime"
        ):
            prepare(on_engine(frame))


@pytest.mark.parametrize("gap", ["0m", "0h", "00m", "", "m", "30", "30s", "-5m", "1d", "1.5h", "30 m", "½h", "30m\n"])
@pytest.mark.parametrize("prepare", [visits, views, visit_totals])
def test_a_gap_that_is_no_number_of_minutes_or_hours_is_refused(prepare, gap):
    with pytest.raises(ValueError, match="^gap: .* is not a number of minutes or hours such as 30m"):
        prepare(events(("a", 0, "view", "x"), columns=VIEWED), gap)


@pytest.mark.parametrize("seconds", [9.9, 61, 0, -10, float("nan"), float("inf")])
def test_a_threshold_that_ga4_does_not_have_is_refused(seconds):
    with pytest.raises(ValueError, match=f"^engaged_after_s: {seconds} is not from 10 to 60 seconds"):
        visits(events(("a", 0, "view")), engaged_after_s=seconds)


def test_a_date_and_times_share_having_a_zone_or_not():
    aware, naive = (events(("a", 0, "view"), zone=zone) for zone in ("UTC", None))
    with pytest.raises(ValueError, match="^time: its times have a time zone, unlike 2026-01-05 23:45:00"):
        visits(aware, as_of=START.replace(tzinfo=None))
    with pytest.raises(ValueError, match="^time: its times have no time zone, unlike"):
        visits(naive, as_of=START)
    assert len(visits(naive, as_of=START.replace(tzinfo=None) + 30 * MINUTE)) == 1


# A second route, and properties

INSTANTS = st.integers(0, 40).map(lambda step: step * 7.5)  # multiples of a quarter of the gap: ties, and exact gaps
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        INSTANTS,
        st.sampled_from(["view", "view", "purchase", "login"]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from(["web", "app", None]),
        st.sampled_from(["sale", None]),
        st.sampled_from([3.0, 12.0, None]),
    ),
    max_size=25,
)
ALL = ("customer_id", "minute", "action", "page", "channel", "campaign", "duration_s")


def slow_visits(rows, gap=30.0):
    """Lists of the rows of each visit, in plain Python."""
    found = []
    for who in sorted({row[0] for row in rows}):
        own = sorted((row for row in rows if row[0] == who), key=lambda row: row[1])
        for before, row in zip([None, *own], own, strict=False):
            if before is None or row[1] - before[1] >= gap:
                found.append([])
            found[-1].append(row)
    return found


def slowly_described(visit):
    """What ``visits`` says of a visit, in plain Python."""
    first_s, last_s = visit[0][1] * 60, visit[-1][1] * 60
    seen = [row for row in visit if row[2] == "view"]
    alone = len(visit) == 1
    recorded = [row[6] for row in visit if row[6] is not None]
    stay = max(recorded if alone else [last_s - first_s, *recorded], default=None)
    converted = any(row[2] == "purchase" for row in visit)

    pages = sorted((row[1], row[3]) for row in seen if row[3] is not None)

    def label(column):
        known = [row[column] for row in visit if row[1] == visit[0][1] and row[column] is not None]
        return min(known, default=None)

    return (
        visit[0][0],
        visit[0][1],
        visit[-1][1],
        len(visit),
        len(seen),
        stay,
        converted or len(seen) > 1 or (stay is not None and stay >= 10),
        converted,
        pages[0][1] if pages else None,
        pages[-1][1] if pages else None,
        label(4),
        label(5),
    )


def slow_views(rows):
    """What ``views`` says of each view, in plain Python."""
    for visit in slow_visits(rows):
        seen = sorted((row[1], row[3] or "", row[3], row[0]) for row in visit if row[2] == "view")
        for number, (minute, _, page, who) in enumerate(seen, start=1):
            yield who, minute, page, number == len(seen)


def slow_totals(rows):
    """What ``visit_totals`` says, in plain Python."""
    found = slow_visits(rows)
    lengths_s = [(visit[-1][1] - visit[0][1]) * 60 for visit in found]
    views_seen = sum(row[2] == "view" for row in rows)
    return [(len(found), sum(len(visit) == 1 for visit in found), views_seen, sum(lengths_s))]


def by_hand(rows):
    return sorted(map(slowly_described, slow_visits(rows)), key=repr)


@given(EVENTS)
def test_visits_views_and_totals_equal_a_second_route(rows):
    frame = events(*rows, columns=ALL)
    assert rows_of(visits(frame)) == by_hand(rows)
    assert rows_of(views(frame)) == sorted(slow_views(rows), key=repr)
    assert rows_of(visit_totals(frame)) == slow_totals(rows)


def test_every_engine_equals_the_second_route(on_engine):
    draw = random.Random(7)
    rows = [
        (
            f"c{draw.randrange(40)}",
            draw.randrange(400) * 7.5,
            draw.choice(["view", "view", "purchase", "login"]),
            draw.choice(["x", "y", "Z", "é", None]),
            draw.choice(["web", "app", None]),
            draw.choice(["sale", None, None]),
            draw.choice([3.0, 12.0, None]),
        )
        for _ in range(4_000)
    ]
    seen = on_engine(events(*rows, columns=ALL))
    assert rows_of(visits(seen)) == by_hand(rows)
    assert rows_of(views(seen)) == sorted(slow_views(rows), key=repr)
    assert rows_of(visit_totals(seen)) == slow_totals(rows)


NAMES = st.tuples(st.sampled_from(["s", "t", None]), st.sampled_from(["1", "2", "3", None, None]))  # so events repeat
NAMED = st.lists(
    st.tuples(
        st.sampled_from("ab"), INSTANTS, st.sampled_from(["view", "view", "login"]), st.sampled_from("xy"), NAMES
    ).map(lambda row: (*row[:-1], *row[-1])),
    max_size=25,
)  # some with the same content and some with other
IDS = ("customer_id", "minute", "action", "page", "session_id", "event_id")


def added_up(found):
    """What ``visit_totals`` says, from the table of visits."""
    return [(len(found), (found["events"] == 1).sum(), found["views"].sum(), found["duration_s"].sum())]


@given(NAMED, st.sampled_from(["30m", "31m", "1h"]), st.sampled_from([[], ["session_id"], ["event_id"]]))
def test_totals_are_those_of_the_visits(rows, gap, absent):
    frame = unique(events(*rows, columns=IDS)).drop(absent)
    assert rows_of(visit_totals(frame, gap)) == added_up(visits(frame, gap))


def test_totals_are_those_of_the_visits_on_every_engine(on_engine):
    draw = random.Random(8)
    rows = [
        (
            f"c{draw.randrange(20)}",
            draw.randrange(400) * 7.5,
            draw.choice(["view", "view", "login", None]),
            draw.choice(["s", "t", None, None, None]),
            draw.choice([f"{draw.randrange(500)}", None]),
        )
        for _ in range(2_000)
    ]
    frame = unique(events(*rows, columns=(*WITH_SESSIONS, "event_id")))
    assert rows_of(visit_totals(on_engine(frame))) == added_up(visits(frame))


@given(EVENTS, st.lists(NAMES, min_size=25, max_size=25), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, names, randomly):
    named = [(*row, *ids) for row, ids in zip(rows, names, strict=False)]
    frame, shuffled = (
        unique(events(*some, columns=(*ALL, "session_id", "event_id")))
        for some in (named, randomly.sample(named, len(named)))
    )
    for prepare in (visits, views, visit_totals):
        assert rows_of(prepare(shuffled)) == rows_of(prepare(frame))


@given(EVENTS)
def test_events_and_views_add_up_and_exits_are_as_many_as_visits_with_a_view(rows):
    frame = events(*rows, columns=ALL)
    found, seen = visits(frame), views(frame)
    assert found["events"].sum() == len(rows)
    assert found["views"].sum() == len(seen) == sum(row[2] == "view" for row in rows)
    assert seen["exited"].sum() == (found["views"] > 0).sum()
    assert seen["exited"].null_count() == 0


@example([("a", 0, "view", "y", "s", "1"), ("a", 0, "view", "x", "t", "1"), ("a", 7.5, "view", "x", "s", "2")])
@given(NAMED)
def test_events_that_are_repeated_add_up_once(rows):
    frame = unique(events(*rows, columns=IDS))
    found, seen = visits(frame), views(frame)
    assert found["events"].sum() == len({row[-1] for row in rows if row[-1]}) + sum(row[-1] is None for row in rows)
    assert found["views"].sum() == len(seen)
    assert seen["exited"].sum() == (found["views"] > 0).sum()


@given(EVENTS)
def test_the_page_that_a_visit_exits_by_is_the_page_exited(rows):
    frame = events(*rows, columns=ALL).with_columns(pl.col("page").fill_null("z"))
    exited = views(frame).filter("exited").select("customer_id", "page")
    by_visit = visits(frame).filter(pl.col("views") > 0).select("customer_id", page="exit_page")
    assert rows_of(exited) == rows_of(by_visit)


@given(EVENTS, EVENTS)
def test_two_files_together_equal_their_union(one, other):
    together = pl.concat([events(*one, columns=ALL), events(*other, columns=ALL)])
    assert rows_of(visits(together)) == by_hand(one + other)
    assert rows_of(visit_totals(together)) == slow_totals(one + other)
    others = [("other " + row[0], *row[1:]) for row in other]
    apart = pl.concat([visits(events(*rows, columns=ALL)) for rows in (one, others)])
    assert rows_of(visits(events(*one, *others, columns=ALL))) == rows_of(apart)


@given(EVENTS, st.integers(0, 25), st.integers(0, 25))
def test_two_files_that_overlap_equal_their_union(rows, end, start):
    whole = events(*rows, columns=ALL).with_row_index("event_id").with_columns(pl.col("event_id").cast(pl.String))
    overlapping = pl.concat([whole.head(max(start, end)), whole.slice(min(start, end))])
    for prepare in (visits, views, visit_totals):
        assert rows_of(prepare(unique(overlapping))) == rows_of(prepare(whole))


@given(EVENTS, INSTANTS)
def test_what_is_said_on_a_date_stays_true(rows, minutes):
    frame, date = events(*rows, columns=ALL), START + minutes * MINUTE
    assert rows_of(visits(frame, as_of=date)) == rows_of(visits(frame).filter(pl.col("ended_at") <= date - 30 * MINUTE))
    then = views(frame, as_of=date)
    assert rows_of(then.drop("exited")) == rows_of(views(frame).filter(pl.col("time") < date).drop("exited"))
    known = then.filter(pl.col("exited").is_not_null())
    later = rows_of(views(frame))
    assert all(rows_of(known).count(row) <= later.count(row) for row in rows_of(known))


@given(EVENTS, st.lists(st.sampled_from(["s", "t", None]), min_size=25, max_size=25))
def test_a_session_id_equals_a_customer_of_its_own_without_gaps(rows, ids):
    named = [(*row, name) for row, name in zip(rows, ids, strict=False)]
    found = rows_of(visits(events(*named, columns=(*ALL, "session_id"))), "customer_id", "started_at", "events")
    sessions = {}
    for row in (row for row in named if row[-1]):
        sessions.setdefault((row[0], row[-1]), []).append(row[1])
    expected = [(who, min(minutes), len(minutes)) for (who, _), minutes in sessions.items()]
    expected += [(visit[0][0], visit[0][1], len(visit)) for visit in slow_visits([r[:-1] for r in named if not r[-1]])]
    assert found == sorted(expected, key=repr)


# Real data


def test_thirty_minutes_find_the_sessions_of_the_clickstream(shared):
    """Its own ids tell 3,605 sessions, in which no gap is longer than 28 minutes, with hours between them."""
    file = pl.read_csv(shared("clickstream_demo") / "ecom.csv.gz", try_parse_dates=True)
    bought = pl.col("event") == "purchase"
    seen = file.with_columns(
        customer_id="user_id", time="timestamp", page="event", action=pl.when(~bought).then(pl.lit("view"))
    ).with_columns(pl.col("action").fill_null("purchase"))
    named, found = visits(seen), visits(seen.drop("session_id"))
    assert len(named) == len(found) == file["session_id"].n_unique() == 3_605
    assert rows_of(named) == rows_of(found)
    assert (found["events"].sum(), found["views"].sum()) == (31_106, 31_106 - 470)
    with_purchase = file.filter(bought)["session_id"].n_unique()
    assert found["converted"].sum() == with_purchase
    left = views(seen.drop("session_id"))
    last = file.filter(~bought).sort("timestamp", "event").group_by("session_id").agg(pl.col("event").last())
    exits = left.filter("exited").group_by("page").len().sort("page").rows()
    assert exits == last.group_by(page="event").len().sort("page").rows()


# The door's times


def test_times_are_whole_microseconds_on_every_engine(on_engine):
    times = [dt.datetime(2026, 1, 1, 20, 0, 0, 123_456), None, dt.datetime(1960, 1, 1, 0, 0, 0, 5)]
    aware = pl.Series(times).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Jakarta")
    days = pl.Series([dt.date(2026, 1, 1), None, dt.date(1960, 1, 1)])
    rows = to_narwhals(
        on_engine(pl.DataFrame({"naive": times, "aware": aware, "day": days})), ["naive", "aware", "day"]
    )
    for name in ("naive", "aware", "day"):
        rows = with_micros(rows, name, f"{name}_us")
    found = rows.collect("polars").to_native()
    expected = [1_767_297_600_123_456, None, -315_619_199_999_995]
    assert found["naive_us"].to_list() == found["aware_us"].to_list() == expected
    assert found["day_us"].to_list() == [1_767_225_600_000_000, None, -315_619_200_000_000]


def test_a_time_of_python_is_the_same_microseconds(on_engine):
    time = dt.datetime(2026, 1, 1, 20, 0, 0, 123_456, tzinfo=dt.UTC)
    rows = to_narwhals(on_engine(pl.DataFrame({"time": [time], "day": [time.date()]})), ["time", "day"])
    for same in (time, time.astimezone(JAKARTA), pd.Timestamp(time)):
        assert micros_at(rows, "time", same) == 1_767_297_600_123_456
    assert micros_at(rows, "day", dt.datetime(2026, 1, 1)) == 1_767_225_600_000_000


def test_a_length_of_time_is_microseconds():
    assert span_us("gap", "90m", "mh") == 5_400_000_000
    assert span_us("within", "2h", "mh") == 7_200_000_000
    assert span_us("within", "7d", "hd") == 604_800_000_000


def test_optional_columns_enter_where_they_are(on_engine):
    frame = on_engine(pl.DataFrame({"a": [1], "b": [2], "c": [3]}))
    names = to_narwhals(frame, ["a"], ["c", "d"]).collect_schema().names()
    assert [name for name in names if not name.startswith(":")] == ["a", "c"]
