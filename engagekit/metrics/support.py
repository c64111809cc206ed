"""Metrics of support: tickets, and waiting times in working hours (`prepare/working_hours.py`).

Examples
--------
>>> import pandas as pd
>>> tickets = pd.DataFrame({"ticket_id": ["1", "2", "3", "4"], "work_minutes": [30, 60, 90, 240],
...     "solved_at": pd.Timestamp("2026-01-05"), "reopened": [0, 1, 0, 0], "score": [5, 4, 2, 5]})
>>> [metric(tickets).value for metric in (tickets_opened, reopen_rate, ticket_satisfaction_rate)]
[4.0, 0.25, 0.75]
>>> handling_hours(tickets).value, mean_handling_hours(tickets).value
(1.25, 1.75)
>>> tickets_per_customer(pd.DataFrame({"customer_id": ["a", "b", "c"], "tickets": [0, 3, 0]})).value
1.0

Four waiting times; the last one has not ended:

>>> waits = pd.DataFrame({"response_hours": [1.0, 2.0, 3.0, 9.0], "replied": [1, 1, 1, 0]})
>>> first_response_hours(waits).value, first_response_p90_hours(waits).reason
(2.5, 'not_reached')
>>> resolution_hours(pd.DataFrame({"resolution_hours": [4.0, 6.0, 20.0], "solved": [1, 1, 1]})).value
6.0
"""

import narwhals as nw

from engagekit.data.scales import SATISFIED_FROM
from engagekit.frames.engine import as_number
from engagekit.metrics.metric import Ratio, Total
from engagekit.metrics.quantile import Quantile

__all__ = [
    "first_response_hours",
    "first_response_p90_hours",
    "handling_hours",
    "mean_handling_hours",
    "reopen_rate",
    "resolution_hours",
    "ticket_satisfaction_rate",
    "tickets_opened",
    "tickets_per_customer",
]

MINUTES_AN_HOUR = 60
ZENDESK = "Zendesk, Explore: metrics and attributes."

_work = nw.col("work_minutes") / MINUTES_AN_HOUR
_reopened = nw.col("reopened").cast(nw.Boolean)  # it was solved before, even if it is open again
_score = nw.col("score").cast(nw.Float64)

tickets_opened = Total(
    name="tickets_opened",
    channel="support",
    table="tickets",
    columns=("ticket_id",),
    value=nw.when(~nw.col("ticket_id").is_null()).then(nw.lit(1.0)),
    unit="ticket",
    measured_in="count",
    reference=f"{ZENDESK} Created tickets.",
)


def _waiting(name: str, column: str, happened: str, q: float, reference: str) -> Quantile:
    return Quantile(
        name=name,
        channel="support",
        table="waits",
        columns=(column, happened),
        value=nw.col(column),
        observed=nw.col(happened),
        q=q,
        least=0,
        unit="ticket",
        measured_in="hours",
        better="lower",
        reference=f"{ZENDESK} {reference}",
    )


first_response_hours = _waiting("first_response_hours", "response_hours", "replied", 0.5, "First reply time.")
first_response_p90_hours = _waiting("first_response_p90_hours", "response_hours", "replied", 0.9, "First reply time.")
resolution_hours = _waiting("resolution_hours", "resolution_hours", "solved", 0.5, "Full resolution time.")

handling_hours = Quantile(
    name="handling_hours",
    channel="support",
    table="tickets",
    columns=("work_minutes",),
    value=_work,
    least=0,
    unit="ticket",
    measured_in="hours",
    better="lower",
    reference=f"{ZENDESK} Handle time.",
)
mean_handling_hours = Ratio(
    name="mean_handling_hours",
    channel="support",
    table="tickets",
    columns=("work_minutes",),
    numerator=_work,
    least=0,
    unit="ticket",
    measured_in="hours",
    better="lower",
    reference="Cleveland, B. (2012). Call Center Management on Fast Forward, 3rd ed. ICMI. Average handling time.",
)
reopen_rate = Ratio(
    name="reopen_rate",
    channel="support",
    table="tickets",
    columns=("reopened", "solved_at"),
    valid=nw.col("reopened").cast(nw.Float64) >= 0,  # a count, or a flag
    numerator=nw.when(~nw.col("solved_at").is_null() | _reopened).then(as_number(_reopened)),
    bounded=True,
    method="wilson",
    unit="ticket",
    measured_in="rate",
    better="lower",
    ripens_after="30d",
    ripens_at="reopened_at",
    reference=f"{ZENDESK} Reopened tickets.",
)
tickets_per_customer = Ratio(
    name="tickets_per_customer",
    channel="support",
    table="activity",
    columns=("tickets", "customer_id"),
    numerator=nw.col("tickets"),
    once="y",
    least=0,
    unit="customer",
    cluster="customer_id",
    measured_in="ratio",
    reference=f"{ZENDESK} Created tickets.",
)
ticket_satisfaction_rate = Ratio(
    name="ticket_satisfaction_rate",
    channel="support",
    table="tickets",
    columns=("score",),
    valid=_score.is_between(1, 5),
    numerator=_score >= SATISFIED_FROM,
    bounded=True,
    method="wilson",
    unit="ticket",
    measured_in="rate",
    better="higher",
    ripens_at="scored_at",
    reference=f"{ZENDESK} Satisfaction score.",
)
