"""Histories whose truth is known: the effect of each channel on staying, which may be none."""

import datetime as dt

import numpy as np
import polars as pl

from engagekit.prepare.history import History
from engagekit.score.components import Component
from engagekit.score.scorecard import Scorecard

START = dt.datetime(2025, 1, 6)
WEEKS = 44
DATES = [START + dt.timedelta(weeks=week) for week in (12, 16, 20, 24, 28, 32)]
END = START + dt.timedelta(weeks=WEEKS)
PLANTED = {"web": 0.5, "app": 0.3, "shop": 0.2}
BOUNDS = 0, 12
WEEKLY, SPREAD, HAZARD, STRENGTH = 0.35, 0.6, 0.02, 1.8


def made(seed, customers=20_000, strength=STRENGTH):
    """A history with contracts, whose hazard of ending falls with each channel's activity by its planted weight.

    Each customer is active at a level of their own in each channel, from the first week until they leave.
    """
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(customers, len(PLANTED)))
    risk = HAZARD * np.exp(-strength * level @ np.array(list(PLANTED.values())))
    last_week = rng.geometric(np.clip(risk, 1e-9, 1))  # 1 is the first
    rate = WEEKLY * np.exp(SPREAD * level)
    counts = rng.poisson(np.broadcast_to(rate[:, None, :], (customers, WEEKS, len(PLANTED))))
    counts[np.arange(WEEKS)[None, :] >= last_week[:, None]] = 0
    who, week, channel = (index.repeat(counts.ravel()) for index in np.indices(counts.shape).reshape(3, -1))
    second = week * 7 * 86_400 + rng.integers(0, 7 * 86_400, who.size)
    interactions = pl.DataFrame(
        {
            "customer_id": who,
            "time": pl.Series(second * 1_000_000).cast(pl.Duration("us")) + START,
            "action": pl.repeat("view", who.size, eager=True),
            "channel": pl.Series(list(PLANTED)).gather(channel),
        }
    )
    ends = [START + dt.timedelta(weeks=int(week)) if week < WEEKS else None for week in last_week]
    paid = pl.DataFrame(
        {"customer_id": np.arange(customers), "starts_at": START, "ends_at": ends},
        schema_overrides={"ends_at": pl.Datetime("us")},
    )
    return History({"interactions": interactions, "subscriptions": paid})


def card(**weights):
    """A score of interactions by channel."""
    return Scorecard(tuple(Component(f"interactions_{name}", weight, *BOUNDS) for name, weight in weights.items()))


EVEN = card(web=1, app=1, shop=1)
RECENCY = Scorecard((Component("recency_days", 1, 0, 84, "down"),))
