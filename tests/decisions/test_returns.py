"""Returns of campaigns, whose sums are counted by hand, and the size of the test that would show a cause."""

import math

import pandas as pd
import polars as pl
import pytest

from engagekit.decisions.returns import campaign_returns, campaign_test, campaign_tests
from engagekit.errors import DataError
from engagekit.metrics import cost_per_conversion, leads_per_hour, return_on_ad_spend
from engagekit.metrics.measure import measure

ADS = pl.DataFrame(
    {
        "campaign": ["B", "A", "A", "A"],
        "channel": ["email", "email", "social", "social"],
        "spend": [10.0, 20.0, 30.0, None],
        "hours": [1.0, 2.0, 3.0, 4.0],
        "reached": [100, 200, 300, 400],
        "conversions": [0, 5, 5, 3],
        "revenue": [0.0, 60.0, 40.0, 9.0],
    }
)


def test_sums_and_costs_are_those_counted_by_hand():
    table = campaign_returns(ADS).set_index("campaign")
    assert table.loc["A", ["n", "spend", "hours", "conversions", "revenue"]].tolist() == [2, 50, 9, 13, 109]
    assert table.loc["A", "cost_per_conversion"] == 5  # the row without spend counts in neither
    assert table.loc["A", "return_on_ad_spend"] == 2
    assert "leads" not in table
    assert "cost_per_lead" not in table


def test_a_cost_per_conversion_without_conversions_is_undefined_with_its_reason():
    row = campaign_returns(ADS).set_index("campaign").loc["B"]
    assert math.isnan(row["cost_per_conversion"])
    assert row["cost_per_conversion_reason"] == "zero_denominator"
    assert row["return_on_ad_spend"] == 0


def test_a_return_on_no_spend_is_undefined_with_its_reason():
    row = campaign_returns(ADS.with_columns(spend=pl.lit(0.0))).set_index("campaign").loc["A"]
    assert math.isnan(row["return_on_ad_spend"])
    assert row["return_on_ad_spend_reason"] == "zero_denominator"
    assert row["cost_per_conversion"] == 0


def test_values_and_intervals_are_those_of_the_catalogue():
    table, measured = (
        campaign_returns(ADS, "channel"),
        measure(ADS, [cost_per_conversion, return_on_ad_spend], by="channel"),
    )
    for row in measured.to_dicts():
        ours = table.set_index("channel").loc[row["channel"]]
        ends = [ours[f"{row['metric']}{end}"] for end in ("", "_low", "_high")]
        assert ends == pytest.approx([row["value"], row["low"], row["high"]], nan_ok=True)


def test_leads_per_hour_are_those_of_the_catalogue():
    frame = ADS.with_columns(leads=pl.col("conversions"))
    table = campaign_returns(frame).set_index("campaign")
    assert table.loc["A", "leads_per_hour"] == 13 / 9
    (measured,) = measure(frame, leads_per_hour, by="campaign").filter(pl.col("campaign") == "A").to_dicts()
    assert table.loc["A", ["leads_per_hour_low", "leads_per_hour_high"]].tolist() == [measured["low"], measured["high"]]


def test_a_campaign_with_one_row_has_a_value_and_no_interval():
    row = campaign_returns(ADS.head(2)).set_index("campaign").loc["A"]
    assert row["cost_per_conversion"] == 4
    assert math.isnan(row["cost_per_conversion_low"])


def test_revenue_and_every_result_may_be_missing():
    table = campaign_returns(ADS.select("campaign", "spend"))
    assert list(table) == ["campaign", "n", "spend"]


def test_a_missing_column_and_negative_spend_are_named():
    with pytest.raises(DataError, match="channel: is not a column"):
        campaign_returns(ADS.drop("channel"), "channel")
    with pytest.raises(DataError, match="spend"):
        campaign_returns(ADS.with_columns(spend=pl.lit(-1.0)))


def test_an_empty_table_has_no_campaigns():
    assert campaign_returns(ADS.head(0)).empty


def test_pandas_gives_the_same():
    pd.testing.assert_frame_equal(campaign_returns(ADS.to_pandas()), campaign_returns(ADS))


def test_the_size_of_the_test_is_that_of_statsmodels_up_to_its_approximation():
    power = pytest.importorskip("statsmodels.stats.power")
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for rate in (0.01, 0.05, 0.2):
        effect = proportion.proportion_effectsize(1.2 * rate, rate)
        half = power.NormalIndPower().solve_power(effect, alpha=0.05, power=0.8)
        assert campaign_test(1000 * rate, 1000, 10.0)["people"] == pytest.approx(2 * half, rel=0.01)


def test_a_test_of_that_size_finds_the_change_in_four_of_five_cases():
    from scipy.stats import norm

    rate, half = 0.05, campaign_test(50, 1000, 10.0)["people"] / 2
    gap, m = 0.2 * rate, 1.1 * rate
    z = (gap - norm.ppf(0.975) * (2 * m * (1 - m) / half) ** 0.5) / (
        (rate * (1 - rate) + 1.2 * rate * (1 - 1.2 * rate)) / half
    ) ** 0.5
    assert norm.cdf(z) == pytest.approx(0.8, abs=0.001)


def test_the_cost_of_a_test_is_that_of_reaching_half_of_its_people():
    test = campaign_test(50, 1000, 300.0)
    assert test["cost"] == pytest.approx(test["people"] / 2 * 0.3)


@pytest.mark.parametrize(("results", "reached"), [(0, 100), (5, 0), (90, 100), (120, 100)])
def test_a_rate_that_is_0_unknown_or_cannot_rise_gives_no_size(results, reached):
    assert math.isnan(campaign_test(results, reached, 10.0)["people"])


def test_the_test_of_a_campaign_is_that_of_rows_where_people_results_and_spend_are_known():
    blanks = pl.DataFrame(
        {
            "campaign": ["A", "A", "A", "A", "B"],
            "spend": [100.0, 60.0, 90.0, None, 5.0],
            "reached": [1_000, 600, None, 700, None],
            "conversions": [50, 30, 400, 60, 5],
        }
    )
    (row,) = campaign_tests(blanks.sample(fraction=1, shuffle=True, seed=1), "conversions").to_dict("records")
    assert row == {"campaign": "A", **campaign_test(80, 1_600, 160.0)}


def test_no_effect_and_an_impossible_power_are_refused():
    for name, value in (("effect", 0), ("power", 1)):
        with pytest.raises(ValueError, match=f"^{name}: {value}"):
            campaign_test(5, 100, 10.0, **{name: value})
