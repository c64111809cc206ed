"""What other tables say of customers before a date, by hand and by a loop over random tables."""

import datetime as dt

import duckdb
import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagekit import ChurnDefinition, DataError, Study, check_no_leak, customer_features, snapshots
from engagekit.churn.dataset import churn_dataset
from engagekit.customers.signals import SIGNALS
from engagekit.prepare.history import History

END = dt.datetime(2026, 3, 1)
EARLIER = END - dt.timedelta(days=28)
DAY = dt.timedelta(days=1)
CHURN = ChurnDefinition(horizon="28d", contractual=True, grace="7d")


def days(*numbers):
    """Times so many days before the end; None stays."""
    return [None if number is None else END - number * DAY for number in numbers]


def tables():
    seen = pl.DataFrame({"customer_id": ["a", "b", "c"], "time": days(1, 30, 2), "action": "view"})
    surveys = pl.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b", "b", None, "c"],
            "kind": ["nps", "nps", "csat", "nps", "csat", "nps", "nps"],
            "score": [9, 3, 4, 7, 2, 10, None],
            "sent_at": days(50, 20, 11, 40, 5, 9, 6),
            "answered_at": days(40, 10, 10, -2, 4, 8, None),
        }
    )
    tickets = pl.DataFrame(
        {
            "ticket_id": ["1", "2", "3", "4"],
            "customer_id": ["a", "a", "b", "b"],
            "opened_at": days(90, 35, 33, 6),
            "solved_at": days(None, 20, 30, -1),
            "score": [None, 5, 1, 4],
            "scored_at": days(None, 19, -1, 5),
        }
    )
    paid = pl.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b", "b", "c"],
            "starts_at": days(95, 65, 30, 80, 10, 20),
            "ends_at": days(65, 35, 0, 50, None, -9),
            "monthly_value": [10.0, 20.0, 30.0, 40.0, None, 0.0],
        }
    )
    return {"interactions": seen, "surveys": surveys, "tickets": tickets, "subscriptions": paid}


def told(history, dates, window="84d"):
    """Signals by customer and date, of pandas or Polars frames."""
    rows = pl.DataFrame(snapshots(history, dates, window))
    names = [name for name in SIGNALS if name in rows.columns]
    return {(row["customer_id"], row["date"]): {n: row[n] for n in names} for row in rows.iter_rows(named=True)}


def test_by_hand(in_memory):
    history = History({name: in_memory(frame) for name, frame in tables().items()}, churn=CHURN)
    rows = told(history, [EARLIER, END])
    assert list(rows) == [("a", END), ("b", EARLIER), ("b", END), ("c", END)]
    assert rows["a", END] == {
        "last_nps": 3,
        "last_satisfaction": 4,
        "days_since_answer": 10,
        "open_tickets": 1,
        "tickets": 1,  # the other was opened 90 days before
        "last_ticket_score": 5,
        "monthly_value": 30,  # of the period that ends on the date
        "contract_days": 95,  # a gap of five days is within the grace
        "payments": 3,
    }
    assert rows["b", END] == {
        "last_nps": None,  # the answer is two days late
        "last_satisfaction": 2,
        "days_since_answer": 4,
        "open_tickets": 1,
        "tickets": 2,
        "last_ticket_score": 4,
        "monthly_value": None,  # it is blank
        "contract_days": 10,  # a gap of forty days is not
        "payments": 2,
    }
    assert rows["b", EARLIER] == {
        "last_nps": None,
        "last_satisfaction": None,
        "days_since_answer": None,
        "open_tickets": 0,
        "tickets": 1,
        "last_ticket_score": None,
        "monthly_value": 0,
        "contract_days": None,
        "payments": 1,
    }
    nothing = dict.fromkeys(("open_tickets", "tickets", "monthly_value", "payments"), 0)
    names = dict.fromkeys(name for name in SIGNALS if name != "comment_sentiment")  # no comments are given
    assert rows["c", END] == names | nothing  # an answer without a time, and a free trial


def test_a_gap_counts_as_paid_until_the_grace_is_over():
    rows = {"customer_id": ["a"] * 2, "starts_at": days(60, 24), "ends_at": days(30, None), "monthly_value": [5.0, 9.0]}
    seen = pl.DataFrame({"customer_id": ["a"], "time": days(61), "action": "view"})
    history = History({"interactions": seen, "subscriptions": pl.DataFrame(rows)}, churn=CHURN)
    dates = [*days(26, 23), END]
    assert [(row["monthly_value"], row["contract_days"]) for row in told(history, dates).values()] == [
        (5, 34),
        (9, 37),
        (9, 60),
    ]
    strict = History({"interactions": seen, "subscriptions": pl.DataFrame(rows)})
    assert [(row["monthly_value"], row["contract_days"]) for row in told(strict, dates).values()] == [
        (0, None),
        (9, 1),
        (9, 24),
    ]


