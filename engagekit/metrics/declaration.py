"""Declaration: what a metric says about itself: its rows, its terms, its independent unit and what it collects.

``sums`` collects what a declaration asks for, ``measure`` makes estimates from it, and ``card`` describes it. The
classes that an analyst calls are in ``metric`` and ``quantile``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import narwhals as nw

__all__ = ["Declaration", "Fields", "are_flags"]

Fields = dict[str, Any]


def are_flags(*columns: str) -> nw.Expr:
    """Whether each of these columns of a row is true or false, or 1 or 0, where it is not missing.

    Examples
    --------
    >>> import polars as pl
    >>> pl.DataFrame({"here": [1, 2, None]}).pipe(nw.from_native).select(are_flags("here"))["here"].to_list()
    [True, False, True]
    """
    numbers = [nw.col(column).cast(nw.Float64) for column in columns]
    return nw.all_horizontal(*((number == 0) | (number == 1) for number in numbers), ignore_nulls=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Declaration:
    """What every metric declares. Its title and description are in ``locales/``, under its name.

    Parameters
    ----------
    name : str
        The name it is imported by.
    channel : str
        The section of the report it belongs to.
    table : str
        The table it is arithmetic over: one of the eleven, or a prepared one.
    columns : tuple of str
        Columns that it needs. A plain list of values is taken as the first one.
    any_of : tuple of str, default ()
        Columns of which it needs at least one; the absent ones are missing in every row.
    where : mapping, default {}
        Column and value of the rows that count.
    texts : tuple of str, default ()
        Columns that hold text, besides those of ``where``; numbers are refused there.
    valid : narwhals.Expr, optional
        What must hold in every row that counts.
    least, most : float, default -inf and inf
        Lowest and highest value that a row can have, before any scale. A row beyond them is an error.
    unit : str
        The independent unit: ``customer``, ``answer``, ``mailing`` ..., a key of ``unit`` in the locales.
    cluster : str, optional
        Column that identifies the unit; the rows of a unit are added up. Without it each row is a unit. A row in
        which it is missing does not count.
    once : {"", "y", "xy"}
        Terms of which a unit counts the highest of its rows instead of their sum.
    measured_in : {"rate", "points", "money", "hours", "seconds", "count", "ratio"}
        Unit of the value.
    better : {"higher", "lower", ""}
        Which direction is better, if any.
    caution : str, default ""
        Warning that goes with every estimate.
    reference : str
        Where the definition comes from.
    """

    collects: ClassVar[Literal["sums", "values"]] = "sums"

    name: str
    channel: str
    table: str
    columns: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    valid: nw.Expr | None = None
    least: float = -math.inf
    most: float = math.inf
    unit: str
    cluster: str | None = None
    once: Literal["", "y", "xy"] = ""
    measured_in: Literal["rate", "points", "money", "hours", "seconds", "count", "ratio"]
    better: Literal["higher", "lower", ""] = ""
    caution: str = ""
    reference: str = ""

    @property
    def terms(self) -> tuple[nw.Expr, nw.Expr | None]:
        """Numerator x and denominator y of a row, which does not count where one of them is missing.

        Without y every row that counts is 1.
        """
        raise NotImplementedError

    @property
    def sums(self) -> tuple[str, ...]:
        """Sums that its estimates need, of x, y, xx, xy and yy; empty where it collects values."""
        return ()

    @property
    def undefined(self) -> str:
        """Reason of a NaN value although there are rows, a key of ``reason`` in the locales."""
        return "zero_denominator"

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value, before any scale."""
        return self.least, self.most

    def estimates(self, collected: Any, confidence: float) -> Fields:
        """Fields of ``Estimate`` as arrays, one element per group.

        Parameters
        ----------
        collected : mapping of str to array or list of arrays
            What ``sums`` collected: ``n``, ``units`` and the ``sums`` by group, or a list of arrays of ``x`` (and
            ``y``) by group where the metric collects values.
        confidence : float
            Coverage of the interval, between 0 and 1.
        """
        raise NotImplementedError

    def needed(self, names: Sequence[str]) -> list[str]:
        """Columns to read from a frame whose columns are ``names``."""
        available = [name for name in self.any_of if name in names] or self.any_of[:1]
        return [*self.columns, *self.where, *available, *filter(None, [self.cluster])]

    def allowed_by(self, columns: Sequence[str]) -> bool:
        """Whether a table with these columns has all that it needs."""
        needed = {*self.columns, *self.where}
        return needed <= set(columns) and (not self.any_of or bool(set(self.any_of) & set(columns)))

    def margins(self, x: nw.Expr, y: nw.Expr | None) -> list[nw.Expr]:
        """Expressions that are negative in an impossible row. An infinite term shows in its sum instead."""
        (least, most), whole = self.range, 1 if y is None else y
        margins = [] if math.isinf(least) else [x if least == 0 else x - least * whole]
        margins += [] if math.isinf(most) else [most * whole - x]
        if y is not None and (least, most) != (0, 1):  # where 0 <= x <= y, y is not negative either
            margins.append(y)
        if self.valid is not None:
            invalid = [nw.col(column) == nw.lit(value) for column, value in self.where.items()]
            margins.append(nw.when(*invalid, ~self.valid).then(nw.lit(-1.0)))
        return margins

    def impossible(self, x: nw.Expr, y: nw.Expr | None) -> nw.Expr:
        """Whether a row that counts cannot be true: a negative margin or an infinite term."""
        faults = [margin < 0 for margin in self.margins(x, y)]
        faults += [(term == math.inf) | (term == -math.inf) for term in (x, y) if term is not None]
        return nw.any_horizontal(*faults, ignore_nulls=True)
