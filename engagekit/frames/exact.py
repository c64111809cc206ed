"""Sums that are the same to the last bit, whatever the order of the rows and the number of threads.

A decimal such as 0.1 has no exact float, so that a sum of floats depends on the order in which they are added. Whole
numbers add up exactly as long as the sum stays below 2^53, also as floats: money up to 900 billion units in
ten-thousandths, durations up to 285 years in microseconds. Beyond that a sum is still as close as floats come, and only
its last bits may differ.
"""

import narwhals as nw
import polars as pl

__all__ = ["MONEY", "SCORES", "SECONDS", "in_parts", "square_sum", "square_terms"]

MONEY = 10_000  # ten-thousandths of a unit of currency
SECONDS = 1_000_000  # microseconds
SCORES = 1_000_000_000  # of scores from -1 to 1: nine million of them add up exactly
HALF = 2**18  # a whole number is this many times its high part, and its low part
SQUARES = ("high_high", "high_low", "low_low")


def in_parts(number: nw.Expr, parts: int) -> nw.Expr:
    """Whole number of parts that is nearest to a number, as a float; divide the sum of them by ``parts``.

    Parameters
    ----------
    number : narwhals.Expr
        Numbers; a missing one stays missing.
    parts : int
        Parts of one: ``MONEY``, ``SECONDS`` or ``SCORES``.

    Examples
    --------
    >>> paid = nw.from_native(pl.DataFrame({"value": [0.1, 0.2, 1e9, -1e9]}))
    >>> paid["value"].sum() == 0.3, paid.select(in_parts(nw.col("value"), MONEY).sum() / MONEY).item()
    (False, 0.3)
    """
    return (number.cast(nw.Float64) * float(parts) + 0.5).floor()


def square_terms(whole: nw.Expr) -> dict[str, nw.Expr]:
    """Terms whose sums ``square_sum`` makes a sum of squares of, exactly.

    Parameters
    ----------
    whole : narwhals.Expr
        Whole numbers, such as ``in_parts`` gives them.

    Notes
    -----
    With w = 2^18 h + l: w^2 = 2^36 h^2 + 2^19 h l + l^2. Each of the three sums stays whole and below 2^53 for hundreds
    of thousands of numbers, where a sum of w^2 would not.
    """
    high = (whole / float(HALF)).floor()
    low = whole - high * float(HALF)
    return dict(zip(SQUARES, (high * high, high * low, low * low), strict=True))


def square_sum(parts: int) -> pl.Expr:
    """Sum of squares of numbers, of the sums of their ``square_terms`` in columns of these names.

    Parameters
    ----------
    parts : int
        Parts of one in which the whole numbers were.

    Examples
    --------
    >>> paid = nw.from_native(pl.DataFrame({"value": [0.5, 1000.25]})).with_columns(in_parts(nw.col("value"), MONEY))
    >>> sums = paid.select(**square_terms(nw.col("value"))).select(nw.all().sum()).to_native()
    >>> sums.select(square_sum(MONEY)).item()  # 0.25 + 1000500.0625
    1000500.3125
    """
    high_high, high_low, low_low = (pl.col(name) for name in SQUARES)
    whole = high_high * float(HALF**2) + high_low * float(2 * HALF) + low_low
    return whole / float(parts**2)
