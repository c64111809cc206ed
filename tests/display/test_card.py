"""The card: lines that fit, numbers to the right, and data that stays data."""

import math
from html.parser import HTMLParser

import pytest

from engagekit.display.card import card_html, card_text, with_interval

HOSTILE = "<script>alert(1)</script>\n\x1b[31m\u202e$\\href{javascript:x}{y}$ \"'&" + "x" * 300


class Tags(HTMLParser):
    """Tags, attributes and text of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


def test_numbers_stand_below_each_other_and_words_that_end_a_row_need_no_column():
    rows = [("age", "1", "12"), ("first (9)", "67%", "–"), ("second", "5%", "100%"), ("note", "a long end of a row")]
    assert card_text("Cohorts", rows).splitlines() == [
        "Cohorts",
        "  age          1    12",
        "  first (9)  67%     –",
        "  second      5%  100%",
        "  note       a long end of a row",
    ]


def test_the_html_has_the_same_cells_in_as_many_columns():
    html = card_html("Cohorts", [("first", "67%", "–"), ("note", "words")])
    read = Tags(html)
    assert read.tags == ["div", "strong", "table", "tbody", "tr", "th", "td", "td", "tr", "th", "td"]
    assert read.text == ["Cohorts", "first", "67%", "–", "note", "words"]
    assert html.count('colspan="1"') == 2
    assert html.count('colspan="2"') == 1  # the words take what the numbers take above


def test_a_card_without_rows_is_its_title():
    assert card_text("Title", []) == "Title"
    assert Tags(card_html("Title", [])).tags == ["div", "strong"]


@pytest.mark.parametrize("rows", [11, 12, 40])
def test_a_card_has_at_most_12_lines_and_counts_what_does_not_fit(rows):
    lines = card_text("Title", [(f"label {n}", f"{n} rows", "more") for n in range(rows)]).splitlines()
    assert len(lines) == 12
    if rows == 11:
        assert lines[-1] == "  label 10  10 rows  more"
    else:
        assert lines[-1].startswith(f"  …        {rows - 10} more: label 10 10 rows; label 11 11 rows")


def test_what_is_in_the_data_is_text_on_one_line():
    rows = [(HOSTILE, HOSTILE, HOSTILE)] * 40
    lines = card_text(HOSTILE, rows).splitlines()
    assert len(lines) == 12
    assert max(map(len, lines)) == 110
    assert not {"\x1b", "\u202e", "\n"} & set("".join(lines))
    html = card_html(HOSTILE, rows)
    read = Tags(html)
    assert set(read.tags) == {"div", "strong", "table", "tbody", "tr", "th", "td"}
    assert read.attributes == {"class", "style", "scope", "colspan"}
    assert html.startswith('<div class="mathjax_ignore tex2jax_ignore"><strong>&lt;script&gt;')
    assert len(html) < 20_000


def test_a_card_takes_the_colours_of_its_page():
    html = card_html("Title", [("label", "words")])
    assert "background:transparent" in html
    assert "color:inherit" in html
    assert "#" not in html


@pytest.mark.parametrize(
    ("numbers", "unit", "written"),
    [
        ((28.19, 22.71, 33.58), "points", "28.2 points, 22.7 to 33.6"),  # half-width 5.4: tenths
        ((-5.0, -12.1, 2.1), "points", "−5.0 points, −12.1 to 2.1"),
        ((0.5, 0.4996, 0.5004), "rate", "50.000%, 49.960% to 50.040%"),  # half-width 0.040 per cent
        ((1_234.4, 1_100.0, 1_300.0), "money", "1,234, 1,100 to 1,300"),
        ((0.0, -0.0004, 0.001), "", "0.00000, −0.00040 to 0.00100"),
        ((-0.0001, -1.0, 1.0), "", "0.0, −1.0 to 1.0"),  # no minus before what is printed as nought
        ((3.14159, math.nan, math.nan), "hours", "3.14 hours"),
        ((7.0, math.nan, math.nan), "", "7"),
        ((7.0, 7.0, 7.0), "count", "7, 7 to 7"),
        ((math.nan, 0.0, 1.0), "rate", "undefined"),
        ((math.inf, 0.0, 1.0), "rate", "undefined"),
    ],
)
def test_a_number_has_the_digits_that_its_interval_supports(numbers, unit, written):
    assert with_interval(*numbers, unit) == written
