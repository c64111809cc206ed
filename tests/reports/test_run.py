import hashlib
import json
import os
import tempfile
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

from engagekit.errors import DataError
from engagekit.reports import run as running
from engagekit.reports.kernel import FOLDER_PREFIX, LOCK, YOUNG_S
from engagekit.reports.run import run

RESULTS = {"schema": 1, "as_of": "2026-11-01", "tables": []}
SENTINEL = f"from IPython.display import display\ndisplay({{{running.SENTINEL!r}: {RESULTS!r}}}, raw=True)"
PARAMETERS = 'business: str = ""  # folder\nas_of: str = ""  # ISO date'
TOML = 'name = "{name}"\nkind = "saas"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'


@pytest.fixture
def business(tmp_path):
    folder = tmp_path / "My shop"
    folder.mkdir()
    (folder / "business.toml").write_text(TOML.format(name="My <b>shop</b>"))
    return folder


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Write a template whose cells are given, in the place of the kit's own."""
    folder = tmp_path / "templates"
    folder.mkdir()
    monkeypatch.setattr(running, "template_path", lambda *parts: folder.joinpath(*parts))
    monkeypatch.setattr(running, "LAST_CELL", SENTINEL)

    def write(*cells, name="tiny"):
        first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        notebook = nbformat.v4.new_notebook(cells=[first, *map(nbformat.v4.new_code_cell, cells)])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, folder / f"{name}.ipynb")
        return name

    return write


def files(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir()}


def test_a_good_run_leaves_four_files_and_nothing_else(business, template, tmp_path):
    done = run(business, tmp_path / "out", template=template())
    assert (done.status, done.error, done.slug) == ("ok", "", "my-shop")
    final = tmp_path / "out" / "my-shop" / "tiny"
    assert sorted(files(final)) == ["metrics.json", "report.html", "report.ipynb", "run.json"]
    assert os.listdir(final.parent) == ["tiny"]
    assert "<h1>My &lt;b&gt;shop&lt;/b&gt;</h1>" in (final / "report.html").read_text("utf-8")
    record = json.loads((final / "run.json").read_text("utf-8"))
    assert (record["status"], record["as_of"]) == ("ok", "2026-11-01")
    assert str(tmp_path) not in json.dumps(record)
    assert record["state_sha256"] == {}


def test_what_outlives_a_run_is_among_its_inputs(business, template, tmp_path):
    state = business.parent / "scorecard.json" if business.suffix else business / "scorecard.json"
    state.write_text("{}")
    done = run(business, tmp_path / "out", template=template())
    record = json.loads((Path(done.folder) / "run.json").read_text("utf-8"))
    assert record["state_sha256"] == {"scorecard.json": hashlib.sha256(b"{}").hexdigest()}


FAILURES = {
    "1 / 0": "ZeroDivisionError in cell 2: division by zero",
    "from engagekit import DataError\nraise DataError('11 is off the scale', file='a.csv', row=14)": (
        "a.csv, row 14: 11 is off the scale"
    ),
    "import sys; sys.exit(0)": "there is no sentinel",
    "import os; os._exit(3)": "kernel died",
    "input('?')": "StdinNotImplementedError",
}


def test_a_failed_run_keeps_the_previous_report_and_says_why(business, template, tmp_path):
    out = tmp_path / "out"
    run(business, out, template=template())
    before = files(out / "my-shop" / "tiny")
    for cell, reason in FAILURES.items():
        done = run(business, out, template=template(cell))
        assert done.status == "failed", cell
        assert reason in done.error
        assert files(out / "my-shop" / "tiny") == before
        record = json.loads((out / "my-shop" / "tiny.failed" / "run.json").read_text("utf-8"))
        assert (record["status"], record["error"]) == ("failed", done.error)
    assert run(business, out, template=template()).status == "ok"
    assert os.listdir(out / "my-shop") == ["tiny"]


def test_a_template_writes_beside_its_report_and_a_failed_one_leaves_no_private_list(business, template, tmp_path):
    write = "import pathlib\npathlib.Path('private').mkdir()\n_ = pathlib.Path('private/customers.csv').write_text('a')"
    done = run(business, tmp_path / "out", template=template(write))
    assert (Path(done.folder) / "private" / "customers.csv").read_text() == "a"
    failed = run(business, tmp_path / "out", template=template(write, "1 / 0"))
    assert failed.status == "failed"
    assert not (Path(failed.folder) / "private").exists()
    assert (Path(done.folder) / "private" / "customers.csv").is_file()


