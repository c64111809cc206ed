"""What became of a plan: how many of those to contact were contacted, and whether it helped."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.features import snapshot_rows
from engagekit.data.plans import ARMS, CONTACT, HOLD_OUT, term
from engagekit.decisions.done import done
from engagekit.decisions.experiment import Experiment, experiment
from engagekit.display.section import FEWEST
from engagekit.errors import did_you_mean
from engagekit.frames.engine import collected
from engagekit.prepare.leaving import active_base
from engagekit.study import Study

__all__ = ["PlanResult", "plan_outcomes", "plan_result"]


@dataclass(frozen=True, eq=False)
class PlanResult:
    """A plan and its result so far.

    Attributes
    ----------
    name : str
    starts, ends : date
        It runs from the first day up to the second, exclusive.
    outcomes : polars.DataFrame
        What ``plan_outcomes`` gives.
    recorded : bool
        Whether ``actions.csv`` names a customer of the plan within its time; if not, nobody knows who was contacted.
    is_over : bool
        Whether the data go until the plan's end: before that it is too early to say whether it helped.
    experiments : dict of str to Experiment
        Customers to contact against the held-out, whoever was contacted in fact: ``kept``, by which a plan is judged,
        and where money is recorded ``value``, a secondary measure. Each is judged by itself, so that its verdict is
        that of its interval. Empty before the end, and where an arm has fewer than five customers.

    Examples
    --------
    >>> outcomes = pl.DataFrame({"arm": [CONTACT, CONTACT, HOLD_OUT], "acted": [True, False, False]})
    >>> starts, ends = dt.date(2026, 11, 1), dt.date(2026, 12, 1)
    >>> result = PlanResult("november", starts, ends, outcomes, recorded=True, is_over=False, experiments={})
    >>> result.count(CONTACT), result.count(CONTACT, acted=True)
    (2, 1)
    """

    name: str
    starts: dt.date
    ends: dt.date
    outcomes: pl.DataFrame
    recorded: bool
    is_over: bool
    experiments: dict[str, Experiment]

    def count(self, arm: str, *, acted: bool = False) -> int:
        """Customers of an arm; with ``acted`` those of them who were contacted."""
        rows = self.outcomes.filter(pl.col("arm") == arm)
        return int(rows["acted"].sum()) if acted else rows.height


def plan_result(study: Study, name: str) -> PlanResult:
    """What became of a plan by the study's end: who was contacted, and whether it helped.

    All customers to contact are compared with all who were held out, contacted or not (intention to treat): chance
    alone decided who is held out, so that a difference beyond chance was caused by the plan.

    Parameters
    ----------
    study : Study
    name : str
        Name of the plan.

    Raises
    ------
    DataError
        ``actions.csv`` has an error.
    ValueError
        There is no such plan before the study's end.

    Examples
    --------
    Nine of the ten customers to contact came in November, and one of the ten held out:

    >>> ids = [f"c{number:02}" for number in range(20)]
    >>> plan = pl.DataFrame({"experiment": "p", "customer_id": ids, "arm": [CONTACT] * 10 + [HOLD_OUT] * 10,
    ...     "assigned_at": dt.datetime(2026, 11, 1), "ends_at": "2026-12-01"})
    >>> visits = pl.DataFrame({"customer_id": ids[1:11], "time": dt.datetime(2026, 11, 9), "action": "view"})
    >>> churn = ek.ChurnDefinition(horizon="28d", contractual=False)
    >>> november = Study.of(assignments=plan, interactions=visits, churn=churn, as_of="2026-12-02")
    >>> result = plan_result(november, "p")
    >>> result.count(CONTACT), result.is_over, result.recorded, result.experiments["kept"].verdicts
    (10, True, False, {('kept', 'contact'): 'better'})
    """
    outcomes = plan_outcomes(study, name)
    rows = study.plans.filter(pl.col("experiment") == name)
    starts, ends = term(rows)
    is_over = _midnight(study, ends) <= study.data_end
    sizes = [outcomes.filter(pl.col("arm") == arm).height for arm in ARMS]
    compared = _compared(outcomes, rows["hold_out"][0]) if is_over and min(sizes) >= FEWEST else {}
    recorded = bool(outcomes["acted"].any())
    return PlanResult(name, starts.date(), ends, outcomes, recorded, is_over, compared)


def _compared(outcomes: pl.DataFrame, hold_out: str | None) -> dict[str, Experiment]:
    """Arms of a plan that is over, by each measure alone."""
    share = float(hold_out) if hold_out else None
    shares = None if share is None else {CONTACT: 1 - share, HOLD_OUT: share}
    metrics, rows = ["kept", "value"] if outcomes["value"].count() else ["kept"], outcomes.to_pandas()
    known: dict[str, Any] = {"control": HOLD_OUT, "shares": shares, "planned": outcomes.height}
    return {name: experiment(rows, metrics=name, **known) for name in metrics}


def plan_outcomes(study: Study, name: str) -> pl.DataFrame:
    """What each customer of a plan did since the assignment, whether contacted or not.

    Parameters
    ----------
    study : Study
    name : str
        Name of the plan.

    Returns
    -------
    polars.DataFrame
        ``customer_id``; ``arm``; ``acted``, whether ``actions.csv`` names the customer within the plan's time;
        ``kept`` and ``value``. Without contracts a customer is kept who had an interaction from the assignment on, and
        before the plan's end and the study's; the value is the money of the purchases in that time less that of
        refunds, NaN where no money is recorded. With contracts a customer is kept whom a paid period covers at the
        earlier of the two ends, and the value is what it pays a month. In the order of ``customer_id``.

    Raises
    ------
    ValueError
        There is no such plan before the study's end.
    """
    rows = study.plans.filter(pl.col("assigned_at") < study.end)
    if name not in rows["experiment"]:
        raise ValueError(f"name: there is no plan {name!r}. {did_you_mean(name, rows['experiment'].unique())}")
    rows = rows.filter(pl.col("experiment") == name).select("customer_id", "arm", "assigned_at", "ends_at")
    rows = rows.with_columns(until=pl.lit(min(_midnight(study, term(rows)[1]), study.data_end)))
    result = _of_contracts(study, rows) if study.churn.contractual else _of_interactions(study, rows)
    acted = pl.col("customer_id").cast(pl.String).is_in(_acted(study, name, rows))
    outcome = rows.join(result, on="customer_id", how="left", maintain_order="left").with_columns(
        pl.col("kept").fill_null(value=False), pl.col("value").cast(pl.Float64), acted=acted
    )
    return outcome.select("customer_id", "arm", "acted", "kept", "value").sort("customer_id")


def _midnight(study: Study, day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), study.end.tzinfo)


def _of_interactions(study: Study, rows: pl.DataFrame) -> pl.DataFrame:
    """Customers with an interaction since their assignment, and the money of it."""
    until, parts = rows["until"][0], [pl.DataFrame(schema={"customer_id": rows.schema["customer_id"]})]
    for start in rows["assigned_at"].unique().sort():
        days = (until - start).days
        if days > 0:
            past = study.firewall.before(until)
            features = collected(snapshot_rows(past, [until], f"{days}d", channels=[], actions=[]))
            group = rows.filter(pl.col("assigned_at") == start).select("customer_id")
            parts.append(group.join(features.select("customer_id", "value"), on="customer_id"))
    active = pl.concat(parts, how="diagonal").with_columns(kept=pl.lit(value=True))
    has_money = "value" in active.columns and active["value"].count() > 0
    everybody = rows.select("customer_id").join(active, on="customer_id", how="left")
    return everybody.with_columns(value=pl.col("value").fill_null(0) if has_money else pl.lit(None, pl.Float64))


def _of_contracts(study: Study, rows: pl.DataFrame) -> pl.DataFrame:
    """Whether a paid period covers each customer at the end, and what it pays a month."""
    until = rows["until"][0]
    base = active_base(study.base_rows, until, study.churn, as_of=study.data_end)
    now = collected(nw.from_native(base).lazy())
    paid = pl.col("opening_value") if "opening_value" in now.columns else pl.lit(None, pl.Float64)
    return now.select("customer_id", kept="in_base", value=pl.when("in_base").then(paid).otherwise(0))


def _acted(study: Study, name: str, rows: pl.DataFrame) -> list[str]:
    """Customers whom ``actions.csv`` names within the plan's time, and not for another plan."""
    table = done(study)
    if table is None:
        return []
    starts, ends = term(rows)
    others = study.plans.filter(pl.col("experiment") != name)["experiment"].unique()
    is_of_another = pl.col("plan").fill_null("").is_in(others.implode())
    within = table.filter(pl.col("date") >= starts, pl.col("date") < _midnight(study, ends), ~is_of_another)
    return within["customer_id"].drop_nulls().unique().to_list()
