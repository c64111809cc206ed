"""Collect the sums or values by group that estimates are made of, on any engine.

Metrics that share a unit share a pass. The terms x and y of each metric become columns such as ``open_rate:x``, which
the engine adds up.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import mul
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import ROW, as_floats, one_where
from engagekit.frames.exact import MONEY, in_parts
from engagekit.metrics.declaration import Declaration
from engagekit.metrics.intervals import Floats

__all__ = ["PRODUCTS_OF_PEOPLE", "sums_and_values"]

EXAMPLES = 3
LATEST = ":latest"
SPARK_PASS = 10
PRODUCTS_OF_PEOPLE = ("xx", "xn", "nn", "xxx", "xxn", "xnn", "nnn")  # x the total of a person, n the rows
ONES = {"xy": "x", "xxy": "xx", "xyy": "x"}
Sums = dict[str, Floats]
Values = dict[str, list[Floats]]
Rows = nw.LazyFrame[Any]
Named = dict[str, nw.Expr]


def sums_and_values(
    rows: Rows, metrics: Sequence[Declaration], keys: list[str]
) -> Iterator[tuple[Declaration, pl.DataFrame, Sums | Values]]:
    """Groups of each metric, and its sums or values in them.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Rows with every column that the metrics need, in which a missing value is null.
    metrics : sequence of Declaration
        What to collect.
    keys : list of str
        Columns to group by; an empty list for a single group.

    Returns
    -------
    iterator of (Declaration, polars.DataFrame, dict)
        The columns ``keys``, one row per group; and one element per group of ``n`` (rows that count), ``units`` and the
        metric's ``sums``. A metric that collects values has arrays of ``x`` and ``y`` instead.

    Raises
    ------
    DataError
        A row is impossible.
    """
    rows = _with_terms(rows, metrics)
    frames = _collected(_plans(rows, metrics, keys))
    if any(_has_nan(frame) for frame in frames):  # arithmetic such as 0/0 in a row, which then does not count
        rows = rows.with_columns(**_merged(_defined(metric) for metric in metrics))
        frames = _collected(_plans(rows, metrics, keys))
    place = {name: frame for frame in frames for name in frame.columns if name not in keys}
    for metric in metrics:
        frame = place[f"{metric.name}:x"]
        groups = frame.select(name for name in keys if name in frame.columns)
        if metric.collects == "values":
            terms = frame.select(*keys, *_names(metric))
            if _impossible_values(terms, metric):
                raise _impossible_error(rows, metric)
            yield metric, *_values(terms, metric, keys)
        else:
            own = _own_sums(place, metric)
            if _impossible_sums(own):
                raise _impossible_error(rows, metric)
            yield metric, groups, _completed(metric, own)


def _own_sums(place: dict[str, pl.DataFrame], metric: Declaration) -> Sums:
    """Sums and margins of a metric as arrays; a sum of no rows is 0."""
    prefix = f"{metric.name}:"
    own = {name: frame[name] for name, frame in place.items() if name.startswith(prefix)}
    filled = {name: column.fill_null(0) if column.null_count() else column for name, column in own.items()}
    sums = {name.removeprefix(prefix): column.to_numpy().astype(float) for name, column in filled.items()}
    return sums | {"x": sums["x"] / MONEY} if _is_exact(metric) else sums


def _values(terms: pl.DataFrame, metric: Declaration, keys: list[str]) -> tuple[pl.DataFrame, Values]:
    """Groups of the rows that count, and a list of the values of each."""
    x, *y = _names(metric)
    both = terms.select(*keys, x=pl.col(x).cast(pl.Float64), y=pl.col(y[0]).cast(pl.Float64) if y else pl.lit(1.0))
    counting = pl.col("x", "y").filter(pl.col("x").is_not_null())
    lists = both.group_by(keys).agg(counting) if keys else both.select(counting.implode())
    return lists.select(keys), {name: [values.to_numpy() for values in lists[name]] for name in ("x", "y")}


def _completed(metric: Declaration, own: Sums) -> Sums:
    """Sums with the ones that follow from others: without a denominator y is 1 in each row."""
    return {name: own.get(name, own[ONES.get(name, "n")]) for name in ("n", "units", *metric.sums)}


def _with_terms(rows: Rows, metrics: Sequence[Declaration]) -> Rows:
    """Terms of every metric, null in a row that does not count."""
    rows = rows.with_columns(**as_floats(rows, _merged(_terms(metric) for metric in metrics)))
    counted = _merged(_counted(metric) for metric in metrics)
    return rows.with_columns(**counted) if counted else rows


def _terms(metric: Declaration) -> Named:
    x, y = metric.terms
    x = in_parts(x, MONEY) if _is_exact(metric) else x
    terms = {"x": x} if y is None else {"x": x, "y": y}
    return {f"{metric.name}:{name}": term for name, term in terms.items()}


def _is_exact(metric: Declaration) -> bool:
    """Whether a total of money is added up in whole ten-thousandths, so that threads do not change its last bits."""
    return metric.measured_in == "money" and metric.sums == ("x",)


def _names(metric: Declaration) -> list[str]:
    """Columns of its terms: x, and y where it has a denominator."""
    return [f"{metric.name}:{term}" for term in ("x", "y")[: 1 + (metric.terms[1] is not None)]]


def _columns(metric: Declaration) -> tuple[nw.Expr, nw.Expr | None]:
    x, *y = (nw.col(name) for name in _names(metric))
    return x, y[0] if y else None


def _counted(metric: Declaration) -> Named:
    x, y = _columns(metric)
    chosen = [nw.col(column) == nw.lit(value) for column, value in metric.where.items()]
    chosen += [~nw.col(metric.cluster).is_null()] if metric.cluster else []
    counts = {"x": chosen} if y is None else {"x": [*chosen, ~y.is_null()], "y": [*chosen, ~x.is_null()]}
    return {
        f"{metric.name}:{name}": nw.when(*conditions).then(nw.col(f"{metric.name}:{name}"))
        for name, conditions in counts.items()
        if conditions
    }


def _defined(metric: Declaration) -> Named:
    x, y = _columns(metric)
    sound = ~x.is_nan() if y is None else ~x.is_nan() & ~y.is_nan()
    return {name: nw.when(sound).then(nw.col(name)) for name in _names(metric)}


def _plans(rows: Rows, metrics: Sequence[Declaration], keys: list[str]) -> list[Rows]:
    """Plans of the sums over rows with their margins, of the sums over each kind of unit, and of the values."""
    summed = [metric for metric in metrics if metric.collects == "sums"]
    of_rows = [metric for metric in summed if metric.cluster is None and not metric.person]
    margins = _merged(_margins(metric) for metric in summed if metric.cluster)
    plans = [_plan_of_rows(rows, some, keys) for some in _passes(rows, of_rows)]
    plans += [rows.select(*(lowest.alias(name) for name, lowest in margins.items()))] if margins else []
    for cluster in dict.fromkeys(metric.cluster for metric in summed if metric.cluster):
        plans.append(_plan_of_units(rows, [metric for metric in summed if metric.cluster == cluster], keys, cluster))
    for person in dict.fromkeys(metric.person for metric in summed if metric.person):
        plans.append(_plan_of_people(rows, [metric for metric in summed if metric.person == person], keys, person))
    of_values = [metric for metric in metrics if metric.collects == "values"]
    plans += [_plan_of_unit_values(rows, metric, keys, metric.cluster) for metric in of_values if metric.cluster]
    names = [name for metric in of_values if not metric.cluster for name in _names(metric)]
    return [*plans, rows.select(*keys, *names)] if names else plans


def _plan_of_unit_values(rows: Rows, metric: Declaration, keys: list[str], cluster: str) -> Rows:
    """Plan of the values of each unit: the totals of its rows that count."""
    (name,) = _names(metric)
    totals = _grouped(rows.filter(~nw.col(name).is_null()), [*keys, cluster], {name: nw.col(name).sum()})
    return totals.select(*dict.fromkeys([*keys, name]))


def _passes(rows: Rows, metrics: Sequence[Declaration]) -> list[Sequence[Declaration]]:
    """Metrics that share a pass: all of them, but few on Spark, where the code generated for a long pass is slow."""
    size = SPARK_PASS if rows.implementation.is_spark_like() else len(metrics) or 1
    return [metrics[first : first + size] for first in range(0, len(metrics), size)]


def _plan_of_rows(rows: Rows, metrics: Sequence[Declaration], keys: list[str]) -> Rows:
    """Plan of sums by group over rows, with their margins."""
    counts = {f"{metric.name}:n": nw.col(f"{metric.name}:x").count() for metric in metrics}
    moments = _merged(_moments(metric, len(_names(metric)) == 2) for metric in metrics)
    return _grouped(rows, keys, counts | moments | _merged(_margins(metric) for metric in metrics))


def _plan_of_units(rows: Rows, metrics: Sequence[Declaration], keys: list[str], cluster: str) -> Rows:
    """Plan of sums by group over the totals of each unit."""
    for metric in (metric for metric in metrics if metric.latest):
        rows = _with_the_last(rows, metric, [*keys, cluster])
    totals = _merged(_unit_totals(metric) for metric in metrics)
    units = _grouped(rows, list(dict.fromkeys([*keys, cluster])), totals)
    ones = _merged(_unit_denominator(metric) for metric in metrics)
    units = units.with_columns(**ones) if ones else units
    counts = {f"{metric.name}:n": nw.col(f"{metric.name}:n").sum() for metric in metrics}
    return _grouped(units, keys, counts | _merged(_moments(metric, True) for metric in metrics))


def _with_the_last(rows: Rows, metric: Declaration, unit: list[str]) -> Rows:
    """Rows in which a metric is missing but in the last ones of each unit that count."""
    (name,) = _names(metric)
    time = nw.when(~nw.col(name).is_null()).then(nw.col(metric.latest))
    rows = rows.with_columns(time.alias(LATEST))
    last = nw.when(nw.col(LATEST) == nw.col(LATEST).max().over(*dict.fromkeys(unit))).then(nw.col(name))
    return rows.with_columns(last.alias(name)).drop(LATEST)


def _plan_of_people(rows: Rows, metrics: Sequence[Declaration], keys: list[str], person: str) -> Rows:
    """Plan of sums by group over rows, and of products of each person's totals; a row without a person stands alone."""
    terms = _merged(_terms_of_rows(metric) for metric in metrics)
    margins = _merged(_row_margins(metric) for metric in metrics)
    rows = rows.with_columns(**terms, **as_floats(rows, margins))
    sums, lowest = ({name: nw.col(name) for name in names} for names in (terms, margins))
    totals = {name: term.sum() for name, term in sums.items()} | {name: term.min() for name, term in lowest.items()}
    known = _grouped(rows.filter(~nw.col(person).is_null()), list(dict.fromkeys([*keys, person])), totals)
    alone = rows.filter(nw.col(person).is_null())
    people = nw.concat([part.select(*keys, *totals) for part in (known, alone)])
    return _grouped(people, keys, totals | _merged(_products_of_people(metric) for metric in metrics))


