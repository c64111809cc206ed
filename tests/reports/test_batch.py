import json
import os
from html import unescape
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

from engagekit.reports import run as running
from engagekit.reports.batch import OutputLocked, report
from engagekit.reports.record import LONGEST_MESSAGE

TOML = 'name = "{name}"\nkind = "saas"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'
MAILINGS = '[tables.mailings]\nfile = "mailings.csv"\n'
ROWS = "sent_at,campaign,sent,delivered,clicks\n2026-01-10,a,100,100,4\n2026-01-31,b,100,100,6\n"


def shop(root, folder, name="A shop", settings="", rows=ROWS):
    path = root / folder
    path.mkdir()
    (path / "business.toml").write_text(TOML.format(name=name) + settings + MAILINGS)
    (path / "mailings.csv").write_text(rows)
    return path


def test_one_failure_leaves_the_others_alone_and_is_in_the_index(tmp_path):
    good, bad = (
        shop(tmp_path, "good", "Good & <i>shop</i>"),
        shop(tmp_path, "bad", rows=ROWS.replace("100", "x")),
    )
    heard = []
    runs = report([bad, tmp_path / "nobody", good], tmp_path / "out", jobs=2, done=heard.append)
    assert [run.status for run in runs] == ["failed", "failed", "ok"]
    assert sorted(run.slug for run in heard) == ["bad", "good", "nobody"]
    assert "mailings.csv, row 2, sent: the cell was refused: not_count" in runs[0].error
    index = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert 'href="good/engagement/report.html"' in index
    assert "Good &amp; &lt;i&gt;shop&lt;/i&gt;" in index
    assert "was refused: not_count" in index
    assert "is not there" in index

    # the good one breaks: its report stays in the folder and in the index, together with the reason
    (good / "mailings.csv").write_text("")
    assert [run.status for run in report([good], tmp_path / "out")] == ["failed"]
    index = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert 'href="good/engagement/report.html"' in index
    assert "is empty" in index
    metrics = json.loads((tmp_path / "out" / "good" / "engagement" / "metrics.json").read_text("utf-8"))
    january = {row["metric"]: row for row in metrics["metrics"] if row["period"] == "2026-01"}
    assert january["click_rate"]["value"] == 0.05


@pytest.mark.soak
def test_a_business_lists_its_templates_and_a_run_says_what_it_is_at(tmp_path):
    listed, headings = shop(tmp_path, "good", settings='[report]\ntemplates = ["engagement", "churn"]\n'), []
    runs = report([listed], tmp_path / "out", begun=headings.append)
    assert [(run.template, run.status) for run in runs] == [("engagement", "ok"), ("churn", "failed")]
    assert "there are no interactions" in runs[1].error
    assert headings.index("Main numbers") < headings.index("Method and limits") < headings.index("Fit and try")


def test_a_notebook_of_ones_own_is_no_template_of_a_business(tmp_path):
    """A notebook is code, which a folder of data must not bring along."""
    (run,) = report([shop(tmp_path, "good", settings='[report]\ntemplates = ["mine.ipynb"]\n')], tmp_path / "out")
    assert "'mine.ipynb' is none of churn, engagement. Name a notebook of your own as --template" in run.error


def test_two_businesses_with_one_name_in_paths_both_fail(tmp_path):
    (tmp_path / "x").mkdir()
    one, other = shop(tmp_path, "kedai-kopi"), shop(tmp_path / "x", "Kedai Kopi")
    runs = report([one, other], tmp_path / "out")
    assert ["another business is called 'kedai-kopi' too" in run.error for run in runs] == [True, True]


def test_a_folder_that_another_run_writes_to_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"), pytest.raises(OutputLocked, match="another run"):
        report([tmp_path / "nobody"], tmp_path / "out")


@pytest.mark.soak
def test_a_failure_stays_in_the_index_until_it_is_mended(tmp_path):
    broken, good = tmp_path / "broken", shop(tmp_path, "good")
    broken.mkdir()
    (broken / "business.toml").write_text("name = ")
    out = tmp_path / "out"
    assert [run.status for run in report([broken], out)] == ["failed"]
    record = json.loads((out / "broken" / "engagement.failed" / "run.json").read_text("utf-8"))
    assert "is not valid TOML" in record["error"]
    assert [run.status for run in report([good, good / "business.toml"], out)] == ["ok"]  # one business, given twice
    index = (out / "index.html").read_text("utf-8")
    assert "is not valid TOML" in index
    assert 'href="good/engagement/report.html"' in index

    # a file that cannot be read is one entry's problem; remains of a killed run are ignored
    (out / "good" / "engagement" / "metrics.json").write_text("{")
    (out / "good" / ".engagement-killed").mkdir()
    (out / "good" / ".engagement-killed" / "run.json").write_text("{}")
    (broken / "business.toml").unlink()
    report([broken], out)
    index = (out / "index.html").read_text("utf-8")
    assert "engagement cannot be read" in index
    assert "killed" not in index


