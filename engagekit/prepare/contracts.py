"""Paid periods of customers, and the spells that they make up."""

import datetime as dt
from typing import Any

import narwhals as nw

from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals
from engagekit.frames.times import micros_at, with_micros

__all__ = ["NEVER_US", "covered", "overlapping", "paid_periods"]

Rows = nw.LazyFrame[Any]

MICROSECOND = dt.timedelta(microseconds=1)
NEVER_US, LONG_AGO_US = 2**62, -(2**62)


def paid_periods(subscriptions: Any, grace: dt.timedelta, as_of: dt.datetime | None = None) -> Rows:
    """Paid periods, each with the spell that it belongs to.

    Parameters
    ----------
    subscriptions : frame
        ``customer_id, starts_at`` and, where given, ``ends_at`` (exclusive; blank where the period still runs),
        ``monthly_value`` and ``subscription_id``. A row without a customer or a start is left out, and so is a period
        that ends as it starts, or whose value is 0: a free trial is no paid period.
    grace : timedelta
        How late a renewal may be. Periods with gaps up to and including it are one spell.
    as_of : datetime, optional
        End of the data: a spell whose grace runs beyond it is not over.

    Returns
    -------
    narwhals.LazyFrame
        ``customer_id, starts_at, starts_us, ends_us, spell_starts_us, spell_ends_us``, times in microseconds and
        ``NEVER_US`` where a period or spell is not over; and ``monthly_value, subscription_id`` where they are given.

    Raises
    ------
    DataError
        A column is absent, holds no times, or ``monthly_value`` no numbers.
    """
    rows = to_narwhals(subscriptions, ["customer_id", "starts_at"], ["ends_at", "monthly_value", "subscription_id"])
    names = rows.collect_schema().names()
    rows = with_micros(rows, "starts_at", "starts_us")
    if "ends_at" in names:
        rows = with_micros(rows, "ends_at", "ends_us").with_columns(nw.col("ends_us").fill_null(NEVER_US))
    else:
        rows = rows.with_columns(ends_us=nw.lit(NEVER_US, nw.Int64))
    rows = rows.filter(~nw.col("customer_id").is_null(), nw.col("starts_us") < nw.col("ends_us"))
    if "monthly_value" in names:
        rows = rows.with_columns(_money(rows))
        rows = rows.filter(nw.col("monthly_value").is_null() | (nw.col("monthly_value") != 0))
    return _with_spells(rows, grace // MICROSECOND, None if as_of is None else micros_at(rows, "starts_at", as_of))


def overlapping(subscriptions: Any) -> int:
    """Customers with paid periods that overlap and have no id of their own, whose values add up.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> upgrade = pl.DataFrame({"customer_id": ["a", "a"], "starts_at": [datetime(2026, 1, 1), datetime(2026, 1, 20)],
    ...     "ends_at": [datetime(2026, 2, 1), datetime(2026, 3, 1)]})
    >>> overlapping(upgrade)
    1
    """
    periods = paid_periods(subscriptions, dt.timedelta(0))
    if "subscription_id" in periods.collect_schema().names():
        periods = periods.filter(nw.col("subscription_id").is_null())
    overlaps = periods.filter(nw.col("starts_us") < nw.col("reached_us"))
    return int(collected(overlaps.select(nw.col("customer_id").n_unique())).item())


def covered(periods: Rows, time_us: int, overlaps: str) -> Rows:
    """Customers whom a spell covers at a time, with its start and the ``value`` that they pay; null if not known.

    In a gap within a spell it is that of the periods before. Of one ``subscription_id`` the period that started last
    counts, and without ids all that run or, where ``overlaps`` is ``"latest"``, the one that started last.
    """
    held = periods.filter(nw.col("starts_us") <= time_us, nw.col("spell_ends_us") > time_us)
    names, begun = periods.collect_schema().names(), nw.col("spell_starts_us").max()
    if "monthly_value" not in names:
        return held.group_by("customer_id").agg(begun)
    runs = nw.when(nw.col("ends_us") > time_us)
    held = held.with_columns(until_us=runs.then(nw.lit(NEVER_US)).otherwise(nw.col("ends_us")))
    held = held.filter(nw.col("until_us") == nw.col("until_us").max().over("customer_id"))
    latest = nw.col("starts_us") == nw.col("starts_us").max().over("customer_id")
    if overlaps == "add":
        own = nw.col("starts_us") == nw.col("starts_us").max().over("customer_id", "subscription_id")
        latest = nw.col("subscription_id").is_null() | own if "subscription_id" in names else nw.lit(value=True)
    held = held.with_columns(latest=latest).filter(nw.col("latest"))
    blank = nw.col("monthly_value").is_null().cast(nw.Int64)
    sums = held.with_columns(blank=blank).group_by("customer_id").agg(begun, nw.col("monthly_value", "blank").sum())
    value = nw.when(nw.col("blank") == 0).then(nw.col("monthly_value"))
    return sums.select("customer_id", "spell_starts_us", value=value)


def _with_spells(rows: Rows, grace: int, as_of_us: int | None) -> Rows:
    """Periods with ``reached_us``, up to when those before them go, and the start and end of their spell."""
    starts, ordered = nw.col("starts_us"), {"order_by": ["starts_us", "ends_us"]}
    rows = rows.with_columns(reach=nw.col("ends_us").cum_max().over("customer_id", **ordered))
    rows = rows.with_columns(reached_us=nw.col("reach").shift(1).over("customer_id", **ordered))
    begins = nw.col("reached_us").is_null() | (starts > nw.col("reached_us") + grace)
    rows = rows.with_columns(
        begun=nw.when(begins).then(starts).otherwise(nw.lit(LONG_AGO_US)),
        turn=2 * starts - nw.when(begins).then(nw.lit(1)).otherwise(nw.lit(0)),  # of equal starts the spell's first
    )
    rows = rows.with_columns(spell_starts_us=nw.col("begun").cum_max().over("customer_id", order_by="turn"))
    ends = nw.col("ends_us").max().over("customer_id", "spell_starts_us")
    rows = rows.with_columns(spell_ends_us=ends)
    if as_of_us is not None:
        over = nw.when(nw.col("spell_ends_us") + grace > as_of_us)
        rows = rows.with_columns(spell_ends_us=over.then(nw.lit(NEVER_US)).otherwise(nw.col("spell_ends_us")))
    return rows.drop("reach", "begun", "turn")


def _money(rows: Rows) -> nw.Expr:
    dtype = rows.collect_schema()["monthly_value"]
    if not (dtype.is_numeric() or dtype == nw.Unknown):
        raise DataError(
            f"is {dtype}, not a number. Convert it, such as with pandas.to_numeric.", column="monthly_value"
        )
    return nw.col("monthly_value").cast(nw.Float64)
