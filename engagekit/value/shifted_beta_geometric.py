"""Shifted beta-geometric: how long customers renew a contract, period by period."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from engagekit.value.fitting import FittedModel, Floats, Likelihood, NoConvergence, likeliest
from engagekit.value.model_input import WHOLE, distinct_rows, not_whole, one_unit, refuse

__all__ = ["ShiftedBetaGeometric", "renewal_likelihood"]


@dataclass(frozen=True)
class ShiftedBetaGeometric(FittedModel):
    """Shifted beta-geometric: how long customers stay with a contract that is renewed period by period.

    At the end of each period a customer leaves with an individual, constant probability, distributed as beta(α, β) over
    customers. Retention rises with tenure although no customer changes, because those likeliest to leave go first.

    Attributes
    ----------
    alpha, beta : float
        Above 0, without unit.
    unit : str
        Length of a contract's period, such as ``month``.
    log_likelihood, customers, covariance : float, int, ndarray
        Of the fit, on contracts; the covariance is that of the parameters' logarithms. NaN, 0 and None
        where the parameters were given instead of fitted.

    References
    ----------
    .. [1] Fader, P. S., & Hardie, B. G. S. (2007). How to Project Customer Retention. Journal of Interactive Marketing,
       21(1).
    .. [2] Fader, P. S., & Hardie, B. G. S. (2010). Customer-Base Valuation in a Contractual Setting: The Perils of
       Ignoring Heterogeneity. Marketing Science, 29(1).

    Examples
    --------
    Of the paper's 1000 regular customers 369 left at the first renewal, and 241 renewed seven times:

    >>> import polars as pl
    >>> contracts = pl.DataFrame({"renewals": range(8), "ended": [True] * 7 + [False],
    ...     "customers": [369, 163, 86, 56, 37, 27, 21, 241]})
    >>> model = ShiftedBetaGeometric.fit(contracts, unit="year")
    >>> round(model.alpha, 3), round(model.beta, 3), float(model.survival(12).round(3))
    (0.704, 1.182, 0.17)
    """

    alpha: float
    beta: float
    unit: str

    names: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    @classmethod
    def fit(cls, contracts: Any, unit: str | None = None) -> Self:
        """Maximum likelihood fit to the lengths of contracts.

        Parameters
        ----------
        contracts : frame
            One row a contract: ``renewals``, how many times it was renewed, and ``ended``, whether it then ended. A
            contract whose next renewal has not come up yet is not ended. Where given, ``unit``. With a column
            ``customers``, a row stands for that many.
        unit : str, optional
            Length of a contract's period; needed where there is no column ``unit``.

        Returns
        -------
        ShiftedBetaGeometric
            With log-likelihood, number of contracts and covariance of the fit.

        Raises
        ------
        NoConvergence
            The contracts do not determine the parameters: none ended, none was renewed, or there was one renewal only.
        DataError
            A column is absent, or a count is not a whole number from 0 up.
        ValueError
            The unit is unknown or missing, or is not that of the contracts.
        """
        rows = distinct_rows(contracts, ("renewals", "ended"))
        unit = one_unit(rows, unit)
        made, ended, customers = (rows[name].to_numpy() for name in ("renewals", "ended", "customers"))
        refuse(rows, "renewals", not_whole(made), WHOLE)
        refuse(rows, "ended", ~np.isin(ended, [0, 1]), "is neither true nor false.")
        if not made.any() or not ended.any():
            problem = "is false for all: nobody left." if made.any() else "is 0 for all: nobody renewed."
            raise NoConvergence(f"{problem} Give more time.", column="renewals" if ended.any() else "ended")
        start = (1.0, max(float(np.average(made, weights=customers)), 0.5))
        return cls(unit=unit, **likeliest(cls, renewal_likelihood(made, ended, customers), start, customers))

    def survival(self, periods: ArrayLike) -> Floats:
        """Share of a cohort, from 0 to 1, that renews so many times: B(α, β + t)/B(α, β)."""
        from scipy.special import betaln

        log_share = betaln(self.alpha, self.beta + np.asarray(periods, float)) - betaln(self.alpha, self.beta)
        share: Floats = np.exp(log_share)
        return share

    def retention(self, renewal: ArrayLike) -> Floats:
        """Share, from 0 to 1, of the customers up for their t-th renewal who make it: (β + t − 1)/(α + β + t − 1).

        Examples
        --------
        >>> ShiftedBetaGeometric(alpha=0.704, beta=1.182, unit="year").retention([1, 2, 7]).round(2).tolist()
        [0.63, 0.76, 0.91]
        """
        before = self.beta + np.asarray(renewal, float) - 1
        return before / (self.alpha + before)

    def discounted_lifetime(self, discount: float, renewals: ArrayLike = 0) -> Floats:
        """Expected number of payments from the latest on, each discounted to it; the latest itself counts 1.

        For a new customer this is the discounted expected lifetime (DEL). Multiplied by the payment of one period it is
        the customer's value.

        Parameters
        ----------
        discount : float
            Rate of one ``unit`` of time, above 0.
        renewals : array-like, default 0
            How many were made before; 0 for a customer who has just paid for the first time.

        Returns
        -------
        ndarray
            From 1 up.

        Raises
        ------
        ValueError
            ``discount`` is not above 0, without which the sum may be infinite.

        Notes
        -----
        2F1(1, β + n; α + β + n; 1/(1 + d)), since after n renewals the probability of leaving is beta(α, β + n).

        Examples
        --------
        Years of payments that are still to come of a new customer, and of one who renewed four times:

        >>> model = ShiftedBetaGeometric(alpha=0.704, beta=1.182, unit="year")
        >>> model.discounted_lifetime(0.1, [0, 4]).round(1).tolist()
        [3.7, 6.4]
        """
        from scipy.special import hyp2f1

        if not 0 < discount < np.inf:
            raise ValueError(f"discount: {discount} is not a rate above 0, without which the sum may be infinite")
        beta = self.beta + np.asarray(renewals, float)
        payments: Floats = hyp2f1(1, beta, self.alpha + beta, 1 / (1 + discount))
        return payments


def renewal_likelihood(made: Floats, ended: Floats, customers: Floats) -> Likelihood:
    """Log-likelihood of the shifted beta-geometric with its gradient and Hessian.

    Parameters
    ----------
    made, ended : ndarray
        Renewals of contracts, and whether they ended then (1) or not (0).
    customers : ndarray
        How many contracts have both.

    Returns
    -------
    callable
        Takes α and β.

    Notes
    -----
    The likelihood of a contract is B(α + 1, β + n)/B(α, β) if it ended after n renewals, else B(α, β + n)/B(α, β).
    """
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
