"""Business of frames, without a folder: tables with our names of their columns, in a zone, up to a date."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.data.business import Business
from engagekit.data.tables import TABLES, event_time
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, column_names, to_narwhals

__all__ = ["day_after", "given_business"]


def given_business(
    frames: Mapping[str, Any],
    columns: Mapping[str, str],
    *,
    time_zone: str,
    currency: str,
    language: str,
    fixed: Iterable[str],
) -> Business:
    """Business without a name or a folder, whose ``tables`` are the frames.

    Raises
    ------
    DataError
        There is no such table.
    """
    for name in frames:
        if name not in TABLES:
            raise DataError(f"there is no table {name!r}. {did_you_mean(name, TABLES)}")
    return Business.model_construct(
        name="",
        kind="subscription" if "subscriptions" in frames else "ecommerce",
        language=language,
        currency=currency,
        time_zone=time_zone,
        tables={name: _in_zone(_renamed(frame, columns), time_zone) for name, frame in frames.items()},
        fixed=list(fixed),
    )


def _renamed(frame: Any, columns: Mapping[str, str]) -> Any:
    """Frame with our names of its columns."""
    theirs = set(column_names(frame))
    ours = {name: our for our, name in columns.items() if name in theirs}
    return nw.to_native(nw.from_native(frame).rename(ours)) if ours else frame


def _in_zone(frame: Any, time_zone: str) -> Any:
    """Frame whose times without a zone are in that one."""
    if not time_zone or not _in_memory(frame):
        return frame
    rows = nw.from_native(frame)
    naive = [n for n, kind in rows.collect_schema().items() if isinstance(kind, nw.Datetime) and not kind.time_zone]
    return nw.to_native(rows.with_columns(nw.col(n).dt.replace_time_zone(time_zone) for n in naive)) if naive else frame


def _in_memory(frame: Any) -> bool:
    return nw.dependencies.is_pandas_dataframe(frame) or isinstance(frame, pl.DataFrame | pl.LazyFrame)


def day_after(frames: Mapping[str, Any], as_of: dt.datetime | dt.date | str | None) -> dt.datetime:
    """Midnight of a date, in the zone of the tables' times; by default after their last row.

    Raises
    ------
    DataError
        A table lacks the times that date its rows, or no table has any.
    """
    latest = [_last_time(name, frame) for name, frame in frames.items()]
    known = [time for time in latest if time is not None]
    if not known:
        raise DataError("no table has a dated row, so there is nothing to study. Give one.")
    zone = getattr(known[0], "tzinfo", None)
    if as_of is None:
        day = max(time.date() if isinstance(time, dt.datetime) else time for time in known) + dt.timedelta(days=1)
    else:
        day = dt.datetime.fromisoformat(str(as_of)).date()
    return dt.datetime.combine(day, dt.time(), zone)


def _last_time(table: str, frame: Any) -> Any:
    """Latest time of a table's rows; None where there is none."""
    name = event_time(table)
    if not TABLES[table].columns[name].required and name not in column_names(frame):
        return None
    last = collected(to_narwhals(frame, [name]).select(nw.col(name).max())).item()
    if last is not None and not isinstance(last, dt.date):
        raise DataError("is no time. Parse it, for example with pandas.to_datetime.", file=table, column=name)
    return last
