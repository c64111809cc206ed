"""Changes of scores between two dates: by customer, by component, and from segment to segment."""

import datetime as dt
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals
from engagekit.frames.times import micros_at, with_micros
from engagekit.score.scorecard import SEGMENTS, Scorecard

__all__ = ["score_changes", "segment_transitions"]

SIDES = ("before", "after")


def score_changes(scorecard: Scorecard, scored: Any, before: dt.datetime, after: dt.datetime) -> Any:
    """Change of each customer's score between two dates, in points from -100 to 100.

    Parameters
    ----------
    scorecard : Scorecard
        The scorecard that gave the scores.
    scored : frame
        Scores of both dates, as ``Scorecard.history`` returns them.
    before, after : datetime
        The dates, the earlier one first. Where their windows overlap, both scores count the same interactions.

    Returns
    -------
    pandas.DataFrame where ``scored`` is one, otherwise polars.DataFrame
        One row for each customer with a score on either date, sorted by ``change`` (the largest fall first, nulls last)
        and then ``customer_id``. ``customer_id``; ``score_before, score_after`` and ``segment_before, segment_after``,
        null without a score on that date; ``change`` in points, null without both scores; ``<feature>_change``, the
        change of each component's points, which add up to ``change``; and ``mostly``, the component that changed most
        in the direction of ``change``, the first of several, null where ``change`` is 0 or null.

    Raises
    ------
    DataError
        A column is absent, or there is no score on one of the dates.

    Examples
    --------
    >>> from datetime import datetime
    >>> from engagekit.score.components import Component
    >>> card = Scorecard((Component("orders", 3, 0, 8), Component("active_days", 1, 0, 8)))
    >>> dates = [datetime(2026, 5, 1), datetime(2026, 6, 1)]
    >>> scored = card.score(pl.DataFrame({"customer_id": ["a", "a"], "date": dates, "orders": [8, 4],
    ...     "active_days": [4, 8]}))
    >>> changes = score_changes(card, scored, *dates)
    >>> changes.select("change", "orders_change", "active_days_change", "mostly").rows()
    [(-25.0, -37.5, 12.5, 'orders')]
    """
    old, new = _sides(scorecard, scored, before, after)
    both = old.join(new, on="customer_id", how="full", coalesce=True)
    change = pl.col("score_after") - pl.col("score_before")
    parts = {
        f"{name}_change": pl.when(change.is_not_null()).then(
            pl.col(f"{name}_points_after").fill_null(0) - pl.col(f"{name}_points_before").fill_null(0)
        )
        for name in scorecard.features
    }
    both = both.with_columns(change=change, **parts)
    in_direction = pl.concat_list(pl.col(name) * pl.col("change").sign() for name in parts)
    most = in_direction.list.arg_max().replace_strict(dict(enumerate(scorecard.features)), default=None)
    both = both.with_columns(mostly=pl.when(pl.col("change") != 0).then(most))
    ends = [f"{name}_{side}" for name in ("score", "segment") for side in SIDES]
    changes = both.sort("change", "customer_id", nulls_last=True)
    changes = changes.select("customer_id", *ends, "change", *parts, "mostly")
    return changes.to_pandas() if nw.dependencies.is_pandas_dataframe(scored) else changes


def segment_transitions(changes: Any) -> Any:
    """Number of customers who went from each segment to each segment.

    Parameters
    ----------
    changes : pandas.DataFrame or polars.DataFrame
        What ``score_changes`` returns.

    Returns
    -------
    frame of the caller's kind
        ``segment_before, segment_after, customers``: one row for each pair of segments, also where no customer has it,
        sorted from advocate to at risk and null, first before and then after. A null segment means no score on that
        date: before, the customer is new; after, the customer fell silent.

    Examples
    --------
    >>> changes = pl.DataFrame({"segment_before": ["advocate", None], "segment_after": ["at_risk", "advocate"]})
    >>> segment_transitions(changes).filter(pl.col("customers") > 0).rows()
    [('advocate', 'at_risk', 1), (None, 'advocate', 1)]
    """
    pairs = [f"segment_{side}" for side in SIDES]
    counts = collected(to_narwhals(changes, pairs).group_by(pairs).agg(nw.len().cast(nw.Int64).alias("customers")))
    segments = [*reversed(SEGMENTS), None]
    grid = pl.DataFrame(
        [(old, new) for old in segments for new in segments if old or new],
        schema=dict.fromkeys(pairs, pl.String),
        orient="row",
    )
    counts = counts.with_columns(pl.col(pairs).cast(pl.String))
    transitions = grid.join(counts, on=pairs, how="left", nulls_equal=True, maintain_order="left")
    transitions = transitions.with_columns(pl.col("customers").fill_null(0))
    return transitions.to_pandas() if nw.dependencies.is_pandas_dataframe(changes) else transitions


def _sides(scorecard: Scorecard, scored: Any, before: dt.datetime, after: dt.datetime) -> list[pl.DataFrame]:
    """Scores of the two dates, with the names of their columns ending in ``_before`` and ``_after``."""
    points = [f"{name}_points" for name in scorecard.features]
    rows = with_micros(to_narwhals(scored, ["customer_id", "date", "score", "segment", *points]), "date", ":us")
    times = [micros_at(rows, "date", date) for date in (before, after)]
    table = collected(rows.filter(nw.col(":us").is_in(times), ~nw.col("score").is_null()))
    sides = []
    for time, date, name in zip(times, (before, after), SIDES, strict=True):
        side = table.filter(pl.col(":us") == time).drop(":us", "date")
        if side.is_empty():
            raise DataError(f"there is no score on {date}. Score that date too.", column="date")
        sides.append(side.rename({column: f"{column}_{name}" for column in side.columns if column != "customer_id"}))
    return sides
