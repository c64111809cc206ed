"""What the churn report says: in three languages, without a customer's id, and silent where nothing can be told."""

import re
import shutil
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest
from pages import shown, with_results

from engagekit.churn.candidates import CANDIDATES
from engagekit.churn.expected import expected_sum
from engagekit.churn.leakage import SUSPECTS, no_signs
from engagekit.churn.outcomes import DIFFERENCE
from engagekit.display.pseudonyms import KEY, pseudonyms
from engagekit.language import LANGUAGES, Language
from engagekit.reports import churn, churn_trial
from engagekit.reports.churning import GROUPS, churning
from engagekit.reports.parts import people
from engagekit.study import Study

PAGE = (
    churn.to_contact,
    churn.alarm,
    churn.listed,
    churn.reasons,
    churn_trial.how_sure,
    churn.stayed,
    churn_trial.method,
)
SETTINGS = '[churn]\nacceptance = 0.2\ncapacity = 30\nuse = "average"\n'


@pytest.fixture(scope="module")
def found(churn_samples, tmp_path_factory):
    """A sample, with the model that looks at everything."""
    folder = shutil.copytree(churn_samples["subscription"], tmp_path_factory.mktemp("box") / "green-basket")
    settings = folder / "business.toml"
    settings.write_text(settings.read_text("utf-8").replace("[churn]\n", SETTINGS), "utf-8")
    return churning(Study(folder))


def spoken(found, code, **changes):
    return replace(found, business=found.business.model_copy(update={"language": code}), **changes)


