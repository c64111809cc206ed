"""What a browser makes of a page: no sideways scrolling, and nothing below the smallest readable type."""

import html
import json
import re
import subprocess

import pytest

MEASURE = """<!doctype html><title>-</title><iframe width="{width}" height="800" srcdoc="{page}"></iframe><script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument, all = [...page.body.querySelectorAll("*")];
  const shown = e => e.getClientRects().length;
  const worded = e => shown(e) && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const drawn = s => s ? s.getBoundingClientRect().width / s.viewBox.baseVal.width : 1;
  const size = e => drawn(e.closest("svg")) * parseFloat(getComputedStyle(e).fontSize);
  document.title = JSON.stringify({{
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


@pytest.fixture(params=["engagement", "churn"])
def page(request, written_reports):
    return (written_reports["subscription", request.param] / "report.html").read_text("utf-8")


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [360, 768, 1200])
def test_a_page_fits_a_phone_a_tablet_and_a_desk(page, width, tmp_path):
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(MEASURE.format(width=width, page=html.escape(page)), "utf-8")
    command = ["chromium", *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", wrapper.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    sizes = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom).group(1)))
    assert sizes["wide"] <= width
    assert sizes["type"] >= 12
    assert sizes["figures"] >= 4
    assert sizes["drawings"] == sizes["figures"]
