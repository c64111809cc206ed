"""Budget split: what to spend on each campaign in the next period, how sure that is, and which to stop."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engagekit.decisions.response import INTERVAL, ResponseCurves
from engagekit.errors import DataError, did_you_mean
from engagekit.metrics.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["best_split", "budget_split"]

NEARLY_ALL = 0.9  # of the draws
ROUNDING = 1e-9  # share of the total


def budget_split(
    curves: ResponseCurves,
    total: float | None = None,
    minimum: Mapping[str, float] | None = None,
    maximum: Mapping[str, float] | None = None,
) -> "pd.DataFrame":
    """Split of a budget over campaigns that has the highest expected result in the next period.

    Expected is the mean over the draws of the curves. A campaign without a curve keeps its share of what was spent in
    the last period, within its bounds; one that had spend and no result gets its minimum. A campaign without spend in
    the last period has ended: it gets nothing, unless a bound names it or no campaign had spend.

    Parameters
    ----------
    curves : ResponseCurves
    total : float, optional
        Money of all campaigns together in a period of ``curves.days``; by default that of the last period, or what is
        nearest to it within the bounds.
    minimum, maximum : mapping of str to float, optional
        Bounds of campaigns, in money a period; by default 0 and no bound.

    Returns
    -------
    pandas.DataFrame
        A row a campaign: its name, ``spend_now``, ``recommended``; ``low`` and ``high``, between which the best split
        lies in 95 % of the draws; ``result_now, result_expected, result_low, result_high`` at the present and the
        recommended spend; ``marginal``, the result of the next unit of money there; ``beyond``: ``above`` or ``below``
        where the recommended spend is outside the range that was tried; ``action``; and the curve's ``reason``. The
        action is ``raise`` or ``lower`` where the present spend is outside the interval, and ``keep`` where it is
        within or no gain from the same money is clear; ``stop`` if the best spend is 0 in nine of ten draws, because
        its first unit of money gives less than the last one elsewhere, or if there was spend and no result; else empty,
        as where the reason is ``ended``. Without a total and without spend in the last period, or with fewer than two
        curves of campaigns that have not ended, nothing is recommended except to stop, and the other numbers are NaN.
        ``attrs`` have ``total``; ``gain, gain_low, gain_high``, what the campaigns with a curve are expected to give
        more than the same money in its present shares; and ``reason``: ``no_present_spend``, ``too_few_curves`` or
        empty.

    Raises
    ------
    DataError
        A campaign of ``minimum`` or ``maximum`` does not exist.
    ValueError
        A bound is negative, a minimum is above its maximum, or the total is out of reach of the bounds.

    Notes
    -----
    Sequential quadratic programming (SciPy's SLSQP) from the mean of the draws' own best splits, which
    ``best_split`` gives in closed form.

    Examples
    --------
    A gives twice the leads of B at any spend:

    >>> import polars as pl
    >>> from engagekit.decisions.response import fit_response
    >>> spend = [20.0, 30.0, 50.0, 75.0, 100.0, 150.0]
    >>> ads = pl.DataFrame({"campaign": ["A"] * 6 + ["B"] * 6, "spend": spend * 2,
    ...     "leads": [ceiling * each / (50 + each) for ceiling in (200, 100) for each in spend]})
    >>> split = budget_split(fit_response(ads, "leads"), total=120)
    >>> split[["campaign", "recommended", "action"]].round(0).to_numpy().tolist()
    [['A', 79.0, 'lower'], ['B', 41.0, 'lower']]
    """
    table, names = curves.table, curves.table[curves.by].tolist()
    low, high = (_bounds(word, wish, names, curves.by) for word, wish in (("minimum", minimum), ("maximum", maximum)))
    now, fitted = table["spend_now"].to_numpy(float), (table["reason"] == "").to_numpy()
    named = table[curves.by].isin([*(minimum or {}), *(maximum or {})]).to_numpy()
    ended = (now <= 0) & ~named & (table["reason"] != "no_spend").to_numpy() & (total is None or now.sum() > 0)
    useless, high = (table["reason"] == "no_results").to_numpy() & ~ended, np.where(ended, 0.0, high)
    few = "" if (fitted & ~ended).sum() > 1 else "too_few_curves"
    attrs: dict[Any, Any] = dict.fromkeys(("gain", "gain_low", "gain_high"), np.nan)
    attrs |= {"reason": "no_present_spend" if total is None and not now.sum() else few}
    total, kept = _kept(total, now, low, high, fitted, useless)
    attrs["total"] = total
    split = table[[curves.by, "spend_now"]].assign(**dict.fromkeys(("recommended", "low", "high"), np.nan))
    stop = useless & (low == 0) & (now > 0)
    if not attrs["reason"]:
        free = _free_money(total, kept[~fitted].sum(), low[fitted], high[fitted])
        best, draws, stop[fitted] = _optimum(curves, free, low[fitted], high[fitted])
        rows = np.repeat(kept[:, None], 3, axis=1)
        rows[fitted] = np.column_stack([best, *np.quantile(draws, INTERVAL, axis=0)])
        split = split.assign(**dict(zip(("recommended", "low", "high"), rows.T, strict=True)))
        attrs |= _gain(curves, best, now[fitted])
        stop &= now > 0
    split.loc[stop, "recommended"] = 0.0
    split = _with_results(curves, split, table)
    split["action"] = np.where(ended, "", _actions(split, stop, attrs))
    split["reason"] = table["reason"].mask(ended, "ended")
    split.attrs = attrs
    return split


def best_split(ceilings: Floats, halves: Floats, total: float, minimum: Floats, maximum: Floats) -> Floats:
    """Split of a total that maximises Σ ceiling · spend / (half + spend), in money, one for each row of curves.

    Parameters
    ----------
    ceilings, halves : ndarray
        A row a set of curves, a column a campaign; above 0.
    total : float
        From the sum of the minima to that of the maxima.
    minimum, maximum : ndarray
        Of each campaign.

    Returns
    -------
    ndarray
        In the shape of ``ceilings``.

    Notes
    -----
    At the optimum all campaigns within their bounds have the same marginal result 1/u², so that spend =
    u √(ceiling · half) − half, held within the bounds. Its sum rises piecewise linearly in u: the solution is exact.

    Examples
    --------
    >>> even = best_split(np.array([[100.0, 100.0]]), np.array([[50.0, 50.0]]), 80.0, np.zeros(2), np.full(2, 80.0))
    >>> even.tolist()
    [[40.0, 40.0]]
    """
    slope, highest = np.sqrt(ceilings * halves), np.minimum(maximum, total)

    def spend(u: Floats) -> Floats:
        return np.clip(u[..., None] * slope[:, None] - halves[:, None], minimum, highest)

    edges = np.sort(np.concatenate([(minimum + halves) / slope, (highest + halves) / slope], axis=1), axis=1)
    sums, rows = spend(edges).sum(axis=2), np.arange(len(edges))
    place = np.clip((sums < total).sum(axis=1), 1, edges.shape[1] - 1)
    below, above = sums[rows, place - 1], sums[rows, place]
    step = np.where(above > below, (total - below) / np.where(above > below, above - below, 1), 0)
    u = edges[rows, place - 1] + step * (edges[rows, place] - edges[rows, place - 1])
    return spend(u[:, None])[:, 0]


def _bounds(word: str, wish: Mapping[str, float] | None, names: list[str], by: str) -> Floats:
    """Bound of each campaign."""
    for name, money in (wish or {}).items():
        if name not in names:
            raise DataError(f"{word}: there is no {by} {name!r}. {did_you_mean(name, names)}", file="[budget]")
        if not money >= 0:
            raise ValueError(f"{word}: {money} of {name!r} must be 0 or above")
    return np.array([(wish or {}).get(name, 0.0 if word == "minimum" else np.inf) for name in names], dtype=float)


def _kept(
    total: float | None,
    now: Floats,
    low: Floats,
    high: Floats,
    fitted: NDArray[np.bool_],
    useless: NDArray[np.bool_],
) -> tuple[float, Floats]:
    """Total, and what each campaign gets of it in its present share; without one the nearest to the present spend."""
    if (low > high).any():
        raise ValueError("minimum: is above the maximum of the same campaign")
    if total is not None:
        _check_total(total, low, high)
    shares = now if total is None or not now.sum() else now * total / now.sum()
    kept = np.where(useless, low, np.clip(shares, low, high))
    if total is None:
        rest = kept[~fitted].sum()
        least, most = rest + low[fitted].sum(), rest + high[fitted].sum()
        total = np.clip(now.sum(), least, most) if fitted.any() else now.sum()
    return float(total), kept


def _check_total(total: float, low: Floats, high: Floats) -> None:
    """Refuse a total that no split within the bounds has."""
    if not (total > 0 and np.isfinite(total)):
        raise ValueError(f"total: {total:g} is no money to split. Give what the next period may cost")
    if total < low.sum() * (1 - ROUNDING):
        raise ValueError(f"total: {total:g} is below the sum of the minima, {low.sum():g}")
    if total > high.sum() * (1 + ROUNDING):
        raise ValueError(f"total: {total:g} is above the sum of the maxima, {high.sum():g}")


def _free_money(total: float, kept: float, low: Floats, high: Floats) -> float:
    """What campaigns with a curve share, after those without one have what they keep."""
    free = total - kept
    if not low.sum() - ROUNDING * total <= free <= high.sum() + ROUNDING * total:
        problem = f"campaigns without a curve keep {kept:g}, and the bounds of the others do not allow {free:g}"
        raise ValueError(f"total: {total:g} cannot be split: {problem}. Set a maximum or minimum for the former")
    return max(free, 0.0)


def _optimum(
    curves: ResponseCurves, total: float, low: Floats, high: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Split with the highest expected result, the best one of each draw, and which campaigns to stop."""
    draws = best_split(curves.ceilings, curves.halves, total, low, high)
    stop = (low == 0) & ((draws <= ROUNDING * total).mean(axis=0) >= NEARLY_ALL)
    stop &= total <= high[~stop].sum()
    high = np.where(stop, 0.0, high)
    start = best_split(curves.ceilings, curves.halves, total, low, high).mean(axis=0)
    return _highest_expected(curves, start, low, high) if total else start, draws, stop


def _highest_expected(curves: ResponseCurves, start: Floats, low: Floats, high: Floats) -> Floats:
    """Split with the same sum as ``start`` and the highest mean result over the draws."""
    from scipy.optimize import minimize

    total = start.sum()
    size = _result(curves, start).mean(axis=0).sum()
    slopes = curves.ceilings * curves.halves * total / size

    def shortfall(shares: Floats) -> tuple[float, Floats]:
        spend = shares * total
        slope = (slopes / (curves.halves + spend) ** 2).mean(axis=0)
        return -float(_result(curves, spend).mean(axis=0).sum() / size), -slope

    bounds = list(zip(low / total, np.minimum(high, total) / total, strict=True))
    sums_up = {"type": "eq", "fun": lambda shares: shares.sum() - 1, "jac": np.ones_like}
    solved = minimize(
        shortfall, start / total, jac=True, method="SLSQP", bounds=bounds, constraints=sums_up, options={"ftol": 1e-10}
    )
    best: Floats = np.clip(solved.x * total, low, high)  # of rounding
    return best


def _result(curves: ResponseCurves, spend: Floats) -> Floats:
    """Result of each draw and campaign with a curve at a spend."""
    return curves.ceilings * spend / (curves.halves + spend)


def _gain(curves: ResponseCurves, best: Floats, now: Floats) -> dict[str, float]:
    """What a split is expected to give more than the same money in its present shares."""
    if not now.sum():
        return {}
    more = (_result(curves, best) - _result(curves, now / now.sum() * best.sum())).sum(axis=1)
    low, high = np.quantile(more, INTERVAL)
    return {"gain": float(more.mean()), "gain_low": float(low), "gain_high": float(high)}


def _with_results(curves: ResponseCurves, split: "pd.DataFrame", table: "pd.DataFrame") -> "pd.DataFrame":
    """Split with what is expected of each campaign, and whether it was tried."""
    spends = zip(split[curves.by], split["spend_now"], split["recommended"], strict=True)
    at = [
        (curves.expected(name, now)[0], curves.expected(name, new), curves.marginal(name, new)[0])
        for name, now, new in spends
    ]
    expected = np.array([each for _, each, _ in at])
    above, below = split["recommended"] > table["spend_high"], split["recommended"] < table["spend_low"]
    known = (table["reason"] == "").to_numpy()
    return split.assign(
        result_now=[now for now, _, _ in at],
        result_expected=expected[:, 0],
        result_low=expected[:, 1],
        result_high=expected[:, 2],
        marginal=[marginal for _, _, marginal in at],
        beyond=np.where(above & known, "above", np.where(below & known, "below", "")),
    )


def _actions(split: "pd.DataFrame", stop: NDArray[np.bool_], attrs: Mapping[str, Any]) -> list[str]:
    """What to do with each campaign."""
    now, total = split["spend_now"], attrs["total"]
    slack = ROUNDING * total
    unclear = attrs["gain_low"] <= 0 and np.isclose(total, now.sum())
    rises, falls = (side & (not unclear) for side in (split["low"] > now + slack, split["high"] < now - slack))
    unknown = split["recommended"].isna()
    actions: list[str] = np.select([stop, unknown, rises, falls], ["stop", "", "raise", "lower"], "keep").tolist()
    return actions
