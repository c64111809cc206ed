"""Purchase histories: the summary of the papers, days and units, and many dates against a plain loop."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from engagekit.errors import DataError
from engagekit.frames.engine import collected, to_narwhals
from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.purchase_history import purchase_histories, purchase_history

END = datetime(1997, 10, 1)

COLUMNS = ("customer_id", "frequency", "recency", "age", "value", "refunds", "unit")


def bought(*rows, zone=None):
    """Interactions ``(customer, time, action, value)``."""
    table = pl.DataFrame(rows, ["customer_id", "time", "action", "value"], orient="row")
    return table.with_columns(pl.col("time").str.to_datetime("%Y-%m-%d %H:%M", time_zone=zone))


def histories(frame):
    rows = collected(to_narwhals(frame, COLUMNS[:1], COLUMNS[1:]))
    return {row[0]: row[1:] for row in rows.select(name for name in COLUMNS if name in rows.columns).rows()}


ROWS = (
    ("a", "2026-01-01 23:00", "purchase", 9.0), ("a", "2026-01-03 10:00", "purchase", 5.0),
    ("a", "2026-01-03 22:00", "purchase", 7.0), ("a", "2026-01-08 12:00", "purchase", 20.0),
    ("a", "2026-01-09 12:00", "view", None), ("a", "2026-01-10 12:00", "refund", -20.0),
    ("a", "2026-01-16 00:00", "purchase", 99.0),
    ("b", "2026-01-15 23:59", "purchase", 3.0),
    ("c", "2026-01-02 09:00", "refund", 4.0),
    ("d", "2026-01-02 09:00", "purchase", -4.0), ("d", "2026-01-05 09:00", "purchase", None),
    ("d", "2026-01-06 09:00", "purchase", None),
    (None, "2026-01-06 09:00", "purchase", 1.0),
)  # fmt: skip

EXPECTED = {
    "a": (2, 1.0, 2.0, 16.0, 1, "week"),
    "b": (0, 0.0, 0.0, None, 0, "week"),
    "d": (1, 1 / 7, 10 / 7, None, 1, "week"),
}


def test_cdnow_is_summarised_as_in_the_papers(transactions, summary):
    """In whole days, where the file has two digits of a week."""
    result = pl.from_pandas(purchase_history(transactions, END)).sort("customer_id")
    assert result["frequency"].to_list() == summary["frequency"].to_list()
    for name in ("recency", "age"):
        assert result[name].to_numpy() == pytest.approx(summary[name].to_numpy(), abs=0.0051)
    assert result["value"].fill_null(0).to_numpy() == pytest.approx(summary["value"].to_numpy(), abs=0.0051)


def test_purchases_merged_by_week_move_every_parameter(transactions):
    """The trap that other summaries walk into; ours merges by day, whatever the unit."""
    weeks = transactions.assign(time=transactions["time"].dt.to_period("W").dt.start_time)
    last = datetime(1997, 9, 29)
    trapped = BetaGeometric.fit(purchase_history(weeks[weeks["time"] <= last], last + timedelta(days=1)))
    result = [trapped.r, trapped.alpha, trapped.a, trapped.b]
    assert result == pytest.approx([0.291, 6.852, 0.665, 2.320], abs=5e-4)
    right = BetaGeometric.fit(purchase_history(transactions, END))
    assert [right.r, right.alpha, right.a, right.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=6e-4)


def test_any_engine_gives_the_same_histories(on_engine):
    rows = on_engine(bought(*ROWS, zone="UTC"))
    result = purchase_history(rows, datetime(2026, 1, 16, tzinfo=UTC), time_zone="UTC")
    assert type(result) is type(rows)
    by_customer = histories(result)
    assert by_customer.keys() == EXPECTED.keys()
    for customer, expected in EXPECTED.items():
        assert [each for each in by_customer[customer] if each is not None] == pytest.approx(
            [each for each in expected if each is not None]
        )


def test_days_are_those_of_the_zone():
    """In Jakarta 23:00 in London is the next day's morning, so that two purchases are of one day."""
    rows = bought(("a", "2026-01-01 23:00", "purchase", 1.0), ("a", "2026-01-02 12:00", "purchase", 1.0), zone="UTC")
    end = datetime(2026, 1, 16, tzinfo=UTC)
    assert histories(purchase_history(rows, end, "day"))["a"][:3] == (1, 1, 14)
    assert histories(purchase_history(rows, end, "day", time_zone="Asia/Jakarta"))["a"][:3] == (0, 0, 14)


