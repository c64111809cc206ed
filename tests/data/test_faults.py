"""What goes wrong with files, B01 to B70, and what must happen: an error that says the way out, or rows set aside."""

import datetime as dt
import gzip
import os
import zipfile
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from engagekit import DataError
from engagekit.data import read
from engagekit.data.business import Business
from engagekit.data.files import open_cells
from engagekit.data.hints import hints, shared_customers
from engagekit.reports.check import Check

HEAD = "customer_id,time,channel,action"
ROW = "a,2026-01-05,web,view"
BUSINESS = (
    'name = "Shop"\nkind = "ecommerce"\nlanguage = "{language}"\ncurrency = "{currency}"\ntime_zone = "Asia/Jakarta"\n'
)


@pytest.fixture
def shop(tmp_path):
    """A business whose one table is made of some bytes."""

    def made(data, *, table="interactions", name="data.csv", settings="", language="en", currency="IDR", head=""):
        if data is not None:
            (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        text = BUSINESS.format(language=language, currency=currency) + head
        (tmp_path / "business.toml").write_text(f'{text}[tables.{table}]\nfile = "{name}"\n{settings}\n', "utf-8")
        return Business.open(tmp_path).reading(table)

    return made


def csv(*rows, head=HEAD):
    return "\n".join([head, *rows]) + "\n"


def refusals(reading):
    return reading.refused.select("row", "column", "reason").rows()


def amendments(reading):
    return reading.amended.select("row", "column", "reason").rows()


def told(reading):
    return {(way.what, way.value) for way in reading.ways}


def error(shop, *args, **how):
    """What stops the table, at reading or by too many rows refused."""
    with pytest.raises(DataError) as caught:
        shop(*args, **how).check()
    return str(caught.value)


# Files


@pytest.mark.parametrize("data", [b"", b"\n\n \n"], ids=["B01", "B03"])
def test_b01_b03_a_file_without_a_header(shop, data):
    assert error(shop, data) == "data.csv: is empty: it has no header line. Export it again."


def test_b02_a_header_without_rows_is_a_table_without_rows(shop):
    assert (shop(csv()).rows, shop(csv()).kept) == (0, 0)


def test_b04_a_missing_file_lists_close_names(shop, tmp_path):
    (tmp_path / "daat.csv").write_text(csv(ROW))
    assert error(shop, None) == "data.csv: is not there. Did you mean daat.csv?"


def test_b05_a_folder_in_place_of_a_file(shop, tmp_path):
    (tmp_path / "data.csv").mkdir()
    assert error(shop, None) == "data.csv: is a folder. Name the file in it."


def test_b06_a_file_that_may_not_be_read(shop, tmp_path, monkeypatch):
    def denied(path, *args, **how):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "data.csv").write_text(csv(ROW))
    monkeypatch.setattr(Path, "open", denied)  # root may read everything
    with pytest.raises(DataError, match=r"data.csv: cannot be read: .*Permission denied"):
        open_cells(tmp_path / "data.csv")


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"PK\x03\x04rest", "a zip archive"), (b"<!DOCTYPE html><p>", "a web page"), (b"%PDF-1.7", "PDF")],
)
def test_b07_a_csv_that_is_something_else(shop, data, what):
    assert f"data.csv: is not what its ending says, but {what}" in error(shop, data)


def test_b08_an_encrypted_workbook(shop):
    assert "an old or an encrypted Excel file. Save it as CSV or XLSX" in error(
        shop, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), name="data.xlsx"
    )


def test_b09_a_workbook_with_several_sheets(shop, tmp_path):
    with xlsxwriter.Workbook(tmp_path / "data.xlsx") as book:
        book.add_worksheet("January").write(0, 0, "x")
        book.add_worksheet("February").write(0, 0, "x")
    assert "has several sheets: January, February. Name one in business.toml" in error(shop, None, name="data.xlsx")


@pytest.mark.parametrize("name", ["data.csv.gz", "data.csv.zip", "data.xlsx"])
def test_b10_a_file_that_unpacks_to_a_thousand_times_its_size(shop, tmp_path, name):
    bomb = b"customer_id,time,channel,action\n" + b"a" * (60 << 20)
    if name.endswith("gz"):
        (tmp_path / name).write_bytes(gzip.compress(bomb, mtime=0))
    else:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data.csv", bomb)
    assert "unpacks to more than" in error(shop, None, name=name)


