"""Rules that every notebook of the kit follows; nbval and the reports test that they run."""

import ast
from pathlib import Path

import nbformat
import papermill
import pytest
from cells import code_of

from engagekit.display.section import MIME

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted((ROOT / "templates").glob("*.ipynb"))
OTHERS = sorted(path for path in (ROOT / "notebooks").rglob("*.ipynb") if path.parent.name != "solutions")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_is_short_and_plain(path):
    notebook = nbformat.read(path, as_version=4)
    assert 15 <= len(notebook.cells) <= 48
    for cell in code_of(path):
        assert len(cell.source.splitlines()) <= 12
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(ast.parse(cell.source)))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_declares_its_parameters_with_type_and_meaning(path):
    notebook = nbformat.read(path, as_version=4)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    declared = papermill.inspect_notebook(str(path))
    assert {"business", "as_of"} <= declared.keys()
    assert all(parameter["help"] and parameter["inferred_type_name"] != "None" for parameter in declared.values())


@pytest.mark.parametrize("path", TEMPLATES + OTHERS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in code_of(path))


SOAK = [pytest.param(path, marks=[pytest.mark.soak] * (path.stem == "churn"), id=path.stem) for path in TEMPLATES]


@pytest.mark.parametrize("path", SOAK)
def test_a_template_runs_under_bare_papermill(path, sample_folders, tmp_path):
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        str(path),
        str(out),
        {"business": str(sample_folders["saas"])},
        kernel_name="python3",
        progress_bar=False,
        cwd=str(tmp_path),
    )
    data = [output.get("data", {}) for cell in code_of(out) for output in cell.outputs]
    shown = [output[MIME] for output in data if MIME in output]
    assert [section["layer"] for section in shown[:1]] == ["summary"]
    assert len(shown) >= 5
