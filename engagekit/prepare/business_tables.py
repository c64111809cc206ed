"""A business's tables on a date: as they are described, prepared for metrics, and with the base that churn is of."""

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl
import polars.selectors as cs

from engagekit.data.business import Business
from engagekit.data.reading import Reading
from engagekit.data.tables import event_time
from engagekit.display.card import as_text, between, card_html, card_text, counted, shortened
from engagekit.errors import did_you_mean
from engagekit.frames.engine import collected
from engagekit.frames.periods import period_starts
from engagekit.frames.times import days_long
from engagekit.language import Language
from engagekit.prepare.contracts import overlapping
from engagekit.prepare.data_end import data_end
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition, active_base, ends_by
from engagekit.prepare.tables import MADE_OF, Prepared, prepared_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PERIODS", "SHOWN", "BusinessTables"]

PERIODS = {"week": "1w", "month": "1mo", "quarter": "1q"}
SHOWN = 13  # periods that are looked back on, besides the last one
MICROSECOND = dt.timedelta(microseconds=1)


class BusinessTables:
    """Tables of a business on a date, each described and prepared once.

    Parameters
    ----------
    business : Business
    tables : mapping of str to frame
        By name; Polars or, of frames that were given, their kind.
    end : datetime
        Midnight; everything before it counts.
    period : {"month", "week", "quarter"}
        Length of the periods that are compared.
    churn : ChurnDefinition, optional
        What leaving means; by default what the business declares.

    Raises
    ------
    ValueError
        There is no such period.
    """

    def __init__(
        self,
        business: Business,
        tables: Mapping[str, Any],
        end: dt.datetime,
        period: str,
        churn: ChurnDefinition | None,
    ) -> None:
        if period not in PERIODS:
            raise ValueError(f"period: {period!r} is not known. {did_you_mean(period, PERIODS)}")
        self.business, self.end, self.period = business, end, period
        self._frames = tables
        self._churn = churn
        self._described: dict[str, Any] = {}
        self._prepared: dict[str, Prepared | None] = {}

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, ...]]]:
        title = f"Study before {self.end:%Y-%m-%d}, by {self.period}"
        title += f": {shortened(as_text(self.business.name))}" if self._of_folder else ""
        rows: list[tuple[str, ...]] = [("churned", self.churn.sentence)] if self.says_churn else []
        return title, rows + [(name, *self._size(name)) for name in self._frames]

    def _size(self, name: str) -> Iterator[str]:
        """Rows and dates of a table, as far as they are known without reading it."""
        if self._of_folder:
            reading = self.business.reading(name)
            yield counted(reading.kept, "row")
            yield between(*reading.dates) if reading.dates else "dates not known"
            yield f"{reading.refused.height:,} refused"
            return
        rows = nw.from_native(self._frames[name])
        if not isinstance(rows, nw.DataFrame):
            yield "lazy"
            return
        yield counted(len(rows), "row")
        time = rows[event_time(name)]
        yield between(time.min(), time.max()) if time.count() else "dates not known"

    @cached_property
    def firewall(self) -> History:
        """Tables, of which features, labels and models see only what was known before a date.

        Interactions, the largest, are those that are described: a file is not read a second time.
        """
        tables = dict(self._frames)
        if self._of_folder and self.has("interactions"):
            tables["interactions"] = self.described("interactions").lazy()
        return History(tables, fixed=self.business.fixed, churn=self.churn if self.says_churn else None)

    @cached_property
    def history(self) -> History:
        """As ``firewall``, in pandas for a business in a folder."""
        return History.of(self.business) if self._of_folder else self.firewall

    @property
    def language(self) -> Language:
        """Language of the business."""
        return Language(self.business.language, self.period)

    @property
    def readings(self) -> list[Reading]:
        """What became of each table's rows."""
        return [self.business.reading(table) for table in self.business.tables if self._of_folder]

    @cached_property
    def churn(self) -> ChurnDefinition:
        """What leaving means here.

        Raises
        ------
        ValueError
            The study is of frames, and it was not said.
        """
        if not self.says_churn:
            raise ValueError("churn: say what leaving means, Study.of(..., churn=ChurnDefinition(horizon=..., ...))")
        return self._churn or ChurnDefinition.of(self.business)

    @property
    def currency(self) -> str:
        """Code of the currency of money.

        Raises
        ------
        ValueError
            The study is of frames, and it was not said.
        """
        if not self.business.currency:
            raise ValueError('currency: say it, such as Study.of(..., currency="IDR")')
        return self.business.currency

    @property
    def says_churn(self) -> bool:
        """Whether it is known what leaving means."""
        return self._churn is not None or self._of_folder

    @property
    def _of_folder(self) -> bool:
        return bool(self.business.name)

    @cached_property
    def overlapping(self) -> int:
        """Customers with paid periods that overlap and have no id of their own; their values add up."""
        return overlapping(self.described("subscriptions")) if self.has("subscriptions") else 0

    def has(self, table: str) -> bool:
        """Whether the business has a table.

        Examples
        --------
        >>> study.has("tickets")
        True
        """
        return table in self._frames

    @property
    def is_empty(self) -> bool:
        """Whether no table has a row before the end."""
        rows = (nw.from_native(self.described(name)).lazy().head(1) for name in self._frames)
        return all(collected(first).is_empty() for first in rows)

    @cached_property
    def last_period(self) -> dt.datetime:
        """First day of the last period that was over by the end."""
        return period_starts(self.end, self.period, 2)[0]

    @cached_property
    def data_end(self) -> dt.datetime:
        """Time until which interactions or, with contracts, starts of contracts go, as ``data_end`` says."""
        table, time = ("subscriptions", "starts_at") if self.churn.contractual else ("interactions", "time")
        return data_end(self.described(table), time, self.end) if self.has(table) else self.end

    def customer_ids(self) -> list[object]:
        """Ids of all customers that any table names.

        Examples
        --------
        >>> len(study.customer_ids())
        300
        """
        ids: set[object] = set()
        for name in self._frames:
            rows = nw.from_native(self.described(name)).lazy()
            if "customer_id" in rows.collect_schema().names():
                ids.update(collected(rows.select("customer_id").unique())["customer_id"].drop_nulls().to_list())
        return sorted(ids, key=str)

    def table(self, name: str) -> "pd.DataFrame":
        """One of the tables as it is described: rows and cells dated before the end, undated totals as exported.

        Times are on the wall clock of the business, as people read them and as Excel takes them; ``described`` and
        ``history.before(study.end)`` keep their zone.

        Raises
        ------
        DataError
            There is no such table.

        Examples
        --------
        >>> study.table("surveys")["sent_at"].dt.tz is None
        True
        """
        rows = collected(nw.from_native(self.described(name)).lazy())
        zoned, zone = cs.datetime(time_zone="*"), self.business.time_zone
        clock = zoned.dt.convert_time_zone(zone) if zone else zoned
        return rows.with_columns(clock.dt.replace_time_zone(None)).to_pandas()

    def described(self, name: str) -> Any:
        """As ``table`` with the times' zone, in Polars or, of DuckDB and Spark frames, in their kind.

        Examples
        --------
        >>> study.described("surveys").schema["sent_at"].time_zone
        'Europe/London'
        """
        if name not in self._described:
            past = History(self._frames, fixed=self.business.fixed).described(self.end)
            rows = past.to_native(past.rows(name), name)
            self._described[name] = rows.collect() if isinstance(rows, pl.LazyFrame) else rows
        return self._described[name]

    def prepared(self, name: str) -> Prepared | None:
        """Table that metrics are arithmetic over, and the column that dates its rows; None where there is none.

        Examples
        --------
        >>> orders, dated_by = study.prepared("orders")
        >>> orders.columns[:4], dated_by
        (['customer_id', 'order_id', 'time', 'value'], 'time')
        """
        if name not in self._prepared:
            self._prepared[name] = self._prepare(name)
        return self._prepared[name]

    def _prepare(self, name: str) -> Prepared | None:
        if name in self._frames:
            return self.described(name), "starts_at" if name == "campaigns" else event_time(name)
        if name == "base":
            return None if self._base is None else (self._base, "date")
        if name not in MADE_OF:
            return None
        tables = {table: self.described(table) for table in self._frames}
        length = PERIODS[self.period]
        return prepared_table(name, tables, self.end, self.business.web, self.business.week, self.prepared, length)

    @cached_property
    def _base(self) -> Any:
        """Customers on the first day of each period whose outcome is known."""
        days = list(ends_by(self._first_days, self.churn.outcome_after, self.data_end))
        if not days:
            return None
        return nw.from_native(self.standing).filter(nw.col("date").is_in(days)).to_native()

    @cached_property
    def standing(self) -> Any:
        """Where each customer stands on first days of periods, on ``dates``, and now: what ``active_base`` gives."""
        days = {*self._first_days, *(self.dates if self.has("interactions") else [self.data_end])}
        base = active_base(self.base_rows, days, self.churn, as_of=self.data_end)
        return base.collect() if isinstance(base, pl.LazyFrame) else base

    @property
    def base_rows(self) -> Any:
        """What a base is made of: interactions or, with contracts, paid periods; up to and including the data's end."""
        table, time = ("subscriptions", "starts_at") if self.churn.contractual else ("interactions", "time")
        past = self.firewall.before(self.data_end + MICROSECOND)  # so that what ends then is over, or renewed then
        optional = ["ends_at", "monthly_value", "subscription_id"] if self.churn.contractual else []
        return past.rows(table, ["customer_id", time], optional).to_native()

    @cached_property
    def _first_days(self) -> list[dt.datetime]:
        """First days of periods with all that a base looks back on."""
        table = "subscriptions" if self.churn.contractual else "interactions"
        return self.starts(table, self.churn.active_window or "1d", self.data_end) if self.has(table) else []

    @cached_property
    def dates(self) -> list[dt.datetime]:
        """Dates of labels: first days of periods with all that a base and features look back on, and the data's end."""
        looks_back = max(self.business.score.window, self.churn.active_window or "1d", key=partial(days_long, "window"))
        past = [day for day in self.starts("interactions", looks_back, self.data_end) if day < self.data_end]
        return [*past, self.data_end]

    def starts(self, table: str, before: str, end: dt.datetime | None = None) -> list[dt.datetime]:
        """First days of the last periods up to an end that have so much data before them.

        A window that began before the data would make what looks back over it rise from period to period.

        Examples
        --------
        >>> [f"{day:%d %B %Y}" for day in study.starts("interactions", "480d")]
        ['01 September 2026', '01 October 2026', '01 November 2026']
        """
        time = "starts_at" if table == "subscriptions" else "time"
        first = collected(nw.from_native(self.described(table)).lazy().select(nw.col(time).min())).item()
        if first is None:
            return []
        data_begin = first.replace(hour=0, minute=0, second=0, microsecond=0)
        starts = period_starts(end or self.end, self.period, SHOWN + 1)
        return [day for day in starts if day - days_long("before", before) >= data_begin]
