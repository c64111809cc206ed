"""What groups will buy or renew: the interval holds what comes, and totals are those of the customers added up."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from buyers import PAPER, REGULAR, cohort, spending

from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.forecast import (
    forecast_purchases,
    forecast_renewals,
    next_purchase,
    predictive_interval,
    purchase_variance,
)
from engagekit.value.gamma_gamma import GammaGamma
from engagekit.value.lifetime_value import lifetime_value
from engagekit.value.shifted_beta_geometric import ShiftedBetaGeometric

WORLD = BetaGeometric(r=0.6, alpha=30.0, a=0.8, b=2.5, unit="day")


def future(rng, model, x, recency, age, ahead):
    """Purchases of customers within a time from now, drawn from what BG/NBD says of each history."""
    alive = rng.random(len(x)) < model.p_alive(x, recency, age)
    rate = rng.gamma(model.r + x, 1 / (model.alpha + age))
    leaves = rng.beta(model.a, model.b + x)
    return np.where(alive, np.minimum(rng.poisson(rate * ahead), rng.geometric(np.maximum(leaves, 1e-12))), 0)


def world(seed, customers=600, ahead=120):
    """Histories over 240 days of customers who buy as the model says, and what they buy in the days after."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(WORLD.r, 1 / WORLD.alpha, customers), rng.beta(WORLD.a, WORLD.b, customers)
    allowed = rng.geometric(leaves)[:, None]  # the purchase after which each customer leaves
    times = np.cumsum(rng.exponential(1 / np.maximum(rate, 1e-9)[:, None], (customers, 120)), axis=1)
    bought = (times <= 240 + ahead) & (np.arange(1, 121) <= allowed)
    before = bought & (times <= 240)
    recency = np.where(before, times, 0).max(1)
    rows = pl.DataFrame({"frequency": before.sum(1), "recency": recency, "age": np.full(customers, 240.0)})
    return rows, int((bought & ~before).sum())


@pytest.mark.parametrize("a", [0.3, 1.0, 1.4, 2.0, 3.0])
def test_the_variance_of_a_customer_is_that_of_drawn_futures(a):
    model, rng = replace(PAPER, a=a), np.random.default_rng(3)
    for one in ((0, 0.0, 20.0), (2, 30.43, 38.86), (9, 36.0, 38.0)):
        x, last, age = (np.full(200_000, each, float) for each in one)
        drawn = future(rng, model, x, last, age, 39.0)
        assert float(purchase_variance(model, 39.0, *one)) == pytest.approx(drawn.var(), rel=0.05)


def test_nothing_comes_in_no_time():
    assert float(purchase_variance(PAPER, 0, 2, 30.43, 38.86)) == pytest.approx(0, abs=1e-9)
    assert predictive_interval(0, 0) == (0, 0)
    assert np.isnan(predictive_interval(3, np.nan)).all()


def coverage(seeds):
    inside = []
    for seed in seeds:
        rows, came = world(seed)
        model = BetaGeometric.fit(rows, "day")
        ((_, low, high),) = forecast_purchases(rows, model, periods=120).select("^purchases.*$").rows()
        inside.append(low <= came <= high)
    return np.mean(inside)


def test_the_interval_holds_what_comes():
    assert coverage(range(20)) >= 0.85  # of 20 at 95 % fewer than 17 are inside in 1 of 60 tries


@pytest.mark.soak
def test_the_interval_holds_what_comes_in_19_of_20_worlds():
    assert 0.92 <= coverage(range(400)) <= 0.98


def test_the_interval_of_money_holds_what_is_drawn():
    rows = spending(0)
    model, spend, rng = BetaGeometric.fit(rows, "week"), GammaGamma.fit(rows), np.random.default_rng(1)
    past = [rows[name].to_numpy().astype(float) for name in ("frequency", "recency", "age")]
    x, spent = past[0], np.nan_to_num(rows["value"].to_numpy()) * past[0]
    ((value, low, high),) = forecast_purchases(rows, model, spend, periods=26).select("^expected_value.*$").rows()
    totals = []
    for _ in range(300):
        bought = future(rng, model, *past, 26.0)
        scale = rng.gamma(spend.q + spend.p * x, 1 / (spend.v + spent))
        totals.append(rng.gamma(spend.p * np.maximum(bought, 1e-9), 1 / scale).sum())
    assert value == pytest.approx(np.mean(totals), rel=0.01)
    assert np.mean([low <= total <= high for total in totals]) >= 0.95  # the parameters are not drawn here
    free = replace(model, covariance=np.zeros((4, 4))), replace(spend, covariance=np.zeros((3, 3)))
    ((_, low, high),) = forecast_purchases(rows, *free, periods=26).select("^expected_value.*$").rows()
    assert (high - low) / 3.92 == pytest.approx(np.std(totals), rel=0.12)


