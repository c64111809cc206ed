import math

import polars as pl
import pytest
from scipy import stats

from engagekit.metrics import (
    click_conversion_rate,
    click_rate,
    click_to_open_rate,
    human_open_rate,
    open_rate,
    undelivered_rate,
    unsubscribe_rate,
    unsubscribe_sent_rate,
)

MAILINGS = pl.DataFrame(
    {
        "sent": [1000, 110],
        "delivered": [900, 100],
        "opens": [90, 50],
        "clicks": [9, 10],
        "unsubscribes": [9, 0],
    }
)


def test_rates_are_people_over_delivered_not_over_sent():
    assert open_rate(MAILINGS).value == 140 / 1000
    assert click_rate(MAILINGS).value == 19 / 1000
    assert unsubscribe_rate(MAILINGS).value == 9 / 1000
    assert open_rate(MAILINGS).denominator == 1000


def test_a_rate_is_of_the_sums_and_not_the_mean_of_the_rates():
    assert open_rate(MAILINGS).value == 0.14  # 10 % of 900 and 50 % of 100; the mean of the two would be 30 %


def test_the_interval_is_that_of_mailings_and_not_of_people():
    """84 of 400 opened, .21; the mailings differ from that by -1, -6 and 7 readers, and weigh as much as 8/3 even ones.

    Their variance is 8/5 (1 + 36 + 49) / 400², as of 193 readers drawn one by one; t of 5/3 degrees is 5.2186.
    """
    found = open_rate(pl.DataFrame({"opens": [20, 36, 28], "delivered": [100, 200, 100]}))
    readers = 0.21 * 0.79 / (8 / 5 * (1 + 36 + 49) / 400**2)
    t2 = stats.t.ppf(0.975, 5 / 3) ** 2
    root = math.sqrt(t2 * 0.21 * 0.79 / readers + (t2 / (2 * readers)) ** 2)
    expected = [(0.21 + t2 / (2 * readers) + side * root) / (1 + t2 / readers) for side in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(expected, rel=1e-12)
    assert (found.units, found.method) == (3, "effective_wilson")


def test_an_interval_of_shares_ends_between_0_and_1():
    found = open_rate(MAILINGS)
    assert 0 <= found.low < found.high <= 1
    assert found.high - found.low > 0.9  # two mailings of so different size and rate say next to nothing


def test_more_clicks_than_opens_are_no_fault():
    """A mail program that hides the pictures reports no open."""
    frame = pl.DataFrame({"opens": [5, 9], "clicks": [6, 3], "conversions": [7, 2], "delivered": [20, 20]})
    assert click_to_open_rate(frame).value == 9 / 14
    assert click_conversion_rate(frame).value == 1


def test_what_was_not_opened_by_a_machine_was_opened_by_a_human():
    frame = pl.DataFrame({"opens": [40, 10], "machine_opens": [15, 0], "delivered": [100, 100]})
    assert human_open_rate(frame).value == 35 / 200


def test_the_same_unsubscribes_are_fewer_of_those_sent():
    assert unsubscribe_sent_rate(MAILINGS).value == 9 / 1110
    assert undelivered_rate(MAILINGS).value == 110 / 1110


def test_only_opens_are_counted_too_high_by_machines():
    assert open_rate(MAILINGS).warning == "machine_opens"
    assert click_rate(MAILINGS).warning == unsubscribe_rate(MAILINGS).warning == ""
