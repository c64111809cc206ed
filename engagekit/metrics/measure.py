"""``measure``: many metrics of one table in one pass, on any engine."""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import polars as pl

from engagekit.data.engine import ROW, enter, local_time
from engagekit.errors import DataError
from engagekit.metrics.metric import Metric, Quantile, Ratio, Total

__all__ = ["measure"]

Summed = Ratio | Total
FIELDS = ("value", "low", "high", "numerator", "denominator", "n", "units", "method", "warning", "reason")
EXAMPLES = 3


def measure(
    frame: Any,
    metrics: Metric | Iterable[Metric],
    *,
    by: str | Sequence[str] = (),
    every: str | None = None,
    at: str | None = None,
    until: dt.datetime | str | None = None,
    time_zone: str | None = None,
    confidence: float = 0.95,
) -> Any:
    """Estimates of one or many metrics over the rows of one table, in one pass.

    Parameters
    ----------
    frame : pandas, Polars, DuckDB or Spark frame
        Rows of the metrics' table. It is not changed.
    metrics : Metric or iterable of Metric
        What to measure.
    by : str or sequence of str, optional
        Columns to measure by.
    every : str, optional
        Length of a calendar period: ``1d``, ``1w``, ``1mo``, ``1q`` or ``1y``. Needs ``at``.
    at : str, optional
        Column that dates a row.
    until : datetime or ISO str, optional
        Rows from then on are left out, and a period that it cuts is marked ``partial_period``. Needs ``at``.
    time_zone : str, optional
        Zone whose calendar the periods follow; by default that of the column.
    confidence : float, default 0.95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``frame`` is one, otherwise polars.DataFrame
        One row for each metric, group and period: ``metric``, the columns of ``by``, ``period`` (its start) where
        ``every`` is given, and the fields of ``Estimate``. A period without rows is NaN with the reason ``no_rows``.

    Raises
    ------
    DataError
        A column is absent, or a row is impossible (a part above its whole, an answer off its scale): names it.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit import click_rate, measure, open_rate
    >>> mailings = pd.DataFrame({"campaign": ["a", "b"], "delivered": [100, 300], "opens": [50, 30], "clicks": [5, 3]})
    >>> measure(mailings, [open_rate, click_rate])[["metric", "value", "numerator", "denominator"]]
           metric  value  numerator  denominator
    0   open_rate   0.20       80.0        400.0
    1  click_rate   0.02        8.0        400.0
    """
    metrics = [metrics] if isinstance(metrics, Metric) else list(metrics)
    if not metrics:
        raise ValueError("metrics: name at least one")
    by = [by] if isinstance(by, str) else list(by)
    if (every or until) and at is None:
        raise ValueError("at: name the column that dates a row, which every and until need")
    names = list(nw.from_native(frame).collect_schema().names())
    rows = enter(frame, [*by, *([at] if at else []), *(name for m in metrics for name in m.needed(names))])
    for name in sorted({name for metric in metrics for name in metric.any_of} - set(names)):
        rows = rows.with_columns(nw.lit(None, nw.Float64).alias(name))
    end = None
    if at:
        rows, end = _dated(rows, at, every, until, time_zone)
    keys = [*by, "period"] if every else by
    parts = _of_sums(rows, [m for m in metrics if isinstance(m, Summed)], keys, confidence)
    parts += [_of_values(rows, metric, keys, confidence) for metric in metrics if isinstance(metric, Quantile)]
    result = pl.concat(parts)
    if every:
        result = _with_all_periods(result, by, every, end)
    order = pl.DataFrame({"metric": [m.name for m in metrics], "order": range(len(metrics))})
    result = result.join(order, on="metric").sort("order", *keys, maintain_order=True)
    tidy = result.select("metric", *keys, *FIELDS)
    return tidy.to_pandas() if nw.dependencies.is_pandas_dataframe(frame) else tidy


def _dated(
    rows: nw.LazyFrame[Any], at: str, every: str | None, until: dt.datetime | str | None, time_zone: str | None
) -> tuple[nw.LazyFrame[Any], dt.datetime | None]:
    """Rows before the end, with their period in wall-clock time, and the end as such."""
    end = dt.datetime.fromisoformat(until) if isinstance(until, str) else until
    zone = time_zone or getattr(rows.collect_schema()[at], "time_zone", None)
    if end is not None and end.tzinfo is not None:
        end = (end.astimezone(ZoneInfo(zone)) if zone else end).replace(tzinfo=None)
    rows = local_time(rows, at, time_zone)
    if end is not None:
        rows = rows.filter(nw.col(at) < nw.lit(end))
    if every is not None:
        rows = rows.filter(~nw.col(at).is_null()).with_columns(period=nw.col(at).dt.truncate(every))
    return rows, end


