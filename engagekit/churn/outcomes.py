"""Outcomes: what customers did after past dates, and the statistics of a risk that was known before."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from engagekit.churn.statistics import Order, Ranking, brier, log_loss, mean_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BASELINE", "DIFFERENCE", "FEWEST_ON_A_DATE", "LOSSES", "NUMBERS", "RANKINGS", "Outcomes"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
ByDate = dict[int, Ranking]  # a statistic of each date, with the influence of the rows whose risk is known
Measure = Callable[[Floats], dict[str, ByDate]]

RANKINGS = ("roc_auc", "average_precision", "lift", "value_correlation")
LOSSES = {"brier": brier, "log_loss": log_loss}
BASELINE = "recency"
DIFFERENCE = ("difference", "difference_low", "difference_high")
NUMBERS = ("value", "low", "high", *DIFFERENCE)
FEWEST_ON_A_DATE = 5  # customers who churned, and who stayed: a date with fewer does not count


@dataclass(frozen=True)
class Outcomes:
    """What customers did after past dates, one row for each customer and date.

    Parameters
    ----------
    customer, date : ndarray of int
        Number of each row's customer, and of its date, from 0.
    churned : ndarray of bool
    value : ndarray of float
        Revenue of the horizon; NaN where it is not recorded.
    """

    customer: Ints
    date: Ints
    churned: Bools
    value: Floats

    @classmethod
    def of(cls, known: "pd.DataFrame") -> Self:
        """Outcomes of a table with ``churned`` and, where given, ``customer_id``, ``date`` and ``next_value``."""
        import pandas as pd

        rows = np.arange(len(known))
        customer = pd.factorize(known["customer_id"], sort=True)[0] if "customer_id" in known else rows
        date = pd.factorize(known["date"], sort=True)[0] if "date" in known else 0 * rows
        value = known["next_value"].to_numpy(float) if "next_value" in known else np.full(len(known), np.nan)
        return cls(customer, date, known["churned"].to_numpy(bool), value)

    def table(
        self,
        risks: Mapping[str, Floats],
        probabilities: Mapping[str, Floats] | None = None,
        baseline: str = BASELINE,
    ) -> "pd.DataFrame":
        """Statistics of predictors, as ``Backtest.statistics`` has them.

        Parameters
        ----------
        risks : mapping of str to ndarray
            The higher, the likelier the customer is to leave; NaN where it is not known. Gives ranking statistics.
        probabilities : mapping of str to ndarray, optional
            Probability of leaving; NaN where there is none. Gives Brier score and log loss.
        baseline : str, default "recency"
            Predictor that the differences are from.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for measure, predicted in ((self.rankings, risks), (self.losses, probabilities or {})):
            baselines: dict[bytes, dict[str, ByDate]] = {}
            for name, risk in predicted.items():
                beside = predicted.get(baseline) if name != baseline else None
                rows += self._rows(name, risk, beside, measure, baselines)
        return pd.DataFrame(rows, columns=["predictor", "statistic", *NUMBERS, "dates", "n"])

    def rankings(self, risk: Floats) -> dict[str, ByDate]:
        """Ranking statistics of a risk, by date."""
        # Sorting is most of it, which several threads can do at once; each gives the same whoever is first.
        with ThreadPoolExecutor() as pool:
            by_date = list(pool.map(lambda date: self._ranking(date, risk), range(len(self._places))))
        return {name: {date: each[name] for date, each in enumerate(by_date) if name in each} for name in RANKINGS}

    def losses(self, probability: Floats) -> dict[str, ByDate]:
        """Brier score and log loss of a probability, by date."""
        rows = {date: self._rows_of(date, probability) for date in range(len(self._places))}
        return {
            name: {date: loss(probability[own], self.churned[own]) for date, own in rows.items() if len(own)}
            for name, loss in LOSSES.items()
        }

    def enough(self, rows: Any) -> bool:
        """Whether so many of some rows churned and stayed that their date counts."""
        churned = self.churned[rows]
        return bool(min(churned.sum(), (~churned).sum()) >= FEWEST_ON_A_DATE)

    @cached_property
    def _places(self) -> list[Ints]:
        """Rows of each date."""
        sizes = np.bincount(self.date)
        return np.split(np.argsort(self.date, kind="stable"), np.cumsum(sizes)[:-1]) if len(sizes) else []

    def _rows_of(self, date: int, risk: Floats) -> Ints:
        rows = self._places[date]
        known: Ints = rows[~np.isnan(risk[rows])]
        return known

    def _ranking(self, date: int, risk: Floats) -> dict[str, Ranking]:
        rows = self._rows_of(date, risk)
        order, churned = Order(risk[rows]), self.churned[rows]
        statistics = {name: getattr(order, name)(churned) for name in RANKINGS[:-1]} if self.enough(rows) else {}
        if len(rows) and not np.isnan(self.value[self._places[date]]).any():
            fall = order.correlation(Order(self.value[rows]))
            statistics[RANKINGS[-1]] = Ranking(-fall.value, -fall.influence)
        return statistics

    def _rows(
        self,
        name: str,
        risk: Floats,
        baseline: Floats | None,
        measure: Measure,
        baselines: dict[bytes, dict[str, ByDate]],
    ) -> list[dict[str, Any]]:
        """Rows of one predictor: each statistic, and its difference from the baseline where both are known."""
        own = measure(risk)
        rows = {statistic: self._average(by_date, risk) for statistic, by_date in own.items()}
        differences = dict.fromkeys(own, dict.fromkeys(DIFFERENCE, np.nan))
        if baseline is not None:
            both = ~np.isnan(risk) & ~np.isnan(baseline)
            shared = np.where(both, risk, np.nan)
            ours = own if both.sum() == (~np.isnan(risk)).sum() else measure(shared)
            key = both.tobytes()
            theirs = baselines.setdefault(key, {}) or measure(np.where(both, baseline, np.nan))
            baselines[key] = theirs
            for statistic, by_date in ours.items():
                beside = {date: each - theirs[statistic][date] for date, each in by_date.items()}
                average = self._average(beside, shared)
                differences[statistic] = {
                    name: average[number] for name, number in zip(DIFFERENCE, NUMBERS[:3], strict=True)
                }
        return [
            {"predictor": name, "statistic": statistic, **rows[statistic], **differences[statistic]}
            for statistic in own
        ]

    def _average(self, by_date: ByDate, risk: Floats) -> dict[str, float]:
        """Mean over the dates where a statistic is defined, weighted by their rows, and its interval; else NaN."""
        defined = {date: each for date, each in by_date.items() if not np.isnan(each.value)}
        numbers: dict[str, float] = {"value": np.nan, "low": np.nan, "high": np.nan, "dates": 0, "n": 0}
        if not defined:
            return numbers
        sizes = [len(each.influence) for each in defined.values()]
        mean = mean_of(list(defined.values()), sizes)
        rows = np.concatenate([self._rows_of(date, risk) for date in defined])
        low, high = mean.interval(self.customer[rows])
        return {"value": mean.value, "low": low, "high": high, "dates": len(defined), "n": sum(sizes)}
