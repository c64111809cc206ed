"""ChurnModel: the probability that a customer leaves, from numbers and categories."""

import json
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from engagekit.churn.statistics import Order
from engagekit.errors import DataError, TooLittle, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

__all__ = ["FEWEST", "ChurnModel"]

Floats = NDArray[np.float64]

OWNER_ONLY = 0o600
FEWEST = 50  # who left, and who stayed: fewer teach nothing
KINDS = ("logistic", "boosting", "average")
SCHEMA = 1
SUFFIX = ".skops"
KNOTS, PENALTY, ITERATIONS = 5, 0.3, 2_000
MOST = 100  # categories of a column; the rarer ones count as one
BOOSTING = {"learning_rate": 0.05, "max_iter": 150, "max_leaf_nodes": 8, "min_samples_leaf": 30}
CONTRADICTED = 5.991  # 95 % point of chi-squared with 2 degrees of freedom
HALF, SURE = 0.5, 1e-9
TRUSTED = {  # types of a saved model besides those that skops trusts
    "engagekit.churn.model.ChurnModel",
    "functools.partial",
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
}


class ChurnModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability that a customer leaves: additive splines, boosting, or the average of both.

    A scikit-learn classifier of frames. Columns are found by their names, so that their order does not matter.
    A number that is missing counts as the median, and that it is missing tells by itself; a category that was not seen
    in fitting tells nothing. Columns that are constant or blank throughout are left out.

    Parameters
    ----------
    kind : {"logistic", "boosting", "average"}, default "average"
        ``logistic``: logistic regression with a cubic spline of each number. Its terms are added up, so that
        ``contributions`` explains it exactly. ``boosting``: gradient boosting with small trees. ``average``: the mean
        of both probabilities.
    seed : int, default 0
        Of the boosting.

    Attributes
    ----------
    columns_, left_out_ : list of str
        Columns that count, and those that do not.
    n_, churned_ : int
        Rows that it was fitted on, and who of them left.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DataFrame({"recency_days": range(200)})
    >>> model = ChurnModel("logistic").fit(days, days["recency_days"] >= 100)
    >>> [bool(chance > 0.5) for chance in model.predict_proba(days.iloc[[0, 199]])[:, 1]]
    [False, True]
    """

    def __init__(self, kind: Literal["logistic", "boosting", "average"] = "average", *, seed: int = 0) -> None:
        self.kind = kind
        self.seed = seed

    def fit(self, features: Any, churned: ArrayLike) -> Self:
        """Fit to customers of whom it is known who left.

        Parameters
        ----------
        features : pandas.DataFrame or polars.DataFrame
            Numbers, truth values and categories, a row a customer.
        churned : array-like of bool
            Who left.

        Raises
        ------
        DataError
            A column holds times or the like; ``TooLittle``: fewer than 50 left, or stayed.
        ValueError
            ``kind`` is not known, there is a label missing, or none for each row.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is not known. {did_you_mean(self.kind, KINDS)}")
        frame, left = _frame(features), _labels(churned, len(features))
        self.classes_ = np.array([False, True])
        self.n_, self.churned_ = len(left), int(left.sum())
        self.left_out_ = [str(name) for name in frame if frame[name].nunique(dropna=False) < len(self.classes_)]
        self.columns_ = [str(name) for name in frame if name not in self.left_out_]
        if not self.columns_:
            raise TooLittle("no column tells customers apart. Give one that is not the same for all.")
        self.numbers_ = [name for name in self.columns_ if frame[name].dtype == float]
        self.parts_ = {name: PARTS[name](frame, self) for name in MADE_OF[self.kind]}
        for part in self.parts_.values():
            part.fit(frame, left)
        self.calibration_ = (1.0, 0.0)
        if "logistic" in self.parts_:
            self.centre_ = self.parts_["logistic"][:-1].transform(frame).mean(axis=0)
        return self

    def part(self, kind: Literal["logistic", "boosting", "average"]) -> Self:
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
        found = copy(self)
        found.kind, found.calibration_ = kind, (1.0, 0.0)
        found.parts_ = {name: self.parts_[name] for name in MADE_OF[kind]}
        return found

    def predict_proba(self, features: Any) -> Floats:
        """Chances to stay and to leave, a row a customer.

        Raises
        ------
        DataError
            A column is absent; names the nearest.
        """
        check_is_fitted(self)
        frame = self._known(features)
        slope, shift = self.calibration_
        leaving = np.mean([part.predict_proba(frame)[:, 1] for part in self.parts_.values()], axis=0)
        if self.calibration_ != (1.0, 0.0):
            leaving = expit(shift + slope * logit(np.clip(leaving, SURE, 1 - SURE)))
        return np.column_stack([1 - leaving, leaving])

    def calibrate(self, features: Any, churned: ArrayLike) -> Self:
        """Scale and shift the log odds so that they fit customers of a later date than the model was fitted on.

        They are left as they are where the later customers do not contradict them, by a likelihood-ratio test at 5 %:
        a correction that is not needed adds noise.

        Raises
        ------
        DataError
            A column is absent; ``TooLittle``: fewer than 50 left, or stayed, or no column varies.

        References
        ----------
        .. [1] Platt, J. (1999). Probabilistic Outputs for Support Vector Machines. Advances in Large Margin
           Classifiers.
        """
        from sklearn.linear_model import LogisticRegression

        left, leaving = _labels(churned, len(features)), self.predict_proba(features)[:, 1]
        odds = logit(np.clip(leaving, SURE, 1 - SURE))
        if np.ptp(odds) > 0:
            fitted = LogisticRegression(C=np.inf, max_iter=ITERATIONS).fit(odds[:, None], left)
            slope, shift = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
            gained = 2 * (_log_likelihood(shift + slope * odds, left) - _log_likelihood(odds, left))
            if gained < CONTRADICTED:
                return self
        else:
            slope, shift = 1.0, float(logit(left.mean()) - odds[0])
        before_slope, before_shift = self.calibration_
        self.calibration_ = (slope * before_slope, slope * before_shift + shift)
        return self

    def predict(self, features: Any) -> NDArray[np.bool_]:
        """Whether each is likelier to leave than to stay."""
        leaving: NDArray[np.bool_] = self.predict_proba(features)[:, 1] > HALF
        return leaving

    def contributions(self, features: Any) -> "pd.DataFrame":
        """What each column adds to the log odds of leaving, beside the mean customer of the fitting.

        They and ``intercept`` add up to the log odds of the additive part, which is the whole of a ``logistic`` model,
        as it was calibrated.
        Associations, not causes.

        Returns
        -------
        pandas.DataFrame
            A row a customer, a column for each of ``columns_``, and ``intercept``.

        Raises
        ------
        ValueError
            The model is a ``boosting``, which is not additive.
        """
        import pandas as pd

        check_is_fitted(self)
        if self.kind == "boosting":
            raise ValueError("kind: boosting is not additive. Take logistic or average, or importance")
        terms, logistic = self.parts_["logistic"][:-1], self.parts_["logistic"][-1]
        added = (terms.transform(self._known(features)) - self.centre_) * logistic.coef_[0]
        slices = terms[-1].output_indices_
        parts = {name: [part for part in (name, _blank(name)) if part in slices] for name in self.columns_}
        found = pd.DataFrame(
            {name: sum(added[:, slices[part]].sum(axis=1) for part in own) for name, own in parts.items()}
        )
        slope, shift = self.calibration_
        mean = float(logistic.intercept_[0] + self.centre_ @ logistic.coef_[0])
        return (slope * found).assign(intercept=shift + slope * mean)

    def importance(
        self, features: Any, churned: ArrayLike, groups: Mapping[str, Sequence[str]] | None = None, *, repeats: int = 5
    ) -> "pd.DataFrame":
        """How much of the ROC AUC is lost when columns are shuffled among the customers.

        Parameters
        ----------
        features, churned
            Customers whom the model was not fitted on, lest it tell what was learnt by heart.
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
            A column is absent; ``TooLittle``: nobody left, or stayed.
        """
        import pandas as pd

        frame, left = self._known(features), _labels(churned, len(features), 1)
        whole, rng = self._auc(frame, left), np.random.default_rng(self.seed)
        found = []
        for name, columns in (groups or {name: [name] for name in self.columns_}).items():
            lost = []
            for _ in range(repeats):
                order, shuffled = rng.permutation(len(frame)), frame.copy()
                shuffled[list(columns)] = frame[list(columns)].to_numpy()[order]
                lost.append(whole - self._auc(shuffled.astype(frame.dtypes), left))
            found.append((name, float(np.mean(lost)), float(np.std(lost))))
        table = pd.DataFrame(found, columns=["group", "value", "spread"])
        return table.sort_values("value", ascending=False, ignore_index=True)

    def save(self, file: str | Path, card: Mapping[str, Any] | None = None) -> None:
        """Write the model and its card to a ``.skops`` file, which holds no code.

        Parameters
        ----------
        file : str or Path
            Its name ends with ``.skops``; a pickle is refused.
        card : mapping, optional
            What is told of the model: dates of the data, how many customers, how good it was.

        Raises
        ------
        ValueError
            The name ends otherwise.
        """
        import skops.io

        check_is_fitted(self)
        file = _skops(file)
        stage = file.with_name(f".{file.name}.part")
        stage.touch(OWNER_ONLY)  # it names columns and categories of customers
        skops.io.dump({"schema": SCHEMA, "card": json.dumps(dict(card or {})), "model": self}, stage)
        stage.replace(file)

    @classmethod
    def load(cls, file: str | Path) -> tuple[Self, dict[str, Any]]:
        """Read a model and its card.

        Raises
        ------
        ValueError
            The file is no ``.skops``, holds types that no model of ours has, or is of another version.
        """
        import skops.io

        file = _skops(file)
        foreign = sorted(set(skops.io.get_untrusted_types(file=file)) - TRUSTED)
        if foreign:
            raise ValueError(f"{file.name} holds {', '.join(foreign)}, which no model of ours does. It is not loaded")
        content = skops.io.load(file, trusted=sorted(TRUSTED))
        if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content["model"], cls):
            raise ValueError(f"{file.name} is not a model of version {SCHEMA}. Fit and save it again")
        return content["model"], json.loads(content["card"])

    def _known(self, features: Any) -> "pd.DataFrame":
        """Columns of the fitting, as it had them."""
        frame = _frame(features, self.columns_)
        for name in self.columns_:
            number = frame[name].dtype == float
            if number != (name in self.numbers_) and frame[name].notna().any():
                kinds = ("words", "numbers")
                problem = f"holds {kinds[number]}, and held {kinds[name in self.numbers_]} when the model was fitted."
                raise DataError(f"{problem} Give it as it was.", column=name)
        return frame.astype({name: float if name in self.numbers_ else object for name in self.columns_})

    def _auc(self, frame: "pd.DataFrame", left: NDArray[np.bool_]) -> float:
        return Order(self.predict_proba(frame)[:, 1]).roc_auc(left).value


