"""Holidays and years beside the calendars of 2024 to 2027."""

import datetime as dt

import pytest

from engagekit.metrics.season import HOLIDAYS, holiday_days, next_start, year_before

PROCLAIMED = {  # first days of Eid al-Fitr and Chinese New Year, as the ministries of both countries announced them
    2024: (dt.date(2024, 4, 10), dt.date(2024, 2, 10)),
    2025: (dt.date(2025, 3, 31), dt.date(2025, 1, 29)),
    2026: (dt.date(2026, 3, 21), dt.date(2026, 2, 17)),
}


@pytest.mark.parametrize("country", ["ID", "MY"])
@pytest.mark.parametrize("year", PROCLAIMED)
def test_the_months_of_the_feasts_are_those_of_the_calendar(country, year):
    eid, new_year = PROCLAIMED[year]
    months = {month: holiday_days(dt.date(year, month, 1), "month", country) for month in range(1, 13)}
    days = [eid, eid + dt.timedelta(days=1)]
    assert {m: n["eid_al_fitr"] for m, n in months.items() if n["eid_al_fitr"]} == {
        month: sum(day.month == month for day in days) for month in {day.month for day in days}
    }
    assert [month for month, held in months.items() if held["chinese_new_year"]] == [new_year.month]
    assert sum(held["ramadan"] for held in months.values()) == 29


def test_the_month_of_eid_2026_is_march_and_ramadan_began_in_february():
    for country in ("ID", "MY", "", "GB"):
        assert holiday_days(dt.date(2026, 2, 1), "month", country) == dict(zip(HOLIDAYS, (9, 0, 2), strict=True))
        assert holiday_days(dt.date(2026, 3, 1), "month", country) == dict(zip(HOLIDAYS, (20, 2, 0), strict=True))


def test_weeks_and_quarters_hold_what_their_days_hold():
    assert holiday_days(dt.date(2026, 1, 1), "quarter", "ID") == dict(zip(HOLIDAYS, (29, 2, 2), strict=True))
    assert holiday_days(dt.date(2026, 3, 16), "week", "ID") == dict(zip(HOLIDAYS, (5, 2, 0), strict=True))
    assert holiday_days(dt.date(2026, 3, 23), "week", "ID") == dict.fromkeys(HOLIDAYS, 0)


def test_ramadan_may_lie_in_the_year_before_its_feast():
    assert holiday_days(dt.date(2029, 12, 1), "month", "ID")["ramadan"] == 0
    assert holiday_days(dt.date(2030, 12, 1), "month", "ID")["ramadan"] > 0  # two begin in 2030


@pytest.mark.parametrize(
    ("start", "period", "before"),
    [
        (dt.date(2026, 2, 1), "month", dt.date(2025, 2, 1)),
        (dt.date(2024, 1, 1), "quarter", dt.date(2023, 1, 1)),
        (dt.date(2026, 11, 23), "week", dt.date(2025, 11, 24)),
    ],
)
def test_the_same_period_a_year_before_starts_on_the_same_day_of_the_month_or_week(start, period, before):
    assert year_before(start, period) == before
    assert period != "week" or start.weekday() == before.weekday() == 0


@pytest.mark.parametrize("period", ["week", "month", "quarter"])
def test_a_period_starts_where_the_one_before_ends(period):
    day = dt.date(2025, 9, 1)
    for _ in range(30):
        after = next_start(day, period)
        assert next_start(after, period, -1) == day
        assert (after - day).days in {"week": {7}, "month": {28, 29, 30, 31}, "quarter": {90, 91, 92}}[period]
        day = after
