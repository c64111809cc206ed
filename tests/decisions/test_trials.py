"""Tests of a business: what customers did from their assignment on, against the samples' known effects."""

import datetime as dt

import duckdb
import pandas as pd
import polars as pl
import pytest

from engagekit import Business
from engagekit.data.settings import ExperimentSettings
from engagekit.decisions.experiment import experiment
from engagekit.decisions.trials import experiments_of, study_experiment
from engagekit.errors import DataError
from engagekit.samples.make import make_sample
from engagekit.study import Study

FIRST = dt.datetime(2026, 1, 10)


def assigned(arms, **columns):
    """A row a customer, a day apart."""
    rows = {"experiment": "dessert", "customer_id": [f"c{who:03}" for who in range(len(arms))], "arm": arms}
    times = [FIRST + dt.timedelta(days=who) for who in range(len(arms))]
    return pl.DataFrame(rows | {"assigned_at": times} | columns)


def with_settings(study, **settings):
    experiments = {"dessert": ExperimentSettings(**settings)}
    study.business = study.business.model_copy(update={"experiments": experiments})
    return study


FOUR = ["control", "new"] * 2
BOUGHT = pl.DataFrame(
    {
        "customer_id": ["c000", "c000", "c001", "c001", "c002", "c003", "guest"],
        "time": [FIRST + dt.timedelta(days=days) for days in (-1, 0, 0.5, 1, 5, 40, 3)],
        "action": "purchase",
        "value": [100.0, 10, 200, 20, 30, 40, 999],
        "channel": "shop",
    }
)


def test_orders_before_the_assignment_and_after_the_study_never_count():
    study = Study.of(
        assignments=assigned(FOUR), interactions=BOUGHT, as_of=FIRST + dt.timedelta(days=30), currency="IDR"
    )
    table = study_experiment(study, "dessert", "order_value").table
    assert table["value"].tolist() == [20, 20]  # c000 10 and c002 30; c001 20, and c003 buys too late
    assert table["n"].tolist() == [2, 1]


@pytest.mark.parametrize("kind", ["pandas", "duckdb"])
def test_frames_of_other_engines_give_the_same(kind):
    rows = assigned(FOUR * 5, converted=[True, False, False, True] * 5, value=[float(n) for n in range(20)])
    frames = {"assignments": rows, "interactions": BOUGHT}
    if kind == "pandas":
        others = {name: frame.to_pandas() for name, frame in frames.items()}
    else:
        connection = duckdb.connect()
        others = {name: connection.from_arrow(frame.to_arrow()) for name, frame in frames.items()}
    made = [
        study_experiment(Study.of(**each, as_of="2026-02-20"), "dessert", "order_value") for each in (frames, others)
    ]
    pd.testing.assert_frame_equal(made[0].table, made[1].table)


def test_those_assigned_later_are_not_seen_yet():
    study = Study.of(assignments=assigned(FOUR * 5, converted=True), as_of=FIRST + dt.timedelta(days=12))
    assert study_experiment(study, "dessert").customers == 12


def test_a_row_that_repeats_counts_once_and_a_customer_in_two_arms_not_at_all():
    rows = assigned(["control", "new"] * 100, converted=True, value=5.0)
    other = rows.head(1).with_columns(arm=pl.lit("new"))
    study = Study.of(assignments=pl.concat([rows, rows.slice(3, 1), other]), interactions=BOUGHT, currency="IDR")
    made = study_experiment(study, "dessert", "order_value")
    assert made.left_out["in_two_arms"] == 1
    assert made.customers == 199
    assert made.table["value"].iloc[3] == 5
    assert made.table["n"].tolist()[-2:] == [1, 2]  # c002; c001 and c003, without c000


def test_settings_name_the_control_the_plan_and_the_shares():
    rows = assigned(["a"] * 40 + ["b"] * 10, converted=[True, False] * 25)
    made = study_experiment(
        with_settings(Study.of(assignments=rows), control="b", planned=60, shares={"a": 4, "b": 1}), "dessert"
    )
    assert (made.control, made.planned, made.balance_p) == ("b", 60, 1)
    assert made.verdicts == {("converted", "a"): "too_early"}


