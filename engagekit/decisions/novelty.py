"""Effect of a test by day: whether it fades when the novelty wears off, or grows as customers learn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from engagekit.decisions.balance import arm_name
from engagekit.decisions.effects import effects, estimate_of, is_proportion
from engagekit.decisions.outcomes import Outcome, Sums, arm_sums, check_columns, outcomes_of
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, to_narwhals
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.metric import Ratio

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIRST_DAYS", "Novelty", "effect_by_day"]

FIRST_DAYS = 7
CELL, SEPARATOR = ":day and arm", "\x1f"
OF_ARM = ("n", "value")
DAY_US, LONGEST = 86_400_000_000, 2**53  # days that a float holds exactly


@dataclass(frozen=True, eq=False)
class Novelty:
    """Effect of a test by day.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a day: ``day, n`` (customers of both arms), ``n_control, value_control, n_treatment, value_treatment``,
        ``difference, low, high``; NaN where it is not defined.
    halves : pandas.DataFrame
        The same of the first days together, and of the others.
    first, later : Estimate
        Effect of the first days together, and of the others.
    change : Estimate
        The later effect less the first one.
    verdict : {"changed", "unknown"}
        Whether the interval of the change leaves out 0.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DataFrame({"day": [0, 0, 1, 1], "arm": ["control", "new"] * 2, "customers": 1000,
    ...     "bought": [100, 150, 100, 148]})
    >>> made = effect_by_day(days, metric="bought", at="day", counts="customers")
    >>> made.halves["n"].tolist(), round(made.first.value, 3), round(made.later.value, 3), made.verdict
    ([2000, 2000], 0.05, 0.048, 'unknown')
    """

    table: "pd.DataFrame"
    halves: "pd.DataFrame"
    first: Estimate
    later: Estimate
    change: Estimate
    verdict: str


def effect_by_day(
    frame: Any,
    *,
    arm: str = "arm",
    metric: str | Ratio,
    at: str,
    control: str = "control",
    treatment: str | None = None,
    unit: str | None = None,
    counts: str | None = None,
    first: int = FIRST_DAYS,
    confidence: float = 0.95,
) -> Novelty:
    """Effect of each day with its interval, and whether that of the first days differs from that of the later ones.

    Parameters
    ----------
    frame : pandas, Polars, DuckDB or Spark frame
        Rows of customers or, with ``counts``, of daily counts.
    arm, metric, counts, confidence
        As ``experiment`` takes them.
    at : str
        Column with the time of a row, of which the calendar day counts, or the days since assignment, as a number or a
        duration.
    unit : str, optional
        Column of the customer, to whom rows are summed on the first of their days; customers with rows in two arms are
        left out. By default each row is a customer.
    control : str, default "control"
    treatment : str, optional
        Arm that is compared; may be left away where there are two.
    first : int, default 7
        Days with rows that are the first ones, 1 or more; at most half of all.

    Returns
    -------
    Novelty

    Raises
    ------
    DataError
        A column is absent or of a wrong type, a number of days is infinite, or there are fewer than two days with rows.
    ValueError
        There is no such metric or arm, or ``first`` is below 1.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DataFrame({"day": [0, 0, 1, 1], "arm": ["control", "new"] * 2, "customers": 1000,
    ...     "bought": [100, 200, 100, 120]})
    >>> made = effect_by_day(days, metric="bought", at="day", counts="customers")
    >>> made.table["difference"].round(3).tolist(), round(made.change.value, 3), made.verdict
    ([0.1, 0.02], -0.08, 'changed')
    """
    if first < 1:
        raise ValueError(f"first: {first} must be 1 or above")
    (outcome,) = outcomes_of(frame, [metric], counts, None)
    check_columns([outcome], arm=arm, at=at, unit=unit, counts=counts)
    cells, arms = _cells(frame, outcome, arm, at, unit, counts)
    names = _pair(arms, arm_name(control), None if treatment is None else arm_name(treatment))
    days = sorted({day for day, _ in cells})
    if len(days) < 2:
        raise DataError("rows are of one day only, so effects of days cannot be compared.", column=at)
    proportion = is_proportion(outcome, list(cells.values()))

    def over(some: Sequence[Any]) -> dict[str, Any]:
        pair = [_added(cells.get((day, name), {}) for day in some) for name in names]
        old, new = effects(outcome, pair, proportion=proportion, factor=1, confidence=confidence)
        each = {f"{key}_{role}": row[key] for role, row in (("control", old), ("treatment", new)) for key in OF_ARM}
        return {"n": old["n"] + new["n"]} | each | {key: new[key] for key in ("difference", "low", "high")}

    early = min(first, len(days) // 2)
    return _novelty([{"day": day} | over([day]) for day in days], [over(days[:early]), over(days[early:])])


def _pair(arms: Sequence[str], control: str, treatment: str | None) -> tuple[str, str]:
    """Names of the two arms that are compared."""
    if control not in arms:
        raise ValueError(f"control: no row has the arm {control!r}. {did_you_mean(control, arms)}")
    others = [name for name in arms if name != control]
    treated = others[0] if treatment is None and len(others) == 1 else treatment
    if treated not in others:
        raise ValueError(f"treatment: name the arm that is compared. {did_you_mean(treatment or '', others)}")
    return control, treated


def _novelty(rows: list[dict[str, Any]], halves: list[dict[str, Any]]) -> Novelty:
    import pandas as pd

    first, later = (estimate_of(*(each[name] for name in ("difference", "low", "high", "n"))) for each in halves)
    change = later - first
    beyond = change.low > 0 or change.high < 0
    return Novelty(pd.DataFrame(rows), pd.DataFrame(halves), first, later, change, "changed" if beyond else "unknown")


def _cells(
    frame: Any, outcome: Outcome, arm: str, at: str, unit: str | None, counts: str | None
) -> tuple[dict[tuple[Any, str], Sums], list[str]]:
    """Sums of the outcome by day and arm, of rows that have both; and the arms."""
    needed = [*outcome.metric.needed([]), arm, at, *(name for name in (unit, counts) if name)]
    rows = collected(to_narwhals(frame, dict.fromkeys(needed)))
    rows = rows.with_columns(_days(rows[at]).alias(at), pl.col(arm).cast(pl.String)).drop_nulls([arm, at])
    rows = rows.filter(pl.col(arm).str.strip_chars() != "")
    if unit:
        rows = rows.filter(pl.col(arm).n_unique().over(unit) == 1).with_columns(pl.col(at).min().over(unit))
    cell = pl.concat_str(pl.col(at).rank("dense").cast(pl.String), pl.col(arm), separator=SEPARATOR)
    made = arm_sums(rows.with_columns(cell.alias(CELL)), CELL, [outcome], unit, counts)
    days = rows[at].unique().sort().to_list()
    by_cell = {tuple(name.split(SEPARATOR, 1)): sums for name, sums in made.sums[outcome.metric.name].items()}
    by_day = {(days[int(float(rank)) - 1], name): sums for (rank, name), sums in by_cell.items()}
    return by_day, rows[arm].unique().sort().to_list()


def _days(times: pl.Series) -> pl.Series:
    """Date of each time, or whole days of a duration or of a number of days."""
    kind = times.dtype
    if kind in (pl.Date, pl.Datetime):
        return times.dt.date()
    if kind == pl.Duration:
        return (times.dt.total_microseconds() / DAY_US).floor().cast(pl.Int64)
    if not kind.is_numeric():
        problem = "is neither a time nor a number of days. Convert it, such as with pandas.to_datetime."
        raise DataError(problem, column=times.name)
    numbers = times.cast(pl.Float64)
    if not (numbers.abs() < LONGEST).all():
        raise DataError("holds a number that no day has, such as infinity. Correct it.", column=times.name)
    return numbers.floor().cast(pl.Int64)


def _added(parts: Iterable[Sums]) -> Sums:
    """Sums of several days together."""
    known = [part for part in parts if part]
    return {name: sum(part[name] for part in known) for name in known[0]} if known else {}
