"""What became of plans, counted by hand; and a small run of the benchmark whose truth is known."""

import datetime as dt
import importlib.util
import sys
from pathlib import Path

import polars as pl
import pytest
from scipy.stats import binom

from engagekit.decisions.plan_result import plan_outcomes, plan_result
from engagekit.study import Study

PATH = Path(__file__).parents[2] / "benchmarks" / "plan.py"
START, ENDS = dt.datetime(2026, 6, 1), "2026-06-29"


def assigned(contact, hold_out, starts=START):
    rows = [("p", who, arm, starts, ENDS) for arm, ids in (("contact", contact), ("hold_out", hold_out)) for who in ids]
    return pl.DataFrame(rows, schema=["experiment", "customer_id", "arm", "assigned_at", "ends_at"], orient="row")


def with_purchases(risky_shop, rows, assignments):
    events = risky_shop().described("interactions")
    bought = [(who, at, action, "email", value) for who, at, action, value in rows]
    more = pl.DataFrame(bought, schema=events.schema, orient="row")
    return risky_shop(interactions=pl.concat([events, more]), assignments=assignments)


def test_who_came_from_the_assignment_on_and_before_the_end_was_kept_with_the_money_of_it(risky_shop):
    rows = [
        ("c05", START, "purchase", 10.0),  # at the very beginning
        ("c05", START + dt.timedelta(days=5), "refund", -4.0),
        ("c06", START - dt.timedelta(seconds=1), "purchase", 7.0),  # before
        ("c07", dt.datetime(2026, 6, 29), "purchase", 9.0),  # at the end
        ("c08", dt.datetime(2026, 6, 28, 23), "view", None),
    ]
    study = with_purchases(risky_shop, rows, assigned(["c05", "c06", "c07"], ["c08", "c09"]))
    assert plan_outcomes(study, "p").select("customer_id", "arm", "kept", "value").rows() == [
        ("c05", "contact", True, 6.0),
        ("c06", "contact", False, 0.0),
        ("c07", "contact", False, 0.0),
        ("c08", "hold_out", True, 0.0),
        ("c09", "hold_out", False, 0.0),
    ]


def test_a_customer_who_was_added_later_counts_from_then_on(risky_shop):
    rows = [
        ("c05", START + dt.timedelta(days=2), "purchase", 10.0),
        ("c06", START + dt.timedelta(days=2), "view", None),
    ]
    later = assigned(["c05"], [], START + dt.timedelta(days=7))
    study = with_purchases(risky_shop, rows, pl.concat([assigned(["c06"], []), later]))
    assert plan_outcomes(study, "p").select("customer_id", "kept").rows() == [("c05", False), ("c06", True)]


def test_with_contracts_who_is_covered_at_the_end_was_kept(contract_study):
    tables = {name: contract_study.described(name) for name in ("interactions", "subscriptions")}
    given = tables | {"assignments": assigned(["keen", "gone"], ["silent"])}
    study = Study.of(**given, as_of="2026-07-01", churn=contract_study.churn)
    assert plan_outcomes(study, "p").select("customer_id", "kept", "value").rows() == [
        ("gone", False, 0.0),
        ("keen", True, 10.0),
        ("silent", True, 20.0),
    ]


def big(risky_shop, as_of="2026-07-01"):
    came = [f"c{n:02}" for n in range(6)] + ["c15"]  # 6 of 12 to contact, 1 of 8 held out
    rows = [(who, START + dt.timedelta(days=3), "purchase", 50.0) for who in came]
    arms = assigned([f"c{n:02}" for n in range(12)], [f"c{n:02}" for n in range(12, 20)])
    study = with_purchases(risky_shop, rows, arms)
    frames = {name: study.described(name) for name in ("interactions", "assignments")}
    return Study.of(**frames, as_of=as_of, churn=study.churn)


def test_all_to_contact_are_compared_with_all_held_out(risky_shop):
    result = plan_result(big(risky_shop), "p")
    kept, value = (made.comparisons.iloc[0] for made in result.experiments.values())
    assert (kept["metric"], kept["arm"], kept["difference"]) == ("kept", "contact", pytest.approx(6 / 12 - 1 / 8))
    assert (value["metric"], value["difference"]) == ("value", pytest.approx(50 * (6 / 12 - 1 / 8)))
    assert (result.count("contact"), result.count("hold_out"), result.is_over) == (12, 8, True)
    assert not result.recorded


