"""Figures for an analyst: each draws what the kit computed, on the given Axes or on new ones, and returns them.

Units, names and intervals are taken from the frame. A figure of a page is drawn by the same functions of ``display``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engagekit.display.comparison import plot_bars, plot_calibration
from engagekit.display.heatmap import plot_cohorts, plot_heatmap
from engagekit.display.segments import plot_score, plot_survival
from engagekit.display.trend import plot_trend
from engagekit.language import Language
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import FIELDS
from engagekit.metrics.intervals import wilson_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["bars", "calibration", "cohorts", "heatmap", "score", "survival", "trend"]

cohorts = plot_cohorts


def trend(
    measured: "pd.DataFrame",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    unit: str = "",
    currency: str = "",
    target: float | None = None,
) -> "Axes":
    """Draw a metric by period as a line with its interval.

    Parameters
    ----------
    measured : pandas.DataFrame
        One metric by period, such as ``study.measure("click_rate", every="month")``.
    ax : Axes, optional
        Where to draw; by default on Axes of a figure of their own.
    language : Language, optional
        Writes the labels; by default English.
    unit : str, optional
        Unit of the value, such as ``rate`` or ``money``; by default the metric's.
    currency : str
        ISO code where the unit is money.
    target : float, optional
        Drawn as a thin line, in the unit of value.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        There is more than one metric, or more than one group.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit.metrics import click_rate
    >>> sent = pd.DataFrame({"sent_at": pd.to_datetime(["2026-01-05", "2026-02-03"]), "delivered": [100, 100],
    ...     "clicks": [4, 10]})
    >>> ax = trend(click_rate(sent, every="1mo", at="sent_at"))
    >>> ax.texts[0].get_text().startswith("10")  # per cent, where the line ends
    True
    """
    metric = _only_metric(measured)
    if measured["period"].duplicated().any():
        groups = ", ".join(_groups(measured)) or "period"
        raise ValueError(f"{groups}: a line is of one group. Pick one, such as measured[measured[name] == value]")
    return plot_trend(measured, ax, language, unit=unit or _unit(metric), currency=currency, target=target)


def bars(
    measured: "pd.DataFrame",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    unit: str = "",
    currency: str = "",
) -> "Axes":
    """Draw a metric by group as one bar a group with its interval, from zero; the twelve largest if there are more.

    Parameters
    ----------
    measured : pandas.DataFrame
        One metric by group, such as ``study.measure("net_promoter_score", by="plan")``.
    ax, language, unit, currency
        As in ``trend``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        There is more than one metric.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit.metrics import click_rate
    >>> sent = pd.DataFrame({"campaign": ["May", "June"], "delivered": [100, 100], "clicks": [4, 10]})
    >>> ax = bars(click_rate(sent, by="campaign"))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['June', 'May']
    """
    metric, groups = _only_metric(measured), _groups(measured)
    names = [_names(measured[group], language) for group in groups]
    labels = [" · ".join(parts) for parts in zip(*names, strict=True)] if groups else metric
    return plot_bars(measured.assign(label=labels), ax, language, unit=unit or _unit(metric), currency=currency)


def heatmap(
    measured: "pd.DataFrame",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    unit: str = "",
    currency: str = "",
) -> "Axes":
    """Draw a metric by two groups as a heat map: the first group down, the second across.

    Parameters
    ----------
    measured : pandas.DataFrame
        One metric by two groups, such as ``study.measure("order_value", by=["plan", "city"])``, or by one group and
        period.
    ax, language, unit, currency
        As in ``trend``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        There is more than one metric, or another number of groups.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit.metrics import click_rate
    >>> sent = pd.DataFrame({"city": ["Bandung", "Bandung", "Jakarta"], "plan": ["basic", "pro", "pro"],
    ...     "delivered": [100, 100, 100], "clicks": [10, 20, 40]})
    >>> ax = heatmap(click_rate(sent, by=["city", "plan"]))
    >>> [text.get_text() for text in ax.texts]
    ['10%', '20%', '40%']
    """
    metric, groups = _only_metric(measured), _groups(measured)
    if len(groups) != 2:
        raise ValueError(f"measured: a heat map is of two groups, not of {', '.join(groups) or 'none'}. Give by=[…, …]")
    down, across = (_names(measured[group], language) for group in groups)
    cells = measured.assign(**dict(zip(groups, (down, across), strict=True)))
    grid = cells.pivot(index=groups[0], columns=groups[1], values="value")
    grid = grid.loc[list(dict.fromkeys(down)), list(dict.fromkeys(across))]
    return plot_heatmap(grid, ax, language, unit=unit or _unit(metric), currency=currency)


def score(
    scored: "pd.DataFrame",
    ax: "Axes | None" = None,
    language: Language | None = None,
    *,
    cuts: Sequence[float] = (40, 70),
) -> "Axes":
    """Draw how many customers have which engagement score on the latest date, with the share of each segment.

    Parameters
    ----------
    scored : pandas.DataFrame
        ``date, score, segment``, such as ``study.scores``.
    ax, language
        As in ``trend``.
    cuts : (float, float), default (40, 70)
        Lowest score of potential customers and of advocates.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> segments = ["at_risk", "potential", "potential", "advocate"]
    >>> ax = score(pd.DataFrame({"date": 1, "score": [10, 50, 60, 90], "segment": segments}))
    >>> [text.get_text().splitlines()[0] for text in ax.texts]
    ['At risk', 'Potential', 'Advocates']
    """
    latest = scored[scored["date"] == scored["date"].max()]
    return plot_score(latest["score"], ax, language, cuts=cuts, segments=latest["segment"])


def survival(curve: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw the share of customers who stayed, as a step line with its band.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``days, value, low, high``, as ``churn.survival.survival`` gives them, and for one line a segment ``segment``.
    ax, language
        As in ``trend``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from engagekit.churn.survival import survival as survival_curve
    >>> ax = survival(survival_curve([1, 2, 2, 3], [True, True, False, False]))
    >>> ax.texts[-1].get_text().startswith("50")  # per cent, where the curve ends
    True
    """
    curves = curve if "segment" in curve else curve.assign(segment="")
    return plot_survival(curves, ax, language)


