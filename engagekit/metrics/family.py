"""Many comparisons at once: which differences are beyond chance, held to one false-discovery rate."""

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

__all__ = ["FALSE_DISCOVERIES", "directions", "discoveries"]

FALSE_DISCOVERIES = 0.1
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
    told = {name: each for name, each in differences.items() if all(map(math.isfinite, each))}
    chances: dict[tuple[str, str], float] = {}
    question = {name: (f"{abs(value):.9e}", f"{high - low:.9e}") for name, (value, low, high) in told.items()}
    for name, (value, low, high) in told.items():
        error = ((value - low) if value > 0 else (high - value)) / Z95  # towards 0
        chances[question[name]] = math.erfc(abs(value) / error / math.sqrt(2)) if error > 0 else float(value == 0)
    chosen = discoveries(chances, rate)
    result = dict.fromkeys(differences, "unknown")
    for name, (value, low, high) in told.items():
        beyond = not low <= 0 <= high and question[name] in chosen
        result[name] = ("higher" if value > 0 else "lower") if beyond else "none"
    return result
