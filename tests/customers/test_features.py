import datetime as dt

import pandas as pd
import polars as pl
import pytest

from engagekit.customers.features import FEATURES, customer_features

END = dt.datetime(2026, 3, 1)


def interactions():
    day = dt.timedelta(days=1)
    rows = [
        ("a", END - 10 * day, "view", 100.0, None, 30.0, None),  # not money spent
        ("a", END - 10 * day + dt.timedelta(hours=1), "purchase", 20.0, "o1", None, 0.5),
        ("a", END - 10 * day + dt.timedelta(hours=1), "purchase", 5.0, "o1", None, None),
        ("a", END - 4 * day, "refund", -5.0, "o1", None, -0.5),
        ("b", END - 83 * day, "login", None, None, 12.0, None),
        ("c", END - 90 * day, "purchase", 99.0, "o9", None, None),
        ("a", END, "purchase", 1000.0, "o2", 99.0, 1.0),
    ]
    names = ["customer_id", "time", "action", "value", "order_id", "duration_s", "sentiment"]
    return pl.DataFrame(rows, schema=names, orient="row")


def test_features_are_counted_by_hand():
    a, b = customer_features(interactions(), END).sort("customer_id").to_dicts()
    assert a == {
        "customer_id": "a",
        "recency_days": 4,
        "interactions": 4,
        "active_days": 2,
        "orders": 1,
        "value": 20,
        "duration_s": 30,
        "active_share": 0.5,
        "sentiment_mean": 0,
    }
    assert (b["recency_days"], b["orders"], b["value"], b["sentiment_mean"]) == (83, 0, 0, None)


def test_only_purchases_and_refunds_are_money_spent():
    carts = interactions().with_columns(action=pl.lit("add_to_cart"))
    assert customer_features(carts, END)["value"].sum() == 0


def test_nothing_from_the_date_on_is_seen():
    future = interactions().with_columns(time=pl.lit(END), value=pl.lit(1e9))
    assert (
        customer_features(pl.concat([interactions(), future]), END)
        .sort("customer_id")
        .equals(customer_features(interactions(), END).sort("customer_id"))
    )


def test_what_is_not_recorded_is_null_and_not_zero():
    bare = interactions().select("customer_id", "time", "action")
    row = customer_features(bare, END).filter(pl.col("customer_id") == "a").row(0, named=True)
    assert (row["value"], row["duration_s"], row["sentiment_mean"]) == (None, None, None)
    assert row["orders"] == 1


def test_orders_without_ids_are_counted_by_their_instant():
    bare = interactions().drop("order_id").filter(pl.col("customer_id") == "a")
    assert customer_features(bare, END)["orders"].to_list() == [1]


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pl.LazyFrame])
def test_the_callers_kind_of_frame_comes_back(kind):
    frame = interactions()
    given = {pd.DataFrame: frame.to_pandas(), pl.DataFrame: frame, pl.LazyFrame: frame.lazy()}[kind]
    features = customer_features(given, END)
    assert isinstance(features, kind)
    collected = features.collect() if kind is pl.LazyFrame else features
    assert list(collected.columns) == ["customer_id", *FEATURES]
    assert sorted(collected["interactions"]) == [1, 4]
