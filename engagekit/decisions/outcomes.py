"""What an experiment measures of each arm: columns and metrics of the catalogue, as sums over customers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import as_number, collected, column_names, one_where
from engagekit.metrics.catalog import METRICS, metric_named
from engagekit.metrics.measure import needed_rows
from engagekit.metrics.metric import Ratio
from engagekit.metrics.sums import sums_and_values

__all__ = ["ArmSums", "CrossedArms", "Outcome", "Sums", "arm_sums", "check_columns", "is_given", "outcomes_of"]

MOST_IN_TWO_ARMS = 0.01  # share of the customers; with more of them the assignment is broken
OWN = ":"  # names of columns that are made here begin with it
CUSTOMERS, IN_TWO, FIRST, LAST, ROWS_OF = ":customers", ":in two arms", ":first", ":last", ":rows of "
Sums = dict[str, float]


class CrossedArms(DataError):
    """More than 1 % of the customers are in two arms, so what an arm did cannot be known."""


@dataclass(frozen=True)
class Outcome:
    """A number of each customer that arms are compared by.

    Attributes
    ----------
    metric : Ratio
    column : str
        Of the frame, where it is one; empty for a metric of several columns.
    covariate : str
        Column with the same measure before the test; empty without.
    """

    metric: Ratio
    column: str = ""
    covariate: str = ""

    @property
    def terms(self) -> dict[str, Ratio]:
        """What is summed: the outcome and, where the covariate is known, both and their product."""
        if not self.covariate:
            return {"": self.metric}
        x, before = (nw.col(name).cast(nw.Float64) for name in (self.column, self.covariate))
        known = {"known": x, "before": before, "before squared": before * before, "product": x * before}
        both = ~nw.col(self.column).is_null() & ~nw.col(self.covariate).is_null()
        columns = (self.column, self.covariate)
        name = self.metric.name
        return {"": self.metric} | {
            part: Ratio(f":{part} of {name}", numerator=nw.when(both).then(term), columns=columns, method="wilson")
            for part, term in known.items()
        }


@dataclass(frozen=True)
class ArmSums:
    """Sums of each outcome by arm.

    Attributes
    ----------
    customers : dict of str to int
        By arm, whether or not their outcome is known.
    sums : dict of str to dict
        By outcome and arm ``n, units, x, y, xx, xy, yy``, and with a covariate the sums of ``Outcome.terms``.
    in_two_arms, without_arm : int
        Customers who are left out.
    without_unit : int
        Rows without a customer, which are left out.
    """

    customers: dict[str, int]
    sums: dict[str, dict[str, Sums]]
    in_two_arms: int = 0
    without_arm: int = 0
    without_unit: int = 0


def outcomes_of(
    frame: Any, metrics: str | Ratio | Iterable[str | Ratio], counts: str | None, before: str | Mapping[str, str] | None
) -> list[Outcome]:
    """Outcomes by their names: a column of the frame, else a metric of the catalogue.

    Raises
    ------
    DataError
        A column is in the frame twice.
    ValueError
        There is no such column or metric; the metric is no ratio; a covariate is given for what is no column.
    """
    names = column_names(frame)
    for name in names:
        if names.count(name) > 1:
            raise DataError("is there twice. Rename or drop one.", column=name)
    wanted = [metrics] if isinstance(metrics, str | Ratio) else list(metrics)
    if not wanted:
        raise ValueError("metrics: name at least one")
    made = [_outcome(frame, each, names, counts) for each in wanted]
    if len({each.metric.name for each in made}) < len(made):
        raise ValueError("metrics: one is there twice")
    if isinstance(before, str):
        before = {each.column: before for each in made if each.column}
    covariates = dict(before or {})
    for name in covariates:
        if name not in {each.column for each in made} or counts:
            raise ValueError(f"before: {name!r} is not a column among metrics, of which a covariate can be given")
        if covariates[name] == name:
            raise ValueError(f"before: {name!r} is the outcome itself. Name the same measure before the test")
    return [replace(each, covariate=covariates.get(each.column, "")) for each in made]


def _outcome(frame: Any, metric: str | Ratio, names: Sequence[str], counts: str | None) -> Outcome:
    if isinstance(metric, str) and metric in names:
        if counts:
            shares = Ratio(metric, numerator=metric, denominator=counts, bounded=True, method="wilson", better="higher")
            return Outcome(shares)
        is_flag = nw.from_native(frame).collect_schema()[metric] == nw.Boolean
        kind: dict[str, Any] = {"bounded": True, "method": "wilson"} if is_flag else {"measured_in": "ratio"}
        return Outcome(Ratio(metric, numerator=metric, better="higher", unit="customer", **kind), column=metric)
    if isinstance(metric, str) and metric not in METRICS:
        raise ValueError(f"metrics: {metric!r} is no column and no metric. {did_you_mean(metric, [*names, *METRICS])}")
    declared = metric_named(metric) if isinstance(metric, str) else metric
    if counts:
        raise ValueError(f"metrics: with counts, name columns that count who converted, and not {declared.name}")
    if not isinstance(declared, Ratio):
        kind_of = type(declared).__name__.lower()
        raise ValueError(f"metrics: {declared.name} is a {kind_of}. Arms are compared by rates, means and scores")
    return Outcome(declared)


def arm_sums(
    frame: Any, arm: str, outcomes: Sequence[Outcome], unit: str | None = None, counts: str | None = None
) -> ArmSums:
    """Sums of each outcome over the customers of each arm, in one pass over the rows.

    Raises
    ------
    DataError
        A column is absent or of a wrong type, a row is impossible, or too many customers are in two arms.
    """
    terms = [term for outcome in outcomes for term in outcome.terms.values()]
    rows = needed_rows(frame, terms, [arm, *([unit] if unit else [])])
    named = rows.with_columns(nw.col(arm).cast(nw.String))
    rows = named.with_columns(nw.when(is_given(named, arm)).then(nw.col(arm)).alias(arm))
    if unit is None:
        return _summed(rows, [arm], outcomes, terms, counts)
    known = is_given(rows, unit)
    without_unit = int(collected(rows.filter(~known).select(nw.len().alias("rows"))).item())
    return replace(_of_units(rows.filter(known), arm, outcomes, unit), without_unit=without_unit)


def is_given(rows: nw.LazyFrame[Any], name: str) -> nw.Expr:
    """Whether a cell of a column is neither missing nor blank text."""
    column = nw.col(name)
    if rows.collect_schema()[name] != nw.String:
        return ~column.is_null()
    return ~column.is_null() & (column.str.strip_chars() != "")


def check_columns(outcomes: Sequence[Outcome], **roles: str | None) -> None:
    """Refuse a column that is given twice, such as for ``arm`` and ``unit``, and names that columns made here have.

    Raises
    ------
    DataError
        A name begins with a colon, or with another outcome's name and a colon.
    ValueError
        A column is given twice.
    """
    names = [each.metric.name for each in outcomes]
    columns = [*names, *(name for each in outcomes for name in (each.column, each.covariate) if name)]
    given = {role: name for role, name in roles.items() if name is not None}
    for role, name in given.items():
        if name in columns or list(given.values()).count(name) > 1:
            raise ValueError(f"{role}: {name!r} is given for something else too. Name another column")
    for name in (*given.values(), *columns):
        if any(name.startswith(f"{other}{OWN}") for other in ("", *names)):
            problem = f"is a name of the kit's own. Rename it so that it does not begin with '{OWN}'"
            raise DataError(f"{problem}, nor with the name of another column and '{OWN}'.", column=name)


def _of_units(rows: nw.LazyFrame[Any], arm: str, outcomes: Sequence[Outcome], unit: str) -> ArmSums:
    """Sums over customers whose rows are summed first."""
    own = [outcome for outcome in outcomes if outcome.column]
    customers = _one_row_each(rows, arm, unit, own)
    made = _summed(customers, [arm, IN_TWO], own, [term for outcome in own for term in outcome.terms.values()])
    _check_arms(made)
    others = [outcome for outcome in outcomes if not outcome.column]
    if not others:
        return made
    if made.in_two_arms:
        both = customers.filter(nw.col(IN_TWO)).select(unit)
        rows = rows.join(both, on=unit, how="anti")
    of_unit = [_by_unit(outcome.metric, unit) for outcome in others]
    return replace(made, sums=made.sums | _summed(rows, [arm], others, of_unit).sums)


def _one_row_each(rows: nw.LazyFrame[Any], arm: str, unit: str, outcomes: Sequence[Outcome]) -> nw.LazyFrame[Any]:
    """One row a customer: sums of their numbers, whether any flag is true, the mean of what was before."""
    schema, added = rows.collect_schema(), {}
    for outcome in outcomes:
        column = nw.col(outcome.column)
        is_flag = schema[outcome.column] == nw.Boolean
        numbers = as_number(column) if is_flag else column
        added[outcome.column] = numbers.max() if is_flag else numbers.sum()
        added[f"{ROWS_OF}{outcome.column}"] = column.count()
    added |= {outcome.covariate: nw.col(outcome.covariate).mean() for outcome in outcomes if outcome.covariate}
    ends = {FIRST: nw.col(arm).min(), LAST: nw.col(arm).max()}
    made = rows.group_by(unit).agg(*(term.alias(name) for name, term in (added | ends).items()))
    blank = {o.column: nw.when(nw.col(f"{ROWS_OF}{o.column}") > 0).then(nw.col(o.column)) for o in outcomes}
    return made.with_columns(nw.col(FIRST).alias(arm), (nw.col(FIRST) != nw.col(LAST)).alias(IN_TWO), **blank)


def _by_unit(metric: Ratio, unit: str) -> Ratio:
    """Metric whose independent unit is the one that was randomised."""
    if metric.cluster == unit:
        return metric if metric.method == "delta" else replace(metric, method="delta", person="")
    return replace(metric, cluster=unit, person="", method="delta", once="", latest="")


def _summed(
    rows: nw.LazyFrame[Any],
    keys: list[str],
    outcomes: Sequence[Outcome],
    terms: Sequence[Ratio],
    counts: str | None = None,
) -> ArmSums:
    """Sums by arm; customers without one, and those in two, are counted apart."""
    one = nw.col(counts) if counts else one_where(nw.lit(value=True))
    everyone = Ratio(CUSTOMERS, numerator=one, columns=(counts or keys[0],), method="wilson", least=0)
    alone = [replace(term, person="") for term in terms]
    made = {metric.name: (groups, sums) for metric, groups, sums in sums_and_values(rows, [everyone, *alone], keys)}
    groups, counted = made[CUSTOMERS]
    in_two = (
        groups[IN_TWO].fill_null(value=False) if IN_TWO in groups.columns else pl.repeat(False, len(groups), eager=True)
    )
    arms, n = groups[keys[0]], pl.Series(counted["x"]).cast(pl.Int64)
    kept = [(row, name) for row, name in enumerate(arms) if name is not None and not in_two[row]]
    kept.sort(key=lambda pair: pair[1])
    places = {name: {g: row for row, g in enumerate(of.select(keys).rows())} for name, (of, _) in made.items()}

    def of_arm(name: str, row: int) -> Sums:
        place = places[name].get(groups.select(keys).row(row))
        return {} if place is None else {key: float(values[place]) for key, values in made[name][1].items()}

    sums: dict[str, dict[str, Sums]] = {}
    for outcome in outcomes:
        name = outcome.metric.name
        sums[name] = {arm: of_arm(name, row) for row, arm in kept}
        for row, arm in kept if outcome.covariate else ():
            sums[name][arm] |= {part: of_arm(f":{part} of {name}", row)["x"] for part in outcome.terms if part}
            sums[name][arm]["known n"] = of_arm(f":known of {name}", row)["n"]
    return ArmSums(
        {arm: int(n[row]) for row, arm in kept}, sums, int(n.filter(in_two).sum()), int(n.filter(arms.is_null()).sum())
    )


def _check_arms(made: ArmSums) -> None:
    everyone = made.in_two_arms + sum(made.customers.values())
    if made.in_two_arms > MOST_IN_TWO_ARMS * everyone:
        problem = f"{made.in_two_arms} of {everyone} customers are in two arms, so what an arm did cannot be known."
        raise CrossedArms(f"{problem} Correct the assignment, or give only customers of one arm.")
