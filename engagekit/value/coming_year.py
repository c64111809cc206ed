"""What customers will buy or renew in the coming year, with a hold-out on the last third of the data, or why not."""

import datetime as dt
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from engagekit.display.section import FEWEST
from engagekit.frames.engine import collected
from engagekit.frames.times import DAY_US
from engagekit.metrics.estimate import significant
from engagekit.prepare.contracts import paid_periods
from engagekit.value.beta_geometric import BetaGeometric
from engagekit.value.fitting import NoConvergence
from engagekit.value.forecast import forecast_purchases, forecast_renewals, next_purchase
from engagekit.value.gamma_gamma import GammaGamma
from engagekit.value.lifetime_value import lifetime_value
from engagekit.value.purchase_history import UNITS, purchase_histories
from engagekit.value.shifted_beta_geometric import ShiftedBetaGeometric

__all__ = ["FEWEST_REPEAT", "SHORTEST", "YEAR", "ComingYear", "buyers_year", "contracts_year"]

YEAR = 365  # days
FEWEST_REPEAT = 50  # customers who bought again, or contracts that ended, before the hold-out
SHORTEST = 180  # days of data
NEAR = 0.2  # how far from the median a paid period may be to count for the mean
SOON = 0.005  # part of a period by which a renewal may be early, as where clocks change
POINTS = 12  # of the hold-out, at most
TESTED: dict[str, Any] = {
    "date": pl.Datetime("us"),
    "expected": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "came": pl.Float64,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ComingYear:
    """What customers will buy or renew in the 365 days after the data, and how good such a forecast was before.

    Attributes
    ----------
    reason : str
        Why there is no forecast: ``too_short`` (a history under 180 days), ``too_few`` (fewer than 50 customers who
        bought again, or contracts that ended, before the hold-out), ``no_fit`` (the data do not determine the model),
        ``nobody`` (fewer than five customers with a purchase or a running contract); empty where there is one.
    value_reason : str
        Why there is no money: ``no_values``, ``no_fit``, ``value_not_independent``, ``heavy_tail``, or empty.
    repeat, days : int
        Customers who bought again or contracts that ended before the hold-out, and days of data.
    rows : polars.DataFrame
        Customers at the end of the data: ``purchase_history``, or running contracts with ``renewals`` and ``payment``.
    model, spend : BetaGeometric or ShiftedBetaGeometric, GammaGamma
        Fitted to all data; None where there is none.
    ahead : int
        The year in the model's periods: 365 days, or renewals that come up.
    hold_out : polars.DataFrame
        The hold-out, cumulative: ``date, expected, low, high, came``; the first row is the date that it starts on.
    tried : int
        Customers in it.

    Examples
    --------
    >>> year = study.coming_year
    >>> year.reason, year.counted, year.column, year.counts["n"]
    ('', 'renewals', 'renewals', 78)
    >>> total = year.total.row(0, named=True)
    >>> round(total["renewals_low"]), round(total["renewals"]), round(total["renewals_high"])
    (1502, 1661, 1828)
    >>> year.as_dict()["customers"], year.customers.columns
    (174, ['customer_id', 'p_kept', 'renewals', 'expected_value'])

    By group of the customers:

    >>> groups = study.features_now.select("customer_id", group="preferred_channel")
    >>> year.totals(groups).select("group", "customers").sort("group").rows()
    [(None, 1), ('app', 62), ('email', 4), ('social', 2), ('web', 105)]
    """

    reason: str = ""
    value_reason: str = ""
    repeat: int = 0
    days: int = 0
    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"customer_id": pl.String}))
    model: BetaGeometric | ShiftedBetaGeometric | None = None
    spend: GammaGamma | None = None
    ahead: int = YEAR
    hold_out: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TESTED))
    tried: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """What the words of a reason are filled with: ``n, least, days, shortest``."""
        return {"n": self.repeat, "least": FEWEST_REPEAT, "days": self.days, "shortest": SHORTEST}

    @property
    def counted(self) -> str:
        """What is forecast: ``orders`` or ``renewals``."""
        return "renewals" if isinstance(self.model, ShiftedBetaGeometric) else "orders"

    @property
    def column(self) -> str:
        """Column of ``totals`` that has it."""
        return "renewals" if self.counted == "renewals" else "purchases"

    @cached_property
    def customers(self) -> pl.DataFrame:
        """One row a customer; of buyers as ``lifetime_value`` gives it and ``next_purchase_days``, null where unlikely.

        Of contracts ``p_kept`` (probability that it still runs after the year), ``renewals`` and ``expected_value``.
        """
        if isinstance(self.model, BetaGeometric):
            past = (self.rows[name].to_numpy() for name in ("frequency", "recency", "age"))
            days = pl.Series(next_purchase(self.model, *past))
            table: pl.DataFrame = lifetime_value(self.rows, self.model, self.spend, periods=self.ahead)
            return table.with_columns(next_purchase_days=pl.when(days.is_finite()).then(days))
        if self.model is None:
            return self.rows.select("customer_id")
        made = self.rows["renewals"].to_numpy()
        shares = [self.model.survival(made + k) / self.model.survival(made) for k in range(1, self.ahead + 1)]
        renewals = pl.Series(np.sum(shares, axis=0))
        return self.rows.select("customer_id", p_kept=pl.Series(shares[-1]), renewals=renewals).with_columns(
            expected_value=renewals * self.rows["payment"]
        )

    @cached_property
    def total(self) -> pl.DataFrame:
        """As ``totals``, of all customers."""
        return self.totals()

    def as_dict(self) -> dict[str, Any]:
        """``lifetime_value`` of ``metrics.json``, described in ``docs/metrics-json.md``."""
        if self.model is None:
            return {"reason": self.reason, "counts": self.counts}
        total, last = self.total.row(0, named=True), self.hold_out.row(-1, named=True)

        def estimate(name: str) -> dict[str, float]:
            return {"value": total[name], "low": total[f"{name}_low"], "high": total[f"{name}_high"]}

        models = [self.model, *([self.spend] if self.spend else [])]
        content = {
            "reason": "",
            "counted": self.counted,
            "from": last["date"].date().isoformat(),
            "days": YEAR,
            "customers": len(self.rows),
            "expected": estimate(self.column),
            "kept": estimate("kept") if "kept" in total else None,
            "value": None if self.value_reason else estimate("expected_value"),
            "value_reason": self.value_reason,
            "hold_out": {
                "from": self.hold_out["date"][0].date().isoformat(),
                "to": last["date"].date().isoformat(),
                "customers": self.tried,
                **{"value": last["expected"], "low": last["low"], "high": last["high"], "came": last["came"]},
            },
            "unit": self.model.unit,
            "parameters": {
                type(model).__name__: {name: getattr(model, name) for name in model.names} for model in models
            },
        }
        return significant(content)  # type: ignore[no-any-return]

    def totals(self, groups: pl.DataFrame | None = None) -> pl.DataFrame:
        """Forecast of all customers or, with ``customer_id, group``, of each group; null where a customer has none."""
        by = "" if groups is None else "group"
        rows = self.rows if groups is None else self.rows.join(groups, "customer_id", "left", maintain_order="left")
        if isinstance(self.model, BetaGeometric):
            made: pl.DataFrame = forecast_purchases(rows, self.model, self.spend, periods=self.ahead, by=by)
        elif self.model is not None:
            made = forecast_renewals(rows, self.model, periods=self.ahead, by=by)
        else:
            return pl.DataFrame()
        return made


