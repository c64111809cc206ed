"""Customer lifetime value on the page: it says what was computed, or why there is no forecast."""

import dataclasses

import polars as pl
import pytest

from engagekit.language import LANGUAGES, Language
from engagekit.metrics.aliases import explain_named
from engagekit.metrics.outlook import outlook
from engagekit.reports.lifetime import lifetime


@pytest.mark.parametrize("kind", ["ecommerce", "subscription"])
def test_the_section_has_all_customers_and_each_segment(sample_results, kind):
    report = sample_results[kind]
    year, section = report.study.coming_year, lifetime(report.study)
    assert not year.reason
    table = section.table.set_index("segment")
    total = year.totals().row(0, named=True)
    assert table.loc["all", "customers"] == len(year.rows) == report.study.lifetime().shape[0]
    assert table.loc["all", year.column] == pytest.approx(total[year.column])
    parts = table.drop("all")
    if parts["customers"].notna().all():
        assert parts[["customers", year.column]].sum().tolist() == pytest.approx([len(year.rows), total[year.column]])
    last = year.hold_out.row(-1, named=True)
    for name in ("expected", "low", "high", "came"):
        assert report.language.number(last[name]) in section.answer[-2]
    holds = last["low"] <= last["came"] <= last["high"]
    assert section.answer[-1] == report.language.text("lifetime.inside" if holds else "lifetime.outside")
    assert section.payload["parts"][0]["figure"]["alt"] == " ".join(section.answer[-2:])
    assert section.layer == "detail"


def test_a_model_that_cannot_be_fitted_is_no_forecast(sample_results):
    study = sample_results["saas"].study
    section = lifetime(study)
    assert section.answer == [study.language.text("lifetime.no_fit")]
    assert section.payload["table"] is None
    assert sample_results["saas"].as_dict()["lifetime_value"]["reason"] == "no_fit"


DATA = {"reason": "", "counted": "orders", "from": "2026-11-01", "days": 365, "customers": 1855, "kept": None}
DATA |= {"expected": {"value": 3000.4, "low": 2900.0, "high": 3100.0}, "value": None, "value_reason": "no_values"}
CDNOW = {"from": "1997-10-01", "to": "1998-07-01", "customers": 2357, "value": 1653.1, "low": 1459.0, "high": 1858.0}


def test_a_forecast_that_failed_says_so():
    said = outlook(DATA | {"hold_out": CDNOW | {"came": 1882}}, Language("en"), "USD")
    assert said[0].endswith("1,855 customers are expected to place 3,000 orders within 365 days (2,900 to 3,100).")
    assert said[1] == "No expected value is shown: values are missing."
    assert "forecast 1,653 (1,459 to 1,858), actual 1,882. The forecast was too low by 12%." in said[2]
    assert said[3].startswith(
        "The actual number is outside the interval, so the numbers for the coming year are likely"
    )
    said = outlook(DATA | {"hold_out": CDNOW | {"came": 1500}}, Language("en"), "USD")
    assert said[-2].endswith("too high by 10%.")
    assert said[-1] == "The actual number is within the interval."


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("reason", ["nobody", "too_short", "too_few", "no_fit"])
def test_every_reason_has_words(sample_results, code, reason):
    study = sample_results["ecommerce"].study
    year = dataclasses.replace(study.coming_year, reason=reason, model=None, repeat=3)
    (said,) = outlook(year.as_dict(), Language(code), "IDR")
    assert "{" not in said
    assert (Language(code).text("estimate.fewer", n=5) in said) == (reason == "too_few")


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("reason", ["no_values", "no_fit", "value_not_independent", "heavy_tail"])
def test_every_reason_for_no_money_has_words(code, reason):
    said = outlook(DATA | {"value_reason": reason, "hold_out": CDNOW | {"came": 1}}, Language(code), "IDR")
    assert said[1] == Language(code).text(f"lifetime.money_{reason}")


@pytest.mark.parametrize("code", LANGUAGES)
def test_explain_says_what_a_run_expects(sample_results, code):
    run = sample_results["subscription"].as_dict()
    explained = explain_named("ltv", code, run)
    for sentence in outlook(run["lifetime_value"], Language(code), "GBP"):
        assert sentence in explained
    assert explain_named("clv", code) == explain_named("clv", code, {**run, "lifetime_value": None})


def test_a_year_is_the_same_to_the_last_digit_whatever_the_order_of_rows(sample_results):
    from engagekit.value.coming_year import buyers_year

    study = sample_results["ecommerce"].study
    orders = study.prepared("orders")[0].filter(pl.col("lines") > 0).select("customer_id", "time", "value")
    one, other = (
        buyers_year(orders.sample(fraction=1, shuffle=True, seed=s), study.data_end).as_dict() for s in (1, 2)
    )
    assert one == other == study.coming_year.as_dict()