def _logistic(frame: "pd.DataFrame", model: ChurnModel) -> "Pipeline":
    """Splines of numbers, a term for each category, and logistic regression."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

    terms: list[tuple[str, Any, list[str]]] = []
    for name in model.columns_:
        if name not in model.numbers_:
            terms.append((name, OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST), [name]))
            continue
        known = frame[name].dropna()
        knots = np.unique(np.quantile(known, np.linspace(0, 1, KNOTS)))[:, None]
        curve = SplineTransformer(knots=knots, extrapolation="linear", include_bias=False)
        shape = (
            curve if known.nunique() > len(model.classes_) and len(knots) > len(model.classes_) else StandardScaler()
        )
        terms.append((name, make_pipeline(SimpleImputer(strategy="median"), shape), [name]))
        if len(known) < len(frame):
            terms.append((_blank(name), MissingIndicator(features="all"), [name]))
    return make_pipeline(
        ColumnTransformer(terms, sparse_threshold=0), LogisticRegression(C=PENALTY, max_iter=ITERATIONS)
    )


def _boosting(_: "pd.DataFrame", model: ChurnModel) -> "Pipeline":
    """Small trees, one after the other."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    words = [name for name in model.columns_ if name not in model.numbers_]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=MOST)
    columns = ColumnTransformer([("words", codes, words), ("numbers", "passthrough", model.numbers_)])
    categories = list(range(len(words)))
    trees = HistGradientBoostingClassifier(**BOOSTING, categorical_features=categories, random_state=model.seed)
    return make_pipeline(columns, trees)


