"""Learner copies: what is taken out, what stays, and what is never overwritten."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from typer.testing import CliRunner

from engagekit.cli import app
from engagekit.display.markup import notebook_path
from engagekit.lessons.copies import build_lessons, learner_copy, run_solution, start_lessons

ANSWER = """rate = ...
if True:
    ### BEGIN SOLUTION
    rate = 49 / 1200
    ### END SOLUTION"""
CHECK = """rate
### BEGIN HIDDEN TESTS
assert rate == 49 / 1200
### END HIDDEN TESTS"""


@pytest.fixture
def solution():
    marks = {"nbgrader": {"grade": True, "grade_id": "rate", "locked": True, "points": 1, "schema_version": 3}}
    shown = new_output("execute_result", {"text/plain": "0.04"}, execution_count=2)
    cells = [
        new_markdown_cell("What is the rate?"),
        new_code_cell(ANSWER, execution_count=1),
        new_code_cell(CHECK, execution_count=2, outputs=[shown], metadata=marks),
    ]
    return new_notebook(cells=cells)


def test_answers_hidden_tests_and_outputs_are_taken_out(solution):
    asked, answer, check = learner_copy(solution, "ms").cells
    assert asked.source == "What is the rate?"
    assert answer.source == "rate = ...\nif True:\n    # Tulis jawapan anda di sini"
    assert check.source == "rate"
    assert (check.outputs, check.execution_count) == ([], None)
    assert check.metadata.tags == ["raises-exception"]  # so that all cells can be run before it is answered


def test_marks_of_nbgrader_and_ids_of_cells_stay(solution):
    copied = learner_copy(solution)
    assert copied.cells[2].metadata.nbgrader.grade_id == "rate"
    assert [cell.id for cell in copied.cells] == [cell.id for cell in solution.cells]
    assert solution.cells[2].outputs  # the solution itself is unchanged


def test_copies_are_written_for_every_solution_and_no_other(solution, tmp_path):
    for folder in ("solutions", "lessons"):
        (tmp_path / folder).mkdir()
    nbformat.write(solution, tmp_path / "solutions" / "1-rates.id.ipynb")
    (tmp_path / "lessons" / "0-gone.ipynb").write_text("{}")
    assert [path.name for path in build_lessons(tmp_path)] == ["1-rates.id.ipynb"]
    assert [path.name for path in (tmp_path / "lessons").iterdir()] == ["1-rates.id.ipynb"]
    assert "# Tulis jawaban Anda di sini" in (tmp_path / "lessons" / "1-rates.id.ipynb").read_text("utf-8")


def test_a_solution_is_run_and_keeps_text_only(tmp_path):
    cells = [
        new_code_cell("from IPython.display import Image, display"),
        new_code_cell("print(1)\ndisplay(Image(b'x'))\n2"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "1.ipynb")
    run_solution(tmp_path / "1.ipynb")
    imported, run = nbformat.read(tmp_path / "1.ipynb", 4).cells
    assert (imported.execution_count, run.execution_count) == (1, 2)
    assert run.outputs[0].text == "1\n"
    assert [sorted(output.data) for output in run.outputs[1:]] == [["text/plain"], ["text/plain"]]
    assert "execution" not in run.metadata  # no times of this machine


def test_lessons_are_copied_and_what_is_there_stays(tmp_path):
    names = [path.name for path in sorted(notebook_path("lessons").glob("*.ipynb"))]
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / names[0]).write_text("mine")
    copied = start_lessons(tmp_path / "course")
    assert [path.name for path in copied] == names[1:]
    assert (tmp_path / "course" / names[0]).read_text() == "mine"


def test_the_command_copies_lessons_or_solutions(tmp_path):
    done = CliRunner().invoke(app, ["lessons", "start", str(tmp_path / "with"), "--kind", "solutions"])
    assert done.exit_code == 0
    assert "jupyter lab" in done.output
    assert all("BEGIN SOLUTION" in path.read_text("utf-8") for path in (tmp_path / "with").iterdir())
