"""Estimates in words: what is said under a number is computed from it, so it is true for every business."""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from engagekit.decisions.targets import reached
from engagekit.display.section import FEWEST
from engagekit.language import Language, whole_percents
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.metric import Metric
from engagekit.metrics.season import next_start
from engagekit.reports.results import Results, is_small
from engagekit.score.scorecard import SEGMENTS

__all__ = ["Writer", "tone_of"]

PERCENT = 100
HEADLINE = (
    "engagement_score",
    "churn_rate",
    "net_promoter_score",
    "repeat_purchase_rate",
    "order_value",
    "reach_engagement_rate",
    "click_rate",
    "satisfaction_rate",
)
MOST = 6
Tone = Literal["better", "worse", "same", ""]


@dataclass(frozen=True)
class Writer:
    """Writes what was found in the report's language.

    Parameters
    ----------
    results : Results
        What was measured.
    """

    results: Results

    @property
    def language(self) -> Language:
        """The report's language."""
        return self.results.language

    def amount(self, metric: Metric, value: float) -> str:
        """Write a metric's number with the decimals that all of its numbers have."""
        currency = self.results.business.currency
        return self.language.amount(value, metric.measured_in, currency, self.results.decimals(metric))

    def value(self, metric: Metric, estimate: Estimate) -> str:
        """Write the value of an estimate; that of fewer than five people is not told."""
        if is_small(metric, estimate):
            return self.language.text("estimate.fewer", n=FEWEST)
        return self.amount(metric, estimate.value)

    def interval(self, metric: Metric, estimate: Estimate) -> str:
        """Write the interval and what it stands on: between 38 and 46, from 1,203 answers."""
        if estimate.reason:
            return self.language.text(f"reason.{estimate.reason}")
        if is_small(metric, estimate):
            return ""
        units = self.units(metric, estimate)
        if not math.isfinite(estimate.low):
            return self.language.text("estimate.from", units=units)
        if _is_vague(metric, estimate):
            return self.language.text("estimate.vague", units=units)
        low, high = (self.amount(metric, bound) for bound in (estimate.low, estimate.high))
        return self.language.text("estimate.between", low=low, high=high, units=units)

    def units(self, metric: Metric, estimate: Estimate) -> str:
        """Write what an estimate stands on: 1,203 answers; fewer than five people are not counted out."""
        number = self.language.number(estimate.units)
        if is_small(metric, estimate):
            number = self.language.text("estimate.fewer", n=FEWEST)
        return self.language.text(f"unit.{metric.unit}", n=number)

    def bounds(self, metric: Metric, estimate: Estimate) -> str:
        """Write the interval for a table: 38 – 46."""
        if not math.isfinite(estimate.low) or is_small(metric, estimate):
            return "–"
        if _is_vague(metric, estimate):
            return self.language.text("estimate.too_few")
        return " – ".join(self.amount(metric, bound) for bound in (estimate.low, estimate.high))

    def change(self, metric: Metric) -> tuple[str, Tone]:
        """Say whether a number changed beyond noise since the month before, and whether that is good."""
        period, _, old = self.results.current(metric.name)
        if not math.isfinite(old.value):
            return "", ""
        direction = self.direction(metric)
        before = next_start(period or self.results.month, self.results.study.period, -1)
        known = {"old": self.value(metric, old), "month": self.language.named(before)}
        return self.language.text(f"change.{direction}", **known), tone_of(metric, direction)

    def direction(self, metric: Metric) -> str:
        """``higher`` or ``lower`` beyond noise, ``none``, or ``unknown`` where that cannot be told."""
        return self.results.directions.get(metric.name, "unknown")

    def target(self, metric: Metric, estimate: Estimate) -> str:
        """Say whether a target is reached, missed, or too close to call."""
        target = self.results.business.targets.get(metric.name)
        if target is None or not math.isfinite(estimate.value) or is_small(metric, estimate):
            return ""
        written = self.amount(metric, target)
        return self.language.text(f"target.{reached(metric, estimate, target)}", target=written)

    def headline(self) -> list[Metric]:
        """At most six metrics for the first screen."""
        return self.main()[:MOST]

    def main(self) -> list[Metric]:
        """Metrics that the report is about: the score, usual ones with a target, other targets, the usual; else all."""
        targets = self.results.business.targets
        wished = [name for name in HEADLINE if name in targets]
        names = dict.fromkeys([HEADLINE[0], *wished, *targets, *HEADLINE])
        metrics = {m.name: m for group in self.results.channels.values() for m in group}
        told = [name for name in metrics if self.tells(metrics[name]) and self.results.current(name)[0] is not None]
        return [metrics[name] for name in names if name in told] or [metrics[name] for name in told]

    def tells(self, metric: Metric) -> bool:
        """Whether a metric does not give a small segment away."""
        return bool(self.segments) or metric.name not in ("advocate_rate", "at_risk_rate")

    @property
    def segments(self) -> dict[str, int]:
        """Customers in each segment; nothing where one has fewer than five, since the others would tell it."""
        known = self.results.scores["segment"].drop_nulls()
        counts = {segment: int((known == segment).sum()) for segment in SEGMENTS}
        return {} if any(0 < count < FEWEST for count in counts.values()) else counts

    def targets(self) -> str:
        """Say how many targets are reached, and which is the farthest."""
        targets = self.results.business.targets
        if not targets:
            return self.language.text("points.no_targets")
        reached = sum(verdict == "reached" for _, verdict, _, _ in self._judged())
        counts = {"reached": self.language.number(reached), "all": self.language.number(len(targets))}
        missed = self.farthest_target()
        if missed is None:
            return self.language.text("points.targets", **counts)
        metric, estimate, target = missed
        known = {"value": self.value(metric, estimate), "target": self.amount(metric, target)}
        return self.language.text("points.targets_missed", **counts, name=self.title(metric), **known)

    def farthest_target(self) -> tuple[Metric, Estimate, float] | None:
        """The missed target that is the most widths of its interval away: metric, estimate and target."""
        missed = [each for each in self._judged() if each[1] == "missed"]
        if not missed:
            return None
        metric, _, estimate, target = max(missed, key=lambda each: _distance(each[2], each[3]))
        return metric, estimate, target

    def _judged(self) -> Iterator[tuple[Metric, str, Estimate, float]]:
        metrics = {m.name: m for group in self.results.channels.values() for m in group}
        for name, target in self.results.business.targets.items():
            estimate = self.results.current(name)[1]
            if name in metrics and math.isfinite(estimate.value):
                yield metrics[name], reached(metrics[name], estimate, target), estimate, target

    @property
    def shares(self) -> dict[str, str]:
        """Share of each segment, in whole percentages that add up to 100."""
        shares = whole_percents(list(self.segments.values())) if self.segments else []
        return {
            name: self.language.percent(each / PERCENT, 0) for name, each in zip(self.segments, shares, strict=True)
        }

    def title(self, metric: Metric) -> str:
        """Title of a metric; that of churn says over how many days."""
        title = self.language.text(f"metric.{metric.name}.title")
        if metric.table != "base":
            return title
        days = self.language.text("unit.day", n=self.results.business.horizon.removesuffix("d"))
        return f"{title}, {days}"

    def month(self, day: pd.Timestamp | dt.date) -> str:
        """Name of a period by its first day."""
        return self.language.named(day)


def tone_of(metric: Metric, direction: str) -> Tone:
    """Whether a direction is good for a metric; ``same`` without one, empty where it is not known or neither."""
    if direction == "none":
        return "same"
    if direction == "unknown" or not metric.better:
        return ""
    return "better" if metric.better == direction else "worse"


def _is_vague(metric: Metric, estimate: Estimate) -> bool:
    """Whether an interval of fewer than five units reaches down to nothing, or a share's to all and more."""
    whole = 1 if metric.measured_in == "rate" else math.inf
    reaches = estimate.low <= 0 < estimate.value or estimate.value < whole <= estimate.high
    return reaches and "few_units" in estimate.warning.split()


def _distance(estimate: Estimate, target: float) -> float:
    """How far a value is from its target, in widths of its interval."""
    return abs(estimate.value - target) / (estimate.high - estimate.low)
