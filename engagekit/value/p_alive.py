"""P(alive) of customers on many dates, as a predictor."""

import datetime as dt
from collections.abc import Sequence

import narwhals as nw
import polars as pl

from engagekit.errors import DataError
from engagekit.frames.engine import collected
from engagekit.prepare.history import Past
from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.purchase_history import purchase_histories

__all__ = ["with_p_alive"]


def with_p_alive(table: pl.DataFrame, past: Past, dates: Sequence[dt.datetime]) -> pl.DataFrame:
    """Add ``p_alive``, from 0 to 1, of BG/NBD fitted at the first date; return the table unchanged if the fit fails.

    Parameters
    ----------
    table : polars.DataFrame
        ``customer_id, date``.
    past : Past
        What was known on the last date, with interactions.
    dates : sequence of datetime
        Those of the table, in order.
    """
    rows = past.rows("interactions", ["customer_id", "time", "action"], ["value"])
    histories = purchase_histories(past.to_native(rows, "interactions"), dates)
    bought = collected(nw.from_native(histories).lazy())
    try:
        model = BetaGeometric.fit(bought.filter(pl.col("date") == dates[0]))
    except DataError:
        return table
    alive = model.p_alive(*(bought[name].to_numpy() for name in ("frequency", "recency", "age")))
    bought = bought.select("customer_id", "date", p_alive=pl.Series(alive))
    return table.join(bought, on=["customer_id", "date"], how="left", maintain_order="left")
