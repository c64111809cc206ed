import json
import math
import re
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.metrics.catalog import METRICS
from engagekit.reports.results import results
from engagekit.study import Study

DOCS = Path(__file__).parents[2] / "docs" / "metrics-json.md"
TOML = """
name = "Toko <script>"
kind = "ecommerce"
language = "id"
currency = "IDR"
time_zone = "Asia/Jakarta"
horizon = "28d"
{more}
"""
MAILINGS = """sent_at,campaign,sent,delivered,opens,clicks
2026-01-10,a,110,100,40,4
2026-01-20,b,100,100,60,8
2026-02-05,c,100,100,10,2
2026-02-28,d,100,50,10,1
2026-03-01,e,100,100,100,100
"""


@pytest.fixture
def mailer(tmp_path):
    """A business with nothing but five mailings, the last of them after the last whole month."""
    (tmp_path / "mailings.csv").write_text(MAILINGS)
    (tmp_path / "business.toml").write_text(
        TOML.format(more='[targets]\nopen_rate = 0.4\n[tables.mailings]\nfile = "mailings.csv"')
    )
    return Business.open(tmp_path)


def test_the_last_whole_month_is_reported_and_later_rows_are_not(mailer):
    found = results(Study(mailer))
    assert found.end.isoformat() == "2026-03-01T00:00:00+07:00"
    assert found.month == pd.Timestamp("2026-02-01")
    period, new, old = found.current("open_rate")
    assert period == found.month
    assert (new.numerator, new.denominator, old.numerator, old.denominator) == (20, 150, 100, 200)
    assert found.overall("open_rate").denominator == 350


def test_a_date_within_a_month_leaves_that_month_out_of_the_comparison(mailer):
    found = results(Study(mailer, "2026-02-10"))
    assert found.month == pd.Timestamp("2026-01-01")
    assert found.current("open_rate")[1].denominator == 200
    february = found.series("open_rate").iloc[-1]
    assert (february["denominator"], february["warning"].split()[-1]) == (100, "partial_period")


def test_only_what_the_tables_allow_is_measured(mailer):
    found = results(Study(mailer))
    assert list(found.channels) == ["mailing"]
    assert {metric.name for metric in found.channels["mailing"]} == {
        "open_rate",
        "click_rate",
        "click_to_open_rate",
        "undelivered_rate",
        "mails_delivered",
    }
    assert found.scores.is_empty()


def test_a_target_that_names_no_metric_is_refused_with_the_nearest(mailer):
    odd = mailer.model_copy(update={"targets": {"open_rates": 0.4}})
    with pytest.raises(DataError, match="no metric 'open_rates'. Did you mean open_rate?"):
        results(Study(odd))


def test_a_month_without_rows_is_there_without_a_value(mailer, tmp_path):
    (tmp_path / "mailings.csv").write_text(MAILINGS + "2026-05-31,f,100,100,50,5\n")
    found = results(Study(tmp_path))
    april = found.series("open_rate").set_index("period").loc["2026-04-01"]
    assert math.isnan(april["value"])
    assert april["reason"] == "no_rows"
    assert found.current("open_rate")[2].reason == "no_rows"


