"""Study: a business on a date. Everything that is said of it is a function of one, and each thing is computed once."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import narwhals as nw
import polars as pl

from engagekit.churn.comparison import Comparison, compare_models
from engagekit.churn.dataset import churn_dataset
from engagekit.customers.cohorts import retention_by_cohort
from engagekit.customers.features import snapshots
from engagekit.customers.groups import check_groups, with_groups
from engagekit.customers.lifecycle import lifecycle, lifecycle_flows
from engagekit.customers.rfm import rfm
from engagekit.customers.signals import SIGNALS, signals_of
from engagekit.customers.slopes import trailing_slopes
from engagekit.customers.win_back import win_back, without_opted_out
from engagekit.data.business import Business
from engagekit.data.given import day_after, given_business
from engagekit.data.plans import HOLD_OUT, NO_ASSIGNMENTS, plan_rows
from engagekit.display.progress import progress
from engagekit.display.pseudonyms import stand_for
from engagekit.errors import DataError
from engagekit.frames.engine import collected
from engagekit.language import Language
from engagekit.metrics.catalog import METRICS, metric_named
from engagekit.metrics.every_metric import last_changes, measure_table
from engagekit.metrics.funnel import funnel
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Metric
from engagekit.prepare.business_tables import PERIODS, BusinessTables
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.prepare.tables import MADE_OF, Prepared
from engagekit.score.components import tables_of
from engagekit.score.scorecard import Scorecard
from engagekit.score.verdict import Verdict, verdict
from engagekit.value.coming_year import ComingYear, buyers_year, contracts_year
from engagekit.value.p_alive import with_p_alive

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SNAPSHOTS", "Study"]

NOT_COUNTED = ("preferred_channel", "sentiment_mean")  # features that models do not use
DERIVED = ("score", "slope", "p_alive")  # predictors of their own, made of the other features
MONTHLY = ("activity",)  # tables with a row a customer and month, of which no week can be told
OF_CHURN = ("base", "lifecycle")  # tables that need to know what leaving means
SNAPSHOTS = (*OF_CHURN, "scores")  # the same customers on many dates, whom a sum over time would count again
Words = str | Sequence[str]


class Study(BusinessTables):
    """A business on a date.

    Parameters
    ----------
    business : Business or path
        The business, or its folder.
    as_of : date or ISO str, optional
        Everything before it counts; by default what ``business.toml`` says.
    period : {"month", "week", "quarter"}, optional
        Length of the periods that are compared; by default what ``business.toml`` says.

    Attributes
    ----------
    business : Business
    end : datetime
        Midnight of the date, in the business's zone.
    firewall : History
        The tables, of which features, labels and models see only what was known before a date; in Polars or, of frames
        that were given, in their kind.

    Raises
    ------
    DataError
        A table cannot be read, too many of its rows were refused, or no table has a row before the date.

    Examples
    --------
    ``study`` is a sample business in a folder; ``Study("businesses/mine")`` opens one of your own.

    >>> print(study)
    Study before 2026-11-01, by month: Green Basket
      churned        no paid period 84d after a date; in the base: one on it
      interactions   37,229 rows  2025-05-01 to 2026-10-31  12 refused
    ...

    What was refused, the score and whether it predicts who leaves, and the money that leaves with those who do:

    >>> {reading.table: reading.refused.height for reading in study.readings if reading.refused.height}
    {'interactions': 12, 'surveys': 3, 'tickets': 1}
    >>> study.scorecard.features
    ('recency_days', 'active_days', 'interactions', 'duration_s', 'active_share')
    >>> study.verdict.verdict, study.at_stake["value"].sum()
    ('better_than_recency', 22246.0)

    The last whole period, and the study as it was one period before:

    >>> f"{study.last_period:%B %Y}", f"{study.earlier.last_period:%B %Y}"
    ('October 2026', 'September 2026')
    """

    def __init__(
        self,
        business: Business | str | Path,
        as_of: dt.date | str | None = None,
        period: Literal["week", "month", "quarter"] | None = None,
    ) -> None:
        opened = business if isinstance(business, Business) else Business.open(business)
        frames = {name: opened.table(name, lazy=True) for name in progress(list(opened.tables), "Reading")}
        if "interactions" in frames:  # read once each, so that the id, their largest column, is not needed any more
            frames["interactions"] = frames["interactions"].drop("event_id", strict=False)
        super().__init__(opened, frames, opened.end(as_of), period or opened.report.period, None)
        self._scorecard: Scorecard | None = None
        stand_for(self.customer_ids)

    @classmethod
    def of(
        cls,
        *,
        as_of: dt.datetime | dt.date | str | None = None,
        columns: Mapping[str, str] | None = None,
        churn: ChurnDefinition | None = None,
        scorecard: Scorecard | None = None,
        time_zone: str = "",
        currency: str = "",
        language: Literal["id", "ms", "en"] = "en",
        fixed: Iterable[str] = (),
        period: Literal["week", "month", "quarter"] = "month",
        **tables: Any,
    ) -> Self:
        """Make a study of frames, without a folder. What is not given is asked for when it is needed.

        Parameters
        ----------
        as_of : date or ISO str, optional
            Everything before it counts; by default the day after the last row of any table.
        columns : mapping of str to str, optional
            Our names of columns and yours, such as ``{"customer_id": "CustomerID", "time": "InvoiceDate"}``.
        churn : ChurnDefinition, optional
            What leaving means.
        scorecard : Scorecard, optional
            The engagement score.
        time_zone : str, optional
            Zone of times that have none; without it they are wall-clock times.
        currency : str, optional
            Code of the currency of money, such as ``"IDR"``.
        language : {"en", "id", "ms"}
            Of words and numbers.
        fixed : iterable of str, optional
            Attributes of ``customers`` that never change.
        period : {"month", "week", "quarter"}
            Length of the periods that are compared.
        **tables : frame
            Tables by their names: pandas, Polars, DuckDB or Spark frames, unique by their keys.

        Raises
        ------
        DataError
            There is no such table, or none with a dated row.

        Examples
        --------
        >>> from datetime import datetime
        >>> orders = pl.DataFrame({"buyer": ["a", "a", "b"], "at": [datetime(2026, 1, day) for day in (5, 20, 9)],
        ...     "action": "purchase", "channel": "shop", "total": [10.0, 30.0, 20.0]})
        >>> names = {"customer_id": "buyer", "time": "at", "value": "total"}
        >>> Study.of(interactions=orders, columns=names).measure("order_value")["value"].item()
        20.0
        """
        business = given_business(
            tables, columns or {}, time_zone=time_zone, currency=currency, language=language, fixed=fixed
        )
        made = cls.__new__(cls)
        BusinessTables.__init__(made, business, business.tables, day_after(business.tables, as_of), period, churn)
        made._scorecard = scorecard
        stand_for(made.customer_ids)
        return made

    def _prepare(self, name: str) -> Prepared | None:
        if name == "lifecycle":
            return None if self.states.is_empty() else (self.states, "date")
        return self._scores_by_period() if name == "scores" else super()._prepare(name)

    def _scores_by_period(self) -> Prepared | None:
        """Scores on the first day of each period, dated by the period before, whose end it is."""
        if self.scorecard is None:
            return None
        starts = self.scored.filter(pl.col("date").is_in(self.starts("interactions", self.business.score.window)))
        return starts.with_columns(pl.col("date").dt.offset_by(f"-{PERIODS[self.period]}")), "date"

    @cached_property
    def earlier(self) -> Self:
        """The business as it was known one period before."""
        (end,) = pl.Series([self.end]).dt.offset_by(f"-{PERIODS[self.period]}")
        study = type(self).__new__(type(self))
        BusinessTables.__init__(study, self.business, self._frames, end, self.period, self._churn)
        study._scorecard = self._scorecard
        return study

    @cached_property
    def scorecard(self) -> Scorecard | None:
        """The engagement score that the business declares; None without components or interactions."""
        declared = self.business.score.components and "interactions" in self._frames
        return self._scorecard or (Scorecard.of(self.business) if declared else None)

    @property
    def scores(self) -> "pd.DataFrame":
        """Scores on the first day of each period and at the end, as ``Scorecard.history`` gives them.

        Examples
        --------
        >>> study.scores.groupby("date")["score"].mean().round(1).tail(2).tolist()
        [44.7, 45.1]
        """
        return self.scored.to_pandas()

    @cached_property
    def scored(self) -> pl.DataFrame:
        """As ``scores``, in Polars."""
        if self.scorecard is None:
            raise DataError("no score is declared. Give it [score.components].", file="business.toml")
        dates = [*self.starts("interactions", self.business.score.window), self.end]
        made: pl.DataFrame = self.scorecard.score(self._features.filter(pl.col("date").is_in(dates)))
        return made

    def features(self, dates: Iterable[dt.datetime] | None = None) -> "pd.DataFrame":
        """Features of customers with an interaction in the score's window before each date; by default the end.

        Examples
        --------
        >>> study.features().loc[:, "recency_days":"active_days"].mean().round(1).to_dict()
        {'recency_days': 13.4, 'tenure_days': 558.5, 'interactions': 31.9, 'active_days': 11.1}
        """
        days = list(dates or [self.end])
        if set(days) <= set(self._features["date"]):
            return self._features.filter(pl.col("date").is_in(days)).to_pandas()
        rows = snapshots(self.firewall, days, self.business.score.window)
        return collected(nw.from_native(rows).lazy()).to_pandas()

    @cached_property
    def features_now(self) -> pl.DataFrame:
        """As ``features`` by default, in Polars."""
        return self._features.filter(pl.col("date") == self.end)

    @cached_property
    def _features(self) -> pl.DataFrame:
        """Features on all dates that are looked at: first days of periods, the end, and the end of the data."""
        dates = {*self.starts("interactions", self.business.score.window), self.end}
        dates |= set(self.dates) if self.says_churn else set()
        rows = snapshots(self.firewall, sorted(dates), self.business.score.window)
        return collected(nw.from_native(rows).lazy())

    def churn_dataset(self) -> "pd.DataFrame":
        """Customers of the base on ``dates``, as ``churn.dataset.churn_dataset`` gives them, with scores.

        Examples
        --------
        >>> study.churn_dataset().groupby("churned", dropna=False).size().tolist()
        [1705, 191, 533]
        """
        return self.dataset.to_pandas()

    @cached_property
    def dataset(self) -> pl.DataFrame:
        """As ``churn_dataset``, in Polars: with score, segment, slope and, without contracts, ``p_alive``."""
        rows = churn_dataset(
            self.firewall,
            self.dates,
            self.churn,
            window=self.business.score.window,
            as_of=self.data_end,
            features=self._features.filter(pl.col("date").is_in(self.dates)),
            base=self.standing,
        )
        table = collected(nw.from_native(rows).lazy()).sort("date", "customer_id")
        if self.scorecard is not None:
            scored = self.scorecard.score(table).sort("date", "customer_id")
            scored = scored.with_columns(slope=pl.Series(trailing_slopes(scored), dtype=pl.Float64))
            table = table.hstack(scored.drop("customer_id", "date").get_columns())
        past = self.firewall.before(self.data_end)
        return table if self.churn.contractual else with_p_alive(table, past, self.dates)

    @property
    def modelled(self) -> pl.DataFrame:
        """``dataset`` with the features that models use: of other tables only those that ``[churn] signals`` names.

        Raises
        ------
        DataError
            It names a table that is not there.
        """
        for name in self.business.churn.signals:
            if not self.has(name):
                raise DataError(f"signals: there are no {name}. Add the table, or take it out.", file="[churn]")
        signals = signals_of(self.firewall.before(self.data_end))
        others = [name for name in signals if SIGNALS[name].table not in self.business.churn.signals]
        return self.dataset.drop(*NOT_COUNTED, *others, strict=False)

    @cached_property
    def verdict(self) -> Verdict:
        """The score on trial: whether it predicts who leaves, and better than recency."""
        if self.scorecard is None:
            raise DataError("no score is declared. Give it [score.components].", file="business.toml")
        return verdict(self.scorecard, self.dataset, self.churn)

    def compare_models(self) -> Comparison:
        """Churn models from the simplest to the largest, tested on customers that they were not fitted to.

        Raises
        ------
        TooLittle
            Too few customers left or stayed to fit or to test a model.

        Examples
        --------
        >>> study.compare_models().recommended
        'base_rate'
        """
        return self._comparison

    @cached_property
    def _comparison(self) -> Comparison:
        settings = self.business.churn
        return compare_models(self.modelled, self.churn, use=settings.use, accept=settings.accept)

    def paid_now(self) -> pl.DataFrame:
        """Customers under contract at the end of the data, and what they pay: ``customer_id, monthly_value``.

        Examples
        --------
        >>> study.paid_now().select(pl.len(), pl.col("monthly_value").sum()).row(0)
        (174, 22246.0)
        """
        base = nw.from_native(self.standing).lazy().filter(nw.col("date") == self.data_end, nw.col("in_base"))
        rows = collected(base)
        value = pl.col("opening_value") if "opening_value" in rows.columns else pl.lit(None, pl.Float64)
        return rows.select("customer_id", monthly_value=value)

    def lifetime(self) -> "pd.DataFrame":
        """What each buyer, or with contracts each customer under contract, is expected to bring in the coming year.

        The year is the 365 days after ``data_end``. See ``ComingYear.customers``; ``coming_year`` has the totals with
        intervals and the test on the last third of the data.

        Raises
        ------
        DataError
            There are too few data, or the model cannot be fitted to them.

        Examples
        --------
        >>> study.lifetime()[["p_kept", "renewals", "expected_value"]].mean().round(2).to_dict()
        {'p_kept': 0.65, 'renewals': 9.55, 'expected_value': 1203.48}
        """
        year = self.coming_year
        if year.reason:
            raise DataError(Language("en").text(f"lifetime.{year.reason}", **year.counts))
        return year.customers.to_pandas()

    @cached_property
    def coming_year(self) -> ComingYear:
        """What customers will buy or renew in the coming year, and how good such a forecast was before."""
        if self.churn.contractual:
            if not self.has("subscriptions"):
                return ComingYear(reason="nobody")
            return contracts_year(self.base_rows, self.paid_now(), self.data_end, self.churn.late)
        orders = self.prepared("orders")
        if orders is not None:
            rows = nw.from_native(orders[0]).lazy().filter(nw.col("lines") > 0).select("customer_id", "time", "value")
        elif self.has("interactions"):
            rows = nw.from_native(self.described("interactions")).lazy()
            rows = rows.filter(nw.col("action") == "purchase").select("customer_id", "time")
        else:
            return ComingYear(reason="nobody")
        return buyers_year(collected(rows), self.data_end)

    @cached_property
    def plans(self) -> pl.DataFrame:
        """Who is in a plan, whenever it runs: what ``plan_rows`` gives of the assignments."""
        others = [frame for name, frame in self._frames.items() if name != "assignments"]
        return plan_rows(self._frames.get("assignments", NO_ASSIGNMENTS), others)

    @cached_property
    def planned(self) -> pl.DataFrame:
        """Who is in a plan that runs at the end: from the day on that it starts, and before the day that it ends."""
        if self.plans.is_empty():
            return self.plans
        return self.plans.filter(pl.col("assigned_at") <= self.end, pl.col("ends_at") > self.end.date())

    @cached_property
    def held_out(self) -> frozenset[Any]:
        """Customers whom a plan that runs at the end holds out: they are on no list of customers to contact."""
        return frozenset(self.planned.filter(pl.col("arm") == HOLD_OUT)["customer_id"])

    def win_back(self) -> "pd.DataFrame":
        """Customers who churned within the last horizon, the most valuable first.

        Without those who opted out or whom a plan holds out.

        Examples
        --------
        >>> study.win_back()["value"].tolist()[:3]
        [189.0, 189.0, 189.0]
        """
        return self._win_back.copy()

    @cached_property
    def churned(self) -> pl.DataFrame:
        """As ``win_back``, in Polars, with those who opted out or are held out."""
        return collected(nw.from_native(win_back(self.firewall, self.data_end, self.churn)).lazy())

    @cached_property
    def _win_back(self) -> "pd.DataFrame":
        rows = self.churned.filter(~pl.col("customer_id").is_in(list(self.held_out)))
        if self.has("customers"):
            customers = collected(nw.from_native(self.described("customers")).lazy())
            willing = collected(without_opted_out(nw.from_native(rows.lazy()), customers))["customer_id"]
            rows = rows.filter(pl.col("customer_id").cast(willing.dtype).is_in(willing.implode()))
        return rows.to_pandas()

    @cached_property
    def at_stake(self) -> pl.DataFrame:
        """Money that leaves with a customer: ``customer_id`` and ``value``, null where none is recorded.

        With contracts what is paid a month at the end of the data; without what was spent in the score's window.
        """
        if self.churn.contractual:
            return self.paid_now().rename({"monthly_value": "value"})
        return self.features_now.select("customer_id", pl.col("value").cast(pl.Float64))

    def cohorts(self) -> "pd.DataFrame":
        """Share of each cohort that was active in each month after its first one.

        Examples
        --------
        >>> month_3 = study.cohorts().query("age == 3")
        >>> int(month_3["active"].sum()), int(month_3["customers"].sum())
        (113, 135)
        """
        return self._cohorts.copy()

    @cached_property
    def _cohorts(self) -> "pd.DataFrame":
        made: pd.DataFrame = retention_by_cohort(self)
        return made

    def measure(
        self,
        metrics: Metric | str | Iterable[Metric | str],
        by: Words = (),
        where: Mapping[str, Any] | None = None,
        every: str | None = None,
    ) -> "pd.DataFrame":
        """Measure metrics of the business.

        Parameters
        ----------
        metrics : Metric, str or iterable of them
            What to measure, by name or itself.
        by : str or sequence of str, optional
            Groups to measure by: columns of the metric's own table first, then attributes of ``customers``, then
            ``segment``, ``lifecycle``, ``cohort``, ``channel`` (the preferred one) and ``rfm``. A group that changes is
            the one at the start of each period, so that a customer is not sorted by what the metric counts.
        where : mapping, optional
            Column or group and the value, or list of values, of the rows that count.
        every : {"week", "month", "quarter"}, optional
            Length of the periods; without it over all time.

        Returns
        -------
        pandas.DataFrame
            As ``engagekit.measure`` gives it. Metrics whose table feeds the score, which is that of any of its
            components, carry the warning ``circular`` when they are shown by segment.

        Raises
        ------
        DataError
            The business lacks the metric's table, a word names nothing, or there are more than 100 groups.
        ValueError
            There is no such metric or period, or a metric does not say of which table it is.

        Examples
        --------
        >>> study.measure("net_promoter_score", by="plan")[["plan", "value", "low", "high", "n"]].round(1)
                 plan  value   low  high   n
        0      Family   34.1   6.9  56.1  41
        1        Solo   34.8  12.1  53.2  46
        2  Two people   28.6   0.1  52.5  42
        >>> bought = study.measure(["revenue", "orders_placed"], where={"channel": "app"}, every="quarter")
        >>> bought.pivot(index="period", columns="metric", values="value").shape
        (7, 2)
        """
        chosen = [metrics] if isinstance(metrics, Metric | str) else list(metrics)
        known = [metric_named(metric) if isinstance(metric, str) else metric for metric in chosen]
        names = [by] if isinstance(by, str) else list(by)
        parts = []
        for table in dict.fromkeys(metric.table for metric in known):
            of_table = [metric for metric in known if metric.table == table]
            parts.append(self._measured_of(table, of_table, names, dict(where or {}), every))
        measured: pd.DataFrame = pl.concat(parts, how="diagonal").to_pandas()
        return measured

    def _measured_of(
        self, table: str, metrics: list[Metric], by: list[str], where: dict[str, Any], every: str | None
    ) -> pl.DataFrame:
        if not table:
            raise ValueError(f"{metrics[0].name}: say which table it is of, such as table='mailings'")
        made = self.prepared(table)
        if made is None:
            source = MADE_OF.get(table, "interactions" if table in SNAPSHOTS else table)
            raise DataError(f"is needed for {metrics[0].name}, and not given. Add it.", file=f"[tables.{source}]")
        frame, at = made
        rows = nw.from_native(self._grouped(table, frame, at, [*by, *where]))
        for word, wanted in where.items():
            values = wanted if isinstance(wanted, list | tuple | set) else [wanted]
            rows = rows.filter(nw.col(word).is_in(list(values)))
        check_groups(rows.to_native(), by)
        length = None if every is None else PERIODS.get(every, every)
        if length == PERIODS["week"] and table in MONTHLY:
            raise ValueError(
                f"{metrics[0].name}: is of whole months, two of which a week can share. Take every='month'"
            )
        measured = measure(rows.to_native(), metrics, by=by, every=length, at=at, as_of=self.end)
        result: pl.DataFrame = nw.from_native(measured).to_polars()
        feeds = {"scores", *(tables_of(self.scorecard.features) if self.scorecard else ())}
        if "segment" in {*by, *where} and MADE_OF.get(table, table) in feeds:
            circular = pl.concat_str("warning", pl.lit("circular"), separator=" ").str.strip_chars()
            result = result.with_columns(warning=circular)
        return result

    def _grouped(self, table: str, frame: Any, at: str, words: list[str]) -> Any:
        """Rows of a table with the columns and groups that words name."""
        known = "customers" in self._frames
        customers = collected(nw.from_native(self.described("customers")).lazy()) if known else None
        return with_groups(frame, at, words, table, customers, self._groups, PERIODS[self.period])

    def funnel(self, steps: Sequence[str], within: str, by: str = "") -> "pd.DataFrame":
        """How many customers complete a funnel, as ``engagekit.funnel`` gives it, before the end.

        Parameters
        ----------
        steps : sequence of str
            Two or more actions, in their order.
        within : str
            Time from the first step, such as ``7d``.
        by : str, optional
            Group of a customer at the entry, a word as ``measure`` takes it.

        Examples
        --------
        >>> from datetime import datetime
        >>> done = pl.DataFrame({"customer_id": ["a", "a", "b"], "action": ["view", "purchase", "view"],
        ...     "channel": ["app", "app", "web"], "time": [datetime(2026, 1, day) for day in (1, 3, 2)]})
        >>> study = Study.of(interactions=done, as_of="2026-02-01")
        >>> study.funnel(["view", "purchase"], "7d", by="channel")["customers"].tolist()
        [1, 1, 1, 0]
        """
        rows = self._grouped("interactions", self.described("interactions"), "time", [by] if by else [])
        made = funnel(rows, steps, within, by=by, as_of=self.end)
        return made.to_pandas() if isinstance(made, pl.DataFrame) else made

    @cached_property
    def funnels(self) -> "list[pd.DataFrame]":
        """Funnels that the business declares, in their order; none without interactions."""
        declared = self.business.funnels if self.has("interactions") else []
        return [self.funnel(each.steps, each.within) for each in declared]

    @property
    def _groups(self) -> dict[str, Callable[[], pl.DataFrame]]:
        """Groups of customers that are no attribute, made when they are asked for."""
        if "interactions" not in self._frames:
            return {}
        of_date = ("customer_id", "date")
        groups = {
            "cohort": self._arrivals,
            "channel": lambda: self._features.select(*of_date, channel="preferred_channel"),
            "rfm": self._rfm,
            "lifecycle": self._states_before,
        }
        return groups | ({"segment": lambda: self.scored.select(*of_date, "segment")} if self.scorecard else {})

    def _rfm(self) -> pl.DataFrame:
        """RFM group of each buyer on the first day of each period."""
        made = self.prepared("orders")
        if made is None:
            raise DataError("groups buyers, and there are no orders with a value.", column="rfm")
        groups = rfm(made[0], self.starts("interactions", self.business.score.window) or [self.end])
        return collected(nw.from_native(groups).lazy().select("customer_id", "date", "rfm"))

    def lifecycle(self) -> "pd.DataFrame":
        """State of each customer in each period that is over: new, active, returning, resurrected or dormant.

        Examples
        --------
        >>> study.lifecycle().groupby("date")["state"].value_counts().unstack().tail(1).to_dict("records")
        [{'active': 179, 'dormant': 119, 'new': 2}]
        """
        return self.states.to_pandas()

    @cached_property
    def states(self) -> pl.DataFrame:
        """As ``lifecycle``, in Polars; empty where not two whole periods are known, or contracts are not given."""
        table = "subscriptions" if self.churn.contractual else "interactions"
        begun = self.starts(table, "1d", self.data_end) if self.has(table) else []
        edges = [day for day in begun if day <= self.end]
        if len(edges) < 3:
            return pl.DataFrame(schema={"customer_id": pl.String, "date": pl.Datetime("us"), "state": pl.String})
        made = lifecycle(self.described(table), edges, self.churn, as_of=self.data_end)
        return collected(nw.from_native(made).lazy())

    @cached_property
    def flows(self) -> pl.DataFrame:
        """Customers by date who went from one lifecycle state to another, as ``lifecycle_flows``."""
        return lifecycle_flows(self.states)

    def _states_before(self) -> pl.DataFrame:
        """State of each customer in the period before each first day."""
        after = pl.col("date").dt.offset_by(PERIODS[self.period])
        return self.states.select("customer_id", after.alias("date"), lifecycle="state")

    def _arrivals(self) -> pl.DataFrame:
        """Month in which each customer arrived."""
        table, time = ("customers", "joined_at") if "customers" in self._frames else ("interactions", "time")
        rows = nw.from_native(self.described(table)).lazy().filter(~nw.col("customer_id").is_null())
        first = collected(rows.group_by("customer_id").agg(nw.col(time).min()))
        return first.select("customer_id", cohort=pl.col(time).dt.strftime("%Y-%m"))

    @cached_property
    def measured(self) -> "pd.DataFrame":
        """Every metric that the tables allow: by period, and with ``period`` NaT over all time.

        Churn and the score are taken of the same customers on many dates, and so only by period.
        """
        parts = []
        for table in dict.fromkeys(metric.table for metric in METRICS.values()):
            made = self.prepared(table) if table not in OF_CHURN or self.says_churn else None
            if made is not None:
                length = None if self.period == "week" and table in MONTHLY else PERIODS[self.period]
                lengths = [length] if table in SNAPSHOTS else list(dict.fromkeys([length, None]))
                parts += measure_table(table, *made, lengths, self.end)
        empty = pl.DataFrame(schema={"metric": pl.String, "period": pl.Datetime("us")})
        return (pl.concat(parts) if parts else empty).to_pandas()

    @cached_property
    def changes(self) -> dict[str, tuple[float, float, float]]:
        """Difference of each metric of customers between the last two periods, as ``last_changes`` gives it."""
        return self._changes(self.measured, PERIODS[self.period])

    def changes_in_a_year(self, metrics: Iterable[str]) -> dict[str, tuple[float, float, float]]:
        """As ``changes``, of some metrics, between the last period with a value and the same one a year before.

        Examples
        --------
        >>> [round(number, 2) for number in study.changes_in_a_year(["order_value"])["order_value"]]
        [-2.47, -7.13, 2.19]
        """
        rows = self.measured[self.measured["metric"].isin(list(metrics))]
        return self._changes(rows, "52w" if self.period == "week" else "1y")

    def _changes(self, measured: "pd.DataFrame", back: str) -> dict[str, tuple[float, float, float]]:
        until, length = self.last_period.replace(tzinfo=None), PERIODS[self.period]
        return last_changes(measured, until, length, lambda table: self.prepared(table) or ((), ""), back)
