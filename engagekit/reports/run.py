"""One notebook, one business: staged, checked, published.

A run is a pure function of the business's folder, the template and the as-of date. Whether it went well is decided by
the sentinel that the template's last cell displays, never by papermill's own metadata, which calls the cells of a dead
kernel completed.
"""

import datetime as dt
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from engagekit.data.business import Business, slug_of
from engagekit.display.markup import template_names, template_path
from engagekit.errors import DataError, did_you_mean
from engagekit.language import Language
from engagekit.prepare.business_tables import PERIODS
from engagekit.reports.kernel import KERNEL, execute, remove_abandoned
from engagekit.reports.outputs import PRIVATE, SENTINEL
from engagekit.reports.page import page
from engagekit.reports.record import FAILED, Run, one_line, record_of, write_json

__all__ = ["check_request", "report_name", "run"]

TIMEOUT_S = 600
OWN = ".ipynb"  # what the path of a notebook of one's own ends with
LAST_CELL = "from engagekit.reports.outputs import finish\n\nfinish(globals())"


def run(
    path: str | Path,
    out: str | Path = "reports",
    *,
    template: str = "engagement",
    as_of: str = "",
    period: str = "",
    parameters: Mapping[str, Any] | None = None,
    timeout: int = TIMEOUT_S,
    begun: Callable[[str], None] | None = None,
) -> Run:
    """Write the report of a business to ``out/<business>/<template>/``.

    The notebook runs in that folder, and its files are part of the report. Nothing there changes until every part
    of the new report is valid. If the run fails, the previous report stays, and
    ``out/<business>/<template>.failed/`` has the notebook as far as it was executed and ``run.json`` with the reason.

    Parameters
    ----------
    path : str or Path
        A business's folder or its ``business.toml``.
    out : str or Path, default "reports"
        Folder of the reports.
    template : str, default "engagement"
        A notebook of ``templates/``, without its ending, or the path of one of your own.
    as_of : str, optional
        ISO date that takes the place of the one in ``business.toml``.
    period : {"week", "month", "quarter"}, optional
        Takes the place of the one in ``business.toml``.
    parameters : mapping, optional
        Further parameters of the template.
    timeout : int, default 600
        Seconds that a cell may take.
    begun : callable, optional
        Called with the heading above each cell that begins.

    Returns
    -------
    Run
        With ``status == "failed"`` and the reason in ``error`` if there is no new report.

    Raises
    ------
    DataError
        The business cannot be opened, or the folder of its reports cannot be made.
    ValueError
        A parameter or the template is unknown; the message names those that there are.
    """
    started = time.monotonic()
    business = Business.open(path)
    notebook = _template(template)
    home = Path(out) / business.slug
    template = report_name(template)
    final, failed = home / template, home / f"{template}{FAILED}"
    given = {"business": _from(final, business.file), "as_of": as_of, **(parameters or {})}
    given |= {"period": period} if period else {}
    copy = _with_last_cell(notebook)
    _check_parameters(copy, template, given)
    remove_abandoned()
    _make_home(home)
    _restore(final)
    with _stage(home, template) as stage:
        (stage / "report.ipynb").write_text(copy, "utf-8")
        error = execute(stage / "report.ipynb", given, timeout, begun) or _write(stage, business)
        if error:
            shutil.rmtree(stage / PRIVATE, ignore_errors=True)
        place, seconds = failed if error else final, round(time.monotonic() - started, 2)
        status: Literal["ok", "failed"] = "failed" if error else "ok"
        alerts = () if error else _alerts(stage)
        result = Run(business.slug, business.name, template, status, error, place.as_posix(), seconds, alerts)
        write_json(stage / "run.json", record_of(result, business, notebook, given, stage))
        shutil.rmtree(failed, ignore_errors=True)
        _publish(stage, place)
    return result


def report_name(template: str) -> str:
    """Name of a template's report and its folder: the template's own, or that of the file of a notebook.

    Examples
    --------
    >>> report_name("engagement"), report_name("/home/ana/My questions.ipynb")
    ('engagement', 'my-questions')
    """
    return slug_of(Path(template).stem) or "report" if template.endswith(OWN) else template


