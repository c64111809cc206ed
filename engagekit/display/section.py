"""A section: one question with its answer, as a frame for the analyst, a display in Jupyter and a part of the page."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from engagekit.display import markup
from engagekit.display.drawing import drawings
from engagekit.display.pseudonyms import without_ids
from engagekit.language import Language, precision

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = [
    "FEWEST",
    "MIME",
    "Figure",
    "Section",
    "content_of",
    "hidden_cells",
    "hidden_in",
    "html_of",
    "no_cells",
    "part",
    "raw_rows",
    "safe_table",
]

MIME = "application/vnd.engagekit.section+json"
ENGLISH = Language("en")
FEWEST = 5  # smaller groups of people are not broken out
SHOWN = 5  # rows of a table whose others are folded


@dataclass(frozen=True)
class Figure:
    """How a section's table is drawn.

    Attributes
    ----------
    plot : callable
        Draws a table on the Axes that it is given.
    title, subtitle, source : str
        What it shows; its measure and unit; where the numbers are from.
    alt : str
        What it says to readers who do not see it; by default the section's answer.
    height : int
        Of the drawings in CSS pixels, for many rows; 0 for the usual.

    Examples
    --------
    >>> from engagekit import plots
    >>> figure = Figure(lambda table, ax: plots.score(table, ax), "Scores of the customers", "0 to 100 points")
    >>> section = Section("How engaged are they?", study.scores, "Most are in the middle.", figure=figure)
    >>> section.alt, type(section.plot()).__name__
    ('Most are in the middle.', 'Axes')
    """

    plot: "Callable[[pd.DataFrame, Axes], Axes]"
    title: str
    subtitle: str = ""
    source: str = ""
    alt: str = ""
    height: int = 0


class Section:
    """One question with its answer.

    Groups of fewer than five people are blank in ``table`` from the start. Answer, cells and figure are functions of
    that table, so that none of them can tell more than it.

    Parameters
    ----------
    question : str
        What is asked; the heading.
    table : pandas.DataFrame
        Numbers, with n in each row.
    answer : str, sequence of str or callable
        Sentences, or a function of the safe table that gives them.
    people : str, optional
        Column of ``table`` that counts people.
    cells : callable, optional
        Gives the table as it is printed, in words; by default the numbers as they are.
    words : sequence of str
        Columns of the cells that hold words.
    bars : sequence of float
        Length of a bar below the first number of each row, 0 to 1.
    more : str
        What the rows after the fifth are folded under, such as "and 7 more"; without it all are shown.
    figure : Figure, optional
        How the table is drawn.
    tiles : sequence of Tile
        Numbers of the first screen.
    notes : sequence of str
        Small print.
    parts : sequence of Section
        Smaller questions that belong to this one.
    layer : {"detail", "summary"}
        Whether it is folded on the page.

    Examples
    --------
    >>> import pandas as pd
    >>> plans = pd.DataFrame({"plan": ["basic", "team", "trial"], "customers": [40, 31, 3], "churn": [0.1, 0.05, 0.33]})
    >>> section = Section("Who leaves?", plans, lambda table: f"Most: {table['churn'].max():.0%}", people="customers")
    >>> section
    Who leaves?
    Most: 10%
    >>> section.table["churn"].tolist()
    [0.1, nan, nan]

    >>> section.payload["table"]["rows"][0], section.alt
    (['basic', 40.0, 0.1], 'Most: 10%')
    >>> figure = Figure(lambda table, ax: table.plot.bar("plan", "churn", ax=ax), "Churn by plan")
    >>> drawn = Section("Who leaves?", plans, figure=figure)
    >>> [label.get_text() for label in drawn.plot().get_xticklabels()]
    ['basic', 'team', 'trial']
    """

    def __init__(
        self,
        question: str,
        table: "pd.DataFrame | None" = None,
        answer: "str | Sequence[str] | Callable[[pd.DataFrame], str | Sequence[str]]" = (),
        *,
        people: str = "",
        cells: "Callable[[pd.DataFrame], pd.DataFrame] | None" = None,
        words: Sequence[str] = (),
        bars: Sequence[float] = (),
        more: str = "",
        figure: Figure | None = None,
        tiles: Sequence[markup.Tile] = (),
        notes: Sequence[str] = (),
        parts: "Sequence[Section]" = (),
        layer: Literal["detail", "summary"] = "detail",
    ) -> None:
        import pandas as pd

        self.question, self.layer = question, layer
        self.table = safe_table(pd.DataFrame() if table is None else table, people)
        told = answer(self.table) if callable(answer) else answer
        self.answer: list[str] = [told] if isinstance(told, str) else list(told)
        self.notes, self.tiles, self.parts = list(notes), list(tiles), list(parts)
        self._cells, self._words, self._figure = cells, list(words), figure
        self._bars, self._more = list(bars), more

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the table, on new Axes unless some are given.

        Raises
        ------
        ValueError
            The section has no figure.
        """
        if self._figure is None:
            raise ValueError(f"{self.question!r} has no figure: draw its .table")
        if ax is None:
            from matplotlib import pyplot

            _, ax = pyplot.subplots()
        return self._figure.plot(self.table, ax)

    @property
    def alt(self) -> str:
        """What the figure says to readers who do not see it."""
        return (self._figure and self._figure.alt) or " ".join(self.answer)

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The section as JSON, of which the page makes its part."""
        table = without_ids(self.table)
        cells = self._cells(table) if self._cells else table
        printed: dict[str, Any] = {
            "columns": [str(name) for name in cells],
            "rows": raw_rows(cells),
            "words": self._words,
        }
        if self._bars:
            printed["bars"] = markup.known_numbers(self._bars)
        if self._more and len(cells) > SHOWN:
            printed["more"] = self._more
        return part(
            layer=self.layer,
            question=self.question,
            answer=self.answer,
            figure=self._drawn(),
            tiles=[vars(tile) | {"spark": markup.known_numbers(tile.spark)} for tile in self.tiles],
            table=printed if len(cells) else None,
            notes=self.notes,
            parts=[each.payload for each in self.parts],
        )

    def _drawn(self) -> dict[str, str] | None:
        figure, table = self._figure, without_ids(self.table)
        if figure is None:
            return None
        wide, narrow = drawings(lambda ax: figure.plot(table, ax), figure.height)
        words = {"title": figure.title, "subtitle": figure.subtitle, "source": figure.source, "alt": self.alt}
        return {"wide": wide, "narrow": narrow, **words}

    def __repr__(self) -> str:
        return "\n".join([self.question, *self.answer])

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": markup.in_jupyter(html_of(self.payload)), MIME: self.payload}


def safe_table(table: "pd.DataFrame", people: str) -> "pd.DataFrame":
    """Table without the numbers of groups of fewer than five people, and of the next smallest where it is only one.

    Parameters
    ----------
    table : pandas.DataFrame
    people : str
        Column that counts people; empty where none does.

    Examples
    --------
    >>> import pandas as pd
    >>> safe_table(pd.DataFrame({"city": ["A", "B", "C"], "n": [9, 4, 6], "value": [1.0, 2.0, 3.0]}), "n")["n"].tolist()
    [9.0, nan, nan]
    """
    if not people:
        return table.copy()
    places = hidden_cells(table[people].tolist())
    hidden = np.isin(np.arange(len(table)), list(places))
    numbers = table.select_dtypes("number").columns
    return table.assign(**{name: table[name].astype(float).mask(hidden) for name in numbers} if places else {})


def hidden_cells(counts: Sequence[float]) -> set[int]:
    """Places of the counts that are hidden: those below five, and the next smallest where only one is below five.

    Else that one could be worked out of the total.

    Examples
    --------
    >>> sorted(hidden_cells([9, 4, 6])), sorted(hidden_cells([9, 4, 3])), sorted(hidden_cells([9, 0, 6]))
    ([1, 2], [1, 2], [])
    """
    few = {place for place, count in enumerate(counts) if 0 < count < FEWEST}
    others = [place for place, count in enumerate(counts) if count >= FEWEST]
    return few | ({min(others, key=counts.__getitem__)} if len(few) == 1 and others else set())


def hidden_in(counts: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """Which counts of a table of rows and columns are not told, so that none can be worked out of a total of either.

    Examples
    --------
    >>> hidden_in(np.array([[9.0, 3.0], [8.0, 7.0], [0.0, 9.0]])).tolist()
    [[True, True], [True, True], [False, False]]
    """
    hidden = (counts > 0) & (counts < FEWEST)
    while True:
        before = hidden.copy()
        for line, told in (*zip(counts, hidden, strict=True), *zip(counts.T, hidden.T, strict=True)):
            others = np.flatnonzero(~told & (line > 0))
            if told.sum() == 1 and len(others):
                told[others[line[others].argmin()]] = True
        if (hidden == before).all():
            return hidden


def no_cells(table: "pd.DataFrame") -> "pd.DataFrame":
    """Cells of a table that is drawn or told, and not printed."""
    return table.head(0)


def part(**given: Any) -> dict[str, Any]:
    """Payload of a part of the page: a section's, or one without a question, of a frame or a figure alone."""
    empty: dict[str, Any] = {
        "question": "",
        "answer": [],
        "figure": None,
        "image": "",
        "alt": "",
        "tiles": [],
        "table": None,
    }
    return {"layer": "part", **empty, "notes": [], "parts": [], **given}


