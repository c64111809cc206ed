"""Numbers by group, as data: each channel by a column of its own table, and the main numbers by group of customers."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import narwhals as nw
import pandas as pd
import polars as pl

from engagekit.display.section import FEWEST, hidden_cells
from engagekit.frames.engine import collected, column_names
from engagekit.frames.periods import period_starts
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.metric import Metric, Total
from engagekit.metrics.retention import customers_of
from engagekit.metrics.sales import usage_of
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import SNAPSHOTS, Study

__all__ = ["BREAKDOWNS", "OF_CUSTOMERS", "Groups", "broken_down", "by_customers"]

BREAKDOWNS: dict[str, dict[str, tuple[str, ...]]] = {  # by channel: a column of its table, and what is shown by it
    "sales": {"channel": ("revenue", "orders_placed", "order_value")},
    "retention": {"channel": ("active_customers", "interactions"), "cancel_reason": ("cancellations",)},
    "survey": {"about": ("satisfaction_rate", "net_promoter_score", "effort_mean", "review_mean")},
    "web": {"page": ("exit_rate", "page_views"), "channel": ("conversion_rate", "sessions", "bounce_rate")},
    "mailing": {"campaign": ("click_rate", "mail_conversion_rate", "unsubscribe_rate", "mails_delivered")},
    "social": {"platform": ("reach_engagement_rate", "reach", "reactions"), "channel": ("mentions", "mention_balance")},
    "campaigns": {
        "campaign": ("return_on_ad_spend", "spend", "cost_per_lead", "cost_per_conversion"),
        "channel": ("return_on_ad_spend", "spend", "cost_per_lead", "cost_per_conversion"),
    },
    "attendance": {"event": ("attendance_rate", "attendees", "interactions_per_attendee")},
    "support": dict.fromkeys(
        ("reason", "agent", "channel"),
        ("tickets_opened", "ticket_satisfaction_rate", "first_response_hours", "resolution_hours"),
    ),
}
GROUPINGS = ("segment", "plan", "loyalty_member", "cohort")
OF_CUSTOMERS = (
    "net_promoter_score",
    "churn_rate",
    "satisfaction_rate",
    "engagement_score",
    "repeat_purchase_rate",
    "order_value",
    "revenue_per_customer",
    "stickiness",
)
COLUMNS = ["group", "metric", "value", "low", "high", "n", "warning"]
NUMBERS = ("value", "low", "high", "units")
MOST = 20  # groups that are looked at: those with the most rows


class Groups(NamedTuple):
    """Metrics by group.

    Attributes
    ----------
    by : str
        Column or group of customers.
    table : pandas.DataFrame
        A row a group and metric: ``group, metric, value, low, high, n, warning``, the groups that weigh most first.
        Numbers of fewer than five people are blank.
    more : int
        Values of the column that were not looked at.

    Examples
    --------
    >>> groups = broken_down(study, "survey")[0]
    >>> groups.by, groups.table["group"].unique().tolist(), groups.more
    ('about', ['support', 'Green Basket', 'recipes', 'skipping a week'], 0)
    """

    by: str
    table: pd.DataFrame
    more: int = 0


def broken_down(study: Study, channel: str) -> list[Groups]:
    """Metrics of a channel by each column of its tables that has two values or more."""
    parts = []
    for by, names in BREAKDOWNS.get(channel, {}).items():
        of_tables = [name for name in names if name in METRICS and _measures(study, name, by)]
        if not of_tables:
            continue
        values, more = _commonest(study, METRICS[of_tables[0]].table, by)
        if len(values) > 1:
            measured = study.measure([*of_tables, *_people(study, of_tables)], by=by, where={by: values})
            parts.append(Groups(by, _sorted_groups(study, _grouped(measured, by), of_tables), more))
    parts += _usage(study) if channel == "sales" else []
    return [groups for groups in parts if groups.table["group"].nunique() > 1]


def _usage(study: Study) -> list[Groups]:
    """Product usage of the last period by feature, the most used first."""
    features = study.business.web.features if study.has("interactions") else []
    if not features:
        return []
    measured = study.measure([usage_of(name) for name in features], every=study.period)
    last = measured[measured["period"] == pd.Timestamp(study.last_period.replace(tzinfo=None))]
    few = last["units"].between(1, FEWEST - 1)
    last = last.assign(**{name: last[name].astype(float).mask(few) for name in NUMBERS})
    table = last.assign(group=last["metric"], metric="product_usage_rate", n=last["units"].astype(float))
    return [Groups("feature", table.sort_values(["value", "group"], ascending=[False, True])[COLUMNS].head(MOST))]


def by_customers(study: Study, periods: Mapping[str, pd.Timestamp | None]) -> list[Groups]:
    """Metrics of customers by segment and by what is known of them, where there are two groups or more.

    Parameters
    ----------
    study : Study
    periods : mapping of str to Timestamp or None
        Metrics, and the period of those that are taken of the same customers on many dates; others are over all time.
    """
    of_people = [name for name in periods if _of_people(study, name)]
    parts = []
    for by in GROUPINGS:
        if not _knows(study, by):
            continue
        shown = [name for name in of_people if by != "segment" or METRICS[name].table != "scores"]
        if not shown:
            continue
        values, more = _values(study, by)
        measured = pd.concat(list(_measured(study, shown, by, periods, {by: values})), ignore_index=True)
        table = _sorted_groups(study, measured[measured["group"].notna()], shown, by_name=by == "cohort")
        if table["group"].nunique() > 1:
            parts.append(Groups(by, table, more))
    return parts


def _measured(
    study: Study, names: list[str], by: str, periods: Mapping[str, pd.Timestamp | None], where: Mapping[str, list[str]]
) -> Iterable[pd.DataFrame]:
    """Metrics by a group of customers, of their period or over all time."""
    for dated in (True, False):
        some = [name for name in names if (METRICS[name].table in SNAPSHOTS) == dated]
        if some:
            asked: list[Metric | str] = [*some, *([] if dated else _people(study, some))]
            rows = _grouped(study.measure(asked, by=by, where=where, every=study.period if dated else None), by)
            yield rows[rows["period"] == rows["metric"].map(dict(periods))] if dated else rows


def _grouped(measured: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows with their group under that name; ``measure`` gives a column that is called like one of its own ``by_``."""
    own = f"by_{by}"
    return measured.rename(columns={own if own in measured else by: "group"})


