"""RFM by hand, and against scipy's ranks and a loop over the rows."""

import datetime as dt
import math

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import rankdata

from engagekit.customers.rfm import GROUPS, rfm
from engagekit.errors import DataError

END = dt.datetime(2026, 6, 1)


def orders(*rows):
    """Orders: who, days before the end, value and lines."""
    schema = {"customer_id": pl.String, "time": pl.Datetime("us"), "value": pl.Float64, "lines": pl.Int64}
    return pl.DataFrame(
        [(who, END - dt.timedelta(days=days), *rest) for who, days, *rest in rows], schema, orient="row"
    )


def many(seed=5):
    drawn = np.random.default_rng(seed)
    return orders(
        *(
            (
                f"c{drawn.integers(80)}",
                int(drawn.integers(1, 300)),
                float(drawn.integers(1, 40)),
                int(drawn.integers(3)),
            )
            for _ in range(400)
        )
    )


def test_five_customers_are_a_fifth_each():
    bought = [(who, days, 1.0, 1) for days, who in enumerate("abcde", start=1) for _ in range(6 - days)]
    made = rfm(orders(*bought), END)
    assert made.select("customer_id", "recency", "frequency", "monetary").rows() == [
        ("a", 5, 5, 5),
        ("b", 4, 4, 4),
        ("c", 3, 3, 3),
        ("d", 2, 2, 2),
        ("e", 1, 1, 1),
    ]
    assert made["rfm"].to_list() == ["champion", "loyal", "needs_attention", "hibernating", "lost"]
    assert made["recency_days"].to_list() == [1, 2, 3, 4, 5]


def test_equal_customers_stand_in_equal_groups():
    made = rfm(orders(*((who, 3, 5.0, 1) for who in "abcdefg")), END)
    assert set(made.select("recency", "frequency", "monetary", "rfm").rows()) == {(3, 3, 3, "needs_attention")}


def test_refunds_lower_the_value_and_are_no_orders():
    made = rfm(orders(("a", 9, 50.0, 2), ("a", 2, -20.0, 0), ("b", 4, None, 1), ("c", 1, -5.0, 0)), END)
    assert made.select("customer_id", "recency_days", "orders", "value", "monetary").rows() == [
        ("a", 9, 1, 30, 5),
        ("b", 4, 1, None, None),
    ]


def test_each_date_sees_what_came_before_it():
    rows = many()
    dates = [END - dt.timedelta(days=days) for days in (100, 30, 0)]
    apart = pl.concat(rfm(rows.filter(pl.col("time") < date), date) for date in sorted(dates))
    assert rfm(rows, dates).equals(apart)


def test_it_equals_a_loop_and_ranks_of_scipy():
    rows = many()
    expected = {}
    for who in sorted(set(rows["customer_id"])):
        own = [row for row in rows.rows(named=True) if row["customer_id"] == who]
        real = [row for row in own if row["lines"] > 0]
        if real:
            since = min((END - row["time"]).days for row in real)
            expected[who] = (since, len(real), sum(row["value"] for row in own))
    fifths = [
        [
            math.ceil(5 * rank / len(expected))
            for rank in rankdata([sign * numbers[place] for numbers in expected.values()])
        ]
        for place, sign in enumerate((-1, 1, 1))
    ]
    made = rfm(rows, END)
    assert made["customer_id"].to_list() == list(expected)
    assert made.select("recency_days", "orders", "value").rows() == list(expected.values())
    assert made.select("recency", "frequency", "monetary").rows() == list(zip(*fifths, strict=True))
    assert made["rfm"].to_list() == [GROUPS[r][f - 1] for r, f in zip(*fifths[:2], strict=True)]


def test_cuts_of_ones_own():
    made = rfm(
        orders(("a", 3, 5.0, 1), ("b", 40, 100.0, 1)), END, {"recency_days": [7, 30, 60, 90], "value": [1, 9, 20, 99]}
    )
    assert made.select("recency", "monetary").rows() == [(5, 2), (3, 5)]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(seed):
    rows = many().with_columns(value=pl.col("value") / 3)
    assert rfm(rows.sample(fraction=1, shuffle=True, seed=seed), END).equals(rfm(rows, END))


def test_every_kind_of_frame_gives_the_same(in_memory):
    made = nw.from_native(rfm(in_memory(many()), END)).lazy().collect("polars").to_native()
    assert made.select("customer_id", "recency", "frequency", "monetary", "rfm").equals(
        rfm(many(), END).select("customer_id", "recency", "frequency", "monetary", "rfm")
    )
    assert isinstance(rfm(many().to_pandas(), END), pd.DataFrame)


def test_nothing_is_no_buyer():
    assert rfm(orders(), END).height == 0


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        ({"price": [1, 2, 3, 4]}, "is not one of"),
        ({"value": [1, 2]}, "four rising"),
        ({"value": [1, 3, 2, 4]}, "rising"),
    ],
)
def test_cuts_must_be_four_rising_numbers(cuts, message):
    with pytest.raises(ValueError, match=message):
        rfm(many(), END, cuts)


def test_dates_and_columns_are_needed():
    with pytest.raises(ValueError, match="there is none"):
        rfm(many(), [])
    with pytest.raises(DataError, match="lines"):
        rfm(many().drop("lines"), END)
