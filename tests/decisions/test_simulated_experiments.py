"""Simulated tests whose effect is known, few of them: as ``benchmarks/experiments.py`` does it with many."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "experiments.py"


@pytest.fixture(scope="module")
def benchmark():
    if not PATH.exists():
        pytest.skip("the benchmarks are not beside the tests")
    spec = spec_from_file_location("benchmark_of_experiments", PATH)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outside(lines):
    """Lines whose number is out of its band."""
    return [line for line in lines if line.endswith("OUT")]


def test_intervals_hold_the_true_effect(benchmark):
    lines = list(benchmark.coverage(200))
    assert len(lines) == len(benchmark.CELLS)
    assert outside(lines) == []


def test_a_covariate_shrinks_the_variance_as_it_should_and_keeps_the_coverage(benchmark):
    assert outside(benchmark.covariate(200)) == []


@pytest.mark.soak
def test_false_positives_of_many_comparisons_and_of_daily_looks_are_at_most_5_in_100(benchmark):
    assert outside([*benchmark.false_positives(200), *benchmark.daily(200)]) == []
