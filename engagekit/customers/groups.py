"""Groups that any table can be measured by: its own columns, attributes of customers, and groups that change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, column_names

__all__ = ["MOST_GROUPS", "check_groups", "with_groups"]

MOST_GROUPS = 100
PERIOD = ":period"
Makers = Mapping[str, Callable[[], pl.DataFrame]]


def with_groups(
    frame: Any, at: str, words: Sequence[str], table: str, customers: pl.DataFrame | None, groups: Makers, period: str
) -> Any:
    """Rows of a table with the columns that words name.

    Parameters
    ----------
    frame : frame
        Rows of the table.
    at : str
        Column that dates a row.
    words : sequence of str
        Each is looked for among the table's columns, then among the attributes of customers, then among the groups.
    table : str
        Name of the table, for messages.
    customers : polars.DataFrame, optional
        ``customer_id`` and attributes, a row a customer.
    groups : mapping of str to callable
        Makes for each group ``customer_id``, the group and, where it changes, the ``date`` from which it holds: first
        days of periods.
    period : {"1w", "1mo", "1q"}
        Length of the periods. A group that changes is the one at the start of the period that a row is dated in.

    Raises
    ------
    DataError
        A word names nothing, or the table has no customers; lists what there is to choose from.

    Examples
    --------
    >>> answers = pl.DataFrame({"customer_id": ["a", "b"], "score": [9, 3]})
    >>> plans = pl.DataFrame({"customer_id": ["a", "b"], "plan": ["gold", "basic"]})
    >>> with_groups(answers, "answered_at", ["plan"], "surveys", plans, {}, "1mo")["plan"].to_list()
    ['gold', 'basic']
    """
    own = column_names(frame)
    attributes = [] if customers is None else [name for name in customers.columns if name != "customer_id"]
    wanted = [word for word in dict.fromkeys(words) if word not in own]
    for word in wanted:
        _check(word, table, own, attributes, list(groups))
    if not wanted:
        return frame
    rows = frame.lazy() if isinstance(frame, pl.DataFrame) else collected(nw.from_native(frame).lazy()).lazy()
    for word in wanted:
        made = customers.select("customer_id", word) if customers is not None and word in attributes else groups[word]()
        on = ["customer_id"]
        if "date" in made.columns:
            made, on = made.rename({"date": PERIOD}), ["customer_id", PERIOD]
            start = (
                pl.col(at).cast(made.schema[PERIOD]) if made.schema[PERIOD] != rows.collect_schema()[at] else pl.col(at)
            )
            rows = rows.with_columns(start.dt.truncate(period).alias(PERIOD))
        made = made.unique(on, keep="last", maintain_order=True).select(*on, word)
        rows = rows.join(made.lazy(), on=on, how="left").drop(PERIOD, strict=False)
    return rows.collect()


def check_groups(frame: Any, by: Sequence[str]) -> None:
    """Refuse to measure by a column of more than 100 values.

    Raises
    ------
    DataError
        Names the column, and how to choose.
    """
    rows = nw.from_native(frame).lazy()
    for word in by:
        number = int(collected(rows.select(nw.col(word).n_unique())).item())
        if number > MOST_GROUPS:
            way_out = f'Choose some, such as where={{"{word}": [...]}}, or group them first.'
            raise DataError(f"has {number:,} values, and at most {MOST_GROUPS} can be shown. {way_out}", column=word)


def _check(word: str, table: str, own: Sequence[str], attributes: Sequence[str], groups: Sequence[str]) -> None:
    if "customer_id" not in own:
        problem = f"is not a column of {table}, which has no customer_id and so knows only its own columns."
        raise DataError(f"{problem} {did_you_mean(word, own)}", column=word)
    if word not in attributes and word not in groups:
        known = [*own, *attributes, *groups]
        raise DataError(
            f"is neither a column of {table} nor a group of its customers. {did_you_mean(word, known)}", column=word
        )
