"""Who could leave on a date, and who did: worked examples, and a naive loop over random businesses."""

import datetime as dt
import random
from collections import defaultdict

import narwhals as nw
import polars as pl
import pytest

from engagekit.errors import DataError
from engagekit.prepare.contracts import overlapping
from engagekit.prepare.leaving import ChurnDefinition, active_base

DAY = dt.datetime(2026, 3, 1)
SILENT = ChurnDefinition(horizon="28d", contractual=False)
FLAGS = ("in_base", "churned", "lapsed", "reactivated", "acquired", "remained")
MONEY = ("opening_value", "closing_value")
STAYED, CHURNED = {"in_base", "remained"}, {"in_base", "churned"}


def day(number):
    return DAY + dt.timedelta(days=number)


def events(**customers):
    """Interactions by customer, in days from the date."""
    rows = [(who, day(number)) for who, days in customers.items() for number in days]
    return pl.DataFrame(rows, schema={"customer_id": pl.String, "time": pl.Datetime("us")}, orient="row")


def paid(*periods):
    """Paid periods: start and end in days from the date, monthly value, and where given the subscription's id."""
    rows = [
        ("a", day(start), None if end is None else day(end), value, *(rest or (None,)))
        for start, end, value, *rest in periods
    ]
    names = ("customer_id", "starts_at", "ends_at", "monthly_value", "subscription_id")
    kinds = (pl.String, pl.Datetime("us"), pl.Datetime("us"), pl.Float64, pl.String)
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def contracts(grace="", horizon="28d", **options):
    return ChurnDefinition(horizon=horizon, contractual=True, grace=grace, **options)


def rows_of(base):
    return nw.from_native(base).lazy().collect("polars").to_native().sort("customer_id", "date").to_dicts()


def of_a(periods, churn, as_of=None):
    """Flags that hold for customer a, and the values on the date and at the horizon's end."""
    (row,) = rows_of(active_base(periods, DAY, churn, as_of=as_of))
    return {name for name in FLAGS if row[name]}, row["opening_value"], row["closing_value"]


def test_the_active_window_may_differ_from_the_horizon():
    wide = ChurnDefinition(horizon="28d", contractual=False, active_window="60d")
    (row,) = rows_of(active_base(events(a=[-40]), DAY, wide))
    assert row["in_base"]
    assert row["churned"]


def test_several_dates_are_each_as_if_alone(on_engine):
    frame = events(a=[-40, -3, 5], b=[-3], c=[-70, 20])
    dates = [day(-28), DAY, day(10)]
    together = rows_of(active_base(on_engine(frame), dates, SILENT))
    alone = [row for date in dates for row in rows_of(active_base(frame, date, SILENT))]
    assert together == sorted(alone, key=lambda row: (row["customer_id"], row["date"]))


@pytest.mark.parametrize(
    ("periods", "churn", "flags", "opening", "closing"),
    [
        pytest.param([(-30, 40, 9)], contracts(), STAYED, 9, 9, id="runs throughout"),
        pytest.param([(-30, None, 9)], contracts(), STAYED, 9, 9, id="a blank end runs on"),
        pytest.param([(-30, 10, 9)], contracts(), CHURNED, 9, 0, id="ends"),
        pytest.param([(-30, 10, 9), (20, 60, 9)], contracts(), STAYED, 9, 9, id="a pause that is over"),
        pytest.param([(-30, 10, 9), (29, 60, 9)], contracts(), CHURNED, 9, 0, id="a pause that is not"),
        pytest.param([(-30, -1, 9), (0, 60, 9)], contracts(), STAYED, 9, 9, id="new on the date"),
        pytest.param(
            [(-30, -1, 9), (1, 60, 9)], contracts("1d"), {"lapsed", "reactivated", "remained"}, 0, 9, id="late"
        ),
        pytest.param([(-30, -1, 8), (1, 60, 9)], contracts("2d"), STAYED, 8, 9, id="late by the grace"),
        pytest.param([(-30, 27, 8), (29, 60, 9)], contracts("2d"), STAYED, 8, 8, id="late across h"),
        pytest.param([(-30, 27, 8), (30, 60, 9)], contracts("2d"), CHURNED, 8, 0, id="a day more"),
        pytest.param([(-30, 10, 9, "x"), (10, 60, 20, "x")], contracts(), STAYED, 9, 20, id="upgrade"),
        pytest.param([(-30, 10, 20, "x"), (10, 60, 9, "x")], contracts(), STAYED, 20, 9, id="downgrade"),
        pytest.param([(-30, 40, 20, "x"), (-5, 60, 50, "x")], contracts(), STAYED, 50, 50, id="overlap"),
        pytest.param([(-30, 60, 9, "x"), (-9, 60, 5, "y")], contracts(), STAYED, 14, 14, id="two plans"),
        pytest.param([(-30, 60, 9), (-9, 60, 5)], contracts(), STAYED, 14, 14, id="two without ids"),
        pytest.param(
            [(-30, 60, 20), (-9, 60, 50)],
            contracts(overlaps="latest"),
            STAYED,
            50,
            50,
            id="upgrade without ids",
        ),
        pytest.param([(-30, 60, 0)], contracts(), None, None, None, id="a free trial is no paid period"),
        pytest.param([(-30, 5, 0), (5, 60, 9)], contracts(), {"acquired", "remained"}, 0, 9, id="paid after a trial"),
        pytest.param([(-30, 60, None)], contracts(), STAYED, None, None, id="a blank value"),
        pytest.param([(5, 5, 9)], contracts(), None, None, None, id="ends as it starts"),
        pytest.param([(40, 60, 9)], contracts(), None, None, None, id="starts later"),
    ],
)
def test_paid_periods(periods, churn, flags, opening, closing):
    if flags is None:
        assert rows_of(active_base(paid(*periods), DAY, churn)) == []
    else:
        assert of_a(paid(*periods), churn) == (flags, opening, closing)


