"""What the customers' ground floor costs beside the same written by hand, on Polars, DuckDB, pandas and Spark.

Run ``python benchmarks/customers.py [rows ...]``, such as ``1e6 1e7 5e7`` (10 million by default; ``--help`` tells the
options). Above 10 million rows pandas and Spark are left out unless they are asked for, and three rounds are made
instead of five. Spark is left out where Java is not installed, and makes three rounds at most.

The works: features as of a date over a window of all 182 days, the summary of visits, the table of visits, monthly
cohorts, and 12 weekly snapshots that look back 84 days. What is written by hand is in ``by_hand.py``; it must give what
ours gives on every engine for a small file, or nothing is timed.

Each run has a process of its own, which does the work once on the small file to warm up, then once on the large one,
and ends: none hides behind what another left in memory. Rounds are interleaved, so that a busy machine slows all alike;
the tables show medians. The clock runs while an engine reads Parquet and computes. Users of pandas have their frame in
memory, so there it starts after ``read_parquet`` of the columns that the work needs, and ours on pandas includes the
way to Polars and back. Memory is the peak of the whole process, with libraries, pandas' frame and Java (on Linux).
Ours looks for the channels and actions, which those written by hand know, and makes sure that no event repeats.
"""

import argparse
import math
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import by_hand
import duckdb
import pandas as pd
import polars as pl
import psutil
from by_hand import DATES, END
from events import DAYS, write_events, write_with_text_ids
from polars import selectors as cs
from polars.testing import assert_frame_equal

SMALL, LARGE = 100_000, 10_000_000  # rows that are compared, and above which pandas and Spark are left out
SPARK_ROUNDS = 3
CLOSE = {"rel_tol": 1e-9, "abs_tol": 1e-12}


# Works; each imports what it runs, so that a process of those by hand holds nothing of ours


def features(rows: Any) -> Any:
    from engagekit.customers.features import customer_features
    from engagekit.prepare.history import History

    return customer_features(History({"interactions": rows}), END, f"{DAYS}d")


def summary(rows: Any) -> Any:
    from engagekit.prepare.visits import visit_totals

    return visit_totals(rows)


def table_of_visits(rows: Any) -> Any:
    from engagekit.prepare.visits import visits

    return visits(rows)


def cohorts(rows: Any) -> Any:
    from engagekit.customers.cohorts import retention_by_cohort

    return retention_by_cohort(rows, END)


def twelve_snapshots(rows: Any) -> Any:
    from engagekit.customers.features import snapshots
    from engagekit.prepare.history import History

    return snapshots(History({"interactions": rows}), DATES, "84d")


class Work(NamedTuple):
    """Ours, the columns that it needs, and those that tell its rows apart."""

    ours: Callable[[Any], Any]
    columns: str
    keys: str


DONE = "customer_id time action channel value duration_s sentiment order_id event_id"
WORKS = {
    "features": Work(features, DONE, "customer_id"),
    "summary": Work(summary, "customer_id time action event_id", "visits"),
    "visits": Work(
        table_of_visits, "customer_id time action channel page duration_s event_id", "customer_id started_at"
    ),
    "cohorts": Work(cohorts, "customer_id time event_id", "cohort age"),
    "snapshots": Work(twelve_snapshots, DONE, "customer_id date"),
}


# Engines


class Engine(NamedTuple):
    """How a file is opened, how a result is computed or fetched as a Polars frame, and what is written by hand."""

    opened: Callable[[Path, str], Any]
    computed: Callable[[Any], Any]
    fetched: Callable[[Any], pl.DataFrame]
    by_hand: dict[str, Callable[[Any], Any]]


@cache
def connection() -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    found.execute("set enable_progress_bar = false")
    return found


@cache
def spark():
    from metrics import spark_session

    session = spark_session()
    session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
    return session


def streamed(rows: pl.LazyFrame) -> pl.DataFrame:
    """Polars' quicker engine for all of these works, ours and those by hand."""
    return rows.collect(engine="streaming")


