"""What a customer did before a date, and before many."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import add
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.windows import DAY_US, window_sums
from engagekit.errors import DataError
from engagekit.frames.engine import ROW, collected, with_one_key_type
from engagekit.frames.times import with_micros
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
    """What each customer did in the window before a date.

    Parameters
    ----------
    history : History
        With ``interactions``: ``customer_id, time, action`` and, where given, ``channel, value, order_id, duration_s,
        sentiment, event_id``; and, where given, ``customers``.
    as_of : datetime
        Nothing from then on is seen.
    window : str, default "84d"
        Days of 24 hours before it.
    channels, actions : sequence of str, optional
        The channels that have a column, and the actions that are told apart; by default all that the history has before
        the date, up to 100 of each.

    Returns
    -------
    frame of the caller's kind
        One row for each customer with an interaction in the window; none, if there is none. ``customer_id`` and

        - ``recency_days``: since the last interaction, from above 0 on;
        - ``tenure_days``: since ``joined_at``, null where that is not before the date; in a history without
          ``customers`` since the first interaction;
        - ``interactions``: in the window, from 1 on;
        - ``active_days``: days with an interaction, of 24 hours, counted back from the date;
        - ``distinct_actions``: different actions;
        - ``active_share``: purchases, reviews, comments and shares among all interactions, 0 to 1; the others, such as
          views, are passive;
        - ``duration_s``: seconds, added up; a negative one counts as not recorded;
        - ``value``: money of purchases, less that of refunds, whichever sign a refund has;
        - ``orders``: different ``order_id`` of purchases, each counted at its first one ever; a purchase without an
          order counts as one with the customer's others at that instant;
        - ``sentiment_mean``: -1 to 1, of the interactions that have one; null where none has;
        - ``trend``: interactions of the last half of the window less those of the half before, over both, -1 to 1;
          null where both have none. A window of an odd number of days leaves out the first;
        - ``preferred_channel``: of the channels that have a column, that with the most interactions, the alphabetically
          first of several; null without any;
        - ``interactions_<channel>`` for each channel;
        - the attributes of ``customers`` that the history declares fixed.

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
    >>> seen = pl.DataFrame({"customer_id": ["a", "a"], "action": ["view", "purchase"], "value": [None, 9.0],
    ...     "channel": ["web", "web"], "time": [datetime(2026, 1, 5), datetime(2026, 1, 6)]})
    >>> features = customer_features(History({"interactions": seen}), datetime(2026, 1, 8))
    >>> features.select("recency_days", "interactions", "active_share", "value", "interactions_web").rows()
    [(2.0, 2, 0.5, 9.0, 2)]
    """
    past = history.before(as_of)
    return past.to_native(snapshot_rows(past, [as_of], window, channels, actions).drop("date"), "interactions")


def snapshots(
    history: History,
    dates: Iterable[dt.datetime],
    window: str = "84d",
    *,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Any:
    """What each customer did in the window before each of many dates, in one pass over the interactions.

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
        As ``customer_features`` gives it for each date, with the ``date`` after ``customer_id``.

    Raises
    ------
    DataError, ValueError
        As ``customer_features``; or there is no date.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> seen = pl.DataFrame({"customer_id": ["a", "a"], "action": ["view", "view"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 20)]})
    >>> both = snapshots(History({"interactions": seen}), [datetime(2026, 1, 8), datetime(2026, 2, 1)], "28d")
    >>> both.sort("date").select("interactions", "recency_days").rows()
    [(1, 3.0), (2, 12.0)]
    """
    days = sorted(set(dates))
    if not days:
        raise ValueError("dates: there is none, and there must be one at least")
    past = history.before(days[-1])
    return past.to_native(snapshot_rows(past, days, window, channels, actions), "interactions")


def snapshot_rows(
    past: Past,
    dates: Sequence[dt.datetime],
    window: str,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Rows:
    """What ``snapshots`` gives, as a Narwhals lazy frame; the past is that before the last date, and dates rise."""
    kinds = _kinds(past, channels, actions)
    return _described(window_sums(past, dates, window, kinds.counted), past, kinds)


@dataclass(frozen=True)
class _Kinds:
    """Channels and actions that are told apart."""

    channels: tuple[str, ...]
    actions: tuple[str, ...]

    @property
    def counted(self) -> dict[str, nw.Expr]:
        """Whether an interaction is of a kind, by the column that counts it."""
        channel, action = (nw.col(name).cast(nw.String) for name in ("channel", "action"))
        found = {f"interactions_{name}": channel == nw.lit(name) for name in self.channels}
        found |= {f"action:{number}": action == nw.lit(name) for number, name in enumerate(self.actions)}
        return found | {":active": action.is_in(ACTIVE)}

    @property
    def distinct_actions(self) -> nw.Expr:
        used = ((nw.col(f"action:{number}") > 0).cast(nw.Int32) for number in range(len(self.actions)))
        return reduce(add, used, nw.lit(0))

    @property
    def preferred_channel(self) -> nw.Expr:
        """The channel with the most interactions, the alphabetically first of several."""
        found = nw.lit(None, nw.String)
        most = nw.max_horizontal(nw.lit(0), *(f"interactions_{name}" for name in self.channels))  # Spark wants two
        for name in sorted(self.channels, reverse=True):
            count = nw.col(f"interactions_{name}")
            found = nw.when((count == most) & (count > 0)).then(nw.lit(name)).otherwise(found)
        return found


def _kinds(past: Past, channels: Sequence[str] | None, actions: Sequence[str] | None) -> _Kinds:
    """Channels and actions that are given, or else all that the past has: a look at those two columns alone."""
    given = {"channel": channels, "action": actions}
    past.rows("interactions", ["time", *(name for name, kinds in given.items() if kinds)])  # says what is no column
    asked = [name for name, kinds in given.items() if kinds is None and name in past.columns("interactions")]
    found = {name: list(dict.fromkeys(kinds or ())) for name, kinds in given.items()}
    if asked:
        pairs = collected(past.rows("interactions", asked).group_by(asked).agg(nw.len().alias(ROW)))
        found |= {name: pairs[name].cast(pl.String).drop_nulls().unique().sort().to_list() for name in asked}
    for name, kinds in found.items():
        if len(kinds) > MOST_KINDS:
            problem = f"has {len(kinds)} different values, and features tell {MOST_KINDS} apart at most."
            raise DataError(f"{problem} Name those that matter: {name}s=[{kinds[0]!r}, ...].", column=name)
    _check_case(past, found["channel"])
    return _Kinds(tuple(found["channel"]), tuple(found["action"]))


def _check_case(past: Past, channels: list[str]) -> None:
    """Refuse channels that differ by case alone where the engine takes their columns for one."""
    if isinstance(past.rows("interactions", ["time"]).to_native(), pl.LazyFrame):
        return
    for one, other in combinations(channels, 2):
        if one.casefold() == other.casefold():
            problem = f"{one!r} and {other!r} differ by case alone, and this engine has one column for both"
            raise DataError(f"{problem}. Write them alike.", column="channel")


def _described(sums: Rows, past: Past, kinds: _Kinds) -> Rows:
    """Features of the sums, with what customers brought along."""
    known, both = past.columns("interactions"), nw.col("late") + nw.col("early")
    joined = nw.when(nw.col("since_us") < nw.col("date_us"))
    channels = [f"interactions_{name}" for name in kinds.channels]
    taken = {
        name.casefold() for name in ("customer_id", "date", *OUTCOMES, *FEATURES, *channels)
    }  # some engines ignore case
    for name in past.fixed:
        if name.casefold() in taken:
            raise DataError("is an attribute of customers and a feature. Give the attribute another name.", column=name)
    sums, arrivals = with_one_key_type(sums, _arrivals(past), "customer_id")
    sums = sums.join(arrivals, on="customer_id", how="left")
    found = sums.with_columns(
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
    found = found.with_columns(nw.col(*COUNTS, *channels).cast(nw.Int64))
    fixed = (nw.col(f"fixed:{name}").alias(name) for name in past.fixed)
    return found.select("customer_id", "date", *FEATURES, *channels, *fixed)


def _arrivals(past: Past) -> Rows:
    """Since when somebody is a customer, and what of them never changes."""
    if "customers" in past:
        rows = with_micros(past.rows("customers", ["customer_id", "joined_at", *past.fixed]), "joined_at", "since_us")
    else:
        rows = with_micros(past.rows("interactions", ["customer_id", "time"]), "time", "since_us")
    if past.fixed:
        twice = collected(rows.group_by("customer_id").agg(nw.len().alias(ROW)).filter(nw.col(ROW) > 1).head(1))
        for who in twice["customer_id"]:
            problem = f"{who!r} is there twice, so nobody can tell which attributes are theirs. Give one row for each."
            raise DataError(problem, file="customers", column="customer_id")
    fixed = (nw.col(name).min().alias(f"fixed:{name}") for name in past.fixed)
    return rows.group_by("customer_id").agg(nw.col("since_us").min(), *fixed)
