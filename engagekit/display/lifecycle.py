"""Who is active in each period and why, and who became dormant, as bars above and below a line."""

from typing import TYPE_CHECKING

from engagekit.display.axes import Measure, checked, dress_axis, is_narrow, new_axes, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.display.trend import name_periods
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_lifecycle"]

COLOURS = {
    "active": "accent",
    "returning": "heat-2",
    "resurrected": "potential",
    "new": "advocate",
    "dormant": "at-risk",
}
WIDTH = 0.72  # of a bar, of the distance of two periods
LINE_HEIGHT, MARK = 20, 18


def plot_lifecycle(periods: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw how many customers were active, returned, were resurrected or new, and below the line who became dormant.

    Parameters
    ----------
    periods : pandas.DataFrame
        ``period`` (its start), and the customers who were ``active, returning, resurrected, new``, and who became
        ``dormant``, from 0 up; what is missing is not drawn.
    ax : Axes, optional
        Where to draw; by default on Axes of a figure of their own.
    language : Language, optional
        Writes the labels; by default English.

    Returns
    -------
    Axes
        The one given, or the new one.

    Raises
    ------
    DataError
        A column is absent, or holds what cannot be drawn.
    ValueError
        No period has an active customer.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> frame = pd.DataFrame({"period": pd.date_range("2026-01-01", periods=2, freq="MS"), "active": [40, 50],
    ...     "returning": 5, "resurrected": 0, "new": 9, "dormant": [7, 8]})
    >>> ax = plot_lifecycle(frame, Figure().add_subplot(), Language("en"))
    >>> len(ax.containers)
    5
    """
    frame = checked(periods, list(COLOURS), ["period"], otherwise="no period has an active customer to draw")
    ax, language = ax or new_axes(), language or Language("en")
    counts = frame[list(COLOURS)].fillna(0.0)
    below = counts["active"] * 0
    step = frame["period"].diff().min() if len(frame) > 1 else 1
    for state, colour in COLOURS.items():
        heights = -counts[state] if state == "dormant" else counts[state]
        start = below * 0 if state == "dormant" else below
        ax.bar(frame["period"], heights, WIDTH * step, start, color=PALETTE[colour], edgecolor=PALETTE["paper"], lw=0.5)
        below = below if state == "dormant" else below + heights
    dress_axis(ax, "y", [*below, *-counts["dormant"], 0.0], Measure(language, "count"))
    name_periods(ax, frame.assign(partial=False), language)
    _write_keys(ax, language)
    return ax


def _write_keys(ax: "Axes", language: Language) -> None:
    """Name the colours over the Axes, in two columns on narrow ones."""
    columns = 2 if is_narrow(ax) else 3
    rows = -(-len(COLOURS) // columns)
    for place, (state, colour) in enumerate(COLOURS.items()):
        point, up = (place % columns / columns, 1), 8 + (rows - 1 - place // columns) * LINE_HEIGHT
        over = {"xycoords": "axes fraction", "va": "bottom"}
        write_beside(ax, point, (0, up), "■", color=PALETTE[colour], **over)
        write_beside(ax, point, (MARK, up), language.text(f"state.{state}"), color=PALETTE["ink"], **over)
