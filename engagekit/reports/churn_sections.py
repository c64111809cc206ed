"""The sections of the churn report: who is likely to leave and why, whether that can be told, and whom to contact."""

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd

from engagekit.churn.candidates import FEWEST_TESTED
from engagekit.churn.comparison import Comparison
from engagekit.churn.inputs import FEWEST as FEWEST_FITTED
from engagekit.churn.outcomes import DIFFERENCE
from engagekit.display import charts, markup
from engagekit.display.pseudonyms import KEY, keyed, without_ids
from engagekit.display.section import FEWEST, Figure, Section, no_cells
from engagekit.language import decimals_of
from engagekit.metrics.intervals import wilson_interval
from engagekit.reports.churning import GROUPS, Churning
from engagekit.reports.parts import DASH, between, people, printed, source, with_interval
from engagekit.score.scorecard import SEGMENTS

__all__ = [
    "alarm",
    "first_screen",
    "listed",
    "method",
    "private_list",
    "reasons",
    "stayed",
    "to_contact",
    "tried",
]

SHOWN, FIRST = 20, 5
FRAME, ROW = 60, 36  # CSS pixels
MUCH = 0.25  # of the stability index, by custom
MOST_MOVED = 5
WHOLE_MONEY_FROM = 100
BARE = 10  # from which a number needs no decimals


def first_screen(churning: Churning) -> Section:
    """How many are likely to leave, what is at stake, and whether that can be told."""
    text = churning.language.text
    points, tiles = _main_points(churning), []
    if not churning.problem and not len(churning.suspects) and len(churning.today):
        tiles = _tiles(churning)
    last_day = churning.language.date(churning.end - dt.timedelta(days=1))
    stale = [text("churn.stale", date=last_day)] if churning.stale else []
    return Section(text("question.churn"), answer=points, tiles=tiles, notes=stale, layer="summary")


def _main_points(churning: Churning) -> list[str]:
    text, number = churning.language.text, churning.language.number
    if churning.problem:
        times, left = (people(churning.language, count) for count in churning.outcomes)
        known = {"n": times, "left": left, "days": _days(churning)}
        return [text("churn.problem", **known, fewest=number(FEWEST_FITTED), few=number(FEWEST_TESTED))]
    if len(churning.suspects):
        return [text("alarm.stopped")]
    if churning.today.empty:
        return [text("churn.nobody")]
    value, low, high = (number(each) for each in churning.expected())
    date, at_risk = churning.language.date(churning.end), number(len(churning.today))
    expected = text("churn.expected", at_risk=at_risk, date=date, days=_days(churning), n=value, low=low, high=high)
    by_chance = churning.comparison is not None and churning.comparison.recommended == "base_rate"
    return [expected, _value(churning)] + ([_verdict(churning)] if by_chance else [])


def alarm(churning: Churning) -> Section | None:
    """What makes the models too good to be true; None where nothing does."""
    text, names = churning.language.text, ", ".join(churning.business.churn.accept)
    told = [_suspected(churning, row) for row in churning.suspects.to_dict("records")]
    notes = [text("alarm.way_out")] if told else []
    if churning.too_good and not told and not names and churning.comparison is not None:
        value = _statistic(churning, churning.comparison, churning.comparison.recommended, "roc_auc")
        told = [text("alarm.too_good", value=value)]
    notes += [text("alarm.accepted", names=names)] if names else []
    if not told and not notes:
        return None
    return Section(text("section.alarm"), churning.suspects, told, cells=no_cells, notes=notes, layer="summary")


def to_contact(churning: Churning) -> Section | None:
    """The few customers to contact first, under pseudonyms."""
    if churning.today.empty:
        return None
    text, question = churning.language.text, churning.language.text("section.contacts")
    if churning.contacts.empty:
        return Section(question, answer=text("contacts.none"), layer="summary")
    first = churning.contacts.head(FIRST)
    shown = printed(churning.language, partial(_listed_cells, churning))
    notes = [text("contacts.private", n=churning.language.number(len(churning.contacts)))]
    return Section(question, first, **shown, notes=notes, layer="summary")


