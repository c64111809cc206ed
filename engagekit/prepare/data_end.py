"""Time until which the data of an export go."""

import datetime as dt
from itertools import pairwise
from typing import Any

import narwhals as nw

from engagekit.frames.engine import collected

__all__ = ["data_end"]

FEWEST_DAYS = 10


def data_end(rows: Any, time: str, end: dt.datetime) -> dt.datetime:
    """Time until which the data go: the end, or earlier where an export is older.

    It is older where nothing was recorded for longer than ever before. What came after that is not known, and nobody
    left for it. Fewer than ten days with a record cannot say.

    Parameters
    ----------
    rows : frame
        What was recorded before the end.
    time : str
        Its column of times.
    end : datetime
        Midnight.

    Returns
    -------
    datetime
        The end, or the midnight after the last day with a record.

    Examples
    --------
    >>> import polars as pl
    >>> visits = pl.DataFrame({"time": [dt.datetime(2026, 1, day, 9) for day in range(1, 21)]})
    >>> data_end(visits, "time", dt.datetime(2026, 1, 22)), data_end(visits, "time", dt.datetime(2026, 2, 22))
    (datetime.datetime(2026, 1, 21, 0, 0), datetime.datetime(2026, 1, 21, 0, 0))
    """
    days = collected(nw.from_native(rows).lazy().select(nw.col(time).dt.truncate("1d")).unique())
    dates = days[time].dt.date().drop_nulls().sort().to_list()
    if len(dates) < FEWEST_DAYS:
        return end
    longest = max(new - old for old, new in pairwise(dates))
    over = dt.datetime.combine(dates[-1] + dt.timedelta(days=1), dt.time(), end.tzinfo)
    return end if end.date() - dates[-1] <= longest else over
