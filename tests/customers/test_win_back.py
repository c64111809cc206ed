"""Win-back lists by hand and against a loop over the rows."""

import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit.customers.win_back import win_back
from engagekit.errors import DataError
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition

END = dt.datetime(2026, 6, 1)
SHOP = ChurnDefinition(horizon="28d", contractual=False)
GYM = ChurnDefinition(horizon="28d", contractual=True, grace="7d")


def ago(days):
    return END - dt.timedelta(days=days)


def shop(*rows):
    """Interactions of customers: who, days before the end, action and value."""
    schema = {"customer_id": pl.String, "time": pl.Datetime("us"), "action": pl.String, "value": pl.Float64}
    return pl.DataFrame([(who, ago(days), action, value) for who, days, action, value in rows], schema, orient="row")


def gym(*rows):
    """Paid periods of customers: who, days before the end of their start and end, and monthly value."""
    schema = {"starts_at": pl.Datetime("us"), "ends_at": pl.Datetime("us"), "monthly_value": pl.Float64}
    times = [(who, ago(start), None if end is None else ago(end), value) for who, start, end, value in rows]
    return pl.DataFrame(times, {"customer_id": pl.String} | schema, orient="row")


def rows_of(frame):
    return nw.from_native(frame).lazy().collect("polars").to_native().rows()


VISITS = shop(
    ("silent", 56, "purchase", 10.0),
    ("silent", 40, "purchase", 20.0),
    ("silent", 57, "purchase", 500.0),  # before the active window
    ("refunded", 30, "purchase", 50.0),
    ("refunded", 29, "refund", -15.0),
    ("browsed", 28.5, "view", None),
    ("back", 40, "purchase", 90.0),
    ("back", 28, "view", None),  # on the first instant of the horizon
    ("new", 10, "purchase", 70.0),
    ("long gone", 60, "purchase", 80.0),
)


def test_customers_silent_for_a_horizon_come_with_what_they_spent_before(on_engine):
    """By hand: 50 - 15 = 35 and 10 + 20 = 30; the last interactions are 29, 40 and 28.5 days ago."""
    result = win_back(History({"interactions": on_engine(VISITS)}), END, SHOP)
    assert rows_of(result) == [("refunded", 29.0, 35.0), ("silent", 40.0, 30.0), ("browsed", 28.5, 0.0)]


def test_a_longer_active_window_lists_more():
    churn = ChurnDefinition(horizon="28d", contractual=False, active_window="56d")
    result = win_back(History({"interactions": VISITS}), END, churn)
    assert [row[0] for row in result.rows()] == ["silent", "long gone", "refunded", "browsed"]


def test_nothing_after_the_date_counts():
    history = History({"interactions": VISITS})
    later = pl.concat([VISITS, shop(("silent", -1, "purchase", 5.0))])
    assert win_back(History({"interactions": later}), END, SHOP).equals(win_back(history, END, SHOP))


def test_the_list_is_that_of_a_loop_over_the_rows():
    rng = np.random.default_rng(1)
    rows = [
        (f"c{rng.integers(40):02}", float(rng.integers(0, 90)), "purchase", float(rng.integers(1, 9)))
        for _ in range(100)
    ]
    expected = []
    for who in sorted({row[0] for row in rows}):
        own = [(days, value) for name, days, _, value in rows if name == who]
        active = [value for days, value in own if 28 < days <= 56]
        if active and not [days for days, _ in own if 0 < days <= 28]:
            expected.append((who, min(days for days, _ in own if days > 0), sum(active)))
    expected.sort(key=lambda row: (-row[2], row[0]))
    assert len(expected) == 5
    assert win_back(History({"interactions": shop(*rows)}), END, SHOP).rows() == expected


def test_customers_who_opted_out_are_left_out(on_engine):
    customers = pl.DataFrame({"customer_id": ["refunded", "browsed", "silent"], "opted_out": [True, None, False]})
    result = win_back(History({"interactions": on_engine(VISITS)}), END, SHOP, customers=on_engine(customers))
    assert [row[0] for row in rows_of(result)] == ["silent", "browsed"]


def test_without_a_column_opted_out_nobody_is_left_out():
    customers = pl.DataFrame({"customer_id": ["silent"]})
    assert win_back(History({"interactions": VISITS}), END, SHOP, customers=customers).height == 3
    with pytest.raises(DataError, match="^opted_out: is String, not yes or no"):
        win_back(History({"interactions": VISITS}), END, SHOP, customers=customers.with_columns(opted_out=pl.lit("no")))


PAID = gym(
    ("left", 100, 20, 9.0),
    ("two plans", 100, 15, 9.0),
    ("two plans", 50, 15, 4.0),
    ("two plans", 100, 30, 50.0),  # ended before
    ("runs on", 100, None, 9.0),
    ("ends later", 100, -3, 9.0),
    ("renewed", 100, 20, 9.0),
    ("renewed", 13, None, 9.0),  # late by the grace
    ("in grace", 100, 7, 9.0),  # may still renew today
    ("over", 100, 7.5, 3.0),
    ("before", 100, 28, 9.0),
    ("trial", 21, 14, 0.0),
    ("unknown", 100, 10, None),
)


def test_customers_whose_contract_ended_come_with_what_they_paid(on_engine):
    """By hand: the two plans that ended together were worth 9 + 4."""
    history = History({"subscriptions": on_engine(PAID)})
    assert rows_of(win_back(history, END, GYM)) == [
        ("two plans", None, 15.0, 13.0),
        ("left", None, 20.0, 9.0),
        ("over", None, 7.5, 3.0),
        ("unknown", None, 10.0, None),
    ]


def test_a_contract_comes_with_the_days_since_the_last_interaction(on_engine):
    visits = shop(("left", 33, "view", None), ("left", 25.5, "view", None), ("left", -2, "view", None))
    history = History({"subscriptions": on_engine(PAID), "interactions": on_engine(visits)})
    recency = {who: days for who, days, *_ in rows_of(win_back(history, END, GYM))}
    assert recency == {"two plans": None, "left": 25.5, "over": None, "unknown": None}


def test_periods_without_a_value_column_have_no_value():
    result = win_back(History({"subscriptions": PAID.drop("monthly_value")}), END, GYM)
    assert set(result["value"]) == {None}
    assert "trial" in set(result["customer_id"])  # that it is free cannot be known


def test_pandas_gives_pandas_and_nobody_gives_no_rows():
    result = win_back(History({"interactions": VISITS.to_pandas()}), END, SHOP)
    assert isinstance(result, pd.DataFrame)
    assert list(result.columns) == ["customer_id", "recency_days", "value"]
    assert win_back(History({"interactions": VISITS}), ago(-200), SHOP).is_empty()


def test_a_table_that_is_missing_is_named():
    with pytest.raises(DataError, match="the history has no table 'subscriptions'"):
        win_back(History({"interactions": VISITS}), END, GYM)
