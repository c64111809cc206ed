"""Who comes, stays and goes on the page: numbers of the study, small ones blank, in three languages."""

import datetime as dt

import pandas as pd
import pytest

from engagekit import ChurnDefinition, Study
from engagekit.customers.lifecycle import lifecycle_flows
from engagekit.errors import DataError
from engagekit.reports.comings import comings_and_goings, rfm_groups
from engagekit.reports.lists import lists, private_list
from engagekit.reports.results import results

CHURN = ChurnDefinition(horizon="60d", active_window="60d", contractual=False)


def study(months, language="en"):
    """A study in which so many customers, by the months in which they came, bought once a month."""
    rows = [
        (f"{came}-{number}", dt.datetime(2026, month, 5), 10.0)
        for came, customers in months.items()
        for number in range(customers)
        for month in came
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "time", "value"]).assign(action="purchase", channel="web")
    return Study.of(as_of="2026-05-01", interactions=frame, churn=CHURN, currency="IDR", language=language)


STEADY = {(1, 2, 3, 4): 10, (1, 2, 3): 8, (1, 2, 4): 7, (4,): 6}


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "In April 2026, 10 customers stayed active, 6 were new, 7 came back and 8 were no longer active."),
        ("id", "Pada April 2026, 10 pelanggan tetap aktif, 6 baru, 7 kembali, dan 8 tidak aktif lagi."),
        ("ms", "Pada April 2026, 10 pelanggan kekal aktif, 6 baharu, 7 kembali dan 8 tidak aktif lagi."),
    ],
)
def test_a_sentence_by_hand(language, sentence):
    section = comings_and_goings(study(STEADY, language))
    assert section.answer == [sentence]
    table = section.table.iloc[-1]
    assert table[["active", "returning", "resurrected", "new", "dormant", "all_dormant"]].tolist() == [
        10,
        7,
        0,
        6,
        8,
        8,
    ]
    flows, _ = section.parts
    assert sum(flows.table.select_dtypes("number").sum()) == 10 + 7 + 6 + 8


def test_of_a_period_with_fewer_than_five_nothing_is_told():
    section = comings_and_goings(study(STEADY | {(4,): 3}))
    few = (
        "In April 2026, fewer than 5 customers were new, came back or became inactive, so the numbers of that month are"
    )
    assert section.answer == [f"{few} not shown."]
    assert section.table.iloc[-1].drop("period").isna().all()


def test_few_who_came_back_late_are_told_with_those_who_came_back_soon():
    late = {(1, 4): 3, (1, 2, 4): 9, (1, 2, 3, 4): 10, (1, 2, 3): 8, (4,): 6}
    table = comings_and_goings(study(late)).table.iloc[-1]
    assert table["returning"] == 12  # 9 after March, 3 after more than 60 days
    assert pd.isna(table["resurrected"])


def test_two_periods_are_too_few():
    section = comings_and_goings(study({(3, 4): 6}))
    assert section.answer == ["At least three whole periods of data are needed to see who comes and goes."]


def test_states_sum_to_all_customers_and_flows_to_states(sample_results):
    made = sample_results["subscription"].study
    states, flows = made.lifecycle(), lifecycle_flows(made.states)
    last = states[states["date"] == states["date"].max()]
    assert last["customer_id"].is_unique
    assert flows.filter(flows["date"] == flows["date"].max())["customers"].sum() == len(last)
    begun = made.table("subscriptions")
    assert len(last) == begun.loc[begun["starts_at"] < made.end.replace(tzinfo=None), "customer_id"].nunique()


def test_states_are_groups_of_the_period_before():
    made = study(STEADY)
    months = made.measure("revenue", by="lifecycle", every="month")
    april = months[months["period"] == pd.Timestamp("2026-04-01")]
    by_state = dict(zip(april["lifecycle"].fillna("nobody yet"), april["value"], strict=True))
    assert by_state["active"] == 100  # the ten who were active in March too
    assert by_state["dormant"] == 70
    assert by_state["nobody yet"] == 60


