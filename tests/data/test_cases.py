"""Small exports made after public bug reports, each read as its business would read it, and what has to come out."""

import shutil

import pytest

from engagekit import DataError, Study
from engagekit.data.hints import hints
from engagekit.starter import freeze_or_leave_out, recognised, settings_from
from engagekit.value import purchase_history


@pytest.fixture
def case(cases, tmp_path):
    """Study of a case, with a further line in its table's settings."""

    def made(name, head=""):
        folder = shutil.copytree(cases(name), tmp_path / name, dirs_exist_ok=True)
        file = folder / "business.toml"
        file.write_text(file.read_text("utf-8").replace("file = ", f"{head}\nfile = ", 1), "utf-8")
        return Study(folder)

    return made


def one(study, metric, **how):
    (row,) = study.measure(metric, **how).to_dict("records")
    return row


def test_any_number_of_reopenings_is_reopened(case):
    row = one(case("08b-zendesk-reopens-is-a-count"), "reopen_rate")
    assert (row["numerator"], row["denominator"]) == (14, 100)


@pytest.mark.parametrize("head", ["", 'blank = ["1900-01-01 00:00:00"]'])
def test_a_date_that_stands_for_none_leaves_a_ticket_open(case, head):
    study = case("08c-sentinel-date-means-open", head=head)
    tickets = study.table("tickets")
    assert (len(tickets), tickets["solved_at"].isna().sum()) == (100, 4)
    assert study.business.reading("tickets").amended.height == (0 if head else 4)


def test_times_in_an_hour_that_never_was_are_kept_and_counted(case):
    study = case("23-times-in-the-hour-that-never-was")
    assert len(study.table("interactions")) == 200
    assert set(study.business.reading("interactions").amended["reason"]) == {"moved_hour"}


def test_times_of_another_zone_fall_in_the_months_of_the_business(case):
    study = case("28b-utc-times-without-offset", head='time_zone = "UTC"')
    times = study.table("interactions")["time"].dt.strftime("%m-%d %H:%M").tolist()
    assert ("02-01 01:30" in times, "03-01 03:00" in times) == (True, True)
    assert not [time for time in times if time.startswith("01-")]


def test_phone_numbers_that_a_spreadsheet_shortened_are_no_customers(case):
    with pytest.raises(DataError, match=r"o.csv, row 2, customer_id: the cell was refused: not_allowed \(3 rows\)"):
        case("10a-phone-numbers-in-scientific")


def test_english_amounts_in_an_indonesian_business_are_asked_about_and_right_once_it_is_said(case):
    with pytest.raises(DataError, match="o.csv, row 2, value: the numbers of this column can be read in two ways"):
        case("03b-english-money-in-id-business")
    study = case("03b-english-money-in-id-business", head='numbers = "en"')
    assert study.table("interactions")["value"].sum() == 262_000


def test_one_person_with_most_answers_is_told(case):
    row = one(case("05-nps-one-person-many-answers"), "net_promoter_score")
    assert (round(row["value"], 1), row["warning"]) == (75.8, "one_person")


def test_what_came_out_right_still_does(case):
    assert len(case("12-utf16-from-excel").table("interactions")) == 2
    assert case("24-customer-twice-in-customers").table("customers")["customer_id"].is_unique


@pytest.fixture
def own(cases, tmp_path):
    """Study of a business that ``engagekit init --from`` makes of a case's file."""

    def made(name, file, until="2026-04-01"):
        folder = tmp_path / "shop"
        path = cases(name) / "data" / file
        folder.mkdir()
        (folder / "business.toml").write_text(settings_from(folder, [recognised(path)], "en"), "utf-8")
        freeze_or_leave_out(folder)
        return Study(folder, until)

    return made


def test_orders_of_a_shop_have_their_totals_and_refunds(own):
    study = own("01a-shopify-total", "orders.csv")
    assert [one(study, "order_value")[name] for name in ("numerator", "denominator")] == [115, 3]
    assert one(study, "refund_rate")["numerator"] == 30
    assert [one(study, "refunded_order_rate")[name] for name in ("numerator", "denominator")] == [1, 3]


def test_the_status_of_an_order_holds_for_all_its_lines(case):
    study = case("01b-shopify-status-kept")
    assert one(study, "order_value")["numerator"] == 120
    assert study.business.reading("interactions").left_out == {"status = paid": 2}


def test_microseconds_since_1970_are_read_and_recognised(case, own):
    times = case("02a-ga4-epoch-micros").table("interactions")["time"].dt.strftime("%m-%d %H:%M").tolist()
    assert times == ["01-31 23:55", "02-01 00:10"] * 2
    found = own("02a-ga4-epoch-micros", "ga.csv").table("interactions")
    assert found["time"].dt.strftime("%m-%d %H:%M").tolist() == ["01-31 16:55", "01-31 17:10"] * 2  # in London
    assert found["action"].unique().tolist() == ["view"]


def test_seconds_since_1970_are_read(case):
    times = case("28a-epoch-seconds-declared").table("interactions")["time"]
    assert times.dt.strftime("%Y-%m-%d").tolist() == ["2026-01-01", "2026-01-31"]


