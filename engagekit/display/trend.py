"""A monthly value as a line with its interval."""

import math
from typing import TYPE_CHECKING

from engagekit.display.axes import Measure, dress_axis, finite, is_narrow, require_values, size_of, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.language import Language, precision

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_trend"]

PAPER, MUTED, GRID, ACCENT = (PALETTE[name] for name in ("paper", "muted", "grid", "accent"))
LINE_HEIGHT = 20


def plot_trend(
    results: "pd.DataFrame",
    ax: "Axes",
    language: Language,
    *,
    unit: str,
    currency: str = "",
    target: float | None = None,
    decimals: int | None = None,
) -> "Axes":
    """Draw a monthly value as a line with its interval, in the unit of the value, labelled at its end.

    Months without a value leave a gap. A partial month is hollow, dotted and hatched. The axis starts at 0 if the
    values come near it.

    Parameters
    ----------
    results : pandas.DataFrame
        ``period`` (start of the month), ``value``, ``low``, ``high``, and ``warning``, which holds
        ``partial_period`` where the month is not over.
    ax : Axes
        Where to draw.
    language : Language
        Writes the labels.
    unit : {"rate", "points", "money", "hours", "count"}
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
        The one given.

    Raises
    ------
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
    require_values(results["value"], "no month has a value, so there is no trend to draw")
    decimals = precision(unit, [*results["value"], target]) if decimals is None else decimals
    measure = Measure(language, unit, currency, decimals)
    frame = _every_month(results)
    known = frame.dropna(subset=["value"])
    _draw_line(ax, frame, known)
    aim = finite([target])
    dress_axis(ax, "y", [*finite([*known["value"], *known["low"], *known["high"]]), *aim], measure)
    _name_months(ax, frame, language)
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


def _every_month(results: "pd.DataFrame") -> "pd.DataFrame":
    """Add the months that are absent between the first and the last, and a column ``partial``."""
    import pandas as pd

    frame = results.assign(period=pd.to_datetime(results["period"])).set_index("period").sort_index()
    months = pd.date_range(frame.index.min(), frame.index.max(), freq="MS")
    frame = frame.reindex(frame.index.union(months)).rename_axis("period").reset_index()
    partial = frame["warning"].fillna("").astype(str).str.contains("partial_period")
    return frame.assign(partial=partial).astype({"value": float, "low": float, "high": float})


def _name_months(ax: "Axes", frame: "pd.DataFrame", language: Language) -> None:
    """Name some months, counted back from the last one, and hatch those that are partial."""
    import pandas as pd

    half, fitting = pd.Timedelta(days=15), 3 if is_narrow(ax) else 7
    step = next(n for n in (1, 2, 3, 6, 12, len(frame)) if math.ceil(len(frame) / n) <= fitting)
    months = frame["period"].iloc[::-step]
    ax.set_xticks(months, [language.month(month, "short") for month in months])
    ax.set_xlim(frame["period"].iloc[0] - half, frame["period"].iloc[-1] + half)
    for month in frame.loc[frame["partial"], "period"]:
        ax.axvspan(month - half, month + half, fc="none", ec=GRID, hatch="////", lw=0, zorder=0)
        align, edge = ("left", month - half) if month == frame["period"].iloc[0] else ("right", month + half)
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
