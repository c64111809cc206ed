"""Metrics of campaigns: leads, conversions and revenue against what was spent.

Examples
--------
A campaign that cost 200 and 8 hours of work, and reached 4,000 people:

>>> import pandas as pd
>>> run = pd.DataFrame({"reached": [4000], "spend": [200.0], "hours": [8.0], "leads": [40], "conversions": [10],
...     "revenue": [500.0]})
>>> [metric(run).value for metric in (leads, conversions, spend, lead_rate, campaign_conversion_rate)]
[40.0, 10.0, 200.0, 0.01, 0.25]
>>> [metric(run).value for metric in (return_on_ad_spend, cost_per_lead, cost_per_conversion, leads_per_hour)]
[2.5, 5.0, 20.0, 5.0]
"""

from typing import Literal

import narwhals as nw

from engagekit.metrics.metric import Ratio, Total

__all__ = [
    "campaign_conversion_rate",
    "conversions",
    "cost_per_conversion",
    "cost_per_lead",
    "lead_rate",
    "leads",
    "leads_per_hour",
    "return_on_ad_spend",
    "spend",
]

FARRIS = "Farris, P. W., et al. (2010). Marketing Metrics, 2nd ed. Pearson."
GOOGLE_ADS = "Google Ads Help, About Target ROAS bidding: conversion value per unit of ad spend."


def _ratio(
    name: str,
    numerator: str,
    denominator: str,
    measured_in: Literal["rate", "money", "ratio"],
    better: Literal["higher", "lower"],
    reference: str,
    ripens_after: str = "",
) -> Ratio:
    return Ratio(
        name=name,
        channel="campaigns",
        table="campaigns",
        columns=(numerator, denominator),
        numerator=nw.col(numerator),
        denominator=nw.col(denominator),
        least=0,
        above_one="above_one" if measured_in == "rate" else "",
        unit="campaign",
        measured_in=measured_in,
        better=better,
        reference=reference,
        ripens_after=ripens_after,
    )


return_on_ad_spend = _ratio("return_on_ad_spend", "revenue", "spend", "ratio", "higher", GOOGLE_ADS, "30d")
lead_rate = _ratio("lead_rate", "leads", "reached", "rate", "higher", f"{FARRIS} Response rate.")
campaign_conversion_rate = _ratio(
    "campaign_conversion_rate", "conversions", "leads", "rate", "higher", f"{FARRIS} Lead conversion.", "30d"
)
cost_per_lead = _ratio("cost_per_lead", "spend", "leads", "money", "lower", f"{FARRIS} Cost per lead.")
cost_per_conversion = _ratio(
    "cost_per_conversion", "spend", "conversions", "money", "lower", f"{FARRIS} Cost per acquisition.", "30d"
)
leads_per_hour = _ratio("leads_per_hour", "leads", "hours", "ratio", "higher", f"{FARRIS} Sales force effectiveness.")


def _total_of(
    name: str,
    measured_in: Literal["money", "count"],
    better: Literal["higher", ""],
    reference: str,
    ripens_after: str = "",
) -> Total:
    return Total(
        name=name,
        channel="campaigns",
        table="campaigns",
        value=name,
        least=0,
        unit="campaign",
        measured_in=measured_in,
        better=better,
        reference=reference,
        ripens_after=ripens_after,
    )


leads = _total_of("leads", "count", "higher", f"{FARRIS} Leads.")
conversions = _total_of("conversions", "count", "higher", f"{FARRIS} Conversions.", "30d")
spend = _total_of("spend", "money", "", f"{FARRIS} Marketing spending.")
