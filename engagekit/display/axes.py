"""What all figures share: grid and ticks of an Axes, values with units, and labels."""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engagekit.display.drawing import HALO, PALETTE
from engagekit.display.markup import plain_text
from engagekit.errors import DataError, did_you_mean
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Measure", "checked", "dress_axis", "finite", "is_narrow", "new_axes", "size_of"]
__all__ += ["stretch_rates", "write_beside"]

MUTED, GRID = PALETTE["muted"], PALETTE["grid"]
UNITS = ("rate", "points", "money", "hours", "seconds", "count", "ratio")
NARROW_AXES = 400
WHOLE_MONEY_FROM = 100
NEW = (9, 4.5)  # inches of a figure of its own
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # ticks of a stretched axis


@dataclass(frozen=True)
class Measure:
    """Writes values of one unit in the language of the report.

    Parameters
    ----------
    language : Language
        What writes the numbers.
    unit : {"rate", "points", "money", "hours", "seconds", "count", "ratio"}
        A rate is a fraction.
    currency : str
        ISO code where the unit is money.
    decimals : int, optional
        Of the values; their ``precision``.

    Raises
    ------
    ValueError
        There is no such unit.

    Examples
    --------
    >>> Measure(Language("en"), "rate").write(0.25, 0)
    '25%'
    """

    language: Language
    unit: str
    currency: str = ""
    decimals: int | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit: {self.unit!r} is not known. {did_you_mean(self.unit, UNITS)}")

    def as_read(self, value: float) -> float:
        """Value in the unit in which it is read: a rate in per cent."""
        return value * 100 if self.unit == "rate" else value

    def write(self, value: float, decimals: int | None = None) -> str:
        """Write a number of the axis with its unit."""
        if self.unit == "money" and abs(value) >= WHOLE_MONEY_FROM:
            decimals = 0
        return self.language.amount(value, self.unit, self.currency, decimals)

    def write_value(self, value: float) -> str:
        """Write a value with the decimals that all of them have."""
        return self.language.amount(value, self.unit, self.currency, self.decimals)


def dress_axis(ax: "Axes", which: Literal["x", "y"], values: Sequence[float], measure: Measure) -> None:
    """Set limits, ticks and grid of the axis of values; hide the frame and the tick marks.

    Parameters
    ----------
    ax : Axes
        Changed in place.
    which : {"x", "y"}
        The axis that has the values.
    values : sequence of float
        All values that must fit, at least one.
    measure : Measure
        Writes the tick labels, with as many decimals as the grid needs.
    """
    from matplotlib.ticker import MaxNLocator

    low, high = _limits(values, measure.unit, 0.12 if is_narrow(ax) else 0.06)
    places = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)
    ticks = [round(place, 9) + 0.0 for place in places if low - 1e-9 <= place <= high + 1e-9]
    decimals = max(0, math.ceil(-math.log10(measure.as_read(ticks[1] - ticks[0])) - 1e-9))
    crowded = {*ticks[1:-1]} - {0.0} if which == "x" and is_narrow(ax) else set()
    labels = ["" if tick in crowded else measure.write(tick, decimals) for tick in ticks]
    ax.set(**{f"{which}lim": (low, high), "xlabel": "", "ylabel": "", "frame_on": False, "axisbelow": True})
    ax.grid(axis=which, color=GRID, lw=1)
    ax.tick_params(
        left=False, bottom=False, labelcolor=MUTED, pad=6
    )  # before there are ticks, each of which it changes
    (ax.yaxis if which == "y" else ax.xaxis).set_ticks(ticks, labels, parse_math=False)
    if low <= 0 <= high:
        (ax.axhline if which == "y" else ax.axvline)(0, color=MUTED, lw=1, zorder=1)


