"""Where customers stand, as data: states of the lifecycle by period, and groups of buyers. Small groups are blank."""

import datetime as dt
import math

import narwhals as nw
import pandas as pd
import polars as pl

from engagekit.customers.lifecycle import STATES, lifecycle_flows
from engagekit.customers.rfm import GROUPS, rfm
from engagekit.display.section import hidden_cells, safe_table
from engagekit.frames.engine import collected
from engagekit.frames.times import days_later, days_long
from engagekit.study import Study

__all__ = ["COUNTED", "RFM", "rfm_moves", "rfm_table", "states_by_period"]

COUNTED = ("active", "returning", "resurrected", "new", "dormant", "all_dormant")
RFM = list(dict.fromkeys(name for row in GROUPS.values() for name in reversed(row)))
NOBODY = pd.DataFrame(columns=["group", "customers", "orders", "value", "recency_days"])


def states_by_period(study: Study) -> pd.DataFrame:
    """Customers by period and state: who was ``active`` ..., who became ``dormant``, and ``all_dormant``.

    A row a ``period`` from the second that is known on; numbers from 1 to 4, and the next smallest where it is only
    one, are blank.
    """
    states = study.states
    if states["date"].n_unique() < 2:
        return pd.DataFrame(columns=["period", *COUNTED])
    counts = {(date, state): n for date, state, n in states.group_by("date", "state").len().iter_rows()}
    became = lifecycle_flows(states).filter(pl.col("after") == "dormant", pl.col("before") != "dormant")
    gone = dict(became.group_by("date").agg(pl.col("customers").sum()).iter_rows())
    rows = []
    for date in states["date"].unique().sort()[1:]:
        numbers = [counts.get((date, state), 0) for state in COUNTED if state in STATES and state != "dormant"]
        numbers += [gone.get(date, 0), counts.get((date, "dormant"), 0)]
        hidden = hidden_cells(numbers)
        shown = [math.nan if place in hidden else float(number) for place, number in enumerate(numbers)]
        rows.append([date.replace(tzinfo=None), *shown])
    return pd.DataFrame(rows, columns=["period", *COUNTED])


def rfm_table(study: Study) -> pd.DataFrame:
    """Buyers by RFM group at the end: ``group, customers, orders, value, recency_days`` (median), the best first.

    Groups of fewer than five are blank, and so is the next smallest where it is only one.
    """
    groups = _rfm(study)
    if groups is None or groups.is_empty():
        return NOBODY
    now = groups.filter(pl.col("date") == pl.col("date").max())
    sums = now.group_by("rfm").agg(
        pl.len().alias("customers"), pl.col("orders", "value").sum(), pl.col("recency_days").median()
    )
    every = pl.DataFrame({"group": RFM}).join(sums, left_on="group", right_on="rfm", how="left", maintain_order="left")
    table = every.with_columns(pl.col("customers", "orders", "value").fill_null(0)).to_pandas()
    return safe_table(table, "customers")


def rfm_moves(study: Study) -> tuple[dt.datetime, pl.DataFrame] | None:
    """A date one window of the score before the end, and who went from which group into which since.

    Counted as ``before, after, customers``; None where nobody had bought by then.
    """
    groups = _rfm(study)
    if groups is None or groups["date"].n_unique() < 2:
        return None
    earlier, now = groups["date"].unique().sort()
    before = groups.filter(pl.col("date") == earlier).select("customer_id", before="rfm")
    after = groups.filter(pl.col("date") == now).select("customer_id", after="rfm")
    order = pl.Enum(RFM)
    pairs = after.join(before, on="customer_id", how="left").group_by("before", "after").len("customers")
    return earlier, pairs.sort(pl.col("after").cast(order), pl.col("before").cast(order), nulls_last=True)


def _rfm(study: Study) -> pl.DataFrame | None:
    """RFM groups one window of the score before the end, where anybody had bought by then, and at the end."""
    made = study.prepared("orders")
    if made is None:
        return None
    before = days_later(study.end, -days_long("window", study.business.score.window))
    return collected(nw.from_native(rfm(made[0], [before, study.end])).lazy())
