"""Features of customers before a date, or before each of many dates."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import add
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.signals import with_signals
from engagekit.customers.windows import window_sums
from engagekit.errors import DataError
from engagekit.frames.engine import ROW, collected, with_one_key_type
from engagekit.frames.times import DAY_US, with_micros
from engagekit.prepare.history import History, Past

__all__ = ["ACTIVE", "FEATURES", "OUTCOMES", "customer_features", "snapshot_rows", "snapshots"]

Rows = nw.LazyFrame[Any]

ACTIVE = ("purchase", "review", "comment", "share")
FEATURES = (
    "recency_days",
    "tenure_days",
    "interactions",
    "active_days",
    "distinct_actions",
    "active_share",
    "duration_s",
    "value",
    "orders",
    "sentiment_mean",
    "trend",
    "preferred_channel",
)
OUTCOMES = ("churned", "next_value")  # names that what came later has
COUNTS = ("interactions", "active_days", "distinct_actions", "orders")
MOST_KINDS = 100


def customer_features(
    history: History,
    as_of: dt.datetime,
    window: str = "84d",
    *,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Any:
    """Features of each customer's interactions in the window before a date.

    Parameters
    ----------
    history : History
        With ``interactions``: ``customer_id, time, action`` and, where given, ``channel, value, order_id, duration_s,
        sentiment, event_id``; and, where given, ``customers``, ``surveys``, ``tickets`` and ``subscriptions``.
    as_of : datetime
        Nothing from then on is used.
    window : str, default "84d"
        Days of 24 hours before it.
    channels, actions : sequence of str, optional
        The channels that get a column, and the actions that are counted as different; by default all that the history
        has before the date, up to 100 of each.

    Returns
    -------
    frame of the caller's kind
        One row for each customer with an interaction in the window; of pandas and Polars frames in the order of
        ``customer_id``. ``customer_id`` and

        - ``recency_days``: since the last interaction, from above 0 on;
        - ``tenure_days``: since ``joined_at``, null where that is not before the date; in a history without
          ``customers`` since the first interaction;
        - ``interactions``: in the window, from 1 on;
        - ``active_days``: days with an interaction, of 24 hours, counted back from the date;
        - ``distinct_actions``: different actions;
        - ``active_share``: purchases, reviews, comments and shares among all interactions, 0 to 1; the others, such as
          views, are passive;
        - ``duration_s``: seconds, added up in microseconds; a negative one counts as not recorded;
        - ``value``: money of purchases, less that of refunds, whichever sign a refund has, added up in ten-thousandths;
        - ``orders``: different ``order_id`` of purchases, each counted at its first one ever; a purchase without an
          order counts as one with the customer's others at that instant;
        - ``sentiment_mean``: -1 to 1, of the interactions that have one; null where none has;
        - ``trend``: interactions of the last half of the window less those of the half before, over both, -1 to 1;
          null where both have none. A window of an odd number of days leaves out its first day;
        - ``preferred_channel``: the channel with the most interactions among those that have a column, the
          alphabetically first of several; null without any;
        - ``interactions_<channel>`` for each channel;
        - the attributes of ``customers`` that the history declares fixed;
        - what surveys, tickets and subscriptions say, where the history has them with a ``customer_id``: see
          ``with_signals`` of ``engagekit.customers.signals``.

        ``value``, ``duration_s`` and ``sentiment_mean`` are null where the interactions have no such column; the first
        two are 0 where it is blank.

    Raises
    ------
    DataError
        A column or the table is absent, ``time`` holds no times, or there are too many channels or actions.
    ValueError
        ``window`` is not a number of days, or one of ``as_of`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> events = pl.DataFrame({"customer_id": ["a", "a"], "action": ["view", "purchase"], "value": [None, 9.0],
    ...     "channel": ["web", "web"], "time": [datetime(2026, 1, 5), datetime(2026, 1, 6)]})
    >>> features = customer_features(History({"interactions": events}), datetime(2026, 1, 8))
    >>> features.select("recency_days", "interactions", "active_share", "value", "interactions_web").rows()
    [(2.0, 2, 0.5, 9.0, 2)]
    """
    past = history.before(as_of)
    rows = with_signals(snapshot_rows(past, [as_of], window, channels, actions), past, [as_of], window)
    return past.to_native(_in_order(rows.drop("date"), "customer_id"), "interactions")


def snapshots(
    history: History,
    dates: Iterable[dt.datetime],
    window: str = "84d",
    *,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Any:
    """Features of each customer before each of many dates, in one pass over the interactions.

    Windows and dates of whole weeks go through sums by customer and week, others through sums by day.

    Parameters
    ----------
    history : History
        As ``customer_features`` takes it.
    dates : iterable of datetime
        At least one. Those at other times of the day take a pass of their own.
    window, channels, actions
        As ``customer_features`` takes them. By default every date has the columns of all channels before the last.

    Returns
    -------
    frame of the caller's kind
        What ``customer_features`` gives for each date, with the ``date`` after ``customer_id``; of pandas and Polars
        frames in the order of ``customer_id`` and ``date``.

    Raises
    ------
    DataError, ValueError
        As ``customer_features``; or there is no date.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> events = pl.DataFrame({"customer_id": ["a", "a"], "action": ["view", "view"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 20)]})
    >>> both = snapshots(History({"interactions": events}), [datetime(2026, 1, 8), datetime(2026, 2, 1)], "28d")
    >>> both.sort("date").select("interactions", "recency_days").rows()
    [(1, 3.0), (2, 12.0)]
    """
    days = sorted(set(dates))
    if not days:
        raise ValueError("dates: there is none, and there must be one at least")
    past = history.before(days[-1])
    rows = with_signals(snapshot_rows(past, days, window, channels, actions), past, days, window)
    return past.to_native(_in_order(rows, "customer_id", "date"), "interactions")


def snapshot_rows(
    past: Past,
    dates: Sequence[dt.datetime],
    window: str,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Rows:
    """Rows of ``snapshots`` without other tables' signals, lazy, in no order; the past ends at the last date."""
    kinds = _kinds(past, channels, actions)
    return _described(window_sums(past, dates, window, kinds.counted), past, kinds)


def _in_order(rows: Rows, *keys: str) -> Rows:
    """Rows in the order of their keys, on an engine whose rows have an order."""
    return rows.sort(*keys) if rows.implementation is nw.Implementation.POLARS else rows


@dataclass(frozen=True)
class _Kinds:
    """Channels and actions that are counted, in numbered columns, because a name may hold any character."""

    channels: tuple[str, ...]
    actions: tuple[str, ...]

    @property
    def counted(self) -> dict[str, nw.Expr]:
        """Whether an interaction is of a kind, by the column that counts it."""
        channel, action = (nw.col(name).cast(nw.String) for name in ("channel", "action"))
        counted = {f"channel:{number}": channel == nw.lit(name) for number, name in enumerate(self.channels)}
        counted |= {f"action:{number}": action == nw.lit(name) for number, name in enumerate(self.actions)}
        return counted | {":active": action.is_in(ACTIVE)}

    @property
    def by_channel(self) -> dict[str, nw.Expr]:
        """Count of each channel, by the name of its feature."""
        names = enumerate(self.channels)
        return {f"interactions_{name}": nw.col(f"channel:{number}").cast(nw.Int64) for number, name in names}

    @property
    def distinct_actions(self) -> nw.Expr:
        used = ((nw.col(f"action:{number}") > 0).cast(nw.Int32) for number in range(len(self.actions)))
        return reduce(add, used, nw.lit(0))

    @property
    def preferred_channel(self) -> nw.Expr:
        """The channel with the most interactions, the alphabetically first of several."""
        preferred, counts = nw.lit(None, nw.String), self.by_channel
        most = nw.max_horizontal(nw.lit(0), *counts.values())  # Spark wants two
        for name in sorted(self.channels, reverse=True):
            count = counts[f"interactions_{name}"]
            preferred = nw.when((count == most) & (count > 0)).then(nw.lit(name)).otherwise(preferred)
        return preferred


def _kinds(past: Past, channels: Sequence[str] | None, actions: Sequence[str] | None) -> _Kinds:
    """Channels and actions that are given, or else all that the past has: a look at those two columns alone."""
    given = {"channel": channels, "action": actions}
    past.rows("interactions", ["time", *(name for name, kinds in given.items() if kinds)])  # says what is no column
    asked = [name for name, kinds in given.items() if kinds is None and name in past.columns("interactions")]
    chosen = {name: list(dict.fromkeys(kinds or ())) for name, kinds in given.items()}
    if asked:
        pairs = collected(past.rows("interactions", asked).group_by(asked).agg(nw.len().alias(ROW)))
        chosen |= {name: pairs[name].cast(pl.String).drop_nulls().unique().sort().to_list() for name in asked}
    for name, kinds in chosen.items():
        if len(kinds) > MOST_KINDS:
            problem = f"has {len(kinds)} different values, and features count {MOST_KINDS} of them at most."
            raise DataError(f"{problem} Name those that matter: {name}s=[{kinds[0]!r}, ...].", column=name)
    _check_case(past, chosen["channel"])
    return _Kinds(tuple(chosen["channel"]), tuple(chosen["action"]))


def _check_case(past: Past, channels: list[str]) -> None:
    """Refuse channels that differ by case alone where the engine takes their columns for one."""
    if isinstance(past.rows("interactions", ["time"]).to_native(), pl.LazyFrame):
        return
    for one, other in combinations(channels, 2):
        if one.casefold() == other.casefold():
            problem = f"{one!r} and {other!r} differ by case alone, and this engine has one column for both"
            raise DataError(f"{problem}. Write them alike.", column="channel")


def _described(sums: Rows, past: Past, kinds: _Kinds) -> Rows:
    """Features of the sums, with tenure and fixed attributes of the customers."""
    known, both = past.columns("interactions"), nw.col("late") + nw.col("early")
    joined = nw.when(nw.col("since_us") < nw.col("date_us"))
    taken = {
        name.casefold() for name in ("customer_id", "date", *OUTCOMES, *FEATURES, *kinds.by_channel)
    }  # some engines ignore case
    for name in past.fixed:
        if name.casefold() in taken:
            raise DataError("is an attribute of customers and a feature. Give the attribute another name.", column=name)
    sums, arrivals = with_one_key_type(sums, _arrivals(past), "customer_id")
    sums = sums.join(arrivals, on="customer_id", how="left")
    features = sums.with_columns(
        recency_days=(nw.col("date_us") - nw.col("us")) / DAY_US,
        tenure_days=joined.then((nw.col("date_us") - nw.col("since_us")) / DAY_US),
        distinct_actions=kinds.distinct_actions,
        active_share=nw.col(":active") / nw.col("interactions"),
        sentiment_mean=nw.when(nw.col("rated") > 0).then(nw.col("sentiment") / nw.col("rated")),
        trend=nw.when(both > 0).then((nw.col("late") - nw.col("early")) / both),
        preferred_channel=kinds.preferred_channel,
        **{name: nw.lit(None, nw.Float64) for name in ("value", "duration_s") if name not in known},
        **{f"fixed:{name}": joined.then(nw.col(f"fixed:{name}")) for name in past.fixed},
    )
    features = features.with_columns(nw.col(*COUNTS).cast(nw.Int64))
    fixed = {name: nw.col(f"fixed:{name}") for name in past.fixed}
    named = (column.alias(name) for name, column in (kinds.by_channel | fixed).items())
    return features.select("customer_id", "date", *FEATURES, *named)


def _arrivals(past: Past) -> Rows:
    """When each customer arrived, and the attributes that are declared fixed."""
    if "customers" in past:
        rows = with_micros(past.rows("customers", ["customer_id", "joined_at", *past.fixed]), "joined_at", "since_us")
    else:
        rows = with_micros(past.rows("interactions", ["customer_id", "time"]), "time", "since_us")
    if past.fixed:
        twice = collected(rows.group_by("customer_id").agg(nw.len().alias(ROW)).filter(nw.col(ROW) > 1).head(1))
        for who in twice["customer_id"]:
            problem = f"{who!r} is there twice, so that it is not known which attributes hold. Give one row for each."
            raise DataError(problem, file="customers", column="customer_id")
    fixed = (nw.col(name).min().alias(f"fixed:{name}") for name in past.fixed)
    return rows.group_by("customer_id").agg(nw.col("since_us").min(), *fixed)
