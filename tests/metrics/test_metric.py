import math

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit import (
    Estimate,
    churn_rate,
    handling_hours,
    net_promoter_score,
    open_rate,
    order_value,
    page_views,
    reach_engagement_rate,
)
from engagekit.metrics.metric import Metric, Ratio

ANSWERS = [10, 9, 9, 8, 3]  # three promoters and one detractor of five: 40 points


@pytest.mark.parametrize(
    "answers",
    [
        ANSWERS,
        tuple(ANSWERS),
        np.array(ANSWERS),
        np.array(ANSWERS, np.uint8),
        np.array(ANSWERS, float),
        pd.Series(ANSWERS, index=range(5, 10)),
        pd.Series(ANSWERS, dtype="Int64"),
        pl.Series("whatever", ANSWERS),
    ],
    ids=lambda answers: f"{type(answers).__module__}.{type(answers).__name__}.{getattr(answers, 'dtype', '')}",
)
def test_a_metric_takes_plain_values(answers):
    found = net_promoter_score(answers)
    assert isinstance(found, Estimate)
    assert (found.value, found.numerator, found.denominator, found.n) == (40, 2, 5, 5)


@pytest.mark.parametrize(
    "answers",
    [
        [*ANSWERS, None],
        [*ANSWERS, math.nan],
        np.array([*ANSWERS, np.nan]),
        pd.Series([*ANSWERS, None]),
        pd.Series([*ANSWERS, pd.NA], dtype="Int64"),
        pl.Series([*ANSWERS, None]),
    ],
    ids=str,
)
def test_a_missing_value_in_plain_values_does_not_count(answers):
    assert net_promoter_score(answers) == net_promoter_score(ANSWERS)


@pytest.mark.parametrize("nothing", [[], (), [None], np.array([]), pd.Series([], dtype=float), pl.Series([])], ids=repr)
def test_no_values_are_undefined(nothing):
    for metric in (net_promoter_score, order_value, handling_hours):
        found = metric(nothing)
        assert math.isnan(found.value)
        assert found.reason == "no_rows"


def test_plain_values_are_units_of_their_own():
    found = order_value([10, 20, 30])
    assert (found.value, found.units) == (20, 3)


def test_plain_values_of_the_column_that_picks_rows_are_still_picked():
    assert page_views(["view", "purchase", "view", None]).value == 2


@pytest.mark.parametrize(
    ("metric", "columns"),
    [
        (open_rate, "opens, delivered"),
        (churn_rate, "churned, at_risk"),
        (reach_engagement_rate, "reach, likes, comments, shares, saves, clicks"),
    ],
)
def test_plain_values_are_not_enough_for_two_columns(metric, columns):
    with pytest.raises(TypeError, match=f"{metric.name}: a list of values is not enough. Give a frame with {columns}"):
        metric([1, 2, 3])


@pytest.mark.parametrize("data", [{"score": [10]}, 10, None, "10"])
def test_neither_values_nor_a_frame_is_refused(data):
    with pytest.raises(TypeError):
        net_promoter_score(data)


def test_by_or_every_gives_a_frame_and_neither_an_estimate():
    frame = pl.DataFrame({"score": ANSWERS, "kind": ["nps"] * 5, "branch": list("aabbb")})
    assert isinstance(net_promoter_score(frame), Estimate)
    assert net_promoter_score(frame, by="branch")["value"].to_list() == [100, 0]
    assert net_promoter_score(frame.to_pandas(), by="branch")["value"].tolist() == [100, 0]


def test_confidence_is_passed_on():
    wide, usual = net_promoter_score(ANSWERS, confidence=0.99), net_promoter_score(ANSWERS)
    assert wide.high - wide.low > usual.high - usual.low


def test_a_ratio_of_the_analysts_own_works_like_any_other(on_engine):
    basket = Ratio(
        name="items_per_basket",
        channel="shop",
        table="baskets",
        columns=("items", "baskets"),
        numerator=nw.col("items"),
        denominator=nw.col("baskets"),
        least=1,
        unit="customer",
        cluster="who",
        measured_in="ratio",
    )
    frame = on_engine(pl.DataFrame({"who": ["a", "b", "a"], "items": [5, 8, 1], "baskets": [2, 4, 1]}))
    found = basket(frame)
    assert (found.value, found.units) == (2, 2)
    assert repr(basket) == "<Ratio items_per_basket: items, baskets of baskets>"


def test_adjusted_wald_follows_the_scale():
    points, fraction = (
        Ratio(
            name="balance",
            channel="x",
            table="x",
            columns=("vote",),
            numerator=nw.col("vote"),
            least=-1,
            most=1,
            method="adjusted_wald",
            scale=scale,
            unit="answer",
            measured_in="points",
        )([1, 1, 0, -1])
        for scale in (100, 1)
    )
    assert (points.value, points.low, points.high) == pytest.approx(
        [100 * n for n in (fraction.value, fraction.low, fraction.high)]
    )
    assert fraction.value == 0.25


def test_a_metric_without_terms_cannot_be_measured():
    bare = Metric(name="bare", channel="x", table="x", columns=("a",), unit="answer", measured_in="count")
    with pytest.raises(NotImplementedError):
        bare([1])


def test_a_metric_does_not_change():
    with pytest.raises(AttributeError):
        open_rate.name = "other"  # type: ignore[misc]
