"""Metrics of surveys: recommendation, satisfaction, effort and reviews.

Examples
--------
Answers from 0 to 10 on how likely people are to recommend:

>>> likely = [10, 9, 7, 3]
>>> [metric(likely).value for metric in (net_promoter_score, promoter_rate, detractor_rate)]
[25.0, 0.5, 0.25]

Satisfaction and reviews from 1 to 5, effort from 1 to 7 where 7 is easy:

>>> [metric([5, 4, 4, 1]).value for metric in (satisfaction_rate, very_satisfied_rate, satisfaction_mean, review_mean)]
[0.75, 0.25, 3.5, 3.5]
>>> [metric([7, 6, 3, 2]).value for metric in (effort_mean, low_effort_rate)]
[4.5, 0.5]
>>> import pandas as pd
>>> answered = pd.to_datetime(["2026-01-06", None, None, None])
>>> asked = pd.DataFrame({"sent_at": pd.Timestamp("2026-01-05"), "answered_at": answered})
>>> response_rate(asked).value
0.25
"""

from typing import Literal

import narwhals as nw

from engagekit.data.scales import SATISFIED_FROM, SCALES
from engagekit.frames.engine import as_number
from engagekit.metrics.metric import Ratio

__all__ = [
    "detractor_rate",
    "effort_mean",
    "low_effort_rate",
    "net_promoter_score",
    "promoter_rate",
    "response_rate",
    "review_mean",
    "satisfaction_mean",
    "satisfaction_rate",
    "very_satisfied_rate",
]

PROMOTER_FROM, DETRACTOR_TO = 9, 6
VERY_SATISFIED_FROM = 5
LOW_EFFORT_FROM = 5
REICHHELD = "Reichheld, F. F. (2003). The One Number You Need to Grow. Harvard Business Review, 81(12)."
FARRIS = "Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson."
DIXON = (
    "Dixon, M., Freeman, K., & Toman, N. (2010). Stop Trying to Delight Your Customers. Harvard Business Review, 88."
)

_score = nw.col("score").cast(nw.Float64)
_whole = _score % 1 == 0


def _on_scale(kind: str) -> nw.Expr:
    return _score.is_between(*SCALES[kind]) & _whole


def _share(name: str, kind: str, chosen: nw.Expr, better: Literal["higher", "lower"], reference: str) -> Ratio:
    return Ratio(
        name=name,
        channel="survey",
        table="surveys",
        columns=("score",),
        where={"kind": kind},
        valid=_on_scale(kind),
        numerator=chosen,
        bounded=True,
        method="wilson",
        unit="answer",
        person="customer_id",
        measured_in="rate",
        better=better,
        reference=reference,
    )


def _mean(name: str, kind: str, reference: str) -> Ratio:
    low, high = SCALES[kind]
    return Ratio(
        name=name,
        channel="survey",
        table="surveys",
        columns=("score",),
        where={"kind": kind},
        valid=_whole,
        numerator=_score,
        least=low,
        most=high,
        unit="answer",
        person="customer_id",
        measured_in="points",
        better="higher",
        reference=reference,
    )


net_promoter_score = Ratio(
    name="net_promoter_score",
    channel="survey",
    table="surveys",
    columns=("score",),
    where={"kind": "nps"},
    valid=_on_scale("nps"),
    numerator=as_number(_score >= PROMOTER_FROM) - as_number(_score <= DETRACTOR_TO),
    least=-1,
    most=1,
    scale=100,
    method="adjusted_wald",
    less=("promoter_rate", "detractor_rate"),
    unit="answer",
    person="customer_id",
    measured_in="points",
    better="higher",
    reference=REICHHELD,
)
promoter_rate = _share("promoter_rate", "nps", _score >= PROMOTER_FROM, "higher", REICHHELD)
detractor_rate = _share("detractor_rate", "nps", _score <= DETRACTOR_TO, "lower", REICHHELD)

satisfaction_rate = _share(
    "satisfaction_rate", "csat", _score >= SATISFIED_FROM, "higher", f"{FARRIS} Top-two-box convention."
)
very_satisfied_rate = _share(
    "very_satisfied_rate", "csat", _score >= VERY_SATISFIED_FROM, "higher", f"{FARRIS} Top-box convention."
)
satisfaction_mean = _mean("satisfaction_mean", "csat", FARRIS)

effort_mean = _mean("effort_mean", "effort", DIXON)
low_effort_rate = _share("low_effort_rate", "effort", _score >= LOW_EFFORT_FROM, "higher", DIXON)

review_mean = _mean("review_mean", "review", FARRIS)

response_rate = Ratio(
    name="response_rate",
    channel="survey",
    table="invitations",
    columns=("sent_at", "answered_at"),
    numerator=nw.when(~nw.col("sent_at").is_null()).then(as_number(~nw.col("answered_at").is_null())),
    bounded=True,
    method="wilson",
    unit="invitation",
    measured_in="rate",
    better="higher",
    reference="AAPOR (2023). Standard Definitions, 10th ed. Response Rate 1.",
)
