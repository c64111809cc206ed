"""Effect of an arm against the control: difference and relative effect with their intervals and a p value."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from engagekit.decisions.outcomes import Outcome, Sums
from engagekit.errors import DataError
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import ROUNDING, upper_tail, wilson_interval

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics.mean import MeanResult

__all__ = ["EFFECT", "effects", "estimate_of", "holm", "is_proportion"]

LARGEST = 1e50  # of a customer's value; the sums of cubes of a million times larger ones overflow
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
SQUARES = ("xx", "yy", "before squared")
COVARIATE = ("known n", "known", "before", "before squared", "product")
Effect = dict[str, float]


def is_proportion(outcome: Outcome, arms: Sequence[Sums]) -> bool:
    """Whether each customer counts 1 or 0, so that the outcome is a proportion of them.

    Of a column of numbers the sums tell: all values are 0 or 1 where Σx = Σx² = Σx³.
    """
    if outcome.covariate or outcome.metric.scale != 1:
        return False
    return all(
        sums["y"] == sums["yy"] == sums["units"] and sums["x"] == sums["xx"] == sums.get("xxx", sums["x"])
        for sums in arms
        if "xx" in sums
    )


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
        ``n`` is of customers; what is not defined is NaN. With a covariate the value of an arm is the control's plus
        the adjusted difference.

    Raises
    ------
    DataError
        Values of customers are above 1e50, whose squares and cubes no float holds.

    Notes
    -----
    Proportions: Newcombe's interval of the difference; the p value is of the pooled z test, or of Fisher's exact test
    where one of the four expected counts is below 5; the relative interval is MOVER-R's of Wilson's intervals. Others,
    by tea-tasting: Welch's t test and interval of means, of ratios by the delta method, and with a covariate c (CUPED)
    of x − θ (c − mean c), θ = cov(x, c) / var(c) over the pair of arms; a missing c counts as the mean. The relative
    interval is that of the logarithm of the ratio: NaN where a mean is not above 0, and its upper bound infinite where
    the control's standard error is hundreds of times its mean, by which exp() overflows.

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
    scale = outcome.metric.scale
    rows: list[Effect] = []
    for arm in arms:
        row = {"n": 0, "value": math.nan, **dict.fromkeys(EFFECT, math.nan)}
        if arm.get("y"):
            row |= {"n": int(_units(arm)), "value": scale * arm["x"] / arm["y"]}
        if rows and rows[0]["n"] and row["n"]:
            row["difference"] = row["value"] - rows[0]["value"]
            pair, options = (arms[0], arm), (factor, confidence)
            row |= (
                _of_proportions(*pair, *options)
                if proportion
                else _of_means(outcome.metric.name, *pair, scale, *options)
            )
        rows.append(row)
    return rows


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
    from tea_tasting.experiment import ExperimentResult
    from tea_tasting.multiplicity import adjust_fwer

    known = {place: {"pvalue": p} for place, p in enumerate(p_values) if not math.isnan(p)}
    made = adjust_fwer(ExperimentResult(known), arbitrary_dependence=True, method="bonferroni").to_dicts()
    adjusted = {row["metric"]: row["pvalue_adj"] for row in made}
    return [adjusted.get(place, math.nan) for place in range(len(p_values))]


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


def _of_means(metric: str, control: Sums, treated: Sums, scale: float, factor: float, confidence: float) -> Effect:
    """Effect by tea-tasting; empty where there is no standard error."""
    if any(arm.get(name, 0) > LARGEST**2 for arm in (control, treated) for name in SQUARES):
        raise DataError(f"{metric}: a customer's value is above {LARGEST:g}. Correct it, or use a larger unit.")
    if min(_units(control), _units(treated)) < 2:
        return {}
    centre = _centre(control, treated)
    arms = [_aggregates(sums, scale, centre or 0.0) for sums in (control, treated)]
    if _is_rounding(arms):
        return {}
    covariate = None if centre is None else "c"
    made = _compared(arms, covariate, confidence)
    difference, half = made.effect_size, made.effect_size - made.effect_size_ci_lower
    always = factor * half / float(ndtri(upper_tail(confidence)))  # the standard error of few is itself uncertain
    relative = made[5:8] if made.control > 0 and made.treatment >= 0 else (math.nan,) * 3
    bounds = (difference - half, difference + half, *relative, made.pvalue, difference - always, difference + always)
    effect = {name: float(value) for name, value in zip(EFFECT, (difference, *bounds), strict=False)}
    if "before" in treated:
        both = [_compared(arms, c, confidence, use_t=False) for c in (None, covariate)]
        without, given = (each.effect_size - each.effect_size_ci_lower for each in both)  # of as many standard errors
        effect |= {"value": scale * control["x"] / control["y"] + difference, "variance_ratio": (given / without) ** 2}
    return effect


def _units(sums: Sums) -> float:
    return sums["units"] if "xx" in sums else sums["y"]


def _centre(*arms: Sums) -> float | None:
    """Mean of the covariate where it is known; None where it does not vary."""
    known, total, squares = (
        sum(sums.get(name, 0) for sums in arms) for name in ("known n", "before", "before squared")
    )
    centre = total / known if known else 0.0
    return centre if squares - centre * total > ROUNDING * squares else None


def _aggregates(sums: Sums, scale: float, centre: float) -> "Aggregates":
    """Moments of an arm's customers: x / y is the outcome, c the covariate, the centre where it is missing."""
    from tea_tasting.aggr import Aggregates

    n, x, y = _units(sums), scale * sums["x"], sums["y"]
    known, known_x, before, squares, product = (sums.get(name, 0.0) for name in COVARIATE)
    totals = {"x": x, "y": y, "c": before + (n - known) * centre}
    products = {
        ("x", "x"): scale**2 * sums.get("xx", sums["x"]),  # of flags x² is x
        ("x", "y"): scale * sums.get("xy", sums["x"]),
        ("y", "y"): sums.get("yy", y),
        ("c", "c"): squares + (n - known) * centre**2,
        ("c", "x"): scale * (product + (sums["x"] - known_x) * centre),
        ("c", "y"): totals["c"],  # only a mean has a covariate, and its y is 1
    }
    moments = {(a, b): (total - totals[a] * totals[b] / n) / (n - 1) for (a, b), total in products.items()}
    means = {name: total / n for name, total in totals.items()}
    return Aggregates(int(n), means, {name: moments[name, name] for name in totals}, moments)


