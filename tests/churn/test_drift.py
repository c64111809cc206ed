"""Drift: the index by hand, and how often chance alone passes its bound."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit.churn.drift import drift


def indices(table):
    return table.set_index("column")["value"].to_dict()


def test_the_index_is_that_of_its_formula():
    before = pl.DataFrame({"plan": ["a"] * 6 + ["b"] * 4, "days": [1.0] * 5 + [None] * 5})
    after = pl.DataFrame({"plan": ["b"] * 6 + ["c"] * 4, "days": [1.0] * 9 + [None]})
    a, b, c = (6.5, 0.5), (4.5, 6.5), (0.5, 4.5)  # c is among the others; half a customer is added to each
    plan = sum((new - old) / 11.5 * np.log(new / old) for old, new in (a, b, c))
    days = sum((new - old) / 11 * np.log(new / old) for old, new in ((5.5, 9.5), (5.5, 1.5)))
    assert indices(drift(before, after)) == pytest.approx({"plan": plan, "days": days})
    assert drift(before, after)["column"].to_list() == ["plan", "days"]


def test_nothing_has_moved_between_a_group_and_itself():
    rows = pd.DataFrame({"x": np.arange(50), "same": 1, "yes": [True, False] * 25, "none": [None] * 50})
    found = drift(rows, rows)
    assert (found["value"] == 0).all()
    assert indices(drift(rows, rows, ["x"])) == {"x": 0}


@pytest.mark.soak
def test_chance_alone_stays_below_its_bound_in_95_of_100():
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(600):
        before, after = (pd.DataFrame({"x": rng.normal(size=n)}) for n in (400, 700))
        found = drift(before, after)
        passed += found["value"].iloc[0] > found["by_chance"].iloc[0]
    assert 0.03 <= passed / 600 <= 0.07


def test_a_shift_is_found_and_comes_first():
    rng = np.random.default_rng(1)
    before = pd.DataFrame({"still": rng.normal(size=800), "moved": rng.normal(size=800)})
    found = drift(before, before.assign(moved=rng.normal(0.7, 1, 800)))
    assert found["column"].iloc[0] == "moved"
    assert found["value"].iloc[0] > max(0.25, found["by_chance"].iloc[0])


def test_tenure_ages_by_itself_and_is_left_out():
    before = pd.DataFrame({"x": np.arange(50.0), "tenure_days": np.arange(50.0), "tenure_share": np.arange(50) / 50})
    after = before.assign(tenure_days=before["tenure_days"] + 84, tenure_share=before["tenure_share"] / 2)
    assert indices(drift(before, after)) == indices(drift(before, after, ["x", "tenure_days"])) == {"x": 0}
    assert drift(before, after, ["tenure_days"]).empty


def test_rows_in_another_order_give_the_same_in_the_same_order():
    rng = np.random.default_rng(2)
    names = [f"plan {number}" for number in range(30)]  # all as common, so that twenty are chosen by name
    before = pd.DataFrame({"b": np.repeat(names, 4), "a": np.repeat(names, 4), "x": rng.normal(size=120)})
    after = before.assign(b=rng.permutation(before["b"]), a=before["a"].iloc[::-1].to_numpy())
    found = drift(before, after)
    for seed in range(3):
        shuffled = (frame.sample(frac=1, random_state=seed + side) for side, frame in enumerate((before, after)))
        pd.testing.assert_frame_equal(drift(*shuffled), found, check_exact=True)
    assert found["column"].to_list() == ["a", "b", "x"]  # none has moved, so they come by name


def test_nobody_is_refused():
    rows = pd.DataFrame({"x": [1.0]})
    with pytest.raises(ValueError, match="^before, after: there is nobody in one of them"):
        drift(rows, rows.iloc[:0])
