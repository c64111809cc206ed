"""Metrics of sales, from orders and buyers (`prepare/orders.py`), and of product usage (`prepare/activity.py`).

Examples
--------
Three orders of two customers; the second was refunded in part:

>>> import pandas as pd
>>> orders = pd.DataFrame({"customer_id": ["a", "a", "b"], "lines": [1, 2, 1], "gross": [10.0, 30.0, 20.0],
...     "value": [10.0, 24.0, 20.0], "refunded": [0.0, 6.0, 0.0]})
>>> [metric(orders).value for metric in (revenue, orders_placed, order_value, gross_order_value, median_order_value)]
[54.0, 3.0, 18.0, 20.0, 20.0]
>>> [metric(orders).value for metric in (orders_per_customer, revenue_per_customer, median_revenue_per_customer)]
[1.5, 27.0, 27.0]
>>> [round(metric(orders).value, 2) for metric in (refund_rate, refunded_order_rate)]
[0.1, 0.33]
>>> paid = pd.DataFrame({"customer_id": ["a", "b"], "action": ["purchase", "refund"], "value": [100.0, 5.0]})
>>> cash_refund_rate(paid).value
0.05

Three of four buyers bought again and one bought several products; one of four features is used:

>>> buyers = pd.DataFrame({"repeated": [1, 1, 1, 0], "several_products": [1, 0, 0, 0], "window_over": [1, 1, 1, 1]})
>>> repeat_purchase_rate(buyers).value, cross_sell_rate(buyers).value
(0.75, 0.25)
>>> product_usage_rate(pd.DataFrame({"customer_id": ["a"], "features_used": [1], "features_offered": [4]})).value
0.25
"""

from typing import Any, Literal

import narwhals as nw

from engagekit.frames.engine import as_number
from engagekit.metrics.declaration import are_flags
from engagekit.metrics.metric import Ratio, Total
from engagekit.metrics.quantile import Quantile

__all__ = [
    "cash_refund_rate",
    "cross_sell_rate",
    "gross_order_value",
    "median_order_value",
    "median_revenue_per_customer",
    "order_value",
    "orders_per_customer",
    "orders_placed",
    "product_usage_rate",
    "refund_rate",
    "refunded_order_rate",
    "repeat_purchase_rate",
    "revenue",
    "revenue_per_customer",
    "usage_of",
]

HAHN = "Hahn, G. J., & Meeker, W. Q. (1991). Statistical Intervals. Wiley."
FARRIS = "Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson."

_has_purchase = nw.col("lines") > 0  # a refund without its order lowers the revenue, and is no order
_window_over = nw.col("window_over").cast(nw.Float64)


def _of_orders(
    name: str, columns: tuple[str, ...], numerator: nw.Expr, better: Literal["higher", "lower"], **declared: Any
) -> Ratio:
    return Ratio(
        name=name,
        channel="sales",
        table="orders",
        columns=(*columns, "lines", "customer_id"),
        valid=nw.col("lines") >= 0,
        numerator=numerator,
        unit="customer",
        cluster="customer_id",
        better=better,
        reference=FARRIS,
        **declared,
    )


def _median(name: str, value: nw.Expr, unit: str, cluster: str | None = None) -> Quantile:
    return Quantile(
        name=name,
        channel="sales",
        table="orders",
        columns=("value", "lines", "customer_id"),
        value=value,
        unit=unit,
        cluster=cluster,
        measured_in="money",
        better="higher",
        reference=HAHN,
    )


