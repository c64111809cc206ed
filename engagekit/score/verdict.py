"""The score on trial: whether it predicts who leaves, and better than the days since the last interaction."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.churn.backtest import Backtest, backtest
from engagekit.churn.candidates import OF_A_SCORE
from engagekit.churn.dataset import churn_dataset
from engagekit.churn.outcomes import FEWEST_ON_A_DATE
from engagekit.customers.features import OUTCOMES
from engagekit.customers.slopes import trailing_slopes
from engagekit.errors import DataError
from engagekit.frames.engine import collected, column_names, to_narwhals
from engagekit.frames.times import days_long
from engagekit.metrics.intervals import rate_interval, wilson_interval
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition, ends_by
from engagekit.score.components import component_rows
from engagekit.score.scorecard import SEGMENTS, Scorecard
from engagekit.score.weights import compare_weights

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEWEST", "NOTICEABLE", "VERDICTS", "Verdict", "backtest_score", "verdict", "with_scores"]

Bools = NDArray[np.bool_]

VERDICTS = ("better_than_recency", "no_better_than_recency", "does_not_predict", "predicts_backwards", "too_few")
FEWEST = 50  # customers who churned, and who stayed: fewer are not enough for a verdict
NOTICEABLE = 0.55  # ROC AUC that a score must reach to be of use
CHANCE = 0.5  # ROC AUC of a score that has nothing to do with churn
DECILES = 10
UNSCORED = ""
KEPT = ("recency_days", "interactions", "churned", "next_value")


@dataclass(frozen=True)
class Verdict:
    """Whether an engagement score predicts churn. Every interval is of 95 %, over customers.

    Attributes
    ----------
    verdict : str
        - ``too_few``: fewer than ``FEWEST`` customers with a score left, or stayed, on the dates that count;
        - ``predicts_backwards``: customers with the higher scores leave: the ROC AUC of the score is at most
          1 - ``NOTICEABLE``, and its interval is below 0.5;
        - ``does_not_predict``: the ROC AUC is below ``NOTICEABLE``, or its interval is not above 0.5;
        - ``no_better_than_recency``: the score predicts, but the interval of its ROC AUC minus that of the days since
          the last interaction is not above 0;
        - ``better_than_recency``: that interval is above 0.
    backtest : Backtest
        Statistics of the score, its slope over the last four dates and the baselines, for customers with a score.
    dates, unfinished : list of datetime
        Dates that were tested, and dates left out because their horizon has not ended.
    customers, churned : int
        Different customers in the base on one of the dates, and how many of them left after one.
    segments : pandas.DataFrame
        ``segment`` (empty for customers without a score); ``customers``; rows ``n``, of which a customer has one at
        each date; ``churned`` rows; the churn rate ``value`` with ``low`` and ``high``; and ``score_mean``.
    deciles : pandas.DataFrame
        The same by tenth of the scores of each date, ``decile`` 1 the lowest.
    falls : bool
        Whether churn is lower in every segment than in the one below it, leaving out segments without rows; and no
        decile has surely more than the one below it. False where two cannot be compared.
    weights : pandas.DataFrame
        What ``compare_weights`` gives: declared and fitted shares, and each component by itself.
    gain : tuple of float
        ROC AUC of the fitted weights minus that of the declared ones on the last date, low and high; NaN without.

    Examples
    --------
    >>> study.verdict.verdict, round(study.verdict.statistic("score")["value"], 2)
    ('better_than_recency', 0.69)
    """

    verdict: str
    backtest: Backtest
    dates: list[dt.datetime]
    unfinished: list[dt.datetime]
    customers: int
    churned: int
    segments: "pd.DataFrame"
    deciles: "pd.DataFrame"
    falls: bool
    weights: "pd.DataFrame"
    gain: tuple[float, float, float]

    def statistic(self, predictor: str, statistic: str = "roc_auc") -> dict[str, float]:
        """Numbers of a row of the backtest's ``statistics``."""
        return self.backtest.statistic(predictor, statistic)


