"""The eleven contracts, as DESIGN.md section 4 lists them, and what each of their rules refuses."""

import datetime as dt

import polars as pl
import pytest

from engagekit import Language
from engagekit.data.scales import SCALES
from engagekit.data.tables import TABLES, TYPES, column_type, event_time, required_columns

COLUMNS = {  # required ones before the bar
    "interactions": "customer_id time channel action | value order_id product quantity duration_s page session_id "
    "campaign sentiment event_id",
    "customers": "customer_id | joined_at cancelled_at cancel_reason plan birthday referred_by loyalty_member "
    "opted_out",
    "subscriptions": "customer_id starts_at monthly_value | ends_at plan subscription_id",
    "surveys": "kind score answered_at | customer_id sent_at comment about answer_id",
    "posts": "posted_at platform | reach impressions followers likes comments shares saves clicks replies_due replied "
    "campaign text post_id",
    "mentions": "time channel text | sentiment customer_id replied_at",
    "mailings": "sent_at campaign sent delivered | opens machine_opens clicks conversions unsubscribes complaints "
    "mailing_id",
    "attendance": "held_at event registered attended | invited interactions",
    "tickets": "ticket_id opened_at | customer_id first_human_reply_at solved_at work_minutes reopened reopened_at "
    "reason channel agent score scored_at text",
    "campaigns": "campaign channel starts_at ends_at spend | hours reached leads conversions revenue",
    "assignments": "experiment customer_id arm assigned_at | converted value before",
}
KEYS = {  # what names a row, and what does without that
    "interactions": ("event_id", ()),
    "customers": ("customer_id", ()),
    "subscriptions": ("subscription_id", ("customer_id", "starts_at", "plan")),
    "surveys": ("answer_id", ()),
    "posts": ("post_id", ()),
    "mentions": ("", ()),
    "mailings": ("mailing_id", ()),
    "attendance": ("", ()),
    "tickets": ("ticket_id", ()),
    "campaigns": ("", ("campaign", "channel", "starts_at", "ends_at")),
    "assignments": ("", ()),
}
STATES = {"customers", "subscriptions", "tickets", "campaigns"}
TIME = {
    "interactions": "time",
    "customers": "joined_at",
    "subscriptions": "starts_at",
    "surveys": "answered_at",
    "posts": "posted_at",
    "mentions": "time",
    "mailings": "sent_at",
    "attendance": "held_at",
    "tickets": "opened_at",
    "campaigns": "starts_at",
    "assignments": "assigned_at",
}
NOON = dt.datetime(2026, 3, 1, 12)
BEFORE, AFTER = NOON - dt.timedelta(microseconds=1), NOON + dt.timedelta(days=1)
SOME = {
    "id": "a",
    "label": "a",
    "text": "a",
    "time": NOON,
    "day": NOON.date(),
    "number": 3.0,
    "count": 3,
    "flag": True,
    "tally": 3,
}
CORRECT = {"surveys": {"kind": "effort"}, "interactions": {"sentiment": 0.5}, "mentions": {"sentiment": 0.5}}


def names(table):
    required, optional = COLUMNS[table].split(" | ")
    return required.split(), optional.split()


def row(table, **cells):
    """One row that keeps the contract, but for the cells given."""
    some = {name: SOME[column_type(table, name)] for name in TABLES[table].columns}
    return some | CORRECT.get(table, {}) | cells


def broken(table, *rows):
    """Column, rule and row of what a table's contract refuses."""
    types = {name: TYPES[column_type(table, name)] or pl.Datetime("us") for name in TABLES[table].columns}
    faults = TABLES[table].faults(pl.DataFrame(rows, schema=types))
    return sorted(faults.select("column", "reason", "index").rows())


def test_there_are_eleven_tables():
    assert list(TABLES) == list(COLUMNS)
    assert len(TABLES) == 11


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_the_columns_of_the_design(table):
    required, optional = names(table)
    assert required_columns(table) == required
    assert set(TABLES[table].columns) == {*required, *optional}


@pytest.mark.parametrize("table", COLUMNS)
def test_a_row_is_named_by_the_key_of_the_design(table):
    contract = TABLES[table]
    assert (contract.key, contract.otherwise) == KEYS[table]
    assert contract.repeats == ("state" if table in STATES else "event")
    assert {name for name in (contract.key, *contract.otherwise) if name} <= contract.columns.keys()


def test_the_time_of_the_latest_state_is_a_time_where_there_are_states():
    assert {table for table in TABLES if column_type(table, "updated_at") == "time"} == STATES


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_has_a_type_and_a_meaning(table):
    for name, column in TABLES[table].columns.items():
        assert column_type(table, name) in TYPES
        assert column.description


@pytest.mark.parametrize("table", COLUMNS)
def test_a_row_is_dated_by(table):
    assert event_time(table) == TIME[table]


@pytest.mark.parametrize("table", COLUMNS)
def test_a_row_that_keeps_the_contract_is_taken(table):
    assert broken(table, row(table)) == []


@pytest.mark.parametrize("table", COLUMNS)
def test_optional_columns_may_be_blank_or_absent(table):
    required, optional = names(table)
    assert broken(table, row(table, **dict.fromkeys(optional))) == []
    frame = pl.DataFrame([row(table)]).select(required)
    assert TABLES[table].faults(frame).is_empty()


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table in COLUMNS for column in names(table)[0]],
)
def test_a_required_column_may_not_be_blank_but_for_an_unanswered_survey_and_an_unknown_value(table, column):
    nullable = {("surveys", "score"), ("surveys", "answered_at"), ("subscriptions", "monthly_value")}
    expected = [] if (table, column) in nullable else [(column, "missing", 1)]
    faults = broken(table, row(table), row(table, **{column: None}))
    assert [fault for fault in faults if fault[0] == column] == expected


