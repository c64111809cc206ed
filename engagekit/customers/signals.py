"""What the other tables say of customers before many dates: their answers, tickets and paid periods."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import narwhals as nw
import polars as pl

from engagekit.customers.voice import sentiment
from engagekit.errors import DataError
from engagekit.frames.engine import collected, small_table, with_one_key_type
from engagekit.frames.times import DAY_US, micros_at, span_us, with_micros
from engagekit.prepare.contracts import NEVER_US, covered, paid_periods
from engagekit.prepare.history import DATED_BY, Past
from engagekit.prepare.leaving import ChurnDefinition

__all__ = ["SIGNALS", "SIGNAL_TABLES", "Signal", "signals_of", "with_signals"]

Rows = nw.LazyFrame[Any]

WINDOW = "window"
THOUSANDTHS = 1000
CONTRACT = ("ends_at", "monthly_value", "subscription_id")


@dataclass(frozen=True)
class Signal:
    """A number that a table has of a customer before a date.

    Attributes
    ----------
    table : str
    time : str
        Column with the time from which a row counts.
    how : {"count", "days", "last", "mood", "contract"}
        Number of the rows that count; days since the last of them; the value that it has; mean sentiment of the texts
        in the window; or what the contract says that runs on the date.
    column : str
        Whose last value it is, which has the texts, or which ends that a row counts; ``window``: a row counts as long
        as the window is.
    kind : str
        Of surveys, the only kind that counts.
    """

    table: str
    time: str
    how: Literal["count", "days", "last", "mood", "contract"]
    column: str = ""
    kind: str = ""

    @property
    def needs(self) -> list[str]:
        """Columns of the table."""
        own = {self.time, self.column, DATED_BY[self.table][-1]} - {"", WINDOW}
        return ["customer_id", *sorted(own), *(["kind"] if self.kind else [])]


SIGNALS = {
    "last_nps": Signal("surveys", "answered_at", "last", "score", kind="nps"),
    "last_satisfaction": Signal("surveys", "answered_at", "last", "score", kind="csat"),
    "days_since_answer": Signal("surveys", "answered_at", "days"),
    "comment_sentiment": Signal("surveys", "answered_at", "mood", "comment"),
    "open_tickets": Signal("tickets", "opened_at", "count", "solved_at"),
    "tickets": Signal("tickets", "opened_at", "count", WINDOW),
    "last_ticket_score": Signal("tickets", "scored_at", "last", "score"),
    "monthly_value": Signal("subscriptions", "starts_at", "contract", "monthly_value"),
    "contract_days": Signal("subscriptions", "starts_at", "contract"),
    "payments": Signal("subscriptions", "starts_at", "count"),
}
SIGNAL_TABLES = tuple(dict.fromkeys(each.table for each in SIGNALS.values()))


def signals_of(past: Past) -> list[str]:
    """Signals whose table and columns a history has, in frames of the engine that its interactions are of.

    Examples
    --------
    >>> import polars as pl
    >>> from engagekit.prepare.history import History
    >>> seen = pl.DataFrame({"customer_id": ["a"], "time": [dt.datetime(2026, 1, 5)], "action": ["view"]})
    >>> tables = {"interactions": seen, "tickets": seen.rename({"time": "opened_at"})}
    >>> signals_of(History(tables).before(dt.datetime(2026, 2, 1)))
    ['tickets']
    """
    own = {table: set(past.columns(table)) for table in SIGNAL_TABLES if table in past}
    engine = past.rows("interactions", ["customer_id"]).implementation
    joined = [t for t in own if "customer_id" in own[t] and past.rows(t, ["customer_id"]).implementation is engine]
    made = {n: each for n, each in SIGNALS.items() if each.how != "mood" or engine is nw.Implementation.POLARS}
    return [name for name, each in made.items() if each.table in joined and own[each.table].issuperset(each.needs)]


def with_signals(rows: Rows, past: Past, dates: Sequence[dt.datetime], window: str) -> Rows:
    """Add to rows of customers and dates what the other tables say of them, where the history has these tables.

    Each cell uses what was known before its own date: an answer, a ticket's end or rating and a paid period count from
    their time on, and a period ends when that is past.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        ``customer_id, date``.
    past : Past
        What was known before the last date. Its ``churn`` says how late a renewal may be and whether periods that
        overlap add up.
    dates : sequence of datetime
        Those of the rows, in order.
    window : str
        Days of 24 hours before a date.

    Returns
    -------
    narwhals.LazyFrame
        The rows and, of those whose columns there are,

        - ``last_nps, last_satisfaction``: the last score of such a survey, null without an answer; of two answers at
          one instant the lower one;
        - ``days_since_answer``: since the last answer to any survey, null without one;
        - ``comment_sentiment``: mean of the comments in the window, -1 to 1, as ``sentiment`` gives it in thousandths;
          null where there is none of which it can be told; of pandas and Polars frames alone;
        - ``open_tickets``: opened, and not solved by then; ``tickets``: opened in the window;
        - ``last_ticket_score``: the last one, null without;
        - ``monthly_value``: of the paid periods that run or, in a gap up to the grace, of those before; 0 without one,
          null where a value is blank;
        - ``contract_days``: since paid periods run without a gap above the grace, null without one;
        - ``payments``: paid periods that had begun.

    Raises
    ------
    DataError
        The rows have a column of such a name already.
    """
    names = signals_of(past)
    taken = {name.casefold(): name for name in rows.collect_schema().names()}
    for name in names:
        if name in taken:
            problem = "is an attribute of customers and a feature. Give the attribute another name."
            raise DataError(problem, column=taken[name])
    for table in SIGNAL_TABLES:
        of_table = {name: SIGNALS[name] for name in names if SIGNALS[name].table == table}
        if not of_table:
            continue
        made = _at_dates(past, of_table, dates, window)
        key = rows.collect_schema()["customer_id"]
        if key.is_integer() and made.collect_schema()["customer_id"].is_float():  # pandas has no blank whole number
            made = made.with_columns(nw.col("customer_id").cast(key))
        rows, made = with_one_key_type(rows, made, "customer_id")
        rows = rows.join(made, on=["customer_id", "date"], how="left")
        filled = {name: nw.col(name).fill_null(0) for name, each in of_table.items() if each.how == "count"}
        if "monthly_value" in of_table:
            pays = nw.when(~nw.col("contract_days").is_null()).then(nw.col("monthly_value"))
            filled["monthly_value"] = pays.otherwise(nw.lit(0.0))
        rows = rows.with_columns(**filled) if filled else rows
    return rows


def _at_dates(past: Past, signals: dict[str, Signal], dates: Sequence[dt.datetime], window: str) -> Rows:
    """Signals of one table, of each customer and date with a row that counts."""
    table = next(iter(signals.values())).table
    columns = dict.fromkeys(column for each in signals.values() for column in each.needs)
    rows = past.rows(table, columns, CONTRACT if table == "subscriptions" else ())
    ends = [micros_at(rows, DATED_BY[table][-1], date) for date in dates]
    if table == "subscriptions":
        rows = paid_periods(rows.to_native(), past.churn.late if past.churn else dt.timedelta(0))
        if rows.implementation is nw.Implementation.POLARS:
            rows = nw.from_native(collected(rows).lazy())  # worked out once, not for each date
    window_us, counted = span_us("window", window, "d"), {n: s for n, s in signals.items() if s.how != "contract"}
    spans = {name: _spans(rows, signal, window_us) for name, signal in counted.items()}
    numbered = [span.with_columns(signal=nw.lit(place, nw.Int32)) for place, span in enumerate(spans.values())]
    days = small_table(rows, {"date": list(dates), "date_us": ends})
    looks = nw.concat(numbered).join(days, how="cross")
    looks = looks.filter(nw.col("begin") < nw.col("date_us"), nw.col("end") >= nw.col("date_us"))
    age = (nw.col("date_us") - nw.col("begin")) / DAY_US
    numbers = {name: age if signals[name].how == "days" else nw.col("number") for name in spans}
    own = {n: nw.when(nw.col("signal") == place).then(number) for place, (n, number) in enumerate(numbers.items())}
    added = [nw.col(n).max() if signals[n].how in ("days", "last") else nw.col(n).sum() for n in spans]
    texts = [nw.col(n).count().alias(f"{n}:texts") for n in spans if signals[n].how == "mood"]
    made = looks.with_columns(**own).group_by("customer_id", "date").agg(*added, *texts)
    makers = {"count": lambda n: nw.col(n).cast(nw.Int64), "mood": _mean}
    made = made.select("customer_id", "date", *(makers.get(signals[n].how, nw.col)(n) for n in spans))
    if table != "subscriptions":
        return made
    contracts = _contracts(rows, past.churn, dict(zip(dates, ends, strict=True)))
    return made.join(contracts, on=["customer_id", "date"], how="left")


def _mean(name: str) -> nw.Expr:
    """Mean of a customer's sentiments: whole thousandths, whose sum no order of rows changes."""
    texts = nw.col(f"{name}:texts")
    return nw.when(texts > 0).then(nw.col(name) / texts / THOUSANDTHS).alias(name)


