"""What a browser makes of the theme: tables and tiles on paper and on a phone."""

import pandas as pd
import pytest

from engagekit.display import markup
from engagekit.display.markup import Tile, template_path

CSS = template_path("page", "theme.css").read_text("utf-8")
PAPER = 658  # CSS pixels of A4 between its margins
MEASURE = """names => {
  const one = (kind, name) => [...document.querySelectorAll(kind)].find(e => e.textContent === name);
  const lines = e => { const r = document.createRange(); r.selectNodeContents(e);
    return new Set([...r.getClientRects()].map(b => b.top)).size; };
  return {
    lines: Object.fromEntries(names.map(name => [name, lines(one("td, .value", name))])),
    width: document.querySelector("table").getBoundingClientRect().right,
    shadow: getComputedStyle(document.querySelector(".scroll")).backgroundImage,
  };
}"""
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


def measured(browser, width, media):
    """Lines of each cell and of a tile's value, the right edge of a wide table, and its shadow."""
    table = markup.table(pd.DataFrame([ROW] * 3), words=["Why"])
    body = markup.tiles([Tile("a", "Rp26,35 juta")] * 3) + table
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.emulate_media(media=media)
    page.set_content(f"<!doctype html><style>{CSS}</style><body><div class='frame'>{body}</div>")
    found = page.evaluate(MEASURE, WHOLE)
    page.close()
    return found


@pytest.mark.soak
@pytest.mark.needs("chromium")
def test_on_paper_numbers_stay_whole_within_the_page_and_no_shadow_is_printed(browser):
    paper = measured(browser, PAPER, "print")
    assert paper["lines"] == dict.fromkeys(WHOLE, 1)
    assert paper["width"] <= PAPER
    assert paper["shadow"] == "none"


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [390, 768])
def test_on_a_screen_numbers_stay_whole_and_a_wide_table_has_a_shadow(browser, width):
    screen = measured(browser, width, "screen")
    assert screen["lines"] == dict.fromkeys(WHOLE, 1)
    assert screen["width"] > width
    assert "gradient" in screen["shadow"]
