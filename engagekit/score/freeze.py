"""Bounds of a score's components, taken once from a reference period and kept in ``scorecard.json``."""

import datetime as dt
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.features import snapshots
from engagekit.data.business import Business, ComponentSettings
from engagekit.errors import DataError
from engagekit.frames.engine import collected
from engagekit.frames.times import days_long
from engagekit.prepare.history import History

__all__ = ["FROZEN", "freeze", "frozen_bounds", "reference_ends"]

FROZEN = "scorecard.json"
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
    window = days_long("window", business.score.window)
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


def frozen_bounds(business: Business, features: Iterable[str]) -> dict[str, dict[str, float]]:
    """Bounds that were frozen, ``low`` and ``high`` by feature.

    Raises
    ------
    DataError
        There is no ``scorecard.json``, it is spoilt, of another window, or lacks a feature.
    """
    again = _again(business)
    content = _read(business, ", ".join(features))
    try:
        window = content["window"]
        bounds = {
            name: {end: float(found[end]) for end in ("low", "high")} for name, found in content["bounds"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"does not hold frozen bounds. {again}", file=FROZEN) from error
    if window != business.score.window:
        raise DataError(f"was frozen with a window of {window}, not {business.score.window}. {again}", file=FROZEN)
    for name in features:
        if name not in bounds:
            raise DataError(f"has no bounds for {name}. {again}", file=FROZEN)
    return {name: bounds[name] for name in features}


def reference_ends(business: Business) -> dt.date | None:
    """Give the end of the period that bounds were frozen in; None where every component has its own.

    Raises
    ------
    DataError
        There is no ``scorecard.json``, or it is spoilt.
    """
    bare = [name for name, part in business.score.components.items() if part.low is None]
    if not bare:
        return None
    try:
        return dt.date.fromisoformat(_read(business, ", ".join(bare))["reference"]["ends"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"has no reference period. {_again(business)}", file=FROZEN) from error


def _again(business: Business) -> str:
    return f"Freeze them with: engagekit freeze {business.folder.name}"


def _read(business: Business, features: str) -> Any:
    """Content of ``scorecard.json``."""
    file = business.folder / FROZEN
    if not file.is_file():
        problem = f"{features}: no low and high, and no {FROZEN}. {_again(business)}"
        raise DataError(problem, file=business.file.name)
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"does not hold frozen bounds. {_again(business)}", file=FROZEN) from error


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
