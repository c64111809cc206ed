"""What people call a metric: ``nps``, ``csat``, or its title in one of the three languages."""

from collections.abc import Mapping
from typing import Any

from engagekit.language import LANGUAGES, Language
from engagekit.metrics.card import explain
from engagekit.metrics.catalog import METRICS, known_aliases, metric_named
from engagekit.metrics.outlook import outlook

__all__ = ["explain_named"]


def explain_named(name: str, language: str = "en", run: Mapping[str, Any] | None = None) -> str:
    """Cards of the metrics that a name stands for, as text, and what is to be said of the name itself.

    Parameters
    ----------
    name : str
        A metric, what people call it in short, or its title in one of the three languages.
    language : {"id", "ms", "en"}, default "en"
        Of the words.
    run : mapping, optional
        Content of a run's ``metrics.json``, whose numbers are put in.

    Raises
    ------
    ValueError
        Nothing has that name, or the metric was not measured in the run.

    Examples
    --------
    >>> print(explain_named("NPS").splitlines()[0])
    Net Promoter Score (NPS) (net_promoter_score)
    >>> explain_named("clv", "id")[:40]
    'CLV adalah nilai seumur hidup pelanggan '
    """
    alias = known_aliases().get(name.casefold())
    if alias is None:
        return explain(metric_named(_of_title(name)), language, run)
    metrics = [METRICS[metric] for metric in alias["metrics"]]
    measured = {row["metric"] for row in run["metrics"]} if run else set()
    alone = len(metrics) == 1  # of several names only those that the run has are given numbers
    cards = [explain(metric, language, run if alone or metric.name in measured else None) for metric in metrics]
    said = [alias.get(language, ""), *cards]
    if run and (expected := run.get(alias.get("result", ""))):
        business = run["business"]
        sentences = outlook(expected, Language(language), business["currency"])
        said.append("\n".join([f"{business['name']}, {run['as_of']}", *sentences]))
    return "\n\n".join(filter(None, said))


def _of_title(name: str) -> str:
    """Metric that has this title; the name itself where none has."""
    if name in METRICS:
        return name
    for code in LANGUAGES:
        text = Language(code).text
        for metric in METRICS:
            if text(f"metric.{metric}.title").casefold() == name.casefold():
                return metric
    return name
