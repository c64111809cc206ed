"""How the results of each campaign rose with its spend: a saturating curve, fitted where spend varied enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from engagekit.errors import DataError, TooLittle, did_you_mean
from engagekit.frames.engine import collected, column_names, to_narwhals
from engagekit.metrics.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEWEST_PERIODS", "INTERVAL", "RESULTS", "ResponseCurves", "fit_response"]

RESULTS = ("leads", "conversions", "revenue")
TIMES = ("starts_at", "ends_at")
FEWEST_PERIODS, LEAST_FACTOR = 6, 2.0
CONFIDENCE = 0.975  # that results rise with spend, one-sided
INTERVAL = (0.025, 0.975)
DAY_S = 86_400
DRAWS = 400
GRID = np.linspace(-4, 4, 1601)  # logarithm of the half point over the usual spend; its prior is the normal one
EXACT = 1e-8  # squared relative scatter below which results lie on the curve
EXPECTED = 3.0  # results that a campaign without any would have had at the others' cost: none has a chance of 5 %


@dataclass(frozen=True, eq=False)
class ResponseCurves:
    """Results of campaigns as functions of their spend: ceiling · spend / (half_spend + spend).

    Attributes
    ----------
    by : {"campaign", "channel"}
    result : {"leads", "conversions", "revenue"}
    days : float
        Length of the last period, to which spend and results of all periods are scaled; NaN without dates.
    table : pandas.DataFrame
        A row a campaign: its name; ``periods`` with spend, and ``left_out`` ones (spend blank or 0, result blank);
        ``spend_low, spend_high``, the range that was tried; ``spend_now``, in the last ``days`` of all; ``ceiling`` and
        ``half_spend``, the spend at which half the ceiling is reached, with ``_low`` and ``_high``; and the ``reason``
        where these are NaN: ``no_spend``, ``no_results``, ``too_few`` (periods), ``little_variation`` (of spend) or
        ``not_rising`` (results did not rise with spend).
    periods : pandas.DataFrame
        What the curves were fitted to: name, ``spend``, ``result``.
    ceilings, halves : ndarray
        Draws from the distribution of the estimates: a row a draw, a column a campaign with a curve.

    Examples
    --------
    >>> spend = [20.0, 30.0, 50.0, 75.0, 100.0, 150.0]  # no scatter, so no uncertainty
    >>> ads = pl.DataFrame({"campaign": "A", "spend": spend, "leads": [100 * each / (50 + each) for each in spend]})
    >>> curves = fit_response(ads, "leads")
    >>> curves.fitted, [round(number) for number in curves.expected("A", 50.0)]
    (['A'], [50, 50, 50])
    >>> [round(number, 2) for number in curves.marginal("A", 50.0)], len(curves.draws("A", 50.0)[0])
    ([0.5, 0.5, 0.5], 400)
    """

    by: str
    result: str
    days: float
    table: "pd.DataFrame"
    periods: "pd.DataFrame"
    ceilings: Floats
    halves: Floats

    @property
    def fitted(self) -> list[str]:
        """Campaigns with a curve, in the order of the draws' columns."""
        names: list[str] = self.table.loc[self.table["reason"] == "", self.by].tolist()
        return names

    def expected(self, campaign: str, spend: float) -> tuple[float, float, float]:
        """Result that is expected of a spend in a period: mean, low and high; NaN without a curve."""
        return _summary(self.draws(campaign, spend)[0])

    def marginal(self, campaign: str, spend: float) -> tuple[float, float, float]:
        """Result of the next unit of money at a spend: mean, low and high; NaN without a curve."""
        return _summary(self.draws(campaign, spend)[1])

    def draws(self, campaign: str, spend: float) -> tuple[Floats, Floats]:
        """Draws of the result at a spend, and of the result of the next unit of money; empty without a curve."""
        if campaign not in self.fitted:
            return np.empty(0), np.empty(0)
        place = self.fitted.index(campaign)
        ceiling, half = self.ceilings[:, place], self.halves[:, place]
        return ceiling * spend / (half + spend), ceiling * half / (half + spend) ** 2


