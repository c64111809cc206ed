"""The table contracts: columns, types and rules of the eleven tables.

A column's type is one of ``TYPES``; its rules are pandera checks whose name is the reason a row is refused for,
a key of ``refused`` in the locales.
"""

import warnings
from typing import Any

import polars as pl

from engagekit.data.scales import SCALES

with warnings.catch_warnings():  # pandera imports PySpark where it is installed
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    import pandera.polars as pa

__all__ = ["TABLES", "TYPES", "column_type", "event_time", "required_columns"]

TYPES = {
    "id": pl.String,
    "label": pl.String,
    "text": pl.String,
    "time": None,  # Datetime in microseconds, in the business's time zone
    "day": pl.Date,
    "number": pl.Float64,
    "count": pl.Int64,
    "flag": pl.Boolean,
}


def _check(rule: Any, reason: str) -> pa.Check:
    return pa.Check(rule, name=reason, error=reason)


def _one_of(*values: str) -> pa.Check:
    return _check(lambda d: d.lazyframe.select(pl.col(d.key).is_in(list(values))), "not_allowed")


def _from(low: float, high: float = float("inf")) -> pa.Check:
    return _check(lambda d: d.lazyframe.select(pl.col(d.key).is_between(low, high)), "out_of_range")


def _not_above(column: str) -> pa.Check:
    return _compared(lambda own, other: own <= other, column, f"above_{column}")


def _not_before(column: str) -> pa.Check:
    return _compared(lambda own, other: own >= other, column, f"before_{column}")


def _compared(rule: Any, column: str, reason: str) -> pa.Check:
    def check(data: Any) -> Any:
        if column not in data.lazyframe.collect_schema():
            return data.lazyframe.select(pl.lit(True))
        return data.lazyframe.select(rule(pl.col(data.key), pl.col(column)))

    return _check(check, reason)


def _on_scale(data: Any) -> Any:
    score, kind = pl.col(data.key), pl.col("kind")
    on_scale = pl.lit(None, dtype=pl.Boolean)
    for name, (low, high) in SCALES.items():
        on_scale = pl.when(kind == name).then(score.is_between(low, high) & (score % 1 == 0)).otherwise(on_scale)
    return data.lazyframe.select(on_scale)


def _column(kind: str, meaning: str, *checks: pa.Check, required: bool, nullable: bool) -> pa.Column:
    return pa.Column(
        TYPES[kind],
        checks=list(checks),
        nullable=nullable,
        required=required,
        description=meaning,
        metadata={"type": kind},
    )


def _must(kind: str, meaning: str, *checks: pa.Check) -> pa.Column:
    return _column(kind, meaning, *checks, required=True, nullable=False)


def _blank(kind: str, meaning: str, *checks: pa.Check) -> pa.Column:
    return _column(kind, meaning, *checks, required=True, nullable=True)


def _may(kind: str, meaning: str, *checks: pa.Check) -> pa.Column:
    return _column(kind, meaning, *checks, required=False, nullable=True)


_COUNT = _from(0)

