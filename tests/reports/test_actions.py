"""Next steps and plans on the page, in three languages, of samples and of a shop by hand."""

import datetime as dt
import json
import re
import shutil

import polars as pl
import pytest
from scipy.stats import binomtest

from engagekit import ChurnDefinition
from engagekit.decisions.plan import make_plan, write_plan
from engagekit.reports.actions import action_rows, next_steps, plan_things, private_actions, things
from engagekit.reports.churning import churning
from engagekit.reports.lists import private_list
from engagekit.reports.parts import people
from engagekit.reports.scoring import scoring
from engagekit.reports.summary import to_do
from engagekit.study import Study

SILENT = ChurnDefinition(horizon="28d", contractual=False)
START, OVER = dt.datetime(2026, 6, 1), "2026-07-01"
QUESTIONS = {
    "en": ["p: was it done, and did it help?"],
    "id": ["p: apakah dijalankan, dan apakah membantu?"],
    "ms": ["p: adakah ia dijalankan, dan adakah ia membantu?"],
}


FEW_STAYED = "Of one group fewer than 5 customers stayed, or fewer than 5 did not. The numbers are not shown."


def planned(contact=60, hold_out=40, came=(45, 10), language="en", as_of=OVER, ends="2026-06-29"):
    """A study with a plan: so many came of those to contact and of the held-out, each for 50."""
    arms = [("contact", n) for n in range(contact)] + [("hold_out", n) for n in range(hold_out)]
    who = [f"{arm}{n:02}" for arm, n in arms]
    back = [n < came[arm == "hold_out"] for arm, n in arms]
    events = [(name, dt.datetime(2026, 3, 1), "purchase", "email", 50.0) for name in who]
    came_at = START + dt.timedelta(days=3)
    events += [(who[n], came_at, "purchase", "email", 50.0) for n, is_back in enumerate(back) if is_back]
    events += [("regular", dt.datetime(2026, month, 30), "view", "app", None) for month in (3, 4, 5, 6)]
    names = ["customer_id", "time", "action", "channel", "value"]
    rows = pl.DataFrame({"experiment": "p", "customer_id": who, "arm": [arm for arm, _ in arms]})
    rows = rows.with_columns(assigned_at=START, ends_at=pl.lit(ends), hold_out=pl.lit("0.4"))
    interactions = pl.DataFrame(events, schema=names, orient="row")
    given = {"interactions": interactions, "assignments": rows}
    return Study.of(**given, as_of=as_of, churn=SILENT, language=language, currency="IDR")


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_plan_says_how_many_were_planned_for_and_whether_it_helped(language):
    (part,) = next_steps(planned(language=language)).parts
    assert [part.question] == QUESTIONS[language]
    text = " ".join(part.answer)
    assert "60" in part.answer[0]
    assert "40" in part.answer[0]
    assert re.search("50[.,]0", text)  # 45 of 60 is 75 %, 10 of 40 is 25 %
    assert [row[1:3] for row in part.payload["table"]["rows"]] == [
        ["60", "75,0%" if language == "id" else "75.0%"],
        ["40", "25,0%" if language == "id" else "25.0%"],
    ]


def test_what_helped_is_said_to_and_what_nobody_recorded_is_asked_for():
    study = planned()
    (part,) = next_steps(study).parts
    assert part.answer[1] == "Nobody recorded what was done for plan p. Write date,customer_id into actions.csv."
    assert part.answer[2].startswith("Came again: the group to contact did better than the held-out group, 75")
    assert "from 100 customers" in part.answer[2]
    assert part.answer[3].startswith("Value per customer: the group to contact did better")
    assert list(plan_things(study)) == [part.answer[1]]


@pytest.mark.parametrize(
    ("as_of", "asked"),
    [("2026-06-10", True), ("2026-06-29", True), ("2026-07-01", True), ("2026-08-01", False), ("2026-12-01", False)],
)
def test_a_plan_without_records_is_a_thing_to_do_until_the_first_report_after_it(as_of, asked):
    assert len(list(plan_things(planned(as_of=as_of)))) == asked


