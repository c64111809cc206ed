"""The engines that a frame can live on."""

import duckdb
import polars as pl
import pytest


def to_duckdb(frame: pl.DataFrame) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    return connection.from_arrow(frame.to_arrow())


ENGINES = {
    "pandas": pl.DataFrame.to_pandas,
    "polars": lambda frame: frame,
    "polars-lazy": pl.DataFrame.lazy,
    "duckdb": to_duckdb,
}


@pytest.fixture(params=ENGINES)
def on_engine(request):
    """Function that moves a Polars frame to one of the engines."""
    return ENGINES[request.param]
