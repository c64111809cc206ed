"""engagekit init | check | freeze | report | plan | metrics | explain | lessons."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from engagekit.reports.record import Run

__all__ = ["main"]

LOG_WIDTH = 140  # of tables that go into a file
DONE, SOME_FAILED, USAGE, ALERT = 0, 1, 2, 5

app = typer.Typer(
    help="Measure customer engagement from a business's own exports, and write its report.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
lessons = typer.Typer(help="Lessons on what the metrics mean, and notebooks that ask a business.", no_args_is_help=True)
app.add_typer(lessons, name="lessons")
Kind = Literal["ecommerce", "saas", "subscription"]
Code = Literal["id", "ms", "en"]
Period = Literal["week", "month", "quarter"]
Businesses = Annotated[list[Path], typer.Argument(help="Folders of businesses, each with its business.toml.")]


def _version(wanted: bool) -> None:
    if wanted:
        from engagekit import __version__

        typer.echo(f"engagekit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """Measure customer engagement from a business's own exports, and write its report."""


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder to make; with --template, the notebook.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further files, after --from.", show_default=False)
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="A file that a tool wrote; further ones may follow.")
    ] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="What kind of business it is; by default what the files suggest, or ecommerce.")
    ] = None,
    language: Annotated[Code | None, typer.Option(help="Language of its report.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Fill it with a made-up business.")] = False,
    template: Annotated[str, typer.Option(help="Copy this template instead, to change it: engagement or churn.")] = "",
) -> None:
    """Make the folder of a business, a business.toml to fill in or a sample with data; or copy a template."""
    if template:
        _copy_template(template, path)
        return
    if (path / "business.toml").exists():
        _stop(f"{path / 'business.toml'} is there already. Give another folder.")
    if source is not None:
        _from_files(path, [source, *(files or [])], language or "en", kind or "")
    elif sample:
        from engagekit.samples.make import make_sample, write_sample

        if language is not None:
            _stop("--language: a sample speaks the language of its kind: ecommerce id, saas ms, subscription en")
        write_sample(make_sample(kind or "ecommerce"), path)
    else:
        from engagekit.starter import blank_settings

        path.mkdir(parents=True, exist_ok=True)
        (path / "business.toml").write_text(blank_settings(kind or "ecommerce", language or "en"), "utf-8")
    typer.echo(f"Made {path / 'business.toml'}. Next: engagekit check {path}")


@app.command()
def check(businesses: Businesses) -> None:
    """Read a business's tables and say which rows were refused or repeat others, and why."""
    console = _console()
    problems = [problem for path in businesses for problem in _problems(console, path)]
    for problem in problems:
        console.print(problem, style="red", soft_wrap=True, markup=False)
    raise typer.Exit(SOME_FAILED if problems else DONE)


@app.command()
def freeze(
    business: Annotated[Path, typer.Argument(help="Folder of a business, with its business.toml.")],
    name: Annotated[str, typer.Option(help="Name of the period, such as 'before the relaunch'.")] = "",
    starts: Annotated[str, typer.Option("--from", help="ISO date; by default a year before the end.")] = "",
    ends: Annotated[str, typer.Option("--until", help="ISO date, exclusive; by default the report's.")] = "",
) -> None:
    """Take the bounds of the score's components from a reference period, and keep them in scorecard.json."""
    from engagekit.data.business import Business
    from engagekit.reports.goals import check_goals
    from engagekit.score.freeze import freeze as freeze_bounds

    try:
        opened = Business.open(business)
        check_goals(opened)
        found = freeze_bounds(opened, name=name, starts=starts or None, ends=ends or None)
    except ValueError as error:
        _stop(str(error))
    reference, dates = found["reference"], len(found["reference"]["dates"])
    typer.echo(f"{reference['name']}: {reference['customers']:,} customers on {dates} dates")
    for feature, bounds in found["bounds"].items():
        typer.echo(f"  {feature}: {bounds['low']:g} to {bounds['high']:g}")
    typer.echo(f"Written to {opened.folder / 'scorecard.json'}. Next: engagekit report {business}")


