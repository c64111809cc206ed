"""What became of the rows of a table's files: which were kept, refused or left out, and what was told of the files."""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import polars as pl

from engagekit.data.checking import CONVERTED, NO_DATA
from engagekit.data.repeats import Repeats
from engagekit.data.tables import column_type, event_time
from engagekit.display.card import between, card_html, card_text, counted
from engagekit.errors import DataError
from engagekit.language import Language

__all__ = ["InputFile", "Reading", "Way", "amended", "in_words", "sha256_of"]

WAYS_OUT = {  # for a cell that is not what its column needs, by the column's type
    "number": 'say how the file writes numbers (numbers = "en"), ',
    "count": 'say how the file writes numbers (numbers = "en"), ',
    "time": 'say how it writes dates (dates = "dmy", "%d/%m/%Y" or "epoch"), ',
    "day": 'say how it writes dates (dates = "dmy" or "%d/%m/%Y"), ',
    "id": "store ids as text, for a spreadsheet keeps 15 digits of a number, ",
}

OFF_SCALE, FEW, ANOTHER_SCALE = "off_scale", 4, 0.2  # more answers were given on another scale
SINCE_1970 = r"\d{10}(\d{3}){0,3}"
Stamp = tuple[int, int]  # size and time of the last change of a file


@dataclass(frozen=True)
class Way:
    """Something that nobody said of a file and that was told from it.

    Attributes
    ----------
    what : str
        A key of ``way`` in the locales: ``column``, ``numbers``, ``dates``, ``encoding`` ...
    value : str
        What was told.
    column : str
        The column that it was told of; blank for the whole file.

    Examples
    --------
    >>> in_words(Language("ms"), Way("numbers", "en"))
    'nombor ditulis seperti dalam en'
    """

    what: str
    value: str
    column: str = ""


@dataclass(frozen=True)
class InputFile:
    """A file that a table was read from.

    Attributes
    ----------
    path : Path
        Where it lies.
    file : str
        What it is called in ``business.toml``.
    stamp : tuple of int, or None
        Its size and the time of its last change when it was read.
    used, unread : tuple of str
        Its columns that are read, and those that are not.
    ways : tuple of Way
        What was told of it.
    """

    path: Path
    file: str
    stamp: Stamp | None
    used: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()

    @classmethod
    def of(cls, path: Path, file: str) -> Self:
        """A file as it is now."""
        return cls(path, file, _stamp(path))

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    @cached_property
    def sha256(self) -> str | None:
        """Digest of the file; None where there is none, as of a database."""
        return sha256_of(self.path)

    def check_unchanged(self) -> None:
        """Raise a DataError if the file is not the one that was read any more."""
        if _stamp(self.path) != self.stamp:
            raise DataError("has changed since it was read. Run it again, once the export is complete.", file=self.name)


