"""Whether one period of a series stands out, or the level of a series has shifted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FEWEST_POINTS", "LEVEL", "MOST_POINTS", "P_VALUES", "SHORTEST", "Anomaly", "anomaly", "statistics"]

Floats = NDArray[np.float64]
LEVEL = 0.05  # false alarms a still series
FEWEST_POINTS, MOST_POINTS = 8, 14
SHORTEST = 3  # points on each side of a shift
DIGITS = 9  # of the values beside the largest; what differs by less is equal
OF_NORMAL = 0.798  # mean deviation of normal errors, in standard errors
P_VALUES = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
CRITICAL = {  # of the statistics, by length of the series, at each of P_VALUES
    8: {
        "last": (6.57, 9.33, 12.1, 15.4, 21.5, 27.4, 34.7),
        "earlier": (17.0, 23.4, 29.8, 37.2, 50.8, 63.7, 80.8),
        "shift": (2.69, 3.24, 3.69, 4.16, 4.87, 5.41, 6.0),
    },
    9: {
        "last": (6.09, 8.53, 10.9, 13.8, 19.5, 25.2, 32.0),
        "earlier": (16.4, 22.6, 28.5, 36.2, 48.5, 62.5, 79.7),
        "shift": (2.43, 2.85, 3.21, 3.58, 4.12, 4.57, 5.11),
    },
    10: {
        "last": (5.84, 8.2, 10.5, 13.3, 18.2, 23.3, 29.6),
        "earlier": (16.4, 22.5, 28.6, 36.6, 48.4, 60.5, 73.3),
        "shift": (2.29, 2.65, 2.94, 3.25, 3.67, 4.05, 4.39),
    },
    11: {
        "last": (5.59, 7.89, 10.1, 12.9, 17.8, 22.4, 29.0),
        "earlier": (16.1, 21.7, 27.2, 34.7, 46.5, 57.6, 69.4),
        "shift": (2.14, 2.44, 2.68, 2.94, 3.28, 3.57, 3.92),
    },
    12: {
        "last": (5.44, 7.63, 9.74, 12.4, 16.9, 21.4, 26.6),
        "earlier": (16.3, 22.1, 28.0, 35.2, 46.3, 58.4, 72.8),
        "shift": (2.05, 2.31, 2.52, 2.74, 3.05, 3.33, 3.64),
    },
    13: {
        "last": (5.27, 7.42, 9.59, 12.0, 16.4, 21.1, 26.5),
        "earlier": (16.3, 22.2, 28.0, 35.4, 48.8, 61.2, 75.9),
        "shift": (1.94, 2.17, 2.35, 2.54, 2.84, 3.04, 3.25),
    },
    14: {
        "last": (5.2, 7.3, 9.42, 12.1, 16.2, 20.6, 26.0),
        "earlier": (16.6, 22.4, 28.6, 35.8, 49.5, 61.8, 79.2),
        "shift": (1.88, 2.09, 2.26, 2.44, 2.69, 2.9, 3.13),
    },
}


@dataclass(frozen=True)
class Anomaly:
    """A period of a series that stands out, or the first period of another level.

    Attributes
    ----------
    kind : {"spike", "shift"}
    place : int
        Position in the series, from 0, of the spike or of the first period after the shift.
    direction : {"higher", "lower"}
    usual, unusual : float
        Median of the other values and the spike, or medians before and after the shift.
    p_value : float
        From ``P_VALUES[-1]`` to ``LEVEL``.

    Examples
    --------
    >>> spike = anomaly([10, 11, 10, 12, 11, 10, 11, 40])
    >>> spike.kind, spike.place, spike.direction, spike.usual, spike.unusual
    ('spike', 7, 'higher', 11.0, 40.0)
    """

    kind: Literal["spike", "shift"]
    place: int
    direction: Literal["higher", "lower"]
    usual: float
    unusual: float
    p_value: float


def anomaly(values: ArrayLike, errors: ArrayLike | None = None) -> Anomaly | None:
    """Spike or level shift of a series, if one is beyond what a still series does in 95 of 100 cases.

    Three things are looked for: that the last value stands out, that an earlier one does, and that the level shifted.
    The one that is hardest to explain by chance is returned. A steady rise or fall is no shift.

    Parameters
    ----------
    values : array-like
        Values of consecutive periods, the oldest first. NaN where there is none, which is passed over. Of more than 14
        the last 14 count.
    errors : array-like, optional
        Standard errors of the values, in their unit; NaN or 0 where they are not known. A month of few answers has to
        stand out more.

    Returns
    -------
    Anomaly or None
        None with fewer than 8 values, or where nothing stands out. Where all other values are equal and no error is
        known, no value stands out, because there is nothing to measure chance by.

    Notes
    -----
    Spike: distance of a value from the median of the others, over the mean distance of the others from it; only the
    highest or lowest value can be one. Shift: mean distance of all values from their median, over the mean distance
    from the medians before and after it, at the best of all dates with 3 values on either side. The divisor is at
    least the smallest step between two values, and 0.8 standard errors.

    Critical values are the largest of four kinds of simulated still series: normal and Student's t with 3 degrees of
    freedom, independent and with an autocorrelation of .3. Of the 5 % of false alarms a still series may have, 2 % are
    spent on the last value, 1 % on earlier ones and 2 % on shifts. ``benchmarks/anomalies.py`` prints the false alarms
    of these and other kinds of series, and what it finds. Where values depend more on those before, or the largest is
    often several times the usual one, more than 5 % are called.

    Examples
    --------
    >>> anomaly([10, 11, 10, 12, 11, 10, 11, 12, 10, 50])
    Anomaly(kind='spike', place=9, direction='higher', usual=11.0, unusual=50.0, p_value=0.0005)
    >>> anomaly([10, 11, 10, 12, 11, 10, 11, 12, 10, 12]) is None
    True
    """
    given = np.asarray(values, dtype=float)
    known = np.flatnonzero(np.isfinite(given))[-MOST_POINTS:]
    series = given[known]
    if len(series) < FEWEST_POINTS or np.ptp(series) == 0:
        return None
    sizes = np.zeros(len(given)) if errors is None else np.nan_to_num(np.asarray(errors, dtype=float))
    spikes, shifts = statistics(series[None], sizes[known][None])
    critical, last = CRITICAL[len(series)], len(series) - 1
    middle, split = int(np.argmax(spikes[0, :last])), int(np.argmax(shifts[0])) + SHORTEST
    candidates = [
        (_p_value(spikes[0, last], critical["last"]), "spike", last),
        (_p_value(spikes[0, middle], critical["earlier"]), "spike", middle),
        (_p_value(shifts[0].max(), critical["shift"]), "shift", split),
    ]
    p_value, kind, place = min(candidates)
    if p_value > LEVEL:
        return None
    before, after = (np.delete(series, place), series[[place]]) if kind == "spike" else np.split(series, [place])
    usual, unusual = float(np.median(before)), float(np.median(after))
    direction: Literal["higher", "lower"] = "higher" if unusual > usual else "lower"
    return Anomaly("spike" if kind == "spike" else "shift", int(known[place]), direction, usual, unusual, p_value)


def statistics(series: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """How far each value of each series stands out, and how much each shift of level explains.

    Parameters
    ----------
    series, errors : ndarray
        A series a row, without NaN, and standard errors; 0 where they are not known.

    Returns
    -------
    spikes : ndarray
        A column a value; 0 where it is neither the highest nor the lowest.
    shifts : ndarray
        A column a date, from the fourth value to the third last; 0 where a straight line explains more.

    Examples
    --------
    The others' median is 2, their mean distance from it 3/4, and their smallest step 1: (9 - 2) / 1.

    >>> spikes, shifts = statistics(np.array([[1.0, 2, 2, 2, 3, 3, 2, 1, 9]]), np.zeros((1, 9)))
    >>> spikes[0].round(2).tolist(), shifts.shape
    ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0], (1, 4))
    """
    largest = np.abs(series).max(axis=1, keepdims=True)
    unit = np.where(largest > 0, largest, 1)
    y, floor = np.round(series / unit, DIGITS), OF_NORMAL * errors / unit
    n = y.shape[1]
    spikes = np.zeros_like(y)
    for place in range(n):
        others = np.delete(y, place, axis=1)
        extreme = (y[:, place] > others.max(axis=1)) | (y[:, place] < others.min(axis=1))
        distance = np.abs(y[:, place] - np.median(others, axis=1))
        scale = np.maximum.reduce([_mean_distance(others), _smallest_step(others), floor[:, place]])
        np.divide(distance, scale, out=spikes[:, place], where=extreme & (scale > 0))
    least = np.maximum(_smallest_step(y), floor.mean(axis=1))
    whole, line = _mean_distance(y), _mean_distance(y - _slope(y) * np.arange(n))
    shifts = np.zeros((len(y), n - 2 * SHORTEST + 1))
    for column, split in enumerate(range(SHORTEST, n - SHORTEST + 1)):
        rest = (split * _mean_distance(y[:, :split]) + (n - split) * _mean_distance(y[:, split:])) / n
        scale = np.maximum(rest, least)
        np.divide(whole, scale, out=shifts[:, column], where=(rest < line) & (scale > 0))
    return spikes, shifts


def _mean_distance(series: Floats) -> Floats:
    """Mean distance of each row's values from their median."""
    distances: Floats = np.abs(series - np.median(series, axis=1, keepdims=True)).mean(axis=1)
    return distances


def _smallest_step(series: Floats) -> Floats:
    """Smallest distance between two different values of each row; 0 where all are equal."""
    steps = np.diff(np.sort(series, axis=1), axis=1)
    smallest = np.where(steps > 0, steps, np.inf).min(axis=1)
    return np.where(np.isfinite(smallest), smallest, 0)


def _slope(series: Floats) -> Floats:
    """Median slope between two values of each row (Theil and Sen), as a column."""
    first, second = np.triu_indices(series.shape[1], 1)
    slopes: Floats = np.median((series[:, second] - series[:, first]) / (second - first), axis=1, keepdims=True)
    return slopes


def _p_value(statistic: float, critical: tuple[float, ...]) -> float:
    """Chance of such a statistic in a still series: between the critical values on a log scale, 1 below the first."""
    if statistic < critical[0]:
        return 1.0
    return round(float(np.exp(np.interp(np.log(statistic), np.log(critical), np.log(P_VALUES)))), DIGITS)
