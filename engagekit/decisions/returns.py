"""What went with each campaign's cost: its results, cost per result, and the test that would show a cause."""

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from engagekit.decisions.sample_size import sample_size
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, column_names, to_narwhals
from engagekit.metrics import campaigns
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Total

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COST_OF", "RETURN", "campaign_returns", "campaign_test", "campaign_tests"]

COST_OF = {"leads": "cost_per_lead", "conversions": "cost_per_conversion"}
RETURN = "return_on_ad_spend"
RATIOS = (
    campaigns.cost_per_lead,
    campaigns.cost_per_conversion,
    campaigns.return_on_ad_spend,
    campaigns.leads_per_hour,
)
TOTALS = ("spend", "hours", "reached", "leads", "conversions", "revenue")


def campaign_returns(frame: Any, by: str = "campaign") -> "pd.DataFrame":
    """Spend, hours and results of each campaign or channel, and its results per cost and hour with 95 % intervals.

    Parameters
    ----------
    frame : frame of any kind
        The table ``campaigns``: ``campaign`` or ``channel``, ``spend``, and what there is of ``hours, reached, leads,
        conversions, revenue``.
    by : {"campaign", "channel"}

    Returns
    -------
    pandas.DataFrame
        A row a campaign, by name: ``n`` (rows of the table); the sums of the columns there are; and of the catalogue's
        ``cost_per_lead, cost_per_conversion, return_on_ad_spend, leads_per_hour``, as far as they are defined by those
        columns, the value, ``_low``, ``_high`` and ``_reason``. A cost per lead without a lead is NaN with the reason
        ``zero_denominator``, and so is a return without spend.

    Raises
    ------
    DataError
        A column is absent, or a number is negative.

    Examples
    --------
    >>> import pandas as pd
    >>> ads = pd.DataFrame({"campaign": ["A", "A", "B"], "spend": [10.0, 30.0, 5.0], "leads": [4, 4, 0]})
    >>> returns = campaign_returns(ads)
    >>> returns[["campaign", "n", "spend", "cost_per_lead", "cost_per_lead_reason"]].to_numpy().tolist()
    [['A', 2, 40.0, 5.0, ''], ['B', 1, 5.0, nan, 'zero_denominator']]
    """
    import narwhals as nw

    known = column_names(frame)
    for name in (by, "spend"):
        if name not in known:
            raise DataError(f"is not a column. {did_you_mean(name, known)}", column=name)
    sums = [Total(f"sum:{name}", table="campaigns", value=name, least=0) for name in TOTALS if name in known]
    ratios = [metric for metric in RATIOS if metric.allowed_by(known)]
    measured = nw.from_native(measure(frame, [*sums, *ratios], by=by)).to_pandas()
    measured = measured[measured[by].notna()]
    parts = {name: part.set_index(by).sort_index() for name, part in measured.groupby("metric", sort=False)}
    empty = measured.head(0).set_index(by)
    table = parts.get("sum:spend", empty)[["n"]].astype(int)
    table = table.assign(**{each.name.removeprefix("sum:"): parts.get(each.name, empty)["value"] for each in sums})
    for metric in ratios:
        columns = {"value": metric.name, **{name: f"{metric.name}_{name}" for name in ("low", "high", "reason")}}
        table = table.join(parts.get(metric.name, empty)[list(columns)].rename(columns=columns))
    returns: pd.DataFrame = table.reset_index()
    return returns


def campaign_test(
    results: float, reached: float, spend: float, *, effect: float = 0.2, power: float = 0.8
) -> dict[str, float]:
    """People and money that a test takes to show by how much a campaign changes a rate.

    Of people drawn at random, half are shown the campaign and half are not.

    Parameters
    ----------
    results, reached : float
        People with a result and people reached so far, whose rate stands for that without the campaign.
    spend : float
        Money that was spent on reaching them.
    effect : float, default 0.2
        Relative change of the rate that is to be seen: one fifth.
    power : float, default 0.8
        Chance to see it, above .05 and below 1; see ``sample_size``.

    Returns
    -------
    dict
        ``rate``; ``people``, both halves together; and ``cost``, of the half that is reached. NaN where nobody was
        reached or had a result, or the changed rate would be above 1.

    Raises
    ------
    ValueError
        ``effect`` is 0, or ``power`` is out of its range.

    Examples
    --------
    >>> campaign_test(100, 2_000, 500.0)
    {'rate': 0.05, 'people': 16316.0, 'cost': 2039.5}
    """
    if effect == 0:
        raise ValueError("effect: 0 is no effect. Give a relative change, such as 0.2")
    rate = results / reached if reached > 0 else math.nan
    changed = rate * (1 + effect)
    if not (0 < rate < 1 and 0 <= changed <= 1):
        return dict.fromkeys(("rate", "people", "cost"), math.nan)
    people = sample_size(rate, changed - rate, power=power)
    return {"rate": rate, "people": float(people), "cost": people / 2 * spend / reached}


def campaign_tests(frame: Any, result: str, by: str = "campaign") -> "pd.DataFrame":
    """People and money of the test of each campaign or channel, from rows whose people, results and spend are known.

    Parameters
    ----------
    frame : frame of any kind
        The table ``campaigns``: ``campaign`` or ``channel``, ``spend``, ``reached`` and the result.
    result : {"leads", "conversions"}
    by : {"campaign", "channel"}

    Returns
    -------
    pandas.DataFrame
        A row a campaign with such a row, by name, and what ``campaign_test`` gives: ``rate, people, cost``.

    Raises
    ------
    DataError
        A column is absent.

    Examples
    --------
    >>> ads = pl.DataFrame({"campaign": "A", "spend": [500.0, 90.0], "reached": [2_000, None], "leads": [100, 40]})
    >>> campaign_tests(ads, "leads").to_numpy().tolist()
    [['A', 0.05, 16316.0, 2039.5]]
    """
    sums = [result, "reached", "spend"]
    rows = collected(to_narwhals(frame, [by, *sums])).select(by, *sums).drop_nulls().sort(by, *sums)
    summed = rows.group_by(by, maintain_order=True).agg(pl.col(sums).cast(pl.Float64).sum())
    tests = [campaign_test(*(row[name] for name in sums)) for row in summed.to_dicts()]
    schema = dict.fromkeys(("rate", "people", "cost"), pl.Float64)
    made: pd.DataFrame = summed.select(by).hstack(pl.DataFrame(tests, schema=schema)).to_pandas()
    return made
