"""All metrics, by name and by channel, and what people call some of them in short.

Examples
--------
>>> len(METRICS), len(CHANNELS)
(115, 11)
>>> METRICS["churn_rate"].better, [metric.name for metric in CHANNELS["loyalty"]]
('lower', ['loyalty_participation_rate', 'referral_rate'])
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

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

__all__ = ["CHANNELS", "METRICS", "known_aliases", "metric_named"]

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
        There is none. The message offers what a short name such as ``nps`` stands for, or the nearest name.

    Examples
    --------
    >>> metric_named("open_rate")
    <Ratio open_rate: opens, delivered of mailings>
    """
    if name not in METRICS:
        meant = known_aliases().get(name.casefold(), {}).get("metrics")
        way_out = f"It stands for {' or '.join(meant)}." if meant else did_you_mean(name, METRICS)
        raise ValueError(f"there is no metric {name!r}. {way_out}")
    return METRICS[name]


@cache
def known_aliases() -> dict[str, dict[str, Any]]:
    """Short names, each with its ``metrics`` and, where they are not one, with a sentence a language.

    Examples
    --------
    >>> known_aliases()["nps"]
    {'metrics': ['net_promoter_score']}
    """
    found = tomllib.loads((resources.files("engagekit") / "metrics" / "aliases.toml").read_text("utf-8"))
    return {name: found[alias.get("same_as", name)] for name, alias in found.items()}