def raw_rows(frame: "pd.DataFrame") -> list[list[Any]]:
    """Cells of a frame for JSON, row by row: numbers and text as they are, None where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> raw_rows(pd.DataFrame({"plan": ["team", None], "n": [1.5, float("nan")]}))
    [['team', 1.5], [None, None]]
    """
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return [[_plain(cell) for cell in row] for row in rows]


def _plain(cell: object) -> object:
    if isinstance(cell, float):
        return markup.known_numbers([cell])[0]
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    return cell.isoformat(sep=" ").removesuffix(" 00:00:00") if isinstance(cell, dt.datetime) else str(cell)


def html_of(payload: dict[str, Any], language: Language = ENGLISH) -> str:
    """HTML of a part's payload; everything in it but the drawings is escaped.

    Parameters
    ----------
    payload : dict
        As ``part`` makes it.
    language : Language
        Writes the numbers of a table that are not in words yet.
    """
    parts = [markup.heading(payload["question"], anchor="")] if payload["question"] else []
    if payload["layer"] == "summary" and len(payload["answer"]) > 1:
        parts.append(markup.main_points(payload["answer"]))
    else:
        parts += [markup.finding(sentence) for sentence in payload["answer"]]
    return "".join(parts) + content_of(payload, language)


def content_of(payload: dict[str, Any], language: Language = ENGLISH) -> str:
    """As ``html_of``, without question and answer."""
    parts = []
    if payload["tiles"]:
        parts.append(markup.tiles([markup.Tile(**tile) for tile in payload["tiles"]]))
    if drawn := payload["figure"]:
        words = {name: drawn[name] for name in ("title", "subtitle", "alt", "source")}
        parts.append(markup.figure(drawn["wide"], drawn["narrow"], **words))
    if payload["image"]:
        parts.append(markup.image(payload["image"], payload["alt"]))
    if printed := payload["table"]:
        rows = [[_written(cell, language) for cell in row] for row in printed["rows"]]
        bars, more = printed.get("bars", ()), printed.get("more", "")
        for shown in (slice(SHOWN), slice(SHOWN, None)) if more else (slice(None),):
            drawn = markup.cells(printed["columns"], rows[shown], words=printed["words"], bars=bars[shown])
            parts.append(markup.folded(more, drawn) if shown.start else drawn)
    parts += [markup.note(text) for text in payload["notes"]]
    for each in payload["parts"]:
        heading = [markup.heading(each["question"], level=3)] if each["question"] else []
        answer = [markup.finding(sentence) for sentence in each["answer"]]
        parts += [*heading, *answer, content_of(each, language)]
    return "".join(parts)


def _written(cell: object, language: Language) -> str:
    """Cell in words: a number that is not whole has two significant digits at least."""
    if cell is None:
        return markup.MISSING
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return str(cell)
    return language.number(cell, 0 if float(cell).is_integer() else precision("ratio", [cell]) or 0)
