"""A randomised test: arms compared by any numbers of their customers, and whether the comparison can be trusted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engagekit.decisions.balance import REFUSED_BELOW, WARNED_BELOW, control_arm, expected_sizes, imbalance
from engagekit.decisions.effects import EFFECT, effects, holm, is_proportion
from engagekit.decisions.outcomes import ArmSums, Outcome, arm_sums, check_columns, outcomes_of
from engagekit.decisions.sentences import comparison_in_words, sizes_in_words
from engagekit.decisions.sequences import ASSUMED_SIZE, always_valid_factor
from engagekit.display.card import as_text, card_html, card_text, shortened, with_interval
from engagekit.frames.engine import column_names
from engagekit.language import Language
from engagekit.metrics.intervals import upper_tail
from engagekit.metrics.measure import of_one_kind
from engagekit.metrics.metric import Ratio

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Experiment", "compared_arms", "experiment"]

TELLING = ("refused", "too_early", "better", "mixed", "worse", "changed", "unknown")
COLUMNS = ["metric", "measured_in", "arm", "n", "value", *EFFECT[:7], "p_adjusted", *EFFECT[7:], "verdict"]


@dataclass(frozen=True, eq=False, repr=False)
class Experiment:
    """What a randomised test showed.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a metric and arm, the control first: ``metric, measured_in, arm, n`` (customers whose outcome is known),
        ``value`` (with a covariate the control's plus the adjusted difference); and of the other arms, against the
        control, ``difference, low, high``; ``relative, relative_low, relative_high``, as fractions of the control's
        value; ``p_value``, and ``p_adjusted`` by Holm for all rows;
        ``always_low, always_high``, which hold however often they are looked at; ``variance_ratio``, by which the
        covariate shrinks the variance; and ``verdict``: ``better``, ``worse``, ``changed`` (of a metric without a good
        direction), ``unknown`` (the difference may be 0), ``too_early`` or ``refused``.
    balance : pandas.DataFrame
        ``arm, n`` (customers) and ``expected``.
    balance_p : float
        Probability of sizes of the arms as far from the expected ones by chance.
    control : str
    planned : int or None
        Customers in all.
    confidence : float
    left_out : dict of str to int
        Customers ``in_two_arms`` and ``without_arm``, and rows ``without_unit``.

    Examples
    --------
    >>> made = ek.decisions.study_experiment(study, "free dessert")
    >>> made.customers, made.warnings, made.comparisons["difference"].round(3).tolist(), made.verdicts
    (183, [], [0.129, 3.854], {('converted', 'treatment'): 'better', ('value', 'treatment'): 'better'})
    >>> words, said = Language("ms"), made.sentence("ms")
    >>> said == made.sentence_of(made.decisive, words), made.warning_in_words(words) in said
    (True, False)
    """

    table: "pd.DataFrame"
    balance: "pd.DataFrame"
    balance_p: float
    control: str
    planned: int | None
    confidence: float
    left_out: dict[str, int]

    @property
    def customers(self) -> int:
        """Customers in all arms."""
        return int(self.balance["n"].sum())

    @property
    def comparisons(self) -> "pd.DataFrame":
        """Rows of ``table`` of the arms other than the control."""
        return self.table[self.table["arm"] != self.control].reset_index(drop=True)

    @property
    def verdicts(self) -> dict[tuple[str, str], str]:
        """Verdict of each metric and arm."""
        rows = self.comparisons
        return dict(zip(zip(rows["metric"], rows["arm"], strict=True), rows["verdict"], strict=True))

    @property
    def decisive(self) -> dict[str, Any]:
        """Row of ``comparisons`` of the arm and metric that decide what to do.

        Of the arm whose verdict over all metrics says most, ``mixed`` where one is better and another worse. It has two
        more columns: the names of the metrics that the arm ``improved`` and ``worsened``.
        """
        arms = []
        for _, some in self.comparisons.groupby("arm", sort=False):
            rows: list[dict[Any, Any]] = some.to_dict("records")
            of = {verdict: [row["metric"] for row in rows if row["verdict"] == verdict] for verdict in TELLING}
            first = min(rows, key=lambda row: TELLING.index(row["verdict"]))
            verdict = "mixed" if of["better"] and of["worse"] else first["verdict"]
            arms.append(first | {"improved": of["better"], "worsened": of["worse"], "verdict": verdict})
        return min(arms, key=lambda row: (TELLING.index(row["verdict"]), -abs(row["difference"])))

    @property
    def warnings(self) -> list[str]:
        """``unbalanced`` where sizes as far from the expected ones have a probability below .01."""
        return ["unbalanced"] if self.balance_p < WARNED_BELOW else []

    def sentence(self, language: str = "en", currency: str = "") -> str:
        """Result of the first metric and the arm with the largest difference, in words, with any warning.

        Parameters
        ----------
        language : {"en", "id", "ms"}
        currency : str
            Code of the currency of money.
        """
        rows = self.comparisons
        rows = rows[rows["metric"] == rows["metric"].iloc[0]]
        row, words = rows.loc[rows["difference"].abs().fillna(-1).idxmax()], Language(language)
        said = self.sentence_of(row, words, currency)
        return f"{said} {self.warning_in_words(words)}" if self.warnings else said

    def warning_in_words(self, language: Language) -> str:
        """Warning that chance rarely gives such sizes of the arms."""
        return sizes_in_words(dict(zip(self.balance["arm"], self.balance["n"], strict=True)), language)

    def sentence_of(self, row: Mapping[Any, Any], language: Language, currency: str = "") -> str:
        """Result of a row of ``comparisons`` in words."""
        controls = self.table[(self.table["metric"] == row["metric"]) & (self.table["arm"] == self.control)]
        of_all = self.customers, self.planned
        return comparison_in_words(row, controls.iloc[0].to_dict(), of_all, language, currency)

    def __repr__(self) -> str:
        return card_text(*self._card())

    def _repr_html_(self) -> str:
        return card_html(*self._card())

    def _card(self) -> tuple[str, list[tuple[str, ...]]]:
        counts = ", ".join(f"{shortened(as_text(arm))} {n:,}" for arm, n in self.balance[["arm", "n"]].to_numpy())
        title = f"Experiment of {self.customers:,} customers: {counts}"
        rows: list[tuple[str, ...]] = []
        for row in self.comparisons.to_dict("records"):
            interval = with_interval(row["difference"], row["low"], row["high"], row["measured_in"])
            rows.append((row["metric"], row["arm"], interval, f"p {row['p_adjusted']:.3g}", row["verdict"]))
        if self.warnings:
            rows.append(("unbalanced", f"sizes of the arms, p {self.balance_p:.2g}"))
        return title, rows


def experiment(
    frame: Any,
    *,
    arm: str = "arm",
    metrics: str | Ratio | Iterable[str | Ratio],
    control: str | None = None,
    unit: str | None = None,
    counts: str | None = None,
    before: str | Mapping[str, str] | None = None,
    shares: Mapping[str, float] | None = None,
    planned: int | None = None,
    confidence: float = 0.95,
) -> Experiment:
    """Compare the arms of a randomised test: differences and relative effects with intervals, and a verdict.

    Parameters
    ----------
    frame : pandas, Polars, DuckDB or Spark frame
        Rows with the arm of each.
    arm : str, default "arm"
        Column of the arm. Rows in which it is missing or blank text are left out, and counted.
    metrics : str, Ratio or several
        What to compare: a column of true and false or of 0 and 1 is a proportion, one of numbers a mean, for which
        higher is better; else a rate, mean or score of the catalogue, of whose table the rows are. Give a ``Ratio``
        with ``better="lower"`` for a column that should fall. Blank outcomes are unknown, and left out.
    control : str, optional
        Arm that the others are compared with; may be left away where it is called ``control``.
    unit : str, optional
        Column of the customer. Rows are summed to customers: numbers added, a flag true where one of them is. Customers
        with rows in two arms are left out, and counted; above 1 % of them are an error. Rows without a customer are
        left out, and counted. By default that of a metric of
        the catalogue where the frame has it, else each row is a customer.
    counts : str, optional
        Column of a number of customers, where rows are daily counts; ``metrics`` then count those who converted.
    before : str or mapping of str to str, optional
        Column with the same measure before the test (CUPED), of all columns in ``metrics`` or by their names. It makes
        intervals narrower. A missing one counts as the average; with ``unit`` it is repeated in the customer's rows.
    shares : mapping of str to float, optional
        Planned size of each arm, as a part of all; by default equal.
    planned : int, optional
        Planned customers in all. Until then the verdict is ``too_early``, and the always-valid interval is the one to
        look at.
    confidence : float, default 0.95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    Experiment
        A difference is NaN where an arm has nobody whose outcome is known, and its interval where an arm has fewer than
        two or where a mean does not vary; the verdict is then ``unknown``. Where the sizes of the arms have a
        probability below .001 every verdict is ``refused``: something other than chance decided who is in an arm.

    Raises
    ------
    DataError
        A column is absent, there twice or of a wrong type, or its name begins with a colon; only one arm has rows,
        customers are in two arms, a count is negative, more converted than there were, or a value is above 1e50.
    ValueError
        There is no such metric or arm, an argument is out of its range, or a column is given for two of them.

    Notes
    -----
    A verdict needs both: the interval leaves out 0, and p, adjusted by Holm for all arms and metrics, is below
    1 − confidence. See ``effects.effect`` for intervals, ``sequences.always_valid_factor`` for the always-valid one.

    References
    ----------
    .. [1] Fabijan, A., et al. (2019). Diagnosing Sample Ratio Mismatch in Online Controlled Experiments. KDD.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DataFrame({"arm": ["control", "new"], "customers": [500, 500], "bought": [50, 80]})
    >>> experiment(days, metrics="bought", counts="customers")
    Experiment of 1,000 customers: control 500, new 500
      bought  new  6.0%, 1.8% to 10.2%  p 0.00479  better
    """
    upper_tail(confidence)
    if planned is not None and planned < 1:
        raise ValueError(f"planned: {planned} must be 1 or above")
    if unit is not None and counts is not None:
        raise ValueError("unit: rows of counts are no customers. Leave out unit or counts")
    outcomes = outcomes_of(frame, metrics, counts, before)
    check_columns(outcomes, arm=arm, unit=unit, counts=counts)
    for each in outcomes:
        frame = of_one_kind(frame, each.metric)
    if unit is None:
        names = column_names(frame)
        units = [name for each in outcomes for name in (each.metric.cluster, each.metric.person) if name in names]
        unit = next(filter(None, units), None)
    made = arm_sums(frame, arm, outcomes, unit, counts)
    return compared_arms(
        outcomes, made, control=control, shares=shares, planned=planned, confidence=confidence, column=arm
    )


def compared_arms(
    outcomes: Sequence[Outcome],
    made: ArmSums,
    *,
    control: str | None = None,
    shares: Mapping[str, float] | None = None,
    planned: int | None = None,
    confidence: float = 0.95,
    column: str = "arm",
) -> Experiment:
    """Experiment from the sums of its arms; see ``experiment``."""
    import pandas as pd

    control = control_arm(made.customers, control, column)
    expected = expected_sizes(made.customers, shares)
    arms = [control, *(name for name in expected if name != control)]
    balance = pd.DataFrame({"arm": arms, "n": [made.customers.get(name, 0) for name in arms]})
    balance["expected"] = [expected[name] for name in arms]
    p = imbalance(balance["n"].tolist(), balance["expected"].tolist())
    total = int(balance["n"].sum())
    factor = float(always_valid_factor(total, planned or ASSUMED_SIZE, confidence))
    table = pd.DataFrame([row for each in outcomes for row in _rows(each, made, arms, factor, confidence)])
    table["p_adjusted"] = holm(table["p_value"].tolist())
    unfinished = planned is not None and total < planned
    state = "refused" if p < REFUSED_BELOW else "too_early" if unfinished else ""
    better = {each.metric.name: each.metric.better for each in outcomes}
    table["verdict"] = [
        "" if row["arm"] == control else state or _verdict(row, better[row["metric"]], confidence)
        for row in table.to_dict("records")
    ]
    left_out = {name: getattr(made, name) for name in ("in_two_arms", "without_arm", "without_unit")}
    return Experiment(table[COLUMNS], balance, p, control, planned, confidence, left_out)


def _rows(
    outcome: Outcome, made: ArmSums, arms: Sequence[str], factor: float, confidence: float
) -> Iterator[dict[str, Any]]:
    """Rows of an outcome, the control first."""
    sums = [made.sums[outcome.metric.name].get(name, {}) for name in arms]
    proportion = is_proportion(outcome, sums)
    unit = "rate" if proportion else outcome.metric.measured_in
    compared = effects(outcome, sums, proportion=proportion, factor=factor, confidence=confidence)
    for name, row in zip(arms, compared, strict=True):
        yield {"metric": outcome.metric.name, "measured_in": unit, "arm": name, **row}


def _verdict(row: Mapping[Any, Any], better: str, confidence: float) -> str:
    """What a comparison shows at its planned size."""
    beyond = row["p_adjusted"] < 1 - confidence and not row["low"] <= 0 <= row["high"]
    if not beyond:
        return "unknown"
    if not better:
        return "changed"
    return "better" if (row["difference"] > 0) == (better == "higher") else "worse"
