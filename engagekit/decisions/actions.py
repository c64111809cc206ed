"""The next best action of each customer: for whom, why, on which channel, and what it is expected to bring."""

from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from engagekit.customers.win_back import without_opted_out
from engagekit.decisions.done import done
from engagekit.decisions.playbook import Action, playbook
from engagekit.decisions.reasons import reasons
from engagekit.frames.engine import collected
from engagekit.frames.times import days_long
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["in_words", "next_actions"]

WHO, HOW = ["segment", "reason", "component"], ["chance", "value", "expected_gain"]
SHOWN = ["rank", "customer_id", *WHO, "action", "channel", *HOW]
LISTED = ["rank", "customer_id", "action", "instruction", "channel", *WHO, "chance", "value", "cost", "expected_gain"]
OWN_HEADS = ("action", "instruction", "channel", "cost")
LEFT_OUT = ("opted_out", "held_out", "contacted")
UNITS = {"chance": "rate", "value": "money", "expected_gain": "money"}
OF_LIST = UNITS | {"cost": "money"}
UNSCORED = ""  # segment of customers without a score


def next_actions(study: Study) -> "pd.DataFrame":
    """The next best action of each customer who deserves one, with the money that it is expected to bring.

    A customer gets one action: of those that the playbook has for the customer's reasons and segment the one with the
    highest expected gain; without a gain, or with equal ones, the first of the playbook. Left out are customers who
    opted out, whom a running plan holds out, or who were contacted within ``[actions] pause``, and actions that cost at
    least what they are expected to bring, unless the playbook says that they are owed.

    Parameters
    ----------
    study : Study

    Returns
    -------
    pandas.DataFrame
        ``rank`` from 1 on, the highest expected gain first, then those without one in the playbook's order, then by
        id; ``customer_id``; ``segment``, None without a score; ``reason``; ``component`` in which who is nearly an
        advocate lacks most; ``action``; ``channel``; ``chance`` of leaving, 0 to 1; ``value``, the money that leaves
        with the customer; and ``expected_gain``. The last three are NaN where they are not known; no money is promised
        of an action whose effect is unknown. ``attrs["left_out"]`` counts the customers who deserve an action and
        opted out, are held out, or were contacted lately; ``attrs["units"]`` are the units for ``write_private``.

    Raises
    ------
    DataError
        The playbook or ``actions.csv`` has an error.

    Notes
    -----
    expected gain = chance * effect * value - cost. The chance is the share of the customer's segment that left on past
    dates (``study.verdict.segments``), and not known of who has left. The effect is the business's own estimate,
    ``[churn] acceptance``, unless the playbook or ``[actions.effects]`` say otherwise.

    Examples
    --------
    >>> listed = next_actions(study)
    >>> listed[["rank", "reason", "action", "channel"]].head(2).to_numpy().tolist()
    [[1, 'open_ticket', 'solve_complaint', 'phone'], [2, 'unhappy_ticket', 'solve_complaint', 'phone']]
    >>> len(listed), listed.attrs["left_out"]
    (137, {'opted_out': 6, 'held_out': 0, 'contacted': 0})
    """
    actions = playbook(study.business)
    deserving, left_out = _willing(study, reasons(study))
    order = ["expected_gain", "place", "customer_id", "reason"]
    rated = _rated(study, deserving, actions)
    rated = rated.sort(order, descending=[True, False, False, False], nulls_last=True)
    best = rated.unique("customer_id", keep="first", maintain_order=True).with_row_index("rank", 1)
    listed = _with_channels(study, best, actions).select(SHOWN).to_pandas()
    listed.attrs = {"left_out": left_out, "units": UNITS}
    return listed


def in_words(study: Study, listed: "pd.DataFrame") -> "pd.DataFrame":
    """Next actions in the business's language, with what to do and its cost: a list for ``write_private``."""
    language, actions = study.language, playbook(study.business)
    texts = {name: (each.title(name, language), each.instruction(name, language)) for name, each in actions.items()}
    made = listed.assign(
        segment=[language.text(f"segment.{name}") if isinstance(name, str) else "" for name in listed["segment"]],
        reason=[language.text(f"playbook_reason.{name}") for name in listed["reason"]],
        component=[language.feature(name) if isinstance(name, str) else "" for name in listed["component"]],
        channel=[language.value("channel", name) for name in listed["channel"]],
        instruction=[texts[name][1] for name in listed["action"]],
        action=[texts[name][0] for name in listed["action"]],
        cost=study.business.churn.cost,
    )[LISTED]
    heads = {name: language.text(f"{'actions' if name in OWN_HEADS else 'column'}.{name}") for name in LISTED}
    made = made.rename(columns=heads)
    made.attrs = {"units": {heads[name]: unit for name, unit in OF_LIST.items()}, "currency": study.business.currency}
    return made


