"""Leakage: signs that a churn model uses what was not known on its dates, and the column that gives it away."""

import datetime as dt
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from engagekit.churn.copies import exact_copies, near_copies, own_outcomes
from engagekit.churn.inputs import FEWEST
from engagekit.churn.model import ChurnModel
from engagekit.churn.pairs import difference_signs, pair_signs
from engagekit.churn.separation import Rows, Sign, column_signs, correlations, fall, unchanging
from engagekit.churn.statistics import Order, Ranking
from engagekit.churn.threads import one_thread
from engagekit.customers.leak import check_no_leak
from engagekit.errors import DataError, did_you_mean
from engagekit.prepare.history import History

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUSPECTS", "TOO_GOOD", "later_events", "leakage_report", "leaking_column", "no_signs"]

Floats = NDArray[np.float64]
Found = tuple[str, str, float, str]  # a row of the report

SUSPECTS = (
    "alone",
    "pair",
    "difference",
    "leak",
    "twins",
    "one_customer",
    "later_events",
    "encoded",
    "fades",
    "copies",
)
COLUMNS = ("suspect", "about", "value", "outcome")
ALARM, QUESTION = "alarm", "question"
TOO_GOOD, STRONG = 0.95, 0.85  # ROC AUC
ALARMING = 0.99  # how sure a ROC AUC above TOO_GOOD is
RELATED = 6.0  # standard errors of a correlation that is so clear that it would show within outcomes, too
UNRELATED = 0.05  # probability of a correlation within outcomes by chance, over all columns
FEWEST_TESTED = 30  # customers who left, or stayed, in a test that needs no second look
MOST_TWINS = 0.05  # share of the test rows that may be copies, with the same outcome
MOST_LOST = 0.05  # ROC AUC that honest features may lose
MOST_FALLEN, SURELY = 0.05, 0.999  # ROC AUC that a column may lose on the latest date, and how sure more is
EPOCH, DAY_S = dt.datetime(1970, 1, 1), 86_400
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

    An alarm is raised where hardly anything else can explain a sign. A question asks about a column: is this known on
    the date? All else is silence, which does not prove that there is no leak.

    Parameters
    ----------
    train, test : pandas.DataFrame or polars.DataFrame
        Rows that a model was fitted to and that it was tested on: features, ``churned`` and, where given,
        ``customer_id`` and ``date``. Rows without an outcome are left out.
    model : ChurnModel, optional
        The model that was fitted; needed with ``honest``.
    honest : frame, optional
        The test rows, in their order, with features computed again from data before their date alone.
    accept : iterable of str, default ()
        Columns that the business vouches for; they are not examined.

    Returns
    -------
    pandas.DataFrame
        One row for each sign, none without any: ``suspect``, the column that it is ``about``, a ``value``, and the
        ``outcome``, "alarm" or "question". Alarms:

        - ``alone``: a column by itself, or whether it is blank, has a ROC AUC (value) that is surely above 0.95;
        - ``pair``, ``difference``: the cross table of two columns has, or the difference of two numbers of
          which one is never below the other (``about`` names both);
        - ``twins``: more than 5 % (value) of the test rows are among the training rows, with the same features and
          outcome, as resampling before the split leaves them;
        - ``one_customer``: this many customers (value) are in both, of tables without dates;
        - ``later_events``: the model's ROC AUC falls by more than 0.05 (value) with ``honest`` features; ``about`` is
          the column that changed most.

        Questions:

        - ``alone``, ``difference``: a ROC AUC (value) above 0.85 and surely above that of a model of all weaker
          columns. A single number must also be related to these only through the outcome, as if it was made of it;
        - ``pair``: a ROC AUC above 0.85 and surely above that of the sum of the two columns;
        - ``encoded``: customers who share a value of the column leave at just the rate that it says, chance (1) having
          only this part in it (value, about 0), as where the value was computed from their own outcomes;
        - ``fades``: a number that is the same on all dates of a customer has a ROC AUC on earlier dates that is surely
          higher than on the latest, by more than 0.05 (value), as a total up to today has;
        - ``copies``: more than 5 % (value) of the test rows have a nearly identical copy with the same outcome.

        ``leaking_column`` finds one more alarm, ``leak``.

    Raises
    ------
    ValueError
        ``accept`` names no column, or ``honest`` comes without a model or with other rows.

    Notes
    -----
    "Surely" is by an interval over customers, of 95 % for a difference, 99 % (of the log odds) for an alarm and 99.9 %
    for a fall. An alarm of a test with fewer than 30 customers who left, or stayed, needs the training rows as well.

    A number that is strong because customers show early that they will leave is related to what else they do, even
    among those with the same outcome; one that was made of the outcome is not. A strong number that is unrelated to
    all others over all customers is not asked about: nothing speaks against it.

    Not found: a weak leak; a number that was made of the outcome and of other columns; a smoothed target encoding of
    groups of uneven size; on one date a total whose part before the date is no column. ``benchmarks/leakage.py`` shows
    how often eight leaks are found, and honest columns are not asked about.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": range(200), "cancelled": [n >= 100 for n in range(200)]})
    >>> rows = rows.assign(churned=rows["cancelled"] ^ (rows["days"] == 0))
    >>> leakage_report(rows[::2], rows[1::2])[["suspect", "about", "outcome"]].to_numpy().tolist()
    [['alone', 'days', 'alarm'], ['alone', 'cancelled', 'alarm']]
    """
    import pandas as pd

    train, test = (_known(rows) for rows in (train, test))
    names = [str(name) for name in test if name not in KEYS]
    for name in accept:
        if name not in names:
            raise ValueError(f"accept: {name!r} is not a column. {did_you_mean(name, names)}")
    vouched = set(accept)
    examined = [name for name in names if name not in vouched]
    rows = Rows(pd.concat([train, test], ignore_index=True), np.arange(len(train) + len(test)) >= len(train))
    with one_thread():
        signs = [*_of_columns(rows, [name for name in examined if name in train])]
    signs += _of_customers(train, test, names, rows)
    report = _report(signs)
    if honest is None:
        return report
    return pd.concat([report, later_events(model, test, honest, accept)], ignore_index=True)


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
    try:
        check_no_leak(features, history, as_of)
    except DataError as error:
        return _report([("leak", error.column or "", np.nan, ALARM)])
    return no_signs()


def later_events(model: ChurnModel | None, test: Any, honest: Any, accept: Iterable[str] = ()) -> "pd.DataFrame":
    """Fall of a model's ROC AUC with features computed again from data before their date alone.

    Parameters
    ----------
    model : ChurnModel
        The model that was fitted.
    test : pandas.DataFrame or polars.DataFrame
        Rows that it was tested on. Those without an outcome are left out.
    honest : frame
        The same rows, in their order, with the features computed again.
    accept : iterable of str, default ()
        Columns that the business vouches for; they are taken as they are.

    Returns
    -------
    pandas.DataFrame
        As ``leakage_report`` gives it: a row ``later_events`` about the column that changed most, or none.

    Raises
    ------
    ValueError
        There is no model, or not one honest row for each test row.
    """
    test, again, vouched = _known(test), _known(honest), set(accept)
    if model is None or len(test) != len(again):
        raise ValueError("honest: needs the model, and one row for each test row")
    again = again.assign(**{name: test[name] for name in vouched})
    churned: NDArray[np.bool_] = test["churned"].to_numpy()
    before, after = (Order(model.predict_proba(rows)[:, 1]).roc_auc(churned).value for rows in (test, again))
    names = [str(name) for name in test if name not in {*KEYS, *vouched}]
    changed = {name: float((test[name].astype(str) != again[name].astype(str)).mean()) for name in names}
    if not before - after > MOST_LOST:
        return no_signs()
    return _report([("later_events", max(changed, key=changed.__getitem__), before - after, ALARM)])


def no_signs() -> "pd.DataFrame":
    """The report of no signs.

    Examples
    --------
    >>> no_signs().columns.tolist(), len(no_signs())
    (['suspect', 'about', 'value', 'outcome'], 0)
    """
    return _report([])


def _report(signs: Sequence[Found]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(signs, columns=list(COLUMNS)).astype({"value": float})


def _known(rows: Any) -> "pd.DataFrame":
    """Rows with an outcome, and times as days."""
    from pandas.api.types import is_datetime64_any_dtype

    frame = nw.from_native(rows, eager_only=True).to_pandas()
    known: pd.DataFrame = frame[frame["churned"].notna()].reset_index(drop=True)
    times = [str(name) for name in known if name not in KEYS and is_datetime64_any_dtype(known[name])]
    days = {name: (known[name].dt.tz_localize(None) - EPOCH).dt.total_seconds() / DAY_S for name in times}
    return known.assign(churned=known["churned"].astype(bool), **days)


def _of_columns(rows: Rows, names: Sequence[str]) -> Iterator[Found]:
    """Signs of single columns and of two together."""
    if not all(0 < rows.churned[part].sum() < part.sum() for part in (rows.tested, ~rows.tested)):
        return
    columns = list(column_signs(rows, names))
    strong = {sign.columns[0] for sign in columns if rows.auc(sign.risk, rows.tested).value > STRONG}
    weak = [name for name in names if name not in strong]
    for sign in [*columns, *pair_signs(rows, weak, STRONG), *difference_signs(rows, weak, STRONG)]:
        outcome = _outcome(rows, sign, [each for each in columns if each.columns[0] not in sign.columns], strong)
        if outcome:
            yield sign.suspect, " × ".join(sign.columns), rows.auc(sign.risk, rows.tested).value, outcome
    yield from _of_numbers(rows, columns)


def _outcome(rows: Rows, sign: Sign, others: Sequence[Sign], strong: Container[str]) -> str:
    """Alarm, question or, for silence, an empty text."""
    auc, churned = rows.auc(sign.risk, rows.tested), rows.churned[rows.tested]
    enough = min(churned.sum(), (~churned).sum()) >= FEWEST_TESTED
    sure = enough or rows.auc(sign.risk, ~rows.tested).value > TOO_GOOD
    if sure and _lower_bound(auc, rows.customer[rows.tested]) > TOO_GOOD:
        return ALARM
    if not auc.value > STRONG:
        return ""
    weak = [each for each in others if each.columns[0] not in strong]
    beside = _together(rows, weak) if sign.beside is None else sign.beside
    above = auc - rows.auc(beside, rows.tested)
    if not above.interval(rows.customer[rows.tested])[0] > 0:
        return ""
    asked = not sign.number or _only_through_the_outcome(rows, sign.risk, [each.risk for each in others])
    return QUESTION if asked else ""


def _lower_bound(auc: Ranking, customer: NDArray[np.int64]) -> float:
    """Lower bound of a ROC AUC near 1, by an interval of its log odds."""
    spread = auc.value * (1 - auc.value)
    if not spread > 0:
        return auc.value
    half = auc.value - auc.interval(customer, ALARMING)[0]
    return float(expit(logit(auc.value) - half / spread))


def _only_through_the_outcome(rows: Rows, risk: Floats, others: Sequence[Floats]) -> bool:
    """Whether a risk is clearly related to others, and to none among customers with the same outcome."""
    if not others or correlations(rows, risk, others, rows.date).max() < RELATED:
        return False
    within = correlations(rows, risk, others, 2 * rows.date + rows.churned)
    return bool(np.abs(within).max() < ndtri(1 - UNRELATED / 2 / len(others)))


def _together(rows: Rows, others: Sequence[Sign]) -> Floats:
    """Risk by a model of other columns; by the strongest of them where the training rows are too few for a model."""
    if not others:
        return np.zeros(len(rows.tested))
    churned = rows.churned[~rows.tested]
    if min(churned.sum(), (~churned).sum()) < FEWEST:
        return max((each.risk for each in others), key=lambda risk: rows.auc(risk, ~rows.tested).value)
    names = list(dict.fromkeys(each.columns[0] for each in others))
    model = ChurnModel("logistic").fit(rows.table.loc[~rows.tested, names], churned)
    risk: Floats = model.predict_proba(rows.table[names])[:, 1]
    return risk


def _of_numbers(rows: Rows, signs: Sequence[Sign]) -> Iterator[Found]:
    """Numbers that were made of the outcomes, and unchanging ones whose ROC AUC is lower on the latest date."""
    from pandas.api.types import is_numeric_dtype

    for sign in signs:
        name = sign.columns[0]
        if not is_numeric_dtype(rows.table[name]):
            continue
        spread = own_outcomes(rows, name)
        if not np.isnan(spread):
            yield "encoded", name, spread, QUESTION
        fallen = fall(rows, sign.risk) if unchanging(rows, name) else None
        if fallen and fallen.value > MOST_FALLEN and fallen.interval(rows.customer, SURELY)[0] > 0:
            yield "fades", name, fallen.value, QUESTION


def _of_customers(train: "pd.DataFrame", test: "pd.DataFrame", names: Sequence[str], rows: Rows) -> Iterator[Found]:
    """Customers who are in both parts, and copies of them."""
    twins = exact_copies(train, test, names)
    copies = near_copies(rows, names)
    if twins > MOST_TWINS:
        yield "twins", "", twins, ALARM
    elif copies > MOST_TWINS:
        yield "copies", "", copies, QUESTION
    if "customer_id" in test and "customer_id" in train and "date" not in test:
        shared = len(set(train["customer_id"]) & set(test["customer_id"]))
        if shared:
            yield "one_customer", "", float(shared), ALARM