def _is_rounding(arms: Sequence["Aggregates"]) -> bool:
    """Whether what varies within arms, less what the covariate explains there, is no more than rounding."""
    rest = size = 0.0
    for arm in arms:
        shared, spread = arm.ratio_cov("x", "y", "c", None), arm.var("c")
        slope = shared / spread if spread > 0 else 0.0
        xx, cc = (arm.var(name) + arm.mean(name) ** 2 for name in ("x", "c"))
        rest += (arm.ratio_var("x", "y") - slope * shared) / arm.count()
        size += (xx / arm.mean("y") ** 2 + slope**2 * cc) / arm.count()
    return not rest > ROUNDING * size


def _compared(
    arms: Sequence["Aggregates"], covariate: str | None, confidence: float, *, use_t: bool = True
) -> "MeanResult":
    """Result of tea-tasting, whatever its global settings."""
    from tea_tasting.metrics.mean import RatioOfMeans

    options = {"numer_covariate": covariate, "equal_var": False, "use_t": use_t}
    two_sided = RatioOfMeans("x", "y", **options, alternative="two-sided", confidence_level=confidence)
    try:
        return two_sided.analyze_aggregates(*arms)
    except OverflowError:  # of exp() for the upper relative bound, which a one-sided interval does not have
        greater = RatioOfMeans("x", "y", **options, alternative="greater", confidence_level=upper_tail(confidence))
        made = greater.analyze_aggregates(*arms)
        return made._replace(pvalue=2 * min(made.pvalue, 1 - made.pvalue))


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
