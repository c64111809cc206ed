"""Hall's interval of a ratio by a second route: from the units themselves, by bisection."""

import math

from scipy import optimize, stats


def by_halls_transformation(x, y, confidence=0.95):
    """Interval of Σx/Σy: the truths whose transformed statistic lies within Student's quantiles, found by bisection."""
    k, ratio = len(x), x.sum() / y.sum()
    units = x - ratio * y
    error = units.std(ddof=1) * math.sqrt(k) / y.sum()
    a = (1 + 8.5 / k) * stats.skew(units) / math.sqrt(k)

    def transformed(truth):
        statistic = (ratio - truth) / error
        return statistic + a * statistic**2 / 3 + a**2 * statistic**3 / 27 + a / 6

    t, far = stats.t.ppf(0.5 + confidence / 2, k - 1), 1e6 * error
    low, high = (
        optimize.brentq(lambda truth, bound=bound: transformed(truth) - bound, ratio - far, ratio + far)
        for bound in (t, -t)
    )
    return low, high
