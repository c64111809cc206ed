"""Backtest: how well a score, plain recency or a model predicted who left, on dates whose outcome is known."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from engagekit.churn.candidates import Candidate, predictions, usable
from engagekit.churn.outcomes import NUMBERS, Outcomes
from engagekit.display.card import between, card_html, card_text, counted, with_interval
from engagekit.errors import DataError, TooLittle, did_you_mean
from engagekit.frames.engine import collected
from engagekit.prepare.leaving import ChurnDefinition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BASE_RATE", "PREDICTORS", "Backtest", "backtest", "known_outcomes"]

Floats = NDArray[np.float64]

PREDICTORS = {  # a column that predicts by itself, and its sign: 1 where high values mean that a customer leaves
    "score": ("score", -1),
    "slope": ("slope", -1),
    "recency": ("recency_days", 1),
    "frequency": ("interactions", -1),
    "p_alive": ("p_alive", -1),
}
BASE_RATE = "base_rate"


@dataclass(frozen=True)
class Backtest:
    """Statistics of predictors on past dates. Every interval is of 95 %, over customers.

    Attributes
    ----------
    statistics : pandas.DataFrame
        ``predictor, statistic, value, low, high``; ``difference, difference_low, difference_high`` from recency on the
        same rows, NaN for recency itself; the number of ``dates`` and of rows, ``n``. Statistics are ``roc_auc``,
        ``average_precision``, ``lift`` (of the tenth with the highest risk) and ``value_correlation`` (Spearman's, with
        the revenue of the horizon); for candidates also ``brier`` and ``log_loss``.
    dates : list of datetime
        Dates whose outcome is known; empty for a table without dates.
    customers, churned : int
        Different customers in the base on one of the dates, and how many of them left after one.
    probabilities : pandas.DataFrame
        ``customer_id`` (or the number of the row), ``churned`` and each candidate's probability of leaving, for the
        test rows; empty without candidates.
    train_dates : list of datetime
        Dates that candidates were fitted to.
    test_date : datetime, optional
        Date that candidates were tested on; None without candidates, or without dates.
    train_rows, train_churned : int
        Rows that candidates were fitted to, and how many of them churned.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DataFrame({"recency_days": range(200)}).assign(churned=lambda rows: rows["recency_days"] % 10 > 6)
    >>> churn = ChurnDefinition(horizon="28d", contractual=True)
    >>> tested = backtest(days, churn)
    >>> tested
    Backtest
      customers  200, of them 60 churned
      recency    ROC AUC 0.525, 0.437 to 0.613
      base_rate  ROC AUC 0.500, 0.500 to 0.500
    >>> tested.statistic("recency")["n"], tested.test_rows, tested.test_churned
    (200.0, 0, 0)
    """

    statistics: "pd.DataFrame"
    dates: list[dt.datetime]
    customers: int
    churned: int
    probabilities: "pd.DataFrame"
    train_dates: list[dt.datetime] = field(default_factory=list)
    test_date: dt.datetime | None = None
    train_rows: int = 0
    train_churned: int = 0

    @property
    def test_rows(self) -> int:
        """Rows that candidates were tested on."""
        return len(self.probabilities)

    @property
    def test_churned(self) -> int:
        """How many of the test rows churned."""
        return int(self.probabilities["churned"].sum()) if self.test_rows else 0

    def statistic(self, predictor: str, statistic: str = "roc_auc") -> dict[str, float]:
        """Numbers of a row of ``statistics``; NaN where a predictor has no such statistic.

        Raises
        ------
        ValueError
            No row has the predictor, or the statistic.
        """
        frame = self.statistics
        for column, name in (("predictor", predictor), ("statistic", statistic)):
            if name not in set(frame[column]):
                raise ValueError(f"{column}: there is no {name!r}. {did_you_mean(name, set(frame[column]))}")
        rows = frame[(frame["predictor"] == predictor) & (frame["statistic"] == statistic)]
        if rows.empty:
            return dict.fromkeys(NUMBERS, np.nan) | {"dates": 0.0, "n": 0.0}
        return {name: float(rows.iloc[0][name]) for name in (*NUMBERS, "dates", "n")}

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, ...]]]:
        title = "Backtest" + (
            f": {counted(len(self.dates), 'date')}, {between(min(self.dates), max(self.dates))}" if self.dates else ""
        )
        rows: list[tuple[str, ...]] = [("customers", f"{self.customers:,}, of them {self.churned:,} churned")]
        if self.test_rows:
            dates = f" on {counted(len(self.train_dates), 'date')}" if self.train_dates else ""
            rows.append(
                ("fitted to", f"{counted(self.train_rows, 'row')}{dates}, of them {self.train_churned:,} churned")
            )
            date = f" on {self.test_date:%Y-%m-%d}" if self.test_date else ""
            rows.append(("tested on", f"{counted(self.test_rows, 'row')}{date}, of them {self.test_churned:,} churned"))
        for name in dict.fromkeys(self.statistics.get("predictor", [])):
            value, low, high = (self.statistic(name)[key] for key in ("value", "low", "high"))
            rows.append((name, f"ROC AUC {with_interval(value, low, high)}"))
        return title, rows


def backtest(dataset: Any, churn: ChurnDefinition, *, candidates: Sequence[Candidate] = (), seed: int = 0) -> Backtest:
    """Compare what predictors said on past dates with who left afterwards.

    ``score``, ``slope``, ``recency``, ``frequency``, ``p_alive`` and ``base_rate`` need no fitting and are tested on
    every date. Candidates are fitted to earlier dates and tested on the last, with other customers. A candidate of one
    column and that column are one predictor: ranking statistics are those of the column, Brier score and log loss those
    of the fitted probability.

    Parameters
    ----------
    dataset : frame
        What ``churn_dataset`` gives, with ``score``, ``slope`` and ``p_alive`` where there are any; or any table with
        ``churned``. Rows without an outcome do not count.
    churn : ChurnDefinition
        The definition that the dataset was made with.
    candidates : sequence of Candidate, default ()
        Models to fit, such as ``CANDIDATES``; those whose columns are absent or blank are left out.
    seed : int, default 0
        Random seed of the folds and of the boosting.

    Raises
    ------
    DataError
        ``churned`` is not a column. ``TooLittle``: there are candidates, and too few customers left or stayed to fit or
        to test them.

    Notes
    -----
    Statistics are taken of each date by itself and averaged, weighted by the rows of the dates: customers are compared
    with others on the same day. A date on which fewer than five customers left, or stayed, does not count. Intervals
    are linear approximations over customers, who count once however many dates they are in. They hold for the test, and
    do not say how another fit would have come out. ``benchmarks/trial.py`` shows how often they contain the truth.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.Series(range(20))
    >>> table = pd.DataFrame({"recency_days": days, "churned": days >= 10})
    >>> tested = backtest(table, ChurnDefinition(horizon="28d", contractual=True))
    >>> tested.statistic("recency")["value"], tested.statistic("base_rate")["value"]
    (1.0, 0.5)
    """
    import pandas as pd

    known = known_outcomes(dataset)
    outcomes = Outcomes.of(known)
    risks = {name: sign * _column(known, name) for name, (column, sign) in PREDICTORS.items() if column in known}
    risks[BASE_RATE] = np.zeros(len(known))
    tested = Backtest(
        pd.DataFrame(),
        [date.to_pydatetime() for date in known["date"].drop_duplicates()] if "date" in known else [],
        len(np.unique(outcomes.customer)),
        len(np.unique(outcomes.customer[outcomes.churned])),
        pd.DataFrame(),
    )
    if not candidates:
        return replace(tested, statistics=outcomes.table(risks))
    return _with_candidates(tested, known, outcomes, risks, churn, candidates, seed)


def known_outcomes(dataset: Any) -> "pd.DataFrame":
    """Rows of a dataset with a known outcome, in pandas, in the order of their dates and customers.

    Raises
    ------
    DataError
        ``churned`` is not a column.
    """
    frame = nw.from_native(dataset)
    rows: nw.DataFrame[Any] = nw.from_native(collected(frame)) if isinstance(frame, nw.LazyFrame) else frame
    if "churned" not in rows.columns:
        raise DataError(f"is not a column. {did_you_mean('churned', rows.columns)}", column="churned")
    table: pd.DataFrame = rows.to_pandas()
    known = table[table["churned"].notna()]
    keys = [name for name in ("date", "customer_id") if name in known]
    known = known.sort_values(keys, kind="stable") if keys else known
    return known.reset_index(drop=True).assign(churned=known["churned"].to_numpy(bool))


def _column(known: "pd.DataFrame", predictor: str) -> Floats:
    """Values of a predictor; the slope of a customer with a single score is 0 where others have one."""
    values: Floats = known[PREDICTORS[predictor][0]].to_numpy(float)
    if predictor != "slope" or "score" not in known:
        return values
    sloped = ~np.isnan(values)
    if "date" in known:
        sloped = known.assign(sloped=sloped).groupby("date")["sloped"].transform("any").to_numpy()
    return np.where(sloped & known["score"].notna().to_numpy(), np.nan_to_num(values), values)


def _with_candidates(
    tested: Backtest,
    known: "pd.DataFrame",
    outcomes: Outcomes,
    risks: dict[str, Floats],
    churn: ChurnDefinition,
    candidates: Sequence[Candidate],
    seed: int,
) -> Backtest:
    """Add statistics of fitted candidates on the test rows."""
    import pandas as pd

    if known.empty:
        problem = "no outcome is known yet; no horizon has ended. Give earlier dates or a shorter horizon."
        raise TooLittle(problem, column="churned")
    predicted = predictions(known, churn.outcome_after, usable(known, candidates), seed)
    probabilities: dict[str, Floats] = {}
    for name, probability in predicted.probabilities.items():
        probabilities[name] = np.full(len(known), np.nan)
        probabilities[name][predicted.test] = probability
    fitted = {name: probability for name, probability in probabilities.items() if name not in risks}
    test = known.iloc[predicted.test].reset_index(drop=True)
    customer = test["customer_id"] if "customer_id" in test else pd.Series(test.index)
    return replace(
        tested,
        statistics=outcomes.table(risks | fitted, probabilities),
        probabilities=pd.DataFrame({"customer_id": customer, "churned": test["churned"], **predicted.probabilities}),
        train_dates=[pd.Timestamp(date).to_pydatetime() for date in predicted.train_dates],
        test_date=None if predicted.test_date is None else pd.Timestamp(predicted.test_date).to_pydatetime(),
        train_rows=int(predicted.train.sum()),
        train_churned=int(known["churned"][predicted.train].sum()),
    )
