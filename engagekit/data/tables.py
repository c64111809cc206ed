"""The eleven tables: their columns, rules and keys.

Examples
--------
>>> len(TABLES), [name for name, column in TABLES["surveys"].columns.items() if column.required]
(11, ['kind', 'score', 'answered_at'])
"""

from engagekit.data.contracts import (
    TYPES,
    Table,
    blank,
    filled,
    not_above,
    not_before,
    on_scale,
    one_of,
    optional,
    required,
    within,
)
from engagekit.data.scales import SCALES

__all__ = ["MONEY", "TABLES", "TYPES", "UPDATED", "column_type", "costs_row", "event_time", "required_columns"]

UPDATED = "updated_at"  # attribute by which the latest of several states of a row is known
COUNT = within(0)
MONEY = {"value", "monthly_value", "spend", "revenue"}  # columns of money, in the business's currency

TABLES: dict[str, Table] = {
    "interactions": Table(
        {
            "customer_id": required("id", "who"),
            "time": required("time", "when"),
            "channel": required("label", "where: web, app, store, email, whatsapp ..."),
            "action": required("label", "what: view, purchase, refund, review, comment, share, login ..."),
            "value": optional("number", "money of the line, in the business's currency; a refund is negative"),
            "order_id": optional("id", "order that the line belongs to"),
            "product": optional("label", "what was bought or viewed"),
            "quantity": optional("number", "pieces"),
            "duration_s": optional("number", "seconds spent", COUNT),
            "page": optional("label", "page or screen"),
            "session_id": optional("id", "visit, where the tool gives one"),
            "campaign": optional("label", "campaign that brought the customer"),
            "sentiment": optional("number", "-1 (negative) to 1 (positive)", within(-1, 1)),
            "event_id": optional("id", "the event's own id"),
        },
        key="event_id",
    ),
    "customers": Table(
        {
            "customer_id": required("id", "who"),
            "joined_at": filled("time", "when they became a customer"),
            "cancelled_at": optional("time", "when they cancelled", not_before("joined_at")),
            "cancel_reason": optional("label", "why they cancelled"),
            "plan": optional("label", "plan they are on"),
            "birthday": optional("day", "birthday"),
            "referred_by": optional("id", "customer who referred them"),
            "loyalty_member": optional("flag", "member of the loyalty programme"),
            "opted_out": optional("flag", "wants no messages"),
        },
        key="customer_id",
        repeats="state",
    ),
    "subscriptions": Table(
        {
            "customer_id": required("id", "who"),
            "starts_at": required("time", "start of the paid period"),
            "ends_at": filled(
                "time", "its end, exclusive; blank while it runs", not_before("starts_at"), costs_row=True
            ),
            "monthly_value": blank("number", "money a month; blank where it is not known", COUNT),
            "plan": optional("label", "plan"),
            "subscription_id": optional("id", "the paid period's own id"),
        },
        key="subscription_id",
        otherwise=("customer_id", "starts_at", "plan"),
        repeats="state",
    ),
    "surveys": Table(
        {
            "kind": required("label", "nps (0-10), csat (1-5), effort (1-7) or review (1-5)", one_of(*SCALES)),
            "score": blank("number", "answer, blank where there is none", on_scale("kind")),
            "answered_at": blank("time", "when it was answered", not_before("sent_at")),
            "customer_id": optional("id", "who"),
            "sent_at": optional("time", "when they were asked"),
            "comment": optional("text", "their words"),
            "about": optional("label", "product, service or contact asked about"),
            "answer_id": optional("id", "the invitation's or answer's own id"),
        },
        key="answer_id",
    ),
    "posts": Table(
        {
            "posted_at": required("time", "when"),
            "platform": required("label", "where"),
            "reach": optional("count", "unique people who saw it", COUNT),
            "impressions": optional("count", "times it was seen", COUNT),
            "followers": optional("count", "followers on the day", COUNT),
            "likes": optional("count", "likes and other reactions", COUNT),
            "comments": optional("count", "comments", COUNT),
            "shares": optional("count", "shares", COUNT),
            "saves": optional("count", "saves", COUNT),
            "clicks": optional("count", "clicks", COUNT),
            "replies_due": optional("count", "comments that called for a reply", COUNT),
            "replied": optional("count", "of those, answered", COUNT, not_above("replies_due")),
            "campaign": optional("label", "campaign"),
            "text": optional("text", "its words"),
            "post_id": optional("id", "the post's own id"),
        },
        key="post_id",
    ),
    "mentions": Table(
        {
            "time": required("time", "when"),
            "channel": required("label", "where"),
            "text": required("text", "words"),
            "sentiment": optional("number", "-1 (negative) to 1 (positive)", within(-1, 1)),
            "customer_id": optional("id", "who"),
            "replied_at": optional("time", "when the business answered", not_before("time")),
        }
    ),
    "mailings": Table(
        {
            "sent_at": required("time", "when"),
            "campaign": required("label", "campaign"),
            "sent": required("count", "people it was sent to", COUNT),
            "delivered": required("count", "people it reached", COUNT, not_above("sent")),
            "opens": optional("count", "people who opened", COUNT, not_above("delivered")),
            "machine_opens": optional("count", "of those, opened by a machine", COUNT, not_above("opens")),
            "clicks": optional("count", "people who clicked", COUNT, not_above("delivered")),
            "conversions": optional("count", "people who converted", COUNT, not_above("delivered")),
            "unsubscribes": optional("count", "people who unsubscribed", COUNT, not_above("delivered")),
            "complaints": optional("count", "people who complained of spam", COUNT, not_above("delivered")),
            "mailing_id": optional("id", "the send's own id"),
        },
        key="mailing_id",
    ),
    "attendance": Table(
        {
            "held_at": required("time", "when"),
            "event": required("label", "event"),
            "registered": required("count", "people who registered", COUNT),
            "attended": required("count", "people who came", COUNT),
            "invited": optional("count", "people invited", COUNT),
            "interactions": optional("count", "polls, questions, comments", COUNT),
        }
    ),
    "tickets": Table(
        {
            "ticket_id": required("id", "ticket"),
            "opened_at": required("time", "when"),
            "customer_id": optional("id", "who"),
            "first_human_reply_at": optional("time", "first reply by a person", not_before("opened_at")),
            "solved_at": optional("time", "when it was solved", not_before("opened_at")),
            "work_minutes": optional("number", "minutes worked on it", COUNT),
            "reopened": optional("tally", "how often it was opened again after it was solved, or yes and no", COUNT),
            "reopened_at": optional("time", "when it was last opened again", not_before("opened_at")),
            "reason": optional("label", "what it was about"),
            "channel": optional("label", "where it came in"),
            "agent": optional("label", "who answered it"),
            "score": optional("number", "satisfaction with it, 1-5", within(1, 5)),
            "scored_at": optional("time", "when it was rated", not_before("opened_at")),
            "text": optional("text", "the customer's words"),
        },
        key="ticket_id",
        repeats="state",
    ),
    "campaigns": Table(
        {
            "campaign": required("label", "campaign"),
            "channel": required("label", "channel"),
            "starts_at": required("time", "start of the period"),
            "ends_at": required("time", "its end, exclusive", not_before("starts_at")),
            "spend": required("number", "money spent", COUNT),
            "hours": optional("number", "hours worked", COUNT),
            "reached": optional("count", "people reached", COUNT),
            "leads": optional("count", "leads", COUNT),
            "conversions": optional("count", "conversions", COUNT),
            "revenue": optional("number", "revenue of the campaign", COUNT),
        },
        otherwise=("campaign", "channel", "starts_at", "ends_at"),
        repeats="state",
    ),
    "assignments": Table(
        {
            "experiment": required("label", "experiment"),
            "customer_id": required("id", "who"),
            "arm": required("label", "arm"),
            "assigned_at": required("time", "when"),
            "converted": optional("flag", "did what was hoped for"),
            "value": optional("number", "money"),
            "before": optional("number", "the same measure before the test"),
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


def costs_row(table: str, column: str) -> bool:
    """Whether a cell of a column that cannot be read costs its row; one of the business's own attributes never does."""
    contract = TABLES[table].columns
    return column in contract and contract[column].costs_row


def column_type(table: str, column: str) -> str:
    """Type of a table's column, a key of ``TYPES``; an attribute of the business's own is ``text``.

    An attribute ``updated_at`` of a table whose rows are states is a time: the latest state is the one that counts.

    Examples
    --------
    >>> column_type("surveys", "score"), column_type("surveys", "branch"), column_type("tickets", "updated_at")
    ('number', 'text', 'time')
    """
    contract = TABLES[table]
    if column in contract.columns:
        return contract.columns[column].kind
    return "time" if column == UPDATED and contract.repeats == "state" else "text"


def event_time(table: str) -> str:
    """Time column that dates a row of a table: the first one of its contract.

    An answer of a survey is dated by ``answered_at``.

    Examples
    --------
    >>> event_time("mailings"), event_time("surveys")
    ('sent_at', 'answered_at')
    """
    return next(name for name, column in TABLES[table].columns.items() if column.kind == "time")
