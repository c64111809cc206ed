import re

import pytest
from pages import shown

from engagekit.errors import DataError
from engagekit.metrics.catalog import CHANNELS
from engagekit.reports import engagement, method, score, summary
from engagekit.reports.results import results
from engagekit.study import Study

HOSTILE = "<script>alert(1)</script> {{7*7}} {business} %s $x_1^$"
TOML = """
name = '''{name}'''
kind = "ecommerce"
language = "en"
currency = "GBP"
time_zone = "Europe/London"
{tables}
"""
PARTS = (
    engagement.numbers,
    score.score,
    score.on_trial,
    score.fallen,
    score.audit,
    engagement.cohorts,
    method.data_read,
    method.method,
)


def bare(tmp_path, tables="", **files):
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
        tables += f'[tables.{name}]\nfile = "{name}.csv"\n'
    (tmp_path / "business.toml").write_text(TOML.format(name=HOSTILE, tables=tables))
    return results(Study(tmp_path, "2026-03-01"))


@pytest.fixture(scope="module")
def found(sample_results):
    return sample_results


def first_screen(found):
    parts = (summary.judgement, summary.changes, summary.to_do, summary.headline)
    return "".join(shown(part, found) for part in parts)


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_every_section_of_a_sample_has_its_heading_and_no_loose_ends(found, kind):
    for part in PARTS:
        html = shown(part, found[kind])
        assert html.startswith("<h2")
        assert "nan" not in words(html).lower().split()
        assert "{" not in words(html)


def test_there_is_a_section_for_every_channel_that_has_data(found):
    assert set(found["saas"].channels) == set(CHANNELS)
    for name in CHANNELS:
        html = shown(engagement.channel, found["saas"], name)
        assert html.count("<figure") >= 1
        assert html.count("<table") >= 1


def test_a_trend_has_a_sentence_computed_from_the_estimate(found):
    period, new, _ = found["subscription"].current("net_promoter_score")
    assert f"Net Promoter Score (NPS), {period:%B %Y}: {new.value:.1f}, between" in words(
        shown(engagement.channel, found["subscription"], "survey")
    )


def test_a_caution_stands_under_the_metric_it_is_about(found):
    told = words(shown(engagement.channel, found["subscription"], "mailing"))
    assert re.search(r"Open rate\b[\w\s;-]*: Opens are overstated: some mail apps load images automatically", told)


def test_a_table_says_what_its_numbers_are_from(found):
    for kind, head, unit in (("ecommerce", "Berdasarkan", "jawaban"), ("saas", "Berdasarkan", "jawapan")):
        html = shown(engagement.channel, found[kind], "survey")
        assert f">{head}<" in html
        assert re.search(rf"<td>[\d.,]+ {unit}</td>", html)


def test_few_people_are_not_counted_out_in_a_table(tmp_path):
    joined = "\n".join(f"c{who},2026-02-03,{'c0' if who == 1 else ''}" for who in range(3))
    found = bare(tmp_path, customers=f"customer_id,joined_at,referred_by\n{joined}\n")
    assert "fewer than 5 customers" in words(shown(engagement.channel, found, "loyalty"))


def test_of_a_month_of_few_people_neither_value_nor_change_is_told(tmp_path):
    """All of 400 came through somebody in January, none of 4 in February: the fall would tell of the four."""
    rows = [f"a{who},2026-01-03,a0" for who in range(400)] + [f"c{who},2026-02-03," for who in range(4)]
    found = bare(tmp_path, customers="\n".join(["customer_id,joined_at,referred_by", *rows]))
    _, new, old = found.current("referral_rate")
    assert (new.units, old.units) == (4, 400)
    assert found.directions["referral_rate"] == "unknown"
    assert found.series("referral_rate")["value"].isna().tolist()[-1]
    row = words(shown(engagement.channel, found, "loyalty"))
    assert "fewer than 5 customers" in row
    assert "lower" not in row


def test_where_one_person_gave_most_answers_each_person_counts_once_beside_it(tmp_path):
    """Of 16 answers 10 are of one promoter; of six others one promotes and five do not: 2 less 5 of 7."""
    answers = [("a", 10)] * 10 + [("b", 10), *((name, 3) for name in "cdefg")]
    rows = [f"nps,{score},2026-02-{day:02},{who}" for day, (who, score) in enumerate(answers, 1)]
    found = bare(tmp_path, surveys="\n".join(["kind,score,answered_at,customer_id", *rows]))
    assert "With each person counted once it is −42.9." in words(shown(engagement.channel, found, "survey"))


