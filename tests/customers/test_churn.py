import datetime as dt

import polars as pl
import pytest

from engagekit.customers.churn import base_at_risk, contracts_at_risk
from engagekit.metrics.retention import churn_rate

DAY = dt.datetime(2026, 3, 1)


def seen(**days):
    """Interactions so many days after the date, by customer."""
    rows = [(who, DAY + dt.timedelta(days=day)) for who, several in days.items() for day in several]
    return pl.DataFrame(rows, schema=["customer_id", "time"], orient="row")


def left(frame):
    """Who of those at risk churned."""
    return dict(frame.filter("at_risk").select("customer_id", "churned").iter_rows())


def standing(frame):
    """What else each customer is."""
    flags = ("at_risk", "churned", "lapsed", "reactivated", "acquired")
    return {row["customer_id"]: {flag for flag in flags if row[flag]} for row in frame.iter_rows(named=True)}


def paid(*periods):
    """Periods of customers, from and to so many days after the date, with their monthly value."""
    rows = [(who, *(DAY + dt.timedelta(days=day) for day in days), value) for who, *days, value in periods]
    return pl.DataFrame(rows, schema=["customer_id", "starts_at", "ends_at", "monthly_value"], orient="row")


def test_at_risk_is_who_was_active_before_and_churned_who_was_silent_after():
    interactions = seen(stays=[-3, 5], leaves=[-3], long_gone=[-40, 5], new=[2])
    assert left(base_at_risk(interactions, DAY, "28d")) == {"stays": False, "leaves": True}


def test_everybody_seen_by_the_end_of_the_horizon_stands_somewhere():
    interactions = seen(
        stays=[-40, -3, 5], leaves=[-3], gone=[-40], back=[-40, 5], new=[2], late=[28], long=[-100, -40, 27.9]
    )
    assert standing(base_at_risk(interactions, DAY, "28d")) == {
        "stays": {"at_risk"},
        "leaves": {"at_risk", "churned"},
        "gone": {"lapsed"},
        "back": {"lapsed", "reactivated"},
        "new": {"acquired"},
        "long": {"lapsed", "reactivated"},
    }


@pytest.mark.parametrize(("day", "known"), [(-28, True), (-28.001, False), (0, False)])
def test_the_window_before_is_closed_at_its_start_and_open_at_the_date(day, known):
    assert ("a" in left(base_at_risk(seen(a=[day]), DAY, "28d"))) is known


@pytest.mark.parametrize(("day", "standing_then"), [(-28.001, "lapsed"), (0, "acquired"), (27.999, "acquired")])
def test_who_is_not_at_risk_had_lapsed_or_is_acquired(day, standing_then):
    assert standing(base_at_risk(seen(a=[day]), DAY, "28d")) == {"a": {standing_then}}


@pytest.mark.parametrize(("day", "churned"), [(0, False), (27.999, False), (28, True)])
def test_the_window_after_holds_the_date_and_not_its_end(day, churned):
    assert left(base_at_risk(seen(a=[-1, day]), DAY, "28d")) == {"a": churned}


def test_a_contract_counts_by_its_paid_periods():
    periods = paid(
        ("renews", -20, 10, 1.0),
        ("renews", 10, 40, 1.0),
        ("cancels", -20, 10, 1.0),
        ("over", -50, -20, 1.0),
        ("new", 5, 35, 1.0),
        ("pauses", -20, 10, 1.0),
        ("pauses", 20, 50, 1.0),
        ("returns", -50, -20, 1.0),
        ("returns", 5, 15, 1.0),
        ("void", -20, -20, 1.0),
        ("later", 29, 59, 1.0),
    )
    found = contracts_at_risk(periods, DAY, "28d")
    assert left(found) == {"renews": False, "cancels": True, "pauses": False}
    assert standing(found) == {
        "renews": {"at_risk"},
        "cancels": {"at_risk", "churned"},
        "over": {"lapsed"},
        "new": {"acquired"},
        "pauses": {"at_risk"},
        "returns": {"lapsed", "reactivated"},
    }


@pytest.mark.parametrize(
    ("start", "end", "standing_then"),
    [
        (0, 30, {"at_risk"}),
        (-30, 0, {"lapsed"}),
        (-30, 28, {"at_risk", "churned"}),
        (-30, 28.001, {"at_risk"}),
        (0.001, 30, {"acquired"}),
        (28, 58, {"acquired"}),
    ],
)
def test_a_period_holds_its_start_and_not_its_end(start, end, standing_then):
    assert standing(contracts_at_risk(paid(("a", start, end, 1.0)), DAY, "28d")) == {"a": standing_then}


def test_value_is_that_of_the_periods_that_run_on_the_date_and_at_the_end():
    periods = paid(
        ("upgrades", -20, 10, 20.0),
        ("upgrades", 10, 40, 50.0),
        ("shrinks", -20, 10, 30.0),
        ("shrinks", 10, 40, 10.0),
        ("both", -20, 40, 5.0),
        ("both", -10, 20, 7.0),
        ("leaves", -20, 10, 40.0),
        ("new", 5, 35, 60.0),
        ("gone", -50, -20, 70.0),
    )
    found = contracts_at_risk(periods, DAY, "28d").select("customer_id", "opening_value", "closing_value")
    assert {who: tuple(values) for who, *values in found.iter_rows()} == {
        "upgrades": (20, 50),
        "shrinks": (30, 10),
        "both": (12, 5),
        "leaves": (40, 0),
        "new": (0, 60),
        "gone": (0, 0),
    }
    assert "opening_value" not in contracts_at_risk(periods.drop("monthly_value"), DAY, "28d").columns


def test_a_lazy_frame_gives_the_same():
    interactions, periods = seen(a=[-3, 5], b=[-40]), paid(("a", -20, 10, 1.0))
    assert (
        base_at_risk(interactions.lazy(), DAY)
        .sort("customer_id")
        .equals(base_at_risk(interactions, DAY).sort("customer_id"))
    )
    assert contracts_at_risk(periods.lazy(), DAY).equals(contracts_at_risk(periods, DAY))


def test_the_articles_example_is_5_percent_and_not_25():
    """1000 at the start, 200 acquired, 50 lost: of the opening base, not of those acquired."""
    interactions = pl.concat(
        [
            seen(**{f"kept{i}": [-1, 5] for i in range(950)}),
            seen(**{f"lost{i}": [-1] for i in range(50)}),
            seen(**{f"new{i}": [3] for i in range(200)}),
        ]
    )
    base = base_at_risk(interactions, DAY, "28d")
    assert base.select("at_risk", "churned", "acquired").sum().row(0) == (1000, 50, 200)
    estimate = churn_rate(base)
    assert (estimate.value, estimate.numerator, estimate.denominator) == (0.05, 50, 1000)


def test_nobody_at_risk_is_undefined_and_not_zero():
    estimate = churn_rate(base_at_risk(seen(a=[5]), DAY, "28d"))
    assert estimate.value != estimate.value
    assert estimate.reason == "zero_denominator"
