"""Two published tests of real customers, to the published digits."""

import math

import polars as pl
import pytest
from scipy.special import ndtri

from engagekit.decisions.experiment import experiment


def test_mails_of_hillstrom_brought_visits(shared):
    frame = pl.read_csv(shared("hillstrom_email") / "hillstrom.csv", infer_schema_length=None)
    made = experiment(frame, arm="segment", control="No E-Mail", metrics=["visit", "conversion", "spend"])
    table = made.table.set_index(["metric", "arm"])
    arms = ["Mens E-Mail", "Womens E-Mail", "No E-Mail"]
    assert [round(100 * table.loc[("visit", arm), "value"], 3) for arm in arms] == [18.276, 15.140, 10.617]
    assert [round(100 * table.loc[("conversion", arm), "value"], 3) for arm in arms] == [1.253, 0.884, 0.573]
    assert [round(table.loc[("spend", arm), "value"], 4) for arm in arms] == [1.4226, 1.0772, 0.6528]
    assert [round(-ndtri(table.loc[("visit", arm), "p_value"] / 2), 2) for arm in arms[:2]] == [22.49, 13.95]
    assert set(made.verdicts.values()) == {"better"}
    assert made.warnings == []
    adjusted = experiment(frame, arm="segment", control="No E-Mail", metrics="spend", before="history")
    assert 0.99 < adjusted.comparisons["variance_ratio"].min() < 1  # past spending says little of the next two weeks


def test_the_gate_of_cookie_cats_lost_players_and_its_arms_are_not_quite_equal(shared):
    flags = {"TRUE": True, "FALSE": False}
    frame = pl.read_csv(
        shared("cookie_cats") / "cookie_cats.csv",
        schema_overrides=dict.fromkeys(("retention_1", "retention_7"), pl.String),
    )
    frame = frame.with_columns(pl.col("retention_1", "retention_7").replace_strict(flags, return_dtype=pl.Boolean))
    made = experiment(frame, arm="version", control="gate_30", metrics=["retention_1", "retention_7"], unit="userid")
    assert [round(100 * value, 2) for value in made.table["value"]] == [44.82, 44.23, 19.02, 18.20]
    first, week = made.comparisons.to_dict("records")
    assert (round(first["p_value"], 4), round(week["p_value"], 5)) == (0.0744, 0.00155)
    assert made.verdicts == {("retention_1", "gate_40"): "unknown", ("retention_7", "gate_40"): "worse"}
    assert round(made.balance_p, 4) == 0.0087
    assert made.warnings == ["unbalanced"]
    with pytest.raises(ValueError, match="There are: gate_30, gate_40"):
        experiment(frame, arm="version", metrics="retention_1")
    assert not math.isnan(first["always_low"])
