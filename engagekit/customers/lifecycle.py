"""Lifecycle: who is new, active, returning, resurrected or dormant in each period, and who went from where to where."""

import datetime as dt
from collections.abc import Iterable
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.frames.engine import collected
from engagekit.frames.times import micros_at
from engagekit.prepare.contracts import paid_periods
from engagekit.prepare.interactions import US, valid_interactions
from engagekit.prepare.leaving import ChurnDefinition

__all__ = ["NOT_YET", "STATES", "lifecycle", "lifecycle_flows"]

NOT_YET = "not_yet"  # where a newcomer comes from
HERE = pl.col("first_us").is_not_null()
STATES = {  # of a customer in a period: the first whose condition holds
    "new": HERE & pl.col("before_us").is_null(),
    "active": HERE & pl.col("here_before"),
    "resurrected": HERE & (pl.col("first_us") - pl.col("before_us") >= pl.col("horizon_us")),
    "returning": HERE,
    "dormant": pl.lit(value=True),
}


def lifecycle(
    rows: Any, edges: Iterable[dt.datetime], churn: ChurnDefinition, *, as_of: dt.datetime | None = None
) -> Any:
    """State of each customer in each period between two edges, the first period apart, in one pass over the rows.

    Parameters
    ----------
    rows : frame
        Interactions: ``customer_id, time``. With contracts paid periods, as ``active_base`` takes them.
    edges : iterable of datetime
        Starts of the periods, and the end of the last: three at least. The first period says who was there before.
    churn : ChurnDefinition
        What leaving means: how long a pause may last, and whether being there is an interaction or a paid period.
    as_of : datetime, optional
        End of the data, with contracts: a spell whose grace runs beyond it is not over.

    Returns
    -------
    polars.DataFrame, or the caller's kind where that is pandas
        One row for each period and customer who was seen before its end, in the order of ``date`` (start of the period)
        and ``customer_id``. ``state`` is

        - ``new``: there for the first time. A customer from before the data begin seems new;
        - ``active``: there in this period and the one before;
        - ``returning``: back after a period without, and a pause shorter than the horizon;
        - ``resurrected``: back after a pause of the horizon or longer, and so counted as churned in between;
        - ``dormant``: seen before, and not there in this period.

    Raises
    ------
    DataError
        A column is absent, or holds no times.
    ValueError
        There are fewer than three edges, or one of edges and times lacks a zone.

    Examples
    --------
    >>> seen = pl.DataFrame({"customer_id": ["a", "a", "b", "c"], "time": [dt.datetime(2026, month, 5)
    ...     for month in (1, 2, 1, 2)]})
    >>> months = [dt.datetime(2026, month, 1) for month in (1, 2, 3)]
    >>> lifecycle(seen, months, ChurnDefinition(horizon="28d", contractual=False)).select("customer_id", "state").rows()
    [('a', 'active'), ('b', 'dormant'), ('c', 'new')]
    """
    days = sorted(set(edges))
    if len(days) < 3:
        raise ValueError(f"edges: {len(days)} given; the start of a period before, its end and the end of the next")
    cells = _paid(rows, days, churn, as_of) if churn.contractual else _seen(rows, days)
    periods = pl.DataFrame({"period": range(1, len(days)), "date": days[:-1]})
    everyone = cells.group_by("customer_id").agg(pl.col("period").min().alias("since"))
    grid = everyone.join(periods, how="cross").filter(pl.col("period") >= pl.col("since"))
    grid = grid.join(cells, on=["customer_id", "period"], how="left").sort("customer_id", "period")
    early = cells.filter(pl.col("period") == 0).select("customer_id", early_us="last_us")
    grid = grid.join(early, on="customer_id", how="left", maintain_order="left")
    earlier = pl.col("last_us").shift(1).forward_fill().over("customer_id")
    grid = grid.with_columns(
        before_us=earlier.fill_null(pl.col("early_us")),
        here_before=pl.col("first_us").shift(1).over("customer_id").is_not_null(),
        horizon_us=pl.lit(churn.ahead // dt.timedelta(microseconds=1)),
    )
    state = pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in STATES.items())
    made = grid.filter(pl.col("period") > 1).select("customer_id", "date", state=state).sort("date", "customer_id")
    return made.to_pandas() if nw.dependencies.is_pandas_dataframe(rows) else made


def lifecycle_flows(states: Any) -> pl.DataFrame:
    """Count who went from which state into which between two periods that follow one another.

    Parameters
    ----------
    states : frame
        As ``lifecycle`` gives it.

    Returns
    -------
    polars.DataFrame
        ``date`` (start of the later period), ``before`` (``not_yet`` of newcomers), ``after`` and ``customers``, above
        0. What comes into a state is its number in the period, and what goes out of it that of the period before.

    Examples
    --------
    >>> months = [dt.datetime(2026, month, 1) for month in (2, 3)]
    >>> states = pl.DataFrame({"customer_id": ["a", "a", "b"], "date": [*months, months[1]],
    ...     "state": ["new", "dormant", "new"]})
    >>> lifecycle_flows(states).select("before", "after", "customers").rows()
    [('new', 'dormant', 1), ('not_yet', 'new', 1)]
    """
    rows = collected(nw.from_native(states).lazy()).select("customer_id", "date", "state")
    days = rows["date"].unique().sort().to_list()
    follows = pl.DataFrame(
        {"date": days[:-1], "next": days[1:]}, schema=dict.fromkeys(("date", "next"), rows.schema["date"])
    )
    before = rows.join(follows, on="date").select("customer_id", date="next", before="state")
    moved = rows.filter(pl.col("date") > min(days, default=None)).join(before, on=["customer_id", "date"], how="left")
    known = moved.select("date", pl.col("before").fill_null(NOT_YET), after="state")
    return known.group_by(known.columns).len("customers").sort("date", "before", "after")


def _seen(rows: Any, days: list[dt.datetime]) -> pl.DataFrame:
    """First and last time of each customer in each period that they were seen in; period 0 is all that was before."""
    events = valid_interactions(rows)
    edges = [micros_at(events, "time", day) for day in days]
    passed = (nw.when(nw.col(US) >= edge).then(nw.lit(1)).otherwise(nw.lit(0)) for edge in edges)
    cells = events.filter(nw.col(US) < edges[-1]).with_columns(period=reduce(add, passed))
    times = [nw.col(US).min().alias("first_us"), nw.col(US).max().alias("last_us")]
    return collected(cells.group_by("customer_id", "period").agg(*times)).with_columns(pl.col("period").cast(pl.Int64))


def _paid(rows: Any, days: list[dt.datetime], churn: ChurnDefinition, as_of: dt.datetime | None) -> pl.DataFrame:
    """As ``_seen``, of customers whom a spell covers: from when and until when in each period."""
    periods = paid_periods(rows, churn.late, as_of)
    edges = [micros_at(periods, "starts_at", day) for day in days]
    spells = collected(periods.select("customer_id", "spell_starts_us", "spell_ends_us").unique())
    parts = []
    for number, (start, end) in enumerate(pairwise([None, *edges])):
        first = pl.col("spell_starts_us") if start is None else pl.max_horizontal("spell_starts_us", pl.lit(start))
        held = spells.with_columns(first_us=first, last_us=pl.min_horizontal("spell_ends_us", pl.lit(end)))
        held = held.filter(pl.col("first_us") < pl.col("last_us"))
        there = held.group_by("customer_id").agg(pl.col("first_us").min(), pl.col("last_us").max())
        parts.append(there.with_columns(period=pl.lit(number, pl.Int64)))
    return pl.concat(parts).select("customer_id", "period", "first_us", "last_us")
