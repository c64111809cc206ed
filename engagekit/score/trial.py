"""The score on trial: whether it tells who leaves, and better than the days since they last came."""

import datetime as dt
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.churn.dataset import churn_dataset
from engagekit.churn.statistics import Order, Ranking, mean_of
from engagekit.customers.features import OUTCOMES
from engagekit.customers.slopes import trailing_slopes
from engagekit.errors import DataError
from engagekit.frames.engine import collected
from engagekit.frames.times import days_later, days_long
from engagekit.metrics.intervals import rate_interval, wilson_interval
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ends_by
from engagekit.score.components import component_rows
from engagekit.score.scorecard import SCALE, SEGMENTS, Scorecard

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEWEST", "NOTICEABLE", "PREDICTORS", "VERDICTS", "Trial", "trial"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VERDICTS = ("better_than_recency", "no_better_than_recency", "does_not_predict", "too_few")
FEWEST = 50  # customers who left, and who stayed: fewer tell too little
FEWEST_ON_A_DATE = 5  # of either; dates with fewer tell nothing of their own
NOTICEABLE = 0.55  # ROC AUC that a score must reach to be of use
DECILES = 10
MOST_FITTED = 100_000  # rows
PREDICTORS = ("score", "slope", "both", "recency", "frequency", "base_rate")
DIFFERENCE = ("difference", "difference_low", "difference_high")
STATISTICS = ("roc_auc", "average_precision", "lift", "value_correlation")
BASELINE = "recency"
UNSCORED = ""


@dataclass(frozen=True)
class Trial:
    """What the trial of a score found. Every interval is of 95 %, over customers.

    Attributes
    ----------
    verdict : str
        - ``too_few``: fewer than ``FEWEST`` customers with a score left, or stayed, on the dates that count;
        - ``does_not_predict``: the ROC AUC of the score is below ``NOTICEABLE``, or its interval is not above 0.5;
        - ``no_better_than_recency``: it predicts, but the interval of its ROC AUC less that of the days since the last
          interaction is not above 0;
        - ``better_than_recency``: it is.
    dates, unfinished : list of datetime
        Dates that were tried, and dates left out because their horizon is not over.
    customers, churned : int
        Different customers who were at risk on one of the dates, and who of them left after one.
    segments : pandas.DataFrame
        ``segment`` (empty for those at risk without a score); ``customers``; ``n``, rows, of which a customer has one
        at each date; ``churned`` rows; the churn rate ``value`` with ``low`` and ``high``; and ``score_mean``.
    deciles : pandas.DataFrame
        The same by tenth of the scores of each date, ``decile`` 1 the lowest.
    falls : bool
        Whether churn is lower in every segment than in the one below it, leaving out segments without rows; and no
        decile has surely more than the one below it. False where two cannot be compared.
    predictors : pandas.DataFrame
        ``predictor``: the ``score``, its ``slope`` over the last four dates, ``both``, and the baselines ``recency``,
        ``frequency`` and ``base_rate``; ``statistic``: ``roc_auc``, ``average_precision``, ``lift`` (of the tenth with
        the highest risk) and ``value_correlation`` (Spearman's, with the revenue of the horizon); ``value, low, high``;
        ``difference`` from recency on the same rows, with ``difference_low`` and ``difference_high``; ``dates``, how
        many were tried: ``both`` needs weights, which are fitted on earlier dates and tried on the last.
    weights : pandas.DataFrame
        ``feature``; its ``declared`` share of the weights and the share ``fitted`` on dates whose horizon ended on or
        before the last date, NaN where there is none; and by itself the ``roc_auc`` and ``value_correlation`` of the
        component, of customers of whom it is known, with ``_low`` and ``_high``.
    gain : tuple of float
        ROC AUC of the fitted weights less that of the declared ones on the last date, low and high; NaN without.
    """

    verdict: str
    dates: list[dt.datetime]
    unfinished: list[dt.datetime]
    customers: int
    churned: int
    segments: "pd.DataFrame"
    deciles: "pd.DataFrame"
    falls: bool
    predictors: "pd.DataFrame"
    weights: "pd.DataFrame"
    gain: tuple[float, float, float]

    def told(self, predictor: str, statistic: str = "roc_auc") -> dict[str, float]:
        """Numbers of a row of ``predictors``."""
        frame = self.predictors
        row = frame[(frame["predictor"] == predictor) & (frame["statistic"] == statistic)].iloc[0]
        return {name: float(row[name]) for name in ("value", "low", "high", *DIFFERENCE, "dates")}


