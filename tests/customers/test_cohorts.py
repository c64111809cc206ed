"""Cohorts counted by hand, and against a second count in plain Python."""

import datetime as dt
import math
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagekit.customers.cohorts import retention_by_cohort, revenue_by_cohort
from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.prepare.interactions import unique
from engagekit.study import Study

JAKARTA = "Asia/Jakarta"
JANUARY, FEBRUARY, MARCH = (dt.datetime(2026, month, 1) for month in (1, 2, 3))
SCHEMA = {"customer_id": pl.String, "time": pl.String, "action": pl.String, "value": pl.Float64}
BOTH = [retention_by_cohort, revenue_by_cohort]


def seen(rows, zone=None):
    when = [dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone) if zone else None) for _, text in rows]
    return pl.DataFrame({"customer_id": [who for who, _ in rows], "time": when})


def told(*rows, zone=None):
    """Interactions: who, when, and for all but a view what and how much."""
    rows = [(*row, *("view", None)[len(row) - 2 :]) for row in rows]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.with_columns(pl.col("time").str.to_datetime(time_unit="us").dt.replace_time_zone(zone))


def joined(**days):
    when = [dt.datetime.fromisoformat(day) for day in days.values()]
    return pl.DataFrame({"customer_id": list(days), "joined_at": when}, schema_overrides={"joined_at": pl.Datetime})


def polars_of(found):
    """Polars frame of a result; pandas makes floats of counts with gaps."""
    if not isinstance(found, pd.DataFrame):
        return found
    frame = pl.from_pandas(found, nan_to_null=False).with_columns(pl.col("cohort").cast(pl.Datetime("us")))
    if "active" in frame.columns:
        frame = frame.with_columns(pl.col("active").fill_nan(None).cast(pl.Int64))
    return frame


def cells(found, *names):
    """Some columns, by cohort and age."""
    frame = polars_of(found)
    return {(cohort, age): tuple(values) for cohort, age, *values in frame.select("cohort", "age", *names).iter_rows()}


ROWS = [
    ("a", "2026-01-05"),
    ("b", "2026-01-31T23:59"),
    ("a", "2026-03-02"),
    ("b", "2026-03-09"),
    ("c", "2026-02-01"),
]
SPENT = told(
    ("a", "2026-01-05", "purchase", 30.0),
    ("b", "2026-01-31 23:59"),
    ("a", "2026-02-03", "purchase", 10.0),
    ("b", "2026-02-04", "purchase", 20.0),
    ("b", "2026-02-05", "refund", 6.0),
    ("b", "2026-02-06", "refund", -2.0),
    ("c", "2026-02-01", "purchase", 5.0),
    ("c", "2026-02-02", "review", 99.0),
    ("a", "2026-03-02", "purchase", 1000.0),
)


def test_a_cohort_is_counted_by_hand():
    cohorts = retention_by_cohort(seen(ROWS), dt.datetime(2026, 4, 1))
    january = cohorts.filter(pl.col("cohort") == dt.datetime(2026, 1, 1))
    assert january["customers"].to_list() == [2, 2, 2]
    assert january["value"].to_list() == [1, 0, 1]
    february = cohorts.filter(pl.col("cohort") == dt.datetime(2026, 2, 1))
    assert february.select("age", "active", "value").rows() == [(0, 1, 1.0), (1, 0, 0.0)]


def test_a_month_that_is_not_over_is_nan_and_not_zero():
    cohorts = retention_by_cohort(seen(ROWS), dt.datetime(2026, 3, 20))
    last = cohorts.filter(pl.col("cohort") == dt.datetime(2026, 1, 1)).row(-1, named=True)
    assert last["age"] == 2
    assert math.isnan(last["value"])
    assert math.isnan(last["low"])
    assert last["active"] is None


def test_a_month_is_over_at_its_very_end():
    (value,) = retention_by_cohort(seen(ROWS[:1]), FEBRUARY)["value"]
    assert value == 1
    (value,) = retention_by_cohort(seen(ROWS[:1]), FEBRUARY - dt.timedelta(microseconds=1))["value"]
    assert math.isnan(value)


