"""Who was at risk of leaving on a date, and who left."""

import datetime as dt

import polars as pl

__all__ = ["base_at_risk", "contracts_at_risk"]


def base_at_risk(interactions: pl.DataFrame | pl.LazyFrame, date: dt.datetime, horizon: str = "84d") -> pl.DataFrame:
    """Customers without a contract who were active before a date, and whether they came back after it.

    At risk is who had an interaction in the ``horizon`` before the date; churned is who of them had none in the
    ``horizon`` after it.

    Parameters
    ----------
    interactions : polars.DataFrame or LazyFrame
        ``customer_id, time``. The horizon after the date must have been lived through.
    date : datetime
        The date, exclusive for what came before.
    horizon : str, default "84d"
        Days that look back, and days that look ahead.

    Returns
    -------
    polars.DataFrame
        ``customer_id, at_risk, churned``; one row for each customer at risk.

    Examples
    --------
    >>> from datetime import datetime
    >>> seen = pl.DataFrame({"customer_id": ["a", "a", "b"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 2, 5), datetime(2026, 1, 6)]})
    >>> base_at_risk(seen, datetime(2026, 2, 1), "28d").sort("customer_id").rows()
    [('a', True, False), ('b', True, True)]
    """
    length = dt.timedelta(days=int(horizon.removesuffix("d")))
    window = pl.col("time").is_between(date - length, date + length, closed="left")
    return (
        interactions.lazy()
        .filter(window)
        .group_by("customer_id")
        .agg(at_risk=(pl.col("time") < date).any(), churned=~(pl.col("time") >= date).any())
        .filter("at_risk")
        .collect()
    )


def contracts_at_risk(
    subscriptions: pl.DataFrame | pl.LazyFrame, date: dt.datetime, horizon: str = "84d"
) -> pl.DataFrame:
    """Customers who were subscribed on a date, and whether no paid period runs at the end of the horizon.

    Parameters
    ----------
    subscriptions : polars.DataFrame or LazyFrame
        ``customer_id, starts_at, ends_at``; the end is exclusive.
    date : datetime
        The date.
    horizon : str, default "84d"
        Days ahead.

    Returns
    -------
    polars.DataFrame
        ``customer_id, at_risk, churned``; one row for each customer at risk.

    Examples
    --------
    >>> from datetime import datetime
    >>> paid = pl.DataFrame({"customer_id": ["a", "b"], "starts_at": [datetime(2026, 1, 1)] * 2,
    ...     "ends_at": [datetime(2026, 6, 1), datetime(2026, 2, 10)]})
    >>> contracts_at_risk(paid, datetime(2026, 2, 1), "28d").sort("customer_id").rows()
    [('a', True, False), ('b', True, True)]
    """
    end = date + dt.timedelta(days=int(horizon.removesuffix("d")))
    runs_on = [(pl.col("starts_at") <= day) & (pl.col("ends_at") > day) for day in (date, end)]
    return (
        subscriptions.lazy()
        .group_by("customer_id")
        .agg(at_risk=runs_on[0].any(), churned=~runs_on[1].any())
        .filter("at_risk")
        .collect()
    )
