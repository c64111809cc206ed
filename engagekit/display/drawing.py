"""How a plot becomes part of a page: drawn twice, as SVG whose text stays text and whose colours follow the theme."""

import io
import re
import warnings
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from engagekit.display.markup import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FONT_SIZE", "HALO", "PALETTE", "draw"]

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
HALO = "halo"  # text over lines; theme.css gives it an edge of paper


def draw(plot: "Callable[[Axes], Axes]", *, title: str, subtitle: str, alt: str, source: str, height: int = 0) -> str:
    """Draw a plot twice, wide and narrow, and give it as a ``<figure>`` of a page.

    The same input gives the same bytes. Text stays text, and the palette's colours follow the page's theme.

    Parameters
    ----------
    plot : callable
        Draws on the Axes it is given.
    title, subtitle : str
        What is seen; its measure and unit.
    alt, source : str
        What it says to those who do not see it; where the numbers come from.
    height : int, default 0
        Of both drawings in CSS pixels, for many rows; 0 for the usual 340 and 300.

    Examples
    --------
    >>> html = draw(lambda ax: ax, title="Sales", subtitle="IDR", alt="A rising line", source="Orders")
    >>> html.count("<svg")
    2
    """
    wide, narrow = (_svg(plot, width, height or usual) for width, usual in (WIDE, NARROW))
    return figure(wide, narrow, title=title, subtitle=subtitle, alt=alt, source=source)


def _svg(plot: "Callable[[Axes], Axes]", width: int, height: int) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = {
        **{"svg.fonttype": "none", "svg.hashsalt": "engagekit", "text.parse_math": False},
        **{"font.family": "DejaVu Sans", "font.size": FONT_SIZE, "text.color": PALETTE["ink"], "hatch.linewidth": 1.0},
        **{"figure.constrained_layout.w_pad": 0.02, "figure.constrained_layout.h_pad": 0.03},
    }
    drawn = io.StringIO()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        for layout_only in ("Glyph .* missing from", "Matplotlib currently does not support"):
            warnings.filterwarnings("ignore", message=layout_only)  # the reader's fonts set the text
        drawing = Figure(figsize=(width / 72, height / 72), layout="constrained", facecolor="none")
        plot(drawing.add_subplot(facecolor="none"))
        drawing.savefig(drawn, format="svg", metadata={"Date": None})
    return _inline(drawn.getvalue())


def _inline(svg: str) -> str:
    """Fit matplotlib's SVG into a page: ids of its own, variables for colours, the page's font, no prolog."""
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    own = f"f{sha256(svg.encode()).hexdigest()[:8]}-"
    variables = {colour: f"var(--{name})" for name, colour in PALETTE.items()}

    def renamed(found: re.Match[str]) -> str:
        name = found.group(1)
        return f' class="{HALO}"' if name == HALO else f' id="{own}{name}"' if name in used else ""

    def rewritten(tag: re.Match[str]) -> str:
        text = re.sub(r' id="([^"]*)"', renamed, tag.group())
        text = re.sub(r"#[0-9a-f]{6}\b", lambda colour: variables.get(colour.group(), colour.group()), text)
        text = re.sub(r'(url\(|href=")#', rf"\1#{own}", text).replace("xlink:href", "href")
        text = re.sub(r'font-family: [^;"]*(; )?| transform="rotate\(-0 [^"]*"', "", text)
        return re.sub(r"(\.\d\d)\d+", r"\1", text).replace("\n", " ")

    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(<svg) .*? (viewBox="[^"]*").*?>', r"\1 \2>", svg, count=1)
    return re.sub(r"<[^>]*>", rewritten, re.sub(r">\s+<", "><", svg)).strip()
