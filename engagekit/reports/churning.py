"""Who is likely to leave a business, why, whether that can be told, and whom to contact."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from engagekit.churn.comparison import Comparison, compare_models
from engagekit.churn.dataset import churn_dataset
from engagekit.churn.drift import drift
from engagekit.churn.leakage import TOO_GOOD, leakage_report, leaking_column
from engagekit.churn.model import ChurnModel
from engagekit.churn.saving import significant
from engagekit.churn.survival import churn_times, survival
from engagekit.customers.declines import trailing_slopes
from engagekit.customers.features import customer_features
from engagekit.data.business import Business
from engagekit.data.reading import Reading
from engagekit.decisions.contacts import contacts
from engagekit.errors import DataError, TooLittle, did_you_mean
from engagekit.frames.times import days_long
from engagekit.language import Language
from engagekit.metrics.measure import measure
from engagekit.metrics.retention import churn_rate
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.reports.prepared import history_of, lived_until, month_starts
from engagekit.reports.results import as_data, check_goals, last_month
from engagekit.reports.scoring import NOBODY
from engagekit.score.scorecard import Scorecard
from engagekit.value.fitting import NoConvergence
from engagekit.value.lifetime import BetaGeometric
from engagekit.value.purchase_history import purchase_history

__all__ = ["GROUPS", "Churning", "churning"]

DAYS_A_MONTH = 365.25 / 12
NOT_COUNTED = ("preferred_channel", "sentiment_mean")
DERIVED = ("score", "slope", "p_alive")  # rungs of their own, made of the other features
KEYS = ("customer_id", "date", "segment", "churned", "next_value")
GROUPS = {  # features that can stand in for one another
    "recency": ("recency_days",),
    "activity": ("interactions", "active_days", "distinct_actions", "duration_s"),
    "manner": ("active_share", "trend"),
    "purchases": ("value", "orders"),
    "tenure": ("tenure_days",),
}
REASONS, LEAST_ODDS = 3, 1.1  # told of a customer; multiple of the odds from which one is worth telling
Z95 = 1.959964


@dataclass(frozen=True)
class Churning:
    """What can be said of who leaves.

    Attributes
    ----------
    business : Business
    end : datetime
        Everything before it counts; customers at risk then are those told of. Where the data end earlier than was
        asked, it is when they do.
    outcomes : tuple of int
        How often a customer was at risk on a date whose horizon is over, and how often one left.
    rates : pandas.DataFrame
        ``churn_rate`` of the first of each month, as ``measure`` gives it.
    survival : pandas.DataFrame
        ``segment`` (empty without a score) and what ``survival`` gives, of those at risk on ``watched_from``.
    watched_from : datetime, optional
    comparison : Comparison, optional
        The baselines and the models, tried on the last date whose horizon is over; None where ``problem`` says why.
    problem : str
        Why there is no model: too few customers left or stayed, or too short a history; else empty.
    suspects : pandas.DataFrame
        What ``leakage_report`` found. With any, nobody's chance is told.
    importance : pandas.DataFrame
        ``group, value, spread``: what the ROC AUC of the last date loses when a group of features is shuffled, of a
        model of all features: of the recommended kind, or spline-logistic where that has one column.
    drift : pandas.DataFrame
        What ``drift`` gives: how far the customers at risk now differ from those on the last date that was tried.
    today : pandas.DataFrame
        Customers at risk now: ``customer_id``, ``segment``, ``chance`` of leaving in the horizon and ``value``, money
        that is lost with them in a horizon, NaN where none is recorded; empty without a model, or with suspects.
    contacts : pandas.DataFrame
        Whom to contact first, with real ids: by the gain that is expected of it or, where no money is recorded, by the
        chance.
    reasons : pandas.DataFrame
        Of whom to contact: ``customer_id, feature, value``; ``odds``, the multiple of the odds of leaving that goes
        with it, beside the mean customer; and ``shared``, by how many at risk a category is (NaN of numbers). At most
        three each, the largest first; none of a model that is not additive.
    stale : bool
        Whether the data end earlier than was asked.
    """

    business: Business
    end: dt.datetime
    outcomes: tuple[int, int] = (0, 0)
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)
    survival: pd.DataFrame = field(default_factory=pd.DataFrame)
    watched_from: dt.datetime | None = None
    comparison: Comparison | None = None
    problem: str = ""
    suspects: pd.DataFrame = field(default_factory=pd.DataFrame)
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    drift: pd.DataFrame = field(default_factory=pd.DataFrame)
    today: pd.DataFrame = field(default_factory=pd.DataFrame)
    contacts: pd.DataFrame = field(default_factory=pd.DataFrame)
    reasons: pd.DataFrame = field(default_factory=pd.DataFrame)
    stale: bool = False

    @property
    def language(self) -> Language:
        """The report's."""
        return Language(self.business.language)

    @property
    def readings(self) -> list[Reading]:
        """What became of each table's rows."""
        return [self.business.reading(table) for table in self.business.tables]

    @property
    def too_good(self) -> bool:
        """Whether the recommended rung is better than is usual of honest data."""
        told = self.comparison
        return told is not None and told.statistic(told.recommended)["value"] > TOO_GOOD

    def expected(self, column: str = "") -> tuple[float, float, float]:
        """How many of the customers at risk now, or how much of a column, will be lost; and its interval.

        The interval holds what comes in 95 % of cases, if the chances are right and customers leave independently.
        """
        chance = self.today["chance"]
        lost = self.today[column] if column else pd.Series(1.0, chance.index)
        value = float((chance * lost).sum(min_count=1))
        half = Z95 * float(np.sqrt((chance * (1 - chance) * lost**2).sum()))
        return value, max(value - half, 0.0), value + half

    def card(self) -> dict[str, Any]:
        """What goes with a saved model: of what data it is, and how good it was."""
        if self.comparison is None:
            return {}
        told, tested = self.comparison, self.comparison.backtest
        card: dict[str, Any] = significant(
            {
                "business": self.business.slug,
                "as_of": self.end.date().isoformat(),
                "horizon": self.business.horizon,
                "window": self.business.score.window,
                "contractual": self.business.contractual,
                "fitted_on": [date.date().isoformat() for date in tested.train_dates],
                "tried_on": None if tested.test_date is None else tested.test_date.date().isoformat(),
                "fitted_rows": tested.train_rows,
                "model_rows": 0 if told.model is None else told.model.n_,
                "tried_rows": tested.test_rows,
                "recommended": told.recommended,
                "best": told.best,
                "statistics": [_without_nan(row) for row in tested.statistics.to_dict("records")],
                "calibration_error": told.calibration_error,
                "calibration_slope": _numbers(told.calibration_slope),
                "columns": [] if told.model is None else told.model.columns_,
            }
        )
        return card

    def as_dict(self) -> dict[str, Any]:
        """The content of ``metrics.json``, described in ``docs/metrics-json.md``."""
        month = pd.Timestamp(last_month(self.end).replace(tzinfo=None))
        told: dict[str, Any] = {
            "at_risk": None,
            "leaving": None,
            "revenue_at_risk": None,
            "suspects": [_without_nan(row) for row in self.suspects.to_dict("records")],
            "problem": self.problem,
            "model": None,
        }
        if len(self.today):
            told |= {"at_risk": len(self.today), "leaving": _numbers(self.expected())}
            told |= {"revenue_at_risk": _numbers(self.expected("value"))}
        if self.comparison is not None and self.suspects.empty:
            told["model"] = self.card()
        return as_data(self.business, self.end, month, self.rates) | {"churn": told}


