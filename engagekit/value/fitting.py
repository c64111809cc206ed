"""Likelihoods of the lifetime models with their slopes and curvature, and the search for the likeliest parameters."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagekit.errors import DataError

__all__ = ["NoConvergence", "likeliest", "purchase_likelihood", "renewal_likelihood", "value_likelihood"]

Floats = NDArray[np.float64]
Likelihood = Callable[[Floats], tuple[float, Floats, Floats]]  # parameters -> its logarithm, slopes and curvature

FLAT = 1e-6  # slope of the mean log-likelihood where the search is over
LONGEST_STEP = 1.0  # of logarithms of parameters
LARGEST_ERROR = 5.0  # standard error of a logarithm above which the data do not tell the parameter


class NoConvergence(DataError):
    """Data that do not tell a model's parameters: none is likeliest, or many are as likely."""


def likeliest(likelihood: Likelihood, start: Sequence[float], customers: Floats, model: str) -> dict[str, Any]:
    """Where the likelihood is highest: ``values`` of the parameters, and the covariance of their logarithms."""
    from scipy.optimize import minimize

    n, curve = customers.sum(), np.zeros(())

    def cost(logs: Floats) -> tuple[float, Floats]:
        nonlocal curve
        values = np.exp(logs)
        height, slope, bend = likelihood(values)
        curve = -(bend * np.outer(values, values) + np.diag(slope * values)) / n
        return -height / n, -slope * values / n

    options = {"gtol": FLAT, "initial_trust_radius": 0.9 * LONGEST_STEP, "max_trust_radius": LONGEST_STEP}
    with np.errstate(all="ignore"):  # where a step went too far, and is taken back
        found = minimize(cost, np.log(start), jac=True, hess=lambda _: curve, method="trust-exact", options=options)
    if found.success and np.isfinite(found.hess).all() and np.linalg.eigvalsh(found.hess)[0] > 0:
        covariance = np.linalg.inv(found.hess) / n
        if np.diag(covariance).max() < LARGEST_ERROR**2:
            values = np.exp(found.x - n * covariance @ found.jac).tolist()  # the last step of Newton's method
            return {
                "values": values,
                "log_likelihood": float(-n * found.fun),
                "customers": int(n),
                "covariance": covariance,
            }
    raise NoConvergence(f"{model}: {n:g} customers do not tell its parameters. Take more of them, or a longer time.")


def purchase_likelihood(x: Floats, recency: Floats, age: Floats, customers: Floats) -> Likelihood:
    """BG/NBD's, as in section 7 of the paper; what depends on x alone is computed once for each x."""
    from scipy.special import digamma, expit, gammaln, zeta

    back = x > 0
    levels, level = np.unique(x[back], return_inverse=True)
    at_level, n, once, once_age = np.bincount(level, customers[back]), customers.sum(), customers[~back], age[~back]
    x, recency, age, weight = x[back], recency[back], age[back], customers[back]
    m = weight.sum()

    def likelihood(values: Floats) -> tuple[float, Floats, Floats]:
        r, alpha, a, b = values
        power, end, last, once_end = r + x, 1 / (alpha + age), 1 / (alpha + recency), 1 / (alpha + once_age)
        log_end, since, near = np.log(end), np.log(last / end), 1 / (b + levels - 1)
        gone = np.log(a * near)[level] + power * since  # log odds of having left
        chance = expit(gone)
        left = weight * chance
        influence = np.stack([since, power * (end - last), np.full(len(x), 1 / a), -near[level]])  # on the log odds
        rr, bb, ab = r + levels, b + levels, a + b + levels
        height = n * r * np.log(alpha) + r * (once @ np.log(once_end)) + m * (gammaln(a + b) - gammaln(r) - gammaln(b))
        height += at_level @ (gammaln(rr) + gammaln(bb) - gammaln(ab))
        height += weight @ (np.maximum(gone, 0) + np.log1p(np.exp(-np.abs(gone))) + power * log_end)
        slope = influence @ left
        slope[0] += n * np.log(alpha) + once @ np.log(once_end) + weight @ log_end
        slope[0] += at_level @ digamma(rr) - m * digamma(r)
        slope[1] += n * r / alpha - r * (once @ once_end) - weight @ (power * end)
        slope[2:] += m * digamma(a + b) - at_level @ digamma(ab)
        slope[3] += at_level @ digamma(bb) - m * digamma(b)
        curve = (influence * (left * (1 - chance))) @ influence.T
        curve[0, 0] += at_level @ zeta(2, rr) - m * zeta(2, r)
        curve[0, 1] += left @ (end - last) - weight @ end + n / alpha - once @ once_end
        curve[1, 0] = curve[0, 1]
        curve[1, 1] += (
            (left * (last**2 - end**2) + weight * end**2) @ power - n * r / alpha**2 + r * (once @ once_end**2)
        )
        curve[2:, 2:] += m * zeta(2, a + b) - at_level @ zeta(2, ab)
        curve[2, 2] -= left.sum() / a**2
        curve[3, 3] += left @ near[level] ** 2 + at_level @ zeta(2, bb) - m * zeta(2, b)
        return float(height), slope, curve

    return likelihood


def value_likelihood(x: Floats, value: Floats, customers: Floats) -> Likelihood:
    """Gamma-Gamma's, (1a) of the note."""
    from scipy.special import digamma, gammaln, zeta

    n, log_value, spent = customers.sum(), np.log(value), x * value
    log_spent = np.log(spent)

    def likelihood(values: Floats) -> tuple[float, Floats, Floats]:
        p, q, v = values
        shape, joint, end = p * x, p * x + q, 1 / (v + spent)
        rows = gammaln(joint) - gammaln(shape) + shape * log_spent - log_value + joint * np.log(end)
        height = customers @ rows + n * (q * np.log(v) - gammaln(q))
        slope_q = digamma(joint) + np.log(end)
        slope = [
            customers @ (x * (slope_q - digamma(shape) + log_spent)),
            customers @ slope_q,
            -customers @ (joint * end),
        ]
        pp, pq, pv = x**2 * (zeta(2, joint) - zeta(2, shape)), x * zeta(2, joint), -x * end
        qq, qv, vv = zeta(2, joint), -end, joint * end**2
        curve = np.array([[customers @ each for each in row] for row in ((pp, pq, pv), (pq, qq, qv), (pv, qv, vv))])
        of_all = [[0, 0, 0], [0, -zeta(2, q), 1 / v], [0, 1 / v, -q / v**2]]
        return float(height), slope + n * np.array([0, np.log(v) - digamma(q), q / v]), curve + n * np.array(of_all)

    return likelihood


def renewal_likelihood(made: Floats, ended: Floats, customers: Floats) -> Likelihood:
    """Shifted beta-geometric's: B(α + 1, β + n)/B(α, β) where it ended after n renewals, else B(α, β + n)/B(α, β)."""
    from scipy.special import betaln, digamma, zeta

    n = customers.sum()

    def likelihood(values: Floats) -> tuple[float, Floats, Floats]:
        alpha, beta = values
        one, other = alpha + ended, beta + made
        height = customers @ betaln(one, other) - n * betaln(alpha, beta)
        slopes = [customers @ digamma(each) - n * digamma(of) for each, of in ((one, alpha), (other, beta))]
        both = customers @ digamma(one + other) - n * digamma(alpha + beta)
        curves = [customers @ zeta(2, each) - n * zeta(2, of) for each, of in ((one, alpha), (other, beta))]
        joint = customers @ zeta(2, one + other) - n * zeta(2, alpha + beta)
        return float(height), np.array(slopes) - both, np.diag(curves) - joint

    return likelihood
