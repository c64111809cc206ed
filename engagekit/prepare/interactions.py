"""Valid interactions: customer and time known, unique by ``event_id``."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import narwhals as nw

from engagekit.errors import DataError
from engagekit.frames.engine import ROW, collected, column_names, repeated_values, to_narwhals, to_native
from engagekit.frames.times import micros_at, with_micros

__all__ = ["US", "check_unique", "defects", "known_interactions", "unique", "valid_interactions"]

Rows = nw.LazyFrame[Any]

US = ":us"
INVALID = ":invalid"
NUMBERS = ("value", "duration_s", "sentiment", "quantity")
FIRST_OF = ("customer_id", "session_id", "action", "page")
DEFECTS = ("no_customer", "no_time", "from_as_of_on", "repeated_event", "negative_duration")


def unique(interactions: Any) -> Any:
    """Interactions without the rows that repeat an ``event_id``.

    Of the rows with one ``event_id`` the earliest with a customer and a time stays; of several at that time, the first
    by customer, session, action, page and then the other columns in alphabetical order. Rows without an ``event_id``
    all stay, because nothing shows that two of them are the same event.

    Parameters
    ----------
    interactions : pandas, Polars, DuckDB or Spark frame
        ``customer_id, time`` and, where given, ``event_id``.

    Returns
    -------
    frame of the caller's kind
        The same columns; rows of pandas and Polars keep their order. Where nothing repeats, the frame itself.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> twice = pl.DataFrame({"customer_id": ["a", "a", "b"], "time": [datetime(2026, 1, 5)] * 3,
    ...     "event_id": ["1", "1", None]})
    >>> unique(twice).rows()
    [('a', datetime.datetime(2026, 1, 5, 0, 0), '1'), ('b', datetime.datetime(2026, 1, 5, 0, 0), None)]
    """
    names = column_names(interactions)
    keys = to_narwhals(interactions, ["customer_id", "time"], ["event_id"])
    if "event_id" not in names or not repeated_values(keys, "event_id"):
        return interactions
    rows = with_micros(to_narwhals(interactions, names), "time", US)
    invalid = nw.col("customer_id").is_null() | nw.col("time").is_null()
    rows = rows.with_columns(nw.when(invalid).then(nw.lit(1)).otherwise(nw.lit(0)).alias(INVALID))
    taken = set(FIRST_OF) | {US, ROW, INVALID, "time", "event_id"}
    sortable = sorted(name for name, dtype in rows.collect_schema().items() if not dtype.is_nested())
    order = [INVALID, US, *(name for name in FIRST_OF if name in names)]
    order += [name for name in sortable if name not in taken]
    named = ~nw.col("event_id").is_null()
    earliest = rows.filter(named).unique("event_id", keep="first", order_by=order)
    kept = [*names, ROW] if ROW in rows.collect_schema().names() else names
    once: Rows = nw.concat([rows.filter(~named).select(kept), earliest.select(kept)])
    return to_native((once.sort(ROW) if ROW in kept else once).select(names), interactions)


def valid_interactions(
    interactions: Any, columns: Iterable[str] = (), optional: Iterable[str] = (), as_of: dt.datetime | None = None
) -> Rows:
    """Interactions before a date that have a customer and a time, after a check that no ``event_id`` repeats.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time``, the columns that are named and, where given, ``event_id``. Rows without an ``event_id``
        are never the same event.
    columns : iterable of str
        Further columns that are needed.
    optional : iterable of str
        Columns that are taken where the interactions have them.
    as_of : datetime, optional
        Interactions from then on are left out.

    Returns
    -------
    narwhals.LazyFrame
        With the time in whole microseconds as ``US``, and without the ``event_id`` unless it is named.

    Raises
    ------
    DataError
        A column is absent, ``time`` holds no times, a column that should hold numbers holds none, or an ``event_id``
        repeats among these rows.
    ValueError
        Only one of ``as_of`` and the times has a time zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> some = pl.DataFrame({"customer_id": ["a", "a", None], "time": [datetime(2026, 1, 5)] * 3,
    ...     "event_id": ["1", "2", "2"]})
    >>> valid_interactions(some).collect().shape[0]
    2
    """
    columns, optional = list(columns), list(optional)
    rows = known_interactions(interactions, columns, ["event_id", *optional], as_of)
    check_unique(rows)
    names = rows.collect_schema().names()
    asked = "event_id" in columns or "event_id" in optional
    return rows if asked else rows.select(name for name in names if name != "event_id")


def known_interactions(
    interactions: Any, columns: Iterable[str] = (), optional: Iterable[str] = (), as_of: dt.datetime | None = None
) -> Rows:
    """Interactions before a date that have a customer and a time, of a frame that is known to be unique.

    Parameters, result and errors are those of ``valid_interactions``, without its check of ``event_id``.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> some = pl.DataFrame({"customer_id": ["a", None], "time": [datetime(2026, 1, 5)] * 2})
    >>> known_interactions(some).collect().shape[0]
    1
    """
    rows = to_narwhals(interactions, ["customer_id", "time", *columns], optional)
    for name, dtype in rows.collect_schema().items():
        if name in NUMBERS and not (dtype.is_numeric() or dtype == nw.Unknown):
            raise DataError(f"is {dtype}, not a number. Convert it, such as with .dt.total_seconds().", column=name)
    rows = with_micros(rows.filter(~nw.col("customer_id").is_null(), ~nw.col("time").is_null()), "time", US)
    return rows if as_of is None else rows.filter(nw.col(US) < micros_at(rows, "time", as_of))


def check_unique(rows: Rows) -> None:
    """Refuse interactions in which an ``event_id`` repeats; without such a column there is nothing to check.

    Raises
    ------
    DataError
        An ``event_id`` repeats.

    Examples
    --------
    >>> import polars as pl
    >>> check_unique(nw.from_native(pl.LazyFrame({"event_id": ["1", "2", None, None]})))
    """
    if "event_id" not in rows.collect_schema().names():
        return
    repeated = repeated_values(rows, "event_id")
    if repeated:
        problem = f"{repeated} rows repeat the event of another row, and would count twice."
        raise DataError(f"{problem} Remove them with prepare.interactions.unique(frame).", column="event_id")


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