def churning(business: Business, as_of: dt.date | str | None = None) -> Churning:
    """Fit churn models to a business's past, try them, and say whom to contact.

    Parameters
    ----------
    business : Business
        With ``interactions`` and, where customers have contracts, ``subscriptions``.
    as_of : date or ISO str, optional
        Takes the place of the date in ``business.toml``.

    Raises
    ------
    DataError
        A table cannot be read, or there are no interactions.
    ValueError
        ``accept`` or ``use`` of ``[churn]`` names what there is not.
    """
    check_goals(business)
    asked = business.end(as_of)
    for name in {"segment", *DERIVED}.intersection(business.fixed):
        raise DataError("is a name of ours. Map that column to another in [tables.customers.columns].", column=name)
    if "interactions" not in business.tables:
        raise DataError("there are no interactions, so nobody can be told to leave.", file=business.file.name)
    seen = business.table("interactions", lazy=True).filter(pl.col("time") < asked).collect()
    history = history_of(business, seen)
    end = lived_until(business, history.before(asked)["subscriptions"] if business.contractual else seen, asked)
    dates = month_starts(seen, end, max(business.score.window, business.horizon, key=partial(days_long, "window")))
    past = [date for date in dates if date < end]
    scored = _scored(business, history, month_starts(seen, end, business.score.window), end)
    rows = _rows(business, history, past, end, scored)
    for name in business.churn.accept:
        if name not in rows.columns:
            raise ValueError(f"accept: {name!r} is not a column. {did_you_mean(name, _features(rows))}")
    known, now = rows.filter(pl.col("churned").is_not_null()), rows.filter(pl.col("date") == end)
    found = partial(
        Churning,
        business,
        end,
        (known.height, int(known["churned"].sum())),
        _rates(known, end),
        _survival(business, history, scored, past, end),
        min(past, default=None),
        stale=end < asked,
    )
    try:
        climbed = compare_models(known.drop("segment"), ChurnDefinition.of(business), use=business.churn.use)
    except TooLittle as error:
        return found(problem=str(error))
    suspects, importance = _looked_into(business, history, seen, known, climbed)
    if len(suspects):
        return found(climbed, suspects=suspects)
    today = _today(business, history, climbed, now, end)
    listed = _listed(business, today)
    tried = known.filter(pl.col("date") == climbed.backtest.test_date)
    moved = drift(tried, now, _features(known)) if now.height else pd.DataFrame()
    return found(climbed, "", suspects, importance, moved, today, listed, _reasons(climbed, now, listed))