def buyers_year(purchases: pl.DataFrame, end: dt.datetime) -> ComingYear:
    """Forecast what the buyers of a shop without contracts buy in the coming year, by BG/NBD and Gamma-Gamma.

    Parameters
    ----------
    purchases : polars.DataFrame
        ``customer_id, time`` and, where given, ``value``, a row a purchase.
    end : datetime
        End of the data.

    Examples
    --------
    >>> few = pl.DataFrame({"customer_id": range(9), "time": [dt.datetime(2026, month, 1) for month in range(1, 10)]})
    >>> year = buyers_year(few, dt.datetime(2026, 10, 1))
    >>> year.reason, year.repeat, year.days
    ('too_few', 0, 273)
    """
    rows = purchases.filter(pl.col("time") < end).with_columns(action=pl.lit("purchase"))
    if rows["customer_id"].n_unique() < FEWEST:
        return ComingYear(reason="nobody")
    days = (end - rows.select(pl.col("time").min()).item()).days
    if days < SHORTEST:
        return ComingYear(reason="too_short", days=days)
    dates = _test_dates(end, days, dt.timedelta(days=7))
    histories = purchase_histories(rows, dates, "day")
    now, before = (histories.filter(pl.col("date") == date).drop("date") for date in (end, dates[0]))
    repeat = int((before["frequency"] > 0).sum())
    if repeat < FEWEST_REPEAT:
        return ComingYear(reason="too_few", repeat=repeat, days=days)
    try:
        earlier, model = BetaGeometric.fit(before), BetaGeometric.fit(now)
    except NoConvergence:
        return ComingYear(reason="no_fit", repeat=repeat, days=days)
    ahead = [(date - dates[0]).days for date in dates]
    expected = forecast_purchases(before, earlier, periods=ahead)
    known = before.select("customer_id", made="frequency")
    later = histories.join(known, "customer_id").group_by("date").agg((pl.col("frequency") - pl.col("made")).sum())
    tested = _as_frame(dates, expected.select("^purchases.*$").rows(), later.sort("date")["frequency"].to_list())
    spend, value_reason = _spend(now)
    return ComingYear(
        value_reason=value_reason,
        repeat=repeat,
        days=days,
        rows=now,
        model=model,
        spend=spend,
        hold_out=tested,
        tried=len(before),
    )


