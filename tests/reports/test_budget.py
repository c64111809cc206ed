"""The section on budgets: small businesses whose numbers are worked out by hand, in three languages."""

import datetime as dt
import json
import re

import polars as pl
import pytest
from campaign_worlds import World

from engagekit.data.settings import BudgetSettings
from engagekit.display.section import html_of
from engagekit.errors import DataError
from engagekit.language import Language
from engagekit.reports.budget import budget, things
from engagekit.reports.budgeting import budget_of, budget_rows
from engagekit.study import Study

SPEND = [20.0, 30.0, 50.0, 75.0, 100.0, 150.0]
STARTS = [dt.datetime(2026, 1, 1) + dt.timedelta(days=30 * place) for place in range(7)]
LATER = dt.timedelta(days=60)
CURVES = {"A": (2_000, 50), "B": (1_000, 50)}  # ceiling and half point


def rows(name, leads, spend=SPEND, **columns):
    n = len(spend)
    dates = {"starts_at": STARTS[6 - n : 6], "ends_at": STARTS[7 - n :]}
    return pl.DataFrame({"campaign": name, "channel": "email", **dates, "spend": spend, "leads": leads, **columns})


def on_curves(**more):
    made = [rows(name, [top * s / (half + s) for s in SPEND], **more) for name, (top, half) in CURVES.items()]
    return pl.concat(made)


def study_of(campaigns, language="en", currency="MYR", settings=None, **tables):
    return study_at(campaigns, STARTS[-1], language, currency, settings, **tables)


def study_at(campaigns, end, language="en", currency="MYR", settings=None, **tables):
    study = Study.of(campaigns=campaigns, as_of=end.date(), language=language, currency=currency, **tables)
    study.business = study.business.model_copy(update={"budget": BudgetSettings(**(settings or {}))})
    return study


# A and B spend 150 each of 300. With u = (300 + 100) / (sqrt(2000 * 50) + sqrt(1000 * 50)) = 0.7410, A's best spend is
# 0.7410 * 316.2 - 50 = 184.3 and B's 115.7. That gives 1573 + 698 = 2271 leads instead of 1500 + 750 = 2250: 21 more.
ANSWERS = {
    "en": [
        '"A" had the lowest cost per lead: MYR0.07 ',
        'Next is "B" with MYR0.13 ',
        "Split as below, MYR300 for 30 days should bring 21 more leads than the same money in the present",
        'Raise "A" from MYR150 to MYR184 (between MYR18',
        'Lower "B" from MYR150 to MYR116 (between MYR11',
        "Results went together with spend; this does not show that spend caused them.",
        "To learn how large a test must be, record the people reached",
    ],
    "id": [
        '"A" memiliki biaya per prospek (leads) terendah: MYR0,07 ',
        'Urutan berikutnya "B" dengan MYR0,13 ',
        "Dengan pembagian di bawah, MYR300 untuk 30 hari diperkirakan menambah 21 prospek dibandingkan uang yang sama",
        'Naikkan "A" dari MYR150 menjadi MYR184 (antara MYR18',
        'Turunkan "B" dari MYR150 menjadi MYR116 (antara MYR11',
        "Ini menunjukkan biaya dan hasil yang terjadi bersamaan, bukan penyebabnya.",
        "Untuk mengetahui ukuran uji yang diperlukan, catat jumlah orang yang dijangkau",
    ],
    "ms": [
        '"A" mempunyai kos terendah bagi setiap prospek (lead): RM0.07 ',
        'Kedudukan seterusnya "B" dengan RM0.13 ',
        "Dengan pembahagian di bawah, RM300 untuk 30 hari dijangka menambah 21 prospek berbanding wang yang sama",
        'Naikkan "A" daripada RM150 kepada RM184 (antara RM18',
        'Kurangkan "B" daripada RM150 kepada RM116 (antara RM11',
        "Ini menunjukkan perbelanjaan dan keputusan yang berlaku bersama, bukan sebabnya.",
        "Untuk mengetahui saiz ujian yang diperlukan, catat bilangan orang yang dijangkau",
    ],
}


