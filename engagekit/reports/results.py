"""Everything that a report says, as data: every metric that a business's tables allow, measured."""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import polars as pl

from engagekit.customers.cohorts import retention_by_cohort
from engagekit.customers.features import FEATURES
from engagekit.data.business import Business
from engagekit.data.reading import Reading
from engagekit.data.tables import event_time
from engagekit.errors import DataError, did_you_mean
from engagekit.language import Language
from engagekit.metrics.catalog import CHANNELS, METRICS
from engagekit.metrics.compare import paired_difference
from engagekit.metrics.estimate import Estimate, difference
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Metric, Ratio
from engagekit.prepare.interactions import unique
from engagekit.reports.prepared import MONTHS, history_of, known_by, month_starts, months_later, prepared_tables
from engagekit.reports.scoring import NOBODY, Scoring, scoring

__all__ = ["Results", "as_data", "check_goals", "last_month", "results"]

SNAPSHOTS = ("base", "scores")  # the same customers on many dates, whom a sum over time would count again
SCHEMA = 1
NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, math.nan, 0, 0, "", "", "no_rows")


@dataclass(frozen=True)
class Results:
    """What was measured of a business.

    Attributes
    ----------
    business : Business
    language : Language
        The report's.
    end : datetime
        Everything before it counts.
    month : pandas.Timestamp
        First day of the last month that was over by then.
    measured : pandas.DataFrame
        What ``measure`` gives, for every metric that the tables allow: by month, and with ``period`` NaT over all time
        (but for churn and the score, which are taken of the same customers on many dates).
    changes : dict of str to tuple
        For metrics of the customers, which are in both months: difference from the month before, low and high.
    scoring : Scoring, optional
        The score, its history and its trial; None without interactions or a scorecard.
    cohorts : pandas.DataFrame
        Retention by month of arrival; empty without interactions.
    """

    business: Business
    language: Language
    end: dt.datetime
    month: pd.Timestamp
    measured: pd.DataFrame
    changes: dict[str, tuple[float, float, float]]
    scoring: Scoring | None
    cohorts: pd.DataFrame

    @property
    def scores(self) -> pl.DataFrame:
        """Score of each customer who was active in the score's window before ``end``; empty without a scorecard."""
        return NOBODY if self.scoring is None else self.scoring.latest

    @property
    def readings(self) -> list[Reading]:
        """What became of each table's rows."""
        return [self.business.reading(table) for table in self.business.tables]

    @property
    def channels(self) -> dict[str, list[Metric]]:
        """Channels with data, and the metrics measured of each."""
        measured = set(self.measured["metric"])
        found = {name: [m for m in metrics if m.name in measured] for name, metrics in CHANNELS.items()}
        return {name: metrics for name, metrics in found.items() if metrics}

    def series(self, metric: str) -> pd.DataFrame:
        """A metric by month, oldest first."""
        rows = self.measured[(self.measured["metric"] == metric) & self.measured["period"].notna()]
        return rows.tail(MONTHS + 1).reset_index(drop=True)

    def overall(self, metric: str) -> Estimate:
        """A metric over all time before the end."""
        return self._one(self.measured[(self.measured["metric"] == metric) & self.measured["period"].isna()])

    def current(self, metric: str) -> tuple[pd.Timestamp | None, Estimate, Estimate]:
        """Latest month that is over and has a value, the metric in it, and in the month before it."""
        series = self.series(metric)
        valued = series[series["value"].notna() & (series["period"] <= self.month)]
        if valued.empty:
            return None, self._one(valued), self._one(valued)
        period = valued["period"].iloc[-1]
        before = series[series["period"] == period - pd.DateOffset(months=1)]
        return period, self._one(valued.tail(1)), self._one(before)

    def change(self, metric: str) -> tuple[float, float, float]:
        """Difference between the two months of ``current``, and its interval; NaN where it cannot be told."""
        _, new, old = self.current(metric)
        if "within_one_unit" in f"{new.warning} {old.warning}":
            return math.nan, math.nan, math.nan  # its interval is of one mailing, not of the months
        return self.changes.get(metric) or difference(new, old)

    def by(self, metric: Metric, column: str) -> pd.DataFrame:
        """A metric of one of the business's own tables over all time, by a column of it; empty where it has none."""
        rows = known_by(self.business, metric.table, self.end)
        if column not in rows.collect_schema().names():
            return pd.DataFrame(columns=[column, "value", "low", "high"])
        measured: pd.DataFrame = measure(
            rows, metric, by=column, at=event_time(metric.table), until=self.end
        ).to_pandas()
        return measured[measured[column].notna() & measured["value"].notna()]

    def as_dict(self) -> dict[str, Any]:
        """The content of ``metrics.json``, described in ``docs/metrics-json.md``."""
        return as_data(self.business, self.end, self.month, self.measured)

    def _one(self, rows: pd.DataFrame) -> Estimate:
        if rows.empty:
            return NOTHING
        return Estimate.of(dict(rows.iloc[0]))


def as_data(business: Business, end: dt.datetime, month: pd.Timestamp, measured: pd.DataFrame) -> dict[str, Any]:
    """What every ``metrics.json`` has: whose it is, the metrics that were measured, and what became of the rows."""
    return {
        "schema": SCHEMA,
        "business": {
            "slug": business.slug,
            **business.model_dump(include={"name", "kind", "language", "currency", "time_zone", "horizon"}),
        },
        "as_of": end.date().isoformat(),
        "month": month.strftime("%Y-%m"),
        "metrics": list(_metric_rows(business, measured)),
        "tables": [
            {
                "table": reading.table,
                "file": reading.file,
                "rows": reading.rows,
                "kept": reading.kept,
                "left_out": reading.left_out,
                "refused": reading.reasons().to_dicts(),
            }
            for reading in map(business.reading, business.tables)
        ],
    }


