"""Who was at risk of leaving on a date, who left, and who came."""

import datetime as dt

import polars as pl

__all__ = ["base_at_risk", "contracts_at_risk"]


def base_at_risk(interactions: pl.DataFrame | pl.LazyFrame, date: dt.datetime, horizon: str = "84d") -> pl.DataFrame:
    """Customers without a contract: who was active before a date, and who was after it.

    At risk is who had an interaction in the ``horizon`` before the date; churned is who of them had none in the
    ``horizon`` after it. A rate of those at risk takes the rows where ``at_risk`` holds.

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
        One row for each customer seen before the end of the horizon: ``customer_id`` and

        - ``at_risk, churned``: active before the date, and of those, silent after it;
        - ``lapsed, reactivated``: seen before the date but not at risk on it, and of those, back in the horizon;
        - ``acquired``: seen first in the horizon. Who was a customer before the data begin seems to be acquired.

    Examples
    --------
    >>> from datetime import datetime
    >>> seen = pl.DataFrame({"customer_id": ["a", "a", "b", "c"], "time": [datetime(2026, 1, 5), datetime(2026, 2, 5),
    ...     datetime(2026, 1, 6), datetime(2026, 2, 7)]})
    >>> base_at_risk(seen, datetime(2026, 2, 1), "28d").drop("lapsed", "reactivated").sort("customer_id").rows()
    [('a', True, False, False), ('b', True, True, False), ('c', False, False, True)]
    """
    length = dt.timedelta(days=int(horizon.removesuffix("d")))
    time = pl.col("time")
    return (
        interactions.lazy()
        .filter(time < date + length)
        .group_by("customer_id")
        .agg(
            at_risk=time.is_between(date - length, date, closed="left").any(),
            known=(time < date).any(),
            stayed=(time >= date).any(),
            back=(time >= date).any(),
        )
        .select(*_standing())
        .collect()
    )


def contracts_at_risk(
    subscriptions: pl.DataFrame | pl.LazyFrame, date: dt.datetime, horizon: str = "84d"
) -> pl.DataFrame:
    """Customers with a contract: who was subscribed on a date, and who is at the end of the horizon.

    At risk is of whom a paid period runs on the date; churned is of whom of them none runs at the end of the
    ``horizon``. A rate of those at risk takes the rows where ``at_risk`` holds.

    Parameters
    ----------
    subscriptions : polars.DataFrame or LazyFrame
        ``customer_id, starts_at, ends_at`` and, where given, ``monthly_value``; the end is exclusive, and a period that
        ends as it starts is none.
    date : datetime
        The date.
    horizon : str, default "84d"
        Days ahead.

    Returns
    -------
    polars.DataFrame
        One row for each customer who subscribed by the end of the horizon: ``customer_id`` and

        - ``at_risk, churned``: subscribed on the date, and of those, not at the end of the horizon;
        - ``lapsed, reactivated``: subscribed before the date but not on it, and of those, again in the horizon;
        - ``acquired``: subscribed first in the horizon;
        - ``opening_value, closing_value``, where a monthly value is given: that of the periods that run on the date and
          at the end of the horizon; 0 where none does.

    Examples
    --------
    >>> from datetime import datetime
    >>> paid = pl.DataFrame({"customer_id": ["a", "b"], "starts_at": [datetime(2026, 1, 1)] * 2,
    ...     "ends_at": [datetime(2026, 6, 1), datetime(2026, 2, 10)], "monthly_value": [9.0, 5.0]})
    >>> columns = ["customer_id", "at_risk", "churned", "opening_value", "closing_value"]
    >>> contracts_at_risk(paid, datetime(2026, 2, 1), "28d").select(columns).sort("customer_id").rows()
    [('a', True, False, 9.0, 9.0), ('b', True, True, 5.0, 0.0)]
    """
    end = date + dt.timedelta(days=int(horizon.removesuffix("d")))
    starts = pl.col("starts_at")
    on_date, at_end = ((starts <= day) & (pl.col("ends_at") > day) for day in (date, end))
    periods = subscriptions.lazy()
    worth = {}
    if "monthly_value" in periods.collect_schema():
        worth = {"opening_value": on_date, "closing_value": at_end}
    return (
        periods.filter(starts <= end, starts < pl.col("ends_at"))
        .group_by("customer_id")
        .agg(
            at_risk=on_date.any(),
            known=(starts <= date).any(),
            stayed=at_end.any(),
            back=(starts > date).any(),
            **{name: pl.col("monthly_value").filter(running).sum() for name, running in worth.items()},
        )
        .select(*_standing(), *worth)
        .collect()
    )


def _standing() -> list[pl.Expr]:
    """Where a customer stands, of whether they were at risk, known before the date, stayed or came after it."""
    at_risk, known = pl.col("at_risk"), pl.col("known")
    return [
        pl.col("customer_id"),
        at_risk,
        (at_risk & ~pl.col("stayed")).alias("churned"),
        (known & ~at_risk).alias("lapsed"),
        (known & ~at_risk & pl.col("back")).alias("reactivated"),
        (~known).alias("acquired"),
    ]