def listed(churning: Churning) -> Section | None:
    """The customers to contact first, under pseudonyms, with what goes with their chance of leaving."""
    if churning.today.empty or churning.contacts.empty:
        return None
    first, language = churning.contacts.head(SHOWN), churning.language

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        reasons = _reasons(churning, public=True)
        return _listed_cells(churning, table).assign(goes_with=[reasons.get(who, DASH) for who in first["customer_id"]])

    by_segment = _by_segment(churning)
    return Section(
        language.text("contacts.all", n=language.number(len(first))),
        first,
        **printed(language, cells, words=("goes_with",)),
        notes=list(_contact_notes(churning, first)),
        parts=[by_segment] if by_segment else [],
    )


def _listed_cells(churning: Churning, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the list in words."""
    rows = table.to_dict("records")
    return pd.DataFrame([{"customer": row["customer_id"], **_cells(churning, row)} for row in rows])


def _contact_notes(churning: Churning, first: pd.DataFrame) -> Iterator[str]:
    """What the list rests on."""
    text, language, settings = churning.language.text, churning.language, churning.business.churn
    if "expected_gain" in first:
        cost = _money(churning, settings.cost)
        yield text("contacts.rule", acceptance=language.percent(settings.acceptance, 0), cost=cost)
    else:
        yield text("contacts.by_chance")
    if churning.today["chance"].nunique() == 1:
        yield text("contacts.alike")
    yield text("contacts.association" if len(churning.reasons) else "contacts.not_additive")
    model = churning.comparison.model if churning.comparison else None
    if len(churning.reasons) and model and model.kind == "average":
        yield text("contacts.half")
    unasked = churning.contacts.attrs.get("opted_out", 0)
    if unasked:
        yield text("contacts.opted_out", n=language.number(unasked))
    yield text("fallen.keyed") if keyed() else text("fallen.unkeyed", key=KEY)


def private_list(churning: Churning) -> pd.DataFrame:
    """The whole list with real ids and the pseudonyms of the page, for its owner: what ``write_private`` takes."""
    names = {name: churning.language.text(f"column.{name}") for name in ("pseudonym", *churning.contacts, "goes_with")}
    told = _reasons(churning, public=False)
    reasons = [told.get(who, DASH) for who in churning.contacts["customer_id"]]
    listed = churning.contacts.assign(goes_with=reasons)
    listed.insert(2, "pseudonym", without_ids(churning.contacts)["customer_id"])
    listed = listed.rename(columns=names)
    units = listed.attrs.get("units", {})
    listed.attrs["units"] = {names[column]: unit for column, unit in units.items() if column in names}
    listed.attrs["currency"] = churning.business.currency
    return listed


def reasons(churning: Churning) -> Section | None:
    """What leaving goes with, over all customers."""
    if churning.today.empty or churning.importance.empty or churning.comparison is None:
        return None
    text, language = churning.language.text, churning.language
    value = (100 * churning.importance["value"]).round(1) + 0.0
    labels = [_group(churning, name) for name in churning.importance["group"]]
    table = churning.importance.assign(value=value, label=labels, low=value, high=value)
    points = language.number(value.iloc[0], 1)
    figure = Figure(
        lambda table, ax: charts.plot_bars(table, ax, language, unit="points", decimals=1),
        text("reasons.title"),
        text("reasons.subtitle", date=language.date(churning.comparison.backtest.dates[-1])),
        source(churning, "interactions"),
        height=FRAME + ROW * min(len(table), charts.MOST_BARS),
    )
    other = churning.comparison.model is None or len(churning.comparison.model.columns_) == 1
    notes = [text("reasons.other_model", name=text(f"rung.{churning.comparison.recommended}"))] if other else []
    sentence = text("reasons.sentence", name=labels[0], points=points)
    notes.append(text("reasons.shared"))
    return Section(text("section.reasons"), table, sentence, cells=no_cells, figure=figure, notes=notes)


def tried(churning: Churning) -> Section | None:
    """The candidates, and whether the probabilities were right."""
    compared = churning.comparison
    if compared is None or len(churning.suspects):
        return None
    text, language, backtest = churning.language.text, churning.language, compared.backtest
    counted = {
        "fitted": language.number(backtest.train_rows),
        "dates": language.number(len(backtest.train_dates)),
        "tried": language.number(backtest.test_rows),
        "date": language.date(backtest.dates[-1]),
        "left": people(churning.language, backtest.test_churned),
    }
    rows = [
        {
            "rung": text(f"rung.{name}"),
            "roc_auc": _statistic(churning, compared, name, "roc_auc"),
            "average_precision": language.number(compared.statistic(name, "average_precision")["value"], 2),
            "lift": language.number(compared.statistic(name, "lift")["value"], 1),
            "brier": language.number(compared.statistic(name, "brier")["value"], 3),
            "log_loss": language.number(compared.statistic(name, "log_loss")["value"], 3),
            "above_best": _beside_best(churning, compared, name),
        }
        for name in compared.candidates
    ]
    used = {"name": text(f"rung.{compared.recommended}"), "best": text(f"rung.{compared.best}")}
    notes = [text("ladder.counted", **counted)]
    notes.append(text("ladder.told_to" if churning.business.churn.use else "ladder.simplest", **used))
    shown = printed(language, lambda _: pd.DataFrame(rows))
    parts = [part for part in (_calibration(churning, compared), changed(churning)) if part]
    question = text("section.ladder")
    return Section(question, backtest.statistics, _verdict(churning), **shown, notes=notes, parts=parts)


def stayed(churning: Churning) -> Section:
    """How long customers stay, by segment; and the churn rate by month."""
    text, language = churning.language.text, churning.language
    sizes = churning.survival[churning.survival["days"] == 0].groupby("segment")["at_risk"].first()
    curves = churning.survival[churning.survival["segment"].isin(sizes[sizes >= FEWEST].index)]
    if curves.empty or churning.watched_from is None:
        return Section(text("section.stayed"), answer=text("stayed.none"))
    date, last = language.date(churning.watched_from), curves.drop_duplicates("segment", keep="last")
    ends = {row["segment"]: row for row in last.to_dict("records")}
    told = [_still_there(churning, name, ends[name]) for name in (*reversed(SEGMENTS), "") if name in ends]
    days = language.number(math.floor(curves["days"].max()))
    scored = curves[curves["segment"] != ""]
    figure = Figure(
        lambda table, ax: charts.plot_survival(table, ax, language),
        text("stayed.title"),
        text("stayed.subtitle", date=date),
        source(churning, "base"),
    )
    churn = churning.study.churn
    rule, length = ("stayed.contract", churn.late) if churn.contractual else ("stayed.silent", churn.ahead)
    rates = _rates(churning)
    return Section(
        text("section.stayed"),
        curves if scored.empty else scored,
        text("stayed.sentence", days=days, date=date, parts="; ".join(told)),
        cells=no_cells,
        figure=figure,
        notes=[text(rule, days=length.days)],
        parts=[rates] if rates else [],
    )


def _segment(churning: Churning, name: str) -> str:
    return churning.language.text(f"segment.{name}" if name else "stayed.unscored")


def _still_there(churning: Churning, segment: str, end: Mapping[Any, Any]) -> str:
    """Share of a segment that was still there when its curve ends."""
    language = churning.language
    return language.text(
        "stayed.part",
        segment=_segment(churning, segment),
        share=language.percent(end["value"], 0),
        interval=DASH if math.isnan(end["low"]) else between(language, end["low"], end["high"]),
    )


def changed(churning: Churning) -> Section | None:
    """Whether the customers are still those that the model was fitted on."""
    if churning.today.empty or churning.drift.empty or churning.comparison is None:
        return None
    text, language, compared = churning.language.text, churning.language, churning.comparison
    moved, rates = churning.drift[churning.drift["moved"]], []
    for left, n in _outcomes(compared):
        low, high = (float(bound) for bound in wilson_interval(left, n))
        rates.append(f"{language.percent(left / n, 1)} ({between(churning.language, low, high, 1)})")
    date = language.date(compared.backtest.dates[-1])
    notes = [text("drift.rate", fitted=rates[0], tried=rates[1], date=date)]
    counts = {"n": language.number(len(moved)), "all": language.number(len(churning.drift)), "date": date}
    if moved.empty:
        return Section(text("section.drift"), answer=text("drift.none", **counts), notes=notes)

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "feature": [_feature(churning, name) for name in table["column"]],
                "stability": [language.number(value, 2) for value in table["value"]],
                "by_chance": [language.number(value, 2) for value in table["by_chance"]],
            }
        )

    notes += [text("drift.much")] if moved["value"].max() > MUCH else []
    first, some = moved.head(MOST_MOVED), text("drift.some", **counts)
    return Section(text("section.drift"), first, some, **printed(language, cells), notes=notes)


def method(churning: Churning) -> Section:
    """How the probabilities were made, what they cannot tell, and the card of the model."""
    text, language = churning.language.text, churning.language
    known = {"days": _days(churning), "window": churning.business.score.window.removesuffix("d")}
    known |= {"as_of": language.date(churning.end), "zone": churning.business.time_zone}
    at_risk = "at_risk_contract" if churning.business.contractual else "at_risk"
    notes = [text(f"churn_method.{key}", **known) for key in (at_risk, "trial", "value", "resampling", "limits")]
    parts = [_card(churning)] if churning.card() and churning.suspects.empty else []
    return Section(text("section.method"), notes=notes, parts=parts)


def _days(churning: Churning) -> str:
    return churning.business.horizon.removesuffix("d")


def _money(churning: Churning, value: float) -> str:
    return churning.language.money(value, churning.business.currency, 0 if abs(value) >= WHOLE_MONEY_FROM else None)


def _value(churning: Churning) -> str:
    """Money that is expected to be lost with who leaves."""
    told = churning.expected("value")
    if math.isnan(told[0]):
        return churning.language.text("churn.no_value")
    value, low, high = (_money(churning, each) for each in told)
    return churning.language.text("churn.value", value=value, low=low, high=high)


def _verdict(churning: Churning) -> str:
    """Whether it can be told who leaves, and better than by the days since the last interaction."""
    text, told = churning.language.text, churning.comparison
    if told is None:
        return ""
    if told.recommended == "base_rate":
        return text("churn.by_choice" if churning.business.churn.use else "churn.by_nothing")
    known = {"name": text(f"rung.{told.recommended}"), "auc": _statistic(churning, told, told.recommended, "roc_auc")}
    more = told.statistic(told.recommended)
    if told.recommended == "recency" or math.isnan(more["difference"]):
        return text("churn.by_name" if churning.business.churn.use else "churn.by_recency", **known)
    known |= {"more": with_interval(churning.language, [more[name] for name in DIFFERENCE])}
    return text("churn.by_model" if more["difference_low"] > 0 else "churn.no_better", **known)


def _tiles(churning: Churning) -> list[markup.Tile]:
    text, number = churning.language.text, churning.language.number
    leaving, value = churning.expected(), churning.expected("value")
    tiles = [
        markup.Tile(
            text("tile.at_risk"),
            number(len(churning.today)),
            text("tile.on", date=churning.language.date(churning.end)),
        )
    ]
    tiles.append(
        markup.Tile(
            text("tile.leaving", days=_days(churning)), number(leaving[0]), _span(churning, *map(number, leaving[1:]))
        )
    )
    if not math.isnan(value[0]):
        amounts = [_money(churning, each) for each in value]
        tiles.append(markup.Tile(text("tile.value"), amounts[0], _span(churning, *amounts[1:])))
    if "expected_gain" in churning.contacts:
        gain = _money(churning, churning.contacts["expected_gain"].sum())
        tiles.append(markup.Tile(text("tile.gain"), gain, text("tile.contacts", n=number(len(churning.contacts)))))
    return tiles


def _span(churning: Churning, low: str, high: str) -> str:
    return churning.language.text("tile.between", low=low, high=high)


def _suspected(churning: Churning, row: dict[Any, Any]) -> str:
    """Sentence of what the alarm found."""
    language, name = churning.language, row["suspect"]
    value = language.percent(row["value"], 0) if name == "twins" else language.number(row["value"], 2)
    about = f"“{row['about']}”"
    return language.text(f"alarm.{name}", about=about, value=value, n=language.number(row["value"]))


def _cells(churning: Churning, row: dict[Any, Any]) -> dict[str, str]:
    cells = {"chance": churning.language.percent(row["chance"], 0)}
    for name in ("value", "expected_gain"):
        cells |= {name: _money(churning, row[name])} if name in row else {}
    return {"value_lost" if name == "value" else name: cell for name, cell in cells.items()}


def _reasons(churning: Churning, *, public: bool) -> dict[Any, str]:
    """What goes with each customer's chance, in words; a category of fewer than five is not told in public."""
    language = churning.language
    parts: dict[Any, list[str]] = {}
    for row in churning.reasons.to_dict("records"):
        odds = language.number(row["odds"], 0 if row["odds"] >= BARE else 1)
        rare = public and row["shared"] < FEWEST
        value = language.text("reasons.rare") if rare else _written(churning, row["value"])
        told = language.text("reasons.part", name=_feature(churning, row["feature"]), value=value, odds=odds)
        parts.setdefault(row["customer_id"], []).append(told)
    return {customer: "; ".join(each) for customer, each in parts.items()}


def _written(churning: Churning, value: Any) -> str:
    """Value of a feature: a number with the digits that it needs, a category as it is."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return churning.language.text("reasons.blank")
    if isinstance(value, bool | str):
        return churning.language.value("flag", str(value))
    return churning.language.number(value, 0 if abs(value) >= BARE else decimals_of(value))


def _feature(churning: Churning, name: str) -> str:
    return (
        churning.language.text(f"rung.{name}")
        if name in ("score", "slope", "p_alive")
        else churning.language.feature(name)
    )


def _group(churning: Churning, name: str) -> str:
    return churning.language.text(f"group.{name}") if name in GROUPS else churning.language.feature(name)


def _by_segment(churning: Churning) -> Section | None:
    """Customers followed, how many of them are likely to leave and what goes with them, by segment."""
    language, today = churning.language, churning.today.assign(segment=churning.today["segment"].fillna(""))
    sizes = today["segment"].value_counts()
    if set(sizes.index) <= {""} or sizes.min() < FEWEST:
        return None
    names = [name for name in (*reversed(SEGMENTS), "") if name in sizes.index]
    groups = [today[today["segment"] == name] for name in names]
    table = pd.DataFrame(
        {
            "segment": names,
            "customers": [len(group) for group in groups],
            "leaving": [group["chance"].sum() for group in groups],
            "revenue_at_risk": [(group["chance"] * group["value"]).sum(min_count=1) for group in groups],
        }
    )

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        lost = [DASH if math.isnan(value) else _money(churning, value) for value in table["revenue_at_risk"]]
        return pd.DataFrame(
            {
                "segment": [
                    language.text(f"segment.{name}" if name else "stayed.unscored") for name in table["segment"]
                ],
                "customers": [language.number(n) for n in table["customers"]],
                "leaving": [language.number(n) for n in table["leaving"]],
                "revenue_at_risk": lost,
            }
        )

    return Section(language.text("contacts.by_segment"), table, people="customers", **printed(language, cells))


def _statistic(churning: Churning, told: Comparison, rung: str, statistic: str) -> str:
    row = told.statistic(rung, statistic)
    return with_interval(churning.language, [row[name] for name in ("value", "low", "high")])


def _beside_best(churning: Churning, told: Comparison, rung: str) -> str:
    """How much higher the log loss is than that of the best."""
    numbers = told.difference(rung) if rung != told.best else (math.nan, math.nan, math.nan)
    return with_interval(churning.language, numbers, 3)


def _calibration(churning: Churning, compared: Comparison) -> Section | None:
    """Probabilities beside what happened."""
    text, language = churning.language.text, churning.language
    cells = compared.calibration[compared.calibration["n"] >= FEWEST]
    if cells.empty or compared.recommended == "base_rate":
        return None
    low, high = wilson_interval(cells["churned"] * cells["n"], cells["n"])
    table = cells.assign(chance=cells["probability"], value=cells["churned"], low=low, high=high)
    slope, least, most = compared.calibration_slope
    verdict = "unknown" if math.isnan(slope) else "too_sure" if most < 1 else "not_sure" if least > 1 else "right"
    numbers = {"slope": with_interval(language, compared.calibration_slope)}
    sentence = text("calibration.sentence", error=language.number(100 * compared.calibration_error, 1))
    sentence += " " + text(f"calibration.{verdict}", **numbers)
    figure = Figure(
        lambda table, ax: charts.plot_calibration(table, ax, language),
        text("calibration.title"),
        text("calibration.subtitle"),
        source(churning, "base"),
    )
    return Section("", table, sentence, cells=no_cells, figure=figure)


def _rates(churning: Churning) -> Section | None:
    """Churn rate of the first of each month."""
    text, known = churning.language.text, churning.rates.dropna(subset=["value"])
    if len(known) < 2:
        return None
    last = known.iloc[-1]
    sentence = text(
        "stayed.rate",
        date=churning.language.date(last["period"]),
        value=churning.language.percent(last["value"], 1),
        interval=between(churning.language, last["low"], last["high"], 1),
    )
    figure = Figure(
        lambda table, ax: charts.plot_trend(table, ax, churning.language, unit="rate"),
        f"{text('metric.churn_rate.title')}, {text('unit.day', n=_days(churning))}",
        text("metric.churn_rate.meaning"),
        source(churning, "base"),
    )
    return Section("", churning.rates.loc[: known.index[-1]], sentence, cells=no_cells, figure=figure)


def _outcomes(told: Comparison) -> list[tuple[int, int]]:
    """Who left, of how many: on the dates fitted to, and on the one tried."""
    tested = told.backtest
    return [(tested.train_churned, tested.train_rows), (tested.test_churned, tested.test_rows)]


def _card(churning: Churning) -> Section:
    """Card of the model as a table."""
    text, language, card, told = churning.language.text, churning.language, churning.card(), churning.comparison
    dates = language.number(len(card["fitted_on"]))
    rows = {
        "data": text("model_card.until", date=language.date(churning.end)),
        "rung": text(f"rung.{card['recommended']}"),
        "fitted": text("model_card.rows", n=language.number(card["fitted_rows"]), dates=dates),
        "tried": _tried_on(churning),
        "error": language.number(card["calibration_error"], 3),
        "slope": with_interval(language, told.calibration_slope) if told else DASH,
        "columns": ", ".join(_feature(churning, name) for name in card["columns"]) or DASH,
    }
    if card["model_rows"]:
        rows["file"] = text("model_card.saved", n=language.number(card["model_rows"]))
    shown = pd.DataFrame({"card": [text(f"model_card.{name}") for name in rows], "told": list(rows.values())})
    return Section(text("model_card.title"), shown, **printed(language, words=("told",)))


def _tried_on(churning: Churning) -> str:
    if churning.comparison is None:
        return DASH
    date = churning.language.date(churning.comparison.backtest.dates[-1])
    n = churning.language.number(churning.comparison.backtest.test_rows)
    return churning.language.text("model_card.rows_on", n=n, date=date)
