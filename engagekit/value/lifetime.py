"""What customers will buy, how long they stay, and what that is worth: BG/NBD, Gamma-Gamma, shifted beta-geometric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from engagekit.errors import DataError
from engagekit.frames.engine import ROW, collected, to_narwhals
from engagekit.metrics.intervals import upper_tail
from engagekit.value.fitting import (
    NoConvergence,
    likeliest,
    purchase_likelihood,
    renewal_likelihood,
    value_likelihood,
)
from engagekit.value.purchase_history import known_unit

__all__ = ["BetaGeometric", "GammaGamma", "ShiftedBetaGeometric", "lifetime_value"]

Floats = NDArray[np.float64]

PURCHASED = ("frequency", "recency", "age")
DEPENDENT_FROM = 0.3  # correlation of frequency and value above which Gamma-Gamma's assumption is not near the truth

FREE = "is not a number above 0, and what is free has no place in this model. Leave such customers out."
WHOLE = "is not a whole number from 0 up."
FROM_FIRST = (
    "but is the time from the first purchase to the last: up to the age, and above 0 for who bought again only. "
    "purchase_history counts all three in one way."
)

WIDEST = 100.0  # half of an interval, in logarithms; beyond it is all there is
SLOPE_STEP = 1e-4  # in logarithms of parameters, for the delta method
SINGULAR = 1e-5  # how near a + b and a may be to 1, where expected purchases are 0 / 0


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """Parameters, and what a fit told about them."""

    log_likelihood: float = np.nan
    customers: int = 0
    covariance: Floats | None = field(default=None, repr=False, compare=False)

    names: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        for name in self.names:
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}: {getattr(self, name)} is not a number above 0")

    def standard_errors(self) -> dict[str, float]:
        """Standard error of each parameter, from the Hessian of the log-likelihood by the delta method."""
        spread = np.sqrt(np.diag(self._covariance()))
        return {name: float(getattr(self, name) * each) for name, each in zip(self.names, spread, strict=True)}

    def interval(
        self, figure: Callable[[Self], ArrayLike], confidence: float = 0.95, most: float = np.inf
    ) -> tuple[Floats, Floats]:
        """Interval of any figure of the model, by the delta method on its logarithm or, with a ``most``, its logit.

        It tells how sure the expectation is, and not how far a customer may be from it.

        Parameters
        ----------
        figure : callable
            Takes a model and gives a number or an array from 0 to ``most``, such as ``lambda model: model.r``.
        confidence : float, default 0.95
            Coverage, between 0 and 1.
        most : float, default inf
            The figure's upper end, 1 for a probability. At either end the interval has no width.

        Returns
        -------
        low, high : ndarray
            In the figure's unit and shape.

        Raises
        ------
        ValueError
            The model was not fitted, or ``confidence`` is not between 0 and 1.
        """
        from scipy.special import ndtri

        return _around(figure(self), float(ndtri(upper_tail(confidence))) * np.sqrt(self.variance(figure)), most)

    def variance(self, figure: Callable[[Self], ArrayLike]) -> Floats:
        """Variance of any figure of the model, in its unit squared, by the delta method. See ``interval``."""
        covariance = self._covariance()
        slopes = []
        for name in self.names:
            up, down = (replace(self, **{name: getattr(self, name) * np.exp(h)}) for h in (SLOPE_STEP, -SLOPE_STEP))
            slopes.append((np.asarray(figure(up), float) - np.asarray(figure(down), float)) / (2 * SLOPE_STEP))
        variance: Floats = np.maximum(np.einsum("i...,ij,j...->...", slopes, covariance, slopes), 0)
        return variance

    def _covariance(self) -> Floats:
        """Covariance of the parameters' logarithms."""
        if self.covariance is None:
            raise ValueError(f"covariance: parameters that were given have none. Use {type(self).__name__}.fit.")
        return self.covariance