def test_a_plan_without_records_does_not_hide_the_next_best_action(with_plan):
    folder, _ = with_plan
    study = Study(folder, Study(folder).end.date() + dt.timedelta(days=1))
    (best,), (asked,) = things(study), plan_things(study)
    assert "plan-" in asked
    assert best in to_do(study).answer


def test_the_same_in_both_groups_is_not_known_to_have_helped():
    (part,) = next_steps(planned(came=(15, 10))).parts
    assert part.answer[2].startswith("Came again: it is not known yet whether")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"as_of": "2026-06-20"}, "Whether it helped is known after 29 June 2026."),
        ({"hold_out": 4, "came": (45, 0)}, "A group has too few customers to say whether it helped."),
        ({"came": (45, 3)}, FEW_STAYED),  # whom one could count
        ({"hold_out": 19, "came": (45, 18)}, FEW_STAYED),  # 94.7 % of 19: one did not come
        ({"contact": 48}, FEW_STAYED),  # three of 48 did not
    ],
)
def test_too_early_and_too_few_are_said(given, sentence):
    study = planned(**given)
    (part,) = next_steps(study).parts
    assert part.answer[-1] == sentence
    (row,) = action_rows(study)["plans"]
    assert row["results"] == []
    assert not {"kept", "value"} & {*part.table}


def test_plans_of_few_people_hide_their_numbers():
    study = planned(contact=60, hold_out=4, came=(45, 0))
    (part,) = next_steps(study).parts
    assert part.answer[0] == "From 1 June 2026 until 29 June 2026: 60 to contact and fewer than 5 held out."
    assert part.table["customers"].isna().all()
    assert action_rows(study)["plans"][0]["hold_out"] is None


def test_numbers_for_machines_hold_the_comparison():
    (row,) = action_rows(planned())["plans"]
    kept = row["results"][0]
    assert (row["plan"], row["starts"], row["ends"], row["is_over"]) == ("p", "2026-06-01", "2026-06-29", True)
    assert (row["contact"], row["hold_out"], row["contacted"]) == (60, 40, None)
    assert (kept["metric"], kept["difference"], kept["verdict"]) == ("kept", 0.5, "better")
    assert 0 < kept["low"] < 0.5 < kept["high"]


def test_sizes_that_chance_does_not_give_are_said_after_the_verdict():
    """40 % of 140 are 56, and 40 are held out."""
    study = planned(contact=100, came=(60, 10))
    (part,), (row,) = next_steps(study).parts, action_rows(study)["plans"]
    assert 0.001 < row["balance_p"] < 0.01
    assert row["balance_p"] == pytest.approx(binomtest(40, 140, 0.4).pvalue)
    assert row["warnings"] == ["unbalanced"]
    assert part.answer[-1].startswith(
        "Treat this with caution: the sizes (the group to contact 100, the held-out group 40)"
    )
    assert part.notes[-1].startswith("The plan is judged by who stayed.")
    (row,) = action_rows(planned())["plans"]
    assert (row["warnings"], row["balance_p"] > 0.01) == ([], True)


def test_a_plan_that_has_not_begun_is_not_on_the_page():
    study = planned(as_of="2026-06-01")
    section = next_steps(study)
    assert section is None or section.parts == []
    assert action_rows(study)["plans"] == []


def test_nothing_to_do_is_no_section():
    rows = {"customer_id": "a", "time": dt.datetime(2026, 6, 30), "action": "view", "channel": "app"}
    assert next_steps(Study.of(interactions=pl.DataFrame([rows]), churn=SILENT)) is None


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_a_sample_has_steps_whose_numbers_add_up_and_whose_ids_stay_private(kind, sample_results):
    study = sample_results[kind].study
    section, listed = next_steps(study), private_actions(study)
    shown = section.table.dropna(subset=["customers"])
    counts = listed.iloc[:, 2].value_counts()  # by the action's title
    assert sorted(shown["customers"]) == sorted(counts[counts.isin(shown["customers"])])[-len(shown) :]
    assert (shown["customers"] >= 5).all()
    assert section.answer[0].split()[0] == study.language.number(len(listed))
    assert shown["cost"].tolist() == (shown["customers"] * study.business.churn.cost).tolist()
    text = json.dumps([section.payload, list(things(study)), action_rows(study)])
    assert not any(str(who) in text for who in listed.iloc[:, 1])
    assert all(len(sentence.split()) <= 25 for sentence in things(study))
    assert len(section.plot().patches) == len(shown)


