"""How customers are spread over scores and segments, and how long each segment stays."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engagekit.display.axes import Measure, checked, dress_axis, is_narrow, new_axes, size_of, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.errors import DataError, did_you_mean
from engagekit.language import Language, whole_percents

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["SEGMENTS", "plot_score", "plot_survival"]

PAPER, INK, MUTED, ACCENT = (PALETTE[name] for name in ("paper", "ink", "muted", "accent"))
SEGMENTS = {"at_risk": "▼", "potential": "◆", "advocate": "▲"}  # lowest first, with their markers
BIN_WIDTH = 5
LINE_HEIGHT = 20
MARKER, KEY = 20, 8  # width of a marker with its space; of the key over the Axes, its distance


def plot_score(
    scores: "pd.Series[float]",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    cuts: Sequence[float] = (40, 70),
    segments: "pd.Series[str] | None" = None,
) -> "Axes":
    r"""Draw how many customers have which engagement score, with the share of each segment.

    Parameters
    ----------
    scores : pandas.Series
        One score a customer, 0 to 100; customers without one are left out of the shares.
    ax : Axes, optional
        Where to draw; by default on Axes of a figure of their own.
    language : Language, optional
        Writes the labels; by default English.
    cuts : (float, float), default (40, 70)
        Lowest score of potential customers and of advocates.
    segments : pandas.Series, optional
        Segment of each customer, which near a cut may differ from what the score says; by default the cuts decide.

    Returns
    -------
    Axes
        The one given, or the new one.

    Raises
    ------
    DataError
        A column is absent, or holds what cannot be drawn.
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
    if not (len(cuts) == 2 and 0 <= cuts[0] <= cuts[1] <= 100):
        raise ValueError(f"cuts: {cuts} must be two numbers from 0 to 100, the lower one first")
    if segments is not None and len(segments) != len(scores):
        raise ValueError(f"segments: {len(segments)} for {len(scores)} scores; give one for each")
    nothing = "no customer has a score, so there is nothing to draw"
    numbers = checked(scores.to_frame("score"), ["score"], otherwise=nothing, within=(0, 100))["score"]
    known = numbers.dropna()
    segment = _by_cuts(known, cuts) if segments is None else _known_segments(segments)[scores.notna().to_numpy()]
    ax, language = ax or new_axes(), language or Language("en")
    parts = {name: known[(segment == name).to_numpy()] for name in SEGMENTS}
    dress_axis(ax, "y", [0, _stack_bars(ax, parts)], Measure(language, "count"))
    edges = [0.0, *cuts, 100.0]
    ax.set_xticks(edges, [language.number(edge) for edge in edges])
    shares = whole_percents([len(part) for part in parts.values()])
    _head_segments(ax, edges, {name: share / 100 for name, share in zip(parts, shares, strict=True)}, language)
    return ax


def _stack_bars(ax: "Axes", parts: "Mapping[str, pd.Series[float]]") -> float:
    """Draw the scores of each segment as bars over those of the segments below; the height of the highest."""
    import numpy as np

    edges = np.arange(0, 100 + BIN_WIDTH, BIN_WIDTH)
    below = np.zeros(len(edges) - 1)
    for name, part in parts.items():
        counts = np.histogram(part, edges)[0]
        drawn = counts > 0
        style: dict[str, Any] = {"align": "edge", "color": colour_of(name), "edgecolor": PAPER}
        ax.bar(edges[:-1][drawn], counts[drawn], BIN_WIDTH, below[drawn], **style)
        below += counts
    return float(below.max())


def _by_cuts(scores: "pd.Series[float]", cuts: Sequence[float]) -> "pd.Series[str]":
    """Segment of each score; a score on a cut belongs to the segment above."""
    import pandas as pd

    return pd.cut(scores, [-math.inf, *cuts, math.inf], right=False, labels=list(SEGMENTS))


def _head_segments(ax: "Axes", edges: Sequence[float], shares: Mapping[str, float], language: Language) -> None:
    """Name each segment with its share over the scores that it covers."""
    middle = min(max(sum(edges[1:3]) / 2, 40), 48)  # where three labels fit side by side
    narrow = [(0.0, "left"), (middle, "center"), (100.0, "right")]
    places = narrow if is_narrow(ax) else [(edge, "left") for edge in edges[:3]]
    over: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    for i, (name, marker) in enumerate(SEGMENTS.items()):
        ax.plot(edges[i : i + 2], [1.02, 1.02], color=colour_of(name), lw=4, solid_capstyle="butt", **over)
        label = f"{language.text(f'segment.{name}')}\n{marker} {language.percent(shares[name], 0)}"
        ax.text(places[i][0], 1.06, label, ha=places[i][1], va="bottom", color=INK, **over)


