"""What a browser makes of a page: two screens, no sideways scrolling, readable, open to all, whole on paper."""

import re
import unicodedata
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from pypdf import PdfReader

pytestmark = pytest.mark.needs("chromium")
PAGES = [("ecommerce", "engagement"), ("saas", "engagement"), ("subscription", "engagement"), ("subscription", "churn")]
ALIKE = PAGES[1:3]  # like the first, and so in the soak
OTHERS = [(360, 800, 5), (768, 1024, 2)]
MOST_WORDS = 350
SIZES = [(390, 844, 4), (1200, 900, 2), *(pytest.param(*size, marks=pytest.mark.soak) for size in OTHERS)]
MEASURE = """() => {
  const all = [...document.body.querySelectorAll("*")];
  const shown = e => e.getClientRects().length;
  const worded = e => shown(e) && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const drawn = s => s ? s.getBoundingClientRect().width / s.viewBox.baseVal.width : 1;
  const size = e => drawn(e.closest("svg")) * parseFloat(getComputedStyle(e).fontSize);
  const first = document.querySelector("details").getBoundingClientRect().top + scrollY;
  const box = e => e.getBoundingClientRect();
  const above = e => e.checkVisibility() && box(e).width > 1 && box(e).top < first;
  const texts = [...all.filter(above)].flatMap(e => [...e.childNodes].filter(n => n.nodeType === 3));
  const summary = texts.map(n => n.textContent).join(" ").split(/\\s+/).filter(Boolean).length;
  return {
    summary_words: summary,
    summary_screens: first / innerHeight,
    wide: document.documentElement.scrollWidth,
    type: Math.min(...all.filter(worded).map(size)),
    figures: document.querySelectorAll("figure").length,
    drawings: [...document.querySelectorAll("figure svg")].filter(shown).length,
  };
}"""
OPEN_ALL = "() => document.querySelectorAll('details').forEach(each => { each.open = true; })"
QUESTIONS = "() => [...document.querySelectorAll('h2, h3, figcaption')].map(each => each.textContent.trim())"


@pytest.fixture(params=[pytest.param(page, marks=[pytest.mark.soak] * (page in ALIKE)) for page in PAGES], ids="-".join)
def report(request, written_reports):
    return written_reports[request.param] / "report.html"


@contextmanager
def opened(browser, report, **how):
    """A page in a window of its own, with what it requested and complained about."""
    context = browser.new_context(**how)
    page, heard = context.new_page(), []
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.goto(report.as_uri())
    yield page, heard
    context.close()


@pytest.mark.parametrize(("width", "height", "screens"), SIZES)
def test_a_page_fits_a_phone_a_tablet_and_a_desk(browser, report, width, height, screens):
    with opened(browser, report, viewport={"width": width, "height": height}) as (page, heard):
        sizes = page.evaluate(MEASURE)
        assert heard == [report.as_uri()]
    assert sizes["wide"] <= width
    assert sizes["type"] >= 12
    assert sizes["figures"] >= 4
    assert sizes["drawings"] == sizes["figures"]
    assert sizes["summary_screens"] <= screens
    assert 50 < sizes["summary_words"] <= MOST_WORDS


@pytest.mark.parametrize(
    ("scheme", "unfolded", "page"),
    [
        *(pytest.param("light", True, page, marks=[pytest.mark.soak] * (page in ALIKE)) for page in PAGES),
        ("dark", True, PAGES[0]),
        *(pytest.param("dark", True, page, marks=pytest.mark.soak) for page in PAGES[1:]),
        *(pytest.param(scheme, False, page, marks=pytest.mark.soak) for scheme in ("light", "dark") for page in PAGES),
    ],
    ids=str,
)
def test_a_page_breaks_no_rule_of_axe(browser, written_reports, scheme, unfolded, page):
    how = {"color_scheme": scheme, "viewport": {"width": 390, "height": 844}, "bypass_csp": True}  # axe is a script
    with opened(browser, written_reports[page] / "report.html", **how) as (window, _):
        if unfolded:
            window.evaluate(OPEN_ALL)
        found = Axe().run(window)
    assert found.violations_count == 0, found.generate_report()


def bare(text):
    """Text without white space and ligatures."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def test_on_paper_a_page_has_every_section(browser, report, tmp_path):
    with opened(browser, report) as (page, _):
        page.pdf(path=tmp_path / "page.pdf", format="A4")
        questions = page.evaluate(QUESTIONS)
    printed = bare("".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "page.pdf").pages))
    missing = [question for question in questions if bare(question) not in printed]
    assert len(questions) > 10
    assert missing == []