def _terms_of_rows(metric: Declaration) -> Named:
    """Of each row: whether it counts, and its value and square, 0 where it does not."""
    x = _columns(metric)[0]
    counts = one_where(~x.is_null())
    return {f"{metric.name}:{name}": term for name, term in {"n": counts, "x": _or_0(x), "xx": _or_0(x * x)}.items()}


def _or_0(term: nw.Expr) -> nw.Expr:
    return nw.when(~term.is_null()).then(term).otherwise(nw.lit(0.0).cast(nw.Float64))


def _products_of_people(metric: Declaration) -> Named:
    """Sums over people of the products of two and three of their number of rows n and their total x."""
    terms = {name: nw.col(f"{metric.name}:{name}") for name in ("x", "n")}
    sums = {f"people {name}": reduce(mul, (terms[each] for each in name)).sum() for name in PRODUCTS_OF_PEOPLE}
    sums |= {"people": one_where(terms["n"] > 0).sum(), "most": terms["n"].max()}
    return {f"{metric.name}:{name}": total for name, total in sums.items()}


def _margins(metric: Declaration) -> Named:
    return {name: margin.min() for name, margin in _row_margins(metric).items()}


def _row_margins(metric: Declaration) -> Named:
    margins = metric.margins(*_columns(metric))
    return {f"{metric.name}:margin {number}": margin for number, margin in enumerate(margins)}


