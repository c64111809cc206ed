import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit import DataError, loyalty_participation_rate


def test_members_are_a_share_of_the_customers_of_whom_it_is_known():
    customers = pl.DataFrame({"loyalty_member": [True] * 15 + [False] * 133 + [None] * 9})
    found = loyalty_participation_rate(customers)
    assert (found.value, found.units) == (15 / 148, 148)
    assert (found.low, found.high) == pytest.approx(proportion_confint(15, 148, method="wilson"))


def test_a_number_of_points_is_not_a_membership():
    with pytest.raises(DataError, match="row 1: loyalty_member 250"):
        loyalty_participation_rate([1, 250, 0])
