"""What every ``metrics.json`` has: whose it is, the metrics that were measured, and what became of the rows."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from engagekit.data.business import Business
from engagekit.display.section import FEWEST, raw_rows, safe_table
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import Estimate
from engagekit.study import Study

__all__ = ["as_data", "funnel_rows", "study_data"]

MOST_ROWS = 1000  # refused rows that are named one by one
SCHEMA = 2


def study_data(study: Study) -> dict[str, Any]:
    """The content of ``metrics.json`` of a notebook of one's own: with every metric if it asked for all of them."""
    measured = vars(study).get("measured", pd.DataFrame())
    return as_data(study, study.end, pd.Timestamp(study.last_period.replace(tzinfo=None)), measured)


def as_data(study: Study, end: dt.datetime, month: pd.Timestamp, measured: pd.DataFrame) -> dict[str, Any]:
    """What every ``metrics.json`` has: whose it is, the metrics that were measured, and what became of the rows."""
    business = study.business
    return {
        "schema": SCHEMA,
        "business": {
            "slug": business.slug,
            **business.model_dump(include={"name", "kind", "language", "currency", "time_zone", "horizon"}),
        },
        "churn_definition": asdict(study.churn),
        "as_of": end.date().isoformat(),
        "month": month.strftime("%Y-%m"),
        "period": study.period,
        "last_period": month.date().isoformat(),
        "metrics": list(_metric_rows(business, measured, study.period)),
        "tables": [
            {
                "table": reading.table,
                "file": reading.file,
                "rows": reading.rows,
                "kept": reading.kept,
                "left_out": reading.left_out,
                "repeated": reading.repeated,
                "superseded": reading.superseded,
                "identical": reading.identical,
                "sha256": {file.file: file.sha256 for file in reading.files},
                "refused_rows": reading.refused.select("file", "row", "column", "reason").head(MOST_ROWS).rows(),
                "told": [asdict(way) for way in reading.ways],
                "overlapping": study.overlapping if reading.table == "subscriptions" else 0,
                "refused": reading.reasons().to_dicts(),
                "amended": reading.amendments().to_dicts(),
            }
            for reading in map(business.reading, business.tables)
        ],
    }


def _metric_rows(business: Business, measured: pd.DataFrame, length: str) -> Iterator[dict[str, Any]]:
    for _, row in measured.iterrows():
        metric, period = METRICS[row["metric"]], row["period"]
        yield {
            "metric": metric.name,
            "channel": metric.channel,
            "measured_in": metric.measured_in,
            "better": metric.better,
            "period": "all" if pd.isna(period) else period.strftime("%Y-%m" if length == "month" else "%Y-%m-%d"),
            **Estimate.of(dict(row)).as_dict(),
            "target": business.targets.get(metric.name),
        }


def funnel_rows(study: Study) -> Iterator[dict[str, Any]]:
    """Funnels, without the numbers of steps that fewer than five customers reached."""
    for funnel, frame in zip(study.business.funnels, study.funnels, strict=False):
        few = frame["left_out"].between(1, FEWEST - 1)
        safe = safe_table(frame.assign(left_out=frame["left_out"].astype(float).mask(few)), "customers")
        rows = [dict(zip(frame, row, strict=True)) for row in raw_rows(safe)]
        yield {**funnel.model_dump(), "rows": rows}