def _spans(rows: Rows, signal: Signal, window_us: int) -> Rows:
    """From when until when each row of a signal counts, and its number."""
    dated = DATED_BY[signal.table][-1]
    rows = with_micros(with_micros(rows, signal.time, "from"), dated, "dated")
    rows = rows.filter(~nw.col("customer_id").is_null(), ~nw.col("from").is_null())
    rows = rows.filter(nw.col("kind").cast(nw.String) == signal.kind) if signal.kind else rows
    rows = rows.with_columns(begin=nw.max_horizontal("from", "dated"))  # a ticket rated before it was opened
    end, number = nw.lit(NEVER_US, nw.Int64), nw.lit(1.0)
    if signal.how == "last":
        rows = rows.filter(~nw.col(signal.column).is_null())
        number = nw.col(signal.column).cast(nw.Float64)
    elif signal.how == "mood":
        rows = _with_sentiment(rows, signal.column)
        end, number = nw.col("begin") + window_us, nw.col("sentiment")
    elif signal.column == WINDOW:
        end = nw.col("begin") + window_us
    elif signal.column:
        rows = with_micros(rows, signal.column, "until")
        end = nw.col("until").fill_null(NEVER_US)
    if signal.how not in ("last", "days"):
        return rows.select("customer_id", "begin", end=end, number=number)
    rows = rows.with_columns(number=number).group_by("customer_id", "begin").agg(nw.col("number").min())
    following = nw.col("begin").shift(-1).over("customer_id", order_by="begin")
    return rows.select("customer_id", "begin", end=following.fill_null(NEVER_US), number="number")


