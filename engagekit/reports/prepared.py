"""A business's tables -> the prepared ones that metrics are arithmetic over, each with the column that dates it."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import polars as pl

from engagekit.data.business import Business
from engagekit.frames.times import days_long
from engagekit.prepare.activity import monthly_activity
from engagekit.prepare.history import KNOWN_FROM, History
from engagekit.prepare.leaving import base_at_risk, contracts_at_risk
from engagekit.prepare.orders import buyers, orders
from engagekit.prepare.visits import views, visits
from engagekit.prepare.working_hours import support_hours

__all__ = ["MONTHS", "history_of", "known_by", "lived_until", "month_starts", "months_later", "prepared_tables"]

MONTHS = 13
REPEAT_WINDOW = "90d"
FEWEST_DAYS = 10

Prepared = dict[str, tuple[pl.LazyFrame, str]]


def prepared_tables(
    business: Business, seen: pl.DataFrame | None, scored: pl.DataFrame | None, end: dt.datetime
) -> Prepared:
    """Tables that metrics are arithmetic over, made from the business's own as they stood at the end.

    Each only where the business has what it is made of: ``orders``, ``buyers`` (of whole months), ``visits``, ``views``
    and ``activity`` (a row a customer and month) of interactions; ``waits`` of tickets; ``invitations`` of surveys;
    ``base``, the customers on the first of each month; and ``scores``, theirs at the end of each month. ``tickets`` and
    ``campaigns`` take the place of the business's own.
    """
    found = _waits(business, end) | _invitations(business, end) | _base(business, seen, end)
    for name, at in (("tickets", "opened_at"), ("campaigns", "starts_at")):
        if name in business.tables:
            found[name] = known_by(business, name, end).filter(pl.col(at) < end), at
    if seen is not None:
        found |= _sales(business, seen, end) | _web(business, seen, end) | _activity(business, seen, end)
    return found | ({} if scored is None else _scores(scored))


def known_by(business: Business, name: str, end: dt.datetime) -> pl.LazyFrame:
    """One of the business's own tables without what was not known before the end.

    Of tickets, replies and solutions that came later are blank, with what follows from these. Campaigns that were not
    over are left out: they have cost money that is yet to come back.
    """
    rows = business.table(name, lazy=True)
    if name == "campaigns":
        return rows.filter(pl.col("ends_at") <= end)
    if name != "tickets":
        return rows
    given = rows.collect_schema().names()
    return rows.with_columns(
        pl.when(pl.col(at).is_null() | (pl.col(at) < end)).then(pl.col(told)).alias(told)
        for at, columns in KNOWN_FROM["tickets"].items()
        for told in columns
        if at in given and told in given
    )


def _sales(business: Business, seen: pl.DataFrame, end: dt.datetime) -> Prepared:
    """Orders and buyers, of interactions that carry a value."""
    if "value" not in seen.columns:
        return {}
    ordered = orders(seen)
    bought = _from_their_first(buyers(ordered, end, REPEAT_WINDOW), ordered, _table(business, "customers"))
    return {"orders": (ordered.lazy(), "time"), "buyers": (_whole_months(bought, end), "first_at")}


def _from_their_first(bought: pl.DataFrame, ordered: pl.DataFrame, customers: pl.DataFrame | None) -> pl.DataFrame:
    """Buyers without those who joined before the day of the first order: they may have bought before the data begin."""
    if customers is None:
        return bought
    first_day = ordered["time"].dt.truncate("1d").min()
    return bought.join(customers.filter(pl.col("joined_at") < first_day), on="customer_id", how="anti")


def _whole_months(bought: pl.DataFrame, end: dt.datetime) -> pl.LazyFrame:
    """Buyers of the months whose last day has its window behind it, lest the latest month be its first days alone."""
    month = pl.col("first_at").dt.truncate("1mo")
    return bought.lazy().filter(month.dt.offset_by("1mo").dt.offset_by(REPEAT_WINDOW) <= end)


def _web(business: Business, seen: pl.DataFrame, end: dt.datetime) -> Prepared:
    """Visits and views, without refunds, and without channels where nothing is viewed: a till has no visits."""
    web, action = business.web, pl.col("action")
    viewed = seen.filter(action == "view")["channel"].unique().to_list()
    seen = seen.filter(pl.col("channel").is_in(viewed), action != "refund")
    if seen.is_empty():
        return {}
    found = visits(seen, web.gap, key_actions=web.key_actions, engaged_after_s=web.engaged_after_s, as_of=end)
    if not seen["action"].is_in(web.key_actions).any():  # not recorded, rather than never done
        found = found.drop("converted")
    tables = {"visits": (found.lazy(), "started_at")}
    if "page" in seen.columns:
        tables["views"] = views(seen, web.gap, as_of=end).lazy(), "time"
    return tables


def _activity(business: Business, seen: pl.DataFrame, end: dt.datetime) -> Prepared:
    """Each customer's months, with tickets where these name a customer."""
    tickets = _table(business, "tickets")
    tickets = tickets if tickets is not None and "customer_id" in tickets.columns else None
    found = monthly_activity(seen, end, tickets=tickets, features=business.web.features)
    zone = getattr(seen.schema["time"], "time_zone", None)
    return {"activity": (found.lazy().with_columns(pl.col("month").dt.replace_time_zone(zone)), "month")}


