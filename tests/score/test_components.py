import datetime as dt

import narwhals as nw
import polars as pl
import pytest

from engagekit.customers.features import customer_features
from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.prepare.history import History
from engagekit.score.components import Component, check_components
from engagekit.score.freeze import freeze
from engagekit.score.scorecard import Scorecard

HEAD = """name = "A"
kind = "ecommerce"
language = "id"
currency = "IDR"
time_zone = "Asia/Jakarta"
as_of = "2026-06-01"

[score.components]
%s

[tables.interactions]
file = "interactions.csv"
[tables.interactions.columns]
customer_id = "customer_id"
time = "time"
action = "action"
channel = "channel"
order_id = "order_id"
duration_s = "duration_s"
"""
ARTICLE = """orders = {weight = 0.4, low = 0, high = 5}
duration_s = {weight = 0.3, low = 0, high = 600}
interactions_social = {weight = 0.3, low = 0, high = 10}"""
DAY = dt.datetime(2026, 5, 20)


@pytest.fixture
def made(tmp_path):
    """A business of these components, whose customer buys four times, stays 360 s in the app and likes seven posts."""

    def made(components):
        rows = [("a", DAY, "purchase", "web", f"o{number}", None) for number in range(4)]
        rows += [("a", DAY, "view", "app", None, 360)]
        rows += [("a", DAY, "like", "social", None, None)] * 7
        names = ["customer_id", "time", "action", "channel", "order_id", "duration_s"]
        pl.DataFrame(rows, names, orient="row").write_csv(tmp_path / "interactions.csv")
        (tmp_path / "business.toml").write_text(HEAD % components)
        return Business.open(tmp_path)

    return made


def test_the_articles_example_can_be_written_down_and_gives_71(made):
    """Purchases 80, time in the app 60, social media 70: .4 * 80 + .3 * 60 + .3 * 70. The article prints 65."""
    business = made(ARTICLE)
    check_components(business)
    card = Scorecard.of(business)
    scored = card.history(History.of(business), [business.end()])
    assert scored["score"].tolist() == [pytest.approx(71)]
    assert scored["interactions_social_points"].tolist() == [pytest.approx(21)]
    assert "Interaksi: media sosial 21 dari 30" in card.explain(scored, "a", "id")


def test_a_channel_without_interactions_is_scored_as_0(made):
    business = made("orders = {weight = 1, low = 0, high = 5}\ninteractions_shop = {weight = 1, low = 0, high = 5}")
    check_components(business)
    card = Scorecard.of(business)
    history, end = History.of(business), business.end()
    for scored in (card.history(history, [end]), card.score(customer_features(history, end))):
        assert scored["interactions_shop_points"].tolist() == [0]
        assert scored["score"].tolist() == [40]


def test_a_preferred_channel_is_scored_as_yes_or_no(on_engine):
    rows = [("a", "web"), ("a", "web"), ("a", "app"), ("b", "app"), ("c", None)]
    frame = pl.DataFrame(rows, {"customer_id": pl.String, "channel": pl.String}, orient="row")
    history = History({"interactions": on_engine(frame.with_columns(time=pl.lit(DAY), action=pl.lit("view")))})
    card = Scorecard((Component("preferred_channel_web", 1, 0, 1), Component("interactions", 1, 0, 3)))
    scored = nw.from_native(card.history(history, [dt.datetime(2026, 6, 1)])).lazy().collect("polars").to_native()
    points = scored.sort("customer_id")["preferred_channel_web_points"].to_list()
    assert points == [50, 0, None]


def test_a_column_of_ones_own_comes_before_a_channel():
    frame = pl.DataFrame({"customer_id": ["a"], "interactions": [9], "interactions_web": [5]})
    card = Scorecard((Component("interactions_web", 1, 0, 10),))
    assert card.score(frame)["score"].item() == 50