def test_periods_that_overlap_add_up_or_are_upgrades_as_the_business_says():
    paid = pl.DataFrame({"customer_id": ["a"] * 2, "starts_at": days(9, 5), "monthly_value": [10.0, 15.0]})
    seen = pl.DataFrame({"customer_id": ["a"], "time": days(2), "action": "view"})
    for overlaps, value in (("add", 25), ("latest", 15)):
        churn = ChurnDefinition(horizon="28d", contractual=True, overlaps=overlaps)
        made = History({"interactions": seen, "subscriptions": paid}, churn=churn)
        assert customer_features(made, END)["monthly_value"].to_list() == [value]


def naive(rows, date, window):
    """Signals of one customer before a date, by looking at each row."""
    answers = [row for row in rows["surveys"] if row["answered_at"] is not None and row["answered_at"] < date]
    opened = [row for row in rows["tickets"] if row["opened_at"] < date]
    is_open = [row for row in opened if row["solved_at"] is None or row["solved_at"] >= date]
    scored = [row for row in opened if row["scored_at"] is not None and row["scored_at"] < date]
    scored = [row | {"scored_at": max(row["opened_at"], row["scored_at"])} for row in scored]
    paid = [row for row in rows["subscriptions"] if row["starts_at"] < date and row["starts_at"] < row["ends_at"]]
    runs = [row for row in paid if row["ends_at"] >= date]

    def last(some, time, value="score"):
        latest = max((row[time] for row in some if row[value] is not None), default=None)
        return min((row[value] for row in some if row[time] == latest and row[value] is not None), default=None)

    begins = min((row["starts_at"] for row in runs), default=None)
    while begins and any(row["starts_at"] < begins <= row["ends_at"] for row in paid):
        begins = min(row["starts_at"] for row in paid if row["starts_at"] < begins <= row["ends_at"])
    since = max((row["answered_at"] for row in answers), default=None)
    return {
        "last_nps": last([row for row in answers if row["kind"] == "nps"], "answered_at"),
        "last_satisfaction": last([row for row in answers if row["kind"] == "csat"], "answered_at"),
        "days_since_answer": None if since is None else (date - since) / DAY,
        "open_tickets": len(is_open),
        "tickets": len([row for row in opened if row["opened_at"] >= date - window]),
        "last_ticket_score": last(scored, "scored_at"),
        "monthly_value": sum(row["monthly_value"] for row in runs),
        "contract_days": (date - begins) / DAY if begins else None,
        "payments": len(paid),
    }


when = st.integers(-20, 60).map(lambda number: END - number * DAY / 2)
maybe = st.one_of(st.none(), when)
who = st.sampled_from(["a", "b"])
score = st.one_of(st.none(), st.integers(0, 10))
random_tables = st.fixed_dictionaries(
    {
        "surveys": st.lists(st.tuples(who, st.sampled_from(["nps", "csat", "effort"]), score, maybe), max_size=8),
        "tickets": st.lists(st.tuples(who, when, maybe, score, maybe), max_size=8),
        "subscriptions": st.lists(st.tuples(who, when, when, st.integers(1, 9)), max_size=8),
    }
)
TIME = pl.Datetime("us")
SCHEMAS = {
    "surveys": {"customer_id": pl.String, "kind": pl.String, "score": pl.Float64, "answered_at": TIME},
    "tickets": {"customer_id": pl.String, "opened_at": TIME, "solved_at": TIME, "score": pl.Float64, "scored_at": TIME},
    "subscriptions": {"customer_id": pl.String, "starts_at": TIME, "ends_at": TIME, "monthly_value": pl.Float64},
}


def random_history(made, churn=None):
    frames = {name: pl.DataFrame(rows, SCHEMAS[name], orient="row") for name, rows in made.items()}
    seen = pl.DataFrame({"customer_id": ["a", "b"], "time": days(25, 25), "action": "view"})
    return frames, History({"interactions": seen, **frames}, churn=churn)


@settings(max_examples=12, deadline=None)
@given(random_tables)
def test_any_tables_give_what_a_loop_over_their_rows_gives(made):
    frames, history = random_history(made)
    dates = [END - 20 * DAY, END - 7 * DAY, END]
    for (customer, date), row in told(history, dates, "28d").items():
        own = {name: frame.filter(customer_id=customer).to_dicts() for name, frame in frames.items()}
        assert row == naive(own, date, 28 * DAY)


@settings(max_examples=4, deadline=None)
@given(random_tables)
def test_many_dates_at_once_give_what_each_date_gives_alone(made):
    _, history = random_history(made, churn=CHURN)
    dates = [END - 20 * DAY, END - 7 * DAY, END]
    together = told(history, dates)
    for date in dates:
        assert {key: row for key, row in together.items() if key[1] == date} == told(history, [date])


def commented():
    """The tables with comments: two of a count, one that cannot be told and one that is answered later."""
    own = tables()
    comments = ["Enak sekali", "Pelayanannya lambat", None, "Ramah", "Die Ware war kaputt", "Mahal", None]
    return own | {"surveys": own["surveys"].with_columns(comment=pl.Series(comments))}


