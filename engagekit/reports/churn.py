"""The sections of the churn report: who is likely to leave and why, whom to contact, and how long customers stay."""

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
from engagekit.language import Language, decimals_of
from engagekit.reports.churning import GROUPS, Churning, churning
from engagekit.reports.parts import DASH, between, people, printed, source, with_interval
from engagekit.score.scorecard import SEGMENTS
from engagekit.study import Study

__all__ = [
    "alarm",
    "feature_title",
    "first_screen",
    "listed",
    "private_list",
    "reasons",
    "signs",
    "statistic",
    "stayed",
    "to_contact",
    "verdict",
]

SHOWN, FIRST = 20, 5
FRAME, ROW = 60, 36  # CSS pixels
WHOLE_MONEY_FROM = 100
PREDICTORS = ("score", "slope", "p_alive")  # features that are candidates too
SHARES = ("twins", "copies")  # signs with a share of the customers
CONCLUDED = ("alone", "pair", "difference", "encoded", "fades")  # signs of which the outcome says what they mean
BARE = 10  # from which a number needs no decimals


def first_screen(study: Study) -> Section:
    """How many customers are likely to leave, what revenue goes with them, and whether the data can show that.

    Examples
    --------
    >>> first_screen(study).answer[0].split(". ")[0]
    '174 customers are active or subscribed as of 1 November 2026'
    """
    report = churning(study)
    text = report.language.text
    points, tiles = _main_points(report), []
    if not report.problem and not len(report.suspects) and len(report.today):
        tiles = _tiles(report)
    last_day = report.language.date(report.end - dt.timedelta(days=1))
    stale = [text("churn.stale", date=last_day)] if report.stale else []
    return Section(text("question.churn"), answer=points, tiles=tiles, notes=stale, layer="summary")


def _main_points(report: Churning) -> list[str]:
    text, number = report.language.text, report.language.number
    if report.problem:
        times, left = (people(report.language, count) for count in report.outcomes)
        known = {"n": times, "left": left, "days": report.days}
        return [text("churn.problem", **known, fewest=number(FEWEST_FITTED), few=number(FEWEST_TESTED))]
    if len(report.suspects):
        return [text("alarm.stopped")]
    if report.today.empty:
        return [text("churn.nobody")]
    value, low, high = (number(each) for each in report.expected())
    date, at_risk = report.language.date(report.end), number(len(report.today))
    expected = text("churn.expected", at_risk=at_risk, date=date, days=report.days, n=value, low=low, high=high)
    by_chance = report.comparison is not None and report.comparison.recommended == "base_rate"
    return [expected, _value(report)] + ([verdict(report)] if by_chance else [])


def _tiles(report: Churning) -> list[markup.Tile]:
    text, number = report.language.text, report.language.number
    leavers, value = report.expected(), report.expected("value")
    tiles = [
        markup.Tile(
            text("tile.at_risk"),
            number(len(report.today)),
            text("tile.on", date=report.language.date(report.end)),
        )
    ]
    tiles.append(
        markup.Tile(
            text("tile.leaving", days=report.days), number(leavers[0]), _span(report, *map(number, leavers[1:]))
        )
    )
    if not math.isnan(value[0]):
        amounts = [_money(report, each) for each in value]
        tiles.append(markup.Tile(text("tile.value"), amounts[0], _span(report, *amounts[1:])))
    if "expected_gain" in report.contacts:
        gain = _money(report, report.contacts["expected_gain"].sum())
        tiles.append(markup.Tile(text("tile.gain"), gain, text("tile.contacts", n=number(len(report.contacts)))))
    return tiles


def _value(report: Churning) -> str:
    """Money that is expected to be lost with who leaves."""
    told = report.expected("value")
    if math.isnan(told[0]):
        return report.language.text("churn.no_value")
    value, low, high = (_money(report, each) for each in told)
    return report.language.text("churn.value", value=value, low=low, high=high)


def _span(report: Churning, low: str, high: str) -> str:
    return report.language.text("tile.between", low=low, high=high)


