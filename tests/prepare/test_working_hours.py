"""Working hours, from cases counted by hand and by a loop over every minute."""

import datetime as dt
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit.data.working_week import WEEKDAYS, WorkingWeek, holidays_of, shifts
from engagekit.errors import DataError
from engagekit.prepare.working_hours import support_hours

JAKARTA, LONDON = "Asia/Jakarta", "Europe/London"
OFFICE = dict.fromkeys(WEEKDAYS[:5], "09:00-17:00")
LUNCH = dict.fromkeys(WEEKDAYS[:5], "09:00-12:00, 13:00-17:00")
ALWAYS = dict.fromkeys(WEEKDAYS, "00:00-24:00")


def at(text, zone=JAKARTA):
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone and ZoneInfo(zone))


def asked(*rows, zone=JAKARTA):
    """Tickets: when they were opened, replied to and solved."""
    names = ("opened_at", "first_human_reply_at", "solved_at")
    frame = pl.DataFrame([(*row, *[None] * (3 - len(row))) for row in rows], schema=names, orient="row")
    times = [pl.col(name).cast(pl.String).str.to_datetime("%Y-%m-%d %H:%M", time_unit="us") for name in names]
    return frame.with_columns(time.dt.replace_time_zone(zone) for time in times)


def waited(opened, replied, week, zone=JAKARTA):
    """Hours to a reply."""
    found = support_hours(asked((opened, replied), zone=zone), at("2026-12-01", zone), week)
    assert found["replied"].to_list() == [True]
    return found["response_hours"].item()


@pytest.mark.parametrize(
    ("hours", "opened", "replied", "expected"),
    [
        (OFFICE, "2026-03-06 16:30", "2026-03-09 09:15", 0.75),  # Friday to Monday
        (OFFICE, "2026-03-07 12:00", "2026-03-08 12:00", 0),  # within the weekend
        (OFFICE, "2026-03-07 12:00", "2026-03-09 09:00", 0),  # as the doors open
        (OFFICE, "2026-03-06 17:00", "2026-03-09 08:59", 0),  # as they close
        (OFFICE, "2026-03-04 07:00", "2026-03-04 20:00", 8),  # before and after
        (OFFICE, "2026-03-04 10:00", "2026-03-11 10:00", 40),  # a week
        (LUNCH, "2026-03-04 11:30", "2026-03-04 13:30", 1),
        (LUNCH, "2026-03-04 12:10", "2026-03-04 12:50", 0),
        (LUNCH, "2026-03-04 10:00", "2026-03-04 11:00", 1),
        (ALWAYS, "2026-03-06 16:30", "2026-03-09 09:15", 64.75),
        ({"tuesday": "22:00-24:00", "wednesday": "00:00-06:00"}, "2026-03-03 12:00", "2026-03-04 12:00", 8),
        ({"monday": "09:00-17:00"}, "2026-03-03 12:00", "2026-03-04 12:00", 0),  # no shift anywhere near
    ],
)
def test_hours_count_within_the_shifts(hours, opened, replied, expected):
    assert waited(opened, replied, WorkingWeek(hours, JAKARTA)) == pytest.approx(expected)


def test_holidays_are_closed():
    """Lebaran 2025: Monday 31 March and Tuesday 1 April, after a weekend."""
    assert waited("2025-03-28 16:00", "2025-04-02 10:00", WorkingWeek(OFFICE, JAKARTA, "ID")) == pytest.approx(2)
    assert waited("2025-03-28 16:00", "2025-04-02 10:00", WorkingWeek(OFFICE, JAKARTA)) == pytest.approx(18)


def test_joint_leave_is_no_public_holiday():
    """Nyepi 2026 is Thursday 19 March; the Friday after it is joint leave before Lebaran."""
    assert waited("2026-03-18 16:00", "2026-03-23 10:00", WorkingWeek(OFFICE, JAKARTA, "ID")) == pytest.approx(10)


