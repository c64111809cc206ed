"""A business.toml to fill in, or one that says what a business's files were recognised as."""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from babel.numbers import list_currencies

from engagekit.data.business import Business
from engagekit.data.exports import HEADERS, Match, by_names, matches, table_of
from engagekit.data.files import open_cells, readable
from engagekit.data.mapping import CURRENCY, LABELLED
from engagekit.data.matching import plain_name
from engagekit.data.scales import SCALES
from engagekit.data.style import written
from engagekit.data.tables import TABLES, column_type
from engagekit.data.toml import as_toml
from engagekit.display.markup import template_path
from engagekit.errors import DataError
from engagekit.language import Language
from engagekit.score.components import PRESETS
from engagekit.score.freeze import freeze

__all__ = ["Part", "Recognised", "blank_settings", "freeze_or_leave_out", "recognised", "settings_from"]

PLACES = {"id": ("IDR", "Asia/Jakarta"), "ms": ("MYR", "Asia/Kuala_Lumpur"), "en": ("GBP", "Europe/London")}
SAMPLE = 1000  # rows that are looked at
COMPONENTS = r"(?m)^(\[score\.components\]\n(?:.+\n)+)"
EPOCH = r"^\d{10}(\d{3}){0,3}$"
GROUPS = re.compile("(?i)nps_?group")  # which Qualtrics adds to the answers
QUESTIONS = {  # words of a question, in three languages, by the scale that it is answered on
    "nps": r"\bnps|net.?promoter|recommend|rekomendasi|mengesyorkan|syorkan",
    "effort": r"\beffort|how easy|seberapa mudah|sejauh mana mudah",
    "csat": r"csat|satisf|\bpuas|kepuasan",
    "review": r"\brating|\bstars\b|\bbintang",
}


@dataclass(frozen=True)
class Part:
    """A section ``[tables.<table>]`` for a file.

    Attributes
    ----------
    table : str
        Name of the table.
    settings : dict
        Its keys.
    missing : tuple of str
        Columns that the table cannot do without and the file has not.
    """

    table: str
    settings: dict[str, Any]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recognised:
    """What a file was recognised as.

    Attributes
    ----------
    file : Path
        The file.
    match : Match or None
        The export that it is; None where it is none that is known.
    runner_up : Match or None
        The export that fits it next best.
    parts : list of Part
        Tables that it becomes; guesses where there is no match or it is not confirmed.
    unread : list of str
        Its columns that no table takes.
    currencies : list of str
        Codes of the currencies that it names.
    """

    file: Path
    match: Match | None
    runner_up: Match | None
    parts: list[Part]
    unread: list[str]
    currencies: list[str]

    @property
    def is_sure(self) -> bool:
        """Whether its tables can be used as they are, rather than offered as questions."""
        return self.match is not None and self.match.preset.confirmed


def recognised(file: Path) -> Recognised:
    """Look at a file: which tool wrote it, and which tables it becomes.

    Raises
    ------
    DataError
        It cannot be read.
    """
    headers = list(_headers(file))
    fits = matches(headers)
    match = fits[0] if fits and fits[0].is_sure else None
    others = [fit for fit in fits if match is None or fit.preset != match.preset]
    header, cells, _ = open_cells(file, header_row=match.header_row if match else 0)
    with readable(file):
        rows = cells.head(SAMPLE).collect()
    if match is None:
        parts = [Part(table, {"columns": columns}) for table, columns in by_names(header)]
    else:
        parts = list(_parts(match, header, rows))
    used = {name for part in parts for name in _used(part.settings)}
    unread = [name for name in header if name and name not in used]
    places = [str(at) for at, name in enumerate(header) if CURRENCY.fullmatch(plain_name(name))]
    said = written(rows[places[0]]) if places else pl.Series([], dtype=pl.String)
    codes = said.drop_nulls().str.to_uppercase().unique(maintain_order=True).to_list()
    known = [code for code in codes if code in list_currencies()]
    return Recognised(file, match, next(iter(others), None), parts, unread, known)


def _headers(file: Path) -> Iterator[list[str]]:
    """The first rows of a file, of which one is its header."""
    yield open_cells(file).header
    for row in range(2, HEADERS + 1):
        try:
            yield open_cells(file, header_row=row).header
        except DataError:
            return


