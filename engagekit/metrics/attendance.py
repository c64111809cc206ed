"""Who came to the events."""

import narwhals as nw

from engagekit.metrics.metric import Ratio

__all__ = ["attendance_rate"]

attendance_rate = Ratio(
    name="attendance_rate",
    channel="attendance",
    table="attendance",
    columns=("attended", "registered"),
    numerator=nw.col("attended"),
    denominator=nw.col("registered"),
    least=0,
    unit="event",
    measured_in="rate",
    better="higher",
    reference="Plum, Metrik Penglibatan Pelanggan: attendance of events.",
)
