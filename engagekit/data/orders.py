"""Interactions -> orders, and orders -> buyers."""

import datetime as dt
from typing import Any

import narwhals as nw

from engagekit.data.engine import enter, leave

__all__ = ["buyers", "orders"]

PURCHASES = ("purchase", "refund")


def orders(interactions: Any) -> Any:
    """One row an order, with refunds taken off.

    An order is an ``order_id``, or the purchases of a customer at one instant where there is none. A refund under its
    order's id lowers that order; one without is an order of its own, with a negative value and no purchase.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action, value`` and, where there is one, ``order_id``.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, order_id, time`` (its first line), ``value`` (net, in the business's currency) and ``lines``
        (purchases in it).

    Examples
    --------
    >>> import polars as pl
    >>> lines = pl.DataFrame({
    ...     "customer_id": ["a", "a", "b"], "time": [1, 1, 2], "action": ["purchase"] * 3,
    ...     "value": [10.0, 5.0, 7.0], "order_id": ["1", "1", "2"]})
    >>> orders(lines).sort("order_id").rows()
    [('a', '1', 1, 15.0, 2), ('b', '2', 2, 7.0, 1)]
    """
    columns = ["customer_id", "time", "action", "value"]
    given = "order_id" in nw.from_native(interactions).collect_schema().names()
    rows = enter(interactions, [*columns, "order_id"] if given else columns)
    if not given:
        rows = rows.with_columns(nw.lit(None, nw.String).alias("order_id"))
    keys = ["customer_id", "order_id", "instant"]
    lines = rows.filter(nw.col("action").is_in(PURCHASES)).with_columns(
        nw.when(nw.col("order_id").is_null()).then(nw.col("time")).alias("instant"),
        (nw.col("action") == "purchase").cast(nw.Int64).alias("lines"),
    )
    grouped = lines.group_by(keys).agg(nw.col("time").min(), nw.col("value").sum(), nw.col("lines").sum())
    return leave(grouped.select("customer_id", "order_id", "time", "value", "lines"), interactions)


def buyers(orders: Any, as_of: dt.datetime, window: str = "90d") -> Any:
    """One row a buyer: when they first bought, and whether they came back within the window.

    Parameters
    ----------
    orders : frame
        As ``orders`` gives them.
    as_of : datetime
        Orders from then on are not seen.
    window : str, default "90d"
        Days from the first order in which a second one counts.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, first_at, repeated, window_over``: whether a second order came in the window, and whether the
        window has been lived through.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> bought = pl.DataFrame({"customer_id": ["a", "a"], "order_id": ["1", "2"], "lines": [1, 1],
    ...     "time": [datetime(2026, 1, 1), datetime(2026, 2, 1)]})
    >>> buyers(bought, datetime(2026, 6, 1)).select("repeated", "window_over").rows()
    [(True, True)]
    """
    length = dt.timedelta(days=int(window.removesuffix("d")))
    rows = enter(orders, ["customer_id", "time", "lines"])
    bought = rows.filter((nw.col("lines") > 0) & (nw.col("time") < nw.lit(as_of))).select("customer_id", "time")
    first = bought.group_by("customer_id").agg(nw.col("time").min().alias("first_at"))
    later = bought.join(first, on="customer_id").filter(nw.col("time") > nw.col("first_at"))
    second = later.group_by("customer_id").agg(nw.col("time").min().alias("second_at"))
    joined = first.join(second, on="customer_id", how="left")
    found = joined.select(
        "customer_id",
        "first_at",
        repeated=~nw.col("second_at").is_null() & (nw.col("second_at") - nw.col("first_at") <= nw.lit(length)),
        window_over=nw.col("first_at") <= nw.lit(as_of - length),
    )
    return leave(found, orders)
