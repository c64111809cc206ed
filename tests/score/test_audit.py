import datetime as dt

import numpy as np
import polars as pl
import pytest
from worlds import DATES, END, card, made

from engagekit.prepare.leaving import ChurnDefinition
from engagekit.score.audit import FINDINGS, audit
from engagekit.score.components import Component
from engagekit.score.scorecard import Scorecard
from engagekit.score.verdict import backtest_score

AS_OF = dt.datetime(2026, 6, 1)
EVERYONE = pl.DataFrame({"date": [AS_OF - dt.timedelta(days=1)] * 3, "segment": ["advocate", "potential", "at_risk"]})


def findings(columns, weights=None, **more):
    """Findings of a score whose components lie between 0 and 10."""
    parts = tuple(Component(name, (weights or {}).get(name, 1), 0, 10) for name in columns)
    frame = pl.DataFrame({"customer_id": range(len(next(iter(columns.values())))), **columns}, strict=False)
    result = audit(Scorecard(parts), Scorecard(parts).score(frame), AS_OF, **{"actions": EVERYONE, **more})
    assert all(row["finding"] in FINDINGS[row["mistake"]] for row in result.to_dict("records"))
    return {(row["finding"], row["about"]): row for row in result.to_dict("records")}


SPREAD = [1.0, 9.0, 1.0, 9.0, 5.0]
OTHER = [1.0, 1.0, 9.0, 9.0, 5.0]


def test_a_sound_score_has_no_findings():
    rng = np.random.default_rng(0)
    assert findings({"a": rng.uniform(0, 10, 500), "b": rng.uniform(0, 10, 500)}) == {}


def test_a_component_that_carries_nothing_is_a_finding():
    result = findings({"a": SPREAD, "b": OTHER, "c": [3.0] * 5, "d": [None] * 5})
    assert {("constant", "c"), ("never_known", "d")} <= result.keys()
    assert ("carries_less", "c") not in result  # one finding is enough


def test_a_duplicate_is_named_with_its_twin():
    result = findings({"a": SPREAD, "b": [value + 0.1 for value in SPREAD], "c": OTHER})
    assert result["duplicate", "a"]["beside"] == "b"
    assert result["duplicate", "a"]["value"] == pytest.approx(1)


def test_weights_out_of_proportion_to_the_variance_by_hand():
    """Two independent components of equal weight, one with ten times the spread: shares 100/101 and 1/101."""
    wide, narrow = [0, 0, 10, 10], [4.5, 5.5, 4.5, 5.5]
    result = findings({"wide": wide, "narrow": narrow})
    assert result["carries_less", "narrow"]["value"] == pytest.approx(1 / 101)
    assert result["carries_less", "narrow"]["other"] == 0.5
    assert ("carries_more", "wide") not in result  # less than twice a half
    result = findings({"wide": wide, "narrow": narrow}, {"wide": 1, "narrow": 3})
    assert result["carries_more", "wide"]["value"] == pytest.approx(100 / 109)


def test_a_component_without_relation_to_the_outcome_is_a_finding():
    history = made(2, customers=4_000)
    noisy = made(9, customers=4_000, strength=0).before(END)["interactions"].with_columns(channel=pl.lit("noise"))
    interactions = pl.concat([history.before(END)["interactions"], noisy.filter(pl.col("time") < END)])
    history = type(history)({"interactions": interactions, "subscriptions": history.before(END)["subscriptions"]})
    score = card(web=1, app=1, noise=1)
    churn = ChurnDefinition(horizon="84d", contractual=True)
    judged = backtest_score(score, history, DATES[:4], churn, as_of=END)
    scored = score.history(history, DATES[:1])
    result = audit(score, scored, DATES[0], verdict=judged)
    assert list(result.loc[result["finding"] == "unrelated", "about"]) == ["interactions_noise"]


def test_a_score_that_is_not_followed_is_a_finding():
    columns = {"a": SPREAD, "b": OTHER}
    assert findings(columns, last_interaction=AS_OF - dt.timedelta(days=31)) == {}
    assert findings(columns, last_interaction=AS_OF - dt.timedelta(days=32))["stale", ""]["value"] == 32
    assert findings(columns, reference_ends=dt.date(2025, 6, 1)) == {}
    assert findings(columns, reference_ends=dt.date(2025, 5, 31))["old_bounds", ""]["value"] == 366


def test_a_segment_without_a_recent_action_is_a_finding():
    columns = {"a": SPREAD, "b": OTHER}
    old = EVERYONE.with_columns(date=pl.lit(AS_OF - dt.timedelta(days=85)))
    assert {name for name, _ in findings(columns, actions=old)} == {"no_action"}
    assert findings(columns, actions=None)["no_action", "potential"]["value"] == 3
    assert findings(columns, actions=old, within="90d") == {}
    with pytest.raises(ValueError, match="no segment 'advocates'. Did you mean advocate?"):
        findings(columns, actions=EVERYONE.with_columns(segment=pl.lit("advocates")))


def test_the_last_of_several_dates_is_audited():
    score = Scorecard((Component("a", 1, 0, 10),))
    dates = [AS_OF, AS_OF, AS_OF + dt.timedelta(days=7), AS_OF + dt.timedelta(days=7)]
    frame = pl.DataFrame({"customer_id": ["x", "y"] * 2, "date": dates, "a": [1.0, 9.0, 5.0, 5.0]})
    assert "constant" in set(audit(score, score.score(frame), AS_OF)["finding"])


def test_without_a_score_every_component_is_never_known():
    assert {name for name, _ in findings({"a": [None] * 3})} == {"never_known"}


def test_opposites_are_no_duplicates():
    assert ("duplicate", "a") not in findings({"a": SPREAD, "b": [10 - value for value in SPREAD]})


def test_a_constant_component_stays_so_where_another_is_not_always_known():
    result = findings({"a": [7.0] * 6, "b": [4.0] * 6, "c": [1.0, 5.0, 9.0, None, None, None]})
    assert {("constant", "a"), ("constant", "b")} <= result.keys()
    assert not [name for name, _ in result if name == "duplicate"]


def test_a_component_that_is_never_known_takes_no_weight_from_the_others():
    result = findings({"a": SPREAD, "b": OTHER, "never": [None] * 5}, {"never": 8})
    assert {name for name, _ in result} == {"never_known"}
