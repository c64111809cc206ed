"""One figure per question, drawn on an Axes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engagekit.display.drawing import HALO, PALETTE
from engagekit.display.markup import plain_text
from engagekit.language import Language, decimals_supported

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["SEGMENTS", "plot_bars", "plot_calibration", "plot_cohorts", "plot_score", "plot_survival", "plot_trend"]

PAPER, INK, MUTED, GRID, ACCENT = (PALETTE[name] for name in ("paper", "ink", "muted", "grid", "accent"))
HEAT = [PALETTE[f"heat-{step}"] for step in range(6)]
HEAT_UNDER_INK = 4  # so many steps are pale enough for ink; the others carry paper
SEGMENTS = {"at_risk": "▼", "potential": "◆", "advocate": "▲"}  # lowest first, with their markers
NARROW_AXES = 400
LINE_HEIGHT = 20
WHOLE_MONEY_FROM = 100
BIN_WIDTH = 5
MOST_BARS, LONGEST_LABEL = 12, 34
COHORT_HEIGHT, MOST_AGES, NARROW_AGES = 21, 13, (1, 2, 3, 6, 12)


def plot_trend(
    results: "pd.DataFrame",
    ax: "Axes",
    language: Language,
    *,
    unit: str,
    currency: str = "",
    target: float | None = None,
) -> "Axes":
    """Draw a monthly value as a line with its interval, labelled where it ends.

    Months without a value leave a gap; a partial month is hollow, dotted and hatched. The axis starts at 0
    where that is near.

    Parameters
    ----------
    results : pandas.DataFrame
        ``period`` (start of the month), ``value``, ``low``, ``high``, and ``warning``, which holds
        ``partial_period`` where the month is not over.
    ax, language : Axes, Language
        Where to draw; what writes the labels.
    unit : {"rate", "points", "money", "hours", "count"}
        Of value, low, high and target; a rate is a fraction.
    currency : str
        ISO code where the unit is money.
    target : float, optional
        A thin line.

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
    ['30%']
    """
    import seaborn as sns

    _need(results["value"], "no month has a value, so there is no trend to draw")
    measure = _Measure(language, unit, currency)
    frame = _every_month(results)
    known = frame.dropna(subset=["value"])
    ax.fill_between(frame["period"], frame["low"], frame["high"], color=ACCENT, alpha=0.16, lw=0)
    for line, dashes in ((frame["value"].mask(frame["partial"]), "-"), (frame["value"], ":")):
        pieces = frame.assign(value=line, piece=line.isna().cumsum()).dropna(subset=["value"])
        alone = pieces[~pieces["piece"].duplicated(keep=False)]
        ax.vlines(alone["period"], alone["low"], alone["high"], color=ACCENT, alpha=0.4, lw=1.5)
        solo = {"units": "piece", "estimator": None, "color": ACCENT, "ls": dashes, "lw": 2}
        sns.lineplot(pieces, x="period", y="value", ax=ax, **solo)
    dots: dict[str, Any] = {
        "c": known["partial"].map({True: PAPER, False: ACCENT}),
        "edgecolors": ACCENT,
        "lw": 1.5,
    }
    ax.scatter(known["period"], known["value"], s=24, zorder=3, clip_on=False, **dots)
    aim = _finite([target])
    _dress(ax, "y", [*_finite([*known["value"], *known["low"], *known["high"]]), *aim], measure)
    _name_months(ax, frame, language)
    _label_end(ax, known, measure)
    for value in aim:
        _label_target(ax, value, float(known["value"].iloc[-1]), measure)
    return ax


def plot_score(
    scores: "pd.Series[float]",
    ax: "Axes",
    language: Language,
    *,
    cuts: Sequence[float],
    segments: "pd.Series[str] | None" = None,
) -> "Axes":
    r"""Draw how many customers have which engagement score, with the share of each segment.

    Parameters
    ----------
    scores : pandas.Series
        One score a customer, 0 to 100; customers without one are left out of the shares.
    ax, language : Axes, Language
        Where to draw; what writes the labels.
    cuts : (float, float)
        Lowest score of the potential and of the advocates.
    segments : pandas.Series, optional
        Segment of each customer with a score, where who fell a little below a cut stays above it; by default the cuts
        tell.

    Raises
    ------
    ValueError
        No customer has a score.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> ax = plot_score(pd.Series([10, 50, 60, 90]), Figure().add_subplot(), Language("en"), cuts=(40, 70))
    >>> [text.get_text() for text in ax.texts]
    ['At risk\n▼ 25%', 'Potential\n◆ 50%', 'Advocates\n▲ 25%']
    """
    import pandas as pd
    import seaborn as sns
    from matplotlib.patches import Rectangle

    _need(scores, "no customer has a score, so there is nothing to draw")
    known = scores.dropna().astype(float).reset_index(drop=True)
    segment = pd.cut(known, [-math.inf, *cuts, math.inf], right=False, labels=list(SEGMENTS))
    if segments is not None:
        told = segments[scores.notna()].to_numpy()
        segment = pd.Series(pd.Categorical(told, list(SEGMENTS), ordered=True))
    colours = [PALETTE[name.replace("_", "-")] for name in SEGMENTS]
    bins = {"binwidth": BIN_WIDTH, "binrange": (0, 100), "multiple": "stack", "legend": False}
    sns.histplot(x=known, hue=segment, palette=colours, alpha=1, edgecolor=PAPER, ax=ax, **bins)
    tops = [bar.get_bbox().y1 for bar in ax.patches if isinstance(bar, Rectangle)]
    _dress(ax, "y", [0, *tops], _Measure(language, "count"))
    edges = [0.0, *cuts, 100.0]
    ax.set_xticks(edges, [language.number(edge) for edge in edges])
    middle = min(max(sum(cuts) / 2, 40), 48)  # where three labels fit side by side
    narrow = [(0.0, "left"), (middle, "center"), (100.0, "right")]
    places = narrow if _narrow(ax) else [(edge, "left") for edge in edges[:3]]
    over: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    for i, (name, marker) in enumerate(SEGMENTS.items()):
        ax.plot(edges[i : i + 2], [1.02, 1.02], color=colours[i], lw=4, solid_capstyle="butt", **over)
        label = f"{language.text(f'segment.{name}')}\n{marker} {language.percent((segment == name).mean(), 0)}"
        ax.text(places[i][0], 1.06, label, ha=places[i][1], va="bottom", color=INK, **over)
    return ax


def plot_cohorts(cohorts: "pd.DataFrame", ax: "Axes", language: Language) -> "Axes":
    """Draw the share of each month's newcomers who came back, by months since.

    What is still to come is blank; the month of arrival is left out where everyone was there by definition. A
    narrow Axes shows fewer months, a low one only the latest cohorts.

    Parameters
    ----------
    cohorts : pandas.DataFrame
        ``cohort`` (start of the month), ``age`` (months since), ``customers`` (size of the cohort), ``value``
        (fraction, or NaN where the month has not been lived through).
    ax, language : Axes, Language
        Where to draw; what writes the labels.

    Raises
    ------
    ValueError
        No cohort has a value.

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
    import numpy as np
    import seaborn as sns
    from matplotlib.colors import ListedColormap

    _need(cohorts["value"], "no cohort has a value, so there is nothing to draw")
    grid = _fitting(cohorts.pivot(index="cohort", columns="age", values="value").astype(float), ax)
    ages: list[Any] = grid.columns.to_list()
    top = max(_finite([0.01, *(share for age in ages if age > 0 for share in grid[age])]))
    steps = (grid / top * len(HEAT)).clip(0, len(HEAT) - 1).apply(np.floor)
    cells = {
        "cmap": ListedColormap(HEAT),
        "vmin": 0,
        "vmax": len(HEAT),
        "linewidths": 1.5,
        "linecolor": PAPER,
    }
    sns.heatmap(steps, cbar=False, ax=ax, **cells)
    levels = steps.to_numpy()
    for (row, column), value in np.ndenumerate(grid.to_numpy()):
        if math.isfinite(value):
            colour = INK if levels[row, column] < HEAT_UNDER_INK else PAPER
            share = language.percent(value, 0)
            ax.text(column + 0.5, row + 0.5, share, color=colour, ha="center", va="center")
    sizes = cohorts.groupby("cohort")["customers"].first()
    names = [f"{language.month(month, 'short')} ({language.number(sizes[month])})" for month in grid.index]
    ax.set_yticks(np.arange(len(names)) + 0.5, names, rotation=0)
    ax.set_xticks(np.arange(len(ages)) + 0.5, [language.number(age) for age in ages])
    ax.xaxis.set_label_position("top")
    ax.xaxis.tick_top()
    ax.set_xlabel(language.text("chart.age"), loc="left", color=MUTED, labelpad=6)
    ax.set_ylabel("")
    ax.tick_params(left=False, top=False, labelcolor=MUTED, pad=5)
    corner = {"xycoords": "axes fraction", "ha": "right", "va": "bottom"}
    _beside(ax, (0, 1), (-6, 5), language.text("chart.cohort"), **corner)
    return ax


