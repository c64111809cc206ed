"""How customers are spread over scores and segments, and how long each segment stays."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engagekit.display.axes import Measure, dress_axis, is_narrow, require_values, size_of, write_beside
from engagekit.display.drawing import PALETTE
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["SEGMENTS", "plot_score", "plot_survival"]

PAPER, INK, MUTED, ACCENT = (PALETTE[name] for name in ("paper", "ink", "muted", "accent"))
SEGMENTS = {"at_risk": "▼", "potential": "◆", "advocate": "▲"}  # lowest first, with their markers
BIN_WIDTH = 5
LINE_HEIGHT = 20


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
    ax : Axes
        Where to draw.
    language : Language
        Writes the labels.
    cuts : (float, float)
        Lowest score of potential customers and of advocates.
    segments : pandas.Series, optional
        Segment of each customer, which near a cut may differ from what the score says; by default the cuts decide.

    Returns
    -------
    Axes
        The one given.

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
    require_values(scores, "no customer has a score, so there is nothing to draw")
    known = scores.dropna().astype(float)
    segment = _by_cuts(known, cuts) if segments is None else segments[scores.notna()]
    parts = [known[(segment == name).to_numpy()] for name in SEGMENTS]
    bins = range(0, 100 + BIN_WIDTH, BIN_WIDTH)
    tops, _, _ = ax.hist(parts, bins, stacked=True, color=[colour_of(name) for name in SEGMENTS], edgecolor=PAPER)
    dress_axis(ax, "y", [0, float(max(tops[-1]))], Measure(language, "count"))
    edges = [0.0, *cuts, 100.0]
    ax.set_xticks(edges, [language.number(edge) for edge in edges])
    shares = {name: len(part) / len(known) for name, part in zip(SEGMENTS, parts, strict=True)}
    _head_segments(ax, edges, shares, language)
    return ax


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


def plot_survival(curves: "pd.DataFrame", ax: "Axes", language: Language) -> "Axes":
    """Draw the share of customers who stayed, 0 to 1, as one step line with its band a segment.

    Of each day the last step is drawn, so that the drawing does not grow with the customers.

    Parameters
    ----------
    curves : pandas.DataFrame
        ``segment`` (``at_risk``, ``potential``, ``advocate``, or empty), ``days``, ``value``, ``low`` and ``high``.
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
    import seaborn as sns

    require_values(curves["value"], "there is no curve to draw")
    dress_axis(ax, "y", [0, 1], Measure(language, "rate"))
    curves = curves.loc[~curves.assign(day=curves["days"].map(math.ceil)).duplicated(["segment", "day"], keep="last")]
    parts = {name: rows for name in ("", *SEGMENTS) if len(rows := curves[curves["segment"] == name])}
    colours = {name: colour_of(name) if name else ACCENT for name in parts}
    for name, rows in parts.items():
        ax.fill_between(rows["days"], rows["low"], rows["high"], step="post", color=colours[name], alpha=0.16, lw=0)
    steps = {"drawstyle": "steps-post", "estimator": None, "legend": False, "lw": 2}
    sns.lineplot(curves, x="days", y="value", hue="segment", palette=colours, ax=ax, **steps)
    ax.set_ylabel("")
    longest = float(curves["days"].max())
    line = LINE_HEIGHT / size_of(ax)[1] * (1 if is_narrow(ax) else 1.1)
    _label_curves(ax, {name: rows.iloc[-1] for name, rows in parts.items()}, line, language)
    _name_curves(ax, [name for name in SEGMENTS if name in parts], longest, line, language)
    ax.set_xlim(0, longest)
    ax.set_xlabel(language.text("chart.days"), loc="left", color=MUTED)
    return ax


def colour_of(segment: str) -> str:
    """Colour of a segment, the same in every figure."""
    return PALETTE[segment.replace("_", "-")]


def _label_curves(ax: "Axes", ends: "Mapping[str, pd.Series[Any]]", line: float, language: Language) -> None:
    """Write the last share of each curve beside its end, at least a line's height apart."""
    place = -math.inf
    for name in sorted(ends, key=lambda name: float(ends[name]["value"])):
        share = float(ends[name]["value"])
        place = max(share, place + line)
        label = f"{SEGMENTS.get(name, '')} {language.percent(share, 0)}".strip()
        write_beside(ax, (ends[name]["days"], place), (6, 0), label, color=INK, va="center")


def _name_curves(ax: "Axes", names: Sequence[str], longest: float, line: float, language: Language) -> None:
    """Name the segments over the curves: side by side, or one below the other on narrow Axes."""
    over: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False, "va": "bottom", "color": INK}
    across = dict(zip(SEGMENTS, ((0.0, "left"), (0.5 * longest, "center"), (longest, "right")), strict=True))
    for row, name in enumerate(names):
        x, align = (0.0, "left") if is_narrow(ax) else across[name]
        y = 1.04 + row * line if is_narrow(ax) else 1.05
        ax.text(x, y, f"{SEGMENTS[name]} {language.text(f'segment.{name}')}", ha=align, **over)
