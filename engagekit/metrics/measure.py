"""``measure``: many metrics of one table in one pass, on any engine.

A row becomes the x and y of each metric; these are added up by the engine, and the sums become estimates here.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.data.engine import ROW, enter
from engagekit.errors import DataError
from engagekit.metrics.estimate import FIELDS, upper_tail
from engagekit.metrics.metric import Metric, Quantile
from engagekit.metrics.periods import PERIODS, dated, with_all_periods

__all__ = ["framed", "measure"]

EXAMPLES = 3


def measure(
    frame: Any,
    metrics: Metric | Iterable[Metric],
    *,
    by: str | Sequence[str] = (),
    every: str | None = None,
    at: str | None = None,
    until: dt.date | str | None = None,
    time_zone: str | None = None,
    confidence: float = 0.95,
) -> Any:
    """Estimates of one or many metrics over the rows of one table.

    Metrics that share a unit of independence share one pass over the rows; quantiles take another.

    Parameters
    ----------
    frame : pandas, Polars, DuckDB or Spark frame
        Rows of the metrics' table. It is not changed.
    metrics : Metric or iterable of Metric
        What to measure.
    by : str or sequence of str, optional
        Columns to measure by.
    every : {"1d", "1w", "1mo", "1q", "1y"}, optional
        Length of a calendar period: a day, a week from Monday on, a month, a quarter or a year. Needs ``at``.
    at : str, optional
        Column that dates a row. A row without a date is left out.
    until : datetime, date or ISO str, optional
        Rows from then on are left out, and a period that it cuts is marked ``partial_period``. Without a zone
        of its own it is in that of the periods. Needs ``at``.
    time_zone : str, optional
        Zone whose calendar the periods follow; by default that of the column.
    confidence : float, default 0.95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``frame`` is one, otherwise polars.DataFrame
        One row for each metric, group and period: ``metric``, the columns of ``by``, ``period`` (its start)
        where ``every`` is given, and the fields of ``Estimate``. A period without rows is NaN with the reason
        ``no_rows``; an empty frame has no groups and no periods.

    Raises
    ------
    DataError
        A column is absent, or a row is impossible (a part above its whole, an answer off its scale):
        names it, counting rows from 0.
    ValueError
        An argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit import click_rate, measure, open_rate
    >>> mailings = pd.DataFrame({"delivered": [100, 300], "opens": [50, 30], "clicks": [5, 3]})
    >>> measure(mailings, [open_rate, click_rate])[["metric", "value", "numerator", "denominator"]]
           metric  value  numerator  denominator
    0   open_rate   0.20       80.0        400.0
    1  click_rate   0.02        8.0        400.0
    """
    metrics = [metrics] if isinstance(metrics, Metric) else list(metrics)
    by = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    _check(metrics, by, every, until, at, confidence)
    rows, end = _entered(frame, metrics, [*by, at] if at else by), None
    if at:
        rows, end = dated(rows, at, every, until, time_zone)
    keys = [*by, "period"] if every else by
    result = _estimates(rows, metrics, keys, confidence)
    if every:
        result = with_all_periods(result, by, every, end)
    order = pl.col("metric").cast(pl.Enum([metric.name for metric in metrics]))
    tidy = result.sort(order, *keys)
    return tidy.to_pandas() if nw.dependencies.is_pandas_dataframe(frame) else tidy


def framed(values: Any, metric: Metric) -> pl.DataFrame:
    """Frame of plain values of a metric's first column, each of them a unit of its own.

    Raises
    ------
    TypeError
        The metric needs more than one column.

    Examples
    --------
    >>> from engagekit import order_value
    >>> framed([20.0, 25.0], order_value).columns
    ['customer_id', 'value']
    """
    first = metric.columns[0]
    if metric.any_of or set(metric.columns) - {first, metric.cluster}:
        needed = ", ".join(metric.columns + metric.any_of)
        raise TypeError(f"{metric.name}: a list of values is not enough. Give a frame with {needed}.")
    frame = pl.DataFrame({first: pl.Series(values=values, strict=False)})
    if metric.cluster:
        frame = frame.with_row_index(metric.cluster)
    constants = {name: pl.lit(value) for name, value in metric.where.items() if name != first}
    return frame.with_columns(**constants)


def _check(
    metrics: list[Metric], by: list[str], every: str | None, until: object, at: str | None, confidence: float
) -> None:
    names = [metric.name for metric in metrics]
    if not metrics:
        raise ValueError("metrics: name at least one")
    if len(set(names)) < len(names):
        raise ValueError(f"metrics: {max(names, key=names.count)} is there twice")
    for name in {"metric", "period", *FIELDS}.intersection(by):
        raise ValueError(f"by: {name} is a column of the result. Rename it first, for example to {name}_of.")
    if (every or until) and at is None:
        raise ValueError("at: name the column that dates a row, which every and until need")
    if every and every not in PERIODS:
        raise ValueError(f"every: {every!r} is none of {', '.join(PERIODS)}")
    upper_tail(confidence)


def _entered(frame: Any, metrics: list[Metric], others: list[str]) -> nw.LazyFrame[Any]:
    """Rows with the columns that are needed, in which NaN is a missing value as null is."""
    is_pandas = nw.dependencies.is_pandas_dataframe(frame)
    names = list(frame.columns if is_pandas else nw.from_native(frame).collect_schema().names())
    rows = enter(frame, [*others, *(name for metric in metrics for name in metric.needed(names))])
    floats = [nw.col(name) for name, dtype in rows.collect_schema().items() if dtype.is_float()]
    absent = sorted({name for metric in metrics for name in metric.any_of} - set(names))
    changed: list[nw.Expr] = [nw.when(~column.is_nan()).then(column) for column in floats]
    changed += [nw.lit(None, nw.Float64).alias(name) for name in absent]
    return rows.with_columns(*changed) if changed else rows


def _estimates(rows: nw.LazyFrame[Any], metrics: list[Metric], keys: list[str], confidence: float) -> pl.DataFrame:
    """Estimates of all metrics, one row for each in each group."""
    for terms in (_terms, _counted):
        rows = rows.with_columns(**_merged(terms(metric) for metric in metrics))
    groups = _sharing(metrics)
    collected = _collected([_plan(rows, shared, keys) for shared in groups])
    parts = []
    for shared, found in zip(groups, collected, strict=True):
        for metric in shared:
            if found[f"{metric.name}:bad"].any():
                raise _impossible(rows, metric)
            estimated = _of_values if isinstance(metric, Quantile) else _of_sums
            parts.append(estimated(found, metric, keys, confidence))
    return pl.concat(parts)


def _terms(metric: Metric) -> dict[str, nw.Expr]:
    """Numerator x and denominator y of every row."""
    x, y = metric.terms
    return {f"{metric.name}:x": x.cast(nw.Float64), f"{metric.name}:y": y.cast(nw.Float64)}


def _counted(metric: Metric) -> dict[str, nw.Expr]:
    """Terms of the rows that count, null in the others, and whether a row that counts cannot be true."""
    x, y = nw.col(f"{metric.name}:x"), nw.col(f"{metric.name}:y")
    counts = ~(x.is_nan() | y.is_nan())  # null where one is missing, which does not count either
    for column, value in metric.where.items():
        counts = counts & (nw.col(column) == nw.lit(value))
    return {
        f"{metric.name}:x": nw.when(counts).then(x),
        f"{metric.name}:y": nw.when(counts).then(y),
        f"{metric.name}:bad": counts & metric.impossible(x, y),
    }


def _sharing(metrics: list[Metric]) -> list[list[Metric]]:
    """Metrics that are collected together: those summed over the same units, and those that need the values."""
    groups: dict[object, list[Metric]] = {}
    for metric in metrics:
        groups.setdefault(metric.cluster if metric.sums else Quantile, []).append(metric)
    return list(groups.values())


def _plan(rows: nw.LazyFrame[Any], metrics: list[Metric], keys: list[str]) -> nw.LazyFrame[Any]:
    """Plan of some metrics' values, or of their sums by group in columns such as ``open_rate:xy``."""
    names = {term: [f"{metric.name}:{term}" for metric in metrics] for term in ("x", "y", "n", "bad")}
    if not metrics[0].sums:
        return rows.select(*keys, *names["x"], *names["bad"])
    counts = {n: nw.col(x).count() for n, x in zip(names["n"], names["x"], strict=True)}
    counts |= {bad: nw.col(bad).max() for bad in names["bad"]}  # any() would be slow on DuckDB
    moments = _merged(_moments(metric) for metric in metrics)
    cluster = metrics[0].cluster
    if cluster is None:
        return _grouped(rows, keys, counts | moments)
    totals = {name: nw.col(name).sum() for name in names["x"] + names["y"]}
    units = _grouped(rows, list(dict.fromkeys([*keys, cluster])), counts | totals)
    added = {n: nw.col(n).sum() for n in names["n"]} | {bad: nw.col(bad).max() for bad in names["bad"]}
    return _grouped(units, keys, added | moments)


