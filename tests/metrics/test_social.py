import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from halls import by_halls_transformation
from statsmodels.stats.proportion import proportion_confint

from engagekit import DataError
from engagekit.metrics import (
    clicks,
    comment_reply_rate,
    comments,
    follower_engagement_rate,
    impression_engagement_rate,
    likes,
    mean_post_engagement_rate,
    mention_balance,
    mention_reply_hours,
    mention_reply_rate,
    mentions,
    negative_mention_rate,
    positive_mention_rate,
    reach_engagement_rate,
    reactions,
    reactions_per_post,
    shares,
)

ARTICLE = pl.DataFrame({"comments": [10], "shares": [10], "likes": [24], "clicks": [5], "reach": [1200]})
POSTS = pl.DataFrame(
    {
        "reach": [1200, 300, None],
        "impressions": [2000, 500, None],
        "followers": [5000, 5100, None],
        "likes": [24, 5, 3],
        "comments": [10, None, 1],
        "shares": [10, 1, None],
        "clicks": [5, 0, 2],
    }
)
PER = (reach_engagement_rate, impression_engagement_rate, follower_engagement_rate)
TOTALS = (likes, comments, shares, clicks)
MENTIONS = pl.DataFrame(
    {
        "text": ["great", "on the edge", "fine", "there it is", "not fine", "on the other edge", "hm", None],
        "sentiment": [0.8, 0.05, 0.04, 0.0, -0.04, -0.05, None, None],
    }
)


def named(value):
    return getattr(value, "name", None)


def test_the_articles_reactions_are_49_and_its_rate_is_not_3_25_percent():
    estimate = reach_engagement_rate(ARTICLE)
    assert estimate.numerator == 49  # 10 + 10 + 24 + 5, which the article adds up to 39
    assert estimate.value == pytest.approx(0.040833, abs=5e-7)
    assert estimate.value != pytest.approx(39 / 1200, abs=5e-3)
    assert (reactions(ARTICLE).value, reactions_per_post(ARTICLE).value) == (49, 49)


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        (reach_engagement_rate, 49 + 6, 1200 + 300),
        (impression_engagement_rate, 49 + 6, 2000 + 500),
        (follower_engagement_rate, 49 + 6, 5000 + 5100),
        (mean_post_engagement_rate, 49 / 1200 + 6 / 300, 2),
        (reactions_per_post, 49 + 6 + 6, 3),
    ],
    ids=named,
)
def test_of_three_posts_the_third_has_reactions_and_no_audience(metric, numerator, denominator):
    estimate = metric(POSTS)
    assert estimate.numerator == pytest.approx(numerator)
    assert estimate.denominator == denominator
    assert estimate.value == pytest.approx(numerator / denominator)


@pytest.mark.parametrize(
    ("metric", "total", "posts"),
    [
        (reactions, 49 + 6 + 6, 3),
        (likes, 24 + 5 + 3, 3),
        (comments, 10 + 1, 2),
        (shares, 10 + 1, 2),
        (clicks, 5 + 0 + 2, 3),
    ],
    ids=named,
)
def test_totals_of_three_posts(metric, total, posts):
    estimate = metric(POSTS)
    assert (estimate.value, estimate.n, estimate.units) == (total, posts, posts)
    assert math.isnan(estimate.low)


@pytest.mark.parametrize("metric", TOTALS, ids=named)
def test_what_the_platform_never_gives_is_unknown_and_not_zero(metric):
    estimate = metric(pl.DataFrame({metric.name: pl.Series([None, None], dtype=pl.Int64)}))
    assert (estimate.reason, estimate.n) == ("no_rows", 0)


def test_a_mean_of_ratios_counts_a_small_post_as_much_as_a_large_one():
    """Pooled 15 of 1010, 1.5 %; of the posts' own 1 % and 50 % the mean is 25.5 %."""
    posts = pl.DataFrame({"reach": [1000, 10], "likes": [10, 5]})
    assert reach_engagement_rate(posts).value == 15 / 1010
    assert mean_post_engagement_rate(posts).value == pytest.approx(0.255)


def test_the_mean_of_the_posts_has_halls_interval_from_0_up():
    estimate = mean_post_engagement_rate(pl.DataFrame({"reach": [100, 200, 50, 400], "likes": [5, 8, 1, 10]}))
    low, high = by_halls_transformation(np.array([0.05, 0.04, 0.02, 0.025]), np.ones(4))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.135 / 4, low, high))
    apart = mean_post_engagement_rate(pl.DataFrame({"reach": [100, 100], "likes": [1, 9]}))
    assert (apart.value, apart.low) == pytest.approx((0.05, 0))


def test_a_post_that_reached_nobody_has_no_rate_of_its_own():
    posts = pl.DataFrame({"reach": [100, 0], "likes": [5, 0]})
    estimate = mean_post_engagement_rate(posts)
    assert (estimate.value, estimate.n) == (0.05, 1)
    assert mean_post_engagement_rate(posts.tail(1)).reason == "no_rows"


