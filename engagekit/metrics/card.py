"""The card of a metric: what it means, how it is computed, where the definition comes from."""

from html import escape

from engagekit.language import Language
from engagekit.metrics.metric import Metric

__all__ = ["card"]


def card(metric: Metric, language: str = "en") -> str:
    """Card of a metric as HTML, which a notebook shows for the metric itself.

    Parameters
    ----------
    metric : Metric
        One of the catalogue, or one of the analyst's own, which shows what it declares.
    language : {"id", "ms", "en"}, default "en"
        Of the words.

    Examples
    --------
    >>> from engagekit import open_rate
    >>> "<strong>Open rate</strong>" in card(open_rate)
    True
    """
    text = Language(language).text
    try:
        words = [text(f"metric.{metric.name}.{part}") for part in ("title", "meaning", "formula", "caveat")]
    except KeyError:
        words = [metric.name, "", "", ""]
    title, meaning, formula, caveat = (escape(word) for word in words)
    lines = [
        f"<strong>{title}</strong> <code>{escape(metric.name)}</code>",
        meaning,
        f"$\\displaystyle {formula}$" if formula else "",
        caveat,
        f"<small>{escape(text('card.table'))}: <code>{escape(metric.table)}</code> "
        f"({escape(', '.join(metric.columns + metric.any_of))}). {escape(metric.reference)}</small>",
    ]
    return "<div>" + "".join(f"<p>{line}</p>" for line in lines if line) + "</div>"