def _parts(match: Match, header: Sequence[str], rows: pl.DataFrame) -> Iterator[Part]:
    """Tables that a known export becomes."""
    for table, given in match.preset.tables:
        settings, missing = table_of(match.preset, table, given, header)
        if match.header_row:
            settings["header_row"] = match.header_row
        columns = settings["columns"]
        columns |= {ours: _dated(table, ours, theirs, header, rows) for ours, theirs in columns.items()}
        if not given.get("questions"):
            yield Part(table, settings, tuple(missing))
            continue
        questions = list(_questions(header, rows, set(_used(settings))))
        if len(questions) > 1:  # an id of a response is none of each of its answers
            columns.pop("answer_id", None)
        for kind, name in questions:
            own = {"kind": {"constant": kind}, "score": name, "about": {"constant": name[:60]}}
            yield Part(table, {**settings, "columns": {**columns, **own}}, tuple(missing))
        if not questions:
            asked = {"kind": {"constant": "nps"}, "score": "?"}
            yield Part(table, {**settings, "columns": {**columns, **asked}}, ("score", *missing))


def _dated(table: str, ours: str, theirs: Any, header: Sequence[str], rows: pl.DataFrame) -> Any:
    """What a column is made of; numbers since 1970 are said to be that."""
    if column_type(table, ours) not in ("time", "day") or not isinstance(theirs, str) or theirs not in header:
        return theirs
    cells = written(rows[str(header.index(theirs))]).drop_nulls()
    is_epoch = len(cells) > 0 and bool(cells.str.contains(EPOCH).all())
    return {"from": theirs, "dates": "epoch"} if is_epoch else theirs


def _questions(header: Sequence[str], rows: pl.DataFrame, used: set[str]) -> Iterator[tuple[str, str]]:
    """Questions of a survey that are answered on one of the scales, told by their words and by their answers."""
    for place, name in enumerate(header):
        if name and name not in used and header.count(name) == 1 and not GROUPS.search(name):
            cells = written(rows[str(place)]).drop_nulls()
            words = " ".join([name, *cells.head(2).to_list()])
            answers = cells.str.replace(LABELLED, "$1").cast(pl.Int64, strict=False).drop_nulls()
            for kind, pattern in QUESTIONS.items():
                low, high = SCALES[kind]
                fits = answers.is_between(low, high).all() and (answers > high / 2).any()
                if fits and re.search(pattern, words, re.IGNORECASE):
                    yield kind, name
                    break


def _used(settings: dict[str, Any]) -> Iterator[str]:
    """Columns of the file that a section names."""
    for theirs in settings["columns"].values():
        if isinstance(theirs, str):
            yield theirs
        else:
            for key in ("from", "together", "product", "minutes"):
                named = theirs.get(key, [])
                yield from [named] if isinstance(named, str) else named
    yield settings.get("currency", "")


def settings_from(folder: Path, files: Sequence[Recognised], language: str) -> str:
    """Text of a ``business.toml`` for files that were recognised, which are copied into ``data/``.

    Parameters
    ----------
    folder : Path
        Folder of the business.
    files : sequence of Recognised
        The files.
    language : {"id", "ms", "en"}
        Language of its report.

    Raises
    ------
    DataError
        Two files have the same name.
    """
    tables = {part.table for file in files if file.is_sure for part in file.parts if not part.missing}
    kinds = [file.match.preset.kind for file in files if file.match and file.match.preset.kind]
    kind = "subscription" if "subscriptions" in tables else next(iter(kinds), "ecommerce")
    codes = {code for file in files for code in file.currencies}
    head = _head(kind, language, folder.resolve().name, next(iter(codes)) if len(codes) == 1 else "")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for file in files:
        target = folder / "data" / file.file.name
        if target.exists() and target.resolve() != file.file.resolve():
            raise DataError("is there already. Give files of different names, or another folder.", file=target)
        if not target.exists():
            shutil.copy2(file.file, target)
    return head + "".join(_sections(files)) + "".join(_unknown(files, language))


def _unknown(files: Sequence[Recognised], language: str) -> Iterator[str]:
    """Comments for files that may be anything: their columns, and all tables to choose from."""
    unknown = [file for file in files if not file.parts]
    for file in unknown:
        names = as_toml([name for name in file.unread if name])
        yield f"\n# {file.file.name} was not recognised. Its columns: {names}\n"
    if unknown:
        yield from _blank_tables(language)


