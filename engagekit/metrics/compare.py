"""How much a metric changed between two periods, and whether chance alone could have done it."""

import math
from typing import Any

import narwhals as nw
import polars as pl
from scipy.special import stdtrit

from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Ratio

__all__ = ["paired_difference"]


def paired_difference(
    metric: Ratio, new: Any, old: Any, unit: str = "customer_id", confidence: float = 0.95
) -> tuple[float, float, float]:
    """Difference of a ratio between two periods that may share customers, new minus old, and its interval.

    What a customer adds to both periods is counted once, so that customers who are in both are compared with
    themselves. The interval is in the metric's unit.

    Parameters
    ----------
    metric : Ratio
        What to compare.
    new, old : frame
        Rows of the two periods, with the metric's columns and ``unit``.
    unit : str, default "customer_id"
        Column of the independent unit.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    difference, low, high : float
        NaN where one of the two is undefined, or below two units.

    Notes
    -----
    With R = Σx/Σy of a period, a unit's part in the difference is z = (x₁ − R₁y₁)/Σy₁ − (x₀ − R₀y₀)/Σy₀, and the
    interval is R₁ − R₀ ± t(k − 1) sqrt(k/(k − 1) Σz²) over the k units of either period. With every unit once in both
    periods and y = 1 it is Student's paired interval.

    References
    ----------
    .. [1] Deng, A., Knoblich, U., & Lu, J. (2018). Applying the Delta Method in Metric Analytics. KDD.

    Examples
    --------
    Two customers rise by 1 and by 3 points: 2 ± 12.706 · √2/√2.

    >>> from engagekit import engagement_score
    >>> may = pl.DataFrame({"customer_id": ["a", "b"], "score": [10, 60]})
    >>> june = pl.DataFrame({"customer_id": ["a", "b"], "score": [11, 63]})
    >>> [round(number, 3) for number in paired_difference(engagement_score, june, may)]
    [2.0, -10.706, 14.706]
    """
    parts, ratios = [], []
    for frame, sign in ((new, 1), (old, -1)):
        sums = nw.from_native(measure(frame, metric, by=unit)).to_polars().filter(pl.col("n") > 0)
        x, y = float(sums["numerator"].sum()), float(sums["denominator"].sum())
        if y == 0:
            return math.nan, math.nan, math.nan
        ratios.append(x / y)
        parts.append(sums.select(unit, z=sign * (pl.col("numerator") - x / y * pl.col("denominator")) / y))
    z = pl.concat(parts).group_by(unit).agg(pl.col("z").sum())["z"]
    difference, k = metric.scale * (ratios[0] - ratios[1]), len(z)
    if k < 2:
        return difference, math.nan, math.nan
    error = metric.scale * math.sqrt(k / (k - 1) * float((z**2).sum()))
    half = float(stdtrit(k - 1, 0.5 + confidence / 2)) * error
    return difference, difference - half, difference + half
