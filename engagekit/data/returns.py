"""Purchases of negative value: what came back on a later day, or under a credit note, is a refund of its order."""

import polars as pl

from engagekit.data.text_files import ROW

__all__ = ["with_returns"]

NOTE = r"^[A-Za-z]+[-/ ]?(.+)$"  # a credit note is called as its order, with letters before it: C1001, CN-1001
NEEDED = {"customer_id", "time", "action", "value", "order_id"}


def with_returns(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Interactions in which what came back is a refund, and those lines as they were.

    A purchase of negative value on the day of its order is a part of it, such as a discount. On a later day, or without
    such an order, it is a refund: of the order that the letters of a credit note stand before, if the customer has it.

    Parameters
    ----------
    rows : polars.DataFrame
        ``ROW`` and the columns of interactions.

    Examples
    --------
    >>> from datetime import datetime
    >>> lines = pl.DataFrame({ROW: [2, 3], "customer_id": "a", "action": "purchase", "value": [80.0, -80.0],
    ...     "time": [datetime(2026, 1, 6), datetime(2026, 2, 10)], "order_id": ["2", "C2"]})
    >>> with_returns(lines)[0].select("action", "order_id").rows()
    [('purchase', '2'), ('refund', '2')]
    """
    if not rows.columns or not set(rows.columns) >= NEEDED:
        return rows, rows.clear()
    bought = rows.filter(pl.col("action") == "purchase", pl.col("order_id").is_not_null())
    negative = bought.filter(pl.col("value") < 0)
    if negative.is_empty():
        return rows, negative
    of_order = ["customer_id", "order_id"]
    orders = bought.filter(pl.col("value") > 0).group_by(of_order).agg(day=pl.col("time").min().dt.date())
    notes = negative.with_columns(own=pl.col("order_id"), order_id=pl.col("order_id").str.extract(NOTE))
    paid_back = negative.join(orders, on=of_order, how="left").filter(
        pl.col("day").is_null() | (pl.col("day") != pl.col("time").dt.date())
    )
    noted = notes.join(orders, on=of_order).select(ROW, ordered="order_id")
    refunds = paid_back.select(ROW, refund=pl.lit(value=True)).join(noted, on=ROW, how="left")
    changed = rows.join(refunds, on=ROW, how="left", maintain_order="left").with_columns(
        action=pl.when(pl.col("refund")).then(pl.lit("refund")).otherwise("action"),
        order_id=pl.coalesce("ordered", "order_id"),
    )
    return changed.select(rows.columns), negative.filter(pl.col(ROW).is_in(refunds[ROW].implode()))