def sha256_of(path: Path) -> str | None:
    """Digest of a file; None if there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class Reading:
    """What became of a file's rows.

    Attributes
    ----------
    table : str
        Name of the table.
    files : tuple of InputFile
        The files.
    rows : int
        Rows in the files, without their headers.
    refuse_above : float
        Share of the rows that may be refused.
    refused : polars.DataFrame
        One row for each refused one: file, row (as in a spreadsheet), column, value (as written) and reason, and
        ``cells``, all that is read of it.
    amended : polars.DataFrame
        The same of each cell of the other rows that is not taken as it stands: one that the table can do without and
        that cannot be read, or breaks a rule, counts as blank; one whose hour the clock left out is moved on.
    left_out : dict of str to int
        Rows dropped by each ``keep`` rule, of those not refused.
    capitals : dict of str to int
        Rows that each rule does not see, since their word has other capitals.
    repeats : Repeats
        Rows that are there more than once.
    is_held : bool
        Whether they are in memory; else the files are read again.
    scan : polars.LazyFrame
        The rows that remain, in the order of the files.

    Examples
    --------
    >>> reading = study.business.reading("surveys")
    >>> reading.file, reading.rows, reading.kept, reading.reasons().row(0)
    ('surveys.csv', 703, 700, ('kind', 'not_allowed', 3, 182))
    >>> reading.repeated, reading.superseded, reading.identical, reading.amendments().height
    (0, 0, 0, 0)
    >>> reading.has("kind", "nps"), reading.frame.height, [f"{time:%Y-%m-%d}" for time in reading.dates]
    (True, 700, ['2025-05-05', '2026-10-30'])
    >>> reading.used[:2], reading.unread, reading.ways
    (['Kind', 'Score'], [], [])
    >>> reading.check_unchanged()
    >>> reading.check() is reading
    True
    """

    table: str
    files: tuple[InputFile, ...]
    rows: int
    refuse_above: float
    refused: pl.DataFrame
    amended: pl.DataFrame
    left_out: dict[str, int]
    capitals: dict[str, int]
    repeats: Repeats
    is_held: bool
    scan: pl.LazyFrame

    @property
    def file(self) -> str:
        """Name of the file; of several, of the first and the last."""
        names = list(dict.fromkeys(file.name for file in self.files))
        return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]} ({len(names)})"

    @property
    def ways(self) -> list[Way]:
        """What was told of the files, and nobody had said."""
        return list(dict.fromkeys(way for file in self.files for way in file.ways))

    @property
    def used(self) -> list[str]:
        """Columns of the files that are read."""
        return [name for file in self.files for name in file.used]

    @property
    def unread(self) -> list[str]:
        """Columns of the files that no source reads."""
        used = set(self.used)
        return [name for file in self.files for name in file.unread if name not in used]

    def has(self, column: str, value: str) -> bool:
        """Whether a column that remains holds a value."""
        return bool(self.scan.select((pl.col(column) == value).any()).collect().item())

    def check_unchanged(self) -> None:
        """Raise a DataError if a file is not the one that was read any more."""
        for file in self.files:
            file.check_unchanged()

    @property
    def repeated(self) -> int:
        """Rows dropped because another one is the same."""
        return self.repeats.repeated

    @property
    def superseded(self) -> int:
        """Rows dropped because a later state of the same thing is there."""
        return self.repeats.superseded

    @property
    def identical(self) -> int:
        """Rows that are the same as an earlier one and count all the same, because nothing names them."""
        return self.repeats.identical

    @property
    def kept(self) -> int:
        """Rows that remain."""
        return self.rows - self.refused.height - sum(self.left_out.values()) - self.repeated - self.superseded

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows that remain, in memory."""
        self.check_unchanged()
        return self.scan.collect()

    @cached_property
    def dates(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Times of the first and the last row that remain; None without any, or where the table is not in memory."""
        at = event_time(self.table)
        if not self.is_held or at not in self.scan.collect_schema():
            return None
        first, last = self.scan.select(first=pl.col(at).min(), last=pl.col(at).max()).collect().row(0)
        return None if first is None else (first, last)

    def reasons(self) -> pl.DataFrame:
        """Refused rows counted: ``column, reason, rows`` and ``first_row``, commonest first."""
        return _counted(self.refused)

    def amendments(self) -> pl.DataFrame:
        """Amended cells counted, as ``reasons`` counts the refused rows."""
        return _counted(self.amended)

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [("rows", f"{self.rows:,}, of them {self.kept:,} kept")]
        rows += [("dates", between(*self.dates))] if self.dates else []
        repeats = {name: getattr(self, name) for name in ("repeated", "superseded", "identical")}
        rows += [(name, counted(number, "row")) for name, number in repeats.items() if number]
        rows += [
            ("left out", f"{counted(number, 'row')}: keep {rule}") for rule, number in self.left_out.items() if number
        ]
        for column, reason, number, first in self.reasons().iter_rows():
            rows.append(("refused", f"{counted(number, 'row')}: {column} {reason}, first in row {first:,}"))
        for column, reason, number, first in self.amendments().iter_rows():
            done = "converted" if reason in CONVERTED else "blank"
            rows.append((done, f"{counted(number, 'cell')}: {column} {reason}, first in row {first:,}"))
        return f"Reading of {self.table} from {self.file}", rows

    def check(self) -> Self:
        """Return self, or raise where more of the rows were refused than may be.

        Raises
        ------
        DataError
            Names the commonest reason and the first row that has it, and holds that row's cell as ``value``. So it does
            where most cells of a column that are not blank cannot be read.
        """
        faulty = self.refused.filter(~pl.col("reason").is_in(NO_DATA))
        share = faulty.height / self.rows if self.rows else 0.0
        if share > self.refuse_above:
            column, reason, rows, first_row = _counted(faulty).row(0)
            raise self._error(
                faulty,
                first_row,
                column,
                f"the cell was refused: {reason} ({rows:,} rows). In all {faulty.height:,} of {self.rows:,} rows "
                f"({share:.1%}) were refused, and at most {self.refuse_above:.0%} may be. Correct the rows, "
                f"{_way_out(self.table, column, reason, self._value(faulty, first_row, column))}"
                f"or set refuse_above in [tables.{self.table}] of business.toml.",
            )
        for column, reason, cells, first_row in self.amendments().iter_rows():
            filled = 0 if reason in CONVERTED else self._filled(column)
            off_scale = reason == OFF_SCALE or (column, reason) == ("score", "out_of_range")
            most = max(FEW, ANOTHER_SCALE * (cells + filled)) if off_scale else filled
            if reason not in CONVERTED and cells > most:
                many = "more than may be" if off_scale else "as do most that are not blank"
                way_out = _way_out(self.table, column, reason, self._value(self.amended, first_row, column))
                raise self._error(
                    self.amended,
                    first_row,
                    column,
                    f"the cell counts as blank: {reason} ({cells:,} rows), {many}, so that this cannot be what the "
                    f"column holds. Map another column, {way_out}or drop it from [tables.{self.table}.columns].",
                )
        return self

    @staticmethod
    def _value(rows: pl.DataFrame, first_row: int, column: str) -> str:
        """What the first cell of a fault says."""
        return str(rows.filter(pl.col("row") == first_row, pl.col("column") == column)["value"][0] or "")

    def _filled(self, column: str) -> int:
        """Cells of a column that remain and say something."""
        return int(self.scan.select(pl.col(column).count()).collect().item())

    def _error(self, rows: pl.DataFrame, first_row: int, column: str, problem: str) -> DataError:
        row = rows.filter(pl.col("row") == first_row, pl.col("column") == column).row(0, named=True)
        return DataError(problem, file=row["file"], row=first_row, column=column, value=row["value"])


def amended(language: Language, reason: str) -> str:
    """What became of an amended cell and why, in words.

    Examples
    --------
    >>> amended(Language("en"), "not_number")
    'is not a number; the cell counts as blank'
    """
    why = language.text(f"refused.{reason}")
    return why if reason in CONVERTED else language.text("refused.blanked", reason=why)


def in_words(language: Language, way: Way) -> str:
    """What was told of a file, in words.

    Examples
    --------
    >>> in_words(Language("en"), Way("dates", "dmy", "time"))
    'dates are written as dmy'
    """
    return language.text(f"way.{way.what}", value=way.value)


def _counted(cells: pl.DataFrame) -> pl.DataFrame:
    counts = cells.group_by("column", "reason").agg(rows=pl.len(), first_row=pl.col("row").min())
    return counts.sort("rows", "column", "reason", descending=[True, False, False])


def _way_out(table: str, column: str, reason: str, value: str = "") -> str:
    if re.fullmatch(SINCE_1970, value or "") and column_type(table, column) in ("time", "day"):
        return 'say that it counts from 1970 (dates = "epoch"), '
    if reason == OFF_SCALE:
        return 'say which words mean that there is no answer (blank = ["99"]), '
    if not any(sign.isalnum() for sign in value or "x"):
        return f'say that it means nothing (blank = ["{value}"]), '
    return WAYS_OUT.get(column_type(table, column), "") if reason.startswith("not_") else ""
