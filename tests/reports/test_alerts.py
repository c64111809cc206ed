"""Alerts: crossed beyond chance alone, in words, in a file of their own, and in the exit code."""

import datetime as dt
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from engagekit import Study
from engagekit.cli import app
from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.reports.alerts import alerts, alerts_section
from engagekit.reports.results import results

TOML = """
name = "Senja"
kind = "ecommerce"
language = "{language}"
currency = "IDR"
time_zone = "Asia/Jakarta"
as_of = "2026-03-01"
[tables.surveys]
file = "surveys.csv"
[alerts]
{alerts}
"""


def shop(folder, rules, language="en", months=((200, 100), (80, 220))):
    """A business with so many promoters and detractors a month, and rules for its alerts."""
    folder.mkdir(exist_ok=True)
    rows = [
        ("nps", score, dt.date(2026, month, 5), f"c{month}-{score}-{number}")
        for month, counts in enumerate(months, start=1)
        for score, count in zip((10, 0), counts, strict=True)
        for number in range(count)
    ]
    frame = pd.DataFrame(rows, columns=["kind", "score", "answered_at", "customer_id"])
    frame.to_csv(folder / "surveys.csv", index=False)
    declared = "\n".join(f'{name} = "{rule}"' for name, rule in rules.items())
    (folder / "business.toml").write_text(TOML.format(language=language, alerts=declared), "utf-8")
    return folder


def crossed(folder):
    return {row["metric"]: row["crossed"] for row in alerts(results(Study(folder)))}


def test_a_fall_beyond_chance_and_limits_beyond_the_interval_are_crossed(tmp_path):
    rules = {"net_promoter_score": "falls", "promoter_rate": "< 0.4", "detractor_rate": "> 0.9"}
    assert crossed(shop(tmp_path, rules)) == {
        "net_promoter_score": True,  # 100 * (200 - 100) / 300 = 33, then 100 * (80 - 220) / 300 = -47
        "promoter_rate": True,  # 80 / 300 = 0.27
        "detractor_rate": False,
    }


def test_what_chance_alone_could_explain_raises_no_alert(tmp_path):
    rules = {"net_promoter_score": "falls", "promoter_rate": "< 0.52"}
    assert crossed(shop(tmp_path, rules, months=((52, 48), (50, 50)))) == dict.fromkeys(rules, False)  # 0.40 to 0.60


def test_a_rise_is_another_rule_than_a_fall(tmp_path):
    assert crossed(shop(tmp_path, {"net_promoter_score": "rises"})) == {"net_promoter_score": False}
    better = shop(tmp_path, {"net_promoter_score": "rises"}, months=((80, 220), (200, 100)))
    assert crossed(better) == {"net_promoter_score": True}


def test_what_is_not_measured_is_not_crossed(tmp_path):
    row = alerts(results(Study(shop(tmp_path, {"churn_rate": "> 0.01"}))))[0]
    assert (row["crossed"], row["period"]) == (False, None)
    assert row["value"] is None or row["value"] != row["value"]


@pytest.mark.parametrize(
    ("language", "falls", "below"),
    [
        (
            "en",
            "Net Promoter Score (NPS), February 2026: down from 33.3 to −46.7, more than chance alone could explain.",
            "Promoters, February 2026: 26.7%, below your limit of 40.0%.",
        ),
        (
            "id",
            "Net Promoter Score (NPS), Februari 2026: turun dari 33,3 menjadi −46,7, bukan sekadar kebetulan.",
            "Promotor, Februari 2026: 26,7%, di bawah batas 40,0% yang Anda tetapkan.",
        ),
        (
            "ms",
            "Skor Promoter Bersih (NPS), Februari 2026: turun daripada 33.3 kepada −46.7, bukan kebetulan semata-mata.",
            "Promoter, Februari 2026: 26.7%, di bawah had 40.0% yang anda tetapkan.",
        ),
    ],
)
def test_sentences_in_three_languages(tmp_path, language, falls, below):
    folder = shop(tmp_path, {"net_promoter_score": "falls", "promoter_rate": "< 0.4"}, language)
    section = alerts_section(Study(folder))
    assert section.answer == [falls, below]
    assert section.layer == "summary"


def test_without_a_crossing_nothing_stands_on_the_page(tmp_path):
    assert alerts_section(Study(shop(tmp_path, {"promoter_rate": "> 0.9"}))) is None


def test_an_unknown_metric_or_rule_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(DataError, match="there is no metric 'nps_score'"):
        results(Study(shop(tmp_path, {"nps_score": "falls"})))
    with pytest.raises(DataError, match=r"'8 %' is no rule. Write \"> 0.08\""):
        Business.open(shop(tmp_path, {"churn_rate": "8 %"}))


@pytest.mark.soak
def test_the_exit_code_is_5_and_a_failure_outranks_it(tmp_path):
    alerted, broken = shop(tmp_path / "a", {"promoter_rate": "< 0.4"}), shop(tmp_path / "b", {})
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["report", str(alerted), "--out", str(out)])
    assert result.exit_code == 5, result.output
    assert "Promoters, February 2026: 26.7%, below your limit of 40.0%." in " ".join(result.output.split())
    written = json.loads((out / "a" / "engagement" / "alerts.json").read_text("utf-8"))
    assert [row["metric"] for row in written["alerts"]] == ["promoter_rate"]
    assert "c2-" not in json.dumps(written)
    assert json.loads((out / "a" / "engagement" / "run.json").read_text("utf-8"))["alerts"]
    page = (out / "a" / "engagement" / "report.html").read_text("utf-8")
    assert page.index("<h2>Alerts</h2>") < page.index("How engaged")
    assert "below your limit" in (out / "index.html").read_text("utf-8")
    (broken / "business.toml").write_text("name = 1")
    assert CliRunner().invoke(app, ["report", str(alerted), str(broken), "--out", str(out)]).exit_code == 1


def test_one_answer_raises_no_alert_and_a_total_needs_a_limit(tmp_path):
    assert crossed(shop(tmp_path, {"promoter_rate": "> 0.4"}, months=((0, 20), (1, 0)))) == {"promoter_rate": False}
    with pytest.raises(DataError, match="mails_delivered is a total, of which chance is not known. Give it a limit"):
        results(Study(shop(tmp_path, {"mails_delivered": "falls"})))
