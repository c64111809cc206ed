"""Customers' months, from cases counted by hand."""

import datetime as dt
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from engagekit.errors import DataError
from engagekit.prepare.activity import monthly_activity

JAKARTA = "Asia/Jakarta"
END = dt.datetime(2026, 3, 11, tzinfo=ZoneInfo(JAKARTA))


def times(column, rows, *others, zone=JAKARTA):
    """Frame of customers, wall-clock times and other columns."""
    frame = pl.DataFrame(rows, schema=dict.fromkeys(["customer_id", column, *others], pl.String), orient="row")
    return frame.with_columns(pl.col(column).str.to_datetime(time_unit="us").dt.replace_time_zone(zone))


def acted(*rows, zone=JAKARTA):
    return times("time", [(*row, *[None] * (4 - len(row))) for row in rows], "action", "product", zone=zone)


def asked(*rows, zone=JAKARTA):
    return times("opened_at", rows, zone=zone)


def polars_of(activity):
    """Polars frame of a frame of any engine; pandas makes floats of counts with gaps."""
    if isinstance(activity, pd.DataFrame):
        return pl.from_pandas(activity).with_columns(pl.col(pl.Float64).cast(pl.Int64))
    return nw.from_native(activity).lazy().collect("polars").to_native()


def months(activity, *names):
    """Some columns, by customer and month."""
    rows = polars_of(activity).select("customer_id", pl.col("month").dt.strftime("%Y-%m"), *names).rows()
    return {(who, month): values[0] if len(values) == 1 else tuple(values) for who, month, *values in rows}


def test_active_days_are_days_of_the_calendar_with_an_interaction():
    interactions = acted(
        ("a", "2026-01-05 00:00"), ("a", "2026-01-05 23:59"), ("a", "2026-01-06 00:00"), ("a", "2026-02-01 00:00"),
        ("b", "2026-01-31 23:59"),
    )  # fmt: skip
    activity = monthly_activity(interactions, END)
    assert months(activity, "active_days") == {("a", "2026-01"): 2, ("a", "2026-02"): 1, ("b", "2026-01"): 1}
    assert activity.columns == ["customer_id", "month", "active_days", "days"]
    assert activity.schema["month"] == pl.Datetime("us")


def test_the_calendar_is_that_of_the_times_or_the_one_given():
    late = acted(("a", "2026-01-31 20:00"), zone="UTC")  # 3:00 on 1 February in Jakarta
    assert list(months(monthly_activity(late, END), "days")) == [("a", "2026-01")]
    assert list(months(monthly_activity(late, END, time_zone=JAKARTA), "days")) == [("a", "2026-02")]


@pytest.mark.parametrize(
    ("as_of", "days"),
    [
        ("2026-03-11 00:00", {"2026-01": 31, "2026-02": 28, "2026-03": 10}),
        ("2026-03-10 12:00", {"2026-01": 31, "2026-02": 28, "2026-03": 10}),
        ("2026-03-01 00:00", {"2026-01": 31, "2026-02": 28}),
        ("2026-02-28 12:00", {"2026-01": 31, "2026-02": 28}),
        ("2026-02-01 00:00:01", {"2026-01": 31, "2026-02": 1}),
    ],
)
def test_days_of_a_month_are_those_that_had_begun(as_of, days):
    end = dt.datetime.fromisoformat(as_of).replace(tzinfo=ZoneInfo(JAKARTA))
    interactions = acted(("a", "2026-01-01"), ("a", "2026-02-01"), ("a", "2026-03-01"))
    assert months(monthly_activity(interactions, end), "days") == {("a", month): n for month, n in days.items()}


def test_a_leap_year_and_december_have_their_days():
    interactions = acted(("a", "2024-02-01"), ("a", "2025-12-31"))
    assert months(monthly_activity(interactions, END), "days") == {("a", "2024-02"): 29, ("a", "2025-12"): 31}


def test_days_of_the_first_month_count_from_the_first_day_of_the_data():
    interactions = acted(("a", "2025-06-22 15:00"), ("b", "2025-06-30 23:59"), ("a", "2025-07-31"), ("b", "2026-03-02"))
    activity = monthly_activity(interactions, END)
    assert months(activity, "active_days", "days") == {
        ("a", "2025-06"): (1, 9),
        ("b", "2025-06"): (1, 9),
        ("a", "2025-07"): (1, 31),
        ("b", "2026-03"): (1, 10),
    }
    assert months(monthly_activity(acted(("a", "2026-03-04"), ("b", "2026-03-10")), END), "days") == {
        ("a", "2026-03"): 7,
        ("b", "2026-03"): 7,
    }


def test_data_begin_with_an_interaction_and_not_with_a_ticket():
    tickets = asked(("a", "2025-05-07"), ("b", "2025-06-02"))
    assert months(monthly_activity(acted((None, "2025-06-22")), END, tickets=tickets), "days") == {
        ("a", "2025-05"): 31,
        ("b", "2025-06"): 9,
    }
    assert months(monthly_activity(acted(), END, tickets=tickets), "days") == {
        ("a", "2025-05"): 31,
        ("b", "2025-06"): 30,
    }


def test_what_comes_from_the_date_on_is_not_seen():
    interactions = acted(("a", "2026-03-10 23:59"), ("a", "2026-03-11 00:00"))
    activity = monthly_activity(interactions, END, tickets=asked(("b", "2026-03-11 00:00")))
    assert months(activity, "active_days", "tickets") == {("a", "2026-03"): (1, 0)}


