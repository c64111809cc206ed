"""The too-good alarm: whether a model knows what it cannot know, and by which column."""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from engagekit.churn.model import ChurnModel
from engagekit.churn.statistics import Order
from engagekit.customers.leak import check_no_leak
from engagekit.errors import DataError, did_you_mean
from engagekit.prepare.history import History

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUSPECTS", "TOO_GOOD", "leakage_report", "leaking_column"]

SUSPECTS = ("alone", "leak", "twins", "one_customer", "later_events")
COLUMNS = ("suspect", "about", "value")
TOO_GOOD = 0.95
MOST_TWINS = 0.05  # share of the tried rows that may stand among the fitted ones, label and all
MOST_LOST = 0.05  # of ROC AUC, without what came later
KEYS = ("customer_id", "date", "churned", "next_value")


def leakage_report(
    fitted: Any,
    tried: Any,
    *,
    model: ChurnModel | None = None,
    honest: Any = None,
    accept: Iterable[str] = (),
) -> "pd.DataFrame":
    """Look for what makes a churn model better than it can be.

    Parameters
    ----------
    fitted, tried : pandas.DataFrame or polars.DataFrame
        Rows that a model was fitted on and that it was tried on: features, ``churned`` and, where given,
        ``customer_id``. Rows without an outcome are left out.
    model : ChurnModel, optional
        What was fitted; needed with ``honest``.
    honest : frame, optional
        The tried rows, in their order, with features that were counted anew without anything from their date on.
    accept : iterable of str, default ()
        Columns that the business vouches for, whatever they know.

    Returns
    -------
    pandas.DataFrame
        One row for each suspect, none where there is none: ``suspect``, what it is ``about`` and a ``value``:

        - ``alone``: a column by itself, or that it is blank, puts those who left before those who stayed with a ROC AUC
          above 0.95 (value), or below 0.05;
        - ``twins``: more than 5 % (value) of the tried rows stand among the fitted ones, with features and outcome, as
          resampling before the split leaves them;
        - ``one_customer``: so many customers (value) stand in both;
        - ``later_events``: the model's ROC AUC falls by more than 0.05 (value) with ``honest`` features; ``about`` is
          the column that moved most.

        ``leaking_column`` tells of a fifth, ``leak``.

    Raises
    ------
    ValueError
        ``accept`` names no column, or ``honest`` comes without a model or with other rows.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": range(100), "cancelled": [n >= 50 for n in range(100)]})
    >>> rows = rows.assign(churned=rows["cancelled"] ^ (rows["days"] == 0))
    >>> found = leakage_report(rows[::2], rows[1::2])
    >>> found[["suspect", "about"]].to_numpy().tolist()
    [['alone', 'days'], ['alone', 'cancelled']]
    """
    import pandas as pd

    before, after = (_known(rows) for rows in (fitted, tried))
    names = [str(name) for name in after if name not in KEYS]
    for name in accept:
        if name not in names:
            raise ValueError(f"accept: {name!r} is not a column. {did_you_mean(name, names)}")
    looked_at = [name for name in names if name not in set(accept)]
    found: list[tuple[str, str, float]] = [
        ("alone", name, auc) for name in looked_at if abs((auc := _alone(after, name)) - 1 / 2) > TOO_GOOD - 1 / 2
    ]
    twins = _twins(before, after, names)
    found += [("twins", "", twins)] if twins > MOST_TWINS else []
    if "customer_id" in after and "customer_id" in before and "date" not in after:
        shared = len(set(before["customer_id"]) & set(after["customer_id"]))
        found += [("one_customer", "", float(shared))] if shared else []
    if honest is not None:
        without = _known(honest)
        vouched = {name: after[name] for name in accept if len(after) == len(without)}
        found += _later(model, after, without.assign(**vouched), looked_at)
    return pd.DataFrame(found, columns=list(COLUMNS))


def leaking_column(
    features: Callable[[History, dt.datetime], Any], history: History, as_of: dt.datetime
) -> "pd.DataFrame":
    """Column of a feature table that moves when the future is changed, as ``check_no_leak`` finds it.

    Parameters
    ----------
    features : callable
        From a history and a date to a frame with ``customer_id``.
    history : History
        With rows before and after the date.
    as_of : datetime
        The date.

    Returns
    -------
    pandas.DataFrame
        As ``leakage_report`` gives it: a row ``leak`` about the column, or none.
    """
    import pandas as pd

    try:
        check_no_leak(features, history, as_of)
    except DataError as error:
        return pd.DataFrame([("leak", error.column or "", np.nan)], columns=list(COLUMNS))
    return pd.DataFrame([], columns=list(COLUMNS))


def _known(rows: Any) -> "pd.DataFrame":
    frame = nw.from_native(rows, eager_only=True).to_pandas()
    known: pd.DataFrame = frame[frame["churned"].notna()].reset_index(drop=True)
    return known.assign(churned=known["churned"].astype(bool))


def _alone(rows: "pd.DataFrame", name: str) -> float:
    """ROC AUC of a column by itself, or of where it is blank; of a category by the churn of its rows, if few."""
    from pandas.api.types import is_numeric_dtype

    left: NDArray[np.bool_] = rows["churned"].to_numpy()
    column = rows[name]
    told = [column.isna().astype(float)]
    if is_numeric_dtype(column):
        told.append(column.astype(float).fillna(column.median()).fillna(0))
    elif column.nunique() <= len(column) ** 0.5:  # of more, hardly anybody shares one
        told.append(rows["churned"].groupby(column.astype(object).fillna("")).transform("mean"))
    found = [Order(each).roc_auc(left).value for each in told]
    return max((auc for auc in found if not np.isnan(auc)), key=lambda auc: abs(auc - 1 / 2), default=1 / 2)


def _twins(before: "pd.DataFrame", after: "pd.DataFrame", names: list[str]) -> float:
    """Share of the tried rows that stand among the fitted; 0 where no column tells most customers apart."""
    if not any(after[name].nunique() > len(after) / 2 for name in names):
        return 0.0
    columns = [*(name for name in names if name in before), "churned"]
    fitted, tried = (list(rows[columns].astype(str).itertuples(index=False, name=None)) for rows in (before, after))
    known = set(fitted)
    return float(np.mean([row in known for row in tried]))


def _later(
    model: ChurnModel | None, given: "pd.DataFrame", honest: "pd.DataFrame", names: list[str]
) -> list[tuple[str, str, float]]:
    if model is None or len(given) != len(honest):
        raise ValueError("honest: needs the model, and a row for each of the tried")
    left: NDArray[np.bool_] = given["churned"].to_numpy()
    with_later, without = (Order(model.predict_proba(rows)[:, 1]).roc_auc(left).value for rows in (given, honest))
    if not with_later - without > MOST_LOST:
        return []
    moved = {name: float((given[name].astype(str) != honest[name].astype(str)).mean()) for name in names}
    return [("later_events", max(moved, key=moved.__getitem__), with_later - without)]
