"""Differences of a metric between two estimates or two periods, with their intervals."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
from scipy.special import stdtrit

from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import upper_tail
from engagekit.metrics.measure import unit_totals
from engagekit.metrics.metric import Ratio

__all__ = ["difference", "paired_difference", "paired_differences"]


def difference(old: Estimate, new: Estimate) -> Estimate:
    """Difference of two estimates on different units, new minus old, and its interval, in the metric's unit.

    The interval combines the two intervals (MOVER). For two proportions with Wilson intervals it is Newcombe's, his
    method 10. Where both estimates share customers it is wider than necessary; see ``paired_difference``. Subtraction,
    ``new - old``, gives the same.

    Parameters
    ----------
    old, new : Estimate
        The same metric before and after, or of two campaigns, plans or cities.

    Returns
    -------
    Estimate
        ``value, low, high`` are NaN where one of the values, or one of the intervals, is NaN. As each interval holds
        its value and stays within the metric's range, so does this one: two Net Promoter Scores differ by at most 200
        points. ``n`` and ``units`` are those of both together, and so are the warnings; a difference has no numerator
        and no denominator.

    References
    ----------
    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions.
       Statistics in Medicine, 17(8).
    .. [2] Zou, G. Y., & Donner, A. (2008). Construction of confidence limits about effect measures. Statistics
       in Medicine, 27(10).

    Examples
    --------
    >>> from engagekit.metrics import satisfaction_rate
    >>> old, new = (satisfaction_rate([5] * k + [1] * (n - k)) for k, n in [(48, 80), (56, 70)])
    >>> change = difference(old, new)
    >>> round(change.value, 4), round(change.low, 4), round(change.high, 4), change.n
    (0.2, 0.0524, 0.3339, 150)
    """
    return new - old


def paired_difference(
    metric: Ratio, old: Any, new: Any, unit: str = "customer_id", confidence: float = 0.95
) -> tuple[float, float, float]:
    """Difference of a ratio between two periods that may share customers, new minus old, and its interval.

    A customer's contributions to both periods are added before the interval is taken, so that customers who are in
    both are compared with themselves. The interval is in the metric's unit.

    Parameters
    ----------
    metric : Ratio
        What to compare.
    old, new : frame
        Rows of the two periods, with the metric's columns and ``unit``.
    unit : str, default "customer_id"
        Column of the independent unit.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    difference, low, high : float
        NaN where the metric is undefined in one of the periods; the bounds are NaN too below two units. Where the
        metric has a lowest and a highest value, the interval stays within their distance on either side of 0.

    Notes
    -----
    With R = Σx/Σy of a period, a unit's contribution to the difference is z = (x₁ − R₁y₁)/Σy₁ − (x₀ − R₀y₀)/Σy₀, and
    the interval is R₁ − R₀ ± t(k − 1) sqrt(k/(k − 1) Σz²) over the k units of either period. With every unit once in
    both periods and y = 1 it is Student's paired interval.

    References
    ----------
    .. [1] Deng, A., Knoblich, U., & Lu, J. (2018). Applying the Delta Method in Metric Analytics. KDD.

    Examples
    --------
    Two customers rise by 1 and by 3 points: 2 ± 12.706 · √2/√2.

    >>> from engagekit.metrics import engagement_score
    >>> may = pl.DataFrame({"customer_id": ["a", "b"], "score": [10, 60]})
    >>> june = pl.DataFrame({"customer_id": ["a", "b"], "score": [11, 63]})
    >>> [round(number, 3) for number in paired_difference(engagement_score, may, june)]
    [2.0, -10.706, 14.706]
    """
    return paired_differences([metric], old, new, unit, confidence)[metric.name]


def paired_differences(
    metrics: Sequence[Ratio], old: Any, new: Any, unit: str = "customer_id", confidence: float = 0.95
) -> dict[str, tuple[float, float, float]]:
    """Differences of many ratios of one table between two periods, by name, in one pass over each.

    Parameters, result and interval of each are those of ``paired_difference``.

    Examples
    --------
    >>> from engagekit.metrics import engagement_score
    >>> may = pl.DataFrame({"customer_id": ["a", "b"], "score": [10, 60]})
    >>> june = pl.DataFrame({"customer_id": ["a", "b"], "score": [11, 63]})
    >>> round(paired_differences([engagement_score], may, june)["engagement_score"][0], 3)
    2.0
    """
    before, after = (unit_totals(frame, metrics, unit) for frame in (old, new))
    tail = upper_tail(confidence)
    return {metric.name: _paired(metric, before[metric.name], after[metric.name], tail) for metric in metrics}


def _paired(metric: Ratio, old: pl.DataFrame, new: pl.DataFrame, tail: float) -> tuple[float, float, float]:
    """Difference of a ratio and its interval, from what each unit adds to numerator and denominator."""
    contributions, ratios = [], []
    for totals, sign in ((old, -1), (new, 1)):
        x, y = float(totals["x"].sum()), float(totals["y"].sum())
        if y == 0:
            return math.nan, math.nan, math.nan
        ratios.append(x / y)
        contributions.append(totals.select("unit", z=sign * (pl.col("x") - x / y * pl.col("y")) / y))
    z = pl.concat(contributions).group_by("unit").agg(pl.col("z").sum()).sort("unit")["z"]
    change, k = metric.scale * (ratios[1] - ratios[0]), len(z)
    if k < 2:
        return change, math.nan, math.nan
    half = metric.scale * float(stdtrit(k - 1, tail)) * math.sqrt(k / (k - 1) * float((z**2).sum()))
    widest = metric.scale * (metric.range[1] - metric.range[0])
    return change, max(change - half, -widest), min(change + half, widest)
