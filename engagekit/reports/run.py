"""One notebook, one business: staged, checked, published.

A run is a pure function of the business's folder, the template and the as-of date. Whether it went well is decided by
the sentinel that the template's last cell displays, never by papermill's own metadata, which calls the cells of a dead
kernel completed.
"""

import datetime as dt
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from engagekit.data.business import Business
from engagekit.display.markup import template_path
from engagekit.errors import DataError, did_you_mean
from engagekit.language import Language
from engagekit.reports.page import page

__all__ = ["FAILED", "SENTINEL", "Run", "check_request", "record_failure", "run"]

SENTINEL = "application/vnd.engagekit.results+json"
FAILED = ".failed"
KERNEL = "python3"
QUIET = "--IPKernelApp.log_level=CRITICAL"  # it calls the end of every run an interrupt
LONGEST_SOCKET_FOLDER = 80  # a socket's path has at most 107 characters
TIMEOUT_S = 600
PRIVATE = "private"  # where a template writes lists with real ids, beside its report
STATE = ("scorecard.json", "actions.csv")  # what outlives a run, and goes into the next
VERSIONS = ("engagekit", "narwhals", "numpy", "pandas", "papermill", "polars", "seaborn")


@dataclass(frozen=True)
class Run:
    """What became of one run.

    Attributes
    ----------
    slug, name : str
        The business in paths, and as people call it.
    template : str
        Name of the template.
    status : {"ok", "failed"}
    error : str
        One line; empty where it went well.
    folder : str
        Where its files are.
    seconds : float
        How long it took.
    """

    slug: str
    name: str
    template: str
    status: Literal["ok", "failed"]
    error: str
    folder: str
    seconds: float


def run(
    path: str | Path,
    out: str | Path = "reports",
    *,
    template: str = "engagement",
    as_of: str = "",
    parameters: Mapping[str, Any] | None = None,
    timeout: int = TIMEOUT_S,
) -> Run:
    """Write the report of a business to ``out/<business>/<template>/``.

    The notebook runs in that folder, so what it writes lies beside the report. Nothing there changes until every part
    of the new report is valid. When the run fails, the previous report stays,
    and ``out/<business>/<template>.failed/`` has the notebook as far as it came and ``run.json`` with the reason.

    Parameters
    ----------
    path : str or Path
        A business's folder or its ``business.toml``.
    out : str or Path, default "reports"
        Folder of the reports.
    template : str, default "engagement"
        A notebook of ``templates/``, without its ending.
    as_of : str, optional
        ISO date that takes the place of the one in ``business.toml``.
    parameters : mapping, optional
        Further parameters of the template.
    timeout : int, default 600
        Seconds that a cell may take.

    Returns
    -------
    Run

    Raises
    ------
    DataError
        The business cannot be opened.
    ValueError
        A parameter or the template is unknown; offers the nearest.
    """
    started = time.monotonic()
    business = Business.open(path)
    notebook = _template(template)
    home = Path(out) / business.slug
    given = {"business": _from(home / template, business.file), "as_of": as_of, **(parameters or {})}
    _check_parameters(notebook, given)
    final, failed = home / template, home / f"{template}{FAILED}"
    home.mkdir(parents=True, exist_ok=True)
    _restore(final)
    for left in home.glob(f".{template}-*"):
        shutil.rmtree(left, ignore_errors=True)  # of a run that was killed
    stage = Path(tempfile.mkdtemp(prefix=f".{template}-", dir=home))
    stage.chmod(0o755)
    try:
        error = _execute(notebook, stage, given, timeout) or _write(stage, business, template)
        record = Run(
            business.slug,
            business.name,
            template,
            "failed" if error else "ok",
            error,
            (failed if error else final).as_posix(),
            round(time.monotonic() - started, 2),
        )
        if error:
            shutil.rmtree(stage / PRIVATE, ignore_errors=True)
        _write_json(stage / "run.json", _record(record, business, notebook, given, stage))
        shutil.rmtree(failed, ignore_errors=True)
        _publish(stage, failed if error else final)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return record


def check_request(template: str, as_of: str) -> None:
    """Check what is asked for before any business is run.

    Raises
    ------
    ValueError
        The template is unknown, or ``as_of`` is no ISO date.
    """
    _template(template)
    if as_of:
        try:
            dt.date.fromisoformat(as_of)
        except ValueError:
            raise ValueError(f"as_of: {as_of!r} is not an ISO date such as 2026-11-01") from None


def record_failure(out: Path, record: Run) -> Run:
    """Write ``run.json`` of a run that ended before its notebook could, beside the report that stays."""
    failed = out / record.slug / f"{record.template}{FAILED}"
    failed.mkdir(parents=True, exist_ok=True)
    _write_json(failed / "run.json", {"schema": 1, **_told(record)})
    return replace(record, folder=failed.as_posix())


