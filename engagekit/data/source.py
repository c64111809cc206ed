"""Where a table lies and how its file is written: a ``[tables.<name>]`` section of ``business.toml``."""

import codecs
import datetime as dt
import operator
import re
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

from engagekit.data.parsing import Style, is_date_format, parse_number

__all__ = ["Constant", "Mapped", "Product", "Source"]

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


class Constant(BaseModel):
    """A value that every row of a table has, though the file has no column for it; a date in ISO 8601."""

    model_config = STRICT
    constant: str | int | float | bool | dt.datetime | dt.date


class Product(BaseModel):
    """Two columns of the file whose product is the value, such as quantity and unit price."""

    model_config = STRICT
    product: tuple[str, str]


Mapped = str | Constant | Product


class Source(BaseModel):
    """A file, what our columns are called in it, and which rows to keep."""

    model_config = STRICT
    file: str
    columns: dict[str, Mapped] = {}
    keep: dict[str, str] = {}
    numbers: Literal["id", "ms", "en"] | None = None
    dates: str = "iso"
    encoding: str | None = None
    sheet: str | None = None
    refuse_above: float = Field(default=0.05, ge=0, le=1)
    note: str = Field(default="", max_length=1000)

    @field_validator("keep")
    @classmethod
    def _rules_read(cls, keep: dict[str, str]) -> dict[str, str]:
        for column, rule in keep.items():
            if not SIGN.match(rule.strip()):
                raise ValueError(f'{column}: {rule!r} is not a rule such as "> 0" or "!= cancelled"')
        return keep

    @field_validator("dates")
    @classmethod
    def _dates_read(cls, dates: str) -> str:
        if not is_date_format(dates):
            raise ValueError(f'{dates!r} is neither "iso" nor a strptime format such as "%d/%m/%Y"')
        return dates

    @field_validator("encoding")
    @classmethod
    def _encoding_known(cls, encoding: str | None) -> str | None:
        try:
            return encoding and codecs.lookup(encoding).name
        except LookupError:
            raise ValueError(f"{encoding!r} is not an encoding such as utf-8 or cp1252") from None

    def kept(self, schema: pl.Schema, style: Style) -> dict[str, pl.Expr]:
        """Each keep rule as it is written, and as an expression over the parsed columns.

        A blank cell is only kept by a rule that says what it must not be.

        Examples
        --------
        >>> source = Source(file="orders.csv", keep={"quantity": ">0"})
        >>> list(source.kept(pl.Schema({"quantity": pl.Float64}), Style()))
        ['quantity > 0']
        """
        rules = {}
        for column, rule in self.keep.items():
            _, sign, wanted = SIGN.split(rule.strip(), maxsplit=1)
            cell, value = _compared(column, schema[column], wanted, style)
            rules[f"{column} {sign} {wanted}"] = COMPARE[sign](cell, value).fill_null(sign == "!=")
        return rules


def _compared(column: str, dtype: pl.DataType, wanted: str, style: Style) -> tuple[pl.Expr, str | float]:
    """What a keep rule compares: times as far as they are written, numbers where one is wanted, or else text."""
    if dtype.is_temporal():
        form = "%Y-%m-%d" if dtype == pl.Date else "%Y-%m-%d %H:%M:%S"
        return pl.col(column).dt.strftime(form).str.head(len(wanted)), wanted
    if NUMBER.fullmatch(wanted):
        return parse_number(column, dtype, style), float(wanted)
    return pl.col(column).cast(pl.String), wanted
