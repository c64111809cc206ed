"""Which tool wrote a file, and how its columns become ours: by the presets of ``presets/``, one a known export.

A preset is data: a title, where its facts come from, the names that mark the export, and tables as ``business.toml``
has them. A column there is a name, a list of names of which the first that the file has is taken, or a table with other
keys of a column, whose ``from`` is such a list, and whose ``first`` are columns of which the first that says something
counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from tomllib import loads
from typing import Any

from engagekit.data.matching import names_of, plain_name
from engagekit.data.tables import TABLES, required_columns

__all__ = ["Match", "Preset", "matches", "presets", "table_of"]

SURE = 0.82  # share of its marks that a file must have
HEADERS = 6  # rows among which the header may be


@dataclass(frozen=True)
class Preset:
    """A known export.

    Attributes
    ----------
    name, title, source, note : str
        What it is called, where its facts come from, and what to know of it.
    marks : tuple of tuple of str
        Names by which it is known; of each group any one.
    signs : tuple of str
        Names of which at least one is there too.
    tables : list of (str, dict)
        Tables that it becomes.
    settings : dict
        Keys of all of them.
    confirmed : bool
        Whether real files or the tool's own documents gave the names; else they are offered as questions.
    kind : str
        Kind of the business; blank where it does not tell.
    header_row : int
        Row of the header; 0 for the first.
    """

    name: str
    title: str
    source: str
    note: str
    marks: tuple[tuple[str, ...], ...]
    signs: tuple[str, ...]
    tables: list[tuple[str, dict[str, Any]]]
    settings: dict[str, Any]
    confirmed: bool
    kind: str
    header_row: int

    def score(self, header: Sequence[str]) -> float:
        """Share of its marks that a header has, 0 to 1; 0 without any of its signs."""
        names = {plain_name(name) for name in header}
        if self.signs and not any(plain_name(sign) in names for sign in self.signs):
            return 0.0
        return sum(any(plain_name(name) in names for name in group) for group in self.marks) / len(self.marks)


@dataclass(frozen=True)
class Match:
    """How well a file fits a preset.

    Attributes
    ----------
    preset : Preset
        The preset.
    score : float
        Share of its marks that the file has.
    header_row : int
        Row of the file's header.
    """

    preset: Preset
    score: float
    header_row: int

    @property
    def is_sure(self) -> bool:
        """Whether the file is taken for this export."""
        return self.score >= SURE


@cache
def presets() -> tuple[Preset, ...]:
    """All known exports, by name."""
    folder = resources.files("engagekit.data").joinpath("presets")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml") and file.name != "names.toml")
    return tuple(_read(name.removesuffix(".toml"), loads(folder.joinpath(name).read_text("utf-8"))) for name in files)


def _read(name: str, content: dict[str, Any]) -> Preset:
    marks = tuple(tuple([group] if isinstance(group, str) else group) for group in content.pop("marks"))
    tables = [(table, each) for table, several in content.pop("tables").items() for each in several]
    title, source, note = (content.pop(key) for key in ("title", "source", "note"))
    signs, kind = tuple(content.pop("signs", ())), content.pop("kind", "")
    confirmed, row = content.pop("confirmed", True), content.get("header_row", 0)
    return Preset(name, title, source, note, marks, signs, tables, content, confirmed, kind, row)


def matches(headers: Sequence[Sequence[str]]) -> list[Match]:
    """Presets that a file fits, the best first.

    Parameters
    ----------
    headers : sequence of sequence of str
        The file's first rows, of which one is its header.

    Examples
    --------
    >>> best = matches([["Title", "Send Date", "Total Recipients", "Successful Deliveries", "Unique Opens",
    ...     "Unique Clicks", "Abuse Complaints"]])[0]
    >>> best.preset.name, best.score
    ('mailchimp_campaigns', 1.0)
    """
    fitting = [
        Match(preset, preset.score(header), row if row > 1 else preset.header_row)
        for preset in presets()
        for row, header in enumerate(headers[:HEADERS], start=1)
        if (row == preset.header_row if preset.header_row else True)
    ]
    fitting = [match for match in fitting if match.score > 0]
    return sorted(
        fitting, key=lambda match: (-match.score, -len(match.preset.marks), match.header_row, match.preset.name)
    )


def table_of(
    preset: Preset, table: str, given: dict[str, Any], header: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Section ``[tables.<name>]`` of a preset's table for a file, and required columns that the file has not.

    Parameters
    ----------
    preset : Preset
        The preset.
    table : str
        Name of the table.
    given : dict
        One of its ``tables``.
    header : sequence of str
        Names of the file.
    """
    settings = {
        key: value for key, value in {**preset.settings, **given}.items() if key not in ("columns", "questions")
    }
    columns = {ours: _fitting(theirs, header) for ours, theirs in given["columns"].items()}
    columns = {ours: theirs for ours, theirs in columns.items() if theirs is not None}
    if "currency" in settings:
        named = settings["currency"]
        settings["currency"] = named if isinstance(named, str) else _name_in(named, header)
        settings = {key: value for key, value in settings.items() if value is not None}
    if "keep" in settings:
        settings["keep"] = {ours: rule for ours, rule in settings["keep"].items() if ours in columns}
        settings = {key: value for key, value in settings.items() if value}
    named_alike = {ours for ours in TABLES[table].columns if any(plain_name(name) == ours for name in header)}
    asked = (given.get("questions") and ["kind", "score"]) or []
    missing = [ours for ours in required_columns(table) if ours not in {*columns, *named_alike, *asked}]
    return {**settings, "columns": columns}, missing


def by_names(header: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Tables that a file may be, by names that are commonly given to their columns, and which column would be which."""
    plain = {plain_name(name): name for name in reversed(header)}
    for table in TABLES:
        known = {ours: {ours} | set(names_of(table, ours)) for ours in TABLES[table].columns}
        columns = {ours: plain[name] for ours, names in known.items() for name in sorted(names) if name in plain}
        if len({*required_columns(table)} & columns.keys()) > 1:
            yield table, columns


def _fitting(theirs: Any, header: Sequence[str]) -> Any:
    """What a column is made of in a file, of what a preset offers; None where the file has none of it."""
    if isinstance(theirs, str):
        return _name_in([theirs], header)
    if isinstance(theirs, list):
        return next((fit for each in theirs if (fit := _fitting(each, header)) is not None), None)
    if "constant" in theirs:
        return theirs
    if "together" in theirs:
        names = [_name_in([name], header) for name in theirs["together"]]
        return None if None in names else {**theirs, "together": names}
    if "first" in theirs:
        names = [name for each in theirs["first"] if (name := _name_in([each], header))]
        rest = {key: value for key, value in theirs.items() if key != "first"}
        if len(names) == 1 and not rest:
            return names[0]
        return {"from": names, **rest} if names else None
    name = _name_in([theirs["from"]] if isinstance(theirs["from"], str) else theirs["from"], header)
    minutes = _name_in([theirs["minutes"]], header) if "minutes" in theirs else ""
    if name is None or minutes is None:
        return None
    return {**theirs, "from": name, **({"minutes": minutes} if minutes else {})}


def _name_in(names: Sequence[str], header: Sequence[str]) -> str | None:
    """The first of some names that a header has, as it is written there: but for capitals, blanks and punctuation."""
    plain = {plain_name(name): name for name in reversed(header)}
    known = (name if name in header else plain.get(plain_name(name)) for name in names)
    return next((name for name in known if name is not None), None)
