"""Many businesses: each one's failure is its own, with progress and an index."""

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
from engagekit.language import Language, precision
from engagekit.metrics.season import first_day, last_named
from engagekit.reports.page import Entry, index_page
from engagekit.reports.record import FAILED, Run, one_line, record_failure
from engagekit.reports.run import check_request, report_name, run

__all__ = ["OutputLocked", "report", "templates_of"]

HEADLINE = (
    "engagement_score",
    "churn_rate",
    "net_promoter_score",
    "order_value",
    "click_rate",
    "reach_engagement_rate",
)
MOST_NUMBERS = 3
DEFAULT = "engagement"
LONGEST_NAME = 100  # of a business that could not be opened, in the list and in paths
Task = tuple[Path, Path, str, str, str, str]


class OutputLocked(RuntimeError):
    """Another run writes to the same folder of reports."""


def report(
    businesses: Iterable[str | Path],
    out: str | Path = "reports",
    *,
    template: str = "",
    as_of: str = "",
    period: str = "",
    jobs: int = 1,
    done: Callable[[Run], None] | None = None,
    begun: Callable[[str], None] | None = None,
) -> list[Run]:
    """Write the reports of many businesses, and the index of all reports in the folder.

    Whatever is wrong with one business is the reason why its run failed, and stops no other.

    Parameters
    ----------
    businesses : iterable of str or Path
        Their folders.
    out : str or Path, default "reports"
        Folder of the reports.
    template : str, optional
        A notebook of ``templates/``, without its ending, or the path of one of your own; by default those that each
        business lists in ``[report] templates``.
    as_of : str, optional
        ISO date that takes the place of the ones in ``business.toml``.
    period : {"week", "month", "quarter"}, optional
        Takes the place of the one in each ``business.toml``.
    jobs : int, default 1
        How many run at once.
    done : callable, optional
        Called with each ``Run`` as it ends.
    begun : callable, optional
        Called with the heading of each section that begins, where one report is made at a time.

    Returns
    -------
    list of Run
        In the order of ``businesses``, and of their templates. A failed run has ``status == "failed"`` and the reason
        in ``error``.

    Raises
    ------
    OutputLocked
        Another run writes to ``out``.
    ValueError
        The template or the period is unknown, or ``as_of`` is no ISO date.

    Examples
    --------
    A run that fails says why, and stops no other:

    >>> from tempfile import mkdtemp
    >>> (run,) = report(["businesses/nowhere"], mkdtemp())
    >>> run.status, run.error.split(". ")[0]
    ('failed', 'businesses/nowhere/business.toml: is not there')
    """
    check_request(template or DEFAULT, as_of, period)
    paths = list({_settings(path): path for path in map(Path, businesses)}.values())
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    twice = _named_twice(paths)
    runs: dict[int, Run] = {}
    try:
        with FileLock(out / ".lock").acquire(timeout=0):
            tasks = [
                (path, out, name, as_of, period, twice.get(path, ""))
                for path in paths
                for name in ([template] if template else templates_of(path))
            ]
            for number, finished in _finished(tasks, jobs, begun):
                runs[number] = finished
                if done is not None:
                    done(finished)
            _write_index(out, [run for run in runs.values() if not run.folder])
    except Timeout as error:
        raise OutputLocked(f"{out}/ is being written by another run. Wait for it, or give another folder.") from error
    return [runs[number] for number in range(len(tasks))]


def templates_of(path: Path) -> list[str]:
    """Templates that a business lists; the default of one that cannot be opened, whose run then says why."""
    try:
        return list(Business.open(path).report.templates)
    except Exception:
        return [DEFAULT]