def churn_of(study, month):
    rows = study.measure("churn_rate", every="month").set_index("period")
    return tuple(rows.loc[month, ["numerator", "denominator"]])


def test_a_subscription_without_an_end_runs_on(case):
    assert churn_of(case("04a-stripe-active-has-no-end"), "2026-01-01") == (10, 50)


def test_a_trial_is_no_paid_period(case):
    assert churn_of(case("04b-trials-count-as-churn"), "2025-11-01") == (0, 20)


def test_a_pause_within_the_grace_is_no_churn(cases, tmp_path):
    folder = shutil.copytree(cases("04c-paused-over-the-horizon"), tmp_path / "paused")
    file = folder / "business.toml"
    file.write_text(file.read_text("utf-8").replace("as_of", 'grace = "40d"\nas_of'), "utf-8")
    assert churn_of(Study(folder), "2025-11-01")[0] == 0


def test_an_upgrade_replaces_what_it_overlaps_once_that_is_said(cases, tmp_path):
    folder = shutil.copytree(cases("04d-upgrade-overlaps"), tmp_path / "upgrade")
    study = Study(folder)
    assert study.overlapping == 10
    assert dict(hints(study.readings, study.business.ids))["overlaps"]["n"] == 10
    file = folder / "business.toml"
    file.write_text(file.read_text("utf-8").replace("as_of", 'overlaps = "latest"\nas_of'), "utf-8")
    kept = Study(folder).measure(["net_revenue_retention", "gross_revenue_retention"], every="month")
    kept = kept.set_index(["metric", "period"])[["numerator", "denominator"]]
    assert tuple(kept.loc[("net_revenue_retention", "2025-09-01")]) == (900, 600)
    gross = kept.loc["gross_revenue_retention"].dropna()
    assert (gross["numerator"] == gross["denominator"]).all()


def test_a_return_is_a_refund_of_its_order_also_under_a_credit_note(case):
    study = case("06-negative-quantity-next-month")
    assert [one(study, "refunded_order_rate")[name] for name in ("numerator", "denominator")] == [2, 3]
    assert [one(study, "refund_rate")[name] for name in ("numerator", "denominator")] == [130, 220]
    assert study.business.reading("interactions").amendments().rows() == [("value", "returned", 2, 3)]


def test_an_address_in_two_cases_is_one_customer(case):
    study = case("07-same-email-in-two-cases")
    assert [one(study, "repeat_purchase_rate")[name] for name in ("numerator", "denominator")] == [2, 3]
    assert study.business.ids.merged == {"interactions": 2}


def test_serial_days_of_a_spreadsheet_are_dates(case):
    study = case("09a-excel-serials-in-csv")
    days = study.table("interactions")["time"].dt.strftime("%m-%d %H").tolist()
    assert days == ["01-05 00", "01-06 00", "01-07 12"]
    assert study.business.reading("interactions").amendments().rows() == [("time", "serial", 2, 2)]


def test_the_encoding_that_was_told_is_said(case):
    ways = case("12-utf16-from-excel").business.reading("interactions").ways
    assert ("encoding", "utf-16") in {(way.what, way.value) for way in ways}


def test_ends_that_are_last_days_leave_no_gaps(case):
    study = case("13a-inclusive-month-ends")
    churn = study.measure("churn_rate", every="month")["value"].dropna()
    assert (len(churn), set(churn)) == (9, {0.0})
    assert [way.what for way in study.business.reading("subscriptions").ways] == ["last_days"]


def test_who_joined_and_left_within_a_month_is_not_in_its_base(case):
    assert churn_of(case("14-joined-and-left-in-one-month"), "2025-12-01") == (0, 2)


def test_purchases_of_one_day_are_one(case):
    study = case("15-same-day-purchases")
    bought = purchase_history(study.business.reading("interactions").frame, study.end, "day")
    assert bought.select("customer_id", "frequency", "recency").rows() == [("a", 1, 1), ("b", 0, 0)]


def test_more_opens_than_mails_were_delivered_are_pointed_out(case):
    study = case("16-total-opens-above-delivered")
    assert ("not_people", "Unique Opens") in [
        (key, values.get("better")) for key, values in hints(study.readings, study.business.ids)
    ]


def test_three_rows_of_names_are_no_answers(case, own):
    study = case("18-qualtrics-three-header-rows")
    assert one(study, "net_promoter_score")["n"] == 30
    assert [way.value for way in study.business.reading("surveys").ways] == ["4"]


def test_a_row_of_totals_is_set_aside(case):
    study = case("20-total-row-with-a-date")
    sends = study.table("mailings")
    assert (len(sends), sends["delivered"].sum()) == (25, 2500)


def test_exports_that_overlap_count_their_tickets_once(case):
    study = case("21a-overlapping-ticket-exports")
    assert (len(study.table("tickets")), study.business.reading("tickets").repeated) == (20, 10)


def test_an_event_with_two_contents_is_an_error(case):
    with pytest.raises(DataError, match="o.csv, row 5, event_id: has the same event_id as row 4, with another value"):
        case("21b-event-id-twice")


def test_a_word_in_other_capitals_is_pointed_out(case):
    study = case("25-status-in-other-case")
    assert dict(hints(study.readings, study.business.ids))["rule_capitals"]["alike"] == 2
