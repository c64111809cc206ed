"""Credit of campaigns for conversions by three conventions: the first touch, the last touch, all touches alike."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.frames.engine import collected, to_narwhals
from engagekit.frames.times import span_us, with_micros

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONVENTIONS", "touches"]

CONVENTIONS = ("first", "last", "linear")
US = ":us"
Places = NDArray[np.int64]


def touches(
    interactions: Any, within: str = "30d", key_actions: Sequence[str] = ("purchase",), gap: str = "30m"
) -> "pd.DataFrame":
    """Conversions that each campaign is credited with, and their value, by first, last and linear touch.

    These are conventions of who gets the credit. None of them says what a campaign caused.

    Parameters
    ----------
    interactions : frame of any kind
        ``customer_id, time, action, campaign`` and, where given, ``value, order_id``; unique. Rows without a customer
        or a time do not count.
    within : str, default "30d"
        Days before a conversion in which a touch counts; one at the time of the conversion does, one exactly so many
        days before does not.
    key_actions : sequence of str, default ("purchase",)
        Actions that are conversions. The lines of a customer's ``order_id`` are one, and so are those with one action
        and time.
    gap : str, default "30m"
        Interactions of a customer with one campaign and less than this between each and the next are one touch, at the
        time of the first.

    Returns
    -------
    pandas.DataFrame
        A row a campaign, by name, and one with no name for conversions without a touch: ``first, last, linear``, the
        conversions; with a ``value``, ``first_value, last_value, linear_value``; and ``customers``, the smallest number
        of customers above 0 behind any of them. Each of the three has the same sum. Empty without conversions.

    Raises
    ------
    DataError
        A column is absent.
    ValueError
        ``within`` or ``gap`` is no time.

    Notes
    -----
    Of m touches each gets 1/m in linear touch. Each conversion looks back on its own, also beyond an earlier one.

    Examples
    --------
    >>> from datetime import datetime
    >>> done = [("a", 1, "view", "Mei"), ("a", 3, "view", "Juni"), ("a", 5, "purchase", None)]
    >>> done += [("b", 6, "purchase", None)]
    >>> rows = [(who, datetime(2026, 6, day), action, campaign) for who, day, action, campaign in done]
    >>> credit = touches(pl.DataFrame(rows, ["customer_id", "time", "action", "campaign"], orient="row"))
    >>> credit[["campaign", "first", "last", "linear"]].fillna("none").to_numpy().tolist()
    [['Juni', 0.0, 1.0, 0.5], ['Mei', 1.0, 0.0, 0.5], ['none', 1.0, 1.0, 1.0]]
    """
    within_us, gap_us = span_us("within", within, "d"), span_us("gap", gap, "mh")
    rows = _touches_and_conversions(interactions, list(key_actions))
    touch_rows, converted = _touches(rows, gap_us), _conversions(rows, list(key_actions))
    begin, end = _positions(touch_rows, converted, within_us)
    touched = end > begin
    given = _credits(len(touch_rows), begin[touched], end[touched], converted.filter(touched))
    no_campaign = pl.lit(None, touch_rows["campaign"].dtype).alias("campaign")
    alike = [pl.lit(1.0).alias(name) for name in CONVENTIONS]
    alike += [pl.col("value").alias(f"{name}_value") for name in CONVENTIONS]
    without = converted.filter(~touched).select("who", no_campaign, *alike)
    table = _summed(pl.concat([touch_rows.drop(US).with_columns(given), without], how="diagonal"))
    return (table if "value" in rows.columns else table.select(pl.exclude("^.*_value$"))).to_pandas()


def _touches_and_conversions(interactions: Any, key_actions: list[str]) -> pl.DataFrame:
    """Interactions that carry a campaign or convert, in order."""
    needed, optional = ["customer_id", "time", "action", "campaign"], ["value", "order_id"]
    rows = with_micros(to_narwhals(interactions, needed, optional), "time", US)
    rows = rows.filter(~nw.col("customer_id").is_null(), ~nw.col(US).is_null())
    rows = rows.filter(~nw.col("campaign").is_null() | nw.col("action").is_in(key_actions))
    kept = [name for name in (*needed, *optional, US) if name in rows.collect_schema().names() and name != "time"]
    marked = collected(rows.select(kept)).with_columns(pl.col("customer_id", "campaign").cast(pl.String))
    names: dict[Any, Any] = {
        name: pl.Enum(marked[name].drop_nulls().unique().sort()) for name in ("customer_id", "campaign")
    }
    return marked.cast(names).with_columns(who=pl.col("customer_id").to_physical().cast(pl.Int64)).drop("customer_id")


def _touches(rows: pl.DataFrame, gap_us: int) -> pl.DataFrame:
    """One row a touch, by customer and time."""
    marked = rows.filter(pl.col("campaign").is_not_null()).select("who", "campaign", US).sort("who", "campaign", US)
    follows = (pl.col("who", "campaign") == pl.col("who", "campaign").shift()) & (pl.col(US).diff() < gap_us)
    return marked.filter(~pl.all_horizontal(follows).fill_null(value=False)).sort("who", US, "campaign")


def _conversions(rows: pl.DataFrame, key_actions: list[str]) -> pl.DataFrame:
    """One row a conversion with its value, by customer and time."""
    rows = rows.filter(pl.col("action").is_in(key_actions))
    order = pl.col("order_id").cast(pl.String) if "order_id" in rows.columns else pl.lit(None, pl.String)
    value = pl.col("value").cast(pl.Float64) if "value" in rows.columns else pl.lit(0.0)
    rows = rows.select(
        "who",
        pl.col("action").cast(pl.Enum(sorted({*key_actions}))),
        US,
        order_id=order,
        value=value.fill_nan(0).fill_null(0),
    )
    alone = pl.when(pl.col("order_id").is_null()).then(pl.col(US))
    grouped = rows.sort("value").group_by("who", "action", "order_id", alone.alias("instant"))
    return grouped.agg(pl.col(US).min(), pl.col("value").sum()).sort("who", US, "value")


def _positions(touch_rows: pl.DataFrame, converted: pl.DataFrame, within_us: int) -> tuple[Places, Places]:
    """First touch of each conversion, and the one after its last."""
    times = touch_rows[US].unique().sort().to_numpy()
    who, width = converted["who"].to_numpy(), len(times) + 1

    def place(number: Places, time: Places) -> Places:
        return number * width + np.searchsorted(times, time, "right")

    touched, end = place(touch_rows["who"].to_numpy(), touch_rows[US].to_numpy()), converted[US].to_numpy()
    begin, after = (np.searchsorted(touched, place(who, time), "right") for time in (end - within_us, end))
    return begin, after


def _credits(size: int, begin: Places, end: Places, converted: pl.DataFrame) -> list[pl.Series]:
    """Conversions and value of each touch; conversion i shares the touches from ``begin`` up to ``end``.

    What begins at a touch is added there and taken away at its end, so that the running sum is the touch's share,
    however many conversions share it.
    """
    covering = np.cumsum(np.bincount(begin, minlength=size + 1) - np.bincount(end, minlength=size + 1))[:size] > 0
    columns = []
    for what, money in (("", np.ones(len(converted))), ("_value", converted["value"].to_numpy())):
        part = money / (end - begin)
        shares = np.cumsum(np.bincount(begin, part, size + 1) - np.bincount(end, part, size + 1))[:size]
        given = {"first": np.bincount(begin, money, size), "last": np.bincount(end - 1, money, size)}
        given["linear"] = np.where(covering, shares, 0)  # no remainder of rounding
        columns += [pl.Series(name + what, numbers, pl.Float64) for name, numbers in given.items()]
    return columns


def _summed(credits: pl.DataFrame) -> pl.DataFrame:
    """Credit of each campaign that has some, with the smallest number of customers behind one of its numbers."""
    credited = [pl.col("who").filter(pl.col(name) > 0).n_unique().alias(f"{name}_who") for name in CONVENTIONS]
    columns = [pl.col(f"{name}{what}").sum() for what in ("", "_value") for name in CONVENTIONS]
    sums = credits.group_by("campaign", maintain_order=True).agg(*columns, *credited)
    behind = [pl.when(pl.col(f"{name}_who") > 0).then(pl.col(f"{name}_who")) for name in CONVENTIONS]
    some = sums.filter(pl.col("linear_who") > 0).with_columns(customers=pl.min_horizontal(behind))
    table = some.select(pl.col("campaign").cast(pl.String), pl.exclude("campaign", "^.*_who$"))
    return table.sort("campaign", nulls_last=True)
