"""Every metric that a table allows, by period and over all time, and what changed between the last two periods."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from engagekit.frames.engine import collected, column_names
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.compare import paired_differences
from engagekit.metrics.estimate import FIELDS
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Ratio

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["last_changes", "measure_table"]


def measure_table(
    name: str, frame: Any, at: str, lengths: Sequence[str | None], as_of: dt.datetime
) -> list[pl.DataFrame]:
    """Measure every metric of a table that its columns allow.

    Parameters
    ----------
    name : str
        Name of the table.
    frame : frame
        Its rows.
    at : str
        Column that dates them.
    lengths : sequence of {"1w", "1mo", "1q", None}
        Lengths of the periods; None for all time.
    as_of : datetime
        End of the data.

    Returns
    -------
    list of polars.DataFrame
        One for each length, with ``metric``, ``period`` (null over all time) and the fields of an estimate.
    """
    columns = column_names(frame)
    metrics = [metric for metric in METRICS.values() if metric.table == name and metric.allowed_by(columns)]
    if not metrics:
        return []
    parts = [nw.from_native(measure(frame, metrics, every=every, at=at, as_of=as_of)) for every in lengths]
    tables = [part.to_polars() for part in parts]
    no_period = pl.lit(None, pl.Datetime("us")).alias("period")
    names = ["metric", "period", *FIELDS]
    return [(each if "period" in each.columns else each.with_columns(no_period)).select(names) for each in tables]


def last_changes(
    measured: "pd.DataFrame", until: dt.datetime, length: str, rows_of: Callable[[str], tuple[Any, str]], back: str
) -> dict[str, tuple[float, float, float]]:
    """Difference of each metric of customers between the last period with a value and an earlier one, and its interval.

    Customers who are in both periods are compared with themselves. Old before new; NaN where there is none.

    Parameters
    ----------
    measured : pandas.DataFrame
        ``metric, period, value``.
    until : datetime
        First day of the last period that counts, without a zone.
    length : {"1w", "1mo", "1q"}
        Length of the periods.
    rows_of : callable
        Gives the rows of a table and the column that dates them.
    back : str
        How far back the earlier period starts: ``length``, or ``"1y"``.
    """
    last: dict[tuple[str, dt.datetime], list[Ratio]] = {}
    for name, rows in measured.groupby("metric", sort=False):
        metric = METRICS[str(name)]
        ended = rows["period"][rows["value"].notna() & (rows["period"] <= until)]
        if isinstance(metric, Ratio) and metric.unit == "customer" and not ended.empty:
            last.setdefault((metric.table, ended.max().to_pydatetime()), []).append(metric)
    changes: dict[str, tuple[float, float, float]] = {}
    for (table, period), metrics in last.items():
        frame, at = rows_of(table)
        dated = collected(nw.from_native(frame).lazy())
        starts = dated[at].dt.replace_time_zone(None).dt.truncate(length)
        before = pl.Series([period]).dt.offset_by(f"-{back}").item()
        old, new = (dated.filter(starts == day) for day in (before, period))
        changes |= paired_differences(metrics, old, new)
    return changes
