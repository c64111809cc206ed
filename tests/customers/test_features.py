"""Features and snapshots: by hand, by a second route in plain Python, and by properties that hold of any events."""

import datetime as dt
import math
from collections import Counter
from functools import reduce
from zoneinfo import ZoneInfo

import narwhals as nw
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit import DataError
from engagekit.customers.features import ACTIVE, FEATURES, customer_features, snapshots
from engagekit.customers.leak import check_no_leak
from engagekit.customers.windows import last_before
from engagekit.frames.times import DAY_US
from engagekit.prepare.history import History

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
END = dt.datetime(2026, 3, 1)
TYPES = {
    "customer_id": pl.String,
    "time": pl.Datetime("us"),
    "action": pl.String,
    "channel": pl.String,
    "value": pl.Float64,
    "order_id": pl.String,
    "duration_s": pl.Float64,
    "sentiment": pl.Float64,
    "event_id": pl.String,
}
ROWS = [
    ("a", END - 50 * DAY, "view", "web", 100.0, None, 30.0, None, None),  # not money spent
    ("a", END - 10 * DAY + HOUR, "purchase", "web", 20.0, "o1", None, 0.5, "e1"),
    ("a", END - 10 * DAY + HOUR, "purchase", "web", 20.0, "o1", None, 0.5, "e1"),  # exported twice
    ("a", END - 10 * DAY + HOUR, "purchase", "app", 5.0, "o1", -7.0, None, None),
    ("a", END - 4 * DAY, "refund", "app", 5.0, "o1", None, -0.5, None),
    ("b", END - 84 * DAY, "login", "app", None, None, 12.0, None, None),
    ("b", END - 200 * DAY, "login", "app", None, None, 99.0, None, None),
    ("c", END - 84 * DAY - HOUR, "purchase", "web", 99.0, "o9", None, None, None),
    ("a", END, "purchase", "kiosk", 1000.0, "o2", 99.0, 1.0, None),
    (None, END - DAY, "view", "web", None, None, None, None, None),
]


def interactions(rows=ROWS):
    return pl.DataFrame(rows, schema=TYPES, orient="row")


def history(rows=ROWS, *, fixed=(), **tables):
    return History({"interactions": interactions(rows), **tables}, fixed=fixed)


def dicts(frame):
    """Rows of a frame of any kind, by customer and date."""
    frame = nw.from_native(frame).lazy().collect("polars").to_native()
    keys = [name for name in ("customer_id", "date") if name in frame.columns]
    return frame.sort(keys).to_dicts()


def test_features_are_counted_by_hand(on_engine):
    a, b = dicts(customer_features(History({"interactions": on_engine(interactions())}), END))
    assert a == {
        "customer_id": "a",
        "recency_days": 4,
        "tenure_days": 50,
        "interactions": 4,
        "active_days": 3,
        "distinct_actions": 3,
        "active_share": 0.5,
        "duration_s": 30,
        "value": 20,
        "orders": 1,
        "sentiment_mean": 0,
        "trend": 0.5,
        "preferred_channel": "app",
        "interactions_app": 2,
        "interactions_web": 2,
    }
    assert (b["recency_days"], b["tenure_days"], b["interactions"], b["trend"]) == (84, 200, 1, -1)
    assert (b["orders"], b["value"], b["duration_s"], b["sentiment_mean"]) == (0, 0, 12, None)


def test_days_count_back_from_the_date_and_at_midnight_are_those_of_the_calendar():
    times = [END - DAY, END - HOUR, END - DAY - HOUR]
    rows = [("a", time, "view", "web", *[None] * 5) for time in times]
    assert dicts(customer_features(history(rows), END))[0]["active_days"] == 2
    assert dicts(customer_features(history(rows), END - 30 * dt.timedelta(minutes=1)))[0]["active_days"] == 2
    assert dicts(customer_features(history(rows), END + 12 * HOUR))[0]["active_days"] == 2