def test_rfm_sums_to_all_buyers_and_says_which_group_is_empty(sample_results):
    report = results(sample_results["ecommerce"].study)
    section = rfm_groups(report.study)
    orders = report.study.prepared("orders")[0]
    bought = orders.filter(orders["lines"] > 0)
    raw = report.rfm
    if raw["customers"].notna().all():
        assert raw["customers"].sum() == bought["customer_id"].n_unique()
    assert section.parts[0].table.shape[0] <= 11
    once = study({(4,): 12})
    section = rfm_groups(once)
    assert [note for note in section.notes if note.startswith("Groups without buyers:")]
    assert section.table["customers"].sum() == 12


def test_lists_have_real_ids_in_private_and_numbers_on_the_page(sample_results):
    made = sample_results["ecommerce"].study
    listed, section = private_list(made), lists(made)
    ids = set(made.table("customers")["customer_id"])
    assert set(listed["Pelanggan"]) <= ids
    opted_out = made.table("customers").query("opted_out == True")["customer_id"]
    assert not set(listed["Pelanggan"]) & set(opted_out)
    assert not any(str(customer) in str(section.payload) for customer in listed["Pelanggan"])


def test_without_a_score_there_is_still_a_list_to_win_back():
    section = lists(study({(1, 2): 9, (1, 2, 3, 4): 9}))
    assert section.answer == ["To win back: 9 customers, who stopped within the last 60 days."]


def test_three_customers_are_told_nothing_of_and_nothing_fails():
    section = comings_and_goings(study({(1, 2, 3, 4): 3}))
    assert section.payload["figure"] is None
    assert "fewer than 5" in section.answer[0]


def test_the_share_of_a_group_is_that_of_all_revenue_where_another_group_is_hidden():
    rows = [("top", 20_000.0, month) for month in (1, 2, 3, 4)] * 1
    rows += [(f"c{number}", 10.0, month) for number in range(30) for month in range(1 + number % 4, 5)]
    frame = pd.DataFrame(rows, columns=["customer_id", "value", "month"])
    frame["time"] = [dt.datetime(2026, month, 3) for month in frame["month"]]
    made = Study.of(
        as_of="2026-05-01", interactions=frame.assign(action="purchase", channel="web"), churn=CHURN, currency="IDR"
    )
    table = results(made).rfm
    assert table["share"].sum() <= 1
    for row in table.dropna(subset=["share"]).to_dict("records"):
        assert row["share"] == pytest.approx(row["value"] / frame["value"].sum())


def test_contracts_without_interactions_have_their_lifecycle_too():
    starts = [dt.datetime(2026, *day) for day in ((1, 1), (1, 1), (3, 1), (4, 20))]
    ends = [None, dt.datetime(2026, 3, 1), None, None]
    rows = [(f"{n}-{copy}", starts[n], ends[n], 5.0) for n in range(4) for copy in range(6)]
    paid = pd.DataFrame(rows, columns=["customer_id", "starts_at", "ends_at", "monthly_value"])
    made = Study.of(
        as_of="2026-05-01", subscriptions=paid, churn=ChurnDefinition(horizon="28d", contractual=True), currency="IDR"
    )
    table = comings_and_goings(made).table.set_index("period")
    assert table.loc["2026-04-01", ["active", "new", "dormant", "all_dormant"]].tolist() == [12, 6, 0, 6]


def test_where_customers_have_contracts_and_none_are_given_nothing_is_told_of_states():
    events = pd.DataFrame({"customer_id": list("abcdef"), "time": dt.datetime(2026, 1, 5), "action": "view"})
    contracts = ChurnDefinition(horizon="28d", contractual=True)
    made = Study.of(as_of="2026-05-01", interactions=events.assign(channel="web"), churn=contracts)
    assert made.lifecycle().empty
    assert comings_and_goings(made) is None
    with pytest.raises(DataError, match="is needed for returning_customers"):
        made.measure("returning_customers", every="month")
