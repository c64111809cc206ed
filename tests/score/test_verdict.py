import datetime as dt
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from worlds import DATES, END, EVEN, PLANTED, RECENCY, made

from engagekit.churn.candidates import CANDIDATES
from engagekit.churn.comparison import compare_models
from engagekit.churn.dataset import churn_dataset
from engagekit.customers.features import customer_features
from engagekit.errors import DataError
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition, active_base
from engagekit.score.scorecard import Component, Scorecard
from engagekit.score.verdict import FEWEST, VERDICTS, backtest_score, verdict, with_scores

SEEDS = (1, 2, 3)
ONE_NOW = [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.soak) for seed in SEEDS[1:])]
WEEK = dt.timedelta(weeks=1)
CONTRACTS = {"churn": ChurnDefinition(horizon="84d", contractual=True), "as_of": END}
SILENCE = {"churn": ChurnDefinition(horizon="84d", contractual=False), "as_of": END}
FEW_WEEKS = {"churn": ChurnDefinition(horizon="28d", contractual=False), "window": "28d", "as_of": END}


@cache
def judged_even(seed):
    """Trial of the score with even weights, on the history whose planted weights differ."""
    return backtest_score(EVEN, made(seed), DATES, **CONTRACTS)


@pytest.fixture(scope="module")
def small():
    return made(7, customers=2_000)


@pytest.mark.parametrize("seed", ONE_NOW)
def test_the_planted_order_of_weights_is_found_and_the_score_beats_recency(seed):
    judged = judged_even(seed)
    assert judged.verdict == "better_than_recency"
    fitted = judged.weights.set_index("feature")["fitted"]
    assert list(fitted.sort_values(ascending=False).index) == [f"interactions_{name}" for name in PLANTED]
    assert judged.gain[1] > 0  # even weights are not the planted ones
    assert judged.falls


@pytest.mark.parametrize("seed", ONE_NOW)
def test_a_score_that_is_noise_is_said_not_to_predict(seed):
    assert backtest_score(EVEN, made(seed, strength=0), DATES, **CONTRACTS).verdict == "does_not_predict"


@pytest.mark.parametrize("seed", ONE_NOW)
def test_a_disguise_of_recency_is_no_better_than_recency(seed):
    judged = backtest_score(RECENCY, made(seed), DATES, **SILENCE)
    assert judged.verdict == "no_better_than_recency"
    assert judged.statistic("score")["difference"] == 0


@pytest.mark.parametrize("seed", ONE_NOW)
def test_a_score_whose_direction_is_wrong_predicts_backwards(seed):
    upside_down = Scorecard(tuple(replace(part, direction="down") for part in EVEN.components))
    judged, right = backtest_score(upside_down, made(seed), DATES, **CONTRACTS), judged_even(seed)
    assert judged.verdict == "predicts_backwards"
    assert judged.statistic("score")["value"] == pytest.approx(1 - right.statistic("score")["value"], abs=1e-3)


def test_a_score_that_a_dataset_has_already_is_the_one_that_is_judged(small):
    churn = CONTRACTS["churn"]
    dataset = churn_dataset(small, DATES[:2], CONTRACTS["churn"], as_of=END)
    scored = with_scores(EVEN, dataset)
    once, twice = (verdict(EVEN, each, churn) for each in (dataset, scored))
    pd.testing.assert_frame_equal(once.backtest.statistics, twice.backtest.statistics)
    pd.testing.assert_frame_equal(once.weights, twice.weights)
    other = verdict(EVEN, scored.with_columns(score=pl.col("score") * 0 + 50), churn)
    assert other.statistic("score")["value"] == 0.5


def test_the_score_and_the_models_of_one_dataset_have_the_same_numbers(small):
    """What the engagement report and the churn report print of recency is one number."""
    churn = CONTRACTS["churn"]
    scored = with_scores(EVEN, churn_dataset(small, DATES, churn, as_of=END)).drop_nulls("score")
    judged = verdict(EVEN, scored, churn)
    compared = compare_models(scored, churn, candidates=CANDIDATES[:4])
    for predictor in ("recency", "score", "slope", "frequency", "base_rate"):
        for statistic in ("roc_auc", "average_precision", "lift"):
            assert judged.statistic(predictor, statistic) == pytest.approx(
                compared.statistic(predictor, statistic), nan_ok=True
            )


