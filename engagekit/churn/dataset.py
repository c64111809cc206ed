"""Customers of the base on past dates: what they had done before, and whether they left."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import narwhals as nw

from engagekit.customers.features import snapshot_rows
from engagekit.customers.signals import signals_of, with_signals
from engagekit.customers.windows import last_before, window_values
from engagekit.frames.engine import ROW, column_names, small_table, to_narwhals, with_one_key_type
from engagekit.frames.times import DAY_US, days_long, micros_at, with_micros
from engagekit.prepare.history import History, Past
from engagekit.prepare.leaving import ChurnDefinition, active_base, ends_by

__all__ = ["churn_dataset"]

Rows = nw.LazyFrame[Any]

MICROSECOND = dt.timedelta(microseconds=1)
COUNTS = ("interactions", "active_days", "distinct_actions", "orders")
SUMS = ("value", "duration_s")
BY_CHANNEL = "interactions_"


def churn_dataset(
    history: History,
    dates: Iterable[dt.datetime],
    churn: ChurnDefinition,
    *,
    window: str = "84d",
    as_of: dt.datetime | None = None,
    features: Any = None,
    base: Any = None,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Any:
    """Customers of the base on past dates: their features before each, and whether they left after it.

    Parameters
    ----------
    history : History
        With ``interactions`` and, where customers have contracts, ``subscriptions``.
    dates : iterable of datetime
        When to look back and ahead; one at least. Those after the end of the data are left out.
    churn : ChurnDefinition
        What leaving means.
    window : str, default "84d"
        Days that the features look back on.
    as_of : datetime, optional
        End of the data; by default the last interaction.
    features : frame, optional
        What ``snapshots`` gives for these dates, where it is there already.
    base : frame, optional
        What ``active_base`` gives for these dates, and perhaps for others, where it is there already.
    channels, actions
        As ``snapshots`` takes them, to make the features.

    Returns
    -------
    frame of the caller's kind
        One row for each date and customer in the base on it: what ``snapshots`` gives; ``churned``, null where the
        horizon is not over (censored, not stayed); and ``next_value``, money of purchases in the horizon less that of
        refunds, null where it is not over or no value is recorded. A customer who did nothing in the window has counts
        and sums of 0, ``recency_days`` since the last interaction ever or else since joining, and ``tenure_days``;
        what cannot be computed of nothing (``trend``, ``active_share``, ``preferred_channel``) is null. What other
        tables say (``with_signals``) does not need an interaction.

        ``recency_gaps`` is ``recency_days`` in mean gaps of the customer's own: the days of the window over its
        ``active_days``; null without any. A week of silence means more of a daily customer than of a monthly one.

        Without a table ``customers``, ``tenure_days`` cannot reach back beyond the beginning of the data, so that its
        maximum grows from date to date. Then there is also ``tenure_share``: ``tenure_days`` over the days from the
        beginning of the data to the date, 0 to 1, where 1 means since the beginning or before.

    Raises
    ------
    DataError
        A column or table is absent.
    ValueError
        There is no date before the end, a length is not a number of days, or one of the dates and times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> events = pl.DataFrame({"customer_id": ["a", "b", "a", "c"], "action": "view", "time": [datetime(2026, 1, 5),
    ...     datetime(2026, 1, 6), datetime(2026, 2, 5), datetime(2026, 3, 9)]})
    >>> tables, dates = {"interactions": events}, [datetime(2026, 2, 1), datetime(2026, 3, 1)]
    >>> churn = ChurnDefinition(horizon="28d", contractual="subscriptions" in tables)
    >>> rows = churn_dataset(History(tables), dates, churn)
    >>> rows.sort("date", "customer_id").select("customer_id", "date", "interactions", "churned").rows()[:2]
    [('a', datetime.datetime(2026, 2, 1, 0, 0), 1, False), ('b', datetime.datetime(2026, 2, 1, 0, 0), 1, True)]
    >>> rows.filter(rows["churned"].is_null())["date"].dt.month().unique().to_list()
    [3]
    """
    end = as_of or history.ends()
    days = sorted(ends_by(dates, dt.timedelta(0), end))
    if not days:
        raise ValueError(f"dates: there is none by {end}, the end of the data, and there must be one at least")
    known, last = history.before(end), history.before(days[-1])
    standing = _standing(history, days, churn, end) if base is None else base
    outcomes = _with_next_value(_base(standing, days, churn, end), known, days, churn)
    made = snapshot_rows(last, days, window, channels, actions) if features is None else _lazy(features)
    signals = signals_of(last)
    made = made.drop(signals, strict=False)  # again, also of customers who did nothing in the window
    names = [name for name in made.collect_schema().names() if name not in ("customer_id", "date")]
    outcomes, made = with_one_key_type(outcomes, made, "customer_id")
    rows = outcomes.join(made, on=["customer_id", "date"], how="left")
    rows = _with_silent(rows, names, last, days)
    gaps = nw.col("recency_days") * nw.col("active_days") / days_long("window", window).days
    rows = rows.with_columns(recency_gaps=nw.when(nw.col("active_days") > 0).then(gaps))
    names.insert(names.index("recency_days") + 1, "recency_gaps")
    if "customers" not in last:
        names.insert(names.index("tenure_days") + 1, "tenure_share")
        rows = _with_tenure_share(rows, last)
    rows = with_signals(rows, last, days, window)
    return last.to_native(rows.select("customer_id", "date", *names, *signals, "churned", "next_value"), "interactions")


def _standing(history: History, days: list[dt.datetime], churn: ChurnDefinition, end: dt.datetime) -> Any:
    """What ``active_base`` gives for the dates."""
    past = history.before(end + MICROSECOND)  # so that a paid period which ends then is over, or renewed then
    table = "subscriptions" if churn.contractual else "interactions"
    columns = {"interactions": ["customer_id", "time"], "subscriptions": ["customer_id", "starts_at", "ends_at"]}
    optional = ["monthly_value", "subscription_id"] if churn.contractual else []
    return active_base(past.rows(table, columns[table], optional).to_native(), days, churn, as_of=end)


def _base(standing: Any, days: list[dt.datetime], churn: ChurnDefinition, end: dt.datetime) -> Rows:
    """Customers of the base on each date, and whether they churned; null where that is not known yet."""
    rows, over = nw.from_native(standing).lazy(), set(ends_by(days, churn.outcome_after, end))
    known = small_table(rows, {"date": days, "over": [int(day in over) for day in days]})
    base: Rows = rows.filter("in_base").select("customer_id", "date", "churned").join(known, on="date")
    return base.with_columns(churned=nw.when(nw.col("over") == 1).then(nw.col("churned")))


def _with_next_value(base: Rows, past: Past, days: list[dt.datetime], churn: ChurnDefinition) -> Rows:
    """Base with the money that each customer spent in the horizon."""
    ends = ends_by(days, churn.ahead, past.as_of)
    if "value" not in past.columns("interactions") or not ends:
        return base.with_columns(next_value=nw.lit(None, nw.Float64))
    spent = window_values(past, ends, churn.horizon)
    base, spent = with_one_key_type(base, spent, "customer_id")
    rows = base.join(spent, on=["customer_id", "date"], how="left")
    return rows.with_columns(next_value=nw.when(nw.col("over") == 1).then(nw.col("value").fill_null(0.0))).drop("value")


def _with_silent(rows: Rows, names: list[str], past: Past, days: list[dt.datetime]) -> Rows:
    """Rows with the features of customers who did nothing in the window, and with the time of their date."""
    silent = nw.col("interactions").is_null()
    recorded = [name for name in SUMS if name in past.columns("interactions")]
    zeros = [name for name in names if name in (*COUNTS, *recorded) or name.startswith(BY_CHANNEL)]
    rows, before = with_one_key_type(rows, last_before(past, days), "customer_id")
    rows = rows.join(before.select("customer_id", "date", "us"), on=["customer_id", "date"], how="left")
    rows, joined = with_one_key_type(rows, _joined(past), "customer_id")
    rows = rows.join(joined, on="customer_id", how="left")
    dates = small_table(rows, {"date": days, "date_us": [micros_at(_times(past), "time", day) for day in days]})
    rows = rows.join(dates, on="date", how="left")
    tenure = nw.when(nw.col("joined_us") < nw.col("date_us")).then((nw.col("date_us") - nw.col("joined_us")) / DAY_US)
    since = nw.when(~nw.col("us").is_null()).then((nw.col("date_us") - nw.col("us")) / DAY_US).otherwise(tenure)
    return rows.with_columns(
        *(nw.when(silent).then(nw.lit(0)).otherwise(nw.col(name)).alias(name) for name in zeros),
        recency_days=nw.when(silent).then(since).otherwise(nw.col("recency_days")),
        tenure_days=nw.when(silent).then(tenure).otherwise(nw.col("tenure_days")),
    )


def _with_tenure_share(rows: Rows, past: Past) -> Rows:
    """Rows with the tenure as a share of the days that could be observed."""
    begin = with_micros(_times(past), "time", "begin_us").select(nw.col("begin_us").min())
    observed = (nw.col("date_us") - nw.col("begin_us")) / DAY_US
    share = nw.when(observed > 0).then(nw.min_horizontal(nw.lit(1.0), nw.col("tenure_days") / observed))
    share = nw.when(~nw.col("tenure_days").is_null()).then(share)
    return rows.join(begin, how="cross").with_columns(tenure_share=share)


def _lazy(features: Any) -> Rows:
    return to_narwhals(features, column_names(features)).drop(ROW, strict=False)


def _times(past: Past) -> Rows:
    return past.rows("interactions", ["time"])


def _joined(past: Past) -> Rows:
    """When customers joined: as they say, else with their first paid period or interaction."""
    columns = {"customers": "joined_at", "subscriptions": "starts_at", "interactions": "time"}
    table = next(name for name, time in columns.items() if name in past and time in past.columns(name))
    rows = with_micros(past.rows(table, ["customer_id", columns[table]]), columns[table], "joined_us")
    return rows.group_by("customer_id").agg(nw.col("joined_us").min())
