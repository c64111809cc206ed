"""Rows that are there more than once: counted once, the latest state, or an error that names both rows."""

import polars as pl
import pytest

from engagekit import DataError
from engagekit.data import mapping
from engagekit.data import read as reads
from engagekit.data.read import read_table
from engagekit.data.source import Source
from engagekit.data.style import Style

SALES = ["ev,customer_id,time,total", "1,a,2026-01-05,10", "1,a,2026-01-05,10", "2,a,2026-02-05,10"]
AS_SALES = {
    "channel": {"constant": "store"},
    "action": {"constant": "purchase"},
    "event_id": "ev",
    "value": "total",
}
SMALL = pytest.mark.parametrize("held_rows", [5_000_000, 1], ids=["held", "scanned"])


def read(tmp_path, table, lines, **source):
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return read_table(table, Source(file="data.csv", **source), tmp_path, Style())


def counts(of):
    return of.repeated, of.superseded, of.identical


@pytest.fixture
def limits(monkeypatch, held_rows):
    """A table is held in memory, or too large for it and scanned in small batches."""
    monkeypatch.setattr(reads, "HELD_ROWS", held_rows)
    monkeypatch.setattr(mapping, "BATCH_ROWS", 2)


@SMALL
def test_an_event_that_stands_twice_counts_once(tmp_path, limits):
    sales = read(tmp_path, "interactions", SALES, columns=AS_SALES)
    assert (sales.rows, sales.kept, counts(sales)) == (3, 2, (1, 0, 0))
    assert sales.frame["value"].to_list() == [10, 10]
    assert sales.frame["event_id"].to_list() == ["1", "2"]


@SMALL
def test_an_event_with_other_content_is_an_error_that_names_both_rows_and_no_value(tmp_path, limits):
    lines = [*SALES, "3,b,2026-03-01,7", "2,a,2026-02-05,99", "3,c,2026-03-01,7"]
    with pytest.raises(DataError) as caught:
        read(tmp_path, "interactions", lines, columns=AS_SALES)
    error = caught.value
    assert (error.file, error.row, error.column) == ("data.csv", 6, "event_id")
    assert "has the same event_id as row 4, with another value (1 more such pairs)" in str(error)
    assert "99" not in str(error)


@SMALL
def test_a_keep_rule_chooses_between_two_rows_of_an_event(tmp_path, limits):
    lines = ["ev,customer_id,time,total,status", "1,a,2026-01-05,10,pending", "1,a,2026-01-05,10,paid"]
    sales = read(tmp_path, "interactions", lines, columns={**AS_SALES, "status": "status"}, keep={"status": "= paid"})
    assert (sales.kept, sales.left_out, counts(sales)) == (1, {"status = paid": 1}, (0, 0, 0))


@SMALL
def test_two_exports_of_tickets_that_overlap_count_each_ticket_once(tmp_path, limits):
    january = [f"{n},2026-01-{n:02d},2026-01-{n + 1:02d}" for n in range(1, 16)]
    tickets = read(tmp_path, "tickets", ["ticket_id,opened_at,solved_at", *january, *january[5:]])
    assert (tickets.rows, tickets.kept, counts(tickets)) == (25, 15, (10, 0, 0))


@SMALL
def test_the_later_state_of_a_ticket_counts(tmp_path, limits):
    lines = ["1,2026-01-31,", "2,2026-01-31,", "2,2026-01-31,", "1,2026-01-31,2026-02-02", "3,2026-02-01,"]
    tickets = read(tmp_path, "tickets", ["ticket_id,opened_at,solved_at", *lines])
    assert (tickets.kept, counts(tickets)) == (3, (1, 1, 0))
    solved = dict(tickets.frame.select("ticket_id", pl.col("solved_at").dt.to_string("%F")).rows())
    assert solved == {"1": "2026-02-02", "2": None, "3": None}


@SMALL
def test_the_state_that_was_updated_last_counts_wherever_it_stands(tmp_path, limits):
    lines = ["1,2026-01-31,gold,2026-03-01", "1,2026-01-31,silver,2026-02-01", "1,2026-01-31,none,"]
    for head, columns in (("Updated at", {}), ("changed", {"updated_at": "changed"})):
        text = [f"customer_id,joined_at,plan,{head}", *lines]
        customers = read(tmp_path, "customers", text, columns=columns)
        assert (customers.frame["plan"].to_list(), counts(customers)) == (["gold"], (0, 2, 0))


