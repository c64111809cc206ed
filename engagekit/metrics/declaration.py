"""Declaration: what a metric says about itself: its rows, its terms, its independent unit and what it collects.

``sums`` collects what a declaration asks for, ``measure`` makes estimates from it, and ``card`` describes it. The
classes that an analyst calls are in ``metric`` and ``quantile``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import narwhals as nw

__all__ = ["MADE_BY", "Declaration", "Fields", "Term", "are_flags"]

Fields = dict[str, Any]
Term = nw.Expr | str
MADE_BY = {
    "orders": "orders(interactions)",
    "buyers": "buyers(orders)",
    "visits": "visits(interactions)",
    "views": "views(interactions)",
    "activity": "monthly_activity(interactions)",
    "base": "active_base(interactions | subscriptions, dates, churn)",
    "lifecycle": "lifecycle(interactions | subscriptions, edges, churn)",
    "cancellations": "customers",
    "newcomers": "newcomers(interactions, end, key_actions, customers)",
    "replies": "support_hours(mentions, end, week, 'time')",
    "waits": "support_hours(tickets)",
    "invitations": "surveys",
    "scores": "Scorecard.score(customer_features(history))",
}


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
    """What every metric declares. The title and description of the kit's own are in ``locales/``, under their name.

    Parameters
    ----------
    name : str
        The name it is imported by.
    channel : str, default ""
        The section of the report it belongs to.
    table : str, default ""
        The table it is arithmetic over: one of the eleven, or a prepared one. A study needs it, a frame does not.
    columns : tuple of str, optional
        Columns that it needs; by default those that its terms name. A plain list of values is taken as the first one.
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
    unit : str, optional
        The independent unit: ``customer``, ``answer``, ``mailing`` ..., a key of ``unit`` in the locales. By default
        ``row`` or, with a ``cluster``, what that identifies.
    cluster : str, optional
        Column that identifies the unit; the rows of a unit are added up. Without it each row is a unit. A row in
        which it is missing does not count.
    once : {"", "y", "xy", "mean"}
        Terms of which a unit counts the highest of its rows instead of their sum; ``mean``: each unit counts once, with
        the mean of its rows.
    latest : str, default ""
        Column of times by which only the last row of each unit counts, such as of a stand that is read now and then.
    person : str, default ""
        Column that says whose a row is, where the frame has it. Rows of one person depend on one another, so that the
        interval takes them for fewer; a row without a person stands alone.
    ripens_after : str, default ""
        Days after a period until what follows its rows (a reopening, a rating, a refund, a conversion) is nearly all
        in, such as ``"30d"``. Until then an estimate of the period carries the warning ``unripe``.
    ripens_at : str, default ""
        Column that dates what follows, where it is recorded; then two periods are compared at equal age.
    measured_in : {"rate", "points", "money", "hours", "seconds", "count", "ratio"}, optional
        Unit of the value; by default a rate where it is bounded, a ratio where it is not, else a count.
    better : {"higher", "lower", ""}
        Which direction is better, if any.
    caution : str, default ""
        Warning that goes with every estimate.
    reference : str, default ""
        Where the definition comes from.

    Raises
    ------
    ValueError
        A term is an expression, and no column is named.

    Examples
    --------
    >>> from engagekit import Ratio
    >>> reads = Ratio("reads", numerator="read", denominator="sent", bounded=True)
    >>> reads.declared_terms, reads.usual_measure, reads.range, reads.undefined
    (('read', 'sent'), 'rate', (0, 1), 'zero_denominator')
    >>> reads.needed(["day", "read", "sent"]), reads.allowed_by(["day", "read"]), reads.sums
    (['read', 'sent'], False, ('x', 'y', 'xx', 'xy', 'yy'))

    Nobody reads 9 mails of 8, where sent - read is a margin below 0:

    >>> x, y = reads.terms
    >>> rows = nw.from_dict({"read": [4, 9], "sent": [100, 8]}, backend="polars")
    >>> rows.select(wrong=reads.impossible(x, y))["wrong"].to_list()
    [False, True]
    >>> rows.select(margin=reads.margins(x, y)[-1])["margin"].to_list()
    [96, -1]
    """

    collects: ClassVar[Literal["sums", "values"]] = "sums"

    name: str = field(kw_only=False)
    channel: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    valid: nw.Expr | None = None
    least: float = -math.inf
    most: float = math.inf
    unit: str = ""
    cluster: str | None = None
    once: Literal["", "y", "xy", "mean"] = ""
    latest: str = ""
    person: str = ""
    ripens_after: str = ""
    ripens_at: str = ""
    measured_in: Literal["rate", "points", "money", "hours", "seconds", "count", "ratio", ""] = ""
    better: Literal["higher", "lower", ""] = ""
    caution: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        """Fill in what was not said."""
        named = tuple(dict.fromkeys(term for term in self.declared_terms if isinstance(term, str)))
        if not (self.columns or self.any_of) and any(isinstance(term, nw.Expr) for term in self.declared_terms):
            raise ValueError(f"{self.name}: name the columns of its expressions, such as columns=('clicks',)")
        for name, value in (
            ("columns", named),
            ("unit", (self.cluster or "row").removesuffix("_id")),
            ("measured_in", self.usual_measure),
        ):
            if not getattr(self, name):
                object.__setattr__(self, name, value)  # as a frozen dataclass sets its fields

    @property
    def declared_terms(self) -> tuple[Term, Term | None]:
        """Numerator and denominator of a row, each an expression or the name of a column."""
        raise NotImplementedError

    @property
    def terms(self) -> tuple[nw.Expr, nw.Expr | None]:
        """Numerator x and denominator y of a row, which does not count where one of them is missing.

        Without y every row that counts is 1.
        """
        x, y = self.declared_terms
        return _expression(x), None if y is None else _expression(y)

    @property
    def usual_measure(self) -> str:
        """Unit of a value whose unit is not declared."""
        return "count"

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
        person = self.person if self.person in names else None
        return [*self.columns, *self.where, *available, *filter(None, [self.cluster, self.latest, person])]

    def allowed_by(self, columns: Sequence[str]) -> bool:
        """Whether a table with these columns has all that it needs."""
        needed = {*self.columns, *self.where, *filter(None, [self.latest])}
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


def _expression(term: Term) -> nw.Expr:
    return nw.col(term) if isinstance(term, str) else term
