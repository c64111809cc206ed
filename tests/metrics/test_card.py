import importlib
import re
from dataclasses import replace
from pkgutil import iter_modules

import narwhals as nw
import polars as pl
import pytest

import engagekit
from engagekit import customers, prepare
from engagekit.data.tables import TABLES
from engagekit.language import LANGUAGES, Language
from engagekit.metrics.card import card, explain, with_numbers
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.metric import Ratio

HOSTILE = '<script>alert("x")</script>'


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_card_says_what_the_metric_is_and_where_it_is_from(metric, code):
    shown = card(metric, code)
    text = Language(code).text
    assert f"<strong>{text(f'metric.{metric.name}.title')}</strong>" in shown
    assert f"<code>{metric.name}</code>" in shown
    assert f"<code>{metric.table}</code>" in shown
    assert "$\\displaystyle " in shown
    for column in metric.columns + metric.any_of:
        assert column in shown
    assert "&amp;amp;" not in shown


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
    shown = card(own, "ms")
    assert "<strong>items_per_basket</strong>" in shown
    assert "(items). House rule 7." in shown
    assert "$" not in shown


def test_whatever_a_metric_is_called_its_card_is_text():
    hostile = replace(
        METRICS["open_rate"],
        name=HOSTILE,
        table=HOSTILE,
        columns=(HOSTILE, "<b>"),
        any_of=('"><img src=x>',),
        reference=HOSTILE + "'\"",
    )
    shown = hostile._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert shown.count("&lt;script&gt;") == 5
    assert HOSTILE in repr(hostile)


def test_a_language_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="language: 'fr' is not known"):
        card(METRICS["open_rate"], "fr")


# With numbers

POSTS = pl.DataFrame({"reach": [1200], "comments": [10], "shares": [10], "likes": [24], "clicks": [5]})
CHURN = pl.DataFrame({"churned": [True] * 50 + [False] * 950, "in_base": [True] * 1000}).with_columns(
    acquired=pl.lit(False), remained=~pl.col("churned")
)
MAILED = pl.DataFrame({"delivered": [2430, 2431], "complaints": [1, 1]})
TALK = pl.DataFrame({"sentiment": [0.5] * 8 + [-0.5] * 7 + [0.0]})
ORDERS = pl.DataFrame({"customer_id": list("abc"), "value": [1_000_000.0, 1_500_000.0, 2_000_000.0], "lines": 1})
SALES = pl.DataFrame({"customer_id": list("abc"), "value": [10.0, 20.0, 30.5], "lines": 1})
WAITS = pl.DataFrame({"response_hours": [1.0, 9.0, 9.0], "replied": [True, False, False]})
TWO = pl.DataFrame({"attended": [9, 21], "registered": [10, 20]})
NOBODY = pl.DataFrame({"attended": [0], "registered": [0]})


def run_of(estimate, month="2026-02", **more):
    """Content of a metrics.json with one metric in one month."""
    row = {"metric": "lost_to_acquired_ratio", "period": month, **estimate.as_dict()} | more
    business = {"name": "Kedai", "language": "en", "currency": "GBP"}
    return {"schema": 1, "business": business, "as_of": "2026-03-01", "month": "2026-02", "metrics": [row]}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("en", "(162 − 54) / 324 = 33.3 points, 95% interval 24.9 to 41.1, from 324 answers"),
        ("id", "(162 − 54) / 324 = 33,3 poin, rentang 95% 24,9 sampai 41,1, dari 324 jawaban"),
        ("ms", "(162 − 54) / 324 = 33.3 mata, selang 95% 24.9 hingga 41.1, daripada 324 jawapan"),
    ],
)
def test_a_score_shows_both_parts_of_its_numerator_where_they_are_known(code, message):
    metric = METRICS["net_promoter_score"]
    estimate = metric([10] * 162 + [8] * 108 + [0] * 54)
    assert with_numbers(metric, estimate, Language(code), "IDR", (162, 54)) == message
    assert with_numbers(metric, estimate, Language(code), "IDR") == message.replace("(162 − 54)", "108")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("reach_engagement_rate", POSTS, "49 / 1,200 = 4.1%, from 1 post"),
        ("churn_rate", CHURN, "50 / 1,000 = 5.0%, 95% interval 3.8% to 6.5%, from 1,000 customers"),
        ("churn_rate_average_base", CHURN, "50 / 975 = 5.1%, 95% interval 3.8% to 6.7%, from 1,000 customers"),
        ("likes", POSTS, "24, from 1 post"),
        (
            "handling_hours",
            [60.0 * hours for hours in range(1, 11)],
            "5.5 h, 95% interval 2.0 h to 9.0 h, from 10 tickets",
        ),
        ("handling_hours", [20, 30, 90], "30 min, from 3 tickets"),
        ("attendance_rate", NOBODY, "cannot be computed: the denominator is zero (0 events)"),
        ("first_response_hours", WAITS, "not known yet: too many are still waiting (3 tickets)"),
        ("likes", POSTS.head(0), "no data in this period (0 posts)"),
    ],
)
def test_a_formula_with_numbers_reads_as_its_arithmetic(name, data, message):
    metric = METRICS[name]
    assert with_numbers(metric, metric(data), Language("en"), "GBP") == message


@pytest.mark.parametrize(
    ("name", "data", "parts", "message"),
    [
        ("complaint_rate", MAILED, (), "2 / 4,861 = 0.041%, "),
        ("mention_balance", TALK, (8, 7), "(8 − 7) / 16 = 0.062, "),
    ],
)
def test_a_small_value_keeps_its_digits_however_wide_its_interval_is(name, data, parts, message):
    metric = METRICS[name]
    assert with_numbers(metric, metric(data), Language("en"), "GBP", parts).startswith(message)


