"""What a report says of the score: the verdict of its trial, who fell, and what is wrong with it."""

import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from pages import shown

from engagekit.display.pseudonyms import KEY, pseudonyms
from engagekit.display.section import hidden_cells
from engagekit.errors import DataError
from engagekit.language import LANGUAGES, Language
from engagekit.reports import score
from engagekit.reports.results import results
from engagekit.samples.make import make_sample, write_sample
from engagekit.score.audit import FINDINGS
from engagekit.score.verdict import VERDICTS
from engagekit.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sample large enough to tell."""
    folder = tmp_path_factory.mktemp("shop") / "kedai"
    write_sample(make_sample("ecommerce", customers=1_500), folder)
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return results(Study(folder))


def words(html):
    return " ".join(unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", html, flags=re.DOTALL)).split())


def with_verdict(found, verdict):
    trial = replace(found.scoring.trial, verdict=verdict)
    return replace(found, scoring=replace(found.scoring, trial=trial))


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_verdict_is_one_sentence_in_every_language(found, verdict, code):
    spoken = replace(with_verdict(found, verdict), language=Language(code))
    sentence = Language(code).text(f"verdict.{verdict}")
    assert sentence in words(shown(score.on_trial, spoken))
    assert sentence.count(".") == 1


def test_a_trial_shows_its_figure_and_what_it_stands_on(found):
    html = shown(score.on_trial, found)
    text, trial = words(html), found.scoring.trial
    assert trial.verdict != "too_few"
    assert html.count("<figure") == 1
    assert found.language.number(trial.customers) in text


def test_the_parts_of_a_fall_add_up_to_it(found):
    """What rose is among them: 71 → 15 with 15 points listed as −63 was read as a mistake."""
    fell = found.scoring.moves.filter(found.scoring.moves["change"] <= -1).head(20)
    rows = re.findall(r"<tr>.*?</tr>", shown(score.fallen, found).replace("\u2212", "-"), re.DOTALL)[1:21]
    assert len(rows) == len(fell)
    rose = 0
    for row in rows:
        text = words(row)
        before, after = map(int, re.search(r"(\d+)\s→\s(\d+)", text).groups())
        parts = [int(part) for part in re.findall(r" ([+-]\d+)(?:;|$)", text)]
        assert sum(parts) == after - before, text
        rose += any(part > 0 for part in parts)
    assert rose


def test_how_sure_it_is_stands_in_a_section_of_its_own(found):
    html, trial = shown(score.how_sure, found), found.scoring.trial
    text = words(html)
    assert "ROC AUC" not in words(shown(score.on_trial, found))
    for name in ("recency", "slope", "frequency", "base_rate"):
        assert found.language.text(f"predictor.{name}") in text
    assert found.language.number(trial.statistic("score")["value"], 2) in text
    assert not re.search(r"\bnan\b", text.lower())


def test_too_few_show_no_figure(found):
    html = shown(score.on_trial, with_verdict(found, "too_few"))
    assert shown(score.how_sure, with_verdict(found, "too_few")) == ""
    assert "<figure" not in html
    assert "<table" not in html


def test_who_fell_has_a_pseudonym_and_a_reason(found, monkeypatch):
    monkeypatch.delenv(KEY, raising=False)
    html = shown(score.fallen, found)
    ids = found.scoring.moves["customer_id"].to_list()
    assert not set(re.findall(r"\d{6}", html)) & set(ids)
    assert KEY in html
    first = found.scoring.moves.row(0, named=True)
    assert f"{first['score_before']:.0f} → {first['score_after']:.0f}" in words(html)
    monkeypatch.setenv(KEY, "a secret")
    keyed = shown(score.fallen, found)
    assert pseudonyms(ids[:1])[0] in keyed
    assert "a secret" not in keyed
    assert KEY not in keyed


def test_pseudonyms_are_the_same_for_the_same_key_only(monkeypatch):
    monkeypatch.setenv(KEY, "one")
    first = pseudonyms(["a", "b"])
    assert first == pseudonyms(["a", "b"])
    assert len(set(first)) == 2
    monkeypatch.setenv(KEY, "other")
    assert not set(first) & set(pseudonyms(["a", "b"]))


def test_the_audit_says_every_finding_in_every_language(found):
    every = [
        {"mistake": mistake, "finding": name, "about": "orders", "beside": "value", "value": 0.5, "other": 0.2}
        for mistake, names in FINDINGS.items()
        for name in names
    ]
    for row in every:
        row["about"] = "at_risk" if row["finding"] == "no_action" else row["about"]
    frame = found.scoring.findings.iloc[:0]
    frame = type(frame)(every, columns=frame.columns)
    for code in LANGUAGES:
        spoken = replace(found, scoring=replace(found.scoring, findings=frame), language=Language(code))
        text = words(shown(score.audit, spoken))
        for name in [name for names in FINDINGS.values() for name in names]:
            opening = Language(code).text(f"audit.{name}").split("{")[1].split("}")[1].split(".")[0][:12]
            assert opening in text, name


@pytest.mark.soak
def test_actions_that_are_recorded_quieten_the_audit(folder, found):
    silent = found.scoring.findings["finding"].tolist().count("no_action")
    assert silent
    file = folder / "actions.csv"
    try:
        file.write_text("date,segment\n2026-10-20,at_risk\n")
        again = results(Study(folder)).scoring.findings["finding"].tolist()
        assert again.count("no_action") == silent - 1
        file.write_text("date,segment\n20/10/2026,at_risk\n")
        with pytest.raises(DataError, match="actions.csv, row 2, date: '20/10/2026' is not a date"):
            results(Study(folder))
        file.write_text("date,segment\n2026-10-20,Berisiko\n")
        with pytest.raises(DataError, match="actions.csv, row 2, segment: there is no segment 'Berisiko'"):
            results(Study(folder))
        file.write_text("day,segment\n2026-10-20,at_risk\n")
        with pytest.raises(DataError, match="actions.csv, date: is not a column"):
            results(Study(folder))
    finally:
        file.unlink()


def test_without_a_score_there_is_nothing_to_try(found):
    bare = replace(found, scoring=None)
    assert shown(score.on_trial, bare) == shown(score.audit, bare) == shown(score.fallen, bare) == ""
    assert "business.toml" in words(shown(score.score, bare))


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_a_small_sample_has_a_verdict_too(sample_results, kind):
    small = sample_results[kind]
    assert small.scoring.trial.verdict in VERDICTS
    assert small.language.text(f"verdict.{small.scoring.trial.verdict}") in words(shown(score.on_trial, small))
    assert "<h3" in shown(score.fallen, small)


def test_a_segment_that_could_be_worked_out_is_not_told(found):
    assert hidden_cells([3, 50, 9, 0]) == {0, 2}
    assert hidden_cells([3, 4, 9, 0]) == {0, 1}
    assert hidden_cells([30, 40, 9, 0]) == set()
    assert "fewer" not in words(shown(score.fallen, found))


@pytest.mark.parametrize("kind", ["ecommerce", "saas"])
def test_where_nobody_has_a_score_the_report_is_still_made(sample_folders, kind, tmp_path):
    folder = Path(shutil.copytree(sample_folders[kind], tmp_path / kind))
    text = (folder / "business.toml").read_text("utf-8")
    head, rest = text.split("[score.components]")
    rest = rest[rest.index("\n[") :]
    never = "sentiment_mean = {weight = 1, low = -1, high = 1}\n"
    rest = re.sub(r"(?m)^sentiment = .*\n", "", rest)
    (folder / "business.toml").write_text(f"{head}[score.components]\n{never}{rest}", "utf-8")
    bare = results(Study(folder))
    html = shown(score.score, bare) + shown(score.on_trial, bare) + shown(score.fallen, bare)
    assert bare.scoring.trial.verdict == "too_few"
    assert bare.language.text("fallen.none") in words(html)
