import polars as pl
import pytest

from engagekit import return_on_spend


def test_return_on_spend_is_money_back_over_money_spent():
    found = return_on_spend(pl.DataFrame({"revenue": [500, 100], "spend": [100, 300]}))
    assert found.value == 1.5  # the mean of the two returns, 5 and 1/3, would be 2.67
    assert (found.units, found.method) == (2, "delta")


def test_a_campaign_that_cost_nothing_alone_has_no_return():
    found = return_on_spend(pl.DataFrame({"revenue": [500], "spend": [0]}))
    assert (found.reason, found.numerator) == ("zero_denominator", 500)


def test_campaigns_are_compared_by_name():
    campaigns = pl.DataFrame({"campaign": ["a", "b", "a"], "revenue": [10, 20, 30], "spend": [10, 5, 10]})
    assert return_on_spend(campaigns, by="campaign")["value"].to_list() == pytest.approx([2, 4])