def test_the_money_of_the_answer_is_the_sum_of_the_list(sample_results):
    study = sample_results["subscription"].study
    gain = next_steps(study).table["expected_gain"].sum()
    assert study.language.money(gain, study.business.currency, 0) in next_steps(study).answer[1]


def test_a_business_without_interactions_has_the_reasons_that_its_tables_give():
    born = [dt.date(1990, 7, 1 + n) for n in range(6)]
    people = pl.DataFrame({"customer_id": list("abcdef"), "birthday": born, "joined_at": dt.datetime(2026, 1, 1)})
    study = Study.of(customers=people, as_of="2026-07-01", churn=SILENT, currency="IDR")
    section = next_steps(study)
    assert section.answer[0] == "6 customers have a next action. Most often: Birthday greeting (6)."
    assert section.answer[1].startswith("No money can be promised")
    assert list(things(study)) == ["Birthday greeting: 6 customers, mostly by email."]


@pytest.fixture(scope="module")
def with_plan(sample_folders, tmp_path_factory):
    """A sample with a plan that holds out half of its customers, and records of what was done."""
    folder = tmp_path_factory.mktemp("with-plan") / "shop"
    shutil.copytree(sample_folders["ecommerce"], folder)
    plan = make_plan(Study(folder), 0.5, days=28)
    write_plan(Study(folder), plan)
    return folder, {*plan.assigned.filter(pl.col("arm") == "hold_out")["customer_id"]}


def test_who_is_held_out_is_neither_contacted_nor_listed(with_plan, sample_results):
    folder, out = with_plan
    study, without = Study(folder), sample_results["ecommerce"].study
    assert len(out) > 20
    assert study.held_out == out
    assert not out & {*private_list(study).iloc[:, 1]}
    assert not out & {*private_actions(study).iloc[:, 1]}
    assert out & {*private_actions(without).iloc[:, 1]}
    assert out & {*private_list(without).iloc[:, 1]}
    report = churning(study)
    likely = report.today[report.today["chance"] >= report.today["chance"].mean()]
    assert out & {*likely["customer_id"]}
    assert not out & {*report.contacts["customer_id"]}


def test_customers_in_actions_whom_no_table_knows_are_counted(with_plan):
    folder, _ = with_plan
    rows = "".join(f"2026-01-05,nobody{n}\n" for n in range(6))
    (folder / "actions.csv").write_text(f"date,customer_id\n{rows}")
    answer = " ".join(next_steps(Study(folder)).answer)
    assert "Ada di actions.csv tetapi tidak di tabel mana pun: 6 pelanggan." in answer
    assert "nobody" not in answer


@pytest.mark.parametrize("language", QUESTIONS)
def test_sentences_begin_with_a_capital_however_few_there_are(language):
    study = planned(contact=4, hold_out=3, language=language)
    (part,) = next_steps(study).parts
    assert all(sentence[0].isupper() or sentence[0].isdigit() for sentence in part.answer)
    text = study.language.text
    for key in ("plan.acted", "plan.contaminated", "actions.unknown"):
        few = {"n": people(study.language, 3), "all": "9", "share": "33%"}
        assert text(key, **few)[0].isupper()


def test_contacts_of_customers_count_for_the_segments_that_they_were_in(sample_results, sample_folders, tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(sample_folders["ecommerce"], folder)
    study = sample_results["ecommerce"].study
    starts = sorted(study.scored["date"].unique())[-2]
    scored = study.scored.filter(pl.col("date") == starts, pl.col("segment") == "at_risk")
    later = starts.date() + dt.timedelta(days=5)
    rows = {"date": [f"{later}"], "customer_id": scored["customer_id"].head(1), "action": ["called"]}
    without = scoring(study).findings
    pl.DataFrame(rows).write_csv(folder / "actions.csv")
    findings = scoring(Study(folder)).findings
    acted = [each[each["finding"] == "no_action"]["about"].tolist() for each in (without, findings)]
    assert acted == [["at_risk", "potential", "advocate"], ["potential", "advocate"]]
