"""The exploration notebooks: short cells, and the numbers of the report."""

import ast
from pathlib import Path

import nbformat
import papermill
import pytest
from cells import code_of

from engagekit.reports.results import results
from engagekit.reports.run import run

EXPLORE = Path(__file__).parents[1] / "notebooks" / "explore"
NAMES = ["customer", "experiment", "own-metric", "scorecard", "start-here", "your-own-report"]
WITH_FUNCTIONS = ["own-metric"]  # which is about writing them
NOTEBOOKS = pytest.mark.parametrize("name", NAMES)


def path_of(name):
    return EXPLORE / f"{name}.ipynb"


def test_there_are_six():
    assert sorted(path.stem for path in EXPLORE.glob("*.ipynb")) == NAMES


@NOTEBOOKS
def test_cells_are_short_and_half_of_them_are_prose(name):
    cells, code = nbformat.read(path_of(name), as_version=4).cells, code_of(path_of(name))
    assert 15 <= len(cells) <= 30
    assert 0.35 <= 1 - len(code) / len(cells) <= 0.5
    assert max(len(cell.source.splitlines()) for cell in code) <= 12


@NOTEBOOKS
def test_only_the_notebook_about_functions_defines_some(name):
    shell_lines_out = (
        "\n".join(line for line in cell.source.splitlines() if line[:1] != "!") for cell in code_of(path_of(name))
    )
    nodes = [node for source in shell_lines_out for node in ast.walk(ast.parse(source))]
    assert any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in nodes) == (name in WITH_FUNCTIONS)


def run_to(name, last):
    """Names that the cells of a notebook define, from the first to one of them."""
    cells = code_of(path_of(name))
    names = {"display": lambda *_: None}
    for cell in cells[: [cell.id for cell in cells].index(last) + 1]:
        exec(cell.source, names)
    return names


def test_the_segments_of_the_scorecard_are_those_of_the_report():
    names = run_to("scorecard", "other")
    report = results(names["study"]).as_dict()
    last = {row["metric"]: row["value"] for row in report["metrics"] if row["period"] == report["month"]}
    for scored in (names["now"], names["rescored"][names["rescored"]["date"] == names["study"].end]):
        shares = scored["segment"].value_counts(normalize=True)
        assert shares["at_risk"] == pytest.approx(last["at_risk_rate"], abs=1e-8)
        assert shares["advocate"] == pytest.approx(last["advocate_rate"], abs=1e-8)
    assert names["alone"]["segment"].value_counts(normalize=True)["at_risk"] > last["at_risk_rate"] + 0.01


def test_the_segments_of_a_customer_are_those_of_the_report():
    names = run_to("customer", "segments")
    study, customer, own = (names[name] for name in ("study", "customer", "own"))
    scored = results(study).scores.to_pandas().set_index("customer_id")
    assert own["segment"].iloc[-1] == scored.loc[customer, "segment"] == names["actions"]["segment"].iloc[0]
    assert own["score"].iloc[-1] == scored.loc[customer, "score"]
    assert (own["segment"] == "potential").any()
    assert own.loc[own["segment"] == "potential", "score"].min() < study.scorecard.cuts[0]


def test_both_ways_to_a_file_of_ones_own_give_the_same_numbers(tmp_path):
    done = papermill.execute_notebook(
        str(EXPLORE / "start-here.ipynb"), str(tmp_path / "done.ipynb"), progress_bar=False, cwd=str(tmp_path)
    )
    outputs = {cell.id: cell.outputs[-1] for cell in done.cells if cell.cell_type == "code" and cell.outputs}
    shown = outputs["frame"]["data"]["text/plain"]
    assert "orders_per_customer" in shown
    assert shown == outputs["mine"]["data"]["text/plain"]


@pytest.mark.parametrize("kind", [pytest.param("ecommerce", marks=pytest.mark.soak), "subscription"])
def test_the_template_of_ones_own_becomes_a_page(kind, sample_folders, tmp_path):
    done = run(sample_folders[kind], tmp_path, template=str(EXPLORE / "your-own-report.ipynb"))
    assert done.status == "ok", done.error
    page = (Path(done.folder) / "report.html").read_text("utf-8")
    body = page[page.index("<body") :]
    assert "Through which channel do customers spend most?" in body
    assert "How much is an order worth?" in body
    assert 'alt="Orders of a customer in the last whole quarter by channel, with intervals"' in body
    assert "This notebook is a template" not in body
