"""Why a customer deserves an action: each reason is a rule over what the study knows of all customers."""

from collections.abc import Iterator

import narwhals as nw
import polars as pl

from engagekit.customers.birthdays import birthdays
from engagekit.frames.engine import collected, column_names
from engagekit.frames.times import days_long
from engagekit.score.nearly import nearly_there
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import Study

__all__ = ["BIRTHDAY_DAYS", "REASONS", "reasons"]

REASONS = (
    "open_ticket",
    "unhappy_ticket",
    "recurring_ticket",
    "detractor",
    "dissatisfied",
    "falling",
    "at_risk",
    "new",
    "churned",
    "nearly",
    "birthday",
    "promoter",
    "advocate",
)
BIRTHDAY_DAYS = 30
PROMOTER, DETRACTOR, UNHAPPY, RECURRING = 9, 6, 2, 2  # of 0-10, of 0-10, of 1-5, tickets for the same reason
RANKS = {segment: rank for rank, segment in enumerate(SEGMENTS)}
Parts = Iterator[tuple[str, pl.DataFrame]]


def reasons(study: Study) -> pl.DataFrame:
    """Reasons for which customers deserve an action: no, one or several rows a customer.

    Who opted out or is held out has reasons like everybody else.

    Parameters
    ----------
    study : Study
        What it lacks gives no reasons: without a score nobody is at risk.

    Returns
    -------
    polars.DataFrame
        ``customer_id``, ``reason`` and ``component``, in which who is nearly an advocate lacks most points, else null;
        ordered by ``reason`` and then ``customer_id``.

    Notes
    -----
    - of the tickets of the score's window: ``open_ticket``, one is not solved; ``unhappy_ticket``, one was rated 1 or
      2; ``recurring_ticket``, two or more have the same reason;
    - of customers who answered a survey in that window: ``promoter`` and ``detractor``, the last NPS answer is 9-10 or
      0-6; ``dissatisfied``, the last satisfaction is 1-2;
    - ``at_risk``, ``advocate``: the segment; with contracts who pays and does nothing is at risk too;
    - ``falling``: in a lower segment than one window before;
    - ``nearly``: lacks up to 10 points to be an advocate;
    - ``new``: there for the first time in the last period; ``churned``: within the last horizon;
    - ``birthday``: within 30 days.

    Examples
    --------
    >>> reasons(study).group_by("reason").len().sort("len", "reason").tail(3).rows()
    [('falling', 33), ('advocate', 36), ('at_risk', 74)]
    """
    rows = [
        part.select(
            pl.col("customer_id").cast(pl.String),
            reason=pl.lit(name),
            component=pl.col("component") if "component" in part.columns else pl.lit(None, pl.String),
        )
        for rule in (_of_features, _of_scores, _of_tickets, _of_times)
        for name, part in rule(study)
    ]
    schema = dict.fromkeys(("customer_id", "reason", "component"), pl.String)
    every = pl.concat([pl.DataFrame(schema=schema), *rows]).drop_nulls("customer_id")
    return every.unique().sort("reason", "customer_id")


def _of_features(study: Study) -> Parts:
    """What surveys say of customers who were active in the score's window."""
    if not study.has("interactions"):
        return
    now = study.features_now
    if "days_since_answer" not in now.columns:
        return
    answered = now.filter(pl.col("days_since_answer") <= days_long("window", study.business.score.window).days)
    rules = {
        "promoter": ("last_nps", pl.col("last_nps") >= PROMOTER),
        "detractor": ("last_nps", pl.col("last_nps") <= DETRACTOR),
        "dissatisfied": ("last_satisfaction", pl.col("last_satisfaction") <= UNHAPPY),
    }
    for name, (column, rule) in rules.items():
        if column in now.columns:
            yield name, answered.filter(rule)


def _of_scores(study: Study) -> Parts:
    """What the score of a customer says, and that of one window before."""
    if study.scorecard is None:
        return
    now = study.scored.filter(pl.col("date") == study.end)
    for segment in ("at_risk", "advocate"):
        yield segment, now.filter(pl.col("segment") == segment)
    if study.churn.contractual:
        yield "at_risk", study.at_stake.join(now.drop_nulls("score"), on="customer_id", how="anti")
    yield "nearly", nearly_there(study.scorecard, now)
    earlier = study.scored.filter(pl.col("date") <= study.end - days_long("window", study.business.score.window))
    before = earlier.filter(pl.col("date") == pl.col("date").max()).select("customer_id", before="segment")
    ranks = (pl.col(name).replace_strict(RANKS, default=None) for name in ("segment", "before"))
    lower, higher = ranks
    yield "falling", now.join(before, on="customer_id").filter(lower < higher)


def _of_tickets(study: Study) -> Parts:
    """Customers whose tickets of the score's window are open, rated low, or several for the same reason."""
    tickets = study.described("tickets") if study.has("tickets") else None
    if tickets is None or "customer_id" not in column_names(tickets):
        return
    since = study.end - days_long("window", study.business.score.window)
    rows = collected(nw.from_native(tickets).lazy()).filter(pl.col("opened_at") >= since)
    if "solved_at" in rows.columns:
        yield "open_ticket", rows.filter(pl.col("solved_at").is_null())
    if "score" in rows.columns:
        yield "unhappy_ticket", rows.filter(pl.col("score") <= UNHAPPY)
    if "reason" in rows.columns:
        same = rows.drop_nulls(["customer_id", "reason"]).group_by("customer_id", "reason").len()
        yield "recurring_ticket", same.filter(pl.col("len") >= RECURRING)


def _of_times(study: Study) -> Parts:
    """New and churned customers, and coming birthdays."""
    period = study.last_period
    state = pl.col("state") == "new"
    yield "new", study.states.filter(state, pl.col("date").dt.replace_time_zone(None) == period.replace(tzinfo=None))
    if study.has("subscriptions" if study.churn.contractual else "interactions"):
        yield "churned", study.churned
    customers = study.described("customers") if study.has("customers") else None
    if customers is not None and "birthday" in column_names(customers):
        everybody = nw.to_native(nw.from_native(customers).drop("opted_out", strict=False))
        yield "birthday", pl.from_pandas(birthdays(everybody, study.end, BIRTHDAY_DAYS)[["customer_id"]])
