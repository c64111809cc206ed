"""A business's own tables -> the prepared ones that metrics are arithmetic over, each with the column that dates it."""

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.data.settings import WebSettings
from engagekit.data.working_week import WorkingWeek
from engagekit.frames.engine import collected, column_names
from engagekit.prepare.activity import monthly_activity
from engagekit.prepare.newcomers import newcomers
from engagekit.prepare.orders import buyers, orders
from engagekit.prepare.visits import views, visits
from engagekit.prepare.working_hours import support_hours

__all__ = ["MADE_OF", "REPEAT_WINDOW", "Prepared", "prepared_table"]

Prepared = tuple[Any, str]
Tables = Mapping[str, Any]

REPEAT_WINDOW = "90d"
AT_ONCE = 1_000_000  # interactions that visits are made of at once
MADE_OF = {
    **dict.fromkeys(("orders", "buyers", "visits", "views", "activity", "newcomers"), "interactions"),
    "cancellations": "customers",
    "replies": "mentions",
    "waits": "tickets",
    "invitations": "surveys",
}


def prepared_table(
    name: str,
    tables: Tables,
    end: dt.datetime,
    web: WebSettings,
    week: WorkingWeek | None,
    prepared: Callable[[str], Prepared | None],
    length: str = "1mo",
) -> Prepared | None:
    """One prepared table, and the column that dates its rows; None where the business lacks what it is made of.

    Parameters
    ----------
    name : str
        A key of ``MADE_OF``.
    tables : mapping of str to frame
        The business's tables as they are described at the end; interactions unique.
    end : datetime
        Everything before it counts.
    web : WebSettings
        What a visit is.
    week : WorkingWeek, optional
        Working hours; without it all hours count.
    prepared : callable
        Gives the prepared table of a name, where one is made of another.
    length : {"1w", "1mo", "1q"}
        Of the periods that are compared.

    Returns
    -------
    (frame, str) or None
    """
    if MADE_OF[name] not in tables:
        return None
    frame = tables[MADE_OF[name]]
    makers: dict[str, Callable[[], Prepared | None]] = {
        "orders": lambda: _orders(frame),
        "buyers": lambda: _buyers(prepared("orders"), tables.get("customers"), end, length),
        "visits": lambda: _visits(frame, end, web),
        "views": lambda: _views(frame, end, web),
        "activity": lambda: _activity(tables, end, web),
        "newcomers": lambda: _newcomers(frame, tables.get("customers"), end, web),
        "cancellations": lambda: _cancellations(frame),
        "replies": lambda: (support_hours(frame, end, week, "time"), "time"),
        "waits": lambda: (support_hours(frame, end, week), "opened_at"),
        "invitations": lambda: (frame, "sent_at") if "sent_at" in column_names(frame) else None,
    }
    return makers[name]()


def _orders(interactions: Any) -> Prepared | None:
    """Orders, of interactions that carry a value."""
    return (orders(interactions), "time") if "value" in column_names(interactions) else None


def _buyers(made: Prepared | None, customers: Any, end: dt.datetime, length: str) -> Prepared | None:
    """Buyers of whole periods, without those who joined before the day of the first order.

    Those may have bought before the data begin. Of a period whose last day has no whole window behind it only the first
    days would be told.
    """
    if made is None:
        return None
    ordered, _ = made
    bought = collected(nw.from_native(buyers(ordered, end, REPEAT_WINDOW)).lazy())
    if customers is not None and "joined_at" in column_names(customers):
        first_day = collected(nw.from_native(ordered).lazy().select(nw.col("time").min()))["time"].dt.truncate("1d")
        arrivals = collected(nw.from_native(customers).lazy())
        bought = bought.join(arrivals.filter(pl.col("joined_at") < first_day.item()), on="customer_id", how="anti")
    over = pl.col("first_at").dt.truncate(length).dt.offset_by(length).dt.offset_by(REPEAT_WINDOW)
    return bought.filter(over <= end), "first_at"


def _visits(interactions: Any, end: dt.datetime, web: WebSettings) -> Prepared | None:
    """Visits; whether they convert is not told where no key action is recorded."""
    seen = _on_the_web(interactions)
    if seen is None:
        return None
    keys, engaged_after_s = web.key_actions, web.engaged_after_s
    of_rows = partial(visits, gap=web.gap, key_actions=keys, engaged_after_s=engaged_after_s, as_of=end)
    made = _by_customers(of_rows, seen)
    rows = nw.from_native(seen).lazy()
    has_keys = collected(rows.select(nw.col("action").is_in(keys).any()))
    if not has_keys.item():
        made = nw.to_native(nw.from_native(made).drop("converted"))
    return made, "started_at"


def _views(interactions: Any, end: dt.datetime, web: WebSettings) -> Prepared | None:
    seen = _on_the_web(interactions) if "page" in column_names(interactions) else None
    return None if seen is None else (_by_customers(partial(views, gap=web.gap, as_of=end), seen), "time")


def _by_customers(make: Callable[[Any], Any], interactions: Any) -> Any:
    """What a function makes of each customer's interactions; of millions of them in Polars, some customers at a time.

    Whole columns are not worked on at once, which takes 3 GB for 20 million interactions.
    """
    if not isinstance(interactions, pl.LazyFrame):
        return make(interactions)
    parts = 1 + interactions.select(pl.len()).collect().item() // AT_ONCE
    part = pl.col("customer_id").hash() % parts
    return pl.concat([make(interactions.filter(part == number)).collect() for number in range(parts)])


def _on_the_web(interactions: Any) -> Any:
    """Interactions without refunds, and without channels where nothing is viewed: a till has no visits.

    They are lazy where they can be, so that columns that no visit needs are not copied.
    """
    rows = nw.from_native(interactions.lazy() if isinstance(interactions, pl.DataFrame) else interactions)
    viewed = rows.lazy().filter(nw.col("action") == "view")
    channels = collected(viewed.select(nw.col("channel").cast(nw.String)).unique())["channel"].to_list()
    if not channels:
        return None
    return nw.to_native(rows.filter(nw.col("channel").cast(nw.String).is_in(channels), nw.col("action") != "refund"))


def _newcomers(interactions: Any, customers: Any, end: dt.datetime, web: WebSettings) -> Prepared | None:
    """Newcomers; None where no key action is recorded, or where each would arrive with one."""
    is_key = nw.col("action").is_in(web.key_actions)
    recorded = collected(nw.from_native(interactions).lazy().select(keys=is_key.any(), others=(~is_key).any()))
    dated = customers is not None and "joined_at" in column_names(customers)
    if not recorded["keys"].item() or not (dated or recorded["others"].item()):
        return None
    return newcomers(interactions, end, web.key_actions, customers), "arrived_at"


def _cancellations(customers: Any) -> Prepared | None:
    """Customers who cancelled."""
    if "cancelled_at" not in column_names(customers):
        return None
    return nw.from_native(customers).filter(~nw.col("cancelled_at").is_null()).to_native(), "cancelled_at"


def _activity(tables: Tables, end: dt.datetime, web: WebSettings) -> Prepared:
    """Each customer's months, with tickets where these name a customer."""
    tickets = tables.get("tickets")
    tickets = tickets if tickets is not None and "customer_id" in column_names(tickets) else None
    made = monthly_activity(tables["interactions"], end, tickets=tickets, features=web.features)
    zone = getattr(nw.from_native(tables["interactions"]).collect_schema()["time"], "time_zone", None)
    rows = collected(nw.from_native(made).lazy())
    return rows.with_columns(pl.col("month").dt.replace_time_zone(zone)), "month"
