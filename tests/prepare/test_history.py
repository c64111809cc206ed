"""The time firewall: what of each table is known before a date."""

import datetime as dt
import shutil
from zoneinfo import ZoneInfo

import narwhals as nw
import pandas as pd
import polars as pl
import pytest

from engagekit import Business, DataError
from engagekit.data.tables import TABLES
from engagekit.prepare.history import DATED_BY, History

AS_OF = dt.datetime(2026, 3, 1)
BEFORE, LATER = AS_OF - dt.timedelta(days=1), AS_OF + dt.timedelta(days=1)
KNOWN = {  # of each table: a row that the firewall hides in part, and what is known of it
    "interactions": (
        {"customer_id": "a", "time": BEFORE, "channel": "web", "action": "view", "browser": "x"},
        {"customer_id": "a", "time": BEFORE, "channel": "web", "action": "view", "browser": "x"},
    ),
    "customers": (
        {"customer_id": "a", "joined_at": BEFORE, "cancelled_at": LATER, "plan": "gold", "country": "id"},
        {"customer_id": "a", "joined_at": BEFORE, "cancelled_at": None, "country": "id"},
    ),
    "subscriptions": (
        {"customer_id": "a", "starts_at": BEFORE, "ends_at": AS_OF, "monthly_value": 9.0},
        {"customer_id": "a", "starts_at": BEFORE, "ends_at": None, "monthly_value": 9.0},
    ),
    "surveys": (
        {"kind": "nps", "score": 9, "answered_at": AS_OF, "sent_at": BEFORE, "comment": "good"},
        {"kind": "nps", "score": None, "answered_at": None, "sent_at": BEFORE, "comment": None},
    ),
    "posts": (
        {"posted_at": BEFORE, "platform": "x", "likes": 9, "followers": 100, "text": "hello"},
        {"posted_at": BEFORE, "platform": "x", "followers": 100, "text": "hello"},
    ),
    "mentions": (
        {"time": BEFORE, "channel": "x", "text": "good", "sentiment": 0.5},
        {"time": BEFORE, "channel": "x", "text": "good", "sentiment": 0.5},
    ),
    "mailings": (
        {"sent_at": BEFORE, "campaign": "x", "sent": 9, "delivered": 8, "opens": 5, "unsubscribes": 1},
        {"sent_at": BEFORE, "campaign": "x", "sent": 9, "delivered": 8},
    ),
    "attendance": (
        {"held_at": BEFORE, "event": "x", "registered": 9, "attended": 5},
        {"held_at": BEFORE, "event": "x", "registered": 9, "attended": 5},
    ),
    "tickets": (
        {"ticket_id": "1", "opened_at": BEFORE, "solved_at": LATER, "score": 5.0, "reopened": True, "reason": "x"},
        {"ticket_id": "1", "opened_at": BEFORE, "solved_at": None, "reason": "x"},
    ),
    "campaigns": (
        {"campaign": "x", "channel": "y", "starts_at": BEFORE - (LATER - BEFORE), "ends_at": BEFORE, "spend": 9.0},
        {"campaign": "x", "channel": "y", "starts_at": BEFORE - (LATER - BEFORE), "ends_at": BEFORE, "spend": 9.0},
    ),
    "assignments": (
        {"experiment": "x", "customer_id": "a", "arm": "b", "assigned_at": BEFORE, "converted": True, "before": 2.0},
        {"experiment": "x", "customer_id": "a", "arm": "b", "assigned_at": BEFORE, "before": 2.0},
    ),
}


def past(name, rows, **options):
    return History({name: rows}, **options).before(AS_OF)


def of(name, *rows):
    """A table of rows, with times where all are missing too."""
    times = [column for column in rows[0] if column.endswith("_at") or column == "time"]
    return pl.DataFrame(rows).with_columns(pl.col(times).cast(pl.Datetime("us")))


def dicts(frame):
    return nw.from_native(frame).lazy().collect("polars").to_native().to_dicts()


