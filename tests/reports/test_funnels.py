"""Funnels in reports: a small shop whose numbers are counted by hand, in three languages."""

import datetime as dt

import polars as pl
import pytest

from engagekit.data.settings import FunnelSettings
from engagekit.reports.funnels import funnels
from engagekit.study import Study

FIRST = dt.datetime(2026, 1, 1)
STEPS = ["view", "cart", "purchase"]
CHANNELS = ["app"] * 8 + ["web"] * 6 + ["kiosk"] * 2 + ["x", "email", "social", "fair", "sms"]


def shop(people, language="en", steps=STEPS, name="", as_of="2026-03-01"):
    """Study with one funnel of a week, and so many customers in lists of ``(days after the first, action)``."""
    rows = [
        (f"c{who:02}", FIRST + dt.timedelta(days=day), action, CHANNELS[who % len(CHANNELS)])
        for who, done in enumerate(people)
        for day, action in done
    ]
    frame = pl.DataFrame(rows, schema=["customer_id", "time", "action", "channel"], orient="row")
    study = Study.of(interactions=frame, as_of=as_of, language=language)
    return declared_in(study, FunnelSettings(name=name, steps=steps, within="7d"))


def declared_in(study, funnel):
    study.business = study.business.model_copy(update={"funnels": [funnel]})
    return study


VIEW, CART, BUY = (0, "view"), (1, "cart"), (3, "purchase")
PEOPLE = (
    [[VIEW, CART, BUY]] * 6 + [[VIEW, CART]] * 3 + [[VIEW]] * 12 + [[(57, "view")]] * 5
)  # 57 days: two before the end
ANSWERS = {
    "en": [
        '21 customers started with "page view"; 28.6% of them (13.8% – 50.0%) reached "purchase" within 7 days.',
        "The median time from the start to the end is 3 days.",
        'The largest drop is from "page view" to "cart": 42.9% of the customers went on.',
        "Left out: 5 customers who started less than 7 days before 1 March 2026, because their time is not over.",
    ],
    "id": [
        '21 pelanggan memulai dengan "tayangan halaman"; 28,6% di antaranya (13,8% – 50,0%) mencapai "pembelian" '
        "dalam 7 hari.",
        "Median waktu dari awal sampai akhir adalah 3 hari.",
        'Penurunan terbesar terjadi dari "tayangan halaman" ke "cart": 42,9% pelanggan lanjut ke langkah itu.',
        "Dikecualikan: 5 pelanggan yang memulai kurang dari 7 hari sebelum 1 Maret 2026, karena waktunya belum habis.",
    ],
    "ms": [
        '21 pelanggan bermula dengan "paparan halaman"; 28.6% daripada mereka (13.8% – 50.0%) mencapai "pembelian" '
        "dalam 7 hari.",
        "Median masa dari permulaan hingga akhir ialah 3 hari.",
        'Penurunan terbesar berlaku dari "paparan halaman" ke "cart": 42.9% pelanggan meneruskan ke langkah itu.',
        "Dikecualikan: 5 pelanggan yang bermula kurang daripada 7 hari sebelum 1 Mac 2026, kerana masanya belum tamat.",
    ],
}


@pytest.mark.parametrize("language", ANSWERS)
def test_a_funnel_says_who_came_through_where_most_were_lost_and_who_is_left_out(language):
    (section,) = funnels(shop(PEOPLE, language)).parts
    assert section.answer == ANSWERS[language]
    assert section.table["customers"].tolist() == [21, 9, 6]
    assert section.table["left_out"].tolist() == [5, 5, 5]
    assert section.table["median_hours"].tolist() == [0, 24, 72]
    assert len(section.plot().patches) == 3
    rows = section.payload["table"]["rows"]
    assert [row[1] for row in rows] == ["21", "9", "6"]
    assert rows[2][-1].startswith("3 ")


def test_channels_of_the_entry_are_the_five_largest_and_the_rest_together_and_small_ones_hidden():
    (section,) = funnels(shop(PEOPLE)).parts
    (part,) = section.parts
    assert part.table["channel"].tolist() == ["app", "website", "kiosk", "email", "fair", "other channels together (3)"]
    assert part.table["customers"].dropna().tolist() == [8, 6]  # of two and of one customer each nothing is shown
    assert part.table["value"].dropna().tolist() == [6 / 8, 0]
    assert part.payload["table"]["columns"] == ["Channel", "Customers", "Share", "95% interval"]


