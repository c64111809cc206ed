"""What rows of different customers give away together: copies of a customer, and values made of their outcomes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engagekit.churn.separation import Rows
from engagekit.metrics.intervals import wilson_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["exact_copies", "near_copies", "own_outcomes"]

Floats = NDArray[np.float64]

FEWEST_VALUES = 10  # of a number that distances are measured by
MOST_NUMBERS, MOST_ROWS = 8, 2_000
FAR = 1e6  # spreads between two dates, so that neighbours are on the same
NEARER = 0.1  # of the distance to the next: nearer than that is a copy
SURE = 0.998
FEWEST_GROUPS, FEWEST_EXPECTED = 5, 2  # values that customers share, and the variance of outcomes at one
BY_CHANCE, MOST_SPREAD = 1e-6, 0.5  # probability of so little spread by chance, and how much it may be at most


def exact_copies(train: "pd.DataFrame", test: "pd.DataFrame", names: Sequence[str]) -> float:
    """Share of the test rows that are among the training rows; 0 where no column differs between most customers."""
    if not any(test[name].nunique() > len(test) / 2 for name in names):
        return 0.0
    columns = [*(name for name in names if name in train), "churned"]
    trained, tested = (list(rows[columns].astype(str).itertuples(index=False, name=None)) for rows in (train, test))
    known = set(trained)
    return float(np.mean([row in known for row in tested]))


def near_copies(rows: Rows, names: Sequence[str]) -> float:
    """Share of the test rows that have a copy on the same date: a row ten times nearer than the next.

    0 where such neighbours do not have the same outcome more often than the next ones have, as where they are near by
    chance. Distances are Euclidean, of the eight numbers with the most different values, each over its spread.
    """
    from scipy.spatial import KDTree

    numbers = _numbers(rows.table, names)
    pool = np.flatnonzero(np.isin(rows.date, rows.date[rows.tested]))
    if len(numbers) < 2 or len(pool) < 3:  # a number alone has near neighbours by chance
        return 0.0
    points = rows.table[numbers].iloc[pool].to_numpy(float, na_value=np.nan)
    points = np.where(np.isnan(points), np.nanmedian(points, axis=0), points)
    points /= np.where(points.std(axis=0) > 0, points.std(axis=0), 1)
    points = np.column_stack([points, FAR * rows.date[pool]])
    tried = np.flatnonzero(rows.tested[pool])
    tried = tried[np.linspace(0, len(tried) - 1, min(MOST_ROWS, len(tried))).astype(int)]
    distance, neighbour = KDTree(points).query(points[tried], k=3)
    itself = neighbour == tried[:, None]
    itself[~itself.any(axis=1), -1] = True  # among three copies or more, where the row is not one of the three found
    distance, neighbour = (each[~itself].reshape(-1, 2) for each in (distance, neighbour))
    near = distance[:, 0] < NEARER * distance[:, 1]
    churned = rows.churned[pool]
    alike = churned[neighbour] == churned[tried][:, None]
    low = wilson_interval(alike[near, 0].sum(), near.sum(), SURE)[0]
    return float(near.mean()) if low > alike[:, 1].mean() else 0.0


def own_outcomes(rows: Rows, name: str) -> float:
    """Spread of outcomes around the values of a number that customers share, over what chance gives; NaN if it may be.

    Customers who share a value leave at the rate that goes with it, give or take chance. Where the value was computed
    from their own outcomes, as a target encoding made on all rows is, chance has no part.

    Notes
    -----
    Rates p are a straight line of the value. With R the sum of residuals over the customers who share a value, and V
    that of p (1 − p), scaled so that it is right over all customers, the sum of R² / V has about a chi-squared
    distribution with as many degrees of freedom as there are values. Those with V below 2 are left out.
    """
    from scipy.stats import chi2

    values = rows.table[name].to_numpy(float, na_value=np.nan)
    known = ~np.isnan(values)
    values, customer, churned = values[known], rows.customer[known], rows.churned[known].astype(float)
    levels, shared = np.unique(values, return_inverse=True)
    if len(levels) < FEWEST_GROUPS or (levels == np.round(levels)).all():
        return np.nan
    rate = _line(values, churned)
    residual, variance = churned - rate, np.clip(rate * (1 - rate), 0, None)
    customers = np.unique(shared * (customer.max() + 1) + customer, return_inverse=True)[1]  # of each value
    scale = (np.bincount(customers, residual) ** 2).sum() / variance.sum()
    expected = scale * np.bincount(shared, variance)
    enough = expected >= FEWEST_EXPECTED
    spread, groups = float((np.bincount(shared, residual)[enough] ** 2 / expected[enough]).sum()), int(enough.sum())
    unlikely = groups >= FEWEST_GROUPS and chi2.cdf(spread, groups) < BY_CHANCE
    return spread / groups if unlikely and spread / groups < MOST_SPREAD else np.nan


def _line(values: Floats, outcomes: Floats) -> Floats:
    """Mean outcome as a straight line of the value."""
    away = values - values.mean()
    line: Floats = outcomes.mean() + (away @ outcomes) / (away @ away) * away
    return line


def _numbers(table: "pd.DataFrame", names: Sequence[str]) -> list[str]:
    """Numbers with the most different values."""
    from pandas.api.types import is_numeric_dtype

    values: dict[str, Any] = {name: table[name].nunique() for name in names if is_numeric_dtype(table[name])}
    wanted = [name for name in values if values[name] > FEWEST_VALUES]
    return sorted(wanted, key=lambda name: -values[name])[:MOST_NUMBERS]
