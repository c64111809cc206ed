import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagekit.data.business import Business
from engagekit.prepare.business_tables import BusinessTables
from engagekit.prepare.tables import MADE_OF
from engagekit.score.components import Component
from engagekit.score.scorecard import Scorecard
from engagekit.study import Study

END = dt.datetime(2026, 6, 1)
CARD = Scorecard((Component("interactions", 1, 0, 4),))
TOML = (
    'name = "A"\nkind = "ecommerce"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\nhorizon = "28d"\n'
)
LONDON_END = END.replace(tzinfo=ZoneInfo("Europe/London"))


@pytest.fixture
def opened(tmp_path):
    """Open a business of these settings, whose tables are CSV files of the columns given."""

    def opened(settings="", kind="ecommerce", **tables):
        text = TOML.replace("ecommerce", kind) + settings
        for table, lines in tables.items():
            names = lines.split("\n")[0].split(",")
            columns = "".join(f'{name} = "{name}"\n' for name in names)
            text += f'\n[tables.{table}]\nfile = "{table}.csv"\n[tables.{table}.columns]\n{columns}'
            (tmp_path / f"{table}.csv").write_text(lines)
        (tmp_path / "business.toml").write_text(text)
        return Business.open(tmp_path)

    return opened


@pytest.fixture
def business(opened):
    return opened()


def prepared(business, name, interactions=None, end=END):
    """One of the tables prepared, in the order of its dates."""
    made, at = tables_of(business, interactions, end).prepared(name)
    return made.sort(at)


def tables_of(business, interactions=None, end=END):
    """The business's tables and interactions that are given, on a date."""
    frames = {name: business.table(name, lazy=True) for name in business.tables}
    given = {} if interactions is None else {"interactions": interactions}
    return BusinessTables(business, frames | given, end, "month", None)


def there(business, interactions=None, end=END):
    """Names of the tables that can be prepared."""
    made = tables_of(business, interactions, end)
    return {name for name in (*MADE_OF, "base") if made.prepared(name) is not None}


def seen(*days, **columns):
    times = [dt.datetime.fromisoformat(day) for day in days]
    frame = pl.DataFrame({"customer_id": ["a"] * len(days), "time": times, "action": ["purchase"] * len(days)})
    return frame.with_columns(**{name: pl.lit(value) for name, value in ({"channel": "web"} | columns).items()})


def test_nothing_gives_nothing(business):
    assert there(business) == set()


def test_orders_need_a_value(business):
    assert "orders" not in there(business, seen("2026-01-01"), END)
    assert "orders" in there(business, seen("2026-01-01", value=5.0), END)


def test_the_base_is_taken_where_both_its_windows_are_within_the_data(business):
    found = prepared(business, "base", seen("2026-02-01", "2026-02-20", "2026-03-25"))
    assert found["date"].to_list() == [dt.datetime(2026, month, 1) for month in (3, 4, 5)]
    assert found["in_base"].to_list() == [True, True, False]  # not active in April
    assert found["churned"].to_list() == [False, True, False]


def test_a_score_is_dated_by_the_month_that_it_ends():
    visited = seen("2026-01-15", "2026-05-15", "2026-05-16")
    scored = Study.of(interactions=visited, scorecard=CARD, as_of=END)
    found = scored.prepared("scores")[0].sort("date")
    assert found["date"].to_list()[-1] == dt.datetime(2026, 5, 1)
    assert found["score"].to_list()[-1] == 50


def test_the_base_of_contracts_has_the_value_of_their_periods(opened):
    periods = "customer_id,starts_at,ends_at,monthly_value\na,2026-01-01,2026-04-15,20\na,2026-04-15,2026-07-01,30\n"
    found = prepared(opened(kind="saas", subscriptions=periods), "base", end=LONDON_END)
    assert found.select("opening_value", "closing_value").rows()[-2:] == [(20, 30), (30, 30)]


def test_visits_end_with_the_gap_and_views_with_their_visit(business):
    browsed = seen("2026-05-01 09:00", "2026-05-01 09:20", "2026-05-01 10:00", action="view", page="home")
    visited = prepared(business, "visits", browsed)
    assert visited["started_at"].to_list() == [dt.datetime(2026, 5, 1, 9), dt.datetime(2026, 5, 1, 10)]
    assert visited["views"].to_list() == [2, 1]
    assert prepared(business, "views", browsed)["exited"].to_list() == [False, True, True]
    assert "views" not in there(business, browsed.drop("page"), END)


