"""Metrics of the site and the app, from the views and visits of `prepare/visits.py`.

Examples
--------
Three visits of two customers; the first was a single page view:

>>> import pandas as pd
>>> visits = pd.DataFrame({"customer_id": ["a", "a", "b"], "events": [1, 5, 3], "views": [1, 3, 2],
...     "engaged": [False, True, True], "converted": [False, True, False], "duration_s": [4, 300, 56]})
>>> counts = (sessions, visitors, visits_per_customer, pages_per_session, session_duration_s)
>>> [metric(visits).value for metric in counts]
[3.0, 2.0, 1.5, 2.0, 120.0]
>>> rates = (bounce_rate, single_interaction_rate, single_page_rate, conversion_rate, visitor_conversion_rate)
>>> [round(metric(visits).value, 2) for metric in rates]
[0.33, 0.33, 0.33, 0.33, 0.5]

People left the site after two of four page views:

>>> views = pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "exited": [False, True, False, True], "action": "view"})
>>> page_views(views).value, exit_rate(views).value
(4.0, 0.5)
"""

from typing import Any, Literal

import narwhals as nw

from engagekit.frames.engine import as_number
from engagekit.metrics.metric import Ratio, Total
from engagekit.metrics.retention import customers_of

__all__ = [
    "bounce_rate",
    "conversion_rate",
    "exit_rate",
    "page_views",
    "pages_per_session",
    "session_duration_s",
    "sessions",
    "single_interaction_rate",
    "single_page_rate",
    "visitor_conversion_rate",
    "visitors",
    "visits_per_customer",
]

GA4 = "Google Analytics 4, Analytics dimensions and metrics"
UNIVERSAL = "Universal Analytics, Analytics dimensions and metrics"


def _of_visits(
    name: str,
    counted: str,
    numerator: nw.Expr,
    better: Literal["higher", "lower", ""],
    reference: str,
    **declared: Any,
) -> Ratio:
    return Ratio(
        name=name,
        channel="web",
        table="visits",
        columns=(counted, "customer_id"),
        numerator=numerator,
        unit="customer",
        cluster="customer_id",
        better=better,
        reference=reference,
        **declared,
    )


page_views = Total(
    name="page_views",
    channel="web",
    table="interactions",
    columns=("action",),
    where={"action": "view"},
    value=nw.when(~nw.col("action").is_null()).then(nw.lit(1.0)),
    unit="view",
    measured_in="count",
    better="higher",
    reference=f"{GA4}: Views.",
)
sessions = Total(
    name="sessions",
    channel="web",
    table="visits",
    columns=("events",),
    value=nw.when(~nw.col("events").is_null()).then(nw.lit(1.0)),
    unit="visit",
    measured_in="count",
    better="higher",
    reference=f"{GA4}: Sessions.",
)
visitors = customers_of("visitors", "web", "visits", f"{GA4}: Total users.")
pages_per_session = _of_visits(
    "pages_per_session",
    "views",
    nw.col("views"),
    "higher",
    f"{GA4}: Views per session.",
    least=0,
    measured_in="ratio",
)
session_duration_s = _of_visits(
    "session_duration_s",
    "duration_s",
    nw.col("duration_s"),
    "higher",
    f"{GA4}: Average session duration.",
    least=0,
    measured_in="seconds",
)
bounce_rate = _of_visits(
    "bounce_rate",
    "engaged",
    1 - nw.col("engaged").cast(nw.Float64),
    "lower",
    f"{GA4}: Bounce rate.",
    bounded=True,
    measured_in="rate",
)
single_interaction_rate = _of_visits(
    "single_interaction_rate",
    "events",
    nw.col("events") == 1,
    "lower",
    f"{UNIVERSAL}: Bounce rate.",
    valid=nw.col("events") > 0,
    bounded=True,
    measured_in="rate",
)
single_page_rate = _of_visits(
    "single_page_rate",
    "views",
    nw.when(nw.col("views") > 0).then(as_number(nw.col("views") == 1)),
    "lower",
    "Plum, Metrik Penglibatan Pelanggan.",
    valid=nw.col("views") >= 0,
    bounded=True,
    measured_in="rate",
)
conversion_rate = _of_visits(
    "conversion_rate",
    "converted",
    nw.col("converted"),
    "higher",
    f"{GA4}: Session key event rate.",
    bounded=True,
    measured_in="rate",
)
visitor_conversion_rate = _of_visits(
    "visitor_conversion_rate",
    "converted",
    nw.col("converted"),
    "higher",
    f"{GA4}: User key event rate.",
    once="xy",
    bounded=True,
    method="wilson",
    measured_in="rate",
)
visits_per_customer = _of_visits(
    "visits_per_customer",
    "events",
    nw.when(~nw.col("events").is_null()).then(nw.lit(1.0)),
    "higher",
    f"{GA4}: Sessions per user.",
    valid=nw.col("events") > 0,
    once="y",
    least=0,
    measured_in="ratio",
)
exit_rate = Ratio(
    name="exit_rate",
    channel="web",
    table="views",
    columns=("exited", "customer_id"),
    numerator=nw.col("exited"),
    bounded=True,
    unit="customer",
    cluster="customer_id",
    measured_in="rate",
    better="lower",
    reference=f"{UNIVERSAL}: % Exit.",
)