@dataclass(frozen=True)
class BetaGeometric(_Fitted):
    """BG/NBD: how often customers buy who are under no contract, and whether they still do.

    While alive a customer buys at random at their own rate, gamma(r, α) over customers, and after each purchase leaves
    for good with their own chance, beta(a, b). The first purchase is what makes a customer, and is not counted. So who
    never bought again had no occasion to leave: **the model gives one-time buyers P(alive) = 1 exactly**, which is no
    sign of life.

    Attributes
    ----------
    r, alpha, a, b : float
        Above 0; ``alpha`` in the unit of time, the others without unit.
    unit : str
        Unit of time: ``day``, ``week``, ``month`` or ``year``.
    log_likelihood, customers, covariance : float, int, ndarray
        Of the fit, with times in ``unit``; the covariance is that of the parameters' logarithms. NaN, 0 and None
        where the parameters were given.

    References
    ----------
    .. [1] Fader, P. S., Hardie, B. G. S., & Lee, K. L. (2005). "Counting Your Customers" the Easy Way: An Alternative
       to the Pareto/NBD Model. Marketing Science, 24(2).

    Examples
    --------
    The paper's CDNOW customers, and one who bought twice again, last after 30.43 of 38.86 weeks:

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
        """Parameters under which purchase histories are likeliest.

        Parameters
        ----------
        history : frame
            One row a customer, as ``purchase_history`` gives them: ``frequency``, ``recency`` and ``age``, and where
            given ``unit``. Where there is a column ``customers``, a row is that many.
        unit : str, optional
            Unit of time, where there is no column that tells it.

        Raises
        ------
        NoConvergence
            The histories do not tell the parameters: nobody bought again, too few did, or nobody seems to leave.
        DataError
            A column is absent, or a history cannot be: names the first row where rows have an order.
        ValueError
            The unit is unknown, or not told, or is another one than that of the histories.

        Examples
        --------
        >>> rows = {"frequency": [0, 0, 1, 1, 2, 3, 6], "recency": [0, 0, 9, 3, 30, 12, 36], "age": [38, 39] + [38] * 5,
        ...     "customers": [700, 700, 150, 150, 120, 80, 100]}
        >>> model = BetaGeometric.fit(pl.DataFrame(rows), unit="week")
        >>> round(float(model.expected_purchases(39)), 2)
        0.74
        """
        rows = _grouped(history, PURCHASED)
        unit = _one_unit(rows, unit)
        (x, recency, age), customers = _histories(rows), rows["customers"].to_numpy()
        if not x.any():
            raise NoConvergence("is 0 for all: nobody bought again. Give more time.", column="frequency")
        start = (0.5, 0.2 * float(np.average(age, weights=customers)), 1.0, 2.0)
        fitted = likeliest(purchase_likelihood(x, recency, age, customers), start, customers, cls.__name__)
        return cls(**dict(zip(cls.names, fitted.pop("values"), strict=True)), unit=unit, **fitted)

    def p_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Chance from 0 to 1 that customers will buy again some time; exactly 1 where they never did.

        Parameters
        ----------
        frequency : array-like
            Repeat purchases, from 0 up.
        recency, age : array-like
            Time from the first purchase to the last and to the end of the data, in ``unit``.

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
        """Purchases to expect within a time from now, from 0 up; without a history, of a customer just won.

        Parameters
        ----------
        periods : array-like
            The time ahead, in ``unit``, from 0 up.
        frequency, recency, age : array-like, default 0
            See ``p_alive``. All arguments are broadcast.

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
        """Purchases to expect within a number of periods from now, each period's discounted from its end.

        Times the mean value of a purchase it is the value to come, without the first purchase.

        Parameters
        ----------
        discount : float
            Rate of one ``unit`` of time, from 0 up: 0.0018 a week is 10 % a year.
        periods : int
            Units of time ahead, from 1 up.
        frequency, recency, age : array-like, default 0
            See ``p_alive``. They are broadcast.

        Notes
        -----
        Sum over k = 1 ... periods of (Y(k) − Y(k − 1)) / (1 + d)^k, with Y(k) the ``expected_purchases`` within k.
        """
        if not 0 <= discount < np.inf:
            raise ValueError(f"discount: {discount} is not a rate from 0 up")
        if periods < 1 or periods % 1:
            raise ValueError(f"periods: {periods} is not a whole number from 1 up")
        x, last, end = np.broadcast_arrays(*(np.asarray(each, float) for each in (frequency, recency, age)))
        pairs, where = np.unique(x.ravel() + 1j * end.ravel(), return_inverse=True)  # many customers are alike in these
        total, before = np.zeros(len(pairs)), np.zeros(len(pairs))
        for k in range(1, int(periods) + 1) if discount else (int(periods),):
            now = self._while_alive(np.asarray(float(k)), pairs.real, pairs.imag)
            total += (now - before) / (1 + discount) ** k
            before = now
        return self.p_alive(x, last, end) * total[where].reshape(x.shape)

    def _while_alive(self, ahead: Floats, x: Floats, age: Floats) -> Floats:
        """Purchases to expect of customers who are alive."""
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