def test_web_settings_say_what_a_visit_is(opened):
    settings = '[web]\ngap = "1h"\nkey_actions = ["sign_up"]\nengaged_after_s = 60\n'
    browsed = pl.concat(
        [
            seen("2026-05-01 09:00", action="view"),
            seen("2026-05-01 09:40", action="sign_up"),
        ]
    )
    found = prepared(opened(settings), "visits", browsed)
    assert found.select("events", "converted").rows() == [(2, True)]


def test_a_visit_that_may_go_on_at_the_end_is_left_out(business):
    browsed = seen("2026-05-31 23:00", "2026-05-31 23:45", action="view")
    assert prepared(business, "visits", browsed)["started_at"].to_list() == [dt.datetime(2026, 5, 31, 23)]


@pytest.mark.parametrize("action", ["purchase", "message", "review", "refund"])
def test_a_channel_where_nothing_is_viewed_has_no_visits(business, action):
    alone = seen("2026-05-01", action=action, page="home")
    assert not {"visits", "views"} & there(business, alone, END)
    elsewhere = pl.concat([alone.with_columns(channel=pl.lit("whatsapp")), seen("2026-05-02", action="view", page="x")])
    assert prepared(business, "visits", elsewhere)["channel"].to_list() == ["web"]


def test_a_key_action_that_is_never_recorded_is_no_conversion_rate_of_zero(business):
    assert "converted" not in prepared(business, "visits", seen("2026-05-01", action="view")).columns


def test_activity_is_dated_in_the_business_s_zone(opened):
    tickets = "ticket_id,opened_at,customer_id\n1,2026-05-31 23:30,a\n2,2026-05-02,b\n3,2026-05-02,\n"
    business = opened('[web]\nfeatures = ["view", "purchase"]\n', tickets=tickets)
    days = seen("2026-04-30 23:30", "2026-05-01", "2026-05-02", action="view")
    days = days.with_columns(pl.col("time").dt.replace_time_zone("Europe/London"))
    found = prepared(business, "activity", days, LONDON_END).sort("month", "customer_id")
    assert found.schema["month"] == pl.Datetime("us", "Europe/London")
    assert found.drop("month").rows() == [("a", 1, 1, 0, 1, 2), ("a", 2, 31, 1, 1, 2), ("b", None, 31, 1, None, None)]
    assert found["month"].dt.to_string("%Y-%m-%d %H:%M").to_list() == ["2026-04-01 00:00"] + ["2026-05-01 00:00"] * 2


def test_tickets_that_name_no_customer_are_not_counted_by_customer(opened):
    business = opened(tickets="ticket_id,opened_at\n1,2026-05-02\n")
    zoned = seen("2026-05-01").with_columns(pl.col("time").dt.replace_time_zone("Europe/London"))
    assert "tickets" not in prepared(business, "activity", zoned, LONDON_END).columns


TICKETS = """ticket_id,opened_at,first_human_reply_at,solved_at
1,2026-05-01 16:30,2026-05-05 09:15,2026-05-05 10:00
2,2026-05-29 16:00,,
3,2026-06-01 09:00,2026-06-01 10:00,
"""


@pytest.mark.parametrize(
    ("settings", "hours"),
    [
        ("", [88.75, 56.0]),
        ('[support.hours]\nmonday = "09:00-17:00"\ntuesday = "09:00-17:00"\nfriday = "09:00-17:00"\n', [8.75, 1.0]),
        (  # Monday 4 May is a bank holiday
            '[support]\nholidays = "GB-ENG"\n[support.hours]\nmonday = "09:00-17:00"\ntuesday = "09:00-17:00"\n'
            'friday = "09:00-17:00"\n',
            [0.75, 1.0],
        ),
    ],
)
def test_waits_are_in_working_hours_where_the_business_gives_them(opened, settings, hours):
    found = prepared(opened(settings, tickets=TICKETS), "waits", end=LONDON_END)
    assert found["response_hours"].to_list() == hours
    assert found["replied"].to_list() == [True, False]