def _metric_rows(business: Business, measured: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for _, row in measured.iterrows():
        metric, period = METRICS[row["metric"]], row["period"]
        yield {
            "metric": metric.name,
            "channel": metric.channel,
            "measured_in": metric.measured_in,
            "better": metric.better,
            "period": "all" if pd.isna(period) else period.strftime("%Y-%m"),
            **Estimate.of(dict(row)).as_dict(),
            "target": business.targets.get(metric.name),
        }


def last_month(end: dt.datetime) -> dt.datetime:
    """First day of the last month that was over at a time.

    Examples
    --------
    >>> last_month(dt.datetime(2026, 3, 1)).date(), last_month(dt.datetime(2026, 3, 31)).date()
    (datetime.date(2026, 2, 1), datetime.date(2026, 2, 1))
    """
    return months_later(end.replace(day=1, hour=0, minute=0, second=0, microsecond=0), -1)


def check_goals(business: Business) -> None:
    """Check that the targets and the score's components name what there is, and can be reached.

    Raises
    ------
    DataError
        A target names no metric, one that has no better way, or a share that is not between 0 and 1; or a component
        names no feature.
    """
    goals, components = (f"{business.file.name} [{section}]" for section in ("targets", "score.components"))
    for name, target in business.targets.items():
        if name not in METRICS:
            raise DataError(f"there is no metric {name!r}. {did_you_mean(name, METRICS)}", file=goals)
        if not METRICS[name].better:
            raise DataError(f"{name} has no better way, neither up nor down, so it has no target. Drop it.", file=goals)
        if getattr(METRICS[name], "bounded", False) and not 0 <= target <= 1:
            raise DataError(f"{name}: {target:g} is not between 0 and 1. Write 35 % as 0.35.", file=goals)
    numbers = [name for name in FEATURES if name != "preferred_channel"]
    for name in business.score.components:
        if name not in numbers:
            raise DataError(f"there is no feature {name!r}. {did_you_mean(name, numbers)}", file=components)


def results(business: Business, as_of: dt.date | str | None = None) -> Results:
    """Measure everything that a business's tables allow.

    Parameters
    ----------
    business : Business
        The business.
    as_of : date or ISO str, optional
        Takes the place of the date in ``business.toml``.

    Raises
    ------
    DataError
        A table cannot be read, too many of its rows were refused, or a target names no metric.
    """
    check_goals(business)
    end = business.end(as_of)
    month = last_month(end)
    tables = {name: _before(business.table(name, lazy=True), event_time(name), end) for name in business.tables}
    if tables and all(frame.head(1).collect().is_empty() for frame in tables.values()):
        raise DataError(f"no table has a row before {end.date()}. Set a later as_of.", file=business.file.name)
    seen = unique(tables["interactions"].collect()) if "interactions" in tables else None
    if seen is not None:
        tables["interactions"] = seen.lazy()
    prepared = {name: (frame, event_time(name)) for name, frame in tables.items()}
    score = None
    if seen is not None:
        dates = month_starts(seen, end, business.score.window)
        score = scoring(business, history_of(business, seen), dates, end)
    prepared |= prepared_tables(business, seen, None if score is None else score.scored, end)
    parts = [part for name, (frame, at) in prepared.items() for part in _measured(name, frame, at, end)]
    measured = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["metric", "period"])
    first = pd.Timestamp(month.replace(tzinfo=None))
    return Results(
        business,
        Language(business.language),
        end,
        first,
        measured,
        dict(_changes(measured, prepared, first)),
        score,
        pd.DataFrame()
        if seen is None
        else retention_by_cohort(seen, end, arrivals=tables.get("customers")).to_pandas(),
    )


def _before(frame: pl.LazyFrame, at: str, end: dt.datetime) -> pl.LazyFrame:
    return frame.filter(pl.col(at) < end)


def _measured(table: str, frame: pl.LazyFrame, at: str, end: dt.datetime) -> Iterator[pd.DataFrame]:
    """Every metric of a table that its columns allow: by month, and over all time."""
    columns = frame.collect_schema().names()
    metrics = [m for m in METRICS.values() if m.table == table and _allows(columns, m)]
    if not metrics:
        return
    rows = frame.collect()
    for every in ("1mo",) if table in SNAPSHOTS else ("1mo", None):
        part = measure(rows, metrics, every=every, at=at, until=end)
        period = pl.col("period") if every else pl.lit(None, pl.Datetime("us")).alias("period")
        yield part.with_columns(period).to_pandas()


def _changes(
    measured: pd.DataFrame, prepared: dict[str, tuple[pl.LazyFrame, str]], month: pd.Timestamp
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Difference between the latest whole month and the one before it, for metrics whose unit is the customer."""
    for name in measured["metric"].unique():
        metric = METRICS[name]
        rows, at = prepared[metric.table]
        valued = measured[(measured["metric"] == name) & (measured["period"] <= month) & measured["value"].notna()]
        if not isinstance(metric, Ratio) or metric.unit != "customer" or valued.empty:
            continue
        period = valued["period"].max()
        wall = pl.col(at).dt.replace_time_zone(None).dt.truncate("1mo")
        new, old = (
            rows.filter(wall == pl.lit(start.to_pydatetime())).collect()
            for start in (period, period - pd.DateOffset(months=1))
        )
        yield name, paired_difference(metric, new, old)


def _allows(columns: list[str], metric: Metric) -> bool:
    needed = {*metric.columns, *metric.where}
    return needed <= set(columns) and (not metric.any_of or bool(set(metric.any_of) & set(columns)))