def test_comments_in_the_window_have_their_mean_sentiment(in_memory):
    history = History({name: in_memory(frame) for name, frame in commented().items()}, churn=CHURN)
    good, bad = 1.5 / (1.5 + 2 * 0.05), -1 / (1 + 2 * 0.05)  # one word each, of two, the first intensified
    rows = told(history, [EARLIER, END])
    assert rows["a", END]["comment_sentiment"] == pytest.approx((good + bad) / 2, abs=5e-4)
    assert told(history, [END], "28d")["a", END]["comment_sentiment"] == pytest.approx(bad, abs=5e-4)
    assert rows["b", EARLIER]["comment_sentiment"] is None
    assert rows["b", END]["comment_sentiment"] is None  # one is answered two days later, of one it cannot be told


def test_a_table_in_a_database_has_no_sentiment_of_comments():
    connection = duckdb.connect()
    frames = {name: connection.from_arrow(frame.to_arrow()) for name, frame in commented().items()}
    columns = customer_features(History(frames, churn=CHURN), END).columns
    assert "last_nps" in columns
    assert "comment_sentiment" not in columns


@pytest.mark.parametrize("date", [END, EARLIER])
def test_the_sentiment_of_comments_knows_no_future(date):
    check_no_leak(customer_features, History(commented(), churn=CHURN), date)


@pytest.mark.parametrize("date", [END, EARLIER])
def test_no_signal_knows_the_future(date):
    check_no_leak(customer_features, History(tables(), churn=CHURN), date)


@pytest.mark.soak
@settings(max_examples=50, deadline=None)
@given(random_tables)
def test_no_signal_of_any_tables_knows_the_future(made):
    check_no_leak(customer_features, random_history(made, churn=CHURN)[1], END - 7 * DAY)


@pytest.mark.soak
def test_every_engine_gives_the_same(on_engine):
    history = History({name: on_engine(frame) for name, frame in tables().items()}, churn=CHURN)
    made = nw.from_native(snapshots(history, [EARLIER, END])).lazy().collect("polars").to_native()
    names = [name for name in SIGNALS if name in made.columns]
    rows = made.sort("customer_id", "date").select("customer_id", *names)
    expected = snapshots(History(tables(), churn=CHURN), [EARLIER, END]).select("customer_id", *names)
    assert rows.fill_nan(None).cast(dict(expected.schema)).equals(expected)


def test_a_history_has_the_signals_of_its_own_columns_alone():
    some = tables()
    some["tickets"] = some["tickets"].drop("scored_at", "solved_at")
    some["surveys"] = some["surveys"].drop("customer_id")
    del some["subscriptions"]
    rows = customer_features(History(some), END)
    assert [name for name in SIGNALS if name in rows.columns] == ["tickets"]
    assert not set(SIGNALS).intersection(
        customer_features(History({"interactions": some["interactions"]}), END).columns
    )


def test_whole_numbers_that_pandas_made_floats_because_one_is_blank_are_the_same_customers():
    some = {name: frame.with_columns(pl.col("customer_id").replace_strict({"a": 1, "b": 2, "c": 3}, default=None))
            for name, frame in tables().items()}  # fmt: skip
    pandas = {name: frame.to_pandas() for name, frame in some.items()}
    assert pandas["surveys"]["customer_id"].dtype == float
    assert customer_features(History(pandas), END)["tickets"].tolist() == [1, 2, 0]


def test_a_table_of_another_engine_than_the_interactions_adds_nothing():
    connection = duckdb.connect()
    seen = tables()["interactions"]
    connection.register("seen", seen.to_arrow())
    mixed = History(tables() | {"interactions": connection.table("seen")})
    assert not set(SIGNALS).intersection(customer_features(mixed, END).columns)


def test_an_attribute_of_that_name_is_refused():
    people = pl.DataFrame({"customer_id": ["a"], "joined_at": days(99), "tickets": [1]})
    with pytest.raises(DataError, match="tickets: is an attribute of customers and a feature"):
        customer_features(History(tables() | {"customers": people}, fixed=["tickets"]), END)


def test_loyalty_is_a_feature_only_where_it_is_declared_fixed():
    people = pl.DataFrame({"customer_id": ["a", "b"], "joined_at": days(99, 99), "loyalty_member": [True, False]})
    assert "loyalty_member" not in customer_features(History(tables() | {"customers": people}), END).columns
    fixed = History(tables() | {"customers": people}, fixed=["loyalty_member"])
    assert customer_features(fixed, END)["loyalty_member"].to_list() == [True, False, None]


def test_a_churn_dataset_has_them_also_of_customers_who_did_nothing_in_the_window():
    history = History(tables(), churn=CHURN)
    rows = churn_dataset(history, [END], CHURN, window="7d", as_of=END)
    silent = rows.filter(customer_id="b").row(0, named=True)
    assert silent["interactions"] == 0
    assert {name: silent.get(name) for name in told(history, [END])["b", END]} == told(history, [END])["b", END] | {
        "tickets": 1
    }


def test_a_study_of_frames_takes_grace_from_its_definition_of_churn():
    features = Study.of(**tables(), churn=CHURN, as_of=END).features()
    assert features.set_index("customer_id")["contract_days"].to_dict() == pytest.approx(
        {"a": 95, "b": 10, "c": float("nan")}, nan_ok=True
    )
