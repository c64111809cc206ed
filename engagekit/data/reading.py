"""A file -> a table; every refused row is kept, with its reason.

Everything enters as text (Parquet and XLSX keep the types they store) and is parsed by the declared types. The file is
scanned once in batches to find the rows that break a rule; the table itself stays a lazy scan without those rows.
"""

import codecs
import csv
import gzip
import operator
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Literal

import polars as pl
from charset_normalizer import from_bytes
from fastexcel import FastExcelError, read_excel
from pandera.errors import SchemaErrors
from pydantic import BaseModel, ConfigDict, Field, field_validator

from engagekit.data.parsing import Style, parse, parse_number
from engagekit.data.tables import TABLES, TYPES, column_type, required_columns
from engagekit.errors import DataError, did_you_mean

__all__ = ["Constant", "Product", "Reading", "Source", "read_table"]

BATCH_ROWS = 500_000
SEPARATORS = ",;\t|"
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx")
COMPARE = {">=": operator.ge, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt, "=": operator.eq}
RAW = "raw:"
REFUSED = ("row", "column", "value", "reason")


class Constant(BaseModel):
    """A value that every row of a table has, though the file has no column for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    constant: str | int | float | bool


class Product(BaseModel):
    """Two columns of the file whose product is the value, such as quantity and unit price."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    product: tuple[str, str]


class Source(BaseModel):
    """Where a table lies and how its file is written: a ``[tables.<name>]`` section of ``business.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    file: str
    columns: dict[str, str | Constant | Product] = {}
    keep: dict[str, str] = {}
    numbers: Literal["id", "ms", "en"] | None = None
    dates: str = "iso"
    sheet: str | None = None
    refuse_above: float = Field(default=0.05, ge=0, le=1)

    @field_validator("keep")
    @classmethod
    def _rules_read(cls, keep: dict[str, str]) -> dict[str, str]:
        for column, rule in keep.items():
            if not re.match(r"(>=|<=|!=|>|<|=)\s*\S", rule):
                raise ValueError(f'{column}: {rule!r} is not a rule such as "> 0" or "!= cancelled"')
        return keep


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
        if self.refused.height <= refuse_above * self.rows:
            return self
        commonest, count = Counter(self.refused["reason"]).most_common(1)[0]
        first = self.refused.filter(pl.col("reason") == commonest).row(0, named=True)
        raise DataError(
            f"{first['value']!r} was refused: {commonest}. So were {self.refused.height:,} of {self.rows:,} rows "
            f"({self.refused.height / self.rows:.1%}; this reason {count:,}), and at most {refuse_above:.0%} may be. "
            f"Correct the rows, or set refuse_above in [tables.{self.table}] of business.toml.",
            file=self.file,
            row=first["row"],
            column=first["column"],
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
    """
    path = _find(folder, source.file)
    scan = _scan(path, source)
    try:
        file_schema = scan.collect_schema()
        columns = _matched(table, source, [name for name in file_schema if name != "row"], path.name)
        parsed = scan.select("row", *_parsed(table, columns, file_schema, style))
        keep = dict(_keep(source, style, parsed.collect_schema()))
        rows, left_out, refusals = 0, Counter(dict.fromkeys(keep, 0)), [_refusals(table, parsed.head(0).collect())]
        for batch in parsed.collect_batches(chunk_size=BATCH_ROWS):
            rows += batch.height
            refusals.append(_refusals(table, batch))
            remaining = batch.filter(~pl.col("row").is_in(refusals[-1]["row"].implode()))
            for rule, kept in keep.items():
                left_out[rule] += remaining.height - (remaining := remaining.filter(kept)).height
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from error
    refused = pl.concat(refusals)
    return Reading(
        table,
        path.name,
        rows,
        refused.insert_column(0, pl.lit(path.name).alias("file")),
        dict(left_out),
        parsed.filter(~pl.col("row").is_in(refused["row"].implode()), *keep.values()).select(
            pl.exclude("row", f"^{RAW}.*$")
        ),
    )


