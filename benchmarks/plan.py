"""Whether the result of a plan holds the truth, in simulated shops whose contacts help by a known amount.

Run ``python benchmarks/plan.py [shops]``; 200 shops take about a minute. In each, customers who fell silent are
planned for (``make_plan``, win back), a fifth of them is held out by the keyed hash, and 80 % of the others are
contacted. Who is not contacted comes back in 28 days with a probability of 20 %, who is contacted with one of 35 %, and
buys for a log-normal amount. ``plan_result`` of a study 28 days later then compares all to contact with all held out,
whose truth is .8 * 15 = 12 percentage points, and 12 % of the mean purchase. Seeds are fixed.

``held`` counts the shops whose interval holds the truth; of 200 with a coverage of 95 %, 182 to 197 (91 to 98.5 %) are
expected in 99 of 100 runs or more. ``better`` is the share of shops in which the plan is said to have helped.
"""

import datetime as dt
import math
import sys
import time

import numpy as np
import polars as pl
from scipy.stats import binom

from engagekit.data.plans import CONTACT
from engagekit.decisions.plan import Plan, held_out, make_plan
from engagekit.decisions.plan_result import plan_result
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.study import Study

SEED, SHOPS = 20261127, 200
CUSTOMERS, REGULARS, HOLD_OUT, DAYS = 500, 20, 0.2, 28
COMES, HELPS, CONTACTED = 0.20, 0.15, 0.8
MONEY, SIGMA = 4.0, 0.6  # of the logarithm of a purchase
MEAN = math.exp(MONEY + SIGMA**2 / 2)
TRUTH = {"kept": CONTACTED * HELPS, "value": CONTACTED * HELPS * MEAN}
START = dt.datetime(2026, 8, 1)
SILENT = ChurnDefinition(horizon="84d", contractual=False)
COLUMNS = {
    "customer_id": pl.String,
    "time": pl.Datetime("us"),
    "action": pl.String,
    "channel": pl.String,
    "value": pl.Float64,
}


def purchases(ids: list[str], days: np.ndarray, money: np.ndarray) -> pl.DataFrame:
    times = [START + dt.timedelta(days=float(day)) for day in days]
    rows = {"customer_id": ids, "time": times, "action": "purchase", "channel": "email", "value": money}
    return pl.DataFrame(rows, schema=COLUMNS)


def shop(seed: int) -> tuple[Plan, Study]:
    """A plan, and the study of the shop when it is over."""
    rng = np.random.default_rng([SEED, seed])
    silent, regulars = (
        [f"{seed}-{kind}{n}" for n in range(size)] for kind, size in (("s", CUSTOMERS), ("r", REGULARS))
    )
    before = [purchases(silent, rng.uniform(-160, -90, CUSTOMERS), np.exp(rng.normal(MONEY, SIGMA, CUSTOMERS)))]
    for day in (-160.0, -100.0, -20.0, -0.5, 10.0, DAYS - 0.5):
        before.append(purchases(regulars, np.full(REGULARS, day), np.full(REGULARS, 50.0)))
    history = pl.concat(before)
    early = Study.of(interactions=history.filter(pl.col("time") < START), churn=SILENT, as_of="2026-08-01")
    early.business = early.business.model_copy(
        update={"churn": early.business.churn.model_copy(update={"capacity": 10_000})}
    )
    plan = make_plan(early, HOLD_OUT, days=DAYS)
    ids = plan.assigned["customer_id"].to_list()
    contacted = (plan.assigned["arm"] == CONTACT).to_numpy() & (rng.random(len(ids)) < CONTACTED)
    back = rng.random(len(ids)) < COMES + HELPS * contacted
    came = [who for who, is_back in zip(ids, back, strict=True) if is_back]
    money = np.exp(rng.normal(MONEY, SIGMA, len(came)))
    rows = pl.concat([history, purchases(came, rng.uniform(0, DAYS, len(came)), money)])
    assignments = plan.assigned.with_columns(pl.col("assigned_at").str.to_datetime(time_unit="us"))
    end = (START + dt.timedelta(days=DAYS)).date()
    return plan, Study.of(interactions=rows, assignments=assignments, churn=SILENT, as_of=end)


def compared(seed: int) -> dict[str, dict]:
    """Comparison of each metric of a shop's plan."""
    plan, later = shop(seed)
    made = plan_result(later, plan.name).experiments
    return {name: each.comparisons.iloc[0].to_dict() for name, each in made.items()}


def main(shops: int) -> None:
    began, rows = time.perf_counter(), [compared(seed) for seed in range(shops)]
    low, high = binom.ppf([0.005, 0.995], shops, 0.95)
    print(f"{shops} shops, {time.perf_counter() - began:.0f} s; expected {low:.0f} to {high:.0f} held (99 %)")
    for metric, truth in TRUTH.items():
        held = sum(row[metric]["low"] <= truth <= row[metric]["high"] for row in rows)
        better = sum(row[metric]["verdict"] == "better" for row in rows) / shops
        mean = np.mean([row[metric]["difference"] for row in rows])
        print(f"{metric}: truth {truth:.4g}, mean {mean:.4g}, held {held} ({held / shops:.1%}), better {better:.0%}")
    shares = [np.mean(held_out([f"{seed}-s{n}" for n in range(10_000)], "plan", HOLD_OUT)) for seed in range(20)]
    print(f"held out of 10,000 ids, 20 times: {min(shares):.4f} to {max(shares):.4f} of {HOLD_OUT}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SHOPS)
