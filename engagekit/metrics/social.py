"""What people did with the posts."""

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["reach_engagement_rate"]

ENGAGEMENTS = ("likes", "comments", "shares", "saves", "clicks")

_fewest = nw.min_horizontal(*ENGAGEMENTS)  # null where the platform gives none of them

reach_engagement_rate = Ratio(
    name="reach_engagement_rate",
    channel="social",
    table="posts",
    columns=("reach",),
    any_of=ENGAGEMENTS,
    numerator=nw.when(~_fewest.is_null()).then(nw.sum_horizontal(*ENGAGEMENTS)),
    denominator=nw.col("reach"),
    valid=_fewest >= 0,
    least=0,
    unit="post",
    measured_in="rate",
    better="higher",
    reference="Hootsuite, Engagement rate calculator: six formulas. Engagement rate by reach (ERR).",
)
