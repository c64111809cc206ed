"""How often the 95 % intervals hold the truth: by enumeration of all outcomes where that can be done, else simulated.

Run ``python benchmarks/coverage.py [replications]``. Every cell is printed, with the band that its coverage should lie
in and whether it does, to a tenth of a per cent. Seeds are fixed, and each cell has its own. A cell without a band is
there to show what happens with fewer units than the interval is meant for. Shares, scores and ratios have the bands
that were asked for; means and differences borrow those; quantiles have what their method promises, 95 % or more, and
with Kaplan-Meier, which is approximate, 92 %.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

import narwhals as nw
import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from engagekit.metrics import bounce_rate, open_rate, order_value, satisfaction_mean
from engagekit.metrics.compare import difference
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import Floats, net_promoter_interval, ratio_interval, wilson_interval
from engagekit.metrics.metric import Ratio
from engagekit.metrics.quantile import Quantile

REPLICATIONS, AT_ONCE, SEED = 20_000, 1_000, 20261121
Z = stats.norm.ppf(0.975)
Band = tuple[float, float]
SINGLE, AVERAGE, RATIO, PROMISED, AT_LEAST = (0.941, 0.978), (0.93, 0.97), (0.92, 0.97), (0.95, 1), (0.92, 1)
CONFIDENCE, SUMS = 0.95, ("x", "y", "xx", "xy", "yy", "xxx", "xxy", "xyy", "yyy")
FEW = 50  # units below which no band is asked of a ratio
Interval = tuple[Floats, Floats]


@dataclass(frozen=True)
class Cell:
    """One row of a table: what was tried, its coverage, and beside it what other ways give.

    ``simulated`` is the number of replications that the coverage rests on, 0 where it is exact.
    """

    case: str
    size: str
    truth: float
    coverage: float
    band: Band | None
    beside: dict[str, float] = field(default_factory=dict)
    simulated: int = 0

    @property
    def inside(self) -> bool | None:
        """Whether the coverage, to a tenth of a per cent, is in the band; None without a band or an interval."""
        if self.band is None or math.isnan(self.coverage):
            return None
        return bool(self.band[0] <= round(self.coverage, 3) <= self.band[1])


def seeded(*cell: int) -> np.random.Generator:
    return np.random.default_rng([SEED, *cell])


def covered(interval: Interval, truth: float | Floats) -> np.ndarray:
    low, high = interval
    return (low <= truth) & (truth <= high)


# Proportions and Net Promoter Scores


def wilson(replications: int) -> Iterator[Cell]:
    """Wilson's interval at single proportions; statsmodels' by the same enumeration."""
    for cell, (n, p) in enumerate(product((30, 100, 1000), (0.02, 0.2, 0.5))):
        k = np.arange(n + 1)
        chance = stats.binom.pmf(k, n, p)
        drawn = seeded(1, cell).binomial(n, p, replications)
        beside = {
            "statsmodels": chance[covered(proportion_confint(k, n, method="wilson"), p)].sum(),
            "Monte Carlo": covered(wilson_interval(drawn, n), p).mean(),
        }
        yield Cell("share", f"{n}", p, chance[covered(wilson_interval(k, n), p)].sum(), SINGLE, beside)


def wilson_on_average(_replications: int) -> Iterator[Cell]:
    """Wilson's interval on average over 901 proportions from .05 to .95, whose mean is shown as the truth."""
    rates = np.linspace(0.05, 0.95, 901)[:, None]
    for n in (10, 20, 30, 50, 100, 1000):
        k = np.arange(n + 1)
        chance = stats.binom.pmf(k, n, rates)
        intervals = wilson_interval(k, n), proportion_confint(k, n, method="wilson")
        ours, peers = ((chance * covered(interval, rates)).sum(axis=1) for interval in intervals)
        beside = {"statsmodels": peers.mean(), "lowest": ours.min(), "highest": ours.max()}
        yield Cell("share, on average", f"{n}", rates.mean(), ours.mean(), AVERAGE, beside)


