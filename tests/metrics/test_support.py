import datetime as dt

import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from engagekit import DataError
from engagekit.metrics import (
    first_response_hours,
    first_response_p90_hours,
    handling_hours,
    mean_handling_hours,
    reopen_rate,
    resolution_hours,
    ticket_satisfaction_rate,
    tickets_opened,
    tickets_per_customer,
)
from engagekit.prepare.working_hours import support_hours

OPENED = dt.datetime(2026, 3, 2, 9)


def hours_later(hours):
    return None if hours is None else OPENED + dt.timedelta(hours=hours)


def waits(replied, solved, as_of=10):
    """Tickets opened at 9 that were replied to and solved so many hours later, seen after ten hours."""
    tickets = pl.DataFrame(
        {
            "opened_at": [OPENED] * len(replied),
            "first_human_reply_at": [hours_later(hours) for hours in replied],
            "solved_at": [hours_later(hours) for hours in solved],
        },
        schema_overrides=dict.fromkeys(("first_human_reply_at", "solved_at"), pl.Datetime("us")),
    )
    return support_hours(tickets, hours_later(as_of), None)


def test_tickets_are_counted_by_their_id():
    assert tickets_opened(["1", "2", None, "4"]).value == 3


def test_handling_time_is_the_median_in_hours():
    assert handling_hours([30, 600, 90]).value == 1.5
    assert handling_hours([30, 60, 90, 600]).value == 1.25  # half-way between 60 and 90 minutes


def test_the_mean_handling_time_is_hours_of_work_over_tickets():
    found = mean_handling_hours([30, 600, 90, None])
    assert (found.numerator, found.denominator, found.value) == (0.5 + 10 + 1.5, 3, 4)


def test_the_interval_of_a_median_of_ten_is_from_the_second_to_the_ninth():
    # P(2 to 8 of 10 lie below the median) = 1 - 2 (1 + 10) / 1024 = 97.9 %; 3 to 7 would be 89 %
    found = handling_hours([60 * hours for hours in (3, 1, 2, 10, 5, 4, 8, 6, 9, 7)])
    assert (found.value, found.low, found.high) == (5.5, 2, 9)


def test_a_ticket_nobody_worked_on_yet_does_not_count():
    assert handling_hours([60, None]).n == mean_handling_hours([60, None]).n == 1


def test_time_in_hours_keeps_minutes():
    assert handling_hours([50]).value == pytest.approx(0.8333, abs=5e-5)


def test_one_of_three_solved_tickets_was_reopened():
    """A ticket that was never solved is in neither part, nor is one of which it is not known."""
    frame = pl.DataFrame({"reopened": [True, False, False, False, None], "solved_at": [1, 2, 3, None, 5]})
    found = reopen_rate(frame)
    assert (found.numerator, found.denominator) == (1, 3)
    assert (found.low, found.high) == pytest.approx(proportion_confint(1, 3, method="wilson"))
    assert reopen_rate(frame[3:4]).reason == "no_rows"


def test_a_ticket_that_was_reopened_twice_counts_once(on_engine):
    frame = pl.DataFrame({"reopened": [2, 1, 0, 0, None], "solved_at": [1, 2, 3, None, 5]})
    assert (reopen_rate(on_engine(frame)).numerator, reopen_rate(on_engine(frame)).denominator) == (2, 3)


def test_tickets_are_shared_among_active_customers():
    """Five tickets of four customers: one of whom had none, and one was active for two months."""
    activity = pl.DataFrame({"customer_id": ["a", "a", "b", "c", "d"], "tickets": [1, 0, 0, 3, 1]})
    found = tickets_per_customer(activity)
    assert (found.numerator, found.denominator, found.value, found.units) == (5, 4, 1.25, 4)
    assert tickets_per_customer(activity.with_columns(tickets=pl.lit(None, pl.Int64))).reason == "no_rows"


@pytest.mark.parametrize(("score", "rate"), [(1, 0), (3, 0), (4, 1), (5, 1)])
def test_the_two_best_ratings_of_a_ticket_are_satisfied(score, rate):
    assert ticket_satisfaction_rate([score]).value == rate


def test_a_ticket_that_was_not_rated_does_not_count():
    found = ticket_satisfaction_rate([5, 4, 3, 1, None, None])
    assert (found.numerator, found.denominator, found.value) == (2, 4, 0.5)
    assert (found.low, found.high) == pytest.approx(proportion_confint(2, 4, method="wilson"))
    assert ticket_satisfaction_rate([None]).reason == "no_rows"
    with pytest.raises(DataError, match="row 1: score 6"):
        ticket_satisfaction_rate([5, 6])


def test_who_still_waits_is_censored_and_not_dropped():
    """Replies after 1, 2 and 4 hours, one solved without any after 3, one waiting for 10.

    4/5 wait longer than 1 hour; 4/5 · 3/4 = 0.6 than 2; then 2 are left, and 0.6 · 1/2 = 0.3 wait longer than 4:
    the median is 4 hours. Of the three answered ones alone it would be 2.
    """
    found = first_response_hours(waits([1, 2, 4, None, None], [9, 9, 9, 3, None]))
    assert (found.value, found.n, found.reason) == (4, 5, "")
    assert found.warning.split() == ["censored", "few_values"]
    assert first_response_hours(waits([1, 2, 4], [9, 9, 9])).value == 2


def test_nine_in_ten_got_their_reply_between_the_ninth_and_the_tenth():
    replied = waits(range(1, 11), [None] * 10, as_of=20)
    assert first_response_p90_hours(replied).value == 9.5
    assert first_response_hours(replied).value == 5.5
    eleven = waits(range(1, 12), [None] * 11, as_of=20)
    assert first_response_p90_hours(eleven).value == 10  # after it 1/11 still wait, which is less than a tenth


def test_the_time_to_the_solution_is_from_the_opening_and_open_tickets_wait():
    """Solved after 2, 6 and 8 of 10 hours, two open: 0.8, 0.6, 0.4 are unsolved after them. 8 hours; 6 if dropped."""
    found = resolution_hours(waits([1] * 5, [2, 6, 8, None, None]))
    assert (found.value, found.n) == (8, 5)


def test_most_tickets_still_open_is_not_told_yet():
    found = resolution_hours(waits([1] * 4, [2, None, None, None]))
    assert (found.reason, found.n) == ("not_reached", 4)
    assert first_response_hours(waits([None] * 3, [None] * 3)).reason == "not_reached"


@pytest.mark.parametrize("metric", [first_response_hours, first_response_p90_hours, resolution_hours], ids=repr)
def test_a_ticket_of_which_it_is_not_known_does_not_count(metric):
    column, happened = metric.columns
    frame = pl.DataFrame({column: [1.0, 2.0, None], happened: [True, None, True]})
    assert metric(frame).n == 1
    assert metric(frame.tail(2)).reason == "no_rows"
    with pytest.raises(DataError, match=f"{column} -1.0"):
        metric(frame.with_columns(pl.lit(-1.0).alias(column)))
