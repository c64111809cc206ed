"""Columns of a file -> columns of a table: which is which, and what their cells say."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from engagekit.data.files import ROW
from engagekit.data.parsing import Style, near_skipped, parse, parse_number, two_readings, written
from engagekit.data.source import Cells, Constant, Mapped, Product, Source
from engagekit.data.tables import TABLES, UPDATED, column_type, required_columns
from engagekit.errors import DataError, did_you_mean

__all__ = ["BATCH_ROWS", "MappedFile", "match_columns"]

BATCH_ROWS = 100_000
NUMBERS = ("number", "count", "tally")
NOWHERE = pl.Series([], dtype=pl.UInt32)


@dataclass(frozen=True)
class MappedFile:
    """A file whose columns are matched to those of a table.

    Attributes
    ----------
    table : str
        Name of the table.
    path : Path
        The file.
    header : list of str
        Names as written in the file.
    cells : polars.LazyFrame
        ``files.ROW``, then a column ``"0"``, ``"1"`` ... for each name.
    columns : dict of str to str, Constant, Product, Cells or None
        What each of our columns is made of; None for one that is blank throughout.
    style : Style
        How the file writes numbers and dates.
    source : Source
        Its settings: words that say nothing, and what others stand for.
    """

    table: str
    path: Path
    header: list[str]
    cells: pl.LazyFrame
    columns: dict[str, Mapped | None]
    style: Style
    source: Source

    def batches(self, names: Iterable[str]) -> Iterator[pl.DataFrame]:
        """Cells that some of our columns are made of, up to ``BATCH_ROWS`` rows at a time; at least one batch."""
        places = dict.fromkeys(place for name in names for place in self._places(name))
        cells = self.cells.select(ROW, *places)
        yield cells.head(0).collect()
        yield from cells.collect_batches(chunk_size=BATCH_ROWS)

    def values(self, batch: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
        """``ROW`` and some of our columns for a batch of cells; null where a cell is blank or cannot be read."""
        return pl.DataFrame([batch[ROW], *(self._value(batch, name).alias(name) for name in names)])

    def written(self, batch: pl.DataFrame, name: str) -> pl.Series:
        """Text of the cells that one of our columns is made of; null where one of them is blank."""
        made_of = self.columns[name]
        if isinstance(made_of, Constant):
            return written(pl.Series([made_of.constant])).new_from_index(0, batch.height)
        texts = [written(self._cells(batch, place, made_of)) for place in self._places(name)]
        if not texts:
            return pl.Series([None], dtype=pl.String).new_from_index(0, batch.height)
        return pl.select(pl.concat_str(texts, separator=" × ", ignore_nulls=False)).to_series()

    def unread(self, batch: pl.DataFrame, values: pl.DataFrame, name: str) -> pl.Series:
        """Places in a batch where one of our columns is null although its cell says something."""
        null = values[name].is_null()
        places = self._places(name)
        if len(places) == 1 and null.sum() == batch[places[0]].null_count():
            return NOWHERE
        return (null & self.written(batch, name).is_not_null()).arg_true()

    def ambiguous(self, batch: pl.DataFrame, name: str) -> tuple[int, str] | None:
        """As ``two_readings``, of a column of numbers of which nobody said how they are written."""
        made_of = self.columns[name]
        said = self.source.numbers or (made_of.numbers if isinstance(made_of, Cells) else None)
        if said or column_type(self.table, name) not in NUMBERS or isinstance(made_of, Constant):
            return None
        readings = (two_readings(self._cells(batch, place, made_of), self.style) for place in self._places(name))
        return next((each for each in readings if each), None)

    def moved(self, batch: pl.DataFrame, values: pl.DataFrame, name: str) -> pl.Series:
        """Places in a batch where the clock left out the hour of one of our times, which was moved on by the gap."""
        made_of = self.columns[name]
        if column_type(self.table, name) != "time" or not isinstance(made_of, str | Cells):
            return NOWHERE
        near = near_skipped(values[name])
        if near.is_empty():
            return NOWHERE
        cells = self._cells(batch[near.to_list()], self._places(name)[0], made_of)
        strict = parse(cells, "time", replace(self._style(made_of), skipped="null"))
        return near.filter(strict.is_null())

    def _style(self, made_of: Mapped | None) -> Style:
        """How one column writes its cells."""
        if not isinstance(made_of, Cells):
            return self.style
        style = self.style
        numbers, dates, zone = made_of.numbers or style.numbers, made_of.dates or style.dates, made_of.time_zone
        return replace(style, numbers=numbers, dates=dates, written_in=zone or style.written_in)

    def _cells(self, batch: pl.DataFrame, place: str, made_of: Mapped | None) -> pl.Series:
        """Cells of a column of the file, blank where their word says nothing, with what other words stand for."""
        blank, values = list(self.source.blank), dict(self.source.values)
        if isinstance(made_of, Cells):
            blank, values = blank + made_of.blank, values | made_of.values
        if not blank and not values:
            return batch[place]
        text = written(batch[place])
        said = text.is_in([*blank, *values])
        if not said.any():
            return batch[place]
        return text.replace(values | dict.fromkeys(blank))

    def _places(self, name: str) -> list[str]:
        return [str(self.header.index(theirs)) for theirs in _named(self.columns[name])]

    def _value(self, batch: pl.DataFrame, name: str) -> pl.Series:
        made_of, kind = self.columns[name], column_type(self.table, name)
        if isinstance(made_of, Product):
            one, other = (parse_number(self._cells(batch, place, made_of), self.style) for place in self._places(name))
            return one * other
        if isinstance(made_of, str | Cells):
            return parse(self._cells(batch, self._places(name)[0], made_of), kind, self._style(made_of))
        cell = pl.Series([made_of.constant]) if made_of else pl.Series([None], dtype=pl.String)
        return parse(cell, kind, Style(time_zone=self.style.time_zone)).new_from_index(0, batch.height)


def match_columns(table: str, source: Source, header: list[str], file: str) -> dict[str, Mapped | None]:
    """Match our columns to those of a file: by the map of ``business.toml``, then by the same name.

    Parameters
    ----------
    table : str
        Name of the table.
    source : Source
        Its settings, with the map.
    header : list of str
        Names in the file.
    file : str
        Name of the file, for the messages.

    Returns
    -------
    dict of str to str, Constant, Product, Cells or None
        What each column of the table is made of.

    Raises
    ------
    DataError
        A column is required and not there, or a name is ambiguous or not there; names the nearest one.
    """
    columns: dict[str, Mapped | None] = dict(_alike(table, source, header, file))
    columns |= source.columns
    for ours, theirs in columns.items():
        for name in _named(theirs):
            _check_named_once(name, header, file, ours)
    for ours in required_columns(table):
        if ours not in columns:
            way_out = f"{did_you_mean(ours, header)} Map it in [tables.{table}.columns] of business.toml."
            raise DataError(f"no column of the file is mapped to it. {way_out}", file=file, column=ours)
    for ours in source.keep:
        if ours not in columns:
            problem = f"a keep rule names a column that is not mapped. {did_you_mean(ours, columns)}"
            raise DataError(problem, file=file, column=ours)
    filled = [name for name, column in TABLES[table].columns.items() if column.presence == "filled"]
    return columns | {name: None for name in filled if name not in columns}


def _alike(table: str, source: Source, header: list[str], file: str) -> Iterator[tuple[str, str]]:
    """Our columns that the file has under the same name, but for capitals and punctuation."""
    known = [*TABLES[table].columns, *([UPDATED] if TABLES[table].repeats == "state" else [])]
    for ours in known:
        alike = [name for name in dict.fromkeys(header) if re.sub(r"\W+", "_", name.strip().casefold()) == ours]
        if alike:
            yield ours, ours if ours in alike else alike[0]
        if len(alike) > 1 and ours not in (*alike, *source.columns):
            raise DataError(f"may be {' or '.join(map(repr, alike))}. Map one of them.", file=file, column=ours)


def _check_named_once(name: str, header: list[str], file: str, ours: str) -> None:
    places = [str(place) for place, other in enumerate(header, start=1) if other == name]
    if not places:
        raise DataError(f"the column {name!r} is not in the file. {did_you_mean(name, header)}", file=file, column=ours)
    if len(places) > 1:
        problem = f"columns {' and '.join(places)} are both called {name!r}. Rename one of them."
        raise DataError(problem, file=file, row=1, column=ours)


def _named(theirs: Mapped | None) -> tuple[str, ...]:
    if isinstance(theirs, Product):
        return theirs.product
    if isinstance(theirs, Cells):
        return (theirs.column,)
    return (theirs,) if isinstance(theirs, str) else ()
