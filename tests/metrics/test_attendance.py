import polars as pl
import pytest

from engagekit.metrics import attendance_rate, attendees, interactions_per_attendee, registration_rate, registrations

EVENTS = pl.DataFrame(
    {
        "invited": [100, 60, None],
        "registered": [40, 20, 10],
        "attended": [30, 24, 6],
        "interactions": [12, 24, None],
    }
)
RATIOS = (registration_rate, attendance_rate, interactions_per_attendee)


def named(value):
    return getattr(value, "name", None)


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        (registration_rate, 40 + 20, 100 + 60),  # nobody counted whom the third invited
        (attendance_rate, 30 + 24 + 6, 40 + 20 + 10),
        (interactions_per_attendee, 12 + 24, 30 + 24),
    ],
    ids=named,
)
def test_a_ratio_is_of_the_events_that_tell_both_parts(metric, numerator, denominator):
    found = metric(EVENTS)
    assert (found.numerator, found.denominator) == (numerator, denominator)
    assert found.value == pytest.approx(numerator / denominator)
    assert found.method == "delta"


@pytest.mark.parametrize(("metric", "total"), [(registrations, 70), (attendees, 60)], ids=named)
def test_a_total_is_the_sum_over_events(metric, total):
    found = metric(EVENTS)
    assert (found.value, found.n, found.method) == (total, 3, "")
    assert metric([5, None, 0]).value == 5


@pytest.mark.parametrize(("metric", "whole"), [(metric, metric.columns[1]) for metric in RATIOS], ids=named)
def test_nothing_to_divide_by_is_no_rate(metric, whole):
    found = metric(EVENTS.with_columns(pl.lit(0).alias(whole)))
    assert (found.reason, found.denominator) == ("zero_denominator", 0)


@pytest.mark.parametrize("metric", RATIOS, ids=named)
def test_events_are_pooled_and_not_averaged(metric):
    """5 of 10 and 10 of 90 are 15 of 100; the mean of 50 % and 11 % would be 31 %."""
    part, whole = metric.columns
    assert metric(pl.DataFrame({part: [5, 10], whole: [10, 90]})).value == 0.15


@pytest.mark.parametrize("metric", RATIOS, ids=named)
def test_walk_ins_can_pass_one(metric):
    part, whole = metric.columns
    found = metric(pl.DataFrame({part: [12, 12], whole: [8, 12]}))
    assert found.value == 1.2
    assert found.low >= 0
