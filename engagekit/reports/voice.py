"""What customers say: sentiment, what unhappy customers mention, topics of tickets and their trend, and what is new."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from engagekit.customers.voice import LABELS
from engagekit.display import charts
from engagekit.display.section import FEWEST, Figure, Section
from engagekit.language import Language
from engagekit.metrics.estimate import significant
from engagekit.metrics.intervals import wilson_interval
from engagekit.reports.parts import DASH, MOST_NAMED, people, source
from engagekit.reports.results import results
from engagekit.reports.voicing import HIGH, LOW, Voice, voice_of
from engagekit.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["things", "voice", "voice_rows"]


def voice(study: Study) -> Section | None:
    """What customers say; None where they wrote fewer than five texts.

    Examples
    --------
    >>> voice(study).answer[1]
    'Of 215 mentions, 38% are positive, 53% neutral and 9% negative; 0% cannot be classified.'
    """
    made = voice_of(study)
    if made is None:
        return None
    language, text = study.language, study.language.text
    table = _safe(made)
    notes = [text("voice.note"), text("voice.note_themes")] if len(table) else [text("voice.note")]
    return Section(
        text("voice.question"),
        table,
        list(_answer(study, made)),
        people="n_first",
        cells=partial(_cells, language, made),
        words=[text("voice.theme"), text("voice.quote")],
        figure=_figure(study, made) if len(table) > 1 else None,
        notes=notes,
        parts=_topics_part(language, made),
    )


def _figure(study: Study, made: Voice) -> Figure:
    """Themes and their shares, of the survey whose low and high scores are compared."""
    text = study.language.text
    return Figure(
        partial(_bars, study.language),
        text(f"voice.title_{made.kind}"),
        text("voice.subtitle", n=people(study.language, made.writers[LOW])),
        source(results(study), "surveys") if study.readings else "",
    )


def things(study: Study) -> Iterator[str]:
    """Things to do: the first theme of unhappy customers, and the first topic that is new."""
    made = voice_of(study)
    if made is None:
        return
    language = study.language
    for row in made.themes.head(1).to_dict("records"):
        yield language.text(f"voice.read_{made.kind}", theme=row["term"], **_counts(language, made, row))
    for row in made.new.head(1).to_dict("records"):
        month = language.named(study.last_period)
        yield language.text("voice.look", theme=row["term"], n=language.number(row["n_recent"]), month=month)


def voice_rows(study: Study) -> dict[str, Any]:
    """What customers say, for ``metrics.json``: counts and terms of five writers or more, and no text of anybody."""
    made = voice_of(study)
    if made is None:
        return {}
    table = _safe(made).drop(columns=["quote", "few_left"], errors="ignore")
    few_before = made.new["n_before"].between(1, FEWEST - 1)
    new = made.new.assign(share_before=made.new["share_before"].mask(few_before))
    rows: dict[str, Any] = {
        "sentiment": [{"table": name} | _safe_moods(moods) for name, moods in made.moods.items()],
        "survey": made.kind,
        "themes": table.to_dict("records"),
        "ticket_topics": _safe_topics(made).drop(columns=["quote", "few_left"], errors="ignore").to_dict("records"),
        "new": new[["term", "n_recent", "share_recent", "share_before"]].to_dict("records"),
    }
    return {name: significant(value) for name, value in rows.items()}


def _safe_moods(moods: Mapping[str, int | None]) -> dict[str, int | None]:
    """Numbers of texts; without their sum where the rest of it would be that of fewer than five."""
    return {**moods, "n": None if None in moods.values() else moods["n"]}


def _safe(made: Voice) -> pd.DataFrame:
    """Themes without what fewer than five people say or did, with the shares and their intervals."""
    if made.themes.empty:
        return pd.DataFrame(columns=["term", "n_first"])
    table = made.themes.drop(columns=["log_odds", "clear", "share_first", "share_second"])
    few = table["n_second"].between(1, FEWEST - 1)
    value = table["n_first"] / made.writers[LOW]
    low, high = wilson_interval(table["n_first"], made.writers[LOW])
    table["n_second"] = table["n_second"].astype(float).mask(few)
    return _safe_churn(table).assign(value=value, low=low, high=high)


def _safe_churn(table: pd.DataFrame) -> pd.DataFrame:
    """Without the share who left where fewer than five left, which is marked, or where fewer than five stayed."""
    left = (table["churn"] * table["followed"]).round()
    few_left, few_stayed = (each.between(1, FEWEST - 1) for each in (left, table["followed"] - left))
    followed = table["followed"].where(table["followed"] >= FEWEST)
    return table.assign(churn=table["churn"].mask(few_left | few_stayed), followed=followed, few_left=few_left)


def _counts(language: Language, made: Voice, row: Mapping[Any, Any]) -> dict[str, str]:
    """Who mentions a theme, of those with a low and a high score."""
    return {
        "n": language.number(row["n_first"]),
        "low": language.number(made.writers[LOW]),
        "few": people(language, int(row["n_second"])),
        "high": language.number(made.writers[HIGH]),
    }


def _answer(study: Study, made: Voice) -> Iterator[str]:
    language, text = study.language, study.language.text
    month = language.named(study.last_period)
    for table, moods in made.moods.items():
        yield _mood(language, table, moods)
    if len(made.themes):
        names = ", ".join(f"“{term}”" for term in made.themes["term"].head(MOST_NAMED))
        yield text(f"voice.themes_{made.kind}", names=names)
    elif made.kind:
        yield text(f"voice.no_themes_{made.kind}")
    for row in _safe_topics(made).head(1).to_dict("records"):
        if math.isfinite(row["share"]):
            known = {"words": row["words"], "share": language.percent(row["share"], 0)}
            yield text("voice.topic", trend=text(f"voice.trend_{row['trend']}"), **known)
    if len(made.new):
        names = ", ".join(f"“{term}”" for term in made.new["term"].head(MOST_NAMED))
        yield text("voice.new", month=month, names=names)
    else:
        yield text("voice.nothing_new", month=month)


def _mood(language: Language, table: str, moods: Mapping[str, int | None]) -> str:
    """Sentiment of a table's texts; without their number where the rest of it would be that of fewer than five."""
    few, n = people(language, 1), moods["n"] or 0
    counts = {label: moods[label] for label in LABELS}
    shares = {label: few if count is None else language.percent(count / n, 0) for label, count in counts.items()}
    key = f"voice.mood_few_{table}" if None in moods.values() else f"voice.mood_{table}"
    return language.text(key, n=language.number(n), **shares)


