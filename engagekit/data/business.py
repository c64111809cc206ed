"""business.toml -> Business: who it is, where its tables lie, its goals."""

import datetime as dt
import difflib
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args, overload
from zoneinfo import ZoneInfo

import polars as pl
from babel.numbers import list_currencies
from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator

from engagekit.data.parsing import Style
from engagekit.data.reading import Reading, read_table
from engagekit.data.settings import (
    DAYS,
    STRICT,
    ChurnSettings,
    ComponentSettings,
    ScoreSettings,
    SupportSettings,
    WebSettings,
)
from engagekit.data.source import Source
from engagekit.data.tables import TABLES, event_time
from engagekit.data.working_week import WorkingWeek
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.times import days_long

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Business", "ComponentSettings", "ScoreSettings", "slug_of"]

LAST_COMPLETE_MONTH: Literal["last complete month"] = "last complete month"
SLIP = 0.85  # so alike is the name of an attribute to a column's that it must be a slip
PLANNED = ("starts_at",)
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")


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
    horizon: str = Field(default="84d", pattern=DAYS)
    grace: str | None = Field(default=None, pattern=DAYS)
    tables: dict[str, Source] = {}
    fixed: list[str] = []
    targets: dict[str, float] = {}
    score: ScoreSettings = ScoreSettings()
    churn: ChurnSettings = ChurnSettings()
    support: SupportSettings = SupportSettings()
    web: WebSettings = WebSettings()
    _file: Path = PrivateAttr()
    _folder: Path = PrivateAttr()
    _readings: dict[str, Reading] = PrivateAttr(default_factory=dict)

    @field_validator("as_of", mode="before")
    @classmethod
    def _day_or_month(cls, wish: object) -> object:
        if isinstance(wish, str) and wish != LAST_COMPLETE_MONTH:
            return _day(wish)
        return wish

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
            _check_attributes(name, tables[name])
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
            settings = tomllib.loads(file.read_text("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"is not valid TOML: {error}. Correct that line.", file=file) from error
        try:
            business = cls.model_validate(settings)
        except ValidationError as error:
            raise DataError(_explained(error, settings, cls), file=file) from error
        business._file = file.resolve()
        business._folder = business._file.parent
        return business

    @property
    def contractual(self) -> bool:
        """Whether customers leave when their paid periods end, rather than when they fall silent."""
        return self.kind != "ecommerce" and "subscriptions" in self.tables

    @property
    def outcome_after(self) -> dt.timedelta:
        """How long after a date it is known who left: the horizon and, of contracts, the grace."""
        grace = days_long("grace", self.grace) if self.contractual else dt.timedelta(0)
        return days_long("horizon", self.horizon) + grace

    @property
    def slug(self) -> str:
        """Name of the business in paths: its folder's name in lower case, with hyphens.

        Raises
        ------
        DataError
            The folder's name leaves nothing, or a name that Windows reserves.
        """
        slug = slug_of(self._folder.name)
        if not slug:
            problem = "cannot name a report. Rename the folder with letters a-z and digits."
            raise DataError(problem, file=self._folder.name)
        return slug

    @property
    def file(self) -> Path:
        """Its ``business.toml``."""
        return self._file

    @property
    def folder(self) -> Path:
        """Folder of ``business.toml``."""
        return self._folder

    @property
    def week(self) -> WorkingWeek | None:
        """Its working hours; None where ``business.toml`` gives none."""
        hours = self.support.hours.model_dump(exclude_none=True)
        return WorkingWeek(hours, self.time_zone, self.support.holidays) if hours else None

    def reading(self, table: str) -> Reading:
        """Read a table, and say what became of its rows; nothing is raised for refused ones.

        Raises
        ------
        DataError
            The table is not declared, or its file cannot be read.
        """
        if table not in self.tables:
            raise DataError(f"has no [tables.{table}]. {did_you_mean(table, self.tables)}", file="business.toml")
        if table not in self._readings:
            source = self.tables[table]
            style = Style(source.numbers or self.language, source.dates, self.time_zone, self.currency)
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
        end of the last month whose last day some table has a row on. Periods that start (campaigns, subscriptions)
        do not count, because they are planned ahead.

        Parameters
        ----------
        as_of : date or str, optional
            ISO date that takes the place of the one in ``business.toml``.

        Raises
        ------
        ValueError
            ``as_of`` is not an ISO date.
        """
        wish = as_of or self.as_of
        if wish == LAST_COMPLETE_MONTH:
            wish = self._last_complete_month()
        day = wish if isinstance(wish, dt.date) else _day(wish)
        return dt.datetime.combine(day, dt.time(), ZoneInfo(self.time_zone))

    def _last_complete_month(self) -> dt.date:
        events = [(name, event_time(name)) for name in self.tables if event_time(name) not in PLANNED]
        now = dt.datetime.now(ZoneInfo(self.time_zone))  # a slip that dates a row in the future is no month to report
        past = (self.table(name, lazy=True).filter(pl.col(at) < now).select(pl.col(at).max()) for name, at in events)
        latest = (table.collect().item() for table in past)
        seen = [time for time in latest if time is not None]
        if not seen:
            raise DataError("no table has a dated row, so there is no last month. Set as_of.", file="business.toml")
        after: dt.date = max(seen).date() + dt.timedelta(days=1)
        return after.replace(day=1)


def slug_of(name: str) -> str:
    """Name for paths: lower case with hyphens; empty where nothing is left, or Windows reserves what is.

    Examples
    --------
    >>> slug_of("Kedai Kopi"), slug_of("con"), slug_of("..")
    ('kedai-kopi', '', '')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.casefold()).strip("-")
    return slug if SLUG.fullmatch(slug) and not RESERVED.fullmatch(slug) else ""


def _check_attributes(table: str, source: Source) -> None:
    """Refuse an attribute of the business's own whose name is a slip for one of the table's columns."""
    known = TABLES[table].columns
    for name in sorted(source.columns.keys() - known.keys()):
        swapped = [column for column in known if sorted(column) == sorted(name)]
        for meant in swapped or difflib.get_close_matches(name, known, n=1, cutoff=SLIP):
            raise ValueError(f"{table}.columns.{name}: did you mean {meant}? An attribute needs a name less like it")


def _day(wish: str) -> dt.date:
    try:
        return dt.date.fromisoformat(wish)
    except ValueError:
        problem = f"{wish!r} is not an ISO date such as 2026-11-01, nor {LAST_COMPLETE_MONTH!r}"
        raise ValueError(f"as_of: {problem}") from None


def _explained(error: ValidationError, settings: dict[str, Any], model: type[BaseModel]) -> str:
    """First complaint of pydantic as one sentence with the key, the value and the way out; unknown keys go first."""
    first = min(error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden")
    *parents, key = first["loc"]
    above = _place(parents, settings)
    place = ".".join([*above, str(key)])
    if first["type"] == "extra_forbidden":
        return f"{place}: there is no such key. {did_you_mean(str(key), _keys(model, above))}"
    if first["type"] == "missing":
        return f"{place}: is missing. Add it."
    place = ".".join(_place(first["loc"], settings))
    if first["type"] == "value_error":
        return f"{place}: {str(first['ctx']['error']).removeprefix(f'{place}: ')}."
    return f"{place}: {first['msg']} (found {first['input']!r})."


def _place(loc: Sequence[int | str], settings: Any) -> list[str]:
    """Keys that lead to a place of the settings, without pydantic's names for the branches of a union."""
    place = []
    for part in loc:
        if isinstance(settings, dict) and part in settings:
            place.append(str(part))
            settings = settings[part]
    return place


def _keys(model: type[BaseModel], parents: list[str]) -> list[str]:
    """Keys that are known at a place of the settings."""
    models = [model]
    for part in parents:
        annotations = [known.model_fields[part].annotation for known in models if part in known.model_fields]
        models = [found for annotation in annotations for found in _models(annotation)] or models
    return [key for known in models for key in known.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
