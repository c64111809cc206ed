"""Questions as an analyst asks them, each in at most three lines."""

import pandas as pd
import pytest
from typer.testing import CliRunner

import engagekit as ek
from engagekit.cli import app
from engagekit.language import LANGUAGES

SOLD = pd.DataFrame(
    {
        "CustomerID": ["a", "a", "b"],
        "InvoiceDate": pd.to_datetime(["2026-01-05", "2026-02-20", "2026-01-09"]),
        "action": "purchase",
        "channel": "shop",
        "value": [10.0, 30.0, 20.0],
    }
)
THEIRS = {"customer_id": "CustomerID", "time": "InvoiceDate"}
MAILINGS = pd.DataFrame(
    {
        "campaign": ["May", "June", "June"],
        "sent_at": pd.to_datetime(["2026-05-01", "2026-06-01", "2026-06-15"]),
        "delivered": [100, 100, 100],
        "clicks": [4, 10, 12],
    }
)
TOP = """Business Study History ChurnDefinition Estimate Section Ratio Total Quantile Language DataError measure
difference funnel visits views orders customer_features snapshots check_no_leak retention_by_cohort rfm Scorecard
Component ChurnModel compare_models backtest report make_sample write_sample metrics plots churn value decisions"""


@pytest.fixture(scope="module")
def study(sample_folders):
    return ek.Study(sample_folders["subscription"])


def explained(name, language):
    return CliRunner().invoke(app, ["explain", name, "--language", language]).output


def test_who_came_back_of_a_business_and_of_a_study(study):
    kept = ek.retention_by_cohort(study)
    assert kept.equals(ek.retention_by_cohort(study.business))
    assert kept.equals(study.cohorts())


def test_pages_that_people_leave_from_are_counted_over_views(study):
    assert set(study.measure("exit_rate", by="page")["page"]) == set(ek.views(study.table("interactions"))["page"])
    with pytest.raises(ek.DataError, match=r"exit_rate is counted over views: give it views\(interactions\)"):
        ek.metrics.exit_rate(study.table("interactions"), by="page")


def test_bounces_of_interactions_are_counted_over_visits(study):
    with pytest.raises(ek.DataError, match=r"bounce_rate is counted over visits: give it visits\(interactions\)"):
        ek.metrics.bounce_rate(study.table("interactions"))


def test_answers_with_nothing_but_a_score():
    answers = pd.DataFrame({"score": [10, 9, 7, 3]})
    assert ek.metrics.net_promoter_score(answers).value == 25
    assert ek.metrics.satisfaction_rate(pd.DataFrame({"score": [5, 4, 1, 2]})).value == 0.5


@pytest.mark.soak
def test_a_table_goes_to_excel(study, tmp_path):
    study.table("surveys").to_excel(tmp_path / "surveys.xlsx")
    study.table("interactions").to_excel(tmp_path / "interactions.xlsx")


def test_two_campaigns_compared():
    may, june = (ek.metrics.click_rate(MAILINGS[MAILINGS["campaign"] == name]) for name in ("May", "June"))
    assert (june - may).value == ek.difference(may, june).value == pytest.approx(0.07)
    assert (june - may).low < 0.07 < (june - may).high


def test_two_campaigns_of_a_study_compared():
    measured = ek.Study.of(mailings=MAILINGS).measure("click_rate", by="campaign").set_index("campaign")
    change = ek.Estimate.of(measured.loc["June"]) - ek.Estimate.of(measured.loc["May"])
    assert (change.value, change.n) == (pytest.approx(0.07), 3)


def test_a_heat_map():
    ax = ek.plots.heatmap(ek.metrics.click_rate(MAILINGS, by="campaign", every="1mo", at="sent_at"))
    assert [text.get_text() for text in ax.texts] == ["11%", "4%"]


def test_a_heat_map_of_a_study(study):
    ax = ek.plots.heatmap(study.measure("visits_per_customer", by=["plan", "channel"]))
    assert {label.get_text() for label in ax.get_yticklabels()} == set(study.table("customers")["plan"])


def test_one_plan_and_one_city():
    people = pd.DataFrame({"customer_id": ["a", "b"], "city": ["Bandung", "Jakarta"]})
    sold = ek.Study.of(interactions=SOLD, customers=people, columns=THEIRS)
    assert sold.measure("order_value", where={"city": "Bandung"})["value"].item() == 20


def test_a_metric_of_ones_own():
    read_rate = ek.Ratio("read_rate", numerator="clicks", denominator="delivered", table="mailings", bounded=True)
    assert read_rate(MAILINGS).value == pytest.approx(26 / 300)
    assert ek.Study.of(mailings=MAILINGS).measure(read_rate, by="campaign")["value"].tolist() == [0.11, 0.04]


def test_a_metric_without_a_table_is_asked_for_it_by_a_study():
    with pytest.raises(ValueError, match="^read: say which table it is of, such as table='mailings'"):
        ek.Study.of(mailings=MAILINGS).measure(ek.Ratio("read", numerator="clicks", denominator="delivered"))


def test_a_frame_without_a_folder():
    sold = ek.Study.of(interactions=SOLD, columns={"customer_id": "CustomerID", "time": "InvoiceDate"})
    assert sold.measure("order_value")["value"].item() == 20
    assert ek.retention_by_cohort(sold)["active"].iloc[0] == 2


@pytest.mark.parametrize("every", ["week", "month", "quarter"])
def test_a_trend_of_any_metric(study, every):
    ax = ek.plots.trend(study.measure("visits_per_customer", every=every))
    assert len(ax.texts) >= 1


def test_bars_of_any_metric(study):
    ax = ek.plots.bars(study.measure("net_promoter_score", by="plan"))
    assert {label.get_text() for label in ax.get_yticklabels()} == set(study.table("customers")["plan"])


def test_figures_of_cohorts_and_scores(study):
    assert ek.plots.cohorts(study.cohorts()).texts
    assert len(ek.plots.score(study.scores).texts) == 3


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "stands_for"),
    [
        ("nps", ["net_promoter_score"]),
        ("csat", ["satisfaction_rate"]),
        ("ces", ["effort_mean", "engagement_score"]),
        ("clv", ["study.lifetime"]),
    ],
)
def test_what_people_call_a_metric_is_explained(name, stands_for, language):
    assert all(metric in explained(name, language) for metric in stands_for)


def test_at_the_top_stands_what_a_first_notebook_needs_and_nothing_else():
    assert {*ek.__all__} == {*TOP.split()}