@pytest.mark.parametrize("language", ANSWERS)
def test_the_answer_is_what_was_worked_out_by_hand(language):
    section = budget(study_of(on_curves(), language))
    assert len(section.answer) == len(ANSWERS[language])
    for sentence, start in zip(section.answer, ANSWERS[language], strict=True):
        assert sentence.startswith(start)


def test_the_split_is_a_part_with_what_to_do():
    (part,) = budget(study_of(on_curves())).parts
    assert part.question == "Proposed split for the next 30 days"
    printed = part.payload["table"]["rows"]
    assert [row[:3] + row[-1:] for row in printed] == [
        ["A", "MYR150", "MYR184*", "raise"],
        ["B", "MYR150", "MYR116", "lower"],
    ]
    assert any(note.startswith("* Outside the range") for note in part.notes)


def test_every_sentence_has_25_words_at_most():
    for language in ANSWERS:
        study = study_of(on_curves(reached=[9_000] * 6), language)
        for sentence in [*budget(study).answer, *things(study)]:
            for part in re.split(r"(?<=[.]) ", sentence):
                assert len(part.split()) <= 25, part


def test_things_to_do_are_those_beyond_their_uncertainty():
    (thing,) = things(study_of(on_curves()))
    assert thing.startswith('Raise the spend on "A" from MYR150 to MYR184 and compare')
    noisy = World.of(3).periods(3, periods=6, factor=2.5, noise=0.4).group_by("campaign", maintain_order=True)
    parts = [rows(name, part["conversions"], part["spend"].to_list()) for (name,), part in noisy]
    assert list(things(study_of(pl.concat(parts)))) == []


def test_a_campaign_without_results_is_to_be_stopped():
    study = study_of(pl.concat([on_curves(), rows("C", [0.0] * 6)]))
    assert 'Consider stopping "C": it had spend and no result.' in budget(study).answer
    assert next(things(study)).startswith('Stop "C", or test it')


def test_without_curves_the_answer_says_why_and_what_would_help():
    frames = [rows("flat", [9.0] * 6), rows("short", [9.0], [50.0]), rows("still", [9.0] * 6, [50.0] * 6)]
    section = budget(study_of(pl.concat(frames)))
    said = " ".join(section.answer)
    assert "No split is recommended: it needs two or more response curves, and these data allow 0." in said
    assert "Results did not rise clearly with spend: flat." in said
    assert "Fewer than 6 periods with spend and results: short." in said
    assert "Spend hardly varied: still. For a few periods, spend twice as much or half as much" in said
    assert section.parts == []


def test_the_test_that_would_show_a_cause_has_its_size_and_cost():
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    frame = pl.concat(
        [rows("A", [50] * 6, reached=[1_000] * 6), rows("B", [1] * 6, [*SPEND[:5], 1.0], reached=[9] * 6)]
    )
    (said,) = (sentence for sentence in budget(study_of(frame)).answer if sentence.startswith("A test would"))
    people, cost = (
        int(number.replace(",", "")) for number in re.findall(r"choose ([\d,]+) .* about MYR([\d,]+),", said)[0]
    )
    half = NormalIndPower().solve_power(proportion_effectsize(0.06, 0.05), alpha=0.05, power=0.8)
    assert people == pytest.approx(2 * half, rel=0.01)
    assert cost == pytest.approx(people / 2 * 425 / 6_000, abs=1)
    assert '"A"' in said


def test_the_test_is_of_a_campaign_that_has_a_rate():
    none = rows("C", [0.0] * 6, [900.0] * 6, reached=[500] * 6)  # to be stopped, which is the largest change
    frame = pl.concat([on_curves(reached=[20_000] * 6), none])
    assert budget_of(study_of(frame)).split["recommended"].tolist()[-1] == 0
    answer = budget(study_of(frame)).answer
    assert any(sentence.startswith("A test would show it") and '"C"' not in sentence for sentence in answer)
    assert not any("record the people reached" in sentence for sentence in answer)


