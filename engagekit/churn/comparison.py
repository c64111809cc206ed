"""Comparison of churn models from the simplest to the largest, and the simplest that is as good as the best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engagekit.churn.backtest import Backtest, backtest, known_outcomes
from engagekit.churn.calibration import log_odds
from engagekit.churn.candidates import CANDIDATES, OF_A_SCORE, Candidate, final_model, usable
from engagekit.churn.expected import level_margin
from engagekit.churn.leakage import leakage_report, no_signs
from engagekit.churn.model import ChurnModel
from engagekit.churn.outcomes import LOSSES
from engagekit.churn.statistics import Order, Ranking
from engagekit.churn.threads import one_thread
from engagekit.display.card import card_html, card_text, counted, with_interval
from engagekit.metrics.intervals import upper_tail
from engagekit.prepare.leaving import ChurnDefinition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare_models"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers = tuple[float, float, float]

BINS = 10
DECIDES = "log_loss"
TESTED = 3  # parts of a table without dates, of which leakage is looked for in one
UNDEFINED = (np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Comparison:
    """Churn models compared on customers that they were not fitted to. Every interval is of 95 %, over customers.

    Attributes
    ----------
    backtest : Backtest
        Statistics of the candidates and of the predictors that need no fitting.
    candidates : list of str
        Names of the candidates that were tested, the simplest first.
    best, recommended : str
        The candidate with the lowest log loss; and the simplest whose log loss is not surely higher, nor its ROC AUC
        surely lower.
    calibration : pandas.DataFrame
        Of the recommended candidate, by tenth of its probabilities: ``bin, n, probability`` (mean) and ``churned``
        (share). Equal probabilities are in the same bin, so there may be fewer than ten.
    calibration_error : float
        Mean distance of the two over customers, 0 to 1.
    calibration_slope : tuple of float
        Slope of the log odds of the outcome on the predicted log odds, low and high: 1 is right, below 1 is
        overconfident. NaN where all probabilities are the same.
    model : ChurnModel or None
        The recommended model, fitted to all rows with a known outcome; None for the base rate.
    margin : float
        What ``level_margin`` gives for the recommended candidate; ``expected_sum`` takes it.
    leakage : pandas.DataFrame
        What ``leakage_report`` says of the rows that the models were fitted to and tested on; of a table without dates,
        of a random third of the rows and the others.

    Examples
    --------
    >>> compared = study.compare_models()
    >>> compared.recommended, round(compared.statistic("score")["value"], 2)
    ('base_rate', 0.69)
    >>> round(compared.difference("boosting", "score")[0], 2)
    0.07
    """

    backtest: Backtest
    candidates: list[str]
    best: str
    recommended: str
    calibration: "pd.DataFrame"
    calibration_error: float
    calibration_slope: Numbers
    model: ChurnModel | None
    margin: float = 0.0
    leakage: "pd.DataFrame" = field(default_factory=no_signs)

    def statistic(self, predictor: str, statistic: str = "roc_auc") -> dict[str, float]:
        """Numbers of a row of the backtest's ``statistics``."""
        return self.backtest.statistic(predictor, statistic)

    def difference(self, candidate: str, other: str = "", statistic: str = DECIDES) -> Numbers:
        """How much higher a statistic of a candidate's probabilities is than of another's, by default the best's.

        Returns
        -------
        value, low, high : float
        """
        return _difference(self.backtest.probabilities, candidate, other or self.best, statistic)

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, ...]]]:
        rows: list[tuple[str, ...]] = [
            (
                "recommended",
                self.recommended,
                f"calibration error {with_interval(self.calibration_error, unit='rate')}",
            ),
            ("best log loss", self.best),
        ]
        for outcome, signs in self.leakage.groupby("outcome"):
            named = [f"{row.suspect}: {row.about}".removesuffix(": ") for row in signs.itertuples()]
            rows.append((f"leakage {outcome}", "; ".join(named)))
        for name in self.candidates:
            loss, auc = (self.statistic(name, statistic) for statistic in (DECIDES, "roc_auc"))
            rows.append(
                (
                    name,
                    f"log loss {loss['value']:.4f}",
                    f"ROC AUC {with_interval(auc['value'], auc['low'], auc['high'])}",
                )
            )
        tested = counted(self.backtest.test_rows, "row")
        return f"Comparison of {counted(len(self.candidates), 'churn model')}, tested on {tested}", rows