def calibration(tenths: "pd.DataFrame", ax: "Axes | None" = None, language: Language | None = None) -> "Axes":
    """Draw observed churn against predicted probability, a point with its Wilson interval a tenth.

    Parameters
    ----------
    tenths : pandas.DataFrame
        ``probability`` (mean), ``churned`` (share) and ``n``, such as ``study.compare_models().calibration``.
    ax, language
        As in ``trend``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> ax = calibration(pd.DataFrame({"probability": [0.1, 0.4], "churned": [0.12, 0.38], "n": 50}))
    >>> len(ax.collections)
    2
    """
    low, high = wilson_interval(tenths["churned"] * tenths["n"], tenths["n"])
    points = tenths.assign(chance=tenths["probability"], value=tenths["churned"], low=low, high=high)
    return plot_calibration(points, ax, language)


def _only_metric(measured: "pd.DataFrame") -> str:
    """Name of the frame's metric; empty where it names none."""
    names = list(measured["metric"].unique()) if "metric" in measured else [""]
    if len(names) != 1:
        raise ValueError(f"metric: a figure is of one, not of {', '.join(map(str, names)) or 'none'}. Pick its rows")
    return str(names[0])


def _unit(metric: str) -> str:
    return METRICS[metric].measured_in if metric in METRICS else "ratio"


def _groups(measured: "pd.DataFrame") -> list[str]:
    """Columns that tell rows apart: what it was measured by, and the period."""
    return [str(name) for name in measured.columns if name not in {"metric", *FIELDS}]


def _names(group: "pd.Series[Any]", language: Language | None) -> list[str]:
    """Values of a group as they are read: periods in words, a dash where it is not known."""
    spoken, known = language or Language("en"), group.dropna()
    if group.name != "period":
        return ["–" if missing else str(value) for value, missing in zip(group, group.isna(), strict=True)]
    monthly = bool((known.dt.day == 1).all())
    return [spoken.month(day, "short") if monthly else spoken.date(day) for day in group]
