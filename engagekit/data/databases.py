"""The answer of a database to a query, as cells: read-only, within limits, and with no password in any message."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from engagekit.data.files import ROW, Opened, find_file
from engagekit.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ENV", "open_query"]

ENV = "env:"
FILES = {".duckdb": "duckdb", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite"}
SERVERS = ("postgresql://", "postgres://")
MOST_ROWS = 50_000_000
SECONDS = 600
CHECK_EVERY = 100_000  # steps of SQLite between looks at the clock
NOT_IN_DUCKDB = ("enable_external_access", "autoinstall_known_extensions", "autoload_known_extensions")
READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def open_query(query: str, connection: str, folder: Path) -> Opened:
    """Ask a database.

    Parameters
    ----------
    query : str
        One statement that selects.
    connection : str
        A file of DuckDB or SQLite in the business's folder, or ``env:NAME`` for the address of a PostgreSQL database
        that the environment variable ``NAME`` holds.
    folder : Path
        Folder of the business.

    Raises
    ------
    DataError
        There is no such variable or file, the database refuses the query, or its answer is too large or takes too long.
    """
    query = query.strip().rstrip(";")
    address = _address(connection)
    with _safely(connection, address):
        if connection.startswith(ENV):
            frame = _postgresql(query, address)
        else:
            path = find_file(folder, connection)
            kind = FILES.get(path.suffix.lower(), "")
            if not kind:
                known = ", ".join(FILES)
                raise DataError(
                    f"has an ending that is no database's. Name one of {known}, or env:NAME.", file=path.name
                )
            frame = _duckdb(query, path) if kind == "duckdb" else _sqlite(query, path)
    if frame.height > MOST_ROWS:
        problem = f"answers with more than {MOST_ROWS:,} rows. Select fewer, or pass the table as an Ibis frame."
        raise DataError(problem, file=connection)
    cells = frame.rename({name: str(place) for place, name in enumerate(frame.columns)}).lazy()
    return Opened(frame.columns, cells.with_row_index(ROW, offset=1))


def _address(connection: str) -> str:
    if not connection.startswith(ENV):
        return ""
    name = connection.removeprefix(ENV)
    if not (address := os.environ.get(name, "")):
        problem = f"the environment has no {name}. Set it to postgresql://user:password@host/database."
        raise DataError(problem, file=connection)
    if not address.startswith(SERVERS):
        raise DataError("is no address of PostgreSQL. Let it start with postgresql://.", file=connection)
    return address


@contextmanager
def _safely(connection: str, address: str) -> Iterator[None]:
    """Whatever a database says is said as a DataError, without the address and what it holds."""
    try:
        yield
    except (DataError, ImportError):
        raise
    except Exception as error:  # each driver has errors of its own
        said = next(iter(str(error).splitlines()), type(error).__name__)
        secrets = [address, *address.partition("//")[2].partition("@")[0].split(":"), address.partition("@")[2]]
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            said = said.replace(secret, "***")
        raise DataError(f"the database says: {said}. Correct the query.", file=connection) from None


def _postgresql(query: str, address: str) -> pl.DataFrame:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address) as connected, connected.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        cursor.execute(f"SET statement_timeout = {SECONDS * 1000}")
        connected.commit()
        cursor.execute(_limited(query))
        frame = pl.DataFrame(_without_extensions(cursor.fetch_arrow_table()))
        connected.rollback()
    return frame


def _without_extensions(answer: "pa.Table") -> "pa.Table":
    """Answer whose types that Arrow does not know, such as exact numbers, are the text that they come as."""
    import pyarrow as pa

    for place, column in enumerate(answer.columns):
        if isinstance(column.type, pa.BaseExtensionType):
            stored = pa.chunked_array([part.storage for part in column.chunks], column.type.storage_type)
            answer = answer.set_column(place, answer.column_names[place], stored)
    return answer


def _duckdb(query: str, path: Path) -> pl.DataFrame:
    import duckdb

    closed = {"enable_external_access": "false", "autoinstall_known_extensions": "false"}
    with duckdb.connect(
        str(path), read_only=True, config={**closed, "autoload_known_extensions": "false"}
    ) as connected:
        clock = threading.Timer(SECONDS, connected.interrupt)
        clock.start()
        try:
            return pl.DataFrame(connected.sql(_limited(query)).to_arrow_table())
        finally:
            clock.cancel()


def _sqlite(query: str, path: Path) -> pl.DataFrame:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connected:
        connected.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)
        until = time.monotonic() + SECONDS
        connected.set_progress_handler(lambda: time.monotonic() > until, CHECK_EVERY)
        answer = connected.execute(_limited(query))
        names = [column[0] for column in answer.description]
        return pl.DataFrame(answer.fetchall(), schema=names, orient="row", infer_schema_length=None, strict=False)


def _limited(query: str) -> str:
    """A query that answers with one row more than is read, if there are that many."""
    return f"SELECT * FROM ({query}) AS answer LIMIT {MOST_ROWS + 1}"  # noqa: S608 - the analyst's own query, read-only
