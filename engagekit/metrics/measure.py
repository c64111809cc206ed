"""``measure``: estimates of many metrics of one table in one pass, on any engine."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import collected, column_names, to_narwhals
from engagekit.frames.periods import PERIODS, dated, period_begun_in, with_all_periods
from engagekit.metrics.declaration import MADE_BY, Declaration
from engagekit.metrics.estimate import FIELDS
from engagekit.metrics.intervals import upper_tail
from engagekit.metrics.sums import sums_and_values

__all__ = ["framed", "measure", "needed_rows", "of_one_kind", "unit_totals"]

NUMBERS = ("number", "count", "flag")
OF_NUMBERS = {
    "orders",
    "buyers",
    "base",
    "visits",
    "views",
    "activity",
    "newcomers",
    "replies",
    "waits",
}  # prepared tables without text
SCORE = "score"
Kind = type[nw.Float64 | nw.String]
RESULT = {"metric", "period", *FIELDS}


def measure(
    frame: Any,
    metrics: Declaration | Iterable[Declaration],
    *,
    by: str | Sequence[str] = (),
    every: str | None = None,
    at: str | None = None,
    as_of: dt.date | str | None = None,
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
        Column with the time of a row. A row without a time is left out.
    as_of : datetime, date or ISO str, optional
        End of the data. Rows from then on are left out. Without a zone of its own it is in that of the periods. Needs
        ``at``.
    time_zone : str, optional
        Zone whose calendar the periods follow; by default that of the column.
    confidence : float, default 0.95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``frame`` is one, otherwise polars.DataFrame
        One row per metric, group and period: ``metric``, the columns of ``by``, ``period`` (its start)
        where ``every`` is given, and the fields of ``Estimate``. A column of ``by`` that has the name of one of these
        is returned as ``by_reason``, ``by_period`` and so on. A period without rows is NaN with the reason
        ``no_rows``; an empty frame has no groups and no periods. The period that ``as_of`` cuts has the warning
        ``partial_period``, and so has the first period where the data begin within it: where its days before the
        first row are more than 95 % of the later pauses between days with rows. So a shop that sells daily and was
        closed on 1 January keeps a whole January, and one whose export begins on the 10th does not. A period that is
        younger than its metric's ``ripens_after`` at ``as_of`` has the warning ``unripe``.

    Raises
    ------
    DataError
        A column is absent, or a row is impossible (a part above its whole, an answer off its scale):
        the message names it, counting rows from 0.
    ValueError
        An argument is not as above.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit import measure
    >>> from engagekit.metrics import click_rate, open_rate
    >>> mailings = pd.DataFrame({"delivered": [100, 300], "opens": [50, 30], "clicks": [5, 3]})
    >>> measure(mailings, [open_rate, click_rate])[["metric", "value", "numerator", "denominator"]]
           metric  value  numerator  denominator
    0   open_rate   0.20       80.0        400.0
    1  click_rate   0.02        8.0        400.0
    """
    metrics = [metrics] if isinstance(metrics, Declaration) else list(metrics)
    columns = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    _check(metrics, every, as_of, at, confidence)
    metrics = [_with_known_people(metric, column_names(frame)) for metric in metrics]
    rows, end = needed_rows(frame, metrics, [*columns, at] if at else columns), None
    by = [f"by_{name}" if name in RESULT else name for name in columns]
    renamed = [nw.col(name).alias(group) for name, group in zip(columns, by, strict=True) if name != group]
    rows = rows.with_columns(*renamed) if renamed else rows
    if at:
        rows, end = dated(rows, at, every, as_of, time_zone)
    keys = [*by, "period"] if every else by
    result = pl.concat(_tidy(*collection, confidence) for collection in sums_and_values(rows, metrics, keys))
    if every and at:
        result = with_all_periods(result, by, every, period_begun_in(rows, at), end)
        result = _with_unripe(result, metrics, every, end) if end is not None else result
    order = pl.col("metric").cast(pl.Enum([metric.name for metric in metrics]))
    tidy = result.sort(order, *keys)
    return tidy.to_pandas() if nw.dependencies.is_pandas_dataframe(frame) else tidy


