"""What whole reports cost: CPU seconds of all processes, beside the first edition and the floor, and peak memory.

``python benchmarks/reports.py [--rounds 5]`` writes the engagement and the churn report of the sample shop of 2,000
customers and of Online Retail, if that lies beside the project: medians over the rounds of user and system seconds of
``engagekit report`` with its kernel, and the largest resident memory of any of its processes. The floor is the same
command for a notebook that computes nothing: ``bare`` with nothing in it, ``imports`` with what a report imports.
Machines are noisy: run it on a quiet one.

``--customers 20000`` takes a larger sample; ``--parquet`` writes its tables as Parquet, all cells as text, as some
warehouses export them. ``make soak`` runs both sizes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import nbformat
import polars as pl

ROOT = Path(__file__).parents[1]
RETAIL = ROOT.parent / "shared" / "data" / "online_retail" / "online_retail.csv.gz"
FIRST_EDITION = {("shop", 2_000): (36, 54), ("shop", 20_000): (160, 299), ("online retail", 0): (24, 35)}  # CPU s
GOALS = {("shop", 2_000): (12, 18), ("shop", 20_000): (45, 90), ("online retail", 0): (12, 18)}
TEMPLATES = ("engagement", "churn")
CLI = [sys.executable, "-W", "ignore", "-c", "from engagekit.cli import main; main()", "report"]
FLOOR = """
import sys
from pathlib import Path
import engagekit.reports.batch
from engagekit.reports.kernel import execute
sys.exit(execute(Path(sys.argv[1]), Path(sys.argv[1]).with_suffix(".out.ipynb"), {}, 600) or 0)
"""
IMPORTS = {
    "bare": "",
    "engagement": "import engagekit.reports.score, matplotlib.figure, pandas, polars",
    "churn": "import engagekit.reports.churn_trial, matplotlib.figure, pandas, polars\n"
    "import sklearn.compose, sklearn.ensemble, sklearn.linear_model, sklearn.pipeline, sklearn.preprocessing, skops.io",
}


class Cost(NamedTuple):
    """CPU and elapsed seconds, and the largest resident memory in MB."""

    cpu: float
    wall: float
    peak: float


def cost(command):
    """Run a command; what it and its children cost."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(map(str, command[4:]))}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - started, used.ru_maxrss / 1024)


def medians(costs):
    return Cost(*map(median, zip(*costs, strict=True)))


def sample(folder, customers, as_parquet):
    """Write the sample shop in a process of its own, so that its memory is not ours."""
    code = "import sys, engagekit as ek\n"
    code += "ek.write_sample(ek.make_sample('ecommerce', customers=int(sys.argv[2])), sys.argv[1])"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, folder, str(customers)], check=True)
    if as_parquet:
        for file in (folder / "data").glob("*.csv"):
            rows = pl.scan_csv(file, separator=";", infer_schema=False)
            rows.sink_parquet(file.with_suffix(".parquet"))
            file.unlink()
        settings = folder / "business.toml"
        settings.write_text(settings.read_text("utf-8").replace('.csv"', '.parquet"'), "utf-8")
    return folder


def retail(folder):
    """Online Retail as the golden figures read it."""
    sys.path.insert(0, str(ROOT / "tests" / "golden"))
    from summaries import SETTINGS

    folder.mkdir()
    shutil.copy(RETAIL, folder)
    (folder / "business.toml").write_text(SETTINGS, "utf-8")
    return folder


def empty_notebook(folder, name):
    """Notebook that imports what a report imports, and computes nothing."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(IMPORTS[name])])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    file = folder / f"{name}.ipynb"
    nbformat.write(notebook, file)
    return file


def print_floor(root, rounds):
    """Print what a notebook costs that computes nothing."""
    for name in IMPORTS:
        command = [*CLI[:4], FLOOR, empty_notebook(root, name)]
        cpu, wall, peak = medians([cost(command) for _ in range(rounds)])
        what = "nothing in it" if name == "bare" else f"imports of the {name} report"
        print(f"{'floor: ' + what:44} {cpu:7.1f} s {wall:7.1f} s {peak:7.0f} MB")


def print_reports(name, customers, business, rounds):
    """Print what both reports of a business cost."""
    first, goals = (table.get((name, customers), (None, None)) for table in (FIRST_EDITION, GOALS))
    for template, before, goal in zip(TEMPLATES, first, goals, strict=True):
        with TemporaryDirectory() as out:
            command = [*CLI, business, "--template", template, "--out", out]
            cpu, wall, peak = medians([cost(command) for _ in range(rounds)])
        label = f"{name}{f' of {customers:,}' if customers else ''}: {template}"
        reference = f"  first edition {before} s, to reach {goal} s" if before else ""
        print(f"{label:44} {cpu:7.1f} s {wall:7.1f} s {peak:7.0f} MB{reference}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="medians over so many")
    parser.add_argument("--customers", type=int, default=2_000, help="of the sample shop")
    parser.add_argument("--parquet", action="store_true", help="write the sample's tables as Parquet")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    print(f"{'':44} {'CPU':>9} {'elapsed':>9} {'memory':>10}")
    with TemporaryDirectory() as name:
        root = Path(name)
        print_floor(root, options.rounds)
        shop = sample(root / "shop", options.customers, options.parquet)
        print_reports("shop", options.customers, shop, options.rounds)
        if options.customers == 2_000 and RETAIL.is_file():
            print_reports("online retail", 0, retail(root / "online-retail"), options.rounds)


if __name__ == "__main__":
    main()
