"""Slopes by hand and against polyfit."""

import datetime as dt

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from engagekit.customers.slopes import slopes, trailing_slopes
from engagekit.errors import DataError

MONDAY = dt.datetime(2026, 1, 5)


def polars_of(frame):
    """Polars frame of a frame of any engine."""
    return nw.from_native(frame).lazy().collect("polars").to_native().fill_nan(None)


def scores(**of):
    """Scores of customers by week from a Monday on."""
    rows = [(who, MONDAY + dt.timedelta(weeks=week), score) for who, weeks in of.items() for week, score in weeks]
    return pl.DataFrame(
        rows, schema={"customer_id": pl.String, "date": pl.Datetime("us"), "score": pl.Float64}, orient="row"
    )


def by_customer(result):
    return {customer: values for customer, *values in polars_of(result).rows()}


def test_a_slope_is_in_points_per_week_on_any_engine(on_engine):
    """By hand: 60, 50, 46 in weeks 0, 1, 2 fall by (60 - 46) / 2 a week; 10 and 40, five weeks apart, rise by 6."""
    scored = on_engine(
        scores(a=[(0, 60.0), (1, 50.0), (2, 46.0)], b=[(5, 40.0), (0, 10.0)], c=[(3, 50.0)], d=[(0, None), (1, 9.0)])
    )
    result = slopes(scored)
    assert type(result) is type(scored)
    table = by_customer(result)
    assert table["a"] == [pytest.approx(-7), 3]
    assert table["b"] == [pytest.approx(6), 2]
    assert table["c"] == [None, 1]
    assert table["d"] == [None, 1]


def test_slopes_are_those_of_polyfit():
    rng = np.random.default_rng(9)
    of = {f"c{i}": [(week, rng.uniform(0, 100)) for week in rng.uniform(0, 500, 12)] for i in range(20)}
    result = by_customer(slopes(scores(**of)))
    for who, points in of.items():
        assert result[who] == [pytest.approx(np.polyfit(*zip(*points, strict=True), 1)[0], abs=1e-6), 12]


def test_minutes_decades_after_1970_lose_nothing():
    """A point a minute is 10,080 a week."""
    minutes = [(minute / (7 * 24 * 60), 20.0 + minute) for minute in range(4)]
    assert by_customer(slopes(scores(a=minutes)))["a"] == [pytest.approx(10_080, rel=1e-9), 4]


def test_a_score_that_stays_has_no_slope():
    result = by_customer(slopes(scores(a=[(week, 100 / 3) for week in range(12)])))
    assert result["a"] == [0, 12]


def test_a_customer_without_a_score_has_no_slope():
    result = by_customer(slopes(scores(a=[(0, None), (1, None)], b=[(0, float("nan")), (1, 5.0), (2, 7.0)])))
    assert result == {"a": [None, 0], "b": [pytest.approx(2), 2]}


def test_dates_at_one_instant_have_no_slope():
    assert by_customer(slopes(scores(a=[(1, 5.0), (1, 7.0)])))["a"][0] is None


def test_calendar_dates_and_whole_scores_will_do():
    scored = pl.DataFrame(
        {"customer_id": ["a", "a"], "date": [dt.date(2026, 1, 5), dt.date(2026, 1, 12)], "score": [1, 4]}
    )
    assert (
        by_customer(slopes(scored))
        == by_customer(slopes(scored.to_pandas().astype({"date": "datetime64[s]"})))
        == {"a": [3, 2]}
    )


def test_rows_without_a_customer_or_a_date_have_no_slope():
    scored = scores(a=[(0, 1.0), (1, 2.0)], b=[(0, 1.0), (1, 2.0)])
    scored = scored.with_columns(
        customer_id=pl.when(pl.col("customer_id") == "a").then("customer_id"),
        date=pl.when(pl.col("score") < 2).then("date"),
    )
    assert by_customer(slopes(scored)) == {"a": [None, 1]}
    assert slopes(scored.head(0)).is_empty()


def test_scores_that_cannot_be_are_named():
    scored = scores(a=[(0, 1.0)])
    with pytest.raises(DataError, match="^score: is not a column"):
        slopes(scored.drop("score"))
    with pytest.raises(DataError, match="^score: is String, not a number"):
        slopes(scored.cast({"score": pl.String}))
    with pytest.raises(DataError, match="^date: is Float64, not a time"):
        slopes(scored.with_columns(date=1.0))


def test_slopes_come_in_the_order_of_the_customers(on_engine):
    scored = scores(**{f"c{number}": [(0, 1.0), (1, float(number))] for number in (3, 1, 2)})
    assert polars_of(slopes(on_engine(scored)))["customer_id"].to_list() == ["c1", "c2", "c3"]


def test_a_trailing_slope_is_that_of_polyfit_over_four_dates():
    rng = np.random.default_rng(4)
    weeks = [(week, rng.uniform(0, 100)) for week in range(8)]
    result = trailing_slopes(scores(a=weeks))
    assert np.isnan(result[0])
    for last in range(1, 8):
        days, points = zip(*((7 * week, score) for week, score in weeks[max(0, last - 3) : last + 1]), strict=True)
        assert result[last] == pytest.approx(np.polyfit(days, points, 1)[0], abs=1e-6)


def test_a_trailing_slope_skips_dates_without_a_score():
    """By hand: 10 points in 14 days; the null between them does not count."""
    assert trailing_slopes(scores(a=[(0, 20.0), (1, None), (2, 30.0)]))[2] == pytest.approx(10 / 14, abs=1e-6)


def test_a_score_that_stays_has_a_trailing_slope_of_0_exactly():
    scored = scores(a=[(week, 100 / 3) for week in (0, 1, 3, 4, 8)], b=[(week, 0.1) for week in range(5)])
    assert set(trailing_slopes(scored).tolist()[1:5] + trailing_slopes(scored).tolist()[6:]) == {0.0}
