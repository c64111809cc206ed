"""Audit of a score: the four mistakes that the Blazwa article warns of, as far as the data show them."""

import datetime as dt
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from engagekit.errors import did_you_mean
from engagekit.frames.engine import collected, to_narwhals
from engagekit.frames.times import days_long, micros_at, with_micros
from engagekit.score.scorecard import SEGMENTS, Scorecard
from engagekit.score.verdict import NOTICEABLE, Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FINDINGS", "audit"]

FINDINGS = {  # by the mistake that the article names
    "irrelevant": ("never_known", "constant", "duplicate", "unrelated"),
    "disproportionate": ("carries_more", "carries_less"),
    "not_followed": ("stale", "old_bounds"),
    "not_acted_on": ("no_action",),
}
COLUMNS = ("mistake", "finding", "about", "beside", "value", "other")
DUPLICATE = 0.95
PROPORTION = 2.0
DIGITS = 6  # of points, whose last ones are those of rounding
STALE = dt.timedelta(days=31)
YEAR = dt.timedelta(days=365)
Finding = tuple[str, str, str, float, float]  # finding, about, beside, value, other
NONE = float("nan")


def audit(
    scorecard: Scorecard,
    scored: Any,
    as_of: dt.datetime,
    *,
    verdict: Verdict | None = None,
    last_interaction: dt.datetime | None = None,
    reference_ends: dt.date | None = None,
    actions: Any = None,
    within: str = "84d",
) -> "pd.DataFrame":
    """List the mistakes that the data show in making and using a score.

    Parameters
    ----------
    scorecard : Scorecard
        The scorecard that gave the scores.
    scored : frame
        Scores on one date, as ``Scorecard.score`` returns them; with several dates, the last one is audited.
    as_of : datetime
        The date of the audit.
    verdict : Verdict, optional
        The score's verdict, with the relation of each component to churn and value. Without it no component is
        ``unrelated``.
    last_interaction : datetime, optional
        Time of the last interaction. Without it no score is ``stale``.
    reference_ends : date, optional
        End of the period that the bounds were frozen in. Without it no bounds are old.
    actions : frame, optional
        What was done: ``date, segment``. Without it nothing counts as done.
    within : str, default "84d"
        Days before ``as_of`` in which each segment with customers should have had an action.

    Returns
    -------
    pandas.DataFrame
        One row for each finding, by mistake in the order below and then by component or segment; no row where nothing
        is wrong. ``mistake``, ``finding``, the components or the segment it is ``about`` and ``beside``, and two
        numbers, ``value`` and ``other``:

        - ``irrelevant``: a component is ``never_known``; ``constant`` (value: its points); a ``duplicate`` of another
          (value: the correlation of their points, above 0.95); or ``unrelated``: the interval of its ROC AUC for churn
          (value) lies between 0.45 and 0.55, and that of its correlation with value (other) contains 0;
        - ``disproportionate``: its share of the score's variance (value) is more than twice its share of the weights
          (other), ``carries_more``, or less than half of it, ``carries_less``;
        - ``not_followed``: the last interaction is more than 31 days before ``as_of`` (``stale``, value: days), or the
          bounds were frozen more than a year ago (``old_bounds``, value: days);
        - ``not_acted_on``: a segment has customers (value) and ``no_action``.

    Raises
    ------
    DataError
        A column is absent.
    ValueError
        ``actions`` names a segment that does not exist.

    Notes
    -----
    The variance of a sum is the sum of its parts' covariances with it, so the shares add up to 1. A component that is
    nearly the same for all customers changes no score, whatever its weight.

    Examples
    --------
    >>> from datetime import datetime
    >>> from engagekit.score.components import Component
    >>> card = Scorecard((Component("orders", 1, 0, 10), Component("visits", 2, 0, 10)))
    >>> scored = card.score(pl.DataFrame({"customer_id": ["a", "b", "c"], "orders": [1, 5, 9], "visits": [3, 3, 3]}))
    >>> actions = pl.DataFrame({"date": [datetime(2026, 5, 20)] * 3, "segment": ["advocate", "potential", "at_risk"]})
    >>> findings = audit(card, scored, datetime(2026, 6, 1), actions=actions)
    >>> list(findings[["finding", "about"]].itertuples(index=False, name=None))
    [('constant', 'visits'), ('carries_more', 'orders')]
    """
    import pandas as pd

    table = _latest(scorecard, scored)
    points = table.select(pl.col(f"{name}_points").alias(name) for name in scorecard.features)
    of_all = points.with_columns((pl.all() * table["coverage"]).round(DIGITS))  # of 100 points for all components
    rows = [("irrelevant", *finding) for finding in _irrelevant(of_all, verdict)]
    irrelevant = {about for _, _, about, *_ in rows}
    rows += [("disproportionate", *finding) for finding in _disproportionate(scorecard, points, irrelevant)]
    rows += [("not_followed", *finding) for finding in _not_followed(as_of, last_interaction, reference_ends)]
    rows += [("not_acted_on", *finding) for finding in _not_acted_on(table, actions, as_of, within)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _latest(scorecard: Scorecard, scored: Any) -> pl.DataFrame:
    """Customers with a score on the last date, in the order of their ids."""
    points = [f"{name}_points" for name in scorecard.features]
    rows = to_narwhals(scored, ["customer_id", "score", "segment", "coverage", *points], ["date"])
    table = collected(rows.filter(~nw.col("score").is_null())).sort("customer_id")
    return table.filter(pl.col("date") == pl.col("date").max()) if "date" in table.columns else table


def _irrelevant(points: pl.DataFrame, verdict: Verdict | None) -> Iterator[Finding]:
    varying = []
    for name in points.columns:
        known = points[name].drop_nulls()
        if known.is_empty():
            yield "never_known", name, "", NONE, NONE
        elif known.n_unique() == 1:
            yield "constant", name, "", float(known[0]), NONE
        else:
            varying.append(name)
    for one, other in combinations(varying, 2):
        pair = points.select(one, other).drop_nulls()
        if pair[one].n_unique() > 1 and pair[other].n_unique() > 1:
            correlation = float(np.corrcoef(pair[one].to_numpy(), pair[other].to_numpy())[0, 1])
            if correlation > DUPLICATE:
                yield "duplicate", one, other, correlation, NONE
    if verdict is not None and verdict.verdict != "too_few":
        yield from _unrelated(verdict, varying)


def _unrelated(verdict: Verdict, varying: list[str]) -> Iterator[Finding]:
    for row in verdict.weights.to_dict("records"):
        no_churn = row["roc_auc_low"] >= 1 - NOTICEABLE and row["roc_auc_high"] <= NOTICEABLE
        no_value = row["value_correlation_low"] <= 0 <= row["value_correlation_high"]
        if row["feature"] in varying and no_churn and (no_value or np.isnan(row["value_correlation"])):
            yield "unrelated", row["feature"], "", row["roc_auc"], row["value_correlation"]


def _disproportionate(scorecard: Scorecard, points: pl.DataFrame, irrelevant: set[str]) -> Iterator[Finding]:
    table = points.fill_null(0).to_numpy()
    score = table.sum(axis=1)
    if len(score) < 2 or not score.var():
        return
    known = {name: 0 if points[name].is_null().all() else weight for name, weight in scorecard.weights.items()}
    shares = ((table - table.mean(axis=0)) * (score - score.mean())[:, None]).mean(axis=0) / score.var()
    for (name, part), share in zip(known.items(), shares, strict=True):
        weight = part / sum(known.values())
        if share > PROPORTION * weight:
            yield "carries_more", name, "", float(share), weight
        elif share < weight / PROPORTION and name not in irrelevant:
            yield "carries_less", name, "", float(share), weight


def _not_followed(
    as_of: dt.datetime, last_interaction: dt.datetime | None, reference_ends: dt.date | None
) -> Iterator[Finding]:
    if last_interaction is not None and as_of - last_interaction > STALE:
        yield "stale", "", "", float((as_of - last_interaction).days), NONE
    if reference_ends is not None and as_of.date() - reference_ends > YEAR:
        yield "old_bounds", "", "", float((as_of.date() - reference_ends).days), NONE


def _not_acted_on(scored: pl.DataFrame, actions: Any, as_of: dt.datetime, within: str) -> Iterator[Finding]:
    done: set[str] = set()
    if actions is not None:
        rows = with_micros(to_narwhals(actions, ["date", "segment"]), "date", ":us")
        begin, end = (micros_at(rows, "date", as_of - back) for back in (days_long("within", within), dt.timedelta(0)))
        table = collected(rows)
        for name in table["segment"].drop_nulls().unique().sort():
            if name not in SEGMENTS:
                raise ValueError(f"actions: there is no segment {name!r}. {did_you_mean(name, SEGMENTS)}")
        done = set(table.filter(pl.col(":us") >= begin, pl.col(":us") < end)["segment"])
    for segment in SEGMENTS:
        customers = (scored["segment"] == segment).sum()
        if customers and segment not in done:
            yield "no_action", segment, "", float(customers), NONE
