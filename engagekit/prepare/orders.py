"""Orders from interactions, and buyers from orders."""

import datetime as dt
from typing import Any

import narwhals as nw

from engagekit.frames.engine import to_narwhals, to_native
from engagekit.frames.times import micros_at, span_us, with_micros
from engagekit.prepare.interactions import check_unique

__all__ = ["PURCHASES", "buyers", "orders"]

PURCHASES = ("purchase", "refund")
PRODUCTS = ("first_product", "last_product")

_ENDS = {
    "first_product": nw.col("first_product").min(),
    "last_product": nw.col("last_product").max(),
    "channel": nw.col("channel").min(),
    "bought_through": nw.col("bought_through").min(),
}


def orders(interactions: Any) -> Any:
    """One row per order, net of refunds, and one per refund that belongs to no order.

    An order is a customer's ``order_id``, or their purchases at one instant where there is none. A refund under its
    order's id lowers the value of that order. A refund without an order is a row of its own, with a negative ``value``
    and no ``lines``; it lowers the revenue and is no order.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action, value`` and, where given, ``order_id, product, channel, event_id``; an ``event_id``
        must not repeat. A line without a customer is left out. A refund's value is subtracted, whichever sign it has.
        Purchases of an order that add up to less than zero are a refund.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, order_id, time`` (its first line), ``value`` (net, in the business's currency; null where no
        line has one), ``lines`` (its purchases), ``gross`` (money of its purchases) and ``refunded`` (money paid
        back, from 0 up). Each of these two is 0 where the order has no such line, and null where it has some and none
        of them has a value. Where interactions have a ``product``, also ``first_product`` and ``last_product``:
        alphabetically, of the products bought, so that two different ones mean several products. Where they have a
        ``channel``, also the order's: alphabetically the first of its purchases or, without one, of its refunds.

    Examples
    --------
    >>> import polars as pl
    >>> lines = pl.DataFrame({
    ...     "customer_id": ["a", "a", "b"], "time": [1, 1, 2], "action": ["purchase"] * 3,
    ...     "value": [10.0, 5.0, 7.0], "order_id": ["1", "1", "2"]})
    >>> orders(lines).sort("order_id").select("customer_id", "order_id", "time", "value", "lines").rows()
    [('a', '1', 1, 15.0, 2), ('b', '2', 2, 7.0, 1)]
    """
    optional = ["order_id", "product", "channel", "event_id"]
    rows = to_narwhals(interactions, ["customer_id", "time", "action", "value"], optional)
    check_unique(rows)
    known = rows.collect_schema().names()
    products = [name for name in PRODUCTS if "product" in known]
    through = ["channel", "bought_through"] if "channel" in known else []
    grouped = (
        _order_lines(rows, products)
        .group_by("customer_id", "order_id", "instant", "sort")
        .agg(
            nw.col("time").min(),
            nw.col("value").sum(),
            nw.col("value").count().alias("valued"),
            nw.col("lines").sum().cast(nw.Int64),
            nw.len().cast(nw.Int64).alias("all_lines"),
            nw.col("gross", "refunded").sum().cast(nw.Float64),
            nw.col("gross").count().alias("paid"),
            nw.col("refunded").count().alias("returned"),
            *(_ENDS[name] for name in (*products, *through)),
        )
    )
    net = grouped.select(
        "customer_id",
        "order_id",
        "time",
        nw.when(nw.col("valued") > 0).then(nw.col("value")).alias("value"),
        "lines",
        _money("gross", "paid", nw.col("lines")),
        _money("refunded", "returned", nw.col("all_lines") - nw.col("lines")),
        *products,
        *([nw.coalesce("bought_through", "channel").alias("channel")] if through else []),
    )
    return to_native(_with_returns_as_refunds(net), interactions)


