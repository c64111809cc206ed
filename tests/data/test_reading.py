"""A file -> a table: what is kept, left out and refused, and that the three add up."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagekit import DataError
from engagekit.data import mapping
from engagekit.data import read as reads
from engagekit.data.read import read_table
from engagekit.data.source import Constant, Product, Source
from engagekit.data.style import Style

JAKARTA = ZoneInfo("Asia/Jakarta")
STYLE = Style("en", time_zone="Asia/Jakarta")
HEAD = "customer_id,time,channel,action"


def from_file(tmp_path, table, name, style=STYLE, **source):
    return read_table(table, Source(file=name, **source), tmp_path, style)


def from_text(tmp_path, table, text, style=STYLE, **source):
    (tmp_path / "data.csv").write_text(text, "utf-8")
    return from_file(tmp_path, table, "data.csv", style, **source)


def events(tmp_path, *lines, head=HEAD, **source):
    return from_text(tmp_path, "interactions", "\n".join([head, *lines]) + "\n", **source)


def mailings(tmp_path, *lines, **source):
    return from_text(tmp_path, "mailings", "\n".join(["sent_at,campaign,sent,delivered,opens", *lines]), **source)


def workbook(path, rows):
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(at, place, cell)
                elif cell is not None:
                    sheet.write(at, place, cell)


def refusals(read):
    return read.refused.select("row", "column", "value", "reason").rows()


def amendments(read):
    return read.amended.select("row", "column", "value", "reason").rows()


def test_clean_rows_come_back_with_their_types(tmp_path):
    read = events(
        tmp_path,
        "00123,2026-03-01 14:05,web,purchase,12.5,17850.0",
        "+628,2026-03-01T07:00:00Z,app,view,,",
        head=HEAD + ",value,order_id",
    )
    assert read.frame.rows() == [
        ("00123", dt.datetime(2026, 3, 1, 14, 5, tzinfo=JAKARTA), "web", "purchase", 12.5, "17850"),
        ("+628", dt.datetime(2026, 3, 1, 14, tzinfo=JAKARTA), "app", "view", None, None),
    ]
    assert (read.rows, read.kept, read.refused.height, read.left_out) == (2, 2, 0, {})
    assert read.frame.schema["time"] == pl.Datetime("us", "Asia/Jakarta")


def test_a_refused_row_names_file_row_column_value_and_reason(tmp_path):
    read = mailings(
        tmp_path,
        "2026-01-05,A,100,90,10",
        "2026-01-06,B,many,90,10",
        "",
        "2026-02-30,C,100,90,10",
        "2026-01-08,D,100,101,10",
        "2026-01-09,,100,90,10",
        "2026-01-10,F,100.5,90,10",
        "2026-01-11,G,-1,-2,-3",
    )
    assert read.refused.columns == ["file", "row", "column", "value", "reason", "cells"]
    assert read.refused["file"].unique().to_list() == ["data.csv"]
    assert refusals(read) == [
        (3, "sent", "many", "not_count"),
        (5, "sent_at", "2026-02-30", "not_time"),
        (6, "delivered", "101", "above_sent"),
        (7, "campaign", None, "missing"),
        (8, "sent", "100.5", "not_count"),
        (9, "sent", "-1", "out_of_range"),
    ]
    assert (read.rows, read.kept) == (7, 1)
    assert read.frame["campaign"].to_list() == ["A"]


def test_the_value_of_a_refused_row_is_the_cell_as_written(tmp_path):
    read = from_text(tmp_path, "mailings", "sent_at;campaign;sent;delivered\n2026-01-05;A; Rp 1.20 ;90\n", Style("id"))
    assert refusals(read) == [(2, "sent", "Rp 1.20", "not_count")]


def test_a_blank_line_is_no_row_and_a_row_of_blanks_in_quotes_is_one(tmp_path):
    read = events(tmp_path, "", "a,2026-01-01,web,view", ",,,", '"","","",""', "")
    assert (read.rows, read.kept) == (2, 1)
    assert refusals(read) == [(5, "customer_id", None, "missing")]


def test_a_table_without_rows_is_a_table(tmp_path):
    read = events(tmp_path, keep={"channel": "= web"})
    assert (read.rows, read.kept, read.frame.height) == (0, 0, 0)
    assert read.left_out == {"channel = web": 0}
    assert read.frame.columns == HEAD.split(",")
    assert read.check() is read


def test_reasons_are_counted_commonest_first(tmp_path):
    read = mailings(tmp_path, "x,A,1,1,0", "2026-01-01,B,x,1,0", "y,C,1,1,0", "2026-01-01,D,1,1,0")
    assert read.reasons().rows() == [("sent_at", "not_time", 2, 2), ("sent", "not_count", 1, 3)]


def test_above_the_limit_the_table_is_refused_as_a_whole(tmp_path):
    read = mailings(
        tmp_path, "2026-01-01,A,1,1,0", "5 Juno,B,1,1,0", "2026-01-01,C,9,x,0", "6 Juno,D,1,1,0", refuse_above=0.5
    )
    with pytest.raises(DataError) as caught:
        read.check()
    error = caught.value
    assert (error.file, error.row, error.column, error.value) == ("data.csv", 3, "sent_at", "5 Juno")
    assert "Juno" not in str(error)  # it is written into reports
    for fact in ("was refused: not_time (2 rows)", "3 of 4 rows (75.0%)", "at most 50%"):
        assert fact in str(error)
    for way_out in ('dates = "dmy"', "refuse_above in [tables.mailings] of business.toml"):
        assert way_out in str(error)


def test_the_limit_itself_is_allowed(tmp_path):
    lines = ["a,2026-01-01,web,view"] * 71 + ["a,x,web,view"] * 29
    read = events(tmp_path, *lines, refuse_above=0.29)
    assert read.check() is read
    with pytest.raises(DataError, match="29 of 100 rows"):
        events(tmp_path, *lines, refuse_above=0.289).check()


def test_a_blank_cell_and_a_number_in_another_language_are_explained(tmp_path):
    with pytest.raises(DataError, match="row 2, customer_id: the cell was refused: missing"):
        events(tmp_path, ",2026-01-01,web,view").check()
    with pytest.raises(DataError, match=r"value: the cell counts as blank: not_number.*numbers \(numbers = .en.\)"):
        events(tmp_path, 'a,2026-01-01,web,view,"1.200,50"', head=HEAD + ",value", numbers="en").check()


def test_keep_rules_are_counted_in_their_order_among_the_rows_not_refused(tmp_path):
    lines = ["a,2026-01-01,web,purchase,2,5", "b,2026-01-01,web,purchase,-2,0", "c,2026-01-01,web,purchase,3,0"]
    lines += ["d,2026-01-01,web,purchase,-1,1", ",2026-01-01,web,purchase,-1,0"]
    for keep, left_out in (
        ({"quantity": "> 0", "value": "> 0"}, {"quantity > 0": 2, "value > 0": 1}),
        ({"value": "> 0", "quantity": "> 0"}, {"value > 0": 2, "quantity > 0": 1}),
    ):
        read = events(tmp_path, *lines, head=HEAD + ",quantity,value", keep=keep)
        assert list(read.left_out.items()) == list(left_out.items())
        assert (read.rows, read.refused.height, read.kept) == (5, 1, 1)
        assert read.frame["customer_id"].to_list() == ["a"]


def test_a_keep_rule_needs_a_mapped_column(tmp_path):
    with pytest.raises(DataError, match=r"data.csv, quantiy: a keep rule names.* Did you mean quantity\?"):
        events(tmp_path, head=HEAD + ",quantity", keep={"quantiy": "> 0"})


def test_a_map_names_a_column_a_constant_or_a_product(tmp_path):
    read = from_text(
        tmp_path,
        "interactions",
        "Kode;Tgl;Jml;Harga satuan\n007;05/01/2026;2;1.250,50\n008;06/01/2026;;10\n009;07/01/2026;x;10\n",
        Style("id", "%d/%m/%Y", "Asia/Jakarta"),
        columns={
            "customer_id": "Kode",
            "time": "Tgl",
            "channel": {"constant": "toko"},
            "action": {"constant": "purchase"},
            "value": {"product": ["Jml", "Harga satuan"]},
        },
    )
    assert read.frame.select("customer_id", "channel", "action", "value").rows() == [
        ("007", "toko", "purchase", 2501.0),
        ("008", "toko", "purchase", None),
        ("009", "toko", "purchase", None),
    ]
    assert amendments(read) == [(4, "value", "x × 10", "not_number")]


@pytest.mark.parametrize(
    ("ours", "constant", "value"),
    [
        ("sent_at", "2026-01-05", dt.datetime(2026, 1, 5, tzinfo=JAKARTA)),
        ("sent_at", "2026-01-05T00:00:00Z", dt.datetime(2026, 1, 5, 7, tzinfo=JAKARTA)),
        ("sent_at", dt.date(2026, 1, 5), dt.datetime(2026, 1, 5, tzinfo=JAKARTA)),
        ("sent_at", dt.datetime(2026, 1, 5, 9), dt.datetime(2026, 1, 5, 9, tzinfo=JAKARTA)),
        ("sent", 7, 7),
        ("sent", "7", 7),
        ("campaign", "Promo 1.5", "Promo 1.5"),
        ("campaign", 7, "7"),
        ("campaign", True, "true"),
        ("rate", 1.5, "1.5"),
    ],
)
def test_a_constant_is_a_value_of_its_column_s_type_in_any_language(tmp_path, ours, constant, value):
    names = [name for name in ("sent_at", "campaign", "sent", "delivered") if name != ours]
    cells = {"sent_at": "05/01/2026", "campaign": "A", "sent": "7", "delivered": "7"}
    text = ";".join(names) + "\n" + ";".join(cells[name] for name in names) + "\n"
    style = Style("id", "%d/%m/%Y", "Asia/Jakarta")
    read = from_text(tmp_path, "mailings", text, style, columns={ours: Constant(constant=constant)})
    assert read.frame[ours].to_list() == [value]


def test_a_constant_of_the_wrong_type_refuses_every_row(tmp_path):
    text = "campaign,sent,delivered\nA,1,1\nB,2,2\n"
    read = from_text(tmp_path, "mailings", text, columns={"sent_at": Constant(constant="soon")})
    assert refusals(read) == [(2, "sent_at", "soon", "not_time"), (3, "sent_at", "soon", "not_time")]


def test_a_flag_may_be_a_constant(tmp_path):
    text = "customer_id,joined_at\na,2026-01-01\n"
    for constant in (True, "ya", 1):
        read = from_text(tmp_path, "customers", text, columns={"loyalty_member": Constant(constant=constant)})
        assert read.frame["loyalty_member"].to_list() == [True]


def test_further_columns_that_are_mapped_are_carried_along_as_text(tmp_path):
    read = events(
        tmp_path, "a,2026-01-01,web,view,007,1.200", head=HEAD + ",Kode Toko,x", columns={"branch": "Kode Toko"}
    )
    assert read.frame.columns == [*HEAD.split(","), "branch"]
    assert read.frame["branch"].to_list() == ["007"]


@pytest.mark.parametrize("head", ["Customer ID,TIME, Channel ,Action", "customer-id,Time,CHANNEL,action"])
def test_a_column_of_the_same_name_needs_no_map(tmp_path, head):
    assert events(tmp_path, "a,2026-01-01,web,view", head=head).frame.columns == HEAD.split(",")


def test_the_map_goes_before_a_column_of_the_same_name(tmp_path):
    read = events(tmp_path, "a,2026-01-01,web,view,b", head=HEAD + ",buyer", columns={"customer_id": "buyer"})
    assert read.frame["customer_id"].to_list() == ["b"]


def test_of_two_columns_of_a_similar_name_the_exact_one_is_taken_or_one_must_be_mapped(tmp_path):
    line = "a,2026-01-01,web,view,1,2"
    assert events(tmp_path, line, head=HEAD + ",Value,value").frame["value"].to_list() == [2.0]
    assert events(tmp_path, line, head=HEAD + ",value,Value").frame["value"].to_list() == [1.0]
    with pytest.raises(DataError, match=r"data.csv, value: may be 'Value' or 'VALUE'. Map one of them"):
        events(tmp_path, line, head=HEAD + ",Value,VALUE")
    assert events(tmp_path, line, head=HEAD + ",Value,VALUE", columns={"value": "VALUE"}).frame["value"].item() == 2.0


def test_a_name_that_is_there_twice_is_refused_where_it_is_mapped_only(tmp_path):
    head = HEAD + ",Total,note,Total"
    assert events(tmp_path, "a,2026-01-01,web,view,1,x,2", head=head).kept == 1
    with pytest.raises(DataError, match=r"data.csv, row 1, value: columns 5 and 7 are both called 'Total'"):
        events(tmp_path, "a,2026-01-01,web,view,1,x,2", head=head, columns={"value": "Total"})


def test_a_missing_required_column_offers_the_nearest_and_says_where_to_map_it(tmp_path):
    with pytest.raises(DataError) as caught:
        events(tmp_path, head="custmer_id,time,channel,action")
    assert (caught.value.file, caught.value.column) == ("data.csv", "customer_id")
    assert "Did you mean custmer_id?" in str(caught.value)
    assert "[tables.interactions.columns] of business.toml" in str(caught.value)


def test_a_mapped_column_that_is_not_in_the_file_offers_the_nearest(tmp_path):
    for made in ("Totl", Product(product=("Total", "Totl"))):
        with pytest.raises(
            DataError, match=r"data.csv, value: the column 'Totl' is not in the file. Did you mean Total\?"
        ):
            events(tmp_path, head=HEAD + ",Total", columns={"value": made})


@pytest.mark.parametrize(
    "name", ["<script>", 'say "hi"', "two\nlines", "^v.*$", "*", "row", ":row", "raw:value", "{x}"]
)
def test_a_column_of_any_name_can_be_mapped(tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    read = events(tmp_path, "a,2026-01-01,web,view,5,x", head=f"{HEAD},{quoted},v2", columns={"value": name})
    assert read.frame["value"].to_list() == [5.0]
    assert amendments(
        events(tmp_path, "a,2026-01-01,web,view,x,9", head=f"{HEAD},{quoted},v2", columns={"value": name})
    ) == [(2, "value", "x", "not_number")]


@pytest.mark.parametrize("cell", ["NaN", "inf", "-inf", "1e400", "Infinity", "#N/A", "twelve"])
def test_what_is_not_a_finite_number_is_blank_and_counted(tmp_path, cell):
    read = events(tmp_path, f"a,2026-01-01,web,view,{cell}", head=HEAD + ",value")
    assert amendments(read) == [(2, "value", cell, "not_number")]


def test_numbers_of_parquet_that_are_not_finite_are_blank_and_counted(tmp_path):
    values = [1.0, float("nan"), float("inf"), None]
    frame = pl.DataFrame({"customer_id": ["a"] * 4, "time": ["2026-01-01"] * 4, "value": values})
    frame.with_columns(channel=pl.lit("web"), action=pl.lit("view")).write_parquet(tmp_path / "a.parquet")
    read = from_file(tmp_path, "interactions", "a.parquet")
    assert amendments(read) == [(3, "value", "NaN", "not_number"), (4, "value", "inf", "not_number")]
    assert read.frame["value"].to_list() == [1.0, None, None, None]


def test_parquet_keeps_numbers_ids_and_instants_in_any_language(tmp_path):
    frame = pd.DataFrame(
        {
            "customer_id": [17850.0, 12.0, None],
            "time": pd.to_datetime(["2026-03-01 14:05", "2026-03-02 00:00", "2026-03-03 00:00"]),
            "channel": ["web"] * 3,
            "action": ["view"] * 3,
            "value": [1.5, 1.234, 1200.0],
            "order_id": [1234567890123456789, 12, 13],
        }
    )
    frame.to_parquet(tmp_path / "naive.parquet")
    frame.assign(time=frame["time"].dt.tz_localize("UTC")).to_parquet(tmp_path / "aware.parquet")
    style = Style("id", time_zone="Asia/Jakarta")
    naive = from_file(tmp_path, "interactions", "naive.parquet", style)
    aware = from_file(tmp_path, "interactions", "aware.parquet", style)
    assert naive.frame["time"][0] == dt.datetime(2026, 3, 1, 14, 5, tzinfo=JAKARTA)
    assert aware.frame["time"][0] == dt.datetime(2026, 3, 1, 21, 5, tzinfo=JAKARTA)
    assert naive.frame["customer_id"].to_list() == ["17850", "12"]
    assert naive.frame["value"].to_list() == [1.5, 1.234]
    assert naive.frame["order_id"].to_list() == ["1234567890123456789", "12"]
    assert refusals(naive) == [(4, "customer_id", None, "missing")]


def test_a_spreadsheet_s_numbers_are_numbers_whatever_the_business_s_language(tmp_path):
    rows = [["customer_id", "time", "channel", "action", "value", "order_id"]]
    rows += [[123, dt.datetime(2026, 3, 1, 14, 5), "web", "purchase", 1.5, "00123"]]
    rows += [[], [456.0, dt.datetime(2026, 3, 2), "web", "purchase", 1.234, "+628"]]
    workbook(tmp_path / "a.xlsx", rows)
    read = from_file(tmp_path, "interactions", "a.xlsx", Style("id", time_zone="Asia/Jakarta"))
    assert (read.rows, read.kept) == (2, 2)
    assert read.frame["value"].to_list() == [1.5, 1.234]
    assert read.frame["customer_id"].to_list() == ["123", "456"]
    assert read.frame["order_id"].to_list() == ["00123", "+628"]
    assert read.frame["time"].to_list()[0] == dt.datetime(2026, 3, 1, 14, 5, tzinfo=JAKARTA)


@pytest.mark.parametrize(
    ("language", "values"),
    [("id", [1.234, 1234.0, 1.5, 1200.5, None, 1000.0]), ("en", [1.234, 1.234, 1.5, None, None, 1000.0])],
)
def test_a_spreadsheet_column_of_numbers_and_text_is_read_cell_by_cell(tmp_path, language, values):
    cells = [1.234, "1.234", 1.5, "1.200,50", "n/a", 1000]
    rows = [["customer_id", "time", "channel", "action", "value"]]
    rows += [["a", "2026-01-01", "web", "purchase", cell] for cell in cells]
    workbook(tmp_path / "a.xlsx", rows)
    read = from_file(tmp_path, "interactions", "a.xlsx", numbers=language)
    assert read.frame["value"].to_list() == values
    assert read.amended["row"].to_list() == [row for row, value in enumerate(values, start=2) if value is None]


def test_ids_of_a_spreadsheet_that_mix_text_and_numbers_are_not_merged(tmp_path):
    rows = [["customer_id", "time", "channel", "action"]]
    rows += [[cell, "2026-01-01", "web", "view"] for cell in ("00123", 123, "123", "NA")]
    workbook(tmp_path / "a.xlsx", rows)
    read = from_file(tmp_path, "interactions", "a.xlsx", Style("id"))
    assert read.frame["customer_id"].to_list() == ["00123", "123", "123", "NA"]


def test_an_id_whose_digits_a_spreadsheet_has_lost_is_refused(tmp_path):
    rows = [["customer_id", "time", "channel", "action"], [1234567890123456789, "2026-01-01", "web", "view"]]
    workbook(tmp_path / "a.xlsx", rows)
    read = from_file(tmp_path, "interactions", "a.xlsx")
    assert [(row, column, reason) for row, column, _, reason in refusals(read)] == [(2, "customer_id", "not_allowed")]
    with pytest.raises(DataError, match="store ids as text"):
        read.check()


def test_dates_of_a_spreadsheet_are_dates_whatever_format_is_declared(tmp_path):
    rows = [["customer_id", "joined_at", "birthday"], ["a", dt.datetime(2026, 1, 5), dt.date(1990, 12, 31)]]
    workbook(tmp_path / "a.xlsx", rows)
    read = from_file(tmp_path, "customers", "a.xlsx", Style("id", "%d/%m/%Y", "Asia/Jakarta"))
    assert read.frame.rows() == [("a", dt.datetime(2026, 1, 5, tzinfo=JAKARTA), dt.date(1990, 12, 31))]


def test_the_same_table_from_every_kind_of_file_is_the_same(tmp_path):
    frame = pl.DataFrame({"sent_at": ["2026-01-05"] * 2, "campaign": ["A", "B"], "sent": [10, 2], "delivered": [9, 1]})
    frame.write_csv(tmp_path / "a.csv")
    frame.write_csv(tmp_path / "a.tsv", separator="\t")
    frame.write_parquet(tmp_path / "a.parquet")
    workbook(tmp_path / "a.xlsx", [frame.columns, *frame.rows()])
    expected = from_file(tmp_path, "mailings", "a.csv").frame
    assert expected["sent"].to_list() == [10, 2]
    for name in ("a.tsv", "a.parquet", "a.xlsx"):
        assert_frame_equal(from_file(tmp_path, "mailings", name).frame, expected)


def test_a_type_that_cannot_be_text_is_a_data_error(tmp_path):
    frame = pl.DataFrame({"customer_id": [b"\xff"], "time": ["2026-01-01"], "channel": ["web"], "action": ["view"]})
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet: cannot be read"):
        from_file(tmp_path, "interactions", "a.parquet")


@pytest.mark.parametrize(
    ("text", "row", "facts"),
    [
        (f"{HEAD}\na,2026-01-01,web,view,extra\n", 2, "was refused: long_row"),
        (f'{HEAD}\na,2026-01-01,web,view\n"b,2026-01-01,web,view\nc,2026-01-01,web,view\n', 3, "quotation mark"),
    ],
)
def test_a_row_that_cannot_be_cut_is_named_with_the_way_out(tmp_path, text, row, facts):
    with pytest.raises(DataError, match=facts) as caught:
        from_text(tmp_path, "interactions", text).check()
    assert (caught.value.file, caught.value.row) == ("data.csv", row)
    assert re.search("Quote|Correct the rows", str(caught.value))


def test_faults_of_the_file_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="is not there"):
        from_file(tmp_path, "interactions", "absent.csv")
    with pytest.raises(DataError, match="is empty"):
        from_text(tmp_path, "interactions", "")


@pytest.fixture
def many(tmp_path):
    """Seven hundred rows, of which every fifth is refused and every third of the others left out."""
    lines = [f"c{i},2026-01-{'xx' if i % 5 == 0 else '07'},web,view,{i % 3}" for i in range(700)]
    (tmp_path / "data.csv").write_text("\n".join([HEAD + ",value", *lines]))
    return tmp_path


@pytest.mark.parametrize("rows", [60, 699])
def test_the_result_does_not_depend_on_the_size_of_the_batches(many, monkeypatch, rows):
    heights = []
    whole = from_file(many, "interactions", "data.csv", keep={"value": "> 0"})
    checked = reads.checked
    monkeypatch.setattr(reads, "checked", lambda file, batch: heights.append(batch.height) or checked(file, batch))
    monkeypatch.setattr(mapping, "BATCH_ROWS", rows)
    parts = from_file(many, "interactions", "data.csv", keep={"value": "> 0"})
    assert len(heights) > 2
    assert sum(heights) == 700
    assert (parts.rows, parts.left_out) == (whole.rows, whole.left_out) == (700, {"value > 0": 187})
    assert_frame_equal(parts.refused, whole.refused)
    assert_frame_equal(parts.frame, whole.frame)


def test_a_table_that_is_too_large_to_hold_is_scanned_and_gives_the_same(many, monkeypatch):
    held = from_file(many, "interactions", "data.csv", keep={"value": "> 0"})
    monkeypatch.setattr(reads, "HELD_ROWS", 100)
    monkeypatch.setattr(mapping, "BATCH_ROWS", 60)
    scanned = from_file(many, "interactions", "data.csv", keep={"value": "> 0"})
    assert_frame_equal(scanned.frame, held.frame)
    assert (scanned.kept, scanned.left_out) == (held.kept, held.left_out)
    assert_frame_equal(scanned.scan.head(7).collect(), held.frame.head(7))
    assert_frame_equal(scanned.scan.select("value").collect(engine="streaming"), held.frame.select("value"))
    some = pl.col("customer_id") == "c7"
    assert_frame_equal(scanned.scan.filter(some).select("time").collect(), held.frame.filter(some).select("time"))


def test_a_file_that_changes_after_it_was_read_is_refused(many, monkeypatch):
    for rows in (5_000_000, 100):
        monkeypatch.setattr(reads, "HELD_ROWS", rows)
        read = from_file(many, "interactions", "data.csv")
        with (many / "data.csv").open("a") as file:
            file.write("\nz,2026-01-07,web,view,1")
        with pytest.raises(DataError, match=r"data.csv: has changed since it was read"):
            _ = read.frame
    with pytest.raises(DataError, match=r"data.csv: has changed since it was read"):
        read.scan.collect()


def test_a_file_that_changes_while_it_is_read_is_refused(many, monkeypatch):
    settle = reads.settle

    def meanwhile(*args):
        (many / "data.csv").write_text("other")
        return settle(*args)

    monkeypatch.setattr(reads, "settle", meanwhile)
    with pytest.raises(DataError, match=r"data.csv: has changed since it was read"):
        from_file(many, "interactions", "data.csv")


def test_what_was_checked_is_what_is_used(many):
    read = from_file(many, "interactions", "data.csv")
    (many / "data.csv").unlink()
    assert read.scan.collect().height == read.kept == 560


@pytest.mark.parametrize(
    ("table", "head", "row", "column"),
    [
        ("customers", "customer_id", "a", "joined_at"),
        ("subscriptions", "customer_id,starts_at,monthly_value", "a,2026-01-01,", "ends_at"),
    ],
)
def test_a_date_that_the_file_does_not_have_is_blank(tmp_path, table, head, row, column):
    read = from_text(tmp_path, table, f"{head}\n{row}\n")
    assert read.kept == 1
    assert read.frame[column].to_list() == [None]
    assert read.frame.schema[column] == pl.Datetime("us", "Asia/Jakarta")


def test_reopened_is_a_count_or_yes_and_no(tmp_path):
    cells = ["2", "0", "yes", "tidak", "", "1.5", "maybe"]
    lines = [f"{number},2026-01-01,{cell}" for number, cell in enumerate(cells)]
    read = from_text(tmp_path, "tickets", "\n".join(["ticket_id,opened_at,reopened", *lines]))
    assert read.frame["reopened"].to_list() == [2, 0, 1, 0, None, None, None]
    assert amendments(read) == [(7, "reopened", "1.5", "not_tally"), (8, "reopened", "maybe", "not_tally")]


CELLS = {
    "customer_id": st.sampled_from(["a", "b", "", "007"]),
    "time": st.sampled_from(["2026-01-01", "2026-02-30", "", "2026-01-01T10:00Z"]),
    "quantity": st.sampled_from(["1", "-1", "", "x", "1e9", "2.5"]),
    "sentiment": st.sampled_from(["0.5", "-1", "2", "", "good"]),
}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.tuples(*CELLS.values())), max_size=12))
def test_what_is_kept_left_out_and_refused_adds_up_to_the_rows(tmp_path, lines):
    rows = [(number, row) for number, row in enumerate(lines, start=2) if row is not None and any(row)]
    refused = [number for number, (who, when, quantity, sentiment) in rows if who == "" or when in ("", "2026-02-30")]
    amended = sorted(
        (number, column)
        for number, (_, _, *cells) in rows
        if number not in refused
        for column, cell, faults in zip(("quantity", "sentiment"), cells, (("x", "1e9"), ("2", "good")), strict=True)
        if cell in faults
    )
    good = [(number, row[2]) for number, row in rows if number not in refused]
    kept = [number for number, quantity in good if quantity in ("1", "2.5")]
    text = "\n".join([",".join(CELLS), *("" if row is None else ",".join(row) for row in lines)])
    read = from_text(
        tmp_path,
        "interactions",
        text,
        columns={"channel": {"constant": "web"}, "action": {"constant": "view"}},
        keep={"quantity": "> 0"},
    )
    assert read.rows == len(rows)
    assert read.refused["row"].to_list() == refused
    assert sorted(read.amended.select("row", "column").rows()) == amended
    assert read.left_out == {"quantity > 0": len(good) - len(kept)}
    assert read.kept == read.frame.height == len(kept)
    assert read.kept + sum(read.left_out.values()) + read.refused.height == read.rows


def test_a_cell_that_the_table_can_do_without_is_blank_where_it_breaks_a_rule_and_costs_no_row(tmp_path):
    read = mailings(tmp_path, "2026-01-05,Hi,10,9,12", "2026-01-06,Hi,10,9,4", "2026-01-07,Hi,10,11,4")
    assert read.frame["opens"].to_list() == [None, 4]
    assert amendments(read) == [(2, "opens", "12", "above_delivered")]
    assert refusals(read) == [(4, "delivered", "11", "above_sent")]
    assert from_text(tmp_path, "mailings", (tmp_path / "data.csv").read_text(), refuse_above=0.34).check()


def test_an_end_that_cannot_be_read_costs_its_row_since_a_blank_one_still_runs(tmp_path):
    head, rows = (
        "customer_id,starts_at,ends_at,monthly_value",
        ["a,2026-01-01,soon,9", "b,2026-01-01,,x", "c,2026-01-01,,9"],
    )
    read = from_text(tmp_path, "subscriptions", "\n".join([head, *rows]))
    assert refusals(read) == [(2, "ends_at", "soon", "not_time")]
    assert read.frame.select("customer_id", "monthly_value").rows() == [("b", None), ("c", 9.0)]


def test_a_column_of_which_most_cells_cannot_be_read_is_another_one(tmp_path):
    lines = [f"a,2026-01-0{day},web,view,{cell}" for day, cell in enumerate(["Hi", "Ho", "5", ""], start=1)]
    read = events(tmp_path, *lines, head=HEAD + ",value")
    with pytest.raises(DataError, match=r"row 2, value: the cell counts as blank: not_number \(2 rows\), as do most"):
        read.check()
    events(tmp_path, *lines[1:], head=HEAD + ",value").check()  # as many can be read as not


def test_words_that_say_nothing_and_words_that_stand_for_others(tmp_path):
    """By table, and by column, where the words of both count."""
    text = "no,made,done,rated,back\n1,2026-01-05,1900-01-01,Good,-\n2,2026-01-06,2026-01-07,Offered,yes\n"
    read = from_text(
        tmp_path,
        "tickets",
        text,
        blank=["1900-01-01", "-"],
        columns={
            "ticket_id": "no",
            "opened_at": "made",
            "solved_at": "done",
            "score": {"from": "rated", "values": {"Good": "5", "Bad": "1"}, "blank": ["Offered"]},
            "reopened": "back",
        },
    )
    assert read.frame["solved_at"].null_count() == 1
    assert read.frame.select("score", "reopened").rows() == [(5.0, None), (None, 1)]
    assert (read.amended.height, read.refused.height) == (0, 0)


def test_a_table_or_a_column_has_a_zone_numbers_and_dates_of_its_own(tmp_path):
    """18:30 in UTC is 01:30 of the next day in Jakarta."""
    text = "customer_id,time,channel,action,value\na,2026-01-31 18:30,web,view,1.5\n"
    style = Style("en", time_zone="Asia/Jakarta", written_in="UTC")
    (time,) = from_text(tmp_path, "interactions", text, style).frame["time"]
    assert str(time) == "2026-02-01 01:30:00+07:00"
    own = {"time": {"from": "time", "time_zone": "UTC"}, "value": {"from": "value", "numbers": "id"}}
    read = from_text(tmp_path, "interactions", text.replace("1.5", '"1,5"'), columns=own)
    assert read.frame.select(pl.col("time").dt.day(), "value").row(0) == (1, 1.5)
    other = {"time": {"from": "time", "dates": "%d/%m/%Y"}}
    assert from_text(tmp_path, "interactions", text.replace("2026-01-31 18:30", "31/01/2026"), columns=other).kept == 1
    with pytest.raises(ValueError, match="'Jakarta' is not a time zone such as Asia/Jakarta or UTC"):
        Source(file="a.csv", time_zone="Jakarta")


def test_a_time_that_the_clock_left_out_is_moved_on_and_counted(tmp_path):
    lines = [f"a,2026-03-29 0{hour}:30,web,view" for hour in (0, 1, 2)]
    read = from_text(tmp_path, "interactions", "\n".join([HEAD, *lines]), Style("en", time_zone="Europe/London"))
    assert read.frame["time"].dt.hour().to_list() == [0, 2, 2]
    assert amendments(read) == [(3, "time", "2026-03-29 01:30", "moved_hour")]
    assert read.check() is read


def test_an_id_that_a_spreadsheet_has_shortened_is_refused(tmp_path):
    """Of 628123456789 and 628123456790, both written as 6.28123E+11, one customer would be made."""
    read = events(
        tmp_path, "6.28123E+11,2026-01-05,web,view", "628123456790,2026-01-05,web,view", "1E5,2026-01-05,web,view"
    )
    assert refusals(read) == [(2, "customer_id", "6.28123E+11", "not_allowed")]
    assert read.frame["customer_id"].to_list() == ["628123456790", "1E5"]


def test_numbers_that_can_be_read_in_two_ways_are_an_error_that_shows_both(tmp_path):
    """In an Indonesian business 12,500 is 12.5, and in an English file 12500."""
    lines = [f'a,2026-01-0{day},web,purchase,"{cell}"' for day, cell in enumerate(["7", "12,500", "150,000"], start=1)]
    text = "\n".join([HEAD + ",value", *lines])
    with pytest.raises(DataError, match="row 3, value: the numbers of this column can be read in two ways") as caught:
        from_text(tmp_path, "interactions", text, Style("id"))
    assert caught.value.value == "12,500, which is 12.5 or 12500"
    assert 'numbers = "en" (1,200.50) or "id"' in str(caught.value)
    for numbers, values in (("en", [7, 12_500, 150_000]), ("id", [7, 12.5, 150])):
        read = from_text(tmp_path, "interactions", text, Style(numbers), numbers=numbers)
        assert read.frame["value"].to_list() == values


@pytest.mark.parametrize("cells", [["12,500", "3,25"], ["0,125"], ["12.500", "150.000"], ["12500"]])
def test_numbers_of_which_one_cell_tells_how_all_are_written_are_read(tmp_path, cells):
    lines = [f'a,2026-01-0{day},web,purchase,"{cell}"' for day, cell in enumerate(cells, start=1)]
    assert from_text(tmp_path, "interactions", "\n".join([HEAD + ",value", *lines]), Style("id")).amended.is_empty()
