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
    return dict(frame.select("customer_id", "churned").iter_rows())


def test_at_risk_is_who_was_active_before_and_churned_who_was_silent_after():
    interactions = seen(stays=[-3, 5], leaves=[-3], long_gone=[-40, 5], new=[2])
    assert left(base_at_risk(interactions, DAY, "28d")) == {"stays": False, "leaves": True}


@pytest.mark.parametrize(("day", "known"), [(-28, True), (-28.001, False), (0, False)])
def test_the_window_before_is_closed_at_its_start_and_open_at_the_date(day, known):
    assert ("a" in left(base_at_risk(seen(a=[day]), DAY, "28d"))) is known


@pytest.mark.parametrize(("day", "churned"), [(0, False), (27.999, False), (28, True)])
def test_the_window_after_holds_the_date_and_not_its_end(day, churned):
    assert left(base_at_risk(seen(a=[-1, day]), DAY, "28d")) == {"a": churned}


def test_a_contract_counts_by_its_paid_periods():
    def paid(who, start, end):
        return (who, DAY + dt.timedelta(days=start), DAY + dt.timedelta(days=end))

    periods = pl.DataFrame(
        [
            paid("renews", -20, 10),
            paid("renews", 10, 40),
            paid("cancels", -20, 10),
            paid("over", -50, -20),
            paid("new", 5, 35),
            paid("pauses", -20, 10),
            paid("pauses", 20, 50),
        ],
        schema=["customer_id", "starts_at", "ends_at"],
        orient="row",
    )
    assert left(contracts_at_risk(periods, DAY, "28d")) == {"renews": False, "cancels": True, "pauses": False}


def test_the_articles_example_is_5_percent_and_not_25():
    """1000 at the start, 200 acquired, 50 lost: of the opening base, not of those acquired."""
    interactions = pl.concat(
        [
            seen(**{f"kept{i}": [-1, 5] for i in range(950)}),
            seen(**{f"lost{i}": [-1] for i in range(50)}),
            seen(**{f"new{i}": [3] for i in range(200)}),
        ]
    )
    estimate = churn_rate(base_at_risk(interactions, DAY, "28d"))
    assert (estimate.value, estimate.numerator, estimate.denominator) == (0.05, 50, 1000)


def test_nobody_at_risk_is_undefined_and_not_zero():
    estimate = churn_rate(base_at_risk(seen(a=[5]), DAY, "28d"))
    assert estimate.value != estimate.value
    assert estimate.reason == "no_rows"
