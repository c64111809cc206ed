"""What became of a run, and its ``run.json``."""

import datetime as dt
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from engagekit.data.business import Business
from engagekit.data.reading import sha256_of

__all__ = ["FAILED", "Run", "one_line", "record_failure", "record_of", "write_json"]

FAILED = ".failed"
LONGEST_MESSAGE = 500
STATE = ("scorecard.json", "actions.csv", "playbook.toml")  # what outlives a run, and goes into the next
VERSIONS = ("engagekit", "narwhals", "numpy", "pandas", "papermill", "polars", "seaborn")


@dataclass(frozen=True)
class Run:
    """What became of one run.

    Parameters
    ----------
    slug, name : str
        The business in paths, and as people call it.
    template : str
        Name of the template.
    status : {"ok", "failed"}
        Whether there is a new report.
    error : str
        Why there is none, in one line; empty if there is one.
    folder : str
        Where its files are; empty if nothing could be written.
    seconds : float
        How long it took.
    alerts : tuple of str
        Sentences of the alerts that were crossed.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> (run,) = ek.report(["businesses/nowhere"], mkdtemp())
    >>> run.slug, run.template, run.status, run.alerts
    ('nowhere', 'engagement', 'failed', ())
    """

    slug: str
    name: str
    template: str
    status: Literal["ok", "failed"]
    error: str
    folder: str
    seconds: float
    alerts: tuple[str, ...] = ()


def record_failure(out: Path, run: Run) -> Run:
    """Write ``run.json`` of a run that ended before its notebook started; the previous report stays.

    Returns
    -------
    Run
        With the folder of its record, which is empty if the record cannot be written.
    """
    folder = out / run.slug / f"{run.template}{FAILED}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "run.json", {"schema": 1, **_recorded(run)})
    except OSError:
        return run
    return replace(run, folder=folder.as_posix())


def record_of(
    run: Run, business: Business, notebook: Path, parameters: Mapping[str, Any], stage: Path
) -> dict[str, Any]:
    """Content of ``run.json``: how the run ended, its inputs and versions."""
    file = stage / "metrics.json"
    metrics = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    state = {name: sha256_of(business.folder / name) for name in STATE}
    return {
        "schema": 1,
        **_recorded(run),
        "as_of": metrics.get("as_of"),
        "parameters": {**parameters, "business": business.slug},
        "template_sha256": sha256_of(notebook),
        "settings_sha256": sha256_of(business.file),
        "inputs": [
            {"table": table, "file": os.path.relpath(file, business.folder), "sha256": sha256_of(file)}
            for table in business.tables
            for file in business.files(table)
        ],
        "state_sha256": {name: digest for name, digest in state.items() if digest is not None},
        "tables": metrics.get("tables", []),
        "finished_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    }


def write_json(path: Path, content: Any) -> None:
    """Write JSON for machines that people can read too."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")


def one_line(text: object) -> str:
    """Message as one line of at most 500 characters.

    Examples
    --------
    >>> one_line("a file" + chr(10) + "is missing")
    'a file is missing'
    """
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def _recorded(run: Run) -> dict[str, Any]:
    """What the record says of the run itself; its folder is where the record lies."""
    return {key: value for key, value in asdict(run).items() if key != "folder"}
