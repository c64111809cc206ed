"""Alerts: which of the rules in ``[alerts]`` of ``business.toml`` were crossed, by more than chance could explain."""

from functools import lru_cache
from typing import Any

from engagekit.decisions.targets import beyond
from engagekit.display.section import FEWEST, Section, no_cells
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.metric import Metric
from engagekit.reports.results import Results, is_small, results
from engagekit.reports.words import Writer
from engagekit.study import Study

__all__ = ["alerts", "alerts_section"]

SIDES = {">": "above", "<": "below"}
PERSONAL = ("answer", "invitation", "ticket")  # units that are of one person each
DIRECTIONS = {"falls": "lower", "rises": "higher"}


@lru_cache(maxsize=4)
def alerts(report: Results) -> list[dict[str, Any]]:
    """Each rule with the numbers that it is about, whether it is crossed, and the sentence that says so.

    A limit is crossed where the interval of the latest period with a value lies beyond it (of a total, which has none,
    the value). ``falls`` and ``rises`` are the verdict on the change since the period before, of the same family as
    everywhere in the report. What is not measured, or of fewer than five people, is not crossed.
    """
    return [_judged(report, name, rule) for name, rule in report.business.alerts.items()]


def alerts_section(study: Study) -> Section | None:
    """The alerts that were crossed, which stand on top of the page; None without any.

    Examples
    --------
    No rule of the sample is crossed:

    >>> study.business.alerts, alerts_section(study)
    ({'churn_rate': '> 0.3'}, None)
    """
    report = results(study)
    crossed = [alert["sentence"] for alert in alerts(report) if alert["crossed"]]
    if not crossed:
        return None
    return Section(report.language.text("alerts.question"), answer=crossed, cells=no_cells, layer="summary")


def _is_of_few(metric: Metric, estimate: Estimate) -> bool:
    """Whether an estimate is of fewer than five people, answers or tickets."""
    return is_small(metric, estimate) or (metric.unit in PERSONAL and 0 < estimate.units < FEWEST)


def _judged(report: Results, name: str, rule: str) -> dict[str, Any]:
    metric, writer = METRICS[name], Writer(report)
    period, new, old = report.current(name)
    limit = float(rule[1:]) if rule[0] in SIDES else None
    if limit is None:
        crossed = writer.direction(metric) == DIRECTIONS[rule]
    else:
        crossed = beyond(metric, new, limit) == SIDES[rule[0]]
    hidden = any(_is_of_few(metric, estimate) for estimate in ((new, old) if limit is None else (new,)))
    crossed = crossed and period is not None and not hidden
    sentence = ""
    if crossed and period is not None:
        key = rule if limit is None else SIDES[rule[0]]
        known = {"name": writer.title(metric), "month": writer.month(period), "value": writer.value(metric, new)}
        known |= {"old": writer.value(metric, old)} if limit is None else {"limit": writer.amount(metric, limit)}
        sentence = report.language.text(f"alerts.{key}", **known)
    numbers = {"value": new.value, "low": new.low, "high": new.high, "before": old.value, "n": new.units}
    return {
        "metric": name,
        "rule": rule,
        "crossed": crossed,
        "sentence": sentence,
        "period": None if period is None else period.date().isoformat(),
        **{key: None if hidden else number for key, number in numbers.items()},
    }
