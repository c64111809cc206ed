"""How often ``anomaly`` calls a still series a spike or a shift, and which real ones it finds.

Run ``python benchmarks/anomalies.py``; it takes two minutes. Each kind of series is still: its level never changes.
2,000 series of 8 to 14 values are made of each. ``alarms`` is the share that is called, beside the binomial band within
which 95 of 100 runs lie if it is 5 %; no more than the band's upper end is asked. Then one value of a still series is
moved by 3 or 5 standard deviations of its kind, or the level by 2, and ``found`` is the share where that kind of change
is found at that place; a shift may be found one date off. ``in a family`` is the same where the series is one of 15,
of which the others are still, and a false-discovery rate of 10 % is held over all of them; for still series it is the
share of such families in which one is called. A report holds its lines to it, but for a last month whose change since
the month before has a verdict: there that verdict decides. Two kinds are beyond what the rule is made for.

``python benchmarks/anomalies.py critical`` prints the critical values of the module from 600,000 series of each length
and kind; it takes eight minutes.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from engagekit.metrics.anomalies import (
    FEWEST_POINTS,
    LEVEL,
    MOST_POINTS,
    P_VALUES,
    SHORTEST,
    Anomaly,
    anomaly,
    statistics,
)
from engagekit.metrics.family import FALSE_DISCOVERIES, discoveries

SEED, REPLICATIONS, FAMILY, BURN_IN = 20261126, 2_000, 15, 50
SHARES = {"last": 0.4, "earlier": 0.2, "shift": 0.4}  # of the false alarms that a still series may have
CALIBRATED, BATCH = 600_000, 20_000
Series = tuple[np.ndarray, np.ndarray]  # values a row, and their standard errors


@dataclass(frozen=True)
class Kind:
    """A kind of still series: ``made(rng, count, n)``, and the standard deviation of its values."""

    made: Callable[[np.random.Generator, int, int], Series]
    sd: float


def noise(rng: np.random.Generator, count: int, n: int, rho: float = 0, df: float = np.inf) -> Series:
    """Student's t, normal where ``df`` is infinite, each value with a correlation of ``rho`` with the one before."""
    size = (count, n + BURN_IN)
    shocks = rng.standard_normal(size) if np.isinf(df) else rng.standard_t(df, size)
    for place in range(1, n + BURN_IN):
        shocks[:, place] += rho * shocks[:, place - 1]
    return shocks[:, BURN_IN:], np.zeros((count, n))


def rates(rng: np.random.Generator, count: int, n: int, known: bool = True, p: float = 0.2) -> Series:
    """Rates of 20 to 2,000 units, most of them few; their standard errors are known or not."""
    units = np.exp(rng.uniform(np.log(20), np.log(2_000), (count, n))).astype(int)
    values = rng.binomial(units, p) / units
    smoothed = (values * units + 2) / (units + 4)
    return values, np.sqrt(smoothed * (1 - smoothed) / units) * known


def without_errors(values: np.ndarray) -> Series:
    return values, np.zeros(values.shape)


RATES_SD = float(np.sqrt(0.16 * np.mean(1 / np.exp(np.linspace(np.log(20), np.log(2_000), 1_001)))))
KINDS = {
    "normal": Kind(noise, 1),
    "t, 3 degrees of freedom": Kind(lambda *size: noise(*size, df=3), 3**0.5),
    "autocorrelated, .3": Kind(lambda *size: noise(*size, rho=0.3), (1 - 0.3**2) ** -0.5),
    "autocorrelated, .3, t": Kind(lambda *size: noise(*size, rho=0.3, df=3), (3 / (1 - 0.3**2)) ** 0.5),
    "counts, 30 on average": Kind(lambda rng, *size: without_errors(rng.poisson(30.0, size).astype(float)), 30**0.5),
    "counts, 1 on average": Kind(lambda rng, *size: without_errors(rng.poisson(1.0, size).astype(float)), 1),
    "counts, 1 in 10 months": Kind(lambda rng, *size: without_errors(rng.poisson(0.1, size).astype(float)), 0.1**0.5),
    "rates of 20 to 2,000": Kind(rates, RATES_SD),
    "the same, errors not known": Kind(lambda *size: rates(*size, known=False), RATES_SD),
    "rare rates of 20 to 2,000": Kind(lambda *size: rates(*size, p=0.002), RATES_SD / 9),
    "money, lognormal, sigma .5": Kind(
        lambda rng, *size: without_errors(rng.lognormal(0, 0.5, size)), float(stats.lognorm.std(0.5))
    ),
    "beyond it: lognormal, sigma 1": Kind(
        lambda rng, *size: without_errors(rng.lognormal(0, 1, size)), float(stats.lognorm.std(1))
    ),
    "beyond it: autocorrelated, .5": Kind(lambda *size: noise(*size, rho=0.5), (1 - 0.5**2) ** -0.5),
    "uniform": Kind(lambda rng, *size: without_errors(rng.uniform(0, 1, size)), 12**-0.5),
}
MOVED = ("normal", "t, 3 degrees of freedom", "autocorrelated, .3", "counts, 30 on average", "rates of 20 to 2,000")
CALIBRATION = [(0.0, np.inf), (0.0, 3.0), (0.3, np.inf), (0.3, 3.0)]


