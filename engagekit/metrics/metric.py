"""Ratio and Total, the metrics that are made of sums; Quantile is in ``quantile``.

Nearly every metric is a ratio of two sums, so the number of rows and of independent units and the sums of x, y, x²,
xy and y² are enough for its value and its interval. Partial sums add up; ``measure`` collects them in one pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from engagekit.metrics.card import card
from engagekit.metrics.declaration import Declaration, Fields, Term
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.intervals import (
    Floats,
    Interval,
    net_promoter_interval,
    rate_interval,
    ratio_interval,
    unit_skewness,
    wilson_interval,
)
from engagekit.metrics.measure import framed, measure, of_one_kind
from engagekit.metrics.sums import PRODUCTS_OF_PEOPLE

__all__ = ["Metric", "Ratio", "Total", "per_person"]

Sums = Mapping[str, Floats]
Words = NDArray[np.str_]
FEW = 5  # units; with no more the delta method's interval is unreliable
FEW_OF_MONEY = 200  # units; with fewer no sample tells how heavy the tail of money is
HEAVY = 0.3  # of the skewness over √units, which tends to 0 where the tail is light and stays where it is heavy
CARRIERS, MANY = 2, 100  # units that effectively make up a rate, of so many: its interval is too narrow
SQUARES = ("x", "y", "xx", "xy", "yy")
CUBES = ("xxx", "xxy", "xyy", "yyy")
PEOPLE = ("people", "most", *(f"people {name}" for name in PRODUCTS_OF_PEOPLE))
MOST_OF_ONE, PAIR = 0.1, 2  # share of the answers above which one person leaves no interval; a pair does no harm
SUMS = {"delta": SQUARES, "wilson": ("x", "y"), "adjusted_wald": ("x", "y", "xx")}


class Metric(Declaration):
    """A declaration that can be called with data and shows itself as a card in a notebook.

    See ``Declaration`` for the parameters.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit.metrics import click_rate
    >>> sent = pd.DataFrame({"campaign": ["May", "June"], "clicks": [4, 9], "delivered": [100, 100]})
    >>> click_rate(sent)
    6%, 0% to 67%, n = 2
    >>> click_rate(sent, by="campaign")[["campaign", "value"]].to_dict("list")
    {'campaign': ['June', 'May'], 'value': [0.09, 0.04]}

    ``estimates`` makes them from what ``measure`` collects, here from ten rows, five of them a yes:

    >>> yes = Ratio("yes", numerator="yes", bounded=True, method="wilson")
    >>> sums = {"n": np.array([10.0]), "units": np.array([10.0]), "x": np.array([5.0]), "y": np.array([10.0])}
    >>> [yes.estimates(sums, 0.95)[name].round(2).tolist() for name in ("value", "low", "high")]
    [[0.5], [0.24], [0.76]]
    """

    def __call__(self, data: Any, by: str | Sequence[str] = (), **options: Any) -> Any:
        """Measure a frame, or a plain list of values of the first column.

        Parameters
        ----------
        data : frame or sequence of numbers
            A pandas, Polars, DuckDB or Spark frame with the metric's columns; or, where it needs only one column, a
            list, an array or a Series. Of surveys without a column ``kind`` every answer counts.
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
            A column is absent, or a row is impossible; the message names it.
        TypeError
            A plain list where more than one column is needed.
        """
        listed = isinstance(data, Sequence | np.ndarray) and not isinstance(data, str)
        data = framed(data, self) if listed or nw.dependencies.is_into_series(data) else of_one_kind(data, self)
        result = measure(data, [self], by=by, **options)
        tidy = bool(by) or options.get("every") is not None
        if tidy:
            return result
        return Estimate.of(nw.from_native(result).rows(named=True)[0] | {"measured_in": self.measured_in})

    def __repr__(self) -> str:
        columns = ", ".join(self.columns)
        return f"<{type(self).__name__} {self.name}: {columns}{f' of {self.table}' if self.table else ''}>"

    def _repr_html_(self) -> str:
        return card(self)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Ratio(Metric):
    """Sum of x over sum of y: a rate, a mean or a score.

    Parameters
    ----------
    numerator : str or narwhals.Expr
        x of a row: a column or an expression. A row in which it is missing does not count.
    denominator : str or narwhals.Expr, optional
        y of a row, likewise. By default 1.
    scale : float, default 1
        Factor of the quotient.
    bounded : bool, default False
        Whether x is a part of y, so that the rate lies between 0 and 1. A row with x above y is then an error.
    method : {"delta", "wilson", "adjusted_wald"}
        Method of the interval: ``wilson`` where a unit is one trial, ``adjusted_wald`` for the Net Promoter Score.
    above_one : str, default ""
        Warning where x is more than y, which is possible but unusual.
    less : tuple of str, default ()
        Two metrics: x is the numerator of the first minus that of the second. Explanations show both.

    Examples
    --------
    >>> import pandas as pd
    >>> read_rate = Ratio("read_rate", numerator="reads", denominator="delivered", bounded=True)
    >>> read_rate(pd.DataFrame({"reads": [30, 10], "delivered": [100, 300]})).value
    0.1

    Of answers from 1 to 5, whose mean lies within them too:

    >>> stars = Ratio("stars", numerator="stars", least=1, most=5, unit="answer", measured_in="points", better="higher")
    >>> stars([4, 5, 3, 4]).value
    4.0
    """

    numerator: Term
    denominator: Term | None = None
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
        """Sums that the interval needs, of x, y and their products of two and, where 1 does not bound it, of three."""
        cubes = CUBES if self.method == "delta" and not self.bounded else ()
        return SUMS[self.method] + cubes + (PEOPLE if self.person else ())

    @property
    def declared_terms(self) -> tuple[Term, Term | None]:
        """Numerator and denominator."""
        return self.numerator, self.denominator

    @property
    def usual_measure(self) -> str:
        """A rate where it is bounded."""
        return "rate" if self.bounded else "ratio"

    def estimates(self, sums: Sums, confidence: float) -> Fields:
        """Fields of ``Estimate`` as arrays, one element per group."""
        n, units, x, y = (sums[name] for name in ("n", "units", "x", "y"))
        value = np.divide(self.scale * x, y, out=np.full(len(y), np.nan), where=y != 0)
        if self.method == "wilson":
            n, units = y if self.cluster is None else n, y
        fields = {"value": value, "numerator": x, "denominator": y, "n": n, "units": units}
        return fields | self._interval(units, sums, confidence)

    def _interval(self, units: Floats, sums: Sums, confidence: float) -> Fields:
        method, warning = (np.full(len(units), text, dtype="<U32") for text in (self.method, ""))
        if "most" in sums:
            return self._interval_of_people(sums, confidence, method, warning)
        if self.method != "delta":
            low, high = self._answers_interval(sums["x"], sums.get("xx", sums["x"]), sums["y"], confidence)
            return {"low": low, "high": high, "method": method, "warning": warning}
        interval = self._rate_interval if self.bounded else self._ratio_interval
        return {"method": method, "warning": warning} | interval(units, sums, confidence, warning)

    def _interval_of_people(self, sums: Sums, confidence: float, method: Words, warning: Words) -> Fields:
        """Interval of answers of people; none where one of them gave three or more answers and over a tenth."""
        n, most = sums["y"], sums["most"]
        if self.method == "delta":
            products = (sums[f"people {name}"] for name in PRODUCTS_OF_PEOPLE)
            of_people = dict(zip((*SQUARES, *CUBES), (sums["x"], n, *products), strict=True))
            fields = self._ratio_interval(sums["people"], of_people, confidence, warning)
        else:
            effective = n / _design_effect(sums, self.method)
            share = np.divide(effective, n, out=np.zeros(len(n)), where=n > 0)
            x, xx = share * sums["x"], share * sums.get("xx", sums["x"])
            low, high = self._answers_interval(x, xx, effective, confidence)
            if self.method == "wilson":
                method[effective < n] = "effective_wilson"
            fields = {"low": low, "high": high, "warning": warning}
        one_person = (most > PAIR) & (most > MOST_OF_ONE * n)
        warned = np.where(one_person, "one_person", fields["warning"])
        bounds = {name: np.where(one_person, np.nan, fields[name]) for name in ("low", "high")}
        return bounds | {"method": method, "warning": warned}

    def _answers_interval(self, x: Floats, xx: Floats, n: Floats, confidence: float) -> Interval:
        """Interval of n independent answers: a share of them, or a net score of answers that count 1, 0 or -1."""
        if self.method == "wilson":
            return wilson_interval(x, n, confidence)
        low, high = net_promoter_interval((xx + x) / 2, (xx - x) / 2, n, confidence)
        return self.scale / 100 * low, self.scale / 100 * high

    def _rate_interval(self, units: Floats, sums: Sums, confidence: float, warning: Words) -> Fields:
        """Interval of a rate. Where units do not differ each is one trial; a single unit is as many trials as rows."""
        x, y = sums["x"], sums["y"]
        rest, squares = y - x, sums["yy"] - 2 * sums["xy"] + sums["xx"]
        carried = (x**2 < CARRIERS * sums["xx"]) | (rest**2 < CARRIERS * squares)
        warning[carried & (units >= MANY)] = "few_carry_it"
        low, high = rate_interval(**{name: sums[name] for name in self.sums}, confidence=confidence)
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

    def _ratio_interval(self, units: Floats, sums: Sums, confidence: float, warning: Words) -> Fields:
        """Interval of a ratio or mean; NaN where units do not differ."""
        terms = {name: sums[name] for name in (*SQUARES, *CUBES)}
        bounds = ratio_interval(units, **terms, confidence=confidence)
        if not np.isfinite(self.range).all():  # no value can lie far out of a range
            heavy = np.abs(unit_skewness(units, **terms)) > HEAVY * np.sqrt(units)
            warning[heavy] = "few_carry_it"
            if self.measured_in == "money":
                warning[heavy | (units < FEW_OF_MONEY)] = "uneven_money"
        warning[(units > 1) & (units <= FEW)] = "few_units"
        low, high = (self.scale * bound.clip(*self.range) for bound in bounds)
        warning[units == 1] = "one_unit"
        alike = (low == high) & (units > 1)
        low[alike], high[alike], warning[alike] = np.nan, np.nan, "no_spread"
        above = (sums["x"] > sums["y"]) & (self.above_one != "")
        warning = np.where(above, np.char.add(np.char.add(warning, " "), self.above_one), warning)
        return {"low": low, "high": high, "warning": warning}


def _design_effect(sums: Sums, method: str) -> Floats:
    """How many times as much the total of answers varies as if each were of another person, 1 or more.

    Where answers do not differ, those of one person are one.
    """
    n, x = sums["y"], sums["x"]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = x / n
        apart = (x if method == "wilson" else sums["xx"]) - n * mean**2
        together = sums["people xx"] - 2 * mean * sums["people xn"] + mean**2 * sums["people nn"]
        effect = np.where(apart > 0, together / apart, sums["people nn"] / n)
    return np.where(sums["people nn"] > n, np.maximum(effect, 1), 1)


def per_person(metric: Ratio) -> Ratio:
    """Metric of answers in which each person counts once, with the mean of their answers.

    Parameters
    ----------
    metric : Ratio
        One that knows whose its rows are, such as those of surveys. Answers without a person do not count.

    Raises
    ------
    ValueError
        The metric does not.

    Examples
    --------
    >>> import pandas as pd
    >>> from engagekit.metrics import net_promoter_score
    >>> answers = pd.DataFrame({"customer_id": ["a"] * 8 + ["b", "c"], "score": [10] * 8 + [3, 3]})
    >>> net_promoter_score(answers).value, round(per_person(net_promoter_score)(answers).value, 1)
    (60.0, -33.3)
    """
    if not metric.person:
        raise ValueError(f"{metric.name}: no column says whose its rows are")
    least, most = metric.range
    return replace(
        metric,
        name=f"{metric.name}_per_person",
        cluster=metric.person,
        person="",
        once="mean",
        unit="customer",
        method="delta",
        bounded=False,
        least=least,
        most=most,
        less=(),
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Total(Metric):
    """A sum of values. It has no interval.

    Parameters
    ----------
    value : str or narwhals.Expr
        Value of a row: a column or an expression. A row where it is missing does not count.

    Examples
    --------
    >>> visitors = Total("visitors", value="visitors", least=0, unit="day")
    >>> visitors([30, 12, None]).value
    42.0
    """

    value: Term

    @property
    def declared_terms(self) -> tuple[Term, None]:
        """The value."""
        return self.value, None

    @property
    def sums(self) -> tuple[str, ...]:
        """The sum of the values."""
        return ("x",)

    def estimates(self, sums: Sums, _confidence: float) -> Fields:
        """Fields of ``Estimate`` as arrays, one element per group."""
        n, units, x = sums["n"], sums["units"], sums["x"]
        none, empty = np.full(len(n), np.nan), np.full(len(n), "")
        fields = {"value": np.where(n > 0, x, np.nan), "numerator": x, "n": n, "units": units}
        return fields | {"low": none, "high": none, "denominator": none, "method": empty, "warning": empty}
