"""What ``engagekit check`` shows: what became of every row, what was told of the files, and what looks wrong."""

from collections.abc import Iterator

import polars as pl
from rich.table import Column, Table

from engagekit.data.business import Business
from engagekit.data.hints import hints, shared_customers
from engagekit.data.reading import Reading, amended, in_words
from engagekit.data.tables import event_time
from engagekit.display.card import between
from engagekit.language import Language

__all__ = ["Check"]

LONGEST_CELL, LISTED = 40, 12
REPEATS = ("repeated", "superseded", "identical")


class Check:
    """What was read of a business's tables.

    Parameters
    ----------
    business : Business
        The business.
    readings : list of Reading
        Its tables, as far as they could be read.
    """

    def __init__(self, business: Business, readings: list[Reading]) -> None:
        self.business, self.readings = business, readings
        self.language = Language(business.language)
        self.text, self.number = self.language.text, self.language.number

    def tables(self) -> Iterator[Table]:
        """Tables to print, those with rows."""
        tables = (self._rows(), self._reasons(), self._ways(), self._shared())
        return (table for table in tables if table.row_count)

    def hints(self) -> Iterator[str]:
        """Sentences on what looks wrong."""
        for key, values in hints(self.readings, self.business.ids):
            shown = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
            if "table" in shown:
                shown["table"] = self.text(f"table.{shown['table']}")
            yield self.text(f"hint.{key}", **shown)

    def _rows(self) -> Table:
        """Every row of every table in one of the columns, which add up to those of the files."""
        counts = ("rows", "kept", "after_as_of", "counted_once", "left_out", "refused")
        table = Table(*self._heads("table", "file"), *self._heads(*counts, right=True))
        table.title, settings = self.business.name, self.business
        usual = {"value": settings.time_zone, "numbers": settings.language, "currency": settings.currency}
        table.caption = self.text("way.usual", **usual)
        for reading in self.readings:
            after = self._after(reading)
            once = reading.repeated + reading.superseded
            left_out, refused = sum(reading.left_out.values()), reading.refused.height
            numbers = (reading.rows, reading.kept - after, after, once, left_out, refused)
            file = "\n".join([reading.file, *([between(*reading.dates)] if reading.dates else [])])
            table.add_row(self.text(f"table.{reading.table}"), file, *map(self.number, numbers))
        return table

    def _after(self, reading: Reading) -> int:
        """Rows that are dated on the day of the report or later."""
        at = event_time(reading.table)
        try:
            end = self.business.end()
        except ValueError:
            return 0
        if at not in reading.scan.collect_schema():
            return 0
        return int(reading.scan.select((pl.col(at) >= end).sum()).collect().item())

    def _reasons(self) -> Table:
        """Rows that were refused, left out or repeat others, and cells that were amended, with an example."""
        table = Table(*self._heads("file", "column", "reason", "value"), *self._heads("rows", "first_row", right=True))
        for reading in self.readings:
            for cells, say in ((reading.refused, self._refused), (reading.amended, self._amended)):
                for file, column, reason, value, rows, first in _examples(cells):
                    table.add_row(file, column, say(reason), value, self.number(rows), self.number(first))
            for rule, rows in reading.left_out.items():
                if rows:
                    why = self.text("refused.left_out", rule=rule)
                    table.add_row(reading.file, rule.split()[0], why, "", self.number(rows), "")
            for reason in REPEATS:
                if rows := getattr(reading, reason):
                    table.add_row(reading.file, "", self.text(f"refused.{reason}"), "", self.number(rows), "")
        return table

    def _refused(self, reason: str) -> str:
        return self.text(f"refused.{reason}")

    def _amended(self, reason: str) -> str:
        return amended(self.language, reason)

    def _ways(self) -> Table:
        """How the files are written, where nobody had said it, and which of their columns are not read."""
        table = Table(*self._heads("file", "column", "told"))
        for reading in self.readings:
            for file in reading.files:
                for way in file.ways:
                    table.add_row(file.name, way.column, in_words(self.language, way))
            if unread := list(dict.fromkeys(reading.unread)):
                more = f" … ({len(unread)})" if len(unread) > LISTED else ""
                names = ", ".join(unread[:LISTED]) + more
                table.add_row(reading.file, "", self.text("way.unread", value=names))
        return table

    def _shared(self) -> Table:
        """Share of the customers of each table that the others have too."""
        rows = list(shared_customers(self.readings))
        names = [name for name, _, _ in rows]
        table = Table(*self._heads("table"), *self._heads("customers", right=True))
        if len(rows) > 1:
            for name in names:
                table.add_column(self.text("way.found_in", table=self.text(f"table.{name}")), justify="right")
            for name, number, shares in rows:
                cells = (self.language.percent(shares[other]) if other in shares else "" for other in names)
                table.add_row(self.text(f"table.{name}"), self.number(number), *cells)
        return table

    def _heads(self, *names: str, right: bool = False) -> list[Column]:
        return [Column(self.text(f"column.{name}"), justify="right" if right else "left") for name in names]


def _examples(cells: pl.DataFrame) -> Iterator[tuple[str, str, str, str, int, int]]:
    """Faults counted by file, column and reason, commonest first, with the first cell that has each."""
    groups = cells.sort("row").group_by("file", "column", "reason", maintain_order=True)
    counts = groups.agg(pl.col("value").first(), rows=pl.len(), first=pl.col("row").first())
    for row in counts.sort("rows", "column", descending=[True, False]).iter_rows(named=True):
        value = (row["value"] or "")[:LONGEST_CELL]
        shown = value.encode("unicode_escape").decode() if not value.isprintable() else value
        yield row["file"], row["column"], row["reason"], shown.replace("[", r"\["), row["rows"], row["first"]
