"""Small exports made after public bug reports, each read as its business would read it, and what has to come out."""

import shutil

import pytest

from engagekit import DataError, Study


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
