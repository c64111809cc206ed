"""Totals over ranges of cells, against a loop over every cell."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit.frames.ranges import range_totals

CELLS = st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), st.integers(-9, 9), max_size=20)
RANGES = [range(0, 3), range(2, 5), range(0, 10), range(8, 12), range(4, 4)]
HALVES = [range(0, 1), range(2, 3), range(5, 10), range(8, 9), range(4, 4)]


def frame_of(cells, number=float):
    columns = {"who": [who for who, _ in cells], "week": [week for _, week in cells]}
    schema = {"who": pl.String, "week": pl.Int64, "n": pl.Float64 if number is float else pl.Int64}
    return pl.DataFrame({**columns, "n": list(map(number, cells.values()))}, schema=schema)


@given(CELLS, st.sampled_from([float, int]))
def test_totals_equal_a_loop_over_every_cell(cells, number):
    totals = range_totals(frame_of(cells, number), "who", "week", RANGES, ["n"], ["week"], {"late": ("n", HALVES)})
    expected = []
    for who in sorted({who for who, _ in cells}):
        for place, (whole, half) in enumerate(zip(RANGES, HALVES, strict=True)):
            weeks = [week for other, week in cells if other == who and week in whole]
            late = sum(cells[who, week] for week in half if (who, week) in cells)
            expected += [(who, place, min(weeks), sum(cells[who, week] for week in weeks), late)] if weeks else []
    assert totals.rows() == expected


def test_sums_beyond_64_bits_in_all_are_exact_within_a_range():
    cells = pl.DataFrame({"who": ["a", "a", "b"], "week": [0, 1, 0], "n": [2**62, 2**62, 7]})
    assert range_totals(cells, "who", "week", [range(1, 2), range(0, 1)], ["n"])["n"].to_list() == [2**62, 2**62, 7]


@pytest.mark.parametrize("number", [1e300, -1e19, float("inf")])
def test_numbers_too_large_to_be_whole_are_left_to_another_way(number):
    cells = pl.DataFrame({"who": ["a"], "week": [0], "n": [number]})
    assert range_totals(cells, "who", "week", [range(0, 1)], ["n"]) is None
