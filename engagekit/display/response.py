"""Results against spend: what happened in each period, and the curve that was fitted to it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engagekit.display.axes import Measure, checked, dress_axis, finite, is_narrow, new_axes, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_response"]

ACCENT, INK, MUTED, PAPER = (PALETTE[name] for name in ("accent", "ink", "muted", "paper"))
LINE_HEIGHT = 20


def plot_response(
    curve: "pd.DataFrame",
    periods: "pd.DataFrame",
    marks: Mapping[str, float],
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    unit: str = "count",
    currency: str = "",
) -> "Axes":
    """Draw results against spend: a point a period, the curve with its band, and a line at each spend that is marked.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``spend, value, low, high``, by spend.
    periods : pandas.DataFrame
        ``spend, result``.
    marks : mapping of str to float
        Spend by the words that name it.
    ax : Axes, optional
        Where to draw; by default on Axes of a figure of their own.
    language : Language, optional
        Writes the labels; by default English.
    unit : {"count", "money"}
        Of the results.
    currency : str
        ISO code of the spend, and of results that are money.

    Returns
    -------
    Axes
        The one given, or the new one.

    Raises
    ------
    DataError
        A column is absent, or holds what cannot be drawn.
    ValueError
        There is no curve.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> curve = pd.DataFrame({"spend": [0, 50.0], "value": [0, 20.0], "low": [0, 15.0], "high": [0, 25.0]})
    >>> periods = pd.DataFrame({"spend": [30.0], "result": [16.0]})
    >>> ax = plot_response(curve, periods, {"now": 30.0}, Figure().add_subplot(), currency="GBP")
    >>> [text.get_text() for text in ax.texts]
    ['now £30.00']
    """
    curve = checked(curve, ["spend", "value", "low", "high"], otherwise="there is no curve to draw")
    ax, language = ax or new_axes(), language or Language("en")
    money = Measure(language, "money", currency)
    ax.fill_between(curve["spend"], curve["low"], curve["high"], color=ACCENT, alpha=0.16, lw=0)
    ax.plot(curve["spend"], curve["value"], color=ACCENT, lw=2)
    ax.scatter(periods["spend"], periods["result"], s=36, color=INK, edgecolors=PAPER, lw=1, zorder=3)
    dress_axis(ax, "x", finite([0, *curve["spend"], *periods["spend"]]), money)
    dress_axis(ax, "y", finite([0, *curve["high"], *periods["result"]]), Measure(language, unit, currency))
    for row, (name, spend) in enumerate(sorted(marks.items(), key=lambda mark: mark[1])):
        ax.axvline(spend, color=MUTED, lw=1, ls="--")
        place = (0, 1) if is_narrow(ax) else (spend, 1)
        across = "axes fraction" if is_narrow(ax) else ax.get_xaxis_transform()
        style = {"xycoords": across, "va": "bottom", "color": INK}
        write_beside(ax, place, (0, 4 + LINE_HEIGHT * row), f"{name} {money.write(spend)}", **style)
    return ax