DONE = """ticket_id,opened_at,first_human_reply_at,solved_at,reopened,score,work_minutes
1,2026-05-01,2026-05-02,2026-05-31 23:59,true,5,30
2,2026-05-02,2026-05-31 23:59,2026-06-01,true,1,90
3,2026-05-03,2026-06-01,2026-06-02,false,2,10
4,2026-05-04,,,,,5
5,2026-06-01,2026-06-01,2026-06-01,false,4,20
"""


MENTIONS = """time,channel,text,replied_at
2026-05-01 16:30,x,a,2026-05-05 09:15
2026-05-29 16:30,x,b,
2026-05-30 10:00,x,c,2026-06-02 10:00
"""
OPEN_DAYS = "".join(f'{day} = "09:00-17:00"\n' for day in ("monday", "tuesday", "friday"))


@pytest.mark.parametrize(
    ("settings", "hours"),
    [
        ("", [88.75, 55.5, 38.0]),
        (f"[support.hours]\n{OPEN_DAYS}", [8.75, 0.5, 0.0]),
    ],
)
def test_mentions_wait_in_working_hours_and_those_without_an_answer_by_the_end_wait_on(opened, settings, hours):
    found = prepared(opened(settings, mentions=MENTIONS), "replies", end=LONDON_END)
    assert found["reply_hours"].to_list() == hours
    assert found["answered"].to_list() == [True, False, False]


CUSTOMERS = """customer_id,joined_at,cancelled_at,cancel_reason
a,2026-01-01,2026-04-03,price
b,2026-01-02,2026-05-04,price
c,2026-01-03,2026-05-05,moved
d,2026-01-04,,
e,2026-01-05,2026-06-01,price
"""


def test_cancellations_are_counted_by_when_and_by_why(opened):
    study = Study(opened('as_of = "2026-06-01"\n', customers=CUSTOMERS))
    monthly = study.measure("cancellations", every="month")
    assert monthly["value"].tolist() == [1, 2]
    by_reason = study.measure("cancellations", by="cancel_reason").set_index("cancel_reason")["value"]
    assert by_reason.to_dict() == {"price": 2, "moved": 1}
    short = "customer_id,joined_at\na,2026-01-01\n"
    assert "cancellations" not in there(opened(customers=short), None, LONDON_END)


def test_what_came_of_a_ticket_later_is_not_known_by_the_end(opened):
    found = prepared(opened(tickets=DONE), "tickets", end=LONDON_END)
    assert found["ticket_id"].to_list() == ["1", "2", "3", "4"]
    assert found.select("reopened", "score", "work_minutes").rows() == [
        (True, 5, 30), (None, None, None), (None, None, None), (None, None, 5)
    ]  # fmt: skip
    assert found["first_human_reply_at"].is_null().to_list() == [False, False, True, True]
    assert found["solved_at"].is_null().to_list() == [False, True, True, True]
    later = prepared(opened(tickets=DONE), "tickets", end=LONDON_END.replace(month=7))
    assert later["score"].to_list() == [5, 1, 2, None, 4]
    short = "ticket_id,opened_at,score\n1,2026-05-02,4\n"
    assert prepared(opened(tickets=short), "tickets", end=LONDON_END)["score"].to_list() == [4]


CAMPAIGNS = """campaign,channel,starts_at,ends_at,spend,revenue
over,email,2026-05-01,2026-06-01,10,30
running,email,2026-05-02,2026-06-01 00:01,10,
planned,email,2026-06-01,2026-07-01,10,
"""


def test_a_campaign_counts_once_it_is_over(opened):
    found = prepared(opened(campaigns=CAMPAIGNS), "campaigns", end=LONDON_END)
    assert found["campaign"].to_list() == ["over"]


