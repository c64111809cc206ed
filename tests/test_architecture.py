"""The house: rooms import upwards only, nobody imports a private name, every module has a subject."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import engagekit

PACKAGE = Path(engagekit.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
ROOMS = [
    "errors",
    "language",
    "display",
    "frames",
    "data",
    "samples",
    "prepare",
    "metrics",
    "plots",
    "customers",
    "churn",
    "value",
]
ROOMS += ["score", "starter", "study", "decisions", "reports", "lessons", "cli"]


def names(path):
    return ".".join(("engagekit", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


@cache
def nodes(path):
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imports(path):
    """Module and name of every import from the package, wherever it stands in the file."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "engagekit":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "engagekit")


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_room_imports_only_from_rooms_above_it(path):
    own = names(path).split(".")[1:2]
    for module, _ in imports(path):
        room = module.split(".")[1:2]
        if own and room:
            assert ROOMS.index(room[0]) <= ROOMS.index(own[0]), f"{names(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_nothing_imports_a_private_name(path):
    for module, name in imports(path):
        assert not any(part.startswith("_") and not part.startswith("__") for part in (*module.split("."), name))


def test_no_file_of_the_metrics_imports_in_a_circle():
    room = sorted((PACKAGE / "metrics").glob("*.py"))
    graph = {names(path): {m for pair in imports(path) for m in (pair[0], ".".join(pair))} for path in room}
    assert list(TopologicalSorter(graph).static_order())  # a circle raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_has_a_subject(path):
    assert path.stem not in {"utils", "helpers", "common", "base", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_neither_asserts_nor_prints(path):
    for node in nodes(path):
        assert not isinstance(node, ast.Assert), f"line {node.lineno} asserts"
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") != "print", f"line {node.lineno} prints"


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=names)
def test_what_a_module_offers_exists_and_is_documented(path):
    module = import_module(names(path))
    assert module.__all__, "no __all__"
    for name in module.__all__:
        offered = getattr(module, name)
        if callable(offered) and isinstance(getattr(offered, "__module__", None), str):
            assert offered.__doc__, f"{name} has no docstring"


def test_every_public_name_can_be_loaded():
    assert len(engagekit.__all__) > 20
    for name in engagekit.__all__:
        assert getattr(engagekit, name) is not None


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, engagekit; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "engagekit" in loaded
    assert not {"pandas", "polars", "numpy", "sklearn", "matplotlib", "seaborn", "narwhals"} & set(loaded)


def test_asking_for_help_loads_nothing_heavy():
    code = """
import sys
sys.argv = ["engagekit", "--help"]
from engagekit.cli import main
try: main()
finally: print("::", *sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = run.stdout.split("::")[1].split()
    assert "typer" in loaded
    assert not {"pandas", "polars", "numpy", "sklearn", "matplotlib", "seaborn"} & set(loaded)
