"""What goes wrong with a business's data, and how a message says so."""

import difflib
from collections.abc import Iterable

__all__ = ["DataError", "TooLittle", "did_you_mean"]

LISTED = 20
LONGEST, LONGEST_FILE = 500, 200  # characters of a message, and of the file's name in it


class DataError(ValueError):
    """Data or settings that cannot be used as they are.

    The message names the file, row and column where they are known, and the way out. It has at most 500 characters, and
    it is written into reports, so it holds no value of a customer's row: that is the attribute ``value``, which
    ``engagekit check`` shows on the terminal.

    Parameters
    ----------
    problem : str
        What is wrong, and how to correct it.
    file, row, column : str or int, optional
        Where. A row counts as in a spreadsheet: the header is row 1.
    value : object, optional
        The cell of a customer's row that is at fault; not a part of the message.

    Examples
    --------
    >>> error = DataError("is not on the 0-10 scale.", file="surveys.csv", row=14, column="score", value=11)
    >>> print(error)
    surveys.csv, row 14, score: is not on the 0-10 scale.
    >>> error.value
    11
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
    ) -> None:
        self.problem, self.file, self.row, self.column, self.value = problem, file, row, column, value
        place = [_shortened(str(file), LONGEST_FILE)] if file is not None else []
        place += [f"row {row}"] if row is not None else []
        place += [str(column)] if column is not None else []
        super().__init__(_shortened(f"{', '.join(place)}: {problem}" if place else problem, LONGEST))


class TooLittle(DataError):
    """Data that are sound, and too few to say anything: a report says so and goes on."""


def _shortened(text: str, longest: int) -> str:
    """Text without its middle where it is too long: a message begins with the place and ends with the way out."""
    half = (longest - 3) // 2
    return text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Sentence that offers the nearest known name, or lists what there is, up to 20 names.

    Parameters
    ----------
    name : str
        The name that was not found.
    known : iterable of str
        The names that would have been.

    Returns
    -------
    str
        Starts with a capital and ends with a full stop or a question mark.

    Examples
    --------
    >>> did_you_mean("delivred", ["sent", "delivered"])
    'Did you mean delivered?'
    >>> did_you_mean("xyz", ["sent", "delivered"])
    'There are: delivered, sent.'
    """
    names = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {folded[near[0]]}?"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"There are: {', '.join(names[:LISTED])}{more}." if names else "There are none."
