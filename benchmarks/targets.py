"""How often the interval of a running total holds what the total became at the end of its month.

Run ``python benchmarks/targets.py [--shops N]``. Made-up shops of 300 days with a weekday pattern, each asked on a
random day of a month: orders that are independent (Poisson), that come in bursts (negative binomial), that grow by half
in the year, and money whose orders are log-normal. Then, if ``../shared/data`` has it, revenue of Online Retail on the
10th, 15th and 20th of each month; its autumn rises faster than the weeks before it say. Each share has its binomial
band: what a correct interval of 95 % would show in so many shops.
"""

import argparse
import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import binom

from engagekit import Study
from engagekit.decisions.targets import run_rate
from engagekit.metrics import revenue

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BEGIN, DAYS = dt.datetime(2026, 1, 1), 300
WEEK = np.array([6, 7, 8, 9, 10, 12, 11])


def counts(kind, rng):
    """Orders of each day."""
    days = [(BEGIN + dt.timedelta(days=day)).weekday() for day in range(DAYS)]
    mean = WEEK[days] * (1 + 0.5 * np.arange(DAYS) / 365 * (kind == "growing"))
    return rng.poisson(mean * (rng.gamma(2, 0.5, DAYS) if kind == "bursts" else 1))


def shop(kind, rng):
    """Whether the interval of a shop holds the end of the month, and how wide it is beside the truth."""
    per_day = counts(kind, rng)
    day = np.repeat(np.arange(DAYS), per_day)
    value = np.exp(rng.normal(0, 1, len(day))) if kind == "money" else np.ones(len(day))
    asked = (BEGIN + dt.timedelta(days=int(rng.integers(120, DAYS - 31)))).replace(hour=0)
    asked = asked if asked.day > 1 else asked + dt.timedelta(days=1)
    rows = pl.DataFrame({"day": day, "value": value}).with_columns(
        time=pl.lit(BEGIN) + pl.duration(days="day"), order_id=pl.int_range(pl.len()).cast(pl.String)
    )
    rows = rows.with_columns(customer_id=pl.lit("a"), action=pl.lit("purchase"), channel=pl.lit("shop"))
    month = rows.filter(pl.col("time").dt.truncate("1mo") == asked.replace(day=1))
    return judged(Study.of(interactions=rows.filter(pl.col("time") < asked), as_of=asked), month["value"].sum())


def judged(study, truth):
    made = run_rate(study, revenue).expected
    return made.low <= truth <= made.high, (made.high - made.low) / 2 / truth


def online_retail():
    """The same of a real shop, on three days of each month that has 28 days before it and an end after."""
    rows = pl.read_parquet(SHARED / "online_retail" / "online_retail.parquet").rename(str.lower)
    rows = rows.drop_nulls("customerid").filter(pl.col("quantity") > 0, pl.col("unitprice") > 0)
    rows = rows.select(
        customer_id="customerid",
        time=pl.col("invoicedate").cast(pl.Datetime("us")),
        order_id="invoiceno",
        value=pl.col("quantity") * pl.col("unitprice"),
        action=pl.lit("purchase"),
        channel=pl.lit("shop"),
    )
    for month in range(2, 12):
        for day in (10, 15, 20):
            asked = dt.datetime(2011, month, day)
            truth = rows.filter(pl.col("time").dt.truncate("1mo") == asked.replace(day=1))["value"].sum()
            yield judged(Study.of(interactions=rows.filter(pl.col("time") < asked), as_of=asked), truth)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=400)
    shops = parser.parse_args().shops
    print("| shops | holds | band of a correct one | median half width |\n| --- | --- | --- | --- |")
    for kind in ("independent", "bursts", "growing", "money"):
        rng = np.random.default_rng(1)
        print_row(kind, [shop(kind, rng) for _ in range(shops)])
    if (SHARED / "online_retail").is_dir():
        print_row("Online Retail", list(online_retail()))


def print_row(name, results):
    inside, half = np.mean([held for held, _ in results]), np.nanmedian([width for _, width in results])
    low, high = binom.ppf([0.025, 0.975], len(results), 0.95) / len(results)
    print(f"| {name} ({len(results)}) | {inside:.1%} | {low:.1%} to {high:.1%} | {half:.1%} |")


if __name__ == "__main__":
    main()
