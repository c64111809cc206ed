"""What a study's campaigns returned, and the split of the next budget: what the sections on budgets are made of."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import narwhals as nw
import pandas as pd
import polars as pl

from engagekit.decisions.budget import budget_split
from engagekit.decisions.response import FEWEST_PERIODS, ResponseCurves, fit_response
from engagekit.decisions.returns import COST_OF, RETURN, campaign_returns, campaign_tests
from engagekit.display.axes import Measure
from engagekit.errors import DataError, TooLittle
from engagekit.frames.engine import collected, column_names, to_narwhals
from engagekit.metrics.estimate import significant
from engagekit.study import Study

__all__ = ["Budget", "budget_of", "budget_rows"]

WHOLE = 10  # results; fewer that are expected are no whole number


class Budget(NamedTuple):
    """What a business's campaigns returned, and the split of its next budget.

    Attributes
    ----------
    study : Study
    returns : pandas.DataFrame
        As ``campaign_returns`` gives it.
    curves : ResponseCurves
    split : pandas.DataFrame
        As ``budget_split`` gives it.
    tests : pandas.DataFrame
        As ``campaign_tests`` gives it, of campaigns that have a rate of people who are leads or convert.
    """

    study: Study
    returns: pd.DataFrame
    curves: ResponseCurves
    split: pd.DataFrame
    tests: pd.DataFrame

    @property
    def cost(self) -> str:
        """Metric by which campaigns are compared."""
        return COST_OF.get(self.curves.result, RETURN)

    @property
    def ranked(self) -> pd.DataFrame:
        """Campaigns with a value of that metric, the best one first."""
        known = self.returns.dropna(subset=[self.cost])
        return known.sort_values([self.cost, self.curves.by], ascending=[self.cost != RETURN, True])

    def changed_most(self, names: list[str]) -> str:
        """That of some campaigns whose spend is to change most; without a split, that with the most spend."""
        change = (self.split["recommended"] - self.split["spend_now"]).abs().set_axis(self.split[self.curves.by])
        change = change.reindex(names).dropna()
        spent = self.returns.set_index(self.curves.by)["spend"].reindex(names)
        return str((spent if change.empty else change).idxmax())

    def named(self, row: Any) -> str:
        """Name of the campaign of a row; a channel in the language."""
        name = str(row[self.curves.by])
        return self.study.language.value("channel", name) if self.curves.by == "channel" else name

    @property
    def period(self) -> str:
        """Write the length of a period: in hours where it is shorter than a day."""
        days, language = self.curves.days, self.study.language
        unit, length = ("hours", 24 * days) if days < 1 else ("days", days)
        return language.text(f"budget.period_{unit}", n=language.number(length))

    def money(self, value: float) -> str:
        """Write an amount of money."""
        return Measure(self.study.language, "money", self.study.currency).write(value)

    def results(self, value: float) -> str:
        """Write a number of results, with a decimal below ten, or their money."""
        if self.curves.result == "revenue":
            return self.money(value)
        return self.study.language.number(value, 1 if abs(value) < WHOLE else 0)

    def efficiency(self, row: Any, metric: str = "") -> str:
        """Write a ratio of a campaign and its interval; by default that by which campaigns are compared."""
        metric = metric or self.cost

        def write(value: float) -> str:
            money = metric in COST_OF.values()
            return self.money(value) if money else self.study.language.number(value, 2 if metric == RETURN else 1)

        value, low, high = (row[f"{metric}{end}"] for end in ("", "_low", "_high"))
        return write(value) if math.isnan(low) else f"{write(value)} ({write(low)} – {write(high)})"


@lru_cache(maxsize=4)
def budget_of(study: Study) -> Budget | None:
    """What a study's campaigns returned, and the split; None without named campaigns that have results.

    A bound of a campaign that the business's table has later, and not yet at the study's end, does not count.

    Raises
    ------
    DataError
        ``[budget]`` asks for what the campaigns do not have or for a total that its bounds do not allow, or the
        campaigns are in several currencies.
    """
    if not study.has("campaigns"):
        return None
    rows, settings = study.described("campaigns"), study.business.budget
    result = settings.result or _result(rows)
    curves = _curves(study, rows, result) if result else None
    if curves is None:
        return None
    bounds: tuple[dict[str, float], ...] = (settings.minimum, settings.maximum)
    if any(bounds):
        later = _names(study, curves.by) - set(curves.table[curves.by])
        bounds = tuple({name: money for name, money in each.items() if name not in later} for each in bounds)
    try:
        split = budget_split(curves, settings.total, *bounds)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{error}.", file="[budget]") from error
    rated = curves.result != "revenue" and "reached" in column_names(rows)
    tests = campaign_tests(rows, curves.result, curves.by).dropna() if rated else pd.DataFrame()
    return Budget(study, campaign_returns(rows, curves.by), curves, split, tests)


def budget_rows(study: Study) -> dict[str, Any]:
    """Returns, curves and split of each campaign for ``metrics.json``; empty without campaigns that have results."""
    made = budget_of(study)
    if made is None:
        return {}
    by, curves = made.curves.by, made.curves
    table = made.returns.merge(curves.table.drop(columns=["reason", "spend_now"]), on=by)
    known = {"by": by, "result": curves.result, "days": curves.days, **made.split.attrs}
    rows: dict[str, Any] = significant(known | {"rows": table.merge(made.split, on=by).to_dict("records")})
    return rows


def _curves(study: Study, rows: Any, result: str) -> ResponseCurves | None:
    """Curves of what the settings name, else of campaigns, or of channels where only two of those have the periods."""
    settings = study.business.budget
    bounds = {*settings.minimum, *settings.maximum}
    ways = [settings.by] if settings.by else [by for by in ("campaign", "channel") if by in column_names(rows)]
    ways = [by for by in ways if bounds & _names(study, by)][:1] or ways if bounds else ways
    made = []
    for by in ways:
        try:
            made.append(fit_response(rows, result, by))
        except TooLittle:
            continue
        if (made[-1].table["periods"] >= FEWEST_PERIODS).sum() > 1:
            return made[-1]
    return made[0] if made else None


def _names(study: Study, by: str) -> set[str]:
    """Names of all campaigns or channels in the business's table, whatever the date."""
    business = study.business
    rows = business.table("campaigns", lazy=True) if study.readings else business.tables["campaigns"]
    return set(collected(to_narwhals(rows, [by]))[by].cast(pl.String).drop_nulls())


def _result(rows: Any) -> str | None:
    """Result that the split is for: conversions, else leads, else revenue."""
    wished = [name for name in ("conversions", "leads", "revenue") if name in column_names(rows)]
    if not wished:
        return None
    known = collected(nw.from_native(rows).lazy().select(nw.col(wished).count()))
    return next((name for name in wished if known[name].item()), None)
