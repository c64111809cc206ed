import numpy as np
import polars as pl
import pytest
from halls import by_halls_transformation

from engagekit import Component, DataError, Scorecard
from engagekit.metrics import advocate_rate, at_risk_rate, engagement_score

CARD = Scorecard(
    (Component("purchases", 0.4, 0, 100), Component("visits", 0.3, 0, 100), Component("feedback", 0.3, 0, 100))
)
CUSTOMERS = pl.DataFrame(
    {
        "customer_id": ["article", "best", "least", "middle"],
        "purchases": [80, 100, 0, 50],
        "visits": [60, 100, 0, 50],
        "feedback": [70, 100, 0, 50],
    }
)


def test_the_articles_customer_has_71_points_and_is_an_advocate_where_65_would_not_be():
    scored = CARD.score(CUSTOMERS).filter(customer_id="article")
    assert engagement_score(scored).value == pytest.approx(32 + 18 + 21)
    assert advocate_rate(scored).value == 1
    assert advocate_rate(CARD.score(CUSTOMERS.with_columns(purchases=65, visits=65, feedback=65))).value == 0


def test_the_score_of_all_is_the_mean_with_halls_interval():
    estimate = engagement_score(CARD.score(CUSTOMERS))
    low, high = by_halls_transformation(np.array([71.0, 100, 0, 50]), np.ones(4))
    assert estimate.value == pytest.approx(221 / 4)
    assert (estimate.low, estimate.high) == pytest.approx((max(low, 0), high))


def test_an_interval_of_points_ends_at_100():
    low, high = by_halls_transformation(np.array([95.0, 99, 60]), np.ones(3))
    assert high > 100
    estimate = engagement_score([95, 99, 60])
    assert (estimate.low, estimate.high) == (pytest.approx(low), 100)


def test_shares_of_segments():
    scored = CARD.score(CUSTOMERS)
    assert (advocate_rate(scored).numerator, at_risk_rate(scored).numerator) == (2, 1)
    assert (advocate_rate(scored).value, at_risk_rate(scored).value) == (0.5, 0.25)


def test_a_customer_without_a_score_does_not_count():
    assert (engagement_score([40, None, 60]).value, engagement_score([40, None, 60]).units) == (50, 2)
    assert at_risk_rate(["at_risk", None]).value == 1


@pytest.mark.parametrize("score", [-0.1, 100.1])
def test_a_score_beyond_its_bounds_is_refused(score):
    with pytest.raises(DataError, match=f"row 1: score {score}"):
        engagement_score([50.0, score])
