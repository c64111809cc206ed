"""Customers who do less than before, by more than chance explains."""

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals

__all__ = ["declines"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Unsteadiness = tuple[float, float]  # drift and burst
WINDOWS = ("before", "after")

FEWEST = 30  # customers to estimate the unsteadiness from; with fewer the test would be too sure
FEWEST_COUNTS = 4  # in both windows; 3 of a customer who came in both and did not fall can only be 1 and 2
TYPICAL, BOUNDS = (0.05, 0.5), ((1e-5, 0.9), (1e-3, 1e4))  # drift and burst: where the search starts and ends


def declines(before: Any, after: Any, feature: str = "active_days", *, fdr: float = 0.10) -> Any:
    """Test which customers do less in a window than in the one before it, at a false-discovery rate.

    Each customer is compared with their own past and not with the others. A decline of the whole base, or a holiday
    month in one window, shows as a decline of many; compare the sums of ``before`` and ``after`` to see how far the
    base moved.

    Parameters
    ----------
    before, after : frame
        Features of two windows of the same length that do not overlap, as ``customer_features`` returns them:
        ``customer_id`` and the count. A customer in only one of them counts 0 in the other. Rows without a customer are
        left out.
    feature : str, default "active_days"
        Column with whole numbers from 0 up. Days with an interaction come in smaller bursts than interactions, so they
        detect more. With large bursts, such as thirty page views a visit, the false-discovery rate exceeds ``fdr``.
    fdr : float, default 0.10
        Expected share of false discoveries among the customers called declined, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``after`` is one, otherwise polars.DataFrame
        One row for each customer, sorted by ``p`` and then ``customer_id``. ``customer_id``; the counts ``before`` and
        ``after``; ``expected``, half of both, which is what each window holds of an unchanged customer; ``p``, the
        probability that an unchanged customer has ``after`` or less of both; ``q``, the smallest rate at which the
        customer is called declined; ``declined``, whether q is at most ``fdr``; and ``reason``, why q is null, else
        empty:

        - ``too_rare``: so few counts in both windows that p would exceed ``fdr`` even with 0 in the last one. Such
          customers are not tested, so they do not make the test of the others stricter;
        - ``few_customers``: fewer than 30 customers came in both windows and did not fall, too few to estimate how
          unsteady customers are. p is null too.

    Raises
    ------
    DataError
        A column is absent, a count is negative, missing or not whole, or a customer is twice in a frame.
    ValueError
        ``fdr`` is not between 0 and 1.

    Notes
    -----
    Given the sum n of both, an unchanged customer's count in the last window is beta-binomial about n/2 with the
    correlation (b + rn)/(b + n), so its variance is n/4 (1 + (n - 1)(b + rn)/(b + n)). The burst b is the number of
    further interactions that come with one, and the drift r is how far a customer's level moves by itself. With both 0
    the counts are Poisson, and far too many customers are called. q is p after Benjamini and Hochberg, over the
    customers tested.

    Burst and drift are estimated from the customers who came in both windows and did *not* fall, by the likelihood of
    their counts under that condition, times br. Unchanged customers rise as often and as far as they fall, so the
    customers who rose show how far chance goes, and customers who stop do not hide themselves by making chance look
    large. The factor br keeps both estimates from 0 where there are few customers, and does not matter with thousands.
    Customers who come daily vary less than others, because a window has only so many days. Customers with more than
    half of the largest count are therefore left out of the estimate where 30 others remain.

    The test errs towards calling fewer: p is discrete; many customers who really rose pass for chance; customers who
    arrived within the first window had less time there; and customers who arrived in the last one cannot decline. It
    errs towards calling more where customers differ much in how unsteady they are, because one pair of b and r is
    assumed for all. ``benchmarks/declines.py`` measures both.

    References
    ----------
    .. [1] Skellam, J. G. (1948). A Probability Distribution Derived from the Binomial Distribution by Regarding the
       Probability of Success as Variable between the Sets of Trials. JRSS B, 10(2).
    .. [2] Benjamini, Y., & Hochberg, Y. (1995). Controlling the False Discovery Rate. JRSS B, 57(1).
    .. [3] Chung, Y., Rabe-Hesketh, S., Dorie, V., Gelman, A., & Liu, J. (2013). A Nondegenerate Penalized Likelihood
       Estimator for Variance Parameters in Multilevel Models. Psychometrika, 78(4).

    Examples
    --------
    Eighty customers come on 18 to 22 days after 20, and one stays away:

    >>> before = pl.DataFrame({"customer_id": range(81), "active_days": [20] * 81})
    >>> after = pl.DataFrame({"customer_id": range(81), "active_days": [0] + [18, 19, 20, 21, 22] * 16})
    >>> declines(before, after).filter("declined").select("customer_id", "before", "after", "expected").rows()
    [(0, 20, 0, 10.0)]
    """
    if not 0 < fdr < 1:
        raise ValueError(f"fdr: {fdr} is not between 0 and 1")
    sides = [_window_counts(before, feature, "before"), _window_counts(after, feature, "after")]
    kinds = [side["customer_id"].dtype for side in sides if not side.is_empty()]
    if len({kind.is_numeric() for kind in kinds}) > 1:
        raise DataError(f"is {kinds[0]} in 'before' and {kinds[1]} in 'after'. Make it one type.", column="customer_id")
    counts = pl.concat(sides, how="vertical_relaxed").group_by("customer_id").agg(pl.col("before", "after").sum())
    tested = _tested(counts, fdr)
    return tested.to_pandas() if nw.dependencies.is_pandas_dataframe(after) else tested


def _window_counts(frame: Any, feature: str, window: str) -> pl.DataFrame:
    """Counts of one window, with 0 in the other."""
    rows = to_narwhals(frame, ["customer_id", feature]).filter(~nw.col("customer_id").is_null())
    table = collected(rows.select("customer_id", count=nw.col(feature)))
    _check_counts(table, feature, window)
    whole, none = pl.col("count").cast(pl.Int64), pl.lit(0, pl.Int64)
    return table.select("customer_id", *((whole if window == name else none).alias(name) for name in WINDOWS))


def _check_counts(table: pl.DataFrame, feature: str, window: str) -> None:
    dtype, count = table["count"].dtype, pl.col("count")
    if not (dtype.is_numeric() or dtype == pl.Null):
        raise DataError(f"is {dtype} in {window!r}, not a number.", column=feature)
    whole = (count >= 0) & (count.cast(pl.Float64) % 1 == 0)  # infinity has no remainder
    for customer, value in table.filter(~whole.fill_null(False)).sort("customer_id").head(1).iter_rows():
        problem = f"{value} in {window!r} (customer {customer!r}) is not a whole number from 0 up."
        raise DataError(f"{problem} Take a column of counts.", column=feature)
    for customer in table.filter(pl.col("customer_id").is_duplicated())["customer_id"].sort().head(1):
        raise DataError(f"{customer!r} is there twice in {window!r}. Give one row for each.", column="customer_id")


def _tested(counts: pl.DataFrame, fdr: float) -> pl.DataFrame:
    """Result of the test for each customer, of the counts of both windows."""
    from scipy.stats import false_discovery_control

    pairs = counts.group_by(WINDOWS).agg(customers=pl.len()).sort(WINDOWS)
    result = counts.join(_with_p(pairs), on=WINDOWS).sort("p", "customer_id")
    p, p_of_none = result["p"].to_numpy(), result["p_of_none"].to_numpy()
    reason = np.where(np.isnan(p), "few_customers", np.where(p_of_none > fdr, "too_rare", ""))
    q, testable = np.full(len(p), np.nan), reason == ""
    q[testable] = false_discovery_control(p[testable]) if testable.any() else 0
    return result.select(
        "customer_id",
        *WINDOWS,
        ((pl.col("before") + pl.col("after")) / 2).alias("expected"),
        "p",
        pl.Series("q", q, nan_to_null=True),
        pl.Series("declined", testable & (q <= fdr)),
        pl.Series("reason", reason, pl.String),
    )


def _with_p(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of counts with ``p`` of an unchanged customer, and ``p_of_none``, that of 0 in the last window."""
    before, after = (pairs[name].to_numpy() for name in WINDOWS)
    unsteadiness = _unsteadiness(before, after, pairs["customers"].to_numpy())
    if unsteadiness is None:
        unknown = pl.lit(None, pl.Float64)
        return pairs.with_columns(p=unknown, p_of_none=unknown)
    both = before + after
    p_of_none = np.exp(_log_probability(np.zeros_like(both), both, unsteadiness))
    return pairs.with_columns(p=pl.Series(_at_most(before, after, unsteadiness)), p_of_none=pl.Series(p_of_none))


def _unsteadiness(before: Counts, after: Counts, customers: Counts) -> Unsteadiness | None:
    """Drift and burst of customers who did not fall, of the less busy half where that is enough; None with too few."""
    both, busiest = before + after, max(before.max(initial=0), after.max(initial=0))
    not_fallen = (after >= before) & (before > 0) & (both >= FEWEST_COUNTS)
    for used in (not_fallen & (both <= busiest), not_fallen):
        if customers[used].sum() >= FEWEST:
            return _likeliest(after[used], both[used], customers[used])
    return None


def _likeliest(after: Counts, both: Counts, customers: Counts) -> Unsteadiness:
    """Drift and burst with the highest likelihood of ``after``, given that it is half of both or more, and not all."""
    from scipy.optimize import minimize

    def cost(logs: Floats) -> float:
        unsteadiness = tuple(np.exp(logs))
        tie = np.where(both % 2 == 0, np.exp(_log_probability(both // 2, both, unsteadiness)), 0)
        possible = (1 + tie) / 2 - np.exp(_log_probability(both, both, unsteadiness))
        likelihoods = customers * (_log_probability(after, both, unsteadiness) - np.log(possible))
        return -float(likelihoods.sum() + logs.sum())

    drift, burst = np.exp(minimize(cost, np.log(TYPICAL), method="Nelder-Mead", bounds=np.log(BOUNDS)).x)
    return float(drift), float(burst)


def _at_most(before: Counts, after: Counts, unsteadiness: Unsteadiness) -> Floats:
    """Probability of ``after`` or less of both, summed over the shorter tail."""
    both, last = before + after, np.minimum(after, before - 1)
    tail = np.zeros(len(both))
    for total in np.unique(both[last >= 0]):
        rows = (both == total) & (last >= 0)
        probabilities = np.exp(_log_probability(np.arange(last[rows].max() + 1), total, unsteadiness))
        tail[rows] = np.cumsum(probabilities)[last[rows]]
    return np.where(after < before, tail, 1 - tail)


def _log_probability(count: Counts, both: Counts, unsteadiness: Unsteadiness) -> Floats:
    """Logarithm of the beta-binomial probability of a count in the last window, given that of both."""
    from scipy.special import betaln

    drift, burst = unsteadiness
    shape = np.maximum(both, 1) * (1 - drift) / (2 * (burst + drift * both))
    ways = -np.log1p(both) - betaln(count + 1, both - count + 1)
    log_probability: Floats = ways + betaln(count + shape, both - count + shape) - betaln(shape, shape)
    return log_probability
