"""Credit by first, last and linear touch: customers counted by hand, and a naive loop as a second route."""

import datetime as dt
from collections import defaultdict

import numpy as np
import polars as pl
import pytest

from engagekit.decisions.touches import CONVENTIONS, touches
from engagekit.errors import DataError

START = dt.datetime(2026, 1, 1)


def done(*rows):
    """Interactions from ``(customer, hours, action, campaign, value, order)``."""
    full = [(who, START + dt.timedelta(hours=hour), *rest) for who, hour, *rest in rows]
    names = ["customer_id", "time", "action", "campaign", "value", "order_id"]
    types = [pl.String, pl.Datetime("us"), pl.String, pl.String, pl.Float64, pl.String]
    return pl.DataFrame(full, schema=dict(zip(names, types, strict=True)), orient="row")


def credit(frame, column="", **how):
    table = touches(frame, **how)
    named = table["campaign"].fillna("none")
    return {name: dict(zip(named, table[name + column].tolist(), strict=True)) for name in CONVENTIONS}


def buys(who, hour, value=10.0, campaign=None, order=None):
    return who, hour, "purchase", campaign, value, order


def sees(who, hour, campaign):
    return who, hour, "view", campaign, None, None


def test_each_customer_is_credited_as_counted_by_hand():
    frame = done(
        *[sees("a", 0, "X"), sees("a", 24, "Y"), sees("a", 48, "X"), buys("a", 72, 30.0)],  # X, X, X 2/3 and Y 1/3
        *[sees("b", 5, "Y"), buys("b", 6, 20.0)],  # Y, Y, Y
        buys("c", 7, 7.0),  # none
        sees("d", 8, "Z"),  # no conversion
    )
    assert credit(frame) == {
        "first": {"X": 1, "Y": 1, "none": 1},
        "last": {"X": 1, "Y": 1, "none": 1},
        "linear": {"X": pytest.approx(2 / 3), "Y": pytest.approx(4 / 3), "none": 1},
    }
    assert credit(frame, "_value")["linear"] == {"X": pytest.approx(20), "Y": pytest.approx(30), "none": 7}
    assert touches(frame)["customers"].tolist() == [1, 1, 1]


def test_first_and_last_touch_differ_where_campaigns_do():
    given = credit(done(sees("a", 0, "X"), sees("a", 24, "Y"), buys("a", 25)))
    assert given["first"] == {"X": 1, "Y": 0}
    assert given["last"] == {"X": 0, "Y": 1}
    assert given["linear"] == {"X": 0.5, "Y": 0.5}


def test_a_touch_counts_up_to_the_conversion_and_from_after_the_days_before():
    assert credit(done(buys("a", 0, campaign="X")))["first"] == {"X": 1}
    assert credit(done(sees("a", 0, "X"), buys("a", 720)))["first"] == {"none": 1}
    assert credit(done(sees("a", 1, "X"), buys("a", 720)))["first"] == {"X": 1}
    assert credit(done(buys("a", 0), sees("a", 1, "X")))["first"] == {"none": 1}
    assert credit(done(sees("a", 0, "X"), buys("a", 47)), within="1d")["first"] == {"none": 1}


def test_each_conversion_looks_back_on_its_own():
    given = credit(done(sees("a", 0, "X"), buys("a", 1), sees("a", 2, "Y"), buys("a", 3)))
    assert given["first"] == {"X": 2, "Y": 0}
    assert given["last"] == {"X": 1, "Y": 1}
    assert given["linear"] == {"X": 1.5, "Y": 0.5}


def test_interactions_with_one_campaign_close_together_are_one_touch():
    frame = done(sees("a", 0, "X"), sees("a", 0.4, "X"), sees("a", 0.8, "X"), sees("a", 1, "Y"), buys("a", 2))
    assert credit(frame)["linear"] == {"X": 0.5, "Y": 0.5}
    assert credit(frame, gap="10m")["linear"] == {"X": 0.75, "Y": 0.25}


def test_lines_of_an_order_are_one_conversion():
    frame = done(sees("a", 0, "X"), buys("a", 1, 5.0, order="1"), buys("a", 2, 6.0, order="1"), buys("a", 3, 7.0))
    assert credit(frame)["last"] == {"X": 2}
    assert credit(frame, "_value")["last"] == {"X": 18}
    assert credit(done(sees("a", 0, "X"), buys("a", 1, 5.0), buys("a", 1, 6.0)))["last"] == {"X": 1}


