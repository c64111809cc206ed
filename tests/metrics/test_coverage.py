import importlib.util
import math
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engagekit.metrics import order_value
from engagekit.metrics.compare import paired_difference

PATH = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
REPLICATIONS = 2_000
ERRORS = 3  # standard errors that a simulated figure may be off
VISITS = "visits of customers: conversion rate"
SKEWED, RARE = "visits of customers: visits per customer", "visits of customers: bounces of a few"
OUTSIDE = {(RARE, "100 units"), (RARE, "400 units")}  # a few carry it, as the estimates say


@pytest.fixture(scope="module")
def coverage():
    if not PATH.exists():
        pytest.skip("the benchmarks are not beside the tests")
    spec = importlib.util.spec_from_file_location("coverage_benchmark", PATH)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def cells_of(coverage):
    """Cells of every family, quickly."""
    return {
        family.__name__: list(family(REPLICATIONS // 5 if family is coverage.survived else REPLICATIONS))
        for family in coverage.FAMILIES
    }


def outside(cells):
    """Cells beyond their band by more than the error of the simulation; an exact one has none."""
    return [cell for cell in cells if cell.inside is False and beyond(cell) > ERRORS * simulation_error(cell)]


def beyond(cell):
    return max(cell.band[0] - cell.coverage, cell.coverage - cell.band[1])


def simulation_error(cell):
    edge = min(cell.band, key=lambda bound: abs(bound - cell.coverage))
    return math.sqrt(edge * (1 - edge) / cell.simulated) if cell.simulated else 0


@pytest.mark.parametrize(
    "family",
    [
        "wilson",
        "wilson_on_average",
        "net_promoter",
        "ratios",
        "means",
        "money",
        "quantiles",
        "newcombe",
        "mover",
        "paired",
    ],
)
def test_intervals_hold_the_truth_as_often_as_asked(cells_of, family):
    assert not [cell for cell in outside(cells_of[family]) if (cell.case, cell.size) not in OUTSIDE]


def test_a_median_of_which_some_are_still_open_is_held_as_often_as_asked(cells_of):
    assert not outside([cell for cell in cells_of["survived"] if cell.case.startswith("50%")])


def test_a_90th_percentile_of_which_some_are_still_open_is_held_as_often_as_asked(cells_of):
    assert not outside([cell for cell in cells_of["survived"] if cell.case.startswith("90%")])


def test_fifty_customers_are_enough_for_a_mean_that_a_few_carry(coverage):
    """Student's interval lay below the truth in 1 of 11."""
    draw, truth = coverage.MEANS[SKEWED]
    sample = draw(np.random.default_rng(5), (10_000, 50))
    assert coverage.covered(sample.interval(), truth).mean() >= coverage.RATIO[0]


@pytest.mark.parametrize(("case", "units", "least", "most"), [(RARE, 100, 0.5, 1), (VISITS, 100, 0, 0.1)])
def test_rates_warn_where_their_intervals_are_too_narrow_and_hardly_elsewhere(coverage, case, units, least, most):
    draw, _ = coverage.RATIOS[case]
    sample = draw(np.random.default_rng(5), (2_000, units))
    warned = sample.fields()["warning"] == "few_carry_it"
    assert least <= warned.mean() <= most


def test_the_figures_beside_agree_with_ours(cells_of):
    for family, peer in [("wilson", "statsmodels"), ("wilson_on_average", "statsmodels"), ("newcombe", "statsmodels")]:
        for cell in cells_of[family]:
            assert cell.beside[peer] == pytest.approx(cell.coverage, abs=1e-9)
    for family in ("wilson", "net_promoter", "quantiles"):
        for cell in cells_of[family]:
            error = math.sqrt(cell.coverage * (1 - cell.coverage) / REPLICATIONS)
            assert math.isnan(cell.coverage) or abs(cell.beside["Monte Carlo"] - cell.coverage) < ERRORS * error


def test_rows_taken_for_units_hold_the_truth_less_often(cells_of):
    assert all(cell.beside["rows as units"] < cell.coverage - 0.05 for cell in cells_of["ratios"])


def test_the_plain_interval_of_a_score_holds_it_less_often(cells_of):
    assert all(cell.beside["plain Wald"] <= cell.coverage + 1e-3 for cell in cells_of["net_promoter"])


@pytest.mark.parametrize("kind", ["RATIOS", "MEANS"])
def test_one_large_draw_agrees_with_the_truth(coverage, kind):
    for case, (draw, truth) in getattr(coverage, kind).items():
        sample = draw(np.random.default_rng(4), (1, 200_000))
        low, high = (float(bound[0]) for bound in sample.interval())
        error = (high - low) / 2 / coverage.Z
        assert abs(float(sample.ratio[0]) - truth) < ERRORS * error, case


def test_the_median_of_ten_is_held_by_its_second_and_ninth(coverage, cells_of):
    # missed where none or one, or nine or ten, of ten fall below it: 2 (1 + 10) of 2^10
    assert coverage.ranks(0.5, 10) == (2, 9)
    assert cells_of["quantiles"][0].coverage == pytest.approx(1 - 22 / 1024)


def test_the_paired_interval_is_what_paired_difference_gives(coverage):
    random = np.random.default_rng(2)
    new, old = coverage.two_months(random, (3, 30))
    low, high = coverage.paired_interval(new, old)
    for number in range(3):
        expected = paired_difference(order_value, as_orders(old, number), as_orders(new, number))
        assert (low[number], high[number]) == pytest.approx(expected[1:])
    assert not np.isnan(low).any()


def as_orders(sample, number):
    """A row for each of a customer's y orders, which together come to x."""
    customers = pl.DataFrame({"customer_id": range(30), "x": sample.x[number], "y": sample.y[number]})
    each = (pl.col("x") / pl.col("y")).repeat_by(pl.col("y").cast(pl.UInt32))
    return customers.filter(pl.col("y") > 0).select("customer_id", value=each, lines=1).explode("value")


def test_every_cell_is_printed_and_those_outside_are_counted(coverage, monkeypatch, capsys):
    def family(_replications):
        """Three cells."""
        yield coverage.Cell("good", "50", 0.1, np.float64(0.9996), (0.95, 1))
        yield coverage.Cell("bad", "60", 0.1, np.float64(0.9194), (0.92, 0.97))
        yield coverage.Cell("undefined", "70", 0.1, math.nan, (0.92, 0.97))
        yield coverage.Cell("free", "80", 0.1, 0.5, None)

    monkeypatch.setattr(coverage, "FAMILIES", [family])
    coverage.main(100)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("| ")][2:] == [
        "| good | 50 | 0.1 | 100.0 | 95.0-100.0 | yes |",
        "| bad | 60 | 0.1 | 91.9 | 92.0-97.0 | NO |",
        "| undefined | 70 | 0.1 | none | 92.0-97.0 |  |",
        "| free | 80 | 0.1 | 50.0 |  |  |",
    ]
    assert lines[-1] == "1 of 2 cells with a band are outside; bad (60): 91.9."


def test_a_coverage_is_judged_as_it_is_printed(coverage):
    shares = [0.9194, 0.9196, 0.9704, 0.9706]
    assert [coverage.Cell("", "", 0, share, (0.92, 0.97)).inside for share in shares] == [False, True, True, False]


def test_no_two_cells_are_called_the_same(cells_of):
    for cells in cells_of.values():
        names = sorted((cell.case, cell.size, cell.truth) for cell in cells)
        assert all(one != other for one, other in pairwise(names))
