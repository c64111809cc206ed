"""Retention and revenue of cohorts, by month or week of arrival."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl
import polars.selectors as cs

from engagekit.data.business import Business
from engagekit.data.given import day_after
from engagekit.display.card import card_html, card_text, counted
from engagekit.errors import DataError
from engagekit.frames.engine import collected, column_names, distinct_pairs, to_narwhals
from engagekit.frames.exact import MONEY, in_parts, square_sum, square_terms
from engagekit.frames.periods import dated
from engagekit.language import Language
from engagekit.metrics.intervals import ratio_interval, wilson_interval
from engagekit.prepare.business_tables import BusinessTables
from engagekit.prepare.interactions import valid_interactions
from engagekit.prepare.orders import PURCHASES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CohortTable", "retention_by_cohort", "revenue_by_cohort"]

Rows = nw.LazyFrame[Any]

LENGTHS = ("1mo", "1w")
KEYS = ["customer_id", "period"]
NEEDED = ("interactions", "customers")
SHOWN_AGES, SHOWN_COHORTS = (1, 2, 3, 6, 12), 10
ROW_HEIGHT, WIDTH = 0.35, 9  # inches


@dataclass(frozen=True, eq=False, repr=False)
class CohortTable:
    """Retention of cohorts that shows itself as a table, cohorts down and ages across, and as a heat map.

    Parameters
    ----------
    frame : pandas.DataFrame or polars.DataFrame
        What ``retention_by_cohort`` or ``Study.cohorts`` gives.

    Examples
    --------
    >>> from datetime import datetime
    >>> visits = pl.DataFrame({"customer_id": ["a", "b", "a"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 6), datetime(2026, 2, 3)]})
    >>> CohortTable(retention_by_cohort(visits, datetime(2026, 3, 1)))
    Retention of 1 cohort, 2 customers
      cohort (customers), age    1
      2026-01-01 (2)           50%

    >>> CohortTable(study.cohorts()).plot().get_yticklabels()[0].get_text()
    'May 25 (9)'
    """

    frame: Any

    def plot(self, ax: "Axes | None" = None, language: str = "en") -> "Axes":
        """Draw the heat map, as ``plot_cohorts`` does; by default on a new figure."""
        from engagekit.display.heatmap import plot_cohorts

        cells = nw.from_native(self.frame, eager_only=True)
        if ax is None:
            from matplotlib.pyplot import subplots

            height = 1 + ROW_HEIGHT * cells["cohort"].n_unique()
            _, ax = subplots(figsize=(WIDTH, height), layout="constrained")
        return plot_cohorts(cells.to_pandas(), ax, Language(language))

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, ...]]]:
        cells = nw.from_native(self.frame, eager_only=True).to_polars().sort("cohort", "age")
        sizes = dict(cells.select("cohort", "customers").rows())
        shares = {(cohort, age): value for cohort, age, value in cells.select("cohort", "age", "value").iter_rows()}
        shown = list(sizes)[-SHOWN_COHORTS:]
        ages = [age for age in SHOWN_AGES if any(_share(shares.get((cohort, age))) != "–" for cohort in shown)] or [0]
        rows: list[tuple[str, ...]] = [("cohort (customers), age", *map(str, ages))]
        for cohort in shown:
            row = (_share(shares.get((cohort, age))) for age in ages)
            rows.append((f"{cohort:%Y-%m-%d} ({sizes[cohort]:,})", *row))
        latest = f"; the latest {SHOWN_COHORTS}" if len(sizes) > SHOWN_COHORTS else ""
        return f"Retention of {counted(len(sizes), 'cohort')}, {counted(sum(sizes.values()), 'customer')}{latest}", rows


def _share(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.0%}"


def retention_by_cohort(
    interactions: Any,
    as_of: dt.datetime | None = None,
    every: str = "1mo",
    *,
    arrivals: Any = None,
    time_zone: str | None = None,
) -> Any:
    """Share of each cohort that was active in each calendar month or week after its first one.

    Parameters
    ----------
    interactions : Study, Business, or pandas, Polars, DuckDB or Spark frame
        A business, whose ``customers`` then say who arrived when. Of a frame ``customer_id, time`` and, where given,
        ``event_id``, which must not repeat. An interaction without a customer or a time is left out.
    as_of : datetime, optional
        Interactions from then on are left out. Without a zone of its own it is on the periods' clock. By default the
        end of a business, or the day after a frame's last interaction; a study has its own.
    every : {"1mo", "1w"}, default "1mo"
        Length of a calendar period: a month, or a week from Monday on.
    arrivals : frame, optional
        ``customer_id, joined_at`` of every customer, in a frame of the same engine; of several times the first counts.
        Without it a customer arrives with the first interaction, so that the first cohort also holds all customers
        from before the data begin.
    time_zone : str, optional
        Zone whose calendar the periods follow; by default that of the times. DuckDB and Spark do not keep it, so it
        must be given there where times have one.

    Returns
    -------
    polars.DataFrame where ``interactions`` is a frame other than pandas, otherwise pandas.DataFrame
        One row for each cohort and age: ``cohort`` (first day, on the wall clock), ``age`` (periods since),
        ``customers`` (size of the cohort), ``active``, ``value`` (a fraction), ``low`` and ``high`` (Wilson).
        ``active`` is null and the others NaN where the period is not over at ``as_of``. With ``arrivals``, cohorts
        from before the data begin are left out.

    Raises
    ------
    DataError
        A column is absent or holds no times, or an ``event_id`` repeats.
    ValueError
        ``every`` is not one of those above, ``time_zone`` is needed, or a study is to end at another time than its own.

    Examples
    --------
    >>> from datetime import datetime
    >>> visits = pl.DataFrame({"customer_id": ["a", "b", "a"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 6), datetime(2026, 2, 3)]})
    >>> retention_by_cohort(visits, datetime(2026, 3, 1))["value"].to_list()
    [1.0, 0.5]
    """
    given, as_of, arrivals = _of_business(interactions, as_of, arrivals)
    rows = valid_interactions(given)
    as_of = as_of or day_after({"interactions": rows}, None)
    clock = time_zone or _zone(rows)
    rows, end = _dated(rows, "time", as_of, every, time_zone)
    arrived = _arrived(arrivals, end, every, clock)
    cells = _cells(distinct_pairs(rows, *KEYS), {"active": nw.len()}, arrived, end, every)
    cells = cells.with_columns(pl.when("over").then("active")).with_columns(value=_ratio("active", "customers"))
    low, high = wilson_interval(cells["active"].cast(pl.Float64).fill_null(math.nan), cells["customers"])
    return _tidy(cells.with_columns(low=low, high=high), ["active", "value", "low", "high"], interactions)


def revenue_by_cohort(
    interactions: Any,
    as_of: dt.datetime | None = None,
    every: str = "1mo",
    *,
    arrivals: Any = None,
    time_zone: str | None = None,
) -> Any:
    """Money that each cohort spent in each calendar month or week after its first one, less refunds.

    Parameters
    ----------
    interactions : Study, Business, or pandas, Polars, DuckDB or Spark frame
        Of a frame ``customer_id, time, action, value`` and, where given, ``event_id``, which must not repeat. All
        interactions and not only purchases, because a customer arrives with the first of any kind; one without a
        customer or a time is left out. A refund counts when it was made, and is subtracted whichever sign it is written
        with. A purchase without a value adds nothing. Values are rounded to ten-thousandths, so that sums are exact.
    as_of, every, arrivals, time_zone
        As in ``retention_by_cohort``.

    Returns
    -------
    polars.DataFrame where ``interactions`` is a frame other than pandas, otherwise pandas.DataFrame
        One row for each cohort and age: ``cohort`` (first day, on the wall clock), ``age`` (periods since),
        ``customers`` (size of the cohort), ``revenue`` (of all of them in that period, in the business's currency),
        ``value`` (revenue a customer, those who bought nothing included), ``low`` and ``high`` (95 % t interval of
        that mean; NaN for one customer) and ``cumulative_value`` (``value`` added up since age 0). They are NaN where
        the period is not over at ``as_of``, and where purchases were made and none has a value.

    Raises
    ------
    DataError
        A column is absent, ``time`` holds no times, ``value`` holds no numbers, or an ``event_id`` repeats.
    ValueError
        ``every`` is not one of those above, ``time_zone`` is needed, or a study is to end at another time than its own.

    Examples
    --------
    >>> from datetime import datetime
    >>> sales = pl.DataFrame({"customer_id": ["a", "b", "a"], "action": ["purchase", "view", "purchase"],
    ...     "time": [datetime(2026, 1, 5), datetime(2026, 1, 6), datetime(2026, 2, 3)], "value": [30.0, None, 10.0]})
    >>> revenue_by_cohort(sales, datetime(2026, 3, 1)).select("revenue", "value", "cumulative_value").rows()
    [(30.0, 15.0, 15.0), (10.0, 5.0, 20.0)]
    """
    given, as_of, arrivals = _of_business(interactions, as_of, arrivals)
    values = to_narwhals(given, ["value"])
    if values.collect_schema()["value"] == nw.String:
        raise DataError("holds text, not numbers. Convert it, for example with pandas.to_numeric.", column="value")
    rows = valid_interactions(given, ["action", "value"])
    as_of = as_of or day_after({"interactions": rows}, None)
    clock = time_zone or _zone(rows)
    rows, end = _dated(rows, "time", as_of, every, time_zone)
    spent = _spent(rows.filter(nw.col("action").is_in(PURCHASES)))
    active = distinct_pairs(rows, *KEYS).join(spent, on=KEYS, how="left")
    sums = {"active": nw.len(), "revenue": nw.col("spent").sum()}
    active = active.with_columns(**square_terms(nw.col("spent")))
    sums |= {name: nw.col(name).sum() for name in ("lines", "valued", *square_terms(nw.col("spent")))}
    sums |= {"cubes": ((nw.col("spent") / MONEY) ** 3).sum()}
    cells = _valued(_cells(active, sums, _arrived(arrivals, end, every, clock), end, every))
    return _tidy(cells, ["revenue", "value", "low", "high", "cumulative_value"], interactions)


def _of_business(source: Any, as_of: dt.datetime | None, arrivals: Any) -> tuple[Any, dt.datetime | None, Any]:
    """Interactions, end and arrivals of a study or a business; a frame's as they were given."""
    if isinstance(source, Business):
        tables: dict[str, Any] = {name: source.table(name, lazy=True) for name in NEEDED if name in source.tables}
        source, as_of = BusinessTables(source, tables, source.end(as_of), "month", None), None
    if not isinstance(source, BusinessTables):
        return source, as_of, arrivals
    if as_of is not None:
        raise ValueError(f"as_of: the study ends at {source.end}. Make another, Study(business, as_of)")
    if arrivals is None and source.has("customers") and "joined_at" in column_names(source.described("customers")):
        arrivals = source.described("customers")
    return source.described("interactions"), source.end, arrivals


def _dated(rows: Rows, at: str, as_of: dt.datetime, every: str, time_zone: str | None) -> tuple[Rows, dt.datetime]:
    """Rows of known customers before the end, with their period, and the end on the periods' clock."""
    if every not in LENGTHS:
        raise ValueError(f"every: {every!r} is not one of {', '.join(LENGTHS)}")
    rows, end = dated(rows, at, every, as_of, time_zone)
    return rows.filter(~nw.col("customer_id").is_null()), end or as_of


def _arrived(arrivals: Any, end: dt.datetime, every: str, time_zone: str | None) -> Rows | None:
    """Cohort of each customer whose arrival is given."""
    if arrivals is None:
        return None
    joined, _ = _dated(to_narwhals(arrivals, ["customer_id", "joined_at"]), "joined_at", end, every, time_zone)
    return joined.group_by("customer_id").agg(nw.col("period").min().alias("cohort"))


def _zone(rows: Rows) -> str | None:
    """Zone of the interactions' times, whose calendar arrivals follow too."""
    return getattr(rows.collect_schema()["time"], "time_zone", None)


def _spent(lines: Rows) -> Rows:
    """What each customer spent in each period, in ten-thousandths; how many lines, and how many that have a value."""
    value, refund = nw.col("value").cast(nw.Float64), nw.col("action") == "refund"
    net = nw.when(refund).then(0 - value.abs()).otherwise(value)
    lines = lines.with_columns(spent=in_parts(net, MONEY))
    spent = nw.col("spent")
    return lines.group_by(KEYS).agg(spent.sum(), spent.count().alias("valued"), nw.len().alias("lines"))


def _valued(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells with their revenue a customer; NaN where it is not known."""
    known = pl.when("over", (pl.col("lines") == 0) | (pl.col("valued") > 0))
    cells = cells.with_columns(squares=square_sum(MONEY), revenue=pl.col("revenue") / float(MONEY))
    cells = cells.with_columns(known.then("revenue").fill_null(math.nan))
    cells = cells.with_columns(value=_ratio("revenue", "customers"))
    n, revenue, squares, cubes = (cells[name] for name in ("customers", "revenue", "squares", "cubes"))
    low, high = ratio_interval(n, revenue, n, squares, revenue, n, cubes, squares, revenue, n)
    total = pl.col("value").cum_sum().over("cohort", order_by="age")
    return cells.with_columns(low=low, high=high, cumulative_value=total)


def _cells(active: Rows, sums: dict[str, nw.Expr], arrived: Rows | None, end: dt.datetime, every: str) -> pl.DataFrame:
    """Sums of each cohort at each age that had begun, and whether that period is over.

    Only these sums and the cohorts' sizes leave the caller's engine.
    """
    if arrived is None:  # a running minimum is the first period; DuckDB turns a plain one into a second pass
        cohorts = active.with_columns(cohort=nw.col("period").cum_min().over("customer_id", order_by="period"))
    else:
        cohorts = active.join(arrived, on="customer_id", how="left")
    cells = _collected(cohorts.group_by("cohort", "period").agg(**sums))
    cohort, period = pl.col("cohort"), pl.col("period")
    if arrived is None:
        sizes = cells.filter(cohort == period).select("cohort", customers="active")
    else:
        sizes = _collected(arrived.group_by("cohort").agg(customers=nw.len()))
        sizes = sizes.join(cells.select(period.min()), how="cross").filter(cohort >= period).drop("period")
    ages = pl.datetime_ranges("cohort", pl.lit(end), every, closed="left")
    grid = sizes.select("cohort", "customers", period=ages).explode("period")
    age = pl.int_range(pl.len(), dtype=pl.Int64).over("cohort", order_by="period")
    over = period.dt.offset_by(every) <= end
    grid = grid.join(cells, on=["cohort", "period"], how="left").with_columns(pl.col(*sums).fill_null(0))
    return grid.with_columns(age=age, over=over)


def _collected(rows: Rows) -> pl.DataFrame:
    """Small frame, with periods on the wall clock and whole numbers of one type whatever the engine."""
    periods = [name for name in ("cohort", "period") if name in rows.collect_schema().names()]
    rows = rows.with_columns(nw.col(periods).cast(nw.Date))  # Spark moves times on their way out, and leaves dates
    whole = (cs.integer() | cs.decimal()).cast(pl.Int64)
    return collected(rows).with_columns(pl.col(periods).cast(pl.Datetime("us")), whole)


def _ratio(part: str, whole: str) -> pl.Expr:
    return (pl.col(part) / pl.col(whole)).fill_null(math.nan)


def _tidy(cells: pl.DataFrame, columns: list[str], like: Any) -> Any:
    """Cells by cohort and age, in pandas for a pandas caller and of a business."""
    tidy = cells.select("cohort", "age", "customers", *columns).sort("cohort", "age")
    in_pandas = isinstance(like, Business | BusinessTables) or nw.dependencies.is_pandas_dataframe(like)
    return tidy.to_pandas() if in_pandas else tidy