@SMALL
def test_keep_rules_see_the_latest_state_only(tmp_path, limits):
    lines = ["a,2026-01-01,active", "b,2026-01-01,active", "a,2026-01-01,deleted"]
    customers = read(
        tmp_path,
        "customers",
        ["customer_id,joined_at,status", *lines],
        columns={"status": "status"},
        keep={"status": "!= deleted"},
    )
    assert (customers.frame["customer_id"].to_list(), counts(customers)) == (["b"], (0, 1, 0))
    assert customers.left_out == {"status != deleted": 1}


def test_a_customer_who_stands_twice_is_one_row(tmp_path):
    lines = ["customer_id,joined_at", "a,2025-01-01", "a,2025-02-01", "b,2025-01-05"]
    customers = read(tmp_path, "customers", lines)
    assert (customers.kept, counts(customers)) == (2, (0, 1, 0))
    assert customers.frame["joined_at"].dt.to_string("%F").to_list() == ["2025-02-01", "2025-01-05"]


def test_a_paid_period_is_named_by_its_id_or_by_customer_start_and_plan(tmp_path):
    head = "subscription_id,customer_id,starts_at,ends_at,monthly_value,plan"
    lines = [
        "s1,a,2026-01-01,2026-02-01,9,gold",
        "s1,a,2026-02-01,2026-03-01,9,gold",  # its later state
        ",a,2026-01-01,2026-02-01,5,silver",
        ",a,2026-01-01,2026-02-01,6,silver",  # its later state
        ",a,2026-01-01,2026-02-01,6,",
        ",b,2026-01-01,2026-02-01,6,silver",
    ]
    paid = read(tmp_path, "subscriptions", [head, *lines])
    assert (paid.kept, counts(paid)) == (4, (0, 2, 0))
    assert paid.frame["monthly_value"].to_list() == [9, 6, 6, 6]


def test_a_period_of_a_campaign_is_a_state_and_another_period_another_row(tmp_path):
    head = "campaign,channel,starts_at,ends_at,spend"
    lines = ["x,web,2026-01-01,2026-02-01,5", "x,web,2026-01-01,2026-02-01,8", "x,web,2026-02-01,2026-03-01,8"]
    campaigns = read(tmp_path, "campaigns", [head, *lines])
    assert (campaigns.frame["spend"].to_list(), counts(campaigns)) == ([8, 8], (0, 1, 0))


@SMALL
def test_without_a_key_identical_rows_count_and_are_counted(tmp_path, limits):
    lines = ["kind,score,answered_at", *["nps,9,2026-01-05"] * 3, "nps,8,2026-01-05"]
    answers = read(tmp_path, "surveys", lines)
    assert (answers.kept, counts(answers)) == (4, (0, 0, 2))
    once = read(tmp_path, "surveys", lines, repeats="drop")
    assert (once.kept, counts(once)) == (2, (2, 0, 0))
    assert once.frame["score"].to_list() == [9, 8]


def test_a_row_with_a_blank_id_has_no_key(tmp_path):
    lines = [*SALES, ",a,2026-02-05,10", ",a,2026-02-05,10", ",b,2026-02-05,11"]
    sales = read(tmp_path, "interactions", lines, columns=AS_SALES)
    assert (sales.kept, counts(sales)) == (5, (1, 0, 1))


@pytest.mark.parametrize("table", ["attendance", "mentions", "assignments"])
def test_a_table_whose_rows_have_no_name_keeps_them_all(tmp_path, table):
    lines = {
        "attendance": ["held_at,event,registered,attended", *["2026-01-05,x,5,4"] * 2],
        "mentions": ["time,channel,text", *["2026-01-05,x,good"] * 2],
        "assignments": ["experiment,customer_id,arm,assigned_at", *["e,a,control,2026-01-05"] * 2],
    }
    rows = read(tmp_path, table, lines[table])
    assert (rows.kept, counts(rows)) == (2, (0, 0, 1))


def test_what_is_kept_left_out_refused_and_repeated_adds_up(tmp_path):
    lines = [*SALES, "2,a,2026-02-05,10", "3,,2026-02-05,10", "4,b,2026-02-05,0"]
    sales = read(tmp_path, "interactions", lines, columns=AS_SALES, keep={"value": "> 0"})
    assert (sales.rows, sales.refused.height, sales.left_out) == (6, 1, {"value > 0": 1})
    assert sales.kept == sales.frame.height == 2
    assert sales.kept + 1 + 1 + sales.repeated == sales.rows
