"""A/A simulation: sound where customers are independent, alarmed where rows are taken for them."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from engagekit.decisions.simulation import a_a
from engagekit.errors import DataError, TooLittle

RNG = np.random.default_rng(5)
ROWS = pl.DataFrame({"customer_id": np.repeat(np.arange(300), 4), "spent": np.repeat(RNG.gamma(2, 20, 300), 4)})
ROWS = ROWS.with_columns(bought=pl.col("spent") > 50, value=pl.col("spent"), order_id=pl.int_range(pl.len()), lines=1)


def test_random_halves_of_customers_differ_in_one_of_twenty():
    made = a_a(ROWS, ["spent", "bought", "order_value"], unit="customer_id", runs=400)
    assert made["customers"].tolist() == [300] * 3
    assert made["sound"].all()
    assert made["band_high"].tolist() == [binom.ppf(0.975, 400, 0.05) / 400] * 3
    assert a_a(ROWS, "spent", unit="customer_id", runs=50, seed=1).equals(
        a_a(ROWS.sample(fraction=1, shuffle=True, seed=2), "spent", unit="customer_id", runs=50, seed=1)
    )


def test_skewed_money_of_a_few_buyers_is_sound_too():
    spent = pl.DataFrame({"spent": np.where(RNG.random(2000) < 0.1, RNG.lognormal(3, 1.2, 2000), 0)})
    assert a_a(spent, "spent", runs=400)["sound"].item()


def test_too_few_customers_and_runs_are_named():
    with pytest.raises(TooLittle, match="3 customers"):
        a_a(ROWS.head(3), "spent")
    with pytest.raises(ValueError, match="runs: 0"):
        a_a(ROWS, "spent", runs=0)


@pytest.mark.parametrize("blank", [None, "", " "])
def test_rows_without_a_customer_are_nobodys(blank):
    rows = ROWS.with_columns(pl.col("customer_id").cast(pl.String))
    nobody = rows.head(40).with_columns(customer_id=pl.lit(blank, pl.String))
    made = a_a(pl.concat([rows, nobody]), ["spent", "order_value"], unit="customer_id", runs=50)
    assert made.equals(a_a(rows, ["spent", "order_value"], unit="customer_id", runs=50))


@pytest.mark.parametrize("largest", [1e60, 1e153])
def test_values_whose_squares_no_float_holds_are_refused(largest):
    with pytest.raises(DataError, match="spent: a customer's value is above"):
        a_a(pl.DataFrame({"spent": [*range(20), largest]}, strict=False), "spent", runs=5)


def test_names_of_the_kits_own_are_refused():
    with pytest.raises(DataError, match="^:unit: is a name of the kit's own"):
        a_a(ROWS.rename({"spent": ":unit"}), ":unit")
    with pytest.raises(ValueError, match="unit: 'spent' is given for something else"):
        a_a(ROWS, "spent", unit="spent")
