import datetime as dt
import math
from zoneinfo import ZoneInfo

import polars as pl

from engagekit.customers.cohorts import retention_by_cohort


def seen(rows, zone=None):
    when = [dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone) if zone else None) for _, text in rows]
    return pl.DataFrame({"customer_id": [who for who, _ in rows], "time": when})


ROWS = [
    ("a", "2026-01-05"),
    ("b", "2026-01-31T23:59"),
    ("a", "2026-03-02"),
    ("b", "2026-03-09"),
    ("c", "2026-02-01"),
]


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