def test_a_weekly_plan_renewed_late_three_times_is_one_spell():
    weeks = [(-15, -8, 7), (-6, 1, 7), (3, 10, 7), (12, 19, 7), (21, 35, 7)]
    assert of_a(paid(*weeks), contracts("2d")) == (STAYED, 7, 7)
    assert of_a(paid(*weeks), contracts("1d", horizon="11d"))[0] == CHURNED


def test_on_time_renewals_count_once_whatever_the_grace():
    months = [(30 * n, 30 * n + 30, 100) for n in range(-3, 3)]
    for grace in ("", "7d", "28d"):
        assert of_a(paid(*months), contracts(grace, horizon="30d")) == (STAYED, 100, 100)


def test_a_spell_whose_grace_runs_beyond_the_data_is_not_over():
    ends = paid((-30, 26, 9))
    assert of_a(ends, contracts("7d"), as_of=day(30))[0] == STAYED
    assert of_a(ends, contracts("7d"), as_of=day(33))[0] == CHURNED


def test_customers_who_all_renew_late_within_the_grace_are_all_in_the_base():
    late = pl.concat(
        paid((-30, -3 + n % 6, 9), (-3 + n % 6 + n % 7, 60, 9)).with_columns(customer_id=pl.lit(f"c{n}"))
        for n in range(400)
    )
    base = active_base(late, DAY, contracts("7d"))
    assert base["in_base"].sum() == 400
    assert base["reactivated"].sum() == 0


def test_periods_that_overlap_without_ids_are_counted():
    assert overlapping(paid((-30, 10, 20), (0, 40, 50))) == 1
    assert overlapping(paid((-30, 10, 20, "x"), (0, 40, 50, "x"))) == 0
    assert overlapping(paid((-30, 10, 20), (10, 40, 50))) == 0


def test_any_engine_gives_the_same(on_engine):
    frame = paid((-30, -1, 8), (1, 60, 9), (-40, 5, 3, "x"))
    assert rows_of(active_base(on_engine(frame), DAY, contracts("2d"))) == rows_of(
        active_base(frame, DAY, contracts("2d"))
    )


def test_values_that_are_text_are_named():
    text = paid((-30, 60, 9)).with_columns(pl.col("monthly_value").cast(pl.String))
    with pytest.raises(DataError, match="^monthly_value: is String, not a number. Convert it"):
        active_base(text, DAY, contracts())


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"horizon": "0d", "contractual": False}, "horizon: '0d' is not a number of days"),
        ({"horizon": "84d", "contractual": False, "grace": "7d"}, "grace: has no meaning without contracts"),
        (
            {"horizon": "84d", "contractual": True, "active_window": "7d"},
            "active_window: has no meaning with",
        ),
    ],
)
def test_a_definition_without_meaning_is_refused(declared, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        ChurnDefinition(**declared)


def test_no_date_is_refused():
    with pytest.raises(ValueError, match="^dates: there is none"):
        active_base(events(a=[0]), [], SILENT)


def naive(rows, grace, horizon):
    """Base of one customer on the date, day by day and by the words of the definition; without ids values add up."""
    rows = [(start, 10**6 if end is None else end, value) for start, end, value in rows if value != 0]
    rows = sorted((row for row in rows if row[0] < row[1] and row[0] <= horizon), key=lambda row: row[:2])
    spells = []
    for start, end, _ in rows:
        if spells and start <= spells[-1][1] + grace:
            spells[-1][1] = max(spells[-1][1], end)
        else:
            spells.append([start, end])
    if not rows:
        return None

    def value(at):
        if not any(begin <= at < over for begin, over in spells):
            return 0.0
        runs = [row for row in rows if row[0] <= at < row[1]]
        if not runs:
            last = max(row[1] for row in rows if row[1] <= at)
            runs = [row for row in rows if row[1] == last]
        return None if any(row[2] is None for row in runs) else sum(row[2] for row in runs)

    in_base, at_end = (any(begin <= at < over for begin, over in spells) for at in (0, horizon))
    known, back = rows[0][0] <= 0, any(0 < begin <= horizon for begin, _ in spells)
    flags = {"in_base": in_base, "churned": in_base and not at_end, "lapsed": known and not in_base}
    flags |= {"reactivated": known and not in_base and back, "acquired": not known, "remained": at_end}
    return flags | {"opening_value": value(0), "closing_value": value(horizon)}


def test_three_hundred_random_customers_are_as_a_naive_loop_has_them():
    rng, parts, expected = random.Random(20261126), [], defaultdict(dict)
    for number in range(300):
        rows = []
        for _ in range(rng.randint(1, 6)):
            start = rng.randint(-60, 35)
            end = rng.choice([None, *[start + rng.choice([0, 1, 7, 30, 45])] * 5])
            rows.append((start, end, rng.choice([0, None, 5, 9, 20, 20, 20])))
        parts.append(paid(*rows).with_columns(customer_id=pl.lit(f"c{number:03d}")))
        for grace in (0, 3, 10):
            expected[grace][f"c{number:03d}"] = naive(rows, grace, 28)
    for grace, customers in expected.items():
        base = active_base(pl.concat(parts), DAY, contracts(f"{grace}d" if grace else ""))
        rows = {row["customer_id"]: {name: row[name] for name in (*FLAGS, *MONEY)} for row in rows_of(base)}
        assert rows == {who: row for who, row in customers.items() if row is not None}
