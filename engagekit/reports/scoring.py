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
from engagekit.score.changes import moves, segment_transitions
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
    study : Study
    scorecard : Scorecard
    """

    study: Study
    scorecard: Scorecard

    @property
    def end(self) -> dt.datetime:
        """The last date with scores."""
        return self.study.end

    @cached_property
    def scored(self) -> pl.DataFrame:
        """Scores on the first of each month and at the end."""
        return pl.from_pandas(self.study.scores)

    @property
    def trial(self) -> Verdict:
        """Whether the score predicts who leaves."""
        return self.study.verdict

    @cached_property
    def latest(self) -> pl.DataFrame:
        """Scores at the end."""
        return self.scored.filter(pl.col("date") == self.end)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What the audit says."""
        return audit(
            self.scorecard,
            self.latest,
            self.end,
            tried=self.trial,
            seen_until=self.study.described("interactions")["time"].max(),
            reference_ends=reference_ends(self.study.business),
            actions=_actions(self.study.business, self.end),
            within=self.study.churn.horizon,
        )

    @property
    def before(self) -> dt.datetime | None:
        """Latest date whose window was over when that of the end began; None without one."""
        window = days_long("window", self.study.business.score.window)
        known = self.scored.drop_nulls("score").filter(pl.col("date") <= self.end - window)
        return max(known["date"], default=None)

    @cached_property
    def moves(self) -> pl.DataFrame:
        """How scores moved between two windows that do not overlap; empty without an earlier one."""
        if self.before is None or self.latest["score"].is_null().all():
            return pl.DataFrame()
        moved: pl.DataFrame = moves(self.scorecard, self.scored, self.before, self.end)
        return moved

    def transitions(self) -> pl.DataFrame:
        """How many went from which segment into which; as ``moves``, for two windows that do not overlap."""
        counted: pl.DataFrame = segment_transitions(self.moves)
        return counted


def scoring(study: Study) -> Scoring | None:
    """The score of a study; None without a scorecard or interactions."""
    return None if study.scorecard is None else Scoring(study, study.scorecard)


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