def test_each_measure_is_judged_by_its_own_interval(risky_shop):
    rows = [(f"c{n:02}", START, "purchase", 50.0) for n in (*range(8), 12)]  # 8 of 12 to contact, 1 of 8 held out
    arms = assigned([f"c{n:02}" for n in range(12)], [f"c{n:02}" for n in range(12, 20)])
    for made in plan_result(with_purchases(risky_shop, rows, arms), "p").experiments.values():
        (row,) = made.comparisons.to_dict("records")
        assert row["p_adjusted"] == row["p_value"] < 0.05
        assert row["low"] > 0
        assert row["verdict"] == "better"


def test_before_its_end_a_plan_is_not_judged(risky_shop):
    result = plan_result(big(risky_shop, "2026-06-28"), "p")
    assert not result.is_over
    assert result.experiments == {}
    assert result.outcomes["kept"].sum() == 7


def test_fewer_than_five_held_out_are_not_compared(risky_shop):
    study = with_purchases(risky_shop, [], assigned([f"c{n:02}" for n in range(12)], ["c12", "c13"]))
    assert plan_result(study, "p").is_over
    assert plan_result(study, "p").experiments == {}


def test_a_plan_that_is_not_there_or_has_not_begun_is_named(risky_shop):
    with pytest.raises(ValueError, match="name: there is no plan 'q'. There are: p"):
        plan_result(big(risky_shop), "q")
    with pytest.raises(ValueError, match="name: there is no plan 'p'"):
        plan_result(big(risky_shop, "2026-06-01"), "p")


def test_who_was_contacted_is_read_from_actions_within_the_plans_time(shop_folder):
    folder = shop_folder(silent=["c1", "c2", "c3"])
    rows = [
        f"p,{who},{arm},2026-07-01,2026-07-29,0.5,win_back,email"
        for who, arm in (("c1", "contact"), ("c2", "contact"), ("c3", "hold_out"))
    ]
    header = "experiment,customer_id,arm,assigned_at,ends_at,hold_out,action,channel"
    (folder / "plans.csv").write_text("\n".join([header, *rows, ""]))
    (folder / "actions.csv").write_text(
        "date,customer_id\n2026-07-01,c1\n2026-06-30,c2\n2026-07-29,c2\n2026-07-05,c3\n"
    )
    result = plan_result(Study(folder), "p")
    assert result.outcomes.select("customer_id", "acted").rows() == [("c1", True), ("c2", False), ("c3", True)]
    assert result.count("contact", acted=True) == result.count("hold_out", acted=True) == 1
    assert result.recorded


def test_a_contact_for_another_plan_is_none_of_this_one(shop_folder):
    folder = shop_folder(silent=["c1", "c2", "c3"])
    rows = [
        f"{name},{who},contact,2026-07-01,2026-07-29,0.5,win_back,email"
        for name, who in (("p", "c1"), ("p", "c2"), ("p", "c3"), ("q", "c4"))
    ]
    header = "experiment,customer_id,arm,assigned_at,ends_at,hold_out,action,channel"
    (folder / "plans.csv").write_text("\n".join([header, *rows, ""]))
    (folder / "actions.csv").write_text("date,customer_id,plan\n2026-07-02,c1,p\n2026-07-02,c2,q\n2026-07-02,c3,gold\n")
    assert plan_outcomes(Study(folder), "p")["acted"].to_list() == [True, False, True]  # gold is no plan of ours


@pytest.fixture(scope="module")
def benchmark():
    if not PATH.exists():
        pytest.skip("the benchmarks are not beside the tests")
    spec = importlib.util.spec_from_file_location("plan_benchmark", PATH)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("shops", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_the_interval_holds_the_truth_as_often_as_it_says(benchmark, shops):
    rows = [benchmark.compared(seed) for seed in range(shops)]
    low, high = binom.ppf([0.005, 0.995], shops, 0.95)
    for metric, truth in benchmark.TRUTH.items():
        held = sum(row[metric]["low"] <= truth <= row[metric]["high"] for row in rows)
        assert low <= held <= high
