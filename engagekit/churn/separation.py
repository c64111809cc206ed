"""How well single columns, and two together, separate the customers who left from those who stayed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engagekit.churn.statistics import Order, Ranking, mean_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Rows",
    "Sign",
    "column_signs",
    "correlations",
    "difference_signs",
    "fall",
    "pair_signs",
    "unchanging",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

BINS = 4  # of a column in a table of two
PRIOR = 2  # customers with the mean rate who are added to each cell
SCREENED = 2_000  # rows that all differences of two columns are tried on
MOST_PAIRS = 5  # pairs that are looked at more closely
GAIN = 0.05  # ROC AUC that two columns must have above each alone
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
        blank = rows.table[name].isna().to_numpy(float)
        signs = [_turned(rows, _alone(rows, name))]
        signs += [_turned(rows, Sign("alone", (name,), blank))] if blank.any() else []
        yield max(signs, key=lambda sign: _strength(sign.risk, rows.churned))


def pair_signs(rows: Rows, names: Sequence[str], floor: float) -> Iterator[Sign]:
    """Two columns whose cross table has a ROC AUC above a floor, and well above that of each alone.

    The risk is the churn rate of a cell among the rows fitted to; it stands beside the sum of the log odds that the
    two columns have alone, so that only what is in neither of them counts.
    """
    if len(names) < 2:
        return
    codes = np.column_stack([_bins(rows.table[name]) for name in names])
    first, second = np.triu_indices(len(names), 1)
    n, left = _cross_tables(codes, ~rows.tested, rows.churned)
    alone_n, alone_left = (np.diagonal(each, axis1=2, axis2=3)[np.diag_indices(len(names))] for each in (n, left))
    flat = [each[first, second].reshape(len(first), -1) for each in (n, left)]
    together, alone = _table_auc(*flat), _table_auc(alone_n, alone_left)
    wanted = np.flatnonzero((together > floor) & (together > np.maximum(alone[first], alone[second]) + GAIN))
    rates, alone_rates = (_rates(*each) for each in (flat, (alone_n, alone_left)))
    odds = np.log(alone_rates / (1 - alone_rates))
    for pair in wanted[np.argsort(-together[wanted], kind="stable")][:MOST_PAIRS]:
        one, two = int(first[pair]), int(second[pair])
        cell = codes[:, one] * (BINS + 1) + codes[:, two]
        beside = odds[one][codes[:, one]] + odds[two][codes[:, two]]
        yield Sign("pair", (names[one], names[two]), rates[pair][cell], beside=beside)


def difference_signs(rows: Rows, names: Sequence[str], floor: float) -> Iterator[Sign]:
    """A total and a part of it whose difference has a ROC AUC above a floor, and well above that of each alone.

    So have a total that includes the future and what it was on the date. Two numbers of which one is never below the
    other count as a total and its part.
    """
    from pandas.api.types import is_numeric_dtype

    numbers = [name for name in names if is_numeric_dtype(rows.table[name])]
    values = {name: _numbers(rows.table[name]) for name in numbers if rows.table[name].nunique() > BINS}
    some = np.linspace(0, len(rows.table) - 1, min(SCREENED, len(rows.table))).astype(int)
    churned = rows.churned[some]
    alone = {name: _strength(_filled(each[some]), churned) for name, each in values.items()}
    for part, total in permutations(values, 2):
        rest = values[total][some] - values[part][some]
        strongest = max(floor, alone[part] + GAIN, alone[total] + GAIN)
        if not (rest < 0).any() and _strength(_filled(rest), churned) > strongest:
            yield _turned(rows, Sign("difference", (part, total), _filled(values[total] - values[part])))


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
    values = _numbers(column)
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
        return Sign("alone", (name,), _filled(_numbers(column)), number=column.nunique() > 2)
    words = _words(column)
    if words.nunique() <= len(words) ** 0.5:  # with more categories hardly any customers share one
        return Sign("alone", (name,), _crossed_rates(rows, words))
    return Sign("alone", (name,), _places(words), number=True)


def _turned(rows: Rows, sign: Sign) -> Sign:
    falls = rows.auc(sign.risk, np.ones(len(sign.risk), bool)).value < 1 / 2
    return replace(sign, risk=-sign.risk) if falls else sign


def _numbers(column: "pd.Series[Any]") -> Floats:
    values: Floats = column.to_numpy(float, na_value=np.nan)
    return values


def _filled(values: Floats) -> Floats:
    """Numbers, with the median where they are blank."""
    known = values[~np.isnan(values)]
    filled: Floats = np.where(np.isnan(values), np.median(known) if len(known) else 0.0, values)
    return filled


def _words(column: "pd.Series[Any]") -> "pd.Series[str]":
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
        risk[part] = _rates(n, left)[codes[part]]
    return risk


def _bins(column: "pd.Series[Any]") -> Ints:
    """Bin of each row: a quarter of the numbers; one of the commonest categories, or the others; or blank."""
    from pandas.api.types import is_numeric_dtype

    blank = column.isna().to_numpy()
    if blank.all():
        return np.full(len(blank), BINS)
    if is_numeric_dtype(column):
        values = _numbers(column)
        edges = np.unique(np.quantile(values[~blank], np.arange(1, BINS) / BINS))
        bins = np.searchsorted(edges, values)
    else:
        words = _words(column)
        counts = words[~blank].value_counts()
        commonest = sorted(counts.index, key=lambda word: (-counts[word], word))[: BINS - 1]
        bins = words.map({word: place for place, word in enumerate(commonest)}).fillna(BINS - 1).to_numpy(int)
    return np.where(blank, BINS, bins)


def _cross_tables(codes: Ints, part: Bools, churned: Bools) -> tuple[Floats, Floats]:
    """Rows of each bin of a column with each of another, and how many of them left: column, column, bin, bin."""
    columns, size = codes.shape[1], BINS + 1
    cells = np.zeros((len(codes), columns * size), np.float32)  # counts below 2^24 are exact
    cells[np.arange(len(codes))[:, None], codes + size * np.arange(columns)] = 1
    tables = [(own.T @ own).astype(float) for own in (cells[part], cells[part & churned])]
    n, left = (table.reshape(columns, size, columns, size).swapaxes(1, 2) for table in tables)
    return n, left


def _rates(n: NDArray[Any], left: NDArray[Any]) -> Floats:
    """Churn rate of each cell, drawn towards the mean of all."""
    total = n.sum(axis=-1, keepdims=True)
    mean = (left.sum(axis=-1, keepdims=True) + 1) / (total + 2)
    rates: Floats = (left + PRIOR * mean) / (n + PRIOR)
    return rates


def _table_auc(n: Floats, left: Floats) -> Floats:
    """ROC AUC of the cells of each table, in the order of their rates; 1/2 where all did the same."""
    order = np.argsort(-left / np.maximum(n, 1), axis=1, kind="stable")
    gone, stayed = (np.take_along_axis(each, order, 1) for each in (left, n - left))
    ahead = ((np.cumsum(gone, 1) - gone / 2) * stayed).sum(1)
    pairs = gone.sum(1) * stayed.sum(1)
    auc: Floats = np.where(pairs > 0, ahead / np.maximum(pairs, 1), 1 / 2)
    return auc


def _strength(values: Floats, churned: Bools) -> float:
    auc = Order(values).roc_auc(churned).value
    return max(auc, 1 - auc)