def trial(
    scorecard: Scorecard,
    history: History,
    dates: Iterable[dt.datetime],
    horizon: str = "84d",
    *,
    window: str = "84d",
    as_of: dt.datetime | None = None,
    contractual: bool = False,
    grace: str | None = None,
) -> Trial:
    """Score the customers at risk on past dates, and see who left.

    Parameters
    ----------
    scorecard : Scorecard
        On trial.
    history : History
        With ``interactions`` and, if ``contractual``, ``subscriptions``.
    dates : iterable of datetime
        When to score; several weeks or months apart, one at least. Those whose horizon is not over are left out.
    horizon : str, default "84d"
        Days ahead. Churned is who was at risk on the date and did nothing in them; with a contract, whose was over at
        their end. At risk is who did something in as many days before the date; with a contract, whose ran on it.
    window : str, default "84d"
        Days that the score looks back on.
    as_of : datetime, optional
        End of the data; by default the last interaction.
    contractual : bool, default False
        Whether customers are lost when their paid periods end.
    grace : str, optional
        Days within which a late renewal of a contract still counts as one.

    Returns
    -------
    Trial
        The verdict, and what it stands on.

    Raises
    ------
    DataError
        A column or table is absent.
    ValueError
        There is no date, ``horizon`` or ``window`` is no number of days, or one of dates and times lacks a zone.

    Notes
    -----
    Figures are taken of each date by itself and averaged, weighted by the customers at risk: customers are compared
    with others on the same day. A date on which fewer than five left, or stayed, tells nothing of churn. Their
    intervals are linear approximations over customers, who count once however many dates they are in;
    ``benchmarks/trial.py`` shows how often they hold the truth. Each score is made of what was known
    on its date. The fitted weights are those of a logistic regression of who left on the components, none below 0.

    Examples
    --------
    Customers who come daily stay, the others leave, all were last seen on the same day:

    >>> from datetime import datetime, timedelta
    >>> from engagekit.score.scorecard import Component
    >>> start, loyal = datetime(2026, 1, 1), [f"loyal {n}" for n in range(60)]
    >>> seen = pl.concat([
    ...     pl.DataFrame({"customer_id": loyal, "time": start + timedelta(days=day)}) for day in (0, 5, 27, 40)
    ... ] + [pl.DataFrame({"customer_id": [f"other {n}" for n in range(60)], "time": start + timedelta(days=27)})])
    >>> history = History({"interactions": seen.with_columns(action=pl.lit("view"))})
    >>> found = trial(Scorecard((Component("active_days", 1, 0, 3),)), history, [datetime(2026, 1, 29)], "28d",
    ...     window="28d", as_of=datetime(2026, 3, 1))
    >>> found.verdict, found.told("score")["value"], found.told("recency")["value"]
    ('better_than_recency', 1.0, 0.5)
    """
    wished, length = sorted(set(dates)), days_long("horizon", horizon)
    if not wished:
        raise ValueError("dates: there is none, and there must be one at least")
    end = as_of or history.ends()
    spare = days_long("grace", grace if contractual else None)
    tried = list(ends_by(wished, length + spare, end))
    rows = pl.DataFrame(schema=_schema(scorecard))
    if tried:
        at_risk = churn_dataset(history, tried, horizon, window=window, as_of=end, contractual=contractual, grace=grace)
        rows = _scored(scorecard, at_risk)
    return _judged(scorecard, rows, tried, [date for date in wished if date not in tried], length)


def _schema(scorecard: Scorecard) -> dict[str, Any]:
    numbers = ["score", "coverage", "recency_days", "interactions", "slope", "next_value"]
    shares = [f"{name}_points" for name in scorecard.features]
    kinds = {"customer": pl.UInt32, "date": pl.Datetime("us"), "segment": pl.String, "churned": pl.Boolean}
    return kinds | dict.fromkeys([*numbers, *shares], pl.Float64)


