"""Who came back, by month of arrival."""

import datetime as dt

import polars as pl

from engagekit.metrics.intervals import wilson_interval

__all__ = ["retention_by_cohort"]


def retention_by_cohort(
    interactions: pl.DataFrame | pl.LazyFrame,
    as_of: dt.datetime,
    every: str = "1mo",
    *,
    arrivals: pl.DataFrame | pl.LazyFrame | None = None,
) -> pl.DataFrame:
    """Share of each cohort that was active in each calendar month after its first one.

    Parameters
    ----------
    interactions : polars.DataFrame or LazyFrame
        ``customer_id, time``, with the calendar of the column's time zone.
    as_of : datetime
        Interactions from then on are not seen.
    every : str, default "1mo"
        Length of a calendar period: ``1mo`` or ``1w``.
    arrivals : polars.DataFrame or LazyFrame, optional
        ``customer_id, joined_at`` of every customer. Without it a customer arrives with the first interaction, so
        that the first cohort holds all who had come before the data begin.

    Returns
    -------
    polars.DataFrame
        One row for each cohort and age: ``cohort`` (first day), ``age`` (periods since), ``customers`` (size of the
        cohort), ``active``, ``value`` (a fraction), ``low`` and ``high`` (Wilson). ``active`` is null and the others
        NaN where the period has not been lived through to its end. Cohorts from before the data begin are left out
        where ``arrivals`` tells them.

    Examples
    --------
    >>> from datetime import datetime
    >>> seen = pl.DataFrame({"customer_id": ["a", "b", "a"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 6), datetime(2026, 2, 3)]})
    >>> retention_by_cohort(seen, datetime(2026, 3, 1))["value"].to_list()
    [1.0, 0.5]
    """

    def period(column: str) -> pl.Expr:
        return pl.col(column).dt.replace_time_zone(None).dt.truncate(every)

    seen = interactions.lazy().filter(pl.col("time") < as_of).select("customer_id", period=period("time")).unique()
    if arrivals is None:
        cohort_of = seen.group_by("customer_id").agg(cohort=pl.col("period").min())
    else:
        came = arrivals.lazy().filter(pl.col("joined_at") < as_of)
        begin = seen.select(begin=pl.col("period").min())
        cohort_of = (
            came.select("customer_id", cohort=period("joined_at"))
            .join(begin, how="cross")
            .filter(pl.col("cohort") >= pl.col("begin"))
            .drop("begin")
        )
    sizes = cohort_of.group_by("cohort").agg(customers=pl.len()).collect()
    active = seen.join(cohort_of, on="customer_id").group_by("cohort", "period").agg(active=pl.len()).collect()
    end = as_of.replace(tzinfo=None)
    grid = (
        sizes.with_columns(period=pl.datetime_ranges("cohort", pl.lit(end), every, closed="left"))
        .explode("period")
        .join(active, on=["cohort", "period"], how="left")
        .with_columns(over=pl.col("period").dt.offset_by(every) <= end)
        .with_columns(active=pl.when("over").then(pl.col("active").fill_null(0)))
    )
    low, high = wilson_interval(grid["active"].cast(pl.Float64).fill_null(float("nan")), grid["customers"])
    age = pl.col("period").rank("ordinal").over("cohort").cast(pl.Int64) - 1
    value = (pl.col("active") / pl.col("customers")).fill_null(float("nan"))
    columns = ("cohort", "age", "customers", "active", "value", "low", "high")
    return grid.with_columns(age=age, value=value, low=low, high=high).select(columns).sort("cohort", "age")
