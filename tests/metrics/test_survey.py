import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit import net_promoter_score, satisfaction_rate


def answers(kind, **counts):
    """Frame of so many answers of a kind by score: s9=3 is three answers of 9."""
    scores = [int(name[1:]) for name, count in counts.items() for _ in range(count)]
    return pl.DataFrame({"kind": [kind] * len(scores), "score": scores})


def test_162_promoters_108_passives_and_54_detractors_are_33_points():
    found = net_promoter_score(answers("nps", s10=100, s9=62, s8=50, s7=58, s6=30, s0=24))
    assert found.value == pytest.approx(100 * (162 - 54) / 324)
    assert (found.low, found.high) == pytest.approx((24.95, 41.11), abs=5e-3)
    assert (found.numerator, found.denominator, found.n, found.units) == (108, 324, 324, 324)
    assert found.method == "adjusted_wald"


@pytest.mark.parametrize(("score", "points"), [(0, -100), (6, -100), (7, 0), (8, 0), (9, 100), (10, 100)])
def test_where_promoters_begin_and_detractors_end(score, points):
    assert net_promoter_score([score]).value == points


@pytest.mark.parametrize(("score", "rate"), [(1, 0), (3, 0), (4, 1), (5, 1)])
def test_the_two_best_answers_are_satisfied(score, rate):
    assert satisfaction_rate([score]).value == rate


def test_satisfaction_is_a_share_with_wilsons_interval():
    found = satisfaction_rate(answers("csat", s5=50, s4=31, s3=100, s2=60, s1=22))
    assert found.value == 81 / 263
    assert (found.low, found.high) == pytest.approx(proportion_confint(81, 263, method="wilson"))


def test_satisfaction_and_its_mean_can_move_apart():
    before, after = answers("csat", s5=2, s1=2), answers("csat", s4=1, s3=3)
    assert after["score"].mean() > before["score"].mean()
    assert satisfaction_rate(after).value < satisfaction_rate(before).value


def test_answers_to_another_question_are_never_counted():
    both = pl.concat([answers("nps", s10=3, s7=1), answers("csat", s5=2, s1=6), answers("effort", s7=9)])
    assert (net_promoter_score(both).value, net_promoter_score(both).n) == (75, 4)
    assert (satisfaction_rate(both).value, satisfaction_rate(both).n) == (0.25, 8)


def test_an_unanswered_invitation_does_not_count():
    assert net_promoter_score([10, None, None, 0]).n == 2
