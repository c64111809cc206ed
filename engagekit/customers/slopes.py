"""Slopes of customers' scores over time: a description, not a test."""

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.errors import DataError
from engagekit.frames.engine import to_narwhals, to_native
from engagekit.frames.times import with_micros

__all__ = ["slopes", "trailing_slopes"]

Floats = NDArray[np.float64]

TRAIL = 4  # dates of a trailing slope
DECIMALS = 6  # the last ones depend on the order in which an engine adds, and on how scores were rounded
WEEK_US = 7 * 86_400_000_000


def slopes(scored: Any) -> Any:
    """Slope of each customer's score over its dates, in points per week.

    Scores on weekly dates look back over windows that overlap, so neighbouring scores are alike whether or not anything
    changed. The p-value of a regression on them has no meaning: it calls most unchanged customers significant, as
    ``benchmarks/declines.py`` shows. Use ``declines`` to test for a decline.

    Parameters
    ----------
    scored : frame
        ``customer_id, date, score``, one row for each customer and date. Rows without a customer or a date are left
        out.

    Returns
    -------
    frame of the caller's kind
        One row for each customer, sorted by ``customer_id``: ``customer_id``; ``slope_points_per_week``, by least
        squares, rounded to 6 decimals, null with fewer than two dates; and ``dates``, the number of dates with a score.

    Raises
    ------
    DataError
        A column is absent, ``date`` holds no times or ``score`` no numbers.

    Notes
    -----
    With the weeks t and the scores s, both counted from the customer's smallest: slope = (sum(ts) - sum(t) sum(s) / n)
    / (sum(t^2) - sum(t)^2 / n).

    Examples
    --------
    >>> from datetime import datetime
    >>> scored = pl.DataFrame({"customer_id": ["a", "a"], "date": [datetime(2026, 1, 5), datetime(2026, 1, 19)],
    ...     "score": [60.0, 50.0]})
    >>> slopes(scored).rows()
    [('a', -5.0, 2)]
    """
    rows = with_micros(to_narwhals(scored, ["customer_id", "date", "score"]), "date", "us")
    dtype = rows.collect_schema()["score"]
    if not dtype.is_numeric():
        raise DataError(f"is {dtype}, not a number.", column="score")
    rows = rows.filter(~nw.col("customer_id").is_null(), ~nw.col("us").is_null())
    since_first, above_lowest = (nw.col(name) - nw.col(name).min().over("customer_id") for name in ("us", "score"))
    known = nw.when(~nw.col("score").is_null())
    points = rows.select(
        "customer_id", week=known.then(since_first.cast(nw.Float64) / WEEK_US), score=above_lowest.cast(nw.Float64)
    )
    sums = (
        points.with_columns(square=nw.col("week") * nw.col("week"), product=nw.col("week") * nw.col("score"))
        .group_by("customer_id")
        .agg(
            nw.col("score").count().cast(nw.Int64).alias("dates"),
            nw.col("week").min().alias("first"),
            nw.col("week").max().alias("last"),
            nw.col("week", "score", "square", "product").sum(),
        )
    )
    week, dates = nw.col("week"), nw.col("dates")
    slope = (nw.col("product") - week * nw.col("score") / dates) / (nw.col("square") - week * week / dates)
    several = nw.when(nw.col("last") > nw.col("first"))
    result = sums.select("customer_id", several.then(slope.round(DECIMALS)).alias("slope_points_per_week"), "dates")
    return to_native(result.sort("customer_id"), scored)


def trailing_slopes(scored: pl.DataFrame) -> Floats:
    """Slope of each row's score over its date and the three dates before it, in points per day.

    Parameters
    ----------
    scored : polars.DataFrame
        ``customer_id, date, score``, one row for each customer and date.

    Returns
    -------
    array of float
        In the order of the rows and rounded to 6 decimals; NaN with fewer than two scores on the four dates.

    Examples
    --------
    >>> from datetime import datetime
    >>> dates = [datetime(2026, 1, 1), datetime(2026, 1, 11)]
    >>> trailing_slopes(pl.DataFrame({"customer_id": ["a", "a"], "date": dates, "score": [60.0, 40.0]})).tolist()
    [nan, -2.0]
    """
    customer, date = (scored[name].rank("dense").to_numpy().astype(int) - 1 for name in ("customer_id", "date"))
    days = scored["date"].unique().sort().cast(pl.Datetime("us")).to_physical().to_numpy() / 86_400e6
    scores = np.full((customer.max(initial=-1) + 1, len(days)), np.nan)
    scores[customer, date] = scored["score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    result = np.full_like(scores, np.nan)
    for last in range(1, len(days)):
        trail = slice(max(0, last - TRAIL + 1), last + 1)
        result[:, last] = _row_slopes(scores[:, trail], days[trail] - days[last])
    of_rows: Floats = result[customer, date]
    return of_rows


def _row_slopes(scores: Floats, days: Floats) -> Floats:
    """Least-squares slope of each row of scores over the days; NaN with fewer than two scores."""
    known = ~np.isnan(scores)
    several, n = known.sum(axis=1) > 1, np.maximum(known.sum(axis=1), 1)
    lowest = np.min(scores, axis=1, keepdims=True, initial=np.inf, where=known)
    level = np.subtract(scores, lowest, out=np.zeros_like(scores), where=known)
    day = np.where(known, days, 0.0)
    spread = (day**2).sum(axis=1) - day.sum(axis=1) ** 2 / n
    product = (day * level).sum(axis=1) - day.sum(axis=1) * level.sum(axis=1) / n
    slope: Floats = np.divide(product, spread, out=np.full(len(n), np.nan), where=several & (spread > 0))
    return np.round(slope, DECIMALS) + 0.0  # so that no slope is -0.0