def series(kind: Kind, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Still series of 8 to 14 values with their standard errors."""
    rng = np.random.default_rng([SEED, seed])
    lengths = rng.integers(FEWEST_POINTS, MOST_POINTS + 1, REPLICATIONS)
    made = [kind.made(rng, 1, int(length)) for length in lengths]
    return [(values[0], errors[0]) for values, errors in made]


def moved(values: np.ndarray, what: str, by: float) -> tuple[np.ndarray, str, int]:
    """Series with a spike or a shift, its kind and its place."""
    changed, n = values.copy(), len(values)
    place = {"last": n - 1, "earlier": n // 2, "half": n // 2, "late": n - SHORTEST - 1}[what]
    if what in ("last", "earlier"):
        changed[place] += by
        return changed, "spike", place
    changed[place:] += by
    return changed, "shift", place


def is_it(called: Anomaly | None, kind: str, place: int) -> bool:
    return called is not None and called.kind == kind and abs(called.place - place) <= (kind == "shift")


def in_family(called: Anomaly | None, others: list[Anomaly | None]) -> bool:
    """Whether the series is called where the others are judged with it."""
    chances = {str(place): each.p_value if each else 1.0 for place, each in enumerate([called, *others])}
    return "0" in discoveries(chances, FALSE_DISCOVERIES)


def print_alarms() -> None:
    low, high = (stats.binom.ppf(tail, REPLICATIONS, LEVEL) / REPLICATIONS for tail in (0.025, 0.975))
    print(f"| still series | alarms, band of 5 %: {low:.3f}-{high:.3f} | last | earlier | shift | in a family |")
    print("| --- | --- | --- | --- | --- | --- |")
    for place, (name, kind) in enumerate(KINDS.items()):
        made = series(kind, place)
        calls = [anomaly(values, errors) for values, errors in made]
        ends = [len(values) - 1 for values, _ in made]
        spikes = [each.place == end for each, end in zip(calls, ends, strict=True) if each and each.kind == "spike"]
        alarms, last = sum(each is not None for each in calls), sum(spikes)
        parts = [alarms, last, len(spikes) - last, alarms - len(spikes)]
        families = [calls[first : first + FAMILY] for first in range(0, REPLICATIONS, FAMILY)]
        any_called = np.mean(
            [any(in_family(each, [*f[:i], *f[i + 1 :]]) for i, each in enumerate(f)) for f in families]
        )
        shares = " | ".join(f"{part / REPLICATIONS:.3f}" for part in parts)
        print(f"| {name} | {shares} | {any_called:.2f} |")


def print_power() -> None:
    changes = [("last", 3), ("last", 5), ("earlier", 3), ("earlier", 5), ("earlier", 20), ("half", 2), ("late", 2)]
    titles = {"last": "last value", "earlier": "an earlier one", "half": "shift, half way", "late": "shift, 4 values"}
    print("| found; in a family | " + " | ".join(f"{titles[what]}, {by} sd" for what, by in changes) + " |")
    print("| --- |" + " --- |" * len(changes))
    still = [anomaly(values, errors) for values, errors in series(KINDS["normal"], 900)]
    for place, name in enumerate(MOVED):
        cells = []
        for what, by in changes:
            alone, together = 0, 0
            for number, (values, errors) in enumerate(series(KINDS[name], 100 + place)):
                changed, kind, at = moved(values, what, by * KINDS[name].sd)
                called = anomaly(changed, errors)
                if is_it(called, kind, at):
                    alone += 1
                    others = [still[(number + FAMILY * back) % REPLICATIONS] for back in range(1, FAMILY)]
                    together += in_family(called, others)
            cells.append(f"{alone / REPLICATIONS:.2f}; {together / REPLICATIONS:.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


def print_critical() -> None:
    for n in range(FEWEST_POINTS, MOST_POINTS + 1):
        critical = {name: np.zeros(len(P_VALUES)) for name in SHARES}
        for place, (rho, df) in enumerate(CALIBRATION):
            rng = np.random.default_rng([SEED, 1_000, n, place])
            drawn: dict[str, list[np.ndarray]] = {name: [] for name in SHARES}
            for _ in range(CALIBRATED // BATCH):
                spikes, shifts = statistics(*noise(rng, BATCH, n, rho, df))
                drawn["last"].append(spikes[:, -1])
                drawn["earlier"].append(spikes[:, :-1].max(axis=1))
                drawn["shift"].append(shifts.max(axis=1))
            for name, share in SHARES.items():
                reached = np.quantile(np.concatenate(drawn[name]), 1 - share * np.array(P_VALUES))
                critical[name] = np.maximum(critical[name], reached)
        print(
            f"{n}:", {name: tuple(float(f"{each:.3g}") for each in row) for name, row in critical.items()}, flush=True
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["critical"]:
        print_critical()
    else:
        print_alarms()
        print()
        print_power()