def plot_bars(frame: "pd.DataFrame", ax: "Axes", language: Language, *, unit: str, currency: str = "") -> "Axes":
    """Draw one bar a row with its interval, from zero; of more than twelve rows the largest.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``label``, ``value``, ``low`` and ``high``, in the order to be shown.
    ax, language : Axes, Language
        Where to draw; what writes the labels.
    unit : {"rate", "points", "money", "hours", "count"}
        Of value, low and high; a rate is a fraction.
    currency : str
        ISO code where the unit is money.

    Raises
    ------
    ValueError
        No row has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> frame = pd.DataFrame({"label": ["Mei"], "value": [0.05], "low": [0.04], "high": [0.06]})
    >>> ax = plot_bars(frame, Figure().add_subplot(), Language("id"), unit="rate")
    >>> [text.get_text() for text in ax.texts]
    ['5%', 'Mei']
    """
    import seaborn as sns

    _need(frame["value"], "no row has a value, so there is nothing to draw")
    measure = _Measure(language, unit, currency)
    shown = frame if len(frame) <= MOST_BARS else frame.nlargest(MOST_BARS, "value")
    shown = shown.astype({"value": float, "low": float, "high": float}).reset_index(drop=True)
    labels = [_shortened(label) for label in shown["label"]]
    width, above = (0.36, 0.8) if _narrow(ax) else (0.6, 0.5)
    width *= min(len(shown) / 3, 1)
    bars = {
        "orient": "h",
        "native_scale": True,
        "width": width,
        "color": HEAT[3],
        "saturation": 1,
        "errorbar": None,
    }
    sns.barplot(x=shown["value"], y=shown.index, ax=ax, **bars)
    ax.hlines(shown.index, shown["low"], shown["high"], color=INK, lw=1.5)
    _dress(ax, "x", _finite([0, *shown["value"], *shown["low"], *shown["high"]]), measure)
    ax.set_ylim(len(shown) - 0.5, -above)
    ax.set_yticks([])
    for place, row in enumerate(shown.to_dict("records")):
        end = max(_finite([0, row["value"], row["high"]]))
        _beside(ax, (end, place), (6, 0), measure.write_estimate(row), color=INK, va="center")
    if _narrow(ax):
        edge = {"xycoords": ax.get_yaxis_transform(), "va": "bottom", "color": INK}
        for place, label in enumerate(labels):
            _beside(ax, (0, place - width / 2), (0, 2), label, **edge)
    else:
        ax.set_yticks(shown.index, labels, parse_math=False, color=INK)
    if len(frame) > len(shown):
        left_out = language.number(len(frame) - len(shown))
        ax.set_xlabel(language.text("chart.more", n=left_out), loc="left", color=MUTED)
    return ax


