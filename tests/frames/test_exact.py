"""Sums that do not depend on the order of rows, against Python's whole numbers and fractions."""

from fractions import Fraction

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit.frames.engine import to_narwhals
from engagekit.frames.exact import MONEY, SECONDS, in_parts, square_sum, square_terms

CENTS = st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=40)


def summed(values, parts=MONEY):
    rows = nw.from_native(pl.DataFrame({"x": values}, schema={"x": pl.Float64}))
    return rows.select(in_parts(nw.col("x"), parts).sum() / parts).item()


@given(CENTS, st.randoms())
def test_money_adds_up_to_the_exact_sum_in_any_order(cents, random):
    shuffled = random.sample(cents, len(cents))
    assert summed([cent / 100 for cent in shuffled]) == sum(cents) / 100


@given(CENTS, st.randoms())
def test_squares_add_up_in_any_order_to_the_nearest_number(cents, random):
    numbers = [cent / 100 for cent in random.sample(cents, len(cents))]
    rows = nw.from_native(pl.DataFrame({"x": numbers})).with_columns(in_parts(nw.col("x"), MONEY))
    sums = rows.select(**square_terms(nw.col("x"))).select(nw.all().sum()).to_native()
    exact = sum(Fraction(cent, 100) ** 2 for cent in cents)
    assert sums.select(square_sum(MONEY)).item() == pytest.approx(float(exact), rel=1e-15)


def test_a_missing_number_stays_missing_on_every_engine(on_engine):
    rows = to_narwhals(on_engine(pl.DataFrame({"x": [0.1, None, -2.5, 0.00005]})), ["x"])
    whole = rows.select(in_parts(nw.col("x"), MONEY).alias("x")).collect("polars").to_native()["x"]
    assert sorted(whole.drop_nulls().to_list()) == [-25_000, 1, 1_000]
    assert whole.null_count() == 1


def test_durations_are_kept_to_the_microsecond():
    assert summed([0.000001, 3.5, 86_400.25], SECONDS) == 86_403.750001