def test_months_follow_the_calendar_of_the_zone():
    late = [("a", "2026-01-31T23:30"), ("a", "2026-02-01T00:30")]
    cohorts = retention_by_cohort(seen(late, "Asia/Jakarta"), dt.datetime(2026, 3, 1, tzinfo=ZoneInfo("Asia/Jakarta")))
    assert cohorts["value"].to_list() == [1, 1]
    assert cohorts["cohort"].to_list() == [dt.datetime(2026, 1, 1)] * 2


def test_weeks_start_on_monday():
    cohorts = retention_by_cohort(seen([("a", "2026-01-04"), ("a", "2026-01-05")]), dt.datetime(2026, 1, 12), "1w")
    assert cohorts["cohort"].to_list() == [dt.datetime(2025, 12, 29)] * 2


def test_the_order_of_rows_does_not_matter():
    forward, backward = (retention_by_cohort(seen(ROWS[::step]), dt.datetime(2026, 4, 1)) for step in (1, -1))
    assert forward.equals(backward)
    assert forward.height == 5


def test_who_came_before_the_data_begin_is_no_cohort():
    joined = pl.DataFrame(
        {"customer_id": ["a", "b", "c", "d"], "joined_at": [dt.datetime(2025, 5, 1)] + [dt.datetime(2026, 1, 3)] * 3}
    )
    cohorts = retention_by_cohort(seen(ROWS), dt.datetime(2026, 4, 1), arrivals=joined)
    assert cohorts["cohort"].unique().to_list() == [dt.datetime(2026, 1, 1)]
    assert cohorts["customers"].to_list() == [3, 3, 3]  # b, c and d, though d was never seen
    assert cohorts["active"].to_list() == [1, 1, 1]  # b; c in February; b in March


def test_what_comes_after_the_date_is_not_seen():
    early = retention_by_cohort(seen(ROWS), dt.datetime(2026, 2, 1))
    assert early.rows() == retention_by_cohort(seen(ROWS[:2]), dt.datetime(2026, 2, 1)).rows()


def test_no_interactions_give_no_cohorts():
    assert retention_by_cohort(seen(ROWS), dt.datetime(2025, 1, 1)).is_empty()


def test_revenue_is_added_up_by_hand():
    found = revenue_by_cohort(SPENT, MARCH)
    money = cells(found, "customers", "revenue", "value", "cumulative_value")
    # In January a spent 30 and b nothing; in February a 10, and b 20 - 6 - 2 = 12. The value of a review is no money.
    assert money == {
        (JANUARY, 0): (2, 30, 15, 15),
        (JANUARY, 1): (2, 22, 11, 26),
        (FEBRUARY, 0): (1, 5, 5, 5),
    }


def test_the_interval_of_revenue_is_students_over_all_customers_of_the_cohort():
    half = {age: t * spread for age, t, spread in ((0, 12.7062047, 15), (1, 12.7062047, 1))}  # sd / sqrt(2) of two
    for (cohort, age), bounds in cells(revenue_by_cohort(SPENT, MARCH), "low", "high").items():
        if cohort == JANUARY:
            mean = (15, 11)[age]
            assert bounds == pytest.approx((mean - half[age], mean + half[age]))
        else:
            assert np.isnan(bounds).all()  # one customer


def test_revenue_that_was_not_lived_through_is_nan_and_not_zero():
    found = revenue_by_cohort(SPENT, dt.datetime(2026, 3, 20))
    open_month = cells(found, "revenue", "value", "low", "high", "cumulative_value")
    assert np.isnan(open_month[JANUARY, 2]).all()
    assert open_month[JANUARY, 1][0] == 22
    assert cells(found, "customers")[JANUARY, 2] == (2,)


def test_a_lived_month_without_a_purchase_is_zero():
    found = revenue_by_cohort(told(("a", "2026-01-05", "purchase", 8.0), ("b", "2026-01-06")), MARCH)
    assert cells(found, "revenue", "low", "high", "cumulative_value")[JANUARY, 1] == (0, 0, 0, 4)


