"""What a customer did before a date."""

import datetime as dt
from typing import Any

import narwhals as nw

from engagekit.data.engine import enter, leave
from engagekit.data.orders import PURCHASES

__all__ = ["ACTIVE", "FEATURES", "customer_features"]

ACTIVE = ("purchase", "review", "comment", "share")
FEATURES = (
    "recency_days",
    "interactions",
    "active_days",
    "orders",
    "value",
    "duration_s",
    "active_share",
    "sentiment_mean",
)
OPTIONAL = {
    "value": nw.Float64(),
    "order_id": nw.String(),
    "duration_s": nw.Float64(),
    "sentiment": nw.Float64(),
}
DAY_S = 86_400


def customer_features(interactions: Any, as_of: dt.datetime, window: str = "84d") -> Any:
    """What each customer did in the window before a date.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time, action`` and, where given, ``value, order_id, duration_s, sentiment``.
    as_of : datetime
        Nothing from then on is seen.
    window : str, default "84d"
        Days before it.

    Returns
    -------
    frame of the caller's kind
        One row for each customer who was active in the window: ``customer_id``, ``recency_days`` (since the last
        interaction), ``interactions``, ``active_days`` (days with one), ``orders``, ``value`` (money, net of refunds),
        ``duration_s`` (sum), ``active_share`` (purchases, reviews, comments and shares among all, 0 to 1) and
        ``sentiment_mean`` (-1 to 1). What the business does not record is null.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> seen = pl.DataFrame({"customer_id": ["a", "a"], "action": ["view", "purchase"], "value": [None, 9.0],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 6)]})
    >>> customer_features(seen, datetime(2026, 1, 8)).select("recency_days", "interactions", "value").rows()
    [(2.0, 2, 9.0)]
    """
    names = nw.from_native(interactions).collect_schema().names()
    absent = {name: dtype for name, dtype in OPTIONAL.items() if name not in names}
    rows = enter(interactions, ["customer_id", "time", "action", *(OPTIONAL.keys() - absent.keys())])
    rows = rows.with_columns(nw.lit(None, dtype).alias(name) for name, dtype in absent.items()) if absent else rows
    start = as_of - dt.timedelta(days=int(window.removesuffix("d")))
    seen = rows.filter((nw.col("time") >= nw.lit(start)) & (nw.col("time") < nw.lit(as_of)))
    order = nw.coalesce(nw.col("order_id"), nw.col("time").cast(nw.String))
    features = (
        seen.with_columns(
            order=nw.when(nw.col("action") == "purchase").then(order),
            money=nw.when(nw.col("action").is_in(PURCHASES)).then(nw.col("value")),
            day=nw.col("time").dt.truncate("1d"),
            active=nw.col("action").is_in(ACTIVE).cast(nw.Float64),
        )
        .group_by("customer_id")
        .agg(
            nw.col("time").max().alias("last"),
            nw.len().alias("interactions"),
            nw.col("day").n_unique().alias("active_days"),
            nw.col("order").n_unique().alias("orders"),
            (nw.col("order").count() < nw.len()).cast(nw.Int64).alias("blank"),
            nw.col("money").sum().alias("value"),
            nw.col("duration_s").sum(),
            nw.col("active").mean().alias("active_share"),
            nw.col("sentiment").mean().alias("sentiment_mean"),
        )
        .with_columns(
            recency_days=(nw.lit(as_of) - nw.col("last")).dt.total_seconds() / DAY_S,
            orders=nw.col("orders") - nw.col("blank"),
        )
    )
    unknown = [name for name in ("value", "duration_s") if name in absent]
    if unknown:
        features = features.with_columns(nw.lit(None, nw.Float64).alias(name) for name in unknown)
    return leave(features.select("customer_id", *FEATURES), interactions)
