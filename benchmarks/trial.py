"""The score on trial: what it says where the truth is known and of a real shop, how sure it is, and what it costs.

Run ``python benchmarks/trial.py [--parts worlds noise power changes coverage retail speed]``, by default all of them.

- ``worlds``: 20,000 customers whose hazard falls with their activity in three channels by planted weights, customers
  whose hazard is the same for all, and a score that is recency in disguise (``tests/worlds.py``).
- ``noise``: how often the score of a small business of noise is said to predict, with a binomial band; and beside it
  how often a score that is better than recency is said to be, in small businesses of the planted world.
- ``power``: how often the score of a small business is said to predict, and to be better than recency, by the number of
  its customers and by how much of the planted hazard is there; none of it is the false alarms.
- ``changes``: how often one of 40 numbers is called changed beyond chance: of months in which nothing changed, and of
  numbers that changed by so many standard errors.
- ``coverage``: how often the 95 % intervals hold the truth, for customers who are there on four dates with outcomes
  that depend on a level of their own. The truth is that of 400,000 customers.
- ``retail``: the ecommerce preset on the real shop of ``../shared/data/online_retail``, its bounds frozen in the first
  half of its year. Skipped where the data are absent.
- ``speed``: scores of a million customers with eight components; and a trial over 12 dates of the 10 million events of
  ``events.py`` beside the snapshots that it takes.
"""

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from events import END as EVENTS_END
from events import write_events

from engagekit.churn.outcomes import RANKINGS
from engagekit.churn.statistics import Order, mean_of
from engagekit.customers.features import snapshots
from engagekit.metrics.family import directions
from engagekit.metrics.intervals import wilson_interval
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.score.components import PRESETS, Component
from engagekit.score.scorecard import Scorecard
from engagekit.score.verdict import VERDICTS, Verdict, backtest_score

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from worlds import DATES, END, EVEN, PLANTED, RECENCY, STRENGTH, made  # noqa: E402 - beside the tests that need it too

SEEDS = (1, 2, 3)
RETAIL = ROOT.parent / "shared" / "data" / "online_retail" / "online_retail.parquet"
REPLICATIONS, CUSTOMERS, TRUE_CUSTOMERS, TIMES = 1_000, 400, 400_000, 4
ROUNDS, MILLION, EVENTS = 5, 1_000_000, 10_000_000
SMALL, MOST_FALSE = 600, 0.05
POWER_SEEDS, SIZES = 200, (150, 300, 600)
FAMILIES, NUMBERS, Z95 = 5_000, 40, 1.959964
CONTRACTS = ChurnDefinition(horizon="84d", contractual=True)
SILENCE = ChurnDefinition(horizon="84d", contractual=False)


def worlds() -> None:
    """Verdicts where the truth is known."""
    print("\n| world | seed | verdict | ROC AUC | above recency | fitted weights | gain of these |")
    print("| --- " * 7 + "|")
    judges: list[tuple[str, Callable[[int], Verdict]]] = [
        (f"planted {PLANTED}, declared even", lambda seed: judged(EVEN, made(seed))),
        ("hazard the same for all", lambda seed: judged(EVEN, made(seed, strength=0))),
        ("score is recency in disguise", lambda seed: judged(RECENCY, made(seed), SILENCE)),
    ]
    for world, judge in judges:
        for seed in SEEDS:
            result = judge(seed)
            score = result.statistic("score")
            fitted = ", ".join(f"{share:.2f}" for share in result.weights["fitted"])
            auc, above = (f"{score[name]:.3f}" for name in ("value", "difference"))
            print(f"| {world} | {seed} | {result.verdict} | {auc} | {above} | {fitted} | {result.gain[0]:+.3f} |")


def judged(card: Scorecard, history: History, churn: ChurnDefinition = CONTRACTS) -> Verdict:
    return backtest_score(card, history, DATES, churn, as_of=END)


def noise() -> None:
    """Verdicts of small businesses: false ones of noise, and right ones where the score is better than recency."""
    print(f"\n| {SMALL} customers, {REPLICATIONS} seeds | {' | '.join(VERDICTS)} | predicts | 95 % band | asked |")
    print("| --- " * (len(VERDICTS) + 4) + "|")
    for world, strength, asked in (("hazard the same for all", 0.0, f"<= {MOST_FALSE:.0%}"), ("planted", STRENGTH, "")):
        verdicts = [judged(EVEN, made(seed, SMALL, strength)).verdict for seed in range(1, REPLICATIONS + 1)]
        counts = [verdicts.count(name) for name in VERDICTS]
        said = sum(counts[:2]) if not strength else counts[0]
        low, high = (float(bound) for bound in wilson_interval(said, REPLICATIONS))
        cells = " | ".join(str(count) for count in counts)
        rate = f"{said / REPLICATIONS:.1%} {'predicts' if not strength else 'better than recency'}"
        print(f"| {world} | {cells} | {rate} | {low:.1%} to {high:.1%} | {asked} |", flush=True)


