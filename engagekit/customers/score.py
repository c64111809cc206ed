"""Scorecard: 0-100, contributions, segments."""

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

from engagekit.customers.features import snapshots
from engagekit.customers.history import History
from engagekit.data.engine import enter, leave

if TYPE_CHECKING:
    from engagekit.data.business import ScoreSettings

__all__ = ["SEGMENTS", "Component", "Scorecard"]

SEGMENTS = ("at_risk", "potential", "advocate")
SCALE = 100


@dataclass(frozen=True)
class Component:
    """One part of a score.

    Parameters
    ----------
    feature : str
        Column of the customers' features.
    weight : float
        Above 0. Weights need not add up to 1.
    low, high : float
        Frozen bounds: at ``low`` the component counts nothing, at ``high`` fully, beyond them no less and no more.
    direction : {"up", "down"}
        Whether more of the feature is better, or less.
    """

    feature: str
    weight: float
    low: float
    high: float
    direction: Literal["up", "down"] = "up"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"{self.feature}: weight is {self.weight}, and must be above 0")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{self.feature}: low is {self.low} and high {self.high}; low must be below high")

    @property
    def normalised(self) -> nw.Expr:
        """The feature between 0 and 1; null where it is missing."""
        value = nw.col(self.feature).cast(nw.Float64)
        share = ((value - self.low) / (self.high - self.low)).clip(0.0, 1.0)
        known = nw.when(~value.is_null() & ~value.is_nan())
        return known.then(share if self.direction == "up" else 1 - share)


@dataclass(frozen=True)
class Scorecard:
    """An engagement score, 0-100: the weighted mean of normalised features.

    Parameters
    ----------
    components : tuple of Component
        What the score is made of.
    cuts : tuple of float, default (40, 70)
        Below the first a customer is ``at_risk``, from the second on an ``advocate``, between them ``potential``.

    Examples
    --------
    The example of the Blazwa article, which gives 65 for it by mistake:

    >>> import polars as pl
    >>> card = Scorecard(tuple(Component(*c) for c in [
    ...     ("purchases", 0.4, 0, 100), ("visits", 0.3, 0, 100), ("feedback", 0.3, 0, 100)]))
    >>> features = pl.DataFrame({"customer_id": ["a"], "purchases": [80], "visits": [60], "feedback": [70]})
    >>> card.score(features).select("score", "segment").rows()
    [(71.0, 'advocate')]
    """

    components: tuple[Component, ...]
    cuts: tuple[float, float] = (40, 70)

    def __post_init__(self) -> None:
        if not self.components:
            raise ValueError("components: a score needs one at least")
        if not 0 <= self.cuts[0] < self.cuts[1] <= SCALE:
            raise ValueError(f"cuts: {self.cuts} must rise, between 0 and {SCALE}")
        names = [component.feature for component in self.components]
        if len(set(names)) < len(names):
            raise ValueError(f"components: {', '.join(names)} name a feature twice")

    @classmethod
    def of(cls, settings: "ScoreSettings") -> "Scorecard":
        """Make the scorecard that ``business.toml`` declares."""
        parts = (Component(name, **part.model_dump()) for name, part in settings.components.items())
        return cls(tuple(parts), settings.cuts)

    def score(self, features: Any) -> Any:
        """Score customers.

        Parameters
        ----------
        features : frame
            ``customer_id``, the components' features and, where given, ``date``.

        Returns
        -------
        frame of the caller's kind
            ``customer_id``; ``date``, where given; ``<feature>_points``, what each component contributes; ``score``,
            their sum; ``coverage``, the share of the weights whose feature is known; and ``segment``. Where a feature
            is missing the others' weights count for it; where all are, score and segment are null.

        Raises
        ------
        DataError
            A feature is not a column; names it and the nearest one.
        """
        rows = enter(features, ["customer_id", *(component.feature for component in self.components)], ["date"])
        keys = [name for name in ("customer_id", "date") if name in rows.collect_schema().names()]
        shares = {f"{part.feature}_points": part for part in self.components}
        rows = rows.with_columns(*(part.normalised.alias(name) for name, part in shares.items()))
        weights = [
            nw.when(~nw.col(name).is_null()).then(nw.lit(part.weight)).otherwise(nw.lit(0.0))
            for name, part in shares.items()
        ]
        rows = rows.with_columns(known=reduce(add, weights))
        points = [(nw.col(name) * part.weight / nw.col("known") * SCALE).alias(name) for name, part in shares.items()]
        total = reduce(add, (nw.col(name).fill_null(0.0) for name in shares))
        scored = (
            rows.with_columns(*points)
            .with_columns(
                score=nw.when(nw.col("known") > 0).then(total),
                coverage=nw.col("known") / sum(part.weight for part in self.components),
            )
            .with_columns(segment=self._segment())
        )
        return leave(scored.select(*keys, *shares, "score", "coverage", "segment"), features)

    def history(self, history: History, dates: Iterable[dt.datetime], window: str = "84d") -> Any:
        """Score customers at many dates.

        Parameters
        ----------
        history, dates, window
            As ``snapshots`` takes them.

        Returns
        -------
        frame of the caller's kind
            As ``score`` gives it, with the ``date``: one row for each customer and date with an interaction in the
            window before it. Bounds are frozen, so a score differs between dates because the customer does. Windows
            that overlap share what was done in both: a rise or fall over them is described by ``slopes``, and whether
            it is more than chance by ``declines``.
        """
        return self.score(snapshots(history, dates, window))

    def _segment(self) -> nw.Expr:
        score = nw.col("score")
        low, middle, high = (nw.lit(segment) for segment in SEGMENTS)
        above = nw.when(score >= self.cuts[1]).then(high).otherwise(middle)
        segment = nw.when(score >= self.cuts[0]).then(above).otherwise(low)
        return nw.when(~score.is_null()).then(segment)
