"""What a group of customers will buy or renew: totals with the interval of what comes, not of its expectation."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from engagekit.frames.engine import collected, to_narwhals
from engagekit.metrics.intervals import upper_tail
from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.fitting import Floats
from engagekit.value.gamma_gamma import GammaGamma
from engagekit.value.model_input import HISTORY, WHOLE, histories, not_whole, one_unit, refuse
from engagekit.value.shifted_beta_geometric import ShiftedBetaGeometric

__all__ = ["forecast_purchases", "forecast_renewals", "next_purchase", "predictive_interval", "purchase_variance"]

SINGULAR = 1e-4  # how near a may be to 1 or 2, and a + b to 1, where the variance is 0 / 0
Sums = Callable[[Floats], Floats]  # values of customers -> of groups


def forecast_purchases(
    history: Any,
    purchases: BetaGeometric,
    spend: GammaGamma | None = None,
    *,
    periods: ArrayLike,
    by: str = "",
    confidence: float = 0.95,
) -> Any:
    """Purchases, and their value, of groups of customers within a time from now, with the interval of what comes.

    The interval holds the total itself, not only its expectation: it adds the variance of what the customers do to the
    uncertainty of the parameters. It takes for granted that customers buy as the model says, independently.

    Parameters
    ----------
    history : frame
        As ``purchase_history`` gives it, in the unit of the model.
    purchases : BetaGeometric
        Fitted.
    spend : GammaGamma, optional
        Fitted. Without it the result holds no money, and ``history`` needs no ``value``.
    periods : float or sequence of float
        Times ahead in the unit of the model, from 0 up.
    by : str, optional
        Column of groups; by default all customers are one.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``history`` is one, otherwise polars.DataFrame
        One row a group and time ahead: the group, ``periods``, ``customers``, ``purchases`` and, with ``spend``,
        ``expected_value``, both with ``_low`` and ``_high``. Money is null where frequency and value are not
        independent, or where the tail of the values is so heavy that they have no variance. A customer whose repeat
        purchases have no value counts with the population's mean.

    Raises
    ------
    DataError
        A column is absent, or a history cannot be.
    ValueError
        A model was not fitted, or its unit is not that of the histories; an argument is out of range.

    Examples
    --------
    A thousand customers as the paper's, and what they buy in 39 weeks:

    >>> history = pl.DataFrame({"frequency": [0, 2] * 500, "recency": [0.0, 30.0] * 500, "age": [38.0] * 1000})
    >>> model = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week", covariance=0.001 * np.eye(4))
    >>> total = forecast_purchases(history, model, periods=39).select("^purchases.*$")
    >>> [round(each) for each in total.row(0)]
    [726, 650, 806]
    """
    keys = (*HISTORY, *(["value"] if spend else []))
    rows, sums, groups = _grouped(history, keys, by, ["unit"])
    one_unit(rows, purchases.unit)
    past = histories(rows.with_columns(pl.lit(1).alias("customers")))
    times = np.atleast_1d(np.asarray(periods, float))

    def bought(ahead: float, of: BetaGeometric) -> Floats:
        return sums(of.expected_purchases(ahead, *past))

    result = []
    for ahead in times:
        mean = purchases.expected_purchases(ahead, *past)
        variance = purchase_variance(purchases, ahead, *past)
        own = purchases.variance(partial(bought, ahead))
        table = groups.with_columns(periods=pl.lit(float(ahead)))
        table = table.hstack(_with_bounds("purchases", sums(mean), own + sums(variance), confidence))
        if spend:
            money = _money(purchases, spend, past, rows["value"].to_numpy(), ahead, sums, (mean, variance))
            table = table.hstack(_with_bounds("expected_value", *money, confidence))
        result.append(table)
    made = pl.concat(result)
    return made.to_pandas() if nw.dependencies.is_pandas_dataframe(history) else made


def forecast_renewals(
    contracts: Any, model: ShiftedBetaGeometric, *, periods: int, by: str = "", confidence: float = 0.95
) -> Any:
    """Renewals, and their value, of groups of contracts that run now, with the interval of what comes.

    Parameters
    ----------
    contracts : frame
        One row a contract that runs: ``renewals`` so far and, where given, ``payment``, that of one period.
    model : ShiftedBetaGeometric
        Fitted.
    periods : int
        Periods ahead, each of which ends with a renewal or without, from 1 up.
    by : str, optional
        Column of groups; by default all contracts are one.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``contracts`` is one, otherwise polars.DataFrame
        One row a group: the group, ``customers``, ``renewals``, ``kept`` (contracts that still run after so many
        periods) and, with payments, ``expected_value``, each with ``_low`` and ``_high``. The value is null where a
        payment is.

    Raises
    ------
    DataError
        A column is absent, or a count is not a whole number from 0 up.
    ValueError
        The model was not fitted, or an argument is out of range.

    Examples
    --------
    >>> model = ShiftedBetaGeometric(alpha=0.704, beta=1.182, unit="year", covariance=0.001 * np.eye(2))
    >>> total = forecast_renewals(pl.DataFrame({"renewals": [0] * 1000}), model, periods=1)
    >>> [round(each) for each in total.select("^renewals.*$").row(0)]
    [627, 591, 664]
    """
    if periods < 1 or periods % 1:
        raise ValueError(f"periods: {periods} is not a whole number from 1 up")
    rows, sums, groups = _grouped(contracts, ["renewals"], by, ["payment"])
    made = rows["renewals"].to_numpy()
    refuse(rows.with_columns(pl.lit(1).alias("customers")), "renewals", not_whole(made), WHOLE)
    steps = np.arange(1, int(periods) + 1)

    def kept(of: ShiftedBetaGeometric) -> Floats:
        """Probability that each contract is renewed so many times more: a row a number of renewals."""
        levels, level = np.unique(made, return_inverse=True)
        shares: Floats = (of.survival(levels + steps[:, None]) / of.survival(levels))[:, level]
        return shares

    chances = kept(model)
    mean = chances.sum(0)
    variance = ((2 * steps - 1)[:, None] * chances).sum(0) - mean**2
    totals = {
        "renewals": (np.ones(len(made)), lambda of: kept(of).sum(0), mean, variance),
        "kept": (np.ones(len(made)), lambda of: kept(of)[-1], chances[-1], chances[-1] * (1 - chances[-1])),
    }
    if "payment" in rows.columns:
        totals["expected_value"] = (rows["payment"].to_numpy(), *totals["renewals"][1:])
    for name, (weight, expected, each, spread) in totals.items():
        own = model.variance(lambda of, w=weight, e=expected: sums(w * e(of)))  # type: ignore[misc]
        groups = groups.hstack(_with_bounds(name, sums(weight * each), own + sums(weight**2 * spread), confidence))
    return groups.to_pandas() if nw.dependencies.is_pandas_dataframe(contracts) else groups


def predictive_interval(mean: ArrayLike, variance: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Interval of a total from 0 up of which mean and variance are known, by the gamma distribution that has them.

    Parameters
    ----------
    mean, variance : array-like
        From 0 up; of a total of 0 the interval has no width.
    confidence : float, default 0.95
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : ndarray
        NaN where mean or variance is.

    Examples
    --------
    >>> low, high = predictive_interval(1600, 60**2)
    >>> round(float(low)), round(float(high))
    (1485, 1720)
    """
    from scipy.special import gammainccinv, gammaincinv

    mean, variance = np.asarray(mean, float), np.asarray(variance, float)
    upper, some = upper_tail(confidence), (mean > 0) & (variance > 0)
    shape = np.where(some, mean, 1) ** 2 / np.where(some, variance, 1)
    scale = np.where(some, variance, 1) / np.where(some, mean, 1)
    sure = np.where(np.isfinite(variance), mean, np.nan)
    low, high = (np.where(some, scale * inverse(shape, upper), sure) for inverse in (gammainccinv, gammaincinv))
    return low, high