def test_a_part_of_a_country_has_its_own_holidays():
    """Federal Territory Day is kept in Kuala Lumpur (14) and not in Johor (01)."""
    assert dt.date(2024, 2, 1) in holidays_of("MY-14", range(2024, 2025))
    assert dt.date(2024, 2, 1) not in holidays_of("MY-01", range(2024, 2025))
    assert holidays_of("", range(2024, 2025)) == []


@pytest.mark.parametrize(
    ("place", "missing"), [("MY", "2025-10-20"), ("AU", "2025-01-27"), ("GB", "2025-0"), ("CH", "Good Friday")]
)
def test_a_country_whose_parts_proclaim_most_holidays_needs_its_part(place, missing):
    with pytest.raises(ValueError, match=f"'{place}' alone leaves out .*{missing}.* Name the part, such as {place}-"):
        holidays_of(place, range(0))


@pytest.mark.parametrize("place", ["ID", "SG", "US", "DE", "IN", "PH", "MY-14", "GB-ENG"])
def test_a_country_whose_own_list_says_nearly_all_needs_no_part(place):
    assert len(holidays_of(place, range(2026, 2027))) > 8


def test_the_clock_is_that_of_the_business_whatever_the_zone_of_the_times():
    """8:00 to 10:00 in Jakarta is 1:00 to 3:00 in UTC."""
    assert waited("2026-03-04 01:00", "2026-03-04 03:00", WorkingWeek(OFFICE, JAKARTA), zone="UTC") == 1


@pytest.mark.parametrize(
    ("hours", "opened", "replied", "expected"),
    [
        ("00:00-06:00", "2026-03-28 23:00", "2026-03-29 12:00", 5),  # 1:00 becomes 2:00
        ("00:00-06:00", "2026-10-24 23:00", "2026-10-25 12:00", 7),  # 2:00 becomes 1:00
        ("09:00-17:00", "2026-03-28 23:00", "2026-03-29 20:00", 8),
        ("00:00-24:00", "2026-03-29 00:00", "2026-03-30 00:00", 23),
        ("00:00-24:00", "2026-10-25 00:00", "2026-10-26 00:00", 25),
        ("01:30-03:00", "2026-03-28 23:00", "2026-03-29 12:00", 1),  # starts in the hour that is skipped
        ("01:10-01:50", "2026-03-28 23:00", "2026-03-29 12:00", 0),  # lies in it
        ("00:00-01:15, 01:30-05:00", "2026-10-24 23:00", "2026-10-25 12:00", 6),  # break in the hour shown twice
    ],
)
def test_a_shift_is_as_long_as_it_lasts_when_the_clock_is_changed(hours, opened, replied, expected):
    week = WorkingWeek({"sunday": hours}, LONDON)
    assert waited(opened, replied, week, zone=LONDON) == pytest.approx(expected)


def test_a_zone_whose_clock_skips_midnight_has_a_day_of_23_hours():
    santiago = "America/Santiago"  # 2026-09-06 begins at 1:00
    week = WorkingWeek(ALWAYS, santiago)
    assert waited("2026-09-05 12:00", "2026-09-06 12:00", week, zone=santiago) == pytest.approx(23)


def test_times_without_a_zone_are_the_week_s_clock():
    week = WorkingWeek({"sunday": "00:00-06:00"}, LONDON)
    assert waited("2026-03-28 23:00", "2026-03-29 12:00", week, zone=None) == 6


def test_without_a_week_all_hours_count():
    assert waited("2026-03-06 16:30", "2026-03-09 09:15", None) == 64.75


def flags(frame):
    return frame.select("response_hours", "replied", "resolution_hours", "solved").rows()


def test_what_is_still_open_has_waited_until_the_date_and_says_so():
    tickets = asked(("2026-03-04 10:00", "2026-03-04 11:00", "2026-03-04 16:00"), ("2026-03-04 15:00",))
    found = support_hours(tickets, at("2026-03-05 10:00"), WorkingWeek(OFFICE, JAKARTA))
    assert flags(found) == [(1, True, 6, True), (3, False, 3, False)]