def plot_survival(curves: "pd.DataFrame", ax: "Axes", language: Language) -> "Axes":
    """Draw the share of customers that is left, a step line with its band for each segment, labelled where it ends.

    Parameters
    ----------
    curves : pandas.DataFrame
        ``segment`` (``at_risk``, ``potential``, ``advocate``, or empty), ``days``, ``value``, ``low`` and ``high``.
    ax, language : Axes, Language
        Where to draw; what writes the labels.

    Raises
    ------
    ValueError
        There is no curve.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> frame = pd.DataFrame({"segment": "advocate", "days": [0, 30, 60], "value": [1, 0.9, 0.8]})
    >>> ax = plot_survival(frame.assign(low=0.7, high=1), Figure().add_subplot(), Language("en"))
    >>> [text.get_text() for text in ax.texts]
    ['▲ 80%', '▲ Advocates']
    """
    _need(curves["value"], "there is no curve to draw")
    _dress(ax, "y", [0, 1], _Measure(language, "rate"))
    shown = [name for name in ("", *SEGMENTS) if (curves["segment"] == name).any()]
    ends = {}
    for name in shown:
        rows = curves[curves["segment"] == name]
        colour = PALETTE[name.replace("_", "-")] if name else ACCENT
        ax.fill_between(rows["days"], rows["low"], rows["high"], step="post", color=colour, alpha=0.16, lw=0)
        ax.step(rows["days"], rows["value"], where="post", color=colour, lw=2)
        ends[name] = rows.iloc[-1]
    place = -math.inf
    room = LINE_HEIGHT / _size(ax)[1] * (1 if _narrow(ax) else 1.1)
    for name in sorted(shown, key=lambda name: float(ends[name]["value"])):
        end = ends[name]
        place = max(float(end["value"]), place + room)
        label = f"{SEGMENTS[name]} " if name else ""
        label += language.percent(float(end["value"]), 0)
        _beside(ax, (end["days"], place), (6, 0), label, color=INK, va="center")
    over: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False, "va": "bottom", "color": INK}
    longest = float(curves["days"].max())
    places = zip(SEGMENTS, (0, 0.5 * longest, longest), ("left", "center", "right"), strict=True)
    for row, (name, at, align) in enumerate(place for place in places if place[0] in shown):
        where: Any = (
            {"x": 0, "y": 1.04 + row * room, "ha": "left"} if _narrow(ax) else {"x": at, "y": 1.05, "ha": align}
        )
        ax.text(s=f"{SEGMENTS[name]} {language.text(f'segment.{name}')}", **where, **over)
    ax.set_xlim(0, longest)
    ax.set_xlabel(language.text("chart.days"), loc="left", color=MUTED)
    return ax