def test_an_attribute_of_the_business_s_own_is_text():
    assert column_type("interactions", "branch") == "text"


TOO_LOW = [
    ("interactions", "duration_s"),
    ("subscriptions", "monthly_value"),
    *(
        ("posts", name)
        for name in ["reach", "impressions", "followers", "likes", "comments", "shares", "saves", "clicks"]
    ),
    *(("posts", name) for name in ["replies_due", "replied"]),
    *(
        ("mailings", name)
        for name in ["sent", "delivered", "opens", "machine_opens", "clicks", "conversions", "unsubscribes"]
    ),
    ("mailings", "complaints"),
    *(("attendance", name) for name in ["registered", "attended", "invited", "interactions"]),
    ("tickets", "work_minutes"),
    ("tickets", "reopened"),
    *(("campaigns", name) for name in ["spend", "hours", "reached", "leads", "conversions", "revenue"]),
]


@pytest.mark.parametrize(("table", "column"), TOO_LOW)
def test_what_cannot_be_below_zero_is_refused(table, column):
    assert (column, "out_of_range", 1) in broken(table, row(table), row(table, **{column: -1}))
    assert "out_of_range" not in {reason for _, reason, _ in broken(table, row(table, **{column: 0}))}


@pytest.mark.parametrize(
    ("table", "column"),
    [("interactions", "value"), ("interactions", "quantity"), ("assignments", "value")],
)
def test_refunds_may_be_below_zero(table, column):
    assert broken(table, row(table, **{column: -1.0})) == []


@pytest.mark.parametrize("table", ["interactions", "mentions"])
def test_sentiment_lies_between_minus_one_and_one(table):
    rows = [row(table, sentiment=value) for value in (-1.0, 1.0, -1.01, 1.01, None)]
    assert broken(table, *rows) == [("sentiment", "out_of_range", 2), ("sentiment", "out_of_range", 3)]


def test_satisfaction_with_a_ticket_lies_between_one_and_five():
    rows = [row("tickets", score=value) for value in (1.0, 5.0, 0.0, 5.5)]
    assert broken("tickets", *rows) == [("score", "out_of_range", 2), ("score", "out_of_range", 3)]


@pytest.mark.parametrize(
    ("table", "column", "other"),
    [
        ("mailings", "delivered", "sent"),
        ("mailings", "opens", "delivered"),
        ("mailings", "clicks", "delivered"),
        ("mailings", "conversions", "delivered"),
        ("mailings", "unsubscribes", "delivered"),
        ("mailings", "complaints", "delivered"),
        ("mailings", "machine_opens", "opens"),
        ("posts", "replied", "replies_due"),
    ],
)
def test_a_part_is_not_above_its_whole(table, column, other):
    reason = f"above_{other}"
    faults = broken(table, row(table), row(table, **{column: 4}), row(table, **{column: None}))
    assert [fault for fault in faults if fault[:2] == (column, reason)] == [(column, reason, 1)]


def test_clicks_may_be_above_opens_because_pictures_are_blocked():
    assert broken("mailings", row("mailings", opens=1, machine_opens=0, clicks=2)) == []


def test_more_may_attend_than_registered():
    assert broken("attendance", row("attendance", registered=1, attended=2)) == []


@pytest.mark.parametrize(
    ("table", "column", "other"),
    [
        ("customers", "cancelled_at", "joined_at"),
        ("subscriptions", "ends_at", "starts_at"),
        ("surveys", "answered_at", "sent_at"),
        ("tickets", "first_human_reply_at", "opened_at"),
        ("tickets", "solved_at", "opened_at"),
        ("tickets", "reopened_at", "opened_at"),
        ("tickets", "scored_at", "opened_at"),
        ("mentions", "replied_at", "time"),
        ("campaigns", "ends_at", "starts_at"),
    ],
)
def test_an_end_is_not_before_its_beginning(table, column, other):
    rows = [row(table, **{column: time}) for time in (BEFORE, NOON, AFTER)]
    assert broken(table, *rows) == [(column, f"before_{other}", 0)]


def test_an_answer_lies_on_the_scale_of_its_kind():
    on = [("nps", 0), ("nps", 10), ("csat", 1), ("csat", 5), ("effort", 1), ("effort", 7), ("review", 5), ("nps", None)]
    off = [("nps", 11), ("nps", -1), ("nps", 7.5), ("csat", 0), ("csat", 6), ("effort", 8), ("review", 6)]
    rows = [row("surveys", kind=kind, score=score) for kind, score in on + off]
    assert broken("surveys", *rows) == [("score", "off_scale", place) for place in range(len(on), len(rows))]


def test_the_scales_are_those_of_the_design():
    assert SCALES == {"nps": (0, 10), "csat": (1, 5), "effort": (1, 7), "review": (1, 5)}


def test_a_survey_of_another_kind_is_refused():
    assert broken("surveys", row("surveys", kind="ces")) == [("kind", "not_allowed", 0)]


def test_every_reason_has_words_in_every_language():
    reasons = {
        check.name for contract in TABLES.values() for column in contract.columns.values() for check in column.checks
    }
    reasons |= {f"not_{kind}" for kind in TYPES if kind not in {"id", "label", "text"}} | {"missing"}
    for code in ("id", "ms", "en"):
        for reason in reasons:
            assert Language(code).text(f"refused.{reason}")
