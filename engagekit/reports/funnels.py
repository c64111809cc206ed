"""Funnels of a business: how many customers complete them, where most are lost, and by the channel of their entry."""

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import narwhals as nw
import pandas as pd

from engagekit.data.settings import FunnelSettings
from engagekit.display import charts
from engagekit.display.section import FEWEST, Figure, Section, safe_table
from engagekit.frames.engine import collected
from engagekit.frames.times import HOUR_US, span_us
from engagekit.language import Language
from engagekit.metrics.intervals import wilson_interval
from engagekit.reports.parts import DASH, between, people, source
from engagekit.reports.results import results
from engagekit.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["funnels"]

MOST_CHANNELS, MOST_ACTIONS = 5, 10
DAY, HOURS_IN_HOURS = 24, 48  # from two days on a time is in days


def funnels(study: Study) -> Section | None:
    """The funnels that ``business.toml`` declares, a part each; None without one.

    Examples
    --------
    >>> funnels(study).parts[0].table[["step", "customers"]].to_numpy().tolist()
    [['view', 289], ['purchase', 127], ['review', 56]]
    """
    parts = [_funnel(study, *each) for each in zip(study.business.funnels, study.funnels, strict=False)]
    return Section(study.language.text("funnel.heading"), parts=parts) if parts else None


def _funnel(study: Study, funnel: FunnelSettings, table: pd.DataFrame) -> Section:
    language, text = study.language, study.language.text
    steps = " → ".join(_action(language, step) for step in funnel.steps)
    shown = safe_table(table, "customers")["value"].notna()
    figure = Figure(
        partial(_bars, language),
        steps,
        text("funnel.subtitle"),
        source(results(study), "interactions") if study.readings else "",
    )
    return Section(
        funnel.name or steps,
        table,
        lambda safe: list(_answer(study, funnel, safe)),
        people="customers",
        cells=partial(_cells, language),
        figure=figure if shown.any() else None,
        notes=[text("funnel.note", first=_action(language, funnel.steps[0]))],
        parts=list(_by_channel(study, funnel)) if shown.iloc[-1] else [],
    )


def _answer(study: Study, funnel: FunnelSettings, table: pd.DataFrame) -> Iterator[str]:
    """Who completed it, the largest drop, who was left out, and steps that are not in the data."""
    language, text = study.language, study.language.text
    first, *_, last = table.to_dict("records")
    named = {step: _action(language, step) for step in funnel.steps}
    within, date = _time(language, span_us("within", funnel.within, "mhd") / HOUR_US), language.date(study.end)
    all_shown = table["customers"].notna().all()
    if not all_shown:
        yield text("funnel.few", fewest=FEWEST)
    if first["customers"] == 0:
        yield text("funnel.nobody", first=named[first["step"]], within=within, date=date)
    elif not (math.isnan(first["customers"]) or math.isnan(last["value"])):
        known = {"share": language.percent(last["value"]), "interval": between(language, last["low"], last["high"], 1)}
        ends = {"first": named[first["step"]], "last": named[last["step"]], "within": within}
        yield text("funnel.result", n=language.number(first["customers"]), **known, **ends)
        if last["customers"]:
            yield text("funnel.time", time=_time(language, last["median_hours"]))
    if all_shown and len(table) > 2 and table["step_value"].min() < 1:
        place = int(table["step_value"].argmin())
        before, step = (named[table["step"].iloc[at]] for at in (place - 1, place))
        yield text("funnel.drop", before=before, step=step, share=language.percent(table["step_value"].iloc[place]))
    if first["left_out"] > 0:
        yield text("funnel.left_out", n=people(language, first["left_out"]), within=within, date=date)
    yield from _not_recorded(study, funnel)


def _not_recorded(study: Study, funnel: FunnelSettings) -> Iterator[str]:
    """Steps that nobody ever did, and the commonest actions that there are."""
    rows = nw.from_native(study.described("interactions")).lazy().select(nw.col("action").cast(nw.String))
    counts = collected(rows.group_by("action").agg(nw.len().alias("n"))).drop_nulls()
    absent = [repr(step) for step in funnel.steps if step not in set(counts["action"])]
    if absent:
        known = counts.sort("n", "action", descending=[True, False])["action"].to_list()
        more = ["…"] if len(known) > MOST_ACTIONS else []
        actions = ", ".join([*map(repr, known[:MOST_ACTIONS]), *more])
        yield study.language.text("funnel.not_recorded", names=", ".join(absent), actions=actions)


def _by_channel(study: Study, funnel: FunnelSettings) -> Iterator[Section]:
    """Shares that reached the last step by the channel of the entry: the five largest, and the rest together."""
    language, text = study.language, study.language.text
    groups = study.funnel(funnel.steps, funnel.within, by="channel").groupby("channel", sort=False, dropna=False)
    ends = groups["customers"].agg(customers="first", reached="last").reset_index()
    ends = ends[ends["customers"] > 0].sort_values(["customers", "channel"], ascending=[False, True])
    if len(ends) < 2:
        return
    known, unknown = ends[ends["channel"].notna()], ends[ends["channel"].isna()]
    rows = [(language.value("channel", name), n, reached) for name, n, reached in known.to_numpy().tolist()]
    shown, rest = rows[:MOST_CHANNELS], [*rows[MOST_CHANNELS:], *unknown.to_numpy().tolist()]
    if rest:
        name = text("funnel.other_channels", n=language.number(len(rest)))
        shown.append((name, sum(row[1] for row in rest), sum(row[2] for row in rest)))
    table = pd.DataFrame(shown, columns=["channel", "customers", "reached"])
    table["value"] = table["reached"] / table["customers"]
    table["low"], table["high"] = wilson_interval(table["reached"], table["customers"])
    few = table["reached"].between(1, FEWEST - 1)
    shares = table.assign(fewest=table["reached"].where(few, table["customers"])).drop(columns="reached")
    yield Section(text("funnel.by_channel"), shares, people="fewest", cells=partial(_cells, language))


def _cells(language: Language, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a funnel or of its channels in words."""
    cells = {
        "column.customers": [people(language, n) for n in table["customers"]],
        "column.share": [language.percent(share) for share in table["value"]],
        "column.interval": [
            between(language, *bounds, 1) if bounds[0] == bounds[0] else DASH
            for bounds in zip(table["low"], table["high"], strict=True)
        ],
    }
    if "channel" in table:
        cells = {"funnel.channel": list(table["channel"])} | cells
    else:
        cells = {"funnel.step": [_action(language, step) for step in table["step"]]} | cells
        cells["funnel.step_share"] = [language.percent(share) for share in table["step_value"]]
        cells["funnel.time_taken"] = [_time(language, hours) for hours in table["median_hours"]]
    return pd.DataFrame(cells).rename(columns=language.text)


def _bars(language: Language, table: pd.DataFrame, ax: "Axes") -> "Axes":
    shown = table.dropna(subset=["value"])
    return charts.plot_bars(
        shown.assign(label=[_action(language, step) for step in shown["step"]]), ax, language, unit="rate"
    )


def _action(language: Language, action: str) -> str:
    return language.value("action", action)


def _time(language: Language, hours: float) -> str:
    """Write a time in minutes, hours or, from two days on, in days."""
    if hours < HOURS_IN_HOURS or math.isnan(hours):
        return language.amount(hours, "hours", "")
    days = hours / DAY
    return language.text("unit.day", n=language.number(days, 0 if days.is_integer() else 1))