TABLES: dict[str, pa.DataFrameSchema] = {
    "interactions": pa.DataFrameSchema(
        {
            "customer_id": _must("id", "who"),
            "time": _must("time", "when"),
            "channel": _must("label", "where: web, app, store, email, whatsapp ..."),
            "action": _must("label", "what: view, purchase, refund, review, comment, share, login ..."),
            "value": _may("number", "money of the line, in the business's currency; a refund is negative"),
            "order_id": _may("id", "order that the line belongs to"),
            "product": _may("label", "what was bought or viewed"),
            "quantity": _may("number", "pieces"),
            "duration_s": _may("number", "seconds spent", _COUNT),
            "page": _may("label", "page or screen"),
            "session_id": _may("id", "visit, where the tool gives one"),
            "campaign": _may("label", "campaign that brought the customer"),
            "sentiment": _may("number", "-1 (negative) to 1 (positive)", _from(-1, 1)),
            "event_id": _may("id", "the event's own id"),
        }
    ),
    "customers": pa.DataFrameSchema(
        {
            "customer_id": _must("id", "who"),
            "joined_at": _must("time", "when they became a customer"),
            "cancelled_at": _may("time", "when they cancelled", _not_before("joined_at")),
            "plan": _may("label", "plan they are on"),
            "birthday": _may("day", "birthday"),
            "referred_by": _may("id", "customer who referred them"),
            "loyalty_member": _may("flag", "member of the loyalty programme"),
            "opted_out": _may("flag", "wants no messages"),
        }
    ),
    "subscriptions": pa.DataFrameSchema(
        {
            "customer_id": _must("id", "who"),
            "starts_at": _must("time", "start of the paid period"),
            "ends_at": _must("time", "its end, exclusive", _not_before("starts_at")),
            "monthly_value": _must("number", "money a month", _COUNT),
            "plan": _may("label", "plan"),
        }
    ),
    "surveys": pa.DataFrameSchema(
        {
            "kind": _must("label", "nps (0-10), csat (1-5), effort (1-7) or review (1-5)", _one_of(*SCALES)),
            "score": _blank("number", "answer, blank where there is none", _check(_on_scale, "off_scale")),
            "answered_at": _blank("time", "when it was answered", _not_before("sent_at")),
            "customer_id": _may("id", "who"),
            "sent_at": _may("time", "when they were asked"),
            "comment": _may("text", "their words"),
            "about": _may("label", "product, service or contact asked about"),
        }
    ),
    "posts": pa.DataFrameSchema(
        {
            "posted_at": _must("time", "when"),
            "platform": _must("label", "where"),
            "reach": _may("count", "unique people who saw it", _COUNT),
            "impressions": _may("count", "times it was seen", _COUNT),
            "followers": _may("count", "followers on the day", _COUNT),
            "likes": _may("count", "likes and other reactions", _COUNT),
            "comments": _may("count", "comments", _COUNT),
            "shares": _may("count", "shares", _COUNT),
            "saves": _may("count", "saves", _COUNT),
            "clicks": _may("count", "clicks", _COUNT),
            "campaign": _may("label", "campaign"),
            "text": _may("text", "its words"),
        }
    ),
    "mentions": pa.DataFrameSchema(
        {
            "time": _must("time", "when"),
            "channel": _must("label", "where"),
            "text": _must("text", "words"),
            "sentiment": _may("number", "-1 (negative) to 1 (positive)", _from(-1, 1)),
            "customer_id": _may("id", "who"),
        }
    ),
    "mailings": pa.DataFrameSchema(
        {
            "sent_at": _must("time", "when"),
            "campaign": _must("label", "campaign"),
            "sent": _must("count", "people it was sent to", _COUNT),
            "delivered": _must("count", "people it reached", _COUNT, _not_above("sent")),
            "opens": _may("count", "people who opened", _COUNT, _not_above("delivered")),
            "machine_opens": _may("count", "of those, opened by a machine", _COUNT, _not_above("opens")),
            "clicks": _may("count", "people who clicked", _COUNT, _not_above("delivered")),
            "conversions": _may("count", "people who converted", _COUNT, _not_above("delivered")),
            "unsubscribes": _may("count", "people who unsubscribed", _COUNT, _not_above("delivered")),
            "complaints": _may("count", "people who complained of spam", _COUNT, _not_above("delivered")),
        }
    ),
    "attendance": pa.DataFrameSchema(
        {
            "held_at": _must("time", "when"),
            "event": _must("label", "event"),
            "registered": _must("count", "people who registered", _COUNT),
            "attended": _must("count", "people who came", _COUNT),
            "invited": _may("count", "people invited", _COUNT),
            "interactions": _may("count", "polls, questions, comments", _COUNT),
        }
    ),
    "tickets": pa.DataFrameSchema(
        {
            "ticket_id": _must("id", "ticket"),
            "opened_at": _must("time", "when"),
            "customer_id": _may("id", "who"),
            "first_human_reply_at": _may("time", "first reply by a person", _not_before("opened_at")),
            "solved_at": _may("time", "when it was solved", _not_before("opened_at")),
            "work_minutes": _may("number", "minutes worked on it", _COUNT),
            "reopened": _may("flag", "opened again after it was solved"),
            "reason": _may("label", "what it was about"),
            "channel": _may("label", "where it came in"),
            "score": _may("number", "satisfaction with it, 1-5", _from(1, 5)),
            "text": _may("text", "the customer's words"),
        }
    ),
    "campaigns": pa.DataFrameSchema(
        {
            "campaign": _must("label", "campaign"),
            "channel": _must("label", "channel"),
            "starts_at": _must("time", "start of the period"),
            "ends_at": _must("time", "its end, exclusive", _not_before("starts_at")),
            "spend": _must("number", "money spent", _COUNT),
            "hours": _may("number", "hours worked", _COUNT),
            "reached": _may("count", "people reached", _COUNT),
            "leads": _may("count", "leads", _COUNT),
            "conversions": _may("count", "conversions", _COUNT),
            "revenue": _may("number", "money that came of it", _COUNT),
        }
    ),
    "assignments": pa.DataFrameSchema(
        {
            "experiment": _must("label", "experiment"),
            "customer_id": _must("id", "who"),
            "arm": _must("label", "arm"),
            "assigned_at": _must("time", "when"),
            "converted": _may("flag", "did what was hoped for"),
            "value": _may("number", "money"),
            "before": _may("number", "the same measure before the test"),
        }
    ),
}


def required_columns(table: str) -> list[str]:
    """Columns that a table cannot do without.

    Examples
    --------
    >>> required_columns("mailings")
    ['sent_at', 'campaign', 'sent', 'delivered']
    """
    return [name for name, column in TABLES[table].columns.items() if column.required]


def column_type(table: str, column: str) -> str:
    """Type of a table's column, a key of ``TYPES``; an attribute of the business's own is ``text``.

    Examples
    --------
    >>> column_type("surveys", "score"), column_type("surveys", "branch")
    ('number', 'text')
    """
    contract = TABLES[table].columns.get(column)
    return contract.metadata["type"] if contract is not None else "text"


def event_time(table: str) -> str:
    """Time column that dates a row of a table: the first required one.

    An answer of a survey is dated by ``answered_at``.

    Examples
    --------
    >>> event_time("mailings"), event_time("surveys")
    ('sent_at', 'answered_at')
    """
    return next(name for name in required_columns(table) if column_type(table, name) == "time")
