"""Customers with a leak among their columns, and honest ones with strong features."""

from collections.abc import Callable

import numpy as np
import pandas as pd

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


def parts(rng: Rng, table: Frame) -> tuple[Frame, Frame]:
    """Rows to fit to and rows to test on: the earlier dates and the last; without dates two thirds and one."""
    rows = table.drop(columns=list(HIDDEN), errors="ignore")
    tested = rows["date"] == rows["date"].max() if "date" in rows else rng.random(len(rows)) < 1 / 3
    return rows[~tested], rows[tested]
