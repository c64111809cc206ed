"""The code of README and documentation runs as it stands, and commands print what they say."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest
from typer.testing import CliRunner

import engagekit
from engagekit.cli import app
from engagekit.metrics.catalog import METRICS
from engagekit.reports.results import results
from engagekit.samples.make import make_sample, write_sample
from engagekit.study import Study

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
NOTEBOOKS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").rglob("*.ipynb"))
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)  # a fence ```py has the reason before it


class SharedStudy(Study):
    """A study that is made once for all pages."""

    made: ClassVar[dict] = {}

    def __new__(cls, *of):
        return cls.made.setdefault(of, super().__new__(cls))

    def __init__(self, *of):
        if not vars(self):
            super().__init__(*of)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Folder with the sample shop, large enough for its models."""
    folder = tmp_path_factory.mktemp("workplace")
    write_sample(make_sample("ecommerce", customers=1_200), folder / "businesses" / "ecommerce")
    return folder


def run_statement(statement, names):
    """Value of a statement that is an expression, which a notebook would show."""
    if isinstance(statement, ast.Expr):
        return eval(compile(ast.Expression(statement.value), "page", "eval"), names)
    return exec(compile(ast.Module([statement], []), "page", "exec"), names)


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis asks DuckDB so
@pytest.mark.parametrize("page", [page for page in PAGES if PYTHON.search((ROOT / page).read_text("utf-8"))])
def test_the_code_of_a_page_runs(page, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    monkeypatch.setattr(engagekit, "Study", SharedStudy)
    names = {}
    for block in PYTHON.findall((ROOT / page).read_text("utf-8")):
        for statement in ast.parse(block).body:
            shown = run_statement(statement, names)
            assert getattr(shown, "shape", (1,))[0] > 0, f"an example that shows no row: {ast.unparse(statement)}"
    assert names


@pytest.mark.parametrize("page", PAGES)
def test_code_that_is_not_run_says_why(page):
    for before in (ROOT / page).read_text("utf-8").split("\n```py\n")[:-1]:
        assert before.rstrip().endswith(":"), before[-200:]
        assert "not run" in before.rstrip().splitlines()[-1] + before.rstrip().splitlines()[-2]


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_a_page_shows_can_be_read(page):
    for block in re.findall(r"^```toml\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE):
        assert tomllib.loads(block)


def test_the_lines_for_the_analyst_are_ten():
    (block,) = PYTHON.findall(README)
    assert 8 <= len([line for line in block.splitlines() if line]) <= 12


def test_the_readme_is_short_and_says_first_how_to_start():
    lines = README.splitlines()
    assert len(lines) <= 120
    assert "make lab" in "\n".join(lines[:12])
    assert 'pip install "engagekit[lab]"' in "\n".join(lines[:12])


def test_the_readme_counts_the_metrics_right():
    assert f"## {len(METRICS)} metrics, each with its story" in README


def test_pages_show_what_explain_prints(tmp_path, monkeypatch):
    text = README + (ROOT / "docs" / "how-to" / "explain.md").read_text("utf-8")
    (command,) = set(re.findall(r"engagekit (explain .* --from .*)", text))
    lines = re.findall(r"`(\(.*? answers)`", text)
    monkeypatch.chdir(tmp_path)
    file = Path(command.split()[-1])
    file.parent.mkdir(parents=True)
    write_sample(make_sample("ecommerce"), tmp_path / "ecommerce")
    file.write_text(json.dumps(results(Study(tmp_path / "ecommerce")).as_dict()), "utf-8")
    explained = CliRunner().invoke(app, command.split())
    assert explained.exit_code == 0
    assert lines == [explained.output.splitlines()[-1].removeprefix("  All time: ")] * 2


def test_every_page_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([\w./-]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md", *NOTEBOOKS])
def test_every_file_that_a_page_or_notebook_names_is_there(page):
    folders = "engagekit|notebooks|templates|docs|benchmarks|tests"
    named = re.findall(rf"\b(?:{folders})/[\w./*-]*\w", (ROOT / page).read_text("utf-8"))
    assert [path for path in named if not any(ROOT.glob(path))] == []