def _with_sentiment(rows: Rows, column: str) -> Rows:
    """Rows whose text has a sentiment, in thousandths."""
    texts = collected(rows.select(column).unique())[column].cast(pl.String).drop_nulls().sort()
    return rows.join(nw.from_native(_thousandths(tuple(texts))).rename({"text": column}), on=column)


@lru_cache(maxsize=4)
def _thousandths(texts: tuple[str, ...]) -> pl.LazyFrame:
    """Sentiment of different texts; the same for the same texts, of which many dates and studies ask."""
    values = (sentiment(pl.Series(texts, dtype=pl.String))["sentiment"] * THOUSANDTHS).round()
    return pl.DataFrame({"text": texts, "sentiment": values}, schema_overrides={"text": pl.String}).drop_nulls().lazy()


def _contracts(periods: Rows, churn: ChurnDefinition | None, ends: Mapping[dt.datetime, int]) -> Rows:
    """What the contracts that run before each date say, as far as it was known by then.

    Whether a period is renewed within the grace is not known until it is, so that one counts until the grace is over.
    """
    grace_us = (churn.late if churn else dt.timedelta(0)) // dt.timedelta(microseconds=1)
    periods = periods.with_columns(spell_ends_us=nw.col("ends_us") + grace_us)
    known = {"monthly_value": "value"} if "monthly_value" in periods.collect_schema().names() else {}
    parts = []
    for date, date_us in ends.items():
        there = covered(periods, date_us - 1, churn.overlaps if churn else "add")
        there = there.with_columns(contract_days=(date_us - nw.col("spell_starts_us")) / DAY_US)
        day = small_table(periods, {"date": [date]})
        parts.append(there.join(day, how="cross").select("customer_id", "date", "contract_days", **known))
    return nw.concat(parts)
