"""Metrics of loyalty: membership of the programme and referrals.

Examples
--------
>>> import pandas as pd
>>> customers = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "loyalty_member": [True, False, True, True],
...     "referred_by": [None, "a", None, None]})
>>> loyalty_participation_rate(customers).value, referral_rate(customers).value
(0.75, 0.25)
"""

import narwhals as nw

from engagekit.frames.engine import as_number
from engagekit.metrics.metric import Ratio

__all__ = ["loyalty_participation_rate", "referral_rate"]

FARRIS = "Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson."


def _share(name: str, columns: tuple[str, ...], part: nw.Expr, reference: str) -> Ratio:
    return Ratio(
        name=name,
        channel="loyalty",
        table="customers",
        columns=columns,
        numerator=part,
        bounded=True,
        method="wilson",
        unit="customer",
        measured_in="rate",
        better="higher",
        reference=reference,
    )


loyalty_participation_rate = _share("loyalty_participation_rate", ("loyalty_member",), nw.col("loyalty_member"), FARRIS)
referral_rate = _share(
    "referral_rate",
    ("referred_by", "customer_id"),
    nw.when(~nw.col("customer_id").is_null()).then(as_number(~nw.col("referred_by").is_null())),
    "Kumar, V., Petersen, J. A., & Leone, R. P. (2007). How Valuable Is Word of Mouth? HBR, 85(10).",
)
