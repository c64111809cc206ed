"""The page: one file, nothing to fetch, everything from data shown as text."""

import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from importlib import resources

import nbformat
import pandas as pd
import pytest

from engagekit.display import markup
from engagekit.display.markup import Tile
from engagekit.display.section import MIME, part
from engagekit.language import LANGUAGES, Language
from engagekit.reports import page as pages
from engagekit.reports.page import Entry

EN = Language("en")
HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{7*7}} {% raw %}",
    "{business} {0}",
    "Rp $1_000^$ x",
    "=HYPERLINK('http://example.org')",
    "Kopi 😀 漢字 قهوة",
]
CSS = markup.template_path("page", "theme.css").read_text("utf-8")


class Read(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.inside = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.inside:
            self.words.append(data)

    def every(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def notebook(*payloads):
    note = "# A note for whoever opens the notebook"
    cells = [nbformat.v4.new_markdown_cell(note, metadata={"tags": ["notes"]})]
    for payload in payloads:
        data = {MIME: payload, "text/html": "<p>others' words</p>", "text/plain": "plain words"}
        cells.append(nbformat.v4.new_code_cell("secret_code()", outputs=[nbformat.v4.new_output("display_data", data)]))
    return nbformat.v4.new_notebook(cells=cells)


def page_of(*payloads, title="Kopi Senja", language=EN):
    return pages.page(notebook(*payloads), language, title=title, subtitle="October 2026", footer="End\nof it")


def every_piece(text):
    """Payloads that hold a text in each of their fields."""
    tile = vars(Tile(text, text, text, text, text, "better", [1.0, 2.0]))
    drawn = {"wide": "<svg></svg>", "narrow": "<svg></svg>"}
    figure = drawn | {"title": text, "subtitle": text, "alt": text, "source": text}
    table = {"columns": [text, "other " + text], "rows": [[text, text]], "words": [text]}
    smaller = part(question=text, answer=[text], notes=[text])
    layers = ("summary", "detail")
    return [
        *(part(layer=layer, question=text, answer=[text, text], tiles=[tile], table=table) for layer in layers),
        part(figure=figure, notes=[text], parts=[smaller]),
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_comes_from_data_is_shown_as_text(text):
    read = Read(page_of(*every_piece(text), title=text))
    assert read.text.count(" ".join(text.split())) >= 28
    assert not {tag for tag, _ in read.tags} & {"script", "img", "iframe", "object"}
    assert not [name for _, attrs in read.tags for name in attrs if name.startswith("on")]
    assert [attrs["aria-label"] for tag, attrs in read.tags if attrs.get("role") == "img"] == [text, text]


def test_characters_that_turn_the_direction_or_steer_the_terminal_are_left_out():
    pieces = every_piece("Kopi\u202e\u2066\x1b[31m\x00 Senja")
    html = page_of(*pieces, part(answer=["half \ud800"]), title="\u200fToko")
    assert not re.search("[\u202e\u2066\x1b\x00\u200f\ud800]", html)
    assert "Kopi[31m Senja" in html
    html.encode("utf-8")


def test_the_page_has_one_h1_its_language_and_a_policy_that_forbids_scripts_and_requests():
    html = page_of(part(question="Sales"), language=Language("id"))
    read = Read(html)
    assert read.every("html") == [{"lang": "id"}]
    assert len(read.every("h1")) == 1
    policy = read.every("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert html.index("Content-Security-Policy") < html.index("<style")


def test_nothing_on_the_page_asks_for_anything_outside():
    read = Read(page_of(*every_piece("Kopi")))
    targets = [attrs.get(name) for _, attrs in read.tags for name in ("src", "href", "srcset", "data", "action")]
    assert {target.partition(":")[0] for target in targets if target and not target.startswith("#")} == {"data"}
    assert "http" not in CSS
    assert "@import" not in CSS
    assert "url(" not in CSS


def test_code_notes_and_plain_outputs_stay_in_the_notebook():
    html = page_of(part(answer=["Shown."]))
    assert "Shown." in html
    assert not re.search("secret_code|A note for|plain words|others", html)


def test_the_contents_lead_to_the_sections_and_nothing_else():
    asked = [part(layer="detail", question=question, answer=["So."]) for question in ("Sales & more", "Score")]
    read = Read(page_of(part(layer="summary", question="How engaged?"), *asked))
    assert [attrs["href"] for attrs in read.every("a")] == ["#_main", "#sales-more-1", "#score-2"]
    assert {"sales-more-1", "score-2", "_main"} <= {attrs.get("id") for _, attrs in read.tags}
    assert (len(read.every("section")), len(read.every("details"))) == (1, 2)


def test_a_page_without_sections_has_no_contents():
    assert not Read(page_of(part(answer=["Shown."]))).every("nav")


def test_a_cell_that_raised_makes_no_page():
    book = notebook(part(answer=["fine"]))
    book.cells[1].outputs.append(nbformat.v4.new_output("error", ename="KeyError", evalue="'customer 17'"))
    with pytest.raises(ValueError, match="cell 2 raised KeyError") as raised:
        pages.page(book, EN, title="", subtitle="", footer="")
    assert "customer 17" not in str(raised.value)


@pytest.mark.parametrize("tag", ["script", "h1", "iframe", "SCRIPT", "form"])
def test_a_drawing_with_a_script_or_a_second_h1_makes_no_page(tag):
    drawn = {"wide": f"<svg><{tag} src='http://example.org'></{tag}></svg>", "narrow": "<svg></svg>"}
    figure = drawn | dict.fromkeys(("title", "subtitle", "alt", "source"), "x")
    with pytest.raises(ValueError, match=f"cell 2: a drawing holds <{tag}>"):
        page_of(part(figure=figure))


def test_a_page_of_more_than_two_megabytes_is_refused():
    with pytest.raises(ValueError, match="at most 2,000,000"):
        page_of(part(answer=["x" * 2_000_000]))


def test_a_heading_of_level_one_is_refused():
    with pytest.raises(ValueError, match="level: 1"):
        markup.heading("Sales", level=1)


def test_more_than_six_tiles_are_refused():
    with pytest.raises(ValueError, match="7 given, at most 6"):
        markup.tiles([Tile("a", "1")] * 7)


@pytest.mark.parametrize(("tone", "sign"), [("better", "✓"), ("worse", "!"), ("same", "=")])
def test_a_change_is_told_by_a_sign_and_not_by_colour_alone(tone, sign):
    read = Read(markup.tiles([Tile("NPS", "42", change="up 3 points", tone=tone)]))
    assert sign in read.text
    assert {"class": f"signed {tone}"} in read.every("p")


def test_a_spark_line_breaks_where_a_value_is_missing():
    path = Read(markup.tiles([Tile("a", "1", spark=[1, 2, None, 3, float("nan"), 5, 6])])).every("path")[0]["d"]
    assert [piece.count("L") for piece in path.split("M")[1:]] == [1, 0, 1]


def test_a_spark_line_rises_where_values_rise():
    path = Read(markup.tiles([Tile("a", "1", spark=[1, 3, 2])])).every("path")[0]["d"]
    assert path == "M0.0 24.0 L57.0 0.0 L114.0 12.0"


def test_a_single_value_is_a_dot_and_no_value_is_no_drawing():
    assert len(Read(markup.tiles([Tile("a", "1", spark=[None, 4])])).every("circle")) == 1
    assert not Read(markup.tiles([Tile("a", "1", spark=[None, None]), Tile("b", "2")])).every("svg")


def test_a_table_heads_its_rows_and_shows_a_dash_where_a_cell_is_missing():
    frame = pd.DataFrame({"Table": ["surveys", "posts"], "Rows": ["812", None], "Why": [float("nan"), pd.NA]})
    html = markup.table(frame, "Read", words=["Why"])
    assert html.count('<th scope="row">') == 2
    assert re.findall(r"<td[^>]*>(.*?)</td>", html) == ["812", "–", "–", "–"]
    assert html.count('class="words"') == 3
    assert "<caption>Read</caption>" in html


def test_a_table_leaves_its_frame_as_it_was():
    frame = pd.DataFrame({"a": ["1", None]})
    before = frame.copy(deep=True)
    markup.table(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_list_links_what_succeeded_and_says_why_the_rest_did_not():
    entries = [
        Entry("Kopi", "kopi senja/a#b.html", "ok", "id", "Oktober 2026", [("Skor", "57")]),
        Entry(
            "Kira",
            "kira/report.html",
            "failed",
            "ms",
            error="surveys.csv, row 14: 11 <is> wrong",
            previous=True,
        ),
        Entry("Box", "javascript:alert(1)", "failed", "en", error="no data"),
    ]
    read = Read(pages.index_page(entries, EN))
    assert [attrs["href"] for attrs in read.every("a")][1:] == ["kopi%20senja/a%23b.html", "kira/report.html"]
    assert read.text.count("The report could not be made") == 2
    assert "surveys.csv, row 14: 11 <is> wrong" in read.text
    assert "Businesses: 3, failed: 2" in read.text
    assert "Bahasa Indonesia" in read.text
    assert len(read.every("h1")) == 1


def test_a_link_in_the_list_never_leaves_the_folder_by_a_scheme():
    read = Read(pages.index_page([Entry("Box", "javascript:alert(1)", "ok", "en")], EN))
    assert read.every("a")[1]["href"] == "javascript%3Aalert%281%29"


@pytest.mark.parametrize("text", HOSTILE)
def test_names_in_the_list_are_shown_as_text(text):
    entry = Entry(text, "x", "ok", "en", text, [(text, text)])
    read = Read(pages.index_page([entry, Entry(text, "x", "failed", "en", error=text)], EN))
    assert read.text.count(" ".join(text.split())) == 6
    assert not {tag for tag, _ in read.tags} & {"script", "img"}


def test_an_empty_list_says_so():
    assert "No reports yet." in Read(pages.index_page([], EN)).text


def test_the_three_languages_have_the_same_texts_for_pages_and_charts():
    folder = resources.files("engagekit") / "locales"
    files = [tomllib.loads((folder / code / "words.toml").read_text("utf-8")) for code in LANGUAGES]
    for table in ("page", "chart"):
        assert len({frozenset(texts[table]) for texts in files}) == 1


def themes():
    light, dark = CSS.split("@media screen and (prefers-color-scheme: dark)", 1)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in (light, dark)]


def contrast(one, other):
    """Contrast ratio of WCAG 2.2, from 1 to 21."""
    shares = [[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in (one, other)]
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb] for rgb in shares]
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_formula_agrees_with_its_published_ends():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", themes(), ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "muted", "accent", "warning"])
def test_text_stands_out_from_the_paper(theme, text):
    assert contrast(theme[text], theme["paper"]) >= 4.5


def test_light_and_dark_define_the_same_colours_and_every_colour_used_is_defined():
    light, dark = themes()
    assert light.keys() == dark.keys()
    assert set(re.findall(r"var\(--([\w-]+)\)", CSS)) <= light.keys()


def test_reading_the_modules_loads_neither_pandas_nor_matplotlib():
    heavy = "{'pandas', 'polars', 'matplotlib', 'seaborn', 'nbformat'}"
    code = f"import sys, engagekit.display.charts; print(sorted({heavy} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
