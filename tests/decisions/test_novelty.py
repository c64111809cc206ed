"""Effect by day: an effect that fades, one that stays, and days without one arm."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit.decisions.experiment import experiment
from engagekit.decisions.novelty import effect_by_day
from engagekit.errors import DataError

DAYS = [dt.date(2026, 3, day) for day in range(1, 21)]


def counts(lift):
    """Daily counts of two arms with 1,000 customers each, of whom 100 convert in the control."""
    rows = [
        (day, arm, 1000, 100 + (lift(place) if arm == "new" else 0))
        for place, day in enumerate(DAYS)
        for arm in ("control", "new")
    ]
    return pl.DataFrame(rows, schema=["day", "arm", "n", "bought"], orient="row")


def test_an_effect_that_fades_after_the_first_week_is_a_change():
    made = effect_by_day(counts(lambda day: 60 if day < 7 else 10), metric="bought", at="day", counts="n")
    assert made.table["difference"].round(4).tolist() == [0.06] * 7 + [0.01] * 13
    assert (made.first.value, made.later.value, made.change.value) == pytest.approx((0.06, 0.01, -0.05))
    assert (made.first.n, made.later.n, made.verdict) == (14_000, 26_000, "changed")
    assert made.change.low < -0.05 < made.change.high < 0


def test_an_effect_that_stays_is_no_change():
    made = effect_by_day(counts(lambda day: 30), metric="bought", at="day", counts="n")
    assert made.verdict == "unknown"
    assert made.change.low < 0 < made.change.high


def test_a_day_is_compared_as_an_experiment_of_that_day():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"arm": rng.choice(["control", "new"], 400), "x": rng.normal(5, 2, 400)})
    frame["time"] = pd.Timestamp("2026-03-01 23:30", tz="Asia/Jakarta") + pd.to_timedelta(np.arange(400) % 4, "D")
    made = effect_by_day(frame, metric="x", at="time", first=1)
    (alone,) = experiment(frame[frame["time"].dt.day == 3], metrics="x").comparisons.to_dict("records")
    row = made.table.iloc[2]
    assert row["day"] == dt.date(2026, 3, 3)
    assert (row["difference"], row["low"]) == pytest.approx((alone["difference"], alone["low"]))


def test_a_day_without_one_arm_has_no_effect_and_still_counts_its_customers():
    made = effect_by_day(counts(lambda day: 30).slice(1), metric="bought", at="day", counts="n")
    assert made.table["n"].tolist()[:2] == [1000, 2000]
    assert np.isnan(made.table["difference"][0])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"first": 0}, "first: 0"),
        ({"control": "old"}, "no row has the arm 'old'"),
        ({"treatment": "control"}, "treatment: name the arm"),
        ({"metric": "boght"}, "Did you mean bought"),
        ({"at": "words"}, "neither a time nor a number of days"),
        ({"at": "arm"}, "arm: 'arm' is given for something else"),
        ({"at": "bought"}, "at: 'bought' is given for something else"),
        ({"unit": "day"}, "'day' is given for something else"),
    ],
)
def test_wrong_arguments_are_named(options, problem):
    frame = counts(lambda day: 30).with_columns(words=pl.lit("some"))
    with pytest.raises(ValueError, match=problem):
        effect_by_day(frame, **{"metric": "bought", "at": "day", "counts": "n"} | options)


def test_one_day_has_nothing_to_compare():
    with pytest.raises(DataError, match="one day only"):
        effect_by_day(counts(lambda day: 30).head(2), metric="bought", at="day", counts="n")


def test_rows_of_a_customer_are_one_and_those_in_two_arms_are_left_out():
    """On the first day 1 of 2 against 1 of 1, as c's later rows belong to c's first day; on the second 0 against 1."""
    rows = [
        ("a", "control", 0, False),
        ("b", "control", 0, True),
        ("c", "new", 0, False),
        ("c", "new", 1, True),
        ("c", "new", 1, True),
        ("d", "control", 1, False),
        ("e", "new", 1, True),
        ("f", "control", 0, True),
        ("f", "new", 1, True),
        (" ", "new", 1, False),
        ("g", " ", 1, False),
    ]
    frame = pl.DataFrame(rows, schema=["who", "arm", "day", "bought"], orient="row")
    table = effect_by_day(frame, metric="bought", at="day", unit="who").table
    assert table[["n_control", "n_treatment"]].to_numpy().tolist() == [[2, 1], [1, 1]]
    assert table[["value_control", "value_treatment"]].to_numpy().tolist() == [[0.5, 1], [0, 1]]
    assert table["difference"].tolist() == [0.5, 1]


@pytest.mark.parametrize("kind", ["duration", "number", "decimal"])
def test_days_since_the_assignment_may_be_durations_or_numbers(kind):
    frame = counts(lambda day: 30).with_columns(day=(pl.col("day") - DAYS[0]).dt.total_days())
    if kind == "duration":
        frame = frame.with_columns(pl.duration(hours=24 * pl.col("day") + 23).alias("day"))
    elif kind == "decimal":
        frame = frame.with_columns(pl.col("day") + 0.9)
    assert effect_by_day(frame, metric="bought", at="day", counts="n").table["day"].tolist() == list(range(20))


@pytest.mark.parametrize(
    ("day", "problem"), [(np.inf, "no day has"), (1e300, "no day has"), (dt.time(12), "neither a time nor a number")]
)
def test_what_is_no_day_is_named(day, problem):
    frame = counts(lambda day: 30).with_columns(day=pl.lit(day))
    with pytest.raises(DataError, match=f"^day: .*{problem}"):
        effect_by_day(frame, metric="bought", at="day", counts="n")


@pytest.mark.parametrize("names", [(0, 1), (False, True)])
def test_arms_may_be_numbers_or_true_and_false(names):
    frame = counts(lambda day: 30)
    named = frame.with_columns(pl.col("arm").replace_strict(dict(zip(("control", "new"), names, strict=True))))
    made = effect_by_day(named, metric="bought", at="day", counts="n", control=names[0], treatment=names[1])
    assert made.table["difference"].round(3).tolist() == [0.03] * 20
