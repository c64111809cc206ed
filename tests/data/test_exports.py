"""Which tool wrote a file: real files are recognised, foreign ones are not, and what they become is right."""

import json
import re
import tomllib
from importlib import resources

import polars as pl
import pytest
from typer.testing import CliRunner

from engagekit import Study
from engagekit.cli import app
from engagekit.data.business import Business
from engagekit.data.exports import presets
from engagekit.data.tables import TABLES, required_columns
from engagekit.starter import recognised

FIXTURES = "connector_fixtures/fivetran_seeds"
REAL = {  # files and what they are
    f"{FIXTURES}/dbt_ga4_export/event_data.csv": "ga4_flat",
    f"{FIXTURES}/dbt_hubspot/contact_data.csv": "hubspot_contacts",
    f"{FIXTURES}/dbt_hubspot/deal_data.csv": "hubspot_deals",
    f"{FIXTURES}/dbt_hubspot/ticket_data.csv": "hubspot_tickets",
    f"{FIXTURES}/dbt_intercom/conversation_history_data.csv": "intercom_conversations",
    f"{FIXTURES}/dbt_mailchimp/campaign_recipient_activity.csv": "mailchimp_activity",
    f"{FIXTURES}/dbt_mailchimp/member.csv": "mailchimp_members",
    f"{FIXTURES}/dbt_qualtrics/survey_response.csv": "qualtrics_api",
    f"{FIXTURES}/dbt_salesforce/sf_opportunity_data.csv": "salesforce_opportunities",
    f"{FIXTURES}/dbt_shopify/shopify_customer_data.csv": "shopify_api_customers",
    f"{FIXTURES}/dbt_shopify/shopify_order_data.csv": "shopify_api_orders",
    f"{FIXTURES}/dbt_social_media_reporting/facebook_pages_lifetime_post_metrics_total_data.csv": "facebook_api",
    f"{FIXTURES}/dbt_social_media_reporting/linkedin_pages_share_statistic_data.csv": "linkedin_api",
    f"{FIXTURES}/dbt_social_media_reporting/organic_tweet_report.csv": "x_api",
    f"{FIXTURES}/dbt_zendesk/ticket_data.csv": "zendesk_api",
    "facebook_metrics/dataset_Facebook_original_headers_CR_lineends.csv": "facebook_insights",
    "qualtrics_sample/sample.csv": "qualtrics",
    "qualtrics_sample/sample_legacy.csv": "qualtrics_legacy",
    "surveymonkey_538/StarWars.csv": "surveymonkey",
}
WRITTEN = {  # headers as EXPORTS.md has them, in another order and other capitals
    "shopify_orders": (
        "Name,Email,Financial Status,Paid at,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem name,"
        "Refunded Amount,Source"
    ),
    "zendesk_tickets": (
        "Summation column,Id,Requester,Requester id,Requester email,Assignee,Tags,Status,Priority,Via,Ticket type,"
        "Created at,Updated at,Solved at,Satisfaction Score,Reopens,First reply time in minutes"
    ),
    "mailchimp_campaigns": (
        "Unsubscribes,Title,Subject,Send_Date,Total_Recipients,Successful_Deliveries,Unique_Opens,Total_Opens,"
        "Unique_Clicks,Abuse_Complaints"
    ),
    "klaviyo_campaigns": (
        "Campaign Name,Send Time,Total Recipients,Unique Placed Order,Revenue,Unique Opens,Unique Clicks,"
        "Unsubscribes,Spam Complaints,Successful Deliveries,Campaign ID"
    ),
    "ga4_events": "event_date,event_timestamp,event_name,user_id,user_pseudo_id,platform,stream_id",
    "segment": "messageId,type,event,anonymousId,userId,timestamp,properties.revenue,properties.path",
    "salesforce_cases": "Case Number,Status,Case Origin,Contact Name,Date/Time Opened,Date/Time Closed,Case Reason",
    "intercom_messages": (
        "message_id,message_body,message_created_at,conversation_id,conversation_state,conversation_created_at,"
        "conversation_first_response_at,conversation_closed_at"
    ),
    "zoho_desk": "TicketExtId,ContactExtId,Subject,Created Time,Closed Time,Status",
    "zoho_salesiq": "Thread ID,Initiated At,Brand,First Agent Attender,Last Agent Attender,Queue Duration",
    "meta_facebook": "Post ID,Page ID,Page name,Title,Publish time,Views,Reach,Reactions,Comments,Shares",
    "meta_instagram": "Post ID,Account ID,Account username,Publish time,Date,Views,Likes,Saves,Reach,Follows",
    "x_analytics": "Tweet id,Tweet permalink,Tweet text,time,impressions,engagements,retweets,replies,likes,url clicks",
}
FOREIGN = [
    "bank_marketing/bank-additional-full.csv.gz",
    "comcast_complaints/Comcast_telecom_complaints_data.csv",
    "cookie_cats/cookie_cats.csv",
    "helpdesk_events/bpi_13_incidents.csv",
    "hillstrom_email/hillstrom.csv",
    "indonlu_smsa/hoasa_valid.csv",
    "malay_sentiment/news-sentiment-data-v2.csv",
    "mlc_churn/mlc_churn.csv",
    "online_retail/online_retail.parquet",
    "online_shoppers/online_shoppers_intention.csv",
    "skytrax_reviews/lounge.csv",
    "telco_ibm/Telco-Customer-Churn.csv",
]


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_a_preset_names_our_columns_where_its_facts_are_from_and_what_to_know(preset):
    assert preset.title
    assert preset.source
    assert preset.note.endswith(".")
    for table, given in preset.tables:
        columns = given["columns"]
        asked = {"kind", "score"} if given.get("questions") else set()
        assert {*required_columns(table)} <= {*columns, *asked}, (preset.name, table)
        assert {*given.get("keep", {})} <= columns.keys()
        assert any(name in TABLES[table].columns for name in columns)


