"""Retention by month of arrival, as a heat map."""

import math
from typing import TYPE_CHECKING, Any

from engagekit.display.axes import checked, finite, is_narrow, size_of, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.errors import DataError
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["HEAT", "HEAT_UNDER_INK", "plot_cohorts"]

PAPER, INK, MUTED = (PALETTE[name] for name in ("paper", "ink", "muted"))
HEAT = [PALETTE[f"heat-{step}"] for step in range(6)]
HEAT_UNDER_INK = 4  # so many steps are pale enough for ink; numbers on the others are paper
COHORT_HEIGHT, MOST_AGES, NARROW_AGES = 21, 13, (1, 2, 3, 6, 12)


def plot_cohorts(cohorts: "pd.DataFrame", ax: "Axes", language: Language) -> "Axes":
    """Draw the share of each month's newcomers who came back, 0 to 1, by the months since their arrival.

    Months that are not over yet are blank. The month of arrival, age 0, is left out: nobody can have come back in it.
    A narrow Axes shows fewer months, a low one only the latest cohorts.

    Parameters
    ----------
    cohorts : pandas.DataFrame
        ``cohort`` (start of the month), ``age`` (months since), ``customers`` (size of the cohort), ``value``
        (fraction, or NaN if the month is not over yet).
    ax : Axes
        Where to draw.
    language : Language
        Writes the labels.

    Returns
    -------
    Axes
        The one given.

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
    grid = _fitting(came_back.pivot(index="cohort", columns="age", values="value").astype(float), ax)
    _draw_cells(ax, grid, language)
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


def _draw_cells(ax: "Axes", grid: "pd.DataFrame", language: Language) -> None:
    """Draw the shares as steps of one colour, each with its number."""
    import numpy as np
    from matplotlib.colors import ListedColormap

    highest = max(finite([0.01, *grid.to_numpy().ravel()]))
    steps = (grid / highest * len(HEAT)).clip(0, len(HEAT) - 1).apply(np.floor)
    levels = steps.to_numpy()
    ax.pcolormesh(levels, cmap=ListedColormap(HEAT), vmin=0, vmax=len(HEAT), edgecolors=PAPER, linewidth=1.5)
    ax.set(ylim=(len(levels), 0), frame_on=False)  # the first cohort on top
    for (row, column), share in np.ndenumerate(grid.to_numpy()):
        if math.isfinite(share):
            colour = INK if levels[row, column] < HEAT_UNDER_INK else PAPER
            text = language.percent(share, 0)
            number = ax.text(column + 0.5, row + 0.5, text, color=colour, ha="center", va="center")
            number.set_in_layout(False)  # it lies within its cell, so nothing needs to make room for it


def _fitting(grid: "pd.DataFrame", ax: "Axes") -> "pd.DataFrame":
    """Ages and cohorts that have values and room."""
    grid = grid.dropna(axis="columns", how="all").sort_index()
    ages: list[Any] = grid.columns.to_list()
    few = [age for age in ages if age in NARROW_AGES] if is_narrow(ax) else []
    grid = grid[few or ages[:MOST_AGES]].dropna(how="all")
    return grid.tail(max(int(size_of(ax)[1] / COHORT_HEIGHT), 3)).dropna(axis="columns", how="all")