def contracts_year(subscriptions: Any, paid: pl.DataFrame, end: dt.datetime, grace: dt.timedelta) -> ComingYear:
    """Forecast how often the contracts that run now are renewed in the coming year, by the shifted beta-geometric.

    A customer's paid periods with gaps up to the grace are one contract. Its period is the usual length of the paid
    periods that were renewed, else a month.

    Parameters
    ----------
    subscriptions : frame
        As ``paid_periods`` takes it.
    paid : polars.DataFrame
        ``customer_id, monthly_value`` of the customers under contract at the end of the data.
    end : datetime
        End of the data.
    grace : timedelta
        How late a renewal may be.

    Examples
    --------
    >>> paid = pl.DataFrame({"customer_id": ["a"], "monthly_value": [9.0]})
    >>> one = paid.select("customer_id", starts_at=dt.datetime(2026, 1, 1))
    >>> contracts_year(one, paid, dt.datetime(2026, 10, 1), dt.timedelta(0)).reason
    'too_few'
    """
    periods = collected(paid_periods(subscriptions, grace, end))
    if periods.is_empty() or paid.is_empty():
        return ComingYear(reason="nobody")
    length = _length_us(periods)
    first = nw.from_native(subscriptions).lazy().select(nw.col("starts_at").min())
    days = (end - collected(first).item()).days
    if days < SHORTEST:
        return ComingYear(reason="too_short", days=days)
    dates = _test_dates(end, days, dt.timedelta(microseconds=length))
    until = _micros(dates)
    started = nw.from_native(subscriptions).filter(nw.col("starts_at") <= dates[0]).to_native()
    before = _contracts(collected(paid_periods(started, grace, dates[0])), until[0], length)
    last = _contracts(periods, until[-1], length)
    repeat = int(before["ended"].sum())
    if repeat < FEWEST_REPEAT:
        return ComingYear(reason="too_few", repeat=repeat, days=days)
    unit = min(UNITS, key=lambda name: abs(math.log(UNITS[name] * DAY_US / length)))
    try:
        earlier, model = (ShiftedBetaGeometric.fit(rows, unit) for rows in (before, last))
    except NoConvergence:
        return ComingYear(reason="no_fit", repeat=repeat, days=days)
    running = before.filter(~pl.col("ended"))
    now = last.filter(~pl.col("ended")).join(paid, "customer_id", maintain_order="left")
    if min(len(running), len(now)) < FEWEST:
        return ComingYear(reason="nobody", repeat=repeat, days=days)
    steps = [round((time - until[0]) / length) for time in until[1:]]
    expected = [forecast_renewals(running, earlier, periods=step).select("^renewals.*$").row(0) for step in steps]
    known = running.select("customer_id", "spell_starts_us", made="renewals")
    came = []
    for time in until:
        then = _contracts(periods, time, length).join(known, ["customer_id", "spell_starts_us"])
        came.append(int((then["renewals"] - then["made"]).clip(0).sum()))
    payment = pl.col("monthly_value") * length / (UNITS["month"] * DAY_US)
    return ComingYear(
        value_reason="no_values" if now["monthly_value"].null_count() else "",
        repeat=repeat,
        days=days,
        rows=now.select("customer_id", "renewals", payment=payment),
        model=model,
        ahead=max(round(YEAR * DAY_US / length), 1),
        hold_out=_as_frame(dates, [(0.0, 0.0, 0.0), *expected], came),
        tried=len(running),
    )


