"""What customers buy, over orders (`data/orders.py`) and buyers."""

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["order_value", "repeat_purchase_rate"]

order_value = Ratio(
    name="order_value",
    channel="sales",
    table="orders",
    columns=("value", "customer_id"),
    numerator=nw.col("value"),
    denominator=(nw.col("value") >= 0).cast(nw.Float64),  # a refund without its order is no order
    unit="customer",
    cluster="customer_id",
    measured_in="money",
    better="higher",
    reference="Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson.",
)

repeat_purchase_rate = Ratio(
    name="repeat_purchase_rate",
    channel="sales",
    table="buyers",
    columns=("repeated", "window_over"),
    numerator=nw.col("repeated").cast(nw.Float64) * nw.col("window_over").cast(nw.Float64),
    denominator=nw.col("window_over").cast(nw.Float64),
    bounded=True,
    method="wilson",
    unit="customer",
    measured_in="rate",
    better="higher",
    reference="Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson. Repeat rate.",
)
