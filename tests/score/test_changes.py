import datetime as dt

import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engagekit.errors import DataError
from engagekit.score.changes import score_changes, segment_transitions
from engagekit.score.components import Component
from engagekit.score.scorecard import Scorecard

MAY, JUNE, JULY = (dt.datetime(2026, month, 1) for month in (5, 6, 7))
CARD = Scorecard((Component("orders", 3, 0, 10), Component("visits", 1, 0, 10)))
POINT = st.one_of(st.none(), st.floats(0, 10))


def scored(*rows):
    frame = pl.DataFrame(rows, schema=["customer_id", "date", "orders", "visits"], orient="row", strict=False)
    return CARD.score(frame.with_columns(pl.col("orders", "visits").cast(pl.Float64)))


def test_the_largest_fall_comes_first_with_the_component_behind_it():
    changes = score_changes(
        CARD,
        scored(("a", MAY, 8, 4), ("a", JUNE, 8, 8), ("b", MAY, 10, 0), ("b", JUNE, 6, 4), ("c", JUNE, 5, 5)),
        MAY,
        JUNE,
    )
    assert changes["customer_id"].to_list() == ["b", "a", "c"]
    assert changes["change"].to_list() == pytest.approx([-20, 10, None])
    assert changes["orders_change"].to_list() == pytest.approx([-30, 0, None])
    assert changes["visits_change"].to_list() == pytest.approx([10, 10, None])
    assert changes["mostly"].to_list() == ["orders", "visits", None]
    assert changes["segment_before"].to_list() == ["advocate", "advocate", None]
    assert changes["segment_after"].to_list() == ["potential", "advocate", "potential"]


@given(st.tuples(POINT, POINT), st.tuples(POINT, POINT))
def test_changes_add_up_exactly_also_where_a_component_is_not_known(before, after):
    assume(any(value is not None for value in before) and any(value is not None for value in after))
    row = score_changes(CARD, scored(("a", MAY, *before), ("a", JUNE, *after)), MAY, JUNE).row(0, named=True)
    assert row["orders_change"] + row["visits_change"] == row["change"]
    assert (row["mostly"] is None) == (row["change"] == 0)


def test_transitions_count_the_customers_of_the_changes():
    rows = [
        ("a", MAY, 9, 9),
        ("a", JUNE, 1, 1),
        ("b", MAY, 9, 9),
        ("b", JUNE, 9, 9),
        ("c", MAY, 9, 9),
        ("d", JUNE, 5, 5),
    ]
    transitions = segment_transitions(score_changes(CARD, scored(*rows), MAY, JUNE))
    went = {(old, new): n for old, new, n in transitions.iter_rows() if n}
    assert went == {
        ("advocate", "at_risk"): 1,
        ("advocate", "advocate"): 1,
        ("advocate", None): 1,
        (None, "potential"): 1,
    }
    assert transitions.height == 4 * 4 - 1


def test_pandas_gives_pandas():
    changes = score_changes(CARD, scored(("a", MAY, 9, 9), ("a", JUNE, 1, 1)).to_pandas(), MAY, JUNE)
    assert isinstance(changes, pd.DataFrame)
    assert isinstance(segment_transitions(changes), pd.DataFrame)
    assert segment_transitions(changes)["customers"].sum() == 1


def test_a_date_without_scores_is_named():
    with pytest.raises(DataError, match="there is no score on 2026-07-01"):
        score_changes(CARD, scored(("a", MAY, 9, 9)), MAY, JULY)