def plain_wald(promoters: Floats, detractors: Floats, n: int) -> Interval:
    p, d = promoters / n, detractors / n
    half = Z * np.sqrt((p + d - (p - d) ** 2) / n)
    return 100 * (p - d - half), 100 * (p - d + half)


def net_promoter(replications: int) -> Iterator[Cell]:
    """The adjusted Wald interval of a Net Promoter Score, beside the plain one."""
    kinds = (0.5, 0.17), (0.4, 0.3), (0.7, 0.1)
    for cell, (n, (p, d)) in enumerate(product((20, 50, 100, 324, 1000), kinds)):
        promoters, detractors = np.nonzero(np.add.outer(np.arange(n + 1), np.arange(n + 1)) <= n)
        # So many promoters, and so many detractors among the others
        chance = stats.binom.pmf(promoters, n, p) * stats.binom.pmf(detractors, n - promoters, d / (1 - p))
        drawn = seeded(2, cell).multinomial(n, [p, d, 1 - p - d], replications).T
        truth = 100 * (p - d)
        beside = {
            "plain Wald": chance[covered(plain_wald(promoters, detractors, n), truth)].sum(),
            "Monte Carlo": covered(net_promoter_interval(drawn[0], drawn[1], n), truth).mean(),
        }
        ours = chance[covered(net_promoter_interval(promoters, detractors, n), truth)].sum()
        yield Cell(f"{p:.0%} promoters, {d:.0%} detractors", f"{n}", truth, ours, AVERAGE, beside)


# Ratios and means over units


@dataclass(frozen=True)
class Sample:
    """Numerator and denominator of each unit, and the sum of squares of its rows, as replications by units.

    ``metric`` is one of the kit's whose interval they get: a rate, or a ratio that 1 does not bound.
    """

    x: Floats
    y: Floats
    squares: Floats
    metric: Ratio = order_value

    @property
    def ratio(self) -> Floats:
        return self.x.sum(axis=1) / self.y.sum(axis=1)

    def sums(self) -> dict[str, Floats]:
        x, y = self.x, self.y
        terms = {"x": x, "y": y}
        return {name: math.prod(terms[each] for each in name).sum(axis=1) for name in SUMS}

    def fields(self) -> dict[str, Any]:
        sums = self.sums()
        counts = {"n": sums["y"], "units": np.full(len(self.x), float(self.x.shape[1]))}
        return self.metric.estimates(sums | counts, CONFIDENCE)

    def interval(self) -> Interval:
        fields = self.fields()
        return fields["low"], fields["high"]

    def interval_of_rows(self) -> Interval:
        """The interval as if every row, such as a visit or an order, were a unit."""
        x, rows, squares = (term.sum(axis=1) for term in (self.x, self.y, self.squares))
        half = stats.t.ppf(0.975, rows - 1) * np.sqrt((squares - x**2 / rows) / (rows - 1) / rows)
        return x / rows - half, x / rows + half


Size = tuple[int, int]
Draw = Callable[[np.random.Generator, Size], Sample]


def visits(random: np.random.Generator, size: Size) -> Sample:
    """Visits of customers: a log-normal number of visits, rounded up, and to each customer an own chance to convert."""
    number = np.ceil(random.lognormal(1, 1, size))
    converted = random.binomial(number.astype(int), random.beta(0.6, 5.4, size)).astype(float)
    return Sample(converted, number, converted, bounce_rate)


def bouncers(random: np.random.Generator, size: Size) -> Sample:
    """Visits of customers of whom one in fifty always bounces and the others never do."""
    number = np.ceil(random.lognormal(1, 1, size))
    bounced = number * (random.random(size) < 0.02)
    return Sample(bounced, number, bounced, bounce_rate)


def mailings(random: np.random.Generator, size: Size) -> Sample:
    """Mailings: a log-normal number of mails, about 2,000, and to each mailing its own open rate."""
    delivered = np.ceil(random.lognormal(np.log(2000), 0.5, size))
    opens = random.binomial(delivered.astype(int), random.beta(10, 30, size)).astype(float)
    return Sample(opens, delivered, opens, open_rate)


