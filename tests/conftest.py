"""What several tests need: sample businesses, the shared data, and tools that may be absent."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from engagekit.data.sample import make_sample, write_sample

SHARED = Path(__file__).parents[2] / "shared" / "data"
settings.register_profile("kit", deadline=None)  # the first example pays for imports
settings.load_profile("kit")
KINDS = ("ecommerce", "saas", "subscription")


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(tool): skipped without a system tool, and failed if REQUIRE_ALL is set")


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        tool = marker.args[0]
        if shutil.which(tool) is None:
            message = f"{tool} is not installed"
            pytest.fail(message) if os.environ.get("REQUIRE_ALL") else pytest.skip(message)


@pytest.fixture(scope="session")
def shared():
    """Path of a real data set; skips where it is absent."""

    def path(name):
        if not (SHARED / name).is_dir():
            pytest.skip(f"the real data set {name} is not beside the project")
        return SHARED / name

    return path


@pytest.fixture(scope="session")
def sample_folders(tmp_path_factory):
    """The three sample businesses, small, by kind."""
    root = tmp_path_factory.mktemp("samples")
    folders = {kind: root / f"the-{kind}" for kind in KINDS}
    for kind, folder in folders.items():
        write_sample(make_sample(kind, customers=300), folder)
    return folders
