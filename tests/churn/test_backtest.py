"""One table of statistics for every predictor: by date, averaged, and compared with recency on the same rows."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from engagekit.churn.backtest import PREDICTORS, backtest, known_outcomes
from engagekit.errors import DataError
from engagekit.prepare.leaving import ChurnDefinition

CHURN = ChurnDefinition(horizon="28d", contractual=False)
DATES = [dt.datetime(2026, 1, 1), dt.datetime(2026, 2, 1), dt.datetime(2026, 3, 1)]


@pytest.fixture(scope="module")
def rows():
    """Customers on three dates, fewer on each; some have no score."""
    rng = np.random.default_rng(0)
    parts = []
    for date, n in zip(DATES, (900, 600, 300), strict=True):
        level = rng.normal(size=n)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": [f"c{number}" for number in range(n)],
                    "date": date,
                    "score": np.where(rng.random(n) < 0.1, np.nan, 50 + 10 * level),
                    "recency_days": np.round(20 - 5 * level + 10 * rng.normal(size=n)),
                    "interactions": rng.poisson(np.exp(level)),
                    "churned": rng.random(n) < 1 / (1 + np.exp(1 + level)),
                    "next_value": np.exp(level + rng.normal(size=n)).round(2),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def averaged(rows, figure):
    """Mean of a figure over the dates, weighted by their rows."""
    parts = [part for _, part in rows.groupby("date")]
    return np.average([figure(part) for part in parts], weights=[len(part) for part in parts])


@pytest.mark.parametrize("predictor", ["score", "recency", "frequency"])
def test_statistics_are_those_of_scikit_learn_and_scipy_averaged_over_the_dates(rows, predictor):
    tested, (column, sign) = backtest(rows, CHURN), PREDICTORS[predictor]
    known = rows.dropna(subset=column).assign(risk=lambda frame: sign * frame[column])
    expected = {
        "roc_auc": averaged(known, lambda part: roc_auc_score(part["churned"], part["risk"])),
        "average_precision": averaged(known, lambda part: average_precision_score(part["churned"], part["risk"])),
        "value_correlation": -averaged(known, lambda part: spearmanr(part["risk"], part["next_value"])[0]),
    }
    for statistic, value in expected.items():
        numbers = tested.statistic(predictor, statistic)
        assert numbers["value"] == pytest.approx(value)
        assert (numbers["dates"], numbers["n"]) == (3, len(known))


def test_a_difference_is_from_recency_on_the_rows_of_the_predictor(rows):
    tested, known = backtest(rows, CHURN), rows.dropna(subset="score")
    expected = averaged(
        known,
        lambda part: (
            roc_auc_score(part["churned"], -part["score"]) - roc_auc_score(part["churned"], part["recency_days"])
        ),
    )
    numbers = tested.statistic("score")
    assert numbers["difference"] == pytest.approx(expected)
    assert numbers["difference_low"] < numbers["difference"] < numbers["difference_high"]
    assert np.isnan(tested.statistic("recency")["difference"])


def test_rows_where_recency_is_unknown_do_not_count_for_the_difference(rows):
    blank = rows.assign(recency_days=rows["recency_days"].where(rows.index % 3 > 0))
    both = blank.dropna(subset=["score", "recency_days"])
    assert backtest(blank, CHURN).statistic("score")["difference"] == pytest.approx(
        backtest(both, CHURN).statistic("score")["difference"]
    )
    assert backtest(blank, CHURN).statistic("score")["value"] == backtest(rows, CHURN).statistic("score")["value"]


def test_the_order_of_rows_and_the_kind_of_frame_do_not_matter(rows):
    tested = backtest(rows, CHURN).statistics
    shuffled = backtest(rows.sample(frac=1, random_state=0), CHURN).statistics
    pd.testing.assert_frame_equal(tested, shuffled, check_exact=True)
    for frame in (pl.from_pandas(rows), pl.from_pandas(rows).lazy()):
        pd.testing.assert_frame_equal(tested, backtest(frame, CHURN).statistics)


def test_customers_count_once_on_however_many_dates(rows):
    tested = backtest(rows, CHURN)
    assert (tested.customers, tested.dates) == (900, DATES)
    assert tested.churned == rows[rows["churned"]]["customer_id"].nunique()


def test_a_date_with_hardly_anybody_on_one_side_does_not_count(rows):
    few = rows.assign(churned=rows["churned"] & ((rows["date"] != DATES[1]) | (rows["customer_id"] == "c1")))
    tested = backtest(few, CHURN)
    assert tested.statistic("score")["dates"] == 2
    assert tested.statistic("score", "value_correlation")["dates"] == 3


def test_a_slope_of_a_single_score_is_level_where_others_have_one(rows):
    sloped = rows.assign(slope=np.where(rows["date"] == DATES[0], np.nan, rows["score"] % 7))
    sloped.loc[sloped["customer_id"] == "c5", "slope"] = np.nan
    numbers = backtest(sloped, CHURN).statistic("slope")
    filled = sloped[sloped["score"].notna() & (sloped["date"] != DATES[0])].fillna({"slope": 0})
    assert (numbers["dates"], numbers["n"]) == (2, len(filled))
    assert numbers["value"] == pytest.approx(
        averaged(filled, lambda part: roc_auc_score(part["churned"], -part["slope"]))
    )


def test_what_is_not_there_is_named(rows):
    tested = backtest(rows, CHURN)
    with pytest.raises(ValueError, match="predictor: there is no 'scores'. Did you mean score?"):
        tested.statistic("scores")
    with pytest.raises(ValueError, match="statistic: there is no 'roc'. Did you mean roc_auc?"):
        tested.statistic("score", "roc")
    with pytest.raises(DataError, match="churned: is not a column"):
        backtest(rows.drop(columns="churned"), CHURN)
    assert np.isnan(backtest(rows.drop(columns="next_value"), CHURN).statistic("score", "value_correlation")["value"])


def test_known_outcomes_are_sorted_and_no_row_of_an_open_horizon_is_among_them(rows):
    open_ended = rows.astype({"churned": object})
    open_ended.loc[open_ended["date"] == DATES[2], "churned"] = None
    known = known_outcomes(open_ended.iloc[::-1])
    assert known["date"].max() == DATES[1]
    assert known["churned"].dtype == bool
    assert known["date"].is_monotonic_increasing