def fit_response(frame: Any, result: str = "conversions", by: str = "campaign", *, seed: int = 0) -> ResponseCurves:
    """Fit a saturating curve to the results of each campaign's periods, each period scaled to the length of the last.

    What the curve says is what went with spend. Spend that was raised when demand was high makes it too steep.

    Parameters
    ----------
    frame : frame of any kind
        The table ``campaigns``: ``campaign`` or ``channel``, ``spend``, the result and, where given, ``starts_at,
        ends_at, currency``. Rows of one campaign and period are added up. Without dates each row is a period of the
        same length, the last row the last one.
    result : {"conversions", "leads", "revenue"}
    by : {"campaign", "channel"}
    seed : int, default 0
        Of the draws.

    Returns
    -------
    ResponseCurves
        A campaign has a curve if it has 6 periods with spend and a result, the highest spend is at least twice the
        lowest, and results rose with spend (one-sided 97.5 % by Spearman's rank correlation).

    Raises
    ------
    TooLittle
        No row has a name and a period.
    DataError
        A column is absent or holds no numbers or no dates, spend or result is negative or infinite, or there are two
        currencies.
    ValueError
        There is no such result.

    Notes
    -----
    Michaelis-Menten, which is Hill's curve with exponent 1. Scatter is taken to grow with the mean: for a half point h,
    r = result · (h + spend) / spend is the ceiling in each of n periods, its mean the estimate, and its squared
    coefficient of variation v(h) measures the misfit. The density of h is proportional to v(h)^(-(n-1)/2), as of a
    normal error of unknown size, times a log-normal prior around the geometric mean of the spend with σ = 1 of the
    logarithm. The prior is weak where the data bend, and keeps the half point near the spend that was tried where they
    hardly do. Draws are quantiles of this density, and of Student's t for the ceiling given h.

    References
    ----------
    .. [1] Jin, Y., et al. (2017). Bayesian Methods for Media Mix Modeling with Carryover and Shape Effects. Google.

    Examples
    --------
    Results on the curve 100 · spend / (50 + spend):

    >>> spend = [20.0, 30.0, 50.0, 75.0, 100.0, 150.0]
    >>> ads = pl.DataFrame({"campaign": "A", "spend": spend, "leads": [100 * each / (50 + each) for each in spend]})
    >>> curves = fit_response(ads, "leads")
    >>> curves.table[["ceiling", "half_spend"]].round().to_numpy().tolist()
    [[100.0, 50.0]]
    >>> [round(curves.expected("A", 50.0)[0]), round(curves.marginal("A", 50.0)[0], 2)]
    [50, 0.5]
    """
    if result not in RESULTS:
        raise ValueError(f"result: {result!r} is not known. {did_you_mean(result, RESULTS)}")
    periods, days = _periods(frame, result, by)
    made = {name: part for (name,), part in periods.partition_by(by, as_dict=True, include_key=False).items()}
    usable = {name: part.filter(pl.col("spend") > 0, pl.col("result").is_not_null()) for name, part in made.items()}
    spent = sum(float(part["spend"].sum()) for part in usable.values())
    achieved = [each for part in usable.values() for each in part["result"].to_list() if each > 0]
    unit = float(np.mean(achieved)) if achieved and result == "revenue" else 1.0  # what counts as one result
    enough = EXPECTED * unit / sum(achieved) if achieved else np.inf  # of what the others spent
    rows, draws = [], []
    for place, (name, part) in enumerate(usable.items()):
        reason = _unfit(part, enough * (spent - float(part["spend"].sum())))
        drawn = _draws(part, np.random.default_rng([seed, place])) if not reason else np.full((2, 1), np.nan)
        draws += [drawn] if not reason else []
        rows.append(_described(by, name, made[name], part, drawn) | {"reason": reason})
    table = pl.DataFrame(rows, schema_overrides={by: pl.String}).to_pandas()
    ceilings, halves = np.stack(draws, axis=2) if draws else np.empty((2, DRAWS, 0))
    fitted_to = pl.concat(part.select(pl.lit(name).alias(by), "spend", "result") for name, part in usable.items())
    return ResponseCurves(by, result, days, table, fitted_to.to_pandas(), ceilings, halves)


def _periods(frame: Any, result: str, by: str) -> tuple[pl.DataFrame, float]:
    """Spend and result of each campaign and period, scaled to the length of the last one; and that length in days."""
    dates = [name for name in TIMES if set(TIMES) <= set(column_names(frame))]
    rows = collected(to_narwhals(frame, [by, "spend", result], [*dates, "currency"]))
    _check_rows(rows, by, result)
    rows = rows.select(pl.col(by).cast(pl.String), pl.col("spend", result).cast(pl.Float64), *dates)
    rows = _known(rows.rename({result: "result"}).filter(pl.col(by).is_not_null())).sort(
        by, *dates, maintain_order=True
    )
    if not dates:
        last = pl.int_range(pl.len()).over(by) == pl.len().over(by) - 1
        return rows.with_columns(now=pl.when(last).then("spend")), np.nan
    summed = [pl.when(~pl.col(name).has_nulls()).then(pl.col(name).sum()).alias(name) for name in ("spend", "result")]
    rows = rows.sort("spend", "result").group_by(by, *dates, maintain_order=True).agg(summed).sort(by, *dates)
    length = (pl.col("ends_at") - pl.col("starts_at")).dt.total_seconds() / DAY_S
    rows = _known(rows.with_columns(days=length).filter(pl.col("days") > 0))
    days = float(str(rows.filter(pl.col("ends_at") == pl.col("ends_at").max())["days"].median()))
    ago = [(pl.col("ends_at").max() - pl.col(name)).dt.total_seconds() / DAY_S for name in TIMES]
    within = pl.min_horizontal(ago[0], days) - pl.min_horizontal(ago[1], days)
    scaled = rows.with_columns(now=pl.col("spend") * within / pl.col("days"))
    return scaled.with_columns(pl.col("spend", "result") * days / pl.col("days")), days


