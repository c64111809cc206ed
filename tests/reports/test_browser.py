"""What a browser makes of a page: no sideways scrolling, and nothing below the smallest readable type."""

import html
import json
import re
import subprocess

import pytest

MEASURE = """<!doctype html><title>-</title><iframe width="{width}" height="{height}" srcdoc="{page}"></iframe><script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument, all = [...page.body.querySelectorAll("*")];
  const shown = e => e.getClientRects().length;
  const worded = e => shown(e) && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const drawn = s => s ? s.getBoundingClientRect().width / s.viewBox.baseVal.width : 1;
  const size = e => drawn(e.closest("svg")) * parseFloat(getComputedStyle(e).fontSize);
  const first = page.querySelector("details").getBoundingClientRect().top + page.defaultView.scrollY;
  const box = e => e.getBoundingClientRect();
  const above = e => e.checkVisibility() && box(e).width > 1 && box(e).top < first;
  const texts = [...all.filter(above)].flatMap(e => [...e.childNodes].filter(n => n.nodeType === 3));
  const summary = texts.map(n => n.textContent).join(" ").split(/\\s+/).filter(Boolean).length;
  document.title = JSON.stringify({{
    summary_words: summary,
    summary_screens: first / {height},
    requests: page.querySelectorAll("script, link[rel=stylesheet], [src^=http], iframe").length,
    wide: page.documentElement.scrollWidth,
    type: Math.min(...all.filter(worded).map(size)),
    figures: page.querySelectorAll("figure").length,
    drawings: [...page.querySelectorAll("figure svg")].filter(shown).length,
  }});
}};</script>"""
FLAGS = [
    "--hide-scrollbars",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=5000",
]


PAGES = [("ecommerce", "engagement"), ("saas", "engagement"), ("subscription", "engagement"), ("subscription", "churn")]
OTHERS = [(360, 800, 5), (768, 1024, 2)]
MOST_WORDS = 350
SIZES = [(390, 844, 4), (1200, 900, 2), *(pytest.param(*size, marks=pytest.mark.soak) for size in OTHERS)]


@pytest.fixture(params=PAGES, ids="-".join)
def page(request, written_reports):
    return (written_reports[request.param] / "report.html").read_text("utf-8")


def measured(page, width, height, tmp_path):
    """What the browser makes of a page in a window of this size."""
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(MEASURE.format(width=width, height=height, page=html.escape(page)), "utf-8")
    command = ["chromium", *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", wrapper.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom).group(1)))


@pytest.mark.needs("chromium")
@pytest.mark.parametrize(("width", "height", "screens"), SIZES)
def test_a_page_fits_a_phone_a_tablet_and_a_desk(page, width, height, screens, tmp_path):
    sizes = measured(page, width, height, tmp_path)
    assert sizes["wide"] <= width
    assert sizes["type"] >= 12
    assert sizes["figures"] >= 4
    assert sizes["drawings"] == sizes["figures"]
    assert sizes["requests"] == 0
    assert sizes["summary_screens"] <= screens
    assert 50 < sizes["summary_words"] <= MOST_WORDS