def orders(random: np.random.Generator, size: Size) -> Sample:
    """Orders: a geometric number, 3 on average, of log-normal value around what is typical of the customer.

    The spread of the logarithms, .45 between customers and .6 within them, is that of the CDNOW shoppers.
    """
    number = random.geometric(1 / 3, size)
    typical = np.repeat(random.normal(np.log(30), 0.45, size).ravel(), number.ravel())
    value = np.exp(random.normal(typical, 0.6))
    first = np.cumsum(number) - number.ravel()
    x, squares = (np.add.reduceat(term, first).reshape(size) for term in (value, value * value))
    return Sample(x, number.astype(float), squares)


def answers(random: np.random.Generator, size: Size) -> Sample:
    """Answers from 1 to 5, most of them 4 and 5."""
    x = random.choice(np.arange(1.0, 6), size, p=ANSWERS)
    return Sample(x, np.ones(size), x * x)


def per_unit(draw: Draw, term: str) -> Draw:
    """Draw only one term, whose mean over units is wanted."""

    def drawn(random: np.random.Generator, size: Size) -> Sample:
        x = getattr(draw(random, size), term)
        return Sample(x, np.ones(size), x * x)

    return drawn


ANSWERS = (0.05, 0.05, 0.15, 0.35, 0.4)
MEAN_ORDER = 30 * math.exp((0.45**2 + 0.6**2) / 2)
MEAN_VISITS = 1 + float(stats.norm.sf(np.log(np.arange(1, 100_000)) - 1).sum())  # sum over k of P(more than k)
Scenes = dict[str, tuple[Draw, float]]
RATIOS: Scenes = {
    "visits of customers: conversion rate": (visits, 0.6 / 6),
    "visits of customers: bounces of a few": (bouncers, 0.02),
    "mailings: open rate": (mailings, 10 / 40),
    "orders: order value": (orders, MEAN_ORDER),
}
MEANS: Scenes = {
    "answers from 1 to 5": (answers, float(np.dot(ANSWERS, np.arange(1, 6)))),
    "orders: orders per customer": (per_unit(orders, "y"), 3.0),
    "orders: revenue per customer": (per_unit(orders, "x"), 3 * MEAN_ORDER),
    "visits of customers: visits per customer": (per_unit(visits, "y"), MEAN_VISITS),
}


def sizes(replications: int, units: int) -> Iterator[Size]:
    """How much to draw at once, so that memory stays small."""
    for done in range(0, replications, AT_ONCE):
        yield min(AT_ONCE, replications - done), units


def simulated(replications: int, scenes: Scenes, family: int, beside: str = "") -> Iterator[Cell]:
    for cell, (case, units) in enumerate(product(scenes, (20, 50, 100, 400))):
        random, (draw, truth), held = seeded(family, cell), scenes[case], []
        for size in sizes(replications, units):
            sample = draw(random, size)
            held.append([covered(sample.interval(), truth), covered(sample.interval_of_rows(), truth)])
        ours, of_rows = np.concatenate(held, axis=1).mean(axis=1)
        band = RATIO if units >= FEW else None
        yield Cell(case, f"{units} units", truth, ours, band, {beside: of_rows} if beside else {}, replications)


def ratios(replications: int) -> Iterator[Cell]:
    """Rates and ratios over units, beside the delta method with their rows taken for units.

    The truth is the ratio of expectations: numbers are drawn apart from rates and values, so it is the mean of those.
    """
    return simulated(replications, RATIOS, 3, beside="rows as units")


def means(replications: int) -> Iterator[Cell]:
    """Means over units, by the same function. The truth is the expectation."""
    return simulated(replications, MEANS, 4)


# Money, and other means of one value a unit


def one_each(values: Callable[[np.random.Generator, Size], Floats], metric: Ratio = order_value) -> Draw:
    """Draw one value a unit."""

    def drawn(random: np.random.Generator, size: Size) -> Sample:
        x = values(random, size)
        return Sample(x, np.ones(size), x * x, metric)

    return drawn


def lognormal(sigma: float) -> tuple[Draw, float]:
    return one_each(lambda random, size: random.lognormal(0, sigma, size)), math.exp(sigma**2 / 2)


