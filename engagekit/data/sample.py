"""Sample businesses made from a seed, whose truth is known.

Every customer has an engagement that nobody sees. It drifts from week to week around a level of their own,
drives what they do and lowers their hazard of leaving, so that a decline comes before a departure as far as
chance lets it. What the businesses sell and say lies in ``sample.toml``.
"""

import datetime as dt
import json
import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from engagekit.data.tables import SCALES, TABLES, TYPES, column_type
from engagekit.errors import did_you_mean
from engagekit.language import LANGUAGES, decimal_and_group

__all__ = ["END", "SLUGS", "START", "Sample", "Truth", "make_sample", "write_sample"]

SLUGS = {"ecommerce": "kedai-kopi-senja", "saas": "akaun-mudah", "subscription": "green-basket"}
START, END = dt.date(2025, 5, 1), dt.date(2026, 11, 1)
TESTED_AT = dt.date(2026, 6, 1)
FROZEN_AT = dt.datetime(2026, 8, 1)  # whose last 84 days give the score its bounds
HOUR, DAY, WEEK, PERIOD = 3_600, 86_400, 7 * 86_400, 30 * 86_400
SPAN = (END - START).days * DAY
WEEKS = np.arange(0, SPAN, WEEK)  # the last one is cut short by END
MONTHS = np.array([(dt.date(2025 + m // 12, m % 12 + 1, 1) - START).days * DAY for m in range(4, 23)])
PEOPLE_AT_ONCE, LINES_AT_ONCE = 20_000, 1_000_000  # so that memory stays small

EFFECT = -1.1
LEVEL_SD, DRIFT_SD, DRIFT_KEPT = 0.75, 0.65, 0.95  # of engagement, among and within customers
ON_VISITS = 0.8  # log visits for each unit of engagement
SEASON = 1 + 0.12 * np.sin(2 * np.pi * (np.arange(WEEKS.size) + 10) / 52)
REFUNDED, REFERRED, ANSWERED_IN, WORDY = 0.02, 0.3, 1.5 * DAY, 0.35
ARM_BASELINE = 0.12
SURVEYS = {  # invitations a week, mean score, its gain for each unit of engagement, its spread
    "nps": (0.024, 8.0, 1.2, 2.0),
    "csat": (0.012, 4.0, 0.5, 0.9),
    "effort": (0.010, 5.3, 0.7, 1.2),
    "review": (0.008, 4.1, 0.5, 0.8),
}

Array = npt.NDArray[Any]
Rng = np.random.Generator
Shop = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """What a sample knows and a business never does.

    Attributes
    ----------
    effect : float
        Log hazard ratio of leaving for each unit of engagement; negative where engagement keeps customers.
    base_hazard : float
        Hazard of leaving, a week, at engagement 0.
    arm_effect : float
        The experiment's true difference in conversion probability, treatment less control.
    arm_baseline : float
        Conversion probability of the control arm.
    customers : polars.DataFrame
        One row a customer: customer_id, left_at (null: still here), engagement (mean over their weeks).
    weekly : polars.DataFrame
        One row for each week that a customer was here at the start of: customer_id, week (its first day),
        engagement, and hazard: 1 - exp(-base_hazard * exp(effect * engagement)), the chance of leaving in it.
    """

    effect: float
    base_hazard: float
    arm_effect: float
    arm_baseline: float
    customers: pl.DataFrame
    weekly: pl.DataFrame


@dataclass(frozen=True)
class Sample:
    """A made-up business with every table, and what is true of it.

    Attributes
    ----------
    kind : {"ecommerce", "saas", "subscription"}
        A key of ``SLUGS``.
    seed : int
        What it was made from.
    tables : dict of str to polars.DataFrame
        The eleven tables, as reading the files of ``write_sample`` gives them.
    truth : Truth
        What no table says.
    faults, left_out : dict of str to int
        Rows that a table's file has besides: those that reading refuses, those that a ``keep`` rule drops.
    """

    kind: str
    seed: int
    tables: dict[str, pl.DataFrame]
    truth: Truth
    faults: dict[str, int]
    left_out: dict[str, int]


def make_sample(kind: str, *, customers: int = 2_000, seed: int = 1, effect: float = EFFECT) -> Sample:
    """Make a business with 18 months of history, 2025-05-01 to 2026-11-01.

    Parameters
    ----------
    kind : {"ecommerce", "saas", "subscription"}
        A coffee shop in Indonesia, an accounting app in Malaysia or a recipe box in Britain.
    customers : int, default 2000
        Everybody ever seen, at least 100; half of them are there on the first day.
    seed : int, default 1
        The same seed gives the same business.
    effect : float, default -1.1
        Log hazard ratio of leaving for each unit of engagement. With 0, engagement tells nothing about
        leaving; where nobody cancels, customers who come seldom are still likelier to seem gone.

    Returns
    -------
    Sample
        Tables and truth.
    """
    if kind not in SLUGS:
        raise ValueError(f"kind: {kind!r} is not known. {did_you_mean(kind, SLUGS)}")
    if customers < 100:
        raise ValueError(f"customers: {customers} must be at least 100")
    shop = _words()[kind]
    rng = np.random.default_rng([seed, list(SLUGS).index(kind)])
    people = _people(rng, shop, customers, effect)
    tables = {
        "interactions": _interactions(rng, shop, people),
        "customers": _customers(rng, shop, people),
        "subscriptions": _subscriptions(shop, people),
        "surveys": pl.concat([_survey(rng, shop, people, name) for name in SURVEYS]),
        "posts": _posts(rng, shop, customers),
        "mentions": _mentions(rng, shop, customers),
        "mailings": _mailings(rng, shop, people),
        "attendance": _attendance(rng, shop, people),
        "tickets": _tickets(rng, shop, people),
        "assignments": _assignments(rng, shop, people),
    }
    tables["campaigns"] = _campaigns(rng, shop, customers, tables["interactions"])
    planted = {table: cells["rows"] for table, cells in shop["planted"].items()}
    return Sample(
        kind,
        seed,
        {table: _typed(table, tables[table], shop) for table in TABLES},
        _truth(shop, people, effect),
        {table: rows for table, rows in planted.items() if table not in shop["keep"]},
        {table: rows for table, rows in planted.items() if table in shop["keep"]},
    )


def write_sample(sample: Sample, folder: str | Path) -> Path:
    """Write a business as a person would export it: ``business.toml`` and ``data/*.csv``.

    Headers, numbers and dates are those of the business's language. The rows of ``sample.faults`` and
    ``sample.left_out`` stand among the others.

    Parameters
    ----------
    sample : Sample
        What ``make_sample`` gave.
    folder : str or Path
        Made where it is not there yet; files of the same name are replaced.

    Returns
    -------
    Path
        The ``business.toml``.
    """
    shop, rng = _words()[sample.kind], np.random.default_rng(sample.seed)
    settings = Path(folder) / "business.toml"
    for table, frame in sample.tables.items():
        file = settings.parent / _file(table, shop)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            for part, lines in enumerate(frame.iter_slices(LINES_AT_ONCE)):
                text = _as_text(table, lines, shop)
                text = _with_planted(rng, text, shop["planted"].get(table, {})) if part == 0 else text
                text = text.drop(shop["constants"].get(table, {})).rename(lambda ours: _header(ours, shop))
                text.write_csv(out, separator=shop["separator"], include_header=part == 0)
    settings.write_text("\n".join(_settings(sample, shop)) + "\n", "utf-8")
    return settings


@cache
def _words() -> dict[str, Shop]:
    return tomllib.loads((resources.files("engagekit.data") / "sample.toml").read_text("utf-8"))


@dataclass(frozen=True)
class _People:
    """Lives on a grid of weeks; moments are wall-clock seconds after START, infinite where there is none."""

    ids: pl.Series
    joined: Array
    left: Array
    plan: Array
    engagement: Array
    hazard: Array

    def __getitem__(self, part: slice) -> "_People":
        return _People(*(getattr(self, field.name)[part] for field in fields(self)))

    def here(self, moments: Array) -> Array:
        return (self.joined[:, None] <= moments) & (moments < self.left[:, None])


def _people(rng: Rng, shop: Shop, count: int, effect: float) -> _People:
    day = np.where(rng.random(count) < 0.5, -rng.integers(1, 900, count), rng.integers(0, SPAN // DAY, count))
    joined = np.sort(day * DAY + _hour(rng, shop, count))
    drift = rng.normal(size=(WEEKS.size, count))
    for week in range(1, WEEKS.size):
        drift[week] = DRIFT_KEPT * drift[week - 1] + np.sqrt(1 - DRIFT_KEPT**2) * drift[week]
    engagement = np.ascontiguousarray((rng.normal(0, LEVEL_SD, count) + DRIFT_SD * drift).T)
    hazard = -np.expm1(-shop["base_hazard"] * np.exp(effect * engagement))
    leaves = (rng.random(hazard.shape) < hazard) & (joined[:, None] <= WEEKS)
    left = WEEKS[leaves.argmax(axis=1)] + rng.integers(0, 7, count) * DAY + _hour(rng, shop, count)
    return _People(
        shop["prefix"] + pl.int_range(1, count + 1, eager=True).cast(pl.String).str.zfill(6),
        joined,
        np.where(leaves.any(axis=1) & (left < SPAN), left, np.inf),
        np.where(rng.random(count) < shop["subscribed"], rng.integers(0, len(shop["plans"]), count), -1),
        engagement,
        hazard,
    )


def _truth(shop: Shop, people: _People, effect: float) -> Truth:
    who, week = np.nonzero(people.here(WEEKS))
    engagement, hazard = people.engagement[who, week], people.hazard[who, week]
    weeks = np.bincount(who, minlength=people.joined.size)
    mean = np.where(weeks, np.bincount(who, engagement, weeks.size) / weeks.clip(1), np.nan)
    customers = pl.DataFrame({"customer_id": people.ids, "left_at": people.left, "engagement": mean})
    customers = customers.with_columns(_clock("left_at", shop), pl.col("engagement").fill_nan(None))
    day = np.datetime64(START) + 7 * week
    weekly = {"customer_id": people.ids.gather(who), "week": day, "engagement": engagement, "hazard": hazard}
    return Truth(
        effect, shop["base_hazard"], shop["arm_effect"], ARM_BASELINE, customers, pl.DataFrame(weekly)
    )


def _hour(rng: Rng, shop: Shop, count: int) -> Array:
    """Second of the day between 6:30 and 21:30, when no clock is ever changed."""
    early, late = shop["hours"]
    return np.asarray((6.5 + 15 * rng.beta(early, late, count)) * HOUR, dtype=int)


def _any_time(rng: Rng, shop: Shop, count: int) -> Array:
    return np.sort(rng.integers(0, SPAN // DAY, count) * DAY + _hour(rng, shop, count))


def _awake(moment: Array) -> Array:
    """Put moments of the night off until the morning."""
    return np.where(moment % DAY < 6.5 * HOUR, moment + 6.5 * HOUR, moment)


def _moments(rng: Rng, shop: Shop, people: _People, weekly: float | Array) -> tuple[Array, Array, Array]:
    """Draw what happens so many times a week while customers are here: who, their engagement, when."""
    counts = rng.poisson(weekly, people.engagement.shape).ravel()
    who, week = np.divmod(np.repeat(np.arange(counts.size), counts), WEEKS.size)
    weekdays = np.roll(shop["weekdays"], -START.weekday())
    day = rng.choice(7, who.size, p=weekdays / weekdays.sum())
    moment = WEEKS[week] + day * DAY + _hour(rng, shop, who.size)
    lived = (people.joined[who] <= moment) & (moment < _until(people, who))
    order = np.flatnonzero(lived)[np.argsort(moment[lived], kind="stable")]
    return who[order], people.engagement[who[order], week[order]], moment[order]


def _until(people: _People, who: Array) -> Array:
    return np.minimum(people.left[who], SPAN)


def _pick(names: Iterable[str], codes: Array) -> pl.Series:
    """Names by number; none for -1."""
    return pl.Series([*names, None], dtype=pl.String).gather(codes)


def _any(rng: Rng, names: Collection[str], count: int) -> pl.Series:
    return _pick(names, rng.integers(0, len(names), count))


def _voices(rng: Rng, texts: list[str], mood: Array) -> pl.Series:
    """Words out of the third of the texts that moods 0 (bad) to 2 (good) stand for; none for -1."""
    each = len(texts) // 3
    return _pick(texts, np.where(mood < 0, -1, mood * each + rng.integers(0, each, mood.size)))


def _campaign(shop: Shop, moment: Array) -> pl.Series:
    """Campaign that runs then: each has a month, in turn."""
    month = np.searchsorted(MONTHS, moment, side="right") - 1
    return _pick(shop["campaigns"], month % len(shop["campaigns"]))


def _interactions(rng: Rng, shop: Shop, people: _People) -> pl.DataFrame:
    firsts = range(0, people.joined.size, PEOPLE_AT_ONCE)
    parts = (_visits(rng, shop, people[first : first + PEOPLE_AT_ONCE], first) for first in firsts)
    frame = pl.concat([_typed("interactions", part, shop) for part in parts])
    return frame.sort("time", maintain_order=True).with_columns(event_id=pl.int_range(1, pl.len() + 1))


def _visits(rng: Rng, shop: Shop, people: _People, first: int) -> pl.DataFrame:
    """Visits of a part of the people, each with its actions in the order of ``sample.toml``, and refunds."""
    weekly = shop["visits"] * SEASON * np.exp(ON_VISITS * people.engagement)
    who, engagement, start = _moments(rng, shop, people, weekly)
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
        "channel": _pick(channels, channel[visit]),
        "action": _pick(actions, action),
        "order_id": number.set(pl.Series(actions[action] != "purchase"), None),
        "session_id": number.set(pl.Series(in_store[visit]), None),
        "campaign": _campaign(shop, start).set(pl.Series(~led), None).gather(visit),
        "until": _until(people, who)[visit],
        **_doings(rng, shop, actions[action], engagement[visit]),
    }
    passed = np.cumsum(lines["lasts"]) - lines["lasts"]
    lines["time"] = start[visit] + (passed - passed[np.searchsorted(visit, visit)]).astype(int)
    return _with_refunds(rng, pl.DataFrame(lines)).filter(pl.col("time") < pl.col("until"))


def _doings(rng: Rng, shop: Shop, action: Array, engagement: Array) -> dict[str, Any]:
    """Fill in each action: what was bought, how long it took, what was felt."""
    size, bought, timed = action.size, action == "purchase", np.isin(action, ["view", "feature"])
    item = rng.integers(0, len(shop["products"]), size)
    quantity = 1 + rng.poisson(0.2 * np.exp(0.4 * engagement))
    price = np.array(list(shop["products"].values()))[item]
    duration = np.exp(rng.normal(3.6 + 0.2 * engagement, 0.8)).clip(3, 600).round(1)
    felt = np.tanh(0.3 + 0.4 * engagement + rng.normal(0, 0.5, size))
    return {
        "value": np.where(bought, price * quantity, np.nan),
        "product": _pick(shop["products"], np.where(bought, item, -1)),
        "quantity": np.where(bought, quantity, np.nan),
        "duration_s": np.where(timed, duration, np.nan),
        "page": _pick(shop["pages"], np.where(timed, rng.integers(0, len(shop["pages"]), size), -1)),
        "sentiment": np.where(np.isin(action, ["comment", "review"]), felt, np.nan),
        "lasts": np.where(timed, duration, 15 * ~bought),
    }


def _with_refunds(rng: Rng, lines: pl.DataFrame) -> pl.DataFrame:
    unlucky = pl.Series(rng.random(lines.height) < REFUNDED)
    refunds = lines.filter(unlucky & (lines["action"] == "purchase"))
    refunds = refunds.with_columns(
        -pl.col("value", "quantity"),
        action=pl.lit("refund"),
        session_id=pl.lit(None, pl.Int64),
        time=pl.col("time") + pl.Series(rng.integers(1, 11, refunds.height) * DAY),
    )
    return pl.concat([lines, refunds])


def _customers(rng: Rng, shop: Shop, people: _People) -> pl.DataFrame:
    count = people.joined.size
    pull = np.cumsum(np.exp(people.engagement.mean(axis=1)))
    friend = np.searchsorted(pull, pull * rng.random(count))  # one of those before, rather an engaged one
    friendless = (friend == np.arange(count)) | (people.left[friend] < people.joined)
    friendless |= rng.random(count) > REFERRED
    birthday = np.datetime64(START) - rng.integers(18 * 365, 65 * 365, count)
    frame = pl.DataFrame(
        {
            "customer_id": people.ids,
            "joined_at": people.joined,
            "cancelled_at": people.left,
            "plan": _pick(shop["plans"], people.plan),
            "birthday": np.where(rng.random(count) < 0.3, np.datetime64("NaT"), birthday),
            "referred_by": people.ids.gather(friend).set(pl.Series(friendless), None),
            "loyalty_member": rng.random(count) < 1 / (1 + np.exp(0.6 - people.engagement[:, 0])),
            "opted_out": rng.random(count) < 0.06,
        }
    )
    return frame if shop["contract"] else frame.drop("cancelled_at")


def _subscriptions(shop: Shop, people: _People) -> pl.DataFrame:
    """Periods of 30 days from the one that START lies in; a customer's last one ends when they leave."""
    on = np.flatnonzero(people.plan >= 0)
    past = (-people.joined[on] // PERIOD).clip(0)
    counts = ((_until(people, on) - 1 - people.joined[on]) // PERIOD - past + 1).astype(int)
    who = np.repeat(on, counts)
    number = np.arange(who.size) + np.repeat(past - np.cumsum(counts) + counts, counts)
    starts = people.joined[who] + number * PERIOD
    return pl.DataFrame(
        {
            "customer_id": people.ids.gather(who),
            "starts_at": starts,
            "ends_at": np.minimum(starts + PERIOD, people.left[who]),
            "monthly_value": np.array(list(shop["plans"].values()))[people.plan[who]],
            "plan": _pick(shop["plans"], people.plan[who]),
        }
    )


def _survey(rng: Rng, shop: Shop, people: _People, kind: str) -> pl.DataFrame:
    """Invitations to a survey, of which most stay unanswered; reviews come unasked."""
    weekly, mean, gain, spread = SURVEYS[kind]
    who, engagement, asked = _moments(rng, shop, people, weekly)
    size, asks, (low, high) = who.size, kind != "review", SCALES[kind]
    answered = _awake(asked + asks * rng.exponential(ANSWERED_IN, size))
    silent = asks & (rng.random(size) > 1 / (1 + np.exp(0.7 - 0.7 * engagement)))
    silent |= answered >= _until(people, who)
    score = np.rint(mean + gain * engagement + rng.normal(0, spread, size)).clip(low, high)
    mood = np.digitize((score - low) / (high - low), [0.45, 0.72])
    wordless = silent | (rng.random(size) > WORDY)
    return pl.DataFrame(
        {
            "kind": pl.repeat(kind, size, eager=True),
            "score": np.where(silent, np.nan, score),
            "answered_at": np.where(silent, np.nan, answered),
            "customer_id": people.ids.gather(who),
            "sent_at": np.where(asks, asked, np.nan),
            "comment": _voices(rng, shop["comments"], np.where(wordless, -1, mood)),
            "about": pl.repeat(shop["about"][kind], size, eager=True),
        }
    )


def _tickets(rng: Rng, shop: Shop, people: _People) -> pl.DataFrame:
    who, engagement, opened = _moments(rng, shop, people, 0.012 * np.exp(-0.3 * people.engagement))
    size = who.size
    reply = _awake(opened + 2.5 * HOUR * np.exp(rng.normal(0, 1, size)))
    solved = _awake(reply + 10 * HOUR * np.exp(rng.normal(0, 1.2, size)))
    forgotten = (rng.random(size) < 0.04) | (reply >= SPAN)
    pending = forgotten | (solved >= SPAN)
    score = np.rint(3.8 + 0.4 * engagement - (reply - opened) / DAY + rng.normal(0, 0.9, size)).clip(1, 5)
    said = [(reason, text) for reason, texts in shop["tickets"].items() for text in texts]
    words = rng.integers(0, len(said), size)
    return pl.DataFrame(
        {
            "ticket_id": np.arange(1, size + 1),
            "opened_at": opened,
            "customer_id": people.ids.gather(who),
            "first_human_reply_at": np.where(forgotten, np.nan, reply),
            "solved_at": np.where(pending, np.nan, solved),
            "work_minutes": np.where(pending, np.nan, np.exp(rng.normal(2.5, 0.7, size)).round(1)),
            "reopened": ~pending & (rng.random(size) < 0.08),
            "reason": _pick((reason for reason, _ in said), words),
            "channel": _any(rng, shop["desks"], size),
            "score": np.where(pending | (rng.random(size) < 0.6), np.nan, score),
            "text": _pick((text for _, text in said), words),
        }
    )


def _counted(rng: Rng, table: str, columns: dict[str, Any]) -> pl.DataFrame:
    """Add columns that count some of another one, by the shares in ``sample.toml`` and by luck."""
    for column, (whole, share) in _words()["rates"][table].items():
        odds = share / (1 - share) * np.exp(rng.normal(0, 0.2, len(columns[whole])))
        columns[column] = rng.binomial(columns[whole], odds / (1 + odds))
    return pl.DataFrame(columns)


def _mailings(rng: Rng, shop: Shop, people: _People) -> pl.DataFrame:
    sent_at = WEEKS[:-1] + 5 * DAY + 10 * HOUR
    here = people.here(sent_at).sum(axis=0)
    return _counted(rng, "mailings", {"sent_at": sent_at, "campaign": _campaign(shop, sent_at), "here": here})


def _attendance(rng: Rng, shop: Shop, people: _People) -> pl.DataFrame:
    held_at = (MONTHS[:-1, None] + np.array([9, 23]) * DAY + 19 * HOUR).ravel()
    event, here = _any(rng, shop["events"], held_at.size), people.here(held_at).sum(axis=0)
    return _counted(rng, "attendance", {"held_at": held_at, "event": event, "here": here})


def _posts(rng: Rng, shop: Shop, customers: int) -> pl.DataFrame:
    posted_at = _any_time(rng, shop, 2 * SPAN // DAY // 3)
    columns = {
        "posted_at": posted_at,
        "platform": _any(rng, shop["platforms"], posted_at.size),
        "followers": (customers * (2 + 1.5 * posted_at / SPAN)).astype(int),
        "campaign": _campaign(shop, posted_at).set(pl.Series(rng.random(posted_at.size) < 0.7), None),
        "text": _any(rng, shop["posts"], posted_at.size),
    }
    return _counted(rng, "posts", columns)


def _mentions(rng: Rng, shop: Shop, customers: int) -> pl.DataFrame:
    time = _any_time(rng, shop, 200 + customers // 20)
    mood = rng.choice(3, time.size, p=[0.25, 0.3, 0.45])
    return pl.DataFrame(
        {
            "time": time,
            "channel": _any(rng, ["google", "instagram", "x", "facebook"], time.size),
            "text": _voices(rng, shop["mentions"], mood),
            "sentiment": (0.6 * (mood - 1) + rng.normal(0, 0.15, time.size)).clip(-1, 1),
        }
    )


def _campaigns(rng: Rng, shop: Shop, customers: int, interactions: pl.DataFrame) -> pl.DataFrame:
    """One row for each month and channel, whose conversions and revenue are the orders that came of it."""
    bought = interactions.filter(pl.col("campaign").is_not_null() & (pl.col("action") == "purchase"))
    month = 12 * bought["time"].dt.year() + bought["time"].dt.month() - 12 * START.year - START.month
    cell = (2 * month + (bought["channel"] == "social")).to_numpy()
    first = bought["order_id"].is_first_distinct().to_numpy()
    starts, ends = np.repeat(MONTHS[:-1], 2), np.repeat(MONTHS[1:], 2)
    size = customers * np.exp(rng.normal(0, 0.3, starts.size))
    columns = {
        "campaign": _campaign(shop, starts),
        "channel": ["email", "social"] * (starts.size // 2),
        "starts_at": starts,
        "ends_at": ends,
        "spend": (shop["spend"] * size).round(shop["decimals"]),
        "hours": rng.integers(4, 25, starts.size),
        "reached": (2 * size).astype(int),
        "conversions": np.bincount(cell[first], minlength=starts.size),
        "revenue": np.bincount(cell, bought["value"], minlength=starts.size),
    }
    return _counted(rng, "campaigns", columns)


def _assignments(rng: Rng, shop: Shop, people: _People) -> pl.DataFrame:
    """One test of two arms on everybody here that day; its value and before are money of its own making."""
    moment = (TESTED_AT - START).days * DAY + 9 * HOUR
    who = np.flatnonzero(people.here(np.array([moment])))
    treated = rng.random(who.size) < 0.5
    converted = rng.random(who.size) < ARM_BASELINE + shop["arm_effect"] * treated
    engagement = people.engagement[who, moment // WEEK]
    before = shop["money"] * np.exp(0.5 * engagement + rng.normal(0, 0.5, who.size))
    value = 0.8 * before * np.exp(rng.normal(0, 0.4, who.size)) + shop["money"] * converted
    return pl.DataFrame(
        {
            "experiment": pl.repeat(shop["experiment"], who.size, eager=True),
            "customer_id": people.ids.gather(who),
            "arm": _pick(["control", "treatment"], treated.astype(int)),
            "assigned_at": pl.repeat(moment, who.size, eager=True),
            "converted": converted,
            "value": value.round(shop["decimals"]),
            "before": before.round(shop["decimals"]),
        }
    )


def _typed(table: str, frame: pl.DataFrame, shop: Shop) -> pl.DataFrame:
    """Put the columns of a table into their order and types."""
    columns = [column for column in TABLES[table].columns if column in frame.columns]
    return frame.select(
        _cast(column, column_type(table, column), frame.schema[column], shop) for column in columns
    )


def _cast(column: str, kind: str, dtype: pl.DataType, shop: Shop) -> pl.Expr:
    if kind == "number":
        return pl.col(column).cast(pl.Float64).fill_nan(None).round(2) + 0.0  # no negative zero
    if kind == "time":
        return _clock(column, shop) if dtype.is_numeric() else pl.col(column)
    return pl.col(column).cast(TYPES[kind] or pl.String)


def _clock(column: str, shop: Shop) -> pl.Expr:
    seconds = pl.when(pl.col(column).is_finite()).then(pl.col(column)).cast(pl.Int64)
    wall = pl.lit(START).cast(pl.Datetime("us")) + pl.duration(seconds=seconds)
    return wall.dt.truncate(shop["clock"]).dt.replace_time_zone(shop["time_zone"]).alias(column)


def _as_text(table: str, frame: pl.DataFrame, shop: Shop) -> pl.DataFrame:
    """Write the cells of a table as the business's tools do."""
    for ours, (one, other) in shop["multiplied"].get(table, {}).items():
        frame = frame.with_columns((pl.col(ours) / pl.col(one)).alias(other)).drop(ours)
    frame = frame.with_columns(
        cs.datetime().dt.strftime(shop["dates"]),
        cs.date().cast(pl.Datetime("us")).dt.strftime(shop["dates"]),
        cs.boolean().replace_strict([True, False], shop["yes_no"], return_dtype=pl.String),
    )
    return frame.with_columns(_number_text(column, shop) for column in frame.select(cs.numeric()))


def _number_text(column: pl.Series, shop: Shop) -> pl.Series:
    decimal, group = decimal_and_group(shop["language"])
    marks = str.maketrans({".": decimal, ",": group})
    numbers = column.unique().drop_nulls()
    texts = [f"{number:,.2f}".rstrip("0").rstrip(".").translate(marks) for number in numbers]
    return column.replace_strict(numbers, pl.Series(texts, dtype=pl.String), default=None)


def _with_planted(rng: Rng, text: pl.DataFrame, cells: dict[str, Any]) -> pl.DataFrame:
    """Put spoilt copies of some rows below them."""
    text = text.with_row_index("at")
    spoilt = {column: pl.lit(cell or None, pl.String) for column, cell in cells.items() if column != "rows"}
    copies: pl.DataFrame = text[rng.integers(0, text.height, cells.get("rows", 0))].with_columns(**spoilt)
    return pl.concat([text, copies]).sort("at", maintain_order=True).drop("at")


def _header(ours: str, shop: Shop) -> str:
    return str(_words()["headers"][ours][list(LANGUAGES).index(shop["language"])])


def _file(table: str, shop: Shop) -> str:
    return f"data/{shop['files'][table]}.csv"


def _settings(sample: Sample, shop: Shop) -> Iterator[str]:
    """Give the lines of ``business.toml``."""
    told = {key: _toml(shop[key]) for key in ("name", "language", "currency", "time_zone")}
    components = "\n".join(f"{feature} = {_toml(bounds)}" for feature, bounds in _components(sample, shop))
    head: str = _words()["settings"]["head"]
    yield head.format(
        kind=_toml(sample.kind), seed=sample.seed, targets=shop["targets"], components=components, **told
    )
    for table, frame in sample.tables.items():
        yield f"[tables.{table}]"
        yield f"file = {_toml(_file(table, shop))}"
        yield f"dates = {_toml(shop['dates'])}"
        yield f"[tables.{table}.columns]"
        columns: dict[str, Any] = {ours: _header(ours, shop) for ours in frame.columns}
        columns |= {ours: {"constant": value} for ours, value in shop["constants"].get(table, {}).items()}
        for ours, factors in shop["multiplied"].get(table, {}).items():
            columns[ours] = {"product": [_header(factor, shop) for factor in factors]}
        yield from (f"{ours} = {_toml(theirs)}" for ours, theirs in columns.items())
        if table in shop["keep"]:
            yield f"[tables.{table}.keep]  # rows that do not fulfil it are left out and counted"
            yield from (f"{column} = {_toml(rule)}" for column, rule in shop["keep"][table].items())
        yield ""


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"{int(value):_}" if value == int(value) else str(value)


def _components(sample: Sample, shop: Shop) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the score's components, each with its weight, bounds and direction."""
    end = FROZEN_AT.replace(tzinfo=ZoneInfo(shop["time_zone"]))
    active = pl.col("action").is_in(["purchase", "comment", "review", "share"])
    features = {
        "recency_days": (end - pl.col("time").max()).dt.total_seconds() / DAY,
        "interactions": pl.len(),
        "active_days": pl.col("time").dt.date().n_unique(),
        "orders": pl.col("order_id").filter(pl.col("action") == "purchase").n_unique(),
        "value": pl.col("value").sum(),
        "duration_s": pl.col("duration_s").sum(),
        "active_share": active.sum() / (active | (pl.col("action") == "view")).sum(),
    }
    recent = sample.tables["interactions"].filter(
        pl.col("time").is_between(end - dt.timedelta(days=84), end, closed="left")
    )
    frame = recent.group_by("customer_id").agg(**{feature: features[feature] for feature in shop["score"]})
    for feature, weight in shop["score"].items():
        values = frame[feature].fill_nan(None)
        low, high = (float(f"{values.quantile(level, 'linear'):.2g}") for level in (0.05, 0.95))
        down = {"direction": "down"} if feature == "recency_days" else {}
        yield feature, {"weight": weight, "low": low, "high": max(high, low + 0.1)} | down
