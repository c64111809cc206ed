"""Randomised tests whose effect is known: do intervals hold it, how often is nothing taken for something, how quick.

Run ``python benchmarks/experiments.py [runs] [rows]``. Seeds are fixed, and each line has its own. A line has the band
in which 99 % of such simulations lie where the promise is kept exactly, and whether it does: on both sides for the
coverage of an interval, above for false positives, of which fewer are no fault. Speed is printed beside a plain Polars
group-by of the same frame, alternating; medians of seven.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
from scipy.stats import binom

from engagekit.decisions.effects import effects, is_proportion
from engagekit.decisions.experiment import experiment
from engagekit.decisions.outcomes import Outcome, Sums
from engagekit.decisions.sequences import always_valid_factor
from engagekit.metrics.metric import Ratio

RUNS, ROWS, ALPHA = 2000, 10_000_000, 0.05
PLAIN = Outcome(Ratio("value", numerator="value"), "value")
ADJUSTED = Outcome(PLAIN.metric, "value", "before")
Draw = Callable[[np.random.Generator, int, float], tuple[np.ndarray, np.ndarray]]


def sums_of(x: np.ndarray, y: np.ndarray) -> Sums:
    """Sums of an arm over its customers."""
    products = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y, "xxx": x**3}
    return {"units": float(len(x))} | {name: float(values.sum()) for name, values in products.items()}


def flags(rng: np.random.Generator, n: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Conversions of customers."""
    return (rng.random(n) < p).astype(float), np.ones(n)


