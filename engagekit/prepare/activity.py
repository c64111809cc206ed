"""Activity of each customer in each calendar month."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from engagekit.frames.engine import to_narwhals, to_native
from engagekit.frames.periods import dated

__all__ = ["monthly_activity"]

Rows = nw.LazyFrame[Any]

COUNTS = ("active_days", "tickets", "features_used")
MONTH, DAY = dt.timedelta(days=31), dt.timedelta(days=1)


def monthly_activity(
    interactions: Any,
    as_of: dt.datetime,
    *,
    tickets: Any = None,
    features: Sequence[str] = (),
    time_zone: str | None = None,
) -> Any:
    """One row per customer and calendar month with an interaction or a ticket.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time`` and, for features, ``action`` and, where given, ``product``. An interaction or a ticket
        without a customer is left out.
    as_of : datetime
        End of the data. Later interactions and tickets are not used. Without a zone of its own it is in that of the
        months.
    tickets : frame, optional
        ``customer_id, opened_at``, in a frame of the same engine.
    features : sequence of str, optional
        Actions or products that count as features.
    time_zone : str, optional
        Zone whose calendar the months follow; by default that of the times. DuckDB does not keep it: give it
        there.

    Returns
    -------
    frame of the caller's kind
        ``customer_id``, ``month`` (its first day, on the wall clock), ``active_days`` (days with an interaction),
        ``days`` (days of the month that the data cover, from the first interaction to ``as_of``: data that begin on
        22 June have nine days of that month) and, each only where asked for, ``tickets`` (opened in
        the month), ``features_used`` and ``features_offered`` (different ones). For a customer with a ticket and no
        interaction all but ``days`` and ``tickets`` is null.

    Raises
    ------
    DataError
        A column is absent, or holds no times.
    ValueError
        ``time_zone`` is needed.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> interactions = pl.DataFrame({"customer_id": ["a", "a"], "action": ["login", "export"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 6)]})
    >>> opened = pl.DataFrame({"customer_id": ["b"], "opened_at": [datetime(2026, 1, 9)]})
    >>> features = ["export", "import"]
    >>> activity = monthly_activity(interactions, datetime(2026, 1, 11), tickets=opened, features=features)
    >>> activity.drop("month").sort("customer_id").rows()
    [('a', 2, 6, 0, 1, 2), ('b', None, 6, 1, None, None)]
    """
    columns = ["customer_id", "time", *(["action"] if features else [])]
    rows = to_narwhals(interactions, columns, ["product"] if features else [])
    active_rows, end = dated(rows, "time", "1mo", as_of, time_zone)
    parts = {"active_days": active_rows.select("customer_id", "period", nw.col("time").dt.truncate("1d")).unique()}
    if features:
        parts["features_used"] = _features(active_rows, list(features))
    if tickets is not None:
        opened, _ = dated(to_narwhals(tickets, ["customer_id", "opened_at"]), "opened_at", "1mo", as_of, time_zone)
        parts["tickets"] = opened
    counted = nw.concat([_counting(part, name) for name, part in parts.items()])
    counted = counted.filter(~nw.col("customer_id").is_null())
    sums = counted.group_by("customer_id", "month").agg(nw.col(name).sum().cast(nw.Int64) for name in COUNTS)
    begun = active_rows.select(first=nw.col("time").min().dt.truncate("1d"))  # one row even without an interaction
    sums = sums.join(begun, how="cross")
    active = nw.when(nw.col("active_days") > 0)
    used = {"features_used": active.then(nw.col("features_used"))} if features else {}
    used |= {"features_offered": active.then(nw.lit(len(set(features)), nw.Int64))} if features else {}
    activity = sums.select(
        "customer_id",
        "month",
        active.then(nw.col("active_days")).alias("active_days"),
        _days(end or as_of).alias("days"),
        *(["tickets"] if tickets is not None else []),
        **used,
    )
    return to_native(activity, interactions)


def _features(rows: Rows, features: list[str]) -> Rows:
    """Features that each customer used in each month, each once."""
    named = [name for name in ("action", "product") if name in rows.collect_schema().names()]
    uses = [rows.select("customer_id", "period", nw.col(name).cast(nw.String).alias("feature")) for name in named]
    return nw.concat(uses).filter(nw.col("feature").is_in(features)).unique()


def _counting(rows: Rows, counted: str) -> Rows:
    """Rows that each add 1 to one of the counts."""
    ones = {name: nw.lit(int(name == counted), nw.Int64) for name in COUNTS}
    return rows.select("customer_id", month=nw.col("period"), **ones)


def _days(end: dt.datetime) -> nw.Expr:
    """Days of a month that the data cover, from their first day to the end."""
    month, first = nw.col("month"), nw.col("first")
    last = end.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begun = -((last - end) // DAY)
    whole = ((month + nw.lit(MONTH)).dt.truncate("1mo") - nw.lit(DAY)).dt.day().cast(nw.Int64)
    over = nw.when(month == nw.lit(last)).then(nw.lit(begun, nw.Int64)).otherwise(whole)
    before = nw.when(month == first.dt.truncate("1mo")).then(first.dt.day().cast(nw.Int64) - 1)
    return over - before.otherwise(nw.lit(0, nw.Int64))
