"""Plots as parts of a page: drawn twice, as SVG whose text stays text and whose colours follow the theme."""

import gc
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from engagekit.display.markup import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

__all__ = ["FONT_SIZE", "HALO", "PALETTE", "draw", "drawings"]

# Light colours, as matplotlib draws them; on a page each becomes the variable of its name in theme.css.
PALETTE = {
    **{"paper": "#ffffff", "ink": "#17212b", "muted": "#56626e", "grid": "#dde3e8"},
    **{"accent": "#1c6493", "warning": "#9a3b0c"},
    **{"at-risk": "#b5451f", "potential": "#b98b2e", "advocate": "#123f6d"},
    **{"heat-0": "#edf4f9", "heat-1": "#d2e4f0", "heat-2": "#a9cce3"},
    **{"heat-3": "#7eb3d4", "heat-4": "#2c719f", "heat-5": "#134a72"},
}
WIDE, NARROW = (680, 340), (328, 300)  # CSS pixels; a phone of 360 leaves 328 between the margins
FONT_SIZE = 15.5
DPI = 72  # of matplotlib's SVG: a point is a pixel
PAD_X, PAD_Y = 1.5, 2.0  # around the labels, in pixels
HALO = "halo"  # text over lines; theme.css gives it an edge of paper


def draw(plot: "Callable[[Axes], Axes]", *, title: str, subtitle: str, alt: str, source: str, height: int = 0) -> str:
    """Draw a plot twice, wide and narrow, as a ``<figure>`` of a page.

    The same input gives the same bytes. Text stays text, and the palette's colours follow the page's theme.

    Parameters
    ----------
    plot : callable
        Draws on the Axes it is given.
    title, subtitle : str
        What the figure shows; its measure and unit.
    alt, source : str
        What it says to readers who do not see it; where the numbers come from.
    height : int, default 0
        Of both drawings in CSS pixels, for many rows; 0 for the usual 340 and 300.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> html = draw(lambda ax: ax, title="Sales", subtitle="IDR", alt="A rising line", source="Orders")
    >>> html.count("<svg")
    2
    """
    wide, narrow = drawings(plot, height)
    return figure(wide, narrow, title=title, subtitle=subtitle, alt=alt, source=source)


def drawings(plot: "Callable[[Axes], Axes]", height: int = 0) -> tuple[str, str]:
    """Wide and narrow drawing of a plot, as ``<svg>`` elements."""
    with _collected_after():
        wide, narrow = (_svg(plot, width, height or usual) for width, usual in (WIDE, NARROW))
    return wide, narrow


@contextmanager
def _collected_after() -> Iterator[None]:
    """Hold back the garbage collector, so that all a drawing leaves behind is young when it is collected.

    Else it is promoted on the way, and every twentieth figure pays for a pass over all objects of the process.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _svg(plot: "Callable[[Axes], Axes]", width: int, height: int) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import RendererSVG
    from matplotlib.figure import Figure

    style: Any = {
        **{"svg.fonttype": "none", "svg.hashsalt": "engagekit", "text.parse_math": False},
        **{"font.family": "DejaVu Sans", "font.size": FONT_SIZE, "text.color": PALETTE["ink"], "hatch.linewidth": 1.0},
    }
    content = io.StringIO()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        for layout_only in ("Glyph .* missing from", "Matplotlib currently does not support"):
            warnings.filterwarnings("ignore", message=layout_only)  # the reader's fonts set the text
        drawing = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="none")
        ax = drawing.add_subplot(facecolor="none")
        plot(ax)
        renderer: Any = RendererSVG(width, height, content, metadata={"Date": None})  # type: ignore[no-untyped-call]
        renderer.get_text_width_height_descent = _text_size
        _fit(ax, renderer)
        drawing.draw(renderer)
        renderer.finalize()
    return _inline(content.getvalue())


@lru_cache(maxsize=10_000)
def _text_size(text: str, font: "FontProperties", ismath: Any) -> tuple[float, float, float]:
    """Width, height and descent of a text, as the renderer measures it, measured once for all figures."""
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, font, ismath)


def _fit(ax: "Axes", renderer: Any) -> None:
    """Place the Axes so that its labels just fit into the drawing.

    Constrained layout does the same for any number of Axes, at a third of the time of the whole figure.
    """
    for axis in (ax.xaxis, ax.yaxis):
        if not axis.get_label_text():
            axis.set_label_coords(0, 0)  # else all ticks are measured each time, to place no label
    width, height = ax.figure.bbox.size
    for _ in range(2):  # labels that hang over an edge hang differently once the Axes has another size
        outer, inner = ax.get_tightbbox(renderer, for_layout_only=True), ax.get_window_extent(renderer)
        if outer is None:
            return
        left, bottom = inner.x0 - outer.x0 + PAD_X, inner.y0 - outer.y0 + PAD_Y
        right, top = outer.x1 - inner.x1 + PAD_X, outer.y1 - inner.y1 + PAD_Y
        room = max(width - left - right, 1), max(height - bottom - top, 1)
        ax.set_position((left / width, bottom / height, room[0] / width, room[1] / height))


def _inline(svg: str) -> str:
    """Fit matplotlib's SVG into a page: unique ids, variables for colours, the page's font, no prolog.

    An id is a hash of the drawing as it is printed, and a number: matplotlib's hold the last bit of each coordinate.
    """
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    used = {name: str(n) for n, name in enumerate(dict.fromkeys(re.findall(r'(?:url\(|href=")#([^)"]+)', svg)))}
    svg = re.sub(r'( id="|url\(#|href="#)([^)"]+)', lambda at: at.group(1) + used.get(at.group(2), at.group(2)), svg)
    own = f"f{sha256(svg.encode()).hexdigest()[:8]}-"
    variables = {colour: f"var(--{name})" for name, colour in PALETTE.items()}

    def renamed(attribute: re.Match[str]) -> str:
        name = attribute.group(1)
        return f' class="{HALO}"' if name == HALO else f' id="{own}{name}"' if name in used.values() else ""

    def rewritten(tag: re.Match[str]) -> str:
        text = re.sub(r' id="([^"]*)"', renamed, tag.group())
        text = re.sub(r"#[0-9a-f]{6}\b", lambda colour: variables.get(colour.group(), colour.group()), text)
        text = re.sub(r'(url\(|href=")#', rf"\1#{own}", text).replace("xlink:href", "href")
        text = re.sub(r'font-family: [^;"]*(; )?| transform="rotate\(-0 [^"]*"', "", text)
        return re.sub(r"(\.\d\d)\d+", r"\1", text).replace("\n", " ")

    svg = re.sub(r'(<svg) .*? (viewBox="[^"]*").*?>', r"\1 \2>", svg, count=1)
    return re.sub(r"<[^>]*>", rewritten, re.sub(r">\s+<", "><", svg)).strip()
