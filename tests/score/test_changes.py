import datetime as dt

import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engagekit.errors import DataError
from engagekit.score.changes import moves, segment_transitions
from engagekit.score.scorecard import Component, Scorecard

MAY, JUNE, JULY = (dt.datetime(2026, month, 1) for month in (5, 6, 7))
CARD = Scorecard((Component("orders", 3, 0, 10), Component("visits", 1, 0, 10)))
POINT = st.one_of(st.none(), st.floats(0, 10))


def scored(*rows):
    frame = pl.DataFrame(rows, schema=["customer_id", "date", "orders", "visits"], orient="row", strict=False)
    return CARD.score(frame.with_columns(pl.col("orders", "visits").cast(pl.Float64)))


def test_who_fell_furthest_comes_first_with_what_it_came_of():
    found = moves(
        CARD,
        scored(("a", MAY, 8, 4), ("a", JUNE, 8, 8), ("b", MAY, 10, 0), ("b", JUNE, 6, 4), ("c", JUNE, 5, 5)),
        MAY,
        JUNE,
    )
    assert found["customer_id"].to_list() == ["b", "a", "c"]
    assert found["change"].to_list() == pytest.approx([-20, 10, None])
    assert found["orders_change"].to_list() == pytest.approx([-30, 0, None])
    assert found["visits_change"].to_list() == pytest.approx([10, 10, None])
    assert found["mostly"].to_list() == ["orders", "visits", None]
    assert found["segment_before"].to_list() == ["advocate", "advocate", None]
    assert found["segment_after"].to_list() == ["potential", "advocate", "potential"]


@given(st.tuples(POINT, POINT), st.tuples(POINT, POINT))
def test_changes_add_up_also_where_a_component_is_not_known(before, after):
    assume(any(value is not None for value in before) and any(value is not None for value in after))
    row = moves(CARD, scored(("a", MAY, *before), ("a", JUNE, *after)), MAY, JUNE).row(0, named=True)
    assert row["orders_change"] + row["visits_change"] == pytest.approx(row["change"])
    assert (row["mostly"] is None) == (row["change"] == 0)


def test_customers_of_a_migration_are_those_of_the_moves():
    rows = [
        ("a", MAY, 9, 9),
        ("a", JUNE, 1, 1),
        ("b", MAY, 9, 9),
        ("b", JUNE, 9, 9),
        ("c", MAY, 9, 9),
        ("d", JUNE, 5, 5),
    ]
    found = segment_transitions(moves(CARD, scored(*rows), MAY, JUNE))
    went = {(old, new): n for old, new, n in found.iter_rows() if n}
    assert went == {
        ("advocate", "at_risk"): 1,
        ("advocate", "advocate"): 1,
        ("advocate", None): 1,
        (None, "potential"): 1,
    }
    assert found.height == 4 * 4 - 1


def test_pandas_gives_pandas():
    found = moves(CARD, scored(("a", MAY, 9, 9), ("a", JUNE, 1, 1)).to_pandas(), MAY, JUNE)
    assert isinstance(found, pd.DataFrame)
    assert isinstance(segment_transitions(found), pd.DataFrame)
    assert segment_transitions(found)["customers"].sum() == 1


def test_a_date_without_scores_is_named():
    with pytest.raises(DataError, match="there is no score on 2026-07-01"):
        moves(CARD, scored(("a", MAY, 9, 9)), MAY, JULY)