def _scored(scorecard: Scorecard, at_risk: Any) -> pl.DataFrame:
    """One row for each customer at risk on each date: the score then, and what came of them."""
    for name in OUTCOMES:
        if name in scorecard.features:
            raise DataError("is what came later, and no feature of a score.", column=name)
    keep = ["recency_days", "interactions", "churned", "next_value"]
    rows = component_rows(at_risk, scorecard.features, ["customer_id", "date", *keep])
    table = collected(rows).sort("date", "customer_id")
    scored: pl.DataFrame = scorecard.score(table, keep=keep)
    customer = (pl.col("customer_id").rank("dense") - 1).cast(pl.UInt32)
    return (
        scored.with_columns(customer=customer, slope=trailing_slopes(scored))
        .select(list(_schema(scorecard)))
        .sort("date", "customer")
    )


def _judged(
    scorecard: Scorecard,
    rows: pl.DataFrame,
    tried: list[dt.datetime],
    unfinished: list[dt.datetime],
    length: dt.timedelta,
) -> Trial:
    """Rows of customers at risk -> what they say of the score."""
    scored = rows.drop_nulls("score").partition_by("date", maintain_order=True)
    days = [_Day(scorecard, day) for day in scored]
    left, stayed = (_customers([day for day in days if _tells(day.churned)], gone) for gone in (True, False))
    earlier = [day for day in days if days_later(day.date, length) <= days[-1].date]
    fitted = _fitted([day.design for day in earlier], earlier)
    predictors = _predictors(days, earlier)
    segments = _rates(rows.with_columns(pl.col("segment").fill_null(UNSCORED)), "segment", [*SEGMENTS, UNSCORED])
    deciles = _rates(_in_deciles(rows), "decile", range(1, DECILES + 1))
    return Trial(
        _verdict(predictors) if min(left, stayed) >= FEWEST and days else "too_few",
        tried,
        unfinished,
        rows["customer"].n_unique(),
        rows.filter("churned")["customer"].n_unique(),
        segments,
        deciles,
        _falls(segments[segments["segment"] != UNSCORED], deciles),
        predictors,
        _weighed(scorecard, days, fitted),
        _gain(scorecard, days, fitted),
    )


def _tells(churned: Bools) -> bool:
    return bool(min(churned.sum(), len(churned) - churned.sum()) >= FEWEST_ON_A_DATE)


def _customers(days: list["_Day"], gone: bool) -> int:
    """Different customers who left, or who stayed."""
    return len(set().union(*(day.customer[day.churned == gone].tolist() for day in days)))


class _Day:
    """Customers with a score who were at risk on one date."""

    def __init__(self, scorecard: Scorecard, rows: pl.DataFrame) -> None:
        self.date: dt.datetime = rows["date"][0]
        self.customer = rows["customer"].to_numpy().astype(int)
        self.churned: Bools = rows["churned"].to_numpy()
        slope = _numbers(rows["slope"])
        self.sloped = not np.isnan(slope).all()
        self.slope = np.nan_to_num(slope)  # one score shows no change
        self.level = _numbers(rows["score"])
        self.shares = _shares(scorecard, rows)
        score = self.level[:, None] / SCALE  # what the others make of a component that is not known
        self.design = np.where(np.isnan(self.shares), score, self.shares)
        self.design[:, np.isnan(self.shares).all(axis=0)] = 0
        self.money = _numbers(rows["next_value"])
        self.worth = None if np.isnan(self.money).any() else Order(self.money)
        self.risks = {
            "score": -self.level,
            "slope": -self.slope,
            BASELINE: _numbers(rows["recency_days"]),
            "frequency": -_numbers(rows["interactions"]),
            "base_rate": np.zeros(rows.height),
        }

    def ranked(self, risk: Floats) -> dict[str, Ranking]:
        """All statistics of a risk, of those of whom it is known."""
        known = ~np.isnan(risk)
        order, churned = Order(risk[known]), self.churned[known]
        found = {name: getattr(order, name)(churned) for name in STATISTICS[:-1]} if _tells(churned) else {}
        if self.worth is not None:
            falls = order.correlation(self.worth if known.all() else Order(self.money[known]))
            found[STATISTICS[-1]] = Ranking(-falls.value, -falls.influence)
        for name, each in found.items():
            influence = np.zeros(len(risk))
            influence[known] = each.influence
            found[name] = Ranking(each.value, influence)
        return found


