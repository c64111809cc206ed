"""The eleven tables of a sample: what its customers do, and what the business does."""

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.data.scales import SCALES
from engagekit.data.tables import TABLES
from engagekit.samples.visits import make_visits
from engagekit.samples.world import (
    DAY,
    HOUR,
    MONTHS,
    SPAN,
    START,
    WEEK,
    WEEKS,
    Columns,
    People,
    Rng,
    Shop,
    any_of,
    any_time,
    awake,
    blank,
    campaign_at,
    moments,
    pick,
    typed,
    voices,
)

__all__ = ["ARM_BASELINE", "make_tables"]

TESTED_AT = (dt.date(2026, 6, 1) - START).days * DAY + 9 * HOUR
PERIOD = 30 * DAY
REFERRED, ANSWERED_IN, WORDY = 0.3, 1.5 * DAY, 0.35
REPLY_DUE, REPLIED = 0.4, 0.75
ARM_BASELINE = 0.12
CEILING = 1.6  # of a channel's conversions, in those of its best month
SURVEYS = {  # invitations a week, mean score, its gain for each unit of engagement, its spread
    "nps": (0.024, 8.0, 1.2, 2.0),
    "csat": (0.012, 4.0, 0.5, 0.9),
    "effort": (0.010, 5.3, 0.7, 1.2),
    "review": (0.008, 4.1, 0.5, 0.8),
}


def make_tables(rng: Rng, shop: Shop, people: People) -> dict[str, pl.DataFrame]:
    """Draw the eleven tables of a sample, in the order of ``TABLES``.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the random numbers; the order in which the tables are drawn is part of the sample.
    shop : dict
        What ``sample.toml`` says of the business.
    people : People
        Its customers.

    Returns
    -------
    dict of str to polars.DataFrame
        Rows by the name of their table.
    """
    answers = rng.spawn(1)[0]  # of its own, so that what is answered moves no other number
    visits = make_visits(rng, shop, people)
    columns: dict[str, Columns | pl.DataFrame] = {
        "interactions": visits,
        "customers": _customers(rng, shop, people) | _reasons(answers, shop, people),
        "subscriptions": _subscriptions(shop, people),
        "surveys": pl.concat([_survey(rng, shop, people, kind) for kind in SURVEYS]),
        "posts": _answered_posts(answers, _posts(rng, shop, people)),
        "mentions": _answered_mentions(answers, _mentions(rng, shop, people)),
        "mailings": _mailings(rng, shop, people),
        "attendance": _attendance(rng, shop, people),
        "tickets": _tickets(rng, shop, people),
        "assignments": _assignments(rng, shop, people),
        "campaigns": _campaigns(rng, shop, people, visits),
    }
    return {table: typed(table, columns[table], shop) for table in TABLES}


def _counted(rng: Rng, shop: Shop, table: str, columns: Columns) -> Columns:
    """Columns with further ones that count a random part of another, by the shares in ``sample.toml``."""
    for column, (whole, share) in shop["rates"][table].items():
        odds = share / (1 - share) * np.exp(rng.normal(0, 0.2, len(columns[whole])))
        columns[column] = rng.binomial(columns[whole], odds / (1 + odds))
    return columns


def _customers(rng: Rng, shop: Shop, people: People) -> Columns:
    count = people.joined.size
    weight = np.cumsum(np.exp(people.engagement.mean(axis=1)))
    friend = np.searchsorted(weight, weight * rng.random(count))  # one who joined before, likelier an engaged one
    friendless = (friend == np.arange(count)) | (people.left_at[friend] < people.joined)
    friendless |= rng.random(count) > REFERRED
    birthday = np.datetime64(START) - rng.integers(18 * 365, 65 * 365, count)
    cancelled = {"cancelled_at": people.left_at} if shop["contract"] else {}
    return cancelled | {
        "customer_id": people.ids,
        "joined_at": people.joined,
        "plan": pick(shop["plans"], people.plan),
        "birthday": np.where(rng.random(count) < 0.3, np.datetime64("NaT"), birthday),
        "referred_by": blank(friendless, people.ids.gather(friend)),
        "loyalty_member": rng.random(count) < 1 / (1 + np.exp(0.6 - people.engagement[:, 0])),
        "opted_out": rng.random(count) < 0.06,
    }


def _reasons(rng: Rng, shop: Shop, people: People) -> Columns:
    """Why customers cancelled, where they have contracts."""
    if not shop["contract"]:
        return {}
    stayed = ~np.isfinite(people.left_at)
    return {"cancel_reason": blank(stayed, any_of(rng, shop["cancel_reasons"], stayed.size))}


