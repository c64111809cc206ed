"""Birthdays in the coming days, each by hand and all against a walk over the calendar."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit.customers.birthdays import birthdays
from engagekit.errors import DataError

DATES = st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31))


def born(*days, **more):
    days = [None if day is None else dt.date.fromisoformat(day) for day in days]
    ids = [f"c{number}" for number in range(len(days))]
    return pl.DataFrame({"customer_id": ids, "birthday": pl.Series(days, dtype=pl.Date), **more})


def listed(frame, as_of, days=30):
    found = birthdays(frame, dt.date.fromisoformat(as_of), days)
    dates = found["next_birthday"].dt.date.astype(str) if len(found) else []
    return list(zip(found["customer_id"], dates, found["days_until"], strict=True))


def test_birthdays_of_the_coming_days_are_listed_by_date_and_id(in_memory):
    frame = in_memory(born("1990-11-30", "1985-11-01", "2001-12-01", "1970-10-31", None, "1999-11-30"))
    assert listed(frame, "2026-11-01") == [("c1", "2026-11-01", 0), ("c0", "2026-11-30", 29), ("c5", "2026-11-30", 29)]


def test_a_list_over_the_new_year_is_in_the_order_of_the_days():
    assert listed(born("1990-01-05", "1990-12-28", "1990-12-19"), "2026-12-20") == [
        ("c1", "2026-12-28", 8),
        ("c0", "2027-01-05", 16),
    ]


@pytest.mark.parametrize(
    ("as_of", "day", "until"), [("2026-02-01", "2026-02-28", 27), ("2028-02-01", "2028-02-29", 28)]
)
def test_the_29th_of_february_is_kept_on_the_28th_in_a_common_year(as_of, day, until):
    assert listed(born("1988-02-29"), as_of) == [("c0", day, until)]


def test_who_opted_out_is_not_listed_and_who_did_not_say_is(in_memory):
    frame = born("1990-11-03", "1990-11-03", "1990-11-03", opted_out=[True, False, None])
    assert [who for who, _, _ in listed(in_memory(frame), "2026-11-01")] == ["c1", "c2"]
    unsaid = born("1990-11-03", opted_out=pl.Series([None], dtype=pl.Boolean))
    assert len(listed(unsaid, "2026-11-01")) == 1


def test_an_odd_year_of_birth_plays_no_part():
    assert listed(born("1604-11-03", "2099-11-03"), "2026-11-01") == [("c0", "2026-11-03", 2), ("c1", "2026-11-03", 2)]


@given(st.lists(DATES, max_size=8), DATES, st.integers(1, 365))
def test_the_list_is_what_a_walk_over_the_calendar_gives(days, as_of, length):
    expected = []
    for ahead in range(length):
        day = as_of + dt.timedelta(days=ahead)
        eve = (day.month, day.day) == (2, 28) and (day + dt.timedelta(days=1)).day == 1
        kept = {(day.month, day.day), (2, 29)} if eve else {(day.month, day.day)}
        expected += [
            (f"c{n}", str(day), ahead) for n, born_on in enumerate(days) if (born_on.month, born_on.day) in kept
        ]
    assert listed(born(*map(str, days)), str(as_of), length) == expected


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="^days: 366 is not between 1 and 365"):
        birthdays(born(), dt.date(2026, 1, 1), 366)
    with pytest.raises(DataError, match="^birthday: is not a column"):
        birthdays(born().drop("birthday"), dt.date(2026, 1, 1))
