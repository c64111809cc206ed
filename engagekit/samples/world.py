"""The world of a sample: its calendar, its people, and the random draws that its tables share.

Engagement drifts from week to week around an individual level and lowers the hazard of leaving, so that a decline tends
to come before a departure. Moments are wall-clock seconds after ``START``, infinite or NaN where there is none.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from engagekit.data.tables import TABLES, TYPES, column_type

__all__ = [
    "DAY",
    "END",
    "HOUR",
    "MONTHS",
    "SPAN",
    "START",
    "WEEK",
    "WEEKS",
    "Array",
    "Columns",
    "People",
    "Rng",
    "Shop",
    "any_of",
    "any_time",
    "awake",
    "blank",
    "campaign_at",
    "clock",
    "make_people",
    "moments",
    "pick",
    "typed",
    "voices",
]

START, END = dt.date(2025, 5, 1), dt.date(2026, 11, 1)
HOUR, DAY, WEEK = 3_600, 86_400, 7 * 86_400
SPAN = (END - START).days * DAY
WEEKS = np.arange(0, SPAN, WEEK)  # the last one is cut short by END
MONTHS = np.array([(dt.date(2025 + m // 12, m % 12 + 1, 1) - START).days * DAY for m in range(4, 23)])
LEVEL_SD, DRIFT_SD, DRIFT_KEPT = 0.75, 0.65, 0.95  # of engagement, among and within customers

Array = npt.NDArray[Any]
Rng = np.random.Generator
Shop = dict[str, Any]  # what sample.toml says of a business and of all three
Columns = dict[str, Any]  # by name; one value stands for a whole column


@dataclass(frozen=True)
class People:
    """Customers in the order of joining.

    Attributes
    ----------
    ids : polars.Series
        Customer ids.
    joined, left_at : ndarray
        Moments of joining and leaving; infinite for those who have not left.
    plan : ndarray
        Number of the plan, -1 for none.
    engagement, hazard : ndarray
        With a column for each of ``WEEKS``.
    """

    ids: pl.Series
    joined: Array
    left_at: Array
    plan: Array
    engagement: Array
    hazard: Array

    def __getitem__(self, part: slice) -> "People":
        """Customers of a slice."""
        return People(*(getattr(self, field.name)[part] for field in fields(self)))

    def here(self, times: Array) -> Array:
        """Whether each customer has joined and not left at each moment, a column a moment."""
        return (self.joined[:, None] <= times) & (times < self.left_at[:, None])

    def until(self, who: Array) -> Array:
        """Moment of leaving, or the end of the history if that is earlier."""
        return np.minimum(self.left_at[who], SPAN)


def make_people(rng: Rng, shop: Shop, count: int, effect: float) -> People:
    """Draw the customers of a sample.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the random numbers.
    shop : dict
        What ``sample.toml`` says of the business.
    count : int
        Number of customers.
    effect : float
        Log hazard ratio of leaving for each unit of engagement.
    """
    day = np.where(rng.random(count) < 0.5, -rng.integers(1, 900, count), rng.integers(0, SPAN // DAY, count))
    joined = np.sort(day * DAY + _hour(rng, shop, count))
    drift = rng.normal(size=(WEEKS.size, count))
    for week in range(1, WEEKS.size):
        drift[week] = DRIFT_KEPT * drift[week - 1] + np.sqrt(1 - DRIFT_KEPT**2) * drift[week]
    engagement = np.ascontiguousarray((rng.normal(0, LEVEL_SD, count) + DRIFT_SD * drift).T)
    hazard = -np.expm1(-shop["base_hazard"] * np.exp(effect * engagement))
    leaves = (rng.random(hazard.shape) < hazard) & (joined[:, None] <= WEEKS)
    left_at = WEEKS[leaves.argmax(axis=1)] + rng.integers(0, 7, count) * DAY + _hour(rng, shop, count)
    return People(
        shop["prefix"] + pl.int_range(1, count + 1, eager=True).cast(pl.String).str.zfill(6),
        joined,
        np.where(leaves.any(axis=1) & (left_at < SPAN), left_at, np.inf),
        np.where(rng.random(count) < shop["subscribed"], rng.integers(0, len(shop["plans"]), count), -1),
        engagement,
        hazard,
    )


def _hour(rng: Rng, shop: Shop, count: int) -> Array:
    """Seconds of the day from 6:30 to 21:30, when no time zone changes its clocks."""
    early, late = shop["hours"]
    return np.asarray((6.5 + 15 * rng.beta(early, late, count)) * HOUR, dtype=int)


def any_time(rng: Rng, shop: Shop, count: int) -> Array:
    """Random moments of the whole history, in order."""
    return np.sort(rng.integers(0, SPAN // DAY, count) * DAY + _hour(rng, shop, count))


def awake(moment: Array) -> Array:
    """Moments with those of the night moved to the morning."""
    return np.where(moment % DAY < 6.5 * HOUR, moment + 6.5 * HOUR, moment)


def moments(rng: Rng, shop: Shop, people: People, weekly: float | Array) -> tuple[Array, Array, Array]:
    """Draw events at a weekly rate while customers are there: their index, their engagement and the moment."""
    counts = rng.poisson(weekly, people.engagement.shape).ravel()
    who, week = np.divmod(np.repeat(np.arange(counts.size), counts), WEEKS.size)
    weekdays = np.roll(shop["weekdays"], -START.weekday())
    day = rng.choice(7, who.size, p=weekdays / weekdays.sum())
    moment = WEEKS[week] + day * DAY + _hour(rng, shop, who.size)
    lived = (people.joined[who] <= moment) & (moment < people.until(who))
    order = np.flatnonzero(lived)[np.argsort(moment[lived], kind="stable")]
    return who[order], people.engagement[who[order], week[order]], moment[order]


def pick(names: Iterable[str], codes: Array) -> pl.Series:
    """Names by number, from 0; null for -1."""
    return pl.Series([*names, None], dtype=pl.String).gather(codes)


def any_of(rng: Rng, names: Collection[str], count: int) -> pl.Series:
    """Random names with equal probability."""
    return pick(names, rng.integers(0, len(names), count))


def voices(rng: Rng, texts: list[str], mood: Array) -> pl.Series:
    """Random texts from the third that belongs to each mood, from 0 (bad) to 2 (good)."""
    each = len(texts) // 3
    return pick(texts, mood * each + rng.integers(0, each, mood.size))


def blank(where: Array, series: pl.Series) -> pl.Series:
    """Series with null in some rows."""
    return series.set(pl.Series(where), None)


def campaign_at(shop: Shop, moment: Array) -> pl.Series:
    """Campaign that runs at each moment; campaigns take turns by month."""
    month = np.searchsorted(MONTHS, moment, side="right") - 1
    return pick(shop["campaigns"], month % len(shop["campaigns"]))


def clock(column: str, shop: Shop) -> pl.Expr:
    """Expression of the times that the business's tools record for a column of moments."""
    seconds = pl.when(pl.col(column).is_finite()).then(pl.col(column)).cast(pl.Int64)
    wall = pl.lit(START).cast(pl.Datetime("us")) + pl.duration(seconds=seconds)
    return wall.dt.truncate(shop["clock"]).dt.replace_time_zone(shop["time_zone"]).alias(column)


def typed(table: str, columns: Columns | pl.DataFrame, shop: Shop) -> pl.DataFrame:
    """Frame of a table in the column order and types of ``TABLES``, from columns with moments in seconds."""
    frame = pl.DataFrame(columns)
    known = [column for column in TABLES[table].columns if column in frame.columns]
    return frame.select(_cast(column, column_type(table, column), frame.schema[column], shop) for column in known)


def _cast(column: str, kind: str, dtype: pl.DataType, shop: Shop) -> pl.Expr:
    if kind == "number":
        return pl.col(column).cast(pl.Float64).fill_nan(None).round(2) + 0.0  # no negative zero
    if kind == "time":
        return clock(column, shop) if dtype.is_numeric() else pl.col(column)
    return pl.col(column).cast(TYPES[kind] or pl.String)
