"""Numbers by group: who weighs most comes first, small groups are blank, and long lists are cut."""

import pandas as pd
import pytest

from engagekit import ChurnDefinition, Study
from engagekit.reports.breakdowns import broken_down as sections
from engagekit.reports.breakdowns import customer_groups
from engagekit.reports.by_group import broken_down, by_customers
from engagekit.reports.results import results

DAY = pd.Timestamp("2026-03-02")
CHURN = ChurnDefinition(horizon="28d", active_window="28d", contractual=False)


def tickets(reasons, agents=None):
    ids = [f"t{number}" for number in range(len(reasons))]
    return pd.DataFrame({"ticket_id": ids, "opened_at": DAY, "reason": reasons, "agent": agents or reasons})


def study(language="en", **tables):
    return Study.of(as_of="2026-04-01", language=language, currency="IDR", churn=CHURN, **tables)


def values(groups, metric):
    rows = groups.table[groups.table["metric"] == metric]
    return dict(zip(rows["group"], rows["value"], strict=True))


def test_tickets_by_reason_come_by_their_number():
    reason, agent = broken_down(study(tickets=tickets(["late", "broken", "late", "cold"])), "support")
    assert (reason.by, agent.by) == ("reason", "agent")
    assert list(values(reason, "tickets_opened").items()) == [("late", 2), ("broken", 1), ("cold", 1)]


def test_exits_are_told_by_page_and_never_overall():
    views = pd.DataFrame(
        {
            "customer_id": [name for name in "abcdefg" for _ in range(2)],
            "time": [DAY, DAY + pd.Timedelta("1min")] * 7,
            "channel": "web",
            "action": "view",
            "page": ["/menu", "/cart"] * 6 + ["/cart", "/menu"],
        }
    )
    made = study(interactions=views)
    (pages,) = broken_down(made, "web")
    assert values(pages, "exit_rate") == {"/cart": pytest.approx(6 / 7), "/menu": pytest.approx(1 / 7)}
    report = results(made)
    assert "exit_rate" not in {metric.name for metric in report.channels["web"]}
    assert report.directions.get("exit_rate", "unknown") == "unknown"


def test_a_group_of_fewer_than_five_people_and_the_next_smallest_are_blank():
    events = [
        {"customer_id": f"{place}{number}", "channel": place, "time": DAY, "action": "view"}
        for place, people in {"web": 9, "app": 6, "store": 4}.items()
        for number in range(people)
    ]
    (channels,) = broken_down(study(interactions=pd.DataFrame(events)), "retention")
    shown = values(channels, "active_customers")
    assert shown["web"] == 9
    assert pd.isna(shown["app"])
    assert pd.isna(shown["store"])


def test_of_a_channel_of_200_values_the_20_with_the_most_rows_are_shown_and_the_others_counted():
    reasons = [f"r{number:03}" for number in range(200) for _ in range(1 + (number >= 190))]
    reason, _ = broken_down(study(tickets=tickets(reasons)), "support")
    assert reason.more == 180
    assert list(values(reason, "tickets_opened"))[:10] == [f"r{number}" for number in range(190, 200)]
    section, _ = sections(study(tickets=tickets(reasons)), "support")
    assert section.payload["table"]["more"] == "and 15 more"
    assert section.notes == ["180 groups with fewer rows are not shown."]


def test_one_value_is_no_breakdown():
    assert broken_down(study(tickets=tickets(["late"] * 3)), "support") == []


def test_revenue_is_that_of_the_channel_that_the_order_came_through():
    lines = [("a", "web", 10.0, "1"), ("b", "store", 7.0, "2"), ("c", "web", 5.0, "3"), ("d", "store", 1.0, "4")]
    lines += [(f"w{n}", "web", 1.0, f"w{n}") for n in range(4)] + [(f"s{n}", "store", 1.0, f"s{n}") for n in range(4)]
    frame = pd.DataFrame(lines, columns=["customer_id", "channel", "value", "order_id"])
    sales, *_ = broken_down(study(interactions=frame.assign(time=DAY, action="purchase")), "sales")
    assert values(sales, "revenue") == {"web": 19, "store": 12}
    assert values(sales, "orders_placed") == {"web": 6, "store": 6}


