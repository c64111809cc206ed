"""BG/NBD: the published figures, the likelihood by integrals, and fits of simulated customers."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from buyers import PAPER, drawn
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution

from engagekit.errors import DataError
from engagekit.value.beta_geometric import BetaGeometric, purchase_likelihood
from engagekit.value.fitting import NoConvergence


def test_the_paper_on_cdnow(fitted):
    result = [fitted.r, fitted.alpha, fitted.a, fitted.b]
    assert result == pytest.approx([0.242593, 4.413532, 0.792886, 2.425754], rel=2e-6)
    assert [round(result[0], 3), *(round(each, 3) for each in result[2:])] == [0.243, 0.793, 2.426]
    assert fitted.log_likelihood == pytest.approx(-9582.4256, abs=1e-4)
    assert (fitted.customers, fitted.unit) == (2357, "week")


def test_expected_purchases_of_cdnow(fitted):
    times, expected = [0.1429, 1, 3, 31.8571, 32, 78], [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert fitted.expected_purchases(times)[:-1] == pytest.approx(expected[:-1], abs=5e-5)
    assert fitted.expected_purchases(times)[-1] == pytest.approx(expected[-1], abs=1e-3)
    assert fitted.expected_purchases(39, 2, 30.43, 38.86) == pytest.approx(1.22591, abs=5e-6)
    assert fitted.p_alive(2, 30.43, 38.86) == pytest.approx(0.72661, abs=5e-6)
    assert (fitted.p_alive([0, 0], [0, 0], [38.86, 1]) == 1).all()


def test_the_likelihood_of_a_history_by_integrals():
    """Over the chance of leaving (the rate's by hand), of a customer who may have left at the last purchase."""
    r, alpha, a, b = values = np.array([0.6, 5.0, 0.8, 2.5])
    x, recency, age = 2, 9.0, 30.0

    def density(p):
        gone = p * (1 - p) ** (x - 1) / (alpha + recency) ** (r + x)
        there = (1 - p) ** x / (alpha + age) ** (r + x)
        return (gone + there) * beta_distribution.pdf(p, a, b)

    by_hand = np.log(quad(density, 0, 1)[0] * alpha**r * r * (r + 1))
    result, _, _ = purchase_likelihood(*np.array([[x], [recency], [age], [1.0]]))(values)
    assert result == pytest.approx(by_hand)


@pytest.mark.parametrize(("a", "b"), [(0.793, 2.426), (1.0, 2.0), (1 + 1e-6, 2.0), (3.0, 5.0), (0.4, 0.6), (0.2, 0.3)])
@pytest.mark.parametrize(("x", "age", "ahead"), [(0, 0, 5), (0, 38.0, 39), (3, 38.0, 0.5), (200, 38.0, 500)])
def test_expected_purchases_by_an_integral(a, b, x, age, ahead):
    """Over the chance of leaving, of a customer who is alive; also where the formula is 0 / 0."""
    model = BetaGeometric(r=0.243, alpha=4.414, a=a, b=b, unit="week")
    r, alpha = model.r + x, model.alpha + age

    def purchases(p):
        return -np.expm1(-r * np.log1p(p * ahead / alpha)) / p

    whole, _ = quad(lambda s: purchases(beta_distribution.ppf(s, a, b + x)), 0, 1, limit=500, epsrel=1e-10)
    result = model.expected_purchases(ahead, x, age, age) / model.p_alive(x, age, age)
    assert result == pytest.approx(whole, rel=1e-5)


def test_a_discount_takes_from_each_period_at_its_end():
    past = ([0, 2], [0, 30], [38, 38])
    each = [PAPER.expected_purchases(k, *past) for k in range(4)]
    by_hand = sum((after - before) / 1.1**k for k, (before, after) in enumerate(pairwise(each), 1))
    assert PAPER.discounted_purchases(0.1, 3, *past) == pytest.approx(by_hand)
    assert PAPER.discounted_purchases(0, 3, *past) == pytest.approx(each[3])


def test_a_simulation_gives_its_parameters_back():
    true = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5}
    rows = drawn(7)
    model = BetaGeometric.fit(rows, "week")
    for name, value in true.items():
        low, high = model.interval(lambda each, name=name: getattr(each, name), 0.999)
        assert low < value < high
    assert model.standard_errors()["alpha"] < 0.4


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


def test_rows_that_stand_for_many_customers_count_as_many():
    rows = drawn(4, 2000).with_columns(pl.col("recency", "age").ceil())
    counted = rows.group_by("frequency", "recency", "age").agg(pl.len().alias("customers"))
    one, other = (BetaGeometric.fit(each, "week") for each in (rows, counted))
    assert other.expected_purchases(10) == pytest.approx(one.expected_purchases(10))
    assert other.customers == one.customers == 2000


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
def test_histories_that_do_not_determine_the_parameters_are_no_convergence(rows, message):
    with pytest.raises(NoConvergence, match=message):
        BetaGeometric.fit(pl.DataFrame(rows), "week")


def test_a_world_where_nobody_leaves_is_no_convergence():
    """All bought until the last day: the longer customers stay, the likelier the data."""
    rows = drawn(6, 400, a=1e-9)
    with pytest.raises(NoConvergence):
        BetaGeometric.fit(
            rows.with_columns(recency=pl.when(pl.col("frequency") > 0).then("age").otherwise(0.0)), "week"
        )


def test_arguments_out_of_range_are_refused():
    for periods in (0, 1.5):
        with pytest.raises(ValueError, match=f"periods: {periods} is not a whole number from 1 up"):
            PAPER.discounted_purchases(0.1, periods)
    with pytest.raises(ValueError, match="discount: -0.1"):
        PAPER.discounted_purchases(-0.1, 3)
    with pytest.raises(ValueError, match="periods: -1.0"):
        PAPER.expected_purchases([3, -1])
    with pytest.raises(ValueError, match="alpha: -1 is not a number above 0"):
        replace(PAPER, alpha=-1)