def _scored(business: Business, history: History, dates: list[dt.datetime], end: dt.datetime) -> pl.DataFrame:
    """Scores, segments and slopes on the first of each month and at the end; none without a scorecard."""
    if not business.score.components:
        return NOBODY.with_columns(date=pl.lit(end))
    scored = Scorecard.of(business).history(history, sorted({*dates, end}), business.score.window)
    told: pl.DataFrame = scored.select("customer_id", "date", "score", "segment")
    return told.with_columns(slope=trailing_slopes(told))


def _rows(
    business: Business,
    history: History,
    past: list[dt.datetime],
    end: dt.datetime,
    scored: pl.DataFrame,
) -> pl.DataFrame:
    """Customers at risk on each date and at the end, with score and slope, and the chance that they still buy."""
    parts = [_labelled(business, history, days, end) for days in (past, [end]) if days]
    rows = pl.concat(parts, how="diagonal").drop(*NOT_COUNTED).sort("date", "customer_id")
    scored = scored.with_columns(date=pl.col("date").cast(rows.schema["date"]))
    rows = rows.join(scored, on=["customer_id", "date"], how="left", maintain_order="left")
    return rows if business.contractual else _with_chance_to_buy(rows, history, [*past, end])


def _labelled(business: Business, history: History, dates: list[dt.datetime], as_of: dt.datetime) -> pl.DataFrame:
    rows: pl.DataFrame = churn_dataset(
        history,
        dates,
        business.horizon,
        window=business.score.window,
        as_of=as_of,
        contractual=business.contractual,
        grace=business.grace,
    )
    return rows


