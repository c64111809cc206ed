"""The time firewall: what was known of customers before a date."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

from engagekit.data.tables import TABLES
from engagekit.display.card import card_html, card_text, counted
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, column_names, to_narwhals, to_native
from engagekit.frames.times import micros_at, with_micros
from engagekit.prepare.interactions import known_interactions, unique
from engagekit.prepare.leaving import ChurnDefinition

if TYPE_CHECKING:
    from engagekit.data.business import Business

__all__ = ["DATED_BY", "KNOWN_FROM", "History", "Past"]

Rows = nw.LazyFrame[Any]

DATED_BY = {  # any of them in the past shows that a row had happened
    "interactions": ("time",),
    "customers": ("joined_at",),
    "subscriptions": ("starts_at",),
    "surveys": ("sent_at", "answered_at"),
    "posts": ("posted_at",),
    "mentions": ("time",),
    "mailings": ("sent_at",),
    "attendance": ("held_at",),
    "tickets": ("opened_at",),
    "campaigns": ("ends_at",),
    "assignments": ("assigned_at",),
}
KNOWN_FROM: dict[str, dict[str, tuple[str, ...]]] = {  # cells that are known from a later time of their row
    "customers": {"cancelled_at": ("cancelled_at", "cancel_reason")},
    "subscriptions": {"ends_at": ("ends_at",)},
    "surveys": {"answered_at": ("answered_at", "score", "comment")},
    "mentions": {"replied_at": ("replied_at",)},
    "tickets": {
        "first_human_reply_at": ("first_human_reply_at",),
        "solved_at": ("solved_at",),
        "reopened_at": ("reopened_at",),
        "scored_at": ("scored_at", "score"),
    },
}
ZERO_BEFORE = {"tickets": {"reopened_at": "reopened"}}  # counts that are 0 until a time of their row
NOT_BEFORE: dict[str, dict[str, tuple[str, ...]]] = {  # cells without a time of their own that come after another time
    "tickets": {"solved_at": ("reopened", "score", "work_minutes")},
}
UNDATED = {  # totals as the export found them
    "posts": ("reach", "impressions", "likes", "comments", "shares", "saves", "clicks", "replies_due", "replied"),
    "mailings": ("opens", "machine_opens", "clicks", "conversions", "unsubscribes", "complaints"),
    "tickets": ("work_minutes",),
    "assignments": ("converted", "value"),
}
EXCLUSIVE = ("ends_at",)  # what ends on a date is over on it, which is described so
ALWAYS = ("customers",)  # tables whose rows need no date


class History:
    """Tables of customers that can be looked at only as they stood before a date.

    Parameters
    ----------
    tables : mapping of str to frame
        Tables by their names, such as ``{"interactions": frame}``, all in frames of one kind: pandas, Polars, DuckDB or
        Spark.
    fixed : iterable of str, default ()
        Columns of ``customers`` that never change, such as the country. A customer's other attributes tell what they
        are today and not what they were before a date, and stay behind the firewall.

    Raises
    ------
    ValueError
        There is no table of that name.
    DataError
        ``customers`` has no such fixed column, or it is a date that is known only later.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> solved = pl.DataFrame({"ticket_id": ["1"], "opened_at": [datetime(2026, 1, 5)],
    ...     "solved_at": [datetime(2026, 1, 9)]})
    >>> History({"tickets": solved}).before(datetime(2026, 1, 7))["tickets"].row(0)
    ('1', datetime.datetime(2026, 1, 5, 0, 0), None)

    ``before`` hides totals without a date, such as the likes of a post at the time of the export:

    >>> history = History.of(study.business, lazy=True)
    >>> ["likes" in look(study.end).columns("posts") for look in (history.described, history.before)]
    [True, False]
    >>> f"{history.ends():%d %B %Y}"
    '31 October 2026'
    >>> first_ten = history.changed(lambda _, rows: rows.head(10))
    >>> first_ten.before(study.end)["tickets"].collect().height
    10
    """

    def __init__(
        self, tables: Mapping[str, Any], *, fixed: Iterable[str] = (), churn: ChurnDefinition | None = None
    ) -> None:
        for name in tables:
            if name not in DATED_BY:
                raise ValueError(f"there is no table {name!r}. {did_you_mean(name, DATED_BY)}")
        self._tables, self._churn = dict(tables), churn
        self._fixed = (fixed,) if isinstance(fixed, str) else tuple(fixed)
        known = column_names(tables["customers"]) if "customers" in tables else []
        for name in self._fixed:
            if name in ("joined_at", "cancelled_at"):
                raise DataError("is a date, which tells what came later. Take it out of fixed.", column=name)
            if name not in known:
                raise DataError(f"is not a column of customers. {did_you_mean(name, known)}", column=name)

    @classmethod
    def of(cls, business: "Business", *, lazy: bool = False) -> "History":
        """History of a business, with the attributes of customers that its ``business.toml`` declares ``fixed``.

        Parameters
        ----------
        business : Business
            Whose tables are taken.
        lazy : bool, default False
            Take Polars LazyFrames instead of pandas DataFrames, as ``Business.table`` does.
        """
        tables = {n: business.table(n, lazy=True) if lazy else business.table(n) for n in business.tables}
        return cls(tables, fixed=business.fixed, churn=ChurnDefinition.of(business))

    def changed(self, change: Callable[[str, Rows], Rows]) -> "History":
        """Give another history, each of whose tables a function made of its name and rows."""
        tables = {}
        for name, frame in self._tables.items():
            names = column_names(frame)
            tables[name] = to_native(change(name, to_narwhals(frame, names)).select(names), frame)
        return History(tables, fixed=self._fixed, churn=self._churn)

    def ends(self) -> dt.datetime:
        """Give the time of the last interaction: whatever comes after it is not over, as far as the data tell.

        Raises
        ------
        DataError
            There are no interactions with a time.
        """
        if "interactions" not in self._tables:
            raise DataError(f"the history has no table 'interactions'. {did_you_mean('interactions', self._tables)}")
        last = collected(known_interactions(self._unique_interactions).select(nw.col("time").max())).item()
        if last is None:
            raise DataError("is empty, so there is nothing to look back on.", column="time")
        return last if isinstance(last, dt.datetime) else dt.datetime.combine(last, dt.time())

    def before(self, as_of: dt.datetime) -> "Past":
        """Tables for features, labels, scores and models: only what is known to have been known before a date."""
        return Past(self._tables, self._fixed, as_of, "hidden", lambda: self._unique_interactions, self._churn)

    def described(self, as_of: dt.datetime) -> "Past":
        """Tables for describing: rows and cells dated before a date, and undated totals as the export had them."""
        return Past(self._tables, self._fixed, as_of, "kept", lambda: self._unique_interactions)

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, ...]]]:
        rows: list[tuple[str, ...]] = []
        for name, frame in self._tables.items():
            eager = isinstance(nw.from_native(frame), nw.DataFrame)
            size = counted(len(frame), "row") if eager else "lazy"
            rows.append((name, size, f"dated by {' or '.join(DATED_BY[name])}"))
        rows += [("fixed", ", ".join(self._fixed))] if self._fixed else []
        return f"History of {counted(len(self._tables), 'table')}: look with before(date) or described(date)", rows

    @cached_property
    def _unique_interactions(self) -> Any:
        """Interactions of all dates, unique: made so once, when they are first asked for.

        What repeats an event later changes nothing that was known before, because the earliest row stays.
        """
        return unique(self._tables["interactions"])


class Past:
    """What was known before a date: tables by name, made by ``History.before`` or ``History.described``.

    A row is there from the time that dates it on: an interaction, ticket or post from its own, a customer from
    ``joined_at``, a paid period from its start, a survey from the invitation or else the answer, a campaign from its
    end. A cell with a later time of its own (when a customer cancelled, a period ended, a survey was answered, a ticket
    was replied to, solved, reopened or rated) is blank until then, and ``reopened`` is 0. Rows without a time are left
    out, and so are interactions without a customer and those that repeat an ``event_id``.

    ``History.before`` hides in addition what has no date: attributes of customers that are not declared fixed, totals
    such as the likes of a post, the opens of a mailing and the outcome of a test, columns of such tables that are not
    in their contract, and cells whose time is not recorded, such as the rating of a ticket without ``scored_at``.
    ``History.described`` keeps them as the export had them, but for cells of a ticket that was solved later; and it
    keeps customers of whom it is not known when they joined.

    Examples
    --------
    >>> past = study.firewall.before(study.dates[0])
    >>> "tickets" in past, past.columns("customers")
    (True, ['customer_id', 'joined_at', 'cancelled_at'])
    >>> rows = past.rows("surveys", ["customer_id", "score"])
    >>> past.to_native(rows, "surveys").collect().shape
    (173, 2)
    """

    def __init__(
        self,
        tables: Mapping[str, Any],
        fixed: tuple[str, ...],
        as_of: dt.datetime,
        undated: Literal["hidden", "kept"],
        interactions: Callable[[], Any],
        churn: ChurnDefinition | None = None,
    ) -> None:
        self._tables, self._undated, self._interactions = tables, undated, interactions
        self.fixed, self.as_of, self.churn = fixed, as_of, churn

    def __getitem__(self, name: str) -> Any:
        """Give a table in the caller's kind of frame.

        Rows of a pandas or Polars frame come in the order in which they were given; interactions by time, and of one
        time by their other columns from the first to the last.
        """
        rows = self.rows(name)
        if name == "interactions" and rows.implementation is nw.Implementation.POLARS:
            others = [c for c, dtype in rows.collect_schema().items() if c != "time" and not dtype.is_nested()]
            rows = rows.sort("time", *others)
        return self.to_native(rows, name)

    def __contains__(self, name: object) -> bool:
        """Whether there is a table of that name."""
        return name in self._tables

    def columns(self, name: str) -> list[str]:
        """Columns of a table that can be known before a date.

        Raises
        ------
        DataError
            The history has no such table.
        """
        if name not in self._tables:
            raise DataError(f"the history has no table {name!r}. {did_you_mean(name, self._tables)}")
        names = column_names(self._tables[name])
        if self._undated == "kept":
            return names
        hidden = set(UNDATED.get(name, ()))
        for time, told in KNOWN_FROM.get(name, {}).items():
            hidden |= set(told) if time not in names else set()
        hidden |= {count for time, count in ZERO_BEFORE.get(name, {}).items() if time not in names}
        if name == "customers":
            hidden |= set(names) - {"customer_id", "joined_at", "cancelled_at", *self.fixed}
        elif name in KNOWN_FROM or name in UNDATED:
            hidden |= set(names) - set(TABLES[name].columns)
        return [column for column in names if column not in hidden]

    def rows(self, name: str, columns: Iterable[str] | None = None, optional: Iterable[str] = ()) -> Rows:
        """Give a table as a Narwhals lazy frame.

        Parameters
        ----------
        name : str
            The table.
        columns, optional : iterable of str
            Columns that are needed, by default all; and those that are taken too where the table has them.

        Raises
        ------
        DataError
            The history has no such table, or the table no such column that can be known before a date.
        ValueError
            One of the date and the table's times lacks a zone.
        """
        known = self.columns(name)
        wanted = list(dict.fromkeys(known if columns is None else [*columns, *(c for c in optional if c in known)]))
        frame = self._tables[name]
        for column in wanted:
            if column not in known and column in column_names(frame):
                problem = "has no date of its own, so it may know the future."
                way_out = "Declare it in fixed if it never changes." if name == "customers" else "Leave it out."
                raise DataError(f"{problem} {way_out}", column=column)
        if name == "interactions":
            return known_interactions(self._interactions(), wanted, as_of=self.as_of).select(wanted)
        return self._known(name, to_narwhals(frame, wanted, self._times(name)), wanted)

    def _counted_so_far(self, rows: Rows, time: str, count: str) -> nw.Expr:
        """Count of what happened from a time of the row on: 0 before it, blank where it happened at no known time."""
        happened, at = nw.col(count), nw.col(f"{time}:us")
        is_flag = rows.collect_schema()[count] == nw.Boolean
        none = ~happened if is_flag else happened == 0
        zero = happened & ~happened if is_flag else happened * 0
        known = (at < micros_at(rows, time, self.as_of)) | none
        known = known | at.is_null() if self._undated == "kept" else known
        return nw.when(known).then(happened).otherwise(nw.when(~at.is_null()).then(zero))

    def to_native(self, rows: Rows, name: str) -> Any:
        """Give rows in the kind of frame that the caller's table of that name is."""
        return to_native(rows, self._tables[name])

    def _times(self, name: str) -> list[str]:
        given = column_names(self._tables[name])
        times = dict.fromkeys([*DATED_BY[name], *KNOWN_FROM.get(name, {}), *NOT_BEFORE.get(name, {})])
        return [time for time in times if time in given]

    def _known(self, name: str, rows: Rows, wanted: list[str]) -> Rows:
        """Rows that had happened, blank in the cells that are dated later."""
        begun: list[nw.Expr] = []
        later: dict[str, nw.Expr] = {}
        for time in self._times(name):
            rows = with_micros(rows, time, f"{time}:us")
            ends = self._undated == "kept" and time in EXCLUSIVE
            over = nw.col(f"{time}:us") < micros_at(rows, time, self.as_of) + ends
            kept = name == "customers" and self._undated == "kept"  # who joined at no known time is a customer still
            begun += [over | nw.col(time).is_null() if kept else over] if time in DATED_BY[name] else []
            later |= dict.fromkeys(KNOWN_FROM.get(name, {}).get(time, ()), over)
            for column in NOT_BEFORE.get(name, {}).get(time, ()):
                later.setdefault(column, over | nw.col(time).is_null())
        if not begun and name not in ALWAYS:
            raise DataError(f"is not a column, so {name} have no date.", column=DATED_BY[name][0])
        blank: dict[str, nw.Expr] = {
            column: nw.when(over).then(nw.col(column)) for column, over in later.items() if column in wanted
        }
        for time, count in ZERO_BEFORE.get(name, {}).items():
            if time in self._times(name) and count in wanted:
                blank[count] = self._counted_so_far(rows, time, count)
        rows = rows.with_columns(**blank) if blank else rows
        return (rows.filter(reduce(or_, begun)) if begun else rows).select(wanted)
