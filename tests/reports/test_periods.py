"""Weeks and quarters: what is compared, how it is named, and what cannot be told by week."""

import datetime as dt

import pandas as pd
import pytest

from engagekit import ChurnDefinition, Study
from engagekit.language import Language
from engagekit.reports.metrics_json import as_data
from engagekit.reports.results import results
from engagekit.reports.summary import changes
from engagekit.reports.words import Writer

TOML = """
name = "Senja"
kind = "ecommerce"
language = "en"
currency = "IDR"
time_zone = "Asia/Jakarta"
as_of = "2026-11-02"
[tables.surveys]
file = "surveys.csv"
"""
CHURN = ChurnDefinition(horizon="28d", active_window="28d", contractual=False)


def answers(period, language="en"):
    """A study of answers in the week from Monday 26 October to 1 November 2026, which two months share, and before."""
    days = [(dt.datetime(2026, 10, 20), [10] * 30 + [0] * 10), (dt.datetime(2026, 10, 28), [10] * 5 + [0] * 15)]
    days += [(dt.datetime(2026, 11, 1), [0] * 20), (dt.datetime(2026, 7, 3), [10] * 40)]
    rows = [("nps", score, day) for day, scores in days for score in scores]
    frame = pd.DataFrame(rows, columns=["kind", "score", "answered_at"])
    return Study.of(as_of="2026-11-02", surveys=frame, churn=CHURN, language=language, period=period)


def test_a_week_that_two_months_share_is_one_week():
    report = results(answers("week"))
    period, new, old = report.current("net_promoter_score")
    assert period == pd.Timestamp("2026-10-26")
    assert (new.value, new.n) == (-75, 40)  # 100 * (5 - 35) / 40
    assert (old.value, old.n) == (50, 40)  # 100 * (30 - 10) / 40


def test_quarters_are_compared_with_the_quarter_before():
    report = results(answers("quarter"))
    assert report.current("net_promoter_score")[0] == pd.Timestamp("2026-07-01")
    assert report.month == pd.Timestamp("2026-07-01")


@pytest.mark.parametrize("language", ["en", "id", "ms"])
def test_the_page_speaks_of_weeks(language):
    study = answers("week", language)
    said = " ".join(changes(study).answer)
    assert Language(language, "week").named(dt.date(2026, 10, 19)) in said
    assert "NPS" in said
    assert study.language.text("column.before") != Language(language).text("column.before")


def test_the_change_names_the_period_before():
    writer = Writer(results(answers("week")))
    from engagekit.metrics import net_promoter_score

    assert writer.change(net_promoter_score)[0] == "down from 50.0 in the week of 19 October 2026"


def test_metrics_json_names_weeks_by_their_first_day(tmp_path):
    answers("week").table("surveys").to_csv(tmp_path / "surveys.csv", index=False)
    (tmp_path / "business.toml").write_text(TOML)
    study = Study(tmp_path, period="week")
    data = as_data(study, study.end, results(study).month, study.measured)
    assert (data["period"], data["last_period"], data["month"]) == ("week", "2026-10-26", "2026-10")
    assert {row["period"] for row in data["metrics"]} >= {"2026-10-19", "2026-10-26", "all"}


def test_what_is_counted_by_whole_months_is_not_told_by_week(sample_folders):
    study = Study(sample_folders["saas"], period="week")
    rows = study.measured
    assert rows.loc[rows["metric"] == "stickiness", "period"].isna().all()
    with pytest.raises(ValueError, match="stickiness: is of whole months"):
        study.measure("stickiness", every="week")


def test_without_an_earlier_period_nothing_is_compared():
    frame = pd.DataFrame({"kind": "nps", "score": [10] * 9, "answered_at": dt.datetime(2026, 10, 28)})
    study = Study.of(as_of="2026-11-02", surveys=frame, churn=CHURN, period="week")
    assert changes(study).answer == ["There is no week before to compare with."]


def test_business_toml_says_the_period_and_an_argument_outranks_it(tmp_path):
    answers("week").table("surveys").to_csv(tmp_path / "surveys.csv", index=False)
    (tmp_path / "business.toml").write_text(TOML + '[report]\nperiod = "quarter"\n')
    assert (Study(tmp_path).period, Study(tmp_path, period="week").period) == ("quarter", "week")
