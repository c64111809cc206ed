"""Tables of several files: parts of one table, columns of another file, one file that feeds several tables."""

import pytest

from engagekit import DataError, Study
from engagekit.data.business import Business

HEAD = """\
name = "Grocer"
kind = "ecommerce"
language = "en"
currency = "USD"
time_zone = "America/New_York"
as_of = 2026-04-01
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with files, and the business that its settings make of them."""

    def made(settings, **files):
        for name, lines in files.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
        (tmp_path / "business.toml").write_text(HEAD + settings, "utf-8")
        return Business.open(tmp_path)

    return made


EVENTS = "customer_id,time,channel,action"


@pytest.mark.parametrize("file", ['["jan.csv", "feb.csv"]', '"*.csv"'])
def test_files_of_months_are_one_table_and_faults_name_their_file(folder, file):
    jan = [EVENTS, "a,2026-01-05,web,view", "b,soon,web,view"]
    business = folder(f"[tables.interactions]\nfile = {file}\n", jan=jan, feb=[EVENTS, "c,2026-02-05,web,view"])
    reading = business.reading("interactions")
    assert sorted(reading.frame["customer_id"]) == ["a", "c"]
    assert reading.refused.select("file", "row", "column").rows() == [("jan.csv", 3, "time")]
    assert {file.name for file in reading.files} == {"jan.csv", "feb.csv"}
    assert [path.name for path in business.files("interactions")] == [file.name for file in reading.files]


def test_parts_may_be_written_in_different_ways(folder):
    settings = """
[[tables.interactions]]
file = "web.csv"
[[tables.interactions]]
file = "till.csv"
numbers = "id"
columns = {channel = {constant = "store"}, action = {constant = "purchase"}, shelf = "shelf"}
"""
    web = [EVENTS + ",value", "a,2026-01-05,web,purchase,1200.5"]
    till = ["customer_id;time;value;shelf", "a;13/02/2026;1.200,50;7", "b;01/02/2026;5;8"]
    frame = folder(settings, web=web, till=till).reading("interactions").check().frame
    assert frame.select("value", "shelf", "channel").rows() == [
        (1200.5, None, "web"),
        (1200.5, "7", "store"),
        (5.0, "8", "store"),
    ]
    assert frame["time"].dt.strftime("%m-%d").to_list() == ["01-05", "02-13", "02-01"]


def test_of_several_states_that_of_the_later_file_counts(folder):
    head = "ticket_id,opened_at,solved_at"
    files = {"a": [head, "1,2026-01-05,"], "b": [head, "1,2026-01-05,2026-01-09"]}
    for order, solved in ((["a.csv", "b.csv"], 1), (["b.csv", "a.csv"], 0)):
        settings = f'[tables.tickets]\nfile = ["{order[0]}", "{order[1]}"]\n'
        assert folder(settings, **files).reading("tickets").frame["solved_at"].count() == solved


def test_an_event_in_two_files_with_two_contents_names_both(folder):
    head = EVENTS + ",event_id"
    business = folder(
        '[tables.interactions]\nfile = ["a.csv", "b.csv"]\n',
        a=[head, "a,2026-01-05,web,view,1"],
        b=[head, "a,2026-01-05,app,view,1"],
    )
    with pytest.raises(DataError, match=r"b.csv, row 2, event_id: has the same event_id as row 2 of a.csv"):
        business.reading("interactions")


def test_the_latest_of_several_events_counts_where_it_is_said(folder):
    head = "post_id,posted_at,platform,likes"
    settings = '[tables.posts]\nfile = ["a.csv", "b.csv"]\nrepeats = "latest"\n'
    files = {"a": [head, "1,2026-01-05,x,5"], "b": [head, "1,2026-01-05,x,9", "2,2026-02-05,x,1"]}
    assert folder(settings, **files).reading("posts").frame["likes"].to_list() == [9, 1]


def test_a_survey_s_file_feeds_several_scores(folder):
    settings = """
[[tables.surveys]]
file = "answers.csv"
columns = {kind = {constant = "nps"}, score = "recommend", answered_at = "day"}
[[tables.surveys]]
file = "answers.csv"
columns = {kind = {constant = "csat"}, score = "satisfied", answered_at = "day"}
"""
    frame = (
        folder(settings, answers=["day,recommend,satisfied", "2026-01-05,9,4", "2026-01-06,10,5"])
        .reading("surveys")
        .frame
    )
    assert frame.select("kind", "score").rows() == [("nps", 9), ("nps", 10), ("csat", 4), ("csat", 5)]


