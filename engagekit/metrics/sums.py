"""Rows -> the sums by group that estimates are made of, on any engine: one pass for metrics that share a unit.

A row becomes the terms x and y of each metric, in columns such as ``open_rate:x``; the engine adds them up.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import ROW
from engagekit.metrics.intervals import Floats
from engagekit.metrics.metric import Metric
from engagekit.metrics.quantile import Quantile

__all__ = ["collected_sums"]

EXAMPLES = 3
SPARK_PASS = 10
TERMS = ("n", "units", "x", "y", "xx", "xy", "yy")
ONES = {"xy": "x"}
Sums = dict[str, Floats]
Rows = nw.LazyFrame[Any]
Named = dict[str, nw.Expr]


def collected_sums(rows: Rows, metrics: list[Metric], keys: list[str]) -> Iterator[tuple[Metric, pl.DataFrame, Sums]]:
    """Each metric with the groups and its sums in them.

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
    iterator of (Metric, polars.DataFrame, dict of str to ndarray)
        The columns ``keys``, a row a group; and by name, an element a group, ``n`` (rows that count), ``units`` and
        the sums that the metric needs. A quantile has instead a row for each row that counts, and its terms.

    Raises
    ------
    DataError
        A row is impossible.
    """
    summed = _with_terms(rows, metrics)
    found = _collected(_plans(summed, metrics, keys))
    if any(_undefined(frame) for frame in found):  # arithmetic such as 0/0 in a row, which then does not count
        summed = summed.with_columns(**_merged(_defined(metric) for metric in metrics))
        found = _collected(_plans(summed, metrics, keys))
    groups = [frame.select(name for name in keys if name in frame.columns) for frame in found]
    values = [name for metric in metrics if isinstance(metric, Quantile) for name in _names(metric)]
    columns = [_arrays(frame.drop(keys, strict=False), values) for frame in found]
    place = {name: number for number, arrays in enumerate(columns) for name in arrays}
    everything = {name: array for arrays in columns for name, array in arrays.items()}
    for metric in metrics:
        if _impossible(everything, metric):
            raise _named(summed, metric)
        own = {term: everything[f"{metric.name}:{term}"] for term in TERMS if f"{metric.name}:{term}" in everything}
        sums = own if isinstance(metric, Quantile) else _completed(metric, own)
        yield metric, groups[place[f"{metric.name}:x"]], sums


def _completed(metric: Metric, own: Sums) -> Sums:
    """Sums with those that follow from others: without a denominator of its own y is 1 in each row."""
    return {name: own.get(name, own[ONES.get(name, "n")]) for name in ("n", "units", *metric.sums)}


def _arrays(frame: pl.DataFrame, values: list[str]) -> Sums:
    """Columns as arrays: a sum of no rows is 0, and a value that is missing is NaN."""
    numbers = frame.select(pl.all().cast(pl.Float64)).with_columns(pl.exclude(values).fill_null(0)).to_numpy()
    return dict(zip(frame.columns, numbers.T, strict=True))


def _with_terms(rows: Rows, metrics: list[Metric]) -> Rows:
    """Terms of every metric, null in a row that does not count."""
    rows = rows.with_columns(**_merged(_terms(metric) for metric in metrics))
    counted = _merged(_counted(metric) for metric in metrics)
    return rows.with_columns(**counted) if counted else rows


def _terms(metric: Metric) -> Named:
    x, y = metric.terms
    terms = {"x": x} if y is None else {"x": x, "y": y}
    return {f"{metric.name}:{name}": term.cast(nw.Float64) for name, term in terms.items()}


def _names(metric: Metric) -> list[str]:
    """Columns of its terms: without a denominator of its own it has but one."""
    return [f"{metric.name}:{term}" for term in ("x", "y")[: 1 + (metric.terms[1] is not None)]]


def _columns(metric: Metric) -> tuple[nw.Expr, nw.Expr | None]:
    x, *y = (nw.col(name) for name in _names(metric))
    return x, y[0] if y else None


def _counted(metric: Metric) -> Named:
    x, y = _columns(metric)
    chosen = [nw.col(column) == nw.lit(value) for column, value in metric.where.items()]
    chosen += [~nw.col(metric.cluster).is_null()] if metric.cluster else []
    counts = {"x": chosen} if y is None else {"x": [*chosen, ~y.is_null()], "y": [*chosen, ~x.is_null()]}
    return {
        f"{metric.name}:{name}": nw.when(*conditions).then(nw.col(f"{metric.name}:{name}"))
        for name, conditions in counts.items()
        if conditions
    }


def _defined(metric: Metric) -> Named:
    x, y = _columns(metric)
    sound = ~x.is_nan() if y is None else ~x.is_nan() & ~y.is_nan()
    return {name: nw.when(sound).then(nw.col(name)) for name in _names(metric)}


def _plans(rows: Rows, metrics: list[Metric], keys: list[str]) -> list[Rows]:
    """Plans of the sums over rows and of what no row may fall below, of those over each kind of unit, of the values."""
    summed = [metric for metric in metrics if not isinstance(metric, Quantile)]
    of_rows = [metric for metric in summed if metric.cluster is None]
    margins = _merged(_margins(metric) for metric in summed if metric.cluster)
    plans = [_plan_of_rows(rows, some, keys) for some in _passes(rows, of_rows)]
    plans += [rows.select(*(lowest.alias(name) for name, lowest in margins.items()))] if margins else []
    for cluster in dict.fromkeys(metric.cluster for metric in summed if metric.cluster):
        plans.append(_plan_of_units(rows, [metric for metric in summed if metric.cluster == cluster], keys, cluster))
    names = [name for metric in metrics if isinstance(metric, Quantile) for name in _names(metric)]
    return [*plans, rows.select(*keys, *names)] if names else plans


def _passes(rows: Rows, metrics: list[Metric]) -> list[list[Metric]]:
    """Metrics that share a pass: all, but on Spark few, whose Java method for a pass is slow when it is long."""
    size = SPARK_PASS if rows.implementation.is_spark_like() else len(metrics) or 1
    return [metrics[first : first + size] for first in range(0, len(metrics), size)]


def _plan_of_rows(rows: Rows, metrics: list[Metric], keys: list[str]) -> Rows:
    """Plan of sums by group over rows, and of what no row may fall below."""
    counts = {f"{metric.name}:n": nw.col(f"{metric.name}:x").count() for metric in metrics}
    moments = _merged(_moments(metric, len(_names(metric)) == 2) for metric in metrics)
    return _grouped(rows, keys, counts | moments | _merged(_margins(metric) for metric in metrics))


def _plan_of_units(rows: Rows, metrics: list[Metric], keys: list[str], cluster: str) -> Rows:
    """Plan of sums by group over what the rows of each unit add up to."""
    totals = _merged(_unit_totals(metric) for metric in metrics)
    units = _grouped(rows, list(dict.fromkeys([*keys, cluster])), totals)
    ones = _merged(_unit_denominator(metric) for metric in metrics)
    units = units.with_columns(**ones) if ones else units
    counts = {f"{metric.name}:n": nw.col(f"{metric.name}:n").sum() for metric in metrics}
    return _grouped(units, keys, counts | _merged(_moments(metric, True) for metric in metrics))


def _margins(metric: Metric) -> Named:
    margins = metric.margins(*_columns(metric))
    return {f"{metric.name}:margin {number}": margin.min() for number, margin in enumerate(margins)}


def _unit_totals(metric: Metric) -> Named:
    """What the rows of one unit add up to."""
    found = {f"{metric.name}:n": _columns(metric)[0].count()}
    for name in _names(metric):
        term = nw.col(name)
        found[name] = term.max() if name[-1] in metric.once else term.sum()
    return found


def _unit_denominator(metric: Metric) -> Named:
    """Without a denominator of its own, a unit is as many as its rows, or one."""
    if len(_names(metric)) == 2:
        return {}
    n = nw.col(f"{metric.name}:n")
    return {f"{metric.name}:y": (n > 0 if "y" in metric.once else n).cast(nw.Float64)}


def _moments(metric: Metric, has_y: bool) -> Named:
    """Add up powers and products over rows or units, and how many of those have anything to add."""
    x, y = nw.col(f"{metric.name}:x"), nw.col(f"{metric.name}:y")
    terms = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
    found = {name: terms[name].sum() for name in metric.sums if has_y or "y" not in name}
    if has_y and metric.sums != ("x", "y"):  # Wilson's units are those of y
        adds = y != 0 if metric.range == (0, 1) else (x != 0) | (y != 0)
        found["units"] = adds.cast(nw.Int8).sum()
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
    terms = [name for name in frame.columns if name.endswith((":x", ":y"))]
    return bool(terms) and any(frame.select(pl.col(terms).cast(pl.Float64).is_nan().any()).row(0))


def _impossible(everything: Sums, metric: Metric) -> bool:
    """Whether a margin is below 0, or a term infinite: NaN is what infinities of both signs add up to."""
    own = {name: array for name, array in everything.items() if name.startswith(f"{metric.name}:")}
    if isinstance(metric, Quantile):
        terms = nw.from_native(pl.LazyFrame({name: pl.Series(own[name], nan_to_null=True) for name in _names(metric)}))
        return bool(terms.filter(metric.impossible(*_columns(metric))).collect().shape[0])
    if any(not np.isfinite(own[name]).all() for name in _names(metric) if name in own):
        return True
    return any((array < 0).any() for name, array in own.items() if ":margin " in name)


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
