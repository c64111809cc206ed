"""Whether customers are still like those that a model was trained on (population stability index)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from engagekit.metrics.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AGEING", "drift"]

AGEING = ("tenure_days", "tenure_share")  # features that move by themselves from one date to the next
BINS = 10
MOST_CATEGORIES = 20
HALF = 0.5  # customers added to each bin, so that no share is 0
CONFIDENCE, FALSE_DISCOVERIES = 0.95, 0.1
BLANK, OTHER = "blank", "other"


def drift(before: Any, after: Any, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Population stability index of each column between two groups of customers, from 0 up.

    ``tenure_days`` and ``tenure_share`` are left out: they move by themselves with every day, and say nothing about
    whether customers changed.

    Parameters
    ----------
    before, after : pandas.DataFrame or polars.DataFrame
        Numbers and categories, one row a customer, in any order.
    columns : sequence of str, optional
        By default all columns that both have.

    Returns
    -------
    pandas.DataFrame
        One row a column, by falling ``value`` and then by name:

        - ``column``;
        - ``value``, the index;
        - ``by_chance``, the bound below which the index stays in 95 % of cases where nothing has changed and the groups
          are different customers [1]_. With the same customers on two dates it stays below more often;
        - ``moved``, whether the index is beyond chance at a false-discovery rate of 10 % over all columns.

    Raises
    ------
    ValueError
        One of the groups has no customers.

    Notes
    -----
    The index is Σ (after − before) log(after / before), of the shares of customers in each bin, with half a customer
    added to each. Bins are the tenths of ``before``, or its twenty commonest categories and the others, and blank.

    It is customary to say that below 0.1 nothing has changed and above 0.25 much has. This holds for no size of groups
    in particular.

    References
    ----------
    .. [1] Yurdakul, B., & Naranjo, J. (2020). Statistical properties of the population stability index. Journal of Risk
       Model Validation, 14(4).

    Examples
    --------
    >>> import pandas as pd
    >>> before = pd.DataFrame({"plan": ["a"] * 60 + ["b"] * 40, "same": range(100)})
    >>> after = before.assign(plan=["a"] * 40 + ["b"] * 60)
    >>> drift(before, after)[["column", "value"]].round(3).to_numpy().tolist()
    [['plan', 0.159], ['same', 0.0]]
    """
    import pandas as pd
    from scipy.stats import chi2, false_discovery_control

    old, new = (nw.from_native(frame, eager_only=True).to_pandas() for frame in (before, after))
    if not len(old) or not len(new):
        raise ValueError("before, after: there is nobody in one of them, so nothing can have moved")
    names = [name for name in columns or old.columns if name in new and name not in AGEING]
    indices, freedoms = np.array([_index(old[name], new[name]) for name in names]).reshape(-1, 2).T
    scale = 1 / len(old) + 1 / len(new)
    table = pd.DataFrame({"column": [str(name) for name in names], "value": indices})
    table["by_chance"] = scale * np.where(freedoms > 0, chi2.ppf(CONFIDENCE, np.maximum(freedoms, 1)), 0.0)
    p = np.where(freedoms > 0, chi2.sf(indices / scale, np.maximum(freedoms, 1)), 1.0)
    table["moved"] = false_discovery_control(p) <= FALSE_DISCOVERIES if len(table) else p > 1
    return table.sort_values(["value", "column"], ascending=[False, True], ignore_index=True)


def _index(old: "pd.Series[Any]", new: "pd.Series[Any]") -> tuple[float, int]:
    """Index of a column, and its degrees of freedom."""
    before, after = _counts(old, new)
    was, now = ((counts + HALF) / (counts + HALF).sum() for counts in (before, after))
    return float(((now - was) * np.log(now / was)).sum()), len(before) - 1


def _counts(old: "pd.Series[Any]", new: "pd.Series[Any]") -> tuple[Floats, Floats]:
    """Customers in each bin, before and after; bins without any are left out."""
    import pandas as pd

    numbers = pd.api.types.is_numeric_dtype(old) and not pd.api.types.is_bool_dtype(old)
    binned = _tenths(old, new) if numbers else _categories(old, new)
    before, after = (column.value_counts() for column in binned)
    bins = before.index.union(after.index)
    was, now = (np.asarray(counts.reindex(bins, fill_value=0), np.float64) for counts in (before, after))
    return was, now


def _tenths(old: "pd.Series[Any]", new: "pd.Series[Any]") -> "list[pd.Series[Any]]":
    """Number of the bin of each row, by the tenths of the old; -1 where blank."""
    import pandas as pd

    known = old.dropna().astype(float)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
    return [
        pd.Series(np.searchsorted(edges, column.astype(float))).where(column.notna().to_numpy(), -1)
        for column in (old, new)
    ]


def _categories(old: "pd.Series[Any]", new: "pd.Series[Any]") -> "list[pd.Series[Any]]":
    """Category of each row, if it is one of the commonest of the old; of equally common ones the first by name."""
    texts = [column.astype(object).where(column.notna(), BLANK).astype(str) for column in (old, new)]
    counts = texts[0].value_counts()
    commonest = sorted(counts.index, key=lambda name: (-counts[name], name))[:MOST_CATEGORIES]
    return [column.where(column.isin(commonest), OTHER) for column in texts]
