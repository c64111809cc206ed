"""Metrics of social media: reactions to posts, mentions of the brand, and replies to them.

Examples
--------
One post reached 1,000 people and one 200:

>>> import pandas as pd
>>> posts = pd.DataFrame({"platform": "x", "posted_at": pd.to_datetime(["2026-01-05", "2026-01-09"]),
...     "reach": [1000, 200], "impressions": [1500, 300], "followers": [500, 510], "likes": [20, 8],
...     "comments": [10, 2], "shares": [5, 1], "saves": [3, 0], "clicks": [2, 1],
...     "replies_due": [8, 2], "replied": [4, 1]})
>>> [metric(posts).value for metric in (reactions, likes, comments, shares, saves, clicks)]
[52.0, 28.0, 12.0, 6.0, 3.0, 3.0]
>>> [metric(posts).value for metric in (reach, impressions, followers, reactions_per_post, comment_reply_rate)]
[1200.0, 1800.0, 510.0, 26.0, 0.5]
>>> pooled, mean = reach_engagement_rate(posts), mean_post_engagement_rate(posts)
>>> round(pooled.value, 4), round(mean.value, 4)
(0.0433, 0.05)
>>> round(impression_engagement_rate(posts).value, 4), round(follower_engagement_rate(posts).value, 4)
(0.0289, 0.0515)

Four people wrote about the brand, and one of them had an answer, after three hours:

>>> times = pd.to_datetime(["2026-01-05 09:00"] * 4)
>>> wrote = pd.DataFrame({"text": ["fine"] * 4, "sentiment": [1, 1, 0, -1], "time": times,
...     "replied_at": [times[0] + pd.Timedelta(hours=3), pd.NaT, pd.NaT, pd.NaT]})
>>> [metric(wrote).value for metric in (mentions, mention_reply_rate, mention_balance)]
[4.0, 0.25, 0.25]
>>> [metric(wrote).value for metric in (positive_mention_rate, negative_mention_rate)]
[0.5, 0.25]
>>> mention_reply_hours(pd.DataFrame({"reply_hours": [1.0, 3.0, 8.0], "answered": [1, 1, 1]})).value
3.0
"""

from typing import Any, Literal

import narwhals as nw

from engagekit.frames.engine import as_number
from engagekit.metrics.metric import Ratio, Total
from engagekit.metrics.quantile import Quantile

__all__ = [
    "clicks",
    "comment_reply_rate",
    "comments",
    "follower_engagement_rate",
    "followers",
    "impression_engagement_rate",
    "impressions",
    "likes",
    "mean_post_engagement_rate",
    "mention_balance",
    "mention_reply_hours",
    "mention_reply_rate",
    "mentions",
    "negative_mention_rate",
    "positive_mention_rate",
    "reach",
    "reach_engagement_rate",
    "reactions",
    "reactions_per_post",
    "saves",
    "shares",
]

REACTIONS = ("likes", "comments", "shares", "saves", "clicks")
NEUTRAL = 0.05  # sentiment nearer to 0 is neither positive nor negative
HOOTSUITE = "Hootsuite, Engagement rate calculator: six formulas."
META = "Meta Business Suite, Insights:"
ANSWERED = "Meta Business Suite, Inbox: response rate and response time."
HUTTO = "Hutto, C. J., & Gilbert, E. (2014). VADER: A Parsimonious Rule-based Model for Sentiment Analysis. ICWSM."

_fewest = nw.min_horizontal(*REACTIONS)  # null where the platform reports none of them
_reactions = nw.when(~_fewest.is_null()).then(nw.sum_horizontal(*REACTIONS))
_sentiment = nw.col("sentiment")


def _of_posts(name: str, columns: tuple[str, ...], reference: str, **declared: Any) -> Ratio:
    return Ratio(
        name=name,
        channel="social",
        table="posts",
        columns=columns,
        any_of=REACTIONS,
        valid=nw.all_horizontal(_fewest >= 0, *(nw.col(name) >= 0 for name in columns), ignore_nulls=True),
        least=0,
        unit="post",
        better="higher",
        reference=reference,
        **declared,
    )


def _per(audience: str, name: str, formula: str) -> Ratio:
    return _of_posts(
        name,
        (audience,),
        f"{HOOTSUITE} {formula}",
        numerator=_reactions,
        denominator=nw.col(audience),
        measured_in="rate",
    )