def power() -> None:
    """Verdicts by size and strength: false alarms where the strength is 0, power elsewhere."""
    heads = (
        "customers",
        "hazard",
        f"predicts, of {POWER_SEEDS}",
        "95 % band",
        "better than recency",
        "95 % band",
        "few",
    )
    print(f"\n| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    for customers in SIZES:
        for strength in (0.0, STRENGTH / 2, STRENGTH):
            verdicts = [judged(EVEN, made(seed, customers, strength)).verdict for seed in range(1, POWER_SEEDS + 1)]
            better = verdicts.count(VERDICTS[0])
            counts = (better + verdicts.count(VERDICTS[1]), better)
            cells = [f"{count / POWER_SEEDS:.0%} | {band(count, POWER_SEEDS)}" for count in counts]
            few = verdicts.count("too_few") / POWER_SEEDS
            print(f"| {customers:,} | {strength / STRENGTH:.0%} | {' | '.join(cells)} | {few:.0%} |", flush=True)


def band(count: int, n: int) -> str:
    low, high = (float(bound) for bound in wilson_interval(count, n))
    return f"{low:.0%} to {high:.0%}"


def changes() -> None:
    """Changes called beyond chance among 40 numbers of which none, or one, or ten changed."""
    heads = (f"changed, of {NUMBERS}", "standard errors", "one called in vain", "95 % band", "of those called", "found")
    print(f"\n| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    for changed, size in ((0, 0.0), *((count, size) for count in (1, 10) for size in (2.0, 3.0, 4.0, 5.0))):
        random, told = np.random.default_rng(11), np.zeros((FAMILIES, NUMBERS), bool)
        for family in told:
            values = random.normal(np.where(np.arange(NUMBERS) < changed, size, 0.0), 1)
            called = directions({f"m{n}": (value, value - Z95, value + Z95) for n, value in enumerate(values)})
            family[:] = [name != "none" for name in called.values()]
        vain = told[:, changed:].sum(axis=1)
        some, share = int((vain > 0).sum()), (vain / np.maximum(told.sum(axis=1), 1)).mean()
        right = f"{told[:, :changed].mean():.0%}" if changed else ""
        cells = (f"{changed}", f"{size:.0f}", f"{some / FAMILIES:.0%}", band(some, FAMILIES), f"{share:.1%}", right)
        print(f"| {' | '.join(cells)} |", flush=True)


def figures(rng: np.random.Generator, customers: int) -> tuple[dict[str, Any], np.ndarray]:
    """Statistics of two risks of customers on several dates, and the customer of each row."""
    level = rng.normal(size=customers)
    parts: dict[str, list[Any]] = {name: [] for name in (*RANKINGS, "difference")}
    for _ in range(TIMES):
        risks = [level + spread * rng.normal(size=customers) for spread in (1.0, 1.5)]
        left = rng.random(customers) < 1 / (1 + np.exp(1.5 - level))
        money = Order(np.where(left, 0, np.exp(rng.normal(size=customers) - level)).round())
        one, other = map(Order, risks)
        for name in RANKINGS[:-1]:
            parts[name].append(getattr(one, name)(left))
        parts[RANKINGS[-1]].append(one.correlation(money))
        parts["difference"].append(one.roc_auc(left) - other.roc_auc(left))
    weights = [customers] * TIMES
    return {name: mean_of(each, weights) for name, each in parts.items()}, np.tile(np.arange(customers), TIMES)


def coverage() -> None:
    """How often the intervals hold the truth."""
    truth, _ = figures(np.random.default_rng(0), TRUE_CUSTOMERS)
    held = dict.fromkeys(truth, 0)
    for seed in range(1, REPLICATIONS + 1):
        statistics, customer = figures(np.random.default_rng(seed), CUSTOMERS)
        for name, figure in statistics.items():
            low, high = figure.interval(customer)
            held[name] += low <= truth[name].value <= high
    print(f"\n| figure, of {CUSTOMERS} customers on {TIMES} dates | truth | held by its 95 % interval |")
    print("| --- " * 3 + "|")
    for name, times in held.items():
        print(f"| {name} | {truth[name].value:.4f} | {100 * times / REPLICATIONS:.1f} % |")


def retail() -> None:
    """The ecommerce preset on a real shop."""
    if not RETAIL.is_file():
        print(f"\nleft out: {RETAIL.name} is not beside the project")
        return
    rows = pl.read_parquet(RETAIL).rename(str.lower).drop_nulls("customerid")
    rows = rows.filter(pl.col("quantity") > 0, pl.col("unitprice") > 0)
    seen = rows.select(
        customer_id=pl.col("customerid").cast(pl.Int64),
        time=pl.col("invoicedate").cast(pl.Datetime("us")),
        action=pl.lit("purchase"),
        order_id="invoiceno",
        value=pl.col("quantity") * pl.col("unitprice"),
    )
    history, end = History({"interactions": seen}), dt.datetime(2011, 12, 9)
    reference = snapshots(history, [dt.datetime(2011, 6, 1) - dt.timedelta(days=28) * back for back in range(3)])
    parts = []
    for name, part in PRESETS["ecommerce"].items():
        low, high = (float(reference[name].quantile(level, "linear")) for level in (0.05, 0.95))
        if low < high:  # every interaction of this shop is a purchase, so that one share is always 1
            parts.append(Component(name, low=low, high=high, **part))
    dates = [end - dt.timedelta(days=84 + 28 * back) for back in range(5)]
    result = backtest_score(Scorecard(tuple(parts)), history, sorted(dates), SILENCE, as_of=end)
    left = (
        f"{result.churned:,} of {result.customers:,} customers in the base left after one of {len(result.dates)} dates"
    )
    print(f"\nonline_retail: {result.verdict}; {left}; falls from segment to segment: {result.falls}\n")
    print("| predictor | statistic | value | from recency | dates |")
    print("| --- " * 5 + "|")
    for row in result.backtest.statistics.dropna(subset="value").to_dict("records"):
        value, beside = (
            f"{row[name]:.3f} ({row[low]:.3f} to {row[high]:.3f})" if row[name] == row[name] else ""
            for name, low, high in (("value", "low", "high"), ("difference", "difference_low", "difference_high"))
        )
        print(f"| {row['predictor']} | {row['statistic']} | {value} | {beside} | {row['dates']} |")
    print("\n| component | declared | fitted | ROC AUC alone |")
    print("| --- " * 4 + "|")
    for row in result.weights.to_dict("records"):
        print(f"| {row['feature']} | {row['declared']:.2f} | {row['fitted']:.2f} | {row['roc_auc']:.3f} |")
    gain, low, high = (f"{number:+.3f}" for number in result.gain)
    print(f"\nROC AUC of the fitted weights less that of the declared: {gain} ({low} to {high})")


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def speed() -> None:
    """What scores and a trial cost."""
    rng = np.random.default_rng(1)
    features = pl.DataFrame({"customer_id": np.arange(MILLION)} | {f"f{n}": rng.random(MILLION) for n in range(8)})
    card = Scorecard(tuple(Component(f"f{n}", 1 + n, 0.05, 0.95) for n in range(8)))
    taken = [seconds(lambda: card.score(features)) for _ in range(ROUNDS)]
    print(
        f"\nscores and contributions of {MILLION:,} customers, 8 components: {median(taken):.2f} s, median of {ROUNDS}"
    )
    horizon = dt.timedelta(days=56)
    dates = [EVENTS_END - horizon - dt.timedelta(weeks=back) for back in reversed(range(12))]
    card = Scorecard(
        (
            Component("active_days", 2, 0, 30),
            Component("orders", 1, 0, 5),
            Component("recency_days", 1, 0, 56, "down"),
        )
    )
    churn = ChurnDefinition(horizon="56d", contractual=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(os.environ.get("EVENTS", folder)) / f"events-{EVENTS}-numbers.parquet"
        if not file.exists():
            write_events(file, EVENTS)
        history = History({"interactions": pl.scan_parquet(file)})
        ways: dict[str, Callable[[], Any]] = {
            "snapshots on the 12 dates": lambda: snapshots(history, dates, "56d").collect(engine="streaming"),
            "snapshots on these and the ends of their horizons": lambda: snapshots(
                history, {*dates, *(date + horizon for date in dates)}, "56d"
            ).collect(engine="streaming"),
            "the verdict": lambda: backtest_score(card, history, dates, churn, window="56d", as_of=EVENTS_END),
        }
        runs: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, work in ways.items():
                runs[name].append(seconds(work))
    least = median(runs["snapshots on the 12 dates"])
    print(f"\n| {EVENTS:,} events, 12 dates, 56 days back and ahead | seconds, median of {ROUNDS} | times the first |")
    print("| --- " * 3 + "|")
    for name, each in runs.items():
        print(f"| {name} | {median(each):.2f} | {median(each) / least:.2f} |")


PARTS = {part.__name__: part for part in (worlds, noise, power, changes, coverage, retail, speed)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))

    for part in parser.parse_args().parts:
        PARTS[part]()
