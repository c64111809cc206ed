"""Sections of business.toml that say how to measure: [score], [support], [web], [[funnels]] and [budget]."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from engagekit.data.steps import funnel_steps
from engagekit.data.working_week import holidays_of, shifts
from engagekit.display.markup import template_names

__all__ = [
    "DAYS",
    "STRICT",
    "ActionSettings",
    "Alert",
    "BenchmarkSettings",
    "BudgetSettings",
    "ChurnSettings",
    "ComponentSettings",
    "ExperimentSettings",
    "FunnelSettings",
    "GoalSettings",
    "ReportSettings",
    "ScoreSettings",
    "SupportSettings",
    "WebSettings",
    "WeekSettings",
]

DAYS = r"^[1-9]\d{0,3}d$"
ALERT = re.compile(r"(?:[<>] *-?\d+(?:\.\d+)?|falls|rises)")
GAP = re.compile(r"[1-9]\d{0,3}[mh]")
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ComponentSettings(BaseModel):
    """One component of the score: its weight, and the bounds between which it rises from 0 to 1.

    A component without bounds uses those that ``engagekit freeze`` wrote.
    """

    model_config = STRICT
    weight: float = Field(gt=0)
    low: float | None = None
    high: float | None = None
    direction: Literal["up", "down"] = "up"
    cap: float | None = None
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _bounds_rise(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("give low and high, or neither and freeze them")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; low must be below high")
        return self


class ScoreSettings(BaseModel):
    """The engagement score: its window, cuts and components."""

    model_config = STRICT
    window: str = Field(default="84d", pattern=DAYS)
    cuts: tuple[float, float] = (40, 70)
    hysteresis: float = Field(default=5, ge=0)
    components: dict[str, ComponentSettings] = {}

    @field_validator("cuts")
    @classmethod
    def _cuts_rise(cls, cuts: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= cuts[0] < cuts[1] <= 100:
            raise ValueError(f"{list(cuts)} must rise, between 0 and 100")
        return cuts


class ChurnSettings(BaseModel):
    """Contacts (share of churners they keep, cost, number), the columns and the model that the business accepts.

    ``signals`` are the tables besides interactions whose features the models use.
    """

    model_config = STRICT
    acceptance: float = Field(default=0.1, gt=0, le=1)
    cost: float = Field(default=0, ge=0)
    capacity: int = Field(default=100, ge=1)
    accept: list[str] = []
    use: str = ""
    signals: list[Literal["surveys", "tickets", "subscriptions"]] = []


def _rule(text: str) -> str:
    if not ALERT.fullmatch(text):
        raise ValueError(f'{text!r} is no rule. Write "> 0.08", "< 30", "falls" or "rises"')
    return text


Alert = Annotated[str, AfterValidator(_rule)]


class ReportSettings(BaseModel):
    """Reports that are written where none is named, of the kit's templates, and the periods that they compare.

    A notebook of one's own is code, and so is named on the command line.
    """

    model_config = STRICT
    period: Literal["week", "month", "quarter"] = "month"
    templates: list[str] = Field(default=["engagement"], min_length=1)

    @field_validator("templates")
    @classmethod
    def _templates_known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in template_names():
                known = ", ".join(template_names())
                raise ValueError(f"{name!r} is none of {known}. Name a notebook of your own as --template {name}")
        return names


def _worked(text: str) -> str:
    shifts(text)
    return text


Hours = Annotated[str, AfterValidator(_worked)]
Label = Annotated[str, Field(min_length=1)]


class WeekSettings(BaseModel):
    """Shifts of the weekdays; a day that is not given is closed."""

    model_config = STRICT
    monday: Hours | None = None
    tuesday: Hours | None = None
    wednesday: Hours | None = None
    thursday: Hours | None = None
    friday: Hours | None = None
    saturday: Hours | None = None
    sunday: Hours | None = None


class SupportSettings(BaseModel):
    """Working hours of support: the hours of the week, without the public holidays of a place."""

    model_config = STRICT
    holidays: str = ""
    hours: WeekSettings = WeekSettings()

    @field_validator("holidays")
    @classmethod
    def _place_known(cls, place: str) -> str:
        holidays_of(place, range(0))
        return place

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.model_fields_set and self.hours == WeekSettings():
            raise ValueError('no day has hours. Add them below [support.hours], such as monday = "09:00-17:00"')
        return self


class WebSettings(BaseModel):
    """Definition of a visit, and the actions and features that count."""

    model_config = STRICT
    gap: str = "30m"
    key_actions: list[Label] = Field(default=["purchase"], min_length=1)
    engaged_after_s: int = Field(default=10, ge=10, le=60)
    features: list[Label] = []

    @field_validator("gap")
    @classmethod
    def _gap_read(cls, gap: str) -> str:
        if not GAP.fullmatch(gap):
            raise ValueError(f'{gap!r} is not minutes or hours such as "30m" or "2h"')
        return gap


class BenchmarkSettings(BaseModel):
    """What others reach, with its provenance: who measured what of how many, and when."""

    model_config = STRICT
    metric: Label
    value: float
    source: Label
    year: int = Field(ge=1990, le=2100)
    n: int = Field(ge=1)
    definition: Label


class GoalSettings(BaseModel):
    """A goal of the business, in its own words, and the metrics that say how far it is."""

    model_config = STRICT
    title: Label
    metrics: list[Label] = []


class FunnelSettings(BaseModel):
    """Actions that customers go through in this order, and the time that they have from the first one."""

    model_config = STRICT
    name: str = ""
    steps: list[Label]
    within: str

    @model_validator(mode="after")
    def _a_funnel(self) -> Self:
        funnel_steps(self.steps, self.within)
        return self


class BudgetSettings(BaseModel):
    """Money of the next period for campaigns, what it is to bring, and bounds of single campaigns or channels.

    Without ``by`` it is split over campaigns, or over channels where fewer than two campaigns have enough periods.
    """

    model_config = STRICT
    total: float | None = Field(default=None, gt=0)
    result: Literal["leads", "conversions", "revenue"] | None = None
    by: Literal["campaign", "channel"] | None = None
    minimum: dict[str, Annotated[float, Field(ge=0)]] = {}
    maximum: dict[str, Annotated[float, Field(ge=0)]] = {}


class ActionSettings(BaseModel):
    """Next actions: how long a customer is left alone after one, and the share that an action keeps, by its name."""

    model_config = STRICT
    pause: str = Field(default="14d", pattern=DAYS)
    effects: dict[str, Annotated[float, Field(gt=0, le=1)]] = {}


class ExperimentSettings(BaseModel):
    """Arm that the others are compared with, planned customers in all and share of each arm, and metrics to compare."""

    model_config = STRICT
    control: str = ""
    planned: int | None = Field(default=None, ge=1)
    shares: dict[Label, Annotated[float, Field(gt=0)]] = {}
    metrics: list[Label] = []
