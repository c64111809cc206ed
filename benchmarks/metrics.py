"""What ``measure`` costs beside the same aggregates written by hand, on Polars, DuckDB, pandas and Spark.

Run ``python benchmarks/metrics.py [rows]`` (10 million by default; Spark is left out where Java is not installed).

The rows lie in one Parquet file, which every engine scans; the pandas frame lies in memory. By hand means one query
with the sums that values and intervals need: rows, and sums of x, y, x², xy and y² over the rows where neither is
missing. "With checks" it also finds the lowest of what must not be below 0 (a part above its whole, a negative count)
and counts the units, as ``measure`` does. Rounds are interleaved, so that a busy machine slows all alike; the tables
show medians in milliseconds, and what ours takes as a multiple.
"""

import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import polars as pl

from engagekit.metrics.catalog import METRICS
from engagekit.metrics.measure import measure
from engagekit.metrics.metric import Metric

ROUNDS = 5
CUSTOMERS = 200_000
MINUTES_A_YEAR = 365 * 24 * 60
MONTHLY = {"every": "1mo", "at": "time"}

# Metric: numerator, denominator (1 where there is none of its own), and which rows count
SQL = {
    "open_rate": ("opens", "delivered", ""),
    "human_open_rate": ("opens - machine_opens", "delivered", ""),
    "click_rate": ("clicks", "delivered", ""),
    "click_to_open_rate": ("clicks", "opens", ""),
    "mail_conversion_rate": ("conversions", "delivered", ""),
    "click_conversion_rate": ("conversions", "clicks", ""),
    "unsubscribe_rate": ("unsubscribes", "delivered", ""),
    "unsubscribe_sent_rate": ("unsubscribes", "sent", ""),
    "undelivered_rate": ("sent - delivered", "sent", ""),
    "complaint_rate": ("complaints", "delivered", ""),
    "attendance_rate": ("attended", "registered", ""),
    "registration_rate": ("registered", "invited", ""),
    "interactions_per_attendee": ("interactions", "attended", ""),
    "return_on_ad_spend": ("revenue", "spend", ""),
    "lead_rate": ("leads", "reached", ""),
    "cost_per_lead": ("spend", "leads", ""),
    "leads_per_hour": ("leads", "hours", ""),
    "net_promoter_score": ("(score >= 9)::int - (score <= 6)::int", "1", "kind = 'nps'"),
    "promoter_rate": ("score >= 9", "1", "kind = 'nps'"),
    "detractor_rate": ("score <= 6", "1", "kind = 'nps'"),
    "satisfaction_rate": ("score >= 4", "1", "kind = 'csat'"),
    "satisfaction_mean": ("score", "1", "kind = 'csat'"),
    "likes": ("likes", "1", ""),
    "comments": ("comments", "1", ""),
    "pages_per_session": ("views", "1", ""),
    "session_duration_s": ("duration_s", "1", ""),
    "bounce_rate": ("not engaged", "1", ""),
    "conversion_rate": ("converted", "1", ""),
    "visitor_conversion_rate": ("converted", "1", ""),
    "order_value": ("value", "lines > 0", ""),
}
SIZES = {size: [METRICS[name] for name in list(SQL)[:size]] for size in (1, 10, 30)}


def rows_of_all(rows: int) -> pl.DataFrame:
    """Rows with every column that the metrics need; each fits all of them."""
    random = np.random.default_rng(20261121)
    sent = random.integers(50, 500, rows, dtype=np.int32)
    delivered = random.binomial(sent, 0.97).astype(np.int32)
    opens = random.binomial(delivered, 0.3).astype(np.int32)
    clicks = random.binomial(opens, 0.2).astype(np.int32)
    nps = random.random(rows) < 0.5

    def few(most: int) -> np.ndarray:
        return random.integers(0, most, rows, dtype=np.int32)

    return pl.DataFrame(
        {
            "customer_id": random.integers(0, CUSTOMERS, rows, dtype=np.int32),
            "sent": sent,
            "delivered": delivered,
            "opens": opens,
            "machine_opens": opens // 3,
            "clicks": clicks,
            "conversions": clicks // 2,
            "unsubscribes": (delivered % 7 == 0).astype(np.int32),
            "complaints": (delivered % 50 == 0).astype(np.int32),
            "invited": sent,
            "registered": delivered,
            "attended": opens,
            "interactions": few(40),
            "spend": random.gamma(2, 50, rows).astype(np.float32),
            "revenue": random.gamma(2, 80, rows).astype(np.float32),
            "leads": few(30),
            "reached": sent,
            "hours": few(9),
            "score": np.where(nps, few(11), 1 + few(5)),
            "likes": few(90),
            "comments": few(20),
            "views": few(12),
            "duration_s": random.gamma(2, 60, rows).astype(np.float32),
            "engaged": random.random(rows) < 0.6,
            "converted": random.random(rows) < 0.1,
            "value": random.gamma(2, 40, rows).astype(np.float32),
        }
    ).with_columns(
        kind=pl.when(pl.Series(nps)).then(pl.lit("nps")).otherwise(pl.lit("csat")),
        time=pl.datetime(2025, 1, 1) + pl.duration(minutes=pl.int_range(pl.len()) % MINUTES_A_YEAR),
    )


