"""Bounds of a score's components, taken once from a reference period and kept in ``scorecard.json``."""

import datetime as dt
import json
import math
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.features import snapshots
from engagekit.customers.history import History
from engagekit.customers.score import FROZEN
from engagekit.data.business import Business, ComponentSettings
from engagekit.data.engine import collected, span_us
from engagekit.errors import DataError

__all__ = ["freeze"]

QUANTILES = (0.05, 0.95)
DIGITS = 6
EVERY, YEAR = dt.timedelta(days=28), dt.timedelta(days=364)
SCHEMA = 1


def freeze(
    business: Business, *, name: str = "", starts: dt.date | str | None = None, ends: dt.date | str | None = None
) -> dict[str, Any]:
    """Take the bounds of a score's components from a reference period, and write them to ``scorecard.json``.

    Of each component without ``low`` and ``high`` in ``business.toml`` they are the 5th and 95th percentile of its
    feature, over all customers active in the score's window before each of several dates, 28 days apart up to the
    period's end. From then on scores of any date are measured by them, so that history does not move and a decline of
    the whole base shows.

    Parameters
    ----------
    business : Business
        Whose score it is. A file that is there already is replaced.
    name : str, optional
        Of the period, such as "before the relaunch"; by default its dates.
    starts, ends : date or ISO str, optional
        Of the period; the end is exclusive. By default the last 364 days before the business's ``as_of``, and no more
        than the data have.

    Returns
    -------
    dict
        What was written: ``reference`` (``name, starts, ends, dates, customers``), ``window`` and ``bounds``.

    Raises
    ------
    DataError
        There are no components without bounds, or no interactions; the period is shorter than the window or nobody was
        active in it; or a feature has no values in it or the same for nearly everybody. ``scorecard.json`` stays.
    """
    bare = {name: part for name, part in business.score.components.items() if part.low is None}
    if not bare:
        problem = "every component has low and high, so there is nothing to freeze. Leave them out to have them taken."
        raise DataError(problem, file=f"{business.file.name} [score.components]")
    window = dt.timedelta(microseconds=span_us("window", business.score.window, "d"))
    end = business.end(ends)
    history = History.of(business, lazy=True)
    first = history.before(end).rows("interactions", ["time"]).select(nw.col("time").min())
    begun = collected(first).item()
    if begun is None:
        raise DataError(f"there are no interactions before {end.date()}. Give a later end.", file=business.file.name)
    begin = business.end(starts) if starts else max(end - YEAR, begun.replace(hour=0, minute=0, second=0))
    dates = [end - number * EVERY for number in range((end - begin - window) // EVERY + 1)]
    if not dates:
        problem = f"from {begin.date()} to {end.date()} is shorter than the score's window of {business.score.window}"
        raise DataError(f"{problem}. Give an earlier start or a shorter window.", file=business.file.name)
    rows = nw.from_native(snapshots(history, dates, business.score.window)).lazy()
    known = collected(rows.select("customer_id", *bare))
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "reference": {
            "name": name or f"{begin.date()} – {end.date()}",
            "starts": begin.date().isoformat(),
            "ends": end.date().isoformat(),
            "dates": [day.date().isoformat() for day in sorted(dates)],
            "customers": known["customer_id"].n_unique(),
        },
        "window": business.score.window,
        "bounds": {feature: _bounds(known[feature], feature, part) for feature, part in bare.items()},
    }
    _write(business.folder / FROZEN, content)
    return content


def _bounds(values: pl.Series, feature: str, part: ComponentSettings) -> dict[str, float]:
    values = values.cast(pl.Float64).drop_nulls()
    way_out = "Give it low and high, or drop it."
    if values.is_empty():
        raise DataError(f"is known of no customer in the reference period. {way_out}", column=feature)
    values = values.clip(0 if part.scale == "log" else None, part.cap)
    low, high = (_rounded(values.quantile(level, "linear") or 0.0) for level in QUANTILES)
    if low >= high:
        problem = f"is {low:g} for at least nine in ten customers of the reference period, so it tells none apart."
        raise DataError(f"{problem} {way_out}", column=feature)
    return {"low": low, "high": high}


def _rounded(value: float) -> float:
    """Value with so many digits that a person can read it."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else value


def _write(file: Path, content: dict[str, Any]) -> None:
    """Write beside the file, then put in its place, so that nobody reads half of it."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False) as stage:
        json.dump(content, stage, ensure_ascii=False, indent=2)
        stage.write("\n")
    Path(stage.name).chmod(0o644)
    os.replace(stage.name, file)