def stretch_rates(ax: "Axes", measure: Measure) -> None:
    """Give both axes of rates, dressed and from 0, a square-root scale, on which small rates have room.

    Parameters
    ----------
    ax : Axes
        Changed in place.
    measure : Measure
        Writes the tick labels.
    """
    import numpy as np
    from matplotlib.scale import FuncScale

    width, height = size_of(ax)
    for which, length, apart in (("x", width, 50), ("y", height, 24)):  # points that labels need
        axis = ax.xaxis if which == "x" else ax.yaxis
        highest, ticks = math.sqrt(axis.get_view_interval()[1]), [0.0]
        for rate in RATES:
            if (math.sqrt(rate) - math.sqrt(ticks[-1])) * length / highest >= apart and math.sqrt(rate) <= highest:
                ticks.append(rate)
        ax.set(**{f"{which}scale": FuncScale(axis, (np.sqrt, np.square))})
        axis.set_ticks(
            ticks, [measure.write(tick, 0 if tick >= 0.01 or not tick else 1) for tick in ticks], parse_math=False
        )


def write_beside(ax: "Axes", point: tuple[Any, float], offset: tuple[float, float], text: str, **style: Any) -> None:
    """Write literal text at an offset in points from a point, with a halo where it covers lines."""
    style = {"color": MUTED, "textcoords": "offset points", "annotation_clip": False, "parse_math": False, **style}
    place = ax.convert_xunits(point[0]), point[1]  # type: ignore[no-untyped-call]
    ax.annotate(plain_text(text), place, offset, **style).set_gid(HALO)


def new_axes() -> "Axes":
    """Axes of a figure of their own, which a notebook shows below its cell.

    Examples
    --------
    >>> bool(is_narrow(new_axes()))
    False
    """
    from matplotlib.pyplot import subplots

    ax: Axes = subplots(figsize=NEW, layout="constrained")[1]
    return ax


def size_of(ax: "Axes") -> tuple[float, float]:
    """Width and height of the Axes in points; in ``draw`` these are CSS pixels."""
    return ax.bbox.width / ax.figure.dpi * 72, ax.bbox.height / ax.figure.dpi * 72


def is_narrow(ax: "Axes") -> bool:
    """Whether the Axes has the width of a phone."""
    return size_of(ax)[0] < NARROW_AXES


def finite(values: Iterable[float | None]) -> list[float]:
    """Keep the values that are numbers.

    Examples
    --------
    >>> finite([1, None, float("nan")])
    [1.0]
    """
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def checked(
    frame: "pd.DataFrame",
    numbers: Sequence[str],
    others: Sequence[str] = (),
    *,
    otherwise: str,
    within: tuple[float, float] = (-sys.float_info.max, sys.float_info.max),
) -> "pd.DataFrame":
    """Check that a frame can be drawn, and give its numbers as floats.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not changed.
    numbers, others : sequence of str
        Columns that must be there; ``numbers`` hold numbers or nothing, the first of them at least one.
    otherwise : str
        Message where the first column of numbers is empty.
    within : (float, float)
        Least and greatest number; by default any but an infinite one.

    Raises
    ------
    DataError
        A column is absent, or holds something else.
    ValueError
        There is nothing to draw.

    Examples
    --------
    >>> import pandas as pd
    >>> checked(pd.DataFrame({"value": [1, None]}), ["value"], otherwise="nothing to draw")["value"].tolist()
    [1.0, nan]
    """
    import pandas as pd

    for name in (*others, *numbers):
        if name not in frame:
            raise DataError(f"is not a column. There are: {', '.join(map(str, frame))}.", column=name)
    known = {name: pd.to_numeric(frame[name], errors="coerce").astype(float) for name in numbers}
    least, most = within
    rule = f"from {least:g} to {most:g}" if most <= 100 else "that is finite"
    for name, column in known.items():
        for cell in frame.loc[frame[name].notna() & ~column.between(least - 1e-9, most + 1e-9), name].head(1):
            problem = f"holds something else than a number {rule}. Leave a cell empty where there is none."
            raise DataError(problem, column=name, value=cell)
    if not known[numbers[0]].notna().any():
        raise ValueError(otherwise)
    return frame.assign(**known)


def _limits(values: Sequence[float], unit: str, room: float) -> tuple[float, float]:
    """From a little below to a little above the values; from 0 where that is near, no rate beyond 1."""
    low, high = min(values), max(values)
    pad = (high - low) * room or abs(high) * 0.1 or 1.0
    bottom = 0.0 if 0 <= low <= max(high / 2, pad) else low - pad
    return bottom, min(high + pad, 1.0) if unit == "rate" and high <= 1 else high + pad
