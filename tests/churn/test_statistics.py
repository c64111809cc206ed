import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from engagekit.churn.statistics import Order, Ranking, mean_of

ROWS = st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 4)), min_size=4, max_size=60)
NAMES = ("roc_auc", "average_precision", "lift")


def drawn(seed, n=3_000, *, ties=False):
    """Who left, two risks that tell a part of it, and money."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n)
    left = rng.random(n) < 1 / (1 + np.exp(1 - level))
    risks = [level + spread * rng.normal(size=n) for spread in (1, 2)]
    return left, [np.round(risk) if ties else risk for risk in risks], np.where(left, 0, np.exp(-level))


@given(ROWS)
def test_figures_are_those_of_scikit_learn_and_scipy(rows):
    risk, left, money = (np.array(column) for column in zip(*rows, strict=True))
    order = Order(risk)
    if 0 < left.sum() < len(left):
        assert order.roc_auc(left).value == pytest.approx(roc_auc_score(left, risk))
    else:
        assert np.isnan(order.roc_auc(left).value)
    if left.any():
        assert order.average_precision(left).value == pytest.approx(average_precision_score(left, risk))
    if len(set(risk)) > 1 and len(set(money)) > 1:
        assert order.correlation(Order(money)).value == pytest.approx(spearmanr(risk, money)[0])
    else:
        assert np.isnan(order.correlation(Order(money)).value)


def test_lift_by_hand():
    left = np.array([True, False, False, True, False, False, False, False, False, False])
    falling = np.arange(10, 0, -1)
    assert Order(falling).lift(left).value == pytest.approx(1 / 0.2)
    assert Order(falling).lift(left, top=0.4).value == pytest.approx((2 / 4) / 0.2)
    assert Order(np.zeros(10)).lift(left).value == pytest.approx(1)
    assert Order(np.r_[1, 1, np.zeros(8)]).lift(left).value == pytest.approx((1 / 2) / 0.2)  # half of each of the two


@given(ROWS)
def test_pulls_add_up_to_nothing(rows):
    risk, left, money = (np.array(column) for column in zip(*rows, strict=True))
    figures = [getattr(Order(risk), name)(left) for name in NAMES] + [Order(risk).correlation(Order(money))]
    assert all(
        figure.influence.sum() == pytest.approx(0, abs=1e-9)
        for figure in figures
        if not np.isnan(figure.influence).any()
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", [*NAMES, "correlation", "difference"])
def test_the_spread_is_that_of_a_bootstrap_over_customers(name, ties):
    """Customers have three rows each."""
    left, (one, other), money = drawn(3, ties=ties)
    of_customer = np.arange(len(left)).reshape(-1, 3)

    def figure(rows):
        if name == "correlation":
            return Order(one[rows]).correlation(Order(money[rows]))
        if name == "difference":
            return Order(one[rows]).roc_auc(left[rows]) - Order(other[rows]).roc_auc(left[rows])
        return getattr(Order(one[rows]), name)(left[rows])

    low, high = figure(np.arange(len(left))).interval(np.arange(len(left)) // 3)
    rng = np.random.default_rng(0)
    again = [figure(of_customer[rng.integers(0, len(of_customer), len(of_customer))].ravel()).value for _ in range(300)]
    assert (high - low) / (2 * 1.96) == pytest.approx(np.std(again), rel=0.2)


def test_a_figure_less_itself_is_nothing_and_has_no_interval():
    left, (one, _), _ = drawn(1, 300)
    nothing = Order(one).roc_auc(left) - Order(3 * one + 1).roc_auc(left)
    assert nothing.value == 0
    assert nothing.interval(np.arange(300)) == (0, 0)


def test_one_customer_many_times_tells_no_more_than_once():
    left, (one, _), _ = drawn(2, 400)
    once, often = (Order(np.repeat(one, times)).roc_auc(np.repeat(left, times)) for times in (1, 5))
    assert often.interval(np.arange(400).repeat(5)) == pytest.approx(once.interval(np.arange(400)), abs=1e-3)


def test_one_who_left_tells_no_interval():
    left = np.arange(20) == 3
    assert np.isnan(Order(np.arange(20)).roc_auc(left).interval(np.arange(20))).all()


def test_the_mean_weighs_by_rows():
    figures = [Ranking(0.5, np.zeros(1)), Ranking(0.9, np.zeros(3))]
    assert mean_of(figures, [1, 3]).value == pytest.approx(0.8)
