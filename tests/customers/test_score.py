import datetime as dt
import math

import narwhals as nw
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit.customers.decline import slopes
from engagekit.customers.features import customer_features
from engagekit.customers.history import History
from engagekit.customers.leak import check_no_leak
from engagekit.customers.score import Component, Scorecard
from engagekit.errors import DataError

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
    assert sum(points) == scored["score"]
    assert scored["score"] == pytest.approx(sum(w * v for w, v in known) / sum(w for w, _ in known))


def test_a_missing_feature_is_weighed_by_the_others_and_told():
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
    told = {(who, day.replace(tzinfo=None)): score for who, day, score in scored["customer_id", "date", "score"].rows()}
    assert told == {("a", MONDAYS[0]): 25, ("a", MONDAYS[1]): 50, ("a", MONDAYS[2]): 50, ("b", MONDAYS[2]): 25}
    today = LAST_WEEKS.score(customer_features(History({"interactions": VISITS}), MONDAYS[2], "14d"))
    assert sorted(today["customer_id", "score"].rows()) == [("a", 50), ("b", 25)]


def test_a_history_has_slopes_and_knows_no_future():
    history = History({"interactions": VISITS})
    found = slopes(LAST_WEEKS.history(history, MONDAYS, "14d")).sort("customer_id")
    assert found["slope_points_per_week"].to_list() == [12.5, None]
    check_no_leak(lambda past, day: LAST_WEEKS.history(past, [MONDAYS[0], day], "14d"), history, MONDAYS[1])
