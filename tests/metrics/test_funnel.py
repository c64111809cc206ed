"""Funnels, from cases made by hand and from a second route in plain Python."""

import datetime as dt
import math
import random
import statistics
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from statsmodels.stats.proportion import proportion_confint

from engagekit import DataError
from engagekit.metrics.funnel import funnel

HOUR = dt.timedelta(hours=1)
START = dt.datetime(2026, 1, 5, 9, tzinfo=ZoneInfo("Asia/Jakarta"))
STEPS = ["view", "cart", "purchase"]
COLUMNS = ["step", "customers", "value", "low", "high", "step_value", "median_hours", "left_out"]


def events(*rows, naive=False):
    """Interactions: who, hours after the start, action."""
    schema = {"customer_id": pl.String, "time": pl.Datetime("us", "Asia/Jakarta"), "action": pl.String}
    made = [(who, None if hours is None else START + hours * HOUR, action) for who, hours, action in rows]
    frame = pl.DataFrame(made, schema=schema, orient="row")
    return frame.with_columns(pl.col("time").dt.replace_time_zone(None)) if naive else frame


def rows_of(result, *names):
    """Rows of a funnel in their order, with None for NaN."""
    frame = pl.from_pandas(result) if isinstance(result, pd.DataFrame) else result
    return frame.fill_nan(None).select(names).rows()


SHOP = [
    ("a", 0, "view"),
    ("a", 2, "cart"),
    ("a", 30, "purchase"),
    ("b", 1, "view"),
    ("b", 5, "cart"),
    ("c", 2, "view"),
    ("c", 3, "purchase"),  # without a cart
    ("d", 3, "view"),
    ("e", 500, "login"),
]


def test_customers_come_through_in_order(on_engine):
    result = funnel(on_engine(events(*SHOP)), STEPS, "7d")
    assert rows_of(result, "step", "customers", "value", "step_value", "median_hours", "left_out") == [
        ("view", 4, 1.0, None, 0.0, 0),
        ("cart", 2, 0.5, 0.5, 3.0, 0),
        ("purchase", 1, 0.25, 0.5, 30.0, 0),
    ]


def test_the_interval_is_wilson_s_of_those_who_entered(on_engine):
    result = funnel(on_engine(events(*SHOP)), STEPS, "7d", confidence=0.9)
    for customers, (low, high) in zip((4, 2, 1), rows_of(result, "low", "high"), strict=True):
        assert (low, high) == pytest.approx(proportion_confint(customers, 4, 0.1, "wilson"), abs=1e-12)


def test_a_step_before_the_one_it_follows_does_not_count(on_engine):
    rows = [("a", 0, "cart"), ("a", 1, "view"), ("b", 0, "view"), ("b", 1, "purchase"), ("b", 2, "cart")]
    assert rows_of(funnel(on_engine(events(*rows, ("z", 900, "x"))), STEPS, "7d"), "customers") == [(2,), (1,), (0,)]


def test_steps_at_one_time_count_in_any_order_of_rows(on_engine):
    rows = [("a", 0, action) for action in ("purchase", "view", "cart")]
    assert rows_of(funnel(on_engine(events(*rows, ("z", 900, "x"))), STEPS, "7d"), "customers") == [(1,)] * 3


def test_a_later_chance_at_a_step_counts(on_engine):
    rows = [("a", 0, "purchase"), ("a", 1, "view"), ("a", 2, "purchase"), ("a", 3, "cart"), ("a", 4, "purchase")]
    result = funnel(on_engine(events(*rows, ("z", 900, "x"))), STEPS, "7d")
    assert rows_of(result, "customers", "median_hours") == [(1, 0.0), (1, 2.0), (1, 3.0)]


def test_the_window_runs_from_the_first_entry_and_its_end_is_exclusive(on_engine):
    rows = [("in", 0, "view"), ("in", 12 - 1 / 3600, "cart"), ("out", 0, "view"), ("out", 12, "cart")]
    rows += [("again", 0, "view"), ("again", 11, "view"), ("again", 13, "cart"), ("z", 900, "x")]
    result = funnel(on_engine(events(*rows)), ["view", "cart"], "12h")
    assert rows_of(result, "customers") == [(3,), (1,)]
    assert result["median_hours"].to_list()[1] == pytest.approx(12 - 1 / 3600)
    assert rows_of(funnel(on_engine(events(*rows)), ["view", "cart"], "721m"), "customers") == [(3,), (2,)]


def test_who_may_still_come_further_is_left_out(on_engine):
    rows = [("a", 0, "view"), ("a", 1, "cart"), ("b", 100, "view"), ("b", 101, "cart"), ("c", 124, "login")]
    interactions = on_engine(events(*rows))
    assert rows_of(funnel(interactions, ["view", "cart"], "24h"), "customers", "left_out") == [(2, 0), (2, 0)]
    assert rows_of(funnel(interactions, ["view", "cart"], "25h"), "customers", "left_out") == [(1, 1), (1, 1)]


