import datetime as dt

import polars as pl
import pytest

from engagekit.customers.score import Component, Scorecard
from engagekit.data.business import Business
from engagekit.reports.prepared import months_later, prepared_tables, scores_on

END = dt.datetime(2026, 6, 1)
CARD = Scorecard((Component("interactions", 1, 0, 4),))
TOML = (
    'name = "A"\nkind = "ecommerce"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\nhorizon = "28d"\n'
)


@pytest.fixture
def business(tmp_path):
    (tmp_path / "business.toml").write_text(TOML)
    return Business.open(tmp_path)


def seen(*days, **columns):
    times = [dt.datetime.fromisoformat(day) for day in days]
    frame = pl.DataFrame({"customer_id": ["a"] * len(days), "time": times, "action": ["purchase"] * len(days)})
    return frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


@pytest.mark.parametrize(("months", "then"), [(0, (2026, 6)), (7, (2027, 1)), (-6, (2025, 12)), (-18, (2024, 12))])
def test_months_wrap_round_the_year(months, then):
    assert months_later(END, months) == dt.datetime(*then, 1)


def test_nothing_gives_nothing(business):
    assert prepared_tables(business, None, None, END) == {}
    assert scores_on(END, None, CARD, "84d").is_empty()
    assert scores_on(END, seen("2026-05-01"), None, "84d").is_empty()


def test_orders_need_a_value(business):
    assert "orders" not in prepared_tables(business, seen("2026-01-01"), None, END)
    assert "orders" in prepared_tables(business, seen("2026-01-01", value=5.0), None, END)


def test_the_base_is_taken_where_both_its_windows_are_within_the_data(business):
    base, at = prepared_tables(business, seen("2026-02-01", "2026-02-20", "2026-03-25"), None, END)["base"]
    found = base.collect().sort(at)
    assert found["date"].to_list() == [dt.datetime(2026, 3, 1), dt.datetime(2026, 4, 1)]  # nobody was active in April
    assert found["churned"].to_list() == [False, True]


def test_a_score_is_dated_by_the_month_that_it_ends(business):
    scores, at = prepared_tables(business, seen("2026-01-15", "2026-05-15", "2026-05-16"), CARD, END)["scores"]
    found = scores.collect().sort(at)
    assert found["date"].to_list()[-1] == dt.datetime(2026, 5, 1)
    assert found["score"].to_list()[-1] == 50