def test_a_total_is_that_of_the_customers_added_up(summary, fitted, spend, in_memory):
    rows = summary.with_columns(plan=pl.col("customer_id") % 3)
    each = lifetime_value(rows, fitted, spend, periods=39).with_columns(rows["plan"])
    found = pl.from_dataframe(forecast_purchases(in_memory(rows), fitted, spend, periods=[39, 78], by="plan"))
    expected = each.group_by("plan").agg(pl.len().alias("customers"), pl.col("purchases", "expected_value").sum())
    first = found.filter(pl.col("periods") == 39)
    for column in ("plan", "customers", "purchases", "expected_value"):
        assert first[column].to_list() == pytest.approx(expected.sort("plan")[column].to_list())
    assert found["purchases"].to_list()[3:] > found["purchases"].to_list()[:3]


def test_money_is_null_where_its_assumptions_do_not_hold(summary, fitted, spend):
    rows = spending(1)
    dependent = GammaGamma.fit(rows)
    for history, model, money in (
        (rows, BetaGeometric.fit(rows, "week"), dependent),
        (summary, fitted, replace(spend, q=1.9)),
    ):
        total = forecast_purchases(history, model, money, periods=5)
        assert total.select("^expected_value.*$").row(0) == (None, None, None)
        assert total["purchases"][0] > 0


def test_cdnow_bought_more_than_was_forecast(summary, fitted, transactions):
    """Of 2,357 customers 1,882 purchases came in weeks 40 to 78: more than the interval holds."""
    total = forecast_purchases(summary, fitted, periods=39)
    value, low, high = total.select("^purchases.*$").row(0)
    assert round(value) == 1653
    days = transactions[transactions["date"] >= 19971001].drop_duplicates(["customer_id", "date"])
    assert len(days) == 1882
    assert high < 1882
    past = [summary[name].to_numpy().astype(float) for name in ("frequency", "recency", "age")]
    drawn = np.std([future(np.random.default_rng(seed), fitted, *past, 39.0).sum() for seed in range(300)])
    own = float(np.sqrt(fitted.variance(lambda model: model.expected_purchases(39, *past).sum())))
    assert (high - low) / 3.92 == pytest.approx(np.hypot(drawn, own), rel=0.05)


def test_the_median_time_to_the_next_purchase_is_that_of_drawn_futures():
    rng = np.random.default_rng(4)
    x, last, age = (np.full(100_000, each, float) for each in (2, 30.43, 38.86))
    alive = rng.random(len(x)) < PAPER.p_alive(x, last, age)
    wait = np.where(alive, rng.exponential(1 / rng.gamma(PAPER.r + x, 1 / (PAPER.alpha + age))), np.inf)
    assert float(next_purchase(PAPER, 2, 30.43, 38.86)) == pytest.approx(np.median(wait), rel=0.03)
    assert float(next_purchase(PAPER, 2, 3, 38.86)) == np.inf


def test_renewals_and_their_interval_are_those_of_drawn_contracts():
    model = ShiftedBetaGeometric.fit(cohort(REGULAR, 7), "year")
    rng, made, ahead = np.random.default_rng(5), np.repeat([0, 3], 400), 4
    found = forecast_renewals(pl.DataFrame({"renewals": made, "payment": 10.0}), model, periods=ahead)
    share = [model.retention(made + step) for step in range(1, ahead + 1)]
    by_hand = np.cumprod(share, axis=0)
    assert found["renewals"][0] == pytest.approx(by_hand.sum())
    assert found["kept"][0] == pytest.approx(by_hand[-1].sum())
    assert found["expected_value"][0] == pytest.approx(10 * by_hand.sum())
    leaves = rng.beta(model.alpha, model.beta + made, (2000, 800))
    drawn = np.minimum(rng.geometric(leaves) - 1, ahead).sum(1)
    sure = forecast_renewals(
        pl.DataFrame({"renewals": made}), replace(model, covariance=np.zeros((2, 2))), periods=ahead
    )
    assert (sure["renewals_high"][0] - sure["renewals_low"][0]) / 3.92 == pytest.approx(drawn.std(), rel=0.06)
    assert found["renewals_high"][0] > sure["renewals_high"][0]


def test_arguments_out_of_range_are_refused(summary, fitted):
    with pytest.raises(ValueError, match="covariance: parameters that were given have none"):
        forecast_purchases(summary, PAPER, periods=3)
    with pytest.raises(ValueError, match="periods: -1"):
        forecast_purchases(summary, fitted, periods=-1)
    with pytest.raises(ValueError, match="periods: 1.5 is not a whole number"):
        forecast_renewals(pl.DataFrame({"renewals": [1]}), ShiftedBetaGeometric(1.0, 1.0, "month"), periods=1.5)
