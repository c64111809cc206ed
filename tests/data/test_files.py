"""Files of every kind, encoding and fault: header and cells, or a DataError that names the file and the way out."""

import csv
import datetime as dt
import gzip
import io
import os
import re
import zipfile
from contextlib import suppress

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagekit import DataError
from engagekit.data.files import BEYOND, ROW, find_file, open_cells, readable
from engagekit.data.text_files import TextFile, short_rows

TEXT = "nama,catatan\nZoë,£5\nBudi,“baik”\n"
ROWS = [("Zoë", "£5"), ("Budi", "“baik”")]


def read(path, **how):
    """Header, and rows without their number."""
    header, cells, _ = open_cells(path, **how)
    return header, cells.collect().drop(ROW, BEYOND, strict=False).rows()


def read_text(tmp_path, text, **how):
    (tmp_path / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return read(tmp_path / "a.csv", **how)


def numbers(path, **how):
    return open_cells(path, **how)[1].collect()[ROW].to_list()


def workbook(path, *sheets):
    """Write sheets of rows; a cell of text stays text."""
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        for name, rows in sheets:
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                for place, cell in enumerate(row):
                    if isinstance(cell, str):
                        sheet.write_string(at, place, cell)
                    elif cell is not None:
                        sheet.write(at, place, cell)
    return path


def collected(path, **how):
    """Open and read a file, as read_table does."""
    with readable(path, how.get("encoding")):
        return open_cells(path, **how)[1].collect()


def refusal(path, **how):
    """What is said of a file that cannot be opened, or breaks off while it is read."""
    with pytest.raises(DataError) as caught:
        collected(path, **how)
    assert caught.value.file == path.name
    return caught.value


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".CSV", ".csv.gz"])
def test_the_separator_is_told_by_the_header(tmp_path, separator, ending):
    data = TEXT.replace(",", separator).encode()
    path = tmp_path / f"a{ending}"
    path.write_bytes(gzip.compress(data, mtime=0) if ending.endswith("gz") else data)
    assert read(path) == (["nama", "catatan"], ROWS)


def test_a_separator_within_quotes_or_fewer_times_does_not_count(tmp_path):
    assert read_text(tmp_path, '"a;b;c",d\n1,2\n') == (["a;b;c", "d"], [("1", "2")])
    assert read_text(tmp_path, "a, b|c;d;e\n1;2;3\n") == (["a, b|c", "d", "e"], [("1", "2", "3")])


def test_one_column_needs_no_separator(tmp_path):
    assert read_text(tmp_path, "nama\nBudi\n") == (["nama"], [("Budi",)])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_and_line_ends_are_told_by_the_first_bytes(tmp_path, encoding, line_end, packed):
    data = TEXT.replace("\n", line_end).encode(encoding)
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    assert read(path) == (["nama", "catatan"], ROWS)


def test_mixed_line_ends_end_lines_all_the_same(tmp_path):
    assert read_text(tmp_path, "a,b\r1,2\n3,4\r\n5,6\r7,8")[1] == [("1", "2"), ("3", "4"), ("5", "6"), ("7", "8")]


def test_other_line_separators_of_unicode_end_no_row(tmp_path):
    cell = "x\u2028y\u0085z\x0bw"
    assert read_text(tmp_path, f"a,b\r{cell},2\r")[1] == [(cell, "2")]
    assert read_text(tmp_path, f"a,b\n{cell},2\n".encode("utf-16"))[1] == [(cell, "2")]


def test_a_declared_encoding_is_taken(tmp_path):
    data = "nama,harga\nZoë,€5\n".encode("mac-roman")
    assert read_text(tmp_path, data, encoding="mac-roman")[1] == [("Zoë", "€5")]
    assert read_text(tmp_path, data)[1] == [("Zoë", "€5")]


