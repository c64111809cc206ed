"""What a browser makes of the theme: tables and tiles on paper and on a phone."""

import html
import json
import re
import subprocess

import pandas as pd
import pytest

from engagekit.display import markup
from engagekit.display.markup import Tile, template_path

CSS = template_path("page", "theme.css").read_text("utf-8")
PAPER = 658  # CSS pixels of A4 between its margins
MEASURE = """<script>onload = () => {
  const one = (kind, name) => [...document.querySelectorAll(kind)].find(e => e.textContent === name);
  const lines = e => { const r = document.createRange(); r.selectNodeContents(e);
    return new Set([...r.getClientRects()].map(b => b.top)).size; };
  document.title = JSON.stringify({
    lines: Object.fromEntries(NAMES.map(name => [name, lines(one("td, .value", name))])),
    width: document.querySelector("table").getBoundingClientRect().right,
    shadow: getComputedStyle(document.querySelector(".scroll")).backgroundImage,
  });
};</script>"""
ROW = {
    "Metric": "Average value of an order before discounts and refunds",
    "Month": "Okt 26",
    "Value": "Rp13,85 juta",
    "Interval": "Rp73.841 – Rp78.687",
    "From": "1.051 pelanggan",
    "Score": "69 → 5",
    "All time": "Rp77.222",
    "Why": "Days since the last interaction: 28; orders and money: 3; " * 3,
}
WHOLE = [*list(ROW.values())[1:-1], "Rp26,35 juta"]


def measured(width, tmp_path, *, paper=False):
    """Lines of each cell and of a tile's value, and the right edge of a wide table; print styles as if on a screen."""
    css = CSS.replace("@media screen", "@media not all").replace("@media print", "@media all") if paper else CSS
    table = markup.table(pd.DataFrame([ROW] * 3), words=["Why"])
    body = markup.tiles([Tile("a", "Rp26,35 juta")] * 3) + table
    script = MEASURE.replace("NAMES", json.dumps(WHOLE))
    page = f"<!doctype html><style>{css}</style>{script}<body><div class='frame'>{body}</div>"
    outer = tmp_path / "outer.html"
    show = "onload = () => {document.title = document.querySelector('iframe').contentDocument.title}"
    frame = f'<iframe width="{width}" height="900" srcdoc="{html.escape(page)}"></iframe>'
    outer.write_text(f"<!doctype html>{frame}<script>{show}</script>", "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}"]
    command = ["chromium", *flags, "--dump-dom", outer.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom).group(1)))


@pytest.mark.needs("chromium")
def test_on_paper_numbers_stay_whole_within_the_page_and_no_shadow_is_printed(tmp_path):
    paper = measured(PAPER, tmp_path, paper=True)
    assert paper["lines"] == dict.fromkeys(WHOLE, 1)
    assert paper["width"] <= PAPER
    assert paper["shadow"] == "none"


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [390, 768])
def test_on_a_screen_numbers_stay_whole_and_a_wide_table_has_a_shadow(width, tmp_path):
    screen = measured(width, tmp_path)
    assert screen["lines"] == dict.fromkeys(WHOLE, 1)
    assert screen["width"] > width
    assert "gradient" in screen["shadow"]
