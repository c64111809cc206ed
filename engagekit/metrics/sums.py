"""Rows -> the sums by group that estimates are made of, on any engine: one pass for metrics that share a unit.

A row becomes the terms x and y of each metric, in columns such as ``open_rate:x``; the engine adds them up.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from engagekit.data.engine import ROW
from engagekit.errors import DataError
from engagekit.metrics.metric import Metric, Quantile

__all__ = ["collected_sums"]

EXAMPLES = 3
Rows = nw.LazyFrame[Any]
Named = dict[str, nw.Expr]


def collected_sums(rows: Rows, metrics: list[Metric], keys: list[str]) -> Iterator[tuple[Metric, pl.DataFrame]]:
    """Each metric with a frame of its sums, one row a group; a quantile with its values, one row a row that counts.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Rows with every column that the metrics need, in which a missing value is null.
    metrics : list of Metric
        What to add up.
    keys : list of str
        Columns to group by; none for a single group.

    Returns
    -------
    iterator of (Metric, polars.DataFrame)
        The columns ``keys`` and, under the metric's name such as in ``open_rate:xy``, ``n`` (rows that count), ``x``
        and, where it has a denominator of its own or sums over units, ``y``; then what its interval needs.

    Raises
    ------
    DataError
        A row is impossible.
    """
    summed = _with_terms(rows, metrics)
    groups = _sharing(metrics)
    frames = _collected([_plan(summed, shared, keys) for shared in groups])
    if any(_undefined(frame) for frame in frames):  # arithmetic such as 0/0 in a row, which then does not count
        summed = summed.with_columns(**_merged(_defined(metric) for metric in metrics))
        frames = _collected([_plan(summed, shared, keys) for shared in groups])
    for shared, frame in zip(groups, frames, strict=True):
        for metric in shared:
            if _impossible(frame, metric):
                raise _named(summed, metric)
            yield metric, frame


def _with_terms(rows: Rows, metrics: list[Metric]) -> Rows:
    """Terms of every metric, null in a row that does not count."""
    rows = rows.with_columns(**_merged(_terms(metric) for metric in metrics))
    counted = _merged(_counted(metric) for metric in metrics)
    return rows.with_columns(**counted) if counted else rows


def _terms(metric: Metric) -> Named:
    x, y = metric.terms
    terms = {"x": x} if y is None else {"x": x, "y": y}
    return {f"{metric.name}:{name}": term.cast(nw.Float64) for name, term in terms.items()}


def _columns(metric: Metric) -> tuple[nw.Expr, nw.Expr | None]:
    x, y = (nw.col(f"{metric.name}:{name}") for name in ("x", "y"))
    return x, None if metric.terms[1] is None else y


def _counted(metric: Metric) -> Named:
    x, y = _columns(metric)
    chosen = [nw.col(column) == nw.lit(value) for column, value in metric.where.items()]
    counts = {"x": chosen} if y is None else {"x": [*chosen, ~y.is_null()], "y": [*chosen, ~x.is_null()]}
    return {
        f"{metric.name}:{name}": nw.when(*conditions).then(nw.col(f"{metric.name}:{name}"))
        for name, conditions in counts.items()
        if conditions
    }


def _defined(metric: Metric) -> Named:
    x, y = _columns(metric)
    sound = ~x.is_nan() if y is None else ~x.is_nan() & ~y.is_nan()
    names = ("x",) if y is None else ("x", "y")
    return {f"{metric.name}:{name}": nw.when(sound).then(nw.col(f"{metric.name}:{name}")) for name in names}


def _sharing(metrics: list[Metric]) -> list[list[Metric]]:
    """Metrics that are collected together: those summed over the same units, and those that need the values."""
    groups: dict[object, list[Metric]] = {}
    for metric in metrics:
        groups.setdefault(Quantile if isinstance(metric, Quantile) else metric.cluster, []).append(metric)
    return list(groups.values())


def _plan(rows: Rows, metrics: list[Metric], keys: list[str]) -> Rows:
    """Plan of some metrics' values, or of their sums by group."""
    if isinstance(metrics[0], Quantile):
        values = [
            f"{metric.name}:{name}" for metric in metrics for name in ("x", "y")[: 1 + (metric.terms[1] is not None)]
        ]
        return rows.select(*keys, *values)
    margins = _merged(_margins(metric) for metric in metrics)
    cluster = metrics[0].cluster
    if cluster is None:
        counts = {f"{metric.name}:n": nw.col(f"{metric.name}:x").count() for metric in metrics}
        moments = _merged(_moments(metric, metric.terms[1] is not None) for metric in metrics)
        return _grouped(rows, keys, counts | moments | margins)
    totals = _merged(_unit_totals(metric) for metric in metrics)
    units = _grouped(rows, list(dict.fromkeys([*keys, cluster])), totals | margins)
    ones = _merged(_unit_denominator(metric) for metric in metrics)
    units = units.with_columns(**ones) if ones else units
    counts = {f"{metric.name}:n": nw.col(f"{metric.name}:n").sum() for metric in metrics}
    moments = _merged(_moments(metric, True) for metric in metrics)
    return _grouped(units, keys, counts | moments | {name: nw.col(name).min() for name in margins})


