"""A/A simulation: how often random halves of a business's own customers seem to differ."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from engagekit.decisions.effects import effects, is_proportion
from engagekit.decisions.outcomes import Outcome, Sums, check_columns, is_given, outcomes_of
from engagekit.errors import TooLittle
from engagekit.frames.engine import collected
from engagekit.metrics.measure import needed_rows, unit_totals
from engagekit.metrics.metric import Ratio

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["a_a"]

ALPHA = 0.05
FEWEST = 4  # customers
ROW_ID = ":unit"


def a_a(
    frame: Any,
    metrics: str | Ratio | Iterable[str | Ratio],
    *,
    unit: str | None = None,
    runs: int = 1000,
    seed: int = 0,
) -> "pd.DataFrame":
    """Share of random splits of the same customers in which p is below .05; it should be 5 %.

    Where it is far more, a test on these data would find effects that are not there: a few customers carry the metric,
    or rows of one customer were taken for customers.

    Parameters
    ----------
    frame : pandas, Polars, DuckDB or Spark frame
        Rows of customers.
    metrics : str, Ratio or several
        Columns and metrics, as ``experiment`` takes them.
    unit : str, optional
        Column of the customer, to whom rows are summed; rows without one are left out. By default each row is a
        customer.
    runs : int, default 1000
        Splits into two halves, 1 or more.
    seed : int, default 0

    Returns
    -------
    pandas.DataFrame
        ``metric, customers, runs, false_positives`` (a fraction), ``band_low`` and ``band_high``, between which 95 % of
        such simulations of a sound test lie, and ``sound``: whether it lies below the upper one.

    Raises
    ------
    DataError
        A column is absent or of a wrong type, or its name begins with a colon.
    TooLittle
        Fewer than 4 customers have a value.
    ValueError
        There is no such metric, or ``runs`` is below 1.

    Examples
    --------
    >>> import pandas as pd
    >>> spent = pd.DataFrame({"spent": np.arange(200.0)})
    >>> a_a(spent, "spent", runs=200)["sound"].item()
    True
    """
    import pandas as pd
    from scipy.stats import binom

    if runs < 1:
        raise ValueError(f"runs: {runs} must be 1 or above")
    low, high = (float(binom.ppf(q, runs, ALPHA)) / runs for q in (0.025, 0.975))
    rows = []
    outcomes = outcomes_of(frame, metrics, None, None)
    check_columns(outcomes, unit=unit)
    for outcome in outcomes:
        x, y = _totals(frame, outcome, unit)
        share = float((_p_values(outcome, x, y, runs, seed) < ALPHA).mean())
        rows.append({"metric": outcome.metric.name, "customers": len(x), "runs": runs, "false_positives": share})
    return pd.DataFrame(rows).assign(
        band_low=low, band_high=high, sound=lambda table: table["false_positives"] <= table["band_high"]
    )


def _totals(frame: Any, outcome: Outcome, unit: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator of each customer."""
    if unit is None:
        unit = ROW_ID
        rows = collected(needed_rows(frame, [outcome.metric], [])).with_row_index(unit)
    else:
        known = needed_rows(frame, [outcome.metric], [unit])
        rows = collected(known.filter(is_given(known, unit)))
    totals = unit_totals(rows, [outcome.metric], unit)[outcome.metric.name]
    if outcome.column:
        is_flag = outcome.metric.method == "wilson"
        totals = totals.select(x=pl.col("x") > 0 if is_flag else "x", y=pl.lit(1.0))
    if len(totals) < FEWEST:
        raise TooLittle(f"{outcome.metric.name}: {len(totals)} customers have a value, and a split needs {FEWEST}.")
    return totals["x"].cast(pl.Float64).to_numpy(), totals["y"].cast(pl.Float64).to_numpy()


def _p_values(outcome: Outcome, x: np.ndarray, y: np.ndarray, runs: int, seed: int) -> np.ndarray:
    """P value of each random split into halves; NaN where it is not defined."""
    with np.errstate(over="ignore"):  # effects() refuses values whose squares are not finite
        products = np.column_stack([x, y, x * x, x * y, y * y, np.ones(len(x))])
        cubes = float((x**3).sum())
    names, total, rng = ("x", "y", "xx", "xy", "yy", "units"), products.sum(0), np.random.default_rng(seed)
    proportion = is_proportion(outcome, [dict(zip(names, total, strict=True)) | {"xxx": cubes}])
    p_values = []
    for _ in range(runs):
        chosen = products[rng.permutation(len(x))[: len(x) // 2]].sum(0)
        arms: list[Sums] = [dict(zip(names, part.tolist(), strict=True)) for part in (total - chosen, chosen)]
        p_values.append(effects(outcome, arms, proportion=proportion, factor=1)[1]["p_value"])
    return np.array(p_values)
