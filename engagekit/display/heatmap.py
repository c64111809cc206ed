"""Heat maps: a value by two groups, and retention by month of arrival."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engagekit.display.axes import Measure, checked, finite, is_narrow, new_axes, size_of, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.display.markup import plain_text
from engagekit.errors import DataError
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["HEAT", "HEAT_UNDER_INK", "plot_cohorts", "plot_heatmap"]

PAPER, INK, MUTED = (PALETTE[name] for name in ("paper", "ink", "muted"))
HEAT = [PALETTE[f"heat-{step}"] for step in range(6)]
HEAT_UNDER_INK = 4  # so many steps are pale enough for ink; numbers on the others are paper
LETTER = 8  # points of width
COHORT_HEIGHT, MOST_AGES, NARROW_AGES = 21, 13, (1, 2, 3, 6, 12)


def plot_cohorts(cohorts: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw the share of each month's newcomers who came back, 0 to 1, by the months since their arrival.

    Months that are not over yet are blank. The month of arrival, age 0, is left out: nobody can have come back in it.
    A narrow Axes shows fewer months, a low one only the latest cohorts.

    Parameters
    ----------
    cohorts : pandas.DataFrame
        ``cohort`` (start of the month), ``age`` (months since), ``customers`` (size of the cohort), ``value``
        (fraction, or NaN if the month is not over yet).
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
        No cohort has a value after its month of arrival.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> month = pd.Timestamp("2026-01-01")
    >>> frame = pd.DataFrame({"cohort": [month] * 2, "age": [1, 2], "customers": 40, "value": [0.5, None]})
    >>> ax = plot_cohorts(frame, Figure().add_subplot(), Language("en"))
    >>> ax.texts[0].get_text()
    '50%'
    """
    import pandas as pd

    nothing = "no cohort has a value after its month of arrival, so there is nothing to draw"
    cohorts = checked(cohorts, ["age", "customers"], ["cohort", "value"], otherwise=nothing)
    came_back = checked(cohorts[cohorts["age"] > 0], ["value"], otherwise=nothing, within=(0, 1))
    came_back = came_back.assign(cohort=pd.to_datetime(came_back["cohort"], format="ISO8601"))
    if came_back.duplicated(["cohort", "age"]).any():
        raise DataError("has two rows of one age. Choose one group.", column="cohort")
    ax, language = ax or new_axes(), language or Language("en")
    grid = _fitting(came_back.pivot(index="cohort", columns="age", values="value").astype(float), ax)
    _draw_cells(ax, grid, 0, lambda share: str(language.percent(share, 0)))
    ax.xaxis.set_label_position("top")
    ax.xaxis.tick_top()
    ax.tick_params(left=False, top=False, labelcolor=MUTED, pad=5)  # before there are ticks, each of which it changes
    sizes = came_back.groupby("cohort")["customers"].first()
    names = [f"{language.month(month, 'short')} ({language.number(sizes[month])})" for month in grid.index]
    ax.set_yticks([row + 0.5 for row in range(len(names))], names, rotation=0)
    ages: list[Any] = grid.columns.to_list()
    ax.set_xticks([place + 0.5 for place in range(len(ages))], [language.number(age) for age in ages])
    ax.set_xlabel(language.text("chart.age"), color=MUTED, labelpad=6)
    ax.set_ylabel("")
    corner = {"xycoords": "axes fraction", "ha": "right", "va": "bottom"}
    write_beside(ax, (0, 1), (-6, 5), language.text("chart.cohort"), **corner)
    return ax


def plot_heatmap(
    grid: "pd.DataFrame",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    unit: str = "ratio",
    currency: str = "",
) -> "Axes":
    """Draw a value by two groups as steps of one colour, from the lowest to the highest, each with its number.

    Parameters
    ----------
    grid : pandas.DataFrame
        Values, with one group down the index and the other across the columns; NaN stays blank.
    ax : Axes, optional
        Where to draw; by default on Axes of a figure of their own.
    language : Language, optional
        Writes the labels; by default English.
    unit : {"rate", "points", "money", "hours", "seconds", "count", "ratio"}
        Of the values; a rate is a fraction.
    currency : str
        ISO code where the unit is money.

    Returns
    -------
    Axes
        The one given, or the new one.

    Raises
    ------
    ValueError
        No cell has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> grid = pd.DataFrame({"basic": [0.1, None], "pro": [0.2, 0.4]}, index=["Bandung", "Jakarta"])
    >>> ax = plot_heatmap(grid, Figure().add_subplot(), unit="rate")
    >>> [text.get_text() for text in ax.texts]
    ['10%', '20%', '40%']
    """
    if not finite(grid.to_numpy().ravel()):
        raise ValueError("no cell has a value, so there is nothing to draw")
    ax, language = ax or new_axes(), language or Language("en")
    measure, values = Measure(language, unit, currency), grid.astype(float)
    decimals = _decimals(values, measure)
    _draw_cells(ax, values, float(values.min().min()), lambda value: measure.write(value, decimals))
    ax.xaxis.set_label_position("top")
    ax.xaxis.tick_top()
    ax.tick_params(left=False, top=False, labelcolor=MUTED, pad=5)
    for axis, names in ((ax.yaxis, grid.index), (ax.xaxis, grid.columns)):
        places = [place + 0.5 for place in range(len(names))]
        axis.set_ticks(places, [plain_text(str(name)) for name in names], parse_math=False)
        axis.set_label_text(str(names.name or ""), color=MUTED, parse_math=False)
    if len(" ".join(map(str, grid.columns))) * LETTER > size_of(ax)[0]:
        for label in ax.get_xticklabels():
            label.set(rotation=45, ha="left", rotation_mode="anchor")
    return ax


def _decimals(values: "pd.DataFrame", measure: Measure) -> int | None:
    """Decimals that tell the cells apart: none from ten on, one below."""
    if measure.unit in ("money", "count"):
        return None
    return 0 if measure.as_read(float(values.abs().max().max())) >= 10 else 1


def _draw_cells(ax: "Axes", grid: "pd.DataFrame", lowest: float, write: Callable[[float], str]) -> None:
    """Draw the values as steps of one colour, each with its number."""
    import numpy as np
    from matplotlib.colors import ListedColormap

    highest = max(finite([lowest + 0.01, *grid.to_numpy().ravel()]))
    steps = ((grid - lowest) / (highest - lowest) * len(HEAT)).clip(0, len(HEAT) - 1).apply(np.floor)
    levels = steps.to_numpy()
    ax.pcolormesh(levels, cmap=ListedColormap(HEAT), vmin=0, vmax=len(HEAT), edgecolors=PAPER, linewidth=1.5)
    ax.set(ylim=(len(levels), 0), frame_on=False)  # the first row on top
    for (row, column), value in np.ndenumerate(grid.to_numpy()):
        if math.isfinite(value):
            colour = INK if levels[row, column] < HEAT_UNDER_INK else PAPER
            number = ax.text(column + 0.5, row + 0.5, write(value), color=colour, ha="center", va="center")
            number.set_in_layout(False)  # it lies within its cell, so nothing needs to make room for it


def _fitting(grid: "pd.DataFrame", ax: "Axes") -> "pd.DataFrame":
    """Ages and cohorts that have values and room."""
    grid = grid.dropna(axis="columns", how="all").sort_index()
    ages: list[Any] = grid.columns.to_list()
    few = [age for age in ages if age in NARROW_AGES] if is_narrow(ax) else []
    grid = grid[few or ages[:MOST_AGES]].dropna(how="all")
    return grid.tail(max(int(size_of(ax)[1] / COHORT_HEIGHT), 3)).dropna(axis="columns", how="all")
