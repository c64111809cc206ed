import dataclasses
import datetime as dt

import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit.metrics import (
    bounce_rate,
    conversion_rate,
    exit_rate,
    page_views,
    pages_per_session,
    session_duration_s,
    single_interaction_rate,
    single_page_rate,
    visitor_conversion_rate,
    visits_per_customer,
)
from engagekit.prepare.visits import views, visits

VISITS = pl.DataFrame(
    [
        ("ana", 1, 1, None, False, False),
        ("ana", 5, 3, 120.0, True, True),
        ("ana", 2, 2, 30.0, True, True),
        ("budi", 2, 0, 4.0, False, False),  # in an app, without a page
        ("citra", 3, 2, 60.0, True, False),
        ("citra", 1, 0, None, True, True),  # bought by one click
        ("dewi", 1, 1, None, True, False),  # stayed a minute on the one page
    ],
    schema=["customer_id", "events", "views", "duration_s", "engaged", "converted"],
    orient="row",
)
OF_VISITS = [
    (pages_per_session, 1 + 3 + 2 + 0 + 2 + 0 + 1, 7, 4),
    (session_duration_s, 120 + 30 + 4 + 60, 4, 3),  # dewi's visit, ana's first and citra's last have none
    (bounce_rate, 2, 7, 4),
    (single_interaction_rate, 3, 7, 4),
    (single_page_rate, 2, 5, 3),  # budi viewed no page
    (conversion_rate, 3, 7, 4),
    (visitor_conversion_rate, 2, 4, 4),  # ana, who converted twice, and citra
    (visits_per_customer, 7, 4, 4),
]
START = dt.datetime(2026, 3, 2, 9)
SEEN = pl.DataFrame(
    [
        ("ana", 0, "view", "home"),
        ("ana", 300, "view", "cart"),
        ("ana", 360, "purchase", None),
        ("ana", 3 * 3600, "view", "home"),
        ("budi", 3600, "login", None),
        ("budi", 3604, "search", None),
    ],
    schema=["customer_id", "second", "action", "page"],
    orient="row",
).select("customer_id", "action", "page", time=START + pl.duration(seconds="second"))


def named(value):
    return getattr(value, "name", None)


def test_only_views_are_page_views():
    frame = pl.DataFrame({"action": ["view", "purchase", "view", "login", None]})
    assert (page_views(frame).value, page_views(frame).n) == (2, 2)


def test_interactions_without_a_view_are_no_record_of_views():
    assert page_views(["purchase", "login"]).reason == "no_rows"


@pytest.mark.parametrize(("metric", "numerator", "denominator", "customers"), OF_VISITS, ids=named)
def test_seven_visits_of_four_customers(metric, numerator, denominator, customers):
    found = metric(VISITS)
    assert (found.numerator, found.denominator, found.units) == (numerator, denominator, customers)
    assert found.value == pytest.approx(numerator / denominator)


@pytest.mark.parametrize("metric", [metric for metric, *_ in OF_VISITS], ids=named)
def test_a_visit_of_which_it_is_not_known_does_not_count(metric):
    column = metric.columns[0]
    unknown = VISITS.head(2).with_columns(pl.lit(None, VISITS[column].dtype).alias(column))
    assert metric(pl.concat([VISITS, unknown])) == metric(VISITS)


def test_the_bounces_of_three_definitions_are_three_numbers():
    """By Google Analytics 4 two of seven, by Universal Analytics three of seven, by one page two of five."""
    rates = [metric(VISITS).value for metric in (bounce_rate, single_interaction_rate, single_page_rate)]
    assert rates == pytest.approx([2 / 7, 3 / 7, 2 / 5])


def test_visits_of_one_interaction_alone_have_no_duration_and_not_one_of_zero():
    found = session_duration_s(VISITS.filter(pl.col("events") == 1))
    assert (found.reason, found.n) == ("no_rows", 0)


def test_visits_without_a_page_are_no_rate_of_one_page():
    assert single_page_rate(VISITS.filter(pl.col("views") == 0)).reason == "no_rows"


def test_a_visitor_converts_once_however_often():
    again = pl.concat([VISITS, VISITS.filter(pl.col("converted"))])
    assert conversion_rate(again).numerator == 6
    found = visitor_conversion_rate(VISITS)
    assert dataclasses.replace(visitor_conversion_rate(again), n=found.n) == found
    assert (found.low, found.high) == pytest.approx(proportion_confint(2, 4, method="wilson"))


def test_views_that_were_the_last_of_their_visit_are_exits():
    """The view of an open visit, which may yet be followed by another, is in neither part."""
    frame = pl.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b", "c", "c"],
            "page": ["home", "cart", "home", "home", "home", "cart"],
            "exited": [False, True, True, True, False, None],
        }
    )
    found = exit_rate(frame)
    assert (found.numerator, found.denominator, found.units) == (3, 5, 3)
    by_page = exit_rate(frame, by="page").sort("page")
    assert by_page.select("page", "numerator", "denominator").rows() == [("cart", 1, 1), ("home", 2, 4)]


def test_no_page_was_left_yet_is_no_rate():
    assert exit_rate(pl.DataFrame({"exited": [None], "customer_id": ["a"]})).reason == "no_rows"


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        (pages_per_session, 2 + 1 + 0, 3),
        (session_duration_s, 360 + 4, 2),
        (bounce_rate, 2, 3),  # ana's second; and budi's, two interactions in four seconds
        (single_interaction_rate, 1, 3),
        (single_page_rate, 1, 2),
        (conversion_rate, 1, 3),
        (visitor_conversion_rate, 1, 2),
        (visits_per_customer, 3, 2),
    ],
    ids=named,
)
def test_six_interactions_are_three_visits(metric, numerator, denominator):
    found = metric(visits(SEEN))
    assert (found.numerator, found.denominator) == (numerator, denominator)


def test_of_three_views_two_were_exits_one_for_each_visit_with_a_view():
    assert page_views(SEEN).value == 3
    found = exit_rate(views(SEEN), by="page").sort("page")
    assert found.select("page", "numerator", "denominator").rows() == [("cart", 1, 1), ("home", 1, 2)]
    assert found["numerator"].sum() == single_page_rate(visits(SEEN)).denominator


def test_a_visit_that_may_still_go_on_is_in_no_rate():
    soon = START + dt.timedelta(hours=3, minutes=10)
    assert visits_per_customer(visits(SEEN, as_of=soon)).numerator == 2
    assert exit_rate(views(SEEN, as_of=soon)).denominator == 2


@pytest.mark.parametrize("flags", [pl.Int64, pl.Float64])
def test_flags_of_visits_may_be_written_as_numbers(flags):
    written = VISITS.with_columns(pl.col("engaged", "converted").cast(flags))
    assert conversion_rate(written) == conversion_rate(VISITS)
    assert bounce_rate(written) == bounce_rate(VISITS)
