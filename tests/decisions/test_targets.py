"""Targets: verdicts beyond chance, the own past, where a running total ends, and goals without metrics."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit import Study
from engagekit.data.business import Business
from engagekit.decisions.targets import own_past, reached, run_rate, unserved
from engagekit.errors import DataError
from engagekit.metrics import active_customers, churn_rate, followers, orders_placed, revenue, satisfaction_rate
from engagekit.metrics.estimate import Estimate

BEGIN = dt.datetime(2026, 1, 5)  # a Monday


def sold(values, **columns):
    """A study of one order a day of these values, from BEGIN to the day after the last."""
    days = [BEGIN + dt.timedelta(days=day) for day in range(len(values))]
    rows = pl.DataFrame({"customer_id": "a", "time": days, "action": "purchase", "channel": "shop", "value": values})
    return Study.of(
        interactions=rows.filter(pl.col("value") != 0), as_of=BEGIN + dt.timedelta(days=len(values)), **columns
    )


def estimate(value, low, high):
    return Estimate(value, low, high, math.nan, math.nan, 100, 100, "wilson", "", "")


@pytest.mark.parametrize(
    ("bounds", "aim", "verdict"),
    [
        ((0.8, 0.75, 0.85), 0.7, "reached"),
        ((0.8, 0.75, 0.85), 0.78, "close"),
        ((0.8, 0.75, 0.85), 0.9, "missed"),
        ((0.8, 0.75, 0.85), 0.8, "reached"),
        ((0.8, math.nan, math.nan), 0.7, "close"),
        ((math.nan, math.nan, math.nan), 0.7, "close"),
    ],
)
def test_a_target_is_reached_where_the_whole_interval_is_beyond_it(bounds, aim, verdict):
    assert reached(satisfaction_rate, estimate(*bounds), aim) == verdict


def test_less_is_better_for_churn():
    assert reached(churn_rate, estimate(0.1, 0.08, 0.12), 0.15) == "reached"
    assert reached(churn_rate, estimate(0.1, 0.08, 0.12), 0.05) == "missed"


def test_a_total_has_no_interval_and_is_compared_as_it_is():
    assert reached(revenue, estimate(90.0, math.nan, math.nan), 100) == "missed"


def test_the_own_past_is_the_median_of_whole_periods_before():
    months = pd.date_range("2025-01-01", periods=16, freq="MS")
    series = pd.DataFrame({"period": months, "value": np.arange(16.0), "warning": ""})
    assert own_past(series, months[15]) == (8 + 9) / 2  # of 3 to 14, the twelve before
    series.loc[14, "warning"] = "partial_period"
    assert own_past(series, months[15]) == (7 + 8) / 2  # of 2 to 13
    assert math.isnan(own_past(series, months[2]))


def test_a_running_total_is_what_was_sold_and_the_same_weekdays_to_come():
    week = [70.0, 10, 20, 30, 40, 50, 60]
    values = week * 8 + week[:3]  # to Wednesday 4 March; March began on a Sunday
    made = run_rate(sold(values), revenue)
    assert made.so_far == 60 + 70 + 10 + 20
    rest = sum(week[dt.date(2026, 3, day).weekday()] for day in range(5, 32))
    assert made.expected.value == pytest.approx(made.so_far + rest)
    assert made.expected.low == pytest.approx(made.expected.high)  # every week was the same
    assert made.ends == dt.datetime(2026, 4, 1)


def test_the_interval_is_that_of_whole_weeks():
    """Weeks of 7 and 14 by turns, four of each: s² = 8 · 3.5² / 7 = 14; 30 days to come, two of them a fifth time."""
    made = run_rate(sold(([1.0] * 7 + [2.0] * 7) * 4), revenue)  # to Sunday 1 March
    assert (made.so_far, made.expected.value) == (2, 2 + 30 * 1.5)
    half = 2.364624 * math.sqrt(14 / 7 * (30 + (2 * 5**2 + 5 * 4**2) / 8))  # t(7) of a printed table
    assert made.expected.high == pytest.approx(47 + half, abs=1e-4)
    assert made.expected.low == pytest.approx(47 - half, abs=1e-4)
    assert made.expected.n == 56


def test_days_after_the_end_of_the_data_are_days_to_come():
    values = [10.0] * 60
    late = sold(values)
    later = Study.of(interactions=late.table("interactions"), as_of=late.end + dt.timedelta(days=5))
    assert run_rate(later, revenue).so_far == run_rate(late, revenue).so_far
    assert run_rate(later, revenue).expected.value == run_rate(late, revenue).expected.value == 310


@pytest.mark.parametrize(
    ("values", "metric", "reason"),
    [
        ([10.0] * 20, revenue, "too_few_days"),
        (([10.0] + [0] * 13) * 5, revenue, "too_few_days"),
        ([10.0] * 55, revenue, "no_period"),  # to 1 March
        ([10.0] * 60, active_customers, "not_additive"),
    ],
)
def test_where_a_total_ends_is_not_said_without_a_ground(values, metric, reason):
    made = run_rate(sold(values), metric).expected
    assert math.isnan(made.value)
    assert made.reason == reason


def test_a_table_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"\[tables.posts\].*needed for followers"):
        run_rate(sold([10.0] * 60), followers)


def test_refunds_may_take_a_total_below_what_it_is_now():
    rng = np.random.default_rng(1)
    made = run_rate(sold([*rng.normal(0, 5, 59), 1.0]), revenue)
    assert made.expected.low < made.so_far


def test_the_interval_holds_the_end_of_the_month_as_often_as_it_says():
    """100 shops with a weekday pattern and 9 orders a day: a correct interval holds 89 to 99 (98 % band)."""
    rng, inside = np.random.default_rng(3), 0
    weekly = np.array([6, 7, 8, 9, 10, 12, 11])
    for _ in range(100):
        counts = rng.poisson(weekly[[(BEGIN + dt.timedelta(days=day)).weekday() for day in range(86)]])
        days = np.repeat(np.arange(86), counts)
        times = [BEGIN + dt.timedelta(days=int(day)) for day in days[days < 70]]  # to 16 March
        rows = pl.DataFrame({"customer_id": "a", "time": times, "order_id": np.arange(len(times)).astype(str)})
        rows = rows.with_columns(action=pl.lit("purchase"), channel=pl.lit("shop"), value=1.0)
        made = run_rate(Study.of(interactions=rows, as_of="2026-03-16"), orders_placed).expected
        truth = counts[55:].sum()  # of March
        inside += made.low <= truth <= made.high
    assert 89 <= inside <= 99


def test_metrics_without_a_goal_and_goals_without_a_metric_are_findings(tmp_path):
    text = 'name = "A"\nkind = "saas"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'
    text += "[targets]\nchurn_rate = 0.1\nclick_rate = 0.04\n"
    (tmp_path / "business.toml").write_text(text)
    assert unserved(Business.open(tmp_path)) == []
    text += '[goals.a]\ntitle = "Stay"\nmetrics = ["churn_rate"]\n[goals.b]\ntitle = "Grow"\n'
    (tmp_path / "business.toml").write_text(text)
    assert unserved(Business.open(tmp_path)) == [("no_goal", "click_rate"), ("no_metric", "b")]
