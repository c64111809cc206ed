import polars as pl
import pytest

from engagekit.metrics import (
    campaign_conversion_rate,
    cost_per_conversion,
    cost_per_lead,
    lead_rate,
    leads_per_hour,
    return_on_ad_spend,
)

CAMPAIGNS = pl.DataFrame(
    {
        "campaign": ["a", "b", "c"],
        "spend": [100.0, 300.0, 50.0],
        "hours": [5.0, 10.0, None],
        "reached": [1000, 500, None],
        "leads": [20, 5, 0],
        "conversions": [4, 1, None],
        "revenue": [500.0, 100.0, None],
    }
)
METRICS = (return_on_ad_spend, lead_rate, campaign_conversion_rate, cost_per_lead, cost_per_conversion, leads_per_hour)


def named(value):
    return getattr(value, "name", None)


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        (return_on_ad_spend, 500 + 100, 100 + 300),
        (lead_rate, 20 + 5, 1000 + 500),
        (campaign_conversion_rate, 4 + 1, 20 + 5),
        (cost_per_lead, 100 + 300 + 50, 20 + 5 + 0),  # what was spent without a lead is spent
        (cost_per_conversion, 100 + 300, 4 + 1),
        (leads_per_hour, 20 + 5, 5 + 10),
    ],
    ids=named,
)
def test_a_ratio_is_of_the_campaigns_that_tell_both_parts(metric, numerator, denominator):
    found = metric(CAMPAIGNS)
    assert (found.numerator, found.denominator) == (numerator, denominator)
    assert found.value == pytest.approx(numerator / denominator)


def test_return_on_spend_is_pooled_and_not_averaged():
    found = return_on_ad_spend(CAMPAIGNS)
    assert found.value == 1.5  # the mean of the two returns, 5 and 1/3, would be 2.67
    assert found.units == 2


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_nothing_to_divide_by_has_no_ratio(metric):
    part, whole = metric.columns
    found = metric(pl.DataFrame({part: [500], whole: [0]}))
    assert (found.reason, found.numerator) == ("zero_denominator", 500)


def test_campaigns_are_compared_by_name():
    found = return_on_ad_spend(CAMPAIGNS, by="campaign").sort("campaign")
    assert found["value"].to_list() == pytest.approx([5, 1 / 3, float("nan")], nan_ok=True)
    assert found["reason"].to_list() == ["", "", "no_rows"]