def pareto(index: float) -> tuple[Draw, float]:
    return one_each(lambda random, size: 1 + random.pareto(index, size)), index / (index - 1)


MONEY: Scenes = {
    "log-normal, σ 1": lognormal(1),
    "log-normal, σ 1.5": lognormal(1.5),
    "log-normal, σ 2": lognormal(2),
    "Pareto 3": pareto(3),
    "Pareto 1.8": pareto(1.8),
    "exponential": (one_each(lambda random, size: random.exponential(1, size)), 1),
    "one in five buys, log-normal, σ 1": (
        one_each(lambda random, size: (random.random(size) < 0.2) * random.lognormal(0, 1, size)),
        0.2 * math.exp(0.5),
    ),
    "answers from 1 to 5": (
        one_each(lambda random, size: random.choice(np.arange(1.0, 6), size, p=ANSWERS), satisfaction_mean),
        MEANS["answers from 1 to 5"][1],
    ),
}
ASKED = {"log-normal, σ 1": (0.93, 1), "log-normal, σ 1.5": (0.9, 1), "answers from 1 to 5": (0.93, 1)}


def money(replications: int) -> Iterator[Cell]:
    """Means of one value a unit: Hall's interval, beside Student's; how many warn, and how many of the misses do.

    Heavier tails than those that are asked for cannot be told from a sample, so that the warning stands for them.
    """
    for cell, (case, units) in enumerate(product(MONEY, (20, 50, 200, 1000))):
        random, (draw, truth), columns = seeded(9, cell), MONEY[case], []
        for size in sizes(replications, units):
            sample = draw(random, size)
            fields, students = sample.fields(), sample.interval_of_rows()
            held, warned = covered((fields["low"], fields["high"]), truth), fields["warning"] != ""
            columns.append([held, covered(students, truth), fields["high"] < truth, warned])
        ours, students, below, warned = np.concatenate(columns, axis=1).astype(bool)
        beside = {
            "Student": students.mean(),
            "below the truth": below.mean(),
            "warned": warned.mean(),
            "misses warned": warned[~ours].mean() if not ours.all() else math.nan,
        }
        band = ASKED.get(case) if units >= FEW or case.startswith("answers") else None
        yield Cell(case, f"{units} units", truth, ours.mean(), band, beside, replications)


# Quantiles


@cache
def quantile(q: float, censored: bool) -> Quantile:
    column = nw.col("x")
    words = {"name": "hours", "channel": "", "table": "", "columns": ("x",), "unit": "ticket", "measured_in": "hours"}
    return Quantile(**words, value=column, observed=column if censored else None, q=q)


@cache
def ranks(q: float, n: int) -> tuple[float, float]:
    """Ranks of the values that bound a quantile: its interval for the numbers from 1 to n."""
    found = quantile(q, censored=False).estimate(np.arange(1.0, n + 1), np.ones(n), 0.95)
    return found["low"], found["high"]


def quantiles(replications: int) -> Iterator[Cell]:
    """Quantiles of log-normal hours by order statistics, which promise 95 % or more; exact by the binomial."""
    for cell, (q, n) in enumerate(product((0.5, 0.9), (10, 20, 50, 100, 400))):
        hours = np.sort(seeded(5, cell).lognormal(0, 1, (replications, n)))
        truth, exact, drawn = math.exp(stats.norm.ppf(q)), math.nan, math.nan
        low, high = ranks(q, n)
        if not math.isnan(low):
            exact = stats.binom.cdf(high - 1, n, q) - stats.binom.cdf(low - 1, n, q)
            drawn = covered((hours[:, int(low) - 1], hours[:, int(high) - 1]), truth).mean()
        yield Cell(f"{q:.0%} quantile", f"{n}", truth, exact, PROMISED, {"Monte Carlo": drawn})


