"""Many comparisons at once: which differences are beyond chance, held to one false-discovery rate."""

import math
from collections.abc import Hashable, Mapping
from statistics import NormalDist
from typing import TypeVar

__all__ = ["FALSE_DISCOVERIES", "Z95", "directions", "discoveries", "would_have_shown"]

FALSE_DISCOVERIES, CONFIDENCE, POWER = 0.1, 0.95, 0.8
Z95 = 1.959964
Name = TypeVar("Name", bound=Hashable)


def discoveries(p_values: Mapping[Name, float], rate: float = FALSE_DISCOVERIES) -> set[Name]:
    """Names of the p-values that pass the procedure of Benjamini and Hochberg at a false-discovery rate.

    References
    ----------
    .. [1] Benjamini, Hochberg (1995). Controlling the false discovery rate. JRSS B 57, 289-300.

    Examples
    --------
    The third is above 0.1 · 3/3, the second below 0.1 · 2/3, and the first passes with it:

    >>> sorted(discoveries({"open_rate": 0.04, "click_rate": 0.06, "likes": 0.3}))
    ['click_rate', 'open_rate']
    """
    ranked = enumerate(sorted(p_values.values()), 1)
    largest = max((p_value for rank, p_value in ranked if p_value <= rate * rank / len(p_values)), default=-1.0)
    return {name for name, p_value in p_values.items() if p_value <= largest}


def directions(
    differences: Mapping[str, tuple[float, float, float]], rate: float = FALSE_DISCOVERIES
) -> dict[str, str]:
    """Direction of each of many differences, as one family.

    A difference is beyond chance where its 95 % interval leaves out 0 and it passes the procedure of Benjamini and
    Hochberg, so that of those that are called beyond chance at most a share of ``rate`` is expected to be by chance.
    Differences that are equal or opposite, such as those of a rate and its complement, count once.

    Parameters
    ----------
    differences : mapping of str to (float, float, float)
        Difference, new less old, and its 95 % interval; NaN where it is not known.
    rate : float, default 0.1
        False-discovery rate.

    Returns
    -------
    dict of str to {"higher", "lower", "none", "unknown"}

    Examples
    --------
    >>> directions({"open_rate": (0.2, 0.1, 0.3), "click_rate": (0.01, -0.02, 0.04), "likes": (2, math.nan, math.nan)})
    {'open_rate': 'higher', 'click_rate': 'none', 'likes': 'unknown'}
    """
    known = _known(differences)
    chances = _chances(known)
    chosen = discoveries(chances, rate)
    result = dict.fromkeys(differences, "unknown")
    for name, (value, low, high) in known.items():
        beyond = not low <= 0 <= high and _question(known[name]) in chosen
        result[name] = ("higher" if value > 0 else "lower") if beyond else "none"
    return result


def would_have_shown(
    differences: Mapping[str, tuple[float, float, float]], rate: float = FALSE_DISCOVERIES, power: float = POWER
) -> dict[str, float]:
    """Size of the smallest difference that would have been called beyond chance, beside the others, in most cases.

    What "no clear change" can have missed: a true difference of this size, measured with the same error, would have
    been told by ``directions`` with a probability of ``power``, had it been one more than those that were.

    Parameters
    ----------
    differences, rate
        As ``directions`` takes them.
    power : float, default 0.8
        Probability, between 0 and 1.

    Returns
    -------
    dict of str to float
        Above 0, in the unit of the difference; NaN where its interval is not known.

    Notes
    -----
    (z(1 − p/2) + z(power)) times the standard error, p = min(.05, rate · (k + 1) / m) for k told of m questions.

    Examples
    --------
    Alone a difference has to be 1.96 + 0.84 standard errors, of ten 2.58 + 0.84:

    >>> alone = {"a": (0.0, -1.96, 1.96)}
    >>> round(would_have_shown(alone)["a"], 2)
    2.8
    >>> round(would_have_shown(alone | {f"m{n}": (0.0, -2.0 - n, 2.0 + n) for n in range(9)})["a"], 2)
    3.42
    """
    known = _known(differences)
    chances = _chances(known)
    asked = min(1 - CONFIDENCE, rate * (len(discoveries(chances, rate)) + 1) / max(len(chances), 1))
    errors = NormalDist().inv_cdf(1 - asked / 2) + NormalDist().inv_cdf(power)
    shown = {name: errors * (high - low) / 2 / Z95 or math.nan for name, (_, low, high) in known.items()}
    return dict.fromkeys(differences, math.nan) | shown


def _known(differences: Mapping[str, tuple[float, float, float]]) -> dict[str, tuple[float, float, float]]:
    return {name: each for name, each in differences.items() if all(map(math.isfinite, each))}


def _question(difference: tuple[float, float, float]) -> tuple[str, str]:
    """What differences that are equal or opposite have in common."""
    value, low, high = difference
    return f"{abs(value):.9e}", f"{high - low:.9e}"


def _chances(known: Mapping[str, tuple[float, float, float]]) -> dict[tuple[str, str], float]:
    """Probability of a difference as large by chance, of each question."""
    chances = {}
    for value, low, high in known.values():
        error = ((value - low) if value > 0 else (high - value)) / Z95  # towards 0
        chance = math.erfc(abs(value) / error / math.sqrt(2)) if error > 0 else float(value == 0)
        chances[_question((value, low, high))] = chance
    return chances
