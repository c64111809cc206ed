from dataclasses import replace

import narwhals as nw
import pytest

from engagekit.language import LANGUAGES, Language
from engagekit.metrics.card import card
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.metric import Ratio

HOSTILE = '<script>alert("x")</script>'


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_card_says_what_the_metric_is_and_where_it_is_from(metric, code):
    found = card(metric, code)
    text = Language(code).text
    assert f"<strong>{text(f'metric.{metric.name}.title')}</strong>" in found
    assert f"<code>{metric.name}</code>" in found
    assert f"<code>{metric.table}</code>" in found
    assert "$\\displaystyle " in found
    for column in metric.columns + metric.any_of:
        assert column in found
    assert "&amp;amp;" not in found


def test_a_notebook_shows_the_english_card():
    metric = METRICS["open_rate"]
    assert metric._repr_html_() == card(metric, "en") != card(metric, "id")


def test_a_metric_of_the_analysts_own_has_a_card_of_what_it_declares():
    own = Ratio(
        name="items_per_basket",
        channel="shop",
        table="baskets",
        columns=("items",),
        numerator=nw.col("items"),
        unit="basket",
        measured_in="ratio",
        reference="House rule 7.",
    )
    found = card(own, "ms")
    assert "<strong>items_per_basket</strong>" in found
    assert "(items). House rule 7." in found
    assert "$" not in found


def test_whatever_a_metric_is_called_its_card_is_text():
    hostile = replace(
        METRICS["open_rate"],
        name=HOSTILE,
        table=HOSTILE,
        columns=(HOSTILE, "<b>"),
        any_of=('"><img src=x>',),
        reference=HOSTILE + "'\"",
    )
    found = hostile._repr_html_()
    assert "<script" not in found
    assert "<img" not in found
    assert "<b>" not in found
    assert found.count("&lt;script&gt;") == 5
    assert HOSTILE in repr(hostile)


def test_a_language_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="language: 'fr' is not known"):
        card(METRICS["open_rate"], "fr")