def test_text_that_stops_being_utf_8_after_a_megabyte_says_what_to_do(tmp_path):
    path = tmp_path / "late.csv"
    path.write_bytes(b"a,b\n" + b"x,y\n" * 300_000 + "é,y\n".encode("cp1252"))
    assert 'set encoding = "cp1252"' in str(refusal(path))
    assert read(path, encoding="cp1252")[1][-1] == ("é", "y")


def test_cells_stay_text(tmp_path):
    cells = ("00123", "+62811", "NA", "null", "1e5")
    assert read_text(tmp_path, "a,b,c,d,e\n" + ",".join(cells) + "\n")[1] == [cells]


def test_a_cell_may_hold_separators_quotes_and_line_ends(tmp_path):
    assert read_text(tmp_path, 'a,b\n"x, ""y""\nz",2\n')[1] == [('x, "y"\nz', "2")]


HOSTILE = ["<script>", 'say "hi"', "two\nlines", "^a.*$", "*", "", "row", ":row", "raw:x", "0", "'; drop table t; --"]


def test_hostile_names_of_columns_are_names(tmp_path):
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    cells = [str(place) for place in range(len(HOSTILE))]
    assert read_text(tmp_path, f"{quoted}\n{','.join(cells)}\n") == (HOSTILE, [tuple(cells)])
    names = [name for name in HOSTILE if name]
    row = cells[: len(names)]
    pl.DataFrame([row], schema=names, orient="row").write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == (names, [tuple(row)])
    assert read(workbook(tmp_path / "a.xlsx", ("one", [names, row]))) == (names, [tuple(row)])


def test_a_name_may_be_there_twice(tmp_path):
    assert read_text(tmp_path, "a,b,a\n1,2,3\n") == (["a", "b", "a"], [("1", "2", "3")])
    path = workbook(tmp_path / "a.xlsx", ("one", [["a", "b", "a"], ["1", "2", "3"]]))
    assert read(path) == (["a", "b", "a"], [("1", "2", "3")])