def test_nothing_from_the_date_on_is_seen(on_engine):
    rows = [("a", 0, "view"), ("a", 20, "cart"), ("b", 30, "view"), ("c", 31, "view")]
    interactions = on_engine(events(*rows))
    for hours, expected in [(24, (1, 1, 0)), (31, (1, 1, 1)), (60, (3, 1, 0))]:
        result = funnel(interactions, ["view", "cart"], "24h", as_of=(START + hours * HOUR).astimezone(dt.UTC))
        (entered, left_out), (carts, _) = rows_of(result, "customers", "left_out")
        assert (entered, carts, left_out) == expected


def test_a_step_that_nobody_took_has_nobody(on_engine):
    result = funnel(on_engine(events(*SHOP)), ["view", "gift", "purchase"], "7d")
    assert rows_of(result, "customers", "value", "step_value", "median_hours") == [
        (4, 1.0, None, 0.0),
        (0, 0.0, 0.0, None),
        (0, 0.0, None, None),
    ]


@pytest.mark.parametrize("rows", [SHOP, []])
def test_a_first_step_that_nobody_took_leaves_all_undefined(on_engine, rows):
    result = funnel(on_engine(events(*rows)), ["gift", "view"], "7d")
    assert rows_of(result, *COLUMNS) == [(step, 0, None, None, None, None, None, 0) for step in ("gift", "view")]
    assert all(math.isnan(number) for number in result["value"])


def test_all_left_out_is_undefined_and_says_how_many(on_engine):
    result = funnel(on_engine(events(("a", 0, "view"), ("b", 1, "view"))), ["view", "cart"], "7d")
    assert rows_of(result, "customers", "value", "left_out") == [(0, None, 2)] * 2


def test_what_lacks_a_customer_a_time_or_an_action_is_left_out(on_engine):
    rows = [(None, 0, "view"), ("a", None, "view"), ("a", 1, None), (None, 2, "cart"), ("b", 0, "view")]
    result = funnel(on_engine(events(*rows, ("b", 3, "cart"), (None, 9_000, "x"), ("z", 900, "x"))), STEPS, "7d")
    assert rows_of(result, "customers", "left_out") == [(1, 0), (1, 0), (0, 0)]


def test_the_result_is_small_and_of_the_caller_s_kind(on_engine):
    interactions = on_engine(events(*SHOP))
    result = funnel(interactions, STEPS, "7d")
    assert type(result) is (pd.DataFrame if isinstance(interactions, pd.DataFrame) else pl.DataFrame)
    assert list(result.columns) == COLUMNS
    assert result.shape == (3, len(COLUMNS))


def test_the_input_is_not_changed():
    frame = events(*SHOP)
    native = frame.to_pandas()
    before = native.copy(deep=True)
    funnel(native, STEPS, "7d")
    pd.testing.assert_frame_equal(native, before)
    assert_frame_equal(frame, events(*SHOP))


@pytest.mark.parametrize("steps", [[], ["view"], ["view", "cart", "view"], ["view", "view"], "view", ()])
def test_steps_that_make_no_funnel_are_refused(steps):
    with pytest.raises(ValueError, match=r"^steps: \[.*\] are not two or more actions, each of them once"):
        funnel(events(*SHOP), steps, "7d")


@pytest.mark.parametrize("within", ["0d", "", "7", "7 d", "-1d", "1.5h", "2w", "1mo"])
def test_a_window_that_is_no_length_of_time_is_refused(within):
    with pytest.raises(
        ValueError, match=f"^within: '{within}' is not a number of minutes or hours or days such as 30m"
    ):
        funnel(events(*SHOP), STEPS, within)


def test_other_arguments_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="^confidence: 95 is not between 0 and 1"):
        funnel(events(*SHOP), STEPS, "7d", confidence=95)
    with pytest.raises(ValueError, match="^time: its times have no time zone, unlike"):
        funnel(events(*SHOP, naive=True), STEPS, "7d", as_of=START)
    with pytest.raises(DataError, match="^action: is not a column"):
        funnel(events(*SHOP).drop("action"), STEPS, "7d")


def slow_funnel(rows, steps, within, end=None, last=None):
    """Customers at each step, median hours to it, and who was left out, in plain Python."""
    interactions = [row for row in rows if end is None or row[1] < end]
    end = last or (max((row[1] for row in interactions), default=None) if end is None else end)
    hours, left_out = [[] for _ in steps], 0
    for who in {row[0] for row in interactions}:
        entries = [at for name, at, action in interactions if name == who and action == steps[0]]
        if not entries:
            continue
        if min(entries) + within > end:
            left_out += 1
            continue
        at = entry = min(entries)
        hours[0].append(0)
        for number, step in enumerate(steps[1:], start=1):
            own = [t for name, t, action in interactions if name == who and action == step]
            later = [t for t in own if at <= t < entry + within]
            if not later:
                break
            at = min(later)
            hours[number].append(at - entry)
    return [(len(taken), statistics.median(taken) if taken else None, left_out) for taken in hours]


def close(result, expected):
    result = rows_of(result, "customers", "median_hours", "left_out")
    assert [(customers, left_out) for customers, _, left_out in result] == [(c, out) for c, _, out in expected]
    for (_, hours, _), (_, slow, _) in zip(result, expected, strict=True):
        assert hours == (None if slow is None else pytest.approx(slow))


