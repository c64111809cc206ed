"""Scorecard: 0-100, contributions, segments."""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

from engagekit.customers.features import snapshots
from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals, to_native
from engagekit.frames.times import with_micros
from engagekit.language import Language
from engagekit.prepare.history import History
from engagekit.score.explain import made_of, moved_by
from engagekit.score.freeze import frozen_bounds

if TYPE_CHECKING:
    from engagekit.data.business import Business

__all__ = ["PRESETS", "SCALE", "SEGMENTS", "Component", "Scorecard"]

SEGMENTS = ("at_risk", "potential", "advocate")
SCALE = 100
HYSTERESIS = 5  # points
LONG_AGO_US = -(2**62)
PRESETS: dict[str, dict[str, dict[str, Any]]] = {  # what the Blazwa article measures in each kind of business
    "ecommerce": {  # buys often, leaves reviews, recommends
        "orders": {"weight": 0.3},
        "value": {"weight": 0.2, "scale": "log"},
        "active_days": {"weight": 0.2},
        "active_share": {"weight": 0.15},
        "recency_days": {"weight": 0.15, "direction": "down"},
    },
    "saas": {  # uses many features, often and for long, takes part
        "active_days": {"weight": 0.3},
        "distinct_actions": {"weight": 0.3},
        "duration_s": {"weight": 0.25, "scale": "log"},
        "active_share": {"weight": 0.15},
    },
    "subscription": {  # comes, and does not come less and less
        "active_days": {"weight": 0.35},
        "recency_days": {"weight": 0.25, "direction": "down"},
        "duration_s": {"weight": 0.2, "scale": "log"},
        "trend": {"weight": 0.2},
    },
}


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
    cap : float, optional
        More of the feature than this counts as this, so that one heavy user stretches no percentile.
    scale : {"linear", "log"}
        With ``log`` the logarithm of one more than the feature is what counts: from 1 to 9 is as far as from 9 to 49.
        What is below 0 counts as 0.
    """

    feature: str
    weight: float
    low: float
    high: float
    direction: Literal["up", "down"] = "up"
    cap: float | None = None
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"{self.feature}: weight is {self.weight}, and must be above 0")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{self.feature}: low is {self.low} and high {self.high}; low must be below high")
        if self.scale == "log" and self.low < 0:
            raise ValueError(f"{self.feature}: low is {self.low}, and on a log scale must be 0 or above")
        if self.cap is not None and not self.low < self.cap:
            raise ValueError(f"{self.feature}: cap is {self.cap}, and must be above low, {self.low}")

    @property
    def normalised(self) -> nw.Expr:
        """The feature between 0 and 1; null where it is missing."""
        value = nw.col(self.feature).cast(nw.Float64)
        known = nw.when(~value.is_null() & ~value.is_nan())
        if self.cap is not None:
            value = value.clip(upper_bound=self.cap)
        low, high = self.low, self.high
        if self.scale == "log":
            value, low, high = (value.clip(lower_bound=0.0) + 1).log(), math.log1p(low), math.log1p(high)
        share = ((value - low) / (high - low)).clip(0.0, 1.0)
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
    hysteresis : float, default 5
        Points below a cut that a customer who once reached it may fall without leaving the segment above it, so that
        nobody flickers between two. It needs more than one date.

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
    hysteresis: float = HYSTERESIS

    def __post_init__(self) -> None:
        if not self.components:
            raise ValueError("components: a score needs one at least")
        if not 0 <= self.cuts[0] < self.cuts[1] <= SCALE:
            raise ValueError(f"cuts: {self.cuts} must rise, between 0 and {SCALE}")
        if not 0 <= self.hysteresis < self.cuts[1] - self.cuts[0]:
            raise ValueError(f"hysteresis: {self.hysteresis} must be from 0 to less than what lies between the cuts")
        if len(set(self.features)) < len(self.features):
            raise ValueError(f"components: {', '.join(self.features)} name a feature twice")

    @classmethod
    def of(cls, business: "Business") -> "Scorecard":
        """Make the scorecard that ``business.toml`` declares, with the bounds that ``engagekit freeze`` took.

        Raises
        ------
        DataError
            A component has no bounds of its own and none in ``scorecard.json``, or these are of another window.
        """
        settings = business.score
        bare = [name for name, part in settings.components.items() if part.low is None]
        frozen = frozen_bounds(business, bare) if bare else {}
        parts = (
            Component(name, **(part.model_dump() | frozen.get(name, {}))) for name, part in settings.components.items()
        )
        try:
            return cls(tuple(parts), settings.cuts, settings.hysteresis)
        except ValueError as error:
            raise DataError(f"[score] {error}.", file=business.file.name) from error

    @property
    def features(self) -> tuple[str, ...]:
        """Features of the components, in their order."""
        return tuple(component.feature for component in self.components)

    @property
    def weights(self) -> dict[str, float]:
        """What each component's weight comes to, as shares that add up to 1."""
        total = sum(component.weight for component in self.components)
        return {component.feature: component.weight / total for component in self.components}

    def score(self, features: Any, *, keep: Sequence[str] = ()) -> Any:
        """Score customers.

        Parameters
        ----------
        features : frame
            ``customer_id``, the components' features and, where given, ``date``.
        keep : sequence of str, default ()
            Columns that are carried along.

        Returns
        -------
        frame of the caller's kind
            ``customer_id``; ``date``, where given; ``<feature>_points``, what each component contributes; ``score``,
            their sum; ``coverage``, the share of the weights whose feature is known; and ``segment``. Where a feature
            is missing the others' weights count for it; where all are, score and segment are null. Of a customer with
            several dates the segment is that at the cuts on the first; later, who is above a cut stays there until the
            score is more than ``hysteresis`` below it. Nothing is remembered: the dates are replayed.

        Raises
        ------
        DataError
            A feature is not a column; names it and the nearest one.
        """
        rows = to_narwhals(features, ["customer_id", *self.features, *keep], ["date"])
        schema = rows.collect_schema()
        for name in self.features:
            if not (schema[name].is_numeric() or schema[name] in (nw.Boolean, nw.Unknown)):
                raise DataError(f"is {schema[name]}, not a number, and cannot be scored.", column=name)
        keys = [name for name in ("customer_id", "date") if name in schema]
        shares = {f"{part.feature}_points": part for part in self.components}
        rows = rows.with_columns(*(part.normalised.alias(name) for name, part in shares.items()))
        weights = [
            nw.when(~nw.col(name).is_null()).then(nw.lit(part.weight)).otherwise(nw.lit(0.0))
            for name, part in shares.items()
        ]
        rows = rows.with_columns(known=reduce(add, weights))
        points = [(nw.col(name) * part.weight / nw.col("known") * SCALE).alias(name) for name, part in shares.items()]
        total = reduce(add, (nw.col(name).fill_null(0.0) for name in shares))
        scored = rows.with_columns(*points).with_columns(
            score=nw.when(nw.col("known") > 0).then(total),
            coverage=nw.col("known") / sum(part.weight for part in self.components),
        )
        scored = self._with_segments(scored) if "date" in keys else scored.with_columns(segment=self._segment())
        return to_native(scored.select(*keys, *keep, *shares, "score", "coverage", "segment"), features)

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

    def explain(self, scored: Any, customer_id: Any, language: str = "en") -> str:
        """Say what a customer's latest score is made of, and what moved it since the date before.

        Parameters
        ----------
        scored : frame
            What ``score`` or ``history`` gives.
        customer_id : str or int
            The customer.
        language : {"id", "ms", "en"}
            Indonesian, Malay or English.

        Raises
        ------
        DataError
            The customer has no score there, or a column is absent.

        Examples
        --------
        >>> import polars as pl
        >>> from datetime import datetime
        >>> card = Scorecard((Component("orders", 0.4, 0, 10), Component("active_days", 0.6, 0, 10)))
        >>> features = pl.DataFrame({"customer_id": ["a", "a"], "date": [datetime(2026, 5, 1), datetime(2026, 6, 1)],
        ...     "orders": [8.0, 5.5], "active_days": [5.8, 6.0]})
        >>> sentences = card.explain(card.score(features), "a").split(". ")
        >>> sentences[0]
        '58 of 100 points: 22 of 40 from Orders; 36 of 60 from Active days'
        >>> sentences[1]
        '9 less than on 1 May 2026: Orders -10; Active days +1.'
        """
        points = [f"{name}_points" for name in self.features]
        rows = to_narwhals(scored, ["customer_id", "score", "coverage", *points], ["date"])
        table = collected(
            rows.filter(nw.col("customer_id").cast(nw.String) == str(customer_id), ~nw.col("score").is_null())
        )
        if table.is_empty():
            raise DataError(f"{customer_id!r} has no score here. Take a customer of this frame.", column="customer_id")
        *earlier, latest = (table.sort("date") if "date" in table.columns else table).iter_rows(named=True)
        parts = {name: latest[f"{name}_points"] for name in self.features}
        told = [made_of(parts, latest, self.weights, Language(language))]
        if earlier:
            told.append(moved_by(parts, latest, earlier[-1], Language(language)))
        return " ".join(told)

    def _segment(self) -> nw.Expr:
        """Segments of one date, by the cuts alone."""
        return _named(*(nw.col("score") >= cut for cut in self.cuts))

    def _with_segments(self, scored: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Segments of many dates: a customer is above a cut if the last date to say so came after the last denial."""
        scored = with_micros(scored, "date", ":date_us")
        score, date, never = nw.col("score"), nw.col(":date_us"), nw.lit(LONG_AGO_US)
        said: dict[str, nw.Expr] = {}
        for name, cut in zip(("low", "high"), self.cuts, strict=True):
            said[f":{name}_reached"] = nw.when(score >= cut).then(date).otherwise(never)
            said[f":{name}_left"] = nw.when(score < cut - self.hysteresis).then(date).otherwise(never)
        scored = scored.with_columns(**said)
        latest = {name: nw.col(name).cum_max().over("customer_id", order_by=":date_us") for name in said}
        scored = scored.with_columns(**latest)
        above = (nw.col(f":{name}_reached") > nw.col(f":{name}_left") for name in ("low", "high"))
        return scored.with_columns(segment=_named(*above))


def _named(above_low: nw.Expr, above_high: nw.Expr) -> nw.Expr:
    """Segment by the cuts that a customer is above; null without a score."""
    low, middle, high = (nw.lit(segment) for segment in SEGMENTS)
    upper = nw.when(above_high).then(high).otherwise(middle)
    return nw.when(~nw.col("score").is_null()).then(nw.when(above_low).then(upper).otherwise(low))