def verdict(report: Churning) -> str:
    """Whether it can be told who leaves, and better than by the days since the last interaction."""
    text, told = report.language.text, report.comparison
    if told is None:
        return ""
    if told.recommended == "base_rate":
        return text("churn.by_choice" if report.business.churn.use else "churn.by_nothing")
    known = {
        "name": text(f"candidate.{told.recommended}"),
        "auc": statistic(report.language, told, told.recommended, "roc_auc"),
    }
    more = told.statistic(told.recommended)
    if told.recommended == "recency" or math.isnan(more["difference"]):
        return text("churn.by_name" if report.business.churn.use else "churn.by_recency", **known)
    known |= {"more": with_interval(report.language, [more[name] for name in DIFFERENCE])}
    return text("churn.by_model" if more["difference_low"] > 0 else "churn.no_better", **known)


def alarm(study: Study) -> Section | None:
    """What makes the models too good to be true; None where nothing does.

    Examples
    --------
    Nothing in the sample makes the models too good to be true:

    >>> print(alarm(study))
    None
    """
    report = churning(study)
    text, names = report.language.text, ", ".join(report.business.churn.accept)
    alarms = signs(report, report.suspects)
    if alarms:
        alarms += signs(report, report.questions)
    notes = [text("alarm.way_out")] if alarms else []
    if report.too_good and not alarms and not names and report.comparison is not None:
        value = statistic(report.language, report.comparison, report.comparison.recommended, "roc_auc")
        alarms = [text("alarm.too_good", value=value)]
    notes += [text("alarm.accepted", names=names)] if names else []
    if not alarms and not notes:
        return None
    return Section(text("section.alarm"), report.suspects, alarms, cells=no_cells, notes=notes, layer="summary")


def signs(report: Churning, found: pd.DataFrame) -> list[str]:
    """Sentences of alarms or of questions."""
    return [_sign(report.language, row) for row in found.to_dict("records")]


def _sign(language: Language, row: dict[Any, Any]) -> str:
    """Sentence of a sign, and what is concluded of a strong column."""
    name = row["suspect"]
    value = language.percent(row["value"], 0) if name in SHARES else language.number(row["value"], 2)
    sentence = language.text(f"alarm.{name}", about=f"“{row['about']}”", value=value, n=language.number(row["value"]))
    return f"{sentence} {language.text('alarm.' + row['outcome'])}" if name in CONCLUDED else sentence


def to_contact(study: Study) -> Section | None:
    """The few customers to contact first, under pseudonyms.

    Examples
    --------
    >>> to_contact(study).table.columns.tolist()
    ['rank', 'customer_id', 'chance', 'value', 'expected_gain']
    """
    report = churning(study)
    if report.today.empty:
        return None
    text, question = report.language.text, report.language.text("section.contacts")
    if report.contacts.empty:
        return Section(question, answer=text("contacts.none"), layer="summary")
    first = report.contacts.head(FIRST)
    shown = printed(report.language, partial(_listed_cells, report))
    notes = [text("contacts.private", n=report.language.number(len(report.contacts)))]
    return Section(question, first, **shown, notes=notes, layer="summary")


def listed(study: Study) -> Section | None:
    """The customers to contact first, under pseudonyms, with what goes with their chance of leaving.

    Examples
    --------
    >>> listed(study).question, len(listed(study).table)
    ('The first 20 customers and the factors that are linked with it', 20)
    """
    report = churning(study)
    if report.today.empty or report.contacts.empty:
        return None
    first, language = report.contacts.head(SHOWN), report.language

    def cells(table: pd.DataFrame) -> pd.DataFrame:
        reasons = _reasons(report, public=True)
        return _listed_cells(report, table).assign(goes_with=[reasons.get(who, DASH) for who in first["customer_id"]])

    by_segment = _by_segment(report)
    return Section(
        language.text("contacts.all", n=language.number(len(first))),
        first,
        **printed(language, cells, words=("goes_with",)),
        notes=list(_contact_notes(report, first)),
        parts=[by_segment] if by_segment else [],
    )


