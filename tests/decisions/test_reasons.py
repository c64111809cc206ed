"""Each reason of the playbook, on the smallest study that has it."""

import datetime as dt

import polars as pl
import pytest

from engagekit.decisions.playbook import playbook
from engagekit.decisions.reasons import REASONS, reasons
from engagekit.language import LANGUAGES, Language

OPENED = dt.datetime(2026, 6, 1)
OLD = dt.datetime(2026, 2, 1)  # before the score's window of 84 days


def who(study, reason):
    rows = reasons(study)
    return rows.filter(pl.col("reason") == reason)["customer_id"].to_list()


def tickets(**columns):
    return pl.DataFrame({"ticket_id": [str(n) for n in range(len(columns["customer_id"]))]} | columns)


def test_open_badly_rated_and_recurring_tickets_of_the_window_are_reasons(risky_shop):
    given = tickets(
        customer_id=["c05", "c06", "c07", "c07", "c08", "c09", "c09"],
        opened_at=[OPENED, OPENED, OPENED, OPENED, OLD, OPENED, OLD],
        solved_at=[None, OPENED, OPENED, OPENED, None, OPENED, OPENED],
        score=[None, 2.0, 3.0, 5.0, 1.0, None, None],
        reason=["size", "size", "late", "late", "late", "size", "size"],
    )
    study = risky_shop(tickets=given)
    assert who(study, "open_ticket") == ["c05"]
    assert who(study, "unhappy_ticket") == ["c06"]
    assert who(study, "recurring_ticket") == ["c07"]


def answers(rows):
    table = pl.DataFrame(rows, schema=["customer_id", "kind", "score", "answered_at"], orient="row")
    return table.with_columns(pl.col("score").cast(pl.Float64))


def test_the_last_answer_makes_a_promoter_a_detractor_or_a_dissatisfied_customer(risky_shop):
    later = OPENED + dt.timedelta(days=1)
    rows = [("c05", "nps", 9, OPENED), ("c06", "nps", 8, OPENED), ("c07", "nps", 6, OPENED), ("c08", "csat", 2, OPENED)]
    rows += [("c09", "nps", 10, OPENED), ("c09", "nps", 3, later), ("c10", "nps", 10, OLD), ("c11", "csat", 3, OPENED)]
    study = risky_shop(surveys=answers(rows))
    assert who(study, "promoter") == ["c05"]
    assert who(study, "detractor") == ["c07", "c09"]
    assert who(study, "dissatisfied") == ["c08"]


def test_segments_falls_birthdays_newcomers_and_who_left_are_reasons(risky_shop):
    plain = risky_shop()
    events = plain.described("interactions")
    busy = [("falls", dt.datetime(2026, 1, 2, 9) + dt.timedelta(days=day), "view", "app", None) for day in range(80)]
    extra = [*busy, ("falls", dt.datetime(2026, 6, 20), "view", "app", None)]
    extra += [("regular0", dt.datetime(2025, 11, 1), "view", "app", None)]  # so that two quarters come before the last
    extra += [("new", dt.datetime(2026, 6, 25), "view", "app", None)]
    extra += [("gone", dt.datetime(2026, 5, 20), "view", "app", None)]
    more = pl.DataFrame(extra, schema=events.schema, orient="row")
    people = pl.DataFrame({"customer_id": ["c05", "c06"], "birthday": [dt.date(1990, 7, 2), dt.date(1990, 9, 2)]})
    people = people.with_columns(joined_at=dt.datetime(2026, 1, 1))
    study = risky_shop(interactions=pl.concat([events, more]), customers=people)
    assert who(study, "at_risk") == [*(f"c{n:02}" for n in range(5, 20)), "falls", "gone", "new"]
    assert who(study, "advocate") == [f"regular{n}" for n in range(6)]
    assert who(study, "falling") == ["falls"]
    assert who(study, "new") == ["gone", "new"]  # both for the first time in the last quarter
    assert "gone" in who(study, "churned")
    assert who(study, "birthday") == ["c05"]


def test_who_is_nearly_an_advocate_comes_with_the_component_that_is_lacking(risky_shop):
    events = risky_shop().described("interactions")
    days = [("near", dt.datetime(2026, 5, 1 + day, 9), "view", "app", None) for day in range(25)]  # 25 of 40: 62.5
    study = risky_shop(interactions=pl.concat([events, pl.DataFrame(days, schema=events.schema, orient="row")]))
    rows = reasons(study).filter(pl.col("reason") == "nearly")
    assert rows.rows() == [("near", "nearly", "active_days")]


def test_with_contracts_who_pays_and_does_nothing_is_at_risk(contract_study):
    assert who(contract_study, "at_risk") == ["silent"]
    assert who(contract_study, "advocate") == ["keen"]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_reason_and_every_action_has_words(code, risky_shop):
    language = Language(code)
    actions = playbook(risky_shop().business)
    texts = [language.text(f"playbook_reason.{reason}") for reason in REASONS]
    texts += [words(name, language) for name, each in actions.items() for words in (each.title, each.instruction)]
    assert len(set(texts)) == len(REASONS) + 2 * len(actions)


def test_every_reason_has_an_action(risky_shop):
    actions = playbook(risky_shop().business).values()
    assert {reason for action in actions for reason in action.reasons} == {*REASONS}
