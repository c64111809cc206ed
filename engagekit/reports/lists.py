"""Who to win back, to thank and to help along, and whose birthday comes: how many for the page, who in private."""

from functools import lru_cache
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from engagekit.customers.win_back import without_opted_out
from engagekit.display.section import FEWEST, Section
from engagekit.frames.engine import collected
from engagekit.reports.birthdays import birthday_list, birthdays
from engagekit.reports.parts import DASH, printed
from engagekit.reports.results import Results, results
from engagekit.score.nearly import CLOSE, nearly_there
from engagekit.study import Study

__all__ = ["lists", "private_list", "private_lists"]


def lists(study: Study) -> Section | None:
    """How many are on each list, and what holds back those who are nearly advocates."""
    report = results(study)
    language, named = report.language, _listed(report)
    sentences = []
    for name, customers in named.items():
        if len(customers) < FEWEST:
            continue
        known = {"n": language.text("unit.customer", n=language.number(len(customers)))}
        known["days"] = report.study.churn.horizon.removesuffix("d")
        if name == "nearly":
            most = customers["component"].dropna().mode()
            known["component"] = language.feature(most.iloc[0]) if len(most) else DASH
            known["points"] = language.number(CLOSE)
        sentences.append(language.text(f"lists.{name}", **known))
    parts = [*_held_back(report, named), *birthdays(study)]
    if not sentences and not parts:
        return None
    return Section(language.text("lists.question"), answer=sentences, notes=[language.text("lists.note")], parts=parts)


def private_lists(study: Study) -> dict[str, pd.DataFrame]:
    """What goes into ``private/`` by the name of its file; a list of nobody is not written."""
    made = {"lists": private_list(study), "birthdays": birthday_list(study)}
    return {name: listed for name, listed in made.items() if len(listed)}


def private_list(study: Study) -> pd.DataFrame:
    """The three lists with real ids, for their owner: what ``write_private`` takes.

    Examples
    --------
    >>> private_list(study).groupby("List")["Customer"].count().to_dict()
    {'nearly advocate': 11, 'thank': 32, 'win back': 19}
    """
    report = results(study)
    language = report.language
    parts = [
        customers.assign(list=language.text(f"lists.list_{name}"))
        for name, customers in _listed(report).items()
        if len(customers)
    ]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    if "component" in table:
        table["component"] = [language.feature(name) if isinstance(name, str) else None for name in table["component"]]
    columns = [name for name in ("list", "customer_id", "score", "component", "gain", "value") if name in table]
    heads = {"list": language.text("lists.list")}
    return table[columns].rename(columns=lambda name: heads.get(name) or language.text(f"column.{name}"))


@lru_cache(maxsize=4)
def _listed(report: Results) -> dict[str, pd.DataFrame]:
    """Customers to win back, advocates, and those who are nearly, without who opted out or is held out."""
    study, made = report.study, dict[str, pd.DataFrame]()
    if study.has("subscriptions" if study.churn.contractual else "interactions"):
        made["win_back"] = study.win_back()
    if report.scoring is not None:
        scores = report.scores
        advocates = scores.filter(pl.col("segment") == "advocate").sort(
            "score", "customer_id", descending=[True, False]
        )
        made["advocates"] = advocates.select("customer_id", "score").to_pandas()
        made["nearly"] = nearly_there(report.scoring.scorecard, scores).to_pandas()
    made = {name: listed[~listed["customer_id"].isin(study.held_out)] for name, listed in made.items()}
    wishes = study.described("customers") if study.has("customers") else None
    return {name: listed if wishes is None else _willing(listed, wishes) for name, listed in made.items()}


def _willing(listed: pd.DataFrame, customers: Any) -> pd.DataFrame:
    rows = nw.from_native(pl.from_pandas(listed[["customer_id"]])).lazy()
    kept = collected(without_opted_out(rows, customers))["customer_id"].to_list()
    return listed[listed["customer_id"].isin(kept)].reset_index(drop=True)


def _held_back(report: Results, named: dict[str, pd.DataFrame]) -> list[Section]:
    """The component that most customers who are nearly advocates lack points in."""
    near, language = named.get("nearly", pd.DataFrame()), report.language
    if not len(near) or near["component"].isna().all():
        return []
    by_component = (
        near.groupby("component")["gain"].agg(["size", "mean"]).sort_values("size", ascending=False, kind="stable")
    )
    table = by_component.reset_index().rename(columns={"size": "customers", "mean": "gain"})

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "component": [language.feature(name) for name in table["component"]],
                "customers": [language.number(n) for n in table["customers"]],
                "gain": [language.number(points, 1) for points in table["gain"]],
            }
        )

    return [Section(language.text("lists.held_back"), table, people="customers", **printed(language, cells))]