@pytest.mark.parametrize(("unit", "days"), [("day", 1), ("week", 7), ("month", 30.4375), ("year", 365.25)])
def test_a_unit_counts_days_and_merges_none(unit, days):
    *result, counted_in = histories(purchase_history(bought(*ROWS), datetime(2026, 1, 16), unit))["a"]
    assert result == pytest.approx([2, 7 / days, 14 / days, 16.0, 1])
    assert counted_in == unit


def test_without_values_there_are_none():
    result = purchase_history(bought(*ROWS).drop("value"), datetime(2026, 1, 16))
    assert "value" not in result.columns
    assert histories(result)["a"] == (2, 1.0, 2.0, 1, "week")


def by_hand(rows, date):
    """What purchase_history gives before a date, customer by customer in a plain loop, in days."""
    histories = {}
    for customer in sorted({row[0] for row in rows}):
        days, refunds = {}, 0
        for _, time, action, value in (row for row in rows if row[0] == customer and row[1] < date):
            if action in ("purchase", "refund"):
                days.setdefault(time.date(), []).append((action, value))
        counted = {}
        for day, lines in days.items():
            values = [value for action, value in lines if action == "purchase" and value is not None]
            below = sum(values) < 0
            refunds += len(lines) if below else sum(action == "refund" for action, _ in lines)
            if not below and any(action == "purchase" for action, _ in lines):
                counted[day] = sum(values) if values else None
        if counted:
            first, *later = sorted(counted)
            values = [counted[day] for day in later if counted[day] is not None]
            last_day = (date - timedelta(microseconds=1)).date()
            times = ((max(counted) - first).days, (last_day - first).days)
            mean = sum(values) / len(values) if values else None
            histories[customer] = (len(later), *times, mean, refunds, "day")
    return histories


def test_many_dates_at_once_are_as_each_by_itself(on_engine):
    rng = np.random.default_rng(0)
    hours, customers = rng.integers(0, 24 * 60, 400), rng.integers(0, 12, 400)
    actions, values = rng.choice(["purchase", "refund", "view"], 400, p=[0.5, 0.2, 0.3]), rng.integers(-9, 30, 400)
    start = datetime(2026, 1, 1)
    rows = [
        (f"c{customer:02}", start + timedelta(hours=int(hour)), str(action), float(value) if value % 7 else None)
        for customer, hour, action, value in zip(customers, hours, actions, values, strict=True)
    ]
    table = pl.DataFrame(rows, ["customer_id", "time", "action", "value"], orient="row")
    dates = [datetime(2026, 2, 20), datetime(2026, 1, 12, 15), datetime(2026, 1, 5), datetime(2026, 1, 12, 9)]
    result = purchase_histories(on_engine(table), dates, "day")
    together = collected(to_narwhals(result, ["date", *COLUMNS]))
    assert together.select("date", "customer_id").rows() == sorted(together.select("date", "customer_id").rows())
    for date in dates:
        expected = by_hand(rows, date)
        alone = together.filter(pl.col("date") == date).select(COLUMNS)
        assert {row[0]: row[1:] for row in alone.rows()} == {
            customer: (*numbers[:3], pytest.approx(numbers[3]) if numbers[3] is not None else None, *numbers[4:])
            for customer, numbers in expected.items()
        }


def test_histories_of_no_date_are_refused():
    with pytest.raises(ValueError, match="dates: there is none"):
        purchase_histories(bought(*ROWS), [])


def test_dates_of_a_zone_are_its_own_days():
    """A purchase at 23:00 in London is of the next day in Jakarta, and after a date at that midnight."""
    rows = bought(("a", "2026-01-01 12:00", "purchase", 1.0), ("a", "2026-01-01 23:00", "purchase", 1.0), zone="UTC")
    dates = [datetime(2026, 1, day, tzinfo=ZoneInfo("Asia/Jakarta")) for day in (2, 3)]
    result = purchase_histories(rows, dates, "day", time_zone="Asia/Jakarta")
    assert result.select("frequency", "recency", "age").rows() == [(0, 0, 0), (1, 1, 1)]


def test_no_purchase_is_no_history():
    result = purchase_history(bought(*ROWS[4:6]), datetime(2026, 1, 16))
    assert result.shape[0] == 0
    with pytest.raises(DataError, match="no row"):
        BetaGeometric.fit(result)


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="unit: 'weeks' is not known. Did you mean week"):
        purchase_history(bought(*ROWS), datetime(2026, 1, 16), "weeks")
