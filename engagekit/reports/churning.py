"""Who is likely to leave a business, whether that can be told, and whom to contact."""

import datetime as dt
from dataclasses import dataclass, field
from functools import partial

import pandas as pd
import polars as pl

from engagekit.customers.alarm import alarm, leaking_column
from engagekit.customers.churn import labelled
from engagekit.customers.decline import trailing_slopes
from engagekit.customers.features import customer_features
from engagekit.customers.history import History
from engagekit.customers.ladder import Ladder, ladder
from engagekit.customers.lifetime import BetaGeometric
from engagekit.customers.likelihood import NoConvergence
from engagekit.customers.purchase_history import purchase_history
from engagekit.customers.score import Scorecard
from engagekit.data.business import Business
from engagekit.data.times import days_long
from engagekit.decisions.contacts import contacts
from engagekit.errors import DataError
from engagekit.reports.prepared import history_of, month_starts
from engagekit.reports.scoring import lived_until

__all__ = ["Churning", "churning"]

DAYS_A_MONTH = 365.25 / 12
NOT_COUNTED = ("preferred_channel", "sentiment_mean")
NOBODY = pd.DataFrame(columns=["customer_id", "chance", "value"])


@dataclass(frozen=True)
class Churning:
    """What can be said of who leaves.

    Attributes
    ----------
    business : Business
    end : datetime
        Everything before it counts; customers at risk then are those told of.
    ladder : Ladder, optional
        The baselines and the models, tried on the last date whose horizon is over; None where ``problem`` says why.
    problem : str
        Why there is no model: too few customers left or stayed, or too short a history; else empty.
    suspects : pandas.DataFrame
        What ``alarm`` found. With any, nobody's chance is told.
    today : pandas.DataFrame
        Customers at risk now: ``customer_id``, ``chance`` of leaving in the horizon and ``value``, money that is lost
        with them in a horizon; empty without a model, or with suspects.
    contacts : pandas.DataFrame
        Whom to contact first, with real ids.
    """

    business: Business
    end: dt.datetime
    ladder: Ladder | None = None
    problem: str = ""
    suspects: pd.DataFrame = field(default_factory=pd.DataFrame)
    today: pd.DataFrame = field(default_factory=lambda: NOBODY)
    contacts: pd.DataFrame = field(default_factory=pd.DataFrame)


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
    end = business.end(as_of)
    if "interactions" not in business.tables:
        raise DataError("there are no interactions, so nobody can be told to leave.", file=business.file.name)
    seen = business.table("interactions", lazy=True).filter(pl.col("time") < end).collect()
    history = history_of(business, seen)
    dates = month_starts(seen, end, max(business.score.window, business.horizon, key=partial(days_long, "window")))
    rows = _rows(business, history, dates, lived_until(business, max(seen["time"], default=None), end), end)
    past, now = rows.filter(pl.col("date") < end), rows.filter(pl.col("date") == end)
    ahead = days_long("horizon", business.horizon)
    try:
        climbed = ladder(past, ahead, use=business.churn.use)
    except DataError as error:
        return Churning(business, end, problem=str(error))
    known = past.filter(pl.col("churned").is_not_null())
    fitted, tried = (known.filter(pl.col("date").is_in(some)) for some in (climbed.dates[:-1], climbed.dates[-1:]))
    suspects = [
        alarm(fitted, tried, accept=business.churn.accept),
        leaking_column(
            lambda past, day: customer_features(past, day, business.score.window), history, climbed.dates[-1]
        ),
    ]
    found = pd.concat([each for each in suspects if len(each)] or suspects[:1], ignore_index=True)
    if len(found):
        return Churning(business, end, climbed, suspects=found)
    today = _today(business, history, climbed, now, end)
    settings = business.churn
    listed = contacts(today, acceptance=settings.acceptance, cost=settings.cost, capacity=settings.capacity)
    return Churning(business, end, climbed, "", found, today, listed)


def _rows(
    business: Business, history: History, dates: list[dt.datetime], lived: dt.datetime, end: dt.datetime
) -> pl.DataFrame:
    """Customers at risk on each date and at the end, with score and slope, and the chance that they still buy."""
    past = [date for date in dates if date <= lived and date < end]
    parts: list[pl.DataFrame] = [
        labelled(
            history, days, business.horizon, window=business.score.window, as_of=known, contractual=business.contractual
        )
        for days, known in ((past, lived), ([end], end))
        if days
    ]
    rows = pl.concat(parts, how="diagonal").drop(*NOT_COUNTED).sort("date", "customer_id")
    if business.score.components:
        scored = Scorecard.of(business).score(rows).select("customer_id", "date", "score")
        scored = scored.with_columns(slope=trailing_slopes(scored))
        rows = rows.join(scored, on=["customer_id", "date"], how="left", maintain_order="left")
    return rows if business.contractual else _with_chance_to_buy(rows, history, [*past, end])


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


def _today(business: Business, history: History, climbed: Ladder, now: pl.DataFrame, end: dt.datetime) -> pd.DataFrame:
    """Customers at risk now, with their chance and what they are worth in a horizon."""
    rate = float(climbed.chances[climbed.recommended].mean())
    told = [rate] * now.height if climbed.model is None else climbed.model.predict_proba(now)[:, 1].tolist()
    worth = now.select("customer_id", value=pl.col("value").fill_null(0).clip(0))  # who only had refunds costs nothing
    if business.contractual:
        paid = history.before(end)["subscriptions"]
        running = paid.filter(pl.col("ends_at").is_null() | (pl.col("ends_at") > end))
        months = days_long("horizon", business.horizon).days / DAYS_A_MONTH
        worth = running.group_by("customer_id").agg(value=pl.col("monthly_value").sum() * months)
    chances = now.select("customer_id", chance=pl.Series(told, dtype=pl.Float64))
    return chances.join(worth, on="customer_id", how="left").to_pandas()
