"""Birthdays in the coming days: how many for the page, and who for the business's private list."""

from functools import lru_cache

import pandas as pd

from engagekit.customers.birthdays import birthdays as coming_birthdays
from engagekit.display.section import Section
from engagekit.frames.engine import column_names
from engagekit.reports.parts import people
from engagekit.study import Study

__all__ = ["birthday_list", "birthdays"]

DAYS = 30
DATES = ("birthday", "next_birthday")


def birthdays(study: Study) -> list[Section]:
    """A section that says how many customers have a birthday soon; none where nobody has."""
    language, count = study.language, len(birthday_list(study))
    known = {"n": people(language, count), "days": language.number(DAYS), "date": language.date(study.end)}
    return [Section(language.text("birthday.question"), answer=language.text("birthday.answer", **known))] * (count > 0)


@lru_cache(maxsize=4)
def birthday_list(study: Study) -> pd.DataFrame:
    """The customers with real ids, for their owner: what ``write_private`` takes; empty without birthdays."""
    customers = study.described("customers") if study.has("customers") else None
    if customers is None or "birthday" not in column_names(customers):
        return pd.DataFrame()
    listed = coming_birthdays(customers, study.end, DAYS)
    listed = listed[~listed["customer_id"].isin(study.held_out)]
    dates = {name: listed[name].dt.strftime("%Y-%m-%d") for name in DATES}
    return listed.assign(**dates).rename(columns=lambda name: study.language.text(f"birthday.{name}"))
