"""Where a table lies and how its file is written: a ``[tables.<name>]`` section of ``business.toml``."""

import codecs
import datetime as dt
import operator
import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from engagekit.data.parsing import Style, is_date_format, parse_number

__all__ = ["Cells", "Constant", "Mapped", "Product", "Source", "zone_known"]

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


def _dates_read(dates: str) -> str:
    if not is_date_format(dates):
        raise ValueError(f'{dates!r} is neither "iso" nor a strptime format such as "%d/%m/%Y"')
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


class Cells(BaseModel):
    """A column of the file whose cells are written in another way than the rest of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)
    column: str = Field(alias="from")
    numbers: Literal["id", "ms", "en"] | None = None
    dates: Annotated[str, AfterValidator(_dates_read)] | None = None
    time_zone: Annotated[str, AfterValidator(zone_known)] | None = None
    blank: list[str] = []
    values: dict[str, str] = {}


Mapped = str | Constant | Product | Cells


class Source(BaseModel):
    """A file, what our columns are called in it, and which rows to keep.

    ``blank`` are words that say nothing, such as "-" or "1900-01-01"; ``values`` are words and what they stand for;
    ``time_zone`` is that of times without an offset, where it is not the business's. With ``repeats = "drop"`` rows
    that are the same count once even where nothing names them.
    """

    model_config = STRICT
    file: str
    columns: dict[str, Mapped] = {}
    keep: dict[str, str] = {}
    numbers: Literal["id", "ms", "en"] | None = None
    dates: Annotated[str, AfterValidator(_dates_read)] = "iso"
    time_zone: Annotated[str, AfterValidator(zone_known)] | None = None
    blank: list[str] = []
    values: dict[str, str] = {}
    encoding: str | None = None
    sheet: str | None = None
    repeats: Literal["", "drop"] = ""
    refuse_above: float = Field(default=0.05, ge=0, le=1)
    note: str = Field(default="", max_length=1000)

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

    def kept(self, rows: pl.DataFrame, style: Style) -> dict[str, pl.Series]:
        """Each keep rule as it is written, and which rows of a table it keeps.

        A blank cell is only kept by a rule that says what it must not be.

        Examples
        --------
        >>> source = Source(file="orders.csv", keep={"quantity": ">0"})
        >>> {rule: kept.to_list() for rule, kept in source.kept(pl.DataFrame({"quantity": [2, -1]}), Style()).items()}
        {'quantity > 0': [True, False]}
        """
        rules = {}
        for column, rule in self.keep.items():
            _, sign, wanted = SIGN.split(rule.strip(), maxsplit=1)
            cells, value = _compared(rows[column], wanted, style)
            rules[f"{column} {sign} {wanted}"] = COMPARE[sign](cells, value).fill_null(sign == "!=")
        return rules


def _compared(cells: pl.Series, wanted: str, style: Style) -> tuple[pl.Series, str | float]:
    """What a keep rule compares: times as far as they are written, numbers where one is wanted, or else text."""
    if cells.dtype.is_temporal():
        form = "%Y-%m-%d" if cells.dtype == pl.Date else "%Y-%m-%d %H:%M:%S"
        return cells.dt.strftime(form).str.head(len(wanted)), wanted
    if NUMBER.fullmatch(wanted):
        return parse_number(cells, style), float(wanted)
    return cells.cast(pl.String), wanted
