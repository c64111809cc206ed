"""What customers answer: recommendation and satisfaction."""

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["net_promoter_score", "satisfaction_rate"]

PROMOTER_FROM, DETRACTOR_TO = 9, 6
SATISFIED_FROM = 4

_score = nw.col("score").cast(nw.Float64)
_whole = _score % 1 == 0

net_promoter_score = Ratio(
    name="net_promoter_score",
    channel="survey",
    table="surveys",
    columns=("score",),
    where={"kind": "nps"},
    valid=_score.is_between(0, 10) & _whole,
    numerator=(_score >= PROMOTER_FROM).cast(nw.Float64) - (_score <= DETRACTOR_TO).cast(nw.Float64),
    scale=100,
    method="adjusted_wald",
    unit="answer",
    measured_in="points",
    better="higher",
    reference="Reichheld, F. F. (2003). The One Number You Need to Grow. Harvard Business Review, 81(12).",
)

satisfaction_rate = Ratio(
    name="satisfaction_rate",
    channel="survey",
    table="surveys",
    columns=("score",),
    where={"kind": "csat"},
    valid=_score.is_between(1, 5) & _whole,
    numerator=(_score >= SATISFIED_FROM).cast(nw.Float64),
    bounded=True,
    method="wilson",
    unit="answer",
    measured_in="rate",
    better="higher",
    reference="Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson. Top-two-box convention.",
)