EVENTS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 20), st.sampled_from([*STEPS, "login"])), max_size=30
)


@given(EVENTS, st.integers(1, 12), st.none() | st.integers(0, 25))
def test_a_funnel_equals_a_second_route_in_any_order_of_rows(rows, within, end):
    as_of = None if end is None else START + end * HOUR
    for frame in (events(*rows), events(*rows).reverse()):
        close(funnel(frame, STEPS, f"{within}h", as_of=as_of), slow_funnel(rows, STEPS, within, end))


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.integers(0, 20),
        st.sampled_from([*STEPS, "view"]),
        st.sampled_from(["app", "web", None]),
    ),
    max_size=30,
)


def slow_groups(rows, within, end):
    """Funnels of the customers of each group, which is that of their earliest view, in plain Python."""
    until = max((at for _, at, _, _ in rows), default=None) if end is None else end  # of all groups
    seen = [row for row in rows if end is None or row[1] < end]
    members = {}
    for who in {row[0] for row in seen}:
        views = [(at, channel) for name, at, action, channel in seen if name == who and action == STEPS[0]]
        if views:
            first = [channel for at, channel in views if at == min(at for at, _ in views) and channel]
            members.setdefault(min(first, default=None), []).append(who)
    return {
        group: slow_funnel([row[:3] for row in seen if row[0] in whose], STEPS, within, last=until)
        for group, whose in members.items()
    }


def with_channel(rows):
    channels = pl.Series("channel", [row[3] for row in rows], pl.String)
    return events(*(row[:3] for row in rows)).with_columns(channels)


def check_groups_of(result, expected):
    result = pl.from_pandas(result) if isinstance(result, pd.DataFrame) else result
    groups = sorted(expected, key=lambda group: (group is None, group or ""))
    assert result["channel"].to_list() == [group for group in groups for _ in STEPS]
    for group, part in zip(groups, result.iter_slices(len(STEPS)), strict=True):
        close(part, expected[group])


@given(ENTRIES, st.integers(1, 12), st.none() | st.integers(0, 25))
def test_groups_equal_a_second_route(rows, within, end):
    as_of = None if end is None else START + end * HOUR
    result = funnel(with_channel(rows), STEPS, f"{within}h", by="channel", as_of=as_of)
    check_groups_of(result, slow_groups(rows, within, end))


def test_customers_count_in_the_group_of_their_entry_on_every_engine(on_engine):
    rows = [("a", 0, "view", "web"), ("a", 1, "cart", "app"), ("a", 5, "view", "app"), ("b", 2, "view", "app")]
    rows += [("c", 3, "view", None), ("c", 4, "cart", "web"), ("d", 3, "cart", "web"), ("e", 899, "view", "web")]
    rows += [("f", 6, "view", "web"), ("f", 6, "view", "app"), ("z", 900, "login", "web")]
    result = funnel(on_engine(with_channel(rows)), ["view", "cart"], "7d", by="channel")
    assert list(result.columns) == ["channel", *COLUMNS]
    assert rows_of(result, "step", "customers", "left_out") == [
        ("view", 2, 0),
        ("cart", 0, 0),
        ("view", 1, 1),
        ("cart", 1, 1),
        ("view", 1, 0),
        ("cart", 1, 0),
    ]
    assert [None if pd.isna(name) else name for name in result["channel"]][::2] == ["app", "web", None]


def test_without_an_entry_there_are_no_groups():
    result = funnel(with_channel([("a", 0, "login", "web")]), STEPS, "7d", by="channel")
    assert result.is_empty()
    assert result.columns == ["channel", *COLUMNS]


def test_every_engine_equals_the_second_route(on_engine):
    draw = random.Random(11)
    rows = [(f"c{draw.randrange(120)}", draw.randrange(300), draw.choice([*STEPS, "login"])) for _ in range(1_500)]
    interactions = on_engine(events(*rows))
    for end in (None, 200):
        as_of = None if end is None else START + end * HOUR
        result = funnel(interactions, STEPS, "2d", as_of=as_of)
        close(result, slow_funnel(rows, STEPS, 48, end))
        assert rows_of(result, *COLUMNS) == rows_of(funnel(events(*rows), STEPS, "2d", as_of=as_of), *COLUMNS)


def test_the_clickstream_s_funnel_equals_a_second_route(shared):
    """Customers who saw a product, put one in the cart within a week, and bought."""
    file = pl.read_csv(shared("clickstream_demo") / "ecom.csv.gz", try_parse_dates=True)
    steps = ["product_view", "add_to_cart", "purchase"]
    result = funnel(file.rename({"user_id": "customer_id", "timestamp": "time", "event": "action"}), steps, "7d")
    epoch = dt.datetime(2024, 1, 1)
    rows = [(who, (at - epoch) / HOUR, event) for who, event, at in file.select("user_id", "event", "timestamp").rows()]
    close(result, slow_funnel(rows, steps, 7 * 24))
    assert result["customers"][0] + result["left_out"][0] == file.filter(event="product_view")["user_id"].n_unique()
