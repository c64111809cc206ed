"""Read business.toml, and say in one sentence what is wrong with it."""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from engagekit.errors import DataError, did_you_mean

BARE = re.compile("[A-Za-z0-9_-]+")

__all__ = ["as_toml", "explained", "read_toml"]


def read_toml(file: Path) -> dict[str, Any]:
    """Content of a ``business.toml``.

    Raises
    ------
    DataError
        The file is missing, cannot be read or is not TOML.
    """
    try:
        if not file.is_file():
            raise DataError(f"is not there. Make it with: engagekit init {file.parent}", file=file)
        return tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}. Correct its path or rights.", file=file) from error
    except RecursionError:
        raise DataError("is nested too deeply. Take out the brackets within brackets.", file=file) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is not valid TOML: {error}. Correct that line.", file=file) from error


def explained(error: ValidationError, settings: dict[str, Any], model: type[BaseModel]) -> str:
    """Pydantic's first error as one sentence with the key, the value and the way out; unknown keys come first."""
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
        elif isinstance(settings, list) and isinstance(part, int) and part < len(settings):
            settings = settings[part]
    return place


def _keys(model: type[BaseModel], parents: list[str]) -> list[str]:
    """Keys that are known at a place of the settings."""
    models = [model]
    for part in parents:
        annotations = [known.model_fields[part].annotation for known in models if part in known.model_fields]
        models = [model for annotation in annotations for model in _models(annotation)] or models
    return [key for known in models for key in known.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def as_toml(value: Any) -> str:
    """A value as TOML writes it in one line.

    Examples
    --------
    >>> as_toml({"from": ["A", "B"], "scale": 0.01, "Unit price": True})
    '{from = ["A", "B"], scale = 0.01, "Unit price" = true}'
    """
    if isinstance(value, dict):
        keys = (key if BARE.fullmatch(key) else as_toml(key) for key in map(str, value))
        return "{" + ", ".join(f"{key} = {as_toml(item)}" for key, item in zip(keys, value.values(), strict=True)) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")  # which JSON allows and TOML does not
    if isinstance(value, bool):
        return str(value).lower()
    return f"{int(value):_}" if value == int(value) else str(value)
