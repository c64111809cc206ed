"""Plans: who is held out, what is written, and that a second call changes nobody."""

import csv
import datetime as dt
import hashlib
import re
import stat
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from engagekit.data.plans import PLANS, read_plans
from engagekit.decisions.actions import next_actions
from engagekit.decisions.plan import held_out, make_plan, unknown_held_out, write_plan
from engagekit.decisions.plan_result import plan_result
from engagekit.display.pseudonyms import KEY
from engagekit.errors import DataError
from engagekit.reports.actions import next_steps
from engagekit.reports.birthdays import birthday_list
from engagekit.study import Study

GONE = [f"c{n:03}" for n in range(60)]
START = dt.datetime(2026, 6, 1)
NAME = "plan-2026-09-01"
HOSTILE = ["=cmd|' /C calc'!A0", "a,b", 'q"uote', "line\nbreak", "店-Ünï", "+628125550101", "'quoted"]


def by_hand(key, message):
    """HMAC-SHA256 as RFC 2104 defines it, of a key of up to 64 bytes; its first 64 bits as a fraction."""
    padded = key.encode().ljust(64, b"\0")
    inner, outer = (bytes(byte ^ mask for byte in padded) for mask in (0x36, 0x5C))
    digest = hashlib.sha256(outer + hashlib.sha256(inner + message.encode()).digest()).digest()
    return int(digest.hex()[:16], 16) / 16**16


def test_the_hash_is_that_of_rfc_2104():
    for who in ["c1", "店", "a\nb", ""]:
        share = by_hand(NAME, who)
        assert held_out([who], NAME, share - 1e-9) == [False]
        assert held_out([who], NAME, share + 1e-9) == [True]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_about_the_share_that_is_asked_for_is_held_out(share):
    count = sum(held_out(range(20_000), NAME, share))
    assert binomtest(count, 20_000, share).pvalue > 0.001


@given(st.lists(st.text(max_size=8), unique=True, max_size=30), st.text(min_size=1, max_size=20), st.randoms())
def test_neither_the_order_nor_the_other_customers_move_anybody(ids, plan, random):
    alone = {who: held_out([who], plan, 0.4)[0] for who in ids}
    shuffled = random.sample(ids, len(ids))
    assert held_out(shuffled, plan, 0.4) == [alone[who] for who in shuffled]


def test_another_plan_holds_out_others_and_a_smaller_share_some_of_the_same():
    one, other, less = (held_out(range(2_000), *of) for of in (("p", 0.3), ("q", 0.3), ("p", 0.1)))
    both = sum(a and b for a, b in zip(one, other, strict=True))
    assert binomtest(both, 2_000, 0.09).pvalue > 0.001  # .3 * .3: independent
    assert not any(b and not a for a, b in zip(one, less, strict=True))


@pytest.mark.parametrize("share", [0, 1, -0.1, 10, float("nan")])
def test_nobody_or_everybody_held_out_is_refused(shop_folder, share):
    with pytest.raises(ValueError, match="hold_out: .* is not above 0 and below 1"):
        make_plan(Study(shop_folder(silent=GONE)), share)


def test_a_plan_takes_the_capacity_and_contacts_whom_it_does_not_hold_out(shop_folder):
    plan = make_plan(Study(shop_folder(silent=GONE, capacity=40)), 0.25)
    assert plan.assigned.height == plan.added.height == 40
    out = dict(zip(GONE, held_out(GONE, NAME, 0.25), strict=True))
    arms = dict(plan.assigned.select("customer_id", "arm").iter_rows())
    assert {who for who in arms if arms[who] == "hold_out"} == {who for who in arms if out[who]}
    assert plan.contacts["customer_id"].tolist() == sorted(who for who in arms if not out[who])
    assert (plan.name, f"{plan.starts}", f"{plan.ends}") == (NAME, "2026-09-01", "2026-11-24")  # 84 days
    assert plan.held_out == sum(out[who] for who in arms)


def test_what_is_written_is_the_owners_alone_and_holds_nobody_who_is_held_out(shop_folder):
    folder = shop_folder(silent=GONE, language="id")
    plan = make_plan(Study(folder), 0.25, days=28)
    listed, sheet, assigned = write_plan(Study(folder), plan)
    assert [stat.S_IMODE(file.stat().st_mode) for file in (listed, sheet, assigned)] == [0o600] * 3
    assert listed == folder / "private" / f"{NAME}.csv"
    assert assigned == folder / PLANS
    with listed.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Pelanggan"] for row in rows] == plan.contacts["customer_id"].tolist()
    assert {row["Tindakan"] for row in rows} == {"Ajak kembali"}
    assert {row["Saluran"] for row in rows} == {"email"}
    assert read_plans(folder).equals(plan.assigned)
    assert set(plan.assigned["ends_at"]) == {"2026-09-29"}


