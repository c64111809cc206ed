"""Metrics of mailings, per person reached.

Examples
--------
960 of 1,000 mails were delivered; 96 of the 288 opens were by machines:

>>> import pandas as pd
>>> sent = pd.DataFrame({"sent": [1000], "delivered": [960], "opens": [288], "machine_opens": [96], "clicks": [48],
...     "conversions": [12], "unsubscribes": [6], "complaints": [1]})
>>> mails_delivered(sent).value, round(undelivered_rate(sent).value, 3)
(960.0, 0.04)
>>> [metric(sent).value for metric in (open_rate, human_open_rate, click_rate, mail_conversion_rate)]
[0.3, 0.2, 0.05, 0.0125]
>>> [round(metric(sent).value, 3) for metric in (click_to_open_rate, click_conversion_rate)]
[0.167, 0.25]
>>> [round(metric(sent).value, 5) for metric in (unsubscribe_rate, unsubscribe_sent_rate, complaint_rate)]
[0.00625, 0.006, 0.00104]
"""

from typing import Literal

import narwhals as nw

from engagekit.metrics.metric import Ratio, Total

__all__ = [
    "click_conversion_rate",
    "click_rate",
    "click_to_open_rate",
    "complaint_rate",
    "human_open_rate",
    "mail_conversion_rate",
    "mails_delivered",
    "open_rate",
    "undelivered_rate",
    "unsubscribe_rate",
    "unsubscribe_sent_rate",
]

GLOSSARY = "Twilio SendGrid, Email glossary; Salesforce Marketing Cloud, EmailContent fields."


def _people(column: str) -> nw.Expr:
    return nw.col(column).cast(nw.Float64)  # unsigned counts would overflow below 0


def _share(
    name: str,
    columns: tuple[str, ...],
    better: Literal["higher", "lower"],
    *,
    numerator: nw.Expr | None = None,
    valid: nw.Expr | None = None,
    bounded: bool = True,
    **declared: str,
) -> Ratio:
    """People of the first column per person of the last."""
    return Ratio(
        name=name,
        channel="mailing",
        table="mailings",
        columns=columns,
        numerator=nw.col(columns[0]) if numerator is None else numerator,
        denominator=nw.col(columns[-1]),
        valid=valid,
        bounded=bounded,
        above_one="" if bounded else "above_one",
        least=0,
        unit="mailing",
        measured_in="rate",
        better=better,
        reference=GLOSSARY,
        **declared,  # type: ignore[arg-type]
    )


open_rate = _share("open_rate", ("opens", "delivered"), "higher", caution="machine_opens")
human_open_rate = _share(
    "human_open_rate",
    ("opens", "machine_opens", "delivered"),
    "higher",
    numerator=_people("opens") - _people("machine_opens"),
    valid=(nw.col("machine_opens") >= 0) & (nw.col("opens") <= nw.col("delivered")),
)
click_rate = _share("click_rate", ("clicks", "delivered"), "higher")
click_to_open_rate = _share(  # without images a click has no open
    "click_to_open_rate", ("clicks", "opens"), "higher", bounded=False, caution="machine_opens"
)
mail_conversion_rate = _share("mail_conversion_rate", ("conversions", "delivered"), "higher", ripens_after="7d")
click_conversion_rate = _share(
    "click_conversion_rate", ("conversions", "clicks"), "higher", bounded=False, ripens_after="7d"
)
unsubscribe_rate = _share("unsubscribe_rate", ("unsubscribes", "delivered"), "lower")
unsubscribe_sent_rate = _share("unsubscribe_sent_rate", ("unsubscribes", "sent"), "lower")
undelivered_rate = _share(
    "undelivered_rate", ("delivered", "sent"), "lower", numerator=_people("sent") - _people("delivered")
)
complaint_rate = _share("complaint_rate", ("complaints", "delivered"), "lower")
mails_delivered = Total(
    name="mails_delivered",
    channel="mailing",
    table="mailings",
    value="delivered",
    least=0,
    unit="mailing",
    measured_in="count",
    better="higher",
    reference=f"{GLOSSARY} Delivered.",
)
