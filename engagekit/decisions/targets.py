"""Targets: whether a number reaches what was aimed at, where a total will end, and which goal each metric serves."""

import datetime as dt
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import upper_tail
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Metric, Total
from engagekit.metrics.season import next_start
from engagekit.prepare.data_end import data_end
from engagekit.study import Study

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RunRate", "beyond", "own_past", "reached", "run_rate", "unserved"]

DAYS_A_WEEK, EPOCH_WEEKDAY = 7, 3  # 1 January 1970 was a Thursday
CONFIDENCE = 0.95
LOOKS_BACK = 8 * DAYS_A_WEEK  # days that the pace of the coming days is taken from
FEWEST_DAYS = 4 * DAYS_A_WEEK
PERIODS_BACK, FEWEST_PERIODS = 12, 3
Verdict = Literal["reached", "missed", "close"]


class RunRate(NamedTuple):
    """Where a total will be at the end of the period that runs.

    Attributes
    ----------
    so_far : float
        The total from the start of the period to the study's end, in the metric's unit.
    expected : Estimate
        The total at the end of the period with its 95 % prediction interval; NaN with the reason ``no_period`` where no
        period runs on that date, ``not_additive`` for a count of different customers, ``too_few_days`` below 28 days or
        with rows on less than one day in seven.
    ends : datetime
        First day after the period, on the wall clock.

    Examples
    --------
    >>> import polars as pl
    >>> from engagekit.metrics import revenue
    >>> run_rate(ek.Study(study.business, as_of="2026-10-20"), revenue).ends.isoformat()
    '2026-11-01T00:00:00'
    """

    so_far: float
    expected: Estimate
    ends: dt.datetime


def beyond(metric: Metric, estimate: Estimate, limit: float) -> Literal["above", "below", "close"]:
    """Where an estimate lies relative to a limit.

    Returns
    -------
    {"above", "below", "close"}
        ``close`` where the interval contains the limit, where the value is NaN, and where a metric that should have an
        interval has none. A total that was counted has no interval and is compared as it is.

    Examples
    --------
    >>> from engagekit.metrics import net_promoter_score
    >>> score = net_promoter_score([10] * 60 + [3] * 40)
    >>> [beyond(net_promoter_score, score, limit) for limit in (-10, 10, 60)]
    ['above', 'close', 'below']
    """
    unsure = math.isnan(estimate.low) and not isinstance(metric, Total)
    if unsure or estimate.low < limit < estimate.high or not math.isfinite(estimate.value):
        return "close"
    return "above" if estimate.value > limit else "below" if estimate.value < limit else "close"


def reached(metric: Metric, estimate: Estimate, aim: float) -> Verdict:
    """Whether an estimate reaches what was aimed at, in the direction that is better for the metric.

    Returns
    -------
    {"reached", "missed", "close"}
        ``close`` where it cannot be told at this sample size: the interval contains the aim.

    Examples
    --------
    >>> from engagekit.metrics import net_promoter_score
    >>> score = net_promoter_score([10] * 60 + [3] * 40)
    >>> [reached(net_promoter_score, score, aim) for aim in (-10, 10, 60)]
    ['reached', 'close', 'missed']
    """
    if estimate.value == aim:
        return "reached"
    place = beyond(metric, estimate, aim)
    if place == "close":
        return "close"
    return "reached" if (place == "above") == (metric.better != "lower") else "missed"


def own_past(series: "pd.DataFrame", period: dt.date) -> float:
    """Median of a metric over up to 12 whole periods before one, in the metric's unit.

    The median is taken as a fixed number: a comparison with it counts only the chance in the new value.

    Parameters
    ----------
    series : pandas.DataFrame
        ``period, value, warning`` of the metric, as ``study.measured`` has them. Partial periods do not count.
    period : date
        First day of the period that is compared.

    Returns
    -------
    float
        NaN with fewer than three whole periods.

    Examples
    --------
    >>> months = pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"])
    >>> own_past(pd.DataFrame({"period": months, "value": [4.0, 9.0, 5.0, 1.0], "warning": ""}), months[3])
    5.0
    """
    whole = (series["period"] < period) & ~series["warning"].str.contains("partial_period")
    values = series.loc[whole, "value"].dropna().tail(PERIODS_BACK)
    return float(values.median()) if len(values) >= FEWEST_PERIODS else math.nan