def unit_totals(frame: Any, metrics: Sequence[Declaration], unit: str) -> dict[str, pl.DataFrame]:
    """Numerators and denominators of each unit, by metric: what a unit adds to a ratio, without any interval.

    Parameters
    ----------
    frame : pandas, Polars, DuckDB or Spark frame
        Rows of the metrics' table.
    metrics : sequence of Declaration
        Ratios to add up.
    unit : str
        Column of the unit.

    Returns
    -------
    dict of str to polars.DataFrame
        By the metric's name ``unit, x, y`` of the units with a row that counts, in the order of the units.

    Examples
    --------
    >>> from engagekit.metrics import engagement_score
    >>> scores = pl.DataFrame({"customer_id": ["b", "a"], "score": [60.0, 10.0]})
    >>> unit_totals(scores, [engagement_score], "customer_id")["engagement_score"].rows()
    [('a', 10.0, 1.0), ('b', 60.0, 1.0)]
    """
    alone = [replace(metric, person="") for metric in metrics]
    rows = needed_rows(frame, alone, [unit])
    totals = {}
    for metric, groups, sums in sums_and_values(rows, alone, [unit]):
        added = groups.select(unit=unit).with_columns(x=pl.Series(sums["x"]), y=pl.Series(sums["y"]))
        counted = sums["n"] if "xx" in metric.sums else sums["y"]  # Wilson's units are those of the denominator
        totals[metric.name] = added.filter(pl.Series(counted) > 0).sort("unit")
    return totals


def framed(values: Any, metric: Declaration) -> pl.DataFrame:
    """Frame of plain values of a metric's first column, each an independent unit.

    Raises
    ------
    TypeError
        The metric needs more than one column.

    Examples
    --------
    >>> from engagekit.metrics import session_duration_s
    >>> framed([20.0, 25.0], session_duration_s).columns
    ['customer_id', 'duration_s']
    """
    if metric.any_of or set(metric.columns[1:]) - {metric.cluster}:
        needed = ", ".join(metric.columns + metric.any_of)
        raise TypeError(f"{metric.name}: a list of values is not enough. Give a frame with {needed}.")
    first = metric.columns[0]
    frame = pl.DataFrame({first: pl.Series(values=values, strict=False)})
    if metric.cluster not in (None, first):  # a list of customers says itself whose each row is
        frame = frame.with_row_index(metric.cluster)
    constants = {name: pl.lit(value) for name, value in metric.where.items() if name != first}
    return frame.with_columns(**constants)


def of_one_kind(frame: Any, metric: Declaration) -> Any:
    """Frame in which every row is of the metric's kind, where no column says of which it is.

    Whoever asks for the Net Promoter Score of a frame without ``kind`` says that all of its scores are such answers.

    Examples
    --------
    >>> from engagekit.metrics import net_promoter_score
    >>> of_one_kind(pl.DataFrame({"score": [10, 9]}), net_promoter_score).rows()
    [(10, 'nps'), (9, 'nps')]
    """
    absent = metric.where.keys() - {*metric.columns, *(column_names(frame) if metric.where else ())}
    if not absent:
        return frame
    return nw.to_native(nw.from_native(frame).with_columns(nw.lit(metric.where[name]).alias(name) for name in absent))


def _check(metrics: list[Declaration], every: str | None, as_of: object, at: str | None, confidence: float) -> None:
    names = [metric.name for metric in metrics]
    if not metrics:
        raise ValueError("metrics: name at least one")
    if len(set(names)) < len(names):
        raise ValueError(f"metrics: {max(names, key=names.count)} is there twice")
    if (every or as_of) and at is None:
        raise ValueError("at: name the column that dates a row, which every and as_of need")
    if every and every not in PERIODS:
        raise ValueError(f"every: {every!r} is none of {', '.join(PERIODS)}")
    upper_tail(confidence)


def _with_unripe(result: pl.DataFrame, metrics: list[Declaration], every: str, end: dt.datetime) -> pl.DataFrame:
    """Estimates of periods of which what follows their rows is not all in by the end, marked."""
    ripens = {metric.name: metric.ripens_after for metric in metrics if metric.ripens_after}
    if not ripens or result.is_empty():
        return result
    over = pl.col("period").dt.offset_by(every)
    young = [(pl.col("metric") == name) & (over.dt.offset_by(days) > end) for name, days in ripens.items()]
    marked = pl.concat_str("warning", pl.lit(" unripe")).str.strip_chars()
    return result.with_columns(warning=pl.when(pl.any_horizontal(young)).then(marked).otherwise("warning"))


def _with_known_people(metric: Declaration, names: list[str]) -> Declaration:
    """Metric that takes each row for a person of its own where no column says whose it is."""
    return replace(metric, person="") if metric.person and metric.person not in names else metric


