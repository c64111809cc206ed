"""The score of a business as its report shows it: its history, its verdict, and what the audit says."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import polars as pl

from engagekit.data.business import Business
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.times import days_long
from engagekit.score.audit import audit
from engagekit.score.changes import score_changes, segment_transitions
from engagekit.score.freeze import reference_ends
from engagekit.score.scorecard import SEGMENTS, Scorecard
from engagekit.score.verdict import Verdict
from engagekit.study import Study

__all__ = ["ACTIONS", "NOBODY", "Scoring", "scoring"]

ACTIONS = "actions.csv"  # what was done: date, segment
NOBODY = pl.DataFrame(schema={"customer_id": pl.String, "score": pl.Float64, "segment": pl.String})


@dataclass(frozen=True)
class Scoring:
    """A score, and whether it is worth having.

    Attributes
    ----------
    scorecard : Scorecard
    scored : polars.DataFrame
        Scores on the first of each month and at the end.
    end : datetime
        The last date with scores.
    trial : Verdict
        Whether the score predicts who leaves.
    findings : pandas.DataFrame
        What the audit says.
    window : timedelta
        Time that the score looks back on.
    """

    scorecard: Scorecard
    scored: pl.DataFrame
    end: dt.datetime
    trial: Verdict
    findings: pd.DataFrame
    window: dt.timedelta

    @cached_property
    def latest(self) -> pl.DataFrame:
        """Scores at the end."""
        return self.scored.filter(pl.col("date") == self.end)

    @property
    def before(self) -> dt.datetime | None:
        """Latest date whose window was over when that of the end began; None without one."""
        known = self.scored.drop_nulls("score").filter(pl.col("date") <= self.end - self.window)
        return max(known["date"], default=None)

    @cached_property
    def moves(self) -> pl.DataFrame:
        """How scores moved between two windows that do not overlap; empty without an earlier one."""
        if self.before is None or self.latest["score"].is_null().all():
            return pl.DataFrame()
        moved: pl.DataFrame = score_changes(self.scorecard, self.scored, self.before, self.end)
        return moved

    @property
    def transitions(self) -> pl.DataFrame:
        """How many went from which segment into which; as ``moves``, for two windows that do not overlap."""
        counted: pl.DataFrame = segment_transitions(self.moves)
        return counted


def scoring(study: Study) -> Scoring | None:
    """The score of a study; None without a scorecard or interactions.

    Raises
    ------
    DataError
        Bounds are not frozen, or ``actions.csv`` cannot be read.
    """
    if study.scorecard is None:
        return None
    scored, business = study.scored, study.business
    findings = audit(
        study.scorecard,
        scored.filter(pl.col("date") == study.end),
        study.end,
        verdict=study.verdict,
        last_interaction=study.described("interactions")["time"].max(),
        reference_ends=reference_ends(business),
        actions=_actions(business, study.end),
        within=study.churn.horizon,
    )
    window = days_long("window", business.score.window)
    return Scoring(study.scorecard, scored, study.end, study.verdict, findings, window)


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
