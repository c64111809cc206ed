"""A business's tables -> the prepared ones that metrics are arithmetic over, for each month of the report."""

import datetime as dt
from collections.abc import Iterator

import polars as pl

from engagekit.customers.churn import base_at_risk, contracts_at_risk
from engagekit.customers.features import customer_features
from engagekit.customers.score import Scorecard
from engagekit.data.business import Business
from engagekit.data.orders import buyers, orders

__all__ = ["MONTHS", "months_later", "prepared_tables", "scores_on"]

MONTHS = 13
REPEAT_WINDOW = "90d"


def prepared_tables(
    business: Business,
    seen: pl.DataFrame | None,
    scorecard: Scorecard | None,
    end: dt.datetime,
) -> dict[str, tuple[pl.LazyFrame, str]]:
    """Tables that metrics are arithmetic over, made from the business's own: each with the column that dates it.

    ``orders`` and ``buyers`` come of interactions that carry a value; ``base`` are the customers at risk on the first
    of each month; ``scores`` those of the customers at the end of each month.
    """
    prepared: dict[str, tuple[pl.LazyFrame, str]] = {}
    if seen is not None and "value" in seen.columns:
        ordered = orders(seen)
        prepared["orders"] = ordered.lazy(), "time"
        prepared["buyers"] = _whole_months(buyers(ordered, end, REPEAT_WINDOW), end), "first_at"
    base = list(_bases(business, seen, end))
    if base:
        prepared["base"] = pl.concat(base).lazy(), "date"
    if seen is not None and scorecard is not None:
        snapshots = [
            scores_on(day, seen, scorecard, business.score.window).with_columns(date=pl.lit(months_later(day, -1)))
            for day in _month_starts(seen, end, business.score.window)
        ]
        if snapshots:
            prepared["scores"] = pl.concat(snapshots).lazy(), "date"
    return prepared


def _whole_months(bought: pl.DataFrame, end: dt.datetime) -> pl.LazyFrame:
    """Buyers of the months whose last day has its window behind it, lest the latest month be its first days alone."""
    month = pl.col("first_at").dt.truncate("1mo")
    return bought.lazy().filter(month.dt.offset_by("1mo").dt.offset_by(REPEAT_WINDOW) <= end)


def _bases(business: Business, seen: pl.DataFrame | None, end: dt.datetime) -> Iterator[pl.DataFrame]:
    """Customers at risk on the first of each month whose horizon is over, and who of them left."""
    horizon = dt.timedelta(days=int(business.horizon.removesuffix("d")))
    contractual = business.kind != "ecommerce" and "subscriptions" in business.tables
    rows = business.table("subscriptions", lazy=True).collect() if contractual else seen
    if rows is None:
        return
    at_risk = contracts_at_risk if contractual else base_at_risk
    for day in _month_starts(rows, end, "1d" if contractual else business.horizon):
        if day + horizon <= end:
            yield at_risk(rows, day, business.horizon).with_columns(date=pl.lit(day))


def _month_starts(seen: pl.DataFrame, end: dt.datetime, before: str) -> list[dt.datetime]:
    """First days of the last months up to the end that have so much data before them.

    A window that began before the data would make what looks back over it rise from month to month.
    """
    first = seen.select(pl.col("time" if "time" in seen.columns else "starts_at").min()).item()
    needed = dt.timedelta(days=int(before.removesuffix("d")))
    starts = [months_later(end.replace(day=1), -back) for back in reversed(range(MONTHS + 1))]
    return [day for day in starts if first is not None and day - needed >= first.replace(hour=0, minute=0, second=0)]


def months_later(day: dt.datetime, months: int) -> dt.datetime:
    """Same day of another month; the first of a month has one in each."""
    number = day.year * 12 + day.month - 1 + months
    return day.replace(year=number // 12, month=number % 12 + 1)


def scores_on(day: dt.datetime, seen: pl.DataFrame | None, scorecard: Scorecard | None, window: str) -> pl.DataFrame:
    """Score of each customer who was active in the window before a day; empty without interactions or scorecard."""
    if seen is None or scorecard is None:
        return pl.DataFrame(schema={"customer_id": pl.String, "score": pl.Float64, "segment": pl.String})
    scored: pl.DataFrame = scorecard.score(customer_features(seen, day, window))
    return scored
