"""Effect of an arm against the control: difference and relative effect with their intervals and a p value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from engagekit.decisions.outcomes import Outcome, Sums
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import ROUNDING, upper_tail, wilson_interval

__all__ = ["EFFECT", "effects", "estimate_of", "holm", "is_proportion"]

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


@dataclass(frozen=True)
class Mean:
    """Mean of the linearised units of an arm, and its variance."""

    value: float
    variance: float
    units: float


Arm = tuple[Sums, Mean, Mean]  # with the mean as it is compared, and as it is


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


def effects(
    outcome: Outcome, arms: Sequence[Sums], *, proportion: bool, factor: float, confidence: float = 0.95
) -> list[Effect]:
    """Value of each arm, and its effect against the first one: ``n``, ``value`` and the names in ``EFFECT``.

    Parameters
    ----------
    outcome : Outcome
    arms : sequence of dict of str to float
        Sums of each arm, the control first; empty where nobody's outcome is known.
    proportion : bool
        Whether each customer counts 1 or 0.
    factor : float
        Half-width of the always-valid interval in standard errors.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    list of dict
        ``n`` is of customers; what is not defined is NaN. With a covariate values are the adjusted ones.

    Notes
    -----
    Proportions: Newcombe's interval of the difference; the p value is of the pooled z test, or of Fisher's exact test
    where one of the four expected counts is below 5. Others: Welch's t interval and test of x − R y, the linearised
    ratio, which of a mean is x itself. With a covariate c, x − θ(c − mean c), θ = cov(x, c) / var(c) within arms; a
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
    known = [sums for sums in arms if sums.get("y")]
    raw = [_mean(sums, outcome.metric.scale) for sums in known]
    adjusted = _adjusted(known, raw, outcome.metric.scale) if outcome.covariate else raw
    means = iter(zip(adjusted, raw, strict=True))
    by_arm = [(sums, *next(means)) if sums.get("y") else None for sums in arms]
    return [_row(by_arm[0] if place else None, arm, proportion, factor, confidence) for place, arm in enumerate(by_arm)]


def _row(control: Arm | None, arm: Arm | None, proportion: bool, factor: float, confidence: float) -> Effect:
    """Value of an arm and its effect against the control, where both are known."""
    none = {"n": 0, "value": math.nan, **dict.fromkeys(EFFECT, math.nan)}
    if arm is None:
        return none
    row = none | {"n": int(arm[1].units), "value": arm[1].value}
    if control is None:
        return row
    if proportion:
        return row | _of_proportions(control[0], arm[0], factor, confidence)
    made = _of_means(control[1], arm[1], factor, confidence)
    raw = control[2].variance + arm[2].variance
    adjusted = control[1].variance + arm[1].variance
    return row | made | ({"variance_ratio": adjusted / raw} if "before" in arm[0] and raw > 0 else {})


def estimate_of(value: float, low: float, high: float, n: int = 0) -> Estimate:
    """Estimate of which no more is known than its interval and the customers behind it."""
    return Estimate(value, low, high, math.nan, math.nan, n, n, "", "", "")


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
    lows, highs = (bounds.tolist() for bounds in wilson_interval(x, n, confidence))
    old, new = (estimate_of(float(x[arm] / n[arm]), lows[arm], highs[arm]) for arm in (0, 1))
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
    }


def _p_of_proportions(x: np.ndarray, n: np.ndarray) -> float:
    """P value of two proportions being the same."""
    pooled = x.sum() / n.sum()
    if n.min() * min(pooled, 1 - pooled) < FEWEST_EXPECTED:
        from scipy.stats import fisher_exact

        return float(fisher_exact([x, n - x]).pvalue)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n).sum())
    return float(2 * ndtr(-abs(x[1] / n[1] - x[0] / n[0]) / error))


def _of_means(old: Mean, new: Mean, factor: float, confidence: float) -> Effect:
    difference, squared = new.value - old.value, old.variance + new.variance
    if not squared > 0 or min(old.units, new.units) < 2:
        return {"difference": difference}
    freedom = squared**2 / sum(each.variance**2 / (each.units - 1) for each in (old, new))
    error, tail = math.sqrt(squared), upper_tail(confidence)
    t = float(stdtrit(freedom, tail))
    always = factor * error * t / float(ndtri(tail))  # the standard error of few is itself uncertain
    halves = [t * math.sqrt(each.variance) for each in (old, new)]
    bounds = (estimate_of(m.value, m.value - half, m.value + half) for m, half in zip((old, new), halves, strict=True))
    return {
        "difference": difference,
        "low": difference - t * error,
        "high": difference + t * error,
        **_relative(*bounds),
        "p_value": float(2 * stdtr(freedom, -abs(difference) / error)),
        "always_low": difference - always,
        "always_high": difference + always,
    }


def _mean(sums: Sums, scale: float) -> Mean:
    """Mean or ratio of an arm, and its variance by the delta method."""
    x, y = sums["x"], sums["y"]
    n = sums["units"] if "xx" in sums else y
    xx, xy, yy = (sums.get(name, other) for name, other in (("xx", x), ("xy", x), ("yy", y)))  # of flags x² is x
    ratio = x / y
    squares = xx - 2 * ratio * xy + ratio**2 * yy
    squares = squares if squares > ROUNDING * (xx + ratio**2 * yy) else 0
    spread = n / (n - 1) * squares / y**2 if n > 1 else math.nan
    return Mean(scale * ratio, scale**2 * spread, n)


def _adjusted(arms: Sequence[Sums], raw: Sequence[Mean], scale: float) -> list[Mean]:
    """Means less what the covariate explains; a missing covariate counts as the mean of the known ones."""
    known = sum(sums["known n"] for sums in arms)
    centre = sum(sums["before"] for sums in arms) / known if known else 0
    moments = [_about(sums, centre) for sums in arms]
    spread, shared = (sum(each[name] for each in moments) for name in ("cc", "xc"))
    slope = shared / spread if spread > 0 else 0
    made = []
    for mean, each in zip(raw, moments, strict=True):
        n = mean.units
        less = scale**2 * (2 * slope * each["xc"] - slope**2 * each["cc"]) / (n * (n - 1)) if n > 1 else 0
        rest = mean.variance - less
        variance = rest if rest > ROUNDING * mean.variance else 0
        made.append(Mean(mean.value - scale * slope * each["mean"], variance, n))
    return made


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
