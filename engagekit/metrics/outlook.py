"""What is expected of the coming year in sentences, for the page and for ``engagekit explain clv``."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engagekit.display.section import FEWEST
from engagekit.language import Language

__all__ = ["outlook"]

BOUNDS = ("value", "low", "high")


def outlook(forecast: Mapping[str, Any], language: Language, currency: str) -> list[str]:
    """Write the ``lifetime_value`` of a ``metrics.json`` as sentences.

    Parameters
    ----------
    forecast : mapping
        As ``docs/metrics-json.md`` describes it.
    language : Language
        Of the sentences.
    currency : str
        Code of the currency of money.

    Examples
    --------
    >>> none = {"reason": "too_short", "counts": {"n": 0, "least": 50, "days": 90, "shortest": 180}}
    >>> outlook(none, Language("en"), "IDR")
    ['No forecast is shown: the data cover 90 days, and at least 180 are needed.']
    """
    text, number = language.text, language.number
    if forecast["reason"]:
        counts = {name: number(n) for name, n in forecast["counts"].items()}
        if 0 < forecast["counts"]["n"] < FEWEST:
            counts["n"] = text("estimate.fewer", n=FEWEST)
        return [text(f"lifetime.{forecast['reason']}", **counts)]
    written = {name: number(forecast["expected"][name]) for name in BOUNDS}
    written |= {f"kept_{name}": number(each) for name, each in (forecast["kept"] or {}).items()}
    start = language.date(dt.date.fromisoformat(forecast["from"]))
    customers = number(forecast["customers"])
    written |= {"date": start, "customers": customers, "days": forecast["days"]}
    sentences = [text(f"lifetime.{forecast['counted']}", **written)]
    if forecast["value"]:
        money = {name: language.money(forecast["value"][name], currency, 0) for name in BOUNDS}
        sentences.append(text("lifetime.value", **money))
    else:
        sentences.append(text(f"lifetime.money_{forecast['value_reason']}"))
    return [*sentences, *_hold_out(forecast["hold_out"], language)]


def _hold_out(tested: Mapping[str, Any], language: Language) -> list[str]:
    """What the hold-out says, and what follows where what came is outside the interval."""
    text, expected, came = language.text, tested["value"], tested["came"]
    share = language.percent(abs(expected - came) / came if came else None, 0)
    numbers = {name: language.number(tested[name]) for name in (*BOUNDS, "came")}
    dates = {name: language.date(dt.date.fromisoformat(tested[name])) for name in ("from", "to")}
    return [
        text(
            "lifetime.hold_out",
            off=text(f"lifetime.too_{'low' if expected < came else 'high'}", share=share),
            **dates,
            **numbers,
        ),
        text("lifetime.inside" if tested["low"] <= came <= tested["high"] else "lifetime.outside"),
    ]
