"""The ladder of baselines: whether a churn model is worth more than simpler things, on customers it has not seen."""

import datetime as dt
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from engagekit.churn.model import FEWEST, ChurnModel
from engagekit.churn.statistics import Order, Ranking
from engagekit.errors import TooLittle
from engagekit.metrics.intervals import upper_tail

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DIFFERENCE", "FEWEST_TRIED", "RUNGS", "STATISTICS", "Ladder", "Rung", "ladder"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS, STRATA = 5, 10
FEWEST_TRIED = 5  # who left and who stayed on the date of the trial: intervals of fewer are far too narrow
BINS = 10
STATISTICS = ("roc_auc", "average_precision", "lift", "brier", "log_loss")
DECIDES = "log_loss"
SURE = 1e-9
KEYS = ("customer_id", "date", "churned", "next_value")


@dataclass(frozen=True)
class Rung:
    """A step of the ladder: a model of some columns.

    Attributes
    ----------
    name : str
    columns : tuple of str, optional
        What it looks at; by default all that is no predictor of a rung of its own. None at all is the base rate.
    kind : {"logistic", "boosting", "average"}
        As ``ChurnModel`` takes it.
    """

    name: str
    columns: tuple[str, ...] | None = None
    kind: Literal["logistic", "boosting", "average"] = "logistic"


RUNGS = (  # simplest first
    Rung("base_rate", ()),
    Rung("recency", ("recency_days",)),
    Rung("score", ("score",)),
    Rung("slope", ("score", "slope")),
    Rung("p_alive", ("p_alive",)),
    Rung("logistic"),
    Rung("boosting", kind="boosting"),
    Rung("average", kind="average"),
)


@dataclass(frozen=True)
class Ladder:
    """How far each rung reaches. Every interval is of 95 %, over customers.

    Attributes
    ----------
    method : {"time", "folds"}
        Fitted on earlier dates and tried on the last; or, of a table without dates, in stratified tenths.
    rungs : pandas.DataFrame
        ``rung, statistic, value, low, high``: ``roc_auc, average_precision, lift`` (of the tenth with the highest
        chance), ``brier`` and ``log_loss``; and ``difference, difference_low, difference_high`` from the best rung,
        that with the lowest log loss.
    best, recommended : str
        The best; and the simplest whose log loss is not surely higher, nor its ROC AUC surely lower.
    calibration : pandas.DataFrame
        Of the recommended rung, by tenth of its chances: ``bin, n, chance`` (mean) and ``churned`` (share). Customers
        with the same chance are in the same, so there may be fewer than ten.
    calibration_error : float
        Mean distance of the two over customers.
    calibration_slope : tuple of float
        Slope of the log odds of what happened over those told, low and high: 1 is right, below 1 is too sure. NaN where
        all are told the same.
    chances : pandas.DataFrame
        ``customer_id`` (or the number of the row), ``churned`` and what each rung told.
    model : ChurnModel or None
        The recommended one, fitted to all rows whose outcome is known; None for the base rate.
    fitted_rows, tried_rows : int
    dates : list of datetime
        Fitted on; the last is the one tried. Empty for a table without dates.
    """

    method: str
    rungs: "pd.DataFrame"
    best: str
    recommended: str
    calibration: "pd.DataFrame"
    calibration_error: float
    calibration_slope: tuple[float, float, float]
    chances: "pd.DataFrame"
    model: ChurnModel | None
    fitted_rows: int
    tried_rows: int
    dates: list[dt.datetime] = field(default_factory=list)

    def told(self, rung: str, statistic: str = "roc_auc") -> dict[str, float]:
        """Numbers of a row of ``rungs``."""
        frame = self.rungs
        row = frame[(frame["rung"] == rung) & (frame["statistic"] == statistic)].iloc[0]
        return {name: float(row[name]) for name in NUMBERS}

    def beside(self, rung: str, other: str, statistic: str = "roc_auc") -> tuple[float, float, float]:
        """How much higher a statistic of one rung is than that of another, with its interval."""
        import pandas as pd

        left, unit = self.chances["churned"].to_numpy(bool), pd.factorize(self.chances["customer_id"])[0]
        one, two = (_figures(self.chances[name].to_numpy(float), left)[statistic] for name in (rung, other))
        return ((one - two).value, *(one - two).interval(unit))


