import datetime as dt

import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit import ChurnDefinition, DataError
from engagekit.metrics import (
    annualised,
    churn_rate,
    churn_rate_average_base,
    first_purchase_churn_rate,
    gross_revenue_retention,
    lost_to_acquired_ratio,
    net_revenue_retention,
    reactivation_rate,
    repeat_purchase_rate,
    retention_rate,
    revenue_churn_rate,
    stickiness,
)
from engagekit.prepare.leaving import active_base

LOST, START, ACQUIRED = 50, 1000, 200
REVENUE = pl.DataFrame(
    [
        (True, True, 10.0, 0.0),  # left
        (True, False, 20.0, 30.0),  # pays more
        (True, False, 20.0, 15.0),  # pays less
        (True, False, 5.0, 5.0),
        (True, False, 0.0, 9.0),  # paid nothing on the date
        (False, False, 0.0, 40.0),  # new, or came back
    ],
    schema=["in_base", "churned", "opening_value", "closing_value"],
    orient="row",
)
OF_REVENUE = (gross_revenue_retention, net_revenue_retention, revenue_churn_rate)


def named(value):
    return getattr(value, "name", None)


def base(left=LOST, stayed=START - LOST, acquired=ACQUIRED, acquired_left=0):
    """Customers of the base who left and who stayed, and new ones."""
    members, new = left + stayed, acquired + acquired_left
    return pl.DataFrame(
        {
            "churned": [True] * left + [False] * (stayed + acquired) + [True] * acquired_left,
            "in_base": [True] * members + [False] * new,
            "acquired": [False] * members + [True] * new,
            "remained": [False] * left + [True] * (stayed + acquired) + [False] * acquired_left,
        }
    )


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator", "percent"),
    [
        (churn_rate, 50, 1000, 5),
        (retention_rate, 950, 1000, 95),
        (churn_rate_average_base, 50, (1000 + 1150) / 2, 4.65),  # 1000 − 50 + 200 at the end
        (lost_to_acquired_ratio, 50, 200, 25),  # which the article calls churn
    ],
    ids=named,
)
def test_of_1000_at_the_start_50_were_lost_and_200_were_acquired(metric, numerator, denominator, percent):
    found = metric(base())
    assert (found.numerator, found.denominator) == (numerator, denominator)
    assert found.value == pytest.approx(percent / 100, abs=5e-5)


@pytest.mark.parametrize(("metric", "hits"), [(churn_rate, 50), (retention_rate, 950)], ids=named)
def test_churn_has_wilsons_interval_over_the_base(metric, hits):
    found = metric(base())
    assert (found.low, found.high) == pytest.approx(proportion_confint(hits, 1000, method="wilson"))
    assert (found.n, found.units, found.method) == (1000, 1000, "wilson")


@pytest.mark.parametrize("metric", [churn_rate, retention_rate], ids=named)
def test_new_customers_change_neither_churn_nor_retention(metric):
    assert metric(base(acquired=0)) == metric(base())
    assert metric(base(acquired=150, acquired_left=50)) == metric(base())


def test_growth_alone_lowers_churn_over_the_average_base():
    values = [churn_rate_average_base(base(acquired=acquired)).value for acquired in (0, 50, 1050)]
    assert values == pytest.approx([50 / 975, 50 / 1000, 50 / 1500])


def test_churn_over_the_average_base_passes_1_where_all_are_lost_and_nobody_came():
    assert churn_rate_average_base(base(left=4, stayed=0, acquired=0)).value == 4 / ((4 + 0) / 2)


def test_more_lost_than_won_is_above_1_and_nobody_won_is_undefined():
    assert lost_to_acquired_ratio(base(acquired=20)).value == 2.5
    found = lost_to_acquired_ratio(base(acquired=0))
    assert (found.reason, found.numerator, found.denominator) == ("zero_denominator", 50, 0)


@pytest.mark.parametrize("metric", [churn_rate, retention_rate], ids=named)
def test_an_empty_base_has_no_churn_rate(metric):
    found = metric(base(left=0, stayed=0))
    assert (found.reason, found.denominator) == ("zero_denominator", 0)


@pytest.mark.parametrize("flags", [pl.Int64, pl.Float64, pl.Boolean])
@pytest.mark.parametrize(
    "metric", [churn_rate, retention_rate, churn_rate_average_base, lost_to_acquired_ratio], ids=named
)
def test_flags_may_be_written_as_numbers(metric, flags):
    assert metric(base().cast(flags)) == metric(base())


@pytest.mark.parametrize("metric", [churn_rate, retention_rate], ids=named)
def test_a_customer_of_whom_it_is_not_known_does_not_count(metric):
    frame = pl.DataFrame({"churned": [True, None, False], "in_base": [True, True, True]})
    assert metric(frame).denominator == 2


def test_counts_are_not_taken_for_flags():
    with pytest.raises(DataError, match="churned 50, in_base 1000"):
        churn_rate(pl.DataFrame({"churned": [50], "in_base": [1000]}))


def test_5_percent_a_month_are_46_a_year_and_not_60():
    """0.95^12 = 0.5404 stay."""
    assert annualised(0.05) == pytest.approx(0.4596, abs=5e-5)
    assert annualised(churn_rate(base()).value) == annualised(0.05)
    assert annualised(0.05, periods=1) == pytest.approx(0.05)
    assert (annualised(0), annualised(1)) == (0, 1)
    assert annualised(float("nan")) != annualised(float("nan"))


