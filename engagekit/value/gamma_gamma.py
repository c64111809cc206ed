"""Gamma-Gamma: the mean value of a customer's purchases, where it does not depend on how often they buy."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from engagekit.value.fitting import FittedModel, Floats, Likelihood, NoConvergence, likeliest
from engagekit.value.model_input import WHOLE, distinct_rows, not_whole, refuse

__all__ = ["GammaGamma", "value_likelihood"]

DEPENDENT_FROM = 0.3  # correlation of frequency and value from which the model's assumption does not hold
FREE = "is not a number above 0, and what is free has no place in this model. Leave such customers out."


@dataclass(frozen=True)
class GammaGamma(FittedModel):
    """Gamma-Gamma: the mean value of a customer's purchases, estimated from those observed.

    The value of a purchase is distributed as gamma(p, ν) around the customer's own mean, and ν as gamma(q, v) over
    customers. The model assumes that **the value of a purchase does not depend on how often a customer buys**.
    ``correlation`` and ``rank_correlation`` measure how far the repeat buyers depart from that; ``independent`` is the
    verdict, without which ``lifetime_value`` gives no money.

    Attributes
    ----------
    p, q, v : float
        Above 0; ``v`` in the currency, the others without unit.
    log_likelihood, customers, covariance : float, int, ndarray
        Of the fit, on repeat buyers, with values in the currency; the covariance is that of the parameters'
        logarithms. NaN, 0 and None where the parameters were given instead of fitted.
    correlation, rank_correlation : float
        Pearson's and Spearman's, of frequency and mean value over repeat buyers, from -1 to 1. NaN where the parameters
        were given, or where one of the two is the same for all.

    References
    ----------
    .. [1] Fader, P. S., & Hardie, B. G. S. (2013). The Gamma-Gamma Model of Monetary Value.
       http://www.brucehardie.com/notes/025/
    .. [2] Fader, P. S., Hardie, B. G. S., & Lee, K. L. (2005). RFM and CLV: Using Iso-Value Curves for Customer Base
       Analysis. Journal of Marketing Research, 42(4).

    Examples
    --------
    Two repeat purchases of 22.35 each on average draw the expectation from the population's mean towards them:

    >>> model = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> round(float(model.expected_value()), 2), round(float(model.expected_value(2, 22.35)), 2)
    (35.22, 24.66)
    """

    p: float
    q: float
    v: float
    correlation: float = np.nan
    rank_correlation: float = np.nan

    names: ClassVar[tuple[str, ...]] = ("p", "q", "v")

    @classmethod
    def fit(cls, history: Any) -> Self:
        """Maximum likelihood fit to the mean values of repeat buyers; one-time buyers are left out.

        Parameters
        ----------
        history : frame
            ``frequency`` and ``value``, the mean value of the repeat purchases, as ``purchase_history`` gives them.
            With a column ``customers``, a row stands for that many.

        Returns
        -------
        GammaGamma
            With log-likelihood, number of customers, covariance and both correlations.

        Raises
        ------
        NoConvergence
            The values do not determine the parameters.
        DataError
            A column is absent, or a repeat buyer's value is not above 0.

        Examples
        --------
        Customers whose purchases are worth 32 on average:

        >>> rng = np.random.default_rng(0)
        >>> frequency = rng.integers(1, 6, 5000)
        >>> value = rng.gamma(6 * frequency, 1 / (frequency * rng.gamma(4, 1 / 16, 5000)))
        >>> model = GammaGamma.fit(pl.DataFrame({"frequency": frequency, "value": value}))
        >>> round(float(model.expected_value())), round(abs(model.correlation), 1)
        (32, 0.0)
        """
        rows = distinct_rows(history, ("frequency", "value"))
        refuse(rows, "frequency", not_whole(rows["frequency"].to_numpy()), WHOLE)
        repeat = rows.filter(pl.col("frequency") > 0)
        if repeat.is_empty():
            raise NoConvergence("is 0 for all: nobody bought again. Give more time.", column="frequency")
        x, value, customers = (repeat[name].to_numpy() for name in ("frequency", "value", "customers"))
        refuse(repeat, "value", ~((value > 0) & (value < np.inf)), FREE)
        start = (3.0, 3.0, 2 / 3 * float(np.average(value, weights=customers)))
        x_rank, value_rank = (_mid_ranks(values, customers) for values in (x, value))
        return cls(
            **likeliest(cls, value_likelihood(x, value, customers), start, customers),
            correlation=_correlation(x, value, customers),
            rank_correlation=_correlation(x_rank, value_rank, customers),
        )

    @property
    def independent(self) -> bool:
        """Whether neither correlation of frequency and value reaches 0.3 in size.

        Where there is no correlation, because the parameters were given or one of the two is the same for all, nothing
        contradicts the assumption, and this is True.

        Examples
        --------
        >>> [GammaGamma(p=6.25, q=3.74, v=15.44, correlation=number).independent for number in (0.1, 0.4)]
        [True, False]
        """
        return not any(abs(each) >= DEPENDENT_FROM for each in (self.correlation, self.rank_correlation))

    def expected_value(self, frequency: ArrayLike = 0, value: ArrayLike = 0) -> Floats:
        """Mean value of a customer's purchases in the long run, in the currency; NaN where it is not finite.

        Parameters
        ----------
        frequency : array-like, default 0
            Repeat purchases, from 0 up. A customer without any is expected to be as the population.
        value : array-like, default 0
            Their mean value, from 0 up; it has no effect where there are none.

        Returns
        -------
        ndarray
            In the shape to which the arguments are broadcast.

        Notes
        -----
        p (v + x z)/(p x + q − 1), which a heavy tail, q ≤ 1, makes infinite where x is 0.
        """
        x, z = np.asarray(frequency, float), np.asarray(value, float)
        weight = self.p * x + self.q - 1
        spent = np.where(x > 0, x * z, 0)
        return np.where(weight > 0, self.p * (self.v + spent) / np.where(weight > 0, weight, 1), np.nan)


def value_likelihood(x: Floats, value: Floats, customers: Floats) -> Likelihood:
    """Log-likelihood of Gamma-Gamma with its gradient and Hessian, (1a) of the note.

    Parameters
    ----------
    x, value : ndarray
        Repeat purchases and their mean value, both above 0.
    customers : ndarray
        How many customers have both.

    Returns
    -------
    callable
        Takes p, q and v.
    """
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
        curve = np.array([[customers @ term for term in row] for row in ((pp, pq, pv), (pq, qq, qv), (pv, qv, vv))])
        of_all = [[0, 0, 0], [0, -zeta(2, q), 1 / v], [0, 1 / v, -q / v**2]]
        return float(height), slope + n * np.array([0, np.log(v) - digamma(q), q / v]), curve + n * np.array(of_all)

    return likelihood


def _correlation(x: Floats, y: Floats, customers: Floats) -> float:
    """Pearson's correlation of rows that stand for several customers each."""
    if len(set(x)) < 2 or len(set(y)) < 2:
        return float("nan")
    dx, dy = (values - np.average(values, weights=customers) for values in (x, y))
    squares = (customers * dx**2).sum() * (customers * dy**2).sum()
    return float((customers * dx * dy).sum() / np.sqrt(squares))


def _mid_ranks(values: Floats, customers: Floats) -> Floats:
    """Mean rank of the customers with each value, less 1/2."""
    _, level = np.unique(values, return_inverse=True)
    at_level = np.bincount(level, customers)
    ranks: Floats = (np.cumsum(at_level) - at_level / 2)[level]
    return ranks
