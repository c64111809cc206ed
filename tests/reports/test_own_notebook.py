"""A notebook of one's own becomes a page."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from engagekit.display.markup import template_path
from engagekit.reports.batch import report as write_reports
from engagekit.reports.run import run
from engagekit.study import Study

PARAMETERS = 'business: str = "business.toml"\nas_of: str = ""'
STUDY = "from engagekit import Study\n\nstudy = Study(business, as_of or None)"
FIGURE = """
import seaborn

ax = seaborn.histplot(study.scores["score"])
ax.set_title("Scores of customers")
None
"""
SECTION = """
from engagekit.reports import summary

summary.judgement(study)
"""
NOTES = {"tags": ["notes"]}
code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell


@pytest.fixture(scope="module")
def report(sample_folders, tmp_path_factory):
    """Run a notebook of these cells on the sample shop; its record, and its page."""

    def report(*cells):
        folder = tmp_path_factory.mktemp("own")
        first = [code(PARAMETERS, metadata={"tags": ["parameters"]}), code(STUDY)]
        nbformat.write(nbformat.v4.new_notebook(cells=[*first, *cells]), folder / "My questions.ipynb")
        done = run(sample_folders["ecommerce"], folder / "out", template=str(folder / "My questions.ipynb"))
        page = Path(done.folder) / "report.html"
        return done, page.read_text("utf-8") if done.status == "ok" else ""

    return report


@pytest.fixture(scope="module")
def written(report):
    """Record and page of a notebook with whatever may be in one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DATABASE_PASSWORD", "open sesame")
        done, page = report(
            markdown("# My questions\n\nWhat I <b>asked</b>, [there](javascript:alert(1))."),
            code('study.measure("order_value", every="quarter")'),
            code("print(study.features()['customer_id'].iloc[0])\nstudy.features()"),
            code("study.features().set_index('customer_id')['value']"),
            code(FIGURE),
            code(SECTION),
            markdown("What I must not forget", metadata=NOTES),
            code("from IPython.display import HTML\n\nHTML('<script>alert(1)</script>')"),
            code("print('spoken' * 10)"),
            markdown("<script>alert(2)</script>\n\n![there](http://example.org/x.png)"),
            code("import os\n\nassert 'PATH' in os.environ and 'sesame' not in str(os.environ)"),
        )
    assert done.status == "ok", done.error
    return done, page


def test_each_cell_that_shows_something_is_a_section_of_the_page(written):
    done, page = written
    body = page[page.index("<body") :]
    assert "<h2>My questions</h2>" in body
    assert "&lt;b&gt;asked&lt;/b&gt;" in body
    assert "order_value" in body
    assert "recency_days" in body
    assert 'src="data:image/png;base64,' in body
    assert 'alt="Scores of customers"' in body
    assert "Skor keterlibatan" in body
    assert "must not forget" not in body
    assert 'href="javascript' not in body
    assert body.count("<section") == 7
    assert Path(done.folder).name == "my-questions"
    record = json.loads((Path(done.folder) / "run.json").read_text("utf-8"))
    assert len(record["template_sha256"]) == 64
    assert record["as_of"] == "2026-11-01"


def test_no_id_of_a_customer_is_displayed(written, sample_folders):
    done, page = written
    book = nbformat.read(Path(done.folder) / "report.ipynb", 4)
    streams = [out for cell in book.cells for out in cell.get("outputs", ()) if out.output_type == "stream"]
    assert len(streams) == 2  # what a cell prints stays in the notebook, ids too
    kept = json.dumps([out for cell in book.cells for out in cell.get("outputs", ()) if out not in streams])
    ids = Study(sample_folders["ecommerce"]).customer_ids()
    assert len(ids) > 100
    assert not [name for name in ids if f'"{name}"' in kept or f">{name}<" in page]


REFUSED = {
    "an error": (code("1 / 0"), "ZeroDivisionError in cell 3"),
    "a figure without words": (
        code("from matplotlib import pyplot\n\npyplot.plot([1, 2])\nNone"),
        "cell 4: a figure has no words for who does not see it",
    ),
    "a picture that is too large": (
        code("from IPython.display import Image\n\nImage(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(900_000), format='png')"),
        "a picture has",
    ),
}


@pytest.mark.soak
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_page_is_refused_with_its_cell(report, what):
    cell, reason = REFUSED[what]
    done, _ = report(cell)
    assert done.status == "failed"
    assert reason in done.error


@pytest.mark.soak
def test_a_cell_can_say_in_its_metadata_what_its_figure_shows(report):
    cell = code("from matplotlib import pyplot\n\npyplot.plot([1, 2])\nNone", metadata={"alt": "A line that rises"})
    done, page = report(cell)
    assert done.status == "ok", done.error
    assert 'alt="A line that rises"' in page


def test_html_of_others_and_streams_stay_in_the_notebook(written):
    _, page = written
    assert "<script" not in page
    assert "spoken" not in page
    assert re.findall('<img(?! src="data:)[^>]*', page) == []


def test_the_environment_of_a_notebook_has_no_password(written):
    """A cell of it asserts so."""
    done, _ = written
    assert "sesame" in (Path(done.folder) / "report.ipynb").read_text("utf-8")


def test_a_notebook_without_a_study_says_what_is_missing(sample_folders, tmp_path):
    nbformat.write(
        nbformat.v4.new_notebook(cells=[code(PARAMETERS, metadata={"tags": ["parameters"]})]), tmp_path / "bare.ipynb"
    )
    done = run(sample_folders["ecommerce"], tmp_path / "out", template=str(tmp_path / "bare.ipynb"))
    assert "there is no study in the notebook" in done.error


@pytest.mark.parametrize(("content", "reason"), [(None, "there is no notebook"), ("{", "cannot be read")])
def test_a_file_that_is_no_notebook_is_refused(sample_folders, tmp_path, content, reason):
    file = tmp_path / "mine.ipynb"
    if content:
        file.write_text(content)
    with pytest.raises(ValueError, match=reason):
        run(sample_folders["ecommerce"], tmp_path / "out", template=str(file))


def test_a_business_that_fails_before_its_notebook_is_recorded_among_the_reports(tmp_path):
    mine = tmp_path / "notebooks" / "My questions.ipynb"
    mine.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), mine)
    (done,) = write_reports([tmp_path / "nobody"], tmp_path / "out", template=str(mine))
    assert done.status == "failed"
    assert (tmp_path / "out" / "nobody" / "my-questions.failed" / "run.json").is_file()
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]


@pytest.mark.soak
def test_a_shipped_template_can_be_copied_and_changed(sample_folders, tmp_path):
    shutil.copy(template_path("engagement.ipynb"), tmp_path / "copy.ipynb")
    done = run(sample_folders["ecommerce"], tmp_path / "out", template=str(tmp_path / "copy.ipynb"))
    assert done.status == "ok", done.error
