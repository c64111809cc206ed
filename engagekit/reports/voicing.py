"""What customers wrote, as reports say it: sentiment, themes of unhappy customers, topics of tickets, what is new."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from engagekit.customers.lexicon import looked_up
from engagekit.customers.masking import masked
from engagekit.customers.sentiment_model import SCORED
from engagekit.customers.terms import has_term
from engagekit.customers.themes import new_terms, themes
from engagekit.customers.topics import LONGEST_QUOTE, Topics, topics
from engagekit.customers.voice import LABELS, sentiment, texts_of, writers_of
from engagekit.display.section import FEWEST
from engagekit.frames.engine import collected
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.family import directions
from engagekit.metrics.intervals import wilson_interval
from engagekit.prepare.business_tables import PERIODS
from engagekit.study import Study

__all__ = ["HIGH", "LOW", "Voice", "voice_of"]

TEXTS = {"surveys": ("comment", "answered_at"), "mentions": ("text", "time"), "tickets": ("text", "opened_at")}
LOW, HIGH = "low", "high"
MOST_THEMES, MOST_TOPICS = 5, 5


@dataclass(frozen=True, eq=False)
class Voice:
    """What customers of a study wrote.

    Attributes
    ----------
    moods : mapping
        By table, of surveys and mentions: number of texts, ``n``, and of those of each label; None of a label with
        fewer than five writers.
    kind : str
        Survey whose low and high scores are compared; empty where there is none with a comment.
    writers : mapping of str to int
        Writers of comments with a ``low`` and with a ``high`` score.
    themes : pandas.DataFrame
        What those with a low score say clearly more often, as ``themes`` gives it, with ``score``, the mean one of the
        comments on it; ``churn``, the share who left of ``followed``, its writers whose outcome is known; and a masked
        ``quote``.
    topics : Topics, optional
        Of tickets by period, with ``churn`` and ``followed`` as themes have them; None without any.
    trends : mapping of int to str
        Whether the share of each topic is ``higher`` or ``lower`` in the last period than in the one before, beyond
        chance, all of them as one family.
    new : pandas.DataFrame
        What ``new_terms`` gives of all texts in the last period.
    """

    moods: Mapping[str, Mapping[str, int | None]]
    kind: str
    writers: Mapping[str, int]
    themes: pd.DataFrame
    topics: Topics | None
    trends: Mapping[int, str]
    new: pd.DataFrame


@lru_cache(maxsize=4)
def voice_of(study: Study) -> Voice | None:
    """What customers wrote; None where no table has texts of five writers. The same for the same study."""
    texts = {table: _texts(study, table) for table in TEXTS}
    texts = {
        table: rows for table, rows in texts.items() if not rows.is_empty() and rows["customer_id"].n_unique() >= FEWEST
    }
    if not texts:
        return None
    stop, last = study.business.name.casefold().split(), study.last_period.replace(tzinfo=None)
    kind, scored, said = _compared(texts.get("surveys"), stop)
    followed = _outcomes(study, texts.get("surveys"))
    made = _topics(study, texts["tickets"], stop) if "tickets" in texts else None
    by_group = scored.group_by("group").agg(pl.col("customer_id").n_unique())
    return Voice(
        {table: _moods(rows, study.business.name) for table, rows in texts.items() if table != "tickets"},
        kind,
        {LOW: 0, HIGH: 0} | dict(by_group.drop_nulls().iter_rows()),
        pd.DataFrame([_theme(row, scored, followed, stop) for row in said.to_dict("records")]),
        made,
        {} if made is None else _trends(made, last),
        _new(pl.concat(rows.select("text", "period", "customer_id") for rows in texts.values()), last, stop),
    )


def _texts(study: Study, table: str) -> pl.DataFrame:
    """Texts of a table with a time, in an order of their own: ``text, time, period, customer_id, kind, score``."""
    column, time = TEXTS[table]
    rows = nw.from_native(study.described(table)).lazy() if study.has(table) else None
    given = rows.collect_schema().names() if rows is not None else []
    if rows is None or column not in given or time not in given:
        return pl.DataFrame()
    others = [name for name in ("customer_id", "kind", "score") if name in given]
    frame = collected(rows.select(nw.col(column).alias("text"), nw.col(time).alias("time"), *others))
    plain = pl.Series("text", texts_of(frame["text"]), dtype=pl.String)
    frame = frame.with_columns(plain).drop_nulls(["text", "time"])
    dtypes = {"customer_id": pl.String, "kind": pl.String, "score": pl.Float64}
    kept = (
        pl.col(name).cast(dtype) if name in others else pl.lit(None, dtype).alias(name)
        for name, dtype in dtypes.items()
    )
    clock = pl.col("time").dt.replace_time_zone(None)
    frame = frame.with_columns(clock.dt.truncate(PERIODS[study.period]).cast(pl.Datetime("us")).alias("period"), *kept)
    order = ["time", "customer_id", "text", "kind", "score"]
    frame = frame.select("text", "time", "period", "customer_id", "kind", "score").sort(order)
    writers = map(str, writers_of(frame["customer_id"], frame.height, table))
    return frame.with_columns(customer_id=pl.Series(list(writers), dtype=pl.String))


def _moods(rows: pl.DataFrame, name: str) -> dict[str, int | None]:
    """Number of texts, ``n``, and of those of each label; None of a label with fewer than five writers."""
    labelled = rows.with_columns(sentiment(rows["text"], [name])["label"]).group_by("label")
    counts = {label: (n, people) for label, n, people in labelled.agg(pl.len(), pl.n_unique("customer_id")).rows()}
    known = {label: counts.get(label, (0, FEWEST)) for label in LABELS}
    return {"n": rows.height} | {label: n if people >= FEWEST else None for label, (n, people) in known.items()}


def _compared(surveys: pl.DataFrame | None, stop: list[str]) -> tuple[str, pl.DataFrame, pd.DataFrame]:
    """First kind of survey with five writers of low and of high scores, its comments by group, and their themes."""
    nothing = pl.DataFrame(schema={"customer_id": pl.String, "group": pl.String})
    for kind, (low, high) in SCORED.items():
        score = pl.col("score")
        group = pl.when(score <= low).then(pl.lit(LOW)).when(score >= high).then(pl.lit(HIGH))
        rows = nothing if surveys is None else surveys.filter(kind=kind).with_columns(group=group)
        if min(rows.filter(group=name)["customer_id"].n_unique() for name in (LOW, HIGH)) >= FEWEST:
            writers = rows["customer_id"]
            made = themes(rows["text"], rows["group"], LOW, HIGH, writers=writers, stop=stop, without=_is_praise)
            said = made[made["clear"] & (made["z"] > 0) & (made["n_first"] >= FEWEST)]
            return kind, rows, said.head(MOST_THEMES)
    return "", nothing, pd.DataFrame()


def _is_praise(term: str) -> bool:
    """Whether a word of a term praises and none condemns, as in a comment that says what is good before what is not."""
    known = [word for word in map(looked_up, term.split()) if word is not None]
    condemns = any(word.weight < 0 or word.role in ("negation", "less") for word in known)
    return any(word.weight > 0 for word in known) and not condemns


def _outcomes(study: Study, texts: pl.DataFrame | None) -> pl.DataFrame:
    """Whether each writer of a text left: on the first date after it, within the horizon, on which it is known."""
    nothing = pl.DataFrame(schema={"text": pl.String, "customer_id": pl.String, "churned": pl.Boolean})
    table = "subscriptions" if study.says_churn and study.churn.contractual else "interactions"
    if texts is None or not (study.says_churn and study.has(table)):
        return nothing
    base = collected(nw.from_native(study.standing).lazy().filter(nw.col("in_base"), ~nw.col("churned").is_null()))
    base = base.select(pl.col("customer_id").cast(pl.String), "date", "churned").sort("date")
    dtype = base.schema["date"]
    rows = texts.with_columns(pl.col("time").cast(dtype)) if texts.schema["time"] != dtype else texts
    joined = rows.sort("time").join_asof(
        base,
        left_on="time",
        right_on="date",
        by="customer_id",
        strategy="forward",
        tolerance=study.churn.horizon,
        check_sortedness=False,
    )
    return joined.select("text", "customer_id", "churned").drop_nulls()


def _share(followed: pl.DataFrame) -> float:
    """Share of writers who left; NaN below five of them."""
    by_writer = followed.group_by("customer_id").agg(pl.col("churned").last())
    return float(by_writer["churned"].sum() / by_writer.height) if by_writer.height >= FEWEST else float("nan")


def _theme(row: Mapping[Any, Any], scored: pl.DataFrame, followed: pl.DataFrame, stop: list[str]) -> dict[Any, Any]:
    """A theme with the mean score of the comments on it, churn of their writers, and the shortest low one."""
    having = scored.filter(pl.Series(has_term(scored["text"].to_list(), row["term"], stop=stop), dtype=pl.Boolean))
    own = followed.filter(pl.col("text").is_in(having["text"].unique().to_list()))
    low = having.filter(group=LOW)["text"].unique()
    quote = min(low, key=lambda text: (len(text), text))
    shown = " ".join(masked([quote])[0].split())[:LONGEST_QUOTE]
    known = {
        "score": having["score"].to_numpy().mean(),
        "churn": _share(own),
        "followed": own["customer_id"].n_unique(),
    }
    return {**row, **known, "quote": shown}


def _topics(study: Study, tickets: pl.DataFrame, stop: list[str]) -> Topics:
    """Topics of tickets by period, with ``churn`` and ``followed`` of the writers of each."""
    made = topics(tickets["text"], tickets["period"], MOST_TOPICS, writers=tickets["customer_id"], stop=stop)
    outcomes, known = _outcomes(study, tickets), tickets.with_columns(topic=pl.Series(made.assigned.to_numpy()))
    own = [
        outcomes.filter(pl.col("text").is_in(known.filter(topic=topic)["text"].unique().to_list()))
        for topic in made.table["topic"]
    ]
    churn, followed = [_share(each) for each in own], [each["customer_id"].n_unique() for each in own]
    return replace(made, table=made.table.assign(churn=churn, followed=followed))


def _trends(made: Topics, last: Any) -> dict[int, str]:
    """Direction of each topic's share between the last two periods."""
    earlier = made.periods.loc[made.periods["period"] < last, "period"].max()
    changes = {}
    for topic in made.table["topic"]:
        old, new = (_estimate(made.periods, topic, period) for period in (earlier, last))
        change = None if old is None or new is None else new - old
        changes[str(topic)] = (float("nan"),) * 3 if change is None else (change.value, change.low, change.high)
    return {int(topic): direction for topic, direction in directions(changes).items()}


def _estimate(periods: pd.DataFrame, topic: int, period: Any) -> Estimate | None:
    row = periods[(periods["topic"] == topic) & (periods["period"] == period)]
    if row.empty:
        return None
    k, n = int(row["writers"].iloc[0]), int(row["n"].iloc[0])
    low, high = wilson_interval(k, n)
    return Estimate(k / n, float(low), float(high), k, n, n, n, "wilson", "", "")


def _new(rows: pl.DataFrame, last: Any, stop: list[str]) -> pd.DataFrame:
    """Terms of the last period that were hardly used before it; what came after it does not count."""
    rows = rows.filter(pl.col("period") <= last)
    return new_terms(rows["text"], rows["period"] == last, writers=rows["customer_id"], stop=stop)
