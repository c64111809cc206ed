import math

import numpy as np
import polars as pl
import pytest
from halls import by_halls_transformation
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from engagekit import DataError, difference
from engagekit.metrics import (
    detractor_rate,
    effort_mean,
    low_effort_rate,
    net_promoter_score,
    promoter_rate,
    response_rate,
    review_mean,
    satisfaction_mean,
    satisfaction_rate,
    very_satisfied_rate,
)
from engagekit.metrics.metric import per_person


def named(value):
    return getattr(value, "name", None)


def answers(kind, **counts):
    """Frame of so many answers of a kind by score: s9=3 is three answers of 9."""
    scores = [int(name[1:]) for name, count in counts.items() for _ in range(count)]
    return pl.DataFrame({"kind": [kind] * len(scores), "score": scores})


def satisfied(yes, asked):
    return satisfaction_rate([5] * yes + [1] * (asked - yes))


ASKED = pl.concat(
    [
        answers("nps", s10=3, s9=2, s8=1, s7=2, s6=1, s0=1),
        answers("csat", s5=2, s4=1, s3=1, s1=1),
        answers("effort", s7=1, s6=2, s5=1, s4=1, s1=1),
        answers("review", s5=2, s2=1),
    ]
)
SHARES = (promoter_rate, detractor_rate, satisfaction_rate, very_satisfied_rate, low_effort_rate)
MEANS = (satisfaction_mean, effort_mean, review_mean)
OF_SCORES = {metric: metric.where["kind"] for metric in (net_promoter_score, *SHARES, *MEANS)}


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator", "value"),
    [
        (net_promoter_score, 3 + 2 - (1 + 1), 10, 30),
        (promoter_rate, 3 + 2, 10, 0.5),
        (detractor_rate, 1 + 1, 10, 0.2),
        (satisfaction_rate, 2 + 1, 5, 0.6),
        (very_satisfied_rate, 2, 5, 0.4),
        (satisfaction_mean, 5 + 5 + 4 + 3 + 1, 5, 3.6),
        (low_effort_rate, 1 + 2 + 1, 6, 4 / 6),
        (effort_mean, 7 + 6 + 6 + 5 + 4 + 1, 6, 29 / 6),
        (review_mean, 5 + 5 + 2, 3, 4),
    ],
    ids=named,
)
def test_each_metric_counts_the_answers_to_its_own_question(metric, numerator, denominator, value):
    estimate = metric(ASKED)
    assert (estimate.numerator, estimate.denominator) == (numerator, denominator)
    assert estimate.n == estimate.units == denominator
    assert estimate.value == pytest.approx(value)


def test_162_promoters_108_passives_and_54_detractors_are_33_points():
    estimate = net_promoter_score(answers("nps", s10=100, s9=62, s8=50, s7=58, s6=30, s0=24))
    assert estimate.value == pytest.approx(100 * (162 - 54) / 324)
    assert (estimate.low, estimate.high) == pytest.approx((24.95, 41.11), abs=5e-3)
    assert (estimate.numerator, estimate.denominator, estimate.n, estimate.units) == (108, 324, 324, 324)
    assert estimate.method == "adjusted_wald"


def test_the_interval_of_the_score_is_not_the_plain_one():
    """Plain: p = 1/2, d = 1/6, sqrt((p + d - (p - d)^2) / 324) = sqrt(5/9/324) = 4.14 points, so 25.22 to 41.45."""
    error = 100 * math.sqrt(5 / 9 / 324)
    plain = (100 / 3 - 1.959964 * error, 100 / 3 + 1.959964 * error)
    assert error == pytest.approx(4.14, abs=5e-3)
    assert plain == pytest.approx((25.22, 41.45), abs=5e-3)
    estimate = net_promoter_score([10] * 162 + [8] * 108 + [0] * 54)
    assert (estimate.low, estimate.high) != pytest.approx(plain, abs=0.2)


@pytest.mark.parametrize(("score", "points"), [(0, -100), (6, -100), (7, 0), (8, 0), (9, 100), (10, 100)])
def test_where_promoters_begin_and_detractors_end(score, points):
    assert net_promoter_score([score]).value == points
    assert promoter_rate([score]).value == (points == 100)
    assert detractor_rate([score]).value == (points == -100)


@pytest.mark.parametrize(
    ("metric", "last_out", "first_in"),
    [(satisfaction_rate, 3, 4), (very_satisfied_rate, 4, 5), (low_effort_rate, 4, 5)],
    ids=named,
)
def test_where_a_share_of_the_best_answers_begins(metric, last_out, first_in):
    assert [metric([score]).value for score in (1, last_out, first_in, 5)] == [0, 0, 1, 1]


