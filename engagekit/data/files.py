"""A file of a business -> its header and its cells, whatever its encoding, separator and ending.

CSV stays text; Parquet and XLSX keep the types they store. Rows count as in a spreadsheet: the header is row 1.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl
from fastexcel import ExcelReader, FastExcelError, read_excel

from engagekit.errors import DataError, did_you_mean

__all__ = ["ROW", "UNREADABLE", "find_file", "open_cells", "unreadable"]

ROW = ":row"
HEAD = 1 << 20
TOP_ROWS = 100
SEPARATORS = ",;\t|"
TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
ENDINGS = (*TEXT, ".parquet", ".xlsx")
CONTENT = {  # first bytes: what they are of, and the ending that goes with them
    rb"PK\x03\x04": ("a zip archive, such as XLSX", ".xlsx"),
    rb"PAR1": ("Parquet", ".parquet"),
    rb"%PDF-": ("PDF", ""),
    rb"\xd0\xcf\x11\xe0": ("an old or an encrypted Excel file", ""),
    rb"\x1f\x8b": ("compressed by gzip", ".gz"),
    rb"(?i)\s*<(!doctype|html|\?xml|table)": ("a web page", ""),
}
MARKED = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKED |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
POLARS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
UNREADABLE = (OSError, EOFError, zlib.error, UnicodeError, FastExcelError, *POLARS)


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
    path: Path, *, sheet: str | None = None, encoding: str | None = None, decimal: str = "."
) -> tuple[list[str], pl.LazyFrame]:
    """Header of a file, and a lazy frame of its cells.

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

    Returns
    -------
    header : list of str
        Names as written; the same one may be there twice.
    cells : polars.LazyFrame
        ``ROW``, then a column ``"0"``, ``"1"`` ... for each name. Blank lines are left out, and counted in ``ROW``.

    Raises
    ------
    DataError
        The file cannot be read, or has no header.
    """
    ending = next((ending for ending in reversed(ENDINGS) if path.name.lower().endswith(ending)), None)
    if ending is None:
        raise DataError(f"has an ending that is not read. Save it as one of {', '.join(ENDINGS)}.", file=path.name)
    try:
        _check_content(path, ending)
        if ending == ".parquet":
            return _parquet(path)
        return _sheet(path, sheet, decimal) if ending == ".xlsx" else _csv(path, encoding)
    except UNREADABLE as error:
        raise unreadable(path, error, encoding) from error


def unreadable(path: Path, error: BaseException, encoding: str | None = None) -> DataError:
    """Error for a file that cannot be read: the reason, the row where it is known, and the way out."""
    if "utf-8" in str(error):
        problem = 'is not UTF-8 throughout. Save it as UTF-8, or set encoding = "cp1252" in business.toml.'
        return DataError(problem, file=path.name)
    if isinstance(error, pl.exceptions.ComputeError) and path.name.lower().endswith(TEXT):
        for row, problem in _faults(path, encoding):
            return DataError(problem, file=path.name, row=row)
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return DataError(f"cannot be read: {reason}. Export it again.", file=path.name)


def _empty(path: Path) -> DataError:
    return DataError("is empty: it has no header line. Export it again.", file=path.name)


def _check_content(path: Path, ending: str) -> None:
    """Refuse a file whose first bytes are those of another kind."""
    with _opened(path) as file:
        start = file.read(64)
    for first, (what, goes_with) in CONTENT.items():
        if re.match(first, start) and goes_with != ending:
            way_out = f"Give it the ending {goes_with}" if goes_with else "Save it as CSV or XLSX"
            raise DataError(f"is not what its ending says, but {what}. {way_out}.", file=path.name)


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _parquet(path: Path) -> tuple[list[str], pl.LazyFrame]:
    scan = pl.scan_parquet(path, glob=False)
    header = scan.collect_schema().names()
    cells = scan.select(pl.nth(place).alias(str(place)) for place in range(len(header)))
    return header, cells.with_row_index(ROW, offset=2)


def _sheet(path: Path, name: str | None, decimal: str) -> tuple[list[str], pl.LazyFrame]:
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
    above, header = next(((at, row) for at, row in enumerate(top) if any(row)), (0, ()))
    if not header:
        raise _empty(path)
    frame = book.load_sheet(chosen, schema_sample_rows=None).to_polars()
    frame.columns = [str(place) for place in range(frame.width)]
    frame = _with_decimal(frame, book, chosen, decimal)
    return [str(name or "") for name in header], _numbered(frame.lazy(), above)


def _with_decimal(frame: pl.DataFrame, book: ExcelReader, sheet: str, decimal: str) -> pl.DataFrame:
    """Write the numbers in columns of text with the business's decimal mark, as a spreadsheet shows them there.

    Otherwise the number 1.234 would be read as 1234 where text is read as in Indonesian. A cell that can be loaded
    as a whole number is a number, or reads the same in every language.
    """
    mixed = [int(name) for name, dtype in frame.schema.items() if dtype == pl.String]
    if decimal == "." or not mixed:
        return frame
    numbers = book.load_sheet(sheet, dtypes=dict.fromkeys(mixed, "int")).to_polars()
    return frame.with_columns(
        pl.when(numbers.to_series(place).is_not_null())
        .then(pl.col(str(place)).str.replace(".", decimal, literal=True))
        .otherwise(pl.col(str(place)))
        .alias(str(place))
        for place in mixed
    )


def _csv(path: Path, encoding: str | None) -> tuple[list[str], pl.LazyFrame]:
    source, head = _decoded(path, encoding)
    if not head.strip():
        raise _empty(path)
    blank, header = _header(head, _separator(head))
    if not header:
        raise DataError("has a quotation mark that is not closed. Close it.", file=path.name, row=1)
    scan = pl.scan_csv(
        source,
        separator=_separator(head),
        infer_schema=False,
        glob=False,
        with_column_names=lambda names: [str(place) for place in range(len(names))],
    )
    return header, _numbered(scan, blank)


def _numbered(scan: pl.LazyFrame, above: int) -> pl.LazyFrame:
    """Rows with their number, without blank ones; ``above`` is the number of blank lines above the header."""
    return scan.with_row_index(ROW, offset=2 + above).filter(pl.any_horizontal(pl.exclude(ROW).is_not_null()))


def _decoded(path: Path, encoding: str | None) -> tuple[Path | io.BytesIO, str]:
    """Path of a file in UTF-8 with ordinary line ends, else its text in UTF-8; and its first part as text."""
    with _opened(path) as file:
        start = file.read(HEAD)
        encoding = encoding or _encoding(start)
        if encoding == "utf-8" and not re.search(rb"\r(?!\n|\Z)", start):
            return path, start.decode("utf-8-sig", errors="ignore")
        text = (start + file.read()).decode(encoding, errors="replace").removeprefix("\ufeff")
    text = re.sub("\r\n?", "\n", text)
    return io.BytesIO(text.encode()), text[:HEAD]


def _encoding(start: bytes) -> str:
    """Encoding by the mark that a file starts with, by its zeros, or else UTF-8 or what Windows writes."""
    for mark, encoding in MARKED.items():
        if start.startswith(mark):
            return encoding
    if start.count(0) > len(start) / 4:
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _line(separator: str) -> str:
    """Pattern of a well-formed line: cells that are quoted as a whole, or hold no quotation mark."""
    cell = rf'(?:[^"\r\n{separator}]*|"(?:[^"]|"")*")'
    return rf"{cell}(?:[{separator}]{cell})*"


def _header(head: str, separator: str) -> tuple[int, list[str]]:
    """Number of blank lines above the header, and its names."""
    top = re.match(rf"([\r\n]*)({_line(separator)})(?:\r?\n|\Z)", head)
    if top is None:
        return 0, []
    return top[1].count("\n"), next(csv.reader(io.StringIO(top[2], newline=""), delimiter=separator), [""])


def _separator(head: str) -> str:
    """The separator that cuts the header into most columns."""
    return max(SEPARATORS, key=lambda mark: len(_header(head, mark)[1]))


def _faults(path: Path, encoding: str | None) -> Iterator[tuple[int, str]]:
    """Rows of a CSV file that cannot be cut into cells, and why."""
    source, head = _decoded(path, encoding)
    separator = _separator(head)
    width = len(_header(head, separator)[1])
    with source if isinstance(source, io.BytesIO) else _opened(source) as file:
        lines = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="\n")
        for row, record in enumerate(_records(lines), start=1):
            if not re.fullmatch(rf"{_line(separator)}\r?\n?", record):
                yield row, "has a quotation mark that is not closed, or stands within a cell. Quote the whole cell."
            cells = re.sub('"[^"]*"', "", record).count(separator) + 1
            if cells > width:
                yield row, f"has {cells} cells, and the header {width}. Quote the cell that holds a {separator!r}."


def _records(lines: Iterable[str]) -> Iterator[str]:
    """Lines, joined where a quoted cell runs over several."""
    record, marks = [], 0
    for line in lines:
        record.append(line)
        marks += line.count('"')
        if marks % 2 == 0:
            yield "".join(record)
            record = []
    if record:
        yield "".join(record)
