"""Interactions -> how often each customer bought again, when last, and how long ago they first bought."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw

from engagekit.errors import did_you_mean
from engagekit.frames.engine import small_table, to_native
from engagekit.frames.exact import MONEY, in_parts
from engagekit.frames.periods import dated
from engagekit.frames.times import DAY_US, micros_at, with_micros
from engagekit.prepare.interactions import US, valid_interactions

__all__ = ["known_unit", "purchase_histories", "purchase_history"]

Rows = nw.LazyFrame[Any]

UNITS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}  # days


def purchase_history(interactions: Any, as_of: dt.datetime, unit: str = "week", *, time_zone: str | None = None) -> Any:
    """Repeat purchases of each customer before a date, with recency and age in a unit of time.

    Purchases of one day count as one, **whatever the unit**: merging them by week would hide purchases, and move every
    parameter. Refunds are left out and counted; they undo no purchase. Also left out are days whose purchases add up to
    less than 0, and customers without a purchase.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action`` and, where given, ``value, event_id``, with unique rows. Only the actions
        ``purchase`` and ``refund`` count.
    as_of : datetime
        Interactions from then on are left out.
    unit : str, default "week"
        Unit of time: ``day``, ``week``, ``month`` (30.44 days) or ``year`` (365.25 days).
    time_zone : str, optional
        Time zone of the calendar days; by default that of the times. DuckDB and Spark do not keep it, so it must be
        given there.

    Returns
    -------
    frame of the caller's kind
        One row a customer, in the order of ``customer_id``:

        - ``customer_id``;
        - ``frequency``, days with a purchase after the first such day;
        - ``recency``, time from the first of these days to the last, and ``age``, to the last day before ``as_of``,
          both in the unit and counted in whole days;
        - with values, ``value``, the mean value of the days after the first, null where there is none;
        - ``refunds``, how many were left out;
        - ``unit``.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        ``unit`` is unknown, one of ``as_of`` and the times lacks a zone, or ``time_zone`` is needed.

    Notes
    -----
    Values are added up as whole ten-thousandths, so that sums are the same however the rows are divided among threads.

    Examples
    --------
    >>> from datetime import datetime
    >>> import polars as pl
    >>> bought = pl.DataFrame({"customer_id": ["a"] * 4, "action": ["purchase"] * 4, "value": [9.0, 5.0, 7.0, 20.0],
    ...     "time": [datetime(2026, 1, day, hour) for day, hour in ((1, 9), (3, 10), (3, 17), (8, 12))]})
    >>> purchase_history(bought, datetime(2026, 1, 16)).drop("refunds").rows()
    [('a', 2, 1.0, 2.0, 16.0, 'week')]
    """
    return to_native(_histories(interactions, [as_of], unit, time_zone).drop("date"), interactions)


def purchase_histories(
    interactions: Any, dates: Iterable[dt.datetime], unit: str = "week", *, time_zone: str | None = None
) -> Any:
    """Repeat purchases of each customer before each of many dates, in one pass over the interactions.

    Dates at midnight are taken together. A date within a day cuts that day, and takes a pass of its own.

    Parameters
    ----------
    interactions : frame
        As ``purchase_history`` takes them.
    dates : iterable of datetime
        For each, interactions from then on are left out.
    unit : str, default "week"
        Unit of time: ``day``, ``week``, ``month`` (30.44 days) or ``year`` (365.25 days).
    time_zone : str, optional
        Time zone of the calendar days, as ``purchase_history`` takes it.

    Returns
    -------
    frame of the caller's kind
        As ``purchase_history`` gives it for each date, with the ``date`` after ``customer_id``, in the order of
        ``date`` and ``customer_id``.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        As ``purchase_history``; or there is no date.

    Examples
    --------
    >>> from datetime import datetime
    >>> import polars as pl
    >>> bought = pl.DataFrame({"customer_id": "a", "action": "purchase",
    ...     "time": [datetime(2026, 1, 1), datetime(2026, 1, 8)]})
    >>> both = purchase_histories(bought, [datetime(2026, 1, 5), datetime(2026, 1, 16)])
    >>> both.select("frequency", "recency").rows()
    [(0, 0.0), (1, 1.0)]
    """
    ordered = sorted(set(dates))
    if not ordered:
        raise ValueError("dates: there is none, and there must be one at least")
    return to_native(_histories(interactions, ordered, unit, time_zone), interactions)


def _histories(interactions: Any, dates: Sequence[dt.datetime], unit: str, time_zone: str | None) -> Rows:
    """What ``purchase_histories`` gives, as a Narwhals lazy frame; dates rise."""
    length = DAY_US * UNITS[known_unit(unit)]
    rows = valid_interactions(interactions, ["action"], ["value"], dates[-1])
    priced = "value" in rows.collect_schema().names()
    clocks = {date: dated(rows, "time", None, date, time_zone)[1] or date for date in dates}
    midnights = [date for date, clock in clocks.items() if clock.time() == dt.time()]
    others = [[date] for date in dates if date not in midnights]  # they cut a day, which counts up to the date
    last_days = {date: _last_day(clock) for date, clock in clocks.items()}
    groups = [group for group in (midnights, *others) if group]
    sums = nw.concat([_sums_before(rows, group, last_days, time_zone) for group in groups])
    return sums.select(
        "customer_id",
        "date",
        nw.col("frequency").cast(nw.Int64),
        ((nw.col("last") - nw.col("first")) / length).alias("recency"),
        ((nw.col("last_day") - nw.col("first")) / length).alias("age"),
        *([_mean_value()] if priced else []),
        nw.col("refunds").cast(nw.Int64),
        unit=nw.lit(unit),
    ).sort("date", "customer_id")


def _last_day(clock: dt.datetime) -> int:
    """Start of the last day before a wall-clock time, in microseconds."""
    last = (clock - dt.timedelta(microseconds=1)).replace(tzinfo=None)
    return (last - dt.datetime(1970, 1, 1)).days * DAY_US


def _sums_before(
    rows: Rows, dates: Sequence[dt.datetime], last_days: Mapping[dt.datetime, int], time_zone: str | None
) -> Rows:
    """First and last day, repeat purchases, money and refunds of customers before each date.

    Days are added up to stretches between two dates, and these to all that is before a date.
    """
    ends = [micros_at(rows, "time", date) for date in dates]
    reached = [nw.when(nw.col(US) >= end).then(nw.lit(1)).otherwise(nw.lit(0)) for end in ends]
    rows = rows.filter(nw.col("action").is_in(["purchase", "refund"]), nw.col(US) < ends[-1])
    rows = rows.with_columns(stretch=nw.sum_horizontal(*reached))
    days = _purchase_days(with_micros(dated(rows, "time", "1d", None, time_zone)[0], "period", "day"))
    stretches = days.group_by("customer_id", "stretch").agg(
        nw.col("day").min().alias("first"),
        nw.col("day").max().alias("last"),
        nw.col("later").sum().alias("frequency"),
        nw.col("money", "valued", "refunds").sum(),
    )
    starts = [last_days[date] for date in dates]
    each_date = small_table(rows, {"following": list(range(len(dates))), "date": list(dates), "last_day": starts})
    sums = (
        stretches.join(each_date, how="cross")
        .filter(nw.col("stretch") <= nw.col("following"))
        .group_by("customer_id", "date", "last_day")
        .agg(
            nw.col("first").min(),
            nw.col("last").max(),
            nw.col("frequency", "money", "valued", "refunds").sum(),
        )
    )
    return sums.filter(~nw.col("first").is_null())


def _purchase_days(rows: Rows) -> Rows:
    """Customers' days: ``day`` where it counts, whether it is a ``later`` one, and its money and refunds."""
    bought = nw.when(nw.col("action") == "purchase")
    priced = "value" in rows.collect_schema().names()
    lines = rows.with_columns(
        bought=bought.then(nw.lit(1)).otherwise(nw.lit(0)),
        money=bought.then(in_parts(nw.col("value"), MONEY)) if priced else nw.lit(None, nw.Float64),
    )
    days = lines.group_by("customer_id", "day", "stretch").agg(
        nw.col("bought", "money").sum(), nw.len().alias("lines"), nw.col("money").count().alias("priced")
    )
    below = (nw.col("priced") > 0) & (nw.col("money") < 0)
    days = days.with_columns(
        day=nw.when(~below & (nw.col("bought") > 0)).then(nw.col("day")),
        refunds=nw.col("lines") - nw.when(below).then(nw.lit(0)).otherwise(nw.col("bought")),
    )
    later = nw.col("day") > nw.col("day").min().over("customer_id")
    days = days.with_columns(later=nw.when(later).then(nw.lit(1)).otherwise(nw.lit(0)))
    valued = nw.when((nw.col("later") == 1) & (nw.col("priced") > 0))
    return days.with_columns(valued=valued.then(nw.lit(1)).otherwise(nw.lit(0)), money=valued.then(nw.col("money")))


def _mean_value() -> nw.Expr:
    """Money of a day with a value after the first day; null where there is none."""
    mean = nw.col("money") / nw.col("valued").cast(nw.Float64) / float(MONEY)
    return nw.when(nw.col("valued") > 0).then(mean).alias("value")


def known_unit(unit: str) -> str:
    """Return a unit of time if it is known.

    Raises
    ------
    ValueError
        It is not; the message offers the nearest.

    Examples
    --------
    >>> known_unit("week")
    'week'
    """
    if unit not in UNITS:
        raise ValueError(f"unit: {unit!r} is not known. {did_you_mean(str(unit), UNITS)}")
    return unit
