"""Candidate models of churn, and their probabilities for customers that they were not fitted to.

Examples
--------
>>> [candidate.name for candidate in CANDIDATES]
['base_rate', 'recency', 'score', 'both', 'p_alive', 'logistic', 'boosting', 'average']
"""

import datetime as dt
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engagekit.churn.calibration import NO_CORRECTION, correction, log_odds
from engagekit.churn.inputs import FEWEST
from engagekit.churn.model import ChurnModel
from engagekit.churn.statistics import log_loss
from engagekit.display.progress import progress
from engagekit.errors import TooLittle

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CANDIDATES",
    "FEWEST_TESTED",
    "OF_A_SCORE",
    "Candidate",
    "Predictions",
    "final_model",
    "predictions",
    "usable",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Kind = Literal["logistic", "boosting", "average"]
Correction = tuple[float, float]  # slope and shift of log odds

FOLDS, STRATA = 5, 10
FEWEST_TESTED = 5  # customers who churned, and who stayed, on the test date: intervals of fewer are far too narrow
KEYS = ("customer_id", "date", "churned", "next_value")
OF_A_SCORE = ("score", "slope", "segment", "coverage")  # made of the features, so that models do not use them


@dataclass(frozen=True)
class Candidate:
    """A model of some columns.

    Attributes
    ----------
    name : str
    columns : tuple of str, optional
        Columns that the model uses; by default all features. Without any it is the base rate.
    kind : {"logistic", "boosting", "average"}
        As ``ChurnModel`` takes it.
    """

    name: str
    columns: tuple[str, ...] | None = None
    kind: Kind = "logistic"


CANDIDATES = (  # simplest first
    Candidate("base_rate", ()),
    Candidate("recency", ("recency_days",)),
    Candidate("score", ("score",)),
    Candidate("both", ("score", "slope")),
    Candidate("p_alive", ("p_alive",)),
    Candidate("logistic"),
    Candidate("boosting", kind="boosting"),
    Candidate("average", kind="average"),
)


@dataclass(frozen=True)
class Predictions:
    """Probabilities that candidates give customers that they were not fitted to.

    Attributes
    ----------
    test : ndarray of int
        Positions of the rows with a probability.
    probabilities : dict of str to ndarray
        Probability of leaving for each of these rows, by candidate.
    train : ndarray of bool
        Rows that candidates were fitted to.
    train_dates : list of datetime
        Dates that candidates were fitted to; empty for a table without dates.
    test_date : datetime, optional
    """

    test: NDArray[np.int64]
    probabilities: dict[str, Floats]
    train: Bools
    train_dates: list[dt.datetime]
    test_date: dt.datetime | None


