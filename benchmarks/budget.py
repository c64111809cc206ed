"""How much of the best result a recommended budget split reaches, where the response to spend is known.

Run ``python benchmarks/budget.py [seeds]``; 50 seeds take about a minute. Six campaigns have saturating curves whose
ceilings differ by a factor of up to 10 and half points by one of 11 (``tests/campaign_worlds.py``). Spend varies by
``factor`` over ``periods``, results have relative noise of ``sd``; exponents other than 1 are curves that the kit does
not fit. The total is the usual spend. ``split`` is the recommended split's true result over the optimum's, in the
median and the worst seed; ``usual`` that of the usual spend; ``curves`` how many of six campaigns got one. ``covered``
is the share of intervals of the recommendation that hold the truly best spend, and ``wrong`` the share of ``raise``
and ``lower`` that point away from it. ``stop`` counts campaigns to stop, and ``wrongly`` those of them whose best spend
is above a twentieth of the total. Fitting and splitting costs ``ms`` of CPU time.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from campaign_worlds import World

from engagekit.decisions.budget import best_split, budget_split
from engagekit.decisions.response import fit_response

WORLDS = [
    {},
    {"factor": 10.0},
    {"periods": 12},
    {"noise": 0.25},
    {"noise": 0.25, "factor": 10.0},
    {"periods": 12, "noise": 0.25},
    {"exponent": 0.7},
    {"exponent": 1.5},
    {"exponent": 1.5, "factor": 10.0},
]


def measured(seed, exponent=1.0, **how):
    """One world: shares of the optimum, curves, coverage, wrong directions, stops and CPU time."""
    world = World.of(seed, exponent)
    total = float(world.usual.sum())
    began = time.process_time()
    curves = fit_response(world.periods(seed, **how))
    split = budget_split(curves, total)
    took = time.process_time() - began
    optimum = world.optimum(total)
    usual = world.results(world.usual).sum() / optimum
    row = {"usual": usual, "curves": len(curves.fitted), "ms": 1000 * took}
    if split.attrs["reason"]:
        return row | {"split": usual}
    spend = split["recommended"].to_numpy()
    row["split"] = world.results(spend).sum() / optimum
    if exponent == 1:
        fitted = (split["reason"] == "").to_numpy()
        free, bound = spend[fitted].sum(), np.zeros(fitted.sum())
        best = best_split(world.ceiling[None, fitted], world.half[None, fitted], free, bound, bound + free)[0]
        low, high, now = (split.loc[fitted, name].to_numpy() for name in ("low", "high", "spend_now"))
        action = split.loc[fitted, "action"].to_numpy()
        row["covered"] = ((best >= low - 1e-6) & (best <= high + 1e-6)).mean()
        moved = np.isin(action, ["raise", "lower"])
        row["moved"], row["wrong"] = moved.sum(), (moved & ((best > now) != (action == "raise"))).sum()
        row["stop"], row["wrongly"] = (action == "stop").sum(), ((action == "stop") & (best > total / 20)).sum()
    return row


def main(seeds):
    """Print a line a world."""
    print("world".ljust(44), "split: median  worst   usual  curves  covered  moved  wrong  stop  wrongly   ms")
    for how in WORLDS:
        rows = [measured(seed, **how) for seed in range(seeds)]
        got = {name: np.array([row[name] for row in rows if name in row]) for name in (*rows[0], "split")}
        world = {"periods": 24, "factor": 3.0, "noise": 0.1, "exponent": 1.0} | how
        counts = [got[name].sum() if name in got else "-" for name in ("moved", "wrong", "stop", "wrongly")]
        covered = f"{got['covered'].mean():.3f}" if "covered" in got else "-"
        print(
            ", ".join(f"{name} {value:g}" for name, value in world.items()).ljust(44),
            f"{np.median(got['split']):13.3f} {got['split'].min():6.3f} {np.median(got['usual']):7.3f}",
            f"{got['curves'].mean():7.2f} {covered:>8} {counts[0]:>6} {counts[1]:>6} {counts[2]:>5} {counts[3]:>8}",
            f"{np.median(got['ms']):4.0f}",
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