def plot_calibration(told: "pd.DataFrame", ax: "Axes", language: Language) -> "Axes":
    """Draw what happened over what was told, a point with its interval a group, beside the line where they are alike.

    Parameters
    ----------
    told : pandas.DataFrame
        ``chance`` (mean that was told, 0 to 1), ``value`` (share that it happened to), ``low`` and ``high``.
    ax, language : Axes, Language
        Where to draw; what writes the labels.

    Raises
    ------
    ValueError
        No group has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> frame = pd.DataFrame({"chance": [0.1, 0.4], "value": [0.12, 0.38], "low": [0.1, 0.3], "high": [0.2, 0.5]})
    >>> ax = plot_calibration(frame, Figure().add_subplot(), Language("en"))
    >>> ax.get_xlabel()
    'Chance that was told'
    """
    _need(told["value"], "no group has a value, so there is nothing to draw")
    measure = _Measure(language, "rate")
    reached = _finite([0, *told["chance"], *told["high"]])
    _dress(ax, "x", reached, measure)
    _dress(ax, "y", reached, measure)
    ax.grid(axis="both", color=GRID, lw=1)
    most = max(reached)
    ax.plot([0, most], [0, most], color=MUTED, lw=1, ls="--")
    ax.vlines(told["chance"], told["low"], told["high"], color=ACCENT, lw=1.5)
    ax.scatter(told["chance"], told["value"], s=30, color=ACCENT, edgecolors=PAPER, lw=1, zorder=3)
    ax.set_xlabel(language.text("chart.chance"), loc="left", color=MUTED)
    _beside(ax, (0, 1), (0, 8), language.text("chart.happened"), xycoords="axes fraction", ha="left", va="bottom")
    return ax