def test_an_odd_window_leaves_its_first_day_out_of_the_trend():
    rows = [("a", END - days * DAY + HOUR, "view", "web", *[None] * 5) for days in (1, 2, 3, 3, 3, 3, 3)]
    assert dicts(customer_features(history(rows), END, "3d"))[0]["trend"] == 0
    assert dicts(customer_features(history(rows), END, "1d"))[0]["trend"] is None


def test_an_order_counts_at_its_first_purchase_ever():
    rows = [("a", END - days * DAY, "purchase", "web", 1.0, "o1", *[None] * 3) for days in (90, 80, 2)]
    assert dicts(customer_features(history(rows), END))[0]["orders"] == 0
    assert dicts(customer_features(history(rows[1:]), END))[0]["orders"] == 1


def test_only_purchases_and_refunds_are_money_spent():
    carts = interactions().with_columns(action=pl.lit("add_to_cart"))
    assert customer_features(History({"interactions": carts}), END)["value"].sum() == 0


def test_what_is_not_recorded_is_null_and_not_zero(on_engine):
    bare = on_engine(interactions(ROWS[:1] + ROWS[3:4]).select("customer_id", "time", "action"))
    (row,) = dicts(customer_features(History({"interactions": bare}), END))
    unknown = ("value", "duration_s", "sentiment_mean", "preferred_channel")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert (row["orders"], row["interactions"], len(row)) == (1, 2, 1 + len(FEATURES))


def test_orders_without_ids_are_counted_by_their_instant():
    bare = interactions().drop("order_id").filter(pl.col("customer_id") == "a")
    assert customer_features(History({"interactions": bare}), END)["orders"].to_list() == [1]


def test_tenure_and_fixed_attributes_come_from_customers_who_had_joined(on_engine):
    joined = [("a", END - 300 * DAY, "id", 1), ("b", END + DAY, "my", 2)]
    customers = pl.DataFrame(joined, schema=["customer_id", "joined_at", "country", "plan"], orient="row")
    tables = {"interactions": on_engine(interactions()), "customers": on_engine(customers)}
    a, b = dicts(customer_features(History(tables, fixed=["country"]), END))
    assert (a["tenure_days"], a["country"], b["tenure_days"], b["country"]) == (300, "id", None, None)
    assert "plan" not in a


def test_channels_and_actions_can_be_chosen(on_engine):
    given = History({"interactions": on_engine(interactions())})
    a = dicts(customer_features(given, END, channels=["web", "fax"], actions=["purchase"]))[0]
    assert (a["interactions_web"], a["interactions_fax"], a["preferred_channel"]) == (2, 0, "web")
    assert (a["distinct_actions"], a["active_share"], a["interactions"]) == (1, 0.5, 4)


def test_too_many_channels_say_what_to_do():
    many = interactions([("a", END - DAY, "view", f"c{number}", *[None] * 5) for number in range(101)])
    with pytest.raises(DataError, match=r"channel: has 101 different values.*channels=\['c0', \.\.\.\]"):
        customer_features(History({"interactions": many}), END)


def test_labels_may_be_categories():
    native = interactions().to_pandas().astype({"channel": "category", "action": "category"})
    assert dicts(customer_features(History({"interactions": native}), END)) == dicts(customer_features(history(), END))


@pytest.mark.parametrize("as_of", [END - 365 * DAY, END + 365 * DAY])
def test_a_window_without_interactions_has_no_customers_and_every_column(on_engine, as_of):
    found = customer_features(History({"interactions": on_engine(interactions())}), as_of)
    found = nw.from_native(found).lazy().collect("polars")
    assert found.shape[0] == 0
    assert set(found.columns) >= {"customer_id", *FEATURES}


def test_one_event_is_a_customer():
    (row,) = dicts(customer_features(history(ROWS[:1]), END))
    assert (row["interactions"], row["recency_days"], row["tenure_days"], row["orders"]) == (1, 50, 50, 0)


