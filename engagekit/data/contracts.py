"""What a table's contract is made of: columns with a type and rules, and what names a row.

A column's type is one of ``TYPES``. Each of its rules is named by the reason that a row is refused for, a key of
``refused`` in the locales.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

from engagekit.data.scales import SCALES

__all__ = [
    "TYPES",
    "Column",
    "Rule",
    "Table",
    "blank",
    "filled",
    "not_above",
    "not_before",
    "on_scale",
    "one_of",
    "optional",
    "required",
    "within",
]

TYPES = {
    "id": pl.String,
    "label": pl.String,
    "text": pl.String,
    "time": None,  # Datetime in microseconds, in the business's time zone
    "day": pl.Date,
    "number": pl.Float64,
    "count": pl.Int64,
    "flag": pl.Boolean,
    "tally": pl.Int64,  # a count, or yes and no as 1 and 0
}


@dataclass(frozen=True)
class Rule:
    """A rule that a column's cells keep.

    Attributes
    ----------
    name : str
        Reason that a row is refused for.
    holds : callable
        Expression of a column's name: whether a cell keeps the rule; a null is no fault.
    other : str
        Column that the rule compares with; without it in the table the rule does not apply.
    """

    name: str
    holds: Callable[[str], pl.Expr]
    other: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    kind : str
        A key of ``TYPES``.
    description : str
        Meaning; ``engagekit init`` writes it into the starter's comments.
    checks : tuple of Rule
        Rules that its cells keep.
    presence : {"required", "optional", "filled"}
        Whether a file must have it; without a column that is ``"filled"`` the table has a blank one.
    nullable : bool
        Whether its cells may be blank.
    costs_row : bool
        Whether a cell that cannot be read costs its row; otherwise the cell counts as blank.
    """

    kind: str
    description: str
    checks: tuple[Rule, ...]
    presence: Literal["required", "optional", "filled"]
    nullable: bool
    costs_row: bool = False

    @property
    def required(self) -> bool:
        """Whether a file must have the column."""
        return self.presence == "required"


@dataclass(frozen=True)
class Table:
    """The contract of a table.

    Attributes
    ----------
    columns : dict of str to Column
        Columns by name.
    key : tuple of str
        Column that names a row; empty where rows have no name.
    otherwise : tuple of str
        Columns that name a row without that one.
    repeats : {"event", "state"}
        Whether another row with the same key is an error, or a later state of the same thing.
    """

    columns: dict[str, Column]
    key: str = ""
    otherwise: tuple[str, ...] = ()
    repeats: Literal["event", "state"] = "event"

    def faults(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Cells that break a rule: ``index, column, reason``, by column in the contract's order, then by rule.

        Columns that the frame does not have are not looked at.

        Examples
        --------
        >>> mailings = Table({"sent": required("count", ""), "delivered": required("count", "", not_above("sent"))})
        >>> mailings.faults(pl.DataFrame({"sent": [9, None], "delivered": [10, 1]})).rows()
        [(1, 'sent', 'missing'), (0, 'delivered', 'above_sent')]
        """
        broken = {
            (name, rule.name): ~rule.holds(name)
            for name, column in self.columns.items()
            if name in rows.columns
            for rule in ((*column.checks,) if column.nullable else (MISSING, *column.checks))
            if not rule.other or rule.other in rows.columns
        }
        any_broken = rows.select(expr.any().alias(str(at)) for at, expr in enumerate(broken.values()))
        faults = [pl.DataFrame(schema={"index": pl.UInt32, "column": pl.String, "reason": pl.String})]
        for (name, reason), expr, (broke,) in zip(broken, broken.values(), any_broken.iter_columns(), strict=True):
            if broke:
                index = rows.select(index=expr.arg_true().cast(pl.UInt32))
                faults.append(index.with_columns(column=pl.lit(name), reason=pl.lit(reason)))
        return pl.concat(faults)


MISSING = Rule("missing", lambda name: pl.col(name).is_not_null())


def one_of(*values: str) -> Rule:
    """Rule: the cell is one of these values."""
    return Rule("not_allowed", lambda name: pl.col(name).is_in(list(values)))


def within(low: float, high: float = float("inf")) -> Rule:
    """Rule: the cell lies between two numbers, both included."""
    return Rule("out_of_range", lambda name: pl.col(name).is_between(low, high))


def not_above(other: str) -> Rule:
    """Rule: the cell is at most as large as that of another column."""
    return Rule(f"above_{other}", lambda name: pl.col(name) <= pl.col(other), other)


def not_before(other: str) -> Rule:
    """Rule: the cell is no earlier than that of another column."""
    return Rule(f"before_{other}", lambda name: pl.col(name) >= pl.col(other), other)


def on_scale(kind: str) -> Rule:
    """Rule: the cell is a whole number on the scale of the survey that another column names."""

    def holds(name: str) -> pl.Expr:
        score, answers = pl.col(name), pl.lit(None, dtype=pl.Boolean)
        for scale, (low, high) in SCALES.items():
            fits = score.is_between(low, high) & (score % 1 == 0)
            answers = pl.when(pl.col(kind) == scale).then(fits).otherwise(answers)
        return answers

    return Rule("off_scale", holds, kind)


def required(kind: str, description: str, *checks: Rule) -> Column:
    """Column that a file must have, with something in each cell."""
    return Column(kind, description, checks, "required", nullable=False, costs_row=True)


def blank(kind: str, description: str, *checks: Rule) -> Column:
    """Column that a file must have, and whose cells may be blank."""
    return Column(kind, description, checks, "required", nullable=True)


def optional(kind: str, description: str, *checks: Rule) -> Column:
    """Column that a file may have, and whose cells may be blank."""
    return Column(kind, description, checks, "optional", nullable=True)


def filled(kind: str, description: str, *checks: Rule, costs_row: bool = False) -> Column:
    """Column that a file may have; the table has it in any case, blank where the file does not."""
    return Column(kind, description, checks, "filled", nullable=True, costs_row=costs_row)
