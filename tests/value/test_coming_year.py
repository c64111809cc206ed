"""The coming year of a business: its hold-out counted a second way, and the reasons why there is no forecast."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from engagekit.errors import DataError
from engagekit.frames.times import days_long
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.study import Study
from engagekit.value.coming_year import buyers_year, contracts_year
from engagekit.value.forecast import forecast_purchases
from engagekit.value.purchase_history import purchase_history

START, NONE = dt.datetime(2025, 1, 1), dt.timedelta(0)


def shop(customers=400, days=360, seed=0, price=lambda rate, rng: rng.gamma(5, 4)):
    """Purchases of customers who buy at rates of their own, from the first quarter on."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        rate, leaves, time, again = rng.gamma(0.8, 1 / 25), rng.beta(0.8, 2.5), rng.uniform(0, 90), False
        while time < days:
            rows.append((number, START + dt.timedelta(days=time), price(rate, rng)))
            time += rng.exponential(1 / max(rate, 1e-4))
            if again and rng.random() < leaves:
                break
            again = True
    return pl.DataFrame(rows, ["customer_id", "time", "value"], orient="row")


END = START + dt.timedelta(days=360)


@pytest.fixture(scope="module")
def bought():
    return shop()


def test_the_hold_out_is_fitted_before_its_start_and_counts_what_came(bought):
    year = buyers_year(bought, END)
    cut = year.hold_out["date"][0]
    assert (END - cut).days == 360 // 3 // 7 // 2 * 2 * 7  # whole weeks of the last third, by two
    assert year.hold_out.row(0)[1:] == (0, 0, 0, 0)
    known = bought.filter(pl.col("time") < cut)["customer_id"].unique()
    days = bought.filter(pl.col("time") >= cut, pl.col("customer_id").is_in(known.implode()))
    assert year.hold_out["came"][-1] == len(days.unique(["customer_id", pl.col("time").dt.date()]))
    history = purchase_history(bought.with_columns(action=pl.lit("purchase")), cut, "day")
    model = type(year.model).fit(history)
    expected = forecast_purchases(history, model, periods=(END - cut).days).select("^purchases.*$").row(0)
    assert year.hold_out.row(-1)[1:4] == pytest.approx(expected)
    assert year.tried == len(history) == len(known)


def test_what_comes_after_the_cut_does_not_move_its_forecast(bought):
    cut = buyers_year(bought, END).hold_out["date"][0]
    fewer = bought.filter((pl.col("time") < cut) | (pl.col("customer_id") % 2 == 0))
    one, other = (buyers_year(rows, END).hold_out for rows in (bought, fewer))
    assert one["expected"].to_list() == other["expected"].to_list()
    assert one["came"][-1] > other["came"][-1]


def test_customers_add_up_to_the_total_and_so_do_groups(bought):
    year = buyers_year(bought, END)
    groups = pl.DataFrame({"customer_id": range(200), "group": "first"})
    total, each = year.totals().row(0, named=True), year.totals(groups)
    assert each["group"].to_list() == [None, "first"]
    for column in ("customers", "purchases", "expected_value"):
        assert each[column].sum() == pytest.approx(total[column])
    for column in ("purchases", "expected_value"):
        assert year.customers[column].sum() == pytest.approx(total[column])
    assert total["purchases_low"] < total["purchases"] < total["purchases_high"]


def test_a_reason_is_given_where_there_is_no_forecast(bought):
    assert buyers_year(bought.head(0), END).reason == "nobody"
    assert buyers_year(bought, START + dt.timedelta(days=170)).reason == "too_short"
    assert buyers_year(bought.filter(pl.col("customer_id") < 40), END).reason == "too_few"
    often = pl.DataFrame({"customer_id": range(60), "time": [START] * 60, "value": 1.0})
    again = pl.concat([often.with_columns(pl.col("time") + dt.timedelta(days=30 * n)) for n in range(12)])
    assert buyers_year(again, END).reason == "no_fit"


def test_a_reason_is_given_where_there_is_no_money(bought):
    assert buyers_year(bought, END).value_reason == ""
    assert buyers_year(bought.drop("value"), END).value_reason == "no_values"
    assert buyers_year(bought.with_columns(value=pl.lit(None, pl.Float64)), END).value_reason == "no_values"
    dependent = buyers_year(shop(price=lambda rate, rng: rng.gamma(5, 400 * rate)), END)
    assert dependent.value_reason == "value_not_independent"
    assert dependent.as_dict()["value"] is None
    assert dependent.as_dict()["expected"]["value"] > 0


