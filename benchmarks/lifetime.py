"""How long BG/NBD takes to fit beside lifetimes 0.11.3, on CDNOW and on a million synthetic customers.

Run ``python benchmarks/lifetime.py [--folder FOLDER] [--rounds N] [--customers N]``; it takes some minutes, most of
them those of ``lifetimes`` on the million. That library needs older releases of pandas, NumPy and SciPy than ours, so
it gets an environment of its own in the folder, made with venv and pip where it is not there yet.

Both sides start from a pandas frame in memory and end with parameters and their standard errors, and stay in a process
of their own with everything imported and one fit made. Rounds are interleaved, so that a busy machine slows both alike;
the table shows medians, and the ratio of the medians. The synthetic customers are drawn from CDNOW's parameters over
one to 39 weeks, once with times to the last digit, which leaves nothing to aggregate, and once in whole days, which is
how purchases are counted. The two sides must agree on the parameters, else it stops.

``--forecast`` prints instead, in seconds, how well the last part of CDNOW, an online grocery and Online Retail (those
that are in ``../shared/data``) is forecast from what was before: the forecast with the interval of what comes, and what
came. CDNOW is cut where the papers cut it, at 39 of 78 weeks, and as a report does it, at two thirds.
"""

import argparse
import datetime as dt
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import polars as pl

OTHER = ["lifetimes==0.11.3", "pandas<2.2", "numpy<2", "scipy<1.12", "autograd<1.7", "dill"]
TARGETS = {"CDNOW": 10, "continuous": 6, "whole days": 6}
TRUE = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
COLUMNS = ["frequency", "recency", "age"]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
WORKER = """
import sys, time
import numpy as np, pandas as pd
from lifetimes import BetaGeoFitter
for line in sys.stdin:
    rows = pd.DataFrame(np.load(line.strip()), columns=["frequency", "recency", "T"])
    start = time.perf_counter()
    fitted = BetaGeoFitter().fit(rows["frequency"], rows["recency"], rows["T"])
    print(time.perf_counter() - start, *fitted.params_, flush=True)
"""


def environment(folder: Path) -> Path:
    """Python of an environment that has lifetimes."""
    python = folder / "lifetimes" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *OTHER], check=True)
    return python


def cdnow(python: Path) -> np.ndarray:
    """CDNOW's customers, from the file in lifetimes."""
    [path] = python.parents[1].rglob("lifetimes/datasets/cdnow_customers_summary.csv")
    return pd.read_csv(path)[["frequency", "recency", "T"]].to_numpy(float)


def synthetic(customers: int, days: int | None = None) -> np.ndarray:
    """Histories of customers who do as the model says; with ``days``, times are cut to so many a unit."""
    rng = np.random.default_rng(20261122)
    age = rng.uniform(1, 39, customers)
    rate, leaving = rng.gamma(TRUE["r"], 1 / TRUE["alpha"], customers), rng.beta(TRUE["a"], TRUE["b"], customers)
    frequency, last, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    alive = np.arange(customers)
    while len(alive):
        now[alive] += rng.exponential(1, len(alive)) / np.maximum(rate[alive], 1e-300)
        alive = alive[now[alive] <= age[alive]]
        frequency[alive] += 1
        last[alive] = now[alive]
        alive = alive[rng.random(len(alive)) > leaving[alive]]
    if days:
        age, last = np.ceil(age * days) / days, np.ceil(last * days) / days
    return np.stack([frequency, last, age], axis=1)


def ours(rows: pd.DataFrame) -> tuple[float, list[float]]:
    from engagekit.value.beta_geometric import BetaGeometric

    start = time.perf_counter()
    model = BetaGeometric.fit(rows, "week")
    model.standard_errors()
    return time.perf_counter() - start, [model.r, model.alpha, model.a, model.b]


def theirs(worker: subprocess.Popen, path: Path) -> tuple[float, list[float]]:
    worker.stdin.write(f"{path}\n")
    worker.stdin.flush()
    seconds, *values = map(float, worker.stdout.readline().split())
    return seconds, values


def shops() -> dict[str, pl.DataFrame]:
    """Purchases of the shops that are there: ``customer_id, time`` and, but for the grocery, ``value``."""
    readers = {"cdnow": cdnow_purchases, "btyd_grocery": grocery, "online_retail": retail}
    return {name: read(SHARED / name) for name, read in readers.items() if (SHARED / name).is_dir()}


def cdnow_purchases(folder: Path) -> pl.DataFrame:
    columns = ["master", "customer_id", "date", "quantity", "value"]
    rows = pd.read_csv(folder / "CDNOW_sample.txt", sep=r"\s+", header=None, names=columns)
    time = pd.to_datetime(rows["date"].astype(str)).astype("datetime64[us]")
    return pl.from_pandas(rows.assign(time=time)[["customer_id", "time", "value"]])


