"""Customers to win back: in the base one horizon ago, and gone since."""

import datetime as dt
from typing import Any

import narwhals as nw

from engagekit.customers.features import snapshot_rows
from engagekit.errors import DataError
from engagekit.frames.engine import to_narwhals, with_one_key_type
from engagekit.frames.times import DAY_US, days_later, micros_at, with_micros
from engagekit.prepare.contracts import NEVER_US, paid_periods
from engagekit.prepare.history import History, Past
from engagekit.prepare.leaving import ChurnDefinition

__all__ = ["win_back", "without_opted_out"]

Rows = nw.LazyFrame[Any]
MICROSECOND = dt.timedelta(microseconds=1)


def win_back(history: History, as_of: dt.datetime, churn: ChurnDefinition, *, customers: Any = None) -> Any:
    """List customers who have churned within the last horizon, the most valuable first.

    Neither a list of declines nor one of churn probabilities names them: the first needs customers who still come, the
    second customers who can still leave.

    Parameters
    ----------
    history : History
        With ``interactions``; with contracts with ``subscriptions``, and ``interactions`` where there are any.
    as_of : datetime
        End of the data: nothing from then on counts.
    churn : ChurnDefinition
        What leaving means. Without contracts, a customer is listed who had an interaction in the active window before
        ``as_of`` - horizon, and none since. With contracts, a customer is listed whose last paid period ended after
        ``as_of`` - horizon and was not renewed, and whose grace is over.
    customers : frame, optional
        ``customer_id`` and, where given, ``opted_out``, as they are today. Customers who opted out are left out.

    Returns
    -------
    frame of the caller's kind
        One row for each customer, sorted by ``value`` (highest first, nulls last) and then ``customer_id``.
        ``customer_id`` and

        - ``recency_days``: days since the last interaction before ``as_of``; null without one;
        - ``ended_days``, with contracts: days since the last paid period ended;
        - ``value``: money. Without contracts, that of the purchases less that of the refunds in the active window
          before ``as_of`` - horizon; null where the interactions have no ``value``. With contracts, the monthly value
          of the paid periods that ended last; null where it is not known.

    Raises
    ------
    DataError
        A table or a column is absent, or ``opted_out`` holds no yes and no.
    ValueError
        ``as_of`` or one of the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> tables = {"interactions": pl.DataFrame({"customer_id": ["a", "b", "b"], "action": "purchase",
    ...     "value": [90.0, 20.0, 30.0], "time": [datetime(2026, 1, 20), datetime(2026, 1, 21), datetime(2026, 3, 1)]})}
    >>> churn = ChurnDefinition(horizon="28d", contractual="subscriptions" in tables)
    >>> win_back(History(tables), datetime(2026, 3, 2), churn).rows()
    [('a', 41.0, 90.0)]
    """
    past, since = history.before(as_of), days_later(as_of, -churn.ahead)
    rows = _ended(past, since, churn) if churn.contractual else _silent(history.before(since), past, churn)
    if customers is not None:
        rows = without_opted_out(rows, customers)
    rows = rows.sort("value", "customer_id", descending=[True, False], nulls_last=True)
    return past.to_native(rows, "subscriptions" if churn.contractual else "interactions")


def _silent(base: Past, past: Past, churn: ChurnDefinition) -> Rows:
    """Customers with an interaction in the active window before a date, and none from it on."""
    active = snapshot_rows(base, [base.as_of], churn.active_window, channels=[], actions=[])
    later = with_micros(past.rows("interactions", ["customer_id", "time"]), "time", "us")
    later = later.filter(nw.col("us") >= micros_at(later, "time", base.as_of)).select("customer_id").unique()
    return active.join(later, on="customer_id", how="anti").select(
        "customer_id", nw.col("recency_days") + churn.ahead / dt.timedelta(days=1), "value"
    )


def _ended(past: Past, since: dt.datetime, churn: ChurnDefinition) -> Rows:
    """Customers whose last spell of paid periods ended after a date, and whose grace is over."""
    rows = past.rows("subscriptions", ["customer_id", "starts_at"], ["ends_at", "monthly_value", "subscription_id"])
    last_known = past.as_of - dt.timedelta(microseconds=1)  # a renewal on the date itself would not be there yet
    periods = paid_periods(rows.to_native(), churn.late, last_known)
    begin, now = (micros_at(periods, "starts_at", time) for time in (since, past.as_of))
    if "monthly_value" not in periods.collect_schema().names():
        periods = periods.with_columns(monthly_value=nw.lit(None, nw.Float64))
    ended, value = nw.col("spell_ends_us"), nw.col("monthly_value")
    periods = periods.with_columns(last=ended.max().over("customer_id"), unknown=value.is_null())
    over = periods.filter(nw.col("ends_us") == nw.col("last"), ended > begin, ended < NEVER_US)
    sums = over.group_by("customer_id").agg(ended.max().alias("ended"), value.sum(), nw.col("unknown").any())
    listed = sums.select(
        "customer_id",
        ended_days=(now - nw.col("ended")) / DAY_US,
        value=nw.when(~nw.col("unknown")).then(value.cast(nw.Float64)),
    )
    return _with_recency(listed, past).select("customer_id", "recency_days", "ended_days", "value")


def _with_recency(rows: Rows, past: Past) -> Rows:
    """Add the days since each customer's last interaction; null without one."""
    if "interactions" not in past:
        return rows.with_columns(recency_days=nw.lit(None, nw.Float64))
    times = with_micros(past.rows("interactions", ["customer_id", "time"]), "time", "us")
    now = micros_at(times, "time", past.as_of)
    last = times.group_by("customer_id").agg(nw.col("us").max())
    last = last.select("customer_id", recency_days=(now - nw.col("us")) / DAY_US)
    rows, last = with_one_key_type(rows, last, "customer_id")
    return rows.join(last, on="customer_id", how="left")


def without_opted_out(rows: Rows, customers: Any) -> Rows:
    """Leave out customers who want no messages; who did not say is not among them.

    Raises
    ------
    DataError
        ``opted_out`` holds no yes and no.

    Examples
    --------
    >>> import polars as pl
    >>> who = nw.from_native(pl.LazyFrame({"customer_id": ["a", "b"]}))
    >>> wishes = pl.DataFrame({"customer_id": ["a", "b"], "opted_out": [True, None]})
    >>> without_opted_out(who, wishes).collect()["customer_id"].to_list()
    ['b']
    """
    table = to_narwhals(customers, ["customer_id"], ["opted_out"])
    schema = table.collect_schema()
    if "opted_out" not in schema:
        return rows
    if schema["opted_out"] not in (nw.Boolean, nw.Unknown):
        raise DataError(f"is {schema['opted_out']}, not yes or no. Make it True and False.", column="opted_out")
    opted_out = table.filter(nw.col("opted_out").cast(nw.Boolean), ~nw.col("customer_id").is_null())
    rows, opted_out = with_one_key_type(rows, opted_out.select("customer_id").unique(), "customer_id")
    return rows.join(opted_out, on="customer_id", how="anti")
