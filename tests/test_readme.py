"""The README's ten lines run as they stand."""

import re
from pathlib import Path

from engagekit.metrics.catalog import METRICS

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_analysts_ten_lines_run(sample_folders, tmp_path, monkeypatch):
    (tmp_path / "businesses").mkdir()
    (tmp_path / "businesses" / "ecommerce").symlink_to(sample_folders["ecommerce"])
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert 8 <= len([line for line in code.splitlines() if line]) <= 12
    names = {}
    exec(code, names)
    assert len(names["found"].channels) > 5


def test_the_readme_counts_the_metrics_right():
    assert f"## {len(METRICS)} metrics, each with its story" in README


def test_every_file_that_the_readme_names_is_there():
    root = Path(__file__).parents[1]
    named = re.findall(r"\]\(([\w./-]+)\)|`((?:notebooks|templates|docs)/[\w./-]+)`", README)
    assert named
    assert all((root / (link or path)).exists() for link, path in named)
