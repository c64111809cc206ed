"""What leaving means, who could leave on a date, who left, and who came."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import narwhals as nw

from engagekit.frames.engine import to_narwhals, to_native
from engagekit.frames.times import days_later, days_long, micros_at, with_micros
from engagekit.prepare.interactions import US, valid_interactions

if TYPE_CHECKING:
    from engagekit.data.business import Business

__all__ = ["ChurnDefinition", "base_at_risk", "contracts_at_risk", "ends_by"]

MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class ChurnDefinition:
    """What leaving means for a business. Whatever speaks of leaving takes one; nothing has a definition of its own.

    Without contracts, a customer is in the base on a date who had an interaction in the active window before it, and
    churned who had none in the horizon from that date on. With contracts, the paid periods of a customer with gaps up
    to and including the grace are one spell: in the base is whom a spell covers on the date, and churned whom no spell
    covers at the end of the horizon.

    Parameters
    ----------
    horizon : str
        Days of 24 hours ahead, such as ``"84d"``.
    contractual : bool
        Whether customers leave when their paid periods end, rather than when they fall silent.
    active_window : str, optional
        Days without contracts in which a customer must have done something; by default as many as the horizon.
    grace : str, optional
        Days by which the renewal of a contract may be late; by default none.
    overlaps : {"add", "latest"}, default "add"
        Of paid periods without an id that overlap, whether their values add up or the one that started last counts.
    inferred : tuple of str, default ()
        Fields that the business did not declare.

    Raises
    ------
    ValueError
        A length is not a number of days, or is given where it has no meaning.

    Examples
    --------
    >>> ChurnDefinition(horizon="84d", contractual=False).active_window
    '84d'
    """

    horizon: str
    contractual: bool
    active_window: str = ""
    grace: str = ""
    overlaps: Literal["add", "latest"] = "add"
    inferred: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        days_long("horizon", self.horizon)
        if self.contractual and self.active_window:
            raise ValueError("active_window: has no meaning with contracts, whose paid periods say who is a customer")
        if not self.contractual and self.grace:
            raise ValueError("grace: has no meaning without contracts, which are what can be renewed late")
        if not self.contractual:
            object.__setattr__(self, "active_window", self.active_window or self.horizon)
            days_long("active_window", self.active_window)
        if self.grace:
            days_long("grace", self.grace)

    @classmethod
    def of(cls, business: "Business") -> Self:
        """Definition of a business: what ``business.toml`` says, and where it says nothing what its kind suggests."""
        contractual = business.contractual
        inferred = ["contractual"] + ["horizon"] * ("horizon" not in business.model_fields_set)
        return cls(
            horizon=business.horizon,
            contractual=contractual,
            grace=business.grace or "" if contractual else "",
            inferred=tuple(inferred),
        )

    @property
    def ahead(self) -> dt.timedelta:
        """Length of the horizon."""
        return days_long("horizon", self.horizon)

    @property
    def late(self) -> dt.timedelta:
        """Length of the grace."""
        return days_long("grace", self.grace or None)

    @property
    def outcome_after(self) -> dt.timedelta:
        """Time after a date at which it is known who left: the horizon and the grace."""
        return self.ahead + self.late


def base_at_risk(interactions: Any, date: dt.datetime, horizon: str = "84d") -> Any:
    """Customers without a contract: who was active before a date, and who was after it.

    At risk is who had an interaction in the ``horizon`` before the date; churned is who of them had none in the
    ``horizon`` after it. A rate of those at risk takes the rows where ``at_risk`` holds.

    Parameters
    ----------
    interactions : frame
        ``customer_id, time`` and, where given, ``event_id``. The horizon after the date must have been lived through.
        An interaction without a customer is left out; an ``event_id`` must not repeat.
    date : datetime
        The date, exclusive for what came before.
    horizon : str, default "84d"
        Days of 24 hours that look back, and that look ahead.

    Returns
    -------
    frame of the caller's kind
        One row for each customer seen before the end of the horizon: ``customer_id`` and

        - ``at_risk, churned``: active before the date, and of those, silent after it;
        - ``lapsed, reactivated``: seen before the date but not at risk on it, and of those, back in the horizon;
        - ``acquired``: seen first in the horizon. Who was a customer before the data begin seems to be acquired;
        - ``remained``: active in the horizon, whether at risk, reactivated or acquired: the base at its end.

    Raises
    ------
    DataError
        A column is absent, or holds no times.
    ValueError
        ``horizon`` is not a number of days, or one of ``date`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> seen = pl.DataFrame({"customer_id": ["a", "a", "b", "c"], "time": [datetime(2026, 1, 5), datetime(2026, 2, 5),
    ...     datetime(2026, 1, 6), datetime(2026, 2, 7)]})
    >>> base_at_risk(seen, datetime(2026, 2, 1), "28d").drop("lapsed", "reactivated").sort("customer_id").rows()
    [('a', True, False, False, True), ('b', True, True, False, False), ('c', False, False, True, True)]
    """
    length = days_long("horizon", horizon)
    rows = valid_interactions(interactions)
    day, begin, end = (micros_at(rows, "time", days_later(date, back)) for back in (0 * length, -length, length))
    time = nw.col(US)
    standing = rows.filter(time < end).with_columns(
        at_risk=(time >= begin) & (time < day), known=time < day, stayed=time >= day, back=time >= day
    )
    return to_native(_standing(standing), interactions)


def contracts_at_risk(subscriptions: Any, date: dt.datetime, horizon: str = "84d", grace: str | None = None) -> Any:
    """Customers with a contract: who was subscribed on a date, and who is at the end of the horizon.

    At risk is of whom a paid period runs on the date; churned is of whom of them none runs at the end of the
    ``horizon``, nor starts within ``grace`` of the end of the last. A rate of those at risk takes the rows where
    ``at_risk`` holds.

    Parameters
    ----------
    subscriptions : frame
        ``customer_id, starts_at, ends_at`` and, where given, ``monthly_value``; the end is exclusive, and a period that
        ends as it starts is none. One without an end runs on; one without a customer or a start is left out.
    date : datetime
        The date.
    horizon : str, default "84d"
        Days of 24 hours ahead.
    grace : str, optional
        Days within which a renewal that is late still counts as one. They must have been lived through too.

    Returns
    -------
    frame of the caller's kind
        One row for each customer who subscribed by the end of the horizon: ``customer_id`` and

        - ``at_risk, churned``: subscribed on the date, and of those, not at the end of the horizon;
        - ``lapsed, reactivated``: subscribed before the date but not on it, and of those, again in the horizon;
        - ``acquired``: subscribed first in the horizon;
        - ``remained``: subscribed at the end of the horizon, or renewed within the grace, whoever they were before: the
          base then;
        - ``opening_value, closing_value``, where a monthly value is given: that of the periods that run on the date and
          at the end of the horizon, or renew one within the grace; 0 where none does.

    Raises
    ------
    DataError
        A column is absent, or holds no times.
    ValueError
        ``horizon`` or ``grace`` is not a number of days, or one of ``date`` and the times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> paid = pl.DataFrame({"customer_id": ["a", "b"], "starts_at": [datetime(2026, 1, 1)] * 2,
    ...     "ends_at": [datetime(2026, 6, 1), datetime(2026, 2, 10)], "monthly_value": [9.0, 5.0]})
    >>> columns = ["customer_id", "at_risk", "churned", "opening_value", "closing_value"]
    >>> contracts_at_risk(paid, datetime(2026, 2, 1), "28d").select(columns).sort("customer_id").rows()
    [('a', True, False, 9.0, 9.0), ('b', True, True, 5.0, 0.0)]
    """
    end = days_later(date, days_long("horizon", horizon))
    rows = _of_customers(to_narwhals(subscriptions, ["customer_id", "starts_at", "ends_at"], ["monthly_value"]))
    for name in ("starts_at", "ends_at"):
        rows = with_micros(rows, name, f"{name}:us")
    starts, ends = nw.col("starts_at:us"), nw.col("ends_at:us")
    on_date, at_end = (
        (starts <= micros_at(rows, "starts_at", day)) & (ends.is_null() | (ends > micros_at(rows, "ends_at", day)))
        for day in (date, end)
    )
    known = starts <= micros_at(rows, "starts_at", date)
    spare = days_long("grace", grace)
    latest, close = (micros_at(rows, "starts_at", day) for day in (days_later(end, spare), end))
    begun = rows.filter(starts <= latest, ends.is_null() | (starts < ends))
    by_end = starts <= close
    if grace:
        expired = nw.when(by_end).then(ends).max().over("customer_id")
        begun = begun.with_columns(expired=expired).filter(
            by_end | (starts <= nw.col("expired") + spare // MICROSECOND)
        )
        at_end = at_end | ~by_end
    worth = {}
    if "monthly_value" in rows.collect_schema().names():
        worth = {"opening_value": on_date, "closing_value": at_end}
    periods = begun.with_columns(
        at_risk=on_date,
        known=known,
        stayed=at_end,
        back=~known & by_end,
        **{name: nw.when(running).then(nw.col("monthly_value")) for name, running in worth.items()},
    )
    return to_native(_standing(periods, *worth), subscriptions)


def ends_by(dates: Iterable[dt.datetime], ahead: dt.timedelta, end: dt.datetime) -> dict[dt.datetime, dt.datetime]:
    """Dates whose time ahead is over at the end of the data, with when it was.

    Raises
    ------
    ValueError
        Some of the times have a zone and others have none.

    Examples
    --------
    >>> january = [dt.datetime(2026, 1, day) for day in (1, 20)]
    >>> list(ends_by(january, dt.timedelta(days=7), dt.datetime(2026, 1, 9)))
    [datetime.datetime(2026, 1, 1, 0, 0)]
    """
    ends = {date: days_later(date, ahead) for date in dates}
    if any((time.tzinfo is None) != (end.tzinfo is None) for time in ends):
        raise ValueError(f"dates: some have a time zone and others none, as has the end of the data, {end}")
    return {date: over for date, over in ends.items() if over <= end}


def _of_customers(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    return rows.filter(~nw.col("customer_id").is_null())


def _standing(rows: nw.LazyFrame[Any], *worth: str) -> nw.LazyFrame[Any]:
    """Where customers stand, of rows at risk, known before the date, at the end or after it; and sums of money."""
    flags = [nw.col(name).any() for name in ("at_risk", "known", "stayed", "back")]
    at_risk, known, stayed = (nw.col(name) for name in ("at_risk", "known", "stayed"))
    return (
        rows.group_by("customer_id")
        .agg(*flags, *(nw.col(name).sum() for name in worth))
        .select(
            "customer_id",
            "at_risk",
            (at_risk & ~stayed).alias("churned"),
            (known & ~at_risk).alias("lapsed"),
            (known & ~at_risk & nw.col("back")).alias("reactivated"),
            (~known).alias("acquired"),
            stayed.alias("remained"),
            *worth,
        )
    )
