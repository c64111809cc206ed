"""Next best actions of small shops: expected gains, channels and limits, by hand."""

import datetime as dt

import polars as pl
import pytest

from engagekit.decisions.actions import in_words, next_actions

START = dt.datetime(2026, 6, 10)
CHANCE = 5 / 20  # of the customers at risk on 1 April


def of_action(listed, action):
    return listed[listed["action"] == action].set_index("customer_id")


def test_the_expected_gain_is_the_share_that_left_times_effect_times_value_less_cost(risky_shop):
    study = risky_shop(cost=2.0, acceptance=0.1)
    rates = study.verdict.segments.set_index("segment")
    assert (rates.loc["at_risk", "n"], rates.loc["at_risk", "churned"]) == (20, 5)
    helped = of_action(next_actions(study), "offer_help")
    assert helped["expected_gain"].to_dict() == pytest.approx(
        {f"c{n:02}": CHANCE * 0.1 * 100 * n - 2 for n in range(5, 20)}
    )
    assert set(helped["chance"]) == {CHANCE}
    assert helped["value"].to_dict() == {f"c{n:02}": 100.0 * n for n in range(5, 20)}


def test_the_highest_gain_comes_first_and_what_costs_more_than_it_brings_is_left_out(risky_shop):
    listed = next_actions(risky_shop(cost=25.0))  # .25 * .1 * 100 n = 2.5 n: worth it from 11 on
    helped = of_action(listed, "offer_help")
    assert helped.index.tolist() == [f"c{n:02}" for n in range(19, 10, -1)]
    assert listed["rank"].tolist() == list(range(1, len(listed) + 1))
    assert listed["expected_gain"].isna().tolist() == sorted(listed["expected_gain"].isna())  # unknown ones come last


def test_effects_of_the_business_take_the_place_of_the_playbooks(risky_shop):
    helped = of_action(next_actions(risky_shop(effects={"offer_help": 0.5})), "offer_help")
    assert helped.loc["c10", "expected_gain"] == pytest.approx(CHANCE * 0.5 * 1000)


def test_without_a_score_no_money_is_promised(risky_shop):
    listed = next_actions(risky_shop(scorecard=None))
    assert listed["expected_gain"].isna().all()
    assert listed["chance"].isna().all()


def test_who_left_has_no_chance_of_leaving_and_a_value(risky_shop):
    rows = [("gone", dt.datetime(2026, 5, 20), "purchase", "email", 70.0)]
    events = risky_shop().described("interactions")
    more = pl.DataFrame(rows, schema=events.schema, orient="row")
    left = of_action(next_actions(risky_shop(interactions=pl.concat([events, more]))), "win_back")
    assert left.loc["gone", "value"] == 70
    assert left["chance"].isna().all()
    assert left["expected_gain"].isna().all()


def test_customers_who_opted_out_get_nothing_and_are_counted(risky_shop):
    listed = next_actions(risky_shop(opted_out=["c19", "c18"]))
    assert not {"c18", "c19"} & {*listed["customer_id"]}
    assert listed.attrs["left_out"] == {"opted_out": 2, "held_out": 0, "contacted": 0}


def test_who_opted_out_or_is_held_out_counts_whatever_the_reason(risky_shop):
    """Of three customers who left and three with a birthday one each opted out, and one each is held out."""
    gone, born = ["gone0", "gone1", "gone2"], ["born0", "born1", "born2"]
    events = risky_shop().described("interactions")
    rows = [(who, dt.datetime(2026, 5, 20), "purchase", "email", 70.0) for who in gone]
    more = pl.concat([events, pl.DataFrame(rows, schema=events.schema, orient="row")])
    people = pl.DataFrame({"customer_id": [*gone, *born], "joined_at": dt.datetime(2020, 1, 1)})
    people = people.with_columns(opted_out=pl.col("customer_id").is_in(["gone0", "born0"]))
    people = people.with_columns(birthday=pl.when(pl.col("customer_id").is_in(born)).then(dt.date(1990, 7, 5)))
    out = pl.concat([held(who, START, "2026-07-29") for who in ("gone1", "born1")])
    study = risky_shop(interactions=more, customers=people, assignments=out)
    listed = next_actions(study)
    assert listed.attrs["left_out"] == {"opted_out": 2, "held_out": 2, "contacted": 0}
    assert {*gone, *born} & {*listed["customer_id"]} == {"gone2", "born2"}
    assert study.win_back()["customer_id"].tolist() == ["gone2"]


def held(who, starts, ends):
    return pl.DataFrame(
        {"experiment": "p", "customer_id": [who], "arm": "hold_out", "assigned_at": starts, "ends_at": ends}
    )


