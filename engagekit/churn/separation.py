"""How well single columns separate the customers who left from those who stayed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engagekit.churn.statistics import Order, Ranking, mean_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Rows",
    "Sign",
    "as_words",
    "cell_rates",
    "column_signs",
    "correlations",
    "fall",
    "filled",
    "numbers_of",
    "strength",
    "turned",
    "unchanging",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

PRIOR = 2  # customers with the mean rate who are added to each cell
LONGEST = 20  # digits of a number in a text


@dataclass(frozen=True)
class Rows:
    """Rows that a model is fitted to, followed by those that it is tested on.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``churned`` and, where given, ``customer_id`` and ``date``.
    tested : ndarray of bool
        Which rows are the test's.
    """

    table: "pd.DataFrame"
    tested: Bools

    @cached_property
    def churned(self) -> Bools:
        """Who left."""
        churned: Bools = self.table["churned"].to_numpy(bool)
        return churned

    @cached_property
    def customer(self) -> Ints:
        """Number of each row's customer; every row is one where there are no ids."""
        import pandas as pd

        rows = np.arange(len(self.table))
        codes = pd.factorize(self.table["customer_id"])[0] if "customer_id" in self.table else rows
        return codes.astype(np.int64)

    @cached_property
    def date(self) -> Ints:
        """Number of each row's date, in their order; 0 where there are none."""
        import pandas as pd

        dates = pd.factorize(self.table["date"], sort=True)[0] if "date" in self.table else 0 * self.customer
        return dates.astype(np.int64)

    def auc(self, risk: Floats, part: Bools) -> Ranking:
        """ROC AUC of a risk on some of the rows."""
        return Order(risk[part]).roc_auc(self.churned[part])


@dataclass(frozen=True)
class Sign:
    """A risk that is made of one column, or of two.

    Attributes
    ----------
    suspect : {"alone", "pair", "difference"}
    columns : tuple of str
    risk : ndarray
        One for each row; high values go with leaving.
    number : bool
        Whether it is a number, or an order of texts, as many honest features are; else a flag, a category, a pair.
    beside : ndarray, optional
        Risk that it has to be better than.
    """

    suspect: str
    columns: tuple[str, ...]
    risk: Floats
    number: bool = False
    beside: Floats | None = None


def column_signs(rows: Rows, names: Sequence[str]) -> Iterator[Sign]:
    """Risk of each column by itself or of whether it is blank, whichever separates better.

    A number is a risk as it is, and so is a text's place in their order; a category counts as the churn rate that it
    has in the other part of the rows.
    """
    for name in names:
        blank: Floats = rows.table[name].isna().to_numpy().astype(float)
        signs = [turned(rows, _alone(rows, name))]
        signs += [turned(rows, Sign("alone", (name,), blank))] if blank.any() else []
        yield max(signs, key=lambda sign: strength(sign.risk, rows.churned))


def correlations(rows: Rows, risk: Floats, others: Sequence[Floats], stratum: Ints) -> Floats:
    """Rank correlation of a risk with each of others within strata, in standard errors, with customers as units."""
    own, scores = _centred_ranks(risk, stratum), []
    for other in others:
        sums = np.bincount(rows.customer, own * _centred_ranks(other, stratum))
        spread = np.sqrt((sums**2).sum())
        scores.append(sums.sum() / spread if spread else 0.0)
    return np.array(scores)


def unchanging(rows: Rows, name: str) -> bool:
    """Whether a column is the same on all dates of a customer, of whom some have several."""
    _, first, customer = np.unique(rows.customer, return_index=True, return_inverse=True)
    column = rows.table[name]
    if len(first) == len(column) or "date" not in rows.table:
        return False
    values = numbers_of(column)
    return bool(np.array_equal(values, values[first][customer], equal_nan=True))


def fall(rows: Rows, risk: Floats) -> Ranking | None:
    """How much lower the ROC AUC of a risk is on the test rows than on earlier dates; None where one is not defined.

    Dates are weighted by their rows. Influence is that of every row.
    """
    now, dates = rows.auc(risk, rows.tested), np.unique(rows.date[~rows.tested])
    parts = [~rows.tested & (rows.date == date) for date in dates]
    earlier = [(part, auc) for part in parts if not np.isnan((auc := rows.auc(risk, part)).value)]
    if not earlier or np.isnan(now.value):
        return None
    before = mean_of([auc for _, auc in earlier], [part.sum() for part, _ in earlier])
    influence = np.zeros(len(risk))
    influence[np.concatenate([np.flatnonzero(part) for part, _ in earlier])] = before.influence
    influence[rows.tested] -= now.influence
    return Ranking(before.value - now.value, influence)


