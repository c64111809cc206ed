"""Predictions of candidates: by models of other customers, fitted to dates whose outcome was known."""

import zlib

import numpy as np
import polars as pl
import pytest
from worlds import DATES, END, made

from engagekit.churn.backtest import backtest, known_outcomes
from engagekit.churn.candidates import CANDIDATES, final_model, predictions, usable
from engagekit.churn.dataset import churn_dataset
from engagekit.churn.model import ChurnModel
from engagekit.errors import DataError
from engagekit.prepare.leaving import ChurnDefinition

CHURN = ChurnDefinition(horizon="84d", contractual=True)


@pytest.fixture(scope="module")
def rows():
    dataset = churn_dataset(
        made(3, customers=2_000), DATES, ChurnDefinition(horizon="84d", contractual=True), as_of=END
    )
    return dataset.select("customer_id", "date", "recency_days", "active_days", "churned")


def test_no_model_sees_the_customers_that_it_predicts_nor_an_outcome_of_later(rows, monkeypatch):
    known, calls = known_outcomes(rows), []
    fit, predict = ChurnModel.fit, ChurnModel.predict_proba

    def recording_fit(model, features, churned):
        model.rows_ = features.index
        return fit(model, features, churned)

    def recording_predict(model, features):
        calls.append((known.loc[model.rows_], known.loc[features.index]))
        return predict(model, features)

    monkeypatch.setattr(ChurnModel, "fit", recording_fit)
    monkeypatch.setattr(ChurnModel, "predict_proba", recording_predict)
    predicted = predictions(known, CHURN.ahead, CANDIDATES[:2])
    tests = [(train, test) for train, test in calls if (test["date"] == DATES[-1]).all()]
    assert len(tests) == 5
    assert sum(len(test) for _, test in tests) == len(predicted.test)
    for train, test in tests:
        assert not set(train["customer_id"]) & set(test["customer_id"])
        assert train["date"].max() + CHURN.ahead <= DATES[-1]


def test_what_is_tested_is_what_is_delivered(rows):
    """The model of all rows that were known by the test date, without a fold's customers, predicts that fold."""
    known = known_outcomes(rows)
    for candidate in (CANDIDATES[1], CANDIDATES[5]):
        tested = predictions(known, CHURN.ahead, [candidate])
        fold = known["customer_id"].map(lambda who: zlib.crc32(str(who).encode()) % 5)
        own = np.flatnonzero((fold[tested.test] == 2).to_numpy())
        others = known[tested.train & (fold != 2).to_numpy()]
        model = final_model(others, candidate, [candidate], ahead=CHURN.ahead)
        expected = model.predict_proba(known.iloc[tested.test[own]])[:, 1]
        assert tested.probabilities[candidate.name][own] == pytest.approx(expected, abs=1e-12)


def levels(*rates, customers=1_000):
    """Customers on dates a horizon apart, of whom such a share leaves, and likelier with more days."""
    rng, tables = np.random.default_rng(0), []
    for number, rate in enumerate(rates):
        days = rng.uniform(0, 1, customers)
        churned = rng.random(customers) < 1 / (1 + np.exp(-np.log(rate / (1 - rate)) - (days - 0.5)))
        date = END + number * CHURN.ahead
        each = {"customer_id": np.arange(customers), "date": date, "recency_days": days, "churned": churned}
        tables.append(pl.DataFrame(each))
    return known_outcomes(pl.concat(tables))


def test_a_correction_that_helped_the_date_after_is_applied_and_one_that_harmed_is_not():
    """Dates 0 and 1 predict 2, those and 2 predict 3, and all four predict 4.

    The level falls: the log odds of date 2 had to come down, which helps on date 3, whose own correction is then taken:
    log odds of .3 less those of .5, which four dates at .45 go down to .26 with. The level comes back: what date 2
    wanted harms date 3.
    """
    candidate = CANDIDATES[1]
    falling = predictions(levels(0.6, 0.5, 0.4, 0.3, 0.2), CHURN.ahead, [candidate])
    assert falling.probabilities["recency"].mean() == pytest.approx(0.26, abs=0.03)
    back = predictions(levels(0.5, 0.5, 0.3, 0.5, 0.5), CHURN.ahead, [candidate])
    assert back.probabilities["recency"].mean() == pytest.approx(0.45, abs=0.03)
    delivered = final_model(levels(0.6, 0.5, 0.4, 0.3), candidate, [candidate], ahead=CHURN.ahead)
    assert delivered.calibration_ != (1.0, 0.0)
    assert final_model(levels(0.6, 0.5, 0.4, 0.3), candidate, [candidate]).calibration_ == (1.0, 0.0)