def survived(replications: int) -> Iterator[Cell]:
    """Quantiles of log-normal hours by Kaplan-Meier, where tickets are up to 15 or 4 hours old and many still open.

    Where a bound is missing, nothing is claimed on that side, so that only a bound on the wrong side is a failure.
    Beside it: how many have both bounds, the coverage of those, and that of order statistics without the open ones.
    """
    for cell, (q, (age, still_open), n) in enumerate(product((0.5, 0.9), ((15, 11), (4, 35)), (20, 50, 100, 400))):
        random, truth = seeded(6, cell), math.exp(stats.norm.ppf(q))
        taken, ages = random.lognormal(0, 1, (replications, n)), random.uniform(0, age, (replications, n))
        hours, solved = np.minimum(taken, ages), (taken <= ages).astype(float)
        found = [quantile(q, censored=True).estimate(*row, 0.95) for row in zip(hours, solved, strict=True)]
        low, high = (np.array([row[bound] for row in found]) for bound in ("low", "high"))
        both, right = ~np.isnan(low) & ~np.isnan(high), ~(low > truth) & ~(truth > high)
        beside = {
            "both bounds": both.mean(),
            "coverage of those": right[both].mean() if both.any() else math.nan,
            "without the open": without_open(hours, solved, q, truth),
        }
        band = AT_LEAST if n >= FEW else None
        yield Cell(
            f"{q:.0%} quantile, {still_open}% still open", f"{n}", truth, right.mean(), band, beside, replications
        )


def without_open(hours: Floats, solved: Floats, q: float, truth: float) -> float:
    held = []
    for row, done in zip(hours, solved == 1, strict=True):
        kept = np.sort(row[done])
        low, high = ranks(q, len(kept)) if len(kept) else (math.nan, math.nan)
        if not math.isnan(low):
            held.append(kept[int(low) - 1] <= truth <= kept[int(high) - 1])
    return float(np.mean(held)) if held else math.nan


# Differences


def estimates(value: Floats, interval: Interval) -> list[Estimate]:
    columns = (column.tolist() for column in (value, *interval))
    return [Estimate(*numbers, 0, 0, 0, 0, "", "", "") for numbers in zip(*columns, strict=True)]


def differences(pairs: Iterable[tuple[Estimate, Estimate]]) -> Interval:
    changes = [difference(old, new) for new, old in pairs]
    return np.array([change.low for change in changes]), np.array([change.high for change in changes])


def newcombe(_replications: int) -> Iterator[Cell]:
    """Differences of two shares, beside statsmodels' and the plain Wald interval by the same enumeration."""
    for p, q, m, n in [(0.5, 0.3, 30, 30), (0.1, 0.1, 50, 80), (0.05, 0.02, 100, 100), (0.3, 0.25, 200, 150)]:
        j, k = (grid.ravel() for grid in np.indices((m + 1, n + 1)))
        chance = stats.binom.pmf(j, m, p) * stats.binom.pmf(k, n, q)
        counts = ((np.arange(size + 1), size) for size in (m, n))
        new, old = (estimates(count / size, wilson_interval(count, size)) for count, size in counts)
        change, half = j / m - k / n, Z * np.sqrt(j * (m - j) / m**3 + k * (n - k) / n**3)
        beside = {
            "statsmodels": confint_proportions_2indep(j, m, k, n, method="newcomb"),
            "plain Wald": (change - half, change + half),
        }
        ours, *others = (
            chance[covered(interval, p - q)].sum() for interval in (differences(product(new, old)), *beside.values())
        )
        yield Cell(f"{p:.0%} less {q:.0%}", f"{m}, {n}", p - q, ours, AVERAGE, dict(zip(beside, others, strict=True)))


def mover(replications: int) -> Iterator[Cell]:
    """Differences of two scores, and of two ratios whose truth is the same, on different units."""
    random, scores = seeded(7), []
    for n, p, d in [(100, 0.5, 0.17), (80, 0.4, 0.3)]:
        drawn = random.multinomial(n, [p, d, 1 - p - d], replications).T
        scores.append(estimates(100 * (drawn[0] - drawn[1]) / n, net_promoter_interval(drawn[0], drawn[1], n)))
    held = covered(differences(zip(*scores, strict=True)), 33 - 10).mean()
    yield Cell("Net Promoter Scores of 33 and 10", "100, 80", 23, held, AVERAGE, simulated=replications)
    for (case, (draw, _)), units in product(RATIOS.items(), (50, 100)):
        samples = [draw(random, (replications, units)) for _ in range(2)]
        new, old = (estimates(sample.ratio, sample.interval()) for sample in samples)
        held = covered(differences(zip(new, old, strict=True)), 0).mean()
        yield Cell(case, f"{units}, {units} units", 0, held, RATIO, simulated=replications)


