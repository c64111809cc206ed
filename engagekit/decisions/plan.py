"""A plan: whom to contact, and who is held out so that the next report can say whether it helped."""

import datetime as dt
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from engagekit.data.plans import CONTACT, HOLD_OUT, PLAN_COLUMNS, PLAN_NAME, append_plans, term
from engagekit.decisions.actions import in_words, next_actions
from engagekit.decisions.contacts import write_private
from engagekit.decisions.done import unknown_customers
from engagekit.errors import DataError
from engagekit.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Plan", "held_out", "make_plan", "unknown_held_out", "write_plan"]

PRIVATE = "private"
FRACTION = 2.0**-64


@dataclass(frozen=True)
class Plan:
    """Whom to contact and whom not, of the customers for whom an action is planned.

    Attributes
    ----------
    name : str
    starts, ends : date
        It runs from the first day up to the second, exclusive.
    contacts : pandas.DataFrame
        Customers to contact now, as ``next_actions`` gives them.
    assigned : polars.DataFrame
        Everybody in the plan: what ``plans.csv`` holds, all text.
    added : polars.DataFrame
        Those of them who are not in ``plans.csv`` yet.

    Examples
    --------
    >>> plan = make_plan(study, hold_out=0.2, days=28)
    >>> plan.name, f"{plan.ends}", plan.assigned.height, plan.held_out
    ('plan-2026-11-01', '2026-11-29', 100, 19)
    """

    name: str
    starts: dt.date
    ends: dt.date
    contacts: "pd.DataFrame"
    assigned: pl.DataFrame
    added: pl.DataFrame

    @property
    def held_out(self) -> int:
        """How many customers are held out."""
        return self.assigned.filter(pl.col("arm") == HOLD_OUT).height


def held_out(customer_ids: Iterable[Any], plan: str, share: float) -> list[bool]:
    """Whether each customer is held out of a plan: a keyed hash decides, so that nothing else moves anybody.

    Parameters
    ----------
    customer_ids : iterable
        Ids; the same id, number or text, is always held out or never.
    plan : str
        Name of the plan, the key: another plan holds out other customers.
    share : float
        Of the customers to hold out, above 0 and below 1.

    Returns
    -------
    list of bool
        In the order of the ids.

    Raises
    ------
    ValueError
        ``share`` is out of its range.

    Notes
    -----
    The first 64 bits of HMAC-SHA256(plan, customer) as a fraction of 2**64 are below the share.

    References
    ----------
    .. [1] Krawczyk, H., Bellare, M., & Canetti, R. (1997). HMAC: Keyed-Hashing for Message Authentication. RFC 2104.

    Examples
    --------
    >>> ids = [f"c{number}" for number in range(1000)]
    >>> 80 < sum(held_out(ids, "plan-2026-11-01", 0.1)) < 120
    True
    >>> held_out(ids, "p", 0.1)[7:8] == held_out(["c7"], "p", 0.1)
    True
    """
    if not 0 < share < 1:
        raise ValueError(f"hold_out: {share} is not above 0 and below 1. Write 10 % as 0.1")
    digests = (hmac.digest(plan.encode(), str(who).encode(), "sha256") for who in customer_ids)
    return [int.from_bytes(digest[:8], "big") * FRACTION < share for digest in digests]