@pytest.mark.soak
def test_a_worker_that_dies_takes_nobody_along(tmp_path, monkeypatch):
    good = [shop(tmp_path, name) for name in ("one", "two")]
    (tmp_path / "deadly").mkdir()
    (tmp_path / "deadly" / "sitecustomize.py").write_text(
        "import os\nimport engagekit.data.business as b\nreal = b.Business.slug\n"
        "b.Business.slug = property(lambda self: os._exit(9) if self.name == 'Deadly' else real.fget(self))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "deadly"))
    runs = report([*good, shop(tmp_path, "dead", "Deadly")], tmp_path / "out", jobs=2)
    assert [run.status for run in runs] == ["ok", "ok", "failed"]
    assert "BrokenProcessPool" in runs[2].error


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Name of a template that measures nothing, so that a good run is quick."""
    results = {"schema": 1, "as_of": "2026-11-01", "month": "2026-10", "tables": [], "metrics": []}
    results["business"] = {"name": "Good shop", "language": "en", "currency": "GBP"}
    last = f"from IPython.display import display\ndisplay({{{running.SENTINEL!r}: {results!r}}}, raw=True)"
    parameters = nbformat.v4.new_code_cell('business: str = ""\nas_of: str = ""', metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[parameters])
    monkeypatch.setattr(running, "LAST_CELL", last)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folder = tmp_path / "templates"
    folder.mkdir()
    nbformat.write(notebook, folder / "tiny.ipynb")
    monkeypatch.setattr(running, "template_path", lambda *parts: folder.joinpath(*parts))
    return "tiny"


def nested_too_deep(root, out):
    folder = shop(root, "nested")
    (folder / "business.toml").write_text("a = " + "[" * 5_000 + "]" * 5_000)
    return folder


def with_too_long_a_path(root, out):
    return root / ("x" * 300)


def with_a_file_in_place_of_its_reports(root, out):
    out.mkdir()
    (out / "blocked").write_text("")
    return shop(root, "blocked")


def whose_settings_nobody_may_read(root, out):
    return shop(root, "secret")


@pytest.mark.parametrize(
    "make",
    [
        nested_too_deep,
        with_too_long_a_path,
        with_a_file_in_place_of_its_reports,
        whose_settings_nobody_may_read,
    ],
)
def test_a_business_that_cannot_even_be_recorded_stops_no_other(tmp_path, tiny, monkeypatch, make):
    out = tmp_path / "out"
    bad, good = make(tmp_path, out), shop(tmp_path, "good", "Good shop")
    read = Path.read_text

    def refused(self, *how, **named):  # root may read everything, so that chmod would not do
        if self.parent.name == "secret":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *how, **named)

    monkeypatch.setattr(Path, "read_text", refused)
    runs = report([bad, good], out, template=tiny)
    assert [run.status for run in runs] == ["failed", "ok"], runs
    assert 0 < len(runs[0].error) <= LONGEST_MESSAGE
    index = (out / "index.html").read_text("utf-8")
    assert 'href="good/tiny/report.html"' in index
    assert runs[0].error in unescape(index)
    assert runs[0].name in index


def test_a_long_reason_is_cut(tmp_path, tiny):
    folder = shop(tmp_path, "long")
    (folder / "business.toml").write_text("x" * 5_000 + " = 1")
    (run,) = report([folder], tmp_path / "out", template=tiny)
    assert len(run.error) <= LONGEST_MESSAGE
    record = json.loads((tmp_path / "out" / "long" / "tiny.failed" / "run.json").read_text("utf-8"))
    assert record["error"] == run.error


def test_two_names_of_one_folder_are_one_business(tmp_path, tiny):
    folder = shop(tmp_path, "good")
    os.symlink(folder, tmp_path / "other-name")
    assert len(report([folder, tmp_path / "other-name"], tmp_path / "out", template=tiny)) == 1
