import datetime as dt
import math
import re
from itertools import permutations

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engagekit as ek
from engagekit.customers.features import customer_features
from engagekit.customers.leak import check_no_leak
from engagekit.customers.slopes import slopes
from engagekit.errors import DataError
from engagekit.prepare.history import History
from engagekit.score.components import Component
from engagekit.score.scorecard import Scorecard

ARTICLE = Scorecard(
    (
        Component("purchases", 0.4, 0, 100),
        Component("visits", 0.3, 0, 100),
        Component("feedback", 0.3, 0, 100),
    )
)


def one(card, **features):
    frame = pl.DataFrame({"customer_id": ["a"], **{name: [value] for name, value in features.items()}}, strict=False)
    return card.score(frame).row(0, named=True)


def test_the_articles_example_gives_71_and_not_65():
    scored = one(ARTICLE, purchases=80, visits=60, feedback=70)
    assert scored["score"] == pytest.approx(71)
    assert [scored[f"{name}_points"] for name in ("purchases", "visits", "feedback")] == pytest.approx([32, 18, 21])
    assert scored["segment"] == "advocate"


@pytest.mark.parametrize(
    ("values", "weights", "score"),
    [((80, 71, 90, 54), (2, 3, 3, 2), 75.1), ((83, 71, 78, 54), (7, 5, 8, 3), 74.87)],
)
def test_published_health_scores_come_out(values, weights, score):
    card = Scorecard(tuple(Component(f"f{i}", weight, 0, 100) for i, weight in enumerate(weights)))
    assert one(card, **{f"f{i}": value for i, value in enumerate(values)})["score"] == pytest.approx(score, abs=0.005)


@given(
    st.lists(st.tuples(st.floats(0.01, 10), st.one_of(st.none(), st.floats(-50, 150))), min_size=1, max_size=8),
)
def test_contributions_add_up_and_the_score_stays_on_its_scale(parts):
    card = Scorecard(tuple(Component(f"f{i}", weight, 0, 100) for i, (weight, _) in enumerate(parts)))
    scored = one(card, **{f"f{i}": value for i, (_, value) in enumerate(parts)})
    known = [(weight, min(max(value, 0), 100)) for weight, value in parts if value is not None]
    assert scored["coverage"] == pytest.approx(sum(w for w, _ in known) / sum(w for w, _ in parts))
    if not known:
        assert scored["score"] is None
        assert scored["segment"] is None
        return
    points = [scored[f"f{i}_points"] for i in range(len(parts)) if scored[f"f{i}_points"] is not None]
    assert sum(points) == sum(reversed(points)) == scored["score"]
    assert 0 <= scored["score"] <= 100
    assert min(points) >= 0
    assert scored["score"] == pytest.approx(sum(w * v for w, v in known) / sum(w for w, _ in known), abs=1e-8)


def test_all_points_of_what_is_known_are_100_and_not_a_bit_more():
    """.3 / .7 * 100 + .4 / .7 * 100 is 100.00000000000001 in floating point."""
    scored = one(ARTICLE, purchases=100, visits=100, feedback=None)
    assert scored["score"] == 100
    assert scored["purchases_points"] == pytest.approx(400 / 7)
    scores = pl.DataFrame({"customer_id": ["a"], "score": [scored["score"]]})
    assert ek.measure(scores, ek.metrics.engagement_score)["value"].item() == 100


def test_a_score_that_is_a_cut_but_for_rounding_has_reached_it():
    """.1 * 70 + .2 * 70 + .3 * 70 + .7 * 70 over 1.3 is 69.99999999999999 or 70, by the order."""
    for weights in permutations((0.1, 0.2, 0.3, 0.7)):
        card = Scorecard(tuple(Component(f"f{i}", weight, 0, 100) for i, weight in enumerate(weights)))
        scored = one(card, f0=70, f1=70, f2=70, f3=70)
        assert scored["score"] == pytest.approx(70, abs=1e-8)
        assert scored["segment"] == "advocate"


def test_a_score_on_a_cut_that_is_no_binary_fraction_has_reached_it():
    card = Scorecard((Component("x", 1, 0, 100),), cuts=(33.3, 66.6))
    assert [one(card, x=value)["segment"] for value in (33.2, 33.3, 66.5, 66.6)] == [
        "at_risk",
        "potential",
        "potential",
        "advocate",
    ]


