"""Totals over many overlapping ranges of a customer's cells, by running sums."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

__all__ = ["range_totals"]

LARGEST = 2**62  # beyond it a sum does not fit a whole number of 64 bits


def range_totals(
    cells: pl.DataFrame,
    key: str,
    place: str,
    ranges: Sequence[range],
    sums: Sequence[str],
    first: Sequence[str] = (),
    parts: Mapping[str, tuple[str, Sequence[range]]] | None = None,
) -> pl.DataFrame | None:
    """Totals of each key's cells in each of several ranges of places.

    A join would repeat each cell once a range that holds it; a difference of two running sums does not. Running sums of
    whole numbers wrap around at 64 bits, so that their differences are exact wherever a range's own total is.

    Parameters
    ----------
    cells : polars.DataFrame
        At most one row a key and place. Places are whole numbers from 0 on.
    key, place : str
        Columns.
    ranges : sequence of range
        Places, each range with step 1.
    sums : sequence of str
        Columns of whole numbers, of an integer or a float type, that are added up.
    first : sequence of str, default ()
        Columns that are taken from the cell with the lowest place in the range.
    parts : mapping of str to (str, sequence of range), optional
        Totals of a column over other ranges, one for each of ``ranges``, by the name that they get.

    Returns
    -------
    polars.DataFrame or None
        One row for each key and range with a cell in it, in the order of key and range: the key, ``range`` (its
        number), ``first``, ``sums`` and ``parts``. None where a number is too large to be added up this way.

    Examples
    --------
    >>> cells = pl.DataFrame({"who": ["a", "a", "b"], "week": [0, 2, 1], "n": [1, 2, 5]})
    >>> range_totals(cells, "who", "week", [range(0, 2), range(1, 3)], ["n"]).rows()
    [('a', 0, 1), ('a', 1, 2), ('b', 0, 5), ('b', 1, 5)]
    """
    parts = parts or {}
    wanted = list(dict.fromkeys([*sums, *(column for column, _ in parts.values())]))
    floats = [name for name in wanted if cells.schema[name].is_float()]
    if floats and any((largest or 0) >= LARGEST for largest in cells.select(pl.col(floats).abs().max()).row(0)):
        return None
    cells = cells.sort(key, place)
    number = cells[key].rle_id().to_numpy().astype(np.int64)
    rows = _Positions(number, cells[place].to_numpy(), max(part.stop for part in ranges))
    begin, end = (rows.of([getattr(part, side) for part in ranges]) for side in ("start", "stop"))
    held = np.flatnonzero(end > begin)
    begin, end = begin[held], end[held]
    edges = {name: (name, begin, end) for name in sums}
    for name, (column, others) in parts.items():
        low, high = (rows.of([getattr(part, side) for part in others])[held] for side in ("start", "stop"))
        edges[name] = (column, low, high)
    totals: dict[str, np.ndarray] = {}
    for column in wanted:  # one after another: at most one column's running sums are in memory
        running = np.concatenate([[0], np.cumsum(cells[column].fill_null(0).cast(pl.Int64).to_numpy())])
        totals |= {name: running[high] - running[low] for name, (of, low, high) in edges.items() if of == column}
    numbers = pl.Series("range", held % len(ranges), dtype=pl.Int64)
    taken = cells.select(key, *first)[begin].insert_column(1, numbers)
    return taken.with_columns(pl.Series(name, totals[name]) for name in edges)


class _Positions:
    """Rows of cells, in the order of key and place, at which ranges begin and end."""

    def __init__(self, number: np.ndarray, place: np.ndarray, stop: int) -> None:
        self._width = max(int(place.max(initial=0)), stop) + 1
        self._cells = number * self._width + place
        self._keys = np.arange(number[-1] + 1 if len(number) else 0)

    def of(self, places: Sequence[int]) -> np.ndarray:
        """First row of each key at or after each place, key by key."""
        cells = (self._keys[:, None] * self._width + np.array(places)[None, :]).ravel()
        first: np.ndarray = np.searchsorted(self._cells, cells)
        return first