def _sections(files: Sequence[Recognised]) -> Iterator[str]:
    """Sections of the tables; those that are only guessed are comments."""
    merged: dict[str, tuple[Recognised, Part, list[str]]] = {}
    for file in files:
        for at, part in enumerate(file.parts):
            key = f"{part.table} {at} {as_toml(part.settings)}"
            merged.setdefault(key, (file, part, []))[2].append(f"data/{file.file.name}")
    counts = [part.table for _, part, _ in merged.values()]
    for file, part, names in merged.values():
        lines = list(_section(part, names, several=counts.count(part.table) > 1))
        sure = file.is_sure and not part.missing
        yield f"\n{_about(file, part)}" + "".join(line if sure else f"# {line}" for line in lines)


def _about(file: Recognised, part: Part) -> str:
    """Comment above a section: what the file was taken for, and what to look at."""
    if file.match is None:
        return f"# {file.file.name} was not recognised. It may be {part.table}, by the names of its columns:\n"
    preset = file.match.preset
    lines = [f"{preset.title}. {preset.note}", f"The names are from: {preset.source}."]
    if not preset.confirmed:
        lines.append("These names are not confirmed. Compare them with your file, and take out the # before each line:")
    if part.missing:
        absent = ", ".join(part.missing)
        lines.append(f"The file has nothing for: {absent}. Map it, and take out the # before each line:")
    return "".join(f"# {line}\n" for line in lines)


def _section(part: Part, names: list[str], *, several: bool) -> Iterator[str]:
    table = f"[tables.{part.table}]"
    yield f"[{table}]\n" if several else f"{table}\n"
    yield f"file = {as_toml(names if len(names) > 1 else names[0])}\n"
    yield from (f"{key} = {as_toml(value)}\n" for key, value in part.settings.items() if key != "columns")
    yield f"[tables.{part.table}.columns]\n"
    for ours, theirs in part.settings["columns"].items():
        known = TABLES[part.table].columns.get(ours)
        why = known.description if known else "an attribute, to group by"
        yield f"{ours} = {as_toml(theirs)}  # {why}\n"


def freeze_or_leave_out(folder: Path) -> str:
    """Freeze the bounds of a new business's score, or leave the score out of its settings where that cannot be done.

    Returns
    -------
    str
        Why it was left out; blank where it was not.
    """
    try:
        business = Business.open(folder)
        if "interactions" in business.tables:
            freeze(business, name="when it was made", starts=None, ends=None)
            return ""
        why = "there are no interactions"
    except ValueError as error:
        why = str(error)
    file = folder / "business.toml"
    head, components, rest = re.split(COMPONENTS, file.read_text("utf-8"), maxsplit=1)
    left_out = re.sub("(?m)^", "# ", components.rstrip("\n"))
    file.write_text(f"{head}{left_out}\n{rest}", "utf-8")
    return why


def blank_settings(kind: str, language: str) -> str:
    """Text of a business.toml to fill in: its head from the template, its tables from their contracts, as comments."""
    return _head(kind, language, "", "") + "".join(_blank_tables(language))


def _blank_tables(language: str) -> Iterator[str]:
    """All tables with their columns, as comments."""
    describe = Language(language).text
    for table, contract in TABLES.items():
        yield f'\n# [tables.{table}]\n# file = "data/{table}.csv"\n# [tables.{table}.columns]\n'
        for name, column in contract.columns.items():
            yield f'# {name} = "{name}"  # {"" if column.required else "? "}{describe(f"describe.{table}.{name}")}\n'


def _head(kind: str, language: str, name: str, currency: str) -> str:
    """What a business.toml says of the business itself."""
    parts = {
        component: ", ".join(f"{key} = {as_toml(value)}" for key, value in settings.items())
        for component, settings in PRESETS[kind].items()
    }
    usual, time_zone = PLACES[language]
    text = template_path("business", f"{language}.toml").read_text("utf-8")
    if name:
        text = re.sub('^name = ".*"$', lambda _: f"name = {as_toml(name)}", text, count=1, flags=re.MULTILINE)
    for token, word in {
        "kind": kind,
        "language": language,
        "currency": currency or usual,
        "time_zone": time_zone,
        "components": "\n".join(f"{component} = {{{part}}}" for component, part in parts.items()),
    }.items():
        text = text.replace(f"@{token}@", word)
    return text
