"""Models compared on customers and dates that they were not fitted to; the simplest that is as good is recommended."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from worlds import DATES, END, PLANTED, made

from engagekit.churn.candidates import CANDIDATES, Candidate
from engagekit.churn.comparison import compare_models
from engagekit.churn.dataset import churn_dataset
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.samples.make import END as SAMPLE_END
from engagekit.samples.make import make_sample

CHURN = ChurnDefinition(horizon="84d", contractual=True)
CHANNELS = [f"interactions_{name}" for name in PLANTED]


@pytest.fixture(scope="module")
def rows():
    history = made(3, customers=3_000)
    return churn_dataset(history, DATES, CHURN, as_of=END).select(
        "customer_id", "date", "recency_days", "active_days", *CHANNELS, "churned", "next_value"
    )


@pytest.fixture(scope="module")
def compared(rows):
    return compare_models(rows, CHURN)


def test_statistics_are_those_of_scikit_learn_on_the_probabilities(compared):
    probabilities = compared.backtest.probabilities
    churned = probabilities["churned"]
    for name in ("logistic", "boosting", "average"):
        probability = probabilities[name]
        assert compared.statistic(name)["value"] == pytest.approx(roc_auc_score(churned, probability))
        assert compared.statistic(name, "average_precision")["value"] == pytest.approx(
            average_precision_score(churned, probability)
        )
    for name in ("base_rate", "recency", "logistic", "boosting", "average"):
        probability = probabilities[name]
        assert compared.statistic(name, "brier")["value"] == pytest.approx(brier_score_loss(churned, probability))
        assert compared.statistic(name, "log_loss")["value"] == pytest.approx(log_loss(churned, probability))
    for row in compared.backtest.statistics.dropna(subset="value").to_dict("records"):
        assert row["low"] <= row["value"] <= row["high"]


def test_a_difference_of_a_model_is_from_recency_on_the_rows_of_the_model(compared, rows):
    last = rows.filter(pl.col("date") == DATES[-1]).sort("customer_id").drop_nulls("recency_days")
    own = compared.backtest.probabilities.set_index("customer_id").loc[last["customer_id"].to_list()]
    churned, recency = last["churned"].to_numpy(), last["recency_days"].to_numpy()
    expected = roc_auc_score(churned, own["logistic"]) - roc_auc_score(churned, recency)
    assert compared.statistic("logistic")["difference"] == pytest.approx(expected)
    assert compared.statistic("recency")["dates"] == len(DATES)
    assert compared.statistic("logistic")["dates"] == compared.statistic("recency", "log_loss")["dates"] == 1


def test_the_simplest_within_noise_of_the_best_is_recommended(compared):
    losses = {name: compared.statistic(name, "log_loss")["value"] for name in compared.candidates}
    assert compared.candidates == ["base_rate", "recency", "logistic", "boosting", "average"]  # there is no score
    assert compared.best == min(losses, key=losses.__getitem__)
    surely_worse = [name for name in compared.candidates if compared.difference(name)[1] > 0]
    assert compared.recommended == next(name for name in compared.candidates if name not in surely_worse)
    assert {"base_rate", "recency"} <= set(surely_worse)
    assert compared.recommended == "logistic"  # the truth is additive
    assert not compared.difference(compared.recommended, statistic="roc_auc")[2] < 0


def test_another_candidate_may_be_asked_for(rows):
    chosen = compare_models(rows, CHURN, candidates=CANDIDATES[:2], use="base_rate")
    assert (chosen.recommended, chosen.model) == ("base_rate", None)
    with pytest.raises(ValueError, match="use: there is no candidate 'p_alive' here. There are: base_rate, recency"):
        compare_models(rows, CHURN, candidates=CANDIDATES[:2], use="p_alive")


def test_the_model_is_fitted_to_all_rows_with_a_known_outcome(compared, rows):
    assert compared.model.n_ == rows.filter(pl.col("churned").is_not_null()).height
    assert compared.model.columns_ == ["recency_days", "active_days", *CHANNELS]


def test_probabilities_are_calibrated(compared):
    assert compared.calibration_error < 0.07  # customers with the highest risk have left by the last date
    assert compared.calibration["n"].sum() == compared.backtest.test_rows
    assert compared.calibration["probability"].is_monotonic_increasing


def test_noise_recommends_the_base_rate():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"recency_days": rng.normal(size=3_000), "churned": rng.random(3_000) < 0.3})
    compared = compare_models(table, CHURN, candidates=[*CANDIDATES[:2], Candidate("logistic")])
    assert compared.recommended == "base_rate"
    assert compared.backtest.test_rows == compared.backtest.train_rows == 3_000


def test_equal_probabilities_are_in_the_same_bin_of_the_calibration():
    """So the error is the same in whatever order the rows come."""
    few = pd.DataFrame({"recency_days": [1.0, 2.0] * 500, "churned": [False, True, False, False] * 250})
    shuffled = [few.sample(frac=1, random_state=seed) for seed in range(3)]
    errors = [compare_models(each, CHURN, candidates=CANDIDATES[:1]).calibration_error for each in shuffled]
    assert errors == pytest.approx([0, 0, 0], abs=1e-9)
    assert len(compare_models(few, CHURN, candidates=CANDIDATES[:1]).calibration) == 1
    fitted = compare_models(few, CHURN, candidates=CANDIDATES[:2], use="recency")
    assert fitted.calibration["n"].sum() == 1_000


def test_a_model_whose_every_column_drifts_is_not_recommended():
    """On each date all numbers lie beyond those of the dates before: nobody can be told from anybody else."""
    rng, rows = np.random.default_rng(0), []
    for number in range(4):
        low, days = rng.random(500), dt.datetime(2026, 1, 1) + dt.timedelta(days=84 * number)
        outcome = rng.random(500) < 0.2 + 0.6 * low
        rows.append(pd.DataFrame({"date": days, "recency_days": low + 10 * number, "churned": outcome}))
    table = pd.concat(rows, ignore_index=True).assign(customer_id=np.tile(np.arange(500), 4))
    table["orders"] = table["recency_days"] * 3
    compared = compare_models(table, CHURN)
    assert compared.recommended == "base_rate"
    assert compared.statistic("recency")["value"] > 0.6  # within a date it does tell them apart
    for name in ("logistic", "boosting", "average"):  # a fold has one probability, so that five differ by little
        probability = compared.backtest.probabilities[name]
        assert probability.nunique() <= 5
        assert np.isfinite(probability).all()


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_true_hazard_of_a_sample_is_recovered(seed):
    """20,000 customers of a subscription: probabilities follow the hazard, and are calibrated."""
    sample = make_sample("subscription", customers=20_000, seed=seed)
    tables = {name: sample.tables[name] for name in ("interactions", "subscriptions")}
    zone = tables["interactions"]["time"].dtype.time_zone
    end = pl.Series([dt.datetime.combine(SAMPLE_END, dt.time())]).dt.replace_time_zone(zone)[0]
    dates = [end - dt.timedelta(weeks=12 + 4 * back) for back in range(12)]
    rows = churn_dataset(History(tables), dates, CHURN, as_of=end).drop("preferred_channel")
    compared = compare_models(rows, CHURN, candidates=[CANDIDATES[0], Candidate("logistic")])
    assert 0.9 <= compared.calibration_slope[0] <= 1.1
    week = (pl.col("week") - pl.lit(compared.backtest.test_date.date())).abs()
    hazard = sample.truth.weekly.sort(week).group_by("customer_id", maintain_order=True).first()
    probabilities = pl.from_pandas(compared.backtest.probabilities[["customer_id", "logistic"]])
    both = probabilities.join(hazard, on="customer_id")
    assert spearmanr(both["logistic"], both["hazard"])[0] > 0.6
