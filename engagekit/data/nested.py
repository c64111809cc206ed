"""JSON and nested columns -> flat ones: ``device.category``, and ``event_params.page_location`` of keys and values."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from engagekit.data.packed import unpacked
from engagekit.errors import DataError

__all__ = ["flat", "read_json", "with_json_cells"]

MOST_COLUMNS = 1000  # of one nested column: more are data and no columns
EXACT = 2**53  # whole numbers beyond are ids
RECORDS = ("data", "results", "items", "records", "value", "rows", "tickets", "orders", "customers", "conversations")
KEYED = {"key", "value"}


def read_json(path: Path) -> pl.DataFrame:
    """Records of a JSON file: a list of them, alone or under a key as an API answers, or one a line.

    Raises
    ------
    DataError
        It holds no records.
    """
    text = unpacked(path).decode("utf-8-sig", errors="replace")
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = list(_lines(path, text))
    except RecursionError:
        raise DataError("is nested too deeply. Export it again.", file=path.name) from None
    if isinstance(content, dict):
        lists = [k for k, each in content.items() if isinstance(each, list) and each and isinstance(each[0], dict)]
        known = [name for name in lists if name in RECORDS] or ([] if "id" in content else lists[:1])
        content = content[known[0]] if known else [content]
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        raise DataError("holds no list of records. Export it as JSON records or CSV.", file=path.name)
    return _of_records(_plain(record) for record in content)


def _of_records(records: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Records as a frame, whose columns are text where they are of several types."""
    rows = list(records)
    columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}
    return pl.DataFrame([_column(name, cells) for name, cells in columns.items()])


def _column(name: str, cells: list[Any]) -> pl.Series:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float} or kinds == {bool}:
        return pl.Series(name, cells, strict=False, dtype=pl.Float64 if float in kinds else None)
    return pl.Series(name, [None if cell is None else str(cell) for cell in cells], dtype=pl.String)


def _lines(path: Path, text: str) -> Any:
    for row, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"is not valid JSON: {error.msg}. Export it again.", file=path.name, row=row) from error


def _plain(record: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Record whose cells are text, numbers and flags: those within others have the names of both."""
    cells: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells |= _plain(value, f"{above}{name}.")
        elif _is_keyed(value):
            cells |= {f"{above}{name}.{each['key']}": _first(each["value"]) for each in value}
        elif isinstance(value, list):
            cells[above + name] = ";".join(map(str, value)) if _is_flat(value) else json.dumps(value)
        else:
            cells[above + name] = value
    return {
        name: str(value) if isinstance(value, int) and abs(value) > EXACT else value for name, value in cells.items()
    }


def _is_keyed(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and v.keys() >= KEYED for v in value)


def _is_flat(value: list[Any]) -> bool:
    return not any(isinstance(each, dict | list) for each in value)


def _first(value: object) -> object:
    """What a value says: of ``{string_value, int_value ...}`` the one that is there."""
    if not isinstance(value, dict):
        return value
    return next((each for each in value.values() if each is not None), None)


def with_json_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Frame of text whose columns of JSON, as a CSV copy of nested data has them, are flat."""
    for name in frame.columns:
        cells = frame[name].drop_nulls()
        if len(cells) and frame[name].dtype == pl.String and cells.head(100).str.contains(r'^\s*(\[\s*)?\{\s*"').all():
            try:
                records = [_plain({name: json.loads(cell)} if cell else {}) for cell in frame[name]]
            except ValueError:
                continue
            apart = _of_records(records)
            if 0 < apart.width <= MOST_COLUMNS:
                frame = frame.drop(name).hstack(apart.rename({n: f"{n}_" for n in apart.columns if n in frame.columns}))
    return frame


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Frame whose nested columns are flat.

    Examples
    --------
    >>> flat(pl.DataFrame({"device": [{"category": "mobile"}], "keys": [[{"key": "page", "value": "/a"}]]})).rows()
    [('mobile', '/a')]
    """
    columns: list[pl.Series] = []
    for cells in frame.iter_columns():
        if isinstance(cells.dtype, pl.Struct):
            inner = cells.struct.unnest()
            columns += flat(inner.rename({name: f"{cells.name}.{name}" for name in inner.columns})).get_columns()
        elif isinstance(cells.dtype, pl.List) and _has_keys(cells.dtype):
            columns += _by_key(cells)
        elif isinstance(cells.dtype, pl.List):
            texts = [None if each is None else ";".join(map(str, each)) for each in cells.to_list()]
            columns.append(pl.Series(cells.name, texts, pl.String))
        else:
            columns.append(cells)
    return pl.DataFrame(columns)


def _has_keys(dtype: pl.List) -> bool:
    inner = dtype.inner
    return isinstance(inner, pl.Struct) and {field.name for field in inner.fields} >= KEYED


def _by_key(cells: pl.Series) -> list[pl.Series]:
    """A column for each key of lists of keys and values; a value is the one of its kinds that is there."""
    rows = pl.DataFrame({"row": pl.int_range(len(cells), eager=True), "pair": cells}).explode(
        "pair", empty_as_null=True
    )
    pairs = rows.select("row", key=pl.col("pair").struct.field("key"), value=pl.col("pair").struct.field("value"))
    if isinstance(pairs["value"].dtype, pl.Struct):
        pairs = pairs.unnest("value")
    pairs = pairs.filter(pl.col("key").is_not_null()).unique(["row", "key"], keep="first", maintain_order=True)
    keys = pairs["key"].unique(maintain_order=True)
    if len(keys) > MOST_COLUMNS:
        return []
    rows, columns = rows.select("row").unique(maintain_order=True), []
    for key in keys:
        of_key = pairs.filter(pl.col("key") == key).drop("key")
        said = [name for name in of_key.columns if name != "row" and of_key[name].count()] or of_key.columns[1:2]
        value = pl.col(said[0]) if len(said) == 1 else pl.coalesce(pl.col(name).cast(pl.String) for name in said)
        one = rows.join(of_key.select("row", value=value), on="row", how="left", maintain_order="left")["value"]
        columns.append(one.alias(f"{cells.name}.{key}"))
    return columns
