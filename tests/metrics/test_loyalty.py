import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit import DataError
from engagekit.metrics import loyalty_participation_rate, referral_rate


def test_members_are_a_share_of_the_customers_of_whom_it_is_known():
    customers = pl.DataFrame({"loyalty_member": [True] * 15 + [False] * 133 + [None] * 9})
    found = loyalty_participation_rate(customers)
    assert (found.numerator, found.denominator, found.units) == (15, 148, 148)
    assert found.value == 15 / 148
    assert (found.low, found.high) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_a_number_of_points_is_not_a_membership():
    with pytest.raises(DataError, match="row 1: loyalty_member 250"):
        loyalty_participation_rate([1, 250, 0])


def test_customers_without_a_referrer_were_not_referred():
    customers = pl.DataFrame(
        {"customer_id": ["a", "b", "c", "d", "e", None], "referred_by": ["b", None, "a", None, None, "a"]}
    )
    found = referral_rate(customers)  # whom the last row is about is not known
    assert (found.numerator, found.denominator, found.value) == (2, 5, 0.4)
    assert (found.low, found.high) == pytest.approx(proportion_confint(2, 5, method="wilson"))


def test_nobody_referred_is_a_rate_of_zero_and_no_customer_is_none():
    customers = pl.DataFrame({"customer_id": ["a", "b"], "referred_by": pl.Series([None, None], dtype=pl.String)})
    assert referral_rate(customers).value == 0
    assert referral_rate(customers.head(0)).reason == "no_rows"
    assert loyalty_participation_rate([None]).reason == "no_rows"
