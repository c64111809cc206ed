"""The first screens: each sentence counted a second way."""

import re

import pandas as pd
import pytest

from engagekit.reports import actions, budget, experiments, summary, targets, voice
from engagekit.reports.results import results
from engagekit.reports.words import Writer
from engagekit.study import Study

KINDS = ["ecommerce", "saas", "subscription"]


@pytest.fixture(params=KINDS)
def found(request, sample_results):
    return sample_results[request.param]


def test_every_part_is_of_the_summary_and_says_something(found):
    for part in (summary.judgement, summary.changes, summary.to_do):
        section = part(found.study)
        assert section.layer == "summary"
        assert section.question
        assert section.answer
        assert not re.search(r"\bnan\b|\{|\}|\bNone\b(?! of the)", " ".join(section.answer))
    assert 1 <= len(summary.headline(found.study).tiles) <= 6


def test_shares_of_segments_add_up_to_100(found):
    shares = [int(share) for share in re.findall(r"(\d+)%", " ".join(Writer(found).shares.values()))]
    assert sum(shares) == 100
    (told,) = (line for line in summary.judgement(found.study).answer if f"{shares[0]}%" in line and "84" not in line)
    assert [int(share) for share in re.findall(r"(\d+)%", told)] == list(reversed(shares))


def test_the_score_is_judged_beside_its_own_year(found):
    series = found.series("engagement_score")
    year = series[series["value"].notna() & (series["period"] <= found.month)]["value"].tail(12)
    first = summary.judgement(found.study).answer[0]
    for bound in (year.min(), year.max()):
        assert re.search(rf"\b{int(bound)}\b|\b{round(bound)}\b", first)


def test_there_are_three_things_to_do_no_two_of_one_kind_and_each_is_short(found):
    sentences = summary.to_do(found.study).answer
    kinds = [list(kind.things(found.study)) for kind in (experiments, voice, actions, targets, budget)]
    kinds.append(list(actions.plan_things(found.study)))
    of_kind = [place for each in sentences for place, kind in enumerate(kinds) if each in kind]
    assert len(sentences) == 3
    assert len({*of_kind}) == len(of_kind) >= 1
    assert all(len(each.split()) <= 25 for sentence in sentences for each in sentence.split(". "))


def test_whom_to_contact_is_counted_in_the_private_list(found):
    (action,) = actions.things(found.study)
    listed = actions.private_actions(found.study)
    title, rest = action.split(": ", 1)
    assert rest.startswith(f"{found.language.number((listed.iloc[:, 2] == title).sum())} ")
    worth = listed[listed.iloc[:, 2] == title].iloc[:, -1].sum()
    assert worth <= 0 or found.language.money(worth, found.business.currency, 0) in action


def test_whom_to_win_back_is_counted(found):
    told = " ".join(summary._to_win_back(found))
    gone = len(found.study.win_back())
    assert gone < 5 or re.search(rf"\b{found.language.number(gone)}\b", told)


def test_what_changed_is_what_the_tables_call_a_change(found):
    writer = Writer(found)
    table = summary.changes(found.study).table
    latest = [name for name in found.measured["metric"].unique() if found.current(name)[0] == found.month]
    moved = {name for name in latest if found.directions[name] in ("higher", "lower")}
    assert set(table["metric"]) == moved
    for metric in writer.headline():
        words, tone = writer.change(metric)
        assert not words or (metric.name in moved) == (tone in ("better", "worse")) or not metric.better
        assert found.current(metric.name)[0] != found.month or metric.name in moved or tone in ("same", "")


def test_results_of_a_study_are_made_once(found):
    assert results(found.study) is results(found.study)
    assert isinstance(summary.judgement(found.study).table, pd.DataFrame)


def test_no_thing_to_do_is_a_number_by_segment(found, monkeypatch):
    """By segment a number whose table feeds the score is circular."""
    groups, measure = [], Study.measure

    def recorded(study, metrics, by=(), *more, **options):
        groups.append(by)
        return measure(study, metrics, by, *more, **options)

    monkeypatch.setattr(Study, "measure", recorded)
    assert len(summary.to_do(found.study).answer) == 3
    assert not any(groups)