def test_what_happens_from_the_date_on_is_not_seen():
    tickets = asked(
        ("2026-03-04 10:00", "2026-03-04 12:00", "2026-03-04 13:00"), ("2026-03-04 12:00",), ("2026-03-04 11:00",)
    )
    found = support_hours(tickets, at("2026-03-04 12:00"), WorkingWeek(OFFICE, JAKARTA))
    assert flags(found) == [(2, False, 2, False), (1, False, 1, False)]
    assert found.select("first_human_reply_at", "solved_at").null_count().row(0) == (2, 2)


def test_a_ticket_solved_without_a_reply_waited_for_one_until_then():
    tickets = asked(("2026-03-04 10:00", None, "2026-03-04 13:00"))
    found = support_hours(tickets, at("2026-03-11 10:00"), WorkingWeek(OFFICE, JAKARTA))
    assert flags(found) == [(3, False, 3, True)]


def test_columns_come_along_and_only_times_that_are_given_make_hours():
    tickets = asked(("2026-03-04 10:00", "2026-03-04 11:00")).drop("solved_at").with_columns(reason=pl.lit("bill"))
    found = support_hours(tickets, at("2026-03-05"))
    assert found.columns == ["opened_at", "first_human_reply_at", "reason", "response_hours", "replied"]
    assert support_hours(tickets.select("opened_at"), at("2026-03-05")).columns == ["opened_at"]


def test_no_tickets_give_none():
    found = support_hours(asked().clear(), at("2026-03-05"), WorkingWeek(OFFICE, JAKARTA, "ID"))
    assert found.is_empty()
    assert found.schema["response_hours"] == pl.Float64


def test_any_engine_gives_the_same(on_engine):
    tickets = asked(
        ("2026-03-06 16:30", "2026-03-09 09:15", "2026-03-09 10:30"), ("2026-03-06 10:00",), ("2026-04-06 10:00",)
    ).with_columns(ticket_id=pl.Series(["1", "2", "3"]))
    like = on_engine(tickets)
    found = support_hours(like, at("2026-03-09 12:00"), WorkingWeek(OFFICE, JAKARTA, "ID"))
    if isinstance(like, pd.DataFrame):
        assert isinstance(found, pd.DataFrame)
        assert "first_human_reply_at" in like.columns
        assert "replied" not in like.columns
        found = pl.from_pandas(found)
    assert flags(found.lazy().sort("ticket_id").collect()) == [(0.75, True, 2, True), (10, False, 10, False)]


def by_minute(opened, until, hours, zone, place):
    """Hours in which the wall clock shows working time, counted minute by minute."""
    closed = holidays.country_holidays(place[:2], subdiv=place[3:] or None) if place else {}
    count, moment = 0, opened.astimezone(dt.UTC)
    while moment < until:
        wall = moment.astimezone(ZoneInfo(zone))
        minute = 60 * wall.hour + wall.minute
        shifts_then = shifts(hours[WEEKDAYS[wall.weekday()]]) if WEEKDAYS[wall.weekday()] in hours else ()
        count += any(start <= minute < end for start, end in shifts_then) and wall.date() not in closed
        moment += dt.timedelta(minutes=1)
    return count / 60


@pytest.mark.parametrize(
    ("hours", "zone", "place", "start"),
    [
        (LUNCH | {"saturday": "08:00-11:30"}, JAKARTA, "ID", "2025-03-24"),
        ({"friday": "09:00-12:15, 14:45-18:00", "sunday": "00:00-24:00"}, "Asia/Kuala_Lumpur", "MY-14", "2026-01-28"),
        (OFFICE | {"saturday": "20:00-24:00", "sunday": "00:00-06:00"}, LONDON, "GB-ENG", "2026-03-25"),
        (ALWAYS | {"monday": "13:00-24:00"}, LONDON, "", "2026-10-20"),
        (OFFICE, "America/New_York", "US", "2026-10-28"),
    ],
)
def test_a_loop_over_every_minute_gives_the_same(hours, zone, place, start):
    rng, begin = np.random.default_rng(5), at(start, zone)
    minutes = np.sort(rng.integers(0, 9 * 1440, (12, 2)), axis=1)
    tickets = pl.DataFrame(
        {
            "opened_at": [begin + dt.timedelta(minutes=int(first)) for first, _ in minutes],
            "first_human_reply_at": [begin + dt.timedelta(minutes=int(last)) for _, last in minutes],
        }
    )
    found = support_hours(tickets, begin + dt.timedelta(days=30), WorkingWeek(hours, zone, place))
    expected = [by_minute(*row, hours, zone, place) for row in tickets.rows()]
    assert sum(expected) > 30
    assert found["response_hours"].to_list() == pytest.approx(expected)


