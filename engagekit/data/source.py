"""Where a table lies and how its file is written: a ``[tables.<name>]`` section of ``business.toml``."""

import codecs
import datetime as dt
import operator
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from engagekit.data.dates import is_date_format
from engagekit.data.parsing import parse_number
from engagekit.data.style import Style

__all__ = [
    "Cells",
    "Constant",
    "Join",
    "Mapped",
    "Product",
    "Source",
    "Together",
    "in_other_capitals",
    "listed",
    "named_in",
    "zone_known",
]

COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
SIGN = re.compile(r"(>=|<=|!=|>|<|=)\s*(?=[^\s<>=!])")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def listed(given: object) -> object:
    """One thing, or a list of several, as a list."""
    return given if isinstance(given, list) else [given]


def _dates_read(dates: str) -> str:
    if not is_date_format(dates):
        raise ValueError(f'{dates!r} is none of "iso", "dmy", "mdy", "ymd", "epoch", nor a format such as "%d/%m/%Y"')
    return dates


def zone_known(name: str) -> str:
    """Name of a time zone, if it is one."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone such as Asia/Jakarta or UTC") from error
    return name


class Constant(BaseModel):
    """A value that every row of a table has, though the file has no column for it; a date in ISO 8601."""

    model_config = STRICT
    constant: str | int | float | bool | dt.datetime | dt.date


class Product(BaseModel):
    """Two columns of the file whose product is the value, such as quantity and unit price."""

    model_config = STRICT
    product: tuple[str, str]


class Together(BaseModel):
    """Columns of the file whose texts are the cell one after another, such as a day and a time of day."""

    model_config = STRICT
    together: tuple[str, ...] = Field(min_length=2)


class Cells(BaseModel):
    """A column of the file whose cells are written in another way than the rest of it.

    Of several columns the first that says something counts. ``scale`` multiplies its numbers: 0.01 for cents and
    percent, 0.001 for milliseconds. ``minutes`` is a column of minutes that have passed since its time. Of
    ``before = ";"`` the text before the first such mark counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)
    column: Annotated[list[str], BeforeValidator(listed), Field(alias="from", min_length=1)]
    numbers: Literal["id", "ms", "en"] | None = None
    dates: Annotated[str, AfterValidator(_dates_read)] | None = None
    time_zone: Annotated[str, AfterValidator(zone_known)] | None = None
    blank: list[str] = []
    values: dict[str, str] = {}
    scale: float | None = None
    minutes: str = ""
    before: str = ""


Mapped = str | Constant | Product | Together | Cells


class Join(BaseModel):
    """Another file whose columns come in by a key: ``on`` in the table's file, ``key`` there, where it differs."""

    model_config = STRICT
    file: str
    on: str
    key: str = ""