@pytest.mark.parametrize(
    ("code", "currency", "data", "message"),
    [
        ("id", "IDR", ORDERS, "4.500.000 / 3 = Rp1,5 juta, rentang 95% Rp257.931 sampai Rp2,74 juta, dari 3 pelanggan"),
        ("en", "GBP", SALES, "60.5 / 3 = £20.17, 95% interval −£3.15 to £48.60, from 3 customers"),
    ],
)
def test_money_is_written_in_its_currency(code, currency, data, message):
    """1.5 million ± 4.303 · 0.5 / √3 of them; 10, 20 and 30.5 are skewed to the right."""
    metric = METRICS["order_value"]
    assert with_numbers(metric, metric(data), Language(code), currency) == message


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_without_a_run_it_explains_meaning_formula_caveat_and_reference(metric, code):
    lines = explain(metric, code).splitlines()
    text = Language(code).text
    words = {part: text(f"metric.{metric.name}.{part}") for part in ("title", "meaning", "formula", "caveat")}
    assert lines[0] == f"{words['title']} ({metric.name})"
    assert {words["meaning"], words["caveat"], metric.reference} <= set(lines)
    (formula,) = (line for line in lines if line.startswith("  "))
    assert "\\" not in formula
    assert formula.count("(") == formula.count(")")
    for word in re.findall(r"\\text\{([^{}]*)\}", words["formula"]):
        assert word in formula


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("open_rate", "(opens) / (delivered)"),
        ("net_promoter_score", "100 (promoters - detractors) / (answers)"),
        ("reactions", "Σ (likes + comments + shares + saves + clicks)"),
        ("engagement_score", "(1) / (n) Σ_i (100 Σ_c w_c x_ic) / (Σ_c w_c)"),
        (
            "resolution_hours",
            "(min{t : S(t) ≤ 1/2} + min{t : S(t) < 1/2}) / (2), S(t) = share unsolved after t",
        ),
    ],
)
def test_a_terminal_shows_formulas_without_latex(name, formula):
    assert f"  {formula}" in explain(METRICS[name]).splitlines()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net_promoter_score", "Table: surveys (score, kind = nps)."),
        ("reach_engagement_rate", "(reach, at least one of likes, comments, shares, saves, clicks)."),
        ("conversion_rate", "Table: visits ← visits(interactions) (converted"),
        ("churn_rate", "Independent units: customers."),
    ],
)
def test_it_says_which_rows_and_columns_count_and_what_makes_the_table(name, message):
    assert message in explain(METRICS[name])


def test_what_makes_every_prepared_table_is_a_function_of_the_kit():
    prepared = {metric.table for metric in METRICS.values()} - TABLES.keys()
    rooms = [(room, module.name) for room in (prepare, customers) for module in iter_modules(room.__path__)]
    modules = [importlib.import_module(f"{room.__name__}.{name}") for room, name in rooms]
    known = {"score", *engagekit.__all__, *(name for module in modules for name in module.__all__)}
    for table in prepared:
        metric = next(metric for metric in METRICS.values() if metric.table == table)
        (made,) = re.findall(rf"Table: {table} ← (.*) \(", explain(metric))
        for name in re.findall(r"(\w+)[(.]", made):
            assert name in known


@pytest.mark.parametrize(
    ("code", "message"),
    [("en", "February 2026, over 84 days: "), ("id", "selama 84 hari: "), ("ms", "selama 84 hari: ")],
)
def test_what_is_told_of_the_base_says_over_how_many_days(code, message):
    shown = run_of(METRICS["churn_rate"](CHURN), metric="churn_rate")
    assert message not in explain(METRICS["churn_rate"], code, shown)
    shown["business"]["horizon"] = "84d"
    assert f"{message}50 / 1" in explain(METRICS["churn_rate"], code, shown)


def test_the_latest_month_with_a_value_is_explained_and_then_all_time():
    metric = METRICS["attendance_rate"]
    months = {"2026-01": TWO, "2026-02": NOBODY, "2026-03": TWO.head(1), "all": TWO}  # the third is not over
    rows = [{"metric": metric.name, "period": period, **metric(events).as_dict()} for period, events in months.items()]
    business = {"name": "Kedai", "language": "en", "currency": "GBP"}
    shown = {"business": business, "as_of": "2026-03-09", "month": "2026-02", "metrics": rows}
    lines = explain(metric, "en", shown).splitlines()
    *_, head, month, always = (line for line in lines if not line.startswith("    "))  # warnings are set in
    assert lines[-1] == f"    {Language('en').text('warning.few_units')}"
    assert head == "Kedai, 2026-03-09"
    assert month.endswith("30 / 30 = 100.0%, 95% interval 15.3% to 184.7%, from 2 events")  # ± 12.706 · 2/30
    assert "January" in month or "2026-01" in month
    assert always.split(": ")[1] == month.split(": ")[1]


def test_a_metric_that_the_run_has_not_is_named_with_the_nearest_that_it_has():
    estimate = METRICS["lost_to_acquired_ratio"](CHURN)
    with pytest.raises(ValueError, match="open_rate was not measured in this run. There are: lost_to_acquired_ratio"):
        explain(METRICS["open_rate"], "en", run_of(estimate))


def test_a_metric_that_is_undefined_in_every_month_says_why():
    metric = METRICS["lost_to_acquired_ratio"]
    assert metric(CHURN).reason == "zero_denominator"  # nobody was acquired
    assert "the denominator is zero" in explain(metric, "en", run_of(metric(CHURN)))
