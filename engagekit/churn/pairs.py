"""How well two columns together separate the customers who left from those who stayed."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engagekit.churn.separation import Rows, Sign, as_words, cell_rates, filled, numbers_of, strength, turned

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["difference_signs", "pair_signs"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

BINS = 4  # of a column
SCREENED = 2_000  # rows that all differences are tried on
MOST_PAIRS = 5  # pairs that are looked at more closely
GAIN = 0.05  # ROC AUC that two columns must have above each alone


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
    rates, alone_rates = (cell_rates(*each) for each in (flat, (alone_n, alone_left)))
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
    values = {name: numbers_of(rows.table[name]) for name in numbers if rows.table[name].nunique() > BINS}
    some = np.linspace(0, len(rows.table) - 1, min(SCREENED, len(rows.table))).astype(int)
    churned = rows.churned[some]
    alone = {name: strength(filled(each[some]), churned) for name, each in values.items()}
    for part, total in permutations(values, 2):
        rest = values[total][some] - values[part][some]
        strongest = max(floor, alone[part] + GAIN, alone[total] + GAIN)
        if not (rest < 0).any() and strength(filled(rest), churned) > strongest:
            yield turned(rows, Sign("difference", (part, total), filled(values[total] - values[part])))


def _bins(column: "pd.Series[Any]") -> Ints:
    """Bin of each row: a quarter of the numbers; one of the commonest categories, or the others; or blank."""
    from pandas.api.types import is_numeric_dtype

    blank = column.isna().to_numpy()
    if blank.all():
        return np.full(len(blank), BINS)
    if is_numeric_dtype(column):
        values = numbers_of(column)
        edges = np.unique(np.quantile(values[~blank], np.arange(1, BINS) / BINS))
        bins = np.searchsorted(edges, values)
    else:
        words = as_words(column)
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


def _table_auc(n: Floats, left: Floats) -> Floats:
    """ROC AUC of the cells of each table, in the order of their rates; 1/2 where all did the same."""
    order = np.argsort(-left / np.maximum(n, 1), axis=1, kind="stable")
    gone, stayed = (np.take_along_axis(each, order, 1) for each in (left, n - left))
    ahead = ((np.cumsum(gone, 1) - gone / 2) * stayed).sum(1)
    pairs = gone.sum(1) * stayed.sum(1)
    auc: Floats = np.where(pairs > 0, ahead / np.maximum(pairs, 1), 1 / 2)
    return auc
