"""A wheel carries templates and notebooks, and works from an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = {".ipynb", ".j2", ".css", ".toml", ".pyi", ".py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        out,
        ROOT,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_a_wheel_carries_templates_notebooks_and_locales(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in (
        ("templates", "engagekit/templates"),
        ("notebooks", "engagekit/notebooks"),
        ("engagekit", "engagekit"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SHIPPED and ".ipynb_checkpoints" not in path.parts:
                assert f"{place}/{path.relative_to(ROOT / folder).as_posix()}" in names


def test_a_wheel_works_from_an_empty_folder(wheel, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    environment = os.environ | {"PYTHONPATH": str(site)}

    def call(*words):
        code = "from engagekit.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *words], cwd=empty, env=environment, capture_output=True, text=True
        )

    made = call("init", "basket", "--kind", "subscription", "--sample")
    assert made.returncode == 0, made.stderr
    done = call("report", "basket")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (empty / "reports" / "basket" / "engagement" / "report.html").is_file()
    assert (
        str(site)
        in subprocess.run(
            [sys.executable, "-c", "import engagekit; print(engagekit.__file__)"],
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
        ).stdout
    )
