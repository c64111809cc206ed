"""What customers do on the site and in the app."""

import narwhals as nw

from engagekit.metrics.metric import Total

__all__ = ["page_views"]

page_views = Total(
    name="page_views",
    channel="web",
    table="interactions",
    columns=("action",),
    where={"action": "view"},
    value=nw.when(~nw.col("action").is_null()).then(nw.lit(1.0)),
    unit="view",
    measured_in="count",
    better="higher",
    reference="Google Analytics 4, Analytics dimensions and metrics: Views.",
)