def check_request(template: str, as_of: str, period: str = "") -> None:
    """Check what is asked for before any business is run.

    Raises
    ------
    ValueError
        The template or the period is unknown, or ``as_of`` is no ISO date.
    """
    _template(template)
    if period and period not in PERIODS:
        raise ValueError(f"period: {period!r} is none of {', '.join(PERIODS)}")
    if as_of:
        try:
            dt.date.fromisoformat(as_of)
        except ValueError:
            raise ValueError(f"as_of: {as_of!r} is not an ISO date such as 2026-11-01") from None


def _template(name: str) -> Path:
    """File of a template that the kit ships, or of a notebook of one's own, which is named by its path."""
    own = name.endswith(OWN)
    path = Path(name) if own else template_path(f"{name}.ipynb")
    if own and not path.is_file():
        raise ValueError(f"template: there is no notebook {name}")
    if not path.is_file():
        known = ", ".join(template_names())
        raise ValueError(f"there is no template {name!r}. There are: {known}, and the path of any .ipynb.")
    return path


def _with_last_cell(notebook: Path) -> str:
    """Notebook with one cell more, which says that it came to its end."""
    import nbformat

    try:
        copy: Any = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise ValueError(f"template: {notebook.name} cannot be read: {one_line(error)}") from error
    copy.metadata.kernelspec = {"name": KERNEL, "display_name": "Python 3", "language": "python"}
    cell = {"id": "sentinel", "metadata": {"tags": ["notes"]}}
    copy.cells.append(nbformat.v4.new_code_cell(LAST_CELL, **cell))  # type: ignore[no-untyped-call]
    return str(nbformat.writes(copy))  # type: ignore[no-untyped-call]


def _check_parameters(notebook: str, template: str, given: Mapping[str, Any]) -> None:
    """Refuse a parameter that the template does not declare; papermill would only warn."""
    from papermill import inspect_notebook

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "template.ipynb"
        file.write_text(notebook, "utf-8")
        declared = inspect_notebook(str(file))
    for name in given:
        if name not in declared:
            raise ValueError(f"{template} has no parameter {name!r}. {did_you_mean(name, declared)}")


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the reports of this business cannot be written here ({error.strerror}). Move what is in the way."
        raise DataError(reason, file=home) from error


@contextmanager
def _stage(home: Path, template: str) -> Iterator[Path]:
    """Make a folder for a report in the making, and remove those of killed runs."""
    for abandoned in home.glob(f".{template}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{template}-", dir=home))
    stage.chmod(0o755)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _from(folder: Path, file: Path) -> str:
    """Path of a file as the notebook sees it, which runs in the folder of its report."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return str(file.resolve())


def _write(stage: Path, business: Business) -> str:
    """Write page and metrics of an executed notebook, or say in one line why it is no report."""
    import nbformat

    executed: Any = nbformat.read(stage / "report.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    metrics = _sentinel(executed)
    if metrics is None:
        return "the notebook ended without its last cell: there is no sentinel"
    language = Language(business.language)
    last_day = dt.date.fromisoformat(metrics["as_of"]) - dt.timedelta(days=1)
    subtitle = language.text("report.subtitle", date=language.date(last_day))
    footer = language.text("report.footer", version=version("engagekit"))
    try:
        text = page(executed, language, title=business.name, subtitle=subtitle, footer=footer)
    except ValueError as error:
        return one_line(error)
    (stage / "report.html").write_text(text, "utf-8")
    write_json(stage / "metrics.json", metrics)
    return ""


def _alerts(stage: Path) -> tuple[str, ...]:
    """Write ``alerts.json`` where the business has alerts, and give the sentences of those that were crossed."""
    data = json.loads((stage / "metrics.json").read_text("utf-8"))
    if not data.get("alerts"):
        return ()
    crossed = [alert for alert in data["alerts"] if alert["crossed"]]
    business = {name: data["business"][name] for name in ("slug", "name", "language")}
    write_json(stage / "alerts.json", {"schema": 1, "business": business, "as_of": data["as_of"], "alerts": crossed})
    return tuple(alert["sentence"] for alert in crossed)


def _sentinel(notebook: Any) -> dict[str, Any] | None:
    """What the last cell displayed; None if the notebook did not come to its end."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    sentinels = [output.data[SENTINEL] for output in outputs if SENTINEL in output.get("data", {})]
    return dict(sentinels[-1]) if sentinels else None


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
