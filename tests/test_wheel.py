"""A wheel carries templates and notebooks, and works from an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = {".ipynb", ".j2", ".css", ".toml", ".pyi", ".py"}


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


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["init", "basket", "--kind", "subscription", "--sample"], "basket/business.toml"),
        (["lessons", "start", "course"], "course/1-what-is-engagement.ipynb"),
    ],
)
def test_a_wheel_works_from_an_empty_folder(words, made, unpacked_wheel, tmp_path):
    """What a wheel reports is compared in test_bytes."""
    code = "import engagekit; from engagekit.cli import main; print(engagekit.__file__); main()"
    environment = os.environ | {"PYTHONPATH": str(unpacked_wheel)}
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(unpacked_wheel) in done.stdout
    assert (tmp_path / made).is_file()
