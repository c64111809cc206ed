"""Intervals of proportions, scores and ratios from counts and sums. They take numbers or arrays and return arrays."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

__all__ = [
    "Floats",
    "Interval",
    "net_promoter_interval",
    "rate_interval",
    "ratio_interval",
    "unit_skewness",
    "upper_tail",
    "wilson_interval",
]

Floats = NDArray[np.float64]
Interval = tuple[Floats, Floats]
LARGEST_T = 1e6  # with almost no degrees of freedom; the interval is nearly 0 to 1, and its square must not overflow
HAZEN = 8.5
ROUNDING = 1e-13  # share of the sums of squares; a smaller remainder is rounding and no spread


def upper_tail(confidence: float) -> float:
    """Probability below the upper bound of a two-sided interval.

    Raises
    ------
    ValueError
        ``confidence`` is not between 0 and 1.

    Examples
    --------
    >>> upper_tail(0.9)
    0.95
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence} is not between 0 and 1")
    return 0.5 + confidence / 2


def wilson_interval(successes: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion, as fractions from 0 to 1.

    Parameters
    ----------
    successes, n : array-like
        Successes and trials.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : ndarray
        NaN where n is 0.

    Notes
    -----
    With p = successes / n and z the normal quantile:
    (p + z²/2n ± z sqrt(p(1 − p)/n + z²/4n²)) / (1 + z²/n).

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA,
       22(158).

    Examples
    --------
    >>> low, high = wilson_interval(81, 263)
    >>> round(float(low), 4), round(float(high), 4)
    (0.2553, 0.3662)
    """
    x, trials = np.asarray(successes, float), np.asarray(n, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = _wilson(x / trials, trials, ndtri(upper_tail(confidence)))
    return low, np.where((x == trials) & (trials > 0), 1, high)


def net_promoter_interval(
    promoters: ArrayLike, detractors: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Interval of a Net Promoter Score, in points from -100 to 100.

    Adjusted Wald: three pseudo-answers, weighted 3/4, 3/2 and 3/4, are added before the normal interval is taken, so
    that five promoters out of five do not give a certainty. Where the score lies outside that interval, as with one
    answer, the interval is extended to the score.

    Parameters
    ----------
    promoters, detractors, n : array-like
        Answers of 9-10, answers of 0-6, and all answers.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : ndarray
        In points, within -100 to 100, with the score between them; NaN where n is 0.

    Notes
    -----
    With n' = n + 3, p = (promoters + 3/4) / n', d = (detractors + 3/4) / n':
    100 (p − d ± z sqrt((p + d − (p − d)²) / n')).

    References
    ----------
    .. [1] Rocks, B. (2016). Interval Estimation for the "Net Promoter Score". The American Statistician,
       70(4).

    Examples
    --------
    >>> low, high = net_promoter_interval(162, 54, 324)
    >>> round(float(low), 2), round(float(high), 2)
    (24.95, 41.11)
    """
    z = float(ndtri(upper_tail(confidence)))
    answers = np.asarray(n, float)
    adjusted = np.where(answers > 0, answers + 3, np.nan)
    p = (np.asarray(promoters, float) + 0.75) / adjusted
    d = (np.asarray(detractors, float) + 0.75) / adjusted
    half = z * np.sqrt((p + d - (p - d) ** 2) / adjusted)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = 100 * (np.asarray(promoters, float) - np.asarray(detractors, float)) / answers
    low, high = np.clip(100 * (p - d - half), -100, 100), np.clip(100 * (p - d + half), -100, 100)
    return np.minimum(low, score), np.maximum(high, score)


def ratio_interval(
    units: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    xx: ArrayLike,
    xy: ArrayLike,
    yy: ArrayLike,
    xxx: ArrayLike,
    xxy: ArrayLike,
    xyy: ArrayLike,
    yyy: ArrayLike,
    confidence: float = 0.95,
) -> Interval:
    """Interval of a ratio of sums over independent units, in the ratio's unit, that follows their skewness.

    Means of money are skewed: most misses of a symmetric interval lie below the truth, since the few large values that
    make the mean are not in the sample. Hall's transformation takes the skewness of the linearised units x − R y out
    of the statistic, so that the interval reaches further up where they are skewed to the right; where they are not, it
    is Student's. With y = 1 for every unit it is the interval of a mean.

    Parameters
    ----------
    units : array-like
        Independent units.
    x, y, xx, xy, yy, xxx, xxy, xyy, yyy : array-like
        Sums over units of the numerator, the denominator, and of their products of two and of three.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : ndarray
        NaN below two units, and where y is 0.

    Notes
    -----
    With R = Σx/Σy, e = x − R y, s = sqrt(k/(k − 1) Σe²) / Σy over k units, g their skewness as ``unit_skewness`` gives
    it and a = (1 + 8.5/k) g/√k: R − s T(t) and R − s T(−t) with t = t(k − 1) and
    T(w) = 3/a ((1 + a (w − a/6))^(1/3) − 1). The factor 1 + 8.5/k is Hazen's, for the bias of g in small samples.

    References
    ----------
    .. [1] Hall, P. (1992). On the Removal of Skewness by Transformation. JRSS B, 54(1).
    .. [2] Deng, A., Knoblich, U., & Lu, J. (2018). Applying the Delta Method in Metric Analytics. KDD.
    .. [3] Hazen, A. (1930). Flood Flows. Wiley.

    Examples
    --------
    The mean of 1, 2 and 3, which are not skewed, is 2 ± 4.303 · 1/√3:

    >>> low, high = ratio_interval(3, 6, 3, 14, 6, 3, 36, 14, 6, 3)
    >>> round(float(low), 3), round(float(high), 3)
    (-0.484, 4.484)
    """
    k, sx, sy, sxx, sxy, syy = (np.asarray(value, float) for value in (units, x, y, xx, xy, yy))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = sx / sy
        error = np.sqrt(k / (k - 1) * _squares(ratio, sxx, sxy, syy)) / np.abs(sy)
        t = stdtrit(np.maximum(k - 1, 1), upper_tail(confidence))
        skewness = unit_skewness(k, sx, sy, sxx, sxy, syy, xxx, xxy, xyy, yyy) * np.sign(sy)
        a = (1 + HAZEN / k) * skewness / np.sqrt(k)
        low, high = (ratio - error * _untransformed(bound, a) for bound in (t, -t))
        defined = (k >= 2) & (sy != 0)
    low, high = np.minimum(low, ratio), np.maximum(high, ratio)
    return np.where(defined, low, np.nan), np.where(defined, high, np.nan)


def unit_skewness(
    units: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    xx: ArrayLike,
    xy: ArrayLike,
    yy: ArrayLike,
    xxx: ArrayLike,
    xxy: ArrayLike,
    xyy: ArrayLike,
    yyy: ArrayLike,
) -> Floats:
    """Skewness of the linearised units x − R y of a ratio R = Σx/Σy, from sums as ``ratio_interval`` takes them.

    Returns
    -------
    ndarray
        Σe³/k over (Σe²/k)^(3/2), within ±(k − 2)/√(k − 1), which no sample of k exceeds; 0 where units do not differ.

    Examples
    --------
    Of 0, 0 and 3, less their mean: (−1 − 1 + 8)/3 over (6/3)^1.5.

    >>> round(float(unit_skewness(3, 3, 3, 9, 3, 3, 27, 9, 3, 3)), 4)
    0.7071
    """
    k, sx, sy, sxx, sxy, syy, sxxx, sxxy, sxyy, syyy = (
        np.asarray(value, float) for value in (units, x, y, xx, xy, yy, xxx, xxy, xyy, yyy)
    )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = sx / sy
        squares = _squares(ratio, sxx, sxy, syy)
        terms = [sxxx, -3 * ratio * sxxy, 3 * ratio**2 * sxyy, -(ratio**3) * syyy]
        cubes = np.sum(np.broadcast_arrays(*terms), axis=0)
        rounding = ROUNDING * np.sum(np.abs(np.broadcast_arrays(*terms)), axis=0)
        skewness = np.where((squares > 0) & (np.abs(cubes) > rounding), cubes * np.sqrt(k) / squares**1.5, 0)
        most = np.where(k > 1, (k - 2) / np.sqrt(k - 1), 0)
    return np.clip(skewness, -most, most)


def rate_interval(
    x: ArrayLike, y: ArrayLike, xx: ArrayLike, xy: ArrayLike, yy: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Interval of a rate over independent units of uneven size, x a part of y, as fractions from 0 to 1.

    Wilson's interval with an effective number of trials: the number whose rate varies as much as that of the units.
    Unlike the delta method it keeps its coverage where a few units dominate, and near 0 and 1.

    Parameters
    ----------
    x, y, xx, xy, yy : array-like
        Sums over units of the numerator, the denominator, and their squares and product.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : ndarray
        NaN where y is 0, where there is one unit, and where all units have the same rate.

    Notes
    -----
    With R = Σx/Σy and the effective number of units k = (Σy)²/Σy²: Wilson's interval with n = R(1 − R) / s², where
    s² = k/(k − 1) Σ(x − R y)² / (Σy)², and t(k − 1) in place of z.

    References
    ----------
    .. [1] Franco, C., Little, R. J. A., Louis, T. A., & Slud, E. V. (2019). Comparative Study of Confidence Intervals
       for Proportions in Complex Sample Surveys. Journal of Survey Statistics and Methodology, 7(3).

    Examples
    --------
    Four units of ten trials with 2, 3, 3 and 4 successes: R = .3, s² = 4/3 · 2/1600, n = .21/s² = 126, t(3) = 3.182.

    >>> low, high = rate_interval(12, 40, 38, 120, 400)
    >>> round(float(low), 4), round(float(high), 4)
    (0.189, 0.4408)
    """
    sx, sy, sxx, sxy, syy = (np.asarray(value, float) for value in (x, y, xx, xy, yy))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = sx / sy
        k = sy**2 / syy
        error = k / (k - 1) * _squares(ratio, sxx, sxy, syy) / sy**2
        trials = np.where((k > 1 + ROUNDING) & (error > 0), ratio * (1 - ratio) / error, np.nan)
        t = np.minimum(stdtrit(np.maximum(k - 1, ROUNDING), upper_tail(confidence)), LARGEST_T)
        low, high = _wilson(ratio, trials, t)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def _wilson(p: Floats, trials: Floats, z: ArrayLike) -> Interval:
    z2 = np.asarray(z, float) ** 2
    centre = p + z2 / (2 * trials)
    half = np.sqrt(z2 * p * (1 - p) / trials + (z2 / (2 * trials)) ** 2)
    return (centre - half) / (1 + z2 / trials), (centre + half) / (1 + z2 / trials)


def _untransformed(bound: Floats, a: Floats) -> Floats:
    """Value of Student's statistic whose skewness, taken out, leaves this bound."""
    skewed = np.abs(a) > ROUNDING
    safe = np.where(skewed, a, 1)
    return np.where(skewed, 3 / safe * (np.cbrt(1 + safe * (bound - safe / 6)) - 1), bound)


def _squares(ratio: Floats, xx: Floats, xy: Floats, yy: Floats) -> Floats:
    """Σ(x − R y)² over units; 0 where it is no more than rounding."""
    squares = xx - 2 * ratio * xy + ratio**2 * yy
    return np.where(squares > ROUNDING * (xx + ratio**2 * yy), squares, 0)