def usable(known: "pd.DataFrame", candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates whose columns a table has.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"recency_days": [3.0, 9.0], "churned": [False, True]})
    >>> [each.name for each in usable(table, CANDIDATES)]
    ['base_rate', 'recency', 'logistic', 'boosting', 'average']
    """
    features = _features(known, candidates)
    return [
        each
        for each in candidates
        if (features if each.columns is None else all(_has_values(known, name) for name in each.columns))
        or each.columns == ()
    ]


def predictions(
    known: "pd.DataFrame", ahead: dt.timedelta, candidates: Sequence[Candidate], seed: int = 0
) -> Predictions:
    """Predict each customer by models that were fitted to other customers.

    With dates, customers fall into five folds by a hash of their id. Each fold is predicted at the last date by a model
    that was fitted to the other customers' earlier dates, whose outcome was known by then. Without dates, each of ten
    stratified folds is predicted by a model of the others.

    Parameters
    ----------
    known : pandas.DataFrame
        Rows with a known outcome, as ``churn_dataset`` gives them.
    ahead : timedelta
        Time after a date at which its outcome is known.
    candidates : sequence of Candidate
        What ``usable`` gives.
    seed : int, default 0
        Random seed of the stratified folds and of the boosting.

    Raises
    ------
    TooLittle
        Fewer than 50 customers left or stayed where the models are fitted, or fewer than five where they are tested; or
        no date has an outcome that was known by the last.

    Notes
    -----
    A candidate is calibrated only where that has helped before. Let the latest training date be B, and A the latest
    whose outcome was known by B. Both are predicted from the dates whose outcome was known by then. The log odds of A
    are scaled and shifted to fit what happened; if the same correction makes the log loss of B surely lower, the
    correction that fits B is applied. So a short history is never calibrated. Corrections are made of all customers and
    use nothing of the test date.
    """
    fits = _Fits(known, candidates, _features(known, candidates), seed, ahead)
    return _by_time(fits, ahead) if "date" in known else _by_folds(fits)


def final_model(
    known: "pd.DataFrame",
    candidate: Candidate,
    candidates: Sequence[Candidate],
    seed: int = 0,
    *,
    ahead: dt.timedelta | None = None,
) -> ChurnModel | None:
    """A candidate's model fitted to all rows, as those that are tested are fitted to theirs; None for the base rate.

    Parameters
    ----------
    known, candidates, seed
        As ``predictions`` takes them.
    candidate : Candidate
        One of them.
    ahead : timedelta, optional
        As ``predictions`` takes it; without it the model is not calibrated.
    """
    if candidate.columns == ():
        return None
    fits = _Fits(known, [candidate], _features(known, candidates), seed, ahead)
    every_row = np.ones(len(known), bool)
    return fits.calibrated(candidate, fits.fit(candidate, every_row), every_row)


class _Fits:
    """Models of candidates, fitted to some of the rows."""

    def __init__(
        self,
        known: "pd.DataFrame",
        candidates: Sequence[Candidate],
        features: list[str],
        seed: int,
        ahead: dt.timedelta | None,
    ) -> None:
        self.known, self.candidates, self.features = known, candidates, features
        self.seed, self.ahead = seed, ahead
        self.churned: Bools = known["churned"].to_numpy(bool)
        kinds = {each.kind for each in candidates if each.columns is None}
        self.kind: Kind = next(iter(kinds)) if len(kinds) == 1 else "average"  # which all models of everything are in
        self.of_everything: dict[bytes, ChurnModel] = {}
        self.corrections: dict[tuple[str, bytes], Correction] = {}

    def columns(self, candidate: Candidate) -> list[str]:
        return self.features if candidate.columns is None else list(candidate.columns)

    def fit(self, candidate: Candidate, train: Bools) -> ChurnModel:
        """A candidate's model; one fit serves a model of everything and the average that it is a part of."""
        if candidate.columns is not None:
            return self._fit(candidate.kind, list(candidate.columns), train)
        key = train.tobytes()
        if key not in self.of_everything:
            self.of_everything[key] = self._fit(self.kind, self.features, train)
        return self.of_everything[key].part(candidate.kind)

    def _fit(self, kind: Kind, columns: list[str], train: Bools) -> ChurnModel:
        return ChurnModel(kind, seed=self.seed).fit(self.known.loc[train, columns], self.churned[train])

    def predict(self, train: Bools, test: Bools, before: Bools) -> Iterator[tuple[str, Floats]]:
        """Probabilities of the test rows, by candidate; what is known ``before`` says whether to calibrate."""
        for each in self.candidates:
            if each.columns != ():
                model = self.calibrated(each, self.fit(each, train), before)
                yield each.name, model.predict_proba(self.known.loc[test, self.columns(each)])[:, 1]

    def calibrated(self, candidate: Candidate, model: ChurnModel, before: Bools) -> ChurnModel:
        """A candidate's model with the correction that has proved itself in some rows."""
        key = candidate.name, before.tobytes()
        if key not in self.corrections:
            self.corrections[key] = self._correction(candidate, before)
        model.calibration_ = self.corrections[key]
        return model

    def _correction(self, candidate: Candidate, rows: Bools) -> Correction:
        """Correction of the latest date, if that of a date before made the latest surely better; else none."""
        latest, earlier = self._latest(rows)
        before_latest, earliest = self._latest(earlier)
        varied = (self.known.loc[earliest, self.columns(candidate)].nunique(dropna=False) > 1).any()
        if not (varied and self._enough(earliest) and self._enough(before_latest) and self._enough(latest)):
            return NO_CORRECTION
        slope, shift = correction(self._log_odds(candidate, earliest, before_latest), self.churned[before_latest])
        if (slope, shift) == NO_CORRECTION:
            return NO_CORRECTION
        odds, churned = self._log_odds(candidate, earlier, latest), self.churned[latest]
        change = log_loss(expit(shift + slope * odds), churned) - log_loss(expit(odds), churned)
        surely_better = change.interval(np.arange(len(churned)))[1] < 0
        return correction(odds, churned) if surely_better else NO_CORRECTION

    def _log_odds(self, candidate: Candidate, train: Bools, test: Bools) -> Floats:
        model = self.fit(candidate, train)
        return log_odds(model.predict_proba(self.known.loc[test, self.columns(candidate)])[:, 1])

    def _latest(self, rows: Bools) -> tuple[Bools, Bools]:
        """Rows of the latest date of some, and those whose outcome was known by then."""
        if self.ahead is None or "date" not in self.known or not rows.any():
            return np.zeros(len(rows), bool), np.zeros(len(rows), bool)
        dates = self.known["date"]
        last = dates[rows].max()
        return rows & (dates == last).to_numpy(), rows & (dates + self.ahead <= last).to_numpy()

    def _enough(self, rows: Bools) -> bool:
        return _fewest(self.churned[rows]) >= FEWEST


