"""The four mistakes in making and using a score that the Blazwa article warns of, looked for in the data."""

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

FINDINGS = {  # by the article's mistake
    "irrelevant": ("never_known", "constant", "duplicate", "unrelated"),
    "disproportionate": ("carries_more", "carries_less"),
    "not_followed": ("stale", "old_bounds"),
    "not_acted_on": ("no_action",),
}
COLUMNS = ("mistake", "finding", "about", "beside", "value", "other")
DUPLICATE = 0.95
PROPORTION = 2.0
DIGITS = 9
STALE = dt.timedelta(days=31)
YEAR = dt.timedelta(days=365)
Found = tuple[str, str, str, float, float]
NONE = float("nan")


def audit(
    scorecard: Scorecard,
    scored: Any,
    as_of: dt.datetime,
    *,
    tried: Verdict | None = None,
    seen_until: dt.datetime | None = None,
    reference_ends: dt.date | None = None,
    actions: Any = None,
    within: str = "84d",
) -> "pd.DataFrame":
    """Look for the usual mistakes of a score in what it gave.

    Parameters
    ----------
    scorecard : Scorecard
        Whose score it is.
    scored : frame
        Scores of one date, as ``Scorecard.score`` gives them; of several dates the last counts.
    as_of : datetime
        The date.
    tried : Verdict, optional
        The score's verdict, which says what each component has to do with who left and what customers spent.
    seen_until : datetime, optional
        The last interaction.
    reference_ends : date, optional
        End of the period that the bounds were frozen in.
    actions : frame, optional
        What was done: ``date, segment``. Without it nothing was recorded.
    within : str, default "84d"
        Days before ``as_of`` in which a segment should have seen an action.

    Returns
    -------
    pandas.DataFrame
        One row for each finding, none where there is nothing to find: ``mistake``, ``finding``, and what it is
        ``about`` and ``beside``, with ``value`` and ``other``:

        - ``irrelevant``: a component is ``never_known``; ``constant``; a ``duplicate`` of another, with the correlation
          of their points above 0.95; or ``unrelated``: the interval of its ROC AUC for churn lies between 0.45 and
          0.55, and that of its correlation with value holds 0;
        - ``disproportionate``: it ``carries_more`` than twice, or ``carries_less`` than half, of the share of the
          score's variance (value) that its share of the weights (other) promises;
        - ``not_followed``: the last interaction is more than 31 days before ``as_of`` (``stale``, value: days), or the
          bounds were frozen more than a year ago (``old_bounds``, value: days);
        - ``not_acted_on``: for a segment with customers (value) ``no_action`` is recorded.

    Raises
    ------
    DataError
        A column is absent.
    ValueError
        ``actions`` names a segment that does not exist.

    Notes
    -----
    The variance of a sum is the sum of its parts' covariances with it, so that the shares add up to 1. A component
    that hardly differs between customers moves no score, however heavy.

    Examples
    --------
    >>> from datetime import datetime
    >>> from engagekit.score.scorecard import Component
    >>> card = Scorecard((Component("orders", 1, 0, 10), Component("visits", 2, 0, 10)))
    >>> scored = card.score(pl.DataFrame({"customer_id": ["a", "b", "c"], "orders": [1, 5, 9], "visits": [3, 3, 3]}))
    >>> found = audit(card, scored, datetime(2026, 6, 1), actions=pl.DataFrame({"date": [datetime(2026, 5, 20)] * 3,
    ...     "segment": ["advocate", "potential", "at_risk"]}))
    >>> list(found[["finding", "about"]].itertuples(index=False, name=None))
    [('constant', 'visits'), ('carries_more', 'orders')]
    """
    import pandas as pd

    table = _latest(scorecard, scored)
    points = table.select(pl.col(f"{name}_points").alias(name) for name in scorecard.features)
    shares = points.with_columns((pl.all() * table["coverage"]).round(DIGITS))  # as they were before being weighed anew
    found = [("irrelevant", *each) for each in _irrelevant(shares, tried)]
    silent = {about for _, _, about, *_ in found}
    found += [("disproportionate", *each) for each in _disproportionate(scorecard, points, silent)]
    found += [("not_followed", *each) for each in _not_followed(as_of, seen_until, reference_ends)]
    found += [("not_acted_on", *each) for each in _not_acted_on(table, actions, as_of, within)]
    return pd.DataFrame(found, columns=list(COLUMNS))


def _latest(scorecard: Scorecard, scored: Any) -> pl.DataFrame:
    """Customers with a score on the last date."""
    points = [f"{name}_points" for name in scorecard.features]
    rows = to_narwhals(scored, ["customer_id", "score", "segment", "coverage", *points], ["date"])
    table = collected(rows.filter(~nw.col("score").is_null()))
    return table.filter(pl.col("date") == pl.col("date").max()) if "date" in table.columns else table


def _irrelevant(points: pl.DataFrame, tried: Verdict | None) -> Iterator[Found]:
    telling = []
    for name in points.columns:
        known = points[name].drop_nulls()
        if known.is_empty():
            yield "never_known", name, "", NONE, NONE
        elif known.n_unique() == 1:
            yield "constant", name, "", float(known[0]), NONE
        else:
            telling.append(name)
    for one, other in combinations(telling, 2):
        pair = points.select(one, other).drop_nulls()
        if pair[one].n_unique() > 1 and pair[other].n_unique() > 1:
            alike = float(np.corrcoef(pair[one].to_numpy(), pair[other].to_numpy())[0, 1])
            if alike > DUPLICATE:
                yield "duplicate", one, other, alike, NONE
    if tried is not None and tried.verdict != "too_few":
        for row in tried.weights.to_dict("records"):
            holds = row["roc_auc_low"] >= 1 - NOTICEABLE and row["roc_auc_high"] <= NOTICEABLE
            worth = row["value_correlation_low"] <= 0 <= row["value_correlation_high"]
            if row["feature"] in telling and holds and (worth or np.isnan(row["value_correlation"])):
                yield "unrelated", row["feature"], "", row["roc_auc"], row["value_correlation"]


def _disproportionate(scorecard: Scorecard, points: pl.DataFrame, silent: set[str]) -> Iterator[Found]:
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
        elif share < weight / PROPORTION and name not in silent:
            yield "carries_less", name, "", float(share), weight


def _not_followed(
    as_of: dt.datetime, seen_until: dt.datetime | None, reference_ends: dt.date | None
) -> Iterator[Found]:
    if seen_until is not None and as_of - seen_until > STALE:
        yield "stale", "", "", float((as_of - seen_until).days), NONE
    if reference_ends is not None and as_of.date() - reference_ends > YEAR:
        yield "old_bounds", "", "", float((as_of.date() - reference_ends).days), NONE


def _not_acted_on(scored: pl.DataFrame, actions: Any, as_of: dt.datetime, within: str) -> Iterator[Found]:
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