def words(html):
    return " ".join(unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", html, flags=re.DOTALL)).split())


def private_list(found):
    with with_results(found):
        return churn.private_list(found.study)


def first_screen(found):
    return shown(churn.first_screen, found)


def page_of(found):
    return first_screen(found) + "".join(shown(function, found) for function in PAGE)


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_is_whole_in_every_language(found, code):
    told = spoken(found, code)
    html, text = page_of(told), words(page_of(told))
    assert html.count("<figure") == 4  # reasons, calibration, survival, churn by month
    for section in ("contacts", "reasons", "sure", "stayed", "drift", "method"):
        assert Language(code).text(f"section.{section}") in text
    for candidate in found.comparison.candidates:
        assert Language(code).text(f"candidate.{candidate}") in text
    assert text.count(Language(code).text("contacts.association")) == 1
    assert not re.search(r"\bnan\b|\{|\}|\bNone\b(?! of)", text)


def test_who_wants_no_messages_is_on_no_list_and_counted(found):
    customers = found.study.table("customers").set_index("customer_id")
    wishes = customers["opted_out"].reindex(found.today["customer_id"])
    assert not customers["opted_out"].reindex(found.contacts["customer_id"]).any()
    assert 0 < found.contacts.attrs["opted_out"] <= wishes.sum()
    said = Language("en").text("contacts.opted_out", n=people(Language("en"), found.contacts.attrs["opted_out"]))
    assert said in words(shown(churn.listed, spoken(found, "en")))


def test_every_candidate_suspect_and_group_has_words():
    for candidate in CANDIDATES:
        assert Language("en").text(f"candidate.{candidate.name}")
    for group in GROUPS:
        assert Language("en").text(f"group.{group}")
    for suspect in SUSPECTS:
        assert Language("en").text(f"alarm.{suspect}", about="a", value="b", n="c")


def test_numbers_of_the_first_screen_are_those_of_the_customers(found):
    chance, value = found.today["chance"].to_numpy(), found.today["value"].to_numpy()
    expected = found.expected("value")
    assert expected == expected_sum(chance, found.comparison.margin, value)
    half = 1.96 * np.sqrt((value**2 * chance * (1 - chance)).sum())  # of customers who leave independently
    assert expected[1] < expected[0] - half < expected[0] == pytest.approx((chance * value).sum())
    assert expected[2] > expected[0] + half
    assert found.expected()[0] == pytest.approx(chance.sum())
    text = words(first_screen(found))
    assert f"{len(found.today):,} customers are active" in text
    assert f"about {chance.sum():,.0f} will have left" in text
    assert f"£{expected[0]:,.0f}" in text


def test_the_list_has_pseudonyms_reasons_and_the_largest_gain_first(found, monkeypatch):
    listed = shown(churn.listed, found)
    assert listed.count("<tr>") >= 21
    page = page_of(found)
    assert not any(who in page for who in found.today["customer_id"].astype(str))
    first = found.contacts.iloc[0]
    reasons = found.reasons[found.reasons["customer_id"] == first["customer_id"]]
    assert reasons["odds"].is_monotonic_decreasing
    assert (reasons["odds"] >= 1.1).all()
    assert len(reasons) <= 3
    assert f"(×{reasons['odds'].iloc[0]:.{0 if reasons['odds'].iloc[0] >= 10 else 1}f})" in words(listed)
    assert f"£{first['expected_gain']:,.2f}" in words(listed)
    monkeypatch.setenv(KEY, "secret")
    assert pseudonyms([first["customer_id"]])[0] in shown(churn.listed, found)


def test_reasons_are_the_contributions_of_the_model(found):
    row = found.reasons.iloc[0]
    names = found.comparison.model.columns_
    assert row["feature"] in names
    assert found.reasons.groupby("customer_id").size().max() <= 3


def test_the_private_list_has_the_real_ids_and_all_of_them(found):
    table = private_list(found)
    assert table["Customer"].to_list() == found.contacts["customer_id"].to_list()
    assert table.attrs["units"] == {"Chance of leaving": "rate", "Value": "money", "Expected gain": "money"}
    assert list(table.columns) == [
        "Rank",
        "Customer",
        "Pseudonym on the page",
        "Chance of leaving",
        "Value",
        "Expected gain",
        "Related factors",
    ]


def test_without_money_customers_are_listed_by_their_chance(found):
    listed = found.contacts.drop(columns=["value", "expected_gain"])
    poor = replace(found, today=found.today.assign(value=np.nan), contacts=listed)
    text = words(page_of(poor))
    assert Language("en").text("contacts.by_chance") in text
    assert Language("en").text("churn.no_value") in text
    assert "£" not in text
    assert found.expected("value")[0] > 0
    assert np.isnan(poor.expected("value")[0])


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_alarm_stops_the_chances_and_leaves_the_rest(found, code):
    signs = [("alone", "cancel<b>", 0.99, "alarm"), ("twins", "", 0.4, "alarm")]
    suspects = pd.DataFrame(signs, columns=no_signs().columns)
    nobody = found.today.iloc[:0]
    stopped = spoken(found, code, suspects=suspects, today=nobody, contacts=found.contacts.iloc[:0])
    html = page_of(stopped)
    text = words(html)
    assert "cancel&lt;b&gt;" in html
    assert Language(code).text("alarm.stopped") in text
    assert Language(code).text("alarm.way_out") in text
    assert Language(code).text("section.contacts") not in text
    assert Language(code).text("section.sure") not in text
    assert Language(code).text("section.stayed") in text
    assert html.count("<figure") == 2


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_question_is_shown_and_stops_nothing(found, code):
    signs = [("alone", "refund<b>", 0.9, "question"), ("copies", "", 0.08, "question")]
    questions = pd.DataFrame(signs, columns=no_signs().columns)
    asked = spoken(found, code, questions=questions)
    language, html = Language(code), page_of(asked)
    text = words(html)
    assert "refund&lt;b&gt;" in html
    assert language.text("alarm.known") in text
    assert language.text("alarm.question") in text
    assert language.percent(0.08, 0) in text
    assert language.text("alarm.stopped") not in text
    assert language.text("section.contacts") in text
    assert shown(churn.alarm, asked) == ""
    stopped = spoken(found, code, questions=questions, suspects=questions.assign(outcome="alarm").head(1))
    assert language.text("alarm.question") in words(shown(churn.alarm, stopped))
    assert [row["suspect"] for row in asked.as_dict()["churn"]["questions"]] == ["alone", "copies"]


def test_what_is_very_good_is_a_warning_and_what_is_vouched_for_is_said(found):
    statistics = found.comparison.backtest.statistics.copy()
    statistics.loc[statistics["statistic"] == "roc_auc", ["value", "low", "high"]] = 0.97, 0.96, 0.98
    backtest = replace(found.comparison.backtest, statistics=statistics)
    good = replace(found, comparison=replace(found.comparison, backtest=backtest))
    business = found.business.model_copy(deep=True)
    business.churn.accept.append("plan")
    assert good.too_good
    assert not found.too_good
    assert "higher than usual" in words(shown(churn.alarm, good))
    vouched = words(shown(churn.alarm, replace(good, business=business)))
    assert "Confirmed in business.toml and not checked: plan" in vouched
    assert "Nothing suspicious" not in vouched
    assert shown(churn.alarm, found) == ""
    assert shown(churn.listed, good)


@pytest.mark.parametrize("code", LANGUAGES)
def test_without_a_model_it_is_said_why(found, code):
    bare = spoken(found, code, comparison=None, problem="few", today=found.today.iloc[:0], outcomes=(1_234, 3))
    text = words(page_of(bare))
    assert Language(code).number(1_234) in text
    assert Language(code).text("section.stayed") in text
    assert Language(code).text("section.contacts") not in text


@pytest.mark.parametrize(
    ("candidate", "key"),
    [("base_rate", "by_nothing"), ("recency", "by_recency"), ("average", "by_model"), ("both", "no_better")],
)
def test_the_verdict_is_that_of_the_comparison(found, candidate, key):
    """The model of score and slope is here as good as recency, which it cannot be better than."""
    statistics = found.comparison.backtest.statistics.copy()
    statistics.loc[statistics["predictor"] == "both", list(DIFFERENCE)] = 0.0, -0.01, 0.01
    backtest = replace(found.comparison.backtest, statistics=statistics)
    settings = found.business.churn.model_copy(update={"use": ""})
    business = found.business.model_copy(update={"churn": settings})
    told = replace(
        found, business=business, comparison=replace(found.comparison, recommended=candidate, backtest=backtest)
    )
    start = (
        Language("en")
        .text(f"churn.{key}", name=Language("en").text(f"candidate.{candidate}"), auc="@", more="@")
        .split("@")[0]
    )
    assert start in words(shown(churn_trial.how_sure, told))
    if key == "no_better":
        assert "not clearly better" in words(shown(churn_trial.how_sure, told))


def test_small_groups_are_not_broken_out(found):
    segment = ["advocate"] * 3 + ["at_risk"] * (len(found.today) - 3)
    assert Language("en").text("contacts.by_segment") not in words(
        shown(churn.listed, replace(found, today=found.today.assign(segment=segment)))
    )
    few = found.survival.copy()
    few.loc[few["segment"] == "advocate", "at_risk"] = 3
    assert "Advocates" not in words(shown(churn.stayed, replace(found, survival=few)))
    assert "Advocates" in words(shown(churn.stayed, found))


def test_a_category_of_fewer_than_five_is_not_told_in_public(found):
    who = found.contacts["customer_id"].iloc[0]
    rows = [(who, "city", "Unique street 7", 1.9, 4.0), (who, "plan", "Family", 1.5, 200.0)]
    told = replace(found, reasons=pd.DataFrame(rows, columns=["customer_id", "feature", "value", "odds", "shared"]))
    text = words(shown(churn.listed, told))
    assert "Unique street" not in text
    assert "city: rare, not shown (×1.9); plan: Family (×1.5)" in text
    assert "Unique street 7" in private_list(told)["Related factors"].iloc[0]


@pytest.mark.parametrize(("candidate", "key"), [("base_rate", "by_choice"), ("recency", "by_name")])
def test_a_rung_that_the_business_chose_is_not_called_the_best(found, candidate, key):
    """This business says use = "average"."""
    chosen = replace(found, comparison=replace(found.comparison, recommended=candidate))
    start = (
        Language("en").text(f"churn.{key}", name=Language("en").text(f"candidate.{candidate}"), auc="@").split("@")[0]
    )
    assert start in words(shown(churn_trial.how_sure, chosen))


def test_what_is_particular_is_said(found):
    assert Language("en").text("contacts.half") in words(shown(churn.listed, found))
    alike = replace(found, today=found.today.assign(chance=0.1))
    assert Language("en").text("contacts.alike") in words(shown(churn.listed, alike))
    assert Language("en").text("contacts.alike") not in words(shown(churn.listed, found))
    assert "The data end on" in words(first_screen(replace(found, stale=True)))
    assert "The data end on" not in words(first_screen(found))
    simple = replace(found, comparison=replace(found.comparison, model=None, recommended="base_rate"))
    assert "from a simpler one" in words(shown(churn.reasons, simple))
    assert "from a simpler one" not in words(shown(churn.reasons, found))
    assert "churn.skops" not in words(shown(churn_trial.how_sure, simple))
    assert "churn.skops" in words(shown(churn_trial.how_sure, found))