def test_nps_by_plan_by_hand_in_three_languages():
    people = [("basic", 10)] * 6 + [("basic", 3)] * 2 + [("gold", 10)] * 2 + [("gold", 0)] * 6
    customers = pd.DataFrame({"customer_id": range(16), "joined_at": DAY, "plan": [plan for plan, _ in people]})
    answers = pd.DataFrame(
        {"customer_id": range(16), "kind": "nps", "score": [score for _, score in people], "answered_at": DAY}
    )
    made = study(customers=customers, surveys=answers)
    (plans,) = [groups for groups in by_customers(made, {"net_promoter_score": None}) if groups.by == "plan"]
    assert values(plans, "net_promoter_score") == {"basic": 50, "gold": -50}  # (6 - 2) / 8 and (2 - 6) / 8
    for language, sentence in {
        "en": "Net Promoter Score (NPS): highest for basic, 50.0; lowest for gold, −50.0.",
        "id": "Net Promoter Score (NPS): tertinggi pada basic, 50,0; terendah pada gold, −50,0.",
        "ms": "Skor Promoter Bersih (NPS): tertinggi bagi basic, 50.0; terendah bagi gold, −50.0.",
    }.items():
        section = customer_groups(study(language, customers=customers, surveys=answers))
        assert section.answer == [sentence]
        (row, _) = section.parts[0].payload["table"]["rows"]
        assert row == ["basic", "50,0 (8)" if language == "id" else "50.0 (8)"]


def test_usage_by_feature_averages_to_the_product_usage_rate(sample_results):
    report = results(sample_results["saas"].study)
    features = next(groups for groups in report.breakdowns["sales"] if groups.by == "feature")
    usage = report.current("product_usage_rate")[1]
    assert features.table["value"].mean() == pytest.approx(usage.value)
    assert set(features.table["n"]) == {usage.units}
    assert features.table["value"].is_monotonic_decreasing


def test_one_customer_with_many_orders_is_one_of_fewer_than_five_people():
    lines = [(f"w{n}", "web", 10.0) for n in range(20)] + [(f"s{n}", "store", 10.0) for n in range(9)]
    lines += [("only", "phone", 50.0)] * 24
    frame = pd.DataFrame(lines, columns=["customer_id", "channel", "value"]).assign(action="purchase")
    frame["time"] = [DAY + pd.Timedelta(hours=n) for n in range(len(frame))]
    (sales, *_) = broken_down(study(interactions=frame), "sales")
    shown = values(sales, "revenue")
    assert shown["web"] == 200
    assert pd.isna(shown["phone"])
    assert pd.isna(shown["store"])  # else the 24 orders could be worked out of the revenue of all


def test_of_130_plans_the_commonest_are_shown():
    people = [f"c{n}" for n in range(140)]
    plans = [f"p{n:03}" for n in range(130)] + ["p000"] * 10
    customers = pd.DataFrame({"customer_id": people, "joined_at": DAY, "plan": plans})
    answers = pd.DataFrame({"customer_id": people, "kind": "nps", "score": 10, "answered_at": DAY})
    (groups,) = [
        each
        for each in by_customers(study(customers=customers, surveys=answers), {"net_promoter_score": None})
        if each.by == "plan"
    ]
    assert (groups.more, groups.table["group"].nunique()) == (110, 20)


def test_answers_without_a_customer_have_no_groups_of_customers():
    customers = pd.DataFrame({"customer_id": ["a"], "joined_at": DAY, "plan": "gold"})
    answers = pd.DataFrame({"kind": "nps", "score": [10] * 9, "answered_at": DAY})
    assert by_customers(study(customers=customers, surveys=answers), {"net_promoter_score": None}) == []


def test_an_answer_of_fewer_than_five_is_blank_although_others_answered_something_else():
    people = [f"c{n}" for n in range(30)]
    customers = pd.DataFrame({"customer_id": people, "joined_at": DAY, "plan": ["a"] * 10 + ["b"] * 10 + ["c"] * 10})
    kinds = ["nps"] * 3 + ["csat"] * 7 + ["nps"] * 20
    scores = [10] * 3 + [5] * 7 + [10] * 20
    answers = pd.DataFrame({"customer_id": people, "kind": kinds, "score": scores, "answered_at": DAY})
    (plans, *_) = by_customers(study(customers=customers, surveys=answers), {"net_promoter_score": None})
    shown = values(plans, "net_promoter_score")
    assert pd.isna(shown["a"])
    assert sum(pd.isna(value) for value in shown.values()) == 2  # and the next smallest