@pytest.mark.parametrize(
    ("arguments", "said"), [((1.2,), "rate: 1.2"), ((-0.1,), "rate: -0.1"), ((0.1, 0), "periods: 0")]
)
def test_what_cannot_be_a_rate_is_not_annualised(arguments, said):
    with pytest.raises(ValueError, match=said):
        annualised(*arguments)


def test_one_of_four_who_had_lapsed_came_back():
    frame = pl.DataFrame(
        {"lapsed": [True] * 4 + [False] * 3, "reactivated": [True, False, False, False, False, True, None]}
    )
    found = reactivation_rate(frame)
    assert (found.numerator, found.denominator, found.value) == (1, 4, 0.25)
    assert (found.low, found.high) == pytest.approx(proportion_confint(1, 4, method="wilson"))
    assert reactivation_rate(frame[4:6]).reason == "zero_denominator"


@pytest.mark.parametrize(
    ("metric", "numerator"),
    [
        (gross_revenue_retention, 0 + 20 + 15 + 5),
        (net_revenue_retention, 0 + 30 + 15 + 5),
        (revenue_churn_rate, 10),
    ],
    ids=named,
)
def test_revenue_is_that_of_who_paid_on_the_date(metric, numerator):
    """55 on the date, of four: 10 + 20 + 20 + 5. What new and returning customers pay is in no part."""
    found = metric(REVENUE)
    assert (found.numerator, found.denominator, found.units) == (numerator, 55, 4)
    assert found.value == pytest.approx(numerator / 55)


def test_expansion_can_bring_net_retention_above_1_and_never_gross_retention():
    expanded = REVENUE.with_columns(closing_value=pl.col("closing_value") * 2)
    assert net_revenue_retention(expanded).value == 100 / 55
    assert gross_revenue_retention(expanded).value == 45 / 55  # 0 + 20 + 20 + 5
    assert gross_revenue_retention(expanded).high <= 1


@pytest.mark.parametrize("metric", OF_REVENUE, ids=named)
def test_no_revenue_on_the_date_is_undefined(metric):
    assert metric(REVENUE.with_columns(opening_value=pl.lit(0.0))).reason == "no_rows"
    assert metric(REVENUE.with_columns(in_base=pl.lit(False))).reason == "no_rows"


def test_a_closing_value_that_is_not_known_is_not_counted_as_lost():
    frame = REVENUE[1:3].with_columns(closing_value=pl.Series([30.0, None]))
    assert (net_revenue_retention(frame).value, net_revenue_retention(frame).n) == (1.5, 1)


def test_a_closing_value_that_is_not_known_is_not_counted_as_kept():
    frame = REVENUE[1:3].with_columns(closing_value=pl.Series([10.0, None]))
    assert (gross_revenue_retention(frame).value, gross_revenue_retention(frame).n) == (0.5, 1)


def test_a_contract_counts_from_its_paid_periods_to_every_rate():
    """On 1 February a, b and c pay 10, 20 and 30; on 1 March a has left, b pays 25 and d, new, pays 40; e came back."""
    first, day, end, later = (dt.datetime(2026, month, 1) for month in (1, 2, 3, 4))
    paid = pl.DataFrame(
        [
            ("a", first, dt.datetime(2026, 2, 15), 10.0),
            ("b", first, dt.datetime(2026, 2, 15), 20.0),
            ("b", dt.datetime(2026, 2, 15), later, 25.0),
            ("c", first, later, 30.0),
            ("d", dt.datetime(2026, 2, 10), later, 40.0),
            ("e", dt.datetime(2025, 11, 1), first, 50.0),
            ("e", dt.datetime(2026, 2, 20), later, 50.0),
            ("f", dt.datetime(2025, 11, 1), first, 50.0),
        ],
        schema=["customer_id", "starts_at", "ends_at", "monthly_value"],
        orient="row",
    )
    churn = ChurnDefinition(horizon=f"{(end - day).days}d", contractual=True)
    found = active_base(paid, day, churn)
    parts = {
        churn_rate: (1, 3),
        retention_rate: (2, 3),
        lost_to_acquired_ratio: (1, 1),
        reactivation_rate: (1, 2),
        gross_revenue_retention: (20 + 30, 60),
        net_revenue_retention: (25 + 30, 60),
        revenue_churn_rate: (10, 60),
    }
    for metric, expected in parts.items():
        assert (metric(found).numerator, metric(found).denominator) == expected, metric


def test_gone_after_the_first_purchase_is_one_minus_the_repeat_rate():
    frame = pl.DataFrame(
        {"repeated": [True, False, False, False, None], "window_over": [True, True, True, False, True]}
    )
    found = first_purchase_churn_rate(frame)
    assert (found.numerator, found.denominator) == (2, 3)
    assert found.value == pytest.approx(1 - repeat_purchase_rate(frame).value)
    assert (found.low, found.high) == pytest.approx(proportion_confint(2, 3, method="wilson"))
    assert first_purchase_churn_rate(frame[3:4]).reason == "zero_denominator"


def test_stickiness_is_mean_daily_over_monthly_actives():
    """Of 30 days one was active on 3 and one on 12: 15/30 = 0.5 a day, of 2 in the month: a quarter."""
    month = pl.DataFrame({"customer_id": ["a", "b", "c"], "active_days": [3, 12, None], "days": [30, 30, 30]})
    found = stickiness(month)
    assert found.numerator == pytest.approx(0.1 + 0.4)
    assert (found.denominator, found.n, found.units) == (2, 2, 2)  # c only had a ticket
    assert found.value == pytest.approx((15 / 30) / 2)
    assert stickiness(month.tail(1)).reason == "no_rows"
    with pytest.raises(DataError, match="active_days 31, days 30"):
        stickiness(month.with_columns(active_days=pl.lit(31)))
