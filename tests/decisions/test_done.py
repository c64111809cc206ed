"""``actions.csv``: what the business says that it did."""

import pytest

from engagekit.decisions.actions import next_actions
from engagekit.decisions.done import done
from engagekit.errors import DataError
from engagekit.study import Study


def of(folder, text):
    (folder / "actions.csv").write_text(text, "utf-8")
    return done(Study(folder))


def test_rows_are_of_segments_or_of_customers_and_dated_before_the_end(shop_folder):
    rows = of(
        shop_folder(), "date,segment,customer_id,action\n2026-08-01,at_risk,,\n2026-08-02,,c1,call\n2026-09-01,,c2,\n"
    )
    assert rows.select("segment", "customer_id", "plan").rows() == [("at_risk", None, None), (None, "c1", None)]
    assert rows["date"].dt.date().cast(str).to_list() == ["2026-08-01", "2026-08-02"]


def test_a_file_of_dates_and_segments_is_still_read_and_one_of_customers_alone(shop_folder):
    folder = shop_folder()
    assert of(folder, "date,segment\n2026-08-01,advocate\n")["segment"].to_list() == ["advocate"]
    assert of(folder, "date,customer_id\n2026-08-01,c1\n")["customer_id"].to_list() == ["c1"]


@pytest.mark.parametrize("blank", ["\n", ",,\n", '"",,""\n', " , ,\n"])
def test_blank_rows_are_left_out_and_the_others_keep_their_numbers(shop_folder, blank):
    text = f'date,segment,customer_id\n2026-08-01,"",c1\n{blank}2026-08-02,at_risk,""\n'
    rows = of(shop_folder(), text + blank)
    assert rows.select("segment", "customer_id").rows() == [(None, "c1"), ("at_risk", None)]
    with pytest.raises(DataError, match="actions.csv, row 5, segment: there is no segment 'risky'"):
        of(shop_folder(), text + "2026-08-02,risky,\n")


def test_the_apostrophe_of_the_private_list_is_dropped(shop_folder):
    rows = of(shop_folder(), "date,customer_id\n2026-08-01,'+628125550101\n2026-08-01,'quoted\n")
    assert rows["customer_id"].to_list() == ["+628125550101", "'quoted"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,customer_id\n2026-08-01,c1\n1/8/2026,c2\n", "actions.csv, row 3, date: '1/8/2026' is not a date"),
        ("date,segment\n2026-08-01,risky\n", "actions.csv, row 2, segment: there is no segment 'risky'"),
        ("date,segment,customer_id\n2026-08-01,,\n", "actions.csv, row 2, segment: is blank"),
        ("segment\nat_risk\n", "actions.csv, date: is not a column"),
        ("date,who\n2026-08-01,c1\n", "actions.csv, segment: is not a column, nor is customer_id"),
        ("", "actions.csv: cannot be read"),
    ],
)
def test_a_bad_row_is_an_error_that_names_it(shop_folder, text, message):
    with pytest.raises(DataError) as caught:
        of(shop_folder(), text)
    assert message in str(caught.value)


@pytest.mark.parametrize(("day", "rests"), [("2026-08-18", True), ("2026-08-17", False), ("2026-09-01", False)])
def test_who_was_contacted_within_the_pause_is_left_alone(shop_folder, day, rests):
    folder = shop_folder(silent=["c1", "c2"])
    (folder / "actions.csv").write_text(f"date,customer_id\n{day},c1\n2026-08-30,nobody\n")
    listed = next_actions(Study(folder))
    assert listed["customer_id"].tolist() == (["c2"] if rests else ["c1", "c2"])
    assert listed.attrs["left_out"]["contacted"] == rests


def test_a_line_of_a_segment_does_not_say_who_was_contacted(shop_folder):
    folder = shop_folder(silent=["c1"])
    (folder / "actions.csv").write_text("date,segment\n2026-08-30,at_risk\n2026-08-30,potential\n")
    assert next_actions(Study(folder)).attrs["left_out"]["contacted"] == 0


def test_a_study_of_frames_has_no_record(risky_shop):
    assert done(risky_shop()) is None