def _willing(study: Study, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows of customers who may be contacted, and how many others there are, by why not."""
    customers = study.described("customers") if study.has("customers") else None
    willing = rows if customers is None else collected(without_opted_out(nw.from_native(rows.lazy()), customers))
    free = willing.filter(~pl.col("customer_id").is_in([str(who) for who in study.held_out]))
    rested = free.join(_contacted(study), on="customer_id", how="anti")
    counts = [part["customer_id"].n_unique() for part in (rows, willing, free, rested)]
    left_out = {name: counts[place] - counts[place + 1] for place, name in enumerate(LEFT_OUT)}
    return rested, left_out


def _contacted(study: Study) -> pl.DataFrame:
    """Customers who were contacted within the pause."""
    rows = done(study)
    if rows is None:
        return pl.DataFrame(schema={"customer_id": pl.String})
    since = study.end - days_long("pause", study.business.actions.pause)
    return rows.filter(pl.col("date") >= since).select("customer_id").drop_nulls().unique()


def _rated(study: Study, deserving: pl.DataFrame, actions: dict[str, Action]) -> pl.DataFrame:
    """Actions that suit each customer's reasons and segment and are worth their cost, with their expected gain."""
    known = deserving.join(_offers(study, actions), on="reason")
    for part in (_segments(study), _value(study)):
        known = known.join(part, on="customer_id", how="left")
    known = known.filter((pl.col("segments").list.len() == 0) | pl.col("segments").list.contains(pl.col("segment")))
    rated = known.join(_chances(study), on="rated_as", how="left")
    churned = deserving.filter(pl.col("reason") == "churned")["customer_id"]
    chance = pl.when(~pl.col("customer_id").is_in(churned.implode())).then("chance")
    gain = chance * pl.col("effect") * pl.col("value") - study.business.churn.cost
    rated = rated.with_columns(chance=chance, expected_gain=gain)
    return rated.filter(pl.col("expected_gain").is_null() | (pl.col("expected_gain") > 0) | pl.col("owed"))


def _offers(study: Study, actions: dict[str, Action]) -> pl.DataFrame:
    """Actions by the reasons that they are for, with their place in the playbook and their effect."""
    rows = [
        (reason, name, place, action.segments, _effect(study, name, action), action.owed)
        for place, (name, action) in enumerate(actions.items())
        for reason in action.reasons
    ]
    texts: dict[str, Any] = {"reason": pl.String, "action": pl.String, "place": pl.Int64}
    kinds = texts | {"segments": pl.List(pl.String), "effect": pl.Float64, "owed": pl.Boolean}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _effect(study: Study, name: str, action: Action) -> float | None:
    """Share that an action keeps of the customers who would leave; None where it is unknown."""
    declared = study.business.actions.effects.get(name, action.effect)
    if declared == "unknown":
        return None
    return study.business.churn.acceptance if declared is None else float(declared)


def _segments(study: Study) -> pl.DataFrame:
    """Segment of each customer with a score, and as what the customer's chance of leaving is known."""
    schema = dict.fromkeys(("customer_id", "segment", "rated_as"), pl.String)
    if study.scorecard is None:
        return pl.DataFrame(schema=schema)
    now = study.scored.filter(pl.col("date") == study.end, pl.col("segment").is_not_null())
    scored = now.select(pl.col("customer_id", "segment").cast(pl.String)).with_columns(rated_as="segment")
    if not study.churn.contractual:
        return scored
    silent = study.at_stake.select(pl.col("customer_id").cast(pl.String)).join(scored, on="customer_id", how="anti")
    return pl.concat([scored, silent.with_columns(rated_as=pl.lit(UNSCORED))], how="diagonal")


def _value(study: Study) -> pl.DataFrame:
    """Money that leaves with each customer, or left."""
    if not study.has("subscriptions" if study.churn.contractual else "interactions"):
        return pl.DataFrame(schema={"customer_id": pl.String, "value": pl.Float64})
    columns = pl.col("customer_id").cast(pl.String), pl.col("value").cast(pl.Float64).clip(0)
    return pl.concat([study.at_stake.select(columns), study.churned.select(columns)]).unique(
        "customer_id", keep="first"
    )


def _chances(study: Study) -> pl.DataFrame:
    """Share of each segment that left on past dates."""
    rates = study.verdict.segments if study.scorecard is not None else None
    rows = [] if rates is None else rates[["segment", "value"]].to_numpy().tolist()
    known = [(str(segment), float(value)) for segment, value in rows if segment in (*SEGMENTS, UNSCORED)]
    table = pl.DataFrame(known, schema={"rated_as": pl.String, "chance": pl.Float64}, orient="row")
    return table.filter(pl.col("chance").is_finite())


def _with_channels(study: Study, best: pl.DataFrame, actions: dict[str, Action]) -> pl.DataFrame:
    """Add the channel of each action that the customer uses most, of those on which it can be done."""
    features = study.features_now if study.has("interactions") else pl.DataFrame({"customer_id": [None]})
    used = features.with_columns(pl.col("customer_id").cast(pl.String))
    rows = best.join(used, on="customer_id", how="left", maintain_order="left")
    chosen = pl.lit(None, pl.String)
    for name, action in actions.items():
        chosen = pl.when(pl.col("action") == name).then(_most_used(action.channels, rows.columns)).otherwise(chosen)
    return best.with_columns(rows.select(channel=chosen).to_series())


def _most_used(channels: list[str], columns: list[str]) -> pl.Expr:
    """The channel with the most interactions of a customer, the first of several; without any the first of all."""
    counts = {
        name: pl.col(f"interactions_{name}").fill_null(0) for name in channels if f"interactions_{name}" in columns
    }
    most = pl.max_horizontal(*counts.values()) if counts else pl.lit(0)
    used = [pl.when((count == most) & (count > 0)).then(pl.lit(name)) for name, count in counts.items()]
    return pl.coalesce(*used, pl.lit(channels[0]))
