"""A file -> a table; every refused row is kept, with its reason.

The file is read once, in batches: cells become values of the declared types, and rows that break a rule are refused.
What was checked is what is used: the checked batches are the table. Only a table of more than ``HELD_ROWS`` rows is
read again, when it is collected; a file that has changed by then is an error.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from engagekit.data.checking import MOVED, REFUSED, blank_cells, checked
from engagekit.data.files import ROW, UNREADABLE, find_file, open_cells, unreadable
from engagekit.data.mapping import MappedFile, match_columns
from engagekit.data.parsing import Style
from engagekit.data.repeats import Repeats, candidates, fingerprints, settle
from engagekit.data.source import Constant, Product, Source
from engagekit.data.tables import TABLES, column_type, event_time
from engagekit.display.card import between, card_html, card_text, counted
from engagekit.errors import DataError
from engagekit.language import Language, decimal_and_group

__all__ = ["Constant", "Product", "Reading", "Source", "amended", "read_table"]

HELD_ROWS = 5_000_000
WAYS_OUT = {  # for a cell that is not what its column needs, by the column's type
    "number": 'say how the file writes numbers (numbers = "en"), ',
    "count": 'say how the file writes numbers (numbers = "en"), ',
    "time": 'say how it writes dates (dates = "%d/%m/%Y"), ',
    "day": 'say how it writes dates (dates = "%d/%m/%Y"), ',
    "id": "store ids as text, for a spreadsheet keeps 15 digits of a number, ",
}

Stamp = tuple[int, int]  # size and time of the last change of a file


@dataclass(frozen=True)
class Reading:
    """What became of a file's rows.

    Attributes
    ----------
    table : str
        Name of the table.
    file : str
        Name of the file.
    rows : int
        Rows in the file, without its header.
    refused : polars.DataFrame
        One row for each refused one: file, row (as in a spreadsheet), column, value (as written) and reason.
    amended : polars.DataFrame
        The same of each cell of the other rows that is not taken as it stands: one that the table can do without and
        that cannot be read, or breaks a rule, counts as blank; one whose hour the clock left out is moved on.
    left_out : dict of str to int
        Rows dropped by each ``keep`` rule, of those not refused.
    repeats : Repeats
        Rows that are there more than once.
    scan : polars.LazyFrame
        The rows that remain, in the order of the file.
    check_unchanged : callable
        Raises a DataError if the file is not the one that was read any more.
    """

    table: str
    file: str
    rows: int
    refused: pl.DataFrame
    amended: pl.DataFrame
    left_out: dict[str, int]
    repeats: Repeats
    scan: pl.LazyFrame
    check_unchanged: Callable[[], None] = field(compare=False)

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
        if self.rows > HELD_ROWS or at not in self.scan.collect_schema():
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
            done = "moved on" if reason == MOVED else "blank"
            rows.append((done, f"{counted(number, 'cell')}: {column} {reason}, first in row {first:,}"))
        return f"Reading of {self.table} from {self.file}", rows

    def check(self, refuse_above: float) -> "Reading":
        """Return self, or raise where more than a share of the rows was refused.

        Raises
        ------
        DataError
            Names the commonest reason and the first row that has it, and holds that row's cell as ``value``. So it does
            where most cells of a column that are not blank cannot be read.
        """
        share = self.refused.height / self.rows if self.rows else 0.0
        if share > refuse_above:
            column, reason, rows, first_row = self.reasons().row(0)
            raise self._error(
                self.refused,
                first_row,
                column,
                f"the cell was refused: {reason} ({rows:,} rows). In all {self.refused.height:,} of {self.rows:,} rows "
                f"({share:.1%}) were refused, and at most {refuse_above:.0%} may be. Correct the rows, "
                f"{_way_out(self.table, column, reason)}"
                f"or set refuse_above in [tables.{self.table}] of business.toml.",
            )
        for column, reason, cells, first_row in self.amendments().iter_rows():
            if reason != MOVED and cells > self._filled(column):
                raise self._error(
                    self.amended,
                    first_row,
                    column,
                    f"the cell counts as blank: {reason} ({cells:,} rows), as do most that are not blank, so that this "
                    f"cannot be what the column holds. Map another column, "
                    f"{_way_out(self.table, column, reason)}or drop it from [tables.{self.table}.columns].",
                )
        return self

    def _filled(self, column: str) -> int:
        """Cells of a column that remain and say something."""
        return int(self.scan.select(pl.col(column).count()).collect().item())

    def _error(self, rows: pl.DataFrame, first_row: int, column: str, problem: str) -> DataError:
        row = rows.row(by_predicate=(pl.col("row") == first_row) & (pl.col("column") == column), named=True)
        return DataError(problem, file=self.file, row=first_row, column=column, value=row["value"])

    def hints(self) -> Iterator[str]:
        """Sentences on keep rules that may not do what is meant: they change nothing, or miss a word in capitals."""
        before = self.rows - self.refused.height
        for rule, rows in self.left_out.items():
            column, sign, word = rule.split(" ", 2)
            kept_text = self.scan.select(pl.col(column).cast(pl.String).str.to_lowercase())
            alike = kept_text.filter(pl.col(column) == word.lower()).collect().height if sign == "!=" else 0
            if alike or (before and rows in (0, before)):
                does = "leaves out every row" if rows and rows == before else f"leaves out {rows:,} of {before:,} rows"
                more = f", and keeps {alike:,} that differ in capitals" if alike else ""
                yield f"{self.file}: the rule keep {rule} {does}{more}. Compare how the file writes it."


def amended(language: Language, reason: str) -> str:
    """What became of an amended cell and why, in words.

    Examples
    --------
    >>> amended(Language("en"), "not_number")
    'is not a number; the cell counts as blank'
    """
    why = language.text(f"refused.{reason}")
    return why if reason == MOVED else language.text("refused.blanked", reason=why)


def _counted(cells: pl.DataFrame) -> pl.DataFrame:
    counts = cells.group_by("column", "reason").agg(rows=pl.len(), first_row=pl.col("row").min())
    return counts.sort("rows", "column", "reason", descending=[True, False, False])


def _way_out(table: str, column: str, reason: str) -> str:
    return WAYS_OUT.get(column_type(table, column), "") if reason.startswith("not_") else ""


def read_table(table: str, source: Source, folder: Path, style: Style) -> Reading:
    """Read a business's file as one of the eleven tables.

    Parameters
    ----------
    table : str
        A key of ``tables.TABLES``.
    source : Source
        File, column map and rules.
    folder : Path
        Folder that ``source.file`` is relative to, and must lie in.
    style : Style
        How the file writes numbers and dates.

    Raises
    ------
    DataError
        The file is missing, empty, unreadable or changes meanwhile, a required column is missing, or one event has
        several rows that differ.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> sends = pl.DataFrame({"sent_at": ["2026-01-05"] * 2, "campaign": "Hi", "sent": 10, "delivered": [9, 11]})
    >>> with TemporaryDirectory() as folder:
    ...     sends.write_csv(Path(folder) / "mail.csv")
    ...     read = read_table("mailings", Source(file="mail.csv"), Path(folder), Style())
    >>> read.rows, read.kept, read.refused.row(0)
    (2, 1, ('mail.csv', 3, 'delivered', '11', 'above_sent'))
    """
    path = find_file(folder, source.file)
    stamp = _stamp(path)
    decimal, _ = decimal_and_group(style.numbers)
    header, cells = open_cells(path, sheet=source.sheet, encoding=source.encoding, decimal=decimal)
    columns = match_columns(table, source, header, path.name)
    file = MappedFile(table, path, header, cells, columns, style, source)
    try:
        reading = _read(file, source, lambda: _check_stamp(path, stamp))
    except UNREADABLE as error:
        raise unreadable(path, error, source.encoding) from error
    reading.check_unchanged()
    return reading


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _check_stamp(path: Path, stamp: Stamp | None) -> None:
    if _stamp(path) != stamp:
        raise DataError("has changed since it was read. Run it again, once the export is complete.", file=path.name)


def _read(file: MappedFile, source: Source, check_unchanged: Callable[[], None]) -> Reading:
    """Check every row; hold those that remain, or scan them again where they are too many."""
    rows, left_out = 0, dict[str, int]()
    held: list[pl.DataFrame] | None = []
    refused, amended, prints = [pl.DataFrame(schema=REFUSED)], [pl.DataFrame(schema=REFUSED)], []
    ambiguous: dict[str, tuple[int, str]] = {}
    for batch in file.batches(file.columns):
        rows += batch.height
        _look_for_two_readings(file, batch, ambiguous)
        values, faults, changes = checked(file, batch)
        if not _are_states(file):
            values = _kept(values, source, file.style, left_out)
        refused.append(faults)
        amended.append(changes)
        prints.append(fingerprints(file.table, values))
        held = None if held is None or rows > HELD_ROWS else [*held, values]
    _refuse_two_readings(file, ambiguous)
    refusals, amendments, twice = pl.concat(refused), pl.concat(amended), candidates(prints)
    if held is not None:
        repeats, scan = _held(file, source, pl.concat(held), twice, left_out)
    else:
        blanks = amendments.filter(pl.col("reason") != MOVED)
        repeats, scan = _scanned(file, source, refusals["row"], blanks, twice, left_out, check_unchanged)
    file_name = pl.lit(file.path.name).alias("file")
    faults, changes = (each.select(file_name, pl.all()) for each in (refusals, amendments))
    return Reading(file.table, file.path.name, rows, faults, changes, left_out, repeats, scan, check_unchanged)


def _look_for_two_readings(file: MappedFile, batch: pl.DataFrame, ambiguous: dict[str, tuple[int, str]]) -> None:
    """Note the row of each column's first number that may be read in two ways; -1 once another cell settles it."""
    for name in file.columns:
        if (reading := file.ambiguous(batch, name)) and ambiguous.get(name, (0, ""))[0] >= 0:
            place, readings = reading
            if place < 0 or name not in ambiguous:
                ambiguous[name] = (batch[ROW][place] if place >= 0 else -1, readings)