def plot_survival(curves: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw the share of customers who stayed, 0 to 1, as one step line with its band a segment, named at its end.

    Of each day the last step is drawn, so that the drawing does not grow with the customers.

    Parameters
    ----------
    curves : pandas.DataFrame
        ``segment`` (``at_risk``, ``potential``, ``advocate``, or empty), ``days``, ``value``, ``low`` and ``high``.
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
        There is no curve.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> frame = pd.DataFrame({"segment": "advocate", "days": [0, 30, 60], "value": [1, 0.9, 0.8]})
    >>> ax = plot_survival(frame.assign(low=0.7, high=1), Figure((10, 4)).add_subplot(), Language("en"))
    >>> [text.get_text() for text in ax.texts]
    ['▲', 'Advocates 80%']
    """
    nothing = "there is no curve to draw"
    curves = checked(curves, ["value", "low", "high"], ["segment"], otherwise=nothing, within=(0, 1))
    curves = checked(curves, ["days"], otherwise=nothing).dropna(subset=["value", "days"])
    curves = curves.assign(segment=_known_segments(curves["segment"].fillna("")))
    ax, language = ax or new_axes(), language or Language("en")
    dress_axis(ax, "y", [0, 1], Measure(language, "rate"))
    curves = curves.loc[~curves.assign(day=curves["days"].map(math.ceil)).duplicated(["segment", "day"], keep="last")]
    parts = {name: rows for name in ("", *SEGMENTS) if len(rows := curves[curves["segment"] == name])}
    for name, rows in parts.items():
        colour = colour_of(name) if name else ACCENT
        ax.fill_between(rows["days"], rows["low"], rows["high"], step="post", color=colour, alpha=0.16, lw=0)
        ax.plot(rows["days"], rows["value"], drawstyle="steps-post", color=colour, lw=2)
    _name_curves(ax, {name: rows.iloc[-1] for name, rows in parts.items()}, language)
    ax.set_xlim(0, max(float(curves["days"].max()), 1.0))
    ax.set_xlabel(language.text("chart.days"), loc="left", color=MUTED)
    return ax


def _known_segments(names: "pd.Series[str]") -> "pd.Series[str]":
    """Check that each is the name of a segment, or empty."""
    for name in sorted({*map(str, names.dropna())} - {"", *SEGMENTS})[:1]:
        raise DataError(f"{name!r} is not a segment. {did_you_mean(name, SEGMENTS)}", column="segment")
    return names


def colour_of(segment: str) -> str:
    """Colour of a segment, the same in every figure."""
    return PALETTE[segment.replace("_", "-")]


def _name_curves(ax: "Axes", ends: "Mapping[str, pd.Series[Any]]", language: Language) -> None:
    """Mark the end of each curve in its colour and name it there, on narrow Axes over the curves.

    Names stand at least a line's height apart. Each segment has its own marker, so that a name can be matched to its
    curve without colours.
    """
    line, place = LINE_HEIGHT / size_of(ax)[1], -math.inf
    for row, name in enumerate(sorted(ends, key=lambda name: float(ends[name]["value"]))):
        share = float(ends[name]["value"])
        place = max(share, place + line)
        end, text = (ends[name]["days"], place), language.percent(share, 0)
        if not name:
            write_beside(ax, end, (6, 0), text, color=INK, va="center")
            continue
        text = f"{language.text(f'segment.{name}')} {text}"
        if not is_narrow(ax):
            _write_key(ax, end, (6, 0), name, text, va="center")
            continue
        write_beside(ax, end, (6, 0), SEGMENTS[name], color=colour_of(name), va="center")
        over = {"xycoords": "axes fraction", "va": "bottom"}
        _write_key(ax, (0, 1), (0, KEY + row * LINE_HEIGHT), name, text, **over)


def _write_key(
    ax: "Axes", point: tuple[Any, float], offset: tuple[float, float], name: str, text: str, **style: Any
) -> None:
    """Write the marker of a segment in its colour, and a text after it."""
    write_beside(ax, point, offset, SEGMENTS[name], color=colour_of(name), **style)
    write_beside(ax, point, (offset[0] + MARKER, offset[1]), text, color=INK, **style)