def _centred_ranks(values: Floats, stratum: Ints) -> Floats:
    from scipy.stats import rankdata

    ranks: Floats = rankdata(values) / len(values)
    means = np.bincount(stratum, ranks) / np.maximum(np.bincount(stratum), 1)
    return ranks - means[stratum]


def _alone(rows: Rows, name: str) -> Sign:
    from pandas.api.types import is_numeric_dtype

    column = rows.table[name]
    if is_numeric_dtype(column):
        return Sign("alone", (name,), filled(numbers_of(column)), number=column.nunique() > 2)
    words = as_words(column)
    if words.nunique() <= len(words) ** 0.5:  # with more categories hardly any customers share one
        return Sign("alone", (name,), _crossed_rates(rows, words))
    return Sign("alone", (name,), _places(words), number=True)


def turned(rows: Rows, sign: Sign) -> Sign:
    """A sign whose high values go with leaving."""
    falls = Order(sign.risk).roc_auc(rows.churned).value < 1 / 2
    return replace(sign, risk=-sign.risk) if falls else sign


def numbers_of(column: "pd.Series[Any]") -> Floats:
    """Numbers or truth values of a column; NaN where it is blank."""
    values: Floats = column.to_numpy(float, na_value=np.nan)
    return values


def filled(values: Floats) -> Floats:
    """Numbers, with the median where they are blank.

    Examples
    --------
    >>> filled(np.array([1.0, np.nan, 3.0])).tolist()
    [1.0, 2.0, 3.0]
    """
    known = values[~np.isnan(values)]
    filled: Floats = np.where(np.isnan(values), np.median(known) if len(known) else 0.0, values)
    return filled


def as_words(column: "pd.Series[Any]") -> "pd.Series[str]":
    """Texts of a column; empty where it is blank."""
    return column.astype(object).where(column.notna(), "").astype(str)


def _places(words: "pd.Series[str]") -> Floats:
    """Place of each text in their order, where numbers in it count as numbers: C9 is before C10."""
    from pandas import factorize

    codes, texts = factorize(words)
    parts = [[(part.isdigit(), part.zfill(LONGEST), part) for part in re.split(r"(\d+)", text)] for text in texts]
    places = np.empty(len(texts))
    places[sorted(range(len(texts)), key=parts.__getitem__)] = np.arange(len(texts))
    return places[codes]


def _crossed_rates(rows: Rows, words: "pd.Series[str]") -> Floats:
    """Churn rate of each row's category among the rows of the other part."""
    from pandas import factorize

    codes = factorize(words)[0]
    risk = np.zeros(len(codes))
    for part in (rows.tested, ~rows.tested):
        n, left = (np.bincount(codes[rest], minlength=codes.max() + 1) for rest in (~part, ~part & rows.churned))
        risk[part] = cell_rates(n, left)[codes[part]]
    return risk


def cell_rates(n: NDArray[Any], left: NDArray[Any]) -> Floats:
    """Churn rate of each cell, drawn towards the mean of all by two customers.

    Examples
    --------
    With one of four customers gone the mean is (1 + 1) / (4 + 2):

    >>> cell_rates(np.array([4, 0]), np.array([1, 0])).round(3).tolist()
    [0.278, 0.333]
    """
    total = n.sum(axis=-1, keepdims=True)
    mean = (left.sum(axis=-1, keepdims=True) + 1) / (total + 2)
    rates: Floats = (left + PRIOR * mean) / (n + PRIOR)
    return rates


def strength(values: Floats, churned: Bools) -> float:
    """ROC AUC in the direction in which it is at least 1/2.

    Examples
    --------
    >>> strength(np.array([1.0, 2.0, 3.0]), np.array([True, False, False]))
    1.0
    """
    auc = Order(values).roc_auc(churned).value
    return max(auc, 1 - auc)
