"""business.toml -> Business: who it is, where its tables lie, its goals."""

import datetime as dt
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload
from zoneinfo import ZoneInfo

import polars as pl
from babel.numbers import list_currencies
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from engagekit.data.parsing import Style
from engagekit.data.reading import Reading, Source, read_table
from engagekit.data.tables import TABLES, event_time
from engagekit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Business", "ComponentSettings", "ScoreSettings"]

LAST_COMPLETE_MONTH = "last complete month"
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")
STRICT = ConfigDict(extra="forbid", frozen=True)


class ComponentSettings(BaseModel):
    """One component of the score: its weight, and the bounds between which it counts from 0 to 1."""

    model_config = STRICT
    weight: float = Field(gt=0)
    low: float
    high: float
    direction: Literal["up", "down"] = "up"


class ScoreSettings(BaseModel):
    """The engagement score: its window, cuts and components."""

    model_config = STRICT
    window: str = Field(default="84d", pattern=r"^\d+d$")
    cuts: tuple[float, float] = (40, 70)
    components: dict[str, ComponentSettings] = {}


class Business(BaseModel):
    """A business: who it is, where its tables lie, its goals.

    Made by ``Business.open``; the fields are the keys of ``business.toml``.
    """

    model_config = STRICT
    name: str = Field(min_length=1, max_length=200)
    kind: Literal["ecommerce", "saas", "subscription"]
    language: Literal["id", "ms", "en"]
    currency: str
    time_zone: str
    as_of: dt.date | Literal["last complete month"] = LAST_COMPLETE_MONTH
    horizon: str = Field(default="84d", pattern=r"^\d+d$")
    tables: dict[str, Source] = {}
    targets: dict[str, float] = {}
    score: ScoreSettings = ScoreSettings()
    _folder: Path = PrivateAttr()
    _readings: dict[str, Reading] = PrivateAttr(default_factory=dict)

    @field_validator("currency")
    @classmethod
    def _currency_known(cls, code: str) -> str:
        if code not in list_currencies():
            raise ValueError(f"{code!r} is not a currency code such as IDR, MYR or GBP")
        return code

    @field_validator("time_zone")
    @classmethod
    def _zone_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is not a time zone such as Asia/Jakarta") from error
        return name

    @field_validator("tables")
    @classmethod
    def _tables_known(cls, tables: dict[str, Source]) -> dict[str, Source]:
        for name in tables:
            if name not in TABLES:
                raise ValueError(f"there is no table {name!r}. {did_you_mean(name, TABLES)}")
        return tables

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a business by its folder or its ``business.toml``.

        Raises
        ------
        DataError
            The file is missing or has an unknown key or a wrong value; the message names it.
        """
        path = Path(path)
        file = path if path.suffix == ".toml" else path / "business.toml"
        if not file.is_file():
            raise DataError(f"is not there. Make it with: engagekit init {file.parent}", file=file)
        try:
            business = cls.model_validate(tomllib.loads(file.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"is not valid TOML: {error}", file=file) from error
        except ValidationError as error:
            raise DataError(_explained(error, cls), file=file) from error
        business._folder = file.parent.resolve()
        return business

    @property
    def slug(self) -> str:
        """Name of the business in paths: its folder's name in lower case, with hyphens.

        Raises
        ------
        DataError
            The folder's name leaves nothing, or a name that Windows reserves.
        """
        slug = re.sub(r"[^a-z0-9]+", "-", self._folder.name.casefold()).strip("-")
        if not SLUG.fullmatch(slug) or RESERVED.fullmatch(slug):
            raise DataError("cannot name a report. Rename the folder with letters a-z and digits.", file=self._folder.name)
        return slug

    @property
    def folder(self) -> Path:
        """Folder of ``business.toml``."""
        return self._folder

    def reading(self, table: str) -> Reading:
        """What became of a table's rows; nothing is raised for refused ones.

        Raises
        ------
        DataError
            The table is not declared, or its file cannot be read.
        """
        if table not in self.tables:
            raise DataError(f"has no [tables.{table}]. {did_you_mean(table, self.tables)}", file="business.toml")
        if table not in self._readings:
            source = self.tables[table]
            style = Style(source.numbers or self.language, source.dates, self.time_zone)
            self._readings[table] = read_table(table, source, self._folder, style)
        return self._readings[table]

    @overload
    def table(self, name: str, *, lazy: Literal[False] = False) -> "pd.DataFrame": ...
    @overload
    def table(self, name: str, *, lazy: Literal[True]) -> pl.LazyFrame: ...
    def table(self, name: str, *, lazy: bool = False) -> "pd.DataFrame | pl.LazyFrame":
        """One of the business's tables, clean.

        Parameters
        ----------
        name : str
            A table of ``business.toml``.
        lazy : bool, default False
            Return a Polars LazyFrame, which reads the file when it is collected, instead of a pandas DataFrame.

        Raises
        ------
        DataError
            The table is not declared, cannot be read, or more than ``refuse_above`` of its rows were refused.
        """
        reading = self.reading(name).check(self.tables[name].refuse_above)
        return reading.scan if lazy else reading.frame.to_pandas()

    def end(self, as_of: dt.date | str | None = None) -> dt.datetime:
        """Instant before which everything counts: midnight of the as-of date in the business's zone.

        ``"last complete month"`` is read from the data, not from the clock, so that a run can be repeated: it is the
        end of the last month whose last day some table has a row on.

        Parameters
        ----------
        as_of : date or str, optional
            ISO date that takes the place of the one in ``business.toml``.
        """
        wish = as_of or self.as_of
        if wish == LAST_COMPLETE_MONTH:
            wish = self._last_complete_month()
        try:
            day = wish if isinstance(wish, dt.date) else dt.date.fromisoformat(wish)
        except ValueError:
            raise ValueError(f"as_of: {wish!r} is not an ISO date such as 2026-11-01") from None
        return dt.datetime.combine(day, dt.time(), ZoneInfo(self.time_zone))

    def _last_complete_month(self) -> dt.date:
        seen = [
            latest
            for name in self.tables
            if event_time(name) != "ends_at"
            and (latest := self.table(name, lazy=True).select(pl.col(event_time(name)).max()).collect().item())
        ]
        if not seen:
            raise DataError("no table has a dated row, so there is no last month. Set as_of.", file="business.toml")
        after = max(seen).date() + dt.timedelta(days=1)
        return after.replace(day=1)


def _explained(error: ValidationError, model: type[BaseModel]) -> str:
    """First complaint of pydantic as one sentence with the key, the value and the way out."""
    first = error.errors()[0]
    *parents, key = [str(part) for part in first["loc"]]
    place = ".".join([*parents, key])
    if first["type"] == "extra_forbidden":
        return f"{place}: there is no such key. {did_you_mean(key, _keys(model, parents))}"
    if first["type"] == "missing":
        return f"{place}: is missing. Add it."
    return f"{place}: {first['msg'].removeprefix('Value error, ')} (found {first['input']!r})."


def _keys(model: Any, parents: list[str]) -> list[str]:
    """Keys that are known at a place of the settings."""
    for part in parents:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is not None:
            model = field.annotation
        arguments = getattr(model, "__args__", ())
        model = arguments[-1] if arguments and field is None else model
    while getattr(model, "__args__", ()):
        model = model.__args__[-1]
    return list(getattr(model, "model_fields", {}))