Ranked = list[tuple[_Day, dict[str, Ranking]]]


def _ranked(days: list[_Day], risks: list[Floats]) -> Ranked:
    """All statistics of a risk on many dates, several at once: sorting is most of it."""
    with ThreadPoolExecutor() as pool:
        return list(zip(days, pool.map(_Day.ranked, days, risks), strict=True))


def _shares(scorecard: Scorecard, rows: pl.DataFrame) -> Floats:
    """Components between 0 and 1; NaN where one is not known. Rounded, so that equal ones are ties."""
    coverage = _numbers(rows["coverage"])
    weights = scorecard.weights.items()
    points = {name: _numbers(rows[f"{name}_points"]) * coverage for name, _ in weights}
    return np.column_stack([np.round(points[name] / (SCALE * weight), 6) for name, weight in weights])


def _predictors(days: list[_Day], earlier: list[_Day]) -> "pd.DataFrame":
    """Every statistic of every predictor, and its difference from the baseline."""
    import pandas as pd

    ranked = {}
    for name in PREDICTORS:
        counted = [day for day in days if day.sloped or name != "slope"]
        ranked[name] = [] if name == "both" else _ranked(counted, [day.risks[name] for day in counted])
    size = np.std(np.concatenate([day.slope for day in earlier])) if earlier else 0.0
    pairs = {id(day): np.column_stack([day.level / SCALE, day.slope / (size or 1.0)]) for day in [*earlier, *days[-1:]]}
    weights = _fitted([pairs[id(day)] for day in earlier], earlier)
    ranked["both"] = [] if weights is None else [(days[-1], days[-1].ranked(-pairs[id(days[-1])] @ weights))]
    found = []
    for name in PREDICTORS:
        for statistic in STATISTICS:
            base = {id(day): each for day, each in ranked[BASELINE]}
            own = [(day, each[statistic]) for day, each in ranked[name] if statistic in each]
            beside = [(day, each - base[id(day)][statistic]) for day, each in own]
            numbers = dict(zip(("value", "low", "high"), _averaged(own), strict=True))
            numbers |= dict(zip(DIFFERENCE, _averaged(beside) if name != BASELINE else [np.nan] * 3, strict=True))
            found.append({"predictor": name, "statistic": statistic, **numbers, "dates": len(own)})
    return pd.DataFrame(found)


def _averaged(ranked: list[tuple[_Day, Ranking]]) -> tuple[float, float, float]:
    """Mean over the dates where it is defined, weighted by their customers, and its interval; else NaN."""
    known = [(day, each) for day, each in ranked if not np.isnan(each.value)]
    if not known:
        return np.nan, np.nan, np.nan
    mean = mean_of([each for _, each in known], [len(day.customer) for day, _ in known])
    return mean.value, *mean.interval(np.concatenate([day.customer for day, _ in known]))


def _fitted(designs: list[Floats], days: list[_Day]) -> Floats | None:
    """Weights, none below 0, of a logistic regression of staying; None where nobody or everybody stayed."""
    from scipy.optimize import minimize
    from scipy.special import expit

    stayed = ~np.concatenate([day.churned for day in days]) if days else np.array([], bool)
    if not 0 < stayed.sum() < len(stayed):
        return None
    step = -(-len(stayed) // MOST_FITTED)
    x, y = np.vstack(designs)[::step], stayed[::step]

    def loss(weights: Floats) -> tuple[float, Floats]:
        logit = weights[0] + x @ weights[1:]
        wrong = expit(logit) - y
        return float(np.mean(np.logaddexp(0, logit) - y * logit)), np.r_[wrong.mean(), wrong @ x / len(y)]

    bounds = [(None, None)] + [(0, None)] * x.shape[1]
    found: Floats = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds).x[1:]
    return found if found.sum() > 0 else None


