"""A file of a business -> its header and its cells, whatever its kind, encoding, separator and ending.

CSV stays text; Parquet and XLSX keep the types they store. Rows count as in a spreadsheet: the header is row 1.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl
from fastexcel import ExcelReader, FastExcelError, read_excel

from engagekit.data.nested import flat, read_json, with_json_cells
from engagekit.data.packed import check_archive, ending_of, opened
from engagekit.data.text_files import BEYOND, FILE_ROWS, ROW, TextFile, row_faults
from engagekit.errors import DataError, did_you_mean

__all__ = ["BEYOND", "FILE_ROWS", "ROW", "Opened", "find_file", "open_cells", "readable"]

TOP_ROWS = 100
MOST_COLUMNS = 2000
TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
JSON = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
ENDINGS = (*TEXT, *JSON, ".parquet", ".xlsx")
CONTENT = {  # first bytes: what they are of, and the endings that go with them
    rb"PK\x03\x04": ("a zip archive, such as XLSX", (".xlsx", ".zip")),
    rb"PAR1": ("Parquet", (".parquet",)),
    rb"%PDF-": ("PDF", ()),
    rb"\xd0\xcf\x11\xe0": ("an old or an encrypted Excel file", ()),
    rb"\x1f\x8b": ("compressed by gzip", (".gz",)),
    rb"(?i)\s*<(!doctype|html|\?xml|table)": ("a web page", ()),
}
POLARS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
PACKED = (zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)  # the last of an encrypted archive
UNREADABLE = (OSError, EOFError, UnicodeError, FastExcelError, *PACKED, *POLARS)
JSON_CELLS = re.compile(r'"\s*\[?\s*\{\s*""')


class Opened(NamedTuple):
    """A file that was opened.

    Attributes
    ----------
    header : list of str
        Names as written; the same one may be there twice.
    cells : polars.LazyFrame
        ``ROW``, then a column ``"0"``, ``"1"`` ... for each name, and ``BEYOND`` where rows may be longer. Blank lines
        are left out, and counted in ``ROW``.
    text : TextFile or None
        What is known of a text file.
    """

    header: list[str]
    cells: pl.LazyFrame
    text: TextFile | None = None


def find_file(folder: Path, file: str) -> Path:
    """Path of a business's file, which must lie in its folder.

    Raises
    ------
    DataError
        It is missing (names the nearest one), empty, a folder or outside.
    """
    try:
        path = (folder / file).resolve()
        inside, size = path.is_relative_to(folder.resolve()), path.stat().st_size if path.exists() else None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot be looked up: {reason}. Correct file = ... in business.toml.", file=file) from error
    if not inside:
        raise DataError(f"lies outside of the business's folder {folder.name}/. Copy it there.", file=file)
    if size is None:
        others = [other.name for other in path.parent.glob("*") if other.is_file()]
        raise DataError(f"is not there. {did_you_mean(path.name, others)}", file=file)
    if not path.is_file():
        raise DataError("is a folder. Name the file in it.", file=file)
    if size == 0:
        raise _empty(path)
    return path


def open_cells(
    path: Path, *, sheet: str | None = None, encoding: str | None = None, decimal: str = ".", header_row: int = 0
) -> Opened:
    """Open a file, of which the cells are read when they are collected.

    Parameters
    ----------
    path : Path
        The file.
    sheet : str, optional
        Sheet of an XLSX file that has several.
    encoding : str, optional
        Encoding of a text file; by default recognised by its first bytes.
    decimal : str, default "."
        Decimal mark for the numbers of a spreadsheet's column that also holds text.
    header_row : int, default 0
        Row of the header; 0 for the first one that is not blank.

    Raises
    ------
    DataError
        The file cannot be read, or has no header.
    """
    with readable(path, encoding):
        name = ending_of(path)
        ending = next((ending for ending in reversed(ENDINGS) if name.endswith(ending)), None)
        if ending is None:
            raise DataError(f"has an ending that is not read. Save it as one of {', '.join(ENDINGS)}.", file=path.name)
        _check_content(path)
        if path.suffix.lower() == ".zip" and ending in (".parquet", ".xlsx"):
            raise DataError(f"holds a file that ends in {ending}. Unpack it.", file=path.name)
        if ending == ".parquet":
            opened_file = _parquet(path)
        elif ending == ".xlsx":
            opened_file = _sheet(path, sheet, decimal, header_row)
        elif ending in JSON:
            opened_file = _in_memory(read_json(path))
        else:
            opened_file = _csv(path, encoding, header_row)
    if len(opened_file.header) > MOST_COLUMNS:
        problem = (
            f"has {len(opened_file.header):,} columns, and at most {MOST_COLUMNS:,} are read. Export those you need."
        )
        raise DataError(problem, file=path.name)
    return opened_file


@contextmanager
def readable(path: Path, encoding: str | None = None) -> Iterator[None]:
    """Whatever a library says of a file that cannot be read is said as a DataError: the reason, row and way out."""
    try:
        yield
    except UNREADABLE as error:
        raise _unreadable(path, error, encoding) from error


def _unreadable(path: Path, error: BaseException, encoding: str | None = None) -> DataError:
    """Error for a file that cannot be read: the reason, the row where it is known, and the way out."""
    if "utf-8" in str(error):
        problem = 'is not UTF-8 throughout. Save it as UTF-8, or set encoding = "cp1252" in business.toml.'
        return DataError(problem, file=path.name)
    if isinstance(error, pl.exceptions.ComputeError) and path.name.lower().endswith(TEXT):
        for row, problem in row_faults(TextFile(path, encoding)):
            return DataError(problem, file=path.name, row=row)
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return DataError(f"cannot be read: {reason}. Export it again.", file=path.name)


def _empty(path: Path) -> DataError:
    return DataError("is empty: it has no header line. Export it again.", file=path.name)


def _check_content(path: Path) -> None:
    """Refuse a file whose first bytes are those of another kind."""
    packed = path.suffix.lower() in (".gz", ".zip")
    with path.open("rb") as file:
        starts = [(path.suffix.lower(), file.read(64))]
    if packed:
        with opened(path) as file:
            starts.append((Path(ending_of(path).removesuffix(".gz")).suffix, file.read(64)))
    for ending, start in starts:
        for first, (what, endings) in CONTENT.items():
            if re.match(first, start) and ending not in endings:
                way_out = f"Give it the ending {endings[0]}" if endings else "Save it as CSV or XLSX"
                raise DataError(f"is not what its ending says, but {what}. {way_out}.", file=path.name)


def _parquet(path: Path) -> Opened:
    scan = pl.scan_parquet(path, glob=False)
    schema = scan.collect_schema()
    if any(isinstance(kind, pl.Struct | pl.List) for kind in schema.values()):
        return _in_memory(flat(scan.collect()))
    header = schema.names()
    cells = scan.select(pl.nth(place).alias(str(place)) for place in range(len(header)))
    return Opened(header, cells.with_row_index(ROW, offset=2))


def _in_memory(frame: pl.DataFrame) -> Opened:
    """Records that are in memory, of which the first is row 1."""
    cells = frame.rename({name: str(place) for place, name in enumerate(frame.columns)}).lazy()
    return Opened(frame.columns, cells.with_row_index(ROW, offset=1))


def _sheet(path: Path, name: str | None, decimal: str, header_row: int) -> Opened:
    check_archive(path)
    book = read_excel(path)
    if name is None and len(book.sheet_names) > 1:
        names = ", ".join(book.sheet_names)
        raise DataError(f"has several sheets: {names}. Name one in business.toml: sheet = ...", file=path.name)
    if name is not None and name not in book.sheet_names:
        raise DataError(f"has no sheet {name!r}. {did_you_mean(name, book.sheet_names)}", file=path.name)
    if not book.sheet_names:
        raise _empty(path)
    chosen = name or book.sheet_names[0]
    top = book.load_sheet(chosen, header_row=None, skip_rows=0, n_rows=TOP_ROWS, dtypes="string").to_polars().rows()
    filled = [(at, row) for at, row in enumerate(top) if any(row) and at >= header_row - 1]
    if not filled:
        raise _empty(path)
    above, header = filled[0]
    frame = book.load_sheet(chosen, header_row=above, schema_sample_rows=None).to_polars()
    frame.columns = [str(place) for place in range(frame.width)]
    frame = _with_decimal(frame, book, chosen, decimal, above)
    cells = frame.lazy().with_row_index(ROW, offset=2 + above)
    return Opened([str(name or "") for name in header], cells.filter(pl.any_horizontal(pl.exclude(ROW).is_not_null())))


def _with_decimal(frame: pl.DataFrame, book: ExcelReader, sheet: str, decimal: str, above: int) -> pl.DataFrame:
    """Write the numbers in columns of text with the business's decimal mark, as a spreadsheet shows them there.

    Otherwise the number 1.234 would be read as 1234 where text is read as in Indonesian. A cell that can be loaded
    as a whole number is a number, or reads the same in every language.
    """
    mixed = [int(name) for name, dtype in frame.schema.items() if dtype == pl.String]
    if decimal == "." or not mixed:
        return frame
    numbers = book.load_sheet(sheet, header_row=above, dtypes=dict.fromkeys(mixed, "int")).to_polars()
    return frame.with_columns(
        pl.when(numbers.to_series(place).is_not_null())
        .then(pl.col(str(place)).str.replace(".", decimal, literal=True))
        .otherwise(pl.col(str(place)))
        .alias(str(place))
        for place in mixed
    )


def _csv(path: Path, encoding: str | None, header_row: int) -> Opened:
    file = TextFile(path, encoding, header_row)
    if JSON_CELLS.search(file.top) and len(set(file.header)) == len(file.header):
        names = [str(place) for place in range(len(file.header))]
        nested = with_json_cells(file.cells.collect().rename(dict(zip(names, file.header, strict=True))))
        header = [name for name in nested.columns if name not in (ROW, BEYOND)]
        cells = nested.select(ROW, *(pl.col(name).alias(str(at)) for at, name in enumerate(header)))
        return Opened(header, cells.lazy())
    return Opened(file.header, file.cells, file)