def _unit_totals(metric: Declaration) -> Named:
    """Totals of the rows of one unit."""
    totals = {f"{metric.name}:n": _columns(metric)[0].count()}
    for name in _names(metric):
        term = nw.col(name)
        totals[name] = term.mean() if metric.once == "mean" else term.max() if name[-1] in metric.once else term.sum()
    return totals


def _unit_denominator(metric: Declaration) -> Named:
    """Denominator of a unit where rows have none: the number of its rows, or 1."""
    if len(_names(metric)) == 2:
        return {}
    n = nw.col(f"{metric.name}:n")
    return {f"{metric.name}:y": one_where(n > 0) if metric.once in ("y", "xy", "mean") else n.cast(nw.Float64)}


def _moments(metric: Declaration, has_y: bool) -> Named:
    """Sums of powers and products over rows or units, and the number of units that add something."""
    x, y = nw.col(f"{metric.name}:x"), nw.col(f"{metric.name}:y")
    terms = {"x": x, "y": y}
    sums = {name: reduce(mul, (terms[each] for each in name)).sum() for name in metric.sums if has_y or "y" not in name}
    if has_y and metric.sums != ("x", "y"):  # Wilson's units are those of y
        adds = y != 0 if metric.range == (0, 1) else (x != 0) | (y != 0)
        sums["units"] = one_where(adds).sum()
    return {f"{metric.name}:{name}": total for name, total in sums.items()}


