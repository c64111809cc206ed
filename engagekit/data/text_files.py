"""A text file of cells -> its header and its cells, whatever its encoding, separator and line ends."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import polars as pl

from engagekit.data.packed import opened, unpacked
from engagekit.errors import DataError

__all__ = ["BEYOND", "FILE_ROWS", "ROW", "TextFile", "row_faults", "short_rows"]

ROW = ":row"
FILE_ROWS = 2**32  # more than a file has: rows of the next file of a table are numbered from there
BEYOND = ":beyond"  # the first cell of a row beyond those of the header
HEAD = 1 << 20
SEPARATORS = ",;\t|"
MARKED = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKED |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SINGLE_BYTE = ("cp1252", "mac_roman")
TWICE_ENCODED = re.compile("[ÃÂ][\u0080-\u00bf\u2013-\u2122]|â€")  # é as Ã©, a quotation mark as â€œ
BLOCK = 1 << 22


class TextFile:
    """A text file of cells.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str, optional
        Its encoding; by default recognised by its first bytes.
    header_row : int, default 0
        Row of the header; 0 for the first one that is not blank.

    Attributes
    ----------
    encoding : str
        How it is encoded.
    separator : str
        What stands between cells.
    header : list of str
        Names as written.
    above : int
        Lines above the header.
    top : str
        Its first part, from the header on.
    is_twice_encoded : bool
        Whether its first part holds text that was decoded wrongly before: Ã© for é.
    """

    def __init__(self, path: Path, encoding: str | None = None, header_row: int = 0) -> None:
        self.path = path
        self.source, head, self.encoding = _decoded(path, encoding)
        if not head.strip():
            raise DataError("is empty: it has no header line. Export it again.", file=path.name)
        skipped = _lines_above(head, header_row) or int(head.startswith("sep="))  # which Excel reads and does not show
        head = head.split("\n", skipped)[-1]
        self.separator = max(SEPARATORS, key=lambda mark: len(_header(head, mark)[1]))
        blank, self.header = _header(head, self.separator)
        self.above = skipped + blank
        self.top = head
        self.is_twice_encoded = bool(TWICE_ENCODED.search(head))
        if not self.header:
            raise DataError("has a quotation mark that is not closed. Close it.", file=path.name, row=1)

    @property
    def cells(self) -> pl.LazyFrame:
        """``ROW``, a column ``"0"``, ``"1"`` ... for each name, and ``BEYOND``; without blank rows."""
        names = [str(place) for place in range(len(self.header))]
        scan = pl.scan_csv(
            self.source,
            separator=self.separator,
            has_header=False,
            skip_lines=self.above + self.header_lines,
            schema=dict.fromkeys([*names, BEYOND], pl.String()),
            missing_columns="insert",
            extra_columns="ignore",
            glob=False,
        )
        said = pl.any_horizontal(pl.exclude(ROW).is_not_null())
        return scan.with_row_index(ROW, offset=2 + self.above).filter(said)

    @property
    def header_lines(self) -> int:
        """Lines that the header runs over: a name may hold line ends."""
        return 1 + sum(name.count("\n") for name in self.header)

    @cached_property
    def holds_zeros(self) -> bool:
        """Whether it holds a zero byte, which ends a text in some programs."""
        with self.lines() as file:
            return any(b"\0" in part for part in iter(lambda: file.read(BLOCK), b""))

    def lines(self) -> BinaryIO:
        """The file's bytes in UTF-8, from the start."""
        return io.BytesIO(self.source.getvalue()) if isinstance(self.source, io.BytesIO) else opened(self.path)


def short_rows(file: TextFile) -> dict[int, int]:
    """Rows of a file with fewer cells than its header, and how many they have."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    short: dict[int, int] = {}

    def note(row: arrow.InvalidRow) -> str:
        if row.actual_columns < row.expected_columns and row.text.strip():
            short[row.number + file.above] = row.actual_columns
        return "skip"

    names = [str(place) for place in range(len(file.header))]
    read = arrow.ReadOptions(use_threads=False, column_names=names, block_size=BLOCK)
    cut = arrow.ParseOptions(
        delimiter=file.separator, newlines_in_values=True, invalid_row_handler=note, ignore_empty_lines=False
    )
    take = arrow.ConvertOptions(include_columns=["0"], column_types={"0": pa.binary()})
    with file.lines() as lines:
        for _ in range(file.above):
            lines.readline()
        with suppress(pa.ArrowInvalid):  # Polars says what is wrong with it
            deque(arrow.open_csv(lines, read_options=read, parse_options=cut, convert_options=take), maxlen=0)
    return short


def row_faults(file: TextFile) -> Iterator[tuple[int, str]]:
    """Rows of a file that cannot be cut into cells, and why."""
    line = _line(file.separator)
    with file.lines() as source:
        lines = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline="\n")
        for row, record in enumerate(_records(lines), start=1):
            if not re.fullmatch(rf"{line}\r?\n?", record):
                yield row, "has a quotation mark that is not closed, or stands within a cell. Quote the whole cell."


def _decoded(path: Path, encoding: str | None) -> tuple[Path | io.BytesIO, str, str]:
    """Path of a file in UTF-8 with ordinary line ends, else its text in UTF-8; its first part as text; its encoding."""
    with opened(path) as file:
        start = file.read(HEAD)
    encoding = encoding or _encoding(start)
    plain = encoding == "utf-8" and not re.search(rb"\r(?!\n|\Z)", start)
    packed = path.suffix.lower() in (".gz", ".zip")
    if plain and not packed:
        return path, start.decode("utf-8-sig", errors="ignore"), encoding
    whole = unpacked(path)
    if plain:
        return io.BytesIO(whole), start.decode("utf-8-sig", errors="ignore"), encoding
    text = re.sub("\r\n?", "\n", whole.decode(encoding, errors="replace").removeprefix("\ufeff"))
    return io.BytesIO(text.encode()), text[:HEAD], encoding


def _encoding(start: bytes) -> str:
    """Encoding by the mark a file starts with, by its zeros, or else UTF-8, or what Windows or an old Mac writes."""
    for mark, encoding in MARKED.items():
        if start.startswith(mark):
            return encoding
    if start.count(0) > len(start) / 4:
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return max(SINGLE_BYTE, key=lambda encoding: _letters_among_letters(start.decode(encoding, errors="replace")))
    return "utf-8"


def _letters_among_letters(text: str) -> int:
    """How many small letters with accents follow another letter: more in the right encoding."""
    return len(re.findall(r"(?<=[A-Za-z])[ß-öø-ÿ]", text))


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


def _lines_above(head: str, header_row: int) -> int:
    """Lines above a row, which may run over several."""
    rows = list(zip(range(header_row - 1), _records(io.StringIO(head, newline="\n")), strict=False))
    return sum(record.count("\n") for _, record in rows)


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
