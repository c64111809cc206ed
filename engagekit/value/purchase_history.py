"""Interactions -> how often each customer bought again, when last, and since when they are known."""

import datetime as dt
from typing import Any

import narwhals as nw

from engagekit.errors import did_you_mean
from engagekit.frames.engine import to_native
from engagekit.frames.periods import dated
from engagekit.frames.times import with_micros
from engagekit.prepare.interactions import valid_interactions

__all__ = ["known_unit", "purchase_history"]

UNITS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}  # days
DAY_US = 86_400_000_000


def purchase_history(interactions: Any, as_of: dt.datetime, unit: str = "week", *, time_zone: str | None = None) -> Any:
    """One row a customer: how often they bought again, when last, and since when they could.

    Purchases of one day are one, **whatever the unit**: merging them by week would hide purchases, and move every
    parameter. Refunds are left out, and counted; they undo no purchase. So is a day whose purchases come to less than
    0, and a customer without a purchase.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action`` and, where given, ``value, event_id``. Actions other than ``purchase`` and
        ``refund`` do not matter here.
    as_of : datetime
        Interactions from then on are not seen.
    unit : str, default "week"
        Unit of time: ``day``, ``week``, ``month`` (30.44 days) or ``year`` (365.25 days).
    time_zone : str, optional
        Zone whose days count; by default that of the times. DuckDB and Spark do not keep it: say it there.

    Returns
    -------
    frame of the caller's kind
        ``customer_id``; ``frequency``, days with a purchase after the first such day; ``recency``, time from the first
        to the last of them, and ``age``, to the last day before ``as_of``, both in the unit and counted in whole days;
        with values also ``value``, the mean of a day's purchases after the first day, null where there is none;
        ``refunds``, how many were left out; and ``unit``.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        ``unit`` is unknown, one of ``as_of`` and the times lacks a zone, or ``time_zone`` is needed.

    Examples
    --------
    >>> from datetime import datetime
    >>> import polars as pl
    >>> bought = pl.DataFrame({"customer_id": ["a"] * 4, "action": ["purchase"] * 4, "value": [9.0, 5.0, 7.0, 20.0],
    ...     "time": [datetime(2026, 1, day, hour) for day, hour in ((1, 9), (3, 10), (3, 17), (8, 12))]})
    >>> purchase_history(bought, datetime(2026, 1, 16)).drop("refunds").rows()
    [('a', 2, 1.0, 2.0, 16.0, 'week')]
    """
    length = DAY_US * UNITS[known_unit(unit)]
    rows, end = dated(valid_interactions(interactions, ["action"], ["value"], as_of), "time", "1d", as_of, time_zone)
    priced = "value" in rows.collect_schema().names()
    rows = rows if priced else rows.with_columns(value=nw.lit(None, nw.Float64))
    days = _purchase_days(with_micros(rows, "period", "day"))
    counted, later = nw.when(nw.col("counts")), nw.when(nw.col("counts") & (nw.col("day") > nw.col("first")))
    sums = (
        days.with_columns(first=counted.then(nw.col("day")).min().over("customer_id"))
        .with_columns(
            counted.then(nw.col("day")).alias("last"),
            later.then(nw.lit(1)).otherwise(nw.lit(0)).alias("frequency"),
            later.then(nw.col("value")).alias("value"),
        )
        .group_by("customer_id")
        .agg(nw.col("first").min(), nw.col("last").max(), nw.col("frequency", "refunds").sum(), nw.col("value").mean())
        .filter(~nw.col("first").is_null())
    )
    last_day = (((end or as_of) - dt.timedelta(microseconds=1)).replace(tzinfo=None) - dt.datetime(1970, 1, 1)).days
    found = sums.select(
        "customer_id",
        nw.col("frequency").cast(nw.Int64),
        ((nw.col("last") - nw.col("first")) / length).alias("recency"),
        ((nw.lit(last_day * DAY_US) - nw.col("first")) / length).alias("age"),
        *([nw.col("value").cast(nw.Float64)] if priced else []),
        nw.col("refunds").cast(nw.Int64),
        unit=nw.lit(unit),
    )
    return to_native(found, interactions)


def _purchase_days(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Customers' days: whether one ``counts``, its ``value`` and its ``refunds``."""
    bought, value = nw.when(nw.col("action") == "purchase"), nw.col("value")
    lines = rows.filter(nw.col("action").is_in(["purchase", "refund"])).with_columns(
        bought.then(nw.lit(1)).otherwise(nw.lit(0)).alias("bought"), bought.then(value).alias("value")
    )
    days = lines.group_by("customer_id", "day").agg(
        nw.col("bought").sum(), nw.len().alias("lines"), value.sum(), value.count().alias("priced")
    )
    days = days.with_columns(nw.when(nw.col("priced") > 0).then(value).alias("value"))
    below = nw.when(value < 0)
    return days.select(
        "customer_id",
        "day",
        "value",
        counts=below.then(nw.lit(False)).otherwise(nw.col("bought") > 0),
        refunds=below.then(nw.col("lines")).otherwise(nw.col("lines") - nw.col("bought")),
    )


def known_unit(unit: str) -> str:
    """Give a unit of time back, if it is one.

    Raises
    ------
    ValueError
        It is not; offers the nearest.

    Examples
    --------
    >>> known_unit("week")
    'week'
    """
    if unit not in UNITS:
        raise ValueError(f"unit: {unit!r} is not known. {did_you_mean(str(unit), UNITS)}")
    return unit
