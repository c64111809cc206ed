"""Whether the targets, the alerts and the score of a business name what there is."""

from engagekit.data.business import Business
from engagekit.errors import DataError, did_you_mean
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.metric import Total
from engagekit.score.components import check_components

__all__ = ["check_goals"]


def check_goals(business: Business) -> None:
    """Check that the targets and the score's components name what there is, and can be reached.

    Raises
    ------
    DataError
        A target names no metric, one that has no better way, or a share that is not between 0 and 1; or a component
        names no feature.
    """
    goals = "business.toml [targets]"
    for name, target in business.targets.items():
        if name not in METRICS:
            raise DataError(f"there is no metric {name!r}. {did_you_mean(name, METRICS)}", file=goals)
        if not METRICS[name].better:
            raise DataError(f"{name} has no better way, neither up nor down, so it has no target. Drop it.", file=goals)
        if getattr(METRICS[name], "bounded", False) and not 0 <= target <= 1:
            raise DataError(f"{name}: {target:g} is not between 0 and 1. Write 35 % as 0.35.", file=goals)
    for name, rule in business.alerts.items():
        problem = ""
        if name not in METRICS:
            problem = f"there is no metric {name!r}. {did_you_mean(name, METRICS)}"
        elif rule in ("falls", "rises") and isinstance(METRICS[name], Total):
            problem = f'{name} is a total, of which chance is not known. Give it a limit, such as "< 100".'
        if problem:
            raise DataError(problem, file="business.toml [alerts]")
    check_components(business)
