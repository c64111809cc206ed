"""The ladder: tried on customers and dates that no model has seen, and the simplest that is as good is recommended."""

import datetime as dt
import zlib

import numpy as np
import pandas as pd
import polars as pl
import pytest
from engagekit.churn.ladder import RUNGS, Rung, ladder
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from worlds import DATES, END, PLANTED, made

from engagekit.churn import ladder as module
from engagekit.churn.dataset import churn_dataset
from engagekit.errors import DataError
from engagekit.prepare.history import History
from engagekit.samples.make import END as SAMPLE_END
from engagekit.samples.make import make_sample

AHEAD = dt.timedelta(days=84)
CHANNELS = [f"interactions_{name}" for name in PLANTED]


@pytest.fixture(scope="module")
def rows():
    history = made(3, customers=3_000)
    return churn_dataset(history, DATES, as_of=END, contractual=True).select(
        "customer_id", "date", "recency_days", "active_days", *CHANNELS, "churned", "next_value"
    )


@pytest.fixture(scope="module")
def climbed(rows):
    return ladder(rows, AHEAD)


def test_figures_are_those_of_scikit_learn_on_what_was_told(climbed):
    told = climbed.chances
    for rung in ("recency", "logistic", "boosting", "average"):
        chance, left = told[rung], told["churned"]
        assert climbed.told(rung)["value"] == pytest.approx(roc_auc_score(left, chance))
        assert climbed.told(rung, "average_precision")["value"] == pytest.approx(average_precision_score(left, chance))
        assert climbed.told(rung, "brier")["value"] == pytest.approx(brier_score_loss(left, chance))
        assert climbed.told(rung, "log_loss")["value"] == pytest.approx(log_loss(left, chance))
        for row in climbed.rungs[climbed.rungs["rung"] == rung].to_dict("records"):
            assert row["low"] <= row["value"] <= row["high"]


def test_the_last_date_is_told_by_earlier_ones(climbed, rows):
    assert climbed.method == "time"
    assert climbed.dates == [date for date in DATES if date + AHEAD <= DATES[-1]] + [DATES[-1]]
    assert climbed.tried_rows == rows.filter(pl.col("date") == DATES[-1]).height
    assert set(climbed.rungs["rung"]) == {"base_rate", "recency", "logistic", "boosting", "average"}  # no score here


def test_what_happens_later_or_to_a_customer_alone_does_not_reach_what_is_told(rows, monkeypatch):
    """Every model is fitted on other customers than it tells of, and on dates whose horizon was over."""
    calls = []
    plain = module._told

    def told(rung, fit, test, everything, seed, latest):
        calls.append((set(fit["customer_id"]) & set(test["customer_id"]), fit["date"].max(), test["date"].min()))
        return plain(rung, fit, test, everything, seed, latest)

    monkeypatch.setattr(module, "_told", told)
    ladder(rows, AHEAD, rungs=RUNGS[:2])
    assert len(calls) == 5  # the base rate is told no fold by fold
    assert all(not shared and newest + AHEAD <= oldest for shared, newest, oldest in calls)


def test_the_simplest_within_noise_of_the_best_is_recommended(climbed):
    order = list(climbed.chances.columns[2:])
    losses = {name: climbed.told(name, "log_loss") for name in order}
    assert climbed.best == min(order, key=lambda name: losses[name]["value"])
    surely_worse = [name for name in order if losses[name]["difference_low"] > 0]
    assert climbed.recommended == next(name for name in order if name not in surely_worse)
    assert {"base_rate", "recency"} <= set(surely_worse)
    assert climbed.recommended == "logistic"  # the truth is additive


def test_another_rung_may_be_asked_for(rows):
    found = ladder(rows, AHEAD, rungs=RUNGS[:2], use="base_rate")
    assert (found.recommended, found.model) == ("base_rate", None)
    with pytest.raises(ValueError, match="use: there is no rung 'p_alive' here. There are: base_rate, recency"):
        ladder(rows, AHEAD, rungs=RUNGS[:2], use="p_alive")


def test_the_model_is_fitted_to_all_whose_outcome_is_known(climbed, rows):
    known = rows.filter(pl.col("churned").is_not_null())
    assert climbed.model.n_ == known.height
    assert climbed.model.columns_ == ["recency_days", "active_days", *CHANNELS]