def test_too_few_who_left_give_no_verdict(small):
    events = small.before(END)["interactions"]
    few = events["customer_id"].unique().sort().head(FEWEST)
    history = History({"interactions": events.filter(pl.col("customer_id").is_in(few))})
    judged = backtest_score(EVEN, history, DATES, **SILENCE)
    assert judged.verdict == "too_few"
    assert judged.customers == FEWEST


@pytest.mark.parametrize("stays", [True, False])
def test_where_all_do_the_same_there_is_no_verdict_and_no_number(stays):
    people = [f"c{n}" for n in range(120)]
    days = [10, 40] if stays else [10]
    events = pl.concat(
        pl.DataFrame({"customer_id": people, "time": DATES[0] + dt.timedelta(days=day), "action": "view"})
        for day in days
    )
    judged = backtest_score(
        Scorecard((Component("interactions", 1, 0, 4),)),
        History({"interactions": events}),
        [DATES[0] + 4 * WEEK],
        FEW_WEEKS["churn"],
        window="28d",
        as_of=DATES[0] + 9 * WEEK,
    )
    assert judged.verdict == "too_few"
    assert judged.churned == (0 if stays else 120)
    assert np.isnan(judged.statistic("score")["value"])
    assert np.isnan(judged.gain[0])


def naive(history, card, date, horizon="84d", *, contractual):
    """Scores and outcomes of one date, each by a pass of its own."""
    before, after = history.before(date), history.before(END)
    scored = card.score(customer_features(history, date, horizon), keep=["recency_days"])
    churn = ChurnDefinition(horizon=horizon, contractual=contractual)
    base = active_base(after["subscriptions" if contractual else "interactions"], date, churn).drop("date")
    assert before["interactions"]["time"].max() < date
    return base.filter("in_base").join(scored, on="customer_id", how="left")


@pytest.mark.parametrize("contractual", [True, False])
def test_figures_of_a_date_are_those_of_scikit_learn(small, contractual):
    judged = backtest_score(EVEN, small, DATES[:1], **(CONTRACTS if contractual else SILENCE))
    rows = naive(small, EVEN, DATES[0], contractual=contractual)
    assert judged.customers == rows.height
    assert judged.churned == rows["churned"].sum()
    rows = rows.drop_nulls("score")
    score, churned = (-rows["score"]).to_numpy(), rows["churned"].to_numpy()
    assert judged.statistic("score")["value"] == pytest.approx(roc_auc_score(churned, score))
    assert judged.statistic("recency")["value"] == pytest.approx(roc_auc_score(churned, rows["recency_days"]))
    assert judged.statistic("score", "average_precision")["value"] == pytest.approx(
        average_precision_score(churned, score)
    )
    assert judged.statistic("base_rate")["value"] == 0.5
    assert judged.statistic("base_rate", "average_precision")["value"] == pytest.approx(churned.mean())
    assert judged.statistic("base_rate", "lift")["value"] == pytest.approx(1)


def test_figures_of_several_dates_are_averaged_by_their_customers(small):
    score = replace(EVEN, hysteresis=0)  # so that a date by itself has the same segments
    judged = backtest_score(score, small, DATES[:3], **CONTRACTS)
    each = [naive(small, score, date, contractual=True).drop_nulls("score") for date in DATES[:3]]
    aucs = [roc_auc_score(rows["churned"], -rows["score"]) for rows in each]
    assert judged.statistic("score")["value"] == pytest.approx(np.average(aucs, weights=[rows.height for rows in each]))
    at_risk = pl.concat(naive(small, score, date, contractual=True) for date in DATES[:3])
    rates = at_risk.group_by("segment").agg(pl.len(), pl.col("churned").mean())
    expected = {segment or "": (n, rate) for segment, n, rate in rates.iter_rows()}
    for cell in judged.segments.to_dict("records"):
        if cell["n"]:
            assert (cell["n"], cell["value"]) == pytest.approx(expected[cell["segment"]])
            assert cell["low"] <= cell["value"] <= cell["high"]