DIFFERENCE = ("difference", "difference_low", "difference_high")
NUMBERS = ("value", "low", "high", *DIFFERENCE)


def ladder(
    rows: Any, ahead: dt.timedelta | None = None, *, rungs: Sequence[Rung] = RUNGS, use: str = "", seed: int = 0
) -> Ladder:
    """Try churn models from the simplest to the largest on customers that none of them has seen.

    With dates, customers fall into five folds by a hash of their id. Each fold is told at the last date by a model that
    was fitted on the other customers' earlier dates, whose horizon was over by then, and calibrated on the latest of
    these. Without dates, rows are told in stratified tenths by a model of the others.

    Parameters
    ----------
    rows : pandas.DataFrame or polars.DataFrame
        What ``churn_dataset`` gives, with ``score``, ``slope`` and ``p_alive`` where there are any; or any table with
        ``churned``. Rows without an outcome are left out of the trial.
    ahead : timedelta, optional
        Gap and horizon; needed with dates.
    rungs : sequence of Rung, default RUNGS
        Simplest first; those whose columns are absent or blank are left out.
    use : str, optional
        Rung to recommend, whatever the figures say.
    seed : int, default 0
        Of the tenths and of the boosting.

    Raises
    ------
    TooLittle
        Fewer than 50 left or stayed where the models are fitted, or fewer than five where they are tried; or there is
        no date whose horizon was over by the last.
    ValueError
        ``ahead`` is missing, or there is no such rung.

    Notes
    -----
    The intervals are of the trial: they do not tell how another fitting would have come out.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> days = rng.uniform(0, 80, 2_000)
    >>> table = pd.DataFrame({"recency_days": days, "noise": rng.normal(size=2_000),
    ...     "churned": rng.random(2_000) < days / 100})
    >>> found = ladder(table)
    >>> found.method, found.recommended, found.told("base_rate")["value"]
    ('folds', 'recency', 0.5)
    """
    frame = nw.from_native(rows, eager_only=True).to_pandas()
    known = frame[frame["churned"].notna()].reset_index(drop=True)
    if known.empty:
        raise TooLittle(
            "is known of nobody: no horizon is over. Give earlier dates or a shorter horizon.", column="churned"
        )
    known = known.assign(churned=known["churned"].astype(bool))
    own = {name for rung in rungs for name in rung.columns or ()} - {"recency_days"}
    everything = [name for name in known if name not in {*KEYS, *own} and known[name].nunique(dropna=False) > 1]
    climbed = [rung for rung in rungs if all(_there(known, name) for name in rung.columns or ())]
    climbed = [rung for rung in climbed if everything or rung.columns is not None]
    if use and use not in [rung.name for rung in climbed]:
        raise ValueError(f"use: there is no rung {use!r} here. There are: {', '.join(rung.name for rung in climbed)}")
    dated = "date" in known
    if dated and ahead is None:
        raise ValueError("ahead: say how long the gap and the horizon are together, because rows have dates")
    tried, told, dates = (
        _by_time(known, ahead, climbed, everything, seed)
        if ahead and dated
        else _by_folds(known, climbed, everything, seed)
    )
    return _judged(known, tried, told, climbed, everything, use, seed, dates)


def _there(frame: "pd.DataFrame", name: str) -> bool:
    return name in frame and bool(frame[name].notna().any())


