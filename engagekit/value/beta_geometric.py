"""BG/NBD: how often customers without a contract buy, and whether they still do."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from engagekit.value.fitting import FittedModel, Floats, Likelihood, NoConvergence, likeliest
from engagekit.value.model_input import HISTORY, distinct_rows, histories, one_unit

__all__ = ["BetaGeometric", "purchase_likelihood"]

SINGULAR = 1e-5  # how near a and a + b may be to 1, where expected purchases are 0 / 0


@dataclass(frozen=True)
class BetaGeometric(FittedModel):
    """BG/NBD: how often customers without a contract buy, and whether they still do.

    While alive, a customer buys at random at an individual rate, distributed as gamma(r, α) over customers. After each
    purchase the customer leaves for good with an individual probability, distributed as beta(a, b). The first purchase
    makes a customer and is not counted. A customer who never bought again therefore had no occasion to leave: **the
    model gives one-time buyers P(alive) = 1 exactly**, which is no sign of life.

    Attributes
    ----------
    r, alpha, a, b : float
        Above 0; ``alpha`` in the unit of time, the others without unit.
    unit : str
        Unit of time: ``day``, ``week``, ``month`` or ``year``.
    log_likelihood, customers, covariance : float, int, ndarray
        Of the fit, with times in ``unit``; the covariance is that of the parameters' logarithms. NaN, 0 and None
        where the parameters were given instead of fitted.

    References
    ----------
    .. [1] Fader, P. S., Hardie, B. G. S., & Lee, K. L. (2005). "Counting Your Customers" the Easy Way: An Alternative
       to the Pareto/NBD Model. Marketing Science, 24(2).

    Examples
    --------
    The paper's CDNOW customers, and one with two repeat purchases, the last after 30.43 of 38.86 weeks:

    >>> model = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> one = {"frequency": 2, "recency": 30.43, "age": 38.86}
    >>> round(float(model.p_alive(**one)), 3), round(float(model.expected_purchases(39, **one)), 3)
    (0.727, 1.226)
    >>> float(model.p_alive(frequency=0, recency=0, age=38.86))
    1.0
    """

    r: float
    alpha: float
    a: float
    b: float
    unit: str

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")

    @classmethod
    def fit(cls, history: Any, unit: str | None = None) -> Self:
        """Maximum likelihood fit to purchase histories.

        Parameters
        ----------
        history : frame
            One row a customer, as ``purchase_history`` gives them: ``frequency``, ``recency`` and ``age`` and, where
            given, ``unit``. With a column ``customers``, a row stands for that many.
        unit : str, optional
            Unit of time; needed where there is no column ``unit``.

        Returns
        -------
        BetaGeometric
            With log-likelihood, number of customers and covariance of the fit.

        Raises
        ------
        NoConvergence
            The histories do not determine the parameters: nobody bought again, too few did, or nobody seems to leave.
        DataError
            A column is absent, or a history cannot be: names the first row where rows have an order.
        ValueError
            The unit is unknown or missing, or is not that of the histories.

        Examples
        --------
        >>> import polars as pl
        >>> rows = {"frequency": [0, 0, 1, 1, 2, 3, 6], "recency": [0, 0, 9, 3, 30, 12, 36], "age": [38, 39] + [38] * 5,
        ...     "customers": [700, 700, 150, 150, 120, 80, 100]}
        >>> model = BetaGeometric.fit(pl.DataFrame(rows), unit="week")
        >>> round(float(model.expected_purchases(39)), 2)
        0.74
        """
        rows = distinct_rows(history, HISTORY)
        unit = one_unit(rows, unit)
        (x, recency, age), customers = histories(rows), rows["customers"].to_numpy()
        if not x.any():
            raise NoConvergence("is 0 for all: nobody bought again. Give more time.", column="frequency")
        start = (0.5, 0.2 * float(np.average(age, weights=customers)), 1.0, 2.0)
        return cls(unit=unit, **likeliest(cls, purchase_likelihood(x, recency, age, customers), start, customers))

    def p_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Probability from 0 to 1 that a customer will buy again at some time; exactly 1 for one-time buyers.

        Parameters
        ----------
        frequency : array-like
            Repeat purchases, from 0 up.
        recency, age : array-like
            Time from the first purchase to the last and to the end of the data, in ``unit``.

        Returns
        -------
        ndarray
            In the shape to which the arguments are broadcast.

        Notes
        -----
        1 / (1 + a/(b + x − 1) ((α + T)/(α + t))^(r + x)), and 1 where x is 0.
        """
        from scipy.special import expit

        x, last, end = (np.asarray(each, float) for each in (frequency, recency, age))
        safe = np.maximum(x, 1)
        gone = np.log(self.a / (self.b + safe - 1)) + (self.r + x) * np.log((self.alpha + end) / (self.alpha + last))
        return np.where(x > 0, expit(-gone), 1.0)

    def expected_purchases(
        self, periods: ArrayLike, frequency: ArrayLike = 0, recency: ArrayLike = 0, age: ArrayLike = 0
    ) -> Floats:
        """Expected number of purchases within a time from now; without a history, of a new customer.

        Parameters
        ----------
        periods : array-like
            The time ahead, in ``unit``, from 0 up.
        frequency, recency, age : array-like, default 0
            See ``p_alive``. All arguments are broadcast.

        Returns
        -------
        ndarray
            From 0 up.

        Raises
        ------
        ValueError
            A time ahead is below 0 or missing.

        Notes
        -----
        P(alive) (a + b + x − 1)/(a − 1) (1 − (1 − z)^(a − 1) 2F1(a + b − 1 − r, a − 1; a + b + x − 1; z)) with
        z = t/(α + T + t), which is the paper's (10) after Euler's transformation, and its (9) for x = T = 0.
        """
        ahead, x, end = (np.asarray(each, float) for each in (periods, frequency, age))
        if not (np.isfinite(ahead) & (ahead >= 0)).all():
            raise ValueError(f"periods: {ahead.min()} is not a number from 0 up")
        return self.p_alive(x, recency, end) * self._while_alive(ahead, x, end)

    def discounted_purchases(
        self, discount: float, periods: int, frequency: ArrayLike = 0, recency: ArrayLike = 0, age: ArrayLike = 0
    ) -> Floats:
        """Expected number of purchases within a number of periods from now, discounted from the end of each period.

        Multiplied by the mean value of a purchase it is the customer's future value, without the first purchase.

        Parameters
        ----------
        discount : float
            Rate of one ``unit`` of time, from 0 up: 0.0018 a week is 10 % a year.
        periods : int
            Units of time ahead, from 1 up.
        frequency, recency, age : array-like, default 0
            See ``p_alive``. They are broadcast.

        Returns
        -------
        ndarray
            From 0 up.

        Raises
        ------
        ValueError
            ``discount`` is below 0, or ``periods`` is not a whole number from 1 up.

        Notes
        -----
        Sum over k = 1 ... periods of (Y(k) − Y(k − 1)) / (1 + d)^k, with Y(k) the ``expected_purchases`` within k.

        Examples
        --------
        A year from now, with interest of 10 % a year and without:

        >>> model = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
        >>> [round(float(model.discounted_purchases(rate, 52)), 2) for rate in (0.0018, 0)]
        [1.39, 1.45]
        """
        if not 0 <= discount < np.inf:
            raise ValueError(f"discount: {discount} is not a rate from 0 up")
        if periods < 1 or periods % 1:
            raise ValueError(f"periods: {periods} is not a whole number from 1 up")
        x, last, end = np.broadcast_arrays(*(np.asarray(each, float) for each in (frequency, recency, age)))
        pairs, where = np.unique(x.ravel() + 1j * end.ravel(), return_inverse=True)  # many customers share a pair
        total, before = np.zeros(len(pairs)), np.zeros(len(pairs))
        for k in range(1, int(periods) + 1) if discount else (int(periods),):
            now = self._while_alive(np.asarray(float(k)), pairs.real, pairs.imag)
            total += (now - before) / (1 + discount) ** k
            before = now
        return self.p_alive(x, last, end) * total[where].reshape(x.shape)

    def _while_alive(self, ahead: Floats, x: Floats, age: Floats) -> Floats:
        """Expected number of purchases of customers who are alive."""
        from scipy.special import hyp2f1

        if min(abs(self.a - 1), abs(self.a + self.b - 1)) < SINGULAR:  # the limit is between its neighbours
            sides = (replace(self, a=self.a + by) for by in (-2 * SINGULAR, 2 * SINGULAR))
            low, high = (side._while_alive(ahead, x, age) for side in sides)
            return (low + high) / 2
        both = self.a + self.b - 1
        z = ahead / (self.alpha + age + ahead)
        ratio = (1 - z) ** (self.a - 1) * hyp2f1(both - self.r, self.a - 1, both + x, z)
        purchases: Floats = np.maximum((both + x) / (self.a - 1) * (1 - ratio), 0)
        return purchases