@pytest.mark.parametrize(("file", "name"), REAL.items())
def test_real_files_and_fixtures_are_recognised(shared, file, name):
    found = recognised(shared(file.split("/")[0]) / file.partition("/")[2])
    assert found.match.preset.name == name
    assert found.runner_up is None or found.runner_up.score < found.match.score


@pytest.mark.parametrize(("name", "header"), WRITTEN.items())
def test_headers_that_tools_write_are_recognised(tmp_path, name, header):
    file = write(tmp_path / "a.csv", f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    found = recognised(file)
    assert found.match.preset.name == name
    assert not any(part.missing for part in found.parts)


@pytest.mark.parametrize("file", FOREIGN)
def test_foreign_files_are_not_recognised_as_anything(shared, file):
    assert recognised(shared(file.split("/")[0]) / file.partition("/")[2]).match is None


def test_of_a_file_that_may_be_anything_all_tables_are_offered(tmp_path):
    file = write(tmp_path / "a.csv", 'Who,When,"How\nmany"\nAni,2026-01-05,2\n')
    result = call("init", tmp_path / "shop", "--from", file)
    text = (tmp_path / "shop" / "business.toml").read_text("utf-8")
    assert "not recognised" in result.output
    assert '# a.csv was not recognised. Its columns: ["Who", "When", "How\\nmany"]\n' in text
    assert all(f"# [tables.{table}]\n" in text for table in TABLES)
    assert Business.open(tmp_path / "shop").tables == {}


def test_a_starter_is_offered_as_questions(tmp_path):
    header = "No Transaksi,Tanggal,Jam,Pelanggan,Total,Nama Produk"
    file = write(tmp_path / "kasir.csv", f"{header}\n1,2026-01-05,09.30,Ani,5000,Kopi\n")
    result = call("init", tmp_path / "kedai", "--from", file, "--language", "id")
    text = (tmp_path / "kedai" / "business.toml").read_text("utf-8")
    assert "interactions?" in result.output
    assert "# [tables.interactions]" in text
    assert Business.open(tmp_path / "kedai").tables == {}
    head, section = text.split("take out the # before each line:\n")
    write(tmp_path / "kedai" / "business.toml", head + "\n" + re.sub("(?m)^# ", "", section))
    row = Business.open(tmp_path / "kedai").reading("interactions").frame.row(0, named=True)
    assert (row["customer_id"], f"{row['time']:%H:%M}", row["value"], row["product"]) == ("Ani", "09:30", 5000, "Kopi")


def test_zendesk_as_csv_becomes_tickets(tmp_path):
    header = "Id,Requester,Requester id,Created at,Solved at,Satisfaction Score,Reopens,Ticket type,Via,Assignee,"
    rows = [
        "1,Ani,7,2026-01-05 09:00:00,2026-01-05 15:00:00,Good,2,Incident,Mail,Budi,30",
        "2,Ani,7,2026-01-06 09:00:00,1900-01-01 00:00:00,Offered,0,-,Chat,Budi,",
    ]
    file = write(tmp_path / "t.csv", "\n".join([header + "First reply time in minutes", *rows]) + "\n")
    call("init", tmp_path / "desk", "--from", file)
    reading = Business.open(tmp_path / "desk").reading("tickets").check()
    first, second = reading.frame.iter_rows(named=True)
    assert (first["score"], first["reopened"], f"{first['first_human_reply_at']:%H:%M}") == (5, 2, "09:30")
    assert (second["score"], second["solved_at"], second["first_human_reply_at"]) == (None, None, None)
    assert reading.amended.height == 0


def test_zendesk_as_json_becomes_tickets(tmp_path):
    tickets = [
        {
            "id": 35436,
            "created_at": "2026-01-05T02:00:00Z",
            "updated_at": "2026-01-06T02:00:00Z",
            "status": "solved",
            "requester_id": 20978392,
            "submitter_id": 1,
            "assignee_id": 235323,
            "tags": ["a", "b"],
            "via": {"channel": "web", "source": {}},
            "satisfaction_rating": {"score": "good", "comment": "Great"},
        }
    ]
    file = write(tmp_path / "tickets.json", json.dumps({"count": 1, "tickets": tickets}))
    call("init", tmp_path / "desk", "--from", file)
    row = Business.open(tmp_path / "desk").reading("tickets").check().frame.row(0, named=True)
    assert (row["ticket_id"], row["customer_id"], row["channel"], row["score"]) == ("35436", "20978392", "web", 5)


GA4 = [
    {
        "event_date": "20260131",
        "event_timestamp": 1769878500000000,
        "event_name": name,
        "user_id": user,
        "user_pseudo_id": "111.1",
        "event_params": [
            {"key": "ga_session_id", "value": {"string_value": None, "int_value": 5, "double_value": None}},
            {"key": "page_location", "value": {"string_value": "/a", "int_value": None, "double_value": None}},
            {"key": "engagement_time_msec", "value": {"string_value": None, "int_value": 1500, "double_value": None}},
        ],
        "device": {"category": "mobile"},
        "ecommerce": {"purchase_revenue": revenue, "transaction_id": "T1" if revenue else None},
    }
    for name, user, revenue in (("page_view", None, None), ("purchase", "u7", 12.5))
]


@pytest.mark.parametrize("ending", ["json", "jsonl", "parquet", "csv"])
def test_nested_events_of_google_analytics_become_interactions(tmp_path, ending):
    file = tmp_path / f"events.{ending}"
    if ending == "json":
        file.write_text(json.dumps(GA4))
    elif ending == "jsonl":
        file.write_text("\n".join(map(json.dumps, GA4)))
    elif ending == "parquet":
        pl.from_dicts(GA4).write_parquet(file)
    else:
        nested = ("event_params", "device", "ecommerce")
        rows = [{key: json.dumps(row[key], indent=1) if key in nested else row[key] for key in row} for row in GA4]
        pl.from_dicts(rows).write_csv(file)
    call("init", tmp_path / "site", "--from", file)
    rows = Business.open(tmp_path / "site").reading("interactions").check().frame.to_dicts()
    assert [(row["customer_id"], row["action"], row["value"]) for row in rows] == [
        ("111.1", "view", None),
        ("u7", "purchase", 12.5),
    ]
    assert {(row["page"], row["session_id"], row["duration_s"], row["device"]) for row in rows} == {
        ("/a", "111.1 5", 1.5, "mobile")
    }
    assert rows[0]["time"].isoformat() == "2026-01-31T16:55:00+00:00"


def test_calls_of_segment_become_interactions_and_customers(tmp_path):
    common = {"anonymousId": "x1", "timestamp": "2026-01-05T03:00:00Z"}
    order = {"type": "track", "event": "Order Completed", "userId": "u", "properties": {"revenue": 9}}
    who = {"type": "identify", "userId": "u", "traits": {"plan": "pro", "createdAt": "2025-01-01"}}
    calls = [{"type": "page", "properties": {"path": "/a"}}, order, who]
    calls = [common | {"messageId": str(number)} | each for number, each in enumerate(calls)]
    file = write(tmp_path / "calls.jsonl", "\n".join(map(json.dumps, calls)))
    call("init", tmp_path / "site", "--from", file)
    business = Business.open(tmp_path / "site")
    rows = business.reading("interactions").check().frame.to_dicts()
    did = [(row["customer_id"], row["action"], row["value"]) for row in rows]
    assert did == [("x1", "view", None), ("u", "purchase", 9)]
    assert business.reading("customers").frame.select("customer_id", "plan").rows() == [("u", "pro")]


@pytest.mark.parametrize("rows", [2, 3])
def test_questions_of_a_survey_are_told_by_words_and_answers(tmp_path, rows):
    if rows == 3:
        lines = [
            "StartDate,EndDate,Status,Finished,RecordedDate,ResponseId,DistributionChannel,Q1,Q2,Q3",
            "Start,End,Status,Finished,Recorded,Response,Channel,How likely to recommend us?,How satisfied?,Why?",
            ",".join('"{""ImportId"":""x""}"' for _ in range(10)),
        ]
        cells = "2026-01-0{n} 09:00:00,2026-01-0{n} 09:05:00,0,1,2026-01-0{n} 09:05:00,R{n},email,{nps},{csat},ok"
    else:
        lines = [
            "Respondent ID,Collector ID,Start Date,End Date,How likely to recommend us?,How satisfied are you?,",
            ",,,,Response,Response,Other",
        ]
        cells = "R{n},1,2026-01-0{n} 09:00:00,2026-01-0{n} 09:05:00,{nps},{csat},"
    lines += [cells.format(n=n, nps=10 - n, csat=1 + n % 5) for n in range(1, 7)]
    file = write(tmp_path / "survey.csv", "\n".join(lines) + "\n")
    call("init", tmp_path / "shop", "--from", file)
    frame = Business.open(tmp_path / "shop").reading("surveys").check().frame
    assert frame.group_by("kind").agg(pl.col("score").sum()).sort("kind").rows() == [("csat", 17), ("nps", 39)]


def test_a_mailchimp_report_comes_out_to_the_digit(tmp_path):
    header = "Title,Subject,Send Date,Total Recipients,Successful Deliveries,Unique Opens,Open Rate,Unique Clicks,"
    rows = [
        'Hi,S,"Jan 05, 2026 09:30 am",120,100,40,40,5,1,0',
        'Ho,S,"Jan 12, 2026 09:30 am","1,200",1000,300,30,50,2,0',
    ]
    file = write(tmp_path / "m.csv", "\n".join([header + "Unsubscribes,Abuse Complaints", *rows]) + "\n")
    call("init", tmp_path / "mail", "--from", file)
    study = Study(tmp_path / "mail", "2026-02-01")
    (row,) = study.measure("open_rate").to_dict("records")
    assert (row["numerator"], row["denominator"]) == (340, 1100)


def test_files_of_several_months_are_one_table_and_all_columns_are_told(tmp_path):
    header = WRITTEN["x_analytics"]
    files = [
        write(tmp_path / f"{month}.csv", f"{header}\n{month},l,t,2026-0{month}-05 18:42 +0000,1000,10,1,2,3,-\n")
        for month in (1, 2)
    ]
    result = call("init", tmp_path / "x", "--from", *files)
    settings = tomllib.loads((tmp_path / "x" / "business.toml").read_text("utf-8"))
    assert settings["tables"]["posts"]["file"] == ["data/1.csv", "data/2.csv"]
    assert "Tweet permalink, engagements" in re.sub(r"\s+", " ", result.output)
    frame = Business.open(tmp_path / "x").reading("posts").check().frame
    assert frame.select("impressions", "shares", "clicks").rows() == [(1000, 1, None), (1000, 1, None)]


@pytest.mark.soak
def test_two_commands_reach_a_report_from_the_orders_of_a_shop(tmp_path):
    lines = [WRITTEN["shopify_orders"]]
    for n in range(400):
        at = f"2026-{1 + n % 6:02}-{1 + n % 28:02} 10:00:00 +0700"
        lines.append(f"#{n},c{n % 60}@x.id,paid,{at},IDR,50000,50000,{at},1,Mug,0,web")
        lines.append(f"#{n},c{n % 60}@x.id,,,,,,{at},1,Tea,,")
    file = write(tmp_path / "orders.csv", "\n".join(lines) + "\n")
    made = call("init", tmp_path / "shop", "--from", file, "--language", "id")
    assert made.exit_code == 0, made.output
    reported = call("report", tmp_path / "shop", "--out", tmp_path / "reports")
    assert reported.exit_code == 0, reported.output
    metrics = json.loads((tmp_path / "reports" / "shop" / "engagement" / "metrics.json").read_text("utf-8"))
    found = {row["metric"]: row for row in metrics["metrics"] if row["period"] == "all"}
    complete = sum(n % 6 < 5 for n in range(400))  # the sixth month has days to come
    assert (found["order_value"]["value"], found["order_value"]["denominator"]) == (50_000, complete)


def test_the_names_that_columns_are_commonly_given_are_of_columns_that_there_are():
    names = tomllib.loads(resources.files("engagekit.data").joinpath("presets", "names.toml").read_text("utf-8"))
    for table, columns in names.items():
        known = TABLES[table].columns if table != "any" else {c for each in TABLES.values() for c in each.columns}
        assert set(columns) <= set(known)
