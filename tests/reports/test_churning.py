"""Churn of a business: shown with what it is based on, or not shown, with the reason."""

import re
import shutil
from pathlib import Path

import pytest

from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.reports.churning import churning
from engagekit.study import Study


@pytest.fixture(scope="module")
def known(churn_samples, tmp_path_factory):
    """What is known of two samples, of which one accepts a fifth and can make seven contacts."""
    folder = shutil.copytree(churn_samples["saas"], tmp_path_factory.mktemp("few-contacts") / "saas")
    settings = folder / "business.toml"
    text = settings.read_text("utf-8").replace("[churn]\n", "[churn]\nacceptance = 0.2\ncapacity = 7\n")
    settings.write_text(text, "utf-8")
    return {"ecommerce": churning(Study(churn_samples["ecommerce"])), "saas": churning(Study(folder))}


@pytest.mark.parametrize("kind", [pytest.param("ecommerce", marks=pytest.mark.soak), "saas"])
def test_everybody_at_risk_now_has_a_chance_and_a_value(known, kind):
    churn = known[kind]
    assert (churn.problem, len(churn.suspects)) == ("", 0)
    assert churn.today["customer_id"].is_unique
    assert churn.today["chance"].between(0, 1).all()
    assert churn.today["value"].ge(0).all()
    assert churn.today["chance"].std() > 0
    assert 0.5 < churn.comparison.statistic(churn.comparison.recommended)["value"] < 0.95


def test_the_candidates_have_the_score_and_where_nobody_has_a_contract_the_chance_to_buy(known):
    assert {"score", "both", "p_alive"} <= set(known["ecommerce"].comparison.candidates)
    assert "p_alive" not in known["saas"].comparison.candidates


@pytest.mark.soak
def test_a_model_learns_from_the_tables_that_the_business_names(churn_samples, tmp_path):
    folder = Path(shutil.copytree(churn_samples["ecommerce"], tmp_path / "ecommerce"))
    settings = folder / "business.toml"
    text = settings.read_text("utf-8").replace("[churn]\n", '[churn]\nsignals = ["surveys", "subscriptions"]\n')
    settings.write_text(text, "utf-8")
    churn = churning(Study(folder))
    assert len(churn.suspects) == 0
    groups = set(churn.importance["group"])
    assert {"surveys", "subscriptions"} <= groups
    assert "tickets" not in groups


def test_contacts_are_worth_their_cost_and_no_more_than_can_be_made(known):
    churn = known["saas"]
    assert len(churn.contacts) == 7
    gains = churn.contacts["expected_gain"]
    assert gains.is_monotonic_decreasing
    assert gains.gt(0).all()
    best = churn.today.assign(gain=churn.today["chance"] * churn.today["value"] * 0.2 - 1)["gain"].max()
    assert gains[0] == pytest.approx(best)
    assert churn.contacts["chance"].min() >= churn.today["chance"].mean()


def test_a_short_history_says_why_there_is_no_model(churn_samples):
    churn = churning(Study(churn_samples["ecommerce"], "2025-10-01"))
    assert churn.comparison is None
    assert churn.today.empty
    assert re.search("horizon over|needs at least|no horizon has ended", churn.problem)


@pytest.mark.soak
def test_an_attribute_that_knows_the_outcome_stops_the_list_unless_it_is_accepted(churn_samples, tmp_path):
    folder = Path(shutil.copytree(churn_samples["saas"], tmp_path / "saas"))
    business = Business.open(folder)
    customers = business.table("customers")
    gone = customers["cancelled_at"].notna() if "cancelled_at" in customers else customers["customer_id"].isna()
    (source,) = business.tables["customers"]
    file = folder / source.file[0]
    lines = file.read_text("utf-8").splitlines()
    separator = next(mark for mark in (";", ",", "\t") if mark in lines[0])
    by_id = dict(zip(customers["customer_id"], gone, strict=True))
    place = lines[0].split(separator).index(source.columns["customer_id"])
    marked = [f"{lines[0]}{separator}closed"]
    marked += [f"{line}{separator}{'yes' if by_id.get(line.split(separator)[place]) else 'no'}" for line in lines[1:]]
    file.write_text("\n".join(marked) + "\n", "utf-8")
    text = (folder / "business.toml").read_text("utf-8")
    text = text.replace("[tables.customers.columns]\n", '[tables.customers.columns]\nclosed = "closed"\n')
    (folder / "business.toml").write_text('fixed = ["closed"]\n' + text, "utf-8")
    churn = churning(Study(folder))
    if not gone.any():
        pytest.skip("nobody of this sample has cancelled")
    assert "closed" in set(churn.suspects["about"])
    assert set(churn.suspects["outcome"]) == {"alarm"}
    assert churn.today.empty
    assert churn.contacts.empty
    settings = (folder / "business.toml").read_text("utf-8")
    (folder / "business.toml").write_text(settings.replace("[churn]\n", '[churn]\naccept = ["closed"]\n'), "utf-8")
    vouched = churning(Study(folder))
    assert len(vouched.suspects) == len(vouched.questions) == 0
    assert len(vouched.today)


def test_without_interactions_nobody_can_be_told_to_leave(tmp_path):
    head = 'name = "A"\nkind = "saas"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'
    (tmp_path / "business.toml").write_text(f'{head}as_of = "2026-01-01"\n')
    with pytest.raises(DataError, match="there are no interactions"):
        churning(Study(tmp_path))


def test_names_of_ours_are_no_attributes_and_a_slip_in_accept_is_told_at_once(churn_samples, tmp_path):
    folder = Path(shutil.copytree(churn_samples["saas"], tmp_path / "saas"))
    settings = folder / "business.toml"
    text = settings.read_text("utf-8")
    settings.write_text(
        'fixed = ["score"]\n'
        + text.replace("[tables.customers.columns]\n", '[tables.customers.columns]\nscore = "Pelan"\n')
    )
    with pytest.raises(DataError, match="score: is a name of ours"):
        churning(Study(folder))
    settings.write_text(text.replace("[churn]\n", '[churn]\naccept = ["recency"]\n'))
    with pytest.raises(ValueError, match="accept: 'recency' is not a column. Did you mean recency_"):
        churning(Study(folder, "2025-09-01"))


@pytest.mark.parametrize("kind", ["saas", pytest.param("ecommerce", marks=pytest.mark.soak)])
def test_an_export_that_is_older_than_was_asked_is_told_of_its_own_day(churn_samples, known, kind):
    """Asked for a later day than the data go to, nobody is taken to have left for that."""
    late = churning(Study(churn_samples[kind], "2026-12-20"))
    assert late.stale
    assert not known[kind].stale
    assert late.end == known[kind].end
    assert late.rates["value"].dropna().to_list() == known[kind].rates["value"].dropna().to_list()
    assert late.today["chance"].to_list() == known[kind].today["chance"].to_list()
    assert late.as_dict()["as_of"] == known[kind].as_dict()["as_of"]
