import pytest

from engagekit import handling_hours, tickets_opened


def test_tickets_are_counted_by_their_id():
    assert tickets_opened(["1", "2", None, "4"]).value == 3


def test_handling_time_is_the_median_in_hours():
    assert handling_hours([30, 600, 90]).value == 1.5
    assert handling_hours([30, 60, 90, 600]).value == 1.25  # half-way between 60 and 90 minutes


def test_the_interval_of_a_median_of_ten_is_from_the_second_to_the_ninth():
    # P(2 to 8 of 10 lie below the median) = 1 - 2 (1 + 10) / 1024 = 97.9 %; 3 to 7 would be 89 %
    found = handling_hours([60 * hours for hours in (3, 1, 2, 10, 5, 4, 8, 6, 9, 7)])
    assert (found.value, found.low, found.high) == (5.5, 2, 9)


def test_a_ticket_nobody_worked_on_yet_does_not_count():
    assert handling_hours([60, None]).n == 1


def test_time_in_hours_keeps_minutes():
    assert handling_hours([50]).value == pytest.approx(0.8333, abs=5e-5)
