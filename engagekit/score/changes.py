"""Who rose and who fell between two dates, out of which segment into which, and by which component."""

import datetime as dt
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals
from engagekit.frames.times import micros_at, with_micros
from engagekit.score.scorecard import SEGMENTS, Scorecard

__all__ = ["moves", "segment_transitions"]

SIDES = ("before", "after")


def moves(scorecard: Scorecard, scored: Any, before: dt.datetime, after: dt.datetime) -> Any:
    """How each customer's score moved between two dates.

    Parameters
    ----------
    scorecard : Scorecard
        Whose scores they are.
    scored : frame
        Scores of both dates, as ``Scorecard.history`` gives them.
    before, after : datetime
        The dates. Where their windows overlap, what was done in both is in both scores.

    Returns
    -------
    pandas.DataFrame where ``scored`` is one, otherwise polars.DataFrame
        One row for each customer with a score on either date, the furthest fallen first: ``customer_id``;
        ``score_before, score_after`` and ``segment_before, segment_after``, null where there is none; ``change`` in
        points, null without both; ``<feature>_change``, what each component added to it, which add up to it; and
        ``mostly``, the component that moved most in the direction of the change, null where there is no change.

    Raises
    ------
    DataError
        A column is absent, or there is no score of one of the dates.

    Examples
    --------
    >>> from datetime import datetime
    >>> from engagekit.score.scorecard import Component
    >>> card = Scorecard((Component("orders", 3, 0, 8), Component("active_days", 1, 0, 8)))
    >>> dates = [datetime(2026, 5, 1), datetime(2026, 6, 1)]
    >>> scored = card.score(pl.DataFrame({"customer_id": ["a", "a"], "date": dates, "orders": [8, 4],
    ...     "active_days": [4, 8]}))
    >>> moves(card, scored, *dates).select("change", "orders_change", "active_days_change", "mostly").rows()
    [(-25.0, -37.5, 12.5, 'orders')]
    """
    points = [f"{name}_points" for name in scorecard.features]
    rows = with_micros(to_narwhals(scored, ["customer_id", "date", "score", "segment", *points]), "date", ":us")
    on = {side: micros_at(rows, "date", date) for side, date in zip(SIDES, (before, after), strict=True)}
    table = collected(rows.filter(nw.col(":us").is_in(list(on.values())), ~nw.col("score").is_null()))
    sides = [table.filter(pl.col(":us") == us).drop(":us", "date") for us in on.values()]
    for side, date in zip(sides, (before, after), strict=True):
        if side.is_empty():
            raise DataError(f"there is no score on {date}. Score that date too.", column="date")
    old, new = (
        side.rename({name: f"{name}_{when}" for name in side.columns if name != "customer_id"})
        for side, when in zip(sides, SIDES, strict=True)
    )
    both = old.join(new, on="customer_id", how="full", coalesce=True)
    change = pl.col("score_after") - pl.col("score_before")
    changes = {
        f"{name}_change": pl.when(change.is_not_null()).then(
            pl.col(f"{name}_points_after").fill_null(0) - pl.col(f"{name}_points_before").fill_null(0)
        )
        for name in scorecard.features
    }
    both = both.with_columns(change=change, **changes)
    along = [pl.col(name) * pl.col("change").sign() for name in changes]
    furthest = pl.concat_list(along).list.arg_max().replace_strict(dict(enumerate(scorecard.features)), default=None)
    found = both.with_columns(mostly=pl.when(pl.col("change") != 0).then(furthest)).sort(
        "change", "customer_id", nulls_last=True
    )
    ends = [f"{name}_{side}" for name in ("score", "segment") for side in SIDES]
    found = found.select("customer_id", *ends, "change", *changes, "mostly")
    return found.to_pandas() if nw.dependencies.is_pandas_dataframe(scored) else found


def segment_transitions(moved: Any) -> Any:
    """How many customers went from which segment into which.

    Parameters
    ----------
    moved : pandas.DataFrame or polars.DataFrame
        What ``moves`` gives.

    Returns
    -------
    frame of the caller's kind
        ``segment_before, segment_after, customers``, one row for each pair of segments, also where nobody went; a null
        segment is that of who had no score then: newcomers, and who fell silent.

    Examples
    --------
    >>> moved = pl.DataFrame({"segment_before": ["advocate", None], "segment_after": ["at_risk", "advocate"]})
    >>> segment_transitions(moved).filter(pl.col("customers") > 0).rows()
    [('advocate', 'at_risk', 1), (None, 'advocate', 1)]
    """
    pairs = [f"segment_{side}" for side in SIDES]
    counted = collected(to_narwhals(moved, pairs).group_by(pairs).agg(nw.len().cast(nw.Int64).alias("customers")))
    known = [*reversed(SEGMENTS), None]
    grid = pl.DataFrame(
        [(old, new) for old in known for new in known if old or new],
        schema=dict.fromkeys(pairs, pl.String),
        orient="row",
    )
    counted = counted.with_columns(pl.col(pairs).cast(pl.String))
    found = grid.join(counted, on=pairs, how="left", nulls_equal=True, maintain_order="left")
    found = found.with_columns(pl.col("customers").fill_null(0))
    return found.to_pandas() if nw.dependencies.is_pandas_dataframe(moved) else found
