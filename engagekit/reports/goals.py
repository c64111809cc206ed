"""Whether the targets, goals, benchmarks, alerts and the score of a business name what there is."""

from engagekit.data.business import Business
from engagekit.errors import DataError, did_you_mean
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.metric import Total
from engagekit.score.components import check_components

__all__ = ["check_goals"]


def check_goals(business: Business) -> None:
    """Check that targets, goals, benchmarks, alerts and the score's components name what there is, and can be reached.

    Raises
    ------
    DataError
        A target, goal, benchmark or alert names no metric; a target or benchmark is of a metric without a better
        direction, or a share that is not between 0 and 1; a total is to fall or rise; or a component names no feature.
    """
    aims = [("targets", name, target) for name, target in business.targets.items()]
    aims += [("benchmarks", benchmark.metric, benchmark.value) for benchmark in business.benchmarks]
    for section, name, aim in aims:
        _check_name(section, name)
        problem = ""
        if not METRICS[name].better:
            problem = f"{name} has no better way, neither up nor down, so nothing can be aimed at. Drop it."
        elif getattr(METRICS[name], "bounded", False) and not 0 <= aim <= 1:
            problem = f"{name}: {aim:g} is not between 0 and 1. Write 35 % as 0.35."
        if problem:
            raise DataError(problem, file=f"business.toml [{section}]")
    for name in (name for goal in business.goals.values() for name in goal.metrics):
        _check_name("goals", name)
    for name, rule in business.alerts.items():
        _check_name("alerts", name)
        if rule in ("falls", "rises") and isinstance(METRICS[name], Total):
            problem = f'{name} is a total, of which chance is not known. Give it a limit, such as "< 100".'
            raise DataError(problem, file="business.toml [alerts]")
    check_components(business)


def _check_name(section: str, name: str) -> None:
    if name not in METRICS:
        raise DataError(
            f"there is no metric {name!r}. {did_you_mean(name, METRICS)}", file=f"business.toml [{section}]"
        )
