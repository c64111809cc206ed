"""Who left when, and the curve of it: beside published figures, by hand, and by a second route."""

import datetime as dt

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import DATES, END, made

from engagekit.churn.dataset import churn_dataset
from engagekit.churn.survival import churn_times, survival
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition

DAY = dt.timedelta(days=1)
DATE = dt.datetime(2026, 3, 1)
LAST = dt.datetime(2026, 9, 1)

# Weeks in remission of 21 patients under 6-MP (Freireich et al. 1963); censored ones are negative
WEEKS = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]


def test_the_curve_and_its_band_are_those_published():
    """R: survfit(Surv(time, status) ~ 1, conf.type = "log-log")."""
    found = survival(np.abs(WEEKS), np.array(WEEKS) > 0).set_index("days")
    assert found["at_risk"].to_dict() == {0: 21, 6: 21, 7: 17, 10: 15, 13: 12, 16: 11, 22: 7, 23: 6, 35: 1}
    expected = {
        6: (0.857, 0.620, 0.952),
        7: (0.807, 0.563, 0.923),
        10: (0.753, 0.503, 0.889),
        13: (0.690, 0.432, 0.849),
        16: (0.627, 0.368, 0.805),
        22: (0.538, 0.268, 0.747),
        23: (0.448, 0.188, 0.680),
    }
    for week, numbers in expected.items():
        assert found.loc[week, ["value", "low", "high"]].to_list() == pytest.approx(numbers, abs=6e-4)
    assert found.loc[0, ["value", "low", "high"]].to_list() == [1, 1, 1]
    assert found.loc[35, "value"] == found.loc[23, "value"]


def test_a_curve_where_all_stayed_or_all_left():
    assert survival([3, 5], [False, False])["value"].to_list() == [1, 1]
    gone = survival([0, 5], [True, True])
    assert gone["value"].to_list() == [1, 0.5, 0]
    assert np.isnan(gone["low"].iloc[-1])


@pytest.mark.parametrize(
    ("days", "left"), [([], []), ([1, -1], [True, True]), ([1], [True, False]), ([np.nan], [True])]
)
def test_times_that_cannot_be_are_refused(days, left):
    with pytest.raises(ValueError, match="^days: give a time of 0 or above for each customer"):
        survival(days, left)