def by_hand(metrics: list[Metric], checks: bool) -> list[tuple[list[str], list[str], list[str]]]:
    """Terms, sums over the rows of a customer (none where a row is a unit) and sums, as SQL, for each kind of unit."""
    rows = [metric for metric in metrics if metric.cluster is None]
    units = [metric for metric in metrics if metric.cluster]
    plans = []
    if rows:
        sums = [text for metric in rows for text in _sums(metric, "count({n})", has_y(metric), checks)]
        lowest = [text for metric in rows for text in _lowest(metric) if checks]
        plans.append((_terms(rows), [], sums + lowest))
    if units:
        lowest = [text for metric in units for text in _lowest(metric) if checks]
        sums = [text for metric in units for text in _sums(metric, "sum({n})", True, checks)]
        sums += [f"min({name}) as {name}" for name in (text.split()[-1] for text in lowest)]
        plans.append((_terms(units), [text for metric in units for text in _of_unit(metric)] + lowest, sums))
    return plans


def has_y(metric: Metric) -> bool:
    return SQL[metric.name][1] != "1"


def _terms(metrics: list[Metric]) -> list[str]:
    """x and, where it is not 1, y, null where the row does not count."""
    found = []
    for metric in metrics:
        x, y, rule = SQL[metric.name]
        conditions = [f"({rule})"] * bool(rule) + [f"({y}) is not null"] * has_y(metric)
        number = f"cast(({x}) as double)"
        found.append(f"case when {' and '.join(conditions)} then {number} end" if conditions else number)
        found[-1] += f" as {metric.name}_x"
        if has_y(metric):
            found.append(f"case when ({x}) is not null then cast(({y}) as double) end as {metric.name}_y")
    return found


def _of_unit(metric: Metric) -> list[str]:
    """Rows and terms of one customer."""
    x, y, n = (f"{metric.name}_{name}" for name in ("x", "y", "n"))
    add = "max" if metric.once else "sum"
    denominator = f"{add}({y})" if has_y(metric) else f"cast(count({x}) as double)"
    return [f"count({x}) as {n}", f"{add}({x}) as {x}", f"{denominator} as {y}"]


def _sums(metric: Metric, count: str, own: bool, checks: bool) -> list[str]:
    """Rows, sums of x, y and their products, and units."""
    x, y, n = (f"{metric.name}_{name}" for name in ("x", "y", "n"))
    wanted = [name for name in metric.sums if own or "y" not in name]
    found = [count.format(n=n if "sum" in count else x)]
    found += [f"sum({' * '.join({'x': x, 'y': y}[term] for term in name)})" for name in wanted]
    if checks and own and "yy" in metric.sums:
        found.append(f"sum(case when {y} != 0 then 1 else 0 end)")
    return [f"{text} as {metric.name}_{number}" for number, text in enumerate(found)]


def _lowest(metric: Metric) -> list[str]:
    """What must not be below 0."""
    x, y = f"{metric.name}_x", f"{metric.name}_y"
    found = [f"min({x})"] if metric.range[0] == 0 else []
    found += [f"min({y} - {x})" if has_y(metric) else f"min(1 - {x})"] if metric.range[1] == 1 else []
    found += [f"min({y})"] if has_y(metric) and metric.range != (0, 1) else []
    return [f"{text} as {metric.name}_low{number}" for number, text in enumerate(found)]


