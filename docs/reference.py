"""Hook of MkDocs: writes the reference, a page for each room of the package and for each channel of the metrics."""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import engagekit as ek
from engagekit.data.tables import TABLES
from engagekit.errors import DataError
from engagekit.language import LANGUAGES, Language
from engagekit.lessons import glossary
from engagekit.metrics import CHANNELS, METRICS
from engagekit.metrics.card import explain
from engagekit.metrics.metric import Metric
from engagekit.study import SNAPSHOTS

ROOT = Path(__file__).parents[1]
USERS = ("README.md", "docs/**/*.md", "notebooks/**/*.ipynb", "templates/*.ipynb", "engagekit/**/__init__.pyi")
IMPORT = re.compile(r"from (engagekit[\w.]*|\.[\w.]*) import ([\w, ]*)")
SAMPLES = ("ecommerce", "saas")  # the second has contracts, and says when customers cancelled
ENGLISH = Language("en")
CATALOGUE = """

## METRICS { #engagekit.metrics.METRICS }

All metrics by name; each has its value for a sample business on the page of its channel.

## CHANNELS { #engagekit.metrics.CHANNELS }

```python
>>> from engagekit.metrics import CHANNELS, METRICS
>>> METRICS["open_rate"] in CHANNELS["mailing"]
True
```
"""
COLUMNS = ["value", "low", "high", "n"]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages to the navigation, after those that are written by hand."""
    metrics = [path for path in pages() if "/metrics/" in path]
    rooms = [path for path in pages() if path not in metrics]
    config.nav.append({"Reference": [*rooms, {f"The {len(METRICS)} metrics": metrics}, "metrics-json.md"]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the files."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_content(html: str, **_: object) -> str:
    """Write the references of docstrings as a list, not as reStructuredText."""
    return re.sub(r"\.\. (\[\d+\]) ", r"<br>\1 ", html)


@cache
def pages() -> dict[str, str]:
    """Path and Markdown of each page."""
    rooms: dict[str, list[str]] = {}
    for name in sorted(public_modules()):
        rooms.setdefault(name.split(".")[1], []).append(_of_module(name))
    made = {"reference/index.md": _index(rooms)}
    for room, parts in rooms.items():
        is_module = not hasattr(import_module(f"engagekit.{room}"), "__path__")
        top = "" if is_module else f"{{ #engagekit.{room} }}\n\n{import_module(f'engagekit.{room}').__doc__}"
        made[f"reference/{room}.md"] = "\n\n".join([f"# {room} {top}", *filter(None, parts)])
    made["reference/metrics.md"] += CATALOGUE
    made["reference/tables.md"] = _tables()
    languages = {code: ENGLISH.text(f"lesson.language.{code}") for code in LANGUAGES}
    parts = [f"## {name}\n\n{glossary(language=code).data}" for code, name in languages.items()]
    made["reference/glossary.md"] = "\n\n".join(["# Glossary", *parts])
    return made | {f"reference/metrics/{channel}.md": _channel(channel) for channel in CHANNELS}


def public_modules() -> set[str]:
    """Modules from which the package exports names, or documentation, notebooks and templates import some."""
    modules: set[str] = set()
    for path in (path for pattern in USERS for path in ROOT.glob(pattern)):
        package = ".".join(path.relative_to(ROOT).parent.parts)  # of a stub, whose imports are relative
        for source, names in IMPORT.findall(path.read_text("utf-8")):
            module = (package + source).rstrip(".") if source.startswith(".") else source
            inner = {f"{module}.{name.split()[0]}" for name in names.split(",") if name.strip()}
            is_package = hasattr(import_module(module), "__path__")
            modules |= {name for name in inner if find_spec(name)} if is_package else {module}
    return {module for module in modules if not hasattr(import_module(module), "__path__")}


def _of_module(name: str) -> str:
    """Directive for what a module offers, without the metrics, which have pages of their own."""
    module = import_module(name)
    members = [each for each in module.__all__ if not isinstance(getattr(module, each), Metric)]
    return f"::: {name}\n    options:\n      members: {members}" if members else ""


def _index(rooms: Iterable[str]) -> str:
    """Names at the top of the package, each with the first line of its docstring, and the rooms."""
    names = {name: getattr(ek, name) for name in ek.__all__ if name not in rooms}
    lines = [
        f"- [`{name}`][{value.__module__}.{name}]: {value.__doc__.splitlines()[0]}" for name, value in names.items()
    ]
    pages = [f"- [`{room}`]({room}.md): {import_module(f'engagekit.{room}').__doc__.splitlines()[0]}" for room in rooms]
    return "\n".join(
        ["# Reference", "", ek.__doc__, "", "## import engagekit as ek", "", *lines, "", "## Rooms", "", *pages]
    )


def _tables() -> str:
    """Columns of the eleven tables."""
    parts = ["# The tables\n\nWhat each can hold. Further columns are kept, and can be grouped by."]
    for name, table in TABLES.items():
        by = f"Key: `{table.key}`, where it is given." if table.key else "No key."
        rows = [
            f"| `{each}` | {c.kind} | {c.presence.replace('filled', 'optional')} | {c.description} |"
            for each, c in table.columns.items()
        ]
        parts.append(
            "\n".join([f"## {name}\n\n{by}\n", "| column | kind | | meaning |", "| --- | --- | --- | --- |", *rows])
        )
    return "\n\n".join(parts)


def _channel(channel: str) -> str:
    """Metrics of a channel."""
    parts = [f"# {ENGLISH.text(f'channel.{channel}')}"]
    for metric in CHANNELS[channel]:
        title, meaning, _, formula, _, measured, table, caveat, source = explain(metric).splitlines()
        kind, asked, answer = examples()[metric.name]
        parts += [
            f"## {title.removesuffix(f' ({metric.name})')} {{ #engagekit.metrics.{metric.name} }}",
            f"`{metric.name}`: {meaning}.\n\n```text\n{formula.strip()}\n```",
            f"{measured} {table}\n\n{caveat}\n\nSource: {source}",
            f'```python\nstudy = ek.Study("businesses/{kind}")\n{asked}\n```\n\n```text\n{answer}\n```',
        ]
    return "\n\n".join(parts)


@cache
def examples() -> dict[str, tuple[str, str, str]]:
    """Of each metric a sample business that allows it, what to ask, and the answer."""
    answers: dict[str, tuple[str, str, str]] = {}
    for kind in SAMPLES:
        with TemporaryDirectory() as folder:
            ek.write_sample(ek.make_sample(kind), Path(folder, kind))
            study = ek.Study(Path(folder, kind))
            for name in [name for name in METRICS if name not in answers]:
                dated = METRICS[name].table in SNAPSHOTS
                every, columns = (', every="month"', ["period", *COLUMNS]) if dated else ("", COLUMNS)
                with suppress(DataError):  # the business lacks the table
                    measured = study.measure(name, every="month" if dated else None).dropna(subset="value")
                    answer = measured[columns].tail(1).to_string(index=False)
                    answers[name] = (kind, f'study.measure("{name}"{every})', answer)
    return answers
