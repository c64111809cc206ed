"""Who stays and who leaves, over the base at risk on a date (`customers/churn.py`)."""

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["churn_rate"]

churn_rate = Ratio(
    name="churn_rate",
    channel="retention",
    table="base",
    columns=("churned", "at_risk"),
    numerator=nw.col("churned").cast(nw.Float64) * nw.col("at_risk").cast(nw.Float64),
    denominator=nw.col("at_risk").cast(nw.Float64),
    bounded=True,
    method="wilson",
    unit="customer",
    measured_in="rate",
    better="lower",
    reference="Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson.",
)
