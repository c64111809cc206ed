"""Calendar periods: the period of each row, the periods without rows, and those that the data cover only in part."""

import datetime as dt
import math
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import collected
from engagekit.frames.times import local_time

__all__ = ["PERIODS", "dated", "period_begun_in", "period_starts", "with_all_periods"]

PERIODS = ("1d", "1w", "1mo", "1q", "1y")
DAY = dt.timedelta(days=1)
MONTHS_A_YEAR, MONTHS_A_QUARTER = 12, 3
USUAL = 0.95  # share of the pauses between days with rows that a usual pause is not longer than
NUMBERS = ("value", "low", "high", "numerator", "denominator")


def dated(
    rows: nw.LazyFrame[Any], at: str, every: str | None, as_of: dt.date | str | None, time_zone: str | None
) -> tuple[nw.LazyFrame[Any], dt.datetime | None]:
    """Rows before the end with their ``period``, and the end, in wall-clock time of the column's zone.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Rows with a column ``at``.
    at : str
        Column with the time of a row. A row without a time is left out.
    every : str, optional
        One of ``PERIODS``. Without it there is no ``period``.
    as_of : datetime, date or ISO str, optional
        The end. Without a zone of its own it is wall-clock time already.
    time_zone : str, optional
        Zone of the calendar instead of the column's.

    Raises
    ------
    DataError
        The column holds no times.
    ValueError
        The end has a zone, and there is neither a zone of the column nor a ``time_zone``.

    Examples
    --------
    >>> sent = nw.from_native(pl.LazyFrame({"sent_at": [dt.datetime(2026, 1, 31, 23)]}))
    >>> dated(sent, "sent_at", "1w", "2026-02-01", None)[0].collect()["period"].to_list()
    [datetime.datetime(2026, 1, 26, 0, 0)]
    """
    dtype = rows.collect_schema()[at]
    if not isinstance(dtype, nw.Datetime | nw.Date):
        raise DataError(f"is {dtype}, not a time. Parse it, for example with pandas.to_datetime.", column=at)
    end = None if as_of is None else dt.datetime.fromisoformat(str(as_of))
    if end is not None and end.tzinfo is not None:
        zone = time_zone or getattr(dtype, "time_zone", None)
        if zone is None:
            raise ValueError(f"time_zone: say it, because as_of has a zone and {at!r} has none")
        end = end.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    time = nw.col(at)
    rows = local_time(rows, at, time_zone).with_columns(time.cast(nw.Datetime("us"))).filter(~time.is_null())
    rows = rows if end is None else rows.filter(time < nw.lit(end))
    return rows if every is None else rows.with_columns(period=_start(time, every)), end


def period_begun_in(rows: nw.LazyFrame[Any], at: str) -> dt.datetime | None:
    """Start of the period within which the data begin; None where they cover their first period from its start.

    Days without a row at the start of a period can mean that nothing happened or that the data begin later. They are
    taken as the first as long as the pause is a usual one: not longer than 95 % of the later pauses between days with
    rows.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        As ``dated`` returns them, with a ``period``.
    at : str
        Column with the time of a row.

    Examples
    --------
    Daily rows from 2 January on, and from the 10th on:

    >>> for first in (2, 10):
    ...     times = pl.datetime_range(dt.datetime(2026, 1, first), dt.datetime(2026, 3, 1), "1d", eager=True)
    ...     rows, _ = dated(nw.from_native(pl.LazyFrame({"time": times})), "time", "1mo", None, None)
    ...     print(period_begun_in(rows, "time"))
    None
    2026-01-01 00:00:00
    """
    begin, period = collected(rows.select(nw.col(at).min().alias("begin"), nw.col("period").min())).row(0)
    if begin is None or begin - period < DAY:
        return None
    days = rows.group_by(nw.col(at).dt.truncate("1d").alias("day")).agg(nw.len().alias("rows"))
    pauses = collected(days).sort("day")["day"].diff().dt.total_microseconds()
    usual = dt.timedelta(microseconds=pauses.quantile(USUAL, "higher") or 0)
    return period if begin - period >= usual + DAY else None


def with_all_periods(
    result: pl.DataFrame, by: list[str], every: str, begun_in: dt.datetime | None, end: dt.datetime | None
) -> pl.DataFrame:
    """Estimates of all metrics and groups in every period up to the last or the end, with partial ones marked.

    Parameters
    ----------
    result : polars.DataFrame
        ``metric``, the columns of ``by``, ``period`` and the fields of ``Estimate``.
    by : list of str
        Columns of the groups.
    every : str
        One of ``PERIODS``.
    begun_in : datetime, optional
        As ``period_begun_in`` returns it.
    end : datetime, optional
        As ``dated`` returns it.
    """
    if result.is_empty():
        return result
    result = result.with_columns(pl.col("period").cast(pl.Datetime("us")))
    last = pl.lit(end - dt.timedelta(microseconds=1)).dt.truncate(every) if end else pl.col("period").max()
    periods = result.select(pl.datetime_ranges(pl.col("period").min(), last, every).explode())
    grid = result.select("metric", *by).unique(maintain_order=True).join(periods, how="cross")
    full = grid.join(result, on=["metric", *by, "period"], how="left", nulls_equal=True).with_columns(
        pl.col(NUMBERS).fill_null(math.nan),
        pl.col("n", "units").fill_null(0),
        pl.col("method", "warning").fill_null(""),
        pl.col("reason").fill_null("no_rows"),
    )
    marked = pl.concat_str("warning", pl.lit(" partial_period")).str.strip_chars()
    partial = pl.lit(begun_in).eq_missing(pl.col("period"))
    if end is not None:
        partial |= pl.col("period").dt.offset_by(every) > end
    return full.with_columns(warning=pl.when(partial).then(marked).otherwise("warning"))


def _start(time: nw.Expr, every: str) -> nw.Expr:
    """Start of the period that holds a time."""
    if every == "1w":
        since_monday = (time.dt.weekday() + 6) % 7  # Sunday is 7, and 0 on Spark
        return time.dt.truncate("1d") - nw.lit(dt.timedelta(days=1)) * since_monday
    return time.dt.truncate(every)


def period_starts(end: dt.datetime, period: str, count: int) -> list[dt.datetime]:
    """First days of the last calendar periods up to a time, at midnight, oldest first.

    Parameters
    ----------
    end : datetime
        The last start is on it or before it.
    period : {"week", "month", "quarter"}
        Length of a period; weeks start on Monday.
    count : int
        How many, from 1 on.

    Examples
    --------
    >>> [str(day.date()) for day in period_starts(dt.datetime(2026, 3, 31), "month", 3)]
    ['2026-01-01', '2026-02-01', '2026-03-01']
    >>> [str(day.date()) for day in period_starts(dt.datetime(2026, 5, 1), "quarter", 2)]
    ['2026-01-01', '2026-04-01']
    """
    midnight = dt.datetime.combine(end.date(), dt.time(), end.tzinfo)
    if period == "week":
        monday = end.date() - dt.timedelta(days=end.weekday())
        days = [monday - dt.timedelta(weeks=back) for back in reversed(range(count))]
        return [dt.datetime.combine(day, dt.time(), end.tzinfo) for day in days]
    length = {"month": 1, "quarter": MONTHS_A_QUARTER}[period]
    last = midnight.year * MONTHS_A_YEAR + (midnight.month - 1) // length * length
    months = [last - length * back for back in reversed(range(count))]
    return [midnight.replace(year=n // MONTHS_A_YEAR, month=n % MONTHS_A_YEAR + 1, day=1) for n in months]