def _knows(study: Study, by: str) -> bool:
    """Whether the business can tell its customers apart by a group."""
    if by == "segment":
        return study.scorecard is not None
    if by == "cohort":
        return study.has("interactions")
    return study.has("customers") and by in column_names(study.described("customers"))


def _people(study: Study, names: Iterable[str]) -> list[Total]:
    """Totals of the people in the tables of some metrics: different customers, and rows that name none."""
    tables = dict.fromkeys(METRICS[name].table for name in names if _of_people(study, name))
    nobody = nw.when(nw.col("customer_id").is_null()).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
    known = [customers_of(f"{table}:known", "", table, "") for table in tables]
    return known + [Total(f"{table}:unknown", table=table, columns=("customer_id",), value=nobody) for table in tables]


def _values(study: Study, by: str) -> tuple[list[str], int]:
    """The groups that are looked at: the last months of arrival, or the commonest values; and how many others."""
    if by == "segment":
        return list(SEGMENTS), 0
    if by == "cohort":
        return [day.strftime("%Y-%m") for day in period_starts(study.end, "month", MOST)], 0
    return _commonest(study, "customers", by)


def _of_people(study: Study, name: str) -> bool:
    """Whether the rows a metric is computed of each name their customer."""
    made = study.prepared(METRICS[name].table)
    return made is not None and "customer_id" in column_names(made[0])


def _measures(study: Study, name: str, by: str) -> bool:
    """Whether a metric's table has all that it needs, and a column to measure it by."""
    made = study.prepared(METRICS[name].table)
    columns = column_names(made[0]) if made else []
    return by in columns and METRICS[name].allowed_by(columns)


def _commonest(study: Study, table: str, column: str) -> tuple[list[str], int]:
    """The values of a column with the most rows, and how many others there are."""
    made = study.prepared(table)
    rows = nw.from_native(made[0] if made else pl.DataFrame({column: []})).lazy()
    counted = collected(rows.group_by(column).agg(nw.len().alias("rows")))
    ordered = counted.drop_nulls().sort("rows", column, descending=[True, False])[column].to_list()
    return ordered[:MOST], len(ordered[MOST:])


def _sorted_groups(study: Study, measured: pd.DataFrame, names: list[str], *, by_name: bool = False) -> pd.DataFrame:
    """Rows without those of fewer than five people, by the weight of their group in the first metric."""
    by_metric: dict[str, list[dict[Any, Any]]] = {}
    for row in measured.to_dict("records"):
        by_metric.setdefault(row["metric"], []).append(row)
    people: dict[tuple[str, object], float] = {}
    for name, (table, _, kind) in ((name, name.partition(":")) for name in by_metric):
        for row in by_metric[name] if kind else ():
            people[table, row["group"]] = people.get((table, row["group"]), 0.0) + row["value"]
    weighed = "value" if isinstance(METRICS[names[0]], Total) else "denominator"
    weights = {row["group"]: 0.0 for name in names for row in by_metric.get(name, ())}
    weights |= {row["group"]: row[weighed] for row in by_metric.get(names[0], ()) if row[weighed] == row[weighed]}
    ordered = sorted(weights, key=str, reverse=by_name)
    ordered = (ordered if by_name else sorted(ordered, key=weights.__getitem__, reverse=True))[:MOST]
    shown: dict[object, list[dict[str, Any]]] = {group: [] for group in ordered}
    for name in names:
        rows, made_of = by_metric.get(name, []), METRICS[name].table
        counts = [min(people.get((made_of, row["group"]), row["units"]), row["units"]) for row in rows]
        hidden = hidden_cells(counts) if _of_people(study, name) else set()
        for place, row in enumerate(rows):
            numbers = {column: math.nan if place in hidden else float(row[column]) for column in NUMBERS}
            if row["group"] in shown:
                named = {"group": row["group"], "metric": name, "warning": row["warning"]}
                shown[row["group"]].append(named | numbers | {"n": numbers["units"]})
    return pd.DataFrame([row for group in ordered for row in shown[group]], columns=COLUMNS)
