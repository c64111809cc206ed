"""Who is likely to leave a business, why, whether that can be told, and whom to contact."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from engagekit.churn.candidates import OF_A_SCORE
from engagekit.churn.comparison import Comparison
from engagekit.churn.dataset import churn_dataset
from engagekit.churn.drift import drift
from engagekit.churn.expected import expected_sum
from engagekit.churn.leakage import TOO_GOOD, later_events, leaking_column, no_signs
from engagekit.churn.model import ChurnModel
from engagekit.churn.survival import churn_times, survival
from engagekit.customers.features import customer_features
from engagekit.customers.signals import SIGNAL_TABLES, SIGNALS
from engagekit.data.business import Business
from engagekit.data.reading import Reading
from engagekit.decisions.contacts import contacts
from engagekit.errors import DataError, TooLittle, did_you_mean
from engagekit.frames.engine import collected
from engagekit.frames.periods import period_starts
from engagekit.frames.times import days_long
from engagekit.language import Language
from engagekit.metrics.estimate import significant
from engagekit.metrics.retention import churn_rate
from engagekit.prepare.history import History
from engagekit.reports.goals import check_goals
from engagekit.reports.metrics_json import as_data
from engagekit.study import DERIVED, Study

__all__ = ["GROUPS", "Churning", "churning"]

DAYS_A_MONTH = 365.25 / 12
SAMPLED = 300  # customers on whom it is tried whether features know the future
KEYS = ("customer_id", "date", "churned", "next_value")
GROUPS = {  # features that can stand in for one another
    "recency": ("recency_days", "recency_gaps"),
    "activity": ("interactions", "active_days", "distinct_actions", "duration_s"),
    "manner": ("active_share", "trend"),
    "purchases": ("value", "orders"),
    "tenure": ("tenure_days", "tenure_share"),
    **{table: tuple(name for name, each in SIGNALS.items() if each.table == table) for table in SIGNAL_TABLES},
}
OF_CUSTOMERS = ("interactions", "customers", *SIGNAL_TABLES)
REASONS, LEAST_ODDS = 3, 1.1  # told of a customer; multiple of the odds from which one is worth telling
ROUNDING = 1e-9  # of a mean of equal chances


@dataclass(frozen=True)
class Churning:
    """What can be said of who leaves.

    Attributes
    ----------
    study : Study
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
    suspects, questions : pandas.DataFrame
        Alarms and questions of ``leakage_report``. With an alarm no probabilities are shown; questions stop nothing.
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

    Examples
    --------
    >>> report = churning(study)
    >>> report.outcomes, report.problem, report.too_good, report.days
    ((1896, 191), '', False, '84')
    >>> report.language.code, report.readings[0].table
    ('en', 'interactions')
    >>> [round(number) for number in report.expected()]
    [16, 6, 40]
    >>> list(report.card())[:4], report.as_dict()["churn"]["at_risk"]
    (['business', 'as_of', 'horizon', 'window'], 174)
    """

    study: Study
    business: Business
    end: dt.datetime
    outcomes: tuple[int, int] = (0, 0)
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)
    survival: pd.DataFrame = field(default_factory=pd.DataFrame)
    watched_from: dt.datetime | None = None
    comparison: Comparison | None = None
    problem: str = ""
    suspects: pd.DataFrame = field(default_factory=no_signs)
    questions: pd.DataFrame = field(default_factory=no_signs)
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
    def days(self) -> str:
        """Length of the horizon."""
        return self.business.horizon.removesuffix("d")

    @property
    def readings(self) -> list[Reading]:
        """What became of each table's rows."""
        return self.study.readings

    @property
    def too_good(self) -> bool:
        """Whether the recommended candidate is better than is usual of honest data."""
        told = self.comparison
        return told is not None and told.statistic(told.recommended)["value"] > TOO_GOOD

    def expected(self, column: str = "") -> tuple[float, float, float]:
        """How many of the customers at risk now, or how much of a column, will be lost; and its interval.

        The interval of 95 % takes in by how much the level of churn moved between dates in the past.
        """
        amount = self.today[column].to_numpy(float) if column else None
        margin = self.comparison.margin if self.comparison else 0.0
        return expected_sum(self.today["chance"].to_numpy(float), margin, amount)

    def card(self) -> dict[str, Any]:
        """What goes with a saved model: of what data it is, and how good it was."""
        if self.comparison is None:
            return {}
        told, tested = self.comparison, self.comparison.backtest
        return {
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
            "statistics": significant(tested.statistics.to_dict("records")),
            "calibration_error": significant(told.calibration_error),
            "calibration_slope": _numbers(told.calibration_slope),
            "columns": [] if told.model is None else told.model.columns_,
        }

    def as_dict(self) -> dict[str, Any]:
        """The content of ``metrics.json``, described in ``docs/metrics-json.md``."""
        month = pd.Timestamp(period_starts(self.end, "month", 2)[0].replace(tzinfo=None))
        told: dict[str, Any] = {
            "at_risk": None,
            "leaving": None,
            "revenue_at_risk": None,
            "suspects": significant(self.suspects.to_dict("records")),
            "questions": significant(self.questions.to_dict("records")),
            "problem": self.problem,
            "model": None,
        }
        if len(self.today):
            told |= {"at_risk": len(self.today), "leaving": _numbers(self.expected())}
            told |= {"revenue_at_risk": _numbers(self.expected("value"))}
        if self.comparison is not None and self.suspects.empty:
            told["model"] = self.card()
        return as_data(self.study, self.end, month, self.rates) | {"churn": told}


