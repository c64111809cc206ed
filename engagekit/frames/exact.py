"""Sums that are the same to the last bit, whatever the order of the rows and the number of threads.

Decimals such as 0.1 have no exact float, so a sum of them depends on the order in which they are added. Whole numbers
add up exactly as long as the sum stays below 2^53: money up to 900 billion units in ten-thousandths, durations up to
285 years in microseconds. Beyond that the sum is still as close as a float can be, and only its last bits may differ.
"""

import narwhals as nw

__all__ = ["MONEY", "SCORES", "SECONDS", "in_parts"]

MONEY = 10_000  # ten-thousandths of a unit of currency
SECONDS = 1_000_000  # microseconds
SCORES = 1_000_000_000  # of scores from -1 to 1, so that nine million of them add up exactly


def in_parts(number: nw.Expr, parts: int) -> nw.Expr:
    """Whole number of parts that a number is nearest to, as a float; divide the sum by ``parts``.

    Parameters
    ----------
    number : narwhals.Expr
        Numbers; a missing one stays missing.
    parts : int
        Parts of one: ``MONEY``, ``SECONDS`` or ``SCORES``.

    Examples
    --------
    >>> import polars as pl
    >>> paid = nw.from_native(pl.DataFrame({"value": [0.1, 0.2, 1e9, -1e9]}))
    >>> float(paid["value"].sum()), paid.select(in_parts(nw.col("value"), MONEY).sum() / MONEY).item()
    (0.30000001192092896, 0.3)
    """
    return (number.cast(nw.Float64) * float(parts) + 0.5).floor()