def test_a_purchase_without_a_value_adds_nothing_and_purchases_without_any_are_unknown():
    rows = told(
        ("a", "2026-01-05", "purchase", 8.0),
        ("a", "2026-01-06", "purchase", None),
        ("a", "2026-02-05", "purchase", None),
    )
    found = cells(revenue_by_cohort(rows, dt.datetime(2026, 4, 1)), "revenue", "value", "cumulative_value")
    assert found[JANUARY, 0] == (8, 8, 8)
    assert np.isnan(found[JANUARY, 1]).all()
    (march, value, added_up) = found[JANUARY, 2]
    assert (march, value, math.isnan(added_up)) == (0, 0, True)


@pytest.mark.parametrize("by_cohort", BOTH)
def test_a_repeated_event_is_refused_and_unique_events_are_paid_once(by_cohort, on_engine):
    lines = told(*[("a", "2026-01-05", "purchase", 8.0)] * 4).with_columns(event_id=pl.Series(["1", "1", None, None]))
    with pytest.raises(DataError, match="event_id: 1 rows repeat"):
        by_cohort(on_engine(lines), FEBRUARY)
    assert cells(revenue_by_cohort(unique(on_engine(lines)), FEBRUARY), "revenue") == {(JANUARY, 0): (24,)}


def test_revenue_is_exact_whatever_the_order_of_its_lines():
    values = [0.1, 0.2, 0.3, 123456.7891, -0.05, 19.99] * 50
    lines = told(*[("a", "2026-01-05", "purchase", value) for value in values])
    expected = float(sum(map(Decimal, map(str, values))))
    for some in (lines, lines[::-1], lines.sample(fraction=1, shuffle=True, seed=1)):
        assert cells(revenue_by_cohort(some, FEBRUARY), "revenue") == {(JANUARY, 0): (expected,)}


def test_weeks_of_revenue_start_on_monday():
    rows = told(("a", "2026-01-04", "purchase", 1.0), ("a", "2026-01-05", "purchase", 2.0), ("b", "2026-01-11"))
    found = cells(revenue_by_cohort(rows, dt.datetime(2026, 1, 12), "1w"), "revenue", "cumulative_value")
    first, second = dt.datetime(2025, 12, 29), dt.datetime(2026, 1, 5)
    assert found == {(first, 0): (1, 1), (first, 1): (2, 3), (second, 0): (0, 0)}


def test_retention_is_the_same_on_any_engine(on_engine):
    interactions = on_engine(seen(ROWS))
    found = retention_by_cohort(interactions, dt.datetime(2026, 3, 20))
    assert isinstance(found, pd.DataFrame if isinstance(interactions, pd.DataFrame) else pl.DataFrame)
    assert list(found.columns) == ["cohort", "age", "customers", "active", "value", "low", "high"]
    assert cells(found, "customers", "active") == {
        (JANUARY, 0): (2, 2),
        (JANUARY, 1): (2, 0),
        (JANUARY, 2): (2, None),
        (FEBRUARY, 0): (1, 1),
        (FEBRUARY, 1): (1, None),
    }
    assert_frame_equal(polars_of(found), retention_by_cohort(seen(ROWS), dt.datetime(2026, 3, 20)))


def test_revenue_is_the_same_on_any_engine(on_engine):
    interactions = on_engine(SPENT)
    found = revenue_by_cohort(interactions, dt.datetime(2026, 3, 20))
    assert isinstance(found, pd.DataFrame if isinstance(interactions, pd.DataFrame) else pl.DataFrame)
    columns = ["cohort", "age", "customers", "revenue", "value", "low", "high", "cumulative_value"]
    assert list(found.columns) == columns
    assert cells(found, "revenue")[JANUARY, 1] == (22,)
    assert_frame_equal(polars_of(found), revenue_by_cohort(SPENT, dt.datetime(2026, 3, 20)))