def test_a_first_order_is_one_only_of_who_joined_since_the_data_begin(opened):
    joined = "customer_id,joined_at\nold,2026-01-09 23:59\nnew,2026-01-10\nlater,2026-02-01\n"
    rows = [("old", 12), ("new", 10), ("later", 40), ("guest", 15)]
    day = dt.datetime(2026, 1, 1, 9, tzinfo=ZoneInfo("Europe/London"))
    bought = pl.DataFrame(
        {"customer_id": [who for who, _ in rows], "time": [day + dt.timedelta(days=days - 1) for _, days in rows]}
    ).with_columns(action=pl.lit("purchase"), channel=pl.lit("store"), value=pl.lit(5.0))
    end = LONDON_END.replace(month=12)
    told = prepared(opened(customers=joined), "buyers", bought, end)
    assert set(told["customer_id"]) == {"new", "later", "guest"}
    assert set(prepared(opened(), "buyers", bought, end)["customer_id"]) == {"old", "new", "later", "guest"}


def test_an_invitation_counts_by_when_it_was_sent_and_an_answer_by_when_it_came(opened):
    surveys = """kind,score,sent_at,answered_at
nps,9,2026-05-01,2026-05-02
nps,8,2026-05-31,2026-06-01
nps,,2026-05-30,
nps,7,2026-06-01,2026-06-02
nps,6,,2026-05-03
"""
    found = prepared(opened(surveys=surveys), "invitations", end=LONDON_END)
    sent = found.drop_nulls("sent_at")
    assert sent["score"].to_list() == [9, None, None]
    assert sent["answered_at"].null_count() == 2
    unasked = opened(surveys="kind,score,answered_at\nnps,9,2026-05-02\n")
    assert "invitations" not in there(unasked, None, LONDON_END)


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_a_sample_allows_every_table(sample_folders, kind):
    opened = Study(sample_folders[kind])
    business, end = opened.business, opened.end
    names = [*MADE_OF, "base", "scores", "tickets", "campaigns"]
    if kind == "ecommerce":  # nobody cancels
        assert opened.prepared(names.pop(names.index("cancellations"))) is None
    found = {name: opened.prepared(name) for name in names}
    frames = {name: frame for name, (frame, _) in found.items()}
    assert all(frame.height > 0 for frame in frames.values())
    for name, (_, at) in found.items():
        assert frames[name][at].dtype.time_zone == business.time_zone
        assert frames[name][at].max() < end
    assert ("opening_value" in frames["base"].columns) == (kind != "ecommerce")
    assert frames["visits"]["converted"].any()
    assert frames["activity"]["features_used"].max() > 1
    shares = frames["waits"].select("replied", "solved").mean().row(0)
    assert all(0.8 < share < 1 for share in shares)
    assert frames["waits"]["response_hours"].median() < 24


def test_a_till_has_no_visits_and_a_refund_is_none(business):
    bought = seen("2026-01-05 12:10")
    viewed = seen("2026-01-05 12:00").with_columns(action=pl.lit("view"))
    refunded = seen("2026-01-06 12:00").with_columns(action=pl.lit("refund"))
    at_the_till = seen("2026-01-05 10:00", channel="store")
    visits = prepared(business, "visits", pl.concat([at_the_till, viewed, bought, refunded]))
    assert visits.select("channel", "events", "converted").rows() == [("web", 2, True)]


@pytest.mark.parametrize(
    ("days", "until"),
    [
        (range(1, 29), dt.datetime(2026, 5, 29)),  # daily to the 28th, and asked for 1 June: older than ever before
        (range(1, 32), None),  # daily to the last day
        (range(1, 32, 3), None),  # every third day, the last of them the 31st
        ((1, 28), None),  # too few to tell
    ],
)
def test_the_data_go_to_the_end_unless_nothing_was_recorded_for_longer_than_ever(business, days, until):
    rows = seen(*(f"2026-05-{day:02d}" for day in days))
    end = dt.datetime(2026, 6, 1)
    assert tables_of(business, rows, end).data_end == (until or end)


@pytest.mark.parametrize("name", ["visits", "views"])
def test_of_many_interactions_some_customers_are_worked_on_at_a_time(sample_folders, name, monkeypatch):
    at_once, _ = Study(sample_folders["ecommerce"]).prepared(name)
    monkeypatch.setattr("engagekit.prepare.tables.AT_ONCE", at_once.height // 5)
    in_parts, _ = Study(sample_folders["ecommerce"]).prepared(name)
    assert_frame_equal(in_parts, at_once, check_row_order=False)
