import csv
import stat
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
    found = contacts(KNOWN, acceptance=0.2, cost=1)
    assert found["customer_id"].tolist() == ["rich", "sure"]  # the others are not worth the cost
    assert found["expected_gain"].tolist() == pytest.approx([0.5 * 0.2 * 200 - 1, 0.99 * 0.2 * 10 - 1])
    assert found["rank"].tolist() == [1, 2]
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
