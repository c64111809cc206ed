"""The documentation builds without a warning, asks no other host, and has every public name with an example."""

import ast
import html
import inspect
import json
import os
import re
import subprocess
import sys
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from engagekit.metrics.catalog import METRICS
from engagekit.metrics.metric import Metric

ROOT = Path(__file__).parents[1]
ROOMS = ("engagekit", "engagekit.metrics", "engagekit.value", "engagekit.decisions", "engagekit.plots")
FENCE = re.compile(r"^```(?:python|py)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def codes():
    """Python code of README, documentation, notebooks and templates."""
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        yield from FENCE.findall(path.read_text("utf-8"))
    for path in [*(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "templates").glob("*.ipynb")]:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        yield from (source for source in sources if not source.startswith("%%"))


def imported():
    """Module and name of what that code imports from the package."""
    for code in codes():
        for node in ast.walk(ast.parse("\n".join(line for line in code.splitlines() if line[:1] not in ("%", "!")))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "engagekit":
                yield from ((node.module, alias.name) for alias in node.names)


def value_of(module, name):
    return getattr(import_module(module), name, None) or import_module(f"{module}.{name}")


def anchor(module, name):
    """Where a name is documented: in the module that defines it, or the one that offers it to others."""
    value = value_of(module, name)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, Metric) or module == "engagekit.plots":
        return f"{module}.{name}"
    return f"{value.__module__}.{name}" if inspect.isroutine(value) or inspect.isclass(value) else f"{module}.{name}"


def of_class(cls):
    """Public methods and attributes that a class has from the package, and whether each is an attribute."""
    for name in (name for name in dir(cls) if not name.startswith("_")):
        given = inspect.getattr_static(cls, name)
        is_attribute = isinstance(given, property | cached_property)
        member = getattr(given, "fget", getattr(given, "func", given)) if is_attribute else getattr(cls, name)
        if inspect.isroutine(member) and (getattr(member, "__module__", "") or "").startswith("engagekit"):
            yield name, member, is_attribute


NAMES = sorted({*((room, name) for room in ROOMS for name in import_module(room).__all__), *imported()})
PUBLIC = {anchor(*each): value_of(*each) for each in NAMES}
CLASSES = {place: value for place, value in PUBLIC.items() if inspect.isclass(value)}
CALLED = {place: value for place, value in PUBLIC.items() if inspect.isroutine(value)} | CLASSES
MEMBERS = {f"{place}.{name}": of for place, cls in CLASSES.items() for name, *of in of_class(cls)}


def examples_of(value):
    """Lines of the examples of a name, and, of a class, those of its methods and of the classes that it inherits."""
    docs = [inspect.getdoc(value) or ""]
    for cls in inspect.getmro(value) if inspect.isclass(value) else ():
        if not cls.__module__.startswith("engagekit"):
            continue
        docs += [inspect.getdoc(each) or "" for each in (cls, *vars(cls).values())]
    return [line for doc in docs for line in doc.splitlines() if line.startswith((">>> ", "... "))]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documentation, built as ``make docs`` builds it, by page."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """HTML of each page, by its path."""
    return {str(path.relative_to(site)): path.read_text("utf-8") for path in site.rglob("*.html")}


@pytest.fixture(scope="module")
def anchors(pages):
    return {place for page in pages.values() for place in re.findall(r'\bid="([^"]+)"', page)}


def test_every_public_name_has_a_place_in_the_reference(anchors):
    assert len(PUBLIC) > 200
    assert sorted({*PUBLIC, *MEMBERS} - anchors) == []


@pytest.mark.parametrize("place", sorted(CALLED))
def test_a_public_name_has_an_example_that_runs(place):
    assert examples_of(CALLED[place]), "pytest runs the docstring's examples, and there is none"


@pytest.mark.parametrize("place", sorted(place for place, (_, is_attribute) in MEMBERS.items() if not is_attribute))
def test_a_public_method_has_an_example_that_runs(place):
    name = place.rpartition(".")
    assert any(f".{name[2]}" in line for line in examples_of(CLASSES[name[0]]))


@pytest.mark.parametrize("channel", sorted({metric.channel for metric in METRICS.values()}))
def test_every_metric_has_its_value_for_a_sample_business(pages, channel):
    text = html.unescape(re.sub(r"<[^>]+>", "", pages[f"reference/metrics/{channel}.html"]))
    for metric in (metric for metric in METRICS.values() if metric.channel == channel):
        asked = rf'study\.measure\("{metric.name}"[^)]*\)\s+(period\s+)?value\s+low\s+high\s+n\s+[\d-]*\s*-?[\d.]+'
        assert re.search(asked, text), metric.name
        assert metric.reference in text


def test_the_site_asks_nothing_of_another_host(site, pages):
    loads = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"https?:|<link\b[^>]*\bhref=\"https?:")
    assert {path for path, page in pages.items() if loads.search(page)} == set()
    styles = {path.name: path.read_text("utf-8") for path in site.rglob("*.css")}
    assert styles
    assert {name for name, style in styles.items() if re.search(r"url\([\"']?https?:|@import", style)} == set()


def test_pages_that_are_read_on_github_link_to_no_page_that_is_made():
    for path in (ROOT / "docs").rglob("*.md"):
        assert not re.search(r"\]\([./]*reference/", path.read_text("utf-8")), path
