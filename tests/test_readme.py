"""The README's code runs as it stands, and its commands print what it says."""

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from engagekit.cli import app
from engagekit.metrics.catalog import METRICS
from engagekit.reports.results import results
from engagekit.samples.make import make_sample, write_sample
from engagekit.study import Study

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
HOW_TO = (Path(__file__).parents[1] / "docs" / "how-to.md").read_text("utf-8")


def test_the_code_runs(sample_folders, tmp_path, monkeypatch):
    (tmp_path / "businesses").mkdir()
    (tmp_path / "businesses" / "ecommerce").symlink_to(sample_folders["ecommerce"])
    monkeypatch.chdir(tmp_path)
    ten_lines, firewall, score, churn, decisions, own = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert 8 <= len([line for line in ten_lines.splitlines() if line]) <= 12
    names = {}
    exec(ten_lines, names)
    assert len(names["study"].measured["metric"].unique()) > 50
    exec(firewall, names)
    exec(score, names)
    exec(own, names | {"business": "businesses/ecommerce", "as_of": ""})
    write_sample(make_sample("ecommerce", customers=1_200), tmp_path / "larger")
    names["study"] = Study(tmp_path / "larger")
    exec(churn, names)
    exec(decisions, names)
    assert names["compared"].recommended in names["compared"].candidates


def test_the_answers_run(sample_folders, tmp_path, monkeypatch):
    (tmp_path / "businesses").mkdir()
    (tmp_path / "businesses" / "ecommerce").symlink_to(sample_folders["ecommerce"])
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL):
        exec(block, names)
    assert names["click_share"](names["mailings"]).value > 0
    assert (tmp_path / "surveys.xlsx").exists()


def test_the_readme_counts_the_metrics_right():
    assert f"## {len(METRICS)} metrics, each with its story" in README


def test_the_readme_shows_what_explain_prints(tmp_path, monkeypatch):
    (command,) = re.findall(r"engagekit (explain .* --from .*)", README)
    (line,) = re.findall(r"puts a report's numbers in: `(.*?)`", README)
    monkeypatch.chdir(tmp_path)
    file = Path(command.split()[-1])
    file.parent.mkdir(parents=True)
    write_sample(make_sample("ecommerce"), tmp_path / "ecommerce")
    file.write_text(json.dumps(results(Study(tmp_path / "ecommerce")).as_dict()), "utf-8")
    explained = CliRunner().invoke(app, command.split())
    assert explained.exit_code == 0
    assert explained.output.splitlines()[-1] == f"  All time: {line}"


def test_every_file_that_the_readme_names_is_there():
    root = Path(__file__).parents[1]
    named = re.findall(r"\]\(([\w./-]+)\)|`((?:notebooks|templates|docs)/[\w./-]+)`", README)
    assert named
    assert all((root / (link or path)).exists() for link, path in named)