@pytest.mark.parametrize("language", ANSWERS)
def test_leads_per_hour_take_the_place_of_hours(language):
    section = budget(study_of(on_curves(hours=[2.0] * 6), language))
    columns = section.payload["table"]["columns"]
    assert Language(language).text("budget.column_leads_per_hour") in columns
    assert Language(language).text("budget.column_hours") not in columns
    alone = on_curves(hours=[2.0] * 6).rename({"leads": "conversions"})
    assert (
        Language(language).text("budget.column_hours") in budget(study_of(alone, language)).payload["table"]["columns"]
    )


@pytest.mark.parametrize(("hours", "written"), [(6, "6 hours"), (1, "1 hour"), (24, "1 day"), (48, "2 days")])
def test_the_length_of_a_period_is_in_hours_below_a_day(hours, written):
    begins = [STARTS[-1] - dt.timedelta(hours=hours * place) for place in range(6, 0, -1)] * 2
    dates = {"starts_at": begins, "ends_at": [begin + dt.timedelta(hours=hours) for begin in begins]}
    section = budget(study_at(on_curves().with_columns(**{n: pl.Series(v) for n, v in dates.items()}), STARTS[-1]))
    assert f"MYR300 for {written} should bring" in " ".join(section.answer)
    assert section.parts[0].question == f"Proposed split for the next {written}"


def test_nothing_is_said_to_be_caused():
    for language, words in {"en": ("caused", "because of"), "id": ("menyebabkan",), "ms": ("menyebabkan",)}.items():
        page = html_of(budget(study_of(on_curves(reached=[9_000] * 6), language)).payload)
        page = page.replace("does not show that spend caused them", "")
        assert not [word for word in words if word in page]


def test_campaigns_that_take_turns_are_compared_by_channel():
    frame = on_curves().with_columns(channel="campaign", campaign=pl.Series([f"turn {n}" for n in range(12)]))
    made = budget_of(study_of(frame.with_columns(channel=pl.col("channel").replace({"A": "email", "B": "social"}))))
    assert made.curves.by == "channel"
    study = study_of(frame.with_columns(channel=pl.col("channel").replace({"A": "email", "B": "social"})), "id")
    assert budget(study).question == "Anggaran kampanye"
    assert 'Naikkan "email"' in " ".join(budget(study).answer)
    assert 'Turunkan "media sosial"' in " ".join(budget(study).answer)


def test_settings_say_total_result_and_bounds():
    frame = on_curves(revenue=[1.0 * s for s in SPEND])
    made = budget_of(study_of(frame, settings={"total": 120, "result": "revenue", "maximum": {"A": 40}}))
    assert made.curves.result == "revenue"
    assert made.split.attrs["total"] == 120
    assert made.split["recommended"].tolist() == pytest.approx([40, 80], rel=0.02)
    assert budget_of(study_of(frame)).curves.result == "leads"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"minimum": {"C": 5}}, "[budget]: minimum: there is no campaign 'C'. There are: A, B."),
        ({"total": 10, "minimum": {"A": 50}}, "[budget]: total: 10 is below the sum of the minima, 50."),
        ({"total": 10, "maximum": {"A": 1, "B": 2}}, "[budget]: total: 10 is above the sum of the maxima, 3."),
        ({"result": "revenue"}, "revenue: is not a column."),
    ],
)
def test_settings_that_cannot_be_kept_are_errors_that_name_them(settings, words):
    with pytest.raises(DataError) as raised:
        budget(study_of(on_curves(), settings=settings))
    assert str(raised.value).startswith(words)


def test_business_toml_takes_no_negative_money_and_no_other_key():
    for wrong in ({"total": 0}, {"minimum": {"A": -1}}, {"by": "plan"}, {"totl": 1}):
        with pytest.raises(ValueError, match="BudgetSettings"):
            BudgetSettings(**wrong)


def test_without_campaigns_rows_or_results_there_is_no_section():
    done = pl.DataFrame({"customer_id": ["a"], "time": [STARTS[0]], "action": ["view"], "channel": ["web"]})
    assert budget(Study.of(interactions=done)) is None
    empty = study_of(on_curves().head(0), interactions=done)
    without = study_of(on_curves().drop("leads"))
    for study in (empty, without):
        assert budget(study) is None
        assert list(things(study)) == []
        assert budget_rows(study) == {}


