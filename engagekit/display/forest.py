"""Effects of a test with their intervals, around 0."""

from typing import TYPE_CHECKING

from engagekit.display.axes import Measure, checked, dress_axis, finite, is_narrow, new_axes, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["BOUNDS", "plot_effects"]

PAPER, INK, MUTED, ACCENT = (PALETTE[name] for name in ("paper", "ink", "muted", "accent"))
BOUNDS = ["value", "low", "high", "always_low", "always_high"]


def plot_effects(frame: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw a point a row with its interval, and as a thin line the interval that is valid at any time.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``label``; ``value``, ``low``, ``high``, ``always_low`` and ``always_high`` as fractions of the control's value.
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
        No row has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> row = {"label": "Conversion", "value": 0.2, "low": 0.1, "high": 0.3, "always_low": 0.0, "always_high": 0.4}
    >>> ax = plot_effects(pd.DataFrame([row]), Figure().add_subplot(), Language("en"))
    >>> [text.get_text() for text in ax.texts]
    ['+20%', 'Conversion']
    """
    frame = checked(frame, BOUNDS, ["label"], otherwise="no row has a value, so there is nothing to draw")
    frame = frame.dropna(subset=["value"]).reset_index(drop=True)
    ax, language = ax or new_axes(), language or Language("en")
    ax.hlines(frame.index, frame["always_low"], frame["always_high"], color=MUTED, lw=1)
    ax.hlines(frame.index, frame["low"], frame["high"], color=ACCENT, lw=4)
    ax.scatter(frame["value"], frame.index, s=60, color=ACCENT, edgecolors=PAPER, lw=1.5, zorder=3)
    dress_axis(ax, "x", finite([0, *frame[BOUNDS].to_numpy().ravel()]), Measure(language, "rate"))
    ax.set_ylim(len(frame) - 0.5, -0.8)
    ax.set_yticks([])
    for place, row in enumerate(frame.to_dict("records")):
        written = language.percent_change(row["value"])
        write_beside(ax, (row["value"], place), (0, -9), written, color=INK, ha="center", va="top")
        narrow = {"va": "bottom"} if is_narrow(ax) else {"va": "center", "ha": "right"}
        beside = (0, 10) if is_narrow(ax) else (-8, 0)
        write_beside(ax, (0, place), beside, row["label"], xycoords=ax.get_yaxis_transform(), color=INK, **narrow)
    return ax