def test_in_a_table_that_counts_no_interactions_a_channel_is_no_column():
    frame = pl.DataFrame({"customer_id": ["a"], "orders": [5]})
    with pytest.raises(DataError, match="^interactions_web: is not a column"):
        Scorecard((Component("interactions_web", 1, 0, 10),)).score(frame)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("order", "there is no feature 'order'. Did you mean orders"),
        ("preferred_channel", "there is no feature 'preferred_channel'.*preferred_channel_<channel>"),
        ("interactions_", "Did you mean interactions.*interactions_<channel>"),
        ("xyz", "There are: active_days"),
    ],
)
def test_a_component_that_is_no_feature_is_named_with_what_there_is(made, name, message):
    with pytest.raises(DataError, match=message):
        check_components(made(f"{name} = {{weight = 1, low = 0, high = 5}}"))


SURVEYS = """
[tables.surveys]
file = "surveys.csv"
columns = {customer_id = "customer_id", kind = "kind", score = "score", answered_at = "answered_at"}
"""


def test_a_score_from_surveys_needs_that_table(made):
    """Four of five orders are 40 of 50 points, the last answer of 7 is 35 of 50."""
    parts = "orders = {weight = 1, low = 0, high = 5}\nlast_nps = {weight = 1, low = 0, high = 10}"
    business = made(parts)
    with pytest.raises(DataError, match=r"last_nps is made of surveys, and there is no \[tables.surveys\]"):
        check_components(business)
    rows = [("a", "nps", score, DAY - back * dt.timedelta(days=1)) for score, back in ((2, 3), (7, 1), (9, -20))]
    names = ["customer_id", "kind", "score", "answered_at"]
    pl.DataFrame(rows, names, orient="row").write_csv(business.folder / "surveys.csv")
    file = business.folder / "business.toml"
    file.write_text(file.read_text() + SURVEYS)
    business = Business.open(business.folder)
    check_components(business)
    scored = Scorecard.of(business).history(History.of(business), [business.end()])
    assert scored[["score", "coverage", "last_nps_points"]].to_numpy().tolist() == [[75, 1, 35]]
    assert "Jawaban NPS terakhir (0 sampai 10) 35 dari 50" in Scorecard.of(business).explain(scored, "a", "id")


def test_the_sentiment_of_comments_can_be_a_component(made):
    """Four of five orders are 40 of 50 points; one good word of one, 1 / 1.05 in thousandths, is 0.976 of 50."""
    business = made("orders = {weight = 1, low = 0, high = 5}\ncomment_sentiment = {weight = 1, low = -1, high = 1}")
    rows = [("a", "csat", 5, DAY - dt.timedelta(days=1), "enak")]
    names = ["customer_id", "kind", "score", "answered_at", "comment"]
    pl.DataFrame(rows, names, orient="row").write_csv(business.folder / "surveys.csv")
    file = business.folder / "business.toml"
    file.write_text(file.read_text() + SURVEYS.replace("}", ', comment = "comment"}'))
    business = Business.open(business.folder)
    scored = Scorecard.of(business).history(History.of(business), [business.end()])
    assert scored["comment_sentiment_points"].tolist() == pytest.approx([50 * (1 + 0.952) / 2])


def test_bounds_of_a_channel_are_frozen(made):
    """In the window of the only date twenty customers have one interaction and twenty have two."""
    business = made("interactions_social = {weight = 1}")
    rows = [(f"c{who}", DAY - dt.timedelta(days=80 * back), "like", "social") for who in range(40) for back in (0, 1)]
    rows += [(f"c{who}", DAY, "like", "social") for who in range(20)]
    frame = pl.DataFrame(rows, ["customer_id", "time", "action", "channel"], orient="row")
    frame.with_columns(order_id=pl.lit(""), duration_s=pl.lit("")).write_csv(business.folder / "interactions.csv")
    bounds = freeze(Business.open(business.folder))["bounds"]
    assert bounds == {"interactions_social": {"low": 1, "high": 2}}


def test_a_channel_without_interactions_cannot_be_frozen(made):
    business = made("interactions_shop = {weight = 1}")
    with pytest.raises(DataError, match=r"interactions_shop: is 0 for .*Give it low and high, or drop it\."):
        freeze(business, starts="2026-01-01")


@pytest.mark.parametrize(("name", "value"), [("direction", "sideways"), ("scale", "percentile")])
def test_a_direction_or_scale_that_there_is_not_is_refused(name, value):
    with pytest.raises(ValueError, match=f"orders: {name} is '{value}', and must be"):
        Component("orders", 1, 0, 10, **{name: value})
