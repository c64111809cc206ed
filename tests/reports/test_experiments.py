"""Randomised tests in reports: what the page says, in three languages, and what it keeps to itself."""

import datetime as dt
import json

import polars as pl
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from engagekit.data.settings import ExperimentSettings
from engagekit.display.section import html_of
from engagekit.reports.experiments import experiment_rows, experiments, things
from engagekit.study import Study

FIRST = dt.datetime(2026, 1, 10)


def shop(*arms, language="en", days=1, name="free dessert", **settings):
    """Study with one test: of each arm its name, how many converted, and how many there are."""
    rows = [
        (name, f"{arm}-{who}", arm, FIRST + dt.timedelta(days=who % days), who < converted)
        for arm, converted, n in arms
        for who in range(n)
    ]
    names = ["experiment", "customer_id", "arm", "assigned_at", "converted"]
    study = Study.of(assignments=pl.DataFrame(rows, schema=names, orient="row"), language=language)
    made = {name: ExperimentSettings(**settings)}
    study.business = study.business.model_copy(update={"experiments": made})
    return study


def parts_of(study):
    """Sections of the tests of a study."""
    return experiments(study).parts


BETTER = ("control", 50, 500), ("new", 80, 500)
ANSWERS = {
    "en": [
        "It worked.",
        "Conversion: new did better than control, 16.0% against 10.0%. "
        "The difference is +6.0 percentage points (+1.8 to +10.2), from 1,000 customers.",
    ],
    "id": [
        "Berhasil.",
        "Konversi: new lebih baik daripada control, 16,0% dibanding 10,0%. "
        "Selisihnya +6,0 poin persentase (+1,8 sampai +10,2), dari 1.000 pelanggan.",
    ],
    "ms": [
        "Berjaya.",
        "Penukaran: new lebih baik daripada control, 16.0% berbanding 10.0%. "
        "Bezanya +6.0 mata peratusan (+1.8 hingga +10.2), daripada 1,000 pelanggan.",
    ],
}


@pytest.mark.parametrize("language", ANSWERS)
def test_a_test_that_worked_says_so_with_its_numbers(language):
    (section,) = parts_of(shop(*BETTER, language=language))
    assert section.answer == ANSWERS[language]
    rows = section.payload["table"]["rows"]
    assert [row[1:4] for row in rows] == [["control", "500", rows[0][3]], ["new", "500", rows[1][3]]]
    assert rows[1][3].startswith("16")
    assert "+60%" in [text.get_text() for text in section.plot().texts]
    assert section.parts == []


def test_what_to_do_follows_from_the_verdict():
    assert list(things(shop(*BETTER))) == [
        "Offer free dessert to everyone: Conversion +6.0 percentage points (+1.8 to +10.2)."
    ]
    (worse,) = things(shop(("control", 80, 500), ("new", 50, 500)))
    assert worse == "Stop free dessert: Conversion −6.0 percentage points (−10.2 to −1.8)."
    assert list(things(shop(("control", 50, 500), ("new", 55, 500)))) == []
    assert list(things(shop(*BETTER, planned=3000))) == [
        "free dessert has 1,000 of 3,000 planned customers. Let it run before you decide."
    ]
    (refused,) = things(shop(("control", 50, 500), ("new", 80, 700)))
    assert "check how customers were assigned" in refused


def test_a_test_of_more_than_half_a_year_ago_is_no_thing_to_do_any_more():
    study = shop(*BETTER)
    for days, known in ((181, 1), (184, 0)):
        later = Study.of(assignments=study.table("assignments"), as_of=FIRST + dt.timedelta(days=days))
        assert len(list(things(later))) == known
        assert len(experiments(later).parts) == 1


def test_a_test_that_shows_nothing_says_what_it_could_have_missed():
    """1.96 + 0.84 standard errors, of which Newcombe's interval is 2 · 1.96 long."""
    (section,) = parts_of(shop(("control", 50, 500), ("new", 55, 500)))
    low, high = confint_proportions_2indep(55, 500, 50, 500, method="newcomb")
    points = f"{100 * (high - low) / 2 / 1.959964 * 2.801585:.1f}"
    assert section.answer[0] == "Whether it worked is not known yet."
    missed = f"Conversion: a test of this size can easily miss a difference below {points} percentage points."
    assert section.answer[-1] == missed


def test_below_the_planned_size_it_is_too_early_and_the_interval_for_any_time_is_given():
    (section,) = parts_of(shop(*BETTER, planned=3000))
    assert section.answer[0] == "It is too early to say whether it worked."
    assert "1,000 of 3,000 planned customers" in section.answer[1]
    assert "valid at any time" in section.answer[1]