def _subscriptions(shop: Shop, people: People) -> Columns:
    """Periods of 30 days from the one that contains START; a customer's last period ends when they leave."""
    on = np.flatnonzero(people.plan >= 0)
    past = (-people.joined[on] // PERIOD).clip(0)
    counts = ((people.until(on) - 1 - people.joined[on]) // PERIOD - past + 1).astype(int)
    who = np.repeat(on, counts)
    number = np.arange(who.size) + np.repeat(past - np.cumsum(counts) + counts, counts)
    starts = people.joined[who] + number * PERIOD
    return {
        "customer_id": people.ids.gather(who),
        "starts_at": starts,
        "ends_at": np.minimum(starts + PERIOD, people.left_at[who]),
        "monthly_value": np.array(list(shop["plans"].values()))[people.plan[who]],
        "plan": pick(shop["plans"], people.plan[who]),
    }


def _survey(rng: Rng, shop: Shop, people: People, kind: str) -> pl.DataFrame:
    """Invitations to a survey, most of them unanswered; reviews come without an invitation."""
    weekly, mean, gain, spread = SURVEYS[kind]
    who, engagement, asked = moments(rng, shop, people, weekly)
    size, asks, (low, high) = who.size, kind != "review", SCALES[kind]
    answered = awake(asked + asks * rng.exponential(ANSWERED_IN, size))
    silent = asks & (rng.random(size) > 1 / (1 + np.exp(0.7 - 0.7 * engagement)))
    silent |= answered >= people.until(who)
    score = np.rint(mean + gain * engagement + rng.normal(0, spread, size)).clip(low, high)
    mood = np.digitize((score - low) / (high - low), [0.45, 0.72])
    wordless = silent | (rng.random(size) > WORDY)
    columns = {
        "kind": kind,
        "score": np.where(silent, np.nan, score),
        "answered_at": np.where(silent, np.nan, answered),
        "customer_id": people.ids.gather(who),
        "sent_at": np.where(asks, asked, np.nan),
        "comment": blank(wordless, voices(rng, shop["comments"], mood)),
        "about": shop["about"][kind],
    }
    return pl.DataFrame(columns)


def _tickets(rng: Rng, shop: Shop, people: People) -> Columns:
    who, engagement, opened = moments(rng, shop, people, 0.012 * np.exp(-0.3 * people.engagement))
    size = who.size
    reply = awake(opened + 2.5 * HOUR * np.exp(rng.normal(0, 1, size)))
    solved = awake(reply + 10 * HOUR * np.exp(rng.normal(0, 1.2, size)))
    forgotten = (rng.random(size) < 0.04) | (reply >= SPAN)
    pending = forgotten | (solved >= SPAN)
    score = np.rint(3.8 + 0.4 * engagement - (reply - opened) / DAY + rng.normal(0, 0.9, size)).clip(1, 5)
    said = [(reason, text) for reason, texts in shop["tickets"].items() for text in texts]
    words = rng.integers(0, len(said), size)
    return {
        "ticket_id": np.arange(1, size + 1),
        "opened_at": opened,
        "customer_id": people.ids.gather(who),
        "first_human_reply_at": np.where(forgotten, np.nan, reply),
        "solved_at": np.where(pending, np.nan, solved),
        "work_minutes": np.where(pending, np.nan, np.exp(rng.normal(2.5, 0.7, size)).round(1)),
        "reopened": ~pending & (rng.random(size) < 0.08),
        "reason": pick((reason for reason, _ in said), words),
        "channel": any_of(rng, shop["desks"], size),
        "score": np.where(pending | (rng.random(size) < 0.6), np.nan, score),
        "text": pick((text for _, text in said), words),
    }


def _mailings(rng: Rng, shop: Shop, people: People) -> Columns:
    sent_at = WEEKS[:-1] + 5 * DAY + 10 * HOUR
    here = people.here(sent_at).sum(axis=0)
    columns = {"sent_at": sent_at, "campaign": campaign_at(shop, sent_at), "here": here}
    return _counted(rng, shop, "mailings", columns)


def _attendance(rng: Rng, shop: Shop, people: People) -> Columns:
    held_at = (MONTHS[:-1, None] + np.array([9, 23]) * DAY + 19 * HOUR).ravel()
    here = people.here(held_at).sum(axis=0)
    columns = {"held_at": held_at, "event": any_of(rng, shop["events"], held_at.size), "here": here}
    return _counted(rng, shop, "attendance", columns)


def _posts(rng: Rng, shop: Shop, people: People) -> Columns:
    posted_at = any_time(rng, shop, 2 * SPAN // DAY // 3)
    columns = {
        "posted_at": posted_at,
        "platform": any_of(rng, shop["platforms"], posted_at.size),
        "followers": (people.joined.size * (2 + 1.5 * posted_at / SPAN)).astype(int),
        "campaign": blank(rng.random(posted_at.size) < 0.7, campaign_at(shop, posted_at)),
        "text": any_of(rng, shop["posts"], posted_at.size),
    }
    return _counted(rng, shop, "posts", columns)


def _answered_posts(rng: Rng, posts: Columns) -> Columns:
    """Posts with the comments that call for a reply, and those that got one."""
    due = rng.binomial(posts["comments"], REPLY_DUE)
    return posts | {"replies_due": due, "replied": rng.binomial(due, REPLIED)}


def _answered_mentions(rng: Rng, mentions: Columns) -> Columns:
    """Mentions with the time of the answer, where there was one."""
    time = mentions["time"]
    replied = awake(time + 5 * HOUR * np.exp(rng.normal(0, 1.2, time.size)))
    silent = (rng.random(time.size) > REPLIED) | (replied >= SPAN)
    return mentions | {"replied_at": np.where(silent, np.nan, replied)}


def _mentions(rng: Rng, shop: Shop, people: People) -> Columns:
    time = any_time(rng, shop, 200 + people.joined.size // 20)
    mood = rng.choice(3, time.size, p=[0.25, 0.3, 0.45])
    return {
        "time": time,
        "channel": any_of(rng, ["google", "instagram", "x", "facebook"], time.size),
        "text": voices(rng, shop["mentions"], mood),
        "sentiment": (0.6 * (mood - 1) + rng.normal(0, 0.15, time.size)).clip(-1, 1),
    }


def _campaigns(rng: Rng, shop: Shop, people: People, visits: pl.DataFrame) -> Columns:
    """One row for each month and channel; conversions and revenue are those of its orders, with which spend rises."""
    bought = visits.filter(pl.col("campaign").is_not_null() & (pl.col("action") == "purchase"))
    month = 12 * bought["time"].dt.year() + bought["time"].dt.month() - 12 * START.year - START.month
    cell = (2 * month + (bought["channel"] == "social")).to_numpy()
    first = bought["order_id"].is_first_distinct().to_numpy()
    starts, ends = np.repeat(MONTHS[:-1], 2), np.repeat(MONTHS[1:], 2)
    size = people.joined.size * np.exp(rng.normal(0, 0.3, starts.size))
    conversions = np.bincount(cell[first], minlength=starts.size)
    columns = {
        "campaign": campaign_at(shop, starts),
        "channel": ["email", "social"] * (starts.size // 2),
        "starts_at": starts,
        "ends_at": ends,
        "spend": (shop["spend"] * people.joined.size * _spent(rng.spawn(1)[0], conversions)).round(shop["decimals"]),
        "hours": rng.integers(4, 25, starts.size),
        "reached": (2 * size).astype(int),
        "conversions": conversions,
        "revenue": np.bincount(cell, bought["value"], minlength=starts.size),
    }
    return _counted(rng, shop, "campaigns", columns)


def _spent(rng: Rng, conversions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Spend with which so many conversions go on a saturating curve of their channel, give or take a tenth; mean 1."""
    by_channel = conversions.reshape(-1, 2) + 1.0
    spent = by_channel / (CEILING * by_channel.max(axis=0) - by_channel)
    spent *= np.exp(rng.normal(0, 0.1, spent.shape))
    result: NDArray[np.float64] = (spent / spent.mean(axis=0)).ravel()
    return result


def _assignments(rng: Rng, shop: Shop, people: People) -> Columns:
    """One test of two arms on everybody here that day; its value and before are money of its own making."""
    who = np.flatnonzero(people.here(np.array([TESTED_AT])))
    treated = rng.random(who.size) < 0.5
    converted = rng.random(who.size) < ARM_BASELINE + shop["arm_effect"] * treated
    engagement = people.engagement[who, TESTED_AT // WEEK]
    before = shop["money"] * np.exp(0.5 * engagement + rng.normal(0, 0.5, who.size))
    value = 0.8 * before * np.exp(rng.normal(0, 0.4, who.size)) + shop["money"] * converted
    return {
        "experiment": shop["experiment"],
        "customer_id": people.ids.gather(who),
        "arm": pick(["control", "treatment"], treated.astype(int)),
        "assigned_at": TESTED_AT,
        "converted": converted,
        "value": value.round(shop["decimals"]),
        "before": before.round(shop["decimals"]),
    }