def _merged(parts: Iterable[dict[str, nw.Expr]]) -> dict[str, nw.Expr]:
    return {name: expression for part in parts for name, expression in part.items()}


def _moments(metric: Metric) -> dict[str, nw.Expr]:
    """Add up powers and products over rows or units, and how many of those have anything to add."""
    x, y = nw.col(f"{metric.name}:x"), nw.col(f"{metric.name}:y")
    adds = ((x != 0) | (y != 0)).cast(nw.Int8)
    terms = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y, "units": adds}
    return {f"{metric.name}:{name}": terms[name].sum() for name in (*metric.sums, "units")}


def _grouped(rows: nw.LazyFrame[Any], keys: list[str], sums: dict[str, nw.Expr]) -> nw.LazyFrame[Any]:
    named = [total.alias(name) for name, total in sums.items()]
    return rows.group_by(keys).agg(*named) if keys else rows.select(*named)


def _collected(plans: list[nw.LazyFrame[Any]]) -> list[pl.DataFrame]:
    """Frames of some plans; what they share is read once where the engine can."""
    natives = [plan.to_native() for plan in plans]
    if isinstance(natives[0], pl.LazyFrame):
        return pl.collect_all(natives, engine="streaming")
    return [plan.collect("polars").to_native() for plan in plans]


