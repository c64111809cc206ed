"""What several tests need: sample businesses, the shared data, and tools that may be absent."""

import gc
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy loads: workers side by side would wait for each other

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from engagekit.samples.make import make_sample, write_sample

os.environ["PATH"] += "".join(f":{path}" for path in sorted(Path("/usr/lib/postgresql").glob("*/bin")))  # of Debian
SHARED = Path(__file__).parents[2] / "shared" / "data"
settings.register_profile("kit", deadline=None, max_examples=20)  # no deadline: the first example pays for imports
settings.register_profile("soak", deadline=None, max_examples=500)  # pytest --hypothesis-profile soak
settings.load_profile("kit")
KINDS = ("ecommerce", "saas", "subscription")


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(tool): skipped without a system tool, and failed if REQUIRE_ALL is set")
    config.addinivalue_line("markers", "soak: takes too long for every change; make soak runs it")


WITH_REPORTS = {"test_browser", "test_churn_report", "test_languages", "test_results", "test_words"}  # share built ones
LONG = {"test_bytes", "test_wheel", "test_readme", "test_notebooks", "test_own_notebook", "test_batch"}
LONG |= {"test_docs", "test_explore", "test_jupyterlab"}


class ByFixture(LoadScopeScheduling):
    """Keep on one worker what shares something: a module's fixtures, samples' reports, the session of Spark."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if is_of_spark(test):
            return "spark"
        return "reports" if Path(file).stem in WITH_REPORTS else file


def is_of_spark(test):
    return "spark" in test.partition("[")[2]


def pytest_collection(session):
    gc.disable()  # what is collected stays until the end, and searching it again and again takes seconds


def pytest_collection_modifyitems(items):
    """Begin with what takes long, or one worker waits for the other at the end."""
    items.sort(key=lambda item: item.path.stem not in WITH_REPORTS | LONG and not is_of_spark(item.name))


def pytest_collection_finish(session):
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFixture(config, log)


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        tool = marker.args[0]
        if shutil.which(tool) is None:
            message = f"{tool} is not installed"
            pytest.fail(message) if os.environ.get("REQUIRE_ALL") else pytest.skip(message)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium; tests that ask for it need it."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shared():
    """Path of a real data set; skips where it is absent."""

    def path(name):
        if not (SHARED / name).is_dir():
            pytest.skip(f"the real data set {name} is not beside the project")
        return SHARED / name

    return path


@pytest.fixture(scope="session")
def cases():
    """Path of a small export made after a bug report; skips where it is absent."""

    def path(name):
        folder = SHARED.parent / "cases" / name
        return folder if folder.is_dir() else pytest.skip(f"the case {name} is not beside the project")

    return path


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """Address of a PostgreSQL database on a free port of this machine alone; tests that ask for it need it."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a short path, since sockets allow no long one
    as_owner = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = [*as_owner, "initdb", "--pgdata", folder / "data", "--auth", "trust", "--username", "shop", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True)
    serve = ["postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
    with subprocess.Popen([*as_owner, *serve], stderr=subprocess.PIPE, text=True) as server:
        try:
            next(line for line in server.stderr if "ready to accept connections" in line)
            yield f"postgresql://shop:topsecret@127.0.0.1:{port}/postgres"
        finally:
            (number, *_) = (folder / "data" / "postmaster.pid").read_text().splitlines()
            os.kill(int(number), signal.SIGINT)
            server.wait(30)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """A wheel of the kit."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", out]
    subprocess.run([*command, Path(__file__).parents[1]], check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def unpacked_wheel(wheel, tmp_path_factory):
    """Folder with what a wheel of the kit installs; PYTHONPATH leads to it."""
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(site)
    return site


@pytest.fixture(scope="session")
def sample_folders(tmp_path_factory):
    """The three sample businesses, small, by kind."""
    root = tmp_path_factory.mktemp("samples")
    folders = {kind: root / f"the-{kind}" for kind in KINDS}
    for kind, folder in folders.items():
        write_sample(make_sample(kind, customers=300), folder)
    return folders


@cache
def _duckdb():
    """One connection, because DuckDB joins no frames of two."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    return connection


def _to_duckdb(frame):
    return _duckdb().from_arrow(frame.to_arrow())


@cache
def _spark():
    """Session on this machine alone, set for small frames."""
    from pyspark.sql import SparkSession

    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # a third less CPU time
        "spark.python.sql.dataFrameDebugging.enabled": "false",  # or each expression asks for the line it stands in
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",  # compiling takes longer than these frames do
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": 1,
        "spark.sql.adaptive.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    return SparkSession.builder.master("local[1]").config(map=options).getOrCreate()


def _to_spark(frame):
    return _spark().createDataFrame(frame.to_arrow())


ENGINES = {
    "pandas": pl.DataFrame.to_pandas,
    "polars": lambda frame: frame,
    "polars-lazy": pl.DataFrame.lazy,
    "duckdb": _to_duckdb,
    "spark": _to_spark,
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.needs("java")] * (name == "spark")) for name in ENGINES])
def on_engine(request):
    """Function that moves a Polars frame to one of the engines."""
    return ENGINES[request.param]


@pytest.fixture(params=["pandas", "polars"])
def in_memory(request):
    """Function that moves a Polars frame to one of the engines that cost nothing to start."""
    return ENGINES[request.param]
