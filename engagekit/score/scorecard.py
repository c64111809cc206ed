"""An engagement score from 0 to 100: what each component contributes, and the segment that follows."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise
from operator import add
from typing import TYPE_CHECKING, Any

import narwhals as nw

from engagekit.customers.features import snapshots
from engagekit.display.card import card_html, card_text, counted, with_interval
from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals, to_native
from engagekit.frames.times import with_micros
from engagekit.language import Language
from engagekit.prepare.history import History
from engagekit.score.components import Component, channels_of, component_rows
from engagekit.score.explain import made_of, moved_by
from engagekit.score.freeze import frozen_bounds

if TYPE_CHECKING:
    from engagekit.data.business import Business

__all__ = ["SCALE", "SEGMENTS", "Scorecard"]

SEGMENTS = ("at_risk", "potential", "advocate")
SCALE = 100
HYSTERESIS = 5  # points
STEPS = 2**30  # of a point: sums of such binary fractions are exact, in any order and on any engine
TOLERANCE = 1e-6  # points that rounding may keep a score below a cut
LONG_AGO_US = -(2**62)


@dataclass(frozen=True)
class Scorecard:
    """An engagement score from 0 to 100: the weighted mean of normalised features.

    Parameters
    ----------
    components : tuple of Component
        The parts of the score.
    cuts : tuple of float, default (40, 70)
        A customer is ``at_risk`` below the first cut, ``potential`` from the first on and ``advocate`` from the second
        on.
    hysteresis : float, default 5
        Points by which a customer who has reached a cut may fall below it without leaving the segment, so that small
        changes do not move customers to and fro. It has an effect where there is more than one date.

    Notes
    -----
    Contributions are rounded to steps of 2**-30 point (about 1e-9). Such numbers are added without an error, in any
    order, so the contributions add up to the score exactly and the score never leaves 0 to 100. A score reaches a cut
    from a millionth of a point below it on, so that rounding moves no customer to another segment.

    Examples
    --------
    The example of the Blazwa article, which gives 65 for it by mistake:

    >>> import polars as pl
    >>> card = Scorecard(tuple(Component(*c) for c in [
    ...     ("purchases", 0.4, 0, 100), ("visits", 0.3, 0, 100), ("feedback", 0.3, 0, 100)]))
    >>> features = pl.DataFrame({"customer_id": ["a"], "purchases": [80], "visits": [60], "feedback": [70]})
    >>> card.score(features).select("score", "segment").rows()
    [(71.0, 'advocate')]

    >>> card.features, card.weights["purchases"]
    (('purchases', 'visits', 'feedback'), 0.4)
    >>> scored = Scorecard.of(study.business).history(study.firewall, study.dates[-2:])
    >>> scored.select(pl.col("score").mean().round(1), pl.len()).collect().row(0)
    (44.9, 381)
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
            raise ValueError(f"hysteresis: {self.hysteresis} must be 0 or above, and below the distance of the cuts")
        if len(set(self.features)) < len(self.features):
            raise ValueError(f"components: {', '.join(self.features)} name a feature twice")

    @classmethod
    def of(cls, business: "Business") -> "Scorecard":
        """Make the scorecard of a business's ``business.toml``, with the bounds that ``engagekit freeze`` wrote.

        Raises
        ------
        DataError
            A component has no bounds of its own and none in ``scorecard.json``, or these belong to another window.
        """
        settings = business.score
        unbounded = [name for name, part in settings.components.items() if part.low is None]
        frozen = frozen_bounds(business, unbounded) if unbounded else {}
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
        """Share of each component in the sum of the weights; they add up to 1."""
        total = sum(component.weight for component in self.components)
        return {component.feature: component.weight / total for component in self.components}

    def score(self, features: Any, *, keep: Sequence[str] = ()) -> Any:
        """Score customers, from 0 to 100 points.

        Parameters
        ----------
        features : frame
            ``customer_id``, the components' features and, where given, ``date``; one row for each customer and date.
            In a table of features, which has ``interactions``, a channel without a column had no interactions.
        keep : sequence of str, default ()
            Further columns of ``features`` to return.

        Returns
        -------
        frame of the caller's kind
            The rows of ``features``, in their order where the engine has one. ``customer_id`` and

            - ``date``, where given;
            - the columns of ``keep``;
            - ``<feature>_points``: contribution of each component, null where its feature is missing. The weights of
              the other components then count for it;
            - ``score``: the sum of the contributions, null where every feature is missing;
            - ``coverage``: share of the weights whose feature is known, 0 to 1;
            - ``segment``: by the cuts, null without a score. Where there is a ``date``, a customer who has reached a
              cut stays above it until the score is more than ``hysteresis`` below the cut. The segment follows from
              the dates in ``features`` alone; nothing is remembered from earlier calls.

        Raises
        ------
        DataError
            A feature is not a column (names the nearest one), or is not a number.
        """
        rows = component_rows(features, self.features, ["customer_id", *keep], ["date"])
        keys = [name for name in ("customer_id", "date") if name in rows.collect_schema().names()]
        points = [f"{name}_points" for name in self.features]
        scored = self._with_points(rows)
        scored = self._with_segments(scored) if "date" in keys else scored.with_columns(segment=self._segment())
        return to_native(scored.select(*keys, *keep, *points, "score", "coverage", "segment"), features)

    def history(self, history: History, dates: Iterable[dt.datetime], window: str = "84d") -> Any:
        """Score customers on many dates, from 0 to 100 points.

        Parameters
        ----------
        history, dates, window
            As ``snapshots`` takes them.

        Returns
        -------
        frame of the caller's kind
            As ``score`` returns it, with the ``date``: one row for each customer and date with an interaction in the
            window before the date, in the order of ``snapshots``. Bounds are frozen, so a score changes only because
            the customer's features do. Windows that overlap share interactions: describe a rise or fall over them with
            ``slopes``, and test it with ``declines``.
        """
        return self.score(snapshots(history, dates, window, channels=channels_of(self.features)))

    def explain(self, scored: Any, customer_id: Any, language: str = "en") -> str:
        """Explain a customer's latest score in words: its parts, and what changed since the date before.

        Parameters
        ----------
        scored : frame
            What ``score`` or ``history`` returns.
        customer_id : str or int
            The customer.
        language : {"id", "ms", "en"}
            Indonesian, Malay or English.

        Raises
        ------
        DataError
            The customer has no score in the frame, or a column is absent.

        Examples
        --------
        >>> import polars as pl
        >>> from datetime import datetime
        >>> card = Scorecard((Component("orders", 0.4, 0, 10), Component("active_days", 0.6, 0, 10)))
        >>> features = pl.DataFrame({"customer_id": ["a", "a"], "date": [datetime(2026, 5, 1), datetime(2026, 6, 1)],
        ...     "orders": [8.0, 5.5], "active_days": [5.8, 6.0]})
        >>> sentences = card.explain(card.score(features), "a").split(". ")
        >>> sentences[0]
        '58 of 100 points: Orders 22 of 40; Active days 36 of 60'
        >>> sentences[1]
        'Down 9 points since 1 May 2026: Orders −10; Active days +1.'
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
        sentences = [made_of(parts, latest, self.weights, Language(language))]
        if earlier:
            sentences.append(moved_by(parts, earlier[-1], latest, Language(language)))
        return " ".join(sentences)

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, ...]]]:
        at_risk, potential, advocate = SEGMENTS
        low, high = (f"{cut:g}" for cut in self.cuts)
        segments = (
            f"{at_risk} below {low}, {potential} from {low}, {advocate} from {high}; hysteresis {self.hysteresis:g}"
        )
        rows: list[tuple[str, ...]] = [("segments", segments)]
        for part, weight in zip(self.components, self.weights.values(), strict=True):
            ends = (part.low, part.high) if part.direction == "up" else (part.high, part.low)
            bounds = "none at {}, all at {}".format(*map(with_interval, ends))
            options = [f"cap {part.cap:g}"] if part.cap is not None else []
            options += ["log scale"] if part.scale == "log" else []
            rows.append((part.feature, f"{SCALE * weight:.3g} points", ", ".join([bounds, *options])))
        return f"Scorecard: 0 to {SCALE} points from {counted(len(self.components), 'component')}", rows

    def _with_points(self, rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Add the points of each component, ``score`` and ``coverage``.

        The points that the known components can give at most are rounded so that they add up to 100. A component's
        points do not depend on the values of the others, and equal values give equal points.
        """
        names = {f"{part.feature}_points": part for part in self.components}
        rows = rows.with_columns(**{name: part.normalised for name, part in names.items()})
        known = (
            nw.when(~nw.col(name).is_null()).then(nw.lit(p.weight)).otherwise(nw.lit(0.0)) for name, p in names.items()
        )
        upto = list(accumulate(known, add))  # weights that are known, up to each component
        rows = rows.with_columns(**{f":upto{number}": weight for number, weight in enumerate(upto)})
        total = nw.col(f":upto{len(upto) - 1}")
        whole = nw.when(total > 0).then(total)
        reached = [nw.lit(0.0), *(_on_steps(nw.col(f":upto{n}") / whole * SCALE) for n in range(len(upto)))]
        rows = rows.with_columns(
            **{
                name: _on_steps(nw.col(name) * (new - old))
                for name, (old, new) in zip(names, pairwise(reached), strict=True)
            }
        )
        score = reduce(add, (nw.col(name).fill_null(0.0) for name in names))
        weights = reduce(add, (part.weight for part in self.components))
        return rows.with_columns(score=nw.when(total > 0).then(score), coverage=total / weights)

    def _segment(self) -> nw.Expr:
        """Segments of one date, by the cuts alone."""
        return _segment_of(*(nw.col("score") >= cut - TOLERANCE for cut in self.cuts))

    def _with_segments(self, scored: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Add segments of many dates: a customer is above a cut who reached it later than they last fell below it."""
        scored = with_micros(scored, "date", ":date_us")
        score, date, never = nw.col("score"), nw.col(":date_us"), nw.lit(LONG_AGO_US)
        crossings: dict[str, nw.Expr] = {}
        for name, cut in zip(("low", "high"), self.cuts, strict=True):
            crossings[f":{name}_reached"] = nw.when(score >= cut - TOLERANCE).then(date).otherwise(never)
            crossings[f":{name}_lost"] = nw.when(score < cut - self.hysteresis - TOLERANCE).then(date).otherwise(never)
        scored = scored.with_columns(**crossings)
        latest = {name: nw.col(name).cum_max().over("customer_id", order_by=":date_us") for name in crossings}
        scored = scored.with_columns(**latest)
        above = (nw.col(f":{name}_reached") > nw.col(f":{name}_lost") for name in ("low", "high"))
        return scored.with_columns(segment=_segment_of(*above))


def _on_steps(points: nw.Expr) -> nw.Expr:
    """Points rounded to whole steps; by ``floor``, because engines round halves differently."""
    return (points * STEPS + 0.5).floor().cast(nw.Float64) / STEPS


def _segment_of(above_low: nw.Expr, above_high: nw.Expr) -> nw.Expr:
    """Segment by the cuts that a customer is above; null without a score."""
    low, middle, high = (nw.lit(segment) for segment in SEGMENTS)
    upper = nw.when(above_high).then(high).otherwise(middle)
    return nw.when(~nw.col("score").is_null()).then(nw.when(above_low).then(upper).otherwise(low))
