"""Settings of a table's file: what they take, and what its keep rules keep."""

import datetime as dt

import polars as pl
import pytest
from pydantic import ValidationError

from engagekit.data.source import Source
from engagekit.data.style import Style

FRAME = pl.DataFrame(
    {
        "quantity": [3.0, -1.0, 0.0, None],
        "status": ["paid", "cancelled", None, "Paid"],
        "price": ["1.200", "900", None, "gratis"],
        "time": [dt.datetime(2026, 1, 31, 23, 59), dt.datetime(2026, 2, 1), None, dt.datetime(2025, 12, 31)],
        "day": [dt.date(2026, 1, 31), dt.date(2026, 2, 1), None, dt.date(2025, 12, 31)],
    }
).with_columns(pl.col("time").dt.replace_time_zone("Asia/Jakarta"))


def places(column, rule):
    """Name of a rule, and the places of the rows that it keeps."""
    ((name, kept),) = (
        Source(file="a.csv", keep={column: rule}).kept(FRAME, dict.fromkeys(FRAME.columns, Style("id"))).items()
    )
    return name, FRAME.with_row_index().filter(kept)["index"].to_list()


@pytest.mark.parametrize(
    ("column", "rule", "kept"),
    [
        ("quantity", "> 0", [0]),
        ("quantity", ">= 0", [0, 2]),
        ("quantity", "< 0", [1]),
        ("quantity", "<= -1", [1]),
        ("quantity", "= 3", [0]),
        ("quantity", "!= 0", [0, 1, 3]),
        ("quantity", "> 2.5", [0]),
        ("price", "> 1000", [0]),
        ("price", "< 1000", [1]),
        ("status", "= paid", [0]),
        ("status", "!= cancelled", [0, 2, 3]),
        ("time", ">= 2026-01-31", [0, 1]),
        ("time", "<= 2026-01-31", [0, 3]),
        ("time", "< 2026-02", [0, 3]),
        ("time", "= 2026", [0, 1]),
        ("time", "> 2026-01-31 23:58:00", [0, 1]),
        ("day", "= 2026-01-31", [0]),
        ("day", "!= 2026-02-01", [0, 2, 3]),
    ],
)
def test_a_rule_keeps_what_it_says(column, rule, kept):
    assert places(column, rule) == (f"{column} {rule}", kept)


@pytest.mark.parametrize("rule", [">0", ">   0", " > 0 "])
def test_spaces_in_a_rule_make_no_difference(rule):
    assert places("quantity", rule) == ("quantity > 0", [0])


@pytest.mark.parametrize("rule", ["", ">", "0", "== 0", "=> 0", "<> 0", "is paid", ">= ", "~ x"])
def test_what_is_no_rule_is_refused_by_name(rule):
    with pytest.raises(ValidationError, match="quantity: .* is not a rule such as"):
        Source(file="a.csv", keep={"quantity": rule})


def test_a_date_format_that_cannot_be_read_is_refused():
    with pytest.raises(ValidationError, match="'dd/mm/yyyy' is none of"):
        Source(file="a.csv", dates="dd/mm/yyyy")


def test_an_encoding_that_is_not_known_is_refused():
    assert Source(file="a.csv", encoding="Latin1").encoding == "iso8859-1"
    with pytest.raises(ValidationError, match="'klingon' is not an encoding"):
        Source(file="a.csv", encoding="klingon")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf"), "many"])
def test_the_share_that_may_be_refused_lies_between_0_and_1(share):
    with pytest.raises(ValidationError, match="refuse_above"):
        Source(file="a.csv", refuse_above=share)