def _of_sums(rows: nw.LazyFrame[Any], metrics: list[Summed], keys: list[str], confidence: float) -> list[pl.DataFrame]:
    """Estimates of ratios and totals: one pass for all that share a cluster, and for those without one."""
    clusters: list[str | None] = sorted({metric.cluster for metric in metrics if metric.cluster})
    parts = []
    for number, cluster in enumerate(clusters or [None]):
        shared = [m for m in metrics if m.cluster == cluster or (m.cluster is None and number == 0)]
        if shared:
            sums = _sums(rows, shared, keys, cluster)
            parts += [_estimated(sums, metric, keys, confidence) for metric in shared]
    return parts


def _sums(rows: nw.LazyFrame[Any], metrics: list[Summed], keys: list[str], cluster: str | None) -> pl.DataFrame:
    """Sums of each metric by group, in columns such as ``open_rate:xy``."""
    prepared = rows.with_columns(**{k: v for metric in metrics for k, v in _x_and_y(metric).items()})
    first = {k: v for metric in metrics for k, v in _first_sums(metric).items()}
    sums = _grouped(prepared, keys if cluster is None else [*keys, cluster], first)
    if cluster is not None:
        again = {name: nw.col(name).sum() for name in first}
        sums = _grouped(sums, keys, again | {k: v for m in metrics if m.cluster for k, v in _unit_sums(m).items()})
    collected = sums.collect("polars").to_native()
    for metric in metrics:
        if collected[f"{metric.name}:bad"].sum() > 0:
            raise _impossible(prepared, metric)
    return collected


def _grouped(rows: nw.LazyFrame[Any], keys: list[str], sums: dict[str, nw.Expr]) -> nw.LazyFrame[Any]:
    named = [expression.alias(name) for name, expression in sums.items()]
    return rows.group_by(keys).agg(*named) if keys else rows.select(*named)


def _x_and_y(metric: Summed) -> dict[str, nw.Expr]:
    """x and y of the rows that count, null in the others, and 1 for a row that cannot be true."""
    x, y = (term.cast(nw.Float64) for term in metric.terms)
    counts = ~(x.is_null() | y.is_null() | x.is_nan() | y.is_nan())
    for column, value in metric.where.items():
        counts = counts & (nw.col(column) == nw.lit(value))
    bad = metric.impossible(x, y)
    bad = bad if metric.valid is None else bad | ~metric.valid
    return {
        f"{metric.name}:x": nw.when(counts).then(x),
        f"{metric.name}:y": nw.when(counts).then(y),
        f"{metric.name}:bad": nw.when(counts & bad).then(nw.lit(1)).otherwise(nw.lit(0)),
    }


def _products(metric: Summed) -> dict[str, nw.Expr]:
    x, y = nw.col(f"{metric.name}:x"), nw.col(f"{metric.name}:y")
    products = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
    return {f"{metric.name}:{name}": products[name].sum() for name in metric.sums}


def _first_sums(metric: Summed) -> dict[str, nw.Expr]:
    """Sums over the rows of a group, or of a unit in it."""
    x, y, bad = (nw.col(f"{metric.name}:{name}") for name in ("x", "y", "bad"))
    n = {f"{metric.name}:n": x.count(), f"{metric.name}:bad": bad.sum()}
    if metric.cluster:
        return n | {f"{metric.name}:x": x.sum(), f"{metric.name}:y": y.sum()}
    return n | _products(metric) | {f"{metric.name}:units": x.count()}


def _unit_sums(metric: Summed) -> dict[str, nw.Expr]:
    """Sums over the units of a group."""
    n = nw.col(f"{metric.name}:n")
    return _products(metric) | {f"{metric.name}:units": (n > 0).cast(nw.Int64).sum()}