def _merged(parts: Iterable[Named]) -> Named:
    return {name: expression for part in parts for name, expression in part.items()}


def _grouped(rows: Rows, keys: list[str], sums: Named) -> Rows:
    named = [total.alias(name) for name, total in sums.items()]
    return rows.group_by(keys).agg(*named) if keys else rows.select(*named)


def _collected(plans: list[Rows]) -> list[pl.DataFrame]:
    """Frames of some plans; Polars reads what they share once."""
    natives = [plan.to_native() for plan in plans]
    if isinstance(natives[0], pl.LazyFrame):
        return pl.collect_all(natives, engine="streaming")
    return [plan.collect("polars").to_native() for plan in plans]


def _has_nan(frame: pl.DataFrame) -> bool:
    terms = [name for name in frame.columns if name.endswith((":x", ":y"))]
    return bool(terms) and any(frame.select(pl.col(terms).cast(pl.Float64).is_nan().any()).row(0))


def _impossible_sums(own: Sums) -> bool:
    """Whether a margin is below 0, or a term infinite; infinities of both signs add up to NaN."""
    if any(not np.isfinite(own[name]).all() for name in ("x", "y") if name in own):
        return True
    return any((array < 0).any() for name, array in own.items() if name.startswith("margin "))


def _impossible_values(terms: pl.DataFrame, metric: Declaration) -> bool:
    numbers = nw.from_native(terms.lazy().with_columns(pl.col(_names(metric)).cast(pl.Float64)))
    return bool(numbers.filter(metric.impossible(*_columns(metric))).collect().shape[0])


def _impossible_error(rows: Rows, metric: Declaration) -> DataError:
    """Error that names the first impossible rows, with their values and, where rows have an order, their numbers."""
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