def test_metrics_json_is_what_its_page_says(sample_results):
    found = json.loads(json.dumps(sample_results["ecommerce"].as_dict(), allow_nan=False))
    sections = dict(re.findall(r"\n## (.+?)\n(.*?)(?=\n## |\Z)", DOCS.read_text("utf-8"), re.DOTALL))
    documented = {
        name: {key for row in re.findall(r"^\|(.+?)\|", text, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
        for name, text in sections.items()
    }
    assert found.keys() == documented["Top level"] | documented["Top level of an engagement report"]
    assert found["schema"] == 2
    assert {key for row in found["metrics"] for key in row} == documented["metrics"]
    for name in ("breakdowns", "cohorts", "lifecycle", "rfm", "tables"):  # the sample has no alerts
        assert {key for row in found[name] for key in row} == documented[name]
    without = {"reason": "too_short", "counts": {}}
    assert (found["lifetime_value"] | without).keys() == documented["lifetime_value"]
    for row in found["tables"]:
        refused = sum(reason["rows"] for reason in row["refused"])
        assert row["rows"] == row["kept"] + sum(row["left_out"].values()) + refused
    for row in found["metrics"]:
        assert (row["value"] is None) == bool(row["reason"])
        assert re.fullmatch(r"all|\d{4}-\d{2}", row["period"])


def test_a_run_writes_what_results_hold(written_reports):
    found = json.loads((written_reports["ecommerce", "engagement"] / "metrics.json").read_text("utf-8"))
    assert found["breakdowns"]
    assert found["lifetime_value"]["reason"] or found["lifetime_value"]["expected"]["value"] > 0


def test_nothing_of_a_page_is_fetched_or_run(written_reports):
    report = written_reports["ecommerce", "engagement"]
    for page in (report / "report.html", report.parents[1] / "index.html"):
        text = page.read_text("utf-8")
        assert "Content-Security-Policy" in text
        assert "<script" not in text
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text


def test_the_churn_of_metrics_json_is_what_its_page_says(written_reports):
    found = json.loads((written_reports["ecommerce", "churn"] / "metrics.json").read_text("utf-8"))
    text = DOCS.read_text("utf-8")
    documented = {
        name: {key for row in re.findall(r"^\|(.+?)\|", part, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
        for name, part in re.findall(r"\n## (.+?)\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
    }
    assert found.keys() == documented["Top level"] | {"churn"}
    assert found["churn"].keys() == documented["churn"]
    assert found["churn"]["model"].keys() == documented["Card of a model"]
    assert found["churn"]["leaving"].keys() == {"value", "low", "high"}


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_every_metric_of_the_kit_is_measured_of_a_sample(sample_results, kind):
    found = sample_results[kind]
    contractual = {"gross_revenue_retention", "net_revenue_retention", "revenue_churn_rate", "cancellations"}
    expected = set(METRICS) - (contractual if kind == "ecommerce" else set())
    assert set(found.measured["metric"]) == expected
    assert all(found.current(name)[0] is not None for name in expected)


def test_a_metric_of_the_report_is_the_metric_of_the_table(sample_results):
    found = sample_results["saas"]
    business = found.business
    october = business.table("surveys", lazy=True).filter(
        pl.col("answered_at").dt.strftime("%Y-%m") == "2026-10", pl.col("kind") == "nps"
    )
    score = october.collect()["score"]
    promoters, detractors = (score >= 9).sum(), (score <= 6).sum()
    estimate = found.current("net_promoter_score")[1]
    assert estimate.n == len(score)
    assert estimate.value == pytest.approx(100 * (promoters - detractors) / len(score))


def test_churn_is_dated_only_where_its_horizon_is_over(sample_results):
    found = sample_results["ecommerce"]
    churn = found.series("churn_rate").dropna(subset="value")
    assert churn["period"].max() == pd.Timestamp("2026-08-01")
    assert math.isnan(found.overall("churn_rate").value)


def test_a_customer_who_cancelled_is_lost_though_they_still_visit(tmp_path):
    """A contract ends by its paid period, whatever the interactions say."""
    (tmp_path / "paid.csv").write_text(
        "customer_id,starts_at,ends_at,monthly_value\na,2026-01-01,2026-07-01,5\nb,2026-01-01,2026-02-10,5\n"
    )
    days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 7) for day in (5, 15, 30 if month != 2 else 28)]
    lines = "".join(f"{who},{day},web,view\n" for who in "ab" for day in days)
    (tmp_path / "seen.csv").write_text("customer_id,time,channel,action\n" + lines)
    tables = '[tables.subscriptions]\nfile = "paid.csv"\n[tables.interactions]\nfile = "seen.csv"'
    (tmp_path / "business.toml").write_text(TOML.format(more=tables).replace("ecommerce", "saas"))
    churn = results(Study(tmp_path)).series("churn_rate").set_index("period")
    assert (churn.loc["2026-02-01", "numerator"], churn.loc["2026-02-01", "denominator"]) == (1, 2)
    assert (churn.loc["2026-03-01", "numerator"], churn.loc["2026-03-01", "denominator"]) == (0, 1)


def steady(tmp_path, days):
    """400 customers who each come on every tenth day, from 1 January on, with a score of how often they come."""
    start = pd.Timestamp("2026-01-01")
    lines = [
        f"c{who},{(start + pd.Timedelta(days=day)).date()},web,view"
        for day in range(days)
        for who in range(day % 10, 400, 10)
    ]
    (tmp_path / "seen.csv").write_text("\n".join(["customer_id,time,channel,action", *lines]))
    score = "[score.components]\ninteractions = {weight = 1, low = 0, high = 10}"
    more = f'{score}\n[tables.interactions]\nfile = "seen.csv"'
    (tmp_path / "business.toml").write_text(TOML.format(more=more))
    return results(Study(tmp_path))


def test_a_steady_business_does_not_seem_to_rise_from_the_start_of_its_data(tmp_path):
    found = steady(tmp_path, 180)
    scores = found.series("engagement_score").dropna(subset="value")
    assert scores["period"].min() == pd.Timestamp("2026-03-01")  # of 1 April: 84 days after 1 January are 26 March
    assert scores["value"].max() - scores["value"].min() < 5
    assert found.series("churn_rate").dropna(subset="value")["value"].eq(0).all()


def test_a_decline_of_the_same_customers_is_seen(sample_results):
    """Paired by customer, by hand: the union of both months, whoever is missing in one adding nothing to it."""
    found = sample_results["ecommerce"]
    _, new, old = found.current("engagement_score")
    difference, low, high = found.change("engagement_score")
    assert difference == pytest.approx(new.value - old.value)
    assert high - low < (new.high - new.low)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"satisfaction_rate": 80}, "satisfaction_rate: 80 is not between 0 and 1"),
        ({"tickets_opened": 10}, "tickets_opened has no better way"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(mailer, targets, message):
    with pytest.raises(DataError, match=message):
        results(Study(mailer.model_copy(update={"targets": targets})))


def test_a_date_before_all_data_is_an_error_and_no_empty_report(mailer):
    with pytest.raises(DataError, match="no table has a row before 2020-01-01"):
        results(Study(mailer, "2020-01-01"))


def test_a_month_of_first_orders_counts_only_when_its_last_day_has_its_window_behind_it(sample_results):
    found = sample_results["ecommerce"]
    period, _, _ = found.current("repeat_purchase_rate")
    assert period <= pd.Timestamp("2026-07-01")  # 31 July and 90 days are 29 October
    assert period + pd.DateOffset(months=1) + pd.Timedelta(days=90) <= pd.Timestamp("2026-11-01")


def test_a_business_file_of_another_name_is_the_one_that_is_read(mailer, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text((tmp_path / "business.toml").read_text().replace("Toko <script>", "Other"))
    assert results(Study(other)).as_dict()["business"]["name"] == "Other"


def test_a_past_date_does_not_see_what_came_later(tmp_path):
    (tmp_path / "tickets.csv").write_text(
        "ticket_id,opened_at,solved_at,reopened,score,work_minutes,channel\n"
        "1,2026-01-05,2026-01-06,false,5,60,chat\n2,2026-01-07,2026-01-08,true,4,120,chat\n"
        "3,2026-01-20,2026-02-02,true,1,600,chat\n4,2026-01-21,2026-02-03,true,1,600,email\n"
    )
    (tmp_path / "campaigns.csv").write_text(
        "campaign,channel,starts_at,ends_at,spend,revenue\n"
        "a,email,2026-01-01,2026-01-20,10,30\nb,email,2026-01-10,2026-02-10,90,180\n"
    )
    tables = "".join(f'[tables.{name}]\nfile = "{name}.csv"\n' for name in ("tickets", "campaigns"))
    (tmp_path / "business.toml").write_text(TOML.format(more=tables))
    business = Business.open(tmp_path)
    past, later = results(Study(business, "2026-02-01")), results(Study(business, "2026-03-01"))
    numbers = {
        "tickets_opened": (4, 4),
        "reopen_rate": (1 / 2, 3 / 4),
        "ticket_satisfaction_rate": (1, 1 / 2),
        "mean_handling_hours": (1.5, 5.75),
        "return_on_ad_spend": (3, 2.1),  # 30 / 10, and (30 + 180) / (10 + 90)
    }
    for name, values in numbers.items():
        assert (past.overall(name).value, later.overall(name).value) == pytest.approx(values)
