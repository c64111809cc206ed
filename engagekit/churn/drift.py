"""Whether customers are still like those that a model was fitted on (population stability index)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["drift"]

BINS = 10
MOST = 20
HALF = 0.5
SURE, FALSE_DISCOVERIES = 0.95, 0.1
BLANK, OTHER = "blank", "other"


def drift(before: Any, after: Any, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """How far the spread of each column has moved between two groups of customers.

    Parameters
    ----------
    before, after : pandas.DataFrame or polars.DataFrame
        Numbers and categories, a row a customer.
    columns : sequence of str, optional
        By default all that both have.

    Returns
    -------
    pandas.DataFrame
        A row a column, the furthest first: ``column``; ``value``, the population stability index, from 0 on: the sum
        over tenths of ``before`` (of categories: the twenty commonest), and over the blank, of (after - before)
        log(after / before), of shares with half a customer added to each; and ``by_chance``, which it stays below in
        95 % of cases where nothing has moved and the groups are of different customers [1]_ (with the same customers on
        two dates, more often); and ``moved``, whether it is beyond chance at a false-discovery rate of 10 % over all
        columns.

    Raises
    ------
    ValueError
        There is nobody in one of them.

    Notes
    -----
    That below 0.1 nothing has moved and above 0.25 much has is custom, and holds for no size of groups in particular.

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
    found = []
    for name in columns or [name for name in old if name in new]:
        counts = _counts(old[name], new[name])
        shares = [(each + HALF) / (each + HALF).sum() for each in counts]
        value = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
        freedom = len(counts[0]) - 1
        by_chance = float(chi2.ppf(SURE, freedom) * (1 / len(old) + 1 / len(new))) if freedom else 0.0
        chance = float(chi2.sf(value / (1 / len(old) + 1 / len(new)), freedom)) if freedom else 1.0
        found.append((str(name), value, by_chance, chance))
    table = pd.DataFrame(found, columns=["column", "value", "by_chance", "moved"])
    table["moved"] = false_discovery_control(table["moved"]) <= FALSE_DISCOVERIES if len(table) else False
    return table.sort_values("value", ascending=False, ignore_index=True)


def _counts(old: "pd.Series[Any]", new: "pd.Series[Any]") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows in each bin of the old; bins that neither has are left out."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(old) and not pd.api.types.is_bool_dtype(old):
        known = old.dropna().astype(float)
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
        binned = [
            pd.Series(np.searchsorted(edges, each.astype(float))).where(each.notna().to_numpy(), -1)
            for each in (old, new)
        ]
    else:
        texts = [each.astype(object).where(each.notna(), BLANK).astype(str) for each in (old, new)]
        common = set(texts[0].value_counts().index[:MOST])
        binned = [each.where(each.isin(common), OTHER) for each in texts]
    before, after = (each.value_counts() for each in binned)
    bins = before.index.union(after.index)
    first, second = (np.asarray(each.reindex(bins, fill_value=0), np.float64) for each in (before, after))
    return first, second
