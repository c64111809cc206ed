"""business.toml -> Business: who it is, where its tables lie, its goals."""

import datetime as dt
import difflib
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self, overload
from zoneinfo import ZoneInfo

import polars as pl
from babel.numbers import list_currencies
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from engagekit.data.identities import Identities, IdentitySettings
from engagekit.data.plans import PLANS, plan_source, read_plans
from engagekit.data.read import files_of, read_table
from engagekit.data.reading import Reading
from engagekit.data.settings import (
    DAYS,
    STRICT,
    ActionSettings,
    Alert,
    BenchmarkSettings,
    BudgetSettings,
    ChurnSettings,
    ComponentSettings,
    ExperimentSettings,
    FunnelSettings,
    GoalSettings,
    ReportSettings,
    ScoreSettings,
    SupportSettings,
    WebSettings,
)
from engagekit.data.source import Source, listed, zone_known
from engagekit.data.style import Style
from engagekit.data.tables import TABLES, event_time
from engagekit.data.toml import explained, read_toml
from engagekit.data.working_week import WorkingWeek
from engagekit.display.card import card_html, card_text, counted
from engagekit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Business", "ComponentSettings", "ScoreSettings", "slug_of"]

LAST_COMPLETE_MONTH: Literal["last complete month"] = "last complete month"
SLIP = 0.85  # so alike is the name of an attribute to a column's that it must be a slip
PLANNED = ("starts_at", "assigned_at")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")