def make_plan(study: Study, hold_out: float = 0.1, name: str | None = None, days: int | None = None) -> Plan:
    """Plan whom to contact: the next best actions by expected gain until ``[churn] capacity`` is used.

    Of the customers who are planned for, a share is held out at random. Customers who are in the plan already stay as
    they were assigned and count towards the capacity; those in another plan that still runs are not taken into this
    one.

    Parameters
    ----------
    study : Study
        The plan starts at its end, so that everything from then on comes after the assignment.
    hold_out : float, default 0.1
        Share of the customers to hold out, above 0 and below 1.
    name : str, optional
        Of a-z, digits and hyphens; by default ``plan-`` and the date.
    days : int, optional
        How long the plan runs, 1 to 365; by default the churn horizon. A plan that runs already keeps its end.

    Returns
    -------
    Plan

    Raises
    ------
    DataError
        The business's customers stand under pseudonyms, by which nobody can be contacted.
    ValueError
        ``hold_out``, ``name`` or ``days`` is out of its range, or the plan does not run or has another ``hold_out``.

    Examples
    --------
    >>> plan = make_plan(study)
    >>> len(plan.contacts) + plan.held_out == plan.assigned.height == study.business.churn.capacity
    True
    >>> plan.contacts[["action", "channel"]].iloc[0].tolist()
    ['solve_complaint', 'phone']
    """
    starts = study.end.date()
    name = f"plan-{starts}" if name is None else name
    _check(study, name, days)
    held_out((), name, hold_out)
    before = study.plans.filter(pl.col("experiment") == name)
    length = study.churn.ahead if days is None else dt.timedelta(days=days)
    ends = _end(study, before, starts + length)
    if {*before["hold_out"]} - {str(hold_out)}:
        raise ValueError(f"hold_out: {name!r} holds out {before['hold_out'][0]}. Give that, or another name")
    actions, others = next_actions(study), study.planned.filter(pl.col("experiment") != name)
    taken = pl.concat([before["customer_id"], others["customer_id"]]).cast(pl.String)
    new = actions[~actions["customer_id"].isin(taken.to_list())]
    new = new.head(max(study.business.churn.capacity - before.height, 0))
    arms = [HOLD_OUT if out else CONTACT for out in held_out(new["customer_id"], name, hold_out)]
    added = _rows(
        new.assign(experiment=name, arm=arms, assigned_at=f"{starts}", ends_at=f"{ends}", hold_out=str(hold_out))
    )
    assigned = pl.concat([before.with_columns(pl.col("assigned_at").dt.date()).select(_texts()), added])
    contacted = assigned.filter(pl.col("arm") == CONTACT)["customer_id"].to_list()
    contacts = actions[actions["customer_id"].isin(contacted)].reset_index(drop=True)
    return Plan(name, starts, ends, contacts.assign(rank=range(1, len(contacts) + 1)), assigned, added)


def write_plan(study: Study, plan: Plan) -> list[Path]:
    """Write the list of whom to contact, and who is in the plan.

    Parameters
    ----------
    study : Study
        Of a folder.
    plan : Plan
        What ``make_plan`` gives.

    Returns
    -------
    list of Path
        ``private/<plan>.csv`` and ``.xlsx`` in the business's folder, which only their owner can read, with what to do
        in the business's language; and ``plans.csv``, which the next study reads. Nothing is written of a plan for
        nobody.

    Raises
    ------
    ValueError
        The study is of frames, or plans were made since it was read that have the same customers.

    Examples
    --------
    >>> [path.name for path in write_plan(study, make_plan(study, name="november"))]
    ['november.csv', 'november.xlsx', 'plans.csv']
    """
    if not study.business.name:
        raise ValueError("study: is of frames, and plans are kept in a folder. Open the folder of a business")
    if plan.assigned.is_empty():
        return []
    folder, listed = study.business.folder, in_words(study, plan.contacts)
    assigned = append_plans(folder, plan.added)  # first, so that nobody is contacted who is not assigned
    return [*write_private(listed, folder / PRIVATE, plan.name), assigned]


@lru_cache(maxsize=4)
def unknown_held_out(study: Study) -> int:
    """Customers whom a plan that runs holds out and whom no table knows, so that lists cannot leave them out.

    Their ids in ``plans.csv`` were changed, as a spreadsheet does that takes 0327 for a number, or are gone from the
    tables.
    """
    return unknown_customers(study, study.held_out)


def _check(study: Study, name: str, days: int | None) -> None:
    if study.business.identities.pseudonyms:
        problem = "pseudonyms: a plan needs the customers' own ids. Turn them off to plan."
        raise DataError(problem, file="business.toml [identities]")
    if not PLAN_NAME.fullmatch(name):
        raise ValueError(f"name: {name!r} is not made of a-z, digits and hyphens, 63 at most")
    if days is not None and not 1 <= days <= 365:
        raise ValueError(f"days: {days} is not between 1 and 365")


def _end(study: Study, before: pl.DataFrame, otherwise: dt.date) -> dt.date:
    """Day on which a plan ends: of one that runs already its own."""
    if before.is_empty():
        return otherwise
    first, ends = term(before)
    if first > study.end or ends <= study.end.date():
        name, days = before["experiment"][0], f"runs from {first:%Y-%m-%d} until {ends}"
        raise ValueError(f"name: {name!r} {days}, not on {study.end:%Y-%m-%d}. Give the new plan another name")
    return ends


def _rows(new: "pd.DataFrame") -> pl.DataFrame:
    """Assignments of customers who are new in a plan."""
    columns = new[list(PLAN_COLUMNS)].to_dict("list")
    return pl.DataFrame(columns, schema=dict.fromkeys(PLAN_COLUMNS, pl.String))


def _texts() -> list[pl.Expr]:
    return [pl.col(name).cast(pl.String) for name in PLAN_COLUMNS]