def run_rate(study: Study, metric: Total) -> RunRate:
    """Total that a metric will have reached when the period that runs on the study's date is over.

    Each remaining day is expected to be as the same weekday was in the last 8 weeks.

    Parameters
    ----------
    study : Study
        On a date within a period; on the first day of one none is running.
    metric : Total
        A sum of rows, such as revenue. A count of different customers cannot be added up over days.

    Returns
    -------
    RunRate
        Where the data end before the study's date, the days from then on are days to come.

    Raises
    ------
    DataError
        The business lacks the metric's table.

    Notes
    -----
    With c_w remaining days of a weekday w, its mean m_w over n_w days, and the variance s² of the totals of k whole
    weeks, which takes in that good days follow each other:
    so far + Σ c_w m_w ± t(k − 1) s sqrt((Σ c_w + Σ c_w²/n_w)/7). A trend, a holiday or a campaign to come is not in it.

    Examples
    --------
    Eight weeks of one order of 10 a day, ten days into March 2026:

    >>> import polars as pl
    >>> from engagekit.metrics import revenue
    >>> days = pl.datetime_range(dt.datetime(2026, 1, 12), dt.datetime(2026, 3, 10), "1d", eager=True)
    >>> done = pl.DataFrame({"customer_id": "a", "time": days, "action": "purchase", "channel": "shop", "value": 10.0})
    >>> made = run_rate(Study.of(interactions=done, as_of="2026-03-11"), revenue)
    >>> made.so_far, made.expected.value
    (100.0, 310.0)
    """
    begin = pd.Timestamp(next_start(study.last_period.date(), study.period))
    ends, made = pd.Timestamp(next_start(begin.date(), study.period)), study.prepared(metric.table)
    if made is None:
        raise DataError(f"is needed for {metric.name}, and not given. Add it.", file=f"[tables.{metric.table}]")
    if metric.once or metric.latest:
        return RunRate(math.nan, _unknown("not_additive"), ends)
    until = data_end(made[0], made[1], study.end)
    known = pd.Timestamp(until.replace(tzinfo=None)).normalize()
    if known <= begin:
        return RunRate(math.nan, _unknown("no_period"), ends)
    rows: Any = measure(made[0], [metric], every="1d", at=made[1], as_of=until)
    days = (rows if isinstance(rows, pd.DataFrame) else rows.to_pandas()).set_index("period")["value"].fillna(0.0)
    daily = days[days.index < known]
    so_far = float(daily[daily.index >= begin].sum())
    coming = pd.date_range(known, ends, freq="D", inclusive="left")
    return RunRate(so_far, _expected(daily.tail(LOOKS_BACK), coming, so_far), ends)


def unserved(business: Business) -> list[tuple[str, str]]:
    """What is wrong between goals and metrics of a business: pairs of a finding and what it is about.

    Returns
    -------
    list of (str, str)
        ``("no_goal", metric)`` for a metric with a target that no goal names, where goals are declared, and
        ``("no_metric", goal)`` for a goal without a metric.
    """
    served = {name for goal in business.goals.values() for name in goal.metrics}
    without_goal = [("no_goal", name) for name in business.targets if business.goals and name not in served]
    return without_goal + [("no_metric", name) for name, goal in business.goals.items() if not goal.metrics]


def _expected(daily: "pd.Series[float]", coming: pd.DatetimeIndex, so_far: float) -> Estimate:
    """Total at the end with its prediction interval, of the totals by day and the days to come."""
    values, weekdays, n = daily.to_numpy(float), _weekdays(daily.index), len(daily)
    if n < FEWEST_DAYS or (values != 0).mean() < 1 / DAYS_A_WEEK:
        return _unknown("too_few_days")
    counts = np.bincount(weekdays, minlength=DAYS_A_WEEK)
    means = np.bincount(weekdays, values, DAYS_A_WEEK) / counts
    ahead = np.bincount(_weekdays(coming), minlength=DAYS_A_WEEK)
    weeks = values[n % DAYS_A_WEEK :].reshape(-1, DAYS_A_WEEK).sum(axis=1)
    spread = math.sqrt(float(weeks.var(ddof=1)) / DAYS_A_WEEK * float(ahead.sum() + (ahead**2 / counts).sum()))
    value, half = so_far + float(ahead @ means), float(stdtrit(len(weeks) - 1, upper_tail(CONFIDENCE))) * spread
    low = max(value - half, so_far) if values.min() >= 0 else value - half
    return replace(_unknown(""), value=value, low=low, high=value + half, n=n, units=n, method="run_rate")


def _weekdays(days: "pd.Index[Any]") -> "NDArray[np.int64]":
    """Weekday of each day, Monday being 0."""
    return (days.to_numpy("datetime64[D]").astype(np.int64) + EPOCH_WEEKDAY) % DAYS_A_WEEK


def _unknown(reason: str) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, math.nan, math.nan, 0, 0, "", "", reason)
