"""A forecast of the past beside what came."""

from typing import TYPE_CHECKING

from engagekit.display.axes import Measure, checked, dress_axis, is_narrow, new_axes, size_of, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_forecast"]

ACCENT, INK = PALETTE["accent"], PALETTE["ink"]
LINE_HEIGHT = 20


def plot_forecast(tested: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw a cumulative forecast as a dashed line with its interval, and what came as a solid line.

    Parameters
    ----------
    tested : pandas.DataFrame
        ``date, expected, low, high, came``, two rows at least.
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
        There is nothing to draw.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> weeks = pd.to_datetime(["2026-01-05", "2026-01-12"])
    >>> tested = pd.DataFrame({"date": weeks, "expected": [0, 9.0], "low": [0, 4], "high": [0, 15], "came": [0, 12]})
    >>> [text.get_text() for text in plot_forecast(tested, Figure().add_subplot()).texts]
    ['Came 12', 'Forecast 9']
    """
    columns = ["expected", "low", "high", "came"]
    tested = checked(tested, columns, ["date"], otherwise="there is no forecast to draw")
    ax, language = ax or new_axes(), language or Language("en")
    ax.fill_between(tested["date"], tested["low"], tested["high"], color=ACCENT, alpha=0.16, lw=0)
    ax.plot(tested["date"], tested["expected"], color=ACCENT, lw=2, ls="--")
    ax.plot(tested["date"], tested["came"], color=INK, lw=2)
    dress_axis(ax, "y", tested[columns].to_numpy().ravel().tolist(), Measure(language, "count"))
    narrow, last = is_narrow(ax), tested.iloc[-1]
    named = tested["date"].iloc[[0, -1] if narrow else [0, len(tested) // 2, -1]]
    ax.set_xticks(named, [language.month(day, "short") if narrow else language.date(day) for day in named])
    upper, lower = sorted((("came", INK), ("expected", ACCENT)), key=lambda line: -last[line[0]])
    bottom, top = ax.get_ylim()
    gap = (last[upper[0]] - last[lower[0]]) / (top - bottom) * size_of(ax)[1]
    apart = max(0.0, LINE_HEIGHT - gap) / 2
    for (name, color), nudge, row in ((upper, apart, 0), (lower, -apart, 1)):
        text = language.text(f"lifetime.line_{name}", n=language.number(last[name]))
        style = {"color": color, "weight": "bold"}
        if narrow:  # above the lines, which rise from the left
            write_beside(ax, (0, 1), (4, -LINE_HEIGHT * row), text, xycoords="axes fraction", va="top", **style)
        else:
            write_beside(ax, (last["date"], last[name]), (8, nudge), text, va="center", **style)
    return ax