@pytest.mark.parametrize("metric", SHARES, ids=named)
def test_a_share_of_answers_has_wilsons_interval(metric):
    estimate = metric(ASKED)
    expected = proportion_confint(estimate.numerator, estimate.denominator, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx(expected)
    assert estimate.method == "wilson"


@pytest.mark.parametrize(
    ("metric", "scores"),
    [(satisfaction_mean, [5, 4, 4, 3, 2]), (effort_mean, [7, 6, 6, 5]), (review_mean, [3, 3, 4, 3, 2])],
    ids=named,
)
def test_a_mean_has_halls_interval_within_its_scale(metric, scores):
    estimate = metric(scores)
    low, high = by_halls_transformation(np.array(scores, float), np.ones(len(scores)))
    assert (estimate.low, estimate.high) == pytest.approx((max(low, 1), min(high, metric.most)))


def test_a_mean_of_what_is_not_skewed_has_students_interval():
    estimate = review_mean([3, 3, 4, 3, 2])  # 3 ± 2.776 · sqrt(2 / 4 / 5)
    assert (estimate.low, estimate.high) == pytest.approx((2.122, 3.878), abs=5e-4)


@pytest.mark.parametrize(
    ("yes", "asked", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_satisfaction_has_the_published_intervals(yes, asked, low, high):
    estimate = satisfied(yes, asked)
    assert estimate.value == yes / asked
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(yes, asked, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(
    ("new", "old", "change", "low", "high"),
    [
        ((56, 70), (48, 80), 0.2, 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.6, 0.1705, 0.8090),
        ((6, 7), (2, 7), 4 / 7, 0.0582, 0.8062),
        ((5, 56), (0, 29), 5 / 56, -0.0381, 0.1926),
    ],
)
def test_a_difference_of_satisfaction_has_newcombes_interval(new, old, change, low, high):
    found = difference(satisfied(*old), satisfied(*new))
    result = (found.value, found.low, found.high)
    assert result == pytest.approx((change, low, high), abs=5e-5)
    assert result[1:] == pytest.approx(confint_proportions_2indep(*new, *old, method="newcomb"), abs=1e-12)


def test_satisfaction_and_its_mean_can_move_in_opposite_ways():
    """Two fives and two ones: half are satisfied, mean 3. One four and three threes: a quarter, mean 3.25."""
    before, after = answers("csat", s5=2, s1=2), answers("csat", s4=1, s3=3)
    assert (satisfaction_rate(before).value, satisfaction_rate(after).value) == (0.5, 0.25)
    assert (satisfaction_mean(before).value, satisfaction_mean(after).value) == (3, 3.25)


def test_the_score_can_fall_while_promoters_rise():
    before, after = answers("nps", s9=4, s8=6), answers("nps", s9=5, s8=3, s3=2)
    assert promoter_rate(after).value > promoter_rate(before).value
    assert (net_promoter_score(before).value, net_promoter_score(after).value) == (40, 30)


@pytest.mark.parametrize("metric", OF_SCORES, ids=named)
def test_an_unanswered_invitation_does_not_count(metric):
    unanswered = pl.DataFrame({"kind": [OF_SCORES[metric]] * 3, "score": pl.Series([None] * 3, dtype=pl.Int64)})
    assert metric(pl.concat([ASKED, unanswered])) == metric(ASKED)


@pytest.mark.parametrize("metric", OF_SCORES, ids=named)
def test_answers_to_other_questions_alone_are_no_data(metric):
    estimate = metric(ASKED.filter(pl.col("kind") != OF_SCORES[metric]))
    assert (estimate.reason, estimate.n) == ("no_rows", 0)


@pytest.mark.parametrize("metric", OF_SCORES, ids=named)
def test_an_answer_off_its_scale_or_between_two_steps_is_refused(metric):
    low, high = {"nps": (0, 10), "csat": (1, 5), "effort": (1, 7), "review": (1, 5)}[OF_SCORES[metric]]
    assert metric([low, high]).n == 2
    for wrong in (low - 1, high + 1, low + 0.5):
        with pytest.raises(DataError, match=f"{metric.name}: .*row 1: score {wrong}"):
            metric([high, wrong])


def test_half_of_the_invitations_were_answered():
    """Five rows: four invitations, two of them answered; the answer that came without an invitation is left out."""
    frame = pl.DataFrame({"sent_at": [1, 2, 3, 4, None], "answered_at": [3, None, 9, None, 5]})
    estimate = response_rate(frame)
    assert (estimate.numerator, estimate.denominator, estimate.value) == (2, 4, 0.5)
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(2, 4, method="wilson"))


def test_answers_without_any_invitation_are_no_response_rate():
    frame = pl.DataFrame({"sent_at": [None], "answered_at": [5]}, schema_overrides={"sent_at": pl.Int64})
    assert response_rate(frame).reason == "no_rows"


NPS = [9] * 162 + [7] * 108 + [5] * 54


def test_one_answer_each_is_the_adjusted_wald_interval_of_the_paper():
    alone = net_promoter_score(NPS)
    assert (round(alone.low, 2), round(alone.high, 2)) == (24.95, 41.11)
    each = net_promoter_score(pl.DataFrame({"score": NPS, "customer_id": [f"c{who}" for who in range(324)]}))
    assert (each.low, each.high, each.units, each.method) == (alone.low, alone.high, 324, "adjusted_wald")


def test_three_like_answers_each_are_a_third_of_the_answers():
    """Answers of a person that are all the same have a design effect of 3."""
    thrice = pl.DataFrame(
        {"score": [score for score in NPS for _ in range(3)], "customer_id": np.repeat(range(324), 3)}
    )
    estimate, once = net_promoter_score(thrice), net_promoter_score(NPS)
    assert (estimate.value, estimate.n) == (once.value, 972)
    assert (estimate.low, estimate.high) == pytest.approx((once.low, once.high))
    shares = promoter_rate(thrice), promoter_rate(NPS)
    assert (shares[0].low, shares[0].high) == pytest.approx((shares[1].low, shares[1].high))
    assert shares[0].method == "effective_wilson"


def test_a_mean_of_answers_is_of_people():
    """As the ratio of each person's total to their number of answers, by hand."""
    who = ["a", "a", "b", "c", "c", "c", *"defghijklmnopqrstuvwxyzABC"]
    scores = [5, 5, 4, 2, 3, 2, *([4, 5, 3] * 9)[:26]]
    people = pl.DataFrame({"who": who, "score": scores}).group_by("who").agg(x=pl.sum("score"), n=pl.len())
    low, high = by_halls_transformation(*(people[name].to_numpy().astype(float) for name in ("x", "n")))
    estimate = satisfaction_mean(pl.DataFrame({"score": scores, "customer_id": who}))
    assert (estimate.low, estimate.high) == pytest.approx((low, high))


def test_answers_without_a_name_stand_alone(on_engine):
    scores, who = [10, 10, 3, 8, 9, 3] * 10, [*"aabbc", None] * 10
    names = [f"{name}{row // 6}" if name else None for row, name in enumerate(who)]
    frame = on_engine(pl.DataFrame({"score": scores, "customer_id": names, "kind": "nps"}))
    named = [name or f"alone {row}" for row, name in enumerate(names)]
    expected = net_promoter_score(pl.DataFrame({"score": scores, "customer_id": named}))
    estimate = net_promoter_score(frame)
    assert (estimate.low, estimate.high, estimate.n) == pytest.approx((expected.low, expected.high, 60))
    assert estimate.low < net_promoter_score(scores).low  # the answers of a are alike


def test_one_person_who_holds_a_tenth_leaves_no_interval_and_counts_once_beside_it():
    """56 of 66 answers are of one promoter; of the ten others two are promoters and seven detractors."""
    who, scores = ["a"] * 56 + list("bcdefghijk"), [10] * 58 + [8] + [3] * 7
    frame = pl.DataFrame({"customer_id": who, "score": scores})
    estimate = net_promoter_score(frame)
    assert (estimate.value, estimate.warning, estimate.method) == (pytest.approx(100 * 51 / 66), "one_person", "")
    assert math.isnan(estimate.low)
    each = per_person(net_promoter_score)(frame)
    assert (each.value, each.units) == (pytest.approx(100 * (3 - 7) / 11), 11)
    few = pl.DataFrame({"customer_id": list("aabcdefghi"), "score": [10, 10, *scores[-8:]]})
    assert net_promoter_score(few).warning == ""  # a pair of ten
    assert net_promoter_score(few.with_columns(customer_id=pl.Series(list("aaacdefghi")))).warning == "one_person"


def test_only_answers_can_be_counted_by_person():
    with pytest.raises(ValueError, match="response_rate: no column says whose its rows are"):
        per_person(response_rate)