def test_a_second_call_changes_nobody_and_adds_who_is_new(shop_folder):
    folder = shop_folder(silent=GONE[:30])
    first = make_plan(Study(folder), 0.25)
    write_plan(Study(folder), first)
    before = (folder / PLANS).read_bytes()
    again = make_plan(Study(folder), 0.25)
    write_plan(Study(folder), again)
    assert (folder / PLANS).read_bytes() == before
    assert again.added.is_empty()
    assert again.contacts.equals(first.contacts)
    shop_folder(silent=GONE)
    grown = make_plan(Study(folder), 0.25)
    write_plan(Study(folder), grown)
    assert (folder / PLANS).read_bytes().startswith(before)
    assert grown.added["customer_id"].to_list() == GONE[30:]


def test_those_in_the_plan_already_count_towards_the_capacity(shop_folder):
    folder = shop_folder(silent=GONE, capacity=40)
    write_plan(Study(folder), make_plan(Study(folder), 0.25))
    assert make_plan(Study(folder), 0.25).added.is_empty()


def test_two_plans_at_once_share_nobody(shop_folder):
    folder = shop_folder(silent=GONE, capacity=40)
    write_plan(Study(folder), make_plan(Study(folder), 0.25, name="first"))
    other = make_plan(Study(folder), 0.25, name="second")
    assert sorted([*read_plans(folder)["customer_id"], *other.assigned["customer_id"]]) == GONE


@pytest.mark.parametrize("names", [("first", "second"), ("same", "same")])
def test_of_two_plans_made_at_once_the_second_is_refused(shop_folder, names):
    folder = shop_folder(silent=GONE)
    made = [(study := Study(folder), make_plan(study, 0.25, name=name)) for name in names]
    write_plan(*made[0])
    before = (folder / PLANS).read_bytes()
    with pytest.raises(ValueError, match="plans.csv: a plan that was just made has 60 of these customers. Plan again"):
        write_plan(*made[1])
    assert (folder / PLANS).read_bytes() == before
    assert not (folder / "private" / "second.csv").exists()


def test_plans_written_at_the_same_moment_share_nobody(shop_folder):
    """Eight threads write plans of all customers; one of them wins."""
    folder = shop_folder(silent=GONE)
    study = Study(folder)
    plans = [make_plan(study, 0.25, name=f"plan-{n}") for n in range(8)]

    def written(plan):
        try:
            return bool(write_plan(study, plan))
        except ValueError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(written, plans)) == 1
    assert sorted(read_plans(folder)["customer_id"]) == GONE


def test_who_is_held_out_is_on_no_list_while_the_plan_runs_and_on_it_again_after_it(shop_folder):
    folder = shop_folder(silent=GONE)
    (folder / "customers.csv").write_text("customer_id,birthday\n" + "".join(f"{who},1990-09-05\n" for who in GONE))
    settings = folder / "business.toml"
    settings.write_text(settings.read_text() + '[tables.customers]\nfile = "customers.csv"\n')
    write_plan(Study(folder), make_plan(Study(folder), 0.25, days=3))
    out = {who for who, is_out in zip(GONE, held_out(GONE, NAME, 0.25), strict=True) if is_out}
    for as_of, hidden in (("2026-09-01", out), ("2026-09-03", out), ("2026-09-04", set())):
        study = Study(folder, as_of)
        assert study.held_out == hidden
        assert {*GONE} - {*study.win_back()["customer_id"]} == hidden
        assert {*GONE} - {*birthday_list(study)["Customer"]} == hidden


def test_before_its_first_day_a_plan_is_not_there(shop_folder):
    folder = shop_folder(silent=GONE)
    write_plan(Study(folder), make_plan(Study(folder), 0.25))
    early = Study(folder, "2026-08-25")
    assert early.held_out == frozenset()
    assert early.described("assignments").is_empty()
    with pytest.raises(ValueError, match=f"name: '{NAME}' runs from 2026-09-01 until 2026-11-24, not on 2026-08-25"):
        make_plan(early, 0.25, name=NAME)


def test_a_plan_keeps_its_end_and_its_share_and_is_not_made_again_when_it_is_over(shop_folder):
    folder = shop_folder(silent=GONE)
    write_plan(Study(folder), make_plan(Study(folder), 0.25, days=1))
    assert f"{make_plan(Study(folder), 0.25, days=30).ends}" == "2026-09-02"
    with pytest.raises(ValueError, match="hold_out: .* holds out 0.25. Give that, or another name"):
        make_plan(Study(folder), 0.5)
    with pytest.raises(ValueError, match="until 2026-09-02, not on 2026-09-02. Give the new plan another name"):
        make_plan(Study(folder, "2026-09-02"), 0.25, name=NAME)


