"""What a customer did before a date, and before many."""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.history import History, Past
from engagekit.data.engine import beside, micros_at, span_us, with_micros
from engagekit.data.orders import PURCHASES
from engagekit.errors import DataError

__all__ = ["ACTIVE", "FEATURES", "customer_features", "snapshots"]

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
RECORDED = ("value", "duration_s", "sentiment")
COUNTS = ("interactions", "active_days", "distinct_actions", "orders")
DAY_US = 86_400_000_000
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
        - ``preferred_channel``: with the most interactions, the alphabetically first of several; null without any;
        - ``interactions_<channel>`` for each channel;
        - the attributes of ``customers`` that the history declares fixed.

        ``value``, ``duration_s`` and ``sentiment_mean`` are null where the business does not record them.

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
    kinds = _kinds(past, channels, actions)
    return past.leave(_at(past, [as_of], window, kinds).drop("date"), "interactions")


def snapshots(
    history: History,
    dates: Iterable[dt.datetime],
    window: str = "84d",
    *,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Any:
    """What each customer did in the window before each of many dates, in one pass over the interactions.

    Interactions are added up once, by customer and the longest stretch of whole days that divides the window, its half
    and the time between the dates: weeks, where these are whole weeks. Each window adds up its stretches.

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
    kinds = _kinds(past, channels, actions)
    hours: dict[dt.timedelta, list[dt.datetime]] = {}
    for day in days:
        hours.setdefault((days[-1] - day) % dt.timedelta(days=1), []).append(day)
    return past.leave(nw.concat([_at(past, some, window, kinds) for some in hours.values()]), "interactions")


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
        return found | {f"action:{number}": action == nw.lit(name) for number, name in enumerate(self.actions)}

    @property
    def distinct_actions(self) -> nw.Expr:
        used = (_one_if(nw.col(f"action:{number}") > 0) for number in range(len(self.actions)))
        return reduce(add, used, nw.lit(0))

    @property
    def active(self) -> nw.Expr:
        counts = (nw.col(f"action:{number}") for number, name in enumerate(self.actions) if name in ACTIVE)
        return reduce(add, counts, nw.lit(0))

    @property
    def preferred_channel(self) -> nw.Expr:
        """The channel with the most interactions, the alphabetically first of several."""
        found = nw.lit(None, nw.String)
        most = nw.max_horizontal(*(f"interactions_{name}" for name in self.channels)) if self.channels else nw.lit(0)
        for name in sorted(self.channels, reverse=True):
            count = nw.col(f"interactions_{name}")
            found = nw.when((count == most) & (count > 0)).then(nw.lit(name)).otherwise(found)
        return found


def _kinds(past: Past, channels: Sequence[str] | None, actions: Sequence[str] | None) -> _Kinds:
    """Channels and actions that are given, or else all that the past has: a look at those two columns alone."""
    given = {"channel": channels, "action": actions}
    asked = [name for name, kinds in given.items() if kinds is None and name in past.columns("interactions")]
    found = {name: list(dict.fromkeys(kinds or ())) for name, kinds in given.items()}
    if asked:
        pairs = past.rows("interactions", asked).unique().collect("polars").to_native()
        found |= {name: pairs[name].cast(pl.String).drop_nulls().unique().sort().to_list() for name in asked}
    for name, kinds in found.items():
        if len(kinds) > MOST_KINDS:
            problem = (
                f"has {len(kinds)} different values, and features tell {MOST_KINDS} apart at most. Name those that"
            )
            raise DataError(f"{problem} matter: {name}s=[{kinds[0]!r}, {kinds[1]!r}].", column=name)
    return _Kinds(tuple(found["channel"]), tuple(found["action"]))


def _at(past: Past, dates: list[dt.datetime], window: str, kinds: _Kinds) -> Rows:
    """Features at dates that are whole days apart."""
    days = span_us("window", window, "d") // DAY_US
    back = [(dates[-1] - date) // dt.timedelta(days=1) for date in dates]
    stretch = math.gcd(days, days // 2, *back)
    rows = _in_windows(past, dates, days, stretch)
    sums = _added_up(rows, past, kinds)
    orders = _orders(past, dates, days, stretch)
    windows = beside(rows, _windows(rows, dates, back, days, stretch))
    stretches = sums.join(orders, on=["customer_id", "stretch"], how="left").join(windows, on="stretch")
    return _described(_over_windows(stretches, kinds), past, kinds)


def _windows(
    rows: Rows, dates: list[dt.datetime], back: list[int], days: int, stretch: int
) -> dict[str, list[int] | list[dt.datetime]]:
    """Stretches of each date's window, and whether they are of its last half or of the half before."""
    half = days // 2
    parts = [(date, start, ago) for date, start in zip(dates, back, strict=True) for ago in range(0, days, stretch)]
    return {
        "stretch": [(start + ago) // stretch for _, start, ago in parts],
        "date": [date for date, _, _ in parts],
        "date_us": [micros_at(rows, "time", date) for date, _, _ in parts],
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


def _added_up(rows: Rows, past: Past, kinds: _Kinds) -> Rows:
    """One row a customer and stretch: what can be added up, and the last time."""
    known, action = past.columns("interactions"), nw.col("action").cast(nw.String)
    absent = {name: nw.lit(None, nw.Float64) for name in RECORDED if name not in known}
    value, duration, sentiment = (absent.get(name, nw.col(name).cast(nw.Float64)) for name in RECORDED)
    signed = nw.when((action == "refund") & (value > 0)).then(0 - value).otherwise(value)
    rows = rows.with_columns(
        value=nw.when(action.is_in(PURCHASES)).then(signed),
        duration_s=nw.when(duration >= 0).then(duration),
        sentiment=sentiment,
        rated=_one_if(~sentiment.is_null()),
        **{name: _one_if(same) for name, same in kinds.counted.items()},
    )
    return rows.group_by("customer_id", "stretch").agg(
        nw.col("us").max(),
        nw.len().alias("interactions"),
        nw.col("day").n_unique().alias("active_days"),
        nw.col(*RECORDED, "rated", *kinds.counted).sum(),
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
    return ordered.group_by("customer_id", "stretch").agg(nw.len().alias("orders"))


def _over_windows(stretches: Rows, kinds: _Kinds) -> Rows:
    """One row a customer and date: the sums of its window."""
    halves = {half: nw.col("interactions") * nw.col(half) for half in ("late", "early")}
    sums = ("interactions", "active_days", "orders", *RECORDED, "rated", *kinds.counted)
    return (
        stretches.with_columns(**halves)
        .group_by("customer_id", "date", "date_us")
        .agg(nw.col("us").max(), nw.col(*sums, "late", "early").sum())
    )


def _described(sums: Rows, past: Past, kinds: _Kinds) -> Rows:
    """Features of the sums, with what customers brought along."""
    known, both = past.columns("interactions"), nw.col("late") + nw.col("early")
    joined = nw.when(nw.col("since_us") < nw.col("date_us"))
    channels = [f"interactions_{name}" for name in kinds.channels]
    sums = sums.join(_arrivals(past), on="customer_id", how="left")
    found = sums.with_columns(
        recency_days=(nw.col("date_us") - nw.col("us")) / DAY_US,
        tenure_days=joined.then((nw.col("date_us") - nw.col("since_us")) / DAY_US),
        distinct_actions=kinds.distinct_actions,
        active_share=kinds.active / nw.col("interactions"),
        orders=nw.col("orders").fill_null(0),
        sentiment_mean=nw.when(nw.col("rated") > 0).then(nw.col("sentiment") / nw.col("rated")),
        trend=nw.when(both > 0).then((nw.col("late") - nw.col("early")) / both),
        preferred_channel=kinds.preferred_channel,
        **{name: nw.lit(None, nw.Float64) for name in ("value", "duration_s") if name not in known},
        **{name: joined.then(nw.col(name)) for name in past.fixed},
    )
    found = found.with_columns(nw.col(*COUNTS, *channels).cast(nw.Int64))
    return found.select("customer_id", "date", *FEATURES, *channels, *past.fixed)


def _arrivals(past: Past) -> Rows:
    """Since when somebody is a customer, and what of them never changes."""
    if "customers" in past:
        rows = with_micros(past.rows("customers", ["customer_id", "joined_at", *past.fixed]), "joined_at", "since_us")
    else:
        rows = with_micros(past.rows("interactions", ["customer_id", "time"]), "time", "since_us")
    return rows.group_by("customer_id").agg(nw.col("since_us", *past.fixed).min())


def _one_if(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))