@lru_cache(maxsize=4)
def churning(study: Study) -> Churning:
    """Compare churn models on a business's past, and say whom to contact; the same for the same study.

    Parameters
    ----------
    study : Study
        With ``interactions`` and, where customers have contracts, ``subscriptions``.

    Raises
    ------
    DataError
        A table cannot be read, or there are no interactions.
    ValueError
        ``accept`` or ``use`` of ``[churn]`` names what there is not.

    Examples
    --------
    >>> report = churning(study)
    >>> report.comparison.recommended, len(report.today), len(report.contacts)
    ('base_rate', 174, 100)
    """
    business, end = study.business, study.data_end
    check_goals(business)
    for name in {"segment", *DERIVED}.intersection(business.fixed):
        raise DataError("is a name of ours. Map that column to another in [tables.customers.columns].", column=name)
    if not study.has("interactions"):
        raise DataError("there are no interactions, so nobody can be told to leave.", file=business.file.name)
    rows = study.modelled
    for name in business.churn.accept:
        if name not in rows.columns:
            raise ValueError(f"accept: {name!r} is not a column. {did_you_mean(name, _features(rows))}")
    known, now = rows.filter(pl.col("churned").is_not_null()), rows.filter(pl.col("date") == end)
    churn_report = partial(
        Churning,
        study,
        business,
        end,
        (known.height, int(known["churned"].sum())),
        _rates(study),
        _survival(study),
        min(study.dates[:-1], default=None),
        stale=end < study.end,
    )
    try:
        compared = study.compare_models()
    except TooLittle as error:
        return churn_report(problem=str(error))
    signs, importance = _looked_into(study, known, compared)
    suspects, questions = (signs[signs["outcome"] == outcome] for outcome in ("alarm", "question"))
    if len(suspects):
        return churn_report(compared, suspects=suspects, questions=questions)
    today = _today(study, compared, now)
    listed = _listed(study, today)
    tested = known.filter(pl.col("date") == compared.backtest.test_date)
    moved = drift(tested, now, _features(known)) if now.height else pd.DataFrame()
    reasons = _reasons(compared, now, listed)
    return churn_report(compared, "", suspects, questions, importance, moved, today, listed, reasons)


def _rates(study: Study) -> pd.DataFrame:
    """Churn rate of the base on the first of each month whose horizon is over."""
    if study.prepared("base") is None:
        return pd.DataFrame(columns=["metric", "period", "value", "low", "high", "warning"])
    return study.measure(churn_rate, every="month")


def _survival(study: Study) -> pd.DataFrame:
    """How long the base of the first date stayed, by the segment that each customer was in."""
    if not study.dates[:-1]:
        return pd.DataFrame(columns=["segment", "days", "at_risk", "value", "low", "high"])
    first = study.dates[0]
    watched = collected(nw.from_native(churn_times(study.firewall, first, study.churn, as_of=study.data_end)).lazy())
    rows = study.dataset.filter(pl.col("date") == first)
    segments = rows.select("customer_id", "segment" if "segment" in rows.columns else pl.lit("").alias("segment"))
    watched = watched.join(segments, on="customer_id", how="left").with_columns(pl.col("segment").fill_null(""))
    curves = [
        survival(part["days"], part["left"]).assign(segment=name)
        for (name,), part in watched.sort("segment").group_by("segment", maintain_order=True)
    ]
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["segment", "days", "value"])


