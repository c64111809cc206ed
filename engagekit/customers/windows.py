"""Interactions -> what each customer did in the windows before many dates, added up in one pass."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from engagekit.customers.history import Past
from engagekit.data.engine import beside, micros_at, span_us, with_micros
from engagekit.data.orders import PURCHASES

__all__ = ["DAY_US", "RECORDED", "one_if", "window_sums"]

Rows = nw.LazyFrame[Any]

RECORDED = ("value", "duration_s", "sentiment")
ADDED = ("interactions", "active_days", "orders", *RECORDED, "rated")
DAY_US = 86_400_000_000


def window_sums(past: Past, dates: Sequence[dt.datetime], window: str, counted: Mapping[str, nw.Expr]) -> Rows:
    """What can be added up of each customer's interactions in the window before each date.

    Interactions are added up once, by customer and the longest stretch of whole days that divides the window, its half
    and the time between the dates. Each window then adds up its stretches. Dates at other times of the day take a pass
    of their own.

    Parameters
    ----------
    past : Past
        What was known before the last date.
    dates : sequence of datetime
        In order, one at least.
    window : str
        Days of 24 hours.
    counted : mapping of str to narwhals.Expr
        Conditions on ``channel`` and ``action``, by the name of the column that counts the interactions they hold for.

    Returns
    -------
    narwhals.LazyFrame
        One row for each customer and date with an interaction in the window: ``customer_id, date, date_us``; ``us``, of
        the last one; the sums ``interactions, active_days, orders, value, duration_s, sentiment``; ``rated``, how
        many have a sentiment; ``late`` and ``early``, interactions of the window's last half and of the half before;
        and what is counted.

    Raises
    ------
    ValueError
        ``window`` is not a number of days.
    """
    hours: dict[dt.timedelta, list[dt.datetime]] = {}
    for date in dates:
        hours.setdefault((dates[-1] - date) % dt.timedelta(days=1), []).append(date)
    days = span_us("window", window, "d") // DAY_US
    return nw.concat([_of_whole_days(past, some, days, counted) for some in hours.values()])


def _of_whole_days(past: Past, dates: list[dt.datetime], days: int, counted: Mapping[str, nw.Expr]) -> Rows:
    """Sums before dates that are whole days apart."""
    back = [(dates[-1] - date) // dt.timedelta(days=1) for date in dates]
    stretch = math.gcd(days, days // 2, *back)
    rows = _in_windows(past, dates, days, stretch)
    sums = _added_up(rows, past, counted)
    orders = _orders(past, dates, days, stretch)
    ends = [micros_at(rows, "time", date) for date in dates]
    windows = beside(rows, _windows(ends, back, days, stretch))
    stretches = sums.join(orders, on=["customer_id", "stretch"], how="left").join(windows, on="stretch")
    named = beside(rows, {"date_us": ends, "date": dates})
    return _over_windows(stretches, counted).join(named, on="date_us")


def _windows(ends: list[int], back: list[int], days: int, stretch: int) -> dict[str, list[int] | list[dt.datetime]]:
    """Stretches of each date's window, and whether they are of its last half or of the half before."""
    half = days // 2
    parts = [(end, start, ago) for end, start in zip(ends, back, strict=True) for ago in range(0, days, stretch)]
    return {
        "stretch": [(start + ago) // stretch for _, start, ago in parts],
        "date_us": [end for end, _, _ in parts],
        "late": [int(ago < half) for _, _, ago in parts],
        "early": [int(half <= ago < 2 * half) for _, _, ago in parts],
    }


def _in_windows(past: Past, dates: list[dt.datetime], days: int, stretch: int) -> Rows:
    """Interactions in any of the windows, with the day and the stretch that they lie in, counted back from the end."""
    optional = ("channel", "value", "duration_s", "sentiment")
    rows = past.rows("interactions", ["customer_id", "time", "action"], optional)
    return _counted_back(with_micros(rows, "time", "us"), dates, days, stretch)


def _counted_back(rows: Rows, dates: list[dt.datetime], days: int, stretch: int) -> Rows:
    first, last = (micros_at(rows, "time", date) for date in (dates[0], dates[-1]))
    rows = rows.filter(nw.col("us") >= first - days * DAY_US, nw.col("us") < last)
    rows = rows.with_columns(day=(last - 1 - nw.col("us")) // DAY_US)
    return rows.with_columns(stretch=nw.col("day") // stretch)


def _added_up(rows: Rows, past: Past, counted: Mapping[str, nw.Expr]) -> Rows:
    """One row a customer and stretch: what can be added up, and the last time."""
    known, action = past.columns("interactions"), nw.col("action").cast(nw.String)
    absent = {name: nw.lit(None, nw.Float64) for name in RECORDED if name not in known}
    value, duration, sentiment = (absent.get(name, nw.col(name).cast(nw.Float64)) for name in RECORDED)
    signed = nw.when((action == "refund") & (value > 0)).then(0 - value).otherwise(value)
    rows = rows.with_columns(
        value=nw.when(action.is_in(PURCHASES)).then(signed),
        duration_s=nw.when(duration >= 0).then(duration),
        sentiment=sentiment,
        rated=one_if(~sentiment.is_null()),
        **{name: one_if(same) for name, same in counted.items()},
    )
    return rows.group_by("customer_id", "stretch").agg(
        nw.col("us").max(),
        nw.len().cast(nw.Int32).alias("interactions"),
        nw.col("day").n_unique().cast(nw.Int32).alias("active_days"),
        nw.col(*RECORDED).sum(),
        nw.col("rated", *counted).sum().cast(nw.Int32),  # DuckDB would go on in 128 bits
    )


def _orders(past: Past, dates: list[dt.datetime], days: int, stretch: int) -> Rows:
    """One row a customer and stretch with an order: how many were first paid for in it."""
    rows = past.rows("interactions", ["customer_id", "time", "action"], ["order_id"])
    rows = with_micros(rows.filter(nw.col("action").cast(nw.String) == "purchase"), "time", "us")
    if "order_id" in rows.collect_schema().names():
        rows = rows.with_columns(instant=nw.when(nw.col("order_id").is_null()).then(nw.col("us")))
        keys = ["customer_id", "order_id", "instant"]
    else:
        rows, keys = rows.with_columns(instant=nw.col("us")), ["customer_id", "instant"]
    first = rows.group_by(*keys).agg(nw.col("time").min(), nw.col("us").min())
    ordered = _counted_back(first, dates, days, stretch)
    return ordered.group_by("customer_id", "stretch").agg(nw.len().cast(nw.Int32).alias("orders"))


def _over_windows(stretches: Rows, counted: Mapping[str, nw.Expr]) -> Rows:
    """One row a customer and date: the sums of its window."""
    halves = {half: nw.col("interactions") * nw.col(half).cast(nw.Int32) for half in ("late", "early")}
    return (
        stretches.with_columns(**halves)
        .group_by("customer_id", "date_us")
        .agg(nw.col("us").max(), nw.col(*ADDED, *counted, "late", "early").sum())
    )


def one_if(condition: nw.Expr) -> nw.Expr:
    """1 where a condition holds, 0 where it does not or cannot be told."""
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))
