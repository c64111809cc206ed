"""A file -> a table; every refused row is kept, with its reason.

Cells are parsed by the declared types. The file is scanned once in batches to find the rows that break a rule; the
table itself stays a lazy scan without those rows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
from pandera.errors import SchemaErrors

from engagekit.data.files import ROW, UNREADABLE, find_file, open_cells, unreadable
from engagekit.data.parsing import Style, parse, parse_number, written
from engagekit.data.source import Constant, Mapped, Product, Source
from engagekit.data.tables import TABLES, column_type, required_columns
from engagekit.errors import DataError, did_you_mean
from engagekit.language import decimal_and_group

__all__ = ["Constant", "Product", "Reading", "Source", "read_table"]

BATCH_ROWS = 500_000
RAW, CONSTANT = "raw:", "constant:"
WAYS_OUT = {  # for a cell that is not what its column needs, by the column's type
    "number": 'say how the file writes numbers (numbers = "en"), ',
    "count": 'say how the file writes numbers (numbers = "en"), ',
    "time": 'say how it writes dates (dates = "%d/%m/%Y"), ',
    "day": 'say how it writes dates (dates = "%d/%m/%Y"), ',
    "id": "store ids as text, for a spreadsheet keeps 15 digits of a number, ",
}
REASONS = {"id": "not_allowed"}  # otherwise not_number, not_time ...


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
    left_out : dict of str to int
        Rows dropped by each ``keep`` rule, of those not refused.
    scan : polars.LazyFrame
        The rows that remain.
    """

    table: str
    file: str
    rows: int
    refused: pl.DataFrame
    left_out: dict[str, int]
    scan: pl.LazyFrame

    @property
    def kept(self) -> int:
        """Rows that remain."""
        return self.rows - self.refused.height - sum(self.left_out.values())

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows that remain, read into memory once."""
        return self.scan.collect()

    def reasons(self) -> pl.DataFrame:
        """Refused rows counted: ``column, reason, rows`` and ``first_row``, commonest first."""
        counted = self.refused.group_by("column", "reason").agg(rows=pl.len(), first_row=pl.col("row").min())
        return counted.sort("rows", "column", "reason", descending=[True, False, False])

    def check(self, refuse_above: float) -> "Reading":
        """Return self, or raise where more than a share of the rows was refused.

        Raises
        ------
        DataError
            Names the commonest reason and the first row that has it.
        """
        share = self.refused.height / self.rows if self.rows else 0.0
        if share <= refuse_above:
            return self
        column, reason, rows, _ = self.reasons().row(0)
        alike = (pl.col("column") == column) & (pl.col("reason") == reason)
        first = self.refused.filter(alike).row(0, named=True)
        cell = "a blank cell" if first["value"] is None else repr(first["value"])
        way_out = WAYS_OUT.get(column_type(self.table, column), "") if reason.startswith("not_") else ""
        raise DataError(
            f"{cell} was refused: {reason} ({rows:,} rows). In all {self.refused.height:,} of {self.rows:,} rows "
            f"({share:.1%}) were refused, and at most {refuse_above:.0%} may be. Correct the rows, "
            f"{way_out}or set refuse_above in [tables.{self.table}] of business.toml.",
            file=self.file,
            row=first["row"],
            column=column,
        )


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
        The file is missing, empty or unreadable, or a required column is.

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
    decimal, _ = decimal_and_group(style.numbers)
    header, cells = open_cells(path, sheet=source.sheet, encoding=source.encoding, decimal=decimal)
    columns = _matched(table, source, header, path.name)
    try:
        parsed = _parsed(table, columns, header, cells, style)
        keep = source.kept(parsed.collect_schema(), style)
        rows, refused, left_out = _counted(table, parsed, keep)
    except UNREADABLE as error:
        raise unreadable(path, error, source.encoding) from error
    kept = parsed.filter(~pl.col(ROW).is_in(refused["row"].implode()), *keep.values()).select(*columns)
    return Reading(table, path.name, rows, refused.insert_column(0, pl.lit(path.name).alias("file")), left_out, kept)


def _matched(table: str, source: Source, header: list[str], file: str) -> dict[str, Mapped]:
    """Our columns, each with what it is made of: the map of business.toml, then columns of the same name."""
    columns: dict[str, Mapped] = {}
    for ours in TABLES[table].columns:
        alike = [name for name in dict.fromkeys(header) if re.sub(r"\W+", "_", name.strip().casefold()) == ours]
        if alike:
            columns[ours] = ours if ours in alike else alike[0]
        if len(alike) > 1 and ours not in (*alike, *source.columns):
            raise DataError(f"may be {' or '.join(map(repr, alike))}. Map one of them.", file=file, column=ours)
    columns |= source.columns
    for ours, theirs in columns.items():
        for name in _named(theirs):
            _check_named_once(name, header, file, ours)
    for ours in required_columns(table):
        if ours not in columns:
            way_out = f"{did_you_mean(ours, header)} Map it in [tables.{table}.columns] of business.toml."
            raise DataError(f"no column of the file is mapped to it. {way_out}", file=file, column=ours)
    for ours in source.keep:
        if ours not in columns:
            problem = f"a keep rule names a column that is not mapped. {did_you_mean(ours, columns)}"
            raise DataError(problem, file=file, column=ours)
    return columns


def _check_named_once(name: str, header: list[str], file: str, ours: str) -> None:
    places = [str(place) for place, other in enumerate(header, start=1) if other == name]
    if not places:
        raise DataError(f"the column {name!r} is not in the file. {did_you_mean(name, header)}", file=file, column=ours)
    if len(places) > 1:
        problem = f"columns {' and '.join(places)} are both called {name!r}. Rename one of them."
        raise DataError(problem, file=file, row=1, column=ours)


def _named(theirs: Mapped) -> tuple[str, ...]:
    if isinstance(theirs, Product):
        return theirs.product
    return () if isinstance(theirs, Constant) else (theirs,)


def _parsed(
    table: str, columns: Mapping[str, Mapped], header: list[str], cells: pl.LazyFrame, style: Style
) -> pl.LazyFrame:
    """The row's number, and each of our columns beside what the file says in its place."""
    constants = {CONSTANT + ours: pl.lit(made.constant) for ours, made in columns.items() if isinstance(made, Constant)}
    cells = cells.with_columns(**constants)
    schema, plain = cells.collect_schema(), Style(time_zone=style.time_zone)
    values, raws = [], []
    for ours, theirs in columns.items():
        kind = column_type(table, ours)
        places = [str(header.index(name)) for name in _named(theirs)] or [CONSTANT + ours]
        if isinstance(theirs, Product):
            left, right = (parse_number(place, schema[place], style) for place in places)
            value = left * right
        else:
            value = parse(places[0], schema[places[0]], kind, plain if isinstance(theirs, Constant) else style)
        values.append(value.alias(ours))
        raw = [written(place, schema[place]) for place in places]
        raws.append(pl.concat_str(raw, separator=" × ", ignore_nulls=False).alias(RAW + ours))
    return cells.select(ROW, *values, *raws)


