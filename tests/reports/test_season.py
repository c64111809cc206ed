"""A year before, holidays and months that stand out, in reports: each counted a second way."""

import pandas as pd
import pytest

from engagekit.metrics.catalog import METRICS
from engagekit.reports import engagement, season, summary
from engagekit.reports.anomalies import anomalies
from engagekit.reports.parts import ARROW
from engagekit.reports.results import results
from engagekit.study import Study

TOML = """
name = "Kedai"
kind = "ecommerce"
language = "{language}"
currency = "{currency}"
time_zone = "Asia/Jakarta"
horizon = "28d"
[tables.{table}]
file = "{table}.csv"
"""
UNLIKE = "Unlike the months before: Open rate."
OPENED = (310, 295, 305, 302, 290, 310, 300, 304, 295, 300, 310, 290, 300)  # of a thousand in three mailings a month


def mailer(folder, opened, currency="IDR", language="en"):
    """Business with three mailings a month from January 2025 on, and so many opens of a thousand in each month."""
    months = pd.date_range("2025-01-01", periods=len(opened), freq="MS")
    rows = [
        f"{month:%Y-%m}-{day},c{day},1000,1000,{opens + 10 * (day - 11)}"
        for month, opens in zip(months, opened, strict=True)
        for day in (10, 11, 12)
    ]
    (folder / "mailings.csv").write_text("\n".join(["sent_at,campaign,sent,delivered,opens", *rows]))
    toml = TOML.format(language=language, currency=currency, table="mailings")
    (folder / "business.toml").write_text(toml)
    return Study(folder, months[-1] + pd.DateOffset(months=1))


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_a_sample_is_shown_beside_the_year_before(sample_results, kind):
    study = sample_results[kind].study
    section = season.season(study)
    assert "order_value" in section.table["metric"].tolist() or kind != "ecommerce"
    assert len(section.table) > 2
    for row in section.table.to_dict("records"):
        monthly = study.measure(row["metric"], every="month").set_index("period")["value"]
        assert row["value"] == pytest.approx(monthly[row["period"]])
        assert row["year_before"] == pytest.approx(monthly[row["period"] - pd.DateOffset(years=1)])
        assert row["difference"] == pytest.approx(row["value"] - row["year_before"])
        if row["change"] in ("higher", "lower"):
            assert not row["low"] <= 0 <= row["high"]
    assert section.payload["table"]["columns"][0]


def test_customers_of_both_years_are_compared_with_themselves(sample_results):
    found = sample_results["ecommerce"]
    rows = season.season(found.study).table.set_index("metric")
    new = found.current("engagement_score")[1]
    apart = new - found.whole("engagement_score", found.month - pd.DateOffset(years=1))
    paired = rows.loc["engagement_score"]
    assert paired["difference"] == pytest.approx(apart.value)
    assert paired["high"] - paired["low"] < apart.high - apart.low


def test_a_fall_from_the_year_before_is_said_and_the_month_before_is_another_question(tmp_path):
    study = mailer(tmp_path, (600, *OPENED[1:]))
    answer = season.season(study).answer
    assert answer[0] == f"Worse than in January 2025: Open rate (60.0%{ARROW}30.0%)."
    assert "January 2025" not in " ".join(summary.changes(study).answer)


def test_without_a_year_before_it_is_said_what_is_missing(tmp_path):
    section = season.season(mailer(tmp_path, OPENED[:10]))
    assert section.table.empty
    assert "Add exports" in section.answer[-1]
    assert section.payload["table"] is None


def test_a_month_that_the_data_cover_in_part_is_not_compared_with(sample_results):
    found = sample_results["ecommerce"]
    first = found.measured[found.measured["period"].notna()].groupby("metric")["period"].min()
    for name, period in first.items():
        row = found.measured[(found.measured["metric"] == name) & (found.measured["period"] == period)].iloc[0]
        whole = "partial_period" not in row["warning"] and pd.notna(row["value"])
        assert (found.whole(name, period) is not None) == whole


EID = {
    "ecommerce": "Idul Fitri jatuh pada Maret 2026 dan tidak pada Februari 2026.",
    "saas": "Hari Raya Aidilfitri jatuh pada Mac 2026 dan bukan pada Februari 2026.",
    "subscription": "Eid al-Fitr fell in March 2026 and not in February 2026.",
}
CLOSING = {
    "ecommerce": "keduanya sulit dibandingkan.",
    "saas": "kedua-duanya sukar dibandingkan.",
    "subscription": "which matters if your customers observe them.",
}


