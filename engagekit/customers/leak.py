"""Check that a feature function uses no data from a date on."""

import datetime as dt
from collections.abc import Callable
from functools import partial, reduce
from operator import or_
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import ROW, collected
from engagekit.prepare.history import DATED_BY, KNOWN_FROM, History, Past

__all__ = ["check_no_leak"]

Rows = nw.LazyFrame[Any]

KEYS = ("customer_id", "date")
CLOSE = 1e-9  # sums of the same floats in another order differ by less


def check_no_leak(function: Callable[[History, dt.datetime], Any], history: History, as_of: dt.datetime) -> None:
    """Check that a feature function uses no data from ``as_of`` on.

    The function is called twice on the history as it is, and must give the same table both times. It is then called on
    three copies: with everything from the date on deleted, changed, and added to. That covers rows from the date on,
    cells of earlier rows that became known later, attributes that are not declared fixed, and totals without a date.
    The table must stay the same.

    The check sees only what the function takes from the history that it is given. It cannot see data that a function
    closes over, such as a frame in a variable outside it.

    Parameters
    ----------
    function : callable
        Takes a history and a date and returns a frame of any kind with one row for each ``customer_id``, or for each
        ``customer_id`` and ``date``. The order of rows does not matter.
    history : History
        Tables with rows on both sides of the date. The time that the check takes grows with them; a sample will do.
    as_of : datetime
        The date.

    Raises
    ------
    DataError
        The table changed: names the first column and customer, the values, and what was done to the future. Or the
        function gives another table when it is called again, or a table without ``customer_id`` or with two rows of
        one customer (and date).

    Examples
    --------
    >>> from datetime import datetime, timedelta
    >>> bought = pl.DataFrame({"customer_id": ["a", "a"], "time": [datetime(2026, 1, 5), datetime(2026, 2, 5)],
    ...     "channel": "shop", "action": "purchase", "value": [5.0, 7.0]})
    >>> def spent(history, as_of):
    ...     rows = history.before(as_of + timedelta(days=30))["interactions"]  # a slip
    ...     return rows.group_by("customer_id").agg(pl.col("value").sum())
    >>> check_no_leak(spent, History({"interactions": bought}), datetime(2026, 2, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    engagekit.errors.DataError: value: of customer 'a' was 12.0 and is 5.0 once rows from 2026-02-01 00:00:00 ...
    """
    table, past = _collected(function(history, as_of)), history.before(as_of)
    again = "when the function is called again on the same history, so it is not steady, and leaks cannot be seen"
    _check_same(table, _collected(function(history, as_of)), f"{again}. Fix its seed or its order of rows.")
    for done, change in {"deleted": _deleted, "changed": _changed, "added": _added}.items():
        tampered = history.changed(partial(change, past))
        moment = f"once rows from {as_of} on are {done}, so it knows the future."
        _check_same(table, _collected(function(tampered, as_of)), moment)


def _check_same(one: pl.DataFrame, other: pl.DataFrame, moment: str) -> None:
    difference = _first_difference(one, other)
    if difference is not None:
        column, customer, before, after = difference
        raise DataError(f"of customer {customer!r} was {before!r} and is {after!r} {moment}", column=column)


def _happened(name: str, rows: Rows, as_of: dt.datetime) -> nw.Expr:
    """Whether a row was there before a date; one without a time was not."""
    times = [time for time in DATED_BY[name] if time in rows.collect_schema().names()]
    return reduce(or_, [(nw.col(time) < _moment(rows, time, as_of)).fill_null(False) for time in times])


def _moment(rows: Rows, time: str, as_of: dt.datetime) -> nw.Expr:
    """The earliest time of a column that is not before a date."""
    dtype = rows.collect_schema()[time]
    next_day = dt.datetime.combine(as_of.date(), dt.time()) + dt.timedelta(days=as_of.time() != dt.time())
    return nw.lit(next_day.date()) if isinstance(dtype, nw.Date) else nw.lit(as_of).cast(dtype)


def _deleted(past: Past, name: str, rows: Rows) -> Rows:
    """Rows that had happened, blank in what they tell only later."""
    schema = rows.collect_schema()
    known: dict[str, nw.Expr] = {}
    for time, told in KNOWN_FROM.get(name, {}).items():
        if time in schema:
            over = (nw.col(time) < _moment(rows, time, past.as_of)).fill_null(False)
            known |= {column: nw.when(over).then(nw.col(column)) for column in told if column in schema}
    rows = rows.filter(_happened(name, rows, past.as_of))
    return rows.with_columns(**known) if known else rows