def lognormal(rng: np.random.Generator, n: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Skewed numbers of all customers: skewness 6.2."""
    return mean * rng.lognormal(-0.5, 1, n), np.ones(n)


def spending(rng: np.random.Generator, n: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Money of which nine of ten customers spend none."""
    return mean * 10 * (rng.random(n) < 0.1) * rng.lognormal(-0.5, 1, n), np.ones(n)


def visits(rng: np.random.Generator, n: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Conversions over visits, of which customers have uneven numbers and rates of their own."""
    number = 1 + rng.geometric(0.3, n)
    own = rng.beta(2 * rate, 2 * (1 - rate), n)
    return rng.binomial(number, own).astype(float), number.astype(float)


CELLS: list[tuple[str, Draw, int, float, float]] = [
    ("proportion", flags, 20, 0.5, 0.7),
    ("proportion", flags, 50, 0.1, 0.2),
    ("proportion", flags, 500, 0.1, 0.12),
    ("proportion", flags, 5000, 0.01, 0.013),
    ("mean, skewed", lognormal, 50, 10, 12),
    ("mean, skewed", lognormal, 500, 10, 11),
    ("mean, 90 % nothing", spending, 500, 5, 6),
    ("mean, 90 % nothing", spending, 5000, 5, 5.5),
    ("ratio of customers", visits, 100, 0.2, 0.25),
    ("ratio of customers", visits, 1000, 0.2, 0.22),
]


def shown(name: str, share: float, runs: int, expected: float, sides: int = 2) -> str:
    """A line: the share, its band, and whether it lies within."""
    low = 0 if sides == 1 else binom.ppf(0.005, runs, expected) / runs
    high = binom.ppf(0.995, runs, expected) / runs if sides == 2 else binom.ppf(0.99, runs, expected) / runs
    return f"{name:<62} {share:7.2%}   {low:7.2%} to {high:7.2%}   {'ok' if low <= share <= high else 'OUT'}"


def coverage(runs: int) -> Iterator[str]:
    """How often the interval of the difference holds the true one."""
    for seed, (name, draw, n, old, new) in enumerate(CELLS):
        rng, held = np.random.default_rng(seed), 0
        for _ in range(runs):
            arms = [sums_of(*draw(rng, n, value)) for value in (old, new)]
            row = effects(PLAIN, arms, proportion=is_proportion(PLAIN, arms), factor=3)[1]
            held += row["low"] <= new - old <= row["high"]
        yield shown(f"coverage: {name}, {n} an arm, {old:g} and {new:g}", held / runs, runs, 1 - ALPHA)


def false_positives(runs: int, n: int = 200) -> Iterator[str]:
    """How often any of nine comparisons of four equal arms has a verdict."""
    rng, names = np.random.default_rng(100), ["control", "a", "b", "c"]
    ratio = Ratio("rate", numerator="converted", denominator="visits", better="higher")
    any_verdict = any_at_all = 0
    for _ in range(runs):
        x, number = visits(rng, 4 * n, 0.2)
        frame = {"arm": np.repeat(names, n), "converted": x, "visits": number}
        frame |= {"bought": flags(rng, 4 * n, 0.1)[0] > 0, "spent": spending(rng, 4 * n, 5)[0]}
        made = experiment(pl.DataFrame(frame), metrics=["bought", "spent", ratio]).comparisons
        any_verdict += bool((made["verdict"] != "unknown").any())
        any_at_all += bool((made["p_value"] < ALPHA).any())
    yield shown(f"any false positive, Holm: 3 arms x 3 metrics, {n} an arm", any_verdict / runs, runs, ALPHA, 1)
    yield f"{'    the same without Holm':<62} {any_at_all / runs:7.2%}"


def daily(runs: int, days: int = 60, a_day: int = 20) -> Iterator[str]:
    """How often a daily look at equal arms has an interval that leaves out 0 on any day."""
    for planned, (name, draw, value) in (
        (planned, kind)
        for planned in (1000, 2400)
        for kind in (("proportion .1", flags, 0.1), ("mean, 90 % nothing", spending, 5))
    ):
        rng, wrong, at_looks = np.random.default_rng(200 + planned), 0, 0
        factors = always_valid_factor(2 * a_day * np.arange(1, days + 1), planned)
        for _ in range(runs):
            x = np.stack([draw(rng, days * a_day, value)[0].reshape(days, a_day) for _ in range(2)])
            powers = [(x**power).sum(axis=2).cumsum(axis=1) for power in (1, 2, 3)]
            rows = [
                effects(PLAIN, arms, proportion=draw is flags, factor=float(factor))[1]
                for factor, *arms in zip(factors, *(_arms(powers, arm, a_day) for arm in (0, 1)), strict=True)
            ]
            wrong += any(row["always_low"] > 0 or row["always_high"] < 0 for row in rows)
            at_looks += any(row["low"] > 0 or row["high"] < 0 for row in rows)
        line = f"daily looks, {a_day} an arm and day, {days} days, planned {planned}: {name}"
        yield shown(line, wrong / runs, runs, ALPHA, 1)
        yield f"{'    the same by the ordinary interval':<62} {at_looks / runs:7.2%}"


def _arms(powers: list[np.ndarray], arm: int, a_day: int) -> list[Sums]:
    """Sums of an arm after each day."""
    counts = a_day * np.arange(1.0, powers[0].shape[1] + 1)
    names = ("x", "xx", "xxx")
    return [
        {"units": n, "y": n, "yy": n, "xy": powers[0][arm, day]}
        | {name: float(p[arm, day]) for name, p in zip(names, powers, strict=True)}
        for day, n in enumerate(counts)
    ]


def covariate(runs: int, n: int = 500) -> Iterator[str]:
    """Mean variance ratio of CUPED beside 1 - rho squared, and the coverage of its intervals."""
    for rho in (0.3, 0.6, 0.9):
        rng, ratios, held = np.random.default_rng(int(300 + 10 * rho)), [], 0
        for _ in range(runs):
            arms = []
            for effect in (0.0, 0.2):
                before, noise = rng.normal(size=(2, n))
                x = effect + rho * before + np.sqrt(1 - rho**2) * noise
                terms = {"known n": float(n), "known": x.sum(), "before": before.sum()}
                arms.append(
                    sums_of(x, np.ones(n))
                    | terms
                    | {"before squared": (before**2).sum(), "product": (x * before).sum()}
                )
            row = effects(ADJUSTED, arms, proportion=False, factor=3)[1]
            ratios.append(row["variance_ratio"])
            held += row["low"] <= 0.2 <= row["high"]
        mean, true = statistics.fmean(ratios), 1 - rho**2
        verdict = "ok" if abs(mean / true - 1) < 0.05 else "OUT"
        yield f"{f'CUPED variance ratio, rho {rho}':<62} {mean:7.4f}   1 - rho² {true:.4f}   {verdict}"
        yield shown(f"coverage: CUPED, rho {rho}, {n} an arm", held / runs, runs, 1 - ALPHA)


def speed(rows: int, rounds: int = 7) -> Iterator[str]:
    """Seconds of an experiment beside a plain group-by of the same frame."""
    rng = np.random.default_rng(400)
    frame = pl.DataFrame(
        {
            "arm": pl.Series(["control", "treatment"]).gather(rng.integers(0, 2, rows)),
            "converted": rng.random(rows) < 0.1,
            "value": rng.gamma(2, 10, rows),
            "customer": rng.permutation(rows),
        }
    )
    numbers = pl.col("converted", "value")
    sums = [pl.len(), numbers.mean(), numbers.var().name.suffix(" variance")]
    tasks = {
        "plain Polars group-by, n, mean and variance": lambda: frame.group_by("arm").agg(sums),
        "the same on Polars' streaming engine": lambda: (
            frame.lazy().group_by("arm").agg(sums).collect(engine="streaming")
        ),
        "experiment(), each row a customer": lambda: experiment(frame, metrics=["converted", "value"]),
    }
    yield from _timed(tasks, rounds)
    yield from _timed(
        {"experiment(), unit named": lambda: experiment(frame, metrics=["converted", "value"], unit="customer")}, 3
    )


def _timed(tasks: dict[str, Callable[[], object]], rounds: int) -> Iterator[str]:
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            begun = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - begun)
    for name, each in seconds.items():
        yield f"{name:<62} {statistics.median(each):7.3f} s"


def main(runs: int = RUNS, rows: int = ROWS) -> None:
    """Print every line."""
    for part in (speed(rows), coverage(runs), covariate(runs), daily(runs), false_positives(runs)):
        for line in part:
            print(line, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
