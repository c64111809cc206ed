"""Who does less than before, so much that it is not chance; and how scores moved, for a picture only."""

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals, to_native
from engagekit.frames.times import with_micros

__all__ = ["declines", "slopes", "trailing_slopes"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Unsteadiness = tuple[float, float]  # drift and burst
WINDOWS = ("before", "after")

LEARNED_FROM = 30  # customers; from fewer the test would be too sure
TELLING = 4  # of both windows; 3 of a customer who came in both and did not fall can only be 1 and 2
TYPICAL, BOUNDS = (0.05, 0.5), ((1e-5, 0.9), (1e-3, 1e4))  # drift and burst: where the search starts and ends
TRAIL = 4  # dates that a trailing slope looks back on
WEEK_US = 7 * 86_400_000_000


def declines(before: Any, after: Any, feature: str = "active_days", *, fdr: float = 0.10) -> Any:
    """Who does less in a window than in the one before it, beyond chance, at a false-discovery rate.

    Each customer is compared with their own past and not with the others: a decline of the whole base, or a holiday
    month in one window, shows as a decline of many. The sums of ``before`` and ``after`` tell how far the base moved.

    Parameters
    ----------
    before, after : frame
        Features of two windows of the same length that do not overlap, as ``customer_features`` gives them:
        ``customer_id`` and the count. A customer in one of them only has 0 in the other. A row without a customer is
        left out.
    feature : str, default "active_days"
        Column with whole numbers from 0 up. Days with an interaction come in smaller bursts than interactions, and
        tell more. With large bursts, such as thirty page views a visit, more are false than ``fdr`` promises.
    fdr : float, default 0.10
        Share of those called declined that on average may be false, between 0 and 1.

    Returns
    -------
    pandas.DataFrame where ``after`` is one, otherwise polars.DataFrame
        One row for each customer, the surest decline first. ``customer_id``; the
        counts ``before`` and ``after``; ``expected``, half of both, what each window holds of an unchanged customer;
        ``p``, chance that an unchanged customer has ``after`` or less of both; ``q``, the smallest rate at which the
        customer is called; ``declined``, whether q is at most ``fdr``; and ``reason``, why q is null, else empty:

        - ``too_rare``: so few of both that even 0 in the last window would be chance, with p above ``fdr``. Such
          customers are not tested, and so do not make the test of the others stricter;
        - ``few_customers``: fewer than 30 customers who came in both windows and did not fall, so that nobody can tell
          how unsteady customers are. p is null too.

    Raises
    ------
    DataError
        A column is absent, a count is negative, missing or not whole, or a customer is twice in a frame.
    ValueError
        ``fdr`` is not between 0 and 1.

    Notes
    -----
    Given the sum n of both, an unchanged customer's count in the last window is beta-binomial about n/2 with the
    correlation (b + rn)/(b + n), so that its variance is n/4 (1 + (n - 1)(b + rn)/(b + n)). The burst b is what comes
    along with an interaction, the drift r how far a customer's level moves by itself; both 0 are Poisson counts, which
    call far too many. q is p after Benjamini and Hochberg, over those tested.

    Burst and drift are estimated from the base itself, from customers who did *not* fall and came in both windows, by
    the likelihood of their counts given just that, times br. Unchanged customers rise as often and as far as they
    fall, so the risers tell how far chance goes, and those who stop do not hide themselves by making chance look
    large. The factor br keeps both from 0 where few customers tell little, and is nothing beside thousands. Who comes
    daily varies less than others do, as a window has only so many days: therefore customers with more than half of the
    largest count are not asked where 30 others can be.

    It errs on the side of calling fewer: p is discrete; many real risers pass for chance; who arrived within the first
    window had less time there; and who arrived in the last one cannot decline. It errs on the other side where
    customers differ much in how unsteady they are, since one pair of b and r is held to be true of all:
    ``benchmarks/declines.py`` measures both.

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
    >>> found = declines(before, after)
    >>> found.filter("declined").select("customer_id", "before", "after", "expected").rows()
    [(0, 20, 0, 10.0)]
    """
    if not 0 < fdr < 1:
        raise ValueError(f"fdr: {fdr} is not between 0 and 1")
    sides = [_side(before, feature, "before"), _side(after, feature, "after")]
    kinds = [side["customer_id"].dtype for side in sides if not side.is_empty()]
    if len({kind.is_numeric() for kind in kinds}) > 1:
        raise DataError(f"is {kinds[0]} in 'before' and {kinds[1]} in 'after'. Make it one type.", column="customer_id")
    counts = pl.concat(sides, how="vertical_relaxed").group_by("customer_id").agg(pl.col("before", "after").sum())
    found = _judged(counts, fdr)
    return found.to_pandas() if nw.dependencies.is_pandas_dataframe(after) else found


def slopes(scored: Any) -> Any:
    """Slope of each customer's score over its dates, in points per week; a description and not a test.

    Scores of weekly dates look back over the same weeks but one, so that neighbours are alike whether or not anything
    changed, and a regression's p-value means nothing: it calls most unchanged customers significant, as
    ``benchmarks/declines.py`` shows. Who declined beyond chance is a matter for ``declines``.

    Parameters
    ----------
    scored : frame
        ``customer_id, date, score``, one row for each customer and date. A row without a customer or a date is left
        out.

    Returns
    -------
    frame of the caller's kind
        ``customer_id``; ``slope_points_per_week``, by least squares over time, null with fewer than two dates; and
        ``dates``, how many have a score.

    Raises
    ------
    DataError
        A column is absent, ``date`` holds no times or ``score`` no numbers.

    Examples
    --------
    >>> from datetime import datetime
    >>> scored = pl.DataFrame({"customer_id": ["a", "a"], "date": [datetime(2026, 1, 5), datetime(2026, 1, 19)],
    ...     "score": [60.0, 50.0]})
    >>> slopes(scored).rows()
    [('a', -5.0, 2)]
    """
    rows = with_micros(to_narwhals(scored, ["customer_id", "date", "score"]), "date", "us")
    dtype = rows.collect_schema()["score"]
    if not dtype.is_numeric():
        raise DataError(f"is {dtype}, not a number.", column="score")
    rows = rows.filter(~nw.col("customer_id").is_null(), ~nw.col("us").is_null())
    since_first = nw.col("us") - nw.col("us").min().over("customer_id")  # small numbers, whose squares lose nothing
    known = nw.when(~nw.col("score").is_null())
    points = rows.select(
        "customer_id", week=known.then(since_first.cast(nw.Float64) / WEEK_US), score=nw.col("score").cast(nw.Float64)
    )
    sums = (
        points.with_columns(square=nw.col("week") * nw.col("week"), product=nw.col("week") * nw.col("score"))
        .group_by("customer_id")
        .agg(
            nw.col("score").count().cast(nw.Int64).alias("dates"),
            nw.col("week").min().alias("first"),
            nw.col("week").max().alias("last"),
            nw.col("week", "score", "square", "product").sum(),
        )
    )
    week, dates = nw.col("week"), nw.col("dates")
    sloped = nw.when(nw.col("last") > nw.col("first"))
    slope = (nw.col("product") - week * nw.col("score") / dates) / (nw.col("square") - week * week / dates)
    return to_native(sums.select("customer_id", sloped.then(slope).alias("slope_points_per_week"), "dates"), scored)


def trailing_slopes(scored: pl.DataFrame) -> Floats:
    """Slope of each row's score over that and the three dates before it, in points a day; NaN with one score.

    Parameters
    ----------
    scored : polars.DataFrame
        ``customer_id, date, score``, one row for each customer and date.

    Examples
    --------
    >>> from datetime import datetime
    >>> dates = [datetime(2026, 1, 1), datetime(2026, 1, 11)]
    >>> trailing_slopes(pl.DataFrame({"customer_id": ["a", "a"], "date": dates, "score": [60.0, 40.0]})).tolist()
    [nan, -2.0]
    """
    who, when = (scored[name].rank("dense").to_numpy().astype(int) - 1 for name in ("customer_id", "date"))
    days = scored["date"].unique().sort().cast(pl.Datetime("us")).to_physical().to_numpy() / 86_400e6
    table = np.full((who.max(initial=-1) + 1, len(days)), np.nan)
    table[who, when] = scored["score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    slopes = np.full_like(table, np.nan)
    for last in range(1, len(days)):
        trail = slice(max(0, last - TRAIL + 1), last + 1)
        scores, known = table[:, trail], ~np.isnan(table[:, trail])
        n = known.sum(axis=1)
        day = np.where(known, days[trail] - days[last], 0.0)
        level = np.where(known, scores, 0.0)
        spread = (day**2).sum(axis=1) - day.sum(axis=1) ** 2 / np.maximum(n, 1)
        product = (day * level).sum(axis=1) - day.sum(axis=1) * level.sum(axis=1) / np.maximum(n, 1)
        slopes[:, last] = np.divide(product, spread, out=np.full(len(n), np.nan), where=(n > 1) & (spread > 0))
    found: Floats = slopes[who, when]
    return found


def _side(frame: Any, feature: str, window: str) -> pl.DataFrame:
    """Counts of one window, with 0 in the other."""
    rows = to_narwhals(frame, ["customer_id", feature]).filter(~nw.col("customer_id").is_null())
    table = collected(rows.select("customer_id", count=nw.col(feature)))
    _check(table, feature, window)
    whole, none = pl.col("count").cast(pl.Int64), pl.lit(0, pl.Int64)
    return table.select("customer_id", *((whole if window == name else none).alias(name) for name in WINDOWS))


def _check(table: pl.DataFrame, feature: str, window: str) -> None:
    dtype, count = table["count"].dtype, pl.col("count")
    if not (dtype.is_numeric() or dtype == pl.Null):
        raise DataError(f"is {dtype} in {window!r}, not a number.", column=feature)
    whole = (count >= 0) & (count.cast(pl.Float64) % 1 == 0)  # the remainder of infinity is none
    for who, found in table.filter(~whole.fill_null(False)).head(1).iter_rows():
        problem = f"{found} in {window!r} (customer {who!r}) is not a whole number from 0 up. Take a column of counts."
        raise DataError(problem, column=feature)
    for who in table.filter(pl.col("customer_id").is_duplicated())["customer_id"].head(1):
        raise DataError(f"{who!r} is there twice in {window!r}. Give one row for each.", column="customer_id")


def _judged(counts: pl.DataFrame, fdr: float) -> pl.DataFrame:
    """Counts of both windows -> who declined."""
    from scipy.stats import false_discovery_control

    pairs = counts.group_by(WINDOWS).agg(customers=pl.len()).sort(WINDOWS)
    judged = counts.join(_with_chances(pairs), on=WINDOWS).sort("p", "customer_id")
    p, p_of_none = judged["p"].to_numpy(), judged["p_of_none"].to_numpy()
    reason = np.where(np.isnan(p), "few_customers", np.where(p_of_none > fdr, "too_rare", ""))
    q, tested = np.full(len(p), np.nan), reason == ""
    q[tested] = false_discovery_control(p[tested]) if tested.any() else 0
    return judged.select(
        "customer_id",
        *WINDOWS,
        ((pl.col("before") + pl.col("after")) / 2).alias("expected"),
        "p",
        pl.Series("q", q, nan_to_null=True),
        pl.Series("declined", tested & (q <= fdr)),
        pl.Series("reason", reason, pl.String),
    )


def _with_chances(pairs: pl.DataFrame) -> pl.DataFrame:
    """Chances of an unchanged customer, for each pair of counts: ``p``, and ``p_of_none`` of 0 in the last window."""
    before, after = (pairs[name].to_numpy() for name in WINDOWS)
    unsteadiness = _unsteadiness(before, after, pairs["customers"].to_numpy())
    if unsteadiness is None:
        unknown = pl.lit(None, pl.Float64)
        return pairs.with_columns(p=unknown, p_of_none=unknown)
    both = before + after
    p_of_none = np.exp(_log_chance(np.zeros_like(both), both, unsteadiness))
    return pairs.with_columns(p=pl.Series(_at_most(before, after, unsteadiness)), p_of_none=pl.Series(p_of_none))


def _unsteadiness(before: Counts, after: Counts, customers: Counts) -> Unsteadiness | None:
    """Drift and burst of customers who did not fall, of the less busy half where they suffice; None where few tell."""
    both, busiest = before + after, max(before.max(initial=0), after.max(initial=0))
    held = (after >= before) & (before > 0) & (both >= TELLING)
    for learners in (held & (both <= busiest), held):
        if customers[learners].sum() >= LEARNED_FROM:
            return _likeliest(after[learners], both[learners], customers[learners])
    return None


def _likeliest(up: Counts, both: Counts, customers: Counts) -> Unsteadiness:
    """Drift and burst for which these counts in the last window are likeliest, if it holds half of both or more."""
    from scipy.optimize import minimize

    def cost(logs: Floats) -> float:
        unsteadiness = tuple(np.exp(logs))
        tie = np.where(both % 2 == 0, np.exp(_log_chance(both // 2, both, unsteadiness)), 0)
        possible = (1 + tie) / 2 - np.exp(_log_chance(both, both, unsteadiness))
        likelihood = customers @ (_log_chance(up, both, unsteadiness) - np.log(possible))
        return -float(likelihood + logs.sum())

    drift, burst = np.exp(minimize(cost, np.log(TYPICAL), method="Nelder-Mead", bounds=np.log(BOUNDS)).x)
    return float(drift), float(burst)


def _at_most(before: Counts, after: Counts, unsteadiness: Unsteadiness) -> Floats:
    """Chance of ``after`` or less of both, summed over the shorter tail."""
    both, last = before + after, np.minimum(after, before - 1)
    tail = np.zeros(len(both))
    for total in np.unique(both[last >= 0]):
        rows = (both == total) & (last >= 0)
        chances = np.exp(_log_chance(np.arange(last[rows].max() + 1), total, unsteadiness))
        tail[rows] = np.cumsum(chances)[last[rows]]
    return np.where(after < before, tail, 1 - tail)


def _log_chance(count: Counts, both: Counts, unsteadiness: Unsteadiness) -> Floats:
    """Log of the beta-binomial chance of a count in the last window, given that of both."""
    from scipy.special import betaln

    drift, burst = unsteadiness
    shape = np.maximum(both, 1) * (1 - drift) / (2 * (burst + drift * both))
    ways = -np.log1p(both) - betaln(count + 1, both - count + 1)
    chance: Floats = ways + betaln(count + shape, both - count + shape) - betaln(shape, shape)
    return chance