def _of_sums(found: pl.DataFrame, metric: Any, keys: list[str], confidence: float) -> pl.DataFrame:
    """Estimates of a ratio or a total by group."""
    names = [f"{metric.name}:{name}" for name in ("n", "units", *metric.sums)]
    n, units, *sums = found.select(pl.col(names).cast(pl.Float64).fill_null(0)).to_numpy().T
    data = metric.estimates(n, units, dict(zip(metric.sums, sums, strict=True)), confidence)
    return _tidy(metric, found.select(keys), data, empty=n == 0)


def _of_values(found: pl.DataFrame, metric: Any, keys: list[str], confidence: float) -> pl.DataFrame:
    """Estimates of a quantile by group, from all its values, because engines lack order statistics."""
    values = pl.col(f"{metric.name}:x").drop_nulls().sort()
    groups = found.group_by(keys).agg(values) if keys else found.select(values.implode())
    estimates = [metric.estimate(group.to_numpy(), confidence) for group in groups[f"{metric.name}:x"]]
    data = {name: np.array([e[name] for e in estimates], kind) for name, kind in FIELDS.items() if name != "reason"}
    return _tidy(metric, groups.select(keys), data, empty=data["n"] == 0)


def _tidy(metric: Metric, groups: pl.DataFrame, data: dict[str, Any], empty: NDArray[np.bool_]) -> pl.DataFrame:
    """Rows as ``measure`` gives them: what is undefined is NaN, with its reason."""
    undefined = np.where(np.isnan(data["value"]), "zero_denominator", "")
    columns = data | {
        "numerator": np.where(empty, np.nan, data["numerator"]),
        "denominator": np.where(empty, np.nan, data["denominator"]),
        "method": np.where(np.isnan(data["low"]), "", data["method"]),
        "warning": np.char.strip(np.char.add(f"{metric.caution} ", data["warning"])),
        "reason": np.where(empty, "no_rows", undefined),
    }
    fields = [pl.Series(name, columns[name].astype(kind)) for name, kind in FIELDS.items()]
    return pl.DataFrame([pl.repeat(metric.name, len(empty), eager=True).alias("metric"), *groups, *fields])


def _impossible(rows: nw.LazyFrame[Any], metric: Metric) -> DataError:
    """Name the first rows that cannot be true, with their values and, where rows have an order, their numbers."""
    bad = rows.filter(nw.col(f"{metric.name}:bad"))
    first, number = _collected([bad.head(EXAMPLES), bad.select(nw.len().alias("rows"))])
    shown = [*metric.columns, *metric.any_of]
    cases = [
        (f"row {row[ROW]}: " if ROW in row else "")
        + ", ".join(f"{name} {row[name]}" for name in shown if row[name] is not None)
        for row in first.iter_rows(named=True)
    ]
    counted = f"{number.item()}{', counted from row 0' if ROW in first.columns else ''}"
    problem = f"{metric.name}: rows that cannot be true ({counted}): {'; '.join(cases)}. Correct or drop them."
    return DataError(problem)