reach_engagement_rate = _per("reach", "reach_engagement_rate", "Engagement rate by reach (ERR).")
impression_engagement_rate = _per(
    "impressions", "impression_engagement_rate", "Engagement rate by impressions (ER impressions)."
)
follower_engagement_rate = _per("followers", "follower_engagement_rate", "Engagement rate by posts (ER post).")
mean_post_engagement_rate = _of_posts(
    "mean_post_engagement_rate",
    ("reach",),
    f"{HOOTSUITE} Average of the engagement rates by reach.",
    numerator=nw.when(nw.col("reach") > 0).then(_reactions / nw.col("reach")),
    measured_in="rate",
)
reactions_per_post = _of_posts(
    "reactions_per_post", (), f"{META} content interactions per post.", numerator=_reactions, measured_in="ratio"
)


def _total_of(name: str) -> Total:
    return Total(
        name=name,
        channel="social",
        table="posts",
        value=name,
        least=0,
        unit="post",
        measured_in="count",
        better="higher",
        reference=f"{META} {name}.",
    )


reactions = Total(
    name="reactions",
    channel="social",
    table="posts",
    columns=(),
    any_of=REACTIONS,
    value=_reactions,
    valid=_fewest >= 0,
    least=0,
    unit="post",
    measured_in="count",
    better="higher",
    reference=f"{META} content interactions.",
)
likes = _total_of("likes")
comments = _total_of("comments")
shares = _total_of("shares")
saves = _total_of("saves")
clicks = _total_of("clicks")
reach = _total_of("reach")
impressions = _total_of("impressions")

followers = Total(
    name="followers",
    channel="social",
    table="posts",
    value="followers",
    least=0,
    unit="platform",
    cluster="platform",
    once="xy",
    latest="posted_at",
    measured_in="count",
    better="higher",
    reference=f"{META} followers.",
)

mentions = Total(
    name="mentions",
    channel="social",
    table="mentions",
    columns=("text",),
    value=nw.when(~nw.col("text").is_null()).then(nw.lit(1.0)),
    unit="mention",
    measured_in="count",
    reference="Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson. Word of mouth.",
)


def _of_mentions(name: str, numerator: nw.Expr, better: Literal["higher", "lower"], **declared: Any) -> Ratio:
    return Ratio(
        name=name,
        channel="social",
        table="mentions",
        columns=("sentiment",),
        numerator=numerator,
        valid=_sentiment.is_between(-1, 1),
        unit="mention",
        better=better,
        reference=HUTTO,
        **declared,
    )


mention_balance = _of_mentions(
    "mention_balance",
    as_number(_sentiment >= NEUTRAL) - as_number(_sentiment <= -NEUTRAL),
    "higher",
    least=-1,
    most=1,
    less=("positive_mention_rate", "negative_mention_rate"),
    method="adjusted_wald",
    measured_in="ratio",
)
positive_mention_rate = _of_mentions(
    "positive_mention_rate", _sentiment >= NEUTRAL, "higher", bounded=True, method="wilson", measured_in="rate"
)
negative_mention_rate = _of_mentions(
    "negative_mention_rate", _sentiment <= -NEUTRAL, "lower", bounded=True, method="wilson", measured_in="rate"
)

comment_reply_rate = Ratio(
    name="comment_reply_rate",
    channel="social",
    table="posts",
    columns=("replied", "replies_due"),
    numerator=nw.col("replied"),
    denominator=nw.col("replies_due"),
    bounded=True,
    unit="post",
    measured_in="rate",
    better="higher",
    reference=ANSWERED,
)
mention_reply_rate = Ratio(
    name="mention_reply_rate",
    channel="social",
    table="mentions",
    columns=("replied_at", "time"),
    numerator=nw.when(~nw.col("time").is_null()).then(as_number(~nw.col("replied_at").is_null())),
    bounded=True,
    method="wilson",
    unit="mention",
    measured_in="rate",
    better="higher",
    ripens_at="replied_at",
    reference=ANSWERED,
)
mention_reply_hours = Quantile(
    name="mention_reply_hours",
    channel="social",
    table="replies",
    columns=("reply_hours", "answered"),
    value=nw.col("reply_hours"),
    observed=nw.col("answered"),
    least=0,
    unit="mention",
    measured_in="hours",
    better="lower",
    reference=ANSWERED,
)
