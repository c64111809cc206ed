"""Samples, their results and their reports: what the tests of this folder look at, made once a session."""

import pytest
from typer.testing import CliRunner

from engagekit.cli import app
from engagekit.reports.results import results
from engagekit.samples.make import make_sample, write_sample
from engagekit.study import Study


class Made(dict):
    """Each value is made by ``make(key)`` when it is first asked for."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def __missing__(self, key):
        self[key] = self.make(key)
        return self[key]


@pytest.fixture(scope="session")
def sample_results(sample_folders):
    """Results of the small samples, by kind; not to be changed."""
    return Made(lambda kind: results(Study(sample_folders[kind])))


@pytest.fixture(scope="session")
def churn_samples(tmp_path_factory):
    """Folders of samples in which enough customers leave for a model, by kind; not to be changed."""
    root = tmp_path_factory.mktemp("churn-samples")

    def written(kind):
        write_sample(make_sample(kind, customers=900), root / kind)
        return root / kind

    return Made(written)


@pytest.fixture(scope="session")
def written_reports(churn_samples, tmp_path_factory):
    """Folders of the reports of these samples, through the real command, by (kind, template)."""
    out = tmp_path_factory.mktemp("written-reports")

    def written(key):
        kind, template = key
        words = ["report", str(churn_samples[kind]), "--out", str(out / kind), "--template", template]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        return out / kind / kind / template

    return Made(written)
