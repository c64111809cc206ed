"""Effect of an arm against the control: difference and relative effect with their intervals and a p value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from engagekit.decisions.outcomes import Outcome, Sums
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import ROUNDING, upper_tail, wilson_interval

__all__ = ["EFFECT", "arm_value", "effect", "holm", "is_proportion"]

FEWEST_EXPECTED = 5  # below it the normal approximation of a table of four counts fails
EFFECT = (
    "difference",
    "low",
    "high",
    "relative",
    "relative_low",
    "relative_high",
    "p_value",
    "always_low",
    "always_high",
    "variance_ratio",
)
Effect = dict[str, float]


def is_proportion(outcome: Outcome, arms: Sequence[Sums]) -> bool:
    """Whether each customer counts 1 or 0, so that the outcome is a proportion of them.

    Of a column of numbers the sums tell: all values are 0 or 1 where Σx = Σx² = Σx³.
    """
    if outcome.covariate:
        return False
    for sums in (each for each in arms if each):
        if "xx" in sums:
            whole = sums["y"] == sums["yy"] == sums["units"]
            if not (whole and sums["x"] == sums["xx"] == sums.get("xxx", sums["x"])):
                return False
    return True


def arm_value(outcome: Outcome, sums: Sums) -> tuple[int, float]:
    """Customers of an arm whose outcome is known, and its value in the metric's unit; NaN without any."""
    n = sums.get("y" if "xx" not in sums else "units", 0)
    return int(n), outcome.metric.scale * sums["x"] / sums["y"] if sums.get("y") else math.nan


