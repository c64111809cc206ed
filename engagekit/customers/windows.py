"""Interactions -> what each customer did in the windows before many dates, in one pass over the interactions."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import narwhals as nw
import polars as pl

from engagekit.frames.engine import collected, small_table
from engagekit.frames.exact import MONEY, SCORES, SECONDS, in_parts
from engagekit.frames.ranges import range_totals
from engagekit.frames.times import DAY_US, micros_at, span_us, with_micros
from engagekit.prepare.history import Past

__all__ = ["RECORDED", "last_before", "window_sums", "window_values"]

Rows = nw.LazyFrame[Any]

PARTS = {"value": MONEY, "duration_s": SECONDS, "sentiment": SCORES}
RECORDED = tuple(PARTS)
HALVES = ("late", "early")
COUNTS = ("interactions", "active_days", "orders", *HALVES)
COUNT = nw.Int32  # of one customer's interactions: there is a row a customer and stretch, and it has many counts


class _Windows(NamedTuple):
    """Windows before dates that are whole days apart, in days counted back from the last date."""

    ends: dict[dt.datetime, int]
    days: int

    @property
    def last(self) -> int:
        return max(self.ends.values())

    @property
    def back(self) -> list[int]:
        return [(self.last - end) // DAY_US for end in self.ends.values()]

    @property
    def stretch(self) -> int:
        """Days of the longest stretch that divides the window, its half and the time between the dates."""
        return math.gcd(self.days, self.days // 2, *self.back)

    def ranges(self, begin: int, end: int) -> list[range]:
        """Stretches of each window from one day before its date to another."""
        return [range((back + begin) // self.stretch, (back + end) // self.stretch) for back in self.back]

    def within(self, rows: Rows) -> Rows:
        """Rows in any of the windows, with their day."""
        first = min(self.ends.values()) - self.days * DAY_US
        rows = rows.filter(nw.col("us") >= first, nw.col("us") < self.last)
        return rows.with_columns(day=(self.last - 1 - nw.col("us")) // DAY_US)

    def stretches(self, rows: Rows) -> Rows:
        return self.within(rows).with_columns(stretch=nw.col("day") // self.stretch)


def window_sums(past: Past, dates: Sequence[dt.datetime], window: str, counted: Mapping[str, nw.Expr]) -> Rows:
    """Sums over each customer's interactions in the window before each date.

    With one date, interactions are added up by customer. With several, they are added up by customer and the longest
    stretch of whole days that divides the window, its half and the time between the dates, and each window adds up its
    stretches. Dates at another time of the day take a pass of their own. Money, durations and sentiment add up as whole
    numbers, so that the order of rows changes nothing.

    Parameters
    ----------
    past : Past
        What was known before the last date.
    dates : sequence of datetime
        In order, one at least.
    window : str
        Days of 24 hours.
    counted : mapping of str to narwhals.Expr
        Conditions on ``channel`` and ``action``, by the name of the column that counts the interactions that meet them.

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
    passes = [_Windows(ends, days) for ends in _whole_days_apart(rows, dates)]
    return nw.concat([_of_windows(past, rows, windows, counted) for windows in passes])


