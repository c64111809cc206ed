"""``plans.csv`` edited by hand, and wrongly."""

import datetime as dt

import polars as pl
import pytest

from engagekit.data.business import Business
from engagekit.data.plans import PLANS, append_plans, plan_rows, read_plans
from engagekit.errors import DataError

HEADER = "experiment,customer_id,arm,assigned_at,ends_at,hold_out,action,channel\n"
ROW = "plan-1,c1,contact,2026-11-01,2026-11-29,0.1,call_back,phone\n"
TOML = """
name = "W"
kind = "ecommerce"
language = "id"
currency = "IDR"
time_zone = "Asia/Jakarta"
as_of = 2026-12-01
"""


def opened(folder, text):
    (folder / "business.toml").write_text(TOML)
    (folder / PLANS).write_text(text, "utf-8")
    return Business.open(folder)


def test_plans_are_assignments_of_a_business_that_declares_none(tmp_path):
    table = opened(tmp_path, HEADER + ROW).table("assignments")
    assert table[["experiment", "customer_id", "arm", "ends_at", "action"]].to_numpy().tolist() == [
        ["plan-1", "c1", "contact", "2026-11-29", "call_back"]
    ]
    assert f"{table['assigned_at'][0]}" == "2026-11-01 00:00:00+07:00"


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("contact", "contacts", "row 3, arm", "is not an arm of a plan. Did you mean contact?"),
        ("contact", "", "row 3, arm", "is not an arm"),
        ("2026-11-01", "01/11/2026", "row 3, assigned_at", "is not a date such as 2026-11-01"),
        ("2026-11-29", "", "row 3, ends_at", "is not a date"),
        ("2026-11-29", "2026-11-01", "row 3, ends_at", "is not after assigned_at"),
        ("c1", "", "row 3, customer_id", "is blank"),
        ("c1", '""', "row 3, customer_id", "is blank"),
        ("c1", '" "', "row 3, customer_id", "is blank"),
        ("c1", "c0", "row 2, customer_id", "is in the plan twice"),
        ("plan-1", "=1+1", "row 3, experiment", "is not the name of a plan"),
        ("0.1", "10%", "row 3, hold_out", "is not a share above 0 and below 1"),
        ("0.1", "1", "row 3, hold_out", "is not a share above 0 and below 1"),
    ],
)
def test_a_row_that_cannot_be_is_an_error_and_never_left_out(tmp_path, old, new, place, message):
    with pytest.raises(DataError, match=f"plans.csv, {place}: ") as caught:
        opened(tmp_path, HEADER + ROW.replace("c1", "c0") + ROW.replace(old, new, 1))
    assert message in str(caught.value)
    assert "c0" not in str(caught.value)


@pytest.mark.parametrize("blank", ["\n", ",,,,,,,\n"])
def test_blank_rows_are_left_out(tmp_path, blank):
    business = opened(tmp_path, HEADER + ROW + blank + ROW.replace("c1", "c2") + blank)
    assert read_plans(tmp_path)["customer_id"].to_list() == ["c1", "c2"]
    assert business.table("assignments")["customer_id"].tolist() == ["c1", "c2"]


def test_ids_get_the_type_of_the_other_tables():
    rows = pl.DataFrame(
        {"experiment": "p", "customer_id": ["7"], "arm": "hold_out", "assigned_at": dt.datetime(2026, 1, 1)}
    )
    rows = rows.with_columns(ends_at=pl.lit("2026-02-01"))
    numbers, texts = pl.DataFrame({"customer_id": [7]}), pl.DataFrame({"customer_id": ["7"]})
    tables = [pl.DataFrame({"campaign": ["a"]}), numbers]
    assert plan_rows(rows, tables)["customer_id"].to_list() == [7]
    assert plan_rows(rows.with_columns(customer_id=7), [texts])["customer_id"].to_list() == ["7"]
    with pytest.raises(DataError, match="customer_id: is not Int64 as in the other tables") as caught:
        plan_rows(rows.with_columns(customer_id=pl.lit("budi")), tables)
    assert "budi" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"), [("", "cannot be read"), (HEADER.replace("arm,", ""), "arm: is not a col")]
)
def test_a_file_that_is_none_of_ours_is_an_error(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        opened(tmp_path, text)


def test_what_is_added_follows_what_is_there_and_nothing_else_remains(tmp_path):
    opened(tmp_path, HEADER + ROW)
    rows = read_plans(tmp_path)
    append_plans(tmp_path, rows.with_columns(customer_id=rows["customer_id"] + "\n,'"))
    assert read_plans(tmp_path)["customer_id"].to_list() == ["c1", "c1\n,'"]
    assert {file.name for file in tmp_path.iterdir()} == {"business.toml", PLANS, f".{PLANS}.lock"}


def test_the_last_complete_month_is_read_from_what_happened_and_not_from_plans(tmp_path):
    (tmp_path / "i.csv").write_text("customer_id,time,channel,action\nc1,2026-10-31,store,purchase\n")
    business = opened(tmp_path, HEADER + ROW.replace("2026-11-01", "2026-11-30").replace("2026-11-29", "2026-12-29"))
    more = 'as_of = "last complete month"\n[tables.interactions]\nfile = "i.csv"\n'
    business.file.write_text(TOML.replace("as_of = 2026-12-01\n", more))
    assert f"{Business.open(tmp_path).end():%Y-%m-%d}" == "2026-11-01"