@dataclass(frozen=True)
class _Measure:
    """Writes values of one unit."""

    language: Language
    unit: str
    currency: str = ""

    def shown(self, value: float) -> float:
        """Value as it is read: a rate as per cent."""
        return value * 100 if self.unit == "rate" else value

    def write(self, value: float, decimals: int | None = None) -> str:
        if self.unit == "money" and abs(value) >= WHOLE_MONEY_FROM:
            decimals = 0
        return self.language.amount(value, self.unit, self.currency, decimals)

    def write_estimate(self, row: Any) -> str:
        """Write a value with the digits that its interval supports."""
        if self.unit == "count":
            return self.write(row["value"])
        return self.write(row["value"], decimals_supported(self.shown(row["low"]), self.shown(row["high"])))


def _every_month(results: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    frame = results.assign(period=pd.to_datetime(results["period"])).set_index("period").sort_index()
    months = pd.date_range(frame.index.min(), frame.index.max(), freq="MS")
    frame = frame.reindex(frame.index.union(months)).rename_axis("period").reset_index()
    partial = frame["warning"].fillna("").astype(str).str.contains("partial_period")
    return frame.assign(partial=partial).astype({"value": float, "low": float, "high": float})


def _fitting(grid: "pd.DataFrame", ax: "Axes") -> "pd.DataFrame":
    """Ages and cohorts that have values and room."""
    grid = grid.dropna(axis="columns", how="all").sort_index()
    ages: list[Any] = grid.columns.to_list()
    ages = [age for age in ages if age > 0 or (grid[age] < 1).any()] or ages
    few = [age for age in ages if age in NARROW_AGES] if _narrow(ax) else []
    grid = grid[few or ages[:MOST_AGES]].dropna(how="all")
    return grid.tail(max(int(_size(ax)[1] / COHORT_HEIGHT), 3)).dropna(axis="columns", how="all")


def _span(reached: Sequence[float], unit: str, room: float) -> tuple[float, float]:
    """From a little below to a little above what is reached; from 0 where that is near, no rate beyond 1."""
    low, high = min(reached), max(reached)
    pad = (high - low) * room or abs(high) * 0.1 or 1.0
    bottom = 0.0 if 0 <= low <= max(high / 2, pad) else low - pad
    return bottom, min(high + pad, 1.0) if unit == "rate" and high <= 1 else high + pad


def _dress(ax: "Axes", which: Literal["x", "y"], reached: Sequence[float], measure: _Measure) -> None:
    """Leave of the frame only the grid across the values, with as many decimals as the grid needs."""
    from matplotlib.ticker import MaxNLocator

    low, high = _span(reached, measure.unit, 0.12 if _narrow(ax) else 0.06)
    places = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)
    ticks = [round(place, 9) + 0.0 for place in places if low - 1e-9 <= place <= high + 1e-9]
    decimals = max(0, math.ceil(-math.log10(measure.shown(ticks[1] - ticks[0])) - 1e-9))
    crowded = {*ticks[1:-1]} - {0.0} if which == "x" and _narrow(ax) else set()
    labels = ["" if tick in crowded else measure.write(tick, decimals) for tick in ticks]
    ax.set(**{f"{which}lim": (low, high), "xlabel": "", "ylabel": "", "frame_on": False, "axisbelow": True})
    (ax.yaxis if which == "y" else ax.xaxis).set_ticks(ticks, labels, parse_math=False)
    ax.grid(axis=which, color=GRID, lw=1)
    ax.tick_params(left=False, bottom=False, labelcolor=MUTED, pad=6)
    if low <= 0 <= high:
        (ax.axhline if which == "y" else ax.axvline)(0, color=MUTED, lw=1, zorder=1)


