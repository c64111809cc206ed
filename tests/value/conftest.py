"""CDNOW, the customers of the papers."""

import os
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.gamma_gamma import GammaGamma


@pytest.fixture(scope="module")
def cdnow():
    """Function that finds a file of CDNOW, which the ``lifetimes`` wheel carries, without importing that package."""

    def path(name):
        spec = find_spec("lifetimes")
        if spec is None:
            message = "the files of CDNOW are in the dev package lifetimes, which is not installed"
            pytest.fail(message) if os.environ.get("REQUIRE_ALL") else pytest.skip(message)
        return Path(spec.origin).parent / "datasets" / name

    return path


@pytest.fixture(scope="module")
def summary(cdnow):
    """CDNOW's customers as the papers summarise them."""
    names = {"x": "frequency", "t_x": "recency", "T": "age", "zbar": "value", "ID": "customer_id"}
    return pl.read_csv(cdnow("cdnow_customers_summary_with_transactions.csv")).rename(names)


@pytest.fixture(scope="module")
def transactions(cdnow):
    """CDNOW's purchases."""
    names = ["master", "customer_id", "date", "quantity", "value"]
    rows = pd.read_csv(cdnow("CDNOW_sample.txt"), sep=r"\s+", header=None, names=names)
    return rows.assign(time=pd.to_datetime(rows["date"].astype(str)), action="purchase")


@pytest.fixture(scope="module")
def fitted(summary):
    return BetaGeometric.fit(summary, "week")


@pytest.fixture(scope="module")
def spend(summary):
    return GammaGamma.fit(summary)
