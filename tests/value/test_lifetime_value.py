"""What customers are worth, and when no value is given."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from buyers import PAPER, spending

from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.gamma_gamma import GammaGamma
from engagekit.value.lifetime_value import lifetime_value


def test_values_of_customers(summary, fitted, spend):
    rows = summary.head(6)
    result = lifetime_value(rows, fitted, spend, periods=39, discount=0.002)
    assert result["customer_id"].to_list() == rows["customer_id"].to_list()
    past = [rows[name].to_numpy() for name in ("frequency", "recency", "age")]
    purchases = fitted.discounted_purchases(0.002, 39, *past)
    assert result["purchases"].to_numpy() == pytest.approx(purchases)
    worth = purchases * spend.expected_value(past[0], rows["value"].to_numpy())
    assert result["expected_value"].to_numpy() == pytest.approx(worth)
    assert result["p_alive"].to_numpy() == pytest.approx(fitted.p_alive(*past))
    low, high = fitted.interval(lambda model: model.discounted_purchases(0.002, 39, *past))
    assert result["purchases_low"].to_numpy() == pytest.approx(low)
    assert result["purchases_high"].to_numpy() == pytest.approx(high)
    for name in ("p_alive", "purchases", "expected_value"):
        assert (result[f"{name}_low"] <= result[name]).all()
        assert (result[name] <= result[f"{name}_high"]).all()
    once = result.filter(past[0] == 0)
    assert set(once["note"]) == {"never_bought_again"}
    assert set(once["p_alive_low"]) == set(once["p_alive"]) == {1.0}
    assert set(result.filter(past[0] > 0)["note"]) == {""}


def test_both_models_count_in_the_interval_of_money(summary, fitted, spend):
    rows = summary.head(2)
    one = {name: rows[name].to_numpy() for name in ("frequency", "recency", "age")}
    result = lifetime_value(rows, fitted, spend, periods=39)
    purchases = np.log(result["purchases_high"] / result["purchases_low"]).to_numpy()
    low, high = spend.interval(lambda model: model.expected_value(one["frequency"], rows["value"].to_numpy()))
    money = np.log(result["expected_value_high"] / result["expected_value_low"]).to_numpy()
    assert money == pytest.approx(np.hypot(purchases, np.log(high / low)))


def test_a_pandas_frame_comes_back_and_others_as_polars(summary, fitted, on_engine):
    rows = summary.head(3).select("customer_id", "frequency", "recency", "age")
    given = on_engine(rows)
    result = lifetime_value(given, fitted, periods=2)
    assert isinstance(result, pd.DataFrame if isinstance(given, pd.DataFrame) else pl.DataFrame)
    assert len(result) == 3
    assert "expected_value" not in result.columns


def test_a_customer_who_surely_left_is_worth_nothing(fitted, spend):
    rows = pl.DataFrame({"customer_id": ["a"], "frequency": [3000], "recency": [9.0], "age": [900.0], "value": [5.0]})
    result = lifetime_value(rows, fitted, spend, periods=5, discount=0.01)
    assert result.row(0)[1:-1] == pytest.approx((0,) * 6 + (float(spend.expected_value(3000, 5.0)),) + (0,) * 3)


def test_money_of_customers_without_a_value_is_null(fitted, spend):
    rows = pl.DataFrame(
        {"customer_id": ["a", "b"], "frequency": [2, 0], "recency": [9, 0], "age": [9, 9], "value": [None, None]},
        schema_overrides={"value": pl.Float64},
    )
    result = lifetime_value(rows, fitted, spend, periods=5)
    assert result["note"].to_list() == ["value_unknown", "never_bought_again"]
    assert result["expected_value"].to_list() == [None, pytest.approx(spend.expected_value() * result["purchases"][1])]


def test_no_value_is_given_where_frequency_and_value_go_together():
    for together in (0, 1):
        rows = spending(together)
        purchases, spend = BetaGeometric.fit(rows, "week"), GammaGamma.fit(rows)
        assert spend.independent is (together == 0)
        expected = lifetime_value(rows, purchases, spend, periods=26)
        money = expected.select("mean_value", "^expected_value.*$")
        assert money.null_count().sum_horizontal().item() == (4 * 3000 if together else 0)
        assert expected["purchases"].null_count() == 0
        once = "never_bought_again" + " value_not_independent" * together
        notes = {True: {once}, False: {"value_not_independent" if together else ""}}
        for is_once, rows_of in expected.group_by(rows["frequency"] == 0):
            assert set(rows_of["note"]) == notes[is_once[0]]


def test_arguments_out_of_range_are_refused(summary, fitted):
    rows = summary.head(2)
    with pytest.raises(ValueError, match="covariance: parameters that were given have none"):
        lifetime_value(rows, PAPER, periods=3)
    with pytest.raises(ValueError, match="unit: day and week do not go together"):
        lifetime_value(rows.with_columns(unit=pl.lit("day")), fitted, periods=3)
    with pytest.raises(ValueError, match="confidence"):
        lifetime_value(rows, fitted, periods=3, confidence=95)