def _log_likelihood(odds: Floats, left: NDArray[np.bool_]) -> float:
    return float((odds[left]).sum() - np.logaddexp(0, odds).sum())


PARTS = {"logistic": _logistic, "boosting": _boosting}
MADE_OF = {"logistic": ["logistic"], "boosting": ["boosting"], "average": ["logistic", "boosting"]}


def _blank(name: str) -> str:
    return f"{name}:blank"


def _frame(features: Any, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Numbers as floats and all else as text, in a pandas frame."""
    import pandas as pd

    given = nw.from_native(features, eager_only=True).to_pandas()
    for name in columns or ():
        if name not in given:
            raise DataError(f"is not a column. {did_you_mean(name, given)}", column=name)
    found = {}
    for name in columns or given:
        column = given[name]
        if pd.api.types.is_numeric_dtype(column) or column.isna().all():
            found[name] = column.astype(float)
        elif column.dtype == object or isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
            found[name] = column.astype(object).map(str, na_action="ignore").where(column.notna(), None)
        else:
            problem = f"is {column.dtype}, neither number nor category. Turn it into one, such as days."
            raise DataError(problem, column=name)
    return pd.DataFrame(found).reset_index(drop=True)


def _labels(churned: ArrayLike, rows: int, fewest: int = FEWEST) -> NDArray[np.bool_]:
    given = np.asarray(churned)
    if len(given) != rows:
        raise ValueError(f"churned: {len(given)} labels for {rows} rows")
    if given.dtype != bool and not np.isin(given, [0, 1]).all():
        raise ValueError("churned: holds more than whether somebody left. Leave those out whose horizon is not over")
    left: NDArray[np.bool_] = given.astype(bool)
    for who, number in (("left", left.sum()), ("stayed", len(left) - left.sum())):
        if number < fewest:
            problem = (
                f"{number} customers {who}, and fewer than {fewest} teach nothing. Take more dates or a longer horizon."
            )
            raise TooLittle(problem, column="churned")
    return left


def _skops(file: str | Path) -> Path:
    file = Path(file)
    if file.suffix != SUFFIX:
        raise ValueError(
            f"{file.name}: a model lies in a {SUFFIX} file; pickles run code, and are neither read nor written"
        )
    return file
