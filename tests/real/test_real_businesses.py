"""Real data sets as businesses, through the real command; expected values as published or by a second route."""

import csv
import json
import shutil
from collections import Counter

import pytest
from golden.summaries import SETTINGS
from typer.testing import CliRunner

from engagekit import Business
from engagekit.cli import app
from engagekit.metrics import click_rate

HEAD = 'name = "{name}"\nkind = "ecommerce"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'
POSTS = (
    HEAD.format(name="facebook")
    + """as_of = 2015-01-01

[tables.posts]
file = "dataset_Facebook.csv"
[tables.posts.columns]
posted_at = {constant = "2014-12-01"}
platform = {constant = "facebook"}
reach = "T_Reach"
impressions = "T_Impression"
likes = "like"
comments = "comment"
shares = "share"
"""
)
MAILINGS = (
    HEAD.format(name="hillstrom")
    + """as_of = 2008-04-01

[tables.mailings]
file = "mailings.csv"
"""
)


def reported(folder, out):
    """What the real command wrote of a business."""
    result = CliRunner().invoke(app, ["report", str(folder), "--out", str(out)])
    assert result.exit_code == 0, result.output
    page = (out / folder.name / "engagement" / "report.html").read_text("utf-8")
    assert "<h1>" in page
    assert all(source.note in page for sources in Business.open(folder).tables.values() for source in sources)
    found = json.loads((out / folder.name / "engagement" / "metrics.json").read_text("utf-8"))
    return found, {row["metric"]: row for row in found["metrics"] if row["period"] == "all"}


def business(tmp_path, name, settings):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "business.toml").write_text(settings)
    return folder


@pytest.mark.soak
def test_online_retail_is_cleaned_as_stated_and_adds_up(shared, tmp_path):
    folder = business(tmp_path, "online-retail", SETTINGS)
    shutil.copy(shared("online_retail") / "online_retail.csv.gz", folder)
    found, overall = reported(folder, tmp_path / "out")
    table = found["tables"][0]
    assert (table["rows"], table["kept"]) == (541_909, 397_884)
    assert table["refused"] == [{"column": "customer_id", "reason": "missing", "rows": 135_080, "first_row": 624}]
    assert table["left_out"] == {"quantity > 0": 541_909 - 135_080 - 397_884 - 40, "unit_price > 0": 40}
    assert overall["order_value"]["units"] == 4_338
    assert overall["order_value"]["numerator"] == pytest.approx(8_911_407.90, abs=0.005)


@pytest.mark.soak
def test_who_leaves_online_retail_is_told_better_than_by_recency_out_of_time(shared, tmp_path):
    folder = business(tmp_path, "online-retail", SETTINGS)
    shutil.copy(shared("online_retail") / "online_retail.csv.gz", folder)
    result = CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path / "out"), "--template", "churn"])
    assert result.exit_code == 0, result.output
    written = tmp_path / "out" / "online-retail" / "churn"
    churn = json.loads((written / "metrics.json").read_text("utf-8"))["churn"]
    model = churn["model"]
    assert (model["tried_on"], model["tried_rows"], churn["at_risk"]) == ("2011-09-01", 1_824, 2_805)
    auc = {row["predictor"]: row for row in model["statistics"] if row["statistic"] == "roc_auc"}
    assert auc[model["recommended"]]["low"] > auc["recency"]["high"]
    assert 0.65 < auc[model["recommended"]]["value"] < 0.85
    page = (written / "report.html").read_text("utf-8")
    assert "It is better than the days since the last interaction alone, by 0.1" in page
    assert set(model["columns"]).isdisjoint(["segment", "customer_id", "next_value"])


@pytest.mark.soak
def test_facebook_engagement_by_reach_is_pooled(shared, tmp_path):
    folder = business(tmp_path, "facebook", POSTS)
    shutil.copy(shared("facebook_metrics") / "dataset_Facebook.csv", folder)
    _, overall = reported(folder, tmp_path / "out")
    rate = overall["reach_engagement_rate"]
    assert (rate["n"], rate["units"]) == (500, 500)
    assert rate["value"] == pytest.approx(0.01526, abs=0.000005)


@pytest.mark.soak
def test_hillstrom_is_two_mailings(shared, tmp_path):
    counts = {arm: Counter() for arm in ("Mens E-Mail", "Womens E-Mail")}
    with (shared("hillstrom_email") / "hillstrom.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["segment"] in counts:
                counts[row["segment"]].update(sent=1, visit=int(row["visit"]), conversion=int(row["conversion"]))
    lines = [f"2008-03-20,{arm},{c['sent']},{c['sent']},{c['visit']},{c['conversion']}" for arm, c in counts.items()]
    folder = business(tmp_path, "hillstrom", MAILINGS)
    (folder / "mailings.csv").write_text("\n".join(["sent_at,campaign,sent,delivered,clicks,conversions", *lines]))
    _, overall = reported(folder, tmp_path / "out")
    assert overall["click_rate"]["denominator"] == sum(c["sent"] for c in counts.values())
    by_arm = click_rate(Business.open(folder).table("mailings"), by="campaign").set_index("campaign")
    assert by_arm.loc["Mens E-Mail", "value"] == pytest.approx(0.18276, abs=0.000005)
    assert by_arm.loc["Womens E-Mail", "value"] == pytest.approx(0.15140, abs=0.000005)
    assert list(by_arm["method"]) == ["wilson", "wilson"]
