"""Who is nearly an advocate, and what holds them back, by hand."""

import pandas as pd
import polars as pl
import pytest

from engagekit import Component, Scorecard
from engagekit.score.nearly import nearly_there

CARD = Scorecard((Component("orders", 0.6, 0, 10), Component("active_days", 0.4, 0, 10)), cuts=(40, 70))
FEATURES = pl.DataFrame(
    {
        "customer_id": ["top", "also", "near", "days", "far", "low"],
        "orders": [10.0, 8.0, 6.0, 10.0, 5.0, 1.0],
        "active_days": [10.0, 9.0, 8.0, 2.0, 5.0, 1.0],
    }
)


def test_the_component_with_the_most_points_to_gain_holds_back():
    scores = CARD.score(FEATURES)
    assert scores["score"].to_list() == [100, 84, 68, 68, 50, 10]
    # the average advocate has 54 points from orders and 38 from active days
    assert nearly_there(CARD, scores).rows() == [
        ("days", 68.0, 2.0, "active_days", 30.0),
        ("near", 68.0, 2.0, "orders", 18.0),
    ]
    assert nearly_there(CARD, scores, within=20)["customer_id"].to_list() == ["days", "near", "far"]


def test_without_an_advocate_nothing_is_said_to_hold_back():
    near = nearly_there(CARD, CARD.score(FEATURES.filter(pl.col("customer_id") == "near")))
    assert near.select("component", "gain").rows() == [(None, None)]


def test_pandas_gives_the_same_and_a_width_must_be_above_0():
    scores = CARD.score(FEATURES.to_pandas())
    assert isinstance(nearly_there(CARD, scores), pd.DataFrame)
    with pytest.raises(ValueError, match="within: 0 is not above 0"):
        nearly_there(CARD, scores, within=0)
