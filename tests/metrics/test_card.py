from dataclasses import replace

import narwhals as nw
import polars as pl
import pytest

from engagekit.language import LANGUAGES, Language
from engagekit.metrics.card import card, explain, with_numbers
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


# With numbers

POSTS = pl.DataFrame({"reach": [1200], "comments": [10], "shares": [10], "likes": [24], "clicks": [5]})
CHURN = pl.DataFrame({"churned": [True] * 50 + [False] * 950, "at_risk": [True] * 1000, "acquired": [False] * 1000})
ORDERS = pl.DataFrame({"customer_id": list("abc"), "value": [1_000_000.0, 1_500_000.0, 2_000_000.0]})
SALES = pl.DataFrame({"customer_id": list("abc"), "value": [10.0, 20.0, 30.5]})
WAITS = pl.DataFrame({"response_hours": [1.0, 9.0, 9.0], "replied": [True, False, False]})
TWO = pl.DataFrame({"attended": [9, 21], "registered": [10, 20]})
NOBODY = pl.DataFrame({"attended": [0], "registered": [0]})


def found_of(estimate, month="2026-02", **more):
    """Content of a metrics.json with one metric in one month."""
    row = {"metric": "lost_to_acquired_ratio", "period": month, **estimate.as_dict()} | more
    business = {"name": "Kedai", "language": "en", "currency": "GBP"}
    return {"schema": 1, "business": business, "as_of": "2026-03-01", "month": "2026-02", "metrics": [row]}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", "(162 − 54) / 324 = 33.3 points, 95% between 24.9 and 41.1, from 324 answers"),
        ("id", "(162 − 54) / 324 = 33,3 poin, 95% antara 24,9 dan 41,1, dari 324 jawaban"),
        ("ms", "(162 − 54) / 324 = 33.3 mata, 95% antara 24.9 dan 41.1, daripada 324 jawapan"),
    ],
)
def test_a_score_shows_both_parts_of_its_numerator_where_they_are_known(code, said):
    metric = METRICS["net_promoter_score"]
    estimate = metric([10] * 162 + [8] * 108 + [0] * 54)
    assert with_numbers(metric, estimate, Language(code), "IDR", (162, 54)) == said
    assert with_numbers(metric, estimate, Language(code), "IDR") == said.replace("(162 − 54)", "108")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("reach_engagement_rate", POSTS, "49 / 1,200 = 4.1%, from 1 posts"),
        ("churn_rate", CHURN, "50 / 1,000 = 5.0%, 95% between 3.8% and 6.5%, from 1,000 customers"),
        ("churn_rate_average_base", CHURN, "50 / 975 = 5.1%, 95% between 3.7% and 6.6%, from 1,000 customers"),
        ("likes", POSTS, "24, from 1 posts"),
        ("handling_hours", [60.0 * hours for hours in range(1, 11)], "6 h, 95% between 2 h and 9 h, from 10 tickets"),
        ("handling_hours", [20, 30, 90], "0.5 h, from 3 tickets"),
        ("attendance_rate", NOBODY, "cannot be computed: nothing to divide by (0 events)"),
        ("first_response_hours", WAITS, "cannot be told yet: too many are still waiting (3 tickets)"),
        ("likes", POSTS.head(0), "no data in this period (0 posts)"),
    ],
)
def test_a_formula_with_numbers_reads_as_its_arithmetic(name, data, said):
    metric = METRICS[name]
    assert with_numbers(metric, metric(data), Language("en"), "GBP") == said


@pytest.mark.parametrize(
    ("code", "currency", "data", "said"),
    [
        ("id", "IDR", ORDERS, "4.500.000 / 3 = Rp1,5 juta, 95% antara Rp257.931 dan Rp2,74 juta, dari 3 pelanggan"),
        ("en", "GBP", SALES, "60.5 / 3 = £20, 95% between -£5 and £46, from 3 customers"),
    ],
)
def test_money_is_written_in_its_currency(code, currency, data, said):
    """1.5 million ± 4.303 · 0.5 / √3 of them; 20.17 ± 4.303 · 10.25 / √3."""
    metric = METRICS["order_value"]
    assert with_numbers(metric, metric(data), Language(code), currency) == said


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_without_a_run_it_explains_meaning_formula_caveat_and_reference(metric, code):
    lines = explain(metric, code).splitlines()
    text = Language(code).text
    words = {part: text(f"metric.{metric.name}.{part}") for part in ("title", "meaning", "formula", "caveat")}
    assert lines[0] == f"{words['title']} ({metric.name})"
    assert {words["meaning"], f"  {words['formula']}", words["caveat"], metric.reference} <= set(lines)


def test_the_latest_month_with_a_value_is_explained_and_then_all_time():
    metric = METRICS["attendance_rate"]
    months = {"2026-01": TWO, "2026-02": NOBODY, "2026-03": TWO.head(1), "all": TWO}  # the third is not over
    rows = [{"metric": metric.name, "period": period, **metric(events).as_dict()} for period, events in months.items()]
    business = {"name": "Kedai", "language": "en", "currency": "GBP"}
    found = {"business": business, "as_of": "2026-03-09", "month": "2026-02", "metrics": rows}
    *_, head, month, always = explain(metric, "en", found).splitlines()
    assert head == "Kedai, 2026-03-09"
    assert month.endswith("30 / 30 = 100.0%, 95% between 15.3% and 184.7%, from 2 events")  # ± 12.706 · 2/30
    assert "January" in month or "2026-01" in month
    assert always.split(": ")[1] == month.split(": ")[1]


def test_a_metric_that_the_run_has_not_is_named_with_those_that_it_has():
    estimate = METRICS["lost_to_acquired_ratio"](CHURN)
    with pytest.raises(ValueError, match="open_rate was not measured in this run. .*: lost_to_acquired_ratio"):
        explain(METRICS["open_rate"], "en", found_of(estimate))


def test_a_metric_that_is_undefined_in_every_month_says_why():
    metric = METRICS["lost_to_acquired_ratio"]
    assert metric(CHURN).reason == "zero_denominator"  # nobody was acquired
    assert "nothing to divide by" in explain(metric, "en", found_of(metric(CHURN)))
