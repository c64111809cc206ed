"""Everything that a report says, as data: every metric that a business's tables allow, measured."""

import datetime as dt
import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import pandas as pd
import polars as pl

from engagekit.data.business import Business
from engagekit.data.reading import Reading
from engagekit.display.section import FEWEST, safe_table
from engagekit.errors import DataError
from engagekit.frames.engine import column_names
from engagekit.language import Language, precision
from engagekit.metrics.catalog import CHANNELS, METRICS
from engagekit.metrics.compare import difference
from engagekit.metrics.estimate import Estimate, significant
from engagekit.metrics.family import directions, would_have_shown
from engagekit.metrics.metric import Metric
from engagekit.metrics.season import next_start
from engagekit.prepare.business_tables import SHOWN
from engagekit.reports.by_group import OF_CUSTOMERS, Groups, broken_down, by_customers
from engagekit.reports.goals import check_goals
from engagekit.reports.metrics_json import as_data, funnel_rows
from engagekit.reports.scoring import NOBODY, Scoring, scoring
from engagekit.reports.standing import lifetime_table, rfm_table, states_by_period
from engagekit.study import Study

__all__ = ["Results", "is_small", "results"]

BY_PAGE = {"exit_rate"}  # of all pages it is but one over the pages of a visit
NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, math.nan, 0, 0, "", "", "no_rows")


