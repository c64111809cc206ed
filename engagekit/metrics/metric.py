"""Ratio and Total: what a metric declares, and how sums become its value and interval; Quantile is in ``quantile``.

Nearly every metric is a ratio of two sums, so the number of rows and of independent units and the sums of x, y, x²,
xy and y² are enough for its value and its interval. Partial sums add up; ``measure`` collects them in one pass.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import (
    Floats,
    net_promoter_interval,
    rate_interval,
    ratio_interval,
    wilson_interval,
)

__all__ = ["Fields", "Metric", "Ratio", "Total", "are_flags"]

Sums = Mapping[str, Floats]
Fields = dict[str, Any]
Words = NDArray[np.str_]
FEW = 5  # units: below it the delta method's interval says little
CARRYING = 30  # units: where x is spread as if it came of fewer, and over half of the units, the interval is too narrow
SUMS = {"delta": ("x", "y", "xx", "xy", "yy"), "wilson": ("x", "y"), "adjusted_wald": ("x", "y", "xx")}


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
class Metric:
    """What every metric declares. Its words are in ``locales/``, under its name.

    Parameters
    ----------
    name : str
        The name it is imported by.
    channel : str
        The section of the report it belongs to.
    table : str
        The table it is arithmetic over: one of the eleven, or a prepared one.
    columns : tuple of str
        Columns it needs; the first one takes a plain list of values.
    any_of : tuple of str, default ()
        Columns of which it needs one at least; the others are missing in every row.
    where : mapping, default {}
        Column and value of the rows that count.
    valid : narwhals.Expr, optional
        What must hold in every row that counts.
    least, most : float, default -inf and inf
        Lowest and highest value that a row can have, before any scale; a row beyond them is impossible.
    unit : str
        The independent unit: ``customer``, ``answer``, ``mailing`` ..., a key of ``unit`` in the locales.
    cluster : str, optional
        Column whose rows are summed to one unit; without it a row is a unit. A row in which it is missing does not
        count.
    once : {"", "y", "xy"}
        Terms that such a unit adds once, at the highest of its rows, however many rows it has.
    measured_in : {"rate", "points", "money", "hours", "seconds", "count", "ratio"}
        What its number is.
    better : {"higher", "lower", ""}
        Which way is better, if any.
    caution : str, default ""
        Warning that goes with every estimate.
    reference : str
        Where the definition comes from.
    """

    name: str
    channel: str
    table: str
    columns: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
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

    def __call__(self, data: Any, by: str | Sequence[str] = (), **options: Any) -> Any:
        """Measure a frame, or a plain list of values of the first column.

        Parameters
        ----------
        data : frame or sequence of numbers
            A pandas, Polars, DuckDB or Spark frame with the metric's columns; or, where it needs only one, a list,
            an array or a Series.
        by : str or sequence of str, optional
            Columns to measure by.
        **options
            Passed on to ``measure``.

        Returns
        -------
        Estimate, or a tidy frame as ``measure`` gives where ``by`` or ``every`` is given.

        Raises
        ------
        DataError
            A column is absent, or a row is impossible; names it.
        TypeError
            A plain list where more than one column is needed.
        """
        from engagekit.metrics.measure import framed, measure

        listed = isinstance(data, Sequence | np.ndarray) and not isinstance(data, str)
        if listed or nw.dependencies.is_into_series(data):
            data = framed(data, self)
        result = measure(data, [self], by=by, **options)
        tidy = bool(by) or options.get("every") is not None
        return result if tidy else Estimate.of(nw.from_native(result).rows(named=True)[0])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(self.columns)} of {self.table}>"

    def _repr_html_(self) -> str:
        from engagekit.metrics.card import card

        return card(self)

    @property
    def terms(self) -> tuple[nw.Expr, nw.Expr | None]:
        """Numerator x and denominator y of a row, which does not count where one of them is missing.

        Without y every row that counts is 1.
        """
        raise NotImplementedError

    @property
    def sums(self) -> tuple[str, ...]:
        """Sums that its estimates need, of x, y, xx, xy and yy; none where they need the values."""
        return ()

    @property
    def undefined(self) -> str:
        """Why it has no value although rows count, a key of ``reason`` in the locales."""
        return "zero_denominator"

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value, before any scale."""
        return self.least, self.most

    def needed(self, names: Sequence[str]) -> list[str]:
        """Columns to read from a frame that has these."""
        given = [name for name in self.any_of if name in names] or self.any_of[:1]
        return [*self.columns, *self.where, *given, *filter(None, [self.cluster])]

    def allowed_by(self, columns: Sequence[str]) -> bool:
        """Whether a table with these columns has all that it needs."""
        needed = {*self.columns, *self.where}
        return needed <= set(columns) and (not self.any_of or bool(set(self.any_of) & set(columns)))

    def margins(self, x: nw.Expr, y: nw.Expr | None) -> list[nw.Expr]:
        """What is below 0 in a row that cannot be true; that a term is infinite shows in its sum."""
        (least, most), whole = self.range, 1 if y is None else y
        found = [] if math.isinf(least) else [x if least == 0 else x - least * whole]
        found += [] if math.isinf(most) else [most * whole - x]
        if y is not None and (least, most) != (0, 1):  # where 0 <= x <= y, so is y
            found.append(y)
        if self.valid is not None:
            wrong = [nw.col(column) == nw.lit(value) for column, value in self.where.items()]
            found.append(nw.when(*wrong, ~self.valid).then(nw.lit(-1.0)))
        return found

    def impossible(self, x: nw.Expr, y: nw.Expr | None) -> nw.Expr:
        """Whether a row that counts cannot be true."""
        wrong = [margin < 0 for margin in self.margins(x, y)]
        wrong += [(term == math.inf) | (term == -math.inf) for term in (x, y) if term is not None]
        return nw.any_horizontal(*wrong, ignore_nulls=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Ratio(Metric):
    """Sum of x over sum of y: a rate, a mean or a score.

    Parameters
    ----------
    numerator : narwhals.Expr
        x of a row. A row in which it is missing does not count.
    denominator : narwhals.Expr, optional
        y of a row, likewise; 1 by default.
    scale : float, default 1
        What the quotient is multiplied by.
    bounded : bool, default False
        x is a part of y, so that the rate lies between 0 and 1; a row where it is more is impossible.
    method : {"delta", "wilson", "adjusted_wald"}
        The interval: ``wilson`` where a unit is one trial, ``adjusted_wald`` for the Net Promoter Score.
    above_one : str, default ""
        Warning where x is more than y although it need not be.
    less : tuple of str, default ()
        Two metrics of which x is the numerator of the first less that of the second, to explain it by.

    Examples
    --------
    >>> stars = Ratio(name="stars", channel="app", table="ratings", columns=("stars",), least=1, most=5,
    ...     numerator=nw.col("stars"), unit="answer", measured_in="points", better="higher")
    >>> stars([4, 5, 3, 4]).value
    4.0
    """

    numerator: nw.Expr
    denominator: nw.Expr | None = None
    scale: float = 1
    bounded: bool = False
    method: Literal["delta", "wilson", "adjusted_wald"] = "delta"
    less: tuple[str, ...] = ()
    above_one: str = ""

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value, before any scale."""
        return (0, 1) if self.bounded else (self.least, self.most)

    @property
    def sums(self) -> tuple[str, ...]:
        """Sums that the interval needs, of x, y, xx, xy and yy."""
        return SUMS[self.method]

    @property
    def terms(self) -> tuple[nw.Expr, nw.Expr | None]:
        """Numerator and denominator."""
        return self.numerator, self.denominator

    def estimates(self, n: Floats, units: Floats, sums: Sums, confidence: float) -> Fields:
        """Fields of ``Estimate`` as arrays, one element a group."""
        x, y = sums["x"], sums["y"]
        value = np.divide(self.scale * x, y, out=np.full(len(y), np.nan), where=y != 0)
        if self.method == "wilson":
            n, units = y if self.cluster is None else n, y
        fields = {"value": value, "numerator": x, "denominator": y, "n": n, "units": units}
        return fields | self._interval(units, sums, confidence)

    def _interval(self, units: Floats, sums: Sums, confidence: float) -> Fields:
        method, warning = (np.full(len(units), text, dtype="<U32") for text in (self.method, ""))
        if self.method == "wilson":
            low, high = wilson_interval(sums["x"], sums["y"], confidence)
            return {"low": low, "high": high, "method": method, "warning": warning}
        if self.method == "adjusted_wald":
            x, xx = sums["x"], sums["xx"]
            points = net_promoter_interval((xx + x) / 2, (xx - x) / 2, sums["y"], confidence)
            low, high = (self.scale / 100 * bound for bound in points)
            return {"low": low, "high": high, "method": method, "warning": warning}
        with np.errstate(over="ignore"):
            carried = sums["x"] ** 2 < np.minimum(CARRYING, units / 2) * sums["xx"]
        warning[(units > 1) & (units < FEW) & (not self.bounded)] = "few_units"
        warning[carried] = "few_carry_it"
        interval = self._of_parts if self.bounded else self._of_ratio
        return {"method": method, "warning": warning} | interval(units, sums, confidence, warning)

    def _of_parts(self, units: Floats, sums: Sums, confidence: float, warning: Words) -> Fields:
        """Of a rate; where units do not differ, each counts as one trial, or the rows where a row is a unit."""
        x, y = sums["x"], sums["y"]
        low, high = rate_interval(**sums, confidence=confidence)
        flat = np.isnan(low) & (y > 0)
        within = flat & ((units == 1) | (self.cluster is None))
        trials = np.where(within, y, np.divide(y**2, sums["yy"], out=np.ones(len(y)), where=y > 0))
        alike = wilson_interval(np.divide(x, y, out=np.zeros(len(y)), where=y > 0) * trials, trials, confidence)
        warning[within] = "within_one_unit"
        return {
            "low": np.where(flat, alike[0], low),
            "high": np.where(flat, alike[1], high),
            "method": np.where(within, "wilson", "effective_wilson"),
        }

    def _of_ratio(self, units: Floats, sums: Sums, confidence: float, warning: Words) -> Fields:
        """Of a ratio or mean; where units do not differ there is none."""
        bounds = ratio_interval(units, **sums, confidence=confidence)
        low, high = (self.scale * bound.clip(*self.range) for bound in bounds)
        warning[units == 1] = "one_unit"
        alike = (low == high) & (units > 1)
        low[alike], high[alike], warning[alike] = np.nan, np.nan, "no_spread"
        above = (sums["x"] > sums["y"]) & (self.above_one != "")
        warning = np.where(above, np.char.add(np.char.add(warning, " "), self.above_one), warning)
        return {"low": low, "high": high, "warning": warning}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Total(Metric):
    """A sum, which has no interval.

    Parameters
    ----------
    value : narwhals.Expr
        What a row adds. A row where it is missing does not count.

    Examples
    --------
    >>> visitors = Total(name="visitors", channel="store", table="days", columns=("visitors",), least=0,
    ...     value=nw.col("visitors"), unit="day", measured_in="count")
    >>> visitors([30, 12, None]).value
    42.0
    """

    value: nw.Expr

    @property
    def terms(self) -> tuple[nw.Expr, None]:
        """The value."""
        return self.value, None

    @property
    def sums(self) -> tuple[str, ...]:
        """The sum of the values."""
        return ("x",)

    def estimates(self, n: Floats, units: Floats, sums: Sums, _confidence: float) -> Fields:
        """Fields of ``Estimate`` as arrays, one element a group."""
        x, none, empty = sums["x"], np.full(len(n), np.nan), np.full(len(n), "")
        fields = {"value": np.where(n > 0, x, np.nan), "numerator": x, "n": n, "units": units}
        return fields | {"low": none, "high": none, "denominator": none, "method": empty, "warning": empty}
