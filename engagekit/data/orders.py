"""Interactions -> orders, and orders -> buyers."""

import datetime as dt
import re
from typing import Any

import narwhals as nw

from engagekit.data.engine import enter, instant, leave

__all__ = ["PURCHASES", "buyers", "orders"]

PURCHASES = ("purchase", "refund")


def orders(interactions: Any) -> Any:
    """One row an order, with refunds taken off.

    An order is a customer's ``order_id``, or their purchases at one instant where there is none. A refund under its
    order's id lowers that order; one without is an order of its own, with a negative value and no purchase.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action, value`` and, where there is one, ``order_id``.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, order_id, time`` (its first line), ``value`` (net, in the business's currency; null where no
        line has one) and ``lines`` (purchases in it).

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
    alone = nw.when(nw.col("order_id").is_null())
    lines = rows.filter(nw.col("action").is_in(PURCHASES)).with_columns(
        alone.then(nw.col("time")).alias("instant"),
        alone.then(nw.col("action")).alias("sort"),
        (nw.col("action") == "purchase").cast(nw.Int64).alias("lines"),
    )
    grouped = lines.group_by("customer_id", "order_id", "instant", "sort").agg(
        nw.col("time").min(),
        nw.col("value").sum(),
        nw.col("value").count().alias("valued"),
        nw.col("lines").sum().cast(nw.Int64),
    )
    value = nw.when(nw.col("valued") > 0).then(nw.col("value")).alias("value")
    return leave(grouped.select("customer_id", "order_id", "time", value, "lines"), interactions)


def buyers(orders: Any, as_of: dt.datetime, window: str = "90d") -> Any:
    """One row a buyer: when they first bought, and whether they came back within the window.

    Parameters
    ----------
    orders : frame
        As ``orders`` gives them.
    as_of : datetime
        Orders from then on are not seen.
    window : str, default "90d"
        Days from the first order, its end exclusive, in which a later one counts.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, first_at, repeated, window_over``: whether a later order came in the window, and whether the
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
    if not re.fullmatch(r"[1-9]\d*d", window):
        raise ValueError(f"window: {window!r} is not a number of days such as 90d")
    length = dt.timedelta(days=int(window.removesuffix("d")))
    rows = enter(orders, ["customer_id", "time", "lines"])
    seen = nw.col("time") < instant(rows, "time", as_of)
    bought = rows.filter((nw.col("lines") > 0) & seen).select("customer_id", "time")
    first = bought.group_by("customer_id").agg(nw.col("time").min().alias("first_at"))
    later = bought.join(first, on="customer_id").filter(nw.col("time") > nw.col("first_at"))
    second = later.group_by("customer_id").agg(nw.col("time").min().alias("second_at"))
    joined = first.join(second, on="customer_id", how="left")
    found = joined.select(
        "customer_id",
        "first_at",
        repeated=~nw.col("second_at").is_null() & (nw.col("second_at") - nw.col("first_at") < nw.lit(length)),
        window_over=nw.col("first_at") <= instant(rows, "time", as_of - length),
    )
    return leave(found, orders)