def test_every_table_is_tried():
    assert KNOWN.keys() == TABLES.keys() == DATED_BY.keys()


@pytest.mark.parametrize("name", KNOWN)
def test_what_was_known_of_a_row_is_seen(name, on_engine):
    row, known = KNOWN[name]
    fixed = ["country"] if name == "customers" else []
    assert dicts(past(name, on_engine(of(name, row)), fixed=fixed)[name]) == [known]


@pytest.mark.parametrize("name", KNOWN)
def test_rows_of_the_date_itself_and_rows_without_a_time_are_not_seen(name, on_engine):
    row, _ = KNOWN[name]
    late = {**row, **dict.fromkeys(DATED_BY[name], AS_OF)}
    undated = {**row, **dict.fromkeys(DATED_BY[name])}
    assert dicts(past(name, on_engine(of(name, late, undated)))[name]) == []


def test_an_answer_without_an_invitation_is_dated_by_itself(on_engine):
    answer = {"kind": "nps", "score": 9, "answered_at": BEFORE, "sent_at": None}
    assert dicts(past("surveys", on_engine(of("surveys", answer)))["surveys"]) == [answer]


def test_what_a_table_cannot_date_is_not_there():
    rated = pl.DataFrame({"ticket_id": ["1"], "opened_at": [BEFORE], "score": [5]})
    assert past("tickets", rated)["tickets"].columns == ["ticket_id", "opened_at"]
    with pytest.raises(DataError, match="score: has no date of its own, so it may know the future"):
        past("tickets", rated).rows("tickets", ["score"])


def test_what_is_over_is_known(on_engine):
    solved = {"ticket_id": "1", "opened_at": BEFORE - (LATER - BEFORE), "solved_at": BEFORE}
    solved |= {"score": 5.0, "scored_at": BEFORE, "reopened": True, "reopened_at": BEFORE}
    assert dicts(past("tickets", on_engine(of("tickets", solved)))["tickets"]) == [solved]


def test_dates_without_hours_are_compared_too(on_engine):
    days = pl.DataFrame({"customer_id": ["a", "b"], "joined_at": [BEFORE.date(), AS_OF.date()]})
    assert [row["customer_id"] for row in dicts(past("customers", on_engine(days))["customers"])] == ["a"]


def test_interactions_count_once_and_of_a_customer(on_engine):
    rows = {"customer_id": ["a", "a", None], "time": [BEFORE] * 3, "action": ["view"] * 3, "event_id": ["1", "1", "2"]}
    assert len(dicts(past("interactions", on_engine(pl.DataFrame(rows)))["interactions"])) == 1


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pl.LazyFrame])
def test_a_table_comes_in_the_callers_kind(kind):
    frame = of("tickets", KNOWN["tickets"][0])
    given = {pd.DataFrame: frame.to_pandas(), pl.DataFrame: frame, pl.LazyFrame: frame.lazy()}[kind]
    assert isinstance(past("tickets", given)["tickets"], kind)


def test_columns_can_be_asked_for():
    row, _ = KNOWN["customers"]
    rows = past("customers", of("customers", row)).rows("customers", ["customer_id"], ["joined_at", "plan", "age"])
    assert rows.collect_schema().names() == ["customer_id", "joined_at"]


def test_the_zones_of_times_and_date_must_agree():
    aware = of("tickets", KNOWN["tickets"][0]).with_columns(pl.col("opened_at").dt.replace_time_zone("Asia/Jakarta"))
    with pytest.raises(ValueError, match="opened_at: its times have a time zone, unlike"):
        past("tickets", aware)["tickets"]


def test_the_zone_of_the_date_counts(on_engine):
    aware = of("mentions", KNOWN["mentions"][0]).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
    history = History({"mentions": on_engine(aware)})
    midnight = BEFORE.replace(tzinfo=dt.UTC)
    assert dicts(history.before(midnight)["mentions"]) == []
    assert dicts(history.before(midnight.replace(tzinfo=ZoneInfo("Asia/Jakarta")))["mentions"]) == []
    assert len(dicts(history.before(midnight.replace(tzinfo=ZoneInfo("America/Lima")))["mentions"])) == 1


