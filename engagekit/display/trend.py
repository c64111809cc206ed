"""A value by period as a line with its interval."""

import math
from typing import TYPE_CHECKING

from engagekit.display.axes import Measure, checked, dress_axis, finite, is_narrow, new_axes, size_of, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.errors import DataError
from engagekit.language import Language, precision

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["name_periods", "plot_trend"]

PAPER, MUTED, GRID, ACCENT = (PALETTE[name] for name in ("paper", "muted", "grid", "accent"))
LINE_HEIGHT = 20


def plot_trend(
    results: "pd.DataFrame",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    unit: str,
    currency: str = "",
    target: float | None = None,
    decimals: int | None = None,
) -> "Axes":
    """Draw a value by month, week or quarter as a line with its interval, labelled at its end.

    Periods without a value leave a gap. A partial one is hollow, dotted and hatched. The axis starts at 0 if the values
    come near it.

    Parameters
    ----------
    results : pandas.DataFrame
        ``period`` (its start), ``value``, ``low``, ``high``, and if given ``warning``, which holds ``partial_period``
        where the period is not over, or ``unripe`` where what follows it is not all in; either is drawn as partial.
    ax : Axes, optional
        Where to draw; by default on Axes of a figure of their own.
    language : Language, optional
        Writes the labels; by default English.
    unit : {"rate", "points", "money", "hours", "seconds", "count", "ratio"}
        Of value, low, high and target; a rate is a fraction.
    currency : str
        ISO code where the unit is money.
    target : float, optional
        Drawn as a thin line, in the unit of value.
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
        No month has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> months = pd.date_range("2026-01-01", periods=2, freq="MS")
    >>> frame = pd.DataFrame({"period": months, "value": [0.1, 0.3], "warning": ""})
    >>> frame = frame.assign(low=frame["value"] - 0.1, high=frame["value"] + 0.1)
    >>> ax = plot_trend(frame, Figure().add_subplot(), Language("en"), unit="rate")
    >>> [text.get_text() for text in ax.texts]
    ['30.0%']
    """
    nothing = "no month has a value, so there is no trend to draw"
    results = checked(results, ["value", "low", "high"], ["period"], otherwise=nothing)
    ax, language = ax or new_axes(), language or Language("en")
    decimals = precision(unit, [*results["value"], target]) if decimals is None else decimals
    measure = Measure(language, unit, currency, decimals)
    frame = _every_period(results)
    known = frame.dropna(subset=["value"])
    _draw_line(ax, frame, known)
    aim = finite([target])
    dress_axis(ax, "y", [*finite([*known["value"], *known["low"], *known["high"]]), *aim], measure)
    name_periods(ax, frame, language)
    _label_end(ax, known, measure)
    for value in aim:
        _label_target(ax, value, float(known["value"].iloc[-1]), measure)
    return ax


def _draw_line(ax: "Axes", frame: "pd.DataFrame", known: "pd.DataFrame") -> None:
    """Draw the interval as a band, whole months as a solid line, the way to a partial one as a dotted line."""
    ax.fill_between(frame["period"], frame["low"], frame["high"], color=ACCENT, alpha=0.16, lw=0)
    for line, dashes in ((frame["value"].mask(frame["partial"]), "-"), (frame["value"], ":")):
        pieces = frame.assign(value=line, piece=line.isna().cumsum()).dropna(subset=["value"])
        for _, piece in pieces.groupby("piece"):
            ax.plot(piece["period"], piece["value"], color=ACCENT, ls=dashes, lw=2)
        alone = pieces[~pieces["piece"].duplicated(keep=False)]
        ax.vlines(alone["period"], alone["low"], alone["high"], color=ACCENT, alpha=0.4, lw=1.5)
    fill = known["partial"].map({True: PAPER, False: ACCENT})
    ax.scatter(known["period"], known["value"], s=24, zorder=3, clip_on=False, c=fill, edgecolors=ACCENT, lw=1.5)


