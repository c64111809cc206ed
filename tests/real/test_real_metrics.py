"""Metrics of real data sets give the numbers that others measured on them."""

import datetime as dt

import polars as pl
import pytest

from engagekit import measure
from engagekit.metrics import (
    conversion_rate,
    mean_post_engagement_rate,
    reach_engagement_rate,
    resolution_hours,
    tickets_opened,
)
from engagekit.prepare.working_hours import support_hours


def test_facebook_posts_by_the_ratio_of_sums_and_by_the_mean_of_ratios(shared):
    """Every interaction of a post, as the file totals them."""
    posts = pl.read_csv(shared("facebook_metrics") / "dataset_Facebook.csv", separator=";")
    posts = posts.rename({"T_Reach": "reach", "T_Interactions": "likes"})
    assert reach_engagement_rate(posts).value == pytest.approx(0.01526, abs=5e-6)
    assert mean_post_engagement_rate(posts).value == pytest.approx(0.02407, abs=5e-6)


def test_sessions_of_a_turkish_shop_convert(shared):
    """The file has no customers; each of its sessions is one of its own."""
    sessions = pl.read_csv(shared("online_shoppers") / "online_shoppers_intention.csv", infer_schema_length=None)
    visits = sessions.select(converted=pl.col("Revenue").cast(pl.String).str.to_lowercase() == "true")
    found = conversion_rate(visits.with_row_index("customer_id"))
    assert (found.numerator, found.denominator, found.units) == (1908, 12_330, 12_330)
    assert round(found.value, 4) == 0.1547


def test_complaints_of_june(shared):
    table = shared("comcast_complaints") / "Comcast_telecom_complaints_data.csv"
    complaints = pl.read_csv(table, infer_schema=False).select(
        ticket_id="Ticket #", opened_at=pl.col("Date_month_year").str.to_datetime("%d-%b-%y")
    )
    found = measure(complaints, tickets_opened, every="1mo", at="opened_at")
    assert dict(found.select("period", "value").iter_rows())[dt.datetime(2015, 6, 1)] == 1046


def test_the_median_time_to_solve_at_an_italian_help_desk(shared):
    """From a case's first event to its last; every case is over, so the curve's median is the plain one."""
    events = pl.read_csv(shared("helpdesk_events") / "helpdesk.csv", try_parse_dates=True)
    time = pl.col("CompleteTimestamp")
    tickets = events.group_by(ticket_id="CaseID").agg(opened_at=time.min(), solved_at=time.max())
    waits = support_hours(tickets, dt.datetime(2013, 1, 1))
    assert round(resolution_hours(waits).value, 2) == 94.27