@app.command()
def report(
    businesses: Businesses,
    as_of: Annotated[str, typer.Option(help="ISO date before which everything counts.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of the reports.")] = Path("reports"),
    template: Annotated[
        str,
        typer.Option(help="Which report: engagement, churn, or your own .ipynb; by default what business.toml lists."),
    ] = "",
    period: Annotated[
        Period | None, typer.Option(help="What is compared; by default what business.toml says, or months.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many businesses at once.")] = 1,
) -> None:
    """Write the reports of businesses, and their index. Exits with 1 if one failed, else with 5 on an alert."""
    console = _console()
    businesses, given = [path for path in businesses if not _is_nowhere(console, path, out)], businesses
    if not businesses:
        raise typer.Exit(SOME_FAILED)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from engagekit.reports.batch import OutputLocked, templates_of
    from engagekit.reports.batch import report as write_reports

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        total = len(businesses) if template else sum(len(templates_of(path)) for path in businesses)
        task = bar.add_task("Reports", total=total)

        def done(run: "Run") -> None:
            bar.update(task, advance=1, description="Reports")
            _say(console, run)

        def begun(heading: str) -> None:
            bar.update(task, description=heading or "Reports")

        try:
            asked = {"template": template, "as_of": as_of, "period": period or ""}
            runs = write_reports(businesses, out, **asked, jobs=jobs, done=done, begun=begun)
        except (OutputLocked, ValueError, OSError) as error:
            bar.stop()
            _stop(str(error))
    console.print(f"Index: {out / 'index.html'}", soft_wrap=True, markup=False)
    done_all = len(businesses) == len(given) and all(run.status == "ok" for run in runs)
    crossed = ALERT if any(run.alerts for run in runs) else DONE
    raise typer.Exit(crossed if done_all else SOME_FAILED)


@app.command()
def plan(
    business: Annotated[Path, typer.Argument(help="Folder of a business, with its business.toml.")],
    hold_out: Annotated[
        str, typer.Option(help="Share of the customers who are not contacted, to compare with.")
    ] = "10%",
    name: Annotated[str | None, typer.Option(help="Name of the plan; by default plan- and the date.")] = None,
    as_of: Annotated[str, typer.Option(help="ISO date on which the plan starts; by default the report's.")] = "",
    days: Annotated[int | None, typer.Option(help="How many days it runs; by default the churn horizon.")] = None,
) -> None:
    """List whom to contact and how, and hold out a share of them, so that a later report says whether it helped."""
    from engagekit.decisions.plan import make_plan, unknown_held_out, write_plan
    from engagekit.reports.goals import check_goals
    from engagekit.study import Study

    try:
        study = Study(business, as_of or None)
        check_goals(study.business)
        made = make_plan(study, _share(hold_out), name, days)
        files = write_plan(study, made)
    except (ValueError, OSError) as error:
        _stop(str(error))
    if gap := (study.end - study.data_end).days:
        typer.echo(
            f"Days from the end of the data ({study.data_end.date()}) to the plan: {gap:,}. Export newer ones.",
            err=True,
        )
    if unknown := unknown_held_out(study):
        typer.echo(f"Held out by a plan, but in no table: {unknown:,}. Check the ids in plans.csv.", err=True)
    if not files:
        typer.echo(f"Nobody to contact on {made.starts}: nothing was written.")
        return
    gain = made.contacts["expected_gain"].sum()
    money = study.language.money(gain, study.business.currency, 0) if gain else "not known"
    typer.echo(
        f"{made.name}, {made.starts} until {made.ends}: {len(made.contacts):,} to contact, expected gain {money}"
    )
    typer.echo(
        f"  {made.held_out:,} held out, on no list while the plan runs; {made.added.height:,} customers new in the plan"
    )
    typer.echo(
        f"  what customers do from {made.starts} on counts, also before you contact them; --as-of gives another day"
    )
    typer.echo(f"The list, with real ids, is for you alone: {files[0]} and .xlsx")
    done = study.business.folder / "actions.csv"
    typer.echo(
        f"Next: write each contact into {done} (date,customer_id,action), and the report says whether it helped."
    )


