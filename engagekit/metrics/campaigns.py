"""What each campaign brought for what was spent."""

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["return_on_spend"]

return_on_spend = Ratio(
    name="return_on_spend",
    channel="campaigns",
    table="campaigns",
    columns=("revenue", "spend"),
    numerator=nw.col("revenue"),
    denominator=nw.col("spend"),
    least=0,
    unit="campaign",
    measured_in="ratio",
    better="higher",
    reference="Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson. Revenue over spend.",
)