def test_times_with_and_without_a_zone_in_one_column_are_refused():
    mixed = pd.DataFrame({"customer_id": ["a", "b"], "time": [BEFORE, BEFORE.replace(tzinfo=dt.UTC)], "action": "view"})
    with pytest.raises(DataError, match="time: holds times with a zone and times without"):
        past("interactions", mixed)["interactions"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: History({"interaction": None}), "there is no table 'interaction'. Did you mean interactions"),
        (lambda: past("customers", of("customers", KNOWN["customers"][0]), fixed=["plans"]), "Did you mean plan"),
        (lambda: past("tickets", of("tickets", KNOWN["tickets"][0]))["surveys"], "the history has no table 'surveys'"),
        (lambda: past("tickets", pl.DataFrame({"ticket_id": ["1"]}))["tickets"], "opened_at: is not a column"),
    ],
)
def test_what_is_not_there_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_a_business_has_a_history(sample_folders):
    business = Business.open(sample_folders["ecommerce"])
    assert isinstance(History.of(business).before(business.end())["interactions"], pd.DataFrame)
    assert isinstance(History.of(business, lazy=True).before(business.end())["interactions"], pl.LazyFrame)


def test_a_business_declares_what_is_fixed(sample_folders, tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(sample_folders["saas"], folder)
    settings = (folder / "business.toml").read_text("utf-8")
    (folder / "business.toml").write_text('fixed = ["plan"]\n' + settings, "utf-8")
    business = Business.open(folder)
    assert "plan" in History.of(business).before(business.end()).columns("customers")
    assert "plan" not in History.of(Business.open(sample_folders["saas"])).before(business.end()).columns("customers")


def test_a_column_out_of_contract_that_may_tell_the_end_is_hidden():
    tickets = pl.DataFrame(
        {"ticket_id": ["1"], "opened_at": [BEFORE], "solved_at": [LATER], "status": ["solved"], "closed_at": [LATER]}
    )
    past = History({"tickets": tickets}).before(AS_OF)
    assert past["tickets"].columns == ["ticket_id", "opened_at", "solved_at"]
    with pytest.raises(DataError, match="status: has no date of its own, so it may know the future. Leave it out"):
        past.rows("tickets", ["status"])


def test_the_end_is_the_last_interaction_of_a_customer():
    seen = pl.DataFrame({"customer_id": ["a", None], "time": [BEFORE, LATER]})
    assert History({"interactions": seen}).ends() == BEFORE
    days = seen.with_columns(pl.col("time").dt.date())
    assert History({"interactions": days}).ends() == dt.datetime(2026, 2, 28)
    with pytest.raises(DataError, match="time: is empty"):
        History({"interactions": seen.head(0)}).ends()
    with pytest.raises(DataError, match="no table 'interactions'"):
        History({}).ends()


def described(name, rows):
    return dicts(History({name: rows}).described(AS_OF)[name])


def test_a_description_keeps_totals_and_attributes_as_the_export_had_them(on_engine):
    for name in ("posts", "mailings", "customers", "assignments"):
        row, _ = KNOWN[name]
        expected = row | ({"cancelled_at": None} if name == "customers" else {})
        assert described(name, on_engine(of(name, row))) == [expected]


def test_a_description_blanks_what_is_dated_later(on_engine):
    ticket = {"ticket_id": "1", "opened_at": BEFORE, "solved_at": LATER, "score": 5.0, "reopened": True}
    blank = {"solved_at": None, "score": None, "reopened": None}
    assert described("tickets", on_engine(of("tickets", ticket))) == [ticket | blank]


def test_what_an_unsolved_ticket_already_tells_is_described_and_no_feature(on_engine):
    ticket = {"ticket_id": "1", "opened_at": BEFORE, "solved_at": None, "score": 5.0, "work_minutes": 9.0}
    rows = on_engine(of("tickets", ticket))
    assert described("tickets", rows) == [ticket]
    assert "score" not in past("tickets", rows).columns("tickets")
    assert "work_minutes" not in past("tickets", rows).columns("tickets")


@pytest.mark.parametrize(("yes", "no"), [(True, False), (2, 0)])
def test_a_ticket_that_is_reopened_later_is_not_reopened_yet(on_engine, yes, no):
    """And one that never was is known not to be, although it has no time; who was at no known time is not."""
    solved = {"opened_at": BEFORE, "solved_at": BEFORE}
    times = {"then": (yes, BEFORE), "later": (yes, LATER), "never": (no, None), "some time": (yes, None)}
    rows = [{"ticket_id": name, **solved, "reopened": count, "reopened_at": at} for name, (count, at) in times.items()]
    frame = on_engine(of("tickets", *rows))
    known = {row["ticket_id"]: row["reopened"] for row in dicts(past("tickets", frame)["tickets"])}
    assert known == {"then": yes, "later": no, "never": no, "some time": None}
    assert {row["ticket_id"]: row["reopened"] for row in described("tickets", frame)} == known | {"some time": yes}


def test_a_rating_with_a_time_of_its_own_is_known_from_then_on(on_engine):
    ticket = {"ticket_id": "1", "opened_at": BEFORE, "solved_at": BEFORE, "score": 5.0, "scored_at": LATER}
    assert dicts(past("tickets", on_engine(of("tickets", ticket)))["tickets"])[0]["score"] is None
    assert described("tickets", on_engine(of("tickets", ticket)))[0]["score"] is None


def test_a_campaign_that_ends_on_the_date_is_over_and_described(on_engine):
    campaign = {"campaign": "x", "channel": "y", "starts_at": BEFORE, "ends_at": AS_OF, "spend": 9.0}
    assert described("campaigns", on_engine(of("campaigns", campaign))) == [campaign]
    assert described("campaigns", on_engine(of("campaigns", campaign | {"ends_at": LATER}))) == []


def test_customers_need_no_date(on_engine):
    customers = pl.DataFrame({"customer_id": ["a"], "country": ["id"]})
    assert dicts(past("customers", on_engine(customers), fixed=["country"])["customers"]) == customers.to_dicts()


def test_interactions_are_made_unique_once_and_what_repeats_later_changes_nothing(on_engine):
    rows = {"customer_id": ["a", "a", "b"], "time": [BEFORE, LATER, BEFORE], "action": ["view"] * 3}
    history = History({"interactions": on_engine(pl.DataFrame({**rows, "event_id": ["1", "1", "2"]}))})
    for date, expected in ((AS_OF, ["a", "b"]), (LATER + (LATER - AS_OF), ["a", "b"]), (BEFORE, [])):
        assert sorted(row["customer_id"] for row in dicts(history.before(date)["interactions"])) == expected
    assert history.ends() == BEFORE


@pytest.mark.parametrize("kind", [pl.DataFrame.to_pandas, pl.DataFrame, pl.DataFrame.lazy])
def test_interactions_come_by_time_and_then_by_their_columns_however_they_were_given(kind):
    rows = [("b", BEFORE, "view"), ("a", BEFORE, "view"), ("a", BEFORE, "login"), ("c", BEFORE - (LATER - BEFORE), "x")]
    frame = pl.DataFrame(rows, schema=["customer_id", "time", "action"], orient="row")
    for some in (frame, frame[::-1]):
        given = kind(some)
        table = nw.from_native(History({"interactions": given}).before(AS_OF)["interactions"]).lazy().collect("polars")
        assert table.select("customer_id", "action").rows() == [
            ("c", "x"),
            ("a", "login"),
            ("a", "view"),
            ("b", "view"),
        ]