def _finished(tasks: list[Task], jobs: int, begun: Callable[[str], None] | None = None) -> Iterator[tuple[int, Run]]:
    """Run the tasks, several in processes of their own: parsing code in threads fails at random in Python 3.11."""
    if jobs == 1:
        yield from ((number, _guarded(*task, begun)) for number, task in enumerate(tasks))
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
    """Divide the cores among the kernels; with all cores in each, they would wait for one another."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // jobs, 1)))


def _guarded(
    path: Path,
    out: Path,
    template: str,
    as_of: str,
    period: str,
    problem: str,
    begun: Callable[[str], None] | None = None,
) -> Run:
    """Run a business; whatever it raises becomes the reason of its failure."""
    try:
        if problem:
            raise DataError(problem, file=path)
        return run(path, out, template=template, as_of=as_of, period=period, begun=begun)
    except Exception as error:  # one business must not stop the others
        return _failed(path, out, template, error)


def _failed(path: Path, out: Path, template: str, error: BaseException) -> Run:
    """Record a run that ended before its notebook started."""
    name = _settings(path).parent.name[:LONGEST_NAME]
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    failure = Run(
        slug_of(name) or "unnamed", name, report_name(template), "failed", one_line(f"{kind}{error}"), "", 0.0
    )
    return record_failure(out, failure)


def _settings(path: Path) -> Path:
    """Real path of the settings; unlike ``Path.resolve``, it has an answer for a path that cannot exist."""
    return Path(os.path.realpath(path if path.suffix == ".toml" else path / "business.toml"))


def _named_twice(paths: list[Path]) -> dict[Path, str]:
    """Problem of each business whose reports would lie in the folder of another's."""
    slugs: dict[Path, str] = {}
    for path in paths:
        try:
            slugs[path] = Business.open(path).slug
        except Exception:  # noqa: S112 - the reason why its run fails, whatever it is
            continue
    count = Counter(slugs.values())
    return {
        path: f"another business is called {slug!r} too. Rename a folder."
        for path, slug in slugs.items()
        if count[slug] > 1
    }


def _write_index(out: Path, unrecorded: list[Run]) -> None:
    """Write the list of the reports in the folder, of those whose last run failed, and of failures without a record."""
    places = sorted({path.parent for path in out.glob("*/*/run.json") if not path.parent.name.startswith(".")})
    homes = dict.fromkeys(place.with_name(place.name.removesuffix(FAILED)) for place in places)
    entries = [_entry(home, home.with_name(home.name + FAILED)) for home in homes]
    entries += [Entry(run.name, "", "failed", "en", error=run.error) for run in unrecorded]
    languages = {entry.language for entry in entries if entry.as_of}
    language = Language(languages.pop() if len(languages) == 1 else "en")
    temporary = out / ".index.html"
    temporary.write_text(index_page(entries, language), "utf-8")
    temporary.replace(out / "index.html")


def _entry(home: Path, failed: Path) -> Entry:
    """Report as the list shows it, with the reason if it could not be renewed."""
    error, name = "", home.parent.name
    try:
        if failed.is_dir():
            record = json.loads((failed / "run.json").read_text("utf-8"))
            name, error = record["name"], record["error"]
        if not home.is_dir():
            return Entry(name, "", "failed", "en", error=error)
        results = json.loads((home / "metrics.json").read_text("utf-8"))
        business = results["business"]
        language = Language(business["language"], results.get("period", "month"))
        month = language.named(first_day(results.get("last_period", results["month"])))
        headline = list(_headline(results, language))[:MOST_NUMBERS]
    except Exception as problem:  # whatever somebody has made of these files
        reason = one_line(f"{home.name} cannot be read: {problem!r}. Run it again.")
        return Entry(name, "", "failed", "en", error=reason)
    about = language.question(home.name) or home.name
    href = f"{home.parent.name}/{home.name}/report.html"
    status: Literal["ok", "failed"] = "failed" if error else "ok"
    alerts = [alert["sentence"] for alert in results.get("alerts", ()) if alert["crossed"]]
    return Entry(business["name"], href, status, language.code, month, headline, error, bool(error), about, alerts)


def _headline(results: dict[str, Any], language: Language) -> Iterator[tuple[str, str]]:
    """Title and value of the first metrics of ``HEADLINE``, in their latest whole month, named if it is older."""
    for name in HEADLINE:
        valued = [row for row in results["metrics"] if row["metric"] == name and row["value"] is not None]
        last = last_named(results)
        rows = sorted((row for row in valued if row["period"] <= last), key=lambda row: row["period"])
        if rows:
            row, unit = rows[-1], rows[-1]["measured_in"]
            printed = [*rows[-2:], *(every for every in valued if every["period"] == "all")]
            decimals = precision(unit, [row["target"], *(each["value"] for each in printed)])
            value = language.amount(row["value"], unit, results["business"]["currency"], decimals)
            older = language.named(first_day(row["period"]), "short")
            title = language.text(f"metric.{name}.title")
            yield title if row["period"] == last else f"{title} ({older})", value