def test_arrivals_are_the_same_on_any_engine(on_engine):
    came = joined(a="2025-05-01", b="2026-01-03", c="2026-01-03", d="2026-01-03", e="2026-03-30")
    came = pl.concat([came, joined(b="2026-02-20")])  # came again
    both = on_engine(pl.concat([SPENT, came], how="diagonal"))  # tables of one connection
    found = retention_by_cohort(both, MARCH, arrivals=both)
    assert cells(found, "customers", "active") == {(JANUARY, 0): (3, 1), (JANUARY, 1): (3, 2)}
    money = revenue_by_cohort(both, MARCH, arrivals=both)
    assert cells(money, "customers", "revenue") == {(JANUARY, 0): (3, 0), (JANUARY, 1): (3, 12 + 5)}


def test_weeks_are_the_same_on_any_engine(on_engine):
    rows = on_engine(told(("a", "2026-02-01", "purchase", 3.0), ("a", "2026-02-02")))
    first = dt.datetime(2026, 1, 26)  # 1 February is a Sunday
    found = cells(retention_by_cohort(rows, dt.datetime(2026, 2, 15), "1w"), "active")
    assert found == {(first, 0): (1,), (first, 1): (1,), (first, 2): (None,)}
    money = cells(revenue_by_cohort(rows, dt.datetime(2026, 2, 9), "1w"), "revenue")
    assert money == {(first, 0): (3,), (first, 1): (0,)}


def test_the_calendar_may_be_another_zones_on_any_engine(on_engine):
    late = told(("a", "2026-01-31 20:00", "purchase", 4.0), zone="UTC")  # 3:00 on 1 February in Jakarta
    rows = on_engine(late.with_columns(joined_at="time"))
    end = dt.datetime(2026, 3, 1, tzinfo=ZoneInfo(JAKARTA))
    for options in ({}, {"arrivals": rows}):
        found = retention_by_cohort(rows, end, time_zone=JAKARTA, **options)
        assert cells(found, "active") == {(FEBRUARY, 0): (1,)}
        money = revenue_by_cohort(rows, end, time_zone=JAKARTA, **options)
        assert cells(money, "revenue") == {(FEBRUARY, 0): (4,)}


@pytest.mark.parametrize("on_engine", [pytest.param("spark", marks=pytest.mark.needs("java"))], indirect=True)
def test_the_zone_of_a_spark_session_changes_nothing(on_engine):
    rows = on_engine(SPENT)
    settings = rows.sparkSession.conf
    settings.set("spark.sql.session.timeZone", JAKARTA)
    try:
        for every in ("1mo", "1w"):
            assert_frame_equal(retention_by_cohort(rows, MARCH, every), retention_by_cohort(SPENT, MARCH, every))
    finally:
        settings.set("spark.sql.session.timeZone", "UTC")


def test_the_date_may_be_in_another_zone():
    rows = told(("a", "2026-01-05", "purchase", 4.0), ("a", "2026-02-01", "purchase", 9.0), zone=JAKARTA)
    end = dt.datetime(2026, 1, 31, 17, tzinfo=dt.UTC)  # midnight in Jakarta
    assert cells(retention_by_cohort(rows, end), "active") == {(JANUARY, 0): (1,)}
    assert cells(revenue_by_cohort(rows, end), "revenue") == {(JANUARY, 0): (4,)}


@pytest.mark.parametrize("by_cohort", BOTH)
def test_the_zone_must_be_told_where_duckdb_does_not_keep_it(by_cohort):
    with duckdb.connect() as connection:
        rows = connection.from_arrow(told(("a", "2026-01-05"), zone="UTC").to_arrow())
        with pytest.raises(ValueError, match=r"time_zone: .* DuckDB does not keep the zone of 'time'"):
            by_cohort(rows, MARCH)


@pytest.mark.parametrize("by_cohort", BOTH)
def test_rows_without_a_customer_or_a_time_are_left_out(by_cohort, on_engine):
    blank = told((None, "2026-01-07", "purchase", 7.0), ("a", None, "purchase", 7.0), ("z", None))
    with_blank = by_cohort(on_engine(pl.concat([SPENT, blank])), MARCH)
    assert_frame_equal(polars_of(with_blank), by_cohort(SPENT, MARCH))