def paused():
    """A and B on their curves, and a last period without spend, which is blank or 0."""
    ended = {"starts_at": [STARTS[-1]], "ends_at": [STARTS[-1] + dt.timedelta(days=30)]}
    blank = [pl.DataFrame({"campaign": name, "channel": "email", **ended, "leads": [0.0]}) for name in CURVES]
    return pl.concat([on_curves(), *(frame.with_columns(spend=pl.lit(0.0)) for frame in blank)], how="diagonal")


@pytest.mark.parametrize("language", ANSWERS)
@pytest.mark.parametrize("spend", [0.0, None])
def test_a_paused_period_gives_returns_and_the_reason_why_there_is_no_split(language, spend):
    frame = paused().with_columns(spend=pl.when(pl.col("spend") > 0).then("spend").otherwise(pl.lit(spend)))
    study = study_at(frame, STARTS[-1] + dt.timedelta(days=30), language)
    section = budget(study)
    assert Language(language).text("budget.none_spent", setting="total") in section.answer
    assert section.parts == []
    assert len(section.table) == 2
    assert section.payload["figure"] is not None
    assert list(things(study)) == []
    assert budget_rows(study)["reason"] == "no_present_spend"


def test_a_paused_period_with_a_total_gives_a_split():
    study = study_at(paused(), STARTS[-1] + dt.timedelta(days=30), settings={"total": 300})
    assert budget_of(study).split["recommended"].tolist() == pytest.approx([184.3, 115.7], abs=0.5)
    assert not [sentence for sentence in budget(study).answer if "more leads" in sentence]  # than which shares?


def test_a_campaign_that_ended_is_named_and_not_in_the_split():
    ended = rows("C", [9_000 * s / (50 + s) for s in SPEND]).with_columns(
        pl.col("starts_at", "ends_at").dt.offset_by("-300d")
    )
    section = budget(study_of(pl.concat([on_curves(), ended])))
    assert any(sentence.startswith("No spend in the last period, so no share: C.") for sentence in section.answer)
    assert section.parts[0].table["campaign"].tolist() == ["A", "B"]
    assert section.table["campaign"].tolist() == ["A", "B", "C"]


def test_without_names_of_campaigns_channels_are_compared_or_there_is_no_section():
    nameless = on_curves().with_columns(
        channel=pl.col("campaign").replace({"A": "email", "B": "social"}), campaign=pl.lit(None, pl.String)
    )
    assert budget_of(study_of(nameless)).curves.by == "channel"
    study = study_of(nameless.with_columns(channel=pl.lit(None, pl.String)))
    assert budget(study) is None
    assert list(things(study)) == []


def test_bounds_of_a_campaign_that_is_only_known_later_wait_for_it():
    frame = pl.concat([on_curves(), rows("C", [9.0], [50.0]).with_columns(pl.col("starts_at", "ends_at") + LATER)])
    wish = {"minimum": {"C": 5}, "maximum": {"A": 90}}
    early = budget_of(study_at(frame, STARTS[-1], settings=wish))
    assert early.split.set_index("campaign")["recommended"].to_dict() == pytest.approx({"A": 90, "B": 210})
    assert "C" in budget_of(study_at(frame, STARTS[-1] + LATER, settings=wish)).split["campaign"].tolist()
    with pytest.raises(DataError, match="minimum: there is no campaign 'D'"):
        budget_of(study_at(frame, STARTS[-1], settings={"minimum": {"D": 5}}))


def test_bounds_say_whether_campaigns_or_channels_are_compared():
    turns = on_curves().with_columns(
        channel=pl.col("campaign").replace({"A": "email", "B": "social"}),
        campaign=pl.Series([f"turn {n}" for n in range(12)]),
    )
    for name, by in (("turn 3", "campaign"), ("social", "channel")):
        assert budget_of(study_of(turns, settings={"maximum": {name: 90}})).curves.by == by


