"""Leakage: signs that a churn model uses what was not known on its dates, and the column that gives it away."""

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
MOST_TWINS = 0.05  # share of the test rows that may be among the training rows, with the same outcome
MOST_LOST = 0.05  # ROC AUC that honest features may lose
KEYS = ("customer_id", "date", "churned", "next_value")


def leakage_report(
    train: Any,
    test: Any,
    *,
    model: ChurnModel | None = None,
    honest: Any = None,
    accept: Iterable[str] = (),
) -> "pd.DataFrame":
    """Look for signs that a churn model uses what was not known on its dates.

    Parameters
    ----------
    train, test : pandas.DataFrame or polars.DataFrame
        Rows that a model was fitted to and that it was tested on: features, ``churned`` and, where given,
        ``customer_id``. Rows without an outcome are left out.
    model : ChurnModel, optional
        The model that was fitted; needed with ``honest``.
    honest : frame, optional
        The test rows, in their order, with features computed again from data before their date alone.
    accept : iterable of str, default ()
        Columns that the business vouches for; they are not examined.

    Returns
    -------
    pandas.DataFrame
        One row for each sign, none without any: ``suspect``, the column that it is ``about`` and a ``value``:

        - ``alone``: a column by itself, or whether it is blank, has a ROC AUC above 0.95 (value), or below 0.05;
        - ``twins``: more than 5 % (value) of the test rows are among the training rows, with the same features and
          outcome, as resampling before the split leaves them;
        - ``one_customer``: this many customers (value) are in both, of tables without dates;
        - ``later_events``: the model's ROC AUC falls by more than 0.05 (value) with ``honest`` features; ``about`` is
          the column that changed most.

        ``leaking_column`` finds a fifth, ``leak``.

    Raises
    ------
    ValueError
        ``accept`` names no column, or ``honest`` comes without a model or with other rows.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": range(100), "cancelled": [n >= 50 for n in range(100)]})
    >>> rows = rows.assign(churned=rows["cancelled"] ^ (rows["days"] == 0))
    >>> leakage_report(rows[::2], rows[1::2])[["suspect", "about"]].to_numpy().tolist()
    [['alone', 'days'], ['alone', 'cancelled']]
    """
    import pandas as pd

    train, test = (_known(rows) for rows in (train, test))
    names = [str(name) for name in test if name not in KEYS]
    for name in accept:
        if name not in names:
            raise ValueError(f"accept: {name!r} is not a column. {did_you_mean(name, names)}")
    examined = [name for name in names if name not in set(accept)]
    suspects: list[tuple[str, str, float]] = [
        ("alone", name, auc) for name in examined if abs((auc := _alone(test, name)) - 1 / 2) > TOO_GOOD - 1 / 2
    ]
    twins = _twins(train, test, names)
    suspects += [("twins", "", twins)] if twins > MOST_TWINS else []
    if "customer_id" in test and "customer_id" in train and "date" not in test:
        shared = len(set(train["customer_id"]) & set(test["customer_id"]))
        suspects += [("one_customer", "", float(shared))] if shared else []
    if honest is not None:
        again = _known(honest)
        vouched = {name: test[name] for name in accept if len(test) == len(again)}
        suspects += _later_events(model, test, again.assign(**vouched), examined)
    return pd.DataFrame(suspects, columns=list(COLUMNS))


def leaking_column(
    features: Callable[[History, dt.datetime], Any], history: History, as_of: dt.datetime
) -> "pd.DataFrame":
    """Column of a feature table that changes with data from its date on, as ``check_no_leak`` finds it.

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
    """ROC AUC of a column by itself, or of whether it is blank; a category counts as the churn rate of its rows."""
    from pandas.api.types import is_numeric_dtype

    churned: NDArray[np.bool_] = rows["churned"].to_numpy()
    column = rows[name]
    risks = [column.isna().astype(float)]
    if is_numeric_dtype(column):
        risks.append(column.astype(float).fillna(column.median()).fillna(0))
    elif column.nunique() <= len(column) ** 0.5:  # with more categories hardly any customers share one
        risks.append(rows["churned"].groupby(column.astype(object).fillna("")).transform("mean"))
    aucs = [Order(risk).roc_auc(churned).value for risk in risks]
    return max((auc for auc in aucs if not np.isnan(auc)), key=lambda auc: abs(auc - 1 / 2), default=1 / 2)


def _twins(train: "pd.DataFrame", test: "pd.DataFrame", names: list[str]) -> float:
    """Share of the test rows that are among the training rows; 0 where no column differs between most customers."""
    if not any(test[name].nunique() > len(test) / 2 for name in names):
        return 0.0
    columns = [*(name for name in names if name in train), "churned"]
    trained, tested = (list(rows[columns].astype(str).itertuples(index=False, name=None)) for rows in (train, test))
    known = set(trained)
    return float(np.mean([row in known for row in tested]))


def _later_events(
    model: ChurnModel | None, test: "pd.DataFrame", honest: "pd.DataFrame", names: list[str]
) -> list[tuple[str, str, float]]:
    if model is None or len(test) != len(honest):
        raise ValueError("honest: needs the model, and one row for each test row")
    churned: NDArray[np.bool_] = test["churned"].to_numpy()
    given, again = (Order(model.predict_proba(rows)[:, 1]).roc_auc(churned).value for rows in (test, honest))
    if not given - again > MOST_LOST:
        return []
    changed = {name: float((test[name].astype(str) != honest[name].astype(str)).mean()) for name in names}
    return [("later_events", max(changed, key=changed.__getitem__), given - again)]
