"""Interactions as every count of them starts: of a customer, at a time, each once."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import narwhals as nw

from engagekit.errors import DataError
from engagekit.frames.engine import ROW, collected, to_narwhals
from engagekit.frames.times import micros_at, with_micros

__all__ = ["US", "defects", "valid_interactions"]

Rows = nw.LazyFrame[Any]

US = ":us"
NUMBERS = ("value", "duration_s", "sentiment", "quantity")
FIRST_OF = ("customer_id", "session_id", "action", "page")
DEFECTS = ("no_customer", "no_time", "from_as_of_on", "repeated_event", "negative_duration")


def valid_interactions(
    interactions: Any, columns: Iterable[str] = (), optional: Iterable[str] = (), as_of: dt.datetime | None = None
) -> Rows:
    """Interactions before a date that have a customer and a time, each once.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time`` and what is named. Where they have an ``event_id``, rows that repeat one are one
        interaction, at the earliest time given for it; rows without one are never the same.
    columns : iterable of str
        Columns that are needed besides.
    optional : iterable of str
        Columns that are taken too where the interactions have them.
    as_of : datetime, optional
        Interactions from then on are not seen.

    Returns
    -------
    narwhals.LazyFrame
        With the time in whole microseconds as ``US``.

    Raises
    ------
    DataError
        A column is absent, ``time`` holds no times, or what should be numbers none.
    ValueError
        One of ``as_of`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> twice = pl.DataFrame({"customer_id": ["a", "a", None], "time": [datetime(2026, 1, 5)] * 3,
    ...     "event_id": ["1", "1", "2"]})
    >>> valid_interactions(twice).collect().shape[0]
    1
    """
    rows = to_narwhals(interactions, ["customer_id", "time", *columns], ["event_id", *optional])
    for name, dtype in rows.collect_schema().items():
        if name in NUMBERS and not (dtype.is_numeric() or dtype == nw.Unknown):
            raise DataError(f"is {dtype}, not a number. Convert it, such as with .dt.total_seconds().", column=name)
    rows = with_micros(rows.filter(~nw.col("customer_id").is_null(), ~nw.col("time").is_null()), "time", US)
    if as_of is not None:
        rows = rows.filter(nw.col(US) < micros_at(rows, "time", as_of))
    names = rows.collect_schema().names()
    return _once(rows, names) if "event_id" in names else rows


def _once(rows: Rows, names: list[str]) -> Rows:
    """Rows without those that repeat an event; of several at one time the same is kept whatever else is asked for."""
    others = sorted(set(names) - {US, ROW, "time", "event_id", *FIRST_OF})
    order = [US, *(name for name in FIRST_OF if name in names), *others]
    named = ~nw.col("event_id").is_null()
    first = rows.filter(named).unique("event_id", keep="first", order_by=order)
    return nw.concat([rows.filter(~named).select(names), first.select(names)])


def defects(interactions: Any, as_of: dt.datetime | None = None) -> dict[str, int]:
    """Rows of interactions that count otherwise than a reader may expect, by what is the matter with them.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time`` and, where given, ``event_id, duration_s``.
    as_of : datetime, optional
        End of the data.

    Returns
    -------
    dict of str to int
        ``no_customer`` and ``no_time``: rows that never count; ``from_as_of_on``: not before the end, not seen;
        ``repeated_event``: repeat the ``event_id`` of another row, and count once with it; ``negative_duration``:
        counted without their duration; ``rows``: all.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        One of ``as_of`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> given = pl.DataFrame({"customer_id": ["a", None], "time": [datetime(2026, 1, 5)] * 2})
    >>> defects(given)
    {'no_customer': 1, 'no_time': 0, 'from_as_of_on': 0, 'repeated_event': 0, 'negative_duration': 0, 'rows': 2}
    """
    rows = with_micros(to_narwhals(interactions, ["customer_id", "time"], ["event_id", "duration_s"]), "time", US)
    names = rows.collect_schema().names()
    faults = {"no_customer": nw.col("customer_id").is_null(), "no_time": nw.col("time").is_null()}
    if as_of is not None:
        faults["from_as_of_on"] = nw.col(US) >= micros_at(rows, "time", as_of)
    if "duration_s" in names:
        faults["negative_duration"] = nw.col("duration_s") < 0
    counts = [nw.when(fault).then(nw.lit(1)).otherwise(nw.lit(0)).sum().alias(name) for name, fault in faults.items()]
    if "event_id" in names:
        event = nw.col("event_id")
        counts += [event.count().alias("named"), event.n_unique().alias("events"), event.null_count().alias("unnamed")]
    found = collected(rows.select(*counts, nw.len().alias("rows"))).row(0, named=True)
    number = {name: int(found.get(name) or 0) for name in (*DEFECTS, "named", "events", "unnamed", "rows")}
    number["repeated_event"] = number["named"] - (number["events"] - (number["unnamed"] > 0))
    return {name: number[name] for name in (*DEFECTS, "rows")}