def test_b11_more_rows_than_are_held_are_scanned(shop, monkeypatch):
    monkeypatch.setattr(read, "HELD_ROWS", 2)
    reading = shop(csv(ROW, ROW.replace("a,", "b,"), ROW.replace("a,", "c,")))
    assert (reading.is_held, reading.scan.select(pl.len()).collect().item()) == (False, 3)


@pytest.mark.parametrize("name", ["data.csv.gz", "data.parquet"])
def test_b12_a_file_that_breaks_off(shop, tmp_path, name):
    if name.endswith("gz"):
        data = gzip.compress(csv(*[f"c{n},2026-01-05,web,view" for n in range(9999)]).encode(), mtime=0)
    else:
        pl.DataFrame({"customer_id": ["a"] * 999}).write_parquet(tmp_path / name)
        data = (tmp_path / name).read_bytes()
    assert f"{name}: cannot be read: " in error(shop, data[: len(data) // 2], name=name)


def test_b13_a_link_out_of_the_folder(shop, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside.csv"
    outside.write_text(csv(ROW))
    (tmp_path / "data.csv").symlink_to(outside)
    assert "data.csv: lies outside of the business's folder" in error(shop, None)


def test_b14_a_file_that_changes_after_it_was_read(shop, tmp_path):
    reading = shop(csv(ROW))
    (tmp_path / "data.csv").write_text(csv(ROW, ROW))
    with pytest.raises(DataError, match=r"data.csv: has changed since it was read"):
        _ = reading.frame


# Encoding and shape

CAFE = csv("Café,2026-01-05,web,view", "Zoë,2026-01-05,web,view")


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", set()),
        ("utf-8-sig", set()),
        ("utf-16", {("encoding", "utf-16")}),
        ("utf-16-le", {("encoding", "utf-16-le")}),
        ("utf-16-be", {("encoding", "utf-16-be")}),
        ("cp1252", {("encoding", "cp1252")}),
        ("mac_roman", {("encoding", "mac_roman")}),
    ],
)
def test_b15_b16_b17_encodings_are_told_and_said(shop, encoding, said):
    reading = shop(CAFE.encode(encoding))
    assert reading.frame["customer_id"].to_list() == ["Café", "Zoë"]
    assert told(reading) == said


def test_b17_an_encoding_can_be_said(shop):
    assert shop(CAFE.encode("cp1252"), settings='encoding = "cp1252"').frame["customer_id"][0] == "Café"


def test_b18_text_that_was_decoded_wrongly_before_is_pointed_out(shop):
    reading = shop(csv("CafÃ©,2026-01-05,web,view"))
    assert ("twice_encoded", "Ã") in told(reading)
    assert "twice_encoded" in dict(hints([reading], Business.open(reading.files[0].path.parent).ids))


def test_b19_zero_bytes_do_not_cut_a_cell(shop):
    assert "data.csv, row 3" in error(shop, csv(ROW, "b\x00c,2026-01-05,web,view"))


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_b20_any_line_ends(shop, end):
    assert shop(csv(ROW, ROW.replace("a,", "b,")).replace("\n", end)).kept == 2


@pytest.mark.parametrize(("mark", "said"), [(";", ";"), ("\t", "tab"), ("|", "|")])
def test_b21_any_separator_is_told_and_said(shop, mark, said):
    reading = shop(csv(ROW).replace(",", mark))
    assert (reading.kept, told(reading)) == (1, {("separator", said)})


def test_b22_a_quotation_mark_that_is_not_closed_names_its_row(shop):
    message = error(shop, csv(ROW, '"b,2026-01-05,web,view', "c,2026-01-05,web,view"))
    assert message.startswith("data.csv, row 3: has a quotation mark that is not closed")


def test_b23_b25_rows_that_are_too_long_or_too_short_are_set_aside(shop):
    rows = [f"c{n},2026-01-05,web,view" for n in range(40)]
    reading = shop(csv(*rows, "x,2026-01-05,web,view,more", "y,2026-01-05,web"))
    assert refusals(reading) == [(42, "customer_id", "long_row"), (43, "customer_id", "short_row")]
    assert (reading.check().kept, reading.frame["action"].unique().to_list()) == (40, ["view"])


def test_b24_rows_that_are_all_longer_than_the_header_shift_nothing(shop):
    assert "was refused: long_row (2 rows)" in error(shop, csv("1,a,2026-01-05,web,view", "2,b,2026-01-05,web,view"))


def test_b26_a_name_that_stands_twice_is_an_error_where_it_is_read(shop):
    message = error(shop, csv("a,2026-01-05,web,view,b", head=HEAD + ",customer_id"))
    assert message == (
        "data.csv, row 1, customer_id: columns 1 and 5 are both called 'customer_id'. Rename one of them."
    )


def test_b27_names_in_capitals_with_blanks_or_in_indonesian_are_taken_and_said(shop):
    reading = shop(csv(ROW, head=" ID Pelanggan,Tanggal,Kanal,ACTION"))
    assert reading.frame.row(0)[0] == "a"
    assert told(reading) == {("column", " ID Pelanggan"), ("column", "Tanggal"), ("column", "Kanal")}


def test_b28_a_required_column_that_is_missing_offers_the_nearest(shop):
    message = error(shop, csv(ROW, head="customer_id,time,channel,acton"))
    assert message.startswith("data.csv, action: no column of the file is mapped to it. Did you mean acton?")


def test_b29_further_columns_are_listed(shop):
    assert shop(csv(ROW + ",1,2", head=HEAD + ",Shelf,Row")).unread == ["Shelf", "Row"]


def test_b30_rows_above_the_header(shop):
    data = "Report of January,,,\n,,,\n" + csv(ROW)
    assert "data.csv, customer_id: no column of the file is mapped to it" in error(shop, data)
    assert shop(data, settings="header_row = 3").kept == 1


@pytest.mark.parametrize("word", ["TOTAL", "Jumlah", "Grand Total", "Jumlah keseluruhan:"])
def test_b31_a_row_of_totals_is_set_aside_with_or_without_a_date(shop, word):
    rows = ["2026-01-05,A,10,9", "2026-01-06,B,10,9", f"2026-01-31,{word},20,18", f",{word},20,18"]
    reading = shop(csv(*rows, head="sent_at,campaign,sent,delivered"), table="mailings")
    assert refusals(reading) == [(4, "campaign", "total_row"), (5, "campaign", "total_row")]
    assert reading.check().frame["sent"].sum() == 20


def test_b31_what_only_sounds_like_a_total_is_kept(shop):
    rows = ["2026-01-05,Total Care,10,9", "2026-01-06,Jumlah besar-besaran,10,9"]
    assert shop(csv(*rows, head="sent_at,campaign,sent,delivered"), table="mailings").kept == 2


def test_b32_the_header_once_more_is_set_aside(shop):
    reading = shop(csv(ROW, HEAD, ROW.replace("a,", "b,")))
    assert (refusals(reading), reading.check().kept) == ([(3, "customer_id", "repeated_header")], 2)


# Numbers


def amounts(shop, *cells, settings="", language="en", currency="IDR"):
    rows = [f'c{n},2026-01-05,web,purchase,"{cell}"' for n, cell in enumerate(cells)]
    return shop(csv(*rows, head=HEAD + ",value"), settings=settings, language=language, currency=currency)


def values(shop, *cells, **how):
    return amounts(shop, *cells, **how).frame["value"].to_list()


def test_b33_b34_a_number_is_read_as_it_was_said(shop):
    assert values(shop, "1.200", language="id") == [1200]
    assert values(shop, "1.200", settings='numbers = "id"') == [1200]
    assert values(shop, "1.200", settings='numbers = "en"', language="id") == [1.2]


@pytest.mark.parametrize(("language", "cell"), [("id", "12,500"), ("en", "12.500")])
def test_b35_numbers_that_can_be_read_in_two_ways_are_asked_about(shop, language, cell):
    with pytest.raises(DataError) as caught:
        amounts(shop, cell, language=language)
    assert caught.value.value in (f"{cell}, which is 12.5 or 12500", f"{cell}, which is 12500 or 12.5")
    assert 'numbers = "en" (1,200.50) or "id" (1.200,50) in [tables.interactions]' in str(caught.value)


def test_numbers_that_can_be_read_in_one_way_only_are_read_in_it_and_it_is_said(shop):
    reading = amounts(shop, "1,200.50", "12,500", language="id")
    assert (reading.frame["value"].to_list(), told(reading)) == ([1200.5, 12500], {("numbers", "en")})


def test_b36_numbers_written_in_two_ways_are_an_error_that_names_the_row(shop):
    message = error(lambda *_: amounts(shop, "1.200,50", "1,200.50"), None)
    assert message.startswith("data.csv, row 2, value: the numbers of this column are written in two ways")


def test_b37_marks_of_the_currency_are_read(shop):
    assert values(shop, "Rp 1.200.000", "Rp5.000,-", "1.500 IDR", language="id") == [1_200_000, 5000, 1500]
    assert values(shop, "RM1,250.50", "MYR 3", language="ms", currency="MYR") == [1250.5, 3]


def test_b38_money_of_two_currencies_is_an_error_or_converted(shop):
    assert "row 3, value: is money of another currency than IDR" in error(lambda *_: amounts(shop, "5", "US$ 5"), None)
    rows = [f"a,2026-01-05,web,purchase,{value},{code}" for value, code in ((5, "USD"), (100, "IDR"))]
    data = csv(*rows, head=HEAD + ",value,Currency")
    assert "row 2, currency: is not IDR. Say what it is worth: rates = {USD = 16000}" in error(shop, data)
    assert shop(data, settings="rates = {USD = 16000}").frame["value"].to_list() == [80_000, 100]


def test_b39_a_percentage_needs_its_scale(shop):
    assert "row 2, value: is a percentage" in error(lambda *_: amounts(shop, "12%"), None)
    settings = 'columns = {value = {from = "value", scale = 0.01}}'
    assert values(shop, "12%", "50", settings=settings) == [0.12, 0.5]


@pytest.mark.parametrize("cell", ["NaN", "inf", "1e400", "#DIV/0!", "N/A", "-"])
def test_b40_what_is_no_number_is_blank_and_counted(shop, cell):
    reading = amounts(shop, "1", "2", cell)
    assert (reading.frame["value"].to_list(), amendments(reading)) == ([1, 2, None], [(4, "value", "not_number")])


def test_b41_a_purchase_of_negative_value_is_a_refund_and_counted(shop):
    rows = ["a,2026-01-05,web,purchase,50,1", "a,2026-02-05,web,purchase,-20,1"]
    reading = shop(csv(*rows, head=HEAD + ",value,order_id"))
    assert reading.frame["action"].to_list() == ["purchase", "refund"]
    assert amendments(reading) == [(3, "value", "returned")]


def answers(shop, kind, *cells, settings=""):
    rows = [f"{kind},{cell},2026-01-05" for cell in cells]
    return shop(csv(*rows, head="kind,score,answered_at"), table="surveys", settings=settings)


def test_b43_answers_off_the_scale_are_blank_and_counted(shop):
    reading = answers(shop, "nps", *[9] * 60, 11, -1, 7.5)
    assert [reason for _, _, reason in amendments(reading)] == ["off_scale"] * 3
    assert reading.check().frame["score"].count() == 60
    words = 'columns = {score = {from = "score", values = {"9 - sangat puas" = "9"}}}'
    assert answers(shop, "nps", "9 - sangat puas", settings=words).frame["score"].to_list() == [9]


def test_b44_another_scale_than_the_declared_one_is_an_error(shop):
    message = error(lambda *_: answers(shop, "csat", *[5, 4, 3, 6, 7] * 4), None)
    assert "score: the cell counts as blank: off_scale (8 rows)" in message


def test_b46_more_opens_than_mails_are_no_people_and_more_sent_than_delivered_is_a_fault(shop):
    rows = ["2026-01-05,A,100,90,120", "2026-01-05,B,100,90,9", "2026-01-05,C,100,90,9", "2026-01-05,D,100,101,9"]
    reading = shop(csv(*rows, head="sent_at,campaign,sent,delivered,opens"), table="mailings")
    assert (amendments(reading), refusals(reading)) == (
        [(2, "opens", "above_delivered")],
        [(5, "delivered", "above_sent")],
    )


@pytest.mark.parametrize("cell", ["1234567890123456789", "00123", "NA", "null", "+62812555"])
def test_b47_b48_ids_stay_text(shop, cell):
    assert shop(csv(ROW.replace("a,", f"{cell},"))).frame["customer_id"].to_list() == [cell]


def test_b49_b50_ids_of_a_workbook_are_whole_numbers_and_never_merged(shop, tmp_path):
    with xlsxwriter.Workbook(tmp_path / "data.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEAD.split(","))
        for at, cell in enumerate(("00123", 123, 17850.0), start=1):
            (sheet.write_string if isinstance(cell, str) else sheet.write)(at, 0, cell)
            sheet.write_row(at, 1, ["2026-01-05", "web", "view"])
    reading = shop(None, name="data.xlsx")
    assert reading.frame["customer_id"].to_list() == ["00123", "123", "17850"]
    found = dict(hints([reading], Business.open(tmp_path).ids))
    assert found["lost_zeros"] == {"table": "interactions", "n": 1, "one": "123", "other": "00123"}


# Dates


def dates(shop, *cells, settings="", head=""):
    rows = [f'c{n},"{cell}",web,view' for n, cell in enumerate(cells)]
    return shop(csv(*rows), settings=settings, head=head)


def days(shop, *cells, **how):
    return dates(shop, *cells, **how).frame["time"].dt.strftime("%Y-%m-%d %H:%M").to_list()


def test_b51_a_day_above_twelve_proves_the_order_of_all(shop):
    assert days(shop, "13/02/2026", "01/02/2026 09:30") == ["2026-02-13 00:00", "2026-02-01 09:30"]
    assert days(shop, "02/13/2026", "01/02/2026") == ["2026-02-13 00:00", "2026-01-02 00:00"]
    assert told(dates(shop, "13.02.2026")) == {("dates", "dmy")}


def test_b52_days_that_can_be_months_are_asked_about(shop):
    with pytest.raises(DataError) as caught:
        dates(shop, "01/02/2026", "03/04/2026")
    assert caught.value.value == "01/02/2026, which is 2026-02-01 or 2026-01-02"
    assert 'dates = "dmy" (31/01/2026) or "mdy" (01/31/2026) in [tables.interactions]' in str(caught.value)
    assert days(shop, "01/02/2026", settings='dates = "dmy"') == ["2026-02-01 00:00"]


@pytest.mark.parametrize("cells", [("2026-01-05", "13/02/2026"), ("13/02/2026", "02/13/2026")])
def test_b53_dates_written_in_two_ways_are_an_error_that_names_the_row(shop, cells):
    assert ", time: the dates of this column are written in two ways" in error(lambda *_: dates(shop, *cells), None)


def test_b54_serial_days_of_a_spreadsheet_are_converted_and_counted(shop):
    reading = dates(shop, "46027", "2026-01-06", "46029.5")
    assert reading.frame["time"].dt.strftime("%m-%d %H").to_list() == ["01-05 00", "01-06 00", "01-07 12"]
    assert amendments(reading) == [(2, "time", "serial"), (4, "time", "serial")]


def test_b55_names_of_months_are_read_in_three_languages(shop):
    cells = ["1 Agustus 2026", "2 Mei 2026", "1 Ogos 2026", "5 Mac 2026", "Jan 5, 2026", "Senin, 5 Okt 2026 09.30"]
    assert days(shop, *cells) == [
        "2026-08-01 00:00",
        "2026-05-02 00:00",
        "2026-08-01 00:00",
        "2026-03-05 00:00",
        "2026-01-05 00:00",
        "2026-10-05 09:30",
    ]


@pytest.mark.parametrize("cell", ["2026-02-30", "2026-01-05 24:00", "0000-00-00", "9999-12-31", "1900-01-00", "soon"])
def test_b56_b60_dates_that_there_are_not_are_set_aside(shop, cell):
    assert refusals(dates(shop, "2026-01-05", cell)) == [(3, "time", "not_time")]


def test_b57_offsets_and_none_are_one_instant_each(shop):
    cells = ["2026-01-05 10:00+07:00", "2026-01-05T03:00:00Z", "2026-01-05 10:00", "2026-01-05 11:00:00 +0800"]
    assert days(shop, *cells) == ["2026-01-05 10:00"] * 4


def test_b58_a_time_in_the_hour_that_never_was_is_moved_on_and_counted(shop, tmp_path):
    data = csv("a,2026-03-08 02:30,web,view", "b,2026-11-01 01:30,web,view")
    (tmp_path / "data.csv").write_text(data)
    text = BUSINESS.format(language="en", currency="USD").replace("Asia/Jakarta", "America/New_York")
    (tmp_path / "business.toml").write_text(text + '[tables.interactions]\nfile = "data.csv"\n')
    reading = Business.open(tmp_path).reading("interactions")
    offsets = reading.frame["time"].dt.strftime("%H:%M%z").to_list()
    assert (offsets, amendments(reading)) == (["03:30-0400", "01:30-0400"], [(2, "time", "moved_hour")])


def test_b59_rows_after_the_date_are_kept_and_counted_as_that(shop, tmp_path):
    reading = shop(csv(ROW, "b,2027-01-05,web,view"), head="as_of = 2026-02-01\n")
    (table, *_) = Check(Business.open(tmp_path), [reading]).tables()
    assert [next(iter(column.cells)) for column in table.columns[2:]] == ["2", "1", "1", "0", "0", "0"]


@pytest.mark.parametrize("cell", ["1769878500", "1769878500000", "1769878500000000"])
def test_b61_numbers_since_1970_are_read_where_it_is_said(shop, cell):
    assert days(shop, cell, settings='dates = "epoch"') == ["2026-01-31 23:55"]
    assert 'say that it counts from 1970 (dates = "epoch")' in error(lambda *_: dates(shop, cell), None)


@pytest.mark.parametrize(("zone", "hour"), [("WIB", 10), ("WITA", 9), ("WIT", 8), ("MYT", 9), ("UTC", 17)])
def test_b62_names_of_zones(shop, zone, hour):
    assert days(shop, f"2026-01-05 10:00 {zone}") == [f"2026-01-05 {hour}:00" if hour > 9 else f"2026-01-05 0{hour}:00"]


def test_b63_an_end_before_its_start_is_set_aside(shop):
    reading = shop(
        csv("a,2026-02-01,2026-01-01,9", head="customer_id,starts_at,ends_at,monthly_value"), table="subscriptions"
    )
    assert refusals(reading) == [(2, "ends_at", "before_starts_at")]


# Identity and duplicates


def test_b66_b67_an_event_counts_once_or_is_an_error(shop):
    rows = [ROW + ",1", ROW + ",1"]
    reading = shop(csv(*rows, head=HEAD + ",event_id"))
    assert (reading.kept, reading.repeated) == (1, 1)
    message = error(shop, csv(ROW + ",1", ROW.replace("web", "app") + ",1", head=HEAD + ",event_id"))
    assert message.startswith("data.csv, row 3, event_id: has the same event_id as row 2, with another channel.")


def test_b68_exports_that_overlap_are_one_table(shop, tmp_path):
    head = "ticket_id,opened_at,solved_at"
    (tmp_path / "jan.csv").write_text(csv("1,2026-01-05,2026-01-06", "2,2026-01-30,", head=head))
    (tmp_path / "feb.csv").write_text(csv("2,2026-01-30,2026-02-02", "3,2026-02-05,", head=head))
    text = BUSINESS.format(language="en", currency="IDR")
    (tmp_path / "business.toml").write_text(text + '[tables.tickets]\nfile = ["jan.csv", "feb.csv"]\n')
    reading = Business.open(tmp_path).reading("tickets")
    assert (reading.rows, reading.kept, reading.superseded) == (4, 3, 1)
    assert reading.frame["solved_at"].dt.date().to_list() == [dt.date(2026, 1, 6), dt.date(2026, 2, 2), None]


def test_b69_customers_that_the_table_of_customers_lacks_are_counted(shop, tmp_path):
    (tmp_path / "who.csv").write_text("customer_id\na\n")
    shop(csv(ROW, ROW.replace("a,", "b,")), head='[tables.customers]\nfile = "who.csv"\n')
    business = Business.open(tmp_path)
    readings = [business.reading(table) for table in business.tables]
    shares = {table: others for table, _, others in shared_customers(readings)}
    assert shares["interactions"] == {"customers": 0.5}


def test_b70_spellings_of_one_id_are_one_customer(shop, tmp_path):
    spelt = ["Zoë@x.id", "Zoë@x.id", "ZOË@X.ID", " zoë@x.id ", "zo\u200bë@x.id", "+62812 5555 0101", "081255550101"]
    reading = shop(csv(*[f'"{each}",2026-01-0{n},web,view' for n, each in enumerate(spelt, start=1)]))
    assert reading.frame["customer_id"].n_unique() == 2
    assert Business.open(tmp_path).ids.merged == {}


def test_ids_of_salesforce_differ_by_their_capitals(shop):
    rows = [f"{each},2026-01-05,web,view" for each in ("0015g00000AbCdE", "0015g00000AbCde")]
    assert shop(csv(*rows)).frame["customer_id"].n_unique() == 2


# Sizes


def test_b78_cells_of_a_megabyte_and_thousands_of_columns_are_refused(shop):
    assert "row 2, channel: has more than 100,000 characters" in error(shop, csv(f"a,2026-01-05,{'x' * 10**6},view"))
    many = ",".join(f"c{n}" for n in range(10_000))
    assert "has 10,000 columns, and at most 2,000 are read" in error(shop, csv(many, head=many))


def test_no_file_is_left_open(shop):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(5):
        shop(csv(ROW))
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after <= before + 2