APART = {
    "ecommerce": "Idul Fitri dan Tahun Baru Imlek hanya jatuh pada salah satu dari kedua bulan itu.",
    "saas": "Hari Raya Aidilfitri dan Tahun Baharu Cina jatuh pada satu sahaja daripada dua bulan itu.",
    "subscription": "Eid al-Fitr",
}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.soak] * (kind != "ecommerce")) for kind in EID])
def test_the_month_of_eid_is_named_and_on_the_first_screen_where_it_is_kept(sample_folders, kind):
    study = Study(sample_folders[kind], "2026-04-01")
    (told,) = (sentence for sentence in season.season(study).answer if EID[kind] in sentence)
    assert told.endswith(CLOSING[kind])
    assert "20" in told  # days of Ramadan
    assert "9" in told
    first = " ".join(summary.changes(study).answer)
    assert (APART[kind] in first) == (kind != "subscription")


@pytest.mark.parametrize(("currency", "kept"), [("IDR", True), ("MYR", True), ("GBP", False)])
def test_the_currency_tells_the_country_where_no_other_setting_does(tmp_path, currency, kept):
    study = mailer(tmp_path, OPENED + OPENED[:2], currency)  # to the end of March 2026
    answer = " ".join(season.season(study).answer)
    assert ("hard to compare" in answer, "if your customers observe" in answer) == (kept, not kept)


def test_months_with_the_same_holidays_are_not_spoken_of(tmp_path):
    answer = " ".join(season.season(mailer(tmp_path, OPENED[:9])).answer)
    assert "Ramadan" not in answer
    assert "Eid" not in answer


def test_a_last_month_unlike_the_others_is_told_in_trend_section_and_summary(tmp_path):
    study = mailer(tmp_path, (*OPENED[:11], 500))
    told = "Open rate was 50.0% in December 2025, unlike in the other 11 months (29.0% to 31.0%)."
    assert anomalies(results(study)).by_metric["open_rate"].place == 11
    assert told in season.season(study).answer
    assert UNLIKE in summary.changes(study).answer
    assert engagement.trend(study, "open_rate").answer[0].endswith(told)
    assert engagement.channel(study, "mailing").answer[0].endswith(told)
    assert results(study).directions["open_rate"] == "higher"


def test_an_earlier_month_is_told_with_its_holidays_and_not_on_the_first_screen(tmp_path):
    study = mailer(tmp_path, (*OPENED[:3], 900, *OPENED[4:12]))
    (told,) = (line for line in season.season(study).answer if "unlike in the other" in line)
    assert told.startswith("Open rate was 90.0% in April 2025")
    assert told.endswith("Eid al-Fitr fell in that month.")  # its second day, 1 April 2025
    assert UNLIKE not in summary.changes(study).answer


def test_a_new_level_is_told(tmp_path):
    study = mailer(tmp_path, (*OPENED[:8], 410, 395, 405, 401))
    told = "Open rate has been higher since September 2025: a median of 40.3% a month, before that 30.3%."
    assert told in season.season(study).answer
    assert UNLIKE in summary.changes(study).answer


def test_where_nothing_stands_out_the_section_says_so_and_the_summary_nothing(tmp_path):
    study = mailer(tmp_path, OPENED[:12])
    assert "None of the 3 numbers with at least 8 months" in " ".join(season.season(study).answer)
    assert anomalies(results(study)).by_metric == {}
    assert UNLIKE not in summary.changes(study).answer
    assert "unlike" not in engagement.trend(study, "open_rate").answer[0]


def test_a_score_whose_months_share_their_days_is_not_tested(sample_results):
    called = anomalies(results(sample_results["ecommerce"].study))
    assert called.tested > 5
    assert all(METRICS[name].table not in ("scores", "base") for name in called.by_metric)


@pytest.mark.parametrize(
    ("as_of", "period", "back"),
    [
        ("2026-10-26", "week", pd.DateOffset(weeks=52)),
        pytest.param("2026-10-01", "quarter", pd.DateOffset(years=1), marks=pytest.mark.soak),
    ],
)
def test_weeks_and_quarters_have_a_year_before_too(sample_folders, as_of, period, back):
    study = Study(sample_folders["ecommerce"], as_of, period)
    row = season.season(study).table.set_index("metric").loc["order_value"]
    values = study.measure("order_value", every=period).set_index("period")["value"]
    assert row["year_before"] == pytest.approx(values[row["period"] - back])
    assert row["difference"] == pytest.approx(row["value"] - row["year_before"])