def _cells(language: Language, made: Voice, table: pd.DataFrame) -> pd.DataFrame:
    """Themes in words."""
    if table.empty:
        return table.head(0)
    second = [people(language, n) if n == n else people(language, 1) for n in table["n_second"]]
    cells = {
        "voice.theme": list(table["term"]),
        f"voice.low_{made.kind}": [people(language, n) for n in table["n_first"]],
        f"voice.high_{made.kind}": second,
        "voice.score": [language.number(score, 1) for score in table["score"]],
        "voice.churn": _churn(language, table),
        "voice.quote": list(table["quote"]),
    }
    return pd.DataFrame(cells).rename(columns=language.text)


def _churn(language: Language, table: pd.DataFrame) -> list[str]:
    """Share who left, and of how many it is known; a dash where it is known of fewer than five or few stayed."""
    cells = []
    for churn, followed, few_left in table[["churn", "followed", "few_left"]].itertuples(index=False):
        left = people(language, 1) if few_left else DASH if math.isnan(churn) else language.percent(churn, 0)
        cells.append(DASH if math.isnan(followed) else f"{left} / {language.number(followed)}")
    return cells


def _bars(language: Language, table: pd.DataFrame, ax: "Axes") -> "Axes":
    shown = table.dropna(subset=["value"])
    return charts.plot_bars(shown.assign(label=shown["term"]), ax, language, unit="rate")


def _safe_topics(made: Voice) -> pd.DataFrame:
    """Topics of tickets of five writers or more, with their trend."""
    if made.topics is None:
        return pd.DataFrame()
    table = made.topics.table
    table = table[table["writers"] >= FEWEST]
    return _safe_churn(table).assign(trend=[made.trends.get(topic, "unknown") for topic in table["topic"]])


def _topics_part(language: Language, made: Voice) -> list[Section]:
    """Topics of tickets: how many write of each, the trend, and a typical ticket."""
    table = _safe_topics(made)
    if table.empty:
        return []
    text = language.text

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        known = {
            "voice.topic_words": list(table["words"]),
            "column.customers": [language.number(n) for n in table["writers"]],
            "column.share": [language.percent(share, 0) for share in table["share"]],
            "voice.trend": [text(f"voice.trend_{trend}") for trend in table["trend"]],
            "voice.churn": _churn(language, table),
            "voice.quote": list(table["quote"]),
        }
        return pd.DataFrame(known).rename(columns=text)

    words = [text("voice.topic_words"), text("voice.trend"), text("voice.quote")]
    return [Section(text("voice.topics"), table, people="writers", cells=cells, words=words)]
