"""Birthdays in the engagement report: how many on the page, and who in the private list."""

import datetime as dt

import polars as pl
import pytest

from engagekit.reports.birthdays import birthday_list, birthdays
from engagekit.study import Study

JOINED = dt.datetime(2026, 1, 1)


def shop(count, language="en", **more):
    """Study of customers, of whom so many have a birthday from 3 November on."""
    days = [dt.date(1990, 11, 3 + number) for number in range(count)] + [dt.date(1990, 6, 1), None]
    ids = [f"real-{number}" for number in range(len(days))]
    customers = pl.DataFrame({"customer_id": ids, "joined_at": JOINED, "birthday": days, **more})
    return Study.of(customers=customers, as_of="2026-11-01", language=language)


SAID = {
    "en": "6 customers have a birthday in the 30 days from 1 November 2026 and have not opted out of messages.",
    "id": "6 pelanggan berulang tahun dalam 30 hari mulai 1 November 2026 dan tidak menolak menerima pesan.",
    "ms": "6 pelanggan menyambut hari jadi dalam 30 hari mulai 1 November 2026 dan tidak menolak menerima mesej.",
}


@pytest.mark.parametrize("language", SAID)
def test_the_page_says_how_many_and_the_list_who(language):
    study = shop(6, language)
    (section,) = birthdays(study)
    assert section.answer[0].startswith(SAID[language])
    assert "real-" not in str(section.payload)
    listed = birthday_list(study)
    assert listed.to_numpy().tolist()[0] == ["real-0", "1990-11-03", "2026-11-03", 2]
    assert len(listed) == 6


def test_fewer_than_five_are_not_counted_out():
    (section,) = birthdays(shop(3))
    assert section.answer[0].startswith("fewer than 5 customers have a birthday")
    assert len(birthday_list(shop(3))) == 3


def test_without_a_birthday_there_is_neither_section_nor_list():
    everybody_out = shop(2, opted_out=True)
    no_birthdays = Study.of(customers=pl.DataFrame({"customer_id": ["a"], "joined_at": [JOINED]}))
    for study in (everybody_out, shop(0), no_birthdays):
        assert birthdays(study) == []
        assert birthday_list(study).empty


def test_a_sample_lists_its_real_ids(sample_results):
    study = sample_results["saas"].study
    customers = study.table("customers").set_index("customer_id")
    listed = birthday_list(study)
    assert len(listed) > 5
    assert not customers.loc[listed.iloc[:, 0], "opted_out"].any()
