"""Names of a file's columns -> the columns of a table that they are."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from tomllib import loads

from engagekit.data.source import Mapped, Source, named_in
from engagekit.data.tables import TABLES, UPDATED, required_columns
from engagekit.errors import DataError, did_you_mean

__all__ = ["check_named_once", "match_columns", "names_of", "plain_name"]


def match_columns(table: str, source: Source, header: list[str], file: str) -> dict[str, Mapped | None]:
    """Match our columns to those of a file: by the map of ``business.toml``, then by the same name.

    Parameters
    ----------
    table : str
        Name of the table.
    source : Source
        Its settings, with the map.
    header : list of str
        Names in the file.
    file : str
        Name of the file, for the messages.

    Returns
    -------
    dict of str to str, Constant, Product, Cells or None
        What each column of the table is made of.

    Raises
    ------
    DataError
        A column is required and not there, or a name is ambiguous or not there; names the nearest one.
    """
    columns: dict[str, Mapped | None] = dict(_alike(table, source, header, file))
    columns |= source.columns
    for ours, theirs in columns.items():
        for name in named_in(theirs):
            check_named_once(name, header, file, ours)
    for ours in required_columns(table):
        if ours not in columns:
            way_out = f"{did_you_mean(ours, header)} Map it in [tables.{table}.columns] of business.toml."
            raise DataError(f"no column of the file is mapped to it. {way_out}", file=file, column=ours)
    for ours in source.keep:
        if ours not in columns:
            problem = f"a keep rule names a column that is not mapped. {did_you_mean(ours, columns)}"
            raise DataError(problem, file=file, column=ours)
    filled = [name for name, column in TABLES[table].columns.items() if column.presence == "filled"]
    return columns | {name: None for name in filled if name not in columns}


def _alike(table: str, source: Source, header: list[str], file: str) -> Iterator[tuple[str, str]]:
    """Our columns that the file has under the same name, but for capitals and punctuation.

    One that the table cannot do without may have a name that is commonly given to it.
    """
    taken = {name for mapped in source.columns.values() for name in named_in(mapped)}
    known = [*TABLES[table].columns, *([UPDATED] if TABLES[table].repeats == "state" else [])]
    plain = {name: plain_name(name) for name in dict.fromkeys(header)}
    for ours in known:
        alike = [name for name, word in plain.items() if word == ours]
        if not alike and ours in required_columns(table) and ours not in source.columns:
            alike = [name for name, word in plain.items() if word in names_of(table, ours) and name not in taken]
        if alike:
            yield ours, ours if ours in alike else alike[0]
        if len(alike) > 1 and ours not in (*alike, *source.columns):
            raise DataError(f"may be {' or '.join(map(repr, alike))}. Map one of them.", file=file, column=ours)


def plain_name(name: str) -> str:
    """Name in small letters, with one underscore for what is neither letter nor digit."""
    return re.sub(r"[\W_]+", "_", name.strip().casefold())


@cache
def names_of(table: str, column: str) -> frozenset[str]:
    """Names that a column of a table is commonly given, in small letters with underscores, in three languages.

    Examples
    --------
    >>> "id_pelanggan" in names_of("interactions", "customer_id")
    True
    """
    known = loads(resources.files("engagekit.data").joinpath("presets", "names.toml").read_text("utf-8"))
    names = [*known["any"].get(column, []), *known.get(table, {}).get(column, [])]
    return frozenset(map(plain_name, names))


def check_named_once(name: str, header: list[str], file: str, ours: str) -> None:
    """Refuse a column that is not in the file, or is there twice.

    Raises
    ------
    DataError
        Names the nearest one, or where both are.
    """
    places = [str(place) for place, other in enumerate(header, start=1) if other == name]
    if not places:
        raise DataError(f"the column {name!r} is not in the file. {did_you_mean(name, header)}", file=file, column=ours)
    if len(places) > 1:
        problem = f"columns {' and '.join(places)} are both called {name!r}. Rename one of them."
        raise DataError(problem, file=file, row=1, column=ours)
