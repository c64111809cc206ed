"""The customers' ground floor on a Spark cluster: are the results those of Polars, and do the events stay out there?

Run ``python benchmarks/spark_cluster.py [rows] [--plans folder]`` (200,000 events by default; needs Java). It starts a
standalone master and two workers on loopback from the installed pyspark, one core and 1 GB each, on free ports, and
stops them by their process ids however it ends. Seconds include the compilation of each plan.

The proof is Spark's own log: the bytes that the tasks of a call sent to the driver, and the plans that they were of.
For scale all events are collected once, on purpose; a call may send a twentieth of that (each task reports some
kilobytes anyhow), and may read the events' file and tables of a query's own, such as that of the dates. A join may be
broadcast, which goes through the driver, up to 64 kB: Spark would broadcast these few events, and not millions.
"""

import argparse
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import psutil
from customers import CLOSE, WORKS, in_order
from events import write_events
from polars.testing import assert_frame_equal

MOST_SHARE, READ, LEAF = 0.05, {"Scan parquet", "LocalTableScan"}, re.compile(r"\(\d+\) (\w*Scan[^\n\[]*?) *[\n\[]")
WORKERS, EVENTS, FETCHING = 2, "collecting the events", "fetching a result"
LOOPBACK = "127.0.0.1"
OPTIONS = {
    "spark.driver.bindAddress": LOOPBACK,
    "spark.driver.host": LOOPBACK,
    "spark.eventLog.compress": "false",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.rolling.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
    "spark.scheduler.minRegisteredResourcesRatio": 1,  # no task before both workers are there
    "spark.sql.adaptive.autoBroadcastJoinThreshold": "64k",
    "spark.sql.autoBroadcastJoinThreshold": "64k",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": 2 * WORKERS,
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Address of a master with workers; all that was started meanwhile ends with the context."""
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    address = f"spark://{LOOPBACK}:{port}"
    places = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": LOOPBACK, "SPARK_LOCAL_DIRS": str(folder)}
    worker = ["worker.Worker", "--cores", "1", "--memory", "1g", "--work-dir", str(folder / "work"), address]
    try:
        for name, *arguments in [["master.Master", "--port", str(port)], *[worker] * WORKERS]:
            command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", "--host", LOOPBACK]
            with (folder / f"{name}.log").open("a") as log:
                subprocess.Popen(
                    [*command, "--webui-port", "0", *arguments],
                    env=os.environ | places,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for this script, which then stops them
                )
        yield address
    finally:
        stop_all()


def stop_all() -> None:
    """End what this process started, and what that did, by process id."""
    logging.disable()  # the driver's Java is among them, and Python's side of it would complain
    started, every = (psutil.Process().children(recursive=deep) for deep in (False, True))
    print(f"stopping the processes {', '.join(str(one.pid) for one in every)}", file=sys.stderr)
    for one in started:
        with suppress(psutil.NoSuchProcess):
            one.terminate()
    for one in psutil.wait_procs(every, timeout=20)[1]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(every, timeout=20)


def compared(address: str, file: Path, log: Path) -> dict[str, tuple[str, str, str]]:
    """Run every work on the cluster and on Polars: whether the two are equal, seconds, and rows of the result."""
    from pyspark.sql import SparkSession

    options = OPTIONS | {"spark.eventLog.dir": log.as_uri()}
    session = SparkSession.builder.master(address).config(map=options).getOrCreate()
    told = {}
    session.sparkContext.setJobGroup(EVENTS, EVENTS)
    session.read.parquet(str(file)).toArrow()
    for name, work in WORKS.items():
        session.sparkContext.setJobGroup(name, name)
        start = time.perf_counter()
        found = work.ours(session.read.parquet(str(file)))
        if not isinstance(found, pl.DataFrame):  # cohorts are a Polars frame already
            found.write.format("noop").mode("overwrite").save()
        seconds = time.perf_counter() - start
        session.sparkContext.setJobGroup(FETCHING, name)
        table = found if isinstance(found, pl.DataFrame) else pl.from_arrow(found.toArrow())
        try:
            assert_frame_equal(in_order(table, name), in_order(work.ours(pl.read_parquet(file)), name), **CLOSE)
            told[name] = ("yes", f"{seconds:.1f}", f"{len(table):,}")
        except AssertionError as error:
            print(f"{name}: {error}", file=sys.stderr)
            told[name] = ("**no**", f"{seconds:.1f}", f"{len(table):,}")
    session.stop()
    return told


def recorded(log: Path) -> tuple[Counter[str], dict[str, list[str]], set[str]]:
    """Bytes sent to the driver and plans, each by job group, and the executors that ran tasks."""
    sent, stages, queries, plans, executors = Counter(), {}, {}, {}, set()
    for event in map(json.loads, next(log.iterdir()).read_text().splitlines()):
        if event["Event"] == "SparkListenerJobStart":
            group = event["Properties"].get("spark.jobGroup.id")
            stages |= {stage: group for stage in event["Stage IDs"] if stage not in stages}
            queries[event["Properties"].get("spark.sql.execution.id")] = group
        elif event["Event"] == "SparkListenerTaskEnd":
            sent[stages[event["Stage ID"]]] += event["Task Metrics"]["Result Size"]
            executors.add(event["Task Info"]["Executor ID"])
        elif "physicalPlanDescription" in event:  # at the start, and where Spark changed it underway
            plans[str(event["executionId"])] = event["physicalPlanDescription"]
    by_group = defaultdict(list)
    for query, plan in plans.items():
        by_group[queries.get(query)].append(plan)
    return sent, by_group, executors


def main(rows: int, plans_in: Path | None) -> bool:
    """Print what was found of each work; whether all of it is as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name), Path(name) / "log"
        log.mkdir()
        write_events(folder / "events.parquet", rows)
        with cluster(folder) as address:
            told = compared(address, folder / "events.parquet", log)
        sent, plans, executors = recorded(log)
    print(f"{EVENTS} ({rows:,}) sends {sent[EVENTS] / 1e3:,.0f} kB to the driver; {len(executors)} workers had tasks\n")
    print("| work | equal to Polars | seconds | rows of the result | kB to the driver | as rows of events | reads |")
    print("| --- " * 7 + "|")
    right = len(executors) == WORKERS
    for name, cells in told.items():
        share, leaves = sent[name] / sent[EVENTS], set(LEAF.findall("\n".join(plans[name])))
        right &= cells[0] == "yes" and share <= MOST_SHARE and leaves <= READ
        cells = (*cells, f"{sent[name] / 1e3:.0f}", f"{share * rows:,.0f}", ", ".join(sorted(leaves)))
        print(f"| {name} | {' | '.join(cells)} |")
        if plans_in:
            (plans_in / f"{name}.txt").write_text("\n\n".join(plans[name]))
    return right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="?", type=lambda text: int(float(text)), default=200_000)
    parser.add_argument("--plans", type=Path, help="existing folder to write the physical plans to")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that what was started is stopped too
    sys.exit(not main(options.rows, options.plans))
