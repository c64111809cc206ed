import math

import polars as pl
import pytest

from engagekit import DataError, reach_engagement_rate

ARTICLE = pl.DataFrame({"comments": [10], "shares": [10], "likes": [24], "clicks": [5], "reach": [1200]})


def test_the_articles_reactions_are_49_and_its_rate_is_not_3_25_percent():
    found = reach_engagement_rate(ARTICLE)
    assert found.numerator == 49  # 10 + 10 + 24 + 5, which the article adds up to 39
    assert found.value == pytest.approx(0.040833, abs=5e-7)
    assert found.value != pytest.approx(39 / 1200, abs=5e-3)


def test_one_post_has_no_interval_because_a_person_can_react_twice():
    found = reach_engagement_rate(ARTICLE)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert (found.method, found.warning, found.units) == ("", "one_unit", 1)


def test_a_rate_above_one_is_possible():
    assert reach_engagement_rate(pl.DataFrame({"reach": [10], "likes": [9], "clicks": [3]})).value == 1.2


def test_posts_are_pooled_and_not_averaged():
    posts = pl.DataFrame({"reach": [1000, 10], "likes": [10, 5]})
    assert reach_engagement_rate(posts).value == 15 / 1010  # the mean of 1 % and 50 % would be 25.5 %


def test_saves_count_where_the_platform_gives_them():
    assert reach_engagement_rate(ARTICLE.with_columns(saves=pl.lit(11))).numerator == 60


def test_a_post_without_any_reaction_given_does_not_count():
    posts = pl.DataFrame({"reach": [100, 200], "likes": [5, None], "shares": [None, None]})
    found = reach_engagement_rate(posts)
    assert (found.value, found.n) == (0.05, 1)


def test_a_negative_count_does_not_hide_behind_others():
    with pytest.raises(DataError, match="row 0: reach 100, likes -5, shares 6"):
        reach_engagement_rate(pl.DataFrame({"reach": [100], "likes": [-5], "shares": [6]}))
