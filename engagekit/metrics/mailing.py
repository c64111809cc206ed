"""What became of the mailings, per person they reached."""

from typing import Literal

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["click_rate", "open_rate", "unsubscribe_rate"]

GLOSSARY = "Twilio SendGrid, Email glossary; Salesforce Marketing Cloud, EmailContent fields."


def _per_delivered(name: str, counted: str, better: Literal["higher", "lower"], caution: str = "") -> Ratio:
    return Ratio(
        name=name,
        channel="mailing",
        table="mailings",
        columns=(counted, "delivered"),
        numerator=nw.col(counted),
        denominator=nw.col("delivered"),
        bounded=True,
        unit="mailing",
        measured_in="rate",
        better=better,
        caution=caution,
        reference=GLOSSARY,
    )


open_rate = _per_delivered("open_rate", "opens", "higher", caution="machine_opens")
click_rate = _per_delivered("click_rate", "clicks", "higher")
unsubscribe_rate = _per_delivered("unsubscribe_rate", "unsubscribes", "lower")