def test_chances_are_calibrated(climbed):
    assert climbed.calibration_error < 0.07  # those at most risk have left by the last date, so that it is too high
    assert climbed.calibration["n"].sum() == climbed.tried_rows
    assert climbed.calibration["chance"].is_monotonic_increasing


def test_nothing_to_learn_recommends_the_base_rate():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"recency_days": rng.normal(size=3_000), "churned": rng.random(3_000) < 0.3})
    found = ladder(table, rungs=[*RUNGS[:2], Rung("logistic")])
    assert found.recommended == "base_rate"
    assert found.method == "folds"
    assert found.tried_rows == found.fitted_rows == 3_000


def test_rows_without_an_outcome_are_left_out(rows):
    censored = rows.with_columns(churned=pl.when(pl.col("date") == DATES[-1]).then(None).otherwise("churned"))
    assert ladder(censored, AHEAD, rungs=RUNGS[:2]).dates[-1] == DATES[-2]


def test_customers_with_the_same_chance_are_in_the_same_part_of_the_calibration():
    """So the error is what it is, in whatever order the rows come."""
    few = pd.DataFrame({"recency_days": [1.0, 2.0] * 500, "churned": [False, True, False, False] * 250})
    errors = [ladder(few.sample(frac=1, random_state=seed), rungs=RUNGS[:1]).calibration_error for seed in range(3)]
    assert errors == pytest.approx([0, 0, 0], abs=1e-9)
    assert len(ladder(few, rungs=RUNGS[:1]).calibration) == 1
    found = ladder(few, rungs=RUNGS[:2], use="recency")
    assert found.calibration["n"].sum() == 1_000


def test_a_fold_without_customers_on_the_last_date_is_no_error(rows):
    last = rows["date"].max()
    few = rows.filter((pl.col("date") < last) | pl.col("customer_id").is_in(_of_one_fold(rows)))
    found = ladder(few.with_columns(pl.col("churned").fill_null(value=False)), AHEAD, rungs=RUNGS[:2])
    assert 0 < found.tried_rows < 1_000


def _of_one_fold(rows):
    return [who for who in rows["customer_id"].unique().to_list() if zlib.crc32(str(who).encode()) % 5 == 0]


def test_a_rung_whose_order_is_surely_worse_is_not_recommended(climbed):
    lowest = climbed.rungs[climbed.rungs["statistic"] == "roc_auc"].set_index("rung")
    assert not lowest.loc[climbed.recommended, "difference_high"] < 0


def test_columns_that_are_the_same_for_all_leave_the_simple_rungs(rows):
    bare = rows.select("customer_id", "date", "churned", same=pl.lit(1.0), none=pl.lit(None, pl.Float64))
    found = ladder(bare, AHEAD)
    assert set(found.rungs["rung"]) == {"base_rate"}


def test_what_cannot_be_tried_is_refused(rows):
    with pytest.raises(DataError, match="no date has its horizon over by the last, 2025-04-28"):
        ladder(rows.filter(pl.col("date") <= DATES[1]), AHEAD)
    with pytest.raises(ValueError, match="ahead: say how long"):
        ladder(rows)
    few = rows.drop("date").head(60)
    with pytest.raises(DataError, match="fewer than 50 teach nothing"):
        ladder(few)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (2, 3))])
def test_the_true_hazard_of_a_sample_is_recovered(seed):
    """20,000 customers of a subscription: those with the higher chance have the higher hazard, and it is calibrated."""
    sample = make_sample("subscription", customers=20_000, seed=seed)
    tables = {name: sample.tables[name] for name in ("interactions", "subscriptions")}
    zone = tables["interactions"]["time"].dtype.time_zone
    end = pl.Series([dt.datetime.combine(SAMPLE_END, dt.time())]).dt.replace_time_zone(zone)[0]
    dates = [end - dt.timedelta(weeks=12 + 4 * back) for back in range(12)]
    rows = churn_dataset(History(tables), dates, as_of=end, contractual=True).drop("preferred_channel")
    found = ladder(rows, AHEAD, rungs=[RUNGS[0], Rung("logistic")])
    assert 0.9 <= found.calibration_slope[0] <= 1.1
    week = (pl.col("week") - pl.lit(found.dates[-1].date())).abs()
    hazard = sample.truth.weekly.sort(week).group_by("customer_id", maintain_order=True).first()
    both = pl.from_pandas(found.chances[["customer_id", "logistic"]]).join(hazard, on="customer_id")
    assert spearmanr(both["logistic"], both["hazard"])[0] > 0.6