def test_unequal_arms_are_a_warning_beside_the_verdict_and_very_unequal_ones_refuse_it():
    (warned,) = parts_of(shop(("control", 50, 500), ("new", 150, 600)))
    assert warned.answer[0] == "It worked."
    assert warned.answer[-1].startswith("Treat this with caution: the arms have control 500, new 600 customers")
    (refused,) = parts_of(shop(("control", 50, 500), ("new", 150, 700)))
    assert refused.answer[0] == "It cannot be said whether it worked."
    assert "no verdict" in refused.answer[1]


def test_few_people_are_hidden_on_the_page_and_in_the_numbers():
    study = shop(("control", 3, 60), ("new", 30, 60))
    (section,) = parts_of(study)
    assert section.answer == ["Fewer than 5 customers are behind a number, so the numbers are not shown."]
    assert section.table[["n", "value", "difference"]].isna().all(axis=None)
    assert section.payload["figure"] is None
    written = json.dumps(experiment_rows(study))
    assert '"value": null' in written
    assert "0.05" not in written
    assert list(things(study)) == []


def test_several_arms_are_all_compared_and_named_in_the_figure():
    (section,) = parts_of(shop(("control", 50, 500), ("new", 90, 500), ("old", 52, 500)))
    assert section.answer[0] == "It worked."
    assert len(section.answer) == 4
    assert "Conversion: new" in [text.get_text() for text in section.plot().texts]
    assert any("2 comparisons" in note for note in section.notes)


@pytest.mark.parametrize("language", ["en", "id", "ms"])
def test_assignments_over_several_days_show_whether_the_effect_changes(language):
    (section,) = parts_of(shop(("control", 100, 1000), ("new", 200, 1000), days=4, language=language))
    (part,) = section.parts
    assert part.table["n"].tolist() == [500] * 4
    assert part.table["difference"].round(3).tolist() == [0.1] * 4
    assert len(part.answer) == 1
    assert part.payload["table"]["rows"][0][0] == study_date(language)


def study_date(language):
    return {"en": "10 January 2026", "id": "10 Januari 2026", "ms": "10 Januari 2026"}[language]


@pytest.mark.parametrize("arms", [("contact", "hold_out"), ("contact",)])
def test_a_plan_is_not_repeated_here_and_without_assignments_there_is_no_section(arms):
    rows = shop(*((arm, 50, 500) for arm in arms)).table("assignments").assign(ends_at="2026-02-10")
    assert experiments(Study.of(assignments=rows, as_of=FIRST + dt.timedelta(days=9))) is None
    seen = pl.DataFrame({"customer_id": ["a"], "time": [FIRST], "action": ["view"], "channel": ["web"]})
    assert experiments(Study.of(interactions=seen)) is None


@pytest.mark.parametrize("arms", [(("a", 50, 500), ("b", 80, 500)), (("control", 50, 500),)])
def test_a_test_that_cannot_be_compared_says_what_it_needs_and_does_not_stop_the_report(arms):
    study = shop(*arms)
    (section,) = parts_of(study)
    assert section.answer[0].startswith("This test cannot be compared. It needs two arms")
    assert (list(things(study)), experiment_rows(study)) == ([], [])


def test_names_are_text_on_the_page():
    bad = "<img src=x onerror=alert(1)>"
    study = shop(("control", 50, 500), (bad, 80, 500), name=bad)
    (section,) = parts_of(study)
    page = html_of(section.payload, study.language)
    assert bad not in page
    assert "&lt;img" in page


def test_no_customer_is_named():
    study = shop(*BETTER, days=3)
    (section,) = parts_of(study)
    assert "new-1" not in json.dumps([section.payload, experiment_rows(study), list(things(study))])


def test_numbers_for_metrics_json_are_those_of_the_table():
    (row,) = experiment_rows(shop(*BETTER, planned=900))
    assert (row["experiment"], row["control"], row["planned"], row["warnings"]) == ("free dessert", "control", 900, [])
    assert row["arms"] == [{"arm": "control", "n": 500, "expected": 500}, {"arm": "new", "n": 500, "expected": 500}]
    new = row["rows"][1]
    assert (new["value"], new["difference"], new["verdict"]) == (0.16, 0.06, "better")
    assert new["p_value"] == pytest.approx(0.00479, abs=5e-6)


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_the_samples_have_one_test_whose_effect_the_page_gives(sample_results, kind):
    study = sample_results[kind].study
    (section,) = parts_of(study)
    assert section.table["metric"].tolist() == ["converted"] * 2 + ["value"] * 2
    headline = {"better": ["It worked.", "Berhasil.", "Berjaya."]}.get(section.table["verdict"].iloc[1])
    assert headline is None or section.answer[0] in headline
    assert section.payload["figure"]["wide"].startswith("<svg")
    assert all(
        len(sentence.split()) <= 25 for text in [*section.answer, *things(study)] for sentence in text.split(". ")
    )
