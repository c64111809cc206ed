"""What ``measure`` costs beside the same sums written by hand, on Polars, pandas and DuckDB.

Run ``python benchmarks/measure.py [rows]``. By hand means the number of rows and the sums of x, y, x², xy and y² that
the intervals need, over the rows where neither is missing; with checks it also finds out whether any row cannot be
true and counts the units, as ``measure`` does. The rounds are interleaved, so that a busy machine slows all of them
alike; the table shows medians in milliseconds, and ``measure`` as a multiple of the two by hand.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import duckdb
import numpy as np
import polars as pl

from engagekit.metrics.catalog import METRICS
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Metric, Quantile

ROUNDS = 5
RATES = ("open_rate", "click_rate", "unsubscribe_rate", "attendance_rate", "return_on_spend")
ROW_UNITS = [m for m in METRICS.values() if m.cluster is None and not isinstance(m, Quantile)]
SIZES = {
    "1 metric": [METRICS[RATES[0]]],
    "5 metrics": [METRICS[name] for name in RATES],
    f"all {len(ROW_UNITS)}": ROW_UNITS,
}

# Numerator and denominator of each metric as SQL, and what a row must be like
SQL = {
    "engagement_score": ("score", "1", "true"),
    "advocate_rate": ("segment = 'advocate'", "1", "true"),
    "at_risk_rate": ("segment = 'at_risk'", "1", "true"),
    "repeat_purchase_rate": ("repeated and window_over", "window_over", "true"),
    "churn_rate": ("churned and at_risk", "at_risk", "true"),
    "net_promoter_score": ("(score >= 9)::int - (score <= 6)::int", "1", "kind = 'nps'"),
    "satisfaction_rate": ("score >= 4", "1", "kind = 'csat'"),
    "page_views": ("1", "1", "action = 'view'"),
    "open_rate": ("opens", "delivered", "true"),
    "click_rate": ("clicks", "delivered", "true"),
    "unsubscribe_rate": ("unsubscribes", "delivered", "true"),
    "reach_engagement_rate": ("likes + comments + shares + saves + clicks", "reach", "true"),
    "return_on_spend": ("revenue", "spend", "true"),
    "attendance_rate": ("attended", "registered", "true"),
    "tickets_opened": ("1", "1", "ticket_id is not null"),
    "loyalty_participation_rate": ("loyalty_member", "1", "true"),
}
PRODUCTS = {"x": "{x}", "y": "{y}", "xx": "{x} * {x}", "xy": "{x} * {y}", "yy": "{y} * {y}"}


def mailings(rows: int) -> pl.DataFrame:
    """Rows with every column that a metric of rows needs; each fits all of them."""
    random = np.random.default_rng(20261121)
    delivered = random.integers(50, 500, rows)
    opens = random.binomial(delivered, 0.3)
    flags = random.random((5, rows)) < 0.4
    return pl.DataFrame(
        {
            "delivered": delivered,
            "opens": opens,
            "clicks": random.binomial(opens, 0.2),
            "unsubscribes": random.binomial(delivered, 0.01),
            "reach": delivered * 3,
            **{name: random.integers(0, 30, rows) for name in ("likes", "comments", "shares", "saves")},
            "spend": random.gamma(2, 50, rows),
            "revenue": random.gamma(2, 80, rows),
            "registered": delivered,
            "attended": opens,
            "score": random.integers(1, 6, rows),
            **dict(zip(("repeated", "window_over", "churned", "at_risk", "loyalty_member"), flags, strict=True)),
            "kind": random.choice(["nps", "csat"], rows),
            "segment": random.choice(["at_risk", "potential", "advocate"], rows),
            "action": random.choice(["view", "purchase"], rows),
            "ticket_id": pl.select(pl.int_range(rows).cast(pl.String)).to_series(),
        }
    )


def polars_by_hand(frame: pl.DataFrame, metrics: list[Metric], checks: bool) -> pl.DataFrame:
    """Sums of some metrics: x and y first, null where one of them is, then all sums in one select."""
    terms, sums = [], []
    for metric in metrics:
        x, y, rule = (pl.sql_expr(text) for text in SQL[metric.name])
        x, y = x.cast(pl.Float64), y.cast(pl.Float64)
        counts = rule & x.is_not_null() & y.is_not_null()
        terms += [pl.when(counts).then(x).alias(f"{metric.name}:x"), pl.when(counts).then(y).alias(f"{metric.name}:y")]
        x, y = pl.col(f"{metric.name}:x"), pl.col(f"{metric.name}:y")
        products = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
        found = {"n": x.count()} | {name: products[name].sum() for name in metric.sums}
        if checks:
            found["bad"] = ((x < 0) | (x > y) | (y < 0) | ~x.is_finite() | ~y.is_finite()).any()
            found["units"] = ((x != 0) | (y != 0)).sum()
        sums += [total.alias(f"{metric.name}:{name} sum") for name, total in found.items()]
    return frame.lazy().with_columns(terms).select(sums).collect(engine="streaming")


def duckdb_by_hand(
    connection: duckdb.DuckDBPyConnection, metrics: list[Metric], checks: bool
) -> list[tuple[float, ...]]:
    """Sums of some metrics: x and y in an inner query, null where one of them is, then all sums."""
    terms, sums = [], []
    for number, metric in enumerate(metrics):
        x, y, rule = (f"({text})" for text in SQL[metric.name])
        case = f"case when {rule} and {x} is not null and {y} is not null then"
        terms += [f"{case} {x}::double end x{number}", f"{case} {y}::double end y{number}"]
        x, y = f"x{number}", f"y{number}"
        sums += [f"count({x})", *(f"sum({PRODUCTS[name].format(x=x, y=y)})" for name in metric.sums)]
        if checks:
            sums += [f"max({x} < 0 or {x} > {y} or {y} < 0 or not isfinite({x}) or not isfinite({y}))"]
            sums += [f"sum(({x} != 0 or {y} != 0)::tinyint)"]
    query = f"select {', '.join(sums)} from (select {', '.join(terms)} from mailings)"
    return connection.execute(query).fetchall()


def timed(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each, after one round to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return {name: median(seconds[1:]) for name, seconds in taken.items()}


def main(rows: int) -> None:
    """Print one line for each number of metrics."""
    frame = mailings(rows)
    native, connection = frame.to_pandas(), duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    connection.register("arrow", frame.to_arrow())
    connection.execute("create table mailings as from arrow")
    print(f"{rows:,} rows\n")
    titles = ["Polars by hand", "with checks", "measure", "from pandas", "DuckDB by hand", "with checks", "measure"]
    print(f"| metrics | {' | '.join(titles)} |")
    print("| --- " * 8 + "|")
    for size, metrics in SIZES.items():
        works: dict[str, Callable[[], object]] = {
            "polars sums": lambda metrics=metrics: polars_by_hand(frame, metrics, checks=False),
            "polars checked": lambda metrics=metrics: polars_by_hand(frame, metrics, checks=True),
            "polars": lambda metrics=metrics: measure(frame, metrics),
            "pandas": lambda metrics=metrics: measure(native, metrics),
            "duckdb sums": lambda metrics=metrics: duckdb_by_hand(connection, metrics, checks=False),
            "duckdb checked": lambda metrics=metrics: duckdb_by_hand(connection, metrics, checks=True),
            "duckdb": lambda metrics=metrics: measure(connection.table("mailings"), metrics),
        }
        print(f"| {size} | {' | '.join(cells(timed(works)))} |", flush=True)


def cells(seconds: dict[str, float]) -> list[str]:
    """Milliseconds, and for ``measure`` how many times it takes what both ways by hand take."""
    found = []
    for name, taken in seconds.items():
        engine = {"pandas": "polars"}.get(name, name)
        hand = [seconds[f"{engine} {kind}"] for kind in ("sums", "checked")] if " " not in name else []
        multiples = ", ".join(f"{taken / other:.2f}" for other in hand)
        found.append(f"{1000 * taken:.0f}" + (f" ({multiples})" if hand else ""))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000)