def _known(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows, of which there must be some."""
    if rows.is_empty():
        raise TooLittle("there is no row with a campaign and a period. Add one for each.", file="campaigns")
    return rows


def _check_rows(rows: pl.DataFrame, by: str, result: str) -> None:
    """Refuse text, numbers that are negative or infinite, and several currencies."""
    for column, kind in rows.schema.items():
        text = column in ("spend", result) and not (kind.is_numeric() or kind == pl.Null)
        if text or (column in TIMES and not kind.is_temporal()):
            what = "dates" if column in TIMES else "numbers"
            raise DataError(f"holds {kind}, not {what}. Convert the column.", file="campaigns", column=column)
    for column in ("spend", result):
        number = pl.col(column).cast(pl.Float64)
        for row in rows.with_row_index("row").filter((number < 0) | number.is_infinite()).head(1).to_dicts():
            wrong = "negative" if row[column] < 0 else "infinite"
            problem = f"{row[column]:g} of {row[by]!r} (row {row['row']}, counted from 0) is {wrong}. Correct it."
            raise DataError(problem, file="campaigns", column=column)
    currencies: Sequence[str] = sorted(rows["currency"].drop_nulls().unique()) if "currency" in rows.columns else ()
    if len(currencies) > 1:
        problem = f"has {' and '.join(map(str, currencies))}. Convert all spend and revenue to one currency."
        raise DataError(problem, file="campaigns", column="currency")


def _unfit(part: pl.DataFrame, enough: float) -> str:
    """Why no curve is fitted to a campaign's periods with spend; empty where one is."""
    spend, results = part["spend"].to_numpy(), part["result"].to_numpy()
    n = len(part)
    if n == 0:
        return "no_spend"
    if results.sum() == 0 and (n >= FEWEST_PERIODS or spend.sum() >= enough):
        return "no_results"
    if n < FEWEST_PERIODS:
        return "too_few"
    if spend.max() < LEAST_FACTOR * spend.min():
        return "little_variation"
    ranks = part.select(pl.col("spend", "result").rank()).to_numpy()
    scatter = ranks.std(axis=0)
    rho = np.cov(ranks.T, bias=True)[0, 1] / scatter.prod() if scatter.all() else 0.0
    rises = rho * np.sqrt((n - 2) / max(1 - rho**2, EXACT)) > stdtrit(n - 2, CONFIDENCE)
    return "" if rises else "not_rising"


def _draws(part: pl.DataFrame, rng: np.random.Generator) -> Floats:
    """Draws of a campaign's ceiling and half point, as the notes of ``fit_response`` say."""
    spend, results = part["spend"].to_numpy(), part["result"].to_numpy()
    n, log_half = len(spend), GRID + np.log(spend).mean()
    ceilings = results * (np.exp(log_half)[:, None] + spend) / spend
    mean = ceilings.mean(axis=1)
    scatter = np.maximum(ceilings.var(axis=1) / mean**2, EXACT)
    log_density = -(GRID**2) / 2 - (n - 1) / 2 * np.log(scatter)
    density = np.exp(log_density - log_density.max())
    below = (np.cumsum(density) - density / 2) / density.sum()
    even = (np.arange(DRAWS) + 0.5) / DRAWS
    drawn = np.interp(even, below, log_half)
    t = stdtrit(n - 2, even)[np.random.default_rng(0).permutation(DRAWS)]  # paired alike for all campaigns
    half_width = t * np.sqrt(np.interp(drawn, log_half, scatter) / n)
    ceiling = np.exp(np.interp(drawn, log_half, np.log(mean)) + half_width)
    return np.stack([ceiling, np.exp(drawn)])[:, rng.permutation(DRAWS)]


def _described(by: str, name: str, made: pl.DataFrame, usable: pl.DataFrame, drawn: Floats) -> dict[str, Any]:
    """Row of a campaign in the table of curves."""
    curve: dict[str, float] = {}
    for column, numbers in zip(("ceiling", "half_spend"), drawn, strict=True):
        low, high = np.quantile(numbers, INTERVAL)
        curve |= {column: float(np.median(numbers)), f"{column}_low": float(low), f"{column}_high": float(high)}
    lowest, highest = usable["spend"].min(), usable["spend"].max()
    return {
        by: name,
        "periods": len(usable),
        "left_out": len(made) - len(usable),
        "spend_low": np.nan if lowest is None else lowest,
        "spend_high": np.nan if highest is None else highest,
        "spend_now": float(made["now"].sum()),
        **curve,
    }


def _summary(numbers: Floats) -> tuple[float, float, float]:
    """Mean and interval of draws; NaN without any."""
    if not len(numbers):
        return np.nan, np.nan, np.nan
    low, high = np.quantile(numbers, INTERVAL)
    return float(numbers.mean()), float(low), float(high)
