"""The score of a business: its history, its trial, and what the audit finds."""

import datetime as dt
from dataclasses import dataclass

import pandas as pd
import polars as pl

from engagekit.data.business import Business
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.times import days_long
from engagekit.prepare.history import History
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.reports.prepared import lived_until
from engagekit.score.audit import audit
from engagekit.score.changes import moves, segment_transitions
from engagekit.score.freeze import reference_ends
from engagekit.score.scorecard import SEGMENTS, Scorecard
from engagekit.score.verdict import Verdict, backtest_score

__all__ = ["ACTIONS", "Scoring", "scoring"]

ACTIONS = "actions.csv"  # what was done: date, segment
NOBODY = pl.DataFrame(schema={"customer_id": pl.String, "score": pl.Float64, "segment": pl.String})


@dataclass(frozen=True)
class Scoring:
    """A score, and whether it is worth having.

    Attributes
    ----------
    scorecard : Scorecard
    scored : polars.DataFrame
        Scores on the first of each month and at the end, as ``Scorecard.history`` gives them.
    end : datetime
        The last of the dates.
    trial : Verdict
    findings : pandas.DataFrame
        What the audit found.
    window : timedelta
        That the score looks back on.
    """

    scorecard: Scorecard
    scored: pl.DataFrame
    end: dt.datetime
    trial: Verdict
    findings: pd.DataFrame
    window: dt.timedelta

    @property
    def latest(self) -> pl.DataFrame:
        """Scores at the end."""
        return self.scored.filter(pl.col("date") == self.end)

    @property
    def before(self) -> dt.datetime | None:
        """Latest date whose window was over when that of the end began; None without one."""
        known = self.scored.drop_nulls("score").filter(pl.col("date") <= self.end - self.window)
        return max(known["date"], default=None)

    def moves(self) -> pl.DataFrame:
        """How scores moved between two windows that do not overlap; empty without an earlier one."""
        if self.before is None or self.latest["score"].is_null().all():
            return pl.DataFrame()
        moved: pl.DataFrame = moves(self.scorecard, self.scored, self.before, self.end)
        return moved

    def segment_transitions(self) -> pl.DataFrame:
        """How many went from which segment into which; as ``moves``, for two windows that do not overlap."""
        found: pl.DataFrame = segment_transitions(self.moves())
        return found


def scoring(business: Business, history: History, dates: list[dt.datetime], end: dt.datetime) -> Scoring | None:
    """Score a business's customers, and put the score on trial.

    Parameters
    ----------
    business : Business
        Whose ``[score.components]`` declare the score; without any there is none.
    history : History
        Interactions before the end, and what else the business has of its customers.
    dates : list of datetime
        When to score besides the end.
    end : datetime
        Everything before it counts.

    Raises
    ------
    DataError
        Bounds are not frozen, or ``actions.csv`` cannot be read.
    """
    if not business.score.components:
        return None
    scorecard, window = Scorecard.of(business), business.score.window
    scored = scorecard.history(history, [*dates, end], window)
    seen = history.before(end)["interactions"]["time"].max()
    tried = backtest_score(
        scorecard,
        history,
        dates or [end],
        ChurnDefinition.of(business),
        window=window,
        as_of=lived_until(
            business, history.before(end)["subscriptions" if business.contractual else "interactions"], end
        ),
    )
    found = audit(
        scorecard,
        scored.filter(pl.col("date") == end),
        end,
        tried=tried,
        seen_until=seen,
        reference_ends=reference_ends(business),
        actions=_actions(business, end),
        within=business.horizon,
    )
    return Scoring(scorecard, scored, end, tried, found, days_long("window", window))


def _actions(business: Business, end: dt.datetime) -> pl.DataFrame | None:
    """What was done, out of ``actions.csv`` in the business's folder; None without the file."""
    file = business.folder / ACTIONS
    if not file.is_file():
        return None
    try:
        table = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot be read: {error}. Give a CSV file with date,segment.", file=ACTIONS) from error
    for name in ("date", "segment"):
        if name not in table.columns:
            raise DataError("is not a column. Give a CSV file with date,segment.", file=ACTIONS, column=name)
    day = table["date"].str.to_date("%Y-%m-%d", strict=False)
    for row in (day.is_null()).arg_true()[:1]:
        problem = f"{table['date'][row]!r} is not a date such as 2026-11-01."
        raise DataError(problem, file=ACTIONS, row=row + 2, column="date")
    for row in (~table["segment"].is_in(SEGMENTS)).fill_null(True).arg_true()[:1]:
        problem = f"there is no segment {table['segment'][row]!r}. {did_you_mean(str(table['segment'][row]), SEGMENTS)}"
        raise DataError(problem, file=ACTIONS, row=row + 2, column="segment")
    times = [dt.datetime.combine(date, dt.time(), end.tzinfo) for date in day]
    return table.select("segment", date=pl.Series(times, dtype=pl.Datetime("us", str(end.tzinfo))))