@dataclass(frozen=True)
class GammaGamma(_Fitted):
    """Gamma-Gamma: what a customer's purchases are worth on average, from those that were seen.

    A purchase's value is gamma(p, ν) about the customer's own mean, and ν is gamma(q, v) over customers. The model
    takes for granted that **how much a purchase is worth has nothing to do with how often a customer buys**:
    ``correlation`` tells how far the repeat buyers keep to that.

    Attributes
    ----------
    p, q, v : float
        Above 0; ``v`` in the currency, the others without unit.
    log_likelihood, customers, covariance : float, int, ndarray
        Of the fit, on repeat buyers, with values in the currency; the covariance is that of the parameters'
        logarithms. NaN, 0 and None where the parameters were given.
    correlation : float
        Pearson's, of frequency and mean value over repeat buyers, from -1 to 1; NaN where it is not defined.

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

    names: ClassVar[tuple[str, ...]] = ("p", "q", "v")

    @classmethod
    def fit(cls, history: Any) -> Self:
        """Parameters under which the mean values of repeat buyers are likeliest; one-time buyers are left out.

        Parameters
        ----------
        history : frame
            ``frequency`` and ``value``, the mean value of the repeat purchases, as ``purchase_history`` gives them.
            Where there is a column ``customers``, a row is that many.

        Raises
        ------
        NoConvergence
            The values do not tell the parameters.
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
        rows = _grouped(history, ("frequency", "value"))
        _refuse(rows, "frequency", _no_count(rows["frequency"].to_numpy()), WHOLE)
        repeat = rows.filter(pl.col("frequency") > 0)
        if repeat.is_empty():
            raise NoConvergence("is 0 for all: nobody bought again. Give more time.", column="frequency")
        x, value, customers = (repeat[name].to_numpy() for name in ("frequency", "value", "customers"))
        _refuse(repeat, "value", ~((value > 0) & (value < np.inf)), FREE)
        start = (3.0, 3.0, 2 / 3 * float(np.average(value, weights=customers)))
        fitted = likeliest(value_likelihood(x, value, customers), start, customers, cls.__name__)
        return cls(
            **dict(zip(cls.names, fitted.pop("values"), strict=True)),
            **fitted,
            correlation=_correlation(x, value, customers),
        )

    @property
    def independent(self) -> bool:
        """Whether the correlation of frequency and value is below 0.3 either way, as it has to be near 0."""
        return bool(abs(self.correlation) < DEPENDENT_FROM)

    def expected_value(self, frequency: ArrayLike = 0, value: ArrayLike = 0) -> Floats:
        """Mean value of a customer's purchases in the long run, in the currency; NaN where it is not finite.

        Parameters
        ----------
        frequency : array-like, default 0
            Repeat purchases, from 0 up. One without any is expected to be as the population.
        value : array-like, default 0
            Their mean value, from 0 up; does not matter where there are none.

        Notes
        -----
        p (v + x z)/(p x + q − 1), which a heavy tail, q ≤ 1, makes infinite where x is 0.
        """
        x, z = np.asarray(frequency, float), np.asarray(value, float)
        weight = self.p * x + self.q - 1
        spent = np.where(x > 0, x * z, 0)
        return np.where(weight > 0, self.p * (self.v + spent) / np.where(weight > 0, weight, 1), np.nan)


