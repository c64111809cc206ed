"""What the models are fitted on: distinct rows with their counts, and the refusal of rows that cannot be."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.errors import DataError
from engagekit.frames.engine import ROW, collected, to_narwhals
from engagekit.value.fitting import Floats
from engagekit.value.purchase_history import known_unit

__all__ = ["HISTORY", "WHOLE", "distinct_rows", "histories", "not_whole", "one_unit", "refuse"]

HISTORY = ("frequency", "recency", "age")
WHOLE = "is not a whole number from 0 up."
FROM_FIRST = (
    "but is the time from the first purchase to the last: up to the age, and above 0 only for customers who bought "
    "again. purchase_history counts all three in one way."
)


def distinct_rows(frame: Any, keys: Sequence[str]) -> pl.DataFrame:
    """Distinct rows of some columns as numbers, in their order, with how many ``customers`` each stands for.

    Parameters
    ----------
    frame : frame
        The columns and, where given, ``customers`` and ``unit``.
    keys : sequence of str
        Columns of numbers or of true and false.

    Returns
    -------
    polars.DataFrame
        The columns, ``customers`` and, where rows have an order, ``row``, the first that is so.

    Raises
    ------
    DataError
        A column is absent or holds no numbers, there is no row, or ``customers`` is not above 0.

    Examples
    --------
    >>> distinct_rows(pl.DataFrame({"frequency": [2, 0, 2]}), ["frequency"]).rows()
    [(0.0, 1.0, 1), (2.0, 2.0, 0)]
    """
    rows = to_narwhals(frame, keys, ["customers", "unit"])
    schema = rows.collect_schema()
    numbers = [name for name in schema.names() if name in (*keys, "customers")]
    for name in numbers:
        if not (schema[name].is_numeric() or schema[name] in (nw.Boolean, nw.Unknown)):
            raise DataError(f"is {schema[name]}, not a number.", column=name)
    first = [nw.col(ROW).min().alias("row")] if ROW in schema.names() else []
    columns = [name for name in schema.names() if name != ROW]
    casts = [nw.col(name).cast(nw.Float64) for name in numbers if schema[name] != nw.Float64]
    counts = (rows.with_columns(casts) if casts else rows).group_by(columns)
    order = list(dict.fromkeys([*reversed(keys), *columns]))  # ages differ most, which makes the sort quick
    distinct = collected(counts.agg(nw.len().cast(nw.Float64).alias("times"), *first)).sort(order)
    if distinct.is_empty():
        raise DataError("There is no row.")
    if "customers" not in numbers:
        return distinct.rename({"times": "customers"})
    refuse(distinct, "customers", ~(distinct["customers"].to_numpy() > 0), "is not a number above 0.")
    return distinct.with_columns(pl.col("customers") * pl.col("times"))


def refuse(rows: pl.DataFrame, column: str, bad: NDArray[np.bool_], problem: str) -> None:
    """Raise an error about the first bad row, if there is one.

    Parameters
    ----------
    rows : polars.DataFrame
        As ``distinct_rows`` gives them.
    column : str
        The column to name.
    bad : ndarray of bool
        Which rows are bad.
    problem : str
        What is wrong with the value, as the end of a sentence that begins with it.

    Raises
    ------
    DataError
        A row is bad: names row, column, value and how many customers have such a value.
    """
    if not bad.any():
        return
    refused = rows.filter(pl.Series(bad))
    refused = refused.sort("row") if "row" in rows.columns else refused
    value, n, n_all = refused[column][0], refused["customers"].sum(), rows["customers"].sum()
    shown = "a missing value" if value is None else f"{value:g}"
    row = refused["row"][0] + 2 if "row" in rows.columns else None
    raise DataError(f"{shown} {problem} ({n:g} of {n_all:g} customers)", row=row, column=column)


def not_whole(values: Floats) -> NDArray[np.bool_]:
    """Whether each value is something else than a whole number from 0 up.

    Examples
    --------
    >>> not_whole(np.array([0.0, 1.5, -1.0, np.nan])).tolist()
    [False, True, True, True]
    """
    bad: NDArray[np.bool_] = ~((values >= 0) & (np.floor(values) == values) & np.isfinite(values))
    return bad


def histories(rows: pl.DataFrame) -> list[Floats]:
    """Frequency, recency and age of purchase histories.

    Raises
    ------
    DataError
        A history cannot be: a frequency is no whole number, a time is below 0 or missing, the recency is above the age,
        or only one of frequency and recency is 0.

    Examples
    --------
    >>> rows = distinct_rows(pl.DataFrame({"frequency": [2], "recency": [3.0], "age": [9.0]}), HISTORY)
    >>> [float(values[0]) for values in histories(rows)]
    [2.0, 3.0, 9.0]
    """
    frequency, recency, age = past = [rows[name].to_numpy() for name in HISTORY]
    refuse(rows, "frequency", not_whole(frequency), WHOLE)
    for name, time in (("age", age), ("recency", recency)):
        refuse(rows, name, ~((time >= 0) & (time < np.inf)), "is not a time from 0 up.")
    refuse(rows, "recency", recency > age, "is above the age, " + FROM_FIRST)
    refuse(rows, "recency", (frequency > 0) & (recency == 0), "goes with a frequency above 0, " + FROM_FIRST)
    refuse(rows, "recency", (frequency == 0) & (recency > 0), "goes with a frequency of 0, " + FROM_FIRST)
    return past


def one_unit(rows: pl.DataFrame, unit: str | None) -> str:
    """Unit of time of some rows, from their column ``unit``, the argument, or both.

    Raises
    ------
    ValueError
        There is none, or there are several, or it is not known.

    Examples
    --------
    >>> one_unit(pl.DataFrame({"unit": ["week", "week"]}), None)
    'week'
    """
    units = {unit} if unit is not None else set()
    units |= set(rows["unit"]) if "unit" in rows.columns else set()
    if not units:
        raise ValueError("unit: name it, because there is no column 'unit' to take it from")
    if len(units) > 1:
        raise ValueError(f"unit: {' and '.join(sorted(map(str, units)))} do not go together. Make it one.")
    return known_unit(units.pop())