def _order_lines(rows: nw.LazyFrame[Any], products: list[str]) -> nw.LazyFrame[Any]:
    """Purchases and refunds of known customers, with what identifies their order and each part of its money."""
    if "order_id" not in rows.collect_schema().names():
        rows = rows.with_columns(nw.lit(None, nw.String).alias("order_id"))
    alone, value = nw.when(nw.col("order_id").is_null()), nw.col("value")
    signed = nw.when((nw.col("action") == "refund") & (value > 0)).then(0 - value).otherwise(value)
    rows = rows.filter(nw.col("action").is_in(PURCHASES), ~nw.col("customer_id").is_null()).with_columns(value=signed)
    bought, returned = (nw.when(nw.col("action") == action) for action in PURCHASES)
    if "channel" in rows.collect_schema().names():
        rows = rows.with_columns(nw.col("channel").cast(nw.String))
        rows = rows.with_columns(bought.then(nw.col("channel")).alias("bought_through"))
    return rows.with_columns(
        alone.then(nw.col("time")).alias("instant"),
        alone.then(nw.col("action")).alias("sort"),
        bought.then(nw.lit(1)).otherwise(nw.lit(0)).alias("lines"),
        bought.then(value).alias("gross"),
        returned.then(0 - value).alias("refunded"),
        *(bought.then(nw.col("product")).alias(name) for name in products),
    )


def _with_returns_as_refunds(orders: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Orders in which purchases that add up to less than zero, such as returns, are a refund and no order."""
    gross, refunded = nw.col("gross"), nw.col("refunded")
    is_return = nw.when(gross < 0)
    return orders.with_columns(
        is_return.then(nw.lit(0)).otherwise(nw.col("lines")).cast(nw.Int64).alias("lines"),
        is_return.then(nw.lit(0.0)).otherwise(gross).alias("gross"),
        is_return.then(refunded - gross).otherwise(refunded).alias("refunded"),
    )


def buyers(orders: Any, as_of: dt.datetime, window: str = "90d") -> Any:
    """One row per buyer: when they first bought, and whether they bought again within the window.

    Parameters
    ----------
    orders : frame
        As ``orders`` returns them. An order without a customer is left out.
    as_of : datetime
        End of the data. Later orders are not used.
    window : str, default "90d"
        Days from the first order, their end exclusive, in which a later order counts.

    Returns
    -------
    frame of the caller's kind
        ``customer_id, first_at, repeated, window_over``: whether a later order came in the window, and whether the
        window is over; and where the orders have products ``several_products``: whether two or more were bought in the
        window, the first order's included; null where no product is known.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> bought = pl.DataFrame({"customer_id": ["a", "a"], "order_id": ["1", "2"], "lines": [1, 1],
    ...     "time": [datetime(2026, 1, 1), datetime(2026, 2, 1)]})
    >>> buyers(bought, datetime(2026, 6, 1)).select("repeated", "window_over").rows()
    [(True, True)]
    """
    window_us = span_us("window", window, "d")
    rows = with_micros(to_narwhals(orders, ["customer_id", "time", "lines"], PRODUCTS), "time", "us")
    end_us = micros_at(rows, "time", as_of)
    known = ~nw.col("customer_id").is_null()
    bought = rows.filter(nw.col("lines") > 0, nw.col("us") < end_us, known)
    bought = bought.with_columns(first_us=nw.col("us").min().over("customer_id"))
    in_window = nw.when(nw.col("us") - nw.col("first_us") < window_us)
    products = [name for name in PRODUCTS if name in rows.collect_schema().names()]
    first_orders = (
        bought.with_columns(last_us=in_window.then(nw.col("us")), **{p: in_window.then(nw.col(p)) for p in products})
        .group_by("customer_id")
        .agg(
            nw.col("time").min().alias("first_at"),
            nw.col("first_us").min(),
            nw.col("last_us").max(),
            *(_ENDS[name] for name in products),
        )
    )
    flags = {
        "repeated": nw.col("last_us") > nw.col("first_us"),
        "window_over": nw.col("first_us") <= end_us - window_us,
    }
    if len(products) == len(PRODUCTS):
        flags["several_products"] = nw.col("first_product") != nw.col("last_product")
    return to_native(first_orders.select("customer_id", "first_at", **flags), orders)


def _money(name: str, valued: str, lines: nw.Expr) -> nw.Expr:
    """Sum of some lines of an order: 0 without lines, null where no line has a value."""
    known = nw.when(nw.col(valued) > 0).then(nw.col(name))
    return known.otherwise(nw.when(lines == 0).then(nw.lit(0.0))).alias(name)
