"""What leaving means, who could leave on a date, who left, and who came."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal, Self

import narwhals as nw

from engagekit.frames.engine import distinct_pairs, small_table, to_native
from engagekit.frames.times import days_later, days_long, micros_at
from engagekit.prepare.contracts import covered, paid_periods
from engagekit.prepare.interactions import US, valid_interactions

if TYPE_CHECKING:
    from engagekit.data.business import Business

__all__ = ["ChurnDefinition", "active_base", "ends_by"]

Rows = nw.LazyFrame[Any]


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
    >>> [ChurnDefinition(horizon="84d", contractual=contract).active_window for contract in (False, True)]
    ['84d', '']

    >>> churn = ChurnDefinition(horizon="84d", contractual=True, grace="7d")
    >>> churn.ahead.days, churn.late.days, churn.outcome_after.days, ChurnDefinition.of(study.business).horizon
    (84, 7, 91, '84d')
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
        inferred = [name for name in ("contractual", "horizon") if name not in business.model_fields_set]
        return cls(
            horizon=business.horizon,
            contractual=business.contractual,
            active_window=business.active_window or "",
            grace=(business.grace or "") if business.contractual else "",
            overlaps=business.overlaps,
            inferred=tuple(inferred),
        )

    @property
    def sentence(self) -> str:
        """Who counts as churned, in English.

        Examples
        --------
        >>> ChurnDefinition(horizon="28d", contractual=False).sentence
        'no interaction in the 28d after a date; in the base: one in the 28d before it'
        >>> ChurnDefinition(horizon="28d", contractual=True, grace="7d").sentence
        'no paid period 28d after a date; in the base: one on it (gaps up to 7d)'
        """
        if not self.contractual:
            base = f"in the base: one in the {self.active_window} before it"
            return f"no interaction in the {self.horizon} after a date; {base}"
        gaps = f" (gaps up to {self.grace})" if self.grace else ""
        return f"no paid period {self.horizon} after a date; in the base: one on it{gaps}"

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


def active_base(
    rows: Any, dates: dt.datetime | Iterable[dt.datetime], churn: ChurnDefinition, *, as_of: dt.datetime | None = None
) -> Any:
    """Customers who could leave on each date, and who of the others came, came back or had left before.

    Parameters
    ----------
    rows : frame
        Interactions: ``customer_id, time``, unique by ``event_id`` where they have one. With contracts, paid periods:
        ``customer_id, starts_at`` and, where given, ``ends_at`` (exclusive; blank where the period still runs),
        ``monthly_value`` and ``subscription_id``. A row without a customer or a start is left out, and so is a period
        that ends as it starts or whose value is 0.
    dates : datetime or iterable of datetime
        When to look. The horizon after each, and the grace, must be over by the end of the data.
    churn : ChurnDefinition
        What leaving means.
    as_of : datetime, optional
        End of the data, with contracts: a spell whose grace runs beyond it is not over. By default none does.

    Returns
    -------
    frame of the caller's kind
        One row for each date and customer who was known by the end of its horizon: ``customer_id``, ``date`` and

        - ``in_base, churned``: could leave, and did;
        - ``lapsed, reactivated``: known before the date but not in the base, and of those, back in the horizon;
        - ``acquired``: known only since a day of the horizon. A customer from before the data begin seems acquired;
        - ``remained``: in the base at the end of the horizon, whether active, back or new;
        - ``opening_value, closing_value``, where a monthly value is given: that of the periods which run on the date
          and at the end of the horizon or, in a gap within a spell, of those before; 0 where no spell covers it, null
          where a value is blank. Of one ``subscription_id`` the period that started last counts.

    Raises
    ------
    DataError
        A column is absent, holds no times, or ``monthly_value`` no numbers.
    ValueError
        There is no date, or one of the dates and times lacks a zone.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> events = pl.DataFrame({"customer_id": ["a", "a", "b", "c"], "time": [datetime(2026, 1, 5),
    ...     datetime(2026, 2, 5), datetime(2026, 1, 6), datetime(2026, 2, 7)]})
    >>> silent, contracts = [ChurnDefinition(horizon="28d", contractual=contract) for contract in (False, True)]
    >>> base = active_base(events, datetime(2026, 2, 1), silent)
    >>> base.select("customer_id", "in_base", "churned", "acquired").sort("customer_id").rows()
    [('a', True, False, False), ('b', True, True, False), ('c', False, False, True)]
    >>> paid = pl.DataFrame({"customer_id": ["a", "b"], "starts_at": [datetime(2026, 1, 1)] * 2,
    ...     "ends_at": [None, datetime(2026, 2, 10)], "monthly_value": [9.0, 5.0]})
    >>> base = active_base(paid, datetime(2026, 2, 1), contracts)
    >>> base.select("customer_id", "churned", "opening_value", "closing_value").sort("customer_id").rows()
    [('a', False, 9.0, 9.0), ('b', True, 5.0, 0.0)]
    """
    days = [dates] if isinstance(dates, dt.datetime) else sorted(set(dates))
    if not days:
        raise ValueError("dates: there is none, and there must be one at least")
    made = _under_contract if churn.contractual else _by_activity
    return to_native(made(rows, days, churn, as_of), rows)


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


def _by_activity(rows: Any, dates: list[dt.datetime], churn: ChurnDefinition, _as_of: dt.datetime | None) -> Rows:
    """Base without contracts, of one pass: each interaction falls between two of all the edges of the windows."""
    events = valid_interactions(rows)
    window = days_long("active_window", churn.active_window)
    spans = [[days_later(date, by) for by in (-window, 0 * window, churn.ahead)] for date in dates]
    edges = [[micros_at(events, "time", time) for time in span] for span in spans]
    number = {edge: at for at, edge in enumerate(sorted({edge for span in edges for edge in span}), 1)}
    cells = [[number[edge] for edge in span] for span in edges]
    passed = (nw.when(nw.col(US) >= edge).then(nw.lit(1)).otherwise(nw.lit(0)) for edge in number)
    events = events.filter(nw.col(US) < max(number)).with_columns(cell=reduce(add, passed))
    visited = distinct_pairs(events, "customer_id", "cell")
    looks = [
        (date, cell, cell < day)
        for date, (begin, day, end) in zip(dates, cells, strict=True)
        for cell in range(begin, end)
    ]
    of_cells: dict[str, Any] = {
        "date": [date for date, *_ in looks],
        "cell": [cell for _, cell, _ in looks],
        "before": [int(before) for *_, before in looks],
        "after": [int(not before) for *_, before in looks],
    }
    active = visited.join(small_table(events, of_cells), on="cell").group_by("customer_id", "date")
    days = small_table(
        events, {"date": dates, "opens": [day for _, day, _ in cells], "closes": [end for *_, end in cells]}
    )
    first = visited.group_by("customer_id").agg(nw.col("cell").min().alias("first"))
    everyone = first.join(days, how="cross").filter(nw.col("first") < nw.col("closes"))
    standing = everyone.join(active.agg(nw.col("before", "after").max()), on=["customer_id", "date"], how="left")
    return _standing(
        standing.with_columns(
            in_base=nw.col("before").fill_null(0) == 1,
            remained=nw.col("after").fill_null(0) == 1,
            known=nw.col("first") < nw.col("opens"),
        ).with_columns(back=nw.col("remained"))
    )


def _under_contract(rows: Any, dates: list[dt.datetime], churn: ChurnDefinition, as_of: dt.datetime | None) -> Rows:
    """Base with contracts: whom a spell covers on each date and at the end of its horizon."""
    periods = paid_periods(rows, churn.late, as_of)
    return nw.concat([_under_contract_on(periods, date, churn) for date in dates])


def _under_contract_on(periods: Rows, date: dt.datetime, churn: ChurnDefinition) -> Rows:
    day, end = (micros_at(periods, "starts_at", time) for time in (date, days_later(date, churn.ahead)))
    everyone = (
        periods.filter(nw.col("starts_us") <= end)
        .group_by("customer_id")
        .agg(nw.col("starts_us").min().alias("first"), nw.col("spell_starts_us").max().alias("latest"))
        .join(small_table(periods, {"date": [date]}), how="cross")
    )
    for time, name in ((day, "opening"), (end, "closing")):
        there = covered(periods, time, churn.overlaps)
        worth = [nw.col("value").alias(f"{name}_value")] if "value" in there.collect_schema().names() else []
        everyone = everyone.join(
            there.select("customer_id", *worth, nw.lit(1).alias(name)), on="customer_id", how="left"
        )
    standing = everyone.with_columns(
        in_base=~nw.col("opening").is_null(),
        remained=~nw.col("closing").is_null(),
        known=nw.col("first") <= day,
        back=nw.col("latest") > day,
    )
    money = [name for name in ("opening_value", "closing_value") if name in standing.collect_schema().names()]
    paying = {name: nw.when(~nw.col(name.removesuffix("_value")).is_null()).then(nw.col(name)) for name in money}
    filled = {name: pays.otherwise(nw.lit(0.0)) for name, pays in paying.items()}
    return _standing(standing.with_columns(**filled) if filled else standing, *money)


def _standing(rows: Rows, *money: str) -> Rows:
    """Where customers stand, of whether each is in the base, known before the date, back, and there at the end."""
    in_base, known, back, remained = (nw.col(name) for name in ("in_base", "known", "back", "remained"))
    return rows.select(
        "customer_id",
        "date",
        "in_base",
        (in_base & ~remained).alias("churned"),
        (known & ~in_base).alias("lapsed"),
        (known & ~in_base & back).alias("reactivated"),
        (~known).alias("acquired"),
        "remained",
        *money,
    )
