"""Many businesses: each one's failure is its own, with progress and an index."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.language import Language
from engagekit.reports.page import Entry, index_page
from engagekit.reports.run import Run, run

__all__ = ["OutputLocked", "report"]

HEADLINE = (
    "engagement_score",
    "churn_rate",
    "net_promoter_score",
    "order_value",
    "click_rate",
    "reach_engagement_rate",
)
MOST = 3


class OutputLocked(RuntimeError):
    """Another run writes to the same folder of reports."""


def report(
    businesses: Iterable[str | Path],
    out: str | Path = "reports",
    *,
    template: str = "engagement",
    as_of: str = "",
    jobs: int = 1,
    done: Callable[[Run], None] | None = None,
) -> list[Run]:
    """Write the reports of many businesses, and the index of all that lie in the folder.

    Parameters
    ----------
    businesses : iterable of str or Path
        Their folders.
    out : str or Path, default "reports"
        Folder of the reports.
    template : str, default "engagement"
        A notebook of ``templates/``, without its ending.
    as_of : str, optional
        ISO date that takes the place of the ones in ``business.toml``.
    jobs : int, default 1
        How many run at once.
    done : callable, optional
        Called with each ``Run`` when it ends.

    Returns
    -------
    list of Run
        In the order of ``businesses``. One that failed has ``status == "failed"`` and its reason in ``error``.

    Raises
    ------
    OutputLocked
        Another run writes to ``out``.
    """
    paths = [Path(path) for path in businesses]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    twice = _named_twice(paths)
    lock = FileLock(out / ".lock")
    try:
        with lock.acquire(timeout=0):
            runs: dict[int, Run] = {}
            tasks = [(path, out, template, as_of, twice.get(path, "")) for path in paths]
            for number, finished in _finished(tasks, jobs):
                runs[number] = finished
                if done is not None:
                    done(finished)
            ordered = [runs[number] for number in range(len(paths))]
            _write_index(out, ordered)
    except Timeout as error:
        raise OutputLocked(f"{out}/ is being written by another run. Wait for it, or give another folder.") from error
    return ordered


def _finished(tasks: list[tuple[Path, Path, str, str, str]], jobs: int) -> Iterator[tuple[int, Run]]:
    """Run the tasks, several in processes of their own: parsing code in threads fails at random in Python 3.11."""
    if jobs == 1:
        yield from ((number, _guarded(*task)) for number, task in enumerate(tasks))
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_guarded, *task): number for number, task in enumerate(tasks)}
        for future in as_completed(futures):
            number = futures[future]
            error = future.exception()
            yield number, _failed(tasks[number][0], tasks[number][2], error) if error else future.result()


def _failed(path: Path, template: str, error: BaseException) -> Run:
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    name = path.resolve().name
    return Run(name, name, template, "failed", kind + " ".join(str(error).split()), "", 0.0)


def _guarded(path: Path, out: Path, template: str, as_of: str, problem: str) -> Run:
    """Run a business; whatever it raises becomes its reason."""
    try:
        if problem:
            raise DataError(problem, file=path)
        return run(path, out, template=template, as_of=as_of)
    except Exception as error:  # one business must not stop the others
        return _failed(path, template, error)


def _named_twice(paths: list[Path]) -> dict[Path, str]:
    """Businesses whose reports would lie in one folder."""
    slugs: dict[Path, str] = {}
    for path in paths:
        try:
            slugs[path] = Business.open(path).slug
        except DataError:
            continue  # said when it is run
    count = Counter(slugs.values())
    return {
        path: f"another business is called {slug!r} too. Rename a folder."
        for path, slug in slugs.items()
        if count[slug] > 1
    }


def _write_index(out: Path, runs: list[Run]) -> None:
    """The list of every report in the folder, and of the runs that failed."""
    failed = {(run.slug, run.template): run for run in runs if run.status == "failed"}
    entries = []
    for path in sorted(out.glob("*/*/metrics.json")):
        place = (path.parents[1].name, path.parent.name)
        entries.append(_entry(path, "/".join((*place, "report.html")), failed.pop(place, None)))
    entries += [Entry(run.name, "", "failed", "en", error=run.error) for run in failed.values()]
    languages = {entry.language for entry in entries if entry.status == "ok"}
    language = Language(languages.pop() if len(languages) == 1 else "en")
    temporary = out / ".index.html"
    temporary.write_text(index_page(entries, language), "utf-8")
    temporary.replace(out / "index.html")


def _entry(path: Path, href: str, failed: Run | None) -> Entry:
    """A report as the list shows it, from its ``metrics.json``, with the reason why it could not be renewed."""
    found = json.loads(path.read_text("utf-8"))
    business = found["business"]
    language = Language(business["language"])
    headline = list(_headline(found, language))[:MOST]
    month = language.month(dt.date.fromisoformat(f"{found['month']}-01"))
    return Entry(
        business["name"],
        href,
        "failed" if failed else "ok",
        language.code,
        month,
        headline,
        failed.error if failed else "",
        bool(failed),
    )


def _headline(found: dict[str, Any], language: Language) -> Iterator[tuple[str, str]]:
    """Title and value of the first metrics of the list, in their latest whole month."""
    for name in HEADLINE:
        rows = [row for row in found["metrics"] if row["metric"] == name and row["value"] is not None]
        rows = [row for row in rows if row["period"] <= found["month"]]
        if rows:
            row = max(rows, key=lambda row: row["period"])
            value = language.amount(row["value"], row["measured_in"], found["business"]["currency"])
            yield language.text(f"metric.{name}.title"), value
