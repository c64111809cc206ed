"""Interactions -> what each customer did in the windows before many dates, added up in one pass."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import zip_longest
from operator import add
from typing import Any

import narwhals as nw

from engagekit.frames.engine import small_table
from engagekit.frames.times import micros_at, span_us, with_micros
from engagekit.prepare.history import Past

__all__ = ["DAY_US", "RECORDED", "last_before", "window_sums", "window_values"]

Rows = nw.LazyFrame[Any]

RECORDED = ("value", "duration_s", "sentiment")
COUNTS = ("interactions", "active_days", "orders", "late", "early")
DAY_US = 86_400_000_000
PAIR = 2**31  # counts of a customer are below it, so that one whole number holds two of them: fewer columns to add up


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
    days = span_us("window", window, "d") // DAY_US
    counted = {**counted, "rated": ~nw.col("sentiment").is_null()}
    rows = _with_us(past, ["channel", *RECORDED])
    return nw.concat([_of_whole_days(past, rows, ends, days, counted) for ends in _whole_days_apart(rows, dates)])


def window_values(past: Past, windows: Mapping[dt.datetime, dt.datetime], length: str) -> Rows:
    """Who did anything in each of many windows, and for how much money: a part of ``window_sums`` at less cost.

    Parameters
    ----------
    past : Past
        What was known when the last one ended.
    windows : mapping of datetime to datetime
        The end of each window, exclusive, by the date that stands for it; one at least.
    length : str
        Days of 24 hours.

    Returns
    -------
    narwhals.LazyFrame
        One row for each customer and window with an interaction: ``customer_id, date`` and ``value``, money of
        purchases less that of refunds; 0 without any.

    Raises
    ------
    ValueError
        ``length`` is not a number of days.
    """
    days = span_us("length", length, "d") // DAY_US
    rows, dates = _with_us(past, ["value"]), {end: date for date, end in windows.items()}
    found = []
    for ends in _whole_days_apart(rows, sorted(dates)):
        within, stretches = _counted_back(rows, ends, days)
        sums = within.with_columns(value=_money(past)).group_by("customer_id", "stretch").agg(nw.col("value").sum())
        totals = sums.join(stretches, on="stretch").group_by("customer_id", "date_us").agg(nw.col("value").sum())
        named = small_table(rows, {"date_us": list(ends.values()), "date": [dates[end] for end in ends]})
        found.append(totals.join(named, on="date_us").select("customer_id", "date", nw.col("value").fill_null(0.0)))
    return nw.concat(found)


def last_before(past: Past, dates: Sequence[dt.datetime]) -> Rows:
    """Last interaction of each customer before each date, however long ago, in one pass.

    Parameters
    ----------
    past : Past
        What was known before the last date.
    dates : sequence of datetime
        One at least.

    Returns
    -------
    narwhals.LazyFrame
        ``customer_id, date`` and ``us``, the last interaction in microseconds; no row for a customer without any.
    """
    rows = with_micros(past.rows("interactions", ["customer_id", "time"]), "time", "us")
    ends = {date: micros_at(rows, "time", date) for date in dates}
    passed = (nw.when(nw.col("us") >= end).then(nw.lit(1)).otherwise(nw.lit(0)) for end in ends.values())
    latest = rows.with_columns(cell=reduce(add, passed)).group_by("customer_id", "cell").agg(nw.col("us").max())
    cells = [(date, cell) for place, date in enumerate(sorted(ends, key=ends.__getitem__)) for cell in range(place + 1)]
    looks = small_table(rows, {"date": [date for date, _ in cells], "cell": [cell for _, cell in cells]})
    return latest.join(looks, on="cell").group_by("customer_id", "date").agg(nw.col("us").max())


def _whole_days_apart(rows: Rows, dates: Sequence[dt.datetime]) -> list[dict[dt.datetime, int]]:
    """Dates with their microseconds, those at one time of the day together."""
    hours: dict[int, dict[dt.datetime, int]] = {}
    for date in dates:
        end = micros_at(rows, "time", date)
        hours.setdefault(end % DAY_US, {})[date] = end
    return list(hours.values())


def _with_us(past: Past, optional: Iterable[str]) -> Rows:
    rows = past.rows("interactions", ["customer_id", "time", "action"], optional)
    return with_micros(rows, "time", "us")


def _of_whole_days(
    past: Past, rows: Rows, ends: dict[dt.datetime, int], days: int, counted: Mapping[str, nw.Expr]
) -> Rows:
    """Sums before dates that are whole days apart."""
    within, windows = _counted_back(rows, ends, days)
    sums = _added_up(within, past, counted)
    ordered = _counted_back(_first_lines(past), ends, days)[0].group_by("customer_id", "stretch")
    orders = ordered.agg(nw.len().cast(nw.Int64).alias("orders"))
    stretches = sums.join(orders, on=["customer_id", "stretch"], how="left").join(windows, on="stretch")
    named = small_table(rows, {"date_us": list(ends.values()), "date": list(ends)})
    return _over_windows(stretches, counted).join(named, on="date_us")


def _counted_back(rows: Rows, ends: dict[dt.datetime, int], days: int) -> tuple[Rows, Rows]:
    """Rows in any of the windows, with day and stretch counted back from the last end; and each window's stretches."""
    first, last = min(ends.values()), max(ends.values())
    back = [(last - end) // DAY_US for end in ends.values()]
    stretch = math.gcd(days, days // 2, *back)
    rows = rows.filter(nw.col("us") >= first - days * DAY_US, nw.col("us") < last)
    rows = rows.with_columns(day=(last - 1 - nw.col("us")) // DAY_US)
    windows = small_table(rows, _windows(list(ends.values()), back, days, stretch))
    return rows.with_columns(stretch=nw.col("day") // stretch), windows


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


def _added_up(rows: Rows, past: Past, counted: Mapping[str, nw.Expr]) -> Rows:
    """One row a customer and stretch: what can be added up, and the last time."""
    duration, sentiment = (_recorded(past, name) for name in ("duration_s", "sentiment"))
    rows = rows.with_columns(
        value=_money(past),
        duration_s=nw.when(duration >= 0).then(duration),
        sentiment=sentiment,
    )
    ones = {name: same.fill_null(False).cast(nw.Int64) for name, same in counted.items()}
    rows = rows.with_columns(**_paired(ones))
    return rows.group_by("customer_id", "stretch").agg(
        nw.col("us").max(),
        nw.len().cast(nw.Int64).alias("interactions"),
        nw.col("day").n_unique().cast(nw.Int64).alias("active_days"),
        nw.col(*RECORDED).sum(),
        *_sums(_pairs(counted)),
    )


def _money(past: Past) -> nw.Expr:
    """Value of a purchase, less that of a refund, whichever sign it has."""
    value, action = _recorded(past, "value"), nw.col("action").cast(nw.String)
    taken_back = nw.when((action == "refund") & (value > 0)).then(0 - value).otherwise(value)
    return nw.when((action == "purchase") | (action == "refund")).then(taken_back)


def _recorded(past: Past, name: str) -> nw.Expr:
    """A column that the business may not record."""
    known = name in past.columns("interactions")
    return nw.col(name).cast(nw.Float64) if known else nw.lit(None, nw.Float64)


def _first_lines(past: Past) -> Rows:
    """One row an order: the time of its first purchase."""
    rows = _with_us(past, ["order_id"])
    rows = rows.filter(nw.col("action").cast(nw.String) == "purchase")
    if "order_id" not in rows.collect_schema().names():
        return rows.group_by("customer_id", "us").agg(nw.len())
    rows = rows.with_columns(instant=nw.when(nw.col("order_id").is_null()).then(nw.col("us")))
    return rows.group_by("customer_id", "order_id", "instant").agg(nw.col("us").min())


def _over_windows(stretches: Rows, counted: Mapping[str, nw.Expr]) -> Rows:
    """One row a customer and date: the sums of its window."""
    counts = {name: nw.col(name).fill_null(0) for name in COUNTS if name not in ("late", "early")}
    counts |= {half: nw.col("interactions") * nw.col(half) for half in ("late", "early")}
    sums = (
        stretches.with_columns(**_paired(counts))
        .group_by("customer_id", "date_us")
        .agg(nw.col("us").max(), nw.col(*RECORDED).sum(), *_sums([*_pairs(COUNTS), *_pairs(counted)]))
    )
    return sums.with_columns(**_parted(COUNTS), **_parted(counted))


def _pairs(names: Iterable[str]) -> list[str]:
    """Columns that hold the counts of two names each, or of the last one."""
    return [f"pair:{name}" for name in list(names)[::2]]


def _paired(counts: Mapping[str, nw.Expr]) -> dict[str, nw.Expr]:
    """Two counts in one whole number."""
    names, none = list(counts), nw.lit(0)
    twos = zip_longest(names[::2], names[1::2])
    return {
        pair: counts[low] + counts.get(high, none) * PAIR for pair, (low, high) in zip(_pairs(names), twos, strict=True)
    }


def _parted(names: Iterable[str]) -> dict[str, nw.Expr]:
    """The counts of each name, out of those of two."""
    found: dict[str, nw.Expr] = {}
    for number, name in enumerate(listed := list(names)):
        pair = nw.col(_pairs(listed)[number // 2])
        found[name] = pair // PAIR if number % 2 else pair % PAIR
    return found


def _sums(names: Iterable[str]) -> list[nw.Expr]:
    return [nw.col(name).sum().cast(nw.Int64) for name in names]  # DuckDB would go on in 128 bits