def test_equal_values_of_a_component_give_equal_points():
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"customer_id": range(500), "purchases": rng.uniform(0, 100, 500), "visits": [100 / 3] * 500})
    scored = ARTICLE.score(frame.with_columns(feedback=rng.uniform(0, 100, 500)))
    assert scored["visits_points"].n_unique() == 1


def test_points_add_up_exactly_on_every_engine(on_engine):
    rng = np.random.default_rng(3)
    values = {name: [None if rng.random() < 0.2 else value for value in rng.uniform(-10, 110, 200)] for name in "abc"}
    frame = pl.DataFrame({"customer_id": range(200), **values})
    card = Scorecard(
        tuple(Component(name, weight, 0, 100) for name, weight in zip("abc", (0.4, 0.3, 0.3), strict=True))
    )
    scored = nw.from_native(card.score(on_engine(frame))).lazy().collect("polars").to_native().sort("customer_id")
    assert scored.equals(card.score(frame))
    points = scored["a_points", "b_points", "c_points"].rows()
    for parts, score in zip(points, scored["score"], strict=True):
        assert score is None or sum(part or 0 for part in parts) == score


def test_a_missing_feature_is_weighed_by_the_others_and_counted_in_the_coverage():
    scored = one(ARTICLE, purchases=80, visits=float("nan"), feedback=None)
    assert scored["score"] == pytest.approx(80)
    assert scored["coverage"] == pytest.approx(0.4)
    assert scored["visits_points"] is None


def test_less_is_better_where_the_direction_is_down():
    card = Scorecard((Component("recency_days", 1, 0, 80, "down"),))
    assert [one(card, recency_days=days)["score"] for days in (0, 20, 200)] == pytest.approx([100, 75, 0])


@pytest.mark.parametrize(
    ("score", "segment"), [(39.999, "at_risk"), (40, "potential"), (69.9, "potential"), (70, "advocate")]
)
def test_a_cut_belongs_to_the_segment_above_it(score, segment):
    assert one(Scorecard((Component("x", 1, 0, 100),)), x=score)["segment"] == segment


def test_pandas_in_pandas_out_and_the_input_is_unchanged():
    frame = pd.DataFrame({"customer_id": ["a"], "purchases": [80], "visits": [60], "feedback": [70]})
    before = frame.copy()
    scored = ARTICLE.score(frame)
    assert isinstance(scored, pd.DataFrame)
    assert math.isclose(scored["score"].iloc[0], 71)
    pd.testing.assert_frame_equal(frame, before)
    assert isinstance(ARTICLE.score(pl.from_pandas(frame).lazy()), pl.LazyFrame)


def test_a_feature_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(DataError, match="purchases: is not a column. Did you mean purchase?"):
        ARTICLE.score(pl.DataFrame({"customer_id": ["a"], "purchase": [1], "visits": [1], "feedback": [1]}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Component("x", 0, 0, 1), "weight is 0"),
        (lambda: Component("x", -1, 0, 1), "weight is -1"),
        (lambda: Component("x", math.nan, 0, 1), "weight is nan"),
        (lambda: Component("x", 1, 5, 5), "low is 5 and high 5"),
        (lambda: Component("x", 1, 5, 1), "low must be below high"),
        (lambda: Scorecard(()), "a score needs one at least"),
        (lambda: Scorecard((Component("x", 1, 0, 1),), (70, 40)), "must rise"),
        (lambda: Scorecard((Component("x", 1, 0, 1), Component("x", 2, 0, 1))), "twice"),
    ],
)
def test_a_scorecard_that_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


MONDAYS = [dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 12), dt.datetime(2026, 1, 19)]
VISITS = pl.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b"],
        "time": [
            MONDAYS[0] - dt.timedelta(days=1),
            *(day - dt.timedelta(days=2) for day in (*MONDAYS[1:], MONDAYS[2])),
        ],
        "action": "view",
        "channel": "web",
    }
)
LAST_WEEKS = Scorecard((Component("interactions", 1, 0, 4),))