def test_held_out_ids_that_no_table_knows_are_counted(shop_folder):
    zeros = [f"{n:04}" for n in range(60)]
    folder = shop_folder(silent=zeros)
    write_plan(Study(folder), make_plan(Study(folder), 0.25))
    assert unknown_held_out(Study(folder)) == 0
    out = Study(folder).held_out
    text = (folder / PLANS).read_text()
    (folder / PLANS).write_text(re.sub(r'"0+(\d+)"', r'"\1"', text))  # as a spreadsheet writes it
    study = Study(folder)
    assert out & {*next_actions(study)["customer_id"]}
    assert unknown_held_out(study) == len(out) > 5
    assert f"Held out by a plan, but in no table: {len(out)} customers." in " ".join(next_steps(study).answer)


def test_customers_with_numbers_for_ids_are_held_out_by_a_plan_of_texts(risky_shop):
    names = {f"c{n:02}": n for n in range(20)} | {f"regular{n}": 100 + n for n in range(6)}
    events = risky_shop().described("interactions")
    events = events.with_columns(pl.col("customer_id").replace_strict(names, return_dtype=pl.Int64))
    customers = pl.DataFrame({"customer_id": [18, 19], "joined_at": START, "birthday": dt.date(1990, 7, 5)})
    rows = {"experiment": "p", "customer_id": ["19"], "arm": "hold_out", "assigned_at": START, "ends_at": "2026-07-29"}
    study = risky_shop(interactions=events, customers=customers, assignments=pl.DataFrame(rows))
    listed = {*next_actions(study)["customer_id"]}
    assert "18" in listed
    assert "19" not in listed
    assert birthday_list(study)["Customer"].tolist() == [18]
    assert study.held_out == {19}
    assert unknown_held_out(study) == 0
    assert plan_result(study, "p").count("hold_out") == 1


def test_a_plan_of_frames_cannot_be_written(risky_shop):
    study = risky_shop()
    with pytest.raises(ValueError, match="study: is of frames, and plans are kept in a folder"):
        write_plan(study, make_plan(study, 0.25))


def test_hostile_ids_come_back_as_they_were(shop_folder):
    folder = shop_folder(silent=HOSTILE)
    known = {*Study(folder).win_back()["customer_id"]}
    assert len(known) == len(HOSTILE)
    plan = make_plan(Study(folder), 0.5)
    files = write_plan(Study(folder), plan)
    assert {*read_plans(folder)["customer_id"]} == known
    study = Study(folder, "2026-09-02")
    assert study.held_out == {*plan.assigned.filter(pl.col("arm") == "hold_out")["customer_id"]}
    assert make_plan(study, 0.5, name=NAME).added.is_empty()
    with files[0].open(newline="", encoding="utf-8") as file:
        written = [row["Customer"] for row in csv.DictReader(file)]
    assert not any(text.startswith(("=", "+")) for text in written)


def test_a_plan_for_nobody_writes_nothing(shop_folder):
    folder = shop_folder()
    plan = make_plan(Study(folder), 0.25)
    assert (plan.assigned.height, len(plan.contacts)) == (0, 0)
    assert write_plan(Study(folder), plan) == []
    assert {file.name for file in folder.iterdir()} == {"business.toml", "interactions.csv"}


@pytest.mark.parametrize("name", ["../evil", "=cmd", "A b", "", "a/b", "x" * 64, "-a", "naïve"])
def test_a_name_that_could_be_a_path_or_a_formula_is_refused(shop_folder, name):
    with pytest.raises(ValueError, match="name: .* is not made of a-z, digits and hyphens"):
        make_plan(Study(shop_folder(silent=GONE)), 0.25, name=name)


@pytest.mark.parametrize("days", [0, -1, 366])
def test_days_are_between_one_and_a_year(shop_folder, days):
    with pytest.raises(ValueError, match=f"days: {days} is not between 1 and 365"):
        make_plan(Study(shop_folder(silent=GONE)), 0.25, days=days)


def test_assignments_of_the_business_in_its_own_words_stay_beside_those_of_plans(shop_folder):
    folder = shop_folder(silent=GONE)
    (folder / "tests.csv").write_text("Uji,Siapa,Arm,Kapan\nwarna,c001,biru,05/08/2026\nwarna,c002,merah,25/08/2026\n")
    columns = 'experiment = "Uji", customer_id = "Siapa", arm = "Arm", assigned_at = "Kapan"'
    own = f'[tables.assignments]\nfile = "tests.csv"\ndates = "dmy"\ncolumns = {{{columns}}}\n'
    settings = folder / "business.toml"
    settings.write_text(settings.read_text() + own)
    write_plan(Study(folder), make_plan(Study(folder), 0.25))
    rows = Study(folder, "2026-09-02").described("assignments")
    assert rows["experiment"].value_counts().sort("experiment").rows() == [(NAME, 60), ("warna", 2)]
    assert Study(folder, "2026-09-02").plans.height == 60


def test_customers_who_stand_under_pseudonyms_cannot_be_planned_for(shop_folder, monkeypatch):
    monkeypatch.setenv(KEY, "k" * 32)
    folder = shop_folder(silent=GONE, more="[identities]\npseudonyms = true\n")
    with pytest.raises(DataError, match="pseudonyms: a plan needs the customers' own ids"):
        make_plan(Study(folder), 0.25)