def _template(name: str) -> Path:
    path = template_path(f"{name}.ipynb")
    if not path.is_file():
        known = [other.stem for other in template_path().glob("*.ipynb")]
        raise ValueError(f"there is no template {name!r}. {did_you_mean(name, known)}")
    return path


def _check_parameters(notebook: Path, given: Mapping[str, Any]) -> None:
    """Refuse a parameter that the template does not declare; papermill would only warn."""
    from papermill import inspect_notebook

    declared = inspect_notebook(str(notebook))
    for name in given:
        if name not in declared:
            raise ValueError(f"{notebook.stem} has no parameter {name!r}. {did_you_mean(name, declared)}")


def _execute(notebook: Path, stage: Path, parameters: Mapping[str, Any], timeout: int) -> str:
    """Run the notebook into the stage; one line that says what went wrong, or nothing."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    target = str(stage / "report.ipynb").replace("{", "{{").replace("}", "}}")
    try:
        with tempfile.TemporaryDirectory(prefix="kernel-") as private:
            execute_notebook(
                str(notebook),
                target,
                dict(parameters),
                kernel_name=KERNEL,
                progress_bar=False,
                execution_timeout=timeout,
                extra_arguments=[QUIET],
                cwd=str(stage),
                config=_connection(Path(private)),
            )
    except PapermillExecutionError as error:
        kind = "" if error.ename == DataError.__name__ else f"{error.ename} in cell {error.cell_index}: "
        return kind + _one_line(error.evalue)
    except CellTimeoutError:
        return f"a cell took longer than {timeout} s"
    except DeadKernelError:
        return "the notebook's kernel died; was it out of memory?"
    return ""


def _from(folder: Path, file: Path) -> str:
    """Path of a file as the notebook sees it, which runs in the folder of its report."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return str(file.resolve())


def _connection(private: Path) -> Any:
    """How the kernel is reached: by sockets in a private folder, since two kernels can draw the same TCP port."""
    from traitlets.config import Config

    if os.name == "nt" or len(str(private)) > LONGEST_SOCKET_FOLDER:
        return Config()
    paths = {"ip": str(private / "socket"), "connection_file": str(private / "connection.json")}
    return Config(KernelManager={"transport": "ipc", **paths})


def _write(stage: Path, business: Business, template: str) -> str:
    """Page and metrics of an executed notebook, or one line that says why it is no report."""
    import nbformat

    executed: Any = nbformat.read(stage / "report.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    found = _sentinel(executed)
    if found is None:
        return "the notebook ended without its last cell: there is no sentinel"
    language = Language(business.language)
    day = language.date(_last_day(found["as_of"]))
    try:
        text = page(
            executed,
            language,
            title=business.name,
            subtitle=f"{language.question(template)} {language.text('report.subtitle', date=day)}".strip(),
            footer=language.text("report.footer", version=version("engagekit")),
        )
    except ValueError as error:
        return _one_line(str(error))
    (stage / "report.html").write_text(text, "utf-8")
    _write_json(stage / "metrics.json", found)
    return ""


def _last_day(as_of: str) -> dt.date:
    return dt.date.fromisoformat(as_of) - dt.timedelta(days=1)


def _sentinel(notebook: Any) -> dict[str, Any] | None:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.data[SENTINEL] for output in outputs if SENTINEL in output.get("data", {})]
    return dict(found[-1]) if found else None


def _record(
    record: Run, business: Business, notebook: Path, parameters: Mapping[str, Any], stage: Path
) -> dict[str, Any]:
    """The content of ``run.json``."""
    metrics = stage / "metrics.json"
    found = json.loads(metrics.read_text("utf-8")) if metrics.is_file() else {}
    return {
        "schema": 1,
        **_told(record),
        "as_of": found.get("as_of"),
        "parameters": {**parameters, "business": business.slug},
        "template_sha256": _sha256(notebook),
        "settings_sha256": _sha256(business.file),
        "inputs": [
            {"table": table, "file": source.file, "sha256": _sha256(business.folder / source.file)}
            for table, source in business.tables.items()
        ],
        "state_sha256": {name: _sha256(business.folder / name) for name in STATE if (business.folder / name).is_file()},
        "tables": found.get("tables", []),
        "finished_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    }


def _told(record: Run) -> dict[str, Any]:
    return {key: value for key, value in asdict(record).items() if key != "folder"}


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")


def _publish(stage: Path, final: Path) -> None:
    """Put the stage in the place of the last report by renaming; a crash in between is mended by ``_restore``."""
    previous = final.with_name(f".{final.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    if final.exists():
        final.rename(previous)
    stage.rename(final)
    shutil.rmtree(previous, ignore_errors=True)


def _restore(final: Path) -> None:
    previous = final.with_name(f".{final.name}.previous")
    if previous.exists() and not final.exists():
        previous.rename(final)


def _one_line(text: str) -> str:
    return " ".join(str(text).split())[:500]
