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
    row = section.table.iloc[1]
    low, high = (f"{100 * row[name]:+.1f}".replace("-", "−") for name in ("always_low", "always_high"))
    assert section.payload["table"]["rows"][1][5] == f"{low} to {high}"
    assert any("valid at any time" in note for note in section.notes)


def test_unequal_arms_are_a_warning_beside_the_verdict_and_very_unequal_ones_refuse_it():
    (warned,) = parts_of(shop(("control", 50, 500), ("new", 150, 600)))
    assert warned.answer[0] == "It worked."
    assert warned.answer[-1] == (
        "Treat this with caution: chance rarely gives such sizes of the arms (control 500, new 600). "
        "Check how customers were assigned."
    )
    (thing,) = things(shop(("control", 50, 500), ("new", 150, 600)))
    assert thing.endswith("First check how customers were assigned: the sizes of the arms are unusual.")
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
    assert section.answer[0] == "new worked."
    assert len(section.answer) == 4
    assert len(section.parts) == 0
    assert "Conversion: new" in [text.get_text() for text in section.plot().texts]
    assert any("2 comparisons" in note for note in section.notes)


def test_with_several_arms_what_to_do_names_the_arm():
    better, worse = ("control", 80, 500), ("old", 81, 500)
    (thing,) = things(shop(better, ("new", 140, 500), worse))
    assert thing.startswith("Offer free dessert (new) to everyone: Conversion +12.0")
    (section,) = parts_of(shop(better, ("new", 20, 500), worse))
    assert section.answer[0] == "new did not work: it made things worse."
    (refused,) = things(shop(better, ("new", 140, 500), ("old", 90, 900)))
    assert refused.startswith("free dessert: check")


def helped_and_hurt(language):
    """Test in which 80 of 500 convert instead of 50, and customers spend 2 less."""
    rows = pl.from_pandas(shop(*BETTER).table("assignments")).with_row_index("who")
    spent = 20.0 + pl.col("who") % 5 - 2.0 * (pl.col("arm") == "new")
    return Study.of(assignments=rows.with_columns(value=spent).drop("who"), language=language, currency="IDR")


MIXED = {
    "en": ("new improved Conversion, but made Value per customer worse.", "Decide about free dessert: Conversion"),
    "id": ("new membuat Konversi lebih baik, tetapi", "Putuskan kelanjutan free dessert: Konversi membaik"),
    "ms": ("new menjadikan Penukaran lebih baik, tetapi", "Buat keputusan tentang free dessert: Penukaran"),
}


@pytest.mark.parametrize("language", MIXED)
def test_where_one_metric_rose_and_another_fell_neither_is_hidden(language):
    study = helped_and_hurt(language)
    (section,) = parts_of(study)
    headline, decide = MIXED[language]
    assert section.answer[0].startswith(headline)
    (thing,) = things(study)
    assert thing.startswith(decide)
    assert len(section.answer) == 3


def test_a_difference_that_is_easily_missed_counts_all_comparisons():
    """Of two comparisons each is held to .025: 2.2414 + 0.8416 standard errors."""
    (section,) = parts_of(shop(("control", 50, 500), ("new", 55, 500), ("old", 52, 500)))
    low, high = confint_proportions_2indep(55, 500, 50, 500, method="newcomb")
    points = f"{100 * (high - low) / 2 / 1.959964 * (2.241403 + 0.841621):.1f}"
    assert f"Conversion: a test of this size can easily miss a difference below {points} percentage points." in (
        section.answer
    )


@pytest.mark.parametrize(
    ("control", "new", "is_shown"),
    [((100, 1000), (200, 1000), True), ((100, 1000), (3, 1000), False), ((9, 100), (40, 100), False)],
)
def test_few_customers_of_a_day_and_arm_are_hidden(control, new, is_shown):
    """Of 9 conversions in one arm 4 days have 2 or 3 each; of 3 conversions in all the main table is hidden already."""
    (section,) = parts_of(shop(("control", *control), ("new", *new), days=4))
    for part in section.parts:
        assert part.table["difference"].notna().all() == is_shown
        assert part.table["n_control"].notna().all() == is_shown
        assert all((row[1] != "–") == is_shown for row in part.payload["table"]["rows"])
    assert len(section.parts) == (new != (3, 1000))


def test_the_days_count_the_customers_of_the_comparison():
    study = shop(("control", 100, 1000), ("new", 200, 1000), days=4)
    rows = pl.from_pandas(study.table("assignments"))
    crossed = rows.head(4).with_columns(arm=pl.lit("new"))
    again = rows.slice(4, 400).with_columns(assigned_at=pl.lit(FIRST + dt.timedelta(days=3)))
    (section,) = parts_of(Study.of(assignments=pl.concat([rows, crossed, again])))
    assert section.parts[0].table["n"].tolist() == [499] * 4
    assert section.table["n"].sum() == 1996


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
    assert list(things(study)) == []
    (row,) = experiment_rows(study)
    assert (row["experiment"], row["reason"], row["rows"]) == ("free dessert", "not_compared", [])


def test_more_than_one_in_a_hundred_customers_in_two_arms_are_named_as_the_reason():
    rows = pl.from_pandas(shop(*BETTER).table("assignments"))
    crossed = rows.head(11).with_columns(arm=pl.lit("new"))
    reasons = {"en": "more than 1% of its customers", "id": "lebih dari 1% pelanggannya", "ms": "daripada 1% pelanggan"}
    for language, reason in reasons.items():
        study = Study.of(assignments=pl.concat([rows, crossed]), language=language)
        (section,) = parts_of(study)
        assert reason in section.answer[0]
    (row,) = experiment_rows(study)
    assert (row["reason"], row["arms"], row["rows"], list(things(study))) == ("crossed_arms", [], [], [])
    ten = Study.of(assignments=pl.concat([rows, crossed.head(10)]))
    assert experiment_rows(ten)[0]["reason"] == ""


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


def test_metrics_that_settings_name_are_compared_on_the_page_too():
    orders = [(f"{arm}-{who}", FIRST + dt.timedelta(days=1), 10.0 + who % 3) for arm in "ab" for who in range(60)]
    bought = pl.DataFrame(orders, schema=["customer_id", "time", "value"], orient="row")
    bought = bought.with_columns(action=pl.lit("purchase"), channel=pl.lit("shop"))
    rows = pl.from_pandas(shop(("a", 20, 60), ("b", 30, 60)).table("assignments"))
    study = Study.of(assignments=rows, interactions=bought, currency="IDR", language="en")
    made = {"free dessert": ExperimentSettings(control="a", metrics=["order_value"])}
    study.business = study.business.model_copy(update={"experiments": made})
    (section,) = parts_of(study)
    assert section.table["metric"].tolist() == ["converted"] * 2 + ["order_value"] * 2
    assert section.table["value"].tolist()[2:] == [11, 11]
    assert [row["metric"] for row in experiment_rows(study)[0]["rows"]][2:] == ["order_value"] * 2