def test_the_rest_of_the_channels_is_their_sum():
    (section,) = funnels(shop([[VIEW, CART, BUY] if who % 2 else [VIEW, CART] for who in range(21 * 5)])).parts
    (part,) = section.parts
    other = part.table.set_index("channel").loc["other channels together (3)"]
    assert other["customers"] == 15
    of_rest = [who for who in range(21 * 5) if CHANNELS[who % 21] in ("social", "sms", "x")]
    assert other["value"] == sum(who % 2 for who in of_rest) / 15


def test_many_channels_do_not_stop_the_report():
    study = shop([[VIEW, CART, BUY]] * 210)
    rows = study.described("interactions").with_columns(channel=pl.col("customer_id"))
    (section,) = funnels(declared_in(Study.of(interactions=rows, as_of="2026-03-01"), *study.business.funnels)).parts
    assert section.parts[0].table["channel"].iloc[-1] == "other channels together (205)"


def test_one_channel_is_not_compared():
    (section,) = funnels(shop([[VIEW, CART, BUY]] * 7)).parts
    assert section.parts == []


def test_a_step_that_few_reached_is_hidden_with_the_next_smallest():
    study = shop([[VIEW, CART, BUY]] * 3 + [[VIEW, CART]] * 6 + [[VIEW]] * 9)
    (section,) = funnels(study).parts
    assert section.parts == []
    assert section.table["customers"].dropna().tolist() == [18]
    assert section.answer == [
        "Fewer than 5 customers reached a step, so its numbers and those of the next smallest step are not shown."
    ]
    assert "3" not in " ".join(cell for row in section.payload["table"]["rows"][1:] for cell in row)


def test_an_action_that_is_not_in_the_data_is_named_with_those_that_are():
    (section,) = funnels(shop([[VIEW, CART, BUY]] * 7, steps=["view", "add_to_cart", "purchase"], name="Shop")).parts
    assert section.question == "Shop"
    assert section.table["customers"].tolist() == [7, 0, 0]
    assert "0.0% of them" in section.answer[0]
    assert section.answer[-1].startswith(
        "Not an action in the data: 'add_to_cart'. The actions there are: 'cart', 'purchase', 'view'. Correct"
    )


def test_without_anyone_whose_time_is_over_there_are_no_shares():
    (section,) = funnels(shop([[VIEW]] * 6, as_of="2026-01-04")).parts
    assert section.answer == [
        'No customer started with "page view" at least 7 days before 4 January 2026, so there are no shares.',
        "Left out: 6 customers who started less than 7 days before 4 January 2026, because their time is not over.",
        "Not an action in the data: 'cart', 'purchase'. The actions there are: 'view'. "
        "Correct [[funnels]] in business.toml, or add the exports that have them.",
    ]
    assert section.payload["figure"] is None


def test_without_a_declared_funnel_there_is_no_section(sample_results):
    study = sample_results["saas"].study
    assert [section.table["step"].tolist() for section in funnels(study).parts] == [["login", "feature", "share"]]
    assert funnels(Study.of(interactions=study.table("interactions"))) is None


def test_a_study_counts_a_funnel_by_an_attribute_of_customers(sample_results):
    study = sample_results["subscription"].study
    steps, plans = ["view", "purchase"], study.table("customers").set_index("customer_id")["plan"]
    by_plan = study.funnel(steps, "30d", by="plan")
    assert set(by_plan["plan"].dropna()) == set(plans.dropna())
    assert by_plan.groupby("step")["customers"].sum().to_dict() == (
        study.funnel(steps, "30d").set_index("step")["customers"].to_dict()
    )


def test_metrics_json_has_the_funnels_without_small_steps(sample_results):
    found = sample_results["ecommerce"]
    (made,) = found.as_dict()["funnels"]
    assert (made["steps"], made["within"]) == (["view", "purchase", "review"], "30d")
    table = found.study.funnels[0]
    assert [row["customers"] for row in made["rows"]] == table["customers"].tolist()
    assert made["rows"][0]["step_value"] is None
