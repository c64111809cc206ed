"""ChurnModel: the probability that a customer leaves, from numbers and categories."""

import json
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from engagekit.churn.calibration import NO_CORRECTION, correction, log_odds
from engagekit.churn.inputs import feature_frame, outcome_labels
from engagekit.churn.saving import read_content, skops_file, write_content
from engagekit.churn.statistics import Order
from engagekit.churn.terms import AdditiveTerms, TreeColumns, split_columns
from engagekit.churn.threads import one_thread
from engagekit.display.card import card_html, card_text, with_interval
from engagekit.errors import DataError, TooLittle, did_you_mean
from engagekit.metrics.estimate import significant

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

__all__ = ["ChurnModel"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Kind = Literal["logistic", "boosting", "average"]

SCHEMA = 3
PENALTY, ITERATIONS = 0.3, 2_000
BOOSTING = {
    "learning_rate": 0.05,
    "max_iter": 100,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 50,
    "early_stopping": False,
}


class ChurnModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability that a customer leaves: additive splines, boosting, or the average of both.

    A scikit-learn classifier of frames. Columns are found by their names, so their order does not matter. Missing
    numbers: the median plus a missing indicator. A number outside the fitted range counts as the edge of that range, so
    where every column has moved beyond it, all customers get the same probability. A category that the fitted data did
    not have counts as none. Columns that are constant or blank throughout are left out. The same rows give the same
    model to the last bit, however many threads there are.

    Parameters
    ----------
    kind : {"logistic", "boosting", "average"}, default "average"
        ``logistic``: logistic regression with a cubic spline of each number. Its terms are added up, so that
        ``contributions`` explains it exactly. ``boosting``: gradient boosting with small trees. ``average``: the mean
        of both probabilities.
    seed : int, default 0
        Random seed of the boosting.

    Attributes
    ----------
    columns_, left_out_ : list of str
        Columns that the model uses, and those that it leaves out.
    least_, most_ : ndarray
        Fitted range of each column of numbers, ``numbers_``.
    n_, churned_ : int
        Rows that it was fitted to, and how many of them churned.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DataFrame({"recency_days": range(200)})
    >>> model = ChurnModel("logistic").fit(days, days["recency_days"] >= 100)
    >>> [bool(probability > 0.5) for probability in model.predict_proba(days.iloc[[0, 199]])[:, 1]]
    [False, True]

    >>> model.predict(days.iloc[[0, 199]]).tolist()
    [False, True]
    >>> model
    ChurnModel: logistic, seed 0
      fitted to  200 rows, of them 100 churned
      columns    1: recency_days
    """

    def __init__(self, kind: Kind = "average", *, seed: int = 0) -> None:
        self.kind = kind
        self.seed = seed

    def fit(self, features: Any, churned: ArrayLike) -> Self:
        """Fit to customers with a known outcome.

        Parameters
        ----------
        features : pandas.DataFrame or polars.DataFrame
            Numbers, truth values and categories, one row for each customer.
        churned : array-like of bool
            Which customers left.

        Raises
        ------
        DataError
            A column holds times or the like; ``TooLittle``: fewer than 50 customers left, or stayed.
        ValueError
            ``kind`` is not known, a label is missing, or there is not one label for each row.
        """
        if self.kind not in MADE_OF:
            raise ValueError(f"kind: {self.kind!r} is not known. {did_you_mean(self.kind, MADE_OF)}")
        frame, labels = feature_frame(features), outcome_labels(churned, len(features))
        self.classes_ = np.array([False, True])
        self.n_, self.churned_ = len(labels), int(labels.sum())
        self.left_out_ = [str(name) for name in frame if frame[name].nunique(dropna=False) < len(self.classes_)]
        self.columns_ = [str(name) for name in frame if name not in self.left_out_]
        if not self.columns_:
            raise TooLittle("no column differs between customers. Give one that is not the same for all.")
        frame = frame[self.columns_]
        self.numbers_, categories = split_columns(frame)
        numbers = frame[self.numbers_].to_numpy(float)
        self.least_, self.most_ = np.nanmin(numbers, axis=0), np.nanmax(numbers, axis=0)
        self.parts_ = {name: _part(name, len(categories), self.seed) for name in MADE_OF[self.kind]}
        with one_thread():
            for part in self.parts_.values():
                part.fit(frame, labels)
        self.calibration_ = NO_CORRECTION
        if "logistic" in self.parts_:
            self.centre_ = self.parts_["logistic"][:-1].transform(frame).mean(axis=0)
        return self

    def part(self, kind: Kind) -> Self:
        """One of the models that an average is made of, or itself, as fitted and not yet calibrated.

        Examples
        --------
        >>> import pandas as pd
        >>> days = pd.DataFrame({"recency_days": range(200)})
        >>> churned = days["recency_days"] >= 100
        >>> ours = ChurnModel("average").fit(days, churned).part("logistic")
        >>> bool((ours.predict_proba(days) == ChurnModel("logistic").fit(days, churned).predict_proba(days)).all())
        True
        """
        check_is_fitted(self)
        part = copy(self)
        part.kind, part.calibration_ = kind, NO_CORRECTION
        part.parts_ = {name: self.parts_[name] for name in MADE_OF[kind]}
        return part

    def predict_proba(self, features: Any) -> Floats:
        """Probabilities of staying and of leaving, one row for each customer.

        Raises
        ------
        DataError
            A column is absent (names the nearest one), or holds categories where it held numbers.
        """
        check_is_fitted(self)
        frame = self._known(features)
        slope, shift = self.calibration_
        with one_thread():
            leaving = np.mean([part.predict_proba(frame)[:, 1] for part in self.parts_.values()], axis=0)
        if self.calibration_ != NO_CORRECTION:
            leaving = expit(shift + slope * log_odds(leaving))
        return np.column_stack([1 - leaving, leaving])

    def calibrate(self, features: Any, churned: ArrayLike) -> Self:
        """Scale and shift the log odds so that they fit customers of a later date, where these contradict them.

        Raises
        ------
        DataError
            A column is absent; ``TooLittle``: fewer than 50 customers left, or stayed.

        Examples
        --------
        A model fitted when half of the customers left, calibrated when a tenth do:

        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> days = pd.DataFrame({"recency_days": rng.uniform(0, 80, 1_000)})
        >>> model = ChurnModel("logistic").fit(days, rng.random(1_000) < 0.5)
        >>> model = model.calibrate(days, rng.random(1_000) < 0.1)
        >>> float(model.predict_proba(days)[:, 1].mean().round(1))
        0.1
        """
        labels, odds = outcome_labels(churned, len(features)), log_odds(self.predict_proba(features)[:, 1])
        slope, shift = correction(odds, labels)
        before_slope, before_shift = self.calibration_
        self.calibration_ = (slope * before_slope, slope * before_shift + shift)
        return self

    def predict(self, features: Any) -> Bools:
        """Whether each customer is likelier to leave than to stay."""
        leaving: Bools = self.predict_proba(features)[:, 1] > 1 / 2
        return leaving

    def contributions(self, features: Any) -> "pd.DataFrame":
        """What each column adds to the log odds of leaving, compared with the mean of the fitted rows.

        Contributions and ``intercept`` add up to the calibrated log odds of the additive part, which is the whole of a
        ``logistic`` model. They are associations, not causes.

        Returns
        -------
        pandas.DataFrame
            One row for each customer; a column for each of ``columns_``, and ``intercept``.

        Raises
        ------
        ValueError
            The model is a ``boosting``, which is not additive.

        Examples
        --------
        >>> import pandas as pd
        >>> days = pd.DataFrame({"recency_days": range(200)})
        >>> model = ChurnModel("logistic").fit(days, days["recency_days"] >= 100)
        >>> model.contributions(days).iloc[[0, 199]].gt(0).to_dict("list")
        {'recency_days': [False, True], 'intercept': [True, True]}
        """
        import pandas as pd

        check_is_fitted(self)
        if self.kind == "boosting":
            raise ValueError("kind: boosting is not additive. Take logistic or average, or importance")
        terms, logistic = self.parts_["logistic"]
        added = (terms.transform(self._known(features)) - self.centre_) * logistic.coef_[0]
        names = np.array(terms.names_, dtype=object)
        by_column = pd.DataFrame({name: added[:, names == name].sum(axis=1) for name in self.columns_})
        slope, shift = self.calibration_
        with one_thread():
            mean = float(logistic.intercept_[0] + self.centre_ @ logistic.coef_[0])
        return (slope * by_column).assign(intercept=shift + slope * mean)

    def importance(
        self, features: Any, churned: ArrayLike, groups: Mapping[str, Sequence[str]] | None = None, *, repeats: int = 5
    ) -> "pd.DataFrame":
        """Permutation importance: the loss of ROC AUC when columns are shuffled among the customers.

        Parameters
        ----------
        features, churned
            Customers that the model was not fitted to.
        groups : mapping of str to sequence of str, optional
            Columns that are shuffled together, because one can stand in for another; by default each by itself.
        repeats : int, default 5
            Shuffles that are averaged.

        Returns
        -------
        pandas.DataFrame
            ``group``, ``value`` (points of ROC AUC, 0 to 1) and ``spread`` (standard deviation over the shuffles), the
            largest first.

        Raises
        ------
        DataError
            A column is absent; ``TooLittle``: no customer left, or none stayed.

        Examples
        --------
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> table = pd.DataFrame({"recency_days": rng.uniform(0, 80, 400), "noise": rng.normal(size=400)})
        >>> churned = table["recency_days"] > 40
        >>> ChurnModel("logistic").fit(table, churned).importance(table, churned)["group"].tolist()
        ['recency_days', 'noise']
        """
        import pandas as pd

        frame, labels = self._known(features), outcome_labels(churned, len(features), 1)
        whole, rng = self._roc_auc(frame, labels), np.random.default_rng(self.seed)
        rows = []
        for name, columns in (groups or {name: [name] for name in self.columns_}).items():
            losses = []
            for _ in range(repeats):
                order, shuffled = rng.permutation(len(frame)), frame.copy()
                shuffled[list(columns)] = frame[list(columns)].to_numpy()[order]
                losses.append(whole - self._roc_auc(shuffled.astype(frame.dtypes), labels))
            rows.append((name, float(np.mean(losses)), float(np.std(losses))))
        table = pd.DataFrame(rows, columns=["group", "value", "spread"])
        return table.sort_values("value", ascending=False, ignore_index=True)

    def save(self, file: str | Path, card: Mapping[str, Any] | None = None) -> None:
        """Write the model and its card to a ``.skops`` file, which holds no code.

        The same model and card give the same bytes. Numbers of the card are written with 9 significant digits.

        Parameters
        ----------
        file : str or Path
            Its name ends with ``.skops``; a pickle is refused.
        card : mapping, optional
            What describes the model: dates of the data, how many customers, how good it was.

        Raises
        ------
        ValueError
            The name ends otherwise.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> import pandas as pd
        >>> days = pd.DataFrame({"recency_days": range(200)})
        >>> file = Path(mkdtemp()) / "churn.skops"
        >>> ChurnModel("logistic").fit(days, days["recency_days"] >= 100).save(file, {"as_of": "2026-11-01"})
        >>> model, card = ChurnModel.load(file)
        >>> model.columns_, card
        (['recency_days'], {'as_of': '2026-11-01'})
        """
        check_is_fitted(self)
        content = {"schema": SCHEMA, "card": json.dumps(significant(dict(card or {}))), "model": self}
        write_content(content, skops_file(file))

    @classmethod
    def load(cls, file: str | Path) -> tuple[Self, dict[str, Any]]:
        """Read a model and its card.

        Raises
        ------
        ValueError
            The file is no ``.skops``, holds types that no model of ours has, or is of another version.
        """
        file = skops_file(file)
        content = read_content(file)
        if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content["model"], cls):
            raise ValueError(f"{file.name} is not a model of version {SCHEMA}. Fit and save it again")
        return content["model"], json.loads(content["card"])

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    _repr_mimebundle_ = None  # scikit-learn's diagram

    def _card(self) -> tuple[str, list[tuple[str, str]]]:
        title = f"ChurnModel: {self.kind}, seed {self.seed}"
        if not hasattr(self, "parts_"):
            return title, [("fitted to", "nothing yet")]
        slope, shift = self.calibration_
        calibrated = f"log odds × {with_interval(slope)}, shifted by {with_interval(shift)}"
        rows = {
            "fitted to": f"{self.n_:,} rows, of them {self.churned_:,} churned",
            "columns": f"{len(self.columns_)}: {', '.join(self.columns_)}",
            "left out": f"{len(self.left_out_)}: {', '.join(self.left_out_)}" if self.left_out_ else "",
            "calibrated": calibrated if self.calibration_ != NO_CORRECTION else "",
        }
        return title, [(label, text) for label, text in rows.items() if text]

    def _known(self, features: Any) -> "pd.DataFrame":
        """Columns that the model uses, of the kinds and in the ranges that it was fitted to."""
        frame = feature_frame(features, self.columns_)
        for name in self.columns_:
            number = frame[name].dtype == float
            if number != (name in self.numbers_) and frame[name].notna().any():
                kinds = ("words", "numbers")
                problem = f"holds {kinds[number]}, and held {kinds[name in self.numbers_]} when the model was fitted."
                raise DataError(f"{problem} Give it as it was.", column=name)
        frame = frame.astype({name: float if name in self.numbers_ else object for name in self.columns_})
        frame[self.numbers_] = np.clip(frame[self.numbers_].to_numpy(), self.least_, self.most_)
        return frame

    def _roc_auc(self, frame: "pd.DataFrame", labels: Bools) -> float:
        return Order(self.predict_proba(frame)[:, 1]).roc_auc(labels).value


MADE_OF = {"logistic": ["logistic"], "boosting": ["boosting"], "average": ["logistic", "boosting"]}


def _part(name: str, categories: int, seed: int) -> "Pipeline":
    """Additive terms and logistic regression, or small trees one after the other."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if name == "logistic":
        return make_pipeline(AdditiveTerms(), LogisticRegression(C=PENALTY, max_iter=ITERATIONS))
    trees = HistGradientBoostingClassifier(**BOOSTING, categorical_features=list(range(categories)), random_state=seed)
    return make_pipeline(TreeColumns(), trees)