def test_a_short_history_is_not_calibrated():
    tested = predictions(levels(0.6, 0.4, 0.2), CHURN.ahead, [CANDIDATES[1]])
    assert tested.probabilities["recency"].mean() == pytest.approx(0.5, abs=0.03)


def test_the_outcomes_of_the_test_date_change_no_probability():
    known = levels(0.6, 0.5, 0.4, 0.3, 0.2)
    last = known["date"] == known["date"].max()
    otherwise = known.assign(churned=known["churned"] ^ last)
    one, other = (
        predictions(each, CHURN.ahead, [CANDIDATES[1]]).probabilities["recency"] for each in (known, otherwise)
    )
    assert one.tolist() == other.tolist()


def test_the_last_date_is_predicted_from_earlier_ones(rows):
    tested = backtest(rows, CHURN, candidates=CANDIDATES[:2])
    assert tested.train_dates == [date for date in DATES if date + CHURN.ahead <= DATES[-1]]
    assert (tested.test_date, tested.dates) == (DATES[-1], DATES)
    assert tested.test_rows == rows.filter(pl.col("date") == DATES[-1]).height
    early = rows.filter(pl.col("date").is_in(tested.train_dates))
    assert (tested.train_rows, tested.train_churned) == (early.height, early["churned"].sum())
    assert tested.probabilities["base_rate"].to_list() == [early["churned"].mean()] * tested.test_rows


def test_rows_without_an_outcome_are_left_out(rows):
    censored = rows.with_columns(churned=pl.when(pl.col("date") == DATES[-1]).then(None).otherwise("churned"))
    assert backtest(censored, CHURN, candidates=CANDIDATES[:2]).test_date == DATES[-2]
    nothing = rows.with_columns(churned=pl.lit(None, pl.Boolean))
    with pytest.raises(DataError, match="no outcome is known yet; no horizon has ended"):
        backtest(nothing, CHURN, candidates=CANDIDATES[:2])


def test_a_fold_without_customers_on_the_last_date_is_no_error(rows):
    of_one_fold = [who for who in rows["customer_id"].unique() if zlib.crc32(str(who).encode()) % 5 == 0]
    few = rows.filter((pl.col("date") < DATES[-1]) | pl.col("customer_id").is_in(of_one_fold))
    assert 0 < backtest(few, CHURN, candidates=CANDIDATES[:2]).test_rows < 600


def test_columns_that_are_the_same_for_all_leave_the_base_rate(rows):
    bare = rows.select("customer_id", "date", "churned", same=pl.lit(1.0), none=pl.lit(None, pl.Float64))
    assert [each.name for each in usable(known_outcomes(bare), CANDIDATES)] == ["base_rate"]


def test_a_model_of_everything_does_not_use_a_score_or_what_it_is_made_of(rows):
    made_of = {"score": 50.0, "slope": 1.0, "coverage": 0.9, "active_days_points": 20.0}
    scored = rows.with_columns(**{name: pl.lit(value) * pl.col("active_days") for name, value in made_of.items()})
    known = known_outcomes(scored.with_columns(segment=pl.lit("potential")))
    model = final_model(known, CANDIDATES[5], CANDIDATES)
    assert model.columns_ == ["recency_days", "active_days"]


def test_what_cannot_be_tested_is_refused(rows):
    with pytest.raises(DataError, match="no date has its horizon over by the last, 2025-04-28"):
        backtest(rows.filter(pl.col("date") <= DATES[1]), CHURN, candidates=CANDIDATES[:2])
    with pytest.raises(DataError, match="needs at least 50 of either"):
        backtest(rows.drop("date").head(60), CHURN, candidates=CANDIDATES[:2])
    stayed = pl.when(pl.col("date") == DATES[-1]).then(pl.lit(value=False)).otherwise("churned")
    with pytest.raises(DataError, match="0 customers left and .* stayed .* on the test date, 2025-08-18"):
        backtest(rows.with_columns(churned=stayed), CHURN, candidates=CANDIDATES[:2])


def test_a_table_without_dates_is_predicted_in_stratified_folds(rows):
    last = rows.filter(pl.col("date") == DATES[-1]).drop("date")
    tested = backtest(last, CHURN, candidates=CANDIDATES[:2])
    assert (tested.dates, tested.train_dates, tested.test_date) == ([], [], None)
    assert tested.test_rows == tested.train_rows == last.height
    assert np.isfinite(tested.probabilities["recency"]).all()