def test_all_events_at_one_instant_are_one_day():
    rows = [("a", END - DAY, "view", "web", *[None] * 5)] * 3
    assert [dicts(customer_features(history(rows), END))[0][name] for name in ("interactions", "active_days")] == [3, 1]


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pl.LazyFrame])
def test_the_callers_kind_of_frame_comes_back(kind):
    frame = interactions()
    given = {pd.DataFrame: frame.to_pandas(), pl.DataFrame: frame, pl.LazyFrame: frame.lazy()}[kind]
    features = customer_features(History({"interactions": given}), END)
    assert isinstance(features, kind)
    collected = features.collect() if kind is pl.LazyFrame else features
    assert list(collected.columns) == ["customer_id", *FEATURES, "interactions_app", "interactions_web"]


def test_a_date_without_the_zone_of_the_times_is_refused():
    with pytest.raises(ValueError, match="time: its times have no time zone"):
        customer_features(history(), END.replace(tzinfo=dt.UTC))


@pytest.mark.parametrize("window", ["0d", "-1d", "12w", "84"])
def test_a_window_is_a_number_of_days(window):
    with pytest.raises(ValueError, match=f"window: '{window}' is not a number of days"):
        customer_features(history(), END, window)


def test_snapshots_need_a_date():
    with pytest.raises(ValueError, match="dates: there is none"):
        snapshots(history(), [])


@pytest.mark.parametrize(
    "on_engine", ["pandas", "polars", "duckdb", pytest.param("spark", marks=pytest.mark.soak)], indirect=True
)
def test_the_firewall_holds_for_every_feature(on_engine):
    customers = pl.DataFrame(
        {"customer_id": ["a", "b", "d"], "joined_at": [END - 99 * DAY, END + DAY, None], "plan": ["x", "y", "z"]}
    )
    tables = {"interactions": on_engine(interactions()), "customers": on_engine(customers)}
    given = History(tables, fixed=["plan"])
    check_no_leak(customer_features, given, END)
    check_no_leak(lambda past, date: snapshots(past, [date - 7 * DAY, date]), given, END)