def test_fitted_weights_are_those_of_an_unpenalised_logistic_regression(small):
    judged = backtest_score(EVEN, small, DATES[:4], **CONTRACTS)
    rows = naive(small, EVEN, DATES[0], contractual=True).drop_nulls("score")
    design = rows.select(pl.col(f"{name}_points") * 3 / 100 for name in EVEN.features).to_numpy()
    weights = LogisticRegression(C=np.inf, tol=1e-8).fit(design, ~rows["churned"].to_numpy()).coef_[0]
    assert judged.weights["fitted"].to_numpy() == pytest.approx(weights / weights.sum(), abs=1e-3)


def test_weights_are_fitted_on_dates_whose_horizon_was_over_on_the_last(small):
    assert np.isnan(backtest_score(EVEN, small, DATES[:3], **CONTRACTS).gain[0])  # 8 weeks apart, the horizon is 12
    assert not np.isnan(backtest_score(EVEN, small, DATES[:4], **CONTRACTS).gain[0])


def test_dates_whose_horizon_is_not_over_are_left_out(small):
    judged = backtest_score(EVEN, small, [*DATES[:1], END - WEEK], **CONTRACTS)
    assert (judged.dates, judged.unfinished) == (DATES[:1], [END - WEEK])
    nothing = backtest_score(EVEN, small, [END - WEEK], **CONTRACTS)
    assert (nothing.verdict, nothing.dates, nothing.customers) == ("too_few", [], 0)


def test_the_end_is_the_last_interaction_unless_it_is_given(small):
    last = small.before(END + WEEK)["interactions"]["time"].max()
    assert backtest_score(EVEN, small, [last - 12 * WEEK], SILENCE["churn"]).dates == [last - 12 * WEEK]
    late = last - 12 * WEEK + dt.timedelta(microseconds=1)
    assert backtest_score(EVEN, small, [late], SILENCE["churn"]).dates == []


def test_what_comes_after_the_horizon_changes_nothing(small):
    events, later = small.before(END)["interactions"], DATES[1] + 12 * WEEK
    known = backtest_score(
        EVEN, History({"interactions": events.filter(pl.col("time") < later)}), DATES[:2], SILENCE["churn"], as_of=later
    )
    every = backtest_score(EVEN, History({"interactions": events}), DATES[:2], **SILENCE)
    pd.testing.assert_frame_equal(known.backtest.statistics, every.backtest.statistics)


def test_the_window_of_the_score_may_differ_from_the_horizon(small):
    judged = backtest_score(EVEN, small, DATES[:2], ChurnDefinition(horizon="56d", contractual=True), as_of=END)
    rows = naive(small, EVEN, DATES[0], "56d", contractual=True)
    assert judged.customers >= rows.height
    assert judged.dates == DATES[:2]


def test_the_same_on_every_kind_of_frame(small, on_engine):
    few = small.before(END)["interactions"].filter(pl.col("customer_id") < 300)
    expected = backtest_score(EVEN, History({"interactions": few}), DATES[:2], **SILENCE)
    judged = backtest_score(EVEN, History({"interactions": on_engine(few)}), DATES[:2], **SILENCE)
    pd.testing.assert_frame_equal(judged.backtest.statistics, expected.backtest.statistics)
    pd.testing.assert_frame_equal(judged.segments, expected.segments)


def test_revenue_that_follows_the_score_correlates_with_it():
    rng = np.random.default_rng(5)
    people, level = np.arange(400), rng.integers(1, 9, 400)
    rows = [
        (who, DATES[0] + dt.timedelta(days=int(day), hours=int(hour)), "purchase", float(level[who]))
        for who in people
        for day in (-3, 5)
        for hour in range(level[who])
    ]
    events = pl.DataFrame(rows, schema=["customer_id", "time", "action", "value"], orient="row")
    card = Scorecard((Component("orders", 1, 0, 10),))
    judged = backtest_score(card, History({"interactions": events}), DATES[:1], **FEW_WEEKS)
    assert judged.statistic("score", "value_correlation")["value"] == pytest.approx(1)
    assert np.isnan(
        backtest_score(EVEN, made(1, 200), DATES[:1], **CONTRACTS).statistic("score", "value_correlation")["value"]
    )