def grocery(folder: Path) -> pl.DataFrame:
    rows = pl.read_csv(folder / "groceryElog.csv", try_parse_dates=True)
    return rows.select(customer_id="cust", time=pl.col("date").cast(pl.Datetime("us")))


def retail(folder: Path) -> pl.DataFrame:
    """Invoices of known customers, without cancelled lines and lines without a price."""
    lines = pl.read_parquet(folder / "online_retail.parquet").filter(pl.col("Quantity") > 0, pl.col("UnitPrice") > 0)
    names = {"customer_id": "CustomerID", "order": "InvoiceNo", "time": pl.col("InvoiceDate").cast(pl.Datetime("us"))}
    lines = lines.drop_nulls("CustomerID").select(**names, value=pl.col("Quantity") * pl.col("UnitPrice"))
    return lines.group_by("customer_id", "order").agg(pl.col("time").min(), pl.col("value").sum()).sort("order")


def forecasts() -> None:
    from engagekit.value.beta_geometric import BetaGeometric
    from engagekit.value.coming_year import buyers_year
    from engagekit.value.forecast import forecast_purchases
    from engagekit.value.purchase_history import purchase_histories

    print("| shop | customers | from | to | forecast | 95 % | came | forecast off by | CPU s |\n" + "| --- " * 9 + "|")

    def show(name: str, customers: int, dates: tuple[object, object], row: tuple[float, ...], seconds: float) -> None:
        value, low, high, came = row
        days = " | ".join(f"{date:%Y-%m-%d}" for date in dates)
        outside = "" if low <= came <= high else " (outside)"
        numbers = f"{value:,.0f} | {low:,.0f} to {high:,.0f} | {came:,.0f}{outside} | {value / came - 1:+.1%}"
        print(f"| {name} | {customers:,} | {days} | {numbers} | {seconds:.2f} |")

    for name, rows in shops().items():
        last = rows.select(pl.col("time").max().dt.truncate("1d")).item() + dt.timedelta(days=1)
        start = time.process_time()
        if name == "cdnow":
            cut = dt.datetime(1997, 10, 1)
            bought = rows.with_columns(action=pl.lit("purchase"))
            both = purchase_histories(bought, [cut, last], "day")
            before, after = (both.filter(pl.col("date") == date).drop("date") for date in (cut, last))
            total = forecast_purchases(before, BetaGeometric.fit(before), periods=(last - cut).days)
            came = after["frequency"].sum() - before["frequency"].sum()  # all had bought before the cut
            row = (*total.select("^purchases.*$").row(0), came)
            show("cdnow, as the papers", len(before), (cut, last), row, time.process_time() - start)
            start = time.process_time()
        year = buyers_year(rows, last)
        if year.reason:
            print(f"| {name} | {year.reason} |" + " |" * 7)
            continue
        dates = year.hold_out["date"][0], year.hold_out["date"][-1]
        show(name, year.tried, dates, year.hold_out.row(-1)[1:], time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, help="where the environment is made and kept; by default a temporary one"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="on the synthetic customers; CDNOW takes ten times as many"
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--forecast", action="store_true", help="forecasts of real shops beside what came, and no more")
    given = parser.parse_args()
    if given.forecast:
        forecasts()
        return
    with tempfile.TemporaryDirectory() as temporary:
        python = environment(given.folder or Path(temporary))
        works = {
            "CDNOW": (cdnow(python), 10 * given.rounds),
            "continuous": (synthetic(given.customers), given.rounds),
            "whole days": (synthetic(given.customers, 7), given.rounds),
        }
        worker = subprocess.Popen([python, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print("| customers | n | engagekit, s | lifetimes, s | ratio | target |\n| --- | --- | --- | --- | --- | --- |")
        for name, (table, rounds) in works.items():
            path = Path(temporary) / "rows.npy"
            np.save(path, table)
            rows = pd.DataFrame(table, columns=COLUMNS)
            times = []
            for _ in range(rounds + (name == "CDNOW")):  # the first of all warms up
                (own, values), (other, expected) = ours(rows), theirs(worker, path)
                np.testing.assert_allclose(values, expected, rtol=1e-3)
                times.append((own, other))
            own, other = (median(column) for column in zip(*times[name == "CDNOW" :], strict=True))
            ratio = f"**{other / own:.1f}** | {TARGETS[name]}"
            print(f"| {name} | {len(rows):,} | {own:.4f} | {other:.4f} | {ratio} |", flush=True)
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    sys.exit(main())
