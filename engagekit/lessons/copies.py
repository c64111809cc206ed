"""Learner copies of the lessons: the solutions without answers, hidden tests and outputs, as nbgrader marks them."""

import re
from pathlib import Path
from typing import Any

from engagekit.display.markup import notebook_path
from engagekit.language import Language

__all__ = ["build_lessons", "language_of", "learner_copy", "run_solution", "start_lessons"]

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.DOTALL | re.MULTILINE)
HIDDEN_TESTS = re.compile(r"\n*^ *### BEGIN HIDDEN TESTS\n.*?^ *### END HIDDEN TESTS$", re.DOTALL | re.MULTILINE)
KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}


def language_of(path: Path) -> str:
    """Language of a lesson, which stands before the ending of its file's name.

    Examples
    --------
    >>> language_of(Path("2-nps-and-csat.id.ipynb")), language_of(Path("2-nps-and-csat.ipynb"))
    ('id', 'en')
    """
    return path.stem.partition(".")[2] or "en"


def learner_copy(notebook: Any, language: str = "en") -> Any:
    r"""Copy of a solution without its answers, hidden tests and outputs.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The lines between ``### BEGIN SOLUTION`` and ``### END SOLUTION`` become a comment, those between
        ``### BEGIN HIDDEN TESTS`` and ``### END HIDDEN TESTS`` are left out. A check may fail without stopping
        what runs after it.
    language : {"en", "id", "ms"}, default "en"
        Language of the comment.

    Returns
    -------
    nbformat.NotebookNode

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> cell = new_code_cell("rate = ...\n### BEGIN SOLUTION\nrate = 49 / 1200\n### END SOLUTION")
    >>> print(learner_copy(new_notebook(cells=[cell])).cells[0].source)
    rate = ...
    # Write your answer here
    """
    from copy import deepcopy

    copied = deepcopy(notebook)
    stub = Language(language).text("lesson.stub")
    for cell in copied.cells:
        cell.source = HIDDEN_TESTS.sub("", SOLUTION.sub(rf"\1# {stub}", cell.source))
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata["tags"] = ["raises-exception"]  # Jupyter goes on after an answer that is not right yet
    copied.metadata = type(copied.metadata)(KERNEL)
    return copied


def build_lessons(root: Path | None = None) -> list[Path]:
    """Write the learner copy of every solution, and remove copies whose solution is gone.

    Parameters
    ----------
    root : Path, optional
        Folder with ``solutions`` and ``lessons``; by default the kit's ``notebooks``.

    Returns
    -------
    list of Path
        The copies.
    """
    root = root or notebook_path()
    copies = {}
    for path in sorted((root / "solutions").glob("*.ipynb")):
        learners = learner_copy(_read(path), language_of(path))
        copies[root / "lessons" / path.name] = _text_of(learners)
    for path in {*(root / "lessons").glob("*.ipynb")} - copies.keys():
        path.unlink()
    for path, text in copies.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return [*copies]


def run_solution(path: Path) -> None:
    """Run a solution, and keep what its cells print and show as text.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell stops with an error; the file stays as it was.
    """
    from nbclient import NotebookClient

    notebook = _read(path)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(
        notebook, kernel_name="python3", record_timing=False, coalesce_streams=True, resources=resources
    ).execute()
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "data" in output:
            output.data = {kind: data for kind, data in output.data.items() if kind.startswith("text/")}
    notebook.metadata = type(notebook.metadata)(KERNEL)
    path.write_text(_text_of(notebook), "utf-8")


def start_lessons(folder: Path, kind: str = "lessons") -> list[Path]:
    """Copy notebooks to a folder, and keep what is there already.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    kind : {"lessons", "solutions", "explore"}, default "lessons"
        The lessons without or with the answers, or the notebooks that ask a business.

    Returns
    -------
    list of Path
        The files that were copied; a file that is there already holds somebody's answers and stays.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> [path.name for path in start_lessons(Path(mkdtemp()), "explore")][-2:]
    ['start-here.ipynb', 'your-own-report.ipynb']
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted(notebook_path(kind).glob("*.ipynb"))
    new = {source: folder / source.name for source in sources if not (folder / source.name).exists()}
    for source, target in new.items():
        target.write_bytes(source.read_bytes())
    return [*new.values()]


def _read(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def _text_of(notebook: Any) -> str:
    import nbformat

    return f"{nbformat.writes(notebook)}\n"  # type: ignore[no-untyped-call]
