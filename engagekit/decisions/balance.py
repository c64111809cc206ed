"""Sizes of the arms of a randomised test: what was planned, and whether chance explains what came."""

import math
from collections.abc import Mapping, Sequence

from engagekit.errors import DataError, did_you_mean

__all__ = ["REFUSED_BELOW", "WARNED_BELOW", "arm_name", "control_arm", "expected_sizes", "imbalance"]

WARNED_BELOW, REFUSED_BELOW = 0.01, 0.001  # p value of the sizes of the arms
USUAL_CONTROL = "control"


def arm_name(arm: object) -> str:
    """Name of an arm as text, in which true and false are written as every engine writes them.

    Examples
    --------
    >>> arm_name(False), arm_name(0)
    ('false', '0')
    """
    return str(arm).lower() if isinstance(arm, bool) else str(arm)


def control_arm(customers: Mapping[str, int], control: str | None, column: str = "arm") -> str:
    """Name of the arm that the others are compared with: the one given, else ``control``.

    Raises
    ------
    DataError
        Fewer than two arms have rows.
    ValueError
        No row has that arm, or none is given and no arm is called ``control``.

    Examples
    --------
    >>> control_arm({"control": 5, "new": 6}, None)
    'control'
    """
    if len(customers) < 2:
        problem = f"only one arm has rows: {next(iter(customers))!r}." if customers else "no row has an arm."
        raise DataError(f"{problem} A comparison needs two arms.", column=column)
    wanted = USUAL_CONTROL if control is None else arm_name(control)
    if wanted in customers:
        return wanted
    if control is None:
        raise ValueError(f"control: name the arm that the others are compared with. {did_you_mean('', customers)}")
    raise ValueError(f"control: no row has the arm {wanted!r}. {did_you_mean(wanted, customers)}")


def expected_sizes(customers: Mapping[str, int], shares: Mapping[str, float] | None) -> dict[str, float]:
    """Expected customers of each arm, also of those that have none, in the order of their names.

    Raises
    ------
    ValueError
        A share is not above 0, or an arm has none.

    Examples
    --------
    >>> expected_sizes({"control": 9, "new": 1}, {"control": 4, "new": 1})
    {'control': 8.0, 'new': 2.0}
    """
    parts = dict.fromkeys(customers, 1.0) if shares is None else {arm_name(name): part for name, part in shares.items()}
    for name, part in parts.items():
        if not 0 < part < math.inf:
            raise ValueError(f"shares: {part} of {name!r} is not above 0")
    for name in customers:
        if name not in parts:
            raise ValueError(f"shares: give that of the arm {name!r} too. {did_you_mean('', parts)}")
    total, whole = sum(customers.values()), sum(parts.values())
    return {name: total * part / whole for name, part in sorted(parts.items())}


def imbalance(n: Sequence[int], expected: Sequence[float]) -> float:
    """Probability of sizes of the arms as far from the expected ones by chance, 0 to 1; NaN without customers.

    Two arms, by tea-tasting: the exact binomial test, from 1,000 customers on its normal approximation with a
    correction for continuity. More: Pearson's chi-square.

    Parameters
    ----------
    n : sequence of int
        Customers by arm.
    expected : sequence of float
        Expected customers by arm.

    References
    ----------
    .. [1] Fabijan, A., et al. (2019). Diagnosing Sample Ratio Mismatch in Online Controlled Experiments. KDD.

    Examples
    --------
    >>> round(imbalance([44700, 45489], [45094.5, 45094.5]), 4), imbalance([10, 10], [10, 10])
    (0.0087, 1.0)
    """
    if not sum(n):
        return math.nan
    if len(n) > 2:
        from scipy.stats import chisquare

        return float(chisquare(n, expected).pvalue)
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics.proportion import SampleRatio

    sizes: dict[object, Aggregates] = {arm: Aggregates(count) for arm, count in enumerate(n)}
    return float(SampleRatio(expected[1] / expected[0], correction=True).analyze(sizes, 0, 1).pvalue)