def compare_models(
    dataset: Any,
    churn: ChurnDefinition,
    *,
    candidates: Sequence[Candidate] = CANDIDATES,
    use: str = "",
    accept: Iterable[str] = (),
    seed: int = 0,
) -> Comparison:
    """Test churn models from the simplest to the largest, and recommend the simplest that is as good as the best.

    Parameters
    ----------
    dataset : frame
        As ``backtest`` takes it.
    churn : ChurnDefinition
        The definition that the dataset was made with.
    candidates : sequence of Candidate, default CANDIDATES
        Simplest first; those whose columns are absent or blank are left out.
    use : str, optional
        Candidate to recommend, whatever the statistics say.
    accept : iterable of str, default ()
        Columns that the business vouches for; ``leakage_report`` does not examine them.
    seed : int, default 0
        Random seed of the folds and of the boosting.

    Raises
    ------
    DataError
        ``churned`` is not a column. ``TooLittle``: fewer than 50 customers left or stayed where the models are fitted,
        or fewer than five where they are tested; or no date has an outcome that was known by the last.
    ValueError
        ``use`` names no candidate that was tested, or ``accept`` no column.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> days = rng.uniform(0, 80, 2_000)
    >>> table = pd.DataFrame({"recency_days": days, "noise": rng.normal(size=2_000),
    ...     "churned": rng.random(2_000) < days / 100})
    >>> compared = compare_models(table, ChurnDefinition(horizon="28d", contractual=True))
    >>> compared.recommended, compared.statistic("base_rate")["value"]
    ('recency', 0.5)
    """
    known = known_outcomes(dataset)
    tested = usable(known, candidates)
    names = [each.name for each in tested]
    if use and use not in names:
        raise ValueError(f"use: there is no candidate {use!r} here. There are: {', '.join(names)}")
    with one_thread():
        measured = backtest(known, churn, candidates=tested, seed=seed)
        best = min(names, key=lambda name: measured.statistic(name, DECIDES)["value"])
        recommended = use or _simplest(measured.probabilities, names, best)
        candidate = next(each for each in tested if each.name == recommended)
        probability, churned = (measured.probabilities[name].to_numpy() for name in (recommended, "churned"))
        table, error = _calibration(probability, churned)
        slope = _calibration_slope(probability, churned)
        model = final_model(known, candidate, tested, seed, ahead=churn.outcome_after)
        leakage = leakage_report(*_parts(known, measured, seed), accept=accept)
    margin = level_margin(known, churn.outcome_after, (probability, churned))
    return Comparison(measured, names, best, recommended, table, error, slope, model, margin, leakage)


def _parts(known: "pd.DataFrame", measured: Backtest, seed: int) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Rows fitted to and rows tested on; without dates a third of all, since each is tested by models of the others."""
    derived = (
        [name for name in known if name in OF_A_SCORE or str(name).endswith("_points")] if "score" in known else []
    )
    rows = known.drop(columns=derived)
    if measured.test_date is not None:
        return rows[rows["date"].isin(measured.train_dates)], rows[rows["date"] == measured.test_date]
    tested = np.random.default_rng(seed).permutation(len(rows)) < len(rows) / TESTED
    return rows[~tested], rows[tested]


def _simplest(probabilities: "pd.DataFrame", names: list[str], best: str) -> str:
    """The first candidate that is not surely worse than the best."""
    for name in names:
        higher_loss = _difference(probabilities, name, best, DECIDES)[1] > 0
        lower_auc = _difference(probabilities, name, best, "roc_auc")[2] < 0
        if name == best or not (higher_loss or lower_auc):
            return name
    return best


def _difference(probabilities: "pd.DataFrame", candidate: str, other: str, statistic: str) -> Numbers:
    import pandas as pd

    churned, customer = probabilities["churned"].to_numpy(), pd.factorize(probabilities["customer_id"])[0]
    one, two = (_statistic(probabilities[name].to_numpy(), churned, statistic) for name in (candidate, other))
    difference = one - two
    return (difference.value, *difference.interval(customer))


def _statistic(probability: Floats, churned: Bools, name: str) -> Ranking:
    if name in LOSSES:
        return LOSSES[name](probability, churned)
    ranking: Ranking = getattr(Order(probability), name)(churned)
    return ranking


def _calibration(probability: Floats, churned: Bools) -> tuple["pd.DataFrame", float]:
    """Predicted probability and observed share by tenth, and their mean distance."""
    import pandas as pd

    edges = np.unique(np.quantile(probability, np.linspace(0, 1, BINS + 1)[1:-1]))
    tenth = np.searchsorted(edges, probability)  # equal probabilities are in the same bin
    cells = [
        (place, int((tenth == each).sum()), probability[tenth == each].mean(), churned[tenth == each].mean())
        for place, each in enumerate(np.unique(tenth), 1)
    ]
    table = pd.DataFrame(cells, columns=["bin", "n", "probability", "churned"])
    distance = (table["probability"] - table["churned"]).abs()
    return table, float((distance * table["n"]).sum() / len(churned))


def _calibration_slope(probability: Floats, churned: Bools) -> Numbers:
    """Slope of a logistic regression of the outcome on the predicted log odds, with its Wald interval."""
    from scipy.special import ndtri
    from sklearn.linear_model import LogisticRegression

    odds = log_odds(probability)
    if not 0 < churned.sum() < len(churned) or np.ptp(odds) == 0:
        return UNDEFINED
    line = LogisticRegression(C=np.inf, max_iter=1_000).fit(odds[:, None], churned)
    slope, fitted = float(line.coef_[0, 0]), line.predict_proba(odds[:, None])[:, 1]
    design = np.column_stack([np.ones_like(odds), odds])
    error = np.sqrt(np.linalg.inv((design.T * (fitted * (1 - fitted))) @ design)[1, 1])
    half = float(ndtri(upper_tail(0.95)) * error)
    return slope, slope - half, slope + half