def _looked_into(study: Study, known: pl.DataFrame, compared: Comparison) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Signs of leakage, and what each group of features is worth on the test date."""
    accept, last = study.business.churn.accept, compared.backtest.test_date
    train, test = (known.filter(pl.col("date").is_in(some)) for some in (compared.backtest.train_dates, [last]))
    columns = [name for name in _features(known) if train[name].n_unique() > 1]
    if not columns or last is None:
        return compared.leakage, pd.DataFrame()
    whole = compared.model is not None and len(compared.model.columns_) > 1
    model = ChurnModel(compared.model.kind if compared.model and whole else "logistic")
    model.fit(train.select(columns), train["churned"].to_numpy())
    future = [later_events(model, test, _counted_anew(study, test, last), accept), _leaking(study, last)]
    signs = pd.concat([compared.leakage, *(each for each in future if len(each))], ignore_index=True)
    signs = signs[~signs["about"].isin(accept)]
    return signs, model.importance(test.select(columns), test["churned"].to_numpy(), _groups(model.columns_))


def _counted_anew(study: Study, test: pl.DataFrame, date: dt.datetime) -> pl.DataFrame:
    """Test rows with features of a history that ends on their date."""
    early = {name: study.described(name) for name in OF_CUSTOMERS if study.has(name)}
    early["interactions"] = study.described("interactions").filter(pl.col("time") < date)
    window, history = study.business.score.window, History(early, fixed=study.business.fixed, churn=study.churn)
    again = churn_dataset(history, [date], study.churn, window=window, as_of=date)
    again = collected(nw.from_native(again).lazy())
    again = pl.concat([again, test.head(0)], how="diagonal_relaxed").select(test.columns).drop("churned")
    return test.select("customer_id", "churned").join(again, on="customer_id", how="left", maintain_order="left")


def _leaking(study: Study, date: dt.datetime) -> pd.DataFrame:
    """Whether the features know the future, tried on a sample of customers."""
    tables = {name: study.described(name) for name in OF_CUSTOMERS if study.has(name)}
    some = tables["interactions"]["customer_id"].unique().sort().head(SAMPLED)
    own = {name: frame for name, frame in tables.items() if "customer_id" in frame.columns}
    sample = {name: frame.filter(pl.col("customer_id").is_in(some.implode())) for name, frame in own.items()}
    features = partial(customer_features, window=study.business.score.window)
    return leaking_column(features, History(sample, fixed=study.business.fixed, churn=study.churn), date)


def _features(rows: pl.DataFrame) -> list[str]:
    derived = {*KEYS, *DERIVED, *OF_A_SCORE}
    return [name for name in rows.columns if name not in derived and not name.endswith("_points")]


def _groups(columns: list[str]) -> dict[str, list[str]]:
    """Columns by what they tell of; those of one channel are activity, a business's own are by themselves."""
    groups: dict[str, list[str]] = {}
    for name in columns:
        known = next((group for group, names in GROUPS.items() if name in names), "")
        groups.setdefault(known or ("activity" if name.startswith("interactions_") else name), []).append(name)
    return groups


def _today(study: Study, compared: Comparison, now: pl.DataFrame) -> pd.DataFrame:
    """Customers of the base now, with their probability of leaving and what they are worth in a horizon."""
    rate = float(compared.backtest.probabilities[compared.recommended].mean())
    chance = [rate] * now.height if compared.model is None else compared.model.predict_proba(now)[:, 1].tolist()
    chances = now.select(
        "customer_id",
        "segment" if "segment" in now.columns else pl.lit(None, pl.String).alias("segment"),
        chance=pl.Series(chance, dtype=pl.Float64),
    )
    chances = chances.join(_worth(study, now), on="customer_id", how="left", maintain_order="left")
    if study.has("customers") and "opted_out" in study.described("customers").columns:
        wishes = study.described("customers").select("customer_id", "opted_out").unique("customer_id", keep="last")
        chances = chances.join(wishes, on="customer_id", how="left", maintain_order="left")
    return chances.to_pandas()


def _worth(study: Study, now: pl.DataFrame) -> pl.DataFrame:
    """Money that is lost with each customer in a horizon; null where none is recorded."""
    horizon, window = study.churn.ahead, days_long("window", study.business.score.window)
    if study.churn.contractual:
        months = horizon.days / DAYS_A_MONTH
        return study.paid_now().select("customer_id", value=pl.col("monthly_value") * months)
    if now["value"].is_null().all():
        return now.select("customer_id", value=pl.lit(None, pl.Float64))
    lost = pl.col("value").fill_null(0).clip(0) * (horizon / window)  # a customer with refunds alone costs nothing
    return now.select("customer_id", value=lost)


def _listed(study: Study, today: pd.DataFrame) -> pd.DataFrame:
    """Whom to contact first, of those not less likely to leave than the average; without money by the chance alone.

    Customers whom a plan holds out are not contacted.
    """
    settings = study.business.churn
    likely = today["chance"] >= today["chance"].mean() - ROUNDING
    today = today[likely & ~today["customer_id"].isin(study.held_out)]
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
    found: dict[str, float | None] = significant(dict(zip(("value", "low", "high"), estimate, strict=True)))
    return None if found["value"] is None else found
