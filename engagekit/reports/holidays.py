"""Holidays that follow the moon, in words: which of two months holds them and the other does not."""

import datetime as dt
from typing import Any

from babel.lists import format_list

from engagekit.metrics.season import LUNAR_COUNTRIES, holiday_days, next_start
from engagekit.reports.results import Results

__all__ = ["holidays_apart", "holidays_between", "holidays_in", "is_kept", "previous"]

COUNTRIES = {"IDR": "ID", "MYR": "MY"}  # by currency, where the business names none
MORE_DAYS = 7  # of Ramadan in one period than in the other


def holidays_between(report: Results, old: dt.date, new: dt.date) -> str:
    """Sentence that names the holidays of one of two periods that the other has not; empty where there are none."""
    text, days = report.language.text, {day: _days(report, day) for day in (new, old)}
    parts = []
    for day, other in ((new, old), (old, new)):
        names = [name for name in days[day] if days[day][name] and not days[other][name]]
        if names:
            parts.append(text("season.only_in", names=_listed(report, names), **_two(report, day, other)))
    more, fewer = sorted((new, old), key=lambda day: -days[day]["ramadan"])
    most, least = (days[day]["ramadan"] for day in (more, fewer))
    if least and most - least >= MORE_DAYS:
        number = report.language.number
        counts = {"n": number(most), "fewer": number(least)}
        parts.append(text("season.more_of", **counts, **_two(report, more, fewer)))
    return text(f"season.{'hard' if is_kept(report) else 'elsewhere'}", parts=". ".join(parts)) if parts else ""


def holidays_apart(report: Results, old: dt.date, new: dt.date) -> str:
    """Names of the holidays that only one of two periods holds; empty where there are none."""
    first, second = (_days(report, day) for day in (old, new))
    return _listed(report, [name for name in first if bool(first[name]) != bool(second[name])])


def holidays_in(report: Results, day: dt.date) -> str:
    """Names of the holidays in the period that starts on a day; empty where there are none."""
    return _listed(report, [name for name, days in _days(report, day).items() if days])


def is_kept(report: Results) -> bool:
    """Whether the business is of a country where these holidays are kept."""
    return _country(report) in LUNAR_COUNTRIES


def previous(report: Results) -> dt.date:
    """First day of the period before the one that is reported."""
    return next_start(report.month.date(), report.study.period, -1)


def _days(report: Results, day: dt.date) -> dict[str, int]:
    return holiday_days(dt.date(day.year, day.month, day.day), report.study.period, _country(report))


def _country(report: Results) -> str:
    return report.business.support.holidays[:2] or COUNTRIES.get(report.business.currency, "")


def _two(report: Results, day: dt.date, other: dt.date) -> dict[str, Any]:
    return {"month": report.language.named(day), "other": report.language.named(other)}


def _listed(report: Results, names: list[str]) -> str:
    return format_list([report.language.text(f"season.{name}") for name in names], locale=report.language.locale)
