"""One test for each property that every metric has; a metric without a frame here fails."""

import datetime as dt
import importlib
import json
import math
import pkgutil
from functools import cache

import narwhals as nw
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagekit import metrics
from engagekit.data.tables import TABLES
from engagekit.errors import DataError
from engagekit.language import LANGUAGES, Language
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import FIELDS, Estimate
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Metric, Ratio, Total
from engagekit.metrics.quantile import Quantile

PREPARED = {"scores", "orders", "buyers", "base", "lifecycle", "visits", "views", "activity", "waits", "invitations"}
PREPARED |= {"newcomers", "cancellations", "replies"}
PEOPLE = [f"c{number}" for number in range(12)]
FLAGS = [True, False, True, None, False, False, True, False, True, False, False, True]
DAYS = [dt.datetime(2026, 5, day) for day in range(1, 13)]
CUSTOMERS = ["a", "a", "b", "c", "c", "c", "d", "d"]

SCORES = {"score": [12.5, 40, 71, 88, 90, 55, 23, 67, 95, 30, 74, 81], "customer_id": PEOPLE}
SEGMENTS = {"segment": ["advocate"] * 4 + ["potential"] * 3 + ["at_risk"] * 5, "customer_id": PEOPLE}
ORDERS = {
    "customer_id": CUSTOMERS,
    "value": [10.0, 15.5, 99.0, 20.0, None, 7.25, 30.0, -12.0],
    "gross": [10.0, 20.0, 99.0, 20.0, None, 7.25, 30.0, 0.0],
    "refunded": [0.0, 4.5, 0.0, 0.0, None, 0.0, 0.0, 12.0],
    "lines": [1, 3, 2, 1, 1, 1, 2, 0],
}
PAID = {
    "customer_id": PEOPLE,
    "action": ["purchase"] * 9 + ["refund", "view", "purchase"],
    "value": [10.0, 15.5, 99.0, 20.0, None, 7.25, 30.0, 12.0, 5.0, 9.0, None, -4.0],
}
BOUGHT = {"customer_id": PEOPLE, "value": [2.5 * 1.5**number for number in range(12)], "lines": [1] * 12}
BUYERS = {
    "customer_id": PEOPLE,
    "repeated": FLAGS,
    "several_products": FLAGS[::-1],
    "window_over": [True] * 9 + [False] * 3,
}
BASE = {
    "customer_id": PEOPLE,
    "in_base": [True] * 6 + [False] * 6,
    "churned": [True, False, False, False, True, False] + [False] * 6,
    "acquired": [False] * 6 + [True, True, False, False, False, False],
    "remained": [False, True, True, True, False, True, True, True, True, False, False, True],
    "lapsed": [False] * 8 + [True] * 4,
    "reactivated": [False] * 8 + [True, False, False, True],
    "opening_value": [10.0, 20.0, 20.0, 5.0, 12.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "closing_value": [0.0, 30.0, 20.0, 4.0, 0.0, 5.0, 10.0, 10.0, 0.0, 0.0, 0.0, 0.0],
}
ACTIVITY = {
    "customer_id": CUSTOMERS,
    "active_days": [3, 5, 1, 9, 20, None, 2, 4],
    "days": [31, 30, 31, 31, 30, 31, 31, 30],
    "tickets": [0, 1, 0, 2, 0, 1, 0, 0],
    "features_used": [1, 2, 0, 3, 3, None, 1, 1],
    "features_offered": [4] * 8,
}
VISITS = {
    "customer_id": CUSTOMERS,
    "events": [1, 4, 2, 9, 1, 3, 6, 2],
    "views": [1, 3, 0, 7, 1, 1, 4, 2],
    "duration_s": [None, 61.0, 4.0, 310.5, None, 9.0, 100.0, 22.0],
    "engaged": [False, True, False, True, False, False, True, True],
    "converted": [False, True, False, False, False, False, True, False],
}
VIEWS = {"customer_id": CUSTOMERS, "exited": [True, False, True, False, False, True, None, True]}
NPS = {"score": [10, 9, 9, 8, 7, 7, 6, 3, 10, None], "kind": ["nps"] * 9 + ["csat"]}
CSAT = {"score": [5, 4, 4, 3, 1, 5, 2, None, 5, 0], "kind": ["csat"] * 9 + ["nps"]}
EFFORT = {"score": [7, 6, 4, 5, 1, 2, None, 5, 0], "kind": ["effort"] * 8 + ["nps"]}
MAILINGS = {
    "sent": [104, 260, 81, 330],
    "delivered": [100, 250, 80, 300],
    "opens": [40, 60, 20, 150],
    "machine_opens": [11, 9, 3, 60],
    "clicks": [9, 12, 4, 33],
    "conversions": [2, 1, 0, 8],
    "unsubscribes": [1, 0, 2, 1],
    "complaints": [0, 1, 0, 1],
}
POSTS = {
    "reach": [1200, 800, 50, 0],
    "impressions": [2000, 900, 70, 10],
    "followers": [5000, 5010, 5020, 5025],
    "likes": [24, 10, None, 0],
    "comments": [10, 3, 1, 0],
    "shares": [10, 0, 1, None],
    "clicks": [5, 9, None, 0],
    "saves": [3, None, 1, 0],
    "replies_due": [6, 2, None, 0],
    "replied": [4, 2, None, 0],
}
STANDS = {
    "platform": ["x", "facebook", "x", "facebook"],
    "posted_at": [dt.datetime(2026, 5, day) for day in (1, 2, 3, 4)],
    "followers": [100, 40, 120, None],
}
MENTIONS = {
    "text": ["good", "bad", "it is there", "fine", "never again", None, "ok"],
    "sentiment": [0.8, -0.6, 0.01, 0.3, -0.9, None, 0.2],
    "time": [*DAYS[:6], None],
    "replied_at": [DAYS[1], None, DAYS[4], None, DAYS[6], DAYS[5], DAYS[7]],
}
CAMPAIGNS = {
    "spend": [100.0, 120.0, 30.0, 65.0],
    "hours": [5.0, 8.0, 2.0, 3.5],
    "reached": [900, 1500, 200, 640],
    "leads": [30, 20, 2, 15],
    "conversions": [9, 3, 1, 5],
    "revenue": [500.0, 90.0, 0.0, 260.0],
}
EVENTS = {
    "invited": [200, 150, 400, 90],
    "registered": [40, 10, 80, 15],
    "attended": [30, 12, 55, 9],
    "interactions": [12, 30, 41, 2],
}
TICKETS = {
    "ticket_id": PEOPLE,
    "work_minutes": [5, 240, 60, 30, 15, 90, 45, 120, 75, 20, None, 10],
    "solved_at": [*DAYS[:10], None, None],
    "reopened": FLAGS,
    "score": [5, 4, None, 1, 3, 5, 5, None, 2, 4, None, 5],
}
WAITS = {
    "ticket_id": [f"t{number}" for number in range(120)],
    "response_hours": [0.5 * number for number in range(120)],
    "replied": [number % 13 != 4 for number in range(120)],
    "resolution_hours": [2.0 * number for number in range(120)],
    "solved": [number % 5 != 0 for number in range(120)],
}
REPLIES = {"reply_hours": WAITS["response_hours"], "answered": WAITS["replied"]}
NEWCOMERS = {"customer_id": PEOPLE, "onboarded": FLAGS}
REVIEWS = {"score": [5, 4, 4, 1, None, 3], "kind": ["review"] * 5 + ["csat"]}
ACTIONS = {"action": ["view", "view", "purchase", "view", None], "event_id": PEOPLE[:5]}
INVITATIONS = {"sent_at": [*DAYS[:11], None], "answered_at": [*DAYS[1:5], *[None] * 7, DAYS[0]]}
STANDING = {
    "customer_id": CUSTOMERS,
    "state": ["new", "active", "returning", "dormant", "resurrected", "dormant", "returning", "dormant"],
}
JOINED = {"customer_id": PEOPLE, "loyalty_member": FLAGS, "referred_by": ["c9", "c1", *[None] * 10]}

LISTED = [
    (SCORES, "engagement_score median_engagement_score"),
    (SEGMENTS, "advocate_rate at_risk_rate"),
    (ORDERS, "revenue orders_placed"),
    (ORDERS, "order_value gross_order_value orders_per_customer revenue_per_customer refund_rate refunded_order_rate"),
    (BOUGHT, "median_order_value median_revenue_per_customer"),
    (PAID, "cash_refund_rate"),
    (BUYERS, "repeat_purchase_rate cross_sell_rate first_purchase_churn_rate"),
    (ACTIVITY, "product_usage_rate stickiness tickets_per_customer"),
    (BASE, "churn_rate retention_rate churn_rate_average_base lost_to_acquired_ratio reactivation_rate"),
    (BASE, "gross_revenue_retention net_revenue_retention revenue_churn_rate"),
    (NPS, "net_promoter_score promoter_rate detractor_rate"),
    (CSAT, "satisfaction_rate very_satisfied_rate satisfaction_mean"),
    (EFFORT, "effort_mean low_effort_rate"),
    (REVIEWS, "review_mean"),
    (INVITATIONS, "response_rate"),
    (ACTIONS, "page_views"),
    (VISITS, "pages_per_session session_duration_s bounce_rate single_interaction_rate single_page_rate"),
    (VISITS, "sessions visitors"),
    (VISITS, "conversion_rate visitor_conversion_rate visits_per_customer"),
    (VIEWS, "exit_rate"),
    (MAILINGS, "open_rate human_open_rate click_rate click_to_open_rate mail_conversion_rate click_conversion_rate"),
    (MAILINGS, "unsubscribe_rate unsubscribe_sent_rate undelivered_rate complaint_rate mails_delivered"),
    (POSTS, "reach_engagement_rate impression_engagement_rate follower_engagement_rate mean_post_engagement_rate"),
    (STANDS, "followers"),
    (POSTS, "reactions_per_post reactions likes comments shares clicks saves reach impressions comment_reply_rate"),
    (MENTIONS, "mentions mention_balance positive_mention_rate negative_mention_rate mention_reply_rate"),
    (REPLIES, "mention_reply_hours"),
    (
        CAMPAIGNS,
        "return_on_ad_spend lead_rate campaign_conversion_rate cost_per_lead cost_per_conversion leads_per_hour",
    ),
    (CAMPAIGNS, "spend leads conversions"),
    (EVENTS, "registrations attendees registration_rate attendance_rate interactions_per_attendee"),
    (TICKETS, "tickets_opened handling_hours mean_handling_hours reopen_rate ticket_satisfaction_rate"),
    (WAITS, "first_response_hours first_response_p90_hours resolution_hours"),
    (ACTIVITY, "active_customers interactions new_customers cancellations"),
    (STANDING, "returning_customers resurrected_customers dormant_customers"),
    (NEWCOMERS, "onboarding_rate"),
    (JOINED, "loyalty_participation_rate referral_rate"),
]
FRAMES = {name: frame for frame, names in LISTED for name in names.split()}

every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
every_table = pytest.mark.parametrize("table", sorted({metric.table for metric in METRICS.values()}))


def frame_of(metric: Metric) -> pl.DataFrame:
    return pl.DataFrame(FRAMES[metric.name])


def under_new_ids(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        (pl.col(name) + "-again") for name in frame.columns if name.endswith("_id") or name == "platform"
    )


def width(estimate) -> float:
    return estimate.high - estimate.low


def close(one, other, tolerance=1e-9):
    """Compare two estimates: words and counts exactly, numbers to so many digits, NaN with NaN."""
    one, other = (estimate.as_dict() for estimate in (one, other))
    numbers = {name for name, value in one.items() if isinstance(value, float)}
    assert {name: value for name, value in one.items() if name not in numbers} == {
        name: value for name, value in other.items() if name not in numbers
    }
    for name in numbers:
        assert one[name] == pytest.approx(other[name], rel=tolerance, abs=tolerance, nan_ok=True), name


def rows_of(frame) -> list[dict]:
    return nw.from_native(frame).rows(named=True)


def estimate_in(row: dict) -> Estimate:
    return Estimate(**{name: row[name] for name in FIELDS})


def undefined(estimate: Estimate) -> None:
    assert (estimate.n, estimate.units, estimate.method, estimate.reason) == (0, 0, "", "no_rows")
    numbers = (estimate.value, estimate.low, estimate.high, estimate.numerator, estimate.denominator)
    assert all(math.isnan(number) for number in numbers)


def names_a_missing_column(metric: Metric, engine) -> None:
    frame = frame_of(metric).with_columns(another=pl.lit(1))
    needed = metric.needed(frame.columns)
    single = [name for name in needed if name not in metric.any_of]
    assert single or metric.any_of
    for name in single:
        with pytest.raises(DataError, match=f"^{name}: is not a column") as caught:
            measure(engine(frame.drop(name)), metric)
        assert caught.value.column == name
    if metric.any_of:
        with pytest.raises(DataError, match=f"^{metric.any_of[0]}: is not a column"):
            metric(engine(frame.drop(metric.any_of, strict=False)))


def test_every_metric_has_a_frame_here():
    assert FRAMES.keys() == METRICS.keys()


def test_every_metric_of_the_room_is_in_the_catalogue_under_its_name():
    modules = [importlib.import_module(f"engagekit.metrics.{m.name}") for m in pkgutil.iter_modules(metrics.__path__)]
    defined = [(name, value) for module in modules for name, value in vars(module).items() if isinstance(value, Metric)]
    assert {name: value for name, value in defined if not name.startswith("_")} == METRICS
    assert all(metric.name == name for name, metric in METRICS.items())


@every_metric
def test_it_states_where_it_comes_from_and_what_it_is(metric):
    assert metric.table in {*TABLES, *PREPARED}
    if metric.table in TABLES:
        assert {*metric.columns, *metric.any_of, *metric.where} <= set(TABLES[metric.table].columns)
    assert metric.measured_in in {"rate", "points", "money", "hours", "seconds", "count", "ratio"}
    assert metric.better in {"higher", "lower", ""}
    assert metric.reference.endswith(".")
    assert isinstance(metric, Ratio | Total | Quantile)


@every_metric
@pytest.mark.parametrize("code", LANGUAGES)
def test_its_words_exist_in_every_language(metric, code):
    text = Language(code).text
    for part in ("title", "meaning", "formula", "caveat"):
        words = text(f"metric.{metric.name}.{part}")
        assert words.strip() == words != ""
        assert words.count("{") == words.count("}")
    assert "7" in text(f"unit.{metric.unit}", n="7")
    assert text(f"channel.{metric.channel}")
    if metric.caution:
        assert text(f"warning.{metric.caution}")


@every_metric
def test_its_value_is_in_range(metric):
    estimate = metric(frame_of(metric))
    low, high = (getattr(metric, "scale", 1) * bound for bound in metric.range)
    assert low <= estimate.value <= high
    assert estimate.reason == ""
    if isinstance(metric, Total):
        assert math.isnan(estimate.low)
        assert math.isnan(estimate.high)
        assert estimate.method == ""
    else:
        assert low <= estimate.low <= estimate.value <= estimate.high <= high
        assert estimate.low < estimate.high
        assert estimate.method
    assert 1 <= estimate.units <= estimate.n <= frame_of(metric).height
    assert ("machine_opens" in estimate.warning) == (metric.name in ("open_rate", "click_to_open_rate"))
    json.dumps(estimate.as_dict(), allow_nan=False)


@every_metric
def test_the_order_of_rows_does_not_matter(metric):
    frame = frame_of(metric)
    close(metric(frame), metric(frame.reverse()))
    close(metric(frame), metric(frame.sample(fraction=1, shuffle=True, seed=3)))


@every_metric
def test_the_input_is_unchanged_afterwards(metric):
    frame = frame_of(metric)
    native = frame.to_pandas()
    before = native.copy(deep=True)
    metric(native)
    metric(frame)
    pd.testing.assert_frame_equal(native, before)
    assert_frame_equal(frame, frame_of(metric))


@every_metric
def test_nothing_is_undefined_and_says_why(metric, in_memory):
    undefined(metric(in_memory(frame_of(metric).head(0))))


@every_metric
def test_a_missing_column_is_named(metric, in_memory):
    names_a_missing_column(metric, in_memory)


@every_metric
def test_the_same_data_again_leaves_a_rate_and_narrows_its_interval(metric):
    frame = frame_of(metric)
    once, twice = metric(frame), metric(pl.concat([frame, under_new_ids(frame)]))
    assert (twice.n, twice.units) == (2 * once.n, 2 * once.units)
    if isinstance(metric, Total):
        assert twice.value == 2 * once.value
    else:
        assert twice.value == pytest.approx(once.value, rel=1e-12)
        assert width(twice) < width(once)


@every_metric
def test_pandas_gives_the_same(metric):
    frame = pl.concat([frame_of(metric)] * 3)
    close(metric(frame.to_pandas()), metric(frame))


@every_metric
def test_by_a_group_equals_each_group_alone(metric, in_memory):
    frame = frame_of(metric).with_columns(branch=pl.int_range(pl.len()) % 2)
    rows = rows_of(metric(in_memory(frame), by="branch"))
    assert [row["branch"] for row in rows] == [0, 1]
    for row in rows:
        close(estimate_in(row), metric(frame.filter(branch=row["branch"])))


# Every engine: the metrics of a table at once, because a query of Spark takes as long as a hundred of Polars.


def metrics_of(table: str) -> list[Metric]:
    return [metric for metric in METRICS.values() if metric.table == table]


def frame_for(several: list[Metric]) -> pl.DataFrame:
    return pl.concat([frame_of(metric) for metric in several], how="diagonal_relaxed")


@cache
def alone(table: str) -> tuple[pl.DataFrame, dict[tuple, Estimate]]:
    """Rows of two branches for every metric of a table, and each metric by itself: of all rows and of each branch."""
    several = metrics_of(table)
    frame = frame_for(several).with_columns(branch=pl.int_range(pl.len()) % 2)
    branches = {None: frame} | {branch: frame.filter(branch=branch) for branch in (0, 1)}
    return frame, {(m.name, branch): m(rows) for m in several for branch, rows in branches.items()}


@every_table
def test_on_every_engine_all_metrics_of_a_table_at_once_equal_each_alone(table, on_engine):
    several = metrics_of(table)
    frame, expected = alone(table)
    rows = rows_of(measure(on_engine(frame), several))
    assert [row["metric"] for row in rows] == [metric.name for metric in several]
    for row in rows:
        close(estimate_in(row), expected[row["metric"], None])


@every_table
def test_on_every_engine_groups_equal_each_group_alone(table, on_engine):
    several = metrics_of(table)
    frame, expected = alone(table)
    rows = rows_of(measure(on_engine(frame), several, by="branch"))
    assert [(row["metric"], row["branch"]) for row in rows] == [(m.name, branch) for m in several for branch in (0, 1)]
    for row in rows:
        close(estimate_in(row), expected[row["metric"], row["branch"]])


@every_table
def test_on_every_engine_nothing_is_undefined_and_says_why(table, on_engine):
    several = metrics_of(table)
    rows = rows_of(measure(on_engine(frame_for(several).head(0)), several))
    assert [row["metric"] for row in rows] == [metric.name for metric in several]
    for row in rows:
        undefined(estimate_in(row))


@every_table
def test_on_every_engine_a_missing_column_is_named(table, on_engine):
    names_a_missing_column(metrics_of(table)[0], on_engine)