def _changed(past: Past, name: str, rows: Rows) -> Rows:
    """Rows with other values in all that was not known yet."""
    schema = rows.collect_schema()
    hidden = {column: ~_happened(name, rows, past.as_of) for column in schema if column not in {ROW, "customer_id"}}
    for time, told in KNOWN_FROM.get(name, {}).items():
        late = ~(nw.col(time) < _moment(rows, time, past.as_of)).fill_null(False) if time in schema else nw.lit(True)
        hidden |= {column: hidden[column] | late for column in told if column in hidden}
    hidden |= {column: nw.lit(True) for column in hidden if column not in past.columns(name)}
    return rows.with_columns(
        nw.when(unknown).then(_other(rows, column, past.as_of)).otherwise(nw.col(column)).alias(column)
        for column, unknown in hidden.items()
    )


def _added(past: Past, name: str, rows: Rows) -> Rows:
    """Rows, and each that had happened once more at the date itself, for its customer and for another."""
    schema = rows.collect_schema()
    again = rows.filter(_happened(name, rows, past.as_of)).with_columns(
        _other(rows, column, past.as_of).alias(column)
        for column, dtype in schema.items()
        if column != ROW
        and (isinstance(dtype, nw.Datetime | nw.Date) or (dtype.is_numeric() and column != "customer_id"))
    )
    if "event_id" in schema:
        again = again.with_columns(event_id=nw.lit(None, schema["event_id"]))
    if "customer_id" not in schema:
        return nw.concat([rows, again])
    stranger = again.with_columns(customer_id=_other(rows, "customer_id", past.as_of))
    return nw.concat([rows, again, stranger])


def _other(rows: Rows, column: str, as_of: dt.datetime) -> nw.Expr:
    """Another value than a column has; a time is the earliest that is not in the past."""
    dtype = rows.collect_schema()[column]
    if isinstance(dtype, nw.Datetime | nw.Date):
        return _moment(rows, column, as_of)
    if dtype.is_float():
        return nw.col(column).fill_null(0) * 3 + 1000
    if dtype.is_numeric():  # what fits the narrowest kind
        return nw.when(nw.col(column) == 1).then(nw.lit(0)).otherwise(nw.lit(1)).cast(dtype)
    if isinstance(dtype, nw.Boolean):
        return ~nw.col(column).fill_null(False)
    return nw.lit("changed") if isinstance(dtype, nw.String) else nw.col(column)


def _collected(frame: Any) -> pl.DataFrame:
    """Table of a function in the order of its keys, which must not repeat."""
    table = collected(nw.from_native(frame).lazy())
    keys = [name for name in KEYS if name in table.columns]
    if KEYS[0] not in keys:
        raise DataError(f"is not a column of what the function returns: {', '.join(table.columns)}.", column=KEYS[0])
    repeated = table.filter(table.select(keys).is_duplicated())
    if not repeated.is_empty():
        key = " and ".join(f"{name} {value!r}" for name, value in repeated.select(keys).row(0, named=True).items())
        problem = f"repeats in what the function returns ({key}). Return one row for each customer"
        raise DataError(f"{problem}{'' if len(keys) > 1 else ', or add a date'}.", column=KEYS[0])
    return table.sort(keys)


def _first_difference(one: pl.DataFrame, other: pl.DataFrame) -> tuple[str, object, object, object] | None:
    """Column, customer and both values of the first difference between two frames of customers."""
    keys = [name for name in KEYS if name in one.columns]
    for name in dict.fromkeys([*one.columns, *other.columns]):
        if name not in one.columns or name not in other.columns:
            there, absent = "a column", "none"
            return name, "any", *((there, absent) if name in one.columns else (absent, there))
    both = one.join(other, on=keys, how="full", suffix=":other", nulls_equal=True)
    for name in one.columns:
        before, after = pl.col(name), pl.col(f"{name}:other")
        same = before.eq_missing(after)
        if one.schema[name].is_float():
            same |= (before - after).abs() <= CLOSE * pl.max_horizontal(1.0, before.abs(), after.abs())
        moved = both.filter(~same.fill_null(False)).sort(keys[0])
        if not moved.is_empty():
            customer = moved.select(pl.coalesce(keys[0], f"{keys[0]}:other")).item(0, 0)
            return name, customer, moved[name][0], moved[f"{name}:other"][0]
    return None
