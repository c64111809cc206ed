"""A business's working hours: shifts of the weekdays, without public holidays."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from engagekit.errors import did_you_mean

__all__ = ["WEEKDAYS", "WorkingWeek", "holidays_of", "shifts"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHIFT = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")
COUNTRY = re.compile(r"([A-Z]{2})(?:-(\w+))?")
MIDNIGHT = 24 * 60
MOST = 0.75  # share of a country's parts; a day off in so many belongs in the country's own list
PROCLAIMED = 2025  # a year whose holidays are all proclaimed

Shifts = tuple[tuple[int, int], ...]  # minutes after midnight


@dataclass(frozen=True)
class WorkingWeek:
    """A business's working hours.

    Parameters
    ----------
    hours : mapping of str to str
        Shifts of the weekdays, ``monday`` to ``sunday``, on the wall clock: ``"09:00-12:00, 13:00-17:00"``. A day that
        is absent is closed. A shift ends by ``24:00``; one over midnight is written as two.
    time_zone : str
        Zone of that clock, such as ``"Asia/Jakarta"``.
    holidays : str, default ""
        Country, or country and part of it, whose public holidays are closed: ``"ID"``, ``"MY-14"``, ``"GB-ENG"``. A
        country that proclaims many of its holidays part by part needs the part. Days off that are no public holiday,
        such as Indonesia's joint leave, are worked.

    Raises
    ------
    ValueError
        There is no such weekday, shift, zone or country; names it.

    Examples
    --------
    >>> WorkingWeek({"monday": "09:00-17:00"}, "Asia/Jakarta", "ID").shifts[0]
    ((540, 1020),)
    """

    hours: Mapping[str, str]
    time_zone: str
    holidays: str = ""

    def __post_init__(self) -> None:
        for day in self.hours:
            if day not in WEEKDAYS:
                raise ValueError(f"hours: there is no weekday {day!r}. {did_you_mean(day, WEEKDAYS)}")
        if not any(self.shifts):
            raise ValueError('hours: no day has any. Name one, such as {"monday": "09:00-17:00"}.')
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"time_zone: {self.time_zone!r} is not one such as Asia/Jakarta") from error
        holidays_of(self.holidays, range(0))

    @property
    def shifts(self) -> tuple[Shifts, ...]:
        """Shifts of each day from Monday on, in minutes after midnight."""
        return tuple(shifts(self.hours[day]) if day in self.hours else () for day in WEEKDAYS)


def shifts(text: str) -> Shifts:
    """Start and end of each shift of a day, in minutes after midnight.

    Raises
    ------
    ValueError
        It is not written so, or the shifts do not follow one another.

    Examples
    --------
    >>> shifts("09:00-12:00, 13:00-17:00")
    ((540, 720), (780, 1020))
    """
    matches = [SHIFT.fullmatch(part.strip()) for part in text.split(",")]
    minutes = [_shift([int(number) for number in match.groups()]) for match in matches if match]
    if not all(matches) or any(end > MIDNIGHT for _, end in minutes):
        raise ValueError(f'{text!r} is not hours such as "09:00-12:00, 13:00-17:00". Leave out a day that is closed')
    for start, end in minutes:
        if end <= start:
            two = f'Write one over midnight as two: "{_clock(start)}-24:00", and "00:00-{_clock(end)}" on the next day'
            raise ValueError(f"{text!r} ends a shift before it starts. {two if end else 'Write midnight as 24:00'}")
    for (_, end), (start, _) in pairwise(minutes):
        if start < end:
            raise ValueError(f"{text!r} starts a shift at {_clock(start)}, before the last one ends at {_clock(end)}")
    return tuple(minutes)


def holidays_of(place: str, years: range) -> list[dt.date]:
    """Public holidays of a country or a part of it, in order; none for an empty place.

    Those that follow the moon are estimates where they are not proclaimed yet.

    Raises
    ------
    ValueError
        The place is not known, or it is a country most of whose parts have a holiday that its own list leaves out.

    Examples
    --------
    >>> [day.isoformat() for day in holidays_of("GB-ENG", range(2026, 2027))][:3]
    ['2026-01-01', '2026-04-03', '2026-04-06']
    """
    if not place:
        return []
    import holidays

    match = COUNTRY.fullmatch(place)
    problem = f"{place!r} is not a country, or a part of one, such as ID, MY-14 or GB-ENG"
    if match is None:
        raise ValueError(problem)
    try:
        days = sorted(holidays.country_holidays(match[1], subdiv=match[2], years=years))
    except NotImplementedError as error:
        raise ValueError(f"{problem}: {error}") from error
    if match[2] is None and (missing := _missing_holiday(match[1])):
        parts = [f"{place}-{part}" for part in holidays.list_supported_countries()[place]]
        raise ValueError(
            f"{place!r} alone leaves out {missing}, a holiday in most of its parts. "
            f"Name the part, such as {parts[-1]}: there are {', '.join(parts)}"
        )
    return days


@cache
def _missing_holiday(country: str) -> str:
    """Holiday that most parts of a country have and its own list leaves out; empty if there is none."""
    import holidays

    national = holidays.country_holidays(country, years=PROCLAIMED)
    parts = holidays.list_supported_countries().get(country, [])
    lists = [holidays.country_holidays(country, subdiv=part, years=PROCLAIMED) for part in parts]
    shared = Counter(day for days in lists for day in days if day not in national)
    day, having = max(shared.items(), key=lambda item: item[1], default=(dt.date.min, 0))
    if not parts or having < MOST * len(parts):
        return ""
    return next(f"{days[day]} ({day.isoformat()})" for days in lists if day in days)


def _shift(numbers: list[int]) -> tuple[int, int]:
    hour, minute, end_hour, end_minute = numbers
    return 60 * hour + minute, 60 * end_hour + end_minute


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