def purchase_likelihood(x: Floats, recency: Floats, age: Floats, customers: Floats) -> Likelihood:
    """Log-likelihood of BG/NBD with its gradient and Hessian, as in section 7 of the paper.

    Parameters
    ----------
    x, recency, age : ndarray
        Histories in one unit of time; terms that depend on x alone are computed once for each distinct x.
    customers : ndarray
        How many customers have each history.

    Returns
    -------
    callable
        Takes r, α, a and b.
    """
    from scipy.special import digamma, expit, gammaln, zeta

    repeat = x > 0
    levels, level = np.unique(x[repeat], return_inverse=True)
    at_level, n, once, once_age = (
        np.bincount(level, customers[repeat]),
        customers.sum(),
        customers[~repeat],
        age[~repeat],
    )
    x, recency, age, weight = x[repeat], recency[repeat], age[repeat], customers[repeat]
    m = weight.sum()

    def likelihood(values: Floats) -> tuple[float, Floats, Floats]:
        r, alpha, a, b = values
        power, end, last, once_end = r + x, 1 / (alpha + age), 1 / (alpha + recency), 1 / (alpha + once_age)
        log_end, since, near = np.log(end), np.log(last / end), 1 / (b + levels - 1)
        log_odds = np.log(a * near)[level] + power * since  # of having left
        probability = expit(log_odds)
        gone = weight * probability
        gradient = np.stack([since, power * (end - last), np.full(len(x), 1 / a), -near[level]])  # of the log odds
        rr, bb, ab = r + levels, b + levels, a + b + levels
        height = n * r * np.log(alpha) + r * (once @ np.log(once_end)) + m * (gammaln(a + b) - gammaln(r) - gammaln(b))
        height += at_level @ (gammaln(rr) + gammaln(bb) - gammaln(ab))
        height += weight @ (np.maximum(log_odds, 0) + np.log1p(np.exp(-np.abs(log_odds))) + power * log_end)
        slope = gradient @ gone
        slope[0] += n * np.log(alpha) + once @ np.log(once_end) + weight @ log_end
        slope[0] += at_level @ digamma(rr) - m * digamma(r)
        slope[1] += n * r / alpha - r * (once @ once_end) - weight @ (power * end)
        slope[2:] += m * digamma(a + b) - at_level @ digamma(ab)
        slope[3] += at_level @ digamma(bb) - m * digamma(b)
        curve = (gradient * (gone * (1 - probability))) @ gradient.T
        curve[0, 0] += at_level @ zeta(2, rr) - m * zeta(2, r)
        curve[0, 1] += gone @ (end - last) - weight @ end + n / alpha - once @ once_end
        curve[1, 0] = curve[0, 1]
        curve[1, 1] += (
            (gone * (last**2 - end**2) + weight * end**2) @ power - n * r / alpha**2 + r * (once @ once_end**2)
        )
        curve[2:, 2:] += m * zeta(2, a + b) - at_level @ zeta(2, ab)
        curve[2, 2] -= gone.sum() / a**2
        curve[3, 3] += gone @ near[level] ** 2 + at_level @ zeta(2, bb) - m * zeta(2, b)
        return float(height), slope, curve

    return likelihood
