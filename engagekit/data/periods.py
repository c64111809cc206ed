"""Paid periods whose ends are their last days: each next one starts a day later, and not at the end."""

from dataclasses import dataclass

import polars as pl

__all__ = ["Renewals", "renewals", "with_exclusive_ends"]

MOST = 0.5  # of the periods that are followed by another
FEWEST = 5  # of them: a customer who came back a day late says nothing of the others


@dataclass(frozen=True)
class Renewals:
    """How paid periods follow one another.

    Attributes
    ----------
    followed : int
        Periods with an end that are followed by another one of the same customer.
    day_later : int
        Those whose next one starts on the day after the end.
    overlapping : int
        Those whose next one starts before the end.
    at_midnight : bool
        Whether all ends are days, without a time.
    """

    followed: int
    day_later: int
    overlapping: int
    at_midnight: bool

    @property
    def ends_are_last_days(self) -> bool:
        """Whether ends must be the last days of periods: most that are followed are so a day later."""
        return self.at_midnight and self.day_later >= FEWEST and self.day_later > MOST * self.followed


def renewals(periods: pl.DataFrame) -> Renewals:
    """How paid periods follow one another.

    Parameters
    ----------
    periods : polars.DataFrame
        ``customer_id, starts_at, ends_at``, times in one zone.

    Examples
    --------
    >>> from datetime import datetime
    >>> months = pl.DataFrame({"customer_id": ["a", "a"], "starts_at": [datetime(2026, 1, 1), datetime(2026, 2, 1)],
    ...     "ends_at": [datetime(2026, 1, 31), datetime(2026, 2, 28)]})
    >>> renewals(months).day_later
    1
    """
    starts = periods.select("customer_id", at="starts_at").unique().with_columns(begins=pl.lit(value=True))
    order = ["customer_id", "starts_at", "ends_at"]
    rows = (
        periods.select(order)
        .sort(order)
        .with_columns(next=pl.col("starts_at").shift(-1).over("customer_id"), day=pl.col("ends_at").dt.offset_by("1d"))
    )
    rows = rows.filter(pl.col("ends_at").is_not_null())
    at_once = rows.join(starts, left_on=["customer_id", "ends_at"], right_on=["customer_id", "at"], how="left")
    later = at_once.join(
        starts, left_on=["customer_id", "day"], right_on=["customer_id", "at"], how="left", suffix="_day"
    )
    follows = pl.col("begins").is_not_null() | pl.col("begins_day").is_not_null() | (pl.col("next") < pl.col("ends_at"))
    day_later = pl.col("begins").is_null() & pl.col("begins_day").is_not_null()
    overlaps = pl.col("next") < pl.col("ends_at")
    counts = later.select(follows.sum(), day_later.sum().alias("day"), (overlaps & ~day_later).sum().alias("over"))
    midnight = (pl.col("ends_at").dt.time() == pl.time(0, 0, 0)).all()
    followed, days, overlapping = counts.row(0)
    return Renewals(followed, days, overlapping, bool(periods.select(midnight).item()))


def with_exclusive_ends(periods: pl.DataFrame) -> pl.DataFrame:
    """Periods that end a day later: at the end of what was their last day."""
    return periods.with_columns(pl.col("ends_at").dt.offset_by("1d"))
