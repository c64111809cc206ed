"""Cells as people write them; expected values by hand, from Babel, zoneinfo or datetime."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from engagekit.data.dates import is_date_format
from engagekit.data.parsing import parse
from engagekit.data.style import Style, written
from engagekit.language import LANGUAGES

NAN, INF = float("nan"), float("inf")
LONDON = ZoneInfo("Europe/London")


def values(kind, cells, dtype=pl.String, **style):
    return parse(pl.Series(cells, dtype=dtype), kind, Style(**style)).to_list()


def value(kind, cell, **style):
    return values(kind, [cell], **style)[0]


@pytest.mark.parametrize(
    ("language", "cell", "number"),
    [
        ("id", "1.200", 1200),
        ("en", "1.200", 1.2),
        ("ms", "1.200", 1.2),
        ("id", "1.200,50", 1200.5),
        ("en", "1,200.50", 1200.5),
        ("ms", "1,200.50", 1200.5),
        ("id", "1200,5", 1200.5),
        ("en", "1200.5", 1200.5),
        ("id", "12.345.678", 12_345_678),
        ("en", "12,345,678", 12_345_678),
        ("id", "0,5", 0.5),
        ("id", "-1.200", -1200),
        ("en", "-0.25", -0.25),
        ("en", "0", 0),
        ("en", "  42  ", 42),
        ("en", "007", 7),
        ("en", "(1,200.50)", -1200.5),  # as accountants write it
        ("en", "30-", -30),
        ("id", "\u22121.200", -1200),
    ],
)
def test_a_number_is_read_as_its_language_writes_it(language, cell, number):
    assert value("number", cell, numbers=language) == number


@pytest.mark.parametrize(
    ("language", "cell"),
    [
        ("id", "1.20"),
        ("id", "12.5"),
        ("id", "1.2000"),
        ("id", "1.200.50"),
        ("id", "1234.567"),
        ("id", ".200"),
        ("id", "1,200.50"),
        ("id", "1,2,3"),
        ("en", "1,20"),
        ("en", "12,5"),
        ("en", "1,200,50"),
        ("en", "1234,567"),
        ("en", "1.200,50"),
        ("en", "1.2.3"),
        ("en", ",200"),
        ("en", "1."),
        ("en", ".5"),
        ("en", "1 200"),
        ("en", "12%"),
        ("en", "(12"),
        ("en", "12-3"),
        ("en", "--12"),
        ("en", "+12"),
        ("en", "twelve"),
        ("en", "N/A"),
        ("en", "#DIV/0!"),
        ("en", "-"),
        ("en", "Rp"),
        ("en", "NaN"),
        ("en", "inf"),
        ("en", "-inf"),
        ("en", "1e400"),
        ("en", "1e5"),
        ("en", "9" * 400),
        ("en", "٣"),
        ("en", "1\n2"),
    ],
)
def test_what_is_not_surely_a_number_is_unreadable_rather_than_wrong(language, cell):
    assert value("number", cell, numbers=language) is None


@pytest.mark.parametrize(
    ("language", "cell", "number"),
    [
        ("id", "Rp 1.200", 1200),
        ("id", "Rp1.200,50", 1200.5),
        ("id", "Rp. 1.200", 1200),
        ("id", "rp 1.200", 1200),
        ("id", "Rp\u00a01.200", 1200),
        ("id", "-Rp 1.200", -1200),
        ("id", "Rp -1.200", -1200),
        ("id", "IDR 1.200", 1200),
        ("id", "IDR1.200", 1200),
        ("ms", "RM1,250.50", 1250.5),
        ("ms", "-RM5", -5),
        ("en", "£1,250.50", 1250.5),
        ("en", "-£0.99", -0.99),
        ("en", "£-0.99", -0.99),
        ("en", "$12", 12),
        ("en", "€12", 12),
    ],
)
def test_a_currency_mark_before_an_amount_is_dropped(language, cell, number):
    assert value("number", cell, numbers=language) == number


@pytest.mark.parametrize(
    ("currency", "own", "foreign"),
    [
        ("IDR", ["Rp5", "IDR 5", "5"], ["RM5", "$5", "USD 5", "£5"]),
        ("MYR", ["RM5", "MYR5", "5"], ["Rp5", "$5", "RMB5"]),
        ("GBP", ["£5", "GBP 5", "5"], ["€5", "$5", "Rp5"]),
        ("USD", ["$5", "US$5", "USD5", "5"], ["£5", "SGD5"]),
        ("SGD", ["$5", "SGD 5", "5"], ["£5", "USD5"]),
    ],
)
def test_an_amount_in_another_currency_than_the_business_s_is_unreadable(currency, own, foreign):
    assert values("number", own, currency=currency) == [5] * len(own)
    assert values("number", foreign, currency=currency) == [None] * len(foreign)


@settings(deadline=None)
@given(
    thousandths=st.integers(-(10**15), 10**15),
    language=st.sampled_from(list(LANGUAGES)),
    pattern=st.sampled_from(["#,##0.###", "#0.###", "#,##0.000"]),
)
def test_a_number_that_babel_wrote_is_read_back(thousandths, language, pattern):
    number = Decimal(thousandths) / 1000
    cell = format_decimal(number, format=pattern, locale=LANGUAGES[language])
    assert value("number", cell, numbers=language) == float(number)


@settings(deadline=None)
@given(
    cents=st.integers(-(10**11), 10**11),
    language=st.sampled_from(list(LANGUAGES)),
    currency=st.sampled_from(["IDR", "MYR", "GBP", "USD", "SGD"]),
)
def test_an_amount_of_money_that_babel_wrote_is_read_back(cents, language, currency):
    amount = Decimal(cents) / 100
    cell = format_currency(amount, currency, "¤#,##0.00", LANGUAGES[language], currency_digits=False)
    assert value("number", cell, numbers=language, currency=currency) == float(amount)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int8, pl.UInt32, pl.Float64, pl.Float32, pl.Decimal(10, 2)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stored_number_has_no_language(dtype, language):
    assert values("number", [5, None, 120], dtype=dtype, numbers=language) == [5.0, None, 120.0]


def test_a_stored_number_that_is_not_finite_is_unreadable():
    assert values("number", [NAN, INF, -INF, 1.5], dtype=pl.Float64) == [None, None, None, 1.5]


@pytest.mark.parametrize("kind", ["number", "count", "time", "day", "flag", "id", "label", "text"])
@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0", None])
def test_a_blank_cell_has_no_value(kind, blank):
    assert value(kind, blank) is None


def test_a_count_is_a_whole_number():
    assert values("count", ["1.200", "3", "1.200,00", "2,5", "x"], numbers="id") == [1200, 3, 1200, None, None]
    assert values("count", [3.0, 2.5, 1e300], dtype=pl.Float64) == [3, None, None]


@pytest.mark.parametrize("cell", ["true", "TRUE", "Yes", "y", "1", "ya", "Ya", "benar", " yes "])
def test_yes_is_understood_in_three_languages(cell):
    assert value("flag", cell) is True


@pytest.mark.parametrize("cell", ["false", "No", "n", "0", "tidak", "Tidak", "bukan", "salah"])
def test_no_is_understood_in_three_languages(cell):
    assert value("flag", cell) is False


def test_what_is_neither_yes_nor_no_is_no_flag():
    assert values("flag", ["maybe", "2", "-1"]) == [None, None, None]


def test_stored_flags_and_ones_and_zeros_are_flags():
    assert values("flag", [True, False, None], dtype=pl.Boolean) == [True, False, None]
    assert values("flag", [1.0, 0.0], dtype=pl.Float64) == [True, False]
    assert values("flag", [1, 0], dtype=pl.Int64) == [True, False]


@pytest.mark.parametrize(
    "cell",
    [
        "00123",
        "+62811234567",
        "1234567890123456789",
        "NA",
        "null",
        "None",
        "nan",
        "true",
        "1e5",
        "12,5",
        "A.0",
        "=1+1",
        "Nguyễn",
        "<b>",
    ],
)
@pytest.mark.parametrize("kind", ["id", "label", "text"])
def test_text_stays_as_it_is(kind, cell):
    assert value(kind, cell, numbers="id") == cell


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: text.strip() == text and not text.endswith(".0")))
def test_an_id_is_never_changed(cell):
    assert value("id", cell) == cell


def test_an_id_that_excel_made_a_float_is_whole_again():
    assert values("id", ["17850.0", "00123.0", "1.5", "17850.00"]) == ["17850", "00123", "1.5", "17850.00"]
    assert values("id", [17850.0, 1.5, None], dtype=pl.Float64) == ["17850", "1.5", None]


def test_an_id_whose_digits_a_float_has_lost_is_unreadable():
    assert values("id", [1234567890123456789.0, 2.0**53, 2.0**53 - 1], dtype=pl.Float64) == [
        None,
        None,
        "9007199254740991",
    ]
    assert values("id", [1234567890123456789], dtype=pl.Int64) == ["1234567890123456789"]


def test_a_label_that_is_a_whole_number_has_no_decimals():
    assert values("label", [2026.0, 1.5], dtype=pl.Float64) == ["2026", "1.5"]


def test_the_text_of_a_cell_is_what_is_written_without_spaces_around_it():
    assert written(pl.Series([" x ", "", None, "0"])).to_list() == ["x", None, None, "0"]


def jakarta(*moment):
    return dt.datetime(*moment, tzinfo=ZoneInfo("Asia/Jakarta"))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-03-01", jakarta(2026, 3, 1)),
        ("2026-3-1", jakarta(2026, 3, 1)),
        ("2026-03-01 14:05", jakarta(2026, 3, 1, 14, 5)),
        ("2026-03-01T14:05", jakarta(2026, 3, 1, 14, 5)),
        ("2026-03-01 14:05:06", jakarta(2026, 3, 1, 14, 5, 6)),
        ("2026-03-01T14:05:06", jakarta(2026, 3, 1, 14, 5, 6)),
        ("2026-03-01 14:05:06.5", jakarta(2026, 3, 1, 14, 5, 6, 500_000)),
        ("2026-03-01T14:05:06.123456", jakarta(2026, 3, 1, 14, 5, 6, 123_456)),
        ("2026-03-01T14:05:06Z", jakarta(2026, 3, 1, 21, 5, 6)),
        ("2026-03-01T14:05Z", jakarta(2026, 3, 1, 21, 5)),
        ("2026-03-01 14:05:06 UTC", jakarta(2026, 3, 1, 21, 5, 6)),
        ("2026-03-01T14:05:06+08:00", jakarta(2026, 3, 1, 13, 5, 6)),
        ("2026-03-01T14:05+08:00", jakarta(2026, 3, 1, 13, 5)),
        ("2026-03-01 14:05:06 +0800", jakarta(2026, 3, 1, 13, 5, 6)),
        ("2026-03-01T14:05:06+08", jakarta(2026, 3, 1, 13, 5, 6)),
        ("2026-03-01T14:05:06.25-03:30", jakarta(2026, 3, 2, 0, 35, 6, 250_000)),
    ],
)
def test_an_iso_time_is_placed_in_the_business_s_zone(cell, expected):
    time = value("time", cell, time_zone="Asia/Jakarta")
    assert time == expected
    assert time.utcoffset() == dt.timedelta(hours=7)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-02-30",
        "2026-13-01",
        "2026-03-01 24:00",
        "2026-03-01 14:60",
        "2026-03-01T14",
        "2026-03-01T14:05:06+99:00:00",
        "01/03/2026",
        "1 March 2026",
        "1772323200",
        "1772323200000",
        "26-03-01",
        "0001-01-01",
        "1899-12-31",
        "9999-12-31",
        "2026-03-01 14:05:06 pagi",
        "soon",
    ],
)
def test_what_is_not_surely_a_date_is_unreadable_rather_than_wrong(cell):
    assert value("time", cell) is None
    assert value("day", cell) is None


def test_a_stored_number_is_the_serial_day_of_a_spreadsheet_or_no_date():
    assert values("day", [1772323200, 46024, 460240], dtype=pl.Int64) == [None, dt.date(2026, 1, 2), None]
    assert values("day", ["46024.5", "20260301", "20261301"]) == [dt.date(2026, 1, 2), dt.date(2026, 3, 1), None]


@pytest.mark.parametrize(
    ("dates", "cell", "expected"),
    [
        ("%d/%m/%Y", "01/02/2026", (2026, 2, 1)),
        ("%m/%d/%Y", "01/02/2026", (2026, 1, 2)),
        ("%d/%m/%Y %H:%M", "31/12/2026 23:59", (2026, 12, 31, 23, 59)),
        ("%d-%m-%y", "5-4-26", (2026, 4, 5)),
        ("%Y%m%d", "20260405", (2026, 4, 5)),
        ("%d %B %Y", "5 April 2026", (2026, 4, 5)),
        ("%b %d, %Y %I:%M %p", "Apr 05, 2026 01:30 PM", (2026, 4, 5, 13, 30)),
        ("%Y-%m", "2026-04", (2026, 4, 1)),
    ],
)
def test_a_declared_format_is_read(dates, cell, expected):
    assert value("time", cell, dates=dates, time_zone="Asia/Jakarta") == jakarta(*expected)


@pytest.mark.parametrize("cell", ["2026-02-01", "31/04/2026", "13/13/2026", "1/2", "01/02/26", "01/02/2026 10:00"])
def test_a_declared_format_takes_nothing_else(cell):
    assert value("time", cell, dates="%d/%m/%Y") is None


@pytest.mark.parametrize(
    ("dates", "cell"),
    [("%d/%m/%Y %H:%M %z", "05/04/2026 13:30 +0800"), ("%s", "1775367000"), ("%+", "2026-04-05T05:30:00+00:00")],
)
def test_a_declared_format_with_an_offset_or_an_epoch_is_an_instant(dates, cell):
    assert value("time", cell, dates=dates, time_zone="Asia/Jakarta") == jakarta(2026, 4, 5, 12, 30)


def test_a_number_that_is_declared_a_date_is_one_even_as_a_float():
    assert values("day", [20260405.0], dtype=pl.Float64, dates="%Y%m%d") == [dt.date(2026, 4, 5)]
    assert values("day", [20260405], dtype=pl.Int64, dates="%Y%m%d") == [dt.date(2026, 4, 5)]


def test_a_time_in_an_hour_that_never_came_is_moved_on_by_the_gap():
    time = value("time", "2026-03-29 01:30", time_zone="Europe/London")
    assert time.astimezone(dt.UTC) == dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)  # 02:30 on the new clock
    assert value("time", "2026-03-29 01:30", time_zone="Europe/London", skipped="null") is None
    half = value("time", "2026-10-04 02:10", time_zone="Australia/Lord_Howe")  # its clock moves by 30 minutes
    assert (half.hour, half.minute) == (2, 40)


def test_of_an_hour_that_came_twice_the_earlier_is_taken():
    time = value("time", "2026-10-25 01:30", time_zone="Europe/London")
    assert time.astimezone(dt.UTC) == dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)


def test_a_day_is_a_day_though_its_midnight_never_came():
    assert value("day", "2018-11-04", time_zone="America/Sao_Paulo") == dt.date(2018, 11, 4)


def test_the_day_of_an_instant_is_that_of_the_business_s_zone():
    assert value("day", "2026-03-01T20:00:00Z", time_zone="Asia/Jakarta") == dt.date(2026, 3, 2)


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2199, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from("T "),
    st.sampled_from(["seconds", "milliseconds", "microseconds", "minutes"]),
)
def test_what_datetime_writes_with_an_offset_is_the_same_instant(moment, minutes, sep, timespec):
    moment = moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    cell = moment.isoformat(sep, timespec)
    assert value("time", cell, time_zone="Asia/Jakarta") == dt.datetime.fromisoformat(cell)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([dt.datetime(2026, 3, 29), dt.datetime(2025, 10, 26)]), st.integers(0, 240))
def test_wall_clock_times_around_a_change_of_clocks_are_as_zoneinfo_says(day, minutes):
    wall = day + dt.timedelta(minutes=minutes)
    expected = wall.replace(tzinfo=LONDON)
    time = value("time", wall.isoformat(" "), time_zone="Europe/London")
    assert time.astimezone(dt.UTC) == expected.astimezone(dt.UTC)  # of a time that never came by the offset before


def test_stored_times_are_placed_and_stored_dates_are_midnights():
    naive, aware = dt.datetime(2026, 3, 1, 9), dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
    assert values("time", [naive], dtype=pl.Datetime("ns"), time_zone="Asia/Jakarta") == [jakarta(2026, 3, 1, 9)]
    assert values("time", [aware], dtype=pl.Datetime("ms", "UTC"), time_zone="Asia/Jakarta") == [aware]
    assert values("time", [naive.date()], dtype=pl.Date, time_zone="Asia/Jakarta") == [jakarta(2026, 3, 1)]
    assert values("day", [aware], dtype=pl.Datetime("us", "UTC"), time_zone="Asia/Tokyo") == [dt.date(2026, 3, 1)]


@pytest.mark.parametrize("dates", ["iso", "%d/%m/%Y", "%Y%m%d", "%d %b %y %H:%M:%S", "%s", "%Y-%m-%dT%H:%M:%S%z"])
def test_a_date_format_is_one(dates):
    assert is_date_format(dates)


@pytest.mark.parametrize("dates", ["", "ISO", "dd/mm/yyyy", "%d/%m", "%H:%M", "%Q", "%", "%d/%m/%Y %H"])
def test_what_cannot_give_a_date_is_no_date_format(dates):
    assert not is_date_format(dates)


MIXED = st.one_of(
    st.sampled_from(["2026-01-05", "2026-01-05 10:05", "2026-01-05T10:05:07", "2026-01-05 10:05:07.25", "x", "", None]),
    st.sampled_from(
        ["2026-01-05T10:05Z", "2026-01-05 10:05:07 UTC", "2026-01-05T10:05:07.5+07:00", "2026-03-29 01:30"]
    ),
    st.sampled_from(["1.200", "1,200.5", "Rp 1.200", "-3", "GBP 5", "yes", "Tidak", "12", "1e5", "007.0"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(MIXED, max_size=8), st.sampled_from(["number", "count", "tally", "flag", "time", "day", "id", "text"]))
def test_a_column_reads_as_its_cells_do_one_by_one(cells, kind):
    style = {"numbers": "en", "time_zone": "Europe/London", "currency": "GBP"}
    assert values(kind, cells, **style) == [value(kind, cell, **style) for cell in cells]
