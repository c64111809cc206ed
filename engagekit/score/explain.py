"""A score in words: what it is made of, and what moved it; the points told add up."""

import math
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

from engagekit.language import Language

__all__ = ["made_of", "moved_by"]


def made_of(
    parts: Mapping[str, float | None], latest: Mapping[str, Any], weights: Mapping[str, float], language: Language
) -> str:
    """What a score is made of: 58 of 100 points, 22 of 40 from one component and so on."""
    known = {name: points for name, points in parts.items() if points is not None}
    whole = _whole(latest["score"], known)
    shares = _whole(100, {name: 100 * weights[name] / latest["coverage"] for name in known})
    written = (
        language.text("score.part", points=whole[name], of=max(shares[name], whole[name]), name=language.feature(name))
        for name in known
    )
    sentence = language.text("score.made_of", score=sum(whole.values()), parts="; ".join(written))
    unknown = ", ".join(language.feature(name) for name, points in parts.items() if points is None)
    return f"{sentence} {language.text('score.unknown', names=unknown)}" if unknown else sentence


def moved_by(
    parts: Mapping[str, float | None], latest: Mapping[str, Any], before: Mapping[str, Any], language: Language
) -> str:
    """What moved a score since an earlier date."""
    date = language.date(before["date"])
    moved = {name: (points or 0) - (before[f"{name}_points"] or 0) for name, points in parts.items()}
    whole = _whole(round(latest["score"]) - round(before["score"]), moved)
    change = sum(whole.values())
    written = (f"{language.feature(name)} {by:+d}" for name, by in whole.items() if by)
    if not change:
        return language.text("score.unchanged", date=date)
    key = "score.less" if change < 0 else "score.more"
    return language.text(key, points=abs(change), date=date, parts="; ".join(written))


def _whole(total: float, parts: Mapping[str, float]) -> dict[str, int]:
    """Whole points that add up to the rounded total: those with the largest remainders are rounded up."""
    found = {name: math.floor(points) for name, points in parts.items()}
    missing = round(total) - sum(found.values())
    nearest_above = sorted(parts, key=lambda name: found[name] - parts[name])
    step = 1 if missing > 0 else -1
    for name in islice(cycle(nearest_above[::step]), abs(missing)):
        found[name] += step
    return found
