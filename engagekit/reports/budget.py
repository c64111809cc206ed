"""Budget: what each campaign's cost went with, how to split the next period's money, and which campaign to stop."""

import math
from collections.abc import Iterator
from functools import partial

from engagekit.decisions.effects import estimate_of
from engagekit.decisions.response import FEWEST_PERIODS
from engagekit.display.section import Section
from engagekit.reports.budget_parts import response_figure, returned_cells, split_part, touched_parts
from engagekit.reports.budgeting import Budget, budget_of
from engagekit.reports.parts import some
from engagekit.study import Study

__all__ = ["budget", "things"]

WHY_NO_CURVE = ("too_few", "little_variation", "not_rising", "no_spend", "ended")
KNOWN = {"fewest": FEWEST_PERIODS, "minimum": "minimum", "maximum": "maximum"}  # settings have the same name everywhere


def budget(study: Study) -> Section | None:
    """Which campaign deserves the next part of the budget; None without campaigns that have results.

    Examples
    --------
    >>> section = budget(study)
    >>> section.table[["channel", "n", "conversions"]].to_dict("list")
    {'channel': ['email', 'social'], 'n': [18, 18], 'conversions': [194.0, 165.0]}
    >>> [part.question for part in section.parts]
    ['Proposed split for the next 31 days', 'Which campaigns came before conversions?']
    """
    made = budget_of(study)
    if made is None:
        return None
    language = study.language
    parts = [split_part(made)] if not made.split.attrs["reason"] else []
    return Section(
        language.text("budget.question"),
        made.returns,
        list(_answer(study, made)),
        cells=partial(returned_cells, made),
        figure=response_figure(made),
        notes=[language.text(f"budget.note_{name}") for name in ("together", "periods")],
        parts=[*parts, *touched_parts(study)],
    )


def things(study: Study) -> Iterator[str]:
    """What to change about the budget, where that stands beyond its uncertainty: sentences of up to 25 words."""
    made = budget_of(study)
    if made is None:
        return
    split, language = made.split, study.language
    for row in split[split["action"] == "stop"].head(1).to_dict("records"):
        yield language.text("budget.do_stop", name=made.named(row))
    raised = split[split["action"] == "raise"] if split.attrs["gain_low"] > 0 else split.head(0)
    for row in raised.sort_values("recommended", ascending=False, kind="stable").head(1).to_dict("records"):
        known = {name: made.money(row[name]) for name in ("spend_now", "recommended")}
        yield language.text("budget.do_raise", name=made.named(row), **known)


def _answer(study: Study, made: Budget) -> Iterator[str]:
    """What went with most results per cost, the split or why there is none, what to stop, and the test."""
    yield from _best(study, made)
    yield from _recommended(study, made) if not made.split.attrs["reason"] else _why_none(study, made)
    for row in made.split[made.split["action"] == "stop"].to_dict("records"):
        key = "stop_nothing" if row["reason"] == "no_results" else "stop"
        yield study.language.text(f"budget.{key}", name=made.named(row))
    yield from _test(study, made)


def _best(study: Study, made: Budget) -> Iterator[str]:
    """The campaign with the most results per cost, and whether the next one differs by more than chance."""
    ranked, text = made.ranked.to_dict("records"), study.language.text
    if not ranked:
        yield text("budget.no_cost")
        return
    known = {"name": made.named(ranked[0]), "n": study.language.number(ranked[0]["n"])}
    yield text(f"budget.best_{made.curves.result}", value=made.efficiency(ranked[0]), **known)
    if len(ranked) > 1:
        ends = [made.cost, f"{made.cost}_low", f"{made.cost}_high"]
        best, other = (estimate_of(*(row[end] for end in ends)) for row in ranked[:2])
        gap = other - best
        apart = "differs" if gap.low > 0 or gap.high < 0 else "chance"
        second = {"name": made.named(ranked[1]), "value": made.efficiency(ranked[1])}
        yield text(f"budget.next_{apart}", **second)


def _recommended(study: Study, made: Budget) -> Iterator[str]:
    """What the split is expected to bring, and what it changes beyond its uncertainty."""
    split, language = made.split, study.language
    gain = {name: made.results(split.attrs[name]) for name in ("gain", "gain_low", "gain_high")}
    known = {"total": made.money(split.attrs["total"]), "length": made.period}
    key = "gains" if split.attrs["gain_low"] > 0 else "same"
    if not math.isnan(split.attrs["gain"]):  # without present spend there are no present shares
        yield language.text(f"budget.{key}_{made.curves.result}", **known, **gain)
    changes = (split["recommended"] - split["spend_now"]).abs()
    by_size = split.loc[changes.sort_values(ascending=False, kind="stable").index]
    for action in ("raise", "lower"):
        for row in by_size[by_size["action"] == action].head(1).to_dict("records"):
            money = {name: made.money(row[name]) for name in ("spend_now", "recommended", "low", "high")}
            yield language.text(f"budget.{action}", name=made.named(row), **money)
    yield from _without_curve(study, made)


def _why_none(study: Study, made: Budget) -> Iterator[str]:
    """Why there is no split, and what would show how results respond to spend."""
    if made.split.attrs["reason"] == "no_present_spend":
        yield study.language.text("budget.none_spent", setting="total")
        return
    count = study.language.number((made.split["reason"] == "").sum())
    yield study.language.text("budget.none", n=count)
    yield from _without_curve(study, made)


def _without_curve(study: Study, made: Budget) -> Iterator[str]:
    for reason in WHY_NO_CURVE:
        rows = made.split[made.split["reason"] == reason].to_dict("records")
        if rows:
            names = some(study.language, [made.named(row) for row in rows])
            yield study.language.text(f"budget.{reason}", names=names, **KNOWN)


def _test(study: Study, made: Budget) -> Iterator[str]:
    """The test that would show a cause, of those with a rate: of the largest change, or else with the most spend."""
    language, by = study.language, made.curves.by
    yield language.text("budget.caution")
    if made.tests.empty:
        yield language.text("budget.no_test")
        return
    name = made.changed_most(made.tests[by].tolist())
    test = made.tests[made.tests[by] == name].to_dict("records")[0]
    known = {"people": language.number(test["people"]), "cost": made.money(test["cost"])}
    yield language.text("budget.test", name=made.named(test), **known)
    yield language.text("budget.test_shows", rate=language.percent(test["rate"]))