def test_a_million_tickets_add_up():
    """Opened evenly over a year of weeks, each waits a day of the calendar: 40 of 168 hours are worked."""
    week = pl.Series(np.arange(1_000_000) * 52 * 168 // 1_000_000)
    opened = pl.lit(at("2026-01-05")) + pl.duration(hours=week)
    tickets = pl.DataFrame({"opened_at": pl.select(opened).to_series()})
    tickets = tickets.with_columns(first_human_reply_at=pl.col("opened_at") + pl.duration(days=1))
    found = support_hours(tickets, at("2028-01-01"), WorkingWeek(OFFICE, JAKARTA))
    assert found["response_hours"].mean() == pytest.approx(24 * 40 / 168, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("9-17", "'9-17' is not hours such as \"09:00-12:00, 13:00-17:00\""),
        ("", "'' is not hours"),
        ("09:00-12:00,", "is not hours"),
        ("09:00-12:60", "is not hours"),
        ("09:00-24:01", "is not hours"),
        ("22:00-06:00", 'Write one over midnight as two: "22:00-24:00", and "00:00-06:00" on the next day'),
        ("22:00-00:00", "Write midnight as 24:00"),
        ("09:00-09:00", "ends a shift before it starts"),
        ("09:00-12:00, 11:00-17:00", "starts a shift at 11:00, before the last one ends at 12:00"),
        ("13:00-17:00, 09:00-12:00", "starts a shift at 09:00, before the last one ends at 17:00"),
    ],
)
def test_hours_that_cannot_be_read_say_how_to_write_them(text, facts):
    with pytest.raises(ValueError, match=".") as caught:
        shifts(text)
    assert facts in str(caught.value)


@pytest.mark.parametrize(
    ("hours", "zone", "place", "facts"),
    [
        ({"mondy": "09:00-17:00"}, JAKARTA, "", r"no weekday 'mondy'. Did you mean monday\?"),
        ({}, JAKARTA, "", "hours: no day has any"),
        (OFFICE, "Jakarta", "", "time_zone: 'Jakarta' is not one such as Asia/Jakarta"),
        (OFFICE, JAKARTA, "Indonesia", "'Indonesia' is not a country, or a part of one, such as ID, MY-14 or GB-ENG"),
        (OFFICE, JAKARTA, "id", "'id' is not a country"),
        (OFFICE, JAKARTA, "XX", "'XX' is not a country"),
        (OFFICE, JAKARTA, "MY-99", "'MY-99' is not a country, or a part of one.*99"),
    ],
)
def test_a_week_that_cannot_be_is_refused(hours, zone, place, facts):
    with pytest.raises(ValueError, match=facts):
        WorkingWeek(hours, zone, place)


def test_a_column_that_is_absent_or_no_time_is_named():
    with pytest.raises(DataError, match="opened_at: is not a column. Did you mean opened\\?"):
        support_hours(pl.DataFrame({"opened": [1]}), at("2026-01-01"))
    tickets = asked(("2026-03-04 10:00",)).with_columns(solved_at=pl.lit("2026-03-04"))
    with pytest.raises(DataError, match="solved_at: is String, not a time"):
        support_hours(tickets, at("2026-03-05"))


@pytest.mark.parametrize(("zone", "as_of"), [(None, JAKARTA), (JAKARTA, None)])
def test_a_zone_on_one_side_only_is_refused(zone, as_of):
    with pytest.raises(ValueError, match="opened_at: its times have"):
        support_hours(asked(("2026-03-04 10:00",), zone=zone), at("2026-03-05", as_of))