def test_a_column_of_another_file_comes_in_by_a_key(folder):
    settings = """
[tables.interactions]
file = "lines.csv"
join = {file = "products.csv", on = "product", key = "code"}
[tables.interactions.columns]
department = "department"
"""
    lines = [EVENTS + ",product", "a,2026-01-05,store,purchase,7", "b,2026-01-05,store,purchase,8"]
    business = folder(settings, lines=lines, products=["code,department,product", "7,Tea,x", "9,Rice,y"])
    reading = business.reading("interactions").check()
    assert reading.frame.select("product", "department").rows() == [("7", "Tea"), ("8", None)]
    assert [path.name for path in business.files("interactions")] == ["lines.csv", "products.csv"]
    twice = folder(settings, lines=lines, products=["code,department", "7,Tea", "7,Coffee"])
    with pytest.raises(DataError, match=r"products.csv, row 3, code: has the same code in 2 rows"):
        twice.reading("interactions")
    with pytest.raises(DataError, match=r"products.csv: has no column 'code' to join by"):
        folder(settings, lines=lines, products=["kode,department", "7,Tea"]).reading("interactions")


GROCER = """
[[tables.interactions]]
file = "transactions.csv"
join = {file = "products.csv", on = "product_id"}
currency = ""
[tables.interactions.columns]
customer_id = "household_id"
time = "transaction_timestamp"
channel = {constant = "store"}
action = {constant = "purchase"}
value = "sales_value"
order_id = "basket_id"
product = "product_type"
department = "department"

[[tables.interactions]]
file = "coupon_redemptions.csv"
join = {file = "coupons.csv", on = "coupon_upc"}
[tables.interactions.columns]
customer_id = "household_id"
time = "redemption_date"
channel = {constant = "store"}
action = {constant = "redeem"}
campaign = "campaign_id"
product = "product_id"

[tables.customers]
file = "households.csv"
[tables.customers.columns]
customer_id = "household_id"
income = "income"

[tables.assignments]
file = "campaigns.csv"
join = {file = "campaign_descriptions.csv", on = "campaign_id"}
[tables.assignments.columns]
experiment = "campaign_id"
customer_id = "household_id"
arm = "campaign_type"
assigned_at = "start_date"
"""


def test_the_seven_tables_of_a_grocer_go_through_one_file(folder):
    business = folder(
        GROCER,
        transactions=[
            "household_id,basket_id,product_id,sales_value,transaction_timestamp",
            "1,b1,p1,2.5,2026-01-05 10:00:00",
            "1,b1,p2,4.0,2026-01-05 10:00:00",
            "2,b2,p1,2.5,2026-02-05 10:00:00",
        ],
        products=["product_id,department,product_type", "p1,GROCERY,MILK", "p2,MEAT,BEEF"],
        households=["household_id,income", "1,35-49K", "2,Under 15K"],
        campaigns=["campaign_id,household_id", "18,1"],
        campaign_descriptions=["campaign_id,campaign_type,start_date,end_date", "18,Type A,2026-01-01,2026-03-01"],
        coupons=["coupon_upc,product_id", "c9,p1"],
        coupon_redemptions=["household_id,coupon_upc,campaign_id,redemption_date", "1,c9,18,2026-02-01"],
    )
    study = Study(business)
    (order_value,) = study.measure("order_value").to_dict("records")
    assert (order_value["numerator"], order_value["denominator"]) == (9.0, 2)
    by_income = study.measure("order_value", by="income").set_index("income")["numerator"]
    assert by_income.to_dict() == {"35-49K": 6.5, "Under 15K": 2.5}
    redeemed = study.table("interactions").query("action == 'redeem'")
    assert redeemed[["customer_id", "campaign", "product"]].to_numpy().tolist() == [["1", "18", "p1"]]
    assert study.table("assignments")["arm"].tolist() == ["Type A"]


def test_a_table_of_several_files_that_is_too_large_to_hold_gives_the_same(folder, monkeypatch):
    from engagekit.data import mapping, read

    settings = """
[[tables.interactions]]
file = "a.csv"
keep = {value = "> 0"}
[[tables.interactions]]
file = "b.csv"
columns = {shelf = "shelf"}
"""
    a = [EVENTS + ",value", *(f"a{n},2026-01-05,web,view,{n % 3}" for n in range(40)), "x,soon,web,view,1"]
    b = [EVENTS + ",shelf", *(f"b{n},2026-01-05,web,view,{n}" for n in range(40))]
    held = folder(settings, a=a, b=b).reading("interactions").frame
    monkeypatch.setattr(read, "HELD_ROWS", 10)
    monkeypatch.setattr(mapping, "BATCH_ROWS", 7)
    scanned = folder(settings, a=a, b=b).reading("interactions")
    assert not scanned.is_held
    assert scanned.frame.equals(held)
    assert scanned.scan.select("shelf").collect().equals(held.select("shelf"))
