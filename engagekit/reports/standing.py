"""Where customers stand, as data: states by period, groups of buyers, and the coming year. Small groups are blank."""

import datetime as dt
import math
from functools import lru_cache

import narwhals as nw
import pandas as pd
import polars as pl

from engagekit.customers.rfm import GROUPS, rfm
from engagekit.display.section import FEWEST, safe_table
from engagekit.frames.engine import collected
from engagekit.frames.times import days_later, days_long
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import Study
from engagekit.value.coming_year import YEAR, ComingYear

__all__ = ["lifetime_table", "rfm_moves", "rfm_table", "states_by_period"]

COUNTED = ("active", "returning", "resurrected", "new", "dormant", "all_dormant")
RFM = list(dict.fromkeys(name for row in GROUPS.values() for name in reversed(row)))
NOBODY = pd.DataFrame(columns=["group", "customers", "orders", "value", "recency_days", "share"])


def states_by_period(study: Study) -> pd.DataFrame:
    """Customers by period and state: who was ``active`` ..., who became ``dormant``, and ``all_dormant``.

    A row a ``period`` from the second that is known on. Where few returned or were resurrected they are told together,
    as ``returning``; a period in which a number is still from 1 to 4 is blank, since the numbers of a period and those
    beside it add up. ``all_dormant`` is that of the last period alone.
    """
    states = study.states
    if states["date"].n_unique() < 2:
        return pd.DataFrame(columns=["period", *COUNTED])
    counts = {(date, state): n for date, state, n in states.group_by("date", "state").len().iter_rows()}
    became = study.flows.filter(pl.col("after") == "dormant", pl.col("before") != "dormant")
    gone = dict(became.group_by("date").agg(pl.col("customers").sum()).iter_rows())
    rows = []
    for date in states["date"].unique().sort()[1:]:
        new, active, returning, resurrected = (
            counts.get((date, state), 0) for state in ("new", "active", "returning", "resurrected")
        )
        back: list[float] = [returning, resurrected]
        if any(0 < number < FEWEST for number in back):
            back = [returning + resurrected, math.nan]  # told together, as those who came back
        shown = [active, *back, new, gone.get(date, 0), math.nan]
        if any(0 < number < FEWEST for number in shown):
            shown = [math.nan] * len(shown)  # one number of a period can be worked out of the others and its neighbours
        rows.append([date.replace(tzinfo=None), *map(float, shown)])
    table = pd.DataFrame(rows, columns=["period", *COUNTED])
    all_dormant = counts.get((states["date"].max(), "dormant"), 0)
    if table["active"].iloc[-1:].notna().all() and not 0 < all_dormant < FEWEST:
        table.loc[table.index[-1], "all_dormant"] = float(all_dormant)
    return table


def rfm_table(study: Study) -> pd.DataFrame:
    """Buyers by RFM group at the end, the best first: ``group, customers, orders, value, recency_days, share``.

    ``recency_days`` is a median, ``share`` that of the revenue of all groups.

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
    counted = every.with_columns(
        pl.col("customers", "orders").fill_null(0), share=pl.col("value") / pl.col("value").sum()
    )
    return safe_table(counted.to_pandas(), "customers")


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


def lifetime_table(year: ComingYear, scores: pl.DataFrame) -> pd.DataFrame:
    """Forecast of all customers and, where there is a score, of each ``segment``; empty without a forecast.

    Segments of fewer than five customers are blank, and so is the next smallest where it is only one.
    """
    if year.reason:
        return pd.DataFrame()
    everybody = year.customers.with_columns(group=pl.lit("all"))
    tables = [year.total.with_columns(group=pl.lit("all"))]
    if len(scores):
        segments = scores.select("customer_id", group="segment")
        tables.append(year.totals(segments).with_columns(pl.col("group").fill_null("no_score")))
        rest = year.customers.join(segments, "customer_id", "left").with_columns(pl.col("group").fill_null("no_score"))
        everybody = pl.concat([everybody, rest.select(everybody.columns)])
    rows = pl.concat(tables, how="diagonal").drop("periods", strict=False).to_pandas().set_index("group")
    if "next_purchase_days" in everybody.columns:
        days = everybody.with_columns(pl.col("next_purchase_days").fill_null(math.inf)).group_by("group")
        median = dict(days.agg(pl.col("next_purchase_days").median()).rows())
        rows["next_purchase_days"] = [days if (days := median[group]) <= YEAR else math.nan for group in rows.index]
    order = [group for group in ("all", *SEGMENTS, "no_score") if group in rows.index]
    return safe_table(rows.loc[order].rename_axis("segment").reset_index(), "customers")


@lru_cache(maxsize=4)
def _rfm(study: Study) -> pl.DataFrame | None:
    """RFM groups one window of the score before the end, where anybody had bought by then, and at the end."""
    made = study.prepared("orders")
    if made is None:
        return None
    before = days_later(study.end, -days_long("window", study.business.score.window))
    return collected(nw.from_native(rfm(made[0], [before, study.end])).lazy())
