"""Visits, which a gap without interactions ends, and page views."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from engagekit.frames.engine import to_native
from engagekit.frames.times import micros_at, span_us
from engagekit.prepare.interactions import US, valid_interactions

__all__ = ["views", "visit_totals", "visits"]

Rows = nw.LazyFrame[Any]

ENGAGED_S = (10, 60)  # GA4 lets its threshold be set between these
ENGAGED_VIEWS = 2
SECOND_US = 1_000_000
LONG_AGO_US = -(2**62)
LABELS = ("channel", "campaign")
PAGES = ("entry_page", "exit_page")


def visits(
    interactions: Any,
    gap: str = "30m",
    *,
    key_actions: Sequence[str] = ("purchase",),
    engaged_after_s: float = 10,
    as_of: dt.datetime | None = None,
) -> Any:
    """One row per visit: interactions of a customer with less than ``gap`` between each and the next.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action`` and, where given, ``session_id, duration_s, page, channel, campaign, event_id``.
        An interaction without a customer or a time is left out; an ``event_id`` must not repeat. One with a
        ``session_id`` belongs to the visit of that customer and id, however long the gaps in it; those without one
        are split by the gap rule among themselves.
    gap : str, default "30m"
        Minutes or hours without an interaction that end a visit: an interaction that comes ``gap`` or more after the
        one before it starts a new visit. Midnight ends none.
    key_actions : sequence of str, default ("purchase",)
        Actions that convert a visit.
    engaged_after_s : float, default 10
        Seconds, from 10 to 60. A visit that lasts as long or longer is engaged.
    as_of : datetime, optional
        End of the data. Later interactions are not used, and visits that may still go on, whose last interaction is
        less than ``gap`` before it, are left out.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, started_at, ended_at`` (times of its first and last interaction), ``events`` and ``views``
        (interactions, and those with the action ``view``), ``duration_s`` (seconds: the time from the first to the
        last interaction or, where one of them recorded a longer ``duration_s``, that; null for a single interaction
        without one), ``engaged`` (GA4: a ``duration_s`` of ``engaged_after_s`` or more, two views, or a key action),
        ``converted`` (a key action) and, each only where the
        interactions have the column, ``entry_page`` and ``exit_page`` (the first and the last one viewed), ``channel``
        and ``campaign`` (of the first interaction). Interactions at the same time are ordered alphabetically.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        ``gap`` or ``engaged_after_s`` is not as above, or one of ``as_of`` and the times lacks a zone.

    References
    ----------
    .. [1] Google Analytics Help. About Analytics sessions; Engagement rate and bounce rate.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> interactions = pl.DataFrame({"customer_id": ["a", "a", "a"], "action": ["view", "view", "purchase"],
    ...     "time": [datetime(2026, 1, 5, 23, 45), datetime(2026, 1, 6, 0, 1), datetime(2026, 1, 6, 0, 31)]})
    >>> columns = ["events", "views", "duration_s", "engaged", "converted"]
    >>> visits(interactions).sort("started_at").select(columns).rows()
    [(2, 2, 960.0, True, False), (1, 0, None, True, True)]
    """
    least, most = ENGAGED_S
    if not least <= engaged_after_s <= most:
        raise ValueError(f"engaged_after_s: {engaged_after_s} is not from {least} to {most} seconds")
    keys = [key_actions] if isinstance(key_actions, str) else list(key_actions)
    gap_us = span_us("gap", gap, "mh")
    rows, visit = _with_visit_start(interactions, ["action"], ["duration_s", "page", *LABELS], gap_us, as_of)
    names = rows.collect_schema().names()
    labels = [name for name in LABELS if name in names]
    if "page" in names:
        rows, labels = _with_ends(rows, visit), [*PAGES, *labels]
    sums = _summed(rows, visit, keys, labels)
    if as_of is not None:
        sums = sums.filter(nw.col("last_us") <= micros_at(rows, "time", as_of) - gap_us)
    return to_native(_described(sums, engaged_after_s, labels), interactions)


def views(interactions: Any, gap: str = "30m", *, as_of: dt.datetime | None = None) -> Any:
    """One row per page view, with whether it was the last of its visit.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action, page`` and, where given, ``session_id``, as ``visits`` takes them. A page view is
        an interaction with the action ``view``.
    gap : str, default "30m"
        Minutes or hours without an interaction of any action that end a visit, as in ``visits``.
    as_of : datetime, optional
        End of the data. Later interactions are not used.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, time, page, exited``: whether it was the last view of its visit; views at the same time are
        ordered by page. Null for the last view of a visit that may still go on at ``as_of``, because its last
        interaction is less than ``gap`` before it. Without ``as_of`` there are as many exits as visits with a view.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        ``gap`` is not as above, or one of ``as_of`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> interactions = pl.DataFrame({"customer_id": ["a", "a"], "action": ["view", "view"], "page": ["home", "cart"],
    ...     "time": [datetime(2026, 1, 5, 9, 0), datetime(2026, 1, 5, 9, 5)]})
    >>> views(interactions).sort("time").select("page", "exited").rows()
    [('home', False), ('cart', True)]
    """
    gap_us = span_us("gap", gap, "mh")
    rows, [*sequence, start] = _with_visit_start(interactions, ["action", "page"], [], gap_us, as_of)
    closed = nw.lit(True)
    if as_of is not None:
        rows = rows.with_columns(last_us=nw.col(US).max().over(*sequence, start))
        closed = nw.col("last_us") <= micros_at(rows, "time", as_of) - gap_us
    following = nw.col(start).shift(-1).over(*sequence, order_by=[US, "page"])
    viewed = rows.filter(nw.col("action") == "view").with_columns(following=following)
    stayed = nw.col("following") == nw.col(start)  # null where no view follows
    exited = nw.when(stayed).then(nw.lit(False)).otherwise(nw.when(closed).then(nw.lit(True)))
    return to_native(viewed.select("customer_id", "time", "page", exited=exited), interactions)


def visit_totals(interactions: Any, gap: str = "30m") -> Any:
    """Number of visits and their total length in seconds, without a table of visits.

    It is several times quicker than ``visits``, because it compares each interaction with its neighbours and groups
    nothing.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action`` and, where given, ``session_id, event_id``, as ``visits`` takes them.
    gap : str, default "30m"
        Minutes or hours without an interaction that end a visit, as in ``visits``.

    Returns
    -------
    frame of the caller's kind
        One row: ``visits``; ``single_visits`` (visits of one interaction, which Universal Analytics called bounces);
        ``views`` (interactions with the action ``view``); ``span_s`` (sum over visits of the seconds from the first to
        the last interaction; recorded durations are not used). A visit of one interaction has no span, so the mean is
        ``span_s / (visits - single_visits)``.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        ``gap`` is not minutes or hours.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> two = pl.DataFrame({"customer_id": ["a", "a", "a"], "action": ["view", "view", "login"],
    ...     "time": [datetime(2026, 1, 5, 9, 0), datetime(2026, 1, 5, 9, 5), datetime(2026, 1, 5, 20, 0)]})
    >>> visit_totals(two).rows()
    [(2, 1, 2, 300.0)]
    """
    gap_us = span_us("gap", gap, "mh")
    rows = valid_interactions(interactions, ["action"], ["session_id"])
    sequence, within = _sequence(rows)
    us = nw.col(US)
    rows = rows.with_columns(
        since_us=(us - us.shift(1)).over(*sequence, order_by=US),
        until_us=(us.shift(-1) - us).over(*sequence, order_by=US),
    )
    goes_on, is_followed = (within(nw.col(name), gap_us) for name in ("since_us", "until_us"))
    rows = rows.with_columns(starts=1 - _counted(goes_on), ends=1 - _counted(is_followed))
    totals = rows.select(
        nw.col("starts").sum().alias("visits"),
        (nw.col("starts") * nw.col("ends")).sum().alias("single_visits"),
        _counted(nw.col("action") == "view").sum().alias("views"),
        span_us=nw.when(nw.col("starts") == 0).then(nw.col("since_us")).otherwise(nw.lit(0)).sum(),
    )
    counts = nw.col("visits", "single_visits", "views").cast(nw.Int64)
    span_s = nw.col("span_us").cast(nw.Float64) / SECOND_US
    return to_native(totals.select(counts, span_s=span_s), interactions)


def _sequence(rows: Rows) -> tuple[list[str], Any]:
    """Columns whose interactions form a sequence, and the rule whether the time between two of them is within a visit.

    Interactions that share a session_id belong to one visit, however long the time between them.
    """
    if "session_id" not in rows.collect_schema().names():
        return ["customer_id"], lambda since, gap_us: since < gap_us
    named = ~nw.col("session_id").is_null()
    return ["customer_id", "session_id"], lambda since, gap_us: (since < gap_us) | (named & ~since.is_null())


def _with_visit_start(
    interactions: Any, columns: list[str], optional: list[str], gap_us: int, as_of: dt.datetime | None
) -> tuple[Rows, list[str]]:
    """Interactions with the start of their visit as ``begun_us``, and the columns that identify a visit."""
    rows = valid_interactions(interactions, columns, ["session_id", *optional], as_of)
    sequence, within = _sequence(rows)
    us = nw.col(US)
    rows = rows.with_columns(since_us=(us - us.shift(1)).over(*sequence, order_by=US))
    rows = rows.with_columns(starts=1 - _counted(within(nw.col("since_us"), gap_us)))
    # The engine chooses which of several interactions at one time starts a visit; here it comes before the others.
    rows = rows.with_columns(turn=2 * us - nw.col("starts"))
    begun = nw.when(nw.col("starts") == 1).then(us).otherwise(nw.lit(LONG_AGO_US))
    rows = rows.with_columns(started_us=begun)
    rows = rows.with_columns(begun_us=nw.col("started_us").cum_max().over(*sequence, order_by="turn"))
    return rows, [*sequence, "begun_us"]


def _counted(condition: nw.Expr) -> nw.Expr:
    """1 where a condition holds, 0 where it does not or is unknown."""
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))


def _with_ends(rows: Rows, visit: list[str]) -> Rows:
    """Rows whose ``entry_page`` and ``exit_page`` are known only at the first and the last view of their visit."""
    viewed = nw.when((nw.col("action") == "view") & ~nw.col("page").is_null())
    rows = rows.with_columns(view_us=viewed.then(nw.col(US)))
    rows = rows.with_columns(
        entry_us=nw.col("view_us").min().over(*visit), exit_us=nw.col("view_us").max().over(*visit)
    )
    entry, last = (nw.when(nw.col("view_us") == nw.col(end)) for end in ("entry_us", "exit_us"))
    return rows.with_columns(entry_page=entry.then(nw.col("page")), exit_page=last.then(nw.col("page")))


def _summed(rows: Rows, visit: list[str], keys: list[str], labels: list[str]) -> Rows:
    """One row per visit: counts, sums and the labels of its ends."""
    if "duration_s" not in rows.collect_schema().names():
        rows = rows.with_columns(duration_s=nw.lit(None, nw.Float64))
    action, own = nw.col("action"), nw.col("duration_s").cast(nw.Float64)
    first = nw.when(nw.col(US) == nw.col("begun_us"))
    rows = rows.with_columns(
        view=_counted(action == "view"),
        key=_counted(action.is_in(keys)) if keys else nw.lit(0),
        longest_s=nw.when(own >= 0).then(own),
        **{name: first.then(nw.col(name)) for name in labels if name in LABELS},
    )
    return rows.group_by(*visit).agg(
        nw.col("time").min().alias("started_at"),
        nw.col("time").max().alias("ended_at"),
        nw.len().cast(nw.Int64).alias("events"),
        nw.col("view").sum().cast(nw.Int64).alias("views"),
        nw.col(US).max().alias("last_us"),
        nw.col("key", "longest_s").max(),
        *(nw.col(name).max() if name == "exit_page" else nw.col(name).min() for name in labels),
    )


def _described(sums: Rows, engaged_after_s: float, labels: list[str]) -> Rows:
    """Visits as they are returned, from their sums."""
    span_s = nw.when(nw.col("events") > 1).then((nw.col("last_us") - nw.col("begun_us")) / SECOND_US)
    rows = sums.with_columns(span_s=span_s, converted=nw.col("key") == 1)
    rows = rows.with_columns(duration_s=nw.max_horizontal("span_s", "longest_s"))
    engaged = nw.col("converted") | (nw.col("views") >= ENGAGED_VIEWS) | (nw.col("duration_s") >= engaged_after_s)
    flag = nw.when(engaged).then(nw.lit(True)).otherwise(nw.lit(False))
    counts = ("customer_id", "started_at", "ended_at", "events", "views", "duration_s")
    return rows.select(*counts, flag.alias("engaged"), "converted", *labels)