def test_rows_count_as_in_a_spreadsheet(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('\n\na,b\n1,2\n\n"3\n3",4\n\n\n5,6\n')
    assert numbers(path) == [4, 6, 9]
    path.write_text("\r\na,b\r\n\r\n1,2\r\n")
    assert numbers(path) == [4]
    rows = [[], [], [None, "a", "b"], [None, 1, 2], [], [None, 3, 4]]
    assert numbers(workbook(tmp_path / "a.xlsx", ("one", rows))) == [4, 6]
    pl.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    assert numbers(tmp_path / "a.parquet") == [2, 3]


def test_a_header_without_rows_is_a_table_without_rows(tmp_path):
    assert read_text(tmp_path, "a,b\n") == (["a", "b"], [])
    assert read_text(tmp_path, "a,b") == (["a", "b"], [])
    assert read(workbook(tmp_path / "a.xlsx", ("one", [["a", "b"]]))) == (["a", "b"], [])


def test_a_path_with_the_signs_of_a_pattern_is_a_path(tmp_path):
    folder = tmp_path / "[client] *?"
    folder.mkdir()
    (folder / "a [1].csv").write_text("a\nx\n")
    pl.DataFrame({"a": ["x"]}).write_parquet(folder / "a [1].parquet")
    assert read(folder / "a [1].csv") == read(folder / "a [1].parquet") == (["a"], [("x",)])


def test_a_sheet_keeps_its_types(tmp_path):
    moment = dt.datetime(2026, 3, 1, 14, 5)
    path = workbook(tmp_path / "a.xlsx", ("one", [["n", "t", "b", "s"], [1.5, moment, True, "00123"]]))
    assert read(path)[1] == [(1.5, moment, True, "00123")]


@pytest.mark.parametrize(
    ("decimal", "shown"), [(",", ["1,234", "1.234", "1000", "x"]), (".", ["1.234", "1.234", "1000", "x"])]
)
def test_a_number_among_text_is_written_as_the_business_s_spreadsheet_shows_it(tmp_path, decimal, shown):
    path = workbook(tmp_path / "a.xlsx", ("one", [["v"], [1.234], ["1.234"], [1000], ["x"]]))
    assert [cell for (cell,) in read(path, decimal=decimal)[1]] == shown


def test_a_sheet_is_named_where_there_are_several(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("Januari", [["a"], ["x"]]), ("Februari", [["a"], ["y"]]))
    assert read(path, sheet="Februari")[1] == [("y",)]
    assert "several sheets: Januari, Februari. Name one" in str(refusal(path))
    assert "no sheet 'Febuari'. Did you mean Februari?" in str(refusal(path, sheet="Febuari"))


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \n", b"\xef\xbb\xbf", "\n".encode("utf-16")])
def test_a_file_without_a_header_is_empty(tmp_path, data):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    assert "is empty: it has no header line" in str(refusal(path))


def test_a_sheet_without_a_header_is_empty(tmp_path):
    assert "is empty" in str(refusal(workbook(tmp_path / "a.xlsx", ("one", []))))


@pytest.mark.parametrize(
    ("text", "row", "facts"),
    [
        ('a,b\n1,2\n3,"4\n5,6\n7,8\n', 3, "quotation mark"),
        ('a,b\n1,2\n"3,4\n5,"6"\n7,8\n', 3, "quotation mark"),
        ('a,b\n1,2\n3,5" pizza\n5,6\n', 3, "quotation mark"),
        ('"a,b\n1,2\n', 1, "quotation mark"),
        ('a"x,b\n1,2\n', 1, "quotation mark"),
    ],
)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_row_that_cannot_be_cut_into_cells_is_named(tmp_path, text, row, facts, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if ending.endswith("gz") else text.encode())
    error = refusal(path)
    assert error.row == row
    assert facts in str(error)


@pytest.mark.parametrize(
    ("text", "long", "short"),
    [
        ("a,b\n1,2\n3,4,5\n6,7\n", [3], []),
        ("a,b\n1,2,3\n4,5,6,\n", [2, 3], []),
        ('a,b\n"x\ny",2\n\n3,4,5\n1,2,\n9\n', [4], [6]),
        ("a;b\ré;2\r3;4;5\r9\r;\r", [3], [4]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_rows_that_are_longer_or_shorter_than_the_header_are_known(tmp_path, text, long, short, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    cells = open_cells(path)[1].collect()
    assert cells.filter(pl.col(BEYOND).is_not_null())[ROW].to_list() == long
    assert list(short_rows(TextFile(path))) == short


@pytest.mark.parametrize("name", ["a.xls", "a.pdf", "a.xlsx.gz", "a.parquet.gz", "a"])
def test_a_wrong_ending_says_which_ones_are_read(tmp_path, name):
    (tmp_path / name).write_text("a,b\n1,2\n")
    assert "Save it as one of .csv, .tsv" in str(refusal(tmp_path / name))


def zipped():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "a,b\n")
    return packed.getvalue()


def parquet():
    packed = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(packed)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "facts"),
    [
        ("a.csv", zipped(), "a zip archive, such as XLSX. Give it the ending .xlsx"),
        ("a.csv", parquet(), "Parquet. Give it the ending .parquet"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "compressed by gzip. Give it the ending .gz"),
        ("a.csv", b"%PDF-1.7 ...", "PDF. Save it as CSV or XLSX"),
        ("a.csv", b"<!DOCTYPE html><html></html>", "a web page. Save it"),
        ("a.csv", b"\n  <html><body></body></html>", "a web page. Save it"),
        ("a.csv", b'<?xml version="1.0"?><a/>', "a web page. Save it"),
        ("a.csv.gz", gzip.compress(b"<html></html>", mtime=0), "a web page. Save it"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old or an encrypted Excel file"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old or an encrypted Excel file"),
        ("a.xlsx", b"<table><tr><td>a</td></tr></table>", "a web page"),
        ("a.parquet", zipped(), "a zip archive"),
        ("a.xlsx", b"a,b\n1,2\n", "cannot be read: .* Export it again"),
        ("a.xlsx", zipped(), "cannot be read: .* Export it again"),
        ("a.parquet", b"a,b\n1,2\n3,4\n", "cannot be read: .* Export it again"),
        ("a.parquet", parquet()[:-20], "cannot be read: .* Export it again"),
        ("a.csv.gz", b"a,b\n1,2\n", "cannot be read: .* Export it again"),
        ("a.csv.gz", gzip.compress(TEXT.encode(), mtime=0)[:-10], "cannot be read: .* Export it again"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says_is_refused(tmp_path, name, data, facts):
    (tmp_path / name).write_bytes(data)
    assert re.search(facts, str(refusal(tmp_path / name)))


def test_a_csv_whose_first_column_is_called_script_is_no_web_page(tmp_path):
    assert read_text(tmp_path, "<script>,b\n1,2\n")[0] == ["<script>", "b"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(min_size=1, max_size=80),
    ending=st.sampled_from([".csv", ".csv.gz", ".csv.zip", ".xlsx", ".parquet", ".json"]),
)
def test_any_bytes_are_read_or_refused_with_a_data_error(tmp_path, data, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(data)
    with suppress(DataError):
        header, cells, _ = open_cells(path)
        assert len(header) == len(cells.drop(ROW, BEYOND, strict=False).collect_schema())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)] * 3), min_size=1),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_the_csv_module_wrote_is_read_back(tmp_path, rows, separator, encoding):
    path = tmp_path / "a.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("x", "y", "z"), *rows])
    assert read(path) == (["x", "y", "z"], rows)


def test_a_missing_file_offers_the_nearest_one(tmp_path):
    (tmp_path / "orders.csv").touch()
    with pytest.raises(DataError, match=r"order\.csv: is not there\. Did you mean orders\.csv\?"):
        find_file(tmp_path, "order.csv")
    with pytest.raises(DataError, match=r"data/order\.csv: is not there\. There are none"):
        find_file(tmp_path, "data/order.csv")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "orders.csv").mkdir()
    with pytest.raises(DataError, match=r"orders\.csv: is a folder\. Name the file in it"):
        find_file(tmp_path, "orders.csv")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "orders.csv").touch()
    with pytest.raises(DataError, match=r"orders\.csv: is empty: it has no header line\. Export it again"):
        find_file(tmp_path, "orders.csv")


