"""A score in words: its parts, and what changed it, in whole points that add up."""

import math
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

from engagekit.language import Language

__all__ = ["made_of", "moved_by"]


def made_of(
    parts: Mapping[str, float | None], latest: Mapping[str, Any], weights: Mapping[str, float], language: Language
) -> str:
    """Sentence with the parts of a score: 58 of 100 points, 22 of 40 from one component and so on.

    Parameters
    ----------
    parts : mapping of str to float
        Points of each component; None where its feature is missing.
    latest : mapping
        The row, with ``score`` and ``coverage``.
    weights : mapping of str to float
        Share of each component in the weights.
    language : Language
        Language of the sentence.

    Examples
    --------
    >>> made_of({"orders": 30.0, "value": None}, {"score": 30.0, "coverage": 0.5}, {"orders": 0.5, "value": 0.5},
    ...     Language("en"))
    '30 of 100 points: Orders 30 of 100. Not known, so its weight is shared among the others: Money spent.'
    """
    known = {name: points for name, points in parts.items() if points is not None}
    points = _whole_points(latest["score"], known)
    most = _whole_points(100, {name: 100 * weights[name] / latest["coverage"] for name in known})
    written = (
        language.text("score.part", points=points[name], of=max(most[name], points[name]), name=language.feature(name))
        for name in known
    )
    sentence = language.text("score.made_of", score=sum(points.values()), parts="; ".join(written))
    unknown = ", ".join(language.feature(name) for name, points in parts.items() if points is None)
    return f"{sentence} {language.text('score.unknown', names=unknown)}" if unknown else sentence


def moved_by(
    parts: Mapping[str, float | None], before: Mapping[str, Any], after: Mapping[str, Any], language: Language
) -> str:
    """Sentence with the change of a score between two dates, and the components that changed.

    Parameters
    ----------
    parts : mapping of str to float
        Points of each component on the later date; None where its feature is missing.
    before, after : mapping
        The rows of the two dates, with ``score``; that of the earlier one with ``date`` and ``<feature>_points`` too.
    language : Language
        Language of the sentence.

    Examples
    --------
    >>> import datetime as dt
    >>> before = {"date": dt.date(2026, 5, 1), "score": 40.0, "orders_points": 40.0}
    >>> moved_by({"orders": 30.0}, before, {"score": 30.0}, Language("en"))
    'Down 10 points since 1 May 2026: Orders −10.'
    """
    date = language.date(before["date"])
    changes = {name: (points or 0) - (before[f"{name}_points"] or 0) for name, points in parts.items()}
    points = _whole_points(round(after["score"]) - round(before["score"]), changes)
    change = sum(points.values())
    written = (f"{language.feature(name)} {language.change(by)}" for name, by in points.items() if by)
    if not change:
        return language.text("score.unchanged", date=date)
    key = "score.less" if change < 0 else "score.more"
    return language.text(key, points=abs(change), date=date, parts="; ".join(written))


def _whole_points(total: float, parts: Mapping[str, float]) -> dict[str, int]:
    """Whole points that add up to the rounded total: the parts with the largest remainders are rounded up."""
    points = {name: math.floor(part) for name, part in parts.items()}
    missing = round(total) - sum(points.values())
    nearest_above = sorted(parts, key=lambda name: points[name] - parts[name])
    step = 1 if missing > 0 else -1
    for name in islice(cycle(nearest_above[::step]), abs(missing)):
        points[name] += step
    return points
