"""How a notebook is executed: by papermill, in a kernel of its own that reads no personal settings."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engagekit.errors import DataError
from engagekit.reports.record import one_line

__all__ = ["FOLDER_PREFIX", "KERNEL", "execute", "kernel_folder", "remove_abandoned"]

KERNEL = "python3"
FOLDER_PREFIX = "engagekit-kernel-"
LOCK = ".lock"
ALLOWED = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "SHELL", "TERM"}
ALLOWED |= {"VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "JAVA_HOME", "ENGAGEKIT_PSEUDONYM_KEY"}
ALLOWED |= {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE"}
ALLOWED_PREFIXES = ("LC_", "PYTHON", "POLARS_", "OMP_", "OPENBLAS_", "MKL_", "MPL", "FONTCONFIG_", "JUPYTER_", "XDG_")
YOUNG_S = 60  # a folder this young may belong to a run that has not locked it yet
LONGEST_SOCKET_FOLDER = 80  # a socket's path has at most 107 characters


def execute(
    notebook: Path, parameters: Mapping[str, Any], timeout: int, begun: Callable[[str], None] | None = None
) -> str:
    """Execute a notebook in its folder, and write it with its outputs.

    Parameters
    ----------
    notebook : Path
        The file.
    parameters : mapping
        Values of the template's parameters.
    timeout : int
        Seconds that a cell may take.
    begun : callable, optional
        Called with the heading above each cell that begins.

    Returns
    -------
    str
        What went wrong, in one line of at most 500 characters; empty if nothing did.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    name = str(notebook).replace("{", "{{").replace("}", "}}")
    try:
        with kernel_folder() as folder, _allowed_environment():
            execute_notebook(
                name,
                name,
                dict(parameters),
                kernel_name=KERNEL,
                progress_bar=False,
                execution_timeout=timeout,
                record_timing=False,  # run.json says when it ran, and the same run gives the same notebook
                extra_arguments=_arguments(folder),
                cwd=str(notebook.parent),
                on_cell_start=_teller(notebook, begun) if begun else None,
                config=_connection(folder),
            )
    except PapermillExecutionError as error:
        kind = "" if error.ename == DataError.__name__ else f"{error.ename} in cell {error.cell_index}: "
        return one_line(kind + error.evalue)
    except CellTimeoutError:
        return f"a cell took longer than {timeout} s"
    except DeadKernelError:
        return "the notebook's kernel died; was it out of memory?"
    return ""


def _teller(notebook: Path, begun: Callable[[str], None]) -> Callable[..., None]:
    """Hook of nbclient that says under which heading the cell stands that begins."""
    import nbformat

    headings, heading = {}, ""
    for cell in nbformat.read(notebook, as_version=4).cells:  # type: ignore[no-untyped-call]
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            heading = cell.source.splitlines()[0].lstrip("# ")
        headings[cell.id] = heading
    return lambda cell, **_: begun(headings.get(cell.id, ""))


@contextmanager
def _allowed_environment() -> Iterator[None]:
    """Keep from a notebook, which is code, all of the environment but what a kernel needs: no password of anybody."""
    everything = dict(os.environ)
    for name in everything:
        if name.upper() not in ALLOWED and not name.upper().startswith(ALLOWED_PREFIXES):
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(everything)


@contextmanager
def kernel_folder() -> Iterator[Path]:
    """Make a private folder for a kernel's key, sockets and settings, and remove it afterwards.

    A lock inside is held as long as the folder is used. The operating system frees it when a run is killed, so that
    ``remove_abandoned`` knows which folders are nobody's.
    """
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with FileLock(folder / LOCK):
            yield folder


def remove_abandoned() -> None:
    """Remove the folders of kernels whose run was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        if folder.is_symlink() or time.time() - folder.stat().st_mtime < YOUNG_S:
            return False
        with FileLock(folder / LOCK).acquire(timeout=0):
            return True
    except (OSError, Timeout):  # somebody else's, or in use
        return False


def _arguments(folder: Path) -> list[str]:
    """Options of the kernel: no warnings of its own, and neither history nor start-up files of whoever runs it."""
    settings = folder / "ipython"
    settings.mkdir()
    quiet = "--IPKernelApp.log_level=CRITICAL"  # it calls the end of every run an interrupt
    given_out = "--InteractiveShellApp.extensions=engagekit.reports.outputs"
    return [quiet, given_out, f"--BaseIPythonApplication.ipython_dir={settings}", "--HistoryManager.enabled=False"]


def _connection(folder: Path) -> Any:
    """Reach the kernel by sockets in its private folder, because two kernels can draw the same TCP port."""
    from traitlets.config import Config

    if os.name == "nt" or len(str(folder)) > LONGEST_SOCKET_FOLDER:
        return Config()
    paths = {"ip": str(folder / "socket"), "connection_file": str(folder / "connection.json")}
    return Config(KernelManager={"transport": "ipc", **paths})
