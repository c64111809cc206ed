"""The search for parameters: gradients, standard errors, and the same result on any engine and number of threads."""

import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from buyers import REGULAR, cohort, drawn

from engagekit.value.beta_geometric import BetaGeometric, purchase_likelihood
from engagekit.value.gamma_gamma import GammaGamma, value_likelihood
from engagekit.value.shifted_beta_geometric import ShiftedBetaGeometric, renewal_likelihood

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


@pytest.mark.parametrize("model", ["purchases", "contracts"])
def test_any_engine_gives_the_same_fit(on_engine, model):
    if model == "purchases":
        rows = drawn(5, 1500).with_columns(pl.col("recency", "age").ceil())
        expected, result = BetaGeometric.fit(rows, "week"), BetaGeometric.fit(on_engine(rows), "week")
    else:
        rows = cohort(REGULAR, 7)
        expected, result = ShiftedBetaGeometric.fit(rows, "year"), ShiftedBetaGeometric.fit(on_engine(rows), "year")
    assert result.log_likelihood == pytest.approx(expected.log_likelihood)
    assert [getattr(result, name) for name in result.names] == pytest.approx(
        [getattr(expected, name) for name in result.names], rel=1e-6
    )


def test_a_fit_depends_on_neither_threads_nor_the_order_of_rows():
    code = """
import sys
import numpy as np, polars as pl
from engagekit.value.beta_geometric import BetaGeometric
rng = np.random.default_rng(0)
age, rate, lived = rng.uniform(20, 60, 30_000), rng.gamma(0.6, 0.2, 30_000), rng.uniform(0, 1, 30_000) ** 0.5
x = rng.poisson(rate * age * lived)
recency = np.where(x > 0, age * lived * rng.uniform(0.01, 1, 30_000) ** (1 / np.maximum(x, 1)), 0)
rows = pl.DataFrame({"frequency": x, "recency": recency, "age": age})
model = BetaGeometric.fit(rows.sample(fraction=1, shuffle=True, seed=int(sys.argv[1])), "week")
print(model, model.covariance.tolist())
"""
    shown = set()
    for threads in ("1", "2"):
        environment = os.environ | {"POLARS_MAX_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-c", code, threads], check=True, capture_output=True, env=environment)
        shown.add(run.stdout)
    assert len(shown) == 1


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
