"""Funnel: how many customers complete its steps, in order and in time."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.data.steps import funnel_steps
from engagekit.frames.engine import collected, to_narwhals
from engagekit.frames.times import HOUR_US, micros_at, with_micros
from engagekit.metrics.intervals import upper_tail, wilson_interval

__all__ = ["funnel"]

GROUP = ":group"


def funnel(
    interactions: Any,
    steps: Sequence[str],
    within: str,
    *,
    by: str = "",
    as_of: dt.datetime | None = None,
    confidence: float = 0.95,
) -> Any:
    """Customers who reached each step of an ordered funnel, as shares from 0 to 1 of those who entered it.

    A customer enters with their first interaction of the first step. A later step counts when it happened at or after
    the one before it and less than ``within`` after the entry; other actions between them do not matter. Customers
    who entered less than ``within`` before ``as_of`` may still go further, and are left out.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action``. An interaction without a customer or a time is left out.
    steps : sequence of str
        Two or more actions, each once, in their order.
    within : str
        Minutes, hours or days from the entry, its end exclusive: ``30m``, ``12h``, ``7d``. A day has 24 hours.
    by : str, optional
        Column to group customers by, with its value at their entry; of several at the same time the first in order.
    as_of : datetime, optional
        End of the data. Later interactions are not used. By default the time of the last interaction.
    confidence : float, default 0.95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``interactions`` is one, otherwise polars.DataFrame
        One row per step: ``step``, ``customers`` (who reached it), ``value`` (their share of those who entered),
        ``low`` and ``high`` (Wilson), ``step_value`` (their share of those at the step before; NaN for the first step
        and where nobody reached the one before), ``median_hours`` (from the entry to the step; NaN where nobody
        reached it) and ``left_out`` (customers who entered too late, the same in each row). All shares are NaN where
        nobody entered in time. With ``by``, these rows for each group, in order, after a column with the group as text;
        it is missing where the entry has none.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        An argument is not as above, or one of ``as_of`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> interactions = pl.DataFrame({"customer_id": ["a", "a", "b", "c"],
    ...     "action": ["view", "purchase", "view", "login"],
    ...     "time": [datetime(2026, 1, day) for day in (1, 3, 2, 20)]})
    >>> funnel(interactions, ["view", "purchase"], "7d").select("step", "customers", "value", "median_hours").rows()
    [('view', 2, 1.0, 0.0), ('purchase', 1, 0.5, 48.0)]
    """
    steps, within_us = funnel_steps(steps, within)
    upper_tail(confidence)
    rows = to_narwhals(interactions, ["customer_id", "time", "action", *([by] if by else [])])
    rows = rows.filter(~nw.col("customer_id").is_null() & ~nw.col("time").is_null())
    rows = with_micros(rows, "time", "us")
    end_us = None if as_of is None else micros_at(rows, "time", as_of)
    if end_us is not None:
        rows = rows.filter(nw.col("us") < end_us)
    found = _reached(rows, steps, within_us)
    reached = collected(found.join(_groups(rows, steps[0], by), on="customer_id", how="left") if by else found)
    until: Any = reached["last"].max() if end_us is None else end_us
    shares = _shares(reached, steps, within_us, until, confidence)
    if by:
        groups = reached.filter(pl.col("0").is_not_null())[GROUP].unique().sort(nulls_last=True)
        parts = (reached.filter(pl.col(GROUP).eq_missing(pl.lit(group, pl.String))) for group in groups)
        made = [_shares(part, steps, within_us, until, confidence) for part in parts]
        named = zip([None, *groups], [shares.head(0), *made], strict=True)
        shares = pl.concat(part.select(pl.lit(group, pl.String).alias(by), pl.all()) for group, part in named)
    return shares.to_pandas() if nw.dependencies.is_pandas_dataframe(interactions) else shares


def _groups(rows: nw.LazyFrame[Any], step: str, by: str) -> nw.LazyFrame[Any]:
    """Value of a column at each customer's first interaction of a step."""
    taken = rows.filter(nw.col("action") == step).select("customer_id", "us", nw.col(by).cast(nw.String).alias(GROUP))
    first = taken.group_by("customer_id").agg(nw.col("us").min())
    return taken.join(first, on=["customer_id", "us"]).group_by("customer_id").agg(nw.col(GROUP).min())


def _reached(rows: nw.LazyFrame[Any], steps: list[str], within_us: int) -> nw.LazyFrame[Any]:
    """Microseconds at which each customer reached each step, in columns ``0, 1, ...``, and did anything ``last``."""
    entry = nw.when(nw.col("action") == steps[0]).then(nw.col("us"))
    first = rows.with_columns(entry=entry).group_by("customer_id")
    reached = first.agg(nw.col("us").max().alias("last"), nw.col("entry").min().alias("0"))
    for number, step in enumerate(steps[1:], start=1):
        before = [str(earlier) for earlier in range(number)]
        taken = rows.filter(nw.col("action") == step).select("customer_id", "us")
        in_time = (nw.col("us") >= nw.col(before[-1])) & (nw.col("us") - nw.col("0") < within_us)
        reached = (
            reached.join(taken, on="customer_id", how="left")
            .with_columns(us=nw.when(in_time).then(nw.col("us")))
            .group_by("customer_id")
            .agg(nw.col("last", *before).min(), nw.col("us").min().alias(str(number)))
        )
    return reached


def _shares(reached: pl.DataFrame, steps: list[str], within_us: int, end_us: Any, confidence: float) -> pl.DataFrame:
    """Shares, intervals and times of the customers whose ``within`` is over."""
    entered = reached.filter(pl.col("0").is_not_null())
    over = reached.filter(pl.col("0") + within_us <= pl.lit(end_us, pl.Int64))
    hours = [(over[str(number)] - over["0"]).median() for number in range(len(steps))]
    customers = [over[str(number)].count() for number in range(len(steps))]
    low, high = wilson_interval(customers, customers[0], confidence)
    steps_reached = pl.DataFrame({"step": steps, "customers": customers, "low": low, "high": high})
    return steps_reached.select(
        "step",
        "customers",
        (pl.col("customers") / pl.col("customers").first()).alias("value"),
        "low",
        "high",
        (pl.col("customers") / pl.col("customers").shift()).fill_null(math.nan).alias("step_value"),
        pl.Series("median_hours", hours, pl.Float64).fill_null(math.nan) / HOUR_US,
        pl.lit(entered.height - over.height).cast(pl.Int64).alias("left_out"),
    )
