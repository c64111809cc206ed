"""The score of a business as its report shows it: its history, its verdict, and what the audit says."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import polars as pl

from engagekit.decisions.done import done
from engagekit.frames.times import days_long
from engagekit.score.audit import audit
from engagekit.score.changes import score_changes, segment_transitions
from engagekit.score.freeze import reference_ends
from engagekit.score.scorecard import Scorecard
from engagekit.score.verdict import Verdict
from engagekit.study import Study

__all__ = ["NOBODY", "Scoring", "scoring"]

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
        actions=_done_by_segment(study),
        within=study.churn.horizon,
    )
    window = days_long("window", business.score.window)
    return Scoring(study.scorecard, scored, study.end, study.verdict, findings, window)


def _done_by_segment(study: Study) -> pl.DataFrame | None:
    """Recorded actions; those of customers are of the segment that they had on the last date with scores before."""
    rows = done(study)
    if rows is None:
        return None
    who = pl.col("customer_id").cast(pl.String)
    scored = study.scored.select(who, "date", was=pl.col("segment").cast(pl.String)).sort("date")
    rows = rows.sort("date").join_asof(scored, on="date", by="customer_id", check_sortedness=False)
    return rows.with_columns(pl.col("segment").fill_null(pl.col("was")))
