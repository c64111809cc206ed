"""Randomised tests of a business: the rows of its ``assignments``, and what the customers did afterwards."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import narwhals as nw

from engagekit.data.settings import ExperimentSettings
from engagekit.decisions.experiment import Experiment, compared_arms
from engagekit.decisions.outcomes import Outcome, arm_sums, is_given, outcomes_of
from engagekit.errors import DataError, did_you_mean
from engagekit.frames.engine import collected, column_names, with_one_key_type
from engagekit.frames.times import with_micros
from engagekit.metrics.metric import Ratio
from engagekit.study import Study

__all__ = ["CONVERTED", "VALUE", "assigned_rows", "experiments_of", "study_experiment"]

CUSTOMER = "customer_id"
CONVERTED = Ratio("converted", numerator="converted", bounded=True, method="wilson", better="higher", unit="customer")
VALUE = Ratio("value", numerator="value", measured_in="money", better="higher", unit="customer")
ASSIGNED_US, ROW_US = ":assigned", ":row time"


def experiments_of(study: Study) -> list[str]:
    """Names of the tests that customers were assigned to before the study's end, in order; none without assignments.

    Examples
    --------
    >>> experiments_of(study)
    ['free dessert']
    """
    if not study.has("assignments"):
        return []
    rows = nw.from_native(study.described("assignments")).lazy().select(nw.col("experiment").cast(nw.String))
    return sorted(collected(rows.unique())["experiment"].drop_nulls().to_list())


def study_experiment(study: Study, name: str, metrics: str | Ratio | Iterable[str | Ratio] = ()) -> Experiment:
    """Compare the arms of one of a business's tests.

    Parameters
    ----------
    study : Study
        Its ``[experiments.<name>]`` in ``business.toml`` may give ``control``, ``planned``, ``shares`` and ``metrics``.
    name : str
        As in the column ``experiment`` of ``assignments``.
    metrics : str, Ratio or several, optional
        Metrics of the catalogue to compare besides those of the settings and ``converted`` and ``value``, where there
        are these. Of a table with ``customer_id``; its rows count from the customer's assignment until the study's end.

    Returns
    -------
    Experiment
        ``value`` is compared with ``before`` as its covariate, where there is one.

    Notes
    -----
    ``converted`` and ``value`` have no time, so they count as they are given: the business has to leave out what a
    customer did before the assignment, which no arm can have caused and which hides what one did.

    Raises
    ------
    DataError
        A metric's table is not there or has no ``customer_id``, there is nothing to compare, or as ``experiment`` says.
    ValueError
        There is no such test or metric.

    Examples
    --------
    >>> import polars as pl
    >>> from datetime import datetime
    >>> rows = pl.DataFrame({"experiment": "dessert", "customer_id": list("abcdefgh"), "arm": ["control", "free"] * 4,
    ...     "assigned_at": datetime(2026, 1, 5), "converted": [False, True] * 3 + [False, False]})
    >>> study_experiment(Study.of(assignments=rows), "dessert").comparisons["difference"].tolist()
    [0.75]
    """
    known = experiments_of(study)
    if name not in known:
        raise ValueError(f"name: there is no experiment {name!r}. {did_you_mean(name, known)}")
    rows = assigned_rows(study, name)
    outcomes = _recorded(rows)
    settings = study.business.experiments.get(name, ExperimentSettings())
    place = f"business.toml, [experiments.{name}]"
    wanted = [metrics] if isinstance(metrics, str | Ratio) else list(metrics)
    configured = [metric for metric in settings.metrics if metric not in wanted]
    if not (outcomes or wanted or configured):
        raise DataError("has neither converted nor value. Add one, or name metrics.", file="assignments")
    made = arm_sums(nw.to_native(rows), "arm", outcomes, CUSTOMER)
    for metric in [*configured, *wanted]:
        try:
            dated = _rows_since(study, metric, rows)
            others = outcomes_of(nw.to_native(dated), [metric], None, None)
        except ValueError as error:
            if metric in wanted or isinstance(error, DataError):
                raise
            raise DataError(str(error), file=place) from error
        made = replace(made, sums=made.sums | arm_sums(nw.to_native(dated), "arm", others, CUSTOMER).sums)
        outcomes = [*outcomes, *others]
    control, shares = settings.control or None, settings.shares or None
    try:
        return compared_arms(outcomes, made, control=control, shares=shares, planned=settings.planned)
    except ValueError as error:
        raise DataError(str(error), file=place) from error


def assigned_rows(study: Study, name: str) -> nw.LazyFrame[Any]:
    """Rows of a test that were assigned before the study's end, each once."""
    rows = nw.from_native(study.described("assignments")).lazy().filter(nw.col("experiment").cast(nw.String) == name)
    each_once: nw.LazyFrame[Any] = rows.unique()
    return each_once


def _recorded(rows: nw.LazyFrame[Any]) -> list[Outcome]:
    """Outcomes that the table has, where not all of them are blank."""
    names = [name for name in ("converted", "value", "before") if name in rows.collect_schema().names()]
    known = collected(rows.select(nw.col(name).count() for name in names)).row(0, named=True) if names else {}
    outcomes = [Outcome(CONVERTED, "converted")] if known.get("converted") else []
    before = "before" if known.get("before") else ""
    return outcomes + ([Outcome(VALUE, "value", before)] if known.get("value") else [])


def _rows_since(study: Study, metric: str | Ratio, rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Rows of a metric's table from each customer's assignment on, with their arm."""
    (outcome,) = outcomes_of(nw.to_native(rows.head(0).select(CUSTOMER)), [metric], None, None)
    declared = outcome.metric
    prepared = study.prepared(declared.table)
    if prepared is None:
        raise DataError(f"{declared.name} is counted over {declared.table}, which this business does not have.")
    frame, time = prepared
    if CUSTOMER not in column_names(frame):
        raise DataError(f"{declared.name} is counted over {declared.table}, whose rows have no {CUSTOMER}.")
    assigned = with_micros(rows.filter(is_given(rows, "arm")), "assigned_at", ASSIGNED_US).group_by(CUSTOMER)
    ends = (nw.col("arm").min().alias("arm"), nw.col("arm").max().alias(":last arm"))
    arms = assigned.agg(*ends, nw.col(ASSIGNED_US).min()).filter(nw.col("arm") == nw.col(":last arm"))
    done, arms = with_one_key_type(nw.from_native(frame).lazy(), arms, CUSTOMER)
    done = with_micros(done.join(arms.select(CUSTOMER, "arm", ASSIGNED_US), on=CUSTOMER), time, ROW_US)
    return done.filter(nw.col(ROW_US) >= nw.col(ASSIGNED_US)).drop(ROW_US, ASSIGNED_US)