@app.command()
def metrics(
    language: Annotated[Code, typer.Option(help="Language of the titles.")] = "en",
) -> None:
    """List all metrics, by channel."""
    from rich.table import Table

    from engagekit.language import Language
    from engagekit.metrics.catalog import CHANNELS

    console, text = _console(), Language(language).text
    heads = [text(f"column.{name}") for name in ("metric", "title", "table")]
    for channel, members in CHANNELS.items():
        listed = Table(*heads, title=text(f"channel.{channel}"), title_justify="left")
        for metric in members:
            listed.add_row(metric.name, text(f"metric.{metric.name}.title"), metric.table)
        console.print(listed)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="A metric, its title, or a short name such as nps, csat, ces or clv.")],
    language: Annotated[Code | None, typer.Option(help="Language; by default the report's, or English.")] = None,
    run: Annotated[
        Path | None, typer.Option("--from", help="A report's metrics.json, whose numbers are put in.")
    ] = None,
) -> None:
    """Say what a metric means, how it is computed and what it hides; with --from, with a report's numbers put in."""
    from engagekit.metrics.aliases import explain_named

    try:
        found = None if run is None else _found(run)
        typer.echo(explain_named(name, language or (found["business"]["language"] if found else "en"), found))
    except (ValueError, OSError) as error:
        _stop(str(error))
    except (KeyError, TypeError, AttributeError):
        _stop(_no_metrics(run))


@lessons.command()
def build(
    run: Annotated[
        bool, typer.Option("--run", help="First run the solutions, and keep their outputs as text.")
    ] = False,
) -> None:
    """Write the learner copies in notebooks/lessons from notebooks/solutions."""
    from engagekit.display.markup import notebook_path
    from engagekit.display.progress import progress
    from engagekit.lessons.copies import build_lessons, run_solution

    if run:
        for path in progress(
            sorted(notebook_path("solutions").glob("*.ipynb")), "Running", named=lambda path: path.stem
        ):
            run_solution(path)
    typer.echo(f"Wrote {len(build_lessons())} lessons to {notebook_path('lessons')}")


@lessons.command()
def start(
    folder: Annotated[Path, typer.Argument(help="Where to copy them; files that are there stay.")],
    kind: Annotated[
        Literal["lessons", "solutions", "explore"],
        typer.Option(help="The lessons; the same with answers, for teachers; or the notebooks that ask a business."),
    ] = "lessons",
) -> None:
    """Copy notebooks to a folder, to work in them."""
    from engagekit.lessons.copies import start_lessons

    try:
        copied = start_lessons(folder, kind)
    except OSError as error:
        _stop(f"{error.filename}: cannot be made: {error.strerror}. Give another folder.")
    typer.echo(f"Copied {len(copied)} notebooks to {folder}. Next: jupyter lab {folder}")


def main() -> None:
    """Run the command line."""
    app()


def _problems(console: "Console", path: Path) -> "Iterator[str]":
    """Print what was read of a business's tables; yield what would stop its report."""
    from engagekit.data.business import Business
    from engagekit.display.progress import progress
    from engagekit.errors import DataError
    from engagekit.reports.check import Check
    from engagekit.reports.goals import check_goals
    from engagekit.score.scorecard import Scorecard

    try:
        business = Business.open(path)
    except DataError as error:
        yield str(error)
        return
    readings = []
    for name in progress(list(business.tables), "Reading"):
        try:
            reading = business.reading(name)
            readings.append(reading)
            reading.check()
        except DataError as error:
            # the value stands on the terminal only: messages are written into reports
            yield str(error) + (f" The cell says {str(error.value)[:100]!r}." if error.value is not None else "")
    try:
        check_goals(business)
        if business.score.components and "interactions" in business.tables:
            Scorecard.of(business)
    except DataError as error:
        yield str(error)
    shown = Check(business, readings)
    for table in shown.tables():
        console.print(table)
    for hint in shown.hints():
        console.print(hint, style="yellow", soft_wrap=True, markup=False)
    if not business.tables:
        yield f"{business.name}: no tables yet. Uncomment one in {business.folder / 'business.toml'}."


