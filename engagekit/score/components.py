"""What a score can be made of: the features by name, and a first choice for each kind of business."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

from engagekit.customers.features import FEATURES
from engagekit.customers.signals import SIGNALS
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import column_names, to_narwhals

if TYPE_CHECKING:
    from engagekit.data.business import Business

__all__ = ["PRESETS", "Component", "channels_of", "check_components", "component_rows", "tables_of"]

BY_CHANNEL, PREFERRED = "interactions_", "preferred_channel_"
NUMBERS = (*(name for name in FEATURES if name != "preferred_channel"), *SIGNALS)
PRESETS: dict[str, dict[str, dict[str, Any]]] = {  # what the Blazwa article measures in each kind of business
    "ecommerce": {  # buys often, leaves reviews, recommends
        "orders": {"weight": 0.3},
        "value": {"weight": 0.2, "scale": "log"},
        "active_days": {"weight": 0.2},
        "active_share": {"weight": 0.15},
        "recency_days": {"weight": 0.15, "direction": "down"},
    },
    "saas": {  # uses many features, often and for long, takes part
        "active_days": {"weight": 0.3},
        "distinct_actions": {"weight": 0.3},
        "duration_s": {"weight": 0.25, "scale": "log"},
        "active_share": {"weight": 0.15},
    },
    "subscription": {  # comes, and does not come less and less
        "active_days": {"weight": 0.35},
        "recency_days": {"weight": 0.25, "direction": "down"},
        "duration_s": {"weight": 0.2, "scale": "log"},
        "trend": {"weight": 0.2},
    },
}


@dataclass(frozen=True)
class Component:
    """One part of a score.

    Parameters
    ----------
    feature : str
        Column of the customers' features; or ``interactions_<channel>`` or ``preferred_channel_<channel>``.
    weight : float
        Above 0. Weights need not add up to 1.
    low, high : float
        Frozen bounds. A feature up to ``low`` gives none of the component's points, one from ``high`` on gives all.
    direction : {"up", "down"}, default "up"
        Whether a higher value is better, or a lower one.
    cap : float, optional
        Higher values are set to the cap, so that a few heavy users do not stretch the percentiles.
    scale : {"linear", "log"}, default "linear"
        With ``log``, log(1 + feature) is scaled between the bounds: 1 to 4 is as far as 4 to 11.5. Negative values are
        set to 0.

    Examples
    --------
    Days since the last interaction: 0 gives all the points, and 30 or more give none:

    >>> recency = Component("recency_days", weight=0.3, low=0, high=30, direction="down")
    >>> days = nw.from_dict({"recency_days": [0, 15, 60]}, backend="polars")
    >>> days.select(points=recency.normalised)["points"].to_list()
    [1.0, 0.5, 0.0]
    """

    feature: str
    weight: float
    low: float
    high: float
    direction: Literal["up", "down"] = "up"
    cap: float | None = None
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"{self.feature}: weight is {self.weight}, and must be above 0")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{self.feature}: low is {self.low} and high {self.high}; low must be below high")
        for name, allowed in (("direction", ("up", "down")), ("scale", ("linear", "log"))):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{self.feature}: {name} is {getattr(self, name)!r}, and must be {' or '.join(allowed)}"
                )
        if self.scale == "log" and self.low < 0:
            raise ValueError(f"{self.feature}: low is {self.low}, and on a log scale must be 0 or above")
        if self.cap is not None and not self.low < self.cap:
            raise ValueError(f"{self.feature}: cap is {self.cap}, and must be above low, {self.low}")

    @property
    def normalised(self) -> nw.Expr:
        """The feature between 0 and 1; null where it is missing."""
        value = nw.col(self.feature).cast(nw.Float64)
        known = nw.when(~value.is_null() & ~value.is_nan())
        if self.cap is not None:
            value = value.clip(upper_bound=self.cap)
        low, high = self.low, self.high
        if self.scale == "log":
            value, low, high = (value.clip(lower_bound=0.0) + 1).log(), math.log1p(low), math.log1p(high)
        share = ((value - low) / (high - low)).clip(0.0, 1.0)
        return known.then(share if self.direction == "up" else 1 - share)


def check_components(business: "Business") -> None:
    """Check that each component of a business's score names a feature, and that the business has its table.

    A component is named after a numeric feature, or one of ``SIGNALS``, which surveys, tickets and subscriptions have;
    ``interactions_<channel>`` counts the interactions of a channel, and ``preferred_channel_<channel>`` is 1 for a
    customer who prefers that channel and 0 for others. Whether a channel occurs in the data is not checked: it may have
    no interactions yet.

    Parameters
    ----------
    business : Business
        The business, with the ``[score.components]`` of its ``business.toml``.

    Raises
    ------
    DataError
        A component names no feature: the message names the nearest one and the two forms for a channel. Or it is made
        of a table that the business does not have.
    """
    place = "business.toml [score.components]"
    for name in business.score.components:
        if name not in NUMBERS and not _channel(name, BY_CHANNEL) and not _channel(name, PREFERRED):
            forms = f"Of one channel, write {BY_CHANNEL}<channel> or {PREFERRED}<channel>."
            problem = f"there is no feature {name!r}. {did_you_mean(name, NUMBERS)} {forms}"
            raise DataError(problem, file=place)
        if name in SIGNALS and SIGNALS[name].table not in business.tables:
            table = SIGNALS[name].table
            problem = f"{name} is made of {table}, and there is no [tables.{table}]. Add the table, or take {name} out."
            raise DataError(problem, file=place)


def tables_of(features: Iterable[str]) -> set[str]:
    """Tables that features are made of: what feeds a score.

    Examples
    --------
    >>> sorted(tables_of(["orders", "interactions_web", "last_nps"]))
    ['interactions', 'surveys']
    """
    return {SIGNALS[name].table if name in SIGNALS else "interactions" for name in features}


def channels_of(names: Iterable[str]) -> list[str] | None:
    """Channels that features must count for these components; None where all are needed, to find the preferred one.

    Examples
    --------
    >>> channels_of(["orders", "interactions_web"]), channels_of(["preferred_channel_app"])
    (['web'], None)
    """
    names = list(names)
    if any(_channel(name, PREFERRED) for name in names):
        return None
    return [channel for name in names if (channel := _channel(name, BY_CHANNEL))]


def component_rows(
    features: Any, names: Iterable[str], columns: Iterable[str], optional: Iterable[str] = ()
) -> nw.LazyFrame[Any]:
    """Narwhals lazy frame of features, with one numeric column for each component.

    Parameters
    ----------
    features : frame
        Features of customers, as ``customer_features`` or ``snapshots`` gives them, or a table of one's own.
    names : iterable of str
        Components. A column of that name is used where there is one. Else ``interactions_<channel>`` is 0, if the frame
        has ``interactions``: its channels are all that occurred. And ``preferred_channel_<channel>`` is read from
        ``preferred_channel``: 1 where it is that channel, 0 where it is another, null where it is null.
    columns, optional : iterable of str
        Further columns that are needed, and those that are taken where the frame has them.

    Raises
    ------
    DataError
        A component or a column is absent (names the nearest one), or a component is not a number.

    Examples
    --------
    >>> import polars as pl
    >>> features = pl.DataFrame({"customer_id": ["a"], "interactions": [2], "preferred_channel": ["web"]})
    >>> names = ["interactions_shop", "preferred_channel_web"]
    >>> component_rows(features, names, ["customer_id"]).select(names).collect().rows()
    [(0.0, 1.0)]
    """
    names, given = list(names), column_names(features)
    derived: dict[str, nw.Expr] = {}
    for name in names:
        if name not in given and _channel(name, BY_CHANNEL) and "interactions" in given:
            derived[name] = nw.lit(0.0)
        elif name not in given and _channel(name, PREFERRED) and "preferred_channel" in given:
            derived[name] = _is_preferred(_channel(name, PREFERRED))
    own = [name for name in names if name not in derived]
    rows = to_narwhals(features, [*columns, *own], [*optional, *(["preferred_channel"] if derived else [])])
    schema = rows.collect_schema()
    for name in own:
        if not (schema[name].is_numeric() or schema[name] in (nw.Boolean, nw.Unknown)):
            raise DataError(f"is {schema[name]}, not a number, and cannot be scored.", column=name)
    return rows.with_columns(**derived) if derived else rows


def _is_preferred(channel: str) -> nw.Expr:
    preferred = nw.col("preferred_channel").cast(nw.String)
    share = nw.when(preferred == nw.lit(channel)).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
    return nw.when(~preferred.is_null()).then(share)


def _channel(name: str, prefix: str) -> str:
    """Channel that a component's name ends with; empty where it does not begin with the prefix."""
    return name.removeprefix(prefix) if name.startswith(prefix) else ""
