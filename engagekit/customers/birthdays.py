"""Birthdays: the customers to congratulate in the coming days."""

import datetime as dt
from typing import TYPE_CHECKING, Any

import polars as pl

from engagekit.customers.win_back import without_opted_out
from engagekit.frames.engine import collected, to_narwhals

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["birthdays"]

LONGEST = 365


def birthdays(customers: Any, as_of: dt.date, days: int = 30) -> "pd.DataFrame":
    """Customers with a birthday in the coming days who have not opted out of messages.

    The year of birth plays no part, so that it may be a placeholder such as 1900. Who was born on 29 February has the
    birthday on 28 February in a common year.

    Parameters
    ----------
    customers : frame
        ``customer_id``, ``birthday`` (a date) and, if known, ``opted_out``: a customer with a missing one is listed.
    as_of : date or datetime
        First of the coming days, such as ``study.end``.
    days : int, default 30
        How many days count, from 1 to 365.

    Returns
    -------
    pandas.DataFrame
        ``customer_id``, ``birthday``, ``next_birthday`` and ``days_until``, 0 on the day ``as_of``; by date, and by id
        on one day.

    Raises
    ------
    DataError
        A column is absent.
    ValueError
        ``days`` is out of its range.

    Examples
    --------
    >>> born = pl.DataFrame({"customer_id": ["a", "b"], "birthday": [dt.date(1990, 1, 3), dt.date(1988, 2, 29)]})
    >>> birthdays(born, dt.date(2026, 2, 1))[["customer_id", "days_until"]].to_numpy().tolist()
    [['b', 27]]
    """
    if not 1 <= days <= LONGEST:
        raise ValueError(f"days: {days} is not between 1 and {LONGEST}")
    today = as_of.date() if isinstance(as_of, dt.datetime) else as_of
    rows = collected(without_opted_out(to_narwhals(customers, ["customer_id", "birthday"]), customers))
    born = pl.col("birthday").cast(pl.Date)
    this_year, next_year = (_in_year(born, today.year + later) for later in (0, 1))
    until = (pl.col("next_birthday") - pl.lit(today)).dt.total_days()
    listed = rows.select(
        "customer_id", birthday=born, next_birthday=pl.when(this_year >= today).then(this_year).otherwise(next_year)
    ).with_columns(days_until=until)
    coming = listed.filter(pl.col("customer_id").is_not_null(), pl.col("days_until") < days)
    return coming.sort("next_birthday", "customer_id").to_pandas()


def _in_year(born: pl.Expr, year: int) -> pl.Expr:
    """Birthday in a year; that of 29 February is on the 28th in a common one."""
    last = 28 + pl.date(year, 1, 1).dt.is_leap_year().cast(pl.Int8)
    day = born.dt.day()
    return pl.date(
        year, born.dt.month(), pl.when(born.dt.month() == 2).then(pl.min_horizontal(day, last)).otherwise(day)
    )
