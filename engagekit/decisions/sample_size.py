"""How many customers a test needs, and what it can detect with those it has."""

import math
from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

__all__ = ["sample_size", "smallest_effect"]

FEWEST = 4  # customers of two arms, so that each has a variance


def sample_size(
    baseline: float,
    effect: float,
    *,
    sd: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1,
) -> int:
    """Customers in both arms together that a test needs to detect an effect.

    Parameters
    ----------
    baseline : float
        Value of the control: of a proportion above 0 and below 1, of a mean any.
    effect : float
        Difference to detect, in the same unit and not 0. Of a rate of 10 % that may rise to 12 %: 0.02.
    sd : float, optional
        Standard deviation of a mean between customers, above 0; without it ``baseline`` is a proportion.
    power : float, default 0.8
        Probability of detecting the effect, between ``alpha`` and 1.
    alpha : float, default 0.05
        Probability of a false positive, two-sided, between 0 and 1.
    ratio : float, default 1
        Customers of the other arm for each of the control, above 0.

    Returns
    -------
    int
        For means 4 or above.

    Raises
    ------
    ValueError
        An argument is out of its range.

    Notes
    -----
    Proportions p and q = p + effect, their mean p̄ weighted by the arms: the control needs
    (z(1 − α/2) sqrt((1 + 1/ratio) p̄(1 − p̄)) + z(power) sqrt(p(1 − p) + q(1 − q)/ratio))² / effect² customers. Means:
    the power of the two-sided t test of two means with the same standard deviation, from the noncentral t distribution.

    References
    ----------
    .. [1] Fleiss, J. L., Levin, B., & Paik, M. C. (2003). Statistical Methods for Rates and Proportions. Wiley.

    Examples
    --------
    >>> sample_size(0.1, 0.02), sample_size(50, 5, sd=30)
    (7682, 1133)
    """
    _check(power, alpha, ratio)
    if effect == 0 or not math.isfinite(effect):
        raise ValueError(f"effect: {effect} must be a number other than 0")
    if sd is None:
        _check_proportion(baseline, effect)
        of_control = _of_control(baseline, effect, power, alpha, ratio)
        return math.ceil(of_control) + math.ceil(ratio * of_control)
    _check_sd(sd)
    shift = abs(effect) / sd
    return math.ceil(_smallest(lambda n: _power_of_t_test(n, shift, alpha, ratio), power, FEWEST))


def smallest_effect(
    customers: int,
    baseline: float,
    *,
    sd: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1,
) -> float:
    """Smallest rise that a test with so many customers in both arms detects, in the unit of the value.

    Parameters
    ----------
    customers : int
        In both arms together, 4 or more.
    baseline, sd, power, alpha, ratio
        As ``sample_size`` takes them.

    Returns
    -------
    float
        NaN where no rise of a proportion is large enough.

    Raises
    ------
    ValueError
        An argument is out of its range.

    Examples
    --------
    >>> round(smallest_effect(7682, 0.1), 4), round(smallest_effect(1133, 50, sd=30), 2)
    (0.02, 5.0)
    """
    _check(power, alpha, ratio)
    if customers < FEWEST:
        raise ValueError(f"customers: {customers} must be {FEWEST} or above")
    if sd is not None:
        _check_sd(sd)
        return sd * _smallest(lambda shift: _power_of_t_test(customers, shift, alpha, ratio), power, 0)
    _check_proportion(baseline, 0)
    largest = 1 - baseline

    def missing(effect: float) -> float:
        return _of_control(baseline, effect, power, alpha, ratio) * (1 + ratio) - customers

    return float(brentq(missing, largest * 1e-9, largest)) if missing(largest) <= 0 else math.nan


def _of_control(p: float, effect: float, power: float, alpha: float, ratio: float) -> float:
    q = p + effect
    mean = (p + ratio * q) / (1 + ratio)
    under_none = ndtri(1 - alpha / 2) * math.sqrt((1 + 1 / ratio) * mean * (1 - mean))
    under_effect = ndtri(power) * math.sqrt(p * (1 - p) + q * (1 - q) / ratio)
    return float((under_none + under_effect) ** 2 / effect**2)


def _power_of_t_test(customers: float, shift: float, alpha: float, ratio: float) -> float:
    """Power of the t test where the means of the two arms are so many standard deviations apart."""
    df, centre = customers - 2, shift * math.sqrt(customers * ratio) / (1 + ratio)
    critical = float(stdtrit(df, 1 - alpha / 2))
    power = 1 - float(nctdtr(df, centre, critical)) + float(nctdtr(df, centre, -critical))
    return float(ndtr(centre - critical)) if math.isnan(power) else power  # SciPy has none far from the centre


def _smallest(power_at: Callable[[float], float], power: float, least: float) -> float:
    """Smallest number, from the least one on, at which a growing power is reached."""
    if power_at(least) >= power:
        return least
    above = 2 * least or 1.0
    while power_at(above) < power:
        above *= 2
    return float(brentq(lambda number: power_at(number) - power, least, above))


def _check(power: float, alpha: float, ratio: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is not between 0 and 1")
    if not alpha < power < 1:
        raise ValueError(f"power: {power} is not between alpha and 1")
    if not 0 < ratio < math.inf:
        raise ValueError(f"ratio: {ratio} must be above 0")


def _check_sd(sd: float) -> None:
    if not 0 < sd < math.inf:
        raise ValueError(f"sd: {sd} must be above 0")


def _check_proportion(baseline: float, effect: float) -> None:
    if not 0 < baseline < 1:
        raise ValueError(f"baseline: {baseline} is not between 0 and 1. Of a mean give its sd too")
    if not 0 <= baseline + effect <= 1:
        raise ValueError(f"effect: {baseline} and {effect} add up to no proportion")
