"""What the calendar does to a comparison: the same period a year before, and holidays that follow the moon."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

__all__ = ["HOLIDAYS", "LUNAR_COUNTRIES", "first_day", "holiday_days", "last_named", "next_start", "year_before"]

HOLIDAYS = {  # days beside the first day of the feast; Ramadan has 29 or 30, of which these are sure
    "ramadan": range(-29, 0),
    "eid_al_fitr": range(2),
    "chinese_new_year": range(2),
}
FEASTS = {  # names in the library holidays
    "Eid al-Fitr": ("ramadan", "eid_al_fitr"),
    "Chinese New Year": ("chinese_new_year",),
    "Lunar New Year": ("chinese_new_year",),
}
LUNAR_COUNTRIES = ("ID", "MY")  # the first where the country is another one or not known
ESTIMATED = " (estimated)"
MONTHS_A_YEAR, A_WEEK = 12, dt.timedelta(weeks=1)
MONTHS = {"month": 1, "quarter": 3}


def year_before(start: dt.date, period: str) -> dt.date:
    """First day of the same month or quarter a year before; of the week 52 weeks before.

    Parameters
    ----------
    start : date or datetime
        First day of a period.
    period : {"week", "month", "quarter"}

    Examples
    --------
    >>> year_before(dt.date(2026, 3, 1), "month").isoformat(), year_before(dt.date(2026, 3, 16), "week").isoformat()
    ('2025-03-01', '2025-03-17')
    """
    return start - 52 * A_WEEK if period == "week" else start.replace(year=start.year - 1)


def first_day(period: str) -> dt.date:
    """First day of a period as ``metrics.json`` names it: a month by ``YYYY-MM``, others by their ISO date.

    Examples
    --------
    >>> first_day("2026-10").isoformat(), first_day("2026-10-26").isoformat()
    ('2026-10-01', '2026-10-26')
    """
    return dt.date.fromisoformat(period if len(period) > len("2026-10") else f"{period}-01")


def last_named(run: Mapping[str, Any]) -> str:
    """Name of the last period that was over, in the rows of a ``metrics.json``.

    Examples
    --------
    >>> last_named({"month": "2026-10"})
    '2026-10'
    >>> last_named({"month": "2026-10", "period": "week", "last_period": "2026-10-26"})
    '2026-10-26'
    """
    return str(run["month"] if run.get("period", "month") == "month" else run["last_period"])


def next_start(start: dt.date, period: str, steps: int = 1) -> dt.date:
    """First day of the period that follows, or of the one before where ``steps`` is -1.

    Examples
    --------
    >>> [next_start(dt.date(2026, 10, 1), "quarter", steps).isoformat() for steps in (1, -1)]
    ['2027-01-01', '2026-07-01']
    """
    if period == "week":
        return start + steps * A_WEEK
    year, month = divmod(MONTHS_A_YEAR * start.year + start.month - 1 + steps * MONTHS[period], MONTHS_A_YEAR)
    return start.replace(year=year, month=month + 1)


def holiday_days(start: dt.date, period: str, country: str = "") -> dict[str, int]:
    """Days of a period that fall in Ramadan, Eid al-Fitr (two days) and Chinese New Year (two days).

    Ramadan is taken to be the 29 days before Eid al-Fitr; it may have begun a day earlier. The first days of the feasts
    are those that the library ``holidays`` has for the country: proclaimed ones, and estimates for years to come.

    Parameters
    ----------
    start : date
        First day of the period.
    period : {"week", "month", "quarter"}
    country : str, default ""
        ``"ID"`` or ``"MY"``; of any other the dates are Indonesia's.

    Returns
    -------
    dict of str to int
        The names of ``HOLIDAYS``, with 0 where no day falls in the period.

    Examples
    --------
    Eid al-Fitr was on 21 March 2026, Chinese New Year on 17 February.

    >>> holiday_days(dt.date(2026, 3, 1), "month", "MY")
    {'ramadan': 20, 'eid_al_fitr': 2, 'chinese_new_year': 0}
    """
    import holidays

    place = country if country in LUNAR_COUNTRIES else LUNAR_COUNTRIES[0]
    end = next_start(start, period)
    years = range(start.year - 1, end.year + 2)
    named = holidays.country_holidays(place, years=years, language="en_US", observed=False)
    days = dict.fromkeys(HOLIDAYS, 0)
    for first, names in named.items():
        for feast in names.split("; "):
            for holiday in FEASTS.get(feast.removesuffix(ESTIMATED), ()):
                beside = (first + dt.timedelta(days=each) for each in HOLIDAYS[holiday])
                days[holiday] += sum(start <= day < end for day in beside)
    return days