def test_a_history_scores_each_date_as_if_it_were_today(on_engine):
    history = History({"interactions": on_engine(VISITS)})
    scored = nw.from_native(LAST_WEEKS.history(history, MONDAYS, "14d")).lazy().collect("polars").to_native()
    rows = scored["customer_id", "date", "score"].rows()
    scores = {(customer, day.replace(tzinfo=None)): score for customer, day, score in rows}
    assert scores == {("a", MONDAYS[0]): 25, ("a", MONDAYS[1]): 50, ("a", MONDAYS[2]): 50, ("b", MONDAYS[2]): 25}
    today = LAST_WEEKS.score(customer_features(History({"interactions": VISITS}), MONDAYS[2], "14d"))
    assert sorted(today["customer_id", "score"].rows()) == [("a", 50), ("b", 25)]


def test_a_history_has_slopes_and_knows_no_future():
    history = History({"interactions": VISITS})
    result = slopes(LAST_WEEKS.history(history, MONDAYS, "14d")).sort("customer_id")
    assert result["slope_points_per_week"].to_list() == [12.5, None]
    check_no_leak(lambda past, day: LAST_WEEKS.history(past, [MONDAYS[0], day], "14d"), history, MONDAYS[1])


def test_a_log_scale_by_hand_and_a_cap():
    log = Scorecard((Component("value", 1, 1, 49, scale="log"),))
    scores = [one(log, value=value)["score"] for value in (-5, 1, 9, 49, 99)]
    assert scores == pytest.approx([0, 0, 50, 100, 100])
    capped = Scorecard((Component("value", 1, 0, 10, cap=4),))
    assert [one(capped, value=value)["score"] for value in (2, 4, 9)] == pytest.approx([20, 40, 40])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Component("x", 1, -1, 5, scale="log"), "on a log scale must be 0 or above"),
        (lambda: Component("x", 1, 2, 5, cap=2), "cap is 2, and must be above low"),
        (lambda: Scorecard((Component("x", 1, 0, 1),), hysteresis=30), "hysteresis: 30"),
        (lambda: Scorecard((Component("x", 1, 0, 1),), hysteresis=-1), "hysteresis: -1"),
    ],
)
def test_a_scale_a_cap_and_a_hysteresis_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def over_time(*scores, hysteresis=5):
    """Segments of a customer whose scores are these, a week apart."""
    card = Scorecard((Component("x", 1, 0, 100),), hysteresis=hysteresis)
    dates = [MONDAYS[0] + dt.timedelta(weeks=week) for week in range(len(scores))]
    frame = pl.DataFrame({"customer_id": "a", "date": dates, "x": list(scores)}, strict=False).sample(
        fraction=1, shuffle=True
    )
    return card.score(frame).sort("date")["segment"].to_list()


def test_nobody_flickers_about_a_cut():
    assert over_time(71, 69, 66, 65, 64, 69, 70) == ["advocate"] * 4 + ["potential"] * 2 + ["advocate"]
    assert over_time(39, 40, 36, 34, 39, 41) == ["at_risk", "potential", "potential", "at_risk", "at_risk", "potential"]
    assert over_time(80, 20, 66) == ["advocate", "at_risk", "potential"]
    assert over_time(71, 69, hysteresis=0) == ["advocate", "potential"]


def test_a_date_without_a_score_has_no_segment_and_is_forgotten():
    assert over_time(71, None, 66) == ["advocate", None, "advocate"]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=12))
def test_segments_over_time_are_those_of_walking_through_it(scores):
    held, expected = None, []
    for score in scores:
        up = sum(score >= cut for cut in (40, 70))
        down = sum(score >= cut - 5 for cut in (40, 70))
        held = up if held is None else min(max(held, up), down)
        expected.append(("at_risk", "potential", "advocate")[held])
    assert over_time(*scores) == expected


def test_segments_over_time_are_the_same_on_every_engine(on_engine):
    dates = [MONDAYS[0] + dt.timedelta(weeks=week) for week in range(4)]
    frame = pl.DataFrame(
        {"customer_id": ["a"] * 4 + ["b"] * 4, "date": dates * 2, "x": [71, 66, 64, 66, 41, 36, 34, 36]}
    )
    card = Scorecard((Component("x", 1, 0, 100),))
    result = (
        nw.from_native(card.score(on_engine(frame))).lazy().collect("polars").to_native().sort("customer_id", "date")
    )
    assert result["segment"].to_list()[:4] == ["advocate", "advocate", "potential", "potential"]
    assert result["segment"].to_list()[4:] == ["potential", "potential", "at_risk", "at_risk"]


