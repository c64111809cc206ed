"""Customers who are nearly advocates, and what holds each of them back."""

from typing import Any

import narwhals as nw
import polars as pl

from engagekit.frames.engine import collected, to_narwhals
from engagekit.score.scorecard import Scorecard

__all__ = ["nearly_there"]

CLOSE = 10.0  # points below the cut


def nearly_there(scorecard: Scorecard, scores: Any, within: float = CLOSE) -> Any:
    """Potential customers who lack few points to be advocates, and the component in which they lack most.

    Parameters
    ----------
    scorecard : Scorecard
    scores : frame
        What ``Scorecard.score`` returns, of one date.
    within : float, default 10
        Points that they may lack, above 0.

    Returns
    -------
    pandas.DataFrame where ``scores`` is one, otherwise polars.DataFrame
        ``customer_id, score, missing`` (points to the cut, from 0 up), ``component`` (the one with the most points
        between the customer and the average advocate) and ``gain`` (those points); null without an advocate. The
        nearest come first, then by ``customer_id``.

    Raises
    ------
    DataError
        A column is absent.
    ValueError
        ``within`` is not above 0.

    Examples
    --------
    >>> from engagekit import Component
    >>> card = Scorecard((Component("orders", 0.5, 0, 10), Component("active_days", 0.5, 0, 10)))
    >>> scores = card.score(pl.DataFrame({"customer_id": ["a", "b"], "orders": [9.0, 3.0], "active_days": [9.0, 10.0]}))
    >>> nearly_there(card, scores).rows()
    [('b', 65.0, 5.0, 'orders', 30.0)]
    """
    if not within > 0:
        raise ValueError(f"within: {within} is not above 0")
    points = {name: f"{name}_points" for name in scorecard.features}
    rows = collected(to_narwhals(scores, ["customer_id", "score", "segment", *points.values()]))
    advocates = rows.filter(pl.col("segment") == "advocate")
    cut = scorecard.cuts[1]
    near = rows.filter(pl.col("segment") == "potential", pl.col("score") >= cut - within)
    gaps = [(pl.lit(advocates[each].mean(), pl.Float64) - pl.col(each)).alias(name) for name, each in points.items()]
    listed = near.with_columns(gaps).with_columns(gain=pl.max_horizontal(*points))
    component = pl.coalesce(pl.when(pl.col(name) == pl.col("gain")).then(pl.lit(name)) for name in points)
    missing = pl.max_horizontal(pl.lit(0.0), cut - pl.col("score"))
    made = listed.select("customer_id", "score", missing=missing, component=component, gain="gain")
    made = made.sort("missing", "customer_id")
    return made.to_pandas() if nw.dependencies.is_pandas_dataframe(scores) else made