def _by_time(
    known: "pd.DataFrame", ahead: dt.timedelta, rungs: Sequence[Rung], everything: list[str], seed: int
) -> tuple["pd.DataFrame", dict[str, Floats], list[dt.datetime]]:
    """Rows of the last date, what each rung told of them, and the dates."""
    last = known["date"].max()
    earlier = sorted(date for date in known["date"].unique() if date + ahead <= last)
    if not earlier:
        problem = (
            f"no date has its horizon over by the last, {last:%Y-%m-%d}. Give earlier dates, {ahead.days} days apart."
        )
        raise TooLittle(problem, column="date")
    tried, past = known[known["date"] == last], known[known["date"].isin(earlier)]
    left = tried["churned"].to_numpy()
    if min(left.sum(), (~left).sum()) < FEWEST_TRIED:
        problem = (
            f"{left.sum()} customers left and {(~left).sum()} stayed of those at risk on the last date, {last:%Y-%m-%d}"
        )
        raise TooLittle(f"{problem}; fewer than {FEWEST_TRIED} tell nothing. Take a longer horizon.", column="churned")
    fold_of = {who: zlib.crc32(str(who).encode()) % FOLDS for who in known["customer_id"].unique()}
    folds, past_folds = (rows["customer_id"].map(fold_of).to_numpy() for rows in (tried, past))
    told = {rung.name: np.full(len(tried), past["churned"].mean()) for rung in rungs}
    for fold in range(FOLDS):
        others = past[past_folds != fold]
        mine = folds == fold
        if not mine.any():
            continue
        for name, chances in _told(rungs, others, tried[mine], everything, seed, earlier[-1]):
            told[name][mine] = chances
    return tried.reset_index(drop=True), told, [*earlier, last]


def _by_folds(
    known: "pd.DataFrame", rungs: Sequence[Rung], everything: list[str], seed: int
) -> tuple["pd.DataFrame", dict[str, Floats], list[dt.datetime]]:
    """All rows, and what each rung told of them while they were left out."""
    from sklearn.model_selection import StratifiedKFold

    left = known["churned"].to_numpy()
    if not _tells(left):
        _refuse(left)
    told = {rung.name: np.full(len(known), left.mean()) for rung in rungs}
    for fit, test in StratifiedKFold(STRATA, shuffle=True, random_state=seed).split(known, left):
        for name, chances in _told(rungs, known.iloc[fit], known.iloc[test], everything, seed, None):
            told[name][test] = chances
    return known, told, []


def _told(
    rungs: Sequence[Rung], fit: "pd.DataFrame", test: "pd.DataFrame", everything: list[str], seed: int, latest: Any
) -> Iterator[tuple[str, Floats]]:
    """Chances that each rung gives some rows, fitted to others."""
    kinds = {rung.kind for rung in rungs if rung.columns is None}
    kind = next(iter(kinds)) if len(kinds) == 1 else "average"
    whole = _model(Rung("", None, kind), fit, everything, seed, latest) if kinds else None
    for rung in rungs:
        if rung.columns != ():
            yield rung.name, _model(rung, fit, everything, seed, latest, whole).predict_proba(test)[:, 1]


def _model(
    rung: Rung, fit: "pd.DataFrame", everything: list[str], seed: int, latest: Any, whole: ChurnModel | None = None
) -> ChurnModel:
    """A rung's model, fitted to the earlier dates and calibrated on the latest where both tell enough.

    One of everything is taken from ``whole`` where that is given, instead of being fitted once more.
    """
    columns = everything if rung.columns is None else list(rung.columns)
    features, left = fit[columns], fit["churned"].to_numpy()
    newest = (fit["date"] == latest).to_numpy() if latest is not None else np.zeros(len(fit), bool)
    calibrates = all(_tells(left[some]) for some in (newest, ~newest))
    older = ~newest if calibrates else np.ones(len(fit), bool)
    if rung.columns is None and whole is not None:
        model = whole.part(rung.kind)
    else:
        model = ChurnModel(rung.kind, seed=seed).fit(features[older], left[older])
    return model.calibrate(features[newest], left[newest]) if calibrates else model


def _tells(left: Bools) -> bool:
    return bool(min(left.sum(), (~left).sum()) >= FEWEST)