def backtest_score(
    scorecard: Scorecard,
    history: History,
    dates: Iterable[dt.datetime],
    churn: ChurnDefinition,
    *,
    window: str = "84d",
    as_of: dt.datetime | None = None,
) -> Verdict:
    """Score the customers in the base on past dates, and judge the score by who left afterwards.

    Parameters
    ----------
    scorecard : Scorecard
        The score to judge.
    history : History
        With ``interactions`` and, with contracts, ``subscriptions``.
    dates : iterable of datetime
        When to score; several weeks or months apart, one at least. Those whose outcome is not known are left out.
    churn : ChurnDefinition
        What leaving means.
    window : str, default "84d"
        Days that the score looks back on.
    as_of : datetime, optional
        End of the data; by default the last interaction.

    Raises
    ------
    DataError
        A column or table is absent.
    ValueError
        There is no date, ``window`` is no number of days, or one of dates and times lacks a zone.

    Examples
    --------
    Customers who come daily stay, the others leave, and all had their last interaction on the same day:

    >>> rows = [(f"{who} {n}", dt.datetime(2026, 1, 1) + dt.timedelta(days=day), "view")
    ...     for who, days in {"loyal": (0, 5, 27, 40), "other": (27,)}.items() for n in range(60) for day in days]
    >>> events = pl.DataFrame(rows, schema=["customer_id", "time", "action"], orient="row")
    >>> churn = ChurnDefinition(horizon="28d", contractual=False)
    >>> judged = backtest_score(Scorecard((ek.Component("active_days", 1, 0, 3),)), History({"interactions": events}),
    ...     [dt.datetime(2026, 1, 29)], churn, window="28d", as_of=dt.datetime(2026, 3, 1))
    >>> judged.verdict, judged.statistic("score")["value"], judged.statistic("recency")["value"]
    ('better_than_recency', 1.0, 0.5)
    """
    wished = sorted(set(dates))
    if not wished:
        raise ValueError("dates: there is none, and there must be one at least")
    days_long("window", window)
    end = as_of or history.ends()
    known = list(ends_by(wished, churn.outcome_after, end))
    if known:
        dataset = churn_dataset(history, known, churn, window=window, as_of=end)
    else:
        columns = ("customer_id", "date", *scorecard.features, *KEPT)
        dataset = pl.DataFrame(schema=dict.fromkeys(columns, pl.Float64) | {"date": pl.Datetime, "churned": pl.Boolean})
    judged = verdict(scorecard, dataset, churn)
    return replace(judged, dates=known, unfinished=[date for date in wished if date not in known])


def verdict(scorecard: Scorecard, dataset: Any, churn: ChurnDefinition) -> Verdict:
    """Judge a score by who left after the dates of a churn dataset.

    Parameters
    ----------
    scorecard : Scorecard
        The score to judge.
    dataset : frame
        What ``churn_dataset`` gives. Where it has a ``score`` already, with what ``with_scores`` adds, that is judged.
    churn : ChurnDefinition
        The definition that the dataset was made with.

    Raises
    ------
    DataError
        A column is absent, or a component of the score is an outcome.

    Notes
    -----
    Customers without a score do not count for the verdict; ``segments`` shows how many of them left.
    ``benchmarks/trial.py`` shows that a score of noise is said to predict in at most 5 % of 1,000 small businesses.

    Examples
    --------
    >>> card = Scorecard(study.scorecard.components[:1])
    >>> verdict(card, study.dataset.drop("score"), study.churn).verdict
    'no_better_than_recency'
    """
    if "score" not in column_names(dataset):
        return _judge(scorecard, with_scores(scorecard, dataset), churn)
    points = [f"{name}_points" for name in scorecard.features]
    wanted = list(dict.fromkeys(["customer_id", "date", *OF_A_SCORE, *points, *KEPT]))
    return _judge(scorecard, collected(to_narwhals(dataset, wanted).select(wanted)), churn)