revenue = Total(
    name="revenue",
    channel="sales",
    table="orders",
    value="value",
    unit="order",
    measured_in="money",
    better="higher",
    reference=f"{FARRIS} Revenue.",
)
orders_placed = Total(
    name="orders_placed",
    channel="sales",
    table="orders",
    columns=("lines",),
    valid=nw.col("lines") >= 0,
    value=nw.when(_has_purchase).then(nw.lit(1.0)),
    unit="order",
    measured_in="count",
    better="higher",
    reference=f"{FARRIS} Orders.",
)
order_value = _of_orders(
    "order_value",
    ("value",),
    nw.col("value"),
    "higher",
    denominator=as_number(_has_purchase),
    measured_in="money",
)
median_order_value = _median("median_order_value", nw.when(_has_purchase).then(nw.col("value")), "order")
gross_order_value = _of_orders(
    "gross_order_value",
    ("gross",),
    nw.when(_has_purchase).then(nw.col("gross")),
    "higher",
    least=0,
    measured_in="money",
)
orders_per_customer = _of_orders(
    "orders_per_customer",
    (),
    nw.when(_has_purchase).then(nw.lit(1.0)),
    "higher",
    once="y",
    least=0,
    measured_in="ratio",
)
revenue_per_customer = _of_orders(
    "revenue_per_customer",
    ("value",),
    nw.col("value"),
    "higher",
    denominator=as_number(_has_purchase),
    once="y",
    measured_in="money",
)
median_revenue_per_customer = _median("median_revenue_per_customer", nw.col("value"), "customer", "customer_id")
refund_rate = Ratio(
    name="refund_rate",
    channel="sales",
    table="orders",
    columns=("refunded", "gross"),
    numerator=nw.col("refunded"),
    denominator=nw.col("gross"),
    least=0,
    unit="order",
    measured_in="rate",
    better="lower",
    ripens_after="30d",
    ripens_at="time",
    reference=FARRIS,
)
_value = nw.col("value").cast(nw.Float64)
_paid = nw.col("action").is_in(["purchase", "refund"])
_back = (nw.col("action") == "refund") | (_value < 0)
cash_refund_rate = Ratio(
    name="cash_refund_rate",
    channel="sales",
    table="interactions",
    columns=("action", "value", "customer_id"),
    texts=("action",),
    numerator=nw.when(_paid).then(nw.when(_back).then(_value.abs()).otherwise(_value * 0)),
    denominator=nw.when(_paid).then(nw.when(_back).then(_value * 0).otherwise(_value)),
    least=0,
    unit="customer",
    cluster="customer_id",
    measured_in="rate",
    better="lower",
    reference=FARRIS,
)
refunded_order_rate = Ratio(
    name="refunded_order_rate",
    channel="sales",
    table="orders",
    columns=("refunded", "lines"),
    valid=(nw.col("lines") >= 0) & (nw.col("refunded") >= 0),
    numerator=nw.when(_has_purchase).then(as_number(nw.col("refunded") > 0)),
    bounded=True,
    method="wilson",
    unit="order",
    measured_in="rate",
    better="lower",
    ripens_after="30d",
    ripens_at="time",
    reference=FARRIS,
)


def _of_buyers(name: str, column: str, reference: str) -> Ratio:
    return Ratio(
        name=name,
        channel="sales",
        table="buyers",
        columns=(column, "window_over"),
        valid=are_flags(column, "window_over"),
        numerator=nw.col(column).cast(nw.Float64) * _window_over,
        denominator=_window_over,
        bounded=True,
        method="wilson",
        unit="customer",
        measured_in="rate",
        better="higher",
        reference=reference,
    )


repeat_purchase_rate = _of_buyers("repeat_purchase_rate", "repeated", f"{FARRIS} Repeat rate.")
cross_sell_rate = _of_buyers("cross_sell_rate", "several_products", f"{FARRIS} Cross-selling.")

product_usage_rate = Ratio(
    name="product_usage_rate",
    channel="sales",
    table="activity",
    columns=("features_used", "features_offered", "customer_id"),
    numerator=nw.col("features_used"),
    denominator=nw.col("features_offered"),
    bounded=True,
    unit="customer",
    cluster="customer_id",
    measured_in="rate",
    better="higher",
    reference="Blazwa, Panduan Lengkap Customer Engagement Score.",
)


def usage_of(feature: str) -> Ratio:
    """Share of active customers who used one feature, 0 to 1; the mean over all features is ``product_usage_rate``.

    Parameters
    ----------
    feature : str
        An action or a product.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"customer_id": ["a", "a", "b"], "action": ["login", "export", "login"]})
    >>> usage_of("export")(events).value
    0.5
    """
    named = [nw.col(name).cast(nw.String) == nw.lit(feature) for name in ("action", "product")]
    used = nw.any_horizontal(*named, ignore_nulls=True)
    return Ratio(
        name=feature,
        table="interactions",
        columns=("customer_id",),
        any_of=("action", "product"),
        numerator=nw.when(used).then(nw.lit(1.0)).otherwise(nw.lit(0.0)),
        denominator=nw.lit(1.0),
        bounded=True,
        method="wilson",
        unit="customer",
        cluster="customer_id",
        once="xy",
        measured_in="rate",
        better="higher",
        reference=product_usage_rate.reference,
    )