def _with_chance_to_buy(rows: pl.DataFrame, history: History, dates: list[dt.datetime]) -> pl.DataFrame:
    """Rows with P(alive) of BG/NBD, whose parameters are those of the first date; without, where they are not told."""
    parts: list[pl.DataFrame] = []
    model = None
    for date in dates:
        bought: pl.DataFrame = purchase_history(history.before(date)["interactions"], date)
        try:
            model = model or BetaGeometric.fit(bought)
        except (NoConvergence, DataError):
            return rows
        alive = model.p_alive(*(bought[name].to_numpy() for name in ("frequency", "recency", "age")))
        parts.append(
            bought.select("customer_id", date=pl.lit(date).cast(rows.schema["date"]), p_alive=pl.Series(alive))
        )
    return rows.join(pl.concat(parts), on=["customer_id", "date"], how="left", maintain_order="left")


def _rates(known: pl.DataFrame, end: dt.datetime) -> pd.DataFrame:
    """Churn rate of the customers at risk on the first of each month whose horizon is over."""
    base = known.select("customer_id", "date", "churned", at_risk=pl.lit(value=True))
    if base.is_empty():
        return pd.DataFrame(columns=["metric", "period", "value", "low", "high", "warning"])
    measured: pd.DataFrame = measure(base, [churn_rate], every="1mo", at="date", until=end).to_pandas()
    return measured


def _survival(
    business: Business, history: History, scored: pl.DataFrame, past: list[dt.datetime], end: dt.datetime
) -> pd.DataFrame:
    """How long the customers at risk on the first date stayed, by the segment that they were in."""
    if not past:
        return pd.DataFrame(columns=["segment", "days", "at_risk", "value", "low", "high"])
    watched: pl.DataFrame = churn_times(
        history, past[0], business.horizon, as_of=end, contractual=business.contractual, grace=business.grace
    )
    then = scored.filter(pl.col("date") == past[0]).select("customer_id", "segment")
    watched = watched.join(then, on="customer_id", how="left").with_columns(pl.col("segment").fill_null(""))
    curves = [
        survival(part["days"], part["left"]).assign(segment=name)
        for (name,), part in watched.sort("segment").group_by("segment", maintain_order=True)
    ]
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["segment", "days", "value"])


