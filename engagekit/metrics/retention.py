"""Metrics of retention and churn, from the base of a date (`prepare/leaving.py`), buyers and activity.

Examples
--------
One of four customers left, one pays less and one more; one of two former customers is back, and one is new:

>>> import pandas as pd
>>> base = pd.DataFrame({"in_base": [1, 1, 1, 1, 0, 0, 0], "churned": [1, 0, 0, 0, 0, 0, 0],
...     "lapsed": [0, 0, 0, 0, 1, 1, 0], "reactivated": [0, 0, 0, 0, 1, 0, 0], "acquired": [0, 0, 0, 0, 0, 0, 1],
...     "remained": [0, 1, 1, 1, 1, 0, 1], "opening_value": [10.0] * 4 + [0.0] * 3,
...     "closing_value": [0.0, 8.0, 10.0, 16.0, 10.0, 0.0, 10.0]})
>>> [metric(base).value for metric in (churn_rate, retention_rate, reactivation_rate, lost_to_acquired_ratio)]
[0.25, 0.75, 0.5, 1.0]
>>> [metric(base).value for metric in (revenue_churn_rate, gross_revenue_retention, net_revenue_retention)]
[0.25, 0.7, 0.85]
>>> round(churn_rate_average_base(base).value, 3)
0.222

Counts of customers, by what they did and what became of them:

>>> known = pd.DataFrame({"customer_id": ["a", "a", "b"], "state": ["dormant", "resurrected", "returning"]})
>>> [metric(known).value for metric in (interactions, active_customers, new_customers, cancellations)]
[3.0, 2.0, 2.0, 2.0]
>>> [metric(known).value for metric in (returning_customers, resurrected_customers, dormant_customers)]
[1.0, 1.0, 1.0]
>>> onboarding_rate(pd.DataFrame({"customer_id": ["a", "b"], "onboarded": [1, 0]})).value
0.5
>>> first_purchase_churn_rate(pd.DataFrame({"repeated": [1, 1, 1, 0], "window_over": [1] * 4})).value
0.25
>>> stickiness(pd.DataFrame({"customer_id": ["a", "b"], "active_days": [15, 6], "days": [30, 30]})).value
0.35
"""

from typing import Any, Literal

import narwhals as nw

from engagekit.metrics.declaration import are_flags
from engagekit.metrics.metric import Ratio, Total

__all__ = [
    "active_customers",
    "annualised",
    "cancellations",
    "churn_rate",
    "churn_rate_average_base",
    "customers_of",
    "dormant_customers",
    "first_purchase_churn_rate",
    "gross_revenue_retention",
    "interactions",
    "lost_to_acquired_ratio",
    "net_revenue_retention",
    "new_customers",
    "onboarding_rate",
    "reactivation_rate",
    "resurrected_customers",
    "retention_rate",
    "returning_customers",
    "revenue_churn_rate",
    "stickiness",
]

MONTHS_A_YEAR = 12
FARRIS = "Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson."
LIFECYCLE = "Growth accounting: new, active, returning, resurrected and dormant customers."
SKOK = "Skok, D. SaaS Metrics 2.0. For Entrepreneurs."

_in_base = nw.col("in_base").cast(nw.Float64)
_churned = nw.col("churned").cast(nw.Float64) * _in_base
_acquired, _remained = (nw.col(name).cast(nw.Float64) for name in ("acquired", "remained"))
_lapsed = nw.col("lapsed").cast(nw.Float64)
_opening, _closing = (nw.col(name).cast(nw.Float64) * _in_base for name in ("opening_value", "closing_value"))


def _of_base(
    name: str, columns: tuple[str, ...], better: Literal["higher", "lower"], reference: str = FARRIS, **declared: Any
) -> Ratio:
    return Ratio(
        name=name,
        channel="retention",
        table="base",
        columns=columns,
        unit="customer",
        better=better,
        reference=reference,
        **declared,
    )


def _share_of_base(name: str, columns: tuple[str, ...], better: Literal["higher", "lower"], part: nw.Expr) -> Ratio:
    whole = nw.col(columns[-1]).cast(nw.Float64)
    return _of_base(
        name,
        columns,
        better,
        valid=are_flags(*columns),
        numerator=part,
        denominator=whole,
        bounded=True,
        method="wilson",
        measured_in="rate",
    )


churn_rate = _share_of_base("churn_rate", ("churned", "in_base"), "lower", _churned)
retention_rate = _share_of_base("retention_rate", ("churned", "in_base"), "higher", _in_base - _churned)
churn_rate_average_base = _of_base(
    "churn_rate_average_base",
    ("churned", "remained", "in_base"),
    "lower",
    valid=are_flags("churned", "remained", "in_base"),
    numerator=_churned,
    denominator=nw.when(_in_base + _remained > 0).then((_in_base + _remained) / 2),
    least=0,
    measured_in="rate",
)
lost_to_acquired_ratio = _of_base(
    "lost_to_acquired_ratio",
    ("churned", "in_base", "acquired"),
    "lower",
    "ETFFIN, Metrik Pengalaman Pelanggan.",
    valid=are_flags("churned", "in_base", "acquired"),
    numerator=_churned,
    denominator=nw.when(_in_base + _acquired > 0).then(_acquired),
    least=0,
    measured_in="ratio",
)
reactivation_rate = _share_of_base(
    "reactivation_rate", ("reactivated", "lapsed"), "higher", nw.col("reactivated").cast(nw.Float64) * _lapsed
)


