"""What customers ask for help with, and what it takes."""

import narwhals as nw

from engagekit.metrics.metric import Quantile, Total

__all__ = ["handling_hours", "tickets_opened"]

MINUTES_AN_HOUR = 60

tickets_opened = Total(
    name="tickets_opened",
    channel="support",
    table="tickets",
    columns=("ticket_id",),
    value=nw.when(~nw.col("ticket_id").is_null()).then(nw.lit(1.0)),
    unit="ticket",
    measured_in="count",
    reference="Zendesk, Explore: metrics and attributes. Created tickets.",
)

handling_hours = Quantile(
    name="handling_hours",
    channel="support",
    table="tickets",
    columns=("work_minutes",),
    value=nw.col("work_minutes") / MINUTES_AN_HOUR,
    least=0,
    unit="ticket",
    measured_in="hours",
    better="lower",
    reference="Zendesk, Explore: metrics and attributes. Handle time.",
)