def two_months(random: np.random.Generator, size: Size) -> tuple[Sample, Sample]:
    """Visits of the same customers in two months; a third stay away in each, and in the second they convert less."""
    often, chance, months = random.lognormal(1, 1, size), random.beta(0.6, 5.4, size), []
    for part in (1, 0.8):
        number = random.poisson(often) * (random.random(size) < 2 / 3)
        converted = random.binomial(number, part * chance).astype(float)
        months.append(Sample(converted, number.astype(float), converted))
    return months[0], months[1]


def paired_interval(new: Sample, old: Sample) -> Interval:
    """What ``paired_difference`` gives, for many replications at once."""
    parts = [(one.x - one.ratio[:, None] * one.y) / one.y.sum(axis=1)[:, None] for one in (new, old)]
    units = ((new.y > 0) | (old.y > 0)).sum(axis=1)
    half = ratio_interval(units, 0, 1, ((parts[0] - parts[1]) ** 2).sum(axis=1), 0, 0, 0, 0, 0, 0)[1]
    change = new.ratio - old.ratio
    return change - half, change + half


def paired(replications: int) -> Iterator[Cell]:
    """Conversion in two months of the same customers, beside what comes out when they are taken for others."""
    truth = 0.8 * 0.1 - 0.1
    for cell, units in enumerate((20, 50, 100, 400)):
        random, held = seeded(8, cell), []
        for size in sizes(replications, units):
            old, new = two_months(random, size)
            halves = [(high - low) / 2 for low, high in (new.interval(), old.interval())]
            change, half = new.ratio - old.ratio, np.hypot(*halves)
            held.append([covered(paired_interval(new, old), truth), covered((change - half, change + half), truth)])
        ours, as_others = np.concatenate(held, axis=1).mean(axis=1)
        band = RATIO if units >= FEW else None
        yield Cell("two months", f"{units} units", truth, ours, band, {"as others": as_others}, replications)


FAMILIES = (wilson, wilson_on_average, net_promoter, ratios, means, money, quantiles, survived, newcombe, mover, paired)


def per_cent(share: float) -> str:
    return "none" if math.isnan(share) else f"{100 * share:.1f}"


def table(cells: Sequence[Cell]) -> str:
    """The cells in Markdown."""
    titles = ["case", "n", "truth", "coverage", *cells[0].beside, "band", "inside"]
    lines = [f"| {' | '.join(titles)} |", "| --- | --- |" + " ---: |" * (len(titles) - 4) + " --- | --- |"]
    for cell in cells:
        shares = [per_cent(share) for share in (cell.coverage, *cell.beside.values())]
        band = "-".join(per_cent(bound) for bound in cell.band or ())
        verdict = {True: "yes", False: "NO", None: ""}[cell.inside]
        lines.append(f"| {' | '.join([cell.case, cell.size, f'{cell.truth:.4g}', *shares, band, verdict])} |")
    return "\n".join(lines)


def main(replications: int) -> None:
    """Print a table for each family, and how many cells are outside."""
    error = math.sqrt(0.95 * 0.05 / replications)
    print(f"Coverage in per cent; where simulated, from {replications:,} replications (standard error {error:.2%}).")
    everything = []
    for family in FAMILIES:
        cells = list(family(replications))
        text = " ".join((family.__doc__ or "").split())
        print(f"\n{text}\n\n{table(cells)}", flush=True)
        everything += cells
    outside = [f"{cell.case} ({cell.size}): {per_cent(cell.coverage)}" for cell in everything if cell.inside is False]
    judged = sum(cell.inside is not None for cell in everything)
    print("\n" + "; ".join([f"{len(outside)} of {judged} cells with a band are outside", *outside]) + ".")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATIONS)