def naive(rows, date, days):
    """Features of each customer by looking at every interaction, one after another."""
    seen = {(index, row) if row[8] is None else row[8]: row for index, row in enumerate(rows) if row[1] < date}
    first = {}
    for row in seen.values():
        if row[2] == "purchase":
            order = (row[0], row[5]) if row[5] is not None else (row[0], row[1])
            first[order] = min(first.get(order, row[1]), row[1])
    found = {}
    for customer in {row[0] for row in seen.values() if row[1] >= date - days * DAY}:
        mine = [row for row in seen.values() if row[0] == customer]
        inside = [row for row in mine if row[1] >= date - days * DAY]
        back = [(date - row[1] - dt.timedelta(microseconds=1)) // DAY for row in inside]
        late, early = (sum(low <= day < low + days // 2 for day in back) for low in (0, days // 2))
        moods = [row[7] for row in inside if row[7] is not None]
        signs = {"purchase": 1, "refund": -1}
        channels = Counter(row[3] for row in inside)
        found[customer] = {
            "recency_days": (date - max(row[1] for row in mine)) / DAY,
            "tenure_days": (date - min(row[1] for row in mine)) / DAY,
            "interactions": len(inside),
            "active_days": len(set(back)),
            "distinct_actions": len({row[2] for row in inside}),
            "active_share": sum(row[2] in ACTIVE for row in inside) / len(inside),
            "duration_s": sum(row[6] for row in inside if row[6] is not None),
            "value": sum(signs[row[2]] * row[4] for row in inside if row[2] in signs and row[4] is not None),
            "orders": sum(time >= date - days * DAY for order, time in first.items() if order[0] == customer),
            "sentiment_mean": sum(moods) / len(moods) if moods else None,
            "trend": (late - early) / (late + early) if late + early else None,
            "preferred_channel": min(channels, key=lambda name: (-channels[name], name)),
            **{f"interactions_{name}": channels[name] for name in ("app", "web")},
        }
    return found


@st.composite
def events(draw):
    hours = draw(st.lists(st.integers(-24 * 40, 24 * 3), max_size=30))
    some = st.sampled_from
    return [
        (
            draw(some("abc")),
            END + hour * HOUR,
            draw(some(["view", "purchase", "refund", "review"])),
            draw(some(["app", "web"])),
            draw(some([None, 1.0, 2.5])),
            draw(some([None, "o1", "o2"])),
            draw(some([None, 3.0])),
            draw(some([None, -0.5, 1.0])),
            None,
        )
        for hour in hours
    ]


def close(one, other):
    return one == other or (isinstance(one, float) and other is not None and math.isclose(one, other, abs_tol=1e-9))


def assert_naive(found, rows, dates, days):
    expected = [
        {"customer_id": customer, "date": date, **features}
        for date in dates
        for customer, features in naive(rows, date, days).items()
    ]
    expected.sort(key=lambda row: (row["customer_id"], row["date"]))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert {name: one[name] for name in other if not close(one[name], other[name])} == {}


DATES = st.sampled_from(
    [
        [END],
        [END - 7 * DAY, END],  # whole weeks
        [END - 3 * DAY, END - DAY, END],  # days
        [END - 30 * DAY, END - 7 * HOUR, END],  # another time of the day
    ]
)


@given(events(), DATES, st.sampled_from([1, 7, 14, 28]))
def test_snapshots_equal_the_naive_loop(rows, dates, days):
    kinds = {"channels": ["app", "web"]}
    found = snapshots(history(rows), dates, f"{days}d", **kinds)
    assert_naive(dicts(found), rows, dates, days)
    each = [customer_features(history(rows), date, f"{days}d", **kinds) for date in dates]
    alone = [dict(row, date=date) for date, frame in zip(dates, each, strict=True) for row in frame.to_dicts()]
    alone.sort(key=lambda row: (row["customer_id"], row["date"]))
    same = [
        {name: one[name] for name in one if not close(one[name], other[name])}
        for one, other in zip(alone, dicts(found), strict=True)
    ]
    assert same == [{}] * len(alone)


def test_snapshots_equal_the_naive_loop_on_every_engine(on_engine):
    rows = [row for row in ROWS if row[0] is not None]
    dates = [END - 14 * DAY, END - 7 * DAY, END]
    found = snapshots(History({"interactions": on_engine(interactions())}), dates, channels=["app", "web"])
    found = [dict(row, date=row["date"].replace(tzinfo=None)) for row in dicts(found)]
    plain = [(*row[:6], None if (row[6] or 0) < 0 else row[6], *row[7:]) for row in rows]
    assert_naive(found, plain, dates, 84)


@given(events(), st.randoms())
def test_the_order_of_rows_never_matters(rows, random):
    shuffled = random.sample(rows, len(rows))
    one, other = (dicts(customer_features(history(some), END, "28d")) for some in (rows, shuffled))
    assert all(close(a[name], b[name]) for a, b in zip(one, other, strict=True) for name in a)


@given(events(), st.integers(0, 30))
def test_two_files_together_equal_their_union(rows, cut):
    parts = [interactions(rows[:cut]), interactions(rows[cut:])]
    merged = reduce(lambda one, other: pl.concat([other, one]), parts)
    one, other = (
        customer_features(History({"interactions": some}), END, "28d") for some in (merged, interactions(rows))
    )
    assert all(close(a[name], b[name]) for a, b in zip(dicts(one), dicts(other), strict=True) for name in a)


def test_a_channel_that_is_not_recorded_cannot_be_chosen():
    bare = History({"interactions": interactions().drop("channel")})
    with pytest.raises(DataError, match="channel: is not a column"):
        customer_features(bare, END, channels=["web"])


def test_days_have_24_hours_also_where_the_clock_is_put_forward():
    """In London the clock was put forward on 29 March 2026: seven days before 3 April it was 23:00 on 26 March."""
    london = ZoneInfo("Europe/London")
    dates = [dt.datetime(2026, 3, 20, tzinfo=london), dt.datetime(2026, 4, 3, tzinfo=london)]
    rows = [("a", date - 7 * DAY + HOUR * hour, "view", "web", *[None] * 5) for date in dates for hour in (-2, -1, 0)]
    utc = interactions([(row[0], row[1].astimezone(dt.UTC).replace(tzinfo=None), *row[2:]) for row in rows])
    given = History({"interactions": utc.with_columns(pl.col("time").dt.replace_time_zone("UTC"))})
    both = dicts(snapshots(given, dates, "7d"))
    alone = [dicts(customer_features(given, date, "7d"))[0] for date in dates]
    assert [row["interactions"] for row in both] == [row["interactions"] for row in alone] == [1, 2]


def test_a_fixed_attribute_is_not_taken_for_what_is_added_up():
    customers = pl.DataFrame({"customer_id": ["a"], "joined_at": [END - 300 * DAY], "late": ["x"], "orders": [7]})
    tables = {"interactions": interactions(), "customers": customers}
    a = dicts(customer_features(History(tables, fixed=["late"]), END))[0]
    assert (a["late"], a["trend"]) == ("x", 0.5)
    with pytest.raises(DataError, match="orders: is an attribute of customers and a feature"):
        customer_features(History(tables, fixed=["orders"]), END)


def test_channels_of_any_name_are_counted_apart():
    names = ["a", "a:interactions_b", "b:interactions_c", "c", ":", ""]
    rows = [("x", END - DAY, "view", name, *[None] * 5) for number, name in enumerate(names) for _ in range(number + 1)]
    (found,) = dicts(customer_features(history(rows), END))
    assert [found[f"interactions_{name}"] for name in names] == [1, 2, 3, 4, 5, 6]
    assert (found["interactions"], found["preferred_channel"]) == (21, "")


def test_a_fixed_attribute_keeps_its_name_whatever_the_engine_adds_up(on_engine):
    people = pl.DataFrame({"customer_id": ["a"], "joined_at": [END - 9 * DAY], "Late": ["x"], "Us": ["y"]})
    past = History({"interactions": on_engine(interactions()), "customers": on_engine(people)}, fixed=["Late", "Us"])
    found = {row["customer_id"]: row for row in dicts(customer_features(past, END))}
    assert (found["a"]["Late"], found["a"]["Us"]) == ("x", "y")
    with pytest.raises(DataError, match="Value: is an attribute of customers and a feature"):
        customer_features(history(customers=people.rename({"Late": "Value"}), fixed=["Value"]), END)


def test_a_customer_who_is_there_twice_has_no_fixed_attributes():
    people = pl.DataFrame({"customer_id": ["a", "a"], "joined_at": [END - DAY] * 2, "country": ["ID", "DE"]})
    with pytest.raises(DataError, match="customers, customer_id: 'a' is there twice"):
        customer_features(history(customers=people, fixed=["country"]), END)


def test_named_actions_and_channels_change_neither_share_nor_more():
    chosen = customer_features(history(), END, actions=["view"], channels=["web"])
    every = customer_features(history(), END)
    keys = ["customer_id", "active_share", "interactions"]
    assert chosen.select(keys).sort("customer_id").equals(every.select(keys).sort("customer_id"))


def test_a_length_of_time_is_not_taken_for_seconds():
    frame = interactions().to_pandas().assign(duration_s=pd.to_timedelta(2, unit="s"))
    with pytest.raises(DataError, match="duration_s: is Duration.*not a number"):
        customer_features(History({"interactions": frame}), END)


def test_ids_of_any_kind_meet_or_are_refused():
    people = pl.DataFrame({"customer_id": ["a"], "joined_at": [END - 9 * DAY]})
    worded = interactions().with_columns(pl.col("customer_id").cast(pl.Categorical))
    found = customer_features(History({"interactions": worded, "customers": people}), END)
    assert dict(found.select("customer_id", "tenure_days").rows())["a"] == 9
    nobody = pd.DataFrame(columns=["customer_id", "time", "action"])
    assert customer_features(History({"interactions": nobody, "customers": people.to_pandas()}), END).empty
    with pytest.raises(DataError, match="customer_id: is String in one table and Int64 in another"):
        customer_features(history(customers=people.with_columns(customer_id=pl.lit(1, pl.Int64))), END)


def test_channels_that_differ_by_case_alone_are_refused_where_columns_would(on_engine):
    rows = pl.concat([interactions(), interactions().with_columns(channel=pl.lit("WEB"))])
    past = History({"interactions": on_engine(rows)})
    if nw.from_native(on_engine(rows)).implementation.is_polars() or isinstance(on_engine(rows), pd.DataFrame):
        assert "interactions_WEB" in nw.from_native(customer_features(past, END)).collect_schema()
    else:
        with pytest.raises(DataError, match="'WEB' and 'web' differ by case alone"):
            customer_features(past, END)


ODD = ["paid__social", "a.b", "`x`", 'a"b', "a'b", "^.*$", "*", "ü", "a b\tc", "{x}", "%s"]


def test_a_channel_of_any_name_has_a_column(on_engine):
    everyone = [
        interactions().with_columns(pl.col("customer_id", "event_id") + f"-{place:02}", channel=pl.lit(odd))
        for place, odd in enumerate(ODD)
    ]
    rows = dicts(customer_features(History({"interactions": on_engine(pl.concat(everyone))}), END))
    by_id = {row["customer_id"]: row for row in rows}
    for place, odd in enumerate(ODD):
        first = by_id[f"a-{place:02}"]
        assert (first[f"interactions_{odd}"], first["preferred_channel"]) == (4, odd)


@given(events(), st.randoms())
def test_features_are_the_same_to_the_last_bit_in_any_order_of_rows(rows, random):
    rows = [(*row[:4], random.choice([None, 0.1, 19.99, 1e6 / 3]), *row[5:6], 0.1, 0.3, None) for row in rows]
    shuffled = random.sample(rows, len(rows))
    kinds = {"channels": ["app", "web"]}
    one, other = (snapshots(history(some), [END - 7 * DAY, END], "28d", **kinds) for some in (rows, shuffled))
    assert one.equals(other)
    one, other = (customer_features(history(some), END, "28d", **kinds) for some in (rows, shuffled))
    assert one.equals(other)
    assert one["customer_id"].is_sorted()


@pytest.mark.parametrize("most", [1e300, float("inf")])
def test_money_beyond_all_sums_is_no_crash_and_the_same_in_snapshots(most):
    rows = [("a", END - DAY, "purchase", "web", most, *[None] * 4)]
    assert dicts(snapshots(history(rows), [END - 7 * DAY, END]))[0]["value"] == most
    assert dicts(customer_features(history(rows), END))[0]["value"] == most


def test_the_last_interaction_before_each_date_is_known_however_long_ago(on_engine):
    dates = [END - 60 * DAY, END - 3 * DAY, END]
    past = History({"interactions": on_engine(interactions())}).before(END)
    rows = last_before(past, dates).select("customer_id", "date_us", "us").collect("polars").to_native()
    assert {(who, (date - us) / DAY_US) for who, date, us in rows.rows()} == {
        ("a", 1),
        ("a", 4),
        ("b", 24),
        ("b", 81),
        ("b", 84),
        ("c", 24 + 1 / 24),
        ("c", 81 + 1 / 24),
        ("c", 84 + 1 / 24),
    }
