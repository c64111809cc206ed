"""Columns of another file that come in by a key, such as those of a product to each line of an order."""

from pathlib import Path

import polars as pl

from engagekit.data.files import ROW, Opened
from engagekit.data.source import Join
from engagekit.data.style import written
from engagekit.errors import DataError, did_you_mean

__all__ = ["with_joined"]

KEY = ":key"


def with_joined(file: Opened, name: str, join: Join, other: Opened) -> Opened:
    """A file with the columns of another one, blank where its key is not there.

    Parameters
    ----------
    file : Opened
        The table's file.
    name : str
        Its name, for the messages.
    join : Join
        The other file, and the columns that hold the key in both.
    other : Opened
        The other file.

    Raises
    ------
    DataError
        A column of the key is not there, or the other file has a key twice: a row would count twice.
    """
    ours, theirs = join.on, join.key or join.on
    for header, column, where in ((file.header, ours, name), (other.header, theirs, Path(join.file).name)):
        if column not in header:
            problem = f"has no column {column!r} to join by. {did_you_mean(column, header)}"
            raise DataError(problem, file=where)
    taken = [place for place, column in enumerate(other.header) if column != theirs]
    frame = other.cells.collect()
    key = written(frame[str(other.header.index(theirs))]).alias(KEY)
    keyed = frame.select(ROW, *(pl.col(str(place)) for place in taken)).with_columns(key).filter(key.is_not_null())
    if (twice := keyed.filter(keyed[KEY].is_duplicated())).height:
        problem = (
            f"has the same {theirs} in {twice.height:,} rows, so that a row of {name} would count twice. Keep one."
        )
        raise DataError(problem, file=Path(join.file).name, row=int(twice[ROW][1]), column=theirs, value=twice[KEY][1])
    width = len(file.header)
    renamed = {str(place): str(width + at) for at, place in enumerate(taken)}
    stem = Path(join.file).stem
    names = [
        column if column not in file.header else f"{stem}.{column}" for column in map(other.header.__getitem__, taken)
    ]
    own = pl.col(str(file.header.index(ours)))
    cells = file.cells.with_columns(own.map_batches(written, return_dtype=pl.String).alias(KEY))
    cells = cells.join(keyed.drop(ROW).rename(renamed).lazy(), on=KEY, how="left", maintain_order="left").drop(KEY)
    return Opened([*file.header, *names], cells, file.text)
