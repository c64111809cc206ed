"""How long customers stay: who left when after a date, and the share that is left (Kaplan-Meier)."""

import datetime as dt
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike

from engagekit.frames.times import days_long, micros_at, with_micros
from engagekit.metrics.intervals import upper_tail
from engagekit.metrics.kaplan_meier import kaplan_meier
from engagekit.prepare.history import History
from engagekit.prepare.interactions import US, valid_interactions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["churn_times", "survival"]

DAY_US = 86_400_000_000
NEVER_US = 2**62


def churn_times(
    history: History,
    date: dt.datetime,
    horizon: str = "84d",
    *,
    as_of: dt.datetime | None = None,
    contractual: bool = False,
    grace: str | None = None,
) -> Any:
    """When the customers at risk on a date left after it, as far as that is known.

    Without a contract, who has done nothing for a whole horizon has left when it is over. With one, who has no new paid
    period within the grace after the end of the last has left at that end.

    Parameters
    ----------
    history : History
        With ``interactions`` or, if ``contractual``, ``subscriptions``.
    date : datetime
        At risk is who did something in the horizon before it; with a contract, of whom a paid period runs on it.
    horizon : str, default "84d"
        Days of 24 hours.
    as_of : datetime, optional
        End of the data; by default the last interaction.
    contractual : bool, default False
        Whether customers are lost when their paid periods end.
    grace : str, optional
        Days in which a contract can be renewed late; by default the horizon. The last such days of the data cannot tell
        who left, so customers are watched until then.

    Returns
    -------
    frame of the caller's kind
        One row for each customer at risk on the date: ``customer_id``; ``days`` since the date, from 0 on, to when the
        customer left or, of who has not, to the end of the watch; and ``left``.

    Raises
    ------
    DataError
        A table or column is absent.
    ValueError
        ``horizon`` or ``grace`` is not a number of days, or one of ``date`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> rows = pl.DataFrame({"customer_id": ["a", "b", "b"], "action": "view",
    ...     "time": [datetime(2026, 1, 25), datetime(2026, 1, 20), datetime(2026, 3, 1)]})
    >>> found = churn_times(History({"interactions": rows}), datetime(2026, 2, 1), "28d", as_of=datetime(2026, 3, 3))
    >>> found.sort("customer_id").rows()
    [('a', 21.0, True), ('b', 16.0, True)]
    """
    end = as_of or history.ends()
    silence = days_long("grace", grace) if contractual and grace else days_long("horizon", horizon)
    length = silence // dt.timedelta(microseconds=1) + contractual  # a renewal on the last day of the grace is one
    past = history.before(end + dt.timedelta(microseconds=1))  # so that a paid period which ends then is known to
    if contractual:
        rows = past.rows("subscriptions", ["customer_id", "starts_at", "ends_at"])
        for name in ("starts_at", "ends_at"):
            rows = with_micros(rows, name, f"{name}:us")
        day, last = (micros_at(rows, "starts_at", time) for time in (date, end))
        spans = rows.select(
            "customer_id", begins=nw.col("starts_at:us"), ends=nw.col("ends_at:us").fill_null(NEVER_US)
        ).filter(~nw.col("customer_id").is_null(), nw.col("begins") < nw.col("ends"))
        lag, last, there = 0, max(last - length, day), (nw.col("begins") <= day) & (nw.col("ends") > day)
    else:
        rows = valid_interactions(past["interactions"])
        day, last = (micros_at(rows, "time", time) for time in (date, end))
        spans = rows.select("customer_id", begins=nw.col(US), ends=nw.col(US)).filter(nw.col("begins") < last)
        lag, there = length, (nw.col("begins") >= day - length) & (nw.col("begins") < day)
    in_order: dict[str, Any] = {"order_by": "begins"}
    reached = spans.with_columns(
        reach=nw.col("ends").cum_max().over("customer_id", **in_order),
        next=nw.col("begins").shift(-1).over("customer_id", **in_order),
        there=there,
    )
    silent = (nw.col("next").is_null() | (nw.col("next") - nw.col("reach") >= length)) & (nw.col("reach") + lag >= day)
    gone = reached.with_columns(at=nw.when(silent).then(nw.col("reach") + lag))
    first = gone.group_by("customer_id").agg(nw.col("there").any(), nw.col("at").min()).filter("there")
    left = nw.col("at") <= last
    days = (nw.when(left).then(nw.col("at")).otherwise(nw.lit(last)) - day) / DAY_US
    return past.to_native(first.select("customer_id", days=days, left=left), "interactions")


def survival(days: ArrayLike, left: ArrayLike) -> "pd.DataFrame":
    """Share of customers who have not left after so many days (Kaplan-Meier), in which the others count while watched.

    Parameters
    ----------
    days : array-like of float
        Since the start, 0 or above, until a customer left or was last known to be there.
    left : array-like of bool
        Whether the customer left then.

    Returns
    -------
    pandas.DataFrame
        A row for the start, for each time at which somebody left, and for the end: ``days``; ``at_risk``, customers who
        were watched until then; ``value``, 0 to 1; and ``low, high``, 95 % at each point by itself, from Greenwood's
        standard error of log(-log), NaN where all have left.

    Raises
    ------
    ValueError
        There is nobody, a time is below 0 or missing, or there is no outcome for each.

    References
    ----------
    .. [1] Kalbfleisch, J. D., & Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data. Wiley, 18.

    Examples
    --------
    >>> survival([1, 2, 2, 3], [True, True, False, False])[["days", "at_risk", "value"]].round(3).to_numpy().tolist()
    [[0.0, 4.0, 1.0], [1.0, 4.0, 0.75], [2.0, 3.0, 0.5], [3.0, 1.0, 0.5]]
    """
    import pandas as pd
    from scipy.special import ndtri

    lived, gone = np.asarray(days, float), np.asarray(left, bool)
    if not len(lived) or len(lived) != len(gone) or not (lived >= 0).all():
        raise ValueError("days: give a time of 0 or above for each customer, and one customer at least")
    start = [(0.0, len(lived), 1.0, 1.0, 1.0)]
    if not gone.any():
        points = np.empty((0, len(start[0])))
    else:
        curve = kaplan_meier(lived, gone)
        value, error = curve.share, curve.standard_error
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.exp(ndtri(upper_tail(0.95)) * error / -(value * np.log(value)))
        points = np.column_stack([curve.times, curve.at_risk, value, value**reach, value ** (1 / reach)])
    longest = lived.max()
    told = points[-1] if len(points) else np.array(start[0])
    close = [] if told[0] == longest else [(longest, (lived == longest).sum(), *told[2:])]
    table = pd.DataFrame([*start, *points, *close], columns=["days", "at_risk", "value", "low", "high"])
    return table.astype({"at_risk": int})