@pytest.mark.parametrize("kind", [pl.DataFrame.to_pandas, lambda frame: frame, pl.DataFrame.lazy])
def test_scores_come_in_the_order_of_the_features(kind):
    rng = np.random.default_rng(6)
    dates = pl.Series(MONDAYS).gather(rng.integers(0, 3, 5_000))
    frame = pl.DataFrame({"customer_id": rng.integers(0, 900, 5_000), "date": dates, "x": rng.uniform(0, 100, 5_000)})
    frame = frame.unique(["customer_id", "date"]).sample(fraction=1, shuffle=True, seed=1)
    scored = nw.from_native(Scorecard((Component("x", 1, 0, 100),)).score(kind(frame))).lazy().collect("polars")
    assert scored.to_native()["customer_id"].equals(frame["customer_id"])


def test_columns_to_keep_are_returned():
    frame = pl.DataFrame({"customer_id": ["a"], "x": [50], "recency_days": [3.0]})
    assert Scorecard((Component("x", 1, 0, 100),)).score(frame, keep=["recency_days"])["recency_days"].item() == 3


EXPLAINED = {
    "en": "58 of 100 points: Orders 22 of 40; Active days 36 of 60. "
    "Down 9 points since 1 May 2026: Orders −10; Active days +1.",
    "id": "58 dari 100 poin: Pesanan 22 dari 40; Hari aktif 36 dari 60. "
    "Turun 9 poin sejak 1 Mei 2026: Pesanan −10; Hari aktif +1.",
    "ms": "58 daripada 100 mata: Pesanan 22 daripada 40; Hari aktif 36 daripada 60. "
    "Turun 9 mata sejak 1 Mei 2026: Pesanan −10; Hari aktif +1.",
}


@pytest.mark.parametrize("language", EXPLAINED)
def test_a_score_explains_itself(language):
    card = Scorecard((Component("orders", 0.4, 0, 10), Component("active_days", 0.6, 0, 10)))
    dates = [dt.datetime(2026, month, 1) for month in (4, 5, 6)]
    frame = pl.DataFrame({"customer_id": "a", "date": dates, "orders": [9.0, 8.0, 5.5], "active_days": [9.0, 5.8, 6.0]})
    assert card.explain(card.score(frame), "a", language) == EXPLAINED[language]
    assert card.explain(card.score(frame.to_pandas()), "a", language) == EXPLAINED[language]


def test_an_explanation_names_what_is_not_known_and_who_has_no_score():
    scored = ARTICLE.score(
        pl.DataFrame({"customer_id": ["a"], "purchases": [80], "visits": [None], "feedback": [None]}, strict=False)
    )
    sentences = ARTICLE.explain(scored, "a")
    assert sentences == (
        "80 of 100 points: purchases 80 of 100. Not known, so its weight is shared among the others: visits, feedback."
    )
    with pytest.raises(DataError, match="'b' has no score here"):
        ARTICLE.explain(scored, "b")
    numbered = ARTICLE.score(pl.DataFrame({"customer_id": [7], "purchases": [80], "visits": [60], "feedback": [70]}))
    assert ARTICLE.explain(numbered, "7") == ARTICLE.explain(numbered, 7)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6), st.lists(st.floats(0, 100), min_size=6, max_size=6))
def test_the_whole_points_of_an_explanation_add_up(latest, before):
    card = Scorecard(tuple(Component(f"f{i}", 1, 0, 100) for i in range(len(latest))))
    frame = {f"f{i}": [before[i], value] for i, value in enumerate(latest)}
    sentences = card.explain(card.score(pl.DataFrame({"customer_id": "a", "date": MONDAYS[:2], **frame})), "a")
    made_of, *moved = sentences.split(". ")
    score, *parts = (int(number) for number in re.findall(r"(-?\d+) of", made_of))
    assert score == sum(parts)
    if "than" in moved[0]:
        change = int(re.match(r"\d+", moved[0])[0]) * (-1 if "less" in moved[0] else 1)
        assert change == sum(int(number) for number in re.findall(r" ([+-]\d+)", moved[0]))