def test_the_notebook_finds_the_business_from_the_folder_of_its_report(business, template, tmp_path, monkeypatch):
    monkeypatch.chdir(business.parent)
    cell = "import pathlib\nassert pathlib.Path(business).resolve().is_file(), business"
    done = run(business.name, "out", template=template(cell))
    assert done.status == "ok", done.error
    (parameters,) = (
        cell.source
        for cell in nbformat.read(Path(done.folder) / "report.ipynb", 4).cells
        if "injected" in str(cell.metadata)
    )
    assert str(tmp_path) not in parameters


def test_a_cell_that_takes_too_long_is_stopped(business, template, tmp_path):
    name = template("import time; time.sleep(60)")
    done = run(business, tmp_path / "out", template=name, timeout=1)
    assert "took longer than 1 s" in done.error


def test_the_kernel_is_reached_by_sockets_in_a_private_folder_that_is_gone_afterwards(business, template, tmp_path):
    cell = """
import ipykernel, json, pathlib, stat
connection = json.loads(ipykernel.get_connection_info())
folder = pathlib.Path(connection["ip"]).parent
assert connection["transport"] == "ipc" and stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
raise RuntimeError(folder)"""
    done = run(business, tmp_path / "out", template=template(cell))
    folder = done.error.rsplit(" ", 1)[-1]
    assert done.error == f"RuntimeError in cell 2: {folder}"
    assert not os.path.exists(folder)


def test_an_unknown_parameter_is_refused_with_those_there_are(business, template, tmp_path):
    with pytest.raises(ValueError, match="tiny has no parameter 'as_off'. Did you mean as_of?"):
        run(business, tmp_path / "out", template=template(), parameters={"as_off": "2026-01-01"})
    assert not (tmp_path / "out").exists()


def test_an_unknown_template_is_refused_with_those_there_are(business, tmp_path):
    with pytest.raises(ValueError, match="no template 'engagment'. There are: churn, engagement, and the path of any"):
        run(business, tmp_path / "out", template="engagment")


def test_a_business_that_cannot_be_opened_is_an_error_at_once(tmp_path):
    with pytest.raises(DataError, match=r"business\.toml: is not there"):
        run(tmp_path / "nobody", tmp_path / "out")


@pytest.mark.soak
def test_a_crash_between_two_renames_is_mended(business, template, tmp_path):
    out = tmp_path / "out"
    run(business, out, template=template())
    home = out / "my-shop"
    (home / "tiny").rename(home / ".tiny.previous")
    template("1 / 0")
    assert run(business, out, template="tiny").status == "failed"
    assert "report.html" in files(home / "tiny")


def test_braces_in_paths_are_literal(business, template, tmp_path):
    done = run(business, tmp_path / "out {x}", template=template())
    assert (tmp_path / "out {x}" / "my-shop" / "tiny" / "report.html").is_file()
    assert done.status == "ok"


def test_html_of_others_is_not_shown(business, template, tmp_path):
    name = template("from IPython.display import HTML, display\ndisplay(HTML('<script>1</script>'))")
    done = run(business, tmp_path / "out", template=name)
    assert done.status == "ok"
    assert "script>" not in (Path(done.folder) / "report.html").read_text("utf-8")


def test_what_a_killed_run_left_of_its_kernel_is_removed_by_the_next(business, template, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def kernel(name, age):
        folder = tmp_path / f"{FOLDER_PREFIX}{name}"
        folder.mkdir()
        (folder / "connection.json").write_text("key")
        (folder / LOCK).touch()
        os.utime(folder, (folder.stat().st_mtime - age,) * 2)
        return folder

    killed, young, used = kernel("killed", 2 * YOUNG_S), kernel("young", 0), kernel("used", 2 * YOUNG_S)
    with FileLock(used / LOCK):
        run(business, tmp_path / "out", template=template())
        assert [killed.exists(), young.exists(), used.exists()] == [False, True, True]
    assert len(list(tmp_path.glob(f"{FOLDER_PREFIX}*"))) == 2


def test_start_up_files_of_whoever_runs_it_change_no_report(business, template, tmp_path, monkeypatch):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise SystemExit('personal')\n")
    (startup / "01.py").write_text("personal = 1\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    done = run(business, tmp_path / "out", template=template("assert 'personal' not in globals()"))
    assert done.status == "ok", done.error


def test_a_file_in_the_place_of_the_reports_is_named(business, template, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "my-shop").write_text("")
    with pytest.raises(DataError, match="my-shop: the reports of this business cannot be written here .File exists."):
        run(business, tmp_path / "out", template=template())