def _name_months(ax: "Axes", frame: "pd.DataFrame", language: Language) -> None:
    """Name some months, counted back from the last one, and hatch those that are partial."""
    import pandas as pd

    half, fitting = pd.Timedelta(days=15), 3 if _narrow(ax) else 7
    step = next(n for n in (1, 2, 3, 6, 12, len(frame)) if math.ceil(len(frame) / n) <= fitting)
    months = frame["period"].iloc[::-step]
    ax.set_xticks(months, [language.month(month, "short") for month in months])
    ax.set_xlim(frame["period"].iloc[0] - half, frame["period"].iloc[-1] + half)
    for month in frame.loc[frame["partial"], "period"]:
        ax.axvspan(month - half, month + half, fc="none", ec=GRID, hatch="////", lw=0, zorder=0)
        align, edge = ("left", month - half) if month == frame["period"].iloc[0] else ("right", month + half)
        place = {"xycoords": ax.get_xaxis_transform(), "ha": align, "va": "bottom"}
        _beside(ax, (edge, 1), (0, 4), language.text("chart.partial"), **place)


def _label_end(ax: "Axes", known: "pd.DataFrame", measure: _Measure) -> None:
    """Write the last value where the line ends; on narrow axes above or below, clear of the line."""
    last = known.iloc[-1]
    falls = last["value"] < known["value"].iloc[-2:].max()
    style = {"color": MUTED} if last["partial"] else {"color": ACCENT, "weight": "bold"}
    offset, align = (4, -9 if falls else 9), {"ha": "right", "va": "top" if falls else "bottom"}
    if not _narrow(ax):
        offset, align = (10, 0), {"va": "center"}
    _beside(ax, (last["period"], last["value"]), offset, measure.write_estimate(last), **align, **style)


def _label_target(ax: "Axes", target: float, last: float, measure: _Measure) -> None:
    """Draw the target as a line and name it, clear of the last value."""
    ax.axhline(target, color=MUTED, lw=1, zorder=2)
    shown = measure.shown(target)
    needed = next((n for n in (0, 1) if math.isclose(round(shown, n), shown)), 2)
    value = measure.write(target, needed)
    label, across = measure.language.text("chart.target", value=value), ax.get_yaxis_transform()
    low, high = ax.get_ylim()
    gap = (target - last) / (high - low) * 0.8 * _size(ax)[1]
    nudge = math.copysign(max(0.0, LINE_HEIGHT - abs(gap)), gap)
    if _narrow(ax):
        _beside(ax, (0, target), (2, 3), label, va="bottom", xycoords=across)
    else:
        _beside(ax, (1, target), (10, nudge), label, va="center", xycoords=across)


def _beside(ax: "Axes", point: tuple[Any, float], offset: tuple[float, float], text: str, **how: Any) -> None:
    how = {
        "color": MUTED,
        "textcoords": "offset points",
        "annotation_clip": False,
        "parse_math": False,
        **how,
    }
    place = ax.convert_xunits(point[0]), point[1]  # type: ignore[no-untyped-call]
    ax.annotate(plain_text(text), place, offset, **how).set_gid(HALO)


def _shortened(label: object) -> str:
    text = plain_text(str(label)).replace("\n", " ")
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _size(ax: "Axes") -> tuple[float, float]:
    """Width and height of the Axes in points; in ``draw`` these are CSS pixels."""
    return ax.bbox.width / ax.figure.dpi * 72, ax.bbox.height / ax.figure.dpi * 72


def _narrow(ax: "Axes") -> bool:
    return _size(ax)[0] < NARROW_AXES


def _finite(values: Iterable[float | None]) -> list[float]:
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def _need(values: "pd.Series[float]", otherwise: str) -> None:
    if not values.notna().any():
        raise ValueError(otherwise)