def test_settings_name_metrics_to_compare_too():
    given = {"assignments": assigned(FOUR, converted=True), "interactions": BOUGHT}
    study = with_settings(Study.of(**given, as_of=FIRST + dt.timedelta(days=30)), metrics=["order_value"])
    table = study_experiment(study, "dessert").table
    assert table["metric"].tolist() == ["converted"] * 2 + ["order_value"] * 2
    assert table["value"].tolist()[2:] == [20, 20]
    assert len(study_experiment(study, "dessert", "order_value").table) == 4


@pytest.mark.parametrize("metric", ["order_valeu", "tickets_opened", "converted"])
def test_metrics_of_settings_that_cannot_be_compared_are_an_error_of_the_settings(metric):
    study = with_settings(Study.of(assignments=assigned(FOUR, converted=True)), metrics=[metric])
    with pytest.raises(DataError, match=rf"business.toml, \[experiments.dessert\]: metrics: .*{metric}"):
        study_experiment(study, "dessert")


def test_a_conversion_before_the_assignment_counts_as_the_business_gives_it():
    """Orders before it never do: c000 bought on the day before, and that order is not in the mean of the control."""
    given = {"assignments": assigned(FOUR, converted=[True, False, False, False]), "interactions": BOUGHT}
    study = Study.of(**given, as_of=FIRST + dt.timedelta(days=30))
    table = study_experiment(study, "dessert", "order_value").table
    assert table["value"].tolist() == [0.5, 0, 20, 20]


@pytest.mark.parametrize("settings", [{}, {"control": "c"}, {"control": "a", "shares": {"a": 1}}])
def test_arms_that_settings_do_not_fit_are_an_error_of_the_settings(settings):
    rows = assigned(["a", "b"] * 5, converted=True)
    with pytest.raises(DataError, match=r"business.toml, \[experiments.dessert\]"):
        study_experiment(with_settings(Study.of(assignments=rows), **settings), "dessert")


@pytest.mark.parametrize("settings", ["planned = 0", "shares = {a = 0}", "arms = 2"])
def test_settings_that_no_test_can_have_are_named(tmp_path, settings):
    head = 'name = "x"\nkind = "saas"\nlanguage = "en"\ncurrency = "IDR"\ntime_zone = "Asia/Jakarta"\n'
    (tmp_path / "business.toml").write_text(f"{head}[experiments.dessert]\n{settings}\n")
    with pytest.raises(DataError, match=rf"experiments.dessert.{settings.split()[0]}"):
        Business.open(tmp_path)


def test_what_cannot_be_compared_is_named():
    study = Study.of(assignments=assigned(FOUR))
    with pytest.raises(ValueError, match="no experiment 'desert'. Did you mean dessert"):
        study_experiment(study, "desert")
    with pytest.raises(DataError, match="neither converted nor value"):
        study_experiment(study, "dessert")
    with pytest.raises(DataError, match="order_value is counted over orders"):
        study_experiment(study, "dessert", "order_value")
    with pytest.raises(ValueError, match="tickets_opened is a total"):
        study_experiment(study, "dessert", "tickets_opened")
    posts = pl.DataFrame({"posted_at": [FIRST], "platform": "x", "reach": [10], "likes": [1]})
    with pytest.raises(DataError, match="whose rows have no customer_id"):
        study_experiment(Study.of(assignments=assigned(FOUR), posts=posts), "dessert", "reach_engagement_rate")
    assert experiments_of(Study.of(interactions=BOUGHT)) == []


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_the_samples_effect_is_within_the_interval(kind):
    sample = make_sample(kind, customers=8000, seed=4)
    rows = sample.tables["assignments"]
    study = Study.of(assignments=rows, currency="IDR")
    (name,) = experiments_of(study)
    row = study_experiment(study, name).comparisons.iloc[0]
    assert row["low"] < sample.truth.arm_effect < row["high"]
    plain = experiment(rows.unique(), metrics="converted").comparisons.iloc[0]
    assert (row["difference"], row["low"]) == (plain["difference"], plain["low"])
