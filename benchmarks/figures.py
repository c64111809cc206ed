"""What figures cost: CPU milliseconds of each of 20 figures of the sample shop, in both widths together.

``python benchmarks/figures.py [rounds]`` draws them for a page, interleaved, and prints the median over the rounds (9
by default) of each, and of the first figure of a process, which imports matplotlib. A figure may cost 200 ms.
"""

import sys
import time
from statistics import median
from tempfile import TemporaryDirectory

import pandas as pd
import polars as pl

import engagekit as ek
from engagekit.churn.survival import churn_times, survival
from engagekit.display import charts
from engagekit.display.drawing import draw

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9
TRENDS = [
    *["order_value", "orders_per_customer", "repeat_purchase_rate", "churn_rate", "net_promoter_score", "page_views"],
    *["open_rate", "click_rate", "reach_engagement_rate", "return_on_ad_spend", "tickets_opened", "registrations"],
]
BY_CHANNEL = ["order_value", "orders_per_customer", "refund_rate", "stickiness"]
WORDS = {"title": "Title", "subtitle": "Measure", "alt": "Sentence", "source": "Source"}


def stayed(study):
    """Curves of the customers of the first date, by segment."""
    first = study.dates[0]
    times = churn_times(study.firewall, first, study.churn, as_of=study.data_end).collect()
    segments = study.dataset.filter(pl.col("date") == first).select("customer_id", "segment")
    parts = times.join(segments, on="customer_id").group_by("segment")
    return pd.concat([survival(part["days"], part["left"]).assign(segment=name) for (name,), part in parts])


def calibrated(study):
    """Observed churn by tenth of the predicted probabilities."""
    found = study.compare_models().calibration
    return found.assign(chance=found["probability"], value=found["churned"]).assign(low=0, high=found["churned"] * 1.3)


def figures(study):
    """Name, height and plot of each figure."""
    language, unit = ek.Language("en"), {name: ek.metrics.METRICS[name].measured_in for name in TRENDS + BY_CHANNEL}
    by_month = study.measure(TRENDS, every="month").groupby("metric")
    by_channel = study.measure(BY_CHANNEL, by="channel").rename(columns={"channel": "label"}).groupby("metric")
    cohorts, curves, groups, scores = study.cohorts(), stayed(study), calibrated(study), study.scores["score"]
    money = {"currency": study.business.currency}
    yield "cohorts", 470, lambda ax: charts.plot_cohorts(cohorts, ax, language)
    yield "survival", 0, lambda ax: charts.plot_survival(curves, ax, language)
    yield "calibration", 0, lambda ax: charts.plot_calibration(groups, ax, language)
    yield "score", 0, lambda ax: charts.plot_score(scores, ax, language, cuts=(40, 70))
    for name, rows in by_month:
        yield (
            f"{name}, trend",
            0,
            lambda ax, name=name, rows=rows: charts.plot_trend(
                rows, ax, language, unit=unit[name], target=rows["value"].mean(), **money
            ),
        )
    for name, rows in by_channel:
        yield (
            f"{name}, bars",
            0,
            lambda ax, name=name, rows=rows: charts.plot_bars(rows, ax, language, unit=unit[name], **money),
        )


def cost(height, plot):
    started = time.process_time()
    draw(plot, height=height, **WORDS)
    return 1_000 * (time.process_time() - started)


with TemporaryDirectory() as folder:
    ek.write_sample(ek.make_sample("ecommerce"), folder)
    drawn = list(figures(ek.Study(folder)))
print(f"{'the first, with imports':36}{cost(*drawn[0][1:]):6.0f} ms")
costs = {name: [] for name, _, _ in drawn}
for _ in range(ROUNDS):
    for name, height, plot in drawn:
        costs[name].append(cost(height, plot))
for name, taken in costs.items():
    print(f"{name:36}{median(taken):6.0f} ms")
total = sum(map(median, costs.values()))
print(f"{f'all {len(costs)}':36}{total:6.0f} ms, the dearest {max(map(median, costs.values())):.0f} ms")