def _listed_cells(report: Churning, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the list in words."""
    rows = table.to_dict("records")
    return pd.DataFrame([{"customer": row["customer_id"], **_cells(report, row)} for row in rows])


def _contact_notes(report: Churning, first: pd.DataFrame) -> Iterator[str]:
    """What the list rests on."""
    text, language, settings = report.language.text, report.language, report.business.churn
    if "expected_gain" in first:
        cost = _money(report, settings.cost)
        yield text("contacts.rule", acceptance=language.percent(settings.acceptance, 0), cost=cost)
    else:
        yield text("contacts.by_chance")
    chances = report.today["chance"]
    if chances.nunique() == 1:
        yield text("contacts.alike")
    else:
        yield text("contacts.above_average", mean=language.percent(chances.mean(), 0))
    yield text("contacts.association" if len(report.reasons) else "contacts.not_additive")
    model = report.comparison.model if report.comparison else None
    if len(report.reasons) and model and model.kind == "average":
        yield text("contacts.half")
    unasked = report.contacts.attrs.get("opted_out", 0)
    if unasked:
        yield text("contacts.opted_out", n=people(language, unasked))
    yield text("fallen.keyed") if keyed() else text("fallen.unkeyed", key=KEY)


def _by_segment(report: Churning) -> Section | None:
    """Customers followed, how many of them are likely to leave and what goes with them, by segment."""
    language, today = report.language, report.today.assign(segment=report.today["segment"].fillna(""))
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
        lost = [DASH if math.isnan(value) else _money(report, value) for value in table["revenue_at_risk"]]
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


def private_list(study: Study) -> pd.DataFrame:
    """The whole list with real ids and the pseudonyms of the page, for its owner: what ``write_private`` takes.

    Examples
    --------
    >>> private_list(study).columns.tolist()
    ['Rank', 'Customer', 'Pseudonym on the page', 'Chance of leaving', 'Value', 'Expected gain', 'Related factors']
    """
    report = churning(study)
    names = {name: report.language.text(f"column.{name}") for name in ("pseudonym", *report.contacts, "goes_with")}
    told = _reasons(report, public=False)
    reasons = [told.get(who, DASH) for who in report.contacts["customer_id"]]
    listed = report.contacts.assign(goes_with=reasons)
    listed.insert(2, "pseudonym", without_ids(report.contacts)["customer_id"])
    listed = listed.rename(columns=names)
    units = listed.attrs.get("units", {})
    listed.attrs["units"] = {names[column]: unit for column, unit in units.items() if column in names}
    listed.attrs["currency"] = report.business.currency
    return listed


def _cells(report: Churning, row: dict[Any, Any]) -> dict[str, str]:
    cells = {"chance": report.language.percent(row["chance"], 0)}
    for name in ("value", "expected_gain"):
        cells |= {name: _money(report, row[name])} if name in row else {}
    return {"value_lost" if name == "value" else name: cell for name, cell in cells.items()}


def _reasons(report: Churning, *, public: bool) -> dict[Any, str]:
    """What goes with each customer's chance, in words; a category of fewer than five is not told in public."""
    language = report.language
    parts: dict[Any, list[str]] = {}
    for row in report.reasons.to_dict("records"):
        odds = language.number(row["odds"], 0 if row["odds"] >= BARE else 1)
        rare = public and row["shared"] < FEWEST
        value = language.text("reasons.rare") if rare else _written(report, row["value"])
        told = language.text(
            "reasons.part", name=feature_title(report.language, row["feature"]), value=value, odds=odds
        )
        parts.setdefault(row["customer_id"], []).append(told)
    return {customer: "; ".join(each) for customer, each in parts.items()}


def _written(report: Churning, value: Any) -> str:
    """Value of a feature: a number with the digits that it needs, a category as it is."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return report.language.text("reasons.blank")
    if isinstance(value, bool | str):
        return report.language.value("flag", str(value))
    return report.language.number(value, 0 if abs(value) >= BARE else decimals_of(value))


def reasons(study: Study) -> Section | None:
    """Which features go with leaving, over all customers.

    Examples
    --------
    >>> reasons(study).table[["group", "label"]].head(2).to_numpy().tolist()
    [['activity', 'Amount of activity'], ['recency', 'Days since the last interaction']]
    """
    report = churning(study)
    if report.today.empty or report.importance.empty or report.comparison is None:
        return None
    text, language = report.language.text, report.language
    value = (100 * report.importance["value"]).round(1) + 0.0
    labels = [_group(report, name) for name in report.importance["group"]]
    table = report.importance.assign(value=value, label=labels, low=value, high=value)
    points = language.number(value.iloc[0], 1)
    figure = Figure(
        lambda table, ax: charts.plot_bars(table, ax, language, unit="points", decimals=1),
        text("reasons.title"),
        text("reasons.subtitle", date=language.date(report.comparison.backtest.dates[-1])),
        source(report, "interactions"),
        height=FRAME + ROW * min(len(table), charts.MOST_BARS),
    )
    other = report.comparison.model is None or len(report.comparison.model.columns_) == 1
    notes = [text("reasons.other_model", name=text(f"candidate.{report.comparison.recommended}"))] if other else []
    sentence = text("reasons.sentence", name=labels[0], points=points)
    notes.append(text("reasons.shared"))
    return Section(text("section.reasons"), table, sentence, cells=no_cells, figure=figure, notes=notes)


def _group(report: Churning, name: str) -> str:
    return report.language.text(f"group.{name}") if name in GROUPS else report.language.feature(name)


def stayed(study: Study) -> Section:
    """How long customers stay, by segment; and the churn rate by month.

    Examples
    --------
    >>> stayed(study).table.groupby("segment")["at_risk"].max().to_dict()
    {'advocate': 20, 'at_risk': 76, 'potential': 60}
    """
    report = churning(study)
    text, language = report.language.text, report.language
    sizes = report.survival[report.survival["days"] == 0].groupby("segment")["at_risk"].first()
    curves = report.survival[report.survival["segment"].isin(sizes[sizes >= FEWEST].index)]
    if curves.empty or report.watched_from is None:
        return Section(text("section.stayed"), answer=text("stayed.none"))
    date, last = language.date(report.watched_from), curves.drop_duplicates("segment", keep="last")
    ends = {row["segment"]: row for row in last.to_dict("records")}
    told = [_still_there(report, name, ends[name]) for name in (*reversed(SEGMENTS), "") if name in ends]
    days = language.number(math.floor(curves["days"].max()))
    scored = curves[curves["segment"] != ""]
    figure = Figure(
        lambda table, ax: charts.plot_survival(table, ax, language),
        text("stayed.title"),
        text("stayed.subtitle", date=date),
        source(report, "base"),
    )
    churn = report.study.churn
    rule, length = ("stayed.contract", churn.late) if churn.contractual else ("stayed.silent", churn.ahead)
    rates = _rates(report)
    return Section(
        text("section.stayed"),
        curves if scored.empty else scored,
        text("stayed.sentence", days=days, date=date, parts="; ".join(told)),
        cells=no_cells,
        figure=figure,
        notes=[text(rule, days=length.days)],
        parts=[rates] if rates else [],
    )


def _segment(report: Churning, name: str) -> str:
    return report.language.text(f"segment.{name}" if name else "stayed.unscored")


def _still_there(report: Churning, segment: str, end: Mapping[Any, Any]) -> str:
    """Share of a segment that was still there when its curve ends."""
    language = report.language
    return language.text(
        "stayed.part",
        segment=_segment(report, segment),
        share=language.percent(end["value"], 0),
        interval=DASH if math.isnan(end["low"]) else between(language, end["low"], end["high"]),
    )


def _rates(report: Churning) -> Section | None:
    """Churn rate of the first of each month."""
    text, known = report.language.text, report.rates.dropna(subset=["value"])
    if len(known) < 2:
        return None
    last = known.iloc[-1]
    sentence = text(
        "stayed.rate",
        date=report.language.date(last["period"]),
        value=report.language.percent(last["value"], 1),
        interval=between(report.language, last["low"], last["high"], 1),
    )
    figure = Figure(
        lambda table, ax: charts.plot_trend(table, ax, report.language, unit="rate"),
        f"{text('metric.churn_rate.title')}, {text('unit.day', n=report.days)}",
        text("metric.churn_rate.meaning"),
        source(report, "base"),
    )
    return Section("", report.rates.loc[: known.index[-1]], sentence, cells=no_cells, figure=figure)


def _money(report: Churning, value: float) -> str:
    return report.language.money(value, report.business.currency, 0 if abs(value) >= WHOLE_MONEY_FROM else None)


def statistic(language: Language, compared: Comparison, candidate: str, name: str) -> str:
    """Write a statistic of a candidate with its interval."""
    row = compared.statistic(candidate, name)
    return with_interval(language, [row[each] for each in ("value", "low", "high")])


def feature_title(language: Language, name: str) -> str:
    """Write the name of a feature; one that predicts by itself is called as that candidate."""
    return language.text(f"candidate.{name}") if name in PREDICTORS else language.feature(name)
