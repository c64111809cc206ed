"""Parts of a page as HTML: headings, sentences, tiles, tables and figures. All text in them is escaped."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import jinja2
from markupsafe import Markup

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "TEMPLATES",
    "Tile",
    "cells",
    "figure",
    "finding",
    "folded",
    "heading",
    "image",
    "in_jupyter",
    "known_numbers",
    "main_points",
    "note",
    "notebook_path",
    "plain_text",
]
__all__ += ["table", "template_path", "tiles"]

MOST_TILES = 6
SIGNS = {"better": "✓", "worse": "!", "same": "="}
SPARK_WIDTH, SPARK_HEIGHT = 114, 24  # inside the margins of its viewBox
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MISSING = "–"


@dataclass(frozen=True)
class Tile:
    """One number of the first screen, with the context to judge it.

    Parameters
    ----------
    label, value : str
        What it is, and the number as people write it.
    interval : str
        Its uncertainty in words: "between 38 and 46, from 1,203 answers".
    target, change : str
        Sentences, or empty. ``change`` says in words whether the number rose or fell.
    tone : {"better", "worse", "same", ""}
        Whether the change is good news; shown by a colour and by a sign.
    spark : sequence of float or None
        Earlier values, oldest first; None or NaN where there is none.
    """

    label: str
    value: str
    interval: str = ""
    target: str = ""
    change: str = ""
    tone: Literal["better", "worse", "same", ""] = ""
    spark: Sequence[float | None] = ()


def heading(text: str, *, level: Literal[2, 3, 4] = 2, anchor: str | None = None) -> str:
    """Heading of level 2 to 4; level 2 opens a section and is listed in the contents, level 1 is the page's title.

    Examples
    --------
    >>> heading("Who came back?")
    '<h2 id="who-came-back">Who came back?</h2>'
    """
    if level not in (2, 3, 4):
        raise ValueError(f"level: {level} must be 2, 3 or 4; the page writes its one h1 from the title")
    if anchor is None and level == 2:
        anchor = re.sub(r"\W+", "-", plain_text(text).casefold()).strip("-") or "section"
    return _part("heading", level, anchor, text)


def note(text: str) -> str:
    """Write small print: a caveat or a method.

    Examples
    --------
    >>> note("Opens include machines.")
    '<p class="note">Opens include machines.</p>'
    """
    return _part("words", "note", text)


def finding(text: str) -> str:
    """Write the one computed sentence that answers a figure's question.

    Examples
    --------
    >>> finding("Fewer came back than in May.")
    '<p class="finding">Fewer came back than in May.</p>'
    """
    return _part("words", "finding", text)


def main_points(sentences: Sequence[str]) -> str:
    """List of the sentences that answer the report's question.

    Examples
    --------
    >>> "<li>Sales rose.</li>" in main_points(["Sales rose."])
    True
    """
    return _part("main_points", sentences)


def tiles(tiles: Sequence[Tile]) -> str:
    """Grid of at most six numbers.

    Examples
    --------
    >>> '<p class="value">42</p>' in tiles([Tile("NPS", "42", "between 38 and 46, from 1,203 answers")])
    True
    """
    if len(tiles) > MOST_TILES:
        raise ValueError(f"tiles: {len(tiles)} given, at most {MOST_TILES} fit the first screen")
    return _part("tiles", tiles, SIGNS, [_spark(tile.spark) for tile in tiles])


def table(frame: "pd.DataFrame", caption: str = "", *, words: Sequence[str] = ()) -> str:
    """Table of cells that are already formatted, without the index; a missing cell is shown as a dash.

    Parameters
    ----------
    frame : pandas.DataFrame
        The first column heads the rows.
    caption : str
        What the table shows.
    words : sequence of str
        Columns that hold words, set to the left; all others are set to the right.

    Examples
    --------
    >>> import pandas as pd
    >>> "<td>42</td>" in table(pd.DataFrame({"": ["NPS"], "May": ["42"]}))
    True
    """
    rows = frame.astype(object).where(frame.notna(), MISSING).to_numpy().tolist()
    return cells(frame.columns.to_list(), rows, caption, words=words)


def cells(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    caption: str = "",
    *,
    words: Sequence[str] = (),
    bars: Sequence[float | None] = (),
) -> str:
    """As ``table``, of the names of columns and of rows of cells; with bars of 0 to 1 below the first number of each.

    Examples
    --------
    >>> "<td>42</td>" in cells(["", "May"], [["NPS", "42"]])
    True
    >>> 'width="50.0"' in cells(["", "May"], [["NPS", "42"]], bars=[0.5])
    True
    """
    return _part("table", columns, rows, caption, words, [None if bar is None else round(100 * bar, 1) for bar in bars])


def folded(label: str, html: str) -> str:
    """Fold a part under a label that opens it.

    Examples
    --------
    >>> folded("and 7 more", "<p>Seven.</p>")
    '<details class="more"><summary>and 7 more</summary><p>Seven.</p></details>'
    """
    return _part("folded", label, Markup(html))  # noqa: S704 - made by markup, escaped


def figure(svg_wide: str, svg_narrow: str, *, title: str, subtitle: str, alt: str, source: str) -> str:
    """Figure in two drawings: the wide one for desks and paper, the narrow one for phones.

    Parameters
    ----------
    svg_wide, svg_narrow : str
        ``<svg>`` elements. Trusted, not escaped: ``drawing.draw`` makes them.
    title, subtitle : str
        What the figure shows; its measure and unit.
    alt, source : str
        What it says to readers who do not see it; where the numbers come from.

    Examples
    --------
    >>> 'aria-label="A line"' in figure("<svg/>", "<svg/>", title="", subtitle="", alt="A line", source="")
    True
    """
    return _part("figure", Markup(svg_wide), Markup(svg_narrow), title, subtitle, alt, source)  # noqa: S704


def image(data: str, alt: str) -> str:
    """Picture of the page's own: an address of its data, such as ``data:image/png;base64,...``.

    Examples
    --------
    >>> 'alt="A rising line"' in image("data:image/png;base64,AAAA", "A rising line")
    True
    """
    return _part("image", data, alt)


def plain_text(text: str) -> str:
    r"""Text without control characters, bidirectional marks and lone surrogates.

    Examples
    --------
    >>> plain_text("Kopi\u202e\x00 Senja")
    'Kopi Senja'
    """
    return STEERING.sub("", text)


def known_numbers(values: Sequence[float | None]) -> list[float | None]:
    """Numbers for JSON with 9 significant digits, for the last bits of a sum depend on its order; None without one.

    Examples
    --------
    >>> known_numbers([1.0, float("nan"), None])
    [1.0, None, None]
    """
    return [None if value is None or not math.isfinite(value) else float(f"{value:.9g}") for value in values]


def in_jupyter(html: str) -> str:
    """HTML of parts with the colours of Jupyter's theme, light or dark.

    Examples
    --------
    >>> in_jupyter("<p>42</p>").endswith("<p>42</p></div>")
    True
    """
    style = template_path("page", "jupyter.css").read_text("utf-8")
    return f'<div class="engagekit"><style>{style}</style>{html}</div>'


def template_path(*parts: str) -> Path:
    """Path below ``templates/``, which a wheel puts inside the package and a clone has beside it.

    Examples
    --------
    >>> template_path("page", "theme.css").name
    'theme.css'
    """
    return _shipped("templates").joinpath(*parts)


def notebook_path(*parts: str) -> Path:
    """Path below ``notebooks/``, likewise.

    Examples
    --------
    >>> notebook_path("lessons").name
    'lessons'
    """
    return _shipped("notebooks").joinpath(*parts)


def _shipped(folder: str) -> Path:
    package = Path(__file__).parents[1]
    installed = package / folder
    return installed if installed.is_dir() else package.parent / folder


def template_names() -> list[str]:
    """Names of the templates that the kit ships."""
    return sorted(path.stem for path in template_path().glob("*.ipynb"))


def _spark(values: Sequence[float | None]) -> Markup:
    """Draw a line with gaps for missing values, and a dot at the last value and at each isolated one."""
    known = {i: value for i, value in enumerate(values) if value is not None and math.isfinite(value)}
    low, high = min(known.values(), default=0), max(known.values(), default=0)
    down = {i: (high - value) / (high - low) if high > low else 0.5 for i, value in known.items()}
    step = SPARK_WIDTH / max(len(values) - 1, 1)
    at = {i: (round(i * step, 1), round(part * SPARK_HEIGHT, 1)) for i, part in down.items()}
    path = " ".join(f"{'L' if i - 1 in at else 'M'}{x} {y}" for i, (x, y) in at.items())
    dots = [place for i, place in at.items() if i == max(at) or not {i - 1, i + 1} & at.keys()]
    return Markup(_part("spark", path, dots))  # noqa: S704 - numbers only


def _part(name: str, *values: object) -> str:
    return str(getattr(TEMPLATES.get_template("parts.html.j2").module, name)(*values)).strip()


# Jinja2 without nbconvert: a page shows neither code nor markdown, so nothing remains to be exported.
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(template_path("page")),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: plain_text(value) if type(value) is str else value,
)
