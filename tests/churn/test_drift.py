"""Drift: the index by hand, and how often chance alone passes its bound."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit.churn.drift import drift


def told(found):
    return found.set_index("column")["value"].to_dict()


def test_the_index_is_that_of_its_formula():
    before = pl.DataFrame({"plan": ["a"] * 6 + ["b"] * 4, "days": [1.0] * 5 + [None] * 5})
    after = pl.DataFrame({"plan": ["b"] * 6 + ["c"] * 4, "days": [1.0] * 9 + [None]})
    a, b, c = (6.5, 0.5), (4.5, 6.5), (0.5, 4.5)  # c is among the others; half a customer is added to each
    plan = sum((new - old) / 11.5 * np.log(new / old) for old, new in (a, b, c))
    days = sum((new - old) / 11 * np.log(new / old) for old, new in ((5.5, 9.5), (5.5, 1.5)))
    assert told(drift(before, after)) == pytest.approx({"plan": plan, "days": days})
    assert drift(before, after)["column"].to_list() == ["plan", "days"]


def test_nothing_has_moved_between_a_group_and_itself():
    rows = pd.DataFrame({"x": np.arange(50), "same": 1, "yes": [True, False] * 25, "none": [None] * 50})
    found = drift(rows, rows)
    assert (found["value"] == 0).all()
    assert told(drift(rows, rows, ["x"])) == {"x": 0}


def test_chance_alone_stays_below_its_bound_in_95_of_100():
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(600):
        before, after = (pd.DataFrame({"x": rng.normal(size=n)}) for n in (400, 700))
        found = drift(before, after)
        passed += found["value"].iloc[0] > found["by_chance"].iloc[0]
    assert 0.03 <= passed / 600 <= 0.07


def test_a_shift_is_told_and_comes_first():
    rng = np.random.default_rng(1)
    before = pd.DataFrame({"still": rng.normal(size=800), "moved": rng.normal(size=800)})
    found = drift(before, before.assign(moved=rng.normal(0.7, 1, 800)))
    assert found["column"].iloc[0] == "moved"
    assert found["value"].iloc[0] > max(0.25, found["by_chance"].iloc[0])


def test_nobody_is_refused():
    rows = pd.DataFrame({"x": [1.0]})
    with pytest.raises(ValueError, match="^before, after: there is nobody in one of them"):
        drift(rows, rows.iloc[:0])