def effect(
    outcome: Outcome, control: Sums, treated: Sums, *, proportion: bool, factor: float, confidence: float = 0.95
) -> Effect:
    """Effect of an arm against the control, by the names in ``EFFECT``; NaN where it is not defined.

    Parameters
    ----------
    outcome : Outcome
    control, treated : dict of str to float
        Sums of both arms.
    proportion : bool
        Whether each customer counts 1 or 0.
    factor : float
        Half-width of the always-valid interval in standard errors.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Notes
    -----
    Proportions: Newcombe's interval of the difference; the p value is of the pooled z test, or of Fisher's exact test
    where one of the four expected counts is below 5. Others: Welch's t interval and test of x − R y, the linearised
    ratio, which of a mean is x itself. With a covariate c, x − θ(c − mean c), θ = cov(x, c) / var(c) over both arms; a
    missing c counts as the mean. The relative interval is that of a ratio by MOVER-R of the two arms' intervals.

    References
    ----------
    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics
       in Medicine, 17(8).
    .. [2] Deng, A., Xu, Y., Kohavi, R., & Walker, T. (2013). Improving the Sensitivity of Online Controlled
       Experiments by Utilizing Pre-Experiment Data. WSDM.
    .. [3] Deng, A., Knoblich, U., & Lu, J. (2018). Applying the Delta Method in Metric Analytics. KDD.
    .. [4] Donner, A., & Zou, G. Y. (2012). Closed-form confidence intervals for functions of the normal mean and
       standard deviation. Statistical Methods in Medical Research, 21(4).
    """
    if not (control.get("y") and treated.get("y")):
        return dict.fromkeys(EFFECT, math.nan)
    if proportion:
        return _of_proportions(control, treated, factor, confidence)
    return _of_means(outcome, control, treated, factor, confidence)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted by Holm's procedure, by which at most 5 % of families have any false positive; NaN stays NaN.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
       Statistics, 6(2).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, math.nan])
    [0.03, 0.06, 0.06, nan]
    """
    p = np.asarray(p_values, float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(order), 0, -1), 1))
    return adjusted.tolist()


def _of_proportions(control: Sums, treated: Sums, factor: float, confidence: float) -> Effect:
    x, n = (np.array([control[name], treated[name]]) for name in ("x", "y"))
    lows, highs = wilson_interval(x, n, confidence)
    old, new = (
        Estimate(x[arm] / n[arm], lows[arm], highs[arm], x[arm], n[arm], int(n[arm]), int(n[arm]), "wilson", "", "")
        for arm in (0, 1)
    )
    change = new - old
    careful = (x + 1) / (n + 2)  # so that an arm without a conversion has a standard error
    half = factor * math.sqrt(float((careful * (1 - careful) / n).sum()))
    return {
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        **_relative(old, new),
        "p_value": _p_of_proportions(x, n),
        "always_low": max(change.value - half, -1),
        "always_high": min(change.value + half, 1),
        "variance_ratio": math.nan,
    }


def _p_of_proportions(x: np.ndarray, n: np.ndarray) -> float:
    """P value of two proportions being the same."""
    pooled = x.sum() / n.sum()
    if n.min() * min(pooled, 1 - pooled) < FEWEST_EXPECTED:
        from scipy.stats import fisher_exact

        return float(fisher_exact([x, n - x]).pvalue)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n).sum())
    return float(2 * ndtr(-abs(x[1] / n[1] - x[0] / n[0]) / error))


@dataclass(frozen=True)
class _Mean:
    """Mean of linearised units, and its variance."""

    value: float
    variance: float
    units: float


def _of_means(outcome: Outcome, control: Sums, treated: Sums, factor: float, confidence: float) -> Effect:
    raw = [_plain(sums, outcome.metric.scale) for sums in (control, treated)]
    old, new = _adjusted([control, treated], raw, outcome.metric.scale) if outcome.covariate else raw
    difference, squared = new.value - old.value, old.variance + new.variance
    none = dict.fromkeys(EFFECT, math.nan)
    if not squared > 0 or min(old.units, new.units) < 2:
        return none | {"difference": difference}
    freedom = squared**2 / sum(each.variance**2 / (each.units - 1) for each in (old, new))
    error, t = math.sqrt(squared), float(stdtrit(freedom, upper_tail(confidence)))
    bounds = (
        Estimate(
            m.value, m.value - t * math.sqrt(m.variance), m.value + t * math.sqrt(m.variance), 0, 0, 0, 0, "", "", ""
        )
        for m in (old, new)
    )
    return {
        "difference": difference,
        "low": difference - t * error,
        "high": difference + t * error,
        **_relative(*bounds),
        "p_value": float(2 * stdtr(freedom, -abs(difference) / error)),
        "always_low": difference - factor * error,
        "always_high": difference + factor * error,
        "variance_ratio": squared / sum(each.variance for each in raw) if outcome.covariate else math.nan,
    }


def _plain(sums: Sums, scale: float) -> _Mean:
    """Mean or ratio of an arm, and its variance by the delta method."""
    x, y = sums["x"], sums["y"]
    n = sums.get("units", y)
    xx, xy, yy = (sums.get(name, other) for name, other in (("xx", x), ("xy", x), ("yy", y)))  # of flags x² is x
    ratio = x / y
    squares = xx - 2 * ratio * xy + ratio**2 * yy
    squares = squares if squares > ROUNDING * (xx + ratio**2 * yy) else 0
    spread = n / (n - 1) * squares / y**2 if n > 1 else math.nan
    return _Mean(scale * ratio, scale**2 * spread, n)


def _adjusted(arms: Sequence[Sums], raw: Sequence[_Mean], scale: float) -> list[_Mean]:
    """Means less what the covariate explains; a missing covariate counts as the mean of the known ones."""
    known = sum(sums["known n"] for sums in arms)
    centre = sum(sums["before"] for sums in arms) / known if known else 0
    moments = [_about(sums, centre) for sums in arms]
    spread, shared = (sum(each[name] for each in moments) for name in ("cc", "xc"))
    slope = shared / spread if spread > 0 else 0
    return [
        _Mean(
            mean.value - scale * slope * each["mean"],
            mean.variance + scale**2 * (slope**2 * each["cc"] - 2 * slope * each["xc"]) / (n * (n - 1)),
            n,
        )
        for mean, each, n in ((m, e, m.units) for m, e in zip(raw, moments, strict=True))
    ]


def _about(sums: Sums, centre: float) -> Mapping[str, float]:
    """Mean of an arm's covariate less the centre, and its sums of squares and products about the arm's means."""
    n, known = sums["y"], sums["known n"]
    total = sums["before"] - known * centre
    squares = sums["before squared"] - 2 * centre * sums["before"] + known * centre**2
    squares = squares if squares > ROUNDING * sums["before squared"] else 0
    products = sums["product"] - centre * sums["known"]
    return {"mean": total / n, "cc": squares - total**2 / n, "xc": products - total * sums["x"] / n}


def _relative(old: Estimate, new: Estimate) -> Effect:
    """Relative effect and its interval; NaN where a value is not above 0, and infinite where the control may be 0."""
    names = ("relative", "relative_low", "relative_high")
    if not (old.value > 0 and new.value >= 0):
        return dict.fromkeys(names, math.nan)
    product = old.value * new.value
    above, below = (new.value**2 - (new.value - bound) ** 2 for bound in (new.low, new.high))
    least, most = (old.value**2 - (old.value - bound) ** 2 for bound in (old.high, old.low))
    under, over = product**2 - above * least, product**2 - below * most
    low = above / (product + math.sqrt(under)) if under >= 0 and product + math.sqrt(under) > 0 else 0
    high = (product + math.sqrt(over)) / most if over >= 0 and old.low > 0 else math.inf
    return dict(zip(names, (new.value / old.value - 1, low - 1, high - 1), strict=True))
