"""Columns of a file -> columns of a table: which is which, and what their cells say."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import polars as pl
from babel.numbers import list_currencies

from engagekit.data.dates import near_skipped
from engagekit.data.files import BEYOND, FILE_ROWS, ROW
from engagekit.data.matching import check_named_once, plain_name
from engagekit.data.parsing import parse, parse_number
from engagekit.data.source import Cells, Constant, Mapped, Product, Source, Together, named_in
from engagekit.data.style import Style, written
from engagekit.data.tables import MONEY, column_type
from engagekit.data.text_files import TextFile, short_rows
from engagekit.errors import DataError

__all__ = [
    "BATCH_ROWS",
    "CURRENCY",
    "DATES",
    "LABELLED",
    "MappedFile",
]

BATCH_ROWS = 100_000
DATES = "dates"
CURRENCY = re.compile("(?:.*_)?(?:currency|currency_code|ccy|mata_uang|mata_wang)")
KNOWN_ACTIONS = ("purchase", "refund", "view")
LABELLED = r"^\s*(\d{1,2})\s*[-–—:(=].*$"  # 10 - Extremely likely
NOWHERE = pl.Series([], dtype=pl.UInt32)
OF_A_LINE = ("product", "page", "order_id", "event_id", "session_id")  # of an order's rows, each has its own


@dataclass(frozen=True)
class MappedFile:
    """A file whose columns are matched to those of a table.

    Attributes
    ----------
    table : str
        Name of the table.
    name : str
        Name of the file.
    header : list of str
        Names as written in the file.
    cells : polars.LazyFrame
        ``files.ROW``, then a column ``"0"``, ``"1"`` ... for each name.
    columns : dict of str to str, Constant, Product, Together, Cells or None
        What each of our columns is made of; None for one that is blank throughout.
    styles : dict of str to Style
        How each of our columns is written.
    source : Source
        Its settings: words that say nothing, and what others stand for.
    number : int
        Which of the table's files it is: ``ROW`` counts on from ``number * FILE_ROWS``.
    text : TextFile, optional
        The file itself, where rows may be short.
    """

    table: str
    name: str
    header: list[str]
    cells: pl.LazyFrame
    columns: dict[str, Mapped | None]
    styles: dict[str, Style]
    source: Source
    number: int = 0
    text: TextFile | None = None

    @cached_property
    def last_place(self) -> str:
        """Place of the last column of the file that one of ours is made of."""
        return str(max((int(place) for name in self.columns for place in self._places(name)), default=0))

    @cached_property
    def short_rows(self) -> dict[int, int]:
        """Rows, as ``ROW``, that end before one of our columns, and how many cells they have."""
        short = short_rows(self.text) if self.text else {}
        last = int(self.last_place)
        return {row + self.number * FILE_ROWS: cells for row, cells in short.items() if cells <= last}

    @property
    def declared(self) -> set[str]:
        """Our columns of which it was said how their numbers or dates are written."""
        said = {"numbers": self.source.numbers, DATES: self.source.dates}
        made_of = {name: cells for name, cells in self.columns.items() if isinstance(cells, Cells)}
        return {
            name
            for name in self.columns
            for key in (DATES if column_type(self.table, name) in ("time", "day") else "numbers",)
            if said[key] or (name in made_of and getattr(made_of[name], key))
        }

    def names(self, name: str) -> tuple[str, ...]:
        """Columns of the file that one of ours is made of."""
        return named_in(self.columns[name])

    def as_json(self, batch: pl.DataFrame) -> pl.Series:
        """Cells of rows that some of our columns are made of, by the names of the file, as JSON."""
        names = list(dict.fromkeys(theirs for ours in self.columns for theirs in self.names(ours)))
        if not names or batch.is_empty():
            return pl.Series([], dtype=pl.String)
        cells = (batch[str(self.header.index(name))].cast(pl.String, strict=False).alias(name) for name in names)
        return pl.DataFrame(cells).to_struct().struct.json_encode()

    @cached_property
    def may_hold_zeros(self) -> bool:
        """Whether the file holds a zero byte somewhere; a file that is no text has none that counts."""
        return self.text is not None and self.text.holds_zeros

    def row_of(self, row: int) -> int:
        """Row of the file of a number of ``ROW``."""
        return row % FILE_ROWS

    def error(self, problem: str, row: int, column: str, value: object = None) -> DataError:
        """Error about a cell, whose row is one of ``ROW``."""
        return DataError(problem, file=self.name, row=self.row_of(row), column=column, value=value)

    def batches(self, names: Iterable[str]) -> Iterator[pl.DataFrame]:
        """Cells that some of our columns are made of, up to ``BATCH_ROWS`` rows at a time; at least one batch.

        Where an order's own cells stand on its first row only, its further rows have them too.
        """
        order = self._places("order_id")[:1] if "order_id" in self.columns else []
        beyond = [BEYOND] if BEYOND in self.cells.collect_schema() else []
        wanted = dict.fromkeys([*order, *(place for name in names for place in self._places(name))])
        cells = self.cells.select(ROW, *dict.fromkeys([*wanted, *self._currency_place, *beyond]))
        yield cells.head(0).collect()
        own, last = [place for place in self._of_orders if place in wanted] if order else [], None
        for batch in cells.collect_batches(chunk_size=BATCH_ROWS):
            if any(batch[place].null_count() for place in own):
                own = [place for place in own if place in self._first_rows_only]
                batch = _with_cells_of_order(batch, order[0], own, last)
            last = batch.tail(1)
            yield batch

    @property
    def _of_orders(self) -> list[str]:
        """Places of what may be said once of an order: who, when, and words."""
        names = [name for name in self.columns if name not in OF_A_LINE]
        kinds = ("id", "time", "label", "text")
        return [place for name in names if column_type(self.table, name) in kinds for place in self._places(name)]

    @cached_property
    def _first_rows_only(self) -> set[str]:
        """Places that no further row of an order says anything in."""
        order = pl.col(self._places("order_id")[0])
        further = (order == order.shift(1)).fill_null(value=False)
        places = list(dict.fromkeys(self._of_orders))
        said = self.cells.select((further & pl.col(place).is_not_null()).any().alias(place) for place in places)
        says_more = said.collect().row(0, named=True)
        return {place for place in places if not says_more[place]}

    def with_marks(self, names: Iterable[str]) -> Self:
        """The file with those rows only in which a cell of some columns has a point or a comma."""
        schema = self.cells.collect_schema()
        places = [place for name in names for place in self._places(name) if schema[place] == pl.String]
        marked = (
            pl.any_horizontal(pl.col(place).str.contains("[.,]") for place in places) if places else pl.lit(value=False)
        )
        return replace(self, cells=self.cells.filter(marked.fill_null(value=False)))

    def values(self, batch: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
        """``ROW`` and some of our columns for a batch of cells; null where a cell is blank or cannot be read."""
        rows = pl.DataFrame([batch[ROW], *(self._value(batch, name).alias(name) for name in names)])
        money = [name for name in rows.columns if name in MONEY]
        if not money or not (self._currency_place or self._one_currency):
            return rows
        return rows.with_columns(pl.col(money) * self._rates(batch))

    @cached_property
    def _currency_place(self) -> list[str]:
        """Place of the column with the code of each row's currency, where there is one and amounts to go with it."""
        named = [self.source.currency] if self.source.currency else []
        named = named or [name for name in self.header if CURRENCY.fullmatch(plain_name(name))]
        if not named or not MONEY & self.columns.keys() or self._one_currency:
            return []
        check_named_once(named[0], self.header, self.name, "currency")
        return [str(self.header.index(named[0]))]

    @property
    def _one_currency(self) -> str:
        """Currency of the whole file, where the source names it and no column."""
        named = self.source.currency
        return named if named not in self.header and named in list_currencies() else ""

    def _rates(self, batch: pl.DataFrame) -> pl.Series:
        """What one unit of each row's currency is worth in the business's."""
        own = next(iter(self.styles.values())).currency
        if self._one_currency:
            codes = pl.Series([self._one_currency]).new_from_index(0, batch.height)
        else:
            codes = written(batch[self._currency_place[0]]).str.to_uppercase()
        known = {own: 1.0, **self.source.rates} if own else dict.fromkeys(codes.drop_nulls().head(1), 1.0)
        if (unknown := codes.is_not_null() & ~codes.is_in(list(known))).any():
            at = int(unknown.arg_max() or 0)
            problem = (
                f"is not {next(iter(known))}. Say what it is worth: rates = {{USD = 16000}}, or keep one currency."
            )
            raise self.error(problem, batch[ROW][at], "currency", codes[at])
        return codes.replace_strict(known, default=1.0, return_dtype=pl.Float64)

    def written(self, batch: pl.DataFrame, name: str) -> pl.Series:
        """Text of the cells that one of our columns is made of; null where one of them is blank."""
        made_of = self.columns[name]
        if isinstance(made_of, Constant):
            return written(pl.Series([made_of.constant])).new_from_index(0, batch.height)
        if isinstance(made_of, Cells):
            return written(self.texts(batch, name))
        texts = [written(self._cells(batch, place, made_of)) for place in self._places(name)]
        if not texts:
            return pl.Series([None], dtype=pl.String).new_from_index(0, batch.height)
        if isinstance(made_of, Together):
            texts = [_without_no_time(text) for text in texts]
        mark = " " if isinstance(made_of, Together) else " × "
        return pl.select(pl.concat_str(texts, separator=mark, ignore_nulls=False)).to_series()

    def unread(self, batch: pl.DataFrame, values: pl.DataFrame, name: str) -> pl.Series:
        """Places in a batch where one of our columns is null although its cell says something."""
        null = values[name].is_null()
        places = self._places(name)
        if len(places) == 1 and null.sum() == batch[places[0]].null_count():
            return NOWHERE
        if (made_of := self.columns[name]) and isinstance(made_of, Cells) and made_of.minutes:
            null &= written(batch[places[-1]]).is_not_null()
        return (null & self.written(batch, name).is_not_null()).arg_true()

    def moved(self, batch: pl.DataFrame, values: pl.DataFrame, name: str) -> pl.Series:
        """Places in a batch where the clock left out the hour of one of our times, which was moved on by the gap."""
        if column_type(self.table, name) != "time" or not self._places(name):
            return NOWHERE
        near = near_skipped(values[name])
        if near.is_empty():
            return NOWHERE
        strict = replace(self.styles[name], skipped="null")
        return near.filter(parse(self.texts(batch[near.to_list()], name), "time", strict).is_null())

    def cells_of(self, batch: pl.DataFrame, name: str) -> tuple[pl.Series, ...]:
        """Cells that one of our columns is read from: of a product, those of both."""
        made_of = self.columns[name]
        if isinstance(made_of, Product):
            return tuple(self._cells(batch, place, made_of) for place in self._places(name))
        return (self.texts(batch, name),)

    def texts(self, batch: pl.DataFrame, name: str) -> pl.Series:
        """Cells that one of our columns is read from: those of a column of the file, or the texts of several."""
        made_of = self.columns[name]
        places = self._places(name)
        if isinstance(made_of, Cells):
            places = places[: len(made_of.column)]
            if len(places) > 1:
                return pl.select(
                    pl.coalesce(written(self._cells(batch, place, made_of)) for place in places)
                ).to_series()
        return self.written(batch, name) if len(places) > 1 else self._cells(batch, places[0], made_of)

    def _cells(self, batch: pl.DataFrame, place: str, made_of: Mapped | None) -> pl.Series:
        """Cells of a column of the file, blank where their word says nothing, with what other words stand for."""
        blank, values = list(self.source.blank), dict(self.source.values)
        if isinstance(made_of, Cells):
            blank, values = blank + made_of.blank, values | made_of.values
        cells = batch[place]
        if isinstance(made_of, Cells) and made_of.before and cells.dtype == pl.String:
            cells = cells.str.split(made_of.before).list.first()
        if isinstance(made_of, Cells) and made_of.scale and cells.dtype == pl.String:
            cells = cells.str.strip_chars().str.strip_suffix("%")
        if not blank and not values:
            return cells
        text = written(cells)
        said = text.is_in([*blank, *values])
        return text.replace(values | dict.fromkeys(blank)) if said.any() else cells

    def _places(self, name: str) -> list[str]:
        return [str(self.header.index(theirs)) for theirs in named_in(self.columns[name])]

    def _value(self, batch: pl.DataFrame, name: str) -> pl.Series:
        made_of, kind = self.columns[name], column_type(self.table, name)
        if made_of is None or isinstance(made_of, Constant):
            cell = pl.Series([made_of.constant]) if made_of else pl.Series([None], dtype=pl.String)
            style = Style(time_zone=self.styles[name].time_zone)
            return parse(cell, kind, style).new_from_index(0, batch.height)
        if isinstance(made_of, Product):
            one, other = (parse_number(cells, self.styles[name]) for cells in self.cells_of(batch, name))
            return one * other
        cells = self.texts(batch, name)
        if name == "score" and cells.dtype == pl.String:
            cells = cells.str.replace(LABELLED, "$1")
        if isinstance(made_of, Cells) and made_of.scale:
            cells = parse_number(cells, self.styles[name]) * made_of.scale
        values = parse(cells, kind, self.styles[name])
        if isinstance(made_of, Cells) and made_of.minutes:
            minutes = parse_number(batch[self._places(name)[-1]], self.styles[name])
            values = values + (minutes * 60_000_000).round().cast(pl.Duration("us"))
        return _in_small_letters(values) if (self.table, name) == ("interactions", "action") else values


