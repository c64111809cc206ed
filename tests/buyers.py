"""Customers who buy as BG/NBD says, cohorts of contracts, and values that go with frequency or do not."""

import numpy as np
import polars as pl

from engagekit.value.beta_geometric import BetaGeometric

PAPER = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")


REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]


HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]


def cohort(survivors, renewals):
    """Contracts of a cohort of which so many were left after each renewal."""
    left = np.array(survivors[: renewals + 1])
    lengths = {"renewals": range(renewals + 1), "ended": [True] * renewals + [False]}
    return pl.DataFrame(lengths | {"customers": [*(-np.diff(left)), left[-1]]})


def drawn(seed, customers=20_000, r=0.6, alpha=5.0, a=0.8, b=2.5):
    """Histories of customers who do as BG/NBD says, over 20 to 60 units, one after the other."""
    rng = np.random.default_rng(seed)
    rows = []
    for rate, leaving in zip(rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers), strict=True):
        age, last, frequency, now = rng.uniform(20, 60), 0.0, 0, 0.0
        while (now := now + rng.exponential(1 / max(rate, 1e-12))) < age:
            last, frequency = now, frequency + 1
            if rng.random() < leaving:
                break
        rows.append((frequency, last, age))
    return pl.DataFrame(rows, ["frequency", "recency", "age"], orient="row")


def spending(together):
    """Histories and values of a made-up world, in which frequent customers spend more at a time or do not."""
    rng = np.random.default_rng(0)
    rows = drawn(8, 3000).with_columns(customer_id=pl.int_range(3000))
    x = rows["frequency"].to_numpy()
    per_customer = rng.gamma(4.0, 1 / 16.0, 3000) / np.maximum(x, 1) ** together
    value = rng.gamma(5 * np.maximum(x, 1), 1 / (np.maximum(x, 1) * per_customer))
    return rows.with_columns(value=pl.Series(np.where(x > 0, value, np.nan)))
