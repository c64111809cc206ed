"""Newcomers by hand, and against a loop over customers."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit import metrics
from engagekit.prepare.newcomers import newcomers
from engagekit.study import Study

FIRST = dt.datetime(2026, 1, 1)
DAY = dt.timedelta(days=1)
END = dt.datetime(2026, 3, 1)


def done(*rows):
    """Interactions: who, days after the first, action."""
    made = [(who, FIRST + day * DAY, action) for who, day, action in rows]
    schema = {"customer_id": pl.String, "time": pl.Datetime("us"), "action": pl.String}
    return pl.DataFrame(made, schema=schema, orient="row")


def joined(**days):
    dates = [None if day is None else FIRST + day * DAY for day in days.values()]
    ids = pl.Series(list(days), dtype=pl.String)
    return pl.DataFrame({"customer_id": ids, "joined_at": pl.Series(dates, dtype=pl.Datetime("us"))})


ROWS = [
    ("quick", 0, "view"),
    ("quick", 6.9, "purchase"),
    ("late", 0, "view"),
    ("late", 7, "purchase"),  # the end of the seven days is exclusive
    ("never", 3, "view"),
    ("old", 4, "purchase"),
    ("young", 53, "purchase"),  # 59 days before the end would be over, 6 are not
]


def onboarded(frame):
    return dict(frame.select("customer_id", "onboarded").rows())


def test_arrival_is_the_first_interaction_where_no_table_says_it(on_engine):
    made = newcomers(on_engine(done(*ROWS)), END, ["purchase"])
    assert onboarded(made) == {"late": False, "never": False, "old": True, "quick": True}
    assert made["arrived_at"].to_list()[1] == FIRST + 3 * DAY


def test_arrival_is_the_joining_date_and_who_never_did_anything_counts():
    known = joined(quick=0, never=3, old=-90, silent=20, undated=None, late=2)
    made = newcomers(done(*ROWS), END, ["purchase"], known)
    assert onboarded(made) == {"late": True, "never": False, "quick": True, "silent": False}


def test_a_key_action_before_the_day_of_arrival_does_not_count_and_one_on_it_does():
    rows = [("guest", 1, "purchase"), ("guest", 21, "view"), ("buyer", 20.4, "purchase"), ("again", 1, "purchase")]
    rows += [("again", 22, "purchase")]
    made = newcomers(done(*rows), END, ["purchase"], joined(guest=20, buyer=20.5, again=20))
    assert onboarded(made) == {"again": True, "buyer": True, "guest": False}


def test_the_rate_is_measured_by_the_month_of_arrival():
    rows = [(f"c{n}", n, "view") for n in range(40)] + [(f"c{n}", n + 2, "purchase") for n in range(0, 40, 4)]
    study = Study.of(interactions=done(*rows).with_columns(channel=pl.lit("web")), as_of="2026-03-01")
    monthly = study.measure("onboarding_rate", every="month")
    assert monthly["numerator"].tolist() == [8, 2]
    assert monthly["n"].tolist() == [31, 9]
    for some in (rows[:40], rows[40:]):  # only views; only purchases, of which everybody's first is one
        with pytest.raises(ValueError, match="is needed for onboarding_rate"):
            Study.of(interactions=done(*some).with_columns(channel=pl.lit("web"))).measure("onboarding_rate")


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.integers(0, 40), st.sampled_from(["view", "purchase"])), min_size=1
    ),
    st.dictionaries(st.sampled_from("abcdefg"), st.none() | st.integers(-10, 40)),
)
def test_the_rate_equals_a_loop_over_customers(rows, dates):
    expected, begin = {}, min(day for _, day, _ in rows)
    for who in {row[0] for row in rows} | {who for who, day in dates.items() if day is not None}:
        own = [(day, action) for name, day, action in rows if name == who]
        arrived = dates.get(who)
        if arrived is None:
            arrived = min(day for day, _ in own)
        if arrived >= begin and arrived + 7 <= 35:
            expected[who] = any(action == "purchase" and arrived <= day < arrived + 7 for day, action in own)
    made = newcomers(done(*rows), FIRST + 35 * DAY, ["purchase"], joined(**dates))
    assert onboarded(made) == expected
    estimate = metrics.onboarding_rate(made)
    assert (estimate.n, estimate.numerator) == (len(expected), sum(expected.values())) or not expected
