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
    named = tested["date"].iloc[[0, -1] if is_narrow(ax) else [0, len(tested) // 2, -1]]
    ax.set_xticks(named, [language.date(day) for day in named])
    first, *_, end = ax.get_xticklabels()
    first.set_horizontalalignment("left")
    end.set_horizontalalignment("right")
    last = tested.iloc[-1]
    lines = sorted((("came", INK), ("expected", ACCENT)), key=lambda line: -last[line[0]])
    low, high = ax.get_ylim()
    gap = (last[lines[0][0]] - last[lines[1][0]]) / (high - low) * size_of(ax)[1]
    apart = max(0.0, LINE_HEIGHT - gap) / 2
    for (name, color), nudge in zip(lines, (apart, -apart), strict=True):
        text = language.text(f"lifetime.line_{name}", n=language.number(last[name]))
        beside = {"va": "center"}
        offset = (8.0, nudge)
        if is_narrow(ax):
            above = nudge >= 0 and name == lines[0][0]
            offset, beside = (-4.0, 8.0 if above else -8.0), {"ha": "right", "va": "bottom" if above else "top"}
        write_beside(ax, (last["date"], last[name]), offset, text, color=color, weight="bold", **beside)
    return ax