def test_the_band_holds_the_truth_at_a_point():
    """Of exponential times, cut at random, 95 in 100 hold exp(-1) at the mean."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        times, cut = rng.exponential(1, 80), rng.exponential(2, 80)
        found = survival(np.minimum(times, cut), times <= cut)
        at = found[found["days"] <= 1].iloc[-1]
        held += at["low"] <= np.exp(-1) <= at["high"]
    assert 0.92 <= held / 400 <= 0.98


def by_hand(times, horizon, window):
    """Days to leaving, and whether that is known, of a customer with these interactions; None outside the base."""
    if not any(DATE - window <= time < DATE for time in times):
        return None
    times = sorted(time for time in times if time < LAST)
    silences = []
    for time, following in zip(times, [*times[1:], LAST + 999 * DAY], strict=True):
        start = DATE if time + horizon < DATE <= following else time
        if following - start >= horizon and start + horizon >= DATE:
            silences.append(start + horizon)
    gone = min(silences)
    return ((gone - DATE) / DAY, True) if gone <= LAST else ((LAST - DATE) / DAY, False)


hours = st.lists(st.integers(-24 * 100, 24 * 190), min_size=1, max_size=8)
lengths = st.sampled_from([7, 28, 60])


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), hours, min_size=1), lengths, lengths)
def test_without_a_contract_a_customer_leaves_after_a_silence_of_a_horizon(customers, horizon, window):
    times = {who: [DATE + dt.timedelta(hours=hour) for hour in each] for who, each in customers.items()}
    rows = [(who, time, "view") for who, each in times.items() for time in each]
    frame = pl.DataFrame(rows, schema=["customer_id", "time", "action"], orient="row")
    churn = ChurnDefinition(horizon=f"{horizon}d", active_window=f"{window}d", contractual=False)
    found = churn_times(History({"interactions": frame}), DATE, churn, as_of=LAST)
    expected = {who: by_hand(each, horizon * DAY, window * DAY) for who, each in times.items()}
    assert found["customer_id"].to_list() == sorted(who for who, each in expected.items() if each)
    assert {who: (round(days, 9), left) for who, days, left in found.rows()} == {
        who: (round(each[0], 9), each[1]) for who, each in expected.items() if each
    }


PERIODS = [  # customer, first and last day after the date
    ("renews", -30, 0),
    ("renews", 0, 31),
    ("late", -1, 3),
    ("late", 10, 999),
    ("lost", -1, 4),
    ("lost", 50, None),
    ("overlaps", -9, 60),
    ("overlaps", -5, 2),
    ("on", 0, None),
    ("before", -90, 0),
    (None, 0, None),
]
PAID = pl.DataFrame(
    [(who, *(None if day is None else DATE + day * DAY for day in days)) for who, *days in PERIODS],
    schema=["customer_id", "starts_at", "ends_at"],
    orient="row",
)
ONE = pl.DataFrame({"customer_id": ["on"], "time": [DATE - DAY], "action": ["view"]})


def contracts(grace=""):
    return ChurnDefinition(horizon="28d", contractual=True, grace=grace)


@pytest.mark.parametrize("engine", ["polars", "pandas", "duckdb"])
def test_with_a_contract_a_customer_leaves_at_the_end_of_the_spell(engine):
    kinds = {"polars": lambda frame: frame, "pandas": pl.DataFrame.to_pandas}
    kinds["duckdb"] = lambda frame: duckdb.from_arrow(frame.to_arrow())
    history = History({"interactions": kinds[engine](ONE), "subscriptions": kinds[engine](PAID)})
    found = churn_times(history, DATE, contracts("28d"), as_of=LAST)
    found = pl.from_pandas(found.df()) if engine == "duckdb" else pl.DataFrame(found)
    watched = (LAST - DATE) / DAY - 28  # later it is not known yet who renews
    assert {who: (round(days, 6), left) for who, days, left in found.rows()} == {
        "renews": (31, True),
        "late": (watched, False),
        "lost": (4, True),
        "overlaps": (60, True),
        "on": (watched, False),
    }


def test_a_contract_is_renewed_within_its_grace_or_has_ended():
    history = History({"interactions": ONE, "subscriptions": PAID})
    for grace, left in (("7d", False), ("6d", True), ("", True)):
        found = churn_times(history, DATE, contracts(grace), as_of=LAST)
        assert dict(found.select("customer_id", "left").rows())["late"] is left


def test_a_customer_in_a_gap_no_longer_than_the_grace_is_in_the_base():
    """The period before the gap ends two days before the date, the one after it starts three days after the date."""
    days = [(-30, -2), (3, 40)]
    rows = [("a", *(DATE + day * DAY for day in each)) for each in days]
    paid = pl.DataFrame(rows, schema=["customer_id", "starts_at", "ends_at"], orient="row")
    history = History({"interactions": ONE, "subscriptions": paid})
    assert churn_times(history, DATE, contracts("5d"), as_of=LAST).rows() == [("a", 40, True)]
    assert churn_times(history, DATE, contracts("4d"), as_of=LAST).rows() == []


def test_a_free_trial_is_no_paid_period():
    paid = PAID.with_columns(monthly_value=pl.when(pl.col("customer_id") == "on").then(0.0).otherwise(5.0))
    found = churn_times(History({"interactions": ONE, "subscriptions": paid}), DATE, contracts(), as_of=LAST)
    assert found["customer_id"].to_list() == ["late", "lost", "overlaps", "renews"]


def test_contracts_need_no_interactions():
    found = churn_times(History({"subscriptions": PAID}), DATE, contracts(), as_of=LAST)
    assert found.height == 5


def test_nobody_has_left_whose_renewal_can_still_come():
    """Paid for 27 days at a time, and always renewed three days late."""
    starts = [DATE + month * 30 * DAY for month in range(5)]
    paid = pl.DataFrame({"customer_id": "a", "starts_at": starts, "ends_at": [start + 27 * DAY for start in starts]})
    history = History({"interactions": ONE, "subscriptions": paid})
    for day in range(60, 140):
        found = churn_times(history, DATE, contracts("84d"), as_of=DATE + day * DAY)
        assert found["left"].to_list() == [False]


def test_the_planted_hazard_comes_out():
    """With the same hazard for everybody the curve is a power of the share that stays for a week."""
    history = made(7, customers=4_000, strength=0)
    churn = ChurnDefinition(horizon="84d", contractual=True)
    found = churn_times(history, DATES[0], churn, as_of=END)
    curve = survival(found["days"], found["left"])
    for row in curve.iloc[1:].itertuples():
        weeks = round(row.days / 7)
        assert row.value == pytest.approx(0.98**weeks, abs=0.02)
    assert curve["days"].max() <= (END - DATES[0]) / DAY
    rows = churn_dataset(history, DATES[:1], churn, as_of=END)
    left = (found["left"] & (found["days"] <= 84)).sum()
    assert left == rows["churned"].sum()
