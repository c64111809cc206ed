import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from worlds import DATES, END, EVEN, PLANTED, RECENCY, made

from engagekit.customers.features import customer_features
from engagekit.errors import DataError
from engagekit.prepare.history import History
from engagekit.prepare.leaving import base_at_risk, contracts_at_risk
from engagekit.score.scorecard import Component, Scorecard
from engagekit.score.trial import FEWEST, VERDICTS, trial

SEEDS = (1, 2, 3)
WEEK = dt.timedelta(weeks=1)
CONTRACTS = {"as_of": END, "contractual": True}


@pytest.fixture(scope="module")
def small():
    return made(7, customers=2_000)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_planted_order_of_weights_is_found_and_the_score_beats_recency(seed):
    found = trial(EVEN, made(seed), DATES, **CONTRACTS)
    assert found.verdict == "better_than_recency"
    fitted = found.weights.set_index("feature")["fitted"]
    assert list(fitted.sort_values(ascending=False).index) == [f"interactions_{name}" for name in PLANTED]
    assert found.gain[1] > 0  # even weights are not the planted ones
    assert found.falls


@pytest.mark.parametrize("seed", SEEDS)
def test_a_score_that_is_noise_is_said_not_to_predict(seed):
    assert trial(EVEN, made(seed, strength=0), DATES, **CONTRACTS).verdict == "does_not_predict"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_disguise_of_recency_is_no_better_than_recency(seed):
    found = trial(RECENCY, made(seed), DATES, as_of=END)
    assert found.verdict == "no_better_than_recency"
    assert found.told("score")["difference"] == 0


def test_few_who_left_tell_too_little(small):
    seen = small.before(END)["interactions"]
    few = seen["customer_id"].unique().sort().head(FEWEST)
    found = trial(EVEN, History({"interactions": seen.filter(pl.col("customer_id").is_in(few))}), DATES, as_of=END)
    assert found.verdict == "too_few"
    assert found.customers == FEWEST


@pytest.mark.parametrize("stays", [True, False])
def test_where_all_do_the_same_there_is_no_verdict_and_no_number(stays):
    people = [f"c{n}" for n in range(120)]
    days = [10, 40] if stays else [10]
    seen = pl.concat(
        pl.DataFrame({"customer_id": people, "time": DATES[0] + dt.timedelta(days=day), "action": "view"})
        for day in days
    )
    found = trial(
        Scorecard((Component("interactions", 1, 0, 4),)),
        History({"interactions": seen}),
        [DATES[0] + 4 * WEEK],
        "28d",
        window="28d",
        as_of=DATES[0] + 9 * WEEK,
    )
    assert found.verdict == "too_few"
    assert found.churned == (0 if stays else 120)
    assert np.isnan(found.told("score")["value"])
    assert np.isnan(found.gain[0])


def naive(history, card, date, horizon="84d", *, contractual):
    """Scores and outcomes of one date, each by a pass of its own."""
    before, after = history.before(date), history.before(END)
    scored = card.score(customer_features(history, date, horizon), keep=["recency_days"])
    if contractual:
        base = contracts_at_risk(after["subscriptions"], date, horizon)
    else:
        base = base_at_risk(after["interactions"], date, horizon)
    assert before["interactions"]["time"].max() < date
    return base.filter("at_risk").join(scored, on="customer_id", how="left")


@pytest.mark.parametrize("contractual", [True, False])
def test_figures_of_a_date_are_those_of_scikit_learn(small, contractual):
    found = trial(EVEN, small, DATES[:1], as_of=END, contractual=contractual)
    rows = naive(small, EVEN, DATES[0], contractual=contractual)
    assert found.customers == rows.height
    assert found.churned == rows["churned"].sum()
    rows = rows.drop_nulls("score")
    score, churned = (-rows["score"]).to_numpy(), rows["churned"].to_numpy()
    assert found.told("score")["value"] == pytest.approx(roc_auc_score(churned, score))
    assert found.told("recency")["value"] == pytest.approx(roc_auc_score(churned, rows["recency_days"]))
    assert found.told("score", "average_precision")["value"] == pytest.approx(average_precision_score(churned, score))
    assert found.told("base_rate")["value"] == 0.5
    assert found.told("base_rate", "average_precision")["value"] == pytest.approx(churned.mean())
    assert found.told("base_rate", "lift")["value"] == pytest.approx(1)


