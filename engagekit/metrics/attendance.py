"""Metrics of events: invitations, registrations, attendance and interactions.

Examples
--------
>>> import pandas as pd
>>> event = pd.DataFrame({"invited": [100], "registered": [40], "attended": [30], "interactions": [45]})
>>> [metric(event).value for metric in (registrations, attendees, registration_rate, attendance_rate)]
[40.0, 30.0, 0.4, 0.75]
>>> interactions_per_attendee(event).value
1.5
"""

from typing import Literal

import narwhals as nw

from engagekit.metrics.metric import Ratio, Total

__all__ = ["attendance_rate", "attendees", "interactions_per_attendee", "registration_rate", "registrations"]

PLUM = "Plum, Metrik Penglibatan Pelanggan."


def _total(name: str, column: str) -> Total:
    return Total(
        name=name,
        channel="attendance",
        table="attendance",
        columns=(column,),
        value=nw.col(column),
        least=0,
        unit="event",
        measured_in="count",
        better="higher",
        reference=PLUM,
    )


def _ratio(
    name: str,
    numerator: str,
    denominator: str,
    measured_in: Literal["rate", "ratio"],
    above_one: str = "",
) -> Ratio:
    return Ratio(
        name=name,
        channel="attendance",
        table="attendance",
        columns=(numerator, denominator),
        numerator=nw.col(numerator),
        denominator=nw.col(denominator),
        least=0,
        above_one=above_one,
        unit="event",
        measured_in=measured_in,
        better="higher",
        reference=PLUM,
    )


registrations = _total("registrations", "registered")
attendees = _total("attendees", "attended")
registration_rate = _ratio("registration_rate", "registered", "invited", "rate", "above_one")
attendance_rate = _ratio("attendance_rate", "attended", "registered", "rate", "walk_ins")
interactions_per_attendee = _ratio("interactions_per_attendee", "interactions", "attended", "ratio")