def polars_by_hand(file: Path, metrics: list[Metric], checks: bool) -> None:
    def expressions(texts: list[str]) -> list[pl.Expr]:
        return [pl.sql_expr(text) for text in texts]

    frames = []
    for terms, per_unit, sums in by_hand(metrics, checks):
        rows = pl.scan_parquet(file).with_columns(expressions(terms))
        units = rows.group_by("customer_id").agg(expressions(per_unit)) if per_unit else rows
        frames.append(units.select(expressions(sums)))
    pl.collect_all(frames, engine="streaming")


def duckdb_by_hand(connection: duckdb.DuckDBPyConnection, file: Path, metrics: list[Metric], checks: bool) -> None:
    for terms, per_unit, sums in by_hand(metrics, checks):
        source = f"(select customer_id, {', '.join(terms)} from read_parquet('{file}'))"
        if per_unit:
            source = f"(select {', '.join(per_unit)} from {source} group by customer_id)"
        connection.execute(f"select {', '.join(sums)} from {source}").fetchall()


def timed(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, after one round to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return {name: median(seconds[1:]) for name, seconds in taken.items()}


def spark_session():
    """Session on two cores of this machine, or none where there is no Java."""
    if shutil.which("java") is None:
        return None
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    from pyspark.sql import SparkSession

    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "4g",
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": 2,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    return SparkSession.builder.master("local[2]").config(map=options).getOrCreate()


def compared(file: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Print what one call costs beside both ways by hand."""
    print("| metrics | engine | by hand | by hand, with checks | measure | multiple of it | with checks |")
    print("| --- " * 7 + "|")
    for size, metrics in SIZES.items():
        works: dict[str, Callable[[], object]] = {
            "Polars bare": lambda metrics=metrics: polars_by_hand(file, metrics, checks=False),
            "Polars checked": lambda metrics=metrics: polars_by_hand(file, metrics, checks=True),
            "Polars": lambda metrics=metrics: measure(pl.scan_parquet(file), metrics),
            "DuckDB bare": lambda metrics=metrics: duckdb_by_hand(connection, file, metrics, checks=False),
            "DuckDB checked": lambda metrics=metrics: duckdb_by_hand(connection, file, metrics, checks=True),
            "DuckDB": lambda metrics=metrics: measure(connection.read_parquet(str(file)), metrics),
        }
        seconds = timed(works, ROUNDS)
        for engine in ("Polars", "DuckDB"):
            bare, checked, ours = (seconds[name] for name in (f"{engine} bare", f"{engine} checked", engine))
            cells = (f"{1000 * taken:.0f}" for taken in (bare, checked, ours))
            print(f"| {size} | {engine} | {' | '.join(cells)} | {ours / bare:.2f} | {ours / checked:.2f} |", flush=True)


def together(file: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Print what 30 metrics cost in one call and in 30, on every engine."""
    session = spark_session()
    native = pl.read_parquet(file).to_pandas()
    sources: dict[str, Callable[[], object]] = {
        "Polars": lambda: pl.scan_parquet(file),
        "DuckDB": lambda: connection.read_parquet(str(file)),
        "pandas": lambda: native,
    }
    if session is not None:
        sources["Spark"] = lambda: session.read.parquet(str(file))
    for title, options in (("over all rows", {}), ("by month, as a report asks", MONTHLY)):
        print(f"\n{title}\n\n| engine | 1 metric | 10 | 30 in one call | 30 calls | one call over 30 calls |")
        print("| --- " * 6 + "|")
        for engine, source in sources.items():
            seconds = timed(calls(source, options), 1 if engine == "Spark" else 3)
            cells = (f"{1000 * taken:.0f}" for taken in seconds.values())
            print(f"| {engine} | {' | '.join(cells)} | {seconds['30'] / seconds['calls']:.2f} |", flush=True)


def calls(source: Callable[[], object], options: dict[str, str]) -> dict[str, Callable[[], object]]:
    """One call for all metrics of each size, and one call for each of the 30."""
    works: dict[str, Callable[[], object]] = {
        str(size): lambda some=some: measure(source(), some, **options) for size, some in SIZES.items()
    }
    return works | {"calls": lambda: [measure(source(), metric, **options) for metric in SIZES[30]]}


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        rows_of_all(rows).write_parquet(file)
        connection = duckdb.connect()
        connection.execute("set enable_progress_bar = false")
        print(f"{rows:,} rows, {file.stat().st_size / 1e6:.0f} MB of Parquet; milliseconds\n")
        compared(file, connection)
        together(file, connection)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
