import csv
import re
import stat
import time
from xml.etree import ElementTree
from zipfile import ZipFile

import pandas as pd
import polars as pl
import pytest

from engagekit.decisions.contacts import contacts, write_private
from engagekit.errors import DataError

KNOWN = pd.DataFrame(
    {
        "customer_id": ["sure", "rich", "poor", "safe", "unknown"],
        "chance": [0.99, 0.5, 0.6, 0.01, None],
        "value": [10.0, 200.0, 1.0, 50.0, 100.0],
    }
)


def test_the_highest_risk_is_not_always_the_best_to_contact():
    ranked = contacts(KNOWN, acceptance=0.2, cost=1)
    assert ranked["customer_id"].tolist() == ["rich", "sure"]  # the others are not worth the cost
    assert ranked["expected_gain"].tolist() == pytest.approx([0.5 * 0.2 * 200 - 1, 0.99 * 0.2 * 10 - 1])
    assert ranked["rank"].tolist() == [1, 2]
    assert contacts(pl.from_pandas(KNOWN), acceptance=0.2, cost=1, capacity=1)["customer_id"].tolist() == ["rich"]
    assert contacts(KNOWN, acceptance=0.2, cost=1_000).empty


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"acceptance": 0}, "acceptance: 0 is not above 0"),
        ({"acceptance": 10}, "acceptance: 10 is not above 0 and up to 1. Write 10 % as 0.1"),
        ({"acceptance": 0.1, "cost": -1}, "cost: -1 must be 0 or above"),
        ({"acceptance": 0.1, "cost": float("nan")}, "cost: nan must be 0 or above"),
        ({"acceptance": 0.1, "capacity": 0}, "capacity: 0 must be 1 or above"),
    ],
)
def test_what_makes_no_sense_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        contacts(KNOWN, **how)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="value"), "value: is not a column"),
        (lambda frame: frame.assign(chance=1.5), "chance: 1.5 .customer 'sure'. is not between 0 and 1"),
        (lambda frame: frame.assign(customer_id="a"), "customer_id: 'a' is there twice"),
    ],
)
def test_a_frame_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        contacts(change(KNOWN), acceptance=0.1)


def test_the_list_is_for_its_owner_and_inert(tmp_path):
    hostile = KNOWN.assign(customer_id=["=1+1", "@a", "0812", "+62", "plain"])
    listed = contacts(hostile, acceptance=1)
    csv_file, excel = write_private(listed, tmp_path / "private")
    assert stat.S_IMODE(csv_file.parent.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in (csv_file, excel)] == [0o600, 0o600]
    with csv_file.open(newline="") as file:
        assert {row["customer_id"] for row in csv.DictReader(file)} == {"'=1+1", "'@a", "0812", "'+62"}
    assert set(pl.read_excel(excel)["customer_id"]) == {"=1+1", "@a", "0812", "+62"}
    assert b"<f>" not in ZipFile(excel).read("xl/worksheets/sheet1.xml")
    write_private(listed.head(1), tmp_path / "private")
    assert len(csv_file.read_text().splitlines()) == 2


def test_customers_who_want_no_messages_are_not_on_the_list_and_are_counted():
    wishes = KNOWN.assign(opted_out=[None, True, True, False, True])
    for customers in (wishes, pl.from_pandas(wishes), wishes.astype({"opted_out": "boolean"})):
        ranked = contacts(customers, acceptance=0.2, cost=1)
        assert ranked["customer_id"].tolist() == ["sure"]  # rich wants none; poor is not worth it anyway
        assert ranked["rank"].tolist() == [1]
        assert ranked.attrs["opted_out"] == 1
    assert contacts(KNOWN, acceptance=0.2, cost=1).attrs["opted_out"] == 0


def test_capacity_counts_customers_who_may_be_contacted():
    wishes = KNOWN.assign(opted_out=[False, True, False, False, False])
    assert contacts(wishes, acceptance=0.2, capacity=2)["customer_id"].tolist() == ["sure", "poor"]


def test_a_wish_is_yes_or_no():
    with pytest.raises(DataError, match="opted_out: 'later' is neither True nor False"):
        contacts(KNOWN.assign(opted_out=["later", True, False, False, True]), acceptance=0.2)


def test_the_same_list_has_the_same_bytes_on_another_day_and_in_another_zone(tmp_path, monkeypatch):
    listed = contacts(KNOWN, acceptance=1)
    first = [file.read_bytes() for file in write_private(listed, tmp_path / "first")]
    monkeypatch.setenv("TZ", "Asia/Makassar")
    time.tzset()
    time.sleep(2.1)  # a zip file's times have two seconds
    try:
        assert [file.read_bytes() for file in write_private(listed, tmp_path / "second")] == first
    finally:
        monkeypatch.undo()
        time.tzset()


def excel_parts(file):
    """Sheet and styles of a workbook, without namespaces."""
    with ZipFile(file) as book:
        parts = [book.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet1", "styles")]
    return [ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", part, count=1)) for part in parts]


@pytest.mark.parametrize(("currency", "money"), [("IDR", "#,##0"), ("GBP", "#,##0.00"), ("", "#,##0.00")])
def test_excel_shows_percentages_and_the_decimals_of_the_currency(currency, money, tmp_path):
    listed = contacts(KNOWN, acceptance=1)
    listed.attrs["currency"] = currency
    excel = write_private(listed, tmp_path)[1]
    sheet, styles = excel_parts(excel)
    formats = {"0": "General"} | {f.get("numFmtId"): f.get("formatCode") for f in styles.iter("numFmt")}
    formats |= {"3": "#,##0", "4": "#,##0.00"}  # built into Excel
    used = [formats[style.get("numFmtId")] for style in styles.find("cellXfs")]
    second = {cell.get("r"): used[int(cell.get("s", 0))] for cell in sheet.findall(".//row[@r='2']/c")}
    assert second == {"A2": "General", "B2": "General", "C2": "0.0%", "D2": money, "E2": money}
    read = pl.read_excel(excel)
    assert read["chance"].to_list() == listed["chance"].to_list()
    assert read["expected_gain"].to_list() == pytest.approx(listed["expected_gain"].to_list())


def test_the_header_of_excel_is_bold_frozen_and_filters_and_columns_fit(tmp_path):
    listed = contacts(KNOWN.assign(customer_id=["x" * 30, "y" * 200, "c", "d", "e"]), acceptance=1)
    sheet, styles = excel_parts(write_private(listed, tmp_path)[1])
    assert sheet.find(".//pane").attrib == {"ySplit": "1", "topLeftCell": "A2", "activePane": "bottomLeft"} | {
        "state": "frozen"
    }
    assert sheet.find("autoFilter").get("ref") == f"A1:E{len(listed) + 1}"
    header = {int(cell.get("s")) for cell in sheet.findall(".//row[@r='1']/c")}
    fonts, used = styles.find("fonts"), styles.find("cellXfs")
    assert all(fonts[int(used[style].get("fontId"))].find("b") is not None for style in header)
    widths = [float(column.get("width")) for column in sheet.iter("col")]
    rank, customer, chance, value, gain = widths
    assert customer == pytest.approx(60, abs=1)  # of 200 letters, 60
    assert rank >= len("rank") + 2
    assert gain >= len("expected_gain") + 2
    assert max(rank, chance, value, gain) < 20


def test_a_list_of_nobody_has_a_header(tmp_path):
    listed = contacts(KNOWN, acceptance=0.2, cost=1_000)
    assert pl.read_excel(write_private(listed, tmp_path)[1]).columns == listed.columns.tolist()
