import ast
import importlib
import inspect
import pkgutil

import pytest

from engagekit import metrics
from engagekit.metrics.catalog import CHANNELS, METRICS, metric_named


def defined_in(module):
    """Names that a module's source assigns at its top, in order."""
    targets = [node.targets[0] for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_metrics_come_in_the_order_in_which_their_module_defines_them():
    modules = [importlib.import_module(f"engagekit.metrics.{m.name}") for m in pkgutil.iter_modules(metrics.__path__)]
    written = [[name for name in defined_in(module) if name in METRICS] for module in modules]
    listed = list(METRICS)
    for names in written:
        if names:
            start = listed.index(names[0])
            assert listed[start : start + len(names)] == names
    assert sorted(name for names in written for name in names) == sorted(METRICS)


def test_the_score_comes_first_and_before_its_shares():
    first = ["engagement_score", "median_engagement_score", "advocate_rate", "at_risk_rate"]
    assert list(METRICS)[:4] == first
    assert next(iter(CHANNELS)) == "score"


def test_channels_hold_every_metric_once_in_the_same_order():
    assert [metric.name for listed in CHANNELS.values() for metric in listed] == list(METRICS)
    assert all(metric.channel == channel for channel, listed in CHANNELS.items() for metric in listed)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_found_by_its_name(name):
    assert metric_named(name) is METRICS[name]


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_an_attribute_of_the_room(name):
    assert getattr(metrics, name) is METRICS[name]


def test_the_room_offers_the_metrics_and_what_finds_and_compares_them():
    assert set(metrics.__all__) - {*METRICS} == {
        "CHANNELS",
        "METRICS",
        "annualised",
        "difference",
        "metric_named",
        "paired_difference",
        "per_person",
    }


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(ValueError, match=r"there is no metric 'opne_rate'. Did you mean open_rate\?"):
        metric_named("opne_rate")


@pytest.mark.parametrize(
    ("name", "meant"), [("NPS", "net_promoter_score"), ("csat", "satisfaction_rate or satisfaction_mean")]
)
def test_a_short_name_gets_what_it_stands_for(name, meant):
    with pytest.raises(ValueError, match=f"there is no metric '{name}'. It stands for {meant}."):
        metric_named(name)