ENGINES = {
    "Polars": Engine(lambda file, _: pl.scan_parquet(file), streamed, pl.LazyFrame.collect, by_hand.POLARS),
    "DuckDB": Engine(
        lambda file, _: connection().read_parquet(str(file)),
        lambda found: found.query("found", "create or replace temp table created as from found"),
        lambda found: found.pl(),
        {name: lambda rows, query=query: rows.query("events", query) for name, query in by_hand.SQL.items()},
    ),
    "pandas": Engine(
        lambda file, columns: pd.read_parquet(file, columns=columns.split()),
        lambda found: found,
        pl.from_pandas,
        by_hand.PANDAS,
    ),
    "Spark": Engine(
        lambda file, _: spark().read.parquet(str(file)),
        lambda found: found.write.format("noop").mode("overwrite").save(),
        lambda found: pl.from_arrow(found.toArrow()),
        {},
    ),
}


# Runs, each in a process of its own


class Way(NamedTuple):
    """Who does a work, on which engine and for which ids."""

    engine: str
    who: str = "ours"
    ids: str = "numbers"


OURS, ON_DUCKDB, ON_PANDAS, TEXT = Way("Polars"), Way("DuckDB"), Way("pandas"), Way("Polars", ids="text")
POLARS, SQL, PANDAS = (Way(engine, "by hand") for engine in ("Polars", "DuckDB", "pandas"))


class Run(NamedTuple):
    """What one run took: seconds, MB at its peak, and the seconds before it in which the file was opened."""

    seconds: float
    mb: float
    opening: float


Runs = dict[tuple[str, Way], Run]


def ways(engines: Iterable[str]) -> list[Way]:
    found = [Way(engine) for engine in engines]
    found += [Way(engine, "by hand") for engine in engines if ENGINES[engine].by_hand]
    return found + [Way(engine, ids="text") for engine in engines if engine in ("Polars", "DuckDB")]


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a new process, and wait until that and the Java that it started have ended."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found, started = pool.submit(with_children, function, *arguments).result()
    while any(map(psutil.pid_exists, started)):
        time.sleep(0.1)
    return found


def with_children(function: Callable[..., Any], *arguments: Any) -> tuple[Any, list[int]]:
    return function(*arguments), [child.pid for child in psutil.Process().children()]


def done(way: Way, work: str, rows: Any, finish: Callable[[Any], Any]) -> Any:
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    found = (WORKS[work].ours if way.who == "ours" else ENGINES[way.engine].by_hand[work])(rows)
    return found if isinstance(found, pl.DataFrame) else finish(found)  # cohorts are a Polars frame already


def run(way: Way, work: str, small: Path, large: Path) -> Run:
    engine, columns = ENGINES[way.engine], WORKS[work].columns
    done(way, work, engine.opened(small, columns), engine.computed)
    before = time.perf_counter()
    rows = engine.opened(large, columns)
    start = time.perf_counter()
    done(way, work, rows, engine.computed)
    return Run(time.perf_counter() - start, peak_mb(), start - before)