@pytest.mark.parametrize("file", ["../secret.csv", "data/../../secret.csv", "{root}/secret.csv"])
def test_a_path_out_of_the_business_s_folder_is_refused(tmp_path, file):
    shop = tmp_path / "shop"
    shop.mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"lies outside of the business's folder shop/\. Copy it there"):
        find_file(shop, file.format(root=tmp_path))


def test_a_link_out_of_the_business_s_folder_is_refused_and_one_within_is_followed(tmp_path):
    shop = tmp_path / "shop"
    shop.mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (shop / "orders.csv").symlink_to(tmp_path / "secret.csv")
    (shop / "own.csv").write_text("a\n1\n")
    (shop / "link.csv").symlink_to("own.csv")
    with pytest.raises(DataError, match=r"orders\.csv: lies outside"):
        find_file(shop, "orders.csv")
    assert find_file(shop, "link.csv") == (shop / "own.csv").resolve()


def test_a_folder_that_is_itself_a_link_is_no_way_out(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").write_text("a\n1\n")
    (tmp_path / "shop").symlink_to("real")
    assert find_file(tmp_path / "shop", "a.csv").read_text() == "a\n1\n"


@pytest.mark.parametrize("file", ["a\0b.csv", "x" * 300 + ".csv", "loop.csv"])
def test_a_path_that_cannot_be_looked_up_is_refused(tmp_path, file):
    os.symlink("loop.csv", tmp_path / "loop.csv")
    with pytest.raises(DataError, match=r"cannot be looked up.* Correct file = "):
        find_file(tmp_path, file)