def window_values(past: Past, windows: Mapping[dt.datetime, dt.datetime], length: str) -> Rows:
    """Customers with an interaction in each of many windows, and their money: a part of ``window_sums`` at less cost.

    Parameters
    ----------
    past : Past
        What was known when the last window ended.
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
    totals = []
    for ends in _whole_days_apart(rows, sorted(dates)):
        before = _Windows(ends, days)
        cells = before.stretches(rows).with_columns(value=in_parts(_money(past), MONEY))
        cells = cells.group_by("customer_id", "stretch").agg(nw.col("value").sum())
        named = small_table(rows, {"date_us": list(ends.values()), "date": [dates[end] for end in ends]})
        sums = _over_windows(cells, before, ["value"]).join(named, on="date_us")
        totals.append(sums.select("customer_id", "date", nw.col("value").fill_null(0.0) / MONEY))
    return nw.concat(totals)


def last_before(past: Past, dates: Sequence[dt.datetime]) -> Rows:
    """Time of each customer's last interaction before each date, however long before it.

    Days since it are ``(date_us - us) / DAY_US``, also of customers without an interaction in a window.

    Parameters
    ----------
    past : Past
        What was known before the last date.
    dates : sequence of datetime
        In order, one at least.

    Returns
    -------
    narwhals.LazyFrame
        One row for each customer and date with an interaction before it: ``customer_id, date, date_us`` and ``us``, the
        time of the last one, both in whole microseconds.

    Examples
    --------
    >>> from datetime import datetime
    >>> from engagekit.prepare.history import History
    >>> visits = pl.DataFrame({"customer_id": ["a", "a"], "action": "view",
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 2, 5)]})
    >>> dates = [datetime(2026, 2, 1), datetime(2026, 3, 1)]
    >>> rows = last_before(History({"interactions": visits}).before(dates[-1]), dates).sort("date_us")
    >>> rows.select(days=(nw.col("date_us") - nw.col("us")) / DAY_US).collect()["days"].to_list()
    [27.0, 24.0]
    """
    rows = _with_us(past, [])
    ends = [micros_at(rows, "time", date) for date in dates]
    rows = rows.filter(nw.col("us") < ends[-1]).with_columns(_first_after(ends).alias("number"))
    cells = rows.group_by("customer_id", "number").agg(nw.col("us").max())
    pairs = [(number, later) for number in range(len(ends)) for later in range(number, len(ends))]
    follow = small_table(rows, {"number": [n for n, _ in pairs], "date_us": [ends[later] for _, later in pairs]})
    named = small_table(rows, {"date_us": ends, "date": list(dates)})
    last = cells.join(follow, on="number").group_by("customer_id", "date_us").agg(nw.col("us").max())
    return last.join(named, on="date_us").select("customer_id", "date", "date_us", "us")


def _first_after(ends: Sequence[int]) -> nw.Expr:
    """Number of the first date after an interaction."""
    passed = [nw.when(nw.col("us") >= end).then(nw.lit(1)).otherwise(nw.lit(0)) for end in ends[:-1]]
    return sum(passed, nw.lit(0)).cast(nw.Int64)


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


def _of_windows(past: Past, rows: Rows, windows: _Windows, counted: Mapping[str, nw.Expr]) -> Rows:
    """Sums before dates that are whole days apart."""
    sums = _of_one(past, rows, windows, counted) if len(windows.ends) == 1 else _of_many(past, rows, windows, counted)
    named = small_table(rows, {"date_us": list(windows.ends.values()), "date": list(windows.ends)})
    recorded = {name: nw.col(name) / parts for name, parts in PARTS.items()}
    counts = nw.col(*COUNTS, *counted).cast(nw.Int64)  # DuckDB would go on in 128 bits
    return sums.join(named, on="date_us").select("customer_id", "date", "date_us", "us", counts, **recorded)


def _of_one(past: Past, rows: Rows, windows: _Windows, counted: Mapping[str, nw.Expr]) -> Rows:
    """Sums before one date: no stretches are needed."""
    day, half = nw.col("day"), windows.days // 2
    counted = {**counted, "late": day < half, "early": (day >= half) & (day < 2 * half)}
    sums = _added_up(windows.within(rows), past, counted, ["customer_id"])
    ordered = windows.within(_first_purchases(past)).group_by("customer_id")
    orders = ordered.agg(nw.len().cast(COUNT).alias("orders"))
    sums = sums.join(orders, on="customer_id", how="left").with_columns(nw.col("orders").fill_null(0))
    return sums.with_columns(date_us=nw.lit(windows.last, nw.Int64))


def _of_many(past: Past, rows: Rows, windows: _Windows, counted: Mapping[str, nw.Expr]) -> Rows:
    """Sums before many dates, by way of sums of stretches."""
    keys = ["customer_id", "stretch"]
    cells = _added_up(windows.stretches(rows), past, counted, keys)
    ordered = windows.stretches(_first_purchases(past)).group_by(keys)
    orders = ordered.agg(nw.len().cast(COUNT).alias("orders"))
    cells = cells.join(orders, on=keys, how="left").with_columns(nw.col("orders").fill_null(0))
    plain = ["interactions", "active_days", "orders", *RECORDED]
    return _over_windows(cells, windows, [*plain, *counted])


def _over_windows(cells: Rows, windows: _Windows, sums: list[str]) -> Rows:
    """One row a customer and date: the sums of its window's stretches, the last time, and the halves where counted.

    Polars takes differences of running sums, which give the same as the join does and take a part of its time.
    """
    last, halves = (["us"], HALVES) if "interactions" in sums else ([], ())
    half = windows.days // 2
    parts = dict(zip(HALVES, (windows.ranges(0, half), windows.ranges(half, 2 * half)), strict=True))
    whole = windows.ranges(0, windows.days)
    ends = list(windows.ends.values())
    if cells.implementation is nw.Implementation.POLARS:
        cells = nw.from_native(collected(cells).lazy())  # worked out once, also for the join
        split = {name: ("interactions", parts[name]) for name in halves}
        totals = range_totals(collected(cells), "customer_id", "stretch", whole, sums, last, split)
        if totals is not None:
            return nw.from_native(totals.with_columns(date_us=pl.Series(ends, dtype=pl.Int64)[totals["range"]]).lazy())
    held = [(stretch, number) for number, part in enumerate(whole) for stretch in part]
    columns: dict[str, list[int] | list[dt.datetime]] = {
        "stretch": [stretch for stretch, _ in held],
        "date_us": [ends[number] for _, number in held],
        **{name: [int(stretch in parts[name][number]) for stretch, number in held] for name in halves},
    }
    joined = cells.join(small_table(cells, columns), on="stretch")
    joined = joined.with_columns((nw.col("interactions") * nw.col(name)).alias(name) for name in halves)
    added = (nw.col(name).sum() for name in [*sums, *halves])
    return joined.group_by("customer_id", "date_us").agg(*(nw.col(name).max() for name in last), *added)


def _added_up(rows: Rows, past: Past, counted: Mapping[str, nw.Expr], keys: list[str]) -> Rows:
    """Sums by customer, or customer and stretch: whole numbers, and the last time."""
    duration = _recorded(past, "duration_s")
    recorded = {
        "value": _money(past),
        "duration_s": nw.when(duration >= 0).then(duration),
        "sentiment": _recorded(past, "sentiment"),
    }
    rows = rows.with_columns(**{name: in_parts(number, PARTS[name]) for name, number in recorded.items()})
    polars = rows.implementation is nw.Implementation.POLARS  # adds up conditions as they are, quicker than numbers
    rows = rows.with_columns(**{name: met if polars else met.cast(nw.Int64) for name, met in counted.items()})
    return rows.group_by(keys).agg(
        nw.col("us").max(),
        nw.len().cast(COUNT).alias("interactions"),
        nw.col("day").n_unique().cast(COUNT).alias("active_days"),
        nw.col(*RECORDED).sum(),
        *(nw.col(name).sum().cast(COUNT) for name in counted),
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


def _first_purchases(past: Past) -> Rows:
    """One row an order: the time of its first purchase."""
    rows = _with_us(past, ["order_id"])
    rows = rows.filter(nw.col("action").cast(nw.String) == "purchase")
    if "order_id" not in rows.collect_schema().names():
        return rows.group_by("customer_id", "us").agg(nw.len())
    rows = rows.with_columns(instant=nw.when(nw.col("order_id").is_null()).then(nw.col("us")))
    return rows.group_by("customer_id", "order_id", "instant").agg(nw.col("us").min())