def purchase_variance(
    model: BetaGeometric, periods: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
) -> Floats:
    """Variance of a customer's number of purchases within a time from now, given the history and the parameters.

    Parameters
    ----------
    model : BetaGeometric
    periods, frequency, recency, age : array-like
        As ``BetaGeometric.expected_purchases`` takes them.

    Returns
    -------
    ndarray
        From 0 up.

    Notes
    -----
    A customer who is alive buys N times, Poisson with mean λt, or until the first loss: X = min(N, G) with G geometric
    in p. With q = 1 − p, E[X(X − 1) | λ, p] = 2q ((1 − exp(−λpt))/p² − λt exp(−λpt)/p). Averaged over gamma(r + x,
    α + T) and beta(a, b + x), with B = b + x, c = a + b + x − 1, d = a + b − 1 − r and z = t/(α + T + t), it is
    2B/(a − 1) (c/(a − 2) (1 − (1 − z)^(a − 2) F(a − 2, d; c; z)) − t(r + x)/(α + T) (1 − z)^(a − 1)
    F(a − 1, d; c + 1; z)), F being 2F1. The variance is P(alive) (E[X(X − 1)] + E[X]) less the square of P(alive) E[X].

    Examples
    --------
    >>> model = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> round(float(purchase_variance(model, 39, 2, 30.43, 38.86)), 2)
    2.53
    """
    from scipy.special import hyp2f1

    if min(abs(model.a - 1), abs(model.a - 2), abs(model.a + model.b - 1)) < SINGULAR:
        sides = (replace(model, a=model.a + by) for by in (-2 * SINGULAR, 2 * SINGULAR))
        low, high = (purchase_variance(side, periods, frequency, recency, age) for side in sides)
        return (low + high) / 2
    ahead, x, end = (np.asarray(each, float) for each in (periods, frequency, age))
    a, joint, rate = model.a, model.a + model.b + x - 1, (model.r + x) / (model.alpha + end)
    z, rest = ahead / (model.alpha + end + ahead), model.a + model.b - 1 - model.r
    first = joint / (a - 2) * (1 - (1 - z) ** (a - 2) * hyp2f1(a - 2, rest, joint, z))
    second = ahead * rate * (1 - z) ** (a - 1) * hyp2f1(a - 1, rest, joint + 1, z)
    pairs = np.maximum(2 * (model.b + x) / (a - 1) * (first - second), 0) * model.p_alive(x, recency, end)
    mean = model.expected_purchases(ahead, x, recency, end)
    variance: Floats = np.maximum(pairs + mean - mean**2, 0)
    return variance


