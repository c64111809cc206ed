"""Short names and titles of metrics."""

import pytest

from engagekit.language import LANGUAGES, Language
from engagekit.metrics.aliases import explain_named
from engagekit.metrics.card import explain
from engagekit.metrics.catalog import METRICS, known_aliases


@pytest.mark.parametrize("name", known_aliases())
def test_a_short_name_stands_for_metrics_that_there_are_or_says_in_each_language_what_it_is(name):
    alias = known_aliases()[name]
    assert name not in METRICS
    assert set(alias["metrics"]) <= METRICS.keys()
    assert len(alias["metrics"]) == 1 or all(alias[code] for code in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_short_name_of_one_metric_is_that_metric(language):
    assert explain_named("Nps", language) == explain(METRICS["net_promoter_score"], language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_ces_names_both_things_that_it_is_used_for(language):
    explained = explain_named("ces", language)
    assert "Customer Effort Score" in explained
    assert Language(language).text("metric.engagement_score.title").casefold() in explained.split("\n")[0].casefold()
    assert "(effort_mean)" in explained
    assert "(engagement_score)" in explained


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_title_is_found_in_every_language(language):
    titles = [Language(language).text(f"metric.{name}.title") for name in METRICS]
    assert len(set(titles)) == len(titles)
    for name, title in zip(METRICS, titles, strict=True):
        assert f"({name})" in explain_named(title.upper(), language).splitlines()[0]


def test_numbers_of_a_run_are_put_in_where_it_has_them():
    row = {"metric": "engagement_score", "period": "all", "value": 38.0, "low": 37.0, "high": 39.0, "numerator": 380.0}
    row |= {"denominator": 10.0, "n": 10, "units": 10, "method": "delta", "warning": "", "reason": ""}
    business = {"name": "Kedai", "language": "en", "currency": "IDR"}
    run = {"business": business, "as_of": "2026-11-01", "month": "2026-10", "metrics": [row]}
    assert explain_named("ces", "en", run).splitlines()[-1].startswith("  All time: 380 / 10 = 38")
    with pytest.raises(ValueError, match="net_promoter_score was not measured in this run"):
        explain_named("nps", "en", run)


def test_a_name_that_nothing_has_gets_the_nearest():
    with pytest.raises(ValueError, match="Did you mean open_rate"):
        explain_named("opne_rate")