def _in_small_letters(actions: pl.Series) -> pl.Series:
    """Actions, of which those that mean something here are in small letters, however the file writes them."""
    small = actions.str.to_lowercase()
    known = small.is_in(list(KNOWN_ACTIONS))
    return pl.select(pl.when(known).then(small).otherwise(actions)).to_series() if known.any() else actions


def _without_no_time(text: pl.Series) -> pl.Series:
    """Text of days and times of day as spreadsheets store them, without the midnight and the day that nobody wrote."""
    return text.str.replace(r"[ T]00:00:00(\.0+)?$", "").str.replace(r"^1899-12-3[01] ", "").str.replace(r"\.0+$", "")


def _with_cells_of_order(batch: pl.DataFrame, order: str, places: list[str], last: pl.DataFrame | None) -> pl.DataFrame:
    """Rows of a batch, each with those cells of its order that stand on the order's first row."""
    if not places:
        return batch
    rows = batch if last is None else pl.concat([last, batch])
    ids = pl.col(order)
    above = {place: pl.col(place).forward_fill().over(ids.rle_id()) for place in places}
    known = ids.is_not_null()
    rows = rows.with_columns(pl.coalesce(place, pl.when(known).then(fill)) for place, fill in above.items())
    return rows if last is None else rows.slice(1)
