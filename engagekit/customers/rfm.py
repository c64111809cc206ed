"""RFM: customers sorted by how recently, how often and for how much they bought, and named groups of them."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.frames.engine import collected, one_where, to_narwhals, to_native
from engagekit.frames.times import DAY_US, micros_at, with_micros

__all__ = ["GROUPS", "rfm"]

FIFTHS = 5
MEASURES = {"recency": "recency_days", "frequency": "orders", "monetary": "value"}
GROUPS = {  # by recency, then by frequency from 1 to 5
    5: ("promising", "potential_loyalist", "potential_loyalist", "champion", "champion"),
    4: ("promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"),
    3: ("about_to_sleep", "about_to_sleep", "needs_attention", "loyal", "loyal"),
    2: ("hibernating", "hibernating", "nearly_lost", "nearly_lost", "cannot_lose"),
    1: ("lost", "lost", "nearly_lost", "nearly_lost", "cannot_lose"),
}


def rfm(
    orders: Any, dates: dt.datetime | Iterable[dt.datetime], cuts: Mapping[str, Sequence[float]] | None = None
) -> Any:
    """Recency, frequency and monetary value of each buyer before each of some dates, in fifths, and a named group.

    Customers with the same number get the same fifth, so that fifths differ in size and may be empty: where most
    bought once, nobody has the lowest frequency.

    Parameters
    ----------
    orders : frame
        ``customer_id, time, value, lines``, a row an order, as ``engagekit.orders`` makes it.
    dates : datetime or iterable of datetime
        For each, orders from then on are left out. Fifths are among the buyers before the same date.
    cuts : mapping of str to sequence of float, optional
        Four rising numbers by the name of a measure (``recency_days``, ``orders``, ``value``), for fifths of one's own:
        a customer at a cut or above it is in the next fifth. By default quintiles.

    Returns
    -------
    frame of the caller's kind
        One row a buyer and date, in the order of ``date`` and ``customer_id``:

        - ``customer_id, date``;
        - ``recency_days``, since the last order, above 0; ``orders``, from 1 on; ``value``, money less refunds, null
          where no order has one;
        - ``recency, frequency, monetary``, fifths from 1 to 5, where 5 is best; null where the measure is;
        - ``rfm``, the group by recency and frequency: ``champion``, ``loyal``, ``potential_loyalist``, ``promising``,
          ``needs_attention``, ``about_to_sleep``, ``cannot_lose``, ``nearly_lost``, ``hibernating`` or ``lost``.

    Raises
    ------
    DataError
        A column is absent, or ``time`` holds no times.
    ValueError
        There is no date; ``cuts`` names no measure, or they are not four rising numbers; or one of dates and times
        lacks a zone.

    Notes
    -----
    The fifth of a rank r among n is ⌈5 r / n⌉, with the average rank of equal customers. Money is rounded to
    ten-thousandths, so that the order of rows changes nothing.

    References
    ----------
    Hughes, A. M. (1994). Strategic Database Marketing. Probus.

    Examples
    --------
    >>> bought = pl.DataFrame({"customer_id": ["a", "a", "b", "c"], "value": [9.0, 5.0, 7.0, 8.0], "lines": 1,
    ...     "time": [dt.datetime(2026, 1, day) for day in (2, 9, 5, 1)]})
    >>> rfm(bought, dt.datetime(2026, 1, 11)).select("customer_id", "recency", "frequency", "monetary", "rfm").rows()
    [('a', 5, 5, 5, 'champion'), ('b', 4, 3, 2, 'potential_loyalist'), ('c', 2, 3, 4, 'nearly_lost')]
    """
    own = _checked(cuts or {})
    rows = with_micros(to_narwhals(orders, ["customer_id", "time", "value", "lines"]), "time", "us")
    ends = sorted({dates} if isinstance(dates, dt.datetime) else set(dates))
    if not ends:
        raise ValueError("dates: there is none, and there must be one at least")
    parts = [_in_fifths(_bought_before(rows, end), own) for end in ends]
    made = pl.concat(parts).sort("date", "customer_id")
    return to_native(nw.from_native(made.lazy()), orders)


def _checked(cuts: Mapping[str, Sequence[float]]) -> Mapping[str, Sequence[float]]:
    for name, numbers in cuts.items():
        if name not in MEASURES.values():
            raise ValueError(f"cuts: {name!r} is not one of {', '.join(MEASURES.values())}")
        if len(numbers) != FIFTHS - 1 or any(one >= other for one, other in pairwise(numbers)):
            raise ValueError(f"cuts of {name}: {list(numbers)} are not four rising numbers")
    return cuts


def _bought_before(rows: nw.LazyFrame[Any], end: dt.datetime) -> pl.DataFrame:
    """Measures of each buyer before a date."""
    end_us, is_order = micros_at(rows, "time", end), nw.col("lines") > 0
    sums = (
        rows.filter(nw.col("us") < end_us, ~nw.col("customer_id").is_null())
        .with_columns(
            ordered=one_where(is_order),
            ordered_us=nw.when(is_order).then(nw.col("us")),
            valued=nw.col("value").cast(nw.Float64),
        )
        .group_by("customer_id")
        .agg(
            nw.col("ordered_us").max().alias("last"),
            nw.col("ordered").sum().alias("orders"),
            nw.col("valued").sum().alias("value"),
            nw.col("valued").count().alias("priced"),
        )
        .filter(nw.col("orders") > 0)
    )
    return collected(sums).select(
        "customer_id",
        pl.lit(end).alias("date"),
        recency_days=(end_us - pl.col("last")) / DAY_US,
        orders=pl.col("orders").cast(pl.Int64),
        value=pl.when(pl.col("priced") > 0).then(pl.col("value").round(4)),
    )


def _in_fifths(buyers: pl.DataFrame, cuts: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    """Buyers of one date with their fifths and groups."""
    scored = buyers.with_columns(
        _fifth(pl.col(column), cuts.get(column), most_is_best=name != "recency").alias(name)
        for name, column in MEASURES.items()
    )
    names = pl.DataFrame(
        [(recency, place, name) for recency, row in GROUPS.items() for place, name in enumerate(row, start=1)],
        schema={"recency": pl.Int64, "frequency": pl.Int64, "rfm": pl.String},
        orient="row",
    )
    return scored.join(names, on=["recency", "frequency"], how="left")


def _fifth(number: pl.Expr, cuts: Sequence[float] | None, *, most_is_best: bool) -> pl.Expr:
    if cuts is None:
        rank = number.rank("average", descending=not most_is_best)
        return (FIFTHS * rank / number.count()).ceil().cast(pl.Int64)
    reached = pl.sum_horizontal((number >= cut).cast(pl.Int64) for cut in cuts) + 1
    return pl.when(number.is_not_null()).then(reached if most_is_best else FIFTHS + 1 - reached)