def test_two_currencies_stop_the_report_with_the_file_and_the_column():
    study = study_of(on_curves().with_columns(currency=pl.Series(["IDR", "MYR"] * 6)))
    for make in (budget, lambda study: list(things(study))):
        with pytest.raises(DataError, match=r"^campaigns, currency: has IDR and MYR\."):
            make(study)


def test_a_hostile_name_is_text_on_the_page():
    name = '=1+1<script>alert("x")</script>{n}$\\frac$'
    frame = on_curves().with_columns(pl.col("campaign").replace({"A": name}))
    section = budget(study_of(frame))
    page = html_of(section.payload)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert any(name in sentence for sentence in section.answer)


def touched(people):
    """Everyone sees X, then Y, then buys for 10; the first so many see Z before."""
    done = [
        (f"c{who}", STARTS[0] + dt.timedelta(hours=hour), action, campaign, value)
        for who in range(12)
        for hour, action, campaign, value in [
            *([(0, "view", "Z", None)] if who < people else []),
            (1, "view", "X", None),
            (2, "view", "Y", None),
            (3, "purchase", None, 10.0),
        ]
    ]
    names = ["customer_id", "time", "action", "campaign", "value"]
    frame = pl.DataFrame(done, schema=names, orient="row").with_columns(channel=pl.lit("web"))
    return budget(study_of(on_curves(), interactions=frame)).parts[-1]


def test_touches_stand_side_by_side_and_are_called_conventions():
    part = touched(7)
    assert part.question == "Which campaigns came before conversions?"
    assert part.answer[0] == "12 conversions had a campaign in the 30 days before; 0 had none."
    assert part.answer[1].startswith('Most conversions are credited to "Z" by first touch, to "Y" by last touch')
    table = part.table.set_index("campaign")
    assert table["last"].to_dict() == {"X": 0, "Y": 12, "Z": 0}
    assert table["linear"].to_dict() == pytest.approx({"X": 7 / 3 + 5 / 2, "Y": 7 / 3 + 5 / 2, "Z": 7 / 3})
    assert "are conventions" in part.notes[0]


def test_credit_of_fewer_than_five_customers_is_hidden_with_the_next_smallest():
    part = touched(3)
    assert part.table.set_index("campaign")["first"].isna().to_dict() == {"X": True, "Y": False, "Z": True}
    assert all("conversions had" not in sentence for sentence in part.answer)


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_a_sample_has_a_split_that_keeps_its_total(sample_results, kind):
    study = sample_results[kind].study
    made, section = budget_of(study), budget(study)
    assert set(made.split["reason"]) == {""}
    assert made.split["recommended"].sum() == pytest.approx(made.split["spend_now"].sum())
    assert (made.split["low"] <= made.split["recommended"]).all()
    assert (made.split["recommended"] <= made.split["high"]).all()
    touched = section.parts[1].table
    assert touched["first"].sum() == pytest.approx(touched["linear"].sum())
    assert section.payload["figure"] is not None


def test_metrics_json_has_returns_and_split():
    made = json.loads(json.dumps(budget_rows(study_of(on_curves()))))
    assert (made["by"], made["result"], made["days"], made["total"], made["reason"]) == (
        "campaign",
        "leads",
        30,
        300,
        "",
    )
    assert [row["campaign"] for row in made["rows"]] == ["A", "B"]
    assert made["rows"][0]["recommended"] == pytest.approx(184.3, abs=0.5)
    assert made["rows"][0]["cost_per_lead"] == pytest.approx(425 / sum(2_000 * s / (50 + s) for s in SPEND))


def test_the_figure_names_the_spends_that_it_marks():
    ax = budget(study_of(on_curves())).plot()
    assert sorted(text.get_text() for text in ax.texts) == ["Now MYR150", "Proposed MYR184"]


def test_the_same_study_gives_the_same_bytes_in_any_order_of_rows():
    one, other = (study_of(frame) for frame in (on_curves(), on_curves().reverse()))
    assert json.dumps(budget(one).payload) == json.dumps(budget(other).payload)
    assert Language("en").text("budget.note_periods") in budget(one).notes
