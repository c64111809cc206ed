"""Visits of a sample's customers: the interactions table, by far the longest one."""

import numpy as np
import polars as pl

from engagekit.samples.world import (
    DAY,
    WEEKS,
    Array,
    Columns,
    People,
    Rng,
    Shop,
    any_of,
    blank,
    campaign_at,
    moments,
    pick,
    typed,
)

__all__ = ["make_visits"]

PEOPLE_AT_ONCE = 20_000  # bounds the memory
ON_VISITS = 0.8  # log visits for each unit of engagement
SEASON = 1 + 0.12 * np.sin(2 * np.pi * (np.arange(WEEKS.size) + 10) / 52)
REFUNDED = 0.02


def make_visits(rng: Rng, shop: Shop, people: People) -> pl.DataFrame:
    """Draw the interactions of customers, in the order of time.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the random numbers.
    shop : dict
        What ``sample.toml`` says of the business.
    people : People
        Its customers.

    Returns
    -------
    polars.DataFrame
        Rows of the table ``interactions``.
    """
    firsts = range(0, people.joined.size, PEOPLE_AT_ONCE)
    parts = (_visits(rng, shop, people[first : first + PEOPLE_AT_ONCE], first) for first in firsts)
    frame = pl.concat([typed("interactions", part, shop) for part in parts])
    return frame.sort("time", maintain_order=True).with_columns(event_id=pl.int_range(1, pl.len() + 1))


def _visits(rng: Rng, shop: Shop, people: People, first: int) -> pl.DataFrame:
    """Visits of some customers, each with its actions in the order of ``sample.toml``, and refunds."""
    weekly = shop["visits"] * SEASON * np.exp(ON_VISITS * people.engagement)
    who, engagement, start = moments(rng, shop, people, weekly)
    channels, share = map(np.array, zip(*shop["channels"].items(), strict=True))
    actions, mean = map(np.array, zip(*shop["actions"].items(), strict=True))
    channel = rng.choice(share.size, who.size, p=share / share.sum())
    in_store, led = (np.isin(channels, some)[channel] for some in ("store", ["email", "social"]))
    counts = rng.poisson(mean * np.exp(0.25 * engagement)[:, None]).clip(max=6)
    counts += np.where(in_store[:, None], (actions == "purchase") & (counts == 0), actions == "view")
    counts[in_store] *= actions == "purchase"
    visit, action = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), actions.size)
    number = pl.Series(visit + first * 1_000)
    lines = {
        "customer_id": people.ids.gather(who[visit]),
        "channel": pick(channels, channel[visit]),
        "action": pick(actions, action),
        "order_id": blank(actions[action] != "purchase", number),
        "session_id": blank(in_store[visit], number),
        "campaign": blank(~led, campaign_at(shop, start)).gather(visit),
        "until": people.until(who)[visit],
        **_doings(rng, shop, actions[action], engagement[visit]),
    }
    passed = np.cumsum(lines["lasts"]) - lines["lasts"]
    lines["time"] = start[visit] + (passed - passed[np.searchsorted(visit, visit)]).astype(int)
    return _with_refunds(rng, pl.DataFrame(lines)).filter(pl.col("time") < pl.col("until"))


def _doings(rng: Rng, shop: Shop, action: Array, engagement: Array) -> Columns:
    """Columns of each action: product and price, duration, sentiment."""
    size, bought, timed = action.size, action == "purchase", np.isin(action, ["view", "feature"])
    item = rng.integers(0, len(shop["products"]), size)
    quantity = 1 + rng.poisson(0.2 * np.exp(0.4 * engagement))
    price = np.array(list(shop["products"].values()))[item]
    duration = np.exp(rng.normal(3.6 + 0.2 * engagement, 0.8)).clip(3, 600).round(1)
    sentiment = np.tanh(0.3 + 0.4 * engagement + rng.normal(0, 0.5, size))
    return {
        "value": np.where(bought, price * quantity, np.nan),
        "product": blank(~bought, pick(shop["products"], item)),
        "quantity": np.where(bought, quantity, np.nan),
        "duration_s": np.where(timed, duration, np.nan),
        "page": blank(~timed, any_of(rng, shop["pages"], size)),
        "sentiment": np.where(np.isin(action, ["comment", "review"]), sentiment, np.nan),
        "lasts": np.where(timed, duration, 15 * ~bought),
    }


def _with_refunds(rng: Rng, lines: pl.DataFrame) -> pl.DataFrame:
    refunded = pl.Series(rng.random(lines.height) < REFUNDED)
    refunds = lines.filter(refunded & (lines["action"] == "purchase"))
    refunds = refunds.with_columns(
        -pl.col("value", "quantity"),
        action=pl.lit("refund"),
        session_id=pl.lit(None, pl.Int64),
        time=pl.col("time") + pl.Series(rng.integers(1, 11, refunds.height) * DAY),
    )
    return pl.concat([lines, refunds])
