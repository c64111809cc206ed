"""Lifecycle: states by hand and by a naive loop, flows that balance, contracts, and Online Retail."""

import datetime as dt

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit import ChurnDefinition
from engagekit.customers.lifecycle import NOT_YET, STATES, lifecycle, lifecycle_flows

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1)
SILENT = ChurnDefinition(horizon="60d", contractual=False)
EDGES = [START + 30 * n * DAY for n in range(6)]


def seen(**days):
    rows = [(who, START + day * DAY) for who, each in days.items() for day in each]
    return pl.DataFrame(rows, schema=["customer_id", "time"], orient="row")


def states(frame, edges=EDGES, churn=SILENT):
    rows = lifecycle(frame, edges, churn).rows()
    told = {}
    for who, date, state in rows:
        told.setdefault(who, {})[(date - START).days // 30] = state
    return told


def naive(times, edges, horizon):
    """State of one customer in each period after the first."""
    told = {}
    for place in range(1, len(edges) - 1):
        start, end = edges[place], edges[place + 1]
        here = [time for time in times if start <= time < end]
        before = [time for time in times if time < start]
        if not here:
            if before:
                told[place] = "dormant"
        elif not before:
            told[place] = "new"
        elif any(edges[place - 1] <= time for time in before):
            told[place] = "active"
        else:
            told[place] = "resurrected" if min(here) - max(before) >= horizon else "returning"
    return told


def test_states_by_hand():
    told = states(
        seen(stays=[5, 40, 70, 100, 130], pauses=[5, 70], leaves=[5], comes=[95], back=[5, 125], early=[-9, 35])
    )
    assert told["stays"] == dict.fromkeys((1, 2, 3, 4), "active")
    assert told["pauses"] == {1: "dormant", 2: "resurrected", 3: "dormant", 4: "dormant"}  # 65 days of pause
    assert told["leaves"] == dict.fromkeys((1, 2, 3, 4), "dormant")
    assert told["comes"] == {3: "new", 4: "dormant"}
    assert told["back"] == {1: "dormant", 2: "dormant", 3: "dormant", 4: "resurrected"}
    assert told["early"] == {1: "returning", 2: "dormant", 3: "dormant", 4: "dormant"}  # 44 days of pause


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(-40, 149), min_size=1, max_size=6), min_size=1))
def test_states_equal_a_naive_loop_and_flows_balance(days):
    told = states(seen(**days))
    for who, each in days.items():
        expected = naive([START + day * DAY for day in each], EDGES, 60 * DAY)
        assert told.get(who, {}) == expected
    rows = lifecycle(seen(**days), EDGES, SILENT)
    assert set(rows["state"]) <= set(STATES)
    flows = lifecycle_flows(rows)
    sizes = {(date, state): count for date, state, count in rows.group_by("date", "state").len().rows()}
    for date in sorted(set(flows["date"])):
        of_date = flows.filter(pl.col("date") == date)
        for state in STATES:
            comes = of_date.filter(pl.col("after") == state)["customers"].sum()
            goes = of_date.filter(pl.col("before") == state)["customers"].sum()
            assert comes == sizes.get((date, state), 0)
            assert goes == sizes.get((date - 30 * DAY, state), 0)
    assert set(flows.filter(pl.col("before") == NOT_YET)["after"]) <= {"new"}


def test_contracts_are_told_by_paid_periods():
    def paid(who, *periods):
        return [(who, START + first * DAY, None if last is None else START + last * DAY) for first, last in periods]

    rows = [
        *paid("stays", (0, None)),
        *paid("late", (0, 40), (45, None)),  # a renewal within the grace
        *paid("pauses", (0, 20), (62, None)),  # 42 days without
        *paid("left", (0, 20), (100, 110)),  # 80 days without
        *paid("comes", (70, 90)),
    ]
    frame = pl.DataFrame(rows, schema=["customer_id", "starts_at", "ends_at"], orient="row")
    told = states(frame, churn=ChurnDefinition(horizon="60d", contractual=True, grace="7d"))
    assert told["stays"] == told["late"] == dict.fromkeys((1, 2, 3, 4), "active")
    assert told["pauses"] == {1: "dormant", 2: "returning", 3: "active", 4: "active"}
    assert told["left"] == {1: "dormant", 2: "dormant", 3: "resurrected", 4: "dormant"}
    assert told["comes"] == {2: "new", 3: "dormant", 4: "dormant"}  # the end of a period is no part of it


def test_pandas_comes_back_as_pandas():
    frame = seen(a=[5, 40]).to_pandas()
    assert isinstance(lifecycle(frame, EDGES[:3], SILENT), pd.DataFrame)


def test_two_edges_are_too_few():
    with pytest.raises(ValueError, match="edges: 2 given"):
        lifecycle(seen(a=[5]), EDGES[:2], SILENT)


def test_online_retail_by_91_days_equals_a_naive_loop(shared):
    lines = pl.read_csv(shared("online_retail") / "online_retail.csv.gz", infer_schema=False)
    known = lines.drop_nulls("CustomerID").filter(pl.col("Quantity").cast(pl.Float64) > 0)
    rows = known.select(
        customer_id="CustomerID", time=pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S")
    ).unique()
    first, last = rows["time"].min(), rows["time"].max()
    edges = [last - 91 * n * DAY for n in (3, 2, 1, 0)]
    assert first < edges[0]
    made = lifecycle(rows, edges, ChurnDefinition(horizon="91d", contractual=False))
    by_customer = {}
    for who, time in rows.select("customer_id", "time").iter_rows():
        by_customer.setdefault(who, []).append(time)
    expected = {who: naive(times, edges, 91 * DAY) for who, times in by_customer.items()}
    told = {}
    for who, date, state in made.rows():
        told.setdefault(who, {})[edges.index(date)] = state
    assert told == {who: each for who, each in expected.items() if each}