def _refuse_two_readings(file: MappedFile, ambiguous: dict[str, tuple[int, str]]) -> None:
    for name, (row, readings) in ambiguous.items():
        if row >= 0:
            raise DataError(
                f"the numbers of this column can be read in two ways, a thousand times apart. Say how the file writes "
                f'them: numbers = "en" (1,200.50) or "id" (1.200,50) in [tables.{file.table}] of business.toml.',
                file=file.path.name,
                row=row,
                column=name,
                value=readings,
            )


def _are_states(file: MappedFile) -> bool:
    """Whether keep rules come after repeats: a state that was superseded is no row to keep or leave out."""
    return TABLES[file.table].repeats == "state"


def _held(
    file: MappedFile, source: Source, table: pl.DataFrame, twice: pl.Series, left_out: dict[str, int]
) -> tuple[Repeats, pl.LazyFrame]:
    """Rows that remain of the checked ones, in memory."""
    repeats = settle(file.table, _only(table, twice), file.path.name, source.repeats)
    table = _without(table, repeats.dropped)
    if _are_states(file):
        table = _kept(table, source, file.style, left_out)
    return repeats, table.drop(ROW).lazy()


def _scanned(
    file: MappedFile,
    source: Source,
    refused: pl.Series,
    blanks: pl.DataFrame,
    twice: pl.Series,
    left_out: dict[str, int],
    check_unchanged: Callable[[], None],
) -> tuple[Repeats, pl.LazyFrame]:
    """Rows that remain, read again each time they are collected."""

    def values(batch: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
        return blank_cells(file.values(batch, names), blanks)

    again = [values(_only(batch, twice), file.columns) for batch in file.batches(file.columns)]
    repeats = settle(file.table, pl.concat(again), file.path.name, source.repeats)
    gone = pl.concat([refused, repeats.dropped])
    if _are_states(file):
        for batch in file.batches(source.keep):
            _kept(values(_without(batch, gone), source.keep), source, file.style, left_out)

    def scan(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        check_unchanged()
        wanted = list(file.columns) if columns is None else columns
        asked = [] if predicate is None else predicate.meta.root_names()
        names = dict.fromkeys([*wanted, *source.keep, *asked])
        for batch in file.batches(names):
            rows = _kept(values(_without(batch, gone), names), source, file.style, {})
            rows = rows if predicate is None else rows.filter(predicate)
            rows = rows.select(wanted).head(rows.height if n_rows is None else n_rows)
            n_rows = None if n_rows is None else n_rows - rows.height
            yield rows
        check_unchanged()

    schema = file.values(next(file.batches(file.columns)), file.columns).drop(ROW).schema
    return repeats, register_io_source(scan, schema=dict(schema))


def _only(rows: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    return rows.filter(pl.col(ROW).is_in(numbers.implode())) if len(numbers) else rows.clear()


def _without(rows: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    return rows.filter(~pl.col(ROW).is_in(numbers.implode())) if len(numbers) else rows


def _kept(rows: pl.DataFrame, source: Source, style: Style, left_out: dict[str, int]) -> pl.DataFrame:
    """Rows that the keep rules keep; adds up those that each rule leaves out of the ones before it."""
    remain = pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True)
    for rule, keeps in source.kept(rows, style).items():
        left_out[rule] = left_out.get(rule, 0) + int((remain & ~keeps).sum())
        remain &= keeps
    return rows.filter(remain) if source.keep else rows