class Source(BaseModel):
    """One or several files, what our columns are called in them, and which rows to keep.

    ``file`` may be a list of files, or a pattern such as ``"orders-*.csv"``: the parts of one table, the latest last.
    In its place there may be a ``query``, whose ``connection`` is a file of DuckDB or SQLite, or ``env:NAME`` for an
    address that the environment holds.
    Of ``only`` the rows are taken in which a column of the file says a word; the others belong to other tables.
    ``header_row`` and ``first_row`` are the rows of the names and of the first data, counted as in a spreadsheet, where
    other rows come before them. ``currency`` is a column that holds the code of each row's currency, and ``rates`` what
    one unit of another one is worth in the business's. ``blank`` are words that say nothing, such as "-" or
    "1900-01-01"; ``values`` are words and what they stand for; ``time_zone`` is that of times without an offset, where
    it is not the business's. With ``repeats = "drop"`` rows that are the same count once even where nothing names them,
    and with ``"latest"`` the last of several rows with one id counts, such as a post whose likes grew between exports.
    ``ends`` says whether paid periods end with their last day, ``"inclusive"``, where their ends do not tell.
    """

    model_config = STRICT
    file: Annotated[list[str], BeforeValidator(listed)] = []
    query: str = ""
    connection: str = ""
    columns: dict[str, Mapped] = {}
    join: Annotated[list[Join], BeforeValidator(listed)] = []
    header_row: int = Field(default=0, ge=0)
    first_row: int = Field(default=0, ge=0)
    currency: str = ""
    rates: dict[str, Annotated[float, Field(gt=0)]] = {}
    only: dict[str, str] = {}
    keep: dict[str, str] = {}
    numbers: Literal["id", "ms", "en"] | None = None
    dates: Annotated[str, AfterValidator(_dates_read)] | None = None
    time_zone: Annotated[str, AfterValidator(zone_known)] | None = None
    blank: list[str] = []
    values: dict[str, str] = {}
    encoding: str | None = None
    sheet: str | None = None
    repeats: Literal["", "drop", "latest"] = ""
    ends: Literal["", "inclusive", "exclusive"] = ""
    refuse_above: float = Field(default=0.05, ge=0, le=1)
    note: str = Field(default="", max_length=1000)

    @model_validator(mode="after")
    def _from_somewhere(self) -> Self:
        if bool(self.file) == bool(self.query):
            raise ValueError("give file, or query and connection")
        if bool(self.query) != bool(self.connection):
            raise ValueError('give query and connection together, such as connection = "env:SHOP_DB"')
        if "://" in self.connection:
            raise ValueError('an address may hold a password: keep it in the environment, connection = "env:NAME"')
        return self

    @field_validator("keep")
    @classmethod
    def _rules_read(cls, keep: dict[str, str]) -> dict[str, str]:
        for column, rule in keep.items():
            if not SIGN.match(rule.strip()):
                raise ValueError(f'{column}: {rule!r} is not a rule such as "> 0" or "!= cancelled"')
        return keep

    @field_validator("encoding")
    @classmethod
    def _encoding_known(cls, encoding: str | None) -> str | None:
        try:
            return encoding and codecs.lookup(encoding).name
        except LookupError:
            raise ValueError(f"{encoding!r} is not an encoding such as utf-8 or cp1252") from None

    def style(self, style: Style) -> Style:
        """How its files write their cells, as far as it says so, from how those of the business do."""
        return replace(
            style,
            numbers=self.numbers or style.numbers,
            dates=self.dates or style.dates,
            written_in=self.time_zone or style.written_in,
        )

    def kept(self, rows: pl.DataFrame, styles: Mapping[str, Style]) -> dict[str, pl.Series]:
        """Each keep rule as it is written, and which rows of a table it keeps.

        A blank cell is only kept by a rule that says what it must not be.

        Examples
        --------
        >>> source = Source(file="orders.csv", keep={"quantity": ">0"})
        >>> {rule: kept.to_list() for rule, kept in source.kept(pl.DataFrame({"quantity": [2, -1]}), {}).items()}
        {'quantity > 0': [True, False]}
        """
        rules = {}
        for column, rule in self.keep.items():
            _, sign, wanted = SIGN.split(rule.strip(), maxsplit=1)
            cells, value = _compared(rows[column], wanted, styles.get(column, Style()))
            rules[f"{column} {sign} {wanted}"] = COMPARE[sign](cells, value).fill_null(sign == "!=")
        return rules


def in_other_capitals(rows: pl.DataFrame, rule: str) -> int:
    """Rows whose word is that of a keep rule but for capitals, so that the rule does not see it.

    Examples
    --------
    >>> in_other_capitals(pl.DataFrame({"status": ["paid", "Paid"]}), "status = paid")
    1
    """
    column, sign, wanted = rule.split(" ", 2)
    cells = rows[column]
    if sign not in ("=", "!=") or cells.dtype != pl.String:
        return 0
    return int(((cells.str.to_lowercase() == wanted.lower()) & (cells != wanted)).sum())


def _compared(cells: pl.Series, wanted: str, style: Style) -> tuple[pl.Series, str | float]:
    """What a keep rule compares: times as far as they are written, numbers where one is wanted, or else text."""
    if cells.dtype.is_temporal():
        form = "%Y-%m-%d" if cells.dtype == pl.Date else "%Y-%m-%d %H:%M:%S"
        return cells.dt.strftime(form).str.head(len(wanted)), wanted
    if NUMBER.fullmatch(wanted):
        return parse_number(cells, style), float(wanted)
    return cells.cast(pl.String), wanted


def named_in(mapped: Mapped | None) -> tuple[str, ...]:
    """Columns of the file that one of ours is made of.

    Examples
    --------
    >>> named_in("Total"), named_in(Product(product=("Quantity", "Price"))), named_in(Constant(constant="web"))
    (('Total',), ('Quantity', 'Price'), ())
    """
    match mapped:
        case str():
            return (mapped,)
        case Product():
            return mapped.product
        case Together():
            return mapped.together
        case Cells():
            return (*mapped.column, *([mapped.minutes] if mapped.minutes else []))
        case _:
            return ()