def with_scores(scorecard: Scorecard, dataset: Any) -> pl.DataFrame:
    """Add the score of each customer and date to a churn dataset.

    Parameters
    ----------
    scorecard : Scorecard
    dataset : frame
        With ``customer_id, date, churned, recency_days, interactions, next_value`` and the components' features.

    Returns
    -------
    polars.DataFrame
        In the order of dates and customers: these columns, and ``score, coverage, segment``, ``<feature>_points`` as
        ``Scorecard.score`` gives them; and ``slope``, the score's over that and the three dates before it, in points a
        day.

    Raises
    ------
    DataError
        A column is absent, or a component of the score is an outcome.
    """
    for name in OUTCOMES:
        if name in scorecard.features:
            raise DataError("is an outcome, known only after the date, and no feature of a score.", column=name)
    wanted = list(dict.fromkeys(["customer_id", "date", *scorecard.features, *KEPT]))
    rows = component_rows(dataset, scorecard.features, ["customer_id", "date", *KEPT])
    table = collected(rows.select(wanted)).sort("date", "customer_id")
    scored = scorecard.score(table).sort("date", "customer_id")
    scored = scored.with_columns(slope=pl.Series(trailing_slopes(scored), dtype=pl.Float64))
    return table.hstack(scored.drop("customer_id", "date").get_columns())


def _judge(scorecard: Scorecard, rows: pl.DataFrame, churn: ChurnDefinition) -> Verdict:
    known = rows.drop_nulls("churned")
    tested = known.drop_nulls("score")
    measured = backtest(tested.select("customer_id", "date", "score", "slope", *KEPT), churn)
    segments = _rates(known.with_columns(pl.col("segment").fill_null(UNSCORED)), "segment", [*SEGMENTS, UNSCORED])
    deciles = _rates(_in_deciles(tested), "decile", range(1, DECILES + 1))
    weights, gain = compare_weights(scorecard, tested, churn)
    dates = known["date"].unique().sort().to_list()
    return Verdict(
        _verdict(measured) if _enough(tested) else "too_few",
        measured,
        dates,
        [date for date in rows["date"].unique().sort() if date not in dates],
        known["customer_id"].n_unique(),
        known.filter("churned")["customer_id"].n_unique(),
        segments,
        deciles,
        _falls(segments[segments["segment"] != UNSCORED], deciles),
        weights,
        gain,
    )


def _enough(tested: pl.DataFrame) -> bool:
    """Whether enough customers left, and stayed, on the dates that count."""
    stayed, churned = ~pl.col("churned"), pl.col("churned")
    counts = tested.filter(pl.min_horizontal(stayed.sum().over("date"), churned.sum().over("date")) >= FEWEST_ON_A_DATE)
    return all(counts.filter(outcome)["customer_id"].n_unique() >= FEWEST for outcome in (stayed, churned))


def _verdict(measured: Backtest) -> str:
    score = measured.statistic("score")
    if np.isnan(score["value"]):
        return "too_few"
    if score["value"] <= 1 - NOTICEABLE and score["high"] < CHANCE:
        return "predicts_backwards"
    if score["value"] < NOTICEABLE or score["low"] <= CHANCE:
        return "does_not_predict"
    return "better_than_recency" if score["difference_low"] > 0 else "no_better_than_recency"


def _in_deciles(tested: pl.DataFrame) -> pl.DataFrame:
    """Rows with the tenth of their date's scores that theirs is in; equal scores share a tenth."""
    place = (pl.col("score").rank("average").over("date") - 0.5) / pl.len().over("date")
    return tested.with_columns(decile=(place * DECILES).floor().cast(pl.Int64) + 1)


def _rates(rows: pl.DataFrame, by: str, groups: Iterable[Any]) -> "pd.DataFrame":
    """Churn rate of each group, with an interval over customers."""
    churned = pl.col("churned")
    units = rows.group_by(by, "customer_id").agg(x=churned.sum().cast(pl.Float64), y=pl.len().cast(pl.Float64))
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
    """Whether churn falls from segment to segment, and rises surely from no decile to the next."""
    rates = segments["value"].dropna().to_numpy()
    low, high = deciles["low"].dropna().to_numpy(), deciles["high"].dropna().to_numpy()
    return len(rates) > 1 and bool((np.diff(rates) < 0).all() and (low[1:] <= high[:-1]).all())