@dataclass(frozen=True, eq=False)
class Results:
    """What an engagement report says of a study.

    Attributes
    ----------
    study : Study
    language : Language
        The report's.
    scoring : Scoring, optional
        The score, its history and its verdict; None without interactions or a scorecard.
    cohorts : pandas.DataFrame
        Retention by month of arrival; empty without interactions.

    Examples
    --------
    >>> report = results(study)
    >>> report.business.name, report.language.code, f"{report.end:%d %B %Y}", f"{report.month:%B %Y}"
    ('Green Basket', 'en', '01 November 2026', 'October 2026')
    >>> list(report.channels)[:3], len(report.readings), report.scores.height
    (['score', 'sales', 'retention'], 11, 188)

    A metric by month, over all time, in the last month, and how that differs from the month before:

    >>> score = report.channels["survey"][0]
    >>> report.series(score.name)["n"].tail(3).tolist(), report.decimals(score)
    ([15, 2, 7], 1)
    >>> report.overall(score.name)
    33, 18 to 46, n = 129
    >>> report.current(score.name)[1] == report.whole(score.name, report.month)
    True
    >>> report.row(score.name)["n"], [round(number, 1) for number in report.change(score.name)]
    (np.int64(7), [np.float64(28.6), np.float64(-61.8), np.float64(110.1)])
    >>> report.directions[score.name], round(report.would_have_shown[score.name]), report.is_latest(score.name)
    ('none', 174, True)
    >>> report.ripening("reopen_rate")
    'older'

    Groups and tables of the page, and the content of ``metrics.json``:

    >>> [groups.by for groups in report.customer_groups], report.breakdowns["survey"][0].by
    (['segment', 'plan', 'loyalty_member', 'cohort'], 'about')
    >>> report.states.columns.tolist()
    ['period', 'active', 'returning', 'resurrected', 'new', 'dormant', 'all_dormant']
    >>> report.rfm["group"].head(3).tolist(), report.lifetime["segment"].tolist()
    (['champion', 'potential_loyalist', 'promising'], ['all', 'at_risk', 'potential', 'advocate', 'no_score'])
    >>> report.measured["metric"].nunique(), sorted(report.as_dict())[:4]
    (115, ['actions', 'alerts', 'as_of', 'breakdowns'])
    """

    study: Study
    language: Language
    scoring: Scoring | None
    cohorts: pd.DataFrame

    @property
    def business(self) -> Business:
        """Whose report it is."""
        return self.study.business

    @property
    def end(self) -> dt.datetime:
        """Everything before it counts."""
        return self.study.end

    @property
    def month(self) -> pd.Timestamp:
        """First day of the last month that was over by then, on the wall clock."""
        return pd.Timestamp(self.study.last_period.replace(tzinfo=None))

    @property
    def measured(self) -> pd.DataFrame:
        """Every metric that the tables allow."""
        return self.study.measured

    @property
    def scores(self) -> pl.DataFrame:
        """Score of each customer who was active in the score's window before ``end``; empty without a scorecard."""
        return NOBODY if self.scoring is None else self.scoring.latest

    @property
    def readings(self) -> list[Reading]:
        """What became of each table's rows."""
        return self.study.readings

    @property
    def channels(self) -> dict[str, list[Metric]]:
        """Channels with data, and the metrics measured of each."""
        measured = set(self.measured["metric"])
        shown = measured - BY_PAGE
        found = {name: [m for m in metrics if m.name in shown] for name, metrics in CHANNELS.items()}
        return {name: metrics for name, metrics in found.items() if metrics}

    @cached_property
    def _by_metric(self) -> dict[Any, pd.DataFrame]:
        """Rows of each metric by period; none of one that has only a value over all time."""
        parts = dict(tuple(self.measured[self.measured["period"].notna()].groupby("metric", sort=False)))
        return {name: parts.get(name, self.measured.head(0)) for name in self.measured["metric"].unique()}

    def _rows(self, metric: str) -> pd.DataFrame:
        return self._by_metric.get(metric, self.measured.head(0))

    def _months(self, metric: str) -> pd.DataFrame:
        return self._rows(metric).tail(SHOWN + 1).reset_index(drop=True)

    def series(self, metric: str) -> pd.DataFrame:
        """A metric by month, oldest first; months of fewer than five customers are blank."""
        if metric not in self._series:
            months = self._months(metric)
            people = months["value" if METRICS[metric].measured_in == "count" else "units"]
            small = (METRICS[metric].unit == "customer") & (people > 0) & (people < FEWEST)
            shown = {name: months[name].mask(small) for name in ("value", "low", "high")}
            self._series[metric] = months.assign(**shown)
        return self._series[metric]

    @cached_property
    def _series(self) -> dict[str, pd.DataFrame]:
        return {}

    def overall(self, metric: str) -> Estimate:
        """A metric over all time before the end."""
        return self._overall.get(metric, NOTHING)

    @cached_property
    def _overall(self) -> dict[str, Estimate]:
        rows = self.measured[self.measured["period"].isna()]
        return {row["metric"]: Estimate.of(dict(row)) for _, row in rows.iterrows()}

    def decimals(self, metric: Metric) -> int | None:
        """Decimals of a metric wherever the report prints it."""
        if metric.name not in self._decimals:
            _, new, old = self.current(metric.name)
            values = [self.overall(metric.name).value, new.value, old.value, self.business.targets.get(metric.name)]
            self._decimals[metric.name] = precision(metric.measured_in, values)
        return self._decimals[metric.name]

    @cached_property
    def _decimals(self) -> dict[str, int | None]:
        return {}

    @cached_property
    def _current(self) -> dict[str, tuple[pd.Timestamp | None, Estimate, Estimate]]:
        return {}

    def current(self, metric: str) -> tuple[pd.Timestamp | None, Estimate, Estimate]:
        """Latest month that is over and has a value, the metric in it, and in the month before it."""
        if metric not in self._current:
            series = self._months(metric)
            valued = series[series["value"].notna() & (series["period"] <= self.month)]
            ripe = valued[~valued["warning"].str.contains("unripe") | (self.ripening(metric) == "equal_age")]
            period = None if ripe.empty else ripe["period"].iloc[-1]
            unripe = valued["warning"].str.contains("unripe").tail(1).any()
            new = self._one(ripe.tail(1)) if len(ripe) or not unripe else replace(NOTHING, reason="unripe")
            old = NOTHING if period is None else self._before(metric, series, next_start(period, self.study.period, -1))
            self._current[metric] = (period, new, old)
        return self._current[metric]

    def ripening(self, metric: str) -> str:
        """How a metric is compared of which something follows later; empty where nothing does.

        ``equal_age`` where its time is recorded: the month before is taken as it stood a month earlier. Else ``older``:
        the newest months are not compared.
        """
        declared = METRICS[metric]
        made = self.study.prepared(declared.table) if declared.ripens_after or declared.ripens_at else None
        if made and declared.ripens_at in column_names(made[0]):
            return "equal_age"
        return "older" if made and declared.ripens_after else ""

    def _before(self, metric: str, series: pd.DataFrame, month: dt.date) -> Estimate:
        if self.ripening(metric) == "equal_age":
            earlier = self.study.earlier
            made = earlier.prepared(METRICS[metric].table)
            series = earlier.measure(metric, every=earlier.period) if made else series.head(0)
        return self._one(series[series["period"] == month])

    def whole(self, metric: str, period: dt.date) -> Estimate | None:
        """A metric in the period that starts on a day; None without a value, or where the data cover it in part."""
        rows = self._rows(metric)
        valued = rows[(rows["period"] == period) & rows["value"].notna()]
        whole = valued[~valued["warning"].str.contains("partial_period")]
        return None if whole.empty else self._one(whole)

    def row(self, metric: str) -> dict[str, float]:
        """Numbers of ``current``: ``value, low, high, n`` and the value ``before``."""
        _, new, old = self.current(metric)
        return {"value": new.value, "low": new.low, "high": new.high, "n": new.units, "before": old.value}

    def change(self, metric: str) -> tuple[float, float, float]:
        """Difference between the two months of ``current``, and its interval; NaN where it cannot be told."""
        _, new, old = self.current(metric)
        if "within_one_unit" in f"{new.warning} {old.warning}":
            return math.nan, math.nan, math.nan  # its interval is of one mailing, not of the months
        if metric in self.study.changes:
            return self.study.changes[metric]
        change = difference(old, new)
        return change.value, change.low, change.high

    def is_latest(self, metric: str) -> bool:
        """Whether the month of ``current`` is the last one that is over."""
        return self.current(metric)[0] == self.month

    @cached_property
    def directions(self) -> dict[str, str]:
        """Direction of each metric's change beyond chance, all of them as one family; none of one that is not told."""
        latest, older = self._families
        return dict.fromkeys(self._by_metric, "unknown") | directions(older) | directions(latest)

    @cached_property
    def would_have_shown(self) -> dict[str, float]:
        """Size of the change of each metric that would have been told in four of five cases; NaN where none would."""
        latest, older = self._families
        return dict.fromkeys(self._by_metric, math.nan) | would_have_shown(older) | would_have_shown(latest)

    @cached_property
    def _families(self) -> tuple[dict[str, tuple[float, float, float]], dict[str, tuple[float, float, float]]]:
        """Changes of the metrics whose month is the last one that is over, and of the others."""
        told = [
            str(name) for name in self._by_metric if not self._is_untold(METRICS[str(name)]) and name not in BY_PAGE
        ]
        latest = {name: self.change(name) for name in told if self.is_latest(name)}
        return latest, {name: self.change(name) for name in told if name not in latest}

    def _is_untold(self, metric: Metric) -> bool:
        return any(is_small(metric, estimate) for estimate in self.current(metric.name)[1:])

    @cached_property
    def breakdowns(self) -> dict[str, list[Groups]]:
        """Metrics of each channel by the columns of its tables."""
        return {name: broken_down(self.study, name) for name in self.channels}

    @cached_property
    def customer_groups(self) -> list[Groups]:
        """The main metrics of customers by segment and by what is known of them."""
        return by_customers(
            self.study, {name: self.current(name)[0] for name in OF_CUSTOMERS if name in self._by_metric}
        )

    @cached_property
    def states(self) -> pd.DataFrame:
        """Customers by period and state of the lifecycle."""
        return states_by_period(self.study)

    @cached_property
    def rfm(self) -> pd.DataFrame:
        """Buyers by RFM group."""
        return rfm_table(self.study)

    def _cohort_rows(self) -> list[dict[str, Any]]:
        if self.cohorts.empty:
            return []
        table = safe_table(self.cohorts[["cohort", "customers", "age", "active", "value"]], "customers")
        rows: list[dict[str, Any]] = significant(table.assign(cohort=table["cohort"].map(_day)).to_dict("records"))
        return rows

    @cached_property
    def lifetime(self) -> pd.DataFrame:
        """What is expected of the coming year, of all customers and by segment."""
        return lifetime_table(self.study.coming_year, self.scores)

    def as_dict(self) -> dict[str, Any]:
        """The content of ``metrics.json``, described in ``docs/metrics-json.md``."""
        grouped = [("", self.customer_groups), *self.breakdowns.items()]
        rows = [
            {"channel": channel, "by": each.by, **row}
            for channel, groups in grouped
            for each in groups
            for row in each.table.astype({"group": str}).to_dict("records")
        ]
        expected = significant(self.lifetime.to_dict("records"))
        segments = {"segments": expected} if expected else {}
        from engagekit.reports.actions import action_rows  # these write their sentences with what is said of results
        from engagekit.reports.alerts import alerts
        from engagekit.reports.budgeting import budget_rows
        from engagekit.reports.experiments import experiment_rows
        from engagekit.reports.targets import target_rows
        from engagekit.reports.voice import voice_rows

        return as_data(self.study, self.end, self.month, self.measured) | {
            "actions": action_rows(self.study),
            "alerts": significant(alerts(self)),
            "breakdowns": significant(rows),
            "budget": budget_rows(self.study),
            "cohorts": self._cohort_rows(),
            "experiments": experiment_rows(self.study),
            "funnels": list(funnel_rows(self.study)),
            "lifecycle": significant(self.states.assign(period=self.states["period"].map(_day)).to_dict("records")),
            "lifetime_value": self.study.coming_year.as_dict() | segments,
            "rfm": significant(self.rfm.to_dict("records")),
            "targets": target_rows(self.study),
            "voice": voice_rows(self.study),
        }

    def _one(self, rows: pd.DataFrame) -> Estimate:
        if rows.empty:
            return NOTHING
        return Estimate.of(dict(rows.iloc[0]))


def _day(period: dt.datetime) -> str:
    return period.date().isoformat()


def is_small(metric: Metric, estimate: Estimate) -> bool:
    """Whether an estimate is of fewer than five people, or counts fewer than five, of whom nothing is told."""
    people = estimate.value if metric.measured_in == "count" else estimate.units
    return metric.unit == "customer" and 0 < people < FEWEST


@lru_cache(maxsize=4)
def results(study: Study) -> Results:
    """What an engagement report says of a study; the same for the same study.

    Raises
    ------
    DataError
        No table has a row before the date, a target names no metric, or a component of the score no feature.

    Examples
    --------
    >>> [metric.name for metric in results(study).channels["loyalty"]]
    ['loyalty_participation_rate', 'referral_rate']
    """
    check_goals(study.business)
    if study.business.tables and study.is_empty:
        problem = f"no table has a row before {study.end.date()}. Set a later as_of."
        raise DataError(problem, file="business.toml")
    cohorts = study.cohorts() if study.has("interactions") else pd.DataFrame()
    return Results(study, study.language, scoring(study), cohorts)