@pytest.mark.parametrize("by_cohort", BOTH)
def test_nothing_seen_gives_no_cohorts_with_the_same_columns(by_cohort, on_engine):
    full = by_cohort(SPENT, MARCH)
    for rows, end in ((SPENT.clear(), MARCH), (SPENT, dt.datetime(2025, 1, 1))):
        interactions = on_engine(rows.with_columns(joined_at="time"))
        for options in ({}, {"arrivals": interactions}):
            found = by_cohort(interactions, end, **options)
            assert len(found) == 0
            assert list(found.columns) == full.columns


@pytest.mark.parametrize("by_cohort", BOTH)
def test_the_frame_is_left_as_it_was(by_cohort):
    interactions = SPENT.to_pandas()
    before = interactions.copy()
    by_cohort(interactions, MARCH)
    pd.testing.assert_frame_equal(interactions, before)


@pytest.mark.parametrize("by_cohort", BOTH)
@pytest.mark.parametrize("every", ["1d", "2w", "month", ""])
def test_another_length_is_refused_with_the_choices(by_cohort, every):
    with pytest.raises(ValueError, match=f"every: '{every}' is not one of 1mo, 1w"):
        by_cohort(SPENT, MARCH, every)


@pytest.mark.parametrize("by_cohort", BOTH)
def test_a_missing_column_is_named(by_cohort):
    with pytest.raises(DataError, match="^time: is not a column"):
        by_cohort(SPENT.drop("time"), MARCH)
    with pytest.raises(DataError, match="^joined_at: is not a column"):
        by_cohort(SPENT, MARCH, arrivals=SPENT)


@pytest.mark.parametrize("name", ["action", "value"])
def test_revenue_needs_actions_and_values(name):
    with pytest.raises(DataError, match=f"^{name}: is not a column"):
        revenue_by_cohort(SPENT.drop(name), MARCH)


def test_money_that_is_text_is_refused():
    with pytest.raises(DataError, match="^value: holds text, not numbers"):
        revenue_by_cohort(SPENT.with_columns(pl.col("value").cast(pl.String)), MARCH)


def test_money_may_be_whole_numbers_or_never_recorded(on_engine):
    whole = revenue_by_cohort(on_engine(SPENT.with_columns(pl.col("value").cast(pl.Int64))), MARCH)
    assert_frame_equal(polars_of(whole), revenue_by_cohort(SPENT, MARCH))
    never = revenue_by_cohort(SPENT.with_columns(value=pl.lit(None)), MARCH)
    assert never["revenue"].is_nan().all()


DAYS = st.integers(0, 100).map(lambda day: dt.datetime(2026, 1, 1) + dt.timedelta(days=day))
MONEY = st.one_of(
    st.tuples(st.just("view"), st.none()),
    st.tuples(st.sampled_from(["purchase", "refund"]), st.integers(-40, 400).map(lambda quarters: quarters / 4)),
)
EVENTS = st.lists(st.tuples(st.sampled_from("abcde"), DAYS, MONEY), min_size=1, max_size=40)


def frame_of(events):
    schema = {"customer_id": pl.String, "time": pl.Datetime("us"), "action": pl.String, "value": pl.Float64}
    return pl.DataFrame([(who, when, *money) for who, when, money in events], schema=schema, orient="row")


@settings(max_examples=40)
@given(events=EVENTS, data=st.data())
def test_the_order_of_rows_never_matters_and_all_are_active_when_they_arrive(events, data):
    shuffled = data.draw(st.permutations(events))
    for every in ("1mo", "1w"):
        found = retention_by_cohort(frame_of(events), MARCH, every)
        assert_frame_equal(found, retention_by_cohort(frame_of(shuffled), MARCH, every), check_exact=True)
        arriving = found.filter(pl.col("age") == 0, pl.col("active").is_not_null())
        assert arriving["active"].equals(arriving["customers"], check_names=False)
        money = revenue_by_cohort(frame_of(events), MARCH, every)
        assert_frame_equal(money, revenue_by_cohort(frame_of(shuffled), MARCH, every), check_exact=True)