def _waits(business: Business, end: dt.datetime) -> Prepared:
    """Tickets with their hours to the first reply and the solution."""
    tickets = _table(business, "tickets")
    return {} if tickets is None else {"waits": (support_hours(tickets, end, business.week).lazy(), "opened_at")}


def _invitations(business: Business, end: dt.datetime) -> Prepared:
    """Surveys that were sent, with the answers that had come by the end."""
    surveys = _table(business, "surveys")
    if surveys is None or "sent_at" not in surveys.columns:
        return {}
    late = (pl.col("answered_at") >= end).fill_null(False)
    answers = [pl.when(~late).then(pl.col(name)).alias(name) for name in ("score", "answered_at")]
    return {"invitations": (surveys.lazy().filter(pl.col("sent_at") < end).with_columns(answers), "sent_at")}


def _table(business: Business, name: str) -> pl.DataFrame | None:
    return business.table(name, lazy=True).collect() if name in business.tables else None


def _base(business: Business, seen: pl.DataFrame | None, end: dt.datetime) -> Prepared:
    """Customers on the first of each month, at risk or not."""
    base = list(_bases(business, seen, end))
    return {"base": (pl.concat(base).lazy(), "date")} if base else {}


def _bases(business: Business, seen: pl.DataFrame | None, end: dt.datetime) -> Iterator[pl.DataFrame]:
    """Customers on the first of each month whose horizon is over, and who of them came and went in it."""
    rows = _table(business, "subscriptions") if business.contractual else seen
    if rows is None:
        return
    lived = lived_until(business, rows, end)
    at_risk = partial(contracts_at_risk, grace=business.grace) if business.contractual else base_at_risk
    for day in month_starts(rows, end, "1d" if business.contractual else business.horizon):
        if day + business.outcome_after <= lived:
            yield at_risk(rows, day, business.horizon).with_columns(date=pl.lit(day))


def _scores(scored: pl.DataFrame) -> Prepared:
    """Scores on the first of each month, dated by the month before, whose end it is."""
    firsts = scored.filter(pl.col("date").dt.day() == 1)
    return {"scores": (firsts.lazy().with_columns(pl.col("date").dt.offset_by("-1mo")), "date")}


def lived_until(business: Business, rows: pl.DataFrame, end: dt.datetime) -> dt.datetime:
    """Time until which the data go, so that it is known who stayed: the end, or earlier where an export is older.

    It is older where nothing was recorded for longer than ever before: no interaction or, of contracts, none that
    starts. What came after that is not known, and nobody left for it. Fewer than ten days with a record cannot tell.
    """
    days = rows.select(day=pl.col("starts_at" if business.contractual else "time")).filter(pl.col("day") < end)
    dates: list[dt.date] = days["day"].dt.date().unique().sort().to_list()
    if len(dates) < FEWEST_DAYS:
        return end
    usual = max(new - old for old, new in pairwise(dates))
    over = dt.datetime.combine(dates[-1] + dt.timedelta(days=1), dt.time(), end.tzinfo)
    return end if end.date() - dates[-1] <= usual else over


def history_of(business: Business, seen: pl.DataFrame) -> History:
    """Interactions that were read already, with what is known of the customers, behind the time firewall."""
    tables = {"interactions": seen}
    for name in ("customers", "subscriptions"):
        table = _table(business, name)
        tables |= {} if table is None else {name: table}
    return History(tables, fixed=business.fixed)


def month_starts(seen: pl.DataFrame, end: dt.datetime, before: str) -> list[dt.datetime]:
    """First days of the last months up to the end that have so much data before them.

    A window that began before the data would make what looks back over it rise from month to month.
    """
    first = seen.select(pl.col("time" if "time" in seen.columns else "starts_at").min()).item()
    needed = days_long("before", before)
    starts = [months_later(end.replace(day=1), -back) for back in reversed(range(MONTHS + 1))]
    return [day for day in starts if first is not None and day - needed >= first.replace(hour=0, minute=0, second=0)]


def months_later(day: dt.datetime, months: int) -> dt.datetime:
    """Same day of another month; the first of a month has one in each."""
    number = day.year * 12 + day.month - 1 + months
    return day.replace(year=number // 12, month=number % 12 + 1)
