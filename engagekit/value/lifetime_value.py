"""What customers are expected to buy within a number of periods, and what that is worth now."""

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engagekit.frames.engine import collected, to_narwhals
from engagekit.metrics.intervals import upper_tail
from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.fitting import Floats, logit_bounds
from engagekit.value.gamma_gamma import GammaGamma
from engagekit.value.model_input import HISTORY, distinct_rows, histories, one_unit, refuse

__all__ = ["lifetime_value"]


def lifetime_value(
    history: Any,
    purchases: BetaGeometric,
    spend: GammaGamma | None = None,
    *,
    periods: int,
    discount: float = 0.0,
    confidence: float = 0.95,
) -> Any:
    """Expected purchases of each customer within a number of periods, and their value now, in the currency.

    Parameters
    ----------
    history : frame
        As ``purchase_history`` gives it, in the unit of the model.
    purchases : BetaGeometric
        Fitted.
    spend : GammaGamma, optional
        Fitted. Without it the result holds no money, and ``history`` needs no ``value``.
    periods : int
        Units of time ahead, from 1 up.
    discount : float, default 0
        Rate of one unit of time, from 0 up.
    confidence : float, default 0.95
        Coverage of the intervals, between 0 and 1. They describe the uncertainty of the expectations. A single
        customer varies far more.

    Returns
    -------
    pandas.DataFrame where ``history`` is one, otherwise polars.DataFrame
        One row for each of ``history``, in its order:

        - ``customer_id``;
        - ``p_alive``, probability that the customer will buy again at some time;
        - ``purchases``, the expected number, discounted;
        - with ``spend``, ``mean_value`` of a purchase and ``expected_value`` of all of them, null where ``note`` says
          why;
        - all but ``mean_value`` with ``_low`` and ``_high``;
        - ``note``, none, one or several of these words: ``never_bought_again``, where ``p_alive`` is 1 because the
          model has no other answer for one-time buyers; ``value_unknown``, where no repeat purchase has a value;
          ``value_not_independent``, on every row, where frequency and value are correlated by 0.3 or more
          (``GammaGamma.independent``). The expected value would then be wrong for every customer, so none is given.

    Raises
    ------
    DataError
        A column is absent, or a history cannot be.
    ValueError
        A model was not fitted, or its unit is not that of the histories; an argument is out of range.

    Examples
    --------
    >>> history = pl.DataFrame({"customer_id": ["a", "b"], "frequency": [0, 2], "recency": [0.0, 30.0],
    ...     "age": [38.0, 38.0]})
    >>> model = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week", covariance=0.01 * np.eye(4))
    >>> expected = lifetime_value(history, model, periods=39).select("p_alive", "purchases", "note")
    >>> expected.with_columns(pl.col("p_alive", "purchases").round(2)).rows()
    [(1.0, 0.2, 'never_bought_again'), (0.73, 1.25, '')]
    """
    from scipy.special import ndtri

    keys = (*HISTORY, "value") if spend else HISTORY
    table = collected(to_narwhals(history, ["customer_id", *keys], ["unit"]))
    one_unit(table, purchases.unit)
    rows = distinct_rows(table.select(keys), keys)
    past, z = histories(rows), float(ndtri(upper_tail(confidence)))
    figures, error = _purchases(purchases, past, discount, periods, z)
    notes = {"never_bought_again": past[0] == 0}
    if spend:
        refuse(rows, "value", rows["value"].to_numpy() < 0, "is below 0.")
        money, unknown = _money(spend, past[0], rows["value"].to_numpy(), figures["purchases"], error, z)
        figures |= money
        notes |= {"value_unknown": unknown, "value_not_independent": np.full(len(rows), not spend.independent)}
    customers = table.select("customer_id", pl.col(keys).cast(pl.Float64))
    expected = pl.concat([rows.select(keys), pl.DataFrame(figures).fill_nan(None), _worded(notes)], how="horizontal")
    result = customers.join(expected, on=keys, how="left", nulls_equal=True, maintain_order="left").drop(keys)
    return result.to_pandas() if nw.dependencies.is_pandas_dataframe(history) else result


def _purchases(
    model: BetaGeometric, past: list[Floats], discount: float, periods: int, z: float
) -> tuple[dict[str, Floats], Floats]:
    """P(alive) and purchases with their bounds, and the standard error of the purchases."""
    alive, ahead = model.p_alive(*past), model.discounted_purchases(discount, periods, *past)
    alive_error = np.sqrt(model.variance(lambda each: each.p_alive(*past)))
    error = np.sqrt(model.variance(lambda each: each.discounted_purchases(discount, periods, *past)))
    figures = _with_bounds("p_alive", alive, *logit_bounds(alive, z * alive_error, 1))
    return figures | _with_bounds("purchases", ahead, *logit_bounds(ahead, z * error)), error


def _money(
    spend: GammaGamma, frequency: Floats, value: Floats, ahead: Floats, error: Floats, z: float
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Mean and expected value with bounds, NaN where the two are not independent; and where the value is unknown."""
    mean = spend.expected_value(frequency, value)
    spread = np.sqrt(spend.variance(lambda each: each.expected_value(frequency, value)))
    mean = mean if spend.independent else np.full(len(mean), np.nan)
    expected = ahead * mean
    bounds = logit_bounds(expected, z * np.hypot(error * mean, spread * ahead))
    return {"mean_value": mean} | _with_bounds("expected_value", expected, *bounds), (frequency > 0) & np.isnan(value)


def _with_bounds(name: str, value: Floats, low: Floats, high: Floats) -> dict[str, Floats]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _worded(notes: dict[str, NDArray[np.bool_]]) -> pl.DataFrame:
    """Column ``note``: the words that hold for each row, separated by spaces."""
    words = [pl.when(pl.lit(pl.Series(holds))).then(pl.lit(word)) for word, holds in notes.items()]
    return pl.select(pl.concat_str(*words, separator=" ", ignore_nulls=True).alias("note"))
