"""Solutions hold their outputs; learner copies are made of them, and run but for what is not answered yet."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import resources
from itertools import pairwise

import matplotlib.pyplot as plt
import nbformat
import pytest
from cells import code_of
from IPython.core.interactiveshell import InteractiveShell

from engagekit.display.markup import notebook_path
from engagekit.language import Language
from engagekit.lessons.copies import build_lessons, language_of
from engagekit.lessons.exercises import WrongAnswer, check, exercises

SOLUTIONS = sorted(notebook_path("solutions").glob("*.ipynb"))
LESSONS = [notebook_path("lessons", path.name) for path in SOLUTIONS]
CHECKED = re.compile(r"^check\((.*)\)$", re.MULTILINE)


def name_of(path):
    return path.name.removesuffix(".ipynb")


def checked(path):
    """Exercises that a notebook checks, with the language of the check."""
    calls = [ast.parse(call.group()).body[0].value for cell in code_of(path) for call in CHECKED.finditer(cell.source)]
    return {call.args[0].value: call.args[2].value if len(call.args) > 2 else "en" for call in calls}


def test_there_are_eight_lessons_and_some_in_other_languages():
    assert {int(path.name[0]) for path in SOLUTIONS} == set(range(1, 9))
    assert sorted((path.name[0], language_of(path)) for path in SOLUTIONS if language_of(path) != "en") == [
        ("2", "id"),
        ("4", "ms"),
        ("5", "id"),
    ]


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_every_cell_of_a_solution_was_run_in_order_and_shows_text_alone(path):
    cells = code_of(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert {output.name for output in outputs if output.output_type == "stream"} <= {"stdout"}
    assert all(kind.startswith("text/") for output in outputs for kind in output.get("data", {}))
    assert not re.search(r"0x[0-9a-f]{6,}|/(?:site-packages|home|root|tmp|Users)/", "".join(map(str, outputs)))


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_a_lesson_has_half_prose_short_cells_and_exercises(path):
    cells = nbformat.read(path, as_version=4).cells
    assert 40 <= len(cells) <= 80
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    assert 0.4 <= len(prose) / len(cells) <= 0.6
    lengths = sorted(len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code")
    assert lengths[len(lengths) // 2] <= 3
    assert len(checked(path)) >= 3
    assert set(checked(path).values()) == {language_of(path)}


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_cells_are_marked_for_nbgrader(path):
    marked = [cell for cell in code_of(path) if "nbgrader" in cell.metadata]
    names = [cell.metadata.nbgrader.grade_id for cell in marked]
    assert len(names) == len(set(names))
    for cell in code_of(path):
        marks = cell.metadata.get("nbgrader", {})
        assert ("### BEGIN SOLUTION" in cell.source) == marks.get("solution", False)
        assert bool(CHECKED.search(cell.source)) == marks.get("grade", False)
        assert not marks.get("grade") or (marks.locked and marks.points > 0 and "### BEGIN HIDDEN TESTS" in cell.source)


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_a_prompt_of_an_exercise_is_in_indonesian_too(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell, answer in pairwise(cells):
        if "### BEGIN SOLUTION" in answer.source and language_of(path) == "en":
            assert cell.cell_type == "markdown"
            assert "**Exercise" in cell.source
            assert "*Latihan" in cell.source


def test_every_exercise_is_in_a_lesson_and_in_its_languages():
    for path in SOLUTIONS:
        for name, language in checked(path).items():
            assert all(language in wrong for wrong in exercises()[name].get("wrong", []))
    assert {name for path in SOLUTIONS for name in checked(path)} == exercises().keys()


def test_a_name_is_that_of_one_exercise():
    files = resources.files("engagekit.lessons") / "exercises"
    names = [name for file in files.iterdir() for name in tomllib.loads(file.read_text("utf-8"))]
    assert sorted(names) == sorted(exercises())


def test_learner_copies_are_those_of_the_solutions(tmp_path):
    (tmp_path / "solutions").symlink_to(notebook_path("solutions"))
    built = {path.name: path.read_bytes() for path in build_lessons(tmp_path)}
    assert built == {path.name: path.read_bytes() for path in notebook_path("lessons").glob("*.ipynb")}


def names_in(source, kind):
    return {
        node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name) and isinstance(node.ctx, kind)
    }


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_no_cell_but_its_check_needs_an_answer(path):
    cells = [cell.source for cell in code_of(path)]
    for at, source in enumerate(cells):
        if "### BEGIN SOLUTION" in source:
            assert re.match(r"\w+ = \.\.\.\n", source)  # what a learner has before answering
            answers = names_in(source, ast.Store) - {each for cell in cells[:at] for each in names_in(cell, ast.Store)}
            for later in cells[at + 2 :]:
                assert answers.isdisjoint(names_in(later, ast.Load) - names_in(later, ast.Store))


@pytest.mark.parametrize("name", exercises())
def test_an_exercise_that_is_not_answered_says_so(name):
    with pytest.raises(WrongAnswer) as raised:
        check(name, ..., "id")
    assert str(raised.value) == Language("id").text("lesson.not_answered")


@pytest.mark.soak
@pytest.mark.parametrize("path", LESSONS, ids=name_of)
def test_a_learner_copy_runs_and_asks_for_every_answer(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the shell puts its own there
    shell = InteractiveShell.instance()
    shell.reset(new_session=True)
    asked = Language(language_of(path)).text("lesson.not_answered")
    for cell in code_of(path):
        ran = shell.run_cell(cell.source)
        plt.close("all")  # as Jupyter does after each cell
        if CHECKED.search(cell.source):
            assert isinstance(ran.error_in_exec, WrongAnswer)
            assert str(ran.error_in_exec) == asked
        else:
            assert ran.success, cell.source


def test_nbval_fails_on_a_stored_output_that_is_wrong(tmp_path):
    for name, shown in (("right", "2"), ("wrong", "3")):
        output = nbformat.v4.new_output("execute_result", {"text/plain": shown}, execution_count=1)
        cell = nbformat.v4.new_code_cell("1 + 1", execution_count=1, outputs=[output])
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env", "."]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "1 failed, 1 passed" in ran.stdout
    assert "wrong.ipynb" in ran.stdout.partition("short test summary")[2]
