"""Customers at risk on past dates: what they had done before, and whether they left."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import narwhals as nw

from engagekit.customers.features import snapshot_rows
from engagekit.customers.windows import window_values
from engagekit.frames.engine import small_table, with_one_key_type
from engagekit.frames.times import days_long
from engagekit.prepare.history import History, Past
from engagekit.prepare.leaving import contracts_at_risk, ends_by

__all__ = ["churn_dataset"]


def churn_dataset(
    history: History,
    dates: Iterable[dt.datetime],
    horizon: str = "84d",
    gap: str | None = None,
    *,
    window: str = "84d",
    as_of: dt.datetime | None = None,
    contractual: bool = False,
    grace: str | None = None,
    channels: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
) -> Any:
    """Customers at risk on past dates: their features before each, and whether they left after it.

    Parameters
    ----------
    history : History
        With ``interactions`` and, if ``contractual``, ``subscriptions``.
    dates : iterable of datetime
        When to look back and ahead; one at least. Those after the end of the data are left out.
    horizon : str, default "84d"
        Days of 24 hours ahead. Churned is who did nothing in them; with a contract, of whom no paid period runs at
        their end. At risk is who did something in as many days before the date; with a contract, of whom a paid
        period runs on it.
    gap : str, optional
        Days between the date and the start of the horizon, in which something can still be done about it.
    window : str, default "84d"
        Days that the features look back on.
    as_of : datetime, optional
        End of the data; by default the last interaction.
    contractual : bool, default False
        Whether customers are lost when their paid periods end.
    grace : str, optional
        Days within which a late renewal of a contract still counts as one.
    channels, actions
        As ``snapshots`` takes them.

    Returns
    -------
    frame of the caller's kind
        One row for each date and customer at risk on it: what ``snapshots`` gives, null where the customer did nothing
        in the window; ``churned``, null where the horizon is not over (censored, not stayed); and ``next_value``, money
        of purchases in the horizon less that of refunds, null where it is not over or no value is recorded.

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
    >>> seen = pl.DataFrame({"customer_id": ["a", "b", "a", "c"], "action": "view", "time": [datetime(2026, 1, 5),
    ...     datetime(2026, 1, 6), datetime(2026, 2, 5), datetime(2026, 3, 9)]})
    >>> rows = churn_dataset(History({"interactions": seen}), [datetime(2026, 2, 1), datetime(2026, 3, 1)], "28d")
    >>> rows.sort("date", "customer_id").select("customer_id", "date", "interactions", "churned").rows()[:2]
    [('a', datetime.datetime(2026, 2, 1, 0, 0), 1, False), ('b', datetime.datetime(2026, 2, 1, 0, 0), 1, True)]
    >>> rows.filter(rows["churned"].is_null())["date"].dt.month().unique().to_list()
    [3]
    """
    end = as_of or history.ends()
    days = sorted(ends_by(dates, dt.timedelta(0), end))
    if not days:
        raise ValueError(f"dates: there is none by {end}, the end of the data, and there must be one at least")
    ahead = days_long("horizon", horizon) + days_long("gap", gap)
    spare = days_long("grace", grace if contractual else None)
    past = history.before(end + dt.timedelta(microseconds=1))  # so that a paid period which ends then is known to
    known = history.before(end)
    if contractual:
        at_risk = nw.concat([_under_contract(past, date, f"{ahead.days}d", grace) for date in days])
    else:
        at_risk = window_values(known, {date: date for date in days}, horizon).select("customer_id", "date")
    over = ends_by(days, ahead, end)
    told = set(ends_by(days, ahead + spare, end))
    outcomes = _with_outcomes(at_risk, known, {date: over[date] for date in over if date in told}, horizon)
    features = snapshot_rows(history.before(days[-1]), days, window, channels, actions)
    names = [name for name in features.collect_schema().names() if name not in ("customer_id", "date")]
    outcomes, features = with_one_key_type(outcomes, features, "customer_id")
    found = outcomes.join(features, on=["customer_id", "date"], how="left")
    return past.to_native(found.select("customer_id", "date", *names, "churned", "next_value"), "interactions")


def _under_contract(past: Past, date: dt.datetime, ahead: str, grace: str | None) -> nw.LazyFrame[Any]:
    """Who was subscribed on a date, and who of them no longer was so many days later."""
    paid = past.rows("subscriptions", ["customer_id", "starts_at", "ends_at"])
    standing: nw.LazyFrame[Any] = nw.from_native(contracts_at_risk(paid.to_native(), date, ahead, grace)).lazy()
    return (
        standing.filter("at_risk")
        .select("customer_id", "churned")
        .join(small_table(paid, {"date": [date]}), how="cross")
    )


def _with_outcomes(
    at_risk: nw.LazyFrame[Any], past: Past, over: dict[dt.datetime, dt.datetime], horizon: str
) -> nw.LazyFrame[Any]:
    """Customers at risk with what came of them, where the time for it is over."""
    contractual = "churned" in at_risk.collect_schema().names()
    if not over:
        unknown = {"churned": nw.lit(None, nw.Boolean), "next_value": nw.lit(None, nw.Float64)}
        return at_risk.select("customer_id", "date", **unknown)
    after = window_values(past, over, horizon).with_columns(back=nw.lit(1))
    known = small_table(at_risk, {"date": list(over), "over": [1] * len(over)})
    at_risk, after = with_one_key_type(at_risk, after, "customer_id")
    rows = at_risk.join(known, on="date", how="left").join(after, on=["customer_id", "date"], how="left")
    lived = nw.when(nw.col("over") == 1)
    worth = nw.col("value").fill_null(0.0) if "value" in past.columns("interactions") else nw.lit(None, nw.Float64)
    left = nw.col("churned") if contractual else nw.col("back").is_null()
    return rows.select("customer_id", "date", churned=lived.then(left), next_value=lived.then(worth))