def next_purchase(model: BetaGeometric, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
    """Median time until a customer's next purchase, in the model's unit; infinite where there will rather be none.

    Parameters
    ----------
    model : BetaGeometric
    frequency, recency, age : array-like
        As ``BetaGeometric.p_alive`` takes them.

    Returns
    -------
    ndarray
        Above 0; infinite where P(alive) is 0.5 or less.

    Notes
    -----
    The next purchase comes within t with probability P(alive) (1 − ((α + T)/(α + T + t))^(r + x)), of which this is
    the t where it is 1/2.

    Examples
    --------
    >>> model = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> next_purchase(model, [2, 2], [30.43, 12.0], 38.86).round(1).tolist()
    [29.5, inf]
    """
    x, end = np.asarray(frequency, float), np.asarray(age, float)
    alive = model.p_alive(x, recency, end)
    missing = 1 - 0.5 / np.maximum(alive, 0.5)  # of those alive, who have not bought by then
    with np.errstate(divide="ignore", over="ignore"):
        time: Floats = (model.alpha + end) * (missing ** (-1 / (model.r + x)) - 1)
    return time


def _money(
    model: BetaGeometric,
    spend: GammaGamma,
    past: Sequence[Floats],
    value: Floats,
    ahead: float,
    sums: Sums,
    bought: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """Total value of groups and its variance; NaN where it cannot be said."""
    mean, variance = bought
    x = np.where(np.isnan(value), 0, past[0])
    each = spend.expected_value(x, value)
    tail = spend.p * x + spend.q - 2
    heavy = not spend.independent or bool((tail <= 0).any())
    square = each**2 * (tail + 1) / np.where(tail > 0, tail, 1)  # of a customer's mean: E[(p/ν)²]
    spread = mean * square / spend.p + (variance + mean**2) * square - (mean * each) ** 2
    own = model.variance(lambda of: sums(of.expected_purchases(ahead, *past) * each))
    own = own + spend.variance(lambda of: sums(mean * of.expected_value(x, value)))
    total, uncertain = sums(mean * each), own + sums(spread)
    return (total * np.nan, uncertain * np.nan) if heavy else (total, uncertain)


def _grouped(
    frame: Any, keys: Sequence[str], by: str, optional: Sequence[str]
) -> tuple[pl.DataFrame, Sums, pl.DataFrame]:
    """Rows with numbers in their order, the sums over groups, and the groups with their ``customers``."""
    own = [by] if by else []
    table = collected(to_narwhals(frame, [*keys, *own], optional))
    rows = table.with_columns(
        pl.col(name).cast(pl.Float64) for name in (*keys, *optional) if name in table.columns and name != "unit"
    )
    groups = rows.group_by(own or pl.lit(0).alias("")).agg(pl.len().alias("customers"))
    groups = groups.sort(own) if by else groups.drop("")
    place = np.zeros(len(rows), int)
    if by:
        numbered = groups.select(by).with_row_index("place")
        place = (
            rows.select(by)
            .join(numbered, on=by, how="left", nulls_equal=True, maintain_order="left")["place"]
            .to_numpy()
        )

    def sums(values: Floats) -> Floats:
        totals: Floats = np.bincount(place, values, len(groups)).astype(float)
        return totals

    return rows, sums, groups


def _with_bounds(name: str, mean: Floats, variance: Floats, confidence: float) -> list[pl.Series]:
    low, high = predictive_interval(mean, variance, confidence)
    columns = {name: mean, f"{name}_low": low, f"{name}_high": high}
    return pl.DataFrame(columns).fill_nan(None).get_columns()
