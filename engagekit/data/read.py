"""Files -> a table: cells become values of the declared types, and rows that break a rule are refused.

Each file is read once, in batches. What was checked is what is used: the checked batches are the table. Only a table of
more than ``HELD_ROWS`` rows is read again, when it is collected; a file that has changed by then is an error.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from engagekit.data.checking import (
    CONVERTED,
    REFUSED,
    RETURNED,
    WHOLE,
    DoubtError,
    blank_cells,
    checked,
    doubtful,
)
from engagekit.data.databases import ENV, open_query
from engagekit.data.files import FILE_ROWS, ROW, Opened, find_file, open_cells, readable
from engagekit.data.joining import with_joined
from engagekit.data.mapping import MappedFile
from engagekit.data.matching import check_named_once, match_columns
from engagekit.data.periods import renewals, with_exclusive_ends
from engagekit.data.reading import InputFile, Reading, Way, sha256_of
from engagekit.data.recognition import DATES, NUMBERS, is_open, way_of
from engagekit.data.repeats import Repeats, candidates, fingerprints, orders_again, settle
from engagekit.data.returns import with_returns
from engagekit.data.source import Cells, Source, in_other_capitals
from engagekit.data.style import Style
from engagekit.data.tables import TABLES, column_type
from engagekit.data.text_files import TextFile
from engagekit.errors import DataError
from engagekit.language import decimal_and_group

__all__ = ["files_of", "read_table"]

HELD_ROWS = 5_000_000
SAMPLE = 10_000  # rows that mostly tell how columns are written
FURTHER_HEADERS = 5  # rows below the header among which more of them may be
DESCRIBED = ('{"ImportId"', "Lifetime: ")  # what Qualtrics and Facebook write below a column's name


def read_table(table: str, sources: Source | Iterable[Source], folder: Path, style: Style) -> Reading:
    """Read a business's files as one of the eleven tables.

    Parameters
    ----------
    table : str
        A key of ``tables.TABLES``.
    sources : Source or iterable of Source
        Files, column maps and rules; of several the rows follow one another.
    folder : Path
        Folder that files are relative to, and must lie in.
    style : Style
        How the business writes numbers and dates, where a source does not say how its files do.

    Raises
    ------
    DataError
        A file is missing, empty, unreadable or changes meanwhile, a required column is missing, a column can be read in
        two ways, or one event has several rows that differ.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> sends = pl.DataFrame({"sent_at": ["2026-01-05"] * 2, "campaign": "Hi", "sent": 10, "delivered": [9, 11]})
    >>> with TemporaryDirectory() as folder:
    ...     sends.write_csv(Path(folder) / "mail.csv")
    ...     read = read_table("mailings", Source(file="mail.csv"), Path(folder), Style())
    >>> read.rows, read.kept, read.refused.row(0)[:5]
    (2, 1, ('mail.csv', 3, 'delivered', '11', 'above_sent'))
    """
    sources = [sources] if isinstance(sources, Source) else list(sources)
    try:
        return _read(table, sources, folder, style, SAMPLE)
    except DoubtError:  # of a sample: let every cell tell
        return _read(table, sources, folder, style, None)


def _read(table: str, sources: list[Source], folder: Path, style: Style, sample: int | None) -> Reading:
    """Read files, of whose columns some rows or all of them tell how they are written."""
    named = [(source, name) for source in sources for name in files_of(folder, source)]
    _refuse_same_files(folder, sources)
    parts, files = [], []
    for number, (source, name) in enumerate(named):
        path = Path(name) if source.connection.startswith(ENV) else find_file(folder, name)
        before = InputFile.of(path, name)
        with readable(path, source.encoding):
            file = open_query(source.query, name, folder) if source.query else _opened(path, source, style)
            for join in source.join:
                other = find_file(folder, join.file)
                file = with_joined(file, path.name, join, _opened(other, Source(file=[join.file]), style))
            part, ways = _mapped(table, source, path, file, style, number, sample)
        parts.append(part)
        used = dict.fromkeys(theirs for ours in part.columns for theirs in part.names(ours))
        unread = tuple(theirs for theirs in part.header if theirs and theirs not in used)
        files.append(replace(before, used=tuple(used), unread=unread, ways=(*_ways_of(file.text), *ways)))
    reading = _Table(table, parts, files).reading()
    reading.check_unchanged()
    return reading


def files_of(folder: Path, source: Source) -> Iterator[str]:
    """Files of a source, patterns replaced by what they match, in the order of their names."""
    for name in source.file or [source.connection]:
        is_pattern = "*" in name and not Path(name).is_absolute() and not (folder / name).exists()
        matches = sorted(folder.glob(name)) if is_pattern else []
        yield from [match.relative_to(folder).as_posix() for match in matches] or [name]


def _refuse_same_files(folder: Path, sources: list[Source]) -> None:
    """Refuse a file that a source names twice, or of which it names a copy: its rows would count twice."""
    for source in sources:
        known: dict[tuple[int, str | None], str] = {}
        for name in files_of(folder, source):
            path = folder / name
            if source.query or not path.is_file():
                continue
            of_size = [other for size, other in known if size == path.stat().st_size]
            digest = sha256_of(path) if of_size else None
            same = [n for (size, _), n in known.items() if digest and sha256_of(folder / n) == digest]
            if same:
                problem = f"holds the same as {Path(same[0]).name}. Name it once."
                raise DataError(problem, file=path.name)
            known[path.stat().st_size, name] = name


def _opened(path: Path, source: Source, style: Style) -> Opened:
    decimal, _ = decimal_and_group(source.numbers or style.numbers)
    encoding, header_row = source.encoding, source.header_row
    return open_cells(path, sheet=source.sheet, encoding=encoding, decimal=decimal, header_row=header_row)


def _ways_of(text: TextFile | None) -> Iterator[Way]:
    """What was told of a text file as a whole."""
    if text is not None:
        if text.encoding != "utf-8":
            yield Way("encoding", text.encoding)
        if text.separator != ",":
            yield Way("separator", {"\t": "tab"}.get(text.separator, text.separator))
        if text.is_twice_encoded:
            yield Way("twice_encoded", "Ã")


def _mapped(
    table: str, source: Source, path: Path, file: Opened, style: Style, number: int, sample: int | None
) -> tuple[MappedFile, list[Way]]:
    """A file with what our columns are made of and how each is written, and what of this was told from it."""
    columns = match_columns(table, source, file.header, path.name)
    ways = [Way("column", str(theirs), ours) for ours, theirs in columns.items() if _is_told(source, ours, theirs)]
    first_row = source.first_row
    if not first_row and (last := _last_header_row(file)):
        first_row = last + 1
        ways.append(Way("first_row", str(first_row)))
    for theirs in source.only:
        check_named_once(theirs, file.header, path.name, "only")
    row = pl.col(ROW).cast(pl.UInt64)
    cells = file.cells.filter(row >= first_row) if first_row else file.cells
    for theirs, word in source.only.items():
        cells = cells.filter(pl.col(str(file.header.index(theirs))).cast(pl.String).str.strip_chars() == word)
    cells = cells.with_columns(row + pl.lit(number * FILE_ROWS, pl.UInt64))
    style = source.style(replace(style, numbers="en") if source.query else style)  # as databases write them
    styles = {ours: _own_style(style, made_of) for ours, made_of in columns.items()}
    mapped = MappedFile(table, path.name, file.header, cells, columns, styles, source, number, file.text)
    recognised = dict(_recognised(mapped, sample))
    ways += [Way(key, value, ours) for ours, (key, value) in recognised.items()]
    return replace(
        mapped, styles=styles | {o: replace(styles[o], **{key: way}) for o, (key, way) in recognised.items()}
    ), ways


def _is_told(source: Source, ours: str, theirs: object) -> bool:
    """Whether a column was found under another name, of which nobody had said so."""
    return ours not in source.columns and isinstance(theirs, str) and theirs.casefold() != ours


def _own_style(style: Style, made_of: object) -> Style:
    """How a column writes its cells, from how its file does."""
    if not isinstance(made_of, Cells):
        return style
    said = {"numbers": made_of.numbers, "dates": made_of.dates, "written_in": made_of.time_zone}
    return replace(style, **{key: value for key, value in said.items() if value})


def _last_header_row(file: Opened) -> int:
    """Last of several rows of names, the way Qualtrics writes them; 0 where there is one only."""
    marks = [mark.replace('"', '""') for mark in DESCRIBED]
    if file.text is not None and not any(mark in file.text.top for mark in marks):
        return 0
    top = file.cells.head(FURTHER_HEADERS).collect()
    text = pl.selectors.string()
    marked = pl.any_horizontal(text.str.starts_with(mark) for mark in DESCRIBED)
    return int(top.filter(marked)[ROW].max() or 0) if pl.String in top.dtypes else 0  # type: ignore[arg-type]


def _recognised(file: MappedFile, sample: int | None) -> Iterator[tuple[str, tuple[str, str]]]:
    """How columns write their numbers or dates, where it was not said and is not as the business does.

    Of dates a sample mostly tells; of numbers all that have a mark do, for any of them may say what the others mean.
    """
    names = [name for name in file.columns if file.names(name) and name not in file.declared]
    kinds = {name: column_type(file.table, name) for name in names}
    head = file if sample is None else replace(file, cells=file.cells.head(sample))
    looks = [(head, [name for name in names if kinds[name] in DATES])]
    looks.append((file.with_marks(numeric := [name for name in names if kinds[name] in NUMBERS]), numeric))
    for looked_at, columns in looks:
        rows = pl.concat(looked_at.batches(columns)) if columns else pl.DataFrame()
        for name in columns:
            kind, style = kinds[name], file.styles[name]
            for cells in file.cells_of(rows, name):
                if not is_open(cells, kind):
                    continue
                way, doubt = way_of(cells, kind, style)
                if doubt:
                    raise doubtful(file, rows[ROW][doubt.place], name, doubt, cells[doubt.place])
                key = "dates" if kind in DATES else "numbers"
                if way != getattr(style, key):
                    yield name, (key, way)


class _Table:
    """The rows of a table's files, checked and counted."""

    def __init__(self, table: str, parts: list[MappedFile], files: list[InputFile]) -> None:
        self.table, self.parts, self.files = table, parts, files
        self.columns = list(dict.fromkeys(name for part in parts for name in part.columns))
        self.left_out: dict[str, int] = {}
        self.capitals: dict[str, int] = {}

    def reading(self) -> Reading:
        """Check every row; hold those that remain, or scan them again where they are too many."""
        rows, held = 0, list[pl.DataFrame]()
        refused, amended, prints = [pl.DataFrame(schema=REFUSED | WHOLE)], [pl.DataFrame(schema=REFUSED)], []
        for part, batch in self._batches():
            rows += batch.height
            with readable(self.files[part.number].path, part.source.encoding):
                values, faults, changes = checked(part, batch)
            values = values if self._are_states else self._kept(part, values, self.left_out)
            refused.append(faults)
            amended.append(changes)
            prints.append(fingerprints(self.table, values))
            held = [*held, values] if rows <= HELD_ROWS else []
        refusals, amendments, twice = pl.concat(refused), pl.concat(amended), candidates(prints)
        if rows <= HELD_ROWS:
            repeats, scan, returned = self._held(pl.concat(held, how="diagonal"), twice)
            amendments = pl.concat([amendments, returned])
        else:
            blanks = amendments.filter(~pl.col("reason").is_in(CONVERTED))
            repeats, scan = self._scanned(refusals["row"], blanks, twice)
        faults, changes = (self._with_file(each) for each in (refusals, amendments))
        limit = max(part.source.refuse_above for part in self.parts)
        return Reading(
            self.table,
            tuple(self.files),
            rows,
            limit,
            faults,
            changes,
            self.left_out,
            self.capitals,
            repeats,
            rows <= HELD_ROWS,
            scan,
        )

    def _batches(self, names: Iterable[str] | None = None) -> Iterator[tuple[MappedFile, pl.DataFrame]]:
        """Batches of the files' cells, those of some of our columns."""
        for part, file in zip(self.parts, self.files, strict=True):
            wanted = part.columns if names is None else [name for name in names if name in part.columns]
            with readable(file.path, part.source.encoding):
                yield from ((part, batch) for batch in part.batches(wanted))

    @property
    def _are_states(self) -> bool:
        """Whether keep rules come after repeats: a state that was superseded is no row to keep or leave out."""
        return TABLES[self.table].repeats == "state"

    def _kept(self, part: MappedFile, rows: pl.DataFrame, left_out: dict[str, int]) -> pl.DataFrame:
        """Rows that a file's keep rules keep; adds up those that each rule leaves out of the ones before it."""
        remain = pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True)
        for rule, keeps in part.source.kept(rows, part.styles).items():
            left_out[rule] = left_out.get(rule, 0) + int((remain & ~keeps).sum())
            self.capitals[rule] = self.capitals.get(rule, 0) + in_other_capitals(rows, rule)
            remain &= keeps
        return rows.filter(remain) if part.source.keep else rows

    def _settled(self, rows: pl.DataFrame) -> Repeats:
        repeats = next((part.source.repeats for part in self.parts if part.source.repeats), "")
        return settle(self.table, rows, self._place, repeats)

    def _held(self, table: pl.DataFrame, twice: pl.Series) -> tuple[Repeats, pl.LazyFrame, pl.DataFrame]:
        """Rows that remain of the checked ones, in memory; and the purchases that are returns, as cells amended."""
        repeats = self._settled(_only(table, twice))
        again = orders_again(table, [part.source.file for part in self.parts]) if self.table == "interactions" else None
        if again is not None and len(again):
            dropped = pl.concat([repeats.dropped, again]).unique().sort()
            superseded = repeats.superseded + len(dropped) - len(repeats.dropped)
            repeats = replace(repeats, dropped=dropped, superseded=superseded)
        table = self._with_exclusive_ends(_without(table, repeats.dropped))
        if self._are_states and any(part.source.keep for part in self.parts):
            table = pl.concat([self._kept(part, self._of(part, table), self.left_out) for part in self.parts])
        table, returned = with_returns(table) if self.table == "interactions" else (table, table.clear())
        value = pl.col("value").cast(pl.String) if "value" in table.columns else pl.lit(None, pl.String)
        cells = returned.select(pl.col(ROW).alias("row"), column=pl.lit("value"), value=value, reason=pl.lit(RETURNED))
        return repeats, table.drop(ROW).lazy(), cells.cast(REFUSED)  # type: ignore[arg-type]

    def _with_exclusive_ends(self, table: pl.DataFrame) -> pl.DataFrame:
        """Paid periods whose ends are exclusive; tells which files have the last days of periods instead."""
        if self.table != "subscriptions":
            return table
        silent = pl.concat([self._of(part, table) for part in self.parts if not part.source.ends] or [table.clear()])
        last_days = renewals(silent).ends_are_last_days
        parts = []
        for part in self.parts:
            rows, ends = self._of(part, table), part.source.ends
            if ends == "inclusive" or (not ends and last_days):
                rows = with_exclusive_ends(rows)
                file, way = self.files[part.number], () if ends else (Way("last_days", "1 d", "ends_at"),)
                self.files[part.number] = replace(file, ways=(*file.ways, *way))
            parts.append(rows)
        return pl.concat(parts)

    def _scanned(self, refused: pl.Series, blanks: pl.DataFrame, twice: pl.Series) -> tuple[Repeats, pl.LazyFrame]:
        """Rows that remain, read again each time they are collected."""

        def values(part: MappedFile, batch: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
            return blank_cells(part.values(batch, [name for name in names if name in part.columns]), blanks)

        again = [values(part, _only(batch, twice), self.columns) for part, batch in self._batches()]
        repeats = self._settled(pl.concat(again, how="diagonal"))
        gone = pl.concat([refused, repeats.dropped])
        rules = {name for part in self.parts for name in part.source.keep}
        if self._are_states and rules:
            for part, batch in self._batches(rules):
                self._kept(part, values(part, _without(batch, gone), rules), self.left_out)
        empty = pl.concat(
            [part.values(next(part.batches(part.columns)), part.columns) for part in self.parts], how="diagonal"
        )

        def scan(
            columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _: int | None
        ) -> Iterator[pl.DataFrame]:
            self._check_unchanged()
            wanted = self.columns if columns is None else columns
            asked = [] if predicate is None else predicate.meta.root_names()
            names = dict.fromkeys([*wanted, *rules, *asked])
            for part, batch in self._batches(names):
                rows = self._kept(part, values(part, _without(batch, gone), names), {})
                rows = pl.concat([empty.select(name for name in names), rows.drop(ROW)], how="diagonal")
                rows = rows if predicate is None else rows.filter(predicate)
                rows = rows.select(wanted).head(rows.height if n_rows is None else n_rows)
                n_rows = None if n_rows is None else n_rows - rows.height
                yield rows
            self._check_unchanged()

        return repeats, register_io_source(scan, schema=dict(empty.drop(ROW).schema))

    def _check_unchanged(self) -> None:
        for file in self.files:
            file.check_unchanged()

    def _place(self, row: int) -> tuple[str, int]:
        """File and row of one of ``ROW``."""
        return self.parts[row // FILE_ROWS].name, row % FILE_ROWS

    def _of(self, part: MappedFile, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(pl.col(ROW) // FILE_ROWS == part.number) if len(self.parts) > 1 else rows

    def _with_file(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Cells with their file's name, and their row in it."""
        names = pl.Series([part.name for part in self.parts], dtype=pl.String)
        number, row = (pl.col("row") // FILE_ROWS), (pl.col("row") % FILE_ROWS).cast(pl.UInt32)
        file = pl.lit(names).gather(number).alias("file")
        return cells.select(file, row.alias("row"), pl.exclude("row"))


def _only(rows: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    return rows.filter(pl.col(ROW).is_in(numbers.implode())) if len(numbers) else rows.clear()


def _without(rows: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    return rows.filter(~pl.col(ROW).is_in(numbers.implode())) if len(numbers) else rows
