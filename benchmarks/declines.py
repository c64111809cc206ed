"""Who is said to decline among simulated customers, where it is known who did.

Run ``python benchmarks/declines.py [share]``; it takes about a minute, and ``share`` of that for a quick look. A base
of customers is made for 24 weeks: how much they come differs (gamma, 16 interactions in 12 weeks on average, many with
one or two), interactions come in bursts (negative binomial, three times the variance of Poisson counts) and a
customer's months differ (gamma, by 22 %). Then the last 12 weeks are compared with the 12 before. Seeds are fixed.

``false`` is the share of those called who did not fall, 0 where none is called, on average over bases: at most 10 %
is promised. ``found`` is the share of those who fell that is called, ``regulars`` the same of those who come 20 times
or more in 12 weeks. Where nobody changed, every call is false, and ``any`` is then the rate that is promised.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import polars as pl
from scipy import stats

from engagekit.customers.declines import declines

SEED, WEEKS, WINDOW, DAYS, MONTH = 20261122, 24, 12, 7, 4
MEAN, BURST, MONTHS_SHAPE, REGULAR, FALLEN, FDR = 16, 3.0, 20.0, 20, 0.1, 0.10
SIZES = {500: 150, 5_000: 12}  # customers, and how many bases of that size
HARD_BASES, BESIDE_BASES = 60, 4
FEATURES = ("interactions", "active_days")


@dataclass(frozen=True)
class Base:
    """Customers by weeks: ``interactions`` and ``active_days``; who really ``fell``, and who comes regularly."""

    interactions: np.ndarray
    active_days: np.ndarray
    fell: np.ndarray
    regular: np.ndarray

    def window(self, feature: str, last: bool) -> np.ndarray:
        weeks = getattr(self, feature)
        return (weeks[:, WINDOW:] if last else weeks[:, :WINDOW]).sum(axis=1)


def made(rng: np.random.Generator, customers: int, left: float = 1, **more: float) -> Base:
    """Base in which a tenth keeps only ``left`` of its level in the last window.

    ``everybody`` is what everybody keeps, ``wild`` the share of customers whose windows differ by 82 %, ``new`` the
    share that arrived within the first window, and as many again within the last, ``daily`` the share that comes on 95
    of 100 days, ``mean`` the interactions in 12 weeks and ``burst`` their variance over that of Poisson counts.
    """
    level, burst = rng.gamma(1, more.get("mean", MEAN), customers), more.get("burst", BURST)
    fell = np.arange(customers) < FALLEN * customers * (left < 1)
    kept = np.where(fell, left, 1) * more.get("everybody", 1)
    months = rng.gamma(MONTHS_SHAPE, 1 / MONTHS_SHAPE, (customers, WEEKS // MONTH)).repeat(MONTH, axis=1)
    wild = rng.random(customers) < more.get("wild", 0)
    swing = np.where(wild[:, None], rng.gamma(1.5, 1 / 1.5, (customers, 2)), 1).repeat(WINDOW, axis=1)
    arrived = np.where(rng.random(customers) < 2 * more.get("new", 0), rng.integers(0, WEEKS, customers), 0) * ~fell
    weeks = np.arange(WEEKS)
    mean = level[:, None] / WINDOW * months * swing * np.where(weeks < WINDOW, 1, kept[:, None])
    mean = mean * (weeks >= arrived[:, None])
    interactions = rng.poisson(rng.gamma(mean / (burst - 1), burst - 1))
    days = (rng.multinomial(interactions, [1 / DAYS] * DAYS) > 0).sum(axis=2)
    daily = np.arange(customers) >= customers * (1 - more.get("daily", 0))
    days[daily] = rng.binomial(DAYS, 0.95, days[daily].shape)
    interactions[daily] = days[daily] + rng.poisson(days[daily])
    return Base(interactions, days, fell | (kept < 1), level >= REGULAR)


def frames(base: Base, feature: str) -> Iterator[pl.DataFrame]:
    """Features of the two windows, of those who came in them."""
    for last in (False, True):
        counts = pl.DataFrame({feature: base.window(feature, last)}).with_row_index("customer_id")
        yield counts.filter(pl.col(feature) > 0)


def ours(base: Base, feature: str) -> np.ndarray:
    found = declines(*frames(base, feature), feature, fdr=FDR)
    called = np.zeros(len(base.fell), bool)
    called[found.filter("declined")["customer_id"].to_numpy()] = True
    return called


def binomial(base: Base, feature: str) -> np.ndarray:
    """Poisson counts in both windows: at most so many of both by tossing a coin, at p < .05."""
    before, after = (base.window(feature, last) for last in (False, True))
    return stats.binom.cdf(after, before + after, 0.5) < 0.05


def binomial_adjusted(base: Base, feature: str) -> np.ndarray:
    before, after = (base.window(feature, last) for last in (False, True))
    seen = before + after > 0
    called = np.zeros(len(seen), bool)
    p = stats.binom.cdf(after, before + after, 0.5)[seen]
    called[seen] = stats.false_discovery_control(p) <= FDR
    return called


def regression(base: Base, feature: str) -> np.ndarray:
    """A line through 12 weekly looks at the 12 weeks before each, its slope either way at p < .05."""
    weeks = getattr(base, feature)
    looks = np.stack([weeks[:, end - WINDOW + 1 : end + 1].sum(axis=1) for end in range(WINDOW, WEEKS)], axis=1)
    week = np.arange(WINDOW) - (WINDOW - 1) / 2
    slope = looks @ week / (week @ week)
    rest = ((looks - looks.mean(axis=1, keepdims=True) - slope[:, None] * week) ** 2).sum(axis=1)
    error = np.sqrt(rest / (WINDOW - 2) / (week @ week))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(slope / error), WINDOW - 2)
    return p < 0.05  # a customer who never came has no slope


def bases(customers: int, runs: int, cell: int, **what: float) -> Iterator[Base]:
    for run in range(runs):
        yield made(np.random.default_rng([SEED, cell, customers, run]), customers, **what)


def row(title: str, feature: str, customers: int, called: list[tuple[np.ndarray, Base]]) -> str:
    """One line of the table: means over bases."""
    false = [(who & ~base.fell).sum() / max(who.sum(), 1) for who, base in called]
    shares = [np.mean([who.any() for who, _ in called]), np.mean([who.mean() for who, _ in called]), np.mean(false)]
    if called[0][1].fell.any():
        shares.append(np.mean([who[base.fell].mean() for who, base in called]))
        shares.append(np.mean([who[base.fell & base.regular].mean() for who, base in called]))
    cells = [f"{100 * share:.1f}" for share in shares] + [""] * (5 - len(shares))
    return f"| {title} | {feature} | {customers:,} | {len(called)} | {' | '.join(cells)} |"


def head(title: str) -> None:
    columns = "| case | feature | customers | bases | any | called | false | found | regulars |"
    print(f"\n{title}, in per cent\n\n{columns}\n| --- | --- |" + " ---: |" * 7)


CASES: dict[str, dict[str, float]] = {
    "nobody changed": {},
    "a tenth halved": {"left": 0.5},
    "a tenth stopped": {"left": 0},
}
HARD: dict[str, dict[str, float]] = {
    "a tenth stopped, a fifth new in each window": {"left": 0, "new": 0.2},
    "nobody changed, three tenths wild": {"wild": 0.3},
    "a tenth stopped, three tenths wild": {"left": 0, "wild": 0.3},
    "nobody changed, three tenths daily": {"daily": 0.3},
    "a tenth stopped, three tenths daily": {"left": 0, "daily": 0.3},
    "everybody a fifth less": {"everybody": 0.8},
    "nobody changed, bursts of thirty": {"burst": 30, "mean": 300},
    "a tenth stopped, bursts of thirty": {"left": 0, "burst": 30, "mean": 300},
}
BESIDE: dict[str, Callable[[Base, str], np.ndarray]] = {
    "declines": ours,
    "binomial, p < .05": binomial,
    "binomial, Benjamini-Hochberg": binomial_adjusted,
    "line through overlapping windows, p < .05": regression,
}


def main(share: float) -> None:
    started = time.perf_counter()
    cells = enumerate([*CASES.items(), *HARD.items()])

    def table(title: str, cases: int, sizes: dict[int, int]) -> None:
        head(title)
        for cell, (case, what) in islice(cells, cases):
            for customers, runs in sizes.items():
                several = list(bases(customers, max(2, round(runs * share)), cell, **what))
                for feature in FEATURES:
                    print(row(case, feature, customers, [(ours(base, feature), base) for base in several]), flush=True)

    table("`declines` at a false-discovery rate of 10 %", len(CASES), SIZES)
    table("Where customers are not alike, or the base moves", len(HARD), {500: HARD_BASES})
    head("Other ways, where nobody changed")
    unchanged = list(bases(5_000, BESIDE_BASES, 0))
    for (title, way), feature in product(BESIDE.items(), FEATURES):
        print(row(title, feature, 5_000, [(way(base, feature), base) for base in unchanged]), flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