def _every_period(results: "pd.DataFrame") -> "pd.DataFrame":
    """Add the periods that are absent between the first and the last, and a column ``partial``."""
    import pandas as pd

    starts = pd.to_datetime(results["period"], format="ISO8601", errors="coerce")
    if starts.isna().any() or starts.duplicated().any():
        raise DataError("must be a date, another one in each row. Choose one metric and one group.", column="period")
    frame = results.assign(period=starts).set_index("period").sort_index()
    every = pd.date_range(frame.index.min(), frame.index.max(), freq=_length(pd.DatetimeIndex(frame.index)))
    frame = frame.reindex(frame.index.union(every)).rename_axis("period").reset_index()
    partial = (
        frame["warning"].fillna("").astype(str).str.contains("partial_period|unripe") if "warning" in frame else False
    )
    return frame.assign(partial=partial)


def _length(starts: "pd.DatetimeIndex") -> str:
    """Distance of the periods' starts, for pandas: of weeks, months or quarters."""
    import pandas as pd

    nearest = starts.to_series().diff().min()
    if nearest <= pd.Timedelta(days=7):
        return "7D"
    return "3MS" if nearest >= pd.Timedelta(days=89) and not (starts.month % 3 - starts.month[0] % 3).any() else "MS"


def name_periods(ax: "Axes", frame: "pd.DataFrame", language: Language) -> None:
    """Name some periods of a frame, counted back from the last one, and hatch those that are ``partial``."""
    import pandas as pd

    weekly = _length(pd.DatetimeIndex(frame["period"])) == "7D"
    half, fitting = (pd.Timedelta(days=3.5), 4) if weekly else (pd.Timedelta(days=15), 7)
    fitting = 3 if is_narrow(ax) else fitting
    step = next(n for n in (1, 2, 3, 6, 12, 24, 48, len(frame)) if math.ceil(len(frame) / n) <= fitting)
    named = frame["period"].iloc[::-step]
    ax.set_xticks(named, [language.date(day) if weekly else language.month(day, "short") for day in named])
    ax.set_xlim(frame["period"].iloc[0] - half, frame["period"].iloc[-1] + half)
    for start in frame.loc[frame["partial"], "period"]:
        ax.axvspan(start - half, start + half, fc="none", ec=GRID, hatch="////", lw=0, zorder=0)
        align, edge = ("left", start - half) if start == frame["period"].iloc[0] else ("right", start + half)
        place = {"xycoords": ax.get_xaxis_transform(), "ha": align, "va": "bottom"}
        write_beside(ax, (edge, 1), (0, 4), language.text("chart.partial"), **place)


def _label_end(ax: "Axes", known: "pd.DataFrame", measure: Measure) -> None:
    """Write the last value where the line ends; on narrow axes above or below, clear of the line."""
    last = known.iloc[-1]
    falls = last["value"] < known["value"].iloc[-2:].max()
    style = {"color": MUTED} if last["partial"] else {"color": ACCENT, "weight": "bold"}
    offset, align = (4, -9 if falls else 9), {"ha": "right", "va": "top" if falls else "bottom"}
    if not is_narrow(ax):
        offset, align = (10, 0), {"va": "center"}
    write_beside(ax, (last["period"], last["value"]), offset, measure.write_value(last["value"]), **align, **style)


def _label_target(ax: "Axes", target: float, last: float, measure: Measure) -> None:
    """Draw the target as a line and name it, clear of the last value."""
    ax.axhline(target, color=MUTED, lw=1, zorder=2)
    label, across = measure.language.text("chart.target", value=measure.write_value(target)), ax.get_yaxis_transform()
    low, high = ax.get_ylim()
    gap = (target - last) / (high - low) * 0.8 * size_of(ax)[1]
    nudge = math.copysign(max(0.0, LINE_HEIGHT - abs(gap)), gap)
    if is_narrow(ax):
        write_beside(ax, (0, target), (2, 3), label, va="bottom", xycoords=across)
    else:
        write_beside(ax, (1, target), (10, nudge), label, va="center", xycoords=across)
