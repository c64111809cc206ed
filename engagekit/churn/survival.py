"""How long customers stay: when each left after a date, and the survival curve of these times (Kaplan-Meier)."""

import datetime as dt
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike

from engagekit.frames.times import DAY_US, days_long, micros_at, with_micros
from engagekit.metrics.kaplan_meier import kaplan_meier
from engagekit.prepare.contracts import paid_periods
from engagekit.prepare.history import History, Past
from engagekit.prepare.leaving import ChurnDefinition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["churn_times", "survival"]

Rows = nw.LazyFrame[Any]

MICROSECOND = dt.timedelta(microseconds=1)


def churn_times(
    history: History, date: dt.datetime, churn: ChurnDefinition, *, as_of: dt.datetime | None = None
) -> Any:
    """Days from a date until each customer in the base left, as far as that is known.

    Without contracts, a customer leaves when a silence has lasted for a whole horizon; one that had lasted as long
    before the date is counted from the date. With contracts, a customer leaves at the end of the spell that covers the
    date.

    Parameters
    ----------
    history : History
        With ``interactions`` or, with contracts, ``subscriptions``.
    date : datetime
        The date of the base.
    churn : ChurnDefinition
        What leaving means. Without contracts, the base is the customers with an interaction in the active window before
        the date; with contracts, those with a spell that covers it.
    as_of : datetime, optional
        End of the data; by default the time of the last interaction.

    Returns
    -------
    frame of the caller's kind
        One row for each customer in the base, in the order of ``customer_id``:

        - ``customer_id``;
        - ``days``, from 0 up, from the date until the customer left or, of the others, until the end of observation:
          ``as_of``, less the grace of contracts, because a later renewal is not known yet;
        - ``left``, whether the customer left.

    Raises
    ------
    DataError
        A table or column is absent.
    ValueError
        One of ``date`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> tables = {"interactions": pl.DataFrame({"customer_id": ["a", "b", "b"], "action": "view",
    ...     "time": [datetime(2026, 1, 25), datetime(2026, 1, 20), datetime(2026, 3, 1)]})}
    >>> churn = ChurnDefinition(horizon="28d", contractual="subscriptions" in tables)
    >>> churn_times(History(tables), datetime(2026, 2, 1), churn, as_of=datetime(2026, 3, 3)).rows()
    [('a', 21.0, True), ('b', 16.0, True)]
    """
    end = as_of or history.ends()
    past = history.before(end + MICROSECOND)  # a paid period that ends at the end of the data is known to end
    ends = _spell_ends if churn.contractual else _silences
    rows, day, last = ends(past, date, churn, end)
    left = nw.col("left_at") <= last
    until = nw.when(left).then(nw.col("left_at")).otherwise(nw.lit(last))
    times = rows.select("customer_id", days=(until - day) / DAY_US, left=left).sort("customer_id")
    return past.to_native(times, "subscriptions" if churn.contractual else "interactions")


def survival(days: ArrayLike, left: ArrayLike) -> "pd.DataFrame":
    """Share of customers still there after a number of days, from 0 to 1 (Kaplan-Meier).

    Customers who have not left count for as long as they were observed.

    Parameters
    ----------
    days : array-like of float
        Since the start, 0 or above, until a customer left or was last observed.
    left : array-like of bool
        Whether the customer left then.

    Returns
    -------
    pandas.DataFrame
        A row for the start, for each time at which a customer left, and for the end: ``days``; ``at_risk``, customers
        under observation until then; ``value``, the share; and ``low, high``, its 95 % interval at each point by
        itself, from Greenwood's standard error of log(-log), NaN where all have left.

    Raises
    ------
    ValueError
        There is no customer, a time is below 0 or missing, or the lengths differ.

    References
    ----------
    .. [1] Kalbfleisch, J. D., & Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data. Wiley, 18.

    Examples
    --------
    >>> survival([1, 2, 2, 3], [True, True, False, False])[["days", "at_risk", "value"]].round(3).to_numpy().tolist()
    [[0.0, 4.0, 1.0], [1.0, 4.0, 0.75], [2.0, 3.0, 0.5], [3.0, 1.0, 0.5]]
    """
    import pandas as pd

    observed_days, has_left = np.asarray(days, float), np.asarray(left, bool)
    if not len(observed_days) or len(observed_days) != len(has_left) or not (observed_days >= 0).all():
        raise ValueError("days: give a time of 0 or above for each customer, and one customer at least")
    curve = kaplan_meier(observed_days, has_left)
    points = np.column_stack([curve.times, curve.at_risk, curve.share, *curve.band()])
    points = np.vstack([[0.0, len(observed_days), 1.0, 1.0, 1.0], points])
    longest = observed_days.max()
    if points[-1, 0] < longest:
        points = np.vstack([points, [longest, (observed_days == longest).sum(), *points[-1, 2:]]])
    return pd.DataFrame(points, columns=["days", "at_risk", "value", "low", "high"]).astype({"at_risk": int})


def _silences(past: Past, date: dt.datetime, churn: ChurnDefinition, end: dt.datetime) -> tuple[Rows, int, int]:
    """When each customer in the base had been silent for a horizon; the date and the end of observation."""
    rows = with_micros(past.rows("interactions", ["customer_id", "time"]), "time", "us")
    day, last = (micros_at(rows, "time", time) for time in (date, end))
    active = days_long("active_window", churn.active_window)
    horizon, window = (length // MICROSECOND for length in (churn.ahead, active))
    time = nw.col("us")
    following = time.shift(-1).over("customer_id", order_by="us")
    since = nw.when(time + horizon < day).then(nw.lit(day)).otherwise(time)
    silent = nw.col("following").is_null() | (nw.col("following") - nw.col("since") >= horizon)
    customers = (
        rows.filter(time < last)
        .with_columns(following=following, since=since, in_base=(time >= day - window) & (time < day))
        .with_columns(left_at=nw.when(silent).then(nw.col("since") + horizon))
        .group_by("customer_id")
        .agg(nw.col("in_base").any(), nw.col("left_at").min())
    )
    return customers.filter("in_base"), day, last


def _spell_ends(past: Past, date: dt.datetime, churn: ChurnDefinition, end: dt.datetime) -> tuple[Rows, int, int]:
    """When the spell that covers the date ended, of each customer in the base; the date and the end of observation."""
    names = ["ends_at", "monthly_value", "subscription_id"]
    rows = past.rows("subscriptions", ["customer_id", "starts_at"], names)
    day, last = (micros_at(rows, "starts_at", time) for time in (date, end))
    periods = paid_periods(rows, churn.late, end)
    covering = periods.filter(nw.col("spell_starts_us") <= day, nw.col("spell_ends_us") > day)
    customers = covering.group_by("customer_id").agg(nw.col("spell_ends_us").min().alias("left_at"))
    return customers, day, max(last - churn.late // MICROSECOND, day)