def _counted(table: str, parsed: pl.LazyFrame, keep: Mapping[str, pl.Expr]) -> tuple[int, pl.DataFrame, dict[str, int]]:
    """Rows in all, those refused, and how many each keep rule drops of the others."""
    rows, left_out, refusals = 0, dict.fromkeys(keep, 0), [_refusals(table, parsed.head(0).collect())]
    for batch in parsed.collect_batches(chunk_size=BATCH_ROWS):
        rows += batch.height
        refusals.append(_refusals(table, batch))
        remaining = batch.filter(~pl.col(ROW).is_in(refusals[-1]["row"].implode()))
        for rule, kept in keep.items():
            left_out[rule] += remaining.height - (remaining := remaining.filter(kept)).height
    return rows, pl.concat(refusals), left_out


def _refusals(table: str, batch: pl.DataFrame) -> pl.DataFrame:
    """Rows of a batch that break a rule: row, column, value and the first reason."""
    found = list(_unread(table, batch))
    contract = TABLES[table]
    try:
        contract.select_columns([name for name in contract.columns if name in batch.columns]).validate(batch, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases.sort("index").select("index", "column", "check")
        for (name, check), group in cases.group_by("column", "check", maintain_order=True):
            reason = "missing" if check == "not_nullable" else str(check)
            found.append(_refused(batch[group["index"].to_list()], str(name), reason))
    return pl.concat(found).unique("row", keep="first", maintain_order=True).sort("row")


def _unread(table: str, batch: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows of a batch in which a cell says something, but not what its column needs."""
    for raw in batch.columns:
        name = raw.removeprefix(RAW)
        if raw.startswith(RAW):
            unread = batch.filter(pl.col(name).is_null() & pl.col(raw).is_not_null())
            kind = column_type(table, name)
            yield _refused(unread, name, REASONS.get(kind, f"not_{kind}"))


def _refused(rows: pl.DataFrame, column: str, reason: str) -> pl.DataFrame:
    return rows.select(row=ROW, column=pl.lit(column), value=RAW + column, reason=pl.lit(reason))