def _is_nowhere(console: "Console", path: Path, out: Path) -> bool:
    """Whether a business is not there and never had a report, of which nothing is to be recorded; if so, say it."""
    import os

    from engagekit.data.business import Business, slug_of

    settings = os.path.realpath(path if path.suffix == ".toml" else path / "business.toml")
    slug = slug_of(os.path.basename(os.path.dirname(settings))) or "unnamed"
    if os.path.exists(settings) or os.path.isdir(out / slug):
        return False
    try:
        Business.open(path)
    except ValueError as error:
        console.print(f"failed  {error}", style="red", soft_wrap=True, markup=False)
        return True
    return False


def _found(file: Path) -> dict[str, Any]:
    """Content of a report's metrics.json."""
    import json

    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"business", "as_of", "month", "metrics"} <= found.keys():
        raise ValueError(_no_metrics(file))
    return found


def _no_metrics(file: Path | None) -> str:
    return f"{file} is not a report's metrics.json. Give one, such as reports/shop/engagement/metrics.json."


def _from_files(path: Path, files: list[Path], language: str, kind: str) -> None:
    """Write a business.toml for files, and say what each was recognised as."""
    from rich.table import Table

    from engagekit.starter import freeze_or_leave_out, recognised, settings_from

    try:
        seen = [recognised(file) for file in files]
        (path / "business.toml").write_text(settings_from(path, seen, language, kind), "utf-8")
    except (ValueError, OSError) as error:
        _stop(str(error))
    console, table = _console(), Table("file", "recognised as", "score", "next best", "tables", "columns not read")
    guesses: list[str] = []
    for each in seen:
        fits = [f"{fit.preset.title} ({fit.score:.0%})" if fit else "" for fit in (each.match, each.runner_up)]
        tables = dict.fromkeys(part.table + ("" if each.is_sure and not part.missing else "?") for part in each.parts)
        score = f"{each.match.score:.0%}" if each.match else ""
        name = each.match.preset.title if each.match else "not recognised"
        unread = ", ".join(each.unread[:8]) + (f" and {len(each.unread) - 8} more" if len(each.unread) > 8 else "")
        guesses.append(", ".join(tables))
        table.add_row(each.file.name, name, score, fits[1], guesses[-1], unread)
    console.print(table)
    if any("?" in guess for guess in guesses):
        console.print("What has a ? stands in business.toml as comments, for you to answer.", style="yellow")
    if left_out := freeze_or_leave_out(path):
        typer.echo(f"The score is left out: {left_out}")


def _share(written: str) -> float:
    """Share that is written as 10% or as 0.1."""
    try:
        share = float(written.removesuffix("%")) / (100 if written.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 < share < 1:
        raise ValueError(f"--hold-out: {written!r} is not above 0 and below 100%. Write 10% or 0.1")
    return share


def _copy_template(name: str, file: Path) -> None:
    """Copy a template to a notebook of one's own."""
    from engagekit.display.markup import template_names, template_path

    if name not in template_names():
        _stop(f"there is no template {name!r}. There are: {', '.join(template_names())}.")
    if file.suffix != ".ipynb" or file.exists():
        _stop(f"{file} {'is there already' if file.exists() else 'is no notebook'}. Give the name of a new .ipynb.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(template_path(f"{name}.ipynb").read_bytes())
    typer.echo(f"Made {file}. Next: change its cells, and engagekit report SHOP --template {file}")


def _say(console: "Console", run: "Run") -> None:
    if run.status == "ok":
        console.print(
            f"ok      {run.name}: {run.folder}/report.html ({run.seconds:.1f} s)",
            soft_wrap=True,
            markup=False,
        )
        for sentence in run.alerts:
            console.print(f"alert   {run.name}: {sentence}", style="yellow", soft_wrap=True, markup=False)
    else:
        console.print(f"failed  {run.name}: {run.error}", style="red", soft_wrap=True, markup=False)


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else LOG_WIDTH
    return console


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(USAGE)