def _of_revenue(name: str, better: Literal["higher", "lower"], part: nw.Expr, *more: str, **declared: Any) -> Ratio:
    return _of_base(
        name,
        (*more, "opening_value", "in_base"),
        better,
        SKOK,
        valid=are_flags("in_base") & (nw.col("opening_value") >= 0),
        numerator=part,
        denominator=nw.when(_opening > 0).then(_opening),
        measured_in="rate",
        **declared,
    )


gross_revenue_retention = _of_revenue(
    "gross_revenue_retention",
    "higher",
    nw.when(_closing < _opening).then(_closing).otherwise(nw.when(~_closing.is_null()).then(_opening)),
    "closing_value",
    bounded=True,
)
net_revenue_retention = _of_revenue(
    "net_revenue_retention",
    "higher",
    _closing,
    "closing_value",
    least=0,
)
revenue_churn_rate = _of_revenue("revenue_churn_rate", "lower", _opening * _churned, "churned", bounded=True)

first_purchase_churn_rate = Ratio(
    name="first_purchase_churn_rate",
    channel="retention",
    table="buyers",
    columns=("repeated", "window_over"),
    valid=are_flags("repeated", "window_over"),
    numerator=(1 - nw.col("repeated").cast(nw.Float64)) * nw.col("window_over").cast(nw.Float64),
    denominator=nw.col("window_over").cast(nw.Float64),
    bounded=True,
    method="wilson",
    unit="customer",
    measured_in="rate",
    better="lower",
    reference=FARRIS,
)

stickiness = Ratio(
    name="stickiness",
    channel="retention",
    table="activity",
    columns=("active_days", "days", "customer_id"),
    valid=(nw.col("active_days") >= 0) & (nw.col("days") > 0),
    numerator=nw.col("active_days") / nw.col("days"),
    bounded=True,
    unit="customer",
    cluster="customer_id",
    measured_in="rate",
    better="higher",
    reference="Facebook, Inc. (2012). Form S-1: daily active users over monthly active users.",
)


def customers_of(
    name: str,
    channel: str,
    table: str,
    reference: str,
    better: Literal["higher", "lower"] = "higher",
    state: str = "",
) -> Total:
    """Total of the different customers of a table, or of those in a state, each once a period.

    Examples
    --------
    >>> import pandas as pd
    >>> buyers = customers_of("buyers", "sales", "orders", "Counted by hand.")
    >>> buyers(pd.DataFrame({"customer_id": ["a", "b", "a", None]})).value
    2.0
    """
    return Total(
        name=name,
        channel=channel,
        table=table,
        columns=("customer_id", "state") if state else ("customer_id",),
        texts=("state",) if state else (),
        value=nw.when(nw.col("state") == state).then(nw.lit(1.0)).otherwise(nw.lit(0.0)) if state else nw.lit(1.0),
        unit="customer",
        cluster="customer_id",
        once="xy",
        measured_in="count",
        better=better,
        reference=reference,
    )


active_customers = customers_of("active_customers", "retention", "interactions", f"{SKOK} Active users.")
interactions = Total(
    name="interactions",
    channel="retention",
    table="interactions",
    columns=("customer_id",),
    value=nw.lit(1.0),
    unit="interaction",
    measured_in="count",
    better="higher",
    reference="Blazwa, Customer Engagement Score: frequency.",
)
new_customers = customers_of("new_customers", "retention", "customers", f"{FARRIS} Acquisition.")
returning_customers = customers_of("returning_customers", "retention", "lifecycle", LIFECYCLE, state="returning")
resurrected_customers = customers_of("resurrected_customers", "retention", "lifecycle", LIFECYCLE, state="resurrected")
dormant_customers = customers_of("dormant_customers", "retention", "lifecycle", LIFECYCLE, "lower", "dormant")
cancellations = customers_of("cancellations", "retention", "cancellations", f"{SKOK} Churned customers.", "lower")

onboarding_rate = Ratio(
    name="onboarding_rate",
    channel="retention",
    table="newcomers",
    columns=("onboarded", "customer_id"),
    valid=are_flags("onboarded"),
    numerator=nw.col("onboarded").cast(nw.Float64),
    bounded=True,
    method="wilson",
    unit="customer",
    measured_in="rate",
    better="higher",
    reference="Ellis, S., & Brown, M. (2017). Hacking Growth. Currency. Activation rate.",
)


def annualised(rate: float, periods: float = MONTHS_A_YEAR) -> float:
    """Share of customers lost in a year, 0 to 1, where each period loses ``rate`` of those who remain.

    The result increases with the rate, so the bounds of an interval can be annualised one by one.

    Parameters
    ----------
    rate : float
        Share lost in one period, 0 to 1.
    periods : float, default 12
        Periods in a year, above 0: 12 months, or 365 / 84 horizons of 84 days.

    Raises
    ------
    ValueError
        The rate is not between 0 and 1, or ``periods`` is not above 0.

    Notes
    -----
    1 − (1 − rate)^periods. Customers who have stayed longer leave less often, so this usually overstates the year.

    Examples
    --------
    Five per cent a month are not sixty a year:

    >>> round(annualised(0.05), 4)
    0.4596
    """
    if not (0 <= rate <= 1 or rate != rate):
        raise ValueError(f"rate: {rate} is not between 0 and 1")
    if not periods > 0:
        raise ValueError(f"periods: {periods} is not above 0")
    return float(1 - (1 - rate) ** periods)