def test_key_actions_are_what_converts():
    frame = done(sees("a", 0, "X"), ("a", 1, "signup", None, None, None), buys("a", 2))
    assert credit(frame, key_actions=["signup", "purchase"])["last"] == {"X": 2}
    assert credit(frame, key_actions=["signup"])["last"] == {"X": 1}


def test_who_did_it_and_when_must_be_known():
    frame = done(sees("a", 0, "X"), buys(None, 1), buys("a", 1))
    frame = pl.concat([frame, frame.tail(1).with_columns(time=pl.lit(None, pl.Datetime("us")))])
    assert credit(frame)["first"] == {"X": 1}


def test_without_a_value_there_is_only_the_number():
    table = touches(done(sees("a", 0, "X"), buys("a", 1)).drop("value", "order_id"))
    assert list(table) == ["campaign", "first", "last", "linear", "customers"]


def test_without_conversions_or_rows_the_table_is_empty():
    assert touches(done(sees("a", 0, "X"))).empty
    assert touches(done()).empty


def test_the_smallest_group_of_customers_behind_a_number_is_counted():
    rows = [row for who in "abcdef" for row in (sees(who, 0, "X"), sees(who, 24, "Y"), buys(who, 48))]
    table = touches(done(*rows, sees("g", 0, "Y"), buys("g", 1))).set_index("campaign")
    assert table["customers"].to_dict() == {"X": 6, "Y": 1}  # Y is the first touch of one customer


def naive(frame, within, gap):
    """The three conventions by loops over customers, conversions and touches."""
    totals = {name: defaultdict(float) for name in CONVENTIONS}
    for (_,), mine in frame.group_by("customer_id"):
        rows = sorted(mine.iter_rows(named=True), key=lambda row: (row["time"], row["campaign"] or ""))
        latest, seen = {}, []
        for row in rows:
            name = row["campaign"]
            if name is not None:
                if name not in latest or row["time"] - latest[name] >= gap:
                    seen.append((row["time"], name))
                latest[name] = row["time"]
        for time in sorted({row["time"] for row in rows if row["action"] == "purchase"}):
            names = [name for at, name in seen if time - within < at <= time] or [None]
            totals["first"][names[0]] += 1
            totals["last"][names[-1]] += 1
            for name in names:
                totals["linear"][name] += 1 / len(names)
    return totals


@pytest.mark.parametrize("seed", range(6))
def test_a_naive_loop_gives_the_same(seed):
    rng = np.random.default_rng(seed)
    n = 1_500
    rows = zip(
        rng.integers(0, 60, n).astype(str),
        rng.integers(0, 4_000, n) / 4,
        rng.choice(["view", "purchase"], n, p=[0.8, 0.2]),
        rng.choice(["X", "Y", "Z", None], n, p=[0.2, 0.15, 0.05, 0.6]),
        strict=True,
    )
    frame = done(*((*row, 1.0, None) for row in rows))
    expected = naive(frame, dt.timedelta(days=10), dt.timedelta(minutes=30))
    table = touches(frame, within="10d")
    names = [None if name != name else name for name in table["campaign"]]
    for convention in CONVENTIONS:
        assert dict(zip(names, table[convention], strict=True)) == pytest.approx(expected[convention])
        assert table[convention].sum() == pytest.approx(table["first"].sum())
        assert table[f"{convention}_value"].sum() == pytest.approx(table["first_value"].sum())


def test_the_order_of_rows_and_the_kind_of_frame_change_nothing():
    import duckdb

    frame = done(
        *[row for who in range(9) for row in (sees(f"{who}", who, "XY"[who % 2]), buys(f"{who}", 20, 0.1 * who))]
    )
    expected = touches(frame)
    assert touches(frame.sample(fraction=1, shuffle=True, seed=1)).equals(expected)
    assert touches(frame.to_pandas()).equals(expected)
    assert touches(duckdb.sql("select * from frame")).equals(expected)


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="campaign: is not a column"):
        touches(done().drop("campaign"))