@pytest.mark.parametrize("metric", PER, ids=named)
def test_an_audience_of_nobody_is_no_rate(metric):
    estimate = metric(pl.DataFrame({metric.columns[0]: [0, 0], "likes": [0, 0]}))
    assert (estimate.reason, estimate.denominator) == ("zero_denominator", 0)


@pytest.mark.parametrize("metric", [*PER, mean_post_engagement_rate], ids=named)
def test_one_post_has_no_interval_because_a_person_can_react_twice(metric):
    estimate = metric(ARTICLE.with_columns(impressions=2000, followers=5000))
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)
    assert (estimate.method, estimate.warning, estimate.units) == ("", "one_unit", 1)


def test_a_rate_above_one_is_possible():
    assert reach_engagement_rate(pl.DataFrame({"reach": [10], "likes": [9], "clicks": [3]})).value == 1.2


def test_saves_count_where_the_platform_gives_them():
    assert reach_engagement_rate(ARTICLE.with_columns(saves=pl.lit(11))).numerator == 60


@pytest.mark.parametrize("metric", [*PER, mean_post_engagement_rate, reactions_per_post, reactions], ids=named)
def test_a_post_without_any_reaction_given_does_not_count(metric):
    audience = {"reach": [100, 200], "impressions": [100, 200], "followers": [100, 200]}
    estimate = metric(pl.DataFrame({**audience, "likes": [5, None], "shares": [None, None]}))
    assert estimate.n == 1
    assert estimate.numerator in (5, 0.05)


@pytest.mark.parametrize("metric", [*PER, mean_post_engagement_rate, reactions_per_post, reactions], ids=named)
def test_a_negative_count_does_not_hide_behind_others(metric):
    audience = {"reach": [100], "impressions": [100], "followers": [100]}
    with pytest.raises(DataError, match="row 0: .*likes -5, shares 6"):
        metric(pl.DataFrame({**audience, "likes": [-5], "shares": [6]}))


def test_a_mention_counts_with_its_words_and_its_sentiment_only_where_it_is_known():
    assert mentions(MENTIONS).value == 7
    assert mention_balance(MENTIONS).denominator == 6
    assert mention_balance(MENTIONS.tail(2)).reason == "no_rows"


@pytest.mark.parametrize(
    ("metric", "numerator"),
    [(positive_mention_rate, 2), (negative_mention_rate, 1), (mention_balance, 2 - 1)],
    ids=named,
)
def test_of_six_mentions_two_are_positive_and_one_is_negative(metric, numerator):
    estimate = metric(MENTIONS)
    assert (estimate.numerator, estimate.denominator, estimate.units) == (numerator, 6, 6)
    assert estimate.value == pytest.approx(numerator / 6)


@pytest.mark.parametrize(("metric", "hits"), [(positive_mention_rate, 2), (negative_mention_rate, 1)], ids=named)
def test_a_share_of_mentions_has_wilsons_interval(metric, hits):
    estimate = metric(MENTIONS)
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(hits, 6, method="wilson"))


def test_the_balance_has_the_interval_of_a_net_promoter_score_from_minus_1_to_1():
    """Six and three made-up mentions: p = 2.75/9, d = 1.75/9, 1/9 ± 1.96 sqrt((4.5/9 − 1/81) / 9)."""
    estimate = mention_balance(MENTIONS)
    half = 1.959964 * math.sqrt((4.5 / 9 - 1 / 81) / 9)
    assert (estimate.low, estimate.high) == pytest.approx((1 / 9 - half, 1 / 9 + half), abs=1e-6)


@pytest.mark.parametrize("metric", [mention_balance, positive_mention_rate, negative_mention_rate], ids=named)
@pytest.mark.parametrize("wrong", [1.01, -80.0])
def test_a_sentiment_beyond_1_is_refused(metric, wrong):
    with pytest.raises(DataError, match=f"row 1: sentiment {wrong}"):
        metric([1.0, wrong])


def test_comments_answered_are_those_that_called_for_a_reply():
    posts = pl.DataFrame({"replies_due": [6, 4, 0, None], "replied": [3, 4, 0, None]})
    estimate = comment_reply_rate(posts)
    assert (estimate.value, estimate.numerator, estimate.denominator) == (0.7, 7, 10)
    with pytest.raises(DataError):
        comment_reply_rate(pl.DataFrame({"replies_due": [1], "replied": [2]}))


def test_mentions_without_an_answer_count_as_unanswered():
    day = dt.datetime(2026, 5, 1)
    answers = pl.DataFrame({"time": [day] * 5, "replied_at": [day, day, None, day, None]})
    estimate = mention_reply_rate(answers)
    assert (estimate.value, estimate.n) == (0.6, 5)
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(3, 5, 0.05, "wilson"))


def test_the_median_wait_of_a_mention_counts_those_that_still_wait():
    waits = pl.DataFrame({"reply_hours": [1.0, 2.0, 3.0, 4.0, 9.0], "answered": [True, True, True, False, False]})
    assert mention_reply_hours(waits).value == 3  # S falls by fifths: 0.8, 0.6, 0.4
    assert "censored" in mention_reply_hours(waits).warning
    waiting = waits.with_columns(answered=pl.Series([True, True, False, False, False]))
    assert mention_reply_hours(waiting).reason == "not_reached"
