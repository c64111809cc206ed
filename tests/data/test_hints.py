"""What looks wrong in files that could be read."""

import pytest

from engagekit.data.business import Business
from engagekit.data.hints import hints, shared_customers
from engagekit.language import Language

HEAD = 'name = "Shop"\nkind = "ecommerce"\nlanguage = "en"\ncurrency = "IDR"\ntime_zone = "Asia/Jakarta"\n'
EVENTS = "customer_id,time,channel,action"


@pytest.fixture
def hinted(tmp_path):
    """Hints on a business's tables: file texts by table, and further lines of their settings."""

    def made(settings="", **tables):
        text = HEAD
        for table, content in tables.items():
            (tmp_path / f"{table}.csv").write_text("\n".join(content) + "\n", "utf-8")
            text += f'[tables.{table}]\nfile = "{table}.csv"\n{settings}\n'
        (tmp_path / "business.toml").write_text(text, "utf-8")
        business = Business.open(tmp_path)
        readings = [business.reading(table) for table in tables]
        return business, readings, list(hints(readings, business.ids))

    return made


def test_a_keep_rule_that_changes_nothing_is_pointed_out(hinted):
    rows = ["a,2026-01-05,web,view,Cancelled", "b,2026-01-06,web,view,paid"]

    def of(rule, *more):
        settings = f'keep = {{status = "{rule}"}}\ncolumns = {{status = "status"}}'
        found = hinted(settings, interactions=[EVENTS + ",status", *rows, *more])[2]
        return [(key, values["n"], values.get("alike")) for key, values in found if key.startswith("rule")]

    assert of("!= Cancelled") == of("!= refunded") == []  # what is to be left out need not be there
    assert of("!= cancelled") == [("rule_capitals", 0, 1)]
    assert of("!= Cancelled", "c,2026-01-06,web,view,CANCELLED") == [("rule_capitals", 1, 1)]
    assert of("= Paid") == [("rule_capitals_lost", 2, 1)]
    assert of("= gone") == [("rule_all", 2, None)]
    assert of(">= A") == [("rule_none", 0, None)]


def test_money_paid_back_that_is_not_read_is_missed(hinted):
    found = hinted(interactions=[EVENTS + ",value,Refunded Amount", "a,2026-01-05,web,purchase,9,3"])[2]
    assert [values["column"] for key, values in found if key == "refunds"] == ["Refunded Amount"]


@pytest.mark.parametrize("head", ["opens,Unique Opens", "opens,other"])
def test_opens_that_are_no_people_are_pointed_out(hinted, head):
    rows = ["2026-01-05,A,100,90,120,40", "2026-01-06,B,100,90,50,40", "2026-01-07,C,100,90,50,40"]
    found = hinted(mailings=[f"sent_at,campaign,sent,delivered,{head}", *rows])[2]
    assert [(key, values["column"]) for key, values in found] == [("not_people", "opens")]


def test_gaps_overlaps_and_trials_of_paid_periods_are_counted(hinted):
    rows = ["a,2026-01-01,2026-01-31,9", "a,2026-02-01,2026-03-01,9", "b,2026-01-01,2026-02-01,9"]
    rows += ["b,2026-02-01,2026-03-01,9", "c,2026-01-01,2026-03-01,9", "c,2026-02-01,2026-05-01,9", "d,2026-01-01,,0"]
    found = hinted(subscriptions=["customer_id,starts_at,ends_at,monthly_value", *rows])[2]
    assert [(key, values["n"], values.get("of")) for key, values in found] == [
        ("day_gaps", 1, 3),
        ("overlaps", 1, 3),
        ("trials", 1, None),
    ]


def test_ids_that_lost_their_zeros_and_other_spellings_are_noticed(hinted):
    customers = ["customer_id,email", "00123,a@x.id", "0077,b@x.id", "C9,c@x.id"]
    events = [EVENTS, "123,2026-01-05,web,view", "c9 ,2026-01-05,web,view", "C9,2026-01-06,web,view"]
    business, readings, found = hinted(customers=customers, interactions=events)
    assert dict(found)["lost_zeros"] == {"table": "interactions", "n": 1, "one": "123", "other": "00123"}
    assert dict(found)["merged_ids"] == {"n": 1}
    assert business.table("interactions")["customer_id"].tolist() == ["123", "C9", "C9"]
    shares = {table: (n, others) for table, n, others in shared_customers(readings)}
    assert shares == {"customers": (3, {"interactions": 1 / 3}), "interactions": (2, {"customers": 0.5})}


@pytest.mark.parametrize("code", ["en", "id", "ms"])
def test_every_hint_has_words(code):
    values = dict.fromkeys(("file", "rule", "n", "of", "alike", "column", "better", "table", "one", "other", "id"), "x")
    for key in ("rule_capitals", "rule_all", "rule_none", "refunds", "not_people", "moved_hour", "twice_encoded"):
        assert Language(code).text(f"hint.{key}", **values)
    for key in (
        "one_column",
        "day_gaps",
        "overlaps",
        "trials",
        "lost_zeros",
        "merged_ids",
        "shared_ids",
        "order_totals",
    ):
        assert Language(code).text(f"hint.{key}", **values)


def test_answers_of_the_net_promoter_score_that_never_pass_five_are_pointed_out(hinted):
    head = "kind,score,answered_at"

    def of(*scores):
        found = hinted(surveys=[head, *(f"nps,{score},2026-01-05" for score in scores)])[2]
        return [values["n"] for key, values in found if key == "nps_scale"]

    stars = [1 + number % 5 for number in range(40)]
    assert of(*stars) == [40]
    assert of(*stars, 9) == of(*stars[:20]) == []  # some are above; too few to tell