def _margins(metric: Metric) -> Named:
    margins = metric.margins(*_columns(metric))
    return {f"{metric.name}:margin {number}": margin.min() for number, margin in enumerate(margins)}


def _unit_totals(metric: Metric) -> Named:
    """What the rows of one unit add up to."""
    x, y = _columns(metric)
    found = {f"{metric.name}:n": x.count(), f"{metric.name}:x": x.sum()}
    if y is not None:
        found[f"{metric.name}:y"] = y.sum()
    return found | {
        f"{metric.name}:{term}": nw.col(f"{metric.name}:{term}").max()
        for term in metric.once
        if f"{metric.name}:{term}" in found
    }


def _unit_denominator(metric: Metric) -> Named:
    """Without a denominator of its own, a unit is as many as its rows, or one."""
    if metric.terms[1] is not None:
        return {}
    n = nw.col(f"{metric.name}:n")
    return {f"{metric.name}:y": (n > 0 if "y" in metric.once else n).cast(nw.Float64)}


def _moments(metric: Metric, has_y: bool) -> Named:
    """Add up powers and products over rows or units, and how many of those have anything to add."""
    x, y = nw.col(f"{metric.name}:x"), nw.col(f"{metric.name}:y")
    terms = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
    found = {name: terms[name].sum() for name in metric.sums if has_y or "y" not in name}
    if has_y and "yy" in metric.sums:
        adds = y != 0 if metric.range == (0, 1) else (x != 0) | (y != 0)
        found["units"] = adds.cast(nw.Int8).sum()
    elif has_y and "y" not in metric.sums:
        found["units"] = (y != 0).cast(nw.Int8).sum()
    return {f"{metric.name}:{name}": total for name, total in found.items()}


def _merged(parts: Iterable[Named]) -> Named:
    return {name: expression for part in parts for name, expression in part.items()}


def _grouped(rows: Rows, keys: list[str], sums: Named) -> Rows:
    named = [total.alias(name) for name, total in sums.items()]
    return rows.group_by(keys).agg(*named) if keys else rows.select(*named)


def _collected(plans: list[Rows]) -> list[pl.DataFrame]:
    """Frames of some plans; what they share is read once where the engine can."""
    natives = [plan.to_native() for plan in plans]
    if isinstance(natives[0], pl.LazyFrame):
        return pl.collect_all(natives, engine="streaming")
    return [plan.collect("polars").to_native() for plan in plans]


def _undefined(frame: pl.DataFrame) -> bool:
    floats = frame.select(pl.col("^.*:[xy]+$").cast(pl.Float64))
    return any(column.is_nan().any() for column in floats)


def _impossible(frame: pl.DataFrame, metric: Metric) -> bool:
    """Whether a margin is below 0, or a term infinite."""
    if isinstance(metric, Quantile):
        rows = nw.from_native(frame.lazy())
        return bool(rows.filter(metric.impossible(*_columns(metric))).collect().shape[0])
    terms = frame.select(pl.col(f"^{metric.name}:[xy]$").cast(pl.Float64).fill_null(0)).to_numpy()
    margins = frame.select(f"^{metric.name}:margin .*$")
    return not np.isfinite(terms).all() or any((margin < 0).any() for margin in margins)


def _named(rows: Rows, metric: Metric) -> DataError:
    """Name the first rows that cannot be true, with their values and, where rows have an order, their numbers."""
    bad = rows.filter(metric.impossible(*_columns(metric)))
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
