"""Targets on the page: by goal, beside the own past and a benchmark, and where a running total will end."""

import datetime as dt

import pandas as pd
import pytest
from pages import html

from engagekit import Study
from engagekit.errors import DataError
from engagekit.language import LANGUAGES
from engagekit.reports.results import results
from engagekit.reports.summary import to_do
from engagekit.reports.targets import target_rows, targets, things

HOSTILE = "<b>Sell & grow</b> {name} =1+1"
TOML = """
name = "Senja"
kind = "ecommerce"
language = "{language}"
currency = "IDR"
time_zone = "Asia/Jakarta"
as_of = "{as_of}"
[tables.surveys]
file = "surveys.csv"
[tables.interactions]
file = "sales.csv"
{settings}
"""
NPS = "[targets]\nnet_promoter_score = {target}\n"


def shop(folder, settings="", language="en", as_of="2026-03-21", share=0.6, answers=300):
    """A shop that sells for 100 a day, and asks so many customers each month, of whom a share are promoters."""
    rows = [
        ("nps", 10 if number < share * answers else 0, dt.date(2026, month, 5), f"c{month}-{number}")
        for month in (1, 2, 3)
        for number in range(answers)
    ]
    columns = ["kind", "score", "answered_at", "customer_id"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "surveys.csv", index=False)
    days = pd.date_range("2025-12-01", "2026-03-31")
    sales = {"customer_id": "c1", "time": days, "action": "purchase", "channel": "store", "value": 100}
    pd.DataFrame(sales).to_csv(folder / "sales.csv", index=False)
    text = TOML.format(language=language, as_of=as_of, settings=settings)
    (folder / "business.toml").write_text(text, "utf-8")
    return Study(folder)


@pytest.mark.parametrize(("target", "verdict"), [(0, "reached"), (20, "reached"), (25, "close"), (60, "missed")])
def test_each_target_is_judged_by_its_interval(tmp_path, target, verdict):
    (row,) = targets(shop(tmp_path, NPS.format(target=target))).table.to_dict("records")
    assert (row["value"], row["n"], row["target_verdict"]) == (20, 300, verdict)


@pytest.mark.parametrize("language", LANGUAGES)
def test_goals_count_their_targets_and_name_what_is_missing(tmp_path, language):
    settings = (
        f'{NPS.format(target=60)}revenue = 5000\n[goals.a]\ntitle = "{HOSTILE}"\nmetrics = ["net_promoter_score"]'
    )
    study = shop(tmp_path, settings + '\n[goals.b]\ntitle = "Grow"\n', language)
    by_goal, _, _, no_metric = targets(study).answer
    assert HOSTILE in by_goal
    assert "Grow" in no_metric
    page = html(targets(study))
    assert "<b>Sell" not in page
    assert "&lt;b&gt;Sell &amp; grow&lt;/b&gt; {name} =1+1" in page


def test_a_running_total_is_followed_to_the_end_of_its_period(tmp_path):
    settings = "[targets]\nrevenue = {}\n"
    (sentence,) = targets(shop(tmp_path, settings.format(3000))).answer
    assert "2,000 so far" in sentence.replace("IDR", "").replace("\u00a0", "")  # 20 days of 100
    assert "3,100" in sentence
    assert "before 1 April 2026" in sentence
    assert sentence.endswith("will be reached.")
    short = shop(tmp_path, settings.format(4000))
    assert "will not be reached" in next(things(short))
    (row,) = target_rows(short)
    assert (row["end_value"], row["end_low"], row["end_high"]) == (3100, 3100, 3100)
    assert targets(shop(tmp_path, settings.format(3000), as_of="2026-03-01")).answer == []  # no month runs


def test_a_missed_target_is_a_thing_to_do(tmp_path):
    study = shop(tmp_path, NPS.format(target=60))
    assert list(things(study)) == [sentence for sentence in to_do(study).answer if "60" in sentence] != []


def test_a_benchmark_says_where_it_is_from_and_the_newest_is_shown(tmp_path):
    one = '[[benchmarks]]\nmetric = "net_promoter_score"\nvalue = {}\nsource = "{}"\nyear = {}\nn = 1200\n'
    one += 'definition = "0-10, shops"\n'
    section = targets(shop(tmp_path, one.format(50, "New", 2025) + one.format(30, "Old", 2020)))
    (row,) = section.table.to_dict("records")
    assert (row["benchmark"], row["benchmark_verdict"]) == (50, "missed")
    assert any(
        "50" in note and "Source: New, 2025, n = 1,200. Definition: 0-10, shops." in note for note in section.notes
    )


@pytest.mark.parametrize("absent", ["source", "year", "n", "definition"])
def test_a_benchmark_without_its_provenance_is_refused(tmp_path, absent):
    keys = {
        "metric": '"net_promoter_score"',
        "value": "5",
        "source": '"A"',
        "year": "2025",
        "n": "9",
        "definition": '"B"',
    }
    del keys[absent]
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    with pytest.raises(DataError, match=f"benchmarks.*{absent}: is missing"):
        shop(tmp_path, f"[[benchmarks]]\n{lines}\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("[targets]\nnet_promotor_score = 4\n", r"\[targets\].*net_promotor_score.*net_promoter_score"),
        ('[goals.a]\ntitle = "A"\nmetrics = ["revenu"]\n', r"\[goals\].*'revenu'.*revenue"),
        ("[targets]\nsatisfaction_rate = 80\n", "80 is not between 0 and 1"),
        ("[targets]\nspend = 80\n", "no better way"),
    ],
)
def test_a_target_or_goal_that_cannot_be_is_refused_by_name(tmp_path, settings, message):
    with pytest.raises(DataError, match=message):
        results(shop(tmp_path, settings))


def test_numbers_of_fewer_than_five_people_are_not_judged(tmp_path):
    study = shop(tmp_path, "[targets]\nrevenue_per_customer = 50\n")  # of one customer
    (row,) = targets(study).table.to_dict("records")
    assert row["value"] != row["value"]
    assert row["target_verdict"] == ""
    assert [target_rows(study)[0][name] for name in ("value", "low", "high", "n")] == [None] * 4


def test_without_targets_the_section_says_how_to_set_them(tmp_path):
    section = targets(shop(tmp_path))
    assert section.table.empty
    assert "[targets]" in section.answer[0]