def test_figures_of_several_dates_are_averaged_by_their_customers(small):
    score = replace(EVEN, hysteresis=0)  # so that a date by itself has the same segments
    found = trial(score, small, DATES[:3], **CONTRACTS)
    each = [naive(small, score, date, contractual=True).drop_nulls("score") for date in DATES[:3]]
    aucs = [roc_auc_score(rows["churned"], -rows["score"]) for rows in each]
    assert found.told("score")["value"] == pytest.approx(np.average(aucs, weights=[rows.height for rows in each]))
    at_risk = pl.concat(naive(small, score, date, contractual=True) for date in DATES[:3])
    rates = at_risk.group_by("segment").agg(pl.len(), pl.col("churned").mean())
    expected = {segment or "": (n, rate) for segment, n, rate in rates.iter_rows()}
    for cell in found.segments.to_dict("records"):
        if cell["n"]:
            assert (cell["n"], cell["value"]) == pytest.approx(expected[cell["segment"]])
            assert cell["low"] <= cell["value"] <= cell["high"]


def test_fitted_weights_are_those_of_an_unpenalised_logistic_regression(small):
    found = trial(EVEN, small, DATES[:4], **CONTRACTS)
    rows = naive(small, EVEN, DATES[0], contractual=True).drop_nulls("score")
    design = rows.select(pl.col(f"{name}_points") * 3 / 100 for name in EVEN.features).to_numpy()
    weights = LogisticRegression(C=np.inf, tol=1e-8).fit(design, ~rows["churned"].to_numpy()).coef_[0]
    assert found.weights["fitted"].to_numpy() == pytest.approx(weights / weights.sum(), abs=1e-3)


def test_weights_are_fitted_on_dates_whose_horizon_was_over_on_the_last(small):
    assert np.isnan(trial(EVEN, small, DATES[:3], **CONTRACTS).gain[0])  # 8 weeks apart, the horizon is 12
    assert not np.isnan(trial(EVEN, small, DATES[:4], **CONTRACTS).gain[0])
    assert trial(EVEN, small, DATES, **CONTRACTS).told("both")["dates"] == 1


def test_dates_whose_horizon_is_not_over_are_left_out(small):
    found = trial(EVEN, small, [*DATES[:1], END - WEEK], **CONTRACTS)
    assert (found.dates, found.unfinished) == (DATES[:1], [END - WEEK])
    nothing = trial(EVEN, small, [END - WEEK], **CONTRACTS)
    assert (nothing.verdict, nothing.dates, nothing.customers) == ("too_few", [], 0)


def test_the_end_is_the_last_interaction_unless_it_is_given(small):
    last = small.before(END + WEEK)["interactions"]["time"].max()
    assert trial(EVEN, small, [last - 12 * WEEK]).dates == [last - 12 * WEEK]
    late = last - 12 * WEEK + dt.timedelta(microseconds=1)
    assert trial(EVEN, small, [late]).dates == []


def test_what_comes_after_the_horizon_changes_nothing(small):
    seen, later = small.before(END)["interactions"], DATES[1] + 12 * WEEK
    known = trial(EVEN, History({"interactions": seen.filter(pl.col("time") < later)}), DATES[:2], as_of=later)
    every = trial(EVEN, History({"interactions": seen}), DATES[:2], as_of=END)
    pd.testing.assert_frame_equal(known.predictors, every.predictors)


def test_the_window_of_the_score_may_differ_from_the_horizon(small):
    found = trial(EVEN, small, DATES[:2], "56d", window="84d", **CONTRACTS)
    rows = naive(small, EVEN, DATES[0], "56d", contractual=True)
    assert found.customers >= rows.height
    assert found.dates == DATES[:2]


def test_the_same_on_every_kind_of_frame(small, on_engine):
    few = small.before(END)["interactions"].filter(pl.col("customer_id") < 300)
    expected = trial(EVEN, History({"interactions": few}), DATES[:2], as_of=END)
    found = trial(EVEN, History({"interactions": on_engine(few)}), DATES[:2], as_of=END)
    pd.testing.assert_frame_equal(found.predictors, expected.predictors)
    pd.testing.assert_frame_equal(found.segments, expected.segments)