TICKETS = "ticket_id,opened_at,solved_at,reopened"


def reopened(tmp_path, times, head=f"{TICKETS},reopened_at"):
    """Twenty solved tickets in each of January and February 2026, of which those named are reopened."""
    tickets = [(f"{month}-{day}", f"2026-0{month}-{day:02}") for month in (1, 2) for day in range(1, 21)]
    rows = [f"{name},{at},{at},{int(name in times)},{times.get(name, '')}" for name, at in tickets]
    if "reopened_at" not in head:
        rows = [row.rsplit(",", 1)[0] for row in rows]
    return bare(tmp_path, tickets="\n".join([head, *rows]))


def test_what_matures_late_is_compared_at_equal_age(tmp_path):
    """Two of January were reopened by 1 February and four more by 1 March, as were three of February: 2 to 3 of 20."""
    times = {
        "2026-01-09": ["1-1", "1-2"],
        "2026-02-10": ["1-5", "1-6", "1-7", "1-8"],
        "2026-02-20": ["2-1", "2-2", "2-3"],
    }
    found = reopened(tmp_path, {ticket: time for time, tickets in times.items() for ticket in tickets})
    month, new, old = found.current("reopen_rate")
    assert (month.month, new.value, old.value) == (2, 0.15, 0.1)
    assert found.series("reopen_rate")["value"].tolist() == [0.3, 0.15]
    assert "unripe" in new.warning
    told = words(shown(engagement.channel, found, "support"))
    assert "The month before is taken as it stood a month earlier" in told


def test_without_a_time_the_newest_month_is_not_compared(tmp_path):
    """January was over 28 days before 1 March, and reopenings come in for 30."""
    found = reopened(tmp_path, {"1-1": "", "2-1": ""}, TICKETS)
    month, new, old = found.current("reopen_rate")
    assert (month, old.reason) == (None, "no_rows")
    assert new.reason == "unripe"
    assert found.ripening("reopen_rate") == "older"
    told = words(shown(engagement.channel, found, "support"))
    assert "what follows within 30 days is not all in yet for the newest months" in told
    assert found.directions["reopen_rate"] == "unknown"


def test_a_refund_that_came_later_is_not_counted_against_the_month_before_alone(tmp_path):
    """Of ten orders a month one is refunded in the month and, of January's, another one in February."""
    rows = [f"c{day},2026-0{month}-{day:02},shop,purchase,10,{month}-{day}" for month in (1, 2) for day in range(1, 11)]
    rows += ["c1,2026-01-20,shop,refund,10,1-1", "c2,2026-02-20,shop,refund,10,1-2", "c1,2026-02-21,shop,refund,10,2-1"]
    head = "customer_id,time,channel,action,value,order_id"
    found = bare(tmp_path, interactions="\n".join([head, *rows]))
    _, new, old = found.current("refund_rate")
    assert (new.value, old.value) == (0.1, 0.1)
    assert found.series("refund_rate")["value"].tolist() == [0.2, 0.1]  # of the orders of a month
    assert found.series("cash_refund_rate")["value"].tolist() == [0.1, 0.2]  # paid back in a month


@pytest.mark.parametrize(("posts", "drawn"), [(8, "Engagement rate by reach"), (3, "Reactions")])
def test_a_channel_draws_the_first_metric_that_rests_on_more_than_a_few_units(tmp_path, posts, drawn):
    rows = [f"2026-0{month}-{day:02},a,{90 + day},{day}" for month in (1, 2) for day in range(1, posts + 1)]
    found = bare(tmp_path, posts="\n".join(["posted_at,platform,reach,likes", *rows]))
    assert ("few_units" in found.current("reach_engagement_rate")[1].warning) == (posts == 3)
    (title,) = re.findall(r'<p class="title">(.*?)</p>', shown(engagement.channel, found, "social"))
    assert title.split(":")[0] == drawn


def test_where_every_rate_rests_on_a_few_units_a_total_is_drawn(tmp_path):
    rows = "\n".join(
        f"2026-0{month}-0{day},2026-0{month}-09,c,ads,{day**2}00,{day}" for month in (1, 2) for day in (1, 2, 3)
    )
    found = bare(tmp_path, campaigns=f"starts_at,ends_at,campaign,channel,spend,leads\n{rows}\n")
    assert "few_units" in found.current("cost_per_lead")[1].warning
    (title,) = re.findall(r'<p class="title">(.*?)</p>', shown(engagement.channel, found, "campaigns"))
    assert title.split(":")[0] == "Leads"