def _estimated(sums: pl.DataFrame, metric: Summed, keys: list[str], confidence: float) -> pl.DataFrame:
    """Estimates of a metric, one row a group."""
    column = {
        name: sums[f"{metric.name}:{name}"].cast(pl.Float64).fill_null(0).to_numpy()
        for name in ("n", "units", *metric.sums)
    }
    n, units = column.pop("n"), column.pop("units")
    data = metric.estimates(n, units, column, confidence)
    return _tidy(metric, sums.select(keys), pl.DataFrame(data), empty=n == 0)


def _of_values(rows: nw.LazyFrame[Any], metric: Quantile, keys: list[str], confidence: float) -> pl.DataFrame:
    """Estimates of a quantile: the values are collected, because engines lack order statistics by group."""
    value = metric.value.cast(nw.Float64)
    counts = ~(value.is_null() | value.is_nan())
    for column, wanted in metric.where.items():
        counts = counts & (nw.col(column) == nw.lit(wanted))
    found = rows.filter(counts).select(*keys, value=value).collect("polars").to_native().sort("value")
    groups = found.group_by(keys, maintain_order=True).agg("value") if keys else found.select(pl.col("value").implode())
    estimates = [metric.estimate(values.to_numpy(), confidence) for values in groups["value"]]
    data = pl.DataFrame(estimates, schema=[name for name in FIELDS if name != "reason"])
    return _tidy(metric, groups.select(keys), data, empty=data["n"].to_numpy() == 0)


def _tidy(metric: Metric, groups: pl.DataFrame, data: pl.DataFrame, empty: Any) -> pl.DataFrame:
    """Rows as ``measure`` gives them: what is undefined is NaN, with its reason."""
    undefined = np.isnan(data["value"].cast(pl.Float64).to_numpy())
    reason = np.where(empty, "no_rows", np.where(undefined, "zero_denominator", ""))
    nan = dict(zip(FIELDS[:5], (undefined,) * 3 + (empty,) * 2, strict=True))
    return data.with_columns(
        pl.lit(metric.name).alias("metric"),
        *groups.get_columns(),
        *(pl.when(pl.Series(where)).then(math.nan).otherwise(name).alias(name) for name, where in nan.items()),
        pl.col("n", "units").cast(pl.Int64),
        pl.when(pl.Series(undefined)).then(pl.lit("")).otherwise("method").alias("method"),
        pl.concat_str(pl.lit(metric.caution), "warning", separator=" ").str.strip_chars().alias("warning"),
        pl.Series("reason", reason, pl.String),
    ).select("metric", *groups.columns, *FIELDS)


def _with_all_periods(result: pl.DataFrame, by: list[str], every: str, end: dt.datetime | None) -> pl.DataFrame:
    """Every metric and group in every period from the first to the last; the one that the end cuts is marked."""
    if result.is_empty():
        return result
    first, last = result["period"].min(), result["period"].max()
    if end is not None:
        before = pl.select(pl.lit(end - dt.timedelta(microseconds=1)).dt.truncate(every)).item()
        last = max(last, before) if isinstance(last, dt.datetime) else before
    periods = pl.DataFrame({"period": pl.datetime_range(first, last, every, eager=True, time_unit="us")})
    grid = result.select("metric", *by).unique(maintain_order=True).join(periods, how="cross")
    result = result.with_columns(pl.col("period").cast(pl.Datetime("us")))
    full = grid.join(result, on=["metric", *by, "period"], how="left", nulls_equal=True).with_columns(
        pl.col(FIELDS[:5]).fill_null(math.nan),
        pl.col("n", "units").fill_null(0),
        pl.col("method", "warning").fill_null(""),
        pl.col("reason").fill_null("no_rows"),
    )
    if end is None:
        return full
    cut = pl.col("period").dt.offset_by(every) > end
    return full.with_columns(
        warning=pl.when(cut).then(pl.concat_str("warning", pl.lit(" partial_period")).str.strip_chars()).otherwise("warning")
    )


def _impossible(rows: nw.LazyFrame[Any], metric: Summed) -> DataError:
    """The first rows that cannot be true, with their values and, where the frame is ordered, their numbers."""
    shown = [*metric.columns, *metric.any_of]
    found = rows.filter(nw.col(f"{metric.name}:bad") == 1).head(EXAMPLES).collect("polars").to_native()
    cases = [
        (f"row {row[ROW]}: " if ROW in row else "") + ", ".join(f"{name} {row[name]}" for name in shown)
        for row in found.iter_rows(named=True)
    ]
    return DataError(f"{metric.name}: rows that cannot be true: {'; '.join(cases)}. Correct or drop them.")
