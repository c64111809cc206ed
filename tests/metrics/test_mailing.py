import math

import polars as pl
import pytest

from engagekit import click_rate, open_rate, unsubscribe_rate

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
    # 84 of 400 opened, .21; the mailings differ from that by -1, -6 and 7 readers; t of 2 degrees is 4.3027
    found = open_rate(pl.DataFrame({"opens": [20, 36, 28], "delivered": [100, 200, 100]}))
    half = 4.3027 * math.sqrt(3 / 2 * (1 + 36 + 49)) / 400
    assert (found.low, found.high) == pytest.approx((0.21 - half, 0.21 + half), abs=1e-5)
    assert (found.units, found.method) == (3, "delta")


def test_an_interval_of_shares_ends_at_0_and_1():
    # 140 of 1000; the mailings differ by -36 and 36; t of 1 degree is 12.706, so .14 plus or minus .91
    found = open_rate(MAILINGS)
    assert (found.low, found.high) == (0, 1)


def test_only_opens_are_counted_too_high_by_machines():
    assert open_rate(MAILINGS).warning == "machine_opens"
    assert click_rate(MAILINGS).warning == unsubscribe_rate(MAILINGS).warning == ""