def test_revenue_that_follows_the_score_correlates_with_it():
    rng = np.random.default_rng(5)
    people, level = np.arange(400), rng.integers(1, 9, 400)
    rows = [
        (who, DATES[0] + dt.timedelta(days=int(day), hours=int(hour)), "purchase", float(level[who]))
        for who in people
        for day in (-3, 5)
        for hour in range(level[who])
    ]
    seen = pl.DataFrame(rows, schema=["customer_id", "time", "action", "value"], orient="row")
    card = Scorecard((Component("orders", 1, 0, 10),))
    found = trial(card, History({"interactions": seen}), DATES[:1], "28d", window="28d", as_of=END)
    assert found.told("score", "value_correlation")["value"] == pytest.approx(1)
    assert np.isnan(trial(EVEN, made(1, 200), DATES[:1], **CONTRACTS).told("score", "value_correlation")["value"])


def test_no_date_and_no_such_feature_are_refused(small):
    with pytest.raises(ValueError, match="dates: there is none"):
        trial(EVEN, small, [])
    odd = Scorecard((Component("active_day", 1, 0, 9),))
    with pytest.raises(DataError, match="active_day: is not a column. Did you mean active_days?"):
        trial(odd, small, DATES[:1], **CONTRACTS)
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


FEW_WEEKS = {"horizon": "28d", "window": "28d", "as_of": END}
COUNTED = Scorecard((Component("interactions", 1, 0, 10),))


def test_equal_scores_share_a_tenth_and_a_sure_rate_has_an_interval():
    found = trial(COUNTED, visits([(2, n >= 60) for n in range(120)]), DATES[:1], **FEW_WEEKS)
    assert found.deciles.dropna(subset="value")[["n", "value"]].to_numpy().tolist() == [[120, 0.5]]
    sure = trial(COUNTED, visits([(2, False)] * 60 + [(9, True)] * 60), DATES[:1], **FEW_WEEKS)
    cells = sure.segments.set_index("segment")
    assert cells.loc["at_risk", ["value", "low"]].tolist() == pytest.approx([1, 1 / (1 + 1.959964**2 / 60)], abs=1e-6)
    assert cells.loc["advocate", "high"] > 0


def test_a_component_that_is_not_recorded_has_no_figures_of_its_own():
    card = Scorecard((Component("interactions", 1, 0, 10), Component("duration_s", 1, 0, 10)))
    rng = np.random.default_rng(1)
    found = trial(
        card, visits([(int(n), bool(rng.random() < n / 12)) for n in rng.integers(1, 10, 400)]), DATES[:1], **FEW_WEEKS
    )
    told = found.weights.set_index("feature")
    assert told.loc["interactions", "roc_auc"] > 0.6
    assert told.loc["duration_s", ["fitted", "roc_auc", "value_correlation"]].isna().all()


def test_dates_with_hardly_anybody_on_one_side_do_not_count():
    history = visits([(n % 9 + 1, n >= 4) for n in range(300)])  # four left
    found = trial(COUNTED, history, DATES[:1], **FEW_WEEKS)
    assert found.verdict == "too_few"
    assert np.isnan(found.told("score")["value"])
    assert found.churned == 4


def test_who_has_no_score_does_not_help_to_a_verdict():
    """Of 120 contracts, 60 of which end, six do anything at all."""
    paid = pl.DataFrame(
        {
            "customer_id": range(120),
            "starts_at": DATES[0] - 30 * WEEK,
            "ends_at": [DATES[0] + WEEK if n < 60 else None for n in range(120)],
        }
    )
    seen = pl.DataFrame({"customer_id": [0, 1, 2, 60, 61, 62], "time": DATES[0] - WEEK, "action": "view"})
    found = trial(
        COUNTED, History({"interactions": seen, "subscriptions": paid}), DATES[:1], contractual=True, as_of=END
    )
    assert (found.verdict, found.customers, found.churned) == ("too_few", 120, 60)
    assert found.segments.set_index("segment").loc["", ["n", "churned"]].tolist() == [114, 57]


@pytest.mark.parametrize("name", ["churned", "next_value"])
def test_what_came_later_is_no_feature(small, name):
    with pytest.raises(DataError, match=f"{name}: is what came later"):
        trial(Scorecard((Component(name, 1, 0, 1),)), small, DATES[:1], as_of=END)


def test_a_date_without_the_zone_of_the_end_is_refused(small):
    with pytest.raises(ValueError, match="some have a time zone and others none"):
        trial(EVEN, small, DATES[:1], as_of=END.replace(tzinfo=dt.UTC))
