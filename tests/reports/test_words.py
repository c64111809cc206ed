import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from engagekit.display.section import FEWEST
from engagekit.language import Language, decimal_and_group
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.compare import difference
from engagekit.metrics.estimate import Estimate
from engagekit.metrics.family import directions
from engagekit.reports.results import Results
from engagekit.reports.words import Writer

TICKETS = replace(METRICS["tickets_opened"], better="lower")
NPS, CHURN, VALUE = METRICS["net_promoter_score"], METRICS["churn_rate"], METRICS["order_value"]


def printing(**parts):
    """Results that hold these parts, and print numbers as all results do."""
    made = SimpleNamespace(_decimals={}, **parts)
    made.decimals = lambda metric: Results.decimals(made, metric)
    return made


def compared(new, old):
    """Results that hold one metric in September, of which October is the last whole month."""
    now = pd.Timestamp("2026-10-01")
    moved = difference(old, new)
    change = moved.value, moved.low, moved.high
    return printing(
        study=SimpleNamespace(period="month"),
        language=Language("en"),
        business=SimpleNamespace(currency="GBP", targets={}),
        month=now,
        current=lambda _: (now, new, old),
        overall=lambda _: new,
        change=lambda _: change,
        directions=directions(dict.fromkeys(METRICS, change)),
    )


def writer(code="en", currency="GBP", **targets):
    business = SimpleNamespace(currency=currency, targets=targets)
    nothing = {"current": lambda _: (None, NOTHING, NOTHING), "overall": lambda _: NOTHING}
    return Writer(printing(language=Language(code), business=business, **nothing))


def estimate(value, half, n=1203):
    return Estimate(value, value - half, value + half, value, 1, n, n, "delta", "", "")


NOTHING = Estimate(*[math.nan] * 5, 0, 0, "", "", "no_rows")


def test_an_interval_is_said_as_a_shop_owner_reads_it():
    assert writer().interval(NPS, estimate(42.2, 3.9)) == "between 38.3 and 46.1, from 1,203 answers"
    assert (
        writer("id", "IDR").interval(VALUE, estimate(45_250, 1_000))
        == "antara Rp44.250 dan Rp46.250, dari 1.203 pelanggan"
    )


def test_what_cannot_be_computed_says_why():
    assert writer().interval(NPS, NOTHING) == "no data in this period"
    assert writer().value(NPS, NOTHING) == "–"


@pytest.mark.parametrize(
    ("low", "high", "warning", "cell"),
    [
        (0.0, 2.91, "few_units", "too few"),
        (0.2, 1.2, "few_units", "too few"),
        (0.3, 0.6, "few_units", "30.0% – 60.0%"),
        (0.0, 2.91, "", "0.0% – 291.0%"),
    ],
)
def test_an_interval_of_a_few_that_holds_everything_is_said_and_not_printed(low, high, warning, cell):
    metric = METRICS["campaign_conversion_rate"]
    two = Estimate(0.46, low, high, 12, 26, 2, 2, "delta", warning, "")
    assert writer().bounds(metric, two) == cell
    said = "too few to say how far it could be off, from 2 campaigns"
    assert (writer().interval(metric, two) == said) == (cell == "too few")


def test_no_interval_is_no_interval():
    lone = replace(estimate(5, 1), low=math.nan, high=math.nan)
    assert writer().bounds(NPS, lone) == "–"
    assert writer().interval(NPS, lone) == "from 1,203 answers"


@pytest.mark.parametrize(
    ("metric", "new", "old", "words", "tone"),
    [
        (NPS, estimate(60, 4), estimate(40, 4), "up from 40.0 in September 2026", "better"),
        (NPS, estimate(40, 4), estimate(60, 4), "down from 60.0 in September 2026", "worse"),
        (NPS, estimate(44, 4), estimate(40, 4), "no clear change from 40.0", "same"),
        (CHURN, estimate(0.2, 0.01), estimate(0.1, 0.01), "up from 10.0% in September 2026", "worse"),
        (METRICS["tickets_opened"], estimate(90, 1), estimate(60, 1), "up from 60 in September 2026", ""),
        (NPS, estimate(44, 4), NOTHING, "", ""),
    ],
)
def test_a_change_is_called_one_only_beyond_noise(metric, new, old, words, tone):
    assert Writer(compared(new, old)).change(metric) == (words, tone)


@pytest.mark.parametrize(
    ("metric", "value", "target", "verdict"),
    [
        (NPS, 60, 40, "target 40.0, reached"),
        (NPS, 30, 40, "target 40.0, not reached"),
        (NPS, 38, 40, "target 40.0, too close to call"),
        (TICKETS, 20, 30, "target 30, reached"),
        (TICKETS, 40, 30, "target 30, not reached"),
    ],
)
def test_a_target_is_reached_the_better_way_or_too_close_to_call(metric, value, target, verdict):
    assert writer(**{metric.name: target}).target(metric, estimate(value, 4)) == verdict


def test_no_target_is_no_sentence():
    assert writer().target(NPS, estimate(40, 4)) == ""


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_a_first_screen_has_six_numbers(sample_results, kind):
    told = Writer(sample_results[kind])
    first, *others = told.headline()
    assert first.name == "engagement_score"
    assert len(others) == 5


def test_the_shares_of_the_segments_are_those_of_the_scores(sample_results):
    found = sample_results["subscription"]
    counts = dict(found.scores["segment"].value_counts().rows())
    assert min(counts.values()) >= 5
    assert Writer(found).segments == counts
    exact = {name: 100 * count / sum(counts.values()) for name, count in counts.items()}
    shares = {name: int(share.rstrip("%")) for name, share in Writer(found).shares.items()}
    assert sum(shares.values()) == 100
    assert all(abs(shares[name] - exact[name]) < 1 for name in exact)


NUMBER = re.compile(r"[\d.,]*\d")
SCALED = ("million", "juta", "billion", "bilion", "miliar", "menit", "minit", "min")  # has decimals of its own


@pytest.mark.parametrize("kind", ["ecommerce", "saas", "subscription"])
def test_a_metric_has_the_same_decimals_wherever_it_is_printed(sample_results, kind):
    found, writer = sample_results[kind], Writer(sample_results[kind])
    mark, group = decimal_and_group(found.language.code)
    few = found.language.text("estimate.fewer", n=FEWEST)
    for metric in (metric for metrics in found.channels.values() for metric in metrics):
        _, new, old = found.current(metric.name)
        estimates = (new, old, found.overall(metric.name))
        texts = [writer.value(metric, each) for each in estimates] + [writer.bounds(metric, each) for each in estimates]
        texts += [writer.amount(metric, wish) for name, wish in found.business.targets.items() if name == metric.name]
        parts = [part for text in texts for part in text.split(" – ") if part != few and not part.endswith(SCALED)]
        places = {
            len(number.replace(group, "").partition(mark)[2]) for part in parts for number in NUMBER.findall(part)
        }
        assert len(places) <= 1, (metric.name, texts)


@pytest.mark.parametrize("kind", ["ecommerce", pytest.param("saas", marks=pytest.mark.soak)])
def test_the_index_prints_what_the_page_prints(written_reports, kind):
    folder = written_reports[kind, "engagement"]
    index = (folder.parents[1] / "index.html").read_text("utf-8")
    page = (folder / "report.html").read_text("utf-8")
    values = re.findall(r"<dd>([^<]+)</dd>", index)
    assert len(values) >= 3  # more where the churn report lies beside it
    assert all(re.search(rf">\s*{re.escape(value)}\s*<", page) for value in values)