def test_what_the_metrics_mean_is_folded_by_channel(found):
    html = shown(method.method, found["saas"])
    summaries = re.findall(r"<h3>(.*?)</h3>", html)
    text = found["saas"].language.text
    assert summaries == [text(f"channel.{name}") for name in found["saas"].channels]
    assert html.count("<table") == len(summaries)


def test_what_was_left_out_and_refused_is_counted(found):
    text = words(shown(method.data_read, found["subscription"]))
    assert "left out because of the rule keep reach &gt; 0" in text
    assert "is not an allowed value" in text


def test_cells_that_count_as_blank_are_counted_with_their_reason(tmp_path):
    found = bare(tmp_path, surveys="kind,score,answered_at\nnps,9,2026-02-05\nnps,99,2026-02-06\nnps,3,2026-02-07\n")
    text = words(shown(method.data_read, found))
    assert "score is not on the scale of this survey; the cell counts as blank 1 3" in text
    (table,) = found.as_dict()["tables"]
    assert table["amended"] == [{"column": "score", "reason": "off_scale", "rows": 1, "first_row": 3}]
    assert (table["kept"], table["refused"]) == (3, [])


def test_a_business_with_one_table_says_what_is_missing(tmp_path):
    found = bare(tmp_path, mailings="sent_at,campaign,sent,delivered,opens\n2026-02-03,a,100,90,9\n")
    assert "There is no engagement score yet" in words(shown(score.score, found))
    assert "Too few customers" in words(shown(engagement.cohorts, found))
    assert "Not provided, and so not in this report: interactions, customers" in words(shown(method.data_read, found))
    assert "No targets are set" in words(shown(engagement.numbers, found))
    assert "<figure" not in shown(engagement.channel, found, "mailing")


def test_a_business_without_a_row_is_told_so(tmp_path):
    with pytest.raises(DataError, match="no table has a row before 2026-03-01"):
        bare(tmp_path, interactions="customer_id,time,channel,action\n", surveys="kind,score,answered_at\n")


def test_fewer_than_five_people_are_not_broken_out(tmp_path):
    settings = "[score.components]\ninteractions = {weight = 1, low = 0, high = 10}\n"
    lines = [f"c{who},2026-02-{day:02d},web,view" for who in range(6) for day in range(1, 10 if who == 0 else 2)]
    early = "c0,2025-05-01,web,view"
    found = bare(tmp_path, settings, interactions="\n".join(["customer_id,time,channel,action", early, *lines]))
    assert found.scores["segment"].value_counts().to_dict(as_series=False)["count"].count(1) == 1
    text = words(shown(score.score, found) + first_screen(found) + shown(engagement.numbers, found))
    text = text.replace(words(shown(score.audit, found)).strip(), "")  # which names segments without their numbers
    assert "fewer than five customers, so the segments are not shown separately" in text
    assert "Advocates" not in text
    assert "17%" not in text


def test_a_feature_that_is_not_recorded_is_named(tmp_path):
    bounds = "{weight = 1, low = 0, high = 10}"
    settings = f"[score.components]\ninteractions = {bounds}\nduration_s = {bounds}\n"
    rows = "\n".join(f"c{who},2026-02-03,web,view" for who in range(6))
    found = bare(tmp_path, settings, interactions=f"customer_id,time,channel,action\n{rows}\n")
    told = words(shown(score.score, found))
    assert "Not recorded: Time spent (seconds). Their weight is shared among the other components." in told


def test_one_mailing_against_one_is_no_change(tmp_path):
    rows = "2026-01-03,a,1000,1000,50\n2026-02-03,b,1000,1000,90"
    found = bare(tmp_path, mailings=f"sent_at,campaign,sent,delivered,clicks\n{rows}\n")
    assert "There is no month before to compare with" in words(first_screen(found))
    assert "The units do not differ from each other" in words(shown(engagement.channel, found, "mailing"))


def test_hostile_text_is_text(tmp_path):
    rows = "\n".join(f'2026-0{month}-03,"{HOSTILE} {month}",100,90,9,1' for month in (1, 2))
    found = bare(tmp_path, mailings=f"sent_at,campaign,sent,delivered,opens,clicks\n{rows}\n")
    html = shown(engagement.channel, found, "mailing") + first_screen(found)
    assert "<script" not in html
    assert "{{7*7}}" in html
    assert "{business}" in html