def _find(folder: Path, file: str) -> Path:
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(f"lies outside of the business's folder {folder.name}/. Move or copy it there.", file=file)
    if path.is_dir():
        raise DataError("is a folder. Name the file in it.", file=file)
    if not path.exists():
        beside = [other.name for other in path.parent.glob("*") if other.is_file()] if path.parent.is_dir() else []
        raise DataError(f"is not there. {did_you_mean(path.name, beside)}", file=file)
    if path.stat().st_size == 0:
        raise DataError("is empty: it has no header line. Export it again.", file=file)
    return path


def _scan(path: Path, source: Source) -> pl.LazyFrame:
    """Lazy frame of a file, with its column ``row`` counted as in a spreadsheet; blank lines are no rows."""
    kind = Path(path.name.removesuffix(".gz")).suffix.lower()
    try:
        if kind == ".parquet":
            return pl.scan_parquet(path).with_row_index("row", offset=2)
        if kind == ".xlsx":
            return _sheet(path, source.sheet).lazy().with_row_index("row", offset=2)
        if kind not in SUFFIXES:
            raise DataError(f"has an ending that is not read. {did_you_mean(kind, SUFFIXES)}", file=path.name)
        text = _text(path)
        return (
            pl.scan_csv(text, separator=_separator(path, text), infer_schema=False)
            .with_row_index("row", offset=2)
            .filter(pl.any_horizontal(pl.exclude("row").is_not_null()))
        )
    except (OSError, EOFError, FastExcelError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from error


def _sheet(path: Path, name: str | None) -> pl.DataFrame:
    book = read_excel(path)
    if name is None and len(book.sheet_names) > 1:
        raise DataError(
            f"has several sheets: {', '.join(book.sheet_names)}. Name one in business.toml: sheet = ...",
            file=path.name,
        )
    if name is not None and name not in book.sheet_names:
        raise DataError(f"has no sheet {name!r}. {did_you_mean(name, book.sheet_names)}", file=path.name)
    return book.load_sheet(name or 0, schema_sample_rows=None).to_polars()


def _text(path: Path) -> Path | BytesIO:
    """The file itself where it is UTF-8 with ordinary line ends, otherwise its text as such."""
    unpack = gzip.open if path.suffix == ".gz" else open
    with unpack(path, "rb") as file:
        start = file.read(1 << 16)
        try:
            codecs.getincrementaldecoder("utf-8")().decode(start)
            if b"\n" in start or b"\r" not in start:
                return path
            encoding = "utf-8"
        except UnicodeDecodeError:
            best = from_bytes(start).best()
            encoding = best.encoding if best else "cp1252"
        text = (start + file.read()).decode(encoding, errors="replace").removeprefix("\ufeff")
    return BytesIO("\n".join(text.splitlines()).encode())


def _separator(path: Path, text: Path | BytesIO) -> str:
    """The separator that cuts the header into most columns."""
    if isinstance(text, BytesIO):
        header = text.getvalue().split(b"\n", 1)[0].decode()
    else:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig") as file:
            header = file.readline()
    columns = {mark: next(csv.reader([header], delimiter=mark), []) for mark in SEPARATORS}
    best = max(columns, key=lambda mark: len(columns[mark]))
    twice = [name for name, times in Counter(columns[best]).items() if times > 1 and name.strip()]
    if twice:
        raise DataError(f"two columns are called {twice[0]!r}. Rename one of them.", file=path.name, row=1)
    return best


def _unreadable(path: Path, error: Exception) -> DataError:
    text = str(error)
    if "more fields" in text:
        return DataError(f"row {_long_row(path)} has more cells than the header. Quote the text in it.", file=path.name)
    if "utf-8" in text:
        return DataError("is not text in UTF-8 throughout. Save it as UTF-8.", file=path.name)
    return DataError(f"cannot be read as {path.suffix}: {text.splitlines()[0]}", file=path.name)


def _long_row(path: Path) -> int:
    text = _text(path)
    lines = text.getvalue().decode().splitlines() if isinstance(text, BytesIO) else path.open(encoding="utf-8-sig")
    rows = csv.reader(lines, delimiter=_separator(path, text))
    width = len(next(rows))
    return next((number for number, row in enumerate(rows, start=2) if len(row) > width), 0)


def _matched(table: str, source: Source, names: list[str], file: str) -> dict[str, str | Constant | Product]:
    """Our columns, each with what it is made of: the map of business.toml, then columns of the same name."""
    same = {re.sub(r"\W+", "_", name.strip().casefold()): name for name in names}
    columns = {ours: same[ours] for ours in TABLES[table].columns if ours in same} | source.columns
    for ours, theirs in columns.items():
        for name in _named(theirs):
            if name not in names:
                raise DataError(f"the column {name!r} is not in the file. {did_you_mean(name, names)}", file=file, column=ours)
    for ours in required_columns(table):
        if ours not in columns:
            raise DataError(
                f"no column of the file is mapped to it. {did_you_mean(ours, names)} "
                f"Map it in [tables.{table}.columns] of business.toml.",
                file=file,
                column=ours,
            )
    for ours in source.keep:
        if ours not in columns:
            raise DataError(f"a keep rule names a column that is not mapped. {did_you_mean(ours, columns)}", file=file, column=ours)
    return columns


def _named(theirs: str | Constant | Product) -> tuple[str, ...]:
    if isinstance(theirs, Product):
        return theirs.product
    return () if isinstance(theirs, Constant) else (theirs,)


def _parsed(
    table: str, columns: Mapping[str, str | Constant | Product], schema: pl.Schema, style: Style
) -> Iterator[pl.Expr]:
    """Each of our columns, followed by what the file says in its place."""
    for ours, theirs in columns.items():
        kind = column_type(table, ours)
        if isinstance(theirs, Constant):
            value = pl.lit(theirs.constant).cast(TYPES[kind] or pl.String)
            raw = pl.lit(str(theirs.constant))
        elif isinstance(theirs, Product):
            left, right = theirs.product
            value = parse_number(left, schema[left], style) * parse_number(right, schema[right], style)
            raw = pl.concat_str([left, right], separator=" × ", ignore_nulls=False)
        else:
            value = parse(theirs, schema[theirs], kind, style)
            raw = pl.col(theirs).cast(pl.String).str.strip_chars()
        yield value.alias(ours)
        yield pl.when(raw != "").then(raw).alias(RAW + ours)


def _refusals(table: str, batch: pl.DataFrame) -> pl.DataFrame:
    """Rows of a batch that break a rule: row, column, value and the first reason."""
    columns = [name for name in batch.columns if name != "row" and not name.startswith(RAW)]
    found = [
        batch.filter(pl.col(name).is_null() & pl.col(RAW + name).is_not_null()).select(
            "row", column=pl.lit(name), reason=pl.lit(f"not_{column_type(table, name)}"), value=RAW + name
        )
        for name in columns
    ]
    try:
        contract = TABLES[table]
        contract.select_columns([name for name in contract.columns if name in columns]).validate(batch, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases.sort("index").select("index", "column", reason="check")
        for (name, reason), group in cases.group_by("column", "reason", maintain_order=True):
            found.append(
                batch[group["index"].to_list()].select(
                    "row",
                    column=pl.lit(name),
                    reason=pl.lit("missing" if reason == "not_nullable" else reason),
                    value=RAW + str(name),
                )
            )
    return pl.concat(found).unique("row", keep="first", maintain_order=True).sort("row").select(REFUSED)


def _keep(source: Source, style: Style, schema: pl.Schema) -> Iterator[tuple[str, pl.Expr]]:
    """Each keep rule as it is written, and as an expression."""
    for column, rule in source.keep.items():
        sign = next(sign for sign in COMPARE if rule.startswith(sign))
        wanted = rule.removeprefix(sign).strip()
        number = re.fullmatch(r"-?\d+(\.\d+)?", wanted)
        value = parse_number(column, schema[column], style) if number else pl.col(column).cast(pl.String)
        kept = COMPARE[sign](value, float(wanted) if number else wanted)
        yield f"{column} {sign} {wanted}", kept.fill_null(False)