def _by_time(fits: _Fits, ahead: dt.timedelta) -> Predictions:
    """Predict the last date from earlier ones."""
    known = fits.known
    last = known["date"].max()
    earlier = sorted(date for date in known["date"].unique() if date + ahead <= last)
    if not earlier:
        problem = f"no date has its horizon over by the last, {last:%Y-%m-%d}."
        raise TooLittle(f"{problem} Give earlier dates, {ahead.days} days apart.", column="date")
    test, train = ((known["date"].isin(some)).to_numpy() for some in ([last], earlier))
    _check_tested(fits.churned[test], last)
    fold_of = {customer: zlib.crc32(str(customer).encode()) % FOLDS for customer in known["customer_id"].unique()}
    folds = known["customer_id"].map(fold_of).to_numpy()
    probabilities = {each.name: np.full(len(known), fits.churned[train].mean()) for each in fits.candidates}
    for fold in progress(range(FOLDS), "Testing models, fold"):
        own = test & (folds == fold)
        if own.any():
            for name, probability in fits.predict(train & (folds != fold), own, train):
                probabilities[name][own] = probability
    of_test = {name: probability[test] for name, probability in probabilities.items()}
    return Predictions(np.flatnonzero(test), of_test, train, earlier, last)


def _by_folds(fits: _Fits) -> Predictions:
    """Predict every row from the other folds."""
    from sklearn.model_selection import StratifiedKFold

    churned = fits.churned
    if _fewest(churned) < FEWEST:
        problem = f"{churned.sum()} customers left and {(~churned).sum()} stayed, and a model needs at least {FEWEST}"
        raise TooLittle(f"{problem} of either. Take more dates or a longer horizon.", column="churned")
    probabilities = {each.name: np.full(len(churned), churned.mean()) for each in fits.candidates}
    folds = StratifiedKFold(STRATA, shuffle=True, random_state=fits.seed).split(churned, churned)
    for _, held_out in progress(list(folds), "Testing models, fold", named=lambda _: ""):
        own = np.isin(np.arange(len(churned)), held_out)
        for name, probability in fits.predict(~own, own, ~own):
            probabilities[name][own] = probability
    return Predictions(np.arange(len(churned)), probabilities, np.ones(len(churned), bool), [], None)


def _check_tested(churned: Bools, date: dt.datetime) -> None:
    if _fewest(churned) < FEWEST_TESTED:
        problem = f"{churned.sum()} customers left and {(~churned).sum()} stayed of those in the base on the test date"
        problem = f"{problem}, {date:%Y-%m-%d}; a test needs at least {FEWEST_TESTED} of either."
        raise TooLittle(f"{problem} Take a longer horizon.", column="churned")


def _fewest(churned: Bools) -> int:
    """Customers who left or who stayed, whichever are fewer."""
    return int(min(churned.sum(), (~churned).sum()))


def _features(known: "pd.DataFrame", candidates: Sequence[Candidate]) -> list[str]:
    """Columns that models of everything use: those that differ between customers and are not made of others."""
    derived = {name for each in candidates for name in each.columns or ()} - {"recency_days"}
    if "score" in known:
        derived |= {*OF_A_SCORE, *(f"{name}_points" for name in known)}
    names = [str(name) for name in known if name not in {*KEYS, *derived}]
    return [name for name in names if known[name].nunique(dropna=False) > 1]


def _has_values(known: "pd.DataFrame", name: str) -> bool:
    return name in known and bool(known[name].notna().any())