def peak_mb() -> float:
    """Most memory that this process held, and Java below it."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    texts = [Path(f"/proc/{process.pid}/status").read_text() for process in processes]
    return sum(int(found[1]) for text in texts if (found := re.search(r"VmHWM:\s+(\d+) kB", text))) * 1024 / 1e6


def result(way: Way, work: str, file: Path) -> pl.DataFrame:
    engine = ENGINES[way.engine]
    return in_order(done(way, work, engine.opened(file, WORKS[work].columns), engine.fetched), work)


def in_order(table: pl.DataFrame, work: str) -> pl.DataFrame:
    """Rows of a work in order, with numbers and times of one width."""
    wide = {cs.integer(): pl.Int64, cs.decimal(): pl.Float64, cs.datetime(): pl.Datetime}
    return table.with_columns(kind.cast(dtype) for kind, dtype in wide.items()).sort(WORKS[work].keys.split())


def compare(works: Iterable[str], engines: Iterable[str], files: dict[str, Path]) -> None:
    """Stop where a way does not give what SQL by hand gives."""
    for work in works:
        tables = {ids: apart(result, SQL, work, file) for ids, file in files.items()}
        for way in ways(engines):
            log(f"comparing {work} {' '.join(way)}")
            expected, found = tables[way.ids], apart(result, way, work, files[way.ids])
            try:
                assert_frame_equal(found.select(expected.columns), expected, **CLOSE)
            except AssertionError as error:
                sys.exit(f"{work}: {' '.join(way)} (left) is not what SQL by hand gives (right)\n{error}")


def measured(works: list[str], engines: list[str], rounds: int, files: dict[str, tuple[Path, Path]]) -> Runs:
    """Medians of interleaved rounds; the files are a small and a large one of each kind of ids."""
    taken: dict[tuple[str, Way], list[Run]] = {(work, way): [] for work in works for way in ways(engines)}
    for number in range(rounds):
        for (work, way), runs in taken.items():
            if way.engine != "Spark" or number < SPARK_ROUNDS:
                runs.append(found := apart(run, way, work, *files[way.ids]))
                log(f"round {number + 1}/{rounds} {work} {' '.join(way)}: {found.seconds:.2f} s, {found.mb:.0f} MB")
    return {key: Run(*map(median, zip(*runs, strict=True))) for key, runs in taken.items()}


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# Tables


class Target(NamedTuple):
    """A ratio of two ways to do a work, to the quickest where there are several, and what it may be."""

    name: str
    sign: str
    limit: float
    work: str
    upper: Way
    lower: tuple[Way, ...]
    lower_work: str = ""
    of: str = "seconds"

    def ratio(self, runs: Runs) -> float:
        """NaN where a way or a work was left out."""
        above = runs.get((self.work, self.upper))
        below = [runs[key] for way in self.lower if (key := (self.lower_work or self.work, way)) in runs]
        return getattr(above, self.of) / min(getattr(run, self.of) for run in below) if above and below else math.nan


TARGETS = [
    Target("features over the faster by hand", "<=", 1.2, "features", OURS, (POLARS, SQL)),
    Target("pandas by hand over features", ">=", 6, "features", PANDAS, (OURS,)),
    Target("pandas by hand over features of its frame", ">=", 4, "features", PANDAS, (ON_PANDAS,)),
    Target("memory of features over pandas by hand", "<=", 0.6, "features", OURS, (PANDAS,), of="mb"),
    Target("summary over one-window SQL", "<=", 0.7, "summary", OURS, (SQL,)),
    Target("pandas by hand over summary", ">=", 5, "summary", PANDAS, (OURS,)),
    Target("visits over SQL by hand", "<=", 1.25, "visits", OURS, (SQL,)),
    Target("visits on DuckDB over SQL by hand", "<=", 1.25, "visits", ON_DUCKDB, (SQL,)),
    Target("cohorts over the faster by hand", "<=", 1.4, "cohorts", OURS, (POLARS, SQL)),
    Target("12 snapshots over one feature table", "<=", 1, "snapshots", OURS, (OURS,), "features"),
    Target("12 pandas scans over 12 snapshots", ">=", 2.5, "snapshots", PANDAS, (OURS,)),
    *(Target(f"text ids over numbers, {work}", "<=", 1.6, work, TEXT, (OURS,)) for work in WORKS),
]
MOST_GB, MOST_GROWTH = 8, 1.5


def by_engine(runs: Runs) -> None:
    """Print what each work takes on each engine."""
    print("| work | engine | ours | by hand | multiple of it | multiple of the fastest by hand | text ids |")
    print("| --- " * 7 + "|")
    for work, way in runs:
        if way == Way(way.engine):
            hands = {other: run.seconds for (name, other), run in runs.items() if name == work and "by hand" in other}
            ours, hand, text = (
                runs.get((work, way._replace(**who))) for who in ({}, {"who": "by hand"}, {"ids": "text"})
            )
            cells = [f"{one.seconds:.2f} s, {one.mb:,.0f} MB" if one else "" for one in (ours, hand)]
            cells += [f"{ours.seconds / hand.seconds:.2f}" if hand else ""]
            cells += [f"{ours.seconds / min(hands.values()):.2f}" if hands else ""]
            cells += [f"{text.seconds / ours.seconds:.2f}" if text else ""]
            print(f"| {work} | {way.engine} | {' | '.join(cells)} |")
    opening = [f"{run.opening:.2f} s ({work})" for (work, way), run in runs.items() if way == PANDAS]
    print(f"\nNot counted: reading the pandas frame, {', '.join(opening)}" if opening else "")


def targets(runs_of: dict[int, Runs]) -> None:
    """Print what was reached at each size."""
    print(f"\n| target, of 10 million events | asked | {' | '.join(f'{rows:,}' for rows in runs_of)} |")
    print("| --- " * (2 + len(runs_of)) + "|")
    for target in TARGETS:
        line(target.name, target.sign, target.limit, (target.ratio(runs) for runs in runs_of.values()))
    ours = {rows: {work: run for (work, way), run in runs.items() if way == OURS} for rows, runs in runs_of.items()}
    first = min(ours)
    memory = (max((run.mb / 1e3 for run in runs.values()), default=math.nan) for runs in ours.values())
    line("most memory of ours, GB, at 50 million", "<=", MOST_GB, memory)
    for work in ours[first]:
        start = ours[first][work].seconds / first
        growth = (runs[work].seconds / rows / start if rows > first else math.nan for rows, runs in ours.items())
        line(f"time of an event over that at {first:,}, {work}, at 50 million", "<=", MOST_GROWTH, growth)


def line(name: str, sign: str, limit: float, numbers: Iterable[float]) -> None:
    """Print a row of the table of targets."""
    cells = []
    for number in numbers:
        reached = number <= limit if sign == "<=" else number >= limit
        cells.append("" if math.isnan(number) else f"{number:.2f} {'reached' if reached else '**not**'}")
    print(f"| {name} | {sign} {limit:g} | {' | '.join(cells)} |")


# The command


def files_of(folder: Path, rows: int) -> dict[str, Path]:
    """Events under numbers and under text ids, made unless they are there."""
    files = {ids: folder / f"events-{rows}-{ids}.parquet" for ids in ("numbers", "text")}
    for ids, write, source in (("numbers", write_events, rows), ("text", write_with_text_ids, files["numbers"])):
        if not files[ids].exists():
            log(f"writing {files[ids]}")
            part = files[ids].with_suffix(".part")
            apart(write, part, source)
            part.rename(files[ids])
    return files


def main(options: argparse.Namespace, folder: Path) -> None:
    chosen = options.engines or [name for name in ENGINES if name != "Spark" or shutil.which("java")]
    small = files_of(folder, SMALL)
    compare(options.works, chosen, small)
    runs_of = {}
    for rows in options.rows:
        few = rows > LARGE and not options.engines
        engines = [name for name in chosen if name in ("Polars", "DuckDB")] if few else chosen
        rounds = options.rounds or (3 if rows > LARGE else 5)
        large = files_of(folder, rows)
        size = f"{rows:,} events, {large['numbers'].stat().st_size / 1e6:.0f} MB of Parquet"
        print(f"\n{size}; medians of {rounds} rounds; load at the start {os.getloadavg()[0]:.1f}\n", flush=True)
        runs_of[rows] = measured(options.works, engines, rounds, {ids: (small[ids], large[ids]) for ids in small})
        by_engine(runs_of[rows])
    targets(runs_of)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", type=lambda text: int(float(text)), default=[LARGE], help="such as 1e6 1e7")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="all; Polars and DuckDB above 1e7 rows")
    parser.add_argument("--rounds", type=int, help="5; 3 above 1e7 rows")
    parser.add_argument("--folder", type=Path, help="where the files of events are kept; else they are temporary")
    return parser.parse_args()


if __name__ == "__main__":
    options = asked()
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        main(options, Path(folder))
