"""Values side by side: bars with intervals, and observed churn against predicted probability."""

from statistics import median
from typing import TYPE_CHECKING, Any

from engagekit.display.axes import (
    Measure,
    checked,
    dress_axis,
    finite,
    is_narrow,
    new_axes,
    stretch_rates,
    write_beside,
)
from engagekit.display.drawing import PALETTE
from engagekit.display.markup import plain_text
from engagekit.language import Language, precision

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["MOST_BARS", "plot_bars", "plot_calibration"]

PAPER, INK, MUTED, GRID, ACCENT = (PALETTE[name] for name in ("paper", "ink", "muted", "grid", "accent"))
BAR = PALETTE["heat-3"]
MOST_BARS, LONGEST_LABEL, MISSING = 12, 34, "–"
SQUEEZED = 0.25  # a median of the probabilities below this part of the highest


def plot_bars(
    frame: "pd.DataFrame",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    unit: str,
    currency: str = "",
    decimals: int | None = None,
) -> "Axes":
    """Draw one bar a row with its interval, from zero; the twelve largest if there are more.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``label``, ``value``, ``low`` and ``high``, in the order of the bars.
    ax : Axes, optional
        Where to draw; by default on Axes of a figure of their own.
    language : Language, optional
        Writes the labels; by default English.
    unit : {"rate", "points", "money", "hours", "seconds", "count", "ratio"}
        Of value, low and high; a rate is a fraction.
    currency : str
        ISO code where the unit is money.
    decimals : int, optional
        Of the values; without it their own ``precision``.

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
    >>> frame = pd.DataFrame({"label": ["Mei"], "value": [0.05], "low": [0.04], "high": [0.06]})
    >>> ax = plot_bars(frame, Figure().add_subplot(), Language("id"), unit="rate")
    >>> [text.get_text() for text in ax.texts]
    ['Mei', '5,0%']
    """
    nothing = "no row has a value, so there is nothing to draw"
    frame = checked(frame, ["value", "low", "high"], ["label"], otherwise=nothing)
    ax, language = ax or new_axes(), language or Language("en")
    decimals = precision(unit, frame["value"]) if decimals is None else decimals
    measure = Measure(language, unit, currency, decimals)
    shown = frame if len(frame) <= MOST_BARS else frame.nlargest(MOST_BARS, "value")
    shown = shown.reset_index(drop=True)
    above, thickness = (0.8, 0.36) if is_narrow(ax) else (0.5, 0.6)
    thickness *= min(len(shown) / 3, 1)
    ax.barh(shown.index, shown["value"], thickness, color=BAR)
    ax.hlines(shown.index, shown["low"], shown["high"], color=INK, lw=1.5)
    dress_axis(ax, "x", finite([0, *shown["value"], *shown["low"], *shown["high"]]), measure)
    ax.set_ylim(len(shown) - 0.5, -above)
    _name_bars(ax, [_shortened(label) for label in shown["label"]], thickness)
    for place, row in enumerate(shown.to_dict("records")):
        end = max(finite([0, row["value"], row["high"]]))
        write_beside(ax, (end, place), (6, 0), measure.write_value(row["value"]), color=INK, va="center")
    if len(frame) > len(shown):
        omitted = language.number(len(frame) - len(shown))
        ax.set_xlabel(language.text("chart.more", n=omitted), loc="left", color=MUTED)
    return ax


def _name_bars(ax: "Axes", labels: list[str], thickness: float) -> None:
    """Write the names to the left of the bars, on narrow Axes over them."""
    ax.set_yticks([])
    if not is_narrow(ax):
        ax.set_yticks(range(len(labels)), labels, parse_math=False, color=INK)
        return
    over = {"xycoords": ax.get_yaxis_transform(), "va": "bottom", "color": INK}
    for place, label in enumerate(labels):
        write_beside(ax, (0, place - thickness / 2), (0, 2), label, **over)


def plot_calibration(groups: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw observed churn against predicted probability, both 0 to 1, a point with its interval a group.

    Each axis goes as far as its own values. Where most probabilities are small beside the highest, both axes have a
    square-root scale, which its name says.

    Parameters
    ----------
    groups : pandas.DataFrame
        ``chance`` (mean predicted probability), ``value`` (observed share), ``low`` and ``high``.
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
        No group has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> frame = pd.DataFrame({"chance": [0.1, 0.4], "value": [0.12, 0.38], "low": [0.1, 0.3], "high": [0.2, 0.5]})
    >>> ax = plot_calibration(frame, Figure().add_subplot(), Language("en"))
    >>> ax.get_xlabel()
    'Predicted probability'
    """
    nothing = "no group has a value, so there is nothing to draw"
    groups = checked(groups, ["value", "chance", "low", "high"], otherwise=nothing, within=(0, 1))
    ax, language = ax or new_axes(), language or Language("en")
    measure, chances = Measure(language, "rate"), finite([0, *groups["chance"]])
    shares = finite([0, *groups["value"], *groups["high"]])
    dress_axis(ax, "x", chances, measure)
    dress_axis(ax, "y", shares, measure)
    name = language.text("chart.chance")
    if median(chances) < SQUEEZED * max(chances):
        name += "\n" + language.text("chart.stretched")
        stretch_rates(ax, measure)
    ax.grid(axis="both", color=GRID, lw=1)
    both = [0, min(ax.get_xlim()[1], ax.get_ylim()[1])]
    ax.plot(both, both, color=MUTED, lw=1, ls="--")
    ax.vlines(groups["chance"], groups["low"], groups["high"], color=ACCENT, lw=1.5)
    ax.scatter(groups["chance"], groups["value"], s=48, color=ACCENT, edgecolors=PAPER, lw=1, zorder=3)
    ax.set_xlabel(name, loc="left", color=MUTED)
    write_beside(ax, (0, 1), (0, 8), language.text("chart.happened"), xycoords="axes fraction", ha="left", va="bottom")
    return ax


def _shortened(label: Any) -> str:
    import pandas as pd

    text = plain_text(MISSING if pd.isna(label) else str(label)).replace("\n", " ")
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