@given(events=EVENTS)
def test_plain_python_counts_the_same(events):
    early = [event for event in events if event[1] < MARCH]
    first = {who: min(when for other, when, _ in early if other == who).month for who, *_ in early}
    active, revenue = {}, {}
    for who, when, (action, value) in early:
        cell = dt.datetime(2026, first[who], 1), when.month - first[who]
        active.setdefault(cell, set()).add(who)
        net = -abs(value) if action == "refund" else value or 0
        revenue[cell] = revenue.get(cell, 0) + net
    found = retention_by_cohort(frame_of(events), MARCH)
    assert {cell: count for cell, (count,) in cells(found, "active").items() if count} == {
        cell: len(who) for cell, who in active.items()
    }
    assert found.filter(pl.col("age") == 0)["customers"].sum() == len(first)
    money = cells(revenue_by_cohort(frame_of(events), MARCH), "revenue")
    assert {cell: revenue.get(cell, 0) for cell in money} == {cell: value for cell, (value,) in money.items()}


def test_arrivals_follow_the_calendar_of_the_interactions():
    jakarta = pl.Datetime("us", "Asia/Jakarta")
    instant = pl.Series([dt.datetime(2026, 1, 31, 19)]).dt.replace_time_zone("UTC")  # February in Jakarta
    visited = pl.DataFrame({"customer_id": ["a"], "time": instant.cast(jakarta)})
    people = pl.DataFrame({"customer_id": ["a"], "joined_at": instant})
    found = retention_by_cohort(visited, dt.datetime(2026, 4, 1), arrivals=people)
    assert found["cohort"].unique().to_list() == [dt.datetime(2026, 2, 1)]


def test_an_event_that_is_delivered_again_later_is_no_return():
    days = [dt.datetime(2026, 1, 5), dt.datetime(2026, 2, 5)]
    again = pl.DataFrame({"customer_id": ["a", "a"], "time": days, "event_id": ["1", "1"]})
    assert retention_by_cohort(unique(again), dt.datetime(2026, 3, 1))["active"].to_list() == [1, 0]


@pytest.mark.parametrize("by_cohort", BOTH)
def test_a_study_and_a_business_know_their_end_and_when_customers_arrived(by_cohort, sample_folders):
    business = Business.open(sample_folders["subscription"])
    for as_of in (None, dt.datetime(2026, 8, 1)):
        study = Study(business, as_of)
        parts = study.described("interactions"), study.end
        by_hand = by_cohort(*parts, arrivals=study.described("customers")).to_pandas()
        pd.testing.assert_frame_equal(by_cohort(study), by_hand)
        pd.testing.assert_frame_equal(by_cohort(business, as_of), by_hand)
    with pytest.raises(ValueError, match="^as_of: the study ends at 2026-08-01"):
        by_cohort(study, dt.datetime(2026, 9, 1))


def test_customers_of_a_study_without_a_day_on_which_they_joined_arrive_with_their_first_interaction():
    study = Study.of(interactions=SPENT, customers=pl.DataFrame({"customer_id": ["a"]}), as_of=MARCH.date())
    assert cells(retention_by_cohort(study), "value") == cells(retention_by_cohort(SPENT, MARCH), "value")


def test_a_frame_ends_the_day_after_its_last_interaction(on_engine):
    """Seen on 31 January and 27 February: January is over, February is not on the 28th."""
    frame = seen([("a", "2026-01-31T23:59"), ("a", "2026-02-27T23:59")])
    assert cells(retention_by_cohort(on_engine(frame)), "active") == {(JANUARY, 0): (1,), (JANUARY, 1): (None,)}
    with pytest.raises(DataError, match="^time: is not a column"):
        retention_by_cohort(on_engine(frame.drop("time")))