def _judged(
    known: "pd.DataFrame",
    tried: "pd.DataFrame",
    told: dict[str, Floats],
    rungs: Sequence[Rung],
    everything: list[str],
    use: str,
    seed: int,
    dates: list[dt.datetime],
) -> Ladder:
    """What the rungs told beside what happened."""
    import pandas as pd

    left = tried["churned"].to_numpy()
    who = tried["customer_id"] if "customer_id" in tried else pd.Series(np.arange(len(tried)))
    unit = pd.factorize(who)[0]
    figures = {name: _figures(chance, left) for name, chance in told.items()}
    best = min(figures, key=lambda name: figures[name][DECIDES].value)
    found = []
    for name, each in figures.items():
        for statistic, ranking in each.items():
            beside = ranking - figures[best][statistic]
            bounds = [*ranking.interval(unit), beside.value, *beside.interval(unit)]
            numbers = dict(zip(NUMBERS, (ranking.value, *bounds), strict=True))
            if name == best:
                numbers |= dict.fromkeys(DIFFERENCE, np.nan)
            found.append({"rung": name, "statistic": statistic, **numbers})
    worse = {
        name: (each[DECIDES] - figures[best][DECIDES]).interval(unit)[0] > 0
        or (each["roc_auc"] - figures[best]["roc_auc"]).interval(unit)[1] < 0
        for name, each in figures.items()
    }
    recommended = use or next(name for name in figures if name == best or not worse[name])
    rung = next(rung for rung in rungs if rung.name == recommended)
    latest = known["date"].max() if dates else None
    return Ladder(
        "time" if dates else "folds",
        pd.DataFrame(found),
        best,
        recommended,
        *_calibration(told[recommended], left),
        pd.DataFrame({"customer_id": who, "churned": left, **told}),
        None if rung.columns == () else _final(rung, known, everything, seed, latest),
        len(known) if not dates else int(known["date"].isin(dates[:-1]).sum()),
        len(tried),
        dates,
    )


def _final(rung: Rung, known: "pd.DataFrame", everything: list[str], seed: int, latest: Any) -> ChurnModel:
    """A rung's model fitted to all rows, with the calibration of one that was fitted to the dates before the latest."""
    columns = everything if rung.columns is None else list(rung.columns)
    model = ChurnModel(rung.kind, seed=seed).fit(known[columns], known["churned"])
    model.calibration_ = _model(rung, known, everything, seed, latest).calibration_
    return model


def _figures(chance: Floats, left: Bools) -> dict[str, Ranking]:
    order, sure = Order(chance), np.clip(chance, SURE, 1 - SURE)
    found = {name: getattr(order, name)(left) for name in STATISTICS[:3]}
    losses = {"brier": (chance - left) ** 2, "log_loss": -np.log(np.where(left, sure, 1 - sure))}
    return found | {
        name: Ranking(float(loss.mean()), (loss - loss.mean()) / len(loss)) for name, loss in losses.items()
    }


def _calibration(chance: Floats, left: Bools) -> tuple["pd.DataFrame", float, tuple[float, float, float]]:
    """Chances told beside what happened, by tenth; the mean distance; and the slope of the log odds."""
    import pandas as pd
    from scipy.special import ndtri
    from sklearn.linear_model import LogisticRegression

    edges = np.unique(np.quantile(chance, np.linspace(0, 1, BINS + 1)[1:-1]))
    tenth = np.searchsorted(edges, chance)  # who has the same chance is in the same
    cells = [
        (place, int((tenth == each).sum()), chance[tenth == each].mean(), left[tenth == each].mean())
        for place, each in enumerate(np.unique(tenth), 1)
    ]
    table = pd.DataFrame(cells, columns=["bin", "n", "chance", "churned"])
    distance = (table["chance"] - table["churned"]).abs()
    error = float((distance * table["n"]).sum() / len(left))
    sure = np.clip(chance, SURE, 1 - SURE)
    odds = np.log(sure / (1 - sure))
    if not 0 < left.sum() < len(left) or np.ptp(odds) == 0:
        return table, error, (np.nan, np.nan, np.nan)
    fitted = LogisticRegression(C=np.inf, max_iter=1_000).fit(odds[:, None], left)
    slope, again = float(fitted.coef_[0, 0]), fitted.predict_proba(odds[:, None])[:, 1]
    design = np.column_stack([np.ones_like(odds), odds])
    spread = np.sqrt(np.linalg.inv((design.T * (again * (1 - again))) @ design)[1, 1])
    half = float(ndtri(upper_tail(0.95)) * spread)
    return table, error, (slope, slope - half, slope + half)


def _refuse(left: Bools) -> None:
    problem = f"{left.sum()} customers left and {(~left).sum()} stayed, and fewer than {FEWEST} teach nothing."
    raise TooLittle(f"{problem} Take more dates or a longer horizon.", column="churned")
