"""Engagement score and segments of the customers, from the scores of `score/scorecard.py`.

Examples
--------
>>> import pandas as pd
>>> segments = ["at_risk", "potential", "potential", "advocate"]
>>> scores = pd.DataFrame({"score": [20.0, 45.0, 55.0, 90.0], "segment": segments})
>>> engagement_score(scores).value, median_engagement_score(scores).value
(52.5, 50.0)
>>> advocate_rate(scores).value, at_risk_rate(scores).value
(0.25, 0.25)
"""

from typing import Literal

import narwhals as nw

from engagekit.frames.engine import as_number
from engagekit.metrics.metric import Ratio
from engagekit.metrics.quantile import Quantile

__all__ = ["advocate_rate", "at_risk_rate", "engagement_score", "median_engagement_score"]

ARTICLE = "Blazwa, Panduan Lengkap Customer Engagement Score."

engagement_score = Ratio(
    name="engagement_score",
    channel="score",
    table="scores",
    columns=("score",),
    numerator=nw.col("score"),
    least=0,
    most=100,
    unit="customer",
    measured_in="points",
    better="higher",
    reference=ARTICLE,
)
median_engagement_score = Quantile(
    name="median_engagement_score",
    channel="score",
    table="scores",
    columns=("score",),
    value=nw.col("score"),
    least=0,
    unit="customer",
    measured_in="points",
    better="higher",
    reference=ARTICLE,
)


def _share_of(name: str, segment: str, better: Literal["higher", "lower"]) -> Ratio:
    return Ratio(
        name=name,
        channel="score",
        table="scores",
        columns=("segment",),
        texts=("segment",),
        numerator=as_number(nw.col("segment") == segment),
        bounded=True,
        method="wilson",
        unit="customer",
        measured_in="rate",
        better=better,
        reference=ARTICLE,
    )


advocate_rate = _share_of("advocate_rate", "advocate", "higher")
at_risk_rate = _share_of("at_risk_rate", "at_risk", "lower")
