"""Many businesses: each one's failure is its own, with progress and an index."""

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from engagekit.data.business import Business, slug_of
from engagekit.errors import DataError
from engagekit.language import Language
from engagekit.reports.page import Entry, index_page
from engagekit.reports.run import FAILED, Run, check_request, record_failure, run

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
Task = tuple[Path, Path, str, str, str]


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
    ValueError
        The template is unknown, or ``as_of`` is no ISO date.
    """
    check_request(template, as_of)
    paths = list({_settings(path): path for path in map(Path, businesses)}.values())
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    twice = _named_twice(paths)
    runs: dict[int, Run] = {}
    try:
        with FileLock(out / ".lock").acquire(timeout=0):
            tasks = [(path, out, template, as_of, twice.get(path, "")) for path in paths]
            for number, finished in _finished(tasks, jobs):
                runs[number] = finished
                if done is not None:
                    done(finished)
            _write_index(out)
    except Timeout as error:
        raise OutputLocked(f"{out}/ is being written by another run. Wait for it, or give another folder.") from error
    return [runs[number] for number in range(len(paths))]


def _finished(tasks: list[Task], jobs: int) -> Iterator[tuple[int, Run]]:
    """Run the tasks, several in processes of their own: parsing code in threads fails at random in Python 3.11."""
    if jobs == 1:
        yield from ((number, _guarded(*task)) for number, task in enumerate(tasks))
        return
    broken = []
    with ProcessPoolExecutor(jobs, get_context("spawn"), _share_cores, (jobs,)) as pool:
        futures = {pool.submit(_guarded, *task): number for number, task in enumerate(tasks)}
        for future in as_completed(futures):
            if future.exception() is None:
                yield futures[future], future.result()
            else:
                broken.append(futures[future])
    for number in broken:  # one process that dies takes its pool along, so each is tried again alone
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            error = (future := pool.submit(_guarded, *tasks[number])).exception()
            yield number, _failed(*tasks[number][:3], error) if error else future.result()


def _share_cores(jobs: int) -> None:
    """Give the kernels of each process their part of the cores; all of them in each would wait for one another."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // jobs, 1)))


def _guarded(path: Path, out: Path, template: str, as_of: str, problem: str) -> Run:
    """Run a business; whatever it raises becomes its reason."""
    try:
        if problem:
            raise DataError(problem, file=path)
        return run(path, out, template=template, as_of=as_of)
    except Exception as error:  # one business must not stop the others
        return _failed(path, out, template, error)


def _failed(path: Path, out: Path, template: str, error: BaseException) -> Run:
    """Record of a run that ended before its notebook could."""
    name = _settings(path).parent.name
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    reason = kind + " ".join(str(error).split())
    return record_failure(out, Run(slug_of(name) or "unnamed", name, template, "failed", reason, "", 0.0))


def _settings(path: Path) -> Path:
    return (path if path.suffix == ".toml" else path / "business.toml").resolve()


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


def _write_index(out: Path) -> None:
    """The list of every report in the folder, and of those whose last run failed."""
    places = sorted({path.parent for path in out.glob("*/*/run.json") if not path.parent.name.startswith(".")})
    homes = dict.fromkeys(place.with_name(place.name.removesuffix(FAILED)) for place in places)
    entries = [_entry(home, home.with_name(home.name + FAILED)) for home in homes]
    languages = {entry.language for entry in entries if entry.as_of}
    language = Language(languages.pop() if len(languages) == 1 else "en")
    temporary = out / ".index.html"
    temporary.write_text(index_page(entries, language), "utf-8")
    temporary.replace(out / "index.html")


def _entry(home: Path, failed: Path) -> Entry:
    """A report as the list shows it, with the reason why it could not be renewed, where there is one."""
    error, name = "", home.parent.name
    try:
        if failed.is_dir():
            record = json.loads((failed / "run.json").read_text("utf-8"))
            name, error = record["name"], record["error"]
        if not home.is_dir():
            return Entry(name, "", "failed", "en", error=error)
        found = json.loads((home / "metrics.json").read_text("utf-8"))
        business, language = found["business"], Language(found["business"]["language"])
        month = language.month(dt.date.fromisoformat(f"{found['month']}-01"))
        headline = list(_headline(found, language))[:MOST]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return Entry(name, "", "failed", "en", error=f"{home.name} cannot be read: {problem!r}. Run it again.")
    about = language.question(home.name) or home.name
    href = f"{home.parent.name}/{home.name}/report.html"
    status: Literal["ok", "failed"] = "failed" if error else "ok"
    return Entry(business["name"], href, status, language.code, month, headline, error, bool(error), about)


def _headline(found: dict[str, Any], language: Language) -> Iterator[tuple[str, str]]:
    """Title and value of the first metrics of the list, in their latest whole month; an older one is named."""
    for name in HEADLINE:
        rows = [row for row in found["metrics"] if row["metric"] == name and row["value"] is not None]
        rows = [row for row in rows if row["period"] <= found["month"]]
        if rows:
            row = max(rows, key=lambda row: row["period"])
            value = language.amount(row["value"], row["measured_in"], found["business"]["currency"])
            older = language.month(dt.date.fromisoformat(f"{row['period']}-01"), "short")
            title = language.text(f"metric.{name}.title")
            yield title if row["period"] == found["month"] else f"{title} ({older})", value