def _test_dates(end: dt.datetime, days: int, unit: dt.timedelta) -> list[dt.datetime]:
    """Dates of the hold-out, its start first: the last third of the data in whole units, at most so many points."""
    whole = max(dt.timedelta(days=days / 3) // unit, 1)
    step = math.ceil(whole / POINTS)
    return [end - back * unit for back in range(whole // step * step, -1, -step)]


def _as_frame(dates: list[dt.datetime], expected: list[tuple[float, ...]], came: list[int]) -> pl.DataFrame:
    rows = [(date.replace(tzinfo=None), *each, n) for date, each, n in zip(dates, expected, came, strict=True)]
    return pl.DataFrame(rows, TESTED, orient="row", strict=False)


def _spend(history: pl.DataFrame) -> tuple[GammaGamma | None, str]:
    """Model of the value of a purchase, and why it gives no money."""
    if "value" not in history.columns:
        return None, "no_values"
    valued = history.filter(pl.col("value") > 0)
    if valued.is_empty():
        return None, "no_values"
    try:
        spend = GammaGamma.fit(valued)
    except NoConvergence:
        return None, "no_fit"
    if not spend.independent:
        return spend, "value_not_independent"
    return spend, "" if spend.q > 2 else "heavy_tail"


def _length_us(periods: pl.DataFrame) -> int:
    """Mean length of the renewed paid periods that are near the median, in microseconds; else a month."""
    length = pl.col("ends_us") - pl.col("starts_us")
    last = pl.col("ends_us").max().over("customer_id", "spell_starts_us")
    renewed = periods.filter(pl.col("ends_us") < last).select(length)["ends_us"]
    usual = renewed.filter((renewed / (renewed.median() or 1) - 1).abs() < NEAR)
    return round(usual.sum() / len(usual)) if len(usual) else round(UNITS["month"] * DAY_US)


def _contracts(periods: pl.DataFrame, until_us: int, length: int) -> pl.DataFrame:
    """Contracts at a time: ``customer_id, spell_starts_us, renewals, ended``."""
    spells = periods.select("customer_id", "spell_starts_us", "spell_ends_us").unique()
    ended = pl.col("spell_ends_us") <= until_us
    age = (pl.min_horizontal("spell_ends_us", until_us) - pl.col("spell_starts_us")) / length
    made = pl.when(ended).then((age.round() - 1).clip(0)).otherwise((age + SOON).floor())
    rows = spells.filter(pl.col("spell_starts_us") <= until_us).with_columns(ended=ended, renewals=made.cast(pl.Int64))
    return rows.drop("spell_ends_us").sort("customer_id", "spell_starts_us")


def _micros(dates: list[dt.datetime]) -> list[int]:
    return pl.Series(dates).dt.epoch("us").to_list()
