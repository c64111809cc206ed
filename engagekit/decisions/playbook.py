"""The playbook: which action is for whom, on which channels, and what it is expected to keep."""

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from engagekit.data.business import Business
from engagekit.data.settings import STRICT
from engagekit.data.toml import explained, read_toml
from engagekit.decisions.reasons import REASONS
from engagekit.errors import DataError, did_you_mean
from engagekit.language import LANGUAGES, Language
from engagekit.score.scorecard import SEGMENTS

__all__ = ["PLAYBOOK", "Action", "playbook"]

PLAYBOOK = "playbook.toml"


class Action(BaseModel):
    """An action of the playbook.

    ``reasons`` and ``segments`` say for whom it is, ``channels`` where it can be done. ``effect`` is the share of the
    customers who would leave that it keeps; None stands for the business's own ``acceptance``. What is ``owed`` is done
    even where it costs more than it brings. ``text`` holds the words of an action of the business's own by language.
    """

    model_config = STRICT
    reasons: list[str] = Field(min_length=1)
    segments: list[str] = []
    channels: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    effect: Annotated[float, Field(gt=0, le=1)] | Literal["unknown"] | None = None
    owed: bool = False
    text: dict[str, str] = {}

    @field_validator("reasons", "segments")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        known = SEGMENTS if info.field_name == "segments" else REASONS
        for name in names:
            if name not in known:
                raise ValueError(f"{name!r} is not known. {did_you_mean(name, known).rstrip('.')}")
        return names

    def title(self, name: str, language: Language) -> str:
        """Short name of the action in words."""
        return self.text.get(language.code) or language.text(f"playbook.{name}.title")

    def instruction(self, name: str, language: Language) -> str:
        """What to do, in a sentence."""
        return self.text.get(language.code) or language.text(f"playbook.{name}.do")


def playbook(business: Business) -> dict[str, Action]:
    """Actions by their names, in the order in which they come first.

    Those of the business's own ``playbook.toml`` come before the kit's; one of the same name takes the place of the
    kit's.

    Raises
    ------
    DataError
        The business's file cannot be read, an action has an unknown key, reason or segment, or no text in one of the
        three languages, or ``[actions.effects]`` names no action.

    Examples
    --------
    >>> from engagekit import Study
    >>> import polars as pl, datetime as dt
    >>> seen = pl.DataFrame({"customer_id": ["a"], "time": [dt.datetime(2026, 1, 5)], "action": ["view"]})
    >>> playbook(Study.of(interactions=seen).business)["onboard"].reasons
    ['new']
    """
    file = business.folder / PLAYBOOK if business.name else None
    own = _actions(read_toml(file), PLAYBOOK) if file is not None and file.is_file() else {}
    for name, action in own.items():
        missing = [code for code in ("en", "id", "ms") if not action.text.get(code, "").strip()]
        if missing:
            problem = f'has no text in {missing[0]!r}. Give text = {{en = "...", id = "...", ms = "..."}}.'
            raise DataError(problem, file=PLAYBOOK, column=name)
        for code in action.text.keys() - LANGUAGES.keys():
            raise DataError(
                f"text: {code!r} is no language. {did_you_mean(code, LANGUAGES)}", file=PLAYBOOK, column=name
            )
    made = own | {name: action for name, action in _shipped().items() if name not in own}
    for name in business.actions.effects.keys() - made.keys():
        raise DataError(
            f"is not an action. {did_you_mean(name, made)}", file="business.toml [actions.effects]", column=name
        )
    return made


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Action]:
    with resources.as_file(resources.files("engagekit.decisions") / PLAYBOOK) as file:
        return _actions(read_toml(Path(file)), PLAYBOOK)


def _actions(settings: dict[str, Any], file: str) -> dict[str, Action]:
    """Actions that a file describes."""
    made = {}
    for name, described in settings.items():
        if not isinstance(described, dict):
            raise DataError(f"is no action. Write a table: [{name}].", file=file, column=name)
        try:
            made[name] = Action.model_validate(described)
        except ValidationError as error:
            raise DataError(explained(error, described, Action), file=file, column=name) from error
    return made