def _looked_into(
    business: Business, history: History, seen: pl.DataFrame, known: pl.DataFrame, climbed: Comparison
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What makes the models too good, if anything does; and what each group of features is worth on the last date."""
    last, accept = climbed.backtest.dates[-1], business.churn.accept
    fitted, tried = (known.filter(pl.col("date").is_in(some)) for some in (climbed.backtest.train_dates, [last]))
    columns = [name for name in _features(known) if fitted[name].n_unique() > 1]
    whole = climbed.model is not None and len(climbed.model.columns_) > 1
    model, honest = None, None
    if columns:
        model = ChurnModel(climbed.model.kind if climbed.model and whole else "logistic")
        model.fit(fitted.select(columns), fitted["churned"].to_numpy())
        again = _labelled(business, history_of(business, seen.filter(pl.col("time") < last)), [last], last)
        again = pl.concat([again, tried.head(0)], how="diagonal_relaxed").drop("churned")
        honest = tried.select("customer_id", "churned").join(again, on="customer_id", how="left", maintain_order="left")
    features = partial(customer_features, window=business.score.window)
    suspects = [
        leakage_report(fitted.drop("segment"), tried.drop("segment"), model=model, honest=honest, accept=accept),
        leaking_column(features, history, last),
    ]
    found = pd.concat([each for each in suspects if len(each)] or suspects[:1], ignore_index=True)
    found = found[~found["about"].isin(accept)]
    if model is None:
        return found, pd.DataFrame()
    left = tried["churned"].to_numpy()
    return found, model.importance(tried.select(columns), left, _groups(model.columns_))


def _features(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in {*KEYS, *DERIVED}]


def _groups(columns: list[str]) -> dict[str, list[str]]:
    """Columns by what they tell of; those of one channel are activity, a business's own are by themselves."""
    groups: dict[str, list[str]] = {}
    for name in columns:
        known = next((group for group, names in GROUPS.items() if name in names), "")
        groups.setdefault(known or ("activity" if name.startswith("interactions_") else name), []).append(name)
    return groups


def _today(
    business: Business, history: History, climbed: Comparison, now: pl.DataFrame, end: dt.datetime
) -> pd.DataFrame:
    """Customers at risk now, with their chance and what they are worth in a horizon."""
    rate = float(climbed.backtest.probabilities[climbed.recommended].mean())
    told = [rate] * now.height if climbed.model is None else climbed.model.predict_proba(now)[:, 1].tolist()
    horizon, window = (
        days_long(name, text) for name, text in (("horizon", business.horizon), ("window", business.score.window))
    )
    worth = now.select("customer_id", value=pl.lit(None, pl.Float64))
    if not now["value"].is_null().all():  # who only had refunds costs nothing
        worth = now.select("customer_id", value=pl.col("value").fill_null(0).clip(0) * (horizon / window))
    if business.contractual:
        paid = history.before(end)["subscriptions"]
        running = paid.filter(pl.col("ends_at").is_null() | (pl.col("ends_at") > end))
        months = horizon.days / DAYS_A_MONTH
        worth = running.group_by("customer_id").agg(value=pl.col("monthly_value").sum() * months)
    chances = now.select("customer_id", "segment", chance=pl.Series(told, dtype=pl.Float64))
    return chances.join(worth, on="customer_id", how="left", maintain_order="left").to_pandas()


def _listed(business: Business, today: pd.DataFrame) -> pd.DataFrame:
    """Whom to contact first; by the chance alone where no money is recorded."""
    settings = business.churn
    if today["value"].notna().any():
        return contacts(today, acceptance=settings.acceptance, cost=settings.cost, capacity=settings.capacity)
    alike = contacts(today.assign(value=1.0), acceptance=1, capacity=settings.capacity)
    return alike.drop(columns=["value", "expected_gain"])


def _reasons(climbed: Comparison, now: pl.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """What goes with a higher chance of leaving, of each customer to contact."""
    columns = ["customer_id", "feature", "value", "odds", "shared"]
    return pd.DataFrame(list(_told(climbed, now, listed)), columns=columns)


def _told(climbed: Comparison, now: pl.DataFrame, listed: pd.DataFrame) -> Iterator[tuple[Any, str, Any, float, float]]:
    if climbed.model is None or climbed.model.kind == "boosting" or listed.empty:
        return
    rows = now.filter(pl.col("customer_id").is_in(listed["customer_id"].to_list()))
    added = climbed.model.contributions(rows).drop(columns="intercept").to_dict("records")
    shared = {name: Counter(now[name]) for name in climbed.model.columns_ if not now.schema[name].is_numeric()}
    for row, by in zip(rows.iter_rows(named=True), added, strict=True):
        for name in sorted(by, key=by.__getitem__, reverse=True)[:REASONS]:
            if np.exp(by[name]) >= LEAST_ODDS:
                value = row[str(name)]
                alike = shared[name][value] if name in shared else np.nan
                yield row["customer_id"], str(name), value, float(np.exp(by[name])), alike


def _numbers(estimate: tuple[float, float, float]) -> dict[str, float | None] | None:
    """An estimate as metrics.json has it; None where it is not known."""
    found: dict[str, float | None] = _without_nan(dict(zip(("value", "low", "high"), estimate, strict=True)))
    return None if found["value"] is None else found


def _without_nan(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): None if isinstance(each, float) and np.isnan(each) else each for name, each in row.items()}