@pytest.mark.parametrize(
    ("starts", "ends", "runs"),
    [
        (dt.datetime(2026, 7, 1), "2026-07-29", True),  # made on the very day
        (dt.datetime(2026, 6, 10), "2026-07-02", True),
        (dt.datetime(2026, 6, 1), "2026-07-01", False),  # over
        (dt.datetime(2026, 7, 2), "2026-07-29", False),  # not begun
    ],
)
def test_who_is_held_out_by_a_plan_that_runs_gets_nothing(risky_shop, starts, ends, runs):
    listed = next_actions(risky_shop(assignments=held("c19", starts, ends)))
    assert ("c19" not in set(listed["customer_id"])) == runs
    assert listed.attrs["left_out"]["held_out"] == runs


TICKET = {"ticket_id": ["1"], "customer_id": ["c05"], "opened_at": [dt.datetime(2026, 6, 1)]}
UNSOLVED = pl.DataFrame(TICKET | {"solved_at": [None]}, schema_overrides={"solved_at": pl.Datetime("us")})


def test_one_action_a_customer_of_equal_gains_the_first_of_the_playbook(risky_shop):
    listed = next_actions(risky_shop(tickets=UNSOLVED)).set_index("customer_id")
    assert listed.loc["c05", "action"] == "solve_complaint"  # at risk too, with the same effect
    assert listed.index.is_unique


def test_the_higher_gain_comes_before_the_order_of_the_playbook(risky_shop):
    study = risky_shop(tickets=UNSOLVED, effects={"offer_help": 0.2})
    assert next_actions(study).set_index("customer_id").loc["c05", "action"] == "offer_help"


def test_what_is_owed_is_done_whatever_it_costs(risky_shop):
    listed = next_actions(risky_shop(tickets=UNSOLVED, cost=1_000.0)).set_index("customer_id")
    assert listed.loc["c05", "expected_gain"] == pytest.approx(CHANCE * 0.1 * 500 - 1_000)
    assert not {"c06", "c19"} & {*listed.index}


def test_the_channel_is_the_one_that_the_customer_uses_most_of_those_that_can_be_used(risky_shop):
    events = risky_shop().described("interactions")
    rows = [("c19", dt.datetime(2026, 5, day), "view", "email", None) for day in (1, 2)]
    rows += [("c19", dt.datetime(2026, 5, day), "view", "web", None) for day in (1, 2, 3)]  # nobody is written to there
    rows += [("c18", dt.datetime(2026, 5, 1), "view", channel, None) for channel in ("email", "app", "whatsapp")]
    more = pl.DataFrame(rows, schema=events.schema, orient="row")
    listed = next_actions(risky_shop(interactions=pl.concat([events, more]))).set_index("customer_id")
    assert listed.loc["c19", "channel"] == "email"
    assert listed.loc["c18", "channel"] == "whatsapp"  # of equal ones the first of the playbook
    assert listed.loc["c17", "channel"] == "whatsapp"  # who uses none: the first
    assert set(of_action(next_actions(risky_shop()), "early_access")["channel"]) == {"app"}


def test_the_order_of_the_rows_changes_nothing(risky_shop):
    events = risky_shop().described("interactions")
    one, other = (next_actions(risky_shop(interactions=rows)) for rows in (events, events.reverse()))
    assert one.equals(other)


def test_a_list_in_words_names_the_action_and_what_to_do(risky_shop):
    study = risky_shop(cost=2.0)
    listed = in_words(study, next_actions(study))
    first = listed.iloc[0]
    assert first["Customer"] == "c19"
    assert first["Action"] == "Offer help before they leave"
    assert first["What to do"].startswith("Find out why")
    assert first["Reason"] == "at risk"
    assert set(listed["Cost"]) == {2.0}
    assert first["Expected gain"] == pytest.approx(CHANCE * 0.1 * first["Value"] - first["Cost"])
    money = dict.fromkeys(("Value", "Expected gain", "Cost"), "money")
    assert listed.attrs["units"] == {"Chance of leaving": "rate"} | money


def test_customers_with_numbers_for_ids_are_listed_too(risky_shop):
    events = risky_shop().described("interactions").with_columns(pl.col("customer_id").hash().mod(10**9).cast(pl.Int64))
    customers = pl.DataFrame({"customer_id": events["customer_id"].unique(), "joined_at": dt.datetime(2026, 1, 1)})
    listed = next_actions(risky_shop(interactions=events, customers=customers))
    assert (listed["action"] == "offer_help").sum() == 15
    assert listed["expected_gain"].max() == pytest.approx(CHANCE * 0.1 * 1900)