def test_no_date_and_no_such_feature_are_refused(small):
    with pytest.raises(ValueError, match="dates: there is none"):
        backtest_score(EVEN, small, [], SILENCE["churn"])
    odd = Scorecard((Component("active_day", 1, 0, 9),))
    with pytest.raises(DataError, match="active_day: is not a column. Did you mean active_days?"):
        backtest_score(odd, small, DATES[:1], **CONTRACTS)
    assert {"better_than_recency", "too_few"} < set(VERDICTS)


def visits(rows, **more):
    """Customers with so many interactions in the four weeks before the first date, who came back or not."""
    times = [
        (who, DATES[0] + dt.timedelta(days=day))
        for who, (count, back) in enumerate(rows)
        for day in [-1] * count + [1] * back
    ]
    frame = pl.DataFrame(times, schema=["customer_id", "time"], orient="row").with_columns(
        action=pl.lit("view"), **more
    )
    return History({"interactions": frame})


COUNTED = Scorecard((Component("interactions", 1, 0, 10),))


def test_equal_scores_share_a_tenth_and_a_sure_rate_has_an_interval():
    judged = backtest_score(COUNTED, visits([(2, n >= 60) for n in range(120)]), DATES[:1], **FEW_WEEKS)
    assert judged.deciles.dropna(subset="value")[["n", "value"]].to_numpy().tolist() == [[120, 0.5]]
    sure = backtest_score(COUNTED, visits([(2, False)] * 60 + [(9, True)] * 60), DATES[:1], **FEW_WEEKS)
    cells = sure.segments.set_index("segment")
    assert cells.loc["at_risk", ["value", "low"]].tolist() == pytest.approx([1, 1 / (1 + 1.959964**2 / 60)], abs=1e-6)
    assert cells.loc["advocate", "high"] > 0


def test_a_component_that_is_not_recorded_has_no_figures_of_its_own():
    card = Scorecard((Component("interactions", 1, 0, 10), Component("duration_s", 1, 0, 10)))
    rng = np.random.default_rng(1)
    judged = backtest_score(
        card, visits([(int(n), bool(rng.random() < n / 12)) for n in rng.integers(1, 10, 400)]), DATES[:1], **FEW_WEEKS
    )
    weights = judged.weights.set_index("feature")
    assert weights.loc["interactions", "roc_auc"] > 0.6
    assert weights.loc["duration_s", ["fitted", "roc_auc", "value_correlation"]].isna().all()


def test_dates_with_hardly_anybody_on_one_side_do_not_count():
    history = visits([(n % 9 + 1, n >= 4) for n in range(300)])  # four left
    judged = backtest_score(COUNTED, history, DATES[:1], **FEW_WEEKS)
    assert judged.verdict == "too_few"
    assert np.isnan(judged.statistic("score")["value"])
    assert judged.churned == 4


def test_who_has_no_score_does_not_help_to_a_verdict():
    """Of 120 contracts, 60 of which end, six do anything at all, and of the others it is not known in which weeks."""
    paid = pl.DataFrame(
        {
            "customer_id": range(120),
            "starts_at": DATES[0] - 30 * WEEK,
            "ends_at": [DATES[0] + WEEK if n < 60 else None for n in range(120)],
        }
    )
    events = pl.DataFrame({"customer_id": [0, 1, 2, 60, 61, 62], "time": DATES[0] - WEEK, "action": "view"})
    steady = Scorecard((Component("active_share", 1, 0, 1),))
    judged = backtest_score(steady, History({"interactions": events, "subscriptions": paid}), DATES[:1], **CONTRACTS)
    assert (judged.verdict, judged.customers, judged.churned) == ("too_few", 120, 60)
    assert judged.segments.set_index("segment").loc["", ["n", "churned"]].tolist() == [114, 57]


@pytest.mark.parametrize("name", ["churned", "next_value"])
def test_what_came_later_is_no_feature(small, name):
    with pytest.raises(DataError, match=f"{name}: is an outcome"):
        backtest_score(Scorecard((Component(name, 1, 0, 1),)), small, DATES[:1], **SILENCE)


def test_a_date_without_the_zone_of_the_end_is_refused(small):
    with pytest.raises(ValueError, match="some have a time zone and others none"):
        backtest_score(EVEN, small, DATES[:1], SILENCE["churn"], as_of=END.replace(tzinfo=dt.UTC))
