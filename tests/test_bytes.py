"""The same folder and versions give the same files, whatever the threads, hash seed, zone, day and installation."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import engagekit

PACKAGE = Path(engagekit.__file__).parent
TEMPLATES = ("engagement", "churn")
WORLDS = {
    "one": {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1", "TZ": "UTC"},
    "other": {"POLARS_MAX_THREADS": "4", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "2", "TZ": "Asia/Makassar"},
}
WRITE = """
import sys
import engagekit
from engagekit.reports.batch import report
site, business, out, *templates = sys.argv[1:]
assert engagekit.__file__.startswith(site), engagekit.__file__
runs = [run for template in templates for run in report([business], out, template=template)]
sys.exit("; ".join(run.error for run in runs if run.error) or 0)
"""
CONTRACTS = ("saas", "subscription")
WRITTEN = {"index.html", "report.html", "metrics.json", "lists.csv", "lists.xlsx"}
OF_CHURN = {"customers.csv", "customers.xlsx"}
DIFFERENT = {"run.json", ".lock", "report.ipynb"}  # the notebook is compared without papermill's metadata


BOTH = [pytest.param((kind, TEMPLATES), marks=pytest.mark.soak) for kind in ("ecommerce", *CONTRACTS)]


@pytest.fixture(scope="module", params=[("ecommerce", TEMPLATES[:1]), *BOTH])
def outs(request, sample_folders, unpacked_wheel, tmp_path_factory):
    """Folders of the reports of one business, written by two processes side by side, one of them from a wheel."""
    root = tmp_path_factory.mktemp("bytes")
    kind, templates = request.param
    processes = {}
    for (name, world), site in zip(WORLDS.items(), (PACKAGE.parent, unpacked_wheel), strict=True):
        command = [sys.executable, "-c", WRITE, site, sample_folders[kind], root / name, *templates]
        environment = os.environ | world | {"PYTHONPATH": str(site)}
        processes[name] = subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.PIPE)
    errors = {name: process.communicate()[1].decode() for name, process in processes.items()}
    assert [process.returncode for process in processes.values()] == [0, 0], errors
    return [root / name for name in WORLDS]


def files(out):
    return sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())


def own_cells(path):
    """Notebook without what papermill notes of times, and without the random id of the cell that it adds."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell.pop("id")
    return notebook


def test_both_processes_write_the_same_files(outs, request):
    one, other = outs
    assert files(one) == files(other)
    kind, templates = request.node.callspec.params["outs"]
    churn = OF_CHURN | ({"churn.skops"} if kind == "ecommerce" else set())  # contracts are too few for a model
    assert {path.name for path in files(one)} >= DIFFERENT | WRITTEN | (churn if "churn" in templates else set())


def test_every_file_but_the_record_and_the_notebook_has_the_same_bytes(outs):
    one, other = outs
    compared = [path for path in files(one) if path.name not in DIFFERENT]
    assert [str(path) for path in compared if (one / path).read_bytes() != (other / path).read_bytes()] == []


def test_a_notebook_is_the_same_but_for_what_papermill_notes(outs):
    one, other = (sorted(out.glob("*/*/report.ipynb")) for out in outs)
    assert [own_cells(path) for path in one] == [own_cells(path) for path in other] != []


def test_only_the_record_of_a_run_and_the_search_for_the_last_month_ask_what_day_it_is():
    asked = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"now", "today", "utcnow"}
    }
    assert asked <= {"record.py", "business.py"}  # the latter leaves out rows that are dated in the future