class Business(BaseModel):
    """A business: who it is, where its tables lie, its goals.

    Made by ``Business.open``; the fields are the keys of ``business.toml``. ``contractual`` says whether customers
    leave when their paid periods end, rather than when they fall silent; where it is not declared, it holds for a
    business that is no shop and has subscriptions. Who is in a plan, ``plans.csv`` of the folder, is a further part of
    the table ``assignments``.

    Examples
    --------
    A sample business; ``Business.open`` opens one of your own.

    >>> business = study.business
    >>> business.name, business.slug, business.folder.name, business.file.name, business.contractual
    ('Green Basket', 'green-basket', 'green-basket', 'business.toml', True)
    >>> business.table("surveys").shape, [path.name for path in business.files("surveys")]
    ((700, 7), ['surveys.csv'])
    >>> business.ids.merged["customers"], business.week.hours["saturday"]
    (0, '09:00-13:00')
    """

    model_config = STRICT
    name: str = Field(min_length=1, max_length=200)
    kind: Literal["ecommerce", "saas", "subscription"]
    language: Literal["id", "ms", "en"]
    currency: str
    time_zone: Annotated[str, AfterValidator(zone_known)]
    as_of: dt.date | Literal["last complete month"] = LAST_COMPLETE_MONTH
    horizon: str = Field(default="84d", pattern=DAYS)
    grace: str | None = Field(default=None, pattern=DAYS)
    active_window: str | None = Field(default=None, pattern=DAYS)
    overlaps: Literal["add", "latest"] = "add"
    tables: dict[str, Annotated[list[Source], BeforeValidator(listed), Field(min_length=1)]] = {}
    contractual: StrictBool = Field(default=None, validate_default=True)
    fixed: list[str] = []
    targets: dict[str, float] = {}
    alerts: dict[str, Alert] = {}
    goals: dict[str, GoalSettings] = {}
    benchmarks: list[BenchmarkSettings] = []
    score: ScoreSettings = ScoreSettings()
    churn: ChurnSettings = ChurnSettings()
    support: SupportSettings = SupportSettings()
    web: WebSettings = WebSettings()
    funnels: list[FunnelSettings] = []
    budget: BudgetSettings = BudgetSettings()
    actions: ActionSettings = ActionSettings()
    experiments: dict[str, ExperimentSettings] = {}
    identities: IdentitySettings = IdentitySettings()
    report: ReportSettings = ReportSettings()
    _file: Path = PrivateAttr()
    _folder: Path = PrivateAttr()
    _readings: dict[str, Reading] = PrivateAttr(default_factory=dict)
    _identities: Identities | None = PrivateAttr(default=None)

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

    @field_validator("tables")
    @classmethod
    def _tables_known(cls, tables: dict[str, list[Source]]) -> dict[str, list[Source]]:
        for name, sources in tables.items():
            if name not in TABLES:
                raise ValueError(f"there is no table {name!r}. {did_you_mean(name, TABLES)}")
            for source in sources:
                _check_attributes(name, source)
        return tables

    @field_validator("contractual", mode="before")
    @classmethod
    def _contracts(cls, declared: object, info: ValidationInfo) -> object:
        """Declared, or else inferred from the kind and the tables, which are read before."""
        subscribed = "subscriptions" in info.data.get("tables", {})
        if declared is True and not subscribed:
            raise ValueError("contracts need [tables.subscriptions], which say who paid until when. Add them")
        return info.data.get("kind") != "ecommerce" and subscribed if declared is None else declared

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a business by its folder or its ``business.toml``.

        Raises
        ------
        DataError
            The file is missing or cannot be read, or has an unknown key or a wrong value; the message names it.

        Examples
        --------
        >>> Business.open(study.business.folder).kind
        'subscription'
        """
        path = Path(path)
        file = path if path.suffix == ".toml" else path / "business.toml"
        settings = read_toml(file)
        try:
            business = cls.model_validate(settings)
        except ValidationError as error:
            raise DataError(explained(error, settings, cls), file=file) from error
        business._file = file.resolve()
        business._folder = business._file.parent
        if (business._folder / PLANS).is_file():
            read_plans(business._folder)  # of which no row may be refused: that customer would be held out no more
            business.tables["assignments"] = [*business.tables.get("assignments", []), plan_source()]
        return business

    @property
    def slug(self) -> str:
        """Name of the business in paths: its folder's name in lower case, with hyphens.

        Raises
        ------
        DataError
            The folder's name has no letter or digit, or is one that Windows reserves.
        """
        slug = slug_of(self._folder.name)
        if not slug:
            problem = "cannot name a report. Rename the folder with letters a-z and digits."
            raise DataError(problem, file=self._folder.name)
        return slug

    @property
    def file(self) -> Path:
        """Path of ``business.toml``."""
        return self._file

    @property
    def folder(self) -> Path:
        """Folder of ``business.toml``."""
        return self._folder

    @property
    def week(self) -> WorkingWeek | None:
        """Working hours; None where ``business.toml`` gives none."""
        hours = self.support.hours.model_dump(exclude_none=True)
        return WorkingWeek(hours, self.time_zone, self.support.holidays) if hours else None

    def files(self, table: str) -> list[Path]:
        """Files that a table is read from, those joined to it among them."""
        sources = self.tables[table]
        names = [name for source in sources for name in files_of(self._folder, source)]
        return [self._folder / name for name in dict.fromkeys([*names, *(j.file for s in sources for j in s.join)])]

    def reading(self, table: str) -> Reading:
        """Read a table and account for each of its rows; refused rows raise nothing.

        Raises
        ------
        DataError
            The table is not declared, or its file cannot be read.

        Examples
        --------
        >>> study.business.reading("surveys")
        Reading of surveys from surveys.csv
          rows     703, of them 700 kept
          dates    2025-05-05 to 2026-10-30
          refused  3 rows: kind not_allowed, first in row 182
        """
        if table not in self.tables:
            raise DataError(f"has no [tables.{table}]. {did_you_mean(table, self.tables)}", file="business.toml")
        if table not in self._readings:
            ids = self.ids  # the table of customers says how their ids are spelt, so that it is read first
            style = Style(self.language, time_zone=self.time_zone, currency=self.currency)
            reading = read_table(table, self.tables[table], self._folder, style)
            scan = ids.applied(table, reading.scan)
            if table == "customers" and ids.merged[table]:
                scan = scan.unique("customer_id", keep="last", maintain_order=True)
                gone = reading.kept - scan.select(pl.len()).collect().item()
                reading = replace(reading, repeats=replace(reading.repeats, superseded=reading.superseded + gone))
            self._readings[table] = replace(reading, scan=scan)
        return self._readings[table]

    @property
    def ids(self) -> Identities:
        """Ids of the customers, as far as they are known.

        Raises
        ------
        DataError
            The table of customers or the file of ids cannot be read.
        """
        if self._identities is None:
            self._identities = Identities(self.currency, self.identities)
            self._identities.read_map(self._folder)
            if "customers" in self.tables:
                self.reading("customers")
        return self._identities

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
            Return a Polars LazyFrame instead of a pandas DataFrame. A table of more than 5 million rows is read
            again when it is collected.

        Raises
        ------
        DataError
            The table is not declared, cannot be read, or has changed since it was read, or more than
            ``refuse_above`` of its rows were refused.

        Examples
        --------
        >>> answers = study.business.table("surveys", lazy=True)
        >>> answers.filter(pl.col("kind") == "nps").select(pl.len()).collect().item()
        311
        """
        reading = self.reading(name).check()
        reading.check_unchanged()
        return reading.scan if lazy else reading.frame.to_pandas()

    def end(self, as_of: dt.date | str | None = None) -> dt.datetime:
        """Instant before which everything counts: midnight of the as-of date in the business's zone.

        Where a clock change leaves that midnight out, it is the first instant of the day.

        ``"last complete month"`` is read from the data, not from the clock, so that a run can be repeated: it is the
        end of the last month whose last day some table has a row on. Periods that start (campaigns, subscriptions)
        and assignments do not count, because they are planned ahead.

        Parameters
        ----------
        as_of : date or str, optional
            ISO date that takes the place of the one in ``business.toml``.

        Raises
        ------
        ValueError
            ``as_of`` is not an ISO date, or the first or last one that there is.

        Examples
        --------
        London's clocks are an hour ahead in July:

        >>> study.business.end("2026-07-01").isoformat()
        '2026-07-01T00:00:00+01:00'
        """
        wish = as_of or self.as_of
        if wish == LAST_COMPLETE_MONTH:
            wish = self._last_complete_month()
        day = wish if isinstance(wish, dt.date) else _day(wish)
        midnight = dt.datetime.combine(day, dt.time(), ZoneInfo(self.time_zone))
        try:
            return midnight.astimezone(dt.UTC).astimezone(midnight.tzinfo)  # moves a time that does not exist
        except OverflowError:
            raise ValueError(f"as_of: {day.isoformat()!r} is at the end of the calendar. Give another day") from None

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    __str__ = __repr__

    def _card(self) -> tuple[str, list[tuple[str, str]]]:
        lengths = {"horizon": self.horizon, "grace": self.grace, "active window": self.active_window}
        low, high = self.score.cuts
        rows = {
            "kind": f"{self.kind}, {'with' if self.contractual else 'without'} contracts",
            "language": self.language,
            "currency": self.currency,
            "time zone": self.time_zone,
            "as of": str(self.as_of),
            "churn": ", ".join(f"{name} {length}" for name, length in lengths.items() if length),
            "score": f"{counted(len(self.score.components), 'component')}, cuts {low:g} and {high:g}",
            "targets": ", ".join(f"{name} {target:g}" for name, target in self.targets.items()),
            "tables": f"{len(self.tables)}: {', '.join(self.tables)}" if self.tables else "none",
        }
        return f"Business: {self.name or 'of frames'}", [(label, text) for label, text in rows.items() if text]

    def _last_complete_month(self) -> dt.date:
        events = [(name, event_time(name)) for name in self.tables if event_time(name) not in PLANNED]
        now = dt.datetime.now(ZoneInfo(self.time_zone))  # a slip that dates a row in the future is no month to report
        past = (self.table(name, lazy=True).filter(pl.col(at) < now).select(pl.col(at).max()) for name, at in events)
        latest = (table.collect().item() for table in past)
        dated = [time for time in latest if time is not None]
        if not dated:
            raise DataError("no table has a dated row, so there is no last month. Set as_of.", file="business.toml")
        after: dt.date = max(dated).date() + dt.timedelta(days=1)
        return after.replace(day=1)


def slug_of(name: str) -> str:
    """Name for paths: lower case with hyphens; empty if no letter or digit remains, or Windows reserves the name.

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
