"""All metrics, by name and by channel."""

from engagekit.errors import did_you_mean
from engagekit.metrics import (
    attendance,
    campaigns,
    engagement,
    loyalty,
    mailing,
    retention,
    sales,
    social,
    support,
    survey,
    web,
)
from engagekit.metrics.metric import Metric

__all__ = ["CHANNELS", "METRICS", "metric_named"]

_MODULES = (engagement, sales, retention, survey, web, mailing, social, campaigns, attendance, support, loyalty)

METRICS: dict[str, Metric] = {
    name: value for module in _MODULES for name, value in vars(module).items() if isinstance(value, Metric)
}
CHANNELS: dict[str, list[Metric]] = {}
for _metric in METRICS.values():
    CHANNELS.setdefault(_metric.channel, []).append(_metric)


def metric_named(name: str) -> Metric:
    """Metric with a name.

    Raises
    ------
    ValueError
        There is none. The message offers the nearest name.

    Examples
    --------
    >>> metric_named("open_rate")
    <Ratio open_rate: opens, delivered of mailings>
    """
    if name not in METRICS:
        raise ValueError(f"there is no metric {name!r}. {did_you_mean(name, METRICS)}")
    return METRICS[name]
