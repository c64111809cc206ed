"""The churn report through the real command: what it writes, for whose eyes, and of businesses that have too little."""

import datetime as dt
import json
import re
import stat

import polars as pl
import pytest
from typer.testing import CliRunner

from engagekit.churn.model import ChurnModel
from engagekit.cli import app
from engagekit.data.business import Business
from engagekit.language import Language
from engagekit.study import Study

HEAD = 'name = "Tiny"\nkind = "ecommerce"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'
SCORE = "[score.components]\norders = {weight = 1, low = 0, high = 5}\n"
TABLE = '[tables.interactions]\nfile = "seen.csv"\n'


def reported(folder, out):
    result = CliRunner().invoke(app, ["report", str(folder), "--out", str(out), "--template", "churn"])
    assert result.exit_code == 0, result.output
    return out / folder.name / "churn"


@pytest.fixture(scope="module", params=["ecommerce", "subscription", pytest.param("saas", marks=pytest.mark.soak)])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def sample(kind, churn_samples):
    return churn_samples[kind]


@pytest.fixture(scope="module")
def report(kind, written_reports):
    return written_reports[kind, "churn"]


def test_a_sample_gets_its_report_and_its_owner_the_list(sample, report):
    business = Business.open(sample)
    page = (report / "report.html").read_text("utf-8")
    assert page.count("<h1>") == 1
    assert Language(business.language).question("churn") in page
    assert Language(business.language).text("section.contacts") in page
    private = report / "private"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    for file in private.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ids = set(business.table("customers")["customer_id"].astype(str))
    listed = pl.read_csv(private / "customers.csv", infer_schema=False)
    assert 0 < listed.height <= 100
    assert set(listed.to_series(1)) <= ids
    assert all(f'<th scope="row">{name}</th>' in page for name in listed.to_series(2)[:5])  # found again by its owner
    model, card = ChurnModel.load(private / "churn.skops")
    found = json.loads((report / "metrics.json").read_text("utf-8"))["churn"]
    assert card == found["model"]
    assert card["columns"] == model.columns_


def test_no_id_of_a_customer_leaves_the_private_folder(sample, report):
    """Nor does the page lead to that folder."""
    ids = set(Business.open(sample).table("customers")["customer_id"].astype(str))
    public = [path for path in report.iterdir() if path.is_file()] + [report.parents[1] / "index.html"]
    assert len(public) == 5
    for path in public:
        timeless = re.sub(
            r'"(duration|start_time|end_time)": [^\n]*', "", path.read_text("utf-8")
        )  # has six digits too
        assert ids.isdisjoint(re.findall(r"\w+", timeless)), path.name
    assert 'href="private' not in (report / "report.html").read_text("utf-8")


def test_metrics_json_has_the_churn_and_the_index_the_question(sample, report):
    found = json.loads((report / "metrics.json").read_text("utf-8"))
    assert {row["metric"] for row in found["metrics"]} == {"churn_rate"}
    churn = found["churn"]
    assert churn["leaving"]["low"] <= churn["leaving"]["value"] <= churn["leaving"]["high"] <= churn["at_risk"]
    assert churn["revenue_at_risk"]["value"] > 0
    index = (report.parents[1] / "index.html").read_text("utf-8")
    assert Language(Business.open(sample).language).question("churn") in index


def rates_of(report):
    """Churned and base of each period in which the report has a churn rate."""
    rows = json.loads((report / "metrics.json").read_text("utf-8"))["metrics"]
    known = (row for row in rows if row["metric"] == "churn_rate" and row["value"] is not None)
    return {row["period"]: (row["numerator"], row["denominator"]) for row in known}


def test_the_churn_rate_is_what_a_study_measures(sample, report):
    measured = Study(sample).measure("churn_rate", every="month").dropna(subset="value")
    months = measured["period"].dt.strftime("%Y-%m")
    assert len(months) >= 6
    assert rates_of(report) == dict(
        zip(months, zip(measured["numerator"], measured["denominator"], strict=True), strict=True)
    )


@pytest.mark.parametrize(
    "kind", ["ecommerce", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("subscription", "saas"))]
)
def test_the_churn_rate_is_that_of_the_engagement_report(kind, written_reports):
    churn, engagement = (rates_of(written_reports[kind, template]) for template in ("churn", "engagement"))
    shared = churn.keys() & engagement.keys()
    assert len(shared) >= 6
    assert all(churn[month] == engagement[month] for month in shared)


def customers(number, weeks=60, gone=lambda _: False):
    """So many customers with an order a week, of whom some stop halfway."""
    orders = [
        (who, week, dt.date(2025, 1, 1) + dt.timedelta(days=7 * week + who % 7))
        for who in range(number)
        for week in range(weeks // 2 if gone(who) else weeks)
    ]
    lines = [f"c{who},{day},web,purchase,{who}-{week},10" for who, week, day in orders]
    return "\n".join(["customer_id,time,channel,action,order_id,value", *lines])


@pytest.mark.parametrize(
    ("content", "horizon"),
    [
        (customers(20, weeks=1), "84d"),  # fewer than thirty events
        pytest.param(customers(30, gone=lambda who: who % 3 == 0), "84d", marks=pytest.mark.soak),  # too few who left
        pytest.param(customers(1), "84d", marks=pytest.mark.soak),  # one customer
        pytest.param(customers(80), "84d", marks=pytest.mark.soak),  # nobody left, and all have the same score
        pytest.param(customers(80, gone=lambda _: True), "84d", marks=pytest.mark.soak),  # everybody did
        pytest.param(customers(80, gone=lambda who: who % 2 == 0), "720d", marks=pytest.mark.soak),  # too long
    ],
    ids=["few events", "few left", "one", "nobody left", "all left", "long horizon"],
)
def test_too_little_is_said_and_the_rest_of_the_report_is_made(tmp_path, content, horizon):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "seen.csv").write_text(content)
    (folder / "business.toml").write_text(f'{HEAD}horizon = "{horizon}"\n{SCORE}{TABLE}')
    report = reported(folder, tmp_path / "out")
    page = (report / "report.html").read_text("utf-8")
    assert "There is no model yet." in page
    assert "Data read" in page
    assert "Method and limits" in page
    churn = json.loads((report / "metrics.json").read_text("utf-8"))["churn"]
    assert churn["model"] is None
    assert churn["problem"]
    assert not (report / "private").exists()


def test_a_date_of_leaving_is_no_feature(tmp_path):
    """It is refused where it is declared, and where a model is given it."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "seen.csv").write_text(customers(2))
    (folder / "customers.csv").write_text(
        "customer_id,joined_at,cancelled_at\nc0,2025-01-01,2025-06-01\nc1,2025-01-01,\n"
    )
    (folder / "business.toml").write_text(
        f'fixed = ["cancelled_at"]\n{HEAD}{TABLE}[tables.customers]\nfile = "customers.csv"\n'
    )
    result = CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path / "out"), "--template", "churn"])
    assert result.exit_code == 1
    assert "cancelled_at" in result.output
