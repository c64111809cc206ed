"""DataError and did_you_mean: what a message says of place, value and way out."""

import pickle

import pytest

from engagekit import DataError
from engagekit.errors import did_you_mean


def test_a_message_names_file_row_and_column_before_the_problem():
    error = DataError("11 is not on the scale.", file="surveys.csv", row=14, column="score")
    assert str(error) == "surveys.csv, row 14, score: 11 is not on the scale."
    assert (error.problem, error.file, error.row, error.column) == (
        "11 is not on the scale.",
        "surveys.csv",
        14,
        "score",
    )


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({}, "is wrong."),
        ({"file": "a.csv"}, "a.csv: is wrong."),
        ({"row": 3}, "row 3: is wrong."),
        ({"column": "score"}, "score: is wrong."),
        ({"file": "a.csv", "column": "score"}, "a.csv, score: is wrong."),
    ],
)
def test_what_is_not_known_of_the_place_is_left_out(place, message):
    assert str(DataError("is wrong.", **place)) == message


def test_it_is_a_value_error_that_an_except_clause_for_those_catches():
    with pytest.raises(ValueError, match="is wrong"):
        raise DataError("is wrong.")


def test_it_survives_the_way_from_one_process_to_another():
    error = pickle.loads(pickle.dumps(DataError("is wrong.", file="a.csv", row=3, column="score")))
    assert str(error) == "a.csv, row 3, score: is wrong."
    assert (error.file, error.row, error.column) == ("a.csv", 3, "score")


@pytest.mark.parametrize("slip", ["delivred", "Delivered", "DELIVERED ", "deliverd"])
def test_the_nearest_name_is_offered_whatever_its_case(slip):
    assert did_you_mean(slip, ["sent", "delivered", "opens"]) == "Did you mean delivered?"


def test_the_name_is_offered_as_it_is_written():
    assert did_you_mean("kunden-nr", ["Kunden-Nr", "Datum"]) == "Did you mean Kunden-Nr?"


def test_all_names_are_listed_in_order_where_none_is_near():
    assert did_you_mean("xyz", ["sent", "delivered"]) == "There are: delivered, sent."


def test_nothing_to_offer_is_said():
    assert did_you_mean("xyz", []) == "There are none."


def test_a_long_list_of_names_is_cut():
    sentence = did_you_mean("?", [f"column {number:03d}" for number in range(500)])
    assert len(sentence) < 500
    assert "column 000" in sentence
    assert "480 more" in sentence


def test_a_message_has_at_most_500_characters_and_keeps_its_place_and_way_out():
    error = DataError(f"is {'x' * 5000} long. Shorten it.", file="y" * 400 + ".csv", row=7, column="value")
    assert len(str(error)) <= 500
    assert str(error).startswith("yyy")
    assert "row 7, value: is xxx" in str(error)
    assert str(error).endswith("long. Shorten it.")


def test_the_cell_at_fault_is_no_part_of_the_message():
    error = DataError("is not a number.", file="a.csv", row=7, column="value", value="secret")
    assert error.value == "secret"
    assert "secret" not in f"{error} {error!r}"
