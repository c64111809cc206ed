"""Who belongs to the loyalty programme."""

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["loyalty_participation_rate"]

loyalty_participation_rate = Ratio(
    name="loyalty_participation_rate",
    channel="loyalty",
    table="customers",
    columns=("loyalty_member",),
    numerator=nw.col("loyalty_member").cast(nw.Float64),
    bounded=True,
    method="wilson",
    unit="customer",
    measured_in="rate",
    better="higher",
    reference="Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson.",
)
