"""Newcomers: customers by their arrival, and whether they came to a key action in time."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.frames.engine import collected, column_names, to_narwhals, with_one_key_type
from engagekit.frames.times import days_later, days_long

__all__ = ["newcomers"]


def newcomers(
    interactions: Any, as_of: dt.datetime, key_actions: Sequence[str], customers: Any = None, within: str = "7d"
) -> pl.DataFrame:
    """Customers whose first days are over, and whether they had done a key action by their end.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action``.
    as_of : datetime
        End of the data: customers who arrived less than ``within`` before it are left out.
    key_actions : sequence of str
        Actions of which one is enough.
    customers : frame, optional
        ``customer_id`` and, if known, ``joined_at``, when the customer arrived; else it is the first interaction.
        Customers who joined before the day of the first interaction are left out: what they did then is not recorded.
        Without it customers from before the data begin seem new.
    within : str, default "7d"
        Days of 24 hours from the arrival, their end exclusive; a key action earlier on the day of arrival counts too.

    Returns
    -------
    polars.DataFrame
        ``customer_id, arrived_at, onboarded``, a row a customer.

    Examples
    --------
    >>> done = pl.DataFrame({"customer_id": ["a", "a", "b"], "action": ["view", "purchase", "view"],
    ...     "time": [dt.datetime(2026, 1, day) for day in (1, 3, 2)]})
    >>> newcomers(done, dt.datetime(2026, 2, 1), ["purchase"]).select("customer_id", "onboarded").rows()
    [('a', True), ('b', False)]
    """
    rows = to_narwhals(interactions, ["customer_id", "time", "action"])
    rows = rows.filter(~nw.col("customer_id").is_null() & ~nw.col("time").is_null())
    arrived = collected(rows.group_by("customer_id").agg(nw.col("time").min()))
    if customers is not None and "joined_at" in column_names(customers):
        begin = arrived["time"].dt.truncate("1d").min()
        joined = collected(to_narwhals(customers, ["customer_id", "joined_at"])).drop_nulls()
        arrivals, known = (nw.from_native(frame).lazy() for frame in (arrived, joined))
        arrivals, known = with_one_key_type(arrivals, known, "customer_id")
        arrived = collected(arrivals).join(collected(known), on="customer_id", how="full", coalesce=True)
        arrived = arrived.with_columns(time=pl.coalesce("joined_at", "time")).filter(pl.col("time") >= pl.lit(begin))
    days = days_long("within", within)
    arrived = arrived.filter(pl.col("time") <= days_later(as_of, -days)).select("customer_id", arrived_at="time")
    keys = rows.filter(nw.col("action").is_in(list(key_actions))).select("customer_id", "time")
    done, known = with_one_key_type(keys, nw.from_native(arrived).lazy(), "customer_id")
    key = collected(done).join(collected(known), on="customer_id")
    since = pl.col("arrived_at").dt.truncate("1d")  # an order may be what makes a customer, some seconds before
    onboarded = key.filter(pl.col("time") >= since, pl.col("time") < pl.col("arrived_at") + days)["customer_id"]
    there = pl.col("customer_id").is_in(onboarded.unique().implode())
    return collected(known).with_columns(onboarded=there).sort("customer_id")