def _weighed(scorecard: Scorecard, days: list[_Day], fitted: Floats | None) -> "pd.DataFrame":
    """Declared and fitted shares of the weights, and what each component tells by itself."""
    import pandas as pd

    found = []
    for number, (name, declared) in enumerate(scorecard.weights.items()):
        row = {"feature": name, "declared": declared}
        blank = all(np.isnan(day.shares[:, number]).all() for day in days)
        row["fitted"] = np.nan if fitted is None or blank else fitted[number] / fitted.sum()
        ranked = _ranked(days, [-day.shares[:, number] for day in days])
        for statistic in ("roc_auc", "value_correlation"):
            numbers = _averaged([(day, each[statistic]) for day, each in ranked if statistic in each])
            row |= dict(zip((statistic, f"{statistic}_low", f"{statistic}_high"), numbers, strict=True))
        found.append(row)
    return pd.DataFrame(found)


def _gain(scorecard: Scorecard, days: list[_Day], fitted: Floats | None) -> tuple[float, float, float]:
    """ROC AUC of the fitted weights less that of the declared ones, both over all components, on the last date."""
    if fitted is None:
        return np.nan, np.nan, np.nan
    last, declared = days[-1], np.array(list(scorecard.weights.values()))
    ours, theirs = (Order(-last.design @ weights).roc_auc(last.churned) for weights in (fitted, declared))
    return _averaged([(last, ours - theirs)])


def _in_deciles(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the tenth of their date's scores that theirs is in."""
    known = rows.drop_nulls("score")
    place = (pl.col("score").rank("average").over("date") - 0.5) / pl.len().over("date")  # equals share a tenth
    return known.with_columns(decile=(place * DECILES).floor().cast(pl.Int64) + 1)


def _rates(rows: pl.DataFrame, by: str, groups: Iterable[Any]) -> "pd.DataFrame":
    """Churn rate of each group, with an interval over customers."""
    units = rows.group_by(by, "customer").agg(x=pl.col("churned").sum().cast(pl.Float64), y=pl.len().cast(pl.Float64))
    x, y = pl.col("x"), pl.col("y")
    sums = units.group_by(by).agg(
        customers=pl.len(), x=x.sum(), y=y.sum(), xx=(x * x).sum(), xy=(x * y).sum(), yy=(y * y).sum()
    )
    sums = sums.join(rows.group_by(by).agg(score_mean=pl.col("score").mean()), on=by)
    every = pl.DataFrame({by: list(groups)}, schema={by: sums.schema[by]})
    table = every.join(sums, on=by, how="left", maintain_order="left")
    low, high = rate_interval(table["x"], table["y"], table["xx"], table["xy"], table["yy"])
    counts = {"customers": pl.col("customers"), "n": y, "churned": x}
    rate = table["x"] / table["y"]
    alone = wilson_interval(rate * table["customers"], table["customers"])
    low, high = (np.where(np.isnan(one), other, one) for one, other in zip((low, high), alone, strict=True))
    whole = {name: count.fill_null(0).cast(pl.Int64) for name, count in counts.items()}
    bounds = {"low": pl.Series(low), "high": pl.Series(high)}
    return table.select(by, **whole, value=x / y, **bounds, score_mean="score_mean").to_pandas()


def _falls(segments: "pd.DataFrame", deciles: "pd.DataFrame") -> bool:
    """Whether churn falls from segment to segment, and rises beyond noise from no decile to the next."""
    rates = segments["value"].dropna().to_numpy()
    low, high = deciles["low"].dropna().to_numpy(), deciles["high"].dropna().to_numpy()
    return len(rates) > 1 and bool((np.diff(rates) < 0).all() and (low[1:] <= high[:-1]).all())


def _verdict(predictors: "pd.DataFrame") -> str:
    score = predictors[(predictors["predictor"] == "score") & (predictors["statistic"] == "roc_auc")].iloc[0]
    if np.isnan(score["value"]):
        return "too_few"
    if not (score["value"] >= NOTICEABLE and score["low"] > 1 / 2):
        return "does_not_predict"
    return "better_than_recency" if score["difference_low"] > 0 else "no_better_than_recency"


def _numbers(column: pl.Series) -> Floats:
    found: Floats = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return found
