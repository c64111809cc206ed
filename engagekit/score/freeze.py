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
from engagekit.score.components import channels_of, component_rows

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

    The bounds of a component without ``low`` and ``high`` in ``business.toml`` are the 5th and 95th percentile of its
    feature, over all customers active in the score's window before each of several dates, which lie 28 days apart up to
    the period's end. Later scores use the same bounds, so past scores do not change and a decline of the whole base
    becomes visible.

    Parameters
    ----------
    business : Business
        The business with the score. Its ``scorecard.json`` is replaced.
    name : str, optional
        Name of the period, such as "before the relaunch"; by default its dates.
    starts, ends : date or ISO str, optional
        First day of the period and the day after its last; by default the 364 days before the business's ``as_of``, or
        as many as there are data for.

    Returns
    -------
    dict
        The content of the file: ``reference`` (``name, starts, ends, dates, customers``), ``window`` and ``bounds``,
        in the order of ``business.toml`` and with 6 significant digits.

    Raises
    ------
    DataError
        Every component has bounds, or there are no interactions; the period is shorter than the window or no customer
        was active in it; or a feature has no values in it or the same for nearly every customer. ``scorecard.json``
        then stays as it is.
    """
    parts = {name: part for name, part in business.score.components.items() if part.low is None}
    if not parts:
        problem = "every component has low and high, so there is nothing to freeze. Leave them out to have them taken."
        raise DataError(problem, file=f"{business.file.name} [score.components]")
    history, end = History.of(business, lazy=True), business.end(ends)
    begin = business.end(starts) if starts else _earliest_start(business, history, end)
    dates = _reference_dates(business, begin, end)
    features = snapshots(history, dates, business.score.window, channels=channels_of(parts))
    table = collected(component_rows(features, parts, ["customer_id"]))
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "reference": {
            "name": name or f"{begin.date()} – {end.date()}",
            "starts": begin.date().isoformat(),
            "ends": end.date().isoformat(),
            "dates": [day.date().isoformat() for day in dates],
            "customers": table["customer_id"].n_unique(),
        },
        "window": business.score.window,
        "bounds": {feature: _bounds(table[feature], feature, part) for feature, part in parts.items()},
    }
    _write(business.folder / FROZEN, content)
    return content


def frozen_bounds(business: Business, features: Iterable[str]) -> dict[str, dict[str, float]]:
    """Frozen bounds of some features: ``low`` and ``high``, by feature.

    Raises
    ------
    DataError
        There is no ``scorecard.json``, it cannot be read, belongs to another window, or lacks a feature.
    """
    way_out = _way_out(business)
    content = _read(business, ", ".join(features))
    try:
        window = content["window"]
        bounds = {name: {end: float(pair[end]) for end in ("low", "high")} for name, pair in content["bounds"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"does not hold frozen bounds. {way_out}", file=FROZEN) from error
    if window != business.score.window:
        raise DataError(f"was frozen with a window of {window}, not {business.score.window}. {way_out}", file=FROZEN)
    for name in features:
        if name not in bounds:
            raise DataError(f"has no bounds for {name}. {way_out}", file=FROZEN)
    return {name: bounds[name] for name in features}


def reference_ends(business: Business) -> dt.date | None:
    """End of the period that the bounds were frozen in; None where every component has bounds of its own.

    Raises
    ------
    DataError
        There is no ``scorecard.json``, or it cannot be read.
    """
    unbounded = [name for name, part in business.score.components.items() if part.low is None]
    if not unbounded:
        return None
    try:
        return dt.date.fromisoformat(_read(business, ", ".join(unbounded))["reference"]["ends"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"has no reference period. {_way_out(business)}", file=FROZEN) from error


def _earliest_start(business: Business, history: History, end: dt.datetime) -> dt.datetime:
    """A year before the end, or the day of the first interaction if that is later."""
    times = history.before(end).rows("interactions", ["time"]).select(nw.col("time").min())
    first: dt.datetime | None = collected(times).item()
    if first is None:
        raise DataError(f"there are no interactions before {end.date()}. Give a later end.", file=business.file.name)
    return max(end - YEAR, first.replace(hour=0, minute=0, second=0, microsecond=0))


def _reference_dates(business: Business, begin: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    """Dates 28 days apart up to the end, the oldest first, whose window lies within the period."""
    window = days_long("window", business.score.window)
    dates = [end - number * EVERY for number in range((end - begin - window) // EVERY + 1)]
    if not dates:
        problem = f"from {begin.date()} to {end.date()} is shorter than the score's window of {business.score.window}"
        raise DataError(f"{problem}. Give an earlier start or a shorter window.", file=business.file.name)
    return dates[::-1]


def _way_out(business: Business) -> str:
    return f"Freeze them with: engagekit freeze {business.folder.name}"


def _read(business: Business, features: str) -> Any:
    """Content of ``scorecard.json``."""
    file = business.folder / FROZEN
    if not file.is_file():
        problem = f"{features}: no low and high, and no {FROZEN}. {_way_out(business)}"
        raise DataError(problem, file=business.file.name)
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"does not hold frozen bounds. {_way_out(business)}", file=FROZEN) from error


def _bounds(values: pl.Series, feature: str, part: ComponentSettings) -> dict[str, float]:
    """Percentiles of a feature, as the component caps and scales it."""
    values = values.cast(pl.Float64).drop_nulls()
    way_out = "Give it low and high, or drop it."
    if values.is_empty():
        raise DataError(f"is known of no customer in the reference period. {way_out}", column=feature)
    values = values.clip(0 if part.scale == "log" else None, part.cap)
    low, high = (_rounded(values.quantile(level, "linear") or 0.0) for level in QUANTILES)
    if low >= high:
        problem = f"is {low:g} for at least nine in ten customers of the reference period, so it cannot rank them."
        raise DataError(f"{problem} {way_out}", column=feature)
    return {"low": low, "high": high}


def _rounded(value: float) -> float:
    """Value with few enough digits to be read."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else value


def _write(file: Path, content: dict[str, Any]) -> None:
    """Write another file, then rename it, so that no reader sees half of it."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False) as stage:
        json.dump(content, stage, ensure_ascii=False, indent=2)
        stage.write("\n")
    Path(stage.name).chmod(0o644)
    os.replace(stage.name, file)
