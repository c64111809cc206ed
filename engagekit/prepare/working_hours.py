"""Hours between two times that fall in a business's week, without its holidays."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Literal
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.data.working_week import WorkingWeek, holidays_of
from engagekit.frames.engine import to_narwhals, to_native
from engagekit.frames.times import HOUR_US, micros_at, with_micros

__all__ = ["support_hours"]

ENDS = {  # of what begins at a time: when it ends, and the columns of the wait
    "opened_at": {"first_human_reply_at": ("response_hours", "replied"), "solved_at": ("resolution_hours", "solved")},
    "time": {"replied_at": ("reply_hours", "answered")},
}

Moments = NDArray[np.int64]  # microseconds since 1970


def support_hours(
    tickets: Any,
    as_of: dt.datetime,
    week: WorkingWeek | None = None,
    begins: Literal["opened_at", "time"] = "opened_at",
) -> Any:
    """Tickets or mentions with the hours to the first human reply and to the solution, within working hours.

    Parameters
    ----------
    tickets : frame
        ``opened_at`` and, where given, ``first_human_reply_at``, ``solved_at``; other columns are carried along. Of
        mentions ``time`` and ``replied_at``.
    as_of : datetime
        Tickets opened from then on are left out, and what was done from then on is not seen: it is blank.
    week : WorkingWeek, optional
        Without it all hours count.
    begins : {"opened_at", "time"}
        Column from which is waited; ``time`` of mentions.

    Returns
    -------
    frame of the caller's kind
        The tickets, with ``response_hours`` and ``replied``, ``resolution_hours`` and ``solved``, or the mentions with
        ``reply_hours`` and ``answered``, each pair where its time is given. Of what is still open the flag is false and
        the hours are those until ``as_of``: it takes longer. A ticket that was solved without a reply waited for one
        until then. The rows of a DuckDB or Spark frame are collected, and come back as a Polars LazyFrame.

    Raises
    ------
    DataError
        A column is absent or holds no times.
    ValueError
        A column has a time zone and ``as_of`` has none, or the other way round.

    Notes
    -----
    Hours are counted as they pass: a shift in which the clock is put forward is an hour shorter, and one in which it
    is put back an hour longer. Times without a zone are wall-clock times of the week's, whose clock is never changed.

    Examples
    --------
    Asked on Friday at 16:30 and answered on Monday at 9:15, between nine and five.

    >>> from datetime import datetime
    >>> asked = pl.DataFrame({"opened_at": [datetime(2026, 3, 6, 16, 30)],
    ...     "first_human_reply_at": [datetime(2026, 3, 9, 9, 15)]})
    >>> week = WorkingWeek({"friday": "09:00-17:00", "monday": "09:00-17:00"}, "Europe/London")
    >>> support_hours(asked, datetime(2026, 4, 1), week).select("response_hours", "replied").rows()
    [(0.75, True)]
    """
    names = nw.from_native(tickets).collect_schema().names()
    ends = ENDS[begins]
    given = [name for name in ends if name in names]
    rows = to_narwhals(tickets, [begins, *names])
    for name in (begins, *given):
        rows = with_micros(rows, name, f"{name}:us")
    end = micros_at(rows, begins, as_of)
    rows = rows.filter(nw.col(f"{begins}:us") < end)
    known = {name: nw.col(f"{name}:us") < micros_at(rows, name, as_of) for name in given}
    rows = rows.with_columns(nw.when(before).then(nw.col(name)).alias(name) for name, before in known.items())
    zoned = getattr(rows.collect_schema()[begins], "time_zone", None) is not None
    frame: pl.DataFrame = rows.collect("polars").to_native()
    opened = frame[f"{begins}:us"].to_numpy()
    worked = _worked(week, zoned, int(opened.min(initial=end)), end)
    last = pl.repeat(end, frame.height, dtype=pl.Int64, eager=True)
    if "solved_at" in given:
        last = frame["solved_at:us"].zip_with(frame["solved_at"].is_not_null(), last)
    columns: dict[str, pl.Series] = {}
    for name in given:
        hours, done = ends[name]
        happened = frame[name].is_not_null()
        until = frame[f"{name}:us"].zip_with(happened, last).to_numpy()
        columns |= {hours: pl.Series((worked(until) - worked(opened)) / HOUR_US), done: happened}
    return to_native(nw.from_native(frame.select(names).with_columns(**columns).lazy()), tickets)


def _worked(week: WorkingWeek | None, zoned: bool, first: int, end: int) -> Callable[[Moments], NDArray[Any]]:
    """Function that gives the working time passed by each moment between the two, in microseconds."""
    if week is None:
        return lambda moments: moments
    turns = np.maximum.accumulate(_turns(week, zoned, first, end))
    passed = np.cumsum(np.diff(turns, prepend=turns[:1]) * (np.arange(len(turns)) % 2))
    origin = turns.min(initial=first)
    return lambda moments: np.interp(moments, np.insert(turns, 0, origin), np.insert(passed, 0, 0))


def _turns(week: WorkingWeek, zoned: bool, first: int, end: int) -> Moments:
    """Start and end, by turns, of every shift between two moments."""
    begin, stop = (np.datetime64(moment, "us").astype("datetime64[D]") for moment in (first, end))
    days = np.arange(begin - 1, stop + 2)
    years = days[[0, -1]].astype("datetime64[Y]").astype(int) + 1970
    closed = np.array(holidays_of(week.holidays, range(years[0], years[1] + 1)), dtype="datetime64[D]")
    days = days[~np.isin(days, closed)]
    weekday = (days.astype(int) + 3) % 7  # day 0, the first of 1970, was a Thursday
    parts = [
        days[weekday == number] + np.array(shift, dtype="timedelta64[m]")[:, None]
        for number, some in enumerate(week.shifts)
        for shift in some
    ]
    walls = np.sort(np.concatenate(parts, axis=1)).astype("datetime64[us]")
    if zoned:
        starts, ends = walls
        walls = np.stack([_instants(starts, week.time_zone, True), _instants(ends, week.time_zone, False)])
    return walls.T.ravel().astype(np.int64)


def _instants(walls: NDArray[np.datetime64], zone: str, earlier: bool) -> Moments:
    """Moments of wall-clock times: of one that the clock skips, when it goes on; of one shown twice, either."""
    import pandas as pd

    twice = np.full(len(walls), earlier)
    index = pd.DatetimeIndex(walls).tz_localize(ZoneInfo(zone), ambiguous=twice, nonexistent="shift_forward")
    return np.asarray(index.as_unit("us").asi8)