def contracts(customers=300, months=18, seed=1):
    """Paid periods of 30 days, of which each customer renews with a probability of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        leaves, starts = rng.beta(0.6, 4), START + dt.timedelta(days=int(rng.integers(0, 200)))
        while starts <= START + dt.timedelta(days=30 * months):
            rows.append((number, starts, starts + dt.timedelta(days=30), 10.0))
            starts += dt.timedelta(days=30)
            if rng.random() < leaves:
                break
    return pl.DataFrame(rows, ["customer_id", "starts_at", "ends_at", "monthly_value"], orient="row")


def test_contracts_are_counted_in_their_own_periods():
    end = START + dt.timedelta(days=540)
    rows = contracts()
    paid = rows.filter(pl.col("starts_at") <= end, pl.col("ends_at") > end).select("customer_id", "monthly_value")
    year = contracts_year(rows, paid, end, NONE)
    assert (year.reason, year.ahead, year.model.unit, len(year.rows)) == ("", 12, "month", len(paid))
    cut = year.hold_out["date"][0]
    assert (end - cut).days == 180
    running = rows.filter(pl.col("starts_at") <= cut, pl.col("ends_at") > cut)["customer_id"]
    came = rows.filter(
        pl.col("starts_at") > cut, pl.col("starts_at") <= end, pl.col("customer_id").is_in(running.implode())
    )
    assert year.hold_out["came"][-1] == len(came)
    made = rows.group_by("customer_id").len().join(paid, "customer_id").sort("customer_id")["len"] - 1
    assert year.rows.sort("customer_id")["renewals"].to_list() == made.to_list()
    total = year.totals().row(0, named=True)
    assert year.customers["renewals"].sum() == pytest.approx(total["renewals"])
    assert year.customers["expected_value"].sum() == pytest.approx(total["expected_value"])
    assert year.customers["p_kept"].sum() == pytest.approx(total["kept"])


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["orders", "renewals"])
def test_the_hold_out_holds_in_19_of_20_worlds(kind):
    inside = []
    for seed in range(100):
        if kind == "orders":
            year = buyers_year(shop(seed=seed), END)
        else:
            rows, end = contracts(seed=seed), START + dt.timedelta(days=540)
            year = contracts_year(rows, rows.filter(pl.col("ends_at") > end), end, NONE)
        _, _, low, high, came = year.hold_out.row(-1)
        inside.append(low <= came <= high)
    assert 0.89 <= np.mean(inside) <= 0.99


def test_contracts_without_prices_or_too_few_give_a_reason():
    end, rows = START + dt.timedelta(days=540), contracts()
    paid = rows.filter(pl.col("ends_at") > end).select("customer_id", monthly_value=pl.lit(None, pl.Float64))
    assert contracts_year(rows, paid, end, NONE).value_reason == "no_values"
    assert contracts_year(rows, paid.head(3), end, NONE).reason == "nobody"
    assert contracts_year(rows.filter(pl.col("customer_id") < 50), paid, end, NONE).reason == "too_few"


def test_a_study_gives_a_frame_of_customers_and_makes_it_once(bought):
    churn = ChurnDefinition(horizon="28d", contractual=False)
    lines = bought.with_columns(action=pl.lit("purchase"), channel=pl.lit("shop"))
    study = Study.of(interactions=lines, churn=churn, as_of=END)
    frame = study.lifetime()
    assert len(frame) == bought["customer_id"].n_unique()
    assert frame["purchases"].sum() == pytest.approx(study.coming_year.totals()["purchases"][0])
    assert study.coming_year is study.coming_year
    assert days_long("year", "365d").days == study.coming_year.ahead
    with pytest.raises(DataError, match="32 customers bought again"):
        Study.of(interactions=lines.filter(pl.col("customer_id") < 40), churn=churn, as_of=END).lifetime()


@pytest.mark.parametrize("month", [3, 4, 6])
def test_a_year_of_monthly_contracts_is_twelve_renewals_whichever_month_it_begins_in(month):
    end, rng, rows = dt.datetime(2026, month, 15), np.random.default_rng(5), []
    for customer in range(1000):
        number, leaves = int(rng.integers(0, 20)), rng.beta(0.8, 4)
        while number < (end.year - 2024) * 12 + month and rng.random() > leaves:
            starts, ends = (dt.datetime(2024 + n // 12, n % 12 + 1, 1) for n in (number, number + 1))
            rows.append((f"c{customer}", starts, ends, 9.0))
            number += 1
    frame = pl.DataFrame(rows, ["customer_id", "starts_at", "ends_at", "monthly_value"], orient="row")
    paid = frame.filter(pl.col("ends_at") >= end).select("customer_id", "monthly_value")
    assert contracts_year(frame, paid, end, NONE).ahead == 12
