"""How many customers a test needs, and what it can detect with those it has."""

import math

from scipy.optimize import brentq
from scipy.special import ndtri

__all__ = ["sample_size", "smallest_effect"]


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

    Raises
    ------
    ValueError
        An argument is out of its range.

    Notes
    -----
    Proportions p and q = p + effect, their mean p̄ weighted by the arms: the control needs
    (z(1 − α/2) sqrt((1 + 1/ratio) p̄(1 − p̄)) + z(power) sqrt(p(1 − p) + q(1 − q)/ratio))² / effect² customers. Means:
    the power of the t test, by tea-tasting.

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
    return math.ceil(_by_t_test(sd, "n_obs", power=power, alpha=alpha, ratio=ratio, effect_size=abs(effect)))


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
    if customers < 4:
        raise ValueError(f"customers: {customers} must be 4 or above")
    if sd is not None:
        options = {"power": power, "alpha": alpha, "ratio": ratio, "n_obs": customers}
        return _by_t_test(sd, "effect_size", **options)
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


def _by_t_test(sd: float, wanted: str, **options: float) -> float:
    """What the power of the t test of two means with the same standard deviation leaves open."""
    from tea_tasting import Mean
    from tea_tasting.aggr import Aggregates

    if not 0 < sd < math.inf:
        raise ValueError(f"sd: {sd} must be above 0")
    usual = Aggregates(count_=2, mean_={"value": 1.0}, var_={"value": sd**2})
    # pooled: Welch's degrees of freedom are not defined for the three customers at which its search begins
    (solved,) = Mean("value", equal_var=True, **options).solve_power_from_aggregates(usual, wanted)
    return float(getattr(solved, wanted))


def _check(power: float, alpha: float, ratio: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is not between 0 and 1")
    if not alpha < power < 1:
        raise ValueError(f"power: {power} is not between alpha and 1")
    if not 0 < ratio < math.inf:
        raise ValueError(f"ratio: {ratio} must be above 0")


def _check_proportion(baseline: float, effect: float) -> None:
    if not 0 < baseline < 1:
        raise ValueError(f"baseline: {baseline} is not between 0 and 1. Of a mean give its sd too")
    if not 0 <= baseline + effect <= 1:
        raise ValueError(f"effect: {baseline} and {effect} add up to no proportion")