@dataclass(frozen=True)
class ShiftedBetaGeometric(_Fitted):
    """Shifted beta-geometric: how long customers stay who renew a contract period by period.

    At the end of each period a customer leaves with their own constant chance, beta(α, β) over customers. Retention
    rises with tenure although nobody improves, because those likeliest to leave are gone first.

    Attributes
    ----------
    alpha, beta : float
        Above 0, without unit.
    unit : str
        Length of a contract's period, such as ``month``.
    log_likelihood, customers, covariance : float, int, ndarray
        Of the fit, on contracts; the covariance is that of the parameters' logarithms. NaN, 0 and None
        where the parameters were given.

    References
    ----------
    .. [1] Fader, P. S., & Hardie, B. G. S. (2007). How to Project Customer Retention. Journal of Interactive Marketing,
       21(1).
    .. [2] Fader, P. S., & Hardie, B. G. S. (2010). Customer-Base Valuation in a Contractual Setting: The Perils of
       Ignoring Heterogeneity. Marketing Science, 29(1).

    Examples
    --------
    Of the paper's 1000 regular customers 369 left at the first renewal, and 241 made seven:

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
        """Parameters under which contracts' lengths are likeliest.

        Parameters
        ----------
        contracts : frame
            One row a contract: ``renewals``, how many times it was renewed, and ``ended``, whether it ended instead of
            the next one; where it has not come up for that yet, it is not ended. Where given, ``unit``. Where there is
            a column ``customers``, a row is that many.
        unit : str, optional
            Length of a contract's period, where there is no column that tells it.

        Raises
        ------
        NoConvergence
            The contracts do not tell the parameters: none ended, none was renewed, or there was one renewal only.
        DataError
            A column is absent, or a count is not a whole number from 0 up.
        ValueError
            The unit is unknown, or not told, or is another one than that of the contracts.
        """
        rows = _grouped(contracts, ("renewals", "ended"))
        unit = _one_unit(rows, unit)
        made, ended, customers = (rows[name].to_numpy() for name in ("renewals", "ended", "customers"))
        _refuse(rows, "renewals", _no_count(made), WHOLE)
        _refuse(rows, "ended", ~np.isin(ended, [0, 1]), "is neither true nor false.")
        if not made.any() or not ended.any():
            problem = "is false for all: nobody left." if made.any() else "is 0 for all: nobody renewed."
            raise NoConvergence(f"{problem} Give more time.", column="renewals" if ended.any() else "ended")
        start = (1.0, max(float(np.average(made, weights=customers)), 0.5))
        fitted = likeliest(renewal_likelihood(made, ended, customers), start, customers, cls.__name__)
        return cls(**dict(zip(cls.names, fitted.pop("values"), strict=True)), unit=unit, **fitted)

    def survival(self, periods: ArrayLike) -> Floats:
        """Share from 0 to 1 of a cohort that makes so many renewals: B(α, β + t)/B(α, β)."""
        from scipy.special import betaln

        log_share = betaln(self.alpha, self.beta + np.asarray(periods, float)) - betaln(self.alpha, self.beta)
        share: Floats = np.exp(log_share)
        return share

    def retention(self, renewal: ArrayLike) -> Floats:
        """Chance from 0 to 1 that the renewal of this number, from 1 up, is made by one who made those before it.

        (β + t − 1)/(α + β + t − 1)
        """
        before = self.beta + np.asarray(renewal, float) - 1
        return before / (self.alpha + before)

    def discounted_lifetime(self, discount: float, renewals: ArrayLike = 0) -> Floats:
        """Payments to expect in all from the latest on, which counts 1, each discounted to it; of a new customer, DEL.

        Times what one period pays it is the customer's value.

        Parameters
        ----------
        discount : float
            Rate of one ``unit`` of time, above 0.
        renewals : array-like, default 0
            How many were made before; 0 for a customer who has just paid for the first time.

        Notes
        -----
        2F1(1, β + n; α + β + n; 1/(1 + d)), since who renewed n times is beta(α, β + n).
        """
        from scipy.special import hyp2f1

        if not 0 < discount < np.inf:
            raise ValueError(f"discount: {discount} is not a rate above 0, without which the sum may have no end")
        beta = self.beta + np.asarray(renewals, float)
        payments: Floats = hyp2f1(1, beta, self.alpha + beta, 1 / (1 + discount))
        return payments


def lifetime_value(
    history: Any,
    purchases: BetaGeometric,
    spend: GammaGamma | None = None,
    *,
    periods: int,
    discount: float = 0.0,
    confidence: float = 0.95,
) -> Any:
    """What each customer is expected to buy within a number of periods, and what that is worth now.

    Parameters
    ----------
    history : frame
        As ``purchase_history`` gives it, in the unit of the model.
    purchases : BetaGeometric
        Fitted.
    spend : GammaGamma, optional
        Fitted; without it nothing is told about money, and no ``value`` is needed.
    periods : int
        Units of time ahead, from 1 up.
    discount : float, default 0
        Rate of one unit of time, from 0 up.
    confidence : float, default 0.95
        Coverage of the intervals, between 0 and 1. They tell how sure the expectations are; what a customer does is
        much less sure.

    Returns
    -------
    pandas.DataFrame where ``history`` is one, otherwise polars.DataFrame
        ``customer_id``; ``p_alive``, chance that the customer will buy again some time; ``purchases``, how many to
        expect, each discounted; with ``spend`` also ``mean_value`` of one of them and ``expected_value`` of all;
        each but ``mean_value`` with ``_low`` and ``_high``; and ``note``: ``never_bought_again`` where
        ``p_alive`` is 1 because the model has no other answer for one-time buyers, ``value_unknown`` where no
        repeat purchase has a value, so that money is null, else empty.

    Raises
    ------
    DataError
        A column is absent, or a history cannot be.
    ValueError
        A model was not fitted, or its unit is another one; an argument is out of range.

    Examples
    --------
    >>> history = pl.DataFrame({"customer_id": ["a", "b"], "frequency": [0, 2], "recency": [0.0, 30.0],
    ...     "age": [38.0, 38.0]})
    >>> model = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week", covariance=0.01 * np.eye(4))
    >>> found = lifetime_value(history, model, periods=39).select("p_alive", "purchases", "note")
    >>> found.with_columns(pl.col("p_alive", "purchases").round(2)).rows()
    [(1.0, 0.2, 'never_bought_again'), (0.73, 1.25, '')]
    """
    from scipy.special import ndtri

    keys = (*PURCHASED, "value") if spend else PURCHASED
    table = collected(to_narwhals(history, ["customer_id", *keys], ["unit"]))
    _one_unit(table, purchases.unit)
    rows = _grouped(table.select(keys), keys)
    past, z = _histories(rows), float(ndtri(upper_tail(confidence)))
    ahead, n = purchases.discounted_purchases(discount, periods, *past), len(rows)
    error = np.sqrt(purchases.variance(lambda model: model.discounted_purchases(discount, periods, *past)))
    told = _with_bounds(
        "p_alive", purchases.p_alive(*past), *purchases.interval(lambda m: m.p_alive(*past), confidence, 1)
    )
    told |= _with_bounds("purchases", ahead, *_around(ahead, z * error))
    unknown = np.zeros(n, bool)
    if spend:
        x, seen_value = past[0], rows["value"].to_numpy()
        _refuse(rows, "value", seen_value < 0, "is below 0.")
        mean, unknown = spend.expected_value(x, seen_value), (x > 0) & np.isnan(seen_value)
        money = np.sqrt(spend.variance(lambda model: model.expected_value(x, seen_value)))
        half = z * np.hypot(error * mean, money * ahead)
        told |= {"mean_value": mean}
        told |= _with_bounds("expected_value", ahead * mean, *_around(ahead * mean, half))
    note = np.where(past[0] == 0, "never_bought_again", np.where(unknown, "value_unknown", ""))
    figures = pl.DataFrame(told).fill_nan(None).with_columns(note=pl.Series(note, dtype=pl.String))
    each = table.select("customer_id", pl.col(keys).cast(pl.Float64))
    together = pl.concat([rows.select(keys), figures], how="horizontal")
    found = each.join(together, on=keys, how="left", nulls_equal=True, maintain_order="left").drop(keys)
    return found.to_pandas() if nw.dependencies.is_pandas_dataframe(history) else found


def _one_unit(rows: pl.DataFrame, unit: str | None) -> str:
    """The unit of time, which a column tells, or an argument, or both alike."""
    told = [unit] if unit is not None else []
    told += rows["unit"].unique().to_list() if "unit" in rows.columns else []
    if not told:
        raise ValueError("unit: say it, because there is no column 'unit' that tells it")
    if len(set(told)) > 1:
        raise ValueError(f"unit: {' and '.join(sorted(map(str, set(told))))} do not go together. Make it one.")
    return known_unit(told[0])


def _grouped(frame: Any, keys: Sequence[str]) -> pl.DataFrame:
    """Different rows of some columns as numbers, how many ``customers`` each is, and the first ``row`` that is it."""
    rows = to_narwhals(frame, keys, ["customers", "unit"])
    schema = rows.collect_schema()
    numbers = [name for name in schema.names() if name in (*keys, "customers")]
    for name in numbers:
        if not (schema[name].is_numeric() or schema[name] in (nw.Boolean, nw.Unknown)):
            raise DataError(f"is {schema[name]}, not a number.", column=name)
    first = [nw.col(ROW).min().alias("row")] if ROW in schema.names() else []
    alike = [name for name in schema.names() if name != ROW]
    others = [nw.col(name).cast(nw.Float64) for name in numbers if schema[name] != nw.Float64]
    found = collected(
        (rows.with_columns(others) if others else rows)
        .group_by(alike)
        .agg(nw.len().cast(nw.Float64).alias("times"), *first)
    )
    if found.is_empty():
        raise DataError("There is no row.")
    if "customers" not in numbers:
        return found.rename({"times": "customers"})
    _refuse(found, "customers", ~(found["customers"].to_numpy() > 0), "is not a number above 0.")
    return found.with_columns(pl.col("customers") * pl.col("times"))


def _refuse(rows: pl.DataFrame, column: str, bad: NDArray[np.bool_], problem: str) -> None:
    """Refuse rows of which one is bad."""
    if bad.any():
        found = rows.filter(pl.Series(bad))
        found = found.sort("row") if "row" in rows.columns else found
        value, n, all_of = found[column][0], found["customers"].sum(), rows["customers"].sum()
        shown = "a missing value" if value is None else f"{value:g}"
        row = found["row"][0] + 2 if "row" in rows.columns else None
        raise DataError(f"{shown} {problem} ({n:g} of {all_of:g} customers)", row=row, column=column)


def _no_count(values: Floats) -> NDArray[np.bool_]:
    bad: NDArray[np.bool_] = ~((values >= 0) & (np.floor(values) == values) & np.isfinite(values))
    return bad


def _histories(rows: pl.DataFrame) -> list[Floats]:
    """Frequency, recency and age of rows, refused where they cannot be."""
    frequency, recency, age = past = [rows[name].to_numpy() for name in PURCHASED]
    _refuse(rows, "frequency", _no_count(frequency), WHOLE)
    for name, time in (("age", age), ("recency", recency)):
        _refuse(rows, name, ~((time >= 0) & (time < np.inf)), "is not a time from 0 up.")
    _refuse(rows, "recency", recency > age, "is above the age, " + FROM_FIRST)
    _refuse(rows, "recency", (frequency > 0) & (recency == 0), "goes with a frequency above 0, " + FROM_FIRST)
    _refuse(rows, "recency", (frequency == 0) & (recency > 0), "goes with a frequency of 0, " + FROM_FIRST)
    return past


def _with_bounds(name: str, value: Floats, low: Floats, high: Floats) -> dict[str, Floats]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _around(value: ArrayLike, half: Floats, most: float = np.inf) -> tuple[Floats, Floats]:
    """Bounds of a value from 0 to a most, half of whose interval has this width, by its logit."""
    middle = np.asarray(value, float)
    inside = (middle > 0) & (middle < most)
    safe = np.where(inside, middle, min(most, 2) / 2)
    rest = 1 - safe / most
    odds = safe / rest
    spread = np.minimum(half / (safe * rest), WIDEST)
    low, high = (odds * np.exp(sign * spread) for sign in (-1, 1))
    low, high = (np.where(inside, each / (1 + each / most), middle) for each in (low, high))
    return low, high


def _correlation(x: Floats, value: Floats, customers: Floats) -> float:
    """Pearson's correlation of rows that are several customers each."""
    if len(set(x)) < 2 or len(set(value)) < 2:
        return float("nan")
    covariance = np.cov(x, value, aweights=customers)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
