"""Weights of a score compared with those that the outcomes suggest, and each component by itself."""

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.churn.outcomes import Outcomes
from engagekit.churn.threads import one_thread
from engagekit.frames.times import days_later
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.score.scorecard import SCALE, Scorecard

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_weights"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DIGITS = 6  # of a component's share
MOST_FITTED = 100_000  # rows
ALONE = ("roc_auc", "value_correlation")


def compare_weights(
    scorecard: Scorecard, tested: pl.DataFrame, churn: ChurnDefinition
) -> tuple["pd.DataFrame", tuple[float, float, float]]:
    """Compare the declared weights of a score with weights fitted to who left.

    Parameters
    ----------
    scorecard : Scorecard
    tested : polars.DataFrame
        Customers with a score and a known outcome, with the columns that ``with_scores`` adds.
    churn : ChurnDefinition
        The definition that the outcomes were made with.

    Returns
    -------
    weights : pandas.DataFrame
        ``feature``; its ``declared`` share of the weights and the share ``fitted`` to dates whose outcome was known by
        the last date, NaN where there is none; and, for customers whose component is known, the ``roc_auc`` and
        ``value_correlation`` of the component by itself, with ``_low`` and ``_high``.
    gain : tuple of float
        ROC AUC of the fitted weights minus that of the declared ones on the last date, low and high; NaN without.

    Notes
    -----
    The fitted weights are those of a logistic regression of who stayed on the components, none below 0. A component
    that is not known counts as the score does, which is what the others make of it.
    """
    import pandas as pd

    outcomes = Outcomes.of(tested.select("customer_id", "date", "churned", "next_value").to_pandas())
    shares = _shares(scorecard, tested)
    design = np.where(np.isnan(shares), tested["score"].to_numpy()[:, None] / SCALE, shares)
    design[:, np.isnan(shares).all(axis=0)] = 0
    earlier, last = _split(tested["date"], churn.outcome_after)
    with one_thread():
        fitted = _fitted(design[earlier], ~outcomes.churned[earlier])
        declared = np.array(list(scorecard.weights.values()))
        gain = _gain(outcomes, design, last, declared, fitted)
    alone = outcomes.table({name: -shares[:, place] for place, name in enumerate(scorecard.features)})
    rows = []
    for place, (name, weight) in enumerate(scorecard.weights.items()):
        blank = np.isnan(shares[:, place]).all()
        row = {"feature": name, "declared": weight}
        row["fitted"] = np.nan if fitted is None or blank else fitted[place] / fitted.sum()
        for statistic in ALONE:
            numbers = alone[(alone["predictor"] == name) & (alone["statistic"] == statistic)].iloc[0]
            row |= {statistic: numbers["value"]}
            row |= {f"{statistic}_{bound}": numbers[bound] for bound in ("low", "high")}
        rows.append(row)
    return pd.DataFrame(rows), gain


def _shares(scorecard: Scorecard, tested: pl.DataFrame) -> Floats:
    """Components between 0 and 1, NaN where one is not known; rounded, so that equal ones stay equal."""
    coverage = tested["coverage"].to_numpy()
    points = [tested[f"{name}_points"].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in scorecard.features]
    weights = scorecard.weights.values()
    shares = [each * coverage / (SCALE * weight) for each, weight in zip(points, weights, strict=True)]
    return np.column_stack(shares).round(DIGITS)


def _split(dates: pl.Series, ahead: dt.timedelta) -> tuple[Bools, Bools]:
    """Rows of the dates whose outcome was known by the last, and rows of the last."""
    different = dates.unique().sort().to_list()
    earlier = [date for date in different if days_later(date, ahead) <= different[-1]]
    return dates.is_in(earlier).to_numpy(), dates.is_in(different[-1:]).to_numpy()


def _fitted(design: Floats, stayed: Bools) -> Floats | None:
    """Weights, none below 0, of a logistic regression of staying; None where nobody or everybody stayed."""
    from scipy.optimize import minimize
    from scipy.special import expit

    if not 0 < stayed.sum() < len(stayed):
        return None
    step = -(-len(stayed) // MOST_FITTED)
    x, y = design[::step], stayed[::step]

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = weights[0] + x @ weights[1:]
        error = expit(odds) - y
        return float(np.mean(np.logaddexp(0, odds) - y * odds)), np.r_[error.mean(), error @ x / len(y)]

    bounds = [(None, None)] + [(0, None)] * x.shape[1]
    start = np.zeros(x.shape[1] + 1)
    weights: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x[1:]
    return weights if weights.sum() > 0 else None


def _gain(
    outcomes: Outcomes, design: Floats, last: Bools, declared: Floats, fitted: Floats | None
) -> tuple[float, float, float]:
    """ROC AUC of the fitted weights minus that of the declared ones, both over all components, on the last date."""
    if fitted is None:
        return np.nan, np.nan, np.nan
    weights = {"declared": declared, "fitted": fitted}
    risks = {name: np.where(last, -design @ each, np.nan) for name, each in weights.items()}
    table = outcomes.table(risks, baseline="declared")
    row = table[(table["predictor"] == "fitted") & (table["statistic"] == "roc_auc")].iloc[0]
    return float(row["difference"]), float(row["difference_low"]), float(row["difference_high"])