def test_tickets_count_in_the_month_in_which_they_were_opened():
    interactions = acted(("a", "2026-01-05"), ("a", "2026-02-05"))
    tickets = asked(("a", "2026-01-31"), ("a", "2026-01-02"), ("b", "2026-01-09"), (None, "2026-01-09"))
    activity = monthly_activity(interactions, END, tickets=tickets)
    assert months(activity, "active_days", "tickets", "days") == {
        ("a", "2026-01"): (1, 2, 27),
        ("a", "2026-02"): (1, 0, 28),
        ("b", "2026-01"): (None, 1, 27),
    }


def test_features_are_different_actions_or_products_among_those_offered():
    interactions = acted(
        ("a", "2026-01-05", "export"), ("a", "2026-01-06", "export"), ("a", "2026-01-07", "purchase", "seats"),
        ("a", "2026-01-08", "import", "import"), ("a", "2026-02-05", "login"), ("b", "2026-01-05", "login", "seats"),
    )  # fmt: skip
    activity = monthly_activity(interactions, END, features=["export", "import", "seats", "share", "share"])
    assert months(activity, "features_used", "features_offered") == {
        ("a", "2026-01"): (3, 4),
        ("a", "2026-02"): (0, 4),
        ("b", "2026-01"): (1, 4),
    }


def test_features_may_be_actions_alone():
    interactions = acted(("a", "2026-01-05", "export")).drop("product")
    assert months(monthly_activity(interactions, END, features=["export"]), "features_used") == {("a", "2026-01"): 1}


def test_who_only_asked_for_help_used_no_feature_that_could_count():
    tickets = asked(("b", "2026-01-09"))
    activity = monthly_activity(acted(("a", "2026-01-05", "x")), END, tickets=tickets, features=["x"])
    assert months(activity, "features_used", "features_offered")["b", "2026-01"] == (None, None)


def test_an_interaction_without_a_customer_is_left_out():
    assert months(monthly_activity(acted((None, "2026-01-05"), ("a", "2026-01-05")), END), "days") == {
        ("a", "2026-01"): 27
    }


def test_nothing_gives_nothing():
    assert monthly_activity(acted(), END, tickets=asked(), features=["x"]).is_empty()


def test_any_engine_gives_the_same(on_engine):
    """Engines keep zones in their own ways, so both the times and the calendar are UTC's."""
    interactions = acted(
        ("a", "2026-01-05 23:30", "export"), ("a", "2026-01-06 01:00", "login"), ("a", "2026-02-28 23:59", "login"),
        ("b", "2026-03-01 00:00", "purchase", "seats"), (None, "2026-01-05", "export"), zone="UTC",
    )  # fmt: skip
    tickets = asked(("a", "2026-01-31 23:59"), ("c", "2026-02-01 00:00"), zone="UTC")
    both = on_engine(pl.concat([interactions, tickets], how="diagonal"))  # tables of one connection
    rows = nw.from_native(both)
    events, opened = (rows.filter(~nw.col(name).is_null()).to_native() for name in ("time", "opened_at"))
    activity = monthly_activity(events, END, tickets=opened, features=["export", "seats"], time_zone="UTC")
    assert type(activity) is type(events)
    assert months(activity, "active_days", "days", "tickets", "features_used", "features_offered") == {
        ("a", "2026-01"): (2, 27, 1, 1, 2),
        ("a", "2026-02"): (1, 28, 0, 0, 2),
        ("b", "2026-03"): (1, 10, 0, 1, 2),
        ("c", "2026-02"): (None, 28, 1, None, None),
    }


def test_a_count_by_pandas_gives_the_same():
    rng = np.random.default_rng(3)
    start = dt.datetime(2025, 12, 1, tzinfo=ZoneInfo(JAKARTA))
    moments = [start + dt.timedelta(seconds=int(second)) for second in rng.integers(0, 120 * 86_400, 2_000)]
    actions = rng.choice(["export", "import", "login"], 2_000)
    interactions = pd.DataFrame({"customer_id": rng.choice(list("abcdef"), 2_000), "time": moments, "action": actions})
    activity = monthly_activity(interactions, END, features=["export", "import"]).set_index(["customer_id", "month"])
    past = interactions[interactions["time"] < END]
    wall = past["time"].dt.tz_localize(None)
    groups = past.assign(day=wall.dt.date, month=wall.dt.to_period("M").dt.start_time)
    days = groups.groupby(["customer_id", "month"])["day"].nunique()
    used = groups[groups["action"] != "login"].groupby(["customer_id", "month"])["action"].nunique()
    assert activity["active_days"].sort_index().tolist() == days.sort_index().tolist()
    used = used.reindex(days.index, fill_value=0).sort_index()
    assert activity["features_used"].sort_index().tolist() == used.tolist()


def test_what_is_absent_is_named():
    with pytest.raises(DataError, match="action: is not a column"):
        monthly_activity(acted(("a", "2026-01-05")).drop("action"), END, features=["x"])
    with pytest.raises(DataError, match="opened_at: is not a column"):
        monthly_activity(acted(("a", "2026-01-05")), END, tickets=acted(("a", "2026-01-05")))
    with pytest.raises(ValueError, match="time_zone: say it"):
        monthly_activity(acted(("a", "2026-01-05"), zone=None), END)
