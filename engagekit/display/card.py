"""Card of a value: a title and rows of cells, as text of at most 12 lines and as HTML for Jupyter.

Cards are for analysts, in English. Text in them is data, such as the name of a business: it is escaped, and written on
one line.
"""

import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["as_text", "between", "card_html", "card_text", "counted", "shortened", "with_interval"]

MOST_LINES, WIDEST, WIDEST_CELL = 12, 110, 40
MOST_DECIMALS = 6
SIGN = {"rate": "%"}  # stands at each number
NAMED = {"points": " points", "hours": " hours", "seconds": " seconds"}  # stands at the first
IGNORED_BY_MATHJAX = "mathjax_ignore tex2jax_ignore"  # a name with dollars is no formula
NUMBER = re.compile(r"[−–]?[\d.,]*%?( \w+)?")  # and what is counted
Row = Sequence[str]


def card_text(title: str, rows: Iterable[Row]) -> str:
    r"""Card as text: at most 12 lines of at most 110 characters.

    Parameters
    ----------
    title : str
        The first line.
    rows : iterable of sequence of str
        A label and its cells. Cells that stand below each other are aligned, numbers to the right.

    Examples
    --------
    >>> print(card_text("Tables", [("surveys", "812 rows", "a.csv"), ("posts", "9 rows", "b.csv"), ("as of", "today")]))
    Tables
      surveys  812 rows  a.csv
      posts      9 rows  b.csv
      as of    today
    """
    cells = _shown(rows)
    widths = [_width(cells, place) for place in range(max(map(len, cells), default=0))]
    lines = [as_text(title)]
    for row in cells:
        aligned = [
            cell.rjust(width) if place and _is_number(cell) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join(["", *aligned]))
    return "\n".join(shortened(line.rstrip(), WIDEST) for line in lines)


def card_html(title: str, rows: Iterable[Row]) -> str:
    """Card as HTML, escaped, in the colours of the page that it stands in.

    Examples
    --------
    >>> "<strong>Kopi &lt;b&gt;</strong>" in card_html("Kopi <b>", [])
    True
    """
    cells = _shown(rows)
    columns = max(map(len, cells), default=0)
    lines = "".join(f"<tr>{_label(row[0])}{_cells(row[1:], columns - 1)}</tr>" for row in cells)
    table = f'<table style="{TABLE}"><tbody>{lines}</tbody></table>' if lines else ""
    heading = escape(shortened(as_text(title), WIDEST))
    return f'<div class="{IGNORED_BY_MATHJAX}"><strong>{heading}</strong>{table}</div>'


def as_text(text: str) -> str:
    r"""Text on one line, without characters that steer a terminal or the direction of writing.

    Examples
    --------
    >>> as_text("Kopi\n\x1b[31mSenja")
    'Kopi [31mSenja'
    """
    from engagekit.display.markup import plain_text

    return " ".join(plain_text(text).split())


def shortened(text: str, most: int = WIDEST_CELL) -> str:
    """Text of at most so many characters; what is left out is shown by an ellipsis.

    Examples
    --------
    >>> shortened("Kedai Kopi Senja", 11)
    'Kedai Kopi…'
    """
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def counted(number: int, thing: str) -> str:
    """Count of things.

    Examples
    --------
    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def between(first: dt.date, last: dt.date) -> str:
    """Days from the first to the last.

    Examples
    --------
    >>> between(dt.date(2026, 1, 5), dt.date(2026, 3, 1))
    '2026-01-05 to 2026-03-01'
    """
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def with_interval(value: float, low: float = math.nan, high: float = math.nan, unit: str = "") -> str:
    """Number and its interval, to two significant digits of the half-width; without one, to three of the number.

    Parameters
    ----------
    value, low, high : float
        NaN where undefined. A rate is a fraction.
    unit : {"rate", "points", "hours", "seconds", ""}
        What is written with the number; other units are not.

    Examples
    --------
    >>> with_interval(28.2, 22.7, 33.6, "points"), with_interval(0.0408, 0.0353, 0.0471, "rate")
    ('28.2 points, 22.7 to 33.6', '4.08%, 3.53% to 4.71%')
    >>> with_interval(1234.5), with_interval(5.0, unit="points"), with_interval(math.nan)
    ('1,234', '5 points', 'undefined')
    """
    if not math.isfinite(value):
        return "undefined"
    value, low, high = (100 * number if unit == "rate" else number for number in (value, low, high))
    decimals, sign = _decimals(value, (high - low) / 2), SIGN.get(unit, "")
    first, *bounds = (_number(number, decimals) + sign for number in (value, low, high))
    interval = f", {bounds[0]} to {bounds[1]}" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{first}{NAMED.get(unit, '')}{interval}"


def _decimals(value: float, half: float) -> int:
    if not (math.isfinite(half) and half > 0):
        if value == round(value):
            return 0
        half = abs(value) / 10
    return min(max(1 - math.floor(math.log10(half)), 0), MOST_DECIMALS)


def _number(value: float, decimals: int) -> str:
    written = f"{value:,.{decimals}f}"
    return written.replace("-", "−") if float(written.replace(",", "")) else written.lstrip("-")


def _shown(rows: Iterable[Row]) -> list[list[str]]:
    """Rows that fit, on one line each; the others stand in the last, with their first cell."""
    cells = [[as_text(cell) for cell in row] for row in rows]
    cells = [[*(shortened(cell) for cell in row[:-1]), shortened(row[-1], WIDEST)] for row in cells]
    if len(cells) < MOST_LINES:
        return cells
    shown, others = cells[: MOST_LINES - 2], cells[MOST_LINES - 2 :]
    rest = "; ".join(" ".join(row[:2]) for row in others)
    return [*shown, ["…", shortened(f"{len(others)} more: {rest}", WIDEST)]]


def _width(cells: list[list[str]], place: int) -> int:
    """Width of a column, except for words that end a row."""
    rows = [row for row in cells if len(row) > place]
    return max((len(row[place]) for row in rows if len(row) > place + 1 or _is_number(row[place])), default=0)


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None


LEFT = "text-align:left;vertical-align:top;padding:.1em 1em .1em 0;background:transparent;"
RIGHT = LEFT.replace("left", "right", 1)
TABLE = "border-collapse:collapse;margin:.3em 0;color:inherit;font-variant-numeric:tabular-nums"
MUTED = f"{LEFT}font-weight:normal;white-space:nowrap;opacity:.75"


def _label(text: str) -> str:
    return f'<th scope="row" style="{MUTED}">{escape(text)}</th>'


def _cells(row: Row, columns: int) -> str:
    """Cells of a row, of which the last takes the columns that remain."""
    cells = []
    for place, cell in enumerate(row):
        rest = columns - place if place == len(row) - 1 else 1
        style = RIGHT if _is_number(cell) and len(row) > 1 else LEFT
        cells.append(f'<td colspan="{rest}" style="{style}">{escape(cell)}</td>')
    return "".join(cells)
