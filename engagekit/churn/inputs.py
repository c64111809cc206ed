"""What a churn model is fitted to: a frame of numbers and categories, and one known outcome for each row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from engagekit.errors import DataError, TooLittle, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEWEST", "feature_frame", "outcome_labels"]

FEWEST = 50  # customers who churned, and who stayed: a model cannot learn from fewer


def feature_frame(features: Any, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Numbers as floats and all else as text, in a pandas frame.

    Raises
    ------
    DataError
        A column is absent (names the nearest one), or holds times or the like.

    Examples
    --------
    >>> import polars as pl
    >>> feature_frame(pl.DataFrame({"days": [1, 2], "plan": ["a", None]})).to_numpy().tolist()
    [[1.0, 'a'], [2.0, None]]
    """
    import pandas as pd

    given = nw.from_native(features, eager_only=True).to_pandas()
    for name in columns or ():
        if name not in given:
            raise DataError(f"is not a column. {did_you_mean(name, given)}", column=name)
    return pd.DataFrame({name: _column(given[name], str(name)) for name in columns or given}).reset_index(drop=True)


def outcome_labels(churned: ArrayLike, rows: int, fewest: int = FEWEST) -> NDArray[np.bool_]:
    """Outcomes as truth values.

    Raises
    ------
    TooLittle
        Fewer than ``fewest`` customers left, or stayed.
    ValueError
        A label is missing, or there is not one label for each row.

    Examples
    --------
    >>> outcome_labels([0, 1], rows=2, fewest=1).tolist()
    [False, True]
    """
    given = np.asarray(churned)
    if len(given) != rows:
        raise ValueError(f"churned: {len(given)} labels for {rows} rows")
    if given.dtype != bool and not np.isin(given, [0, 1]).all():
        raise ValueError(
            "churned: holds more than whether a customer left. Leave out customers whose horizon has not ended"
        )
    labels: NDArray[np.bool_] = given.astype(bool)
    for outcome, number in (("left", labels.sum()), ("stayed", len(labels) - labels.sum())):
        if number < fewest:
            problem = f"{number} customers {outcome}, and a model needs at least {fewest}."
            raise TooLittle(f"{problem} Take more dates or a longer horizon.", column="churned")
    return labels


def _column(column: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    from pandas import CategoricalDtype, StringDtype
    from pandas.api.types import infer_dtype, is_numeric_dtype

    if is_numeric_dtype(column) or column.isna().all():
        return column.astype(float)
    if column.dtype == object or isinstance(column.dtype, CategoricalDtype | StringDtype):
        words = column.astype(object)
        if infer_dtype(words, skipna=True) != "string":
            words = words.map(str, na_action="ignore")
        return words.where(column.notna(), None)
    problem = f"is {column.dtype}, neither number nor category. Turn it into one, such as days."
    raise DataError(problem, column=name)
