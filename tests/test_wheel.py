"""A wheel carries templates and notebooks, and works from an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

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


def test_a_wheel_makes_a_sample_from_an_empty_folder(unpacked_wheel, tmp_path):
    """What a wheel reports is compared in test_bytes."""
    code = "import engagekit; from engagekit.cli import main; print(engagekit.__file__); main()"
    command = [sys.executable, "-c", code, "init", "basket", "--kind", "subscription", "--sample"]
    environment = os.environ | {"PYTHONPATH": str(unpacked_wheel)}
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert str(unpacked_wheel) in made.stdout
    assert (tmp_path / "basket" / "business.toml").is_file()
