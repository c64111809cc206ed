"""Transformers of customer features: the terms of an additive model, and the columns that trees split."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import SplineTransformer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AdditiveTerms", "CategoryLevels", "TreeColumns", "split_columns"]

Floats = NDArray[np.float64]

KNOTS = 5
FEWEST_VALUES = 3  # of a number that gets a curve; one with fewer is a straight line
MOST_CATEGORIES = 100  # of a column; the rarer ones count as one


class AdditiveTerms(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Terms of an additive model: a spline of each number, an indicator of each category.

    A number that takes two values, or nearly one, is standardised instead. A missing number takes the median; a column
    that had missing numbers when the transformer was fitted gets an indicator of them besides. A category that was not
    there then has no indicator.

    Attributes
    ----------
    names_ : list of str
        Column that each term is made of.
    numbers_, categories_, blank_ : list of str
        Columns of numbers, columns of categories, and numbers with an indicator of what is missing.

    Notes
    -----
    Columns whose splines have as many knots share one transformer: scikit-learn's cost is by call, not by column.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"days": [0.0, 1.0, 2.0, 3.0, 4.0], "plan": ["a", "b", "a", "b", "a"]})
    >>> AdditiveTerms().fit(table).names_
    ['days', 'days', 'days', 'days', 'days', 'days', 'plan', 'plan']
    """

    def fit(self, frame: "pd.DataFrame", _: Any = None) -> Self:
        """Find medians, knots and categories.

        Parameters
        ----------
        frame : pandas.DataFrame
            Numbers as floats and categories as objects.
        """
        self.numbers_, self.categories_ = split_columns(frame)
        numbers = frame[self.numbers_].to_numpy(float)
        self.medians_ = np.nanmedian(numbers, axis=0) if self.numbers_ else np.zeros(0)
        self.blank_ = [name for name, blank in zip(self.numbers_, np.isnan(numbers).any(axis=0), strict=True) if blank]
        knots = {name: _knots(frame[name]) for name in self.numbers_}
        sizes = sorted({len(each) for each in knots.values() if len(each)})
        self.curved_ = [[name for name in self.numbers_ if len(knots[name]) == size] for size in sizes]
        self.straight_ = [name for name in self.numbers_ if not len(knots[name])]
        filled = self._filled(frame)
        self.curves_ = [
            SplineTransformer(
                knots=np.column_stack([knots[name] for name in names]), extrapolation="linear", include_bias=False
            ).fit(filled[:, self._places(names)])
            for names in self.curved_
        ]
        straight = filled[:, self._places(self.straight_)]
        self.centre_, spread = straight.mean(axis=0), straight.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        self.levels_ = [CategoryLevels().fit(frame[name]) for name in self.categories_]
        self.names_ = self._names()
        return self

    def transform(self, frame: "pd.DataFrame") -> Floats:
        """Terms of each row, in the order of ``names_``."""
        filled = self._filled(frame)
        parts = [
            curve.transform(filled[:, self._places(names)])
            for curve, names in zip(self.curves_, self.curved_, strict=True)
        ]
        parts += [(filled[:, self._places(self.straight_)] - self.centre_) / self.spread_]
        parts += [frame[self.blank_].isna().to_numpy(float)]
        for name, levels in zip(self.categories_, self.levels_, strict=True):
            parts += [(levels.transform(frame[name])[:, None] == np.arange(levels.n_)).astype(float)]
        return np.hstack(parts)

    def _names(self) -> list[str]:
        names = [
            name
            for curve, curved in zip(self.curves_, self.curved_, strict=True)
            for name in np.repeat(curved, curve.n_features_out_ // len(curved)).tolist()
        ]
        names += self.straight_ + self.blank_
        for name, levels in zip(self.categories_, self.levels_, strict=True):
            names += [name] * levels.n_
        return names

    def _filled(self, frame: "pd.DataFrame") -> Floats:
        numbers = frame[self.numbers_].to_numpy(float)
        return np.where(np.isnan(numbers), self.medians_, numbers)

    def _places(self, names: list[str]) -> list[int]:
        return [self.numbers_.index(name) for name in names]


class TreeColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns as trees take them: codes of categories first, then numbers as they are.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"days": [1.5, 2.0], "plan": ["b", "a"]})
    >>> TreeColumns().fit_transform(table).tolist()
    [[1.0, 1.5], [0.0, 2.0]]
    """

    def fit(self, frame: "pd.DataFrame", _: Any = None) -> Self:
        """Find categories, as ``AdditiveTerms.fit`` takes them."""
        self.numbers_, self.categories_ = split_columns(frame)
        self.levels_ = [CategoryLevels().fit(frame[name]) for name in self.categories_]
        return self

    def transform(self, frame: "pd.DataFrame") -> Floats:
        """Codes and numbers of each row; NaN for what is missing or was not there in fitting."""
        codes = [levels.transform(frame[name]) for name, levels in zip(self.categories_, self.levels_, strict=True)]
        columns: Floats = np.column_stack([*codes, frame[self.numbers_].to_numpy(float)])
        return columns


class CategoryLevels(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Codes of a column's categories, in the order of their names.

    What is missing has a code of its own after them, and rare categories share the last one.

    Attributes
    ----------
    names_ : list of str
        Categories with a code of their own.
    n_ : int
        How many codes there are.

    Notes
    -----
    scikit-learn's encoders give the same codes, but count the categories in a loop over the rows, which took 40 % of
    the time of fitting a logistic model.

    Examples
    --------
    >>> import pandas as pd
    >>> levels = CategoryLevels().fit(pd.Series(["b", "a", None, "b"], dtype=object))
    >>> levels.transform(pd.Series(["a", "b", None, "c"], dtype=object)).tolist()
    [0.0, 1.0, 2.0, nan]
    """

    def fit(self, column: "pd.Series[Any]") -> Self:
        """Find the categories, and whether some rows have none."""
        counts = column.value_counts()
        names = sorted(counts.index, key=lambda name: (-counts[name], name))
        self.rare_, self.blank_ = len(names) > MOST_CATEGORIES, bool(column.isna().any())
        self.names_ = sorted(names[: MOST_CATEGORIES - 1] if self.rare_ else names)
        self.n_ = len(self.names_) + self.blank_ + self.rare_
        return self

    def transform(self, column: "pd.Series[Any]") -> Floats:
        """Code of each row; NaN for a category that was not there in fitting, unless rare ones have a code."""
        from pandas import Index

        codes: Floats = Index(self.names_, dtype=object).get_indexer(column).astype(float)
        blank = column.isna().to_numpy()
        codes[(codes < 0) & ~blank] = self.n_ - 1 if self.rare_ else np.nan
        codes[blank] = len(self.names_) if self.blank_ else np.nan
        return codes


def split_columns(frame: "pd.DataFrame") -> tuple[list[str], list[str]]:
    """Names of the columns of numbers, and of those of categories."""
    numbers = [str(name) for name in frame if frame[name].dtype == float]
    return numbers, [str(name) for name in frame if name not in numbers]


def _knots(column: "pd.Series[float]") -> Floats:
    """Knots of a number's spline, at different quantiles; none where a straight line is all that it can have."""
    known = column.dropna().to_numpy()
    knots: Floats = np.unique(np.quantile(known, np.linspace(0, 1, KNOTS)))
    curved = len(np.unique(known)) >= FEWEST_VALUES and len(knots) >= FEWEST_VALUES
    return knots if curved else np.zeros(0)