def needed_rows(frame: Any, metrics: Sequence[Declaration], others: Sequence[str]) -> nw.LazyFrame[Any]:
    """Rows with the columns that metrics need and others; of ``any_of`` columns the absent ones are missing.

    Raises
    ------
    DataError
        A column is absent, or of a type that a metric cannot be computed from.

    Examples
    --------
    >>> from engagekit.metrics import open_rate
    >>> mailings = pl.DataFrame({"sent": [2], "delivered": [2], "opens": [1], "arm": ["a"]})
    >>> needed_rows(mailings, [open_rate], ["arm"]).collect().columns
    [':row', 'arm', 'opens', 'delivered']
    """
    names = column_names(frame)
    for metric in metrics:
        _check_made(metric, names)
    rows = to_narwhals(frame, [*others, *(name for metric in metrics for name in metric.needed(names))])
    rows = _with_right_types(rows, metrics)
    absent = sorted({name for metric in metrics for name in metric.any_of} - set(names))
    return rows.with_columns(nw.lit(None, nw.Float64).alias(name) for name in absent) if absent else rows


def _check_made(metric: Declaration, names: list[str]) -> None:
    """Refuse a frame that is not the metric's prepared table, and say how that is made."""
    absent = [name for name in metric.needed(names) if name not in names]
    maker = MADE_BY.get(metric.table, "")
    if absent and "(" in maker:
        way_out = (
            f"{metric.name} is counted over {metric.table}: give it {maker}, or ask study.measure({metric.name!r})."
        )
        raise DataError(f"is not a column. {way_out}", column=absent[0])


def _with_right_types(rows: nw.LazyFrame[Any], metrics: Sequence[Declaration]) -> nw.LazyFrame[Any]:
    """Refuse columns of a wrong type, for which each engine has an error of its own. Without rows any type will do."""
    faults = {name: (kind, problem) for metric in metrics for name, kind, problem in _wrong_types(rows, metric)}
    if not faults:
        return rows
    if not collected(rows.head(1)).is_empty():
        column, (_, problem) = next(iter(faults.items()))
        raise DataError(problem, column=column)
    return rows.with_columns(nw.lit(None, kind()).alias(name) for name, (kind, _) in faults.items())


def _wrong_types(rows: nw.LazyFrame[Any], metric: Declaration) -> Iterator[tuple[str, Kind, str]]:
    """Columns of a wrong type, with the right type and the message."""
    types = rows.collect_schema()
    for name in _words_for_numbers(rows, metric):
        problem = f"{metric.name} needs numbers, and this is text. Convert it, for example with pandas.to_numeric."
        yield name, nw.Float64, problem
    for name in metric.needed([]):
        if name == SCORE and types[name] == nw.Boolean:
            problem = f"{metric.name} needs scores, and this is true or false. Give the scores as numbers."
            yield name, nw.Float64, problem
    for name in (*metric.where, *metric.texts):
        if types[name].is_numeric() or types[name].is_temporal() or types[name] == nw.Boolean:
            problem = f"{metric.name} needs text, and this is {types[name]}. Write out what its values stand for."
            yield name, nw.String, problem


def _words_for_numbers(rows: nw.LazyFrame[Any], metric: Declaration) -> list[str]:
    """Text columns that should be numbers: by the table's contract, or because a term would be made of them."""
    words = [name for name, dtype in rows.collect_schema().items() if dtype == nw.String and name not in metric.where]
    suspects = [name for name in metric.needed(words) if name in words and name not in (metric.cluster, *metric.texts)]
    suspects = [name for name in suspects if not name.endswith("_id")]
    if not suspects:
        return []
    from engagekit.data.tables import TABLES, column_type

    known = metric.table in TABLES
    terms = [term for term in metric.terms if term is not None]
    if metric.table in OF_NUMBERS or not (known or all(_computable(rows, term) for term in terms)):
        return suspects
    return [name for name in suspects if known and column_type(metric.table, name) in NUMBERS]


def _computable(rows: nw.LazyFrame[Any], term: nw.Expr) -> bool:
    try:
        (dtype,) = rows.select(term.alias("term")).collect_schema().dtypes()
    except Exception:  # each engine raises its own
        return False
    return bool(dtype != nw.String)


def _tidy(metric: Declaration, groups: pl.DataFrame, collection: Any, confidence: float) -> pl.DataFrame:
    """Estimates of a metric by group, as ``measure`` gives them: an undefined value is NaN, with its reason."""
    data = metric.estimates(collection, confidence)
    empty = collection.get("n", data["n"]) == 0
    undefined = np.where(np.isnan(data["value"]), metric.undefined, "")
    columns = data | {
        "numerator": np.where(empty, np.nan, data["numerator"]),
        "denominator": np.where(empty, np.nan, data["denominator"]),
        "method": np.where(np.isnan(data["low"]), "", data["method"]),
        "warning": np.char.strip(np.char.add(f"{metric.caution} ", data["warning"])),
        "reason": np.where(empty, "no_rows", undefined),
    }
    fields = [pl.Series(name, columns[name].astype(kind)) for name, kind in FIELDS.items()]
    return pl.DataFrame([pl.repeat(metric.name, len(empty), eager=True).alias("metric"), *groups, *fields])
